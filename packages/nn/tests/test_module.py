"""Module: what is registered, how it is walked, what its state is, how it is called."""

import copy
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.nn import Module, Parameter


class Block(Module):
    def __init__(self):
        super().__init__()
        self.scale = Parameter(lt.ones(3))
        self.register_buffer("mean", lt.zeros(3))
        self.register_buffer("scratch", lt.zeros(2), persistent=False)
        self.inner = nn.Linear(3, 3)
        self.nothing = None
        self.width = 3

    def forward(self, x, gain=1.0):
        return self.inner(x) * self.scale * gain


class Net(Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.second = Block()
        self.tied = self.first

    def forward(self, x):
        return self.second(self.first(x))


def names(pairs):
    return [name for name, _ in pairs]


def test_walks_name_everything_once_and_in_order():
    net = Net()
    assert names(net.named_modules()) == ["", "first", "first.inner", "second", "second.inner"]
    assert names(net.named_modules(remove_duplicate=False))[-2:] == ["tied", "tied.inner"]
    assert names(net.named_parameters()) == [
        f"{b}.{p}" for b in ("first", "second") for p in ("scale", "inner.weight", "inner.bias")
    ]
    assert names(net.named_parameters(prefix="net", recurse=False)) == []
    assert names(net.first.named_parameters("block", recurse=False)) == ["block.scale"]
    assert names(net.named_buffers()) == ["first.mean", "first.scratch", "second.mean", "second.scratch"]
    assert names(net.named_children()) == ["first", "second"]
    assert len(list(net.parameters())) == 6
    assert [type(m) for m in net.children()] == [Block, Block]
    assert net.get_submodule("first.inner") is net.first.inner
    assert net.get_submodule("") is net
    assert net.get_parameter("second.inner.weight") is net.second.inner.weight
    assert net.get_buffer("first.mean") is net.first.mean


def test_attributes_move_between_registries_and_can_be_deleted():
    m = Block()
    m.inner = nn.Identity()
    m.width = nn.Linear(1, 1)
    assert names(m.named_children()) == ["inner", "width"]
    m.scale = None
    assert names(m.named_parameters()) == ["width.weight", "width.bias"]
    assert m.scale is None
    m.scale = Parameter(lt.ones(1))
    assert names(m.named_parameters(recurse=False)) == ["scale"]
    del m.scale, m.mean, m.inner
    assert not list(m.named_parameters(recurse=False))
    assert names(m.named_buffers()) == ["scratch"]
    with pytest.raises(AttributeError, match="has no attribute 'scale'"):
        m.scale  # noqa: B018


def test_a_buffer_takes_another_tensor_and_stays_one():
    m = Block()
    m.mean = lt.ones(3)
    m.scratch = None
    assert names(m.named_buffers()) == ["mean"]
    assert m.state_dict()["mean"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda m: setattr(m, "scale", lt.ones(3)), TypeError, "scale of Block is a parameter"),
        (lambda m: setattr(m, "mean", 3), TypeError, "mean of Block is a buffer"),
        (lambda m: setattr(m, "inner", 3), TypeError, "inner of Block is a submodule"),
        (lambda m: m.register_buffer("a.b", lt.ones(1)), KeyError, "without dots"),
        (lambda m: m.register_buffer("", lt.ones(1)), KeyError, "non-empty"),
        (lambda m: m.register_buffer(1, lt.ones(1)), TypeError, "must be a str"),
        (lambda m: m.register_buffer("forward", lt.ones(1)), KeyError, "already"),
        (lambda m: m.register_parameter("p", lt.ones(1)), TypeError, "must be a Parameter or None"),
        (lambda m: m.register_module("p", lt.ones(1)), TypeError, "must be a Module or None"),
        (lambda m: m.register_parameter("mean", Parameter(lt.ones(1))), KeyError, "already"),
        (lambda m: m.get_submodule("inner.x"), AttributeError, "Linear has no submodule 'x'"),
        (lambda m: m.get_parameter("inner.x"), AttributeError, "Linear has no parameter 'x'"),
        (lambda m: m.get_buffer("x"), AttributeError, "Block has no buffer 'x'"),
        (lambda m: m.train(1), TypeError, "True or False"),
        (lambda m: m.to(lt.int64), TypeError, "floating dtype"),
        (lambda m: m.to("nowhere"), ValueError, "nowhere"),
        (lambda m: m.to(lt.float32, lt.float64), TypeError, "takes one dtype"),
        (lambda m: m.to(lt.float32, False, True), TypeError, "takes one bool by position, non_blocking, got 2"),
        (lambda m: Module()(1), NotImplementedError, "no forward"),
        (lambda m: m.register_forward_hook(3), TypeError, "callable"),
        (lambda m: m.load_state_dict([1]), TypeError, "mapping"),
    ],
)
def test_misuse_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act(Block())


