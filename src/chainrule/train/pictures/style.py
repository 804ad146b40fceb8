"""How all pictures look, and a figure as the bytes of a PNG.

matplotlib is imported when the first picture is drawn, and used without pyplot: no window, no
global state, no display needed.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GRID", "INK", "MUTED", "ORANGE", "RED", "STYLE", "png"]

INK, MUTED, GRID = "#1f2430", "#6b7280", "#e6e8ec"
BLUE, ORANGE, RED = "#3566c8", "#e07a2c", "#c8372d"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the pictures look the same everywhere
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#c9ced6",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


def png(figure: Figure) -> bytes:
    """A figure, the same bits each time."""
    out = io.BytesIO()
    # no date, no version: same bits again
    figure.savefig(out, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return out.getvalue()
