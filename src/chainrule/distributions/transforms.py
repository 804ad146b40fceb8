"""Changes of variables y = f(x), with ln |dy/dx|: what makes one distribution of another.

>>> import chainrule as cr
>>> f = ComposeTransform([AffineTransform(1.0, 2.0), ExpTransform()])
>>> x = cr.tensor([0.0, 1.0])
>>> f(x)
tensor([ 2.7183, 20.0855])

A transform whose `domain.event_dim` is more than 0 works on vectors or matrices as a whole.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from .. import ops
from ..base import shapes
from ..base.errors import ShapeError
from ..tensors import Size, Tensor, cat, cumprod, eye, stack, zeros_like
from ..tensors.functions import linalg, softmax
from . import constraints
from .distribution import Distribution
from .parameters import sum_rightmost

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
    "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip

softplus = ops.TABLE["softplus"]


class Transform:
    """A change of variables: `f(x)`, `f.inv(y)`, `f.log_abs_det_jacobian(x, y)`.

    Subclasses define `domain`, `codomain`, `bijective`, `_call`, `_inverse` and `log_abs_det_jacobian`; `sign` is that of the
    derivative, where it has one. With `cache_size=1` the last x and y are kept, so that f.inv(f(x)) is x itself.
    """

    bijective = False
    domain: Any = constraints.real
    codomain: Any = constraints.real

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size is 0 or 1, found {cache_size}")
        self._cache_size = cache_size
        self._kept: tuple[Any, Any] = (None, None)

    @property
    def event_dim(self) -> int:
        """How many axes belong together, on both sides."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("the two sides differ: ask domain.event_dim and codomain.event_dim")
        return self.domain.event_dim

    @property
    def inv(self) -> Transform:
        """The inverse transform."""
        return _Inverse(self)

    @property
    def sign(self) -> Any:
        """1 if f grows, −1 if it falls."""
        raise NotImplementedError(f"{type(self).__name__} neither grows nor falls everywhere")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same transform, keeping its last x and y or not."""
        if cache_size == self._cache_size:
            return self
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        Transform.__init__(new, cache_size)
        return new

    def __call__(self, x: Tensor) -> Tensor:
        if self._cache_size and x is self._kept[0]:
            return self._kept[1]
        y = self._call(x)
        if self._cache_size:
            self._kept = x, y
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        if self._cache_size and y is self._kept[1]:
            return self._kept[0]
        x = self._inverse(y)
        if self._cache_size:
            self._kept = x, y
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not say how to compute y")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """ln |det dy/dx|, given both, of each value."""
        raise NotImplementedError(f"{type(self).__name__} has no such derivative")

    def forward_shape(self, shape: Any) -> Any:
        """The shape of y for a shape of x."""
        return Size(tuple(shape))

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of x for a shape of y."""
        return Size(tuple(shape))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return type(self).__name__ + "()"


class _Inverse(Transform):
    """A transform the other way round."""

    def __init__(self, transform: Transform):
        super().__init__(transform._cache_size)
        self._inv = transform

    bijective = property(lambda self: self._inv.bijective)  # type: ignore[assignment]
    domain = property(lambda self: self._inv.codomain)
    codomain = property(lambda self: self._inv.domain)
    sign = property(lambda self: self._inv.sign)  # type: ignore[assignment]
    inv = property(lambda self: self._inv)  # type: ignore[assignment]

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._inv.with_cache(cache_size).inv

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._inv.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inverse) and self._inv == other._inv

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{self._inv!r}.inv"


