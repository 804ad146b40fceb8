"""Where LLVM runs: in up to a few processes of their own, or in this one if there cannot be any.

The processes (`assembler`) are started when something has to be compiled, kept for what comes next,
and end by themselves after some seconds without work. One that ended, for whatever reason, is
started again, once: if LLVM itself gives up at a text, it does so every time.

Kernels do not call each other. A long module is therefore cut into pieces that are compiled at the
same time; functions and variables that name each other stay together.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ..base.configuration import processors
from ..base.errors import ChainruleError
from ..base.locks import Lock
from . import assembler
from .assembler import Refused, receive, send

__all__ = ["assembly", "available", "host", "objects", "version"]

PIECE = 1500
"""Lines of LLVM IR that are worth a process of their own."""

MOST = 8
"""How many processes there are at most, however many processors."""

NAME = r'@("[^"]*"|[\w.$-]+)'
"""A function or variable where it is named."""


def available() -> bool:
    """Whether llvmlite is installed. It is not imported."""
    return importlib.util.find_spec("llvmlite") is not None


@functools.cache
def version() -> str:
    """Which LLVM this is, and how it is used: all that compiled code depends on beyond the text
    and the processor. Read from llvmlite's files, since code that is kept is loaded without it.
    """
    place = _place() / "llvmlite"
    parts = [assembler.TRIPLE, str(assembler.LEVEL)]
    with contextlib.suppress(OSError):
        parts.append((place / "_version.py").read_text())
        for file in sorted((place / "binding").glob("*llvmlite*")):
            info = file.stat()
            parts.append(f"{file.name} {info.st_size} {info.st_mtime_ns}")
    return "\n".join(parts)


def _place() -> Path:
    """The folder that llvmlite is imported from."""
    spec = importlib.util.find_spec("llvmlite")
    if spec is None or spec.origin is None:
        raise ChainruleError("llvmlite is not installed\n  hint: pip install llvmlite")
    return Path(spec.origin).parent.parent


def host() -> tuple[str, str]:
    """LLVM's name of this machine's processor, and the features it has."""
    [answer] = _ask([("host",)])
    cpu, features = answer.decode().split("\n")
    return cpu, features


def objects(text: str, cpu: str, features: str) -> list[bytes]:
    """A module as ELF objects, more than one if it is long.

    Raises:
        ChainruleError: if LLVM refuses the text.
    """
    count = min(processors(), MOST, text.count("\n") // PIECE)
    return _ask([("object", cpu, features, piece) for piece in _cut(text, count)])


def assembly(text: str, cpu: str, features: str) -> str:
    """A module as assembly."""
    [answer] = _ask([("assembly", cpu, features, text)])
    return answer.decode()


# ------------------------------------------------------------------------------------ pieces


def _cut(text: str, count: int) -> list[str]:
    """A module as so many modules, of about the same length."""
    if count < 2:
        return [text]
    parts = re.split(r"^(define [^\n]*\{\n.*?^\}$)", text, flags=re.DOTALL | re.MULTILINE)
    common, functions = "".join(parts[0::2]), parts[1::2]
    names = [re.search(NAME, f)[1] for f in functions]  # type: ignore[index]
    if re.search(r"^define\b", common, re.MULTILINE) or {*re.findall(NAME, common)} & {*names}:
        return [text]  # not written as `code.module` writes
    pieces: list[list[str]] = [[] for _ in range(count)]
    lengths = [0] * count
    for together in sorted(_groups(common, names, functions), key=len, reverse=True):
        least = lengths.index(min(lengths))
        pieces[least].append(together)
        lengths[least] += len(together)
    return [common + "".join(piece) for piece in pieces if piece]


def _groups(common: str, names: list[str], functions: list[str]) -> list[str]:
    """The texts of functions that name each other, or the same variable, as one; also if they do
    so through others.
    """
    variables = re.findall(rf"^{NAME} *=(?!.*\bconstant\b)", common, re.MULTILINE)
    leader = {name: name for name in [*names, *variables]}

    def first(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for name, function in zip(names, functions, strict=True):
        for named in re.findall(NAME, function):
            if named in leader:
                leader[first(named)] = first(name)
    groups: dict[str, str] = {}
    for name, function in zip(names, functions, strict=True):
        groups[first(name)] = groups.get(first(name), "") + function + "\n"
    return list(groups.values())


# --------------------------------------------------------------------------------- processes


class _Unavailable(Exception):
    """No process can be started here."""


class _Gone(Exception):
    """A process ended before it answered; its last words."""


class _Assembler:
    """One process with LLVM in it.

    Raises:
        _Unavailable: if it cannot be started.
    """

    def __init__(self) -> None:
        import subprocess  # here, since code that is kept needs neither
        import tempfile

        if not sys.executable or getattr(sys, "frozen", False):
            raise _Unavailable  # this program has swallowed Python: it would be started once more
        # Not `-I`: what the environment says about Python's own place is needed to start it. `-P`
        # because this folder has modules named as some of the standard library's, `-S` since only
        # one folder of packages is needed.
        command = [sys.executable, "-P", "-S", assembler.__file__, str(_place())]
        pipe = subprocess.PIPE
        with contextlib.ExitStack() as opened:
            try:
                # a file, not a pipe: nobody reads these words unless they are the last
                self.words = opened.enter_context(tempfile.TemporaryFile())
                self.process = subprocess.Popen(
                    command, bufsize=0, stdin=pipe, stdout=pipe, stderr=self.words
                )
            except (OSError, subprocess.SubprocessError):
                raise _Unavailable from None
            opened.pop_all()
        self.requests = self.process.stdin.fileno()  # type: ignore[union-attr]
        self.answers = self.process.stdout.fileno()  # type: ignore[union-attr]
        self.ready = False

    def ask(self, request: Sequence[str]) -> None:
        """Send a request."""
        try:
            if not self.ready and receive(self.answers) != [b"ready"]:
                raise EOFError
            self.ready = True
            send(self.requests, *[part.encode() for part in request])
        except (EOFError, OSError):
            raise self._gone() from None

    def answer(self) -> bytes:
        """Wait for the answer."""
        try:
            kind, result = receive(self.answers)
        except (EOFError, OSError):
            raise self._gone() from None
        if kind == b"refused":
            raise Refused(result.decode())
        return result

    def _gone(self) -> Exception:
        if not self.ready:
            return _Unavailable()
        code = self.process.wait()
        self.words.seek(0)
        words = self.words.read()[-2000:].decode(errors="replace").strip()
        return _Gone(f"exit status {code}{': ' if words else ''}{words}")

    def end(self) -> None:
        """Without ceremony: it holds nothing that would be lost."""
        self.process.kill()
        self.process.wait()
        self._close()

    def abandon(self) -> None:
        """In a child of this program: the process and its pipes are the parent's."""
        self.process.returncode = 0
        self._close()

    def _close(self) -> None:
        for file in (self.process.stdin, self.process.stdout, self.words):
            file.close()  # type: ignore[union-attr]


