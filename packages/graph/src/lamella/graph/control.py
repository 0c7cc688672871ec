"""Semi-public, for packages that trace, transform or run the bodies of control flow."""

from ._body import Body, open_state, shared, trace_plain, tracing, type_of
from ._control import kernel_of
from ._polynomial import named
from ._region import RegionTrace
from ._sizes import lifted

__all__ = [
    "Body",
    "RegionTrace",
    "kernel_of",
    "lifted",
    "named",
    "open_state",
    "shared",
    "trace_plain",
    "tracing",
    "type_of",
]
