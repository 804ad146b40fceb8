r"""What TensorBoard shows beside scalars: texts, pictures, distributions, sounds, curves, hyper-parameters.

Each function gives one Value of a Summary, a protocol buffer, which `tensorboard.event_record`
puts into an event:

    Value           1: tag | 2: number, float | 4: Image | 5: HistogramProto | 6: Audio
                    | 8: TensorProto | 9: SummaryMetadata
    Image           1: height | 2: width | 3: colour channels | 4: the bytes of a PNG
    HistogramProto  1: min | 2: max | 3: how many | 4: Σ x | 5: Σ x²
                    | 6: upper edges, packed doubles | 7: counts, packed doubles
    Audio           1: samples a second, float | 2: channels | 3: samples | 4: a WAV | 5: its type
    TensorProto     1: dtype | 2: shape | 5: floats, packed | 8: string
    SummaryMetadata 1: { 1: the name of the plug-in | 2: what the plug-in wants to know }

Source: TensorFlow, core/framework/summary.proto and tensor.proto; TensorBoard,
plugins/hparams/plugin_data.proto and plugins/pr_curve/plugin_data.proto; W3C, Portable Network
Graphics, sections 5 and 11.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .tensorboard import _bytes, _double, _float, _integer

__all__ = [
    "audio",
    "curve",
    "experiment",
    "histogram",
    "image",
    "png",
    "session_end",
    "session_start",
    "text",
]

FLOAT, STRING = 1, 7  # the dtypes of a TensorProto
TEXT, BOOL, NUMBER = 1, 2, 3  # the types of a hyper-parameter
SUCCESS = 1


def text(tag: str, content: str) -> bytes:
    """A text, which TensorBoard reads as Markdown."""
    tensor = _integer(1, STRING) + _bytes(2, _shape(1)) + _bytes(8, content.encode())
    return _value(f"{tag}/text_summary", _bytes(8, tensor) + _plugin("text"))


def image(tag: str, pixels: np.ndarray) -> bytes:
    """A picture.

    Args:
        tag: its name.
        pixels: (height, width, channels), uint8; one channel is grey, three are red, green and blue,
            four have opacity.
    """
    H, W, C = pixels.shape
    fields = _integer(1, H) + _integer(2, W) + _integer(3, C) + _bytes(4, png(pixels))
    return _value(tag, _bytes(4, fields))


def histogram(tag: str, counts: np.ndarray, edges: np.ndarray, moments: Sequence[float]) -> bytes:
    """A distribution.

    Args:
        tag: its name.
        counts: (n,), how many values each bucket has.
        edges: (n + 1,), where the buckets begin and end.
        moments: the least value, the greatest, how many there are, their sum and the sum of their
            squares.
    """
    filled = np.flatnonzero(counts)
    if len(filled):  # from an empty bucket, whose end is the first one's beginning, to the last
        first, last = filled[0], filled[-1] + 1
        counts = np.concatenate([[0.0], counts[first:last]])
        edges = edges[first : last + 1]
    else:
        counts, edges = np.zeros(0), np.zeros(0)
    fields = b"".join([_double(1 + k, float(x)) for k, x in enumerate(moments)])
    fields += _bytes(6, edges.astype("<f8").tobytes()) + _bytes(7, counts.astype("<f8").tobytes())
    return _value(tag, _bytes(5, fields))


def audio(tag: str, samples: np.ndarray, rate: int) -> bytes:
    """A sound of one channel.

    Args:
        tag: its name.
        samples: (T,), from −1 to 1; written in 16 bits.
        rate: samples a second.
    """
    whole = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(whole.tobytes())
    fields = _float(1, float(rate)) + _integer(2, 1) + _integer(3, len(whole))
    return _value(tag, _bytes(6, fields + _bytes(4, buffer.getvalue()) + _bytes(5, b"audio/wav")))


def curve(tag: str, rows: np.ndarray) -> bytes:
    """A curve of precision over recall.

    Args:
        tag: its name.
        rows: (6, thresholds): true and false positives, true and false negatives, precision, recall.
    """
    values = rows.astype("<f4").tobytes()
    tensor = _integer(1, FLOAT) + _bytes(2, _shape(*rows.shape)) + _bytes(5, values)
    return _value(tag, _bytes(8, tensor) + _plugin("pr_curves", _integer(2, rows.shape[1])))


# ---- hyper-parameters -----------------------------------------------------------------------------


def experiment(
    settings: Mapping[str, Any], metrics: Sequence[str], choices: Mapping[str, Sequence[Any]]
) -> bytes:
    """Which hyper-parameters a table has, and which metrics.

    Args:
        settings: name → a value, which tells the type.
        metrics: tags of scalars.
        choices: name → the values that are tried, where that is known.
    """
    fields = b""
    for name, value in settings.items():
        domain = b"".join([_bytes(1, _variant(x)) for x in choices.get(name, ())])
        about = _bytes(1, name.encode()) + _integer(4, _kind(value))
        fields += _bytes(4, about + (_bytes(5, domain) if domain else b""))
    for tag in metrics:
        fields += _bytes(5, _bytes(1, _bytes(2, tag.encode())))
    return _value("_hparams_/experiment", _plugin("hparams", _bytes(2, fields)))


def session_start(settings: Mapping[str, Any]) -> bytes:
    """The hyper-parameters of one run."""
    fields = b"".join(
        [
            _bytes(1, _bytes(1, name.encode()) + _bytes(2, _variant(value)))
            for name, value in settings.items()
        ]
    )
    return _value("_hparams_/session_start_info", _plugin("hparams", _bytes(3, fields)))


def session_end() -> bytes:
    """That a run has come to its end."""
    fields = _integer(1, SUCCESS)
    return _value("_hparams_/session_end_info", _plugin("hparams", _bytes(4, fields)))


def _kind(value: Any) -> int:
    return BOOL if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER


def _variant(value: Any) -> bytes:
    """A value of any of the three types."""
    if isinstance(value, bool):
        return _integer(4, int(value))
    return _bytes(3, value.encode()) if isinstance(value, str) else _double(2, float(value))


# ---- pictures -------------------------------------------------------------------------------------


def png(pixels: np.ndarray) -> bytes:
    """A picture as the bytes of a PNG: eight bits a channel, each row as it is.

    Args:
        pixels: (height, width, channels), uint8; one, three or four channels.

    >>> png(np.zeros((2, 3, 1), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    H, W, C = pixels.shape
    rows = np.zeros((H, 1 + W * C), np.uint8)  # a row begins with the number of its filter: none
    rows[:, 1:] = pixels.reshape(H, W * C)
    kind = {1: 0, 3: 2, 4: 6}[C]
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, kind, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))  # fmt: skip


# ---- fields ---------------------------------------------------------------------------------------


def _value(tag: str, fields: bytes) -> bytes:
    return _bytes(1, tag.encode()) + fields


def _plugin(name: str, content: bytes = b"") -> bytes:
    """The metadata that say which plug-in shows a value."""
    return _bytes(9, _bytes(1, _bytes(1, name.encode()) + _bytes(2, content)))


def _shape(*sizes: int) -> bytes:
    return b"".join([_bytes(2, _integer(1, n)) for n in sizes])
