"""MPNet: RoBERTa without segments, whose layers are told the distances of tokens besides, by one bias for all of them.

    scores of every layer + bias[head, bucket of the distance]     (buckets as T5 has them)

Many encoders of sentences are made of it.

B batch, T time, C channels, H heads, V vocabulary.   Source: Song, Tan, Qin, Lu & Liu 2020.
"""

from __future__ import annotations

from typing import ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module
from ..tensors import Tensor, arange
from .attention import added, attend, no_padding
from .bert import BertConfig, BertIntermediate, BertOutput, BertPooler, BertPreTrained
from .bert_heads import (
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertWithHead,
)
from .buckets import bucket
from .config import configuration
from .heads import ClassifiesTexts, ClassifiesTokens, EmbedsTexts
from .output import BaseOutput
from .pretrained import architecture
from .reading import Layers, Reading, either
from .roberta import RobertaClassifier, RobertaWords, counted

__all__ = [
    "MPNetConfig", "MPNetForMaskedLM", "MPNetForMultipleChoice", "MPNetForQuestionAnswering", "MPNetForSequenceClassification",
    "MPNetForTokenClassification", "MPNetModel",
]  # fmt: skip

PADDING, FURTHEST = 1, 128
"""The token of padding, behind which positions begin, and the distance from which on all are in the last bucket: no configuration
says others."""


@configuration
class MPNetConfig(BertConfig):
    """Sizes and settings of MPNet."""

    model_type = "mpnet"
    fixed: ClassVar = {**BertConfig.fixed, "is_decoder": False}

    vocab_size = 30527
    relative_attention_num_buckets: int = 32
    bos_token_id = 0
    eos_token_id = 2
    pad_token_id = 1

    def check(self) -> None:
        """As BERT's; there are as many buckets as distances are sorted into."""
        super().check()
        count = self.relative_attention_num_buckets
        self.need(count == 32, f"relative_attention_num_buckets must be 32, found {count}")
        self.need(
            self.max_position_embeddings > PADDING + 1,
            f"max_position_embeddings must be above {PADDING + 1}, found {self.max_position_embeddings}",
        )

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.max_position_embeddings - 1 - PADDING


class MPNetEmbeddings(Module):
    """Word and position embeddings, added and normalised."""

    def __init__(self, config: MPNetConfig):
        super().__init__()
        C, self.most = config.hidden_size, config.most_positions
        self.word_embeddings = Embedding(config.vocab_size, C, padding_idx=PADDING)
        self.position_embeddings = Embedding(config.max_position_embeddings, C, padding_idx=PADDING)
        self.LayerNorm = LayerNorm(C, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, ids: Tensor | None, embeds: Tensor | None, positions: Tensor | None
    ) -> Tensor:
        """(B, T) → (B, T, C)."""
        x = self.word_embeddings(ids) if embeds is None else embeds
        if positions is None:
            T = x.shape[1]
            if T > self.most:
                raise ShapeError(
                    f"MPNet: {T} tokens are more than the {self.most} positions there are"
                )
            positions = counted(ids, arange(T), PADDING)
        return self.dropout(self.LayerNorm(x + self.position_embeddings(positions)))


