"""Random numbers as pure functions of (seed, offset): the generator, and the draws that the creation ops call."""

from ._draws import bernoulli, randint, randperm, uniform
from ._generator import Generator, default_generator, manual_seed
from ._normal import normal
from ._parallel import follow_num_threads, get_num_threads, set_num_threads
from ._philox import words

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "follow_num_threads",
    "get_num_threads",
    "manual_seed",
    "normal",
    "randint",
    "randperm",
    "set_num_threads",
    "uniform",
    "words",
]
