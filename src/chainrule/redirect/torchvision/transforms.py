"""torchvision's transforms of images: Pillow images, or tensors (…, C, H, W).

Random ones draw from chainrule's default generator. Transforms that Pillow does (rotation, colour) take Pillow images
alone, and say so.
"""

from __future__ import annotations

import enum
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule
from chainrule.nn import functional as F

from ...base.errors import DTypeError, ShapeError
from ...nn import Module
from ...tensors import Tensor

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "GaussianBlur", "Grayscale", "InterpolationMode", "Lambda", "Normalize",
    "PILToTensor", "Pad", "RandomApply", "RandomChoice", "RandomCrop", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomOrder", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize",
    "ToPILImage", "ToTensor",
]  # fmt: skip


class InterpolationMode(enum.Enum):
    """How pixels between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @property
    def pillow(self) -> Any:
        """Pillow's name for it."""
        from PIL import Image

        return Image.Resampling[self.name.removesuffix("_EXACT")]


# ------------------------------------------------------------------------------------------------- what they share


def _draw(low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * chainrule.rand(()).item()


def _draw_int(low: int, high: int) -> int:
    """From low to high, both included."""
    return int(chainrule.randint(low, high + 1, ()).item())


def _size(image: Any) -> tuple[int, int]:
    """(height, width)."""
    if isinstance(image, Tensor):
        return image.shape[-2], image.shape[-1]
    return image.size[1], image.size[0]


def _need_pillow(transform: Any, image: Any) -> None:
    if isinstance(image, Tensor):
        raise DTypeError(
            f"{type(transform).__name__} takes Pillow images, found a tensor {tuple(image.shape)}\n"
            "  hint: put it before ToTensor"
        )


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    size = tuple(size)
    return (size[0], size[0]) if len(size) == 1 else size


def _crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    if isinstance(image, Tensor):
        return image[..., top : top + height, left : left + width]
    return image.crop((left, top, left + width, top + height))


def _four(padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom)."""
    if isinstance(padding, numbers.Number):
        return (int(padding),) * 4
    padding = tuple(padding)
    if len(padding) == 1:
        return padding * 4
    return padding if len(padding) == 4 else (*padding, *padding)


def _padded(image: Any, padding: Any, fill: Any, mode: str) -> Any:
    left, top, right, bottom = _four(padding)
    if isinstance(image, Tensor):
        sides = [left, right, top, bottom]
        if mode == "constant":
            return F.pad(image, sides, value=fill)
        name = {"edge": "replicate", "reflect": "reflect"}.get(mode)
        if name is None:
            raise ValueError(
                f"padding_mode is 'constant', 'edge' or 'reflect' for tensors, found {mode!r}"
            )
        return F.pad(image.unsqueeze(0), sides, mode=name).squeeze(0)
    from PIL import Image, ImageOps

    if mode == "constant":
        bands = len(image.getbands())
        colour = (fill,) * bands if isinstance(fill, numbers.Number) and bands > 1 else fill
        return ImageOps.expand(image, (left, top, right, bottom), fill=colour)
    name = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}[mode]
    sides = [(top, bottom), (left, right)] + [(0, 0)] * (len(image.getbands()) > 1)
    return Image.fromarray(np.pad(np.asarray(image), sides, name))


class _Transform(Module):
    """A transform is a module, so that it may stand in a `Sequential`; it prints as its class and its settings."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        Module.__init__(self)
        return self

    def forward(self, img: Any) -> Any:
        """What calling it gives."""
        return self(img)

    def __repr__(self) -> str:
        own = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "training"}
        shown = ", ".join([f"{k}={v}" for k, v in own.items()])
        return f"{type(self).__name__}({shown})"


# ------------------------------------------------------------------------------------------------------ one after another


class Compose:
    """One transform after another."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for t in self.transforms:
            image = t(image)
        return image

    def __repr__(self) -> str:
        return "Compose(\n" + "".join([f"    {t}\n" for t in self.transforms]) + ")"


class Lambda(_Transform):
    """Any function."""

    def __init__(self, lambd: Callable):
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)


class RandomApply(_Transform):
    """All of some transforms, with probability p, or none."""

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5):
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        return Compose(self.transforms)(image) if _draw() < self.p else image


class RandomOrder(_Transform):
    """All of some transforms, in a random order."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        order = chainrule.randperm(len(self.transforms)).tolist()
        return Compose([self.transforms[k] for k in order])(image)


