"""What models return: fields under the names that Hugging Face gives them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

__all__ = [
    "BaseOutput", "CLIPOutput", "CLIPTowerOutput", "CausalLMOutput", "ClassifierOutput", "GenerateOutput", "ImageOutput",
    "MoECausalLMOutput", "MoEOutput", "Output", "PreTrainingOutput", "SentenceOrderOutput", "Seq2SeqModelOutput", "Seq2SeqOutput",
    "Seq2SeqSpanOutput", "SpanOutput", "TeacherOutput",
]  # fmt: skip


class Output(dict):
    """The results of a model by name. Fields that were not computed are None as attributes and absent as keys.

    Example:
        >>> out = CausalLMOutput(loss=None, logits=1.5)
        >>> out.logits, out["logits"], out[0], out.loss
        (1.5, 1.5, 1.5, None)
    """

    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *given: Any, **values: Any):
        found = dict(*given, **values)
        unknown = sorted(set(found) - set(self.fields))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no fields {unknown}; it has {self.fields}")
        super().__init__({k: found[k] for k in self.fields if found.get(k) is not None})

    def __getattr__(self, name: str) -> Any:
        if name in type(self).fields:
            return self.get(name)
        raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {self.fields}")

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    @classmethod
    def of(cls, out: Output, **values: Any) -> Self:
        """What a head says, and of what it was told by the model the fields that both have."""
        return cls({k: v for k, v in out.items() if k in cls.fields}, **values)

    def to_tuple(self) -> tuple:
        """The fields that were computed, in order."""
        return tuple(self.values())


class BaseOutput(Output):
    """A model without a head: `last_hidden_state` (B, T, C); `pooler_output` (B, C); `past_key_values`, a cache;
    `hidden_states`, before the first block and after each, (B, T, C) each; `attentions`, (B, H, T, S) each, and to an encoder's
    states `cross_attentions`.
    """

    fields = (
        "last_hidden_state", "pooler_output", "past_key_values", "hidden_states", "attentions", "cross_attentions",
    )  # fmt: skip


class MoEOutput(BaseOutput):
    """A model with experts: also `router_logits`, (B · T, experts) of each layer that has some."""

    fields = (*BaseOutput.fields, "router_logits")


class CausalLMOutput(Output):
    """A language model: `loss` in nats per token; `logits` (B, T, V); the others as of `BaseOutput`."""

    fields = (
        "loss", "logits", "past_key_values", "hidden_states", "attentions", "cross_attentions",
    )  # fmt: skip


class MoECausalLMOutput(CausalLMOutput):
    """A language model with experts: also `aux_loss`, least when all experts are chosen alike, and `router_logits`."""

    fields = ("loss", "aux_loss", *CausalLMOutput.fields[1:], "router_logits")


class ClassifierOutput(Output):
    """A model that classifies: `loss` in nats; `logits` (B, classes), (B, T, classes) or (B, T, V); the others as of
    `BaseOutput`.
    """

    fields = ("loss", "logits", "past_key_values", "hidden_states", "attentions")


class TeacherOutput(Output):
    """A model that was taught by another: `logits` (B, classes), the mean of `cls_logits` and `distillation_logits`; the others as of
    `BaseOutput`.
    """

    fields = ("logits", "cls_logits", "distillation_logits", "hidden_states", "attentions")


class ImageOutput(Output):
    """A model that paints: `loss`; `reconstruction` (B, channels, H, W); the others as of `BaseOutput`."""

    fields = ("loss", "reconstruction", "hidden_states", "attentions")


class SpanOutput(Output):
    """A model that finds an answer in a text: `loss` in nats; `start_logits` and `end_logits` (B, T); the others as of
    `BaseOutput`.
    """

    fields = (
        "loss", "start_logits", "end_logits", "past_key_values", "hidden_states", "attentions",
    )  # fmt: skip


class PreTrainingOutput(Output):
    """BERT as it is trained first: `loss` in nats; `prediction_logits` (B, T, V) of words; `seq_relationship_logits` (B, 2),
    whether the second sentence follows the first; the others as of `BaseOutput`.
    """

    fields = (
        "loss", "prediction_logits", "seq_relationship_logits", "hidden_states", "attentions",
    )  # fmt: skip


class SentenceOrderOutput(Output):
    """ALBERT as it is trained first: `loss` in nats; `prediction_logits` (B, T, V) of words; `sop_logits` (B, 2), whether two pieces
    stand in their order; the others as of `BaseOutput`.
    """

    fields = ("loss", "prediction_logits", "sop_logits", "hidden_states", "attentions")


class Seq2SeqModelOutput(Output):
    """An encoder and a decoder without a head: the decoder's `last_hidden_state` (B, T, C); what it keeps; states and
    attentions of both, as of `BaseOutput`.
    """

    fields = (
        "last_hidden_state", "past_key_values", "decoder_hidden_states", "decoder_attentions", "cross_attentions",
        "encoder_last_hidden_state", "encoder_hidden_states", "encoder_attentions",
    )  # fmt: skip


class Seq2SeqOutput(Output):
    """An encoder and a decoder: `loss` in nats per token; `logits` (B, T, V); what the decoder keeps; states and
    attentions of both, as of `BaseOutput`.
    """

    fields = (
        "loss", "logits", "past_key_values", "decoder_hidden_states", "decoder_attentions", "cross_attentions",
        "encoder_last_hidden_state", "encoder_hidden_states", "encoder_attentions",
    )  # fmt: skip


class Seq2SeqSpanOutput(Output):
    """An encoder and a decoder that find an answer in a text: `loss` in nats; `start_logits` and `end_logits` (B, T); the others as of
    `Seq2SeqOutput`.
    """

    fields = (
        "loss", "start_logits", "end_logits", "past_key_values", "decoder_hidden_states", "decoder_attentions",
        "cross_attentions", "encoder_last_hidden_state", "encoder_hidden_states", "encoder_attentions",
    )  # fmt: skip


class GenerateOutput(Output):
    """What was written: `sequences` (B, T + new) int64; of each step `scores` (B, V), by which its token was chosen, settings applied,
    and `logits`, as the model gave them. Of beams, whose scores are log-probabilities (B · beams, V), also `sequences_scores` (B,), by
    which sequences are compared, and `beam_indices` (B, new): of which row of the scores each token is, −1 behind the end.
    """

    fields = ("sequences", "sequences_scores", "scores", "logits", "beam_indices")

    @classmethod
    def asked(cls, scores: bool, logits: bool) -> Self:
        """One in which nothing stands yet of what is wanted."""
        return cls(scores=[] if scores else None, logits=[] if logits else None)

    def note(self, scores: Any, logits: Any) -> None:
        """Write a step down, as far as it is wanted."""
        for name, value in (("scores", scores), ("logits", logits)):
            if name in self:
                self[name].append(value)

    def of_steps(self, sequences: Any) -> Self:
        """All that was written down."""
        steps = {k: tuple(v) if isinstance(v, list) else v for k, v in self.items()}
        return type(self)(steps, sequences=sequences)


class CLIPTowerOutput(Output):
    """One tower and its projection: `text_embeds` or `image_embeds` (B, P), of any length; the others as of `BaseOutput`."""

    fields = (
        "text_embeds", "image_embeds", "last_hidden_state", "hidden_states", "attentions",
    )  # fmt: skip


class CLIPOutput(Output):
    """Images beside texts: `loss` in nats; `logits_per_image` (images, texts) and `logits_per_text`, its transpose;
    `text_embeds` and `image_embeds` of length 1; the outputs of both towers.
    """

    fields = (
        "loss", "logits_per_image", "logits_per_text", "text_embeds", "image_embeds", "text_model_output",
        "vision_model_output",
    )  # fmt: skip
