"""The affine map."""

from __future__ import annotations

import math

from ..backends import xp
from ..ops import matmul, sum, view
from ..ops.contract import rows
from ..ops.explain import refuse
from ..ops.kinds import contract
from ..ops.record import composite
from ..ops.samples import F, S


def _check_linear(args, attrs):
    x, w, b = args
    if w.ndim != 2 or x.ndim < 1 or x.shape[-1] != w.shape[1]:
        raise refuse(
            "the last axis of x must equal the last axis of the (out, in) weight",
            weight=f"needs x (…, {w.shape[-1]})",
        )
    if b is not None and tuple(b.shape) != (w.shape[0],):
        raise refuse(f"the bias must have one element for each of the {w.shape[0]} outputs")
    return attrs


@composite(
    contract,
    types="same",
    normalize=_check_linear,
    reference="torch.nn.functional.linear",
    onnx="Gemm",
    samples=(
        S(F(5, 3), F(7, 3), F(7)),
        S(F(2, 5, 3), F(7, 3), F(7)),
        S(F(5, 3), F(7, 3), None),
        S(F(3), F(7, 3), F(7)),
        S(F(0, 3), F(7, 3), F(7)),
    ),
)
def linear(x, weight, bias=None, /):
    """Affine map of the last axis,  y = x Wᵀ + b,  with W (out, in)."""
    if x.ndim == 1:
        y = view(matmul(view(x, shape=(1, x.shape[0])), weight.mT), shape=(weight.shape[0],))
    else:
        y = matmul(x, weight.mT)
    return y if bias is None else y + bias


linear.vjp(
    x=lambda g, weight: (
        g @ weight if g.ndim > 1 else sum(view(g, shape=(*g.shape, 1)) * weight, dim=0)
    ),
    weight=lambda g, x: rows(g).mT @ rows(x) if x.ndim > 1 else _outer(g, x),
    bias=lambda g: g,
)


def _outer(g, x):
    return view(g, shape=(g.shape[0], 1)) * view(x, shape=(1, x.shape[0]))


@linear.fast
def _linear(x, weight, bias=None):
    flat = x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    y = xp.matmul(flat, weight.T)
    if bias is not None:
        y += bias
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[0])
