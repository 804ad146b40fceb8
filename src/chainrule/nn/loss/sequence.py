"""Connectionist temporal classification."""

from __future__ import annotations

from ...tensors import Tensor
from .. import functional as F
from ..functional.loss.sequence import Lengths
from .reduction import Loss

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """What labellings cost that do not say where in time their labels stand.   Source: Graves et
    al. 2006.

    Args:
        blank: the class that stands for no label.
        reduction: "mean" (of loss / number of labels), "sum" or "none".
        zero_infinity: whether labellings that do not fit into their time cost nothing.

    Example:
        >>> log_probs = zeros(3, 1, 2).log_softmax(-1)
        >>> nn.CTCLoss()(log_probs, tensor([[1]]), tensor([3]), tensor([1]))
        tensor(0.2877)
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths
    ) -> Tensor:
        """The loss of log-probabilities (T, B, C) or (T, C); see ``nn.functional.ctc_loss``."""
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
