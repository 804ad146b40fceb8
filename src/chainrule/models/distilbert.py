"""DistilBERT: BERT of half the depth, taught by a whole one what it would say. No segments, no pooler.

    ids (B, T) → word + position embeddings, norm → [norm(x + attention(x)), norm(x + mlp(x))] × layers

B batch, T time, C channels (`dim`), H heads, V vocabulary.

Source: Sanh, Debut, Chaumond & Wolf 2019. Modules have the names that its checkpoints have, which are not BERT's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..base.errors import ShapeError
from ..base.modes import modes
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, init
from ..nn import functional as F
from ..tensors import Tensor, arange, no_grad, tensor
from .activations import activation
from .attention import attend, no_padding
from .config import Labelled, configuration
from .heads import Chooses, ClassifiesTexts, ClassifiesTokens, EmbedsTexts, FindsSpans, WithHead
from .output import BaseOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either

__all__ = [
    "DistilBertConfig", "DistilBertForMaskedLM", "DistilBertForMultipleChoice", "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification", "DistilBertForTokenClassification", "DistilBertModel",
]  # fmt: skip

EPS = 1e-12
"""Of all norms; no configuration says another."""


@configuration
class DistilBertConfig(Labelled):
    """Sizes and settings; the defaults are those of DistilBERT-base (66 million parameters)."""

    model_type = "distilbert"
    fixed: ClassVar = {"pruned_heads": {}}
    aliases: ClassVar = {
        "hidden_size": "dim", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers",
    }  # fmt: skip

    vocab_size: int = 30522
    max_position_embeddings: int = 512
    sinusoidal_pos_embds: bool = False
    n_layers: int = 6
    n_heads: int = 12
    dim: int = 768
    hidden_dim: int = 3072
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: str = "gelu"
    initializer_range: float = 0.02
    qa_dropout: float = 0.1
    seq_classif_dropout: float = 0.2
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | tuple | None = None
    pad_token_id: int | None = 0

    def check(self) -> None:
        """Sizes are positive, and the heads divide the channels."""
        self.need_activation(self.activation)
        self.need_positive(
            "vocab_size", "max_position_embeddings", "n_layers", "n_heads", "dim", "hidden_dim"
        )
        C, H = self.dim, self.n_heads
        self.need(C % H == 0, f"n_heads must divide dim, found {H} and {C}")

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.max_position_embeddings


class DistilBertEmbeddings(Module):
    """Word and position embeddings, added and normalised."""

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        self.word_embeddings = Embedding(
            config.vocab_size, config.dim, padding_idx=config.pad_token_id
        )
        self.position_embeddings = Embedding(config.max_position_embeddings, config.dim)
        self.LayerNorm = LayerNorm(config.dim, eps=EPS)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, ids: Tensor | None, embeds: Tensor | None, positions: Tensor | None
    ) -> Tensor:
        """(B, T) → (B, T, C)."""
        x = self.word_embeddings(ids) if embeds is None else embeds
        T, most = x.shape[1], self.position_embeddings.num_embeddings
        if positions is None:
            if T > most:
                raise ShapeError(
                    f"DistilBERT: {T} tokens are more than the {most} positions there are"
                )
            positions = arange(T).unsqueeze(0)
        return self.dropout(self.LayerNorm(x + self.position_embeddings(positions)))


class DistilBertAttention(Module):
    """Every position looks at every other."""

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        C = config.dim
        self.heads, self.dropout = config.n_heads, config.attention_dropout
        self.q_lin, self.k_lin, self.v_lin = Linear(C, C), Linear(C, C), Linear(C, C)
        self.out_lin = Linear(C, C)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        q, k, v = [
            part(x).view(B, T, self.heads, -1).transpose(1, 2)  # (B, H, T, D)
            for part in (self.q_lin, self.k_lin, self.v_lin)
        ]
        dropout, scale = self.dropout if self.training else 0.0, (C // self.heads) ** -0.5
        y = attend(q, k, v, reading.mask, scale, dropout, reading.attentions)
        return self.out_lin(y.transpose(1, 2).reshape(B, T, C))


class DistilBertMLP(Module):
    """A small network on every position."""

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        self.lin1, self.act = Linear(config.dim, config.hidden_dim), activation(config.activation)
        self.lin2, self.dropout = Linear(config.hidden_dim, config.dim), Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.dropout(self.lin2(self.act(self.lin1(x))))


class DistilBertLayer(Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        self.attention, self.sa_layer_norm = (
            DistilBertAttention(config),
            LayerNorm(config.dim, eps=EPS),
        )
        self.ffn, self.output_layer_norm = DistilBertMLP(config), LayerNorm(config.dim, eps=EPS)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = self.sa_layer_norm(x + self.attention(x, reading))
        return self.output_layer_norm(x + self.ffn(x))


class DistilBertEncoder(Module):
    """The layers."""

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        self.layer = Layers([DistilBertLayer(config) for _ in range(config.n_layers)])

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        return self.layer(x, reading)


class DistilBertPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    words_in = "embeddings.word_embeddings"
    left_over = r"(distilbert\.)?embeddings\.position_ids"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, initializer_range²), biases 0."""
        for module in part.modules():
            if isinstance(module, (Linear, Embedding)):
                init.normal_(module.weight, std=self.config.initializer_range)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)


