"""What real training loops hold, one row each: the compiled loop equals the one that runs as it stands (results,
parameters, gradients, buffers, numbers, random state), and captures as often as the row says.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest

import lamella.autograd as la
import lamella.nn.functional as F
import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.nn.utils import clip_grad_norm_, clip_grad_value_, parametrize
from lamella.nn.utils.stateless import functional_call
from lamella.optim import lr_scheduler
from lamella.tensor.extend import default_generator


class Run(NamedTuple):
    """One loop: what is compiled, the arguments of each call, and everything whose state counts."""

    step: Callable[..., Any]
    calls: Iterable[Any]
    state: tuple[Any, ...]


ROWS: dict[str, tuple[Callable[[], Run], int]] = {}


def row(captures: int) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
    def keep(build: Callable[[], Run]) -> Callable[[], Run]:
        ROWS[build.__name__] = (build, captures)
        return build

    return keep


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(lt.float64)


def leaves(value: Any) -> list[Any]:
    """Everything comparable in a value, in order."""
    if isinstance(value, lt.Tensor):
        grad = [] if value.grad is None else [value.grad.numpy().copy()]
        return [value.detach().numpy().copy(), value.requires_grad, *grad]
    if isinstance(value, nn.Module):
        return [leaves(t) for t in (*value.parameters(), *value.buffers())]
    if isinstance(value, optim.Optimizer):
        groups = [{k: v for k, v in dict.items(g) if k != "params"} for g in value.param_groups]
        return [leaves(list(s.values())) for s in value.state.values()] + [repr(groups)]
    if hasattr(value, "state_dict"):
        return leaves(value.state_dict())
    if isinstance(value, dict):
        return [type(value).__name__, *[(k, leaves(v)) for k, v in value.items()]]
    if dataclasses.is_dataclass(value):
        return [type(value).__name__, *[leaves(getattr(value, f.name)) for f in dataclasses.fields(value)]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *[leaves(v) for v in value]]
    return [value]


def same(a: Any, b: Any) -> None:
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), (a, b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        # float32 is the row of autocast: bfloat16 values that differ in their last bit, of numbers that hardly differ
        near = 1e-12 if a.dtype != np.float32 else 3e-2
        np.testing.assert_allclose(a, b, rtol=near, atol=near / 10)
    elif isinstance(a, float):
        assert type(b) is float
        np.testing.assert_allclose(a, b, rtol=1e-13)
    else:
        assert a == b, (a, b)


def played(build: Callable[[], Run], wrap: Callable[[Any], Any]) -> tuple[list[Any], Any]:
    lt.manual_seed(5)
    run = build()
    step = wrap(run.step)
    seen = []
    for call in run.calls:
        args, kwargs = call if isinstance(call, tuple) and len(call) == 2 and isinstance(call[1], dict) else (call, {})
        seen.append(leaves(step(*args, **kwargs)))
        seen.append([leaves(s) for s in run.state])
        seen.append([default_generator.get_state()])
    return seen, step


# -- optimizers and schedules


@row(3)  # the gradient of what is not in a group yet is never forgotten
def a_group_added_later() -> Run:
    net, extra = network(), f64(2, seed=3).requires_grad_()
    opt = optim.Adam([{"params": net[0].parameters(), "lr": 0.1}, {"params": net[2].parameters()}], lr=0.01)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        loss = (net(x) * extra).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    def calls() -> Any:
        for i in range(6):
            if i == 3:
                opt.add_param_group({"params": [extra], "lr": 0.5})
            yield ()

    return Run(step, calls(), (net, extra, opt))


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "multi_step": lambda o: lr_scheduler.MultiStepLR(o, [2, 5], 0.5),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "constant": lambda o: lr_scheduler.ConstantLR(o, 0.25, 4),
    "linear": lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 4),
    "polynomial": lambda o: lr_scheduler.PolynomialLR(o, 5, 2.0),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.01),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, 3, 4),
    "one_cycle": lambda o: lr_scheduler.OneCycleLR(o, 1.0, 12),
    "warmup": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, 1.0, 3), lr_scheduler.CosineAnnealingLR(o, 5)], [3]
    ),
    "chained": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.5, 3), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1.0 / (t + 1)),
    "multiplicative": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
}


def scheduled(name: str) -> Callable[[], Run]:
    def build() -> Run:
        net = network()
        opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        schedule = SCHEDULES[name](opt)
        x = f64(5, 3)

        def step() -> Any:
            opt.zero_grad()
            loss = net(x).pow(2).mean()
            loss.backward()
            opt.step()
            schedule.step()
            return loss

        return Run(step, [()] * 10, (net, opt, schedule))

    return build


for _name in SCHEDULES:
    ROWS[f"schedule_{_name}"] = (scheduled(_name), 1)


@row(1)
def a_schedule_by_loss() -> Run:
    net = network()
    opt = optim.SGD(net.parameters(), lr=0.1)
    schedule = lr_scheduler.ReduceLROnPlateau(opt, patience=1, factor=0.5)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    def calls() -> Any:
        for i in range(6):
            yield ()
            schedule.step(1.0 + i)

    return Run(step, calls(), (net, opt))


@row(2)
def accumulation_by_counter() -> Run:
    net = network()
    opt = optim.AdamW(net.parameters(), lr=0.1)

    def step(x: Any, i: int) -> Any:
        loss = net(x).pow(2).mean() / 2
        loss.backward()
        if i % 2 == 1:
            opt.step()
            opt.zero_grad()
        return loss

    return Run(lambda x, last: step(x, last), [(f64(5, 3, seed=i), i % 2) for i in range(6)], (net, opt))


@row(1)
def clipped_by_norm() -> Run:
    net = network()
    opt = optim.SGD(net.parameters(), lr=0.5)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        net(x).pow(2).sum().backward()
        norm = clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        return norm

    return Run(step, [()] * 4, (net, opt))


@row(1)
def clipped_by_value() -> Run:
    net = network()
    opt = optim.SGD(net.parameters(), lr=0.5)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        net(x).pow(2).sum().backward()
        clip_grad_value_(net.parameters(), 0.1)
        opt.step()

    return Run(step, [()] * 4, (net, opt))


@row(1)
def averages_with_warmup() -> Run:
    net = network()
    opt = optim.SGD(net.parameters(), lr=0.5)
    ema = optim.EMA(net.named_parameters(), decay=0.9, warmup=True)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        net(x).pow(2).mean().backward()
        opt.step()
        ema.update()

    return Run(step, [()] * 5, (net, opt, ema))


@row(1)
def closure_of_an_optimizer() -> Run:
    net = network()
    opt = optim.SGD(net.parameters(), lr=0.1)
    x = f64(5, 3)

    def step() -> Any:
        def closure() -> Any:
            opt.zero_grad()
            loss = net(x).pow(2).mean()
            loss.backward()
            return loss

        return opt.step(closure)

    return Run(step, [()] * 3, (net, opt))


@row(1)
def scaled_and_autocast() -> Run:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    opt = optim.SGD(net.parameters(), lr=0.1)
    scaler = optim.GradScaler(init_scale=1024.0, growth_interval=2)

    def step(x: Any) -> Any:
        opt.zero_grad()
        with lt.autocast("cpu", dtype=lt.bfloat16):
            loss = net(x).float().pow(2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(opt)
        scaler.update()
        return loss

    xs = [f64(5, 3, seed=i).float() for i in range(7)]
    xs[3] = xs[3] * float("inf")
    return Run(step, [(x,) for x in xs], (net, opt, scaler))


# -- Functions and hooks


class Cube(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x * x * 3.0


class Parts(la.Function):
    @staticmethod
    def forward(x: Any, n: Any) -> Any:
        return x * n, (x > 0).to(lt.int64), x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.n = inputs[1]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[2])

    @staticmethod
    def backward(ctx: Any, g: Any, _: Any, ge: Any) -> Any:
        (e,) = ctx.saved_tensors
        return g * ctx.n + ge * e * 0.5, None  # not the true one: capture must keep it


class Straight(la.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.round()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


@row(1)
def functions_inside_a_step() -> Run:
    w = f64(3).requires_grad_()

    def step(x: Any) -> Any:
        w.grad = None
        a, k, e = Parts.apply(Cube.apply(w * x), 2.0)
        loss = (a + Straight.apply(e * 3.0) * k).sum()
        loss.backward()
        return loss, k

    return Run(step, [(f64(3, seed=i),) for i in range(3)], (w,))


@row(1)
def functions_with_the_backward_outside() -> Run:
    w = f64(3).requires_grad_()
    f = lambda x: Parts.apply(Cube.apply(w * x), 2.0)  # noqa: E731 - a lambda is what is tested
    return Run(f, [(f64(3, seed=i),) for i in range(2)], (w,))


def halve(p: Any) -> None:
    p.grad.mul_(0.5)


@row(1)
def hooks_of_modules_and_tensors() -> Run:
    net = network()
    net[0].register_forward_pre_hook(lambda m, args: (args[0] * 2.0,))
    net[1].register_forward_hook(lambda m, args, out: out + m.weight_of if hasattr(m, "weight_of") else out * 0.5)
    net[2].register_full_backward_hook(lambda m, gi, go: tuple(None if g is None else g * 3.0 for g in gi))
    net[2].register_full_backward_pre_hook(lambda m, go: (go[0] + 0.5,))
    net[0].weight.register_hook(lambda g: g.clamp(-0.1, 0.1))
    net[0].bias.register_post_accumulate_grad_hook(halve)
    x = f64(5, 3)

    def step() -> Any:
        net.zero_grad()
        h = net(x)
        h.register_hook(lambda g: g * 2.0)
        h.pow(2).mean().backward()

    return Run(step, [()] * 3, (net,))


@row(1)
def checkpoint_with_the_backward_outside() -> Run:
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)).to(lt.float64)
    return Run(lambda x: la.checkpoint(net, x), [(f64(5, 3, seed=i),) for i in range(2)], (net,))


@row(1)
def transformer_with_dropout() -> Run:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).to(lt.float64)
    return Run(lambda x: layer(x), [(f64(2, 3, 4, seed=i),) for i in range(2)], (layer,))


@row(1)
def equal_draws_in_all_chunks_of_a_vmap() -> Run:
    def noisy(x: Any) -> Any:
        return x + lt.rand(2, dtype=lt.float64)

    def step(x: Any) -> Any:
        kinds = [la.vmap(noisy, randomness=kind, chunk_size=2)(x) for kind in ("same", "different")]
        return [*kinds, lt.rand(2)]

    return Run(step, [(f64(5, 2, seed=i),) for i in range(2)], ())


# -- arguments and results


@dataclasses.dataclass
class Batch:
    x: Any
    scale: float = 1.0
    tags: Any = ("a", "b")


@dataclasses.dataclass(frozen=True)
class Output:
    loss: Any
    logits: Any
    hidden: Any = None


class Pair(NamedTuple):
    first: Any
    second: Any


@row(2)
def dataclasses_in_and_out() -> Run:
    net = network()

    def step(batch: Batch, *, keep: bool = False) -> Output:
        out = net(batch.x) * batch.scale
        return Output(out.mean(), out, {"kept": out * 2, "n": len(batch.tags)} if keep else None)

    calls = [((Batch(f64(5, 3, seed=i)),), {"keep": i > 1}) for i in range(4)]
    return Run(step, calls, (net,))


@row(1)
def named_tuples_and_nested_containers() -> Run:
    def step(pair: Pair, *rest: Any, **named: Any) -> Any:
        total = sum((t.sum() for t in rest), start=pair.first.sum())
        out = collections.OrderedDict(a=Pair(total, [pair.second["deep"][0] * 2.0, named["k"]]))
        return out, collections.defaultdict(list, b=[total + 1.0])

    calls = [
        ((Pair(f64(2, seed=i), {"deep": [f64(3, seed=i)]}), f64(2, seed=i), f64(4, seed=i)), {"k": 3}) for i in range(3)
    ]
    return Run(step, calls, ())


@row(1)
def generators_of_parameters() -> Run:
    net = network()
    x = f64(5, 3)

    def step() -> Any:
        net.zero_grad()
        loss = net(x).pow(2).mean() + 0.1 * sum(p.pow(2).sum() for p in net.parameters())
        loss.backward()
        with lt.no_grad():
            for name, p in net.named_parameters():
                p.sub_(p.grad, alpha=0.1 if "weight" in name else 0.2)
        return max(p.numel() for p in net.parameters())

    return Run(step, [()] * 3, (net,))


ARRAY = np.array([1.0, 2.0, 3.0])


@row(3)  # by value
def numpy_arrays_as_arguments() -> Run:
    def step(x: Any, y: Any) -> Any:
        return lt.from_numpy(x) * 2.0 + lt.tensor(y), lt.as_tensor(x).sum()

    return Run(step, [(np.arange(3.0) + i, np.ones(3) * i) for i in range(3)], ())


@row(4)
def numpy_arrays_computed_with() -> Run:
    def step(x: Any, y: Any) -> Any:
        return lt.tensor(np.sqrt(x)) + lt.from_numpy(y)

    return Run(step, [(np.full(3, 4.0 + (i == 2)), np.ones(3) * i) for i in range(4)], ())


@row(1)
def numpy_constants() -> Run:
    table = np.eye(3)

    def step(x: Any) -> Any:
        window = np.hanning(3) + ARRAY.shape[0]
        return x @ lt.from_numpy(table) + lt.tensor(ARRAY) + lt.from_numpy(window) + lt.tensor(np.arange(3.0)) * np.pi

    return Run(step, [(f64(2, 3, seed=i),) for i in range(3)], ())


# -- modules


class Config:
    def __init__(self) -> None:
        self.scale = 2.0

    @property
    def doubled(self) -> float:
        return self.scale * 2


class Odd(nn.Module):
    """Buffers changed in place, tied weights, a cached property, methods, partials."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3).to(lt.float64)
        self.second = nn.Linear(3, 3).to(lt.float64)
        self.second.weight = self.first.weight
        self.register_buffer("count", lt.zeros(1, dtype=lt.int64))
        self.register_buffer("mean", lt.zeros(3, dtype=lt.float64))
        self.act = functools.partial(F.leaky_relu, negative_slope=0.2)
        self.config = Config()
        self.blocks = nn.ModuleDict({"a": nn.Linear(3, 3).to(lt.float64)})

    def encode(self, x: Any) -> Any:
        return self.act(self.first(x)) * self.config.doubled

    def forward(self, x: Any) -> Any:
        self.count += 1
        h = self.encode(x)
        with lt.no_grad():
            self.mean.lerp_(h.mean(0), 0.1)
        for name, block in self.blocks.items():
            h = block(h) + len(name)
        return self.second(h) - self.mean


