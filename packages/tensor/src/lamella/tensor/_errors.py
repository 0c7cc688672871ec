"""The error of a file, apart from the code that reads one: importing it costs nothing."""

from __future__ import annotations

__all__ = ["FileFormatError"]

DAMAGED = "the file is damaged or was not written by save(): load another copy of it"


class FileFormatError(ValueError):
    """A file that cannot be loaded: which (`source`), what is wrong with it (`problem`), and what to do (`advice`)."""

    def __init__(self, source: str, problem: str, advice: str = DAMAGED) -> None:
        super().__init__(source, problem, advice)
        self.source = source
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}; {self.advice}"
