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
from ._functions import affine as functions_affine
from ._functions import aliases as functions_aliases
from ._functions import arithmetic as functions_arithmetic
from ._functions import comparison as functions_comparison
from ._functions import complexes as functions_complexes
from ._functions import diagonals as functions_diagonals
from ._functions import draws as functions_draws
from ._functions import elementwise as functions_elementwise
from ._functions import indexing as functions_indexing
from ._functions import layout as functions_layout
from ._functions import movement as functions_movement
from ._functions import product as functions_product
from ._functions import quantiles as functions_quantiles
from ._functions import reduction as functions_reduction
from ._functions import repeating as functions_repeating
from ._functions import sampling as functions_sampling
from ._functions import scan as functions_scan
from ._functions import sorting as functions_sorting
from ._functions import splitting as functions_splitting
from ._functions import statistics as functions_statistics
from ._functions import striding as functions_striding
from ._functions import views as functions_views
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
    exp2 = pointwise.exp2
    expm1 = pointwise.expm1
    log2 = pointwise.log2
    log10 = pointwise.log10
    tan = pointwise.tan
    asin = pointwise.asin
    acos = pointwise.acos
    atan = pointwise.atan
    sinh = pointwise.sinh
    cosh = pointwise.cosh
    asinh = pointwise.asinh
    acosh = pointwise.acosh
    atanh = pointwise.atanh
    sinc = pointwise.sinc
    erfc = pointwise.erfc
    erfinv = pointwise.erfinv
    lgamma = pointwise.lgamma
    digamma = pointwise.digamma
    i0 = pointwise.i0
    ceil = pointwise.ceil
    trunc = pointwise.trunc
    isfinite = pointwise.isfinite
    isinf = pointwise.isinf
    signbit = pointwise.signbit
    bitwise_not = pointwise.bitwise_not
    add = pointwise.add
    sub = pointwise.sub
    mul = pointwise.mul
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
    logical_xor = pointwise.logical_xor
    atan2 = pointwise.atan2
    hypot = pointwise.hypot
    copysign = pointwise.copysign
    nextafter = pointwise.nextafter
    logaddexp = pointwise.logaddexp
    logaddexp2 = pointwise.logaddexp2
    xlogy = pointwise.xlogy
    fmax = pointwise.fmax
    fmin = pointwise.fmin
    gcd = pointwise.gcd
    lcm = pointwise.lcm
    bitwise_and = pointwise.bitwise_and
    bitwise_or = pointwise.bitwise_or
    bitwise_xor = pointwise.bitwise_xor
    bitwise_left_shift = pointwise.bitwise_left_shift
    bitwise_right_shift = pointwise.bitwise_right_shift
    softmax = composites.softmax
    log_softmax = composites.log_softmax
    div = division.div
    divide = division.divide
    floor_divide = division.floor_divide
    fmod = division.fmod
    remainder = division.remainder
    true_divide = division.true_divide
    hardshrink = functions_activation.hardshrink
    prelu = functions_activation.prelu
    addbmm = functions_affine.addbmm
    addmm = functions_affine.addmm
    addmv = functions_affine.addmv
    addr = functions_affine.addr
    baddbmm = functions_affine.baddbmm
    absolute = functions_aliases.absolute
    arccos = functions_aliases.arccos
    arccosh = functions_aliases.arccosh
    arcsin = functions_aliases.arcsin
    arcsinh = functions_aliases.arcsinh
    arctan = functions_aliases.arctan
    arctan2 = functions_aliases.arctan2
    arctanh = functions_aliases.arctanh
    fix = functions_aliases.fix
    greater = functions_aliases.greater
    greater_equal = functions_aliases.greater_equal
    less = functions_aliases.less
    less_equal = functions_aliases.less_equal
    multiply = functions_aliases.multiply
    negative = functions_aliases.negative
    not_equal = functions_aliases.not_equal
    subtract = functions_aliases.subtract
    addcdiv = functions_arithmetic.addcdiv
    addcmul = functions_arithmetic.addcmul
    deg2rad = functions_arithmetic.deg2rad
    float_power = functions_arithmetic.float_power
    frac = functions_arithmetic.frac
    frexp = functions_arithmetic.frexp
    heaviside = functions_arithmetic.heaviside
    ldexp = functions_arithmetic.ldexp
    lerp = functions_arithmetic.lerp
    logit = functions_arithmetic.logit
    mvlgamma = functions_arithmetic.mvlgamma
    polygamma = functions_arithmetic.polygamma
    positive = functions_arithmetic.positive
    rad2deg = functions_arithmetic.rad2deg
    round = functions_arithmetic.round
    sgn = functions_arithmetic.sgn
    allclose = functions_comparison.allclose
    equal = functions_comparison.equal
    isclose = functions_comparison.isclose
    isneginf = functions_comparison.isneginf
    isposinf = functions_comparison.isposinf
    isreal = functions_comparison.isreal
    adjoint = functions_complexes.adjoint
    angle = functions_complexes.angle
    conj = functions_complexes.conj
    conj_physical = functions_complexes.conj_physical
    is_complex = functions_complexes.is_complex
    is_conj = functions_complexes.is_conj
    is_nonzero = functions_complexes.is_nonzero
    resolve_conj = functions_complexes.resolve_conj
    resolve_neg = functions_complexes.resolve_neg
    diag = functions_diagonals.diag
    diag_embed = functions_diagonals.diag_embed
    diagflat = functions_diagonals.diagflat
    diagonal_scatter = functions_diagonals.diagonal_scatter
    select_scatter = functions_diagonals.select_scatter
    slice_scatter = functions_diagonals.slice_scatter
    bernoulli = functions_draws.bernoulli
    clamp = functions_elementwise.clamp
    clamp_max = functions_elementwise.clamp_max
    clamp_min = functions_elementwise.clamp_min
    clip = functions_elementwise.clip
    masked_fill = functions_elementwise.masked_fill
    nan_to_num = functions_elementwise.nan_to_num
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
    flip = functions_layout.flip
    fliplr = functions_layout.fliplr
    flipud = functions_layout.flipud
    roll = functions_layout.roll
    rot90 = functions_layout.rot90
    tril = functions_layout.tril
    triu = functions_layout.triu
    reshape = functions_movement.reshape
    permute = functions_movement.permute
    transpose = functions_movement.transpose
    expand = functions_movement.expand
    squeeze = functions_movement.squeeze
    unsqueeze = functions_movement.unsqueeze
    flatten = functions_movement.flatten
    narrow = functions_movement.narrow
    narrow_copy = functions_movement.narrow_copy
    bmm = functions_product.bmm
    cross = functions_product.cross
    dot = functions_product.dot
    ger = functions_product.ger
    inner = functions_product.inner
    kron = functions_product.kron
    matmul = functions_product.matmul
    matrix_power = functions_product.matrix_power
    mm = functions_product.mm
    mv = functions_product.mv
    outer = functions_product.outer
    vdot = functions_product.vdot
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
    repeat = functions_repeating.repeat
    repeat_interleave = functions_repeating.repeat_interleave
    sum_to_size = functions_repeating.sum_to_size
    tile = functions_repeating.tile
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
    chunk = functions_splitting.chunk
    dsplit = functions_splitting.dsplit
    hsplit = functions_splitting.hsplit
    select = functions_splitting.select
    split = functions_splitting.split
    split_with_sizes = functions_splitting.split_with_sizes
    tensor_split = functions_splitting.tensor_split
    unbind = functions_splitting.unbind
    unsafe_chunk = functions_splitting.unsafe_chunk
    unsafe_split = functions_splitting.unsafe_split
    unsafe_split_with_sizes = functions_splitting.unsafe_split_with_sizes
    vsplit = functions_splitting.vsplit
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
    as_strided = functions_striding.as_strided
    as_strided_scatter = functions_striding.as_strided_scatter
    broadcast_to = functions_views.broadcast_to
    diagonal = functions_views.diagonal
    expand_as = functions_views.expand_as
    moveaxis = functions_views.moveaxis
    movedim = functions_views.movedim
    ravel = functions_views.ravel
    reshape_as = functions_views.reshape_as
    swapaxes = functions_views.swapaxes
    swapdims = functions_views.swapdims
    t = functions_views.t
    unflatten = functions_views.unflatten
    unfold = functions_views.unfold

    def divide_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of divide."""
        return cast("Tensor", assign(division.divide, self, args, kwargs))

    def floor_divide_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of floor_divide."""
        return cast("Tensor", assign(division.floor_divide, self, args, kwargs))

    def fmod_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of fmod."""
        return cast("Tensor", assign(division.fmod, self, args, kwargs))

    def remainder_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of remainder."""
        return cast("Tensor", assign(division.remainder, self, args, kwargs))

    def true_divide_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of true_divide."""
        return cast("Tensor", assign(division.true_divide, self, args, kwargs))

    def addbmm_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addbmm."""
        return cast("Tensor", assign(functions_affine.addbmm, self, args, kwargs))

    def addmm_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addmm."""
        return cast("Tensor", assign(functions_affine.addmm, self, args, kwargs))

    def addmv_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addmv."""
        return cast("Tensor", assign(functions_affine.addmv, self, args, kwargs))

    def addr_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addr."""
        return cast("Tensor", assign(functions_affine.addr, self, args, kwargs))

    def baddbmm_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of baddbmm."""
        return cast("Tensor", assign(functions_affine.baddbmm, self, args, kwargs))

    def absolute_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of absolute."""
        return cast("Tensor", assign(functions_aliases.absolute, self, args, kwargs))

    def arccos_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arccos."""
        return cast("Tensor", assign(functions_aliases.arccos, self, args, kwargs))

    def arccosh_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arccosh."""
        return cast("Tensor", assign(functions_aliases.arccosh, self, args, kwargs))

    def arcsin_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arcsin."""
        return cast("Tensor", assign(functions_aliases.arcsin, self, args, kwargs))

    def arcsinh_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arcsinh."""
        return cast("Tensor", assign(functions_aliases.arcsinh, self, args, kwargs))

    def arctan_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arctan."""
        return cast("Tensor", assign(functions_aliases.arctan, self, args, kwargs))

    def arctan2_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arctan2."""
        return cast("Tensor", assign(functions_aliases.arctan2, self, args, kwargs))

    def arctanh_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of arctanh."""
        return cast("Tensor", assign(functions_aliases.arctanh, self, args, kwargs))

    def fix_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of fix."""
        return cast("Tensor", assign(functions_aliases.fix, self, args, kwargs))

    def greater_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of greater."""
        return cast("Tensor", assign(functions_aliases.greater, self, args, kwargs))

    def greater_equal_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of greater_equal."""
        return cast("Tensor", assign(functions_aliases.greater_equal, self, args, kwargs))

    def less_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of less."""
        return cast("Tensor", assign(functions_aliases.less, self, args, kwargs))

    def less_equal_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of less_equal."""
        return cast("Tensor", assign(functions_aliases.less_equal, self, args, kwargs))

    def multiply_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of multiply."""
        return cast("Tensor", assign(functions_aliases.multiply, self, args, kwargs))

    def negative_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of negative."""
        return cast("Tensor", assign(functions_aliases.negative, self, args, kwargs))

    def not_equal_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of not_equal."""
        return cast("Tensor", assign(functions_aliases.not_equal, self, args, kwargs))

    def subtract_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of subtract."""
        return cast("Tensor", assign(functions_aliases.subtract, self, args, kwargs))

    def addcdiv_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addcdiv."""
        return cast("Tensor", assign(functions_arithmetic.addcdiv, self, args, kwargs))

    def addcmul_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of addcmul."""
        return cast("Tensor", assign(functions_arithmetic.addcmul, self, args, kwargs))

    def deg2rad_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of deg2rad."""
        return cast("Tensor", assign(functions_arithmetic.deg2rad, self, args, kwargs))

    def float_power_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of float_power."""
        return cast("Tensor", assign(functions_arithmetic.float_power, self, args, kwargs))

    def frac_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of frac."""
        return cast("Tensor", assign(functions_arithmetic.frac, self, args, kwargs))

    def heaviside_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of heaviside."""
        return cast("Tensor", assign(functions_arithmetic.heaviside, self, args, kwargs))

    def ldexp_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of ldexp."""
        return cast("Tensor", assign(functions_arithmetic.ldexp, self, args, kwargs))

    def lerp_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of lerp."""
        return cast("Tensor", assign(functions_arithmetic.lerp, self, args, kwargs))

    def logit_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of logit."""
        return cast("Tensor", assign(functions_arithmetic.logit, self, args, kwargs))

    def mvlgamma_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of mvlgamma."""
        return cast("Tensor", assign(functions_arithmetic.mvlgamma, self, args, kwargs))

    def polygamma_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of polygamma."""
        return cast("Tensor", assign(functions_arithmetic.polygamma, self, args, kwargs))

    def rad2deg_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of rad2deg."""
        return cast("Tensor", assign(functions_arithmetic.rad2deg, self, args, kwargs))

    def round_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of round."""
        return cast("Tensor", assign(functions_arithmetic.round, self, args, kwargs))

    def sgn_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of sgn."""
        return cast("Tensor", assign(functions_arithmetic.sgn, self, args, kwargs))

    def conj_physical_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of conj_physical."""
        return cast("Tensor", assign(functions_complexes.conj_physical, self, args, kwargs))

    def clamp_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of clamp."""
        return cast("Tensor", assign(functions_elementwise.clamp, self, args, kwargs))

    def clamp_max_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of clamp_max."""
        return cast("Tensor", assign(functions_elementwise.clamp_max, self, args, kwargs))

    def clamp_min_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of clamp_min."""
        return cast("Tensor", assign(functions_elementwise.clamp_min, self, args, kwargs))

    def clip_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of clip."""
        return cast("Tensor", assign(functions_elementwise.clip, self, args, kwargs))

    def masked_fill_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of masked_fill."""
        return cast("Tensor", assign(functions_elementwise.masked_fill, self, args, kwargs))

    def nan_to_num_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of nan_to_num."""
        return cast("Tensor", assign(functions_elementwise.nan_to_num, self, args, kwargs))

    def square_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of square."""
        return cast("Tensor", assign(functions_elementwise.square, self, args, kwargs))

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

    def tril_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of tril."""
        return cast("Tensor", assign(functions_layout.tril, self, args, kwargs))

    def triu_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of triu."""
        return cast("Tensor", assign(functions_layout.triu, self, args, kwargs))

    def cumprod_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of cumprod."""
        return cast("Tensor", assign(functions_scan.cumprod, self, args, kwargs))

    def cumsum_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of cumsum."""
        return cast("Tensor", assign(functions_scan.cumsum, self, args, kwargs))

    def renorm_(self, *args: Any, **kwargs: Any) -> Tensor:
        """In-place twin of renorm."""
        return cast("Tensor", assign(functions_statistics.renorm, self, args, kwargs))
