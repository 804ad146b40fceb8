"""The methods of a tensor that are functions: conversions, and PyTorch's names for the ops and the torch-shaped functions.

`Tensor` inherits them. None looks below the surface: what does is in `beneath` and the chapters on it; what writes is in
`writing` and `inplace`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import DeviceError, DTypeError, GradError, ShapeError
from . import functions
from .beneath import Beneath
from .device import device_of

__all__ = ["Methods"]


OLD_NAMES = {
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double", "uint8": "Byte", "int8": "Char",
    "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool",
}  # fmt: skip
"""The names that PyTorch once had a tensor type for: `FloatTensor`."""


class Methods:
    """What every tensor can do by way of ops; one line a method where the op is one."""

    # ------------------------------------------------------------------------------------------- dtype and device
    # memory_format has no effect

    def to(
        self: Any,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: Any = None,
    ) -> Any:
        """Another dtype (`to(cr.float64)`, `to(other)`) or device: 'meta' keeps shape and dtype alone, from where no
        value comes back. `non_blocking` and `memory_format` have no effect.
        """
        for a in args:
            if isinstance(a, Methods):  # a tensor
                dtype, device = ops.promotion.spec_of(a).dtype, a.device  # type: ignore[attr-defined]
            elif isinstance(a, (DType, type, np.dtype)):
                dtype = a
            elif isinstance(a, bool):
                continue  # non_blocking by position
            elif a is not None:
                device = a
        place = self.device if device is None else device_of(device)
        same = dtype is None or dtypes.of(dtype) is self.dtype
        if place is not self.device:
            moved = self._moved(place)
            return moved if same else ops.cast(moved, dtype=dtype)
        if same:
            return ops.clone(self) if copy else self
        return ops.cast(self, dtype=dtype)

    def type(self: Any, dtype: Any = None) -> Any:
        """Converted to a dtype, which may be told by an old name ("torch.FloatTensor"); to the default one for the class Tensor;
        without one, the old name of its own.
        """
        if dtype is None:
            return f"chainrule.{OLD_NAMES[self.dtype.name]}Tensor"
        if isinstance(dtype, str) and dtype.endswith("Tensor"):
            old = dtype.rpartition(".")[2].removesuffix("Tensor")
            found = [name for name, known in OLD_NAMES.items() if known == old]
            if not found:
                raise DTypeError(
                    f"there is no type {dtype!r}; there are {', '.join(OLD_NAMES.values())} with Tensor behind"
                )
            return self.to(dtypes.of(found[0]))
        if dtype is Beneath._plain:
            return self.to(dtypes.default())
        return self.to(getattr(dtype, "dtype", dtype))

    def type_as(self: Any, other: Any) -> Any:
        """Converted to the dtype of another tensor."""
        return self.to(dtype=other.dtype, device=other.device)

    def float(self: Any, memory_format: Any = None) -> Any:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self: Any, memory_format: Any = None) -> Any:
        """As float64."""
        return self.to(dtypes.float64)

    def half(self: Any, memory_format: Any = None) -> Any:
        """As float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Any, memory_format: Any = None) -> Any:
        """As bfloat16."""
        return self.to(dtypes.bfloat16)

    def long(self: Any, memory_format: Any = None) -> Any:
        """As int64."""
        return self.to(dtypes.int64)

    def int(self: Any, memory_format: Any = None) -> Any:
        """As int32."""
        return self.to(dtypes.int32)

    def short(self: Any, memory_format: Any = None) -> Any:
        """As int16."""
        return self.to(dtypes.int16)

    def char(self: Any, memory_format: Any = None) -> Any:
        """As int8."""
        return self.to(dtypes.int8)

    def byte(self: Any, memory_format: Any = None) -> Any:
        """As uint8."""
        return self.to(dtypes.uint8)

    def bool(self: Any, memory_format: Any = None) -> Any:
        """As bool: nonzero is True."""
        return self.to(dtypes.bool_)

    def cpu(self: Any) -> Any:
        """Itself: tensors live on the CPU. One on 'meta' is refused, for it has no values."""
        return self.to("cpu")

    def is_inference(self: Any) -> Any:
        """False: tensors made in inference mode are like others, without a history."""
        return False

    def is_pinned(self: Any, device: Any = None) -> Any:
        """False: there is no memory that another device reads."""
        return False

    def is_shared(self: Any) -> Any:
        """False: memory belongs to one process."""
        return False

    def pin_memory(self: Any, device: Any = None) -> Any:
        """Itself; without effect: there is no other device."""
        return self

    def share_memory_(self: Any) -> Any:
        """Itself; without effect: one process computes."""
        return self

    def to_dense(self: Any, dtype: Any = None, *, masked_grad: Any = None) -> Any:
        """Itself, in another dtype if asked: every tensor is dense."""
        return self if dtype is None else self.to(dtype)

    def apply_(self: Any, callable: Any) -> Any:
        """Write a Python function of each element; slow, and without a gradient."""
        return self.map_(self, lambda x, _: callable(x))

    def map_(self: Any, tensor: Any, callable: Any) -> Any:
        """Write callable(own element, other's element) for each element; slow, and without a gradient."""
        if self.requires_grad:
            raise GradError(
                "map_ and apply_ have no gradient\n  hint: detach() the tensor, or compute with ops"
            )
        other = tensor.expand(self.shape)
        values = [
            callable(a, b)
            for a, b in zip(self.flatten().tolist(), other.flatten().tolist(), strict=True)
        ]
        return self.copy_(self.new_tensor(values).view(self.shape))

    def cuda(self: Any, device: Any = None, non_blocking: Any = False) -> Any:
        """Refused: there is no CUDA backend."""
        raise DeviceError("there is no CUDA backend; tensors live on the CPU")

    # ----------------------------------------------------------------------------- ops and torch-shaped functions

    abs, absolute, acos, acosh, add, angle = (
        functions.abs, functions.absolute, functions.acos, functions.acosh, functions.add, functions.angle)  # fmt: skip
    arccos, arccosh, arcsin, arcsinh, arctan = (
        functions.arccos, functions.arccosh, functions.arcsin, functions.arcsinh, functions.arctan)  # fmt: skip
    arctan2, arctanh, asin, asinh, atan, atan2 = (
        functions.arctan2, functions.arctanh, functions.asin, functions.asinh, functions.atan, functions.atan2)  # fmt: skip
    atanh, bitwise_and, bitwise_left_shift, bitwise_not = (
        functions.atanh, functions.bitwise_and, functions.bitwise_left_shift, functions.bitwise_not)  # fmt: skip
    bitwise_or, bitwise_right_shift, bitwise_xor, ceil, clamp = (
        functions.bitwise_or, functions.bitwise_right_shift, functions.bitwise_xor, functions.ceil, functions.clamp)  # fmt: skip
    clamp_max, clamp_min, clip, conj, conj_physical = (
        functions.clamp_max, functions.clamp_min, functions.clip, functions.conj, functions.conj_physical)  # fmt: skip
    copysign, cos, cosh, deg2rad, digamma, div = (
        functions.copysign, functions.cos, functions.cosh, functions.deg2rad, functions.digamma, functions.div)  # fmt: skip
    divide, eq, erf, erfc, erfinv, exp = (
        functions.divide, functions.eq, functions.erf, functions.erfc, functions.erfinv, functions.exp)  # fmt: skip
    exp2, expm1, fix, float_power, floor = (
        functions.exp2, functions.expm1, functions.fix, functions.float_power, functions.floor)  # fmt: skip
    floor_divide, fmax, fmin, fmod, frac, frexp = (
        functions.floor_divide, functions.fmax, functions.fmin, functions.fmod, functions.frac, functions.frexp)  # fmt: skip
    gcd, ge, greater, greater_equal, gt, heaviside = (
        functions.gcd, functions.ge, functions.greater, functions.greater_equal, functions.gt, functions.heaviside)  # fmt: skip
    hypot, i0, isfinite, isinf, isnan, isneginf = (
        functions.hypot, functions.i0, functions.isfinite, functions.isinf, functions.isnan, functions.isneginf)  # fmt: skip
    isposinf, isreal, lcm, ldexp, le, less = (
        functions.isposinf, functions.isreal, functions.lcm, functions.ldexp, functions.le, functions.less)  # fmt: skip
    less_equal, lgamma, log, log10, log1p, log2 = (
        functions.less_equal, functions.lgamma, functions.log, functions.log10, functions.log1p, functions.log2)  # fmt: skip
    logaddexp, logaddexp2, logical_and, logical_not = (
        functions.logaddexp, functions.logaddexp2, functions.logical_and, functions.logical_not)  # fmt: skip
    logical_or, logical_xor, logit, lt, maximum = (
        functions.logical_or, functions.logical_xor, functions.logit, functions.lt, functions.maximum)  # fmt: skip
    minimum, mul, multiply, mvlgamma, nan_to_num, ne = (
        functions.minimum, functions.mul, functions.multiply, functions.mvlgamma, functions.nan_to_num, functions.ne)  # fmt: skip
    neg, negative, nextafter, not_equal, positive = (
        functions.neg, functions.negative, functions.nextafter, functions.not_equal, functions.positive)  # fmt: skip
    pow, rad2deg, reciprocal, remainder, resolve_conj = (
        functions.pow, functions.rad2deg, functions.reciprocal, functions.remainder, functions.resolve_conj)  # fmt: skip
    resolve_neg, round, rsqrt, sgn, sigmoid, sign = (
        functions.resolve_neg, functions.round, functions.rsqrt, functions.sgn, functions.sigmoid, functions.sign)  # fmt: skip
    signbit, sin, sinc, sinh, sqrt, square = (
        functions.signbit, functions.sin, functions.sinc, functions.sinh, functions.sqrt, functions.square)  # fmt: skip
    sub, subtract, tan, tanh, true_divide, trunc = (
        functions.sub, functions.subtract, functions.tan, functions.tanh, functions.true_divide, functions.trunc)  # fmt: skip
    xlogy = (
        functions.xlogy)  # fmt: skip
    sum, mean, prod, nansum, nanmean, count_nonzero = (
        functions.sum, functions.mean, functions.prod, functions.nansum, functions.nanmean, functions.count_nonzero)  # fmt: skip
    norm, dist, renorm, trace, sum_to_size, max = (
        functions.norm, functions.dist, functions.renorm, functions.trace, functions.sum_to_size, functions.max)  # fmt: skip
    min, amax, amin, aminmax, argmax, argmin = (
        functions.min, functions.amax, functions.amin, functions.aminmax, functions.argmax, functions.argmin)  # fmt: skip
    cumsum, cumprod, cummax, cummin, logcumsumexp = (
        functions.cumsum, functions.cumprod, functions.cummax, functions.cummin, functions.logcumsumexp)  # fmt: skip
    diff, var, std, median, nanmedian, mode = (
        functions.diff, functions.var, functions.std, functions.median, functions.nanmedian, functions.mode)  # fmt: skip
    kthvalue, quantile, nanquantile, cov, corrcoef = (
        functions.kthvalue, functions.quantile, functions.nanquantile, functions.cov, functions.corrcoef)  # fmt: skip
    msort = (
        functions.msort)  # fmt: skip
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
    isclose, allclose, equal = (
        functions.isclose,
        functions.allclose,
        functions.equal,
    )
    adjoint, as_strided, diagonal, expand_as = (
        functions.adjoint, functions.as_strided, functions.diagonal, functions.expand_as)  # fmt: skip
    flatten, moveaxis, movedim, narrow = (
        functions.flatten, functions.moveaxis, functions.movedim, functions.narrow)  # fmt: skip
    permute, ravel, reshape, reshape_as = (
        functions.permute, functions.ravel, functions.reshape, functions.reshape_as)  # fmt: skip
    select, squeeze, swapaxes, swapdims = (
        functions.select, functions.squeeze, functions.swapaxes, functions.swapdims)  # fmt: skip
    t, transpose, unbind, unflatten = (
        functions.t, functions.transpose, functions.unbind, functions.unflatten)  # fmt: skip
    unfold, unsqueeze, broadcast_to = (
        functions.unfold, functions.unsqueeze, functions.broadcast_to)  # fmt: skip
    chunk, dsplit, hsplit, split = (
        functions.chunk, functions.dsplit, functions.hsplit, functions.split)  # fmt: skip
    split_with_sizes, tensor_split, unsafe_chunk, unsafe_split = (
        functions.split_with_sizes, functions.tensor_split, functions.unsafe_chunk, functions.unsafe_split)  # fmt: skip
    unsafe_split_with_sizes, vsplit = (
        functions.unsafe_split_with_sizes, functions.vsplit)  # fmt: skip
    diag, diag_embed, diagflat, flip = (
        functions.diag, functions.diag_embed, functions.diagflat, functions.flip)  # fmt: skip
    fliplr, flipud, repeat, repeat_interleave = (
        functions.fliplr, functions.flipud, functions.repeat, functions.repeat_interleave)  # fmt: skip
    roll, rot90, tile, tril = (
        functions.roll, functions.rot90, functions.tile, functions.tril)  # fmt: skip
    triu = functions.triu
    as_strided_scatter, diagonal_scatter, narrow_copy, select_scatter = (
        functions.as_strided_scatter, functions.diagonal_scatter, functions.narrow_copy, functions.select_scatter)  # fmt: skip
    slice_scatter = functions.slice_scatter
    argwhere, gather, index_add, index_copy = (
        functions.argwhere, functions.gather, functions.index_add, functions.index_copy)  # fmt: skip
    index_fill, index_put, index_reduce, index_select = (
        functions.index_fill, functions.index_put, functions.index_reduce, functions.index_select)  # fmt: skip
    masked_fill, masked_scatter, masked_select, nonzero = (
        functions.masked_fill, functions.masked_scatter, functions.masked_select, functions.nonzero)  # fmt: skip
    nonzero_static, put, scatter, scatter_add = (
        functions.nonzero_static, functions.put, functions.scatter, functions.scatter_add)  # fmt: skip
    scatter_reduce, take, take_along_dim = (
        functions.scatter_reduce, functions.take, functions.take_along_dim)  # fmt: skip
    addbmm, addmm, addmv, addr = (
        functions.addbmm, functions.addmm, functions.addmv, functions.addr)  # fmt: skip
    baddbmm, bmm, cross, dot = (
        functions.baddbmm, functions.bmm, functions.cross, functions.dot)  # fmt: skip
    ger, inner, kron, matmul = (
        functions.ger, functions.inner, functions.kron, functions.matmul)  # fmt: skip
    mm, mv, outer, trace = (
        functions.mm, functions.mv, functions.outer, functions.trace)  # fmt: skip
    vdot, cholesky, cholesky_inverse, cholesky_solve = (
        functions.vdot, functions.cholesky, functions.cholesky_inverse, functions.cholesky_solve)  # fmt: skip
    det, geqrf, inverse, logdet = (
        functions.det, functions.geqrf, functions.inverse, functions.logdet)  # fmt: skip
    lu, lu_solve, matrix_exp, matrix_power = (
        functions.lu, functions.lu_solve, functions.matrix_exp, functions.matrix_power)  # fmt: skip
    orgqr, ormqr, pinverse, qr = (
        functions.orgqr, functions.ormqr, functions.pinverse, functions.qr)  # fmt: skip
    slogdet, svd, triangular_solve = (
        functions.slogdet, functions.svd, functions.triangular_solve)  # fmt: skip
    lerp, addcmul, addcdiv = functions.lerp, functions.addcmul, functions.addcdiv

    def polygamma(self: Any, n: Any) -> Any:
        """The nᵗʰ derivative of digamma."""
        return ops.polygamma(self, n=n)

    igamma, igammac = functions.igamma, functions.igammac
    is_signed, is_nonzero, is_same_size, is_conj, is_neg = (
        functions.is_signed, functions.is_nonzero, functions.is_same_size, functions.is_conj, functions.is_neg)  # fmt: skip
    is_cuda = is_quantized = is_sparse = is_nested = False
    is_ipu = is_maia = is_mps = is_mtia = is_vulkan = is_xla = is_xpu = False

    @property
    def real(self: Any) -> Any:
        """Itself: everything is real here."""
        return self

    @property
    def imag(self: Any) -> Any:
        """Refused: there are no complex numbers."""
        raise DTypeError("imag: complex numbers are not supported")

    def ndimension(self: Any) -> Any:
        """The number of axes."""
        return self.ndim

    def get_device(self: Any) -> Any:
        """−1: tensors live on the CPU, which has no number."""
        return -1

    def where(self: Any, condition: Any, other: Any) -> Any:
        """self where the condition holds, other elsewhere."""
        return functions.where(condition, self, other)

    def expand(self: Any, *sizes: Any, size: Any = None) -> Any:
        """Axes of size 1 (and new leading axes) repeated without copying; −1 keeps a size."""
        return ops.expand(self, shape=functions.shape.flat(sizes, size))

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

    @property
    def mH(self: Any) -> Any:
        """The last two axes exchanged (and conjugated, which leaves real numbers as they are)."""
        return functions.adjoint(self)

    @property
    def H(self: Any) -> Any:
        """The transpose of a matrix (conjugated, which leaves real numbers as they are)."""
        if self.ndim not in (0, 2):
            raise ShapeError(f".H is for matrices, found {self.ndim} axes\n  hint: .mH")
        return functions.t(self)
