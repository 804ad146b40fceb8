"""PyTorch's `torch.autograd.functional`, and `torch.autograd.backward`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensors import Tensor
from ..transforms import hessian, hvp, jacobian
from ..transforms import jvp as _jvp
from ..transforms import vjp as _vjp

__all__ = ["backward", "hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


class _Tensors(type):
    """The type of `Variable`, whose instances are the tensors."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor)


class Variable(metaclass=_Tensors):
    """The tensor itself, which is what PyTorch's `Variable` has been since tensors have gradients. Every tensor is one."""

    def __new__(cls, data: Any, requires_grad: bool = False) -> Any:
        return data.requires_grad_(requires_grad) if requires_grad else data


def vjp(func: Callable, inputs: Any, v: Any = None) -> tuple:
    """(outputs, vᵀJ) at inputs."""
    xs = inputs if isinstance(inputs, tuple) else (inputs,)
    out, pull = _vjp(func, *xs)
    grads = pull(v)
    return out, grads if isinstance(inputs, tuple) else grads[0]


def jvp(func: Callable, inputs: Any, v: Any = None) -> tuple:
    """(outputs, J v) at inputs."""
    return _jvp(
        func,
        inputs if isinstance(inputs, tuple) else (inputs,),
        v if isinstance(v, tuple) else (v,),
    )


def vhp(func: Callable, inputs: Any, v: Any = None) -> tuple:
    """(output, vᵀH) at inputs: the Hessian is symmetric, so this is `hvp`."""
    return hvp(func, inputs, v)


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
