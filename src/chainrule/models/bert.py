"""BERT: a stack of blocks in which every position sees every other; masked words are told from both sides.

    ids (B, T) → word + position + segment embeddings, norm → [norm(x + attention(x)), norm(x + mlp(x))] × layers

As a decoder (`is_decoder`) a position sees those before it alone, and the states of an encoder (`add_cross_attention`).

B batch, T time, S time of an encoder's states, C channels (`hidden_size`), H heads, V vocabulary.

Source: Devlin, Chang, Lee & Toutanova 2019; sentence embeddings: Reimers & Gurevych 2019. Checkpoints as Hugging Face's
`BertModel` and its relatives have them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor, arange, zeros, zeros_like
from .activations import activation
from .attention import attend, may_see
from .cache import ROOM, Cache
from .config import Labelled
from .generation import Generates, next_token_loss
from .heads import classification_loss, flat_loss, span_logits, span_loss
from .output import BaseOutput, CausalLMOutput, ClassifierOutput, PreTrainingOutput, SpanOutput
from .pretrained import PreTrained, architecture

__all__ = [
    "BertConfig", "BertForMaskedLM", "BertForMultipleChoice", "BertForNextSentencePrediction", "BertForPreTraining",
    "BertForQuestionAnswering", "BertForSequenceClassification", "BertForTokenClassification", "BertLMHeadModel", "BertModel",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertConfig(Labelled):
    """Sizes and settings; the defaults are those of BERT-base (110 million parameters)."""

    model_type = "bert"
    fixed: ClassVar = {"position_embedding_type": "absolute"}

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
    is_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | tuple | None = None
    pad_token_id: int | None = 0

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.hidden_act)
        self.need_positive(
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        )  # fmt: skip
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")
        self.need(
            self.is_decoder or not self.add_cross_attention,
            "add_cross_attention is for decoders (is_decoder)",
        )

    @property
    def head_dropout(self) -> float:
        """The probability of dropout before a class is told."""
        p = self.classifier_dropout
        return self.hidden_dropout_prob if p is None else p


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
        cache: Cache | None,
    ) -> Tensor:
        """(B, T) → (B, T, C)."""
        x = self.word_embeddings(ids) if embeds is None else embeds
        T, most = x.shape[1], self.position_embeddings.num_embeddings
        if positions is None:
            if T > most:
                raise ShapeError(f"BERT: {T} tokens are more than the {most} positions there are")
            positions = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        segments = zeros_like(positions) if segments is None else segments
        x = x + self.token_type_embeddings(segments) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x))


class BertSelfAttention(Module):
    """Queries, keys and values, these two of an encoder's states if there are some."""

    def __init__(self, config: BertConfig, layer: int):
        super().__init__()
        C = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.layer = layer
        self.query, self.key, self.value = Linear(C, C), Linear(C, C), Linear(C, C)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        weights: bool,
        states: Tensor | None,
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, S) if asked for."""
        B, T, C = x.shape
        source = x if states is None else states
        q, k, v = [
            part(y).view(B, -1, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T or S, D)
            for part, y in ((self.query, x), (self.key, source), (self.value, source))
        ]
        if cache is not None:
            k, v = cache.put(self.layer, k, v)  # (B, H, longest, D)
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

    def __init__(self, config: BertConfig, layer: int):
        super().__init__()
        self.self = BertSelfAttention(config, layer)
        self.output = BertOutput(config.hidden_size, config)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        weights: bool,
        states: Tensor | None = None,
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        y, attention = self.self(x, mask, cache, weights, states)
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
    """norm(x + attention(x)), with an encoder norm(x + attention(x to its states)), then norm(x + mlp(x))."""

    def __init__(self, config: BertConfig, layer: int):
        super().__init__()
        self.attention, self.intermediate = BertAttention(config, layer), BertIntermediate(config)
        if config.add_cross_attention:
            self.crossattention = BertAttention(config, layer)
        self.output = BertOutput(config.intermediate_size, config)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        weights: bool,
        states: Tensor | None,
        states_mask: Tensor | None,
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the weights of both attentions."""
        x, attention = self.attention(x, mask, cache, weights)
        across = None
        if states is not None:
            x, across = self.crossattention(x, states_mask, None, weights, states)
        return self.output(self.intermediate(x), x), attention, across


