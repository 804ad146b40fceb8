"""The modern decoder: Llama 2 and 3, Qwen2 and Mistral.

    ids (B, T) → embeddings → [x + attention(norm(x)), x + mlp(norm(x))] × layers → norm → logits

What changed since GPT-2: norms divide by the root mean square alone; positions are rotations of queries and keys;
several query heads share a head of keys and values; the small network is gated,  down(silu(gate(x)) · up(x));  there
are no biases (but Qwen2's on queries, keys and values). Mistral looks back `sliding_window` positions only.

B batch, T time, C channels (`hidden_size`), H query heads, K heads of keys and values, D head size, V vocabulary.

Source: Touvron et al. 2023 (Llama 2); Zhang & Sennrich 2019 (RMSNorm); Shazeer 2020 (SwiGLU); Ainslie et al. 2023
(grouped queries); Jiang et al. 2023 (Mistral); Yang et al. 2024 (Qwen2).
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, Linear, Module, ModuleList, RMSNorm, init
from ..tensors import Tensor, arange
from .activations import activation
from .attention import attend, may_see
from .cache import ROOM, Cache
from .config import Labelled
from .generation import Generates, next_token_loss
from .heads import classification_loss, flat_loss, last_tokens, span_logits, span_loss
from .output import BaseOutput, CausalLMOutput, ClassifierOutput, SpanOutput
from .pretrained import PreTrained, architecture
from .rotary import check_scaling, frequencies, rotated, turns

__all__ = [
    "LlamaConfig", "LlamaForCausalLM", "LlamaForQuestionAnswering", "LlamaForSequenceClassification",
    "LlamaForTokenClassification", "LlamaModel", "MistralConfig", "MistralForCausalLM", "MistralForQuestionAnswering",
    "MistralForSequenceClassification", "MistralForTokenClassification", "MistralModel", "Qwen2Config", "Qwen2ForCausalLM",
    "Qwen2ForQuestionAnswering", "Qwen2ForSequenceClassification", "Qwen2ForTokenClassification", "Qwen2Model",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class LlamaConfig(Labelled):
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
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    attention_bias: bool = False
    attention_dropout: float | None = 0.0
    mlp_bias: bool = False
    classifier_dropout: float | None = None
    tie_word_embeddings: bool = False
    bos_token_id: int | None = 1
    eos_token_id: int | tuple | None = 2
    pad_token_id: int | None = None

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `Config`; rotary positions may be told as `rope_parameters` or as `rope_theta` and `rope_scaling`."""
        rotary = given.get("rope_scaling") or given.get("rope_parameters")
        if isinstance(rotary, dict):
            given = {k: v for k, v in given.items() if k != "rope_parameters"}
            trained = given.get("original_max_position_embeddings")  # where Phi's files have it
            if trained is not None:
                rotary = {**rotary, "original_max_position_embeddings": trained}
            given |= {"rope_scaling": rotary}
            given |= {"rope_theta": rotary["rope_theta"]} if "rope_theta" in rotary else {}
        return super().from_dict(given, source)

    def to_dict(self) -> dict[str, Any]:
        """As of `Config`, with rotary positions told both ways."""
        kind = {"rope_type": "default", **(self.rope_scaling or {}), "rope_theta": self.rope_theta}
        return {**super().to_dict(), "rope_parameters": kind, "head_dim": self.head_size}

    def check(self) -> None:
        """Sizes are positive and fit each other."""
        self.need_activation(self.hidden_act)
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
        self.need(
            self.head_size > 0 and self.head_size % 2 == 0,
            f"a head must have an even size, found {self.head_size}",
        )
        trained = self.max_position_embeddings
        check_scaling(self.rope_scaling or {}, self.head_size, self.rope_theta, trained)

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

    def biases(self) -> tuple[bool, bool, bool]:
        """Whether queries, keys and values have biases, the output, and the small network."""
        return self.attention_bias, self.attention_bias, self.mlp_bias

    def window(self, layer: int) -> int | None:
        """How many positions a layer looks back, itself included; None: all."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Qwen2Config(LlamaConfig):
    """Sizes and settings of Qwen2."""

    model_type = "qwen2"

    vocab_size: int = 151936
    intermediate_size: int = 22016
    num_key_value_heads: int | None = 32
    max_position_embeddings: int = 32768
    use_sliding_window: bool = False
    sliding_window: int | None = 4096
    max_window_layers: int = 28
    layer_types: tuple | None = None
    bos_token_id: int | None = None
    eos_token_id: int | tuple | None = None

    def check(self) -> None:
        """Every layer is of a known kind."""
        super().check()
        kinds, known = self.layer_types, ("full_attention", "sliding_attention")
        self.need(
            kinds is None or (len(kinds) == self.num_hidden_layers and set(kinds) <= set(known)),
            f"layer_types must say {' or '.join(known)} of each of {self.num_hidden_layers} layers, found {kinds!r:.80}",
        )

    def biases(self) -> tuple[bool, bool, bool]:
        """Queries, keys and values have biases."""
        return True, False, False

    def window(self, layer: int) -> int | None:
        """The last layers look back a window, if it is used."""
        if not self.use_sliding_window or self.sliding_window is None:
            return None
        if self.layer_types is not None:
            return self.sliding_window if self.layer_types[layer] == "sliding_attention" else None
        return self.sliding_window if layer >= self.max_window_layers else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MistralConfig(LlamaConfig):
    """Sizes and settings of Mistral."""

    model_type = "mistral"

    intermediate_size: int = 14336
    num_key_value_heads: int | None = 8
    max_position_embeddings: int = 131072
    sliding_window: int | None = 4096

    def biases(self) -> tuple[bool, bool, bool]:
        """There are none."""
        return False, False, False

    def window(self, layer: int) -> int | None:
        """Every layer looks back a window."""
        return self.sliding_window


class LlamaAttention(Module):
    """Causal attention of H query heads, served by K heads of keys and values."""

    def __init__(self, config: LlamaConfig, layer: int):
        super().__init__()
        C, H, K, D = (
            config.hidden_size,
            config.num_attention_heads,
            config.key_value_heads,
            config.head_size,
        )
        inner, outer, _ = config.biases()
        self.layer, self.size, self.dropout = layer, D, config.attention_dropout or 0.0
        self.q_proj = Linear(C, H * D, bias=inner)
        self.k_proj = Linear(C, K * D, bias=inner)
        self.v_proj = Linear(C, K * D, bias=inner)
        self.o_proj = Linear(H * D, C, bias=outer)

    def forward(
        self, x: Tensor, turn: tuple, mask: Tensor | None, cache: Cache | None, weights: bool
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, S) if asked for."""
        B, T, _ = x.shape
        q, k, v = [
            part(x).view(B, T, -1, self.size).transpose(1, 2)  # (B, H or K, T, D)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        ]
        q, k = rotated(q, *turn), rotated(k, *turn)
        if cache is not None:
            k, v = cache.put(self.layer, k, v)  # (B, K, S, D)
        dropout = self.dropout if self.training else 0.0
        y, attention = attend(q, k, v, mask, self.size**-0.5, dropout, weights)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, -1)), attention


