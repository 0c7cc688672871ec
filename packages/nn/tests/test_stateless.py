"""functional_call, skip_init and the fusion of batch norms."""

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import autograd, nn
from lamella.nn import utils
from lamella.nn.utils.stateless import functional_call
from lamella.testing import assert_close


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.b = self.a
        self.weight = self.a.weight
        self.register_buffer("count", lt.zeros(()))
        self.plain = 3

    def forward(self, x, gain=1.0):
        self.count.add_(1)
        return self.b(x) * gain + self.weight.sum()


NUMBER: dict[str, Any] = {"weight": 3}
ZERO, ONE = lt.zeros(2, 2), lt.ones(2, 2)
X = lt.ones(1, 2)


def snapshot(module):
    return [(dict(m.__dict__), dict(m._parameters), dict(m._buffers)) for m in module.modules()]


def unchanged(before, after):
    return all(
        x.keys() == y.keys() and all(x[k] is y[k] or x[k] == y[k] for k in x)
        for old, new in zip(before, after, strict=True)
        for x, y in zip(old, new, strict=True)
    )


def test_the_given_tensors_are_used_and_the_module_is_as_before():
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    before = snapshot(net)
    state = {name: lt.rand(*p.shape) for name, p in net.named_parameters()}
    other = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    other.load_state_dict(state)
    assert_close(functional_call(net, state, X), other(X))
    some = {"2.bias": lt.full((1,), 5.0)}
    assert_close(functional_call(net, some, (X,)) - 5, net(X) - net[2].bias)
    assert_close(functional_call(net, [state, {}], X), other(X))
    assert unchanged(before, snapshot(net))


def test_tied_tensors_are_replaced_under_all_their_names():
    net = Tied()
    names = {"a.weight": ZERO, "a.bias": lt.zeros(2)}
    assert functional_call(net, names, X, {"gain": 2.0}).tolist() == [[0, 0]]
    assert functional_call(net, {**names, "b.weight": ZERO, "weight": ZERO}, X).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="'a.weight' and 'b.weight' are one tensor"):
        functional_call(net, {"a.weight": ZERO, "b.weight": ONE}, X)
    loose = functional_call(net, {"weight": ONE, "a.bias": lt.zeros(2)}, X, tie_weights=False)
    assert_close(loose, nn.functional.linear(X, net.a.weight) + 4)


def test_buffers_move_in_what_was_given():
    net = Tied()
    count = lt.zeros(())
    functional_call(net, {"count": count}, X)
    functional_call(net, {"count": count}, X)
    assert (count.item(), net.count.item()) == (2, 0)


def test_an_error_inside_leaves_the_module_as_it_was():
    net = Tied()
    before = snapshot(net)
    for bad in (lt.ones(2, 5), lt.ones(5, 2)):
        with pytest.raises(ValueError, match="linear"):
            functional_call(net, {"weight": bad}, X)
    assert unchanged(before, snapshot(net))


def test_gradients_per_example_and_ensembles():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    params = {name: p.detach() for name, p in net.named_parameters()}
    x, y = lt.randn(5, 3), lt.arange(5) % 2

    def loss(state, one, label):
        return nn.functional.cross_entropy(functional_call(net, state, one.unsqueeze(0)), label.unsqueeze(0))

    each = autograd.vmap(autograd.grad_and_value(loss), in_dims=(None, 0, 0))(params, x, y)[0]
    for i in range(5):
        net.zero_grad()
        nn.functional.cross_entropy(net(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in net.named_parameters():
            assert_close(each[name][i], p.grad, factor=4)
    models = [nn.Linear(3, 2) for _ in range(4)]
    stacked = {n: lt.stack([dict(m.named_parameters())[n].detach() for m in models]) for n in ("weight", "bias")}
    outs = autograd.vmap(lambda state: functional_call(models[0], state, x))(stacked)
    assert_close(outs, lt.stack([m(x) for m in models]), factor=4)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda net: functional_call(3, {}, X), TypeError, "needs a module, got int"),
        (lambda net: functional_call(net, 7, X), ValueError, "a dict of tensors, or a list of dicts, got int"),
        (lambda net: functional_call(net, [{}, 3], X), ValueError, "got list"),
        (lambda net: functional_call(net, NUMBER, X), TypeError, "got int for 'weight'"),
        (lambda net: functional_call(net, {"c.weight": ZERO}, X), AttributeError, "no submodule 'c'"),
        (lambda net: functional_call(net, ({"weight": ZERO}, {"weight": ZERO}), X), ValueError, "more than one dict"),
        (
            lambda net: functional_call(net, {"weight": ZERO, "zz": ZERO}, X, strict=True),
            RuntimeError,
            "do not fit Tied: not in the module: zz; missing: a.bias, b.bias, count",
        ),
        (lambda net: functional_call(net, {}), TypeError, "missing 1 required positional argument"),
        (lambda net: utils.skip_init(3), TypeError, "a class of modules, got 3"),
        (lambda net: utils.skip_init(nn.ReLU), RuntimeError, "ReLU takes no device"),
    ],
)
def test_misuse_is_named(act, error, text):
    net = Tied()
    before = snapshot(net)
    with pytest.raises(error, match=text):
        act(net)
    assert unchanged(before, snapshot(net))


