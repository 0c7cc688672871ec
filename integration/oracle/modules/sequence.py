"""Attention, transformer and recurrent modules."""

from __future__ import annotations

from integration.oracle.inputs import In
from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

_RNN = "nn.utils.rnn"
_X = In((5, 3, 4))  # steps, sequences, features
_PACK = f"{_RNN}.pack_padded_sequence(xs[0], [5, 3, 2])"
_SHUFFLED = f"{_RNN}.pack_padded_sequence(xs[0], lib.tensor([2, 5, 3]), enforce_sorted=False)"


def _recurrent() -> list[ModuleRow]:
    rows = []
    for kind in ("RNN", "LSTM", "GRU"):
        both = f"nn.{kind}(4, 6, 2, bidirectional=True)"
        state, states = In((2, 3, 6)), In((4, 3, 6))
        first = (state,) if kind != "LSTM" else (state, state)
        hx = "xs[1]" if kind != "LSTM" else "(xs[1], xs[2])"
        rows += [
            ModuleRow(f"nn.{kind}(4, 6)", (_X,)),
            ModuleRow(f"nn.{kind}(4, 6, 2)", (_X, *first), f"m(xs[0], {hx})"),
            ModuleRow(both, (_X,)),
            ModuleRow(both, (_X, *((states,) * len(first))), f"m({_SHUFFLED}, {hx})"),
            ModuleRow(both, (_X,), f"{_RNN}.pad_packed_sequence(m({_PACK})[0], batch_first=True, total_length=7)"),
            ModuleRow(f"nn.{kind}(4, 6, 2, bias=False, batch_first=True)", (_X,)),
            ModuleRow(f"nn.{kind}(4, 6)", (In((5, 4)),)),
            ModuleRow(f"nn.{kind}(4, 6, 2, dropout=0.5, bidirectional=True)", (_X,), train=False),
        ]
        cell = (In((3, 6)),) * len(first)
        rows += [
            ModuleRow(f"nn.{kind}Cell(4, 6)", (In((3, 4)),)),
            ModuleRow(f"nn.{kind}Cell(4, 6, bias=False)", (In((3, 4)), *cell), f"m(xs[0], {hx})"),
            ModuleRow(f"nn.{kind}Cell(4, 6)", (In((4,)),)),
        ]
    return rows


_PROJECTED = "nn.LSTM(4, 6, 2, bidirectional=True, proj_size=3)"
_MORE = [
    ModuleRow("nn.RNN(4, 6, 2, 'relu', bidirectional=True)", (_X,), f"m({_SHUFFLED})"),
    ModuleRow("nn.RNNCell(4, 6, nonlinearity='relu')", (In((3, 4)),)),
    # the oracle warns about projections in float32
    ModuleRow(_PROJECTED, (_X,), dtypes=("float64",)),
    ModuleRow(_PROJECTED, (_X, In((4, 3, 3)), In((4, 3, 6))), f"m({_SHUFFLED}, (xs[1], xs[2]))", dtypes=("float64",)),
]

# out_proj is a class of its own there, which has another name
_Q, _K = In((4, 2, 6)), In((5, 2, 6))
_PAD = "lib.tensor([[False, True, False, False, True], [False, False, False, True, True]])"
_LOOK = "lib.tensor([[False, True, False, False, False]] * 3 + [[True, False, False, False, True]])"
_CAUSAL = "nn.Transformer.generate_square_subsequent_mask(4, dtype=xs[0].dtype)"


def _attention(text: str, inputs: tuple[In, ...], call: str = "m(*xs)") -> ModuleRow:
    return ModuleRow(text, inputs, call, same_repr=False)


