"""Passes: none changes a value, each does what it is for, and outputs share no memory that they did not share."""

import math

import numpy as np
import pytest
from graph.random_programs import Builder, any_program, smooth_program
from hypothesis import given
from hypothesis import strategies as st
from ops.calls import CALLS

import chainrule as cr
from chainrule import nn, ops
from chainrule.base import dtypes
from chainrule.functional import softmax
from chainrule.graph import Equation, Literal, Program, Var, interpret, trace, verify
from chainrule.graph.passes import (
    ALGEBRA,
    EINSUMS,
    FOLDING,
    JOINS,
    ROUNDING,
    SCATTERS,
    UNITS,
    VIEWS,
    WRITES,
    combined,
    inlined,
    kept_apart,
    live,
    numbers_function,
    rewritten,
    shared,
    simplify,
    split_numbers,
)
from chainrule.graph.specs import output_specs
from chainrule.graph.traced import Interpreted, TracedFunction
from chainrule.nn import functional as F
from chainrule.ops import Spec

F32, I64 = dtypes.float32, dtypes.int64
seeds = st.integers(0, 2**32 - 1)


# ------------------------------------------------------------------------------------------------------------ comparing


def by_elements(program, values):
    """The outputs, every op as a function of its operands' elements: the interpreter, with each value row-major in memory."""
    env = {v.id: x for v, x in zip(program.inputs, values, strict=True)}

    def value(v):
        x = env[v.id] if isinstance(v, Var) else None if v is None else v.value
        return np.array(x, order="C") if isinstance(x, np.ndarray) else x

    for eq in program.equations:
        arguments = [value(v) for v in eq.inputs]
        names = [Var(v.spec) for v in eq.inputs if isinstance(v, Var)]
        fresh = iter(names)
        one = Equation(
            eq.op,
            [next(fresh) if isinstance(v, Var) else v for v in eq.inputs],
            eq.attrs,
            eq.outputs,
            eq.place,
        )
        with np.errstate(all="ignore"):
            given_ = [a for a, v in zip(arguments, eq.inputs, strict=True) if isinstance(v, Var)]
            out = interpret(Program(names, [one], eq.outputs), given_)
        env.update({v.id: y for v, y in zip(eq.outputs, out, strict=True)})
    return [value(v) for v in program.outputs]


def assert_same_bits(before, after, values):
    """Equal bit for bit, but for which NaN a NaN is."""
    for k, (a, b) in enumerate(
        zip(by_elements(before, values), by_elements(after, values), strict=True)
    ):
        assert type(a) is type(b)
        if not isinstance(a, np.ndarray):
            assert repr(a) == repr(b), k
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if a.dtype == dtypes.BF16_BITS:
            a, b = dtypes.convert(a, F32), dtypes.convert(b, F32)
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(a, b, err_msg=f"output {k}")
            a, b = np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)])
        np.testing.assert_array_equal(a, b, err_msg=f"output {k}, the sign of zero")