def test_skip_init_draws_nothing():
    lt.manual_seed(3)
    expected = lt.rand(2).tolist()
    lt.manual_seed(3)
    layer = utils.skip_init(nn.Conv2d, 3, 4, kernel_size=2, dtype=lt.float64)
    assert (layer.weight.shape, layer.weight.dtype) == ((4, 3, 2, 2), lt.float64)
    assert isinstance(layer.weight, nn.Parameter)
    assert str(layer.weight.device) == "cpu"
    assert layer.weight.requires_grad
    assert lt.rand(2).tolist() == expected
    assert utils.skip_init(nn.Linear, 2, 3, device="meta").weight.device.type == "meta"


def trained(norm):
    with lt.no_grad():
        for t in (*norm.parameters(), norm.running_mean):
            t.copy_(lt.randn(*t.shape, dtype=t.dtype))
        norm.running_var.copy_(lt.rand(*norm.running_var.shape, dtype=lt.float64) + 0.5)
    return norm


FUSED = [
    (lambda: nn.Conv1d(4, 6, 3, groups=2), lambda: nn.BatchNorm1d(6), (2, 4, 8), {}),
    (lambda: nn.Conv2d(4, 6, 3, bias=False), lambda: nn.BatchNorm2d(6, eps=1e-2), (2, 4, 5, 5), {}),
    (lambda: nn.Conv3d(2, 3, 2), lambda: nn.BatchNorm3d(3, affine=False), (2, 2, 3, 3, 3), {}),
    (lambda: nn.ConvTranspose2d(4, 6, 3), lambda: nn.BatchNorm2d(6), (2, 4, 5, 5), {"transpose": True}),
    (lambda: nn.Linear(4, 6), lambda: nn.BatchNorm1d(6), (3, 4), None),
    (lambda: nn.Linear(4, 6, bias=False), lambda: nn.BatchNorm1d(6), (3, 4), None),
]


@pytest.mark.parametrize(("layer", "norm", "shape", "options"), FUSED)
def test_a_fused_layer_computes_both(layer, norm, shape, options):
    first, second = layer().double().eval(), trained(norm().double()).eval()
    x = lt.randn(*shape, dtype=lt.float64)
    if options is None:
        fused = utils.fuse_linear_bn_eval(first, second)
    else:
        fused = utils.fuse_conv_bn_eval(first, second, **options)
    assert type(fused) is type(first)
    assert_close(fused(x), second(first(x)), factor=16)
    assert isinstance(fused.bias, nn.Parameter)
    assert fused.weight.requires_grad
    assert not np.shares_memory(fused.weight.detach().numpy(), first.weight.detach().numpy())


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: utils.fuse_conv_bn_eval(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval()), ValueError, "eval mode"),
        (lambda: utils.fuse_conv_bn_eval(nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2)), ValueError, "eval mode"),
        (
            lambda: utils.fuse_conv_bn_eval(
                nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2, track_running_stats=False).eval()
            ),
            ValueError,
            "running statistics",
        ),
        (
            lambda: utils.fuse_linear_bn_eval(nn.Linear(1, 2).eval(), nn.BatchNorm1d(3).eval()),
            ValueError,
            "3 features, the layer 2 outputs",
        ),
    ],
)
def test_what_cannot_be_fused(act, error, text):
    with pytest.raises(error, match=text):
        act()
