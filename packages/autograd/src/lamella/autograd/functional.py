"""Products with Jacobians and Hessians, and whole ones, in the calling style of torch.autograd.functional.

`func` takes one tensor, or the tensors of a tuple; results have the structure of what they belong to. Everything is
composed of recorded gradients, so results stay connected to the inputs with `create_graph`. With `strict` a part that
does not depend on an input is a RuntimeError, else zeros. The transforms of `lamella.autograd` do the same for trees
of arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamella.tensor import Tensor, enable_grad, eye, ones_like, stack, zeros_like
from lamella.tensor.extend import OPS, dispatch

from ._api import grad_of
from ._jacobian import jacfwd

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
Given = Tensor | Sequence[Tensor]
Found = Tensor | tuple[Any, ...]
Function = Callable[..., Any]


def _tuple(given: Any, what: str) -> Tensors:
    found = (given,) if isinstance(given, Tensor) else given
    if not isinstance(found, (tuple, list)) or not found or not all(isinstance(t, Tensor) for t in found):
        raise TypeError(f"{what} must be a tensor or a tuple of tensors, got {type(given).__name__}")
    return tuple(found)


def _followed(given: Any, create_graph: bool) -> Tensors:
    """The inputs as starting points of a walk, connected to the caller's where create_graph asks for it."""
    return tuple(
        dispatch(OPS["alias"], (x,)) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in _tuple(given, "inputs")
    )


def _outputs(func: Function, xs: Tensors, strict: bool) -> tuple[Tensors, bool]:
    out = func(*xs)
    outs = _tuple(out, "the result of the function")
    for i, o in enumerate(outs):
        if strict and not o.requires_grad:
            raise RuntimeError(f"output {i} of the function does not depend on its inputs (strict=True)")
    return outs, isinstance(out, Tensor)


def _pulled(outs: Tensors, xs: Tensors, v: Sequence[Any], create_graph: bool, strict: bool, what: str) -> Tensors:
    kept = [(o, c) for o, c in zip(outs, v, strict=True) if o.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(xs)
    if kept:
        found = grad_of(
            [o for o, _ in kept], xs, [c for _, c in kept],
            retain_graph=True, create_graph=create_graph, allow_unused=True,
        )  # fmt: skip
    for i, g in enumerate(found):
        if strict and g is None:
            raise RuntimeError(f"{what} does not depend on input {i} (strict=True)")
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True))


def _vector(v: Any, like: Tensors, what: str) -> Tensors:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"v may be left out only where {what} is a single number")
        return (ones_like(like[0]),)
    given = _tuple(v, "v")
    if len(given) != len(like):
        raise RuntimeError(f"v has {len(given)} tensors, {what} {len(like)}")
    for i, (g, t) in enumerate(zip(given, like, strict=True)):
        if g.shape != t.shape:
            raise RuntimeError(f"v[{i}] has shape {g.shape}, {what} {t.shape}; they must be equal")
    return given


def _shown(found: Tensors, single: bool, create_graph: bool) -> Any:
    kept = found if create_graph else tuple(t.detach() for t in found)
    return kept[0] if single else kept


def vjp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Found, Found]:
    """(func(*inputs), v^T J): v is like the result, and may be left out where that is one number."""
    with enable_grad():
        xs = _followed(inputs, create_graph)
        outs, one = _outputs(func, xs, strict)
        found = _pulled(outs, xs, _vector(v, outs, "the result"), create_graph, strict, "the result")
    return _shown(outs, one, create_graph), _shown(found, isinstance(inputs, Tensor), create_graph)


def jvp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Found, Found]:
    """(func(*inputs), J v): v is like the inputs. Two walks backward, so that it needs no forward rule."""
    with enable_grad():
        xs = _followed(inputs, create_graph)
        outs, one = _outputs(func, xs, strict)
        given = _vector(v, xs, "the input")
        dummies = tuple(zeros_like(o).detach().requires_grad_() for o in outs)
        linear = _pulled(outs, xs, dummies, True, strict, "the result")  # it is linear in the dummies
        found = _pulled(linear, dummies, given, create_graph, False, "")
    return _shown(outs, one, create_graph), _shown(found, one, create_graph)


