"""Library kernels: ops that run as C functions of the runtime, called from the step table.

To add one, touch these files: a C function `lm_NAME` with the signature `lm_library` (lamella.h) in `_native/`, or a
family in `_native/library/` with its entry in `library.c`; a row in a module here; the module's name in LIBRARY below.
"""

from __future__ import annotations

from lamella.compiler._library import _attention, _conv, _matmul, _pool, _recurrent
from lamella.compiler._library._row import Library

__all__ = ["LIBRARY", "Library"]

LIBRARY: dict[str, Library] = {**_matmul.ROWS, **_conv.ROWS, **_pool.ROWS, **_recurrent.ROWS, **_attention.ROWS}
"""The row of each op by its name. A composite whose row does not accept a node is replaced by its body there."""
