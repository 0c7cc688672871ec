"""Every developer command of the repository; `nox -l` is the menu.

Packages are discovered (`packages/*/pyproject.toml`), none is listed here. Wheels are built once into `dist/` by the
session `wheels`, which the others require, and our own distributions are installed only from there. A session whose
subject is not in the tree is not defined. Works with plain `pip install nox`; uses uv when it is there, except for
the sessions that install torch, whose wheels come from where pip is configured to look.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import nox

if sys.version_info < (3, 11):  # noqa: UP036  (nox itself runs on older ones, and the next import would not say why)
    raise SystemExit(
        f"Lamella needs Python 3.11 or newer, and nox runs on {sys.version.split()[0]}; use python3.11 -m venv"
    )

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tools.gpu import missing as missing_gpu  # noqa: E402
from tools.interpreters import find as find_interpreters  # noqa: E402  (the line above makes it importable)
from tools.workspace import META, closure, packages, third_party  # noqa: E402

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]

DIST = ROOT / "dist"
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
PACKAGES = packages(ROOT)
LIBRARIES = [package for package in PACKAGES.values() if not package.is_meta]
INTERPRETERS = find_interpreters()
PYTHON_311 = INTERPRETERS.get("3.11", "3.11")  # the one that the torch wheels are chosen for
PYTORCH = {"python": PYTHON_311, "venv_backend": "virtualenv", "reuse_venv": True}
# What must not leak in: sources instead of wheels, and an OpenBLAS core older than the machine's (half its speed).
UNSET = ("PYTHONPATH", "OPENBLAS_CORETYPE")

Function = Callable[[nox.Session], None]


def command(*subjects: str, **options: object) -> Callable[[Function], Function]:
    """A nox session that prints its seconds, defined only where a path matches one of `subjects` (globs; none:
    always).
    """

    def register(function: Function) -> Function:
        if subjects and not any(any(ROOT.glob(subject)) for subject in subjects):
            return function

        @functools.wraps(function)
        def timed(session: nox.Session) -> None:
            session.env.update(dict.fromkeys(UNSET))
            started = time.perf_counter()
            try:
                function(session)
            finally:
                session.log(f"{session.name}: {time.perf_counter() - started:.1f} seconds")

        nox.session(**options)(timed)  # type: ignore[call-overload]  # options are passed through
        return timed

    return register


def group(name: str) -> list[str]:
    """The requirements of a dependency group of the root pyproject.toml."""
    return list(nox.project.dependency_groups(GROUPS, name))


def install(session: nox.Session, wanted: Iterable[str], *others: str, refresh: bool = True) -> None:
    """Install our distributions `wanted` from dist/, with their sisters from there too, and `others` from the index.

    `refresh` replaces what a reused environment holds: an older wheel of the same version looks installed.
    """
    wanted = list(wanted)
    if refresh:
        built = [str(DIST / PACKAGES[name].wheel_name()) for name in closure(wanted)]
        session.install("--quiet", "--force-reinstall", "--no-deps", *built)
    session.install("--quiet", "--constraint", str(DIST / "constraints.txt"), *wanted, *others)


def everything(extra: str = "test") -> list[str]:
    """Requirements for all packages with one of their extras."""
    return [META, *(f"{package.distribution}[{extra}]" for package in LIBRARIES if extra in package.extras)]


def existing(*patterns: str) -> list[str]:
    """The paths matching these globs, relative to the root."""
    return [str(path.relative_to(ROOT)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def python_sources() -> list[str]:
    """What the type checker reads; a folder appears here when it holds a Python file."""
    folders = ["packages", "integration", "benchmarks", "examples", "tools"]
    return [*(folder for folder in folders if any((ROOT / folder).rglob("*.py"))), "noxfile.py"]


@command(reuse_venv=True)
def wheels(session: nox.Session) -> None:
    """Build the wheels that changed into dist/."""
    session.install("--quiet", *group("build"))
    session.run("python", "-m", "tools.build", str(DIST))


@command("examples/quickstart.py", requires=["wheels"], reuse_venv=True)
def quickstart(session: nox.Session) -> None:
    """Train, save, reload, predict and compile a small network on the handwritten digits."""
    wanted = META
    compilers = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    if not any(name and shutil.which(name.split()[0]) for name in compilers):
        session.log("no C compiler found ($CC, cc, gcc, clang): installing the extra `zig`, which brings one")
        wanted = f"{META}[zig]"
    install(session, [wanted], *group("examples"))
    session.run("python", "examples/quickstart.py", *session.posargs)


@command(requires=["wheels"], reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Everything in one environment: all unit tests, the integration tests, the repository's own."""
    install(session, everything(), *group("integration"))
    paths = session.posargs or existing("packages/*/tests", "integration", "tools/tests")
    session.run("pytest", "--ignore=integration/oracle", *paths)


