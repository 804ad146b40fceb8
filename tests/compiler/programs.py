"""Programs drawn at random for machine code: of sizes that cross the limits of vectors, strips, blocks and tasks.

What is computed stays near 1 and depends on nothing too strongly, so that a rounding early on stays one at the end. Whatever may jump
(a comparison, a conversion to integers, the place of a maximum) is asked of *exact* values only: inputs, what was moved but not
computed, and integers.
"""

from __future__ import annotations

import math

import numpy as np
from graph.random_programs import Builder

from chainrule import ops
from chainrule.base import dtypes
from chainrule.base.errors import ChainruleError
from chainrule.graph import Equation, Literal, Program, Var
from chainrule.graph.specs import output_specs

SIZES = (1, 1, 2, 3, 5, 7, 11, 13, 15, 16, 17, 31, 64, 97)
LONG = ((4097,), (5000,), (3, 4097), (4096, 2), (129, 130), (2, 2, 2053), (16, 16, 17), (70001,))
ELEMENTS = 80_000
KINDS = (dtypes.float32,) * 8 + (dtypes.float64, dtypes.float64, dtypes.float16, dtypes.bfloat16)


class Large(Builder):
    """A program being drawn, of values that may be large."""

    def __init__(self, seed: int, most: int = ELEMENTS):
        super().__init__(seed)
        self.most = most
        self.exact: set[int] = set()

    def shape(self) -> tuple[int, ...]:
        """Any shape of a moderate number of elements."""
        if self.rng.random() < 0.15:
            return self.pick(LONG)
        while True:
            shape = tuple([self.pick(SIZES) for _ in range(int(self.rng.integers(0, 5)))])
            if math.prod(shape) <= 6000:
                return shape

    def floats(self, shape: tuple, dtype: dtypes.DType = dtypes.float32) -> Var:
        """A new input of floats."""
        x = self.input(dtypes.convert(self.rng.uniform(-2, 2, shape), dtype))
        self.exact.add(x.id)
        return x

    def integers(self, shape: tuple, low: int, high: int) -> Var:
        """A new input of integers, which is an operand of nothing else."""
        x = self.input(np.asarray(self.rng.integers(low, high, shape)))
        self.values.remove(x)
        return x

    def emit(self, op, *operands, **attrs):
        """Append an equation if its law takes the operands; its first output or None."""
        if any([v is None for v in operands]):
            return None
        known = tuple([v.spec if isinstance(v, Var) else v.value for v in operands])
        attrs = op.defaults | attrs
        try:
            if op.normalize is not None:
                attrs = op.normalize(known, attrs)
            specs = output_specs(op, known, attrs)
        except (ChainruleError, ValueError, IndexError, TypeError):
            return None
        if any([math.prod(s.shape) > self.most for s in specs]):
            return None
        outputs = [Var(s) for s in specs]
        eq = Equation(op, operands, attrs, outputs, None)
        if not self.evaluated(eq):
            return None
        self.equations.append(eq)
        self.values += outputs
        moved = op.kind.name in ("view", "gather", "concat") or op.name in MOVES
        whole = [v for v in operands if isinstance(v, Var)]
        for v in outputs:
            if v.spec.dtype.category != dtypes.FLOATING or (
                moved and all([w.id in self.exact for w in whole])
            ):
                self.exact.add(v.id)
        return outputs[0]

    def scaled(self, x: Var | None, factor: float) -> Var | None:
        """A sum made small, of which nothing else is made."""
        if x is not None:
            self.values.remove(x)
        return self.emit(ops.mul, x, Literal(factor))

    def any(self, ndim: int = 0) -> Var | None:
        """A value with at least so many axes, rather a late one."""
        found = [v for v in self.values if v.spec.ndim >= ndim and math.prod(v.spec.shape)]
        if not found:
            return None
        return found[-1 - min(int(self.rng.exponential(3)), len(found) - 1)]

    def floating(self, ndim: int = 0) -> Var | None:
        """A value of floats."""
        x = self.any(ndim)
        if x is not None and x.spec.dtype.category != dtypes.FLOATING:
            x = self.emit(ops.cast, x, dtype=self.pick(KINDS))
            x = self.emit(ops.tanh, x) if x is not None else None
        return x

    def fixed(self, ndim: int = 0) -> Var | None:
        """An exact value."""
        found = [
            v
            for v in self.values
            if v.id in self.exact and v.spec.ndim >= ndim and math.prod(v.spec.shape)
        ]
        return self.pick(found) if found else None

    def axis(self, x: Var) -> int:
        """One of the axes of a value."""
        return int(self.rng.integers(x.spec.ndim))


