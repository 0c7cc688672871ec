"""Views and copies that rearrange elements."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

_BOTH = ("f32", "i64")

ROWS: tuple[SweepRow, ...] = (
    SweepRow("view", "m.view(-1)"),
    SweepRow("transpose", "m.transpose(0, 1)"),
    SweepRow("contiguous", "m.T.contiguous()"),
    SweepRow("expand", "v.expand(r, r)", _BOTH),
    SweepRow("cat", "lib.cat([x, y])"),
    SweepRow("cat-columns", "lib.cat([m, w], 1)", _BOTH),
    SweepRow("stack", "lib.stack([x, y])", _BOTH),
    SweepRow("stack-last", "lib.stack([x, y], -1)", _BOTH),
    SweepRow("split", "lib.split(m, 3)", _BOTH),
    SweepRow("chunk", "lib.chunk(x, 4)", _BOTH),
    SweepRow("unbind", "m.unbind(0)", _BOTH, sizes=("100", "10k")),
    SweepRow("flip", "lib.flip(m, (0, 1))", _BOTH),
    SweepRow("roll", "lib.roll(m, 3, 0)", _BOTH),
    SweepRow("rot90", "lib.rot90(m)", _BOTH),
    SweepRow("repeat", "x.repeat(2)", _BOTH),
    SweepRow("tile", "lib.tile(m, (2, 1))", _BOTH),
    SweepRow("repeat_interleave", "lib.repeat_interleave(x, 2)", _BOTH),
    SweepRow("tril", "lib.tril(m)", _BOTH),
    SweepRow("triu", "lib.triu(m)", _BOTH),
    SweepRow("diagonal", "lib.diagonal(m)", _BOTH),
    SweepRow("diag_embed", "lib.diag_embed(v)", _BOTH),
    SweepRow("meshgrid", "lib.meshgrid(v, v, indexing='ij')", _BOTH),
    SweepRow("pad", "F.pad(m, (1, 2, 3, 4))", _BOTH),
    SweepRow("pad-reflect", "F.pad(img, (2, 2, 2, 2), mode='reflect')", ("f32",)),
    SweepRow("unfold", "x.unfold(0, 5, 3)", _BOTH),
    SweepRow("movedim", "img.movedim(1, -1).contiguous()", ("f32",)),
    SweepRow("block_diag", "lib.block_diag(m, m)", _BOTH, sizes=("100", "10k")),
)
