"""What the tools read from pyproject files, and that the shared configuration fits the packages in the tree."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from tools import interpreters, sizes, workspace
from tools.workspace import ROOT

BASE = 'dependencies = ["numpy>=2"]\n[project.optional-dependencies]\ntest = ["pytest", "lamella-helper>=0.1"]'
HELPER = 'dependencies = ["lamella-base>=0.1"]'
UPPER = 'dependencies = ["lamella-base>=0.1"]\n[project.optional-dependencies]\nfast = ["ziglang>=0.13"]'


def test_closure_follows_dependencies_and_extras(make_repository) -> None:
    root = make_repository({"base": BASE, "helper": HELPER, "upper": UPPER}, {})
    assert workspace.closure(["lamella-upper"], root) == ["base", "upper"]
    assert workspace.closure(["lamella-base[test]"], root) == ["base", "helper"]
    assert workspace.closure(["numpy"], root) == []


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [("lamella-none", "no package folder"), ("lamella-base[gpu]", "no extra 'gpu'"), (">=1", "is not a requirement")],
)
def test_closure_refuses_what_does_not_exist(make_repository, wanted: str, complaint: str) -> None:
    root = make_repository({"base": BASE, "helper": HELPER}, {})
    with pytest.raises(ValueError, match=complaint):
        workspace.closure([wanted], root)


def test_third_party_lists_what_is_not_ours(make_repository) -> None:
    root = make_repository({"base": BASE, "helper": HELPER, "upper": UPPER}, {})
    assert workspace.third_party(root) == ["numpy>=2", "pytest"]
    assert workspace.third_party(root, extras=("fast",)) == ["numpy>=2", "ziglang>=0.13"]


def test_a_folder_must_carry_its_distribution_name(make_repository) -> None:
    root = make_repository({"base": BASE}, {"packages/base/pyproject.toml": '[project]\nname = "lamella-other"\n'})
    with pytest.raises(ValueError, match="'lamella-base'"):
        workspace.packages(root)


def test_sizes_lists_long_files_longest_first(make_repository) -> None:
    root: Path = make_repository({"base": BASE}, {"a.py": "x\n" * 12, "b.py": "x\n" * 15, "c.py": "x\n"})
    assert sizes.over(root, ceiling=10) == [(15, root / "b.py"), (12, root / "a.py")]
    assert "base" in sizes.report(root)


def test_the_running_interpreter_is_found() -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = interpreters.find()
    assert set(found) <= set(interpreters.SUPPORTED)
    assert version not in interpreters.SUPPORTED or version in found


def test_the_type_checker_sees_every_package() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = configuration["tool"]["mypy"]["mypy_path"]
    packages = [package for package in workspace.packages().values() if not package.is_meta]
    assert listed == [f"$MYPY_CONFIG_FILE_DIR/packages/{package.name}/src" for package in packages]


@pytest.mark.parametrize("name", sorted(workspace.packages()))
def test_packages_share_one_skeleton(name: str) -> None:
    package = workspace.packages()[name]
    project = tomllib.loads((package.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0"
    versions = [row.rpartition(" ")[2] for row in project["classifiers"] if row.startswith("Programming Language ::")]
    assert versions == list(interpreters.SUPPORTED)
    assert package.is_meta or "test" in package.extras


def test_the_readme_gives_the_two_commands_and_the_windows_variant() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert "python3 -m venv .venv && .venv/bin/python -m pip install nox && .venv/bin/nox -s quickstart" in lines
    assert ".venv/bin/nox -s tests" in lines
    assert any(line.startswith("py -m venv .venv") and "quickstart" in line for line in lines)
