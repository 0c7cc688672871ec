"""Tables read at integer indices."""

from __future__ import annotations

from typing import Any, Self

from lamella.tensor import Tensor
from lamella.tensor.extend import whole

from .. import functional as F
from .. import init
from .._module import Module
from .._parameter import Parameter, fresh
from ._arguments import positive

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    weight: Parameter
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _begin(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, sparse: bool) -> None:
        name = type(self).__name__
        if sparse:
            raise NotImplementedError(f"{name}: sparse gradients are not available; leave sparse=False")
        self.num_embeddings = positive(name, "num_embeddings", num_embeddings)
        self.embedding_dim = positive(name, "embedding_dim", embedding_dim)
        if (
            padding_idx is not None
            and not -num_embeddings <= whole(padding_idx, f"{name}: padding_idx") < num_embeddings
        ):
            raise ValueError(f"{name}: padding_idx {padding_idx} is no row of a table with {num_embeddings}")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings

    def _fill(self, weight: Tensor | None, dtype: Any, device: Any) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        if weight is None:
            self.weight = fresh(shape, dtype, device)
            self.reset_parameters()
        elif weight.shape != shape:
            raise ValueError(f"{type(self).__name__}: the given weight has shape {weight.shape}, expected {shape}")
        else:
            self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)

    def reset_parameters(self) -> None:
        """Draw anew: standard normal, and zeros in the row padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **settings: Any) -> Self:
        """A layer over a given table [rows, width], which is not trained unless freeze=False."""
        if not isinstance(embeddings, Tensor) or embeddings.ndim != 2:
            given = embeddings.shape if isinstance(embeddings, Tensor) else type(embeddings).__name__
            raise ValueError(f"{cls.__name__}.from_pretrained needs a table [rows, width], got {given}")
        build: Any = cls
        made: Self = build(*embeddings.shape, _weight=embeddings, **settings)
        made.weight.requires_grad_(not freeze)
        return made


class Embedding(_Table):
    """A table of num_embeddings rows of embedding_dim numbers, read at integer indices.

    The row padding_idx starts at 0 and gets no gradient; see functional.embedding for the other settings.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._begin(num_embeddings, embedding_dim, padding_idx, sparse)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._fill(_weight, dtype, device)
        if _freeze:
            self.weight.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Integers [...] to [..., embedding_dim]."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        return text + (f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else "")


class EmbeddingBag(_Table):
    """Sum, mean or largest element of the rows of each bag of indices; see functional.embedding_bag."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._begin(num_embeddings, embedding_dim, padding_idx, sparse)
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f"EmbeddingBag: mode is 'sum', 'mean' or 'max', got {mode!r}")
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.include_last_offset = include_last_offset
        self._fill(_weight, dtype, device)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Integers [bags, n], or [n] with offsets [bags], to [bags, embedding_dim]."""
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, False,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text + (f", padding_idx={self.padding_idx}" if self.padding_idx is not None else "")
