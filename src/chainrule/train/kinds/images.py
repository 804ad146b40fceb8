"""Runs that name what is in an image: their pictures, their part of the model card, and their
answers about a user's own images.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import FormatError, ShapeError
from ...data import Dataset
from ...data.readers import read_lines
from ...data.readers.images import DAMAGE, MOST_PIXELS
from ...files.npz import read_npy
from ...files.reading import need_file
from ...nn import Module
from ...nn import functional as F
from ...tensors import from_numpy, no_grad
from ..evaluation import Evaluation
from ..metrics import class_accuracy, confusion_matrix
from ..pictures import confusion_picture, mistakes_picture, samples_picture
from ..tables import per_cent, table
from ..tasks import logits_of
from .framing import framed, light_ground

__all__ = ["Images", "drawn", "read_images"]

SAMPLES = 32


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size, each of one class; the model takes (B, C, H, W): of one channel grey, 0
    ground to 1 ink, of three red, green and blue; less the mean, divided by the deviation.

    Attributes:
        classes: their names.
        size: H and W, pixels.
        test: the test images, floats (N, C, H, W) from 0 to 1.
        train: the training samples, (image (C, H, W), label) each, as the model sees them.
        mean, std: of each channel, (C, 1, 1).
        inner: of grey images the longer side of what is drawn in them, pixels; None: they are full.
    """

    classes: tuple[str, ...]
    size: tuple[int, int]
    test: np.ndarray
    train: Dataset
    mean: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), np.float32))
    std: np.ndarray = field(default_factory=lambda: np.ones((1, 1, 1), np.float32))
    inner: int | None = None

    def _confusion(self, test: Evaluation) -> np.ndarray:
        return confusion_matrix(test.predictions, test.targets, len(self.classes))

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """The confusion matrix, the worst mistakes, and some of what was learnt from."""
        assert test.targets is not None
        wrong = np.flatnonzero(test.predictions != test.targets)
        mistakes = mistakes_picture(
            drawn(self.test[wrong]),
            [self.classes[k] for k in test.targets[wrong]],
            [self.classes[k] for k in test.predictions[wrong]],
            test.confidence[wrong].tolist(),
            total=len(test.targets),
        )
        confusion = confusion_picture(self._confusion(test), self.classes)
        seen = [self.train[k] for k in range(min(SAMPLES, len(self.train)))]
        images = np.array([image for image, _ in seen]) * self.std + self.mean  # (N, C, H, W)
        samples = samples_picture(
            drawn(np.clip(images, 0, 1)), [self.classes[label] for _, label in seen]
        )
        return {"confusion.png": confusion, "mistakes.png": mistakes, "samples.png": samples}

    def card(self, test: Evaluation) -> str:
        """How well each class is read, and what it is taken for."""
        confusion = self._confusion(test)
        rows: list[tuple[str, ...]] = []
        for c, (row, share) in enumerate(zip(confusion, class_accuracy(confusion), strict=True)):
            mistaken = [(int(n), self.classes[j]) for j, n in enumerate(row) if n and j != c]
            taken_for = ", ".join(
                f"{other} ({n})" for n, other in sorted(mistaken, key=lambda m: (-m[0], m[1]))
            )
            shown = "no samples" if share is None else per_cent(share)
            rows.append((self.classes[c], shown, f"{int(row[c])} of {int(row.sum())}", taken_for))
        return (
            "## Accuracy of each class, on the test set\n\n"
            + table(("class", "accuracy", "right", "taken for (times)"), rows)
            + "\n\n![confusion matrix](confusion.png)\n\n![misread samples](mistakes.png)"
            + "\n\n![training samples](samples.png)"
        )

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """`mistakes`: how many test images were misread."""
        return {"mistakes": int((test.predictions != test.targets).sum())}

    def prepared(self, images: np.ndarray) -> np.ndarray:
        """Images from 0 to 1 as the model takes them, float32 (N, C, H, W)."""
        return (images.astype(np.float32) - self.mean) / self.std

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """The class of each image of the files `inputs`, its probability, and the three likeliest.

        `asked.invert`: dark ink on a light ground becomes light ink on a dark one, as the data are.
        `asked.fit`: an image of another size is cut out and scaled, see `framing`. An answer has a
        note if it is likely that the first was meant and not said.
        """
        names, parts, notes = [], [], {}
        channels = self.test.shape[1]
        for name in inputs:
            free = asked.fit and Path(name).suffix != ".csv"  # whose rows have the size of the data
            images = read_images(Path(name), None if free else self.size, channels)
            if asked.invert:
                images = 1 - images
            elif channels == 1 and not light_ground(self.test[0]) and light_ground(images[0]):
                notes[name] = "light ground, where the data are light on dark: is --invert missing?"
            if free:
                images = np.stack([framed(name, one, self.size, self.inner) for one in images])
            parts.append(images)
            several = len(images) > 1 or Path(name).suffix in (".csv", ".npy")
            names += [(name, f"{name}:{k + 1}" if several else name) for k in range(len(images))]
        images = np.concatenate(parts)
        model.eval()
        with no_grad():
            logits = logits_of(model(from_numpy(self.prepared(images))))
            probabilities = F.softmax(logits, dim=-1).numpy()  # (N, classes)
        answers = []
        for (file, name), row in zip(names, probabilities, strict=True):
            note = {"note": notes[file]} if file in notes else {}
            likeliest = np.argsort(-row, kind="stable")[:3]
            answers.append(
                {
                    "input": name,
                    "answer": self.classes[likeliest[0]],
                    "probability": float(row[likeliest[0]]),
                    "likeliest": {self.classes[c]: float(row[c]) for c in likeliest},
                    **note,
                }
            )
        return answers


