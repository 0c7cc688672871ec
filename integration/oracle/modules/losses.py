"""Losses."""

from __future__ import annotations

from integration.oracle.inputs import In
from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

_X = In((4, 5))
_V = In((4,))
_CLASSES = In((4,), "index", 5)
_PIXELS = In((2, 5, 3, 4))
_PIXEL_CLASSES = In((2, 3, 4), "index", 5)
_SIGN = "(xs[-1].detach() > 0).to(xs[0].dtype) * 2 - 1"
_WEIGHT = "lib.tensor([0.5, 1.0, 2.0, 0.1, 1.5])"

_ELEMENTWISE = [
    ModuleRow(f"nn.{text}", (_X, _X))
    for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss")
    for text in (f"{name}()", f"{name}(reduction='sum')", f"{name}(reduction='none')")
] + [
    ModuleRow("nn.SmoothL1Loss(beta=0.3)", (_X, _X)),
    ModuleRow("nn.SmoothL1Loss(beta=0.0)", (_X, _X)),
    ModuleRow("nn.HuberLoss(delta=0.4)", (_X, _X)),
    ModuleRow("nn.SoftMarginLoss()", (_X, _X), f"m(xs[0], {_SIGN})"),
    ModuleRow("nn.PoissonNLLLoss()", (_X, In((4, 5), "positive"))),
    ModuleRow("nn.PoissonNLLLoss(log_input=False, full=True)", (In((4, 5), "positive"), In((4, 5), "positive"))),
    ModuleRow("nn.GaussianNLLLoss(full=True)", (_X, _X, In((4, 5), "positive"))),
    ModuleRow("nn.GaussianNLLLoss(reduction='sum')", (_X, _X, In((4, 1), "positive"))),
]

_PROBABILITIES = [
    ModuleRow("nn.BCELoss()", (_X, _X), "m(lib.sigmoid(xs[0]), lib.sigmoid(xs[1]).detach())"),
    ModuleRow("nn.BCELoss(reduction='none')", (_X, _X), "m(lib.sigmoid(xs[0]), (xs[1].detach() > 0).to(xs[0].dtype))"),
    ModuleRow("nn.BCEWithLogitsLoss()", (_X, _X), "m(xs[0], lib.sigmoid(xs[1]))"),
    ModuleRow("nn.BCEWithLogitsLoss(reduction='sum')", (_X, _X), "m(xs[0] * 50, lib.sigmoid(xs[1]).detach())"),
    ModuleRow(
        f"nn.BCEWithLogitsLoss(weight={_WEIGHT}, pos_weight={_WEIGHT})", (_X, _X), "m(xs[0], lib.sigmoid(xs[1]))"
    ),
    ModuleRow("nn.KLDivLoss(reduction='batchmean')", (_X, _X), "m(lib.log_softmax(xs[0], 1), lib.softmax(xs[1], 1))"),
    ModuleRow(
        "nn.KLDivLoss(reduction='sum', log_target=True)", (_X, _X),
        "m(lib.log_softmax(xs[0], 1), lib.log_softmax(xs[1], 1))",
    ),
]  # fmt: skip

_CLASS_LOSSES = [
    ModuleRow(f"nn.{name}({settings})", inputs)
    for name in ("CrossEntropyLoss", "NLLLoss")
    for settings in (
        "", "reduction='sum'", "reduction='none'", "ignore_index=2", f"weight={_WEIGHT}",
        f"weight={_WEIGHT}, ignore_index=1, reduction='sum'",
    )
    for inputs in ((_X, _CLASSES), (_PIXELS, _PIXEL_CLASSES))
] + [
    ModuleRow("nn.CrossEntropyLoss()", (In((5,)), In((), "index", 5))),
    ModuleRow("nn.CrossEntropyLoss(label_smoothing=0.2)", (_X, _CLASSES)),
    ModuleRow(f"nn.CrossEntropyLoss(label_smoothing=0.2, weight={_WEIGHT}, ignore_index=3)", (_X, _CLASSES)),
    ModuleRow("nn.CrossEntropyLoss()", (_X, _X), "m(xs[0], lib.softmax(xs[1], 1))"),
    ModuleRow(
        f"nn.CrossEntropyLoss(weight={_WEIGHT}, label_smoothing=0.1, reduction='none')", (_PIXELS, _PIXELS),
        "m(xs[0], lib.softmax(xs[1], 1))",
    ),
    ModuleRow("nn.MultiMarginLoss()", (_X, _CLASSES)),
    ModuleRow(f"nn.MultiMarginLoss(p=2, margin=0.5, weight={_WEIGHT}, reduction='sum')", (_X, _CLASSES)),
    ModuleRow("nn.MultiLabelMarginLoss()", (_X,), "m(xs[0], lib.tensor([[1, 3, -1, 0, 0]] * 4))"),
    ModuleRow("nn.MultiLabelSoftMarginLoss()", (_X, _X), "m(xs[0], (xs[1].detach() > 0).to(xs[0].dtype))"),
]  # fmt: skip

_PAIRS = [
    ModuleRow("nn.HingeEmbeddingLoss(margin=0.5)", (_X, _X), f"m(xs[0], {_SIGN})"),
    ModuleRow("nn.MarginRankingLoss(margin=0.3)", (_V, _V, _V), f"m(xs[0], xs[1], {_SIGN})"),
    ModuleRow("nn.CosineEmbeddingLoss(margin=0.1)", (_X, _X, _V), f"m(xs[0], xs[1], {_SIGN})"),
    ModuleRow("nn.TripletMarginLoss()", (_X, _X, _X)),
    ModuleRow("nn.TripletMarginLoss(margin=0.5, p=1.0, swap=True, reduction='none')", (_X, _X, _X)),
    ModuleRow("nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(), swap=True)", (_X, _X, _X)),
]

_CTC_INPUT = In((7, 3, 5))
_PADDED = "lib.tensor([[1, 2, 2, 4], [3, 1, 0, 0], [1, 0, 0, 0]])"
_FLAT = "lib.tensor([1, 2, 2, 4, 3, 1, 1])"
_LENGTHS = "lib.tensor([7, 5, 4]), lib.tensor([4, 2, 1])"
_CTC = [
    ModuleRow(f"nn.CTCLoss({settings})", (_CTC_INPUT,), f"m(lib.log_softmax(xs[0], 2), {targets}, {_LENGTHS})")
    for settings in ("", "reduction='sum'", "reduction='none'", "zero_infinity=True")
    for targets in (_PADDED, _FLAT)
] + [
    ModuleRow(
        "nn.CTCLoss(blank=4)", (_CTC_INPUT,),
        "m(lib.log_softmax(xs[0], 2), lib.tensor([[1, 2], [3, 0], [1, 1]]), (7, 7, 7), (2, 2, 2))",
    ),
    ModuleRow(
        "nn.CTCLoss(zero_infinity=True)", (_CTC_INPUT,),
        "m(lib.log_softmax(xs[0], 2), lib.tensor([[1, 2, 3, 4]] * 3), (7, 2, 7), (4, 4, 4))",
    ),
    ModuleRow(
        "nn.CTCLoss()", (In((6, 5)),),
        "m(lib.log_softmax(xs[0], 1), lib.tensor([1, 2]), lib.tensor(6), lib.tensor(2))",
    ),
]  # fmt: skip

ROWS = [*_ELEMENTWISE, *_PROBABILITIES, *_CLASS_LOSSES, *_PAIRS, *_CTC]
