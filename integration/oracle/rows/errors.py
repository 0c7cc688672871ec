"""Wrong shapes, dtypes, dims, indices and arguments: the oracle refuses them, and so must we.

The operands are those of all texts: x and y [3, 4], m [4, 5], v [4], i integers [2, 3] below 3, k bools [3, 4].
"""

from __future__ import annotations

__all__ = ["ERRORS"]

ERRORS = [
    # shapes that do not meet
    "x + m", "x @ y", "m @ x", "v @ x", "lib.matmul(x, lib.tensor(1.0))", "lib.where(k, x, m)", "lib.maximum(x, m)",
    "lib.cat([x, m])", "lib.cat([x, v])", "lib.stack([x, m])", "lib.cat([])", "lib.stack([])", "x.view(5)",
    "x.view(-1, -1)", "x.reshape(3, 5)", "x.t().view(12)", "x.expand(2, 4)", "x.expand(3)", "x.expand(3, 5)",
    "x.permute(0)", "x.permute(0, 0)", "x.transpose(0, 2)", "lib.ones(2, 2, 2).t()", "x.split(0)", "x.narrow(0, 2, 2)",
    "x.narrow(0, -4, 1)", "x.flatten(1, 0)", "x.add_(m)", "v.add_(x)",
    # dims
    "x.sum(2)", "x.sum((0, 0))", "x.mean(-3)", "x.amax(5)", "x.argmax(2)", "lib.softmax(x, 2)", "x.cumsum(2)",
    "lib.logsumexp(x, 2)", "lib.flip(x, (0, 0))", "lib.flip(x, (2,))", "x.unsqueeze(3)", "x.squeeze(2)", "x.size(2)",
    "lib.sort(x, 2)", "lib.topk(x, 2, 2)", "x.var(2)", "lib.norm(x, dim=2)",
    # dtypes
    "i.mean()", "k.mean()", "-k", "k - k", "1 - k", "~x", "x & y", "lib.softmax(i, 0)", "i.var()", "i.std()",
    "lib.where(x, x, y)", "x[x]", "lib.gather(x, 0, x.int())", "lib.take_along_dim(x, k, 0)", "i.add_(0.5)",
    "i.mul_(x[:2, :3])", "k.add_(1)", "i.requires_grad_()", "lib.ones(2, dtype=lib.int64, requires_grad=True)",
    "lib.tensor([1, 2]) ** -1", "x.to(3)", "lib.zeros(2, dtype=3)", "lib.cumsum(x)",
    # indices
    "x[3]", "x[-4]", "x[0, 0, 0]", "x['a']", "x[1.5]", "x[:, 4]", "x[lib.tensor([3])]",
    "x[lib.tensor([-4])]", "x[k.t()]", "x[k[0]]", "x[lib.tensor([0, 1]), lib.tensor([0, 1, 2])]",
    "lib.gather(x, 1, i + 4)", "lib.gather(x, 2, i)", "lib.gather(v, 0, i)", "lib.index_select(x, 0, i)",
    "lib.index_select(x, 0, lib.tensor([3]))", "x.scatter_add(0, i, y[:1])", "x.scatter_add(1, i + 4, y)",
    "x.index_add(0, lib.tensor([0, 1]), y)", "x.index_copy(0, lib.tensor([3]), y[:1])", "lib.take(x, lib.tensor([12]))",
    "x.index_fill(0, lib.tensor([5]), 1.0)", "lib.masked_select(x, i > 0)", "x.scatter_reduce(0, i, y, 'median')",
    # empty reductions and too many asked for
    "lib.zeros(0).amax()", "lib.zeros(0).argmax()", "lib.zeros(0, 3).amax(0)", "lib.zeros(2, 0).argmin(1)",
    "lib.zeros(0).max()", "lib.topk(v, 5)", "lib.topk(v, -1)", "lib.kthvalue(v, 0)", "lib.kthvalue(v, 5)",
    "lib.quantile(v, 1.5)", "lib.quantile(i, 0.5)", "lib.multinomial(lib.ones(3), 4)",
    "lib.multinomial(lib.zeros(3), 1)",
    "lib.multinomial(-lib.ones(3), 1)", "lib.bincount(lib.tensor([-1]))", "lib.searchsorted(x, v, sorter=i)",
    # creation and conversion
    "lib.zeros(-1)", "lib.full((2, -2), 1.0)", "lib.arange(0, 5, -1)", "lib.arange(0, 5, 0)", "lib.eye(-1)",
    "lib.tensor([[1, 2], [3]])", "lib.tensor('a')", "lib.tensor([None])", "lib.randint(5, 5, (2,))",
    "lib.linspace(0, 1, -1)", "x.item()", "bool(x)", "int(x)", "float(v)", "len(lib.tensor(1.0))",
    "list(lib.tensor(1.0))", "lib.ones(3).__index__()", "lib.from_numpy([1])",
    # autograd
    "x.sum().backward()", "lib.tensor([1.0, 2.0], requires_grad=True).backward()",
    "lib.tensor(1.0, requires_grad=True).add_(1)", "lib.tensor([1.0], requires_grad=True).numpy()",
    "(lib.tensor([1.0, 2.0], requires_grad=True) * 2).backward(lib.ones(3))",
]  # fmt: skip
