"""BERT: a stack of blocks in which every position sees every other; masked words are told from both sides.

    ids (B, T) → word + position + segment embeddings, norm → [norm(x + attention(x)), norm(x + mlp(x))] × layers

B batch, T time, C channels (`hidden_size`), H heads, V vocabulary.

Source: Devlin, Chang, Lee & Toutanova 2019; sentence embeddings: Reimers & Gurevych 2019. Checkpoints as Hugging Face's
`BertModel` and its relatives have them.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor, arange, zeros, zeros_like
from .activations import activation
from .attention import attend
from .config import Config
from .output import BaseOutput, ClassifierOutput
from .pretrained import PreTrained, architecture

__all__ = [
    "BertConfig", "BertForMaskedLM", "BertForSequenceClassification", "BertForTokenClassification", "BertModel",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertConfig(Config):
    """Sizes and settings; the defaults are those of BERT-base (110 million parameters)."""

    model_type = "bert"
    fixed: ClassVar = {
        "is_decoder": False,
        "add_cross_attention": False,
        "position_embedding_type": "absolute",
    }

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    classifier_dropout: float | None = None
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    problem_type: str | None = None
    id2label: dict = dataclasses.field(default_factory=lambda: {"0": "LABEL_0", "1": "LABEL_1"})

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.hidden_act)
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
        ):
            self.need(
                getattr(self, name) > 0, f"{name} must be positive, found {getattr(self, name)}"
            )
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")

    @property
    def num_labels(self) -> int:
        """Classes of a head that classifies."""
        return len(self.id2label)


class BertEmbeddings(Module):
    """Word, position and segment embeddings, added and normalised."""

    def __init__(self, config: BertConfig):
        super().__init__()
        C = config.hidden_size
        self.word_embeddings = Embedding(config.vocab_size, C, padding_idx=config.pad_token_id)
        self.position_embeddings = Embedding(config.max_position_embeddings, C)
        self.token_type_embeddings = Embedding(config.type_vocab_size, C)
        self.LayerNorm = LayerNorm(C, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        ids: Tensor | None,
        segments: Tensor | None,
        positions: Tensor | None,
        embeds: Tensor | None,
    ) -> Tensor:
        """(B, T) → (B, T, C)."""
        x = self.word_embeddings(ids) if embeds is None else embeds
        T, most = x.shape[1], self.position_embeddings.num_embeddings
        if positions is None:
            if T > most:
                raise ShapeError(f"BERT: {T} tokens are more than the {most} positions there are")
            positions = arange(T).unsqueeze(0)
        segments = zeros_like(positions) if segments is None else segments
        x = x + self.token_type_embeddings(segments) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x))


class BertSelfAttention(Module):
    """Queries, keys and values; every position sees all that are not padding."""

    def __init__(self, config: BertConfig):
        super().__init__()
        C = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.query, self.key, self.value = Linear(C, C), Linear(C, C), Linear(C, C)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, T) if asked for."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, D)
            for part in (self.query, self.key, self.value)
        ]
        dropout = self.dropout if self.training else 0.0
        y, attention = attend(q, k, v, mask, (C // self.heads) ** -0.5, dropout, weights)
        return y.transpose(1, 2).reshape(B, T, C), attention


class BertOutput(Module):
    """The end of a branch: a linear map, added to what the branch was given, and normalised."""

    def __init__(self, in_features: int, config: BertConfig):
        super().__init__()
        self.dense = Linear(in_features, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """norm(x + dense(y))."""
        return self.LayerNorm(x + self.dropout(self.dense(y)))


class BertAttention(Module):
    """norm(x + attention(x))."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.self = BertSelfAttention(config)
        self.output = BertOutput(config.hidden_size, config)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        y, attention = self.self(x, mask, weights)
        return self.output(y, x), attention


class BertIntermediate(Module):
    """The wide layer of the small network."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, wide)."""
        return self.act(self.dense(x))


class BertLayer(Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.attention, self.intermediate = BertAttention(config), BertIntermediate(config)
        self.output = BertOutput(config.intermediate_size, config)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        x, attention = self.attention(x, mask, weights)
        return self.output(self.intermediate(x), x), attention


class BertEncoder(Module):
    """The layers."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.layer = ModuleList([BertLayer(config) for _ in range(config.num_hidden_layers)])


class BertPooler(Module):
    """tanh of a linear map of the first position."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, C)."""
        return self.dense(x[:, 0]).tanh()


class BertPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = BertConfig
    base_model_prefix = "bert"
    left_over = r"(bert\.)?(embeddings\.position_ids|cls\.seq_relationship\..*)"

    def start(self) -> None:
        """Initial weights: N(0, initializer_range²), biases 0."""
        for module in self.modules():
            if isinstance(module, (Linear, Embedding)):
                init.normal_(module.weight, std=self.config.initializer_range)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)


