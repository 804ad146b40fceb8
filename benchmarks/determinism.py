"""The same seed twice: is every number that the main job writes the same, bit for bit?

    python benchmarks/determinism.py

Trains the digits recipe twice with one seed, each time in a process of its own, and compares the curves (metrics.jsonl without
times and memory; JSON writes a float so that it reads back to the same bits) and the weights of the last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from digits import chainrule_command
from record import record

SEED = 0
OF_THE_MACHINE = ("seconds", "peak_memory_mb")


def curve(folder: Path) -> list[tuple[str, Any]]:
    """Every number of a run's metrics with its name, in order, without those that tell of the machine."""
    numbers = []
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        numbers += [(k, v) for k, v in json.loads(line).items() if k not in OF_THE_MACHINE]
    return numbers


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def weights(folder: Path) -> str:
    """The hash of the tensors of a run's checkpoint: weights, optimizer, random state."""
    [tensors] = folder.glob("checkpoint-*.safetensors")
    return sha256(tensors.read_bytes())


def main() -> None:
    """Train twice, compare, and write the evidence."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / run for run in ("first", "second")]
        for folder in folders:
            chainrule_command(
                "train", "digits", "--seed", str(SEED), "--json", "--out", str(folder)
            )
        first, second = (curve(folder) for folder in folders)
        same_weights = weights(folders[0]) == weights(folders[1])
    assert len(first) == len(second)
    record(
        "determinism",
        what="The digits recipe trained twice with one seed in two processes: numbers of the curve that differ in any "
        "bit, and whether the checkpoints' tensors are the same bytes",
        seeds=[SEED, SEED],
        result={
            "numbers": len(first),
            "differing": sum(a != b for a, b in zip(first, second, strict=True)),
            "same_weights": same_weights,
            "curve_sha256": sha256(json.dumps(first).encode()),
        },
    )


if __name__ == "__main__":
    main()
