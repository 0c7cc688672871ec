"""Importing the package is cheap: neither pyarrow nor the tensor library is loaded before something needs it."""

import subprocess
import sys

PROGRAM = """
import sys
import lamella.data
heavy = {"pyarrow", "lamella.tensor", "numpy.random", "hashlib"} & set(sys.modules)
assert not heavy, heavy
assert set(lamella.data.__all__) <= set(dir(lamella.data))
lamella.data.TableDataset({"x": [1, 2]})[0]
assert "pyarrow" not in sys.modules
"""


def test_nothing_heavy_is_imported() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