def define_unit(name: str) -> None:
    """The session unit-NAME: the package installed alone, imported whole, its tests and its README run."""
    package = PACKAGES[name]

    @command(name=f"unit-{name}", requires=["wheels"], tags=["unit"])
    def unit(session: nox.Session) -> None:
        install(session, [package.distribution], refresh=False)
        session.run("python", "tools/alone.py", name, *closure([package.distribution]))
        session.run("python", "tools/blocks.py", f"packages/{name}/README.md")
        if not package.is_meta:
            install(session, [f"{package.distribution}[test]"], refresh=False)
            session.run("pytest", *(session.posargs or [f"packages/{name}/tests"]))

    unit.__doc__ = f"Install {package.distribution} alone and run its tests."


for _name in PACKAGES:
    define_unit(_name)


@command("integration/**/test_*.py", requires=["wheels"], reuse_venv=True)
def integration(session: nox.Session) -> None:
    """The tests that need several packages, and those of the repository itself."""
    install(session, everything(), *group("integration"))
    session.run("pytest", "--ignore=integration/oracle", *(session.posargs or existing("integration", "tools/tests")))


@command("integration/torture/**/*.py", "packages/compiler/tests/**/*.py", requires=["wheels"], reuse_venv=True)
def compiled(session: nox.Session) -> None:
    """The torture programs, the compiler's own suite, and the suites of the layers above autograd run compiled."""
    install(session, everything(), *group("integration"))
    found = existing("integration/torture", "packages/compiler/tests")
    session.run("pytest", *(session.posargs or found), env={"LAMELLA_CAPTURES": "1000"})
    if not session.posargs:
        again = existing(*(f"packages/{name}/tests" for name in ("autograd", "nn", "optim")))
        session.run("pytest", "-p", "integration.compiled.plugin", *again)


@command("packages/*/src/lamella/*/array_api/__init__.py", requires=["wheels"], reuse_venv=True)
def array_api(session: nox.Session) -> None:
    """The conformance suite of the Python array API standard, from a checkout that $ARRAY_API_TESTS names."""
    named = os.environ.get("ARRAY_API_TESTS")
    if not named:
        print("SKIPPED array_api $ARRAY_API_TESTS names no checkout of data-apis/array-api-tests")  # noqa: T201
        return
    suite = Path(named).resolve()
    if not (suite / "array_api_tests").is_dir():
        session.error(f"$ARRAY_API_TESTS is {named}, which is no checkout of data-apis/array-api-tests")
    install(session, ["lamella-tensor"], "--requirement", str(suite / "requirements.txt"))
    environment = {"ARRAY_API_TESTS_MODULE": "lamella.tensor.array_api", "ARRAY_API_TESTS_VERSION": "2024.12"}
    with session.chdir(suite):
        session.run("pytest", *(session.posargs or ["array_api_tests"]), env=environment)


@command("packages/*/tests/**/*fuzz*.py", "integration/**/*fuzz*.py", requires=["wheels"], reuse_venv=True)
def fuzz(session: nox.Session) -> None:
    """Random mutations of inputs, or `-- programs N [--seed S]`: random programs, compiled."""
    install(session, everything(), *group("integration"))
    if session.posargs[:1] == ["programs"]:
        session.run("python", "-m", "integration.fuzz", *session.posargs[1:])
        return
    found = existing("packages/*/tests/**/*fuzz*.py", "integration/**/*fuzz*.py")
    session.run("pytest", *(session.posargs or found), env={"LAMELLA_FUZZ": "1"})


