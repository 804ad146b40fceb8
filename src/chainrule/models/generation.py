"""Text from a language model: one token after another, drawn from what the model expects next.

    logits of the last position → what `choosing` does to them → draw, or take the largest

With a cache the model reads each token once. Prompts of a batch may have different lengths: shorter ones are padded on
the left, which `attention_mask` tells. Several beams keep the most likely sequences instead of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import DTypeError, RangeError, ShapeError
from ..nn import Module
from ..nn import functional as F
from ..tensors import (
    Generator,
    Tensor,
    arange,
    cat,
    full,
    int64,
    multinomial,
    no_grad,
    ones,
    stack,
    tensor,
    where,
    zeros,
)
from .cache import ROOM, Cache
from .choosing import GenerationSettings
from .output import GenerateOutput

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
    rule: Callable[[Tensor, Tensor], Tensor] | None = None
    """What else the next token must keep to: logits (B, V) and ids (B, T) → logits."""

    def generate(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        generator: Generator | None = None,
        streamer: Any = None,
        use_cache: bool = True,
        return_dict_in_generate: bool = False,
        output_scores: bool = False,
        output_logits: bool = False,
        **settings: Any,
    ) -> Any:
        """The prompts and what the model adds to them, (B · num_return_sequences, T + new) int64.

        Args:
            input_ids: prompts (B, T) int64.
            attention_mask: (B, T), 0 where there is padding, on the left; None: where there is `pad_token_id`, if that is no end.
            generator: random numbers; the default generator's if None.
            streamer: called with each new token of the batch, (B,), as it comes; not with beams. An object with `put` and `end` is
                given the prompts too, and told when all is there.
            use_cache: whether to keep keys and values; without, everything is read again for each token.
            return_dict_in_generate: whether to return a `GenerateOutput`, whose `sequences` these are.
            output_scores, output_logits: whether it has what each token was chosen by, see there.
            settings: of `GenerationSettings`: max_new_tokens, do_sample, temperature, top_k, top_p, repetition_penalty,
                no_repeat_ngram_size, num_beams, eos_token_id, …. What is not given is what the folder of the model says
                (`generation_config.json`); ends and padding are then the configuration's.

        Raises:
            RangeError: a setting out of range, or scores asked for where only ids are returned.
            DTypeError: no tensor.
            ShapeError: no prompt, not a batch of them, or more positions than the model has.
            TypeError: a setting that there is not.
        """
        if not isinstance(input_ids, Tensor):
            raise DTypeError(
                f"generate: the prompts are a tensor of tokens (B, T), found {type(input_ids).__name__}\n"
                '  hint: batch = tokenizer([text], return_tensors="cr"), then model.generate(**batch)'
            )
        if input_ids.ndim != 2:
            raise ShapeError(
                f"generate: the prompts are (B, T), found shape {tuple(input_ids.shape)}\n"
                "  hint: one prompt is a batch of one: input_ids.unsqueeze(0)"
            )
        given = getattr(self, "generation", {})
        wanted = GenerationSettings.of(settings, given, self.config)
        T = input_ids.shape[1]
        new = wanted.new(T)
        if not T or new < 0:
            raise ShapeError(
                f"generate: the prompt must have a token, and max_new_tokens not be negative, found {T} and {new}"
            )
        if streamer is not None and wanted.num_beams > 1:
            raise RangeError("generate: a streamer needs num_beams=1: beams may change their past")
        if (output_scores or output_logits) and not return_dict_in_generate:
            raise RangeError(
                "generate: output_scores and output_logits need return_dict_in_generate=True"
            )
        if self.most_positions is not None and T + new > self.most_positions:
            raise ShapeError(
                f"generate: {T} tokens and {new} more are more than the model's {self.most_positions} positions"
            )
        mask = wanted.seen(input_ids) if attention_mask is None else attention_mask.to(int64)
        told = GenerateOutput.asked(output_scores, output_logits)
        if hasattr(streamer, "put"):
            streamer.put(input_ids)
        was_training = self.training
        self.eval()
        try:
            with no_grad():
                if wanted.num_beams > 1:
                    ids = self._beams(input_ids, mask, wanted, generator, use_cache, told)
                else:
                    tell = getattr(streamer, "put", streamer)
                    ids = self._one_by_one(
                        input_ids, mask, wanted, generator, tell, use_cache, told
                    )
        finally:
            self.train(was_training)
        if hasattr(streamer, "end"):
            streamer.end()
        if not return_dict_in_generate:
            return ids
        return told.of_steps(ids)

    def compute_transition_scores(
        self,
        sequences: Tensor,
        scores: Sequence[Tensor],
        beam_indices: Tensor | None = None,
        normalize_logits: bool = False,
    ) -> Tensor:
        """The score of each token that was added, (B, new): by what it was chosen there. Behind the end of a sequence it is 0.

        Args:
            sequences: (B, T + new), as `generate` returned them.
            scores: the scores of each step (rows, V), likewise.
            beam_indices: (B, new), likewise, if there were beams.
            normalize_logits: make log-probabilities of the scores; those of beams are.

        Example:
            >>> config = models.GPT2Config(vocab_size=7, n_positions=8, n_embd=6, n_layer=1, n_head=3, eos_token_id=None)
            >>> model = models.GPT2LMHeadModel(config)
            >>> out = model.generate(
            ...     cr.tensor([[1, 2]]), max_new_tokens=3, num_beams=2, return_dict_in_generate=True, output_scores=True
            ... )
            >>> each = model.compute_transition_scores(out.sequences, out.scores, out.beam_indices)
            >>> cr.allclose(each.sum(1) / 3, out.sequences_scores)
            True
        """
        said = stack(list(scores))  # (new, rows, V)
        if normalize_logits:
            said = F.log_softmax(said, dim=-1)
        rows = arange(len(sequences)).unsqueeze(1).expand(-1, len(said))
        if beam_indices is not None:
            rows = beam_indices[:, : int((beam_indices >= 0).sum(1).max())]
        steps = rows.shape[1]
        tokens = sequences[:, sequences.shape[1] - steps :]
        found = said[arange(steps), rows.clamp(min=0), tokens]  # (B, new)
        return where(rows < 0, 0.0, found)

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
        ids: Tensor,
        mask: Tensor,
        wanted: GenerationSettings,
        generator: Generator | None,
        tell: Callable[[Tensor], Any] | None,
        use_cache: bool,
        told: GenerateOutput,
    ) -> Tensor:
        ids, mask = [x.repeat_interleave(wanted.num_return_sequences, 0) for x in (ids, mask)]
        B, T = ids.shape
        new = wanted.new(T)
        cache = self._room(B, T + new) if use_cache else None
        ended = zeros(B, dtype=int64) != 0
        for _ in range(new):
            raw = self._next(ids, mask, cache)
            logits = wanted.adjusted(raw, ids, mask, T, self.rule)
            told.note(logits, raw)
            draws = wanted.do_sample
            token = _drawn(logits, 1, generator)[:, 0] if draws else logits.argmax(-1)  # (B,)
            token = where(ended, wanted.pad, token)
            for end in wanted.ends:
                ended = ended | (token == end)
            ids = cat([ids, token.unsqueeze(1)], dim=1)
            mask = cat([mask, ones(B, 1, dtype=int64)], dim=1)
            if tell is not None:
                tell(token)
            if bool(ended.all()):
                break
        return ids

    def _beams(
        self,
        ids: Tensor,
        mask: Tensor,
        wanted: GenerationSettings,
        generator: Generator | None,
        use_cache: bool,
        told: GenerateOutput,
    ) -> Tensor:
        """The most likely of several sequences: at each step the best continuations of all of them are kept, and those
        that end are put aside, until it is decided that none that goes on can be better.
        """
        beams, ends, (B, T) = wanted.num_beams, wanted.ends, ids.shape
        new = wanted.new(T)
        ids, mask = ids.repeat_interleave(beams, 0), mask.repeat_interleave(beams, 0)
        cache = self._room(B * beams, T + new) if use_cache else None
        scores = full((B, beams), -math.inf)
        scores[:, 0] = 0.0  # all beams begin alike: only one may speak
        searches = [_Search(wanted, new) for _ in range(B)]
        paths: list[list[int]] = [
            [] for _ in range(B * beams)
        ]  # which row said each token of a row
        for step in range(1, new + 1):
            raw = self._next(ids, mask, cache)
            known = F.log_softmax(raw.float(), dim=-1)
            logits = wanted.adjusted(known, ids, mask, T, self.rule)
            told.note(logits, raw)
            V = logits.shape[-1]
            total = (scores.reshape(-1, 1) + logits).reshape(B, beams * V)
            count = max(2, 1 + len(ends)) * beams
            if wanted.do_sample:
                picked = _drawn(total, count, generator)
                values, order = total.gather(1, picked).sort(dim=1, descending=True)
                picked = picked.gather(1, order)
            else:
                values, picked = total.topk(count, dim=1)
            rows, tokens, best = [], [], []
            for b, search in enumerate(searches):
                found = zip(values[b].tolist(), picked[b].tolist(), strict=True)
                free = []
                for rank, (value, place) in enumerate(found):
                    row, token = b * beams + place // V, place % V
                    if token not in ends:
                        free.append((value, row, token))
                    elif rank < beams:
                        search.put(value, step, [*ids[row].tolist(), token], [*paths[row], row])
                    if len(free) == beams:
                        break
                search.judge(free[0][0], step)
                best += [value for value, _, _ in free]
                rows += [row for _, row, _ in free]
                tokens += [token for _, _, token in free]
            at = tensor(rows, dtype=int64)
            paths = [[*paths[row], row] for row in rows]
            scores = tensor(best, dtype=scores.dtype).reshape(B, beams)
            ids = cat([ids.index_select(0, at), tensor(tokens, dtype=int64).unsqueeze(1)], dim=1)
            mask = cat([mask.index_select(0, at), ones(B * beams, 1, dtype=int64)], dim=1)
            if cache is not None:
                cache.choose(at)
            if all(search.over for search in searches):
                break
        for b, search in enumerate(searches):
            for k in range(beams):
                row = b * beams + k
                search.put(scores[b, k].item(), ids.shape[1] - T, ids[row].tolist(), paths[row])
        found = [one for search in searches for one in search.best()]
        if "scores" in told:
            told["sequences_scores"] = tensor([value for value, _, _ in found], dtype=scores.dtype)
            steps = max(len(path) for _, _, path in found)
            padded = [path + [-1] * (steps - len(path)) for _, _, path in found]
            told["beam_indices"] = tensor(padded, dtype=int64)
        answers = [text for _, text, _ in found]
        longest = max(len(a) for a in answers)
        return tensor([a + [wanted.pad] * (longest - len(a)) for a in answers], dtype=int64)


class _Search:
    """The sequences of one prompt that ended, the best first."""

    def __init__(self, wanted: GenerationSettings, new: int):
        self.wanted, self.new, self.over = wanted, new, False
        self.ended: list[tuple[float, list[int], list[int]]] = []

    def put(self, value: float, length: int, text: list[int], path: list[int]) -> None:
        """One that ended, of some log-probability and length of what was added, and the row that said each token of that; not when
        all is over.
        """
        if not self.over and length:
            self.ended.append((value / length**self.wanted.length_penalty, text, path))

    def judge(self, best: float, length: int) -> None:
        """Whether all is over, by the best log-probability of those that go on."""
        beams, early = self.wanted.num_beams, self.wanted.early_stopping
        self.ended = sorted(self.ended, key=lambda found: -found[0])[:beams]
        if len(self.ended) < beams or self.over:
            return
        if early == "never" and self.wanted.length_penalty > 0:
            length = self.new  # of negative numbers the longest has the best quotient
        hope = best / length**self.wanted.length_penalty
        self.over = early is True or self.ended[-1][0] >= hope

    def best(self) -> list[tuple[float, list[int], list[int]]]:
        """As many as are wanted, with what they are compared by."""
        found = sorted(self.ended, key=lambda found: -found[0])
        return found[: self.wanted.num_return_sequences]


def _drawn(logits: Tensor, count: int, generator: Generator | None) -> Tensor:
    """Tokens drawn without replacement, (B, count)."""
    return multinomial(F.softmax(logits, dim=-1), count, generator=generator)
