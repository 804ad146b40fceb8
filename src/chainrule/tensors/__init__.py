"""Storage, Tensor, and the torch-shaped functions.

Reading order: `storage`, `core` (the Tensor: the heart), `indexing`, `functions` (PyTorch's overloads),
`methods`, `creation`, `generator`, `scan`, `inplace`, `printing`.
"""

from ..base.dtypes import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from ..ops import (
    abs,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    cos,
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
    tanh,
    trunc,
)  # fmt: skip
from ..tape.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from . import functions as _functions
from . import inplace  # noqa: F401 - attaches the methods that write
from .core import Tensor, grad
from .creation import *  # noqa: F403 - the curated list stands there
from .creation import __all__ as _creation
from .device import Device
from .functions import *  # noqa: F403 - the curated list stands there
from .generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .legacy import *  # noqa: F403
from .legacy import __all__ as _legacy
from .scan import scan
from .storage import Size, Storage

__all__ = [
    "DType", "Device", "Generator", "Size", "Storage", "Tensor", "abs", "bfloat16", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "bool_", "ceil", "cos", "default_generator",
    "enable_grad", "eq", "erf", "exp", "expm1", "float16", "float32", "float64", "floor",
    "floor_divide", "ge", "get_rng_state", "grad", "gt", "inference_mode", "initial_seed", "int16",
    "int32", "int64", "int8", "is_grad_enabled", "is_inference_mode_enabled", "isfinite", "isinf",
    "isnan", "le", "log", "log1p", "logical_and", "logical_not", "logical_or", "logical_xor", "lt",
    "manual_seed", "maximum", "minimum", "mul", "ne", "neg", "no_grad", "pow", "reciprocal",
    "remainder", "round", "rsqrt", "scan", "seed", "set_grad_enabled", "set_rng_state", "sigmoid",
    "sign", "sin", "sqrt", "square", "tanh", "trunc", "uint8", *_creation, *_functions.__all__, *_legacy,
]  # fmt: skip
