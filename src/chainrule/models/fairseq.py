"""The layers of models that come from fairseq, and those that were built like them: OPT and Whisper.

    x + attention(norm(x)),  x + attention(norm(x) to an encoder's states),  x + mlp(norm(x))

Older ones have their norms behind:  norm(x + attention(x)), …

B batch, T time, S time of an encoder's states, C channels, H heads, D = C / H.   Source: Vaswani et al. 2017; Ott et al. 2019 (fairseq).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ..nn import Dropout, LayerNorm, Linear, Module
from ..tensors import Tensor
from .activations import activation
from .attention import attend
from .reading import Reading

__all__ = ["FairseqLayer", "LayerSettings"]


@dataclasses.dataclass(kw_only=True)
class LayerSettings:
    """What a layer is made of.

    Args:
        channels, heads, wide: C, H, and the width of the small network.
        act: its activation.
        dropout, attention_dropout, activation_dropout: behind a branch, of the shares of attention, and inside of the small network.
        before: whether norms stand before branches.
        bias, key_bias: whether maps have biases, and that of the keys.
        affine: whether norms have weights.
        across: whether it looks at an encoder's states.
    """

    channels: int
    heads: int
    wide: int
    act: str
    dropout: float
    attention_dropout: float
    activation_dropout: float = 0.0
    before: bool = True
    bias: bool = True
    key_bias: bool = True
    affine: bool = True
    across: bool = False


class FairseqAttention(Module):
    """Attention of x to itself, or with `across` to an encoder's states."""

    def __init__(self, s: LayerSettings, layer: int, across: bool = False):
        super().__init__()
        C, bias = s.channels, s.bias
        self.heads, self.dropout, self.layer, self.across = (
            s.heads,
            s.attention_dropout,
            layer,
            across,
        )
        self.k_proj = Linear(C, C, bias=bias and s.key_bias)
        self.v_proj, self.q_proj, self.out_proj = [Linear(C, C, bias=bias) for _ in range(3)]

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        source, mask, shares = x, reading.mask, reading.attentions
        if self.across:
            source, mask, shares = reading.states, reading.states_mask, reading.cross_attentions
        q, k, v = [
            part(y).view(B, -1, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T or S, D)
            for part, y in ((self.q_proj, x), (self.k_proj, source), (self.v_proj, source))
        ]
        if reading.cache is not None and not self.across:
            k, v = reading.cache.put(self.layer, k, v)  # (B, H, longest, D)
        dropout = self.dropout if self.training else 0.0
        y = attend(q, k, v, mask, (C // self.heads) ** -0.5, dropout, shares)
        return self.out_proj(y.transpose(1, 2).reshape(B, T, C))


class FairseqLayer(Module):
    """Self-attention, in some models attention to an encoder's states, and a small network; each is added to what it was given."""

    def __init__(self, s: LayerSettings, layer: int):
        super().__init__()
        C, self.before = s.channels, s.before
        self.self_attn = FairseqAttention(s, layer)
        self.self_attn_layer_norm = LayerNorm(C, elementwise_affine=s.affine)
        if s.across:
            self.encoder_attn = FairseqAttention(s, layer, across=True)
            self.encoder_attn_layer_norm = LayerNorm(C, elementwise_affine=s.affine)
        self.fc1, self.fc2 = Linear(C, s.wide, bias=s.bias), Linear(s.wide, C, bias=s.bias)
        self.final_layer_norm = LayerNorm(C, elementwise_affine=s.affine)
        self.act, self.dropout = activation(s.act), Dropout(s.dropout)
        self.inner_dropout = Dropout(s.activation_dropout)

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C)."""
        x = self._branch(x, self.self_attn_layer_norm, lambda y: self.self_attn(y, reading))
        if reading.states is not None:
            x = self._branch(
                x, self.encoder_attn_layer_norm, lambda y: self.encoder_attn(y, reading)
            )
        return self._branch(x, self.final_layer_norm, self._think)

    def _branch(self, x: Tensor, norm: Module, inner: Callable[[Tensor], Tensor]) -> Tensor:
        if self.before:
            return x + self.dropout(inner(norm(x)))
        return norm(x + self.dropout(inner(x)))

    def _think(self, x: Tensor) -> Tensor:
        return self.fc2(self.inner_dropout(self.act(self.fc1(x))))
