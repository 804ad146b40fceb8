"""Data sets of text: tinyshakespeare and names."""

from __future__ import annotations

import re

import numpy as np

from ...base.errors import FormatError
from ..readers import read_lines, read_text
from ..splits import grouped_split
from .parts import LinePart, TextPart
from .places import Found

__all__ = ["load_names", "load_shakespeare"]


def load_shakespeare(found: Found) -> tuple[TextPart, TextPart, TextPart]:
    """The first 90 % of the text to fit, the next 5 % to decide, the last 5 % for the test."""
    text = read_text(found.paths["text"])
    a, b = len(text) * 90 // 100, len(text) * 95 // 100
    return TextPart(text[:a], 0), TextPart(text[a:b], a), TextPart(text[b:], b)


def load_names(found: Found) -> tuple[LinePart, LinePart, LinePart]:
    """Train, validation and test of the names; equal names are in one part."""
    path = found.paths["names"]
    lines = read_lines(path)
    for k, line in enumerate(lines):
        if not re.fullmatch("[a-z]+", line):
            raise FormatError(
                f"{path}: line {k + 1}: expected a name of the letters a to z, found {line!r}"
            )
    test, validation, train = grouped_split(lines, [0.1, 0.1])

    def part(indices: np.ndarray) -> LinePart:
        return LinePart(tuple(lines[k] for k in indices.tolist()), indices)

    return part(train), part(validation), part(test)
