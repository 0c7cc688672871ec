"""What the ops of this package mean, beside those of lamella.tensor: see `lamella.tensor.meanings`."""

from __future__ import annotations

from lamella.tensor.extend import register_rules
from lamella.tensor.meanings import Meaning

__all__ = ["TABLE"]

TABLE = {
    "cond": Meaning(
        "what `then` gives where pred, a bool tensor without dims, is true, else what `otherwise` gives", "exact"
    ),
    "while_loop": Meaning("the carry after `body` has been applied to it as long as `test` is true", "exact"),
    "scan": Meaning(
        "(the last carry, the ys stacked in the order of the rows): `body` takes the carry and a row of each scanned "
        "operand and gives the next carry and a y",
        "exact",
    ),
}

register_rules("meaning", TABLE)
