"""Forward passes in evaluation mode of four networks, compiled, beside torch eager, torch.compile and JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks._contest import Contest, lazily, program_cost
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

        step = inference_step(model, "lamella", batch, compiled)
        for _ in range(3):
            step()
        return {"step": step, "cost": lambda: program_cost(made[0])}

    def torch_compile() -> Any:
        import torch

        return inference_step(model, "torch", batch, torch.compile)

    def jax() -> Any:
        from benchmarks.models.in_jax import inference_step as in_jax

        return in_jax(model, batch)

    peers = {
        "torch": lazily(partial(inference_step, model, "torch", batch)),
        "torch-compile": lazily(torch_compile),
        "jax": lazily(jax),
    }
    eager = lazily(partial(inference_step, model, "lamella", batch))
    return Contest(f"{model}-{batch}", ours=ours, eager=eager, peers=peers, limit=_LIMIT, roofline=_ROOFLINE)


CASES = [_contest(model, batch) for model in MODELS for batch in (1, 32)]
