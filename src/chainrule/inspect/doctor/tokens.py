"""Which token does a loss ask for? One place later than those that the answer is given of, and not two, and not none.

A gradient tells it: of all logits at a place, that of the token that was asked for has the steepest slope downwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...base.errors import ChainruleError
from ...tensors import Tensor, grad
from ..summary import tensors_in
from .finding import Finding
from .look import Look, array

__all__ = ["check_tokens"]

NEARLY_ALL, FEWER = 0.95, 0.8
"""Shares of the places at which tokens agree: by how much the best shift must be right, and the others wrong."""


def check_tokens(look: Look) -> Iterator[Finding]:
    """Are tokens foretold from those before?"""
    given = [x for x in look.batch[:-1] if isinstance(x, Tensor) and _holds_tokens(x)]
    if not given:
        return
    tokens, y = array(given[-1]), look.batch[-1]  # the last are those that a decoder reads
    asked = _asked(look, tokens)
    if asked is None:
        copies = isinstance(y, Tensor) and _holds_tokens(y) and y.shape == tokens.shape
        ahead = 0 if copies and (array(y) == tokens).all() else None
    else:
        ahead = _ahead(tokens, asked)
    if ahead == 0:
        yield Finding(
            "target is input", "the target is the input itself: there is nothing to foretell",
            f"the token that the loss asks for at a place is the one that the model is given there, at {tokens.size} places",
            "the target is one token later: tokens[:, :-1] and tokens[:, 1:]",
        )  # fmt: skip
    elif ahead == -1:
        yield Finding(
            "shifted back", "the loss asks for the token before, which the model has read already: targets are shifted the wrong way",
            "the token asked for at a place is the one that stands one place earlier in the input",
            "the target is one token later: tokens[:, :-1] and tokens[:, 1:]",
        )  # fmt: skip
    elif ahead == 2:
        yield Finding(
            "shifted twice", "the loss asks for the token after the next: targets are shifted twice",
            "the token asked for at a place is the one that stands two places later in the input",
            "shift once: in the data (tokens[:, :-1], tokens[:, 1:]) or in the loss (logits[:, :-1], tokens[:, 1:])",
        )  # fmt: skip


def _holds_tokens(x: Tensor) -> bool:
    return x.ndim == 2 and x.shape[1] > 3 and not x.is_floating_point() and x.dtype.name != "bool"


def _asked(look: Look, tokens: np.ndarray) -> np.ndarray | None:
    """The token that the loss asks for at each place (B, T), −1 where it asks for none; None if answers are no logits by place."""
    found = [x for x in tensors_in(look.output) if x.requires_grad and x.is_floating_point()]
    if not found or not look.has_path:
        return None
    try:
        [slope] = grad(look.loss.sum(), [found[0]], retain_graph=True, allow_unused=True)
    except ChainruleError:
        return None
    if slope is None:
        return None
    slopes, (B, T) = array(slope), tokens.shape
    if slopes.ndim == 2 and len(slopes) == B * T:
        slopes = slopes.reshape(B, T, -1)
    elif slopes.ndim == 3 and (slopes.shape[0], slopes.shape[2]) == (B, T):
        slopes = slopes.swapaxes(1, 2)
    if slopes.ndim != 3 or slopes.shape[:2] != (B, T) or slopes.shape[2] <= tokens.max():
        return None
    return np.where((slopes != 0).any(axis=-1), slopes.argmin(axis=-1), -1)


def _ahead(tokens: np.ndarray, asked: np.ndarray) -> int | None:
    """How many places later in the input the tokens stand that are asked for; None if they do not."""
    agree = {}
    T = tokens.shape[1]
    for k in range(-1, 3):
        pairs = asked[:, max(-k, 0) : T - max(k, 0)], tokens[:, max(k, 0) : T + min(k, 0)]
        counted = pairs[0] >= 0
        agree[k] = float((pairs[0] == pairs[1])[counted].mean()) if counted.any() else 0.0
    best = max(agree, key=lambda k: agree[k])
    clear = all(share < FEWER for k, share in agree.items() if k != best)
    return best if agree[best] > NEARLY_ALL and clear else None
