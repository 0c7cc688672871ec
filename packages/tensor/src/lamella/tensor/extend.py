"""For authors of layers and backends: ops, rules, dispatch and the state of a thread.

Public without the promise of the main surface.
"""

from ._arguments import number, whole
from ._base import View, cell_of, level_of, set_edge, wrap, wrap_view
from ._blas import hold_blas, openblas, release_blas
from ._destination import destination
from ._dispatch import compute, detached, dispatch, record, wrap_outputs
from ._drawn import reserve
from ._dtype import BOOL, BY_NAME, COMPLEX, FLOAT, INT, DType, as_dtype, from_numpy_dtype
from ._functions.attention import attention_backward, scores_of
from ._inplace import update_each, write, write_through
from ._meta import MetaArray, broadcast_shapes
from ._modes import DecoratingMode
from ._op import OPS, MissingRule, Op, register_rules, rule
from ._payload import Batched, Dual
from ._promotion import default_float
from ._random import Generator, default_generator, follow_num_threads
from ._random._normal import FORMULAS as NORMAL_FORMULAS
from ._recurrent import last_state, previous_state
from ._scalar import UNKNOWN, Numbers, SymScalar, SymSize
from ._state import (
    EPOCH,
    FOREIGN,
    GRAD,
    HOT,
    INFERENCE,
    LEVEL,
    METADATA,
    TRACED,
    VIEW,
    Level,
    LevelClosedError,
    Mode,
    enter_mode,
    leave_mode,
    settle_modes,
    tls,
)
from ._version import Cell, Location, describe, user_location
from ._views import apply_chain, refresh, replay

__all__ = [
    "BOOL", "BY_NAME", "COMPLEX", "EPOCH", "FLOAT", "FOREIGN", "GRAD", "HOT", "INFERENCE", "INT", "LEVEL", "METADATA",
    "NORMAL_FORMULAS", "OPS",
    "TRACED", "UNKNOWN", "VIEW", "Batched", "Cell", "DType", "DecoratingMode", "Dual", "Generator", "Level",
    "LevelClosedError", "Location", "MetaArray", "MissingRule", "Mode", "Numbers", "Op", "SymScalar", "SymSize", "View",
    "apply_chain", "as_dtype",
    "attention_backward", "broadcast_shapes", "cell_of", "compute", "default_float", "default_generator", "describe",
    "destination", "detached", "dispatch", "enter_mode", "follow_num_threads", "from_numpy_dtype", "hold_blas",
    "last_state",
    "leave_mode", "level_of", "number", "openblas", "previous_state", "record", "refresh", "register_rules",
    "release_blas", "replay", "reserve",
    "rule", "scores_of", "set_edge", "settle_modes", "tls", "update_each", "user_location", "whole", "wrap",
    "wrap_outputs", "wrap_view", "write", "write_through",
]  # fmt: skip
