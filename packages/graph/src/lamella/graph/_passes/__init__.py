"""Passes: functions from graph to graph, each linear, none of which changes what a run returns."""

from ._cse import cse
from ._dce import dce
from ._decompose import decompose
from ._fold import fold_scalars
from ._run import Pass, run_passes

__all__ = ["Pass", "cse", "dce", "decompose", "fold_scalars", "run_passes"]
