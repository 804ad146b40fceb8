"""How the compiler treats an equation.

Ops are treated by how their result's elements depend on their operands':

- *creates* (full, arange, eye) depend on nothing: computed wherever they are read;
- *views* are accesses, never computed;
- *pointwise* ops look at the operands' elements of the same place, *lookups* (embedding, gather,
  index) at one place that an index tells;
- *reductions* run over axes of the group; what is computed from their results in the same group
  is another pass over the same row, which is in the cache by then;
- *lines* (running sums, sorting) go along one axis in order, and have kernels of their own;
- *anchors* (products, windows, ...) have kernels of their own, to whose end pointwise equations
  can be fused;
- a *scan* whose body has kernels for all it does is a loop in the schedule (see `scanning`);
- everything else is run by NumPy between native parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..base import dtypes
from ..graph.ir import Equation, Literal, Var
from ..ops import Spec
from ..ops.promotion import common, spec_of
from .elements import FLOATING_ONLY, INSTRUCTIONS, POLYGAMMA
from .pieces import assembled
from .space import Dims

__all__ = [
    "indices_of",
    "lookup_dims",
    "operand_space",
    "reduces",
    "reduces_nothing",
    "role",
    "specs_of",
]

REDUCTIONS = frozenset(("sum", "prod", "amax", "amin", "any", "all"))
PICKS = frozenset(("argmax", "argmin", "max_along", "min_along"))
POOLS = frozenset(("max_pool", "sum_pool", "sum_pool_input"))
LOOKUPS = frozenset(("embedding", "gather", "index"))
ASSEMBLIES = frozenset(("cat", "stack", "pad", "view_scatter"))
PRODUCTS = frozenset(("matmul", "einsum"))
CONVOLUTIONS = frozenset(("conv", "conv_input", "conv_weight"))
ATTENTION = frozenset(("attention", "attention_backward"))
SCATTERS = frozenset(("scatter", "scatter_add", "scatter_mul", "scatter_extreme", "index_put"))
RUNNING = frozenset(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "recurrence"))
ORDERS = frozenset(("sort", "argsort", "topk"))
RANDOM = frozenset(("uniform", "normal", "random_integers"))


def role(eq: Equation) -> str:
    """How the compiler treats an equation (see above)."""
    name, kind = eq.op.name, eq.op.kind.name
    if kind == "view":
        return "view"
    if kind == "create":
        return "create"
    if any([math.prod(v.spec.shape) == 0 for v in eq.outputs]):
        return "host"
    if any([s is not None and math.prod(s.shape) == 0 for s in specs_of(eq)]):
        return "host"
    if name in INSTRUCTIONS or name in ("where", "cast", "clone", "tril", "triu"):
        return "pointwise"
    if name in RANDOM:
        return "pointwise" if isinstance(eq.inputs[0], Var) else "host"
    if name in FLOATING_ONLY:
        found = common(eq.op, specs_of(eq))
        floating = found is not None and found.is_floating_point
        return "pointwise" if floating or (name == "pow" and _whole_power(eq)) else "host"
    if name == "polygamma":
        return "pointwise" if eq.attrs["n"] < len(POLYGAMMA) else "host"
    if name in REDUCTIONS | PICKS:
        return "reduce" if isinstance(eq.inputs[0], Var) else "host"
    if name in LOOKUPS:
        return "lookup" if isinstance(eq.inputs[0], Var) else "host"
    if name == "scatter" and _puts_one(eq):
        return "pointwise"
    if name in SCATTERS:
        return "scatter" if _scatters(eq) else "host"
    if name in RUNNING | ORDERS:
        return "lines" if _has_lines(eq) else "host"
    if name == "flip":
        return "flip" if isinstance(eq.inputs[0], Var) else "host"
    if name in PRODUCTS:
        return "anchor" if _is_product(eq) else "host"
    if name in POOLS:
        return "window"
    if name in CONVOLUTIONS:
        return "window" if eq.outputs[0].spec.dtype in (dtypes.float32, dtypes.float64) else "host"
    if name in ASSEMBLIES:
        return "assembly" if assembled(eq) is not None else "host"
    if name in ATTENTION:
        return "attention" if _attends(eq) else "host"
    if name == "scan":
        return "scan" if all([_in_a_loop(e) for e in eq.attrs["body"].equations]) else "host"
    return "host"


def _whole_power(eq: Equation) -> bool:
    """Whether a power of integers has an exponent that is known, and not negative."""
    x, power = eq.inputs
    return (
        isinstance(x, Var)
        and not x.spec.weak
        and isinstance(power, Literal)
        and (isinstance(power.value, int) and 0 <= power.value < 64)
    )


def _in_a_loop(eq: Equation) -> bool:
    """Whether an equation of the body of a scan has a kernel."""
    return role(eq) not in ("host", "scan") and not eq.outputs[0].spec.weak


def _is_product(eq: Equation) -> bool:
    """Whether a contraction is one of two operands whose every axis is in the other or kept."""
    dtype = eq.outputs[0].spec.dtype
    if dtype not in (dtypes.float32, dtypes.float64) or len(eq.inputs) != 2:
        return False
    if not all([isinstance(v, Var) for v in eq.inputs]):
        return False
    if eq.op.name == "matmul":
        return True
    equation = eq.attrs["equation"].replace(" ", "")
    if not all([ch.isalpha() or ch in ",->" for ch in equation]) or "->" not in equation:
        return False
    operands, out = equation.split("->")
    a, b = operands.split(",")
    alone = (set(a) ^ set(b)) - set(out)
    return not alone and all([len(set(part)) == len(part) for part in (a, b, out)])


def _attends(eq: Equation) -> bool:
    """Whether attention is computed in the dtype of all its operands, but for a bool mask."""
    dtype = eq.outputs[0].spec.dtype
    if dtype not in (dtypes.float32, dtypes.float64):
        return False
    for name, s in zip(eq.op.operands, specs_of(eq), strict=True):
        if s is not None and (s.weak or math.prod(s.shape) == 0):
            return False
        if s is not None and s.dtype is not dtype and (name, s.dtype) != ("mask", dtypes.bool_):
            return False
    return True


def reduces(eq: Equation) -> bool:
    """Whether an equation's result comes out of a pass over the reduced axes."""
    return eq.op.name in REDUCTIONS | PICKS | POOLS


