"""Attention, transformer layers, recurrent layers and packed sequences: against numpy, against their own parts run one
by one, and bad input. Ops are checked against numpy and finite differences in tensor and autograd.
"""

from typing import Any

import numpy as np
import pytest

import lamella.nn.functional as F
import lamella.tensor as lt
from lamella import autograd, nn
from lamella.nn.utils import rnn
from lamella.tensor.extend import OPS, dispatch

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def leaf(*shape):
    return lt.tensor(normal(*shape)).requires_grad_()


def close(got, want, tolerance=1e-11):
    got, want = (x.detach().numpy() if isinstance(x, lt.Tensor) else x for x in (got, want))
    assert got.shape == np.shape(want)
    assert np.max(np.abs(got - want), initial=0) <= tolerance * max(1.0, np.max(np.abs(want), initial=0))


# -- attention over many blocks of scores: the kernels against the body

BLOCKS: dict[str, Any] = {
    "rows of a head": ((2, 700, 4), (2, 500, 4), None, {}),
    "causal rows": ((1, 600, 4), (1, 600, 4), None, {"causal": True}),
    "causal, more keys": ((3, 200, 4), (3, 300, 4), None, {"causal": True}),
    "some heads": ((3, 5, 120, 4), (3, 5, 130, 4), (5, 120, 130), {}),
    "shared heads": ((2, 3, 5, 90, 4), (2, 3, 1, 110, 4), None, {}),
    "dropout": ((2, 300, 4), (2, 600, 4), None, {"p": 0.3}),
    "dropout, causal": ((3, 400, 4), (3, 400, 4), None, {"p": 0.3, "causal": True}),
    "no key": ((2, 3, 4), (2, 0, 4), None, {}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_change_nothing(name):
    of_q, of_k, of_mask, given = BLOCKS[name]
    params = {"scale": 0.5, "causal": False, "p": 0.0, **given}
    q, k, v = leaf(*of_q), leaf(*of_k), leaf(*of_k)
    mask = None if of_mask is None else lt.tensor(RNG.random(of_mask) < 0.5)
    args = (q, k, v, mask, *((7, 3) if params["p"] else (None, None)))
    body: Any = OPS["attention"].body
    got, want = dispatch(OPS["attention"], args, params), body(*args, **params)
    for a, b in zip(got, want, strict=True):
        finite = np.isfinite(b.detach().numpy())
        close(np.where(finite, a.detach().numpy(), 0), np.where(finite, b.detach().numpy(), 0))
    g = lt.tensor(normal(*got[0].shape))
    for a, b in zip(*(autograd.grad([o[0]], [q, k, v], [g]) for o in (got, want)), strict=True):
        close(a, b)


def test_a_learned_bias_gets_its_gradient():
    q, k, v, bias = leaf(2, 3, 4, 5), leaf(2, 3, 6, 5), leaf(2, 3, 6, 5), leaf(3, 4, 6)
    out = F.scaled_dot_product_attention(q, k, v, bias)
    weights = lt.softmax(q @ k.mT * 5**-0.5 + bias, -1)
    g = lt.tensor(normal(*out.shape))
    wrt = [q, k, v, bias]
    for a, b in zip(*(autograd.grad([o], wrt, [g]) for o in (out, weights @ v)), strict=True):
        close(a, b)
    assert autograd.gradcheck(lambda b: F.scaled_dot_product_attention(q.detach(), k.detach(), v.detach(), b), (bias,))


@pytest.mark.parametrize("mask", [None, "heads", "one"])
def test_grouped_heads_are_heads_repeated(mask):
    q, k, v = leaf(2, 6, 3, 4), leaf(2, 2, 5, 4), leaf(2, 2, 5, 7)
    seen = None if mask is None else lt.tensor(RNG.random((6 if mask == "heads" else 1, 3, 5)) < 0.7)
    got = F.scaled_dot_product_attention(q, k, v, seen, enable_gqa=True)
    wide = [lt.stack([x] * 3, 2).reshape(2, 6, *x.shape[2:]) for x in (k, v)]
    want = F.scaled_dot_product_attention(q, *wide, seen)
    close(got, want)
    g = lt.tensor(normal(*got.shape))
    for a, b in zip(*(autograd.grad([o], [q, k, v], [g]) for o in (got, want)), strict=True):
        close(a, b)


def test_dropped_weights_keep_their_mean_and_follow_the_seed():
    q, v = lt.zeros(1, 400, 4), lt.ones(1, 400, 2)
    lt.manual_seed(3)
    first = F.scaled_dot_product_attention(q, q, v, dropout_p=0.25)
    lt.manual_seed(3)
    assert (F.scaled_dot_product_attention(q, q, v, dropout_p=0.25) == first).all()
    assert abs(first.mean().item() - 1) < 0.01
    assert first.std().item() > 0
    assert (F.scaled_dot_product_attention(q, q, v, dropout_p=1.0) == 0).all()


def test_dropout_inside_vmap_says_whose_mask_it_is():
    x = lt.tensor(normal(3, 20, 4))

    def drop(y):
        return F.scaled_dot_product_attention(y, y, y, dropout_p=0.5)

    with pytest.raises(RuntimeError, match="randomness"):
        autograd.vmap(drop)(x)
    same = autograd.vmap(drop, randomness="same")(x[:1].expand(3, 20, 4))
    assert (same[0] == same[1]).all()
    other = autograd.vmap(drop, randomness="different")(x[:1].expand(3, 20, 4))
    assert not (other[0] == other[1]).all()


def test_a_key_that_nobody_sees_gets_no_gradient_and_no_nan():
    q, k, v = leaf(1, 3, 4), leaf(1, 5, 4), leaf(1, 5, 2)
    look = lt.tensor(np.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool))
    out = F.scaled_dot_product_attention(q, k, v, look)
    assert (out[0, 1] == 0).all()
    out.sum().backward()
    assert all(np.isfinite(x.grad.numpy()).all() for x in (q, k, v))
    assert (q.grad[0, 1] == 0).all()
    assert (k.grad[0, 2:] == 0).all()
    assert (v.grad[0, 2:] == 0).all()


def test_masks_of_both_kinds_are_one():
    layer = nn.MultiheadAttention(6, 2, batch_first=True).double()
    x = lt.tensor(normal(2, 4, 6))
    pad = np.array([[False, False, True, False], [False, True, False, False]])
    look = np.triu(np.ones((4, 4), bool), 1)
    added = [lt.tensor(np.where(m, -np.inf, 0.0)) for m in (pad, look)]
    wanted = layer(x, x, x, key_padding_mask=lt.tensor(pad), attn_mask=lt.tensor(look))
    for p, m in ((added[0], added[1]), (lt.tensor(pad), added[1]), (added[0], lt.tensor(look))):
        for got, want in zip(layer(x, x, x, key_padding_mask=p, attn_mask=m), wanted, strict=True):
            close(got, want)


def test_layouts_of_multihead_attention():
    first = nn.MultiheadAttention(6, 2, batch_first=True).double()
    last = nn.MultiheadAttention(6, 2).double()
    last.load_state_dict(first.state_dict())
    q, k, v = (lt.tensor(normal(3, n, 6)) for n in (4, 5, 5))
    out, weights = first(q, k, v)
    turned, same = last(*(x.transpose(0, 1) for x in (q, k, v)))
    close(turned.transpose(0, 1), out)
    close(same, weights)
    one, alone = first(q[1], k[1], v[1])
    close(one, out[1])
    close(alone, weights[1])


def test_static_keys_replace_the_projected_ones():
    x = lt.tensor(normal(4, 2, 6))
    layer = nn.MultiheadAttention(6, 2).double()
    k, v = lt.tensor(normal(4, 3, 3)), lt.tensor(normal(4, 3, 3))
    out, weights = F.multi_head_attention_forward(
        x, x, x, 6, 2, layer.in_proj_weight, layer.in_proj_bias, None, None, False, 0.0, layer.out_proj.weight,
        layer.out_proj.bias, static_k=k, static_v=v, average_attn_weights=False,
    )  # fmt: skip
    assert layer.in_proj_weight is not None
    assert layer.in_proj_bias is not None
    q = lt.linear(x, layer.in_proj_weight[:6], layer.in_proj_bias[:6]).transpose(0, 1)
    q = q.reshape(2, 4, 2, 3).transpose(1, 2)
    close(weights, lt.softmax(q @ k.reshape(2, 2, 3, 3).mT * 3**-0.5, -1))
    made = (weights @ v.reshape(2, 2, 3, 3)).transpose(1, 2).reshape(2, 4, 6)
    close(out.transpose(0, 1), layer.out_proj(made))


# -- transformer


@pytest.mark.parametrize("norm_first", [False, True])
def test_layers_are_their_parts(norm_first):
    layer = nn.TransformerDecoderLayer(6, 2, 8, 0.0, F.gelu, norm_first=norm_first).double()
    x, memory = lt.tensor(normal(4, 3, 6)), lt.tensor(normal(5, 3, 6))
    want = x
    for norm, part in (
        (layer.norm1, lambda y: layer.self_attn(y, y, y)[0]),
        (layer.norm2, lambda y: layer.multihead_attn(y, memory, memory)[0]),
        (layer.norm3, lambda y: layer.linear2(F.gelu(layer.linear1(y)))),
    ):
        want = want + part(norm(want)) if norm_first else norm(want + part(want))
    close(layer(x, memory), want)


def test_copies_of_a_layer_share_nothing():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 2)
    a, b = (layer.linear1.weight for layer in stack.layers)
    assert (a == b).all()
    assert a is not b
    assert stack(lt.randn(4, 3, 6)).shape == (4, 3, 6)


