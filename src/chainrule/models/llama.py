"""The modern decoder: Llama 2 and 3, and what Qwen, Mistral, Phi and Gemma are made of.

    ids (B, T) → embeddings → [x + attention(norm(x)), x + mlp(norm(x))] × layers → norm → logits

What changed since GPT-2: norms divide by the root mean square alone; positions are rotations of queries and keys;
several query heads share a head of keys and values; the small network is gated,  down(silu(gate(x)) · up(x));  there
are no biases, as a rule. `qwen2`, `qwen3`, `mistral`, `mixtral`, `phi3` and `gemma` say in what they differ.

B batch, T time, C channels (`hidden_size`), H query heads, K heads of keys and values, D head size, V vocabulary.

Source: Touvron et al. 2023 (Llama 2); Zhang & Sennrich 2019 (RMSNorm); Shazeer 2020 (SwiGLU); Ainslie et al. 2023
(grouped queries).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from ..nn import Dropout, Embedding, Linear, Module, RMSNorm, init
from ..tensors import Tensor, arange
from .activations import activation
from .attention import attend, may_see
from .cache import Cache
from .config import configuration
from .heads import ClassifiesTexts, ClassifiesTokens, FindsSpans, WithHead, WritesOn, last_tokens
from .output import BaseOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for
from .rotary import RotaryConfig, angles, rotated

__all__ = [
    "LlamaConfig", "LlamaForCausalLM", "LlamaForQuestionAnswering", "LlamaForSequenceClassification",
    "LlamaForTokenClassification", "LlamaModel",
]  # fmt: skip


@configuration
class LlamaConfig(RotaryConfig):
    """Sizes and settings; the defaults are those of Llama 2 with 7 billion parameters."""

    model_type = "llama"
    fixed: ClassVar = {"pretraining_tp": 1}

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: str = "silu"
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    attention_bias: bool = False
    attention_dropout: float | None = 0.0
    mlp_bias: bool = False
    classifier_dropout: float | None = None
    tie_word_embeddings: bool = False
    bos_token_id: int | None = 1
    eos_token_id: int | tuple | None = 2
    pad_token_id: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As of `RotaryConfig`, with the size of a head."""
        return {**super().to_dict(), "head_dim": self.head_size}

    def check(self) -> None:
        """Sizes are positive and fit each other."""
        self.need_activation(self.act_name)
        self.need_positive(
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        )  # fmt: skip
        heads, few = self.num_attention_heads, self.key_value_heads
        self.need(
            few > 0 and heads % few == 0,
            f"num_key_value_heads must divide {heads} heads, found {few}",
        )
        self.need(
            self.head_dim is not None or self.hidden_size % heads == 0,
            f"num_attention_heads must divide hidden_size, found {heads} and {self.hidden_size}",
        )
        super().check()

    @property
    def head_size(self) -> int:
        """D."""
        return (
            self.hidden_size // self.num_attention_heads if self.head_dim is None else self.head_dim
        )

    @property
    def key_value_heads(self) -> int:
        """K."""
        return (
            self.num_attention_heads
            if self.num_key_value_heads is None
            else self.num_key_value_heads
        )

    @property
    def act_name(self) -> str:
        """The activation of the small network."""
        return self.hidden_act

    @property
    def score_scale(self) -> float:
        """What scores are multiplied by."""
        return self.head_size**-0.5

    def biases(self) -> tuple[bool, bool, bool]:
        """Whether queries, keys and values have biases, the output, and the small network."""
        return self.attention_bias, self.attention_bias, self.mlp_bias

    def window(self, layer: int) -> int | None:
        """How many positions a layer looks back, itself included; None: all."""
        return None


