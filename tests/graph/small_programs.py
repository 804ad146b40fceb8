"""Programs written by hand, and how two programs are compared: bit for bit, or to the rounding of their dtypes."""

import math

import numpy as np
from graph.random_programs import Builder
from hypothesis import strategies as st

from chainrule import ops
from chainrule.base import dtypes
from chainrule.graph import Equation, Literal, Program, Var, interpret
from chainrule.graph.passes import simplify

F32, I64 = dtypes.float32, dtypes.int64
seeds = st.integers(0, 2**32 - 1)


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
