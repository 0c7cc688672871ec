"""Optimizers against numpy references in float64, and what their state is."""

import copy
import gc
import math
import pickle
import tracemalloc

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

SHAPES = [(3, 4), (5,), ()]


def start(dtype=lt.float64):
    rng = np.random.default_rng(0)
    return [lt.tensor(rng.standard_normal(s), dtype=dtype).requires_grad_() for s in SHAPES]


def give_gradients(params, step):
    rng = np.random.default_rng(100 + step)
    for p in params:
        p.grad = lt.tensor(rng.standard_normal(p.shape), dtype=p.dtype)


def sgd(p, gradients, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False, dampening=0.0, maximize=False):
    buf = np.zeros_like(p)
    for n, g in enumerate(gradients):
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            buf = momentum * buf + (1 - dampening if n else 1) * g
            g = g + momentum * buf if nesterov else buf
        p = p - lr * g
    return p


def adam(
    p,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
    amsgrad=False,
    maximize=False,
):
    m = v = top = np.zeros_like(p)
    for n, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        top = np.maximum(top, v) if amsgrad else v
        p = p - lr * (m / (1 - betas[0] ** n)) / (np.sqrt(top / (1 - betas[1] ** n)) + eps)
    return p


def adamw(p, gradients, weight_decay=1e-2, **rest):
    return adam(p, gradients, weight_decay=weight_decay, decoupled=True, **rest)


def rmsprop(
    p, gradients, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False
):
    s = c = buf = np.zeros_like(p)
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * p
        s = alpha * s + (1 - alpha) * g * g
        c = alpha * c + (1 - alpha) * g
        step = g / (np.sqrt(s - c * c if centered else s) + eps)
        buf = momentum * buf + step
        p = p - lr * buf
    return p


def adagrad(
    p, gradients, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False
):
    s = np.full_like(p, initial_accumulator_value)
    for n, g in enumerate(gradients):
        g = (-g if maximize else g) + weight_decay * p
        s = s + g * g
        p = p - lr / (1 + n * lr_decay) * g / (np.sqrt(s) + eps)
    return p


