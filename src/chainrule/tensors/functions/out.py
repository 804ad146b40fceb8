"""Results written into tensors that are there: the argument `out` of PyTorch's functions.

The functions say nothing of it. What stands around them (see `face`), and the dispatch of ops, which are functions as
they are, hand a call that has `out` to `into`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ...base import dtypes
from ...base.errors import DTypeError, GradError
from ...base.modes import modes
from ...base.trees import leaves
from ...ops.promotion import spec_of
from ...ops.record import READERS, WRITERS, Op

__all__ = ["CONVERTING", "EXACT", "into"]

CONVERTING = {
    "": """
        add addcdiv addcmul addr arange bernoulli cat chain_matmul cholesky cholesky_inverse cholesky_solve clamp clamp_max
        clamp_min column_stack concat concatenate cumprod cumsum diff div dstack empty eye float_power floor_divide full geqrf hstack inner
        inverse ger kron ldexp lerp linspace logit logspace logsumexp lu max mean min mul mvlgamma nanmean nansum normal ones outer
        polygamma pow prod rand randint randn randperm row_stack square stack std sub sum var vstack zeros
    """,
    "linalg": """
        cond householder_product inv ldl_factor ldl_factor_ex ldl_solve lstsq matrix_power matrix_rank pinv tensorinv tensorsolve
    """,
    "nn.functional": "normalize",
    "special": """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
        chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p
        modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0
        scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
        shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0
    """,
}
"""Functions that take `out=`, by place, whose result is converted to its dtype where nothing is lost by that."""

EXACT = {
    "": """
        addbmm addmm addmv alias_copy all amax amin aminmax any argmax argmin argsort as_strided_copy baddbmm bmm bucketize
        conj_physical cross cummax cummin diag diagonal_copy dot expand_copy frexp gather heaviside histc histogram
        index_add index_copy index_reduce index_select isin isneginf isposinf kthvalue log_softmax logcumsumexp
        lu_solve lu_unpack masked_select matmul matrix_power median mm mode msort multinomial mv nan_to_num nanmedian
        nanquantile narrow_copy nonzero norm ormqr permute_copy qr quantile renorm round scatter scatter_add scatter_reduce
        searchsorted slice_scatter softmax sort split_with_sizes_copy squeeze_copy svd t_copy take take_along_dim tensordot
        topk transpose_copy triangular_solve tril triu unbind_copy unfold_copy unsqueeze_copy vdot view_copy where
    """,
    "linalg": """
        cholesky cholesky_ex cross det eigh eigvalsh inv_ex lu lu_factor lu_factor_ex lu_solve matmul matrix_norm multi_dot
        norm qr slogdet solve solve_ex solve_triangular svd svdvals vecdot vector_norm
    """,
    "nn.functional": """
        avg_pool2d avg_pool3d gelu hardshrink linear logsigmoid softplus softshrink
    """,
}
"""Functions that take `out=` of the dtype of the result alone."""

OPS = frozenset("""
    acos acosh angle asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
    copysign cos cosh deg2rad digamma entr eq erf erfc erfcx erfinv exp exp2 expm1 fmax fmin fmod gcd ge gt hypot
    i0 i0e i1 i1e igamma igammac lcm le lgamma log log10 log1p log2 log_ndtr logaddexp logaddexp2 logical_and logical_not
    logical_or logical_xor lt maximum minimum mul ndtr ndtri ne nextafter rad2deg reciprocal remainder rsqrt sigmoid sin sinc
    sinh sqrt tan tanh xlog1py xlogy zeta
""".split())  # fmt: skip
"""Ops that do, with a conversion."""

EXACT_OPS = frozenset("abs bitwise_not ceil floor frac neg sign signbit trunc".split())
"""Ops that do, without."""


def into(
    out: Any, f: Callable, args: tuple, options: dict, converts: bool, *, level: int = 4
) -> Any:
    """The result of a call written into tensors that are there, which are returned. One of another shape is
    resized; if it had elements, with a warning at the line that is so many frames away.

    Raises:
        DTypeError: `out` is no tensor, or of a dtype that the result is not converted to.
        GradError: an argument or `out` requires a gradient: what is written into memory has no history here.

    >>> y = cr.zeros(2)
    >>> cr.add(cr.tensor([1.0, 2.0]), 5, out=y) is y
    True
    >>> y
    tensor([6., 7.])
    """
    name = f.__name__
    several = isinstance(out, list | tuple)
    outs = list(out) if several else [out]
    for o in outs:
        if type(o) not in READERS:
            raise DTypeError(f"{name}(): out must be a tensor, found {type(o).__name__}")
    everything = leaves((outs, args, options)) if modes.grad else ()
    if any([getattr(v, "requires_grad", False) is True for v in everything]):
        raise GradError(
            f"{name}(): with out=… there is no derivative, and one of the arguments requires a gradient\n"
            "  hint: without out; or under no_grad()"
        )
    if converts and "dtype" in inspect.signature(f).parameters:
        options = _in_dtype_of(outs[0], name, options)
    y = f(*args, **options)
    ys = list(y) if isinstance(y, list | tuple) else [y]
    if len(ys) != len(outs):
        raise TypeError(f"{name}(): {len(ys)} results are written into {len(outs)} tensors")
    for o, v in zip(outs, ys, strict=True):
        _write(o, v, name, converts, level)
    if not several:
        return out
    return type(y)(*outs) if hasattr(y, "_fields") else type(y)(outs)


def _in_dtype_of(out: Any, name: str, options: dict) -> dict:
    """The options of a function that makes its result in a dtype: that of `out`."""
    asked = options.get("dtype")
    if asked is not None and dtypes.of(asked) is not out.dtype:
        raise DTypeError(f"{name}(): dtype is {dtypes.of(asked).name}, out has {out.dtype.name}")
    return options | {"dtype": out.dtype}


def _write(out: Any, value: Any, name: str, converts: bool, level: int) -> None:
    found = spec_of(value)
    fits = found.dtype.category <= out.dtype.category if converts else found.dtype is out.dtype
    if not fits:
        raise DTypeError(
            f"{name}(): a result of {found.dtype.name} is not written into an out of {out.dtype.name}"
        )
    if tuple(out.shape) != tuple(found.shape):
        if out.numel():
            warnings.warn(
                f"{name}(): out had shape {tuple(out.shape)} and is resized to {tuple(found.shape)}; "
                "out.resize_(0) before the call says that this is meant",
                stacklevel=level,
            )
        out.resize_(found.shape)
    out.copy_(value)


def _op_into(op: Op, args: tuple, attrs: dict) -> Any:
    """A call of an op with `out=`, among other keywords perhaps."""
    rest = {name: value for name, value in attrs.items() if name != "out"}
    if op.name in OPS or op.name in EXACT_OPS:
        if attrs["out"] is not None:
            return into(attrs["out"], op, args, rest, op.name in OPS, level=5)
    elif attrs["out"] is not None:
        op.refuse_attributes({"out": None})
    return op(*args, **rest)


WRITERS["out"] = _op_into
