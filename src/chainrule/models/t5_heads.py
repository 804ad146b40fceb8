"""What T5 is asked besides a text: a class of a text, a class of each token, where an answer stands.

B batch, T time, C channels.   Source: checkpoints as Hugging Face's `T5ForSequenceClassification` and its relatives have them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Linear, Module, init
from ..tensors import Tensor, arange, int64
from .heads import ClassifiesTexts, ClassifiesTokens, FindsSpans, WithHead
from .output import BaseOutput, Output, Seq2SeqModelOutput, Seq2SeqOutput, Seq2SeqSpanOutput
from .pretrained import architecture
from .t5 import T5Config, T5EncoderModel, T5Model, T5PreTrained

__all__ = ["T5ForQuestionAnswering", "T5ForSequenceClassification", "T5ForTokenClassification"]


class T5ClassificationHead(Module):
    """A small network behind the state of a text's end."""

    def __init__(self, config: T5Config):
        super().__init__()
        C, factor = config.d_model, config.initializer_factor
        self.dense, self.out_proj = Linear(C, C), Linear(C, len(config.id2label))
        self.dropout = Dropout(config.classifier_dropout)
        for part in (self.dense, self.out_proj):
            init.normal_(part.weight, std=factor * C**-0.5)
            init.zeros_(part.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) → (B, classes)."""
        return self.out_proj(self.dropout(self.dense(self.dropout(x)).tanh()))


class T5ReadsTwice(WithHead, T5PreTrained):
    """What the heads behind the decoder share: it is given what the encoder reads, one step later."""

    def read(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        *given: Any,
        **settings: Any,
    ) -> Seq2SeqModelOutput:
        """As of `T5ForConditionalGeneration.forward`."""
        if decoder_input_ids is None and input_ids is not None:
            decoder_input_ids = self.shifted(input_ids)
        model = getattr(self, self.base_model_prefix, self.read_and_write)
        return model(input_ids, attention_mask, decoder_input_ids, *given, **settings)


@architecture
class T5ForSequenceClassification(ClassifiesTexts, T5ReadsTwice):
    """T5 that classifies texts: the decoder reads the input too, and its state at the last end token counts; logits (B, classes)."""

    output: ClassVar[type[Output]] = Seq2SeqOutput

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.transformer = T5Model(config)
        self.classification_head = T5ClassificationHead(config)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes).

        Raises:
            ShapeError: texts that do not have the same number of end tokens, or none.
        """
        end = self.config.eos_token_id
        if input_ids is None:
            raise ShapeError("T5ForSequenceClassification: where texts end is told by input_ids")
        ends = (input_ids == end).to(int64)  # (B, T)
        counts = set(ends.sum(dim=1).tolist())
        if len(counts) != 1 or 0 in counts:
            raise ShapeError(
                f"T5: every text must have the same number of end tokens ({end}), found {sorted(counts)}"
            )
        B, T = ends.shape
        last = (arange(T) * ends).argmax(dim=1)  # (B,)
        return self.classification_head(out.last_hidden_state[arange(B), last])


@architecture
class T5ForTokenClassification(ClassifiesTokens, T5PreTrained):
    """T5's encoder that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    left_over = r"transformer\.decoder\..*"

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.transformer = T5EncoderModel(config)
        self.dropout = Dropout(config.classifier_dropout)
        self.classifier = Linear(config.d_model, len(config.id2label))
        init.normal_(self.classifier.weight, std=config.initializer_factor)
        init.zeros_(self.classifier.bias)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, classes)."""
        return self.classifier(self.dropout(out.last_hidden_state))


@architecture
class T5ForQuestionAnswering(FindsSpans, T5ReadsTwice):
    """T5 that tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T), of the decoder."""

    output: ClassVar[type[Output]] = Seq2SeqSpanOutput

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.stacks(config)
        self.qa_outputs = Linear(config.d_model, 2)
        init.normal_(self.qa_outputs.weight, std=config.initializer_factor * config.d_model**-0.5)
        init.zeros_(self.qa_outputs.bias)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, 2)."""
        return self.qa_outputs(out.last_hidden_state)
