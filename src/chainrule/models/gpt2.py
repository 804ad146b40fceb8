"""GPT-2: a stack of blocks, each attending to what came before, then a small network on every position.

    ids (B, T) → token + position embeddings → [x + attention(norm(x)), x + mlp(norm(x))] × layers → norm → logits

With `add_cross_attention` every block looks at the states of an encoder too. Heads besides that of the next token: a class for a
text (of its last token), a class for each token, and where in a text an answer stands.

B batch, T time, S time of an encoder's states, C channels (`n_embd`), H heads, D = C / H, V vocabulary.

Source: Radford, Wu, Child, Luan, Amodei & Sutskever 2019, "Language Models are Unsupervised Multitask Learners";
checkpoints as Hugging Face's `GPT2LMHeadModel` has them. Linear maps are `Conv1D`s, whose weights are (in, out).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter, init
from ..tensors import Tensor, arange, empty
from .activations import activation
from .attention import attend, may_see
from .cache import ROOM, Cache
from .config import Labelled
from .generation import Generates, next_token_loss
from .heads import classification_loss, flat_loss, last_tokens, span_logits, span_loss
from .output import BaseOutput, CausalLMOutput, ClassifierOutput, SpanOutput
from .pretrained import PreTrained, architecture

__all__ = [
    "GPT2Config", "GPT2ForQuestionAnswering", "GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2LMHeadModel",
    "GPT2Model",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class GPT2Config(Labelled):
    """Sizes and settings; the defaults are those of the smallest GPT-2 (124 million parameters)."""

    model_type = "gpt2"
    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    add_cross_attention: bool = False
    classifier_dropout: float | None = None
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 50256
    eos_token_id: int | tuple | None = 50256
    pad_token_id: int | None = None

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.activation_function)
        self.need_positive("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
        self.need(
            self.n_embd % self.n_head == 0,
            f"n_head must divide n_embd, found {self.n_head} and {self.n_embd}",
        )


class Conv1D(Module):
    """A linear map whose weight is (in, out),  y = x W + b."""

    def __init__(self, out_features: int, in_features: int):
        super().__init__()
        self.weight = Parameter(empty(in_features, out_features))
        self.bias = Parameter(empty(out_features))
        init.normal_(self.weight, std=0.02)
        init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return x @ self.weight + self.bias


class GPT2Attention(Module):
    """Causal attention in H heads; with `across`, attention to an encoder's states, whose queries are `q_attn`'s."""

    def __init__(self, config: GPT2Config, layer: int, across: bool = False):
        super().__init__()
        C = config.n_embd
        self.heads, self.layer = config.n_head, layer
        self.c_attn = Conv1D((2 if across else 3) * C, C)
        if across:
            self.q_attn = Conv1D(C, C)
        self.c_proj = Conv1D(C, C)
        self.attn_dropout, self.resid_dropout = config.attn_pdrop, Dropout(config.resid_pdrop)
        self.scale = (C // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer + 1

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        weights: bool,
        states: Tensor | None = None,
    ) -> tuple:
        """(B, T, C) → (B, T, C), and the attention weights (B, H, T, S) if asked for."""
        B, T, C = x.shape
        if states is None:
            parts = self.c_attn(x).split(C, dim=2)
        else:
            parts = (self.q_attn(x), *self.c_attn(states).split(C, dim=2))
        q, k, v = [
            part.view(B, -1, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T or S, D)
            for part in parts
        ]
        if cache is not None:
            k, v = cache.put(self.layer, k, v)  # (B, H, longest, D)
        dropout = self.attn_dropout if self.training else 0.0
        y, attention = attend(q, k, v, mask, self.scale, dropout, weights)
        y = y.transpose(1, 2).reshape(B, T, C)
        return self.resid_dropout(self.c_proj(y)), attention


class GPT2MLP(Module):
    """A small network on every position."""

    def __init__(self, config: GPT2Config):
        super().__init__()
        inner = 4 * config.n_embd if config.n_inner is None else config.n_inner
        self.c_fc, self.c_proj = Conv1D(inner, config.n_embd), Conv1D(config.n_embd, inner)
        self.act, self.dropout = activation(config.activation_function), Dropout(config.resid_pdrop)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.dropout(self.c_proj(self.act(self.c_fc(x))))


class GPT2Block(Module):
    """x + attention(norm(x)), with an encoder x + attention(norm(x) to its states), then x + mlp(norm(x))."""

    def __init__(self, config: GPT2Config, layer: int):
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = GPT2Attention(config, layer)
        self.ln_2 = LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        if config.add_cross_attention:
            self.crossattention = GPT2Attention(config, layer, across=True)
            self.ln_cross_attn = LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config)

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
        y, attention = self.attn(self.ln_1(x), mask, cache, weights)
        x, across = x + y, None
        if states is not None:
            y, across = self.crossattention(
                self.ln_cross_attn(x), states_mask, None, weights, states
            )
            x = x + y
        return x + self.mlp(self.ln_2(x)), attention, across


class GPT2PreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    left_over = r"(transformer\.)?h\.\d+\.(attn|crossattention)\.(bias|masked_bias)"

    def start(self) -> None:
        """Initial weights: N(0, initializer_range²), and those that end a residual branch smaller by √(2 · layers)."""
        config = self.config
        for name, module in self.named_modules():
            if isinstance(module, (Linear, Embedding, Conv1D)):
                ends = name.endswith("c_proj")
                std = config.initializer_range / (math.sqrt(2 * config.n_layer) if ends else 1)
                init.normal_(module.weight, std=std)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for generation."""
        c = self.config
        return Cache.empty(c.n_layer, batch, c.n_head, longest, c.n_embd // c.n_head, self.dtype)


@architecture
class GPT2Model(GPT2PreTrained):
    """The blocks without a head: the last hidden state of every position.

    Args:
        config: sizes and settings.

    Example:
        >>> model = models.GPT2Model(models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3))
        >>> model(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
    """

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.wte = Embedding(config.vocab_size, config.n_embd)
        self.wpe = Embedding(config.n_positions, config.n_embd)
        self.drop = Dropout(config.embd_pdrop)
        self.h = ModuleList([GPT2Block(config, k) for k in range(config.n_layer)])
        self.ln_f = LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.start()

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """See `GPT2LMHeadModel.forward`; `last_hidden_state` (B, T, C)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("GPT2Model: give input_ids or inputs_embeds, one of the two")
        if (encoder_hidden_states is not None) and not self.config.add_cross_attention:
            raise ShapeError(
                "GPT2Model: encoder_hidden_states are for models whose configuration says add_cross_attention"
            )
        x = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        B, T, _ = x.shape
        cache, most = past_key_values, self.config.n_positions
        if use_cache:
            cache = (self.cache(B, T + ROOM) if cache is None else cache).with_room(T)
        if T > (most if cache is None else min(cache.longest, most)):
            raise ShapeError(f"GPT2Model: {T} tokens are more than the {most} positions there are")
        if position_ids is None:
            position_ids = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        x = x + self.wpe(position_ids)
        if token_type_ids is not None:
            x = x + self.wte(token_type_ids)
        x = self.drop(x)  # (B, T, C)
        mask, states_mask = may_see(T, attention_mask, cache), encoder_attention_mask
        if states_mask is not None:
            states_mask = (states_mask != 0)[:, None, None]  # (B, 1, 1, S)
        states, attentions, crossing = [x], [], []
        for block in self.h:
            x, attention, across = block(
                x, mask, cache, output_attentions, encoder_hidden_states, states_mask
            )
            states.append(x)
            attentions.append(attention)
            crossing.append(across)
        if cache is not None:
            cache.position.add_(T)
        x = states[-1] = self.ln_f(x)
        across = output_attentions and encoder_hidden_states is not None
        return BaseOutput(
            last_hidden_state=x,
            past_key_values=cache,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(crossing) if across else None,
        )


@architecture
class GPT2LMHeadModel(Generates, GPT2PreTrained):
    """GPT-2 as a language model: the logits of the next token at every position.

    Example:
        >>> config = models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3)
        >>> model, ids = models.GPT2LMHeadModel(config), cr.tensor([[1, 2, 3]])
        >>> out = model(ids, labels=ids)
        >>> out.logits.shape, out.loss.shape
        (chainrule.Size([1, 3, 11]), chainrule.Size([]))
    """

    tied: ClassVar = {"lm_head.weight": "transformer.wte.weight"}

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        init.normal_(self.lm_head.weight, std=config.initializer_range)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """Logits, and with `labels` the loss.

        Args:
            input_ids: (B, T) int64.
            past_key_values: what was read before; the new steps are written into it.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            token_type_ids: (B, T), embedded like tokens and added.
            position_ids: (B, T) or (1, T); counted from 0, or from the cache's position, if None.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            encoder_hidden_states: (B, S, C), what a model with `add_cross_attention` looks at besides.
            encoder_attention_mask: (B, S), 0 where these are padding.
            labels: (B, T) int64, those of `input_ids`: the label of each position is the next one's. −100 is passed over.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
            logits_to_keep: the logits of so many of the last positions alone are computed; 0: all.
        """
        out = self.transformer(
            input_ids, past_key_values, attention_mask, token_type_ids, position_ids, inputs_embeds, encoder_hidden_states,
            encoder_attention_mask, use_cache, output_attentions, output_hidden_states,
        )  # fmt: skip
        logits = self.lm_head(out.last_hidden_state[:, -logits_to_keep:])  # (B, T, V)
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
        return self.config.n_positions


class GPT2WithHead(GPT2PreTrained):
    """What the heads of this file that write nothing share: what they are called with."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)

    def head(self, name: str, width: int, bias: bool) -> None:
        """Put a linear map behind the model."""
        layer = Linear(self.config.n_embd, width, bias=bias)
        init.normal_(layer.weight, std=self.config.initializer_range)
        if layer.bias is not None:
            init.zeros_(layer.bias)
        setattr(self, name, layer)