class LlamaMLP(Module):
    """A gated network on every position,  down(act(gate(x)) · up(x))."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        C, inner, bias = config.hidden_size, config.intermediate_size, config.biases()[2]
        self.gate_proj, self.up_proj = Linear(C, inner, bias=bias), Linear(C, inner, bias=bias)
        self.down_proj, self.act = Linear(inner, C, bias=bias), activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class LlamaDecoderLayer(Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: LlamaConfig, layer: int):
        super().__init__()
        self.window = config.window(layer)
        self.input_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = LlamaAttention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.mlp = LlamaMLP(config)

    def forward(
        self, x: Tensor, turn: tuple, mask: Tensor | None, cache: Cache | None, weights: bool
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights."""
        y, attention = self.self_attn(self.input_layernorm(x), turn, mask, cache, weights)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), attention


class LlamaPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = LlamaConfig
    base_model_prefix = "model"
    left_over = r".*rotary_emb\.inv_freq"

    def start(self) -> None:
        """Initial weights: N(0, initializer_range²), biases 0."""
        for module in self.modules():
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

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.embed_tokens = Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.layers = ModuleList(
            [LlamaDecoderLayer(config, k) for k in range(config.num_hidden_layers)]
        )
        self.norm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.start()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """See `LlamaForCausalLM.forward`; `last_hidden_state` (B, T, C)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError(
                f"{type(self).__name__}: give input_ids or inputs_embeds, one of the two"
            )
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        B, T, _ = x.shape
        cache = past_key_values
        if use_cache:
            cache = (self.cache(B, T + ROOM) if cache is None else cache).with_room(T)
        if position_ids is None:
            position_ids = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        turn = self._turns(position_ids)
        masks = {
            w: may_see(T, attention_mask, cache, w) for w in {layer.window for layer in self.layers}
        }
        states, attentions = [x], []
        for layer in self.layers:
            x, attention = layer(x, turn, masks[layer.window], cache, output_attentions)
            states.append(x)
            attentions.append(attention)
        if cache is not None:
            cache.position.add_(T)
        x = states[-1] = self.norm(x)
        return BaseOutput(
            last_hidden_state=x,
            past_key_values=cache,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )

    def _turns(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        config, scaling = self.config, self.config.rope_scaling or {}
        kind = scaling.get("rope_type", scaling.get("type"))
        length = int(positions.max()) + 1 if kind in ("dynamic", "longrope") else 0
        found = frequencies(
            config.head_size, config.rope_theta, scaling, config.max_position_embeddings, length
        )
        return turns(positions, *found)


@architecture
class LlamaForCausalLM(Generates, LlamaPreTrained):
    """A language model: the logits of the next token at every position.

    Example:
        >>> config = models.LlamaConfig(vocab_size=11, hidden_size=12, intermediate_size=20, num_hidden_layers=2,
        ...     num_attention_heads=3, num_key_value_heads=1)
        >>> models.LlamaForCausalLM(config).generate(cr.tensor([[1, 2, 3]]), max_new_tokens=4).shape
        chainrule.Size([1, 7])
    """

    tied: ClassVar = {"lm_head.weight": "model.embed_tokens.weight"}
    model_class: type[LlamaModel] = LlamaModel

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.model = self.model_class(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)
        init.normal_(self.lm_head.weight, std=config.initializer_range)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """Logits, and with `labels` the loss.

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            position_ids: (B, T) or (1, T); counted from 0, or from the cache's position, if None.
            past_key_values: what was read before; the new steps are written into it.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            labels: (B, T) int64, those of `input_ids`: the label of each position is the next one's. −100 is passed over.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
            logits_to_keep: the logits of so many of the last positions alone are computed; 0: all.
        """
        out = self.model(
            input_ids,
            attention_mask,
            position_ids,
            past_key_values,
            inputs_embeds,
            use_cache,
            output_attentions,
            output_hidden_states,
        )
        logits = self.lm_head(out.last_hidden_state[:, -logits_to_keep:])  # (B, T, V)
        return CausalLMOutput(
            loss=None if labels is None else next_token_loss(logits, labels),
            logits=logits,
            past_key_values=out.past_key_values,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )

    @property
    def most_positions(self) -> None:
        """Rotations have no end."""
        return None


class LlamaWithHead(LlamaPreTrained):
    """What the heads of this file that write nothing share: what they are called with."""

    model_class: type[LlamaModel] = LlamaModel

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        setattr(self, self.base_model_prefix, self.model_class(config))
        self.head()

    def head(self) -> None:
        """What stands behind the model."""
        raise NotImplementedError

    def linear(self, width: int, bias: bool) -> Linear:
        """A linear map with initial weights."""
        layer = Linear(self.config.hidden_size, width, bias=bias)
        init.normal_(layer.weight, std=self.config.initializer_range)
        if layer.bias is not None:
            init.zeros_(layer.bias)
        return layer

    def read(self, *given: Any, **settings: Any) -> BaseOutput:
        """What the model without head says."""
        return getattr(self, self.base_model_prefix)(*given, **settings)


@architecture
class LlamaForSequenceClassification(LlamaWithHead):
    """Classifies texts by their last token: logits (B, classes). Where several texts end is told by `pad_token_id`."""

    def head(self) -> None:
        """No bias."""
        self.score = self.linear(len(self.config.id2label), bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of `LlamaForCausalLM.forward`."""
        out = self.read(
            input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, **settings
        )
        values = self.score(out.last_hidden_state)
        logits = last_tokens(values, input_ids, self.config.pad_token_id)
        return ClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class LlamaForTokenClassification(LlamaWithHead):
    """Classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    def head(self) -> None:
        """With dropout before it."""
        p = self.config.classifier_dropout
        self.dropout = Dropout(0.1 if p is None else p)
        self.score = self.linear(len(self.config.id2label), bias=True)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B, T) int64 the loss; the others as of `LlamaForCausalLM.forward`."""
        out = self.read(
            input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, **settings
        )
        logits = self.score(self.dropout(out.last_hidden_state))
        return ClassifierOutput(
            loss=None if labels is None else flat_loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class LlamaForQuestionAnswering(LlamaWithHead):
    """Tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    base_model_prefix = "transformer"  # the checkpoints' name

    def head(self) -> None:
        """Start and end."""
        self.qa_outputs = self.linear(2, bias=True)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **settings: Any,
    ) -> SpanOutput:
        """Logits, and with both positions (B,) int64 the loss; the others as of `LlamaForCausalLM.forward`."""
        out = self.read(
            input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, **settings
        )
        starts, ends = span_logits(self.qa_outputs(out.last_hidden_state))
        return SpanOutput(
            loss=span_loss(starts, ends, start_positions, end_positions),
            start_logits=starts,
            end_logits=ends,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class Qwen2Model(LlamaModel):
    """`LlamaModel` with Qwen2's configuration."""

    config_class = Qwen2Config


@architecture
class Qwen2ForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class MistralModel(LlamaModel):
    """`LlamaModel` with Mistral's configuration."""

    config_class = MistralConfig


@architecture
class MistralForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class Qwen2ForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class Qwen2ForTokenClassification(LlamaForTokenClassification):
    """`LlamaForTokenClassification` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class Qwen2ForQuestionAnswering(LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with Qwen2's configuration."""

    config_class, model_class = Qwen2Config, Qwen2Model


@architecture
class MistralForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class MistralForTokenClassification(LlamaForTokenClassification):
    """`LlamaForTokenClassification` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel


@architecture
class MistralForQuestionAnswering(LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with Mistral's configuration."""

    config_class, model_class = MistralConfig, MistralModel
    base_model_prefix = "model"
