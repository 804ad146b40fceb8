"""Heads: what is asked of a model, and what its answer is measured by.

    class BertForTokenClassification(ClassifiesTokens, BertPreTrained):
        def __init__(self, config): …        makes the model, under `base_model_prefix`, and the layers behind it
        def logits(self, out, input_ids): …  what these make of what the model returns

A task stands here once: how it is called, its loss, the fields of its output. An architecture's file says what layers its checkpoints
have for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.errors import ShapeError
from ..nn import functional as F
from ..tensors import Tensor, arange, int64
from .config import Labelled
from .generation import Generates, next_token_loss
from .output import BaseOutput, CausalLMOutput, ClassifierOutput, Output, SpanOutput
from .pretrained import PreTrained, architecture
from .reading import either

__all__ = [
    "Chooses", "ClassifiesImages", "ClassifiesTexts", "ClassifiesTokens", "EmbedsTexts", "FindsSpans", "WithHead", "WritesOn", "behind",
    "classification_loss", "flat_loss", "last_tokens", "span_loss",
]  # fmt: skip


class WithHead(PreTrained):
    """A model with a head behind it."""

    output: ClassVar[type[Output]] = ClassifierOutput
    model_class: ClassVar[type[PreTrained]]
    """What stands before it, where a class of its own says so."""

    def read(self, *given: Any, **settings: Any) -> Any:
        """What the model without head returns."""
        return getattr(self, self.base_model_prefix)(*given, **settings)

    def logits(self, out: BaseOutput, input_ids: Tensor | None) -> Tensor:
        """What the head makes of it; a subclass says so."""
        raise NotImplementedError

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What is to become small: the mean cross-entropy of all that has a label."""
        return flat_loss(logits, labels)


def behind(model: type[PreTrained], head: type[WithHead], prefix: str | None = None) -> Any:
    """The head of a relative behind a model: an architecture of its own, called by the model's name and the task.

    Args:
        model: stands where the relative does.
        head: of the relative, which is its `model_class`.
        prefix: the checkpoints' name for the model; that which the head has if None.

    >>> behind(models.MistralModel, models.LlamaForCausalLM).__name__
    'MistralForCausalLM'
    """
    task = head.__name__.removeprefix(head.model_class.__name__.removesuffix("Model"))
    found = {
        "__module__": model.__module__,
        "__doc__": f"`{head.__name__}` behind a `{model.__name__}`.",
        "config_class": model.config_class,
        "model_class": model,
        "base_model_prefix": head.base_model_prefix if prefix is None else prefix,
    }
    return architecture(type(model.__name__.removesuffix("Model") + task, (head,), found))


