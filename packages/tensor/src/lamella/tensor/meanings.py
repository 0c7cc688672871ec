"""What each op means: one row an op, its result and how it rounds. `docs/op-set.md` is written from them.

A row is what a backend, a decomposition or a rewrite rule must reproduce. `numerics` is a word of NUMERICS; "
"what an op
does otherwise stands in its own text. Loaded only by who asks for the kind `meaning`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ._op import register_rules

__all__ = ["NUMERICS", "TABLE", "Meaning"]


class Meaning(NamedTuple):
    """The result of an op in words or a formula, and the class of its rounding."""

    result: str
    numerics: str


NUMERICS: Final[dict[str, str]] = {
    "exact": "values are moved, chosen or counted: no rounding, and NaN and the sign of zero come through",
    "ieee": "rounded once to nearest even in the operands' dtype; float16, bfloat16 and float8 are computed in "
    "float32 and "
    "rounded once; integers wrap; NaN in, NaN out",
    "close": "within a few units in the last place of the exact value; float16, bfloat16 and float8 are "
    "computed in float32 "
    "and rounded once; NaN in, NaN out",
    "test": "a bool; comparisons with NaN are false, `ne` is true",
    "sum": "float16, bfloat16 and float8 accumulate in float32 and round once; integers and bools in int64, "
    "which wraps; "
    "bounds of the error stand in decision 11; NaN in, NaN out",
    "product": "float16, bfloat16 and float8 accumulate in float32 and round once; the order of additions is "
    "the library's; "
    "integers are exact modulo their width; NaN in, NaN out",
    "steps": "several rounded steps, as in the body; float16, bfloat16 and float8 are computed in float32 and "
    "rounded at the "
    "end; residuals keep the wider dtype",
    "drawn": "a function of seed and offset alone: element i of the result uses position offset + i",
    "host": "Python arithmetic on ints, floats and bools; what Python raises is raised at run time",
}  # fmt: skip


def _rows(numerics: str, **results: str) -> dict[str, Meaning]:
    return {name.rstrip("_"): Meaning(result, numerics) for name, result in results.items()}


TABLE: Final[dict[str, Meaning]] = {
    **_rows(
        "ieee",
        add="a + b; of bools, or",
        sub="a - b",
        mul="a * b; of bools, and",
        div="a / b, a floating quotient; x / 0 is an infinity or NaN",
        neg="-x",
        abs="|x|; of a complex number its real magnitude",
        reciprocal="1 / x",
        sqrt="the square root; NaN below 0, -0.0 of -0.0",
        floor_divide="the quotient rounded down; ZeroDivisionError for an integer 0",
        remainder="a - b * floor(a / b), with the sign of b; ZeroDivisionError for an integer 0",
        fmod="a - b * trunc(a / b), with the sign of a; ZeroDivisionError for an integer 0",
        cast="x in another dtype: integers wrap, floats that do not fit become infinite (in float8_e4m3fn its "
        "largest number), "
        "fractions are cut off; NaN to an integer is as the processor has it",
    ),
    **_rows(
        "exact",
        copy="x in fresh row-major memory",
        sign="-1, 0 or 1; NaN of NaN, and for complex numbers refused",
        relu="max(x, 0); NaN stays",
        floor="the largest whole number not above x",
        ceil="the smallest whole number not below x",
        round="the nearest whole number, halves to even",
        trunc="x without its fraction",
        maximum="the larger; NaN if either is",
        minimum="the smaller; NaN if either is",
        fmax="the larger; NaN only if both are",
        fmin="the smaller; NaN only if both are",
        clamp="min(max(x, min), max); NaN stays; max wins where min > max",
        hardtanh="x between min_val and max_val, else the bound",
        where="a where cond is true, else b",
        copysign="|a| with the sign of b",
        nextafter="the number after a in the direction of b",
        exponent="the power of two of x as a number",
        conj="the complex conjugate",
        nan_to_num="x, with numbers in the place of NaN and infinities",
        bitwise_and="bit by bit",
        bitwise_or="bit by bit",
        bitwise_xor="bit by bit",
        bitwise_not="bit by bit; of a bool, not",
        bitwise_left_shift="a * 2**b, zero where b is the width or more",
        bitwise_right_shift="a // 2**b, the sign where b is the width or more",
        gcd="the greatest common divisor",
        lcm="the least common multiple",
    ),
    **_rows(
        "test",
        eq="a == b",
        ne="a != b",
        lt="a < b",
        le="a <= b",
        gt="a > b",
        ge="a >= b",
        logical_and="both are not 0; NaN is not 0",
        logical_or="one is not 0; NaN is not 0",
        logical_xor="exactly one is not 0; NaN is not 0",
        logical_not="x is 0",
        isnan="x is NaN",
        isinf="x is an infinity",
        isfinite="x is neither infinite nor NaN",
        signbit="the sign bit is set, of -0.0 too",
        isin="for each of elements whether it is in test",
    ),
    **_rows(
        "close",
        exp="e**x",
        exp2="2**x",
        expm1="e**x - 1, accurate near 0",
        log="the natural logarithm; -inf of 0, NaN below 0",
        log2="the logarithm to base 2",
        log10="the logarithm to base 10",
        log1p="log(1 + x), accurate near 0",
        rsqrt="1 / sqrt(x), the root and the quotient each rounded in the dtype",
        pow="a**b; the square, square root, reciprocal and first power are rounded once; integers wrap and "
        "refuse negative powers",
        sin="the sine",
        cos="the cosine",
        tan="the tangent",
        asin="the inverse sine",
        acos="the inverse cosine",
        atan="the inverse tangent",
        atan2="the angle of (b, a)",
        sinh="the hyperbolic sine",
        cosh="the hyperbolic cosine",
        tanh="the hyperbolic tangent",
        asinh="the inverse hyperbolic sine",
        acosh="the inverse hyperbolic cosine",
        atanh="the inverse hyperbolic tangent",
        sigmoid="1 / (1 + exp(-x))",
        erf="2 / sqrt(pi) * the integral of exp(-t**2) from 0 to x",
        erfc="1 - erf(x), accurate for large x",
        erfinv="the inverse of erf",
        lgamma="log |gamma(x)|",
        digamma="the derivative of lgamma",
        polygamma="the n-th derivative of digamma",
        i0="the modified Bessel function of order 0",
        i1="the modified Bessel function of order 1",
        sinc="sin(pi x) / (pi x), 1 at 0",
        hypot="sqrt(a**2 + b**2) without overflow; an infinite side wins over NaN",
        logaddexp="log(exp(a) + exp(b)) without overflow",
        logaddexp2="log2(2**a + 2**b) without overflow",
        xlogy="a * log(b), 0 where a is 0 and b is not NaN",
        silu="x * sigmoid(x)",
        softplus="log(1 + exp(beta x)) / beta, x where beta x > threshold",
        elu="scale * x above 0, scale * alpha * (exp(input_scale x) - 1) below",
        leaky_relu="x above 0, negative_slope * x below",
        hardsigmoid="clamp(x / 6 + 1 / 2, 0, 1)",
        hardswish="x * hardsigmoid(x)",
        gelu="x * Phi(x), by erf, or by tanh where approximate is \"tanh\"",
        binary_cross_entropy="-(target log x + (1 - target) log(1 - x)), logarithms not below -100; "
        "ValueError for an x outside [0, 1] or NaN",
    ),
    **_rows(
        "steps",
        silu_grad="g times the derivative of silu at x",
        softplus_grad="g times the derivative of softplus at x",
        elu_grad="g times the derivative of elu at x",
        leaky_relu_grad="g times the derivative of leaky_relu at x",
        hardswish_grad="g times the derivative of hardswish at x",
        gelu_grad="g times the derivative of gelu at x",
        band_grad="scale * g where low < x < high, else 0",
        relu_grad="g where the result y is above 0, else 0",
        binary_cross_entropy_grad="g times the derivative of binary_cross_entropy by x",
    ),
    **_rows(
        "sum",
        sum="the sum; 0 over no elements; an int64 of integers and bools",
        nansum="the sum without NaN",
        mean="sum / count; NaN over no elements",
        prod="the product; 1 over no elements; an int64 of integers and bools; float16, bfloat16 and float8 in "
        "float32",
        var="(the mean square distance from the mean over count - correction, the mean)",
        std="(sqrt of var, the mean)",
        norm="(the sum of |x|**p) ** (1/p); p may be 0 and +-inf",
        logsumexp="log(sum(exp(x))) without overflow",
        cumsum="the sums of the first 1, 2, ... along dim; same shape",
        cumprod="the products of the first 1, 2, ... along dim; same shape; float32 and smaller are carried in "
        "float64",
        logcumsumexp="log(cumsum(exp(x))) without overflow; same shape",
    ),
    **_rows(
        "exact",
        amax="the largest; NaN if any is; refuses no elements",
        amin="the smallest; NaN if any is; refuses no elements",
        any="one is not 0",
        all="none is 0",
        count_nonzero="how many are not 0, int64",
        median="the lower of the middle elements; NaN if any is",
        nanmedian="the lower of the middle elements without NaN",
        argmax="where the largest is first; a NaN counts as the largest; int64; dim=None flattens; the dim "
        "goes, or is 1 with keepdim",
        argmin="where the smallest is first; a NaN counts as the smallest; int64; dim=None flattens; the dim "
        "goes, or is 1 with keepdim",
        max_along="(amax along dim, where it is first)",
        min_along="(amin along dim, where it is first)",
        cummax="(the largest so far along dim, where it was last); same shapes",
        cummin="(the smallest so far along dim, where it was last); same shapes",
        sort="(x in order along dim, stable, NaN last, from where); same shapes",
        argsort="where the elements of the sorted x come from, int64; same shape",
        topk="(the k largest or smallest along dim, in order, from where); dim becomes k",
        kthvalue="(the k-th smallest along dim, where it is)",
        median_along="(the lower of the middle along dim, where it is)",
        mode="(the most frequent along dim, the smallest of several, where it is last)",
        place="zeros of length size along dim with x at the distinct positions index: the transpose of a selection",
        searchsorted="for each value where it goes in the ordered sequence, before or with right after its "
        "equals; int64",
    ),
    **_rows(
        "product",
        matmul="the matrix product of the last two dims, numpy's rules for vectors; batch dims broadcast",
        linear="x w^T + bias; [..., in], [out, in], [out] -> [..., out]",
        linear_weight_grad="g^T x over all rows: [..., out], [..., in] -> [out, in]",
        conv="the cross-correlation over the spatial dims: [N, C, ...], [O, C / groups, ...] -> [N, O, ...], "
        "sizes (n + 2 p - d (k - 1) - 1) // s + 1",
        conv_input_grad="the transpose of conv in x: [N, O, ...], w -> shape",
        conv_weight_grad="the transpose of conv in w: [N, O, ...], x -> shape",
        cross="the cross product along dim, which has 3 elements",
        cdist="the p-norm distances of rows: [..., P, M], [..., R, M] -> [..., P, R]; with mm through a product",
    ),
    **_rows(
        "exact",
        reshape="the elements in row-major order in another shape; a view where the layout allows",
        permute="the dims in another order",
        expand="dims of size 1 repeated to shape, new dims in front",
        slice="one entry a dim: an int drops it, (start, stop, step) takes range(start, stop, step)",
        alias="x under another handle",
        detach="x without its history",
        diagonal="place = (offset, first, second): the diagonal of two dims as a last dim",
        unfold="window = (dim, size, step): windows along dim, the place in the window as a last dim",
        as_strided="layout = (shape, strides, offset) over the elements in row-major order",
        view_as_real="(real, imaginary) as a last dim of 2",
        view_as_complex="a last dim of 2 as complex numbers",
        view_dtype="the same bytes as another dtype",
        view_write="base with value written through the chain of views",
        view_grad="zeros of shape with g at the elements that the chain shows; what meets at one element is "
        "added, half types in float32",
        take="x indexed along dim: x.shape[:dim] + index.shape + x.shape[dim + 1:]; negative indices count from "
        "the end, others are an IndexError",
        gather="out[i][j] = x[index[i][j]][j] for dim 0, and so on; the shape of index",
        scatter="x with src[i][j] at [index[i][j]][j] for dim 0, and so on; the last of several stays",
        ravel_index="one index over merged dims of these sizes; the indices broadcast",
        cat="the operands after each other along dim",
        stack="the operands along a new dim",
        block_diag="the matrices along the diagonal, zeros elsewhere",
        pad="value around x: sizes lo + n + hi",
        pad_around="x surrounded by itself: reflect, replicate or circular",
        flip="the dims backwards",
        roll="the elements shifted along dims, those that fall out come in at the other end",
        tril="x on and below the diagonal, zeros above",
        triu="x on and above the diagonal, zeros below",
        im2col="the windows of a convolution as columns",
        max_pool="(the largest of each window, NaN if any is, where it is in the flattened plane)",
        pick_class="x[n, target[n]] along dim 1, 0 where the target is ignore_index",
        multinomial="count draws from the rows of weights p by the uniforms u, int64",
        put="x with value at the places that take would read; with accumulate they are added, half types in float32",
    ),
    **_rows(
        "sum",
        take_grad="zeros of length size along dim with g added at index, in the order of the index: the "
        "transpose of take",
        scatter_add="x with src added at the places of scatter, in order",
        scatter_reduce="x with src multiplied (prod) or compared (amax, amin) into the places of scatter; x "
        "takes part",
        pad_around_grad="the transpose of pad_around",
        max_pool_grad="g added where indices say, zeros elsewhere: shape",
        avg_pool="the mean of each window; count_pad says whether padding counts, divisor replaces the count",
        avg_pool_grad="the transpose of avg_pool: shape",
        pick_class_grad="zeros of [N, classes, ...] with g at the targets",
        col2im="the transpose of im2col: columns added into planes",
        resample="a sparse matrix along dim that kind, scale and align name: n elements to out; transposed the "
        "other way",
    ),
    **_rows(
        "exact",
        full="value everywhere, in dtype",
        arange="start, start + step, ... before stop; made in int64 or float64, then cast",
    ),
    **_rows(
        "drawn",
        rand="uniforms in [0, 1)",
        randn="normals; equal on all backends within 2 units in the last place",
        bernoulli="1 with probability p",
        randint="whole numbers in [low, high)",
        randperm="a permutation of 0 ... n - 1",
        poisson="Poisson counts of these rates from 64 random bits an element",
        dropout="(x / (1 - p) where the mask is true, else 0, the mask): the mask is true with probability 1 - p",
    ),
    **_rows(
        "steps",
        softmax="exp(x - max) / sum(exp(x - max)) along dim",
        log_softmax="x - max - log(sum(exp(x - max))) along dim",
        softmax_grad="y (g - sum(g y)) along dim",
        log_softmax_grad="g - exp(y) sum(g) along dim",
        layer_norm="((x - mean) rstd weight + bias, mean, rstd) over the last ndims, rstd = 1 / sqrt(var + eps)",
        layer_norm_input_grad="the gradient of layer_norm by x; without a mean, of rms_norm",
        layer_norm_grad="the gradients of layer_norm by x, weight and bias; without a mean, of rms_norm",
        rms_norm="(x rstd weight, rstd) over the last ndims, rstd = 1 / sqrt(mean(x**2) + eps)",
        batch_norm="(y, mean, rstd) with the statistics of the batch, over all dims but 1",
        batch_norm_grad="the gradients of batch_norm by x, weight and bias",
        cross_entropy="(the loss of [N, C] logits and N classes, log_softmax): -logp at the class, smoothed; 0 "
        "where ignored; reduction mean, sum or none",
        cross_entropy_grad="the gradient of cross_entropy by the logits",
        attention="(softmax(q k^T scale + mask) v, logsumexp of the scores): [..., L, E], [..., S, E], [..., S, "
        "V]; causal hides later keys; weights dropped with probability p drawn from seed and offset",
        attention_grad="the gradients of attention by q, k and v; dropped weights are drawn again",
        ctc_loss="the CTC loss and its residuals: [T, N, C] log probabilities",
        ctc_loss_grad="the gradient of ctc_loss by the log probabilities",
        huber="d**2 / 2 where |d| < delta, else delta (|d| - delta / 2), d = x - target; reduction mean, sum or none",
        huber_grad="the gradient of huber by x",
        rnn_layer="h = tanh or relu(x_t + h w^T) over the steps: every h",
        lstm_layer="(y, cells, gates) of an LSTM over projected inputs, w_out projects y",
        gru_layer="(y, gates) of a GRU over projected inputs",
        rnn_layer_grad="the gradients of rnn_layer by x and w",
        lstm_layer_grad="the gradients of lstm_layer by x, h, w and w_out",
        gru_layer_grad="the gradients of gru_layer by x, w and bias",
        sgd="p - lr (g + weight_decay p)",
        momentum="(p, buf): buf = momentum buf + g, p -= lr buf; with nesterov by g + momentum buf",
        damped_momentum="(p, buf, step): as momentum, g damped by 1 - dampening after the first step",
        adam="(p, m, v, step): Adam; decoupled is AdamW; factors of the step in float64",
        amsgrad="(p, m, v, largest, step): Adam by the largest v so far",
        rmsprop="(p, square): g / sqrt(the mean square)",
        rmsprop_momentum="(p, square, mean, buf): rmsprop with momentum, centered by the mean",
        adagrad="(p, total, step): g / sqrt(the total square), lr decaying",
        ema="decay average + (1 - decay) value",
    ),
}  # fmt: skip

register_rules("meaning", TABLE)