MOVES = frozenset(
    "clone cast flip tril triu pad stack cat where scatter view_scatter amax amin maximum minimum neg abs".split()
)


# ---------------------------------------------------------------------------------------------------------- elements


def bounded(b: Large):
    name = b.pick(
        "tanh sigmoid sin cos erf exp square abs neg sqrt log1p reciprocal rsqrt expm1 log".split()
    )
    x = b.floating()
    if name in ("sqrt", "log1p", "reciprocal", "rsqrt", "log", "exp", "expm1"):
        x = b.emit(ops.sin, x)
        x = b.emit(ops.add, x, Literal(1.5)) if name != "exp" else x
    elif name == "square":
        x = b.emit(ops.sin, x)
    b.emit(getattr(ops, name), x)


def mixed(b: Large):
    x, y = b.emit(ops.tanh, b.floating()), b.floating()
    b.emit(
        b.pick((ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum)),
        x,
        b.pick((y, Literal(0.7), Literal(2))),
    )


def across(b: Large):
    """Two values broadcast against each other: an axis more, or a column by a row."""
    x = b.emit(ops.sin, b.floating())
    if x is None:
        return
    shape = [n if b.rng.random() < 0.6 else 1 for n in x.spec.shape][int(b.rng.integers(2)) :]
    y = b.floats(tuple(shape), b.pick(KINDS))
    b.emit(b.pick((ops.add, ops.mul, ops.sub)), x, y)


def transposed_with_itself(b: Large):
    x = b.emit(ops.tanh, b.floating(2))
    if x is not None:
        n = x.spec.ndim
        y = b.emit(ops.permute, x, dims=(*range(n - 2), n - 1, n - 2))
        b.emit(ops.add, x, y)


def chosen(b: Large):
    x = b.fixed()
    if x is None:
        return
    how = b.pick((ops.gt, ops.le, ops.eq, ops.ne))
    condition = b.emit(how, x, b.pick((Literal(0), Literal(0.5), x)))
    y = b.floating()
    b.emit(ops.where, condition, y if y is not None else x, b.pick((Literal(0.25), x)))


def converted(b: Large):
    x = b.fixed() if b.rng.random() < 0.6 else None
    if x is not None:
        b.emit(
            ops.cast,
            x,
            dtype=b.pick(
                (*KINDS, dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool_, dtypes.int8)
            ),
        )
    else:
        b.emit(ops.cast, b.floating(), dtype=b.pick(KINDS))


def whole_numbers(b: Large):
    x = b.fixed()
    if x is None:
        return
    x = b.emit(ops.cast, x, dtype=b.pick((dtypes.int64, dtypes.int32)))
    op = b.pick(
        (
            ops.add,
            ops.mul,
            ops.sub,
            ops.remainder,
            ops.floor_divide,
            ops.maximum,
            ops.bitwise_and,
            ops.bitwise_xor,
        )
    )
    b.emit(op, x, Literal(b.pick((3, -2, 7))))


def triangle(b: Large):
    b.emit(b.pick((ops.tril, ops.triu)), b.any(2), diagonal=int(b.rng.integers(-2, 3)))


