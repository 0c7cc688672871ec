"""A character model of two LSTM layers of 256, batch 32 x 64, AdamW; nothing compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.models import library

__all__ = ["build"]

_LAYERS, _WIDTH, _VOCABULARY = 2, 256, 65
_BATCH, _LENGTH = 32, 64


def _model(on: Any) -> Any:
    nn, functional = on.nn, on.functional

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(_VOCABULARY, _WIDTH)
            self.lstm = nn.LSTM(_WIDTH, _WIDTH, _LAYERS, batch_first=True)
            self.head = nn.Linear(_WIDTH, _VOCABULARY)

        def forward(self, tokens: Any, targets: Any) -> Any:
            logits = self.head(self.lstm(self.table(tokens))[0])
            return functional.cross_entropy(logits.reshape(-1, _VOCABULARY), targets.reshape(-1))

    return Model()


def build(name: str) -> Callable[[], float]:
    """One step of training with the library "lamella" or "torch"; it returns the loss."""
    on = library(name)
    on.lib.manual_seed(0)
    model = _model(on)
    optimizer = on.optim.AdamW(model.parameters(), lr=1e-3)
    tokens = on.lib.randint(0, _VOCABULARY, (_BATCH, _LENGTH + 1))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]

    def step() -> float:
        optimizer.zero_grad()
        loss = model(inputs, targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step
