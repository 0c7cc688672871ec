"""When a result is wrong: which pass did it, and the smallest graph that shows it."""

from ._bisect import Culprit, bisect
from ._minify import Reproducer, minify

__all__ = ["Culprit", "Reproducer", "bisect", "minify"]