class BertEncoder(Module):
    """The layers."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.layer = ModuleList([BertLayer(config, k) for k in range(config.num_hidden_layers)])


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
    left_over = r"(bert\.)?embeddings\.position_ids"
    renamed: ClassVar = (
        (r"LayerNorm\.gamma$", "LayerNorm.weight"),
        (r"LayerNorm\.beta$", "LayerNorm.bias"),
    )
    may_lack = r"(bert\.)?pooler\..*|cls\.seq_relationship\..*"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, initializer_range²), biases 0."""
        for module in part.modules():
            if isinstance(module, (Linear, Embedding)):
                init.normal_(module.weight, std=self.config.initializer_range)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache, for a decoder."""
        c = self.config
        H, C = c.num_attention_heads, c.hidden_size
        return Cache.empty(c.num_hidden_layers, batch, H, longest, C // H, self.dtype)


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
        self.start(self)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C), and what is pooled of it (B, C).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            token_type_ids: (B, T), the segment of each token; 0 if None.
            position_ids: (B, T); counted from 0, or from the cache's position, if None.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            encoder_hidden_states: (B, S, C), what a decoder with `add_cross_attention` looks at besides.
            encoder_attention_mask: (B, S), 0 where these are padding.
            past_key_values: what a decoder read before; the new steps are written into it.
            use_cache: whether a decoder returns a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        config, cache = self.config, past_key_values
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("BertModel: give input_ids or inputs_embeds, one of the two")
        if (cache is not None or use_cache) and not config.is_decoder:
            raise ShapeError("BertModel: a cache is for decoders (is_decoder): others look ahead")
        if encoder_hidden_states is not None and not config.add_cross_attention:
            raise ShapeError(
                "BertModel: encoder_hidden_states are for models whose configuration says add_cross_attention"
            )
        B, T = (input_ids if inputs_embeds is None else inputs_embeds).shape[:2]
        if use_cache:
            cache = (self.cache(B, T + ROOM) if cache is None else cache).with_room(T)
        x = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds, cache)
        mask = may_see(T, attention_mask, cache) if config.is_decoder else _seen(attention_mask)
        states_mask = _seen(encoder_attention_mask)
        states, attentions, crossing = [x], [], []
        for layer in self.encoder.layer:
            x, attention, across = layer(
                x, mask, cache, output_attentions, encoder_hidden_states, states_mask
            )
            states.append(x)
            attentions.append(attention)
            crossing.append(across)
        if cache is not None:
            cache.position.add_(T)
        across = output_attentions and encoder_hidden_states is not None
        return BaseOutput(
            last_hidden_state=x,
            pooler_output=None if self.pooler is None else self.pooler(x),
            past_key_values=cache,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(crossing) if across else None,
        )

    def embed(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Sentence embeddings: the mean of the last hidden state over what is not padding, of length 1; (B, C)."""
        x = self(input_ids, attention_mask).last_hidden_state
        if attention_mask is None:
            return F.normalize(x.mean(dim=1), dim=1)
        share = attention_mask.to(x.dtype).unsqueeze(-1)  # (B, T, 1)
        return F.normalize((x * share).sum(dim=1) / share.sum(dim=1).clamp(min=1e-9), dim=1)


def _seen(padding: Tensor | None) -> Tensor | None:
    """Which positions are no padding, (B, 1, 1, S)."""
    return None if padding is None else (padding != 0)[:, None, None]


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


class BertWithWords(BertPreTrained):
    """What the models that tell words share: their head, whose weights are the embeddings'."""

    tied: ClassVar = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }
    pooled = False

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=self.pooled)
        self.cls = BertHeads(config, words=True, follows=self.pooled)
        if self.pooled:
            self.start(self.cls.seq_relationship)
        if config.tie_word_embeddings:
            self.cls.predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        else:
            init.normal_(self.cls.predictions.decoder.weight, std=config.initializer_range)


@architecture
class BertForMaskedLM(BertWithWords):
    """BERT that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """`labels` (B, T) int64; the others as of `BertModel.forward`."""
        out = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, encoder_hidden_states,
            encoder_attention_mask, **settings,
        )  # fmt: skip
        logits = self.cls.predictions(out.last_hidden_state)
        return ClassifierOutput(
            loss=None if labels is None else flat_loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class BertLMHeadModel(Generates, BertWithWords):
    """BERT that writes, with `is_decoder`: the logits (B, T, V) of the next token at every position."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        logits_to_keep: int = 0,
        **settings: Any,
    ) -> CausalLMOutput:
        """`labels` (B, T) int64, those of `input_ids`: the label of each position is the next one's; `logits_to_keep`: of so many
        of the last positions alone, 0 for all; the others as of `BertModel.forward`.
        """
        out = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, encoder_hidden_states,
            encoder_attention_mask, past_key_values, use_cache, **settings,
        )  # fmt: skip
        logits = self.cls.predictions(out.last_hidden_state[:, -logits_to_keep:])
        return CausalLMOutput(
            loss=None if labels is None else next_token_loss(logits, labels),
            logits=logits,
            past_key_values=out.past_key_values,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            cross_attentions=out.cross_attentions,
        )

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.max_position_embeddings


