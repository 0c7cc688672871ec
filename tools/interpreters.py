"""Finds the Python interpreters of the supported versions that really run on this machine.

Looks at the running interpreter, at the folders of pyenv, and along PATH; a version manager's shim that only prints
"command not found" is tried and passed over. Run: `python -m tools.interpreters`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["SUPPORTED", "find"]

SUPPORTED = ("3.11", "3.12", "3.13")


@cache
def find() -> dict[str, str]:
    """Version to path, one interpreter a version, for the versions that run here."""
    return {version: path for version in SUPPORTED if (path := _first_that_runs(version)) is not None}


def _first_that_runs(version: str) -> str | None:
    return next((path for path in dict.fromkeys(_candidates(version)) if _runs(path, version)), None)


def _candidates(version: str) -> Iterator[str]:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        # The interpreter under nox's own environment: environments nest badly.
        yield getattr(sys, "_base_executable", sys.executable)
        yield sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [path for path in root.glob(f"versions/{version}.*/bin") if path.parent.name.rpartition(".")[2].isdigit()]
    for folder in sorted(folders, key=lambda path: int(path.parent.name.rpartition(".")[2]), reverse=True):
        yield str(folder / "python")
    for name in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{version}", path=name)
        if found is not None and Path(found).parent.name != "shims":
            yield found


def _runs(path: str, version: str) -> bool:
    if not Path(path).exists():
        return False
    program = "import sys, ssl, venv; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
    try:
        done = subprocess.run([path, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return False  # not executable on this machine
    return done.returncode == 0 and done.stdout.strip() == version


def main() -> int:
    """Print what was found."""
    for version, path in find().items():
        print(version, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