@command(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Style, formatting, layers, namespace; prints the size report."""
    session.install("--quiet", *group("lint"))
    checks = [
        ["ruff", "check", *session.posargs, "."],
        ["ruff", "format", "--check", "--output-format", "concise", "."],
        ["python", "-m", "tools.layers"],
        ["python", "-m", "tools.namespace"],
        ["python", "-m", "tools.sizes"],
    ]
    failed = []
    for check in checks:  # all run, so that one look shows everything
        try:
            session.run(*check)
        except nox.command.CommandFailed:
            failed.append(" ".join(check))
    if failed:
        session.error("failed: " + "; ".join(failed))


@command(reuse_venv=True)
def types(session: nox.Session) -> None:
    """mypy --strict over the packages, their tests, and everything beside them."""
    session.install("--quiet", *group("types"), *third_party(ROOT))
    session.run("mypy", *(session.posargs or python_sources()))


@command(requires=["wheels"], reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Run every Python block of the READMEs and of docs/."""
    install(session, [META, *(package.distribution for package in LIBRARIES)], *group("examples"))
    session.run("python", "tools/blocks.py", *existing("README.md", "packages/*/README.md", "docs/**/*.md"))


@command("packages/*/generate.py", reuse_venv=True)
def generate(session: nox.Session) -> None:
    """Write the generated files; with `-- --check` fail when one is stale."""
    session.install("--quiet", *group("lint"), *third_party(ROOT, extras=()))
    session.run("python", "-m", "tools.generate", *session.posargs)


@command(reuse_venv=True)
def coverage(session: nox.Session) -> None:
    """Line and branch coverage of the packages by their own and the integration tests."""
    session.install("--quiet", *third_party(ROOT), *group("integration"), *group("coverage"))
    sources = os.pathsep.join(str(package.source.parents[1]) for package in LIBRARIES)
    paths = existing("packages/*/tests", "integration")
    ignored = ["--ignore=integration/oracle", "--ignore=integration/packaging"]
    session.run("coverage", "run", "-m", "pytest", *ignored, *paths, env={"PYTHONPATH": sources})
    session.run("coverage", "report", *session.posargs)


@command(requires=["wheels"])
@nox.parametrize("python", [nox.param(path, id=version) for version, path in INTERPRETERS.items()])
def matrix(session: nox.Session) -> None:
    """The unit tests on every supported interpreter that runs on this machine."""
    install(session, everything(), refresh=False)
    session.run("python", "--version")
    session.run("pytest", *(session.posargs or existing("packages/*/tests")))


@command("integration/oracle/**/test_*.py", requires=["wheels"], **PYTORCH)
def oracle(session: nox.Session) -> None:
    """Compare with the framework that serves as oracle, in an environment of its own."""
    install(session, everything(), *group("oracle"))
    session.run("pytest", *(session.posargs or ["integration/oracle"]))


@command("packages/compiler/tests_gpu/compiled/test_*.py", requires=["wheels"], reuse_venv=True)
def triton(session: nox.Session) -> None:
    """The GPU target without a GPU: kernels interpreted beside numpy, and compiled for three architectures."""
    install(session, ["lamella-compiler[test,triton]"])
    interpreted, compiled_ = (f"packages/compiler/tests_gpu/{name}" for name in ("interpreted", "compiled"))
    given = session.posargs or [interpreted, compiled_]
    for folder, environment in ((interpreted, {"TRITON_INTERPRET": "1"}), (compiled_, {"TRITON_INTERPRET": "0"})):
        paths = [path for path in given if path.startswith(folder)]
        if paths:  # Triton decides at its import which of the two a process does
            session.run("pytest", *paths, *[a for a in given if a.startswith("-")], env=environment)


LIBRARY_TESTS = [
    f"packages/compiler/tests/test_{name}.py"
    for name in ("library_attention", "library_recurrent", "library_windows", "products")
]
SANITIZERS = {  # name: compiler flags, the library that must be loaded first
    "warnings": ("-Wall -Wextra -Wshadow -Werror", ""),
    "address": ("-fsanitize=address", "libasan.so"),
    "undefined": ("-fsanitize=undefined -fno-sanitize-recover=all", ""),
    "thread": ("-fsanitize=thread", "libtsan.so"),
}


@command("packages/compiler/tests/helpers/sanitize.py", requires=["wheels"], reuse_venv=True)
def sanitize(session: nox.Session) -> None:
    """C code of a suite of programs, and library kernels: warnings as errors, ASan, UBSan, TSan; needs gcc."""
    gcc = shutil.which("gcc")
    if gcc is None:
        session.error("the sanitizers are gcc's, and there is no gcc on PATH")
    install(session, ["lamella-compiler[test]"])
    script = "packages/compiler/tests/helpers/sanitize.py"
    # a sanitizer that finds nothing in a wrong function finds nothing in ours
    session.run("python", script, "--faulty", env={"CC": gcc})
    for name, (flags, library) in SANITIZERS.items():
        folder = Path(session.create_tmp()) / name  # objects of its own
        folder.mkdir(mode=0o700, exist_ok=True)
        environment = {"CC": f"{gcc} {flags}", "LAMELLA_CACHE_DIR": str(folder), "ASAN_OPTIONS": "detect_leaks=0"}
        environment |= {"TSAN_OPTIONS": "halt_on_error=1", "OPENBLAS_NUM_THREADS": "1"}  # whose locks TSan does not see
        if library:
            found = subprocess.run([gcc, f"-print-file-name={library}"], capture_output=True, text=True, check=True)
            environment["LD_PRELOAD"] = found.stdout.strip()
        session.log(f"sanitize: {name}")
        session.run("python", script, "--faulty", env=environment, success_codes=range(1, 256), silent=True)
        session.run("python", script, *session.posargs, env=environment, silent=True)
        if not session.posargs:  # -s: what a sanitizer says before it ends the process is shown
            session.run("pytest", "-q", "-s", "-k", "not forked", *LIBRARY_TESTS, env=environment, silent=True)


@command("packages/compiler/tests/helpers/replay.py", requires=["wheels"], reuse_venv=True)
def replay(session: nox.Session) -> None:
    """The code generated for a fixed suite of programs beside the stored one; `-- --update` stores it."""
    install(session, ["lamella-compiler"])
    session.run("python", "packages/compiler/tests/helpers/replay.py", *session.posargs)


@command("packages/compiler/tests_gpu/device/test_*.py", requires=["wheels"], reuse_venv=True)
def gpu(session: nox.Session) -> None:
    """The GPU target and copies to a GPU, on a GPU with CuPy; skipped, with its reason, where there is none."""
    missing = missing_gpu()
    if missing:
        print(f"SKIPPED gpu {missing}")  # noqa: T201
        return
    install(session, ["lamella-compiler[test,triton,cuda]", "lamella-data[test,cuda]"])
    session.run("pytest", "-s", *(session.posargs or existing("packages/*/tests_gpu/device")))


@command("integration/test_jax.py", requires=["wheels"], reuse_venv=True)
def jax(session: nox.Session) -> None:
    """Exchange memory with jax, in an environment of its own."""
    install(session, everything(), *group("jax"))
    session.run("pytest", *(session.posargs or ["integration/test_jax.py"]))


@command("packages/data/tests_remote/store/test_*.py", requires=["wheels"], reuse_venv=True)
def store(session: nox.Session) -> None:
    """Datasets over an object store: a server that speaks S3, started on loopback, and the ways in which it fails."""
    install(session, ["lamella-data[test]"], *group("store"))
    session.run("pytest", *(session.posargs or ["packages/data/tests_remote/store"]))


@command("packages/data/tests_remote/ray/test_*.py", requires=["wheels"], reuse_venv=True)
def ray(session: nox.Session) -> None:
    """Datasets of Ray Data, on a Ray of one processor that is started for the tests and ended with them."""
    install(session, ["lamella-data[test,ray]"], *group("ray"))
    session.run("pytest", *(session.posargs or ["packages/data/tests_remote/ray"]))


@command("benchmarks/__main__.py", requires=["wheels"], **PYTORCH)
def bench(session: nox.Session) -> None:
    """One story of side-by-side timings: `-- STORY [--case C] [--quick] [--json FILE]`."""
    install(session, [META], *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@command(reuse_venv=True)
def dev(session: nox.Session) -> None:
    """An editable environment for people: every package from its source folder, and every tool."""
    session.install("--quiet", *group("editable"), *third_party(ROOT))
    folders = [argument for package in PACKAGES.values() for argument in ("--editable", str(package.folder))]
    session.install("--quiet", "--no-build-isolation", "--no-deps", *folders)
    session.install("--quiet", *group("lint"), *group("types"))
    session.log(f"ready: {Path(session.bin) / 'python'}")


@command(reuse_venv=True)
def release(session: nox.Session) -> None:
    """Build every package with `hatch build` into runs/release and check what was built."""
    scratch = ROOT / "runs" / "release"
    target = scratch / "dist"
    shutil.rmtree(scratch, ignore_errors=True)
    session.install("--quiet", *group("release"))
    # hatch makes build environments of its own, and would install into the one that these variables name.
    environment: dict[str, str | None] = dict.fromkeys(("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT"))
    environment["HATCH_DATA_DIR"] = str(scratch / "hatch")
    for package in PACKAGES.values():
        with session.chdir(package.folder):
            session.run("hatch", "build", str(target), env=environment)
    session.run("twine", "check", "--strict", *map(str, sorted(target.iterdir())))
    session.run("python", "-m", "tools.wheels", str(target))