@dataclasses.dataclass(kw_only=True)
class LlamaReading(Reading):
    """A reading whose positions are turned by angles, and in which some layers look back a window.

    Args:
        turns: cosine and sine of the angles, (B, 1, T, D) each, by the kind of a layer.
        masks: who may see whom, by how far a layer looks back.
        routes: where routers of experts write down their logits, (B · T, E) each.
    """

    turns: dict[str, tuple[Tensor, Tensor]]
    masks: dict[int | None, Tensor | None]
    routes: list[Tensor] = dataclasses.field(default_factory=list)

    def end(self, x: Tensor) -> dict[str, Any]:
        """As of `Reading`, with what routers said, if there were any."""
        return {**super().end(x), **({"router_logits": tuple(self.routes)} if self.routes else {})}


class LlamaAttention(Module):
    """Causal attention of H query heads, served by K heads of keys and values."""

    def __init__(self, config: LlamaConfig, layer: int):
        super().__init__()
        C, D = config.hidden_size, config.head_size
        self.layer, self.size, self.dropout = layer, D, config.attention_dropout or 0.0
        self.window, self.kind = config.window(layer), config.kind(layer)
        self.scale = config.score_scale
        self.begin(config)
        self.o_proj = Linear(config.num_attention_heads * D, C, bias=config.biases()[1])

    def begin(self, config: LlamaConfig) -> None:
        """The maps to queries, keys and values."""
        C, D, bias = config.hidden_size, config.head_size, config.biases()[0]
        H, K = config.num_attention_heads, config.key_value_heads
        self.q_proj = Linear(C, H * D, bias=bias)
        self.k_proj = Linear(C, K * D, bias=bias)
        self.v_proj = Linear(C, K * D, bias=bias)

    def project(self, x: Tensor) -> list[Tensor]:
        """Queries, keys and values, (B, T, C) → (B, T, H or K, D) each."""
        B, T, _ = x.shape
        return [
            part(x).view(B, T, -1, self.size) for part in (self.q_proj, self.k_proj, self.v_proj)
        ]

    def look(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, reading: Reading
    ) -> Tensor:
        """What queries (B, H, T, D) find in keys and values (B, K, S, D): (B, H, T, D)."""
        dropout = self.dropout if self.training else 0.0
        return attend(q, k, v, mask, self.scale, dropout, reading.attentions)

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, _ = x.shape
        q, k, v = [each.transpose(1, 2) for each in self.project(x)]  # (B, H or K, T, D)
        turn = reading.turns[self.kind]
        q, k = rotated(q, *turn), rotated(k, *turn)
        if reading.cache is not None:
            k, v = reading.cache.put(self.layer, k, v)  # (B, K, S, D)
        y = self.look(q, k, v, reading.masks[self.window], reading)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, -1))


