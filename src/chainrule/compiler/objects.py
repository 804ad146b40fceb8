"""What a linker does: relocatable objects become code that runs.

An object file is machine code with blanks. The code calls `sin` and reads constants, but where
these will lie nobody knew when it was written; so the object holds, beside the bytes, a list of
blanks and what belongs into each. To link is to give everything an address, then fill in.

    section      a run of bytes that stays together: code, constants, variables
    symbol       a name for a place in a section, or for something outside of the object
    relocation   a blank: its place P, the symbol S that it refers to, a number A to add

Code here reaches other places relative to where it stands, in 32 bits; so a blank mostly gets
S + A − P. Outside functions may lie further away. Each therefore gets a *slot*, eight bytes with its
full address, and a *stub*, a jump through the slot; code that calls the function calls the stub
(dynamic linkers call the slots the global offset table, GOT, and the stubs the procedure linkage
table, PLT). What the code does not change is made unwritable before it first runs, and nothing is
ever writable and executable at once.

The format is ELF, 64 bits, little-endian, as `assembler` makes it for x86-64. An object comes from
a file, and files may be damaged: whatever points outside of the object is a FormatError.

Source: Tool Interface Standard (1995), "Executable and Linking Format", version 1.2; "System V
Application Binary Interface, AMD64 Architecture Processor Supplement", section 4.4 (relocations).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import struct
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..base.errors import ChainruleError, DeviceError, FormatError

__all__ = ["Image"]

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QIIq")

SYMBOLS, TEXTS, RELOCATIONS, NO_BITS, OTHER_RELOCATIONS = 2, 3, 4, 8, 9
"""Types of sections; `NO_BITS` is zero and takes no place in the file."""

WRITE, ALLOCATE, EXECUTE = 1, 2, 4
"""Flags of sections; what is not to be allocated is for other tools."""

OUTSIDE, ABSOLUTE, RESERVED = 0, 0xFFF1, 0xFF00
"""Where a symbol may lie beside a section: elsewhere, nowhere (a number); or a special case."""

FULL, NEAR, CALL = 1, 2, 4
"""Relocations: R_X86_64_64 (S + A in 64 bits), R_X86_64_PC32 and R_X86_64_PLT32 (S + A − P)."""

SLOT = {9: "GOTPCREL", 41: "GOTPCRELX", 42: "REX_GOTPCRELX"}
"""Relocations that refer to the slot of a symbol, from which the code loads its address."""

PAGE = mmap.PAGESIZE

MOST = 1 << 30
"""Bytes of memory that an object may ask for; a damaged one may ask for any number."""


class Section(NamedTuple):
    """A section's header."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class Symbol(NamedTuple):
    """A symbol: its name, whether others may use it, the number of its section, where in it."""

    name: str
    offered: bool
    section: int
    value: int


