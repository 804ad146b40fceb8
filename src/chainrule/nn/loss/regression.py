"""Errors of numbers, and likelihoods."""

from __future__ import annotations

from ...tensors import Tensor
from .. import functional as F
from .reduction import Loss

__all__ = [
    "GaussianNLLLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "PoissonNLLLoss",
    "SmoothL1Loss",
]  # fmt: skip


class MSELoss(Loss):
    """Squared error,  (x − y)².

    Example:
        >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The squared error."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Absolute error,  |x − y|.

    Example:
        >>> nn.L1Loss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The absolute error."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Squared error over 2β where |x − y| < β, |x − y| − β/2 beyond.

    Example:
        >>> nn.SmoothL1Loss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(0.7500)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The smoothed absolute error."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Half the squared error where |x − y| < δ, δ (|x − y| − δ/2) beyond.   Source: Huber 1964.

    Example:
        >>> nn.HuberLoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
        tensor(0.7500)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, int | float):
            raise TypeError(f"HuberLoss: delta must be a number, found {type(delta).__name__}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Huber's error."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class KLDivLoss(Loss):
    """Kullback-Leibler divergence,  y (ln y − x), the input being log-probabilities.

    Args:
        size_average: deprecated, see ``reduction``.
        reduce: deprecated, see ``reduction``.
        reduction: "batchmean" (the sum over the batch size: the divergence), "mean", "sum" or
            "none".
        log_target: whether the target is log-probabilities too.

    Example:
        >>> nn.KLDivLoss(reduction="sum")(tensor([0.0]), tensor([1.0]))
        tensor(0.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The divergence."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class GaussianNLLLoss(Loss):
    """What a target costs under a normal law,  ½ (ln v + (x − y)²/v),  v = max(var, eps).

    Args:
        full: whether to add the constant  ½ ln 2π.
        eps: the smallest variance.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.GaussianNLLLoss()(zeros(2), tensor([0.0, 2.0]), ones(2))
        tensor(1.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The negative log-likelihood."""
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class PoissonNLLLoss(Loss):
    """What a count costs under a Poisson law of rate eˣ,  eˣ − y x, but for ln y!.

    Args:
        log_input: whether x is the logarithm of the rate, or the rate itself.
        full: whether to add Stirling's approximation of  ln y!.
        size_average: deprecated, see ``reduction``.
        eps: keeps the logarithm of a rate away from 0.
        reduce: deprecated, see ``reduction``.
        reduction: "mean", "sum" or "none".

    Example:
        >>> nn.PoissonNLLLoss()(zeros(2), tensor([0.0, 3.0]))
        tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """The negative log-likelihood."""
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )
