"""The Transformer of Vaswani et al. 2017: layers of attention and a small network, in stacks.

    T target steps   S source steps   B batch   E model size

A layer adds to its input what each of its blocks makes of it, and normalises behind each addition,
or with ``norm_first`` in front of each block (Xiong et al. 2020), which trains more steadily.

Masks, everywhere: True leaves a position out, numbers are added to the scores of attention. A
``…_mask`` (T, S) or (B·H, T, S) is about pairs, a ``…_key_padding_mask`` (B, S) about positions of a
sequence. ``…_is_causal`` says that the mask given is the causal one, so that the fused causal
attention may be used.

Read: `TransformerEncoderLayer`, `TransformerDecoderLayer`, the stacks, `Transformer`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from ..base.errors import ArgumentError, ShapeError
from ..tensors import Tensor, full, triu
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .functional.attention import added_mask
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer",
]  # fmt: skip

Activation = str | Callable[[Tensor], Tensor]


def _activation(activation: Activation) -> Callable[[Tensor], Tensor]:
    """A function by its name."""
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise ArgumentError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


class TransformerEncoderLayer(Module):
    """Self-attention, then a network of two linear layers, at each position.

    Args:
        d_model: E.
        nhead: heads of the attention.
        dim_feedforward: size between the two linear layers.
        dropout: probability, for the attention's weights, between the linear layers and behind each
            block.
        activation: "relu", "gelu", a function or a module, between the linear layers.
        layer_norm_eps: ε of the norms.
        batch_first: whether sequences are (B, S, E) rather than (S, B, E).
        norm_first: whether norms stand in front of the blocks.
        bias: whether linear layers and norms have biases.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Raises:
        ValueError: an activation of another name.

    Example:
        >>> nn.TransformerEncoderLayer(6, 3, 11)(zeros(5, 2, 6)).shape
        chainrule.Size([5, 2, 6])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        options = {"dropout": dropout, "bias": bias, "batch_first": batch_first}
        self.self_attn = MultiheadAttention(d_model, nhead, **options, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """One layer over src (S, B, E), (B, S, E) or (S, E)."""
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, src_mask)
        mask = added_mask(src_mask, "src_mask", src.dtype)
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), mask, padding, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, mask, padding, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Each position attends to all."""
        y, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        return self.dropout1(y)

    def _ff_block(self, x: Tensor) -> Tensor:
        """The network at each position."""
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to what an encoder made, then a network of two linear layers.

    Args: as for ``TransformerEncoderLayer``.

    Raises:
        ValueError: an activation of another name.

    Example:
        >>> nn.TransformerDecoderLayer(6, 3, 11)(zeros(5, 2, 6), zeros(7, 2, 6)).shape
        chainrule.Size([5, 2, 6])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        options = {"dropout": dropout, "bias": bias, "batch_first": batch_first}
        self.self_attn = MultiheadAttention(d_model, nhead, **options, **place)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **options, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """One layer over tgt (T, B, E), (B, T, E) or (T, E), attending to memory of S steps."""
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Each position attends to the others."""
        y, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        return self.dropout1(y)

    def _mha_block(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        """Each position attends to the memory."""
        y, _ = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, need_weights=False,
            is_causal=is_causal,
        )  # fmt: skip
        return self.dropout2(y)

    def _ff_block(self, x: Tensor) -> Tensor:
        """The network at each position."""
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer: the layer, which is copied; all copies begin with its weights.
        num_layers: how many.
        norm: a module that normalises the result, or None.
        enable_nested_tensor, mask_check: without effect. PyTorch may pack padded sequences in
            evaluation, which leaves zeros at padded positions; here they are computed like others.

    Example:
        >>> layer = nn.TransformerEncoderLayer(6, 3, 11, batch_first=True)
        >>> nn.TransformerEncoder(layer, num_layers=2)(zeros(2, 5, 6)).shape
        chainrule.Size([2, 5, 6])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """All layers over src, then the norm. ``is_causal`` None is False: a mask is used as it is
        given, whose result is the same.
        """
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, mask)
        added = added_mask(mask, "mask", src.dtype)
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=added, is_causal=bool(is_causal), src_key_padding_mask=padding)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """A stack of decoder layers.

    Args:
        decoder_layer: the layer, which is copied; all copies begin with its weights.
        num_layers: how many.
        norm: a module that normalises the result, or None.

    Example:
        >>> layer = nn.TransformerDecoderLayer(6, 3, 11)
        >>> nn.TransformerDecoder(layer, num_layers=2)(zeros(5, 2, 6), zeros(7, 2, 6)).shape
        chainrule.Size([5, 2, 6])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """All layers over tgt, then the norm. ``tgt_is_causal`` None is False: a mask is used as it
        is given, whose result is the same.
        """
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class Transformer(Module):
    """Encoder and decoder: from one sequence to another.   Source: Vaswani et al. 2017.

    Every matrix begins Xavier-uniform. Embeddings, positions and the output layer are the user's.

    Args:
        d_model: E.
        nhead: heads of each attention.
        num_encoder_layers, num_decoder_layers: how many layers.
        dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device,
            dtype: as for ``TransformerEncoderLayer``.
        custom_encoder, custom_decoder: modules in the place of the stacks.

    Shapes: src (S, B, E), tgt (T, B, E) and the result (T, B, E), or with the batch first, or without
    it.

    Example:
        >>> model = nn.Transformer(6, 3, 1, 1, dim_feedforward=11)
        >>> mask = nn.Transformer.generate_square_subsequent_mask(5)
        >>> model(zeros(7, 2, 6), zeros(5, 2, 6), tgt_mask=mask).shape
        chainrule.Size([5, 2, 6])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        switches = (batch_first, norm_first, bias)
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer: Module = TransformerEncoderLayer(*sizes, *switches, **place)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            layer = TransformerDecoderLayer(*sizes, *switches, **place)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw every matrix anew."""
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode src, and decode tgt with it.

        Raises:
            ShapeError: batches of different sizes, or another size than E.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                "the batch number of src and tgt must be equal, "
                f"found shapes {tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                "the feature number of src and tgt must be equal to d_model, "
                f"{self.d_model}, found shapes {tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask (sz, sz): −∞ above the diagonal, 0 elsewhere.

        Example:
            >>> nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[  0., -inf],
                    [  0.,   0.]])
        """
        return triu(full((sz, sz), -math.inf, device=device, dtype=dtype), diagonal=1)
