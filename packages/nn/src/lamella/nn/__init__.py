"""Modules in thin layers: parameters, layers, losses, initializers."""

from . import functional, init, modules, parameter, utils
from ._parameter import Parameter
from .modules import (
    GELU, AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, CrossEntropyLoss, Dropout, Embedding, Flatten, Identity,
    LayerNorm, Linear, LogSoftmax, MaxPool2d, Module, ModuleDict, ModuleList, MSELoss, MultiheadAttention, ReLU,
    Sequential, Sigmoid, Softmax, Tanh,
)  # fmt: skip

__version__ = "0.1.0"

__all__ = [
    "GELU", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "CrossEntropyLoss", "Dropout", "Embedding",
    "Flatten", "Identity", "LayerNorm", "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "ModuleDict",
    "ModuleList", "MultiheadAttention", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh",
    "__version__", "functional", "init", "modules", "parameter", "utils",
]  # fmt: skip
