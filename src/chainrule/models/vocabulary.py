"""A model's vocabulary made larger or smaller: rows are added to its embeddings, or taken away, at the end."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..base.errors import RangeError
from ..nn import Embedding, Module, Parameter, init
from ..tensors import Tensor, cat, no_grad

__all__ = ["resized"]


def resized(model: Any, tokens: int | None, multiple: int, by_mean: bool) -> Embedding:
    """See `PreTrained.resize_token_embeddings`."""
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    count = embeddings.num_embeddings if tokens is None else tokens
    if count < 1 or multiple < 1:
        raise RangeError(
            f"resize_token_embeddings: a vocabulary has a token at least, found {count} of a multiple of {multiple}"
        )
    count = -(-count // multiple) * multiple
    std = getattr(model.config, "initializer_range", 0.02)
    shared = head is not None and head.weight is embeddings.weight
    owner = None if head is None else model.get_submodule(model.words_out.rpartition(".")[0])
    parts = ((embeddings, "weight"), (head, "weight"), (head, "bias"), (owner, "bias"))
    for part, name in parts:  # BERT's bias has two names
        rows = getattr(part, name, None)
        if rows is not None and not (shared and part is head and name == "weight"):
            setattr(part, name, Parameter(_rows(rows, count, by_mean, std)))
    embeddings.num_embeddings = count
    if embeddings.padding_idx is not None and embeddings.padding_idx >= count:
        embeddings.padding_idx = None
    if head is not None:
        head.out_features = count
        if shared:
            head.weight = embeddings.weight
    model.tie_weights()
    _tell(model, count)
    return embeddings


def _rows(old: Tensor, count: int, by_mean: bool, std: float) -> Tensor:
    """So many rows: those there are, and new ones."""
    with no_grad():
        more = count - old.shape[0]
        if more <= 0:
            return old[:count].clone()
        new = old.mean(dim=0, keepdim=True).expand(more, *old.shape[1:]).clone()
        if not by_mean:
            init.normal_(new, std=std) if old.ndim > 1 else init.zeros_(new)
        return cat([old, new], dim=0)


def _tell(model: Module, count: int) -> None:
    """Every part of a model knows the new configuration."""
    for part in model.modules():
        config = getattr(part, "config", None)
        if getattr(config, "vocab_size", None) is not None:
            part.config = dataclasses.replace(config, vocab_size=count)
