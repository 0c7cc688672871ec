"""Parametrizations, weight_norm and spectral_norm (both forms) against numpy; they move, copy and load."""

import copy
import pickle
import threading

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import autograd, nn
from lamella.nn import utils
from lamella.nn.utils import parametrizations, parametrize
from lamella.testing import assert_close


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T


class Doubled(nn.Module):
    def forward(self, x):
        return x * 2

    def right_inverse(self, y):
        return y / 2


class Product(nn.Module):
    """a @ b, from a tensor itself and the identity."""

    def forward(self, a, b):
        return a @ b

    def right_inverse(self, x):
        return x, lt.eye(x.shape[1], dtype=x.dtype)


class Shape(nn.Module):
    def forward(self, x):
        return x[:1]


class Text(nn.Module):
    def forward(self, x):
        return "x"


class Bad(nn.Module):
    def __init__(self, back):
        super().__init__()
        self.back = back

    def forward(self, *xs):
        return xs[0]

    def right_inverse(self, x):
        return self.back(x)


def square():
    return nn.Linear(3, 3)


def test_the_weight_is_the_function_of_the_original():
    layer = square()
    before = layer.weight
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    original = layer.parametrizations.weight.original
    assert original is before
    assert isinstance(layer, nn.Linear)
    assert type(layer) is not nn.Linear
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    w = original.detach().numpy()
    assert np.array_equal(layer.weight.detach().numpy(), np.triu(w) + np.triu(w, 1).T)
    layer(lt.ones(2, 3)).sum().backward()
    assert np.array_equal(original.grad.numpy(), np.triu(np.full((3, 3), 4.0)) - np.diag([2.0] * 3))
    assert "weight" in dir(layer)
    assert repr(layer).splitlines()[0] == "ParametrizedLinear("


def test_parametrizations_are_applied_in_order_and_taken_back_in_order():
    layer = square()
    with lt.no_grad():
        layer.weight.fill_(1)
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.weight.tolist() == [[1] * 3] * 3
    assert layer.parametrizations.weight.original.tolist() == [[0.5] * 3] * 3
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.weight.tolist() == [[2] * 3] * 3
    layer.weight = lt.full((3, 3), 8.0)
    assert layer.parametrizations.weight.original.tolist() == [[2] * 3] * 3
    original = layer.parametrizations.weight.original
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is original
    assert layer.weight.tolist() == [[8] * 3] * 3
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_several_originals():
    layer = nn.Linear(3, 2)
    start = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Product())
    parametrize.register_parametrization(layer, "bias", Doubled())
    chain = layer.parametrizations.weight
    assert (chain.is_tensor, chain.ntensors) == (False, 2)
    assert list(dict(layer.named_parameters())) == [
        "parametrizations.weight.original0", "parametrizations.weight.original1", "parametrizations.bias.original",
    ]  # fmt: skip
    assert_close(layer.weight, start)
    layer(lt.ones(1, 3)).sum().backward()
    assert chain.original1.grad is not None
    with pytest.raises(ValueError, match="by 2 tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter)
    assert type(layer) is not nn.Linear
    parametrize.remove_parametrizations(layer, "bias", leave_parametrized=False)
    assert type(layer) is nn.Linear
    assert_close(layer.weight, start)


def test_buffers_stay_buffers():
    norm = nn.BatchNorm1d(3)
    parametrize.register_parametrization(norm, "running_var", Doubled())
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())
    assert norm.running_var.tolist() == [1, 1, 1]
    parametrize.remove_parametrizations(norm, "running_var")
    assert "running_var" in dict(norm.named_buffers())