def test_a_causal_mask_is_the_hint():
    layer = nn.TransformerEncoderLayer(6, 2, 8, 0.0).double()
    x = lt.tensor(normal(4, 3, 6))
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=lt.float64)
    assert mask.tolist()[0] == [0.0] + [-np.inf] * 3
    close(layer(x, mask), layer(x, is_causal=True))
    close(layer(x, mask)[:2], layer(x[:2], is_causal=True))


def test_transformer_dropout_is_only_in_training():
    model = nn.Transformer(8, 2, 1, 1, 16, 0.5)
    x = lt.randn(3, 2, 8)
    assert not (model(x, x) == model(x, x)).all()
    model.eval()
    assert (model(x, x) == model(x, x)).all()


# -- recurrent layers

KINDS = {
    "rnn": lambda **o: nn.RNN(3, 4, **o),
    "relu": lambda **o: nn.RNN(3, 4, nonlinearity="relu", **o),
    "lstm": lambda **o: nn.LSTM(3, 4, **o),
    "projected": lambda **o: nn.LSTM(3, 4, proj_size=2, **o),
    "gru": lambda **o: nn.GRU(3, 4, **o),
}


def flat(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_are_sequences_alone(kind):
    layer = KINDS[kind](num_layers=2, bidirectional=True).double()
    lengths = [3, 5, 1, 3]
    xs = [leaf(n, 3) for n in lengths]
    packed, states = layer(rnn.pack_sequence(xs, enforce_sorted=False))
    outs = rnn.unpack_sequence(packed)
    loss = sum((o * o).sum() for o in [*outs, *flat(states)])
    together = autograd.grad([loss], [*xs, *layer.parameters()])
    alone = [layer(x) for x in xs]
    for i, (out, state) in enumerate(alone):
        close(outs[i], out)
        for s, one in zip(flat(states), flat(state), strict=True):
            close(s[:, i], one)
    loss = sum((o * o).sum() for out, state in alone for o in (out, *flat(state)))
    for a, b in zip(together, autograd.grad([loss], [*xs, *layer.parameters()]), strict=True):
        close(a, b)


@pytest.mark.parametrize("kind", ["rnn", "relu", "lstm", "gru"])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_cells_in_a_row(kind, bias):
    layer = KINDS[kind](bias=bias).double()
    cell: Any = {"rnn": nn.RNNCell, "relu": lambda *a: nn.RNNCell(*a, "relu"), "lstm": nn.LSTMCell, "gru": nn.GRUCell}[
        kind
    ]
    cell = cell(3, 4, bias).double()
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.state_dict().items()})
    x = lt.tensor(normal(5, 2, 3))
    state = tuple(lt.tensor(normal(2, 4)) for _ in range(2 if kind == "lstm" else 1))
    out, last = layer(x, tuple(s[None] for s in state) if kind == "lstm" else state[0][None])
    for t in range(5):
        state = flat(cell(x[t], state if kind == "lstm" else state[0]))
        close(out[t], state[0])
    for a, b in zip(flat(last), state, strict=True):
        close(a[0], b)
    close(flat(cell(x[0, 0]))[0], flat(cell(x[0]))[0][0])


