"""The methods that write: `x.add_(y)` is `x + y` written into x's memory, gradient and all.
Attached to Tensor here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import ops
from ..base import dtypes
from ..base.errors import DTypeError, ShapeError
from ..tape.modes import modes
from ..tape.nodes import newest_order, reachable
from . import functions
from .core import Tensor
from .drawing import rand, randint, randn
from .functions.face import faced
from .generator import Generator

FUNCTIONS = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ atanh_ ceil_ clamp_
    clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ i0_
    index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ resize_as_ round_ rsqrt_
    sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_
"""
"""Methods that PyTorch has as functions too: `sin_(x)` is `x.sin_()`."""

__all__ = FUNCTIONS.split()


def _written(f: Callable, name: str) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        start = newest_order() if modes.grad else 0
        new = f(self, *args, **kwargs)
        if modes.grad and isinstance(new, Tensor) and new.edge is not None:
            for node in reachable([new.edge], start):
                # the derivative of x.mul_(w) needs the x that is now overwritten
                node.keep_copies(self._storage)
        return self._assign(new)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"`{name[:-1]}`, written into this tensor; returns it."
    return method


_NAMES = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr arccos arccosh arcsin
    arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp clamp_max
    clamp_min clip conj_physical copysign cos cosh cumprod cumsum deg2rad digamma div divide eq erf
    erfc erfinv exp exp2 expm1 fix float_power floor floor_divide fmod frac gcd ge greater
    greater_equal gt heaviside hypot i0 igamma igammac index_add index_copy index_fill index_put
    index_reduce lcm ldexp le lerp less less_equal lgamma log log10 log1p log2 logical_and
    logical_not logical_or logical_xor logit lt masked_fill masked_scatter mul multiply mvlgamma
    nan_to_num ne neg negative nextafter not_equal pow put rad2deg reciprocal relu remainder renorm
    round rsqrt scatter scatter_add scatter_reduce sgn sigmoid sign sin sinc sinh sqrt square sub
    subtract tan tanh tril triu true_divide trunc xlogy
"""
_FORMS = {name: getattr(functions, name) for name in _NAMES.split()}
_FORMS["polygamma"] = Tensor.polygamma
_SYMBOLS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
for _name, _f in _FORMS.items():
    setattr(Tensor, f"{_name}_", _written(_f, f"{_name}_"))
for _symbol, _name in _SYMBOLS.items():
    setattr(Tensor, f"__i{_symbol}__", getattr(Tensor, f"{_name}_"))


def _method(f: Callable) -> Callable:
    method = faced({f.__name__: f}, __name__)[f.__name__]
    setattr(Tensor, f.__name__, method)
    return method


@_method
def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Write uniform numbers in [a, b)."""
    if b < a:
        raise ShapeError(f"uniform_: the upper bound {b} is below the lower {a}")
    return self._assign(
        rand(tuple(self.shape), device=self.device, generator=generator, dtype=self.dtype) * (b - a)
        + a
    )


@_method
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Write normal numbers."""
    if std < 0:
        raise ShapeError(f"normal_: the standard deviation {std} is negative")
    return self._assign(
        randn(tuple(self.shape), device=self.device, generator=generator, dtype=self.dtype) * std
        + mean
    )


@_method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Write 1 with probability p (a number, or a tensor that broadcasts), else 0."""
    if isinstance(p, int | float) and not 0 <= p <= 1:
        raise ShapeError(f"bernoulli_: a probability is between 0 and 1, found {p}")
    return self._assign(
        (rand(tuple(self.shape), device=self.device, generator=generator) < p).to(self.dtype)
    )


@_method
def random_(
    self: Tensor, low: Any = None, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Write integers from low up to, not including, high; random_(high) starts at 0, random_() takes
    all that the dtype can hold exactly, from 0 on.
    """
    if low is None:
        low, high = 0, _COUNT[self.dtype.name]
    elif high is None:
        low, high = 0, low
    return self._assign(
        randint(low, high, tuple(self.shape), device=self.device, generator=generator).to(
            self.dtype
        )
    )


_COUNT = {
    "bool": 2, "uint8": 2**8, "int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 2**63 - 1,
    "float16": 2**11 + 1, "bfloat16": 2**8 + 1, "float32": 2**24 + 1, "float64": 2**53 + 1,
}  # fmt: skip


def _drawn(self: Tensor, name: str, generator: Generator | None) -> Tensor:
    """Numbers between 0 and 1, neither included, in the shape of a floating tensor."""
    if not self.is_floating_point():
        raise DTypeError(f"{name} writes floating numbers, found a tensor of {self.dtype.name}")
    return (
        rand(tuple(self.shape), device=self.device, generator=generator, dtype=dtypes.float64)
        + 2.0**-25
    )


@_method
def exponential_(self: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Write exponentially distributed numbers of mean 1 / lambd,  −ln u / lambd."""
    if lambd <= 0:
        raise ShapeError(f"exponential_: lambd is positive, found {lambd}")
    return self._assign(-ops.log(_drawn(self, "exponential_", generator)) / lambd)


@_method
def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Write how many trials it takes to succeed once, each with probability p:  ⌈ln u / ln(1 − p)⌉."""
    if not 0 < p < 1:
        raise ShapeError(f"geometric_: the probability is between 0 and 1, found {p}")
    u = (
        rand(tuple(self.shape), device=self.device, generator=generator, dtype=dtypes.float64)
        + 2.0**-25
    )
    return self._assign(ops.ceil(ops.log(u) / math.log1p(-p)).to(self.dtype))


@_method
def cauchy_(
    self: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
) -> Tensor:
    """Write numbers of Cauchy's distribution,  median + sigma · tan(π (u − ½))."""
    if sigma <= 0:
        raise ShapeError(f"cauchy_: sigma is positive, found {sigma}")
    u = _drawn(self, "cauchy_", generator)
    return self._assign(ops.tan(math.pi * (u - 0.5)) * sigma + median)


@_method
def log_normal_(
    self: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None
) -> Tensor:
    """Write numbers whose logarithm is normal, of a mean and standard deviation."""
    if std <= 0:
        raise ShapeError(f"log_normal_: the standard deviation is positive, found {std}")
    if not self.is_floating_point():
        raise DTypeError(
            f"log_normal_ writes floating numbers, found a tensor of {self.dtype.name}"
        )
    z = randn(tuple(self.shape), device=self.device, generator=generator, dtype=self.dtype)
    return self._assign(ops.exp(z * std + mean))


globals().update(faced({name: getattr(Tensor, name) for name in __all__}, __name__))
