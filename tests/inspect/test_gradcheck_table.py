"""The table of gradient checks: it sees a wrong rule, a wrong second derivative, a NaN, and a check that is missing."""

import numpy as np
import pytest

from chainrule.backends import xp
from chainrule.inspect import LIMIT, check_op, check_ops
from chainrule.ops.kinds import elementwise, reduce
from chainrule.ops.record import TABLE, primitive
from chainrule.ops.samples import F, I, S


@pytest.fixture
def defined():
    """Defines ops for the time of a test."""
    before = dict(TABLE)

    def define(body, kind=elementwise, types="float", rules=(), **options):
        op = primitive(kind, types=types, **options)(body)
        if rules:
            op.vjp(**dict(rules))
        return op

    yield define
    for name in set(TABLE) - set(before):
        del TABLE[name]


def cube(x, /):
    """x³."""
    return x * x * x


def test_a_right_rule_passes(defined):
    check = check_op(defined(cube, rules={"x": lambda g, x: g * x * x * 3}))
    assert check.verdict == "ok"
    assert check.passed
    assert check.calls == 3
    assert 0 < check.first < LIMIT
    assert 0 < check.second < LIMIT


def test_a_wrong_rule_does_not(defined):
    check = check_op(defined(cube, rules={"x": lambda g, x: g * x * x * 3.001}))
    assert check.verdict == "WRONG"
    assert not check.passed
    assert check.first > LIMIT


def test_a_rule_that_forgets_part_of_itself_is_wrong_in_second_order(defined):
    def half_constant(g, x):
        from chainrule.ops import square
        from chainrule.tensors import Tensor

        frozen = Tensor(x.detach().numpy()) if isinstance(x, Tensor) else x  # right, but a constant
        return g * square(frozen) * 3

    check = check_op(defined(cube, rules={"x": half_constant}))
    assert check.first < LIMIT
    assert check.second > LIMIT
    assert check.verdict == "WRONG"


def test_nan_is_wrong(defined):
    check = check_op(defined(cube, rules={"x": lambda g, x: g * x * x * np.nan}))
    assert check.verdict == "WRONG"
    assert np.isnan(check.first)


def test_an_op_without_samples_is_named(defined):
    def total(x, /):
        """The sum."""
        return xp.asarray(x.sum())

    law = lambda op, x: type(x)((), x.dtype)  # noqa: E731
    check = check_op(defined(total, kind=reduce, law=law, rules={"x": lambda g, x: x * 0 + g}))
    assert (check.verdict, check.passed, check.calls) == ("NOT CHECKED", False, 0)


def test_what_has_no_derivative_says_so(defined):
    check = check_op(defined(cube))
    assert (check.verdict, check.passed) == ("no derivative", True)
    assert check.first is check.second is None


def test_only_operands_with_a_rule_are_checked(defined):
    def scaled(x, factor, count, /):
        """x · factor · count, with a derivative by x only."""
        return x * factor * count

    samples = (S(F(5, 3), F(3), I(3, high=7)),)
    op = defined(scaled, rules={"x": lambda g, factor, count: g * factor * count}, samples=samples)
    assert check_op(op).verdict == "ok"


@pytest.mark.parametrize("name", TABLE)
def test_every_op_of_the_table(name):
    check = check_op(TABLE[name])
    assert check.passed, check


def test_the_table_is_all_ops_in_order():
    names = [check.name for check in check_ops(list(TABLE.values())[:7])]
    assert names == list(TABLE)[:7]
