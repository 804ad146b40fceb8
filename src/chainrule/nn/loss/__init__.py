"""Losses as modules: each calls the function of its name in ``nn.functional``, where the formula is
explained, with the settings it was made with.

``reduction`` says what becomes of the losses of the elements: "mean" and "sum" give one number,
"none" leaves them. The older ``size_average`` and ``reduce`` say the same, with a warning.

Reading order: `reduction`, `classification`, `regression`, `margin`, `embedding`, `sequence`,
`distance`, `adaptive`.
"""

from . import adaptive, classification, distance, embedding, margin, regression, sequence
from .adaptive import *  # noqa: F403 - the curated list stands there
from .classification import *  # noqa: F403
from .distance import *  # noqa: F403
from .embedding import *  # noqa: F403
from .margin import *  # noqa: F403
from .regression import *  # noqa: F403
from .sequence import *  # noqa: F403

__all__ = [
    name
    for chapter in (classification, regression, margin, embedding, sequence, distance, adaptive)
    for name in chapter.__all__
]
