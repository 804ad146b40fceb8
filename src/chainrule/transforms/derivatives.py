"""Derivatives of functions of tensors: grad, vjp, jvp, jacobian, hessian. They nest to any order.

A transform gives the function fresh inputs, runs it, and pulls gradients back through the tape.
Whether that pass must itself be recorded is
decided from the graph: it must if something else than the fresh inputs, such as the variable of a
    transform further out, was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import GradError, ShapeError
from ..base.trees import leaves, mapped
from ..tape.backward import reachable
from ..tape.modes import enable_grad
from ..tensors import functions
from ..tensors.core import Tensor
from ..tensors.creation import zeros, zeros_like
from ..tensors.gradients import grad as tape_grad

__all__ = [
    "grad",
    "grad_and_value",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
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


def _as_tuple(x: Any) -> tuple:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _pull(
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


def value_and_grad(
    func: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable:
    """A function that returns (func(…), its gradient); with has_aux func returns (value, aux), and so
    does the result: ((value, aux), gradient). An argument may be a nesting of tensors (a dict of
    parameters), and so is its gradient.

    >>> value_and_grad(lambda x: x * x)(Tensor(3.0))
    (tensor(9.), tensor(6.))
    """
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def run(*args: Any, **kwargs: Any) -> Any:
        given = list(args)
        for k in places:
            given[k] = mapped(_fresh, args[k])
        inputs = [x for k in places for x in leaves(given[k])]
        with enable_grad():
            out = func(*given, **kwargs)
            value, aux = out if has_aux else (out, None)
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise GradError(
                    f"grad takes a function whose value has one element, found {_described(value)}\n  hint: jacobian, or .sum()"
                )
            create = _recorded([value], inputs)
            grads = _pull([value], inputs, [None], create)
        value = value if create else value.detach()
        each = iter(grads)
        nested = tuple([mapped(lambda _: next(each), given[k]) for k in places])
        result = nested[0] if isinstance(argnums, int) else nested
        return ((value, aux), result) if has_aux else (value, result)

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


def vjp(func: Callable, *primals: Tensor, has_aux: bool = False) -> tuple:
    """(func(*primals), pull), where pull(v) is the vector–Jacobian product  vᵀJ  for each primal, as a
    tuple. With has_aux func returns (value, aux), and the result is (value, pull, aux).

    >>> y, pull = vjp(lambda x: x * x, Tensor([1.0, 2.0]))
    >>> pull(Tensor([1.0, 1.0]))
    (tensor([2., 4.]),)
    """
    inputs = [_fresh(x) for x in primals]
    with enable_grad():
        out = func(*inputs)
        out, aux = out if has_aux else (out, None)
        outs = _as_tuple(out)
        create = _recorded(outs, inputs)

    def pull(*cotangents: Any) -> tuple:
        starts = (
            cotangents[0]
            if len(cotangents) == 1 and isinstance(cotangents[0], (tuple, list))
            else cotangents
        )
        if len(starts) != len(outs):
            raise ShapeError(
                f"vjp: one cotangent for each of the {len(outs)} outputs is needed, found {len(starts)}"
            )
        follow = create or any(isinstance(s, Tensor) and s.requires_grad for s in starts)
        return _pull(outs, inputs, starts, follow, retain=True)

    shown = tuple([o if create else o.detach() for o in outs])
    value = shown if isinstance(out, (tuple, list)) else shown[0]
    return (value, pull, aux) if has_aux else (value, pull)


def jvp(
    func: Callable,
    primals: Sequence[Tensor],
    tangents: Sequence[Tensor],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple:
    """(func(*primals), J v): the derivative along a direction.

    Computed with rules for reverse mode only: u ↦ uᵀJ is linear, and its own derivative along v is
    J v. With `strict` an output that does not depend on the primals is an error; with has_aux func
    returns (value, aux), and the result is (value, J v, aux).

    >>> jvp(lambda x: x * x, (Tensor([1.0, 2.0]),), (Tensor([1.0, 0.0]),))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    primals, tangents = _as_tuple(primals), _as_tuple(tangents)
    for x, v in zip(primals, tangents, strict=True):
        if tuple(x.shape) != tuple(v.shape):
            raise ShapeError(
                f"jvp: a tangent must have the shape of its primal, {tuple(x.shape)}, found {tuple(v.shape)}"
            )
    inputs = [_fresh(x) for x in primals]
    with enable_grad():
        out = func(*inputs)
        out, aux = out if has_aux else (out, None)
        outs = _as_tuple(out)
        if strict and not all([o.requires_grad for o in outs]):
            raise GradError("jvp(strict=True): an output does not depend on the primals")
        create = _recorded(outs, inputs) or any(v.requires_grad for v in tangents)
        dummies = [zeros_like(o).requires_grad_() for o in outs]
        rows = _pull(outs, inputs, dummies, create=True)
        live = [(r, v) for r, v in zip(rows, tangents, strict=True) if r.requires_grad]
        total = sum([(r * v).sum() for r, v in live], start=Tensor(0.0))
        pushed = (
            _pull([total], dummies, [None], create)
            if live
            else tuple([zeros_like(o) for o in outs])
        )
    if not create:
        outs, pushed = tuple([o.detach() for o in outs]), tuple([p.detach() for p in pushed])
    many = isinstance(out, (tuple, list))
    both = (outs, pushed) if many else (outs[0], pushed[0])
    return (*both, aux) if has_aux else both


