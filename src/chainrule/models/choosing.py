"""How the next token is chosen: the settings of writing, and what each does to the logits.

    repetition penalty → n-grams that were there → words that are not wanted → no end yet → tokens that are forced → tokens that are
    not wanted → temperature → top-k → top-p → min-p → typical-p

The order and the names are those of `transformers`.

Source: Keskar et al. 2019 (repetition penalty); Paulus, Xiong & Socher 2018 (n-grams); Fan, Lewis & Dauphin 2018 (top-k); Holtzman et
al. 2020 (top-p); Nguyen et al. 2024 (min-p); Meister et al. 2023 (typical-p).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from ..base.errors import RangeError
from ..nn import functional as F
from ..tensors import Tensor, int64, ones, where, zeros, zeros_like

__all__ = ["GenerationSettings"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """The settings of `generate`.

    Args:
        max_new_tokens: how many tokens to add at most; 20, if `max_length` is None too.
        max_length: how many tokens there are at most, the prompt included; `max_new_tokens` goes before.
        min_new_tokens, min_length: how many tokens must be added, or be there, before a sequence may end; the first goes before.
        do_sample: draw from the distribution; else the most likely token is taken.
        temperature: divides the logits before drawing: below 1 likely tokens become likelier.
        top_k: draw from the k most likely tokens only.
        top_p: draw from the most likely tokens that together have this probability.
        min_p: draw from the tokens that have this share of the probability of the most likely one at least.
        typical_p: draw from the tokens, of this probability together, whose surprise is nearest to the expected one.
        repetition_penalty: logits of tokens that were there are divided (negative ones multiplied) by it.
        no_repeat_ngram_size: no n tokens in a row come twice; 0: they may.
        bad_words_ids: tokens in a row, of which the last never comes behind the others.
        suppress_tokens, begin_suppress_tokens: tokens that never come, or not first.
        forced_bos_token_id, forced_eos_token_id: the token behind a prompt of a single one, and the last if nothing ended before.
        num_beams: how many sequences are kept while searching for the most likely one.
        length_penalty: beams are compared by log-probability / length^penalty.
        early_stopping: True: a search ends with as many ended sequences as beams; False: when the beams are not likely to become better
            than these; "never": when they cannot.
        num_return_sequences: how many sequences of each prompt are returned.
        eos_token_id: the token, or tokens, after which a sequence ends.
        pad_token_id: what follows an end; the end's if None.

    Raises:
        RangeError: a setting out of range.
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int = 0
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    bad_words_ids: Any = None
    suppress_tokens: Any = None
    begin_suppress_tokens: Any = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: Any = None
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    num_return_sequences: int = 1
    eos_token_id: Any = None
    pad_token_id: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], folder: Mapping[str, Any], config: Any) -> Self:
        """What was given, else what the model's folder says of writing; where that says nothing, of ends the configuration's.

        Raises:
            TypeError: a setting that is not known.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise TypeError(
                f"generate: there is no setting {', '.join(unknown)}; there are {', '.join(known)}"
            )
        ids = () if folder else ("eos_token_id", "pad_token_id")
        values = {k: getattr(config, k, None) for k in ids}
        for source in (folder, given):
            values |= {k: v for k, v in source.items() if k in known and v is not None}
        if given.get("max_length") is not None and given.get("max_new_tokens") is None:
            values["max_new_tokens"] = None
        return cls(**values)

    def __post_init__(self) -> None:
        beams, several = self.num_beams, self.num_return_sequences
        for name, good in (
            ("temperature", self.temperature > 0),
            ("repetition_penalty", self.repetition_penalty > 0),
            ("top_k", self.top_k is None or self.top_k >= 0),
            ("top_p", self.top_p is None or 0 < self.top_p <= 1),
            ("min_p", self.min_p is None or 0 <= self.min_p <= 1),
            ("typical_p", self.typical_p is None or 0 < self.typical_p <= 1),
            ("no_repeat_ngram_size", self.no_repeat_ngram_size >= 0),
            ("num_beams", beams > 0),
            ("early_stopping", self.early_stopping in (True, False, "never")),
            ("num_return_sequences", 0 < several <= (several if self.do_sample and beams == 1 else beams)),
        ):  # fmt: skip
            if not good:
                raise RangeError(f"generate: {name} is out of range: {getattr(self, name)!r}")

    @property
    def ends(self) -> list[int]:
        """The tokens after which a sequence ends."""
        return _tokens(self.eos_token_id)

    @property
    def pad(self) -> int:
        """What follows an end."""
        return (
            (self.ends[0] if self.ends else 0) if self.pad_token_id is None else self.pad_token_id
        )

    def new(self, prompt: int) -> int:
        """How many tokens are added at most to a prompt of so many."""
        if self.max_new_tokens is not None:
            return self.max_new_tokens
        return 20 if self.max_length is None else max(0, self.max_length - prompt)

    def seen(self, ids: Tensor) -> Tensor:
        """Which tokens of prompts (B, T) are no padding, int64, if nobody says it: those that are not `pad_token_id`, where that is
        not an end too.
        """
        pad = self.pad_token_id
        if pad is None or pad in self.ends:
            return ones(*ids.shape, dtype=int64)
        return (ids != pad).to(int64)

    def adjusted(
        self,
        logits: Tensor,
        ids: Tensor,
        mask: Tensor,
        prompt: int,
        rule: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The logits (B, V) by which the next token is chosen.

        Args:
            logits: the logits of the model, or log-probabilities.
            ids: what is there, (B, T).
            mask: (B, T), 0 where that is padding.
            prompt: how many tokens of it were given.
            rule: of the model, see `Generates.rule`.
        """
        T = ids.shape[1]
        last = prompt + self.new(prompt) - 1
        logits = _penalized(logits, ids, mask, self.repetition_penalty)
        logits = _unrepeated(logits, ids, self.no_repeat_ngram_size)
        for words in self.bad_words_ids or ():
            logits = _without_word(logits, ids, list(words), self.ends)
        added = self.min_new_tokens
        if T < (self.min_length if added is None else prompt + added):
            logits = _without(logits, self.ends)
        if self.forced_bos_token_id is not None and T == 1:
            logits = _only(logits, [self.forced_bos_token_id])
        if self.forced_eos_token_id is not None and last == T:
            logits = _only(logits, _tokens(self.forced_eos_token_id))
        logits = _without(logits, self.suppress_tokens)
        if prompt == T - (prompt == 1 and self.forced_bos_token_id is not None):
            logits = _without(logits, self.begin_suppress_tokens)
        if rule is not None:
            logits = rule(logits, ids)
        if not self.do_sample:
            return logits
        # beams must be able to go on
        kept = 1 if self.num_beams == 1 else max(2, 1 + len(self.ends))
        logits = _largest(logits / self.temperature, self.top_k, kept)
        logits = _nucleus(logits, self.top_p, kept)
        return _typical(_likely(logits, self.min_p, kept), self.typical_p, kept)


