"""What an op knows of its operands (Spec), and in which dtype it computes.

Each op says by its `types` how its operands are converted before the body (see `common`). Half floats
are computed in float32 and rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import ArgumentError, ChainruleError, DTypeError

if TYPE_CHECKING:
    from .record import Op

__all__ = ["Spec", "common", "common_dtype", "promoted", "rounded", "spec_of"]

ndarray = np.ndarray


class Spec(NamedTuple):
    """What a law knows of an operand: shape, dtype, and whether it promotes as a Python scalar."""

    shape: tuple[int, ...]
    dtype: DType
    weak: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


def spec_of(a: Any) -> Spec:
    """The Spec of any operand; None for an operand that was left out."""
    if a is None:
        return None  # type: ignore[return-value]
    if isinstance(a, Spec):
        return a
    if isinstance(a, ndarray | np.generic):
        return Spec(a.shape, dtypes.stored(a.dtype))
    if isinstance(a, bool | int | float):
        return Spec((), dtypes.of_scalar(a), True)
    if hasattr(a, "spec"):  # a Tracer or a Tensor
        return a.spec
    raise DTypeError(f"expected a tensor, an array or a number, found {type(a).__name__}")


def rank(s: Spec) -> int:
    """The rank of an operand in promotion."""
    return dtypes.SCALAR if s.weak else dtypes.AXES if s.shape else dtypes.ZERO_D


def operand_names(op: Op, count: int) -> list[str]:
    """The name of each of `count` operands; those of a list all have the list's."""
    return [*op.operands, *[op.variadic or ""] * (count - op.arity)]


def common(op: Op, specs: Sequence[Spec | None]) -> DType | None:
    """The dtype in which an op computes, by its `types`:

    `promote`  the operands' common dtype;
    `float`    the same, but the default dtype if that is an integer or bool;
    `number`   as promote, but bools are refused;
    `sum`      as promote, but int64 if that is an integer or bool;
    `compare`  as promote (the result is bool);
    `floating` all operands have one floating dtype, or the op refuses;
    `same`     all operands have one dtype, or the op refuses.
    """
    chosen = [
        s
        for name, s in zip(operand_names(op, len(specs)), specs, strict=True)
        if s is not None
        and name in op.promotes
        and not (name in op.masks and s.dtype is dtypes.bool_)
    ]
    if not chosen:
        return None
    if op.types in ("same", "floating"):
        strong = [s for s in chosen if not s.weak] or chosen
        dtype = strong[0].dtype
        for s in strong[1:]:
            if s.dtype is not dtype:
                raise _unequal(dtype, s.dtype)
        if op.types == "same" and dtype is dtypes.bool_:
            raise DTypeError("operands must be numbers, found bool")
        if op.types == "floating" and dtype.category != dtypes.FLOATING:
            raise DTypeError(f"operands must be floating, found {dtype.name}")
        return dtype
    result = dtypes.promote([(s.dtype, rank(s)) for s in chosen])
    if op.types == "number" and result is dtypes.bool_:
        e = DTypeError("this is for numbers, found bool")
        e.hint = "logical_and, logical_or, logical_xor, logical_not"  # type: ignore[attr-defined]
        raise e
    if result.category != dtypes.FLOATING and op.types in ("float", "sum"):
        return dtypes.default() if op.types == "float" else dtypes.int64
    return result


def _unequal(a: DType, b: DType) -> DTypeError:
    """Two dtypes where there must be one, with the way out."""
    e = DTypeError(f"operands must have the same dtype, found {a.name} and {b.name}")
    default = dtypes.default()
    wanted = default if default in (a, b) else dtypes.promote([(a, dtypes.AXES), (b, dtypes.AXES)])
    also = "; arrays of NumPy are float64 unless they are told" if dtypes.float64 in (a, b) else ""
    e.hint = f".to({wanted}) converts the other{also}"  # type: ignore[attr-defined]
    return e


def common_dtype(op: Op, specs: Sequence[Spec]) -> DType:
    """`common` for an op that always has operands to convert."""
    found = common(op, specs)
    assert found is not None, op.name
    return found


def promoted(op: Op, args: Sequence) -> tuple[tuple, DType | None]:
    """Raw operands converted as `common` says; the second result is the half float that outputs
    must be rounded to, if any.
    """
    # what is done depends on what kinds of values they are, of which a program has few
    kinds: list[Any] = [dtypes.default()]
    for a in args:
        kinds.append((a.dtype, not a.shape) if a.__class__ is ndarray else a.__class__)
    key = tuple(kinds)
    known = op.conversions.get(key)
    if known is None:
        known = _conversions(op, args)
        if len(args) < FEW:
            op.conversions[key] = known
    into, back = known
    if into is None:
        return tuple(args), back
    return tuple([
        a if dtype is None else _converted(op, args, a, dtype)
        for a, dtype in zip(args, into, strict=True)
    ]), back  # fmt: skip


FEW = 8
"""Calls of so many operands, of which each may be of any kind, are not remembered."""


def _conversions(op: Op, args: Sequence) -> tuple[tuple[DType | None, ...] | None, DType | None]:
    """For each operand the dtype of the array that it becomes, None where it stays what it is, or None if
    all do; and the half float that outputs are rounded to.
    """
    try:
        specs = [spec_of(a) for a in args]
        # NumPy would take None for an object in every element
        if op.kind.name == "elementwise" and None in specs[: op.required]:
            raise DTypeError("expected a tensor, an array or a number, found None")
        target = common(op, specs)
    except ChainruleError as e:
        raise op.explained(e, args, {}) from None
    if target is None:
        return None, None
    back = target if target in (dtypes.bfloat16, dtypes.float16) else None
    compute = dtypes.float32 if back else target
    names = operand_names(op, len(args))
    concerned = [
        a is not None and name in op.promotes and not (name in op.masks and a.dtype == bool)
        for name, a in zip(names, args, strict=True)
    ]
    arrays = [isinstance(a, ndarray | np.generic) for a in args]
    alone = not any([c and array for c, array in zip(concerned, arrays, strict=True)])
    # numbers alone make an array
    numbers_too = alone or target.category != dtypes.FLOATING
    into: list[DType | None] = []
    for a, c, array in zip(args, concerned, arrays, strict=True):
        as_it_is = a.__class__ is ndarray and a.dtype == compute.numpy
        into.append(compute if c and (array or numbers_too) and not as_it_is else None)
    return (tuple(into) if any(into) else None), back


def _converted(op: Op, args: Sequence, a: Any, dtype: DType) -> ndarray:
    """One operand as an array of a dtype."""
    if isinstance(a, ndarray | np.generic):
        return dtypes.convert(np.asarray(a), dtype)
    try:
        return np.asarray(a).astype(dtype.numpy)
    except OverflowError:
        beyond = ArgumentError(f"{dtype.name} does not hold {a}")
        raise op.explained(beyond, args, {}) from None


def rounded(y: Any, half: DType) -> Any:
    """What a body computed in float32, as the half float it stands for."""
    if y.__class__ is tuple:
        return tuple([rounded(v, half) for v in y])
    return dtypes.convert(y, half) if y.dtype == np.float32 else y