class Object:
    """An object file, read and checked, with a place for each of its parts.

    Attributes:
        size: the bytes of memory that it takes.
        ends: where in them the code ends, then the constants, then the variables.
    """

    def __init__(self, code: bytes):
        self._code = code
        self._sections = list(self._read_sections())
        self._symbols = list(self._read_symbols())
        self._lay_out()

    # ----------------------------------------------------------------------------- reading

    def _cut(self, start: int, size: int, what: str) -> bytes:
        """Bytes of the object."""
        if start + size > len(self._code):
            raise _damaged(f"{what} would end at byte {start + size} of {len(self._code)}")
        return self._code[start : start + size]

    def _read_sections(self) -> Iterator[Section]:
        header = HEADER.unpack(self._cut(0, HEADER.size, "the header"))
        kind, machine, start, size, count = header[1], header[2], header[6], header[11], header[12]
        if header[0][:6] != b"\x7fELF\x02\x01" or (kind, machine, size) != (1, 62, SECTION.size):
            raise _damaged("not a relocatable ELF object for x86-64")
        headers = self._cut(start, count * size, "the table of sections")
        for section in map(Section._make, SECTION.iter_unpack(headers)):
            if section.flags & ALLOCATE:
                alignment = max(section.alignment, 1)
                if alignment & (alignment - 1) or alignment > PAGE:
                    raise _damaged(f"a section aligned to {alignment} bytes")
                if section.type != NO_BITS:
                    self._cut(section.offset, section.size, "a section")
            yield section

    def _body(self, section: Section) -> bytes:
        return self._cut(section.offset, section.size, "a section")

    def _records(self, section: Section, form: struct.Struct) -> Iterator[tuple[Any, ...]]:
        body = self._body(section)
        if len(body) % form.size:
            raise _damaged(f"a table of {len(body)} bytes, each {form.size}")
        return form.iter_unpack(body)

    def _numbered(self, number: int, what: str) -> Section:
        if number >= len(self._sections):
            raise _damaged(f"{what} {number} of {len(self._sections)}")
        return self._sections[number]

    def _read_symbols(self) -> Iterator[Symbol]:
        for table in [s for s in self._sections if s.type == SYMBOLS]:
            names = self._body(self._numbered(table.link, "the names in section"))
            for name, info, _, section, value, _ in self._records(table, SYMBOL):
                stop = names.find(b"\0", name)
                if stop < 0:
                    raise _damaged(f"a name at byte {name} of {len(names)}")
                if section < RESERVED:
                    inside = self._numbered(section, "a symbol in section")
                    if section != OUTSIDE and value > inside.size:
                        raise _damaged(f"a symbol at byte {value} of {inside.size}")
                binding, type = info >> 4, info & 15  # 1 and 2: for others; 2: a function
                text = names[name:stop].decode(errors="replace")
                yield Symbol(text, binding in (1, 2) and type == 2, section, value)

    def _relocations(self) -> Iterator[tuple[int, Section, int, int, int, int]]:
        """The blanks: section (its number and itself), place in it, type, symbol, number to add."""
        for table in self._sections:
            if table.type not in (RELOCATIONS, OTHER_RELOCATIONS):
                continue
            section = self._numbered(table.info, "relocations of section")
            if not section.flags & ALLOCATE:
                continue
            if table.type == OTHER_RELOCATIONS:
                raise _damaged("relocations without numbers to add")
            for place, type, symbol, add in self._records(table, RELOCATION):
                if symbol >= len(self._symbols):
                    raise _damaged(f"symbol {symbol} of {len(self._symbols)}")
                if place + (8 if type == FULL else 4) > section.size:
                    raise _damaged(f"a relocation at byte {place} of {section.size}")
                yield table.info, section, place, type, symbol, add

    # -------------------------------------------------------------------------- addresses

    def _lay_out(self) -> None:
        """Where everything will lie, from the start of the memory: first what runs, then what is
        read, then what is written; each from a new page, since rights are given to pages.
        """
        self._slots: dict[int, int] = {}  # symbol → where its slot lies
        self._stubs: dict[int, int] = {}  # outside symbol → where its stub lies
        for _, _, _, type, symbol, _ in self._relocations():
            if type in SLOT:
                self._slots[symbol] = -1
            elif type == CALL and self._symbols[symbol].section == OUTSIDE:
                self._slots[symbol] = self._stubs[symbol] = -1
        self._places: dict[int, int] = {}  # section → where it lies
        self.ends: list[int] = []
        at = 0
        for rights in (EXECUTE, 0, WRITE):
            for k, section in enumerate(self._sections):
                if section.flags & (ALLOCATE | EXECUTE | WRITE) == ALLOCATE | rights:
                    at = _up(at, max(section.alignment, 1))
                    self._places[k] = at
                    at += section.size
            if rights == EXECUTE:
                at = _spread(self._stubs, at)
            elif rights == 0:
                at = _spread(self._slots, at)
            at = _up(at, PAGE)
            self.ends.append(at)
        self.size = max(at, PAGE)
        if self.size > MOST:
            raise _damaged(f"{self.size} bytes of memory, at most {MOST}")
        for k, section in enumerate(self._sections):
            if section.flags & ALLOCATE and k not in self._places:
                raise _damaged("a section both writable and executable")

    def functions(self, address: int) -> dict[str, int]:
        """The functions that the object offers, if it lies at an address."""
        return {
            symbol.name: self._address_of(k, address)
            for k, symbol in enumerate(self._symbols)
            if symbol.offered and symbol.section not in (OUTSIDE, ABSOLUTE)
        }

    def _address_of(self, symbol: int, address: int) -> int:
        """S: in this object, or an address that the system knows."""
        name, _, section, value = self._symbols[symbol]
        if section == OUTSIDE:
            return _outside(name)
        if section == ABSOLUTE:
            return value
        if section not in self._places:
            raise _damaged(f"{name or 'a symbol'} lies in section {section}")
        return address + self._places[section] + value

    # ----------------------------------------------------------------------------- filling

    def filled_in(self, address: int) -> bytes:
        """What the memory at an address will hold: sections, slots and stubs at their places, and
        all blanks filled in.
        """
        memory = bytearray(self.size)
        for k, place in self._places.items():
            if self._sections[k].type != NO_BITS:
                memory[place : place + self._sections[k].size] = self._body(self._sections[k])
        for symbol, place in self._slots.items():
            struct.pack_into("<Q", memory, place, self._address_of(symbol, address))
        for symbol, place in self._stubs.items():
            away = self._slots[symbol] - (place + 6)  # counted from the end of the instruction
            struct.pack_into("<2si", memory, place, b"\xff\x25", away)  # jmp *[rip + away]
        for number, _, place, type, symbol, add in self._relocations():
            p = self._places[number] + place
            if type == FULL:
                value = self._address_of(symbol, address) + add
                struct.pack_into("<Q", memory, p, value % (1 << 64))
                continue
            if type in SLOT:
                s = self._slots[symbol]
            elif type == CALL and symbol in self._stubs:
                s = self._stubs[symbol]
            elif type in (NEAR, CALL):
                s = self._address_of(symbol, address) - address
            else:
                raise _damaged(f"a relocation of type {type} is not known here")
            away = s + add - p
            if not -(1 << 31) <= away < 1 << 31:
                name = self._symbols[symbol].name
                raise _damaged(f"{name or 'a place'} lies {away} bytes away")
            struct.pack_into("<i", memory, p, away)
        return bytes(memory)


