"""The part of torchvision that training scripts use, for scripts whose imports are redirected: data sets that chainrule
knows, transforms of images, networks, and grids of pictures. Images are Pillow's.

Reading order: `transforms`, `functional` (the same as functions), `datasets`, `models`, `utils`. What else torchvision has
(detection ops, video) is missing, and is reported as such.
"""

from . import datasets, models, transforms, utils

__all__ = ["datasets", "models", "transforms", "utils"]

__version__ = "0.0+chainrule"
