"""The op record: one definition that every consumer reads, and the dispatch that decides what a
call does.

    @primitive(elementwise, types="float", reference="torch.tanh", domain=(-4, 4))
    def tanh(x, /):
        r"Hyperbolic tangent of each element."
        return xp.tanh(x)

    tanh.vjp(x=lambda g, y: g * (1 - y * y))

Operands are positional only and may be raw arrays, Tensors, Tracers, Python scalars or (where the
op allows it) None; `*xs` is a list of operands and comes last. Attributes are keyword only,
hashable, and static.

What the parameters of a derivative rule mean stands in `rules`. Hidden outputs (the sum of a row, a mask)
are computed along and seen by rules only. Where the operands are half floats, outputs are rounded to
them, but for those named `unrounded`, which stay float32.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import math
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..base import dtypes
from ..base.errors import (
    ChainruleError,
    DTypeError,
    LinAlgError,
)
from ..base.modes import modes
from ..base.trees import mapped
from .explain import description, explain_failure, explained, refuse_strangers
from .kinds import Kind, Law
from .promotion import Spec, common, promoted, rounded, spec_of
from .rules import Rules, parameters

__all__ = [
    "NUMBERS",
    "READERS",
    "TABLE",
    "WRITERS",
    "Op",
    "as_floats",
    "composite",
    "primitive",
]

TABLE: dict[str, Op] = {}
"""Every op by name, in the order of definition."""

READERS: dict[type, Callable[[Op, tuple, dict], Any]] = {}
"""What a call does when an operand has this type. Tensor and its subclasses put their reading
here: they record.
"""

WRITERS: dict[str, Callable[[Op, tuple, dict], Any]] = {}
"""What a call does that has a keyword which no op has: `out`, which the torch-shaped face puts here."""

NAMES = (("input", 0), ("x", 0), ("a", 0), ("x1", 0), ("other", 1), ("x2", 1), ("exponent", 1))
"""How PyTorch calls the operands of its functions, and in which place each stands."""

NUMBERS = frozenset((bool, int, float))
"""Python's numbers, which are operands beside others."""

ndarray = np.ndarray
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class _Quiet(threading.local):
    """Runs a function with NumPy's floating-point warnings off, without touching the caller's
    own settings.
    """

    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run


_quiet = _Quiet()


