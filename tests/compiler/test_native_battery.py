"""Compiled = interpreted: every op, every layer, and programs drawn at random, with how their memory may lie."""

from __future__ import annotations

import numpy as np
import pytest
from compiler.both import RUNNABLE, Both
from compiler.layers import LAYERS, SELDOM
from compiler.programs import Large, large_program
from graph.random_programs import any_program, smooth_program
from ops.calls import (
    as_tuple,
    differentiable_outputs,
    each_call,
    operands,
    tensors,
    weights_for,
)

import chainrule as cr
from chainrule import ops, optim
from chainrule.base import dtypes
from chainrule.base.errors import ChainruleError, RangeError
from chainrule.compiler import elements, execution
from chainrule.compiler.native import Native
from chainrule.compiler.runtime import Runtime
from chainrule.compiler.target import Target
from chainrule.graph import Literal, Program, interpret
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F
from chainrule.tensors.core import Tensor, wrap
from chainrule.tensors.gradients import grad

# ------------------------------------------------------------------------------------------------------ 1. every op

ON_HOST = frozenset(
    (
        "pow polygamma conv conv_input conv_weight "
        "matmul einsum index_put scatter_add scatter_mul "
        "solve inv det cofactors slogdet cholesky cholesky_info lu ldl ldl_solve geqrf matrix_exp pinv qr eigh svd"
    ).split()
)
"""Ops that may be left to NumPy: integers to a power that is not known; higher derivatives of digamma; products, and sums and products
at indices, which are so in half floats and integers; matrices solved for and taken apart."""

WITHOUT_INSTRUCTIONS = frozenset("""
    fmod trunc_divide
    mantissa exponent nextafter gcd lcm bitwise_left_shift bitwise_right_shift
    igamma igammac mode isin
    erfc erfcx erfinv ndtri log_ndtr zeta i0 i0e i1 i1e bessel airy
    orthogonal_polynomial
""".split())  # fmt: skip
"""Functions that a step of training seldom calls: NumPy computes them between two native parts."""


def check_call(op, sample, seed, dtype):
    """Outputs and gradients of a call, as a program; returns which ops of it had no machine code."""
    try:
        leaves = tensors(op, operands(op, sample, seed, dtype))
        ys = [wrap(v, None) for v in as_tuple(op(*leaves, **sample.attributes))]
    except (ChainruleError, ValueError):  # not for this dtype
        return None
    places = [k for k, x in enumerate(leaves) if isinstance(x, Tensor)]
    starts = [wrap(w, None) for w in weights_for(differentiable_outputs(op, ys))]

    def step(xs, starts):
        given = list(leaves)
        for k, x in zip(places, xs, strict=True):
            given[k] = x
        ys = [wrap(v, None) for v in as_tuple(op(*given, **sample.attributes))]
        named = zip(ys, op.outputs, strict=True)
        outs = [y for y, name in named if y.is_floating_point() and name not in op.constant]
        roots = [(y, s) for y, s in zip(outs, starts, strict=True) if y.requires_grad]
        if not roots:
            return ys
        asked = [x for x in xs if x.requires_grad]
        return [
            *ys,
            *grad([y for y, _ in roots], asked, [s for _, s in roots], materialize_grads=True),
        ]

    f = TracedFunction(step, Both)
    f([leaves[k] for k in places], starts)
    return hosts(f.last.executor.native)


def hosts(native):
    """The ops of a program that NumPy runs, with sizes: what is empty or has no axis needs no kernel."""
    left = [s.group.equations[0] for s in native.steps if s.kernel is None]
    return {
        eq.op.name
        for eq in left
        if all(
            v is not None and 0 not in v.spec.shape and v.spec.shape
            for v in (*eq.inputs, *eq.outputs)
            if hasattr(v, "spec")
        )
    }


def check_calls(op, sample, seed, kinds):
    for dtype in kinds:
        left = check_call(op, sample, seed, dtype)
        assert left is None or left <= ON_HOST | WITHOUT_INSTRUCTIONS, dtype.name


