"""LLVM IR as it is written: types, values, loops. Knows nothing of programs or tensors.

A `Code` is one function being written, as text. Its methods append an instruction and return the
`Value` it makes; control flow is written with `with`:

    c = Code("double", ["ptr", "i64"])
    x, n = c.parameters
    with c.loop(0, n) as i:
        v = c.load(FLOAT, c.at(x, i, 4))
        c.store(c.fadd(v, v), c.at(x, i, 4))
    c.finish()

Values that change in a loop are `c.variable(type, start)`: memory on the stack, which LLVM turns
into registers. A vector type is its element type with a number of lanes; one lane is a scalar.

The only fast-math flag is `contract` (a product and a sum may become one fused instruction), and
only `fmul`, `fadd` and `fsub` carry it.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

__all__ = [
    "BOOL",
    "DOUBLE",
    "FLOAT",
    "HALF",
    "I8",
    "I16",
    "I32",
    "I64",
    "PTR",
    "Code",
    "Type",
    "Value",
]


BITS = {"half": 16, "float": 32, "double": 64, "ptr": 64}
"""The bits of what is not named by them, as i64 is."""


class Type(NamedTuple):
    """An LLVM type: `float`, `<16 x float>`, `ptr`, …"""

    base: str
    lanes: int = 1

    def __str__(self) -> str:
        return self.base if self.lanes == 1 else f"<{self.lanes} x {self.base}>"

    def of(self, lanes: int) -> Type:
        """The same element with another number of lanes."""
        return Type(self.base, lanes)

    @property
    def floating(self) -> bool:
        """Whether elements are floating-point numbers."""
        return self.base in ("float", "double", "half")

    @property
    def bits(self) -> int:
        """The bits of an element."""
        return BITS.get(self.base) or int(self.base[1:])

    @property
    def bytes(self) -> int:
        """The bytes of an element in memory."""
        return max(self.bits // 8, 1)

    @property
    def suffix(self) -> str:
        """As intrinsics name it: `f32`, `v16f32`, `v16i1`."""
        element = {"half": "f16", "float": "f32", "double": "f64", "ptr": "p0"}.get(
            self.base, self.base
        )
        return element if self.lanes == 1 else f"v{self.lanes}{element}"


FLOAT, DOUBLE, HALF = Type("float"), Type("double"), Type("half")
BOOL, I8, I16, I32, I64 = Type("i1"), Type("i8"), Type("i16"), Type("i32"), Type("i64")
PTR = Type("ptr")


class Value(NamedTuple):
    """A value of the function: its text (a name or a constant) and type."""

    text: str
    type: Type

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


def number(value: Any, base: str) -> str:
    """A constant as LLVM writes it. Floating constants are written as the bits of a double."""
    if base == "i1":
        return "true" if value else "false"
    if base == "half":
        return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
    if base == "float":
        value = _as_float32(float(value))
    if base in ("float", "double"):
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    return str(int(value))


def _as_float32(value: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class Variable:
    """A value that changes: memory on the stack that becomes a register."""

    def __init__(self, code: Code, place: Value, type: Type):
        self.code, self.place, self.type = code, place, type

    def get(self) -> Value:
        """What it is at this point."""
        return self.code.load(self.type, self.place)

    def set(self, value: Value) -> None:
        """Change it."""
        self.code.store(value, self.place)


class Code:
    """A function of the module being written: `define TYPE @NAME(PARAMETERS)`."""

    def __init__(self, name: str, parameters: Sequence[Type], result: Type | None = None):
        self.name, self.result = name, result
        self.parameters = [Value(f"%p{k}", t) for k, t in enumerate(parameters)]
        self.head: list[str] = []  # stack slots stand at the entry, so that LLVM can promote them
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.count = 0
        self.block = "entry"
        self.inner: list[Code] = []  # functions that only this one calls

    # ------------------------------------------------------------------------------ text

    def name_new(self) -> str:
        """A fresh name."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text: str, type: Type) -> Value:
        """Append `NAME = text`."""
        name = self.name_new()
        self.lines.append(f"  {name} = {text}")
        return Value(name, type)

    def label(self, name: str) -> None:
        """Start a block; whatever came before falls through to it."""
        if not self.lines or not self.lines[-1].startswith(("  br", "  ret", "  unreachable")):
            self.lines.append(f"  br label %{name}")
        self.lines.append(f"{name}:")
        self.block = name

    def finish(self, value: Value | None = None) -> Code:
        """End the function with its result."""
        self.lines.append("  ret void" if value is None else f"  ret {value}")
        return self

    def text(self, linkage: str = "", attributes: str = "#0") -> str:
        """The function's definition, and those of its inner functions."""
        parameters = ", ".join([str(p) for p in self.parameters])
        head = f"define {linkage}{self.result or 'void'} @{self.name}({parameters}) {attributes} {{"
        inner = [f.text("internal ", "#1") for f in self.inner]
        return "\n".join([*inner, head, "entry:", *self.head, *self.lines, "}", ""])

    def function(self, suffix: str, parameters: Sequence[Type]) -> Code:
        """A function of its own that this one calls, never inlined: what it holds in registers
        does not crowd out what this one does."""
        f = Code(f"{self.name}_{suffix}", parameters)
        self.inner.append(f)
        return f

    def rename(self, name: str) -> None:
        """Another name, for the function and those it has inside."""
        old, self.name = self.name, name
        for f in self.inner:
            before = f.name
            f.rename(name + before.removeprefix(old))
            self.lines = [x.replace(f"@{before}(", f"@{f.name}(") for x in self.lines]
            if before in self.declared:
                del self.declared[before]

    def everything(self) -> list[Code]:
        """This function and those inside."""
        return [self, *[g for f in self.inner for g in f.everything()]]

    # ------------------------------------------------------------------------- constants

    def const(self, value: Any, type: Type) -> Value:
        """A constant; in a vector type, the same in each lane."""
        text = number(value, type.base)
        if type.lanes > 1:
            text = f"splat ({type.base} {text})"
        return Value(text, type)

    def consts(self, values: Sequence, type: Type) -> Value:
        """A vector constant, lane by lane."""
        assert len(values) == type.lanes
        text = ", ".join([f"{type.base} {number(v, type.base)}" for v in values])
        return Value(f"<{text}>", type)

    def i64(self, value: int | Value) -> Value:
        """A Python int as a constant; values as they are."""
        return value if isinstance(value, Value) else Value(str(value), I64)

    # ------------------------------------------------------------------------ arithmetic

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """`op a, b`, elementwise."""
        assert a.type == b.type, f"{op}: {a} and {b}"
        return self.emit(f"{op} {a}, {b.text}", a.type)

    def fadd(self, a: Value, b: Value) -> Value:
        """a + b"""
        return self.binary("fadd contract", a, b)

    def fsub(self, a: Value, b: Value) -> Value:
        """a − b"""
        return self.binary("fsub contract", a, b)

    def fmul(self, a: Value, b: Value) -> Value:
        """a · b"""
        return self.binary("fmul contract", a, b)

    def fdiv(self, a: Value, b: Value) -> Value:
        """a / b"""
        return self.binary("fdiv", a, b)

    def fneg(self, a: Value) -> Value:
        """−a"""
        return self.emit(f"fneg {a}", a.type)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a · b + c, rounded once."""
        return self.intrinsic("fma", a.type, a, b, c)

    def add(self, a: Value | int, b: Value | int) -> Value:
        """a + b of integers; i64 unless a vector is given. Constants are folded."""
        a, b = self.i64(a), self.i64(b)
        if a.text == "0":
            return b
        if b.text == "0":
            return a
        if _is_number(a) and _is_number(b):
            return Value(str(int(a.text) + int(b.text)), a.type)
        return self.binary("add", a, b)

    def mul(self, a: Value | int, b: Value | int) -> Value:
        """a · b of integers; constants are folded."""
        a, b = self.i64(a), self.i64(b)
        if "0" in (a.text, b.text) and a.type == I64:
            return Value("0", I64)
        if a.text == "1":
            return b
        if b.text == "1":
            return a
        if _is_number(a) and _is_number(b):
            return Value(str(int(a.text) * int(b.text)), a.type)
        return self.binary("mul nsw", a, b)

    def sub(self, a: Value | int, b: Value | int) -> Value:
        """a − b of integers."""
        a, b = self.i64(a), self.i64(b)
        if b.text == "0":
            return a
        if _is_number(a) and _is_number(b):
            return Value(str(int(a.text) - int(b.text)), a.type)
        return self.binary("sub", a, b)

    def divmod(self, a: Value | int, n: int) -> tuple[Value, Value]:
        """(a // n, a % n) of a non-negative index."""
        a = self.i64(a)
        if n == 1:
            return a, Value("0", I64)
        if _is_number(a):
            return Value(str(int(a.text) // n), I64), Value(str(int(a.text) % n), I64)
        q = self.binary("udiv", a, self.i64(n))
        return q, self.sub(a, self.mul(q, n))

    def minimum(self, a: Value | int, b: Value | int) -> Value:
        """The smaller of two indices."""
        a, b = self.i64(a), self.i64(b)
        if _is_number(a) and _is_number(b):
            return Value(str(min(int(a.text), int(b.text))), I64)
        return self.select(self.icmp("slt", a, b), a, b)

    def icmp(self, how: str, a: Value, b: Value) -> Value:
        """A comparison of integers: eq ne slt sle sgt sge ult …"""
        return self.emit(f"icmp {how} {a}, {b.text}", BOOL.of(a.type.lanes))

    def fcmp(self, how: str, a: Value, b: Value) -> Value:
        """A comparison of floats: oeq une olt ole ogt oge uno …"""
        return self.emit(f"fcmp {how} {a}, {b.text}", BOOL.of(a.type.lanes))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """a where the condition holds, b elsewhere."""
        return self.emit(f"select {condition}, {a}, {b}", a.type)

    def cast(self, op: str, a: Value, type: Type) -> Value:
        """A conversion: fpext fptrunc sitofp uitofp fptosi zext sext trunc bitcast …"""
        return self.emit(f"{op} {a} to {type}", type)

    def intrinsic(self, name: str, type: Type, *args: Value) -> Value:
        """`llvm.NAME` overloaded on one type: fma, fabs, sqrt, floor, ceil, trunc, rint, …"""
        return self.call(f"llvm.{name}.{type.suffix}", type, *args)

    def call(self, name: str, result: Type | None, *args: Value) -> Any:
        """Call a function, declared at the first use."""
        types = ", ".join([str(a.type) for a in args])
        self.declared.setdefault(name, f"declare {result or 'void'} @{name}({types})")
        text = f"call {result or 'void'} @{name}({', '.join([str(a) for a in args])})"
        if result is None:
            self.lines.append(f"  {text}")
            return None
        return self.emit(text, result)

    # --------------------------------------------------------------------------- vectors

    def splat(self, a: Value, lanes: int) -> Value:
        """A scalar in each lane."""
        if lanes == 1 or a.type.lanes == lanes:
            return a
        t = a.type.of(lanes)
        one = self.emit(f"insertelement {t} poison, {a}, i64 0", t)
        return self.emit(f"shufflevector {one}, {t} poison, <{lanes} x i32> zeroinitializer", t)

    def lanes(self, start: Value, count: int, step: int = 1) -> Value:
        """(start, start + step, start + 2·step, …) as a vector of i64."""
        t = start.type.of(count)
        steps = self.consts([k * step for k in range(count)], t)
        return self.binary("add", self.splat(start, count), steps)

    def extract(self, a: Value, k: int) -> Value:
        """Lane k of a vector."""
        return self.emit(f"extractelement {a}, i64 {k}", a.type.of(1))

    def insert(self, a: Value, x: Value, k: int) -> Value:
        """A vector with lane k replaced."""
        return self.emit(f"insertelement {a}, {x}, i64 {k}", a.type)

    def shuffle(self, a: Value, b: Value, picks: Sequence[int]) -> Value:
        """Lanes picked from a followed by b."""
        picked = ", ".join([f"i32 {k}" for k in picks])
        return self.emit(
            f"shufflevector {a}, {b}, <{len(picks)} x i32> <{picked}>", a.type.of(len(picks))
        )

    def fold(self, a: Value, combine: Any) -> Value:
        """All lanes combined into a scalar, halves onto each other: a fixed tree."""
        while a.type.lanes > 1:
            n = a.type.lanes // 2
            low, high = self.shuffle(a, a, range(n)), self.shuffle(a, a, range(n, 2 * n))
            if n == 1:
                low, high = self.extract(a, 0), self.extract(a, 1)
            a = combine(low, high)
        return a

    def transposed(self, block: Sequence[Value]) -> list[Value]:
        """A square block of vectors turned over: the corners off the diagonal change places, of the
        whole, then of its quarters, and so on."""
        rows, lanes = list(block), len(block)
        half = lanes // 2
        while half:
            low = [j if not j & half else lanes + j - half for j in range(lanes)]
            high = [j + half if not j & half else lanes + j for j in range(lanes)]
            for j in range(lanes):
                if not j & half:
                    a, b = rows[j], rows[j + half]
                    rows[j], rows[j + half] = self.shuffle(a, b, low), self.shuffle(a, b, high)
            half //= 2
        return rows

    # ---------------------------------------------------------------------------- memory

    def at(self, p: Value, index: Value | int, size: int = 1) -> Value:
        """The address p + index · size bytes."""
        offset = self.mul(index, size)
        if offset.text == "0":
            return p
        return self.emit(f"getelementptr i8, ptr {p.text}, {offset}", PTR)

    def load(
        self, type: Type, p: Value, mask: Value | None = None, align: int | None = None
    ) -> Value:
        """Read a scalar or vector; lanes outside of the mask are zero and not read."""
        align = align or type.bytes
        if mask is None:
            return self.emit(f"load {type}, ptr {p.text}, align {align}", type)
        name = f"llvm.masked.load.{type.suffix}.p0"
        self.declared.setdefault(name, f"declare {type} @{name}(ptr, i32, {mask.type}, {type})")
        return self.emit(
            f"call {type} @{name}(ptr {p.text}, i32 {align}, {mask}, {type} zeroinitializer)", type
        )

    def prefetch(self, p: Value) -> None:
        """Bring the line of an address near, if there is memory; the address may be any."""
        name = "llvm.prefetch.p0"
        self.declared.setdefault(name, f"declare void @{name}(ptr, i32, i32, i32)")
        self.lines.append(f"  call void @{name}(ptr {p.text}, i32 0, i32 3, i32 1)")

    def store(
        self, a: Value, p: Value, mask: Value | None = None, align: int | None = None
    ) -> None:
        """Write a scalar or vector; lanes outside of the mask are left alone."""
        align = align or a.type.bytes
        if mask is None:
            self.lines.append(f"  store {a}, ptr {p.text}, align {align}")
            return
        only = _only_lane(mask)
        if only is not None:
            # LLVM (22) would write 4 bytes where it sees that this lane was cut out of 4
            place = self.at(p, only, a.type.bytes)
            self.store(self.extract(a, only), place, align=align)
            return
        name = f"llvm.masked.store.{a.type.suffix}.p0"
        self.declared.setdefault(name, f"declare void @{name}({a.type}, ptr, i32, {mask.type})")
        self.lines.append(f"  call void @{name}({a}, ptr {p.text}, i32 {align}, {mask})")

    def addresses(self, p: Value, indices: Value, size: int) -> Value:
        """A vector of addresses p + index · size bytes, from a vector of i64."""
        t = PTR.of(indices.type.lanes)
        offsets = (
            self.binary("mul", indices, self.const(size, indices.type)) if size > 1 else indices
        )
        return self.emit(f"getelementptr i8, ptr {p.text}, {offsets}", t)

    def gather(self, type: Type, addresses: Value, mask: Value | None = None) -> Value:
        """Read each lane from an address of its own; lanes outside of the mask are zero."""
        name = f"llvm.masked.gather.{type.suffix}.{addresses.type.suffix}"
        m = mask or self.const(True, BOOL.of(type.lanes))
        self.declared.setdefault(
            name, f"declare {type} @{name}({addresses.type}, i32, {m.type}, {type})"
        )
        return self.emit(
            f"call {type} @{name}({addresses}, i32 {type.bytes}, {m}, {type} zeroinitializer)", type
        )

    def scatter(self, a: Value, addresses: Value, mask: Value | None = None) -> None:
        """Write each lane to an address of its own, in the order of the lanes."""
        name = f"llvm.masked.scatter.{a.type.suffix}.{addresses.type.suffix}"
        m = mask or self.const(True, BOOL.of(a.type.lanes))
        self.declared.setdefault(
            name, f"declare void @{name}({a.type}, {addresses.type}, i32, {m.type})"
        )
        self.lines.append(f"  call void @{name}({a}, {addresses}, i32 {a.type.bytes}, {m})")

    def opaque(self, p: Value) -> Value:
        """The same address or index, whose origin LLVM cannot see: what is computed from it is not
        mixed with how it came about. Loop passes take long, and find little, where many addresses
        with a long history meet."""
        if _is_number(p):
            return p
        return self.emit(f'call {p.type} asm "", "=r,0"({p})', p.type)

    def stack(self, bytes: int, align: int = 64) -> Value:
        """Memory that lives while the function runs."""
        name = self.name_new()
        self.head.append(f"  {name} = alloca [{bytes} x i8], align {align}")
        return Value(name, PTR)

    def variable(self, type: Type, start: Value) -> Variable:
        """A value that changes, for loops to carry."""
        name = self.name_new()
        self.head.append(f"  {name} = alloca {type}, align {max(type.bytes * type.lanes, 1)}")
        v = Variable(self, Value(name, PTR), type)
        v.set(start)
        return v

    # --------------------------------------------------------------------------- control

    @contextlib.contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: int = 1) -> Iterator[Value]:
        """`for i in range(start, stop, step)`; start and stop are indices (i64), step positive."""
        start, stop = self.i64(start), self.i64(stop)
        if _is_number(start) and _is_number(stop):
            times = len(range(int(start.text), int(stop.text), step))
            if times == 1:  # no loop: LLVM sees constants
                yield start
                return
        self.count += 1
        name = f"l{self.count}"
        before = self.block
        self.label(f"{name}.before")
        before = self.block
        self.label(f"{name}.head")
        place = len(self.lines)
        self.lines.append("")  # the phi, once the last block of the body is known
        i = Value(f"%{name}.i", I64)
        self.lines.append(f"  %{name}.c = icmp slt {i}, {stop.text}")
        self.lines.append(f"  br i1 %{name}.c, label %{name}.body, label %{name}.end")
        self.label(f"{name}.body")
        yield i
        self.label(f"{name}.next")
        self.lines.append(f"  %{name}.n = add nuw nsw {i}, {step}")
        self.lines.append(f"  br label %{name}.head")
        self.lines[place] = (
            f"  %{name}.i = phi i64 [{start.text}, %{before}], [%{name}.n, %{name}.next]"
        )
        self.label(f"{name}.end")

    @contextlib.contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """`if condition:`"""
        self.count += 1
        name = f"w{self.count}"
        self.lines.append(f"  br {condition}, label %{name}.then, label %{name}.end")
        self.label(f"{name}.then")
        yield
        self.label(f"{name}.end")


def _only_lane(mask: Value) -> int | None:
    """The lane that a constant mask holds, if it is one."""
    lanes = mask.text.strip("<>").split(", ")
    return lanes.index("i1 true") if lanes.count("i1 true") == 1 and len(lanes) > 1 else None


def _is_number(v: Value) -> bool:
    return v.text.lstrip("-").isdigit()


def module(functions: Sequence[Code], globals: Sequence[str] = ()) -> str:
    """The text of a module with these functions, all visible but for their inner ones."""
    every = [g for f in functions for g in f.everything()]
    defined = {f.name for f in every}
    declared: dict[str, str] = {}
    for f in every:
        declared |= {k: v for k, v in f.declared.items() if k not in defined}
    attributes = ["attributes #0 = { nounwind }", "attributes #1 = { nounwind noinline }", ""]
    return "\n".join([*declared.values(), *globals, *[f.text() for f in functions], *attributes])
