"""Recurrent layers (Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014) with torch's parameter names.

One layer in one direction is one product for the inputs of all steps, and one op for the rest.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch, last_state

from .. import init
from .._module import Module
from .._parameter import Parameter, fresh
from ..utils.rnn import PackedSequence
from ._arguments import positive, probability

__all__ = ["GRU", "LSTM", "RNN", "RNNBase", "run_direction"]

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]


def run_direction(
    mode: str, rows: Tensor, state: tuple[Tensor, ...], weights: Weights, sizes: tuple[int, ...], reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(outputs of all rows, last states [N, H]) of one layer in one direction over rows [sum(sizes), features]."""
    w_in, w, b_in, b, w_out = weights
    given: dict[str, Any] = {"sizes": sizes, "reverse": reverse}
    if mode == "GRU":
        inner = None
        if b is not None and b_in is not None:
            k = w.shape[1]
            # r multiplies the part of n's bias that stands beside the state; the others only add
            inner = b[2 * k :]
            b_in = lt.cat([b_in[: 2 * k] + b[: 2 * k], b_in[2 * k :]], 0)
        y = dispatch(OPS["gru_layer"], (lt.linear(rows, w_in, b_in), state[0], w, inner), given)[0]
        return y, (last_state(y, sizes, reverse),)
    x = lt.linear(rows, w_in, b_in if b_in is None or b is None else b_in + b)
    if mode == "LSTM":
        y, cells, _ = dispatch(OPS["lstm_layer"], (x, *state, w, w_out), given)
        return y, (last_state(y, sizes, reverse), last_state(cells, sizes, reverse))
    given["nonlinearity"] = mode[4:].lower()
    y = dispatch(OPS["rnn_layer"], (x, state[0], w), given)
    return y, (last_state(y, sizes, reverse),)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters by layer and direction, states, packed and padded sequences.

    Input [T, N, input_size], [N, T, ..] with batch_first, [T, input_size], or packed; the states are [layers *
    directions, N, hidden_size], without N where the input has none.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in _GATES:
            raise ValueError(f"RNNBase: mode is one of {', '.join(_GATES)}, got {mode!r}")
        name = type(self).__name__
        self.mode = mode
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.num_layers = positive(name, "num_layers", num_layers)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = probability(name, dropout)
        self.bidirectional = bidirectional
        if not isinstance(proj_size, int) or not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size must lie in [0, hidden_size {hidden_size}), got {proj_size!r}")
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: only LSTM takes proj_size, got {proj_size}")
        self.proj_size = proj_size
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} acts between layers, and there is one layer: it has no effect",
                stacklevel=3,
            )
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                for part, shape in self._shapes(layer).items():
                    self.register_parameter(f"{part}_{suffix}", fresh(shape, dtype, device))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"l{layer}", f"l{layer}_reverse") if self.bidirectional else (f"l{layer}",)

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        rows, out = _GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        width = out * (1 + self.bidirectional) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (out, self.hidden_size)
        return shapes

    def reset_parameters(self) -> None:
        """Draw all parameters anew: uniform within 1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: a device that wants all weights in one piece of memory does not exist here (as in torch, on CPU)."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [
            [getattr(self, f"{part}_{suffix}") for part in self._shapes(layer)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def _weights(self, suffix: str) -> Weights:
        def of(part: str) -> Any:
            return getattr(self, f"{part}_{suffix}", None)

        return of("weight_ih"), of("weight_hh"), of("bias_ih"), of("bias_hh"), of("weight_hr")

    def _run(self, input: Any, hx: tuple[Tensor, ...] | None) -> tuple[Any, tuple[Tensor, ...]]:
        name = type(self).__name__
        if isinstance(input, PackedSequence):
            sizes = tuple(input.batch_sizes.tolist())
            states = self._states(hx, sizes[0], input.data, batched=True)
            if hx is not None and input.sorted_indices is not None:
                states = tuple(s[:, input.sorted_indices] for s in states)
            rows, states = self._through(input.data, sizes, states)
            if input.unsorted_indices is not None:
                states = tuple(s[:, input.unsorted_indices] for s in states)
            return PackedSequence(rows, *input[1:]), states
        if not isinstance(input, Tensor):
            raise TypeError(f"{name} needs a tensor or a PackedSequence, got {type(input).__name__}")
        if input.ndim not in (2, 3):
            raise ValueError(f"{name} needs an input of 3 dims, or of 2 without a batch, got {input.shape}")
        batched = input.ndim == 3
        x = input.unsqueeze(1) if not batched else input.transpose(0, 1) if self.batch_first else input
        t, n, width = x.shape
        if not t:
            raise ValueError(f"{name} needs at least one step, got an input {input.shape}")
        states = self._states(hx, n, input, batched)
        rows, states = self._through(x.reshape(t * n, width), (n,) * t, states)
        out = rows.reshape(t, n, rows.shape[1])
        if not batched:
            return out.squeeze(1), tuple(s.squeeze(1) for s in states)
        return (out.transpose(0, 1) if self.batch_first else out), states

    def _states(self, hx: tuple[Tensor, ...] | None, n: int, like: Tensor, batched: bool) -> tuple[Tensor, ...]:
        """The first states [layers * directions, N, ..], checked, or zeros."""
        name, layers = type(self).__name__, self.num_layers * (1 + self.bidirectional)
        if like.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: the last dim of the input must be input_size {self.input_size}, got {like.shape}"
            )
        wide = self.proj_size or self.hidden_size
        shapes = [(layers, n, wide), (layers, n, self.hidden_size)][: 2 if self.mode == "LSTM" else 1]
        if hx is None:
            return tuple(lt.zeros(*shape, dtype=like.dtype) for shape in shapes)
        for what, state, shape in zip(("h_0", "c_0")[: len(shapes)], hx, shapes, strict=True):
            if not isinstance(state, Tensor):
                raise TypeError(f"{name}: {what} must be a tensor, got {type(state).__name__}")
            wanted = shape if batched else (shape[0], shape[2])
            if state.shape != wanted:
                raise ValueError(f"{name}: {what} must be {wanted}, got {state.shape}")
        return hx if batched else tuple(s.unsqueeze(1) for s in hx)

    def _through(
        self, rows: Tensor, sizes: tuple[int, ...], states: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                rows = lt.dropout(rows, self.dropout)
            outs = []
            for reverse, suffix in enumerate(self._suffixes(layer)):
                first = tuple(s[len(last)] for s in states)
                out, ends = run_direction(self.mode, rows, first, self._weights(suffix), sizes, bool(reverse))
                outs.append(out)
                last.append(ends)
            rows = lt.cat(outs, 1) if len(outs) > 1 else outs[0]
        return rows, tuple(lt.stack(list(column), 0) for column in zip(*last, strict=True))

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        extra = f", proj_size={self.proj_size}" if self.proj_size else ""
        if self.num_layers != 1:
            extra += f", num_layers={self.num_layers}"
        if not self.bias:
            extra += f", bias={self.bias}"
        if self.batch_first:
            extra += f", batch_first={self.batch_first}"
        if self.dropout:
            extra += f", dropout={self.dropout}"
        if self.bidirectional:
            extra += f", bidirectional={self.bidirectional}"
        return f"{self.input_size}, {self.hidden_size}{extra}"


class RNN(RNNBase):
    """h' = tanh (or relu) of weight_ih x + bias_ih + weight_hh h + bias_hh, over all steps and layers."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """(outputs of the last layer at every step, last states); hx: the first states, 0 where not given."""
        out, (h,) = self._run(input, None if hx is None else (hx,))
        return out, h


class LSTM(RNNBase):
    """Long short-term memory; with proj_size the outputs are projected to that size (Sak et al. 2014)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        """(outputs of the last layer at every step, (last states, last cells)); hx: the first ones, 0 if not given."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise TypeError(f"LSTM: hx must be (h_0, c_0), got {type(hx).__name__}")
        out, (h, c) = self._run(input, None if hx is None else tuple(hx))
        return out, (h, c)


class GRU(RNNBase):
    """Gated recurrent units."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """(outputs of the last layer at every step, last states); hx: the first states, 0 where not given."""
        out, (h,) = self._run(input, None if hx is None else (hx,))
        return out, h