@each_call()
def test_every_op(op, sample, seed):
    check_calls(op, sample, seed, (dtypes.float32, dtypes.bool_))


@pytest.mark.slow
@each_call()
def test_every_op_in_other_dtypes(op, sample, seed):
    others = (
        dtypes.float64,
        dtypes.float16,
        dtypes.bfloat16,
        dtypes.int64,
        dtypes.int32,
        dtypes.uint8,
    )
    check_calls(op, sample, seed, others)


def test_the_battery_sees_a_wrong_instruction(monkeypatch):
    monkeypatch.setitem(elements.INSTRUCTIONS, "floor", elements.INSTRUCTIONS["ceil"])
    (call,) = [p.values for p in each_call(lambda op: op.name == "floor").args[1]][:1]
    with pytest.raises(AssertionError, match="output 0"):
        check_call(*call, dtypes.float32)


# ---------------------------------------------------------------------------------------------------- 2. every layer


def steps_of(make, shape, wrapped):
    """The outputs of ten steps of training, and the parameters and buffers after them."""
    cr.manual_seed(3)
    net, rng = make(), np.random.default_rng(0)
    integers = shape[0] == "i"
    x = rng.integers(0, 7, shape[1:]) if integers else rng.standard_normal(shape).astype("float32")
    x = cr.tensor(x)
    parameters = list(net.parameters())
    opt = optim.AdamW(parameters, lr=0.01) if parameters else None

    def step(x):
        if opt:
            opt.zero_grad()
        given = x if integers else x.detach().requires_grad_()
        y = net(given)
        y = y[0] if isinstance(y, tuple) else y
        # uneven weights: symmetric ones would leave gradients that are rounding errors alone
        loss = (y * cr.linspace(-1, 2, y.numel()).view(y.shape)).mean()
        loss.backward()
        if opt:
            opt.step()
        return (loss, y.detach()) if integers else (loss, y.detach(), given.grad)

    f = wrapped(step)
    found = [v.detach().numpy().copy() for _ in range(10) for v in f(x)]
    return [*found, *[v.detach().numpy() for v in (*parameters, *net.buffers())]]


@pytest.mark.parametrize(
    "name", [*LAYERS, *[pytest.param(name, marks=pytest.mark.slow) for name in SELDOM]]
)
def test_every_layer(name):
    make, shape = {**LAYERS, **SELDOM}[name]
    eager = steps_of(make, shape, lambda f: f)
    compiled = steps_of(make, shape, lambda f: TracedFunction(f, Both))
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5 * max(1, np.abs(a).max(initial=0)))


# ------------------------------------------------------------------------------------------------- 3. random programs


def check_program(generator, seed, target=None):
    program, feed = generator(seed)
    Both(program, {}, target).run(feed, [None] * len(program.outputs))


@pytest.mark.parametrize("start", range(0, 50, 10))
@pytest.mark.parametrize("generator", [any_program, smooth_program, large_program])
def test_random_programs(generator, start):
    for seed in range(start, start + 10):
        check_program(generator, seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 1100, 50))
@pytest.mark.parametrize("generator", [any_program, large_program])
def test_many_random_programs(generator, start):
    for seed in range(start, start + 50):
        check_program(generator, seed)


def test_random_programs_reach_every_kind_of_kernel():
    """Guards the tests above."""
    roles = set()
    for seed in range(40):
        roles |= {s.group.role for s in Native(large_program(seed)[0]).steps}
    assert {"loops", "anchor", "scatter"} <= roles


# ------------------------------------------------------------------------------------------------------ 4. processors


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("generator", [any_program, large_program])
def test_lesser_processors(level, generator):
    for seed in range(12):
        check_program(generator, seed, Target.level(level))


@pytest.mark.slow
@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("generator", [any_program, smooth_program, large_program])
def test_lesser_processors_at_length(level, generator):
    for seed in range(1100, 1250):
        check_program(generator, seed, Target.level(level))


