"""Images on disk: a process that compiles a graph which one before it has compiled neither lowers nor prints it.

An image is kept under a key made of all that decides what it is: the graph as text (without its lines), the files of
the layers that lower it, the compiler with its flags, the processor and BLAS. Graphs with ops or rules that are not
ours have no key, as nothing tells whether those have changed. A file that is damaged, or that does not fit the graph,
counts as none.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import lamella.compiler
import lamella.graph
import lamella.tensor
from lamella.compiler import _cache, _toolchain
from lamella.compiler._image import Image
from lamella.compiler._image_file import read, written
from lamella.compiler._native._load import runtime
from lamella.compiler._toolchain import find_toolchain, machine_identity
from lamella.compiler._words import Damaged, Unwritable
from lamella.graph import Graph, GraphError, to_text
from lamella.interfaces import LOADED_NS, third_party
from lamella.tensor import get_default_dtype
from lamella.tensor.extend import Op

__all__ = ["key_of", "load", "save"]

_LAYERS = (lamella.compiler, lamella.graph, lamella.tensor)
_SOURCES = (".py", ".c", ".h")
_COARSE_NS = 20_000_000  # how far the time of a file may lie behind the clock


# -- the key


def key_of(graph: Graph, *, in_place: bool) -> str | None:
    """The key of a graph's image; None for a graph whose image is not kept."""
    code = _code()
    if code is None or third_party("rules.lower") or not all(map(_is_ours, set(_ops(graph)))):
        return None
    try:
        text = to_text(graph, lines=False)
    except GraphError:  # a constant that has no text
        return None
    tools = find_toolchain()
    return _cache.key_of(
        "image", code, " ".join(tools.flags), tools.identity, machine_identity(), repr(_toolchain.host_target()),
        repr(runtime().blas), get_default_dtype().short, str(in_place), text,
    )  # fmt: skip


def _ops(graph: Graph) -> Iterator[Op]:
    for each in (graph, *graph.regions()):
        for node in each.nodes:
            yield node.op


def _is_ours(op: Op) -> bool:
    """Whether what an op is lowered to follows from its name and from our own files."""
    rule = op.rules.get("lower")
    if rule is not None and not getattr(rule, "__module__", "").startswith("lamella.compiler."):
        return False
    if op.body is None:
        return op.package.startswith("lamella.") or op.spec == "opaque"
    return op.body.__module__.startswith("lamella.")


@functools.cache
def _code() -> str | None:
    """Versions of the layers, and names, sizes and times of their files; None where files may not be what was loaded:
    they have changed since, or cannot be looked at.
    """
    found = [f"{layer.__name__} {layer.__version__}" for layer in _LAYERS]
    try:
        for layer in _LAYERS:
            for path in sorted(layer.__path__):
                for entry in _files(path):
                    status = entry.stat()
                    if max(status.st_mtime_ns, status.st_ctime_ns) > LOADED_NS - _COARSE_NS:
                        return None
                    found.append(f"{entry.path[len(path) :]} {status.st_size} {status.st_mtime_ns}")
    except OSError:
        return None
    return "\n".join(found) if len(found) > len(_LAYERS) else None


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.name.endswith(_SOURCES):
                yield entry


# -- files


def load(key: str, graph: Graph) -> tuple[Image, dict[str, Path]] | None:
    """The image of a graph, and the objects that it needs by their keys; None where anything is not there or not
    whole.
    """
    content = _cache.content(key, _cache.IMAGE)
    if content is None:
        return None
    try:
        image = read(content, graph)
    except Damaged:
        return None
    objects: dict[str, Path] = {}
    for name in image.objects:
        path = _cache.find(name)
        if path is None:
            return None
        objects[name] = path
    return image, objects


def save(key: str, image: Image) -> None:
    """Keep an image; one with a param that has no form in a file is not kept."""
    try:
        content = written(image)
    except Unwritable:
        return
    _cache.put(key, content, _cache.IMAGE)