@row(1)
def a_module_of_everything() -> Run:
    net = Odd()
    opt = optim.Adam(net.parameters())

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    return Run(step, [(f64(4, 3, seed=i),) for i in range(3)], (net, opt))


@row(1)
def a_module_itself() -> Run:
    net = Odd()
    return Run(net, [(f64(4, 3, seed=i),) for i in range(3)], (net,))


@row(1)
def a_bound_method() -> Run:
    net = Odd()
    return Run(net.encode, [(f64(4, 3, seed=i),) for i in range(3)], (net,))


class Positive(nn.Module):
    def forward(self, x: Any) -> Any:
        return F.softplus(x)


@row(1)
def parametrized_modules() -> Run:
    net = network()
    parametrize.register_parametrization(net[0], "weight", Positive())
    nn.utils.parametrizations.weight_norm(net[2])
    opt = optim.SGD(net.parameters(), lr=0.1)
    x = f64(5, 3)

    def step() -> Any:
        opt.zero_grad()
        with parametrize.cached():
            loss = (net(x) + net(x * 0.5)).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    return Run(step, [()] * 3, (net, opt))


@row(1)
def per_example_gradients() -> Run:
    net = network()
    params = {k: v.detach() for k, v in net.named_parameters()}

    def loss(params: Any, x: Any, y: Any) -> Any:
        return (functional_call(net, params, (x,)) - y).pow(2).sum()

    def step(x: Any, y: Any) -> Any:
        grads = la.vmap(la.grad(loss), in_dims=(None, 0, 0))(params, x, y)
        return {k: g.pow(2).sum() for k, g in grads.items()}

    return Run(step, [(f64(4, 3, seed=i), f64(4, 2, seed=i)) for i in range(2)], ())


@row(1)
def a_context_manager_of_the_program() -> Run:
    @contextlib.contextmanager
    def frozen(net: Any) -> Any:
        with lt.no_grad():
            yield net[0]

    net = network()

    def step(x: Any) -> Any:
        with frozen(net) as first:
            h = first(x)
        return net[2](h)

    return Run(step, [(f64(4, 3, seed=i),) for i in range(2)], (net,))


# the C backend in the session `compiled`: a compilation a row takes long
BACKENDS = ("interpreter", "c") if "LAMELLA_CAPTURES" in os.environ else ("interpreter",)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", list(ROWS))
def test_a_program(name: str, backend: str) -> None:
    build, captures = ROWS[name]
    eager, _ = played(build, lambda f: f)
    got, compiled = played(build, lambda f: capture(f, backend=backend, fullgraph=True))
    same(got, eager)
    assert compiled.compiles == captures, compiled.misses
