"""What the torch-shaped functions refuse, in words: an error for each `raise` that a caller can reach."""

import math
import re

import numpy as np
import pytest

import chainrule as cr

X, V, N = cr.ones(3, 5), cr.ones(7), cr.arange(7)
SEQUENCE = cr.tensor([1.0, 2.0, 3.0])

REFUSED = {
    # elementwise
    "isclose of two dtypes": (lambda: cr.isclose(V, N), TypeError, "float32 is compared with int64"),
    "isclose below 0": (lambda: cr.isclose(V, V, rtol=-1.0), IndexError, "tolerances cannot be negative"),
    "fill": (lambda: cr.fill(V, V), ValueError, r"a number or a 0-d tensor, found shape \(7,\)"),
    "heaviside": (lambda: cr.heaviside(V, N), TypeError, "must have one dtype, found float32 and int64"),
    "positive": (lambda: cr.positive(V > 0), TypeError, "found bool"),
    "gcd of floats": (lambda: cr.gcd(V, V), TypeError, "this is for integers, found float32"),
    "gcd of bools": (lambda: cr.gcd(V > 0, V > 0), TypeError, "this is for integers, found bool"),
    "bits of floats": (lambda: cr.bitwise_and(V, V), TypeError, "this is for integers, found float32"),
    "frexp of integers": (lambda: cr.frexp(N), TypeError, "operands must be floating, found int64"),
    "nextafter": (lambda: cr.nextafter(N, N), TypeError, "for floating numbers, found int64 and int64"),
    "integers to −1": (lambda: N**-1, TypeError, "integers to the power -1 are no integers, found int64"),
    "pow_ of integers": (lambda: N.clone().pow_(-2), TypeError, "integers to the power -2"),
    "rounding_mode": (lambda: cr.div(V, V, rounding_mode="up"), ValueError, "None, 'trunc' or 'floor', found 'up'"),
    # segments, grids, masks
    "segments of nothing": (lambda: cr.segment_reduce(V, "sum"), ValueError, "takes lengths or offsets"),
    "segments by index": (lambda: cr.segment_reduce(V, "sum", indices=N), ValueError, "indices are not built"),
    "segments that do not add up": (lambda: cr.segment_reduce(V, "sum", lengths=N), ValueError, "add up to the size of the axis, 7"),
    "segments reduced": (lambda: cr.segment_reduce(V, "any", lengths=cr.tensor([7])), ValueError, "'max' or 'min', found 'any'"),
    "segments of other rows": (
        lambda: cr.segment_reduce(X, "sum", lengths=cr.tensor([5]), axis=1), ValueError, r"offsets must be \(3,\) and one more axis",
    ),
    "a grid of integers": (lambda: cr.histogramdd(cr.ones(3, 5).int(), 2), TypeError, "float32 and float64, found int32"),
    "a grid of a vector": (lambda: cr.histogramdd(V, 2), ValueError, r"takes points \(…, N\), found shape \(7,\)"),
    "a grid and its weights": (lambda: cr.histogramdd(X, 2, weight=V), ValueError, r"each point, \(3,\), found \(7,\)"),
    "a grid of too few axes": (lambda: cr.histogramdd(X, [2, 2]), ValueError, "each of 5 coordinates, found 2"),
    "a grid without bins": (lambda: cr.histogramdd(X, 0), ValueError, "at least one bin, found 0"),
    "a grid and its range": (lambda: cr.histogramdd(X, 2, range=[0, 1]), ValueError, "range is 10 numbers, found 2"),
    "a grid of edges and range": (
        lambda: cr.histogramdd(X, [V] * 5, range=[0.0, 1.0] * 5), ValueError, "the edges are given",
    ),
    "a grid of edges": (lambda: cr.histogramdd(X, [N] * 5), TypeError, "edges are tensors of the input's dtype, float32"),
    "weights of a grid": (
        lambda: cr.histogramdd(X, 2, weight=cr.ones(3).double()), TypeError, "input is float32, but weight float64",
    ),
    "a mask of another shape": (lambda: cr.masked.sum(X[0], mask=X), ValueError, r"the input, \(5,\), found shape \(3, 5\)"),
    "bools below all others": (lambda: cr.masked.amax(V > 0, mask=V > 0), TypeError, "of bools none is the largest"),
    "mean of masked integers": (lambda: cr.masked.mean(N, mask=N > 2), TypeError, "floating numbers, or dtype=…, found int64"),
    "median of no integers": (lambda: cr.masked.median(N, mask=N > 9), TypeError, "no median of no integers"),
    "masked variance": (lambda: cr.masked.var(V, None, True, correction=1), TypeError, "unbiased or correction, not both"),
    "pivots that are no integers": (
        lambda: cr.linalg.ldl_solve(cr.eye(3), cr.ones(3), cr.ones(3, 1)), TypeError, "pivots must be integers, found float32",
    ),
    "ldl of two dtypes": (
        lambda: cr.linalg.ldl_solve(cr.eye(3), cr.arange(3), cr.ones(3, 1).double()), TypeError, "LD is float32, but B float64",
    ),
    "ldl of zeros": (lambda: cr.linalg.ldl_factor(cr.zeros(2, 2)), RuntimeError, "a pivot is 0"),
    # reductions
    "prod of two axes": (lambda: cr.prod(X, (0, 1)), TypeError, "one axis, or None"),
    "nanmean of integers": (lambda: cr.nanmean(N), TypeError, "floating numbers, found int64"),
    "norm": (lambda: cr.norm(X, "two"), ValueError, "knows p = 'fro'.*found 'two'"),
    "renorm p": (lambda: cr.renorm(X, 0, 0, 1.0), ValueError, "p is positive"),
    "renorm of a vector": (lambda: cr.renorm(V, 2, 0, 1.0), ValueError, "at least two axes, found 1"),
    "sum_to_size": (lambda: X.sum_to_size(2), ValueError, "(does|do) not broadcast"),
    "no median": (lambda: cr.tensor([], dtype=cr.int64).median(), ValueError, "no median of no integers"),
    "no median along": (lambda: cr.ones(0, 3).median(0), ValueError, "no median of an empty axis"),
    "no mode": (lambda: cr.ones(0, 3).mode(0), ValueError, "no mode of an empty axis"),
    "kthvalue": (lambda: cr.kthvalue(V, 8), ValueError, "between 1 and the size of the axis, found k=8 for size 7"),
    "quantile of halves": (lambda: cr.quantile(V.half(), 0.5), TypeError, "float32 and float64, found float16"),
    "quantile above 1": (lambda: cr.quantile(V, 1.5), ValueError, "between 0 and 1, found 1.5"),
    "quantile of two dtypes": (lambda: cr.quantile(V, cr.tensor(0.5, dtype=cr.float64)), TypeError, "float32, but q float64"),
    "quantile of a matrix of q": (lambda: cr.quantile(V, X / 9), ValueError, r"a number or a vector, found shape \(3, 5\)"),
    "quantile of nothing": (lambda: cr.quantile(cr.ones(0), 0.5), ValueError, "no quantile of an empty axis"),
    "interpolation": (lambda: cr.quantile(V, 0.5, interpolation="cubic"), ValueError, "one of linear, .* found 'cubic'"),
    "cov of three axes": (lambda: cr.cov(cr.ones(2, 3, 5)), ValueError, "at most two axes, found 3"),
    "cov of bools": (lambda: cr.cov(X > 0), TypeError, "found bool"),
    "cov weights": (lambda: cr.cov(X, aweights=V), ValueError, "each of the 5 observations"),
    "cov weight dtype": (lambda: cr.cov(X, fweights=cr.ones(5)), TypeError, "fweights are integers"),
    "cov negative": (lambda: cr.cov(X, aweights=-cr.ones(5)), ValueError, "aweights cannot be negative"),
    # what runs along an axis
    "diff of 0-d": (lambda: cr.diff(cr.tensor(1.0)), ValueError, "at least one axis"),
    "diff order": (lambda: cr.diff(V, -1), ValueError, "cannot be negative, found -1"),
    "gradient edges": (lambda: cr.gradient(V, edge_order=3), ValueError, "1 or 2, found 3"),
    "gradient spacings": (lambda: cr.gradient(X, spacing=[1.0]), ValueError, "each of 2 axes, found 1"),
    "gradient coordinates": (lambda: cr.gradient(V, spacing=[SEQUENCE]), ValueError, r"7 coordinates .* found shape \(3,\)"),
    "gradient of one": (lambda: cr.gradient(cr.ones(1)), ValueError, "needs 2 elements along an axis, found 1"),
    "trapezoid": (lambda: cr.trapezoid(V, V, dx=2), TypeError, "not both"),
    "trapezoid points": (lambda: cr.trapezoid(X, V), ValueError, "5 points along the axis, but x has 7"),
    "logcumsumexp": (lambda: cr.logcumsumexp(N, 0), TypeError, "must be floating, found int64"),
    # order and counting
    "side": (lambda: cr.searchsorted(SEQUENCE, V, side="up"), ValueError, "'left' or 'right', found 'up'"),
    "sorter shape": (lambda: cr.searchsorted(SEQUENCE, V, sorter=N), ValueError, r"the shape of the sequence, \(3,\), found \(7,\)"),
    "sorter dtype": (lambda: cr.searchsorted(SEQUENCE, V, sorter=SEQUENCE), TypeError, "holds int64 indices, found float32"),
    "number in rows": (lambda: cr.searchsorted(X, 1.0), ValueError, "a number is looked for in a vector"),
    "rows that differ": (lambda: cr.searchsorted(X, cr.ones(2, 4)), ValueError, r"agree .* found \(3, 5\) and \(2, 4\)"),
    "boundaries": (lambda: cr.bucketize(V, X), ValueError, "the boundaries are a vector, found 2 axes"),
    "bincount of floats": (lambda: cr.bincount(V), TypeError, r"a vector of integers, found float32 \(7,\)"),
    "bincount below 0": (lambda: cr.bincount(-N), ValueError, "not negative, found -6"),
    "bincount minlength": (lambda: cr.bincount(N, minlength=-1), ValueError, "cannot be negative, found -1"),
    "bincount weights": (lambda: cr.bincount(N, X), ValueError, r"each element, \(7,\), found \(3, 5\)"),
    "histc bins": (lambda: cr.histc(V, 0), ValueError, "at least one bin, found 0"),
    "histc ends": (lambda: cr.histc(V, 3, 2, 1), ValueError, "ends above its beginning, found 2 and 1"),
    "histc infinite": (lambda: cr.histc(V / 0, 3), ValueError, "finite ends"),
    "histogram of integers": (lambda: cr.histogram(N, 3), TypeError, "float32 and float64, found int64"),
    "histogram bins": (lambda: cr.histogram(V, 0), ValueError, "at least one bin, found 0"),
    "histogram weight": (lambda: cr.histogram(V, 3, weight=X), ValueError, "a weight for each element"),
    "histogram weight dtype": (lambda: cr.histogram(V, 3, weight=V.double()), TypeError, "but weight float64"),
    "histogram edges and range": (lambda: cr.histogram(V, SEQUENCE, range=(0, 1)), ValueError, "the edges are given"),
    "histogram edges dtype": (lambda: cr.histogram(V, SEQUENCE.double()), TypeError, "but bins float64"),
    "unique of nothing": (lambda: cr.unique(cr.ones(3, 0), dim=0), ValueError, "have no elements"),
    "unique_consecutive of nothing": (lambda: cr.unique_consecutive(cr.ones(3, 0), dim=0), ValueError, "have no elements"),
    # creation
    "linspace steps": (lambda: cr.linspace(0, 1, 2.0), TypeError, "an int, found 2.0"),
    "linspace below 0": (lambda: cr.linspace(0, 1, -2), ValueError, "cannot be negative, found -2"),
    "linspace of a vector": (lambda: cr.linspace(V, 1, 2), ValueError, r"a number or a 0-d tensor, found shape \(7,\)"),
    "arange": (lambda: cr.arange(3, 0), ValueError, "leads nowhere"),
    "cartesian_prod": (lambda: cr.cartesian_prod(X), ValueError, r"takes vectors, found shapes \[\(3, 5\)\]"),
    "combinations": (lambda: cr.combinations(X), ValueError, "takes a vector, found 2 axes"),
    "combinations below 0": (lambda: cr.combinations(V, -1), ValueError, "cannot be negative, found -1"),
    "empty_strided": (lambda: cr.empty_strided((2, 3), (1,)), ValueError, "a stride for each size"),
    "empty_permuted": (lambda: cr.empty_permuted((2, 3), (0, 0)), ValueError, "names each of 2 axes once"),
    "layout": (lambda: cr.zeros(2, layout="sparse_coo"), ValueError, "found layout=sparse_coo"),
    # windows
    "window length": (lambda: cr.hann_window(-1), ValueError, "no negative length, found -1"),
    "window dtype": (lambda: cr.hann_window(3, dtype=cr.int64), ValueError, "floating numbers, found dtype int64"),
    "no coefficients": (lambda: cr.signal.windows.general_cosine(5, a=[]), ValueError, "at least one coefficient"),
    "tau": (lambda: cr.signal.windows.exponential(5, tau=0), ValueError, "tau is positive, found 0"),
    "center": (lambda: cr.signal.windows.exponential(5, center=1), ValueError, "center in the middle"),
    "std": (lambda: cr.signal.windows.gaussian(5, std=0), ValueError, "is positive, found 0"),
    "beta": (lambda: cr.signal.windows.kaiser(5, beta=-1), ValueError, "cannot be negative, found -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------- numbers that a dtype does not hold

BEYOND = [
    ("int64", 1e30), ("int64", math.nan), ("int64", -math.inf), ("int32", 2**40), ("int16", 4e4), ("int8", -129),
    ("uint8", 256), ("uint8", -256), ("uint8", -1.5), ("uint8", 255.5), ("float16", 7e4), ("bfloat16", 3.4e38),
    ("float32", 1e39),
]  # fmt: skip
HELD = [
    ("int64", 2**62), ("int64", -(2.0**62)), ("int8", -128), ("uint8", -255), ("bool", 2.5), ("bool", math.nan),
    ("float16", math.inf), ("float16", 65504.0), ("float32", math.nan), ("float64", 1e300),
]  # fmt: skip


def written(m, dtype, value):
    """What writes a number into a tensor, by name."""
    x, mask, index = (
        m.zeros(3, dtype=getattr(m, dtype)),
        m.tensor([True, False, True]),
        m.tensor([0]),
    )
    return {
        "full": lambda: m.full((2,), value, dtype=x.dtype),
        "full_like": lambda: m.full_like(x, value),
        "new_full": lambda: x.new_full((2,), value),
        "fill_": lambda: x.clone().fill_(value),
        "fill": lambda: m.fill(x, value),
        "constant_": lambda: m.nn.init.constant_(x.clone(), value),
        "masked_fill": lambda: x.masked_fill(mask, value),
        "index_fill": lambda: x.index_fill(0, index, value),
        "scatter": lambda: x.scatter(0, index, value),
        "pad": lambda: m.nn.functional.pad(x, (1, 1), value=value),
        "clamp": lambda: x.clamp(max=value),
    }


@pytest.mark.parametrize("dtype, value", BEYOND, ids=str)
def test_a_number_that_the_dtype_does_not_hold_is_not_written(dtype, value):
    ways = written(cr, dtype, value)
    if not dtype.startswith("float") and isinstance(value, float) and dtype != "bfloat16":
        del ways["clamp"]  # a float among integers gives floats
    for way, write in ways.items():
        with pytest.raises(ValueError, match=rf"{dtype} holds .*, found {re.escape(str(value))}"):
            pytest.fail(f"{way} gives {write()}")
    if "float" not in dtype:
        with pytest.raises(ValueError, match=f"{dtype} holds"):
            cr.tensor([1, value], dtype=dtype)
        with pytest.raises(ValueError, match=f"{dtype} holds"):
            cr.zeros(3, dtype=dtype)[1:] = value


@pytest.mark.parametrize("order", [1, -1])
def test_where_chooses_no_number_that_the_dtype_does_not_hold(order):
    x = cr.tensor([1.5, -2.0])
    with pytest.raises(ValueError, match="float32 holds .*, found 1e\\+40"):
        cr.where(x > 0, *(x, 1e40)[::order])
    assert cr.where(x > 0, *(x, math.inf)[::order]).isinf().sum() == 1


@pytest.mark.parametrize("dtype, value", [*BEYOND, *HELD], ids=str)
def test_numbers_are_written_where_torch_writes_them(torch, dtype, value):
    ours, theirs = written(cr, dtype, value), written(torch, dtype, value)
    for way, write in theirs.items():
        try:
            expected = write()
        except (RuntimeError, NotImplementedError):
            if dtype != "bool":  # clamp and pad of bools are taken here
                with pytest.raises(ValueError, match="holds"):
                    ours[way]()
            continue
        found = ours[way]()
        assert str(found.dtype)[10:] == str(expected.dtype)[6:]
        np.testing.assert_array_equal(found.tolist(), expected.tolist(), err_msg=way)


def test_a_number_alone_in_a_half_float_may_be_infinite():
    """As in PyTorch, where it is a tensor of float32 first: masks of −10⁹ are written so."""
    x = cr.zeros(3, dtype=cr.float16)
    x[1:] = -1e9
    assert x.tolist() == [0, -math.inf, -math.inf]
    y = cr.where(x == 0, 1e6, x)
    assert (y.dtype, y.tolist()) == (cr.float16, [math.inf, -math.inf, -math.inf])
    with pytest.raises(ValueError, match="int8 holds -128 to 127, found 300"):
        cr.where(cr.tensor([True]), cr.zeros(1, dtype=cr.int8), 300)


def test_large_integers_keep_their_digits_where_a_float_is_filled_in():
    x = cr.tensor([2**40 + 1, 5])
    assert x.masked_fill(cr.tensor([False, True]), 7.0).tolist() == [2**40 + 1, 7]
    assert cr.fill(x, float(2**40 + 1)).tolist() == [2**40 + 1] * 2
