"""The torch-shaped functions: PyTorch's names, argument orders and overloads over the ops, whose
signatures have one form each.

Every function here works on Tensors (and on whatever else ops take) and is a method of Tensor as
well. Nothing here has a formula or a derivative: those stand in `ops` and `functional`.

Read in order: `elementwise`, `reduction`, `cumulative`, `statistics`, `order`, `shape`, `joining`, `arranging`, `copies`,
`places` (gather and scatter), `products`, `equations` (einsum), `linalg`, `matrices` (its older names), `special`, `masked`
(whose names stand in `chainrule.special` and `chainrule.masked`), `questions` (what a tensor is); `results` (tuples with names),
`mixed` (under autocast); `face` (what stands around every function), `out` (results written into tensors that are there).
"""

from . import (
    arranging,
    copies,
    cumulative,
    elementwise,
    equations,
    joining,
    linalg,  # noqa: F401 - its names stand in chainrule.linalg
    matrices,
    order,
    places,
    products,
    questions,
    reduction,
    shape,
    statistics,
)
from .arranging import *  # noqa: F403
from .copies import *  # noqa: F403
from .cumulative import *  # noqa: F403
from .elementwise import *  # noqa: F403 - the curated list stands there
from .equations import *  # noqa: F403
from .face import faced
from .joining import *  # noqa: F403
from .matrices import *  # noqa: F403
from .order import *  # noqa: F403
from .places import *  # noqa: F403
from .products import *  # noqa: F403
from .questions import *  # noqa: F403
from .reduction import *  # noqa: F403
from .shape import *  # noqa: F403
from .statistics import *  # noqa: F403

__all__ = [
    name
    for chapter in (
        elementwise,
        reduction,
        cumulative,
        statistics,
        order,
        shape,
        joining,
        arranging,
        copies,
        places,
        products,
        questions,
        equations,
        matrices,
    )
    for name in chapter.__all__
]

globals().update(faced({name: globals()[name] for name in __all__}, __name__))
