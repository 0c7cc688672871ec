"""One step of a recurrent layer as a module: the same ops as the layers', over a sequence of one step."""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from .. import init
from .._module import Module
from .._parameter import Parameter, fresh
from ._arguments import positive
from ._recurrent import run_direction

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: parameters, and a step over input [N, input_size], or [input_size]."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = fresh((rows, input_size), dtype, device)
        self.weight_hh = fresh((rows, hidden_size), dtype, device)
        self.register_parameter("bias_ih", fresh((rows,), dtype, device) if bias else None)
        self.register_parameter("bias_hh", fresh((rows,), dtype, device) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: uniform within 1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _step(self, mode: str, input: Tensor, hx: tuple[Tensor, ...] | None, states: int) -> tuple[Tensor, ...]:
        name = type(self).__name__
        if not isinstance(input, Tensor) or input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            found = input.shape if isinstance(input, Tensor) else type(input).__name__
            raise ValueError(f"{name} needs an input [N, {self.input_size}] or [{self.input_size}], got {found}")
        batched = input.ndim == 2
        x = input if batched else input.unsqueeze(0)
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            hx = (lt.zeros(*shape, dtype=input.dtype),) * states
        for state in hx:
            if not isinstance(state, Tensor) or state.shape != shape:
                found = state.shape if isinstance(state, Tensor) else type(state).__name__
                raise ValueError(f"{name}: hx must be {shape} for an input {input.shape}, got {found}")
        first = hx if batched else tuple(s.unsqueeze(0) for s in hx)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None)
        _, last = run_direction(mode, x, first, weights, (x.shape[0],), False)
        return last if batched else tuple(s.squeeze(0) for s in last)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        extra = "" if self.bias else f", bias={self.bias}"
        kind = getattr(self, "nonlinearity", "tanh")
        return f"{self.input_size}, {self.hidden_size}{extra}" + (f", nonlinearity={kind}" if kind != "tanh" else "")


class RNNCell(RNNCellBase):
    """One step of RNN: input [N, input_size], hx [N, hidden_size] to the next hx; both without N too."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state; hx is 0 where not given."""
        return self._step(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,), 1)[0]


class LSTMCell(RNNCellBase):
    """One step of LSTM: input [N, input_size], hx (h, c) of [N, hidden_size] each to the next (h, c)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next (h, c); hx is 0 where not given."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise TypeError(f"LSTMCell: hx must be (h, c), got {type(hx).__name__}")
        h, c = self._step("LSTM", input, None if hx is None else tuple(hx), 2)
        return h, c


class GRUCell(RNNCellBase):
    """One step of GRU: input [N, input_size], hx [N, hidden_size] to the next hx; both without N too."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state; hx is 0 where not given."""
        return self._step("GRU", input, None if hx is None else (hx,), 1)[0]
