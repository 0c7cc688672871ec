"""Eager training steps of three networks beside torch eager: time, and the memory that a step reaches.

The memory is the largest resident set of a fresh process in ten steps less what it held before the first (Linux: the
kernel keeps the peak, and forgets it when asked to).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed, Race
from benchmarks._row import Measured

__all__ = ["CASES"]

_TIME, _MEMORY = 1.5, 1.3
_STEPS = 10


def _build(model: str, name: str) -> Any:
    import importlib

    return importlib.import_module(f"benchmarks.models.{model}").build(name)


def _status_bytes(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return float(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no {field}")


def _peak(step: Any) -> Any:
    """A function that runs some steps and returns by how many MB they raised the resident set at its largest."""

    def peak() -> float:
        before = _status_bytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from here
        for _ in range(_STEPS):
            step()
        return (_status_bytes("VmHWM") - before) / 1e6

    return peak


class Peak(Case):
    """The memory of a step on both sides, in fresh processes."""

    is_expression = True

    def __init__(self, model: str) -> None:
        def side(name: str) -> Any:
            return lambda: {"peak": _peak(_build(model, name))}

        super().__init__(f"{model}-memory", "peak()", {"ours": side("lamella"), "torch": side("torch")})

    def measure(self, bench: Bench) -> list[Measured]:
        """One row: peak over the level before the first step."""
        if not Path("/proc/self/clear_refs").exists():
            raise CaseFailed("the peak of resident memory is read from /proc, which this system lacks")
        turns: list[dict[str, str]] = [{}] * (1 if bench.quick else 3)
        values = {side: bench.probe(self, side, turns) for side in self.sides}
        return [
            Measured(
                case=self.name, metric="peak above start", unit="MB", ours=values["ours"], peer=values["torch"],
                peer_name=bench.torch_name, limit=_MEMORY,
            )
        ]  # fmt: skip


def _race(model: str) -> Race:
    def side(name: str) -> Any:
        return lambda: {"step": _build(model, name)}

    return Race(model, "step()", ours=side("lamella"), torch=side("torch"), limit=_TIME, unit="ms")


CASES = [case for model in ("cnn", "gpt", "lstm") for case in (_race(model), Peak(model))]