@pytest.mark.parametrize("kind", KINDS)
def test_layouts_and_states_of_layers(kind):
    layer = KINDS[kind](num_layers=2, bidirectional=True).double()
    turned = KINDS[kind](num_layers=2, bidirectional=True, batch_first=True).double()
    turned.load_state_dict(layer.state_dict())
    x = lt.tensor(normal(5, 2, 3))
    out, state = layer(x)
    same, others = turned(x.transpose(0, 1))
    close(same.transpose(0, 1), out)
    for a, b in zip(flat(state), flat(others), strict=True):
        close(a, b)
    one = KINDS[kind]().double()
    first, middle = one(x[:2])
    close(lt.cat([first, one(x[2:], middle)[0]], 0), one(x)[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [lt.float16, lt.bfloat16])
def test_half_types_compute_in_single(kind, dtype):
    layer = KINDS[kind]()
    low = KINDS[kind]().to(dtype)
    low.load_state_dict({name: p.to(dtype) for name, p in layer.state_dict().items()})
    layer.load_state_dict({name: p.float() for name, p in low.state_dict().items()})
    x = lt.randn(4, 2, 3).to(dtype)
    out, _ = low(x)
    assert out.dtype is dtype
    out.sum().backward()
    assert low.weight_hh_l0.grad.dtype is dtype
    close(out.float(), layer(x.float())[0], 2e-2)


def test_layers_map_over_examples_and_differentiate_twice():
    layer = nn.LSTM(3, 4).double()
    x = lt.tensor(normal(3, 5, 3))  # examples of one sequence each
    got = autograd.vmap(lambda one: layer(one)[0])(x)
    close(got, layer(x.transpose(0, 1))[0].transpose(0, 1))

    def norm(x):
        return (layer(x)[0] ** 2).sum()

    assert autograd.gradgradcheck(norm, (leaf(2, 1, 3),))


def test_dropout_between_layers():
    layer = nn.GRU(3, 4, 2, dropout=1.0)
    x = lt.randn(5, 2, 3)
    assert (layer(x)[0][:, 0] == layer(x * 2)[0][:, 0]).all()  # nothing of the input reaches the second layer
    layer.eval()
    assert not (layer(x)[0] == layer(x * 2)[0]).all()
    with pytest.warns(UserWarning, match="no effect"):
        nn.GRU(3, 4, dropout=0.5)


def test_parameters_have_the_names_of_the_state_dicts_of_others():
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    names = list(layer.state_dict())
    parts = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    assert names == [f"{p}_l{n}{way}" for n in (0, 1) for way in ("", "_reverse") for p in parts]
    assert [[p.shape for p in each] for each in layer.all_weights][2][0] == (16, 4)
    layer.flatten_parameters()
    assert all(p.abs().amax().item() <= 0.5 for p in layer.parameters())
    assert repr(layer) == "LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True)"


# -- packing


@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_padding_are_inverse(batch_first):
    lengths = [2, 4, 1]
    xs = [leaf(n, 2) for n in lengths]
    padded = rnn.pad_sequence(xs, batch_first, padding_value=9.0)
    assert padded.shape == ((3, 4, 2) if batch_first else (4, 3, 2))
    packed = rnn.pack_padded_sequence(padded, lt.tensor(lengths), batch_first, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    assert packed.unsorted_indices.tolist() == [1, 0, 2]
    close(packed.data[:3], lt.stack([xs[1][0], xs[0][0], xs[2][0]]))
    again, found = rnn.pad_packed_sequence(packed, batch_first, padding_value=9.0)
    assert found.tolist() == lengths
    close(again, padded)
    longer, _ = rnn.pad_packed_sequence(packed, batch_first, total_length=6)
    assert longer.shape[1 if batch_first else 0] == 6
    again.sum().backward()
    assert all((x.grad == 1).all() for x in xs)
    for a, b in zip(rnn.unpad_sequence(padded, lengths, batch_first), xs, strict=True):
        close(a, b)
    for a, b in zip(rnn.unpack_sequence(packed), xs, strict=True):
        close(a, b)


def test_padding_on_the_left():
    out = rnn.pad_sequence([lt.tensor([1.0, 2.0]), lt.tensor([3.0])], True, padding_side="left")
    assert out.tolist() == [[1, 2], [0, 3]]


def test_a_packed_sequence_is_a_tuple_that_moves():
    packed = rnn.pack_sequence([lt.ones(3, 2), lt.ones(1, 2)])
    data, sizes, *order = packed
    assert order == [None, None]
    assert packed.to(lt.float64).data.dtype is lt.float64
    assert packed.double().batch_sizes is sizes
    assert packed.float() is packed
    assert packed.cpu().data is data
    assert [getattr(packed, k)().data.dtype.name for k in ("half", "long", "int", "short", "char", "byte")] == [
        "float16", "int64", "int32", "int16", "int8", "uint8",
    ]  # fmt: skip
    assert not packed.is_cuda


# -- bad input


def sdpa(*shapes, **options):
    return F.scaled_dot_product_attention(*(lt.ones(*s) for s in shapes), **options)


X = lt.ones(5, 2, 3)
BAD = [
    (lambda: sdpa((2, 3), (2, 4), (2, 3)), ValueError, r"attention needs q \[..., L, E\]"),
    (lambda: sdpa((2, 3), (2, 3), (2, 3), attn_mask=lt.ones(4, 2, 2)), ValueError, "does not broadcast to the scores"),
    (lambda: sdpa((2, 3), (2, 3), (2, 3), attn_mask=lt.ones(2, 2).long()), TypeError, "must be bool"),
    (lambda: sdpa((2, 3), (2, 3), (2, 3), dropout_p=1.5), ValueError, r"probability in \[0, 1\]"),
    (lambda: sdpa((2, 3), (2, 3), (2, 3), enable_gqa=True), ValueError, "needs heads in dim -3"),
    (lambda: sdpa((3, 2, 3), (2, 2, 3), (2, 2, 3), enable_gqa=True), ValueError, "a multiple of them of query"),
    (lambda: lt.attention(lt.ones(2, 2), lt.ones(2, 2).double(), lt.ones(2, 2)), TypeError, "one dtype"),
    (lambda: nn.MultiheadAttention(4, 2, kdim=0), ValueError, "kdim must be positive"),
    (lambda: nn.MultiheadAttention(4, 2)(lt.ones(4), lt.ones(4), lt.ones(4)), ValueError, "2 or 3 dims"),
    (lambda: nn.MultiheadAttention(4, 2)(1, 2, 3), TypeError, "query as a tensor"),
    (
        lambda: F.multi_head_attention_forward(
            *[lt.ones(2, 1, 4)] * 3, 6, 2, lt.ones(12, 4), None, None, None, False, 0.0, lt.ones(4, 4), None
        ),
        ValueError,
        "query must be 6 wide",
    ),
    (
        lambda: F.multi_head_attention_forward(
            *[lt.ones(2, 1, 4)] * 3, 4, 2, lt.ones(12, 4), None, lt.ones(4), None, False, 0.0, lt.ones(4, 4), None
        ),
        ValueError,
        "given together",
    ),
    (
        lambda: F.multi_head_attention_forward(
            lt.ones(2, 1, 4),
            lt.ones(2, 1, 4),
            lt.ones(2, 1, 4),
            4,
            2,
            lt.ones(12, 4),
            None,
            None,
            None,
            False,
            0.0,
            lt.ones(4, 4),
            None,
            static_k=lt.ones(1, 2, 2),
        ),
        ValueError,
        r"static_k must be \[2, S, 2\]",
    ),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="silu"), ValueError, "'relu', 'gelu' or a function"),
    (lambda: nn.Transformer(4, 2, 1, 1, 8)(lt.ones(3, 2, 4), lt.ones(3, 1, 4)), ValueError, "one batch"),
    (lambda: nn.Transformer(4, 2, 1, 1, 8)(lt.ones(3, 2, 5), lt.ones(3, 2, 5)), ValueError, "4 wide"),
    (lambda: nn.LSTM(3, 0), ValueError, "hidden_size must be positive"),
    (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size must lie in"),
    (lambda: nn.RNNBase("GRU", 3, 4, proj_size=2), ValueError, "only LSTM takes proj_size"),
    (lambda: nn.RNNBase("RNN", 3, 4), ValueError, "mode is one of"),
    (lambda: nn.RNN(3, 4, nonlinearity="gelu"), ValueError, "'tanh' or 'relu'"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="gelu"), ValueError, "'tanh' or 'relu'"),
    (lambda: nn.GRU(3, 4)([1]), TypeError, "a tensor or a PackedSequence"),
    (lambda: nn.GRU(3, 4)(lt.ones(3)), ValueError, "3 dims, or of 2"),
    (lambda: nn.GRU(3, 4)(lt.ones(5, 2, 4)), ValueError, "must be input_size 3, got"),
    (lambda: nn.GRU(3, 4)(lt.ones(0, 2, 3)), ValueError, "at least one step"),
    (lambda: nn.GRU(3, 4)(X, lt.ones(1, 3, 4)), ValueError, r"h_0 must be \(1, 2, 4\)"),
    (lambda: nn.GRU(3, 4)(X, 1), TypeError, "h_0 must be a tensor"),
    (lambda: nn.GRU(3, 4)(X.double()), TypeError, "one dtype"),
    (lambda: nn.LSTM(3, 4)(X, lt.ones(1, 2, 4)), TypeError, r"\(h_0, c_0\)"),
    (lambda: nn.LSTM(3, 4)(X[:, 0], (lt.ones(1, 4), lt.ones(1, 1, 4))), ValueError, r"c_0 must be \(1, 4\)"),
    (lambda: nn.LSTMCell(3, 4)(X[0], lt.ones(2, 4)), TypeError, r"hx must be \(h, c\)"),
    (lambda: nn.GRUCell(3, 4)(X), ValueError, r"an input \[N, 3\] or \[3\]"),
    (lambda: nn.GRUCell(3, 4)(X[0], lt.ones(1, 4)), ValueError, r"hx must be \(2, 4\)"),
    (lambda: rnn.pack_padded_sequence(X, [3, 4]), ValueError, "decreasing order"),
    (lambda: rnn.pack_padded_sequence(X, [6, 1]), ValueError, r"lie in \[1, 5\]"),
    (lambda: rnn.pack_padded_sequence(X, [5]), ValueError, "2 sequences need as many lengths"),
    (lambda: rnn.pack_padded_sequence(X, 3), TypeError, "lengths as a list or a tensor"),
    (lambda: rnn.pack_padded_sequence(lt.ones(3), [3]), ValueError, "a dim of steps and one of sequences"),
    (lambda: rnn.pad_packed_sequence(X), TypeError, "needs a PackedSequence"),
    (
        lambda: rnn.pad_packed_sequence(rnn.pack_sequence([lt.ones(3, 1)]), total_length=2),
        ValueError,
        "at least the longest length 3",
    ),
    (lambda: rnn.pad_sequence([]), ValueError, "at least one sequence"),
    (lambda: rnn.pad_sequence([lt.ones(2, 1), lt.ones(2, 2)]), ValueError, "agree behind dim 0"),
    (lambda: rnn.pad_sequence([lt.ones(2)], padding_side="both"), ValueError, "'left' or 'right'"),
    (lambda: rnn.unpad_sequence(X, [6, 1]), ValueError, "do not fit"),
    (lambda: rnn.PackedSequence(X), ValueError, "needs batch_sizes"),
    (lambda: rnn.PackedSequence(X, [5]), TypeError, "needs tensors"),
    (lambda: rnn.PackedSequence(X, lt.tensor([4])), ValueError, "must sum to the rows"),
]


@pytest.mark.parametrize(("act", "error", "text"), BAD, ids=[b[2] for b in BAD])
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
