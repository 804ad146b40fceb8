"""Two frameworks measured in turn, each in a process of its own that is idle while the other one runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


class Side:
    """A process that answers each line of its input with one line of JSON, after a first one of its own accord.

    Args:
        script: the benchmark, which is started with ``--side`` and the arguments, and runs the process's side.
        arguments: what the process is to know.
        environment: variables of the process beside those of this one.
    """

    def __init__(self, script: str, *arguments: object, environment: dict[str, str] | None = None):
        self.process = subprocess.Popen(
            [sys.executable, script, "--side", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        self.hello = self._answer()

    def ask(self, question: object) -> Any:
        """The answer to one line."""
        assert self.process.stdin is not None
        print(question, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            command = " ".join(map(str, self.process.args[1:]))  # type: ignore[index]
            raise SystemExit(f"{command} ended without an answer (its error is above)")
        return json.loads(line)


def answer(value: Any) -> None:
    """What a side says."""
    print(json.dumps(value), flush=True)
