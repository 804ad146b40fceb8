"""Writes one file of evidence: what was measured, how to run it again, on what machine, at which commit.

    from record import record
    record("digits", what=..., seeds=[0, 1], result={...})

writes `evidence/digits.json`. Every figure of the README and the docs is copied from such a file (`figures.py`),
and `tests/test_evidence.py` holds the text to it.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "evidence"
KEYS = ("what", "command", "seeds", "machine", "commit", "date", "result")
MACHINE_KEYS = ("cpu", "cores", "system", "python", "numpy", "torch", "blas")

# What decides a result. A change here that is not committed is noted beside the commit; a change of the text is not.
SOURCES = ("src", "benchmarks", "pyproject.toml")
UNCOMMITTED = "+uncommitted"


def record(name: str, *, what: str, seeds: Sequence[int], result: dict[str, Any]) -> Path:
    """Write `evidence/<name>.json` and print the result.

    Args:
        name: stem of the file.
        what: one sentence that says what was measured, units included.
        seeds: the seeds used, in order; empty for a measurement without randomness.
        result: the figures, plain JSON values.
    """
    evidence = {
        "what": what,
        "command": command(),
        "seeds": list(seeds),
        "machine": machine(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "result": result,
    }
    EVIDENCE.mkdir(exist_ok=True)
    path = EVIDENCE / f"{name}.json"
    text = json.dumps(evidence, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)  # a benchmark killed while writing leaves the old evidence whole
    print(json.dumps(result, indent=2, ensure_ascii=False))
    print(f"wrote {path.relative_to(ROOT)}")
    return path


def command() -> str:
    """The command to type at the root of the repository to run this script again."""
    script = Path(sys.argv[0]).resolve().relative_to(ROOT).as_posix()
    return shlex.join(["python", script, *sys.argv[1:]])


def commit() -> str:
    """The commit that was measured, with a mark if the sources differ from it."""
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", *SOURCES)
    return head + (UNCOMMITTED if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code. No name of a host or a user."""
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": _version("torch"),
        "blas": _blas(),
    }


def cores() -> int:
    """The processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return f"{blas['name']} {blas['version']}"
