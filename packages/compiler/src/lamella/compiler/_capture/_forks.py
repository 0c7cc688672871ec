"""Where a program looks at a number that a tensor holds, it forks: what a capture records holds for that answer.

The real memory does not change while a program is traced, so the answer is computed on the spot, by the interpreter,
from what has been traced so far; or it is known from a run that went a way nobody has captured. Refused: loops that
fork again and again at one line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lamella.graph import CaptureError, Graph, Trace, Value, bound, dce, interpret
from lamella.tensor.extend import describe, user_location

from ._dynamic import array_of

__all__ = ["ADVICE", "Fork", "Forks", "key_of"]

_AT_ONE_LINE = 8
ADVICE = "use cond, while_loop or scan of lamella.autograd, or where, so that it stays one program"


class Fork(NamedTuple):
    """One fork of a path: the number looked at, as what (None: as it is), the answer, how many nodes stood before it,
    and the line.
    """

    value: Value
    kind: type | None
    answer: Any
    nodes: int
    place: str

    @property
    def key(self) -> Any:
        """What tells answers apart."""
        return key_of(self.answer)


def key_of(answer: Any) -> tuple[type, Any]:
    """Type and value, where NaN equals NaN and the signs of zeros count."""
    return type(answer), answer.hex() if type(answer) is float else answer


class Forks:
    """Steers one trace: what each fork was answered, in order."""

    def __init__(self, known: Sequence[Any], is_returned: Callable[[type], bool]) -> None:
        self.path: list[Fork] = []
        self._known = known
        self._is_returned = is_returned

    def goes_out(self, kind: type) -> bool:
        """Whether the number being made is only returned."""
        return self._is_returned(kind)

    def fork(self, trace: Trace, value: Value, kind: type | None, why: str) -> Any:
        """The answer; CaptureError where one line asks more than 8 times."""
        for fork in self.path:
            if fork.value is value and fork.kind is kind:
                return fork.answer
        place = describe(user_location(2))
        if sum(fork.place == place for fork in self.path) >= _AT_ONE_LINE:
            raise CaptureError(
                f"{why} at {place} asks for the values of tensors more than {_AT_ONE_LINE} times in one call, and each "
                f"answer would be a program of its own; {ADVICE}",
                place,
            )
        at = len(self.path)
        answer = self._known[at] if at < len(self._known) else converted(evaluate(trace, value), kind)
        self.path.append(Fork(value, kind, answer, trace.builder.size, place))
        return answer


def converted(number: Any, kind: type | None) -> Any:
    """What the program sees of a number."""
    return number if kind is None else kind(number)


def evaluate(trace: Trace, value: Value) -> Any:
    """The number that a value of an open trace has in this call."""
    given: dict[Value, Any] = {v: array_of(t._data) for t, v in trace.tensors}
    given |= {v: before for _, _, before, v, _ in trace.numbers.values() if v is not None}
    given |= dict(trace.given_numbers)
    for generator, seed, offset, _ in trace.generators.values():
        given |= {seed.value: seed.hint, offset: generator.get_state()["offset"]}
    graph = dce(trace.builder.build([value]))
    used = {value, *(a for node in graph.nodes for a in node.args if type(a) is Value)}
    inputs = [v for v in graph.inputs if v in used]
    graph = bound(Graph(graph.name, inputs, graph.nodes, [value]), dict(trace.sizes.hints))
    [number] = interpret(graph)([given[v] for v in inputs])
    return number
