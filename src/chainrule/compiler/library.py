"""Machine code: LLVM IR text in, addresses of functions out, and a folder where code is kept.

A `Library` is one module of IR, compiled. Kernels arrive with their vectors and tiles written out,
so there is little left for an optimizer to find, and time spent looking is time a user waits. Of
LLVM's passes one matters, the one that turns stack slots into registers; what else kernels need
(common subexpressions within a block, loop invariants, addresses that advance with a loop) LLVM's
code generator does by itself. The whole pipeline at -O2 takes three times as long for the same
speed.

Compiled code is kept in a folder between runs. The name of an entry is a hash of all that the code
depends on: the text, the processor, the versions of LLVM and of this file's choices. What is
read from there is going to be run, so nobody else may write there, and an entry that is not whole
is compiled anew. The folder is a convenience: whatever is wrong with it, programs run.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import re
import stat
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from ..base.configuration import cache_folder
from ..base.errors import ChainruleError
from .target import Target

__all__ = ["Library", "recall", "remember"]

LEVEL = 2
"""The effort of LLVM's code generator: its register allocator and scheduler at full strength."""

FORMAT = "chainrule code 1"
"""Heads every entry of the folder and is part of its name: to be changed with the layout of
entries and with how code is generated."""

LIMIT = 1 << 30
"""How many bytes the folder may hold. The least recently used entries go first."""


# ---------------------------------------------------------------------------------- libraries


class Library:
    """One module of LLVM IR as machine code, which lives as long as this object.

    Args:
        text: the module, as `code.module` writes it.
        target: the processor to compile for; this machine's unless given.

    Raises:
        ChainruleError: if LLVM refuses the text, or a function it calls exists nowhere.
    """

    def __init__(self, text: str, target: Target | None = None):
        self.text, self.target = text, target or Target.host()
        name = entry_name(text, self.target)
        found = recall(name)
        self.from_cache = found is not None
        code = found if found is not None else _compiled(text, self.target)
        functions = _visible(text)
        tracker, jit = _linked(code, functions, text, self.target)
        self._addresses = {function: tracker[function] for function in functions}
        # the tracker first: it belongs to the jit. Not at exit, when threads may still run the code
        weakref.finalize(self, _unload, tracker, jit).atexit = False
        if found is None:
            remember(name, code)

    def address(self, name: str) -> int:
        """Where a function starts. Valid while the library lives."""
        if name not in self._addresses:
            has = ", ".join(self._addresses) or "none"
            raise ChainruleError(f"no function {name!r} in this library; it has {has}")
        return self._addresses[name]

    def assembly(self, name: str) -> str:
        """A function as assembly, for people to read: its text is compiled again."""
        self.address(name)
        module = _optimized(self.text, self.target)
        lines = _machine(self.target).emit_assembly(module).splitlines()
        start = next(k for k, line in enumerate(lines) if line.startswith(f"{name}:"))
        stop = next(k for k in range(start, len(lines)) if lines[k].startswith(".Lfunc_end"))
        return "\n".join(lines[start:stop])


