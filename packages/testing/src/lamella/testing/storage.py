"""A quantized-like storage: int8 blocks with a scale each. The proof that the storage protocol carries such a thing.

The last dim is cut into blocks; a block holds integers in [-127, 127] and one float32 scale. `linear` with such a
weight has a kernel of its own, which multiplies block by block and never makes the dense weight, and so has the matmul
of its gradient; every other op asks for `.dense()`. It is simple, not fast: packages for quantization bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from lamella.tensor import Tensor
from lamella.tensor.extend import FLOAT, as_dtype, from_numpy_dtype, wrap

__all__ = ["STORAGES", "BlockInt8", "quantize_blocks"]


def _linear(x: Any, w: Any, bias: Any) -> Any:
    if not isinstance(w, BlockInt8) or isinstance(x, BlockInt8) or isinstance(bias, BlockInt8):
        raise TypeError("linear over block_int8 storage takes a quantized weight with plain x and bias; use .dense()")
    if len(w.shape) != 2 or not x.ndim or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear needs x [..., in] and w [out, in], got {x.shape} and {w.shape}")
    if x.dtype != w.dtype:
        raise TypeError(f"linear needs x in the dtype of w, got {x.dtype} and {w.dtype}; cast x with .to(dtype)")
    codes, scales = w.codes, w.scales
    wide = x.astype(np.float32, copy=False)
    out = np.zeros((*x.shape[:-1], w.shape[0]), np.float32)
    for block in range(scales.shape[-1]):
        columns = slice(block * w.block, (block + 1) * w.block)
        out += np.matmul(wide[..., columns], codes[:, columns].T.astype(np.float32)) * scales[:, block]
    if bias is not None:
        out += bias
    return out.astype(x.dtype, copy=False)


def _matmul(a: Any, b: Any) -> Any:
    # a @ w, which the gradient of linear needs
    if not isinstance(b, BlockInt8) or isinstance(a, BlockInt8) or len(b.shape) != 2:
        raise TypeError("matmul over block_int8 storage takes a plain left side and a quantized matrix; use .dense()")
    if not a.ndim or a.shape[-1] != b.shape[0]:
        raise ValueError(f"matmul of {a.shape} @ {b.shape}: the inner dims differ")
    wide = a.astype(np.float32, copy=False)
    parts = [
        np.matmul(wide * b.scales[:, block], b.codes[:, block * b.block : (block + 1) * b.block].astype(np.float32))
        for block in range(b.scales.shape[-1])
    ]
    return np.concatenate(parts, axis=-1).astype(a.dtype, copy=False)


@final
class BlockInt8:
    """An array [..., n] of a floating dtype as int8 codes [..., n] and float32 scales [..., ceil(n / block)]."""

    __slots__ = ("__weakref__", "block", "codes", "dtype", "scales")

    kind: str = "block_int8"
    kernels: ClassVar[Mapping[str, Callable[..., Any]]] = {"linear": _linear, "matmul": _matmul}

    def __init__(self, codes: NDArray[np.int8], scales: NDArray[np.float32], block: int, dtype: np.dtype[Any]) -> None:
        self.codes = codes
        self.scales = scales
        self.block = block
        self.dtype = dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Logical shape in elements."""
        return self.codes.shape

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self.codes.ndim

    def parts(self) -> Mapping[str, Any]:
        """The codes and the scales."""
        return {"codes": self.codes, "scales": self.scales}

    def meta(self) -> Mapping[str, Any]:
        """Block length and logical dtype."""
        return {"block": self.block, "dtype": from_numpy_dtype(self.dtype).name}

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any], meta: Mapping[str, Any]) -> BlockInt8:
        """Rebuild; ValueError naming what is missing, what has another dtype, or which shapes disagree."""
        if set(parts) != {"codes", "scales"} or set(meta) != {"block", "dtype"}:
            raise ValueError(
                f"block_int8 is made of parts codes, scales and meta block, dtype; "
                f"got parts {sorted(parts)}, meta {sorted(meta)}"
            )
        codes, scales, block = parts["codes"], parts["scales"], meta["block"]
        if codes.dtype != np.int8 or scales.dtype != np.float32:
            raise ValueError(f"block_int8 needs int8 codes and float32 scales, got {codes.dtype} and {scales.dtype}")
        if isinstance(block, bool) or not isinstance(block, int) or block < 1:
            raise ValueError(f"block_int8: block is a positive int, got {block!r}")
        if not codes.ndim or scales.shape != (*codes.shape[:-1], -(-codes.shape[-1] // block)):
            raise ValueError(
                f"block_int8: codes {codes.shape} in blocks of {block} do not go with scales {scales.shape}"
            )
        name = meta["dtype"]
        if name not in ("float16", "bfloat16", "float32", "float64"):
            raise ValueError(f"block_int8: the logical dtype is floating, got {name!r}")
        return cls(codes, scales, block, as_dtype(name).numpy)

    def dense(self) -> NDArray[Any]:
        """The values as one plain array of the logical dtype."""
        n = self.codes.shape[-1]
        spread = np.repeat(self.scales, self.block, axis=-1)[..., :n]
        return (self.codes * spread).astype(self.dtype)

    def __repr__(self) -> str:
        return f"BlockInt8({self.shape}, {self.dtype}, block={self.block})"


def quantize_blocks(x: Tensor, block: int = 32) -> Tensor:
    """x rounded to `block_int8` storage: |error| <= largest |value| of its block / 254; TypeError for integers."""
    array = x.detach().numpy()
    if from_numpy_dtype(array.dtype).category != FLOAT or array.dtype.itemsize < 2:
        raise TypeError(f"quantize_blocks needs a float16, bfloat16, float32 or float64 tensor, got {x.dtype}")
    if not array.ndim or block < 1:
        raise ValueError(f"quantize_blocks needs at least one dim and a positive block, got {array.shape} and {block}")
    n = array.shape[-1]
    count = -(-n // block)
    padded = np.zeros((*array.shape[:-1], count * block), np.float32)
    padded[..., :n] = array
    grid = padded.reshape(*array.shape[:-1], count, block)
    scales = np.abs(grid).max(axis=-1) / np.float32(127)
    codes = np.rint(grid / np.where(scales == 0, 1, scales)[..., None]).astype(np.int8)
    stored = BlockInt8(codes.reshape(padded.shape)[..., :n].copy(), scales, block, array.dtype)
    return wrap(stored)


STORAGES: Final[Mapping[str, type[BlockInt8]]] = {BlockInt8.kind: BlockInt8}
"""What `discover("storage")` reads: the storage classes of this module by kind."""
