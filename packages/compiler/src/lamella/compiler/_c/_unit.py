"""A translation unit: kernels printed once each, and the tables by which the loader finds them.

Kernels with the same text are one function; what differs between their uses (sizes, strides, buffers, scalars) is in
the step table. So the text serves as the key of the cache.
"""

from __future__ import annotations

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._loops import Printed, print_kernel
from lamella.compiler._kernel import Kernel
from lamella.compiler._schedule import Target, schedule

_HEAD = """#include "lamella.h"

static const lm_runtime *lm;
LM_EXPORT void lm_attach(const lm_runtime *runtime) { lm = runtime; }
#define lm_scratch(bytes) lm->scratch((size_t)(bytes))
"""


class Unit:
    """Collects kernels, then prints the C file."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.h = Helpers(fma=target.fma)
        self.kernels: dict[str, int] = {}
        self.totals: list[bool] = []
        self.sources: list[set[str]] = []

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
        kernels = ", ".join(f"k{number}" for number in range(len(self.totals)))
        totals = ", ".join(f"k{number}_total" if total else "0" for number, total in enumerate(self.totals))
        parts.append(f"LM_EXPORT const lm_kernel lm_kernels[] = {{{kernels}}};")
        parts.append(f"LM_EXPORT const lm_total lm_totals[] = {{{totals}}};")
        return "\n".join(parts) + "\n"
