"""Where this process runs: in production, or where nothing may touch the network."""

from __future__ import annotations

import os
import socket
import sys

ENVIRONMENT_VARIABLE = "WHEELBARROW_ENV"
PRODUCTION = "production"


def environment() -> str:
    """`production` unless the customer says otherwise: "staging", "development", "test" …"""
    return os.environ.get(ENVIRONMENT_VARIABLE, "").strip()[:20] or PRODUCTION


def is_offline() -> bool:
    """In CI and in tests: the document is verified, and no socket is opened at all."""
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        return True
    if "PYTEST_CURRENT_TEST" in os.environ or "pytest" in sys.modules:
        return ENVIRONMENT_VARIABLE not in os.environ
    return environment() in {"test", "ci", "development"}


def slot() -> str:
    """This process's place, if the customer names one: a restart takes it over at once."""
    ordinal = os.environ.get("WHEELBARROW_SLOT", "").strip()
    return f"{socket.gethostname()}/{ordinal}"[:80] if ordinal else ""
