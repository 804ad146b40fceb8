"""Programs drawn at random over the op table, with inputs to run them on.

`any_program` draws from all that passes look at: constants beside their identities, chains of views, writes into slices, repeated
equations, conversions, numbers; its inputs hold −0, infinities and NaN. `smooth_program` draws what has a small condition number
only, so that a rounding early on stays one at the end.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule import ops
from chainrule.base import dtypes
from chainrule.base.errors import ChainruleError
from chainrule.functional import gelu, layer_norm, linear, softmax
from chainrule.graph import Equation, Literal, Program, Var, interpret
from chainrule.graph.specs import output_specs
from chainrule.ops import Spec

SHAPES = ((3, 5), (3, 5), (5,), (3, 1), (1, 5), (1, 3, 1, 5), (), (1, 1))
NUMBERS = (0, 0.0, -0.0, 1, 1.0, True, 2, 2.0, 4.0, 0.5, -0.25, 3.0, 1e30, 0.1)
SPECIAL = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 2.5, -3.0, 1e-40)
KINDS = (dtypes.float32,) * 6 + (
    dtypes.float64,
    dtypes.float16,
    dtypes.bfloat16,
    dtypes.int64,
    dtypes.bool_,
)


class Builder:
    """A program being drawn."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.inputs: list[Var] = []
        self.feed: list = []
        self.equations: list[Equation] = []
        self.values: list[Var] = []  # whatever is not a number
        self.numbers: list[Var] = []
        self.known: dict[int, object] = {}  # what each variable is: a step that fails is not taken

    def input(self, value) -> Var:
        weak = isinstance(value, int | float)
        spec = (
            Spec((), dtypes.of_scalar(value), True)
            if weak
            else Spec(value.shape, dtypes.stored(value.dtype))
        )
        self.inputs.append(Var(spec))
        self.feed.append(value)
        self.known[self.inputs[-1].id] = value
        (self.numbers if weak else self.values).append(self.inputs[-1])
        return self.inputs[-1]

    def emit(self, op, *operands, **attrs):
        """Append an equation if law and body take the operands; its first output or None."""
        attrs = op.defaults | attrs
        known = tuple(
            [v.spec if isinstance(v, Var) else None if v is None else v.value for v in operands]
        )
        try:
            if op.normalize is not None:
                attrs = op.normalize(
                    tuple([k if isinstance(k, Spec | None) else np.asarray(k) for k in known]),
                    attrs,
                )
            specs = output_specs(op, known, attrs)
        except (ChainruleError, ValueError, IndexError, TypeError, AttributeError):
            return None
        if any(np.prod(s.shape) > 2000 for s in specs):
            return None
        outputs = [Var(s) for s in specs]
        eq = Equation(op, operands, attrs, outputs, None)
        if not self.evaluated(eq):
            return None
        self.equations.append(eq)
        for v in outputs:
            (self.numbers if v.spec.weak else self.values).append(v)
        return outputs[0]

    def evaluated(self, eq: Equation) -> bool:
        """Whether an equation gives what its law says (integers to a negative power do not)."""
        read = [v for v in dict.fromkeys(eq.inputs) if isinstance(v, Var)]
        try:
            with np.errstate(all="ignore"):
                found = interpret(Program(read, [eq], eq.outputs), [self.known[v.id] for v in read])
        except (ChainruleError, ValueError, TypeError, ArithmeticError):
            return False
        for v, x in zip(eq.outputs, found, strict=True):
            if not v.spec.weak and (x.shape, dtypes.stored(x.dtype)) != v.spec[:2]:
                return False
            self.known[v.id] = x
        return True

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def value(self) -> Var:
        """A value, most often a late one: chains are what passes look for."""
        n = len(self.values)
        return self.values[n - 1 - min(int(self.rng.geometric(0.3)) - 1, n - 1)]

    def program(self, outputs: int) -> tuple[Program, list]:
        made = [v for v in self.values + self.numbers if v not in self.inputs] or self.inputs
        chosen = [self.pick(made[-12:]) for _ in range(outputs)] + made[-1:]
        if self.rng.random() < 0.3:
            chosen.append(self.pick(self.inputs))
        return Program(self.inputs, self.equations, chosen), self.feed


def _array(rng, shape, dtype, special=True):
    x = rng.normal(size=shape)
    if special:
        x = np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), x)
    if dtype.category != dtypes.FLOATING:
        x = np.nan_to_num(x, posinf=3, neginf=-3) * 2
    return _converted(np.asarray(x), dtype)


def _converted(x, dtype):
    with np.errstate(all="ignore"):
        return dtypes.convert(x, dtype)


# ------------------------------------------------------------------------------------------------ steps of any program


