"""What a compiled kernel needs of a GPU, read out of its cubin: registers, memory, and its parameters.

A cubin is an ELF file; NVIDIA's sections `.nv.info` and `.nv.info.KERNEL` hold records of (format, attribute, size,
value). Only the attributes named here are read. Stack memory means that values did not fit registers (a spill), or an
array that is indexed at run time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_REGISTERS, _FRAME, _PARAMETER = 0x2F, 0x11, 0x17
_SIZED = 0x04  # the format of a record whose value has a size of its own
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")


class CubinError(ValueError):
    """The bytes are no cubin that this reader understands."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Needs of one kernel; `parameters` are (offset, size) in bytes, hidden ones included."""

    registers: int
    stack_bytes: int
    static_shared_bytes: int
    parameters: tuple[tuple[int, int], ...]


def resources(cubin: bytes, kernel: str) -> Resources:
    """The needs of `kernel`; CubinError where the file has none of that name."""
    sections = {name: (body, header) for name, body, header in _sections(cubin)}
    if f".nv.info.{kernel}" not in sections or ".nv.info" not in sections:
        raise CubinError(f"the cubin holds no kernel {kernel!r}")
    symbol = _symbol(sections, kernel)
    registers = stack = None
    for attribute, value in _records(sections[".nv.info"][0]):
        if attribute in (_REGISTERS, _FRAME) and len(value) == 8:
            index, number = struct.unpack("<II", value)
            if index == symbol and attribute == _REGISTERS:
                registers = number
            elif index == symbol:
                stack = number
    if registers is None or stack is None:
        raise CubinError(f"the cubin does not say what {kernel!r} needs")
    parameters = []
    for attribute, value in _records(sections[f".nv.info.{kernel}"][0]):
        if attribute == _PARAMETER and len(value) == 12:
            _, ordinal, offset, packed = struct.unpack("<IHHI", value)
            parameters.append((ordinal, offset, packed >> 18))
    shared = sections.get(f".nv.shared.{kernel}")
    return Resources(
        registers, stack, shared[1][5] if shared else 0, tuple((offset, size) for _, offset, size in sorted(parameters))
    )


def _sections(data: bytes) -> Iterator[tuple[str, bytes, tuple[int, ...]]]:
    """Name, content and header of every section of a little-endian 64-bit ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise CubinError("not a 64-bit ELF file")
    start = struct.unpack_from("<Q", data, 0x28)[0]
    size, count, names_at = struct.unpack_from("<HHH", data, 0x3A)
    headers = [_SECTION.unpack_from(data, start + k * size) for k in range(count)]
    names = headers[names_at]
    for header in headers:
        at = names[4] + header[0]
        body = b"" if header[1] == 8 else data[header[4] : header[4] + header[5]]  # type 8 has no content
        yield data[at : data.index(b"\0", at)].decode(), body, header


def _symbol(sections: dict[str, tuple[bytes, tuple[int, ...]]], kernel: str) -> int:
    table, names = sections[".symtab"][0], sections[".strtab"][0]
    for index in range(len(table) // _SYMBOL.size):
        at = _SYMBOL.unpack_from(table, index * _SYMBOL.size)[0]
        if names[at : names.index(b"\0", at)] == kernel.encode():
            return index
    raise CubinError(f"the cubin has no symbol {kernel!r}")


def _records(section: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(section):
        form, attribute, size = struct.unpack_from("<BBH", section, at)
        length = size if form == _SIZED else 0
        yield attribute, section[at + 4 : at + 4 + length]
        at += 4 + length
