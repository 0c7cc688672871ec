"""Names that a package imports when they are first asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import lazily
assert "lazily._part" not in sys.modules and "lazily.whole" not in sys.modules
assert lazily.value == 3 and "value" in vars(lazily)
assert lazily.whole is sys.modules["lazily.whole"]
from lazily import *
assert twice(value) == 6
try:
    lazily.other
except AttributeError as error:
    assert str(error) == "module 'lazily' has no attribute 'other'", error
    assert (error.name, error.obj) == ("other", lazily)
else:
    raise SystemExit("no error")
try:
    lazily.broken
except ImportError as error:
    assert "no_such_module" in str(error)
else:
    raise SystemExit("no error")
"""


def test_names_are_imported_when_they_are_asked_for(tmp_path: Path) -> None:
    package = tmp_path / "lazily"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from lamella.interfaces import on_demand\n"
        "__all__ = ['twice', 'value', 'whole']\n"
        "__getattr__ = on_demand(__name__, {'_part': ('value', 'twice'), 'whole': ['whole'], '_bad': ('broken',)})\n"
    )
    (package / "_part.py").write_text("value = 3\ndef twice(x):\n    return 2 * x\n")
    (package / "_bad.py").write_text("import no_such_module\n")
    (package / "whole.py").write_text("")
    (tmp_path / "program.py").write_text(f"import sys\nsys.path[:0] = {[str(tmp_path), *sys.path]!r}\n{PROGRAM}")
    subprocess.run([sys.executable, tmp_path / "program.py"], check=True)
