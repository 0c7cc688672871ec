"""Machine code of a printed program for one GPU architecture, from the cache where it is known, with what it needs.

A kernel that needs stack memory spills, which is an error, unless STACK lists why it needs as much.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lamella.compiler import _cache
from lamella.compiler._triton import _binding
from lamella.compiler._triton._binding import Compiled
from lamella.compiler._triton._cubin import Resources, resources
from lamella.compiler._triton._print import Function, module_text

ARCHITECTURES = (80, 90, 100)
# A text in a kernel, the bytes of stack that it may need for that, and why registers do not do.
_TABLE = "f64 arguments beyond 2^20 are reduced with a table of words of 2/pi, indexed at run time"
STACK: tuple[tuple[str, int, str], ...] = tuple((call, 40, _TABLE) for call in ("tl.sin(", "tl.cos(", "libdevice.tan("))


class SpillError(RuntimeError):
    """A kernel's values do not fit the registers of its threads: its schedule is wrong."""


@dataclass(frozen=True, slots=True)
class DeviceFunction:
    """A compiled function; `key` names its source and object in the cache."""

    function: Function
    compiled: Compiled
    resources: Resources
    key: str
    arch: int

    @property
    def shared_bytes(self) -> int:
        """Shared memory of one program."""
        return self.resources.static_shared_bytes + self.compiled.shared_bytes

    def line(self, programs: int | None = None) -> str:
        """One line of a report, on a launch of so many programs or on any."""
        needs, function = self.resources, self.function
        spill = f", {needs.stack_bytes} bytes of stack" if needs.stack_bytes else ""
        return (
            f"{function.name} sm_{self.arch}: {'' if programs is None else f'{programs} '}programs of "
            f"{function.num_warps} warps, "
            f"{needs.registers} registers, {self.shared_bytes} bytes shared{spill}"
        )


def compile_functions(functions: Sequence[Function], arch: int) -> list[DeviceFunction]:
    """Compile printed functions for `sm_{arch}`; SpillError where one spills and is not listed."""
    if arch not in ARCHITECTURES:
        raise ValueError(f"the GPU target compiles for sm_80, sm_90 and sm_100, got {arch}; give 80, 90 or 100")
    return [_compile(function, arch) for function in functions]


def _compile(function: Function, arch: int) -> DeviceFunction:
    text = module_text([function.text.replace(f"def {function.name}(", "def kernel(")])
    key = _cache.key_of(text, str(function.arguments), str(function.num_warps), f"sm_{arch}", _binding.version())

    def build(files: list[Path], made: Path) -> None:
        loaded = _binding.load(text, files[0])
        compiled = _binding.compile_function(loaded["kernel"], function.arguments, function.num_warps, arch)
        made.write_bytes(_packed(compiled))

    compiled = _unpacked(_cache.get(key, [text], build, _cache.GPU).read_bytes())
    needs = resources(compiled.cubin, compiled.name)
    if needs.stack_bytes > max([size for listed, size, _ in STACK if listed in function.text], default=0):
        raise SpillError(
            f"{function.name} needs {needs.stack_bytes} bytes of stack on sm_{arch} with {needs.registers} registers; "
            f"its source is {key}.py in the cache"
        )
    return DeviceFunction(function, compiled, needs, key, arch)


def _packed(compiled: Compiled) -> bytes:
    """What a launch must know as one line of JSON, then the cubin."""
    about = {
        "name": compiled.name,
        "shared_bytes": compiled.shared_bytes,
        "global_scratch_bytes": compiled.global_scratch_bytes,
        "profile_scratch_bytes": compiled.profile_scratch_bytes,
    }
    return json.dumps(about).encode() + b"\n" + compiled.cubin


def _unpacked(data: bytes) -> Compiled:
    about, _, cubin = data.partition(b"\n")
    return Compiled(cubin, **json.loads(about))
