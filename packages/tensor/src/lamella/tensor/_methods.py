"""The methods that are functions of a family, and their in-place twins.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import _composites as composites
from . import _division as division
from . import _pointwise as pointwise
from ._arith import Arithmetic
from ._functions import activation as functions_activation
from ._functions import elementwise as functions_elementwise
from ._functions import indexing as functions_indexing
from ._functions import movement as functions_movement
from ._functions import product as functions_product
from ._functions import quantiles as functions_quantiles
from ._functions import reduction as functions_reduction
from ._functions import sampling as functions_sampling
from ._functions import scan as functions_scan
from ._functions import sorting as functions_sorting
from ._functions import statistics as functions_statistics
from ._inplace import assign

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Methods"]


class Methods(Arithmetic):
    """Methods that are one call of a function."""

    __slots__ = ()

    neg = pointwise.neg
    abs = pointwise.abs
    sign = pointwise.sign
    exp = pointwise.exp
    log = pointwise.log
    log1p = pointwise.log1p
    sqrt = pointwise.sqrt
    rsqrt = pointwise.rsqrt
    sin = pointwise.sin
    cos = pointwise.cos
    tanh = pointwise.tanh
    sigmoid = pointwise.sigmoid
    erf = pointwise.erf
    reciprocal = pointwise.reciprocal
    relu = pointwise.relu
    floor = pointwise.floor
    logical_not = pointwise.logical_not
    isnan = pointwise.isnan
    add = pointwise.add
    sub = pointwise.sub
    mul = pointwise.mul
    div = pointwise.div
    pow = pointwise.pow
    maximum = pointwise.maximum
    minimum = pointwise.minimum
    eq = pointwise.eq
    ne = pointwise.ne
    lt = pointwise.lt
    le = pointwise.le
    gt = pointwise.gt
    ge = pointwise.ge
    logical_and = pointwise.logical_and
    logical_or = pointwise.logical_or
    softmax = composites.softmax
    log_softmax = composites.log_softmax
    floor_divide = division.floor_divide
    remainder = division.remainder
    hardshrink = functions_activation.hardshrink
    prelu = functions_activation.prelu
    clamp = functions_elementwise.clamp
    square = functions_elementwise.square
    argwhere = functions_indexing.argwhere
    gather = functions_indexing.gather
    index_add = functions_indexing.index_add
    index_copy = functions_indexing.index_copy
    index_fill = functions_indexing.index_fill
    index_put = functions_indexing.index_put
    index_reduce = functions_indexing.index_reduce
    index_select = functions_indexing.index_select
    masked_scatter = functions_indexing.masked_scatter
    masked_select = functions_indexing.masked_select
    nonzero = functions_indexing.nonzero
    put = functions_indexing.put
    scatter = functions_indexing.scatter
    scatter_add = functions_indexing.scatter_add
    scatter_reduce = functions_indexing.scatter_reduce
    take = functions_indexing.take
    take_along_dim = functions_indexing.take_along_dim
    reshape = functions_movement.reshape
    permute = functions_movement.permute
    transpose = functions_movement.transpose
    expand = functions_movement.expand
    squeeze = functions_movement.squeeze
    unsqueeze = functions_movement.unsqueeze
    flatten = functions_movement.flatten
    split = functions_movement.split
    narrow = functions_movement.narrow
    flip = functions_movement.flip
    matmul = functions_product.matmul
    nanquantile = functions_quantiles.nanquantile
    quantile = functions_quantiles.quantile
    sum = functions_reduction.sum
    prod = functions_reduction.prod
    mean = functions_reduction.mean
    amax = functions_reduction.amax
    amin = functions_reduction.amin
    aminmax = functions_reduction.aminmax
    any = functions_reduction.any
    all = functions_reduction.all
    argmax = functions_reduction.argmax
    argmin = functions_reduction.argmin
    count_nonzero = functions_reduction.count_nonzero
    max = functions_reduction.max
    min = functions_reduction.min
    nansum = functions_reduction.nansum
    nanmean = functions_reduction.nanmean
    bincount = functions_sampling.bincount
    histc = functions_sampling.histc
    histogram = functions_sampling.histogram
    multinomial = functions_sampling.multinomial
    cummax = functions_scan.cummax
    cummin = functions_scan.cummin
    cumprod = functions_scan.cumprod
    cumsum = functions_scan.cumsum
    logcumsumexp = functions_scan.logcumsumexp
    argsort = functions_sorting.argsort
    kthvalue = functions_sorting.kthvalue
    msort = functions_sorting.msort
    sort = functions_sorting.sort
    topk = functions_sorting.topk
    unique = functions_sorting.unique
    unique_consecutive = functions_sorting.unique_consecutive
    corrcoef = functions_statistics.corrcoef
    cov = functions_statistics.cov
    diff = functions_statistics.diff
    dist = functions_statistics.dist
    logsumexp = functions_statistics.logsumexp
    median = functions_statistics.median
    mode = functions_statistics.mode
    nanmedian = functions_statistics.nanmedian
    norm = functions_statistics.norm
    renorm = functions_statistics.renorm
    std = functions_statistics.std
    trace = functions_statistics.trace
    var = functions_statistics.var

    def floor_divide_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of floor_divide."""
        return cast("Tensor", assign(division.floor_divide, self, args, kwargs))

    def remainder_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of remainder."""
        return cast("Tensor", assign(division.remainder, self, args, kwargs))

    def clamp_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of clamp."""
        return cast("Tensor", assign(functions_elementwise.clamp, self, args, kwargs))

    def index_add_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of index_add."""
        return cast("Tensor", assign(functions_indexing.index_add, self, args, kwargs))

    def index_copy_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of index_copy."""
        return cast("Tensor", assign(functions_indexing.index_copy, self, args, kwargs))

    def index_fill_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of index_fill."""
        return cast("Tensor", assign(functions_indexing.index_fill, self, args, kwargs))

    def index_put_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of index_put."""
        return cast("Tensor", assign(functions_indexing.index_put, self, args, kwargs))

    def index_reduce_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of index_reduce."""
        return cast("Tensor", assign(functions_indexing.index_reduce, self, args, kwargs))

    def masked_scatter_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of masked_scatter."""
        return cast("Tensor", assign(functions_indexing.masked_scatter, self, args, kwargs))

    def put_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of put."""
        return cast("Tensor", assign(functions_indexing.put, self, args, kwargs))

    def scatter_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of scatter."""
        return cast("Tensor", assign(functions_indexing.scatter, self, args, kwargs))

    def scatter_add_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of scatter_add."""
        return cast("Tensor", assign(functions_indexing.scatter_add, self, args, kwargs))

    def scatter_reduce_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of scatter_reduce."""
        return cast("Tensor", assign(functions_indexing.scatter_reduce, self, args, kwargs))

    def cumprod_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of cumprod."""
        return cast("Tensor", assign(functions_scan.cumprod, self, args, kwargs))

    def cumsum_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of cumsum."""
        return cast("Tensor", assign(functions_scan.cumsum, self, args, kwargs))

    def renorm_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of renorm."""
        return cast("Tensor", assign(functions_statistics.renorm, self, args, kwargs))