class Image:
    """An object in memory, ready to run. The memory is given back with this object.

    Args:
        code: the object file.

    Attributes:
        functions: the address of each function that the object offers.

    Raises:
        FormatError: if this is not such an object, or something in it is not known here.
        ChainruleError: if it calls a function that exists nowhere.
    """

    def __init__(self, code: bytes):
        if os.name != "posix" or os.uname().machine not in ("x86_64", "amd64"):
            raise DeviceError("machine code is made for x86-64 under Linux and its like")
        read = Object(code)
        address = _memory(read.size)
        # not at exit, when threads may still run the code
        weakref.finalize(self, _system().munmap, address, read.size).atexit = False
        ctypes.memmove(address, read.filled_in(address), read.size)
        code_end, constants_end, _ = read.ends
        _protect(address, code_end, mmap.PROT_READ | mmap.PROT_EXEC)
        _protect(address + code_end, constants_end - code_end, mmap.PROT_READ)
        self.functions = read.functions(address)


def _damaged(what: str) -> FormatError:
    return FormatError(f"object code: {what}")


def _up(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


def _spread(places: dict[int, int], at: int) -> int:
    """Give each of these eight bytes; returns where they end."""
    at = _up(at, 8)
    for symbol in places:
        places[symbol] = at
        at += 8
    return at


# ---------------------------------------------------------------------------- the system


@functools.cache
def _system() -> Any:
    """The process with all its libraries; memory is had from it page by page."""
    system = ctypes.CDLL(None, use_errno=True)
    pointer, word, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    system.mmap.argtypes = [pointer, word, number, number, number, ctypes.c_long]
    system.mmap.restype = ctypes.c_size_t
    system.mprotect.argtypes = [pointer, word, number]
    system.munmap.argtypes = [pointer, word]
    return system


def _memory(size: int) -> int:
    """The address of new memory, all zero."""
    rights, how = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = _system().mmap(None, size, rights, how, -1, 0)
    if address == ctypes.c_size_t(-1).value:
        reason = os.strerror(ctypes.get_errno())
        raise ChainruleError(f"no memory for {size} bytes of machine code: {reason}")
    return address


def _protect(address: int, size: int, rights: int) -> None:
    if size and _system().mprotect(address, size, rights):
        reason = os.strerror(ctypes.get_errno())
        raise ChainruleError(f"this system does not let new code run: {reason}")


@functools.cache
def _outside(name: str) -> int:
    """The address of a function of the process, or of libraries that compiled code may need:
    mathematics, and what a processor cannot do by itself (conversions of half floats).
    """
    for library in (None, "libm.so.6", "libgcc_s.so.1"):
        with contextlib.suppress(OSError, AttributeError):
            found = ctypes.cast(ctypes.CDLL(library)[name], ctypes.c_void_p).value
            if found:
                return found
    raise ChainruleError(f"no function {name}")
