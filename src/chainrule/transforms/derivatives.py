"""Derivatives of functions of tensors: grad, vjp, jvp. They nest to any order.

A transform gives the function fresh inputs, runs it, and pulls gradients back through the tape. Whether that pass must
itself be recorded is decided from the graph: it must if something else than the fresh inputs, such as the variable of a
transform further out, was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import GradError, ShapeError
from ..base.trees import leaves, mapped
from ..tape.modes import enable_grad
from ..tape.nodes import reachable
from ..tensors import functions
from ..tensors.core import Tensor
from ..tensors.creation import zeros_like
from ..tensors.gradients import grad as tape_grad

__all__ = [
    "Ran",
    "as_tuple",
    "grad",
    "grad_and_value",
    "hvp",
    "jvp",
    "linearize",
    "places_of",
    "pulled",
    "value_and_grad",
    "vjp",
]


def _fresh(x: Any) -> Tensor:
    """An input of its own: a new leaf, or, if a transform further out differentiates x, a view
    connected to it.
    """
    if not isinstance(x, Tensor):
        raise GradError(f"a derivative is taken by tensors, found {type(x).__name__}")
    if x.requires_grad:
        return functions.reshape(x, x.shape)
    return x.detach().requires_grad_()


def _recorded(outs: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
    """Whether the graph of some outputs reaches a leaf other than the inputs, so that the pass
    over it must be recorded.
    """
    own = {id(x) for x in inputs}
    roots = [e for e in (o.edge for o in outs) if e is not None]
    edges = roots + [e for node in reachable(roots) for e in node.edges if e is not None]
    return any(k < 0 and id(target) not in own for target, k in edges)


def as_tuple(x: Any) -> tuple:
    """Several values, or one, as a tuple."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def pulled(
    outs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    starts: Sequence,
    create: bool,
    retain: bool = False,
) -> tuple:
    """Gradients of outputs, zeros for inputs that were not reached; outputs without history
    count for nothing.
    """
    live = [(o, s) for o, s in zip(outs, starts, strict=True) if o.edge is not None]
    if not live:
        return tuple([zeros_like(x) for x in inputs])
    return tape_grad(
        [o for o, _ in live],
        inputs,
        [s for _, s in live],
        create_graph=create,
        retain_graph=create or retain,
        materialize_grads=True,
    )


def places_of(argnums: int | Sequence[int]) -> tuple[int, ...]:
    """Arguments by their numbers."""
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


class Ran:
    """A function that was run on inputs of its own: what it gave, and the graph in between.

    Args and results are nestings of tensors (tuples, lists, dicts); `inputs` and `outs` are the tensors in them, in order.
    """

    def __init__(
        self, func: Callable, args: Sequence, kwargs: dict, places: Sequence[int], has_aux: bool
    ):
        args = list(args)
        for k in places:
            args[k] = mapped(_fresh, args[k])
        self.given = tuple([args[k] for k in places])
        self.inputs = list(leaves(self.given))
        with enable_grad():
            out = func(*args, **kwargs)
            self.out, aux = out if has_aux else (out, None)
            self.outs = list(leaves(self.out))
            for o in self.outs:
                if not isinstance(o, Tensor):
                    raise GradError(
                        f"a derivative is taken of tensors, found {type(o).__name__} as the function's value\n"
                        "  hint: has_aux=True, if it returns (what to differentiate, anything else)"
                    )
            self.create = _recorded(self.outs, self.inputs)
        self.aux: Any = aux if self.create else _bare(aux)

    def shown(self, values: Sequence[Tensor], recorded: bool) -> Any:
        """Values, one for each output, nested as the outputs are; without a history if there is none to keep."""
        each = iter([v if recorded else v.detach() for v in values])
        return mapped(lambda _: next(each), self.out)

    def of_inputs(self, values: Sequence[Any]) -> tuple:
        """Values, one for each input tensor, nested as the arguments are."""
        each = iter(values)
        return tuple([mapped(lambda _: next(each), x) for x in self.given])

    def matching(self, call: str, tangents: Any) -> list[Tensor]:
        """The tensors of a direction, which must have the shapes of the inputs."""
        found = list(leaves(tangents))
        if len(found) != len(self.inputs):
            raise ShapeError(
                f"{call}: a tangent for each of the {len(self.inputs)} primals is needed, found {len(found)}"
            )
        for x, v in zip(self.inputs, found, strict=True):
            if tuple(x.shape) != tuple(v.shape):
                raise ShapeError(
                    f"{call}: a tangent must have the shape of its primal, {tuple(x.shape)}, found {tuple(v.shape)}"
                )
        return found

    def pusher(self) -> Callable[[Sequence[Tensor]], list[Tensor]]:
        """v ↦ J v, any number of times. Rules for reverse mode do: u ↦ uᵀJ is linear, and its own derivative along v
        is J v.
        """
        floats = [o for o in self.outs if o.is_floating_point()]
        with enable_grad():
            dummies = [zeros_like(o).requires_grad_() for o in floats]
            rows = pulled(floats, self.inputs, dummies, create=True)

        def push(tangents: Sequence[Tensor]) -> list[Tensor]:
            create = self.create or any([v.requires_grad for v in tangents])
            with enable_grad():
                live = [(r, v) for r, v in zip(rows, tangents, strict=True) if r.requires_grad]
                total = sum([(r * v).sum() for r, v in live], start=Tensor(0.0))
                pushed = iter(pulled([total], dummies, [None], create, retain=True))
            return [next(pushed) if o.is_floating_point() else zeros_like(o) for o in self.outs]

        return push


