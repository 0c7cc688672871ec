"""Programs whose history is not made of ops alone: own Functions, hooks, checkpoints, writes under no_grad."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import lamella.autograd as la
import lamella.tensor as lt
from lamella import nn
from lamella.autograd.function import once_differentiable
from lamella.nn import functional

__all__ = ["HISTORIES", "STATE", "Keeps"]

STATE = lt.ones(3, dtype=lt.float64)


class Square(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2.0 * ctx.saved_tensors[0] * g


class Round(la.Function):
    """Straight through: its derivative is not that of the ops in it."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004
        return (x * 4.0).floor() / 4.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:  # noqa: ARG004
        return g


class Reverse(la.Function):
    """Its output is its input: one value with two histories."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.factor = factor
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return -ctx.factor * g, None


class Attributes(la.Function):
    """Keeps tensors, sizes and containers as attributes; its backward is not linear, and changes the context."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.kept = {"mask": x > 0, "more": [x.shape[0], (x.tanh(),)]}
        ctx.calls = 0.0
        return x * ctx.kept["mask"]

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        ctx.calls += 1.0
        n, (tanh,) = ctx.kept["more"]
        return g * g * ctx.kept["mask"] * n * tanh * ctx.calls


class Several(la.Function):
    """Two outputs, and something saved that is neither an input nor an output."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        inner = (x @ w).exp()
        ctx.save_for_backward(x, w, inner)
        return inner.sum(), inner * 2.0

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, w, inner = ctx.saved_tensors
        t = (g + 2.0 * h) * inner
        return t @ w.T, x.T @ t


class Sorted(la.Function):
    """Outputs that carry no gradient, by their dtype and by a mark."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        scale = x.abs() + 1.0
        ctx.mark_non_differentiable(scale)
        ctx.save_for_backward(x)
        return x.sort(-1)[0], x.argmax(-1), scale

    @staticmethod
    def backward(ctx: Any, g: Any, *_: Any) -> Any:
        return g * ctx.saved_tensors[0]


class Absent(la.Function):
    """Asks which cotangents come."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x * x, x**3

    @staticmethod
    def backward(ctx: Any, a: Any, b: Any) -> Any:
        (x,) = ctx.saved_tensors
        if a is None:
            return 3.0 * x * x * b
        return 2.0 * x * a if b is None else 2.0 * x * a + 3.0 * x * x * b


class NoneFor(la.Function):
    """No gradient for w, on which that of x depends."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(w)
        return x * w.sum()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0].sum(), None


