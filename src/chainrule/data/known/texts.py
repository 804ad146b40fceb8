"""Data sets of text: tinyshakespeare, names, sst2 and squad."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ...base.errors import FormatError
from ..readers import read_lines, read_table, read_text
from ..splits import grouped_split
from .parts import LinePart, ParagraphPart, SentencePart, TextPart
from .places import Found

__all__ = ["load_names", "load_shakespeare", "load_squad", "load_sst2"]


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


def load_sst2(found: Found) -> tuple[SentencePart, SentencePart, SentencePart]:
    """Train, validation and test of the sentences, as published."""

    def part(role: str) -> SentencePart:
        path = found.paths[role]
        table = read_table(path, ("sentence", "label"), quoted=False)
        labels = table.numbers("label", np.int64)
        for sentence, label, line in zip(
            table.column("sentence"), labels, table.lines, strict=True
        ):
            if label not in (0, 1):
                raise FormatError(f"{path}: line {line}: expected the label 0 or 1, found {label}")
            if not sentence.strip():
                raise FormatError(f"{path}: line {line}: expected a sentence, found none")
        return SentencePart(tuple(table.column("sentence")), labels, np.arange(len(labels)))

    return part("train"), part("dev"), part("test")


def load_squad(found: Found) -> tuple[ParagraphPart, ParagraphPart, ParagraphPart]:
    """Train, validation and test of the paragraphs; an article is in one part, a tenth of them in each of the last two."""
    path = found.paths["paragraphs"]

    def must(holds: bool, where: str, expected: str, value: Any) -> None:
        if not holds:
            raise FormatError(f"{path}: {where}: expected {expected}, found {value!r:.60}")

    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:  # ValueError alone: a number of thousands of digits
        raise FormatError(f"{path}: expected JSON: {e}") from None
    must(
        isinstance(content, dict) and isinstance(content.get("data"), list),
        "key 'data'",
        "a list of articles",
        content,
    )
    texts, titles = [], []
    for a, article in enumerate(content["data"]):
        where = f"article {a}"
        must(
            isinstance(article, dict) and isinstance(article.get("title"), str),
            where,
            "an object with a title",
            article,
        )
        paragraphs = article.get("paragraphs")
        must(isinstance(paragraphs, list), where, "a list of paragraphs", paragraphs)
        for k, paragraph in enumerate(paragraphs):
            text = paragraph.get("context") if isinstance(paragraph, dict) else None
            must(
                isinstance(text, str) and bool(text.strip()),
                f"{where}, paragraph {k}",
                "a text as context",
                text,
            )
            texts.append(text)
            titles.append(article["title"])
    must(len(set(titles)) >= 3, "key 'data'", "articles of at least 3 titles", sorted(set(titles)))
    test, validation, train = grouped_split(titles, [0.1, 0.1])

    def part(indices: np.ndarray) -> ParagraphPart:
        chosen = indices.tolist()
        return ParagraphPart(
            tuple(texts[k] for k in chosen), tuple(titles[k] for k in chosen), indices
        )

    return part(train), part(validation), part(test)
