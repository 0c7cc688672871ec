"""Modules whose parameters are computed, or replaced for a call: a compiled program sees what is there now."""

import lamella.tensor as lt
from lamella import nn
from lamella.compiler import compile
from lamella.nn.utils import parametrizations, stateless, weight_norm
from lamella.testing import assert_close


def test_programs_follow_what_a_weight_is_computed_from():
    for norm in (parametrizations.weight_norm, weight_norm):
        layer = norm(nn.Linear(4, 3))
        run = compile(layer)
        x = lt.randn(2, 4)
        for _ in range(3):
            run(x).sum().backward()
            assert_close(run(x), layer(x), factor=10)
            with lt.no_grad():
                for p in layer.parameters():
                    p.sub_(p.grad)
                    p.grad = None


class Outer(nn.Module):
    def __init__(self, net, program):
        super().__init__()
        self.net = net
        self.program = program

    def forward(self, x):
        return self.program(x)


def test_programs_see_the_tensors_of_a_functional_call():
    net = nn.Linear(3, 2)
    x = lt.randn(4, 3)
    run = compile(lambda state, x: stateless.functional_call(net, state, x))
    inner = compile(net)
    for _ in range(3):
        state = {name: lt.randn(*p.shape) for name, p in net.named_parameters()}
        expected = nn.functional.linear(x, state["weight"], state["bias"])
        assert_close(run(state, x), expected, factor=4)
        assert_close(inner(x), net(x), factor=4)
        # the program was made from the module as it is between the calls
        outer = Outer(net, inner)
        within = stateless.functional_call(outer, {f"net.{name}": value for name, value in state.items()}, x)
        assert_close(within, expected, factor=4)
    assert_close(inner(x), net(x), factor=4)


def test_a_mask_without_dims_may_be_written_through() -> None:
    def f(x):
        y = x.mean()
        y[y > 0.3] = 0.0
        return y

    compiled = compile(f, backend="interpreter", fullgraph=True)
    for value in (0.5, 0.25):
        assert compiled(lt.full((3,), value)).item() == f(lt.full((3,), value)).item()
