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

The parameters of a derivative rule say what it needs, and only that is kept for the backward pass:

| name in a rule | what it is |
|---|---|
| `g` (one output) or `g_OUTPUT` | the gradient that arrived at an output; zeros if none did |
| an operand's name | its value; a tuple of values for `*xs` |
| an operand's name + `_shape` | its shape alone, so that the value need not be kept |
| an output's name (`y` if there is one), a hidden output's name | what the op computed |
| an attribute's name | its value |
| `needs` (joint rules) | for each operand, whether its gradient is asked for |

Rules and composite bodies use only ops, operators and `.shape .ndim .dtype .mT`, so the same rule
runs on raw arrays (a fast backward pass), on Tensors (derivatives of any order) and on Tracers (a
traced backward pass). Broadcasting is undone by the engine, never by a rule.

Hidden outputs (log-sum-exp, a mask, 1/σ) are computed along and seen by rules only. A primitive's
hidden outputs must be constants of differentiation (indices, masks). A composite's may be anything,
because its second derivative is taken through its definition.
"""

from __future__ import annotations

import contextvars
import inspect
import operator
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import ChainruleError, DTypeError, GradError, ShapeError
from ..base.modes import modes

__all__ = ["TABLE", "Kind", "Op", "Rule", "Spec", "composite", "primitive", "promoted"]

TABLE: dict[str, Op] = {}
"""Every op by name, in the order of definition."""

READERS: dict[type, Callable[[Op, tuple, dict], Any]] = {}
"""What a call does when an operand has this type. Tensor and its subclasses put their reading
here: they record.
"""

ndarray = np.ndarray
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Spec(NamedTuple):
    """What a law knows of an operand: shape, dtype, and whether it promotes as a Python scalar."""

    shape: tuple[int, ...]
    dtype: DType
    weak: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


Law = Callable[..., "Spec | tuple[Spec, ...]"]


class Kind:
    """How consumers treat an op: the compiler, batching, the exporter ask for the kind, never
    for the name.
    """

    def __init__(self, name: str, words: str, law: Law | None = None, *, strict: bool = False):
        self.name, self.words, self.law, self.strict = name, words, law, strict

    def __repr__(self) -> str:
        return self.name


class Rule(NamedTuple):
    """A derivative rule: the function, where in [*gradients, *saved values] its parameters are
    found, and `pick`, which takes them from there.
    """

    function: Callable
    picks: tuple[int, ...]
    pick: Callable[[list], Sequence]


def _picker(picks: tuple[int, ...]) -> Callable[[list], Sequence]:
    """`operator.itemgetter`, but a sequence for a single place too."""
    if len(picks) == 1:
        return operator.itemgetter(slice(picks[0], picks[0] + 1))
    return operator.itemgetter(*picks)


class _Quiet(threading.local):
    """Runs a function with NumPy's floating-point warnings off, without touching the caller's
    own settings.
    """

    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run


_quiet = _Quiet()


class Op:
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
        normalize: Callable | None,
        domain: tuple[float, float],
        reference: str | None,
        onnx: str | None,
        samples: Sequence | None,
    ):
        parameters = list(inspect.signature(body).parameters.values())
        assert body.__doc__, f"{body.__name__} has no docstring"
        self.name, self.body, self.kind, self.composite = body.__name__, body, kind, composite
        self.__name__, self.__qualname__, self.__module__, self.__doc__ = (
            body.__name__,
            body.__name__,
            body.__module__,
            body.__doc__,
        )
        self.__signature__ = inspect.signature(body)
        self.operands = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.optional = frozenset(
            p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is None
        )
        self.required = sum(
            p.kind is p.POSITIONAL_ONLY and p.default is p.empty for p in parameters
        )
        self.arity = len(self.operands)
        self.defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        assert all(
            p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL, p.KEYWORD_ONLY) for p in parameters
        ), self.name
        self.outputs, self.hidden = tuple(outputs), tuple(hidden)
        self.single = len(self.outputs) == 1 and not self.hidden
        self.constant = frozenset(constant)
        self.types, self.law, self.normalize = types, law or kind.law, normalize
        self.promotes = (
            tuple(promotes)
            if promotes is not None
            else (*self.operands, *filter(None, [self.variadic]))
        )
        self.masks = frozenset(masks)
        self.domain, self.reference, self.onnx, self.samples = domain, reference, onnx, samples
        self.rules: dict[str, Rule] = {}
        self.rule_at: list[Rule | None] = [None] * len(self.operands)
        self.joint: Rule | None = None
        self.differentiable = False  # has any operand a rule?
        self.pulls_simply = False  # shortcut: one output, and a rule for each operand
        self.keeps_simply: str | None = (
            None  # shortcut: one output, and what is kept is "nothing", the "output" or all "operands"
        )
        self.kernel: Callable | None = None if composite else body
        self.keep: tuple[
            tuple[str, Any], ...
        ] = ()  # (where from, index or name) of each saved value
        self.strict = (
            kind.strict and not composite
        )  # the backend is laxer than the law, so the law is checked at every call
        self.takes_part = False  # a view of some of the elements, each once: its gradient is a part of the operand's
        self.nests = (
            kind.name == "scan"
        )  # its body evaluates other ops, each of which is quiet itself
        self._needed: dict[tuple[bool, ...], tuple[bool, ...]] = {}
        self.is_view = kind.name == "view"
        names = self.operands + ((self.variadic,) if self.variadic else ())
        self._promotes_all = set(self.promotes) == set(names)

    # ---------------------------------------------------------------------------------------------------- definition

    def vjp(self, joint: Callable | None = None, /, **rules: Callable) -> None:
        """Attach derivative rules: one per operand, or one joint rule that returns a gradient
        per operand.
        """
        functions = dict(rules) if joint is None else {"*": joint}
        wanted: list[tuple[str, Any]] = []
        gradients = (
            {"g": 0}
            if len(self.outputs) == 1
            else {f"g_{o}": k for k, o in enumerate(self.outputs)}
        )
        computed = self.outputs + self.hidden
        places: dict[str, tuple[str, Any]] = {}
        for k, operand in enumerate(self.operands):
            places[operand], places[f"{operand}_shape"] = ("operand", k), ("shape", k)
        if self.variadic:
            places[self.variadic] = ("operands", len(self.operands))
            places[f"{self.variadic}_shape"] = ("shapes", len(self.operands))
        places |= {name: ("output", k) for k, name in enumerate(computed)}
        places |= {name: ("attribute", name) for name in self.defaults} | {"needs": ("needs", None)}
        names = {n: list(inspect.signature(f).parameters) for n, f in functions.items()}
        if self.composite and any(p in self.hidden for ps in names.values() for p in ps):
            wanted += [
                places[o] for o in self.operands
            ]  # a second derivative goes through the definition
        for parameters in names.values():
            for p in parameters:
                if p not in gradients and places[p] not in wanted:
                    wanted.append(places[p])
        for name in functions:
            assert name == "*" or name in self.operands or name == self.variadic, (
                f"{self.name} has no operand {name}"
            )
        order = [e for e in (("operand", k) for k in range(self.arity)) if e in wanted]
        self.keep = (*order, *[e for e in wanted if e not in order])
        for name, f in functions.items():
            picks = tuple(
                [
                    gradients[p]
                    if p in gradients
                    else len(self.outputs) + self.keep.index(places[p])
                    for p in names[name]
                ]
            )
            rule = Rule(f, picks, _picker(picks))
            if joint is None:
                self.rules[name] = rule
            else:
                self.joint = rule
        self.differentiable = True
        self.pulls_simply = self.single and joint is None and self.variadic is None
        simple = {
            (): "nothing",
            (("output", 0),): "output",
            tuple([("operand", k) for k in range(self.arity)]): "operands",
        }
        self.keeps_simply = simple.get(self.keep) if self.single else None
        self.rule_at = [self.rules.get(name) for name in self.operands]

    def needed(self, tracked: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which of the values in `keep` the rules of the tracked operands ask for: the others
        need not be kept.
        """
        found = self._needed.get(tracked)
        if found is None:
            first = len(self.outputs)
            picks: set[int] = set(self.joint.picks) if self.joint is not None else set()
            for k, on in enumerate(tracked):
                rule = (
                    self.rule_at[k]
                    if k < len(self.operands)
                    else self.rules.get(self.variadic or "")
                )
                if on and rule is not None:
                    picks.update(rule.picks)
                elif on and self.joint is None:
                    raise GradError(
                        f"{self.name} has no derivative by {self.operands[k]}\n  hint: detach() it"
                    )
            everything = self.through_definition
            found = self._needed[tracked] = tuple(
                [everything or first + k in picks for k in range(len(self.keep))]
            )
        return found

    @property
    def through_definition(self) -> bool:
        """Whether a derivative of its derivative is taken by running the definition: a composite
        whose rule names hidden outputs.
        """
        return self.composite and any(
            source == "output" and k >= len(self.outputs) for source, k in self.keep
        )

    def fast(self, kernel: Callable) -> Callable:
        """Decorator: a faster body of a composite for raw arrays, which the tests prove equal to
        the definition.
        """
        assert self.composite
        self.kernel = kernel
        return kernel

    # ------------------------------------------------------------------------------------------------------ dispatch

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if len(args) != self.arity:
            args = self._completed(args)
        if self.defaults or self.normalize is not None:
            attrs = self._attributes(args, attrs)
        elif attrs:
            self._refuse_attribute(attrs)
        for a in args:
            if a.__class__ in READERS:
                return READERS[a.__class__](self, args, attrs)
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

    def _completed(self, args: tuple) -> tuple:
        """Operands that were left out are None; too few or too many are refused."""
        if len(args) > self.arity and self.variadic:
            return args
        if not self.required <= len(args) <= self.arity:
            raise TypeError(
                f"{self.name}{self.__signature__} takes {self.required} to {self.arity} operands, found {len(args)}"
            )
        return (*args, *(None,) * (self.arity - len(args)))

    def _attributes(self, args: tuple, attrs: dict) -> dict:
        if len(attrs) != len(self.defaults):
            attrs = self.defaults | attrs
        if len(attrs) != len(self.defaults):
            self._refuse_attribute(attrs)
        if self.normalize is not None:
            try:
                attrs = self.normalize(args, attrs)
            except ChainruleError as e:
                raise self.explained(e, args, attrs) from None
        return attrs

    def _refuse_attribute(self, attrs: dict) -> None:
        unknown = sorted(set(attrs) - set(self.defaults))
        raise TypeError(
            f"{self.name}() has no argument {', '.join(unknown)}; it takes {self.__signature__}"
        )

    def apply(self, args: tuple, attrs: dict) -> Any:
        """Evaluate or stage operands that are not Tensors; attributes are complete. Returns
        hidden outputs too.
        """
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
                if a.__class__ is ndarray:
                    if first is None:
                        first = a.dtype
                    elif a.dtype is not first:
                        first = None
                        break
                elif a.__class__ is not float and a.__class__ is not int:
                    first = None
                    break
            if (
                first is not FLOAT32 and first is not FLOAT64
            ):  # the usual case, all one NumPy float, needs no conversion
                args, back = promoted(self, args)
        if self.strict:
            self.infer(args, attrs)
        try:
            if kernel is None or self.nests:
                with np.errstate(all="ignore"):  # operators between the ops of a definition
                    y = self.body(*args, **attrs)
            else:
                y = _quiet.run(kernel, *args, **attrs)
        except (ValueError, IndexError, TypeError) as e:
            self._explain_failure(e, args, attrs)
            raise
        if y.__class__ is not ndarray:
            y = tuple([np.asarray(v) for v in y]) if y.__class__ is tuple else np.asarray(y)
        return y if back is None else _rounded(y, back)

    def _explain_failure(self, error: Exception, args: Sequence, attrs: dict) -> None:
        """Raise the error that says which law was broken, if it is one: NumPy's own words name
        neither the op nor the operands.
        """
        if isinstance(error, ChainruleError):
            raise self.explained(error, args, attrs) from None
        if not self.composite:
            self.infer(args, attrs)
        else:
            try:
                self.body(*args, **attrs)  # the ops of the definition have laws
            except ChainruleError as e:
                raise self.explained(e, args, attrs) from None
            except ValueError as e:  # an operator of the definition
                raise self.explained(
                    ShapeError(f"the shapes do not fit: {e}"), args, attrs
                ) from None

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
        """The same error with the call and its operands written out. If an op inside a composite
        is to blame, both are named.
        """
        if self in getattr(error, "told_by", ()):
            return error
        names = list(self.operands) + [
            f"{self.variadic}[{k}]" for k in range(len(args) - len(self.operands))
        ]
        shown = ", ".join([n for n, a in zip(names, args, strict=False) if a is not None])
        given = ", ".join(
            f"{k}={v!r}" for k, v in attrs.items() if v is not self.defaults.get(k, self)
        )
        lines = [f"{self.name}({', '.join(filter(None, [shown, given]))}): {error}"]
        notes = getattr(error, "notes", {})
        axes = getattr(error, "axes", {})
        rows = []
        for name, a in zip(names, args, strict=False):
            if a is None:
                continue
            s = spec_of(a)
            letters = axes.get(name)
            shape = _lettered(s.shape, letters) if letters else str(tuple(s.shape))
            rows.append(
                (
                    name,
                    repr(a) if isinstance(a, (bool, int, float)) else shape,
                    s.dtype.name,
                    notes.get(name, ""),
                )
            )
        widths = [max((len(r[k]) for r in rows), default=0) for k in range(3)]
        for r in rows:
            lines.append(
                (
                    "  "
                    + "  ".join(v.ljust(w) for v, w in zip(r, widths, strict=False))
                    + ("      " + r[3] if r[3] else "")
                ).rstrip()
            )
        if hint := getattr(error, "hint", ""):
            lines.append(f"  hint: {hint}")
        new = type(error)("\n".join(lines))
        new.told_by = (*getattr(error, "told_by", ()), self)  # type: ignore[attr-defined]
        return new

    # ---------------------------------------------------------------------------------------------------------- text

    def show(self) -> str:
        """Formula, law, derivative rules and references of the op, for reading.

        >>> from chainrule.ops import tanh
        >>> print(tanh.show().splitlines()[0])
        tanh(x, /)   elementwise primitive
        """
        lines = [
            f"{self.name}{self.__signature__}   {self.kind} {'composite' if self.composite else 'primitive'}"
        ]
        lines += ["  " + line for line in inspect.cleandoc(self.__doc__ or "").splitlines()]
        lines.append(
            f"  law: {inspect.cleandoc(self.law.__doc__) if self.law and self.law.__doc__ else self.kind.words}"
        )
        for name, rule in (
            self.rules if self.joint is None else {"all operands": self.joint}
        ).items():
            lines.append(f"  derivative by {name}: {_source(rule.function)}")
        if self.reference:
            lines.append(f"  reference: {self.reference}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<op {self.name}{self.__signature__}>"

    def __reduce__(self):
        return TABLE.__getitem__, (self.name,)


def _lettered(shape: tuple[int, ...], letters: str) -> str:
    """`(8, m=32, k=64)`: the last axes by name."""
    plain = len(shape) - len(letters)
    return (
        "("
        + ", ".join(
            [str(n) if k < plain else f"{letters[k - plain]}={n}" for k, n in enumerate(shape)]
        )
        + ")"
    )


def _source(f: Callable) -> str:
    """The text of a rule as it stands in the file."""
    try:
        text = inspect.getsource(f)
    except (OSError, TypeError):
        return f.__name__
    return " ".join(text.split()) if f.__name__ == "<lambda>" else inspect.cleandoc(text)


# ------------------------------------------------------------------------------------------------------------ promotion


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
    names = list(op.operands) + [op.variadic] * max(0, len(specs) - len(op.operands))
    chosen = [
        s for name, s in zip(names, specs, strict=False) if s is not None and name in op.promotes
    ]
    if not chosen:
        return None
    if op.types in ("same", "floating"):
        chosen = [
            s
            for n, s in zip(names, specs, strict=False)
            if s is not None
            and n in op.promotes
            and not (n in op.masks and s.dtype is dtypes.bool_)
        ]
        strong = [s for s in chosen if not s.weak] or chosen
        for s in strong[1:]:
            if s.dtype is not strong[0].dtype:
                raise DTypeError(
                    f"operands must have the same dtype, found {strong[0].dtype.name} and {s.dtype.name}"
                )
        if op.types == "same" and strong[0].dtype is dtypes.bool_:
            raise DTypeError("operands must be numbers, found bool")
        if op.types == "floating" and strong[0].dtype.category != dtypes.FLOATING:
            raise DTypeError(f"operands must be floating, found {strong[0].dtype.name}")
        return strong[0].dtype
    result = dtypes.promote([(s.dtype, rank(s)) for s in chosen])
    if op.types == "number" and result is dtypes.bool_:
        e = DTypeError("this is for numbers, found bool")
        e.hint = "logical_and, logical_or, logical_xor, logical_not"  # type: ignore[attr-defined]
        raise e
    if result.category != dtypes.FLOATING and op.types in ("float", "sum"):
        return dtypes.default() if op.types == "float" else dtypes.int64
    return result


def common_dtype(op: Op, specs: Sequence[Spec]) -> DType:
    """`common` for an op that always has operands to convert."""
    found = common(op, specs)
    assert found is not None, op.name
    return found


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


def promoted(op: Op, args: Sequence) -> tuple[tuple, DType | None]:
    """Raw operands converted as `common` says; the second result is the half float that outputs
    must be rounded to, if any.
    """
    try:
        target = common(op, [spec_of(a) for a in args])
    except ChainruleError as e:
        raise op.explained(e, args, {}) from None
    if target is None:
        return tuple(args), None
    back = target if target in (dtypes.bfloat16, dtypes.float16) else None
    compute = dtypes.float32 if back else target
    names = list(op.operands) + [op.variadic] * max(0, len(args) - len(op.operands))
    out = []
    for name, a in zip(names, args, strict=False):
        if a is not None and name in op.promotes and not (name in op.masks and a.dtype == bool):
            if a.__class__ is ndarray or isinstance(a, np.generic):
                a = dtypes.convert(np.asarray(a), compute)
            else:
                a = (
                    np.asarray(a).astype(compute.numpy)
                    if target.category != dtypes.FLOATING or not isinstance(a, int | float)
                    else a
                )
        out.append(a)
    if not any(
        isinstance(a, ndarray) and n in op.promotes for n, a in zip(names, out, strict=False)
    ):  # numbers alone make an array
        out = [
            np.asarray(a, compute.numpy)
            if isinstance(a, bool | int | float) and n in op.promotes
            else a
            for n, a in zip(names, out, strict=False)
        ]
    return tuple(out), back


def _rounded(y: Any, half: DType) -> Any:
    if y.__class__ is tuple:
        return tuple([_rounded(v, half) for v in y])
    return _quiet.run(dtypes.convert, y, half) if y.dtype == np.float32 else y


# ----------------------------------------------------------------------------------------------------------- decorators


def _define(composite: bool, kind: Kind, options: dict) -> Callable[[Callable], Op]:
    def define(body: Callable) -> Op:
        settings = {
            "types": None, "promotes": None, "masks": (), "law": None, "outputs": ("y",), "hidden": (), "constant": (), "normalize": None,
            "domain": (-3.0, 3.0), "reference": None, "onnx": None, "samples": None,
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
    `normalize(args, attrs)` (attributes in one canonical form), `domain` (where samples are drawn),
    `reference`, `onnx`, `samples` (see `ops.samples`).
    """
    return _define(False, kind, options)


def composite(kind: Kind, **options: Any) -> Callable[[Callable], Op]:
    """Define an op whose body is written in other ops; the options are those of `primitive`."""
    return _define(True, kind, options)


def refuse(message: str, *, hint: str = "", **notes: str) -> ShapeError:
    """A ShapeError for a law to raise: the law in words, a note behind each operand, a hint."""
    e = ShapeError(message)
    e.notes, e.hint = notes, hint  # type: ignore[attr-defined]
    return e