class RandomChoice(_Transform):
    """One of some transforms, with probabilities p (equal if None)."""

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None):
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        weights = np.cumsum([1.0] * len(self.transforms) if self.p is None else self.p)
        return self.transforms[int(np.searchsorted(weights, _draw() * weights[-1], "right"))](image)


# --------------------------------------------------------------------------------------------------- images and tensors


class PILToTensor:
    """A Pillow image as a uint8 tensor (C, H, W)."""

    def __call__(self, image: Any) -> Tensor:
        pixels = np.array(image)
        if pixels.dtype == bool:
            pixels = pixels.astype(np.uint8) * 255
        pixels = (
            pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
        )
        return chainrule.from_numpy(pixels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor(PILToTensor):
    """A Pillow image or a uint8 array (H, W, C) as a float tensor (C, H, W) from 0 to 1; other arrays keep their
    numbers.
    """

    def __call__(self, image: Any) -> Tensor:
        if isinstance(image, np.ndarray):
            if image.ndim not in (2, 3):
                raise ShapeError(
                    f"ToTensor takes an array (H, W) or (H, W, C), found shape {image.shape}"
                )
            pixels = image[..., None] if image.ndim == 2 else image
            x = chainrule.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        else:
            x = super().__call__(image)
        return x.to(chainrule.get_default_dtype()) / 255 if x.dtype is chainrule.uint8 else x


class ToPILImage(_Transform):
    """A tensor (C, H, W) or an array (H, W, C) as a Pillow image; floats are 0 to 1."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        from PIL import Image

        if isinstance(pic, Tensor):
            if pic.dtype.is_floating_point:
                pic = (pic * 255).to(chainrule.uint8)
            pixels = pic.numpy()
            pixels = pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)
        else:
            pixels = np.asarray(pic)
        pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        image = Image.fromarray(np.ascontiguousarray(pixels))
        return image if self.mode is None else image.convert(self.mode)


class ConvertImageDtype(_Transform):
    """A tensor in another dtype, its values scaled: integers span their range, floats 0 to 1."""

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        floats = image.dtype.is_floating_point, self.dtype.is_floating_point
        if floats == (False, True):
            return image.to(self.dtype) / chainrule.iinfo(image.dtype).max
        if floats == (True, False):
            return (image * (chainrule.iinfo(self.dtype).max + 1 - 1e-3)).to(self.dtype)
        if floats == (True, True) or image.dtype is self.dtype:
            return image.to(self.dtype)
        old, new = chainrule.iinfo(image.dtype).max, chainrule.iinfo(self.dtype).max
        wide = image.to(chainrule.int64)
        factor = (max(old, new) + 1) // (min(old, new) + 1)
        return (wide * factor if new > old else wide // factor).to(self.dtype)


class Normalize(_Transform):
    """(x − mean) / std, a number for each channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating_point:
            raise DTypeError("Normalize takes a tensor of floats\n  hint: put it after ToTensor")
        mean = chainrule.as_tensor(self.mean, dtype=tensor.dtype).reshape(-1, 1, 1)
        std = chainrule.as_tensor(self.std, dtype=tensor.dtype).reshape(-1, 1, 1)
        if not std.all():
            raise ValueError("Normalize: std must not be zero")
        y = (tensor - mean) / std
        return tensor.copy_(y) if self.inplace else y


# ------------------------------------------------------------------------------------------------------------- geometry


class Resize(_Transform):
    """Another size: (height, width), or one number for the shorter side.

    Args:
        size: see above.
        interpolation: an `InterpolationMode`.
        max_size: of the longer side, where size is one number.
        antialias: whether pixels are averaged when a tensor becomes smaller, as Pillow always does.
    """

    def __init__(
        self,
        size: Any,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        self.size, self.interpolation, self.max_size, self.antialias = (
            size,
            interpolation,
            max_size,
            antialias,
        )

    def __call__(self, image: Any) -> Any:
        h, w = self._wanted(*_size(image))
        if not isinstance(image, Tensor):
            return image.resize((w, h), self.interpolation.pillow)
        x = image if image.ndim == 4 else image.unsqueeze(0)
        smooth = self.interpolation in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
        floats = x if x.dtype.is_floating_point else x.to(chainrule.float32)
        y = F.interpolate(
            floats, (h, w), mode=self.interpolation.value, antialias=smooth and bool(self.antialias)
        )
        if y.dtype is not x.dtype:
            y = y.round().clamp(0, chainrule.iinfo(x.dtype).max).to(x.dtype)
        return y if image.ndim == 4 else y.squeeze(0)

    def _wanted(self, h: int, w: int) -> tuple[int, int]:
        if not isinstance(self.size, int) and len(self.size) == 2:
            return tuple(self.size)
        short = self.size if isinstance(self.size, int) else self.size[0]
        long = int(short * max(h, w) / min(h, w))
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        return (short, long) if h <= w else (long, short)


class CenterCrop(_Transform):
    """The middle, (height, width); smaller images are padded with 0."""

    def __init__(self, size: Any):
        self.size = _pair(size)

    def __call__(self, image: Any) -> Any:
        (h, w), (height, width) = _size(image), self.size
        if h < height or w < width:
            dy, dx = max(height - h, 0), max(width - w, 0)
            image = _padded(image, (dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2), 0, "constant")
            h, w = _size(image)
        return _crop(image, round((h - height) / 2), round((w - width) / 2), height, width)


class Pad(_Transform):
    """Pixels around: one number, (left and right, top and bottom), or (left, top, right, bottom)."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, image: Any) -> Any:
        return _padded(image, self.padding, self.fill, self.padding_mode)


class RandomCrop(_Transform):
    """A part at a random place.

    Args:
        size: (height, width).
        padding: pixels added around first.
        pad_if_needed: whether smaller images are padded as far as needed.
        fill, padding_mode: see `Pad`.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size, self.padding, self.pad_if_needed = _pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def __call__(self, image: Any) -> Any:
        height, width = self.size
        if self.padding is not None:
            image = _padded(image, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            h, w = _size(image)
            dy, dx = max(height - h, 0), max(width - w, 0)
            image = _padded(image, (dx, dy), self.fill, self.padding_mode)
        h, w = _size(image)
        if h < height or w < width:
            raise ShapeError(
                f"RandomCrop: a crop of {self.size} does not fit into an image of {(h, w)}"
            )
        return _crop(image, _draw_int(0, h - height), _draw_int(0, w - width), height, width)


class RandomResizedCrop(_Transform):
    """A part of random size and shape at a random place, brought to one size.

    Args:
        size: (height, width) of the result.
        scale: bounds of the part's share of the area.
        ratio: bounds of its width over its height.
        interpolation, antialias: see `Resize`.
    """

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.size, self.scale, self.ratio = _pair(size), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def __call__(self, image: Any) -> Any:
        top, left, h, w = self._part(*_size(image))
        resize = Resize(self.size, self.interpolation, antialias=self.antialias)
        return resize(_crop(image, top, left, h, w))

    def _part(self, height: int, width: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = height * width * _draw(*self.scale)
            shape = math.exp(_draw(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return _draw_int(0, height - h), _draw_int(0, width - w), h, w
        h = min(height, round(width / self.ratio[0]))  # the largest part of an allowed shape
        w = min(width, round(h * self.ratio[1]))
        return (height - h) // 2, (width - w) // 2, h, w


class RandomHorizontalFlip(_Transform):
    """Left and right exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Any) -> Any:
        if _draw() >= self.p:
            return image
        if isinstance(image, Tensor):
            return image.flip(-1)
        from PIL import ImageOps

        return ImageOps.mirror(image)


class RandomVerticalFlip(_Transform):
    """Top and bottom exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Any) -> Any:
        if _draw() >= self.p:
            return image
        if isinstance(image, Tensor):
            return image.flip(-2)
        from PIL import ImageOps

        return ImageOps.flip(image)


class RandomRotation(_Transform):
    """A Pillow image turned by a random angle.

    Args:
        degrees: bounds of the angle, counter-clockwise; one number means −number to number.
        interpolation: an `InterpolationMode`.
        expand: whether the result is as large as the turned image.
        center: the point that stays, (x, y); the middle if None.
        fill: of the pixels that have none.
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ):
        self.degrees = (
            (-degrees, degrees) if isinstance(degrees, numbers.Number) else tuple(degrees)
        )
        self.interpolation, self.expand, self.center, self.fill = (
            interpolation,
            expand,
            center,
            fill,
        )

    def __call__(self, image: Any) -> Any:
        _need_pillow(self, image)
        angle = _draw(*self.degrees)
        return image.rotate(
            angle, self.interpolation.pillow, self.expand, self.center, fillcolor=self.fill
        )


class RandomErasing(_Transform):
    """A rectangle of a tensor overwritten, with probability p.

    Args:
        p: how often.
        scale: bounds of its share of the area.
        ratio: bounds of its height over its width.
        value: what it is filled with: a number, one for each channel, or "random".
        inplace: whether the tensor itself is written.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def __call__(self, image: Tensor) -> Tensor:
        if _draw() >= self.p:
            return image
        c, height, width = image.shape
        for _ in range(10):
            area = height * width * _draw(*self.scale)
            shape = math.exp(_draw(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if h < height and w < width:
                top, left = _draw_int(0, height - h), _draw_int(0, width - w)
                out = image if self.inplace else image.clone()
                if self.value == "random":
                    filling = chainrule.randn(c, h, w, dtype=image.dtype)
                else:
                    filling = chainrule.as_tensor(self.value, dtype=image.dtype).reshape(-1, 1, 1)
                out[:, top : top + h, left : left + w] = filling
                return out
        return image


# --------------------------------------------------------------------------------------------------------------- colour


class GaussianBlur(_Transform):
    """Each pixel becomes the mean of its neighbours, with the weights  exp(−d² / (2 σ²));  beyond the edge the image is mirrored.

    Args:
        kernel_size: how many pixels wide the neighbourhood is, an odd number, or two for width and height.
        sigma: σ, or its bounds: each image draws its own between them.
    """

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)):
        self.kernel_size = _pair(kernel_size)
        if not all(k > 0 and k % 2 for k in self.kernel_size):
            raise ValueError(f"GaussianBlur: kernel_size is odd and positive, found {kernel_size}")
        self.sigma = (sigma, sigma) if isinstance(sigma, numbers.Number) else tuple(sigma)
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                f"GaussianBlur: sigma is positive, the lower bound first, found {sigma}"
            )

    def __call__(self, image: Any) -> Any:
        return blurred(image, self.kernel_size, (_draw(*self.sigma),) * 2)


def blurred(image: Any, kernel_size: tuple[int, int], sigma: tuple[float, float]) -> Any:
    """A blurred image; kernel and σ for width and height."""
    if not isinstance(image, Tensor):
        return ToPILImage(image.mode)(blurred(PILToTensor()(image), kernel_size, sigma))
    floats = image if image.dtype.is_floating_point else image.to(chainrule.float32)
    rows = []
    for size, width in zip(kernel_size, sigma, strict=True):
        away = chainrule.arange(size, dtype=floats.dtype) - (size - 1) / 2
        weights = (-0.5 * (away / width) ** 2).exp()
        rows.append(weights / weights.sum())
    kernel = rows[1][:, None] * rows[0][None, :]
    planes = floats.reshape(-1, 1, *image.shape[-2:])  # every channel by itself
    half_w, half_h = kernel_size[0] // 2, kernel_size[1] // 2
    padded = F.pad(planes, [half_w, half_w, half_h, half_h], mode="reflect")
    y = F.conv2d(padded, kernel[None, None]).reshape(image.shape)
    return y if y.dtype is image.dtype else y.round().to(image.dtype)


def grey_of(image: Tensor) -> Tensor:
    """The brightness (…, 1, H, W) of colours (…, 3, H, W):  0.2989 R + 0.587 G + 0.114 B."""
    if image.shape[-3] != 3:
        raise ShapeError(f"colours have 3 channels, found the shape {tuple(image.shape)}")
    weights = chainrule.tensor([0.2989, 0.587, 0.114]).reshape(3, 1, 1)
    return (image * weights).sum(-3, keepdim=True).to(image.dtype)


class Grayscale(_Transform):
    """An image in grey, with 1 or 3 equal channels."""

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        if isinstance(image, Tensor):
            grey = grey_of(image) if image.shape[-3] == 3 else image
            return grey.expand(*image.shape[:-3], self.num_output_channels, *image.shape[-2:])
        grey = image.convert("L")
        return grey if self.num_output_channels == 1 else grey.convert("RGB")


class RandomGrayscale(_Transform):
    """An image in grey, with probability p; it keeps its number of channels."""

    def __init__(self, p: float = 0.1):
        self.p = p

    def __call__(self, image: Any) -> Any:
        channels = image.shape[-3] if isinstance(image, Tensor) else len(image.getbands())
        return Grayscale(channels)(image) if _draw() < self.p else image


class ColorJitter(_Transform):
    """Brightness, contrast, saturation and hue of an image changed at random, in a random order.

    Args:
        brightness, contrast, saturation: a number d for factors from 1 − d to 1 + d, or (least, largest).
        hue: a number d ≤ 0.5 for a turn of the colour circle from −d to d, or (least, largest).
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        self.brightness, self.contrast = self._bounds(brightness), self._bounds(contrast)
        self.saturation = self._bounds(saturation)
        self.hue = (-hue, hue) if isinstance(hue, numbers.Number) else tuple(hue)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"hue must be within -0.5 and 0.5, found {hue}")

    @staticmethod
    def _bounds(d: Any) -> tuple[float, float]:
        return (max(0.0, 1.0 - d), 1.0 + d) if isinstance(d, numbers.Number) else tuple(d)

    def __call__(self, image: Any) -> Any:
        from PIL import ImageEnhance

        if isinstance(image, Tensor):
            return self._jittered(image)
        enhancers = [
            (ImageEnhance.Brightness, self.brightness), (ImageEnhance.Contrast, self.contrast),
            (ImageEnhance.Color, self.saturation),
        ]  # fmt: skip
        for k in chainrule.randperm(4).tolist():
            if k < 3 and enhancers[k][1] != (1.0, 1.0):
                image = enhancers[k][0](image).enhance(_draw(*enhancers[k][1]))
            elif k == 3 and self.hue != (0, 0):
                image = self._turned(image, _draw(*self.hue))
        return image

    def _jittered(self, image: Tensor) -> Tensor:
        """The same of colours (…, 3, H, W): integers from 0 to 255, floats from 0 to 1."""
        changes = [
            (_brighter, self.brightness),
            (_contrasted, self.contrast),
            (_saturated, self.saturation),
        ]
        top = 1.0 if image.dtype.is_floating_point else 255.0
        for k in chainrule.randperm(4).tolist():
            x = image / top
            if k < 3 and changes[k][1] != (1.0, 1.0):
                x = changes[k][0](x, _draw(*changes[k][1]))
            elif k == 3 and self.hue != (0, 0):
                x = turned(x, _draw(*self.hue))
            else:
                continue
            image = (x.clamp(0, 1) * top).to(image.dtype)
        return image

    @staticmethod
    def _turned(image: Any, by: float) -> Any:
        from PIL import Image

        if image.mode in ("L", "1", "I", "F"):
            return image
        h, s, v = image.convert("HSV").split()
        turned = (np.asarray(h).astype(np.int32) + round(by * 255)) % 256
        h = Image.fromarray(turned.astype(np.uint8))
        return Image.merge("HSV", (h, s, v)).convert(image.mode)


def _brighter(x: Tensor, factor: float) -> Tensor:
    return x * factor


def _contrasted(x: Tensor, factor: float) -> Tensor:
    """Further from the mean brightness, or nearer to it."""
    return factor * x + (1 - factor) * grey_of(x).mean((-3, -2, -1), keepdim=True)


def _saturated(x: Tensor, factor: float) -> Tensor:
    """Further from grey, or nearer to it."""
    return factor * x + (1 - factor) * grey_of(x)


def turned(x: Tensor, by: float) -> Tensor:
    """Colours (…, 3, H, W) from 0 to 1, turned on the circle of colours by a share of it; value and saturation stay.

    The hue h is where the largest channel stands, 0 for red, 2/6 for green, 4/6 for blue, moved by the difference of the two others.
    A channel n (5, 3, 1) is  v − v s · clamp(min(k, 4 − k), 0, 1),  k = n + 6 h mod 6.
    """
    red, green, blue = x.unbind(-3)
    value, low = x.amax(-3), x.amin(-3)
    span = value - low
    safe = span + (span == 0).to(x.dtype)
    far = chainrule.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    hue = chainrule.where(value == red, (green - blue) / safe, far) / 6 + by
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * hue) % 6
        channels.append(value - span * chainrule.minimum(k, 4 - k).clamp(0, 1))
    return chainrule.stack(channels, -3)