def entry_name(text: str, target: Target) -> str:
    """The hash of all that machine code depends on."""
    versions = (FORMAT, str(LEVEL), llvmlite.__version__, str(llvm.llvm_version_info))
    parts = [*versions, llvm.get_process_triple(), target.cpu, target.features, text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _visible(text: str) -> list[str]:
    """The functions that a module defines for others to call."""
    found = re.findall(r"\ndefine ([^@\n]*)@([\w.$-]+)\(", "\n" + text)
    return [name for how, name in found if not re.search(r"\b(internal|private)\b", how)]


@functools.cache
def _machine(target: Target) -> Any:
    """LLVM's code generator for a target.

    `small` and `pic`: constants are read relative to the code. By default code made at run time may
    lie anywhere, and each constant's address is first loaded as 64 bits.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    native = llvm.Target.from_triple(llvm.get_process_triple())
    return native.create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=LEVEL,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


def _optimized(text: str, target: Target) -> Any:
    """The module with its stack slots in registers."""
    machine = _machine(target)
    try:
        # a context of its own, freed with the module: it never forgets a type or a constant
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise ChainruleError(f"LLVM refuses this module: {error}") from None
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def _compiled(text: str, target: Target) -> bytes:
    """An object file."""
    return _machine(target).emit_object(_optimized(text, target))


def _linked(code: bytes, functions: list[str], text: str, target: Target) -> tuple[Any, Any]:
    """Code in memory, ready to run, and the linker that owns the memory.

    Each library has a linker of its own: one for all would keep something of every library that it
    ever held. (LLVM's older engine keeps nothing either, but ends the process when a function is
    missing.)
    """
    jit = llvm.create_lljit_compiler(_machine(target), use_jit_link=True, suppress_errors=True)
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in functions:
        builder.export_symbol(name)
    try:
        return builder.link(jit, "library"), jit
    except RuntimeError as error:
        jit.close()
        declared = re.findall(r"\ndeclare [^@\n]*@([\w.$-]+)\(", "\n" + text)
        missing = [
            name
            for name in declared
            if not name.startswith("llvm.") and llvm.address_of_symbol(name) is None
        ]
        # what the text does not declare is a routine that LLVM itself calls for an operation
        reason = f"no function {', '.join(missing)}" if missing else str(error)
        message = f"this module cannot be linked for {target.cpu}: {reason}"
        raise ChainruleError(message) from None


def _unload(tracker: Any, jit: Any) -> None:
    tracker.close()
    jit.close()


# --------------------------------------------------------------------------------- the folder

_warned: set[str] = set()
_written: dict[Path, int] = {}  # folder -> bytes written since its size was last looked at
_serial = itertools.count()


def recall(name: str) -> bytes | None:
    """The code kept under a name; None if there is none, or none that can be trusted."""
    try:
        with _opened(create=False) as folder:
            if folder is None:
                return None
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(name, flags, dir_fd=folder), "rb") as file:
                info = os.fstat(file.fileno())
                if not stat.S_ISREG(info.st_mode) or _fault(info):
                    return None
                code = _checked(name, file.read())
                if code is not None:
                    _mark_used(file.fileno())
                return code
    except OSError:
        return None


def remember(name: str, code: bytes) -> None:
    """Keep code under a name. It appears whole or not at all, whenever the power fails."""
    try:
        with _opened(create=True) as folder:
            if folder is None:
                return
            passing = f".{name}.{os.getpid()}.{next(_serial)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                with open(os.open(passing, flags, 0o600, dir_fd=folder), "wb") as file:
                    file.write(_head(name, code) + code)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(passing, dir_fd=folder)
                raise
            _grown(folder, len(code))
    except OSError as error:
        place, reason = cache_folder(), error.strerror or error
        _warn(f"machine code cannot be kept in {place}: {reason}; it is compiled each time")


def _head(name: str, code: bytes) -> bytes:
    """What stands before the code of an entry: the format, its name and a checksum."""
    return b"\n".join([
        FORMAT.encode(), name.encode(), hashlib.sha256(code).hexdigest().encode(), b""
    ])  # fmt: skip


def _checked(name: str, entry: bytes) -> bytes | None:
    """The code of an entry, if it is whole and stands under its own name."""
    code = entry[len(_head(name, b"")) :]
    return code if code and entry == _head(name, code) + code else None


def _mark_used(file: int) -> None:
    with contextlib.suppress(OSError):  # where nothing can be written, nothing is removed either
        os.utime(file)


@contextlib.contextmanager
def _opened(create: bool) -> Iterator[int | None]:
    """The folder, held open so that it stays the one that was looked at; None if it is not safe
    to use.
    """
    path = cache_folder()
    if os.name != "posix":  # owners and modes, by which it is judged, are not known elsewhere
        yield None
        return
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fault = _fault(os.fstat(folder))
        if fault:
            _warn(f"machine code is not kept in {path}: it {fault}, who could have it run anything")
        yield None if fault else folder
    finally:
        os.close(folder)


def _fault(info: os.stat_result) -> str | None:
    """Why what lies there cannot be trusted, if it cannot."""
    if info.st_uid != os.geteuid():
        return f"belongs to user {info.st_uid}"
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"may be written by others (mode {stat.S_IMODE(info.st_mode):04o})"
    return None


def _grown(folder: int, size: int) -> None:
    """Look after the folder's size, now and then: the whole list costs more than one entry."""
    path = cache_folder()
    if path in _written and _written[path] + size < LIMIT // 16:
        _written[path] += size
        return
    _written[path] = 0
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            with contextlib.suppress(FileNotFoundError):  # another process tidies up as well
                info = item.stat(follow_symlinks=False)
                entries.append((info.st_mtime_ns, info.st_size, item.name))
    total = sum([length for _, length, _ in entries])
    for _, length, name in sorted(entries):
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        total -= length


def _warn(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=2)
