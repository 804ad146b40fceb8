"""Scalars for TensorBoard: an event file that `tensorboard --logdir RUN` shows while the run goes on.

The file is a sequence of TFRecords, each of which holds one Event, a protocol buffer:

    record    length of the event, uint64 | crc of the length, uint32 | event | crc of the event, uint32
    crc       of Castagnoli's polynomial, masked: rotated right by 15 bits, plus a282ead8₁₆
    Event     1: wall time, double | 2: step, int64 | 3: file version, string | 4: graph | 5: Summary
    Summary   1: Value, repeated
    Value     1: tag, string | 2: simple value, float | more of them in `summaries`

All numbers are little-endian. Only this much of both formats is written here, so that neither
TensorFlow nor TensorBoard has to be installed to write it.

Source: TensorFlow, core/lib/io/record_writer.h and core/util/event.proto; Koopman 2002 for the
polynomial.
"""

from __future__ import annotations

import functools
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .events import EpochFinished, Event, StepFinished
from .files import append_bytes
from .log import GrowingFile

__all__ = ["TensorBoard", "crc32c", "event_record", "record"]

FILE = "events.out.tfevents.chainrule"  # TensorBoard reads what has tfevents in its name
VERSION = "brain.Event:2"
POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits in reverse
MASK = 0xA282EAD8


class TensorBoard:
    """A subscriber that writes losses, metrics and learning rate as scalars.

    Every epoch writes `train/NAME` and `validation/NAME` of all metrics, `learning_rate` and
    `clipped`, at its step; every `every_steps`-th step writes `step/loss`, and `step/gradient_norm`
    where gradients are clipped.

    Args:
        folder: where the event file lies; it is begun anew with the first event, unless a state is
            loaded before.
        every_steps: from one step that is written to the next.
    """

    name = "tensorboard"

    def __init__(self, folder: Path, every_steps: int = 10):
        self.file, self.every_steps = GrowingFile(folder / FILE), every_steps
        self.begun = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step % self.every_steps == 0:
            scalars = {"step/loss": event.loss}
            if event.gradient_norm is not None:
                scalars["step/gradient_norm"] = event.gradient_norm
            self.write(event.step, scalars)
        if isinstance(event, EpochFinished):
            scalars = {f"train/{name}": value for name, value in event.train.items()}
            scalars |= {f"validation/{name}": value for name, value in event.validation.items()}
            scalars |= {"learning_rate": event.learning_rate, "clipped": float(event.clipped)}
            self.write(event.step, scalars)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add scalars of one step.

        Raises:
            SaveError: the system refused.
        """
        self._begin()
        append_bytes(self.file.path, event_record(time.time(), step, scalars))

    def _begin(self) -> None:
        if not self.begun:
            self.file.begin(event_record(time.time(), 0, version=VERSION))
            self.begun = True

    def state_dict(self) -> dict[str, Any]:
        """How many bytes are written."""
        self._begin()
        return {"bytes": self.file.size()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind so many bytes."""
        self.file.cut(state["bytes"])
        self.begun = True


# ---- records --------------------------------------------------------------------------------------


def record(content: bytes) -> bytes:
    """One TFRecord.

    >>> record(b"abc").hex()[:16]
    '0300000000000000'
    """
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    crc = crc32c(content)
    rotated = (crc >> 15) | (crc << 17)
    return struct.pack("<I", (rotated + MASK) & 0xFFFFFFFF)


def crc32c(content: bytes) -> int:
    """The cyclic redundancy check with Castagnoli's polynomial, a byte at a time.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    """What each of the 256 bytes does to the check."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


# ---- events ---------------------------------------------------------------------------------------


def event_record(
    wall_time: float,
    step: int,
    scalars: Mapping[str, float] | None = None,
    version: str = "",
    values: Sequence[bytes] = (),
    graph: bytes = b"",
) -> bytes:
    """The record of one event: what a step has to show, a graph, or the version that begins a file.

    Args:
        wall_time: seconds since 1970.
        step: the step of the event.
        scalars: tag → value.
        version: the version of the file format.
        values: what else there is to show, each as `summaries` writes it.
        graph: a graph, as `summaries` writes it.
    """
    event = _double(1, wall_time) + _integer(2, step)
    if version:
        event += _bytes(3, version.encode())
    if graph:
        event += _bytes(4, graph)
    shown = [_bytes(1, tag.encode()) + _float(2, x) for tag, x in (scalars or {}).items()]
    shown += values
    if shown:
        event += _bytes(5, b"".join([_bytes(1, value) for value in shown]))
    return record(event)


# A field is its number and the kind of what follows (0 varint, 1 eight bytes, 2 length and bytes,
# 5 four bytes) in one varint, then that.


def _varint(n: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that there are more."""
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _integer(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _double(field: int, x: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _float(field: int, x: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", _in_range(x))


def _in_range(x: float) -> float:
    """What is too large for float32 becomes infinite, as a cast would have it."""
    largest = 3.4028234663852886e38
    return x if not abs(x) > largest else (float("inf") if x > 0 else float("-inf"))
