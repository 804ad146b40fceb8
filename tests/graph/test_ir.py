"""The program: its text, pruning, the verifier, the interpreter."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.base import dtypes
from chainrule.base.errors import TraceError
from chainrule.graph import Equation, Literal, Program, Var, interpret, trace, verify
from chainrule.graph.ir import pruned
from chainrule.ops import Op, Spec

F32 = dtypes.float32


def var(*shape, dtype=F32):
    return Var(Spec(shape, dtype))


def equation(op, inputs, outputs, **attrs):
    return Equation(op, inputs, attrs, outputs, None)


# ------------------------------------------------------------------------------------------------------------ text


def test_the_text_of_a_small_program():
    w = cr.ones(5, requires_grad=True)

    def f(x):
        y = x * w + 2.5
        y[0] = x[1]
        values, _ = y.max(1, keepdim=True)
        (g,) = cr.grad(y.exp(), w, x)
        return g, values

    program = trace(f).capture(cr.ones(3, 5)).program
    assert (
        str(program)
        == """\
program(%0: float32[3,5], %1: float32[5]) {
  %2: float32[3,5] = mul(%0, %1)
  %3: float32[3,5] = add(%2, 2.5)
  %4: float32[5] = select(%0, dim=0, index=1)
  %5: float32[3,5] = view_scatter(%3, %4, path=[select(dim=0, index=0)])
  %6: float32[3,1], %7: int64[3,1] = max_along(%5, dim=1, keepdim=True)
  %8: float32[3,5] = exp(%5)
  %9: float32[3,5] = mul(%0, %8)
  %10: float32[5] = full(shape=(5,), value=0.0, dtype=chainrule.float32)
  %11: float32[3,5] = view_scatter(%9, %10, path=[select(dim=0, index=0)])
  %12: float32[3,5] = mul(%11, %0)
  %13: float32[5] = sum(%12, dim=(0,), keepdim=False)
  return %13, %6
}"""
    )


def test_the_text_with_lines_and_a_loop():
    def f(x):
        (c,), _ = cr.scan(lambda c, s: ((c[0] * s[0],), ()), (x[0],), (x,))  # the loop
        return c

    program = trace(f).capture(cr.ones(3, 5)).program
    text = program.text(lines=True)
    row = next(r for r in text.splitlines() if "= scan(" in r)
    assert (
        "body=<program of 1 equations>" in row
        and "length=3" in row
        and row.endswith("# the loop")
        and "test_ir.py:" in row
    )
    assert "  | program(" in text and "mul(" in text
    assert "# " not in program.text()


def test_a_cell_is_shown_as_a_number():
    from chainrule.tape.modes import cell

    program = trace(lambda x: x * cell(lambda: 0.5)).capture(cr.ones(2)).program
    assert str(program).startswith("program(%0: float32[2], %1: number) {")


# --------------------------------------------------------------------------------------------------------- pruning


def test_what_leads_nowhere_is_left_out():
    def f(x):
        _ = (x * 3).exp().sum()
        y = x * 2
        z = y.view(-1)
        z.sin()
        return y

    program = trace(f).capture(cr.ones(2, 3)).program
    assert [eq.op.name for eq in program.equations] == ["mul"]


def test_pruning_keeps_order_and_every_output_that_something_needs():
    x, a, b, c, i = var(5), var(5), var(5), var(2), var(2, dtype=dtypes.int64)
    eqs = [
        equation(ops.exp, [x], [a]), equation(ops.sin, [x], [b]),
        equation(ops.topk, [a], [c, i], k=2, dim=0, largest=True),
    ]  # fmt: skip
    assert (
        pruned(eqs, [i]) == [eqs[0], eqs[2]]
        and pruned(eqs, [b]) == [eqs[1]]
        and pruned(eqs, []) == []
    )
    assert pruned(eqs, [None, Literal(1), c, b]) == eqs


# -------------------------------------------------------------------------------------------------------- verifier


def test_the_verifier_returns_a_program_that_is_right():
    x, y = var(5), var(5)
    program = Program([x], [equation(ops.exp, [x], [y])], [y, x, None, Literal(2.5)])
    assert verify(program) is program


def test_double_assignment():
    x, y = var(5), var(5)
    with pytest.raises(TraceError, match=r"verify: %\d+: float32\[5\] is assigned twice \(in sin"):
        verify(Program([x], [equation(ops.exp, [x], [y]), equation(ops.sin, [x], [y])], [y]))
    with pytest.raises(TraceError, match=r"is assigned twice \(an input\)"):
        verify(Program([x, x], [], [x]))
    with pytest.raises(TraceError, match="is assigned twice"):
        verify(Program([x], [equation(ops.exp, [x], [x])], [x]))


def test_use_before_definition():
    x, y, z = var(5), var(5), var(5)
    with pytest.raises(TraceError, match=r"is read before it is assigned, in sin"):
        verify(Program([x], [equation(ops.sin, [y], [z]), equation(ops.exp, [x], [y])], [z]))
    with pytest.raises(TraceError, match="the output .* is never assigned"):
        verify(Program([x], [], [y]))


def test_wrong_shapes_and_dtypes():
    x = var(3, 5)
    for wrong in (var(5, 3), var(3, 5, dtype=dtypes.float64), var(), Var(Spec((3, 5), F32, True))):
        with pytest.raises(TraceError, match=r"verify: the law says .* the outputs are .* in exp"):
            verify(Program([x], [equation(ops.exp, [x], [wrong])], [wrong]))
    with pytest.raises(TraceError, match="the law says"):
        verify(
            Program([x], [equation(ops.max_along, [x], [var(3)], dim=1, keepdim=False)], [])
        )  # one output of two
    with pytest.raises(cr.ChainruleError):
        verify(Program([x], [equation(ops.matmul, [x, x], [var(3, 3)])], []))


def test_unknown_ops():
    x, y = var(5), var(5)
    impostor = object.__new__(Op)
    impostor.__dict__.update(vars(ops.exp))
    with pytest.raises(TraceError, match="exp is not an op of the table"):
        verify(Program([x], [equation(impostor, [x], [y])], [y]))


def test_wrong_attributes():
    x, y = var(3, 5), var(3)
    with pytest.raises(
        TraceError, match=r"the attributes \['keepdim'\] are missing or not those of the op, in sum"
    ):
        verify(Program([x], [equation(ops.sum, [x], [y], dim=(1,))], [y]))
    with pytest.raises(TraceError, match=r"the attributes \['colour'\] are missing or not"):
        verify(Program([x], [equation(ops.sum, [x], [y], dim=(1,), keepdim=False, colour=1)], [y]))


def test_a_loops_body_is_verified_too():
    program = (
        trace(lambda x: cr.scan(lambda c, s: ((c[0] * s[0],), ()), (x[0],), (x,))[0][0])
        .capture(cr.ones(3, 5))
        .program
    )
    eq = next(e for e in program.equations if e.op.name == "scan")
    body = eq.attrs["body"]
    broken = Program(
        body.inputs,
        [equation(ops.exp, [var(5)], list(body.equations[0].outputs))],
        body.outputs,
    )
    eq.attrs["body"] = broken
    with pytest.raises(TraceError, match="is read before it is assigned, in exp"):
        verify(program)


# ------------------------------------------------------------------------------------------------------- interpreter


def test_the_interpreter_runs_what_is_written():
    x, y, z, i = var(5), var(5), var(2), var(2, dtype=dtypes.int64)
    program = Program(
        [x],
        [
            equation(ops.mul, [x, Literal(3.0)], [y]),
            equation(ops.topk, [y], [z, i], k=2, dim=0, largest=True),
        ],
        [i, z, x, Literal(2.5), None],
    )
    a = np.array([1, 5, 2, 4, 3], np.float32)
    indices, values, same, number, nothing = program(a)
    assert (
        indices.tolist() == [1, 3]
        and values.tolist() == [15, 12]
        and same is a
        and number == 2.5
        and nothing is None
    )
    assert values.dtype == np.float32 and (a == [1, 5, 2, 4, 3]).all()
    with pytest.raises(AssertionError, match="1 inputs, 0 values"):
        interpret(program, [])


def test_a_value_is_dropped_after_its_last_use():
    """Otherwise a program's peak memory is the sum of all its values."""
    import weakref

    refs, alive = [], []
    v = [var(5) for _ in range(5)]
    program = Program(
        [v[0]],
        [equation(ops.add, [a, Literal(1.0)], [b]) for a, b in itertools.pairwise(v)],
        [v[-1]],
    )
    original = ops.add.evaluate

    def evaluate(args, attrs):
        alive.append(sum(r() is not None for r in refs))
        out = original(args, attrs)
        refs.append(weakref.ref(out))
        return out

    probe = object.__new__(Op)
    probe.__dict__.update(vars(ops.add))
    probe.evaluate = evaluate
    for eq in program.equations:
        eq.op = probe
    program(np.zeros(5, np.float32))
    assert alive == [0, 1, 1, 1]