def unary(b: Builder):
    names = "neg abs exp tanh sqrt square zeros_like sign clone floor log sigmoid reciprocal logical_not isnan".split()
    b.emit(getattr(ops, b.pick(names)), b.value())


def negated_twice(b: Builder):
    b.emit(ops.neg, b.emit(ops.neg, b.value()) or b.value())


def power(b: Builder):
    x = b.value()
    if b.rng.random() < 0.3:
        b.emit(ops.square, x)
    b.emit(ops.pow, x, Literal(b.pick((0.5, 1, 1.0, 2, 2.0, -1, -1.0, 3, 0, 0.25))))


def binary(b: Builder):
    op = getattr(ops, b.pick("add add sub mul mul div maximum minimum eq gt le".split()))
    x, y = b.value(), operand(b)
    b.emit(op, *((x, y) if b.rng.random() < 0.7 else (y, x)))


def operand(b: Builder):
    """Another value, a number, a constant array, one value everywhere, or a number of the host."""
    how = b.rng.integers(8)
    if how < 2:
        return b.value()
    if how < 4:
        return Literal(b.pick(NUMBERS))
    if how == 4:
        return Literal(
            _converted(np.full(b.pick(((), (1,), (5,))), b.pick(NUMBERS), "float64"), b.pick(KINDS))
        )
    if how == 5 and b.numbers:
        return b.pick(b.numbers)
    return full(b)


def full(b: Builder):
    shape, value, dtype = b.pick(SHAPES), b.pick(NUMBERS), b.pick(KINDS)
    if not dtype.is_floating_point and value == 1e30:  # no integer is as large
        value = 30
    return b.emit(ops.full, shape=shape, value=value, dtype=dtype)


def create(b: Builder):
    b.emit(
        ops.arange,
        start=0,
        step=1,
        count=b.pick((1, 5)),
        dtype=b.pick((dtypes.int64, dtypes.float32)),
    )
    full(b)


def choose(b: Builder):
    x = b.value()
    condition = (
        b.emit(ops.gt, x, Literal(0))
        if b.rng.random() < 0.6
        else b.pick((full(b), Literal(np.array(True))))
    )
    b.emit(ops.where, condition, x, b.pick((x, operand(b))))


def convert(b: Builder):
    x = b.value()
    for _ in range(int(b.rng.integers(1, 3))):
        x = b.emit(
            ops.cast,
            x,
            dtype=b.pick((*dtypes.FLOATS, dtypes.int64, dtypes.int32, dtypes.bool_, x.spec.dtype)),
        )


