"""GPT-NeoX, and Pythia, which is made of it: attention and the small network stand side by side, and a part of a head's channels is
turned by the position.

    x + attention(norm(x)) + mlp(norm′(x)),  or one after the other, if `use_parallel_residual` does not say so

B batch, T time, C channels (`hidden_size`), H heads, D = C / H, V vocabulary.

Source: Black et al. 2022 (GPT-NeoX-20B); Biderman et al. 2023 (Pythia); side by side: Wang & Komatsuzaki 2021 (GPT-J).
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn import Dropout, Embedding, LayerNorm, Linear, Module
from ..tensors import Tensor, arange
from .activations import activation
from .attention import attend, may_see
from .cache import Cache
from .config import configuration
from .heads import ClassifiesTokens, WithHead, WritesOn
from .llama import (
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaPreTrained,
    LlamaReading,
)
from .output import BaseOutput
from .pretrained import architecture
from .reading import Layers, either, room_for
from .rotary import PartlyRotaryConfig, angles, rotated

__all__ = [
    "GPTNeoXConfig", "GPTNeoXForCausalLM", "GPTNeoXForQuestionAnswering", "GPTNeoXForSequenceClassification",
    "GPTNeoXForTokenClassification", "GPTNeoXModel",
]  # fmt: skip


@configuration
class GPTNeoXConfig(PartlyRotaryConfig):
    """Sizes and settings; the defaults are those of GPT-NeoX-20B."""

    model_type = "gpt_neox"
    aliases: ClassVar = {"rotary_pct": "partial_rotary_factor", "rotary_emb_base": "rope_theta"}

    vocab_size: int = 50432
    hidden_size: int = 6144
    num_hidden_layers: int = 44
    num_attention_heads: int = 64
    intermediate_size: int = 24576
    hidden_act: str = "gelu"
    attention_dropout: float = 0.0
    hidden_dropout: float = 0.0
    classifier_dropout: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    use_parallel_residual: bool = True
    attention_bias: bool = True
    partial_rotary_factor = 0.25
    tie_word_embeddings: bool = False
    bos_token_id: int | None = 0
    eos_token_id: int | tuple | None = 2
    pad_token_id: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As of `PartlyRotaryConfig`, under the names that older readers of this architecture know besides."""
        found = super().to_dict()
        told = found["rope_parameters"]
        for name, shared in self.aliases.items():
            found[name] = found.pop(shared)
        return {**found, "rope_scaling": None if told["rope_type"] == "default" else told}

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.hidden_act)
        self.need_positive(
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        )  # fmt: skip
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")
        super().check()

    @property
    def head_size(self) -> int:
        """D."""
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_heads(self) -> int:
        """H."""
        return self.num_attention_heads