@architecture
class BertModel(BertPreTrained):
    """The layers without a head.

    Args:
        config: sizes and settings.
        add_pooling_layer: whether `pooler_output` is computed.

    Example:
        >>> config = models.BertConfig(vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8)
        >>> model = models.BertModel(config).eval()
        >>> model(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
        >>> model.embed(cr.tensor([[1, 2, 3]])).norm(dim=1).detach()
        tensor([1.])
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True):
        super().__init__(config)
        self.embeddings, self.encoder = BertEmbeddings(config), BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self.start()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C), and what is pooled of it (B, C).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), 0 where there is padding.
            token_type_ids: (B, T), the segment of each token; 0 if None.
            position_ids: (B, T); counted from 0 if None.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("BertModel: give input_ids or inputs_embeds, one of the two")
        x = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds)
        mask = (
            None if attention_mask is None else (attention_mask != 0)[:, None, None]
        )  # (B, 1, 1, T)
        states, attentions = [x], []
        for layer in self.encoder.layer:
            x, attention = layer(x, mask, output_attentions)
            states.append(x)
            attentions.append(attention)
        return BaseOutput(
            last_hidden_state=x,
            pooler_output=None if self.pooler is None else self.pooler(x),
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )

    def embed(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Sentence embeddings: the mean of the last hidden state over what is not padding, of length 1; (B, C)."""
        x = self(input_ids, attention_mask).last_hidden_state
        if attention_mask is None:
            return F.normalize(x.mean(dim=1), dim=1)
        share = attention_mask.to(x.dtype).unsqueeze(-1)  # (B, T, 1)
        return F.normalize((x * share).sum(dim=1) / share.sum(dim=1).clamp(min=1e-9), dim=1)


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
    """The name under which checkpoints have the predictions."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.predictions = BertPredictions(config)


@architecture
class BertForMaskedLM(BertPreTrained):
    """BERT that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""

    tied: ClassVar = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert, self.cls = BertModel(config, add_pooling_layer=False), BertHeads(config)
        if config.tie_word_embeddings:
            self.cls.predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        else:
            init.normal_(self.cls.predictions.decoder.weight, std=config.initializer_range)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> ClassifierOutput:
        """See `BertModel.forward`; `labels` (B, T) int64."""
        out = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
        )
        logits = self.cls.predictions(out.last_hidden_state)
        loss = (
            None
            if labels is None
            else F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))
        )
        return ClassifierOutput(
            loss=loss, logits=logits, hidden_states=out.hidden_states, attentions=out.attentions
        )


class BertClassifier(BertPreTrained):
    """What the two heads that classify share."""

    pooled = True

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=self.pooled)
        p = (
            config.hidden_dropout_prob
            if config.classifier_dropout is None
            else config.classifier_dropout
        )
        self.dropout, self.classifier = Dropout(p), Linear(config.hidden_size, config.num_labels)
        init.normal_(self.classifier.weight, std=config.initializer_range)
        init.zeros_(self.classifier.bias)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss; see `BertModel.forward`."""
        out = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
        )
        x = out.pooler_output if self.pooled else out.last_hidden_state
        logits = self.classifier(self.dropout(x))
        return ClassifierOutput(
            loss=None if labels is None else self.loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy over all that has a label."""
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


@architecture
class BertForSequenceClassification(BertClassifier):
    """BERT that classifies texts: logits (B, classes)."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Of the configuration's `problem_type`: "regression" (squares), "multi_label_classification" (a logit for each
        label), "single_label_classification"; by the labels if None.
        """
        kind = self.config.problem_type
        if kind is None:
            many = "multi" if labels.dtype.is_floating_point else "single"
            kind = "regression" if self.config.num_labels == 1 else f"{many}_label_classification"
        if kind == "regression":
            return F.mse_loss(logits.squeeze(), labels.squeeze().to(logits.dtype))
        if kind == "multi_label_classification":
            return F.binary_cross_entropy_with_logits(logits, labels)
        return super().loss(logits, labels)


@architecture
class BertForTokenClassification(BertClassifier):
    """BERT that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    pooled = False
