"""Data sets and what brings them to a model: may import `tensors` and what lies below, knows nothing
of layers or training.

Reading order: `counter` (random numbers without a state), `dataset`, `sampler`, `loader`,
`transforms`, `checks`, `digits`. Everything random here is a pure function of (seed, epoch, index),
so an epoch can be repeated, skipped into, or resumed exactly.
"""

from .dataset import Augmented, Dataset, Subset, TensorDataset
from .loader import DataLoader, default_collate
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .transforms import RandomShift

__all__ = [
    "Augmented",
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "RandomSampler",
    "RandomShift",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "TensorDataset",
    "default_collate",
]
