"""Tokenizers: text to the numbers that language models read, and back. NumPy and the standard library only.

    tokenizer = from_folder(folder)                 # as Hugging Face has it
    tokenizer = train(text, 2_000)                  # byte-level BPE, learnt here
    ids = tokenizer.encode("Hello, world")
    batch = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="cr")
    model(**batch)

The ids are those of the `tokenizers` library, of which `tokenizer.json` is the file; what it has that is not known here is
refused by name. The classes of characters are those of this Python's Unicode version, so the two may differ in characters that
only one of them knows.

Reading order: `families`, the whole in a few words; then the steps: `characters`, `added`, `normalize`, `charsmap`, `split`, the
models `bpe`, `wordpiece`, `unigram`, `template`, `decode`; `tokenizer`, which takes them in turn; `batches` with `truncation`, what a
model reads; `offsets`, where in a text its tokens are; `known_names`, what people know a tokenizer by; `parts` and `loading`, the files.
"""

from ...base.loading import shown
from .added import AddedToken
from .bpe import BPE, learn
from .families import bert, byte_level_bpe, character, clip, t5, train
from .loading import from_file, from_folder, read_merges, read_vocabulary
from .template import Template
from .tokenizer import Tokenizer
from .unigram import Unigram
from .wordpiece import WordPiece

__all__ = [
    "BPE",
    "AddedToken",
    "Template",
    "Tokenizer",
    "Unigram",
    "WordPiece",
    "bert",
    "byte_level_bpe",
    "character",
    "clip",
    "from_file",
    "from_folder",
    "learn",
    "read_merges",
    "read_vocabulary",
    "t5",
    "train",
]

__dir__ = shown(__name__)
