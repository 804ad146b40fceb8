"""What each rule of the passes makes of a small program, and what it leaves alone."""

import numpy as np
import pytest
from graph.random_programs import Builder
from graph.small_programs import (
    F32,
    I64,
    Small,
    assert_close,
    assert_same_bits,
    names,
    operations,
    permute_path,
    write,
)

import chainrule as cr
from chainrule import ops
from chainrule.base import dtypes
from chainrule.functional import softmax
from chainrule.graph import Equation, Literal, Program, Var, interpret, trace, verify
from chainrule.graph.passes import EINSUMS, kept_apart, live, rewritten, shared, simplify
from chainrule.graph.specs import output_specs
from chainrule.ops import Spec


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


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("rows", [(), (2,)])
def test_places_among_few_edges_are_counted(right, rows):
    """NaN lies behind all numbers and equals itself, among edges and among values."""
    search = lambda p, x: p(ops.searchsorted, p.x(*rows, 5), x, right=right)  # noqa: E731
    assert "searchsorted" not in names(search, *rows, 7)
    many = lambda p, x: p(ops.searchsorted, p.x(257), x, right=right)  # noqa: E731
    assert names(many, 7) == ["searchsorted"]
    p = Small()
    edges, values = p.x(*rows, 5), p.x(*rows, 7)
    found = p(ops.searchsorted, edges, values, right=right)
    program = Program(p.b.inputs, p.b.equations, [found])
    given = [
        np.broadcast_to(np.array(row, np.float32), (*rows, len(row)))
        for row in ([-1.0, 0, 0, 2, np.nan], [-3, -1, 0, 5, np.nan, np.inf, -np.inf])
    ]
    for each in (program, simplify(program)):
        [got] = interpret(each, given)
        want = [0, 1, 3, 4, 5, 4, 0] if right else [0, 0, 1, 4, 4, 4, 0]
        assert got.dtype == np.int64 and got.tolist() == np.broadcast_to(want, got.shape).tolist()
