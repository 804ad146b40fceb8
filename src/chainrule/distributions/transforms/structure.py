"""What every transform has, and transforms made of others: backwards, one after the other, on axes that belong together."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from ...base.errors import ShapeError
from ...tensors import Size, Tensor, zeros_like
from .. import constraints
from ..parameters import sum_rightmost

__all__ = [
    "ComposeTransform",
    "IndependentTransform",
    "ReshapeTransform",
    "Transform",
    "identity_transform",
    "widened",
]


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
        return _InverseTransform(self)

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


class _InverseTransform(Transform):
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
        return isinstance(other, _InverseTransform) and self._inv == other._inv

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
        return widened(self.parts[0].domain, needed)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        """The last one's, with as many axes as all need."""
        if not self.parts:
            return constraints.real
        needed = self.parts[0].domain.event_dim
        for p in self.parts:
            needed = max(needed + p.codomain.event_dim - p.domain.event_dim, p.codomain.event_dim)
        return widened(self.parts[-1].codomain, needed)

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


def widened(constraint: constraints.Constraint, dims: int) -> constraints.Constraint:
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
