"""Search by meaning in a folder of text files: passages as vectors, kept from one search to the next.

    library = Library.read(folder, encoder)       # only what is new or changed is read by the model
    library.search("how do I make a backup?")     # [Hit(path, line, score, text), …], the nearest first

    files → passages of some lines → vectors (P, C)  ·  query (C,) → scores (P,), cosines

What is kept is one file for each folder and model, in chainrule's cache: for every file the SHA-256 of its bytes and the vectors of its
passages. So a file that was moved costs nothing, and one that was changed is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from ..base.configuration import cache_folder
from ..base.errors import FormatError
from ..files import write_whole
from ..files.reading import open_file
from .sentences import SentenceEncoder

__all__ = ["Hit", "Library", "Passage", "passages"]

WORDS = 90
"""Of a passage at most: about as many as the 128 tokens that most such models were taught with."""

FEW = 30
"""Words below which a paragraph is joined with the next."""

LARGEST = 1 << 24
"""Bytes of a file that is read."""

TOGETHER = 64
"""Passages that are embedded, at least, before what is done is told."""

BATCH = 4
"""Of them at once: what a layer makes of more does not stay in the cache."""

LAYOUT = 1
"""Of what is kept; another number, another file."""


class Passage(NamedTuple):
    """Some lines of a file: the number of the first, from 1, and the text."""

    line: int
    text: str


class Hit(NamedTuple):
    """A passage that was found; `score` is the cosine, 1 for the same meaning."""

    path: Path
    line: int
    score: float
    text: str


def passages(text: str) -> list[Passage]:
    """A text in passages: paragraphs, of which short ones are joined and long ones cut; a heading begins a new one.

    >>> passages("# Cats\\n\\nA cat sleeps.\\n\\n# Dogs\\nA dog barks.")
    [Passage(line=1, text='# Cats A cat sleeps.'), Passage(line=5, text='# Dogs A dog barks.')]
    """
    found: list[Passage] = []
    start, words, closed = 0, [], False
    for number, line in enumerate(text.split("\n"), 1):
        more = line.split()
        heading = line.startswith("#")
        ends = heading or (closed and len(words) >= FEW) or len(words) + len(more) > WORDS
        if words and more and ends:
            found.append(Passage(start, " ".join(words)))
            words = []
        while len(more) > WORDS:  # a line that is longer than a passage
            found.append(Passage(number, " ".join(more[:WORDS])))
            more = more[WORDS:]
        if more and not words:
            start = number
        words += more
        closed = not more
    if words:
        found.append(Passage(start, " ".join(words)))
    return found


class Library:
    """Passages of files with their vectors.

    Attributes:
        places: (path, passage) of every vector.
        vectors: float32 (P, C), of length 1.
        left_out: files that were not read, and why.
        fresh: how many passages the model had to read.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        places: list[tuple[Path, Passage]],
        vectors: np.ndarray,
        left_out: list[tuple[Path, str]],
        fresh: int,
    ):
        self.encoder, self.places, self.vectors = encoder, places, vectors
        self.left_out, self.fresh = left_out, fresh

    @classmethod
    def read(
        cls,
        folder: str | os.PathLike[str],
        encoder: SentenceEncoder,
        *,
        pattern: str = "*",
        keep: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """The text files of a folder and of the folders in it; hidden ones are passed over.

        Args:
            folder: to search in.
            encoder: makes the vectors.
            pattern: of the files' names, such as "*.md".
            keep: where vectors are kept; None: `search` in chainrule's cache.
            progress: called with the passages that the model has read, and how many there are to be read.

        Raises:
            FormatError: no such folder, or no text in it.
            SaveError: what is to be kept cannot be written.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise FormatError(f"{folder}: expected a folder with text files, found none")
        texts, left_out = _texts(folder, pattern)
        path = _kept_at(folder, encoder, Path(keep) if keep else cache_folder() / "search")
        known = _kept(path, encoder.model.config.hidden_size)
        cut = {path: passages(text) for path, (_, text) in texts.items()}
        missing = {
            digest: [p.text for p in cut[path]]
            for path, (digest, _) in texts.items()
            if digest not in known or len(known[digest]) != len(cut[path])
        }
        fresh = sum(map(len, missing.values()))
        try:
            for digest, found in _embedded(missing, encoder, progress):
                known[digest] = found
        finally:  # what was done before an interrupt is not done again
            _keep(path, {d: known[d] for d, _ in texts.values() if d in known}, bool(fresh))
        places = [(path, passage) for path in texts for passage in cut[path]]
        if not places:
            raise FormatError(f"{folder}: expected files with text named {pattern}, found none")
        vectors = np.concatenate([known[digest] for digest, _ in texts.values()])
        return cls(encoder, places, vectors, left_out, fresh)

    def search(self, query: str, top: int = 5) -> list[Hit]:
        """The passages nearest to a query, the nearest first.

        Raises:
            ValueError: an empty query.
        """
        if not query.strip():
            raise ValueError("Library.search: the query is empty")
        scores = self.vectors @ self.encoder.embed(query).numpy()  # (P,)
        best = np.argsort(-scores, kind="stable")[:top]
        found = [(*self.places[k], float(scores[k])) for k in best]
        return [Hit(path, passage.line, score, passage.text) for path, passage, score in found]


# -------------------------------------------------------------------------------------------------------------- files


def _texts(
    folder: Path, pattern: str
) -> tuple[dict[Path, tuple[str, str]], list[tuple[Path, str]]]:
    """The text files by path, each with the SHA-256 of its bytes; and what was left out."""
    found: dict[Path, tuple[str, str]] = {}
    left_out = []
    for path in _files(folder):
        if not path.match(pattern):
            continue
        try:
            if path.stat().st_size > LARGEST:
                left_out.append((path, f"larger than {LARGEST >> 20} MB"))
                continue
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            left_out.append((path, "not text in UTF-8"))
            continue
        except OSError as e:
            left_out.append((path, e.strerror or str(e)))
            continue
        if "\0" in text:
            left_out.append((path, "not text: it has a byte 0"))
        elif text.strip():
            found[path] = hashlib.sha256(data).hexdigest(), text.replace("\r\n", "\n")
    return found, left_out


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted([name for name in folders if not name.startswith(".")])
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                yield path


# -------------------------------------------------------------------------------------------------------------- vectors


def _embedded(
    missing: dict[str, list[str]],
    encoder: SentenceEncoder,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[str, np.ndarray]]:
    """The vectors of each file's passages; those of several small files are computed together."""
    count, done = sum(map(len, missing.values())), 0
    if progress is not None and count:
        progress(0, count)
    waiting: list[str] = []
    for k, digest in enumerate(missing, 1):
        waiting.append(digest)
        texts = [text for d in waiting for text in missing[d]]
        if len(texts) < TOGETHER and k < len(missing):
            continue
        parts = []
        for start in range(0, len(texts), TOGETHER):
            some = texts[start : start + TOGETHER]
            parts.append(encoder.embed(some, batch_size=BATCH).numpy())
            if progress is not None:
                progress(done + min(start + TOGETHER, len(texts)), count)
        vectors, at = np.concatenate(parts), 0
        for d in waiting:
            yield d, vectors[at : at + len(missing[d])]
            at += len(missing[d])
        done, waiting = done + len(texts), []


def _kept_at(folder: Path, encoder: SentenceEncoder, keep: Path) -> Path:
    """The file that is kept for a folder and a model: whatever changes a vector is in its name."""
    about = hashlib.sha256(f"{LAYOUT} {WORDS} {FEW} {encoder.max_length}".encode())
    about.update(os.fsencode(folder.resolve()))
    about.update(json.dumps(encoder.tokenizer.to_dict(), sort_keys=True).encode())
    for name, value in sorted(encoder.model.state_dict().items()):
        about.update(name.encode())
        about.update(np.ascontiguousarray(value.numpy()).data)
    return keep / f"{about.hexdigest()[:32]}.npz"


def _kept(path: Path, size: int) -> dict[str, np.ndarray]:
    """Vectors by the SHA-256 of their files. What is damaged is as good as absent: it is made again."""
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        with open_file(path) as raw, np.load(raw, allow_pickle=False) as file:
            digests, counts, vectors = file["digests"], file["counts"], file["vectors"]
        whole = vectors.dtype == np.float32 and vectors.shape == (counts.sum(), size)
        if whole and len(counts) == len(digests) and (counts >= 0).all():
            ends = np.cumsum(counts)
            return {
                str(d): vectors[end - n : end]
                for d, n, end in zip(digests, counts.tolist(), ends.tolist(), strict=True)
            }
    return {}


def _keep(path: Path, vectors: dict[str, np.ndarray], changed: bool) -> None:
    """Write what is kept, whole or not at all; what no file has any more goes with the next change."""
    if not changed or not vectors:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    np.savez(
        file,
        digests=np.array(list(vectors)),
        counts=np.array([len(v) for v in vectors.values()]),
        vectors=np.concatenate(list(vectors.values())),
    )
    write_whole(path, file.getvalue())
