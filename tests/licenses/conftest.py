"""The client is a distribution of its own and is not installed: its sources are put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "sdk" / "src"))

import pytest
from django.core.management import call_command
from pytest_django import Settings


@pytest.fixture
def root_key(tmp_path: Path, settings: Settings) -> Path:
    """A signing key, made as the owner makes it, and set."""
    file = tmp_path / "root.pem"
    call_command("make_root_key", str(file), stdout=None)
    settings.LICENSE_ROOT_KEY_FILE = str(file)
    return file
