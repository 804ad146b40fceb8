"""When something was said: times among the tokens that a model of speech writes.

    <|0.00|> tokens <|2.40|><|2.40|> tokens <|3.80|>      in steps of 0.02 s; each pair is where a segment begins and where it ends

B batch, T time, V vocabulary.   Source: Radford et al. 2022, sections 2.3 and 4.5.
"""

from __future__ import annotations

import math
from typing import Any

from ..nn import functional as F
from ..tensors import Tensor, arange, cat, where

__all__ = ["STEP", "Times", "segments_of"]

STEP = 0.02
"""Seconds between two times that can be written: one state of the encoder."""


class Times:
    """Times come in pairs, do not go back, and stand first; where a time is likelier than any word, it is one.

    Args:
        model: of `Transcribes`, whose folder says which tokens are times.
        prompt: how many tokens the decoder was given first.
        ends: the tokens that end a text.
    """

    def __init__(self, model: Any, prompt: int, ends: list[int]):
        said = model.generation
        self.plain, self.prompt = model.plain or 0, prompt
        self.begin, self.latest_first = self.plain + 1, said.get("max_initial_timestamp_index")
        self.end = ends[0] if ends else (model.config.bos_token_id or 0)

    def __call__(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The logits (B, V) after ids (B, T)."""
        V, begin = logits.shape[-1], self.begin
        place = arange(V)
        rows = []
        for row in ids.tolist():
            text = row[self.prompt :]
            was = bool(text) and text[-1] >= begin
            before = len(text) < 2 or text[-2] >= begin
            gone = place == self.plain
            if was:
                gone = gone | (place >= begin if before else place < self.end)
            times = [token for token in text if token >= begin]
            if times:
                least = times[-1] if was and not before else times[-1] + 1
                gone = gone | ((place >= begin) & (place < least))
            if not text:
                gone = gone | (place < begin)
                if self.latest_first is not None:
                    gone = gone | (place > begin + self.latest_first)
            rows.append(gone.unsqueeze(0))
        logits = where(cat(rows), -math.inf, logits)
        known = F.log_softmax(logits.float(), dim=-1)
        time = known[:, begin:].logsumexp(dim=-1, keepdim=True) > known[:, :begin].amax(
            dim=-1, keepdim=True
        )
        return where(time & (place < begin), -math.inf, logits)


def segments_of(
    row: list[int], begin: int, offset: float, frames: int
) -> tuple[list[dict[str, Any]], int | None]:
    """What was said from when to when, and at which time the next piece begins (in steps), None: behind this one.

    Args:
        row: tokens, times among them.
        begin: the token of 0 s.
        offset: seconds before this piece.
        frames: of this piece.
    """
    is_time = [token >= begin for token in row]
    alone = is_time[-2:] == [False, True]
    cuts = [k + 1 for k in range(len(row) - 1) if is_time[k] and is_time[k + 1]]
    if not cuts:
        last: float = frames // 2
        times = [token - begin for token in row if token >= begin]
        if times and times[-1]:
            last = times[-1]
        return [{"start": offset, "end": offset + last * STEP, "tokens": row}], None
    if alone:
        cuts.append(len(row))
    else:
        cuts[-1] += 1  # the last time, so that one knows that it stands twice
    found, before = [], 0
    for k, cut in enumerate(cuts):
        part = row[before:cut]
        end = part[-1 if k + 1 < len(cuts) or alone else -2]
        start, stop = offset + (part[0] - begin) * STEP, offset + (end - begin) * STEP
        found.append({"start": start, "end": stop, "tokens": part})
        before = cut
    return found, None if alone else row[before - 2] - begin
