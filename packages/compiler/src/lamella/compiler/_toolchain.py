"""Finding and running a C compiler, and knowing what the machine's vectors are.

Order: $CC, then cc, gcc, clang on the PATH, then the `ziglang` package. Nothing is run to find out: a compiler is
identified by its path, size and time of change, so a warm start costs one stat. Flags never change the meaning of
floating-point code.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

from lamella.compiler._target import CACHE_BYTES, Target

HELP = (
    "no C compiler was found: set $CC, install gcc or clang (Debian/Ubuntu: apt install gcc; macOS: xcode-select "
    "--install), or install the bundled one with: pip install 'lamella-compiler[zig]'"
)
FLAGS = (
    "-std=gnu11", "-O2", "-ftree-vectorize", "-fPIC", "-fvisibility=hidden", "-fno-math-errno",
    "-fno-trapping-math", "-fwrapv",
    "-ffp-contract=off", "-Wno-psabi",
)  # fmt: skip


class CompilerMissing(RuntimeError):
    """There is no C compiler; the message says how to get one."""


class CompileError(RuntimeError):
    """The C compiler refused a generated file; the message names the file and holds what the compiler said."""


class Toolchain(NamedTuple):
    """A C compiler: how to call it, and what identifies it in a cache key."""

    command: tuple[str, ...]
    identity: str
    flags: tuple[str, ...]

    def build(self, sources: list[Path], output: Path, includes: list[Path], libraries: tuple[str, ...] = ()) -> None:
        """Compile C files to one shared object, several at once."""
        include = [f"-I{path}" for path in includes]
        inputs = sources
        if len(sources) > 1:
            from concurrent.futures import ThreadPoolExecutor

            inputs = [output.with_name(f"{source.name}.o") for source in sources]
            with ThreadPoolExecutor(usable_cpus()) as pool:  # threads that wait for compilers
                for done in [
                    pool.submit(self._call, source, [*include, "-c", str(source)], made)
                    for source, made in zip(sources, inputs, strict=True)
                ]:
                    done.result()
        self._call(inputs[0], [*include, "-shared", *map(str, inputs), *libraries], output)

    def _call(self, source: Path, arguments: list[str], output: Path) -> None:
        import subprocess  # which a warm start has no use for

        command = [*self.command, *self.flags, *arguments, "-o", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise CompileError(
                f"{shlex.join(self.command)} failed with status {done.returncode} on {source}; this is a defect in "
                f"lamella.compiler, please report it with this output:\n{done.stderr[-4000:]}"
            )


def find_toolchain() -> Toolchain:
    """The compiler to use; raises CompilerMissing if there is none."""
    return _find(os.environ.get("CC"), os.environ.get("PATH"))


@functools.lru_cache(maxsize=8)
def _find(cc: str | None, path: str | None) -> Toolchain:
    if cc:
        words = shlex.split(cc)
        found = shutil.which(words[0], path=path) if words else None
        if found is None:
            raise CompilerMissing(
                f"$CC is {cc!r}, which is not an executable here; unset it or point it at a C compiler"
            )
        return _toolchain((found, *words[1:]), Path(found))
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name, path=path)
        if found is not None:
            return _toolchain((found,), Path(found))
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.origin is not None:
        return _toolchain((sys.executable, "-m", "ziglang", "cc"), Path(spec.origin))
    raise CompilerMissing(HELP)


def _toolchain(command: tuple[str, ...], program: Path) -> Toolchain:
    real = program.resolve()
    status = real.stat()
    identity = f"{shlex.join(command)} {real} {status.st_size} {status.st_mtime_ns}"
    return Toolchain(command, identity, (*FLAGS, *_machine_flags()))


def _machine_flags() -> tuple[str, ...]:
    """Generate for this very machine; the cache key holds its features."""
    if platform.machine().lower() in ("x86_64", "amd64", "i686"):
        return ("-march=native", "-mprefer-vector-width=512") if "avx512f" in cpu_features() else ("-march=native",)
    return ("-mcpu=native",)


def usable_cpus() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def cpu_features() -> frozenset[str]:
    """Names of the CPU's instruction-set extensions, where the system tells them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.split(":", 1)[1].split())
    except OSError:  # not Linux: the machine type alone is the key
        return frozenset()
    return frozenset()


@functools.cache
def host_target() -> Target:
    """What this machine's vectors are like."""
    features = cpu_features()
    fma = "fma" in features or platform.machine().lower() in ("aarch64", "arm64")
    vector = 64 if "avx512f" in features and "avx512dq" in features else 32 if "avx2" in features else 16
    return Target(vector, fma, _last_cache() or CACHE_BYTES)


def _last_cache() -> int:
    """Bytes of the cache that is nearest to memory, 0 where the system does not tell."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    try:
        words = [path.read_text(encoding="ascii").strip() for path in sizes]
    except OSError:
        return 0
    return max((int(word[:-1]) << 10 for word in words if word.endswith("K") and word[:-1].isdigit()), default=0)


@functools.cache
def machine_identity() -> str:
    """What a cached shared object depends on besides its source and compiler."""
    return f"{sys.platform} {platform.machine()} {sysconfig.get_platform()} {' '.join(sorted(cpu_features()))}"