@architecture
class DistilBertModel(EmbedsTexts, DistilBertPreTrained):
    """The layers without a head.

    Example:
        >>> config = models.DistilBertConfig(vocab_size=11, dim=6, n_layers=2, n_heads=3, hidden_dim=8)
        >>> models.DistilBertModel(config)(cr.tensor([[1, 2, 3]])).last_hidden_state.shape
        chainrule.Size([1, 3, 6])
    """

    def __init__(self, config: DistilBertConfig):
        super().__init__(config)
        self.embeddings, self.transformer = DistilBertEmbeddings(config), DistilBertEncoder(config)
        self.start(self)
        if config.sinusoidal_pos_embds and not modes.weightless:
            places = self.embeddings.position_embeddings.weight
            with no_grad():
                places.copy_(_waves(*places.shape))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseOutput:
        """The last hidden state (B, T, C).

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), 0 where there is padding.
            inputs_embeds: (B, T, C) instead of `input_ids`.
            position_ids: (B, T); counted from 0 if None.
            output_attentions, output_hidden_states: whether to return these, see `BaseOutput`.
        """
        either(type(self).__name__, input_ids, inputs_embeds)
        reading = Reading(
            no_padding(attention_mask),
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        x = self.embeddings(input_ids, inputs_embeds, position_ids)
        x = self.transformer(x, reading)
        return BaseOutput(last_hidden_state=x, **reading.end(x))


def _waves(count: int, size: int) -> Tensor:
    """Positions as waves: channels 2k and 2k + 1 of position t are sine and cosine of t / 10000^(2k / C).   Source: Vaswani et al. 2017."""
    angles = np.arange(count)[:, None] / 10000 ** (np.arange(size) // 2 * 2 / size)
    odd = np.arange(size) % 2 == 1
    return tensor(np.where(odd, np.cos(angles), np.sin(angles)).astype(np.float32))


class DistilBertWithHead(WithHead, DistilBertPreTrained):
    """What the models with a head share: the model behind which it stands."""

    def __init__(self, config: DistilBertConfig):
        super().__init__(config)
        self.distilbert = DistilBertModel(config)


@architecture
class DistilBertForMaskedLM(ClassifiesTokens, DistilBertWithHead):
    """DistilBERT that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""

    tied: ClassVar = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}
    words_out = "vocab_projector"

    def __init__(self, config: DistilBertConfig):
        super().__init__(config)
        self.act = activation(config.activation)
        self.vocab_transform = Linear(config.dim, config.dim)
        self.vocab_layer_norm = LayerNorm(config.dim, eps=EPS)
        self.vocab_projector = Linear(config.dim, config.vocab_size)
        self.start(self.vocab_transform)
        self.start(self.vocab_projector)
        if config.tie_word_embeddings:
            self.vocab_projector.weight = self.get_input_embeddings().weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        x = self.act(self.vocab_transform(out.last_hidden_state))
        return self.vocab_projector(self.vocab_layer_norm(x))


class DistilBertOfFirst(DistilBertWithHead):
    """What the heads that read the first token alone share: two maps, ReLU between them."""

    def __init__(self, config: DistilBertConfig, classes: int | None = None):
        super().__init__(config)
        classes = len(config.id2label) if classes is None else classes
        self.pre_classifier = Linear(config.dim, config.dim)
        self.classifier = Linear(config.dim, classes)
        self.dropout = Dropout(config.seq_classif_dropout)
        self.start(self.pre_classifier)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        x = F.relu(self.pre_classifier(out.last_hidden_state[:, 0]))
        return self.classifier(self.dropout(x))


@architecture
class DistilBertForSequenceClassification(ClassifiesTexts, DistilBertOfFirst):
    """DistilBERT that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""


@architecture
class DistilBertForMultipleChoice(Chooses, DistilBertOfFirst):
    """DistilBERT that chooses one of several texts: of `input_ids` (B, choices, T) logits (B, choices). Positions are (B · choices, T)."""

    def __init__(self, config: DistilBertConfig):
        super().__init__(config, 1)


@architecture
class DistilBertForTokenClassification(ClassifiesTokens, DistilBertWithHead):
    """DistilBERT that classifies every token: logits (B, T, classes); a label of −100 is passed over."""

    def __init__(self, config: DistilBertConfig):
        super().__init__(config)
        self.dropout = Dropout(config.dropout)
        self.classifier = Linear(config.dim, len(config.id2label))
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, classes)."""
        return self.classifier(self.dropout(out.last_hidden_state))


@architecture
class DistilBertForQuestionAnswering(FindsSpans, DistilBertWithHead):
    """DistilBERT that tells where in a text an answer starts and ends: `start_logits` and `end_logits` (B, T)."""

    def __init__(self, config: DistilBertConfig):
        super().__init__(config)
        self.dropout, self.qa_outputs = Dropout(config.qa_dropout), Linear(config.dim, 2)
        self.start(self.qa_outputs)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, 2)."""
        return self.qa_outputs(self.dropout(out.last_hidden_state))
