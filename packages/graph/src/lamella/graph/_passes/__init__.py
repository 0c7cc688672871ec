"""Passes: functions from graph to graph, each linear, none of which changes what a run returns."""

from ._absent import Marked, without
from ._constants import fold_constants
from ._cse import cse
from ._dce import dce
from ._decompose import decompose
from ._fold import fold_scalars
from ._freeze import freeze
from ._join import join_pads
from ._remat import kept_for, live_bytes, partition, reading, rematerialize, size_bytes
from ._run import Pass, run_passes
from ._simplify import canonicalize, rule_passes, simplify

__all__ = [
    "Marked",
    "Pass",
    "canonicalize",
    "cse",
    "dce",
    "decompose",
    "fold_constants",
    "fold_scalars",
    "freeze",
    "join_pads",
    "kept_for",
    "live_bytes",
    "partition",
    "reading",
    "rematerialize",
    "rule_passes",
    "run_passes",
    "simplify",
    "size_bytes",
    "without",
]
