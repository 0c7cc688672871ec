"""Kernels of other packages: found by their entry point, used for large operands of ops and composites, declined."""

import subprocess
import sys
import textwrap

import pytest

PROVIDER = """
    import numpy as np

    calls = []

    def exp(x):
        if x.dtype != np.float32:
            return NotImplemented
        calls.append(("exp", x.shape))
        return np.full_like(x, 7)

    def softmax(x, *, dim):
        calls.append(("softmax", dim))
        return np.full_like(x, 0.5)

    KERNELS = {"exp": exp, "softmax": softmax}
"""


def run(tmp_path, program, provider=PROVIDER):
    """The program in a process of its own where a distribution with the provider is installed."""
    (tmp_path / "fast_kernels.py").write_text(textwrap.dedent(provider), encoding="utf-8")
    info = tmp_path / "fast_kernels-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fast-kernels\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[lamella.kernels]\nfast = fast_kernels\n", encoding="utf-8")
    paths = [str(tmp_path), *[p for p in sys.path if p]]
    code = f"import sys; sys.path[:] = {paths!r} + sys.path\n" + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_large_operands_get_the_provided_kernel_and_small_ones_the_own(tmp_path):
    done = run(
        tmp_path,
        """
        import numpy as np
        import lamella.tensor as lt
        from lamella.tensor._kernels import LARGE

        assert "fast_kernels" not in sys.modules
        small = lt.exp(lt.zeros(LARGE - 1))
        assert small.numpy().max() == 1
        assert "fast_kernels" not in sys.modules  # nothing is looked for before it is needed
        assert lt.exp(lt.zeros(LARGE)).numpy().min() == 7
        assert lt.softmax(lt.zeros(2, LARGE), -1).numpy().min() == 0.5
        assert lt.exp(lt.zeros(LARGE, dtype=lt.float64)).numpy().max() == 1  # declined
        assert lt.sin(lt.zeros(LARGE)).numpy().max() == 0  # not provided
        import fast_kernels
        assert fast_kernels.calls == [("exp", (LARGE,)), ("softmax", 1)], fast_kernels.calls
        """,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ("KERNELS = []", "fast_kernels must have a dict KERNELS"),
        ("KERNELS = {'expp': abs}", "fast_kernels provides a kernel of 'expp', which is no op"),
    ],
)
def test_a_wrong_provider_is_named(tmp_path, provider, text):
    done = run(tmp_path, "import lamella.tensor as lt\nlt.exp(lt.zeros(1 << 20))", provider)
    assert done.returncode == 1
    assert text in done.stderr
