"""Whether the number that `float()` or `int()` makes just now is only returned: then nobody looks at it inside the
program, and it can stay symbolic.

The source says so: the call stands in a `return`, bare or in a list, tuple or dict, or it is assigned once to a local
name that is read only there; and the same holds for the call of that function, up to the program itself. Source that
is missing, or that does not compile to the code that runs, says nothing, and the answer is no.
"""

from __future__ import annotations

import ast
import builtins
import functools
import linecache
import sys
import types
from typing import Any

from ._code import is_analyzed

__all__ = ["goes_out"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOKING = frozenset({"locals", "vars", "eval", "exec", "dir"})


def goes_out(kind: type, outermost: types.CodeType) -> bool:
    """Whether what `kind` gives to the innermost frame of the program is only returned, up to the frame that
    `outermost` calls.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and not is_analyzed(frame.f_code.co_filename):
        frame = frame.f_back
    called: Any = None  # the frame whose result is looked at; None for the conversion itself
    while frame is not None and frame.f_code is not outermost:
        call, function, parents = _place(frame)
        if call is None or function is None:
            return False
        if not (_converts(call, kind, frame) if called is None else _calls(call, called, frame)):
            return False
        if not _only_returned(call, function, parents):
            return False
        called = frame
        frame = frame.f_back
    return frame is not None and called is not None


def _place(frame: types.FrameType) -> tuple[ast.Call | None, Any, dict[Any, Any]]:
    """The call that a frame is in, the function of the frame, and each node's parent."""
    code = frame.f_code
    tree = _parsed(code.co_filename, "".join(linecache.getlines(code.co_filename, frame.f_globals)))
    if tree is None:
        return None, None, {}
    parents, compiled = tree
    if not any(c == code for c in compiled.get((code.co_firstlineno, code.co_name), ())):
        return None, None, {}  # the source has changed, or the code was rewritten
    position = list(code.co_positions())[frame.f_lasti // 2]
    for node in parents:
        if isinstance(node, ast.Call):
            span = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            if span == position:
                return node, _function_of(node, parents), parents
    return None, None, {}


@functools.lru_cache(maxsize=64)
def _parsed(filename: str, source: str) -> Any:
    """(parent of each node, code objects by first line and name) of a source; None where it is none."""
    try:
        tree = ast.parse(source, filename)
        whole = compile(source, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    parents: dict[Any, Any] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
    compiled: dict[tuple[int, str], list[types.CodeType]] = {}
    pending = [whole]
    while pending:
        code = pending.pop()
        compiled.setdefault((code.co_firstlineno, code.co_name), []).append(code)
        pending += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return parents, compiled


def _function_of(node: Any, parents: dict[Any, Any]) -> Any:
    while node is not None and not isinstance(node, _FUNCTIONS):
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return None
        node = parents.get(node)
    return node


def _converts(call: ast.Call, kind: type, frame: types.FrameType) -> bool:
    """Whether a call is float(x) or int(x) of the builtin."""
    function = call.func
    if not isinstance(function, ast.Name) or len(call.args) != 1 or call.keywords:
        return False
    return _named(function.id, frame) is kind


def _named(name: str, frame: types.FrameType) -> Any:
    for scope in (frame.f_locals, frame.f_globals):
        if name in scope:
            return scope[name]
    return getattr(builtins, name, None)


def _calls(call: ast.Call, inner: types.FrameType, frame: types.FrameType) -> bool:
    """Whether a call enters a frame directly, with nothing between them that could look at the result."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr == inner.f_code.co_name
    if not isinstance(function, ast.Name):
        return False
    target = _named(function.id, frame)
    target = getattr(target, "__func__", target)
    if isinstance(target, types.FunctionType):
        return target.__code__ is inner.f_code
    entered = type(target).__call__
    return isinstance(entered, types.FunctionType) and entered.__code__ is inner.f_code


def _only_returned(call: ast.Call, function: Any, parents: dict[Any, Any]) -> bool:
    if _is_returned(call, function, parents):
        return True
    parent = parents[call]
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        target = parent.targets[0]
    elif isinstance(parent, ast.AnnAssign) and isinstance(parent.target, ast.Name):
        target = parent.target
    else:
        return False
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and target.id in node.names:
            return False
        if isinstance(node, ast.arg) and node.arg == target.id:
            return False
        if isinstance(node, ast.Name) and node.id in _LOOKING:
            return False
        if isinstance(node, ast.Name) and node.id == target.id and node is not target:
            if not isinstance(node.ctx, ast.Load) or _function_of(node, parents) is not function:
                return False
            if not _is_returned(node, function, parents):
                return False
    return True


def _is_returned(node: Any, function: Any, parents: dict[Any, Any]) -> bool:
    """Whether an expression is a return value of the function, or stands in one, untouched."""
    parent = parents[node]
    while True:
        if isinstance(parent, ast.Return):
            return _function_of(parent, parents) is function
        if parent is function and isinstance(parent, ast.Lambda):
            return node is parent.body
        if isinstance(parent, ast.Dict):
            if node not in parent.values or None in parent.keys:
                return False
        elif isinstance(parent, ast.IfExp):
            if node is parent.test:
                return False
        elif not isinstance(parent, (ast.Tuple, ast.List)):
            return False
        node, parent = parent, parents[parent]
