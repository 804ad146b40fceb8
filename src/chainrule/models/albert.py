"""ALBERT: BERT whose layers share their weights, and whose embeddings are narrow.

    ids → embeddings (B, T, E) → a linear map → the same layer, again and again → states (B, T, C)

There may be several groups of layers (`num_hidden_groups`), each for its part of the depth, and several layers in a group
(`inner_group_num`). It is trained to tell masked words, and whether two pieces of a text stand in their order.

B batch, T time, E channels of the embeddings (`embedding_size`), C channels, V vocabulary.

Source: Lan, Chen, Goodman, Gimpel, Sharma & Soricut 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn import Dropout, LayerNorm, Linear, Module, ModuleList, Parameter
from ..tensors import Tensor, zeros
from .activations import activation
from .bert import BertConfig, BertModel, BertPreTrained, BertSelfAttention
from .bert_heads import (
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertWithHead,
)
from .config import configuration
from .heads import ClassifiesTokens, flat_loss
from .output import BaseOutput, SentenceOrderOutput
from .pretrained import architecture
from .reading import Layers, Reading

__all__ = [
    "AlbertConfig", "AlbertForMaskedLM", "AlbertForMultipleChoice", "AlbertForPreTraining", "AlbertForQuestionAnswering",
    "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertModel",
]  # fmt: skip


@configuration
class AlbertConfig(BertConfig):
    """Sizes and settings; the defaults are those of ALBERT-xxlarge."""

    model_type = "albert"

    vocab_size = 30000
    embedding_size: int = 128
    hidden_size = 4096
    num_hidden_groups: int = 1
    num_attention_heads = 64
    intermediate_size = 16384
    inner_group_num: int = 1
    hidden_act = "gelu_new"
    hidden_dropout_prob = 0.0
    attention_probs_dropout_prob = 0.0
    classifier_dropout_prob: float | None = 0.1
    bos_token_id = 2
    eos_token_id = 3

    def check(self) -> None:
        """As BERT's; there are groups, and no decoder."""
        super().check()
        self.need_positive("embedding_size", "num_hidden_groups", "inner_group_num")
        self.need(not self.is_decoder, "is_decoder: an ALBERT looks both ways alone")

    @property
    def embedded_size(self) -> int:
        """E."""
        return self.embedding_size

    @property
    def head_dropout(self) -> float:
        """The probability of dropout before a class is told."""
        p = self.classifier_dropout_prob
        return self.hidden_dropout_prob if p is None else p


class AlbertAttention(BertSelfAttention):
    """norm(x + attention(x))."""

    def __init__(self, config: AlbertConfig):
        super().__init__(config, 0, across=False)
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.output_dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.LayerNorm(x + self.output_dropout(self.dense(super().forward(x, reading))))


