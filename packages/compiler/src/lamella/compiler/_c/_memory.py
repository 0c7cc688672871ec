"""Loads, stores and row-local buffers in C: addresses, vectors and single elements, and fetching ahead."""

from __future__ import annotations

from lamella.compiler._c._text import Scope, Text
from lamella.compiler._c._values import Val
from lamella.compiler._kernel import Level, Load, Position, Stage, Store, Update
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._schedule import stage_work


class Memory:
    """Prints every access of one kernel to memory."""

    def __init__(self, text: Text, streams: frozenset[int]) -> None:
        self.text, self.streams = text, streams
        self._positions: dict[Position, list[str]] = {}
        self._indirect: dict[tuple[Position, int], str] = {}

    def fetch_ahead(self, scope: Scope, stage: Stage) -> None:
        """Fetch the next row's inputs from the longest stage, into the second cache: the first one is in use."""
        if not self.text.plan.prefetch or not stage.level.in_grid or self.streams:  # which use the same few buffers
            return
        stages = [s for s in self.text.kernel.stages if s.level is Level.INNER]
        row = len(self.text.kernel.grid) - 1
        if stage is max(stages[1:] or stages, key=stage_work):
            done = set()
            for earlier in stages:
                for instr in earlier.body:
                    if isinstance(instr, Load) and instr.buffer not in done and self._streams(instr, row):
                        done.add(instr.buffer)
                        rows = "" if self.text.plan.abreast == 1 else f"{self.text.plan.abreast} * "
                        step = f"{rows}{self._stride_names(instr.position)[row]}"
                        next_row = f"{self._address(scope, instr.position)} + {step}"
                        self.text.put(scope, f"__builtin_prefetch(b{instr.buffer} + {next_row}, 0, 2);")

    def _streams(self, load: Load, row: int) -> bool:
        position = load.position
        plain = not self.text.kernel.buffers[load.buffer].output and load.mask is None and not position.indirect
        return plain and self.text.vector_stride(position) == 1 and position.strides[row] > 1

    def local(self, scope: Scope, local: int) -> str:
        point = self.text.inner_position(scope)
        if self.text.plan.vector == "grid" and scope.lanes > 1:
            return f"t{local} + ({point}) * {scope.lanes}"
        row = f"{self.text.row} * points + " if self.text.row else ""
        return f"t{local} + {row}{point}"

    def _address(self, scope: Scope, position: Position) -> str:
        """The element number where it is the same for all lanes, but for steps along the vector axis."""
        text = self._affine(scope, position)
        for value, stride in position.indirect if not self._scattered(scope, position) else ():
            step = self._indirect_stride(position, value, stride)
            text += f" + {scope.env[value].text}" + ("" if step == "1" else f" * {step}")
        return text

    def _affine(self, scope: Scope, position: Position) -> str:
        key = position
        strides = self._stride_names(key)
        terms = [strides[-1]] if position.offset else []
        for axis, stride in enumerate(strides[:-1]):
            if position.strides[axis]:
                name = self.text.axis_name(scope, axis)
                terms.append(name if stride == "1" else f"{name} * {stride}")
        return " + ".join(terms) or "0"

    def _stride_names(self, position: Position) -> list[str]:
        names = self._positions.get(position)
        if names is None:
            names = [self.text.stride(s) for s in position.strides] + [self.text.stride(position.offset)]
            self._positions[position] = names
        return names

    def load(self, scope: Scope, instr: Load) -> None:
        dtype = self.text.kernel.buffers[instr.buffer].dtype
        h, step = self.text.h, self.text.vector_stride(instr.position)
        mask = None if instr.mask is None else scope.env[instr.mask]
        scattered, guarded = self._scattered(scope, instr.position), mask is not None and mask.lanes > 1
        lanes = scope.lanes if step or scattered or guarded else 1
        at = f"b{instr.buffer} + {self._address(scope, instr.position)}"
        if lanes == 1 or (step == 1 and not scattered and not guarded):
            text = f"{h.call('ld', dtype, lanes)}({at})"
            if mask is not None:
                text = f"{h.call('ldu', dtype, lanes)}({at}, {mask.text})"
        elif step == 1 and not scattered:
            text = f"{h.call('ldm', dtype, lanes)}({at}, {self._mask(scope, instr.mask)})"
        elif mask is None and not scattered:
            stride = self._stride_names(instr.position)[self.text.axis()]
            text = f"{h.call('lds', dtype, lanes)}({at}, {stride})"
        elif mask is None:
            text = f"{h.call('ldi', dtype, lanes)}(b{instr.buffer}, {self._offsets(scope, instr.position)})"
        else:
            offsets = self._offsets(scope, instr.position)
            text = f"{h.call('ldat', dtype, lanes)}(b{instr.buffer}, {offsets}, {self._mask(scope, instr.mask)})"
        self.text.name(scope, instr.out, Val(text, lanes, 1 if dtype == "bool" and lanes > 1 else 0))

    def _scattered(self, scope: Scope, position: Position) -> bool:
        """Whether the lanes have indices of their own."""
        return any(scope.env[value].lanes > 1 for value, _ in position.indirect)

    def _mask(self, scope: Scope, mask: int | None) -> str:
        return self.text.values.mask(Val("1") if mask is None else scope.env[mask], 1, scope.lanes)

    def _offsets(self, scope: Scope, position: Position) -> str:
        """The element number of every lane."""
        lanes, h = scope.lanes, self.text.h
        offset = f"{h.call('splat', 'i64', lanes)}({self._affine(scope, position)})"
        if self.text.vector_stride(position):
            stride = self._stride_names(position)[self.text.axis()]
            steps = ", ".join(str(lane) for lane in range(lanes))
            offset += f" + ({h.type('i64', lanes)}){{{steps}}} * {stride}"
        for value, stride_value in position.indirect:
            step = self._indirect_stride(position, value, stride_value)
            offset += f" + {self.text.values.vector(scope.env[value], 'i64', lanes)} * {step}"
        return offset

    def _indirect_stride(self, position: Position, value: int, stride: int) -> str:
        key = (position, value)
        if key not in self._indirect:
            self._indirect[key] = self.text.stride(stride)
        return self._indirect[key]

    def store(self, scope: Scope, instr: Store) -> None:
        dtype = self.text.kernel.buffers[instr.buffer].dtype
        step = self.text.vector_stride(instr.position)
        address = f"b{instr.buffer} + {self._address(scope, instr.position)}"
        value = self.text.operand(scope, instr.value)
        if scope.lanes == 1:
            text = f"{self.text.h.call('st', dtype, 1)}({address}, {value});"
            if instr.mask is not None:
                text = f"if ({scope.env[instr.mask].text}) {text}"
        elif instr.mask is not None:
            stride = self._stride_names(instr.position)[self.text.axis()]
            mask = self.text.values.mask(scope.env[instr.mask], 1, scope.lanes)
            text = f"{self.text.h.call('stm', dtype, scope.lanes)}({address}, {stride}, {mask}, {value});"
        elif step != 1:
            stride = self._stride_names(instr.position)[self.text.axis()]
            text = f"{self.text.h.call('sts', dtype, scope.lanes)}({address}, {stride}, {value});"
        else:
            name = "stream" if instr.buffer in self.streams else "st"
            text = f"{self.text.h.call(name, dtype, scope.lanes)}({address}, {value});"
        self.text.put(scope, text)

    def update(self, scope: Scope, instr: Update) -> None:
        """Read, combine, write; lanes that may hit any element go one by one."""
        dtype = self.text.kernel.buffers[instr.buffer].dtype
        h, value = self.text.h, self.text.operand(scope, instr.value)
        mask = None if instr.mask is None else scope.env[instr.mask]
        uniform = not self._scattered(scope, instr.position) and (mask is None or mask.lanes == 1)
        lanes = scope.lanes
        if lanes == 1 or (uniform and self.text.vector_stride(instr.position) == 1):
            at = f"b{instr.buffer} + {self._address(scope, instr.position)}"
            pair = h.combine(instr.combiner, value_type(dtype), lanes, f"{h.call('ld', dtype, lanes)}({at})", value)
            guard = "" if mask is None else f"if ({mask.text}) "
            self.text.put(scope, f"{guard}{h.call('st', dtype, lanes)}({at}, {pair});")
            return
        name = h.call(f"upd_{instr.combiner}", dtype, lanes)
        offsets = self._offsets(scope, instr.position)
        self.text.put(scope, f"{name}(b{instr.buffer}, {offsets}, {self._mask(scope, instr.mask)}, {value});")
