"""Windows in one to three dims: laws between functions, and every bad argument with an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.nn import functional as F

RNG = np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return lt.tensor(RNG.normal(size=shape))


def close(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(got.detach().numpy()), np.asarray(wanted), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_convolution_is_the_transpose(n: int) -> None:
    x, y, w = normal(2, 4, *(7, 6, 5)[:n]), normal(2, 6, *(4, 3, 3)[:n]), normal(6, 2, *(3, 2, 1)[:n])
    window = {"stride": 2, "padding": (1, 0, 0)[:n], "dilation": 1, "groups": 2}
    forward = getattr(F, f"conv{n}d")(x, w, **window)
    least = getattr(F, f"conv_transpose{n}d")(y, w, **window).shape[2:]
    more = tuple(a - b for a, b in zip(x.shape[2:], least, strict=True))
    back = getattr(F, f"conv_transpose{n}d")(y, w, output_padding=more, **window)
    close((forward * y).sum(), (x * back).sum().numpy())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling_puts_back_what_pooling_took(n: int) -> None:
    x = normal(2, 3, *(6, 4, 4)[:n])
    y, at = getattr(F, f"max_pool{n}d")(x, 2, return_indices=True)
    back = getattr(F, f"max_unpool{n}d")(y, at, 2)
    assert back.shape == x.shape
    close(back, np.where(back.numpy() != 0, x.numpy(), 0))
    close(getattr(F, f"max_pool{n}d")(lt.where(back == 0, -np.inf, back), 2), y.numpy())


def test_fold_of_unfold_counts_the_windows() -> None:
    x, ones = normal(2, 3, 6, 5), lt.ones(2, 3, 6, 5, dtype=lt.float64)
    window = {"kernel_size": (2, 3), "padding": 1, "stride": 1}
    twice = F.fold(F.unfold(x, **window), (6, 5), **window)
    close(twice, x.numpy() * F.fold(F.unfold(ones, **window), (6, 5), **window).numpy())


def test_shuffles_undo_each_other() -> None:
    x = normal(2, 8, 4, 6)
    close(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x.numpy())
    close(F.channel_shuffle(F.channel_shuffle(x, 2), 4), x.numpy())


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_padding_is_numpys(mode: str) -> None:
    names = {"reflect": "reflect", "circular": "wrap", "replicate": "edge"}
    x = normal(1, 2, 4, 5)
    wanted = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 1), (3, 4)), mode=names[mode])  # type: ignore[call-overload]
    close(F.pad(x, (3, 4, 2, 1), mode), wanted)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
def test_the_grid_of_the_identity_gives_the_image(mode: str, align: bool) -> None:
    x = normal(2, 3, 4, 5)
    theta = lt.tensor(np.tile(np.eye(2, 3), (2, 1, 1)))
    close(F.grid_sample(x, F.affine_grid(theta, x.shape, align), mode, "border", align), x.numpy())


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact", "area"])
def test_resizing_keeps_a_constant(mode: str) -> None:
    for size in ((3, 11), (9, 2)):
        close(F.interpolate(lt.full((1, 2, 5, 7), 1.5, dtype=lt.float64), size, mode=mode), np.full((1, 2, *size), 1.5))


def test_an_infinity_stays_where_it_is() -> None:
    x = np.ones((1, 1, 40))
    x[0, 0, 20] = np.inf
    for y in (F.adaptive_avg_pool1d(lt.tensor(x), 7), F.interpolate(lt.tensor(x), 80, mode="linear")):
        assert 0 < np.isinf(y.numpy()).sum() <= 4
        assert not np.isnan(y.numpy()).any()


def test_pooling_of_nan_and_of_nothing_above_the_padding() -> None:
    x = lt.tensor([[[1.0, np.nan, 3.0, -np.inf, -np.inf, -np.inf]]])
    y, at = F.max_pool1d(x, 3, 3, 1, return_indices=True)
    assert np.isnan(y.numpy()[0, 0, 0])
    assert at.numpy().tolist()[0][0][0] == 1
    lowest, at = F.max_pool1d(lt.full((1, 1, 3), -np.inf), 3, 2, 1, return_indices=True)
    assert (lowest.numpy() == -np.inf).all()
    assert at.numpy().tolist() == [[[0, 1]]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.conv1d(lt.ones(2), lt.ones(1, 1, 1)), ValueError, r"conv1d needs input \[N, C, L\]"),
        (lambda: F.conv3d(lt.ones(1, 1, 2, 2, 2), lt.ones(1, 1, 3, 1, 1)), ValueError, "larger than the padded input"),
        (lambda: F.conv1d(lt.ones(1, 2, 5), lt.ones(3, 2, 2), stride=(1, 1)), ValueError, "stride is an int"),
        (lambda: F.conv1d(lt.ones(1, 2, 5), lt.ones(3, 2, 2, dtype=lt.float64)), TypeError, "one dtype"),
        (lambda: F.conv_transpose1d(lt.ones(1, 2, 5), lt.ones(3, 2, 2)), ValueError, "must fit"),
        (lambda: F.conv_transpose1d(lt.ones(1, 2, 5), lt.ones(2, 2, 2), lt.ones(3)), ValueError, r"bias must be \[2\]"),
        (lambda: F.conv_transpose1d(lt.ones(1, 2, 5), lt.ones(2, 2, 2), output_padding=1), ValueError, "smaller than"),
        (lambda: F.conv_transpose1d(lt.ones(1, 2, 1), lt.ones(2, 2, 2), padding=3), ValueError, "leaves no output"),
        (lambda: nn.ConvTranspose2d(1, 1, 2, padding="same"), ValueError, "padding is an int"),
        (lambda: nn.ConvTranspose2d(1, 1, 2, padding_mode="reflect"), ValueError, "padding_mode must be 'zeros'"),
        (lambda: nn.ConvTranspose1d(1, 1, 2, 2)(lt.ones(1, 1, 3), output_size=(9,)), ValueError, "lies between"),
        (lambda: nn.Conv1d(3, 4, 2, groups=2), ValueError, "multiples of groups"),
        (lambda: F.max_pool1d(lt.ones(1, 1, 4), 2, 0), ValueError, "stride is an int, at least 1"),
        (lambda: F.max_pool3d(lt.ones(2, 4, 4), 2), ValueError, r"\[N, C, D, H, W\]"),
        (lambda: F.avg_pool2d(lt.ones(1, 1, 4, 4), 2, divisor_override=0), ValueError, "divisor_override"),
        (lambda: F.avg_pool2d(lt.ones(1, 1, 4, 4, dtype=lt.int64), 2), TypeError, "floating"),
        (lambda: F.adaptive_avg_pool2d(lt.ones(1, 1, 4, 4), (0, 2)), ValueError, "output_size is a positive int"),
        (lambda: nn.AdaptiveMaxPool2d((1, 2, 3)), ValueError, "output_size is a positive int"),
        (lambda: F.max_unpool1d(lt.ones(1, 1, 2), lt.tensor([[[0, 9]]]), 2), IndexError, r"must lie in \[0, 4\)"),
        (lambda: F.max_unpool1d(lt.ones(1, 1, 2), lt.tensor([[0]]), 2), ValueError, "indices of the shape"),
        (lambda: F.max_unpool1d(lt.ones(1, 1, 1), lt.tensor([[[0]]]), 2, output_size=(9,)), ValueError, "one stride"),
        (lambda: F.unfold(lt.ones(1, 1, 2, 2), 3), ValueError, "larger than the padded input"),
        (lambda: F.fold(lt.ones(1, 5, 4), (3, 3), 2), ValueError, r"columns \[N, C \* 4, 4\]"),
        (lambda: F.fold(lt.ones(4), (3, 3), 2), ValueError, "fold needs input"),
        (lambda: F.interpolate(lt.ones(1, 1, 2)), ValueError, "either size or scale_factor"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, 2), ValueError, "either size or scale_factor"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, mode="cubic"), ValueError, "mode is one of"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, mode="bilinear"), ValueError, "takes input with 4 dims"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, align_corners=True), ValueError, "align_corners"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, antialias=True), ValueError, "antialias"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), (3, 3)), ValueError, "size is a positive number"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), scale_factor=0.1), ValueError, "leaves nothing"),
        (lambda: F.interpolate(lt.ones(1, 1, 2), 3, recompute_scale_factor=True), ValueError, "recompute"),
        (lambda: F.interpolate(lt.ones(1, 1, 2, dtype=lt.int64), 3, mode="linear"), TypeError, "floating"),
        (lambda: F.grid_sample(lt.ones(1, 1, 2, 2), lt.ones(1, 2, 2, 3)), ValueError, "grid_sample needs input"),
        (lambda: F.grid_sample(lt.ones(1, 1, 2, 2), lt.ones(1, 2, 2, 2), "cubic"), ValueError, "mode is one of"),
        (lambda: F.grid_sample(lt.ones(1, 1, 2, 2), lt.ones(1, 2, 2, 2), padding_mode="x"), ValueError, "padding_mode"),
        (lambda: F.affine_grid(lt.ones(1, 3, 3), (1, 1, 2, 2)), ValueError, "affine_grid needs theta"),
        (lambda: F.pixel_shuffle(lt.ones(1, 3, 2, 2), 2), ValueError, r"C \* 4"),
        (lambda: F.pixel_unshuffle(lt.ones(1, 3, 3, 2), 2), ValueError, r"H \* 2"),
        (lambda: F.channel_shuffle(lt.ones(1, 3, 3), 2), ValueError, "multiple of 2"),
        (lambda: F.pad(lt.ones(1, 1, 3), (3, 0), "reflect"), ValueError, "smaller than the size 3 of dim 2"),
        (lambda: F.pad(lt.ones(1, 1, 3), (4, 0), "circular"), ValueError, "at most the size 3 of dim 2"),
        (lambda: F.pad(lt.ones(3), (1, 0), "circular"), ValueError, "pads the last 1 to 3 dims"),
        (lambda: F.pad(lt.ones(1, 1, 3), (1, 0), "reflect", 2.0), ValueError, "takes no value"),
        (lambda: F.pad(lt.ones(3), (1,)), ValueError, "takes two ints per dim"),
        (lambda: nn.ReflectionPad2d((1, 2)), ValueError, "4 ints"),
        (lambda: nn.MaxPool2d(0), ValueError, "kernel_size"),
        (lambda: nn.Unfold((1, 2, 3)), ValueError, "kernel_size"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