@architecture
class BertForPreTraining(BertWithWords):
    """BERT as it is trained first: `prediction_logits` (B, T, V) of words, and `seq_relationship_logits` (B, 2): does the second
    sentence follow the first (0), or is it any other (1)?
    """

    pooled = True

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        **settings: Any,
    ) -> PreTrainingOutput:
        """With `labels` (B, T) and `next_sentence_label` (B,) the sum of both losses; the others as of `BertModel.forward`."""
        out = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )
        words = self.cls.predictions(out.last_hidden_state)
        follows = self.cls.seq_relationship(out.pooler_output)
        loss = None
        if labels is not None and next_sentence_label is not None:
            loss = flat_loss(words, labels) + flat_loss(follows, next_sentence_label)
        return PreTrainingOutput(
            loss=loss,
            prediction_logits=words,
            seq_relationship_logits=follows,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


class BertClassifier(BertPreTrained):
    """What the heads that classify share."""

    pooled = True

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=self.pooled)
        self.start(self.head())

    def head(self) -> Module:
        """What stands behind the model; the part that has weights."""
        self.dropout = Dropout(self.config.head_dropout)
        self.classifier = Linear(self.config.hidden_size, len(self.config.id2label))
        return self.classifier

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss; the others as of `BertModel.forward`."""
        out = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )
        logits = self.logits(out.pooler_output if self.pooled else out.last_hidden_state)
        return ClassifierOutput(
            loss=None if labels is None else self.loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )

    def logits(self, x: Tensor) -> Tensor:
        """What the head makes of a state."""
        return self.classifier(self.dropout(x))

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy over all that has a label."""
        return flat_loss(logits, labels)


@architecture
class BertForSequenceClassification(BertClassifier):
    """BERT that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `classification_loss`."""
        return classification_loss(logits, labels, self.config)


@architecture
class BertForTokenClassification(BertClassifier):
    """BERT that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    pooled = False


@architecture
class BertForNextSentencePrediction(BertClassifier):
    """BERT that tells whether the second sentence follows the first (0) or is any other (1): logits (B, 2)."""

    def head(self) -> Module:
        """The checkpoints' name for it."""
        self.cls = BertHeads(self.config, words=False, follows=True)
        return self.cls

    def logits(self, x: Tensor) -> Tensor:
        """(B, C) → (B, 2)."""
        return self.cls.seq_relationship(x)


@architecture
class BertForMultipleChoice(BertClassifier):
    """BERT that chooses one of several texts: of `input_ids` (B, choices, T) logits (B, choices). Masks, segments and positions have
    the same shape, embeddings (B, choices, T, C).
    """

    def head(self) -> Module:
        """One logit for each text."""
        self.dropout = Dropout(self.config.head_dropout)
        self.classifier = Linear(self.config.hidden_size, 1)
        return self.classifier

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B,) int64 the loss; the others as of `BertModel.forward`."""
        given = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("BERT: give input_ids or inputs_embeds, one of the two")
        choices = (input_ids if inputs_embeds is None else inputs_embeds).shape[1]
        out = self.bert(*[None if x is None else x.flatten(0, 1) for x in given], **settings)
        logits = self.logits(out.pooler_output).view(-1, choices)
        return ClassifierOutput(
            loss=None if labels is None else flat_loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class BertForQuestionAnswering(BertPreTrained):
    """BERT that tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.qa_outputs = Linear(config.hidden_size, 2)
        self.start(self.qa_outputs)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **settings: Any,
    ) -> SpanOutput:
        """Logits, and with both positions (B,) int64 the loss; the others as of `BertModel.forward`."""
        out = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )
        starts, ends = span_logits(self.qa_outputs(out.last_hidden_state))
        return SpanOutput(
            loss=span_loss(starts, ends, start_positions, end_positions),
            start_logits=starts,
            end_logits=ends,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
