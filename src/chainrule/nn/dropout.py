"""Dropout: in training, zero elements (or channels) at random and scale the others up, so that the
mean stays.

Source: Srivastava et al. 2014; scaled in training ("inverted"), so that evaluation is the identity.
"""

from __future__ import annotations

from ..base.errors import ArgumentError
from ..tensors import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout",
]  # fmt: skip


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zero each element with probability p, multiply the others by 1 / (1 − p). In evaluation mode,
    the identity.

    Args:
        p: probability of zero.
        inplace: whether the input itself is changed.

    Example:
        >>> nn.Dropout(0.3).eval()(ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with holes."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Zero whole channels of a sequence with probability p.   Source: Tompson et al. 2014.

    Args:
        p: probability of zero.
        inplace: whether the input itself is changed.

    Shapes: (B, C, L) or (C, L).

    Example:
        >>> nn.Dropout1d().eval()(ones(1, 1, 2))
        tensor([[[1., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels zeroed."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Zero whole channels of an image with probability p.   Source: Tompson et al. 2014.

    Args:
        p: probability of zero.
        inplace: whether the input itself is changed.

    Shapes: (B, C, H, W); three axes are taken for (B, C, L), as in PyTorch.

    Example:
        >>> nn.Dropout2d().eval()(ones(1, 1, 1, 2))
        tensor([[[[1., 1.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels zeroed."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Zero whole channels of a volume with probability p.   Source: Tompson et al. 2014.

    Args:
        p: probability of zero.
        inplace: whether the input itself is changed.

    Shapes: (B, C, D, H, W) or (C, D, H, W).

    Example:
        >>> nn.Dropout3d().eval()(ones(1, 1, 1, 1, 2))
        tensor([[[[[1., 1.]]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels zeroed."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout for networks of SELU, which keeps mean 0 and variance 1: elements that fall become
    SELU's limit at −∞, then all are scaled and shifted.   Source: Klambauer et al. 2017, section 3.

    Args:
        p: probability to fall.
        inplace: whether the input itself is changed.

    Example:
        >>> nn.AlphaDropout().eval()(ones(2))
        tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements fallen."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """As ``AlphaDropout``, but whole channels of (B, C, *) fall together.

    Args:
        p: probability to fall.
        inplace: whether the input itself is changed.

    Example:
        >>> nn.FeatureAlphaDropout().eval()(ones(1, 1, 2))
        tensor([[[1., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels fallen."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
