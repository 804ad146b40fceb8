"""The calls that the battery makes: every op of the table on every sample of its record, and what comes out of them.

A *call* is an op, one of its samples and a number, which is also the seed of the draw. Operands are drawn as raw arrays; `tensors`
puts tensors around them, those that the op has a derivative by as leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule.functional  # noqa: F401 - defines the composites
from chainrule.base import dtypes
from chainrule.base.dtypes import DType
from chainrule.ops import TABLE, Op
from chainrule.ops.promotion import Spec
from chainrule.ops.samples import Draw, Sample, samples_of
from chainrule.tensors import Tensor
from chainrule.tensors.core import wrap
from chainrule.tensors.gradients import grad

ELSEWHERE = {"scan"}
"""Ops whose attribute is a program, which only a trace makes: tests/graph/test_traced_loops.py has their tests."""

OPS = [op for op in TABLE.values() if op.name not in ELSEWHERE]
CALLS = [(op, sample, seed) for op in OPS for seed, sample in enumerate(samples_of(op))]


def each_op(*kinds: str) -> Any:
    """Parametrizes a test by the ops of some kinds, or by all if none is named."""
    chosen = [op for op in OPS if not kinds or op.kind.name in kinds]
    return pytest.mark.parametrize("op", chosen, ids=lambda op: op.name)


def each_call(condition: Callable[[Op], bool] = lambda op: True) -> Any:
    """Parametrizes a test by the calls of the ops that fulfil a condition."""
    chosen = [pytest.param(*c, id=f"{c[0].name}-{c[2]}") for c in CALLS if condition(c[0])]
    return pytest.mark.parametrize("op, sample, seed", chosen)


# ------------------------------------------------------------------------------------------------------------ operands


def names_of(op: Op, count: int) -> list[str]:
    """The name of each of `count` operands; those of a list have the list's."""
    return [*op.operands, *[op.variadic] * (count - len(op.operands))][:count]


def operands(op: Op, sample: Sample, seed: int, dtype: DType = dtypes.float64) -> list:
    """The operands of a call as raw arrays, its floating ones converted to a dtype; numbers and None as they are."""
    drawn = sample.draw(seed)
    return [
        in_dtype(v, dtype) if isinstance(o, Draw) and o.kind in "fms" else v
        for o, v in zip(sample.operands, drawn, strict=True)
    ]


def in_dtype(x: np.ndarray, dtype: DType) -> np.ndarray:
    """Drawn floats in any dtype: as bool, those above 1; as integers, those of an op's domain, moved away from 0."""
    if dtype is dtypes.bool_:
        return np.asarray(x > 1)
    if dtype.category == dtypes.INTEGER:
        x = np.asarray(np.ceil(np.abs(x) if dtype is dtypes.uint8 else x))
        return x.astype(dtype.numpy)
    return dtypes.convert(x, dtype)


def normal_form(op: Op, args: Sequence, attrs: dict) -> dict:
    """The attributes as the body gets them."""
    return op._attributes(tuple(args), attrs) if op.defaults or op.normalize else attrs


def is_floating(x: Any) -> bool:
    """Whether a raw operand is a floating array."""
    return isinstance(x, np.ndarray) and dtypes.stored(x.dtype).is_floating_point


def tensors(op: Op, args: Sequence) -> list:
    """Tensors around raw operands. Those the op has a derivative by require a gradient: where it has rules, the operands
    with a rule; where its derivative is that of its definition, all floating ones."""
    out = []
    for name, a in zip(names_of(op, len(args)), args, strict=True):
        if not isinstance(a, np.ndarray):
            out.append(a)
            continue
        t = wrap(a, None)
        if is_floating(a) and differentiable_by(op, name):
            t.requires_grad_()
        out.append(t)
    return out


def differentiable_by(op: Op, operand: str) -> bool:
    """Whether the record gives a derivative by this operand."""
    if op.joint is not None or (op.composite and not op.rules):
        return True
    return operand in op.rules


# ------------------------------------------------------------------------------------------------------------- results


def as_tuple(y: Any) -> tuple:
    """One result or several, as a tuple."""
    return y if isinstance(y, tuple) else (y,)


def all_outputs(op: Op, args: Sequence, attrs: dict) -> tuple:
    """What an op computes from raw operands, hidden outputs too."""
    return as_tuple(op.evaluate(tuple(args), normal_form(op, args, attrs)))


def raw(t: Any) -> np.ndarray:
    """The raw array of a result."""
    return t.read() if isinstance(t, Tensor) else t


def spec(x: np.ndarray) -> tuple:
    """Shape and dtype of a raw array."""
    return x.shape, dtypes.stored(x.dtype).name


def specs(laws: Sequence[Spec]) -> list[tuple]:
    """Shapes and dtypes that a law says."""
    return [(s.shape, s.dtype.name) for s in laws]


def differentiable_outputs(op: Op, ys: Sequence) -> list:
    """The outputs that have a derivative."""
    pairs = zip(op.outputs, ys, strict=True)
    return [y for name, y in pairs if name not in op.constant and is_floating(raw(y))]


def weights_for(ys: Sequence, seed: int = 17) -> list[np.ndarray]:
    """Random gradients to start at outputs with."""
    rng = np.random.default_rng(seed)
    out = [rng.uniform(0.5, 1.5, raw(y).shape) * rng.choice([-1, 1], raw(y).shape) for y in ys]
    return [
        dtypes.convert(np.asarray(w), dtypes.stored(raw(y).dtype))
        for w, y in zip(out, ys, strict=True)
    ]


def gradients(ys: Sequence, leaves: Sequence, starts: Sequence, **options: Any) -> list:
    """The gradient by each operand that requires one, None for the others."""
    asked = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
    roots = [(y, s) for y, s in zip(ys, starts, strict=True) if y.requires_grad]
    if not asked or not roots:
        return [None] * len(leaves)
    starts = [wrap(s, None) for _, s in roots]
    found = iter(grad([y for y, _ in roots], asked, starts, materialize_grads=True, **options))
    return [next(found) if any(x is a for a in asked) else None for x in leaves]


def outputs_and_gradients(op: Op, args: Sequence, attrs: dict, f: Callable | None = None) -> list:
    """Raw outputs of a call, then the raw gradients by its operands for weights that depend on shapes alone."""
    leaves = tensors(op, args)
    y = [wrap(v, None) for v in as_tuple((f or op)(*leaves, **attrs))]
    ys = differentiable_outputs(op, y)
    grads = gradients(ys, leaves, weights_for(ys))
    return [raw(v) for v in y] + [None if g is None else raw(g) for g in grads]


# ---------------------------------------------------------------------------------------------------------- comparison

TOLERANCE = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
"""Relative to the largest element: some hundred units in the last place for sums in another order."""


def as_float(x: np.ndarray) -> np.ndarray:
    """Values to compare: bfloat16 bits as the numbers they stand for."""
    return dtypes.float32_from_bits(x) if x.dtype == dtypes.BF16_BITS else x


def assert_close(
    found: np.ndarray, expected: np.ndarray, what: str = "", factor: float = 1
) -> None:
    """Equal shape and dtype; integers and bools exact, floats to the tolerance of the dtype."""
    assert spec(found) == spec(expected), what
    tolerance = TOLERANCE.get(dtypes.stored(found.dtype).name, 0) * factor
    a, b = as_float(found).astype("float64"), as_float(expected).astype("float64")
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=what)
    scale = max(1.0, float(np.max(np.abs(b), initial=0, where=finite)))
    np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=tolerance * scale, err_msg=what)


def same_bits(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Whether two arrays are equal in shape, dtype and every bit."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
