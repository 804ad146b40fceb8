"""Your own data: folders of pictures, tables, lines of text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import DTypeError, FormatError
from .dataset import Dataset
from .readers import SUFFIXES, read_image, read_lines, read_table

__all__ = ["CSVDataset", "ImageFolder", "TextFile"]


class ImageFolder(Dataset):
    """Pictures in folders, one folder for each class.

        root/cat/a.png
        root/cat/b.jpg
        root/dog/c.png

    Sample i is (image, label): float32 (C, H, W) from 0 to 1, and an int. Classes are numbered in
    the order of their names, pictures in that of theirs, so that both are the same on every machine.

    Args:
        root: the folder of folders.
        transform: called with each image; None: nothing is changed. What is random belongs into an
            `Augmented`, which gives it the epoch and the index.
        target_transform: called with each label.
        mode: "L" (grey), "RGB" or "RGBA".

    Attributes:
        classes: names; class_to_idx: name -> label; samples: (path, label) of each picture.

    Raises:
        FormatError: no class, a class without a picture, a file that is none; on reading, a picture
            that is damaged.
        FileNotFoundError: there is no such folder.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[np.ndarray], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        *,
        mode: str = "RGB",
    ):
        self.root, self.mode = Path(root), mode
        self.transform, self.target_transform = transform, target_transform
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root}: expected a folder of folders, found none")
        folders = sorted(p for p in self.root.iterdir() if p.is_dir() and p.name[0] != ".")
        if not folders:
            raise FormatError(
                f"{self.root}: expected a folder for each class, with pictures in it, found none"
            )
        self.classes = [folder.name for folder in folders]
        self.class_to_idx = {name: k for k, name in enumerate(self.classes)}
        self.samples: list[tuple[Path, int]] = []
        for label, folder in enumerate(folders):
            pictures = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name[0] != "."]
            if not pictures:
                raise FormatError(f"{folder}: expected pictures of this class, found none")
            for path in pictures:
                if path.suffix.lower() not in SUFFIXES:
                    known = ", ".join(SUFFIXES)
                    raise FormatError(f"{path}: expected a picture ({known}), found another file")
                self.samples.append((path, label))

    @property
    def targets(self) -> list[int]:
        """The label of each picture."""
        return [label for _, label in self.samples]

    def __repr__(self) -> str:
        return f"<{len(self):,} pictures of {len(self.classes)} classes in {self.root}>"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        image: Any = read_image(path, self.mode) / np.float32(255)
        if self.transform is not None:
            image = self.transform(image)
        return image, label if self.target_transform is None else self.target_transform(label)


class CSVDataset(Dataset):
    r"""Rows of a table: numbers to learn from, and one to learn.

    Sample i is (features, target): float32 (F,), and a number or a class; without a target the
    features alone.

    Args:
        path: the path of a CSV or TSV file, whose first line names the columns.
        target: the column to be learned; None: none.
        columns: those to learn from; None: all others.
        dtypes: column -> "float32", "int64" or "class". A column to learn from is float32 unless it
            is said to be a class, which becomes a column of 0 and 1 for each value. The target is
            by default int64 if all its cells are whole numbers, float32 if all are numbers, else a
            class: the number of its value among all values, in their order.
        delimiter: between cells; None: a tab if the name says `.tsv`, else a comma.

    Attributes:
        features: float32 (N, F); feature_names: F names; targets: (N,); classes: the values of a
            target that is a class, else empty.

    Raises:
        FormatError: a column that is not there, a row with more or fewer cells, a value that is
            missing, no number, or not finite: line and column are told.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = file.write_text("size,colour,kind\n1.5,red,cat\n2,blue,dog\n")
    >>> data = CSVDataset(file, "kind", dtypes={"colour": "class"})
    >>> data
    <2 rows: size, colour=blue, colour=red → kind>
    >>> data.feature_names, data.classes
    (('size', 'colour=blue', 'colour=red'), ('cat', 'dog'))
    >>> data[1]
    (array([2., 1., 0.], dtype=float32), np.int64(1))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        target: str | None = None,
        columns: Sequence[str] | None = None,
        dtypes: Mapping[str, str] | None = None,
        delimiter: str | None = None,
    ):
        table = read_table(path, delimiter=delimiter)
        dtypes = dict(dtypes or {})
        if target is not None:
            table.column(target)  # is it there?
        for name, dtype in dtypes.items():
            table.column(name)
            if dtype not in ("float32", "int64", "class"):
                raise DTypeError(
                    f"CSVDataset: column {name!r}: expected float32, int64 or class, found {dtype!r}"
                )
        if columns is None:
            columns = [name for name in table.names if name != target]
        names: list[str] = []
        parts: list[np.ndarray] = []
        for name in columns:
            if dtypes.get(name) == "class":
                values, numbers = _classes(table, name)
                parts += [np.float32(numbers == k) for k in range(len(values))]
                names += [f"{name}={value}" for value in values]
            else:
                parts.append(_features(table, name, dtypes.get(name, "float32")))
                names.append(name)
        if not parts:
            raise FormatError(f"{path}: expected at least one column to learn from, found none")
        self.features, self.feature_names = np.stack(parts, axis=1), tuple(names)  # (N, F)
        self.target = target
        self.targets: np.ndarray | None = None
        self.classes: tuple[str, ...] = ()
        if target is not None:
            kind = dtypes.get(target) or _kind(table.column(target))
            if kind == "class":
                self.classes, self.targets = _classes(table, target)
            else:
                self.targets = table.numbers(target, kind)

    def __repr__(self) -> str:
        learned = "" if self.target is None else f" → {self.target}"
        return f"<{len(self):,} rows: {', '.join(self.feature_names)}{learned}>"

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> Any:
        if self.targets is None:
            return self.features[index]
        return self.features[index], self.targets[index]


def _features(table: Any, name: str, dtype: str) -> np.ndarray:
    """A column of numbers to learn from. A cell that is none is a slip; a column of nothing else was meant otherwise."""
    cells = table.column(name)
    if not any([_is_number(cell) for cell in cells]):
        raise FormatError(
            f"{table.path}: line {table.lines[0]}, column {name!r}: expected a number, found {cells[0]!r:.100}, and no numbers "
            f"in the lines below\n  hint: target={name!r} learns it, dtypes={{{name!r}: 'class'}} learns from it as a class, "
            "columns=[…] leaves it out"
        )
    return table.numbers(name, dtype).astype(np.float32)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _classes(table: Any, name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The values of a column in their order, and for each row the number of its value."""
    cells = [cell.strip() for cell in table.column(name)]
    for cell, line in zip(cells, table.lines, strict=True):
        if not cell:
            raise FormatError(f"{table.path}: line {line}, column {name!r}: the value is missing")
    values = tuple(sorted(set(cells)))
    places = {value: k for k, value in enumerate(values)}
    return values, np.array([places[cell] for cell in cells], np.int64)


def _kind(cells: Sequence[str]) -> str:
    """What a target is, by all of its cells."""
    for kind, read in (("int64", int), ("float32", float)):
        try:
            for cell in cells:
                read(cell)
        except ValueError:
            continue
        return kind
    return "class"


class TextFile(Dataset):
    """The lines of a text file: sample i is a string.

    Args:
        path: the path of a UTF-8 file.
        transform: called with each line; None: nothing is changed.

    Raises:
        FormatError: no text (with offset and line), or nothing in it.
    """

    def __init__(self, path: str | os.PathLike[str], transform: Callable[[str], Any] | None = None):
        self.lines, self.transform = read_lines(path), transform

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Any:
        line = self.lines[index]
        return line if self.transform is None else self.transform(line)
