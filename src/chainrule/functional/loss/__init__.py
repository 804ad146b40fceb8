"""Losses: one number, or one for each element, that says how far a prediction is from its target.

Reading order: `reduction` (what all of them share), `classification` (cross-entropies),
`regression` (errors of numbers, and likelihoods), `margin` (hinges of scores), `embedding`
(distances of vectors), `sequence` (CTC).
"""

from .classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_entropy,
    cross_entropy,
    nll_loss,
    soft_cross_entropy,
)
from .embedding import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_hinge,
)
from .margin import (
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from .regression import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from .sequence import ctc_reach, ctc_reduced

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "binary_entropy",
    "cosine_embedding_loss", "cross_entropy", "ctc_reach", "ctc_reduced",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss",
    "soft_cross_entropy", "soft_margin_loss", "triplet_hinge",
]  # fmt: skip
