"""The torch-shaped face of the functions: PyTorch's names, argument orders, defaults and overloads.

What is done here is handling of arguments: a number or one per axis, padding by name, batched or
not, in place or not. The formulas and their derivatives stand in the functional and ops rooms,
under the same names.

Read in order: `linear`, `conv`, `pooling`, `uneven_pooling`, `normalization`, `embedding`, `dropout`,
`activation`, `loss`, `attention`, `padding`, `vision`; `sizes` (one number, or one for each axis),
`inplace`, `private`.
"""

from ...base.left_out import missing_from
from ...base.loading import shown
from ...tensors.functions.face import faced
from .activation import *  # noqa: F403
from .activation import __all__ as _activation
from .attention import *  # noqa: F403
from .attention import __all__ as _attention
from .conv import *  # noqa: F403
from .conv import __all__ as _conv
from .dropout import *  # noqa: F403
from .dropout import __all__ as _dropout
from .embedding import *  # noqa: F403
from .embedding import __all__ as _embedding
from .linear import *  # noqa: F403 - the curated list stands there
from .linear import __all__ as _linear
from .loss import *  # noqa: F403
from .loss import __all__ as _loss
from .normalization import *  # noqa: F403
from .normalization import __all__ as _normalization
from .padding import *  # noqa: F403
from .padding import __all__ as _padding
from .pooling import *  # noqa: F403
from .pooling import __all__ as _pooling
from .private import *  # noqa: F403 - not in `__all__`: they are PyTorch's own affair
from .uneven_pooling import *  # noqa: F403
from .uneven_pooling import __all__ as _uneven_pooling
from .vision import *  # noqa: F403
from .vision import __all__ as _vision

__all__ = [
    *_linear, *_conv, *_pooling, *_normalization, *_embedding,
    *_dropout, *_activation, *_loss, *_attention, *_padding,
    *_uneven_pooling, *_vision,
]  # fmt: skip

globals().update(faced({name: globals()[name] for name in __all__}, __name__, "nn.functional"))
__getattr__ = missing_from("nn.functional")

__dir__ = shown(__name__)