def test_programs_are_interpreted_without_warnings_and_with_eagers_numbers():
    f = lambda x: (x.log(), 1 / x, (x - 1).sqrt(), x.exp() * 1e38)  # noqa: E731
    x = cr.tensor([0.0, -1.0, 100.0])
    for a, b in zip(f(x), trace(f)(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_cells_are_computed_with_as_python_computes():
    """A learning rate of 0.1 must be float64 until it meets a tensor: 0.1 in float32 is another number."""
    from chainrule.tape.modes import cell

    rate = [0.1]
    f = lambda x: x * (cell(lambda: rate[0]) * 3 + 1e-9)  # noqa: E731
    x = cr.tensor([7.0], dtype=cr.float64)
    traced = trace(f)
    for r in (0.1, 0.2, 1):
        rate[0] = r
        assert traced(x).item() == f(x).item()
    assert len(traced.programs) == 1


def test_effects_run_at_each_call_in_order():
    from chainrule.tape.modes import cell, effect

    log = []

    def f(x):
        effect(lambda: log.append("first"))
        y = x * cell(lambda: float(len(log)))
        effect(lambda: log.append("second"))
        return y

    traced = trace(f)
    x = cr.ones(1)
    assert [traced(x).item() for _ in range(3)] == [1, 3, 5] and log == ["first", "second"] * 3
    log.clear()
    assert [f(x).item() for _ in range(2)] == [1, 3]


def test_outside_is_done_for_real():
    from chainrule.tape.modes import outside

    made = []

    def f(x):
        with outside():
            if not made:
                made.append(cr.zeros(2) + 1)
                assert made[0].tolist() == [1, 1]
        made[0].add_(x)
        return made[0] * 1

    traced = trace(f)
    assert traced(cr.ones(2)).tolist() == [2, 2] and traced(cr.ones(2)).tolist() == [3, 3]