def assert_close(before, after, values, tolerance=None):
    """Equal to the rounding of the dtype."""
    for a, b in zip(interpret(before, values), interpret(after, values), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        kind = dtypes.stored(a.dtype)
        loose = tolerance or {
            "float64": 1e-12,
            "float32": 1e-5,
            "float16": 4e-3,
            "bfloat16": 3e-2,
        }.get(kind.name, 0)
        a, b = (
            dtypes.convert(x, dtypes.float64).ravel() if kind in dtypes.FLOATS else x.ravel()
            for x in (a, b)
        )
        scale = np.abs(a[np.isfinite(a)]).max(initial=1) if kind in dtypes.FLOATS else 0
        np.testing.assert_allclose(b, a, rtol=loose, atol=loose * scale)


def operations(program):
    return [eq.op.name for eq in program.equations]


# ------------------------------------------------------------------------------------------- no pass changes a value

EXACT = {
    "sharing": shared,
    "dead code": live,
    "folding": lambda p: rewritten(p, FOLDING),
    "algebra": lambda p: rewritten(p, ALGEBRA),
    "views": lambda p: rewritten(p, VIEWS),
    "writes": lambda p: rewritten(p, WRITES),
    "scatters": lambda p: rewritten(live(p), SCATTERS),
    "folding, algebra, views and writes": lambda p: rewritten(
        p, combined(FOLDING, ALGEBRA, VIEWS, WRITES)
    ),
    "all of them": lambda p: live(
        rewritten(
            shared(live(rewritten(shared(p), combined(FOLDING, ALGEBRA, VIEWS, WRITES)))), SCATTERS
        )
    ),
}


@pytest.mark.parametrize("name", EXACT)
@given(seed=seeds)
def test_exact_passes_keep_each_bit_of_random_programs(name, seed):
    program, values = any_program(seed)
    verify(program)
    assert_same_bits(program, kept_apart(program, verify(EXACT[name](program))), values)


ROUNDED = {
    "inlining": inlined,
    "joins": lambda p: rewritten(p, combined(JOINS, UNITS)),
    "rounding": lambda p: rewritten(p, ROUNDING),
    "simplify": simplify,
    "simplify, softmax whole": lambda p: simplify(p, frozenset({"softmax"})),
}


@pytest.mark.parametrize("name", ROUNDED)
@given(seed=seeds)
def test_the_other_passes_keep_values_of_random_programs_to_rounding(name, seed):
    program, values = smooth_program(seed)
    assert_close(program, verify(ROUNDED[name](verify(program))), values, tolerance=1e-4)


def test_random_programs_reach_every_rule():
    """Guards the tests above: a rule that no program meets is not tested by them."""
    met = set()

    def noting(rule):
        def noted(r, eq):
            found = rule(r, eq)
            if found is not None:
                met.add(rule)
            return found

        return noted

    table = combined(FOLDING, ALGEBRA, VIEWS, WRITES, JOINS, UNITS, ROUNDING, SCATTERS)
    watched = {name: tuple([noting(rule) for rule in rules]) for name, rules in table.items()}
    for seed in range(150):
        for make in (any_program, smooth_program):
            rewritten(live(make(seed)[0]), watched)
    missed = {rule.__name__ for rules in table.values() for rule in rules} - {
        rule.__name__ for rule in met
    }
    assert missed == set()


@given(seed=seeds)
def test_simplifying_again_finds_nothing_more(seed):
    once = simplify(any_program(seed)[0])
    assert len(simplify(once).equations) <= len(once.equations)


# --------------------------------------------------------------------------------------------------------- inlining

COMPOSITES = [c for c in CALLS if c[0].composite]


def program_of_call(op, operands, attrs):
    b = Builder(0)
    given_ = [
        None if a is None else b.input(a) if isinstance(a, np.ndarray) else Literal(a)
        for a in operands
    ]
    assert b.emit(op, *given_, **attrs) is not None
    return Program(b.inputs, b.equations, b.equations[-1].outputs), b.feed


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize(
    "op, sample, seed", [pytest.param(*c, id=f"{c[0].name}-{c[2]}") for c in COMPOSITES]
)
def test_every_composite_is_its_definition(op, sample, seed, dtype):
    """Hidden outputs too; half floats are computed in float32, as by the composite itself."""
    draws = sample.draw(seed)
    convert = [isinstance(a, np.ndarray) and a.dtype == np.float64 for a in draws]
    operands = [dtypes.convert(a, dtype) if c else a for a, c in zip(draws, convert, strict=True)]
    program, values = program_of_call(op, operands, sample.attributes)
    for after in (inlined(program), simplify(program)):
        verify(after)
        assert not [eq for eq in after.equations if eq.op.composite]
        assert_close(program, after, values)


def test_definitions_keep_line_and_nested_composites_may_stay_whole():
    def f(x):
        return F.cross_entropy(x, x, reduction="none") + F.softmax(x, 1).sum(1)  # the line

    program = trace(f).capture(cr.ones(2, 6, 5)).program
    assert {eq.op.composite for eq in inlined(program).equations} == {False}
    assert {eq.place for eq in inlined(program).equations} == {eq.place for eq in program.equations}
    some = inlined(program, frozenset({"log_softmax", "softmax"}))
    assert [n for n in operations(some) if n in ("cross_entropy", "log_softmax", "softmax")] == [
        "log_softmax",
        "softmax",
    ]


def test_a_definition_is_traced_once_for_equal_calls():
    calls = []

    def body(*args, **attrs):
        calls.append(args)
        return original(*args, **attrs)

    program = trace(lambda x: F.softmax(F.softmax(x, 1), 1)).capture(cr.ones(11, 13)).program
    original, softmax.body = softmax.body, body
    try:
        inlined(program)
    finally:
        softmax.body = original
    assert len(calls) == 1


# ------------------------------------------------------------------------------------------------- what each rule does


class Small:
    """A program written by hand: inputs by shape, then ops."""

    def __init__(self):
        self.b = Builder(0)

    def x(self, *shape, dtype=F32):
        return self.b.input(dtypes.convert(np.arange(math.prod(shape)).reshape(shape) - 2.0, dtype))

    def __call__(self, op, *operands, **attrs):
        operands = [
            Literal(a) if isinstance(a, bool | int | float | np.ndarray) else a for a in operands
        ]
        y = self.b.emit(op, *operands, **attrs)
        assert y is not None
        return y

    def full(self, *shape, value=0.0, dtype=F32):
        return self(ops.full, shape=shape, value=value, dtype=dtype)

    def simplified(self, *outputs, exact=True):
        before = Program(self.b.inputs, self.b.equations, outputs)
        after = simplify(before)
        if exact:
            assert_same_bits(before, after, self.b.feed)
        return after


def names(make, *shape, exact=True, dtype=F32):
    """The ops that remain of make(program, x)."""
    p = Small()
    return operations(p.simplified(make(p, p.x(*shape, dtype=dtype)), exact=exact))


@pytest.mark.parametrize(
    ("make", "remain"),
    [
        (lambda p, x: p(ops.mul, p(ops.exp, x), 1.0), ["exp"]),
        (lambda p, x: p(ops.mul, 1, p(ops.exp, x)), ["exp"]),
        (lambda p, x: p(ops.mul, p(ops.exp, x), p.full(3, 5, value=1.0)), ["exp"]),
        (lambda p, x: p(ops.mul, p(ops.exp, x), p.full(2, 3, 5, value=1.0)), ["exp", "expand"]),
        (lambda p, x: p(ops.div, p(ops.exp, x), np.array(1.0, np.float32)), ["exp"]),
        (lambda p, x: p(ops.div, x, 4.0), ["mul"]),
        (lambda p, x: p(ops.div, x, 3.0), ["div"]),
        (lambda p, x: p(ops.div, x, 0.0), ["div"]),
        (lambda p, x: p(ops.sub, p(ops.sin, x), 0), ["sin"]),
        (lambda p, x: p(ops.sub, p(ops.sin, x), -0.0), ["sin", "sub"]),
        (lambda p, x: p(ops.add, p(ops.sin, x), -0.0), ["sin"]),
        (lambda p, x: p(ops.add, p(ops.sin, x), 0.0), ["sin", "add"]),
        (lambda p, x: p(ops.add, p(ops.exp, x), p.full(3, 5)), ["exp"]),
        (lambda p, x: p(ops.mul, x, 0.0), ["mul"]),
        (lambda p, x: p(ops.neg, p(ops.neg, p(ops.exp, x))), ["exp"]),
        (lambda p, x: p(ops.pow, x, 2), ["mul"]),
        (lambda p, x: p(ops.pow, x, 2.0), ["mul"]),
        (lambda p, x: p(ops.square, x), ["mul"]),
        (lambda p, x: p(ops.pow, p(ops.exp, x), 1.0), ["exp"]),
        (lambda p, x: p(ops.pow, x, 0.5), ["sqrt"]),
        (lambda p, x: p(ops.pow, x, -1), ["reciprocal"]),
        (lambda p, x: p(ops.pow, x, 3), ["pow"]),
        (lambda p, x: p(ops.pow, x, p.full(3, 5, value=2.0)), ["full", "pow"]),
        (lambda p, x: p(ops.cast, p(ops.exp, x), dtype=F32), ["exp"]),
        (lambda p, x: p(ops.cast, p(ops.cast, p(ops.exp, x), dtype=dtypes.float64), dtype=F32), ["exp"]),
        (lambda p, x: p(ops.cast, p(ops.cast, x, dtype=dtypes.float16), dtype=F32), ["cast", "cast"]),
        (lambda p, x: p(ops.clone, p(ops.clone, p(ops.exp, x))), ["exp"]),
        (lambda p, x: p(ops.where, True, p(ops.exp, x), 0.0), ["exp"]),
        (lambda p, x: p(ops.where, p.full(3, 5, value=False, dtype=dtypes.bool_), x, 2.5), ["full"]),
        (lambda p, x: p(ops.where, p(ops.gt, x, 0), p(ops.exp, x), p(ops.exp, x)), ["exp"]),
        (lambda p, x: p(ops.zeros_like, p(ops.zeros_like, p(ops.exp, x))), ["full"]),
        (lambda p, x: p(ops.mul, p(ops.cast, p.full(3, 5, value=3, dtype=I64), dtype=F32), 0.1), ["full"]),
        (lambda p, x: p(ops.add, x, p.full(3, 5, value=3.0)), ["add"]),
        (lambda p, x: p(ops.sum, p.full(3, 5, value=3.0), dim=(0,), keepdim=False), ["full"]),
        (lambda p, x: p(ops.mul, x, p(ops.exp, np.ones(5, np.float32))), ["mul"]),
        (lambda p, x: p(ops.tril, p.full(3, 5, value=True, dtype=dtypes.bool_), diagonal=0), ["full", "tril"]),
        (lambda p, x: p(ops.view, p(ops.view, x, shape=(15,)), shape=(5, 3)), ["view"]),
        (lambda p, x: p(ops.view, p(ops.view, p(ops.exp, x), shape=(15,)), shape=(3, 5)), ["exp"]),
        (lambda p, x: p(ops.permute, p(ops.permute, p(ops.exp, x), dims=(1, 0)), dims=(1, 0)), ["exp"]),
        (lambda p, x: p(ops.permute, p(ops.view, x, shape=(3, 1, 5)), dims=(1, 0, 2)), ["view"]),
        (lambda p, x: p(ops.expand, p(ops.expand, x, shape=(1, 3, 5)), shape=(2, 3, 5)), ["expand"]),
        (lambda p, x: p(ops.slice_, p(ops.exp, x), dim=1, start=0, stop=5, step=1), ["exp"]),
        (lambda p, x: p(ops.slice_, p(ops.slice_, x, dim=1, start=1, stop=5), dim=1, start=0, stop=4, step=2), ["slice_"]),
        (lambda p, x: p(ops.select, p(ops.slice_, x, dim=1, start=1, stop=5, step=2), dim=1, index=1), ["select"]),
        (lambda p, x: p(ops.slice_, p(ops.cat, p(ops.exp, x), x, dim=0), dim=0, start=0, stop=3), ["exp"]),
        (lambda p, x: p(ops.select, p(ops.stack, x, p(ops.exp, x), dim=0), dim=0, index=1), ["exp"]),
        (lambda p, x: p(ops.sum, p(ops.view, x, shape=(3, 1, 5)), dim=(1,), keepdim=False), ["clone"]),
        (lambda p, x: p(ops.amax, p(ops.exp, p(ops.view, x, shape=(15, 1))), dim=(1,), keepdim=True), ["view", "exp"]),
    ],
)  # fmt: skip
def test_what_a_rule_leaves(make, remain):
    """Each rule, and beside it the case that looks alike but would change a bit."""
    assert names(make, 3, 5) == remain


def test_permutations_of_three_axes_that_are_not_their_own_inverse():
    both = lambda p, x: p(ops.permute, p(ops.permute, x, dims=(1, 2, 0)), dims=(0, 2, 1))  # noqa: E731
    assert names(both, 2, 3, 5) == ["permute"]
    into = lambda p, x: write(p, p.full(5, 2, 3), p(ops.exp, x), permute_path(1, 2, 0))  # noqa: E731
    assert names(into, 2, 3, 5) == ["exp", "permute"]


def test_half_floats_are_inlined_in_float32():
    """Rounding after each op of a definition would lose digits that the composite keeps."""
    p = Small()
    y = p(softmax, p.x(3, 5, dtype=dtypes.bfloat16), dim=1)
    after = p.simplified(y)
    assert operations(after).count("cast") == 2 and after.output_specs[0].dtype is dtypes.bfloat16


@pytest.mark.parametrize(
    ("make", "remain"),
    [
        (lambda p, x: p(ops.add, p(ops.neg, x), 0), ["neg"]),
        (lambda p, x: p(ops.mul, x, 1.0), ["cast"]),
        (lambda p, x: p(ops.pow, x, 2.0), ["pow"]),
        (lambda p, x: p(ops.pow, x, 2), ["mul"]),
        (lambda p, x: p(ops.div, x, 2), ["div"]),
        (lambda p, x: p(ops.cast, p(ops.cast, x, dtype=F32), dtype=I64), ["cast", "cast"]),
        (lambda p, x: p(ops.cast, p(ops.cast, x, dtype=dtypes.int32), dtype=I64), ["cast", "cast"]),
    ],
)
def test_integers_keep_their_dtypes(make, remain):
    """A float beside an integer makes a float: the product with 1.0 is not the integer."""
    left = names(make, 3, 5, dtype=I64)
    assert left == (["mul"] if remain == ["cast"] else remain)


def test_ones_of_another_dtype_are_no_identity():
    p = Small()
    x = p.x(3, 5)
    y = p(ops.mul, x, p.full(3, 5, value=1.0, dtype=dtypes.float64))
    assert y.spec.dtype is dtypes.float64
    after = p.simplified(y)
    assert after.output_specs[0] == y.spec and operations(after)[-1] == "mul"


def test_a_comparison_stays_in_its_dtype():
    """0.1 in float32 is not 0.1 in float64, though either comparison gives bools."""
    p = Small()
    x = p(ops.add, p(ops.mul, p.x(3, 5), 0.0), 0.1)
    y = p(ops.eq, x, p.full(3, 5, value=0.1, dtype=dtypes.float64))
    z = p(ops.eq, x, p.full(3, 5, value=0.1))
    assert [not p.b.known[y.id].any(), p.b.known[z.id].all()] == [True, True]
    assert operations(p.simplified(y, z)).count("full") == 1


def test_the_sum_of_repeated_elements_is_a_product():
    for keepdim in (False, True):
        make = lambda p, x: p(ops.sum, p(ops.expand, x, shape=(7, 3, 5)), dim=(0,), keepdim=keepdim)  # noqa: B023, E731
        assert "expand" not in names(make, 3, 5) and "mul" in names(make, 3, 5)
    both = lambda p, x: p(ops.sum, p(ops.expand, x, shape=(3, 7, 5)), dim=(0, 1), keepdim=False)  # noqa: E731
    assert names(both, 3, 1, 5) == ["sum", "view", "mul"]


def test_a_constant_that_raises_stays_to_raise_when_the_program_runs():
    y = Var(Spec((1, 5), F32))
    operands = [Literal(np.ones((3, 5), np.float32)), Literal(np.array([7]))]
    after = simplify(Program((), [Equation(ops.index, operands, {"dims": (0,)}, [y], None)], (y,)))
    assert operations(after) == ["index"]
    with pytest.raises(cr.ChainruleError, match="index 7 is out of range"):
        interpret(after, ())


def test_large_constants_are_not_computed():
    p = Small()
    y = p(ops.expand, p(ops.exp, np.ones(5, np.float32)), shape=(7, 5))
    big = Literal(np.ones((130, 130), np.float32))
    z = Var(Spec((130, 130), F32))
    program = Program((), [*p.b.equations, Equation(ops.exp, [big], {}, [z], None)], (y, z))
    assert operations(simplify(program)) == ["exp", "clone"]


# --------------------------------------------------------------------------------------------------------- sharing


def test_equal_equations_become_one():
    p = Small()
    x, y = p.x(3, 5), p.x(3, 5)
    out = [p(ops.add, x, y), p(ops.add, y, x), p(ops.sub, x, y), p(ops.sub, y, x)]
    total = [p(ops.sum, p(ops.exp, v), dim=(0,), keepdim=False) for v in out]
    after = p.simplified(*total)
    assert sorted(operations(after)) == [
        "add",
        "clone",
        "exp",
        "exp",
        "exp",
        "sub",
        "sub",
        "sum",
        "sum",
        "sum",
    ]


def test_constants_that_compare_equal_are_not_the_same():
    """0.0 == -0.0 and 1 == 1.0 == True, as keys of a dict too."""
    p = Small()
    x = p.x(3, 5)
    y = [p(ops.div, x, zero) for zero in (0.0, -0.0)]
    z = [p(ops.mul, p.x(3, dtype=I64), one) for one in (2, 2.0)]
    fulls = [p(ops.reciprocal, p(ops.maximum, x, p.full(3, 5, value=v))) for v in (0.0, -0.0)]
    after = shared(Program(p.b.inputs, p.b.equations, (*y, *z, *fulls)))
    assert len(after.equations) == len(p.b.equations)
    assert_same_bits(Program(p.b.inputs, p.b.equations, (*y, *z, *fulls)), after, p.b.feed)


def test_random_numbers_are_shared_if_they_are_the_same_numbers():
    b = Builder(0)
    state = b.input(np.array([7, 0]))
    drawn = [b.emit(ops.uniform, state, shape=(3,), dtype=F32, skip=skip) for skip in (0, 0, 3)]
    total = b.emit(ops.stack, *drawn, dim=0)
    program = Program(b.inputs, b.equations, (total,))
    assert operations(simplify(program)) == ["uniform", "uniform", "stack"]
    assert_same_bits(program, simplify(program), b.feed)


# ---------------------------------------------------------------------------------------- writes, joins and scatters


def test_writes_that_reach_all_are_the_value():
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), slice_path(0, 0, 3)), 3, 5) == [
        "exp"
    ]
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), permute_path(1, 0)), 5, 3) == [
        "exp",
        "permute",
    ]
    assert names(lambda p, x: write(p, p.full(1, 5), p(ops.exp, x), select_path(0, 0)), 5) == [
        "exp",
        "view",
    ]
    assert names(lambda p, x: write(p, p.full(3, 5), p(ops.exp, x), slice_path(0, 0, 3)), 5) == [
        "exp",
        "expand",
    ]
    assert names(lambda p, x: write(p, x, 2.5, slice_path(0, 0, 3)), 3, 5) == ["view_scatter"]
    assert names(
        lambda p, x: write(p, p.full(3, 3), x, (ops.diagonal, {"offset": 0, "dim1": 0, "dim2": 1})),
        3,
    ) == ["full", "view_scatter"]


