"""LLVM, which turns text into machine code, and the process that it runs in.

LLVM is 180 MB of library, of which some 40 MB stay in the memory of whoever loads it. It is needed
for moments, in the first run of a program, so it gets a process that goes when it is done. Run as a
script, this file reads requests from its standard input and writes answers to its standard output:

    request     "host", "object" or "assembly", then the processor, its features, the text
    answer      "done" and the result, or "refused" and LLVM's words

It imports nothing but the standard library, and llvmlite when it is asked something, so that it
starts in the blink of an eye and runs beside any program. Where no process can be started,
`answer` is called in the program's own.

Kernels arrive with their vectors and tiles written out, so there is little left for an optimizer to
find, and time spent looking is time a user waits. Of LLVM's passes one matters, the one that turns
stack slots into registers; what else kernels need (common subexpressions within a block, loop
invariants, addresses that advance with a loop) LLVM's code generator does by itself. The whole
pipeline at -O2 takes three times as long for the same speed.
"""

from __future__ import annotations

import functools
import os
import select
import signal
import struct
import sys
from typing import Any

__all__ = ["LEVEL", "TRIPLE", "Refused", "answer", "receive", "send"]

LEVEL = 2
"""The effort of LLVM's code generator: its register allocator and scheduler at full strength."""

TRIPLE = "x86_64-unknown-linux-gnu"
"""Objects are ELF, and functions are called the way Linux does; see `objects`."""

PATIENCE = 10.0
"""Seconds without a request after which the process ends."""


class Refused(Exception):
    """What LLVM says about a text that it does not take."""


# ------------------------------------------------------------------------------------- LLVM


@functools.cache
def _machine(cpu: str, features: str) -> Any:
    """LLVM's code generator for a processor.

    `small` and `pic`: constants are read relative to the code. By default code made at run time may
    lie anywhere, and each constant's address is first loaded as 64 bits.
    """
    import llvmlite.binding as llvm  # type: ignore[import-untyped]

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu=cpu, features=features, opt=LEVEL, reloc="pic", codemodel="small", jit=True
    )


def _optimized(cpu: str, features: str, text: str) -> Any:
    """The module with its stack slots in registers."""
    import llvmlite.binding as llvm

    machine = _machine(cpu, features)
    try:
        # a context of its own, freed with the module: it never forgets a type or a constant
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise Refused(str(error)) from None
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def answer(what: str, cpu: str = "", features: str = "", text: str = "") -> bytes:
    """What LLVM makes of a text: an "object" or its "assembly"; or the "host", this machine's
    processor and its features, each on a line.

    Raises:
        Refused: if the text is not LLVM IR, or wrong.
    """
    if what == "host":
        import llvmlite.binding as llvm

        return f"{llvm.get_host_cpu_name()}\n{llvm.get_host_cpu_features().flatten()}".encode()
    module = _optimized(cpu, features, text)
    if what == "assembly":
        return _machine(cpu, features).emit_assembly(module).encode()
    return _machine(cpu, features).emit_object(module)


# ------------------------------------------------------------------------------ the process


def send(pipe: int, *parts: bytes) -> None:
    """A message: how many parts, then each with its length before it."""
    head = struct.pack("<I", len(parts))
    rest = memoryview(head + b"".join([struct.pack("<Q", len(part)) + part for part in parts]))
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe: int) -> list[bytes]:
    """The parts of the next message.

    Raises:
        EOFError: if the other side is gone.
    """
    (count,) = struct.unpack("<I", _exactly(pipe, 4))
    return [_exactly(pipe, *struct.unpack("<Q", _exactly(pipe, 8))) for _ in range(count)]


def _exactly(pipe: int, size: int) -> bytes:
    found = []
    while size:
        found.append(os.read(pipe, min(size, 1 << 20)))
        size -= len(found[-1])
        if not found[-1]:
            raise EOFError
    return b"".join(found)


def _serve() -> None:
    """Answer until there is nobody, or nothing for a while, to answer."""
    # Ctrl-C in a terminal is for the program, which ends this process if it wants to
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = 0, os.dup(1)
    os.dup2(2, 1)  # whatever else is printed must not end up between the answers
    import llvmlite.binding  # noqa: F401  (before the first request, which the program prepares)

    send(answers, b"ready")
    while select.select([requests], [], [], PATIENCE)[0]:
        what, *rest = [part.decode() for part in receive(requests)]
        try:
            send(answers, b"done", answer(what, *rest))
        except Refused as refused:
            send(answers, b"refused", str(refused).encode())


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    try:
        _serve()
    except (EOFError, BrokenPipeError):
        pass
    os._exit(0)  # nothing is left to be put in order: LLVM's own farewell takes longer
