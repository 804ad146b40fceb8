"""A data set that a worker process can import, however it was started."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.data import Dataset


class Samples(Dataset):
    """Everything a batch may depend on: the index, the epoch, chainrule's random numbers."""

    def __init__(self):
        self.epoch = -1

    def __len__(self):
        return 23

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        return {
            "x": np.full((2, 3), index, np.float32),
            "e": self.epoch,
            "r": cr.rand(2),
            "s": str(index),
        }