def created(b: Large):
    shape = b.shape()
    kind = b.rng.integers(3)
    if kind == 0:
        b.emit(ops.full, shape=shape, value=b.pick((0.0, 1.0, 0.5)), dtype=b.pick(KINDS))
    elif kind == 1:
        kind, n = b.pick((dtypes.int64, dtypes.int32)), math.prod(shape)
        x = b.emit(ops.arange, start=b.pick((0, 3)), step=b.pick((1, 2)), count=n, dtype=kind)
        b.emit(ops.view, x, shape=shape)
    else:
        b.emit(ops.eye, rows=b.pick(SIZES), columns=b.pick(SIZES), dtype=dtypes.float32)


def drawn(b: Large):
    op, kind = b.pick((ops.uniform, ops.normal)), b.pick((dtypes.float32, dtypes.float64))
    b.emit(op, b.inputs[0], shape=b.shape(), dtype=kind, skip=int(b.rng.integers(3)))


# ------------------------------------------------------------------------------------------------------------- views


def permuted(b: Large):
    x = b.any(1)
    if x is not None:
        b.emit(ops.permute, x, dims=tuple([int(d) for d in b.rng.permutation(x.spec.ndim)]))


def reshaped(b: Large):
    """Axes joined, or one cut in two."""
    x = b.any(1)
    if x is None:
        return
    shape = list(x.spec.shape)
    d = b.axis(x)
    if b.rng.random() < 0.5 and d + 1 < len(shape):
        shape[d : d + 2] = [shape[d] * shape[d + 1]]
    else:
        factors = [k for k in range(1, shape[d] + 1) if shape[d] % k == 0]
        k = b.pick(factors)
        shape[d : d + 1] = [k, shape[d] // k]
    b.emit(ops.view, x, shape=tuple(shape))


def sliced(b: Large):
    x = b.any(1)
    if x is None:
        return
    d = b.axis(x)
    n = x.spec.shape[d]
    if b.rng.random() < 0.3:
        b.emit(ops.select, x, dim=d, index=int(b.rng.integers(n)))
        return
    start = int(b.rng.integers(0, n))
    b.emit(
        ops.slice_,
        x,
        dim=d,
        start=start,
        stop=int(b.rng.integers(start + 1, n + 1)),
        step=b.pick((1, 1, 2, 3)),
    )


def expanded(b: Large):
    x = b.any()
    if x is not None:
        shape = [b.pick((3, 17)) if n == 1 and b.rng.random() < 0.6 else n for n in x.spec.shape]
        b.emit(ops.expand, x, shape=(*b.pick(((), (), (2,), (5, 1))), *shape))


def diagonal(b: Large):
    b.emit(ops.diagonal, b.any(2), offset=int(b.rng.integers(-1, 2)), dim1=0, dim2=1)


# -------------------------------------------------------------------------------------------------------- reductions


def axes(b: Large, x: Var) -> tuple[int, ...]:
    chosen = tuple([d for d in range(x.spec.ndim) if b.rng.random() < 0.5])
    return chosen or (x.spec.ndim - 1,)


def reduced(b: Large):
    x = b.emit(ops.sin, b.floating(1))
    if x is None:
        return
    dim = axes(b, x)
    n = math.prod([x.spec.shape[d] for d in dim])
    if b.rng.random() < 0.7:
        b.scaled(b.emit(ops.sum, x, dim=dim, keepdim=bool(b.rng.integers(2))), 1 / n)
    else:
        b.emit(b.pick((ops.amax, ops.amin)), x, dim=dim, keepdim=bool(b.rng.integers(2)))


def counted(b: Large):
    x = b.fixed(1)
    if x is not None:
        x = b.emit(ops.gt, x, Literal(0))
        if x is not None:
            b.emit(
                b.pick((ops.sum, ops.any, ops.all, ops.amax)),
                x,
                dim=axes(b, x),
                keepdim=bool(b.rng.integers(2)),
            )


def centred(b: Large):
    """A value minus its mean over axes, divided by its deviation."""
    x = b.emit(ops.sin, b.floating(1))
    if x is None:
        return
    dim = axes(b, x)
    m = b.emit(ops.mean, x, dim=dim, keepdim=True)
    c = b.emit(ops.sub, x, m)
    v = b.emit(ops.mean, b.emit(ops.square, c), dim=dim, keepdim=True)
    b.emit(ops.mul, c, b.emit(ops.rsqrt, b.emit(ops.add, v, Literal(0.1))))


def normalized(b: Large):
    x = b.emit(ops.tanh, b.floating(1))
    if x is None:
        return
    d = (b.axis(x),)
    e = b.emit(ops.exp, b.emit(ops.sub, x, b.emit(ops.amax, x, dim=d, keepdim=True)))
    y = b.emit(ops.div, e, b.emit(ops.sum, e, dim=d, keepdim=True))
    if b.rng.random() < 0.5:
        b.emit(ops.sum, b.emit(ops.mul, y, x), dim=d, keepdim=bool(b.rng.integers(2)))


def extreme_place(b: Large):
    x = b.fixed(1)
    if x is not None:
        b.emit(
            b.pick((ops.argmax, ops.argmin, ops.max_along, ops.min_along)),
            x,
            dim=b.axis(x),
            keepdim=bool(b.rng.integers(2)),
        )


def running_sum(b: Large):
    x = b.emit(ops.tanh, b.floating(1))
    if x is not None:
        d = b.axis(x)
        b.scaled(b.emit(ops.cumsum, x, dim=d), 1 / x.spec.shape[d])


# ---------------------------------------------------------------------------------------------------------- products


def multiplied(b: Large):
    x = b.emit(ops.sin, b.floating(1))
    if x is None:
        return
    k = x.spec.shape[-1]
    w = b.floats((k, b.pick(SIZES)), x.spec.dtype)
    y = b.scaled(b.emit(ops.matmul, x, w), 1 / k)
    if y is not None and b.rng.random() < 0.7:
        y = b.emit(ops.add, y, b.floats((y.spec.shape[-1],), x.spec.dtype))
        y = b.emit(ops.tanh, y)
        if b.rng.random() < 0.5:
            b.emit(ops.add, y, b.floats(y.spec.shape if y is not None else (), x.spec.dtype))


def contracted(b: Large):
    x = b.emit(ops.sin, b.floating(2))
    if x is None or x.spec.ndim > 3:
        return
    letters = "abc"[: x.spec.ndim]
    other = "".join([ch for ch in b.rng.permutation(list(letters)) if b.rng.random() < 0.7]) + "z"
    size = dict(zip(letters, x.spec.shape, strict=True)) | {"z": b.pick(SIZES)}
    out = "".join(
        [
            ch
            for ch in b.rng.permutation([*letters, "z"])
            if ch not in other[:-1] or b.rng.random() < 0.4
        ]
    )
    if math.prod([size[ch] for ch in set(letters) | set(other)]) > 1 << 20:
        return
    w = b.floats(tuple([size[ch] for ch in other]), x.spec.dtype)
    n = math.prod([size[ch] for ch in set(letters + other) - set(out)])
    b.scaled(b.emit(ops.einsum, x, w, equation=f"{letters},{other}->{out}"), 1 / n)


# ------------------------------------------------------------------------------------------------- put together, taken


def joined(b: Large):
    x = b.any(1)
    if x is None:
        return
    d = b.axis(x)
    y = b.emit(ops.neg, x) if x.spec.dtype is not dtypes.bool_ else x
    b.emit(b.pick((ops.cat, ops.cat, ops.stack)), x, *[y] * int(b.rng.integers(1, 3)), dim=d)


def surrounded(b: Large):
    x = b.any(1)
    if x is not None:
        pads = tuple([b.pick(((0, 0), (1, 2), (0, 3))) for _ in x.spec.shape])
        b.emit(ops.pad, x, pads=pads, value=b.pick((0.0, 1.0)))


def written(b: Large):
    x = b.any(1)
    if x is None:
        return
    d = b.axis(x)
    n = x.spec.shape[d]
    start = int(b.rng.integers(n))
    stop = int(b.rng.integers(start + 1, n + 1))
    path = ((ops.slice_, (("dim", d), ("start", start), ("stop", stop), ("step", 1))),)
    shape = tuple([stop - start if k == d else m for k, m in enumerate(x.spec.shape)])
    if b.rng.random() < 0.3:
        path = ((ops.select, (("dim", d), ("index", start))),)
        shape = tuple([m for k, m in enumerate(x.spec.shape) if k != d])
    value = b.floats(shape if b.rng.random() < 0.7 else (), x.spec.dtype)
    b.emit(ops.view_scatter, x, value, path=path)


def reversed_(b: Large):
    x = b.any(1)
    if x is not None:
        b.emit(ops.flip, x, dims=axes(b, x))


def looked_up(b: Large):
    x = b.any(1)
    if x is None:
        return
    d = b.axis(x)
    n = x.spec.shape[d]
    how = b.rng.integers(3)
    if how == 0:
        b.emit(ops.index, x, b.integers(b.pick(((), (5,), (2, 3), (40,))), -n, n), dims=(d,))
    elif how == 1:
        at = tuple(
            [
                int(b.rng.integers(1, m + 1)) if k != d else b.pick((1, 4, 19))
                for k, m in enumerate(x.spec.shape)
            ]
        )
        b.emit(ops.gather, x, b.integers(at, 0, n), dim=d)
    elif x.spec.ndim == 2:
        b.emit(ops.embedding, x, b.integers(b.pick(((), (5,), (2, 3), (40,))), 0, x.spec.shape[0]))


def added_at(b: Large):
    x = b.emit(ops.tanh, b.floating(1))
    if x is None:
        return
    d = b.axis(x)
    n = x.spec.shape[d]
    if b.rng.random() < 0.5:
        count = b.pick((1, 4, 19))
        shape = (*x.spec.shape[:d], count, *x.spec.shape[d + 1 :])
        values = b.floats(shape, x.spec.dtype)
        accumulate = bool(b.rng.integers(2))
        b.emit(
            ops.index_put, x, values, b.integers((count,), -n, n), dims=(d,), accumulate=accumulate
        )
    else:
        at = tuple(
            [
                int(b.rng.integers(1, m + 1)) if k != d else b.pick((1, 4, 19))
                for k, m in enumerate(x.spec.shape)
            ]
        )
        source = b.floats(at, x.spec.dtype)
        b.emit(b.pick((ops.scatter_add, ops.scatter)), x, b.integers(at, 0, n), source, dim=d)


STEPS = (
    bounded, bounded, mixed, mixed, across, across, transposed_with_itself, chosen, converted, whole_numbers, triangle, created, drawn,
    permuted, permuted, reshaped, reshaped, sliced, expanded, diagonal, reduced, reduced, reduced, counted, centred, normalized,
    extreme_place, running_sum, multiplied, multiplied, contracted, joined, surrounded, written, reversed_, looked_up, added_at,
)  # fmt: skip


def large_program(seed: int) -> tuple[Program, list]:
    """A program over all that has machine code, and its inputs."""
    b = Large(seed)
    b.values.remove(b.input(np.array([seed, 3])))
    for _ in range(2):
        b.floats(b.shape(), b.pick(KINDS))
    for _ in range(int(b.rng.integers(4, 22))):
        b.pick(STEPS)(b)
    outputs = [b.values[int(k)] for k in b.rng.integers(0, len(b.values), 3)] + b.values[-2:]
    return Program(b.inputs, b.equations, outputs), b.feed
