"""Pictures as models read them: resized, cropped, scaled and normalised as `preprocessor_config.json` says.

    processor = ImageProcessor.from_pretrained(folder)
    model(**processor(["cat.jpg", "dog.png"]))

    file → RGB uint8 (3, H, W) → resize → crop → · rescale_factor → (x − mean) / std → float32

The steps and their rounding are those of `transformers` where it works with Pillow (its classes whose names end in `Pil`): pixels are whole
numbers until they are rescaled. Differs from it: every picture becomes RGB, transparency on white, whatever the file says.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..base.errors import DTypeError, FormatError, ShapeError
from ..data.readers import read_image
from ..files import write_whole
from ..tensors import Tensor, from_numpy
from .config import read_json

__all__ = ["ImageProcessor"]

FILE = "preprocessor_config.json"
MOST_PIXELS = 1 << 26  # of one picture after it is resized
RESAMPLE = {0: "NEAREST", 1: "LANCZOS", 2: "BILINEAR", 3: "BICUBIC", 4: "BOX", 5: "HAMMING"}
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# What is not said in a file, for each kind of processor.
DEFAULTS: dict[str, dict[str, Any]] = {
    "Bit": {"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": True,
            "crop_size": {"height": 224, "width": 224}, "image_mean": CLIP_MEAN, "image_std": CLIP_STD},
    "CLIP": {"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": True,
             "crop_size": {"height": 224, "width": 224}, "image_mean": CLIP_MEAN, "image_std": CLIP_STD},
    "ConvNext": {"size": {"shortest_edge": 384}, "resample": 3, "crop_pct": 224 / 256,
                 "image_mean": HALF, "image_std": HALF},
    "DeiT": {"size": {"height": 256, "width": 256}, "resample": 3, "do_center_crop": True,
             "crop_size": {"height": 224, "width": 224}, "image_mean": HALF, "image_std": HALF},
    "ViT": {"size": {"height": 224, "width": 224}, "image_mean": HALF, "image_std": HALF},
}  # fmt: skip
ENDINGS = ("ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageProcessor:
    """What is done with pictures before a model sees them.

    Args:
        kind: "CLIP", "ViT", "DeiT", "Bit" (of DINOv2) or "ConvNext" (of ResNet too), which says what a file leaves out, and how
            ConvNext resizes: to `shortest_edge / crop_pct` and then cropped, below 384 pixels.
        do_resize, size, resample: whether, to what, and how: `{"height": h, "width": w}`, or `{"shortest_edge": s}`, which keeps the shape;
            0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming.
        do_center_crop, crop_size: whether the middle is cut out, and how large; what is too small is padded with 0.
        do_rescale, rescale_factor: whether pixels, 0 to 255, are multiplied, and with what.
        do_normalize, image_mean, image_std: whether (x − mean) / std is taken, of each channel.
        crop_pct: see `kind`.

    Raises:
        FormatError: a setting that makes no sense.

    Example:
        >>> processor = models.ImageProcessor(size={"height": 4, "width": 6})
        >>> picture = np.full((3, 9, 7), 255, np.uint8)
        >>> processor(picture)["pixel_values"].shape
        chainrule.Size([1, 3, 4, 6])
    """

    kind: str = "ViT"
    do_resize: bool = True
    size: dict[str, int] = dataclasses.field(default_factory=lambda: dict(DEFAULTS["ViT"]["size"]))
    resample: int = 2
    do_center_crop: bool = False
    crop_size: dict[str, int] = dataclasses.field(
        default_factory=lambda: {"height": 224, "width": 224}
    )
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    do_normalize: bool = True
    image_mean: tuple[float, ...] = HALF
    image_std: tuple[float, ...] = HALF
    crop_pct: float = 224 / 256

    def __post_init__(self) -> None:
        def need(holds: bool, key: str, words: str) -> None:
            if not holds:
                raise FormatError(
                    f"key {key!r}: expected {words}, found {getattr(self, key)!r:.80}"
                )

        need(self.kind in DEFAULTS, "kind", f"one of {', '.join(DEFAULTS)}")
        for key in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
            need(type(getattr(self, key)) is bool, key, "true or false")
        exact, shortest = {"height", "width"}, {"shortest_edge"}
        sizes = (shortest,) if self.kind == "ConvNext" else (exact, shortest)
        need(
            _is_size(self.size, *sizes),
            "size",
            " or ".join(f"{', '.join(sorted(s))} (pixels)" for s in sizes)
            + f", {MOST_PIXELS} in all at most",
        )
        need(_is_size(self.crop_size, exact), "crop_size", "height, width (pixels)")
        need(
            type(self.resample) is int and self.resample in RESAMPLE,
            "resample",
            "a number from 0 to 5",
        )
        for key in ("rescale_factor", "crop_pct"):
            need(_is_number(getattr(self, key)), key, "a number")
        need(0 < self.crop_pct <= 1, "crop_pct", "a share, above 0 and at most 1")
        for key in ("image_mean", "image_std"):
            value = getattr(self, key)
            need(
                isinstance(value, tuple) and len(value) == 3 and all(map(_is_number, value)),
                key,
                "three numbers",
            )
        need(all(abs(s) > 1e-12 for s in self.image_std), "image_std", "numbers that are not 0")

    # ---- files

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """The processor of a folder, as its `preprocessor_config.json` says.

        Raises:
            FormatError: no such file, one that is not what it should be, or a kind of processor that is not known here.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            raise FormatError(f"{folder}: expected a folder with {FILE}, found none")
        given = read_json(path)
        name = given.get("image_processor_type", given.get("feature_extractor_type"))
        names = {kind + ending: kind for kind in DEFAULTS for ending in ENDINGS}
        if not isinstance(name, str) or name not in names:
            known = ", ".join(f"{kind}ImageProcessor" for kind in DEFAULTS)
            raise FormatError(
                f"{path}: key 'image_processor_type': expected one of {known}, found {name!r:.80}"
            )
        kind = names[name]
        known_keys = {f.name for f in dataclasses.fields(cls)} - {"kind"}
        # null is what a file says of a setting that it leaves to the default.
        values = {k: v for k, v in given.items() if k in known_keys and v is not None}
        settings = {**DEFAULTS[kind], **values, "kind": kind}
        for key in ("size", "crop_size"):
            value = settings.get(key)
            if type(value) is int:  # as older files have it
                edge = key == "size" and kind not in ("ViT", "DeiT")
                settings[key] = (
                    {"shortest_edge": value} if edge else {"height": value, "width": value}
                )
        for key in ("image_mean", "image_std"):
            value = settings[key]
            settings[key] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
        if given.get("do_pad"):
            raise FormatError(
                f"{path}: key 'do_pad': pictures are not padded here; crop_size pads what is too small"
            )
        try:
            return cls(**settings)
        except FormatError as e:
            raise FormatError(f"{path}: {e}") from None

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `preprocessor_config.json`, which `transformers` reads too.

        Raises:
            SaveError: the system refused.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = dataclasses.asdict(self)
        kind = settings.pop("kind")
        if kind != "ConvNext":
            del settings["crop_pct"]
        settings["image_processor_type"] = f"{kind}ImageProcessor"
        text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
        write_whole(folder / FILE, text.encode())

    # ---- pictures

    def __call__(self, images: Any) -> dict[str, Tensor]:
        """`pixel_values`, float32 (B, 3, H, W), of pictures.

        Args:
            images: one or a list of: the path of a file, an array or Tensor uint8 (3, H, W), or a picture of Pillow.

        Raises:
            FormatError: a file that is no picture.
            DTypeError: an array that is not uint8.
            ShapeError: an array that is not (3, H, W); pictures that end up with different sizes.
        """
        several = images if isinstance(images, (list, tuple)) else [images]
        if not several:
            raise ShapeError("ImageProcessor: expected at least one picture, found none")
        found = [self._one(_pixels(image)) for image in several]
        shapes = sorted({x.shape for x in found})
        if len(shapes) > 1:
            raise ShapeError(
                f"ImageProcessor: pictures of the sizes {shapes[0]} and {shapes[1]} are no batch; give them one by one, "
                "or a size with height and width"
            )
        return {"pixel_values": from_numpy(np.stack(found))}

    def _one(self, x: np.ndarray) -> np.ndarray:
        if self.do_resize:
            x = self._resized(x)
        if self.do_center_crop:
            x = _cropped(x, self.crop_size["height"], self.crop_size["width"])
        if self.do_rescale:
            x = (x.astype(np.float64) * self.rescale_factor).astype(np.float32)
        x = x.astype(np.float32)
        if self.do_normalize:
            mean, std = (
                np.array(v, np.float32)[:, None, None] for v in (self.image_mean, self.image_std)
            )
            x = (x - mean) / std
        return x

    def _resized(self, x: np.ndarray) -> np.ndarray:
        """(3, H, W) → another size."""
        if "height" in self.size:
            return self._scaled(x, self.size["height"], self.size["width"])
        edge = self.size["shortest_edge"]
        if self.kind != "ConvNext":
            return self._scaled(x, *_with_shape(x, edge))
        if edge >= 384:
            return self._scaled(x, edge, edge)
        return _cropped(self._scaled(x, *_with_shape(x, int(edge / self.crop_pct))), edge, edge)

    def _scaled(self, x: np.ndarray, height: int, width: int) -> np.ndarray:
        if not 0 < height * width <= MOST_PIXELS:
            raise ShapeError(
                f"ImageProcessor: a picture of {x.shape[1]} × {x.shape[2]} pixels would become {height} × {width}, "
                f"more than {MOST_PIXELS} pixels"
            )
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(x.transpose(1, 2, 0)))
        return np.asarray(picture.resize((width, height), self.resample)).transpose(2, 0, 1)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30 and math.isfinite(value)


