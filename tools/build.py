"""Builds the wheel of every package whose files changed since its wheel was built, into one shared folder.

The folder also gets `constraints.txt`, which ties each of our distribution names to its wheel there: an install under
these constraints can never take a sister from an index. A wheel is replaced in one step, so that two builds at once
do no harm. Needs hatchling. Run: `python -m tools.build [FOLDER]` (default `dist`).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.workspace import ROOT, Package, packages

__all__ = ["build", "fingerprint"]

_STAMPS = ".fingerprints.json"
_INPUTS = ("pyproject.toml", "README.md", "LICENSE", "src/**/*")


def fingerprint(package: Package) -> str:
    """A hash of everything that goes into the wheel: names and contents."""
    digest = hashlib.sha256()
    files = {path for pattern in _INPUTS for path in package.folder.glob(pattern) if path.is_file()}
    for path in sorted(files):
        if "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(package.folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def build(folder: Path, root: Path = ROOT) -> list[Path]:
    """Bring the wheels in `folder` up to date and return the paths of those that were built."""
    folder.mkdir(parents=True, exist_ok=True)
    stamps_path = folder / _STAMPS
    stamps = json.loads(stamps_path.read_text(encoding="utf-8")) if stamps_path.exists() else {}
    built = []
    for package in packages(root).values():
        wheel = folder / package.wheel_name()
        stamp = fingerprint(package)
        if stamps.get(wheel.name) == stamp and wheel.exists():
            continue
        _build_one(package, wheel)
        stamps[wheel.name] = stamp
        built.append(wheel)
    wheels = {package.distribution: folder / package.wheel_name() for package in packages(root).values()}
    for stale in set(folder.glob("*.whl")) - set(wheels.values()):
        stale.unlink()
    stamps = {name: stamp for name, stamp in stamps.items() if (folder / name).exists()}
    _write(stamps_path, json.dumps(stamps, indent=1, sort_keys=True))
    _write(
        folder / "constraints.txt", "".join(f"{name} @ {path.resolve().as_uri()}\n" for name, path in wheels.items())
    )
    return built


def _build_one(package: Package, wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch]
        done = subprocess.run(command, cwd=package.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"building the wheel of {package.distribution} failed:\n{done.stdout}{done.stderr}")
        made = list(Path(scratch).glob("*.whl"))
        if [path.name for path in made] != [wheel.name]:
            raise SystemExit(
                f"{package.distribution}: expected the wheel {wheel.name}, hatchling made {[p.name for p in made]}"
            )
        os.replace(made[0], wheel)


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def main() -> int:
    """Build into the folder given on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    built = build(folder.resolve())
    print(f"wheels: {len(built)} built, {len(packages()) - len(built)} up to date in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
