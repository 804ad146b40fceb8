"""Products against NumPy in float64: every view, size, finish and processor level.

The reference of a product is einsum over the views that its axes describe, so any product can be
checked; that the views of a convolution are those of a convolution is checked on its own.
"""

import ctypes
import dataclasses
import itertools
import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from compiler.products import (
    DTYPES,
    GUARD,
    HOST,
    TARGETS,
    BiasAndRelu,
    check,
    close,
    convolution,
    input_gradient,
    matrices,
    operands,
    reference,
    run,
    weight_gradient,
)  # fmt: skip

from chainrule.base.errors import ShapeError
from chainrule.compiler.code import DOUBLE, FLOAT, HALF
from chainrule.compiler.product import Axis, Product, Store, oriented, product, slices
from chainrule.compiler.product.stream import streams
from chainrule.compiler.target import Target


@pytest.mark.parametrize("b_turned", [False, True])
@pytest.mark.parametrize("a_turned", [False, True])
@pytest.mark.parametrize("sizes", [(37, 53, 29), (139, 83, 1229)])
def test_any_transposition(sizes, a_turned, b_turned, target):
    check(matrices(*sizes, a_turned, b_turned), target)


@pytest.mark.parametrize(
    "sizes",
    [
        (1, 1, 1), (1, 1, 67), (1, 67, 1), (67, 1, 1), (1, 67, 61), (67, 1, 61), (67, 61, 1),
        (2, 3, 5), (13, 10, 128), (16, 48, 32), (5, 17, 1024), (131, 16, 64), (199, 7, 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("b_turned", [False, True])
def test_sizes(sizes, b_turned, target):
    check(matrices(*sizes, b_turned=b_turned), target)


def test_blocks_that_are_no_multiple_of_what_k_is(target):
    check(matrices(7, 48, 1026), target)
    check(matrices(1, 48, 1026), target)


def test_blocks_of_vectors_along_k(target):
    check(matrices(1, 3, 13001, b_turned=True), target)
    check(matrices(1, 3, 13001, b_turned=True), target, slices=3)


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_vectors_along_k(rows, target):
    k = (Axis(3, 70, 67, 0), Axis(67, 1, 1, 0))
    check(Product(FLOAT, (), (Axis(rows, 300, 0, 5),), (Axis(5, 0, 210, 1),), k), target)


def test_c_in_column_major_order(target):
    check(matrices(37, 41, 29, c_turned=True), target)
    check(matrices(37, 41, 29, b_turned=True, c_turned=True), target)


@pytest.mark.parametrize("b_turned", [False, True])
def test_double(b_turned, target):
    check(matrices(31, 43, 37, b_turned=b_turned, type=DOUBLE), target)
    check(matrices(139, 29, 1229, True, b_turned, type=DOUBLE), target)


@pytest.mark.parametrize("strides", [(1, 1), (0, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize("m", [11, 131])
def test_batches(m, strides, target):
    n, k = 19, 23
    a, b = strides
    batch = (Axis(3, 2 * a * m * k, 2 * b * k * n, 2 * m * n), Axis(2, a * m * k, b * k * n, m * n))
    check(matrices(m, n, k, batch=batch), target)
    check(matrices(m, n, k, b_turned=True, batch=batch), target)


def test_many_small_ones_share_a_task():
    p = matrices(4, 4, 4, batch=[Axis(3001, 16, 16, 16)])
    assert product("f", p, HOST, Store(FLOAT)).main.tasks < 100
    check(p, HOST)


def test_a_batch_that_moves_with_one_operand_only(target):
    p = matrices(131, 19, 23, b_turned=True, batch=[Axis(3, 131 * 23, 0, 131 * 19)])
    tiles = product("f", p, target, Store(FLOAT))
    assert tiles.packed_bytes < 2 * 4 * 23 * 32  # B is packed once, not once a batch
    check(p, target)


def test_an_outer_product_and_a_sum(target):
    p = matrices(7, 19, 1)
    check(Product(FLOAT, (), p.m, p.n, ()), target)
    check(Product(FLOAT, (), (), (), (Axis(1031, 1, 2, 0),)), target)


def test_b_that_does_not_move_with_k(target):
    check(
        Product(FLOAT, (), (Axis(131, 23, 0, 37),), (Axis(37, 0, 2, 1),), (Axis(23, 1, 0, 0),)),
        target,
    )


@pytest.mark.parametrize("type", [FLOAT, DOUBLE])
@pytest.mark.parametrize(("rows", "parts"), [(1, 1), (1, 3), (2, 1), (3, 2), (4, 1)])
def test_few_rows_and_a_large_matrix(rows, parts, type, target):
    p = matrices(rows, 1031, 263, type=type)
    assert streams(p)
    check(p, target, parts)
    check(matrices(rows, 1024, 264, type=type), target, parts)  # nothing is left over


def test_few_rows_in_the_order_of_a_column(target):
    check(matrices(3, 1031, 263, a_turned=True, c_turned=True), target)


def test_a_finish_is_given_whole_lines(target):
    p = matrices(2, 1031, 263)
    a, b = operands(p)
    bias = np.random.default_rng(1).standard_normal(1031).astype(np.float32)
    parts = np.full((3, 2, 1031), np.nan, np.float32)
    finish = BiasAndRelu(FLOAT, [2 * 1031, 1031, 1], [1])
    run(p, a.address, b.address, [parts.ctypes.data, bias.ctypes.data], target, finish, slices=3)
    cut = [0, 88, 176, 263]
    wanted = [a.view[:, i:j] @ b.view[i:j] for i, j in itertools.pairwise(cut)]
    close(p, parts, np.maximum(np.stack(wanted) + bias, 0))


def test_what_is_read_line_by_line():
    assert not streams(matrices(5, 1031, 263))  # enough to compute
    assert not streams(matrices(1, 1031, 67))  # stays in a cache
    assert not streams(matrices(1, 1031, 263, b_turned=True))  # vectors along k do as well
    assert not streams(dataclasses.replace(matrices(1, 1031, 263), steady=(False, True)))


# ----------------------------------------------------------------------------------- convolutions


@pytest.mark.parametrize(("columns", "steps"), [(48 * 9 + 5, 1), (48 * 2 + 16, 4)])
def test_a_kind_of_tile_that_does_little_of_the_sums_has_a_short_loop(columns, steps):
    """Panels of three vectors and a last one of one: how many steps of k stand in its loop."""
    main = product("main", matrices(64, columns, 64), Target.level("avx512"), Store(FLOAT)).main
    loops = [block.count("@llvm.fma") for block in main.code.text().split(".body:")]
    whole, last = [count for count in loops if count]
    assert (whole, last) == (2 * 8 * 3, steps * 8)


@pytest.mark.parametrize(
    "sizes",
    [
        (2, 10, 9, 5, 7, (3, 3)),
        (3, 11, 12, 3, 19, (3, 2), 2),
        (2, 13, 11, 6, 8, (2, 3), 1, 2, 2),
        (2, 6, 6, 67, 70, (3, 3)),
        (2, 6, 5, 523, 5, (3, 2)),  # blocks within the innermost of three axes
        (1, 9, 9, 8, 8, (3, 3), 1, 1, 8),
    ],
)
def test_convolutions(sizes, target):
    check(convolution(*sizes), target)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_of_a_weight(stride, target):
    p = weight_gradient(3, 11, 9, 5, 19, (3, 2), stride)
    for q in (p, p.swapped()):
        check(q, target)
        check(q, target, slices=2)


@pytest.mark.parametrize("sizes", [(2, 5, 7, 3, 11, (3, 2)), (9, 4, 4, 21, 34, (3, 3))])
def test_the_gradient_of_an_input(sizes, target):
    check(input_gradient(*sizes), target)


def beside(p):
    """The product with its lanes along the batch."""
    q = p.side_by_side()
    assert q.beside and q.n[0] in p.batch and not q.batch
    return q


def depthwise(images, height, width, channels, kernel, stride=1):
    """A convolution of each channel by itself, with no columns at all."""
    p = convolution(images, height, width, channels, channels, kernel, stride, groups=channels)
    return dataclasses.replace(p, n=())


@pytest.mark.parametrize(
    "sizes",
    [
        (2, 9, 11, 37, (3, 3)),
        (1, 7, 7, 131, (5, 3), 2),
        (3, 5, 6, 3, (2, 3)),
        (1, 23, 25, 16, (21, 23)),  # more taps than are summed in one block
    ],
)
def test_lanes_along_a_batch(sizes, target):
    p = depthwise(*sizes)
    check(beside(p), target)
    # the gradient of the weight: sums over the positions, which are many
    m = tuple(Axis(x.size, x.a, 0, x.b * sizes[3]) for x in p.k[:2])
    k = tuple(Axis(x.size, x.a, x.c, 0) for x in p.m)
    weight = Product(FLOAT, (Axis(sizes[3], 1, 1, 1),), m, (), k)
    check(beside(weight), target)
    check(beside(weight), target, slices=2)


def test_lanes_along_a_batch_where_that_is_cheaper():
    p = depthwise(2, 19, 19, 64, (3, 3))
    assert oriented(p, HOST) == (beside(p), False)
    turned = p.swapped()
    assert oriented(turned, HOST) == (beside(p), True)
    assert convolution(2, 9, 9, 6, 10, (3, 3), groups=2).side_by_side() is None  # there are columns
    apart = tuple(x._replace(a=x.a * 361) for x in p.batch)
    assert dataclasses.replace(p, batch=apart).side_by_side() is None


def test_the_views_are_those_of_a_convolution():
    images, height, width, ci, co, stride = 2, 9, 7, 3, 5, 2
    p = convolution(images, height, width, ci, co, (3, 3), stride)
    a, b = operands(p)
    x = a.memory.reshape(images, height, width, ci).astype(np.float64)
    w = b.memory.reshape(co, ci, 3, 3).astype(np.float64)
    y = np.zeros((images, 4, 3, co))
    for i in range(3):
        for j in range(3):
            y += x[:, i : i + 7 : stride, j : j + 5 : stride] @ w[:, :, i, j].T
    result = check(p, HOST)
    close(p, result.reshape(y.shape), y)


# ----------------------------------------------------------------------------------- any product


@st.composite
def products(draw):
    """A product of few axes: every operand has them in an order of its own, some with gaps, some
    running backward, some that it does not move with."""
    groups = [draw(st.lists(st.integers(1, 9), max_size=n)) for n in (2, 3, 2, 3)]
    present = {"a": (0, 1, 3), "b": (0, 2, 3), "c": (0, 1, 2)}
    strides = {}
    for name, members in present.items():
        places = [(g, k) for g in members for k in range(len(groups[g]))]
        step = 1
        for g, k in draw(st.permutations(places)):
            strides[name, g, k] = step
            step *= groups[g][k] + draw(st.sampled_from([0, 0, 0, 1]))
            if name != "c":
                strides[name, g, k] *= draw(st.sampled_from([1, 1, 1, 1, -1, 0]))
    axes = [
        tuple([Axis(n, *[strides.get((o, g, k), 0) for o in "abc"]) for k, n in enumerate(sizes)])
        for g, sizes in enumerate(groups)
    ]
    return Product(draw(st.sampled_from([FLOAT, DOUBLE])), *axes)


@hypothesis.given(products(), st.sampled_from(list(TARGETS)), st.integers(1, 3))
def test_any_product(p, level, slices):
    target = TARGETS[level]
    hypothesis.assume(target.vector_bytes <= HOST.vector_bytes)
    check(p, target, slices)


# ----------------------------------------------------------------------------------- finishes


@pytest.mark.parametrize("type", [FLOAT, DOUBLE])
@pytest.mark.parametrize("length", [29, 1300])
@pytest.mark.parametrize("columns", [(3, 21), (3, 32), (64,), (5,)])
def test_a_finish_of_ones_own(columns, length, type, target):
    m, n, k = (3, 7), columns, length
    rows, width = math.prod(m), math.prod(n)
    n_strides = [math.prod(n[i + 1 :]) for i in range(len(n))]
    p = Product(
        type,
        (Axis(2, rows * k, 0, rows * width),),
        (Axis(m[0], m[1] * k, 0, m[1] * width), Axis(m[1], k, 0, width)),
        tuple([Axis(size, 0, s * k, s) for size, s in zip(n, n_strides, strict=True)]),
        (Axis(k, 1, 1, 0),),
    )
    a, b = operands(p)
    bias = np.random.default_rng(1).standard_normal(n).astype(DTYPES[type])
    wider = np.full((2, *m, *n[:-1], n[-1] + 3), GUARD, DTYPES[type])
    c = wider[..., : n[-1]]  # with gaps, so that a vector may not run on into the next row
    c_strides = [s // c.itemsize for s in c.strides]
    finish = BiasAndRelu(type, c_strides, n_strides)
    run(p, a.address, b.address, [c.ctypes.data, bias.ctypes.data], target, finish)
    close(p, c, np.maximum(reference(p, a, b) + bias, 0))
    assert np.all(wider[..., n[-1] :] == GUARD)
    assert finish.sites <= 2  # however many kinds of tiles there are


def test_a_finish_is_given_the_slice(target):
    p = matrices(19, 23, 1300)
    a, b = operands(p)
    bias, c = np.zeros(23, np.float32), np.full((4, 19, 23), np.nan, np.float32)
    finish = BiasAndRelu(FLOAT, [19 * 23, 23, 1], [1])
    run(p, a.address, b.address, [c.ctypes.data, bias.ctypes.data], target, finish, slices=4)
    parts = np.stack([a.view[:, s : s + 325] @ b.view[s : s + 325] for s in range(0, 1300, 325)])
    close(p, c, np.maximum(parts, 0))


def test_sums_are_rounded_to_what_c_holds():
    p = matrices(13, 37, 29)
    a, b = operands(p)
    c = np.zeros((13, 37), np.float16)
    run(p, a.address, b.address, [c.ctypes.data], HOST, Store(HALF))
    np.testing.assert_allclose(c, reference(p, a, b), rtol=1e-3, atol=1e-3)


def test_infinities_stay_in_their_row_and_column(target):
    p = matrices(21, 35, 19, b_turned=True)
    a, b = operands(p)
    a.view[4, 3], b.view[7, 30] = np.inf, np.nan
    c = np.zeros((21, 35), np.float32)
    run(p, a.address, b.address, [c.ctypes.data], target, Store(FLOAT))
    strange = ~np.isfinite(c)
    assert strange[4].all() and strange[:, 30].all() and strange.sum() == 21 + 35 - 1


# ----------------------------------------------------------------------------------- slices, threads


def test_slices_where_c_is_small_and_k_is_long():
    assert slices(matrices(32, 9, 50176)) > 4
    assert slices(matrices(384, 384, 2048)) == 1
    assert slices(matrices(32, 32, 300)) == 1
    assert slices(Product(FLOAT, (), (), (), ())) == 1


@pytest.mark.parametrize("parts", [2, 3, 7, 40])
def test_slices_add_up(parts, target):
    check(matrices(21, 35, 1201, True), target, slices=parts)
    check(matrices(21, 35, 23, True), target, slices=parts)  # more slices than steps: some are zero
    check(matrices(1, 5, 1201, b_turned=True), target, slices=parts)


@pytest.mark.parametrize("p", [matrices(199, 211, 701), weight_gradient(5, 11, 9, 5, 19, (3, 2))])
def test_the_number_of_threads_does_not_change_a_bit(p):
    results = [check(p, HOST, slices=2, threads=threads) for threads in (1, 3, 64)]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_large_work_is_shared():
    tiles = product("f", matrices(2048, 384, 1536), HOST, Store(FLOAT))
    assert tiles.pack is not None and tiles.pack.tasks >= 16 and tiles.main.tasks >= 16


def test_long_sums_are_as_exact_as_blocks_make_them():
    k = 100_000
    p = Product(FLOAT, (), (Axis(1, 0, 0, 0),), (Axis(16, 0, 1, 1),), (Axis(k, 1, 16, 0),))
    a, b = np.ones(k, np.float32), np.full((k, 16), 0.1, np.float32)
    c = np.zeros(16, np.float32)
    run(p, a.ctypes.data, b.ctypes.data, [c.ctypes.data], HOST, Store(FLOAT))
    exact = k * float(np.float32(0.1))
    naive = np.add.accumulate(b[:, 0])[-1]
    assert np.all(abs(c - exact) < 0.02 * abs(naive - exact))


# ----------------------------------------------------------------------------------- memory


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="no mprotect here")
@pytest.mark.parametrize("b_turned", [False, True])
@pytest.mark.parametrize(
    "sizes", [(5, 37, 19), (131, 37, 19), (131, 37, 16), (3, 5, 7), (1, 1031, 263)]
)
def test_nothing_is_read_beyond_an_operand(sizes, b_turned, target, at_the_end_of_memory):
    p = matrices(*sizes, b_turned=b_turned)
    a, b = operands(p)
    c = np.zeros(sizes[:2], np.float32)
    places = [at_the_end_of_memory(x.memory) for x in (a, b)]
    run(p, *places, [c.ctypes.data], target, Store(FLOAT))
    close(p, c, reference(p, a, b))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="no mprotect here")
def test_nothing_is_read_beyond_the_lanes_of_a_batch(target, at_the_end_of_memory):
    p = beside(
        Product(FLOAT, (Axis(37, 1, 1, 1),), (Axis(5, 37, 0, 37),), (), (Axis(7, 37, 37, 0),))
    )
    a, b = operands(p)
    c = np.zeros((5, 37), np.float32)
    places = [at_the_end_of_memory(x.memory) for x in (a, b)]
    run(p, *places, [c.ctypes.data], target, Store(FLOAT))
    close(p, c, reference(p, a, b))


# ----------------------------------------------------------------------------------- choices, errors


def test_the_vectored_operand_is_that_whose_axis_lies_side_by_side():
    p = matrices(64, 300, 128)
    assert oriented(p, HOST) == (p, False)
    assert oriented(p.swapped(), HOST) == (p, True)
    narrow = matrices(300, 1, 128)
    assert oriented(narrow, HOST)[1] is False  # the column would have to be transposed
    row = matrices(1, 300, 128)
    assert oriented(row.swapped(), HOST) == (row, True)
    assert p.swapped().swapped() == p


def test_what_a_product_refuses():
    one = (Axis(2, 1, 0, 1),)
    with pytest.raises(ShapeError, match="an axis of k has size 0, not ≥ 1"):
        Product(FLOAT, (), one, (), (Axis(0, 1, 1, 0),))
    with pytest.raises(
        ShapeError, match="B does not have the axes of m, but its stride is 5 there"
    ):
        Product(FLOAT, (), (Axis(2, 1, 5, 1),), (), ())
