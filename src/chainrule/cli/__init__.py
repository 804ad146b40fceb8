"""The command line: `chainrule train`, `eval`, `predict`, `runs`; `generate`, `embed`, `classify`, `search` with
checkpoints; `check`, `data` and `run`. Each command is one file; this one parses and turns errors into exit codes.

    0    done
    1    something went wrong: one line on stderr says what
    2    the command cannot be understood: an unknown recipe, key or option, a bad value
    130  interrupted by Ctrl-C (training has saved a checkpoint, unless it was pressed twice)

Reading order: this file, `train`, `progress`, `evaluate`, `predict`, `runs`; `options`, `generate`, `embed`,
`classify`, `search`; `check`, `tables`, `data`, `run`.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..base.errors import ChainruleError, FormatError, StateDictError
from ..base.loading import shown
from ..platform import version

__all__ = ["main"]

FIRST = """\
to begin with:
  chainrule train digits                           seconds, and nothing to download
  chainrule runs                                   what was trained, and how it went
  chainrule predict runs/digits-001 photo.jpg --fit --invert
                                                   asks it about a picture of yours, dark on light
  chainrule train --help                           what else there is to train
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (default: the process's own) spell; returns its exit
    code.
    """
    from ..train.recipes import ConfigError

    for stream in (sys.stdout, sys.stderr):  # a console that has no × shows a ? for it
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:  # as in `chainrule help train`
        words = [*words[1:], "--help"]
    if not words:
        return _fail(
            2,
            "the following arguments are required: COMMAND; to begin with: chainrule train digits "
            "(see chainrule --help)",
        )
    try:
        parsed, unknown = _parser().parse_known_args(words)
        if unknown:
            hint = parsed.unknown(parsed, unknown) or _meant(unknown[0], parsed)
            command = " ".join(["chainrule", *words[:1]])
            words_and_hint = f"{' '.join(unknown)}{hint}"
            message = f"unrecognized arguments: {words_and_hint} (see {command} --help)"
            raise SystemExit(_fail(2, message))
        return parsed.run(parsed)
    except ConfigError as e:
        return _fail(2, str(e))
    except BrokenPipeError:  # the reader of our output has left, as in `chainrule check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (FormatError, StateDictError) as e:  # of a list of keys the first few tell what is wrong
        lines = str(e).replace("\n  hint: ", "; hint: ").splitlines()
        lines = [line.strip() for line in lines]
        more = f" … and {len(lines) - 4} more" if len(lines) > 4 else ""
        return _fail(1, f"{type(e).__name__}: {' '.join(lines[:4]):.900}{more}")
    except (ChainruleError, OSError, MemoryError) as e:
        said = _said(e) if isinstance(e, OSError) else str(e)
        kind = "" if type(e) is ChainruleError else f"{type(e).__name__}: "
        return _fail(1, f"{kind}{said}")
    except KeyboardInterrupt as e:
        return _fail(130, f"stopped{e}")


def _meant(word: str, parsed: argparse.Namespace) -> str:
    """The option that an unknown one is nearest to: `--max_new_tokens` is written with hyphens."""
    known = [f"--{name.replace('_', '-')}" for name in vars(parsed)]
    near = difflib.get_close_matches(word.partition("=")[0].replace("_", "-"), known, n=1)
    return f"; the nearest is {near[0]}" if near else ""


def _fail(code: int, message: str) -> int:
    print(f"chainrule: {message}", file=sys.stderr)
    return code


def _said(e: OSError) -> str:
    """The file, and what the system says of it, without the number of the error; of one that is not there, which is like it."""
    plain = f"[Errno {e.errno}] {e.strerror}: {e.filename!r}"
    if str(e) != plain:
        return str(e)
    near: list[str] = []
    if isinstance(e, FileNotFoundError):
        asked = Path(e.filename)
        with contextlib.suppress(OSError):
            near = difflib.get_close_matches(asked.name, os.listdir(asked.parent), n=1)
        near = [f"; the nearest is {asked.with_name(name)}" for name in near]
    return "".join([f"{e.filename}: {e.strerror}", *near])


class _Parser(argparse.ArgumentParser):
    """Says in one line what it does not understand."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_fail(2, f"{message} (see {self.prog} --help)"))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Names the choice that a word with a slip in it is nearest to."""
        from ..train.recipes.config import nearest

        if action.choices is not None and value not in action.choices:
            words = nearest(value, map(str, action.choices))
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}, {words}")


def _parser() -> argparse.ArgumentParser:
    from . import (
        check,
        classify,
        data,
        embed,
        evaluate,
        generate,
        predict,
        run,
        runs,
        search,
        train,
    )

    parser = _Parser(
        prog="chainrule",
        description="A deep-learning framework that can be read to the bottom.",
        epilog=FIRST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chainrule {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    named = {
        "train": train, "eval": evaluate, "predict": predict, "runs": runs,
        "generate": generate, "embed": embed, "classify": classify, "search": search,
        "check": check, "data": data, "run": run,
    }  # fmt: skip
    for name, command in named.items():
        about = (command.__doc__ or "").splitlines()[0]
        sub = commands.add_parser(
            name,
            help=about,
            description=about,
            formatter_class=argparse.RawTextHelpFormatter,
            conflict_handler="resolve",  # `train` has a --help of its own
        )
        command.add_arguments(sub)
        unknown = getattr(command, "unknown", lambda parsed, words: "")
        sub.set_defaults(run=command.run, unknown=unknown)
    return parser


__dir__ = shown(__name__)