def test_parts_assigned_before_init_are_refused_with_advice():
    class Early(Module):
        def __init__(self):
            self.inner = nn.Identity()
            super().__init__()

    with pytest.raises(AttributeError, match=r"Early.__init__ must call super\(\).__init__\(\)"):
        Early()


# -- state


def test_state_holds_parameters_and_persistent_buffers_over_the_same_memory():
    net = Net()
    state = net.state_dict(prefix="m.")
    assert type(state) is dict
    assert list(state)[:4] == ["m.first.scale", "m.first.mean", "m.first.inner.weight", "m.first.inner.bias"]
    assert "m.tied.scale" in state
    assert not any(v.requires_grad for v in state.values())
    assert net.state_dict(keep_vars=True)["first.scale"] is net.first.scale
    with lt.no_grad():
        net.first.scale.fill_(7)
    assert state["m.first.scale"].tolist() == [7, 7, 7]


def test_loading_a_state_is_the_inverse_of_taking_it():
    a, b = Net(), Net()
    assert tuple(b.load_state_dict(a.state_dict())) == ([], [])
    for (name, x), y in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert np.array_equal(x.numpy(), y.numpy()), name
        assert not np.shares_memory(x.numpy(), y.numpy())


def test_assign_takes_the_tensors_themselves():
    m = nn.Linear(2, 2)
    state = {"weight": lt.ones(2, 2, dtype=lt.float64), "bias": Parameter(lt.zeros(2), requires_grad=False)}
    m.weight.requires_grad_(False)
    m.load_state_dict({k: v.float() if k == "weight" else v for k, v in state.items()}, assign=True)
    assert m.bias is state["bias"]
    assert isinstance(m.weight, Parameter)
    assert not m.weight.requires_grad


def test_a_state_that_does_not_fit_lists_all_and_changes_nothing():
    m = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {k: v.clone() for k, v in m.state_dict().items()}
    state = {"0.weight": lt.ones(2, 2), "0.bias": lt.ones(3), "1.weight": 5, "more": lt.ones(1)}
    with pytest.raises(RuntimeError) as caught:
        m.load_state_dict(state)
    for part in (
        "does not fit Sequential",
        "missing from the state: 1.bias",
        "not in the module: more",
        "0.weight has shape (2, 2), expected (3, 2)",
        "1.weight is a int",
        "strict=False",
    ):
        assert part in str(caught.value)
    with pytest.raises(RuntimeError, match=r"0\.weight has shape"):
        m.load_state_dict({"0.weight": lt.ones(2, 2), "0.bias": lt.ones(3)}, strict=False)
    with pytest.raises(RuntimeError, match="complex64, which does not fit"):
        m.load_state_dict({"0.bias": lt.ones(3, dtype=lt.complex64)}, strict=False)
    for k, v in m.state_dict().items():
        assert v.tolist() == before[k].tolist()
    assert m.load_state_dict({"0.bias": lt.ones(3), "more": lt.ones(1)}, strict=False).unexpected_keys == ["more"]
    assert m[0].bias.tolist() == [1, 1, 1]


# -- calls and hooks


