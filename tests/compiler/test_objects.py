"""The linker: every kind of blank filled in, rights on memory, and objects that are damaged."""

from __future__ import annotations

import ctypes
import gc
import math
import random
import struct
from pathlib import Path

import pytest

from chainrule.base.errors import ChainruleError, DeviceError, FormatError
from chainrule.compiler import objects, toolchain
from chainrule.compiler.objects import Image


def compiled(text: str) -> bytes:
    """The object of a module, for any x86-64."""
    [code] = toolchain.objects(text, "x86-64", "")
    return code


def called(image: Image, name: str, *arguments: int | float, result=ctypes.c_int64):
    """What a function answers; whole numbers and doubles are told apart by their type."""
    types = [ctypes.c_double if isinstance(a, float) else ctypes.c_int64 for a in arguments]
    return ctypes.CFUNCTYPE(result, *types)(image.functions[name])(*arguments)


EVERYTHING = """
declare double @sin(double)
declare double @fmod(double, double)
@table = constant [2 x ptr] [ptr @one, ptr @two]
@wide = constant <16 x float> <float 0.0, float 1.0, float 2.0, float 3.0, float 4.0, float 5.0,
  float 6.0, float 7.0, float 8.0, float 9.0, float 10.0, float 11.0, float 12.0, float 13.0,
  float 14.0, float 15.0>, align 64
@count = global i64 5
@zero = internal global [3000 x i64] zeroinitializer
define i64 @one() {
  ret i64 11
}
define internal i64 @two() noinline {
  ret i64 22
}
define i64 @both(i64 %k) {
  %place = getelementptr [2 x ptr], ptr @table, i64 0, i64 %k
  %f = load ptr, ptr %place
  %y = call i64 %f()
  ret i64 %y
}
define double @outside(double %x) {
  %y = call double @sin(double %x)
  %z = call double @fmod(double %y, double 0.25)
  ret double %z
}
define ptr @where_sin_is() {
  ret ptr @sin
}
define ptr @where_wide_is() {
  ret ptr @wide
}
define i64 @counting() {
  %last = getelementptr [3000 x i64], ptr @zero, i64 0, i64 2999
  %old = load i64, ptr %last
  %new = add i64 %old, 1
  store i64 %new, ptr %last
  %n = load i64, ptr @count
  %m = mul i64 %n, %new
  store i64 %m, ptr @count
  ret i64 %m
}
"""


@pytest.fixture(scope="module")
def everything() -> bytes:
    """An object with every kind of relocation and section."""
    return compiled(EVERYTHING)


def relocations(code: bytes) -> list[tuple[int, int]]:
    """Where the relocations for memory stand in the file, and their types."""
    read, found = objects.Object(code), []
    for table in read._sections:
        if table.type == objects.RELOCATIONS and read._sections[table.info].flags & 2:
            for at in range(table.offset, table.offset + table.size, 24):
                found.append((at, struct.unpack_from("<I", code, at + 8)[0]))
    return found


def test_every_kind_of_blank_is_filled_in(everything):
    kinds = {kind for _, kind in relocations(everything)}
    assert {objects.FULL, objects.NEAR, objects.CALL} <= kinds and kinds & set(objects.SLOT)
    image = Image(everything)
    assert [called(image, "both", k) for k in (0, 1)] == [11, 22]
    y = called(image, "outside", 0.7, result=ctypes.c_double)
    assert y == math.fmod(math.sin(0.7), 0.25)
    sin = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(called(image, "where_sin_is"))
    assert sin(0.7) == math.sin(0.7)
    wide = called(image, "where_wide_is")
    assert wide % 64 == 0
    assert list((ctypes.c_float * 16).from_address(wide)) == list(range(16))


def test_variables_keep_their_values_and_each_image_has_its_own(everything):
    first, second = Image(everything), Image(everything)
    assert [called(first, "counting") for _ in range(3)] == [5, 10, 30]
    assert called(second, "counting") == 5


def test_what_a_module_keeps_to_itself_is_not_offered(everything):
    offered = {"one", "both", "outside", "where_sin_is", "where_wide_is", "counting"}
    assert set(Image(everything).functions) == offered


