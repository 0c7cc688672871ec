"""A progress bar over the steps of an epoch, by tqdm, which is an optional dependency."""

from __future__ import annotations

from typing import Any, Protocol


class Bar(Protocol):
    """What a pass does with a bar."""

    def update(self, steps: int, /) -> object:
        """So many steps further."""

    def close(self) -> object:
        """Leave the bar as it stands."""


def find_tqdm() -> Any:
    """tqdm's class for terminals and notebooks; ImportError that says how to get it."""
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "DataLoader: progress=True draws with tqdm, which is not installed: pip install tqdm, or progress=False"
        ) from error
    return tqdm


def make_bar(epoch: int, done: int, steps: int | None) -> Bar:
    """A bar that begins at `done` of `steps` (None: nobody knows)."""
    bar: Bar = find_tqdm()(total=steps, initial=done, desc=f"epoch {epoch}", unit="batch", dynamic_ncols=True)
    return bar
