"""The part of torchvision that training scripts use, for scripts whose imports are redirected: data sets that chainrule
knows, transforms of images, and grids of pictures. Images are Pillow's.

Reading order: `transforms`, `functional` (the same as functions), `datasets`, `utils`. What else torchvision has (models,
detection ops, video) is missing, and is reported as such.
"""

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]

__version__ = "0.0+chainrule"
