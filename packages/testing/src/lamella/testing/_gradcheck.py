"""Finite differences against backward, in float64: the judge of every gradient rule.

Autograd is loaded at the first call, so that this package needs lamella-tensor only. Points where a function has a
kink are the caller's to avoid: differences across one disagree with every rule.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella.interfaces import missing
from lamella.tensor import Tensor, enable_grad, float64, from_numpy, no_grad

__all__ = ["gradcheck", "gradgradcheck"]

Function = Callable[..., Any]


def _autograd() -> Any:
    if importlib.util.find_spec("lamella.autograd") is None:
        raise missing("lamella-autograd", "a gradient check")
    return importlib.import_module("lamella.autograd")


def _outputs(result: Any) -> list[Tensor]:
    found = list(result) if isinstance(result, (tuple, list)) else [result]
    if not all(isinstance(r, Tensor) for r in found):
        raise TypeError(f"a function under a gradient check returns tensors, got {[type(r).__name__ for r in found]}")
    return [r for r in found if r.dtype.is_floating_point]


def _leaves(inputs: Sequence[Any]) -> list[Any]:
    leaves: list[Any] = []
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor) and x.requires_grad:
            if x.dtype is not float64:
                raise TypeError(
                    f"a gradient check needs float64 inputs, input {i} is {x.dtype}; make it with dtype=float64"
                )
            leaves.append(x.detach().clone().requires_grad_())
        else:
            leaves.append(x)
    if not _followed(leaves):
        raise ValueError("a gradient check needs at least one input that requires grad")
    return leaves


def _followed(leaves: Sequence[Any]) -> list[int]:
    return [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and bool(x.requires_grad)]


def gradcheck(
    fn: Function, inputs: Sequence[Any], *, eps: float = 1e-6, relative: float = 1e-6, absolute: float = 1e-7
) -> None:
    """AssertionError unless the gradients of fn(*inputs) equal central differences.

    Inputs that require grad are checked and must be float64; of floating outputs, each entry of the Jacobian. fn must
    be a function of its inputs: seed inside what draws.
    """
    grad = _autograd().grad
    leaves = _leaves(inputs)
    wrt = _followed(leaves)
    outs = _outputs(fn(*leaves))
    analytic = {i: [np.zeros((o.numel(), leaves[i].numel())) for o in outs] for i in wrt}
    for k, out in enumerate(outs):
        if not out.requires_grad:
            continue
        for row in range(out.numel()):
            one = np.zeros(out.numel())
            one[row] = 1.0
            cotangent = from_numpy(one.reshape(out.shape))
            found = grad(out, [leaves[i] for i in wrt], cotangent, retain_graph=True, allow_unused=True)
            for i, g in zip(wrt, found, strict=True):
                if g is not None:
                    if g.shape != leaves[i].shape:
                        raise AssertionError(
                            f"the gradient of input {i} has shape {g.shape}, the input {leaves[i].shape}"
                        )
                    analytic[i][k][row] = g.detach().numpy().reshape(-1)
    for i in wrt:
        numeric = _differences(fn, leaves, i, len(outs), eps)
        for k in range(len(outs)):
            _compare(analytic[i][k], numeric[k], f"d output {k} / d input {i}", relative, absolute)


def _differences(fn: Function, leaves: list[Any], i: int, count: int, eps: float) -> list[Any]:
    base = leaves[i].detach().numpy()
    columns: list[list[Any]] = [[] for _ in range(count)]
    for at in range(base.size):
        sides = []
        for sign in (1.0, -1.0):
            moved = base.copy()
            moved.reshape(-1)[at] += sign * eps
            args = [a.detach().clone() if isinstance(a, Tensor) else a for a in leaves]
            args[i] = from_numpy(moved)
            with no_grad():
                sides.append([o.detach().numpy().reshape(-1).astype(np.float64) for o in _outputs(fn(*args))])
        for k in range(count):
            columns[k].append((sides[0][k] - sides[1][k]) / (2 * eps))
    return [np.stack(c, axis=1) if c else np.zeros((0, 0)) for c in columns]


def _compare(analytic: Any, numeric: Any, what: str, relative: float, absolute: float) -> None:
    if not analytic.size:
        return
    scale = max(1.0, float(np.abs(numeric).max()))  # the rounding of a difference is relative to the largest output
    error = np.abs(analytic - numeric)
    wrong = ~(error <= absolute * scale + relative * np.abs(numeric))
    if wrong.any():
        worst = int(np.where(np.isnan(error), np.inf, error).argmax())
        at = tuple(int(j) for j in np.unravel_index(worst, error.shape))
        raise AssertionError(
            f"{what}: backward and central differences disagree in {int(wrong.sum())} of {wrong.size} entries; "
            f"worst at (output element, input element) {at}: backward {analytic[at]:.9g}, differences {numeric[at]:.9g}"
        )


def gradgradcheck(
    fn: Function,
    inputs: Sequence[Any],
    *,
    eps: float = 1e-6,
    relative: float = 1e-5,
    absolute: float = 1e-6,
    seed: int = 0,
) -> None:
    """AssertionError unless second derivatives, under a random cotangent, equal central differences of the first."""
    grad = _autograd().grad
    leaves = _leaves(inputs)
    wrt = _followed(leaves)
    rng = np.random.default_rng(seed)
    probe = [o for o in _outputs(fn(*leaves)) if o.requires_grad]
    cotangents = [from_numpy(rng.standard_normal(o.shape)).requires_grad_() for o in probe]

    def gradient(*args: Any) -> Any:
        xs = list(args[: len(leaves)])
        for i in wrt:
            if not xs[i].requires_grad:  # the differences call with plain tensors, under no_grad
                xs[i] = xs[i].requires_grad_()
        with enable_grad():
            outs = [o for o in _outputs(fn(*xs)) if o.requires_grad]
            found = grad(outs, [xs[i] for i in wrt], list(args[len(leaves) :]), create_graph=True, allow_unused=True)
        return tuple(xs[i] * 0.0 if g is None else g for i, g in zip(wrt, found, strict=True))

    gradcheck(gradient, [*leaves, *cotangents], eps=eps, relative=relative, absolute=absolute)
