"""Bad input across the layers: every row is one mistake, the error it raises and the words a reader needs.

Rows are Python texts over the names below, so that a row reads as the user would have written it. What is right though
it looks odd (no rows, no examples) is a table of its own.
"""

from __future__ import annotations

from typing import Any

import pytest

import lamella.nn.functional as F
import lamella.tensor as lt
import lamella.tensor.fft as fft
import lamella.tensor.linalg as linalg
from lamella import autograd, nn, optim

NAMES = {"lt": lt, "nn": nn, "F": F, "optim": optim, "autograd": autograd, "fft": fft, "linalg": linalg}

V, T, I, R, O = ValueError, TypeError, IndexError, RuntimeError, OverflowError  # noqa: E741

SHAPES = (
    ("nn.Linear(4, 5)(x)", V, r"linear needs x \[..., in\] and w \[out, in\], got \(2, 3\) and \(5, 4\)"),
    ("nn.Conv2d(4, 5, 3)(img)", V, "conv2d: input has 3 channels, weight .* takes 4"),
    ("nn.Conv2d(3, 5, 3)(x)", V, r"conv2d needs input \[N, C, H, W\] or \[C, H, W\], got shape \(2, 3\)"),
    ("nn.Conv2d(3, 5, 9)(img)", V, r"kernel \(9, 9\) .* is larger than the padded input \(8, 8\)"),
    ("nn.ConvTranspose2d(3, 5, 3, output_padding=3)(img)", V, "output_padding .* must be smaller than stride"),
    ("nn.BatchNorm2d(4)(img)", V, r"BatchNorm2d\(4\) needs input .* with C = 4, got shape"),
    ("nn.BatchNorm1d(3)(lt.ones(1, 3))", V, "more than one value per channel in training"),
    ("nn.LayerNorm(4)(x)", V, r"layer_norm over \(4,\) needs x to end in these dims"),
    ("nn.MaxPool2d(9)(img)", V, r"kernel \(9, 9\) is larger than the padded input"),
    ("nn.MultiheadAttention(4, 2)(x, x, x)", V, "MultiheadAttention: query must have 2 or 3 dims, the last of 4"),
    ("nn.LSTM(4, 5)(lt.ones(2, 3, 3))", V, "LSTM: the last dim of the input must be input_size 4"),
    ("nn.LSTM(4, 5)(lt.ones(2, 3, 4), (lt.ones(1, 3, 4),) * 2)", V, r"h_0 must be \(1, 3, 5\), got \(1, 3, 4\)"),
    ("nn.MSELoss()(x, lt.ones(4))", V, "mse_loss needs input and target of one shape"),
    ("nn.CrossEntropyLoss()(x, lt.tensor([0]))", V, r"logits \(2, 3\) need targets \(2,\), got \(1,\)"),
    ("F.pixel_shuffle(img, 2)", V, r"pixel_shuffle by 2 needs input \[..., C \* 4, H, W\]"),
    ("F.scaled_dot_product_attention(x, x, lt.ones(3, 3))", V, r"attention needs q \[..., L, E\]"),
    ("lt.einsum('ij,jk', x, x)", V, "'j' has size 2 in operand 1 .* and 3 before it"),
    ("lt.bmm(x, x)", V, r"bmm: the first batch must have 3 dims, got shape \(2, 3\)"),
    ("linalg.inv(x)", V, r"linalg.inv needs square matrices in the last two dims, got shape \(2, 3\)"),
    ("x.index_add(0, lt.tensor([0]), lt.ones(4, 3))", V, r"needs a source of shape \(1, 3\), got \(4, 3\)"),
    ("x[lt.tensor([True, False, True])]", I, r"a mask of shape \(3,\) does not match the dims \(2,\)"),
    ("(g * 2).backward()", R, "needs the gradient argument, of that shape"),
    ("(g * 2).backward(lt.ones(2))", V, r"the gradient argument has shape \(2,\), the tensor \(2, 3\)"),
    ("autograd.jvp(lambda v: v, (x,), (lt.ones(4),))", V, r"like its primal, got float32\[2, 3\] and float32\[4\]"),
    ("autograd.vmap(lambda a, b: a)(x, lt.ones(5))", V, "the mapped dims have different sizes, 2 and 5"),
)
DTYPES = (
    ("nn.Linear(3, 5)(i)", T, "linear needs one dtype, got x int64 and w float32; cast one"),
    ("nn.Embedding(4, 3)(x)", T, "embedding needs integer indices, got lamella.float32"),
    ("nn.MSELoss()(x, 'a')", T, "mse_loss needs target as a tensor, got str"),
    ("lt.matmul(x, i)", T, "matmul needs tensors of one dtype, got float32 and int64"),
    ("i.requires_grad_()", T, "only floating and complex tensors can require grad"),
    ("x.requires_grad_('yes')", T, "requires_grad must be True or False, got 'yes'"),
    ("nn.init.normal_(i)", T, "normal_ needs a floating tensor, got lamella.int64"),
    ("lt.set_default_dtype(lt.int32)", T, "the default dtype must be a floating lamella dtype"),
    ("x.__setitem__(0, 'a')", T, "values of a tensor are tensors, arrays, lists or numbers, got 'a'"),
    ("x.__setitem__([0], None)", T, "values of a tensor are tensors, arrays, lists or numbers, got None"),
    ("x.copy_(object())", T, "values of a tensor are .* got an object"),
    ("autograd.jacrev(lambda v: 3)(x)", T, "jacrev differentiates functions that return tensors, got int"),
    ("autograd.jacfwd(lambda v: 3)(x)", T, "must return tensors, got int"),
    ("lt.manual_seed('a')", T, "manual_seed: the seed must be an int, got 'a'"),
    ("optim.SGD([g], lr=0.1).step(3)", T, "step takes a closure to call, or nothing, got int"),
)
DIMS = (
    ("x.sum(2)", I, "dim 2 is out of range for a tensor of 2 dims; valid are -2 to 1"),
    ("lt.cat([x, x], dim=7)", I, "dim 7 is out of range"),
    ("fft.fft(x, dim=9)", I, "dim 9 is out of range for a tensor of 2 dims"),
    ("fft.fft2(x, dim=(0, 2))", I, "dim 2 is out of range"),
    ("fft.fftn(x, s=(2, 2), dim=(0,))", V, r"fft.fftn needs one length a dim, got s=\(2, 2\) for dims \(0,\)"),
    ("fft.rfft(x, n=0)", V, "fft.rfft needs lengths of at least 1, got 0"),
    ("autograd.vmap(lambda v: v, in_dims=5)(x)", V, r"in_dims 5 does not fit an argument of shape \(2, 3\)"),
    ("F.softmax(x, 3)", I, "dim 3 is out of range"),
    ("nn.Flatten(3)(x)", I, "dim 3 is out of range"),
)
INDICES = (
    ("x[2]", I, "index 2 is out of range for dim 0 of size 2"),
    ("x[lt.tensor([5])]", I, "^take: index 5 is out of range for dim 0 of size 2"),
    ("x.gather(0, lt.tensor([[9]]))", I, "^gather: index 9 is out of range for dim 0 of size 2"),
    ("x.scatter(0, lt.tensor([[9]]), 1.0)", I, "^scatter: index 9 is out of range for dim 0 of size 2"),
    ("x.index_add(0, lt.tensor([9]), lt.ones(1, 3))", I, "index 9 is out of range for dim 0 of size 2"),
    ("x.__setitem__(5, 1)", I, "index 5 is out of range for dim 0 of size 2"),
    ("nn.Embedding(4, 3)(lt.tensor([4]))", I, "index 4 is out of range for dim 0 of size 4"),
    ("nn.CrossEntropyLoss()(x, lt.tensor([0, 5]))", I, r"^cross_entropy: target 5 is not a class of \[0, 3\)"),
    ("nn.NLLLoss()(x, lt.tensor([0, 3]))", I, r"^nll_loss: target 3 is not a class of \[0, 3\)"),
    ("F.one_hot(lt.tensor([5]), 3)", I, "index 5 is out of range for dim 1 of size 3"),
    ("nn.Sequential(nn.ReLU())[3]", I, "index 3 is out of range for 1 modules"),
)
EMPTY = (
    ("e.amax(0)", V, r"amax over an empty dim has no value; shape \(0, 3\)"),
    ("e.argmax(0)", V, "argmax over dim 0 needs at least one element"),
    ("e.max()", V, "max of an empty tensor has no value"),
    ("e.median(0)", V, "median over an empty dim has no value"),
    ("e.mode(0)", V, "mode over an empty dim has no value"),
    ("e.kthvalue(1, 0)", V, "kthvalue counts from 1 to 0, the size of dim 0"),
    ("e.topk(1, 0)", V, r"topk needs k in \[0, 0\]"),
    ("e.quantile(0.5, 0)", V, "quantile over no elements has no value"),
    ("lt.stack([])", V, "stack needs at least one tensor"),
    ("nn.LSTM(4, 5)(lt.zeros(0, 2, 4))", V, "LSTM needs at least one step"),
    ("nn.utils.rnn.pad_sequence([])", V, "pad_sequence needs at least one sequence"),
    ("optim.SGD([], lr=0.1)", V, "SGD got no parameters"),
)
OVERFLOW = (
    ("lt.tensor([300], dtype=lt.uint8)", O, "300 does not fit lamella.uint8, which holds 0 to 255"),
    ("lt.tensor([2**70])", O, "does not fit lamella.int64"),
    ("lt.full((2,), 300, dtype=lt.int8)", O, "full: 300 does not fit lamella.int8"),
    ("lt.full((2,), 1e50, dtype=lt.float16)", O, "does not fit lamella.float16, whose largest number is 65504"),
    ("x.fill_(1e60)", O, "fill_: 1e.60 does not fit lamella.float32"),
    ("i.fill_(2**70)", O, "fill_: .* does not fit lamella.int64"),
    ("i.fill_(float('nan'))", O, "nan is no lamella.int64"),
    ("int(lt.tensor(float('inf')))", O, "infinity"),
)
STATE = (
    ("nn.Linear(3, 5).load_state_dict({})", R, "does not fit Linear: missing from the state: weight, bias"),
    ("nn.Linear(3, 5).load_state_dict({**linear, 'more': x})", R, "not in the module: more; strict=False"),
    ("nn.Linear(3, 4).load_state_dict(linear)", R, r"weight has shape \(5, 3\), expected \(4, 3\)"),
    ("nn.Linear(3, 5).load_state_dict({**linear, 'bias': [1]})", R, "bias is a list, expected a tensor of shape"),
    ("nn.Linear(3, 5).load_state_dict([1])", T, "needs a mapping of names to tensors, got list"),
    ("optim.SGD([g], lr=0.1).load_state_dict({})", T, r"needs what state_dict\(\) returned"),
    (
        "optim.Adam([g]).load_state_dict(optim.SGD([g], lr=0.1).state_dict())",
        V,
        "the settings of group 0 do not fit: .* was it another optimizer's",
    ),
    (
        "optim.SGD([g], lr=0.1).load_state_dict(optim.SGD([g, lt.ones(1, requires_grad=True)], lr=0.1).state_dict())",
        V,
        "group 0 has 2 parameters in the state and 1 here",
    ),
)
GRADIENTS = (
    ("x.backward()", R, "this tensor does not require grad and nothing that made it does"),
    ("autograd.grad(g.sum(), x)", R, r"input 0 of grad\(\) does not require grad"),
    ("autograd.grad(g.sum(), lt.ones(2, requires_grad=True))", R, "allow_unused=True to get None"),
    ("[s.backward() or s.backward() for s in [(g * g).sum()]]", R, "already went through mul; .* retain_graph=True"),
    ("g.add_(1)", R, r"a leaf tensor that requires grad is written in place; do it under no_grad\(\)"),
    ("[(y.exp_(), y.sum().backward()) for y in [(g * 1).exp()]]", R, "needs a tensor that was modified in place"),
    (
        "anomaly(lambda: lt.tensor([-1.0], requires_grad=True).log().sum())",
        R,
        "the tensor to differentiate holds nan; it is the result of sum, computed at",
    ),
    (
        "anomaly(lambda: (lt.zeros(1, requires_grad=True).sqrt() * 0).sum())",
        R,
        "the gradient of operand 0 of sqrt holds nan .* sqrt was computed at",
    ),
)
SETTINGS = (
    ("nn.AdaptiveAvgPool2d(1.5)(img)", V, "output_size is a positive int, None or 2 of them, got 1.5"),
    ("F.interpolate(img, 1.5)", V, "interpolate: size is a positive number or 2 of them for this input, got 1.5"),
    ("F.affine_grid(lt.ones(1, 2, 3), 'ab')", T, "affine_grid: a size must be an int, got 'ab'"),
    ("F.gumbel_softmax(x, 'a')", T, "gumbel_softmax: tau must be a number, got 'a'"),
    ("F.pdist(x, 'a')", T, "pdist: p must be a number, got 'a'"),
    ("nn.HingeEmbeddingLoss('a')(x, x)", T, "margin must be a number, got 'a'"),
    ("nn.MarginRankingLoss('a')(x, x, x)", T, "margin must be a number, got 'a'"),
    ("F.triplet_margin_loss(x, x, x, None)", T, "triplet_margin_loss: margin must be a number, got None"),
    ("nn.init.uniform_(x, 'a')", T, "uniform_: a must be a number, got 'a'"),
    ("nn.init.normal_(x, 0, 'a')", T, "normal_: std must be a number, got 'a'"),
    ("nn.init.trunc_normal_(x, 'a')", T, "trunc_normal_: mean must be a number, got 'a'"),
    ("nn.init.xavier_uniform_(x, 'a')", T, "xavier_uniform_: gain must be a number, got 'a'"),
    ("nn.init.xavier_normal_(x, None)", T, "xavier_normal_: gain must be a number, got None"),
    ("nn.init.orthogonal_(x, None)", T, "orthogonal_: gain must be a number, got None"),
    ("nn.init.sparse_(x, 'a')", T, "sparse_: sparsity must be a number, got 'a'"),
    ("nn.init.dirac_(img, 'a')", T, "dirac_: groups must be an int, got 'a'"),
    ("nn.utils.clip_grad_norm_([g], 'a')", T, "clip_grad_norm_: max_norm must be a number, got 'a'"),
    ("nn.utils.clip_grad_norm_(3, 1)", T, "clip_grad_norm_ needs tensors, got int"),
    ("nn.utils.get_total_norm([x], 'a')", V, "a norm needs a number for norm_type, got 'a'"),
    ("nn.utils.parameters_to_vector('a')", T, "parameters_to_vector needs tensors, got str"),
    ("nn.utils.vector_to_parameters(x, 9)", T, "vector_to_parameters needs tensors, got int"),
    ("nn.utils.weight_norm(x)", T, "weight_norm needs a module, got Tensor"),
    ("nn.utils.fuse_linear_bn_eval(x, 9)", T, "fuse_linear_bn_eval needs a layer and a batch norm, got Tensor"),
    ("nn.utils.rnn.pad_sequence(None)", V, "pad_sequence needs at least one sequence"),
    ("nn.LayerNorm(1.5)", T, "LayerNorm: normalized_shape must be an int, got 1.5"),
    ("nn.RMSNorm('a')", T, "RMSNorm: normalized_shape must be an int, got 'a'"),
    ("nn.Embedding(4, 3, padding_idx='a')", T, "Embedding: padding_idx must be an int, got 'a'"),
    ("nn.Hardtanh('a')", T, "Hardtanh: min_val must be a number, got 'a'"),
    ("nn.TripletMarginLoss('a')", T, "TripletMarginLoss: margin must be a number, got 'a'"),
    ("nn.CosineEmbeddingLoss('a')(x, x, x[:, 0])", T, "cosine_embedding_loss: margin must be a number, got 'a'"),
    ("nn.ZeroPad2d(1.5)", V, "ZeroPad2d: padding is an int or 4 ints, got 1.5"),
    ("nn.Upsample(scale_factor='a')", T, "Upsample: scale_factor must be a number, got 'a'"),
    ("nn.TransformerEncoder(nn.ReLU(), 1.5)", T, "TransformerEncoder: num_layers must be an int, got 1.5"),
    ("nn.Linear(-1, 5)", V, "Linear: in_features must be positive, got -1"),
    ("nn.Conv2d(3, 5, 3, groups=2)", V, "3 input and 5 output channels must both be multiples of groups 2"),
    ("nn.Conv2d(3, 5, 3, padding='same', stride=2)", V, "padding='same' needs stride 1"),
    ("nn.MultiheadAttention(5, 2)", V, "embed_dim 5 must be a multiple of num_heads 2"),
    ("nn.CrossEntropyLoss(reduction='avg')(x, lt.tensor([0, 1]))", V, "reduction is one of none, mean, sum"),
    ("nn.BCELoss()(x * 2, x)", V, r"^binary_cross_entropy needs probabilities in \[0, 1\]; apply a sigmoid first"),
    ("optim.SGD([g], lr=-1)", V, "SGD: lr must be at least 0, got -1"),
    ("optim.Adam([g], betas=(1, 2))", V, r"Adam: betas\[0\] must be in \[0, 1\), got 1"),
    ("optim.Adam([g, g])", V, "a parameter is given twice"),
    ("optim.lr_scheduler.StepLR(optim.SGD([g], lr=0.1), step_size=0)", V, "step_size must be a positive int"),
    ("lt.multinomial(lt.zeros(3), 1)", V, "^multinomial needs at least 1 categories of positive weight"),
    ("lt.bernoulli(lt.ones(2) * 3)", V, r"bernoulli needs probabilities in \[0, 1\]"),
    ("linalg.cholesky(lt.zeros(2, 2))", linalg.LinAlgError, "cholesky: Matrix is not positive definite"),
)
TABLES: dict[str, tuple[tuple[str, type[Exception], str], ...]] = {
    "shapes": SHAPES, "dtypes": DTYPES, "dims": DIMS, "indices": INDICES, "empty": EMPTY, "overflow": OVERFLOW,
    "state": STATE, "gradients": GRADIENTS, "settings": SETTINGS,
}  # fmt: skip


