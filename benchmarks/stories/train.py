"""Training steps of four networks: eager beside torch eager, and compiled whole beside torch.compile and JAX as well.

The memory is the largest resident set of a fresh process in ten steps less what it held before the first (Linux: the
kernel keeps the peak, and forgets it when asked to).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed, Race
from benchmarks._contest import Contest, lazily, peers, program_cost
from benchmarks._row import Measured
from benchmarks.models import MODELS, training_step

__all__ = ["CASES"]

_TIME, _MEMORY, _COMPILED_MEMORY = 1.5, 1.3, 0.8
_STEPS = 10
# Of the best peer's time, or of the roofline: either will do.
_COMPILED = {"gpt": (0.65, 0.6), "cnn": (0.9, 0.4), "mlp": (0.65, 0.85), "lstm": (0.75, 0.4)}


def _compiled(model: str) -> Any:
    import lamella.compiler

    return lamella.compiler.compile(training_step(model, "lamella"))


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

    def __init__(self, name: str, ours: Callable[[], Any], torch: Callable[[], Any], limit: float) -> None:
        def side(make: Callable[[], Any]) -> Any:
            return lambda: {"peak": _peak(make())}

        super().__init__(name, "peak()", {"ours": side(ours), "torch": side(torch)})
        self.limit = limit

    def measure(self, bench: Bench) -> list[Measured]:
        """One row: peak over the level before the first step."""
        if not Path("/proc/self/clear_refs").exists():
            raise CaseFailed("the peak of resident memory is read from /proc, which this system lacks")
        turns: list[dict[str, str]] = [{}] * (1 if bench.quick else 3)
        values = {side: bench.probe(self, side, turns) for side in self.sides}
        return [
            Measured(
                case=self.name, metric="peak above start", unit="MB", ours=values["ours"], peer=values["torch"],
                peer_name=bench.torch_name, limit=self.limit,
            )
        ]  # fmt: skip


def _eager(model: str) -> list[Case]:
    ours, torch = (partial(training_step, model, name) for name in ("lamella", "torch"))
    race = Race(model, "step()", ours=lazily(ours), torch=lazily(torch), limit=_TIME, unit="ms")
    return [race, Peak(f"{model}-memory", ours, torch, _MEMORY)]


def _whole(model: str) -> list[Case]:
    def ours() -> dict[str, Any]:
        step = _compiled(model)
        return lazily(lambda: step)() | {"cost": lambda: program_cost(step)}

    limit, roofline = _COMPILED[model]
    eager, others = lazily(training_step, model, "lamella"), peers(training_step, model)
    contest = Contest(f"{model}-compiled", ours=ours, eager=eager, peers=others, limit=limit, roofline=roofline)
    memory = Peak(
        f"{model}-compiled-memory", partial(_compiled, model), partial(training_step, model, "torch"), _COMPILED_MEMORY
    )
    return [contest, memory]


CASES = [
    *(case for model in ("cnn", "gpt", "lstm") for case in _eager(model)),
    *(case for model in MODELS for case in _whole(model)),
]
