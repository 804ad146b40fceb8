"""What was said, as text: how a model that listens writes.

    start, <|language|>, <|task|>, <|notimestamps|> → tokens, until the end
    start, <|language|>, <|task|> → <|0.00|> tokens <|2.40|><|2.40|> tokens …      with times, in steps of 0.02 s

What the tokens are called stands in the folder's `generation_config.json`; a folder without them knows its start alone. A language that
nobody tells is heard. With times any length is written: thirty seconds are heard, then what begins at the last time that was written.

B batch, V vocabulary.   Source: Radford et al. 2022, sections 2.3 and 4.5, without the second tries at other temperatures.
"""

from __future__ import annotations

import math
from typing import Any

from ..base.errors import FormatError, RangeError, ShapeError
from ..nn import functional as F
from ..tensors import Tensor, cat, full, int64, no_grad, ones, tensor, where, zeros
from .answering import Answer, Answers
from .choosing import GenerationSettings
from .languages import CODES
from .timing import STEP, Times, segments_of

__all__ = ["Transcribes"]

SUPPRESSED = ("suppress_tokens", "begin_suppress_tokens")
"""What never comes, or not first: older folders say it in `config.json`."""


class Transcribes(Answers):
    """A model that listens and writes. `generate` is given spectrograms."""

    def generate(
        self,
        input_features: Tensor,
        *,
        attention_mask: Tensor | None = None,
        language: str | list[str] | None = None,
        task: str | None = None,
        return_timestamps: bool | None = None,
        return_segments: bool = False,
        streamer: Any = None,
        **settings: Any,
    ) -> Any:
        """What was said, (B, new) int64, without what the decoder was given first and without the end.

        Args:
            input_features: log-mel spectrograms (B, M, 2 S); longer ones with `return_timestamps` alone.
            attention_mask: (B, frames), 1 where there is sound: how far longer sounds are heard. Without effect on one piece.
            language: "en", "english" or "<|en|>", one for all or one for each; None: it is heard, if the folder has languages.
            task: "transcribe" or "translate" (into English).
            return_timestamps: whether times are written between the words; what the folder says if None.
            return_segments: whether to return `{"sequences": …, "segments": …}`: of each sound what was said from when to when, dicts of
                "start" and "end" (seconds) and "tokens".
            streamer: as of `Generates.generate`; without times alone.
            settings: those of `Generates.generate`.

        Raises:
            RangeError: a language, task or times that the folder does not have.
            ShapeError: more than thirty seconds without times.
        """
        said, frames = self.generation, 2 * self.config.max_source_positions
        times = said.get("return_timestamps") if return_timestamps is None else return_timestamps
        long = input_features.shape[-1] > frames
        if long and times is None:
            times = True
        if times and self.plain is None:
            raise RangeError(
                "generate: return_timestamps is for folders whose generation_config.json has no_timestamps_token_id"
            )
        if (long or return_segments) and not times:
            raise ShapeError(
                f"generate: {input_features.shape[-1]} frames are more than the {frames} of one piece, or segments were asked for; "
                "both are written with return_timestamps=True"
            )
        if not times:
            heard = self.heard(input_features)
            prompt = self.prompt(heard, language, task, False)
            return self.write(heard, prompt, streamer, settings)
        if streamer is not None:
            raise RangeError("generate: a streamer is for texts without times")
        parts = self.each(input_features, attention_mask if long else None, language)
        rows = [self.piece_by_piece(x, y, task, settings) for x, y in parts]
        longest = max(len(tokens) for tokens, _ in rows)
        filler = self.filler
        padded = [tokens + [filler] * (longest - len(tokens)) for tokens, _ in rows]
        found = tensor(padded, dtype=int64).reshape(len(rows), longest)
        return {"sequences": found, "segments": [s for _, s in rows]} if return_segments else found

    @property
    def filler(self) -> int:
        """What follows a text that has ended before others."""
        pad = self.generation.get("pad_token_id", self.config.pad_token_id)
        return 0 if pad is None else pad

    def each(
        self, features: Tensor, mask: Tensor | None, language: Any
    ) -> list[tuple[Tensor, Any]]:
        """Every sound by itself, as far as it is one, with its language."""
        B, _, frames = features.shape
        several = language if isinstance(language, (list, tuple)) else [language] * B
        self.need(len(several) == B, f"{B} sounds need as many languages, found {len(several)}")
        lengths = [frames] * B if mask is None else (mask != 0).sum(dim=1).tolist()
        return [(features[k : k + 1, :, : lengths[k]], several[k]) for k in range(B)]

    @property
    def plain(self) -> int | None:
        """The token that says that no times are wanted, the last before those of times.

        Raises:
            FormatError: it is no token.
        """
        found, most = self.generation.get("no_timestamps_token_id"), self.config.vocab_size
        if found is not None and not (type(found) is int and 0 <= found < most - 1):
            raise FormatError(
                f"generation_config.json: key 'no_timestamps_token_id': expected a token below {most - 1}, found {found!r:.80}"
            )
        return found

    def table(self, key: str) -> dict[str, int]:
        """Tokens by names, of the folder's `generation_config.json`.

        Raises:
            FormatError: something else stands there, or a token that there is not.
        """
        found = self.generation.get(key) or {}
        most = self.config.vocab_size
        if not isinstance(found, dict) or not all(
            type(v) is int and 0 <= v < most for v in found.values()
        ):
            raise FormatError(
                f"generation_config.json: key {key!r}: expected tokens below {most} by their names, found {found!r:.80}"
            )
        return found

    def need(self, holds: bool, words: str) -> None:
        """Raise unless something holds."""
        if not holds:
            raise RangeError(f"generate: {words}")

    def heard(self, features: Tensor) -> Answer:
        """What writes about some sounds (B, M, 2 S)."""
        with no_grad():
            return TranscriptionAnswer(self, features, None)

    def write(self, heard: Answer, prompt: Tensor, streamer: Any, settings: dict[str, Any]) -> Any:
        """The tokens behind a prompt (B, k); where all is asked for, what `Generates.generate` returns."""
        k, most = prompt.shape[1], self.config.max_target_positions
        if not self.generation:  # older folders say it among the sizes
            old = {name: getattr(self.config, name, None) for name in SUPPRESSED}
            settings = {**old, **settings}
        if settings.get("max_new_tokens") is None:
            longest = settings.get("max_length", self.generation.get("max_length"))
            longest = 20 + k if longest is None else longest + min(most // 2 - 1, k)
            settings = {**settings, "max_new_tokens": min(longest, most) - k}
        out = heard.generate(
            prompt, attention_mask=ones(*prompt.shape, dtype=int64), streamer=streamer, **settings
        )
        if not isinstance(out, Tensor):
            return out
        ends = heard.ends(settings)
        rows = [_before(row, ends) for row in out[:, k:].tolist()]
        longest = max(len(row) for row in rows)
        padded = [row + [self.filler] * (longest - len(row)) for row in rows]
        return tensor(padded, dtype=int64).reshape(len(rows), longest)

    def prompt(self, heard: Answer, language: Any, task: str | None, times: bool) -> Tensor:
        """What the decoder is given first, (B, k): the start, the language, the task, and that no times are wanted."""
        said, B = self.generation, heard.states.shape[0]
        if said.get("is_multilingual") is False and (language is not None or task is not None):
            raise RangeError("generate: language and task are for models of several languages")
        language = said.get("language") if language is None else language
        task = said.get("task") if task is None else task
        first = said.get("decoder_start_token_id", self.config.start_token)
        forced = _forced(said, self.config) if language is None and task is None else []
        parts = [full((B, 1), first, dtype=int64)]
        if language is not None:
            several = [language] * B if isinstance(language, str) else list(language)
            self.need(len(several) == B, f"{B} sounds need as many languages, found {len(several)}")
            parts.append(tensor([[self.language_token(each)] for each in several], dtype=int64))
        elif self.table("lang_to_id") and (not forced or forced[0] is None):
            parts.append(self.detect_language(heard=heard).unsqueeze(1))
            forced = forced[1:]
        tasks = self.table("task_to_id")
        if task is not None:
            self.need(
                task in tasks, f"task is one of {', '.join(tasks) or 'none'}, found {task!r:.40}"
            )
            forced = [tasks[task]]
        elif language is not None and "transcribe" in tasks:
            forced = [tasks["transcribe"]]
        plain = self.plain
        forced = [token for token in forced if token is not None and token != plain]
        if plain is not None and not times:
            forced.append(plain)
        return cat([*parts, *[full((B, 1), token, dtype=int64) for token in forced]], dim=1)

    def language_token(self, language: str) -> int:
        """The token of a language, which may be told by its code, its name, or the token's."""
        known = self.table("lang_to_id")
        name = str(language).lower()
        for found in (name, f"<|{CODES.get(name, name)}|>"):
            if found in known:
                return known[found]
        codes = ", ".join(key.strip("<|>") for key in known)
        raise RangeError(f"generate: language is one of {codes or 'none'}, found {language!r:.40}")

    def detect_language(
        self, input_features: Tensor | None = None, *, heard: Answer | None = None
    ) -> Tensor:
        """The token of the likeliest language of each sound, (B,)."""
        known = self.table("lang_to_id")
        self.need(bool(known), "the folder's generation_config.json has no lang_to_id")
        heard = self.heard(input_features) if heard is None else heard
        first = self.generation.get("decoder_start_token_id", self.config.start_token)
        with no_grad():
            logits = heard(full((heard.states.shape[0], 1), first, dtype=int64)).logits[:, -1]
        column = zeros(logits.shape[-1], dtype=int64)
        for token in known.values():
            column[token] = 1
        return where(column > 0, logits, -math.inf).argmax(dim=-1)

    def piece_by_piece(
        self, features: Tensor, language: Any, task: str | None, settings: dict[str, Any]
    ) -> tuple[list[int], list[dict[str, Any]]]:
        """One sound (1, M, frames) of any length: its tokens, times among them, and its segments."""
        room, total = 2 * self.config.max_source_positions, features.shape[-1]
        begin = (self.plain or 0) + 1
        at, tokens, segments, prompt = 0, [], [], None
        while at < total:
            length = min(room, total - at)
            heard = self.heard(F.pad(features[:, :, at : at + length], (0, room - length)))
            if prompt is None:
                prompt = self.prompt(heard, language, task, True)
            heard.rule = Times(self, prompt.shape[1], heard.ends(settings))
            row = self.write(heard, prompt, None, settings)[0].tolist()
            found, seconds = segments_of(row, begin, at * STEP / 2, length)
            segments += found
            tokens += [token for one in found for token in one["tokens"]]
            at += 2 * seconds if seconds else length  # a time of 0 would be heard again for ever
        return tokens, segments


class TranscriptionAnswer(Answer):
    """A model that has listened, as a model of what it writes; with times, these come as they must."""

    rule: Times | None = None

    def ends(self, settings: dict[str, Any]) -> list[int]:
        """The tokens after which a text ends."""
        given = {k: v for k, v in settings.items() if k == "eos_token_id"}
        return GenerationSettings.of(given, self.generation, self.config).ends

    @property
    def most_positions(self) -> int:
        """The longest text there are positions for."""
        return self.config.max_target_positions


def _before(row: list[int], ends: list[int]) -> list[int]:
    """What stands before the first end."""
    return row[: next((k for k, token in enumerate(row) if token in ends), len(row))]


def _forced(said: dict[str, Any], config: Any) -> list[int | None]:
    """What older folders say of the prompt: pairs of a place, from 1 on, and a token; None: to be heard."""
    pairs = said.get("forced_decoder_ids") or getattr(config, "forced_decoder_ids", None) or []
    good = isinstance(pairs, list) and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    if not good or [p[0] for p in pairs] != list(range(1, len(pairs) + 1)):
        raise FormatError(
            f"key 'forced_decoder_ids': expected pairs of a place, from 1 on, and a token, found {pairs!r:.80}"
        )
    return [token for _, token in pairs]
