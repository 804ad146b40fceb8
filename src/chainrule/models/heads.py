"""What heads share: the losses of classes, tokens and spans, and the token that stands for a text.

A head is a linear map or two behind a model; each architecture's file has its own. What they are measured by is the same.
"""

from __future__ import annotations

from ..base.errors import ShapeError
from ..nn import functional as F
from ..tensors import Tensor, arange, int64
from .config import Labelled

__all__ = ["classification_loss", "flat_loss", "last_tokens", "span_logits", "span_loss"]


def classification_loss(logits: Tensor, labels: Tensor, config: Labelled) -> Tensor:
    """The loss of classes, by the configuration's `problem_type`.

    "regression": squares; "multi_label_classification": a logit for each label, against 0 and 1; "single_label_classification":
    cross-entropy. None: regression of a single class, else several labels where they are fractions, one where they are numbers.

    Args:
        logits: (B, classes).
        labels: (B,) int64, or like the logits.
    """
    kind = config.problem_type
    if kind is None:
        many = "multi" if labels.dtype.is_floating_point else "single"
        kind = "regression" if config.num_labels == 1 else f"{many}_label_classification"
    if kind == "regression":
        if config.num_labels == 1:
            logits, labels = logits.squeeze(), labels.squeeze()
        return F.mse_loss(logits, labels.to(logits.dtype))
    if kind == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return flat_loss(logits, labels)


def flat_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over all labels (…,) that are not −100, of logits (…, classes)."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def last_tokens(values: Tensor, ids: Tensor | None, pad: int | None) -> Tensor:
    """What stands at the last token of each text that is no padding: (B, T, n) → (B, n).

    Args:
        values: of each token.
        ids: (B, T) int64; None: what came in were embeddings, and the last place of all is taken.
        pad: the token of padding; None: there is none.

    Raises:
        ShapeError: several texts, of which nobody says where they end.
    """
    B, T, _ = values.shape
    if pad is None and B > 1:
        raise ShapeError(
            f"{B} texts to classify, and the configuration has no pad_token_id that would say where each one ends"
        )
    if pad is None or ids is None:
        return values[:, -1]
    last = (arange(T) * (ids != pad).to(int64)).argmax(dim=-1)  # (B,)
    return values[arange(B), last]


def span_logits(values: Tensor) -> tuple[Tensor, Tensor]:
    """Where an answer starts, and where it ends: (B, T, 2) → (B, T), (B, T)."""
    return values[..., 0], values[..., 1]


def span_loss(
    starts: Tensor, ends: Tensor, start_positions: Tensor | None, end_positions: Tensor | None
) -> Tensor | None:
    """The mean of the cross-entropies of both ends of an answer; None without positions.

    Args:
        starts, ends: logits (B, T).
        start_positions, end_positions: (B,) int64; one that is not among the T tokens is passed over.
    """
    if start_positions is None or end_positions is None:
        return None
    T = starts.shape[1]
    found = [
        F.cross_entropy(logits, at.reshape(-1).clamp(0, T), ignore_index=T)
        for logits, at in ((starts, start_positions), (ends, end_positions))
    ]
    return (found[0] + found[1]) / 2
