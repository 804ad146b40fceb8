"""ELECTRA: BERT that learns to tell which words a small writer has replaced; its embeddings may be narrower than its layers.

    ids → embeddings (B, T, E) → a linear map, if E ≠ C → BERT's layers → for every token: was it replaced?

The writer, which tells masked words, is of this architecture too: `ElectraForMaskedLM`. Both are classes of their own here, as their
checkpoints are.

B batch, T time, E channels of the embeddings (`embedding_size`), C channels, V vocabulary.

Source: Clark, Luong, Le & Manning 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn import Dropout, Identity, LayerNorm, Linear, Module
from ..nn import functional as F
from ..tensors import Tensor
from .activations import activation
from .bert import BertConfig, BertModel, BertPreTrained
from .bert_heads import BertForQuestionAnswering, BertForTokenClassification, BertWithHead
from .config import configuration
from .heads import Chooses, ClassifiesTexts, ClassifiesTokens, WritesOn
from .output import BaseOutput, ClassifierOutput
from .pretrained import architecture
from .roberta import RobertaClassifier

__all__ = [
    "ElectraConfig", "ElectraForCausalLM", "ElectraForMaskedLM", "ElectraForMultipleChoice", "ElectraForPreTraining",
    "ElectraForQuestionAnswering", "ElectraForSequenceClassification", "ElectraForTokenClassification", "ElectraModel",
]  # fmt: skip


@configuration
class ElectraConfig(BertConfig):
    """Sizes and settings; the defaults are those of ELECTRA-small."""

    model_type = "electra"

    embedding_size: int = 128
    hidden_size = 256
    num_attention_heads = 4
    intermediate_size = 1024
    summary_type: str = "first"
    summary_use_proj: bool = True
    summary_activation: str | None = "gelu"
    summary_last_dropout: float = 0.1

    def check(self) -> None:
        """As BERT's; embeddings have channels, and a summary is of a known kind."""
        super().check()
        self.need_positive("embedding_size")
        self.need(
            self.summary_type in SUMMARIES,
            f"summary_type is one of {', '.join(SUMMARIES)}, found {self.summary_type!r:.40}",
        )
        if self.summary_activation:
            self.need_activation(self.summary_activation)

    @property
    def embedded_size(self) -> int:
        """E."""
        return self.embedding_size


class ElectraPreTrained(BertPreTrained):
    """What the models of this file share: names."""

    config_class = ElectraConfig
    base_model_prefix = "electra"
    may_lack = None


@architecture
class ElectraModel(ElectraPreTrained, BertModel):
    """The layers without a head; called as `BertModel` is. Nothing is pooled.

    Example:
        >>> config = models.ElectraConfig(vocab_size=11, embedding_size=4, hidden_size=6, num_hidden_layers=2,
        ...     num_attention_heads=3, intermediate_size=8)
        >>> models.ElectraModel(config)(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
    """

    def __init__(self, config: ElectraConfig, add_pooling_layer: bool = False):
        super().__init__(config, add_pooling_layer)

    def begin(self, config: BertConfig) -> None:
        """The map from the embeddings to the layers, if they are not as wide."""
        narrow = config.embedded_size != config.hidden_size
        if narrow:
            self.embeddings_project = Linear(config.embedded_size, config.hidden_size)
        self.narrow = narrow

    def widened(self, x: Tensor) -> Tensor:
        """(B, T, E) → (B, T, C)."""
        return self.embeddings_project(x) if self.narrow else x


class ElectraWithHead(ElectraPreTrained, BertWithHead):
    """What the models with a head share."""

    model_class = ElectraModel


