"""Optimizer: the part that all methods share.

A method is one pure function of values, in the letters of its paper:

    def adamw(p, g, m, v, *, t, lr, beta1, beta2, eps, weight_decay): ...; return p, m, v

This file brings it the values and takes the results back: it keeps the parameter groups and, for
every parameter, the method's state; reads what lies under the tensors, calls the function, writes
what it returns.

Under a trace the same code stages the update instead of computing it. For that to hold at every
later call of the program,

- hyper-parameters and step counts are read with ``number``: floats in eager mode, inputs of the
  program under a trace. A method may do arithmetic on them, and nothing else: no ``float()``, no
  comparison;
- the step counts advance in an ``effect``, which runs again at each call;
- state is made in ``outside``: for real, once;
- what a method branches on in Python (``nesterov``, whether there is momentum at all) is its
  ``structure``; a program that is run after it changed raises a TraceError.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, ClassVar

import numpy as np

from ..base.errors import TraceError
from ..ops import cast
from ..tape.modes import effect, enable_grad, modes, no_grad, outside
from ..tensors import Tensor, bfloat16, float16, float32, zeros_like
from ..tensors.functions.face import face_constructor
from .hooks import with_hooks
from .saving import Saved

__all__ = ["Optimizer", "required"]


class _Required:
    """The type of `required`."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""Stands among a method's defaults for an option that has none: each group must give it."""

BLOCK = 65_536
"""Elements updated at a time in eager mode: a method's temporaries then stay in the cache, in
memory that is already mapped.
"""

_LOW_PRECISION = (float16, bfloat16)


