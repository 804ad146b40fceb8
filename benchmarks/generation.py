"""Text from a model of GPT-2's sizes (124 million parameters, random weights), chainrule against transformers, in turn.

    python benchmarks/generation.py [--rounds 7] [--threads 1,2]

Both sides load the same folder, each in its own process, and have to give the same logits (within 1e-3), or the measurement stops. Then
both write greedily what `generate` gives for one prompt, float32, with a cache of keys and values, chainrule compiled:

    decode     tokens a second behind the first, after a prompt of 64
    prefill    seconds to the first token, after a prompt of 256
    loading    memory at its peak after loading and a token, beyond what the process had before, by the size of the file

Run it on a machine that does nothing else (`evidence/generation.json`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pairs import Paired, in_turn
from record import record

PROMPT, TOKENS = 64, 49  # of decoding
READ = 256  # tokens of a prompt to be read
VOCABULARY = 50257
TOLERANCE = 1e-3  # of logits, which are about 1


class Side:
    """One library in its own process, which writes when it is told and is idle otherwise."""

    def __init__(self, library: str, folder: Path, threads: int):
        count = str(threads)
        numbers = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CHAINRULE_THREADS"), count)
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--side", library, str(folder), count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | numbers,
        )
        self.library = library
        self.hello = self._answer()

    def seconds(self, what: str) -> float:
        """Seconds of one "decode" (a token) or "prefill" (all of it)."""
        assert self.process.stdin is not None
        print(what, file=self.process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.library} ended without an answer (its error is above)")
        return json.loads(line)


def side(library: str, folder: str, threads: int) -> None:
    """The program of a `Side`."""
    open_model = {"chainrule": of_chainrule, "transformers": of_transformers}[library]
    before = resident()
    logits, write = open_model(folder, threads)
    prompt = np.random.default_rng(0).integers(0, VOCABULARY, (1, READ))
    found = logits(prompt[:, :PROMPT])
    first_token = peak() - before
    print(json.dumps({"logits": found, "peak_bytes": first_token}), flush=True)
    for line in sys.stdin:
        print(timed(line.strip(), write, prompt), flush=True)


def timed(what: str, write: Callable, prompt: np.ndarray) -> float:
    """Seconds of a "decode" (a token) or a "prefill"."""
    times = [time.perf_counter()]
    ids, count = (prompt[:, :PROMPT], TOKENS) if what == "decode" else (prompt, 1)
    write(ids, count, lambda: times.append(time.perf_counter()))
    if what == "decode":
        return (times[-1] - times[1]) / (len(times) - 2)
    return times[1] - times[0]


def of_chainrule(folder: str, threads: int) -> tuple[Callable, Callable]:
    """Some logits behind a prompt, and what writes so many tokens and tells of each."""
    import chainrule as cr
    from chainrule import models

    model = cr.compile(models.from_pretrained(folder))

    def logits(prompt: np.ndarray) -> list[float]:
        with cr.no_grad():
            return model(cr.from_numpy(prompt)).logits[0, -1, :8].tolist()

    def write(prompt: np.ndarray, count: int, tell: Callable[[], None]) -> None:
        model.generate(cr.from_numpy(prompt), max_new_tokens=count, streamer=lambda token: tell())

    return logits, write


def of_transformers(folder: str, threads: int) -> tuple[Callable, Callable]:
    """The same."""
    warnings.simplefilter("ignore")
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()
    model = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()

    def logits(prompt: np.ndarray) -> list[float]:
        with torch.no_grad():
            return model(torch.from_numpy(prompt)).logits[0, -1, :8].tolist()

    class Teller(transformers.generation.streamers.BaseStreamer):
        """Tells of each token; the first that arrives is the prompt."""

        def __init__(self, tell: Callable[[], None]):
            self.tell, self.prompt_is_due = tell, True

        def put(self, value: Any) -> None:
            if not self.prompt_is_due:
                self.tell()
            self.prompt_is_due = False

        def end(self) -> None:
            pass

    def write(prompt: np.ndarray, count: int, tell: Callable[[], None]) -> None:
        ids = torch.from_numpy(prompt)
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            pad_token_id=0,
            streamer=Teller(tell),
        )

    return logits, write


def resident() -> int:
    """Bytes of memory that this process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak() -> int:
    """Bytes of memory that it had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def make(folder: Path) -> int:
    """A checkpoint with random weights; the bytes of its file. In a process of its own, whose memory nobody counts."""
    code = (
        "import chainrule as cr; from chainrule import models; cr.manual_seed(0); "
        "model = models.GPT2LMHeadModel(models.GPT2Config(bos_token_id=None, eos_token_id=None)); "
        f"model.save_pretrained({str(folder)!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    return (folder / "model.safetensors").stat().st_size


def summary(pair: Paired, per_second: bool) -> dict[str, Any]:
    """`ratio`: how much faster chainrule is."""
    ours, theirs = statistics.median(pair.b), statistics.median(pair.a)
    figures = (
        {"chainrule_tokens_per_s": round(1 / ours, 2), "transformers_tokens_per_s": round(1 / theirs, 2)}
        if per_second
        else {"chainrule_s": round(ours, 4), "transformers_s": round(theirs, 4)}
    )  # fmt: skip
    return figures | {
        "ratio": round(pair.ratio, 3),
        "ratio_quartiles": [round(q, 3) for q in pair.spread],
    }


def measure(folder: Path, size: int, threads: int, rounds: int) -> dict[str, Any]:
    """Both sides with so many threads."""
    ours, theirs = Side("chainrule", folder, threads), Side("transformers", folder, threads)
    difference = float(np.abs(np.subtract(ours.hello["logits"], theirs.hello["logits"])).max())
    if not difference < TOLERANCE:
        raise SystemExit(f"logits differ: {ours.hello['logits']} and {theirs.hello['logits']}")
    found: dict[str, Any] = {"logits_differ_by": float(f"{difference:.1e}")}
    for what in ("decode", "prefill"):
        ours.seconds(what), theirs.seconds(what)  # programs are made now
        pair = in_turn(
            lambda what=what: theirs.seconds(what), lambda what=what: ours.seconds(what), rounds
        )
        found[what] = summary(pair, what == "decode")
    found["loading"] = {
        f"{s.library}_peak_by_file": round(s.hello["peak_bytes"] / size, 3) for s in (ours, theirs)
    }
    for s in (ours, theirs):
        s.close()
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    if arguments.side:
        library, folder, threads = arguments.side
        side(library, folder, int(threads))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        size = make(folder)
        counts = [int(n) for n in arguments.threads.split(",")]
        result: dict[str, Any] = {
            f"threads_{n}": measure(folder, size, n, arguments.rounds) for n in counts
        }
    result["file_mb"] = round(size / 1e6, 1)
    result["transformers"] = importlib.metadata.version("transformers")
    record(
        "generation",
        what="GPT-2's sizes, float32, batch 1, greedy, key-value cache, random weights: tokens a second, seconds to the first of a "
        "prompt of 256 tokens, and memory at its peak by the size of the file; chainrule compiled, against transformers, in turn",
        seeds=[0],
        result=result,
    )


if __name__ == "__main__":
    main()