def _bare(tree: Any) -> Any:
    """A nesting of tensors, and of anything else, without their histories."""
    return mapped(lambda v: v.detach() if isinstance(v, Tensor) else v, tree)


def value_and_grad(
    func: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable:
    """A function that returns (func(…), its gradient); with has_aux func returns (value, aux), and so
    does the result: ((value, aux), gradient). An argument may be a nesting of tensors (a dict of
    parameters), and so is its gradient.

    >>> value_and_grad(lambda x: x * x)(Tensor(3.0))
    (tensor(9.), tensor(6.))
    """
    places = places_of(argnums)

    def run(*args: Any, **kwargs: Any) -> Any:
        ran = Ran(func, args, kwargs, places, has_aux)
        value = ran.out
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise GradError(
                f"grad takes a function whose value has one element, found {_described(value)}\n  hint: jacobian, or .sum()"
            )
        with enable_grad():
            nested = ran.of_inputs(pulled([value], ran.inputs, [None], ran.create))
        value = ran.shown([value], ran.create)
        result = nested[0] if isinstance(argnums, int) else nested
        return ((value, ran.aux), result) if has_aux else (value, result)

    return run


def _described(x: Any) -> str:
    return f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__


def grad(func: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable:
    """A function that returns the gradient of func by its argument(s) `argnums`; with has_aux
    (gradient, aux).

    >>> grad(grad(lambda x: x**3))(Tensor(2.0))
    tensor(12.)
    """
    both = value_and_grad(func, argnums, has_aux)

    def run(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return run


def grad_and_value(
    func: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable:
    """`value_and_grad` the other way round, as PyTorch has it: (gradient, value).

    >>> grad_and_value(lambda x: x * x)(Tensor(3.0))
    (tensor(6.), tensor(9.))
    """
    both = value_and_grad(func, argnums, has_aux)
    return lambda *args, **kwargs: both(*args, **kwargs)[::-1]


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), pull), where pull(v) is the vector–Jacobian product  vᵀJ  for each primal, as a
    tuple. With has_aux func returns (value, aux), and the result is (value, pull, aux). Primals, value and v may be nestings
    of tensors.

    >>> y, pull = vjp(lambda x: x * x, Tensor([1.0, 2.0]))
    >>> pull(Tensor([1.0, 1.0]))
    (tensor([2., 4.]),)
    """
    ran = Ran(func, primals, {}, range(len(primals)), has_aux)

    def pull(*cotangents: Any) -> tuple:
        starts = list(leaves(cotangents))
        if len(starts) != len(ran.outs):
            raise ShapeError(
                f"vjp: one cotangent for each of the {len(ran.outs)} outputs is needed, found {len(starts)}"
            )
        follow = ran.create or any(isinstance(s, Tensor) and s.requires_grad for s in starts)
        return ran.of_inputs(pulled(ran.outs, ran.inputs, starts, follow, retain=True))

    value = ran.shown(ran.outs, ran.create)
    return (value, pull, ran.aux) if has_aux else (value, pull)


def jvp(
    func: Callable,
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple:
    """(func(*primals), J v): the derivative along a direction.

    With `strict` an output that does not depend on the primals is an error; with has_aux func
    returns (value, aux), and the result is (value, J v, aux). Each primal may be a nesting of tensors, and so may the value.

    >>> jvp(lambda x: x * x, (Tensor([1.0, 2.0]),), (Tensor([1.0, 0.0]),))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    primals = as_tuple(primals)
    ran = Ran(func, primals, {}, range(len(primals)), has_aux)
    along = ran.matching("jvp", tangents)
    if strict and not all([o.requires_grad for o in ran.outs]):
        raise GradError("jvp(strict=True): an output does not depend on the primals")
    recorded = ran.create or any([v.requires_grad for v in along])
    both = (ran.shown(ran.outs, recorded), ran.shown(ran.pusher()(along), recorded))
    return (*both, ran.aux) if has_aux else both


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """(func(*primals), push), where push(*v) is J v: `jvp` for many directions, whose function is run once.

    >>> y, push = linearize(lambda x: x * x, Tensor([1.0, 2.0]))
    >>> push(Tensor([1.0, 0.0])), push(Tensor([0.0, 1.0]))
    (tensor([2., 0.]), tensor([0., 4.]))
    """
    ran = Ran(func, primals, {}, range(len(primals)), False)
    pushed = ran.pusher()

    def push(*tangents: Any) -> Any:
        along = ran.matching("linearize", tangents)
        return ran.shown(pushed(along), ran.create or any([v.requires_grad for v in along]))

    return ran.shown(ran.outs, ran.create), push


def hvp(func: Callable, inputs: Any, v: Any) -> tuple[Tensor, Any]:
    """(func(x), H v) without the matrix: the derivative of the gradient along v. Several inputs have
    a tuple of directions, and give a tuple.

    >>> hvp(lambda x: (x * x * x).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 0.0]))
    (tensor(9.), tensor([6., 0.]))
    """
    xs = as_tuple(inputs)
    gradient = value_and_grad(func, tuple(range(len(xs))))

    def both(*args: Tensor) -> tuple:
        y, g = gradient(*args)
        return (y, *g)

    (y, *_), (_, *h) = jvp(both, xs, as_tuple(v))
    return y, tuple(h) if isinstance(inputs, (tuple, list)) else h[0]
