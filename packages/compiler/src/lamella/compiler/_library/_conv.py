"""Convolution by our own products (`_native/library/slide.h`) or a BLAS that has a unit of its own for them, and its
gradients through patches and BLAS (`_native/library/conv.h`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamella.compiler._library._row import ITEM_BYTES, Library, Params
from lamella.compiler._library._window import out_sizes, slides, window
from lamella.compiler._native._load import runtime

_MOST = 2**31 - 1  # sizes of a BLAS with 32-bit ones
_WIDE_INNER = 256  # rows of patches from which channels are cut into blocks
_BLOCKS = 8
_PARTS = 4
_PART_WORK = 1 << 18  # elements of patches in a part of the weight gradient's sum
_LEAST_CHANNELS = 8  # a product with fewer rows is slow
_FEW_OUT, _MANY_WEIGHTS, _FEW_POSITIONS = 8, 1 << 20, 512  # for which BLAS is faster, in the weight gradient


def _accepts(types: Sequence[Any], params: Params) -> bool:
    """Real floats over one to three dims with at least one channel."""
    first, second = types[:2]
    return slides(first, params["stride"]) and 0 not in (first.shape[1], second.shape[1])


def _accepts_back(types: Sequence[Any], params: Params) -> bool:
    """The same, where numpy's BLAS was found."""
    blas = runtime().blas
    if blas is None or not _accepts(types, params):
        return False
    return blas.wide or max(math.prod(t.shape) for t in types if t is not None) <= _MOST


def _by_blas(y: Sequence[int], w: Sequence[int]) -> bool:
    """Whether BLAS multiplies w and the patches of a result y: where it has a unit that our code does not reach."""
    blas = runtime().blas
    return blas is not None and blas.wide and blas.pays(math.prod(y) * math.prod(w[1:]))


def _sizes(x: Sequence[int], w: Sequence[int], out: Sequence[int], params: Params) -> tuple[int, ...]:
    """The window of a convolution of x with w, from their shapes."""
    groups = params["groups"]
    counts = (x[0], groups, w[1], w[0] // groups)
    return window(counts, x[2:], w[2:], out, params["stride"], params["padding"], params["dilation"])


def _forward(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    x, w = operands[:2]
    out = out_sizes("conv", operands, params)
    by_blas = _by_blas((x.shape[0], w.shape[0], *out), w.shape)
    return ITEM_BYTES[x.dtype], *_sizes(x.shape, w.shape, out, params), int(by_blas)


def _turns(w: Any, params: Params) -> bool:
    """Whether the input gradient runs as a convolution of the cotangent with turned weights."""
    outs, ins = w.shape[0] // params["groups"], w.shape[1]
    depthwise = ins == outs == 1 and params["groups"] > 1
    return all(s == 1 for s in params["stride"]) and (depthwise or (ins >= _LEAST_CHANNELS and outs <= 4 * ins))


def _input_grad(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    g, w = operands
    how = int(_turns(w, params)), int(_by_blas(g.shape, w.shape))
    return ITEM_BYTES[g.dtype], *_sizes(params["shape"], w.shape, g.shape[2:], params), *how


def _turned_bytes(operands: Sequence[Any], params: Params) -> int:
    g, w = operands
    return ITEM_BYTES[g.dtype] * math.prod(w.shape) if _turns(w, params) else 0


def _holds(dims: tuple[int, ...]) -> bool:
    return bool(dims[-1])


def _holds_back(dims: tuple[int, ...]) -> bool:
    turns, by_blas = dims[-2:]
    return not turns or bool(by_blas)


def _parts(g: Any, params: Params) -> tuple[int, int]:
    """(sums over parts of the batch, blocks of channels) that the weight gradient is cut into, for threads to share."""
    channels, *kernel = params["shape"][1:]
    inner = channels * math.prod(kernel)
    blocks = max(1, min(channels, inner // _WIDE_INNER, _BLOCKS))
    if blocks * params["groups"] >= _PARTS:
        return 1, blocks
    return max(1, min(_PARTS, g.shape[0] * math.prod(g.shape[2:]) * inner // _PART_WORK)), blocks


def _weights_by_blas(g: Sequence[int], params: Params) -> bool:
    """The same for the weight gradient, whose sums have the result's channels along their rows: few of them waste our
    products, and many weights that few positions add to are turned for longer than they are computed.
    """
    w, blas = params["shape"], runtime().blas
    few = w[0] // params["groups"] <= _FEW_OUT
    brief = math.prod(w) >= _MANY_WEIGHTS and g[0] * math.prod(g[2:]) < _FEW_POSITIONS
    if blas is None or not (few or brief):
        return _by_blas(g, w)
    return blas.wide or max(math.prod(g), math.prod(w)) <= _MOST


def _weight_grad(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    g, x = operands
    how = *_parts(g, params), int(_weights_by_blas(g.shape, params))
    return ITEM_BYTES[g.dtype], *_sizes(x.shape, params["shape"], g.shape[2:], params), *how


def _sums_bytes(operands: Sequence[Any], params: Params) -> int:
    g, _ = operands
    parts, _ = _parts(g, params)
    return ITEM_BYTES[g.dtype] * math.prod(params["shape"]) * parts if parts > 1 else 0


ROWS = {
    "conv": Library("lm_conv", _forward, _accepts, holds=_holds),
    "conv_input_grad": Library("lm_conv_input_grad", _input_grad, _accepts_back, _turned_bytes, holds=_holds_back),
    "conv_weight_grad": Library("lm_conv_weight_grad", _weight_grad, _accepts, _sums_bytes, holds=_holds),
}