def write(p, x, value, *path):
    return p(
        ops.view_scatter, x, value, path=tuple([(op, tuple(attrs.items())) for op, attrs in path])
    )


def slice_path(dim, start, stop, step=1):
    return ops.slice_, {"dim": dim, "start": start, "stop": stop, "step": step}


def select_path(dim, index):
    return ops.select, {"dim": dim, "index": index}


def permute_path(*dims):
    return ops.permute, {"dims": dims}


def test_writes_of_slices_that_reach_all_are_a_join():
    def halves(p, x):
        y = write(p, p.full(3, 10), x, slice_path(1, 0, 5))
        return write(p, y, p(ops.exp, x), slice_path(1, 5, 10))

    assert names(halves, 3, 5) == ["exp", "cat"]

    def overwritten(p, x):
        y = write(p, p.x(3, 10), x, slice_path(1, 0, 5))
        y = write(p, y, p(ops.exp, x), slice_path(1, 0, 5))
        return write(p, y, p(ops.sin, x), slice_path(1, 5, 10))

    assert names(overwritten, 3, 5) == ["exp", "sin", "cat"]

    def overlapping(p, x):
        y = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return write(p, y, p(ops.exp, x), slice_path(1, 3, 8))

    def as_long_as_all(p, x):
        y = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return write(
            p, y, p(ops.exp, p(ops.slice_, x, dim=1, start=0, stop=3)), slice_path(1, 3, 6)
        )

    assert "cat" not in names(as_long_as_all, 3, 5)
    assert names(overlapping, 3, 5) == ["full", "view_scatter", "exp", "view_scatter"]

    def rows(p, x):
        y = p.full(2, 5)
        for k in (1, 0):
            y = write(p, y, p(ops.select, x, dim=0, index=k), select_path(0, k))
        return y

    assert names(rows, 3, 5) == ["select", "select", "view", "view", "cat"]


