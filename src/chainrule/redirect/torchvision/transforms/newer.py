"""torchvision's `transforms.v2.functional`: the functions of `functional`, and what the newer name has besides.

Image processors of other libraries are written in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....tensors import Tensor, float32, from_numpy
from .functional import *  # noqa: F403 - the curated list stands there
from .functional import __all__ as _functional
from .functional import convert_image_dtype, pil_to_tensor

__all__ = [
    "get_size",
    "grayscale_to_rgb",
    "horizontal_flip",
    "to_dtype",
    "to_image",
    "vertical_flip",
    *_functional,
]

horizontal_flip, vertical_flip = hflip, vflip  # noqa: F405


def get_size(inpt: Any) -> list[int]:
    """[height, width]."""
    return get_image_size(inpt)[::-1]  # noqa: F405


def to_image(inpt: Any) -> Tensor:
    """A Pillow image, or an array (H, W, C), as a tensor (C, H, W) of the same numbers; a tensor as it is."""
    if isinstance(inpt, Tensor):
        return inpt
    if isinstance(inpt, np.ndarray):
        return from_numpy(np.atleast_3d(inpt)).permute(2, 0, 1).contiguous()
    return pil_to_tensor(inpt)


def to_dtype(inpt: Tensor, dtype: Any = float32, scale: bool = False) -> Tensor:
    """An image in another dtype; with `scale` what is white stays white."""
    return convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def grayscale_to_rgb(inpt: Any) -> Any:
    """An image of one channel with that channel three times; one of three as it is."""
    if not isinstance(inpt, Tensor):
        return inpt.convert("RGB")
    return inpt if inpt.shape[-3] == 3 else inpt.expand(*inpt.shape[:-3], 3, *inpt.shape[-2:])
