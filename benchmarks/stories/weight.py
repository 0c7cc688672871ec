"""What an installation downloads: the wheels of ours, and with them those of the distributions they require.

Our wheels are those of `dist/`, brought up to date; the others are downloaded in the versions installed here, without
their dependencies: numpy needs none, and ml-dtypes and pyarrow need at most numpy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed
from benchmarks._machine import ROOT
from benchmarks._row import Measured
from tools.build import build
from tools.workspace import closure, packages

__all__ = ["CASES"]

_CORE = ("lamella-tensor", "lamella-autograd", "lamella-nn", "lamella-optim")
_MB = 1e6


def _wheels() -> dict[str, int]:
    """Bytes of our wheels, by package folder."""
    try:
        build(ROOT / "dist")
    except SystemExit as error:
        raise CaseFailed(f"the wheels in dist/ are not up to date and cannot be built here: {error}") from error
    return {name: (ROOT / "dist" / package.wheel_name()).stat().st_size for name, package in packages().items()}


def _required(names: list[str]) -> list[str]:
    """Distributions of others that these packages require."""
    found = {r.distribution for name in names for r in packages()[name].dependencies if r.sister is None}
    return sorted(found)


def _downloaded(distributions: list[str]) -> int:
    """Bytes of the wheels of these distributions in their installed versions."""
    try:
        pinned = [f"{name}=={version(name)}" for name in distributions]
    except PackageNotFoundError as error:
        raise CaseFailed(f"{error.name} is not installed: run this with nox -s bench") from None
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder]
        done = subprocess.run([*command, *pinned], capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            raise CaseFailed(f"downloading {', '.join(pinned)} needs the package index: {last[0] if last else ''}")
        return sum(path.stat().st_size for path in Path(folder).iterdir())


class Wheels(Case):
    """All our wheels together."""

    def measure(self, bench: Bench) -> list[Measured]:
        """One row for the sum, which has the limit, and one for each wheel."""
        sizes = _wheels()
        total = sum(sizes.values()) / _MB
        rows = [
            Measured(case=self.name, metric="together", unit="MB", ours=total, peer=1.0, peer_name="bound", limit=1.0)
        ]
        for name, size in sizes.items():
            rows.append(
                Measured(case=self.name, metric=name, unit="MB", ours=size / _MB, peer=total, peer_name="together")
            )
        return rows


class Download(Case):
    """Everything that `pip install` of some packages downloads, sisters and requirements included."""

    def __init__(self, name: str, wanted: tuple[str, ...], bound_mb: float | None) -> None:
        super().__init__(name)
        self.wanted = wanted
        self.bound_mb = bound_mb

    def measure(self, bench: Bench) -> list[Measured]:
        """One row; without a bound the peer is what the core downloads."""
        sizes = _wheels()
        folders = closure(self.wanted)
        total = (sum(sizes[name] for name in folders) + _downloaded(_required(folders))) / _MB
        if self.bound_mb is None:
            core = closure(_CORE)
            peer = (sum(sizes[name] for name in core) + _downloaded(_required(core))) / _MB
            return [Measured(case=self.name, metric="downloads", unit="MB", ours=total, peer=peer, peer_name="core")]
        return [
            Measured(
                case=self.name, metric="downloads", unit="MB", ours=total, peer=self.bound_mb, peer_name="bound",
                limit=1.0,
            )
        ]  # fmt: skip


CASES = [Wheels("wheels"), Download("core", _CORE, 30.0), Download("data", ("lamella-data",), None)]
