"""Pictures of what a language model expects, and of what it looks at; each the bytes of a PNG."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.errors import ShapeError
from .style import BLUE, INK, MUTED, ORANGE, STYLE, png

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

__all__ = ["attention_picture", "predictions_picture", "visible"]

RANKS = 5


def visible(token: str) -> str:
    """A token as a picture shows it: white space by signs for it, and � for what the pictures' font does not have.

    >>> visible(" the"), visible("a\\n"), visible("\\x08")
    ('␣the', 'a⏎', '�')
    """
    signs = token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return "".join([c if _font().get_char_index(ord(c)) else "�" for c in signs])


@functools.cache
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont(STYLE["font.family"]))


def predictions_picture(
    title: str,
    before: Sequence[str],
    truth: Sequence[str],
    tokens: Sequence[str],
    shares: np.ndarray,
) -> bytes:
    """At each place of a text, the likeliest tokens: the bluer, the likelier; the right one is framed.

    Args:
        title: says which text.
        before: the T tokens that were read, one above each place.
        truth: the T tokens that were to be told.
        tokens: the V tokens there are.
        shares: their probabilities at each place, (T, V).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    T = len(truth)
    if not (len(before) == T and shares.shape == (T, len(tokens))):
        raise ShapeError(
            f"predictions_picture: {T} places and {len(tokens)} tokens need shares of shape ({T}, {len(tokens)}), "
            f"found {shares.shape}, and {T} tokens before, found {len(before)}"
        )
    ranks = min(RANKS, len(tokens))
    longest = max(len(visible(token)) for token in [*before, *truth])
    wide = 0.3 if longest < 2 else 0.85
    with rc_context({**STYLE, "axes.grid": False}):
        size = max(wide * T + 1.2, 0.09 * len(title)), 0.32 * (ranks + 2) + 0.7
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        points = 9 if longest < 8 else 7
        for t in range(T):
            order = np.argsort(-shares[t], kind="stable")[:ranks]
            axes.text(
                t, -1.05, visible(before[t]), ha="center", va="center", size=points, color=MUTED
            )
            for rank, token in enumerate(order.tolist()):
                word = visible(tokens[token])
                right = tokens[token] == truth[t]
                _told(axes, (t, rank), word, float(shares[t, token]), right, points)
        axes.set_xlim(-0.6, T - 0.4)
        axes.set_ylim(ranks - 0.4, -1.6)
        axes.set_yticks([-1.05, *range(ranks)], ["read", *[f"{k + 1}." for k in range(ranks)]])
        axes.set_xticks([])
        axes.spines[:].set_visible(False)
        axes.set_title(title)
        return png(figure)


def _told(
    axes: Any, at: tuple[int, int], word: str, share: float, right: bool, points: int
) -> None:
    """A box with a token: the bluer, the likelier; framed, if it is right."""
    from matplotlib.patches import Rectangle

    (t, rank), size = at, (0.94, 0.9)
    corner = (t - 0.47, rank - 0.45)
    axes.add_patch(Rectangle(corner, *size, facecolor=BLUE, alpha=0.06 + 0.9 * share, linewidth=0))
    if right:
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=ORANGE, linewidth=1.6))
    shade = "white" if share > 0.55 else INK
    axes.text(t, rank, word, ha="center", va="center", size=points, color=shade)


def attention_picture(title: str, tokens: Sequence[str], maps: Sequence[np.ndarray]) -> bytes:
    """Where each token looks: a row of maps for each layer, a column for each head; a map's row is a token that looks, its
    column the one that is looked at. The shade is the square root of the weight, so that small ones are seen.

    Args:
        title: says which text.
        tokens: T of them.
        maps: of each layer, weights (H, T, T).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    T, L = len(tokens), len(maps)
    if not L or any(m.ndim != 3 or m.shape != (len(maps[0]), T, T) for m in maps):
        raise ShapeError(
            f"attention_picture: {T} tokens need maps (heads, {T}, {T}), found {[m.shape for m in maps]}"
        )
    H = len(maps[0])
    shown = [visible(token) for token in tokens]
    with rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(2.1 * H + 1.5, 2.2 * L + 1.5), layout="constrained")
        figure.suptitle(title, x=0.012, ha="left", fontsize=11.5, fontweight="bold")
        for layer, row in enumerate(figure.subplots(L, H, squeeze=False)):
            for head, axes in enumerate(row):
                axes.imshow(np.sqrt(maps[layer][head]), cmap="Blues", vmin=0, vmax=1)
                axes.set_xticks(
                    range(T), shown if layer == L - 1 else [""] * T, size=5, rotation=90
                )
                axes.set_yticks(range(T), shown if head == 0 else [""] * T, size=5)
                axes.set_title(f"layer {layer + 1}, head {head + 1}", size=7, pad=3)
        return png(figure)