class Op(Rules):
    """An op: its body, kind, law, derivative rules and what tests and docs need. Call it like a
    function.
    """

    def __init__(
        self,
        body: Callable,
        kind: Kind,
        *,
        composite: bool,
        types: str | None,
        promotes: Sequence[str] | None,
        masks: Sequence[str],
        law: Law | None,
        outputs: Sequence[str],
        hidden: Sequence[str],
        constant: Sequence[str],
        unrounded: Sequence[str],
        normalize: Callable | None,
        domain: tuple[float, float],
        reference: str | None,
        onnx: str | None,
        samples: Sequence | None,
    ):
        code = body.__code__  # read here, because `inspect.signature` of all ops takes 30 ms
        assert body.__doc__, f"{body.__name__} has no docstring"
        assert code.co_posonlyargcount == code.co_argcount, body.__name__
        assert not code.co_flags & inspect.CO_VARKEYWORDS, body.__name__
        self.name = self.__name__ = self.__qualname__ = body.__name__
        self.__module__, self.__doc__ = body.__module__, body.__doc__
        self.body, self.kind, self.composite = body, kind, composite

        # operands, attributes, results
        self.operands = parameters(body)
        self.arity = len(self.operands)
        rest = code.co_varnames[self.arity :]
        keywords, rest = rest[: code.co_kwonlyargcount], rest[code.co_kwonlyargcount :]
        self.variadic = rest[0] if code.co_flags & inspect.CO_VARARGS else None
        self.required = self.arity - len(body.__defaults__ or ())
        given = body.__kwdefaults__ or {}
        self.defaults = {name: given.get(name, inspect.Parameter.empty) for name in keywords}
        self.outputs, self.hidden = tuple(outputs), tuple(hidden)
        self.constant = frozenset(constant)
        self.unrounded = frozenset(unrounded)
        self.single = len(self.outputs) == 1 and not self.hidden

        # conversion, laws, and what tests and docs read
        self.types, self.law, self.normalize = types, law or kind.law, normalize
        everything = (*self.operands, *filter(None, [self.variadic]))
        self.promotes = everything if promotes is None else tuple(promotes)
        self.masks = frozenset(masks)
        self.domain, self.reference, self.onnx, self.samples = domain, reference, onnx, samples

        # how it is evaluated
        self.conversions: dict[tuple, tuple] = {}  # what `promoted` has found out
        self.kernel: Callable | None = None if composite else body
        self.is_view = kind.name == "view"
        self.takes_part = False  # a view of some elements, each once: its gradient is a part of x's
        self.nests = kind.name == "scan"  # its body evaluates other ops, each quiet itself
        self.strict = kind.strict and not composite  # the law is checked at every call

        Rules.__init__(self)

    # ---------------------------------------------------------------------------------------------------- definition

    def fast(self, kernel: Callable) -> Callable:
        """Decorator: a faster body of a composite for raw arrays, which the tests prove equal to
        the definition.
        """
        assert self.composite
        self.kernel = kernel
        return kernel

    @functools.cached_property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.body)

    # ------------------------------------------------------------------------------------------------------ dispatch

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if attrs and not self.defaults:
            if "out" in attrs:
                return WRITERS["out"](self, args, attrs)
            args, attrs = self._named(args, attrs), {}
        if len(args) != self.arity:
            args = self._completed(args)
        if self.defaults or self.normalize is not None:
            attrs = self._attributes(args, attrs)
        for a in args:
            if a.__class__ in READERS:
                return READERS[a.__class__](self, args, attrs)
        if args and args[0].__class__ in NUMBERS:
            self._need_a_tensor(args, attrs)
        y = self.apply(args, attrs)
        return y if self.single else self.visible(y)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """An op in a class body is a method: `class Tensor: tanh = ops.tanh`."""
        return self if instance is None else types.MethodType(self, instance)

    def visible(self, y: Any) -> Any:
        """What a caller sees of what the body returned: without hidden outputs."""
        if self.single:
            return y
        return y[0] if len(self.outputs) == 1 else y[: len(self.outputs)]

    def _need_a_tensor(self, args: tuple, attrs: dict) -> None:
        """Refuse numbers alone, as PyTorch does: nothing says whether an array or a tensor is meant."""
        if all([a is None or a.__class__ in NUMBERS for a in args]):
            e = DTypeError("an operand must be a tensor or an array, found only numbers")
            e.hint = f"tensor({args[0]}) makes one"  # type: ignore[attr-defined]
            raise self.explained(e, args, attrs)

    def _completed(self, args: tuple) -> tuple:
        """Operands that were left out are None; too few or too many are refused."""
        if len(args) > self.arity and self.variadic:
            return args
        if not self.required <= len(args) <= self.arity:
            raise TypeError(
                f"{self.name}{self.__signature__} takes {self.required} to {self.arity} operands, found {len(args)}"
            )
        return (*args, *(None,) * (self.arity - len(args)))

    def _named(self, args: tuple, attrs: dict) -> tuple:
        """Operands given by PyTorch's names for them, as in `tanh(input=x)` and `mul(x, other=y)`, or by NumPy's, which it
        knows as well.
        """
        named = dict(attrs)
        for name, place in NAMES:
            if name in named and len(args) == place < self.arity:
                args = (*args, named.pop(name))
        if named:
            self.refuse_attributes(named)
        return args

    def _attributes(self, args: tuple, attrs: dict) -> dict:
        if len(attrs) != len(self.defaults):
            attrs = self.defaults | attrs
        if len(attrs) != len(self.defaults):
            self.refuse_attributes(attrs)
        for value in attrs.values():
            if isinstance(value, np.generic):  # with an array of float32 it would be float64
                attrs = {name: dtypes.of_python(v) for name, v in attrs.items()}
                break
        if self.normalize is not None:
            try:
                attrs = self.normalize(args, attrs)
            except ChainruleError as e:
                raise self.explained(e, args, attrs) from None
            except (AttributeError, TypeError) as e:
                refuse_strangers(self, args, attrs)
                raise self.explained(DTypeError(str(e)), args, attrs) from e
        return attrs

    def refuse_attributes(self, attrs: dict) -> NoReturn:
        """Raise the error for keywords that this op does not have."""
        unknown = sorted(set(attrs) - set(self.defaults))
        raise TypeError(
            f"{self.name}() has no argument {', '.join(unknown)}; it takes {self.__signature__}"
        )

    def apply(self, args: tuple, attrs: dict) -> Any:
        """Evaluate or stage operands that are not Tensors; attributes are complete. Returns
        hidden outputs too.
        """
        if modes.meta is not None and self.kind.name in ("create", "random"):
            return modes.meta(self, args, attrs)
        if modes.trace is not None and modes.trace.takes(self, args):
            return modes.trace.stage(self, args, attrs)
        return self.evaluate(args, attrs)

    def evaluate(self, args: Sequence, attrs: dict) -> Any:
        """The value of the op on raw arrays: promotion, then the body, with the law's words if
        it fails.
        """
        kernel = self.kernel
        back = None
        if self.types is not None:
            first = None
            for a in args:
                kind = a.__class__
                if kind is ndarray:
                    if first is None:
                        first = a.dtype
                    elif a.dtype is not first:
                        first = None
                        break
                elif kind is not float and kind is not int:
                    first = None
                    break
            # the usual case, all one NumPy float, needs no conversion
            if first is not FLOAT32 and first is not FLOAT64:
                args, back = promoted(self, args)
        if self.strict:
            self.infer(args, attrs)
        try:
            if kernel is None or self.nests:
                with np.errstate(all="ignore"):  # operators between the ops of a definition
                    y = self.body(*args, **attrs)
            elif attrs:
                y = _quiet.run(kernel, *args, **attrs)
            else:
                y = _quiet.run(kernel, *args)
        except (
            ValueError, OverflowError, IndexError, TypeError, AttributeError, KeyError, LinAlgError
        ) as e:  # fmt: skip
            explain_failure(self, e, args, attrs)
            raise
        except (
            RuntimeError
        ):  # a tensor in an attribute: bodies are not entered again by what it does
            if not self._numbered(args, attrs):
                raise
            return self.evaluate(args, attrs)
        if y.__class__ is not ndarray:
            y = tuple([np.asarray(v) for v in y]) if y.__class__ is tuple else np.asarray(y)
        return y if back is None else _quiet.run(self._rounded, y, back)

    def _numbered(self, args: Sequence, attrs: dict) -> bool:
        """Put their numbers in the place of tensors among the attributes, for good; whether there were any."""
        found = False

        def number(name: str, v: Any) -> Any:
            nonlocal found
            if READERS.get(v.__class__) is None:
                return v
            found, single = True, math.prod(v.shape) == 1
            if single and not getattr(v, "requires_grad", False):
                return v.item()
            what = "with a gradient" if single else f"of shape {tuple(v.shape)}"
            refused = DTypeError(f"{name} is a number or the like, found a tensor {what}")
            raise self.explained(refused, args, attrs) from None

        attrs.update({n: mapped(functools.partial(number, n), v) for n, v in attrs.items()})
        return found

    def _rounded(self, y: Any, half: dtypes.DType) -> Any:
        """What the body computed in float32 as half floats, but for what stays as it is."""
        if not self.unrounded:
            return rounded(y, half)
        names = self.outputs + self.hidden
        return tuple([
            v if name in self.unrounded else rounded(v, half)
            for name, v in zip(names, y, strict=True)
        ])  # fmt: skip

    # --------------------------------------------------------------------------------------------------------- laws

    def infer(self, args: Sequence, attrs: dict) -> tuple[Spec, ...]:
        """Shapes and dtypes of all outputs, hidden ones too, from those of the operands; a law
        that is broken raises.
        """
        assert self.law is not None, f"{self.name} has no law"
        try:
            specs = [spec_of(a) for a in args]
            if self.types is not None:
                common(self, specs)
            out = self.law(self, *specs, **attrs)
        except ChainruleError as e:
            raise self.explained(e, args, attrs) from None
        return (out,) if isinstance(out, Spec) else out

    def explained(self, error: ChainruleError, args: Sequence, attrs: dict) -> ChainruleError:
        """The same error with the call and its operands written out."""
        return explained(self, error, args, attrs)

    # ---------------------------------------------------------------------------------------------------------- text

    def show(self) -> str:
        """Formula, law, derivative rules and references of the op, for reading.

        >>> from chainrule.ops import tanh
        >>> print(tanh.show().splitlines()[0])
        tanh(x, /)   elementwise primitive
        """
        return description(self)

    def __repr__(self) -> str:
        return f"<op {self.name}{self.__signature__}>"

    def __reduce__(self):
        return TABLE.__getitem__, (self.name,)