def anomaly(loss: Any) -> None:
    with autograd.detect_anomaly():
        loss().backward()


def names() -> dict[str, Any]:
    return NAMES | {
        "anomaly": anomaly,
        "x": lt.ones(2, 3),
        "i": lt.ones(2, 3, dtype=lt.int64),
        "g": lt.ones(2, 3, requires_grad=True),
        "e": lt.zeros(0, 3),
        "img": lt.zeros(1, 3, 8, 8),
        "linear": nn.Linear(3, 5).state_dict(),
    }


@pytest.mark.parametrize(("text", "error", "words"), [row for table in TABLES.values() for row in table])
def test_the_error_says_what_is_wrong(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        eval(text, names())


# what has no examples or no elements and is right: the shape of the result
EMPTY_BUT_RIGHT = {
    "nn.Linear(3, 5)(e)": (0, 5),
    "nn.Conv2d(3, 5, 3)(lt.zeros(0, 3, 8, 8))": (0, 5, 6, 6),
    "nn.MaxPool2d(2)(lt.zeros(0, 3, 8, 8))": (0, 3, 4, 4),
    "nn.AdaptiveAvgPool2d(1)(lt.zeros(0, 3, 8, 8))": (0, 3, 1, 1),
    "nn.BatchNorm1d(3).eval()(e)": (0, 3),
    "nn.LayerNorm(3)(e)": (0, 3),
    "nn.Embedding(4, 3)(lt.zeros(0, dtype=lt.int64))": (0, 3),
    "nn.LSTM(4, 5)(lt.zeros(2, 0, 4))[0]": (2, 0, 5),
    "F.softmax(e, 0)": (0, 3),
    "F.softmax(e, 1)": (0, 3),
    "F.cross_entropy(e, lt.zeros(0, dtype=lt.int64), reduction='none')": (0,),
    "F.scaled_dot_product_attention(lt.zeros(0, 4, 3), lt.zeros(0, 4, 3), lt.zeros(0, 4, 3))": (0, 4, 3),
    "e @ lt.zeros(3, 4)": (0, 4),
    "lt.zeros(2, 0) @ e": (2, 3),
    "e.sum(0)": (3,),
    "e.amax(1)": (0,),
    "e.sort(0)[0]": (0, 3),
    "e.cumsum(0)": (0, 3),
    "lt.cat([e, lt.ones(2, 3)])": (2, 3),
    "e[lt.zeros(0, dtype=lt.int64)]": (0, 3),
    "e[e > 0]": (0,),
    "lt.ones(2, 3)[:, lt.zeros(0, dtype=lt.int64)]": (2, 0),
}


@pytest.mark.parametrize("text", EMPTY_BUT_RIGHT)
def test_no_elements_are_right_where_they_mean_something(text: str) -> None:
    given = names()
    given["e"].requires_grad_()
    y = eval(text, given)
    assert y.shape == EMPTY_BUT_RIGHT[text]
    if y.requires_grad:
        y.sum().backward()
        grad = given["e"].grad
        assert grad is None or grad.shape == (0, 3)
