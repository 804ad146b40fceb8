"""A byte-level tokenizer learnt from Shakespeare's works: seconds to 2,000 merges, and is its vocabulary that of the `tokenizers` library?

    python benchmarks/learn_bpe.py

Needs the data (CHAINRULE_DATA) and the library, `pip install tokenizers`, which runs in turn with ours, on one thread.
"""

from __future__ import annotations

import importlib.metadata
import os
import statistics
import time
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"  # before the library is imported

import tokenizers as library
from pairs import in_turn
from record import record

from chainrule.data import load_dataset, tokenizers

MERGES = 2000
ROUNDS = 5
SPECIAL = "<|endoftext|>"


def theirs(text: str) -> Any:
    """The library's tokenizer of the same kind."""
    reference = library.Tokenizer(library.models.BPE())
    reference.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=1 + 256 + MERGES,
        special_tokens=[SPECIAL],
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        limit_alphabet=256,
        show_progress=False,
    )
    reference.train_from_iterator([text], trainer)
    return reference


def main() -> None:
    """Learn, compare and write the evidence."""
    data = load_dataset("tinyshakespeare")
    text = "".join(part.text for part in (data.train, data.validation, data.test))
    ours = tokenizers.train(text, MERGES, special_tokens=(SPECIAL,))
    same = ours.vocabulary == theirs(text).get_vocab()

    def seconds(learn: Any) -> float:
        start = time.perf_counter()
        learn()
        return time.perf_counter() - start

    pair = in_turn(
        lambda: seconds(lambda: tokenizers.train(text, MERGES, special_tokens=(SPECIAL,))),
        lambda: seconds(lambda: theirs(text)),
        ROUNDS,
    )
    record(
        "learn_bpe",
        what=f"A byte-level tokenizer of {MERGES} merges learnt from {len(text):,} characters, in seconds, ours and the tokenizers "
        "library's on one thread (median over paired rounds), and whether the vocabularies are the same",
        seeds=[],
        result={
            "chainrule_s": round(statistics.median(pair.a), 2),
            "library_s": round(statistics.median(pair.b), 2),
            "ratio": round(pair.ratio, 2),
            "same_vocabulary": same,
            "library": importlib.metadata.version("tokenizers"),
        },
    )


if __name__ == "__main__":
    main()
