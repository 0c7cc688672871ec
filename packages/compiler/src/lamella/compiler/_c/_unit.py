"""A translation unit: kernels printed once each, and the tables by which the loader finds them.

Kernels with the same text are one function; what differs between their uses (sizes, strides, buffers, scalars) is in
the step table. So the text serves as the key of the cache.
"""

from __future__ import annotations

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._loops import Printed, print_kernel
from lamella.compiler._kernel import Kernel
from lamella.compiler._schedule import schedule
from lamella.compiler._target import Target

_FILE_BYTES = 24_000  # of kernels that take a compiler longer than starting it
_HEAD = """#include "lamella.h"

extern const lm_runtime *lm;
#define lm_scratch(bytes) lm->scratch((size_t)(bytes))
"""


class Unit:
    """Collects kernels, then prints the C file."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.h = Helpers(fma=target.fma, vector_bytes=target.vector_bytes)
        self.kernels: dict[str, int] = {}
        self.totals: list[bool] = []
        self.sources: list[set[str]] = []

    def add(
        self, kernel: Kernel, shared: frozenset[int] = frozenset(), streams: frozenset[int] = frozenset()
    ) -> tuple[int, Printed]:
        """Print `kernel`, or find the function already printed with the same text.

        `shared` are buffers that may be the same memory as another one, `streams` those written past the caches.
        """
        printed = print_kernel(kernel, schedule(kernel, self.target), self.h, shared, streams)
        number = self.kernels.setdefault(printed.text, len(self.kernels))
        if number == len(self.totals):
            self.totals.append(printed.has_total)
            self.sources.append(set())
        self.sources[number].update(kernel.source)
        return number, printed

    def source_files(self, most: int = 1) -> list[str]:
        """The C files, which can be compiled at the same time: `most` of them, or fewer of a size worth a process."""
        texts = [self._kernel(text, number) for text, number in self.kernels.items()]
        bins: list[list[tuple[int, str]]] = [[] for _ in range(max(1, min(most, sum(map(len, texts)) // _FILE_BYTES)))]
        sizes = [0] * len(bins)
        for number in sorted(range(len(texts)), key=lambda k: -len(texts[k])):
            least = sizes.index(min(sizes))
            bins[least].append((number, texts[number]))
            sizes[least] += len(texts[number])
        files = ["\n".join([_HEAD, self.h.source(), "", *(text for _, text in sorted(some))]) for some in bins]
        files[0] += self._tables()
        return files

    def _kernel(self, text: str, number: int) -> str:
        origin = " ".join(sorted(self.sources[number]))
        return (f"/* {origin} */\n" if origin else "") + text.replace("$KERNEL", f"k{number}")

    def _tables(self) -> str:
        """What the loader asks for: the functions of each kernel by its number, and where the runtime is put."""
        parts = ["const lm_runtime *lm;", "LM_EXPORT void lm_attach(const lm_runtime *runtime) { lm = runtime; }"]
        for number, total in enumerate(self.totals):
            parts.append(f"void k{number}(const lm_call *call, int64_t chunk);")
            if total:
                parts.append(f"void k{number}_total(const lm_call *call, int64_t chunks);")
        kernels = ", ".join(f"k{number}" for number in range(len(self.totals)))
        totals = ", ".join(f"k{number}_total" if total else "0" for number, total in enumerate(self.totals))
        parts.append(f"LM_EXPORT const lm_kernel lm_kernels[] = {{{kernels}}};")
        parts.append(f"LM_EXPORT const lm_total lm_totals[] = {{{totals}}};")
        return "\n".join(parts) + "\n"
