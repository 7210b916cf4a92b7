"""The client is a distribution of its own and is not installed: its sources are put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "sdk" / "src"))