def test_cached_computes_once_in_this_thread():
    calls = []

    class Counted(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x * 1

    layer = square()
    parametrize.register_parametrization(layer, "weight", Counted(), unsafe=True)
    calls.clear()
    with parametrize.cached():
        with parametrize.cached():
            first = layer.weight
        assert layer.weight is first
        other = []
        thread = threading.Thread(target=lambda: other.append(layer.weight))
        thread.start()
        thread.join()
        assert other[0] is not first
        layer(lt.ones(1, 3)).sum().backward()
    assert len(calls) == 2
    assert layer.weight is not first
    assert layer.parametrizations.weight.original.grad is not None


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize(
    "norm",
    [parametrizations.weight_norm, parametrizations.spectral_norm, utils.weight_norm, utils.spectral_norm],
)
def test_copies_are_parametrized_and_apart(norm, twin):
    layer = norm(nn.Linear(4, 3)).eval()
    other = twin(layer)
    assert_close(other.weight, layer.weight)
    assert parametrize.type_before_parametrizations(other) is nn.Linear
    with lt.no_grad():
        for p in other.parameters():
            p.add_(lt.rand(*p.shape))
    assert (other.weight != layer.weight).any()
    parametrize.register_parametrization(other, "bias", Doubled())
    assert not parametrize.is_parametrized(layer, "bias")
    assert other.double().weight.dtype is lt.float64
    assert layer.weight.dtype is lt.float32


@pytest.mark.parametrize("dim", [0, 1, -2, None, -1])
@pytest.mark.parametrize("norm", [parametrizations.weight_norm, utils.weight_norm])
def test_weight_norm(norm, dim):
    conv = nn.Conv1d(4, 6, 5).double()
    start = conv.weight.detach().clone()
    norm(conv, dim=dim)
    g, v = [p for name, p in conv.named_parameters() if name != "bias"]
    axes = None if dim in (None, -1) else tuple(d for d in range(3) if d != dim % 3)
    assert_close(g, np.sqrt(np.square(start.numpy()).sum(axes, keepdims=axes is not None)))
    assert_close(v, start)
    assert_close(conv.weight, start)
    with lt.no_grad():
        g.mul_(3)
        v.mul_(7)  # the length of the direction does not count
    assert_close(conv.weight, start * 3, factor=4)
    x = lt.randn(2, 4, 9, dtype=lt.float64)

    def loss(*values):
        names = [name for name, _ in conv.named_parameters()]
        return utils.stateless.functional_call(conv, dict(zip(names, values, strict=True)), x).square().sum()

    assert autograd.gradcheck(loss, [p.detach().requires_grad_() for p in conv.parameters()])


def test_weight_norm_loads_the_older_names():
    old, new = utils.weight_norm(nn.Linear(4, 3)), parametrizations.weight_norm(nn.Linear(4, 3))
    assert list(old.state_dict()) == ["bias", "weight_g", "weight_v"]
    new.load_state_dict(old.state_dict())
    assert_close(new.weight, old.weight)
    utils.remove_weight_norm(old)
    assert list(old.state_dict()) == ["bias", "weight"]
    assert type(old) is nn.Linear
    assert_close(new.weight, old.weight)
    assert repr(utils.weight_norm(nn.Linear(4, 3))) == "Linear(in_features=4, out_features=3, bias=True)"


LAYERS = [(lambda: nn.Linear(6, 4), 0), (lambda: nn.Conv2d(3, 5, 2), 0), (lambda: nn.ConvTranspose2d(3, 5, 2), 1)]


@pytest.mark.parametrize(("make", "dim"), LAYERS)
@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, utils.spectral_norm])
def test_spectral_norm(norm, make, dim):
    layer = make()
    w = layer.weight.detach().double().numpy()
    sigma = np.linalg.svd(np.moveaxis(w, dim, 0).reshape(w.shape[dim], -1), compute_uv=False)[0]
    norm(layer, n_power_iterations=50)
    x = lt.randn(2, *((6,) if w.ndim == 2 else (3, 4, 4)))
    layer(x)
    layer.eval()
    assert np.allclose(layer.weight.detach().numpy(), w / sigma, atol=1e-4)
    held = {k: v.clone() for k, v in layer.state_dict().items()}
    first = layer(x)
    assert_close(layer(x), first)
    assert all((v == held[k]).all() for k, v in layer.state_dict().items())
    first.sum().backward()
    for p in layer.parameters():
        assert p.grad is not None
    removed = layer.weight.detach().clone()
    if norm is utils.spectral_norm:
        utils.remove_spectral_norm(layer)
        assert not layer._forward_pre_hooks
    else:
        parametrize.remove_parametrizations(layer, "weight")
    assert_close(layer.weight, removed)
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_the_power_method_moves_only_while_training():
    layer = parametrizations.spectral_norm(nn.Linear(6, 4))
    inner = layer.parametrizations.weight[0]
    with lt.no_grad():
        layer.parametrizations.weight.original.copy_(lt.randn(4, 6))
    before = inner._u.clone()
    layer.eval()
    layer(lt.ones(1, 6))
    assert (inner._u == before).all()
    layer.train()
    layer(lt.ones(1, 6))
    assert (inner._u != before).any()
    assert inner._u.norm().item() == pytest.approx(1, rel=1e-6)
    vector = parametrizations.spectral_norm(nn.Linear(6, 4), "bias")
    assert vector.bias.norm().item() == pytest.approx(1, rel=1e-6)


def test_recurrent_layers_take_parametrized_weights():
    plain = nn.LSTM(3, 4, batch_first=True)
    normed = utils.weight_norm(copy.deepcopy(plain), "weight_hh_l0")
    x = lt.randn(2, 5, 3)
    assert_close(normed(x)[0], plain(x)[0], factor=10)
    normed(x)[0].sum().backward()
    assert normed.weight_hh_l0_g.grad is not None
    assert len(normed.all_weights[0]) == 4


