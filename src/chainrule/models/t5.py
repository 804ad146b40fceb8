"""T5: text to text. An encoder reads the whole input; a decoder writes, looking back at itself and across at the input.

    decoder block:  x + self-attention(norm(x)),  x + cross-attention(norm(x), encoder),  x + mlp(norm(x))

Positions are told by a bias on the attention's scores, which depends on the distance alone, in buckets that widen with
it; scores are not scaled. Norms divide by the root mean square; there are no biases.

B batch, T time, S time of the input, C channels (`d_model`), H heads, D head size (`d_kv`), V vocabulary.

Source: Raffel et al. 2020, and Shazeer 2020 for the gated form (T5 v1.1, Flan); checkpoints as Hugging Face's
`T5ForConditionalGeneration` has them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, Linear, Module, ModuleList, RMSNorm, init
from ..platform import finfo
from ..tensors import Generator, Tensor, arange, cat, full, int64, no_grad, ones, where, zeros
from .activations import activation
from .attention import attend, may_see
from .cache import ROOM, Cache
from .choosing import GenerationSettings
from .config import Labelled
from .generation import Generates
from .heads import classification_loss, flat_loss, span_logits, span_loss
from .output import (
    BaseOutput,
    CausalLMOutput,
    ClassifierOutput,
    Seq2SeqModelOutput,
    Seq2SeqOutput,
    SpanOutput,
)  # fmt: skip
from .pretrained import PreTrained, architecture

__all__ = [
    "T5Config", "T5EncoderModel", "T5ForConditionalGeneration", "T5ForQuestionAnswering", "T5ForSequenceClassification",
    "T5ForTokenClassification", "T5Model",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class T5Config(Labelled):
    """Sizes and settings; the defaults are those of T5-small (60 million parameters)."""

    model_type = "t5"

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
    def start_token(self) -> int:
        """What a decoder is given first: `decoder_start_token_id`, or else the token of padding."""
        start = self.decoder_start_token_id
        return (self.pad_token_id or 0) if start is None else start

    @property
    def gated(self) -> bool:
        """Whether the small network is gated."""
        return self.feed_forward_proj.startswith("gated-")

    @property
    def act(self) -> str:
        """The name of its activation; "gated-gelu" has always meant the one by tanh."""
        name = self.feed_forward_proj.removeprefix("gated-")
        return "gelu_new" if self.feed_forward_proj == "gated-gelu" else name


def bucket(distance: Tensor, two_sided: bool, buckets: int, most: int) -> Tensor:
    """Which bucket a distance (key − query) falls into: half of them for single steps, the others in powers up to `most`.

    >>> from chainrule import tensor
    >>> bucket(tensor([0, -1, -7, -8, -20, -500]), False, 16, 128)
    tensor([ 0,  1,  7,  8, 10, 15])
    """
    at = zeros(distance.shape, dtype=int64)
    if two_sided:
        buckets //= 2
        at = (distance > 0).to(int64) * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    near = buckets // 2
    far = (distance.clamp(min=1).float() / near).log() / math.log(most / near) * (buckets - near)
    far = (near + far.to(int64)).clamp(max=buckets - 1)
    return at + where(distance < near, distance, far)


class T5Attention(Module):
    """Attention of x to itself or to an encoder's states. The first one of a stack has the bias of positions."""

    def __init__(self, config: T5Config, with_bias: bool = False):
        super().__init__()
        C, inner = config.d_model, config.num_heads * config.d_kv
        self.heads, self.dropout = config.num_heads, config.dropout_rate
        self.q, self.k, self.v = [Linear(C, inner, bias=False) for _ in range(3)]
        self.o = Linear(inner, C, bias=False)
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

    def split(self, x: Tensor) -> Tensor:
        """(B, T, H · D) → (B, H, T, D)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(
        self,
        x: Tensor,
        states: Tensor | None,
        bias: Tensor,
        cache: Cache | None,
        layer: int,
        weights: bool,
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, S) if asked for."""
        source = x if states is None else states
        q, k, v = self.split(self.q(x)), self.split(self.k(source)), self.split(self.v(source))
        if cache is not None and states is None:
            k, v = cache.put(layer, k, v)
        dropout = self.dropout if self.training else 0.0
        y, attention = attend(q, k, v, bias, 1.0, dropout, weights)
        return self.o(y.transpose(1, 2).flatten(2)), attention


