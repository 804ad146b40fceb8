"""The generated battery: what every op of the table must fulfil, asked on every sample of its record.

Nothing here names an op but to say why it is an exception. A new op is tested by being defined. Each `check_…` is a function, so that
the last section can break an op and see the check fail. What is compared with PyTorch stands in `test_battery_against_torch.py`.
"""

from __future__ import annotations

import copy
import inspect

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops.calls import (
    CALLS,
    OPS,
    all_outputs,
    as_tuple,
    assert_close,
    differentiable_outputs,
    each_call,
    each_op,
    gradients,
    is_floating,
    names_of,
    normal_form,
    operands,
    outputs_and_gradients,
    raw,
    same_bits,
    spec,
    specs,
    tensors,
    weights_for,
)

from chainrule import ops
from chainrule.base import dtypes
from chainrule.base.errors import ChainruleError, DTypeError, RangeError
from chainrule.functional import softmax
from chainrule.graph import trace
from chainrule.graph.specs import output_specs
from chainrule.graph.verify import verify
from chainrule.ops.explain import refuse
from chainrule.ops.outline import Outline, outlined
from chainrule.ops.record import TABLE
from chainrule.ops.samples import Draw, samples_of, symmetric_call
from chainrule.tape import backward
from chainrule.tensors.core import Tensor, wrap
from chainrule.tensors.gradients import grad
from chainrule.transforms import directional_errors

LIMIT = 1e-5  # the largest relative error of a derivative in float64

# ----------------------------------------------------------------------------------------------------- 1. the law


def check_law(op, sample, seed, dtype=dtypes.float64):
    """Shapes and dtypes that the law says are those that the body returns, of hidden outputs too; what it refuses, the op refuses."""
    args = operands(op, sample, seed, dtype)
    try:
        said = output_specs(op, tuple(args), normal_form(op, args, sample.attributes))
    except DTypeError:
        with pytest.raises(DTypeError) as found:
            op(*args, **sample.attributes)
        check_words(op, args, str(found.value))
        return
    assert [spec(y) for y in all_outputs(op, args, sample.attributes)] == specs(said), dtype.name
    outlines = outlined(op, [outline(a) for a in args], normal_form(op, args, sample.attributes))
    assert [spec(y) for y in as_tuple(outlines)] == specs(said), dtype.name


@each_call()
def test_the_law_says_what_the_body_returns(op, sample, seed):
    for dtype in dtypes.ALL:
        check_law(op, sample, seed, dtype)


def outline(a):
    """What is left of an operand without its values."""
    return Outline.of(a) if isinstance(a, np.ndarray) else a


def sizes(shape):
    """Another shape near this one: an axis more or less, or one of another size."""
    n = len(shape)
    changed = [st.just(shape), st.sampled_from([(1, *shape), (2, *shape), (*shape, 3)])]
    if n:
        axis, size = st.integers(0, n - 1), st.sampled_from([0, 1, 2, 3, 5])
        changed.append(st.builds(lambda k: (*shape[:k], *shape[k + 1 :]), axis))
        changed.append(st.builds(lambda k, m: (*shape[:k], m, *shape[k + 1 :]), axis, size))
    return st.one_of(changed)


def near(value):
    """Another attribute near this one: integers a little off, in tuples too."""
    if type(value) is int:
        return st.one_of(st.just(value), st.integers(value - 3, value + 8))
    if type(value) is tuple:
        return st.tuples(*map(near, value))
    return st.just(value)


NOT_OF_SHAPES = {"skip", "path"}
"""Attributes that the engine sets, with no law about them."""


@st.composite
def wrong_calls(draw, op):
    """A sample whose shapes and attributes were changed at random: most of them break the law."""
    sample = draw(st.sampled_from(samples_of(op)))
    attrs = sample.attributes
    if draw(st.booleans()):
        attrs = {k: draw(near(v)) if k not in NOT_OF_SHAPES else v for k, v in attrs.items()}
    shapes = [draw(sizes(o.shape)) for o in sample.operands if isinstance(o, Draw)]
    return with_shapes(sample, shapes)._replace(attributes=attrs)


