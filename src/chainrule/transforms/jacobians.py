"""Whole matrices of derivatives: jacobians by reverse and by forward mode, and hessians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import ArgumentError, GradError
from ..base.trees import mapped
from ..tape.modes import enable_grad
from ..tensors import functions
from ..tensors.core import Tensor
from ..tensors.creation import zeros, zeros_like
from ..tensors.generator import default_generator
from .derivatives import Ran, as_tuple, places_of, pulled

__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]


def jacrev(
    func: Callable,
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """A function that returns the Jacobian by reverse mode: shape (*output, *input), one pass
    for each output element. Arguments and results may be nestings of tensors: the Jacobian is nested as the result,
    and each part of it as the argument; a tuple of these for several `argnums`. With has_aux func returns (value, aux), and
    the function (Jacobian, aux). `chunk_size`, how many passes PyTorch makes at once, has no effect.

    >>> jacrev(lambda p: {"square": p["x"] ** 2})({"x": Tensor([1.0, 3.0])})
    {'square': {'x': tensor([[2., 0.],
            [0., 6.]])}}
    """
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"jacrev: chunk_size must be at least 1, found {chunk_size}")

    def run(*args: Any, **kwargs: Any) -> Any:
        ran = Ran(func, args, kwargs, places_of(argnums), has_aux)
        found = []
        with enable_grad():
            for o in ran.outs:
                rows = [
                    pulled([e], ran.inputs, [None], ran.create, retain=True)
                    for e in functions.unbind(functions.reshape(o, -1))
                ]
                found.append(
                    [_stacked([r[k] for r in rows], o, x) for k, x in enumerate(ran.inputs)]
                )
        return _jacobian(ran, found, argnums, has_aux)

    return run


def jacfwd(
    func: Callable,
    argnums: int | Sequence[int] | None = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """A function that returns the Jacobian column by column, one `jvp` for each input element, nested as `jacrev`'s;
    `argnums` None is all arguments. With has_aux func returns (value, aux), and the function (Jacobian, aux).

    Args:
        randomness: what random functions give in func: the "same" numbers for all columns, "different" ones for each,
            or an "error".

    >>> jacfwd(lambda x: x * x)(Tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(f"randomness is 'error', 'different' or 'same', found {randomness!r}")

    def run(*args: Any, **kwargs: Any) -> Any:
        places = tuple(range(len(args))) if argnums is None else places_of(argnums)
        mark = default_generator.mark()
        ran = Ran(func, args, kwargs, places, has_aux)
        draws = default_generator.mark() != mark
        if draws and randomness == "error":
            raise GradError(
                "jacfwd: the function draws random numbers\n"
                "  hint: randomness='same' for all columns, or 'different' for each"
            )
        push = ran.pusher()
        columns: list[list[list[Tensor]]] = [[[] for _ in ran.inputs] for _ in ran.outs]
        first = True
        for k, x in enumerate(ran.inputs):
            for j in range(x.numel()):
                if draws and randomness == "different" and not first:
                    push = Ran(func, args, kwargs, places, has_aux).pusher()
                first = False
                along = [zeros_like(v) for v in ran.inputs]
                along[k] = functions.reshape(_unit(x, j), x.shape)
                for o, column in enumerate(push(along)):
                    columns[o][k].append(column)
        found = [
            [_beside(columns[i][k], o, x) for k, x in enumerate(ran.inputs)]
            for i, o in enumerate(ran.outs)
        ]
        return _jacobian(ran, found, argnums, has_aux)

    return run


def _unit(x: Tensor, j: int) -> Tensor:
    e = zeros(x.numel(), dtype=x.dtype)
    e[j] = 1
    return e


def _stacked(rows: list[Tensor], o: Tensor, x: Tensor) -> Tensor:
    if not rows:
        return zeros((*o.shape, *x.shape), dtype=x.dtype)
    return functions.reshape(functions.stack(rows), (*o.shape, *x.shape))


def _beside(columns: list[Tensor], o: Tensor, x: Tensor) -> Tensor:
    if not columns:
        return zeros((*o.shape, *x.shape), dtype=o.dtype)
    return functions.reshape(functions.stack(columns, -1), (*o.shape, *x.shape))


def _jacobian(ran: Ran, found: list[list[Tensor]], argnums: Any, has_aux: bool) -> Any:
    """The Jacobians of each output by each input, nested as outputs and inputs are."""
    parts = [ran.of_inputs(row) for row in found]
    each = iter([p[0] if isinstance(argnums, int) else p for p in parts])
    J = mapped(lambda _: next(each), ran.out)
    return (J, ran.aux) if has_aux else J


def jacobian(func: Callable, inputs: Any, create_graph: bool = False) -> Any:
    """The Jacobian of func at inputs, (*output, *input); a tuple of them for several inputs, as
    `torch.autograd.functional.jacobian`.

    >>> jacobian(lambda x: x * x, Tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    several = isinstance(inputs, (tuple, list))
    argnums = tuple(range(len(inputs))) if several else 0
    J = jacrev(func, argnums)(*as_tuple(inputs))
    return J if create_graph else _detached(J)


def _detached(x: Any) -> Any:
    return mapped(lambda v: v.detach(), x)


def hessian(func: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """A function that returns the second derivatives of func, (*output, *input, *input): the Jacobian of the Jacobian,
    as `torch.func.hessian`. `argnums` and nestings are as in `jacrev`.

    >>> hessian(lambda x: (x * x * x).sum())(Tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
