"""Optimizers: one file per method, each of them one pure function and a class that feeds it.

May import tensor and the rooms below; knows nothing of nn. Reading order: `sgd`, `adam`, `adamw`,
`optimizer` (what they share), `lr_scheduler`.
"""

from . import lr_scheduler
from .adam import Adam
from .adamw import AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
