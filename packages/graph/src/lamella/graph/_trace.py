"""The open trace: every op and creation of its thread becomes a node, and everything it does to older objects is
undone.

A traced tensor has a `MetaArray` and no memory. One map, from storage object to its current SSA value, is the
functionalization: a write rebinds it, a view whose version lags is replayed from its base. What the trace meets and
did not make is an input; what it changed in older objects (memory, `.grad`, numbers, generator offsets) is an effect.
First-seen logs serve effects and undo alike: after `undo` nothing outside has changed, whether the trace succeeded or
raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

from lamella.tensor import Tensor
from lamella.tensor.extend import (
    LEVEL,
    OPS,
    TRACED,
    VIEW,
    MetaArray,
    Op,
    describe,
    from_numpy_dtype,
    rule,
    set_edge,
    user_location,
    wrap,
    wrap_outputs,
)  # fmt: skip

from ._errors import CaptureError
from ._graph import Value
from ._infer import as_type
from ._layouts import Kept, Layouts
from ._polynomial import Polynomial
from ._size_values import SizeValues
from ._sizes import Size, Sizes, plain
from ._trace_numbers import TracedNumbers, source_line
from ._types import TensorType

__all__ = ["Trace"]


class Trace(TracedNumbers):
    """One open trace; the capture layer opens it, reads what it found, and closes it."""

    def __init__(self, name: str, parent: Trace | None = None) -> None:
        super().__init__(name, parent)
        self.parent: Trace | None = parent
        self.sizes: Sizes = Sizes() if parent is None else parent.sizes
        self._size_values = SizeValues(self.builder)
        self._line: tuple[str, int] | None = None
        self._regions = 0
        # id(storage) -> (SSA value, version of the cell for a view, storage kept alive)
        self._values: dict[int, tuple[Value, int, Any]] = {}
        self._layouts: Layouts = Layouts() if parent is None else parent._layouts
        # id(storage that may be a view or a copy) -> (the storage, its like over the same memory)
        self._either: dict[int, tuple[Any, list[Any]]] = {}
        self._sharing: dict[int, list[Any]] = {}  # id(root storage) -> storages that may or may not share its memory
        self._stale: dict[int, Any] = {}
        self._roots: dict[int, Any] = {}
        self.tensors: list[tuple[Tensor, Value]] = []
        self.views: dict[int, Tensor] = {}  # older views that were read through their base
        self.residuals: list[tuple[Value, Value]] = []  # (value of the parent trace, our input)
        self._taken: dict[Value, Value] = {}  # the same, to look up
        # what was read of the parent trace: value, version cell, whether it may be a view or a copy of its source
        self.saved: list[tuple[Value, Any, bool]] = []
        self.written: dict[int, Tensor] = {}
        self.grads: dict[int, list[Any]] = {}  # id(leaf) -> [leaf, entry value, current, whether the entry was read]
        self._cells: dict[int, tuple[Any, int, Any]] = {}
        self._edges: dict[int, tuple[Tensor, Any, Any, int, tuple[str, int] | None]] = {}
        self.constants: list[Tensor] = []
        self.arrays: list[tuple[Any, Any]] = []  # numpy arrays that became constants, and what they held
        self.knows_array: Callable[[Any], bool] = lambda _: False  # whether the capture layer can fetch one again
        self.marks: Any = None  # of a traced backward: what is told of each rule that runs
        self.leaves: list[Any] = []  # leaves of autograd that the program made
        self.made: list[tuple[Any, Any]] = []  # (weak reference to a traced tensor, where it was made)

    # -- ops

    def record(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """One op on traced or concrete tensors: a node, and traced tensors for its outputs."""
        if op.name in ("alias", "detach"):
            t = args[0]
            self.value_of(t)
            return self._traced(wrap_outputs(op, args, params, t._data), t._data)
        values = tuple([self._operand(a) for a in args])
        metas = [_meta(a._data) if isinstance(a, Tensor) else a for a in args]
        out = rule(op, "shape")(*metas, **params)
        several = type(out) is tuple
        outs = out if several else (out,)
        self._line = source_line()
        kept = None
        if op.spec == "view":
            kept = self._layouts.viewed(op, args[0], params, out, bool(self.sizes.hints))
            if kept is Kept.COPY:
                values = (self.value_of(self.record(OPS["copy"], args, {})),)
        settled = {name: plain(value) for name, value in params.items()} if self.sizes.hints else params
        made = self.builder.add(op, values, settled, [as_type(o) for o in outs], self.region, self._line)
        if several:
            # a shape rule may hand out one meta for two outputs: values are told apart by their storage
            outs = tuple([MetaArray(o.shape, o.dtype) for o in outs])
        for o, v in zip(outs, made, strict=True):
            self._values[id(o)] = (v, 0, o)
            if kept is None:
                self._layouts.made(op, args, o)
        if several:
            return tuple([self._traced(wrap(o), o) for o in outs])
        if kept is Kept.EITHER:
            self._may_share(args[0], out)
        if kept is Kept.EITHER or kept is Kept.COPY:
            return self._traced(wrap(out), out)
        if kept is Kept.VIEW and id(args[0]._data) in self._either:
            self._may_share(args[0], out)
        t = self._traced(wrap_outputs(op, args, params, out), out)
        if t._flags & VIEW:
            self._values[id(out)] = (made[0], t._cell.version, out)
        return t

    def _traced(self, t: Any, data: Any) -> Any:
        if type(data) is MetaArray:
            t._flags = (t._flags & VIEW) | TRACED
            self.made.append((ref(t), self._line))
        return t

    def _may_share(self, t: Tensor, out: Any) -> None:
        """`out` is a view of t or a copy, as the layout will have it: it must not be written, nor read after a write
        to t's memory.
        """
        root = t._view.base if t._view is not None else t
        found = self._either.get(id(t._data))
        alike = self._sharing.setdefault(id(root._data), []) if found is None else found[1]
        self._either[id(out)] = (out, alike)
        alike.append(out)

    def value_of(self, t: Tensor) -> Value:
        """The SSA value that a tensor has now."""
        data = t._data
        entry = self._values.get(id(data))
        self._refuse_stale(data)
        view = t._view
        if view is not None and t._cell is not None:
            if entry is not None and entry[1] == t._cell.version:
                return entry[0]
            if view.base._data is not data and not self._own_root(t):
                value = self._replayed(t)
                self._values[id(data)] = (value, t._cell.version, data)
                if type(data) is not MetaArray:
                    self.views[id(t)] = t
                return value
        if entry is not None:
            return entry[0]
        if t._flags & LEVEL:
            raise CaptureError("a tensor of an open transform reached the bottom of a capture")
        if self.parent is not None:
            found = self.parent._values.get(id(data))
            if found is not None:
                value = self._residual(found[0])
                self._values[id(data)] = (value, 0, data)
                self.saved.append((found[0], t._cell, id(data) in self.parent._either))
                return value
        if type(data) is MetaArray:
            raise CaptureError("a tensor of another capture, or of the meta device, was used in this one")
        if not hasattr(data, "flags"):
            raise CaptureError(
                f"a tensor with {data.kind!r} storage cannot be an input of a captured program; use .dense()"
            )
        value = self.builder.input(
            TensorType(from_numpy_dtype(data.dtype), plain(tuple(data.shape))), f"input {len(self.tensors)}"
        )
        self.tensors.append((t, value))
        self._values[id(data)] = (value, 0, data)
        return value

    def _residual(self, theirs: Value) -> Value:
        """Our input for a value of the parent trace."""
        ours = self._taken.get(theirs)
        if ours is None:
            ours = self._taken[theirs] = self.builder.input(theirs.type, f"residual %{theirs.id}")
            self.residuals.append((theirs, ours))
        return ours

    def _own_root(self, t: Tensor) -> bool:
        """Whether a view that is older than the trace is an input by itself: its base has not been met, and may not
        even be reachable.
        """
        data = t._data
        if type(data) is MetaArray or id(data) in self._roots:
            return type(data) is not MetaArray
        if id(t._view.base._data) in self._values:  # type: ignore[union-attr]
            return False
        self._roots[id(data)] = data
        return True

    def _replayed(self, t: Tensor) -> Value:
        value = self.value_of(t._view.base)  # type: ignore[union-attr]
        for name, param in t._view.chain:  # type: ignore[union-attr]
            if name in ("alias", "detach"):
                continue
            op = OPS[name]
            params = {op.params[0]: param} if op.params else {}
            out = rule(op, "shape")(self._meta_of(value.type), **params)
            params = {key: plain(value) for key, value in params.items()}
            value = self.builder.add(op, (value,), params, [as_type(out)], self.region, source_line())[0]
        return value

    def _meta_of(self, type_: Any) -> MetaArray:
        shape = tuple([self.sizes.of(n) if type(n) is Polynomial else n for n in type_.shape])
        return MetaArray(shape, type_.dtype.numpy)

    def size_value(self, size: Size) -> Any:
        """A size of the trace as a host scalar."""
        return self._size_values.of(size.polynomial)

    def same(self, view: Tensor, fresh: Tensor) -> None:
        """A stale view was replayed as `fresh`: its storage stands for that value from now on."""
        self._note(view)
        if type(view._data) is not MetaArray and view._view.base._data is not view._data:  # type: ignore[union-attr]
            self.views[id(view)] = view
        self._values[id(view._data)] = (self.value_of(fresh), view._cell.version, view._data)  # type: ignore[union-attr]

    def contiguous(self, t: Tensor) -> Tensor:
        """Tensor.contiguous: itself where that is certain; else a copy, near which writes are refused."""
        if self._layouts.is_row_major(t):
            return t
        out = t.clone()
        if type(t._data) is MetaArray and not self._layouts.is_copied(t):
            self._may_share(t, out._data)
        return out

    def placeholder(self, meta: MetaArray) -> Tensor:
        """A traced tensor that is an input of its own, such as a cotangent."""
        value = self.builder.input(as_type(meta), "placeholder")
        data = MetaArray(meta.shape, meta.dtype)
        self._values[id(data)] = (value, 0, data)
        return self._traced(wrap(data), data)  # type: ignore[no-any-return]

    def constant(self, t: Tensor) -> Tensor:
        """A tensor made of Python values while tracing: kept as a constant input, read through a copy that may be
        written.
        """
        if self.parent is not None:
            return self.parent.constant(t)
        value = self.builder.input(TensorType(from_numpy_dtype(t._data.dtype), tuple(t._data.shape)), "constant")
        self._values[id(t._data)] = (value, 0, t._data)
        self.tensors.append((t, value))
        self.constants.append(t)
        out: Tensor = self.record(OPS["copy"], (t,), {})
        return out

    def of_array(self, array: Any) -> Tensor:
        """A tensor over a numpy array: one that is older is fetched again at each call, one that the program makes
        says what the guarded state says, and is a constant.
        """
        if self.parent is not None:
            return self.parent.of_array(array)
        if self.knows_array(array):
            return wrap(array)
        kept = array.copy()
        self.arrays.append((array, kept))
        return self.constant(wrap(kept))

    def check_arrays(self) -> None:
        """CaptureError where an array changed after it had become a constant."""
        for array, kept in self.arrays:
            if array.tobytes() != kept.tobytes():
                raise CaptureError(
                    f"the program changed a numpy array of shape {array.shape} after it had made a tensor of it, which "
                    "a replay cannot repeat; make the tensor when the array is finished"
                )

    def forced(self, t: Tensor, why: str) -> None:
        """Real values were asked for: refused, naming the line."""
        raise self.needs_values(why)

    # -- writes

    def write(self, t: Tensor, value: Tensor) -> None:
        """Rebind what t's memory stands for; the memory itself changes only at commit."""
        view = t._view
        new = self.value_of(value)
        self.value_of(t)
        if view is not None and id(t._data) in self._roots:
            view = None
        root = view.base if view is not None else t
        self._note(root)
        self._note(t)
        for x in (t, root):
            if id(x._data) in self._either:
                raise self._unclear_error("written")
        for out in self._sharing.get(id(root._data), ()):
            self._stale[id(out)] = out
        old = self.value_of(root)
        if view is not None and view.base._data is not t._data:
            chain = tuple(step for step in view.chain if step[0] not in ("alias", "detach"))
            if chain:
                new = self.builder.add(
                    OPS["view_write"], (old, new), {"chain": plain(chain)}, [old.type], self.region, source_line()
                )[0]
        if type(root._data) is not MetaArray:
            self.written[id(root._data)] = root
        self._values[id(root._data)] = (new, 0, root._data)

    def _refuse_stale(self, data: Any) -> None:
        """CaptureError for a storage that is a view or a copy of memory written since, here or around here."""
        trace: Trace | None = self
        while trace is not None:
            if trace._stale and id(data) in trace._stale:
                raise self._unclear_error("read, or saved for backward, after a write to the memory it was made from")
            trace = trace.parent

    @staticmethod
    def _unclear_error(what: str) -> CaptureError:
        return CaptureError(
            f"a reshape (or contiguous()) of a tensor that is not row-major is {what} at "
            f"{describe(user_location(2))}: whether it is a view "
            f"or a copy depends on the layout; call .clone() before it"
        )

    def _note(self, t: Tensor) -> None:
        """Remember what undo has to put back."""
        if type(t._data) is MetaArray:
            return
        cell = t._cell
        if cell is not None and id(cell) not in self._cells:
            self._cells[id(cell)] = (cell, cell.version, cell.writer)
        if id(t) not in self._edges:
            self._edges[id(t)] = (t, t._edge, t._view, t._flags, source_line())

    # -- gradients

    def read_grad(self, leaf: Any) -> Any:
        """`.grad` of a leaf as the program sees it; reading it at entry guards whether it is None."""
        entry = self.grads.get(id(leaf))
        if entry is None:
            entry = self.grads[id(leaf)] = [leaf, leaf.grad, leaf.grad, True]
        return entry[2]

    def write_grad(self, leaf: Any, value: Any) -> None:
        """Assign `.grad` of a leaf: an effect; writing without reading guards nothing."""
        entry = self.grads.get(id(leaf))
        if entry is None:
            entry = self.grads[id(leaf)] = [leaf, leaf.grad, None, False]
        entry[2] = value

    # -- regions

    def function(self, name: str, fn: Any, metas: Any) -> Any:
        """The graph of a step of a composite's loop; see `trace_function`."""
        from ._body import trace_function  # which is made of traces

        return trace_function(name, fn, metas)

    def new_region(self) -> int:
        """Open a recomputed region, returning the one that was open; CSE keeps regions apart."""
        old = self.region
        self._regions += 1
        self.region = self._regions
        return old

    # -- the end

    def rewired(self) -> list[tuple[Tensor, tuple[str, int] | None]]:
        """Older tensors that the program gave another history, with the line that wrote them first."""
        return [
            (t, line) for t, edge, _, _, line in self._edges.values() if t._edge is not edge and t._edge is not None
        ]

    def undo(self) -> None:
        """Put back every edge and version of older tensors that the trace changed."""
        for cell, version, writer in self._cells.values():
            cell.version = version
            cell.writer = writer
        for t, edge, view, flags, _ in self._edges.values():
            set_edge(t, edge)
            t._flags = flags
            t._view = view
            if view is not None:
                # what it was brought up to is undone: no version of its cell stands for that
                view.version = -1


def _meta(data: Any) -> MetaArray:
    return data if type(data) is MetaArray else MetaArray(tuple(data.shape), data.dtype)


def _type_meta(type_: Any) -> MetaArray:
    return MetaArray(type_.shape, type_.dtype.numpy)
