"""Module: a tree of named parts with a call, hooks around it, and a state.

What belongs to a module stands in `_tree.py`, a call with hooks in `_calling.py`, the state in `_state.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from lamella.tensor import Tensor, bfloat16, empty, float16, float32, float64, preserve_format
from lamella.tensor import device as as_device
from lamella.tensor.extend import FLOAT, as_dtype, destination

from . import _state
from ._calling import call_with_hooks, compiled_call
from ._epoch import EPOCH, stamp, tick
from ._hooks import GLOBAL, NONE, HookHandle, add_hook, renumbered
from ._parameter import Parameter
from ._tree import REGISTRIES, Tree

__all__ = ["EPOCH", "Module"]

_CALL_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_LATER_HOOKS = (
    "_backward_hooks", "_backward_pre_hooks", "_state_dict_pre_hooks", "_state_dict_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


class Module(Tree):
    """Base of every layer and network: subclass it, call `super().__init__()`, assign parts as attributes, write
    `forward`.
    """

    training: bool
    _compiled: Any = None  # what runs the calls of a module that is compiled in place
    _version: int = 1  # of the layout of the module's own state
    _forward_pre_hooks: dict[int, tuple[Any, bool]]
    _forward_hooks: dict[int, tuple[Any, bool, bool]]
    # these are in an instance from the first registration on
    _backward_hooks: dict[int, tuple[Any]] = NONE
    _backward_pre_hooks: dict[int, tuple[Any]] = NONE
    _state_dict_pre_hooks: dict[int, tuple[Any]] = NONE
    _state_dict_hooks: dict[int, tuple[Any]] = NONE
    _load_state_dict_pre_hooks: dict[int, tuple[Any, bool]] = NONE
    _load_state_dict_post_hooks: dict[int, tuple[Any]] = NONE

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _transient=frozenset(),
            _forward_pre_hooks={},
            _forward_hooks={},
            _epoch=tick(),
        )

    # -- the call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(), which calling a module runs")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled is not None:
            return self._compiled(self, *args, **kwargs)
        if self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks or GLOBAL:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def compile(self, **options: Any) -> None:
        """Compile calls of this module, in place: it stays what it is, with the parts and the state_dict it has.

        `options` are those of `lamella.compiler.compile`. Copies and pickles are not compiled. ImportError naming the
        pip command where the compiler is not installed.
        """
        self.__dict__["_compiled"] = compiled_call(type(self).__name__, options)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call hook(module, args[, kwargs]) before forward; what it returns, if anything, replaces the arguments."""
        return add_hook(self, "_forward_pre_hooks", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> HookHandle:
        """Call hook(module, args[, kwargs], result) after forward.

        What it returns, if anything, replaces the result. With always_call it also runs when the call failed, with
        None for the result.
        """
        return add_hook(self, "_forward_hooks", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call hook(module, grad_output) when the gradients of the results are known.

        What it returns, if anything, replaces them: as many tensors (or None) as the module has results.
        """
        return add_hook(self, "_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call hook(module, grad_input, grad_output) when the gradients of the positional arguments are known.

        Both are tuples with None where no gradient is; what it returns, if anything, replaces grad_input. Where no
        argument requires grad, it runs when grad_output is known.
        """
        return add_hook(self, "_backward_hooks", hook, prepend)

    # -- state

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name, as tensors over the same memory (themselves with
        keep_vars).

        A plain dict, or `destination`, which also gets the versions of the modules where it can hold attributes (an
        OrderedDict), as `_metadata`.
        """
        return _state.state_of(self, {} if destination is None else destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _state.LoadResult:
        """Copy a state in, or put its own tensors in place with assign.

        RuntimeError lists all that does not fit, and nothing changes; where post-hooks may still settle what is
        missing, the rest is loaded first.
        """
        return _state.load_into(self, state_dict, strict, assign)

    def get_extra_state(self) -> Any:
        """What belongs to the state beside tensors; a module that defines it defines set_extra_state too."""
        raise RuntimeError(f"{type(self).__name__} defines no get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state gave."""
        raise RuntimeError(f"{type(self).__name__} defines no set_extra_state(), which loading its extra state needs")

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put the module's own state, without its submodules', into destination; subclasses may add to it."""
        _state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the module's own state out of state_dict; subclasses may change the names before they call this.

        Nothing is written here: what fits is noted, and written when all modules have been asked.
        """
        _state.take_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(module, prefix, keep_vars) before the module's state is taken."""
        return add_hook(self, "_state_dict_pre_hooks", hook, False)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(module, state_dict, prefix, local_metadata), which may change state_dict, after it was taken."""
        return add_hook(self, "_state_dict_hooks", hook, False)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs),
        which may change state_dict (a copy) and the lists, before the module looks for its own.
        """
        return add_hook(self, "_load_state_dict_pre_hooks", hook, False, True)

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any], with_module: bool = False) -> HookHandle:
        # the older form, without the module, which programs use
        return add_hook(self, "_load_state_dict_pre_hooks", hook, False, with_module)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(module, incompatible_keys) after the module was loaded; what it takes out of the lists
        missing_keys and unexpected_keys is no error any more.
        """
        return add_hook(self, "_load_state_dict_post_hooks", hook, False)

    # -- all at once

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module below, children first, then on this one; returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below to training behaviour (dropout, batch statistics) or back; returns self."""
        if not isinstance(mode, bool):
            raise TypeError(f"train() takes True or False, got {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let autograd follow every parameter, or none; returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or overwrite them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad = p.grad.detach().zero_()

    def _convert(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # parameters keep their identity (an optimizer holds them), buffers are replaced
        converted: dict[int, bool] = {}
        for module in self.modules() if recurse else (self,):
            changed = False
            for p in module._parameters.values():
                if p is not None:
                    if id(p) not in converted:
                        converted[id(p)] = _converted(p, fn)
                    changed = changed or converted[id(p)]
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = module.__dict__[name] = new = fn(buffer)
                    changed = changed or new is not buffer
            if changed:
                stamp(module.__dict__)
        return self

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = preserve_format,
    ) -> Self:
        """Move to a device and convert floating parameters and buffers to a floating dtype, in place; returns self.

        non_blocking permits a copy to overlap with what follows; between the devices there are, none would. A memory
        format such as channels_last is for the parameters and buffers with as many dims as it has.
        """
        dtype, place, flags = destination(args, dtype, device)
        if len(flags) > 1:
            raise TypeError(f"to() takes one bool by position, non_blocking, got {len(flags)}")
        kind = None if dtype is None else as_dtype(dtype)
        if kind is not None and kind.category < FLOAT:
            raise TypeError(f"a module can be converted to a floating dtype only, got {kind}")

        def convert(t: Tensor) -> Tensor:
            order = getattr(memory_format, "order", ())  # to() says what is wrong with what is no format
            fits = not order or len(order) == t.ndim  # other formats are for any rank
            return t.to(
                dtype=kind if t.dtype.category >= FLOAT else None,
                device=place,
                memory_format=memory_format if fits else preserve_format,
            )

        return self._convert(convert)

    def type(self, dst_type: Any) -> Self:
        """Convert every parameter and buffer, integers too, in place; returns self."""
        kind = as_dtype(dst_type)
        if kind.category < FLOAT and any(p.requires_grad for p in self.parameters()):
            raise TypeError(f"parameters that require grad are floating, they cannot become {kind}")
        return self._convert(lambda t: t.to(dtype=kind))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values: every parameter and buffer becomes fresh memory; returns self."""
        place = as_device(device)
        return self._convert(lambda t: empty(t.shape, dtype=t.dtype, device=place), recurse)

    def cpu(self) -> Self:
        """to("cpu")."""
        return self.to("cpu")

    def float(self) -> Self:
        """to(float32)."""
        return self.to(float32)

    def double(self) -> Self:
        """to(float64)."""
        return self.to(float64)

    def half(self) -> Self:
        """to(float16)."""
        return self.to(float16)

    def bfloat16(self) -> Self:
        """to(bfloat16)."""
        return self.to(bfloat16)

    def share_memory(self) -> Self:
        """Not available: NotImplementedError."""
        raise NotImplementedError(
            "the memory of a module cannot be shared with another process; "
            "send state_dict() through a file (lamella.tensor.save) or as numpy arrays"
        )

    # -- copying, printing

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in REGISTRIES:
            self.__dict__[name] = dict(state[name])  # a shallow copy has registries of its own
        for name in (*_CALL_HOOKS, *_LATER_HOOKS):
            if name in state:
                self.__dict__[name] = renumbered(state[name])
        stamp(self.__dict__)

    def extra_repr(self) -> str:
        """What stands between the parentheses of repr, beside the submodules."""
        return ""

    def _get_name(self) -> str:
        return self.__class__.__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not children and len(extra) < 2:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join([*extra, *children]) + "\n)"


def _converted(p: Parameter, fn: Callable[[Tensor], Tensor]) -> bool:
    old = p.detach()
    new = fn(old)
    if new is old:
        return False
    grad = p.grad
    p.data = new
    if grad is not None:
        p.grad = fn(grad)
    return True