class LlamaMLP(Module):
    """A gated network on every position,  down(act(gate(x)) · up(x))."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        C, inner, bias = config.hidden_size, config.intermediate_size, config.biases()[2]
        self.gate_proj, self.up_proj = Linear(C, inner, bias=bias), Linear(C, inner, bias=bias)
        self.down_proj, self.act = Linear(inner, C, bias=bias), activation(config.act_name)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class LlamaDecoderLayer(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)). Relatives have other parts."""

    norm_class: ClassVar[Callable[..., Module]] = RMSNorm
    attention_class: ClassVar[type[LlamaAttention]] = LlamaAttention

    def __init__(self, config: LlamaConfig, layer: int):
        super().__init__()
        self.input_layernorm = self.norm_class(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = self.attention_class(config, layer)
        self.post_attention_layernorm = self.norm_class(config.hidden_size, eps=config.rms_norm_eps)
        self.begin(config, layer)

    def begin(self, config: LlamaConfig, layer: int) -> None:
        """What stands behind attention."""
        self.mlp = LlamaMLP(config)

    def think(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """What it does, (B, T, C) → (B, T, C)."""
        return self.mlp(x)

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self.self_attn(self.input_layernorm(x), reading)
        return x + self.think(self.post_attention_layernorm(x), reading)


class LlamaPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = LlamaConfig
    base_model_prefix = "model"
    words_in = "embed_tokens"
    left_over = r".*rotary_emb\.inv_freq"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, initializer_range²), biases 0."""
        for module in part.modules():
            if isinstance(module, (Linear, Embedding)):
                init.normal_(module.weight, std=self.config.initializer_range)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for generation."""
        c = self.config
        return Cache.empty(
            c.num_hidden_layers, batch, c.key_value_heads, longest, c.head_size, self.dtype
        )


@architecture
class LlamaModel(LlamaPreTrained):
    """The layers without a head: the last hidden state of every position.

    Example:
        >>> config = models.LlamaConfig(vocab_size=11, hidden_size=12, intermediate_size=20, num_hidden_layers=2,
        ...     num_attention_heads=3, num_key_value_heads=1)
        >>> models.LlamaModel(config)(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 12])
    """

    layer_class: ClassVar[type[LlamaDecoderLayer]] = LlamaDecoderLayer
    output: ClassVar[type[BaseOutput]] = BaseOutput

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.embed_tokens = Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.layers = Layers([self.layer_class(config, k) for k in range(config.num_hidden_layers)])
        self.norm = self.layer_class.norm_class(config.hidden_size, eps=config.rms_norm_eps)
        self.start(self)

    def embedded(self, ids: Tensor) -> Tensor:
        """What the first layer is told of tokens, (B, T) → (B, T, C)."""
        return self.embed_tokens(ids)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            position_ids: (B, T) or (1, T); counted from 0, or from the cache's position, if None.
            past_key_values: what was read before; the new steps are written into it.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        B, T = either(type(self).__name__, input_ids, inputs_embeds).shape[:2]
        cache = room_for(self, B, T, past_key_values, use_cache)
        if position_ids is None:
            position_ids = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        windows = {layer.self_attn.window for layer in self.layers}
        reading = LlamaReading(
            turns=angles(self.config, position_ids),
            masks={w: may_see(T, attention_mask, cache, w) for w in windows},
            cache=cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        x = self.embedded(input_ids) if inputs_embeds is None else inputs_embeds
        x = self.norm(self.layers(x, reading))
        return self.output(last_hidden_state=x, **reading.end(x))


class LlamaWithHead(WithHead, LlamaPreTrained):
    """What the models of this file with a head share: the model behind which it stands."""

    model_class: ClassVar[type[LlamaModel]] = LlamaModel

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        setattr(self, self.base_model_prefix, self.model_class(config))


@architecture
class LlamaForCausalLM(WritesOn, LlamaWithHead):
    """A language model: the logits of the next token at every position.

    Example:
        >>> config = models.LlamaConfig(vocab_size=11, hidden_size=12, intermediate_size=20, num_hidden_layers=2,
        ...     num_attention_heads=3, num_key_value_heads=1)
        >>> models.LlamaForCausalLM(config).generate(cr.tensor([[1, 2, 3]]), max_new_tokens=4).shape
        chainrule.Size([1, 7])
    """

    tied: ClassVar = {"lm_head.weight": "model.embed_tokens.weight"}
    words_out = "lm_head"
    most_positions: ClassVar = None  # rotations have no end

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)
        self.start(self.lm_head)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.lm_head(out.last_hidden_state)


@architecture
class LlamaForSequenceClassification(ClassifiesTexts, LlamaWithHead):
    """Classifies texts by their last token: logits (B, classes). Where several texts end is told by `pad_token_id`."""

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.score = Linear(config.hidden_size, len(config.id2label), bias=False)
        self.start(self.score)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return last_tokens(self.score(out.last_hidden_state), input_ids, self.config.pad_token_id)


@architecture
class LlamaForTokenClassification(ClassifiesTokens, LlamaWithHead):
    """Classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        p = 0.1 if config.classifier_dropout is None else config.classifier_dropout
        self.dropout, self.score = Dropout(p), Linear(config.hidden_size, len(config.id2label))
        self.start(self.score)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, classes)."""
        return self.score(self.dropout(out.last_hidden_state))


@architecture
class LlamaForQuestionAnswering(FindsSpans, LlamaWithHead):
    """Tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    base_model_prefix = "transformer"  # the checkpoints' name

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.qa_outputs = Linear(config.hidden_size, 2)
        self.start(self.qa_outputs)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, 2)."""
        return self.qa_outputs(out.last_hidden_state)
