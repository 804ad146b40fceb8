"""RoBERTa: BERT that is trained longer, on more, and without the next sentence; XLM-RoBERTa is the same in a hundred languages,
CamemBERT in French.

    position of a token = padding + 1 + how many tokens are before it;   padding itself is at the position `pad_token_id`

Blocks are BERT's. Positions begin behind the number of the padding token, words are told by a head of another name, and a text is
classified by two maps of its first token, without a pooler.

B batch, T time, C channels, V vocabulary.   Source: Liu et al. 2019; Conneau et al. 2020 (XLM-R); Martin et al. 2020 (CamemBERT).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ..nn import Dropout, LayerNorm, Linear, Module, Parameter
from ..nn import functional as F
from ..tensors import Tensor, int64, tanh, zeros
from .bert import BertConfig, BertEmbeddings, BertModel, BertPreTrained
from .bert_heads import (
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertWithHead,
)
from .config import configuration
from .heads import ClassifiesTexts, ClassifiesTokens, WritesOn, behind
from .output import BaseOutput
from .pretrained import architecture

__all__ = [
    "CamembertConfig", "CamembertForCausalLM", "CamembertForMaskedLM", "CamembertForMultipleChoice",
    "CamembertForQuestionAnswering", "CamembertForSequenceClassification", "CamembertForTokenClassification", "CamembertModel",
    "RobertaConfig", "RobertaForCausalLM", "RobertaForMaskedLM", "RobertaForMultipleChoice", "RobertaForQuestionAnswering",
    "RobertaForSequenceClassification", "RobertaForTokenClassification", "RobertaModel", "XLMRobertaConfig",
    "XLMRobertaForCausalLM", "XLMRobertaForMaskedLM", "XLMRobertaForMultipleChoice", "XLMRobertaForQuestionAnswering",
    "XLMRobertaForSequenceClassification", "XLMRobertaForTokenClassification", "XLMRobertaModel",
]  # fmt: skip


@configuration
class RobertaConfig(BertConfig):
    """Sizes and settings of RoBERTa."""

    model_type = "roberta"

    vocab_size = 50265
    bos_token_id = 0
    eos_token_id = 2
    pad_token_id = 1

    def check(self) -> None:
        """As BERT's, and positions begin somewhere."""
        super().check()
        pad, most = self.pad_token_id, self.max_position_embeddings
        self.need(
            pad is not None and 0 <= pad < most,
            f"pad_token_id must be one of the {most} positions, for others begin behind it, found {pad}",
        )

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.max_position_embeddings - 1 - (self.pad_token_id or 0)


