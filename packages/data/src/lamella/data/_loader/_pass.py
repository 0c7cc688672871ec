"""One pass over an epoch: fetched batches become Tensors, and the loader learns how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, final

from lamella.data._collate import to_tensors
from lamella.data._loader._fetch import Partial, Skipped
from lamella.data._loader._progress import Bar
from lamella.data._loader._source import Fetched, Source
from lamella.data._loader._stall import StallClock
from lamella.data._loader._state import Place


@final
class Pass(Iterator[Any]):
    """An iterator over the rest of an epoch. Dropped or closed early, it ends its workers."""

    def __init__(
        self,
        source: Source,
        place: Place,
        *,
        convert: bool,
        pin: Callable[[Any], Any] | None,
        clock: StallClock,
        bar: Bar | None,
        on_skip: Callable[[tuple[Skipped, ...], Fetched, bool], None],
        on_end: Callable[[Place], None],
    ) -> None:
        if convert:
            import lamella.tensor  # noqa: F401  (loaded here, and not in the time of the first batch)
        self._source = source
        self._place = place
        self._convert = convert
        self._pin = pin
        self._clock = clock
        self._bar = bar
        self._on_skip = on_skip
        self._on_end = on_end
        self._interrupted = False
        self._returned = 0.0  # when the loop got its last batch; 0: it has none
        self._closed = False

    def __next__(self) -> Any:
        if self._interrupted:
            raise RuntimeError("DataLoader: this pass was interrupted, and its workers ended; begin another")
        if self._closed:
            raise StopIteration
        asked = perf_counter()
        try:
            fetched, batch = self._next_batch()
        except StopIteration:
            self.close()
            self._on_end(self._place)
            raise
        except Exception:
            raise  # of one batch: the pass goes on behind it
        except BaseException:
            self._interrupted = True
            self.close()  # Ctrl-C: workers end now
            raise
        self._give(fetched)
        if self._bar is not None:
            self._bar.update(1)
        now = perf_counter()
        computed = asked - self._returned if self._returned else 0.0
        self._clock.add(now - asked, now - asked + computed, fetched.timings)
        self._returned = now
        return batch

    def _next_batch(self) -> tuple[Fetched, Any]:
        while True:
            fetched = next(self._source)
            batch = fetched.batch
            if type(batch) is Partial:
                self._on_skip(batch.skipped, fetched, batch.empty)
                if batch.empty:
                    self._give(fetched)
                    continue
                batch = batch.batch
            if not self._convert and self._pin is None:
                return fetched, batch
            began = perf_counter()
            try:
                if self._pin is not None:
                    batch = self._pin(batch)
                if self._convert:
                    batch = to_tensors(batch)
            except Exception as error:
                error.add_note(f"in batch {fetched.step} of epoch {self._place.epoch}")
                raise
            fetched.timings.copy += perf_counter() - began
            return fetched, batch

    def _give(self, fetched: Fetched) -> None:
        progress = self._place.progress
        for step, position in fetched.failed:
            progress.give(step, position)
        progress.give(fetched.step, fetched.position, fetched.state)

    def close(self) -> None:
        """End the pass and its workers; may be called again."""
        self._closed = True
        self._source.close()
        if self._bar is not None:
            self._bar.close()

    def __del__(self) -> None:
        if hasattr(self, "_closed"):  # the constructor came to its end
            self.close()