def test_hooks_see_and_replace_arguments_and_results():
    m = Block()
    seen = []
    x = lt.ones(1, 3)
    plain = m(x).tolist()
    pre = m.register_forward_pre_hook(lambda mod, args: seen.append("pre") or (args[0] * 2,))
    first = m.register_forward_pre_hook(lambda mod, args: seen.append("first"), prepend=True)
    kw = m.register_forward_pre_hook(lambda mod, args, kwargs: (args, {**kwargs, "gain": 10.0}), with_kwargs=True)
    post = m.register_forward_hook(lambda mod, args, kwargs, out: out + kwargs["gain"], with_kwargs=True)
    out = m(x)
    assert seen == ["first", "pre"]
    assert np.allclose(out.detach().numpy(), (m.forward(x * 2) * 10 + 10).detach().numpy())
    for handle in (pre, first, kw, post):
        handle.remove()
        handle.remove()
    assert m(x).tolist() == plain
    with m.register_forward_hook(lambda mod, args, out: out * 0):
        assert m(x).tolist() == [[0, 0, 0]]
    assert m(x).tolist() == plain


def test_a_pre_hook_that_returns_nonsense_is_refused():
    m = Block()
    m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(TypeError, match=r"\(args, kwargs\)"):
        m(lt.ones(1, 3))


# -- epochs


@pytest.mark.parametrize(
    ("change", "bumps"),
    [
        (lambda m: setattr(m, "width", 3), False),
        (lambda m: setattr(m, "width", 3.0), True),
        (lambda m: setattr(m, "width", True), True),
        (lambda m: setattr(m, "width", 4), True),
        (lambda m: setattr(m, "shape", (1, 2)), True),
        (lambda m: setattr(m, "training", True), False),
        (lambda m: m.train(), False),
        (lambda m: m.eval(), True),
        (lambda m: setattr(m, "scale", m.scale), False),
        (lambda m: setattr(m, "scale", Parameter(lt.ones(3))), True),
        (lambda m: setattr(m, "mean", m.mean), False),
        (lambda m: setattr(m, "mean", lt.ones(3)), True),
        (lambda m: setattr(m, "inner", nn.Identity()), True),
        (lambda m: setattr(m, "nothing", None), False),
        (lambda m: delattr(m, "width"), True),
        (lambda m: m.register_buffer("more", None), True),
        (lambda m: m.register_forward_hook(print), True),
        (lambda m: m.to(lt.float32), False),
        (lambda m: m.to(lt.float64), True),
        (lambda m: m.load_state_dict(m.state_dict()), False),
        (lambda m: m(lt.ones(1, 3)).sum().backward(), False),
        (lambda m: m.zero_grad(), False),
    ],
)
def test_the_epoch_changes_exactly_when_the_module_does(change, bumps):
    m = Block()
    before, everywhere = m._epoch, nn._module.EPOCH[0]
    change(m)
    assert (m._epoch != before) is bumps
    assert (nn._module.EPOCH[0] != everywhere) is bumps


def test_epochs_are_never_used_twice():
    a = Block()
    b = copy.deepcopy(a)
    assert a._epoch != b._epoch
    handle = a.register_forward_hook(print)
    at = a._epoch
    handle.remove()
    assert a._epoch not in (at, b._epoch)


def test_equal_tuples_are_no_change():
    m = Block()
    m.shape = (1, (2, "x"))
    at = m._epoch
    m.shape = (1, (2, "x"))
    assert m._epoch == at
    m.shape = (1, (2.0, "x"))
    assert m._epoch != at


# -- all at once