def _is_size(value: Any, *keys: set[str]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) in keys
        and all(type(v) is int and 0 < v for v in value.values())
        and max(value.values()) * min(value.values())
        <= MOST_PIXELS  # a shortest edge makes a square at least
    )


def _with_shape(x: np.ndarray, shortest: int) -> tuple[int, int]:
    """The size of a picture whose shorter side becomes `shortest`."""
    _, H, W = x.shape
    longest = int(shortest * max(H, W) / min(H, W))
    return (longest, shortest) if W <= H else (shortest, longest)


def _cropped(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture, padded with 0 where there is none. An odd pixel is cut off at the end, padded at the beginning."""
    _, H, W = x.shape
    tall, wide = max(height, H), max(width, W)
    top, left = math.ceil((tall - H) / 2), math.ceil((wide - W) / 2)
    padded = np.pad(x, ((0, 0), (top, tall - H - top), (left, wide - W - left)))
    top, left = top + (H - height) // 2, left + (W - width) // 2
    return padded[:, top : top + height, left : left + width]


def _pixels(image: Any) -> np.ndarray:
    """uint8 (3, H, W)."""
    if isinstance(image, (str, os.PathLike)):
        return _on_white(read_image(image, "RGBA"))
    if hasattr(image, "convert"):  # a picture of Pillow
        return _on_white(np.asarray(image.convert("RGBA")).transpose(2, 0, 1))
    x = image.numpy() if isinstance(image, Tensor) else image
    if not isinstance(x, np.ndarray):
        raise DTypeError(
            f"ImageProcessor: expected a path, a uint8 array (3, H, W) or a picture of Pillow, found {type(image).__name__}"
        )
    if x.dtype != np.uint8:
        raise DTypeError(f"ImageProcessor: expected uint8 pixels, 0 to 255, found {x.dtype}")
    if x.ndim != 3 or x.shape[0] != 3 or 0 in x.shape:
        raise ShapeError(f"ImageProcessor: expected a picture (3, H, W), found {x.shape}")
    return x


def _on_white(x: np.ndarray) -> np.ndarray:
    """RGBA → RGB."""
    if (x[3] == 255).all():
        return x[:3]
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(x.transpose(1, 2, 0)))
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, picture))[:, :, :3].transpose(2, 0, 1)
