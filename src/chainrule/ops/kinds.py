"""The kinds of ops, and the law of those kinds that have one for all.

A law is a function `law(op, *operand_specs, **attributes)` that returns the Spec of each output or
raises in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base import dtypes, shapes
from ..base.errors import ShapeError
from .promotion import Spec, common

if TYPE_CHECKING:
    from .record import Op

__all__ = [
    "Kind", "Law", "concat", "contract", "create", "decompose", "elementwise", "gather", "normalizing", "order", "random",
    "reduce", "scatter", "view", "window",
]  # fmt: skip


Law = Callable[..., "Spec | tuple[Spec, ...]"]


class Kind:
    """How consumers treat an op: the compiler, batching, the exporter ask for the kind, never
    for the name.
    """

    def __init__(self, name: str, words: str, law: Law | None = None, *, strict: bool = False):
        self.name, self.words, self.law, self.strict = name, words, law, strict

    def __repr__(self) -> str:
        return self.name


def elementwise_law(op: Op, *operands: Spec | None, **attrs: Any) -> Spec:
    """Operands broadcast to one shape: sizes of an axis are equal or 1, missing leading axes
    count as 1.
    """
    given = [s for s in operands if s is not None]
    dtype = (
        dtypes.bool_
        if op.types in ("compare", "logical")
        else common(op, operands) or given[0].dtype
    )
    return Spec(shapes.broadcast(*[s.shape for s in given]), dtype, all(s.weak for s in given))


def reduce_law(op: Op, x: Spec, *, dim: Any = None, keepdim: bool = False, **attrs: Any) -> Spec:
    """The reduced axes disappear, or stay with size 1 if keepdim."""
    dims = shapes.axes(dim, x.ndim)
    shape = tuple(
        [1 if k in dims else n for k, n in enumerate(x.shape) if keepdim or k not in dims]
    )
    return Spec(shape, common(op, (x,)) or x.dtype)


def reduced(args: tuple, attrs: dict) -> dict:
    """Normal form of a reduction's attributes: `dim` a sorted tuple of axes counted from the
    front.
    """
    return attrs | {"dim": shapes.axes(attrs["dim"], args[0].ndim)}


def along(args: tuple, attrs: dict) -> dict:
    """Normal form of an op along one axis: `dim` counted from the front."""
    return attrs | {"dim": shapes.axis(attrs["dim"], args[0].ndim)}


def need_axis_sizes(name: str, a: tuple, b: tuple, dim: int) -> None:
    """Refuse operands whose sizes differ on any axis but `dim`."""
    if len(a) != len(b) or any(
        m != n for k, (m, n) in enumerate(zip(a, b, strict=True)) if k != dim
    ):
        raise ShapeError(f"operands must agree on every axis but {dim}, found {a} and {b}")


elementwise = Kind("elementwise", "operands broadcast to one shape", elementwise_law)
reduce = Kind("reduce", "the reduced axes disappear, or stay with size 1", reduce_law)
contract = Kind("contract", "named axes are multiplied and summed")
decompose = Kind("decompose", "a matrix is solved for, or taken apart", strict=True)
view = Kind("view", "the same memory under another shape and strides")
gather = Kind("gather", "elements are picked by an index", strict=True)
scatter = Kind("scatter", "elements are put or added at an index", strict=True)
window = Kind("window", "a window slides over the spatial axes", strict=True)
concat = Kind("concat", "operands are joined along an axis")
create = Kind("create", "made from attributes alone")
random = Kind("random", "made from the generator's state")
order = Kind("order", "elements are put in order along an axis", strict=True)
normalizing = Kind("normalize", "statistics along axes, then elementwise")