def test_train_eval_apply_requires_grad_zero_grad():
    net = Net()
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "Block", "Linear", "Block", "Net"]
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net(lt.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad.abs().sum().item() == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(lt.ones(2, 3)).requires_grad


def test_conversion_keeps_parameters_and_converts_gradients():
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    params = list(m.parameters())
    m(lt.randn(4, 2)).sum().backward()
    m.double()
    assert [id(p) for p in m.parameters()] == [id(p) for p in params]
    assert all(p.dtype is lt.float64 and p.grad.dtype is lt.float64 for p in m.parameters())
    assert m[1].running_mean.dtype is lt.float64
    assert m[1].num_batches_tracked.dtype is lt.int64
    m(lt.randn(4, 2, dtype=lt.float64)).sum().backward()
    for dtype in (lt.float16, lt.bfloat16, lt.float32):
        assert {p.dtype for p in m.to(dtype).parameters()} == {dtype}
    assert m.half()[0].weight.dtype is lt.float16
    assert m.bfloat16()[0].weight.dtype is lt.bfloat16
    assert m.float()[0].weight.dtype is lt.float32
    meta = nn.Linear(2, 2).to("meta")
    assert meta(lt.empty(5, 2, device="meta")).shape == (5, 2)


def test_copies_and_pickles_keep_values_ties_and_marks():
    net = Net()
    net.first.scale.no_decay = True
    net.second.inner.weight = net.first.inner.weight
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.first is twin.tied
        assert twin.second.inner.weight is twin.first.inner.weight
        assert twin.first.scale.no_decay is True
        assert isinstance(twin.first.scale, Parameter)
        assert twin.first.scale.requires_grad
        x = lt.ones(1, 3)
        assert twin(x).tolist() == net(x).tolist()
        with lt.no_grad():
            twin.first.scale.fill_(9)
        assert net.first.scale.tolist() == [1, 1, 1]


def test_a_shallow_copy_shares_parts_but_not_registries():
    m = Block()
    twin = copy.copy(m)
    assert twin.scale is m.scale
    twin.extra = Parameter(lt.ones(1))
    twin.register_forward_hook(lambda mod, args, out: out * 0)
    assert names(m.named_parameters()) == ["scale", "inner.weight", "inner.bias"]
    assert m(lt.ones(1, 3)).abs().sum().item() > 0


def test_conversion_marks_every_module_that_holds_a_tied_parameter():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)
    b.weight = a.weight
    net = nn.Sequential(a, b)
    epochs = [a._epoch, b._epoch]
    net.double()
    assert b.weight.dtype is lt.float64
    assert a._epoch != epochs[0]
    assert b._epoch != epochs[1]


def test_a_deep_copy_of_a_parameter_has_its_own_gradient():
    p = Parameter(lt.ones(2))
    (p * 3).sum().backward()
    q = copy.deepcopy(p)
    p.grad = None
    assert q.grad.tolist() == [3, 3]
    assert q.is_leaf


def test_copies_keep_memory_shared_and_marks():
    flat = lt.zeros(4)
    p = Parameter(flat)
    p.no_decay = True
    frozen = Parameter(lt.ones(2, dtype=lt.int64), requires_grad=False)
    b = nn.Buffer(lt.ones(3), persistent=False)
    for way in (copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        flat2, p2, tied, frozen2, b2 = way([flat, p, p, frozen, b])
        assert (type(p2), type(b2)) == (Parameter, nn.Buffer)
        assert tied is p2
        assert p2.requires_grad
        assert p2.is_leaf
        assert p2.no_decay
        assert not frozen2.requires_grad
        assert not b2.persistent
        flat2.fill_(5)
        assert p2.tolist() == [5] * 4
        assert p.tolist() == [0] * 4


def test_repr_shows_the_tree():
    text = repr(nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU())))
    assert text.splitlines() == [
        "Sequential(",
        "  (0): Linear(in_features=1, out_features=2, bias=True)",
        "  (1): Sequential(",
        "    (0): ReLU()",
        "  )",
        ")",
    ]


def test_modules_and_parameters_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        m = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        m(lt.randn(3, 4)).sum().backward()
        refs = [weakref.ref(m), weakref.ref(m[0].weight)]
        del m
        assert [r() for r in refs] == [None, None]
    finally:
        gc.enable()


# -- parameters


def test_a_parameter_is_a_leaf_over_the_given_memory():
    t = lt.ones(3)
    p = Parameter(t)
    assert p.is_leaf
    assert p.requires_grad
    assert np.shares_memory(p.detach().numpy(), t.numpy())
    version = t[0:1]
    t.fill_(2)
    assert p.tolist() == [2, 2, 2]
    assert version.tolist() == [2]
    assert repr(p).startswith("Parameter containing:\ntensor(")
    assert Parameter(lt.arange(3), requires_grad=False).dtype is lt.int64
    assert Parameter().shape == (0,)


