"""The vision transformer under torchvision's names: patches of a picture as tokens; `chainrule.models` tells how it works.

Source: Dosovitskiy et al. 2021; Xiao et al. 2021 (the stem of convolutions).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import chainrule

from ....base.errors import ArgumentError, ShapeError
from ....nn import (
    GELU,
    BatchNorm2d,
    Conv2d,
    Dropout,
    LayerNorm,
    Linear,
    Module,
    MultiheadAttention,
    Parameter,
    ReLU,
    Sequential,
    Tanh,
    init,
)
from ....nn import functional as F
from ....tensors import Tensor
from ..ops.misc import MLP, Conv2dNormActivation
from .checkpoints import File, architecture, weights

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

Makes = Callable[..., Module]
NORM = partial(LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of the stem."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Makes = BatchNorm2d
    activation_layer: Makes = ReLU


class MLPBlock(MLP):
    """The two dense layers of a block."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(
            in_dim, [mlp_dim, in_dim], activation_layer=GELU, inplace=None, dropout=dropout
        )
        for module in self.modules():
            if isinstance(module, Linear):
                init.xavier_uniform_(module.weight)
                init.normal_(module.bias, std=1e-6)  # type: ignore[arg-type]

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any
    ) -> None:
        """Files of version 1 name the layers by their number."""
        if (local_metadata.get("version") or 0) < 2:
            for number, place in ((1, 0), (2, 3)):
                for kind in ("weight", "bias"):
                    old = f"{prefix}linear_{number}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{place}.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class EncoderBlock(Module):
    """Attention, then two dense layers, each behind a norm and added to what was given."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Makes = NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        """(B, T, hidden_dim) to the same."""
        if input.ndim != 3:
            raise ShapeError(f"EncoderBlock takes (B, T, hidden_dim), found {tuple(input.shape)}")
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(Module):
    """Positions added to tokens, blocks, a norm."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Makes = NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = Parameter(chainrule.empty(1, seq_length, hidden_dim))
        init.normal_(self.pos_embedding, std=0.02)
        self.dropout = Dropout(dropout)
        sizes = (num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = Sequential(
            OrderedDict((f"encoder_layer_{k}", EncoderBlock(*sizes)) for k in range(num_layers))
        )
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        """(B, T, hidden_dim) to the same."""
        if input.ndim != 3:
            raise ShapeError(f"Encoder takes (B, T, hidden_dim), found {tuple(input.shape)}")
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(Module):
    """Images (B, 3, image_size, image_size) to logits (B, num_classes).

    Args:
        image_size: height and width.
        patch_size: of a patch; divides them.
        num_layers, num_heads, hidden_dim, mlp_dim: blocks, heads, width of the tokens, width of the dense layers' middle.
        dropout, attention_dropout: probabilities of dropout, in the blocks and of the attention's weights.
        num_classes: how many logits.
        representation_size: width of a dense layer with tanh before the last; None: there is none.
        norm_layer: makes the norms.
        conv_stem_configs: convolutions that make tokens in place of one as large as a patch.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Makes = NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ArgumentError(
                f"VisionTransformer: patch_size divides image_size, found {patch_size} and {image_size}"
            )
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.mlp_dim, self.num_classes = mlp_dim, num_classes
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.representation_size, self.norm_layer = representation_size, norm_layer
        self.conv_proj: Module
        if conv_stem_configs is None:
            self.conv_proj = Conv2d(3, hidden_dim, patch_size, stride=patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = Parameter(chainrule.zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        sizes = (num_layers, num_heads, hidden_dim, mlp_dim)
        self.encoder = Encoder(self.seq_length, *sizes, dropout, attention_dropout, norm_layer)
        heads: OrderedDict[str, Module] = OrderedDict()
        if representation_size is None:
            heads["head"] = Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"] = Linear(hidden_dim, representation_size)
            heads["act"] = Tanh()
            heads["head"] = Linear(representation_size, num_classes)
        self.heads = Sequential(heads)
        self._begin()

    def _begin(self) -> None:
        """The initial weights of what makes tokens, and of the head, which begins at zero."""
        last: Any = self.conv_proj
        if isinstance(last, Conv2d):
            fan_in = last.in_channels * math.prod(last.kernel_size)
            init.trunc_normal_(last.weight, std=math.sqrt(1 / fan_in))
        else:
            last = last.conv_last
            init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
        init.zeros_(last.bias)
        heads: Any = self.heads
        if self.representation_size is not None:
            fan_in = heads.pre_logits.in_features
            init.trunc_normal_(heads.pre_logits.weight, std=math.sqrt(1 / fan_in))
            init.zeros_(heads.pre_logits.bias)
        init.zeros_(heads.head.weight)
        init.zeros_(heads.head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        """Pictures to tokens (B, patches, hidden_dim); programs that take features call it."""
        if tuple(x.shape[2:]) != (self.image_size, self.image_size):
            raise ShapeError(
                f"this network takes pictures of {self.image_size} by {self.image_size}, found {tuple(x.shape)}"
            )
        return chainrule.flatten(self.conv_proj(x), 2).mT

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(chainrule.cat([token, x], 1))  # (B, 1 + patches, hidden_dim)
        return self.heads(x[:, 0])


def _stem(configs: Sequence[ConvStemConfig], hidden_dim: int) -> Sequential:
    """Convolutions, the last of which has the tokens' width."""
    layers: OrderedDict[str, Module] = OrderedDict()
    inside = 3
    for k, (outside, kernel, stride, norm, activation) in enumerate(configs):
        rest = {"norm_layer": norm, "activation_layer": activation}
        layers[f"conv_bn_relu_{k}"] = Conv2dNormActivation(inside, outside, kernel, stride, **rest)
        inside = outside
    layers["conv_last"] = Conv2d(inside, hidden_dim, 1)
    return Sequential(layers)


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: Mapping[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> Mapping[str, Tensor]:
    """A state dict for pictures of another size: the positions of the patches are resized like a picture.

    Args:
        image_size, patch_size: of the network that it is for.
        model_state: of the network that was trained; the result is the same mapping, changed, or a new one without heads.
        interpolation_mode: of `interpolate`.
        reset_heads: whether to leave the weights of the heads out.
    """
    name = "encoder.pos_embedding"
    positions = model_state[name]
    count, length, width = positions.shape
    if count != 1:
        raise ShapeError(f"{name} is (1, T, hidden_dim), found {tuple(positions.shape)}")
    side = image_size // patch_size
    if side**2 + 1 == length:
        return model_state
    old = math.isqrt(length - 1)
    if old**2 != length - 1:
        raise ShapeError(f"{name}: {length} - 1 positions are no square")
    grid = positions[:, 1:].mT.reshape(1, width, old, old)
    grid = F.interpolate(grid, size=side, mode=interpolation_mode, align_corners=True)
    new = chainrule.cat([positions[:, :1], grid.reshape(1, width, side**2).mT], 1)
    changed = {**model_state, name: new}
    if reset_heads:
        return OrderedDict((k, v) for k, v in changed.items() if not k.startswith("heads"))
    model_state[name] = new  # type: ignore[index]
    return model_state


def _makes(
    name: str,
    patch: int,
    sizes: tuple[int, int, int, int],
    files: tuple[File, ...],
    **others: File,
) -> tuple[Any, Callable]:
    """The weights, and the function that makes the network."""
    found = weights(f"ViT_{name.upper()}", *files, **others)

    def make(image_size: int = 224, **options: Any) -> VisionTransformer:
        return VisionTransformer(image_size, patch, *sizes, **options)

    told = f"A `VisionTransformer` of {sizes[0]} blocks, with these options."
    return found, architecture(found, _as_trained, name=f"vit_{name}", about=told)(make)


def _as_trained(file: File, asked: dict[str, Any]) -> dict[str, Any]:
    """There is a position for each patch of the pictures that a network was trained on."""
    if asked.get("image_size", file.crop) != file.crop:
        raise ArgumentError(
            f"these weights are for pictures of {file.crop} by {file.crop}, found image_size={asked['image_size']}\n"
            "  hint: interpolate_embeddings changes their state dict for another size"
        )
    return {**asked, "image_size": file.crop}


def _weakly(name: str, whole: str, last: str, size: int) -> dict[str, File]:
    """Files trained on pictures with hashtags, then on ImageNet: all of the network, or its last layer."""
    return {
        "IMAGENET1K_SWAG_E2E_V1": File(f"vit_{name}_swag-{whole}.pth", size, size, "bicubic"),
        "IMAGENET1K_SWAG_LINEAR_V1": File(f"vit_{name}_lc_swag-{last}.pth", 224, 224, "bicubic"),
    }


BASE, LARGE, HUGE = (12, 12, 768, 3072), (24, 16, 1024, 4096), (32, 16, 1280, 5120)
ViT_B_16_Weights, vit_b_16 = _makes(
    "b_16",
    16,
    BASE,
    (File("vit_b_16-c867db91.pth"),),
    **_weakly("b_16", "9ac1b537", "4e70ced5", 384),
)
ViT_B_32_Weights, vit_b_32 = _makes("b_32", 32, BASE, (File("vit_b_32-d86f8d99.pth"),))
ViT_L_16_Weights, vit_l_16 = _makes(
    "l_16",
    16,
    LARGE,
    (File("vit_l_16-852ce7e3.pth", 242),),
    **_weakly("l_16", "4f3808c9", "4d563306", 512),
)
ViT_L_32_Weights, vit_l_32 = _makes("l_32", 32, LARGE, (File("vit_l_32-c7638314.pth"),))
ViT_H_14_Weights, vit_h_14 = _makes(
    "h_14", 14, HUGE, (), **_weakly("h_14", "80465313", "c1eb923e", 518)
)
