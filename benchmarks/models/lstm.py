"""A character model of two LSTM layers of 256, batch 32 x 64, AdamW."""

from __future__ import annotations

from typing import Any

__all__ = ["BATCH", "batch", "loss", "network", "optimizer"]

BATCH = 32
_LAYERS, _WIDTH, _VOCABULARY = 2, 256, 65
_LENGTH = 64


def network(on: Any) -> Any:
    """The model, with the scores of every position as its result."""
    nn = on.nn

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(_VOCABULARY, _WIDTH)
            self.lstm = nn.LSTM(_WIDTH, _WIDTH, _LAYERS, batch_first=True)
            self.head = nn.Linear(_WIDTH, _VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.table(tokens))[0])

    return Model()


def optimizer(on: Any, model: Any) -> Any:
    """AdamW over all parameters."""
    return on.optim.AdamW(model.parameters(), lr=1e-3)


def batch(on: Any, n: int) -> tuple[Any, Any]:
    """n sequences, and the same shifted by one."""
    tokens = on.lib.randint(0, _VOCABULARY, (n, _LENGTH + 1))
    return tokens[:, :-1], tokens[:, 1:]


def loss(on: Any, model: Any, tokens: Any, targets: Any) -> Any:
    """Cross entropy of the next character."""
    return on.functional.cross_entropy(model(tokens).reshape(-1, _VOCABULARY), targets.reshape(-1))
