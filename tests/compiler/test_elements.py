"""Elements in registers: conversions between all dtypes, division, extremes and powers, on the values where they are special."""

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both
from compiler.programs import Large

from chainrule import ops
from chainrule.base import dtypes
from chainrule.compiler.target import Target
from chainrule.graph import Literal, Program

SPECIAL = (
    0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.5, -2.5, 1e-40, 0.1, -0.3, 7.0, 1e30, 3e38, -1e-45, 0.7, 6.0, 127.9, -128.9, 65504.0,
)  # fmt: skip
NUMBERS = (*dtypes.FLOATS, dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8)


def values_of(dtype):
    """What a dtype has of special values, and integers at its ends."""
    if dtype.is_floating_point:
        with np.errstate(all="ignore"):
            return dtypes.convert(np.array(SPECIAL), dtype)
    ends = np.iinfo(dtype.numpy)
    inside = [v for v in (0, 1, 2, 3, 7, 100, -1, -2, -7) if v >= ends.min]
    return np.array([*inside, ends.min, ends.max, ends.max - 1], dtype.numpy)


def check(make, *arrays, target=None):
    """Results of a few ops on arrays, compiled without NumPy's help, against the interpreter."""
    b = Large(0)
    outs = make(b, *[b.input(a) for a in arrays])
    both = Both(Program(b.inputs, b.equations, outs), {}, target)
    assert all(s.kernel for s in both.native.steps)
    both.run(b.feed, [None] * len(outs))


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.name)
def test_division_rounds_down_as_python_does(dtype, level):
    x = values_of(dtype)

    def make(b, p, q):
        return [b.emit(ops.remainder, p, q), b.emit(ops.floor_divide, p, q)]

    check(make, x[:, None].copy(), x, target=Target.level(level))


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.name)
def test_extremes_and_comparisons(dtype):
    x = values_of(dtype)
    names = "maximum minimum eq ne lt le gt ge".split()

    def make(b, p, q):
        return [b.emit(getattr(ops, name), p, q) for name in names] + [
            b.emit(ops.sign, p),
            b.emit(ops.abs, q),
        ]

    check(make, x[:, None].copy(), x)


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("source", (*NUMBERS, dtypes.bool_), ids=lambda d: d.name)
def test_conversions(source, level):
    x = np.array([True, False]) if source is dtypes.bool_ else values_of(source)
    if source.is_floating_point:  # what does not fit an integer has no value that NumPy promises
        y = dtypes.float32_from_bits(x) if source is dtypes.bfloat16 else x
        fitting = x[np.abs(y) < 100]
    else:
        fitting = x
    integers = (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8)
    if source.is_floating_point:
        integers = integers[:-1]  # nor has a negative number that becomes unsigned

    def make(b, every, some):
        floats = [b.emit(ops.cast, every, dtype=d) for d in (*dtypes.FLOATS, dtypes.bool_)]
        return floats + [b.emit(ops.cast, some, dtype=d) for d in integers]

    check(make, x, fitting, target=Target.level(level))


@pytest.mark.parametrize("dtype", [dtypes.int64, dtypes.int32, dtypes.uint8], ids=lambda d: d.name)
def test_whole_powers(dtype):
    check(
        lambda b, x: [b.emit(ops.pow, x, Literal(n)) for n in (0, 1, 2, 3, 5, 63)], values_of(dtype)
    )
