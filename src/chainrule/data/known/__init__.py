"""The data sets that chainrule knows by name: what they are, where they are looked for, how they
are fetched, and how they are split.

Reading order: `form` (what is said of a data set), `records` (all that are known), `places` (where
its files are), `fetch` (how they come there), `parts` (what a loaded part is), `images`, `texts`,
`series`, `loading`.
"""

from .fetch import fetch
from .form import File, Record
from .loading import load_dataset
from .parts import (
    CaptionPart,
    ImagePart,
    LinePart,
    LoadedData,
    ParagraphPart,
    SentencePart,
    Series,
    TextPart,
)
from .records import RECORDS, record

__all__ = [
    "RECORDS",
    "CaptionPart",
    "File",
    "ImagePart",
    "LinePart",
    "LoadedData",
    "ParagraphPart",
    "Record",
    "SentencePart",
    "Series",
    "TextPart",
    "fetch",
    "load_dataset",
    "record",
]
