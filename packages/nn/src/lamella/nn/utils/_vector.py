"""All parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable

from lamella.tensor import Tensor, cat, no_grad

from ._clip import tensors_of

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements in order, 1-d, connected for autograd."""
    flat = [p.reshape(-1) for p in tensors_of(parameters, "parameters_to_vector")]
    if not flat:
        raise ValueError("parameters_to_vector needs at least one parameter")
    return cat(flat)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into the parameters.

    ValueError, before anything is written, unless it has exactly as many.
    """
    params = tensors_of(parameters, "vector_to_parameters")
    expected = sum(p.numel() for p in params)
    if not isinstance(vec, Tensor) or vec.shape != (expected,):
        got = vec.shape if isinstance(vec, Tensor) else type(vec).__name__
        raise ValueError(f"vector_to_parameters needs a vector of {expected} elements, got {got}")
    at = 0
    with no_grad():
        for p in params:
            p.copy_(vec[at : at + p.numel()].reshape(p.shape))
            at += p.numel()
