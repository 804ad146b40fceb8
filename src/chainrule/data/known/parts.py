"""What a loaded data set consists of: parts, each a `Dataset` that a `DataLoader` takes as it is.

The arrays are kept as they are stored (bytes, not floats: a quarter of the memory); a sample is made
a float when it is asked for. `indices` say where in the file each sample of a part stands, so that
every one of them can be found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import Dataset
from .form import Record

__all__ = [
    "CaptionPart",
    "ImagePart",
    "LinePart",
    "LoadedData",
    "ParagraphPart",
    "SentencePart",
    "Series",
    "TextPart",
]


@dataclass(frozen=True, eq=False)
class LoadedData:
    """A data set in three parts: `train` to fit, `validation` to decide, `test` to be read once, at
    the end.

    The split is the same always and everywhere, whatever the seed of a run.

    Attributes:
        record: name, source, licence, what it can and cannot teach.
        train, validation, test: parts, see this chapter; what they are depends on the data set.
        classes: what each label means; empty if there are no labels.
        sha256: one for all the files, so that a run can say which data it saw.
        layout: in which of the published forms it was found.
        files: role -> path of what was read.
    """

    record: Record
    train: Any
    validation: Any
    test: Any
    classes: tuple[str, ...]
    sha256: str
    layout: str
    files: Mapping[str, str]

    def __repr__(self) -> str:
        parts = [f"{name} {getattr(self, name)!r}" for name in ("train", "validation", "test")]
        return (
            "\n  ".join(
                [f"<{self.name}: {self.record.title}", *parts, f"licence: {self.record.licence}"]
            )
            + ">"
        )

    @property
    def name(self) -> str:
        """The name that `load_dataset` takes."""
        return self.record.name


@dataclass(frozen=True, eq=False)
class ImagePart(Dataset):
    """Images with a label each.

    Sample i is (image, label): float32 (C, H, W) from 0 to 1, and an int64.

    Attributes:
        pixels: uint8 (N, C, H, W) as stored.
        labels: int64 (N,).
        indices: int64 (N,), where each stands in the file.
        top: the stored value that becomes 1.
    """

    pixels: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    top: int = 255

    def __repr__(self) -> str:
        return f"<{len(self):,} images {self.shape} with labels>"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int64]:
        return self.pixels[index] / np.float32(self.top), self.labels[index]

    @property
    def images(self) -> np.ndarray:
        """All images at once: float32 (N, C, H, W) from 0 to 1, made anew."""
        return self.pixels / np.float32(self.top)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of an image."""
        return self.pixels.shape[1:]


@dataclass(frozen=True, eq=False)
class LinePart(Dataset):
    """Short texts, a line each: sample i is a string."""

    lines: tuple[str, ...]
    indices: np.ndarray

    def __repr__(self) -> str:
        return f"<{len(self):,} lines>"

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> str:
        return self.lines[index]


@dataclass(frozen=True, eq=False)
class ParagraphPart(Dataset):
    """Paragraphs of articles: sample i is a string.

    Attributes:
        paragraphs: N strings.
        titles: N strings, of the articles they stand in.
        indices: int64 (N,), where each stands in the file.
    """

    paragraphs: tuple[str, ...]
    titles: tuple[str, ...]
    indices: np.ndarray

    def __repr__(self) -> str:
        return f"<{len(self):,} paragraphs>"

    def __len__(self) -> int:
        return len(self.paragraphs)

    def __getitem__(self, index: int) -> str:
        return self.paragraphs[index]


@dataclass(frozen=True, eq=False)
class TextPart:
    """A stretch of one long text, from character `start` of the file on."""

    text: str
    start: int

    def __repr__(self) -> str:
        return f"<{len(self):,} characters>"

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, eq=False)
class SentencePart(Dataset):
    """Sentences with a label each: sample i is (sentence, label), a string and an int64."""

    sentences: tuple[str, ...]
    labels: np.ndarray
    indices: np.ndarray

    def __repr__(self) -> str:
        return f"<{len(self):,} sentences with labels>"

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index: int) -> tuple[str, np.int64]:
        return self.sentences[index], self.labels[index]


@dataclass(frozen=True, eq=False)
class CaptionPart(Dataset):
    """Pictures with a caption each.

    Sample i is (picture, caption): float32 (C, H, W) from 0 to 1, and a string.

    Attributes:
        pixels: uint8 (N, C, H, W) as stored.
        captions: N strings.
        groups: N strings, the kind of thing each picture shows.
        indices: int64 (N,), where each stands in the file.
    """

    pixels: np.ndarray
    captions: tuple[str, ...]
    groups: tuple[str, ...]
    indices: np.ndarray

    def __repr__(self) -> str:
        return f"<{len(self):,} pictures {self.pixels.shape[1:]} with captions>"

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, index: int) -> tuple[np.ndarray, str]:
        return self.pixels[index] / np.float32(255), self.captions[index]

    @property
    def images(self) -> np.ndarray:
        """All pictures at once: float32 (N, C, H, W) from 0 to 1, made anew."""
        return self.pixels / np.float32(255)


@dataclass(frozen=True, eq=False)
class Series:
    """One quantity over time.

    Attributes:
        name: the name of the series.
        dates: N strings, as the file writes them.
        values: float64 (N,); NaN where the file says that nothing was measured.
        unit: the unit of the values.
        period: how many steps make a season (12 for months), 0 if there is none.
    """

    name: str
    dates: Sequence[str]
    values: np.ndarray
    unit: str
    period: int

    def __repr__(self) -> str:
        return (
            f"<{self.name}: {len(self):,} values, {self.unit}, {self.dates[0]} to {self.dates[-1]}>"
        )

    def __len__(self) -> int:
        return len(self.values)

    def between(self, start: int, end: int) -> Series:
        """The steps from `start` to before `end`."""
        return Series(
            self.name, self.dates[start:end], self.values[start:end], self.unit, self.period
        )
