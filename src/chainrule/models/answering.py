"""Text from an encoder and a decoder: the input is read once, and the decoder is a model of what it writes.

read (B, S) → the encoder's states → `Answer`, which has the states and is given what was written → `Generates.generate`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nn import Module
from ..tensors import Generator, Tensor, full, int64, no_grad, ones
from .cache import Cache
from .choosing import GenerationSettings
from .generation import Generates
from .output import BaseOutput, CausalLMOutput

__all__ = ["Answer", "Answers"]


class Answers(Module):
    """An encoder and a decoder that write. Besides `forward` they have `encode` and `cache(batch, longest)`."""

    config: Any
    generation: dict[str, Any]
    cache: Callable[[int, int], Cache]
    encode: Callable[..., BaseOutput]
    compute_transition_scores = Generates.compute_transition_scores

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
        """What the model writes when it has read something: (B · num_return_sequences, 1 + new), the start token included.

        Args:
            input_ids: what is read, (B, S) int64.
            attention_mask: (B, S), 0 where there is padding; None: where there is `pad_token_id`, if that is no end.
            generator, streamer, use_cache, return_dict_in_generate, output_scores, output_logits, settings: those of
                `Generates.generate`.
        """
        first = self.generation.get("decoder_start_token_id")
        first = self.config.start_token if first is None else first
        start = full((input_ids.shape[0], 1), first, dtype=int64)
        if attention_mask is None:
            wanted = GenerationSettings.of(settings, self.generation, self.config)
            attention_mask = wanted.seen(input_ids)
        with no_grad():
            answer = Answer(self, input_ids, attention_mask)
        written = ones(*start.shape, dtype=int64)  # the start token may be that of padding
        return answer.generate(
            start, attention_mask=written, generator=generator, streamer=streamer, use_cache=use_cache,
            return_dict_in_generate=return_dict_in_generate, output_scores=output_scores, output_logits=output_logits, **settings,
        )  # fmt: skip


class Answer(Generates):
    """A model that has read something, as a model of what it writes."""

    most_positions = None

    def __init__(self, model: Answers, read: Tensor, mask: Tensor | None):
        super().__init__()
        self.model, self.config, self.mask = model, model.config, mask
        self.generation = model.generation
        self.training = model.training
        model.eval()
        try:
            self.states = model.encode(read, mask).last_hidden_state  # (B, S, C)
        finally:
            model.train(self.training)

    def forward(
        self,
        ids: Tensor,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """What was written, (B · beams, T) → the logits of what comes next. Positions are counted, as T5 looks at distances."""
        beams = ids.shape[0] // self.states.shape[0]
        states, mask = [
            x if x is None or beams == 1 else x.repeat_interleave(beams, 0)
            for x in (self.states, self.mask)
        ]
        out = self.model(
            attention_mask=mask,
            decoder_input_ids=ids,
            decoder_attention_mask=attention_mask,
            encoder_outputs=(states,),
            past_key_values=past_key_values,
        )
        return CausalLMOutput(logits=out.logits[:, -logits_to_keep:])

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for what is written."""
        return self.model.cache(batch, longest)