def rights(address: int) -> str:
    """What may be done with the memory at an address; nothing if there is none."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, stop = [int(end, 16) for end in line.split()[0].split("-")]
        if start <= address < stop:
            return line.split()[1]
    return ""


def test_nothing_is_writable_and_executable_and_memory_is_given_back(everything):
    before = set(Path("/proc/self/maps").read_text().splitlines())
    image = Image(everything)
    new = set(Path("/proc/self/maps").read_text().splitlines()) - before
    assert new and not [line for line in new if line.split()[1].startswith("rwx")]
    code, wide = image.functions["one"], called(image, "where_wide_is")
    assert (rights(code), rights(wide)) == ("r-xp", "r--p")
    del image
    gc.collect()
    assert (rights(code), rights(wide)) == ("", "")


def test_an_image_that_is_refused_gives_its_memory_back():
    code = compiled(
        "declare void @nowhere()\ndefine void @f() {\n call void @nowhere()\n ret void\n}\n"
    )

    def mapped() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    before = mapped()
    for _ in range(50):
        with pytest.raises(ChainruleError, match="^no function nowhere$"):
            Image(code)
    gc.collect()
    assert mapped() < before + 20


def test_hundreds_of_images_at_the_same_time(everything):
    images = [Image(everything) for _ in range(300)]
    assert {called(image, "both", 1) for image in images} == {22}


# ------------------------------------------------------------------------------------------------ damaged objects


@pytest.mark.parametrize(("at", "new"), [
    (0, b"\x7fELG"), (4, b"\1"), (5, b"\2"), (16, b"\2"), (18, b"\xb7"), (58, b"\x39"),
])  # fmt: skip
def test_another_kind_of_file(everything, at, new):
    with pytest.raises(FormatError, match="object code: not a relocatable ELF object for x86-64"):
        Image(everything[:at] + new + everything[at + len(new) :])


def test_an_object_that_is_cut_off(everything):
    for length in [*range(200), *range(200, len(everything), 37), len(everything) - 1]:
        with pytest.raises(FormatError, match=f"would end at byte \\d+ of {length}$"):
            objects.Object(everything[:length])


def test_any_damage_is_an_error_or_harmless(everything):
    draw = random.Random(0)
    refused = 0
    for _ in range(4000):
        damaged = bytearray(everything)
        # what is not code or constants stands in the second half
        at = (
            draw.randrange(64)
            if draw.random() < 0.1
            else draw.randrange(len(damaged) // 4, len(damaged))
        )
        for k in range(draw.choice((1, 4, 8))):
            damaged[(at + k) % len(damaged)] = draw.choice((0, 255, draw.randrange(256)))
        try:
            Image(bytes(damaged))
        except ChainruleError:
            refused += 1
    assert refused > 500


def test_relocations_of_another_type_are_named():
    code = compiled("@x = thread_local global i32 0\ndefine ptr @f() {\n  ret ptr @x\n}\n")
    with pytest.raises(FormatError, match="a relocation of type 19 is not known here"):
        Image(code)


def test_a_place_too_far_away(everything):
    at = next(at for at, kind in relocations(everything) if kind == objects.NEAR)
    far = everything[: at + 16] + struct.pack("<q", 1 << 40) + everything[at + 24 :]
    with pytest.raises(FormatError, match=r"lies \d+ bytes away"):
        Image(far)


def test_a_blank_outside_of_its_section(everything):
    at, _ = relocations(everything)[0]
    with pytest.raises(FormatError, match="a relocation at byte 1099511627776 of"):
        Image(everything[:at] + struct.pack("<Q", 1 << 40) + everything[at + 8 :])


def changed(code: bytes, field: int, new: int, number: int) -> bytes:
    """An object with another number in a section's header; fields lie 8 bytes apart from 8 on."""
    (start,) = struct.unpack_from("<Q", code, 40)
    at = start + 64 * number + field
    return code[:at] + struct.pack("<Q", new) + code[at + 8 :]


def first(code: bytes, kind: int, flags: int = 0) -> int:
    """The number of the first section of a type that has these flags and is not empty."""
    sections = enumerate(objects.Object(code)._sections)
    return next(k for k, s in sections if s.type == kind and s.flags & flags == flags and s.size)


def test_a_section_both_writable_and_executable(everything):
    number = first(everything, 1, objects.EXECUTE)
    flags = objects.ALLOCATE | objects.EXECUTE | objects.WRITE
    with pytest.raises(FormatError, match="both writable and executable"):
        Image(changed(everything, 8, flags, number))


def test_an_object_that_asks_for_all_memory(everything):
    number = first(everything, objects.NO_BITS)
    with pytest.raises(FormatError, match=f"bytes of memory, at most {1 << 30}"):
        Image(changed(everything, 32, 1 << 60, number))


@pytest.mark.parametrize("alignment", [3, 8192])
def test_an_alignment_that_cannot_be(everything, alignment):
    number = first(everything, 1, objects.EXECUTE)
    with pytest.raises(FormatError, match=f"a section aligned to {alignment} bytes"):
        Image(changed(everything, 48, alignment, number))


def test_a_symbol_without_a_name(everything):
    table = objects.Object(everything)._sections[first(everything, objects.SYMBOLS)]
    at = table.offset + table.size - objects.SYMBOL.size
    with pytest.raises(FormatError, match=r"a name at byte 4294967295 of \d+"):
        Image(everything[:at] + b"\xff\xff\xff\xff" + everything[at + 4 :])


def test_another_processor(everything, monkeypatch):
    class Elsewhere:
        machine = "aarch64"

    monkeypatch.setattr(objects.os, "uname", Elsewhere)
    with pytest.raises(DeviceError, match="made for x86-64"):
        Image(everything)