class AlbertLayer(Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: AlbertConfig):
        super().__init__()
        C, wide = config.hidden_size, config.intermediate_size
        self.attention, self.act = AlbertAttention(config), activation(config.hidden_act)
        self.ffn, self.ffn_output = Linear(C, wide), Linear(wide, C)
        self.full_layer_layer_norm = LayerNorm(C, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = self.attention(x, reading)
        return self.full_layer_layer_norm(x + self.ffn_output(self.act(self.ffn(x))))


class AlbertGroup(Module):
    """Layers that follow each other, and may be gone through several times."""

    def __init__(self, config: AlbertConfig):
        super().__init__()
        self.albert_layers = Layers([AlbertLayer(config) for _ in range(config.inner_group_num)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.albert_layers(x, reading)


class AlbertEncoder(Module):
    """The map from the embeddings, and the groups, each of which is gone through as often as its part of the depth says."""

    def __init__(self, config: AlbertConfig):
        super().__init__()
        self.depth, groups = config.num_hidden_layers, config.num_hidden_groups
        self.embedding_hidden_mapping_in = Linear(config.embedding_size, config.hidden_size)
        self.albert_layer_groups = ModuleList([AlbertGroup(config) for _ in range(groups)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, E) → (B, T, C)."""
        x, groups = self.embedding_hidden_mapping_in(x), self.albert_layer_groups
        for k in range(self.depth):
            x = groups[int(k / (self.depth / len(groups)))](x, reading)
        return x


class AlbertPooler(Linear):
    """tanh of a linear map of the first position."""

    def __init__(self, config: BertConfig):
        super().__init__(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, C)."""
        return super().forward(x[:, 0]).tanh()


class AlbertPreTrained(BertPreTrained):
    """What the models of this file share: names."""

    config_class = AlbertConfig
    base_model_prefix = "albert"
    may_lack = r"(albert\.)?pooler\..*|sop_classifier\..*"


@architecture
class AlbertModel(AlbertPreTrained, BertModel):
    """The layers without a head; called as `BertModel` is.

    Example:
        >>> config = models.AlbertConfig(vocab_size=11, embedding_size=4, hidden_size=6, num_hidden_layers=2,
        ...     num_attention_heads=3, intermediate_size=8)
        >>> models.AlbertModel(config)(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
    """

    encoder_class, pooler_class = AlbertEncoder, AlbertPooler


class AlbertWithHead(AlbertPreTrained, BertWithHead):
    """What the models with a head share."""

    model_class = AlbertModel


class AlbertPredictions(Module):
    """Logits of words: a linear map to the embeddings' width, an activation, a norm, and the embeddings again."""

    def __init__(self, config: AlbertConfig):
        super().__init__()
        E = config.embedding_size
        self.dense, self.act = Linear(config.hidden_size, E), activation(config.hidden_act)
        self.LayerNorm = LayerNorm(E, eps=config.layer_norm_eps)
        self.decoder = Linear(E, config.vocab_size)
        self.bias = Parameter(zeros(config.vocab_size))
        if config.tie_word_embeddings:
            self.decoder.bias = self.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.decoder(self.LayerNorm(self.act(self.dense(x))))


class AlbertWithWords(AlbertWithHead):
    """What the models that tell words share: logits (B, T, V) of a head whose weights are the embeddings'."""

    tied: ClassVar = {
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    }
    words_out = "predictions.decoder"

    def __init__(self, config: AlbertConfig):
        super().__init__(config)
        self.predictions = AlbertPredictions(config)
        self.start(self.predictions)
        if config.tie_word_embeddings:
            self.predictions.decoder.weight = self.get_input_embeddings().weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.predictions(out.last_hidden_state)


@architecture
class AlbertForMaskedLM(ClassifiesTokens, AlbertWithWords):
    """ALBERT that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""


class AlbertOrder(Module):
    """In which order two pieces of a text stand."""

    def __init__(self, config: AlbertConfig):
        super().__init__()
        self.dropout = Dropout(config.head_dropout)
        self.classifier = Linear(config.hidden_size, len(config.id2label))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) → (B, 2)."""
        return self.classifier(self.dropout(x))


@architecture
class AlbertForPreTraining(AlbertWithWords):
    """ALBERT as it is trained first: `prediction_logits` (B, T, V) of words, and `sop_logits` (B, 2): do two pieces of a text stand in
    their order (0), or were they exchanged (1)?
    """

    pooled = True

    def __init__(self, config: AlbertConfig):
        super().__init__(config)
        self.sop_classifier = AlbertOrder(config)
        self.start(self.sop_classifier)

    def forward(
        self,
        *given: Any,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        **settings: Any,
    ) -> SentenceOrderOutput:
        """With `labels` (B, T) and `sentence_order_label` (B,) the sum of both losses; the others as of `BertModel.forward`."""
        out = self.read(*given, **settings)
        words, order = self.logits(out, None), self.sop_classifier(out.pooler_output)
        loss = None
        if labels is not None and sentence_order_label is not None:
            loss = flat_loss(words, labels) + flat_loss(order, sentence_order_label)
        return SentenceOrderOutput.of(out, loss=loss, prediction_logits=words, sop_logits=order)


@architecture
class AlbertForSequenceClassification(AlbertWithHead, BertForSequenceClassification):
    """`BertForSequenceClassification` with ALBERT."""

    pooled = True


@architecture
class AlbertForTokenClassification(AlbertWithHead, BertForTokenClassification):
    """`BertForTokenClassification` with ALBERT."""


@architecture
class AlbertForMultipleChoice(AlbertWithHead, BertForMultipleChoice):
    """`BertForMultipleChoice` with ALBERT."""

    pooled = True


@architecture
class AlbertForQuestionAnswering(AlbertWithHead, BertForQuestionAnswering):
    """`BertForQuestionAnswering` with ALBERT."""