@pytest.mark.parametrize("level", RUNNABLE)
def test_float16_of_every_bit_pattern(level):
    b = Large(0, most=1 << 20)
    halves = b.input(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
    between = np.arange(31743, dtype=np.uint16).view(np.float16).astype("float32")
    between = np.concatenate(
        [between, -between, between * 1.0002, (between[1:] + between[:-1]) / 2]
    )
    special = np.float32([65519.99, 65520, 2.0**-25, 3 * 2.0**-26, -0.0, np.inf, -np.inf, np.nan])
    floats = b.input(np.concatenate([between, special]))
    outs = [
        b.emit(ops.cast, halves, dtype=dtypes.float32),
        b.emit(ops.cast, floats, dtype=dtypes.float16),
    ]
    found = Native(Program(b.inputs, b.equations, outs), {}, Target.level(level)).run(
        b.feed, [None, None]
    )
    with np.errstate(all="ignore"):
        expected = [b.feed[0].astype("float32"), b.feed[1].astype("float16")]
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, y)
        numbers = ~np.isnan(y)
        np.testing.assert_array_equal(np.signbit(x[numbers]), np.signbit(y[numbers]))


def test_bits_do_not_depend_on_threads(monkeypatch):
    teams = [Runtime(count) for count in (1, 2, 4)]
    for seed in range(20):
        program, feed = large_program(seed)
        executor, found = Native(program), []
        for team in teams:
            monkeypatch.setattr(execution, "runtime", team)
            found.append(
                [np.asarray(x).tobytes() for x in executor.run(feed, [None] * len(program.outputs))]
            )
        assert found[0] == found[1] == found[2], seed


# ------------------------------------------------------------------------------------------- 5. how memory may lie


def compiled(f):
    return TracedFunction(f, Both)


@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x.T,
        lambda x: x[::2, 1:],
        lambda x: x[3],
        lambda x: x[3, 2],
        lambda x: x.expand(2, 17, 13)[:, 1:],
        lambda x: x[:0],
        lambda x: x.flatten()[5:],
        lambda x: x[:, :1].expand(17, 13),
    ],
    ids="transposed sliced row element expanded empty offset column".split(),
)
def test_arguments_are_views(cut):
    x = cut(cr.tensor(np.random.default_rng(0).standard_normal((17, 13)).astype("float32")))
    y, z = compiled(lambda x: (x.tanh() * 2 + x, x.sum()))(x)
    np.testing.assert_allclose(y, x.numpy() * 1.0 + 2 * np.tanh(x.numpy()), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z, x.numpy().astype("float64").sum(), rtol=1e-5, atol=1e-5)


def test_arguments_that_overlap():
    x = cr.arange(20.0)
    f = compiled(lambda a, b: (a + b, a * 2))
    np.testing.assert_array_equal(f(x[:15], x[5:])[0], x.numpy()[:15] + x.numpy()[5:])


def test_results_are_views_inputs_and_each_other():
    x = cr.arange(15.0).view(3, 5)

    def f(x):
        y = x * 2
        return y, y.T, y[1:], y.view(-1), x.T, x[0], y, y[0, 0], x.detach()

    y, t, cut, flat, xt, row, again, first, same = compiled(f)(x)
    for part, expected in (
        (t, y.T), (cut, y[1:]), (flat, y.view(-1)), (xt, x.T), (row, x[0]), (again, y), (first, y[0, 0]), (same, x),
    ):  # fmt: skip
        np.testing.assert_array_equal(part, expected)
    cut += 1
    np.testing.assert_array_equal(y, x.numpy() * 2)
    np.testing.assert_array_equal(t, x.numpy().T * 2)


@pytest.mark.parametrize("number", [2, 2.5, -1, True, 0.0, float("inf"), float("nan"), 1e40])
def test_python_numbers(number):
    x = cr.tensor([1.5, -2.0, 0.0])
    n = cr.tensor([3, -4, 0])
    chosen = number if number != 1e40 else 1e38  # `where` refuses what float32 does not hold
    compiled(
        lambda x, n: (
            x * number,
            number - x,
            x / number,
            x > number,
            n + number,
            cr.where(x > 0, x, chosen),
        )
    )(x, n)