class T5SelfAttention(Module):
    """x + attention(norm(x))."""

    def __init__(self, config: T5Config, with_bias: bool):
        super().__init__()
        self.SelfAttention = T5Attention(config, with_bias)
        self.layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(
        self, x: Tensor, bias: Tensor, cache: Cache | None, layer: int, weights: bool
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        y, attention = self.SelfAttention(self.layer_norm(x), None, bias, cache, layer, weights)
        return x + self.dropout(y), attention


class T5CrossAttention(Module):
    """x + attention(norm(x) to the encoder's states)."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.EncDecAttention = T5Attention(config)
        self.layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(self, x: Tensor, states: Tensor, bias: Tensor, weights: bool) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, S)."""
        y, attention = self.EncDecAttention(self.layer_norm(x), states, bias, None, 0, weights)
        return x + self.dropout(y), attention


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
        self.gated, self.act, self.dropout = (
            config.gated,
            activation(config.act),
            Dropout(config.dropout_rate),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        y = self.act(self.wi_0(x)) * self.wi_1(x) if self.gated else self.act(self.wi(x))
        return self.wo(self.dropout(y))


class T5FeedForward(Module):
    """x + mlp(norm(x))."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.DenseReluDense = T5Dense(config)  # the checkpoints' name, whatever the activation
        self.layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return x + self.dropout(self.DenseReluDense(self.layer_norm(x)))


class T5Block(Module):
    """Self-attention, in a decoder cross-attention, and the small network."""

    def __init__(self, config: T5Config, decodes: bool, with_bias: bool):
        super().__init__()
        parts = [
            T5SelfAttention(config, with_bias),
            *[T5CrossAttention(config)] * decodes,
            T5FeedForward(config),
        ]
        self.layer = ModuleList(parts)


class T5Stack(Module):
    """An encoder or a decoder."""

    def __init__(self, config: T5Config, decodes: bool, embeddings: Embedding):
        super().__init__()
        layers = (
            config.num_decoder_layers
            if decodes and config.num_decoder_layers is not None
            else config.num_layers
        )
        self.config, self.decodes, self.embed_tokens = config, decodes, embeddings
        self.block = ModuleList([T5Block(config, decodes, k == 0) for k in range(layers)])
        self.final_layer_norm = RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def forward(
        self,
        ids: Tensor | None,
        embeds: Tensor | None,
        mask: Tensor | None,
        states: Tensor | None,
        states_mask: Tensor | None,
        cache: Cache | None,
        weights: bool,
    ) -> tuple[list, list, list]:
        """(B, T) → states before the first block and after each, attention weights, cross-attention weights."""
        x = self.dropout(self.embed_tokens(ids) if embeds is None else embeds)
        bias = self._bias(x.shape[1], mask, cache)
        across = None if states_mask is None else _added((states_mask != 0)[:, None, None], x.dtype)
        found, attentions, crossing = [x], [], []
        for k, block in enumerate(self.block):
            x, attention = block.layer[0](x, bias, cache, k, weights)
            attentions.append(attention)
            if self.decodes:
                x, attention = block.layer[1](x, states, across, weights)
                crossing.append(attention)
            x = block.layer[-1](x)
            found.append(x)
        if cache is not None:
            cache.position.add_(ids.shape[1] if embeds is None else embeds.shape[1])
        found[-1] = self.dropout(self.final_layer_norm(x))
        return found, attentions, crossing

    def _bias(self, T: int, mask: Tensor | None, cache: Cache | None) -> Tensor:
        """What is added to the scores: the bias of distances (1, H, T, S), and what leaves nothing of those nobody may see."""
        c = self.config
        here = arange(T) if cache is None else cache.places(T)
        there = arange(T if cache is None else cache.longest)
        distance = there - here.unsqueeze(1)  # (T, S)
        at = bucket(
            distance,
            not self.decodes,
            c.relative_attention_num_buckets,
            c.relative_attention_max_distance,
        )
        table = self.block[0].layer[0].SelfAttention.relative_attention_bias
        bias = table(at).permute(2, 0, 1).unsqueeze(0)  # (1, H, T, S)
        if self.decodes:
            return bias + _added(may_see(T, mask, cache), bias.dtype)
        return bias if mask is None else bias + _added((mask != 0)[:, None, None], bias.dtype)


def _added(seen: Tensor, dtype: Any) -> Tensor:
    """0 where there is something to see, the least number elsewhere: whoever sees nothing then looks at all alike, and not at NaN."""
    return zeros(seen.shape, dtype=dtype).masked_fill(seen.logical_not(), finfo(dtype).min)


class T5PreTrained(PreTrained):
    """What the models of this file share: the embeddings of both stacks."""

    config_class = T5Config
    base_model_prefix = "transformer"
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
            inner, prefix = (
                getattr(self, self.base_model_prefix).ties(),
                f"{self.base_model_prefix}.",
            )
            own = {f"{prefix}{k}": f"{prefix}{v}" for k, v in inner.items()}
        return {
            k: v for k, v in own.items() if k != "lm_head.weight" or self.config.tie_word_embeddings
        }

    def encode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """Read the input: `last_hidden_state` (B, S, C)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("T5: give input_ids or inputs_embeds, one of the two")
        found, attentions, _ = self.encoder(
            input_ids, inputs_embeds, attention_mask, None, None, None, output_attentions
        )
        return BaseOutput(
            last_hidden_state=found[-1],
            hidden_states=tuple(found) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )

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
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> Seq2SeqModelOutput:
        """Encoder and decoder; see `T5ForConditionalGeneration.forward`."""
        if encoder_outputs is None:
            encoder_outputs = self.encode(
                input_ids, attention_mask, inputs_embeds, output_attentions, output_hidden_states
            )
        states, cache = encoder_outputs[0], past_key_values
        if (decoder_input_ids is None) == (decoder_inputs_embeds is None):
            raise ShapeError("T5: give decoder_input_ids, decoder_inputs_embeds or labels")
        if use_cache:
            given = decoder_input_ids if decoder_inputs_embeds is None else decoder_inputs_embeds
            B, T = given.shape[:2]
            cache = (self.cache(B, T + ROOM) if cache is None else cache).with_room(T)
        found, attentions, crossing = self.decoder(
            decoder_input_ids, decoder_inputs_embeds, decoder_attention_mask, states, attention_mask, cache,
            output_attentions,
        )  # fmt: skip
        if not isinstance(encoder_outputs, BaseOutput):
            names = ("last_hidden_state", "hidden_states", "attentions")
            encoder_outputs = BaseOutput(dict(zip(names, encoder_outputs, strict=False)))
        return Seq2SeqModelOutput(
            last_hidden_state=found[-1],
            past_key_values=cache,
            decoder_hidden_states=tuple(found) if output_hidden_states else None,
            decoder_attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(crossing) if output_attentions else None,
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
        """`last_hidden_state` (B, T, C) of the decoder; arguments as of `T5ForConditionalGeneration.forward`, but for labels."""
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
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """Read a text (B, T); arguments as of `T5ForConditionalGeneration.forward`."""
        return self.encode(
            input_ids, attention_mask, inputs_embeds, output_attentions, output_hidden_states
        )


@architecture
class T5ForConditionalGeneration(T5PreTrained):
    """T5 with its head.

    Example:
        >>> config = models.T5Config(vocab_size=11, d_model=6, d_kv=2, d_ff=8, num_layers=1, num_heads=3)
        >>> model = models.T5ForConditionalGeneration(config)
        >>> model(cr.tensor([[3, 4, 1]]), labels=cr.tensor([[5, 1]])).logits.shape
        chainrule.Size([1, 2, 11])
    """

    tied: ClassVar = {**T5PreTrained.tied, "lm_head.weight": "shared.weight"}

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
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseOutput | tuple | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> Seq2SeqOutput:
        """Logits, and with `labels` the loss.

        Args:
            input_ids: what is read, (B, S) int64.
            attention_mask: (B, S), 0 where there is padding.
            decoder_input_ids: what was written, (B, T); the labels, one step later, if None.
            decoder_attention_mask: (B, T), with a cache for all that was written: 0 where there is padding.
            encoder_outputs: of `encode`, so that the input is read once.
            past_key_values: what the decoder wrote before; the new steps are written into it.
            inputs_embeds, decoder_inputs_embeds: embeddings instead of ids.
            labels: (B, T) int64; −100 is passed over.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these.
        """
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.shifted(labels)
        out = self.read_and_write(
            input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, encoder_outputs, past_key_values,
            inputs_embeds, decoder_inputs_embeds, use_cache, output_attentions, output_hidden_states,
        )  # fmt: skip
        values = dict(out)
        logits = self.lm_head(self._scaled(values.pop("last_hidden_state")))  # (B, T, V)
        loss = None if labels is None else flat_loss(logits, labels)
        return Seq2SeqOutput(loss=loss, logits=logits, **values)

    def _scaled(self, x: Tensor) -> Tensor:
        """Where the head is the embeddings, states are made as small as those are large."""
        scales = self.config.scale_decoder_outputs
        scales = self.config.tie_word_embeddings if scales is None else scales
        return x * self.config.d_model**-0.5 if scales else x

    def generate(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        generator: Generator | None = None,
        streamer: Callable[[Tensor], Any] | None = None,
        use_cache: bool = True,
        **settings: Any,
    ) -> Tensor:
        """What the model writes when it has read something: (B · num_return_sequences, 1 + new), the start token included.

        Args:
            input_ids: what is read, (B, S) int64.
            attention_mask: (B, S), 0 where there is padding; None: where there is `pad_token_id`, if that is no end.
            generator, streamer, use_cache, settings: those of `Generates.generate`.
        """
        first = self.generation.get("decoder_start_token_id")
        first = self.config.start_token if first is None else first
        start = full((input_ids.shape[0], 1), first, dtype=int64)
        if attention_mask is None:
            wanted = GenerationSettings.of(settings, self.generation, self.config)
            attention_mask = wanted.seen(input_ids)
        with no_grad():
            answer = T5Answer(self, input_ids, attention_mask)
        written = ones(*start.shape, dtype=int64)  # the start token may be that of padding
        return answer.generate(
            start, attention_mask=written, generator=generator, streamer=streamer, use_cache=use_cache, **settings
        )  # fmt: skip


class T5Answer(Generates):
    """A T5 that has read something, as a model of what it writes. The input is read once."""

    most_positions = None

    def __init__(self, model: T5ForConditionalGeneration, read: Tensor, mask: Tensor | None):
        super().__init__()
        self.model, self.config, self.mask = model, model.config, mask
        self.generation = model.generation
        self.training = model.training
        model.eval()
        try:
            self.states = model.encode(read, mask).last_hidden_state  # (B, S, C)
        finally:
            model.train(self.training)

    def forward(
        self,
        ids: Tensor,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """What was written, (B · beams, T) → the logits of what comes next. Positions are counted, as T5 looks at distances."""
        beams = ids.shape[0] // self.states.shape[0]
        states, mask = [
            x if x is None or beams == 1 else x.repeat_interleave(beams, 0)
            for x in (self.states, self.mask)
        ]
        out = self.model(
            attention_mask=mask,
            decoder_input_ids=ids,
            decoder_attention_mask=attention_mask,
            encoder_outputs=(states,),
            past_key_values=past_key_values,
        )
        return CausalLMOutput(logits=out.logits[:, -logits_to_keep:])

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for what is written."""
        return self.model.cache(batch, longest)


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


@architecture
class T5ForSequenceClassification(T5PreTrained):
    """T5 that classifies texts: the decoder reads the input too, and its state at the last end token counts; logits (B, classes)."""

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.transformer = T5Model(config)
        self.classification_head = T5ClassificationHead(config)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> Seq2SeqOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of `T5ForConditionalGeneration.forward`.

        Raises:
            ShapeError: texts that do not have the same number of end tokens, or none.
        """
        if decoder_input_ids is None:
            decoder_input_ids = self.shifted(input_ids)
        ends = input_ids == self.config.eos_token_id  # (B, S)
        counts = set(ends.to(int64).sum(dim=1).tolist())
        if len(counts) != 1 or 0 in counts:
            raise ShapeError(
                f"T5: every text must have the same number of end tokens ({self.config.eos_token_id}), found {sorted(counts)}"
            )
        out = self.transformer(
            input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **settings
        )
        B, T = ends.shape
        last = (arange(T) * ends.to(int64)).argmax(dim=1)  # (B,)
        values = dict(out)
        logits = self.classification_head(values.pop("last_hidden_state")[arange(B), last])
        loss = None if labels is None else classification_loss(logits, labels, self.config)
        return Seq2SeqOutput(loss=loss, logits=logits, **values)


@architecture
class T5ForTokenClassification(T5PreTrained):
    """T5's encoder that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    left_over = r"transformer\.decoder\..*"

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.transformer = T5EncoderModel(config)
        self.dropout = Dropout(config.classifier_dropout)
        self.classifier = Linear(config.d_model, len(config.id2label))
        init.normal_(self.classifier.weight, std=config.initializer_factor)
        init.zeros_(self.classifier.bias)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B, T) int64 the loss; the others as of `T5EncoderModel.forward`."""
        out = self.transformer(input_ids, attention_mask, inputs_embeds, **settings)
        logits = self.classifier(self.dropout(out.last_hidden_state))
        return ClassifierOutput(
            loss=None if labels is None else flat_loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class T5ForQuestionAnswering(T5PreTrained):
    """T5 that tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T), of the decoder."""

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.stacks(config)
        self.qa_outputs = Linear(config.d_model, 2)
        init.normal_(self.qa_outputs.weight, std=config.initializer_factor * config.d_model**-0.5)
        init.zeros_(self.qa_outputs.bias)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **settings: Any,
    ) -> SpanOutput:
        """Logits, and with both positions (B,) int64 the loss; the others as of `T5ForConditionalGeneration.forward`."""
        if decoder_input_ids is None and input_ids is not None:
            decoder_input_ids = self.shifted(input_ids)
        out = self.read_and_write(
            input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **settings
        )
        starts, ends = span_logits(self.qa_outputs(out.last_hidden_state))
        return SpanOutput(
            loss=span_loss(starts, ends, start_positions, end_positions),
            start_logits=starts,
            end_logits=ends,
            hidden_states=out.decoder_hidden_states,
            attentions=out.decoder_attentions,
        )
