"""Library kernels: ops that run as C functions of the runtime (`_native/*.c`), called from the step table.

To add one, touch these files: a C function `lm_NAME` with the signature `lm_library` (lamella.h) in `_native/`, a row
in a module here, and the module's name in LIBRARY below.
"""

from __future__ import annotations

from lamella.compiler._library import _matmul
from lamella.compiler._library._row import Library

__all__ = ["LIBRARY", "Library"]

LIBRARY: dict[str, Library] = {**_matmul.ROWS}
"""The row of each op by its name. A composite whose row does not accept a node is replaced by its body there."""
