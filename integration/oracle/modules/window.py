"""Convolution, pooling and resizing modules, and the functions behind them."""

from __future__ import annotations

from integration.oracle.inputs import In
from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

LINE, IMAGE, VOLUME = In((2, 4, 9)), In((2, 4, 8, 7)), In((2, 4, 5, 6, 4))


def _plain(shape: In, *texts: str) -> list[ModuleRow]:
    return [ModuleRow(f"nn.{text}", (shape,)) for text in texts]


def _function(*texts: str, shapes: tuple[In, ...]) -> list[ModuleRow]:
    return [ModuleRow("nn.Identity()", shapes, f"nn.functional.{text}") for text in texts]


_CONVOLUTIONS = [
    *_plain(
        LINE, "Conv1d(4, 6, 3)", "Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2)",
        "Conv1d(4, 6, 4, padding='same', padding_mode='reflect')",
        "Conv1d(4, 6, 3, padding=2, padding_mode='circular')",
        "ConvTranspose1d(4, 6, 3)", "ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2, dilation=2)",
    ),
    *_plain(
        IMAGE, "Conv2d(4, 6, 3)", "Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=2, groups=2)",
        "Conv2d(4, 6, 1, bias=False)", "Conv2d(4, 4, 3, padding=1, groups=4)", "Conv2d(4, 6, 3, padding='valid')",
        "Conv2d(4, 6, 3, padding=(1, 2), padding_mode='replicate')", "Conv2d(4, 6, (2, 4), padding='same')",
        "Conv2d(4, 6, (2, 3), padding='same', padding_mode='circular')",
        "Conv2d(4, 6, 3, 2, 1, padding_mode='reflect')",
        "ConvTranspose2d(4, 6, 3, bias=False)", "ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2)",
    ),
    *_plain(
        VOLUME, "Conv3d(4, 6, 2)", "Conv3d(4, 6, (3, 2, 1), (2, 1, 1), (1, 1, 0), 1, 2)",
        "Conv3d(4, 6, 3, padding='same', padding_mode='replicate')",
        "ConvTranspose3d(4, 6, (2, 3, 1), 2, (0, 1, 0), (1, 0, 1), 2)",
    ),
    ModuleRow("nn.Conv2d(4, 6, 3, padding='same', bias=False)", (In((4, 5, 6)),)),
    ModuleRow("nn.Conv1d(4, 6, 3, padding=1)", (In((4, 5)),)),
    ModuleRow("nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1)", (IMAGE,), "m(xs[0], output_size=(16, 14))"),
]  # fmt: skip
_POOLS = [
    *_plain(
        LINE, "MaxPool1d(3)", "MaxPool1d(3, 2, 1, 2, ceil_mode=True)", "MaxPool1d(2, return_indices=True)",
        "AvgPool1d(3, 2, 1)", "AvgPool1d(3, 2, 1, True, False)", "LPPool1d(2, 3)", "AdaptiveAvgPool1d(4)",
        "AdaptiveMaxPool1d(4)", "AdaptiveMaxPool1d(3, return_indices=True)", "AdaptiveAvgPool1d(12)",
    ),
    *_plain(
        IMAGE, "MaxPool2d(2)", "MaxPool2d((3, 2), (2, 1), 1, return_indices=True, ceil_mode=True)",
        "MaxPool2d(3, 1, 1, 2)", "AvgPool2d(2)", "AvgPool2d((3, 2), 2, 1, True)", "AvgPool2d(3, 2, 1, True, False)",
        "AvgPool2d(3, 2, 1, divisor_override=5)", "AdaptiveAvgPool2d((3, 5))", "AdaptiveAvgPool2d(1)",
        "AdaptiveAvgPool2d((None, 3))", "AdaptiveMaxPool2d((3, 5), return_indices=True)", "AdaptiveMaxPool2d((4, 7))",
        "AdaptiveMaxPool2d((None, 2))", "LPPool2d(3, (3, 2), stride=1)", "LPPool2d(2, 3, ceil_mode=True)",
    ),
    *_plain(
        VOLUME, "MaxPool3d(2)", "MaxPool3d((2, 3, 1), 2, (1, 1, 0), return_indices=True, ceil_mode=True)",
        "AvgPool3d(2, 1, 1)", "AvgPool3d((3, 2, 2), 2, 1, True, False)", "AdaptiveAvgPool3d((3, 4, None))",
        "AdaptiveMaxPool3d((3, 4, 3), return_indices=True)", "LPPool3d(2, 2)",
    ),
    *[
        ModuleRow(f"nn.MaxUnpool{n}d({a})", (x,), f"m(*nn.functional.max_pool{n}d(xs[0], {a}, return_indices=True))")
        for n, x, a in (
            (1, LINE, "2"), (2, In((2, 4, 8, 6)), "2"), (3, VOLUME, "(1, 2, 2)"), (2, In((4, 7, 7)), "3, 3, 1"),
        )
    ],
    ModuleRow("nn.MaxUnpool2d(2)", (IMAGE,), "m(*nn.functional.max_pool2d(xs[0], 2, return_indices=True), (8, 7))"),
]  # fmt: skip
_LAYOUT = [
    *_plain(
        IMAGE, "Unfold(3)", "Unfold((2, 3), 2, (1, 2), (2, 1))", "PixelShuffle(2)", "ChannelShuffle(2)",
        "Upsample(scale_factor=2)", "Upsample((5, 11), mode='bilinear')", "UpsamplingNearest2d((5, 9))",
        "UpsamplingBilinear2d(scale_factor=1.7)", "Upsample(scale_factor=(1.3, 2.2), mode='bicubic')",
        "ZeroPad2d((1, 2, 0, 3))", "ConstantPad2d((1, 2, -1, 3), 2.5)", "ReflectionPad2d((1, 2, 3, 0))",
        "ReplicationPad2d((1, 2, 3, 0))", "CircularPad2d((1, 2, 3, 0))",
    ),
    *_plain(
        LINE, "ZeroPad1d(2)", "ConstantPad1d(2, -1.5)", "ReflectionPad1d(3)", "ReplicationPad1d(2)", "CircularPad1d(3)",
    ),
    *_plain(
        VOLUME, "ZeroPad3d(1)", "ConstantPad3d(1, 0.5)", "ReflectionPad3d((1, 2, 3, 4, 0, 2))",
        "ReplicationPad3d((1, 2, 3, 4, 0, 2))", "CircularPad3d((1, 2, 3, 4, 0, 2))",
    ),
    ModuleRow("nn.Fold((5, 6), (2, 3))", (In((2, 12, 16)),)),
    ModuleRow("nn.Fold((5, 6), (2, 3), 2, (1, 2), (2, 1))", (In((12, 18)),)),
    ModuleRow("nn.PixelUnshuffle(2)", (In((2, 3, 4, 6)),)),
]  # fmt: skip
_RESIZED = [
    *[
        row
        for mode, x, sizes in (("linear", LINE, (5, 14)), ("bilinear", IMAGE, ((5, 11), (13, 4))),
                               ("bicubic", IMAGE, ((5, 11), (13, 4))), ("trilinear", VOLUME, ((3, 9, 4), (7, 4, 6))))
        for size in sizes
        for row in _function(
            f"interpolate(xs[0], {size}, mode={mode!r})",
            f"interpolate(xs[0], {size}, mode={mode!r}, align_corners=True)",
            shapes=(x,),
        )
    ],
    *[
        row
        for mode in ("nearest", "nearest-exact", "area")
        for x, size in ((LINE, 5), (LINE, 14), (IMAGE, (5, 11)), (VOLUME, (3, 9, 4)))
        for row in _function(f"interpolate(xs[0], {size}, mode={mode!r})", shapes=(x,))
    ],
    *[
        row
        for mode in ("nearest", "nearest-exact", "area", "bilinear", "bicubic")
        for row in _function(
            f"interpolate(xs[0], scale_factor=(1.3, 0.6), mode={mode!r})",
            f"interpolate(xs[0], scale_factor=1.7, mode={mode!r}, recompute_scale_factor=True)",
            shapes=(IMAGE,),
        )
    ],
    *[
        row
        for mode in ("bilinear", "bicubic")
        for more in ("", ", align_corners=True")
        for row in _function(
            f"interpolate(xs[0], (3, 12), mode={mode!r}, antialias=True{more})",
            f"interpolate(xs[0], scale_factor=(0.4, 0.7), mode={mode!r}, antialias=True{more})",
            shapes=(IMAGE,),
        )
    ],
]  # fmt: skip


def _grid(mode: str) -> str:
    # the nearest pixel has no gradient in the grid: none here, zeros in the oracle
    return "xs[1].detach() * 1.5" if mode == "nearest" else "xs[1] * 1.5"


_GRIDS = [
    *[
        row
        for x, grid, modes in (
            (IMAGE, In((2, 5, 4, 2)), ("bilinear", "nearest", "bicubic")),
            (VOLUME, In((2, 3, 2, 4, 3)), ("bilinear", "nearest")),
        )
        for mode in modes
        for padding in ("zeros", "border", "reflection")
        for align in (True, False)
        for row in _function(f"grid_sample(xs[0], {_grid(mode)}, {mode!r}, {padding!r}, {align})", shapes=(x, grid))
    ],
    *[
        row
        for theta, size in ((In((2, 2, 3)), (2, 3, 4, 5)), (In((2, 3, 4)), (2, 1, 3, 2, 4)))
        for align in (True, False)
        for row in _function(f"affine_grid(xs[0], {size}, {align})", shapes=(theta,))
    ],
]

ROWS = [*_CONVOLUTIONS, *_POOLS, *_LAYOUT, *_RESIZED, *_GRIDS]