class ComposeTransform(Transform):
    """Several transforms, one after another."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = [p.with_cache(cache_size) if cache_size else p for p in parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether each has an inverse."""
        return all(p.bijective for p in self.parts)

    @property
    def sign(self) -> Any:
        return reduce(operator.mul, [p.sign for p in self.parts], 1)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """The first one's, with as many axes as all need."""
        if not self.parts:
            return constraints.real
        needed = self.parts[-1].codomain.event_dim
        for p in reversed(self.parts):
            needed = max(needed + p.domain.event_dim - p.codomain.event_dim, p.domain.event_dim)
        return _widened(self.parts[0].domain, needed)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """The last one's, with as many axes as all need."""
        if not self.parts:
            return constraints.real
        needed = self.parts[0].domain.event_dim
        for p in self.parts:
            needed = max(needed + p.codomain.event_dim - p.domain.event_dim, p.codomain.event_dim)
        return _widened(self.parts[-1].codomain, needed)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if cache_size == self._cache_size else ComposeTransform(self.parts, cache_size)

    @property
    def inv(self) -> Transform:
        return ComposeTransform([p.inv for p in reversed(self.parts)])

    def _call(self, x: Tensor) -> Tensor:
        for p in self.parts:
            x = p(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for p in reversed(self.parts):
            y = p.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.parts:
            return zeros_like(x)
        total: Any = 0.0
        dims = self.domain.event_dim
        for k, p in enumerate(self.parts):
            after = y if k == len(self.parts) - 1 else p(x)
            total = total + sum_rightmost(
                p.log_abs_det_jacobian(x, after), dims - p.domain.event_dim
            )
            dims += p.codomain.event_dim - p.domain.event_dim
            x = after
        return total

    def forward_shape(self, shape: Any) -> Any:
        for p in self.parts:
            shape = p.forward_shape(shape)
        return Size(tuple(shape))

    def inverse_shape(self, shape: Any) -> Any:
        for p in reversed(self.parts):
            shape = p.inverse_shape(shape)
        return Size(tuple(shape))

    def __repr__(self) -> str:
        inside = ",\n    ".join(map(repr, self.parts))
        return f"ComposeTransform(\n    {inside}\n)"


def _widened(constraint: constraints.Constraint, dims: int) -> constraints.Constraint:
    """A set whose values have as many axes."""
    more = dims - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """Another transform, whose last axes count as one value: its ln |det| is summed over them."""

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ):
        super().__init__(cache_size)
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether the other has an inverse."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """The other's, with further axes."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """The other's, with further axes."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    def _call(self, x: Tensor) -> Tensor:
        if x.ndim < self.domain.event_dim:
            raise ShapeError(f"{self!r}: too few axes in {tuple(x.shape)}")
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        if y.ndim < self.codomain.event_dim:
            raise ShapeError(f"{self!r}: too few axes in {tuple(y.shape)}")
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(found, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Values of one shape, read in another; nothing changes but the axes."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0):
        self.in_shape, self.out_shape = Size(tuple(in_shape)), Size(tuple(out_shape))
        if self.in_shape.numel() != self.out_shape.numel():
            raise ShapeError(
                f"ReshapeTransform: {tuple(self.in_shape)} and {tuple(self.out_shape)} have different numbers of elements"
            )
        super().__init__(cache_size)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """Real numbers in the one shape."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """Real numbers in the other."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(tuple(self.forward_shape(x.shape)))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(tuple(self.inverse_shape(y.shape)))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(tuple(x.shape[: x.ndim - len(self.in_shape)]))

    def forward_shape(self, shape: Any) -> Any:
        return _replaced(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return _replaced(shape, self.out_shape, self.in_shape)


def _replaced(shape: Any, tail: Size, by: Size) -> Size:
    """A shape with other last axes."""
    cut = len(shape) - len(tail)
    if cut < 0 or tuple(shape[cut:]) != tuple(tail):
        raise ShapeError(f"a shape that ends in {tuple(tail)} is needed, found {tuple(shape)}")
    return Size(tuple(shape[:cut])) + by


# --------------------------------------------------------------------------------------------------------- elementwise


class _Growing(Transform):
    """A transform of each element by a growing function; equal to any other of its class."""

    bijective = True
    sign = 1  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    __hash__ = object.__hash__


class ExpTransform(_Growing):
    """y = eˣ."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(_Growing):
    """y = x^exponent, of positive numbers."""

    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0):
        super().__init__(cache_size)
        self.exponent = exponent

    @property
    def sign(self) -> Any:  # type: ignore[override]
        """The exponent's."""
        e = self.exponent
        return e.sign() if isinstance(e, Tensor) else math.copysign(1, e)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and _equal(self.exponent, other.exponent)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        return _broadcast(shape, self.exponent)

    inverse_shape = forward_shape


def _equal(a: Any, b: Any) -> bool:
    same = a == b
    return bool(same.all()) if isinstance(same, Tensor) else bool(same)


def _broadcast(shape: Any, *others: Any) -> Size:
    found = [tuple(o.shape) for o in others if isinstance(o, Tensor)]
    return Size(shapes.broadcast(tuple(shape), *found))


class SigmoidTransform(_Growing):
    """y = 1 / (1 + e^(−x)), kept away from 0 and 1 by a rounding error."""

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        eps = 2.0**-52 if x.dtype.name == "float64" else 2.0**-23
        return x.sigmoid().clamp(1.1754943508222875e-38, 1 - eps)

    def _inverse(self, y: Tensor) -> Tensor:
        eps = 2.0**-52 if y.dtype.name == "float64" else 2.0**-23
        y = y.clamp(1.1754943508222875e-38, 1 - eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_Growing):
    """y = ln(1 + eˣ)."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_Growing):
    """y = tanh x. Near ±1 its inverse loses digits: with `cache_size=1`, f.inv(f(x)) is x itself."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|, which has two inverses, of which the positive one is given."""

    codomain = constraints.positive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbsTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale · x;  with `event_dim`, of vectors or matrices, element by element."""

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """Real numbers."""
        return _widened(constraints.real, self._event_dim)

    codomain = domain  # type: ignore[assignment]

    @property
    def sign(self) -> Any:
        s = self.scale
        return s.sign() if isinstance(s, Tensor) else (s > 0) - (s < 0)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AffineTransform)
            and _equal(self.loc, other.loc)
            and _equal(self.scale, other.scale)
        )

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        s = self.scale
        each = zeros_like(x) + (s.abs().log() if isinstance(s, Tensor) else math.log(abs(s)))
        return sum_rightmost(each, self._event_dim)

    def forward_shape(self, shape: Any) -> Any:
        return _broadcast(shape, self.loc, self.scale)

    inverse_shape = forward_shape


class CumulativeDistributionTransform(_Growing):
    """y = F(x), the distribution function of a distribution: numbers of it become uniform."""

    codomain = constraints.unit_interval

    def __init__(self, distribution: Distribution, cache_size: int = 0):
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:  # type: ignore[override]
        """Where the distribution has its values."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)


# -------------------------------------------------------------------------------------------------- vectors and matrices


class SoftmaxTransform(Transform):
    """Vectors to shares, y = softmax(x); many x have the same y, of which ln y is given."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """n numbers to n + 1 shares: each takes its part, σ(xₖ − ln(n − k)), of what the ones before have left."""

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = object.__hash__

    def _offset(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        return x.new_tensor([math.log(n - k) for k in range(n)])

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._offset(x)).sigmoid()
        left = cumprod(1 - z, -1)
        one = x.new_ones((*x.shape[:-1], 1))
        return cat([z, one], -1) * cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=1.1754943508222875e-38)
        return head.log() - left.log() + self._offset(head)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        z = x - self._offset(x)
        return (y[..., :-1].log() - softplus(z)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return Size(tuple(shape[:-1])) + Size((shape[-1] + 1,))

    def inverse_shape(self, shape: Any) -> Any:
        return Size(tuple(shape[:-1])) + Size((shape[-1] - 1,))


class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal, of which the exponential is taken."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(LowerCholeskyTransform):
    """Matrices to positive definite ones,  y = L Lᵀ,  L lower triangular with the diagonal's exponentials."""

    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        lower = super()._call(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return super()._inverse(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """n (n − 1) / 2 numbers to the Cholesky factor of a correlation matrix, whose rows have length 1.

    Row by row, as in breaking a stick: y = z √(what the squares before have left),  z = tanh x.
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _size(self, count: int) -> int:
        n = round((1 + math.sqrt(1 + 8 * count)) / 2)
        if n * (n - 1) // 2 != count:
            raise ShapeError(f"{count} is not the number of elements below a diagonal")
        return n

    def _lower(self, x: Tensor) -> Tensor:
        """x below the diagonal of a matrix, row by row."""
        n = self._size(x.shape[-1])
        rows = []
        for k in range(n):
            first = k * (k - 1) // 2
            zeros = x.new_zeros((*x.shape[:-1], n - k))
            rows.append(cat([x[..., first : first + k], zeros], -1))
        return stack(rows, -2)

    def _call(self, x: Tensor) -> Tensor:
        eps = 2.0**-52 if x.dtype.name == "float64" else 2.0**-23
        z = self._lower(x.tanh().clamp(-1 + eps, 1 - eps))
        left = (1 - z * z).sqrt().cumprod(-1)
        z = z + eye(z.shape[-1], dtype=z.dtype)
        one = z.new_ones((*z.shape[:-1], 1))
        return z * cat([one, left[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        before = cat([y.new_ones((*y.shape[:-1], 1)), left[..., :-1]], -1)
        n = y.shape[-1]
        pairs = [(i, j) for i in range(n) for j in range(i)]
        rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
        return (y[..., rows, columns] / before[..., rows, columns].sqrt()).atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        tanh_slope = -2 * (x + softplus(-2 * x) - math.log(2.0))
        z = self._lower(x.tanh())
        steps = 0.5 * (-z * z).log1p().cumsum(-1)
        n = z.shape[-1]
        pairs = [(i, j) for i in range(2, n) for j in range(1, i)]
        if not pairs:
            return tanh_slope.sum(-1)
        rows, before = [i for i, _ in pairs], [j - 1 for _, j in pairs]
        return tanh_slope.sum(-1) + steps[..., rows, before].sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        n = self._size(shape[-1])
        return Size(tuple(shape[:-1])) + Size((n, n))

    def inverse_shape(self, shape: Any) -> Any:
        n = shape[-1]
        return Size(tuple(shape[:-2])) + Size((n * (n - 1) // 2,))


# ------------------------------------------------------------------------------------------------------ side by side


class CatTransform(Transform):
    """Several transforms side by side along an axis, each of `lengths[k]` places."""

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ):
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim
        self.lengths = list(lengths) if lengths is not None else [1] * len(self.transforms)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """How many places there are."""
        return sum(self.lengths)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether each has an inverse."""
        return all(t.bijective for t in self.transforms)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """Theirs, side by side."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """Theirs, side by side."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _parts(self, x: Tensor) -> list[Tensor]:
        return list(x.split(self.lengths, self.dim))

    def _joined(self, parts: list[Tensor], dim: int | None = None) -> Tensor:
        return cat(parts, self.dim if dim is None else dim)

    def _call(self, x: Tensor) -> Tensor:
        pairs = zip(self.transforms, self._parts(x), strict=True)
        return self._joined([t(part) for t, part in pairs])

    def _inverse(self, y: Tensor) -> Tensor:
        pairs = zip(self.transforms, self._parts(y), strict=True)
        return self._joined([t.inv(part) for t, part in pairs])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        triples = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        found = [
            sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
            for t, a, b in triples
        ]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + self.event_dim
        if dim >= 0:  # the parts lie within one value
            return reduce(operator.add, found)
        return self._joined(found, dim)


class StackTransform(CatTransform):
    """Several transforms one after another along an axis, each of one place."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size=cache_size)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        """Theirs, one after another."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """Theirs, one after another."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _parts(self, x: Tensor) -> list[Tensor]:
        return list(x.unbind(self.dim))

    def _joined(self, parts: list[Tensor], dim: int | None = None) -> Tensor:
        return stack(parts, self.dim if dim is None else dim)
