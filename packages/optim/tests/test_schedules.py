"""Schedules against their closed forms."""

import math

import pytest

import lamella.tensor as lt
from lamella.optim import SGD
from lamella.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, SequentialLR, StepLR


def optimizer(*rates):
    return SGD([{"params": [lt.zeros(1)], "lr": lr} for lr in rates or (0.5,)])


def warmup(o, *rest):
    return SequentialLR(o, [LinearLR(o, 0.1, 1.0, 4), CosineAnnealingLR(o, 10, 0.01)], [4], *rest)


def warmup_form(base, t):
    if t < 4:
        return base * (0.1 + 0.9 * t / 4)
    return 0.01 + (base - 0.01) * (1 + math.cos(math.pi * (t - 4) / 10)) / 2


def three(o, *rest):
    return SequentialLR(o, [LinearLR(o, 0.5, 1, 2), StepLR(o, 3), LambdaLR(o, lambda t: 1 / (t + 1))], [2, 9], *rest)


def three_form(base, t):
    if t < 2:
        return base * (0.5 + 0.5 * t / 2)
    return base * 0.1 ** ((t - 2) // 3) if t < 9 else base / (t - 9 + 1)


CASES = [
    (lambda o, *r: LambdaLR(o, lambda t: 0.95**t, *r), lambda b, t: b * 0.95**t),
    (lambda o, *r: StepLR(o, 3, 0.5, *r), lambda b, t: b * 0.5 ** (t // 3)),
    (
        lambda o, *r: CosineAnnealingLR(o, 7, 0.1, *r),
        lambda b, t: 0.1 + (b - 0.1) * (1 + math.cos(math.pi * t / 7)) / 2,
    ),
    (lambda o, *r: LinearLR(o, 0.2, 0.8, 5, *r), lambda b, t: b * (0.2 + 0.6 * min(t, 5) / 5)),
    (
        lambda o, *r: LinearLR(o, total_iters=3, last_epoch=r[0] if r else -1),
        lambda b, t: b * (1 / 3 + 2 / 3 * min(t, 3) / 3),
    ),
    (warmup, warmup_form),
    (three, three_form),
]


@pytest.mark.parametrize(("make", "form"), CASES)
def test_closed_forms(make, form):
    o = optimizer(0.5, 0.02)
    schedule = make(o)
    for t in range(20):
        want = [form(0.5, t), form(0.02, t)]
        assert schedule.last_epoch == t
        assert schedule.get_last_lr() == pytest.approx(want, rel=1e-13, abs=1e-16)
        assert [g["lr"] for g in o.param_groups] == schedule.get_last_lr()
        assert [g["initial_lr"] for g in o.param_groups] == [0.5, 0.02]
        schedule.step()


@pytest.mark.parametrize(("make", "form"), CASES)
def test_a_saved_schedule_continues(make, form):
    o = optimizer()
    schedule = make(o)
    for _ in range(5):
        schedule.step()
    saved, state = schedule.state_dict(), o.state_dict()
    assert saved == {"last_epoch": 5}
    other = optimizer(9.0)
    again = make(other)
    other.load_state_dict(state)
    again.load_state_dict(saved)
    assert again.get_last_lr() == schedule.get_last_lr()
    again.step()
    assert again.get_last_lr() == pytest.approx([form(0.5, 6)], rel=1e-13)
    third = optimizer(9.0)
    third.load_state_dict(state)
    assert make(third, 4).get_last_lr() == pytest.approx([form(0.5, 5)], rel=1e-13)


def test_a_lambda_for_each_group():
    o = optimizer(1.0, 1.0)
    schedule = LambdaLR(o, [lambda t: t, lambda t: 2 * t])
    schedule.step()
    assert schedule.get_last_lr() == [1, 2]


def test_the_initial_rate_can_be_changed():
    o = optimizer(1.0)
    schedule = StepLR(o, 10)
    o.param_groups[0]["initial_lr"] = 3.0
    schedule.step()
    assert schedule.get_last_lr() == [3.0]


def test_a_group_added_later_joins_the_schedule():
    o = optimizer(1.0)
    steps, lambdas = StepLR(o, 1, 0.5), LambdaLR(o, [lambda t: 1.0])
    o.add_param_group({"params": [lt.zeros(1)], "lr": 8.0})
    steps.step()
    assert steps.get_last_lr() == [0.5, 4.0]
    with pytest.raises(ValueError, match="no function for group 1"):
        lambdas.step()


FIRST = optimizer()
BAD = [
    (lambda: StepLR(3, 1), TypeError, "needs an optimizer, got int"),
    (lambda: StepLR(optimizer(), 0), ValueError, "step_size must be a positive int"),
    (lambda: StepLR(optimizer(), 1.5), ValueError, "step_size"),
    (lambda: StepLR(optimizer(), 1, -1), ValueError, "gamma"),
    (lambda: StepLR(optimizer(), 1, last_epoch=-2), ValueError, "last_epoch"),
    (lambda: StepLR(optimizer(), 1, last_epoch=3), KeyError, "initial_lr"),
    (lambda: CosineAnnealingLR(optimizer(), 0), ValueError, "T_max"),
    (lambda: CosineAnnealingLR(optimizer(), 5, "x"), TypeError, "eta_min"),
    (lambda: LinearLR(optimizer(), -1), ValueError, "start_factor"),
    (lambda: LinearLR(optimizer(), total_iters=0), ValueError, "total_iters"),
    (lambda: LambdaLR(optimizer(), [abs, abs]), ValueError, "or 1 of them"),
    (lambda: LambdaLR(optimizer(), [3]), ValueError, "function"),
    (lambda: SequentialLR(FIRST, [], []), ValueError, "one milestone between"),
    (lambda: SequentialLR(FIRST, [StepLR(FIRST, 1)], [3]), ValueError, "one milestone between"),
    (lambda: SequentialLR(FIRST, [StepLR(FIRST, 1), 3], [3]), TypeError, "every part"),
    (lambda: SequentialLR(FIRST, [StepLR(FIRST, 1), StepLR(optimizer(), 1)], [3]), ValueError, "same optimizer"),
    (lambda: SequentialLR(FIRST, [StepLR(FIRST, 1)] * 3, [3, 3]), ValueError, "increase"),
    (lambda: SequentialLR(FIRST, [StepLR(FIRST, 1)] * 2, [0]), ValueError, "positive int"),
    (lambda: StepLR(optimizer(), 1).load_state_dict({}), ValueError, "last_epoch"),
    (lambda: StepLR(optimizer(), 1).load_state_dict({"last_epoch": -1}), ValueError, "non-negative"),
    (lambda: LRScheduler(optimizer()), TypeError, "abstract"),
]


@pytest.mark.parametrize(("act", "error", "text"), BAD)
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
