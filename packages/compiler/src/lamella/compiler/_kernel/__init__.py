"""Kernel IR: what a fused loop nest computes, with no word about how a machine runs it."""

from lamella.compiler._kernel._build import KernelBuilder
from lamella.compiler._kernel._ir import (
    Apply,
    Axis,
    Buffer,
    Check,
    Const,
    Get,
    Index,
    Instr,
    Kernel,
    Level,
    Load,
    Param,
    Position,
    Put,
    Reduce,
    Scan,
    Size,
    Stage,
    Store,
    Update,
)
from lamella.compiler._kernel._text import kernel_text
from lamella.compiler._kernel._verify import KernelError, verify

__all__ = [
    "Apply",
    "Axis",
    "Buffer",
    "Check",
    "Const",
    "Get",
    "Index",
    "Instr",
    "Kernel",
    "KernelBuilder",
    "KernelError",
    "Level",
    "Load",
    "Param",
    "Position",
    "Put",
    "Reduce",
    "Scan",
    "Size",
    "Stage",
    "Store",
    "Update",
    "kernel_text",
    "verify",
]