def with_shapes(sample, shapes):
    """The sample with other shapes, one for each operand that is drawn."""
    fitted = iter(shapes)
    args = [o._replace(shape=next(fitted)) if isinstance(o, Draw) else o for o in sample.operands]
    return sample._replace(operands=tuple(args))


def check_refusal(op, sample):
    """The op refuses what its law refuses with the same words, and does what the law says of anything else."""
    args = sample.draw(3)
    try:
        said = output_specs(op, tuple(args), normal_form(op, args, sample.attributes))
    except ChainruleError as refusal:
        with pytest.raises(type(refusal)) as found:
            op(*args, **sample.attributes)
        check_words(op, args, str(found.value))
        return
    try:
        outs = all_outputs(op, args, sample.attributes)
    except (
        RangeError
    ) as e:  # whether an index is in range is not for a law to know, nor what a mask holds
        assert any(np.asarray(a).dtype.kind in "ib" for a in args if a is not None)
        check_words(op, args, str(e))
        return
    assert [spec(y) for y in outs] == specs(said)


def check_words(op, args, message):
    """An error names an op of the table and shows each of its operands."""
    name, _, rest = message.partition("(")
    assert name in TABLE, message
    rows = [line for line in rest.splitlines() if line.startswith("  ")]
    if name == op.name:
        for a in args:
            if isinstance(a, np.ndarray):
                dtype = dtypes.stored(a.dtype).name
                assert any(dtype in row for row in rows), message


REFUSALS = [
    op for op in OPS if any(isinstance(o, Draw) for s in samples_of(op) for o in s.operands)
]


@pytest.mark.parametrize("op", REFUSALS, ids=lambda op: op.name)
def test_law_and_body_refuse_the_same(op):
    given(wrong_calls(op))(lambda sample: check_refusal(op, sample))()


def test_some_of_the_wrong_calls_are_right():
    """Guards the test above: it sees calls that are refused and calls that are not."""
    refused = []

    @given(wrong_calls(ops.matmul))
    def run(sample):
        try:
            ops.matmul(*sample.draw(3))
            refused.append(False)
        except ChainruleError:
            refused.append(True)

    run()
    assert 5 < sum(refused) < len(refused) - 5


# --------------------------------------------------------------------------------------------------- 2. half floats


OF_THE_GRID = {"nextafter": "the next bfloat16 is not the next float32, rounded"}
"""op: why its result in bfloat16 is not that in float32."""


@each_call(lambda op: (not op.composite or op.kernel) and op.name not in OF_THE_GRID)
def test_bfloat16_is_float32_rounded(op, sample, seed):
    """One rounding at the end, to nearest even: what is computed in between is float32."""
    half = operands(op, sample, seed, dtypes.bfloat16)
    wide = [dtypes.float32_from_bits(a) if is_bfloat16(a) else a for a in half]
    ys, expected_ys = (all_outputs(op, args, sample.attributes) for args in (half, wide))
    for found, expected in zip(ys, expected_ys, strict=True):
        if is_bfloat16(found):
            assert same_bits(found, dtypes.bits_from_float32(expected))
        else:
            assert same_bits(found, expected)


def is_bfloat16(a):
    return isinstance(a, np.ndarray) and a.dtype == dtypes.BF16_BITS


# ---------------------------------------------------------------------------------------------------- 3. derivatives


def check_derivatives(op, sample, seed):
    """First and second derivatives along a random direction agree with differences."""
    args = tensors(op, operands(op, sample, seed))

    def call(*xs):
        return differentiable_outputs(op, as_tuple(op(*xs, **sample.attributes)))

    call = symmetric_call(sample, call)
    first, second = directional_errors(call, args, seed=seed + 5)
    assert first <= LIMIT
    assert second <= LIMIT


@each_call(lambda op: op.differentiable or op.composite)
def test_derivatives(op, sample, seed):
    check_derivatives(op, sample, seed)


