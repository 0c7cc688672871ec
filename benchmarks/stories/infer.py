"""Forward passes in evaluation mode of four networks, compiled, beside torch eager, torch.compile and JAX."""

from __future__ import annotations

from typing import Any

from benchmarks._contest import Contest, lazily, peers, program_cost
from benchmarks.models import MODELS, inference_step

__all__ = ["CASES"]

_LIMIT, _ROOFLINE = 0.75, 0.7


def _contest(model: str, batch: int) -> Contest:
    def ours() -> dict[str, Any]:
        import lamella.compiler

        made: list[Any] = []

        def compiled(f: Any) -> Any:
            made.append(lamella.compiler.compile(f))
            return made[0]

        return lazily(inference_step, model, "lamella", batch, compiled)() | {"cost": lambda: program_cost(made[0])}

    eager, others = lazily(inference_step, model, "lamella", batch), peers(inference_step, model, batch)
    return Contest(f"{model}-{batch}", ours=ours, eager=eager, peers=others, limit=_LIMIT, roofline=_ROOFLINE)


CASES = [_contest(model, batch) for model in MODELS for batch in (1, 32)]
