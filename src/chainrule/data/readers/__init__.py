"""Readers of the files that data sets come in. Each trusts nothing: what a header announces is
checked against the size of the file before anything is allocated, and whatever is wrong is one
`FormatError` with the path, the offset, line or key, what was expected and what was found.

Reading order: `source` (bytes, gzip or not), `idx`, `text`, `table`, `images`, `archive`. May
import `base` only; Pillow is imported by `images` when the first picture is read.
"""

from .idx import read_idx
from .source import Source, sha256_of
from .text import read_lines, read_text

__all__ = ["Source", "read_idx", "read_lines", "read_text", "sha256_of"]