def reshape(b: Builder):
    x = b.value()
    n = int(np.prod(x.spec.shape))
    shapes = [(n,), (1, n), (n, 1), x.spec.shape, (*x.spec.shape, 1)] + [(3, n // 3)] * (n % 3 == 0)
    b.emit(ops.view, x, shape=b.pick(shapes))


def permute(b: Builder):
    x = b.value()
    b.emit(ops.permute, x, dims=tuple(int(d) for d in b.rng.permutation(x.spec.ndim)))


def expand(b: Builder):
    x = b.value()
    b.emit(
        ops.expand,
        x,
        shape=(
            *((2,) * int(b.rng.integers(2))),
            *[7 if n == 1 and b.rng.random() < 0.5 else n for n in x.spec.shape],
        ),
    )


def cut(b: Builder):
    x = b.value()
    if x.spec.ndim:
        d = int(b.rng.integers(x.spec.ndim))
        n = x.spec.shape[d]
        if b.rng.random() < 0.3 and n:
            b.emit(ops.select, x, dim=d, index=int(b.rng.integers(n)))
        else:
            start, stop = (
                sorted(b.rng.integers(0, n + 1, 2).tolist()) if b.rng.random() < 0.7 else (0, n)
            )
            b.emit(ops.slice_, x, dim=d, start=start, stop=stop, step=int(b.rng.integers(1, 3)))


def cut_twice(b: Builder):
    x = b.value()
    if x.spec.shape[-1:] == (5,):
        y = b.emit(
            ops.slice_, x, dim=x.spec.ndim - 1, start=1, stop=5, step=int(b.rng.integers(1, 3))
        )
        b.emit(ops.slice_, y, dim=x.spec.ndim - 1, start=int(b.rng.integers(2)), stop=2, step=1)
        b.emit(ops.select, y, dim=x.spec.ndim - 1, index=1)


def diagonal(b: Builder):
    """A diagonal, turned round and put back."""
    x, attrs = b.value(), {"offset": 0, "dim1": 0, "dim2": 1}
    y = b.emit(ops.diagonal, x, **attrs)
    if y is not None:
        y = b.emit(ops.flip, y, dims=(y.spec.ndim - 1,))
        b.emit(ops.view_scatter, x, y, path=((ops.diagonal, tuple(attrs.items())),))


def reduction(b: Builder):
    x = b.value()
    dims = tuple(d for d in range(x.spec.ndim) if b.rng.random() < 0.5) or None
    b.emit(
        getattr(ops, b.pick(("sum", "sum", "amax", "amin"))),
        x,
        dim=dims,
        keepdim=bool(b.rng.integers(2)),
    )


def product(b: Builder):
    x = b.value()
    if x.spec.ndim > 1:
        other = b.emit(
            ops.permute, x, dims=(*range(x.spec.ndim - 2), x.spec.ndim - 1, x.spec.ndim - 2)
        )
        b.emit(ops.matmul, x, other)


def pick_and_put(b: Builder):
    """An index, a gather that may check it, and a scatter at it."""
    x = b.value()
    if x.spec.ndim and all(x.spec.shape):
        d = int(b.rng.integers(x.spec.ndim))
        n = x.spec.shape[d]
        at = b.input(b.rng.integers(0, n, (*x.spec.shape[:d], 1, *x.spec.shape[d + 1 :])))
        picked = (
            b.emit(ops.gather, x, at, dim=d)
            if b.rng.random() < 0.7
            else b.emit(ops.sum, x, dim=d, keepdim=True)
        )
        if picked is not None:
            b.emit(ops.scatter, x, at, b.pick((picked, Literal(2.0))), dim=d)
            b.values.remove(at)


def write(b: Builder):
    """A slice, or all, replaced."""
    x = b.value()
    if x.spec.ndim and all(x.spec.shape):
        write_into(b, x)


def write_into(b: Builder, x, cuts=None, d=None):
    d = int(b.rng.integers(x.spec.ndim)) if d is None else d
    n = x.spec.shape[d]
    start, stop = b.pick(cuts or ((0, n), (0, 1), (n - 1, n), (1, n)))
    if start >= stop or stop > n:
        return None
    if stop == start + 1 and b.rng.random() < 0.5:
        path = ((ops.select, (("dim", d), ("index", start))),)
    elif (start, stop) == (0, n) and b.rng.random() < 0.5:
        path = ((ops.permute, (("dims", tuple(range(x.spec.ndim))[::-1]),)),)
    else:
        path = ((ops.slice_, (("dim", d), ("start", start), ("stop", stop), ("step", 1))),)
    return written(b, x, path)


def written(b: Builder, x, path):
    """A value through a path; if it has no shape for that, one of its numbers."""
    dtype = x.spec.dtype
    value = b.emit(ops.cast, b.value(), dtype=dtype)
    y = b.emit(ops.view_scatter, x, value, path=path)
    if y is None and value is not None:
        value = b.emit(ops.amax, value, dim=None, keepdim=False)
        y = None if value is None else b.emit(ops.view_scatter, x, value, path=path)
    return y


def write_through_views(b: Builder):
    """A part of a part replaced, which is seen turned over, flat, or along its diagonal."""
    x = b.value()
    if x.spec.ndim > 1 and all(x.spec.shape):
        turned = (ops.permute, (("dims", tuple(range(x.spec.ndim))[::-1]),))
        flat = (ops.view, (("shape", (math.prod(x.spec.shape),)),))
        part = (ops.slice_, (("dim", 0), ("start", 0), ("stop", 1), ("step", 1)))
        along = (ops.diagonal, (("offset", 0), ("dim1", 0), ("dim2", 1)))
        path = b.pick(((turned, part), (flat, part), (part, turned, part), (part, along)))
        written(b, x, path)


def search(b: Builder):
    edges = np.array([-1.0, 0.0, 0.0, 0.5, np.nan], np.float32)
    b.emit(ops.searchsorted, Literal(edges), b.value(), right=bool(b.rng.integers(2)))


def gradient_of_slices(b: Builder):
    """Zeros with one slice each, added: what slicing leaves behind in a backward pass."""
    dtype = b.pick((dtypes.float32, dtypes.int64))
    total, d = None, int(b.rng.integers(2))
    for start in b.rng.permutation(3).tolist():
        zeros = b.emit(ops.full, shape=(3, 3), value=b.pick((0, 0.0, -0.0)), dtype=dtype)
        part = write_into(b, zeros, [(start, start + 1)], d)
        total = (
            part
            if total is None
            else total
            if part is None
            else b.emit(ops.add, total, part) or total
        )


def writes_of_slices(b: Builder):
    """One tensor filled slice by slice."""
    x, d = b.emit(ops.full, shape=(3, 5), value=0, dtype=dtypes.float32), int(b.rng.integers(2))
    cuts = b.pick((((0, 1), (1, 2), (2, 3), (3, 5)), ((0, 1), (1, 3)), ((0, 3), (2, 5), (1, 2))))
    for k in b.rng.permutation(len(cuts)).tolist():
        x = write_into(b, x, [cuts[k]], d) or x


def join(b: Builder):
    x = b.value()
    if x.spec.ndim:
        joined = b.emit(b.pick((ops.cat, ops.stack)), x, b.pick((x, b.value())), dim=0)
        if joined is not None:
            b.emit(ops.slice_, joined, dim=0, start=0, stop=x.spec.shape[0], step=1)
            b.emit(ops.select, joined, dim=0, index=0)


def number(b: Builder):
    op = getattr(ops, b.pick("add sub mul neg".split()))
    x = b.pick(b.numbers)
    b.emit(
        *(
            (op, x)
            if op is ops.neg
            else (op, x, b.pick((b.pick(b.numbers), Literal(b.pick(NUMBERS[:12])))))
        )
    )


def again(b: Builder):
    """An equation that is there already, perhaps with its operands exchanged."""
    if b.equations:
        eq = b.pick(b.equations)
        inputs = (
            eq.inputs[::-1]
            if eq.op.name in ("add", "mul", "sub", "eq") and b.rng.random() < 0.5
            else eq.inputs
        )
        b.emit(eq.op, *inputs, **eq.attrs)


def uniform(b: Builder):
    state = b.pick([v for v in b.inputs if v.spec == Spec((2,), dtypes.int64)])
    b.emit(ops.uniform, state, shape=(3, 5), dtype=dtypes.float32, skip=int(b.rng.integers(2)))


STEPS = (
    unary, unary, negated_twice, power, power, binary, binary, binary, binary, create, choose, convert, reshape, reshape, permute,
    permute, expand, cut, cut, cut_twice, diagonal, reduction, reduction, product, pick_and_put, write,
    write_through_views, search, gradient_of_slices, writes_of_slices, join, number, number, again, again, uniform,
)  # fmt: skip


def any_program(seed: int) -> tuple[Program, list]:
    """A program over all that passes look at, and its inputs."""
    b = Builder(seed)
    b.input(np.array([seed % 1000, 0]))
    for _ in range(3):
        b.input(_array(b.rng, b.pick(SHAPES), b.pick(KINDS)))
    b.input(0.9)
    b.input(3)
    for _ in range(30):
        b.pick(STEPS)(b)
    return b.program(4)


# --------------------------------------------------------------------------------------------- steps of a smooth program


def bounded(b: Builder):
    b.emit(b.pick((ops.tanh, ops.sigmoid, gelu, ops.sin)), b.value())


def scaled(b: Builder):
    b.emit(b.pick((ops.mul, ops.add, ops.sub)), b.value(), Literal(b.pick((0.5, -1.0, 0.25, 0.7))))


def mixed(b: Builder):
    x = b.emit(ops.tanh, b.value())
    b.emit(b.pick((ops.mul, ops.add)), x, b.value())


def averaged(b: Builder):
    x = b.value()
    d = int(b.rng.integers(max(x.spec.ndim, 1)))
    b.emit(
        b.pick((ops.mean, ops.sum)),
        b.emit(ops.tanh, x),
        dim=(d,) if x.spec.ndim else (),
        keepdim=True,
    )


def repeated_sum(b: Builder):
    x = b.emit(ops.tanh, b.value())
    y = b.emit(ops.expand, x, shape=(3, *[7 if n == 1 else n for n in x.spec.shape]))
    if y is not None:
        b.emit(
            ops.sum,
            y,
            dim=(0, *range(1, int(b.rng.integers(1, y.spec.ndim + 1)))),
            keepdim=bool(b.rng.integers(2)),
        )


def normalized(b: Builder):
    x = b.value()
    if x.spec.ndim:
        b.emit(softmax, x, dim=x.spec.ndim - 1)
        if x.spec.shape[-1] > 1:
            b.emit(layer_norm, x, None, None, shape=x.spec.shape[-1:], eps=0.1)


def mapped(b: Builder):
    x = b.value()
    if x.spec.shape[-1:] == (5,):
        b.emit(linear, b.emit(ops.tanh, x), b.inputs[1], None)


SMOOTH = (
    bounded, scaled, mixed, averaged, repeated_sum, normalized, mapped, reshape, permute, expand, gradient_of_slices, join, again,
)  # fmt: skip


def smooth_program(seed: int, dtype=dtypes.float32) -> tuple[Program, list]:
    """A program whose outputs depend on nothing too strongly, and its inputs."""
    b = Builder(seed)
    for shape in ((3, 5), (5, 5), (3, 1)):
        b.input(_array(b.rng, shape, dtype, special=False))
    for _ in range(16):
        b.pick(SMOOTH)(b)
    return b.program(4)
