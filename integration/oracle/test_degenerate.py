"""Every function at the edges of shape: no dims, no elements, one element, and a dim of size 0 between others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lamella import tensor as lt
from lamella.nn import functional as functional

pytestmark = pytest.mark.oracle

SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (2, 0, 3))

CALLS = """
lib.cumsum(x, 0); lib.cumprod(x, 0); lib.cummax(x, 0); lib.logcumsumexp(x, 0); lib.sort(x); lib.argsort(x)
lib.topk(x, 1); lib.kthvalue(x, 1); lib.median(x, 0); lib.median(x); lib.nanmedian(x, 0); lib.mode(x, 0)
lib.softmax(x, 0); lib.log_softmax(x, -1); F.softmin(x, 0); lib.sum(x, 0); lib.prod(x, 0); lib.mean(x, (0,))
lib.std(x, 0); lib.var(x, 0, correction=0); lib.std_mean(x, 0); lib.amax(x, 0); lib.amin(x, -1); lib.max(x, 0)
lib.argmax(x, 0); lib.argmin(x, 0); lib.aminmax(x, dim=0); lib.logsumexp(x, 0); lib.norm(x, 2, 0); lib.any(x, 0)
lib.all(x, 0); lib.nansum(x, 0); lib.nansum(x, (0,)); lib.nanmean(x, 0); lib.count_nonzero(x, 0); lib.unique(x)
lib.flip(x, (0,)); lib.roll(x, 1); lib.roll(x, 1, 0); lib.rot90(x); lib.diff(x); lib.trapezoid(x)
lib.quantile(x, 0.5); lib.gather(x, 0, i); lib.index_select(x, 0, i); lib.take(x, i); lib.scatter(x, 0, i, x)
lib.index_add(x, 0, i, x); lib.nonzero(x); lib.argwhere(x); lib.masked_select(x, x > 0); lib.where(x > 0)
lib.bincount(i); lib.isin(x, x); lib.squeeze(x); lib.squeeze(x, 0); lib.unsqueeze(x, 0); lib.flatten(x)
lib.stack((x, x)); lib.cat((x, x)); lib.split(x, 1); lib.transpose(x, 0, 0); x.t(); x.permute(()); x.view(1)
x.view(-1); x.reshape(()); x.expand(3); x.expand(2, 2); x[None]; x[...]; x[()]; x[i == 0]; x[0]; lib.matmul(x, x)
lib.dot(x, x); lib.outer(x, x); lib.kron(x, x); lib.tril(x); lib.trace(x); lib.cov(x); lib.corrcoef(x)
lib.histc(x, 3); lib.clamp(x, 0, 1); lib.lerp(x, x, 0.5); lib.nan_to_num(x); lib.view_as_real(lib.complex(x, x))
lib.searchsorted(lib.arange(3.0), x); lib.bucketize(x, lib.arange(3.0)); lib.sign(x); lib.square(x); lib.erf(x)
lib.pow(x, 2); x.numel(); x.tolist(); F.pad(x, (1, 1)); F.normalize(x, dim=0); F.one_hot(i, 3)
F.embedding(i, lib.ones(3, 2)); F.gelu(x); F.layer_norm(x, ()); F.mse_loss(x, x); F.glu(x)
F.linear(x, lib.ones(2, 1)); F.relu(x); F.softplus(x); F.elu(x); F.hardswish(x); lib.chunk(x, 1); lib.unbind(x)
x.select(0, 0); x.repeat(2); x.repeat(2, 2); lib.tile(x, (2,)); lib.repeat_interleave(x, 2); lib.movedim(x, 0, 0)
lib.diag(x); lib.diagonal(x); lib.meshgrid(x, indexing='ij'); lib.block_diag(x, x); lib.cartesian_prod(x)
lib.combinations(x); lib.tensor_split(x, 2); lib.swapaxes(x, 0, 0); x.unfold(0, 1, 1); lib.atleast_1d(x)
lib.atleast_3d(x); lib.cdist(x, x); lib.mm(x, x); lib.bmm(x, x); lib.mv(x, x); lib.einsum('i,i->', x, x)
lib.tensordot(x, x, 0); lib.addmm(x, x, x)
"""
NAMES = [call.strip() for line in CALLS.splitlines() for call in line.split(";") if call.strip()]


def _said(result: Any) -> Any:
    if isinstance(result, (torch.Tensor, lt.Tensor)):
        return str(result.dtype).rpartition(".")[2], tuple(result.shape), result.detach().numpy()
    return tuple(_said(part) for part in result) if isinstance(result, (tuple, list)) else result


def _outcome(lib: Any, functions: Any, call: str, shape: tuple[int, ...]) -> Any:
    x = lib.full(shape, 1.5)
    scope = {"lib": lib, "F": functions, "x": x, "i": lib.zeros(shape, dtype=lib.int64)}
    try:
        return _said(eval(call, scope))
    except (ValueError, TypeError, IndexError, RuntimeError, OverflowError):
        return None


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, np.ndarray):
        return bool(np.allclose(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True))
    return bool(ours == theirs)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what torch says about degrees of freedom
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("call", NAMES)
def test_at_the_edges(call: str, shape: tuple[int, ...]) -> None:
    theirs = _outcome(torch, torch.nn.functional, call, shape)
    ours = _outcome(lt, functional, call, shape)
    assert (ours is None) == (theirs is None), f"lamella {ours}, torch {theirs}"
    assert _same(ours, theirs), f"lamella {ours}, torch {theirs}"