def test_the_gradient_of_slices_is_a_join():
    """The q, k and v of one projection: a sum of three nearly empty tensors."""

    def f(x):
        x = x.detach().requires_grad_()
        q, k, v = x.split(5, 1)
        (g,) = cr.grad((q * k.exp() + v.sin()).sum(), x)
        return g

    x = cr.randn(3, 15)
    program = trace(f).capture(x).program
    assert operations(program).count("view_scatter") == 3
    after = simplify(program)
    assert operations(after).count("cat") == 1 and not {"view_scatter", "full"} & set(
        operations(after)
    )
    assert_close(program, after, [x.numpy()])


def test_slices_that_overlap_are_added():
    def both(p, x):
        a = write(p, p.full(3, 8), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 8), p(ops.exp, x), slice_path(1, 3, 8)))

    assert "cat" not in names(both, 3, 5)

    def gap(p, x):
        a = write(p, p.full(3, 12), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 12), p(ops.exp, x), slice_path(1, 6, 11)))

    assert names(gap, 3, 5) == ["exp", "full", "cat"]

    def not_zero(p, x):
        a = write(p, p.full(3, 10, value=1.0), x, slice_path(1, 0, 5))
        return p(ops.add, a, write(p, p.full(3, 10), p(ops.exp, x), slice_path(1, 5, 10)))

    assert "cat" not in names(not_zero, 3, 5)