CASES = [
    (SGD, sgd, {}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (SGD, sgd, {"lr": 0.1, "maximize": True}),
    (Adam, adam, {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, adamw, {"lr": 0.05, "amsgrad": True, "maximize": True}),
    (RMSprop, rmsprop, {}),
    (RMSprop, rmsprop, {"lr": 0.05, "alpha": 0.9, "weight_decay": 0.1, "maximize": True}),
    (RMSprop, rmsprop, {"momentum": 0.9}),
    (RMSprop, rmsprop, {"momentum": 0.5, "centered": True, "eps": 1e-2}),
    (RMSprop, rmsprop, {"centered": True, "eps": 1e-2}),
    (Adagrad, adagrad, {}),
    (Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    (SGD, sgd, {"lr": 0.1, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.01}),
    (Adam, adam, {}),
    (Adam, adam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    (AdamW, adamw, {}),
    (AdamW, adamw, {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.5}),
]


@pytest.mark.parametrize(("cls", "reference", "settings"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(lt.float64, 1e-10), (lt.float32, 1e-5)])
def test_twenty_steps(cls, reference, settings, dtype, tolerance):
    params = start(dtype)
    before = [p.detach().numpy().astype(np.float64) for p in params]
    optimizer = cls(params, **settings)
    gradients = []
    for step in range(20):
        give_gradients(params, step)
        gradients.append([p.grad.numpy().astype(np.float64) for p in params])
        optimizer.step()
    for i, p in enumerate(params):
        want = reference(before[i], [g[i] for g in gradients], **settings)
        assert np.abs(p.detach().numpy() - want).max() <= tolerance * max(1, np.abs(want).max())
        assert p.is_leaf
        assert p.requires_grad


@pytest.mark.parametrize(("cls", "settings"), [(c[0], c[2]) for c in CASES])
def test_a_saved_state_continues_bit_for_bit(cls, settings):
    params, others = start(), start()
    a, b = cls(params, **settings), cls(others, lr=9.0)
    for step in range(5):
        give_gradients(params, step)
        a.step()
    with lt.no_grad():
        for p, q in zip(params, others, strict=True):
            q.copy_(p)
    state = a.state_dict()
    assert set(state) == {"state", "param_groups"}
    assert state["param_groups"][0]["params"] == [0, 1, 2]
    assert type(state["param_groups"][0]) is dict
    b.load_state_dict(state)
    for step in range(5, 10):
        for optimizer, some in ((a, params), (b, others)):
            give_gradients(some, step)
            optimizer.step()
    for p, q in zip(params, others, strict=True):
        assert p.tolist() == q.tolist()
    assert b.state_dict()["param_groups"] == a.state_dict()["param_groups"]


def test_layout_is_torchs():
    optimizer = Adam(start())
    give_gradients(optimizer.param_groups[0]["params"], 0)
    optimizer.step()
    state = optimizer.state_dict()
    assert sorted(state["state"]) == [0, 1, 2]
    assert sorted(state["state"][0]) == ["exp_avg", "exp_avg_sq", "step"]
    assert state["state"][1]["step"].item() == 1
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "params": [0, 1, 2]}
    assert state["param_groups"] == [{**group, "amsgrad": False, "maximize": False}]
    assert SGD(start()).state_dict()["state"] == {}
    assert sorted(SGD(start(), momentum=0.5).state_dict()["state"][2]) == ["momentum_buffer"]


def test_groups_have_settings_of_their_own():
    a, b, c = start()
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.25)
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    before = [p.tolist() for p in (a, b, c)]
    for p in (a, b, c):
        p.grad = lt.ones_like(p).detach()
    optimizer.step()
    for p, old, lr in zip((a, b, c), before, (0.5, 0.25, 0.25), strict=True):
        assert np.allclose(p.detach().numpy(), np.asarray(old) - lr)
    assert [g["momentum"] for g in optimizer.param_groups] == [0, 0, 0.9]
    assert "group 2" in repr(optimizer)


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_a_state_of_torch_is_taken_where_its_other_switches_are_off(cls):
    optimizer = cls(start())
    state = optimizer.state_dict()
    group = state["param_groups"][0]
    group |= {"amsgrad": False, "maximize": False, "foreach": None, "fused": None, "dampening": 0, "lr": 0.5}
    group["capturable"] = False
    group["decoupled_weight_decay"] = cls is AdamW
    if cls is SGD:
        state["state"] = {i: {"momentum_buffer": None} for i in range(3)}
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert "capturable" not in optimizer.param_groups[0]
    group["capturable"] = True
    with pytest.raises(ValueError, match=r"unknown \['capturable'\]"):
        optimizer.load_state_dict(state)
    group["capturable"] = False
    for later in optimizer.older:
        del group[later]  # a state from before these settings existed
    optimizer.load_state_dict(state)
    assert all(optimizer.param_groups[0][name] == value for name, value in optimizer.older.items())
    group["decoupled_weight_decay"] = True
    if cls is not AdamW:
        with pytest.raises(ValueError, match="decoupled_weight_decay"):
            optimizer.load_state_dict(state)


def test_named_parameters_are_taken():
    a, b, _ = start()
    optimizer = Adam([("a", a), ("b", b)])
    assert optimizer.param_groups[0]["params"] == [a, b] or optimizer.param_groups[0]["params"][0] is a
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    other = Adam(start()[:2])
    other.load_state_dict(optimizer.state_dict())


def test_copies_and_pickles_stand_alone():
    params = start()
    optimizer = Adam(params)
    give_gradients(params, 0)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (group,) = twin.param_groups
        assert group["betas"] == (0.9, 0.999)
        for p, q in zip(params, group["params"], strict=True):
            assert q is not p
            assert twin.state[q]["exp_avg"].tolist() == optimizer.state[p]["exp_avg"].tolist()
        before = params[0].tolist()
        give_gradients(group["params"], 1)
        twin.step()
        assert params[0].tolist() == before


def test_settings_can_be_changed_between_steps():
    (p, *_) = start()
    optimizer = Adam([p])
    group = optimizer.param_groups[0]
    assert group["betas"] == (0.9, 0.999)
    group["betas"] = (0.5, 0.6)
    assert (group["beta1"], group["beta2"]) == (0.5, 0.6)
    group["beta1"] = 0.7
    assert group["betas"] == (0.7, 0.6)
    group["lr"] = 0.0
    before = p.tolist()
    p.grad = lt.ones_like(p).detach()
    optimizer.step()
    assert p.tolist() == before


def test_only_parameters_with_gradients_move():
    a, b, c = start()
    optimizer = Adam([a, b, c])
    b.grad = lt.ones_like(b).detach()
    before = [p.tolist() for p in (a, b, c)]
    optimizer.step()
    assert [p.tolist() == old for p, old in zip((a, b, c), before, strict=True)] == [True, False, True]
    assert [optimizer.state[p]["step"].item() for p in (a, b, c)] == [0, 1, 0]
    optimizer.zero_grad(set_to_none=False)
    assert b.grad.abs().sum().item() == 0
    assert a.grad is None
    optimizer.zero_grad()
    assert b.grad is None


def test_a_closure_computes_the_loss_with_gradients_on():
    p = lt.tensor([3.0], requires_grad=True)
    optimizer = SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with lt.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9
    assert p.item() == pytest.approx(2.4)


def test_a_step_is_seen_by_autograd():
    p = lt.tensor([3.0], requires_grad=True)
    optimizer = SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = lt.ones(1)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_views_of_a_parameter_follow_it():
    p = lt.tensor([1.0, 2.0], requires_grad=True)
    tail = p.detach()[1:]
    optimizer = SGD([p], lr=1.0)
    p.grad = lt.ones(2)
    optimizer.step()
    assert tail.tolist() == [1.0]


def bad_state(change):
    optimizer = Adam(start())
    state = Adam(start()).state_dict()
    change(state)
    optimizer.load_state_dict(state)


LEAF = start()[0]
BAD = [
    (lambda: SGD([]), ValueError, "got no parameters"),
    (lambda: SGD(start()[0]), TypeError, "put it in a list"),
    (lambda: SGD([3]), TypeError, "must be a tensor or"),
    (lambda: SGD([LEAF * 2]), ValueError, "leaf"),
    (lambda: SGD([lt.arange(3)]), TypeError, "floating"),
    (lambda: SGD([LEAF, LEAF]), ValueError, "twice"),
    (lambda: SGD([{"params": [LEAF]}, {"params": [LEAF]}]), ValueError, "twice"),
    (lambda: SGD([{"lr": 3}]), TypeError, "with 'params'"),
    (lambda: SGD([{"params": [LEAF], "learning": 1}]), ValueError, "no setting 'learning'"),
    (lambda: SGD([("a", LEAF), start()[1]]), ValueError, "name all"),
    (lambda: SGD([LEAF], lr=-1), ValueError, "lr must be at least 0"),
    (lambda: SGD([LEAF], lr="x"), TypeError, "lr must be a number"),
    (lambda: SGD([LEAF], lr=math.nan), ValueError, "lr must be"),
    (lambda: SGD([LEAF], nesterov=True), ValueError, "momentum above 0"),
    (lambda: SGD([LEAF], momentum=0.5, nesterov=1), TypeError, "nesterov"),
    (lambda: Adam([LEAF], betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be in \[0, 1\)"),
    (lambda: Adam([LEAF], betas=0.9), TypeError, "two numbers"),
    (lambda: Adam([LEAF], eps=-1), ValueError, "eps"),
    (lambda: AdamW([LEAF], weight_decay=-1), ValueError, "weight_decay"),
    (lambda: Adam([LEAF], amsgrad=1), TypeError, "amsgrad must be True or False"),
    (lambda: Adam([LEAF], fused=True), TypeError, "fused"),
    (lambda: RMSprop([LEAF], alpha=1.0), ValueError, "alpha must be in"),
    (lambda: RMSprop([LEAF], momentum=-1.0), ValueError, "momentum"),
    (lambda: RMSprop([LEAF], centered=None), TypeError, "centered"),
    (lambda: Adagrad([LEAF], lr_decay=-1.0), ValueError, "lr_decay"),
    (lambda: SGD([LEAF], momentum=0.5, dampening=0.1, nesterov=True), ValueError, "no dampening"),
    (lambda: Adam([LEAF]).load_state_dict([]), TypeError, "state_dict"),
    (lambda: bad_state(lambda s: s["param_groups"].append({})), ValueError, "2 parameter groups, this optimizer 1"),
    (lambda: bad_state(lambda s: s["param_groups"][0]["params"].pop()), ValueError, "2 parameters in the state and 3"),
    (lambda: bad_state(lambda s: s["param_groups"][0].pop("eps")), ValueError, r"missing \['eps'\]"),
    (lambda: bad_state(lambda s: s["param_groups"][0].update(extra=1)), ValueError, r"unknown \['extra'\]"),
    (lambda: bad_state(lambda s: s["param_groups"][0].update(lr="fast")), TypeError, "lr must be a number"),
    (lambda: bad_state(lambda s: s["state"].pop(1)), ValueError, "parameter 1 has the state"),
    (
        lambda: bad_state(lambda s: s["state"][1].update(exp_avg=lt.ones(9))),
        ValueError,
        r"exp_avg of parameter 1 is \(9,\)",
    ),
    (lambda: bad_state(lambda s: s["state"][1].update(step=3)), ValueError, "step of parameter 1 is int"),
    (lambda: Optimizer([LEAF], {}), TypeError, "abstract"),
]


@pytest.mark.parametrize(("act", "error", "text"), BAD, ids=[b[2] for b in BAD])
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_momentum_cannot_appear_later():
    p = start()[0]
    optimizer = SGD([p])
    optimizer.param_groups[0]["momentum"] = 0.9
    p.grad = lt.ones_like(p).detach()
    with pytest.raises(RuntimeError, match="no state for it"):
        optimizer.step()


def test_a_gradient_of_another_shape_cannot_be_given():
    p = start()[0]
    with pytest.raises(ValueError, match="must be"):
        p.grad = lt.ones(2)


@pytest.mark.parametrize("cls", [SGD, Adam])
def test_steps_leave_no_memory_behind(cls):
    params = start()
    optimizer = cls(params)

    def step(n):
        optimizer.zero_grad()
        give_gradients(params, n)
        optimizer.step()

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        # a leak shows in every stretch; what the interpreter itself makes room for, in one
        grown = []
        for _ in range(4):
            before = tracemalloc.get_traced_memory()[0]
            for n in range(50):
                step(n)
            grown.append(tracemalloc.get_traced_memory()[0] - before)
        assert min(grown) < 1024
    finally:
        tracemalloc.stop()
        gc.enable()
