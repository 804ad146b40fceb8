"""A language model with its tokenizer: it goes on with a text, and hands out what it writes as it comes.

    writer = Writer.from_pretrained(folder)
    writer.write("Once upon a time", max_new_tokens=50, do_sample=True, top_k=40, on_text=print)

    prompt → ids → generate, until the model has no more positions → … again from the last half of what is there → text

`generate` works on ids; here are texts. A token may be a part of a character, so text is handed out when its characters are whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from ..base.errors import FormatError, ShapeError
from ..data.tokenizers import Tokenizer, from_folder
from ..nn import Module
from ..tensors import Tensor, int64, tensor
from .generation import Generates
from .output import CausalLMOutput
from .pretrained import from_pretrained
from .t5 import T5ForConditionalGeneration

__all__ = ["Writer"]

UNFINISHED = "\ufffd"  # what a part of a character is decoded to


class Writer:
    """A language model and its tokenizer.

    Args:
        model: one that generates; T5, which answers instead of going on; or any module that makes logits (B, T, V) of tokens
            (B, T), with all that came before read again for each token.
        tokenizer: of the same vocabulary.
        context: the most tokens that are looked at together; None: as many as the model has positions for.
        first: what is gone on with if a prompt is empty; None: the tokenizer's bos_token, if it has one.

    Example:
        >>> from chainrule.data.tokenizers import character
        >>> config = models.GPT2Config(vocab_size=4, n_positions=8, n_embd=6, n_layer=1, n_head=3, eos_token_id=None)
        >>> writer = models.Writer(models.GPT2LMHeadModel(config).eval(), character("abc "))
        >>> len(writer.write("a cab", max_new_tokens=20))
        20
    """

    def __init__(
        self,
        model: Module,
        tokenizer: Tokenizer,
        *,
        context: int | None = None,
        first: str | None = None,
    ):
        known = isinstance(model, (Generates, T5ForConditionalGeneration))
        self.model = model if known else _Reread(model)
        self.tokenizer, self.context, self.first = tokenizer, context, first
        size = getattr(getattr(model, "config", None), "vocab_size", None)
        if size is not None and len(tokenizer) > size:
            raise FormatError(
                f"Writer: the tokenizer has {len(tokenizer)} tokens, the model {size}"
            )

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """The model and the tokenizer of a folder as Hugging Face has it.

        Raises:
            FormatError: a file that is not what it should be; a model that writes no text.
        """
        folder = Path(folder)
        model = from_pretrained(folder)
        if not isinstance(model, (Generates, T5ForConditionalGeneration)):
            raise FormatError(f"{folder}: a {type(model).__name__} does not write text")
        try:
            return cls(model, from_folder(folder))
        except FormatError as e:
            raise e if str(e).startswith(str(folder)) else FormatError(f"{folder}: {e}") from None

    @property
    def answers(self) -> bool:
        """Whether the model answers a text, as T5 does, instead of going on with it."""
        return isinstance(self.model, T5ForConditionalGeneration)

    def ids(self, prompt: str) -> list[int]:
        """The tokens of a prompt; of an empty one that with which texts begin.

        Raises:
            FormatError: characters that no token has; an empty prompt for a model that needs a beginning.
        """
        tokenizer = self.tokenizer
        lost = [c for c in dict.fromkeys(prompt) if not c.isspace() and not tokenizer.ids(c)]
        if lost:
            raise FormatError(
                f"the prompt has {', '.join(map(repr, lost[:5]))}, which this model's vocabulary does not have"
            )
        found = tokenizer.encode(prompt or self.first or "")
        if not found and tokenizer.bos_token_id is not None:
            found = [tokenizer.bos_token_id]
        if not found:
            raise FormatError(
                "the prompt is empty, and this model has no token with which a text begins: give it a word"
            )
        return found

    def write(
        self,
        prompt: str,
        *,
        max_new_tokens: int = 50,
        on_text: Callable[[str], Any] | None = None,
        **settings: Any,
    ) -> str:
        """What the model adds to a prompt (T5: answers to it), special tokens left out.

        A model that has only so many positions goes on from the last half of them when they are used up, and reads
        no more than that of a longer prompt.

        Args:
            prompt: the beginning.
            max_new_tokens: how many tokens are added at most.
            on_text: called with each new piece of text as it comes; with beams at the end.
            settings: `generate`'s: do_sample, temperature, top_k, top_p, repetition_penalty, num_beams, generator, ….

        Raises:
            FormatError: see `ids`.
            RangeError: a setting out of range.
        """
        given = self.ids(prompt)
        pieces = _Pieces(self.tokenizer, [] if self.answers else given, on_text)
        streams = on_text is not None and settings.get("num_beams", 1) == 1
        if streams:
            settings["streamer"] = lambda token: pieces.add([int(token[0])])
        ends = settings["eos_token_id"] = self._ends(settings.pop("eos_token_id", None))
        ids, room, left = tensor([given], dtype=int64), self._room(), max_new_tokens
        if room is not None and room < 2:
            raise ShapeError("Writer: a model of one position has no room for a token to come")
        if self.answers:
            ids = self.model.generate(ids, max_new_tokens=left, **settings)
            pieces.add([] if streams else ids[0, 1:].tolist())
            return pieces.finish()
        while left:
            if room is not None and ids.shape[1] >= room:
                ids = ids[:, -(room // 2) :].contiguous()
            T = ids.shape[1]
            count = left if room is None else min(left, room - T)
            ids = self.model.generate(ids, max_new_tokens=count, **settings)
            new = ids[0, T:].tolist()
            if not streams:
                pieces.add(new)
            left -= len(new)
            if len(new) < count or (new and new[-1] in ends):
                break
        return pieces.finish()

    def _room(self) -> int | None:
        """How many tokens are looked at together; None: any number."""
        limits = (self.context, getattr(self.model, "most_positions", None))
        return min([n for n in limits if n is not None], default=None)

    def _ends(self, asked: int | Sequence[int] | None) -> list[int]:
        """The tokens that end a text: those asked for, else the model's, else the tokenizer's."""
        of_folder = getattr(self.model, "generation", {}).get("eos_token_id")
        of_model = getattr(self.model.config, "eos_token_id", None)
        for ends in (asked, of_folder, of_model, self.tokenizer.eos_token_id):
            if ends is not None:
                return [ends] if isinstance(ends, int) else list(ends)
        return []


class _Pieces:
    """New text, as far as its characters are whole."""

    def __init__(self, tokenizer: Tokenizer, given: list[int], on_text: Callable | None):
        self.tokenizer, self.given, self.on_text = tokenizer, given, on_text
        self.ids: list[int] = []
        self.before = len(self._text())
        self.told = ""

    def _text(self) -> str:
        return self.tokenizer.decode([*self.given, *self.ids], skip_special_tokens=True)

    def add(self, ids: list[int]) -> None:
        """Take new tokens, hand out new text."""
        self.ids += ids
        if self.on_text is not None:
            text = self._text()[self.before :]
            if not text.endswith(UNFINISHED):
                self._tell(text)

    def finish(self) -> str:
        """All new text; what was held back is handed out."""
        text = self._text()[self.before :]
        if self.on_text is not None:
            self._tell(text)
        return text

    def _tell(self, text: str) -> None:
        assert self.on_text is not None
        if len(text) > len(self.told):
            self.on_text(text[len(self.told) :])
            self.told = text


class _Reread(Generates):
    """A network that knows no cache, as one that generates."""

    most_positions = None

    def __init__(self, model: Module):
        super().__init__()
        self.model, self.config = model, getattr(model, "config", None)

    def forward(self, ids: Tensor, **settings: Any) -> CausalLMOutput:
        """(B, T) → logits (B, T, V)."""
        out = self.model(ids)
        out = out[0] if isinstance(out, tuple) else getattr(out, "logits", out)
        return CausalLMOutput(logits=out)

    def generate(self, input_ids: Tensor, **settings: Any) -> Tensor:
        """As of `Generates`, all read again for each token."""
        return super().generate(input_ids, **settings, use_cache=False)
