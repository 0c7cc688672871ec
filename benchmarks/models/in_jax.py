"""The same four networks in JAX: parameters as dicts, whole steps and forward passes under `jax.jit`.

Each network is a pair (parameters, forward); the optimizers are written out, since JAX has none of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["inference_step", "training_step"]

Parameters = dict[str, Any]
Forward = Callable[[Parameters, Any, bool], Any]  # parameters, inputs, whether training


class _Keys:
    """Fresh keys, one a draw."""

    def __init__(self) -> None:
        self._key = jax.random.key(0)

    def normal(self, *shape: int, scale: float) -> Any:
        self._key, key = jax.random.split(self._key)
        return jax.random.normal(key, shape) * scale


def _dense(keys: _Keys, parameters: Parameters, name: str, inputs: int, outputs: int, *, bias: bool = True) -> None:
    parameters[f"{name}.w"] = keys.normal(inputs, outputs, scale=inputs**-0.5)
    if bias:
        parameters[f"{name}.b"] = jnp.zeros(outputs)


def _linear(p: Parameters, name: str, x: Any) -> Any:
    y = x @ p[f"{name}.w"]
    return y + p[f"{name}.b"] if f"{name}.b" in p else y


def _layer_norm(p: Parameters, name: str, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p[f"{name}.w"] + p[f"{name}.b"]


def _mlp(keys: _Keys) -> tuple[Parameters, Forward]:
    from benchmarks.models.mlp import WIDTHS

    p: Parameters = {}
    for i in range(3):
        _dense(keys, p, f"l{i}", WIDTHS[i], WIDTHS[i + 1])

    def forward(p: Parameters, x: Any, _: bool) -> Any:
        x = jax.nn.relu(_linear(p, "l0", x))
        return _linear(p, "l2", jax.nn.relu(_linear(p, "l1", x)))

    return p, forward


def _gpt(keys: _Keys) -> tuple[Parameters, Forward]:
    layers, width, heads, vocabulary, length = 4, 192, 6, 65, 128
    p: Parameters = {"wte": keys.normal(vocabulary, width, scale=1.0), "wpe": keys.normal(length, width, scale=1.0)}
    for i in range(layers):
        for name, size in (("qkv", 3), ("proj", 1), ("up", 4)):
            _dense(keys, p, f"{i}.{name}", width, size * width)
        _dense(keys, p, f"{i}.down", 4 * width, width)
    for name in [f"{i}.{n}" for i in range(layers) for n in ("n1", "n2")] + ["nf"]:
        p[f"{name}.w"], p[f"{name}.b"] = jnp.ones(width), jnp.zeros(width)
    _dense(keys, p, "head", width, vocabulary, bias=False)

    def attention(p: Parameters, i: int, x: Any) -> Any:
        n, steps, _ = x.shape
        q, k, v = (y.reshape(n, steps, heads, -1) for y in jnp.split(_linear(p, f"{i}.qkv", x), 3, axis=-1))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return _linear(p, f"{i}.proj", y.reshape(n, steps, width))

    def forward(p: Parameters, tokens: Any, _: bool) -> Any:
        x = p["wte"][tokens] + p["wpe"][: tokens.shape[1]]
        for i in range(layers):
            x = x + attention(p, i, _layer_norm(p, f"{i}.n1", x))
            up = jax.nn.gelu(_linear(p, f"{i}.up", _layer_norm(p, f"{i}.n2", x)), approximate=False)
            x = x + _linear(p, f"{i}.down", up)
        return _linear(p, "head", _layer_norm(p, "nf", x))

    return p, forward


def _cnn(keys: _Keys) -> tuple[Parameters, Forward]:
    channels = (3, 32, 64, 128)
    p: Parameters = {}
    for i in range(3):
        p[f"c{i}.w"] = keys.normal(channels[i + 1], channels[i], 3, 3, scale=(9 * channels[i]) ** -0.5)
        for name, value in (("b", 0.0), ("scale", 1.0), ("shift", 0.0), ("mean", 0.0), ("var", 1.0)):
            p[f"c{i}.{name}"] = jnp.full(channels[i + 1], value)
    _dense(keys, p, "head", 128 * 16, 10)

    def column(v: Any) -> Any:
        return v[None, :, None, None]

    def forward(p: Parameters, x: Any, training: bool) -> Any:
        for i in range(3):
            x = lax.conv_general_dilated(x, p[f"c{i}.w"], (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
            x = x + column(p[f"c{i}.b"])
            mean, variance = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (p[f"c{i}.mean"], p[f"c{i}.var"])
            x = (x - column(mean)) * column(lax.rsqrt(variance + 1e-5) * p[f"c{i}.scale"]) + column(p[f"c{i}.shift"])
            x = lax.reduce_window(jax.nn.relu(x), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return _linear(p, "head", x.reshape(x.shape[0], -1))

    return p, forward


def _lstm(keys: _Keys) -> tuple[Parameters, Forward]:
    width, vocabulary = 256, 65
    p: Parameters = {"table": keys.normal(vocabulary, width, scale=1.0)}
    for i in range(2):
        _dense(keys, p, f"x{i}", width, 4 * width)
        _dense(keys, p, f"h{i}", width, 4 * width)
    _dense(keys, p, "head", width, vocabulary)

    def forward(p: Parameters, tokens: Any, _: bool) -> Any:
        x = p["table"][tokens].swapaxes(0, 1)
        for i in range(2):

            def step(carry: Any, gates_in: Any, i: int = i) -> Any:
                h, c = carry
                a, f, g, o = jnp.split(gates_in + _linear(p, f"h{i}", h), 4, axis=-1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(a) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            zero = jnp.zeros((x.shape[1], width))
            _, x = lax.scan(step, (zero, zero), _linear(p, f"x{i}", x))
        return _linear(p, "head", x.swapaxes(0, 1))

    return p, forward


_NETWORKS = {"mlp": _mlp, "gpt": _gpt, "cnn": _cnn, "lstm": _lstm}


def _batch(model: str, n: int) -> tuple[Any, Any]:
    a, b = jax.random.split(jax.random.key(1))
    if model in ("gpt", "lstm"):
        tokens = jax.random.randint(a, (n, (128 if model == "gpt" else 64) + 1), 0, 65)
        return tokens[:, :-1], tokens[:, 1:]
    shape = (n, 3, 32, 32) if model == "cnn" else (n, 784)
    return jax.random.normal(a, shape), jax.random.randint(b, (n,), 0, 10)


def _adamw(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
    m, v, n = state
    n = n + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    rate, root = 1e-3 / (1 - 0.9**n), jnp.sqrt(1 - 0.999**n)
    p = jax.tree.map(lambda p, m, v: p * (1 - 1e-5) - rate * m / (jnp.sqrt(v) / root + 1e-8), p, m, v)
    return p, (m, v, n)


def _momentum(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
    state = jax.tree.map(lambda b, g: 0.9 * b + g, state, g)
    return jax.tree.map(lambda p, b: p - 1e-2 * b, p, state), state


def _sgd(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
    return jax.tree.map(lambda p, g: p - 1e-2 * g, p, g), state


def training_step(model: str) -> Callable[[], float]:
    """A jitted step of training that gives its parameters' memory away; it returns the loss."""
    import importlib

    p, forward = _NETWORKS[model](_Keys())
    inputs, targets = _batch(model, importlib.import_module(f"benchmarks.models.{model}").BATCH)
    zeros = jax.tree.map(jnp.zeros_like, p)
    update: Callable[[Parameters, Parameters, Any], tuple[Parameters, Any]]
    state: Any
    if model in ("gpt", "lstm"):
        update, state = _adamw, (zeros, jax.tree.map(jnp.zeros_like, p), jnp.zeros(()))
    else:
        update, state = (_momentum, zeros) if model == "cnn" else (_sgd, ())

    def loss_of(p: Parameters, inputs: Any, targets: Any) -> Any:
        logp = jax.nn.log_softmax(forward(p, inputs, True))
        return -jnp.take_along_axis(logp, targets[..., None], -1).mean()

    def whole(p: Parameters, state: Any, inputs: Any, targets: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p, inputs, targets)
        return *update(p, g, state), loss

    jitted = jax.jit(whole, donate_argnums=(0, 1))

    def step() -> float:
        nonlocal p, state
        p, state, loss = jitted(p, state, inputs, targets)
        return float(loss)

    return step


def inference_step(model: str, batch: int) -> Callable[[], Any]:
    """A jitted forward pass in evaluation mode on `batch` examples; it waits for the scores."""
    p, forward = _NETWORKS[model](_Keys())
    inputs, _ = _batch(model, batch)
    jitted = jax.jit(lambda p, x: forward(p, x, False))
    return lambda: jitted(p, inputs).block_until_ready()
