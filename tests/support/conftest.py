import pytest
from time_machine import TimeMachineFixture

from tests.support.desk import MONDAY


@pytest.fixture
def monday(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is Monday, 3 August 2026, 10:00 UTC."""
    time_machine.move_to(MONDAY, tick=False)
    return time_machine


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
