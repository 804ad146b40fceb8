"""The methods of a tensor that are functions: conversions, and PyTorch's names for the ops and the torch-shaped functions.

`Tensor` inherits them. None looks below the surface: what does is in `core`, what writes is in `inplace`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import DeviceError, ShapeError
from . import functions
from .device import device_of

__all__ = ["Methods"]


class Methods:
    """What every tensor can do by way of ops; one line a method where the op is one."""

    # ------------------------------------------------------------------------------------------- dtype and device

    def to(
        self: Any,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: Any = None,
    ) -> Any:
        """Another dtype (`to(cr.float64)`, `to(other)`); devices other than the CPU are refused.
        `non_blocking` and `memory_format` have no effect.
        """
        for a in args:
            if isinstance(a, Methods):  # a tensor
                dtype = ops.promotion.spec_of(a).dtype
            elif isinstance(a, (DType, type, np.dtype)):
                dtype = a
            elif isinstance(a, bool):
                continue  # non_blocking by position
            elif a is not None:
                device = a
        device_of(device)
        if dtype is None or dtypes.of(dtype) is self.dtype:
            return ops.clone(self) if copy else self
        return ops.cast(self, dtype=dtype)

    def type(self: Any, dtype: Any = None) -> Any:
        """Converted to a dtype; without one, the name of its own."""
        return f"chainrule.{self.dtype.name}" if dtype is None else self.to(dtype)

    def type_as(self: Any, other: Any) -> Any:
        """Converted to the dtype of another tensor."""
        return self.to(other.dtype)

    def float(self: Any) -> Any:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self: Any) -> Any:
        """As float64."""
        return self.to(dtypes.float64)

    def half(self: Any) -> Any:
        """As float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Any) -> Any:
        """As bfloat16."""
        return self.to(dtypes.bfloat16)

    def long(self: Any) -> Any:
        """As int64."""
        return self.to(dtypes.int64)

    def int(self: Any) -> Any:
        """As int32."""
        return self.to(dtypes.int32)

    def bool(self: Any) -> Any:
        """As bool: nonzero is True."""
        return self.to(dtypes.bool_)

    def cpu(self: Any) -> Any:
        """Itself: tensors live on the CPU."""
        return self

    def cuda(self: Any, device: Any = None, non_blocking: Any = False) -> Any:
        """Refused: there is no CUDA backend."""
        raise DeviceError("there is no CUDA backend; tensors live on the CPU")

    # ----------------------------------------------------------------------------- ops and torch-shaped functions

    abs, ceil, cos, erf, exp, expm1, floor = (
        ops.abs,
        ops.ceil,
        ops.cos,
        ops.erf,
        ops.exp,
        ops.expm1,
        ops.floor,
    )
    isfinite, isinf, isnan, log, log1p, neg = (
        ops.isfinite,
        ops.isinf,
        ops.isnan,
        ops.log,
        ops.log1p,
        ops.neg,
    )
    reciprocal, round, rsqrt, sigmoid, sign, sin = (
        ops.reciprocal,
        ops.round,
        ops.rsqrt,
        ops.sigmoid,
        ops.sign,
        ops.sin,
    )
    sqrt, square, tanh, trunc = ops.sqrt, ops.square, ops.tanh, ops.trunc
    mul, pow, maximum, minimum, remainder, floor_divide = (
        ops.mul,
        ops.pow,
        ops.maximum,
        ops.minimum,
        ops.remainder,
        ops.floor_divide,
    )
    eq, ne, lt, le, gt, ge = ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge
    logical_and, logical_or, logical_xor, logical_not = (
        ops.logical_and,
        ops.logical_or,
        ops.logical_xor,
        ops.logical_not,
    )
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
        ops.bitwise_and,
        ops.bitwise_or,
        ops.bitwise_xor,
        ops.bitwise_not,
    )
    multiply, negative, absolute, true_divide = ops.mul, ops.neg, ops.abs, functions.div

    add, sub, div, clamp, clip = (
        functions.add,
        functions.sub,
        functions.div,
        functions.clamp,
        functions.clamp,
    )
    sum, mean, var, std, norm, cumsum = (
        functions.sum,
        functions.mean,
        functions.var,
        functions.std,
        functions.norm,
        functions.cumsum,
    )
    max, min, amax, amin, argmax, argmin = (
        functions.max,
        functions.min,
        functions.amax,
        functions.amin,
        functions.argmax,
        functions.argmin,
    )
    softmax, log_softmax, logsumexp, relu = (
        functions.softmax,
        functions.log_softmax,
        functions.logsumexp,
        functions.relu,
    )
    any, all, sort, argsort, topk = (
        functions.any,
        functions.all,
        functions.sort,
        functions.argsort,
        functions.topk,
    )
    isclose, allclose, equal, masked_fill = (
        functions.isclose,
        functions.allclose,
        functions.equal,
        functions.masked_fill,
    )
    reshape, permute, transpose, swapaxes, t = (
        functions.reshape,
        functions.permute,
        functions.transpose,
        functions.swapaxes,
        functions.t,
    )
    movedim, squeeze, unsqueeze, flatten, unflatten = (
        functions.movedim,
        functions.squeeze,
        functions.unsqueeze,
        functions.flatten,
        functions.unflatten,
    )
    broadcast_to, narrow, select, split, chunk, unbind = (
        functions.broadcast_to, functions.narrow, functions.select, functions.split, functions.chunk, functions.unbind)  # fmt: skip
    diagonal, diag, tril, triu, flip, roll = (
        functions.diagonal,
        functions.diag,
        functions.tril,
        functions.triu,
        functions.flip,
        functions.roll,
    )
    repeat, tile, gather, scatter, scatter_add = (
        functions.repeat,
        functions.tile,
        functions.gather,
        functions.scatter,
        functions.scatter_add,
    )
    index_select, matmul, mm, bmm, mv, dot = (
        functions.index_select, functions.matmul, functions.mm, functions.bmm, functions.mv, functions.dot)  # fmt: skip
    outer, addmm, baddbmm = functions.outer, functions.addmm, functions.baddbmm
    lerp, addcmul, addcdiv = functions.lerp, functions.addcmul, functions.addcdiv

    def where(self: Any, condition: Any, other: Any) -> Any:
        """self where the condition holds, other elsewhere."""
        return functions.where(condition, self, other)

    def expand(self: Any, *sizes: Any) -> Any:
        """Axes of size 1 (and new leading axes) repeated without copying; −1 keeps a size."""
        return ops.expand(self, shape=functions.shape.flat(sizes))

    def expand_as(self: Any, other: Any) -> Any:
        """Expanded to the shape of another tensor."""
        return ops.expand(self, shape=tuple(other.shape))

    def reshape_as(self: Any, other: Any) -> Any:
        """Reshaped to the shape of another tensor."""
        return functions.reshape(self, other.shape)

    def view_as(self: Any, other: Any) -> Any:
        """Viewed under the shape of another tensor."""
        return self.view(other.shape)

    @property
    def T(self: Any) -> Any:
        """All axes reversed."""
        return ops.permute(self, dims=tuple(range(self.ndim))[::-1])

    @property
    def mT(self: Any) -> Any:
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ShapeError(f".mT needs at least two axes, found {self.ndim}")
        return functions.transpose(self, -2, -1)
