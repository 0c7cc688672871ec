"""Learning-rate schedules."""

from ._base import LRScheduler
from ._schedules import CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR, StepLR

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "LinearLR", "SequentialLR", "StepLR"]
