"""A program run as machine code and by the interpreter, and what must agree.

The interpreter is the reference. A value may differ from it by rounding alone: sums are added in another order, and exp and its kin
are other polynomials. Integers and bools agree exactly, NaN and infinities stand in the same places, and a zero has the sign that the
simplified program gives it (the passes say where they change signs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.base import dtypes
from chainrule.compiler.execution import Execution
from chainrule.compiler.native import Native
from chainrule.compiler.plan import read, written
from chainrule.compiler.target import LEVELS, Target
from chainrule.graph import interpret
from chainrule.graph.exact import Writer
from chainrule.graph.ir import Equation, Program, Var

TOLERANCE = {"float64": 1e-11, "float32": 5e-5, "float16": 4e-3, "bfloat16": 3e-2}
"""Relative to the largest element of a result."""

DIVISIONS = frozenset("div reciprocal pow rsqrt atan2".split())

RUNNABLE = [
    name for name in LEVELS if Target.level(name).vector_bytes <= Target.host().vector_bytes
]
"""The lesser targets whose code runs on this machine."""


class Both:
    """An executor that compares machine code with the interpreter at every run, and with what its plan makes after it was written
    and read again, as the cache does.
    """

    from_cache = False

    def __init__(self, program: Program, donated: dict[int, int], target: Target | None = None):
        self.program, self.donated = program, donated
        self.native = Native(program, donated, target)
        w = Writer()
        w.program(program)
        plan = read(written(self.native.plan, w.lines), program, w.lines)
        self.again = Execution(plan, self.native.library, program)
        self.coarse: dict[int | None, float] = {}  # the coarsest tolerance of what leads to a value
        # What sums of products and extremes lead to: a zero's sign is that of their order.
        self.summed: set[int | None] = set()
        # 1 / 0 is infinite with the zero's sign, which the passes may change: then what follows is the simplified program's.
        self.divides = any([eq.op.name in DIVISIONS for eq in program.equations])
        for v in program.inputs:
            self.coarse[v.id] = TOLERANCE.get(v.spec.dtype.name, 0)
        for eq in program.equations:
            for v in eq.outputs:
                before = [self.coarse[x.id] for x in eq.inputs if isinstance(x, Var)]
                self.coarse[v.id] = max(
                    [TOLERANCE.get(v.spec.dtype.name, 0), *before, _summing(eq)]
                )
                ordered = eq.op.kind.name in ("contract", "window") or eq.op.name in (
                    "amax",
                    "amin",
                )
                if ordered or any([x.id in self.summed for x in eq.inputs if isinstance(x, Var)]):
                    self.summed.add(v.id)

    def run(self, values: Sequence[Any], into: Sequence[Any]) -> list[np.ndarray]:
        """The results of the machine code, once they are found to be right."""
        expected = [np.array(v) for v in interpret(self.program, values)]
        zeros = [np.array(v) for v in interpret(self.native.simplified, values)]
        before = [np.array(v) for v in values]
        copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in values]
        there = [
            copies[self.donated[k]] if x is not None and k in self.donated else None
            for k, x in enumerate(into)
        ]
        # a value that is read before it is made would be what happened to lie there
        self.again.arena[:], self.native.arena[:] = 0xFF, 0
        again = self.again.run(copies, there)
        found = self.native.run(values, into)
        for k, (a, b) in enumerate(zip(again, found, strict=True)):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), (
                f"output {k} of the plan that was read"
            )
        for k, v in enumerate(self.program.output_specs):
            if v.weak:  # a number of the host, an int perhaps
                assert float(found[k]) == float(expected[k]), f"output {k}"
            else:
                name = getattr(self.program.outputs[k], "id", None)
                reference = found[k] if name in self.summed else zeros[k]
                wanted = expected[k]
                if self.divides and wanted.shape == found[k].shape == zeros[k].shape:
                    wanted = np.where(_changed(found[k], zeros[k]), zeros[k], wanted)
                assert_agree(found[k], wanted, reference, f"output {k}", self.coarse.get(name, 0))
        written = set(self.donated.values())
        for k, (v, b) in enumerate(zip(values, before, strict=True)):
            if k not in written:
                assert np.asarray(v).tobytes() == b.tobytes(), f"input {k} was written"
        return found


def _changed(found: np.ndarray, simplified: np.ndarray) -> np.ndarray:
    """Where the simplified program has the same integer, truth or infinity."""
    if not dtypes.stored(found.dtype).is_floating_point:
        return found == simplified
    return np.isinf(as_float(found)) & (found == simplified)


def _summing(eq: Equation) -> float:
    """The error of a sum in the interpreter: NumPy adds up columns one after another."""
    if eq.op.kind.name not in ("reduce", "order") or eq.outputs[0].spec.dtype.itemsize > 4:
        return 0
    shape = eq.inputs[0].spec.shape  # type: ignore[union-attr]
    return math.prod(shape) / max(math.prod(eq.outputs[0].spec.shape), 1) * 2.0**-24


def as_float(x: np.ndarray) -> np.ndarray:
    """Values as numbers: bfloat16 is stored as bits."""
    return dtypes.float32_from_bits(x) if x.dtype == dtypes.BF16_BITS else x


def assert_agree(
    found: np.ndarray, expected: np.ndarray, zeros: np.ndarray, what: str, coarse: float = 0
) -> None:
    """Equal shape and dtype, integers and bools exact, floats to the tolerance of the dtype, or a coarser one."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
    dtype = dtypes.stored(found.dtype)
    if not dtype.is_floating_point:
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    a, b = as_float(found).astype("float64"), as_float(expected).astype("float64")
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=what)
    scale = max(1.0, float(np.max(np.abs(b), initial=0, where=finite)))
    allowed = max(TOLERANCE[dtype.name], coarse) * scale
    np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=allowed, err_msg=what)
    z = as_float(zeros).astype("float64")
    both = (a == 0) & (z == 0)
    np.testing.assert_array_equal(
        np.signbit(a[both]), np.signbit(z[both]), err_msg=f"{what}: signs of zeros"
    )