_MHA = "nn.MultiheadAttention(6, 2)"
_FIRST = "nn.MultiheadAttention(6, 3, batch_first=True)"
_ATTENTION = [
    _attention(_MHA, (_Q,), "m(xs[0], xs[0], xs[0])"),
    _attention(_MHA, (_Q, _K, _K)),
    _attention(_MHA, (_Q, _K, _K), "m(*xs, need_weights=False)[0]"),
    _attention(_MHA, (_Q, _K, _K), f"m(*xs, key_padding_mask={_PAD}, average_attn_weights=False)"),
    _attention(_MHA, (_Q, _K, _K), f"m(*xs, key_padding_mask={_PAD}, attn_mask={_LOOK}, need_weights=False)[0]"),
    _attention(_MHA, (_Q, _K, _K, In((4, 4, 5))), "m(*xs[:3], attn_mask=xs[3])"),
    _attention(_MHA, (_Q, _K, _K, In((4, 4, 5)), In((2, 5))), "m(*xs[:3], key_padding_mask=xs[4], attn_mask=xs[3])"),
    _attention(_MHA, (_Q,), f"m(xs[0], xs[0], xs[0], attn_mask={_CAUSAL}, is_causal=True, need_weights=False)[0]"),
    _attention(_MHA, (In((4, 6)), In((5, 6)), In((5, 6)))),
    _attention(_FIRST, (In((2, 4, 6)),), "m(xs[0], xs[0], xs[0], need_weights=False)[0]"),
    _attention(_FIRST, (In((2, 4, 6)), In((2, 5, 6)), In((2, 5, 6))), f"m(*xs, key_padding_mask={_PAD})"),
    _attention("nn.MultiheadAttention(6, 2, kdim=3, vdim=5)", (_Q, In((5, 2, 3)), In((5, 2, 5)))),
    _attention(
        "nn.MultiheadAttention(6, 2, bias=False, add_bias_kv=True, add_zero_attn=True)", (_Q, _K, _K),
        f"m(*xs, key_padding_mask={_PAD}, attn_mask={_LOOK})",
    ),
]  # fmt: skip

_LAYER = "6, 2, 10, dropout=0.0"
_STACK = f"nn.TransformerEncoder(nn.TransformerEncoderLayer({_LAYER}, norm_first=True), 2, nn.LayerNorm(6), False)"
_WHOLE = "nn.Transformer(6, 2, 1, 2, 10, 0.0, batch_first=True)"  # the oracle warns about other layouts
_TRANSFORMER = [
    _attention(f"nn.TransformerEncoderLayer({_LAYER})", (_Q,)),
    _attention(
        f"nn.TransformerEncoderLayer({_LAYER}, activation='gelu', norm_first=True, batch_first=True)", (In((2, 4, 6)),),
        f"m(xs[0], {_CAUSAL}, is_causal=True)",
    ),
    _attention(
        f"nn.TransformerEncoderLayer({_LAYER}, activation=lib.tanh, bias=False, layer_norm_eps=1e-3)", (_K,),
        f"m(xs[0], src_key_padding_mask={_PAD})",
    ),
    _attention(f"nn.TransformerDecoderLayer({_LAYER})", (_Q, _K)),
    _attention(
        f"nn.TransformerDecoderLayer({_LAYER}, norm_first=True)", (_Q, _K),
        f"m(*xs, tgt_mask={_CAUSAL}, memory_key_padding_mask={_PAD})",
    ),
    _attention(_STACK, (_Q,), f"m(xs[0], {_CAUSAL})"),
    _attention(f"nn.TransformerDecoder(nn.TransformerDecoderLayer({_LAYER}), 2)", (_Q, _K)),
    _attention(
        _WHOLE, (In((2, 5, 6)), In((2, 4, 6))),
        f"m(*xs, tgt_mask={_CAUSAL}, src_key_padding_mask={_PAD}, memory_key_padding_mask={_PAD})",
    ),
    _attention(_WHOLE, (In((2, 5, 6)), In((2, 4, 6)))),
]  # fmt: skip

ROWS = [*_recurrent(), *_MORE, *_ATTENTION, *_TRANSFORMER]