class MPNetSelfAttention(Module):
    """Every position looks at every other; the mask is a number, with the bias of distances."""

    def __init__(self, config: MPNetConfig):
        super().__init__()
        C = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.q, self.k, self.v, self.o = [Linear(C, C) for _ in range(4)]

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, D)
            for part in (self.q, self.k, self.v)
        ]
        dropout, scale = self.dropout if self.training else 0.0, (C // self.heads) ** -0.5
        y = attend(q, k, v, reading.mask, scale, dropout, reading.attentions)
        return self.o(y.transpose(1, 2).reshape(B, T, C))


class MPNetAttention(Module):
    """norm(x + attention(x))."""

    def __init__(self, config: MPNetConfig):
        super().__init__()
        self.attn = MPNetSelfAttention(config)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.LayerNorm(x + self.dropout(self.attn(x, reading)))


class MPNetLayer(Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: MPNetConfig):
        super().__init__()
        self.attention, self.intermediate = MPNetAttention(config), BertIntermediate(config)
        self.output = BertOutput(config.intermediate_size, config)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = self.attention(x, reading)
        return self.output(self.intermediate(x), x)


class MPNetEncoder(Module):
    """The layers, and the bias of distances that they share."""

    def __init__(self, config: MPNetConfig):
        super().__init__()
        self.layer = Layers([MPNetLayer(config) for _ in range(config.num_hidden_layers)])
        self.relative_attention_bias = Embedding(
            config.relative_attention_num_buckets, config.num_attention_heads
        )

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        T, table = x.shape[1], self.relative_attention_bias
        distance = arange(T) - arange(T).unsqueeze(1)  # (T, T)
        at = bucket(distance, True, table.num_embeddings, FURTHEST)
        bias = table(at).permute(2, 0, 1).unsqueeze(0)  # (1, H, T, T)
        seen = reading.mask
        reading.mask = bias if seen is None else bias + added(seen, bias.dtype)
        return self.layer(x, reading)


class MPNetPreTrained(BertPreTrained):
    """What the models of this file share: names."""

    config_class = MPNetConfig
    base_model_prefix = "mpnet"
    may_lack = r"(mpnet\.)?pooler\..*"


@architecture
class MPNetModel(EmbedsTexts, MPNetPreTrained):
    """The layers without a head.

    Args:
        config: sizes and settings.
        add_pooling_layer: whether `pooler_output` is computed.

    Example:
        >>> config = models.MPNetConfig(vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8)
        >>> models.MPNetModel(config)(cr.tensor([[0, 5, 2, 1]])).last_hidden_state.shape
        chainrule.Size([1, 4, 6])
    """

    def __init__(self, config: MPNetConfig, add_pooling_layer: bool = True):
        super().__init__(config)
        self.embeddings, self.encoder = MPNetEmbeddings(config), MPNetEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self.start(self)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C), and what is pooled of it (B, C).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), 0 where there is padding.
            position_ids: (B, T); tokens are counted, padding is not, if None.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        either(type(self).__name__, input_ids, inputs_embeds)
        reading = Reading(
            no_padding(attention_mask),
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        x = self.encoder(self.embeddings(input_ids, inputs_embeds, position_ids), reading)
        pooled = None if self.pooler is None else self.pooler(x)
        return BaseOutput(last_hidden_state=x, pooler_output=pooled, **reading.end(x))


class MPNetWithHead(MPNetPreTrained, BertWithHead):
    """What the models with a head share."""

    model_class: ClassVar = MPNetModel


@architecture
class MPNetForMaskedLM(ClassifiesTokens, MPNetWithHead):
    """MPNet that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""

    tied: ClassVar = {
        "lm_head.decoder.weight": "mpnet.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }
    words_out = "lm_head.decoder"

    def __init__(self, config: MPNetConfig):
        super().__init__(config)
        self.lm_head = RobertaWords(config)
        self.start(self.lm_head)
        if config.tie_word_embeddings:
            self.lm_head.decoder.weight = self.get_input_embeddings().weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.lm_head(out.last_hidden_state)


@architecture
class MPNetForSequenceClassification(ClassifiesTexts, MPNetWithHead):
    """MPNet that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""

    def __init__(self, config: MPNetConfig):
        super().__init__(config)
        self.classifier = RobertaClassifier(config)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return self.classifier(out.last_hidden_state)


@architecture
class MPNetForTokenClassification(MPNetWithHead, BertForTokenClassification):
    """`BertForTokenClassification` with MPNet."""


@architecture
class MPNetForMultipleChoice(MPNetWithHead, BertForMultipleChoice):
    """`BertForMultipleChoice` with MPNet."""

    pooled = True


@architecture
class MPNetForQuestionAnswering(MPNetWithHead, BertForQuestionAnswering):
    """`BertForQuestionAnswering` with MPNet."""
