"""What is done with tokens while `generate` writes them: their text is printed, or handed to somebody who waits for it.

    model.generate(ids, streamer=TextStreamer(tokenizer, skip_prompt=True))

A token may be a part of a word, and of a character; text is told when a word is whole.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from ..base.errors import ShapeError
from ..data.tokenizers import Tokenizer
from ..tensors import Tensor

__all__ = ["TextIteratorStreamer", "TextStreamer"]


class TextStreamer:
    """Prints the text of one prompt as it is written; the `streamer` of `generate`.

    Args:
        tokenizer: makes text of ids.
        skip_prompt: do not print the prompt.
        decode_kwargs: of `Tokenizer.decode`, such as `skip_special_tokens`.

    Example:
        >>> from chainrule.data.tokenizers import character
        >>> streamer = TextStreamer(character("abc "))
        >>> for token in character("abc ").encode("a cab"):
        ...     streamer.put(cr.tensor([token]))
        a
        >>> streamer.end()
        cab
    """

    def __init__(self, tokenizer: Tokenizer, skip_prompt: bool = False, **decode_kwargs: Any):
        self.tokenizer, self.skip_prompt, self.decode_kwargs = tokenizer, skip_prompt, decode_kwargs
        self._ids: list[int] = []
        self._told = 0  # characters of their text
        self._is_prompt = True

    def put(self, value: Tensor) -> None:
        """Take the prompt, (1, T), or the next token, (1,).

        Raises:
            ShapeError: several prompts.
        """
        if value.ndim > 1 and value.shape[0] > 1:
            raise ShapeError(
                f"{type(self).__name__} tells one text at a time, found a batch of {value.shape[0]}"
            )
        is_prompt, self._is_prompt = self._is_prompt, False
        if is_prompt and self.skip_prompt:
            return
        self._ids += value.reshape(-1).tolist()
        text = self._text()
        if text.endswith("\n"):  # a line is whole: what comes is decoded by itself
            self.on_finalized_text(text[self._told :])
            self._ids, self._told = [], 0
            return
        end = text.rfind(" ") + 1
        if end > self._told:
            self.on_finalized_text(text[self._told : end])
            self._told = end

    def end(self) -> None:
        """Tell what was held back; the next to come is a prompt."""
        text = self._text() if self._ids else ""
        rest = text[self._told :]
        self._ids, self._told, self._is_prompt = [], 0, True
        self.on_finalized_text(rest, stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Print new text; a subclass may do something else with it."""
        print(text, flush=True, end="\n" if stream_end else "")

    def _text(self) -> str:
        return self.tokenizer.decode(self._ids, **self.decode_kwargs)


class TextIteratorStreamer(TextStreamer):
    """The same, for somebody who asks for the text piece by piece in another thread than that which writes.

    Args:
        timeout: for how many seconds the next piece is waited for at most, after which there is `queue.Empty`; None: for ever.

    Example:
        >>> from chainrule.data.tokenizers import character
        >>> streamer = TextIteratorStreamer(character("abc "))
        >>> for token in character("abc ").encode("a cab"):
        ...     streamer.put(cr.tensor([token]))
        >>> streamer.end()
        >>> list(streamer)
        ['a ', 'cab']
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        skip_prompt: bool = False,
        timeout: float | None = None,
        **decode_kwargs: Any,
    ):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.timeout = timeout
        self.text_queue: queue.Queue[str | None] = queue.Queue()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Lay new text down for whoever asks."""
        self.text_queue.put(text, timeout=self.timeout)
        if stream_end:
            self.text_queue.put(None, timeout=self.timeout)

    def __iter__(self) -> Iterator[str]:
        while (text := self.text_queue.get(timeout=self.timeout)) is not None:
            yield text
