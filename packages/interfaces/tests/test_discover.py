"""Discovery: first-party modules by a table, third parties by entry points, nothing imported before it is asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lamella.interfaces import MissingPackage, discover, first_party, missing
from lamella.interfaces._discover import _TABLE


def fake_distribution(folder: Path, name: str, files: dict[str, str], entry_points: str = "") -> None:
    """An installed distribution as importlib.metadata sees one."""
    # as installers write it: a hyphen in the folder's name would end the distribution's
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points), encoding="utf-8")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(text), encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files), encoding="utf-8")


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """A fresh interpreter that finds `folder` after everything that this one finds."""
    code = [
        "-c",
        "import sys; sys.path[:] = eval(sys.argv.pop(1)); import runpy; " + arguments[0],
        repr([*sys.path, str(folder)]),
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", *code, *arguments[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_kinds() -> None:
    with pytest.raises(ValueError, match="unknown kind 'rules.sideways'; known kinds: arrow, autograd, executor"):
        discover("rules.sideways")
    for kind, names in _TABLE.items():
        assert set(first_party(kind)) <= set(names)
        assert all(name.startswith("lamella.") and name.count(".") == 2 for name in names), kind


def test_missing() -> None:
    error = missing("lamella-autograd", "backward()")
    assert isinstance(error, MissingPackage)
    assert isinstance(error, ImportError)
    assert str(error) == "backward() needs the package lamella-autograd; install it with: pip install lamella-autograd"


def test_nothing_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        "import lamella.interfaces as i; i.first_party('rules.vjp'); "
        "print(sorted(m for m in sys.modules if m.startswith('lamella.') and 'interfaces' not in m), "
        "'importlib.metadata' in sys.modules)",
    )
    assert (code, out) == (0, "[] False\n")


def test_third_parties_come_after_ours_and_once(tmp_path: Path) -> None:
    fake_distribution(
        tmp_path,
        "other",
        {"other_b.py": "NAME = 'b'\n", "other_a.py": "NAME = 'a'\n"},
        """
        [lamella.executor]
        zeta = other_a
        alpha = other_b
        """,
    )
    code, out = run(
        tmp_path,
        "from lamella.interfaces import _discover as d; d._TABLE['executor'] = ('lamella.interfaces._protocols',); "
        "a = d.discover('executor'); print([m.__name__ for m in a], d.discover('executor') is a)",
    )
    assert (code, out) == (0, "['lamella.interfaces._protocols', 'other_b', 'other_a'] True\n")


def test_a_broken_provider_is_not_skipped(tmp_path: Path) -> None:
    fake_distribution(tmp_path, "broken", {"broken.py": "import no_such_module\n"}, "[lamella.storage]\nx = broken\n")
    code, out = run(
        tmp_path, "from lamella.interfaces import _discover as d; d._TABLE['storage'] = (); d.discover('storage')"
    )
    assert code == 1
    assert "No module named 'no_such_module'" in out


def test_a_provider_is_a_module(tmp_path: Path) -> None:
    fake_distribution(tmp_path, "function", {"function.py": "def f(): pass\n"}, "[lamella.storage]\nx = function:f\n")
    code, out = run(
        tmp_path, "from lamella.interfaces import _discover as d; d._TABLE['storage'] = (); d.discover('storage')"
    )
    assert code == 1
    assert "TypeError: entry point 'x' of lamella.storage must name a module, got function" in out


REPORT = "sys.argv[0] = ''; runpy.run_module('lamella.interfaces', run_name='__main__', alter_sys=True)"


def test_the_report_lists_what_is_there(tmp_path: Path) -> None:
    fake_distribution(tmp_path, "lamella-extra", {"lamella_extra.py": ""}, "[lamella.executor]\nmine = lamella_extra\n")
    code, out = run(tmp_path, REPORT)
    lines = out.splitlines()
    assert code == 0, out
    assert lines[0].startswith(f"python {sys.version.split()[0]} on ")
    assert "lamella-extra 1.0" in lines
    assert next(line for line in lines if line.startswith("executor: ")).endswith("mine = lamella_extra")
    assert {line.split(":")[0] for line in lines if ": " in line} == set(_TABLE)


def shadowing(folder: Path) -> str:
    """What a site-packages looks like after a wheel put `lamella/__init__.py` beside our layers."""
    import lamella.interfaces

    shutil.copytree(Path(str(lamella.interfaces.__file__)).parent, folder / "lamella" / "interfaces")
    return f"sys.path.insert(0, {str(folder)!r}); " + REPORT


def test_a_distribution_that_shadows_the_namespace_is_named(tmp_path: Path) -> None:
    fake_distribution(tmp_path, "foreign", {"lamella/__init__.py": ""})
    code, out = run(tmp_path, shadowing(tmp_path))
    assert code == 1
    assert "SHADOWED: foreign ships lamella/__init__.py; uninstall it; it hides the other layers" in out


def test_a_folder_that_shadows_the_namespace_is_named(tmp_path: Path) -> None:
    file = tmp_path / "lamella" / "__init__.py"
    file.parent.mkdir()
    file.write_text("", encoding="utf-8")
    code, out = run(tmp_path, shadowing(tmp_path))
    assert code == 1
    assert f"SHADOWED: {file} is imported as lamella; move it" in out
