"""The op table: every primitive, its law, its derivative rules.

Imports backends and base only. Reading order: `record` (what an op is), `promotion` (in which dtype it
computes), `explain` (what it says), `kinds` (how ops are treated), `elementwise` (the simplest family,
and the place to learn how rules are written), `reduce`, `shape`, `scatter`, `order`, `contract`,
`window`, `create`, `random`, `scan`, `samples`.

>>> import numpy as np
>>> from chainrule.ops import tanh
>>> tanh(np.zeros(2))
array([0., 0.])
"""

from .contract import einsum, matmul
from .create import arange, eye, full
from .elementwise import (
    abs,
    add,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cast,
    ceil,
    clamp,
    cos,
    div,
    eq,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
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
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    sub,
    tanh,
    trunc,
    where,
    zeros_like,
)  # fmt: skip
from .order import argsort, sort, topk
from .promotion import Spec
from .random import normal, random_integers, uniform
from .record import TABLE, Kind, Op, Rule, composite, primitive
from .reduce import all, amax, amin, any, argmax, argmin, cumsum, max_along, mean, min_along, sum
from .scan import scan
from .scatter import embedding, gather, index, index_put, scatter, scatter_add
from .shape import (
    cat,
    clone,
    diagonal,
    expand,
    flip,
    pad,
    permute,
    select,
    slice_,
    stack,
    tril,
    triu,
    view,
    view_scatter,
)
from .window import conv, conv_input, conv_weight, max_pool, sum_pool, sum_pool_input

__all__ = [
    "TABLE", "Kind", "Op", "Rule", "Spec", "abs", "add", "all", "amax", "amin", "any", "arange",
    "argmax", "argmin", "argsort", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor",
    "cast", "cat", "ceil", "clamp", "clone", "composite", "conv", "conv_input", "conv_weight",
    "cos", "cumsum", "diagonal", "div", "einsum", "embedding", "eq", "erf", "exp", "expand",
    "expm1", "eye", "flip", "floor", "floor_divide", "full", "gather", "ge", "gt", "index",
    "index_put", "isfinite", "isinf", "isnan", "le", "log", "log1p", "logical_and", "logical_not",
    "logical_or", "logical_xor", "lt", "matmul", "max_along", "max_pool", "maximum", "mean",
    "min_along", "minimum", "mul", "ne", "neg", "normal", "pad", "permute", "pow", "primitive",
    "random_integers", "reciprocal", "remainder", "round", "rsqrt", "scan", "scatter",
    "scatter_add", "select", "sigmoid", "sign", "sin", "slice_", "sort", "sqrt", "square", "stack",
    "sub", "sum", "sum_pool", "sum_pool_input", "tanh", "topk", "tril", "triu", "trunc", "uniform",
    "view", "view_scatter", "where", "zeros_like",
]  # fmt: skip