@pytest.mark.parametrize("part", [lambda t: t.detach(), lambda t: t.reshape(4), lambda t: t[1:], lambda t: t.T])
def test_the_data_of_a_parameter_may_be_a_view(part):
    p, t = Parameter(lt.zeros(2, 2)), lt.tensor([[1.0, 2.0], [3.0, 4.0]])
    p.data = part(t)
    assert p.is_leaf
    assert np.shares_memory(p.detach().numpy(), t.numpy())
    with lt.no_grad():
        t.mul_(2)
        p.add_(1)
    assert p.tolist() == part(lt.tensor([[3.0, 5.0], [7.0, 9.0]])).tolist()
    (p * p).sum().backward()
    assert p.grad.tolist() == (2 * p.detach()).tolist()
    Parameter(p)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Parameter([1.0]), TypeError, "needs a tensor, got list"),
        (lambda: Parameter(lt.arange(3)), TypeError, "floating"),
    ],
)
def test_bad_parameters(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_no_parameter_is_made_inside_a_transform():
    from lamella.autograd import vmap

    for make in (lambda x: Parameter(x) * 2, lambda x: nn.Linear(1, 1, bias=False)(x)):
        with pytest.raises(RuntimeError, match="inside a transform"):
            vmap(make)(lt.ones(3, 1))


# -- containers


def test_sequential_is_a_list_of_steps():
    s = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    s.append(nn.Linear(3, 1)).insert(0, nn.Identity()).extend([nn.Tanh()])
    assert [type(m).__name__ for m in s] == ["Identity", "Linear", "ReLU", "Linear", "Tanh"]
    assert s[-1] is s[4]
    assert len(s[1:3]) == 2
    assert s[1:3][0] is s[1]
    s[0] = nn.Flatten()
    del s[4]
    assert names(s.named_children()) == ["0", "1", "2", "3"]
    assert s(lt.ones(5, 2)).shape == (5, 1)
    named = nn.Sequential({"a": nn.Linear(2, 2), "b": nn.ReLU()})
    assert names(named.named_parameters()) == ["a.weight", "a.bias"]
    for bad, error in ((lambda: s[9], IndexError), (lambda: s["a"], TypeError), (lambda: s.append(3), TypeError)):
        with pytest.raises(error):
            bad()


def test_lists_and_dicts_register_their_modules():
    both = nn.ModuleDict({"l": nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1, bias=False)]), "r": nn.ReLU()})
    assert names(both.named_parameters()) == ["l.0.weight", "l.0.bias", "l.1.weight"]
    assert "r" in both
    assert list(both) == list(both.keys()) == ["l", "r"]
    assert [type(m) for m in both.values()] == [nn.ModuleList, nn.ReLU]
    assert dict(both.items())["r"] is both["r"]
    both.update([("z", nn.Identity())])
    assert isinstance(both.pop("r"), nn.ReLU)
    assert len(both) == 2
    for bad, error in (
        (lambda: both["no"], KeyError),
        (lambda: both.update({"x": 3}), TypeError),
        (lambda: both.update({"keys": nn.ReLU()}), KeyError),
        (lambda: nn.ModuleList([1]), TypeError),
    ):
        with pytest.raises(error):
            bad()


def test_training_steps_leave_no_memory_behind():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16, 3),
    )
    # a draw of more than 1024 elements does not go through the generator's tables, which grow up to a bound
    x, y = lt.rand(80, 1, 4, 4), lt.arange(80) % 3

    def step():
        net.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        with lt.no_grad():
            for p in net.parameters():
                assert p.grad is not None
                p.sub_(p.grad * 0.1)

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        # a leak shows in every stretch; what the interpreter or a thread that is not done makes room for, in some
        grown = []
        for _ in range(8):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(50):
                step()
            grown.append(tracemalloc.get_traced_memory()[0] - before)
        assert min(grown) < 1024
    finally:
        tracemalloc.stop()
        gc.enable()


def test_to_a_memory_format():
    m = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4))
    x = lt.randn(2, 3, 5, 5)
    wanted = m(x)
    weight = m[0].weight
    assert m.to(memory_format=lt.channels_last) is m
    assert m[0].weight is weight
    assert weight.is_contiguous(memory_format=lt.channels_last)
    assert not weight.is_contiguous()
    assert m[1].weight.shape == (4,)
    np.testing.assert_allclose(m(x).detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=1e-6)
    m(x.contiguous(memory_format=lt.channels_last)).sum().backward()
    assert weight.grad.shape == weight.shape
    assert m.to(memory_format=lt.contiguous_format)[0].weight.is_contiguous()
    with pytest.raises(TypeError, match="memory_format is one such as"):
        nn.Linear(2, 2).to(memory_format="NHWC")
