"""A translation unit: kernels printed once each, and segments that launch them one after another.

Kernels with the same text are one function; what differs between their uses (sizes, strides, buffers, scalars) is in
each launch. The text depends on nothing but the launches, so it serves as the key of the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._loops import Printed, print_kernel
from lamella.compiler._kernel import Kernel
from lamella.compiler._schedule import Target, schedule

_HEAD = """#include "lamella.h"

static const lm_runtime *lm;
LM_EXPORT void lm_attach(const lm_runtime *runtime) { lm = runtime; }
#define lm_scratch(bytes) lm->scratch((size_t)(bytes))
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a launch finds a buffer: entry `buffer` of the graph's table, plus bytes."""

    buffer: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Launch:
    """One use of a kernel; `partial` is filled in by the memory plan if the kernel needs scratch for totals."""

    printed: int
    dims: tuple[int, ...]
    chunks: int
    places: tuple[Place, ...]
    scalars: tuple[int, ...]
    partial: Place | None


class Unit:
    """Collects kernels and segments, then prints the C file."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.h = Helpers(fma=target.fma)
        self.kernels: dict[str, int] = {}
        self.totals: list[bool] = []
        self.sources: list[set[str]] = []
        self.segments: list[list[Launch]] = []

    def add(self, kernel: Kernel) -> tuple[int, Printed]:
        """Print `kernel`, or find the function already printed with the same text."""
        printed = print_kernel(kernel, schedule(kernel, self.target), self.h)
        number = self.kernels.setdefault(printed.text, len(self.kernels))
        if number == len(self.totals):
            self.totals.append(printed.has_total)
            self.sources.append(set())
        self.sources[number].update(kernel.source)
        return number, printed

    def source(self) -> str:
        """The whole C file."""
        parts = [_HEAD, self.h.source(), ""]
        for text, number in self.kernels.items():
            origin = " ".join(sorted(self.sources[number]))
            parts.append((f"/* {origin} */\n" if origin else "") + text.replace("$KERNEL", f"k{number}"))
        parts += [self._segment(number, launches) for number, launches in enumerate(self.segments)]
        return "\n".join(parts) + "\n"

    def _segment(self, number: int, launches: list[Launch]) -> str:
        lines = [
            f"LM_EXPORT int64_t lm_segment_{number}(char *const *b, const lm_scalar *s) {{",
            "    int64_t status = 0;",
        ]
        for launch in launches:
            name = f"k{launch.printed}"
            data = ", ".join(_place(p) for p in launch.places) or "0"
            dims = ", ".join(map(str, launch.dims)) or "0"
            scalars = ", ".join(f"s[{k}]" for k in launch.scalars)
            lines += ["    {", f"        static const int64_t dims[] = {{{dims}}};"]
            lines.append(f"        char *const data[] = {{{data}}};")
            if scalars:
                lines.append(f"        const lm_scalar scalars[] = {{{scalars}}};")
            partial = "0" if launch.partial is None else _place(launch.partial)
            lines.append(
                f"        const lm_call call = {{data, dims, {'scalars' if scalars else '0'}, {partial}, &status}};"
            )
            if launch.chunks == 1:
                lines.append(f"        {name}(&call, 0);")
            elif launch.chunks > 1:
                lines.append(f"        lm->parallel_for({name}, &call, {launch.chunks});")
            if self.totals[launch.printed]:
                lines.append(f"        {name}_total(&call, {launch.chunks});")
            lines.append("    }")
        return "\n".join([*lines, "    return status;", "}"])


def _place(place: Place) -> str:
    return f"b[{place.buffer}]" + (f" + {place.offset}" if place.offset else "")
