"""The derivative rules of an op: what a rule may name, and so what is kept for the backward pass.

    tanh.vjp(x=lambda g, y: g * (1 - y * y))

The parameters of a rule say what it needs, and only that is kept:

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

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..base.errors import GradError

__all__ = ["Rule", "Rules", "parameters"]


class Rule(NamedTuple):
    """A derivative rule: the function, where in [*gradients, *saved values] its parameters are
    found, and `pick`, which takes them from there.
    """

    function: Callable
    picks: tuple[int, ...]
    pick: Callable[[list], Sequence]


def parameters(f: Callable) -> tuple[str, ...]:
    """The names of a function's positional parameters."""
    code = f.__code__
    return code.co_varnames[: code.co_argcount]


def _picker(picks: tuple[int, ...]) -> Callable[[list], Sequence]:
    """`operator.itemgetter`, but a sequence for a single place too."""
    if len(picks) == 1:
        return operator.itemgetter(slice(picks[0], picks[0] + 1))
    return operator.itemgetter(*picks)


class Rules:
    """What an op knows of its derivatives. Every `Op` is one: the names of its operands, attributes and
    outputs are what its rules may ask for.
    """

    name: str
    composite: bool
    single: bool
    operands: tuple[str, ...]
    arity: int
    variadic: str | None
    defaults: dict[str, Any]
    outputs: tuple[str, ...]
    hidden: tuple[str, ...]

    def __init__(self) -> None:
        self.rules: dict[str, Rule] = {}
        self.rule_at: list[Rule | None] = [None] * self.arity
        self.joint: Rule | None = None
        self.differentiable = False  # has any operand a rule?
        self.is_definition = self.composite  # a composite without rules, which is run op by op
        self.keep: tuple[tuple[str, Any], ...] = ()  # where each saved value comes from
        self.keeps_simply: str | None = None  # "nothing", the "output" or all "operands", …
        self.keeps_shapes: tuple[int, ...] = ()  # … behind which are the shapes of these
        self._needed: dict[tuple[bool, ...], tuple[bool, ...]] = {}

    def vjp(self, joint: Callable | None = None, /, **rules: Callable) -> None:
        """Attach derivative rules: one per operand, or one joint rule that returns a gradient
        per operand.
        """
        functions = dict(rules) if joint is None else {"*": joint}
        unknown = set(functions) - {"*", *self.operands, self.variadic}
        assert not unknown, f"{self.name} has no operands {unknown}"
        asked = {n: parameters(f) for n, f in functions.items()}
        places = self._places()
        first = len(self.outputs)
        named = [f"g_{o}" for o in self.outputs] if first > 1 else ["g"]
        gradients = {name: k for k, name in enumerate(named)}

        wanted = [places[p] for names in asked.values() for p in names if p not in gradients]
        if self.composite and any([source == "output" and k >= first for source, k in wanted]):
            wanted += [
                places[o] for o in self.operands
            ]  # for a second derivative, see the head of the file
        operands = [e for e in (("operand", k) for k in range(self.arity)) if e in wanted]
        self.keep = tuple(dict.fromkeys([*operands, *wanted]))  # operands first, each once
        for name, f in functions.items():
            picks = []
            for p in asked[name]:
                picks.append(gradients[p] if p in gradients else first + self.keep.index(places[p]))
            rule = Rule(f, tuple(picks), _picker(tuple(picks)))
            if joint is None:
                self.rules[name] = rule
            else:
                self.joint = rule
        self.differentiable, self.is_definition = True, False
        everything = tuple([("operand", k) for k in range(self.arity)])
        shapes = tuple([entry for entry in self.keep if entry[0] == "shape"])
        simple = {
            (): "nothing",
            (("output", 0),): "output",
            (*everything, *shapes): "operands",
        }
        self.keeps_simply = simple.get(self.keep) if self.single else None
        self.keeps_shapes = tuple([k for _, k in shapes])
        self.rule_at = [self.rules.get(name) for name in self.operands]

    def _places(self) -> dict[str, tuple[str, Any]]:
        """Where the value of each name that a rule may use comes from."""
        places: dict[str, tuple[str, Any]] = {"needs": ("needs", None)}
        for k, operand in enumerate(self.operands):
            places[operand], places[f"{operand}_shape"] = ("operand", k), ("shape", k)
        if self.variadic:
            places[self.variadic] = ("operands", self.arity)
            places[f"{self.variadic}_shape"] = ("shapes", self.arity)
        for k, output in enumerate(self.outputs + self.hidden):
            places[output] = ("output", k)
        for attribute in self.defaults:
            places[attribute] = ("attribute", attribute)
        return places

    def needed(self, tracked: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which of the values in `keep` the rules of the tracked operands ask for: the others
        need not be kept.
        """
        found = self._needed.get(tracked)
        if found is None:
            first = len(self.outputs)
            picks: set[int] = set(self.joint.picks) if self.joint is not None else set()
            for k, on in enumerate(tracked):
                listed = k >= self.arity
                rule = self.rules.get(self.variadic or "") if listed else self.rule_at[k]
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
