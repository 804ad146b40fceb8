"""chainrule: a deep-learning framework to read to the bottom and to work with, shaped like PyTorch,
written on NumPy.

>>> import chainrule as cr
>>> w = cr.tensor([1.0, 2.0], requires_grad=True)
>>> (w * w).sum().backward()
>>> w.grad
tensor([2., 4.])

Reading order of the rooms: `base`, `backends`, `ops`, `functional`, `tape`, `tensor`, `transforms`,
`graph`, `nn`, `optim`, `data`, `train`, `cli`.
"""

from . import autograd, func, nn, optim, utils
from .base.dtypes import DType as dtype
from .base.dtypes import default as get_default_dtype
from .base.dtypes import set_default as set_default_dtype
from .base.errors import (
    ChainruleError,
    DeviceError,
    DTypeError,
    FormatError,
    GradError,
    RangeError,
    ShapeError,
    StateDictError,
    TraceError,
)  # fmt: skip
from .platform import cuda, finfo, get_num_threads, iinfo, is_tensor, set_num_threads, version
from .tensor import *  # noqa: F403 - the curated list stands there
from .tensor import Device as device
from .tensor import __all__ as _tensor_names
from .tensor import bool_ as bool
from .tensor import float16 as half
from .tensor import float32 as float
from .tensor import float64 as double
from .tensor import int16 as short
from .tensor import int32 as int
from .tensor import int64 as long
from .tensor import mul as multiply
from .tensor import neg as negative
from .tensor.functions import div as divide
from .tensor.functions import div as true_divide
from .tensor.functions import sub as subtract

__version__ = version

__all__ = [
    "ChainruleError", "DTypeError", "DeviceError", "FormatError", "GradError", "RangeError",
    "ShapeError", "StateDictError", "TraceError", "autograd", "bool", "cuda", "device", "divide",
    "double", "dtype", "finfo", "float", "func", "get_default_dtype", "get_num_threads", "half",
    "iinfo", "int", "is_tensor", "long", "multiply", "negative", "nn", "optim", "set_default_dtype",
    "set_num_threads", "short", "subtract", "true_divide", "utils", *_tensor_names,
]  # fmt: skip
