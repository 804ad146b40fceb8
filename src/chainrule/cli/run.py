"""Run a script written for PyTorch on chainrule, unmodified."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import ChainruleError
from ..redirect import compile_modules, install, missing

__all__ = ["add_arguments", "run"]

PACKAGE = Path(__file__).parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule run`."""
    parser.add_argument(
        "script", type=Path, metavar="SCRIPT", help="a Python file that imports torch"
    )
    rest = parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="ARGUMENTS",
        help="the script's own arguments",
    )
    rest.required = False  # argparse would name them where the script is missing
    parser.add_argument(
        "--check", action="store_true", help="only list what the script asks for in vain"
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="run although names are missing that the script surely comes to; one in a function never stops it",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="run its modules as machine code: seconds at the first call, then faster",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule run`; the exit code is 1 if names are missing, otherwise the script's."""
    script = arguments.script
    if not script.is_file():
        raise ChainruleError(f"{script}: there is no such file")
    lacking = missing(script)
    counts = lacking if arguments.check else [one for one in lacking if one.sure]
    for one in lacking:
        print(f"{one}{'' if one.sure else '   (if it is reached)'}", file=sys.stderr)
    if counts and not arguments.anyway:
        raise ChainruleError(
            f"{script} asks for {len(counts)} name{'s' * (len(counts) > 1)} that chainrule does not have, see above\n"
            "  hint: --anyway runs it until it reaches one of them"
        )
    if arguments.check:
        print(f"{script}: everything it asks for is there")
        return 0
    install()
    if arguments.compile:
        compile_modules()
    sys.argv = [str(script), *arguments.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except Exception as e:
        print("".join(_traceback(e, script)), end="", file=sys.stderr)
        return 1
    return 0


def _traceback(e: Exception, script: Path) -> Iterator[str]:
    """What Python prints, from the script's own first line on; an error of ours says itself what it is, so that the lines of the
    framework it passed through are left out.
    """
    whole = traceback.TracebackException.from_exception(e)
    frames = list(whole.stack)
    first = next((k for k, f in enumerate(frames) if f.filename == str(script)), 0)
    last = len(frames)
    while (
        isinstance(e, ChainruleError)
        and last > first + 1
        and PACKAGE in Path(frames[last - 1].filename).parents
    ):
        last -= 1
    whole.stack = traceback.StackSummary.from_list(frames[first:last])
    yield from whole.format()
