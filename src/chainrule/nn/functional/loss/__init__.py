"""Losses and distances in PyTorch's forms. Reading order: `reduction`, `classification`,
`regression`, `margin`, `embedding`, `sequence`, `distance`.
"""

from . import classification, distance, embedding, margin, regression, sequence
from .classification import *  # noqa: F403 - the curated list stands there
from .classification import check_classes as check_classes
from .distance import *  # noqa: F403
from .embedding import *  # noqa: F403
from .margin import *  # noqa: F403
from .regression import *  # noqa: F403
from .sequence import *  # noqa: F403

__all__ = [
    name
    for chapter in (classification, regression, margin, embedding, sequence, distance)
    for name in chapter.__all__
]
