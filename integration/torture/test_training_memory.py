"""Two hundred and fifty steps of whole programs with the collector off: no object is left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.nn import functional
from lamella.nn.utils import clip_grad_norm_


def _images() -> Callable[[], None]:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1), nn.Flatten(),
        nn.Linear(8 * 16, 5),
    )  # fmt: skip
    optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, nesterov=True)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=301)
    average = optim.EMA(model.parameters(), decay=0.99)
    x, target = lt.randn(4, 3, 8, 8), lt.randint(0, 5, (4,))

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), target, label_smoothing=0.1).backward()
        optimizer.step()
        schedule.step()
        average.update()

    return step


def _tokens() -> Callable[[], None]:
    embedding = nn.Embedding(11, 16)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    head = nn.Linear(16, 11)
    params = [p for m in (embedding, layer, head) for p in m.parameters()]
    optimizer = optim.AdamW(params, lr=1e-3)
    scaler = optim.GradScaler()
    tokens = lt.randint(0, 11, (2, 6))
    mask = nn.Transformer.generate_square_subsequent_mask(6)

    def step() -> None:
        optimizer.zero_grad()
        with lt.autocast("cpu", dtype=lt.bfloat16):
            logits = head(layer(embedding(tokens), is_causal=True, src_mask=mask))
            loss = functional.cross_entropy(logits.float().reshape(-1, 11), tokens.reshape(-1))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        clip_grad_norm_(params, 1.0)
        scaler.step(optimizer)
        scaler.update()

    return step


def _sequences() -> Callable[[], None]:
    cell = nn.LSTM(4, 6, num_layers=2, bidirectional=True)
    optimizer = optim.RMSprop(cell.parameters(), lr=1e-3)
    x = lt.randn(5, 3, 4)
    lengths = [5, 3, 2]

    def step() -> None:
        optimizer.zero_grad()
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
        out, _ = nn.utils.rnn.pad_packed_sequence(cell(packed)[0])
        out.square().mean().backward()
        optimizer.step()

    return step


@pytest.mark.parametrize("program", (_images, _tokens, _sequences), ids=lambda f: f.__name__.strip("_"))
def test_steps_are_flat(program: Callable[[], Callable[[], None]]) -> None:
    lt.manual_seed(0)
    step = program()
    gc.disable()
    try:
        grown = []
        for _ in range(5):
            gc.collect()  # also empties the interpreter's free lists, which count as allocated
            before = sys.getallocatedblocks()
            for _ in range(50):
                step()
            collected = gc.collect()
            grown.append(sys.getallocatedblocks() - before)
        assert collected == 0  # nothing is left for the collector
        # a leak shows in every stretch, by one object a step or more; caches and what Python makes room for do not
        assert min(grown) < 50, grown
    finally:
        gc.enable()
