"""BERT: a stack of blocks in which every position sees every other; masked words are told from both sides.

    ids (B, T) → word + position + segment embeddings, norm → [norm(x + attention(x)), norm(x + mlp(x))] × layers

As a decoder (`is_decoder`) a position sees those before it alone, and the states of an encoder (`add_cross_attention`).

B batch, T time, S time of an encoder's states, C channels (`hidden_size`), H heads, V vocabulary.

Source: Devlin, Chang, Lee & Toutanova 2019; sentence embeddings: Reimers & Gurevych 2019. Checkpoints as Hugging Face's
`BertModel` and its relatives have them. What is asked of it stands in `bert_heads`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, init
from ..tensors import Tensor, arange, zeros_like
from .activations import activation
from .attention import attend, may_see, no_padding
from .cache import Cache
from .config import Labelled, configuration
from .heads import EmbedsTexts
from .output import BaseOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for

__all__ = ["BertConfig", "BertModel", "BertPreTrained"]


@configuration
class BertConfig(Labelled):
    """Sizes and settings; the defaults are those of BERT-base (110 million parameters)."""

    model_type = "bert"
    fixed: ClassVar = {"position_embedding_type": "absolute", "pruned_heads": {}}

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
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.max_position_embeddings

    @property
    def embedded_size(self) -> int:
        """Channels of the embeddings."""
        return self.hidden_size

    @property
    def head_dropout(self) -> float:
        """The probability of dropout before a class is told."""
        p = self.classifier_dropout
        return self.hidden_dropout_prob if p is None else p


class BertEmbeddings(Module):
    """Word, position and segment embeddings, added and normalised."""

    def __init__(self, config: BertConfig):
        super().__init__()
        C = config.embedded_size
        self.word_embeddings = Embedding(config.vocab_size, C, padding_idx=config.pad_token_id)
        self.position_embeddings = Embedding(config.max_position_embeddings, C)
        self.token_type_embeddings = Embedding(config.type_vocab_size, C)
        self.LayerNorm = LayerNorm(C, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.most = config.most_positions

    def places(self, ids: Tensor | None, steps: Tensor) -> Tensor:
        """The positions of tokens, (1 or B, T), by how many there were before each, (T,)."""
        return steps.unsqueeze(0)

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
        if positions is None:
            T, most = x.shape[1], self.most
            if T > most:
                raise ShapeError(f"BERT: {T} tokens are more than the {most} positions there are")
            positions = self.places(ids, arange(T) if cache is None else cache.places(T))
        segments = zeros_like(positions) if segments is None else segments
        x = x + self.token_type_embeddings(segments) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x))


class BertSelfAttention(Module):
    """Queries, keys and values; with `across` these two are of an encoder's states."""

    def __init__(self, config: BertConfig, layer: int, across: bool):
        super().__init__()
        C = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.layer, self.across = layer, across
        self.query, self.key, self.value = Linear(C, C), Linear(C, C), Linear(C, C)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        source, mask, shares = x, reading.mask, reading.attentions
        if self.across:
            source, mask, shares = reading.states, reading.states_mask, reading.cross_attentions
        q, k, v = [
            part(y).view(B, -1, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T or S, D)
            for part, y in ((self.query, x), (self.key, source), (self.value, source))
        ]
        if reading.cache is not None and not self.across:
            k, v = reading.cache.put(self.layer, k, v)  # (B, H, longest, D)
        dropout = self.dropout if self.training else 0.0
        y = attend(q, k, v, mask, (C // self.heads) ** -0.5, dropout, shares)
        return y.transpose(1, 2).reshape(B, T, C)


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
    """norm(x + attention(x)); with `across` norm(x + attention(x to an encoder's states))."""

    def __init__(self, config: BertConfig, layer: int, across: bool = False):
        super().__init__()
        self.self = BertSelfAttention(config, layer, across)
        self.output = BertOutput(config.hidden_size, config)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.output(self.self(x, reading), x)


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
            self.crossattention = BertAttention(config, layer, across=True)
        self.output = BertOutput(config.intermediate_size, config)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = self.attention(x, reading)
        if reading.states is not None:
            x = self.crossattention(x, reading)
        return self.output(self.intermediate(x), x)


class BertEncoder(Module):
    """The layers."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.layer = Layers([BertLayer(config, k) for k in range(config.num_hidden_layers)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.layer(x, reading)


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
    words_in = "embeddings.word_embeddings"
    left_over = r"(\w+\.)?embeddings\.position_ids"
    renamed: ClassVar = (
        (r"LayerNorm\.gamma$", "LayerNorm.weight"),
        (r"LayerNorm\.beta$", "LayerNorm.bias"),
    )
    may_lack = r"(\w+\.)?pooler\..*|cls\.seq_relationship\..*"

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
class BertModel(EmbedsTexts, BertPreTrained):
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

    embeddings_class: ClassVar[type[BertEmbeddings]] = BertEmbeddings
    encoder_class: ClassVar[Callable[..., Module]] = BertEncoder
    pooler_class: ClassVar[Callable[..., Module]] = BertPooler

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True):
        super().__init__(config)
        self.embeddings, self.encoder = self.embeddings_class(config), self.encoder_class(config)
        self.pooler = self.pooler_class(config) if add_pooling_layer else None
        self.begin(config)
        self.start(self)

    def begin(self, config: BertConfig) -> None:
        """What stands between the embeddings and the layers: nothing, here."""

    def widened(self, x: Tensor) -> Tensor:
        """Embeddings, (B, T, C) or narrower → (B, T, C)."""
        return x

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
        *,
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
        config = self.config
        B, T = either(type(self).__name__, input_ids, inputs_embeds).shape[:2]
        if (past_key_values is not None or use_cache) and not config.is_decoder:
            raise ShapeError(
                f"{type(self).__name__}: a cache is for decoders (is_decoder): others look ahead"
            )
        if encoder_hidden_states is not None and not config.add_cross_attention:
            raise ShapeError(
                f"{type(self).__name__}: encoder_hidden_states are for models whose configuration says add_cross_attention"
            )
        cache = room_for(self, B, T, past_key_values, use_cache)
        causal = config.is_decoder
        mask = may_see(T, attention_mask, cache) if causal else no_padding(attention_mask)
        reading = Reading(
            mask, cache, encoder_hidden_states, no_padding(encoder_attention_mask), output_attentions, output_hidden_states
        )  # fmt: skip
        x = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds, cache)
        x = self.encoder(self.widened(x), reading)
        pooled = None if self.pooler is None else self.pooler(x)
        return BaseOutput(last_hidden_state=x, pooler_output=pooled, **reading.end(x))
