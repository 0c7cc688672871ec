"""Saving and loading nested containers of tensors and scalars as one safetensors file; no pickle."""

from ._codec import decode, encode
from .._errors import FileFormatError
from ._file import load, save
from ._record import Rebuild, RecordOf, TensorRecord

__all__ = ["FileFormatError", "Rebuild", "RecordOf", "TensorRecord", "decode", "encode", "load", "save"]
