"""T5: text to text. An encoder reads the whole input; a decoder writes, looking back at itself and across at the input.

    decoder block:  x + self-attention(norm(x)),  x + cross-attention(norm(x), encoder),  x + mlp(norm(x))

Positions are told by a bias on the attention's scores, which depends on the distance alone, in buckets that widen with
it; scores are not scaled. Norms divide by the root mean square; there are no biases.

B batch, T time, S time of the input, C channels (`d_model`), H heads, D head size (`d_kv`), V vocabulary.

Source: Raffel et al. 2020, and Shazeer 2020 for the gated form (T5 v1.1, Flan); checkpoints as Hugging Face's
`T5ForConditionalGeneration` has them. Heads that write nothing stand in `t5_heads`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, Linear, Module, ModuleList, RMSNorm, init
from ..tensors import Tensor, arange, cat, full, int64, where
from .activations import activation
from .answering import Answers
from .attention import added, attend, may_see, no_padding
from .buckets import bucket
from .cache import Cache
from .config import Labelled, configuration
from .heads import flat_loss
from .output import BaseOutput, Seq2SeqModelOutput, Seq2SeqOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for

__all__ = [
    "T5Config", "T5EncoderModel", "T5ForConditionalGeneration", "T5Model", "T5PreTrained",
]  # fmt: skip


@configuration
class T5Config(Labelled):
    """Sizes and settings; the defaults are those of T5-small (60 million parameters)."""

    model_type = "t5"
    aliases: ClassVar = {
        "hidden_size": "d_model", "head_dim": "d_kv", "num_attention_heads": "num_heads", "num_hidden_layers": "num_layers",
    }  # fmt: skip

    vocab_size: int = 32128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 2048
    num_layers: int = 6
    num_decoder_layers: int | None = None
    num_heads: int = 8
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    dropout_rate: float = 0.1
    classifier_dropout: float = 0.0
    layer_norm_epsilon: float = 1e-6
    initializer_factor: float = 1.0
    feed_forward_proj: str = "relu"
    tie_word_embeddings: bool = True
    scale_decoder_outputs: bool | None = None
    pad_token_id: int | None = 0
    eos_token_id: int | tuple | None = 1
    decoder_start_token_id: int | None = None

    def check(self) -> None:
        """Sizes are positive, and the small network is of a known kind."""
        self.need_positive(
            "vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads", "relative_attention_num_buckets",
        )  # fmt: skip
        self.need_activation(self.act)

    def to_dict(self) -> dict[str, Any]:
        """As of `Config`, with the token that a decoder is given first."""
        return {**super().to_dict(), "decoder_start_token_id": self.start_token}

    @property
    def decoder_layers(self) -> int:
        """How many blocks the decoder has: as many as the encoder, if nothing else is said."""
        return self.num_layers if self.num_decoder_layers is None else self.num_decoder_layers

    @property
    def start_token(self) -> int:
        """What a decoder is given first: `decoder_start_token_id`, or else the token of padding."""
        start = self.decoder_start_token_id
        return (self.pad_token_id or 0) if start is None else start

    @property
    def scales_states(self) -> bool:
        """Whether states are made small before the head: where it is the embeddings, which are large."""
        scales = self.scale_decoder_outputs
        return self.tie_word_embeddings if scales is None else scales

    @property
    def gated(self) -> bool:
        """Whether the small network is gated."""
        return self.feed_forward_proj.startswith("gated-")

    @property
    def act(self) -> str:
        """The name of its activation; "gated-gelu" has always meant the one by tanh."""
        name = self.feed_forward_proj.removeprefix("gated-")
        return "gelu_new" if self.feed_forward_proj == "gated-gelu" else name


class T5Attention(Module):
    """Attention of x to itself, or with `across` to an encoder's states. The first one of a stack has the bias of positions."""

    def __init__(self, config: T5Config, layer: int, across: bool = False):
        super().__init__()
        C, inner = config.d_model, config.num_heads * config.d_kv
        self.heads, self.dropout = config.num_heads, config.dropout_rate
        self.layer, self.across = layer, across
        self.q, self.k, self.v = [Linear(C, inner, bias=False) for _ in range(3)]
        self.o = Linear(inner, C, bias=False)
        with_bias = layer == 0 and not across
        if with_bias:
            self.relative_attention_bias = Embedding(
                config.relative_attention_num_buckets, config.num_heads
            )
        factor = config.initializer_factor
        init.normal_(self.q.weight, std=factor * (C * config.d_kv) ** -0.5)
        for part in (self.k, self.v):
            init.normal_(part.weight, std=factor * C**-0.5)
        init.normal_(self.o.weight, std=factor * inner**-0.5)
        if with_bias:
            init.normal_(self.relative_attention_bias.weight, std=factor * C**-0.5)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        source, mask, shares = x, reading.mask, reading.attentions
        if self.across:
            source, mask, shares = reading.states, reading.states_mask, reading.cross_attentions
        q, k, v = [
            part(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, T or S, D)
            for part, y in ((self.q, x), (self.k, source), (self.v, source))
        ]
        if reading.cache is not None and not self.across:
            k, v = reading.cache.put(self.layer, k, v)  # (B, H, longest, D)
        y = attend(q, k, v, mask, 1.0, self.dropout if self.training else 0.0, shares)
        return self.o(y.transpose(1, 2).flatten(2))


