"""Kernels of loops: nothing is written beside a result, whatever the sizes, and faults found once stay found."""

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both
from compiler.programs import Large, large_program

from chainrule import ops
from chainrule.base import dtypes
from chainrule.compiler.loops import LoopKernel
from chainrule.compiler.target import Target
from chainrule.graph import Literal, Program

MARK = 0xA5


def run_between_marks(program, feed, target=None):
    """Results and the arena lie between bytes that must not change."""
    both = Both(program, {}, target)
    held, into = [], []
    for s in program.output_specs:
        size = int(np.prod(s.shape)) * s.dtype.itemsize
        held.append((np.full(size + 256, MARK, np.uint8), size))
        into.append(held[-1][0][128 : 128 + size].view(s.dtype.numpy).reshape(s.shape))
    both.run(feed, into)
    for memory, size in held:
        assert (memory[:128] == MARK).all() and (memory[128 + size :] == MARK).all()


def check(make, target=None):
    b = Large(0)
    outs = make(b)
    assert None not in outs
    run_between_marks(Program(b.inputs, b.equations, outs), b.feed, target)


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 33, 129, 4097, 5000])
def test_nothing_is_written_beside_a_result(n, level):
    """129 = 8 · 16 + 1: LLVM once wrote 4 bytes for the last lane of a half float."""
    kinds = (
        dtypes.float32,
        dtypes.float64,
        dtypes.float16,
        dtypes.bfloat16,
        dtypes.int8,
        dtypes.bool_,
    )

    def make(b):
        x, rows = b.floats((n,)), b.floats((3, n))
        casts = [b.emit(ops.cast, x, dtype=d) for d in kinds]
        halves = b.emit(ops.mul, casts[3], Literal(0.3))
        sums = [b.emit(ops.sum, b.emit(ops.tanh, rows), dim=(d,), keepdim=False) for d in (0, 1)]
        return [
            *casts,
            halves,
            *sums,
            b.emit(ops.cumsum, rows, dim=0),
            b.emit(ops.flip, rows, dims=(1,)),
        ]

    check(make, Target.level(level))


def test_a_sum_that_is_the_same_in_every_lane():
    """A row is reduced, and what follows runs over axes that the reduction does not know."""

    def make(b):
        x = b.emit(ops.sigmoid, b.emit(ops.expand, b.floats((3, 1)), shape=(2, 3, 1)))
        wide = b.emit(ops.expand, x, shape=(3, 2, 3, 7))
        total = b.emit(ops.sum, x, dim=(0, 1), keepdim=True)
        part = b.emit(ops.expand, b.emit(ops.view, x, shape=(1, 2, 3, 1)), shape=(3, 2, 3, 1))
        apart = b.emit(ops.square, b.emit(ops.sub, wide, b.emit(ops.mul, part, Literal(7.0))))
        return [total, x, b.emit(ops.sum, apart, dim=(3,), keepdim=True)]

    check(make)


@pytest.mark.parametrize("name", "sum amax amin any all argmax argmin max_along min_along".split())
@pytest.mark.parametrize("shape", [(3, 1), (1,), (1, 1, 5)])
def test_reductions_of_axes_of_size_one(name, shape):
    def make(b):
        x = b.floats(shape)
        dim = shape.index(1)
        along = dim if name.startswith(("arg", "max_", "min_")) else (dim,)
        y = b.emit(getattr(ops, name), x, dim=along, keepdim=False)
        more = b.values[-1]  # the second of two outputs
        return [y, more, b.emit(ops.add, y, Literal(1)) or y]

    check(make)


def test_a_value_is_broadcast_into_what_it_is_written_to():
    def make(b):
        path = (
            (ops.select, (("dim", 1), ("index", 2))),
            (ops.slice_, (("dim", 0), ("start", 1), ("stop", 4), ("step", 1))),
        )
        x = b.floats((5, 7, 3))
        return [
            b.emit(ops.view_scatter, x, b.floats((3,)), path=path),
            b.emit(ops.view_scatter, x, b.floats(()), path=path),
        ]

    check(make)


def test_random_programs_between_marks():
    for seed in range(3000, 3025):
        run_between_marks(*large_program(seed))


