"""The layers."""

from .._module import Module
from ._activation import GELU, Dropout, Flatten, Identity, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from ._attention import MultiheadAttention
from ._container import ModuleDict, ModuleList, Sequential
from ._convolution import Conv2d
from ._linear import Embedding, Linear
from ._loss import CrossEntropyLoss, MSELoss
from ._normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from ._pooling import AvgPool2d, MaxPool2d

__all__ = [
    "GELU", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "CrossEntropyLoss", "Dropout", "Embedding",
    "Flatten", "Identity", "LayerNorm", "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "ModuleDict",
    "ModuleList", "MultiheadAttention", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip
