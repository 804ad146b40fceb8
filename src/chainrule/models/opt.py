"""OPT: a decoder as GPT-3 was described, open. Positions are learnt, and counted where there is no padding.

    ids (B, T) → embeddings (B, T, E) → a linear map, if E ≠ C → + positions → layers → norm → the map back → logits

Layers are those of `fairseq`. The model of 350 million parameters has its norms behind its branches, and narrow embeddings.

B batch, T time, E channels of the embeddings (`word_embed_proj_dim`), C channels, H heads, V vocabulary.   Source: Zhang et al. 2022.
"""

from __future__ import annotations

from typing import ClassVar

from ..base.errors import ShapeError
from ..nn import Embedding, LayerNorm, Linear, Module, init
from ..tensors import Tensor, arange, int64
from .attention import may_see
from .cache import Cache
from .config import Labelled, configuration
from .fairseq import FairseqLayer, LayerSettings
from .heads import ClassifiesTexts, FindsSpans, WithHead, WritesOn, last_tokens
from .output import BaseOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for

__all__ = [
    "OPTConfig", "OPTForCausalLM", "OPTForQuestionAnswering", "OPTForSequenceClassification", "OPTModel",
]  # fmt: skip

BEFORE = 2
"""Positions that nobody has: the first token's is behind them."""


@configuration
class OPTConfig(Labelled):
    """Sizes and settings; the defaults are those of OPT with 125 million parameters."""

    model_type = "opt"
    aliases: ClassVar = {"intermediate_size": "ffn_dim"}

    vocab_size: int = 50272
    hidden_size: int = 768
    num_hidden_layers: int = 12
    ffn_dim: int = 3072
    max_position_embeddings: int = 2048
    do_layer_norm_before: bool = True
    _remove_final_layer_norm: bool = False
    word_embed_proj_dim: int | None = None
    dropout: float = 0.1
    attention_dropout: float = 0.0
    num_attention_heads: int = 12
    activation_function: str = "relu"
    layerdrop: float = 0.0
    init_std: float = 0.02
    enable_bias: bool = True
    layer_norm_elementwise_affine: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 2
    eos_token_id: int | tuple | None = 2
    pad_token_id: int | None = 1

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.activation_function)
        self.need_positive(
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_dim", "max_position_embeddings",
        )  # fmt: skip
        C, H = self.hidden_size, self.num_attention_heads
        self.need(C % H == 0, f"num_attention_heads must divide hidden_size, found {H} and {C}")
        self.need(
            self.embedded_size > 0,
            f"word_embed_proj_dim must be positive, found {self.embedded_size}",
        )

    @property
    def embedded_size(self) -> int:
        """E."""
        return self.hidden_size if self.word_embed_proj_dim is None else self.word_embed_proj_dim


class OPTDecoder(Module):
    """Embeddings, layers, the last norm, and the maps between the widths."""

    def __init__(self, config: OPTConfig):
        super().__init__()
        C, E = config.hidden_size, config.embedded_size
        settings = LayerSettings(
            channels=C, heads=config.num_attention_heads, wide=config.ffn_dim, act=config.activation_function,
            dropout=config.dropout, attention_dropout=config.attention_dropout, before=config.do_layer_norm_before,
            bias=config.enable_bias, affine=config.layer_norm_elementwise_affine,
        )  # fmt: skip
        self.embed_tokens = Embedding(config.vocab_size, E, padding_idx=config.pad_token_id)
        self.embed_positions = Embedding(config.max_position_embeddings + BEFORE, C)
        self.project_in = Linear(E, C, bias=False) if E != C else None
        self.project_out = Linear(C, E, bias=False) if E != C else None
        last = config.do_layer_norm_before and not config._remove_final_layer_norm
        self.final_layer_norm = LayerNorm(C, elementwise_affine=settings.affine) if last else None
        layers = [FairseqLayer(settings, k) for k in range(config.num_hidden_layers)]
        self.layers = Layers(layers, config.layerdrop)

    def forward(self, x: Tensor, positions: Tensor, reading: Reading) -> Tensor:
        """(B, T, E) → (B, T, E)."""
        x = x if self.project_in is None else self.project_in(x)  # (B, T, C)
        x = self.layers(x + self.embed_positions(positions + BEFORE), reading)
        x = x if self.final_layer_norm is None else self.final_layer_norm(x)
        return x if self.project_out is None else self.project_out(x)


class OPTPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = OPTConfig
    base_model_prefix = "model"
    words_in = "decoder.embed_tokens"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, init_std²), biases 0."""
        for module in part.modules():
            if isinstance(module, (Linear, Embedding)):
                init.normal_(module.weight, std=self.config.init_std)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for generation."""
        c = self.config
        H, C = c.num_attention_heads, c.hidden_size
        return Cache.empty(c.num_hidden_layers, batch, H, longest, C // H, self.dtype)


@architecture
class OPTModel(OPTPreTrained):
    """The layers without a head: the last hidden state (B, T, E) of every position.

    Example:
        >>> config = models.OPTConfig(vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3, ffn_dim=8)
        >>> models.OPTModel(config)(cr.tensor([[2, 5, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
    """

    def __init__(self, config: OPTConfig):
        super().__init__(config)
        self.decoder = OPTDecoder(config)
        self.start(self)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, E).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            past_key_values: what was read before; the new steps are written into it.
            inputs_embeds: (B, T, E) instead of `input_ids`.
            position_ids: (B, T); tokens that are no padding are counted if None.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        B, T = either("OPTModel", input_ids, inputs_embeds).shape[:2]
        cache = room_for(self, B, T, past_key_values, use_cache)
        most = self.config.max_position_embeddings
        if T > (most if cache is None else min(cache.longest, most)):
            raise ShapeError(f"OPTModel: {T} tokens are more than the {most} positions there are")
        if position_ids is None:
            now = arange(T) if cache is None else cache.places(T)
            position_ids = now.unsqueeze(0)
            if attention_mask is not None:
                words = (attention_mask != 0).to(int64)
                position_ids = (words.cumsum(1) * words - 1).index_select(1, now)
        reading = Reading(
            may_see(T, attention_mask, cache),
            cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        x = self.decoder.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        x = self.decoder(x, position_ids, reading)
        return BaseOutput(last_hidden_state=x, **reading.end(x))


class OPTWithHead(OPTPreTrained, WithHead):
    """What the models with a head share: the model behind which it stands."""

    def __init__(self, config: OPTConfig):
        super().__init__(config)
        self.model = OPTModel(config)


@architecture
class OPTForCausalLM(WritesOn, OPTWithHead):
    """A language model: the logits (B, T, V) of the next token at every position.

    Example:
        >>> config = models.OPTConfig(vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3, ffn_dim=8)
        >>> models.OPTForCausalLM(config).generate(cr.tensor([[2, 5, 3]]), max_new_tokens=4, eos_token_id=None).shape
        chainrule.Size([1, 7])
    """

    tied: ClassVar = {"lm_head.weight": "model.decoder.embed_tokens.weight"}
    words_out = "lm_head"

    def __init__(self, config: OPTConfig):
        super().__init__(config)
        self.lm_head = Linear(config.embedded_size, config.vocab_size, bias=False)
        self.start(self.lm_head)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.decoder.embed_tokens.weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, E) → (B, T, V)."""
        return self.lm_head(out.last_hidden_state)

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.max_position_embeddings


@architecture
class OPTForSequenceClassification(ClassifiesTexts, OPTWithHead):
    """Classifies texts by their last token: logits (B, classes). Where several texts end is told by `pad_token_id`."""

    def __init__(self, config: OPTConfig):
        super().__init__(config)
        self.score = Linear(config.embedded_size, len(config.id2label), bias=False)
        self.start(self.score)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, E) → (B, classes)."""
        return last_tokens(self.score(out.last_hidden_state), input_ids, self.config.pad_token_id)


@architecture
class OPTForQuestionAnswering(FindsSpans, OPTWithHead):
    """Tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: OPTConfig):
        super().__init__(config)
        self.qa_outputs = Linear(config.embedded_size, 2)
        self.start(self.qa_outputs)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, E) → (B, T, 2)."""
        return self.qa_outputs(out.last_hidden_state)
