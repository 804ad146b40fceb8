"""Ops in words: the errors that name the call and its operands, and what `op.show()` prints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import ArgumentError, ChainruleError, DTypeError, ShapeError
from .promotion import operand_names, spec_of

if TYPE_CHECKING:
    from .record import Op

__all__ = ["description", "explain_failure", "explained", "refuse", "refuse_strangers"]


def refuse(message: str, *, hint: str = "", **notes: str) -> ShapeError:
    """A ShapeError for a law to raise: the law in words, a note behind each operand, a hint."""
    e = ShapeError(message)
    e.notes, e.hint = notes, hint  # type: ignore[attr-defined]
    return e


def explained(op: Op, error: ChainruleError, args: Sequence, attrs: dict) -> ChainruleError:
    """The same error with the call and its operands written out. If an op inside a composite is to
    blame, both are named.
    """
    if op in getattr(error, "told_by", ()):
        return error
    names = [
        f"{n}[{k - op.arity}]" if k >= op.arity else n
        for k, n in enumerate(operand_names(op, len(args)))
    ]
    given = [(n, a) for n, a in zip(names, args, strict=True) if a is not None]
    settings = [f"{k}={v!r}" for k, v in attrs.items() if v is not op.defaults.get(k, op)]
    lines = [f"{op.name}({', '.join([n for n, _ in given] + settings)}): {error}"]
    lines += _table([_row(n, a, error) for n, a in given])
    if hint := getattr(error, "hint", ""):
        lines.append(f"  hint: {hint}")
    new = type(error)("\n".join(lines))
    new.told_by = (*getattr(error, "told_by", ()), op)  # type: ignore[attr-defined]
    return new


def explain_failure(op: Op, error: Exception, args: Sequence, attrs: dict) -> None:
    """Raise the error that says which law was broken, if it is one: NumPy's own words name
    neither the op nor the operands.
    """
    if isinstance(error, ChainruleError):
        raise explained(op, error, args, attrs) from None
    if any([a is None for a in args[: op.required]]):
        nothing = DTypeError("expected a tensor, an array or a number, found None")
        raise explained(op, nothing, args, attrs) from None
    if isinstance(error, AttributeError | KeyError):
        if not op.nests:  # what a function of the user's has raised stays as it is
            refuse_strangers(op, args, attrs)
            raise explained(op, DTypeError(str(error)), args, attrs) from error
    elif not op.composite:
        op.infer(args, attrs)
        if isinstance(error, TypeError) and any(a is None for a in args):
            nothing = DTypeError("expected a tensor, an array or a number, found None")
            raise explained(op, nothing, args, attrs) from None
    else:
        try:
            op.body(*args, **attrs)  # the ops of the definition have laws
        except ChainruleError as e:
            raise explained(op, e, args, attrs) from None
        except ValueError as e:  # an operator of the definition
            raise explained(op, ShapeError(f"the shapes do not fit: {e}"), args, attrs) from None
    if isinstance(error, TypeError) and not op.nests:
        raise explained(op, DTypeError(str(error)), args, attrs) from error
    if isinstance(error, ValueError | OverflowError) and not op.nests:
        raise explained(op, ArgumentError(str(error)), args, attrs) from error


def refuse_strangers(op: Op, args: Sequence, attrs: dict) -> None:
    """Raise the error for an operand that is neither a tensor nor an array, if there is one: a
    list, or a number where the law asks for a shape.
    """
    for k, a in enumerate(args):
        if k < op.required if a is None else not hasattr(a, "dtype"):
            kind = "None" if a is None else type(a).__name__
            found = DTypeError(f"expected a tensor or an array, found {kind}")
            if isinstance(a, list | tuple | bool | int | float):
                found.hint = "chainrule.tensor(…) makes one"  # type: ignore[attr-defined]
            raise explained(op, found, args, attrs) from None


def _row(name: str, a: Any, error: ChainruleError) -> tuple[str, str, str, str]:
    """An operand: name, shape (or the number it is), dtype, the law's note on it."""
    if not isinstance(a, bool | int | float) and not hasattr(a, "dtype"):
        return name, repr(a)[:40], type(a).__name__, ""  # what is no operand at all
    s = spec_of(a)
    letters = getattr(error, "axes", {}).get(name, "")
    shape = repr(a) if isinstance(a, bool | int | float) else _lettered(s.shape, letters)
    return name, shape, s.dtype.name, getattr(error, "notes", {}).get(name, "")


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Rows in columns, each note behind its row."""
    widths = [max([len(r[k]) for r in rows], default=0) for k in range(3)]
    out = []
    for *cells, note in rows:
        row = "  ".join([cell.ljust(w) for cell, w in zip(cells, widths, strict=True)])
        out.append(f"  {row}      {note}".rstrip())
    return out


def _lettered(shape: tuple[int, ...], letters: str) -> str:
    """`(8, m=32, k=64)`: the last axes by name, if they have one."""
    if not letters:
        return str(tuple(shape))
    plain = len(shape) - len(letters)
    return (
        "("
        + ", ".join(
            [f"{n}" if k < plain else f"{letters[k - plain]}={n}" for k, n in enumerate(shape)]
        )
        + ")"
    )


def description(op: Op) -> str:
    """Formula, law, derivative rules and reference of an op."""
    lines = [
        f"{op.name}{op.__signature__}   {op.kind} {'composite' if op.composite else 'primitive'}"
    ]
    lines += ["  " + line for line in inspect.cleandoc(op.__doc__ or "").splitlines()]
    law = inspect.getdoc(op.law) if op.law is not None else None
    lines.append(f"  law: {' '.join((law or op.kind.words).split())}")
    rules = op.rules if op.joint is None else {"all operands": op.joint}
    for name, rule in rules.items():
        lines.append(f"  derivative by {name}: {_source(rule.function)}")
    if op.reference:
        lines.append(f"  reference: {op.reference}")
    return "\n".join(lines)


def _source(f: Callable) -> str:
    """The text of a rule as it stands in the file."""
    try:
        text = inspect.getsource(f)
    except (OSError, TypeError):
        return f.__name__
    return " ".join(text.split()) if f.__name__ == "<lambda>" else inspect.cleandoc(text)
