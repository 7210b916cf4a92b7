"""Find and verify a Wheelbarrow license, and lease its threads: offline where it can be, without
dependencies, silent on import.
"""

from .document import License, read, verify
from .product import Product, Unlicensed
from .tokens import InvalidLicense

__all__ = ["InvalidLicense", "License", "Product", "Unlicensed", "read", "verify"]
