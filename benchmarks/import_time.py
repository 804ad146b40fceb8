"""How long `import chainrule` takes beyond `import numpy`.

    python benchmarks/import_time.py

Each import happens in a fresh interpreter that times itself, the two in turn. The first pair is not counted: it leaves the byte
code on disk, as installing a package does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from pairs import in_turn
from record import record

ROUNDS = 31
PROGRAM = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds_to_import(module: str) -> float:
    """Seconds that importing `module` takes in a fresh interpreter."""
    command = [sys.executable, "-c", PROGRAM.format(module)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and write the evidence."""
    pair = in_turn(
        lambda: seconds_to_import("chainrule"), lambda: seconds_to_import("numpy"), ROUNDS
    )
    record(
        "import_time",
        what="Milliseconds that import chainrule takes beyond import numpy: median of paired differences",
        seeds=[],
        result={
            "beyond_numpy_ms": round(pair.difference * 1e3, 1),
            "numpy_ms": round(statistics.median(pair.b) * 1e3, 1),
            "chainrule_ms": round(statistics.median(pair.a) * 1e3, 1),
            "rounds": ROUNDS,
        },
    )


if __name__ == "__main__":
    main()
