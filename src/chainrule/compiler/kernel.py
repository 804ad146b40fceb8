"""A kernel: machine code for one part of a program, cut into tasks."""

from __future__ import annotations

import dataclasses

from .code import I64, PTR, Code

__all__ = ["Kernel", "kernel_code"]


def kernel_code(name: str) -> Code:
    """The function of a kernel: `void NAME(ptr arguments, i64 task, ptr scratch)`.

    `arguments` is an array of pointers; `task` says which part of the work to do, whatever the
    thread; `scratch` is memory of the calling thread alone, 64-byte aligned.
    """
    return Code(name, [PTR, I64, PTR])


@dataclasses.dataclass
class Kernel:
    """A function with the number of its tasks and the scratch bytes that a thread needs.

    Tasks may run in any order and on any thread: each writes memory that no other task of the
    kernel reads or writes, so the result does not depend on who runs what.
    """

    code: Code
    tasks: int
    scratch: int = 0
