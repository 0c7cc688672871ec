"""Faster kernels from other packages, for operands so large that the choice costs nothing beside the work.

A module found by `interfaces.discover("kernels")` has a mapping KERNELS of op names to functions with the signature of
the op's numpy kernel. Such a function returns NotImplemented where it does not take the operands (a dtype, a layout),
and the op's own kernel runs. Of several providers of one op the last found wins: third parties come after first ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lamella.interfaces import discover

from ._op import OPS, Op

__all__ = ["LARGE", "provided"]

LARGE = 1 << 14
"""Elements of the first operand from which another package's kernel is asked for."""

Kernel = Callable[..., Any]


def provided(op: Op, kernel: Kernel) -> Kernel:
    """The kernel to use for large operands: a provider's, falling back to `kernel`, or `kernel` itself."""
    found = op.rules.get("kernel")
    if found is None:
        _load()
        found = op.rules.setdefault("kernel", kernel)
    return found  # type: ignore[no-any-return]


@functools.cache
def _load() -> None:
    for module in discover("kernels"):
        table = getattr(module, "KERNELS", None)
        if not isinstance(table, dict):
            raise TypeError(f"the provider of kernels {module.__name__} must have a dict KERNELS, got {table!r:.80}")
        for name, fast in table.items():
            op = OPS.get(name)
            if op is None or "numpy" not in op.rules:
                raise KeyError(f"{module.__name__} provides a kernel of {name!r}, which is no op with a kernel")
            op.rules["kernel"] = _with_fallback(fast, op.rules["numpy"])


def _with_fallback(fast: Kernel, kernel: Kernel) -> Kernel:
    @functools.wraps(kernel)
    def choose(*operands: Any, **params: Any) -> Any:
        out = fast(*operands, **params)
        return kernel(*operands, **params) if out is NotImplemented else out

    return choose