@each_op()
def test_samples_exercise_every_rule(op):
    """A rule that no sample reaches is not tested by anything above."""
    reached = set()
    for sample in samples_of(op):
        for name, a in zip(names_of(op, len(sample.operands)), sample.draw(0), strict=True):
            if is_floating(a) and a.size:
                reached.add(name)
    names = {*op.operands, *filter(None, [op.variadic])} if op.joint else set(op.rules)
    assert names <= reached
    assert samples_of(op)


@each_call(lambda op: op.differentiable)
def test_gradients_share_no_memory(op, sample, seed):
    """`x.grad.zero_()` must not change another gradient, an operand, or what the backward pass was started with."""
    leaves = tensors(op, operands(op, sample, seed))
    y = as_tuple(op(*leaves, **sample.attributes))
    ys = [v for v in differentiable_outputs(op, y) if v.requires_grad]
    total = Tensor(0.0, dtype="float64")
    for v, w in zip(ys, weights_for(ys), strict=True):
        total = total + (v * wrap(w, None)).sum()
    if not ys:
        return
    total.backward()
    held = [raw(x.grad) for x in leaves if isinstance(x, Tensor) and x.grad is not None]
    others = [raw(x) for x in (*leaves, *y) if isinstance(x, Tensor)]
    for k, g in enumerate(held):
        assert not any(np.shares_memory(g, other) for other in (*held[:k], *others))
        assert g.flags.writeable


# ----------------------------------------------------------------------------- 4. broadcasting, memory layout, memory


@each_op("elementwise")
def test_broadcasting(op):
    """Operands that broadcast give the bits of operands that were broadcast before, and gradients summed back."""
    sample = samples_of(op)[0]
    draws = [o for o in sample.operands if isinstance(o, Draw)]
    if len(draws) < 2:
        return

    @given(hnp.mutually_broadcastable_shapes(num_shapes=len(draws), max_dims=3, max_side=3, min_side=0))  # fmt: skip
    def run(shapes):
        args = with_shapes(sample, shapes.input_shapes).draw(5)
        wide = [
            np.broadcast_to(a, shapes.result_shape).copy() if isinstance(a, np.ndarray) else a
            for a in args
        ]
        found = outputs_and_gradients(op, args, sample.attributes)
        expected = outputs_and_gradients(op, wide, sample.attributes)
        assert same_bits(found[0], expected[0])
        for a, g, w in zip(args, found[1:], expected[1:], strict=True):
            if g is not None:
                assert_close(g, summed_to(w, a.shape))

    run()


def summed_to(g, shape):
    """A gradient of a broadcast operand, summed over what broadcasting added."""
    lead = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(lead)))
    return g.sum(axis=tuple([k for k, n in enumerate(shape) if n == 1]), keepdims=True)


@each_op("elementwise")
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)], ids=str)
def test_elementwise_0d_and_empty(op, shape):
    sample = samples_of(op)[0]
    values = with_shapes(sample, [shape] * len(sample.operands)).draw(7)
    y, *grads = outputs_and_gradients(op, values, sample.attributes)
    assert type(y) is np.ndarray
    assert y.shape == shape
    for a, g in zip(values, grads, strict=True):
        assert g is None or g.shape == a.shape


def transposed(a):
    """The same values, column-major."""
    return np.asfortranarray(a) if a.ndim else a


def strided(a):
    """The same values, every second element of a larger array along each axis."""
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    view = wide[(..., *[slice(None, None, 2)] * a.ndim)]
    view[...] = a
    return view


def flipped(a):
    """The same values, from back to front in memory."""
    return np.flip(np.flip(a).copy()) if a.ndim else a


ORDER_OF_SUMS = ("contract", "window", "normalize", "reduce", "decompose")
"""Kinds that sum, as gradients of operands that were broadcast do: NumPy and BLAS sum in the order of memory, so a layout may change
the last bits, as in torch."""