def drawn(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as pictures take them: grey (N, H, W), in colour (N, H, W, 3)."""
    return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)


def read_images(path: Path, size: tuple[int, int] | None, channels: int = 1) -> np.ndarray:
    """The images of a file, floats (N, C, H, W) from 0 to 1.

    A `.csv` has an image a row, its C · H · W elements from 0 to 255, one colour after the other; a
    `.npy` the array (C, H, W) or (N, C, H, W), without the C where it is 1, bytes or floats from 0 to
    1; anything else is a picture (PNG, JPEG, …). Of a picture in colour a grey image is the mean of
    the colours; of a grey one all the colours are the same, and what is transparent is white.

    Args:
        path: the path of the file.
        size: H and W; None: as they are (not of a `.csv`).
        channels: C, 1 or 3.

    Raises:
        FormatError: not such a file.
        ShapeError: images of another size.
        FileNotFoundError: no such file.
    """
    if path.suffix == ".csv":
        assert size is not None, "rows of numbers do not say how wide an image is"
        return _rows(path, size, channels)
    axes = 2 if channels == 1 else 3
    if path.suffix == ".npy":
        images = read_npy(path)
    else:
        images = _picture(path, channels)
    images = images[None] if images.ndim == axes else images
    if size is None and images.ndim == axes + 1 and (channels == 1 or images.shape[1] == channels):
        size = images.shape[-2:]
    if size is None:
        raise ShapeError(
            f"{path}: expected one or several images {'(H, W)' if channels == 1 else '(3, H, W)'}, "
            f"found shape {images.shape}"
        )
    if images.shape[1:] != (channels, *size)[-axes:]:
        colours = "" if channels == 1 else f" and {channels} colours before them"
        raise ShapeError(
            f"{path}: expected images of {size[0]}×{size[1]} pixels{colours}, found shape "
            f"{images.shape}: cut out and scale what is to be read first, or let --fit do it"
        )
    return _from_0_to_1(path, images.reshape(-1, channels, *size))


def _picture(path: Path, channels: int) -> np.ndarray:
    """Of a picture (H, W) in grey, or (3, H, W) in colour."""
    from matplotlib.image import imread
    from PIL import Image

    if path.is_dir():
        raise FormatError(f"{path}: expected a picture (PNG, JPEG, …), found a folder")
    need_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is told as an error, or harmless
            with Image.open(path) as picture:  # before it is decoded
                W, H = picture.size
            if W * H > MOST_PIXELS:
                raise FormatError(f"{path}: expected at most {MOST_PIXELS} pixels, found {W}×{H}")
            pixels = np.asarray(imread(path))
    except (FileNotFoundError, FormatError):
        raise
    except Image.UnidentifiedImageError as e:
        raise FormatError(f"{path}: expected a picture (PNG, JPEG, …), found another file") from e
    except Image.DecompressionBombError as e:
        raise FormatError(f"{path}: expected a picture (PNG, JPEG, …): {e}") from e
    except DAMAGE as e:
        raise FormatError(
            f"{path}: expected a picture (PNG, JPEG, …), found a damaged one: {e}"
        ) from e
    pixels = _from_0_to_1(path, pixels)
    if channels == 1:
        return pixels[..., :3].mean(axis=-1) if pixels.ndim == 3 else pixels
    if pixels.ndim == 2 or pixels.shape[2] < 3:  # grey, perhaps with how opaque it is
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        return np.stack([grey] * 3)
    colours = pixels[..., :3]
    if pixels.shape[2] == 4:  # on white ground
        colours = colours * pixels[..., 3:] + (1 - pixels[..., 3:])
    return colours.transpose(2, 0, 1)


def _rows(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    count = channels * size[0] * size[1]
    what = f"{size[0]}×{size[1]} pixels" + ("" if channels == 1 else f" in {channels} colours")
    images = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = [float(x) for x in line.split(",")]
        except ValueError as e:
            raise FormatError(f"{path}:{number}: expected numbers: {e}") from e
        if len(row) != count:
            raise ShapeError(
                f"{path}:{number}: expected {count} numbers ({what}), found {len(row)}"
            )
        images.append(row)
    if not images:
        raise FormatError(f"{path}: expected at least one row of {count} numbers")
    return _from_0_to_1(path, np.array(images).reshape(-1, channels, *size) / 255)


def _from_0_to_1(path: Path, pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels / 255
    if pixels.dtype.kind not in "fiu" or not ((pixels >= 0) & (pixels <= 1)).all():
        raise FormatError(
            f"{path}: expected bytes, or numbers from 0 to 1 (in a .csv from 0 to 255), "
            "found others"
        )
    return pixels.astype(np.float64)
