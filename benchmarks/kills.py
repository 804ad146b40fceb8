"""Killed at any moment, a run goes on to the same bits: SIGKILL at random moments, then `--resume`.

    python benchmarks/kills.py
    python benchmarks/kills.py --kills 5

Trains a shortened `mnist-mlp` once without disturbance. Then, for each kill, begins the same run in a folder of its own, sends
SIGKILL after a random part of the undisturbed run's time, goes on with `chainrule train --resume` (or, if the kill came before
anything was written, with the same command), and compares: every tensor of the last checkpoint (weights, optimizer, average) and
every number of the log, bit by bit. JSON writes a float so that it reads back to the same bits.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from determinism import curve, sha256
from record import record

from chainrule.train import load_checkpoint, newest_checkpoint

KILLS, SEED = 50, 0
SETTINGS = ("epochs=2", "hidden=64,32", "average=0.99", "checkpoint_steps=50", "seed=0")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chainrule", "train", *arguments, "--json"]


def begin(folder: Path) -> list[str]:
    """The command that trains into a folder from the start."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return command("mnist-mlp", *settings, "--out", str(folder))


def finish(arguments: list[str]) -> None:
    """Run to the end."""
    subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)


def killed(arguments: list[str], seconds: float) -> bool:
    """Run for so long, then SIGKILL; False if it had ended before."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def tensors(folder: Path) -> str:
    """The hash of the tensors of the last checkpoint: weights, optimizer, average."""
    path = newest_checkpoint(folder)
    assert path is not None
    [file] = folder.glob(f"{path.stem}-*.safetensors")
    return sha256(file.read_bytes())


def saved_step(folder: Path) -> int | None:
    """The step of the last checkpoint, None if there is none."""
    path = newest_checkpoint(folder) if folder.is_dir() else None
    return None if path is None else load_checkpoint(path)["step"]


def kill_once(
    folder: Path, seconds: float, whole: tuple[str, list[tuple[str, Any]]]
) -> dict[str, Any]:
    """Kill a run after so many seconds, let it go on, and compare."""
    in_time = killed(begin(folder), seconds)
    step = saved_step(folder)
    if in_time and not (folder / "MODEL_CARD.md").exists():
        begun = (folder / "config.json").exists()
        finish(command("--resume", str(folder)) if begun else begin(folder))
    found = curve(folder)
    differing = sum(a != b for a, b in zip(found, whole[1], strict=False))
    return {
        "killed": in_time,
        "step": step,
        "same_tensors": tensors(folder) == whole[0],
        "differing": differing + abs(len(found) - len(whole[1])),
    }


def main() -> None:
    """Kill, go on, compare, and write the evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    kills = parser.parse_args().kills
    moments = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        finish(begin(parent / "first"))  # machine code is made and kept: later runs are alike
        start = time.perf_counter()
        finish(begin(parent / "whole"))
        duration = time.perf_counter() - start
        whole = tensors(parent / "whole"), curve(parent / "whole")
        trials: list[dict[str, Any]] = []
        while sum(t["killed"] for t in trials) < kills:
            start = time.perf_counter()
            trial = kill_once(parent / str(len(trials)), moments.uniform(0, duration), whole)
            if not trial["killed"]:  # the machine has become faster
                duration = min(duration, time.perf_counter() - start)
            print(json.dumps(trial), flush=True)
            trials.append(trial)
    steps = [t["step"] for t in trials if t["killed"]]
    record(
        "kills",
        what="SIGKILL at random moments of the recipe mnist-mlp (two epochs, small layers, averaged weights, a checkpoint every 50 "
        "steps), then --resume: runs whose last checkpoint's tensors and log are, bit by bit, those of a run that was not disturbed",
        seeds=[SEED],
        result={
            "kills": sum(t["killed"] for t in trials),
            "ended_before_the_kill": sum(not t["killed"] for t in trials),
            "before_the_first_checkpoint": sum(s is None for s in steps),
            "checkpoint_steps": sorted(s for s in steps if s is not None),
            "same_tensors": sum(t["same_tensors"] for t in trials if t["killed"]),
            "runs_whose_log_differs": sum(t["differing"] > 0 for t in trials),
            "numbers_of_the_log": len(whole[1]),
            "differing": sum(t["differing"] + (not t["same_tensors"]) for t in trials),
        },
    )


if __name__ == "__main__":
    main()
