"""Text from a language model: one token after another, drawn from what the model expects next.

    logits of the last position → repetition penalty → temperature → top-k → top-p → draw, or take the largest

With a cache the model reads each token once. Prompts of a batch may have different lengths: shorter ones are padded on
the left, which `attention_mask` tells. Several beams keep the most likely sequences instead of one.

Source: Fan, Lewis & Dauphin 2018 (top-k); Holtzman et al. 2020 (top-p); Keskar et al. 2019 (repetition penalty).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import RangeError, ShapeError
from ..nn import Module
from ..nn import functional as F
from ..tensors import (
    Generator,
    Tensor,
    cat,
    full,
    int64,
    multinomial,
    no_grad,
    ones,
    tensor,
    where,
    zeros,
)
from .cache import ROOM, Cache

__all__ = ["Generates", "next_token_loss"]


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy, in nats per token, of each position's next label; −100 is passed over.

    Args:
        logits: (B, T, V).
        labels: (B, T).
    """
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat, labels[:, 1:].reshape(-1), ignore_index=-100)


class Generates(Module):
    """A language model that writes. Besides `forward`, which takes `logits_to_keep` (of how many of the last positions the
    logits are told; 0: all), it has `cache(batch, longest)`, and `most_positions` (None if there is no limit).
    """

    config: Any
    cache: Callable[[int, int], Cache]
    most_positions: int | None

    def generate(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        num_beams: int = 1,
        length_penalty: float = 1.0,
        eos_token_id: int | Sequence[int] | None = None,
        pad_token_id: int | None = None,
        generator: Generator | None = None,
        streamer: Callable[[Tensor], Any] | None = None,
        use_cache: bool = True,
    ) -> Tensor:
        """The prompts and what the model adds to them, (B, T + new) int64.

        Args:
            input_ids: prompts (B, T) int64.
            attention_mask: (B, T), 0 where there is padding, on the left.
            max_new_tokens: how many tokens to add at most.
            do_sample: draw from the distribution; else the most likely token is taken.
            temperature: divides the logits before drawing: below 1 likely tokens become likelier.
            top_k: draw from the k most likely tokens only.
            top_p: draw from the most likely tokens that together have this probability.
            repetition_penalty: logits of tokens that were there are divided (negative ones multiplied) by it.
            num_beams: how many sequences are kept while searching for the most likely one.
            length_penalty: beams are compared by log-probability / length^penalty.
            eos_token_id: the token, or tokens, after which a sequence ends; the configuration's if None.
            pad_token_id: what follows an end; the configuration's, or the end's, if None.
            generator: random numbers; the default generator's if None.
            streamer: called with each new token of the batch, (B,), as it comes; not with beams.
            use_cache: whether to keep keys and values; without, everything is read again for each token.

        Raises:
            RangeError: a setting out of range.
            ShapeError: no prompt, or more positions than the model has.
        """
        B, T = input_ids.shape
        self._check(
            T, max_new_tokens, temperature, top_k, top_p, repetition_penalty, num_beams, streamer
        )
        ends = getattr(self.config, "eos_token_id", None) if eos_token_id is None else eos_token_id
        ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        pad = (
            pad_token_id if pad_token_id is not None else getattr(self.config, "pad_token_id", None)
        )
        pad = (ends[0] if ends else 0) if pad is None else pad

        def adjusted(logits: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
            logits = _penalized(logits, ids, mask, repetition_penalty)
            if not do_sample:
                return logits
            return _nucleus(_largest(logits / temperature, top_k), top_p)

        mask = ones(B, T, dtype=int64) if attention_mask is None else attention_mask.to(int64)
        was_training = self.training
        self.eval()
        try:
            with no_grad():
                if num_beams > 1:
                    return self._beams(
                        input_ids, mask, adjusted, max_new_tokens, num_beams, length_penalty, ends, pad,
                        do_sample, generator, use_cache,
                    )  # fmt: skip
                return self._one_by_one(
                    input_ids, mask, adjusted, max_new_tokens, ends, pad, do_sample, generator, streamer,
                    use_cache,
                )  # fmt: skip
        finally:
            self.train(was_training)

    def _check(
        self,
        prompt: int,
        new: int,
        temperature: float,
        top_k: Any,
        top_p: Any,
        penalty: float,
        beams: int,
        streamer: Any,
    ) -> None:
        if not prompt or new < 0:
            raise ShapeError(
                f"generate: the prompt must have a token, and max_new_tokens not be negative, found {prompt} and {new}"
            )
        for name, value, good in (
            ("temperature", temperature, temperature > 0), ("repetition_penalty", penalty, penalty > 0),
            ("top_k", top_k, top_k is None or top_k > 0), ("top_p", top_p, top_p is None or 0 < top_p <= 1),
            ("num_beams", beams, beams > 0),
        ):  # fmt: skip
            if not good:
                raise RangeError(f"generate: {name} is out of range: {value}")
        if streamer is not None and beams > 1:
            raise RangeError("generate: a streamer needs num_beams=1: beams may change their past")
        if self.most_positions is not None and prompt + new > self.most_positions:
            raise ShapeError(
                f"generate: {prompt} tokens and {new} more are more than the model's {self.most_positions} positions"
            )

    def _room(self, batch: int, tokens: int) -> Cache:
        """A cache for so many tokens, or some more: calls of similar lengths then share a compiled program."""
        longest = -(-tokens // ROOM) * ROOM
        if self.most_positions is not None:
            longest = min(longest, self.most_positions)
        return self.cache(batch, longest)

    def _next(self, ids: Tensor, mask: Tensor, cache: Cache | None) -> Tensor:
        """The logits (B, V) after `ids`; with a cache only what is new of them is read."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        if cache is None:
            out = self(ids, attention_mask=mask, position_ids=positions, logits_to_keep=1)
            return out.logits[:, -1]
        new = ids.shape[1] if int(cache.position) == 0 else 1
        room = zeros(mask.shape[0], cache.longest - mask.shape[1], dtype=int64)
        # in one piece: a compiled model would see new strides each time
        latest, places = ids[:, -new:].contiguous(), positions[:, -new:].contiguous()
        whole = cat([mask, room], dim=1)
        out = self(
            latest,
            past_key_values=cache,
            attention_mask=whole,
            position_ids=places,
            logits_to_keep=1,
        )
        return out.logits[:, -1]

    def _one_by_one(
        self,
        ids,
        mask,
        adjusted,
        new,
        ends,
        pad,
        do_sample,
        generator,
        streamer,
        use_cache,
    ) -> Tensor:
        B, T = ids.shape
        cache = self._room(B, T + new) if use_cache else None
        ended = zeros(B, dtype=int64) != 0
        for _ in range(new):
            logits = adjusted(self._next(ids, mask, cache), ids, mask)
            token = _drawn(logits, 1, generator)[:, 0] if do_sample else logits.argmax(-1)  # (B,)
            token = where(ended, pad, token)
            for end in ends:
                ended = ended | (token == end)
            ids = cat([ids, token.unsqueeze(1)], dim=1)
            mask = cat([mask, ones(B, 1, dtype=int64)], dim=1)
            if streamer is not None:
                streamer(token)
            if bool(ended.all()):
                break
        return ids

    def _beams(
        self,
        ids,
        mask,
        adjusted,
        new,
        beams,
        length_penalty,
        ends,
        pad,
        do_sample,
        generator,
        use_cache,
    ) -> Tensor:
        """The most likely of several sequences: at each step the best continuations of all of them are kept, and those
        that end are put aside, until none that goes on can be better.
        """
        B, T = ids.shape
        ids, mask = ids.repeat_interleave(beams, 0), mask.repeat_interleave(beams, 0)
        cache = self._room(B * beams, T + new) if use_cache else None
        scores = full((B, beams), -math.inf)
        scores[:, 0] = 0.0  # all beams begin alike: only one may speak
        done: list[list[tuple[float, list[int]]]] = [[] for _ in range(B)]
        finished = [False] * B
        for step in range(new):
            logits = adjusted(F.log_softmax(self._next(ids, mask, cache), dim=-1), ids, mask)
            V = logits.shape[-1]
            total = (scores.reshape(-1, 1) + logits).reshape(B, beams * V)
            count = max(2, 1 + len(ends)) * beams
            if do_sample:
                picked = _drawn(total, count, generator)
                values, order = total.gather(1, picked).sort(dim=1, descending=True)
                picked = picked.gather(1, order)
            else:
                values, picked = total.topk(count, dim=1)
            rows, tokens, kept = [], [], []
            for b in range(B):
                free = []
                for rank, (value, place) in enumerate(
                    zip(values[b].tolist(), picked[b].tolist(), strict=True)
                ):
                    row, token = b * beams + place // V, place % V
                    if token in ends:
                        if rank < beams and not finished[b]:
                            text = [*ids[row].tolist(), token]
                            done[b].append((value / (step + 1) ** length_penalty, text))
                    else:
                        free.append((value, row, token))
                    if len(free) == beams:
                        break
                done[b] = sorted(done[b], key=lambda d: -d[0])[:beams]
                best = free[0][0] / (step + 1) ** length_penalty
                finished[b] = finished[b] or (len(done[b]) >= beams and done[b][-1][0] >= best)
                kept += [value for value, _, _ in free]
                rows += [row for _, row, _ in free]
                tokens += [token for _, _, token in free]
            at = tensor(rows, dtype=int64)
            scores = tensor(kept, dtype=scores.dtype).reshape(B, beams)
            ids = cat([ids.index_select(0, at), tensor(tokens, dtype=int64).unsqueeze(1)], dim=1)
            mask = cat([mask.index_select(0, at), ones(B * beams, 1, dtype=int64)], dim=1)
            if cache is not None:
                cache.choose(at)
            if all(finished):
                break
        answers = []
        for b in range(B):
            going = [] if finished[b] else [
                (scores[b, k].item() / (ids.shape[1] - T) ** length_penalty, ids[b * beams + k].tolist())
                for k in range(beams)
            ]  # fmt: skip
            answers.append(max([*done[b], *going], key=lambda d: d[0])[1])
        longest = max(len(a) for a in answers)
        return tensor([a + [pad] * (longest - len(a)) for a in answers], dtype=int64)


# ------------------------------------------------------------------------------------------------------ distributions


def _penalized(logits: Tensor, ids: Tensor, mask: Tensor, penalty: float) -> Tensor:
    """Tokens that were there, padding apart, made less likely."""
    if penalty == 1.0:
        return logits
    there = zeros(logits.shape, dtype=int64).scatter_add(1, ids, mask) > 0
    return where(there, where(logits < 0, logits * penalty, logits / penalty), logits)


def _largest(logits: Tensor, k: int | None) -> Tensor:
    """−∞ for all but the k largest."""
    if k is None or k >= logits.shape[-1]:
        return logits
    least = logits.topk(k, dim=-1).values[..., -1:]
    return where(logits < least, -math.inf, logits)


def _nucleus(logits: Tensor, p: float | None) -> Tensor:
    """−∞ for the unlikely tokens that the most likely ones, of probability p together, leave over."""
    if p is None or p >= 1:
        return logits
    values, order = logits.sort(dim=-1, descending=False)
    left = F.softmax(values, dim=-1).cumsum(-1) <= 1 - p
    left[..., -1] = False  # the most likely one stays in any case
    return where(left.scatter(1, order, left), -math.inf, logits)


def _drawn(logits: Tensor, count: int, generator: Generator | None) -> Tensor:
    """Tokens drawn without replacement, (B, count)."""
    return multinomial(F.softmax(logits, dim=-1), count, generator=generator)