@each_call(lambda op: op.kind.name not in ("create", "random"))
def test_memory_layout_does_not_matter(op, sample, seed):
    args = operands(op, sample, seed)
    expected = outputs_and_gradients(op, args, sample.attributes)
    for layout in (transposed, strided, flipped):
        turned = [layout(a) if isinstance(a, np.ndarray) else a for a in args]
        found = outputs_and_gradients(op, turned, sample.attributes)
        for k, (f, e) in enumerate(zip(found, expected, strict=True)):
            if op.kind.name in ORDER_OF_SUMS or k >= len(op.outputs):
                assert (f is None and e is None) or assert_close(f, e) is None
            else:
                assert same_bits(f, e), f"{layout.__name__}, output {k}"


def check_operands_stay(op, sample, seed, dtype=dtypes.float64):
    """Forward, backward and the derivative of backward leave every operand as it was, to the bit."""
    args = operands(op, sample, seed, dtype)
    before = [a.tobytes() if isinstance(a, np.ndarray) else None for a in args]
    try:
        leaves = tensors(op, args)
        y = [wrap(v, None) for v in as_tuple(op(*leaves, **sample.attributes))]
    except DTypeError:
        return
    outs = [raw(v).tobytes() for v in y]
    ys = differentiable_outputs(op, y)
    grads = [
        g
        for g in gradients(ys, leaves, weights_for(ys), create_graph=True)
        if g is not None and g.requires_grad
    ]
    if grads:
        asked = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
        starts = [wrap(w, None) for w in weights_for(grads)]
        grad(grads, asked, starts, materialize_grads=True)
    assert [a.tobytes() if isinstance(a, np.ndarray) else None for a in args] == before
    assert [raw(v).tobytes() for v in y] == outs


@each_call()
def test_operands_stay_as_they_were(op, sample, seed):
    for dtype in (dtypes.float64, dtypes.bfloat16, dtypes.int64):
        check_operands_stay(op, sample, seed, dtype)


def check_memory(op, sample, seed, dtype=dtypes.float64):
    """Only a view shares memory with its operand; two outputs never share any, hidden ones neither."""
    args = operands(op, sample, seed, dtype)
    try:
        outs = all_outputs(op, args, sample.attributes)
    except DTypeError:
        return
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    for k, y in enumerate(outs):
        shares = any(np.shares_memory(y, a) for a in arrays)
        assert shares == (op.is_view and y.size > 0)
        assert not any(np.shares_memory(y, other) for other in outs[:k])
        if y.size and not op.is_view:  # each element has a place of its own, and may be written
            assert y.flags.writeable
            assert 0 not in [s for s, n in zip(y.strides, y.shape, strict=True) if n > 1]


@each_call()
def test_outputs_have_memory_of_their_own(op, sample, seed):
    for dtype in (dtypes.float64, dtypes.float32, dtypes.bfloat16, dtypes.int64, dtypes.bool_):
        check_memory(op, sample, seed, dtype)


# --------------------------------------------------------------------------------------- 5. composite = definition


def check_definition(op, sample, seed, dtype=dtypes.float64):
    """A composite's kernel gives what its definition gives, and its rule the derivative of the definition."""
    args = operands(op, sample, seed, dtype)
    attrs = normal_form(op, args, sample.attributes)
    if op.kernel is not None:
        pairs = zip(all_outputs(op, args, attrs), as_tuple(op.body(*args, **attrs)), strict=True)
        for found, expected in pairs:
            assert_close(found, expected)

    def definition(*xs, **attrs):
        return op.visible(op.body(*xs, **normal_form(op, xs, attrs)))

    found = outputs_and_gradients(op, args, sample.attributes)
    expected = outputs_and_gradients(op, args, sample.attributes, definition)
    for f, e in zip(found, expected, strict=True):
        assert (f is None and e is None) or assert_close(f, e) is None


@each_call(lambda op: op.composite)
def test_composite_is_its_definition(op, sample, seed):
    for dtype in (dtypes.float64, dtypes.float32):
        check_definition(op, sample, seed, dtype)


