"""Programs that worker processes import stand in `helpers`, which is on the path of the tests and of their workers."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("data", deadline=None)
settings.load_profile("data")
