"""The loss scale."""

import math

import pytest

import lamella.tensor as lt
from lamella.optim import SGD, GradScaler


def made(**settings):
    p = lt.tensor([1.0, -2.0], requires_grad=True)
    return p, SGD([p], lr=0.5), GradScaler(**{"init_scale": 8.0, "growth_interval": 2, **settings})


def give(p, scaler, *values):
    p.grad = lt.tensor([v * scaler.get_scale() for v in values])


def test_a_step_sees_unscaled_gradients():
    p, optimizer, scaler = made()
    give(p, scaler, 1.0, 2.0)
    scaler.step(optimizer)
    assert p.tolist() == [0.5, -3.0]
    scaler.update()
    assert scaler.get_scale() == 8.0
    give(p, scaler, 0.0, 0.0)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 16.0


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_step_with_a_gradient_that_is_no_number_is_skipped(bad):
    p, optimizer, scaler = made()
    give(p, scaler, bad, 1.0)
    assert scaler.step(optimizer) is None
    scaler.update()
    assert p.tolist() == [1.0, -2.0]
    assert scaler.get_scale() == 4.0


def test_unscaling_by_hand_comes_before_the_step_and_once():
    p, optimizer, scaler = made()
    give(p, scaler, 1.0, 2.0)
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="once a step"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert p.tolist() == [0.5, -3.0]
    with pytest.raises(RuntimeError, match="since the last update"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match="nothing unscaled"):
        scaler.update()


def test_containers_are_scaled():
    _, _, scaler = made()
    out = scaler.scale({"a": [lt.tensor(1.0)], "b": (lt.tensor(2.0),)})
    assert (out["a"][0].item(), out["b"][0].item()) == (8.0, 16.0)


def test_disabled_it_does_nothing():
    p, optimizer, scaler = made(enabled=False)
    loss = lt.tensor(3.0)
    assert scaler.scale(loss) is loss
    p.grad = lt.tensor([1.0, 0.0])
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [0.5, -2.0]
    assert scaler.state_dict() == {}


def test_a_state_continues():
    p, optimizer, scaler = made()
    give(p, scaler, 1.0, 1.0)
    scaler.step(optimizer)
    scaler.update()
    other = GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: GradScaler("cuda"), ValueError, "device"),
        (lambda: GradScaler(growth_factor=0.5), ValueError, "growth_factor"),
        (lambda: GradScaler(growth_interval=0), ValueError, "growth_interval"),
        (lambda: GradScaler().scale("loss"), TypeError, "tensors"),
        (lambda: GradScaler().load_state_dict({}), ValueError, "state_dict"),
        (lambda: GradScaler().step(made()[1], lambda: None), RuntimeError, "closure"),
    ],
)
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
