"""Discovery: first-party parts by name, third parties by entry point, nothing imported before it is asked for.

Installations are made up in a folder of their own (a namespace portion, a `.dist-info`), and looked at from a fresh
interpreter: what is installed beside these tests must not matter, and the tests run where this package is installed
alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import lamella.interfaces
from lamella.interfaces import MissingPackage, discover, first_party, missing

SOURCE = Path(lamella.interfaces.__file__).parents[2]


def run(folder: Path, files: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with nothing but the standard library, this package and what `files` lays down."""
    own = folder / "own" / "lamella"
    own.mkdir(parents=True)
    shutil.copytree(SOURCE / "lamella" / "interfaces", own / "interfaces")
    for name, text in files.items():
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    head = f"import sys; sys.path[:0] = [{str(folder / 'own')!r}, {str(folder / 'site')!r}]; sys.argv = ['x']\n"
    command = [sys.executable, "-S", "-E", "-W", "error", "-c", head + "\n".join(arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def dist_info(name: str, version: str, **others: str) -> dict[str, str]:
    """The files of an installed distribution."""
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {f"{folder}/{file}": text for file, text in {"METADATA": metadata, **others}.items()}


def third_party(value: str) -> dict[str, str]:
    return dist_info("parts", "1", **{"entry_points.txt": f"[lamella.storage]\nmine = {value}\n"})


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown kind 'nothing'; known kinds: .*rules\.vjp"):
        first_party("nothing")
    with pytest.raises(ValueError, match="unknown kind 'nothing'"):
        discover("nothing")


def test_a_missing_package_is_an_import_error_that_names_the_command() -> None:
    error = missing("lamella-autograd", "backward()")
    assert isinstance(error, MissingPackage)
    assert isinstance(error, ImportError)
    assert str(error) == "backward() needs the package lamella-autograd; install it with: pip install lamella-autograd"


def test_nothing_is_found_where_nothing_is_installed(tmp_path: Path) -> None:
    done = run(tmp_path, {}, "import lamella.interfaces as i; print(i.first_party('autograd'), i.discover('autograd'))")
    assert done.stdout == "[] ()\n", done.stderr


def test_first_party_names_what_is_installed_and_imports_none_of_it(tmp_path: Path) -> None:
    files = {"lamella/graph/__init__.py": "", "lamella/compiler/__init__.py": "raise SystemExit('imported')\n"}
    done = run(tmp_path, files, "import lamella.interfaces as i; print(*i.first_party('executor'))")
    assert done.stdout == "lamella.compiler.executor lamella.graph.executor\n", done.stderr


def test_discover_imports_providers_once_and_in_order(tmp_path: Path) -> None:
    files = {
        "lamella/testing/__init__.py": "",
        "lamella/testing/storage.py": "print('first party')\n",
        "parts.py": "print('third party')\n",
        **third_party("parts"),
    }
    program = "from lamella.interfaces import discover; print('asked')"
    done = run(
        tmp_path, files, program, "a = discover('storage'); print(*(m.__name__ for m in a), a is discover('storage'))"
    )
    assert done.stdout.splitlines() == ["asked", "first party", "third party", "lamella.testing.storage parts True"], (
        done.stderr
    )


@pytest.mark.parametrize(
    ("value", "files", "complaint"),
    [
        (
            "parts:number",
            {"parts.py": "number = 3\n"},
            "entry point 'mine' of lamella.storage must name a module, got int",
        ),
        ("parts", {"parts.py": "1 / 0\n"}, "ZeroDivisionError"),
        ("absent", {}, "No module named 'absent'"),
    ],
)
def test_a_broken_third_party_raises_where_it_is_needed(
    tmp_path: Path, value: str, files: dict[str, str], complaint: str
) -> None:
    done = run(tmp_path, {**files, **third_party(value)}, "import lamella.interfaces as i; i.discover('storage')")
    assert done.returncode == 1
    assert complaint in done.stderr


def test_importing_does_not_scan_the_environment(tmp_path: Path) -> None:
    done = run(tmp_path, {}, "import lamella.interfaces; print('importlib.metadata' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("shadowed", [False, True])
def test_the_report_names_versions_and_who_hides_the_namespace(tmp_path: Path, shadowed: bool) -> None:
    files = dist_info("lamella-tensor", "0.1.0")
    if shadowed:
        files |= dist_info("intruder", "2", RECORD="lamella/__init__.py,,\n")
    done = run(tmp_path, files, "from lamella.interfaces.__main__ import main; sys.exit(main())")
    assert "lamella-tensor 0.1.0" in done.stdout, done.stderr
    assert "executor: none" in done.stdout
    assert ("SHADOWED: intruder ships lamella/__init__.py" in done.stdout) is shadowed
    assert done.returncode == int(shadowed)
