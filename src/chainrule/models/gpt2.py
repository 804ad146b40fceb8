"""GPT-2: a stack of blocks, each attending to what came before, then a small network on every position.

    ids (B, T) → token + position embeddings → [x + attention(norm(x)), x + mlp(norm(x))] × layers → norm → logits

With `add_cross_attention` every block looks at the states of an encoder too. Heads besides that of the next token: a class for a
text (of its last token), a class for each token, and where in a text an answer stands.

B batch, T time, S time of an encoder's states, C channels (`n_embd`), H heads, D = C / H, V vocabulary.

Source: Radford, Wu, Child, Luan, Amodei & Sutskever 2019, "Language Models are Unsupervised Multitask Learners";
checkpoints as Hugging Face's `GPT2LMHeadModel` has them. Linear maps are `Conv1D`s, whose weights are (in, out).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, Parameter, init
from ..tensors import Tensor, arange, empty
from .activations import activation
from .attention import attend, may_see, no_padding
from .cache import Cache
from .config import Labelled, configuration
from .heads import ClassifiesTexts, ClassifiesTokens, FindsSpans, WritesOn, last_tokens
from .output import BaseOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for

__all__ = [
    "GPT2Config", "GPT2ForQuestionAnswering", "GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2LMHeadModel",
    "GPT2Model",
]  # fmt: skip


@configuration
class GPT2Config(Labelled):
    """Sizes and settings; the defaults are those of the smallest GPT-2 (124 million parameters)."""

    model_type = "gpt2"
    fixed: ClassVar = {"pruned_heads": {}}
    aliases: ClassVar = {
        "hidden_size": "n_embd", "max_position_embeddings": "n_positions", "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }  # fmt: skip

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
        self.heads, self.layer, self.across = config.n_head, layer, across
        self.c_attn = Conv1D((2 if across else 3) * C, C)
        if across:
            self.q_attn = Conv1D(C, C)
        self.c_proj = Conv1D(C, C)
        self.attn_dropout, self.resid_dropout = config.attn_pdrop, Dropout(config.resid_pdrop)
        self.scale = (C // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer + 1

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        if self.across:
            parts = (self.q_attn(x), *self.c_attn(reading.states).split(C, dim=2))
            mask, shares = reading.states_mask, reading.cross_attentions
        else:
            parts = self.c_attn(x).split(C, dim=2)
            mask, shares = reading.mask, reading.attentions
        q, k, v = [
            part.view(B, -1, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T or S, D)
            for part in parts
        ]
        if reading.cache is not None and not self.across:
            k, v = reading.cache.put(self.layer, k, v)  # (B, H, longest, D)
        dropout = self.attn_dropout if self.training else 0.0
        y = attend(q, k, v, mask, self.scale, dropout, shares)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).reshape(B, T, C)))


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

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = x + self.attn(self.ln_1(x), reading)
        if reading.states is not None:
            x = x + self.crossattention(self.ln_cross_attn(x), reading)
        return x + self.mlp(self.ln_2(x))


class GPT2PreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    words_in = "wte"
    left_over = r"(transformer\.)?h\.\d+\.(attn|crossattention)\.(bias|masked_bias)"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, initializer_range²), those that end a residual branch smaller by √(2 · layers); biases 0."""
        config = self.config
        for name, module in part.named_modules():
            if isinstance(module, (Linear, Embedding, Conv1D)):
                ends = name.endswith("c_proj")
                std = config.initializer_range / (math.sqrt(2 * config.n_layer) if ends else 1)
                init.normal_(module.weight, std=std)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)

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
        self.h = Layers([GPT2Block(config, k) for k in range(config.n_layer)])
        self.ln_f = LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.start(self)

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
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C).

        Args:
            input_ids: (B, T) int64.
            past_key_values: what was read before; the new steps are written into it.
            attention_mask: (B, T), with a cache for all that was read: 0 where there is padding.
            token_type_ids: (B, T), embedded like tokens and added.
            position_ids: (B, T) or (1, T); counted from 0, or from the cache's position, if None.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            encoder_hidden_states: (B, S, C), what a model with `add_cross_attention` looks at besides.
            encoder_attention_mask: (B, S), 0 where these are padding.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        B, T = either("GPT2Model", input_ids, inputs_embeds).shape[:2]
        if encoder_hidden_states is not None and not self.config.add_cross_attention:
            raise ShapeError(
                "GPT2Model: encoder_hidden_states are for models whose configuration says add_cross_attention"
            )
        cache, most = room_for(self, B, T, past_key_values, use_cache), self.config.n_positions
        if T > (most if cache is None else min(cache.longest, most)):
            raise ShapeError(f"GPT2Model: {T} tokens are more than the {most} positions there are")
        if position_ids is None:
            position_ids = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        x = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        x = x + self.wpe(position_ids)
        if token_type_ids is not None:
            x = x + self.wte(token_type_ids)
        mask = may_see(T, attention_mask, cache)
        reading = Reading(
            mask, cache, encoder_hidden_states, no_padding(encoder_attention_mask), output_attentions, output_hidden_states
        )  # fmt: skip
        x = self.ln_f(self.h(self.drop(x), reading))
        return BaseOutput(last_hidden_state=x, **reading.end(x))


@architecture
class GPT2LMHeadModel(WritesOn, GPT2PreTrained):
    """GPT-2 as a language model: the logits of the next token at every position.

    Example:
        >>> config = models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3)
        >>> model, ids = models.GPT2LMHeadModel(config), cr.tensor([[1, 2, 3]])
        >>> out = model(ids, labels=ids)
        >>> out.logits.shape, out.loss.shape
        (chainrule.Size([1, 3, 11]), chainrule.Size([]))
    """

    tied: ClassVar = {"lm_head.weight": "transformer.wte.weight"}
    words_out = "lm_head"

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        self.start(self.lm_head)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.transformer.wte.weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.lm_head(out.last_hidden_state)

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.n_positions


@architecture
class GPT2ForSequenceClassification(ClassifiesTexts, GPT2PreTrained):
    """GPT-2 that classifies texts by their last token: logits (B, classes). Where several texts end is told by `pad_token_id`."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.score = Linear(config.n_embd, len(config.id2label), bias=False)
        self.start(self.score)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return last_tokens(self.score(out.last_hidden_state), input_ids, self.config.pad_token_id)


@architecture
class GPT2ForTokenClassification(ClassifiesTokens, GPT2PreTrained):
    """GPT-2 that classifies every token: logits (B, T, classes)."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        p = 0.1 if config.classifier_dropout is None else config.classifier_dropout
        self.dropout, self.classifier = Dropout(p), Linear(config.n_embd, len(config.id2label))
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, classes)."""
        return self.classifier(self.dropout(out.last_hidden_state))


@architecture
class GPT2ForQuestionAnswering(FindsSpans, GPT2PreTrained):
    """GPT-2 that tells where an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: GPT2Config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.qa_outputs = Linear(config.n_embd, 2)
        self.start(self.qa_outputs)

    def read(self, input_ids: Tensor | None, *given: Any, **settings: Any) -> BaseOutput:
        """As of `GPT2Model.forward`, without a past."""
        return self.transformer(input_ids, None, *given, **settings)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, 2)."""
        return self.qa_outputs(out.last_hidden_state)
