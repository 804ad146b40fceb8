"""Mixed precision: in which dtype each op computes while autocast is on.

Three classes, as PyTorch has them for the CPU:

| class | ops | their floating operands |
|---|---|---|
| `lower` | products: the kind `contract`, convolutions; prelu | go to the lower dtype |
| `float32` | the kind `decompose`, losses, distances, products of elements | go to float32 |
| none | all others | stay as they are; those of different dtypes promote |

float64 always stays. Sums, softmax and norms need no class: half floats are computed in float32
and rounded once. PyTorch has a few more ops in the second class because its kernels lack half floats
(pools and padding of volumes), and leaves products of single vectors (`dot`, `mv`, `bilinear`) in
float32; here they are products like others. What is put together of several ops and belongs into a
class says so itself (`tensors.functions.mixed`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ..base import dtypes
from ..base.dtypes import DType

if TYPE_CHECKING:
    from .record import Op

__all__ = ["autocast_dtype", "precision"]

KINDS = {"contract": "lower", "decompose": "float32"}
LOWER = frozenset({"conv", "conv_input", "prelu"})
"""Of the kind `window`, what multiplies (`conv_input` is the transposed convolution); and prelu, whose
weight is float32.
"""

FLOAT32 = frozenset({
    "cross_entropy", "soft_cross_entropy", "kl_div", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "prod", "quantile",
})  # fmt: skip
"""And every op whose name ends in `_loss`."""


@functools.cache
def precision(op: Op) -> str | None:
    """The class of an op."""
    if op.name in FLOAT32 or op.name.endswith("_loss"):
        return "float32"
    return "lower" if op.name in LOWER else KINDS.get(op.kind.name)


def autocast_dtype(op: Op, lower: DType) -> DType | None:
    """The dtype to which the floating operands of an op go while autocast to `lower` is on, but for
    float64; None if they stay.
    """
    found = precision(op)
    return None if found is None else lower if found == "lower" else dtypes.float32
