"""Linear algebra and Fourier transforms: values, dtypes and, where they have derivatives, gradients.

Decompositions whose vectors have a free sign are compared by their values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamella.tensor.fft
import lamella.tensor.linalg

__all__ = ["FUNCTIONS", "VALUES"]

assert lamella.tensor.linalg is not None
assert lamella.tensor.fft is not None

_RNG = np.random.default_rng(11)
_SQUARE = _RNG.normal(size=(2, 4, 4))

VALUES: dict[str, Any] = {
    "la_square": _SQUARE,
    "la_positive": _SQUARE @ _SQUARE.mT + np.eye(4),
    "la_three": _RNG.normal(size=(2, 3)),
    "la_complex": _RNG.normal(size=(3, 4)) + 1j * _RNG.normal(size=(3, 4)),
}

_ORDERS = ("'fro'", "1", "-1", "float('inf')", "-float('inf')")
_VALUES_ONLY = ("det", "slogdet", "inv", "pinv", "svdvals", "matrix_rank")

FUNCTIONS = [
    # with derivatives
    *(f"lib.linalg.matrix_norm(la_square, {order})" for order in (*_ORDERS[:2], *_ORDERS[3:4])),
    "lib.linalg.matrix_norm(la_square, dim=(0, 2), keepdim=True)", "lib.linalg.matrix_power(la_square, 3)",
    "lib.linalg.matrix_power(la_square, 1)", "lib.linalg.vecdot(x, y)", "lib.linalg.vecdot(x, y, dim=0)",
    "lib.linalg.cross(la_three, la_three.flip(0))", "lib.linalg.cross(x, y, dim=0)", "lib.linalg.matmul(x, m)",
    "lib.linalg.diagonal(la_square)", "lib.linalg.diagonal(x, offset=1)",
    "lib.linalg.diagonal(la_square, offset=-1, dim1=0, dim2=2)",
    "lib.linalg.norm(x)", "lib.linalg.norm(x, 1)", "lib.linalg.norm(v, 3)", "lib.linalg.norm(x, 3, 1)",
    "lib.linalg.norm(la_square, 'fro', (0, 1))", "lib.linalg.vector_norm(x, 3, (0, 1), True)",
    # values
    *(f"lib.linalg.{name}(la_square.detach())" for name in _VALUES_ONLY),
    *(f"lib.linalg.matrix_norm(la_square.detach(), {order})" for order in (*_ORDERS, "2", "-2", "'nuc'")),
    "lib.linalg.cholesky(la_positive.detach())", "lib.linalg.cholesky(la_positive.detach(), upper=True)",
    "lib.linalg.eigvalsh(la_positive.detach())", "lib.linalg.eigvalsh(la_square.detach(), UPLO='U')",
    "lib.linalg.eigh(la_positive.detach()).eigenvalues", "lib.linalg.svd(x.detach(), full_matrices=False).S",
    "abs(lib.linalg.qr(x.detach()).R)", "lib.linalg.vecdot(la_complex, la_complex.flip(0))",
    "lib.linalg.solve(la_square.detach(), la_positive.detach())",
    "lib.linalg.solve(la_square.detach(), x.detach()[:2])", "lib.fft.ihfft(x.detach()) * 1",
    "lib.linalg.solve(la_square.detach(), la_positive.detach(), left=False)",
    "lib.linalg.solve(la_square.detach(), v.detach())", "lib.linalg.matrix_power(la_square.detach(), -2)",
    "lib.linalg.pinv(la_square.detach(), rtol=0.2)", "lib.linalg.pinv(la_positive.detach(), atol=2.0, hermitian=True)",
    "lib.linalg.matrix_rank(la_square.detach(), atol=1.0)", "lib.linalg.matrix_rank(x.detach(), rtol=0.5)",
    # transforms
    *(f"lib.fft.{name}(la_complex)" for name in ("fft", "ifft", "irfft", "hfft", "fft2", "ifft2", "irfft2", "fftn",
                                                 "ifftn", "irfftn")),
    *(f"lib.fft.{name}(x.detach())" for name in ("fft", "rfft", "rfft2", "rfftn", "fftshift", "ifftshift")),
    "lib.fft.fft(la_complex, 6, 0, 'ortho')", "lib.fft.irfft(la_complex, n=5, norm='forward')",
    "lib.fft.fftn(la_complex, s=(2, 5))", "lib.fft.rfftn(x.detach(), s=(-1, 3), norm='ortho')", "lib.fft.fft(i)",
    "lib.fft.fftfreq(5, 0.5)", "lib.fft.rfftfreq(6, dtype=lib.float64)", "lib.fft.fftshift(i, 1)",
]  # fmt: skip
