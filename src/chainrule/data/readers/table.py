"""Tables of text: CSV and TSV, by name of column and number of line."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import DTypeError, FormatError
from .text import MOST_BYTES, read_text

__all__ = ["Table", "read_table"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")


@dataclass(frozen=True)
class Table:
    """The cells of a table as text.

    Attributes:
        path: the path of the file, for errors.
        names: the names of the columns.
        rows: N rows of as many cells as there are names.
        lines: N numbers, in which line of the file each row begins.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            FormatError: there is no such column.
        """
        if name not in self.names:
            others = [mark for mark in ";\t|," if len(self.names) == 1 and mark in self.names[0]]
            hint = f"\n  hint: delimiter={others[0]!r} separates the cells" if others else ""
            raise FormatError(
                f"{self.path}: expected a column {name!r}, found {', '.join(self.names)}{hint}"
            )
        k = self.names.index(name)
        return [row[k] for row in self.rows]

    def numbers(
        self, name: str, dtype: object = np.float64, missing: float | None = None
    ) -> np.ndarray:
        """A column as numbers.

        Args:
            name: the name of the column.
            dtype: the dtype of the result, integers or floats.
            missing: what an empty cell becomes; None: it is refused.

        Raises:
            FormatError: a cell that is no such number, is missing or not finite; its line is told.
        """
        wanted = np.dtype(dtype)  # type: ignore[call-overload]
        if wanted.kind not in "iuf":
            raise DTypeError(f"numbers are integers or floats, not {wanted}")
        values = [
            self._number(name, cell, line, wanted, missing)
            for cell, line in zip(self.column(name), self.lines, strict=True)
        ]
        return np.array(values, wanted)

    def _number(
        self, name: str, cell: str, line: int, dtype: np.dtype, missing: float | None
    ) -> float:
        text = cell.strip()
        if text == "" and missing is not None:
            return missing
        where = f"{self.path}: line {line}, column {name!r}"
        if text in MISSING:
            raise FormatError(f"{where}: the value is missing (found {cell!r})")
        try:
            value: float = int(text) if dtype.kind in "iu" else float(text)
        except ValueError:
            kind = "a whole number" if dtype.kind in "iu" else "a number"
            raise FormatError(f"{where}: expected {kind}, found {cell!r:.100}") from None
        if dtype.kind == "f":
            if not abs(value) <= float(np.finfo(dtype).max):
                raise FormatError(f"{where}: expected a finite {dtype}, found {cell!r:.100}")
        elif not int(np.iinfo(dtype).min) <= value <= int(np.iinfo(dtype).max):
            raise FormatError(f"{where}: expected a number that fits {dtype}, found {cell!r:.100}")
        return value


def read_table(
    path: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    *,
    quoted: bool = True,
    most: int = MOST_BYTES,
) -> Table:
    r"""The cells of a CSV or TSV file.

    Args:
        path: the path of the file, gzip-compressed if its name ends in `.gz`.
        names: the names of the columns, if the file has no header; None: its first line has them.
        delimiter: between cells; None: a tab if the name says `.tsv`, else a comma.
        quoted: whether a cell in double quotes may hold delimiters and newlines; False: quotes are
            characters like any other.
        most: bytes that the file may have at most.

    Raises:
        FormatError: no text, no row, a row with more or fewer cells than there are columns, a
            column without a name or with that of another; the line is told.
        OSError: it cannot be read.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = file.write_text('x,label\n1.5,"a, b"\n2,c\n')
    >>> table = read_table(file)
    >>> table.numbers("x").tolist(), table.column("label")
    ([1.5, 2.0], ['a, b', 'c'])
    """
    path = Path(path)
    text = read_text(path, most).removeprefix("\ufeff")
    if delimiter is None:
        delimiter = "\t" if ".tsv" in path.suffixes else ","
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    header = None if names is None else tuple(names)
    for line, cells in _rows(path, text, delimiter, quoted):
        if header is None:
            header = tuple(cell.strip() for cell in cells)
            _check_names(path, header)
            continue
        if len(cells) != len(header):
            raise FormatError(
                f"{path}: line {line}: expected {len(header)} cells ({', '.join(header)}), "
                f"found {len(cells) if any(cells) else 'an empty line'}"
            )
        rows.append(tuple(cells))
        lines.append(line)
    if not rows:
        raise FormatError(f"{path}: expected at least one row after the header, found none")
    assert header is not None
    return Table(path, header, tuple(rows), tuple(lines))


def _rows(path: Path, text: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each row, one by one: what is wrong in the first lines is told at once."""
    pieces = [line.removesuffix("\r") + "\n" for line in text.split("\n")]
    if pieces and pieces[-1] == "\n":  # after the last newline
        pieces.pop()
    if not quoted:
        yield from ((k + 1, line[:-1].split(delimiter)) for k, line in enumerate(pieces))
        return
    reader = csv.reader(pieces, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as e:
        raise FormatError(f"{path}: line {line}: expected cells, quoted or not, found: {e}") from e


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    if not names:
        raise FormatError(f"{path}: line 1: expected the names of the columns, found an empty line")
    for k, name in enumerate(names):
        if not name:
            raise FormatError(f"{path}: line 1: column {k + 1} has no name")
        if name in names[:k]:
            raise FormatError(f"{path}: line 1: two columns are named {name!r}")
