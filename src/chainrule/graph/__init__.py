"""The traced program: what a function of tensors would compute, written down.

Imports tensors, tape, ops and base. Reading order: `ir` (what a program is), `tracer` (what stands
for a value), `trace` (how a program is written), `specs` (what comes out of an op), `scan` (loops),
`verify`, `interpret`; then how one is called again: `traced`, `arguments`, `capture`, `guards`,
`memory`; how gradients flow out: `joined`, `way_back`; what is made of programs: `passes` (simpler
ones), `vmap` with its rules in `batching`, `flops` (their work), `exact` (plain values).

>>> from chainrule.tensors import Tensor
>>> from chainrule.graph import trace
>>> f = trace(lambda x: (x * x).sum())
>>> f(Tensor([1.0, 2.0]))
tensor(5.)
>>> print(f.programs[0])
program(%0: float32[2]) {
  %1: float32[2] = mul(%0, %0)
  %2: float32[] = sum(%1, dim=(0,), keepdim=False)
  return %2
}
"""

from ..base.loading import shown
from .interpret import interpret
from .ir import Equation, Literal, Program, Var
from .traced import TracedFunction, trace
from .verify import verify

__all__ = [
    "Equation",
    "Literal",
    "Program",
    "TracedFunction",
    "Var",
    "interpret",
    "trace",
    "verify",
]

__dir__ = shown(__name__)