def test_a_scatter_is_a_selection_where_a_gather_checks_its_index():
    def loss(x, y):
        x = x.detach().requires_grad_()
        (g,) = cr.grad(F.cross_entropy(x, y), x)
        return g

    x, y = cr.randn(7, 5), cr.tensor([0, 4, 2, 1, 3, 0, 4])
    program = trace(loss).capture(x, y).program
    after = simplify(program)
    assert "scatter" in operations(program) and "scatter" not in operations(after)
    assert_close(program, after, [x.numpy(), y.numpy()])
    with pytest.raises(cr.ChainruleError, match="out of range"):
        after(x.numpy(), np.full(7, 5))


def test_a_scatter_stays_where_nothing_else_would_refuse_its_index():
    def put(p, checked):
        x, at = p.x(3, 5), p.b.input(np.array([[0], [4], [2]]))
        if checked == "wider":
            p(ops.gather, p.x(3, 7), at, dim=1)
        source = p(ops.gather, x, at, dim=1) if checked == "same" else p.x(3, 1)
        return p(ops.scatter, x, at, source, dim=1)

    for checked, remain in ((None, True), ("wider", True), ("same", False)):
        p = Small()
        y = put(p, checked)
        keep = [eq.outputs[0] for eq in p.b.equations if eq.op is ops.gather]
        after = p.simplified(y, *keep)
        assert ("scatter" in operations(after)) is remain
    p = Small()
    y = put(p, "same")
    p.b.equations[0].attrs["dim"] = 1
    dead = Program(p.b.inputs, [p.b.equations[0], *p.b.equations[1:]], (y,))
    assert "gather" in operations(simplify(dead))


