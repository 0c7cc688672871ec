"""Containers of modules and parameters: they are the lists and dicts of Python, and what is in them is registered."""

from collections import OrderedDict

import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.testing import assert_close


def kinds(modules):
    return [type(m).__name__ for m in modules]


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_a_module_list_is_a_list():
    m = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    m.extend([nn.GELU()])
    m.insert(0, nn.SiLU())
    m += [nn.ELU()]
    assert kinds(m) == ["SiLU", "ReLU", "Tanh", "GELU", "ELU"]
    assert (len(m), type(m[1:3]), kinds(m[1:3])) == (5, nn.ModuleList, ["ReLU", "Tanh"])
    assert m[-1] is m[4]
    m[0] = nn.Identity()
    del m[1]
    assert kinds(m) == ["Identity", "Tanh", "GELU", "ELU"]
    assert list(m._modules) == ["0", "1", "2", "3"]
    assert type(m.pop(-1)) is nn.ELU
    del m[1:]
    assert kinds(m) == ["Identity"]
    assert kinds(nn.ModuleList([nn.ReLU()]) + nn.ModuleList([nn.Tanh()])) == ["ReLU", "Tanh"]
    assert kinds(reversed(nn.ModuleList([nn.ReLU(), nn.Tanh()]))) == ["Tanh", "ReLU"]


def test_a_sequential_may_be_cut_joined_and_repeated():
    s = nn.Sequential(OrderedDict(a=nn.Linear(1, 2), b=nn.ReLU(), c=nn.Linear(2, 1)))
    assert list(dict(s[1:].named_children())) == ["b", "c"]
    assert s.a is s[0]
    joined = s + nn.Sequential(nn.Tanh())
    assert kinds(joined) == ["Linear", "ReLU", "Linear", "Tanh"]
    assert joined[0] is s[0]
    assert len(nn.Sequential(nn.ReLU()) * 3) == 3
    s.insert(1, nn.GELU())
    del s[0]
    assert kinds(s) == ["GELU", "ReLU", "Linear"]
    assert type(s.pop(0)) is nn.GELU
    assert nn.Sequential()(5) == 5


def test_a_module_dict_keeps_the_order_it_was_given():
    d = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1, bias=False)})
    d["c"] = nn.GELU()
    d.update([("b", nn.SiLU())])
    assert list(d) == list(d.keys()) == ["b", "a", "c"]
    assert kinds(d.values()) == ["SiLU", "Linear", "GELU"]
    assert names(d) == ["a.weight"]
    del d["b"]
    assert "b" not in d
    assert type(d.pop("c")) is nn.GELU
    d.clear()
    assert len(d) == 0


def test_a_parameter_list_holds_parameters_and_anything_else():
    p = nn.ParameterList([nn.Parameter(lt.ones(1)), lt.zeros(2)])
    p.append(lt.ones(3)).extend([5, "x"])
    assert len(p) == 5
    assert names(p) == list(p.state_dict()) == ["0", "1", "2"]
    assert isinstance(p[1], nn.Parameter)
    assert list(p[3:]) == [5, "x"]
    p[0] = lt.full((4,), 2.0)
    p += [lt.ones(1)]
    assert p[0].tolist() == [2] * 4
    assert (len(p), len(p[1:3]), p[-1].tolist()) == (6, 2, [1])
    assert repr(p).splitlines()[:2] == ["ParameterList(", "    (0): Parameter containing: [lamella.float32 of size 4]"]
    assert repr(nn.ParameterList()) == "ParameterList()"


def test_a_parameter_dict_is_a_dict():
    p = nn.ParameterDict({"b": lt.ones(1), "a": nn.Parameter(lt.zeros(2)), "n": 3})
    assert list(p) == ["a", "b", "n"]  # a plain dict is taken in the order of its keys
    assert list(nn.ParameterDict(OrderedDict(b=lt.ones(1), a=lt.ones(1)))) == ["b", "a"]
    assert list(nn.ParameterDict([("b", lt.ones(1)), ("a", lt.ones(1))])) == ["b", "a"]
    assert names(p) == ["a", "b"]
    assert (p.get("q", 7), p.pop("n"), "a" in p, len(p)) == (7, 3, True, 2)
    assert isinstance(p.setdefault("y", lt.ones(1)), nn.Parameter)
    del p["b"]
    assert list(p.state_dict()) == ["a", "y"]
    assert list(p | {"k": lt.ones(1)}) == ["a", "y", "k"]
    assert list(reversed(p)) == ["y", "a"]
    twin = p.copy()
    assert twin["a"] is p["a"]
    assert p.popitem()[0] == "y"
    assert [(k, v.shape) for k, v in p.items()] == [("a", (2,))]
    assert list(p.fromkeys(["u", "v"], 1).values()) == [1, 1]
    p.clear()
    assert len(p) == 0


def test_what_is_in_a_container_is_trained_moved_and_loaded():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
            self.gains = nn.ParameterDict({"g": lt.ones(2)})
            self.shifts = nn.ParameterList([lt.zeros(2)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x) * self.gains["g"] + self.shifts[0]
            return x

    net = Net()
    net(lt.ones(1, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert names(net)[-2:] == ["gains.g", "shifts.0"]
    assert net.double().gains["g"].dtype is lt.float64
    other = Net()
    other.load_state_dict(net.state_dict())
    assert_close(other(lt.ones(1, 2)), net(lt.ones(1, 2).double()).float(), factor=4)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: nn.Sequential(nn.ReLU())[3], IndexError, "index 3 is out of range for 1 modules"),
        (lambda: nn.Sequential(3), TypeError, "int"),
        (lambda: nn.ModuleList([nn.ReLU()])[-2], IndexError, "out of range"),
        (lambda: nn.ModuleList([nn.ReLU()])(1), NotImplementedError, "ModuleList defines no forward"),
        (lambda: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "no module 'b'; there are a"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), KeyError, "without dots"),
        (lambda: nn.ParameterList([lt.ones(1)])[1], IndexError, "index 1 is out of range for 1 parameters"),
        (lambda: nn.ParameterList(lt.ones(1)), TypeError, "takes a list of tensors, got a Tensor"),
        (lambda: nn.ParameterList()["a"], TypeError, "ints and slices, got str"),
        (lambda: nn.ParameterDict()["a"], KeyError, "no parameter 'a'; there are none"),
        (lambda: nn.ParameterDict({1: lt.ones(1)}), TypeError, "must be a str, got int"),
        (lambda: nn.ParameterDict({"keys": lt.ones(1)}), KeyError, "has an attribute 'keys' already"),
        (lambda: nn.ParameterDict().popitem(), KeyError, "empty"),
    ],
)
def test_misuse_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
