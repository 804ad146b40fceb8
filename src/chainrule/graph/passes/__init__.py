"""Passes: programs that compute the same with fewer and simpler equations.

Each pass is a function from a program to a program, and the verifier accepts what each returns (the
tests look after every one; `simplify` itself only at the end, for a look costs as much as all).
Imports the other files of `graph`, ops and base. Reading order: `inline`, `share`, `rewrite` (how
rules are applied), then the rules by subject: `constants`, `halves`, `algebra`, `einsums`, `views`,
`writes`, `searches`. `loops` makes scans smaller; `numbers` takes the Python numbers out of a program.

What a pass promises about values:

| pass | keeps |
|---|---|
| sharing, dead code, constants, views, `HALVES`, `ALGEBRA`, `WRITES`, `SCATTERS`, `SEARCHES` | each bit |
| `JOINS`, `UNITS` | each value; −0 where the program gave +0 |
| inlining, loops, `ROUNDING`, `EINSUMS` | values to rounding |

"Each bit" is said of ops as functions of the elements of their operands. NumPy's sums and matrix
products depend besides on how an operand lies in memory, which taking out a copy may change.

>>> from chainrule.tensors import Tensor
>>> from chainrule.graph import trace
>>> from chainrule.graph.passes import simplify
>>> f = trace(lambda x: (x * 1 + x * 1).view(2).exp())
>>> print(simplify(f.capture(Tensor([1.0, 2.0])).program))
program(%0: float32[2]) {
  %1: float32[2] = add(%0, %0)
  %2: float32[2] = exp(%1)
  return %2
}
"""

from __future__ import annotations

from ..ir import Equation, Program, pruned
from ..verify import verify
from .algebra import ALGEBRA, ROUNDING, UNITS
from .constants import FOLDING
from .einsums import EINSUMS
from .halves import HALVES, widened
from .inline import inlined
from .loops import lightened
from .numbers import numbers_function, split_numbers
from .rewrite import Rules, rewritten
from .searches import SEARCHES
from .share import kept_apart, shared
from .views import VIEWS
from .writes import JOINS, SCATTERS, WRITES

__all__ = [
    "ALGEBRA",
    "EINSUMS",
    "FOLDING",
    "HALVES",
    "JOINS",
    "ROUNDING",
    "SCATTERS",
    "SEARCHES",
    "UNITS",
    "VIEWS",
    "WRITES",
    "combined",
    "inlined",
    "kept_apart",
    "lightened",
    "live",
    "numbers_function",
    "rewritten",
    "shared",
    "simplify",
    "split_numbers",
    "widened",
]


def combined(*tables: Rules) -> Rules:
    """One table of the rules of several."""
    out: dict[str, tuple] = {}
    for table in tables:
        for name, rules in table.items():
            out[name] = (*out.get(name, ()), *rules)
    return out


EVERYTHING = combined(
    FOLDING, HALVES, ALGEBRA, UNITS, ROUNDING, EINSUMS, VIEWS, WRITES, JOINS, SEARCHES
)


def live(program: Program) -> Program:
    """The program without the equations that lead to no output."""
    equations = pruned(program.equations, program.outputs)
    return Program(program.inputs, equations, program.outputs)


def simplify(program: Program, whole: frozenset[str] = frozenset()) -> Program:
    """A program that computes the same, in primitives and the composites named in `whole`, with
    as few equations as the passes can. The bodies of loops are simplified too.

    The result has the same inputs, and as many outputs, which share memory with each other and
    with inputs only where they did before.
    """
    start = lightened(Program(program.inputs, _with_bodies(program, whole), program.outputs))
    p = live(rewritten(shared(live(inlined(start, whole))), EVERYTHING))
    p = live(shared(rewritten(live(shared(p)), SCATTERS)))
    return verify(kept_apart(program, p))


def _with_bodies(program: Program, whole: frozenset[str]) -> list[Equation]:
    """The equations, with each attribute that is a program simplified."""
    out = []
    for eq in program.equations:
        if any([isinstance(v, Program) for v in eq.attrs.values()]):
            attrs = {
                name: simplify(v, whole) if isinstance(v, Program) else v
                for name, v in eq.attrs.items()
            }
            eq = Equation(eq.op, eq.inputs, attrs, eq.outputs, eq.place)
        out.append(eq)
    return out
