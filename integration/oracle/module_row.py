"""What a row of the modules' table says: a constructor both libraries can evaluate, and the inputs of a call."""

from __future__ import annotations

from dataclasses import dataclass

from integration.oracle.inputs import In

__all__ = ["ModuleRow"]


@dataclass(frozen=True)
class ModuleRow:
    """`text` builds the module m, `call` calls it on the inputs xs; both see `nn` and `lib` of one library.

    Modules that draw random numbers in a call are given with `train=False`, or with a probability of 0.
    """

    text: str
    inputs: tuple[In, ...]
    call: str = "m(*xs)"
    train: bool = True
    dtypes: tuple[str, ...] = ("float64", "float32")
    same_repr: bool = True  # False needs a comment that says why

    @property
    def name(self) -> str:
        """Unique name of the row."""
        shapes = " ".join("x".join(map(str, one.shape)) for one in self.inputs)
        call = "" if self.call == "m(*xs)" else f" {self.call}"
        return f"{self.text} {shapes}{call}{'' if self.train else ' eval'}"