def _scalar_gradient(func: Function, xs: Tensors, strict: bool) -> tuple[Tensors, Tensors]:
    outs, one = _outputs(func, xs, strict)
    if not one or outs[0].numel() != 1:
        raise RuntimeError("a Hessian needs a function that returns one tensor of a single element")
    return outs, _pulled(outs, xs, [ones_like(outs[0])], True, strict, "the result")


def vhp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Found, Found]:
    """(func(*inputs), v^T H) of a function that returns a single number; v is like the inputs."""
    with enable_grad():
        xs = _followed(inputs, create_graph)
        outs, slope = _scalar_gradient(func, xs, strict)
        found = _pulled(slope, xs, _vector(v, xs, "the input"), create_graph, strict, "the gradient")
    return _shown(outs, True, create_graph), _shown(found, isinstance(inputs, Tensor), create_graph)


def hvp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Found, Found]:
    """(func(*inputs), H v) of a function that returns a single number; `vhp` is one walk less, and equal where the
    second derivatives are continuous.
    """
    with enable_grad():
        xs = _followed(inputs, create_graph)
        outs, slope = _scalar_gradient(func, xs, strict)
        given = _vector(v, xs, "the input")
        dummies = tuple(zeros_like(x).detach().requires_grad_() for x in xs)
        linear = _pulled(slope, xs, dummies, True, strict, "the gradient")
        found = _pulled(linear, dummies, given, create_graph, False, "")
    return _shown(outs, True, create_graph), _shown(found, isinstance(inputs, Tensor), create_graph)


def jacobian(
    func: Function,
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of func: [*output.shape, *input.shape] for each pair of an output and an input, as a tuple where
    there are several, outputs first.

    `vectorize` batches the rows into one walk (strict does not go with it); the strategy "forward-mode" needs it.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f"strategy is 'reverse-mode' or 'forward-mode', got {strategy!r}")
    if strict and vectorize:
        raise RuntimeError("strict=True and vectorize=True do not go together")
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError("the strategy 'forward-mode' needs vectorize=True")
    single = isinstance(inputs, Tensor)
    if strategy == "forward-mode":
        given = _tuple(inputs, "inputs") if create_graph else tuple(x.detach() for x in _tuple(inputs, "inputs"))
        return jacfwd(func, 0 if single else tuple(range(len(given))))(*given)
    with enable_grad():
        xs = _followed(inputs, create_graph)
        outs, one = _outputs(func, xs, strict)
        rows = []
        for k, out in enumerate(outs):
            found = _rows(out, xs, create_graph, strict, vectorize, f"output {k}")
            parts = tuple(r.reshape(*out.shape, *x.shape) for r, x in zip(found, xs, strict=True))
            rows.append(_shown(parts, single, create_graph))
    return rows[0] if one else tuple(rows)


def _rows(out: Tensor, xs: Tensors, create_graph: bool, strict: bool, vectorize: bool, what: str) -> Tensors:
    n = out.numel()
    if not out.requires_grad or n == 0:
        return tuple(zeros_like(x).unsqueeze(0).expand(n, *x.shape) for x in xs)
    basis = eye(n, dtype=out.dtype).reshape(n, *out.shape)
    if vectorize:
        grads = grad_of(
            out, xs, basis, retain_graph=True, create_graph=create_graph, is_grads_batched=True, allow_unused=True
        )
        return tuple(
            zeros_like(x).unsqueeze(0).expand(n, *x.shape) if g is None else g for g, x in zip(grads, xs, strict=True)
        )
    each = [_pulled((out,), xs, [basis[i]], create_graph, strict, what) for i in range(n)]
    return tuple(stack(list(column)) for column in zip(*each, strict=True))


def hessian(
    func: Function,
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function that returns a single number: [*a.shape, *b.shape] for each pair of
    inputs, as a tuple of tuples where there are several.
    """
    single = isinstance(inputs, Tensor)

    def slope(*xs: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            # forward over reverse: the inner walk belongs to the level of the outer one
            from ._transforms import transform_grad

            found = transform_grad(_of_one(func), tuple(range(len(xs))))(*xs)
        else:
            found = _scalar_gradient(func, xs, strict)[1]
        return found[0] if single else found

    return jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _of_one(func: Function) -> Function:
    def scalar(*xs: Tensor) -> Tensor:
        out = func(*xs)
        if not isinstance(out, Tensor) or out.numel() != 1:
            raise RuntimeError("a Hessian needs a function that returns one tensor of a single element")
        return out.reshape(())

    return scalar
