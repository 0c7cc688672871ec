"""autocast: products in a low precision, sums and norms in float32, by the `precision` rules of the ops.

A mode of the thread that dispatch's general path asks; ops outside it never look. float64, integers and complex
numbers are left alone. The low-precision copy of a leaf that requires grad is kept until the outermost context of its
kind ends, or the leaf is written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ._base import TensorBase, cell_of
from ._device import as_device
from ._dispatch import dispatch
from ._dtype import DType, bfloat16, float16, float32, from_numpy_dtype
from ._engine import autograd
from ._modes import DecoratingMode
from ._op import OPS, Op
from ._state import GRAD, LEVEL, TRACED, VIEW, Mode, tls

__all__ = ["autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_enabled"]

_LOW = (bfloat16, float16)


class Casting:
    """What an open autocast does: the low dtype, and the copies of leaves it has made."""

    __slots__ = ("cache", "dtype")

    def __init__(self, dtype: DType, cache: dict[Any, tuple[Any, int, Any]] | None) -> None:
        self.dtype = dtype
        self.cache = cache

    def uncached(self) -> Casting:
        """The same without copies: for what runs after the context has ended."""
        return Casting(self.dtype, None)

    def operands(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands of an op in the precision of its rule."""
        rule = op.rules.get("precision")
        if rule is None:
            return args
        target = self.dtype if rule == "low" else float32
        return tuple([self._cast(a, target) if isinstance(a, TensorBase) else a for a in args])

    def _cast(self, t: Any, target: DType) -> Any:
        dtype = from_numpy_dtype(t._data.dtype)
        if dtype is target or (dtype is not float32 and dtype not in _LOW):
            return t
        if self.cache is None or dtype is not float32 or not _is_kept(t):
            return dispatch(OPS["cast"], (t,), {"dtype": target})
        version = cell_of(t).version
        key = (id(t), target, tls.grad)
        kept = self.cache.get(key)
        if kept is None or kept[1] != version:
            # the leaf is held too, so that its id stays its own
            kept = self.cache[key] = (t, version, dispatch(OPS["cast"], (t,), {"dtype": target}))
        return kept[2]


def _is_kept(t: Any) -> bool:
    return (
        bool(t._flags & GRAD)
        and not t._flags & (LEVEL | TRACED | VIEW)
        and tls.trace is None
        and bool(autograd().is_leaf_edge(t._edge))
    )


class autocast(DecoratingMode):
    """Context manager and decorator: ops inside run in the precision of their rule, products in `dtype` (bfloat16 or
    float16, bfloat16 unless given).

    `enabled=False` runs ops in the dtypes they get, also within another autocast. `cache_enabled=False` casts weights
    anew at each use.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        _check_device(device_type)
        chosen = bfloat16 if dtype is None else dtype
        if enabled and chosen not in _LOW:
            raise ValueError(f"autocast computes in bfloat16 or float16, got {chosen!r}; use enabled=False for neither")
        super().__init__(autocast=None)
        self._given = (device_type, dtype, enabled, cache_enabled)
        self._dtype: DType = chosen
        self._enabled = bool(enabled)
        self._cached = cache_enabled is not False

    def __enter__(self) -> Any:
        outer = tls.autocast
        cache: dict[Any, Any] | None = None
        if self._cached:
            cache = {} if outer is None or outer.cache is None else outer.cache
        self._values = {"autocast": Casting(self._dtype, cache) if self._enabled else None}
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        mine = tls.autocast
        super().__exit__(*exc)
        outer = tls.autocast
        if mine is not None and mine.cache is not None and (outer is None or outer.cache is not mine.cache):
            mine.cache.clear()

    def _again(self) -> Mode:
        return autocast(*self._given)


def _check_device(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"autocast needs the type of a device first, such as 'cpu', got {device_type!r}")
    if as_device(device_type).kind != "cpu":
        raise ValueError(f"autocast is for the device type 'cpu', got {device_type!r}")


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether this thread is in an enabled autocast."""
    _check_device(device_type)
    return tls.autocast is not None


def get_autocast_dtype(device_type: str = "cpu") -> DType:
    """The low precision of the open autocast; bfloat16 where none is open."""
    _check_device(device_type)
    return bfloat16 if tls.autocast is None else tls.autocast.dtype


def _cast_all(value: Any, dtype: DType) -> Any:
    if isinstance(value, TensorBase):
        given = from_numpy_dtype(value._data.dtype)
        return dispatch(OPS["cast"], (value,), {"dtype": dtype}) if given is float32 or given in _LOW else value
    if isinstance(value, (list, tuple)):
        return type(value)([_cast_all(v, dtype) for v in value])
    if isinstance(value, dict):
        return {k: _cast_all(v, dtype) for k, v in value.items()}
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str = "cpu", cast_inputs: DType | None = None
) -> Callable[..., Any]:
    """Decorator of a custom Function's forward: backward (with `custom_bwd`) runs under the autocast of forward.

    With cast_inputs, floating operands are cast to it in an enabled autocast, and forward runs without one.
    """
    _check_device(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        casting = tls.autocast
        ctx._autocast = casting is not None and cast_inputs is None, get_autocast_dtype(device_type)
        if casting is None or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with Mode(autocast=None):
            return fwd(ctx, *_cast_all(args, cast_inputs), **_cast_all(kwargs, cast_inputs))

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cpu") -> Callable[..., Any]:
    """Decorator of a custom Function's backward, beside `custom_fwd` on its forward."""
    _check_device(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        enabled, dtype = ctx._autocast
        with autocast(device_type, dtype, enabled):
            return bwd(ctx, *args, **kwargs)

    return backward