# ----------------------------------------------------------------------------------------------------------- decorators


def _define(composite: bool, kind: Kind, options: dict) -> Callable[[Callable], Op]:
    def define(body: Callable) -> Op:
        settings = {
            "types": None, "promotes": None, "masks": (), "law": None, "outputs": ("y",), "hidden": (), "constant": (), "unrounded": (),
            "normalize": None, "domain": (-3.0, 3.0), "reference": None, "onnx": None, "samples": None,
        }  # fmt: skip
        unknown = set(options) - set(settings)
        assert not unknown, unknown
        op = Op(body, kind, composite=composite, **(settings | options))
        assert op.name not in TABLE, f"{op.name} is defined twice"
        TABLE[op.name] = op
        return op

    return define


def primitive(kind: Kind, **options: Any) -> Callable[[Callable], Op]:
    """Define an op whose body calls the array backend.

    Options: `types` (how operands are converted, see `common`), `promotes` (which operands that
    concerns), `masks` (operands that may be bool instead), `law` (shapes and dtypes, where the kind
    has none), `outputs` and `hidden` (names), `constant` (outputs with no derivative),
    `unrounded` (outputs that stay float32 beside half floats),
    `normalize(args, attrs)` (attributes in one canonical form), `domain` (where samples are drawn),
    `reference`, `onnx`, `samples` (see `ops.samples`).
    """
    return _define(False, kind, options)


def composite(kind: Kind, **options: Any) -> Callable[[Callable], Op]:
    """Define an op whose body is written in other ops; the options are those of `primitive`."""
    return _define(True, kind, options)


def as_floats(op: Op, args: Sequence) -> tuple:
    """Operands of a composite with types "float" as its body takes them: integers and bools in
    the floating dtype they promote to.
    """
    if op.types != "float":
        return tuple(args)
    specs = [spec_of(a) for a in args]
    target = common(op, specs)
    return tuple([
        a if s is None or s.weak or s.dtype.category == dtypes.FLOATING or name not in op.promotes else TABLE["cast"](a, dtype=target)
        for name, a, s in zip(op.operands, args, specs, strict=True)
    ])  # fmt: skip