class GPTNeoXAttention(Module):
    """Causal attention, with one map for the queries, keys and values of each head."""

    def __init__(self, config: GPTNeoXConfig, layer: int):
        super().__init__()
        C, bias = config.hidden_size, config.attention_bias
        self.layer, self.heads, self.dropout = (
            layer,
            config.num_attention_heads,
            config.attention_dropout,
        )
        self.query_key_value, self.dense = Linear(C, 3 * C, bias=bias), Linear(C, C, bias=bias)
        self.kind = config.kind(layer)

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        each = self.query_key_value(x).view(B, T, self.heads, -1).transpose(1, 2)  # (B, H, T, 3 D)
        q, k, v = each.chunk(3, dim=-1)
        turn = reading.turns[self.kind]
        q, k = rotated(q, *turn), rotated(k, *turn)
        if reading.cache is not None:
            k, v = reading.cache.put(self.layer, k, v)  # (B, H, S, D)
        dropout, scale = self.dropout if self.training else 0.0, (C // self.heads) ** -0.5
        y = attend(q, k, v, reading.masks[None], scale, dropout, reading.attentions)
        return self.dense(y.transpose(1, 2).reshape(B, T, C))


class GPTNeoXMLP(Module):
    """A small network on every position."""

    def __init__(self, config: GPTNeoXConfig):
        super().__init__()
        C, wide = config.hidden_size, config.intermediate_size
        self.dense_h_to_4h, self.dense_4h_to_h = Linear(C, wide), Linear(wide, C)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.dense_4h_to_h(self.act(self.dense_h_to_4h(x)))


class GPTNeoXLayer(Module):
    """Attention and the small network, side by side or one after the other."""

    def __init__(self, config: GPTNeoXConfig, layer: int):
        super().__init__()
        C, eps = config.hidden_size, config.layer_norm_eps
        self.input_layernorm, self.post_attention_layernorm = [
            LayerNorm(C, eps=eps) for _ in range(2)
        ]
        self.attention, self.mlp = GPTNeoXAttention(config, layer), GPTNeoXMLP(config)
        self.dropout, self.parallel = Dropout(config.hidden_dropout), config.use_parallel_residual

    def forward(self, x: Tensor, reading: LlamaReading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        y = x + self.dropout(self.attention(self.input_layernorm(x), reading))
        read = x if self.parallel else y
        return y + self.dropout(self.mlp(self.post_attention_layernorm(read)))


class GPTNeoXPreTrained(LlamaPreTrained):
    """What the models of this file share: names; initial weights and cache are Llama's."""

    config_class = GPTNeoXConfig
    base_model_prefix = "gpt_neox"
    words_in = "embed_in"
    left_over = r".*(rotary_emb\.inv_freq|attention\.(bias|masked_bias))"


@architecture
class GPTNeoXModel(GPTNeoXPreTrained):
    """The layers without a head: the last hidden state of every position.

    Example:
        >>> config = models.GPTNeoXConfig(vocab_size=11, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
        ...     intermediate_size=20)
        >>> models.GPTNeoXModel(config)(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 24])
    """

    def __init__(self, config: GPTNeoXConfig):
        super().__init__(config)
        C = config.hidden_size
        self.embed_in = Embedding(config.vocab_size, C)
        self.emb_dropout = Dropout(config.hidden_dropout)
        self.layers = Layers([GPTNeoXLayer(config, k) for k in range(config.num_hidden_layers)])
        self.final_layer_norm = LayerNorm(C, eps=config.layer_norm_eps)
        self.start(self)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Cache | None = None,
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C); arguments as of `LlamaModel.forward`."""
        B, T = either(type(self).__name__, input_ids, inputs_embeds).shape[:2]
        cache = room_for(self, B, T, past_key_values, use_cache)
        if position_ids is None:
            position_ids = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        reading = LlamaReading(
            turns=angles(self.config, position_ids),
            masks={None: may_see(T, attention_mask, cache)},
            cache=cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        x = self.embed_in(input_ids) if inputs_embeds is None else inputs_embeds
        x = self.final_layer_norm(self.layers(self.emb_dropout(x), reading))
        return BaseOutput(last_hidden_state=x, **reading.end(x))


class GPTNeoXWithHead(GPTNeoXPreTrained, WithHead):
    """What the models with a head share: the model behind which it stands."""

    model_class = GPTNeoXModel

    def __init__(self, config: GPTNeoXConfig):
        super().__init__(config)
        self.gpt_neox = GPTNeoXModel(config)


@architecture
class GPTNeoXForCausalLM(WritesOn, GPTNeoXWithHead):
    """A language model: the logits (B, T, V) of the next token at every position."""

    tied: ClassVar = {"embed_out.weight": "gpt_neox.embed_in.weight"}
    words_out = "embed_out"
    most_positions: ClassVar = None  # rotations have no end

    def __init__(self, config: GPTNeoXConfig):
        super().__init__(config)
        self.embed_out = Linear(config.hidden_size, config.vocab_size, bias=False)
        self.start(self.embed_out)
        if config.tie_word_embeddings:
            self.embed_out.weight = self.gpt_neox.embed_in.weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.embed_out(out.last_hidden_state)


@architecture
class GPTNeoXForSequenceClassification(GPTNeoXPreTrained, LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with GPT-NeoX."""

    model_class: ClassVar[Any] = GPTNeoXModel


@architecture
class GPTNeoXForTokenClassification(ClassifiesTokens, GPTNeoXWithHead):
    """Classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    def __init__(self, config: GPTNeoXConfig):
        super().__init__(config)
        self.dropout = Dropout(config.classifier_dropout)
        self.classifier = Linear(config.hidden_size, len(config.id2label))
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, classes)."""
        return self.classifier(self.dropout(out.last_hidden_state))


@architecture
class GPTNeoXForQuestionAnswering(GPTNeoXPreTrained, LlamaForQuestionAnswering):
    """`LlamaForQuestionAnswering` with GPT-NeoX."""

    model_class: ClassVar[Any] = GPTNeoXModel