@each_call(lambda op: not op.composite and op.differentiable)
def test_rules_give_the_same_on_arrays_and_on_tensors(op, sample, seed):
    """A rule runs on raw arrays in a plain backward pass and on tensors with create_graph."""
    plain, created = [], []
    for create, out in (False, plain), (True, created):
        leaves = tensors(op, operands(op, sample, seed))
        ys = differentiable_outputs(op, as_tuple(op(*leaves, **sample.attributes)))
        out += [
            None if g is None else raw(g)
            for g in gradients(ys, leaves, weights_for(ys), create_graph=create)
        ]
    assert all(same_bits(a, b) for a, b in zip(plain, created, strict=True))


# -------------------------------------------------------------------------------------------------- 6. traced = eager


def check_traced(op, sample, seed, dtype=dtypes.float64):
    """The traced program gives the bits of the eager call, forward and gradients, at its first call and at one with other values."""
    leaves = tensors(op, operands(op, sample, seed, dtype))
    places = [k for k, x in enumerate(leaves) if isinstance(x, Tensor)]
    ys = [wrap(v, None) for v in as_tuple(op(*leaves, **sample.attributes))]
    starts = [wrap(w, None) for w in weights_for(differentiable_outputs(op, ys))]

    def step(xs, starts):
        given = list(leaves)
        for k, x in zip(places, xs, strict=True):
            given[k] = x
        ys = [wrap(v, None) for v in as_tuple(op(*given, **sample.attributes))]
        outs = [(y, name) for y, name in zip(ys, op.outputs, strict=True) if y.is_floating_point()]
        outs = [y for y, name in outs if name not in op.constant]
        roots = [(y, s) for y, s in zip(outs, starts, strict=True) if y.requires_grad]
        if not roots:
            return ys
        asked, starts = [x for x in xs if x.requires_grad], [s for _, s in roots]
        return [*ys, *grad([y for y, _ in roots], asked, starts, materialize_grads=True)]

    traced = trace(step)
    for values in leaves, tensors(op, operands(op, sample, seed + 1000, dtype)):
        xs = [values[k] for k in places]
        eager, found = step(xs, starts), traced(xs, starts)
        assert len(found) == len(eager)
        assert all(same_bits(raw(f), raw(e)) for f, e in zip(found, eager, strict=True))
    (program,) = traced.programs
    verify(program)
    assert str(program).startswith("program(")


@each_call()
def test_traced_is_eager(op, sample, seed):
    check_traced(op, sample, seed)


@each_call(lambda op: op.differentiable or op.composite)
def test_traced_is_eager_in_bfloat16(op, sample, seed):
    check_traced(op, sample, seed, dtypes.bfloat16)


# ------------------------------------------------------------------------------------------------------------ 7. words


@each_op()
def test_every_op_explains_itself(op):
    shown = op.show()
    first = inspect.cleandoc(op.__doc__).splitlines()[0]
    assert first in shown
    assert f"{op.kind} {'composite' if op.composite else 'primitive'}" in shown
    assert "law: " in shown
    for name in op.rules if op.joint is None else ():
        assert f"derivative by {name}: " in shown
    if op.joint is not None:
        assert "derivative by all operands: " in shown
    if op.reference:
        assert f"reference: {op.reference}" in shown


@each_op()
def test_a_wrong_call_names_the_op(op):
    with pytest.raises(TypeError, match=rf"^{op.name}\(\) has no argument wrong; it takes "):
        op(*operands(op, samples_of(op)[0], 0), **samples_of(op)[0].attributes, wrong=1)
    if not op.variadic:
        with pytest.raises(TypeError, match=rf"^{op.name}\(.* operands, found 9$"):
            op(*[1.0] * 9)


# --------------------------------------------------------------------- 8. the checks above fail when something is broken


@pytest.fixture
def broken():
    """Gives an op other rules, or another body, for the time of a test."""

    before = []

    def breaks(op, kernel=None, **rules):
        if not before:
            before.append((op, {k: copy.copy(v) for k, v in vars(op).items()}))
        op._needed.clear()
        if rules:
            op.vjp(**rules)
        if kernel is not None:
            op.kernel = kernel

    yield breaks
    for op, record in before:
        vars(op).clear()
        vars(op).update(record)


