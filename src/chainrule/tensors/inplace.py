"""The methods that write: `x.add_(y)` is `x + y` written into x's memory, gradient and all.
Attached to Tensor here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.errors import ShapeError
from ..tape.backward import newest_order, reachable
from ..tape.modes import modes
from . import functions
from .core import Tensor
from .creation import rand, randint, randn
from .generator import Generator

__all__: list[str] = []


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
    greater_equal gt heaviside hypot i0 index_add index_copy index_fill index_put index_reduce lcm
    ldexp le lerp less less_equal lgamma log log10 log1p log2 logical_and logical_not logical_or
    logical_xor logit lt masked_fill masked_scatter mul multiply mvlgamma nan_to_num ne neg negative
    nextafter not_equal pow put rad2deg reciprocal relu remainder renorm round rsqrt scatter
    scatter_add scatter_reduce sgn sigmoid sign sin sinc sinh sqrt square sub subtract tan
    tanh tril triu true_divide trunc xlogy
"""
_FORMS = {name: getattr(functions, name) for name in _NAMES.split()}
_FORMS["polygamma"] = Tensor.polygamma
_SYMBOLS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
for _name, _f in _FORMS.items():
    setattr(Tensor, f"{_name}_", _written(_f, f"{_name}_"))
for _symbol, _name in _SYMBOLS.items():
    setattr(Tensor, f"__i{_symbol}__", getattr(Tensor, f"{_name}_"))


def _method(f: Callable) -> Callable:
    setattr(Tensor, f.__name__, f)
    return f


@_method
def fill_diagonal_(self: Tensor, fill_value: float) -> Tensor:
    """Write one value on the main diagonal."""
    self.diagonal()[...] = fill_value
    return self


@_method
def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Write uniform numbers in [a, b)."""
    if b < a:
        raise ShapeError(f"uniform_: the upper bound {b} is below the lower {a}")
    return self._assign(
        rand(tuple(self.shape), generator=generator, dtype=self.dtype) * (b - a) + a
    )


@_method
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Write normal numbers."""
    if std < 0:
        raise ShapeError(f"normal_: the standard deviation {std} is negative")
    return self._assign(
        randn(tuple(self.shape), generator=generator, dtype=self.dtype) * std + mean
    )


@_method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Write 1 with probability p, else 0."""
    return self._assign((rand(tuple(self.shape), generator=generator) < p).to(self.dtype))


@_method
def random_(
    self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Write integers from low up to, not including, high (2³¹ unless given); random_(high)
    starts at 0.
    """
    low, high = (low, high) if high is not None else (0, low or 2**31)
    return self._assign(randint(low, high, tuple(self.shape), generator=generator).to(self.dtype))