def test_an_index_out_of_range():
    w = cr.arange(21.0).view(7, 3)
    calls = [
        (lambda i: F.embedding(i, w), [-1, 7]),
        (lambda i: w[i], [-8, 7]),
        (lambda i: cr.zeros(7, 3).scatter_add(0, i.view(-1, 1), cr.ones(2, 1)), [-1, 7]),
        (lambda i: cr.gather(w, 0, i.view(-1, 1)), [-1, 7]),
    ]
    for f, wrong in calls:
        traced = TracedFunction(f, Native)
        for bad in wrong:
            with pytest.raises(RangeError, match="out of range for an axis of size 7"):
                traced(cr.tensor([bad, 0]))
        traced(cr.tensor([1, 0]))


def assigned(shapes, build, seed=0):
    """Programs whose outputs are written into inputs: `build(b, inputs)` says {input: its new value}."""
    b, rng = Large(seed), np.random.default_rng(seed)
    xs = [b.input(rng.standard_normal(s).astype("float32")) for s in shapes]
    new = build(b, xs)
    outputs = list(new.values())
    donated = {k: xs.index(x) for k, x in enumerate(new)}
    program = Program(b.inputs, b.equations, outputs)
    both = Both(program, donated)
    for _ in range(3):
        both.run(b.feed, [b.feed[donated[k]] for k in range(len(outputs))])
    return both.native


SQUARE = (67, 67)

PUTS = {
    "rows": lambda b, x: b.emit(
        ops.index_put, x, b.floats((3, 67)), b.integers((3,), 0, 67), dims=(0,), accumulate=False
    ),
    "added rows": lambda b, x: b.emit(
        ops.index_put, x, b.floats((9, 67)), b.integers((9,), 0, 67), dims=(0,), accumulate=True
    ),
    "columns": lambda b, x: b.emit(
        ops.scatter, x, b.integers((67, 2), 0, 67), b.floats((67, 2)), dim=1
    ),
}


@pytest.mark.parametrize("put", PUTS)
def test_what_is_put_onto_an_input_is_written_where_it_lies(put):
    """As a cache of keys and values, which would otherwise be copied at every step."""
    native = assigned([SQUARE], lambda b, xs: {xs[0]: PUTS[put](b, xs[0])})
    assert native.copied == [] and native.arena_bytes < 67 * 67 * 4


@pytest.mark.parametrize("put", PUTS)
def test_an_input_that_is_read_elsewhere_is_put_onto_in_time(put):
    def later(b, xs):  # the old value is needed behind the scatter
        new = PUTS[put](b, xs[0])
        return {xs[0]: new, xs[1]: b.emit(ops.add, xs[0], new)}

    def turned(b, xs):
        return {xs[0]: PUTS[put](b, b.emit(ops.permute, xs[0], dims=(1, 0)))}

    def of_itself(b, xs):
        at = b.integers((67,), 0, 67)
        return {xs[0]: b.emit(ops.index_put, xs[0], xs[0], at, dims=(0,), accumulate=True)}

    assigned([SQUARE, SQUARE], later)
    assigned([SQUARE], turned)
    assigned([SQUARE], of_itself)


def late(b, xs):
    """x is read after its new value is known."""
    x, y = xs
    new = b.emit(ops.mul, x, Literal(0.5))
    total = b.emit(ops.sum, new, dim=(0,), keepdim=True)
    return {x: new, y: b.emit(ops.add, b.emit(ops.mul, x, total), y)}


def turned(b, xs):
    x = xs[0]
    return {x: b.emit(ops.add, x, b.emit(ops.permute, x, dims=(1, 0)))}


def swapped(b, xs):
    x, y = xs
    return {x: y, y: x}


def swapped_and_scaled(b, xs):
    x, y = xs
    return {x: b.emit(ops.mul, y, Literal(0.5)), y: b.emit(ops.mul, x, Literal(2.0))}


def shifted(b, xs):
    x, y = xs
    ahead = b.emit(ops.slice_, x, dim=0, start=1, stop=67, step=1)
    path = ((ops.slice_, (("dim", 0), ("start", 0), ("stop", 66), ("step", 1))),)
    return {x: b.emit(ops.view_scatter, x, ahead, path=path), y: b.emit(ops.flip, y, dims=(0, 1))}