class RobertaEmbeddings(BertEmbeddings):
    """BERT's, with other positions."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.padding = config.pad_token_id or 0
        self.position_embeddings.padding_idx = self.padding

    def places(self, ids: Tensor | None, steps: Tensor) -> Tensor:
        """See `counted`."""
        return counted(ids, steps, self.padding)


def counted(ids: Tensor | None, steps: Tensor, padding: int) -> Tensor:
    """Positions of tokens (B, T): they are counted, padding is not. Of embeddings nobody knows which are padding: all are counted.

    >>> from chainrule import arange, tensor
    >>> counted(tensor([[5, 9, 1, 1]]), arange(4), 1)
    tensor([[2, 3, 1, 1]])
    """
    if ids is None:
        return steps.unsqueeze(0) + (padding + 1)
    words = (ids != padding).to(int64)  # (B, T)
    return (words.cumsum(1) + steps[:1]) * words + padding


class RobertaPreTrained(BertPreTrained):
    """What the models of this file share: names."""

    config_class = RobertaConfig
    base_model_prefix = "roberta"


@architecture
class RobertaModel(RobertaPreTrained, BertModel):
    """The layers without a head; called as `BertModel` is.

    Example:
        >>> config = models.RobertaConfig(vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3,
        ...     intermediate_size=8)
        >>> models.RobertaModel(config)(cr.tensor([[0, 5, 2, 1]])).last_hidden_state.shape
        chainrule.Size([1, 4, 6])
    """

    embeddings_class = RobertaEmbeddings


class RobertaWithHead(RobertaPreTrained, BertWithHead):
    """What the models with a head share."""

    model_class = RobertaModel


class RobertaWords(Module):
    """Logits of words: a linear map, GELU, a norm, and the embeddings again."""

    def __init__(self, config: BertConfig):
        super().__init__()
        C = config.hidden_size
        self.dense, self.layer_norm = Linear(C, C), LayerNorm(C, eps=config.layer_norm_eps)
        self.decoder = Linear(C, config.vocab_size)
        self.bias = Parameter(zeros(config.vocab_size))
        if config.tie_word_embeddings:
            self.decoder.bias = self.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.decoder(self.layer_norm(F.gelu(self.dense(x))))


class RobertaWithWords(RobertaWithHead):
    """What the models that tell words share: logits (B, T, V) of a head whose weights are the embeddings'."""

    tied: ClassVar = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }
    words_out = "lm_head.decoder"

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.lm_head = RobertaWords(config)
        self.start(self.lm_head)
        if config.tie_word_embeddings:
            self.lm_head.decoder.weight = self.get_input_embeddings().weight

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, T, V)."""
        return self.lm_head(out.last_hidden_state)


@architecture
class RobertaForMaskedLM(ClassifiesTokens, RobertaWithWords):
    """RoBERTa that tells masked words: logits (B, T, V); the loss is over the positions whose label is not −100."""


@architecture
class RobertaForCausalLM(WritesOn, RobertaWithWords):
    """RoBERTa that writes, with `is_decoder`: the logits (B, T, V) of the next token at every position."""

    @property
    def most_positions(self) -> int:
        """The longest sequence there are positions for."""
        return self.config.most_positions


class RobertaClassifier(Module):
    """Two maps of the first token, an activation between them."""

    def __init__(self, config: BertConfig, act: Callable[[Tensor], Tensor] = tanh):
        super().__init__()
        self.act = act
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.dropout = Dropout(config.head_dropout)
        self.out_proj = Linear(config.hidden_size, len(config.id2label))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return self.out_proj(self.dropout(self.act(self.dense(self.dropout(x[:, 0])))))


@architecture
class RobertaForSequenceClassification(ClassifiesTexts, RobertaWithHead):
    """RoBERTa that classifies texts: logits (B, classes); the loss is that of the configuration's `problem_type`."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.classifier = RobertaClassifier(config)
        self.start(self.classifier)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """(B, T, C) → (B, classes)."""
        return self.classifier(out.last_hidden_state)


@architecture
class RobertaForTokenClassification(RobertaWithHead, BertForTokenClassification):
    """`BertForTokenClassification` with RoBERTa."""


@architecture
class RobertaForMultipleChoice(RobertaWithHead, BertForMultipleChoice):
    """`BertForMultipleChoice` with RoBERTa."""

    pooled = True


@architecture
class RobertaForQuestionAnswering(RobertaWithHead, BertForQuestionAnswering):
    """`BertForQuestionAnswering` with RoBERTa."""


@configuration
class XLMRobertaConfig(RobertaConfig):
    """Sizes and settings of XLM-RoBERTa."""

    model_type = "xlm-roberta"

    vocab_size = 30522


@architecture
class XLMRobertaModel(RobertaModel):
    """`RobertaModel` with XLM-RoBERTa's configuration."""

    config_class = XLMRobertaConfig


XLMRobertaForMaskedLM = behind(XLMRobertaModel, RobertaForMaskedLM)
XLMRobertaForCausalLM = behind(XLMRobertaModel, RobertaForCausalLM)
XLMRobertaForSequenceClassification = behind(XLMRobertaModel, RobertaForSequenceClassification)
XLMRobertaForTokenClassification = behind(XLMRobertaModel, RobertaForTokenClassification)
XLMRobertaForMultipleChoice = behind(XLMRobertaModel, RobertaForMultipleChoice)
XLMRobertaForQuestionAnswering = behind(XLMRobertaModel, RobertaForQuestionAnswering)


@configuration
class CamembertConfig(RobertaConfig):
    """Sizes and settings of CamemBERT."""

    model_type = "camembert"

    vocab_size = 30522


@architecture
class CamembertModel(RobertaModel):
    """`RobertaModel` with CamemBERT's configuration."""

    config_class = CamembertConfig


CamembertForMaskedLM = behind(CamembertModel, RobertaForMaskedLM)
CamembertForCausalLM = behind(CamembertModel, RobertaForCausalLM)
CamembertForSequenceClassification = behind(CamembertModel, RobertaForSequenceClassification)
CamembertForTokenClassification = behind(CamembertModel, RobertaForTokenClassification)
CamembertForMultipleChoice = behind(CamembertModel, RobertaForMultipleChoice)
CamembertForQuestionAnswering = behind(CamembertModel, RobertaForQuestionAnswering)
