"""PyTorch's functions with `out=`: the result is written into a tensor that is given, instead of a new one.

chainrule's functions have no such argument, because `y.copy_(f(x))` says the same; programs written for PyTorch use it all the
same, many an optimizer in `torch.max(a, b, out=a)`. As in PyTorch, no gradients flow through it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import chainrule

from ...base.errors import DTypeError, GradError
from ...tensors import Tensor, is_grad_enabled, no_grad

__all__ = ["HAVE_OUT", "into"]

MAKERS = frozenset(
    "arange empty empty_like eye full linspace logspace ones ones_like rand rand_like randint randn randn_like randperm zeros "
    "zeros_like".split()
)
"""Functions that make tensors of the dtype of `out`."""

HAVE_OUT = MAKERS | frozenset(
    "abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax any arccos arccosh arcsin "
    "arcsinh arctan arctan2 arctanh argmax argmin argsort asin asinh atan atan2 atanh baddbmm bernoulli bitwise_and "
    "bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize cat ceil cholesky cholesky_inverse "
    "cholesky_solve clamp clamp_max clamp_min clip column_stack concat concatenate copysign cos cosh cross cummax cummin "
    "cumprod cumsum deg2rad diag diff digamma div divide dot dstack eq erf erfc erfinv exp exp2 expm1 fix float_power floor "
    "floor_divide fmax fmin fmod frac frexp gather gcd ge geqrf ger greater greater_equal gt heaviside histc hstack hypot i0 "
    "igamma igammac index_add index_copy index_select inner inverse isneginf isposinf kron kthvalue lcm ldexp le lerp less "
    "less_equal lgamma log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor "
    "logit logsumexp lt masked_select matmul matrix_power max maximum mean median min minimum mm mode msort mul multinomial "
    "multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile nansum narrow_copy ne neg negative nextafter nonzero norm "
    "normal not_equal outer polygamma pow prod quantile rad2deg reciprocal remainder renorm round row_stack rsqrt scatter "
    "scatter_add searchsorted sgn sigmoid sign signbit sin sinc sinh softmax sort sqrt square stack std sub subtract sum svd "
    "take take_along_dim tan tanh tensordot topk tril triu true_divide trunc var vdot vstack where xlogy".split()
)
"""PyTorch's functions that take `out`, as far as chainrule has them."""


class Into:
    """A function of chainrule's that takes `out` as well: a tensor, or for several results a tuple of them. It is given the
    result's shape, and keeps its own dtype.

    >>> out = chainrule.zeros(2)
    >>> into("add")(chainrule.ones(2), 2, out=out) is out, out.tolist()
    (True, [3.0, 3.0])

    Raises:
        GradError: gradients are on, and one of the tensors requires one.
        DTypeError: the result cannot be written without loss of kind: a fraction into integers, an integer into booleans.
    """

    def __init__(self, name: str):
        self.name = name
        self.function: Callable = getattr(chainrule, name)

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return self.function(*args, **kwargs)
        outs = out if isinstance(out, tuple | list) else (out,)
        if is_grad_enabled() and any([x.requires_grad for x in _tensors((args, outs))]):
            raise GradError(
                f"{self.name}(out=…): no gradient flows through `out`, but one of the tensors requires one\n"
                f"  hint: under no_grad(), or y = {self.name}(…)"
            )
        if self.name in MAKERS:
            kwargs.setdefault("dtype", out.dtype)
        with no_grad():
            found = self.function(*args, **kwargs)
            values = found if isinstance(found, tuple) else (found,)
            for y, value in zip(outs, values, strict=True):
                self._write(y, value)
        return type(found)(*outs) if isinstance(found, tuple) else out

    def _write(self, y: Tensor, value: Tensor) -> None:
        if _kind(value) > _kind(y):
            raise DTypeError(
                f"{self.name}(out=…): the result is {value.dtype.name}, which cannot be written into {y.dtype.name}"
            )
        if y.shape != value.shape:
            if y.numel():
                warnings.warn(
                    f"{self.name}(out=…): a tensor of shape {tuple(y.shape)} was resized to {tuple(value.shape)}, the shape of the "
                    "result; an empty one is resized without a word",
                    stacklevel=4,
                )
            y.resize_(tuple(value.shape))
        y.copy_(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __reduce__(self) -> tuple:
        return into, (self.name,)


@cache
def into(name: str) -> Into:
    """chainrule's function of this name, which takes `out` as well."""
    return Into(name)


def _kind(x: Tensor) -> int:
    """0 for booleans, 1 for integers, 2 for fractions."""
    return 2 if x.dtype.is_floating_point else int(x.dtype is not chainrule.bool)


def _tensors(nested: Any) -> Iterator[Tensor]:
    """The tensors in tuples and lists of arguments."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, tuple | list):
        for element in nested:
            yield from _tensors(element)
