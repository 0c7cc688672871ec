"""Optimizers and schedules for any collection of tensors."""

from . import lr_scheduler
from ._adam import Adam, AdamW
from ._optimizer import Optimizer
from ._sgd import SGD

__version__ = "0.1.0"

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "__version__", "lr_scheduler"]