def jacrev(
    func: Callable,
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """A function that returns the Jacobian by reverse mode: shape (*output, *input), one pass
    for each output element; with has_aux func returns (value, aux), and the function (Jacobian, aux).
    `chunk_size`, how many passes PyTorch makes at once, has no effect.
    """
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = [_fresh(args[k]) for k in places]
        given = list(args)
        for k, x in zip(places, inputs, strict=True):
            given[k] = x
        with enable_grad():
            out = func(*given, **kwargs)
            out, aux = out if has_aux else (out, None)
            outs = _as_tuple(out)
            create = _recorded(outs, inputs)
            found = []
            for o in outs:
                rows = [
                    _pull([e], inputs, [None], create, retain=True)
                    for e in functions.unbind(functions.reshape(o, -1))
                ]
                found.append(
                    tuple([_stacked([r[k] for r in rows], o, x) for k, x in enumerate(inputs)])
                )
        picked = [r[0] if isinstance(argnums, int) else r for r in found]
        J = tuple(picked) if isinstance(out, (tuple, list)) else picked[0]
        return (J, aux) if has_aux else J

    return run


def _stacked(rows: list[Tensor], o: Tensor, x: Tensor) -> Tensor:
    if not rows:
        return zeros((*o.shape, *x.shape), dtype=x.dtype)
    return functions.reshape(functions.stack(rows), (*o.shape, *x.shape))


def jacfwd(func: Callable, argnums: int = 0, has_aux: bool = False) -> Callable:
    """A function that returns the Jacobian column by column, one `jvp` for each input element; with
    has_aux func returns (value, aux), and the function (Jacobian, aux).
    """

    def run(*args: Any) -> Any:
        x = args[argnums]

        def of(v: Tensor) -> Any:
            return func(*args[:argnums], v, *args[argnums + 1 :])

        columns, aux = [], None
        for k in range(x.numel()):
            e = zeros(x.numel(), dtype=x.dtype)
            e[k] = 1
            _, column, *rest = jvp(of, (x,), (functions.reshape(e, x.shape),), has_aux=has_aux)
            columns.append(column)
            aux = rest[0] if rest else None
        y = functions.stack(columns, -1)
        J = functions.reshape(y, (*y.shape[:-1], *x.shape))
        return (J, aux) if has_aux else J

    return run


def jacobian(func: Callable, inputs: Any, create_graph: bool = False) -> Any:
    """The Jacobian of func at inputs, (*output, *input); a tuple of them for several inputs, as
    `torch.autograd.functional.jacobian`.

    >>> jacobian(lambda x: x * x, Tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    xs = _as_tuple(inputs)
    J = jacrev(func, tuple(range(len(xs))))(*xs)
    several_out = bool(J) and isinstance(J[0], tuple)
    rows = [j if isinstance(inputs, (tuple, list)) else j[0] for j in (J if several_out else (J,))]
    result = tuple(rows) if several_out else rows[0]
    return result if create_graph else _detached(result)


def _detached(x: Any) -> Any:
    return tuple([_detached(v) for v in x]) if isinstance(x, tuple) else x.detach()


def hessian(
    func: Callable, inputs: Any = None, argnums: int = 0, create_graph: bool = False
) -> Any:
    """The matrix of second derivatives of a function whose value has one element.

    `hessian(f, x)` is the Hessian at x, as `torch.autograd.functional.hessian`; `hessian(f)` a
    function that returns it, as `torch.func.hessian`.

    >>> hessian(lambda x: (x * x * x).sum(), Tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if inputs is None:
        return jacrev(grad(func, argnums), argnums)
    if isinstance(inputs, (tuple, list)):
        places = tuple(range(len(inputs)))
        H = jacrev(grad(func, places), places)(*inputs)
    else:
        H = jacrev(grad(func))(inputs)
    return H if create_graph else _detached(H)


def hvp(func: Callable, inputs: Any, v: Any) -> tuple[Tensor, Any]:
    """(func(x), H v) without the matrix: the derivative of the gradient along v. Several inputs have
    a tuple of directions, and give a tuple.

    >>> hvp(lambda x: (x * x * x).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 0.0]))
    (tensor(9.), tensor([6., 0.]))
    """
    xs = _as_tuple(inputs)
    gradient = value_and_grad(func, tuple(range(len(xs))))

    def both(*args: Tensor) -> tuple:
        y, g = gradient(*args)
        return (y, *g)

    (y, *_), (_, *h) = jvp(both, xs, _as_tuple(v))
    return y, tuple(h) if isinstance(inputs, (tuple, list)) else h[0]