class Once(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        return 2.0 * ctx.saved_tensors[0] * g


class Sin(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * Cos.apply(ctx.saved_tensors[0])


class Cos(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return -g * Sin.apply(ctx.saved_tensors[0])


class Power(la.Function):
    """With a setup_context and keywords; the output is what is saved."""

    @staticmethod
    def forward(x: Any, k: float = 2.0) -> Any:
        return (x * k).exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.k = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0] * ctx.k, None


class Noise(la.Function):
    """Draws: what is computed once more has the numbers of the call."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        noise = lt.rand(*x.shape, dtype=x.dtype)
        ctx.save_for_backward(x, noise)
        return x * x * noise

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, noise = ctx.saved_tensors
        return 2.0 * x * noise * g


class Triple(la.Function):
    """Writes its input."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x.clone())
        ctx.mark_dirty(x)
        return x.mul_(3.0)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3.0 * ctx.saved_tensors[0]


class Keeps(la.Function):
    """Keeps an object that nothing is known about."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.thing = object()
        return x * 2.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2.0 if ctx.thing is not None else None


def hooks(x: Any, w: Any) -> Any:
    y = x @ w
    y.register_hook(lambda g: g * 2.0)
    y.register_hook(lambda g: g.clamp(-3.0, 3.0))
    y.register_hook(lambda g: None)
    return (y * y).sum()


def hooks_over_tensors(x: Any, w: Any) -> Any:
    y = x @ x.T
    scale = y.detach().abs()
    factors = [2.0, scale.sum()]
    total = w.sum()
    y.register_hook(lambda g: g * y * scale)
    y.register_hook(lambda g, k=total: g * k * factors[1])
    y.register_hook(functools.partial(_scaled, factor=w))
    return (y**3).sum()


def _scaled(g: Any, factor: Any) -> Any:
    return g * factor.mean()


def hooks_that_share(x: Any, w: Any) -> Any:
    """The first that runs leaves something for the second, in each walk."""
    left = [x.abs().sum()]

    def last(g: Any) -> Any:
        left.append(g)
        return g * 2.0

    y = x @ w
    y.register_hook(lambda g: g * left.pop() * left[0])
    z = y**2
    z.register_hook(last)
    return z.sum()


def hook_before_the_result(x: Any, w: Any) -> Any:
    y = (x @ w) ** 2
    y.register_hook(lambda g: g**2)
    return y * 1.0


def hook_taken_away(x: Any, w: Any) -> Any:
    y = x @ w
    y.register_hook(lambda g: g * 9.0).remove()
    return (y * y).sum()


def node_hooks(x: Any, w: Any) -> Any:
    y = x @ w
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2.0,))
    y.grad_fn.register_hook(lambda grads, _: (grads[0] * 3.0, grads[1]))
    return (y * y).sum()


class Hooked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.5
        self.linear = nn.Linear(3, 3).to(lt.float64)

    def hook(self, g: Any) -> Any:
        return g * self.scale

    def forward(self, x: Any, w: Any) -> Any:
        y = self.linear(x @ w)
        y.register_hook(self.hook)
        y.register_hook(lambda g: g * self.linear.weight.sum())
        return (y**2).sum()


class Gated(nn.Module):
    """Full backward hooks: two nodes that share what stands between them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3).to(lt.float64)
        self.linear.register_full_backward_hook(lambda m, into, out: (into[0] * out[0].sum(),))
        self.linear.register_full_backward_pre_hook(lambda m, out: (out[0] ** 2,))

    def forward(self, x: Any, w: Any) -> Any:
        return (self.linear(x @ w).tanh() ** 2).sum()


def written_under_no_grad(x: Any, w: Any) -> Any:
    y = x @ w
    with lt.no_grad():
        y.mul_(2.0)
    return (y * y).sum()


def leaf_inside(x: Any, w: Any) -> Any:
    k = lt.ones(3, dtype=lt.float64, requires_grad=True)
    (g,) = la.grad((Square.apply(x @ w) * k).sum(), [k], create_graph=True)
    return (g**2).sum() + ((x @ w) ** 2 * k).sum()


def packed(x: Any, w: Any) -> Any:
    with la.graph.saved_tensors_hooks(lambda t: t * 2.0, lambda t: t / 2.0):
        return ((x @ w) ** 3).sum()


def input_written_before(x: Any, w: Any) -> Any:
    STATE.mul_(0.5)
    return (STATE * (x @ w) ** 2).sum()


def checkpoint_over_a_closure(x: Any, w: Any) -> Any:
    h = x @ w
    return la.checkpoint(lambda a: (a * h).exp() * a, x) + h


def checkpoint_of_a_checkpoint(x: Any, w: Any) -> Any:
    def outer(x: Any, w: Any) -> Any:
        y = la.checkpoint(lambda u: Power.apply(u @ w, k=0.5), x)
        y.register_hook(lambda g: g * 2.0)
        return Square.apply(y) * Round.apply(x)

    return la.checkpoint(outer, x, w)


def checkpoints_that_share(x: Any, w: Any) -> Any:
    a, b = la.checkpoint(lambda x: (x, x.exp()), x)
    return a * b + la.checkpoint(lambda x: x, x) * w.sum()


def forked(x: Any, w: Any) -> Any:
    y = Square.apply(x @ w)
    return (y * Round.apply(x)).sum() if y.sum() > 5.0 else Power.apply(y).sum()


# (x, w) -> a result or several
HISTORIES: dict[str, Callable[[Any, Any], Any]] = {
    "a Function": lambda x, w: Square.apply(x @ w).sum(),
    "a Function at the end": lambda x, w: Square.apply(x * w.sum()),
    "straight through": lambda x, w: (Round.apply(x @ w) ** 3 * x).sum(),
    "output is input": lambda x, w: (Reverse.apply(x @ w, 0.5) ** 3 * x).sum(),
    "result is an input": lambda x, w: (Reverse.apply(x, 0.5), (x @ w) ** 2),
    "attributes": lambda x, w: (Attributes.apply(x @ w) ** 3).sum(),
    "several outputs": lambda x, w: Several.apply(x, w),
    "one of several": lambda x, w: Several.apply(x, w)[1] * x.sum(),
    "outputs without gradient": lambda x, w: (lambda s, i, k: s**2 * k + x.gather(-1, i[:, None]))(
        *Sorted.apply(x @ w)
    ),
    "cotangents that come": lambda x, w: Absent.apply(x @ w),
    "one that does not": lambda x, w: Absent.apply(x @ w)[1],
    "None for an input": lambda x, w: NoneFor.apply(x, w) * x,
    "Functions in backward": lambda x, w: Sin.apply(x @ w),
    "setup_context": lambda x, w: Power.apply(x @ w, k=0.5),
    "nested": lambda x, w: Square.apply(Power.apply(Round.apply(x @ w))),
    "draws": lambda x, w: Noise.apply(x @ w),
    "dirty": lambda x, w: Triple.apply(x * w.sum()) ** 2,
    "once differentiable": lambda x, w: Once.apply(x @ w).sum(),
    "hooks": hooks,
    "hooks over tensors": hooks_over_tensors,
    "hooks that share": hooks_that_share,
    "hook before the result": hook_before_the_result,
    "hook taken away": hook_taken_away,
    "node hooks": node_hooks,
    "hooks of a module": Hooked(),
    "full backward hooks": Gated(),
    "written under no_grad": written_under_no_grad,
    "leaf inside": leaf_inside,
    "packed": packed,
    "input written before": input_written_before,
    "checkpoint over a closure": checkpoint_over_a_closure,
    "checkpoint of a checkpoint": checkpoint_of_a_checkpoint,
    "checkpoints that share": checkpoints_that_share,
    "checkpoint that draws": lambda x, w: la.checkpoint(lambda x: functional.dropout(x @ w, 0.5) ** 2, x),
    "forked": forked,
}  # fmt: skip
