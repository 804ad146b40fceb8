"""The names that people know from `transformers` for what a tokenizer does.

tokenizer.pad_token = tokenizer.eos_token
tokenizer.add_special_tokens({"pad_token": "[PAD]"});  model.resize_token_embeddings(len(tokenizer))
batch = tokenizer("a text", return_tensors="cr");  batch.input_ids
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...base.errors import FormatError
from .added import AddedToken
from .parts import Part

__all__ = ["ROLES", "KnownNames", "without_spaces"]

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class KnownNames:
    """What a `Tokenizer` can be asked besides."""

    added: tuple[AddedToken, ...]
    model: Any
    template: Any
    _ids: dict[str, int]
    _tokens: dict[int, str]
    _steps: dict[str, Any]
    _build: Any
    set_role: Any

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ROLES:
            object.__setattr__(self, name, value)
        elif value is None:
            self.__dict__["roles"].pop(name, None)
        else:
            self.set_role(name, value)

    @property
    def vocab_size(self) -> int:
        """How many tokens the model has, those that were added left out."""
        return len(self.model.vocabulary)

    def get_vocab(self) -> dict[str, int]:
        """Token → id, added tokens included."""
        return dict(self._ids)

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each; that of `unk_token`, or None, for one that there is not."""
        unknown = self._ids.get(self.__dict__["roles"].get("unk_token"))
        if isinstance(tokens, str):
            return self._ids.get(tokens, unknown)
        return [self._ids.get(token, unknown) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any) -> Any:
        """The token of an id, or of each; None for one that there is not."""
        if isinstance(ids, int):
            return self._tokens.get(ids)
        return [self._tokens.get(int(i)) for i in ids]

    @property
    def all_special_tokens(self) -> list[str]:
        """The tokens that have a role, each once."""
        return list(dict.fromkeys(self.__dict__["roles"].values()))

    @property
    def all_special_ids(self) -> list[int]:
        """Their ids."""
        return [self._ids[token] for token in self.all_special_tokens]

    def add_tokens(self, tokens: str | Iterable[str], special_tokens: bool = False) -> int:
        """Add tokens behind those there are; they are found before the model is asked.

        Args:
            tokens: a token or several; one that is there already stays what it is.
            special_tokens: whether `decode(…, skip_special_tokens=True)` leaves them out.

        Returns:
            How many are new: a model's `resize_token_embeddings(len(tokenizer))` makes room for them.
        """
        wanted = [tokens] if isinstance(tokens, str) else list(tokens)
        new = [t for t in dict.fromkeys(map(str, wanted)) if t not in self._ids]
        first = max(self._tokens, default=-1) + 1
        more = [
            AddedToken(t, first + k, special=special_tokens, normalized=not special_tokens)
            for k, t in enumerate(new)
        ]
        self._build(self.model, Part(self._steps), self.template, (*self.added, *more))
        return len(new)

    def add_special_tokens(self, roles: Mapping[str, Any]) -> int:
        """Give tokens their roles, and add those that there are not.

        Args:
            roles: such as {"pad_token": "[PAD]"}; "additional_special_tokens" has a list of tokens without a role.

        Returns:
            How many are new.

        Raises:
            FormatError: no such role.
        """
        named = {k: str(v) for k, v in roles.items() if k != "additional_special_tokens"}
        for role in named:
            if role not in ROLES:
                raise FormatError(f"Tokenizer: a role is one of {', '.join(ROLES)}, found {role!r}")
        others = map(str, roles.get("additional_special_tokens", ()))
        count = self.add_tokens([*named.values(), *others], special_tokens=True)
        for role, token in named.items():
            self.set_role(role, token)
        return count

    def apply_chat_template(self, *given: Any, **settings: Any) -> Any:
        """Refused: templates of chats are programs (Jinja), and nothing in a folder is run.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "apply_chat_template: chat_template is a program (Jinja), and nothing in a folder is run here; "
            "put the turns together yourself, with the model's own marks, and pass the text to the tokenizer"
        )


CLEANED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


def without_spaces(text: str) -> str:
    """A text without the spaces that stand before English punctuation and endings.

    >>> without_spaces("do n't , please .")
    "don't, please."
    """
    for piece in CLEANED[:4]:
        text = text.replace(piece, piece[1:])
    text = text.replace(" ' ", "'")
    for piece in CLEANED[4:]:
        text = text.replace(piece, piece[1:])
    return text
