"""PyTorch's names for the special functions; their formulas and derivatives stand in `ops.special`,
`ops.bessel`, `ops.polynomials` and `functional.elementwise`.

>>> import chainrule as cr
>>> cr.special.expit(cr.tensor([0.0]))
tensor([0.5000])
"""

from .base.left_out import missing_from
from .base.loading import shown
from .functional import entr, ndtr, xlog1py, xlogy
from .ops import (
    digamma,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp2,
    expm1,
    i0,
    i0e,
    i1,
    i1e,
    log1p,
    log_ndtr,
    ndtri,
    zeta,
)  # fmt: skip
from .ops import igamma as gammainc
from .ops import igammac as gammaincc
from .ops import lgamma as gammaln
from .ops import sigmoid as expit
from .tensors.functions import log_softmax, logit, logsumexp, polygamma, round, sinc, softmax
from .tensors.functions import mvlgamma as multigammaln
from .tensors.functions.special import *  # noqa: F403 - the curated list stands there
from .tensors.functions.special import __all__ as _kinds

psi = digamma

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0",
    "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln",
    "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
    *_kinds,
]  # fmt: skip

__getattr__ = missing_from("special")
__dir__ = shown(__name__)
