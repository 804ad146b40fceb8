"""The language in which PyTorch writes trees: pickle, read by an interpreter that runs nothing.

A pickle is a program for a stack machine. Python's own machine imports whatever name the program
says and calls it, so a file can do anything. Ours knows the few opcodes that dictionaries, lists,
tuples, numbers and strings need. A name is only looked up in the table that the caller gives; what
it stands for is one of the caller's functions, which make tensors and refuse everything that is not
as it should be. Any other opcode or name is refused with its offset.

Memory and time are bounded by the file: every object costs the program at least a byte, strings are
no longer than it, and keys are scalars or short tuples of them, so that a hash is computed at once.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ..base.errors import FormatError

__all__ = ["Named", "interpret", "interpret_from"]

MOST_DIGITS = 512  # bytes of one integer


class Named:
    """What a name of the table stands for: `call(*arguments)` makes the object, or is None where
    the name itself is the object (a dtype), which `value` then holds.
    """

    __slots__ = ("call", "name", "value")

    def __init__(self, name: str, call: Callable[..., Any] | None = None, value: Any = None):
        self.name, self.call, self.value = name, call, value


class _Mark:
    """Where the arguments of an opcode begin on the stack."""


MARK = _Mark()
SCALARS = (str, int, float, bool, bytes, type(None))


def interpret(
    program: bytes,
    names: Mapping[str, Named],
    persistent: Callable[[Any], Any],
    where: str,
    why_not: Callable[[str], str] = lambda name: "",
) -> Any:
    """The object that a pickle describes.

    Args:
        program: its bytes.
        names: "module.name" -> what it stands for.
        persistent: turns the identity of something that lies outside of the pickle into it.
        where: the file, for errors.
        why_not: a hint for a name that is refused.

    Raises:
        FormatError: an unknown opcode or name, or a program that makes no sense, with its offset.

    >>> interpret(b"(I1\\nl.", {}, lambda x: x, "file")
    Traceback (most recent call last):
        ...
    chainrule.base.errors.FormatError: file: offset 1: opcode 0x49 ('I') is not one that ...
    """
    return _Machine(program, names, persistent, where, why_not).run()


def interpret_from(
    program: bytes,
    place: int,
    names: Mapping[str, Named],
    persistent: Callable[[Any], Any],
    where: str,
    why_not: Callable[[str], str] = lambda name: "",
) -> tuple[Any, int]:
    """The object that a pickle in the middle of other bytes describes, and where it ends; see `interpret`."""
    machine = _Machine(program, names, persistent, where, why_not)
    machine.place = place
    return machine.run(), machine.place


class _Machine:
    """The stack, the memo, and the place in the program."""

    def __init__(
        self,
        program: bytes,
        names: Mapping[str, Named],
        persistent: Callable[[Any], Any],
        where: str,
        why_not: Callable[[str], str],
    ):
        self.program, self.names, self.persistent = program, names, persistent
        self.where, self.why_not = where, why_not
        self.place = self.start = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Go through the program up to its STOP."""
        while True:
            self.start = self.place
            code = self.take(1)[0]
            if code == 0x2E:  # STOP
                value = self.pop()
                if self.stack:
                    raise self.fault("the program ends with more than one object")
                return self.plain(value)
            step = OPCODES.get(code)
            if step is None:
                raise self.fault(
                    f"opcode 0x{code:02x} ({chr(code)!r}) is not one that trees of tensors need, "
                    "and is not run"
                )
            step(self)

    # ------------------------------------------------------------------------ bytes and stack

    def fault(self, text: str) -> FormatError:
        """An error at the opcode that is being interpreted."""
        return FormatError(f"{self.where}: offset {self.start}: {text}")

    def take(self, count: int) -> bytes:
        """The next bytes of the program."""
        piece = self.program[self.place : self.place + count]
        if len(piece) != count:
            raise self.fault(f"the program is cut off: expected {count} bytes, found {len(piece)}")
        self.place += count
        return piece

    def number(self, form: str) -> Any:
        """The next number of the program."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """The text up to the next newline."""
        end = self.program.find(b"\n", self.place, self.place + 512)
        if end < 0:
            raise self.fault("expected a name that ends in a newline")
        text = self.program[self.place : end]
        self.place = end + 1
        return self.decoded(text)

    def decoded(self, text: bytes) -> str:
        """UTF-8, in which pickles write text."""
        try:
            return text.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as e:
            raise self.fault(f"expected text in UTF-8, found the byte {text[e.start]:02x}") from e

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the uppermost value off the stack."""
        if not self.stack or self.stack[-1] is MARK:
            raise self.fault("expected an object on the stack, found none")
        return self.stack.pop()

    def top(self, kind: type, what: str) -> Any:
        """The uppermost value, which must be of this kind."""
        value = self.stack[-1] if self.stack else MARK
        if not isinstance(value, kind):
            raise self.fault(f"expected {what} on the stack, found {self.described(value)}")
        return value

    def to_mark(self) -> list[Any]:
        """What lies above the last mark; it and the mark are taken off."""
        for k in range(len(self.stack) - 1, -1, -1):
            if self.stack[k] is MARK:
                values = self.stack[k + 1 :]
                del self.stack[k:]
                return values
        raise self.fault("expected a mark on the stack, found none")

    def described(self, value: Any) -> str:
        """What to call a value in an error."""
        if value is MARK:
            return "nothing"
        return value.name if isinstance(value, Named) else f"a {type(value).__name__}"

    def plain(self, value: Any) -> Any:
        """A value as part of the result: a name that is no object of its own may not stand there."""
        if isinstance(value, Named):
            if value.call is not None:
                raise self.fault(f"{value.name} stands where an object should")
            return value.value
        if type(value) is tuple and any(isinstance(v, Named) for v in value):
            raise self.fault("a name stands where an object should")
        return value

    # --------------------------------------------------------------------------------- objects

    def key(self, value: Any) -> Any:
        """A dictionary's key: a scalar, or a tuple of at most 64 scalars."""
        value = self.plain(value)
        simple = isinstance(value, SCALARS) or (
            isinstance(value, tuple)
            and len(value) <= 64
            and all(isinstance(v, SCALARS) for v in value)
        )
        if not simple:
            raise self.fault(
                f"expected a key that is a string, a number or a tuple of them, "
                f"found {self.described(value)}"
            )
        return value

    def put(self, target: dict, pairs: list[Any]) -> None:
        """Key, value, key, value, … into a dictionary."""
        if len(pairs) % 2:
            raise self.fault("expected a value for every key")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[self.key(key)] = self.plain(value)

    def named(self, module: str, name: str) -> None:
        """Push what a name stands for."""
        full = f"{module}.{name}"
        found = self.names.get(full)
        if found is None:
            hint = self.why_not(full)
            raise self.fault(
                f"the file asks for {full}, which is not one of the names that are read; "
                f"nothing was run{'; ' + hint if hint else ''}"
            )
        self.push(found)

    def reduce(self) -> None:
        """Call a function of the table."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Named) or function.call is None:
            raise self.fault(f"expected a function to call, found {self.described(function)}")
        if not isinstance(arguments, tuple):
            raise self.fault(f"expected a tuple of arguments, found {self.described(arguments)}")
        try:
            self.push(function.call(*arguments))
        except FormatError as e:
            raise self.fault(f"{function.name}: {e}") from e
        except TypeError as e:  # the number of arguments; what they are is checked by the function
            raise self.fault(f"{function.name} does not take {len(arguments)} arguments") from e

    def build(self) -> None:
        """The attributes of an ordered dictionary: `_metadata`, which state dicts carry."""
        state = self.pop()
        target = self.top(OrderedDict, "an OrderedDict")
        if not isinstance(state, dict) or set(state) - {"_metadata"}:
            raise self.fault("expected the attribute _metadata of a state dict, found others")
        vars(target).update(state)

    def get(self, index: int) -> None:
        """Push what was remembered."""
        if index not in self.memo:
            raise self.fault(f"nothing was remembered under {index}")
        self.push(self.memo[index])

    def remember(self, index: int) -> None:
        """Note the uppermost value."""
        if not self.stack or self.stack[-1] is MARK:
            raise self.fault("expected an object to remember, found none")
        self.memo[index] = self.stack[-1]

    def long(self, count: int) -> int:
        """An integer of this many bytes."""
        if not 0 <= count <= MOST_DIGITS:
            raise self.fault(f"expected an integer of at most {MOST_DIGITS} bytes, found {count}")
        return int.from_bytes(self.take(count), "little", signed=True)

    def text(self, form: str) -> str:
        """A string after its length."""
        return self.decoded(self.take(self.number(form)))


def _protocol(m: _Machine) -> None:
    version = m.take(1)[0]
    if not 2 <= version <= 5:
        raise m.fault(f"expected pickle protocol 2 to 5, found {version}")


def _append(m: _Machine) -> None:
    value = m.pop()
    m.top(list, "a list").append(m.plain(value))


def _appends(m: _Machine) -> None:
    values = m.to_mark()
    m.top(list, "a list").extend([m.plain(v) for v in values])


def _add_items(m: _Machine) -> None:
    values = m.to_mark()
    m.top(set, "a set").update([m.key(v) for v in values])


def _set_item(m: _Machine) -> None:
    value, key = m.pop(), m.pop()
    m.put(m.top(dict, "a dictionary"), [key, value])


def _set_items(m: _Machine) -> None:
    pairs = m.to_mark()
    m.put(m.top(dict, "a dictionary"), pairs)


def _dict(m: _Machine) -> None:
    made: dict[Any, Any] = {}
    m.put(made, m.to_mark())
    m.push(made)


def _tuple(m: _Machine, count: int | None) -> None:
    if count is None:
        values = m.to_mark()
    else:
        values = [m.pop() for _ in range(count)][::-1]
    # The arguments of a function may be names (of functions, of a storage's type), those of no inner
    # tuple. What is made of them is checked where it becomes a part of the result.
    m.push(
        tuple(
            [v.value if isinstance(v, Named) and v.call is None else _inner(m, v) for v in values]
        )
    )


def _inner(m: _Machine, value: Any) -> Any:
    return m.plain(value) if type(value) is tuple else value


def _global(m: _Machine) -> None:
    module, name = m.line(), m.line()
    m.named(module, name)


def _stack_global(m: _Machine) -> None:
    name, module = m.pop(), m.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise m.fault("expected a module and a name")
    m.named(module, name)


def _persistent(m: _Machine) -> None:
    try:
        m.push(m.persistent(m.pop()))
    except FormatError as e:
        raise m.fault(str(e)) from e


OPCODES: dict[int, Callable[[_Machine], None]] = {
    0x80: _protocol,
    0x95: lambda m: (m.number("<Q"), None)[1],  # FRAME: a hint for readers of streams
    ord("("): lambda m: m.push(MARK),
    ord("0"): lambda m: (m.pop(), None)[1],
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(m.number("<i")),
    ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")),
    0x8A: lambda m: m.push(m.long(m.number("<B"))),
    0x8B: lambda m: m.push(m.long(m.number("<i"))),
    ord("G"): lambda m: m.push(m.number(">d")),
    ord("X"): lambda m: m.push(m.text("<I")),
    0x8C: lambda m: m.push(m.text("<B")),
    0x8D: lambda m: m.push(m.text("<Q")),
    ord("C"): lambda m: m.push(m.take(m.number("<B"))),
    ord("B"): lambda m: m.push(m.take(m.number("<I"))),
    0x8E: lambda m: m.push(m.take(m.number("<Q"))),
    ord("}"): lambda m: m.push({}),
    ord("]"): lambda m: m.push([]),
    ord(")"): lambda m: m.push(()),
    0x8F: lambda m: m.push(set()),
    ord("d"): _dict,
    ord("l"): lambda m: m.push([m.plain(v) for v in m.to_mark()]),
    ord("t"): lambda m: _tuple(m, None),
    0x85: lambda m: _tuple(m, 1),
    0x86: lambda m: _tuple(m, 2),
    0x87: lambda m: _tuple(m, 3),
    ord("a"): _append,
    ord("e"): _appends,
    0x90: _add_items,
    ord("s"): _set_item,
    ord("u"): _set_items,
    ord("q"): lambda m: m.remember(m.number("<B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("h"): lambda m: m.get(m.number("<B")),
    ord("j"): lambda m: m.get(m.number("<I")),
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): lambda m: m.reduce(),
    ord("b"): lambda m: m.build(),
    ord("Q"): _persistent,
}