class T5Dense(Module):
    """wo(act(wi(x))), or gated: wo(act(wi_0(x)) · wi_1(x))."""

    def __init__(self, config: T5Config):
        super().__init__()
        C, wide, factor = config.d_model, config.d_ff, config.initializer_factor
        for name in ("wi_0", "wi_1") if config.gated else ("wi",):
            setattr(self, name, Linear(C, wide, bias=False))
            init.normal_(getattr(self, name).weight, std=factor * C**-0.5)
        self.wo = Linear(wide, C, bias=False)
        init.normal_(self.wo.weight, std=factor * wide**-0.5)
        self.gated, self.act = config.gated, activation(config.act)
        self.dropout = Dropout(config.dropout_rate)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C), each position for itself."""
        y = self.act(self.wi_0(x)) * self.wi_1(x) if self.gated else self.act(self.wi(x))
        return self.wo(self.dropout(y))


class T5Branch(Module):
    """x + inner(norm(x)), the inner part under the name that the checkpoints have for it."""

    def __init__(self, name: str, inner: Module, config: T5Config):
        super().__init__()
        self.name = name
        setattr(self, name, inner)
        self.layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return x + self.dropout(getattr(self, self.name)(self.layer_norm(x), reading))


class T5Block(Module):
    """Self-attention, in a decoder cross-attention, and the small network."""

    def __init__(self, config: T5Config, layer: int, decodes: bool):
        super().__init__()
        parts = [T5Branch("SelfAttention", T5Attention(config, layer), config)]
        if decodes:
            across = T5Attention(config, layer, across=True)
            parts.append(T5Branch("EncDecAttention", across, config))
        parts.append(T5Branch("DenseReluDense", T5Dense(config), config))  # whatever the activation
        self.layer = ModuleList(parts)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        for part in self.layer:
            x = part(x, reading)
        return x


class T5Stack(Module):
    """An encoder or a decoder."""

    def __init__(self, config: T5Config, decodes: bool, embeddings: Embedding):
        super().__init__()
        layers = config.decoder_layers if decodes else config.num_layers
        self.config, self.decodes, self.embed_tokens = config, decodes, embeddings
        self.block = Layers([T5Block(config, k, decodes) for k in range(layers)])
        self.final_layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(
        self,
        ids: Tensor | None,
        embeds: Tensor | None,
        padding: Tensor | None,
        reading: Reading,
    ) -> BaseOutput:
        """(B, T) → (B, T, C). What `reading` says of the encoder's padding becomes a number, like the bias of positions."""
        x = self.dropout(self.embed_tokens(ids) if embeds is None else embeds)
        reading.mask = self._bias(x.shape[1], padding, reading.cache)
        if reading.states_mask is not None:
            reading.states_mask = added(reading.states_mask, x.dtype)
        x = self.dropout(self.final_layer_norm(self.block(x, reading)))
        return BaseOutput(last_hidden_state=x, **reading.end(x))

    def _bias(self, T: int, padding: Tensor | None, cache: Cache | None) -> Tensor:
        """What is added to the scores: the bias of distances (1, H, T, S), and what leaves nothing of those nobody may see."""
        c = self.config
        here = arange(T) if cache is None else cache.places(T)
        there = arange(T if cache is None else cache.longest)
        distance = there - here.unsqueeze(1)  # (T, S)
        count, most = c.relative_attention_num_buckets, c.relative_attention_max_distance
        table = self.block[0].layer[0].SelfAttention.relative_attention_bias
        at = bucket(distance, not self.decodes, count, most)
        bias = table(at).permute(2, 0, 1).unsqueeze(0)  # (1, H, T, S)
        seen = may_see(T, padding, cache) if self.decodes else no_padding(padding)
        return bias if seen is None else bias + added(seen, bias.dtype)


