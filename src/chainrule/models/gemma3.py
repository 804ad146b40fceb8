"""Gemma 3, its text model: Gemma 2 without caps, whose queries and keys are normalised in every head, and whose layers tell positions in
two ways: those that look back a window by short waves, every sixth, which looks at all there is, by long ones.

    base 10 000 in a window, 1 000 000 where all is seen

Source: Gemma Team 2025.
"""

from __future__ import annotations

from typing import Any, Self

from ..base.errors import FormatError
from ..tensors import Tensor
from .config import configuration
from .gemma import (
    Gemma2Attention,
    Gemma2Config,
    Gemma2DecoderLayer,
    Gemma2ForCausalLM,
    GemmaModel,
    GemmaNorm,
)
from .heads import behind
from .llama import LlamaAttention, LlamaForSequenceClassification
from .pretrained import architecture
from .rotary import parameters
from .windows import FULL, SLIDING

__all__ = [
    "Gemma3ForCausalLM", "Gemma3TextConfig", "Gemma3TextForSequenceClassification", "Gemma3TextModel",
]  # fmt: skip


@configuration
class Gemma3TextConfig(Gemma2Config):
    """Sizes and settings; `rope_theta` and `rope_scaling` are those of layers that look at all there is."""

    model_type = "gemma3_text"

    vocab_size = 262208
    max_position_embeddings = 131072
    rope_theta = 1e6
    rope_local_base_freq: float = 10000.0
    rope_local_scaling: dict | None = None
    sliding_window_pattern: int = 6
    final_logit_softcapping = None
    attn_logit_softcapping = None

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `LlamaConfig`; the `rope_parameters` may be told by the kind of a layer."""
        each = given.get("rope_parameters")
        if isinstance(each, dict) and {FULL, SLIDING} & set(each):
            given = {k: v for k, v in given.items() if k != "rope_parameters"}
            told = [each.get(kind) or {} for kind in (FULL, SLIDING)]
            if not all(isinstance(one, dict) for one in told):
                raise FormatError(
                    f"{source}: key 'rope_parameters': expected settings of each kind of layer, found {each!r:.80}"
                )
            far, near = [dict(one) for one in told]
            given |= {"rope_theta": far.pop("rope_theta", 1e6), "rope_scaling": far or None}
            given |= {"rope_local_base_freq": near.pop("rope_theta", 10000.0)}
            given |= {"rope_local_scaling": near or None}
        if "_sliding_window_pattern" in given:
            given = {"sliding_window_pattern": given["_sliding_window_pattern"], **given}
        return super().from_dict(given, source)

    def to_dict(self) -> dict[str, Any]:
        """As of `LlamaConfig`, with positions by the kind of a layer; older readers find them under their names besides."""
        each = {kind: parameters(base, scaling) for kind, (base, scaling) in self.rotary().items()}
        kinds = [SLIDING if self.looks_back(k) else FULL for k in range(self.num_hidden_layers)]
        found = {**super().to_dict(), "rope_parameters": each, "layer_types": kinds}
        return {
            k: v
            for k, v in found.items()
            if k not in ("rope_scaling", "rope_theta", "rope_local_scaling")
        }

    def check(self) -> None:
        """As of Gemma 2, and every so-manieth layer looks at all there is."""
        self.need_positive("sliding_window_pattern")
        super().check()

    def by_rule(self, layer: int) -> bool:
        """All but every sixth layer look back a window."""
        return (layer + 1) % self.sliding_window_pattern != 0

    def kind(self, layer: int) -> str:
        """Its name in `rope_parameters`."""
        return SLIDING if self.looks_back(layer) else FULL

    def rotary(self) -> dict[str, tuple[float, dict[str, Any]]]:
        """Both ways."""
        return {
            FULL: (self.rope_theta, self.rope_scaling or {}),
            SLIDING: (self.rope_local_base_freq, self.rope_local_scaling or {}),
        }


class Gemma3Attention(Gemma2Attention):
    """Attention whose queries and keys are normalised."""

    def __init__(self, config: Gemma3TextConfig, layer: int):
        super().__init__(config, layer)
        self.cap = None  # the setting is there, the reference does not read it
        self.q_norm, self.k_norm = [
            GemmaNorm(config.head_size, eps=config.rms_norm_eps) for _ in range(2)
        ]

    def project(self, x: Tensor) -> list[Tensor]:
        """(B, T, C) → (B, T, H or K, D) each."""
        q, k, v = super().project(x)
        return [self.q_norm(q), self.k_norm(k), v]

    look = LlamaAttention.look


class Gemma3DecoderLayer(Gemma2DecoderLayer):
    """That of Gemma 2, with another attention."""

    attention_class = Gemma3Attention


@architecture
class Gemma3TextModel(GemmaModel):
    """`LlamaModel` with the layers of Gemma 3."""

    config_class, layer_class = Gemma3TextConfig, Gemma3DecoderLayer


@architecture
class Gemma3ForCausalLM(Gemma2ForCausalLM):
    """`LlamaForCausalLM` with Gemma 3."""

    config_class, model_class = Gemma3TextConfig, Gemma3TextModel


Gemma3TextForSequenceClassification = behind(Gemma3TextModel, LlamaForSequenceClassification)
