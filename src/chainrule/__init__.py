"""chainrule: a deep-learning framework to read to the bottom and to work with, shaped like PyTorch,
written on NumPy.

>>> import chainrule as cr
>>> w = cr.tensor([1.0, 2.0], requires_grad=True)
>>> (w * w).sum().backward()
>>> w.grad
tensor([2., 4.])

Reading order of the rooms: `ladder`, which stands alone; `base`, `backends`, `ops`, `functional`, `tape`,
`tensors`, `distributions`, `amp`, `transforms`, `graph`, `files`, `nn`, `optim`, `data`, `compiler`, `models`,
`inspect`, `train`, `redirect`, `cli`.
"""

from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from .base.loading import loaded_later, shown, without_collector

with without_collector():
    from . import amp, autograd, backends, jit, linalg, masked, nn, random, special, switches

from .amp import (
    GradScaler,
    autocast,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
)
from .base.dtypes import DType as dtype
from .base.dtypes import default as get_default_dtype
from .base.dtypes import set_default as set_default_dtype
from .base.errors import (
    ArgumentError,
    ChainruleError,
    DeviceError,
    DomainError,
    DTypeError,
    FormatError,
    GradError,
    RangeError,
    ShapeError,
    StateDictError,
    TraceError,
)  # fmt: skip
from .base.left_out import missing_from
from .files import classes as _file_classes
from .files.saving import load, save
from .nn.functional import (
    adaptive_avg_pool1d,
    alpha_dropout,
    avg_pool1d,
    bilinear,
    celu,
    celu_,
    channel_shuffle,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_similarity,
    dropout,
    feature_alpha_dropout,
    group_norm,
    hardshrink,
    layer_norm,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    pairwise_distance,
    pdist,
    pixel_shuffle,
    pixel_unshuffle,
    prelu,
    relu_,
    rms_norm,
    rrelu,
    rrelu_,
    selu,
    selu_,
    threshold,
    threshold_,
)  # fmt: skip
from .platform import (
    OutOfMemoryError,
    cuda,
    finfo,
    get_num_threads,
    iinfo,
    is_tensor,
    set_num_threads,
    typename,
    version,
)
from .switches import *  # noqa: F403 - the curated list stands there
from .switches import __all__ as _switch_names
from .tensors import *  # noqa: F403 - the curated list stands there
from .tensors import Device as device
from .tensors import Tensor
from .tensors import __all__ as _tensor_names
from .tensors import bool_ as bool
from .tensors import float16 as half
from .tensors import float32 as float
from .tensors import float64 as double
from .tensors import int16 as short
from .tensors import int32 as int
from .tensors import int64 as long

if TYPE_CHECKING:  # when they are first asked for: see LATER
    from . import data, distributions, func, inspect, models, optim, signal, testing, train, utils  # noqa: F401
    from .compiler.compiled import compile
    from .func import vmap
    from .signal.windows import (
        bartlett_window,
        blackman_window,
        hamming_window,
        hann_window,
        kaiser_window,
    )

__version__ = version
newaxis = None

cuda.amp = amp.cuda
Tensor.hardshrink, Tensor.prelu = hardshrink, prelu  # type: ignore[attr-defined]
backends.cudnn, backends.mkldnn, backends.mps = switches.cudnn, switches.mkldnn, switches.mps
backends.cuda, backends.mkl, backends.openmp = switches.cuda, switches.mkl, switches.openmp
_file_classes.PARAMETER = nn.Parameter  # which lies above

_WINDOWS = ("bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window")
LATER = {
    "compile": "compiler.compiled",
    "vmap": "func",
    **dict.fromkeys(_WINDOWS, "signal.windows"),
}
"""Names that are loaded when they are first asked for, and the modules they are in; so are the rooms of
`ROOMS`. A script that needs neither optimizers nor the compiler does not wait for them.
"""
ROOMS = (
    "data",
    "distributions",
    "func",
    "graph",
    "inspect",
    "models",
    "optim",
    "signal",
    "testing",
    "train",
    "utils",
)


def _compile_in_place(module: nn.Module, **options: Any) -> None:
    """Compile this module's `forward` where it is; the arguments are those of `compile`. Hooks of the
    module itself run eagerly around it.
    """
    from .compiler.compiled import compile_in_place

    compile_in_place(module, **options)


nn.Module.compile = _compile_in_place  # neither room knows the other


__getattr__ = loaded_later(__name__, ROOMS, LATER, missing_from(""))
__dir__ = shown(__name__, (*ROOMS, "cli", "files", "functional", "ops", "transforms"))

__all__ = [
    "ArgumentError", "ChainruleError", "DTypeError",
    "OutOfMemoryError", "GradScaler", "DeviceError", "DomainError", "FormatError", "GradError",
    "RangeError",
    "ShapeError", "StateDictError", "TraceError", "adaptive_avg_pool1d", "alpha_dropout", "amp",
    "autocast", "autograd", "avg_pool1d", "backends", "bartlett_window", "bilinear",
    "blackman_window", "bool", "celu", "celu_", "channel_shuffle", "compile", "conv1d",
    "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "cosine_similarity", "cuda", "device", "distributions", "double", "dropout", "dtype", "e",
    "feature_alpha_dropout", "finfo", "float", "func", "get_autocast_dtype",
    "get_default_dtype", "get_num_threads", "group_norm", "half", "hamming_window",
    "hann_window", "hardshrink", "iinfo", "inf", "int", "is_autocast_available",
    "is_autocast_enabled", "is_tensor", "kaiser_window", "layer_norm", "jit", "linalg", "load", "long", "masked",
    "max_pool1d", "max_pool2d", "max_pool3d", "nan", "newaxis", "nn", "optim",
    "pairwise_distance", "pdist", "pi", "pixel_shuffle", "pixel_unshuffle", "prelu", "random",
    "relu_", "rms_norm", "rrelu", "rrelu_", "save", "selu", "selu_", "set_default_dtype",
    "set_num_threads", "short", "signal", "special", "testing", "threshold", "threshold_", "typename", "vmap",
    "utils", *_switch_names, *_tensor_names,
]  # fmt: skip
