"""Calls of every loss and distance, over all their arguments: the function, the module of the same loss, operands, settings."""

from __future__ import annotations

import itertools
import math

import numpy as np

RNG = np.random.default_rng(7)
REDUCTIONS = ("mean", "sum", "none")


def f(*shape: int, low: float = -3.0, high: float = 3.0) -> np.ndarray:
    return RNG.uniform(low, high, shape)


def i(*shape: int, low: int = 0, high: int) -> np.ndarray:
    return RNG.integers(low, high, shape)


def signs(*shape: int) -> np.ndarray:
    return RNG.choice([-1.0, 1.0], shape)


def options(**choices) -> list[dict]:
    """Every combination of the choices, with every reduction."""
    choices = {"reduction": REDUCTIONS, **choices}
    return [dict(zip(choices, v, strict=True)) for v in itertools.product(*choices.values())]


PROBABILITIES, WEIGHTS = f(5, 3, low=0.05, high=0.95), f(3, low=0.5, high=2)
LABELS = i(5, 4, low=1, high=6)
TIMES = (11, 7, 5, 11, 9), (4, 2, 1, 0, 3)
LOG_PROBS = np.log(RNG.dirichlet(np.ones(6), (11, 5)))

CASES = {
    "multi_margin": (
        "multi_margin_loss",
        "MultiMarginLoss",
        [f(5, 3), i(5, high=3)],
        options(p=(1, 2), margin=(1.0, -0.5), weight=(None, WEIGHTS)),
    ),
    "multi_margin of one": ("multi_margin_loss", "MultiMarginLoss", [f(3), i(high=3)], options()),
    "multilabel_margin": (
        "multilabel_margin_loss",
        "MultiLabelMarginLoss",
        [f(5, 7), i(5, 7, low=-1, high=7)],
        options(),
    ),
    "multilabel_margin of one": (
        "multilabel_margin_loss",
        "MultiLabelMarginLoss",
        [f(7), i(7, low=-1, high=7)],
        options(),
    ),
    "multilabel_soft_margin": (
        "multilabel_soft_margin_loss",
        "MultiLabelSoftMarginLoss",
        [f(5, 3), i(5, 3, high=2)],
        options(weight=(None, WEIGHTS)),
    ),
    "soft_margin": ("soft_margin_loss", "SoftMarginLoss", [f(5, 3), signs(5, 3)], options()),
    "soft_margin of integers": (
        "soft_margin_loss",
        "SoftMarginLoss",
        [f(5, 3), signs(5, 3).astype(int)],
        options(),
    ),
    "hinge_embedding": (
        "hinge_embedding_loss",
        "HingeEmbeddingLoss",
        [f(5, 3), signs(5, 3)],
        options(margin=(1.0, 0.3)),
    ),
    "hinge_embedding of other targets": (
        "hinge_embedding_loss",
        "HingeEmbeddingLoss",
        [f(5, 3), i(5, 3, low=-1, high=2)],
        options(),
    ),
    "cosine_embedding": (
        "cosine_embedding_loss",
        "CosineEmbeddingLoss",
        [f(5, 3), f(5, 3), signs(5)],
        options(margin=(0.0, 0.3, -0.2)),
    ),
    "cosine_embedding of one": (
        "cosine_embedding_loss",
        "CosineEmbeddingLoss",
        [f(3), f(3), signs()],
        options(),
    ),
    "margin_ranking": (
        "margin_ranking_loss",
        "MarginRankingLoss",
        [f(5), f(5), signs(5)],
        options(margin=(0.0, 0.7)),
    ),
    "triplet": (
        "triplet_margin_loss",
        "TripletMarginLoss",
        [f(5, 3), f(5, 3), f(5, 3)],
        options(margin=(1.0, 3.0), p=(1.0, 2, 3.0), eps=(1e-6, 0.1), swap=(False, True)),
    ),
    "triplet by a distance": (
        "triplet_margin_with_distance_loss",
        "TripletMarginWithDistanceLoss",
        [f(5, 3), f(5, 3), f(5, 3)],
        options(margin=(1.0, 3.0), swap=(False, True)),
    ),
    "gaussian": (
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        [f(5, 3), f(5, 3), f(5, 3, low=0.01, high=2)],
        options(full=(False, True), eps=(1e-6, 0.5)),
    ),
    "gaussian of one variance": (
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        [f(5, 3), f(5, 3), f(5, low=0.01, high=2)],
        options(),
    ),
    "gaussian, broadcast": (
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        [f(5, 3), f(5, 1), f(1, 3, low=0.01, high=2)],
        options(),
    ),
    "gaussian of a number": (
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        [f(5, 3), f(5, 3), 0.7],
        options(),
    ),
    "poisson": (
        "poisson_nll_loss",
        "PoissonNLLLoss",
        [f(5, 3, low=0.1), i(5, 3, high=5).astype(float)],
        options(log_input=(True, False), full=(False, True), eps=(1e-8, 0.1)),
    ),
    "ctc": (
        "ctc_loss",
        "CTCLoss",
        [LOG_PROBS, LABELS, *TIMES],
        options(zero_infinity=(False, True)),
    ),
    "ctc of the last class": (
        "ctc_loss",
        "CTCLoss",
        [LOG_PROBS, LABELS - 1, *map(np.array, TIMES)],
        options(blank=(5,)),
    ),
    "ctc of one": (
        "ctc_loss",
        "CTCLoss",
        [LOG_PROBS[:, 0], LABELS[0], np.array(11), np.array(4)],
        options(),
    ),
    "mse": ("mse_loss", "MSELoss", [f(5, 3), f(5, 3)], options()),
    "mse, weighted": ("mse_loss", None, [f(5, 3), f(5, 3)], options(weight=(f(5, 3, low=0.5),))),
    "l1": ("l1_loss", "L1Loss", [f(5, 3), f(5, 3)], options()),
    "l1, weighted": ("l1_loss", None, [f(5, 3), f(5, 3)], options(weight=(f(5, 3, low=0.5),))),
    "huber": ("huber_loss", "HuberLoss", [f(5, 3), f(5, 3)], options(delta=(1.0, 0.3))),
    "huber, weighted": (
        "huber_loss",
        None,
        [f(5, 3), f(5, 3)],
        options(weight=(f(5, 3, low=0.5),)),
    ),
    "smooth_l1": (
        "smooth_l1_loss",
        "SmoothL1Loss",
        [f(5, 3), f(5, 3)],
        options(beta=(1.0, 0.3, 0.0)),
    ),
    "kl_div": (
        "kl_div",
        "KLDivLoss",
        [f(5, 3), f(5, 3, low=0.1)],
        options(reduction=(*REDUCTIONS, "batchmean"), log_target=(False, True)),
    ),
    "kl_div of a number": (
        "kl_div",
        "KLDivLoss",
        [f(), f(low=0.1)],
        options(reduction=("batchmean",)),
    ),
    "bce": (
        "binary_cross_entropy",
        "BCELoss",
        [PROBABILITIES, i(5, 3, high=2).astype(float)],
        options(weight=(None, WEIGHTS)),
    ),
    "bce_with_logits": (
        "binary_cross_entropy_with_logits",
        "BCEWithLogitsLoss",
        [f(5, 3), PROBABILITIES],
        options(weight=(None, WEIGHTS), pos_weight=(None, WEIGHTS)),
    ),
    "nll": (
        "nll_loss",
        "NLLLoss",
        [f(2, 3, 5, 7), i(2, 5, 7, high=3)],
        options(weight=(None, WEIGHTS), ignore_index=(-100, 1)),
    ),
    "cross_entropy": (
        "cross_entropy",
        "CrossEntropyLoss",
        [f(2, 3, 5, 7), i(2, 5, 7, high=3)],
        options(weight=(None, WEIGHTS), ignore_index=(-100, 1), label_smoothing=(0.0, 0.2)),
    ),
    "cross_entropy of probabilities": (
        "cross_entropy",
        "CrossEntropyLoss",
        [f(2, 3, 5), f(2, 3, 5, low=0)],
        options(weight=(None, WEIGHTS), label_smoothing=(0.0, 0.2)),
    ),
    "cross_entropy of one": (
        "cross_entropy",
        "CrossEntropyLoss",
        [f(3), i(high=3)],
        options(weight=(None, WEIGHTS)),
    ),
    "linear_cross_entropy": (
        "linear_cross_entropy",
        None,
        [f(5, 7), f(3, 7), i(5, high=3)],
        options(
            weight=(None, WEIGHTS),
            ignore_index=(None, 1),
            label_smoothing=(0.0, 0.2),
            linear_bias=(None, f(3)),
        ),
    ),
    "linear_cross_entropy of places": (
        "linear_cross_entropy",
        None,
        [f(5, 7), f(3, 2, 7), i(5, 2, high=3)],
        options(linear_bias=(None, f(3, 2))),
    ),
    "cosine_similarity": (
        "cosine_similarity",
        "CosineSimilarity",
        [f(5, 3), f(5, 3)],
        options(reduction=(None,), dim=(0, 1, -1), eps=(1e-8, 0.1)),
    ),
    "cosine_similarity, broadcast": (
        "cosine_similarity",
        "CosineSimilarity",
        [f(2, 1, 3), f(5, 3)],
        options(reduction=(None,), dim=(0, 1, 2)),
    ),
    "pairwise_distance": (
        "pairwise_distance",
        "PairwiseDistance",
        [f(5, 3), f(3)],
        options(
            reduction=(None,),
            p=(0.5, 1, 2.0, 3.0, math.inf, -math.inf, 0),
            eps=(1e-6, 0.3),
            keepdim=(False, True),
        ),
    ),
    "pdist": (
        "pdist",
        None,
        [f(7, 3)],
        options(reduction=(None,), p=(0.0, 1.0, 2.0, 3.0, math.inf)),
    ),
}

TARGETS = {
    "cosine_embedding_loss": 2,
    "margin_ranking_loss": 2,
    "triplet_margin_loss": 3,
    "triplet_margin_with_distance_loss": 3,
    "gaussian_nll_loss": 3,
    "cosine_similarity": 2,
    "pairwise_distance": 2,
    "l1_loss": 2,
    "mse_loss": 2,
    "huber_loss": 2,
    "smooth_l1_loss": 2,
    "linear_cross_entropy": 2,
}
"""How many operands have gradients, where it is not the first alone."""
