"""Data sets and what brings them to a model: may import `tensors` and what lies below, knows nothing
of layers or training.

    from chainrule.data import DataLoader, load_dataset

    data = load_dataset("mnist")             # train, validation and test: parts
    image, label = data.train[0]             # a part is a Dataset: float32 (C, H, W), int64
    data.train.images, data.train.labels     # or everything at once: float32 (N, C, H, W), int64
    data.classes, data.sha256, data.record   # what labels mean, which files, licence and limits
    loader = DataLoader(data.train, batch_size=64, shuffle=True)

What a sample is: of `digits`, `mnist`, `fashion_mnist` and `cifar10` (image, label); of `names` a
string (`data.train.lines` has all of them), of `squad` a paragraph; of `sst2` (sentence, label); of `emoji_captions`
(picture, caption); of `tinyshakespeare` the parts are stretches of text (`data.train.text`), of
`timeseries` series by name (`data.train["co2"].values`). The split is fixed, whatever the seed of a
run. `ImageFolder`, `CSVDataset` and `TextFile` read what is your own.

Reading order: `counter` (random numbers without a state), `dataset`, `sampler`, `collate`, `fetch`,
`workers`, `loader`, `transforms`, `checks`, `splits`, `digits`, `readers`, `known`, `own`, `tokenizers`. Everything random here is a pure
function of (seed, epoch, index), so an epoch can be repeated, skipped into, or resumed exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.loading import loaded_later, shown
from .collate import default_collate, default_convert
from .dataset import (
    Augmented,
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .fetch import WorkerInfo, get_worker_info
from .loader import DataLoader
from .sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

if TYPE_CHECKING:
    from . import tokenizers, transforms
    from .known import RECORDS, LoadedData, Record, load_dataset
    from .own import CSVDataset, ImageFolder, TextFile
    from .readers import read_idx, read_image, read_lines, read_table, read_text
    from .transforms import Compose, RandomShift, RandomStream

__all__ = [
    "RECORDS",
    "Augmented",
    "BatchSampler",
    "CSVDataset",
    "ChainDataset",
    "Compose",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "ImageFolder",
    "IterableDataset",
    "LoadedData",
    "RandomSampler",
    "RandomShift",
    "RandomStream",
    "Record",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "TextFile",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "load_dataset",
    "random_split",
    "read_idx",
    "read_image",
    "read_lines",
    "read_table",
    "read_text",
    "tokenizers",
    "transforms",
]

_HOMES = {
    "RECORDS": "known", "LoadedData": "known", "Record": "known", "load_dataset": "known",
    "CSVDataset": "own", "ImageFolder": "own", "TextFile": "own",
    "read_idx": "readers", "read_image": "readers", "read_lines": "readers",
    "read_table": "readers", "read_text": "readers",
    "Compose": "transforms", "RandomShift": "transforms", "RandomStream": "transforms",
}  # fmt: skip

# Readers, known data sets and transforms, and the libraries they need.
__getattr__ = loaded_later(__name__, ("tokenizers", "transforms"), _HOMES)
__dir__ = shown(__name__)
