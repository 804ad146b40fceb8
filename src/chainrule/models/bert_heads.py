"""What BERT is asked: a masked word, the next word, whether a sentence follows, a class, a choice, where an answer stands.

    BertModel → states (B, T, C), or the pooled one (B, C) → a head → logits

B batch, T time, C channels, V vocabulary.   Source: Devlin, Chang, Lee & Toutanova 2019, sections 3.1 and 4.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn import Dropout, LayerNorm, Linear, Module, Parameter, init
from ..tensors import Tensor, zeros
from .activations import activation
from .bert import BertConfig, BertModel, BertPreTrained
from .heads import (
    Chooses,
    ClassifiesTexts,
    ClassifiesTokens,
    FindsSpans,
    WithHead,
    WritesOn,
    flat_loss,
)
from .output import BaseOutput, PreTrainingOutput
from .pretrained import architecture

__all__ = [
    "BertForMaskedLM", "BertForMultipleChoice", "BertForNextSentencePrediction", "BertForPreTraining",
    "BertForQuestionAnswering", "BertForSequenceClassification", "BertForTokenClassification", "BertLMHeadModel",
]  # fmt: skip


class BertTransform(Module):
    """A linear map, activation and norm before words are told."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense, self.act = (
            Linear(config.hidden_size, config.hidden_size),
            activation(config.hidden_act),
        )
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.LayerNorm(self.act(self.dense(x)))


class BertPredictions(Module):
    """Logits of words."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.transform = BertTransform(config)
        self.decoder = Linear(config.hidden_size, config.vocab_size)
        self.bias = Parameter(zeros(config.vocab_size))
        if config.tie_word_embeddings:
            self.decoder.bias = self.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.decoder(self.transform(x))


class BertHeads(Module):
    """What tells words, whether the second sentence follows the first, or both, under the checkpoints' names."""

    def __init__(self, config: BertConfig, words: bool, follows: bool):
        super().__init__()
        if words:
            self.predictions = BertPredictions(config)
        if follows:
            self.seq_relationship = Linear(config.hidden_size, 2)


class BertWithHead(WithHead, BertPreTrained):
    """What the models with a head share: the model behind which it stands, under its name."""

    model_class: ClassVar[type[BertModel]] = BertModel
    pooled: ClassVar[bool] = False
    """Whether the head is told the pooled state."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        body = self.model_class(config, add_pooling_layer=self.pooled)
        setattr(self, self.base_model_prefix, body)


class BertWithWords(BertWithHead):
    """What the models that tell words share: logits (B, T, V) of a head whose weights are the embeddings'."""

    tied: ClassVar = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }
    words_out = "cls.predictions.decoder"

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.cls = BertHeads(config, words=True, follows=self.pooled)
        if self.pooled:
            self.start(self.cls.seq_relationship)
        if config.tie_word_embeddings:
            self.cls.predictions.decoder.weight = self.get_input_embeddings().weight
        else:
            init.normal_(self.cls.predictions.decoder.weight, std=config.initializer_range)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.cls.predictions(out.last_hidden_state)


@architecture
class BertForMaskedLM(ClassifiesTokens, BertWithWords):
    """BERT that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""


@architecture
class BertLMHeadModel(WritesOn, BertWithWords):
    """BERT that writes, with `is_decoder`: the logits (B, T, V) of the next token at every position."""

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.most_positions


@architecture
class BertForPreTraining(BertWithWords):
    """BERT as it is trained first: `prediction_logits` (B, T, V) of words, and `seq_relationship_logits` (B, 2): does the second
    sentence follow the first (0), or is it any other (1)?
    """

    pooled = True

    def forward(
        self,
        *given: Any,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        **settings: Any,
    ) -> PreTrainingOutput:
        """With `labels` (B, T) and `next_sentence_label` (B,) the sum of both losses; the others as of `BertModel.forward`."""
        out = self.read(*given, **settings)
        words, follows = self.logits(out, None), self.cls.seq_relationship(out.pooler_output)
        loss = None
        if labels is not None and next_sentence_label is not None:
            loss = flat_loss(words, labels) + flat_loss(follows, next_sentence_label)
        return PreTrainingOutput.of(
            out, loss=loss, prediction_logits=words, seq_relationship_logits=follows
        )


@architecture
class BertForNextSentencePrediction(ClassifiesTokens, BertWithHead):
    """BERT that tells whether the second sentence follows the first (0) or is any other (1): logits (B, 2)."""

    pooled = True

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.cls = BertHeads(config, words=False, follows=True)
        self.start(self.cls)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, C) → (B, 2)."""
        return self.cls.seq_relationship(out.pooler_output)


class BertClassifier(BertWithHead):
    """What the heads that classify share: dropout and a linear map."""

    def __init__(self, config: BertConfig, classes: int | None = None):
        super().__init__(config)
        classes = len(config.id2label) if classes is None else classes
        self.dropout = Dropout(config.head_dropout)
        self.classifier = Linear(config.hidden_size, classes)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """Of the pooled state, (B, C) → (B, classes), or of every token, (B, T, C) → (B, T, classes)."""
        x = out.pooler_output if self.pooled else out.last_hidden_state
        return self.classifier(self.dropout(x))


@architecture
class BertForSequenceClassification(ClassifiesTexts, BertClassifier):
    """BERT that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""

    pooled = True


@architecture
class BertForTokenClassification(ClassifiesTokens, BertClassifier):
    """BERT that classifies every token: logits (B, T, classes); a label of −100 is passed over."""


@architecture
class BertForMultipleChoice(Chooses, BertClassifier):
    """BERT that chooses one of several texts: of `input_ids` (B, choices, T) logits (B, choices)."""

    pooled = True

    def __init__(self, config: BertConfig):
        super().__init__(config, 1)


@architecture
class BertForQuestionAnswering(FindsSpans, BertWithHead):
    """BERT that tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.qa_outputs = Linear(config.hidden_size, 2)
        self.start(self.qa_outputs)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, 2)."""
        return self.qa_outputs(out.last_hidden_state)
