"""Scans: what need not be done at every step is done before or after the loop.

- What depends on no step (a transposed weight, a number) is computed before.
- A product of a weight with what a step is given, and not with what it carries, is computed for all
  steps at once before the loop; one that leads only to results, after it.
- A carry that only collects a sum, c + f, is taken out. Where f is a product, as in the gradient of
  a weight, its operands are stacked instead, and one product over (step, …) after the loop gives
  the sum: 64 products of 32 rows are several times slower than one of 2048. Where f is a sum, it is
  one sum over the stack. The price is memory for what is stacked, unless it is there anyway.
- Results, carries and operands that nobody reads are dropped.

The sums are taken in another order than step by step, so values agree to rounding.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import ops
from ...base import dtypes
from ...ops import Op, Spec
from ...ops.contract import parse
from ..ir import Equation, Literal, Operand, Program, Var, pruned
from ..specs import output_specs

__all__ = ["lightened"]

LETTERS = "abcdefghijklmnopqrsuvwxyz"
"""Names of axes, without `t`, that of the steps."""

FLOATS = (dtypes.float32, dtypes.float64)
"""Only these are computed in another order, or as a part of something larger."""


def lightened(program: Program) -> Program:
    """The program with every scan made as small as can be. Bodies are in primitives."""
    needed = {v.id for v in program.outputs if isinstance(v, Var)}
    parts: list[list[Equation]] = []
    zeros = {eq.outputs[0].id for eq in program.equations if _is_zero(eq)}
    for eq in reversed(program.equations):
        if eq.op.name == "scan":
            mine = _Scan(eq, needed, zeros).equations()
        else:
            mine = [eq]
        for e in mine:
            needed |= {v.id for v in e.inputs if isinstance(v, Var)}
        parts.append(mine)
    return Program(program.inputs, [eq for part in parts[::-1] for eq in part], program.outputs)


def _is_zero(eq: Equation) -> bool:
    return eq.op.name == "full" and eq.attrs["value"] == 0


class _Scan:
    """A scan being rewritten.

    Args:
        needed: the variables that are read after it.
        zeros: variables known to be 0 everywhere.
    """

    def __init__(self, eq: Equation, needed: set[int], zeros: set[int]):
        self.eq, self.zeros = eq, zeros
        body, n = eq.attrs["body"], eq.attrs["carries"]
        m = n + eq.attrs["sequences"]
        self.length = eq.attrs["length"]
        self.steps: list[Equation] = list(body.equations)
        self.carries = list(
            zip(body.inputs[:n], eq.inputs[:n], body.outputs[:n], eq.outputs[:n], strict=True)
        )
        self.sequences = list(zip(body.inputs[n:m], eq.inputs[n:m], strict=True))
        self.constants = list(zip(body.inputs[m:], eq.inputs[m:], strict=True))
        results = list(zip(body.outputs[n:], eq.outputs[n:], strict=True))
        self.results = [(inside, out) for inside, out in results if out.id in needed]
        self.needed = needed
        self.free: set[int] = set()  # what depends on nothing
        self.before: list[Equation] = []
        self.after: list[Equation] = []

    def equations(self) -> list[Equation]:
        """What stands in the scan's place."""
        self._prune()
        self._hoist()
        self._ahead()
        for carry in list(self.carries):
            self._take_out(carry)
        self._behind()
        self._prune()
        return [*self.before, *self._scan(), *self.after]

    def _scan(self) -> list[Equation]:
        given = [*[c[:2] for c in self.carries], *self.sequences, *self.constants]
        inside, operands = [v for v, _ in given], [operand for _, operand in given]
        outputs = [*[v for *_, v, _ in self.carries], *[v for v, _ in self.results]]
        if not outputs:
            return []
        attrs = self.eq.attrs | {
            "body": Program(inside, self.steps, outputs),
            "carries": len(self.carries),
            "sequences": len(self.sequences),
        }
        outside = [*[v for *_, v in self.carries], *[v for _, v in self.results]]
        return [Equation(self.eq.op, operands, attrs, outside, self.eq.place)]

    # ------------------------------------------------------------------------------- dropping

    def _prune(self) -> None:
        """Drop what leads to nothing that is needed: carries may keep each other alive only."""
        alive = [c for c in self.carries if c[3].id in self.needed]
        while True:
            wanted = [*[c[2] for c in alive], *[v for v, _ in self.results]]
            steps = pruned(self.steps, wanted)
            read = {v.id for eq in steps for v in eq.inputs if isinstance(v, Var)}
            read |= {v.id for v in wanted if isinstance(v, Var)}
            more = [c for c in self.carries if c[3].id in self.needed or c[0].id in read]
            if len(more) == len(alive):
                break
            alive = more
        self.carries, self.steps = alive, steps
        self.sequences = [s for s in self.sequences if s[0].id in read]
        self.constants = [c for c in self.constants if c[0].id in read]

    # ------------------------------------------------------------------------------- hoisting

    def _hoist(self) -> None:
        """Move out what depends on constants alone. What depends on nothing stays: it is made
        where it is read.
        """
        outside: dict[int, Operand] = {v.id: operand for v, operand in self.constants}
        free: dict[int, Equation] = {}
        kept: list[Equation] = []
        for eq in self.steps:
            variables = [v for v in eq.inputs if isinstance(v, Var)]
            known = all([v.id in outside or v.id in free for v in variables])
            if not known or eq.op.kind.name in ("random", "scan"):
                kept.append(eq)
                continue
            if not any([v.id in outside for v in variables]):
                free |= {v.id: eq for v in eq.outputs}
                self.free |= {v.id for v in eq.outputs}
                kept.append(eq)
                continue
            inputs = [self._outside(v, outside, free) for v in eq.inputs]
            made = [Var(v.spec) for v in eq.outputs]
            self.before.append(Equation(eq.op, inputs, eq.attrs, made, eq.place))
            for v, w in zip(eq.outputs, made, strict=True):
                outside[v.id] = w
                self.constants.append((v, w))
        self.steps = kept

    def _outside(
        self, v: Operand, outside: dict[int, Operand], free: dict[int, Equation]
    ) -> Operand:
        """What an operand of the body is before the loop."""
        if not isinstance(v, Var) or v.id in outside:
            return outside[v.id] if isinstance(v, Var) else v
        eq = free[v.id]
        inputs = [self._outside(w, outside, free) for w in eq.inputs]
        made = [Var(w.spec) for w in eq.outputs]
        self.before.append(Equation(eq.op, inputs, eq.attrs, made, eq.place))
        outside |= {w.id: x for w, x in zip(eq.outputs, made, strict=True)}
        return outside[v.id]

    # ------------------------------------------------------------------------------- products

    def _ahead(self) -> None:
        """Products of weights with what is known before the loop, for all steps at once."""
        known = {v.id: operand for v, operand in self.sequences}
        reached = set(known)
        for eq in self.steps:
            moving = self._moving(eq)
            if moving and all([v.id in reached for v in moving]) and self._at_once(eq):
                reached |= {eq.outputs[0].id}

        def computed(v: Var) -> Operand:
            if v.id not in known:
                known[v.id] = self._over_steps(self._maker(v), computed, self.before)
            return known[v.id]

        for eq in list(self.steps):
            v = eq.outputs[0]
            if v.id in reached and eq.op.name == "matmul":
                self.sequences.append((v, computed(v)))
                self.steps.remove(eq)

    def _behind(self) -> None:
        """Products of weights that no later step depends on, for all steps at once."""
        late = self._late()
        made: dict[int, Operand] = {}

        def computed(v: Var) -> Operand:
            if v.id not in late:
                return self._stacked(v)
            if v.id not in made:
                made[v.id] = self._over_steps(self._maker(v), computed, self.after)
            return made[v.id]

        for v, out in list(self.results):
            if isinstance(v, Var) and v.id in late:
                self.results.remove((v, out))
                self.after.append(Equation(ops.clone, (computed(v),), {}, (out,), self.eq.place))

    def _late(self) -> set[int]:
        """Products that lead only to results, and what is computed from them element by element."""
        lasting = pruned(self.steps, [c[2] for c in self.carries])
        barred = {v.id for eq in lasting for v in eq.outputs}
        while True:
            late: set[int] = set()
            for eq in self.steps:
                v = eq.outputs[0]
                product = eq.op.name == "matmul" or any([w.id in late for w in self._moving(eq)])
                if product and v.id not in barred and self._at_once(eq):
                    late.add(v.id)
            inside = [eq for eq in self.steps if eq.outputs[0].id not in late]
            again = {v.id for eq in inside for v in eq.inputs if isinstance(v, Var)} & late
            if not again:
                return late
            barred |= again

    def _moving(self, eq: Equation) -> list[Var]:
        """The operands of an equation that change from step to step."""
        return [v for v in eq.inputs if isinstance(v, Var) and not self._is_steady(v)]

    def _at_once(self, eq: Equation) -> bool:
        """Whether an equation can be computed for all steps at once: it is elementwise, or a
        product with a constant, whose axes are then those of rows.
        """
        moving = self._moving(eq)
        spec = eq.outputs[0].spec
        if not moving or len(eq.outputs) > 1 or spec.dtype not in FLOATS:
            return False
        if any([v.id in self.free for v in moving]):
            return False  # not worth being stacked
        if eq.op.name == "matmul":
            steady = [v for v in eq.inputs if isinstance(v, Var) and v not in moving]
            return len(steady) == 1 and steady[0].spec.ndim <= moving[0].spec.ndim
        variables = [v for v in eq.inputs if isinstance(v, Var) and not v.spec.weak]
        alike = all([v.spec.dtype is spec.dtype and v.spec.ndim > 0 for v in variables])
        return eq.op.kind.name == "elementwise" and not eq.op.composite and alike

    def _over_steps(
        self, eq: Equation | None, computed: Callable[[Var], Operand], where: list[Equation]
    ) -> Operand:
        """An equation for all steps at once, from its operands for all steps."""
        assert eq is not None
        outside = {v.id: operand for v, operand in self.constants}
        rank = eq.outputs[0].spec.ndim
        operands: list[Operand] = []
        for v in eq.inputs:
            if not isinstance(v, Var) or v.id in outside:
                operands.append(outside[v.id] if isinstance(v, Var) else v)
                continue
            stack = computed(v)
            if eq.op.name != "matmul" and v.spec.ndim < rank:  # axes are counted from the last
                shape = (self.length, *(1,) * (rank - v.spec.ndim), *v.spec.shape)
                stack = self._apply(ops.view, {"shape": shape}, stack, where=where)
            operands.append(stack)
        return self._apply(eq.op, eq.attrs, *operands, where=where)

    # ----------------------------------------------------------------------------------- sums

    def _take_out(self, carry: tuple) -> None:
        """A carry that is c + f at every step, and read by nothing else, as one sum after the
        loop.
        """
        c, start, total, out = carry
        maker = self._maker(total)
        if maker is None or maker.op.name != "add" or c.spec.dtype not in FLOATS:
            return
        a, b = maker.inputs
        f = b if a is c else a if b is c else None
        if not isinstance(f, Var) or f.spec != c.spec or total.spec != c.spec:
            return
        if self._reads(c) != 1 or self._reads(total) != 1:
            return
        views: list[Equation] = []
        eq = self._maker(f)
        while eq is not None and eq.op.name in ("view", "permute"):
            views.append(eq)
            eq = self._maker(eq.inputs[0])
        if eq is None or eq.op.name not in ("matmul", "einsum", "sum"):
            return
        found = self._summed(eq) if eq.op.name == "sum" else self._multiplied(eq)
        if found is None:
            return
        for view in reversed(views):
            found = self._apply(view.op, view.attrs, found)
        if start.id in self.zeros:
            # the result must be the variable that was promised
            last = self.after.pop()
            self.after.append(Equation(last.op, last.inputs, last.attrs, (out,), last.place))
        else:
            self.after.append(Equation(ops.add, (start, found), {}, (out,), self.eq.place))
        self.carries.remove(carry)

    def _maker(self, v: Operand) -> Equation | None:
        """The equation of the body that makes a value."""
        return next((eq for eq in self.steps if v in eq.outputs), None)

    def _reads(self, v: Var) -> int:
        """How often the body reads a value or gives it."""
        given = [*[c[2] for c in self.carries], *[w for w, _ in self.results]]
        return sum([w is v for eq in self.steps for w in eq.inputs]) + sum([w is v for w in given])

    def _apply(
        self, op: Op, attrs: dict, *operands: Operand, where: list[Equation] | None = None
    ) -> Var:
        """The result of an op after the loop, or elsewhere."""
        given = tuple([v.value if isinstance(v, Literal) else v and v.spec for v in operands])
        (made,) = output_specs(op, given, attrs)
        out = Var(made)
        where = self.after if where is None else where
        where.append(Equation(op, operands, attrs, (out,), self.eq.place))
        return out

    def _summed(self, eq: Equation) -> Var | None:
        """The sum over all steps of a sum."""
        x = eq.inputs[0]
        if (
            not isinstance(x, Var)
            or x.spec.dtype is not eq.outputs[0].spec.dtype
            or self._is_steady(x)
        ):
            return None
        stack = self._stacked(x)
        dims = (0, *[d + 1 for d in eq.attrs["dim"]])
        total = self._apply(ops.sum, {"dim": dims, "keepdim": False}, stack)
        shape = eq.outputs[0].spec.shape
        return (
            total if total.spec.shape == shape else self._apply(ops.view, {"shape": shape}, total)
        )

    def _multiplied(self, eq: Equation) -> Var | None:
        """The sum over all steps of a product: one whose operands have the steps as an axis that
        is summed.
        """
        if len(eq.inputs) != 2 or not all([isinstance(v, Var) for v in eq.inputs]):
            return None
        letters = _letters(eq)
        if letters is None:
            return None
        a, b, out = letters
        found = []
        for v, axes in zip(eq.inputs, (a, b), strict=True):
            # as it lies in memory, so that rows of all steps follow each other
            while (made := self._maker(v)) is not None and made.op.name == "permute":
                old = [""] * len(axes)
                for letter, d in zip(axes, made.attrs["dims"], strict=True):
                    old[d] = letter
                v, axes = made.inputs[0], "".join(old)
            if not isinstance(v, Var) or self._is_steady(v):
                return None
            found.append((v, axes))
        (x, a), (y, b) = found
        equation = f"t{a},t{b}->{out}"
        return self._apply(ops.einsum, {"equation": equation}, self._stacked(x), self._stacked(y))

    def _is_steady(self, v: Var) -> bool:
        """Whether a value does not change from step to step."""
        return any([v is w for w, _ in self.constants])

    def _stacked(self, v: Var) -> Var:
        """The values of all steps as one: a sequence, a result, or a new result."""
        for w, stack in (*self.sequences, *self.results):
            if w is v and isinstance(stack, Var):
                return stack
        out = Var(Spec((self.length, *v.spec.shape), v.spec.dtype))
        self.results.append((v, out))
        return out


def _letters(eq: Equation) -> tuple[str, str, str] | None:
    """The axes of both operands and of the result of a product, by letters other than t; None if
    an axis is broadcast.
    """
    a, b = [v.spec.shape for v in eq.inputs]  # type: ignore[union-attr]
    if eq.op.name == "einsum":
        (left, right), out = parse(eq.attrs["equation"], 2)
        every = list(dict.fromkeys(left + right))
        if len(every) > len(LETTERS):
            return None
        new = str.maketrans(dict(zip(every, LETTERS, strict=False)))
        return left.translate(new), right.translate(new), out.translate(new)
    batch = max(len(a), len(b)) - 2
    if len(a) < 2 or len(b) < 2 or batch > len(LETTERS) - 3:
        return None
    names = LETTERS[3 : 3 + max(batch, 0)]
    left = names[batch - (len(a) - 2) :] + "ac"
    right = names[batch - (len(b) - 2) :] + "cb"
    sizes: dict[str, int] = {}
    for part, shape in ((left, a), (right, b)):
        for letter, n in zip(part, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                return None
    return left, right, names + "ab"
