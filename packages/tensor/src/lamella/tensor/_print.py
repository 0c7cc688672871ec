"""How a tensor prints: PyTorch's layout of the values, then what does not go without saying (device, dtype, gradient).

Large tensors show the edges of every dim, and only those are read. Numbers are formatted once, to one width; what the
options say holds for the whole process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ._meta import MetaArray
from ._payload import Batched, Dual
from ._promotion import default_complex, default_float
from ._state import TRACED, VIEW
from ._views import refresh

__all__ = ["describe_tensor", "get_printoptions", "printoptions", "set_printoptions"]


class _Options(NamedTuple):
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


def _checked(options: _Options) -> _Options:
    for name, least in (("precision", 0), ("edgeitems", 0), ("linewidth", 1)):
        value = getattr(options, name)
        if type(value) is not int or value < least:
            raise _wrong(name, f"an int, at least {least}", value)
    if type(options.threshold) not in (int, float) or not options.threshold >= 0:
        raise _wrong("threshold", "a number of elements, at least 0 or math.inf", options.threshold)
    if options.sci_mode not in (None, True, False):
        raise _wrong("sci_mode", "True, False or None", options.sci_mode)
    return options


def _wrong(name: str, expected: str, value: Any) -> Exception:
    kind = ValueError if isinstance(value, (int, float)) else TypeError
    return kind(f"set_printoptions: {name} must be {expected}, got {value!r}")


_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; None leaves an option as it is, except that sci_mode=None is the automatic choice again.

    `precision` digits after the point; above `threshold` elements only `edgeitems` at both ends of a dim are shown;
    `linewidth` characters a line; `profile` is "default", "short" or "full", which the other arguments refine.
    """
    global _options
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
    chosen = _PROFILES[profile] if profile is not None else {}
    named = {name: value for name, value in given.items() if value is not None}
    _options = _checked(_options._replace(**(chosen | named), sci_mode=sci_mode))


def get_printoptions() -> dict[str, Any]:
    """The options of printing, as keyword arguments of `set_printoptions`."""
    return _options._asdict()


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print with these options of `set_printoptions` inside a `with` block."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


def describe_tensor(t: Any, name: str = "tensor") -> str:
    """The text of a tensor: `tensor(values, dtype=..., requires_grad=True)`, `name` in place of the first word."""
    data = t._data
    if isinstance(data, Batched):
        return f"tensor(<{'batched' if data.batched else 'shared'} at vmap {data.level.serial}: {data.tensor!r}>)"
    if isinstance(data, Dual):
        return f"tensor(<dual at jvp {data.level.serial}: {data.tensor!r}, tangent={data.tangent!r}>)"
    if t._flags & VIEW and t._view.version != t._cell.version:
        refresh(t)
        data = t._data
    prefix = f"{name}("
    default = default_float().name
    silent: tuple[str, ...] = (default, default_complex().name, "int64", "bool")
    size = f"size={tuple(data.shape)}"
    extra = []
    if type(data) is MetaArray:
        text, silent = "...", (default,)
        extra = [size, "traced"] if t._flags & TRACED else ["device='meta'", size]
    elif type(data) is not np.ndarray:
        text = repr(data)
    elif not data.size:
        text, silent = "[]", (default,)
        extra = [size] if data.ndim != 1 else []
    else:
        text = _values(data, len(prefix))
        extra = [] if _options.edgeitems else [size]
    if t.dtype.name not in silent:
        extra.append(f"dtype=lamella.{t.dtype.name}")
    if t._edge is not None:
        extra.append("requires_grad=True" if t.is_leaf else f"grad_fn=<{t.grad_fn.name()}>")
    return _joined(prefix + text, extra, len(prefix))


def _joined(text: str, extra: list[str], indent: int) -> str:
    """The values and what is said behind them, on the last line while it has room."""
    used = len(text) - text.rfind("\n") + 1
    for word in extra:
        if used + len(word) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + word
            used = indent + len(word)
        else:
            text += ", " + word
            used += len(word) + 2
    return text + ")"


def _values(data: Any, indent: int) -> str:
    """The values in brackets; `indent` characters stand before them on their line."""
    edges = _options.edgeitems if data.size > _options.threshold else None
    shape = data.shape
    if edges is not None:
        for dim, n in enumerate(shape):
            if n > 2 * edges:
                ends = [data[(slice(None),) * dim + (part,)] for part in (slice(0, edges), slice(n - edges, n))]
                data = np.concatenate(ends, dim)
    if data.dtype.kind == "c":
        words, width = _complex_words(data)
    else:
        words, width = _real_words(data)
    if not shape:
        return words[0]
    per_line = max(1, (_options.linewidth - indent - len(shape) + 1) // (width + 2))
    return _brackets(iter(words), shape, edges, indent, per_line)


def _brackets(words: Iterator[str], shape: tuple[int, ...], edges: int | None, indent: int, per_line: int) -> str:
    """One dim of the values, and the dims inside it; `words` holds those that are shown."""
    n = shape[0]
    short = edges is not None and n > 2 * edges
    shown = n if edges is None or not short else 2 * edges
    if len(shape) == 1:
        parts = list(islice(words, shown))
    else:
        parts = [_brackets(words, shape[1:], edges, indent + 1, per_line) for _ in range(shown)]
    if short:
        # between numbers the dots have the room of a separator more
        parts.insert(shown // 2, " ..." if len(shape) == 1 and edges else "...")
    if len(shape) > 1:
        return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"
    lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _real_words(data: Any, pad: bool = True) -> tuple[list[str], int]:
    """The elements as texts, flat and padded to a width, and that width."""
    if data.dtype.kind in "biu":
        words = [str(v) for v in data.ravel().tolist()]
        width = max(map(len, words), default=1)
    else:
        words, width = _float_words(data.astype(np.float64).ravel())
    return ([w.rjust(width) for w in words] if pad else words), width


def _float_words(values: Any) -> tuple[list[str], int]:
    """Floats as integers with a point, with digits behind it, or in scientific notation; zeros, infinities and NaN
    have no say in the choice nor in the width.
    """
    counted = np.isfinite(values) & (values != 0)
    numbers = values[counted]
    whole = bool((numbers == np.ceil(numbers)).all())
    scientific = False
    if numbers.size:
        low, high = abs(numbers).min(), abs(numbers).max()
        wide = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        scientific = bool(wide) if _options.sci_mode is None else _options.sci_mode
    spec = f".{_options.precision}e" if scientific else ".0f" if whole else f".{_options.precision}f"
    words = [format(v, spec) for v in values.tolist()]
    if whole and not scientific:
        words = [f"{w}." if math.isfinite(v) else w for w, v in zip(words, values.tolist(), strict=True)]
    return words, max((len(w) for w, c in zip(words, counted.tolist(), strict=True) if c), default=1)


def _complex_words(data: Any) -> tuple[list[str], int]:
    """Complex numbers as `real+imaginaryj`: the real parts padded to a width, the imaginary ones not."""
    real, left = _real_words(data.real)
    imag, right = _real_words(data.imag, pad=False)
    words = [f"{r}{'' if i[0] == '-' else '+'}{i}j" for r, i in zip(real, imag, strict=True)]
    return words, left + right + 1
