"""Programs that worker processes import stand in `helpers`, which is on the path of the tests and of their workers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))
