"""Swin transformers: attention within windows, which every second block shifts, so that neighbours meet.

Source: Liu et al. 2021; Liu et al. 2022 (version 2: attention by angles, norms behind, positions from a small network).
`w` is the number of tokens in a window, `N` that of windows in all pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import chainrule

from ....base.errors import ArgumentError
from ....nn import (
    GELU,
    AdaptiveAvgPool2d,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
    init,
)
from ....nn import functional as F
from ....tensors import Tensor
from ..ops.misc import MLP, Permute
from ..ops.stochastic import StochasticDepth
from .checkpoints import File, architecture, weights

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

Makes = Callable[..., Module]


class PatchMerging(Module):
    """Four neighbours become one token of twice the width; the norm comes before the dense layer."""

    def __init__(self, dim: int, norm_layer: Makes = LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(…, H, W, C) to (…, H / 2, W / 2, 2 C), rounded up."""
        return self.reduction(self.norm(_four(x)))


class PatchMergingV2(Module):
    """As `PatchMerging`, but that the norm comes behind the dense layer."""

    def __init__(self, dim: int, norm_layer: Makes = LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(…, H, W, C) to (…, H / 2, W / 2, 2 C), rounded up."""
        return self.norm(self.reduction(_four(x)))


def _four(x: Tensor) -> Tensor:
    """(…, H, W, C) to (…, H / 2, W / 2, 4 C): a square of four tokens as one, with zeros where the last row or column is alone."""
    height, width, _ = x.shape[-3:]
    x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    places = [x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)]  # down first
    return chainrule.cat(places, -1)


def shifted_window_attention(
    input: Tensor,
    qkv_weight: Tensor,
    proj_weight: Tensor,
    relative_position_bias: Tensor,
    window_size: Sequence[int],
    num_heads: int,
    shift_size: Sequence[int],
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Tensor | None = None,
    proj_bias: Tensor | None = None,
    logit_scale: Tensor | None = None,
    training: bool = True,
) -> Tensor:
    """Attention of each token to those in its window.

    Args:
        input: (B, H, W, C).
        qkv_weight, qkv_bias: of the dense layer that makes queries, keys and values, (3 C, C) and (3 C,).
        proj_weight, proj_bias: of the dense layer behind.
        relative_position_bias: (1, heads, w, w), added to the logits.
        window_size: rows and columns of a window; the picture is filled up with zeros to a multiple.
        num_heads: heads.
        shift_size: how far the windows are shifted down and to the right; not at all where there is but one.
        attention_dropout, dropout: probabilities of dropout, of the attention's weights and of the result.
        logit_scale: (heads, 1, 1), the logarithm of what cosines are multiplied with (version 2); None: dot products.
        training: whether there is dropout.

    Returns:
        (B, H, W, C).
    """
    b, height, width, c = input.shape
    rows, columns = window_size
    x = F.pad(input, (0, 0, 0, -width % columns, 0, -height % rows))
    full = tuple(x.shape[1:3])
    shift = [0 if w >= n else s for s, w, n in zip(shift_size, window_size, full, strict=True)]
    if any(shift):
        x = chainrule.roll(x, (-shift[0], -shift[1]), (1, 2))
    x = _windows(x, rows, columns)  # (N, w, C)
    if logit_scale is not None and qkv_bias is not None:
        # keys have no bias in version 2
        third = qkv_bias.shape[0] // 3
        parts = (qkv_bias[:third], chainrule.zeros_like(qkv_bias[:third]), qkv_bias[2 * third :])
        qkv_bias = chainrule.cat(parts)
    qkv = F.linear(x, qkv_weight, qkv_bias)
    qkv = qkv.reshape(*x.shape[:2], 3, num_heads, c // num_heads).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)  # (N, heads, w, C / heads) each
    if logit_scale is not None:
        logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
        logits = logits * logit_scale.clamp(max=math.log(100.0)).exp()
    else:
        logits = (q * (c // num_heads) ** -0.5) @ k.mT
    logits = logits + relative_position_bias
    if any(shift):
        apart = _apart(full, (rows, columns), shift).to(logits.dtype)  # (windows, w, w)
        shape = logits.shape
        logits = logits.reshape(-1, apart.shape[0], *shape[1:]) + apart[:, None]
        logits = logits.reshape(shape)
    share = F.dropout(F.softmax(logits, dim=-1), attention_dropout, training)
    x = (share @ v).transpose(1, 2).reshape(x.shape)
    x = F.dropout(F.linear(x, proj_weight, proj_bias), dropout, training)
    x = x.reshape(b, full[0] // rows, full[1] // columns, rows, columns, c)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(b, *full, c)
    if any(shift):
        x = chainrule.roll(x, (shift[0], shift[1]), (1, 2))
    return x[:, :height, :width]


def _windows(x: Tensor, rows: int, columns: int) -> Tensor:
    """(B, H, W, C) to (N, w, C)."""
    b, height, width, c = x.shape
    x = x.reshape(b, height // rows, rows, width // columns, columns, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, rows * columns, c)


def _apart(full: Sequence[int], window: Sequence[int], shift: Sequence[int]) -> Tensor:
    """-100 where two tokens of a window come from opposite edges of the picture, 0 elsewhere; (windows, w, w)."""
    labels = []
    for length, size, by in zip(full, window, shift, strict=True):
        at = chainrule.arange(length)
        # 0 in windows that are whole, 1 and 2 on the sides of where the edges meet
        labels.append((at >= length - size).long() + (at >= length - by).long() if by else at * 0)
    label = labels[0][:, None] * 3 + labels[1]
    label = _windows(label[None, :, :, None], *window)[..., 0]
    return chainrule.where(label[:, None] == label[:, :, None], 0.0, -100.0)


class ShiftedWindowAttention(Module):
    """`shifted_window_attention` with dense layers, and a bias for each distance of two tokens.

    Args:
        dim: channels.
        window_size, shift_size, num_heads, attention_dropout, dropout: see there.
        qkv_bias, proj_bias: whether the dense layers have a bias.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ArgumentError(
                f"window_size and shift_size have two numbers each, found {window_size} and {shift_size}"
            )
        self.window_size, self.shift_size, self.num_heads = window_size, shift_size, num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """A bias for each head and distance, by rows and by columns."""
        distances = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = Parameter(chainrule.zeros(distances, self.num_heads))
        init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """Which distance two tokens of a window have (w · w,)."""
        rows, columns = self.window_size
        y = chainrule.arange(rows).repeat_interleave(columns)
        x = chainrule.arange(columns).repeat(rows)
        down, right = y[:, None] - y + rows - 1, x[:, None] - x + columns - 1
        self.register_buffer(
            "relative_position_index", (down * (2 * columns - 1) + right).flatten()
        )

    def get_relative_position_bias(self) -> Tensor:
        """(1, heads, w, w)."""
        return self._by_distance(self.relative_position_bias_table)

    def _by_distance(self, table: Tensor) -> Tensor:
        size = math.prod(self.window_size)
        found = table[self.relative_position_index].reshape(size, size, -1)
        return found.permute(2, 0, 1)[None]

    def _scale(self) -> Tensor | None:
        return None

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            self.shift_size,
            self.attention_dropout,
            self.dropout,
            self.qkv.bias,
            self.proj.bias,
            self._scale(),
            self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Cosines in place of dot products, and a small network that makes the bias from the logarithms of distances."""

    relative_coords_table: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        rest = (num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        super().__init__(dim, window_size, shift_size, *rest)
        self.logit_scale = Parameter(chainrule.log(10 * chainrule.ones(num_heads, 1, 1)))
        self.cpb_mlp = Sequential(
            Linear(2, 512), ReLU(inplace=True), Linear(512, num_heads, bias=False)
        )
        if self.qkv.bias is not None:
            with chainrule.no_grad():
                self.qkv.bias[dim : 2 * dim] = 0.0

    def define_relative_position_bias_table(self) -> None:
        """The distances, from -8 to 8, on a logarithmic scale (1, rows, columns, 2); no weights."""
        axes = [
            chainrule.arange(-(size - 1), size, dtype=chainrule.float32) / (size - 1) * 8
            for size in self.window_size
        ]
        table = chainrule.stack(chainrule.meshgrid(*axes, indexing="ij"), dim=-1)[None]
        table = chainrule.sign(table) * chainrule.log2(table.abs() + 1.0) / 3.0
        self.register_buffer("relative_coords_table", table)

    def get_relative_position_bias(self) -> Tensor:
        """(1, heads, w, w), between 0 and 16."""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * chainrule.sigmoid(self._by_distance(table))

    def _scale(self) -> Tensor | None:
        return self.logit_scale


class SwinTransformerBlock(Module):
    """Attention, then two dense layers, each behind a norm and added to what was given.

    Args:
        dim: channels.
        num_heads, window_size, shift_size: of the attention.
        mlp_ratio: width of the dense layers' middle, over `dim`.
        dropout, attention_dropout: probabilities of dropout.
        stochastic_depth_prob: how likely a branch is left out for a sample in training.
        norm_layer, attn_layer: make the norms and the attention.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Makes = LayerNorm,
        attn_layer: Makes = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim,
            window_size,
            shift_size,
            num_heads,
            attention_dropout=attention_dropout,
            dropout=dropout,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        sizes = [int(dim * mlp_ratio), dim]
        self.mlp = MLP(dim, sizes, activation_layer=GELU, inplace=None, dropout=dropout)
        for module in self.mlp.modules():
            if isinstance(module, Linear):
                init.xavier_uniform_(module.weight)
                init.normal_(module.bias, std=1e-6)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, dim) to the same."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The block of version 2: each norm stands behind what it belongs to."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Makes = LayerNorm,
        attn_layer: Makes = ShiftedWindowAttentionV2,
    ) -> None:
        rest = (mlp_ratio, dropout, attention_dropout, stochastic_depth_prob)
        super().__init__(dim, num_heads, window_size, shift_size, *rest, norm_layer, attn_layer)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, dim) to the same."""
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(Module):
    """Images (B, 3, H, W) to logits (B, num_classes).

    Args:
        patch_size: rows and columns of a patch, which becomes a token.
        embed_dim: width of the tokens in the first stage; it doubles with each.
        depths, num_heads: blocks and heads of each stage.
        window_size: rows and columns of a window, in tokens.
        mlp_ratio, dropout, attention_dropout: of the blocks.
        stochastic_depth_prob: how likely the last block is left out in training; the first never is.
        num_classes: how many logits.
        norm_layer: makes the norms; None: LayerNorm with an eps of 1e-5.
        block: `SwinTransformerBlock` or a class with its arguments; None: that one.
        downsample_layer: makes what stands between stages.
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Makes | None = None,
        block: Makes | None = None,
        downsample_layer: Makes = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        make, norm = block or SwinTransformerBlock, norm_layer or partial(LayerNorm, eps=1e-5)
        size = (patch_size[0], patch_size[1])
        patches = Conv2d(3, embed_dim, size, stride=size)
        layers: list[Module] = [Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim))]
        done, dim = 0, embed_dim
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            if stage:
                layers.append(downsample_layer(dim, norm))
                dim *= 2
            blocks = []
            for k in range(depth):
                left_out = stochastic_depth_prob * done / max(sum(depths) - 1, 1)
                blocks.append(
                    make(
                        dim,
                        heads,
                        window_size=window_size,
                        shift_size=[0 if k % 2 == 0 else w // 2 for w in window_size],
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=left_out,
                        norm_layer=norm,
                    )
                )
                done += 1
            layers.append(Sequential(*blocks))
        self.features = Sequential(*layers)
        self.norm = norm(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = AdaptiveAvgPool2d(1)
        self.flatten = Flatten(1)
        self.head = Linear(dim, num_classes)
        for module in self.modules():
            if isinstance(module, Linear):
                init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.permute(self.norm(self.features(x)))  # (B, C, H', W')
        return self.head(self.flatten(self.avgpool(x)))


def _makes(
    name: str, depths: Sequence[int], width: int, heads: int, left_out: float, file: File
) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(f"Swin_{name.upper()}", file)
    second = name.startswith("v2")
    settings: dict[str, Any] = {"stochastic_depth_prob": left_out}
    if second:
        settings |= {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    window = [8, 8] if second else [7, 7]
    sizes = ([4, 4], width, list(depths), [heads * 2**k for k in range(4)], window)

    def make(**options: Any) -> SwinTransformer:
        return SwinTransformer(*sizes, **{**settings, **options})

    told = f"A `SwinTransformer` of {'-'.join(map(str, depths))} blocks, with these options."
    return found, architecture(found, name=f"swin_{name}", about=told)(make)


SHORT, LONG = (2, 2, 6, 2), (2, 2, 18, 2)
Swin_T_Weights, swin_t = _makes(
    "t", SHORT, 96, 3, 0.2, File("swin_t-704ceda3.pth", 232, 224, "bicubic")
)
Swin_S_Weights, swin_s = _makes(
    "s", LONG, 96, 3, 0.3, File("swin_s-5e29d889.pth", 246, 224, "bicubic")
)
Swin_B_Weights, swin_b = _makes(
    "b", LONG, 128, 4, 0.5, File("swin_b-68c6b09e.pth", 238, 224, "bicubic")
)
Swin_V2_T_Weights, swin_v2_t = _makes(
    "v2_t", SHORT, 96, 3, 0.2, File("swin_v2_t-b137f0e2.pth", 260, 256, "bicubic")
)
Swin_V2_S_Weights, swin_v2_s = _makes(
    "v2_s", LONG, 96, 3, 0.3, File("swin_v2_s-637d8ceb.pth", 260, 256, "bicubic")
)
Swin_V2_B_Weights, swin_v2_b = _makes(
    "v2_b", LONG, 128, 4, 0.5, File("swin_v2_b-781e5279.pth", 272, 256, "bicubic")
)
