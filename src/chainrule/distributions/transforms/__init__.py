"""Changes of variables y = f(x), with ln |dy/dx|: what makes one distribution of another.

>>> import chainrule as cr
>>> f = ComposeTransform([AffineTransform(1.0, 2.0), ExpTransform()])
>>> x = cr.tensor([0.0, 1.0])
>>> f(x)
tensor([ 2.7183, 20.0855])

A transform whose `domain.event_dim` is more than 0 works on vectors or matrices as a whole.

Reading order: `structure`, `elementwise`, `whole`, `parts`.
"""

from ...base.loading import shown
from .elementwise import (
    AbsTransform,
    AffineTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
)
from .parts import CatTransform, StackTransform
from .structure import (
    ComposeTransform,
    IndependentTransform,
    ReshapeTransform,
    Transform,
    identity_transform,
)
from .structure import (
    _InverseTransform as _InverseTransform,  # libraries of flows give it another name
)
from .whole import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StickBreakingTransform,
)

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
    "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip

__dir__ = shown(__name__)