@architecture
class GPT2ForSequenceClassification(GPT2WithHead):
    """GPT-2 that classifies texts by their last token: logits (B, classes). Where several texts end is told by `pad_token_id`."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.head("score", len(config.id2label), bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of `GPT2LMHeadModel.forward`."""
        out = self.transformer(
            input_ids, past_key_values, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )  # fmt: skip
        values = self.score(out.last_hidden_state)
        logits = last_tokens(values, input_ids, self.config.pad_token_id)
        return ClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class GPT2ForTokenClassification(GPT2WithHead):
    """GPT-2 that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        p = 0.1 if config.classifier_dropout is None else config.classifier_dropout
        self.dropout = Dropout(p)
        self.head("classifier", len(config.id2label), bias=True)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B, T) int64 the loss; the others as of `GPT2LMHeadModel.forward`."""
        out = self.transformer(
            input_ids, past_key_values, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )  # fmt: skip
        logits = self.classifier(self.dropout(out.last_hidden_state))
        return ClassifierOutput(
            loss=None if labels is None else flat_loss(logits, labels),
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )


@architecture
class GPT2ForQuestionAnswering(GPT2WithHead):
    """GPT-2 that tells where an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.head("qa_outputs", 2, bias=True)

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
        """Logits, and with both positions (B,) int64 the loss; the others as of `GPT2LMHeadModel.forward`."""
        out = self.transformer(
            input_ids, None, attention_mask, token_type_ids, position_ids, inputs_embeds, **settings
        )
        starts, ends = span_logits(self.qa_outputs(out.last_hidden_state))
        return SpanOutput(
            loss=span_loss(starts, ends, start_positions, end_positions),
            start_logits=starts,
            end_logits=ends,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