REGISTER = [
    (lambda m: parametrize.register_parametrization(m, "nope", Symmetric()), ValueError, "no parameter or buffer"),
    (lambda m: parametrize.register_parametrization(m, "weight", lambda x: x), TypeError, "one, got function"),
    (lambda m: parametrize.register_parametrization(3, "weight", Doubled()), TypeError, "one, got int"),
    (lambda m: parametrize.register_parametrization(m, "weight", Shape()), ValueError, "must keep dtype and shape"),
    (lambda m: parametrize.register_parametrization(m, "weight", Text()), ValueError, "a tensor, got str"),
    (
        lambda m: parametrize.register_parametrization(m, "weight", Bad(lambda x: 3)), ValueError,
        "a tensor or a sequence of tensors, got int",
    ),
    (
        lambda m: parametrize.register_parametrization(m, "weight", Bad(lambda x: (x, 3))), ValueError,
        "tensors, got int at 1",
    ),
    (
        lambda m: parametrize.register_parametrization(m, "weight", Bad(lambda x: x.double())), ValueError,
        "keep the dtype",
    ),
    (lambda m: parametrize.remove_parametrizations(m, "weight"), ValueError, "no parametrization on 'weight'"),
    (lambda m: parametrize.ParametrizationList([], m.weight), ValueError, "at least one"),
    (lambda m: parametrizations.weight_norm(m, "nope"), ValueError, "no parameter or buffer 'nope'"),
    (lambda m: parametrizations.weight_norm(m, dim="x"), TypeError, "int or None for dim"),
    (lambda m: parametrizations.spectral_norm(m, "nope"), ValueError, "no parameter or buffer 'nope'"),
    (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), ValueError, "positive int"),
    (lambda m: parametrizations.spectral_norm(m, dim=5), IndexError, "dim 5 is out of range"),
    (lambda m: parametrizations.orthogonal(m), NotImplementedError, "init.orthogonal_"),
    (lambda m: utils.weight_norm(m, "nope"), ValueError, "no parameter 'nope'"),
    (lambda m: utils.weight_norm(m, dim=7), IndexError, "dim 7 is out of range"),
    (lambda m: utils.weight_norm(utils.weight_norm(m)), ValueError, "no parameter 'weight'"),
    (lambda m: utils.spectral_norm(m, "nope"), ValueError, "no parameter 'nope'"),
    (lambda m: utils.spectral_norm(m, n_power_iterations=0), ValueError, "positive int"),
    (lambda m: utils.remove_weight_norm(m), ValueError, "there is none on 'weight'"),
    (lambda m: utils.remove_spectral_norm(utils.weight_norm(m)), ValueError, "there is none on 'weight'"),
    (lambda m: setattr(utils.weight_norm(m), "weight", lt.ones(3, 3)), AttributeError, "weight_g and weight_v"),
    (lambda m: delattr(utils.weight_norm(m), "weight"), AttributeError, "is computed"),
    (lambda m: utils.weight_norm(m).nothing, AttributeError, "no attribute 'nothing'"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "error", "text"), REGISTER)
def test_misuse_is_named_and_changes_nothing(act, error, text):
    layer = square()
    before = layer.weight
    with pytest.raises(error, match=text):
        act(layer)
    if type(layer) is nn.Linear:
        assert layer.weight is before


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (lambda: lt.ones(3, 3), RuntimeError, "Symmetric does not implement right_inverse"),
        (lambda: nn.Parameter(lt.ones(3, 3)), KeyError, "is parametrized"),
        (lambda: 3, TypeError, "is a parametrized tensor, got int"),
    ],
)
def test_what_cannot_be_assigned(value, error, text):
    layer = parametrize.register_parametrization(square(), "weight", Symmetric())
    with pytest.raises(error, match=text):
        layer.weight = value()
    other = parametrize.register_parametrization(square(), "weight", Product())
    other.parametrizations.weight[0].right_inverse = lambda x: (x,)
    with pytest.raises(ValueError, match="a sequence of 2 tensors, got 1"):
        other.weight = lt.ones(3, 3)


def test_one_behind_another_is_checked_too():
    layer = parametrize.register_parametrization(square(), "weight", Doubled())
    for bad in (Shape(), Text(), Bad(lambda x: x[:1])):
        with pytest.raises(ValueError, match="must"):
            parametrize.register_parametrization(layer, "weight", bad)
    assert len(layer.parametrizations.weight) == 1
    parametrize.register_parametrization(layer, "weight", Shape(), unsafe=True)
    assert layer.weight.shape == (1, 3)
