"""Loads, stores and row-local buffers in C: addresses, vectors and single elements, and fetching ahead."""

from __future__ import annotations

from lamella.compiler._c._text import Scope, Text
from lamella.compiler._c._values import Val
from lamella.compiler._kernel import Level, Load, Position, Stage, Store
from lamella.compiler._schedule import stage_work


class Memory:
    """Prints every access of one kernel to memory."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._positions: dict[Position, list[str]] = {}
        self._indirect: dict[tuple[Position, int], str] = {}

    def fetch_ahead(self, scope: Scope, stage: Stage) -> None:
        """Fetch the next row's inputs from the longest stage, and the lines later stages will write from the first."""
        if not self.text.plan.prefetch or not stage.level.in_grid:
            return
        stages = [s for s in self.text.kernel.stages if s.level is Level.INNER]
        row = len(self.text.kernel.grid) - 1
        if stage is stages[0]:
            for later in stages[1:]:
                for instr in later.body:
                    if isinstance(instr, Store) and self.text.vector_stride(instr.position) == 1:
                        address = f"b{instr.buffer} + {self._address(scope, instr.position)}"
                        self.text.put(scope, f"__builtin_prefetch({address}, 1);")
        if stage is max(stages[1:], key=stage_work):
            done = set()
            for earlier in stages:
                for instr in earlier.body:
                    if isinstance(instr, Load) and instr.buffer not in done and self._streams(instr, row):
                        done.add(instr.buffer)
                        next_row = f"{self._address(scope, instr.position)} + {self._stride_names(instr.position)[row]}"
                        self.text.put(scope, f"__builtin_prefetch(b{instr.buffer} + {next_row});")

    def _streams(self, load: Load, row: int) -> bool:
        position = load.position
        plain = not self.text.kernel.buffers[load.buffer].output and load.mask is None and not position.indirect
        return plain and self.text.vector_stride(position) == 1 and position.strides[row] > 1

    def local(self, scope: Scope, local: int) -> str:
        point = self.text.inner_position(scope)
        if self.text.plan.vector == "grid" and scope.lanes > 1:
            return f"t{local} + ({point}) * {scope.lanes}"
        return f"t{local} + {point}"

    def _address(self, scope: Scope, position: Position) -> str:
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
        address = self._address(scope, instr.position)
        step = self.text.vector_stride(instr.position)
        env, base = scope.env, f"b{instr.buffer}"
        varying = scope.lanes > 1 and (
            step != 0
            or any(env[v].lanes > 1 for v, _ in instr.position.indirect)
            or (instr.mask is not None and env[instr.mask].lanes > 1)
        )
        lanes = scope.lanes if varying else 1
        mask = 1 if dtype == "bool" and lanes > 1 else 0
        if instr.position.indirect or instr.mask is not None:
            text = self._load_at(scope, instr, address, step, lanes)
        elif lanes > 1 and step != 1:
            stride = self._stride_names(instr.position)[self.text.axis()]
            text = f"{self.text.h.call('lds', dtype, lanes)}({base} + {address}, {stride})"
        else:
            text = f"{self.text.h.call('ld', dtype, lanes)}({base} + {address})"
        self.text.name(scope, instr.out, Val(text, lanes, mask))

    def _load_at(self, scope: Scope, instr: Load, address: str, step: int, lanes: int) -> str:
        env, kind = scope.env, self.text.kernel.buffers[instr.buffer].dtype
        offset = f"({address})"
        if lanes > 1:
            offset = f"{self.text.h.call('splat', 'i64', lanes)}({address})"
            if step:
                stride = self._stride_names(instr.position)[self.text.axis()]
                steps = ", ".join(str(lane) for lane in range(lanes))
                offset += f" + ({self.text.h.type('i64', lanes)}){{{steps}}} * {stride}"
        for value, stride_value in instr.position.indirect:
            step_text = self._indirect_stride(instr.position, value, stride_value)
            offset += f" + {self.text.values.vector(env[value], 'i64', lanes)} * {step_text}"
        guard = Val("1") if instr.mask is None else env[instr.mask]
        mask = self.text.values.mask(guard, 1, lanes)
        return f"{self.text.h.call('ldat', kind, lanes)}(b{instr.buffer}, {offset}, {mask})"

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
            text = f"{self.text.h.call('st', dtype, scope.lanes)}({address}, {value});"
        self.text.put(scope, text)