def _tokens(given: Any) -> list[int]:
    return [] if given is None else [given] if isinstance(given, int) else list(given)


def _penalized(logits: Tensor, ids: Tensor, mask: Tensor, penalty: float) -> Tensor:
    """Tokens that were there, padding apart, made less likely."""
    if penalty == 1.0:
        return logits
    there = zeros(logits.shape, dtype=int64).scatter_add(1, ids, mask) > 0
    return where(there, where(logits < 0, logits * penalty, logits / penalty), logits)


def _unrepeated(logits: Tensor, ids: Tensor, n: int) -> Tensor:
    """−∞ for tokens that would make n in a row come twice."""
    if not 0 < n <= ids.shape[1]:
        return logits
    runs = ids.unfold(1, n, 1)  # (B, T − n + 1, n)
    latest = ids[:, ids.shape[1] + 1 - n :].unsqueeze(1)  # (B, 1, n − 1)
    again = (runs[..., :-1] == latest).all(dim=-1).to(int64)
    there = zeros(logits.shape, dtype=int64).scatter_add(1, runs[..., -1], again) > 0
    return where(there, -math.inf, logits)


def _without_word(logits: Tensor, ids: Tensor, word: list[int], ends: list[int]) -> Tensor:
    """−∞ for the last token of a word behind its others; an end is no word."""
    *before, last = word
    if len(before) > ids.shape[1] or (not before and last in ends):
        return logits
    column = zeros(logits.shape[-1], dtype=int64)
    column[last] = 1
    unwanted = (column > 0).expand(logits.shape)
    for k, token in enumerate(reversed(before), start=1):
        unwanted = unwanted & (ids[:, -k] == token).unsqueeze(1)
    return where(unwanted, -math.inf, logits)


def _without(logits: Tensor, tokens: Any) -> Tensor:
    """−∞ for some tokens."""
    column = zeros(logits.shape[-1], dtype=int64)
    for token in _tokens(tokens):
        column[token] = 1
    return where(column > 0, -math.inf, logits) if _tokens(tokens) else logits


def _only(logits: Tensor, tokens: list[int]) -> Tensor:
    """0 for some tokens, −∞ for all others."""
    others = sorted(set(range(logits.shape[-1])) - set(tokens))
    return _without(zeros_like(logits), others)


def _largest(logits: Tensor, k: int | None, kept: int = 1) -> Tensor:
    """−∞ for all but the k largest; None or 0: for none."""
    k = max(k, kept) if k else logits.shape[-1]
    if k >= logits.shape[-1]:
        return logits
    least = logits.topk(k, dim=-1).values[..., -1:]
    return where(logits < least, -math.inf, logits)


def _nucleus(logits: Tensor, p: float | None, kept: int = 1) -> Tensor:
    """−∞ for the unlikely tokens that the most likely ones, of probability p together, leave over."""
    if p is None or p >= 1:
        return logits
    values, order = logits.sort(dim=-1, descending=False)
    left = F.softmax(values, dim=-1).cumsum(-1) <= 1 - p
    left[..., -kept:] = False  # the most likely ones stay in any case
    return where(left.scatter(1, order, left), -math.inf, logits)


def _likely(logits: Tensor, p: float | None, kept: int) -> Tensor:
    """−∞ for tokens that have not this share of the probability of the most likely one."""
    if not p:
        return logits
    shares = F.softmax(logits, dim=-1)
    left = shares < p * shares.max(dim=-1, keepdim=True).values
    order = shares.sort(dim=-1, descending=False).indices
    left = left.gather(1, order)
    left[..., -kept:] = False
    return where(left.scatter(1, order, left), -math.inf, logits)


def _typical(logits: Tensor, p: float | None, kept: int) -> Tensor:
    """−∞ for tokens whose surprise is far from the expected one, but for those nearest to it of probability p together."""
    if p is None or p >= 1:
        return logits
    known = F.log_softmax(logits, dim=-1)
    shares = known.exp()
    entropy = -where(shares > 0, known * shares, 0.0).sum(dim=-1, keepdim=True)
    far, order = (-known - entropy).abs().sort(dim=-1, descending=False)
    passed = F.softmax(logits, dim=-1).gather(1, order).cumsum(-1) < p
    # the first token that reaches p is in
    last = passed.to(int64).sum(dim=-1, keepdim=True).clamp(max=far.shape[-1] - 1)
    left = far > far.gather(1, last)
    left[..., :kept] = False
    return where(left.scatter(1, order, left), -math.inf, logits)
