"""Layers that look back a window only: what lies further back is known through the layers between.

    position t sees t − `sliding_window` + 1 … t;   after k layers, k windows

Which layers do is told one by one (`layer_types`), or by a rule of the family: all of Mistral and Phi-3, Qwen's last ones, every
second one of Gemma 2, five of six of Gemma 3.

Source: Beltagy et al. 2020 (Longformer); Jiang et al. 2023 (Mistral).
"""

from __future__ import annotations

from typing import ClassVar

from .config import configuration
from .llama import LlamaConfig

__all__ = ["FULL", "SLIDING", "WindowedConfig"]

FULL, SLIDING = "full_attention", "sliding_attention"
"""What `layer_types` says of a layer."""


@configuration
class WindowedConfig(LlamaConfig):
    """Llama's settings, and the window."""

    one_by_one: ClassVar[bool] = False
    """Whether the family's layers may be told apart by `layer_types`."""

    sliding_window: int | None = 4096
    layer_types: tuple | None = None

    def check(self) -> None:
        """As Llama's; every layer is of a known kind, and a window has a position."""
        super().check()
        kinds, count = self.layer_types, self.num_hidden_layers
        self.need(
            kinds is None
            or (len(kinds) == count and all(kind in (FULL, SLIDING) for kind in kinds)),
            f"layer_types must say {FULL} or {SLIDING} of each of {count} layers, found {kinds!r:.80}",
        )
        self.need(
            self.one_by_one or kinds is None or FULL not in kinds,
            f"layer_types: all layers of {self.model_type} look back the same window, found {kinds!r:.80}",
        )
        if self.sliding_window is not None:
            self.need_positive("sliding_window")

    def by_rule(self, layer: int) -> bool:
        """Whether a layer looks back a window, if nothing is said of it: each does."""
        return True

    def looks_back(self, layer: int) -> bool:
        """Whether a layer looks back a window."""
        kinds = self.layer_types
        return self.by_rule(layer) if kinds is None else kinds[layer] == SLIDING

    def window(self, layer: int) -> int | None:
        """How far such a layer looks."""
        return self.sliding_window if self.looks_back(layer) else None
