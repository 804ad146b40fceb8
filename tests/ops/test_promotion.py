"""The dtype of a result, for all pairs of dtypes and ranks: an array with axes, a 0-d array, a Python number.

The table is checked twice: against rules written here in words (quick), and against torch.result_type (full suite).
"""

from __future__ import annotations

import itertools
from operator import floordiv, truediv

import numpy as np
import pytest
from ops.torch_calls import to_torch

import chainrule
from chainrule import ops
from chainrule.base import dtypes
from chainrule.base.errors import DTypeError
from chainrule.ops.record import spec_of
from chainrule.tensors.core import wrap

NUMBERS = (True, 3, 2.5)
SHAPES = ((2,), ())
PROMOTING = (ops.add, ops.mul, ops.maximum, ops.minimum)


def array(dtype, shape):
    """Ones of a dtype, bfloat16 as bits."""
    return dtypes.convert(np.ones(shape, "float32"), dtype)


OPERANDS = [*[array(d, s) for d in dtypes.ALL for s in SHAPES], *NUMBERS]
PAIRS = [
    pair
    for pair in itertools.product(OPERANDS, repeat=2)
    if any(isinstance(x, np.ndarray) for x in pair)
]


def name(x):
    return f"{spec_of(x).dtype.name}{list(x.shape)}" if isinstance(x, np.ndarray) else repr(x)


@pytest.mark.parametrize("op", PROMOTING, ids=lambda op: op.name)
def test_law_and_body_agree_on_all_pairs(op):
    for a, b in PAIRS:
        (said,) = op.infer((a, b), {})
        found = op(a, b)
        assert (found.shape, dtypes.stored(found.dtype)) == (said.shape, said.dtype), (name(a), name(b))  # fmt: skip


def test_the_same_on_tensors():
    for a, b in PAIRS:
        raw = ops.add(a, b)
        found = ops.add(*[wrap(x, None) if isinstance(x, np.ndarray) else x for x in (a, b)])
        assert found.dtype is dtypes.stored(raw.dtype), (name(a), name(b))


def test_a_higher_category_wins_only_over_lower_ranks():
    """float32 · 2.5 stays float32; int64 · 2.5 becomes the default; int8 + int64 0-d stays int8."""
    i, f = array(dtypes.int64, (2,)), array(dtypes.float16, (2,))
    assert ops.mul(f, 2.5).dtype == "float16"
    assert ops.mul(i, 2.5).dtype == "float32"
    assert ops.mul(f, array(dtypes.float64, ())).dtype == "float16"
    assert ops.mul(i, array(dtypes.float16, ())).dtype == "float16"
    assert ops.add(array(dtypes.int8, (2,)), array(dtypes.int64, ())).dtype == "int8"
    assert ops.add(array(dtypes.bool_, (2,)), 3).dtype == "int64"
    assert ops.add(array(dtypes.uint8, (2,)), array(dtypes.int8, (2,))).dtype == "int16"
    assert dtypes.stored(ops.add(f, array(dtypes.bfloat16, (2,))).dtype) is dtypes.float32


def test_the_default_dtype_is_what_integers_become():
    before = chainrule.get_default_dtype()
    try:
        chainrule.set_default_dtype(dtypes.float64)
        assert ops.exp(array(dtypes.int32, (2,))).dtype == "float64"
        assert ops.mul(array(dtypes.int32, (2,)), 2.5).dtype == "float64"
        assert ops.mul(array(dtypes.float32, (2,)), 2.5).dtype == "float32"
    finally:
        chainrule.set_default_dtype(before)


@pytest.mark.parametrize("op", [ops.matmul, ops.div, ops.eq, ops.sum, ops.where], ids=lambda op: op.name)  # fmt: skip
def test_types_of_a_record(op):
    """`same`, `float`, `compare`, `sum`, and promotion of some operands only."""
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        x, y = array(a, (3, 3)), array(b, (3, 3))
        common = dtypes.promote([(a, dtypes.AXES), (b, dtypes.AXES)])
        if op is ops.matmul and (a is not b or a is dtypes.bool_):
            words = "be numbers" if a is b else f"have the same dtype, found {a.name} and {b.name}"
            with pytest.raises(DTypeError, match=words):
                op(x, y)
            continue
        if op is ops.matmul:
            if a is dtypes.bool_:  # not numbers
                with pytest.raises(DTypeError, match="operands must be numbers, found bool"):
                    op(x, y)
                continue
            found, expected = op(x, y), a
        elif op is ops.div:
            found = op(x, y)
            expected = common if common.is_floating_point else dtypes.float32
        elif op is ops.eq:
            found, expected = op(x, y), dtypes.bool_
        elif op is ops.sum:
            found, expected = op(x), a if a.is_floating_point else dtypes.int64
        else:
            found, expected = op(np.eye(3, dtype=bool), x, y), common
        assert dtypes.stored(found.dtype) is expected, (a.name, b.name)


def test_complex_numbers_are_refused_by_name():
    with pytest.raises(DTypeError, match="complex numbers are not supported"):
        chainrule.tensor(np.ones(2, "complex64"))


# --------------------------------------------------------------------------------------------------- against torch


@pytest.mark.parametrize("op", [*PROMOTING, ops.where], ids=lambda op: op.name)
def test_result_type(torch, op):
    """All pairs of dtypes and ranks give what torch.result_type says."""
    condition = (np.array([True, False]),) if op is ops.where else ()
    for a, b in PAIRS:
        expected = torch.result_type(to_torch(torch, a), to_torch(torch, b))
        found = dtypes.stored(op(*condition, a, b).dtype)
        assert f"torch.{found.name}" == str(expected), (name(a), name(b))


def test_bounds_of_clamp(torch):
    for x, low in itertools.product(OPERANDS[:-3], OPERANDS[:-3]):
        if spec_of(x).dtype is dtypes.bool_ and spec_of(low).dtype is dtypes.bool_:
            continue  # torch cannot clamp bools
        expected = torch.clamp(to_torch(torch, x), min=to_torch(torch, low)).dtype
        found = dtypes.stored(ops.clamp(x, low, None).dtype)
        assert f"torch.{found.name}" == str(expected), (name(x), name(low))


@pytest.mark.parametrize("op", [ops.cat, ops.stack], ids=lambda op: op.name)
def test_joining(torch, op):
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        pair = array(a, (2,)), array(b, (3,) if op is ops.cat else (2,))
        f = torch.cat if op is ops.cat else torch.stack
        expected = f([to_torch(torch, x) for x in pair]).dtype
        found = dtypes.stored(op(*pair, dim=0).dtype)
        assert f"torch.{found.name}" == str(expected), (a.name, b.name)


def test_division_and_power(torch):
    for a, b in PAIRS:
        if spec_of(a).dtype is spec_of(b).dtype is dtypes.bool_:
            continue  # torch takes a bool to the power True, but no other
        for op, f in (ops.div, truediv), (ops.pow, pow), (ops.floor_divide, floordiv):
            expected = f(to_torch(torch, a), to_torch(torch, b)).dtype
            found = dtypes.stored(op(a, b).dtype)
            assert f"torch.{found.name}" == str(expected), (op.name, name(a), name(b))


def test_the_derivative_by_the_exponent_of_a_number_keeps_the_dtype_of_the_exponent():
    """Guards against the logarithm of a Python number, which alone is a float32."""
    b = chainrule.tensor([0.7, 1.3], dtype=chainrule.float64, requires_grad=True)
    (2**b).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), 2 ** np.array([0.7, 1.3]) * np.log(2), rtol=1e-14)
    assert (2 ** b.float()).dtype == chainrule.float32