_assemblers: list[_Assembler] = []
_lock = Lock()
_alone = False  # whether it was found that no process can be started


def _ask(requests: Sequence[Sequence[str]]) -> list[bytes]:
    """The answers to requests, worked on at the same time."""
    global _alone
    with _lock:
        try:
            if not _alone:
                try:
                    return _asked(requests)
                except _Gone:
                    return _asked(requests)
        except _Unavailable:
            _alone = True
        except Refused as refused:
            raise ChainruleError(f"LLVM refuses this module: {refused}") from None
        except _Gone as gone:
            raise ChainruleError(f"LLVM gave up at this module: {gone}") from None
        try:
            return [assembler.answer(*request) for request in requests]
        except Refused as refused:
            raise ChainruleError(f"LLVM refuses this module: {refused}") from None


def _asked(requests: Sequence[Sequence[str]]) -> list[bytes]:
    """The same, of processes."""
    try:
        for each in [a for a in _assemblers if a.process.poll() is not None]:
            _assemblers.remove(each)
            each.end()
        while len(_assemblers) < len(requests):
            _assemblers.append(_Assembler())
        asked = list(zip(_assemblers, requests, strict=False))
        for each, request in asked:
            each.ask(request)
        return [each.answer() for each, _ in asked]
    except BaseException:  # also Ctrl-C: what is not read now would be taken for the next answer
        _end()
        raise


@atexit.register
def _end() -> None:
    while _assemblers:
        _assemblers.pop().end()


def _forked() -> None:
    while _assemblers:
        _assemblers.pop().abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
