"""PyTorch's `torch.autograd.functional`, and `torch.autograd.backward`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import transforms
from ..base.errors import ArgumentError, DTypeError, GradError
from ..base.loading import shown
from ..tape.modes import enable_grad
from ..tensors import Tensor, grad, ones_like, zeros

__all__ = ["backward", "hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

__dir__ = shown(__name__)


class _Tensors(type):
    """The type of `Variable`, whose instances are the tensors."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor)


class Variable(metaclass=_Tensors):
    """A leaf with the values of `data`, in the same memory: what it came from is forgotten. Every tensor is one.

    Programs from the time before tensors had gradients wrap their data in it. As in PyTorch, to wrap the output of
    a network cuts the graph.

    Raises:
        DTypeError: `data` is no tensor.

    Example:
        >>> from chainrule import ones
        >>> x = ones(2, requires_grad=True)
        >>> Variable(2 * x).requires_grad, Variable(2 * x, requires_grad=True).is_leaf
        (False, True)
    """

    def __new__(
        cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None
    ) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                stacklevel=2,
            )
        if data is None:
            return zeros(0, requires_grad=requires_grad)
        if not isinstance(data, Tensor):
            raise DTypeError(f"Variable takes a tensor, found {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(outputs, vᵀJ) at inputs. `v` may be left out for one output with one element.

    In all functions here: without `create_graph` results have no history; with `strict` an output that
    does not depend on an input is an error, found by running `func` once more, and otherwise a derivative of zero.
    """
    xs = _several(inputs)
    if strict:
        _refuse_independent(func, xs)
    out, pull = transforms.vjp(func, *xs)
    return _shown(out, pull(v), inputs, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(outputs, J v) at inputs. `v` may be left out for one input with one element."""
    xs = _several(inputs)
    if strict:
        _refuse_independent(func, xs)
    out, pushed = transforms.jvp(func, xs, _directions(xs, v))
    return (out, pushed) if create_graph else (_plain(out), _plain(pushed))


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(output, H v) at inputs. `v` may be left out for one input with one element."""
    xs = _several(inputs)
    if strict:
        _refuse_independent(transforms.grad(func, tuple(range(len(xs)))), xs)
    out, h = transforms.hvp(func, tuple(xs), _directions(xs, v))
    return _shown(out, h, inputs, create_graph)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(output, vᵀH) at inputs: the Hessian is symmetric, so this is `hvp`."""
    return hvp(func, inputs, v, create_graph, strict)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian at inputs, (*output, *input); a tuple of them for several inputs, and one for each output.
    `vectorize` and `strategy` choose the way PyTorch computes it, and have no effect.
    """
    _need_strategy(strategy)
    if strict:
        _refuse_independent(func, _several(inputs))
    return transforms.jacobian(func, inputs, create_graph)


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives at inputs of a function whose value has one element; for several inputs a tuple for each.
    `vectorize` and `outer_jacobian_strategy` have no effect.
    """
    _need_strategy(outer_jacobian_strategy)
    xs = _several(inputs)
    if strict:
        _refuse_independent(transforms.grad(func, tuple(range(len(xs)))), xs)
    several = isinstance(inputs, tuple | list)
    argnums = tuple(range(len(xs))) if several else 0
    H = transforms.jacrev(transforms.grad(func, argnums), argnums)(*xs)
    return H if create_graph else _plain(H)


def _several(inputs: Any) -> tuple:
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _directions(xs: tuple, v: Any) -> tuple:
    if v is not None:
        return _several(v)
    if len(xs) > 1 or xs[0].numel() != 1:
        raise GradError("v may be left out for one input with one element alone")
    return (ones_like(xs[0]),)


def _need_strategy(strategy: str) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"strategy is 'reverse-mode' or 'forward-mode', found {strategy!r}")


def _refuse_independent(func: Callable, xs: tuple) -> None:
    """Refuse a function with an output that does not depend on each of the inputs."""
    fresh = [x.detach().requires_grad_() for x in xs]
    with enable_grad():
        outs = _several(func(*fresh))
    for k, out in enumerate(outs):
        grads: Sequence = [None]
        if out.requires_grad:
            grads = grad(out.sum(), fresh, retain_graph=True, allow_unused=True)
        for j, g in enumerate(grads):
            if g is None:
                raise GradError(
                    f"strict=True: output {k} of the function does not depend on input {j}"
                )


def _shown(out: Any, found: tuple, inputs: Any, create_graph: bool) -> tuple:
    found = found if isinstance(inputs, tuple | list) else found[0]
    return (out, found) if create_graph else (_plain(out), _plain(found))


def _plain(x: Any) -> Any:
    return tuple([_plain(v) for v in x]) if isinstance(x, tuple | list) else x.detach()


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of several tensors into the leaves they came from."""
    outs: Sequence = tensors if isinstance(tensors, (tuple, list)) else (tensors,)
    starts = grad_tensors if isinstance(grad_tensors, (tuple, list)) else [grad_tensors] * len(outs)
    keep = create_graph if retain_graph is None else retain_graph
    for k, (t, g) in enumerate(zip(outs, starts, strict=True)):
        t.backward(
            g, retain_graph=keep or k + 1 < len(outs), create_graph=create_graph, inputs=inputs
        )
