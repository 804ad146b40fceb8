"""Storage, Tensor, and the torch-shaped functions.

Reading order: `storage`, then the Tensor from the ground up: `attributes`, `beneath`, `making`, `recording` (the heart), `operators`,
`writing`, `inspection`, `history`, `methods`, and `core`, which puts them together; `gradients`, `indexing`, `functions` (PyTorch's
overloads), `counting`, `creation`, `device`, `sequences`, `generator`, `twister` (the stream of initial weights),
`drawing`, `scan`, `inplace`, `inplace_views`, `printing`, `legacy` (PyTorch's old names),
`overrides` (derived classes).
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
from ..tape.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from . import functions as _functions
from . import inplace_views  # noqa: F401 - attaches the methods that become views
from .core import Tensor
from .counting import *  # noqa: F403
from .counting import __all__ as _counting
from .creation import *  # noqa: F403 - the curated list stands there
from .creation import __all__ as _creation
from .device import Device
from .drawing import *  # noqa: F403
from .drawing import __all__ as _drawing
from .functions import *  # noqa: F403 - the curated list stands there
from .functions.face import face_methods as _face_methods
from .functions.face import faced as _faced
from .generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .gradients import grad
from .inplace import *  # noqa: F403
from .inplace import __all__ as _inplace
from .legacy import *  # noqa: F403
from .legacy import __all__ as _legacy
from .printing import set_printoptions
from .scan import scan
from .sequences import *  # noqa: F403
from .sequences import __all__ as _sequences
from .storage import Size, Storage

__all__ = [
    "DType", "Device", "Generator", "Size", "Storage", "Tensor", "bfloat16", "bool_",
    "default_generator", "enable_grad", "float16", "float32", "float64", "get_rng_state", "grad",
    "inference_mode", "initial_seed", "int16", "int32", "int64", "int8", "is_grad_enabled",
    "is_inference_mode_enabled", "manual_seed", "no_grad", "scan", "seed", "set_grad_enabled", "set_printoptions",
    "set_rng_state", "uint8", *_counting, *_creation, *_drawing, *_functions.__all__, *_inplace, *_legacy, *_sequences,
]  # fmt: skip

_made = (*_counting, *_creation, *_drawing, *_sequences, "grad")
globals().update(_faced({name: globals()[name] for name in _made}, __name__))
for _name in "bernoulli bincount histc histogram multinomial unique unique_consecutive".split():
    setattr(Tensor, _name, globals()[_name])
_face_methods(
    Tensor,
    """
    as_subclass fill_ copy_ map_ apply_ fill_diagonal_ new new_empty new_empty_strided new_full new_ones new_tensor new_zeros
    resize_ resize_as_ type_as view view_as
    """,
)