def test_what_is_made_of_a_result_alone_is_computed_where_it_is_read():
    """Adam's (1 − β) g and (1 − β) g² are not written beside the gradient."""
    b = Large(0)
    x, y, m, v = [b.floats(s) for s in ((83, 67), (67, 89), (83, 89), (83, 89))]
    g = b.emit(ops.matmul, x, y)
    first = b.emit(ops.mul, g, Literal(0.1))
    second = b.emit(ops.mul, b.emit(ops.mul, g, Literal(0.01)), g)
    outs = [
        g,
        b.emit(ops.add, b.emit(ops.mul, m, Literal(0.9)), first),
        b.emit(ops.add, b.emit(ops.mul, v, Literal(0.99)), second),
    ]
    both = Both(Program(b.inputs, b.equations, outs), {})
    both.run(b.feed, [None] * 3)
    kinds = [[eq.op.name for eq in s.group.equations] for s in both.native.steps if not s.packs]
    assert kinds[0] == ["matmul"]
    assert sum([kind.count("mul") for kind in kinds]) == 5
    written = {v for s in both.native.steps if not s.packs for v in s.writes}
    assert len(written) == 3


def kernels_of(make):
    """The ops of each kernel that a program becomes, once its results are right."""
    b = Large(0)
    outs = make(b)
    both = Both(Program(b.inputs, b.equations, outs), {})
    both.run(b.feed, [None] * len(outs))
    return [" ".join([eq.op.name for eq in s.group.equations]) for s in both.native.steps]


def test_what_one_loop_alone_reads_of_others_is_computed_in_it():
    """AdamW's parameter that decays and its averages begin from inputs, each by itself; they are one pass."""

    def make(b):
        p, g, m, v = [b.floats((83, 89)) for _ in range(4)]
        p = b.emit(ops.mul, p, Literal(0.99))
        m = b.emit(ops.add, b.emit(ops.mul, m, Literal(0.9)), b.emit(ops.mul, g, Literal(0.1)))
        v = b.emit(
            ops.add, b.emit(ops.abs, v), b.emit(ops.mul, b.emit(ops.mul, g, Literal(0.01)), g)
        )
        step = b.emit(ops.div, m, b.emit(ops.add, b.emit(ops.sqrt, v), Literal(1e-3)))
        return [b.emit(ops.sub, p, step), m, v]

    assert len(kernels_of(make)) == 1


def test_loops_that_two_read_stay_apart():
    def make(b):
        x, y, z = b.floats((83, 89)), b.floats((83, 89)), b.floats((83, 89))
        x = b.emit(ops.sqrt, b.emit(ops.abs, x))
        return [b.emit(ops.add, b.emit(ops.exp, v), x) for v in (y, z)]

    assert kernels_of(make) == ["abs sqrt", "exp add", "exp add"]


def test_a_copy_into_another_order_has_loops_of_its_own():
    """A gradient that lies otherwise than its parameter: the update of it goes along one run of memory."""

    def make(b):
        x = b.emit(ops.tanh, b.emit(ops.permute, b.floats((89, 83)), dims=(1, 0)))
        return [x, b.emit(ops.add, b.emit(ops.exp, b.floats((83, 89))), x)]

    assert kernels_of(make) == ["tanh", "exp add"]


def test_nothing_is_computed_where_it_is_read_before_what_it_needs():
    """Differences of little, masked: the mask's group takes the masked ones in, but not the differences."""

    def make(b):
        x, mask = b.floats((11, 41, 1)), b.emit(ops.tril, b.floats((41, 43)), diagonal=0)
        y = b.emit(ops.sub, x, b.floats((11, 1, 43)))
        masked = b.emit(ops.where, b.emit(ops.ne, mask, Literal(0)), Literal(-1e9), y)
        return [
            b.emit(ops.amax, masked, dim=(2,), keepdim=True),
            b.emit(ops.exp, b.emit(ops.sub, masked, x)),
        ]

    assert "sub" in kernels_of(make)[-1]


