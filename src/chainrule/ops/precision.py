"""Mixed precision: in which dtype each op computes while autocast is on.

Three classes, as PyTorch has them for the CPU:

| class | ops | their floating operands |
|---|---|---|
| `lower` | products: the kind `contract`, convolutions | go to the lower dtype |
| `float32` | losses, distances, products of elements | go to float32 |
| none | all others | stay as they are; those of different dtypes promote |

float64 always stays. Sums, softmax and norms need no class: half floats are computed in float32
and rounded once. PyTorch has a few more ops in the second class because its kernels lack half floats
(pools and padding of volumes), and leaves products of single vectors (`dot`, `mv`, `bilinear`) in
float32; here they are products like others.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ..base import dtypes
from ..base.dtypes import DType

if TYPE_CHECKING:
    from .record import Op

__all__ = ["autocast_dtype", "precision"]

LOWER_KINDS = frozenset({"contract"})
LOWER = frozenset({"conv", "conv_input"})
"""Of the kind `window`, what multiplies; `conv_input` is the transposed convolution."""

FLOAT32 = frozenset({
    "cross_entropy", "soft_cross_entropy", "kl_div", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "prod", "quantile", "nanquantile", "cdist", "trace",
})  # fmt: skip
"""And every op whose name ends in `_loss`."""


@functools.cache
def precision(op: Op) -> str | None:
    """The class of an op."""
    if op.name in FLOAT32 or op.name.endswith("_loss"):
        return "float32"
    if op.kind.name in LOWER_KINDS or op.name in LOWER:
        return "lower"
    return None


def autocast_dtype(op: Op, lower: DType) -> DType | None:
    """The dtype to which the floating operands of an op go while autocast to `lower` is on, but for
    float64; None if they stay.
    """
    found = precision(op)
    return None if found is None else lower if found == "lower" else dtypes.float32
