"""Programs over autograd, run once in each library: what hooks see and when, modes, graphs, Functions, autocast.

A program gets the two libraries' namespaces under the names they share and returns what can be compared.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import lamella.autograd
import lamella.autograd.function
import lamella.autograd.functional
import lamella.autograd.graph
import lamella.tensor

pytestmark = pytest.mark.oracle

OURS = SimpleNamespace(
    lib=lamella.tensor,
    autograd=lamella.autograd,
    functional=lamella.autograd.functional,
    graph=lamella.autograd.graph,
    function=lamella.autograd.function,
    func=lamella.autograd,
    checkpoint=lamella.autograd.checkpoint,
    amp=lamella.tensor,
)
THEIRS = SimpleNamespace(
    lib=torch,
    autograd=torch.autograd,
    functional=torch.autograd.functional,
    graph=torch.autograd.graph,
    function=torch.autograd.function,
    func=torch.func,
    checkpoint=lambda f, *a, **k: torch.utils.checkpoint.checkpoint(f, *a, use_reentrant=False, **k),
    amp=torch.amp,
)
X = [0.5, -1.0, 2.0]


def leaf(n: Any, values: Any = X, dtype: str = "float64") -> Any:
    return n.lib.tensor(values, dtype=getattr(n.lib, dtype), requires_grad=True)


def hook_order(n: Any) -> Any:
    seen: list[Any] = []
    a = leaf(n)
    b = a * 3
    b.grad_fn.register_hook(lambda gi, go: seen.append(("post", gi[0].tolist(), gi[1], go[0].tolist())))
    b.grad_fn.register_prehook(lambda go: seen.append(("pre", go[0].tolist())))
    b.register_hook(lambda g: seen.append(("tensor", g.tolist())))
    collector = b.grad_fn.next_functions[0][0]
    collector.register_hook(lambda gi, go: seen.append(("leaf post", gi, go[0].tolist())))
    collector.register_prehook(lambda go: seen.append(("leaf pre", go[0].tolist())))
    a.register_post_accumulate_grad_hook(lambda t: seen.append(("accumulated", t.grad.tolist())))
    a.register_hook(lambda g: seen.append(("leaf tensor", g.tolist())))
    b.sum().backward()
    return seen


def hooks_that_replace(n: Any) -> Any:
    x = leaf(n)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_prehook(lambda go: (go[0] + 1,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 3, None))
    x.register_hook(lambda g: g - 1)
    y.sum().backward()
    return x.grad


def hooks_and_writes(n: Any) -> Any:
    x = leaf(n)
    seen: list[Any] = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.retain_grad()
    y.mul_(3)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward()
    return seen, y.grad, x.grad, y.retains_grad


def retained(n: Any) -> Any:
    x = leaf(n)
    y = x.exp()
    y.retain_grad()
    x.retain_grad()
    (y * y).sum().backward()
    return y.grad, x.grad, y.retains_grad, x.retains_grad, y.is_leaf, x.is_leaf, y.output_nr


def backward_into(n: Any) -> Any:
    x, w = leaf(n), leaf(n, [1.0, 2.0, 3.0])
    y = x * w
    (y * y).sum().backward(inputs=[x, y])
    return x.grad, y.grad, w.grad


def multi_hook(n: Any) -> Any:
    seen: list[Any] = []
    x, w = leaf(n), leaf(n)
    y = x * w
    n.graph.register_multi_grad_hook([x, y, w], lambda gs: seen.append([None if g is None else g.tolist() for g in gs]))
    n.graph.register_multi_grad_hook([x, y], lambda g: seen.append(g.tolist()), mode="any")
    y.sum().backward(retain_graph=True)
    (x * 2).sum().backward()
    return seen


def batched_grads(n: Any) -> Any:
    x = leaf(n)
    basis = n.lib.eye(3, dtype=n.lib.float64)
    return n.autograd.grad(x.exp() * x, x, basis, is_grads_batched=True)


def named_inputs(n: Any) -> Any:
    x, w = leaf(n), leaf(n)
    found = n.autograd.grad((x * w * w).sum(), {"x": x, "w": w})
    return found["x"], found["w"]


def unused(n: Any) -> Any:
    x, w = leaf(n), leaf(n)
    y = (x * x).sum()
    return (
        n.autograd.grad(y, [x, w], allow_unused=True, retain_graph=True)[1],
        n.autograd.grad(y, [x, w], materialize_grads=True)[1],
    )


def edges(n: Any) -> Any:
    x = leaf(n)
    y = x * 2
    z = (y * y).sum()
    edge, out = n.graph.get_gradient_edge(y), n.graph.get_gradient_edge(z)
    return edge.output_nr, n.autograd.grad(out, edge, retain_graph=True), n.autograd.grad(out, x)


def names(n: Any) -> Any:
    x = leaf(n)
    y = (x * 2).exp().sin()
    found, at = [], y.grad_fn
    while at.next_functions:
        found.append(at.name())
        at = at.next_functions[0][0]
    return found, at.variable is x, y.grad_fn.next_functions[0][1]


def grad_modes(n: Any) -> Any:
    x = leaf(n)
    found = []
    n.lib.set_grad_enabled(False)
    found.append((x * 2).requires_grad)
    n.lib.set_grad_enabled(True)
    with n.lib.no_grad():
        n.lib.set_grad_enabled(True)
        found.append((x * 2).requires_grad)
    with n.lib.set_grad_enabled(False), n.lib.enable_grad():
        found.append((x * 2).requires_grad)

    @n.lib.no_grad()  # type: ignore[untyped-decorator]
    def steps() -> Any:
        for _ in range(2):
            yield n.lib.is_grad_enabled()

    for inside in steps():
        found += [inside, n.lib.is_grad_enabled()]
    return found


def inference(n: Any) -> Any:
    x = leaf(n)
    with n.lib.inference_mode():
        y = x * 2
        found = [y.is_inference(), x.detach().is_inference(), x[1:].is_inference(), y[1:].is_inference()]
        found += [n.lib.is_inference_mode_enabled(), n.lib.tensor([1.0]).is_inference()]
        with n.lib.inference_mode(False):
            found += [(x * 2).requires_grad, n.lib.is_grad_enabled()]
    found += [y.is_inference(), y.clone().is_inference(), (y * 2).is_inference(), y[1:].is_inference()]
    errors = []
    for use in (lambda: y.add_(1), lambda: x * y, lambda: y.requires_grad_(), lambda: y._version):
        try:
            use()
        except RuntimeError:
            errors.append(True)
    (x + y).sum().backward()
    return found, errors, x.grad


def saved_hooks(n: Any) -> Any:
    x = leaf(n)
    seen: list[Any] = []

    def pack(t: Any) -> Any:
        seen.append(tuple(t.shape))
        return t * 1.0

    with n.graph.saved_tensors_hooks(pack, lambda t: t):
        y = (x * x.exp()).sum()
    return n.autograd.grad(y, x), sorted(seen)


def mutation(n: Any) -> Any:
    x = leaf(n)
    with n.graph.allow_mutation_on_saved_tensors():
        y = x * 1.0
        z = y * y
        y.mul_(100)
        return n.autograd.grad(z.sum(), x)


def functions(n: Any) -> Any:
    seen: list[Any] = []

    class Scaled(n.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, k: Any, name: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.k = k
            ctx.set_materialize_grads(False)
            y = x.argmax()
            ctx.mark_non_differentiable(y)
            seen.append(ctx.needs_input_grad)
            return x * k, y, x**2, name

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
            (x,) = ctx.saved_tensors
            seen.append([g is None for g in (a, b, c, d)])
            return (0 if a is None else a * ctx.k) + (0 if c is None else 2 * x * c), None, None

    x = leaf(n)
    y, at, z, name = Scaled.apply(x, 3.0, "n")
    (g,) = n.autograd.grad(z.sum(), x, create_graph=True)
    (h,) = n.autograd.grad(g.sum(), x)
    y.sum().backward()
    return x.grad, g, h, at.requires_grad, name, seen, y.grad_fn.name()


def new_style(n: Any) -> Any:
    class Cube(n.autograd.Function):  # type: ignore[misc,name-defined]
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, k: Any = 3) -> Any:
            return x**k

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.k = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * ctx.k * x ** (ctx.k - 1), None

        @staticmethod
        def jvp(ctx: Any, t: Any, _: Any) -> Any:
            (x,) = ctx.saved_tensors
            return t * ctx.k * x ** (ctx.k - 1)

    x = leaf(n).detach()
    rows = n.lib.stack([x, x + 1])
    f = lambda t: Cube.apply(t).sum()  # noqa: E731
    return (
        Cube.apply(x, k=2),
        n.func.grad(f)(x),
        n.func.vmap(n.func.grad(f))(rows),
        n.func.jvp(Cube.apply, (x,), (x,)),
        n.func.jacrev(Cube.apply)(x),
        n.func.jacfwd(Cube.apply)(x),
        n.func.vmap(Cube.apply)(rows),
        n.func.hessian(f)(x),
        n.func.grad_and_value(f)(x),
        n.func.vjp(f, x)[1](n.lib.tensor(2.0, dtype=n.lib.float64)),
        n.func.jacrev(lambda t: (Cube.apply(t), t.sum()), has_aux=True)(x),
        n.func.vmap(n.func.grad(f), chunk_size=1)(rows),
    )


def static_vmap(n: Any) -> Any:
    seen: list[Any] = []

    class Product(n.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, y = ctx.saved_tensors
            return g * y, g * x

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any, y: Any) -> Any:
            seen.append((info.batch_size, info.randomness, tuple(in_dims)))
            return Product.apply(x, y), 0

    x = leaf(n)
    rows = n.lib.stack([x.detach(), x.detach() + 1])
    out = n.func.vmap(Product.apply, in_dims=(0, None))(rows, x)
    return out, n.autograd.grad(out.sum(), x), seen


def dirty(n: Any) -> Any:
    class Doubled(n.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = leaf(n)
    y = x * 1
    z = Doubled.apply(y)
    base = x * 1
    part = base[1:]
    Doubled.apply(part)
    total = (y * y).sum() + (base * base).sum()
    return z is y, y, base, n.autograd.grad(total, x)


def functional_products(n: Any) -> Any:
    f = lambda a, b: (a * b, (a**2).sum())  # noqa: E731
    s = lambda a, b: (a**3 * b).sum()  # noqa: E731
    a, b = leaf(n).detach(), leaf(n, [1.0, 2.0, 3.0]).detach()
    one = n.lib.ones(3, dtype=n.lib.float64)
    return (
        n.functional.jacobian(f, (a, b)),
        n.functional.hessian(s, (a, b)),
        n.functional.vjp(f, (a, b), (one, n.lib.tensor(2.0, dtype=n.lib.float64))),
        n.functional.jvp(f, (a, b), (one, one)),
        n.functional.vhp(s, (a, b), (one, one)),
        n.functional.hvp(s, (a, b), (one, one)),
        n.functional.jacobian(f, (a, b), vectorize=True, strategy="forward-mode"),
    )


def checkpointed(n: Any) -> Any:
    runs: list[Any] = []

    def f(t: Any) -> Any:
        runs.append(1)
        return t.exp() * t

    x = leaf(n)
    y = n.checkpoint(f, x)
    return n.autograd.grad(y.sum(), x), len(runs)


def autocast_dtypes(n: Any) -> Any:
    x, w = leaf(n, [[0.5, -1.0], [2.0, 1.0]], "float32"), leaf(n, [[1.0, 2.0], [3.0, -1.0]], "float32")
    with n.lib.autocast("cpu", dtype=n.lib.bfloat16):
        y = x @ w
        z = n.lib.softmax(y.float(), 1)
        found = [y, y + y, y + x, n.lib.cat([y, x]), z]
        with n.lib.autocast("cpu", enabled=False):
            found.append(x @ w)
        d = x.double() @ w.double()
    (y.float() * z).sum().backward()
    return [str(t.dtype).split(".")[-1] for t in (*found, d, w.grad)], n.lib.get_autocast_dtype("cpu") is n.lib.bfloat16


def anomaly(n: Any) -> Any:
    x = leaf(n, [0.0, 1.0])
    with n.autograd.detect_anomaly():
        y = (x.sqrt() * n.lib.tensor([0.0, 1.0], dtype=n.lib.float64)).sum()
        try:
            y.backward()
        except RuntimeError as error:
            return "Sqrt" in str(error)
    return None


def complex_gradients(n: Any) -> Any:
    x, z = leaf(n), leaf(n, [0.5 + 1j, -1 + 0.25j, 2 - 0.75j], "complex128")
    w = leaf(n, [1 - 1j, 0.5j, 2 + 1j], "complex128")
    values = [
        abs(z), abs(z * x), abs(z / w), abs(z.exp() * w), abs(z.log() + z.sqrt()), abs(z**2 - z**1.5), abs(z**w),
        abs(z.sin() * w.cos()), abs(z.tanh()), abs(z.reciprocal()), abs((z * 1j).sum()), abs(z @ w), abs(z.prod()),
        abs(z.cumsum(0)), abs(z.reshape(3, 1) @ w.reshape(1, 3)), abs(n.lib.cat([z, w])[1:4]), abs(x.to(z.dtype) + z),
    ]  # fmt: skip
    found = [n.autograd.grad(v.sum(), [x, z, w], allow_unused=True) for v in values]
    seed = n.lib.tensor([1 + 2j, 3j, -1.0], dtype=n.lib.complex128)
    found.append(n.autograd.grad(z * w, [z, w], seed))
    (g,) = n.autograd.grad(abs(z.exp() * z).sum(), z, create_graph=True)
    found.append(n.autograd.grad(abs(g).sum(), z))
    try:
        z.sum().backward()
    except RuntimeError:
        found.append("refused")
    return found


def second_walks(n: Any) -> Any:
    x = leaf(n)
    found = []
    for f in (lambda t: t + 1, lambda t: t * 2, lambda t: t * t, lambda t: t.reshape(3, 1)):
        y = f(x).sum()
        y.backward()
        try:
            y.backward()
            found.append("again")
        except RuntimeError:
            found.append("freed")
    return x.grad, found


PROGRAMS = [
    hook_order, hooks_that_replace, hooks_and_writes, retained, backward_into, multi_hook, batched_grads, named_inputs,
    unused, edges, names, grad_modes, inference, saved_hooks, mutation, functions, new_style, static_vmap, dirty,
    functional_products, checkpointed, autocast_dtypes, anomaly, complex_gradients, second_walks,
]  # fmt: skip


def plain(value: Any) -> Any:
    """Tensors as lists, sequences as lists."""
    if isinstance(value, (lamella.tensor.Tensor, torch.Tensor)):
        return np.asarray(value.detach().tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def compare(mine: Any, other: Any, where: str) -> None:
    assert type(mine) is type(other), f"{where}: {mine!r} and {other!r}"
    if isinstance(mine, list):
        assert len(mine) == len(other), f"{where}: {mine!r} and {other!r}"
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            compare(a, b, f"{where}[{i}]")
    elif isinstance(mine, (np.ndarray, float)):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12, err_msg=where)
    else:
        assert mine == other, where


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")  # torch says so whenever it is
@pytest.mark.filterwarnings("ignore:Error detected in")  # torch prints the forward trace as a warning
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own forward mode scripts
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_program_does_the_same_in_both(program: Any) -> None:
    compare(plain(program(OURS)), plain(program(THEIRS)), program.__name__)
