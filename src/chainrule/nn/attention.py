"""Attention in several heads, with the weights of its projections."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..base.errors import ArgumentError
from ..tensors import Tensor, empty
from . import functional as F
from . import init
from .functional.attention import each
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention", "SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.Enum):
    """PyTorch's implementations of scaled dot-product attention. There is one here."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(
    backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False
) -> Iterator[None]:
    """A region in which PyTorch uses these implementations of attention. Without effect: there is
    one, and no choice changes a result.

    Raises:
        TypeError: something else than implementations.
    """
    given = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not all(isinstance(b, SDPBackend) for b in given):
        raise TypeError(f"sdpa_kernel takes one SDPBackend or several, found {backends!r}")
    yield


class MultiheadAttention(Module):
    """Attention in H heads: each projects queries, keys and values to a size of E / H, attends, and
    the heads side by side are projected again.   Source: Vaswani et al. 2017, section 3.2.2.

    The parameters are ``in_proj_weight`` (3E, E), or ``q_proj_weight`` (E, E), ``k_proj_weight``
    (E, kdim) and ``v_proj_weight`` (E, vdim) if keys or values have a size of their own;
    ``in_proj_bias`` (3E,), zeros at first; ``bias_k`` and ``bias_v`` (1, 1, E) with ``add_bias_kv``;
    and those of ``out_proj``, a Linear of E to E.

    Args:
        embed_dim: E.
        num_heads: H, which divides E.
        dropout: probability with which an attention weight is zeroed in training.
        bias: whether the projections have biases.
        add_bias_kv: whether a key and a value that are learned are added to every sequence.
        add_zero_attn: whether a key and a value of zeros are added.
        kdim: size of a key, E if None.
        vdim: size of a value, E if None.
        batch_first: whether sequences are (B, T, E) rather than (T, B, E).
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: query (T, B, E), (B, T, E) or (T, E); key and value likewise, of S steps; result like the
    query; weights (B, T, S), (B, H, T, S) if not averaged, without B where there is no batch.

    Raises:
        ValueError: a size that is not positive, or heads that do not divide E.

    Example:
        >>> attention = nn.MultiheadAttention(6, 3, batch_first=True)
        >>> y, weights = attention(zeros(2, 5, 6), zeros(2, 7, 6), zeros(2, 7, 6))
        >>> y.shape, weights.shape
        (chainrule.Size([2, 5, 6]), chainrule.Size([2, 5, 7]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                "embed_dim and num_heads must be greater than 0, "
                f"got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise ArgumentError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        place = {"device": device, "dtype": dtype}
        together = self._qkv_same_embed_dim
        # PyTorch's order, for the state dict and the numbers that are drawn
        if together:
            self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, **place))
        for name, size in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            value = None if together else Parameter(empty(embed_dim, size, **place))
            self.register_parameter(f"{name}_proj_weight", value)
        if not together:
            self.register_parameter("in_proj_weight", None)
        self.register_parameter(
            "in_proj_bias", Parameter(empty(3 * embed_dim, **place)) if bias else None
        )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **place)
        for name in ("bias_k", "bias_v"):
            value = Parameter(empty(1, 1, embed_dim, **place)) if add_bias_kv else None
            self.register_parameter(name, value)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections anew, but for the last; biases become zeros."""
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            query, key, value: the sequences.
            key_padding_mask: (B, S) or (S,): True, or what is added to a key's scores, −∞ say,
                leaves the key out.
            need_weights: whether the weights of attention are returned; without them the fused
                attention is used, which never holds them all.
            attn_mask: (T, S) for all, or (B·H, T, S): True leaves a pair out; numbers are added.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: says that ``attn_mask`` is the causal mask, which must be given all the same.

        Returns:
            The result, and the weights, None unless they are asked for.

        Raises:
            ShapeError: sizes that do not fit.
            DTypeError: a mask of integers.
            ValueError: ``is_causal`` without a mask.
        """
        transposed = self.batch_first and query.ndim == 3
        if transposed:
            query, key, value = each(lambda x: x.transpose(0, 1), query, key, value)
        y, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (y.transpose(0, 1) if transposed else y), weights
