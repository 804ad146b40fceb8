"""Readers of the files that data sets come in. Each trusts nothing: what a header announces is
checked against the size of the file before anything is allocated, and whatever is wrong is one
`FormatError` with the path, the offset, line or key, what was expected and what was found.

Reading order: `source` (bytes, gzip or not), `idx`, `text`, `table`, `images`, `archive`. May
import `base` and `files`; Pillow is imported by `images` when the first picture is read.
"""

from .archive import read_members
from .idx import read_idx
from .images import SUFFIXES, read_image
from .source import Source, digest_of
from .table import Table, read_table
from .text import read_lines, read_text

__all__ = [
    "SUFFIXES",
    "Source",
    "Table",
    "digest_of",
    "read_idx",
    "read_image",
    "read_lines",
    "read_members",
    "read_table",
    "read_text",
]