class T5PreTrained(PreTrained):
    """What the models of this file share: the embeddings of both stacks."""

    config_class = T5Config
    base_model_prefix = "transformer"
    words_in = "shared"
    tied: ClassVar = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }
    left_over = r"(transformer\.)?decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight"

    def stacks(self, config: T5Config, decodes: bool = True) -> None:
        """Make the embeddings, the encoder and the decoder."""
        self.shared = Embedding(config.vocab_size, config.d_model)
        init.normal_(self.shared.weight, std=config.initializer_factor)
        self.encoder = T5Stack(config, False, self.shared)
        if decodes:
            self.decoder = T5Stack(config, True, self.shared)

    def ties(self) -> dict[str, str]:
        """Both stacks share their embeddings in any case, and the head if the configuration says so."""
        own = {k: v for k, v in self.tied.items() if hasattr(self, k.partition(".")[0])}
        if hasattr(self, self.base_model_prefix):
            prefix = f"{self.base_model_prefix}."
            inner = getattr(self, self.base_model_prefix).ties()
            own = {f"{prefix}{k}": f"{prefix}{v}" for k, v in inner.items()}
        return {
            k: v for k, v in own.items() if k != "lm_head.weight" or self.config.tie_word_embeddings
        }

    def encode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **asked: bool,
    ) -> BaseOutput:
        """Read the input: `last_hidden_state` (B, S, C). What may be asked for: `output_attentions`, `output_hidden_states`."""
        either("T5", input_ids, inputs_embeds)
        return self.encoder(input_ids, inputs_embeds, attention_mask, Reading(**asked))

    def shifted(self, labels: Tensor) -> Tensor:
        """What the decoder is given so that it says the labels: the start token, then all but the last label."""
        first = full((labels.shape[0], 1), self.config.start_token, dtype=int64)
        before = where(labels == -100, self.config.pad_token_id or 0, labels)
        return cat([first, before[:, :-1]], dim=1)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for what is written."""
        c = self.config
        return Cache.empty(len(self.decoder.block), batch, c.num_heads, longest, c.d_kv, self.dtype)

    def read_and_write(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseOutput | tuple | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> Seq2SeqModelOutput:
        """Encoder and decoder: `last_hidden_state` (B, T, C) is the decoder's.

        Args:
            input_ids: what is read, (B, S) int64.
            attention_mask: (B, S), 0 where there is padding.
            decoder_input_ids: what was written, (B, T).
            decoder_attention_mask: (B, T), with a cache for all that was written: 0 where there is padding.
            encoder_outputs: of `encode`, so that the input is read once.
            past_key_values: what the decoder wrote before; the new steps are written into it.
            inputs_embeds, decoder_inputs_embeds: embeddings instead of ids.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these.
        """
        asked = {
            "output_attentions": output_attentions,
            "output_hidden_states": output_hidden_states,
        }
        if encoder_outputs is None:
            encoder_outputs = self.encode(input_ids, attention_mask, inputs_embeds, **asked)
        elif not isinstance(encoder_outputs, BaseOutput):
            names = ("last_hidden_state", "hidden_states", "attentions")
            encoder_outputs = BaseOutput(dict(zip(names, encoder_outputs, strict=False)))
        if (decoder_input_ids is None) == (decoder_inputs_embeds is None):
            raise ShapeError("T5: give decoder_input_ids, decoder_inputs_embeds or labels")
        given = decoder_input_ids if decoder_inputs_embeds is None else decoder_inputs_embeds
        assert given is not None
        cache = room_for(self, *given.shape[:2], past_key_values, use_cache)
        states = encoder_outputs.last_hidden_state
        reading = Reading(None, cache, states, no_padding(attention_mask), **asked)
        out = self.decoder(
            decoder_input_ids, decoder_inputs_embeds, decoder_attention_mask, reading
        )
        return Seq2SeqModelOutput(
            last_hidden_state=out.last_hidden_state,
            past_key_values=cache,
            decoder_hidden_states=out.hidden_states,
            decoder_attentions=out.attentions,
            cross_attentions=out.cross_attentions,
            encoder_last_hidden_state=states,
            encoder_hidden_states=encoder_outputs.hidden_states,
            encoder_attentions=encoder_outputs.attentions,
        )


@architecture
class T5Model(T5PreTrained):
    """Both stacks without a head.

    Example:
        >>> config = models.T5Config(vocab_size=11, d_model=6, d_kv=2, d_ff=8, num_layers=1, num_heads=3)
        >>> model = models.T5Model(config)
        >>> model(cr.tensor([[3, 4, 1]]), decoder_input_ids=cr.tensor([[0, 5]])).last_hidden_state.shape
        chainrule.Size([1, 2, 6])
    """

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.stacks(config)

    def forward(self, *given: Any, **settings: Any) -> Seq2SeqModelOutput:
        """`last_hidden_state` (B, T, C) of the decoder; arguments as of `read_and_write`."""
        return self.read_and_write(*given, **settings)


@architecture
class T5EncoderModel(T5PreTrained):
    """The encoder alone: `last_hidden_state` (B, T, C)."""

    left_over = r"decoder\..*|lm_head\..*"

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.stacks(config, decodes=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **asked: bool,
    ) -> BaseOutput:
        """Read a text (B, T); arguments as of `read_and_write`."""
        return self.encode(input_ids, attention_mask, inputs_embeds, **asked)


@architecture
class T5ForConditionalGeneration(Answers, T5PreTrained):
    """T5 with its head.

    Example:
        >>> config = models.T5Config(vocab_size=11, d_model=6, d_kv=2, d_ff=8, num_layers=1, num_heads=3)
        >>> model = models.T5ForConditionalGeneration(config)
        >>> model(cr.tensor([[3, 4, 1]]), labels=cr.tensor([[5, 1]])).logits.shape
        chainrule.Size([1, 2, 11])
    """

    tied: ClassVar = {**T5PreTrained.tied, "lm_head.weight": "shared.weight"}
    words_out = "lm_head"

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.stacks(config)
        self.lm_head = Linear(config.d_model, config.vocab_size, bias=False)
        init.normal_(self.lm_head.weight, std=config.initializer_factor)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.shared.weight

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> Seq2SeqOutput:
        """Logits (B, T, V), and with `labels` the loss; the others as of `read_and_write`.

        Args:
            input_ids: what is read, (B, S) int64.
            attention_mask: (B, S), 0 where there is padding.
            decoder_input_ids: what was written, (B, T); the labels, one step later, if None.
            labels: (B, T) int64; −100 is passed over.
        """
        embedded = settings.get("decoder_inputs_embeds") is not None
        if labels is not None and decoder_input_ids is None and not embedded:
            decoder_input_ids = self.shifted(labels)
        out = self.read_and_write(input_ids, attention_mask, decoder_input_ids, *given, **settings)
        x, config = out.last_hidden_state, self.config
        if config.scales_states:
            x = x * config.d_model**-0.5
        logits = self.lm_head(x)  # (B, T, V)
        loss = None if labels is None else flat_loss(logits, labels)
        return Seq2SeqOutput.of(out, loss=loss, logits=logits)
