"""Training steps that keep state in Python: averages, counters, histories, best values, hidden states; step by step
the state is that of the uncompiled program, bit for bit in the interpreter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.nn import functional
from lamella.optim import lr_scheduler


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


class Average:
    """Exponential averages of parameters and buffers, warmed up by a count."""

    def __init__(self, model: nn.Module) -> None:
        self.n = 0
        self.shadow = {k: v.clone() for k, v in model.state_dict().items()}

    def update(self, model: nn.Module) -> None:
        self.n += 1
        decay = min(0.99, (1 + self.n) / (10 + self.n))
        with lt.no_grad():
            for k, v in model.state_dict().items():
                self.shadow[k] = self.shadow[k] * decay + v * (1 - decay)


class Carried(nn.Module):
    """A recurrent net whose hidden state goes from batch to batch, and that counts what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 6)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(6, 2)
        self.hidden: Any = None
        self.seen = 0

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        hidden = self.cell(x, self.hidden)
        self.hidden = hidden.detach()
        self.seen += x.shape[0]
        out: lt.Tensor = self.head(self.drop(hidden))
        return out


class Training:
    """One step and everything that it changes."""

    def __init__(self) -> None:
        lt.manual_seed(5)
        self.net = Carried().to(lt.float64)
        self.opt = optim.AdamW(self.net.parameters(), lr=0.02)
        self.schedule = lr_scheduler.CosineAnnealingLR(self.opt, 10)
        self.average = Average(self.net)
        self.calls = 0
        self.best = float("inf")
        self.improved = 0
        self.recent = [lt.zeros((), dtype=lt.float64)] * 3
        self.worst: Any = None

    def step(self, x: lt.Tensor, y: lt.Tensor) -> lt.Tensor:
        self.opt.zero_grad()
        loss = functional.mse_loss(self.net(x), y)
        loss.backward()
        self.opt.step()
        self.schedule.step()
        self.average.update(self.net)
        self.calls += 1
        if loss < self.best:
            self.best = loss.item()
            self.improved += 1
        if self.calls % 4 == 0:
            self.worst = {"x": x, "loss": loss.detach()}
        self.recent[0], self.recent[1], self.recent[2] = self.recent[1], self.recent[2], loss.detach()
        return loss.detach()

    def state(self) -> list[Any]:
        net = self.net
        tensors = [net.hidden, *net.state_dict().values(), *self.average.shadow.values(), *self.recent]
        found: list[Any] = [t.numpy().copy() for t in tensors]
        found += [net.seen, self.average.n, self.calls, self.best, self.improved, self.opt.param_groups[0]["lr"]]
        return found + ([] if self.worst is None else [self.worst["x"].numpy(), self.worst["loss"].item()])


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_state_kept_in_python_is_that_of_the_program(backend: str) -> None:
    plain, traced = Training(), Training()
    compiled = capture(traced.step, backend=backend, fullgraph=True)
    generator = [lt.default_generator.get_state()] * 2
    for n in range(14):
        x, y = f64(3, 4, seed=n), f64(3, 2, seed=n + 100)
        found = []
        for i, step in enumerate((plain.step, compiled)):
            lt.default_generator.set_state(generator[i])
            found.append(step(x, y).item())
            generator[i] = lt.default_generator.get_state()
        assert generator[0] == generator[1]
        for a, b in zip([found[0], *plain.state()], [found[1], *traced.state()], strict=True):
            if backend == "interpreter":
                np.testing.assert_array_equal(b, a)
            else:
                np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
    assert compiled.compiles <= 10, compiled.misses
