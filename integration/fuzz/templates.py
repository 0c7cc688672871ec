"""Lines of random programs: what may be written over one, two or three values, by family.

`x`, `y` stand for values of the program, `i` for an index tensor, `w` for a weight. A line is kept where it runs; the
families are drawn evenly, so that views and writes are as frequent as arithmetic.
"""

from __future__ import annotations

__all__ = ["FAMILIES", "STATEMENTS"]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for line in text.strip().splitlines() for part in line.split(";") if part.strip())


FAMILIES: dict[str, tuple[str, ...]] = {
    "unary": _lines("""
        lt.sin(x); lt.cos(x); lt.tanh(x); lt.sigmoid(x); lt.exp(-x.abs()); lt.erf(x); lt.atan(x); lt.square(x); -x
        x.abs(); lt.sqrt(x.abs() + 0.1); lt.rsqrt(x.abs() + 0.1); 1.0 / (x * x + 1.0); lt.log1p(x.abs())
        lt.expm1(-x.abs()); lt.log(x.abs() + 0.5); lt.asinh(x); lt.sinh(lt.tanh(x)); lt.erfc(x)
        lt.lgamma(x.abs() + 1.0); lt.sinc(x); F.relu(x); F.gelu(x); F.gelu(x, approximate="tanh"); F.silu(x)
        F.softplus(x); F.elu(x); F.selu(x); F.mish(x); F.leaky_relu(x, 0.1); F.hardtanh(x); F.hardswish(x)
        F.logsigmoid(x); F.softsign(x); F.celu(x); F.hardsigmoid(x); x.clamp(-0.7123, 0.6123); x.clamp(min=0.0123)
        x * 2.0 + 1.0; 3.0 - x; x / 1.7; x ** 2; (x.abs() + 0.5) ** 1.5; lt.nan_to_num(x); x.clone()
        lt.floor(x + 0.4321) + x; lt.round(x * 3.21); x.detach() * x; lt.logit(lt.sigmoid(x))
    """),
    "binary": _lines("""
        x + y; x - y; x * y; x / (y * y + 1.0); lt.maximum(x, y); lt.minimum(x, y); lt.atan2(x, y + 3.0)
        lt.hypot(x, y + 2.0); lt.where(x > 0.1234, x, y); lt.where(x < y, x * 2.0, y); lt.lerp(x, y, 0.3)
        lt.logaddexp(x, y); lt.xlogy(x, y.abs() + 0.5); lt.addcmul(x, x, y); lt.addcdiv(x, x, y * y + 1.0)
        x + y.detach(); lt.copysign(x, y + 0.0123); F.smooth_l1_loss(x, y); F.mse_loss(x, y)
        F.mse_loss(x, y, reduction="none"); lt.add(x, y, alpha=0.5); (x > y).to(x.dtype) * x; F.huber_loss(x, y)
        F.l1_loss(x, y); F.cosine_similarity(x, y, dim=-1); lt.dist(x, y + 3.0)
    """),
    "reduction": _lines("""
        x.sum(); x.mean(); x.sum(0); x.sum(-1, keepdim=True); x.mean(0, keepdim=True); x.amax(-1)
        x.amin(0, keepdim=True); x.logsumexp(-1); x.var(-1, correction=0); x.std(0, correction=0) + 0.0
        x.norm(dim=-1) + 0.0; x.prod(-1); x.cumsum(0); x.cumsum(-1); lt.tanh(x).cumprod(-1); x.cummax(0)[0]
        lt.logcumsumexp(x, 0); x.argmax(-1).to(x.dtype) * x.sum(); x.max(-1)[0]; x.min(0)[0]; x.median(-1)[0]
        x.sort(-1)[0]; x.topk(1, -1)[0]; lt.nansum(x, -1); (x > 0.1234).sum() * x; x.mean((-2, -1))
        x.sum((0, -1), keepdim=True); lt.var_mean(x, -1, correction=0)[1]; lt.count_nonzero(x > 0.1234) * x
        x.abs().amax() + x; lt.any(x > 0.9123, dim=-1).to(x.dtype); lt.diff(x, dim=-1); lt.quantile(x, 0.3, dim=-1)
    """),
    "view": _lines("""
        x.transpose(0, -1); x.mT; x.reshape(-1); x.unsqueeze(0); x.unsqueeze(-1); x.squeeze(); x.flatten()
        x[..., ::2]; x[0]; x[..., -1:]; x[1:]; x[:, :1]; x.flip(0); x.roll(1, -1); x.chunk(2, -1)[0]; x.select(0, 0)
        x.diagonal(); x.movedim(0, -1); x.narrow(-1, 0, 1); x.unfold(-1, 2, 1); x.expand(2, *x.shape)
        x.repeat(2, *[1] * (x.ndim - 1)); x.repeat_interleave(2, 0); x.permute(*reversed(range(x.ndim)))
        x.split(1, 0)[-1]; x.unbind(0)[0]; x.swapaxes(0, -1); x[None, ..., None]; x.view(-1); lt.rot90(x)
        x.contiguous(); x.ravel(); lt.atleast_2d(x); x.broadcast_to((3, *x.shape)); x.unflatten(-1, (1, -1))
    """),
    "layout": _lines("""
        lt.cat([x, x * 2.0], 0); lt.cat([x, y], -1); lt.stack([x, x.sin()], -1); lt.tril(x); lt.triu(x, 1)
        F.pad(x, (1, 2)); F.pad(x, (1, 0), value=0.5); lt.stack([x, y]); F.pad(x[None], (1, 1), mode="replicate")[0]
        lt.block_diag(x, x); lt.hstack([x, y]); x.new_zeros(x.shape) + x; lt.full_like(x, 0.25) * x
        lt.arange(x.shape[-1]).to(x.dtype) + x; lt.zeros_like(x) - x; lt.eye(x.shape[-1], dtype=x.dtype) + x
        lt.outer(x.reshape(-1)[:3], y.reshape(-1)[:2]); lt.meshgrid(x, x, indexing="ij")[0]
    """),
    "index": _lines("""
        x[i % x.shape[0]]; x.index_select(0, i % x.shape[0])
        x.gather(-1, (i % x.shape[-1]).expand(*x.shape[:-1], -1)); x.index_add(0, i % x.shape[0], x[i % x.shape[0]])
        lt.take(x, i % x.numel()); x.masked_fill(x > 0.3123, 0.5)
        lt.zeros_like(x).scatter_add(-1, (i % x.shape[-1]).expand(*x.shape[:-1], -1)[..., : x.shape[-1]], x)
        x[..., i % x.shape[-1]]; F.embedding(i % x.shape[0], x); F.one_hot(i % 3, 3).to(x.dtype) + 0.0 * x.sum()
        x[i % x.shape[0], ..., 0]; lt.take_along_dim(x, x.argsort(-1), -1); x.index_fill(0, i[:1] % x.shape[0], 0.25)
        lt.where(i.sum() > 3, x, x * 0.5); x.index_copy(0, i[:1] % x.shape[0], x[i[:1] % x.shape[0]] * 2.0)
        lt.bucketize(x, lt.tensor([-0.512, 0.0123, 0.7])).to(x.dtype)
    """),
    "product": _lines("""
        x @ x.transpose(-1, -2); x @ w[: x.shape[-1], :3]; F.linear(x, w[:4, : x.shape[-1]])
        F.linear(x, w[:4, : x.shape[-1]], w[0, :4]); lt.einsum("...i,...j->...ij", x, x)
        lt.einsum("...i,...i->...", x, x); lt.tensordot(x, x, 1); x.reshape(-1) @ x.reshape(-1)
        lt.bmm(x, x.transpose(1, 2)); lt.kron(x, x)[:4]; lt.addmm(w[:2, :2], w[:2, :3], w[:3, :2]) + x.mean()
        lt.cdist(x, x + 1.0)
    """),
    "network": _lines("""
        F.softmax(x, -1); F.log_softmax(x, -1); F.softmax(x, 0); F.layer_norm(x, x.shape[-1:])
        F.rms_norm(x, x.shape[-1:]); F.layer_norm(x, x.shape[-1:], w[0, : x.shape[-1]], w[1, : x.shape[-1]])
        F.batch_norm(x, None, None, training=True); F.cross_entropy(x, i[: x.shape[0]] % x.shape[-1])
        F.conv1d(x, w[:2, : x.shape[1], None]); F.max_pool1d(x, 2); F.avg_pool1d(x, 2)
        F.conv2d(x[None, None], w[None, None, :2, :2]); F.scaled_dot_product_attention(x, x, x)
        F.normalize(x, dim=-1); F.scaled_dot_product_attention(x, x, x, is_causal=True); F.adaptive_avg_pool1d(x, 2)
        F.interpolate(x, scale_factor=2); F.kl_div(F.log_softmax(x, -1), F.softmax(x * 0.5, -1))
        F.binary_cross_entropy_with_logits(x, lt.sigmoid(x.detach()))
        F.nll_loss(F.log_softmax(x, -1), i[: x.shape[0]] % x.shape[-1]); F.group_norm(x, 1)
        F.max_pool2d(x[None, None], 2, 1)
    """),
    "random": _lines("""
        F.dropout(x, 0.3); x + lt.rand(x.shape, dtype=x.dtype); x * lt.randn(x.shape, dtype=x.dtype)
        lt.bernoulli(lt.sigmoid(x.detach())) * x; x + lt.randint(0, 3, x.shape)
    """),
    "branch": _lines("""
        x * 2.0 if x.sum() > 0.1234 else x - 1.0; x if x.mean() < y.mean() + 0.0123 else y; x * x.mean().item() + 1.0
        x.sin() if bool((x > 0.4123).any()) else x.cos(); x / (abs(x.amax().item()) + 1.0)
        sum(x * float(n) for n in range(2)) if x.amin() > -0.5123 else x; x + int((x > 0.2123).sum())
    """),
    "dtype": _lines("""
        x.to(lt.float32).to(x.dtype); (x * 3.21).to(lt.int64).to(x.dtype) + x; (x > 0.1234).to(x.dtype)
        x.to(lt.float64).sin().to(x.dtype); ((x * 7.1).to(lt.int32) // 2).to(x.dtype)
        ((x * 7.1).to(lt.int64) % 3).to(x.dtype) + x; ((x * 9.1).to(lt.int32) & 5).to(x.dtype)
        (i * 2 + 1).to(x.dtype).sum() * x; (x > 0.1234).logical_and(x < 0.5123).to(x.dtype)
        ((x * 5.1).to(lt.int16) ^ 3).to(x.dtype); ((x * 5.1).to(lt.uint8) >> 1).to(x.dtype)
        (x.to(lt.bfloat16) * 0.0).to(x.dtype) + x
    """),
}

# Statements over a fresh copy `o` of x: writes of every kind, which a trace makes functional.
STATEMENTS: tuple[str, ...] = _lines("""
    o.mul_(2.0); o.add_(y); o.sin_(); o[0] = 1.5; o[..., :1] = 0.25; o[0] += y; o.transpose(0, -1).add_(1.0)
    o.fill_(0.5); o[1:].mul_(0.5); o[..., ::2] = x[..., ::2] * 3.0; o.view(-1)[:2] = 0.75; o.clamp_(-0.5123, 0.5123)
    o.copy_(y); o.zero_(); o[i % o.shape[0]] = 0.125; o[o > 0.3123] = 0.0; o.diagonal().add_(1.0)
    o.unsqueeze(0).mul_(1.5); o.masked_fill_(o > 0.6123, 0.1); o.index_add_(0, i[:1] % o.shape[0], x[:1])
    o.detach().mul_(2.0); o[:1], o[-1:] = o[-1:].clone(), o[:1].clone(); o.sub_(o.mean())
""")