def reduces_nothing(eq: Equation) -> bool:
    """Whether all axes that a reduction is over have size 1."""
    shape, dim = eq.inputs[0].spec.shape, eq.attrs["dim"]  # type: ignore[union-attr]
    return all([shape[d] == 1 for d in (dim if isinstance(dim, tuple) else (dim,)) if shape])


def specs_of(eq: Equation) -> list[Spec | None]:
    """Shape and dtype of each operand."""
    return [
        None if v is None else v.spec if isinstance(v, Var) else spec_of(v.value) for v in eq.inputs
    ]


# ------------------------------------------------------------------------------------- scatters


def _puts_one(eq: Equation) -> bool:
    """Whether a scatter puts one element in each line along its axis: then each element of the
    result knows by its own place whether it is the one.
    """
    x, at, source = specs_of(eq)
    d = eq.attrs["dim"]
    assert x is not None and at is not None and source is not None
    return (
        bool(at.shape)
        and at.shape == source.shape
        and (tuple([1 if k == d else n for k, n in enumerate(x.shape)]) == at.shape)
    )


def _scatters(eq: Equation) -> bool:
    """Whether there is a kernel for what an equation puts or adds up along lines. Sums of half
    floats are kept in float32 until their end, which places that are added to cannot."""
    x, out = eq.inputs[0], eq.outputs[0].spec
    tensors = all(
        [isinstance(v, Literal) or (v is not None and not v.spec.weak) for v in eq.inputs]
    )
    if not (isinstance(x, Var) and x.spec.shape and tensors):
        return False
    adds = eq.op.name == "scatter_add" or eq.attrs.get("accumulate", False)
    half = out.dtype in (dtypes.float16, dtypes.bfloat16)
    return not ((adds or eq.op.name == "scatter_mul") and half) and all(
        [isinstance(v, Var) for v in indices_of(eq)]
    )


def _has_lines(eq: Equation) -> bool:
    """Whether all operands are tensors with an axis to go along."""
    return all([isinstance(v, Var) and not v.spec.weak and bool(v.spec.shape) for v in eq.inputs])


def indices_of(eq: Equation) -> Sequence:
    """The operands of a scatter that say where."""
    return eq.inputs[2:] if eq.op.name == "index_put" else eq.inputs[1:2]


# -------------------------------------------------------------------------------------- lookups


def _index_place(eq: Equation, ndim: int) -> tuple[int, int]:
    """Which dimensions of a lookup's result its indices run over: the first, and behind the last."""
    if eq.op.name == "gather":
        return 0, ndim
    if eq.op.name == "embedding":
        return 0, ndim - 1
    x, dims = eq.inputs[0], eq.attrs["dims"]
    together = dims == tuple(range(dims[0], dims[0] + len(dims)))
    first = dims[0] if together else 0
    return first, first + ndim - (len(x.spec.shape) - len(dims))  # type: ignore[union-attr,operator]


def lookup_dims(eq: Equation, index: Dims, ndim: int) -> Dims:
    """The axes of an index among the dimensions of the result of a lookup."""
    stop = _index_place(eq, ndim)[1]
    lead: Dims = [[] for _ in range(stop - len(index))]
    return [*lead, *index, *[[] for _ in range(ndim - stop)]]


def operand_space(eq: Equation, k: int, space: Dims) -> Dims:
    """The dimensions that operand k of an equation broadcasts to."""
    if eq.op.name in LOOKUPS and k > 0:
        first, stop = _index_place(eq, len(space))
        return space[first:stop]
    return space