# ----------------------------------------------------------------------------------------------------------- outputs


def test_outputs_share_memory_only_where_they_did():
    def f(x, w):
        y = x * 2
        old = w.clone()
        flat = x.t().clone().view(-1)
        w.mul_(y)
        return y, y.clone(), x * 1, old, flat, y.view(-1), x.clone().view(-1)

    traced = trace(f)
    x, w = cr.randn(3, 5), cr.randn(3, 5)
    program = traced.capture(x, w).program
    after = simplify(program)
    values = [x.numpy().copy(), w.numpy().copy()]
    before, now = program(*values), after(*values)
    for k, (a, b) in enumerate(zip(before, now, strict=True)):
        np.testing.assert_array_equal(a, b)
        for v in values:
            assert np.shares_memory(a, v) == np.shares_memory(b, v), k
    shared_before = {
        (i, j) for i, a in enumerate(before) for j, b in enumerate(before) if np.shares_memory(a, b)
    }
    assert shared_before == {
        (i, j) for i, a in enumerate(now) for j, b in enumerate(now) if np.shares_memory(a, b)
    }


def test_outputs_are_never_constants():
    p = Small()
    y = p(ops.add, np.ones(3, np.float32), 1.0)
    (out,) = simplify(Program((), p.b.equations, (y,))).outputs
    assert isinstance(out, Var)