class ElectraDetector(Module):
    """Whether a token was replaced: a linear map, an activation, and a logit."""

    def __init__(self, config: ElectraConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.act, self.dense_prediction = (
            activation(config.hidden_act),
            Linear(config.hidden_size, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T)."""
        return self.dense_prediction(self.act(self.dense(x))).squeeze(-1)


@architecture
class ElectraForPreTraining(ElectraWithHead):
    """ELECTRA as it is trained first: logits (B, T), positive where a token was replaced."""

    def __init__(self, config: ElectraConfig):
        super().__init__(config)
        self.discriminator_predictions = ElectraDetector(config)
        self.start(self.discriminator_predictions)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B, T), 1 where a token was replaced, the loss of all that is no padding; the others as of
        `BertModel.forward`.
        """
        out = self.read(input_ids, attention_mask, *given, **settings)
        logits, loss = self.discriminator_predictions(out.last_hidden_state), None
        if labels is not None:
            each = F.binary_cross_entropy_with_logits(
                logits, labels.to(logits.dtype), reduction="none"
            )
            if attention_mask is None:
                loss = each.mean()
            else:
                share = (attention_mask == 1).to(each.dtype)
                loss = (each * share).sum() / share.sum()
        return ClassifierOutput.of(out, loss=loss, logits=logits)


class ElectraWords(Module):
    """A linear map to the embeddings' width, GELU, and a norm, before words are told."""

    def __init__(self, config: ElectraConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.embedding_size)
        self.LayerNorm = LayerNorm(config.embedding_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, E)."""
        return self.LayerNorm(F.gelu(self.dense(x)))


class ElectraWithWords(ElectraWithHead):
    """What the models that tell words share: logits (B, T, V) of a head whose weights are the embeddings'."""

    tied: ClassVar = {"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"}
    words_out = "generator_lm_head"

    def __init__(self, config: ElectraConfig):
        super().__init__(config)
        self.generator_predictions = ElectraWords(config)
        self.generator_lm_head = Linear(config.embedding_size, config.vocab_size)
        self.start(self.generator_predictions)
        self.start(self.generator_lm_head)
        if config.tie_word_embeddings:
            self.generator_lm_head.weight = self.get_input_embeddings().weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.generator_lm_head(self.generator_predictions(out.last_hidden_state))


@architecture
class ElectraForMaskedLM(ClassifiesTokens, ElectraWithWords):
    """ELECTRA that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""


@architecture
class ElectraForCausalLM(WritesOn, ElectraWithWords):
    """ELECTRA that writes, with `is_decoder`: the logits (B, T, V) of the next token at every position."""

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.most_positions


@architecture
class ElectraForSequenceClassification(ClassifiesTexts, ElectraWithHead):
    """ELECTRA that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""

    def __init__(self, config: ElectraConfig):
        super().__init__(config)
        self.classifier = RobertaClassifier(config, F.gelu)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return self.classifier(out.last_hidden_state)


@architecture
class ElectraForTokenClassification(ElectraWithHead, BertForTokenClassification):
    """`BertForTokenClassification` with ELECTRA."""


@architecture
class ElectraForQuestionAnswering(ElectraWithHead, BertForQuestionAnswering):
    """`BertForQuestionAnswering` with ELECTRA."""


SUMMARIES = {
    "first": lambda x: x[:, 0],
    "last": lambda x: x[:, -1],
    "mean": lambda x: x.mean(dim=1),
    "cls_index": lambda x: x[:, -1],  # which token is meant may be told nowhere: it is the last
}
"""What is taken of a text's states (B, T, C), by `summary_type`."""


class ElectraSummary(Module):
    """One state of a text: that of a token or the mean, a linear map, an activation."""

    def __init__(self, config: ElectraConfig):
        super().__init__()
        C, name = config.hidden_size, config.summary_activation
        self.summary: Module = Linear(C, C) if config.summary_use_proj else Identity()
        self.take, self.act = SUMMARIES[config.summary_type], activation(name or "linear")
        self.dropout = Dropout(config.summary_last_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, C)."""
        return self.dropout(self.act(self.summary(self.take(x))))


@architecture
class ElectraForMultipleChoice(Chooses, ElectraWithHead):
    """ELECTRA that chooses one of several texts: of `input_ids` (B, choices, T) logits (B, choices)."""

    def __init__(self, config: ElectraConfig):
        super().__init__(config)
        self.sequence_summary = ElectraSummary(config)
        self.classifier = Linear(config.hidden_size, 1)
        self.start(self.sequence_summary)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B · choices, T, C) → (B · choices, 1)."""
        return self.classifier(self.sequence_summary(out.last_hidden_state))
