"""Optimizers and schedules over 20 steps: parameters within 1e-10 in float64, 1e-5 in float32; their states load."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import lamella.tensor as lt
from lamella import optim

pytestmark = pytest.mark.oracle

SHAPES = [(3, 4), (5,), ()]
STEPS = 20
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.05, "amsgrad": True}),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "weight_decay": 0.1, "momentum": 0.5}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "centered": True, "momentum": 0.5, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.05, "centered": True, "eps": 1e-2, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
]


class Pair:
    """The same parameters in both libraries, moved by the same gradients."""

    def __init__(self, name: str, settings: dict[str, Any], dtype: str) -> None:
        rng = np.random.default_rng(0)
        self.rng = np.random.default_rng(1)
        self.dtype = dtype
        values = [rng.normal(size=s).astype(dtype) for s in SHAPES]
        self.ours: list[Any] = [lt.tensor(v).requires_grad_() for v in values]
        self.theirs: list[Any] = [torch.tensor(v).requires_grad_() for v in values]
        self.optimizers = (
            getattr(optim, name)(self.ours, **settings),
            getattr(torch.optim, name)(self.theirs, **settings),
        )

    def step(self) -> None:
        for a, b in zip(self.ours, self.theirs, strict=True):
            g = np.asarray(self.rng.normal(size=a.shape), self.dtype)
            a.grad, b.grad = lt.tensor(g), torch.tensor(g)
        for optimizer in self.optimizers:
            optimizer.step()

    def compare(self) -> None:
        bound = 1e-10 if self.dtype == "float64" else 1e-5
        for a, b in zip(self.ours, self.theirs, strict=True):
            wanted = b.detach().numpy()
            np.testing.assert_allclose(a.detach().numpy(), wanted, rtol=0, atol=bound * np.abs(wanted).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_twenty_steps(name: str, settings: dict[str, Any], dtype: str) -> None:
    pair = Pair(name, settings, dtype)
    for _ in range(STEPS):
        pair.step()
        pair.compare()


@pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_a_state_of_the_oracle_goes_on_here(name: str, settings: dict[str, Any]) -> None:
    pair = Pair(name, settings, "float64")
    for _ in range(3):
        pair.step()
    state = pair.optimizers[1].state_dict()
    taken = {
        n: {k: lt.tensor(v.numpy()) if isinstance(v, torch.Tensor) else v for k, v in entries.items()}
        for n, entries in state["state"].items()
    }
    fresh = getattr(optim, name)(pair.ours, lr=9.0)
    fresh.load_state_dict({"state": taken, "param_groups": state["param_groups"]})
    pair.optimizers = fresh, pair.optimizers[1]
    for _ in range(3):
        pair.step()
    pair.compare()


_S = torch.optim.lr_scheduler
SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 7, 7], "gamma": 0.5}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.2, "end_factor": 0.8, "total_iters": 6}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 30, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.95**t}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.9 + 0.01 * t}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 3}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4, "scale_fn": lambda c: 1 / c}),
    ("OneCycleLR", {"max_lr": 2.0, "total_steps": 30}),
    ("OneCycleLR", {"max_lr": 2.0, "epochs": 5, "steps_per_epoch": 6, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 2.0, "total_steps": 30, "three_phase": True, "pct_start": 0.4}),
]


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize(("name", "settings"), SCHEDULES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SCHEDULES)])
def test_schedules(name: str, settings: dict[str, Any], kind: str) -> None:
    options: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {}
    a = getattr(optim, kind)([lt.zeros(1)], lr=0.5, **options)
    b = getattr(torch.optim, kind)([torch.zeros(1, requires_grad=True)], lr=0.5, **options)
    mine, theirs = getattr(optim.lr_scheduler, name)(a, **settings), getattr(_S, name)(b, **settings)
    for _ in range(29):
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-10, abs=1e-12)
        group, other = a.param_groups[0], b.param_groups[0]
        if kind == "SGD":
            assert group["momentum"] == pytest.approx(other["momentum"], rel=1e-10)
        else:
            assert group["betas"] == pytest.approx(other["betas"], rel=1e-10)
        b.step()
        mine.step()
        theirs.step()


def test_chained_and_sequential() -> None:
    a, b = optim.SGD([lt.zeros(1)], lr=0.5), torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    for lib, optimizer in ((optim.lr_scheduler, a), (_S, b)):
        parts = [lib.ConstantLR(optimizer, 0.1, 5), lib.ExponentialLR(optimizer, 0.9)]
        if lib is _S:
            theirs = lib.ChainedScheduler(parts, optimizer)
        else:
            mine = lib.ChainedScheduler(parts, optimizer)
    for _ in range(STEPS):
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)
        b.step()
        mine.step()
        theirs.step()


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2}, {"patience": 0, "cooldown": 3, "factor": 0.5}, {"mode": "max", "patience": 1, "min_lr": 0.1},
        {"threshold": 0.5, "threshold_mode": "abs", "patience": 1}, {"patience": 1, "eps": 0.2},
    ],
)  # fmt: skip
def test_reduce_on_plateau(settings: dict[str, Any]) -> None:
    a, b = optim.SGD([lt.zeros(1)], lr=0.5), torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    mine, theirs = optim.lr_scheduler.ReduceLROnPlateau(a, **settings), _S.ReduceLROnPlateau(b, **settings)
    for metric in np.random.default_rng(0).normal(size=40).cumsum():
        mine.step(metric)
        theirs.step(metric)
        assert mine.get_last_lr() == pytest.approx([b.param_groups[0]["lr"]], rel=1e-12)
        assert mine.num_bad_epochs == theirs.num_bad_epochs
        assert mine.cooldown_counter == theirs.cooldown_counter


def test_the_scale_moves_as_the_oracles() -> None:
    settings = {"init_scale": 4.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 2}
    p, q = lt.tensor([1.0]).requires_grad_(), torch.tensor([1.0], requires_grad=True)
    a, b = optim.SGD([p], lr=0.1), torch.optim.SGD([q], lr=0.1)
    mine, theirs = optim.GradScaler(**settings), torch.amp.GradScaler("cpu", **settings)
    for factor in (1.0, 1.0, np.inf, 1.0, np.nan, 1.0, 1.0, 1.0):
        for scaler, optimizer, x in ((mine, a, p), (theirs, b, q)):
            optimizer.zero_grad()
            scaler.scale((x * factor).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        assert mine.get_scale() == theirs.get_scale()
        assert p.detach().numpy() == pytest.approx(q.detach().numpy())
    assert mine.state_dict() == theirs.state_dict()