class EmbedsTexts(PreTrained):
    """Makes vectors of texts. No head is needed for it."""

    def embed(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Sentence embeddings: the mean of the last hidden state over what is not padding, of length 1; (B, C)."""
        x = self(input_ids, attention_mask).last_hidden_state
        if attention_mask is None:
            return F.normalize(x.mean(dim=1), dim=1)
        share = attention_mask.to(x.dtype).unsqueeze(-1)  # (B, T, 1)
        return F.normalize((x * share).sum(dim=1) / share.sum(dim=1).clamp(min=1e-9), dim=1)


class ClassifiesTokens(WithHead):
    """Tells a class of every token: logits (B, T, classes); a label of −100 is passed over."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> Any:
        """Logits, and with `labels` (B, T) int64 the loss; the others as of the model without head."""
        out = self.read(input_ids, *given, **settings)
        logits = self.logits(out, input_ids)
        loss = None if labels is None else self.loss(logits, labels)
        return self.output.of(out, loss=loss, logits=logits)


class ClassifiesTexts(ClassifiesTokens):
    """Tells a class of every text: logits (B, classes); `labels` (B,) int64, or as the configuration's `problem_type` asks."""

    config: Labelled

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `classification_loss`."""
        return classification_loss(logits, labels, self.config)


class Chooses(WithHead):
    """Chooses one of several texts: of `input_ids` (B, choices, T) logits (B, choices). What is told of every text has the same shape,
    embeddings (B, choices, T, C). The head's logits are (B · choices, 1).
    """

    def forward(
        self,
        input_ids: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> ClassifierOutput:
        """Logits, and with `labels` (B,) int64 the loss; the others as of the model without head."""

        def flat(x: Any) -> Any:
            return x.flatten(0, 1) if isinstance(x, Tensor) and x.ndim > 2 else x

        choices = either(type(self).__name__, input_ids, settings.get("inputs_embeds")).shape[1]
        told = {name: flat(value) for name, value in settings.items()}
        out = self.read(flat(input_ids), *map(flat, given), **told)
        logits = self.logits(out, input_ids).view(-1, choices)
        loss = None if labels is None else self.loss(logits, labels)
        return ClassifierOutput.of(out, loss=loss, logits=logits)


class ClassifiesImages(WithHead):
    """Tells a class of every image: logits (B, classes)."""

    config: Labelled

    def forward(
        self, pixel_values: Tensor, labels: Tensor | None = None, **settings: Any
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of the model without head."""
        out = self.read(pixel_values, **settings)
        logits = self.logits(out, None)
        loss = None if labels is None else classification_loss(logits, labels, self.config)
        return ClassifierOutput.of(out, loss=loss, logits=logits)


class FindsSpans(WithHead):
    """Tells where in a text an answer starts and where it ends: `start_logits` and `end_logits` (B, T). The head's logits are both,
    (B, T, 2).
    """

    output: ClassVar[type[Output]] = SpanOutput

    def forward(
        self,
        input_ids: Tensor | None = None,
        *given: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **settings: Any,
    ) -> Any:
        """Logits, and with both positions (B,) int64 the loss; the others as of the model without head."""
        out = self.read(input_ids, *given, **settings)
        both = self.logits(out, input_ids)
        starts, ends = both[..., 0], both[..., 1]  # (B, T) each
        loss = span_loss(starts, ends, start_positions, end_positions)
        return self.output.of(out, loss=loss, start_logits=starts, end_logits=ends)


class WritesOn(Generates, WithHead):
    """Tells the next token at every position: logits (B, T, V)."""

    output: ClassVar[type[Output]] = CausalLMOutput

    def forward(
        self,
        input_ids: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
        **settings: Any,
    ) -> Any:
        """Logits, and with `labels` the loss; the others as of the model without head.

        Args:
            labels: (B, T) int64, those of `input_ids`: the label of each position is the next one's. −100 is passed over.
            logits_to_keep: the logits of so many of the last positions alone are computed; 0: all.
        """
        out = self.read(input_ids, *given, **settings)
        out["last_hidden_state"] = out.last_hidden_state[:, -logits_to_keep:]
        logits = self.logits(out, input_ids)
        loss = None if labels is None else next_token_loss(logits, labels)
        return self.output.of(out, loss=loss, logits=logits)


def classification_loss(logits: Tensor, labels: Tensor, config: Labelled) -> Tensor:
    """The loss of classes, by the configuration's `problem_type`.

    "regression": squares; "multi_label_classification": a logit for each label, against 0 and 1; "single_label_classification":
    cross-entropy. None: regression of a single class, else several labels where they are fractions, one where they are numbers.

    Args:
        logits: (B, classes).
        labels: (B,) int64, or like the logits.
    """
    kind = config.problem_type
    if kind is None:
        many = "multi" if labels.dtype.is_floating_point else "single"
        kind = "regression" if config.num_labels == 1 else f"{many}_label_classification"
    if kind == "regression":
        if config.num_labels == 1:
            logits, labels = logits.squeeze(), labels.squeeze()
        return F.mse_loss(logits, labels.to(logits.dtype))
    if kind == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return flat_loss(logits, labels)


def flat_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over all labels (…,) that are not −100, of logits (…, classes)."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def last_tokens(values: Tensor, ids: Tensor | None, pad: int | None) -> Tensor:
    """What stands at the last token of each text that is no padding: (B, T, n) → (B, n).

    Args:
        values: of each token.
        ids: (B, T) int64; None: what came in were embeddings, and the last place of all is taken.
        pad: the token of padding; None: there is none.

    Raises:
        ShapeError: several texts, of which nobody says where they end.
    """
    B, T, _ = values.shape
    if pad is None and B > 1:
        raise ShapeError(
            f"{B} texts to classify, and the configuration has no pad_token_id that would say where each one ends"
        )
    if pad is None or ids is None:
        return values[:, -1]
    last = (arange(T) * (ids != pad).to(int64)).argmax(dim=-1)  # (B,)
    return values[arange(B), last]


def span_loss(
    starts: Tensor, ends: Tensor, start_positions: Tensor | None, end_positions: Tensor | None
) -> Tensor | None:
    """The mean of the cross-entropies of both ends of an answer; None without positions.

    Args:
        starts, ends: logits (B, T).
        start_positions, end_positions: (B,) int64; one that is not among the T tokens is passed over.
    """
    if start_positions is None or end_positions is None:
        return None
    T = starts.shape[1]
    found = [
        F.cross_entropy(logits, at.reshape(-1).clamp(0, T), ignore_index=T)
        for logits, at in ((starts, start_positions), (ends, end_positions))
    ]
    return (found[0] + found[1]) / 2