def test_inputs_stay_even_if_nothing_reads_them():
    p = Small()
    x, y = p.x(3), p.x(5)
    assert simplify(Program((x, y), (), (y,))).inputs == (x, y)
    after = simplify(Program((x, y), (), (y, None, Literal(2.5))))
    assert after.outputs[0] is y and after.outputs[1] is None and after.outputs[2].value == 2.5


# ------------------------------------------------------------------------------------------------------------- loops


def test_the_body_of_a_loop_is_simplified():
    def f(x, w):
        w = w.detach().requires_grad_()
        (c,), (ys,) = cr.scan(
            lambda c, s: ((F.softmax(c[0] * 1 + s[0] @ w, 1),), (c[0].clone(),)), (x[0],), (x,)
        )
        (g,) = cr.grad((c * c).sum() + ys.sum(), w)
        return c, ys, g

    x, w = cr.randn(3, 5, 5), cr.randn(5, 5)
    program = trace(f).capture(x, w).program
    after = simplify(program)
    bodies = [eq.attrs["body"] for eq in after.equations if eq.op.name == "scan"]
    assert len(bodies) == 2
    for body in bodies:
        assert not [eq for eq in body.equations if eq.op.composite]
    assert_close(program, after, [x.numpy(), w.numpy()])


# ----------------------------------------------------------------------------------------------------------- numbers


@given(seed=seeds)
def test_numbers_are_computed_as_the_interpreter_does(seed):
    program, values = any_program(seed)
    numbers, rest = split_numbers(program)
    assert len(numbers) + len(rest) == len(program.equations)
    outputs = [eq.outputs[0] for eq in numbers]
    weak = [v for v in program.inputs if v.spec.weak]
    feed = [x for v, x in zip(program.inputs, values, strict=True) if v.spec.weak]
    found = numbers_function(numbers, weak, outputs)(feed)
    assert [repr(v) for v in found] == [
        repr(v) for v in interpret(Program(weak, numbers, outputs), feed)
    ]


def test_numbers_divide_by_zero_and_overflow_as_numpy_does():
    b = Builder(0)
    x, zero, n = b.input(2.5), b.input(0.0), b.input(3)
    out = [
        b.emit(ops.div, x, zero), b.emit(ops.div, zero, zero), b.emit(ops.div, x, Literal(3)), b.emit(ops.pow, x, n),
        b.emit(ops.sub, n, Literal(1)), b.emit(ops.mul, n, Literal(True)), b.emit(ops.sqrt, x), b.emit(ops.maximum, x, n),
        b.emit(ops.mul, b.emit(ops.mul, x, Literal(1e300)), Literal(1e300)), n, Literal(0.5),
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        found = numbers_function(b.equations, b.inputs, out)(b.feed)
        wanted = interpret(Program(b.inputs, b.equations, out), b.feed)
    assert [repr(v) for v in found] == [repr(v) for v in wanted]
    assert found[0] == math.inf and math.isnan(found[1])
    assert numbers_function([], [], [])([]) == ()


# ---------------------------------------------------------------------------------------------------- training steps


def training_step(model, batch):
    optimizer = cr.optim.AdamW(model.parameters(), lr=1e-2)

    def step():
        optimizer.zero_grad()
        loss = batch(model)
        loss.backward()
        optimizer.step()
        return loss

    return step


class Sequence(nn.Module):
    """An embedding, a block of attention, an LSTM and a head."""

    def __init__(self):
        super().__init__()
        self.embedding, self.norm = nn.Embedding(11, 6), nn.LayerNorm(6)
        self.qkv, self.rnn, self.head = (
            nn.Linear(6, 18),
            nn.LSTM(6, 5, batch_first=True),
            nn.Linear(5, 11),
        )

    def forward(self, i):
        x = self.embedding(i)
        q, k, v = self.qkv(self.norm(x)).split(6, 2)
        x = x + F.gelu(F.scaled_dot_product_attention(q, k, v, is_causal=True), approximate="tanh")
        return self.head(self.rnn(x)[0])


def images():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(27, 7)
    )  # fmt: skip
    x, y = cr.randn(5, 1, 6, 6), cr.tensor([0, 3, 6, 1, 2])
    return net, lambda m: F.cross_entropy(m(x), y)


