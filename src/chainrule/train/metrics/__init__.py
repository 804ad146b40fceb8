"""Measures of how good answers are. Each metric is a small class: `update` with a batch, `compute`
at the end.

All are exact over batches: what is kept are counts and sums, so it does not matter how the samples
were cut into batches (counts to the bit, sums of floats to rounding). What is kept can be saved and
goes on after a resume. `SHARES` names those that run from 0 to 1 and are shown in per cent.

Reading order: `metric`, `classification`, `regression`, `language`, `retrieval`.
"""

from .classification import (
    Accuracy,
    Confusion,
    PrecisionRecallF1,
    TopKAccuracy,
    accuracy,
    class_accuracy,
    confusion_matrix,
    share_interval,
)
from .language import BitsPerByte, Perplexity
from .metric import SHARES, Metric, shown
from .regression import R2, MeanAbsoluteError, RootMeanSquaredError
from .retrieval import RecallAtK

__all__ = [
    "R2",
    "SHARES",
    "Accuracy",
    "BitsPerByte",
    "Confusion",
    "MeanAbsoluteError",
    "Metric",
    "Perplexity",
    "PrecisionRecallF1",
    "RecallAtK",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "accuracy",
    "class_accuracy",
    "confusion_matrix",
    "share_interval",
    "shown",
]
