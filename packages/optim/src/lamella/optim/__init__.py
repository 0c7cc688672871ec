"""Optimizers and schedules for any collection of tensors."""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand

from ._adagrad import Adagrad
from ._adam import Adam, AdamW
from ._ema import EMA
from ._optimizer import Optimizer
from ._rmsprop import RMSprop
from ._scaler import GradScaler
from ._sgd import SGD

if TYPE_CHECKING:
    from . import lr_scheduler
else:
    __getattr__ = on_demand(__name__, {"lr_scheduler": ("lr_scheduler",)})

__version__ = "0.1.0"

__all__ = [
    "EMA", "SGD", "Adagrad", "Adam", "AdamW", "GradScaler", "Optimizer", "RMSprop", "__version__", "lr_scheduler",
]  # fmt: skip