def a_view_of_another(b, xs):
    x, y = xs
    return {x: b.emit(ops.permute, y, dims=(1, 0)), y: b.emit(ops.mul, y, Literal(3.0))}


def its_own_view(b, xs):
    x = xs[0]
    return {x: b.emit(ops.permute, x, dims=(1, 0))}


def a_product(b, xs):
    x, y = xs
    return {
        x: b.emit(ops.mul, b.emit(ops.matmul, x, y), Literal(0.1)),
        y: b.emit(ops.add, b.emit(ops.matmul, y, y), y),
    }


def normalized(b, xs):
    x, y = xs
    m = b.emit(ops.mean, x, dim=(1,), keepdim=True)
    return {
        x: b.emit(ops.sub, x, m),
        y: b.emit(ops.div, y, b.emit(ops.amax, y, dim=(0,), keepdim=True)),
    }


def put(b, xs):
    x, y = xs
    at = b.input(np.array([3, 3, 66, 0]))
    rows = b.emit(ops.index, y, at, dims=(0,))
    return {
        x: b.emit(ops.index_put, x, rows, at, dims=(0,), accumulate=True),
        y: b.emit(ops.cumsum, y, dim=0),
    }


def adam(b, xs):
    x, m, v, g = xs
    m2 = b.emit(ops.add, b.emit(ops.mul, m, Literal(0.9)), b.emit(ops.mul, g, Literal(0.1)))
    v2 = b.emit(
        ops.add,
        b.emit(ops.mul, v, Literal(0.99)),
        b.emit(ops.mul, b.emit(ops.square, g), Literal(0.01)),
    )
    step = b.emit(ops.div, m2, b.emit(ops.add, b.emit(ops.sqrt, b.emit(ops.abs, v2)), Literal(0.1)))
    return {x: b.emit(ops.sub, x, step), m: m2, v: v2}


@pytest.mark.parametrize(
    "build",
    [
        late,
        turned,
        swapped,
        swapped_and_scaled,
        shifted,
        a_view_of_another,
        its_own_view,
        a_product,
        normalized,
        put,
    ],
)
def test_results_written_into_inputs(build):
    assigned([SQUARE, SQUARE], build)


def test_an_optimizer_writes_in_place():
    assert not assigned([(129, 67)] * 4, adam).copied


# --------------------------------------------------------------------------------------------------------- 6. sums


def largest_error(found, exact, size):
    return float(np.max(np.abs(np.asarray(found, "float64") - exact))) / size


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1])
def test_sums_are_as_exact_as_torch(axis, torch):
    """Error against float64 at 10⁷ terms: at most twice torch's, or the last place."""
    shape = (10_000_000, 3) if axis == 0 else (3, 10_000_000)
    x = np.random.default_rng(0).random(shape, "float32")
    (found,) = Native(trace_of(lambda x: x.sum(axis), x)).run([x], [None])
    exact = x.sum(axis, dtype="float64")
    size = float(np.abs(x).sum(axis, dtype="float64").max())
    reference = torch.from_numpy(x).sum(axis).numpy()
    assert largest_error(found, exact, size) <= max(
        2 * largest_error(reference, exact, size), 2.0**-23
    )


def trace_of(f, *arrays):
    return TracedFunction(f).capture(*[cr.tensor(a) for a in arrays]).program


def test_long_sums():
    """Blocks, strips and lanes: each term is taken once."""
    for shape, dim in (((300_001,), 0), ((3, 100_003), 1), ((100_003, 3), 0), ((5, 4099, 7), 1)):
        x = (
            np.random.default_rng(0).integers(0, 9, shape).astype("float32")
        )  # sums below 2²⁴ are exact
        program = trace_of(lambda x, d=dim: (x.sum(d), x.amax(d), (x * 2 + 1).sum(d)), x)
        found = Native(program).run([x], [None] * 3)
        for a, b in zip(found, interpret(program, [x.astype("float64")]), strict=True):
            np.testing.assert_array_equal(a, b)
