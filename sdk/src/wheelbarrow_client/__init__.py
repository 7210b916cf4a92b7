"""Find and verify a Wheelbarrow license: offline, without dependencies, silent on import."""

from .document import InvalidLicense, License, read, verify

__all__ = ["InvalidLicense", "License", "read", "verify"]
