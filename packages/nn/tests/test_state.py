"""States: which names, which buffers, how they are loaded, and what does not fit."""

from collections import OrderedDict

import pytest

import lamella.tensor as lt
from lamella import nn


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = 0

    def get_extra_state(self):
        return {"seen": self.seen}

    def set_extra_state(self, state):
        self.seen = state["seen"]


def test_buffers_persist_or_do_not():
    m = nn.Module()
    m.register_buffer("kept", lt.ones(1))
    m.register_buffer("scratch", lt.ones(1), persistent=False)
    m.register_buffer("absent", None)
    m.by_class = nn.Buffer(lt.ones(2))
    m.scratch_by_class = nn.Buffer(lt.ones(2), persistent=False)
    assert list(m.state_dict()) == ["kept", "by_class"]
    assert [n for n, _ in m.named_buffers()] == ["kept", "scratch", "by_class", "scratch_by_class"]
    m.scratch = lt.zeros(3)
    assert list(m.state_dict()) == ["kept", "by_class"]
    m.register_buffer("scratch", lt.zeros(3))
    m.register_buffer("kept", lt.zeros(3), persistent=False)
    assert list(m.state_dict()) == ["scratch", "by_class"]
    with pytest.raises(RuntimeError, match="not in the module: scratch_by_class"):
        m.load_state_dict({**m.state_dict(), "scratch_by_class": lt.ones(2)})
    m.absent = lt.ones(1)
    assert "absent" in m.state_dict()


def test_the_destination_and_the_versions():
    class Newer(nn.Module):
        _version = 3

    state = OrderedDict(other=1)
    found = nn.Sequential(Newer(), nn.Linear(1, 1)).state_dict(destination=state, prefix="net.")
    assert found is state
    assert list(state) == ["other", "net.1.weight", "net.1.bias"]
    assert {k: v["version"] for k, v in state._metadata.items()} == {"net": 1, "net.0": 3, "net.1": 1}


def test_a_hook_is_told_the_version_that_was_saved():
    class Newer(nn.Linear):
        _version = 3

    m, seen = Newer(1, 1), []
    m.register_load_state_dict_pre_hook(lambda mod, state, prefix, local, *rest: seen.append(local.get("version")))
    m.load_state_dict(m.state_dict(destination=OrderedDict()))
    m.load_state_dict(m.state_dict())
    assert seen == [3, None]


def test_extra_state():
    m = nn.Sequential(Counter(), nn.ReLU())
    m[0].seen = 7
    state = m.state_dict()
    assert state == {"0._extra_state": {"seen": 7}}
    other = nn.Sequential(Counter(), nn.ReLU())
    other.load_state_dict(state)
    assert other[0].seen == 7
    with pytest.raises(RuntimeError, match="missing from the state: 0._extra_state"):
        other.load_state_dict({})
    assert other.load_state_dict({}, strict=False).missing_keys == ["0._extra_state"]
    with pytest.raises(RuntimeError, match="not in the module: _extra_state"):
        nn.ReLU().load_state_dict({"_extra_state": 1})


def test_assign():
    m = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    m[0].bias.requires_grad_(False)
    state = {k: v.double() if v.is_floating_point() else v.clone() for k, v in m.state_dict().items()}
    held = m[0].weight
    m.load_state_dict(state, assign=True)
    assert m[0].weight is not held
    assert m[0].weight.dtype is lt.float64
    assert isinstance(m[0].weight, nn.Parameter)
    assert (m[0].weight.requires_grad, m[0].bias.requires_grad) == (True, False)
    assert m[1].running_mean is state["1.running_mean"]
    state["0.weight"].fill_(5)
    assert m[0].weight.tolist() == [[5, 5]]


def test_a_module_without_memory_gets_it_with_assign():
    m = nn.Sequential(nn.Linear(2, 1, device="meta"), nn.BatchNorm1d(1, device="meta"))
    state = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)).state_dict()
    m.load_state_dict(state, assign=True)
    assert m(lt.ones(3, 2)).shape == (3, 1)
    assert all(t.device.type == "cpu" for t in m.state_dict().values())


def test_values_are_cast_and_copied():
    m = nn.Linear(2, 1)
    given = {"weight": lt.tensor([[1, 2]]), "bias": lt.tensor([0.1], dtype=lt.float64)}
    held = m.weight
    m.load_state_dict(given)
    assert m.weight is held
    assert m.weight.tolist() == [[1, 2]]
    assert m.bias.dtype is lt.float32
    given["bias"].fill_(9)
    assert m.bias.item() == pytest.approx(0.1)


def test_numbers_that_were_saved_with_a_dim():
    m = nn.BatchNorm1d(2)
    m.load_state_dict({**m.state_dict(), "num_batches_tracked": lt.tensor([5])})
    assert m.num_batches_tracked.item() == 5
    assert m.num_batches_tracked.shape == ()
    with pytest.raises(RuntimeError, match=r"num_batches_tracked has shape \(2,\), expected \(\)"):
        m.load_state_dict({**m.state_dict(), "num_batches_tracked": lt.tensor([5, 6])})


ONE = {"weight": lt.ones(1, 1), "bias": lt.ones(1)}


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize(
    ("state", "strict", "error", "text"),
    [
        ({"weight": ONE["weight"]}, True, RuntimeError, "missing from the state: bias; strict=False accepts"),
        ({**ONE, "more": lt.ones(1)}, True, RuntimeError, "not in the module: more"),
        ({**ONE, "bias.more": lt.ones(1)}, True, RuntimeError, "not in the module: bias.more"),
        ({**ONE, "weight": lt.ones(2, 1)}, False, RuntimeError, r"weight has shape \(2, 1\), expected \(1, 1\)"),
        ({**ONE, "weight": [1.0]}, False, RuntimeError, "weight is a list, expected a tensor of shape"),
        ({**ONE, "weight": lt.ones(1, 1, dtype=lt.complex64)}, True, RuntimeError, "does not fit .*float32"),
        ([1], True, TypeError, "needs a mapping of names to tensors, got list"),
        ({1: lt.ones(1)}, True, TypeError, "names that are str, got the key 1"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(state, strict, error, text, assign):
    m = nn.Linear(1, 1)
    held, before = m.weight, m.weight.item()
    with pytest.raises(error, match=text):
        m.load_state_dict(state, strict=strict, assign=assign)
    assert m.weight is held
    assert m.weight.item() == before


def test_names_that_do_not_meet_are_returned():
    m = nn.Sequential(nn.Linear(1, 1))
    found = m.load_state_dict({"0.weight": lt.full((1, 1), 3.0), "1.weight": lt.ones(1)}, strict=False)
    assert found.missing_keys == ["0.bias"]
    assert found.unexpected_keys == ["1.weight"]
    assert m[0].weight.item() == 3
    assert repr(m.load_state_dict(m.state_dict())) == "<All keys matched successfully>"
