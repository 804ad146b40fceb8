"""Samples become a batch: structures are kept, arrays are stacked, and what does not fit together is refused."""

from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, ShapeError
from chainrule.data import default_collate, default_convert

Point = namedtuple("Point", "x y")


def test_collate_joins_structures():
    batch = default_collate([{"p": Point(1, 2.5), "t": (np.ones(3, np.float32), "a")}] * 2)
    assert isinstance(batch["p"], Point)
    assert batch["p"].x.dtype == cr.int64
    assert batch["p"].y.dtype == cr.float64
    array, text = batch["t"]
    assert array.shape == (2, 3)
    assert array.dtype == cr.float32
    assert text == ("a", "a")  # of a tuple, as PyTorch has it


@pytest.mark.parametrize(
    ("sample", "dtype", "shape"),
    [
        (cr.ones(3, 5), cr.float32, (2, 3, 5)),
        (np.zeros((3, 0), np.int8), cr.int8, (2, 3, 0)),
        (np.float64(2), cr.float64, (2,)),
        (np.int16(2), cr.int16, (2,)),
        (True, cr.bool, (2,)),
        (3, cr.int64, (2,)),
    ],
)
def test_collate_keeps_dtypes(sample, dtype, shape):
    batch = default_collate([sample, sample])
    assert batch.dtype == dtype
    assert batch.shape == shape


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (
            [np.zeros((3, 5)), np.zeros((5, 3))],
            ShapeError,
            r"same shape, but sample 0 has \(3, 5\) and sample 1 has \(5, 3\)",
        ),
        (
            [cr.zeros(3), cr.zeros(5)],
            ShapeError,
            r"same shape, but sample 0 has \(3,\) and sample 1 has \(5,\)",
        ),
        ([(1, 2), (1,)], ShapeError, "same length, but sample 0 has 2 and sample 1 has 1"),
        (
            [{"a": 1}, {"b": 1}],
            ShapeError,
            r"same set of keys, but sample 0 has \['a'\] and sample 1 has \['b'\]",
        ),
        ([1, 2.0], DTypeError, "sample 0 of the batch is a int, sample 1 a float"),
        ([None, None], DTypeError, "cannot collate samples of type NoneType"),
    ],
)
def test_collate_refuses(samples, error, message):
    with pytest.raises(error, match=message):
        default_collate(samples)


def test_default_convert_leaves_what_is_no_array():
    found = default_convert(
        {"a": (np.ones(2), 3), "p": Point(np.int8(1), "x"), "s": np.array(["x"])}
    )
    assert found["a"][0].tolist() == [1, 1] and found["a"][1] == 3
    assert isinstance(found["p"], Point) and found["p"].x.dtype == cr.int8
    assert found["s"].tolist() == ["x"]
