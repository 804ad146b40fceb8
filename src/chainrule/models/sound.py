"""Sound as models hear it: a spectrogram in mel bands, in logarithms, as `preprocessor_config.json` says.

    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    model.generate(**extractor(samples, sampling_rate=16000))

    samples → silence behind, to thirty seconds → windows of n_fft samples, every hop_length → |spectrum|² → mel bands → log₁₀
    → nothing more than 8 below the loudest → (x + 4) / 4

Mel bands are triangles whose corners lie evenly in mel: linear up to 1000 Hz, in powers above.

Source: Stevens, Volkmann & Newman 1937 (mel), as Slaney 1998 has it; Radford et al. 2022.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..base.errors import FormatError, ShapeError
from ..files import write_whole
from ..tensors import Tensor, from_numpy
from .config import read_json

__all__ = ["WhisperFeatureExtractor", "mel_filters"]

FILE = "preprocessor_config.json"
KIND = "WhisperFeatureExtractor"
LINEAR, RATIO = 15.0, 27 / np.log(6.4)
"""Mels up to which the scale is linear, 200 Hz to 3 of them, and mels to one factor of e above."""
MOST = 1 << 24  # samples of a piece, and other sizes


def mels(hertz: np.ndarray) -> np.ndarray:
    """Frequencies on the mel scale.

    >>> mels(np.array([200.0, 1000.0, 6400.0]))
    array([ 3., 15., 42.])
    """
    above = LINEAR + np.log(np.maximum(hertz, 1000.0) / 1000.0) * RATIO
    return np.where(hertz < 1000.0, 3 * hertz / 200, above)


def hertz(mels: np.ndarray) -> np.ndarray:
    """The inverse of `mels`."""
    above = 1000.0 * np.exp((np.maximum(mels, LINEAR) - LINEAR) / RATIO)
    return np.where(mels < LINEAR, 200 * mels / 3, above)


def mel_filters(bands: int, bins: int, rate: int) -> np.ndarray:
    """The share of each frequency in each band, (bands, bins) float64; a band's area is the same whatever its width.

    Args:
        bands: how many there are, from 0 to 8000 Hz.
        bins: how many frequencies a spectrum has, from 0 to half the rate.
        rate: samples a second.
    """
    corners = hertz(np.linspace(0.0, mels(np.array(8000.0)), bands + 2))
    at = np.linspace(0, rate // 2, bins)
    widths = np.diff(corners)[:, None]
    slopes = corners[:, None] - at  # (bands + 2, bins)
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))  # (bands, bins)
    return triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WhisperFeatureExtractor:
    """What is done with sounds before Whisper hears them.

    Args:
        feature_size: M, how many mel bands.
        sampling_rate: samples a second.
        hop_length: samples from one window to the next.
        chunk_length: seconds of a piece.
        n_fft: samples of a window.
        padding_value: what silence is.
        return_attention_mask: whether it is told which frames are sound.

    Raises:
        FormatError: a setting that makes no sense.

    Example:
        >>> extractor = models.WhisperFeatureExtractor(feature_size=8, chunk_length=1)
        >>> extractor(np.sin(np.arange(4000) / 9), sampling_rate=16000)["input_features"].shape
        chainrule.Size([1, 8, 100])
    """

    feature_size: int = 80
    sampling_rate: int = 16000
    hop_length: int = 160
    chunk_length: int = 30
    n_fft: int = 400
    padding_value: float = 0.0
    return_attention_mask: bool = False

    def __post_init__(self) -> None:
        for name in ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft"):
            value = getattr(self, name)
            if type(value) is not int or not 0 < value < MOST:
                raise FormatError(f"key {name!r}: expected a positive number, found {value!r:.80}")
        samples = self.chunk_length * self.sampling_rate
        if samples >= MOST or self.n_fft > samples or self.n_fft < 2:
            raise FormatError(
                f"key 'n_fft': a window of {self.n_fft} samples does not fit into a piece of {samples} (at most {MOST})"
            )
        value = self.padding_value
        if type(value) not in (int, float) or not abs(value) < 1e6:
            raise FormatError(f"key 'padding_value': expected a number, found {value!r:.80}")
        if type(self.return_attention_mask) is not bool:
            raise FormatError(
                f"key 'return_attention_mask': expected true or false, found {self.return_attention_mask!r:.80}"
            )

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """The extractor of a folder, as its `preprocessor_config.json` says.

        Raises:
            FormatError: no such file, one that is not what it should be, or of another model.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            raise FormatError(f"{folder}: expected a folder with {FILE}, found none")
        given = read_json(path)
        if given.get("feature_extractor_type") != KIND:
            found = given.get("feature_extractor_type")
            raise FormatError(
                f"{path}: key 'feature_extractor_type': expected {KIND}, found {found!r:.80}"
            )
        for key in ("dither", "do_normalize"):
            if given.get(key):
                raise FormatError(f"{path}: key {key!r}: is not there, found {given[key]!r:.80}")
        known = {f.name for f in dataclasses.fields(cls)}
        try:
            return cls(**{k: v for k, v in given.items() if k in known and v is not None})
        except FormatError as e:
            raise FormatError(f"{path}: {e}") from None

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `preprocessor_config.json`, which `transformers` reads too."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {**dataclasses.asdict(self), "feature_extractor_type": KIND}
        write_whole(folder / FILE, (json.dumps(settings, indent=2, sort_keys=True) + "\n").encode())

    def __call__(
        self,
        raw_speech: Any,
        *,
        sampling_rate: int | None = None,
        padding: str | bool = "max_length",
        truncation: bool = True,
        return_attention_mask: bool | None = None,
    ) -> dict[str, Tensor]:
        """`input_features`, float32 (B, M, frames), of sounds; and `attention_mask` (B, frames), 1 where there is sound, if it is wanted.

        Args:
            raw_speech: samples (N,) between −1 and 1, or a list of such; of one channel.
            sampling_rate: of these samples; it must be the extractor's.
            padding: "max_length": silence behind, to a whole piece; "longest": to the longest of the batch.
            truncation: whether what is longer than a piece is cut off; longer sounds are transcribed with times.
            return_attention_mask: see above; what the file says if None.

        Raises:
            FormatError: another sampling rate.
            ShapeError: no sound, or several channels.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise FormatError(
                f"{KIND}: expected {self.sampling_rate} samples a second, found {sampling_rate}"
            )
        if padding not in ("max_length", "longest", True):
            raise FormatError(
                f'{KIND}: padding is "max_length" or "longest", found {padding!r:.40}'
            )
        sounds = [np.asarray(x, np.float32) for x in _several(raw_speech)]
        bad = [x.shape for x in sounds if x.ndim != 1 or not len(x)]
        if bad or not sounds:
            raise ShapeError(
                f"{KIND}: expected samples (N,) of one channel, found {(bad or [0])[0]}"
            )
        piece = self.chunk_length * self.sampling_rate
        sounds = [x[:piece] for x in sounds] if truncation else sounds
        longest = max(map(len, sounds))
        length = max(longest, piece) if padding == "max_length" else longest
        if length <= self.n_fft // 2:
            raise ShapeError(f"{KIND}: {length} samples are not half a window of {self.n_fft}")
        padded = np.stack(
            [np.pad(x, (0, length - len(x)), constant_values=self.padding_value) for x in sounds]
        )
        found = {"input_features": from_numpy(np.stack([self.features(x) for x in padded]))}
        wanted = return_attention_mask
        if self.return_attention_mask if wanted is None else wanted:
            there = np.arange(length) < np.array([[len(x)] for x in sounds])
            frames = found["input_features"].shape[2]
            mask = there[:, :: self.hop_length][:, :frames].astype(np.int64)
            found["attention_mask"] = from_numpy(mask)
        return found

    def features(self, x: np.ndarray) -> np.ndarray:
        """The spectrogram of samples (N,), (M, frames) float32."""
        half = self.n_fft // 2
        x = np.pad(x.astype(np.float64), half, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(x, self.n_fft)[:: self.hop_length][:-1]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)
        power = np.abs(np.fft.rfft(windows * hann)) ** 2  # (frames, bins)
        bands = mel_filters(self.feature_size, power.shape[1], self.sampling_rate)
        loud = np.log10(np.maximum(bands @ power.T, 1e-10))  # (M, frames)
        return ((np.maximum(loud, loud.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


def _several(given: Any) -> list[Any]:
    """Sounds, of one or of a list of them."""
    if isinstance(given, (list, tuple)):
        return list(given) if len(given) and np.ndim(given[0]) else [given]
    x = given.numpy() if isinstance(given, Tensor) else np.asarray(given)
    return list(x) if x.ndim == 2 else [x]
