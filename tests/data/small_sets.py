"""Data sets small enough to be counted through, and how the order of a loader is read."""

import numpy as np

import chainrule as cr
from chainrule.data import Dataset, IterableDataset, get_worker_info


def seeded(seed):
    return cr.Generator().manual_seed(seed)


def order_of(loader):
    return [i for batch in loader for i in batch.tolist()]


class Squares(Dataset):
    def __len__(self):
        return 13

    def __getitem__(self, index):
        return np.float32(index**2), index


class Counting(IterableDataset):
    """0 to n − 1, shared out among workers."""

    def __init__(self, n, sized=False):
        self.n = n
        self.epoch = -1
        if sized:
            self.__class__ = type("Sized", (Counting,), {"__len__": lambda self: self.n})

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter([1000 * self.epoch + i for i in range(start, self.n, step)])
