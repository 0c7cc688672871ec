"""The `lower` rule of every op that becomes loops: one file a family, one row an op.

A rule takes `(emitter, *operands, **params)` with refs, host scalars, numbers or None as operands, and gives a ref or a
tuple of refs. An op without a row is decomposed if it has a body and runs its own kernel as an extern step if not.
"""

from __future__ import annotations

from lamella.compiler._lower._emit import Rule
from lamella.compiler._lower.rules import (
    activation,
    creation,
    elementwise,
    indexing,
    movement,
    pointwise,
    random,
    reduction,
    scan,
    softmax,
    update,
)

RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **pointwise.RULES,
    **activation.RULES,
    **reduction.RULES,
    **scan.RULES,
    **movement.RULES,
    **indexing.RULES,
    **creation.RULES,
    **random.RULES,
    **softmax.RULES,
    **update.RULES,
}