def first_call(op):
    return next(c for c in CALLS if c[0] is op)


def test_a_wrong_rule_is_seen(broken):
    check_derivatives(*first_call(ops.tanh))
    broken(ops.tanh, x=lambda g, y: g * (1 - y))
    with pytest.raises(AssertionError):
        check_derivatives(*first_call(ops.tanh))


def test_swapped_transposes_are_seen(broken):
    broken(ops.matmul, a=lambda g, b: (b @ g.mT).mT, b=lambda g, a: a.mT @ g)
    check_derivatives(*first_call(ops.matmul))
    broken(ops.matmul, a=lambda g, b: g @ b.mT, b=lambda g, a: g.mT @ a)
    with pytest.raises((AssertionError, ChainruleError)):
        check_derivatives(*first_call(ops.matmul))


def test_a_rule_in_lower_precision_is_seen(broken):
    low = lambda v: ops.cast(ops.cast(v, dtype="float16"), dtype="float64")  # noqa: E731
    broken(ops.exp, x=lambda g, y: g * low(y))
    with pytest.raises(AssertionError):
        check_derivatives(*first_call(ops.exp))


def test_a_gradient_that_is_not_summed_back_is_seen(monkeypatch):
    call = (ops.mul, samples_of(ops.mul)[1], 1)
    check_derivatives(*call)
    first = lambda g, shape: g[tuple([0] * (g.ndim - len(shape)))][tuple([slice(n) for n in shape])]  # noqa: E731
    monkeypatch.setattr(backward, "unbroadcast", first)
    with pytest.raises(AssertionError):
        check_derivatives(*call)


def test_a_wrong_dtype_is_seen(broken):
    broken(ops.sin, kernel=lambda x: np.sin(x).astype("float32"))
    with pytest.raises(AssertionError):
        check_law(*first_call(ops.sin))


def test_a_law_that_says_something_else_is_seen(monkeypatch):
    law = ops.cat.law
    wrong = lambda op, *xs, dim: law(op, *xs, dim=dim)._replace(shape=(7,))  # noqa: E731
    monkeypatch.setattr(ops.cat, "law", wrong)
    with pytest.raises(AssertionError):
        check_refusal(ops.cat, samples_of(ops.cat)[0])


def test_a_law_that_is_too_lax_is_seen(monkeypatch):
    monkeypatch.setattr(ops.matmul, "law", lambda op, a, b: a)
    with pytest.raises(ValueError, match="mismatch"):  # NumPy's own words
        check_refusal(ops.matmul, with_shapes(samples_of(ops.matmul)[0], [(5, 3), (7, 2)]))


def test_a_law_that_is_too_strict_is_seen(monkeypatch):
    def never(op, x, **attrs):
        raise refuse("never")

    monkeypatch.setattr(ops.permute, "law", never)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_refusal(ops.permute, samples_of(ops.permute)[0])


def test_a_body_that_writes_to_its_operand_is_seen(broken):
    broken(ops.exp, kernel=lambda x: np.exp(x, out=x).copy())
    with pytest.raises(AssertionError):
        check_operands_stay(*first_call(ops.exp))


def test_an_output_that_is_its_operand_is_seen(broken):
    broken(ops.floor, kernel=lambda x: x)
    with pytest.raises(AssertionError):
        check_memory(*first_call(ops.floor))


def test_a_wrong_kernel_is_seen(broken):
    broken(softmax, kernel=lambda x, dim: np.exp(x) / np.exp(x).sum())
    with pytest.raises(AssertionError):
        check_definition(*first_call(softmax))


def test_a_trace_that_freezes_a_value_is_seen(broken):
    count = iter(range(100))
    broken(ops.sin, kernel=lambda x: np.sin(x) + next(count))
    with pytest.raises(AssertionError):
        check_traced(*first_call(ops.sin))
