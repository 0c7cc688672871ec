"""The wheels, as a user would get them: built by the declared backend, checked file by file, installed together,
imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import build, wheels, workspace

pytestmark = pytest.mark.packaging

PACKAGES = workspace.packages()


def run(*command: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All wheels, built from the tree into an empty folder."""
    folder = tmp_path_factory.mktemp("dist")
    built = build.build(folder)
    assert len(built) == len(PACKAGES)
    return folder


@pytest.fixture(scope="module")
def clean_python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with every wheel and only what they require."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", str(folder), cwd=folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [str(path) for path in sorted(dist.glob("*.whl"))]
    run(
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        str(dist / "constraints.txt"),
        *wanted,
        cwd=folder,
    )
    return python


def test_wheels_ship_what_they_should_and_share_no_file(dist: Path) -> None:
    assert wheels.check(dist) == []


def test_readmes_and_changelogs_state_the_code_version() -> None:
    assert wheels.check_texts() == []


def test_an_unchanged_tree_builds_nothing_again(dist: Path) -> None:
    assert build.build(dist) == []


def test_wheels_are_reproducible(dist: Path, tmp_path: Path) -> None:
    build.build(tmp_path)
    for path in sorted(dist.glob("*.whl")):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_all_wheels_install_together_and_import(clean_python: Path, tmp_path: Path) -> None:
    modules = [package.module for package in PACKAGES.values() if not package.is_meta]
    program = f"""
import importlib, lamella
assert not hasattr(lamella, "__file__") or lamella.__file__ is None, lamella.__file__
for name in {modules!r}:
    module = importlib.import_module(name)
    assert {str(clean_python.parents[1].resolve())!r} in module.__file__, module.__file__
    print(name, module.__version__)
"""
    printed = run(str(clean_python), "-I", "-W", "error", "-c", program, cwd=tmp_path)
    assert printed.split() == [word for p in PACKAGES.values() if not p.is_meta for word in (p.module, p.version())]


def test_pip_finds_no_conflict_in_the_clean_environment(clean_python: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(str(clean_python), "-m", "pip", "check", cwd=tmp_path)


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_source_distribution_builds_the_same_wheel(name: str, dist: Path, tmp_path: Path) -> None:
    package = PACKAGES[name]
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), cwd=package.folder)
    (archive,) = tmp_path.glob("*.tar.gz")
    run(sys.executable, "-m", "tarfile", "-e", str(archive), str(tmp_path), cwd=tmp_path)
    source = tmp_path / archive.name.removesuffix(".tar.gz")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=source)
    assert (tmp_path / package.wheel_name()).read_bytes() == (dist / package.wheel_name()).read_bytes()
