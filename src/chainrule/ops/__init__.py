"""The op table: every primitive, its law, its derivative rules.

Imports backends and base only. Reading order: `record` (what an op is), `rules` (what its derivatives
say), `promotion` (in which dtype it computes), `explain` (what it says), `kinds` (how ops are treated),
`elementwise` (the simplest family, and the place to learn how rules are written), `trigonometric`,
`rounding`, `integers`, `special`, `bessel`, `polynomials`, `reduce`, `cumulative`, `shape`, `joining`, `scatter`,
`scatter_reduce`, `strided`, `order`, `contract`, `linalg`, `indefinite`, `spectral`, `window`,
`pooling`, `create`, `random`, `scan`; `samples` (what checks draw), `precision` (what autocast does to
each op), `outline` and `stand_in` (values of which only shape and dtype are there).

>>> import numpy as np
>>> from chainrule.ops import tanh
>>> tanh(np.zeros(2))
array([0., 0.])
"""

from .bessel import airy, bessel, i0, i0e, i1, i1e
from .contract import einsum, matmul
from .create import arange, eye, full
from .cumulative import cummax, cummin, cumprod, logcumsumexp, prod, recurrence
from .elementwise import (
    abs,
    add,
    cast,
    clamp,
    div,
    eq,
    exp,
    exp2,
    expm1,
    floor_divide,
    fmod,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    reciprocal,
    remainder,
    rsqrt,
    sigmoid,
    sign,
    sqrt,
    square,
    sub,
    trunc_divide,
    where,
    zeros_like,
)  # fmt: skip
from .indefinite import ldl, ldl_solve
from .integers import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    gcd,
    lcm,
)  # fmt: skip
from .joining import cat, clone, flip, pad, stack, tril, triu
from .kinds import Kind
from .linalg import (
    cholesky,
    cholesky_info,
    cofactors,
    det,
    geqrf,
    inv,
    lu,
    matrix_exp,
    pinv,
    slogdet,
    solve,
    solve_triangular,
)
from .order import argsort, isin, mode, searchsorted, sort, topk
from .polynomials import orthogonal_polynomial
from .pooling import fold_windows, max_pool, sum_pool, sum_pool_input, unfold_windows
from .promotion import Spec
from .random import normal, random_integers, uniform
from .record import TABLE, Op, composite, primitive
from .reduce import all, amax, amin, any, argmax, argmin, cumsum, max_along, mean, min_along, sum
from .rounding import (
    ceil,
    copysign,
    exponent,
    floor,
    mantissa,
    nextafter,
    round,
    signbit,
    trunc,
)  # fmt: skip
from .rules import Rule
from .scan import scan
from .scatter import embedding, gather, index, index_put, scatter, scatter_add
from .scatter_reduce import masked_scatter, scatter_extreme, scatter_mul, scatter_reduce
from .shape import (
    diagonal,
    expand,
    permute,
    select,
    slice_,
    view,
    view_scatter,
)
from .special import (
    digamma,
    erf,
    erfc,
    erfcx,
    erfinv,
    igamma,
    igammac,
    lgamma,
    log_ndtr,
    ndtri,
    polygamma,
    zeta,
)  # fmt: skip
from .spectral import eigh, qr, svd, vector_norm
from .strided import as_strided, unfold
from .trigonometric import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    hypot,
    sin,
    sinh,
    tan,
    tanh,
)  # fmt: skip
from .window import conv, conv_input, conv_weight

__all__ = [
    "TABLE", "Kind", "Op", "Rule", "Spec", "abs", "acos", "acosh", "add", "airy", "all", "amax", "amin",
    "any", "arange", "argmax", "argmin", "argsort", "as_strided", "asin", "asinh", "atan", "atan2",
    "atanh", "bessel", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cast", "cat", "ceil", "cholesky", "cholesky_info",
    "clamp", "clone", "cofactors", "composite", "conv", "conv_input", "conv_weight", "copysign",
    "cos", "cosh", "cummax", "cummin", "cumprod", "cumsum", "det", "diagonal", "digamma", "div",
    "eigh", "einsum", "embedding", "eq", "erf", "erfc", "erfcx", "erfinv", "exp", "exp2", "expand",
    "expm1", "exponent", "eye", "flip", "floor", "floor_divide", "fmod", "fold_windows", "full",
    "gather", "gcd", "ge", "geqrf", "gt", "hypot", "i0", "i0e", "i1", "i1e", "igamma", "igammac", "index", "index_put",
    "inv", "isfinite", "isin", "isinf", "isnan", "lcm", "ldl", "ldl_solve", "le", "lgamma", "log", "log1p", "log2",
    "log10", "log_ndtr", "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "lt", "lu", "mantissa", "masked_scatter", "matmul", "matrix_exp", "max_along", "max_pool",
    "maximum", "mean", "min_along", "minimum", "mode", "mul", "ndtri", "ne", "neg", "nextafter",
    "normal", "orthogonal_polynomial", "pad", "permute", "pinv", "polygamma", "pow", "primitive", "prod", "qr",
    "random_integers", "reciprocal", "recurrence", "remainder", "round", "rsqrt", "scan", "scatter",
    "scatter_add", "scatter_extreme", "scatter_mul", "scatter_reduce", "searchsorted", "select",
    "sigmoid", "sign", "signbit", "sin", "sinh", "slice_", "slogdet", "solve", "solve_triangular",
    "sort", "sqrt", "square", "stack", "sub", "sum", "sum_pool", "sum_pool_input", "svd", "tan",
    "tanh", "topk", "tril", "triu", "trunc", "trunc_divide", "unfold", "unfold_windows", "uniform",
    "vector_norm", "view", "view_scatter", "where", "zeros_like", "zeta",
]  # fmt: skip
