"""The training steps that are timed can be captured as they are, and return the loss as a number."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.models import cnn, gpt, lstm, training_step
from lamella.compiler import compile as capture


@pytest.mark.parametrize("model", [gpt, lstm, cnn], ids=lambda m: m.__name__.rpartition(".")[2])
def test_the_steps_that_are_timed_return_their_loss(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in (
        ("_LAYERS", 1), ("_WIDTH", 32), ("_HEADS", 4), ("_LENGTH", 8), ("_BATCH", 2), ("_SIZE", 8),
    ):  # fmt: skip
        if hasattr(model, name):
            monkeypatch.setattr(model, name, small)
    name = model.__name__.rpartition(".")[2]
    eager, step = training_step(name, "lamella"), training_step(name, "lamella")
    compiled = capture(step, backend="interpreter")
    for _ in range(2):
        expected, got = eager(), compiled()
        assert type(got) is float
        assert got == pytest.approx(expected, rel=1e-4)
    assert compiled.compiles == 1
