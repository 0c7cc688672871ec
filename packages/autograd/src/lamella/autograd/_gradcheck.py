"""Finite differences against backward and forward mode, in float64 and complex128: the judge of every rule.

A complex number counts as its two real parts: of a complex input both are moved, of a complex output both are looked
at. The gradient of a real value L by z is dL/dRe z + i dL/dIm z, so the cotangents 1 and i pick the two parts of an
output. Points where a function has a kink are the caller's to avoid: differences across one disagree with every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella.tensor import Tensor, complex128, enable_grad, float64, from_numpy, no_grad, zeros_like
from lamella.tensor.extend import COMPLEX, FLOAT

from ._api import grad_of
from ._transforms import jvp, vmap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Inputs = Tensor | Sequence[Any]


class GradcheckError(AssertionError, RuntimeError):
    """A gradient that a check found wrong."""


def _outputs(result: Any) -> list[Tensor]:
    found = list(result) if isinstance(result, (tuple, list)) else [result]
    if not all(isinstance(r, Tensor) for r in found):
        raise TypeError(f"a function under a gradient check returns tensors, got {[type(r).__name__ for r in found]}")
    return [r for r in found if r.dtype.category in (FLOAT, COMPLEX)]


def _leaves(inputs: Inputs) -> list[Any]:
    leaves: list[Any] = []
    for i, x in enumerate([inputs] if isinstance(inputs, Tensor) else inputs):
        if isinstance(x, Tensor) and x.requires_grad:
            if x.dtype is not float64 and x.dtype is not complex128:
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


def _flat(t: Any) -> Any:
    """Values as a vector of float64, a complex number as two of them."""
    array = np.ascontiguousarray(t.detach().numpy() if isinstance(t, Tensor) else t).reshape(-1)
    if array.dtype.kind == "c":
        return array.astype(np.complex128).view(np.float64)
    return array.astype(np.float64)


def _unflat(vector: Any, like: Tensor) -> Tensor:
    """A tensor of the shape and kind of another, from the vector that `_flat` makes."""
    if like.dtype.category == COMPLEX:
        vector = np.ascontiguousarray(vector).view(np.complex128)
    return from_numpy(np.ascontiguousarray(vector).reshape(like.shape)).to(like.dtype)


def _parts(t: Tensor) -> int:
    return t.numel() * (2 if t.dtype.category == COMPLEX else 1)


class _Check:
    """One function at one point; Jacobians are [output part, input part]."""

    def __init__(self, fn: Callable[..., Any], leaves: list[Any], options: dict[str, Any]) -> None:
        self.fn = fn
        self.leaves = leaves
        self.options = options
        self.wrt = _followed(leaves)
        self.outs = _outputs(fn(*leaves))
        self.rng = np.random.default_rng(0)

    def run(self) -> None:
        o = self.options
        if o["fast_mode"]:
            self.fast()
        else:
            numeric = {i: self.differences(i, None) for i in self.wrt}
            if o["check_backward_ad"]:
                self.compare(self.backward_jacobian(), numeric, "backward")
            if o["check_forward_ad"]:
                self.compare(self.forward_jacobian(), numeric, "forward mode")
        if o["check_backward_ad"]:
            self.repeated()
            if o["check_undefined_grad"]:
                self.undefined()
            if o["check_batched_grad"]:
                self.batched()
        if o["check_batched_forward_grad"]:
            self.batched_forward()

    def pull(self, outs: list[Tensor], cotangents: list[Tensor]) -> list[Any]:
        """Gradients of the checked inputs, zeros where there is none."""
        kept = [(o, c) for o, c in zip(outs, cotangents, strict=True) if o.requires_grad]
        xs = [self.leaves[i] for i in self.wrt]
        if not kept:
            return [np.zeros(_parts(x)) for x in xs]
        found = grad_of([o for o, _ in kept], xs, [c for _, c in kept], retain_graph=True, allow_unused=True)
        for i, g in zip(self.wrt, found, strict=True):
            if g is None:
                continue
            if g.shape != self.leaves[i].shape:
                raise GradcheckError(f"the gradient of input {i} has shape {g.shape}, the input {self.leaves[i].shape}")
            if self.options["check_grad_dtypes"] and g.dtype is not self.leaves[i].dtype:
                raise GradcheckError(f"the gradient of input {i} is {g.dtype}, the input {self.leaves[i].dtype}")
        return [np.zeros(_parts(x)) if g is None else _flat(g) for g, x in zip(found, xs, strict=True)]

    def of_checked(self, *chosen: Tensor) -> tuple[Tensor, ...]:
        """The function of the checked inputs alone."""
        full = [x.detach() if isinstance(x, Tensor) else x for x in self.leaves]
        for i, c in zip(self.wrt, chosen, strict=True):
            full[i] = c
        return tuple(_outputs(self.fn(*full)))

    def push(self, i: int, tangent: Tensor) -> list[Any]:
        """Tangents of the outputs along a tangent of input i; the others have zeros, and stand at the level too."""
        primals = tuple(self.leaves[j].detach() for j in self.wrt)
        tangents = tuple(tangent if j == i else zeros_like(p) for j, p in zip(self.wrt, primals, strict=True))
        return [_flat(t) for t in jvp(self.of_checked, primals, tangents)[1]]

    def moved(self, i: int, step: Any) -> list[Any]:
        """The outputs with input i moved by a vector of its parts."""
        args = [a.detach().clone() if isinstance(a, Tensor) else a for a in self.leaves]
        args[i] = _unflat(_flat(self.leaves[i]) + step, self.leaves[i])
        with no_grad():
            return [_flat(o) for o in _outputs(self.fn(*args))]

    def differences(self, i: int, along: Any) -> list[Any]:
        """Of each output its Jacobian by input i, or its derivative along one vector."""
        eps = self.options["eps"]
        steps = np.eye(_parts(self.leaves[i])) if along is None else [along]
        columns: list[list[Any]] = [[] for _ in self.outs]
        for step in steps:
            up, down = self.moved(i, step * eps), self.moved(i, step * -eps)
            for k in range(len(self.outs)):
                columns[k].append((up[k] - down[k]) / (2 * eps))
        return [np.stack(c, axis=1) if c else np.zeros((0, 0)) for c in columns]

    def backward_jacobian(self) -> dict[int, list[Any]]:
        rows: dict[int, list[Any]] = {i: [] for i in self.wrt}
        for out in self.outs:
            each = [self.pull([out], [_unflat(one, out)]) for one in np.eye(_parts(out))]
            for n, i in enumerate(self.wrt):
                width = _parts(self.leaves[i])
                rows[i].append(np.stack([e[n] for e in each]) if each else np.zeros((0, width)))
        return rows

    def forward_jacobian(self) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for i in self.wrt:
            x = self.leaves[i]
            each = [self.push(i, _unflat(one, x)) for one in np.eye(_parts(x))]
            found[i] = [
                np.stack([e[k] for e in each], axis=1) if each else np.zeros((_parts(o), 0))
                for k, o in enumerate(self.outs)
            ]
        return found

    def fast(self) -> None:
        """u @ J @ v for random u and v, in place of every entry of J."""
        us = [self.rng.standard_normal(_parts(o)) for o in self.outs]
        for n, i in enumerate(self.wrt):
            v = self.rng.standard_normal(_parts(self.leaves[i]))
            numeric = sum(float(u @ d[:, 0]) for u, d in zip(us, self.differences(i, v), strict=True))
            if self.options["check_backward_ad"]:
                pulled = self.pull(self.outs, [_unflat(u, o) for u, o in zip(us, self.outs, strict=True)])
                self._close(np.asarray(pulled[n] @ v), np.asarray(numeric), f"input {i} (fast mode)", "backward")
            if self.options["check_forward_ad"]:
                moved = self.push(i, _unflat(v, self.leaves[i]))
                total = sum(float(u @ m) for u, m in zip(us, moved, strict=True))
                self._close(np.asarray(total), np.asarray(numeric), f"input {i} (fast mode)", "forward mode")

    def compare(self, analytic: dict[int, list[Any]], numeric: dict[int, list[Any]], how: str) -> None:
        for i in self.wrt:
            for k in range(len(self.outs)):
                self._close(analytic[i][k], numeric[i][k], f"d output {k} / d input {i}", how)

    def _close(self, analytic: Any, numeric: Any, what: str, how: str) -> None:
        if not analytic.size:
            return
        scale = max(1.0, float(np.abs(numeric).max()))  # the rounding of a difference is relative to the largest output
        error = np.abs(analytic - numeric)
        wrong = ~(error <= self.options["atol"] * scale + self.options["rtol"] * np.abs(numeric))
        if wrong.any():
            worst = int(np.where(np.isnan(error), np.inf, error).argmax())
            at = tuple(int(j) for j in np.unravel_index(worst, error.shape))
            raise GradcheckError(
                f"{what}: {how} and central differences disagree in {int(wrong.sum())} of {wrong.size} entries; worst "
                f"at (output element, input element) {at}: {how} {analytic[at]:.9g}, differences {numeric[at]:.9g}"
            )

    def _cotangents(self) -> list[Tensor]:
        return [_unflat(self.rng.standard_normal(_parts(o)), o) for o in self.outs]

    def repeated(self) -> None:
        """The same walk twice gives the same gradients, up to nondet_tol."""
        cotangents = self._cotangents()
        first, second = self.pull(self.outs, cotangents), self.pull(self.outs, cotangents)
        for i, a, b in zip(self.wrt, first, second, strict=True):
            differs = float(np.abs(a - b).max()) if np.size(a) else 0.0
            if differs > self.options["nondet_tol"]:
                raise GradcheckError(
                    f"backward is not deterministic: two walks give gradients of input {i} that differ by {differs:.3g}"
                )

    def undefined(self) -> None:
        """A missing cotangent counts as zeros, for each output alone."""
        followed = [k for k, o in enumerate(self.outs) if o.requires_grad]
        if len(followed) < 2:
            return
        cotangents = self._cotangents()
        for k in followed:
            alone = self.pull([self.outs[k]], [cotangents[k]])
            among = self.pull(self.outs, [c if j == k else zeros_like(c) for j, c in enumerate(cotangents)])
            for i, a, b in zip(self.wrt, alone, among, strict=True):
                if not np.allclose(a, b, rtol=1e-9, atol=1e-12 + self.options["nondet_tol"]):
                    raise GradcheckError(
                        f"the gradient of input {i} changes when missing cotangents are given as zeros "
                        f"(output {k} alone)"
                    )

    def batched(self) -> None:
        """One vectorized walk equals a walk for each cotangent."""
        kept = [o for o in self.outs if o.requires_grad]
        xs = [self.leaves[i] for i in self.wrt]
        if not kept:
            return
        rows = [[_unflat(self.rng.standard_normal(_parts(o)), o) for o in kept] for _ in range(2)]
        stacked = [from_numpy(np.stack([r[k].numpy() for r in rows])) for k in range(len(kept))]
        together = grad_of(kept, xs, stacked, retain_graph=True, allow_unused=True, is_grads_batched=True)
        for n, row in enumerate(rows):
            alone = grad_of(kept, xs, row, retain_graph=True, allow_unused=True)
            for i, a, t in zip(self.wrt, alone, together, strict=True):
                if (a is None) != (t is None) or (a is not None and not np.allclose(_flat(a), _flat(t[n]))):
                    raise GradcheckError(f"the gradient of input {i} under vmap differs from the one without")

    def batched_forward(self) -> None:
        """Tangents under vmap equal those of each tangent alone."""
        primals = tuple(self.leaves[i].detach() for i in self.wrt)
        of = self.of_checked
        rows = [tuple(_unflat(self.rng.standard_normal(_parts(p)), p) for p in primals) for _ in range(2)]
        stacked = [from_numpy(np.stack([r[k].numpy() for r in rows])) for k in range(len(primals))]
        together = vmap(lambda *t: jvp(of, primals, t)[1])(*stacked)
        for n, row in enumerate(rows):
            for k, (a, t) in enumerate(zip(jvp(of, primals, row)[1], together, strict=True)):
                if not np.allclose(_flat(a), _flat(t[n])):
                    raise GradcheckError(f"the tangent of output {k} under vmap differs from the one without")


def gradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
) -> bool:
    """True if the gradients of func(*inputs) equal central differences; else GradcheckError, or False without
    raise_exception.

    Inputs that require grad are checked and must be float64 or complex128; of floating and complex outputs, each entry
    of the Jacobian, or in fast_mode one random product with it. func must be a function of its inputs: seed inside
    what draws. An error is `atol` (times the largest difference, if above 1) plus `rtol` of the difference.
    """
    options = {k: v for k, v in locals().items() if k not in ("func", "inputs", "raise_exception")}
    check = _Check(func, _leaves(inputs), options)
    return _judged(check, raise_exception)


def _judged(check: _Check, raise_exception: bool) -> bool:
    try:
        check.run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    grad_outputs: Inputs | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """`gradcheck` of the gradients of func(*inputs), as functions of the inputs and of the cotangents: random ones
    drawn from `seed`, or grad_outputs.
    """
    leaves = _leaves(inputs)
    wrt = _followed(leaves)
    rng = np.random.default_rng(seed)
    probe = [o for o in _outputs(func(*leaves)) if o.requires_grad]
    if grad_outputs is None:
        cotangents = [_unflat(rng.standard_normal(_parts(o)), o).requires_grad_() for o in probe]
    else:
        cotangents = _leaves(grad_outputs)
        if len(cotangents) != len(probe):
            raise ValueError(f"got {len(cotangents)} grad_outputs for {len(probe)} outputs that require grad")

    def gradient(*args: Any) -> Any:
        xs = list(args[: len(leaves)])
        for i in wrt:
            if not xs[i].requires_grad:  # the differences call with plain tensors, under no_grad
                xs[i] = xs[i].requires_grad_()
        with enable_grad():
            outs = [o for o in _outputs(func(*xs)) if o.requires_grad]
            found = grad_of(outs, [xs[i] for i in wrt], list(args[len(leaves) :]), create_graph=True, allow_unused=True)
        return tuple(xs[i] * 0.0 if g is None else g for i, g in zip(wrt, found, strict=True))

    return gradcheck(
        gradient,
        [*leaves, *cotangents],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )
