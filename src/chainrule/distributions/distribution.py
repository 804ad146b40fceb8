"""What all distributions have in common: shapes, checks, and what follows from samples and log densities."""

from __future__ import annotations

from typing import Any

from ..base.errors import DomainError, ShapeError
from ..tape.modes import modes, no_grad
from ..tensors import Size, Tensor, grad, rand, randn
from .constraints import Constraint, is_dependent
from .parameters import lazy_property

__all__ = ["Distribution", "ExponentialFamily"]


class Distribution:
    """A probability distribution, or a batch of independent ones.

    A sample has the shape sample_shape + batch_shape + event_shape: `event_shape` is what one draw looks like (nothing for a
    number), `batch_shape` how many distributions there are, `sample_shape` is asked for.

    Subclasses name their parameters in `arg_constraints` and hold each as an attribute; what they need not define is
    `expand` and `sample`, unless they hold more than parameters.

    Raises:
        DomainError: a parameter lies outside of its set (with `validate_args=True`, the default).
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict[str, Constraint] = {}
    support: Any = None
    shared: tuple[str, ...] = ()
    """Attributes that an expanded copy has as they are."""
    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where nothing else is said."""
        if value not in (True, False):
            raise DomainError(f"validate_args is True or False, found {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ):
        self._batch_shape, self._event_shape = Size(tuple(batch_shape)), Size(tuple(event_shape))
        if validate_args is not None:
            self._validate_args = validate_args
        if self._checks():
            self._check_parameters()

    def _checks(self) -> bool:
        """Whether to look at values: not inside of a trace, where they are not known."""
        return self._validate_args and modes.trace is None

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            kind = getattr(type(self), name, None)
            lazy = isinstance(kind, lazy_property | property) and name not in self.__dict__
            if lazy or is_dependent(constraint):
                continue
            value = getattr(self, name)
            if not constraint.check(value.detach()).all():
                raise DomainError(
                    f"{type(self).__name__}: the parameter {name} must satisfy {constraint!r}\n"
                    f"  found {value.detach()}"
                )

    def _validate_sample(self, value: Tensor) -> None:
        """Refuse a value of the wrong shape or outside of the support."""
        if not isinstance(value, Tensor):
            raise DomainError(
                f"{type(self).__name__}: a value is a tensor, found {type(value).__name__}"
            )
        events = len(self._event_shape)
        found = tuple(value.shape)
        if found[len(found) - events :] != tuple(self._event_shape):
            raise ShapeError(
                f"{type(self).__name__}: the last axes of a value are {tuple(self._event_shape)}, found the shape {found}"
            )
        here = tuple(self._batch_shape + self._event_shape)
        for n, m in zip(reversed(found), reversed(here), strict=False):
            if n != m and n != 1 and m != 1:
                raise ShapeError(
                    f"{type(self).__name__}: the shape {found} of a value does not broadcast with {here}"
                )
        support = self.support
        if support is not None and not is_dependent(support):
            if not support.check(value.detach()).all():
                raise DomainError(
                    f"{type(self).__name__}: a value must satisfy {support!r}\n  found {value.detach()}"
                )

    # --------------------------------------------------------------------------------------------- shapes

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw from one of them."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size(tuple(sample_shape)) + self._batch_shape + self._event_shape

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A new object of this type, or the one that a subclass's `expand` has begun."""
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"{type(self).__name__} has an __init__ of its own, so it needs an expand of its own as well"
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions, their batch broadcast to another shape; no memory is copied."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        shape = Size(tuple(batch_shape))
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value = getattr(self, name)
                event = tuple(value.shape[value.ndim - constraint.event_dim :])
                setattr(new, name, value.expand(tuple(shape) + event))
        for name in self.shared:
            setattr(new, name, getattr(self, name))
        self._expand_more(new, shape)
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _expand_more(self, new: Any, batch_shape: Size) -> None:
        """What an expanded copy has besides parameters."""

    # -------------------------------------------------------------------------------------------- numbers

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean in closed form")

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        raise NotImplementedError(f"{type(self).__name__} has no mode in closed form")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance in closed form")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def entropy(self) -> Tensor:
        """The expected −ln p, in nats, for each distribution of the batch."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy in closed form")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return self.entropy().exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density (of the probability, if discrete) at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no density in closed form")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw of at most this value."""
        raise NotImplementedError(f"{type(self).__name__} has no distribution function here")

    def icdf(self, value: Tensor) -> Tensor:
        """The number that a draw stays below with this probability."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse distribution function")

    # -------------------------------------------------------------------------------------------- samples

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws as functions of the parameters, so that these get a gradient."""
        raise NotImplementedError(
            f"{type(self).__name__}: a draw is no differentiable function of the parameters\n"
            "  hint: sample(), and the gradient of log_prob times what the draw was worth"
        )

    def sample_n(self, n: int) -> Tensor:
        """n draws: `sample((n,))`."""
        return self.sample((n,))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values there are, along a new first axis; of a discrete distribution with finitely many."""
        raise NotImplementedError(f"{type(self).__name__} has no finite support")

    def __repr__(self) -> str:
        names = [
            name for name in self.arg_constraints
            if name in self.__dict__ or isinstance(getattr(type(self), name, None), property)
        ]  # fmt: skip
        words = []
        for name in names:
            value = getattr(self, name)
            words.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(words)})"


class ExponentialFamily(Distribution):
    """Densities  h(x) · exp(η · t(x) − A(η))  with natural parameters η and the log normalizer A.

    The entropy follows from A:  A(η) − Σ η · ∂A/∂η − E[ln h].
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError(f"{type(self).__name__} does not give its natural parameters")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not give its log normalizer")

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not give the mean of ln h")

    def entropy(self) -> Tensor:
        result = -self._mean_carrier_measure
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*natural)
        slopes = grad(normalizer.sum(), natural, create_graph=True)
        result = result + normalizer
        for p, slope in zip(natural, slopes, strict=True):
            part = p * slope
            while part.ndim > len(self._batch_shape):
                part = part.sum(-1)
            result = result - part
        return result


def standard_normal(like: Tensor, shape: Any) -> Tensor:
    """Normal numbers in a tensor's dtype."""
    return randn(tuple(shape), dtype=like.dtype)


def unit_uniform(like: Tensor, shape: Any) -> Tensor:
    """Uniform numbers in (0, 1), neither included: 2⁻²⁵ stands for 0."""
    return rand(tuple(shape), dtype=like.dtype).clamp(min=2.0**-25)