@pytest.mark.parametrize(("batch", "kernels"), [(5, ["clone", "add", "mul"]), (3, ["add", "mul"])])
def test_what_would_be_gathered_many_times_is_copied_into_the_order_of_the_loop(batch, kernels):
    """A bias for each place and head, read along the places; two loops read one copy."""

    def make(b):
        bias = b.emit(ops.permute, b.floats((31, 37, 7)), dims=(2, 0, 1))
        x, y = b.floats((batch, 7, 31, 37)), b.floats((batch, 7, 31, 37))
        return [b.emit(ops.add, x, bias), b.emit(ops.mul, y, bias)]

    assert kernels_of(make) == kernels


def test_windows_that_lie_otherwise_than_their_weights_are_read_from_one_copy_of_the_image():
    def make(b):
        image = b.emit(ops.permute, b.floats((2, 29, 31, 5)), dims=(0, 3, 1, 2))
        geometry = {"kernel": (3, 2), "stride": (1, 1), "padding": ((0, 0), (0, 0))}
        windows = b.emit(ops.unfold_windows, image, **geometry, dilation=(1, 2))
        weighed = b.emit(ops.mul, windows, b.floats(windows.spec.shape))
        return [b.emit(ops.sum, weighed, dim=(2, 3), keepdim=False)]

    assert kernels_of(make) == ["clone", "mul sum"]


@pytest.mark.parametrize("level", RUNNABLE)
def test_runs_of_all_lengths_share_one_code(level):
    """A length is an argument; so is how much of it a task takes."""
    b = Large(0, 1 << 20)
    outs = []
    for n in (7, 64, 4097, 70001):
        p = b.floats((n,))
        outs.append(b.emit(ops.sub, p, b.emit(ops.mul, b.emit(ops.tanh, p), Literal(0.1))))
    program = Program(b.inputs, b.equations, outs)
    run_between_marks(program, b.feed, Target.level(level))
    both = Both(program, {}, Target.level(level))
    assert len(both.native.codes) == 1
    assert [s.kernel.tasks for s in both.native.steps] == [1, 1, 2, 18]


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize(("channels", "lanes"), [(64, 16), (32, 16), (16, 8)])
def test_sums_over_rows_read_whole_lines(channels, lanes, level):
    """A unit has a cache line of columns, sixteen, if there are others: if not, half of them."""
    lanes = max(lanes, Target.level(level).vector_bytes // 4)
    b = Large(0)
    total = b.emit(ops.sum, b.floats((501, channels)), dim=(0,), keepdim=False)
    both = Both(Program(b.inputs, b.equations, [total]), {}, Target.level(level))
    both.run(b.feed, [None])
    [name] = both.native.codes
    assert f"load <{lanes} x float>" in both.native.codes[name].text()


@pytest.mark.parametrize(("taps", "turned"), [(500, True), (512, True), (1024, False)])
def test_transposed_lines_fill_up_unless_they_push_each_other_out(taps, turned, monkeypatch):
    """On AVX2, eight lines at a time: rows of 6,144 bytes fall into two sets of the cache (L1), which hold
    sixteen; of 12,288 bytes into one.
    """
    made, write = [], LoopKernel.write
    b = Large(0, 1 << 20)
    y = b.emit(ops.clone, b.emit(ops.permute, b.floats((3, taps, 32)), dims=(2, 1, 0)))
    program = Program(b.inputs, b.equations, [y])
    monkeypatch.setattr(LoopKernel, "write", lambda self: made.append(self.turns) or write(self))
    both = Both(program, {}, Target.level("avx2"))
    both.run(b.feed, [None])
    assert made == [turned]


def test_what_the_next_tile_needs_is_fetched():
    """Beside the sums, at the same place of the next tile; a product that only writes its sums needs nothing."""

    def texts(follow):
        b = Large(0)
        y = follow(b, b.emit(ops.matmul, b.floats((83, 67)), b.floats((67, 89))))
        both = Both(Program(b.inputs, b.equations, [y]), {})
        both.run(b.feed, [None])
        return [both.native.codes[s.name].text() for s in both.native.steps if not s.packs]

    [plain] = texts(lambda b, y: y)
    [added] = texts(lambda b, y: b.emit(ops.sqrt, b.emit(ops.add, y, b.floats((83, 89)))))
    assert "prefetch" not in plain
    assert added.count("call void @llvm.prefetch") >= 2  # what is added, and the result
