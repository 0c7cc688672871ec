"""Schedules against their closed forms."""

import math

import pytest

import lamella.tensor as lt
from lamella.optim import SGD
from lamella.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)  # fmt: skip


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


def restarts_form(base, t, first, times):
    length = first
    while t >= length:
        t, length = t - length, length * times
    return base * (1 + math.cos(math.pi * t / length)) / 2


def cycle_form(_, t):
    at = t % 8
    return 0.1 + 0.9 * (at / 3 if at <= 3 else (8 - at) / 5)


def one_cycle_form(_, t):
    if t <= 5:  # pct_start * total - 1
        return 0.08 + (2.0 - 0.08) * (1 - math.cos(math.pi * t / 5)) / 2
    return 2.0 + (0.0008 - 2.0) * (1 - math.cos(math.pi * (min(t, 19) - 5) / 14)) / 2


CASES = [
    (lambda o, *r: MultiStepLR(o, [3, 7], 0.5, *r), lambda b, t: b * 0.5 ** ((t >= 3) + (t >= 7))),
    (lambda o, *r: ExponentialLR(o, 0.9, *r), lambda b, t: b * 0.9**t),
    (lambda o, *r: ConstantLR(o, 0.25, 4, *r), lambda b, t: b * (0.25 if t < 4 else 1)),
    (lambda o, *r: PolynomialLR(o, 8, 2.0, *r), lambda b, t: b * (1 - min(t, 8) / 8) ** 2),
    (lambda o, *r: MultiplicativeLR(o, lambda t: 1 / t, *r), lambda b, t: b / math.factorial(t)),
    (lambda o, *r: CosineAnnealingWarmRestarts(o, 4, 1, 0.0, *r), lambda b, t: restarts_form(b, t, 4, 1)),
    (lambda o, *r: CosineAnnealingWarmRestarts(o, 3, 2, 0.0, *r), lambda b, t: restarts_form(b, t, 3, 2)),
    (lambda o, *r: CyclicLR(o, 0.1, 1.0, 3, 5, cycle_momentum=False, last_epoch=r[0] if r else -1), cycle_form),
    (
        lambda o, *r: OneCycleLR(
            o, 2.0, 20, cycle_momentum=False, div_factor=25.0, final_div_factor=100.0, last_epoch=r[0] if r else -1
        ),
        one_cycle_form,
    ),
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


def test_a_chain_composes_its_formulas():
    o = optimizer(0.5)
    chain = ChainedScheduler([ConstantLR(o, 0.1, 3), ExponentialLR(o, 0.9)], o)
    for t in range(6):
        assert o.param_groups[0]["lr"] == pytest.approx(0.5 * (0.1 if t < 3 else 1) * 0.9**t)
        chain.step()


def test_restarts_are_exact_far_out():
    o = optimizer(0.5)
    schedule = CosineAnnealingWarmRestarts(o, 3, 2)
    begin, length = 0, 3
    for _ in range(25):
        begin, length = begin + length, length * 2
        for t in (begin - 1, begin):
            assert schedule.rate(0.5, t, 0) == pytest.approx(restarts_form(0.5, t, 3, 2), abs=1e-12)
        assert schedule.rate(0.5, begin, 0) == 0.5


def test_momentum_moves_against_the_rate():
    o = SGD([lt.zeros(1)], lr=0.1, momentum=0.9)
    schedule = CyclicLR(o, 0.1, 1.0, 2, base_momentum=0.5, max_momentum=0.7)
    seen = []
    for _ in range(4):
        seen.append(o.param_groups[0]["momentum"])
        schedule.step()
    assert seen == pytest.approx([0.7, 0.6, 0.5, 0.6])


def test_a_plateau_reduces_once_and_state_continues():
    o = optimizer(1.0)
    schedule = ReduceLROnPlateau(o, factor=0.5, patience=1)
    for metric in (1.0, 1.0, 1.0):
        schedule.step(metric)
    assert schedule.get_last_lr() == [0.5]
    other = ReduceLROnPlateau(o, factor=0.5, patience=1)
    other.load_state_dict(schedule.state_dict())
    assert other.state_dict() == schedule.state_dict()
    for metric in (1.0, lt.tensor(1.0)):
        other.step(metric)
    assert other.get_last_lr() == [0.25]
    with pytest.raises(ValueError, match="NaN"):
        other.step(math.nan)


MORE_BAD = [
    (lambda: CyclicLR(optimizer(), 0.1, 1.0, mode="square"), ValueError, "triangular"),
    (lambda: CyclicLR(optimizer(0.1, 0.2), [0.1], 1.0), ValueError, "base_lr needs a number, or 2"),
    (lambda: OneCycleLR(optimizer(), 1.0), ValueError, "total_steps, or epochs"),
    (lambda: OneCycleLR(optimizer(), 1.0, 10, pct_start=2.0), ValueError, "pct_start"),
    (lambda: ReduceLROnPlateau(optimizer(), factor=1.5), ValueError, "factor"),
    (lambda: ReduceLROnPlateau(optimizer(), mode="least"), ValueError, "min or max"),
    (lambda: ReduceLROnPlateau(optimizer()).load_state_dict({}), ValueError, "state_dict"),
    (lambda: CosineAnnealingWarmRestarts(optimizer(), 0), ValueError, "T_0"),
    (lambda: ChainedScheduler([]), ValueError, "at least one"),
    (lambda: ChainedScheduler([StepLR(optimizer(), 1)], optimizer()), ValueError, "same optimizer"),
    (lambda: MultiStepLR(optimizer(), [0]), ValueError, "milestone"),
]


@pytest.mark.parametrize(("act", "error", "text"), MORE_BAD, ids=[b[2] for b in MORE_BAD])
def test_more_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_one_cycle_ends():
    schedule = OneCycleLR(optimizer(), 1.0, 2)
    schedule.step()
    schedule.step()
    with pytest.raises(ValueError, match="made for 2 steps"):
        schedule.step()
