"""The part of torchvision that training scripts use, for scripts whose imports are redirected: data sets that chainrule
knows, transforms of images, networks and what they are built from, and grids of pictures. Images are Pillow's.

Reading order: `transforms`, `folders` (pictures in folders), `datasets`, `io`, `ops`,
`models`, `utils`. What else torchvision has (whole detectors, video) is missing, and is reported as such.
"""

from . import datasets, io, models, ops, transforms, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "utils"]

__version__ = "0.0+chainrule"
