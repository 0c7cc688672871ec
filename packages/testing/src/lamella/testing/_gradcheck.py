"""The gradient checks of lamella.autograd under the names that tests import from here.

Autograd is loaded at the first call, so that this package needs lamella-tensor only.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from lamella.interfaces import missing

__all__ = ["gradcheck", "gradgradcheck"]


def _autograd() -> Any:
    if importlib.util.find_spec("lamella.autograd") is None:
        raise missing("lamella-autograd", "a gradient check")
    return importlib.import_module("lamella.autograd")


def gradcheck(func: Callable[..., Any], inputs: Any, **options: Any) -> bool:
    """See `lamella.autograd.gradcheck`, which takes the same options."""
    return bool(_autograd().gradcheck(func, inputs, **options))


def gradgradcheck(func: Callable[..., Any], inputs: Any, *args: Any, **options: Any) -> bool:
    """See `lamella.autograd.gradgradcheck`, which takes the same options."""
    return bool(_autograd().gradgradcheck(func, inputs, *args, **options))
