"""Importing the packages of a training program loads neither what few programs use nor what the layers do not need."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy
before = set(sys.modules)
import lamella.tensor, lamella.autograd, lamella.nn, lamella.optim
print(*(set(sys.modules) - before))
"""
# slow ones of the standard library and of others, and ours that are loaded when they are asked for
UNWANTED = (
    "pathlib", "urllib.parse", "dataclasses", "inspect", "string", "numpy.typing", "scipy", "safetensors", "pyarrow",
    "lamella.autograd.rules", "lamella.autograd._gradcheck", "lamella.nn.utils", "lamella.nn.modules._linear",
    "lamella.nn.functional",
    "lamella.optim.lr_scheduler", "lamella.tensor.array_api", "lamella.tensor.linalg", "lamella.tensor._copies",
    "lamella.tensor._exchange._dlpack", "lamella.compiler", "lamella.data", "lamella.graph",
)  # fmt: skip
ON_DEMAND = (
    "lamella.autograd", "lamella.nn", "lamella.nn.functional", "lamella.nn.modules", "lamella.nn.utils",
    "lamella.optim", "lamella.tensor",
)  # fmt: skip


def test_what_an_import_loads() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert sorted(set(UNWANTED) & set(done.stdout.split())) == []


@pytest.mark.parametrize("package", ON_DEMAND)
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert hasattr(module, name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