class Optimizer(Saved):
    """Base of all optimizers.

    A subclass defines ``rule``, ``hyper`` and, if it has state, ``slots``; most need nothing else. One that makes its
    steps in another way, as many written for PyTorch do, defines ``step`` alone.

    Args:
        params: an iterable of parameters, of (name, parameter) pairs, or of dicts that each have
            ``"params"`` and the options of a group.
        defaults: the options of groups that do not give their own.

    Attributes:
        param_groups: list of dicts, ``"params"`` and the options; change an option here to change
            it for the next step.
        state: for each parameter the dict of its state; ``"step"`` is a Python number here, a
            tensor in ``state_dict``.

    Raises:
        TypeError: something that is not a Tensor.
        ValueError: no parameters, a parameter twice, or one that is not a leaf.
    """

    elementwise: ClassVar[bool] = True
    """Whether the rule works on each element alone, so that a large parameter may be cut in
    blocks.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        super().__init__()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got a Tensor"
            )
        groups = list(params) if isinstance(params, Iterable) else []
        if callable(params) and not (groups and isinstance(groups[0], (Tensor, dict))):
            # a module, or its method without the parentheses; but a list of parameters is a module too
            raise TypeError(
                f"an optimizer is given parameters, found a {type(params).__name__}\n"
                "  hint: model.parameters()"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = groups or list(params)
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list; a generator, as parameters() returns, gives what it has only once"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- what a subclass says ---------------------------------------------------------------------------------

    def rule(self, group: dict[str, Any], p: Tensor) -> Callable[..., tuple]:
        """The pure function for a parameter:  (p, g, *slots, **hyper) → (p, *slots)."""
        raise NotImplementedError(f"{type(self).__name__} must define rule")

    def slots(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        """The names of the state tensors that the rule takes and returns."""
        return ()

    def slot(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        """A state tensor as it begins: zeros in the shape of the parameter."""
        return zeros_like(p)

    def hyper(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The rule's keyword arguments: numbers through ``number``, flags plainly;
        ``state["step"]`` is the number of this step when a number is read (and one less, 0 at
        first, while a trace is written).
        """
        raise NotImplementedError(f"{type(self).__name__} must define hyper")

    def scalar(self, group: dict[str, Any], name: str) -> float:
        """One of the ``scalars`` as it begins."""
        return 1.0

    def after(self, group: dict[str, Any], state: dict[str, Any]) -> None:
        """What becomes of the ``scalars`` of a parameter once a step has read them."""

    def structure(self, group: dict[str, Any]) -> dict[str, Any]:
        """The options that choose what is computed, and not only with which numbers."""
        return {"maximize": group["maximize"]}

    # ---- groups -----------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Args:
            param_group: ``"params"`` (one or an iterable) and any of the options; the defaults fill
                in the others.

        Raises:
            TypeError: not a dict, a set (it has no order), or something that is not a Tensor.
            ValueError: an option without a default, a parameter that is not a leaf, or one that is
            in a group already.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering "
                "of tensors in sets will change between runs. Please use a list instead."
            )
        items = [given] if isinstance(given, Tensor) else list(given)
        names = [item[0] for item in items if isinstance(item, tuple)]
        params = [item[1] if isinstance(item, tuple) else item for item in items]
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(p).__name__}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        for group in self.param_groups:
            if ("param_names" in group) != bool(names):
                raise ValueError("all optimizer param groups should be with/without names")
            if not {id(p) for p in group["params"]}.isdisjoint(id(p) for p in params):
                raise ValueError("some parameters appear in more than one parameter group")
        if len({id(p) for p in params}) != len(params):
            raise ValueError("a parameter appears more than once in a parameter group")
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        for name in set(param_group) - set(self.defaults) - {"params", "param_names"}:
            if meant := get_close_matches(name, self.defaults, n=1, cutoff=0.8):
                warnings.warn(
                    f"{type(self).__name__} has no option {name!r}; did you mean {meant[0]!r}?",
                    stacklevel=3,
                )
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or with ``set_to_none=False`` fill it with
        zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None  # without looking at what it was, so that a traced step does not depend on it
                elif p.grad is not None:
                    with no_grad():
                        p.grad.detach_().zero_()

    # ---- the step ---------------------------------------------------------------------------------------------

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith(__package__ + "."):
            face_constructor(cls)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.step)
            cls.free = cls.__dict__.get("free", True)

    @with_hooks
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew; called once, before the update.

        Returns:
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        # infinities in a gradient go where the formula sends them, as in every op
        with np.errstate(all="ignore"):
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        if modes.trace is not None:
            self._guard(group)
        states = [self._state_of(group, p) for p in params]
        effect(lambda: _advance(states))
        # parameters that have made equally many steps share their numbers
        hyper: dict[tuple, dict] = {}
        for p, state in zip(params, states, strict=True):
            key = tuple([state[name] for name in ("step", *self.scalars)])
            if key not in hyper:
                hyper[key] = self.hyper(group, state)
            tensors = [p, *[state[name] for name in self.slots(group, p)]]
            self._update(self.rule(group, p), tensors, p.grad.read(), hyper[key])
        if self.scalars:
            effect(lambda: self._after(group, states))

    def _after(self, group: dict[str, Any], states: list[dict[str, Any]]) -> None:
        for state in states:
            self.after(group, state)
            for name in self.scalars:
                state[name] = float(np.float32(state[name]))

    def _state_of(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        """The state of a parameter, made when it is first needed."""
        state = self.state[p]
        state.setdefault("step", 0)
        for name in self.scalars:
            if name not in state:
                state[name] = float(np.float32(self.scalar(group, name)))
        for name in self.slots(group, p):
            if name not in state:
                with outside(), no_grad():
                    state[name] = self.slot(group, p, name)
        return state

    def _update(self, rule: Callable, tensors: list[Tensor], g: Any, hyper: dict) -> None:
        """Replace a parameter (the first) and its state by what the rule makes of them and of
        the gradient g.
        """
        values = [x.read() for x in tensors]
        plain = modes.trace is None and g.size > BLOCK and _plain(values)
        if plain and self.elementwise:
            for x, value in zip(tensors, values, strict=True):
                x.write(value)  # says that it is written; the blocks are what is
            _in_blocks(rule, values, g, hyper)
        elif tensors[0].dtype in _LOW_PRECISION:  # computed in float32, and rounded when written
            values = [cast(x, dtype=float32) for x in (*values, g)]
            values = rule(values[0], values[-1], *values[1:-1], **hyper)
            for x, value in zip(tensors, values, strict=True):
                x.write(cast(value, dtype=x.dtype))
        else:
            for x, value in zip(tensors, rule(values[0], g, *values[1:], **hyper), strict=True):
                x.write(value)

    def _guard(self, group: dict[str, Any]) -> None:
        """Let a traced program complain, when it is run, if the structure it was traced with has
        changed.
        """
        traced = self.structure(group)

        def check() -> None:
            now = self.structure(group)
            for name, value in traced.items():
                if now[name] != value:
                    raise TraceError(
                        f"{type(self).__name__}: the program was traced with {name}={value}, which is "
                        f"now {now[name]}; trace the step again"
                    )

        effect(check)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _advance(states: list[dict[str, Any]]) -> None:
    """Count one more step."""
    for state in states:
        state["step"] += 1


def _plain(values: list[np.ndarray]) -> bool:
    """Whether arrays are float32 or float64 in one piece, so that a slice of the flattened array
    is the memory itself.
    """
    return all([x.dtype.itemsize >= 4 and x.flags.c_contiguous for x in values])


def _in_blocks(rule: Callable, values: list[np.ndarray], g: np.ndarray, hyper: dict) -> None:
    """The rule on BLOCK elements at a time, in place: it works on each element alone, so the
    pieces give the same values.
    """
    flat, g = [x.reshape(-1) for x in values], g.reshape(-1)
    for start in range(0, g.size, BLOCK):
        pieces = [x[start : start + BLOCK] for x in flat]
        results = rule(pieces[0], g[start : start + BLOCK], *pieces[1:], **hyper)
        for piece, result in zip(pieces, results, strict=True):
            piece[...] = result
