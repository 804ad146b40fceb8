"""Optimizers: one file per method, each of them one pure function and a class that feeds it.

May import tensors and the rooms below; knows nothing of nn, but for `swa_utils`. Reading order: `sgd`, `adam`, `adamw`,
`optimizer` (what they share), `hyper`, `saving`, `hooks`; then the others: `nadam`, `radam`, `adamax`,
`adagrad`, `adadelta`, `rmsprop`, `rprop`, `asgd`, `lion`; those that look at a parameter as a whole:
`lamb`, `adafactor`, `muon`; `line_search`, `lbfgs`; `sparse_adam`, which is not here, says what to take;
and `lr_scheduler`, `averaging`, `swa_utils`.
"""

from ..base.loading import shown
from . import lr_scheduler, swa_utils
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .averaging import EMA
from .lamb import LAMB
from .lbfgs import LBFGS
from .lion import Lion
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = [
    "ASGD", "EMA", "LAMB", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax",
    "Lion", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip

__dir__ = shown(__name__)
