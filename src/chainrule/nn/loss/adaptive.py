"""A softmax over many classes of which few are frequent.   Source: Grave et al. 2017.

    B batch   I in_features   C classes   K clusters of rare ones

The frequent classes and one entry for each cluster share a softmax, the head. A cluster has a
softmax of its own over its classes, behind a projection that is the smaller the rarer they are:

    ln p(c) = ln head(c)                                of a frequent class
    ln p(c) = ln head(cluster) + ln tail(c)             of another
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import modes
from ...tensors import Tensor, cat, where, zeros_like
from .. import functional as F
from ..containers import ModuleList, Sequential
from ..functional.loss.classification import check_classes
from ..linear import Linear
from ..module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _Outcome(NamedTuple):
    """The logarithm of the probability of each target, and the mean of what it costs."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of classes sorted from frequent to rare, and their loss.

    Args:
        in_features: I.
        n_classes: C.
        cutoffs: where one cluster ends and the next begins, increasing, below C; those before the
            first are the frequent classes.
        div_value: by how much the projection of each cluster is smaller than that of the one before.
        head_bias: whether the head has a bias.
        device: where the weights live; only the CPU.
        dtype: the dtype of the weights; the default dtype if None.

    Raises:
        ValueError: cutoffs that do not increase between 1 and C − 1.

    Example:
        >>> loss = nn.AdaptiveLogSoftmaxWithLoss(16, 11, cutoffs=[3, 7])
        >>> loss.log_prob(zeros(2, 16)).shape
        chainrule.Size([2, 11])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ArgumentError("cutoffs should be a sequence of length larger than 0")
        ends = [0, *cutoffs, n_classes]
        if any([int(b) != b or a >= b for a, b in pairwise(ends)]):
            raise ArgumentError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                f"order, where each value is between 1 and n_classes-1, found {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for k, (first, last) in enumerate(pairwise(self.cutoffs)):
            size = int(in_features // div_value ** (k + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, size, bias=False, **options),
                    Linear(size, last - first, bias=False, **options),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection, classes in self.tail:
            projection.reset_parameters()
            classes.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> _Outcome:
        """``output``, the log-probability of each target (B,) or (), and ``loss``, minus their mean.

        Args:
            input: (B, I) or (I,).
            target: classes (B,) or ().

        Raises:
            ShapeError: input and target do not fit.
            RangeError: a target outside [0, C).
        """
        if target.ndim > 1 or tuple(input.shape[:-1]) != tuple(target.shape):
            raise ShapeError(
                "AdaptiveLogSoftmaxWithLoss: for an input (B, I) or (I,) the target must be (B,) or "
                f"(), found {tuple(input.shape)} and {tuple(target.shape)}"
            )
        check_classes("AdaptiveLogSoftmaxWithLoss", target, self.n_classes)
        x, t = input.reshape(-1, self.in_features), target.reshape(-1)
        output = self._chosen(x, t).reshape(target.shape)
        return _Outcome(output, -output.mean())

    def _chosen(self, x: Tensor, t: Tensor) -> Tensor:
        """The log-probability of each target (B,)."""
        if modes.trace is not None:  # which rows are rare is not known: all are computed
            return self.log_prob(x).gather(1, t.unsqueeze(1)).squeeze(1)
        entry, within = t, zeros_like(x[:, 0])
        for k, (first, last) in enumerate(pairwise(self.cutoffs)):
            inside = (t >= first) & (t < last)
            entry = where(inside, self.shortlist_size + k, entry)
            rows = inside.nonzero().squeeze(1)
            if rows.numel():
                logp = F.log_softmax(self.tail[k](x[rows]), dim=1)
                found = logp.gather(1, (t[rows] - first).unsqueeze(1)).squeeze(1)
                within = within.index_copy(0, rows, found)
        head = F.log_softmax(self.head(x), dim=1)
        return within + head.gather(1, entry.unsqueeze(1)).squeeze(1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The logarithms of the probabilities of all classes (B, C), of an input (B, I)."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for k, cluster in enumerate(self.tail):
            of_cluster = head[:, self.shortlist_size + k].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), dim=1) + of_cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The class of an input (B, I): the likeliest entry of the head if that is a frequent class,
        else the likeliest class of all.
        """
        entry = self.head(input).argmax(1)
        return where(entry < self.shortlist_size, entry, self.log_prob(input).argmax(1))
