"""The steps that are timed can be captured as they are, give what eager steps give, and their work is counted right."""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks._contest import program_cost
from benchmarks.models import MODELS, inference_step, training_step
from lamella.compiler import compile as capture

SMALL = {"_LAYERS": 1, "_WIDTH": 32, "_HEADS": 4, "_LENGTH": 8, "BATCH": 2, "_SIZE": 8}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model's name, its sizes made small."""
    module = importlib.import_module(f"benchmarks.models.{request.param}")
    for name in SMALL.keys() & vars(module).keys():
        monkeypatch.setattr(module, name, SMALL[name])
    return str(request.param)


def test_a_training_step_is_one_program_and_returns_its_loss(model: str) -> None:
    eager, step = training_step(model, "lamella"), training_step(model, "lamella")
    compiled = capture(step, backend="interpreter")
    for _ in range(2):
        expected, got = eager(), compiled()
        assert type(got) is float
        assert got == pytest.approx(expected, rel=1e-4)
    assert compiled.compiles == 1


def test_an_inference_step_is_one_program_and_returns_the_scores(model: str) -> None:
    made: list[Any] = []

    def compiled(f: Any) -> Any:
        made.append(capture(f, backend="interpreter"))
        return made[0]

    step = inference_step(model, "lamella", 3, compiled)
    for _ in range(2):
        got, expected = step(), inference_step(model, "lamella", 3)()
        assert not got.requires_grad
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
    assert made[0].compiles == 1


def test_the_work_of_a_step_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.models import mlp

    monkeypatch.setattr(mlp, "BATCH", 64)
    widths = mlp.WIDTHS
    step = capture(training_step("mlp", "lamella"), backend="interpreter")
    step()
    flops, moved = program_cost(step)
    products = [2 * 64 * a * b for a, b in pairwise(widths)]
    wanted = 3 * sum(products) - products[0]  # nothing asks for the gradient of the inputs
    assert wanted <= flops <= 1.03 * wanted
    weights = sum(a * b + b for a, b in pairwise(widths))
    # weights read, weights and their gradients given, the inputs
    assert moved == pytest.approx(4 * (3 * weights + 64 * widths[0]), rel=0.01)