def sequences():
    i = cr.randint(0, 11, (2, 7))
    return Sequence(), lambda m: F.cross_entropy(m(i).view(-1, 11), i.view(-1))


@pytest.mark.parametrize("make", [images, sequences])
def test_a_whole_training_step_keeps_its_values(make):
    cr.manual_seed(0)
    runs = []

    class Recording(Interpreted):
        def run(self, values, into):
            runs.append(
                (self.program, [np.copy(v) if isinstance(v, np.ndarray) else v for v in values])
            )
            return super().run(values, into)

    traced = TracedFunction(training_step(*make()), Recording)
    for _ in range(3):
        traced()
    program, values = runs[-1]
    after = simplify(program)
    assert len(after.equations) < len(program.equations)
    assert len(split_numbers(after)[0]) < 20 < len(split_numbers(program)[0])
    assert_close(program, after, values, tolerance=2e-4)
    for whole in ({"attention", "layer_norm"}, {"batch_norm", "cross_entropy"}):
        some = simplify(program, frozenset(whole))
        assert {eq.op.name for eq in some.equations if eq.op.composite} == whole & {
            eq.op.name for eq in program.equations
        }
        assert_close(program, some, values, tolerance=2e-4)


@pytest.mark.parametrize("half", [cr.bfloat16, cr.float16])
def test_products_of_half_floats_are_products_of_float32(half):
    """To the bit, and with the numbers that a body computes in float32."""
    rng = np.random.default_rng(5)
    x, w = (cr.tensor(rng.standard_normal(s), dtype=half) for s in ((3, 2, 7), (5, 2, 3)))

    def f(x, w):
        y = cr.nn.functional.conv1d(x, w)
        return y, y @ y.mT, cr.einsum("boi,bpi->bop", y, y)

    program = trace(f).capture(x, w).program
    simple = simplify(program)
    dtypes = {eq.outputs[0].spec.dtype for eq in simple.equations if eq.op.name != "cast"}
    assert cr.float32 in dtypes
    for eq in simple.equations:
        if eq.op.name in ("matmul", "einsum", "conv"):
            assert {v.spec.dtype for v in (*eq.inputs, *eq.outputs)} == {cr.float32}
    values = [x.read(), w.read()]
    for a, b in zip(interpret(simple, values), interpret(program, values), strict=True):
        np.testing.assert_array_equal(a, b)


EINSUMS_APART = {  # what is left of each, by the names of ops
    "ij,jk,kl->il": ["einsum", "einsum"],
    "bqhd,bhde,bqh->bqhe": ["mul", "einsum"],
    "bi,bi->b": ["mul", "sum"],
    "bij,bij->": ["mul", "sum"],
    "bij,bj->bij": ["mul"],
    "bij,jb->jbi": ["mul"],
    "ijk->ki": ["sum", "permute"],
    "ij,jk->ik": ["einsum"],
    "ijm,jkn->ik": ["sum", "sum", "einsum"],
    "i,j->ij": ["einsum"],
    "bi,bj,bk->bijk": ["einsum", "einsum"],
    "->": [],
    ",i->i": ["mul"],
}


@pytest.mark.parametrize("equation", EINSUMS_APART)
def test_einsums_are_taken_apart(equation):
    sizes = dict(zip("bdehijklmnq", (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31), strict=True))
    names = equation.partition("->")[0].split(",")
    rng = np.random.default_rng(0)
    values = [rng.standard_normal([sizes[c] for c in s]) for s in names]
    inputs = [Var(Spec(v.shape, dtypes.float64)) for v in values]
    (out,) = output_specs(ops.einsum, tuple([v.spec for v in inputs]), {"equation": equation})
    eq = Equation(ops.einsum, inputs, {"equation": equation}, (Var(out),), None)
    program = Program(inputs, [eq], eq.outputs)
    found = verify(live(rewritten(program, EINSUMS)))
    left = [e.op.name for e in found.equations if e.op.name != "view"]
    assert [
        n for n in left if n != "permute" or "permute" in EINSUMS_APART[equation]
    ] == EINSUMS_APART[equation]
    assert_close(program, kept_apart(program, found), values, tolerance=1e-10)
