"""The dtype table: names, promotion, bfloat16 rounding, and what is refused."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.base import dtypes
from chainrule.base.dtypes import AXES, SCALAR, ZERO_D
from chainrule.base.errors import DTypeError

NAMES = [d.name for d in dtypes.ALL]


@pytest.mark.parametrize("name", NAMES)
def test_a_dtype_is_one_object_however_it_is_named(name):
    """Dtypes are compared with `is`: a copy or an unpickled one that is another object would be unequal to itself."""
    d = dtypes.of(name)
    assert dtypes.of(d) is d and copy.deepcopy(d) is d and pickle.loads(pickle.dumps(d)) is d
    if name != "bfloat16":
        assert dtypes.of(d.numpy) is d and dtypes.of(d.numpy.newbyteorder("S")) is d
    assert repr(d) == f"chainrule.{name}" and d.itemsize == d.numpy.itemsize


@pytest.mark.parametrize("given_", ["complex64", "complex128", complex, np.complex64])
def test_complex_is_refused_by_name(given_):
    with pytest.raises(DTypeError, match="complex numbers are not supported"):
        dtypes.of(given_)


@pytest.mark.parametrize("given_", ["float80", "uint16", object(), "O", np.uint32])
def test_unknown_dtypes_are_refused_and_the_known_ones_listed(given_):
    with pytest.raises(DTypeError, match="known are bool, uint8"):
        dtypes.of(given_)


def test_python_types_name_their_torch_dtype():
    assert dtypes.of(float) is dtypes.default()
    assert dtypes.of(int) is dtypes.int64 and dtypes.of(bool) is dtypes.bool_


def test_default_dtype_is_set_and_put_back():
    try:
        dtypes.set_default("float64")
        assert dtypes.of(float) is dtypes.float64
        assert (
            dtypes.promote([(dtypes.int64, AXES), (dtypes.of_scalar(0.5), SCALAR)])
            is dtypes.float64
        )
    finally:
        dtypes.set_default("float32")
    # the cached promotion of a Python float must not outlive the default it was computed under
    assert dtypes.promote([(dtypes.int64, AXES), (dtypes.of_scalar(0.5), SCALAR)]) is dtypes.float32
    with pytest.raises(DTypeError, match="takes a floating dtype"):
        dtypes.set_default("int64")


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ([("float32", AXES), ("float64", ZERO_D)], "float32"),  # a 0-d tensor does not widen
        ([("float32", AXES), ("float64", AXES)], "float64"),
        ([("int64", AXES), ("float16", ZERO_D)], "float16"),  # but a higher category does
        ([("uint8", AXES), ("int64", SCALAR)], "uint8"),
        ([("bool", AXES), ("int64", SCALAR)], "int64"),
        ([("uint8", AXES), ("int8", AXES)], "int16"),
        ([("float16", AXES), ("bfloat16", AXES)], "float32"),
        ([("int32", ZERO_D), ("float32", SCALAR)], "float32"),
        ([("bool", ZERO_D), ("bool", AXES)], "bool"),
    ],
)
def test_promotion(operands, expected):
    assert dtypes.promote([(dtypes.of(n), rank) for n, rank in operands]).name == expected


@given(st.lists(st.sampled_from(dtypes.ALL), min_size=1, max_size=4))
def test_promotion_does_not_depend_on_the_order_of_two_dtypes(found):
    for a, b in itertools.combinations(found, 2):
        assert dtypes.join(a, b) is dtypes.join(b, a)
        assert dtypes.join(a, dtypes.join(a, b)) is dtypes.join(a, b)


def test_promotion_against_torch(torch):
    """Every pair of dtypes and ranks: the table is torch's."""
    shaped = {AXES: (3,), ZERO_D: ()}
    scalars = {"bool": True, "int64": 2, "float32": 0.5}
    for (a, ra), (b, rb) in itertools.product(itertools.product(NAMES, shaped), repeat=2):
        x = torch.zeros(shaped[ra], dtype=getattr(torch, a))
        y = torch.zeros(shaped[rb], dtype=getattr(torch, b))
        found = dtypes.promote([(dtypes.of(a), ra), (dtypes.of(b), rb)])
        assert f"torch.{found.name}" == str(torch.result_type(x, y)), (a, ra, b, rb)
    for (a, ra), (b, value) in itertools.product(itertools.product(NAMES, shaped), scalars.items()):
        x = torch.zeros(shaped[ra], dtype=getattr(torch, a))
        found = dtypes.promote([(dtypes.of(a), ra), (dtypes.of(b), SCALAR)])
        assert f"torch.{found.name}" == str(torch.result_type(x, value)), (a, ra, b)


# ------------------------------------------------------------------------------------------------------- bfloat16


def nearest_bfloat16(x: float) -> float:
    """By search among the two neighbours, ties to the even mantissa: independent of bit tricks on float32."""
    bits = np.float32(x).view(np.uint32)
    low = int(bits) >> 16
    candidates = [low, low + 1]
    values = [float(np.uint32(c << 16).view(np.float32)) for c in candidates]
    distance = [abs(float(np.float32(x)) - v) if np.isfinite(v) else np.inf for v in values]
    if distance[0] == distance[1]:
        return values[candidates[0] % 2]
    return values[int(distance[1] < distance[0])]


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_bfloat16_rounds_to_nearest_even(x):
    found = dtypes.float32_from_bits(dtypes.bits_from_float32(np.array([x], np.float32)))[0]
    assert float(found) == nearest_bfloat16(x)


def test_bfloat16_ties_go_to_the_even_neighbour():
    """Halfway between two neighbours, from both sides of an even and an odd one; rounding up always would drift."""
    ties = [1 + (k + 0.5) * 2.0**-7 for k in range(8)]
    found = dtypes.float32_from_bits(
        dtypes.bits_from_float32(np.array([*ties, *[-t for t in ties]], np.float32))
    )
    expected = [1 + 2 * round((k + 0.5) / 2) * 2.0**-7 for k in range(8)]
    assert (
        found.tolist()
        == [*expected, *[-e for e in expected]]
        == [nearest_bfloat16(t) for t in [*ties, *[-t for t in ties]]]
    )


def test_bfloat16_keeps_what_is_not_a_number():
    """A NaN whose payload is in the low bits must not become an infinity, nor a large NaN wrap round to zero."""
    nan = np.array([0x7F800001, 0xFFFFFFFF, 0x7FFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(dtypes.float32_from_bits(dtypes.bits_from_float32(nan))).all()
    special = np.array([np.inf, -np.inf, 0.0, -0.0], np.float32)
    back = dtypes.float32_from_bits(dtypes.bits_from_float32(special))
    np.testing.assert_array_equal(back.view(np.uint32), special.view(np.uint32))
    with np.errstate(over="ignore"):
        huge = dtypes.bits_from_float32(np.array([3.4e38], np.float32))
    assert np.isinf(dtypes.float32_from_bits(huge))[0]  # above the largest bfloat16


def test_every_bfloat16_survives_the_way_through_float32():
    bits = np.arange(2**16, dtype=np.uint16)
    values = dtypes.float32_from_bits(bits)
    back = dtypes.bits_from_float32(values)
    finite = ~np.isnan(values)
    np.testing.assert_array_equal(back[finite], bits[finite])
