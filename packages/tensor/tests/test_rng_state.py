"""The default generator's state as a tensor, blocks that leave it alone, generators as PyTorch has them; places,
shapes, and the question for deterministic kernels.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lamella.tensor as lt


@pytest.fixture(autouse=True)
def _state() -> Iterator[None]:
    state = lt.get_rng_state()
    yield
    lt.set_rng_state(state)


def test_the_state_goes_around(tmp_path: Path) -> None:
    lt.manual_seed(-5)
    lt.rand(3)
    state = lt.get_rng_state()
    assert (state.dtype, state.shape) == (lt.uint8, (32,))
    expected = lt.rand(4).tolist()
    lt.save({"rng": state}, tmp_path / "state.safetensors")
    for again in (
        state,
        state.clone(),
        lt.load(tmp_path / "state.safetensors")["rng"],
        pickle.loads(pickle.dumps(state)),
    ):
        lt.set_rng_state(again)
        assert lt.rand(4).tolist() == expected
    kept = lt.default_generator.get_state()
    lt.rand(1)
    lt.set_rng_state(kept)
    assert lt.default_generator.get_state() == kept


def test_a_block_leaves_the_generator_alone() -> None:
    lt.manual_seed(3)
    before = lt.get_rng_state().tolist()
    with lt.fork_rng():
        lt.rand(10)
        lt.manual_seed(4)
    assert lt.get_rng_state().tolist() == before
    with pytest.raises(TypeError), lt.fork_rng():
        lt.randint(int(lt.rand(10).numel()), "wrong")
    assert lt.get_rng_state().tolist() == before
    with lt.fork_rng(enabled=False):
        lt.rand(10)
    assert lt.get_rng_state().tolist() != before


def test_seeds() -> None:
    assert lt.manual_seed(12) is lt.default_generator
    assert lt.initial_seed() == 12
    seeds = {lt.seed() for _ in range(4)}
    assert len(seeds) == 4
    assert lt.initial_seed() in seeds
    g = lt.Generator()
    value = g.seed()
    assert g.initial_seed() == value
    assert g.position() == (value, 0)


def test_generators_have_a_place_and_copies() -> None:
    for g in (lt.Generator("cpu"), lt.Generator(device="cpu"), lt.Generator(lt.device("cpu"))):
        assert g.device is lt.device("cpu")
        assert g.position() == lt.Generator().position()
    g = lt.Generator(5)
    lt.rand(3, generator=g)
    twin = g.clone_state()
    assert lt.rand(3, generator=twin).tolist() == lt.rand(3, generator=g).tolist()
    lt.rand(3, generator=g)
    assert twin.position() != g.position()
    assert twin.set_state(g.get_state()) is twin


def test_places() -> None:
    cpu = lt.device("cpu")
    assert isinstance(cpu, lt.device)
    assert (cpu.type, cpu.index, str(cpu)) == ("cpu", None, "cpu")
    assert lt.device("cpu", 0) is lt.device("cpu:0") is lt.device(cpu) is lt.zeros(2).device is cpu
    assert lt.device(type="meta") is lt.zeros(2, device="meta").device
    assert pickle.loads(pickle.dumps(cpu)) is copy.deepcopy(cpu) is copy.copy(cpu) is cpu


def test_shapes(tmp_path: Path) -> None:
    shape = lt.zeros(2, 3).shape
    assert isinstance(shape, lt.Size)
    assert isinstance(shape, tuple)
    assert shape == (2, 3) == lt.zeros(2, 3).size()
    assert hash(shape) == hash((2, 3))
    assert (shape.numel(), lt.zeros(()).shape.numel(), lt.Size([4, 0]).numel(), lt.Size()) == (6, 1, 0, ())
    assert repr(shape) == "(2, 3)"
    assert lt.zeros(shape).shape == lt.zeros(shape + (1,))[..., 0].shape == shape
    again = pickle.loads(pickle.dumps(shape))
    assert (again, type(again)) == (shape, lt.Size)
    lt.save({"shape": shape}, tmp_path / "shape.safetensors")
    assert lt.load(tmp_path / "shape.safetensors") == {"shape": (2, 3)}


def test_deterministic_algorithms_are_asked_for() -> None:
    assert not lt.are_deterministic_algorithms_enabled()
    try:
        lt.use_deterministic_algorithms(True, warn_only=True)
        assert lt.are_deterministic_algorithms_enabled()
        assert lt.is_deterministic_algorithms_warn_only_enabled()
        lt.use_deterministic_algorithms(True)
        assert not lt.is_deterministic_algorithms_warn_only_enabled()
    finally:
        lt.use_deterministic_algorithms(False)
    assert not lt.are_deterministic_algorithms_enabled()


def test_a_precision_of_products_is_recorded() -> None:
    assert lt.get_float32_matmul_precision() == "highest"
    a = lt.tensor([[1 + 2.0**-20]])
    try:
        for precision in ("high", "medium"):
            lt.set_float32_matmul_precision(precision)
            assert lt.get_float32_matmul_precision() == precision
            assert (a @ a).item() == np.float32((1 + 2.0**-20) ** 2)
    finally:
        lt.set_float32_matmul_precision("highest")


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.set_rng_state(lt.zeros(3))", ValueError, r"the 32 bytes that get_rng_state\(\) returned, got float32\[3\]"),
    ("lt.set_rng_state(lt.zeros(32, dtype=lt.uint8))", ValueError, "the state is of ''; this generator is"),
    ("lt.set_rng_state(3)", ValueError, r"expected what get_state\(\) returned"),
    ("lt.Generator('meta')", ValueError, "numbers are drawn on the cpu, got device 'meta'"),
    ("lt.Generator(device='gpu')", ValueError, "unknown device 'gpu'"),
    ("lt.Generator(1.5)", TypeError, "the seed must be an int, got 1.5"),
    ("lt.device('gpu')", ValueError, "unknown device 'gpu'; the devices here are 'cpu' and 'meta'"),
    ("lt.device('cpu', 1)", ValueError, "unknown device 'cpu' with index 1"),
    ("lt.device(0)", ValueError, "unknown device 0"),
    ("lt.Size((2.5,))", TypeError, r"Size is made of ints, got \(2.5,\)"),
    ("lt.set_float32_matmul_precision('low')", ValueError, "needs one of highest, high, medium, got 'low'"),
    ("lt.use_deterministic_algorithms(1)", TypeError, "use_deterministic_algorithms needs bools, got 1"),
)


@pytest.mark.parametrize(("text", "error", "message"), BAD, ids=[b[0][3:50] for b in BAD])
def test_bad_input(text: str, error: type[Exception], message: str) -> None:
    before = lt.get_rng_state().tolist()
    with pytest.raises(error, match=message):
        eval(text, {"lt": lt})
    assert lt.get_rng_state().tolist() == before
