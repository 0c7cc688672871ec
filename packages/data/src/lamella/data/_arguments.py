"""Checks of arguments that several rooms share: a wrong value is an error that says what was given and what is
expected.
"""

from __future__ import annotations

import operator
from typing import SupportsIndex

import numpy as np


def check_int(owner: str, name: str, value: SupportsIndex, minimum: int, maximum: int | None = None) -> int:
    """`value` as a Python int in [minimum, maximum]; bools and floats are refused, numpy integers are taken."""
    expected = f"an int >= {minimum}" if maximum is None else f"an int in [{minimum}, {maximum}]"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be {expected}, got the bool {value}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{owner}: {name} must be {expected}, got {value!r} of type {type(value).__name__}") from None
    if number < minimum or (maximum is not None and number > maximum):
        raise ValueError(f"{owner}: {name} must be {expected}, got {number}")
    return number


def check_flag(owner: str, name: str, value: object) -> bool:
    """`value`, which must be True or False: 0 and 1 are more likely a slipped argument."""
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")
    return value


def check_seed(owner: str, seed: SupportsIndex) -> int:
    """`seed` as a Python int of 64 bits."""
    return check_int(owner, "seed", seed, 0, (1 << 64) - 1)


def check_record_index(owner: str, index: SupportsIndex, length: int) -> int:
    """`index` as a position in [0, length); negative values count from the end."""
    position = operator.index(index)
    if not -length <= position < length:
        raise IndexError(f"{owner}: record {position} is out of range for {length} records")
    return position % length
