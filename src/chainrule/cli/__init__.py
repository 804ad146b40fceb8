"""The command line: `chainrule train`, `eval`, `predict`, `runs`, `check`, `data` and `run`. Each command
is one file; this one parses and turns errors into exit codes.

    0    done
    1    something went wrong: one line on stderr says what
    2    the command cannot be understood: an unknown recipe, key or option, a bad value
    130  interrupted by Ctrl-C (training has saved a checkpoint, unless it was pressed twice)

Reading order: this file, `train`, `progress`, `evaluate`, `predict`, `runs`, `check`,
`data`, `run`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ..base.errors import ChainruleError, StateDictError
from ..platform import version

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (default: the process's own) spell; returns its exit
    code.
    """
    from ..train.recipes import ConfigError

    try:
        parsed = _parser().parse_args(arguments)
        return parsed.run(parsed)
    except ConfigError as e:
        return _fail(2, str(e))
    except BrokenPipeError:  # the reader of our output has left, as in `chainrule check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except StateDictError as e:  # a list of keys, of which the first few tell what is wrong
        lines = [line.strip() for line in str(e).splitlines()]
        more = f" … and {len(lines) - 4} more" if len(lines) > 4 else ""
        return _fail(1, f"{type(e).__name__}: {' '.join(lines[:4]):.900}{more}")
    except ChainruleError as e:
        return _fail(1, f"{type(e).__name__}: {e}")
    except (OSError, MemoryError) as e:
        return _fail(1, f"{type(e).__name__}: {e}")
    except KeyboardInterrupt:
        return _fail(130, "stopped")


def _fail(code: int, message: str) -> int:
    print(f"chainrule: {message}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says in one line what it does not understand."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_fail(2, f"{message} (see {self.prog} --help)"))


def _parser() -> argparse.ArgumentParser:
    from . import check, data, evaluate, predict, run, runs, train

    parser = _Parser(
        prog="chainrule", description="A deep-learning framework that can be read to the bottom."
    )
    parser.add_argument("--version", action="version", version=f"chainrule {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    named = {
        "train": train, "eval": evaluate, "predict": predict, "runs": runs, "check": check,
        "data": data, "run": run,
    }  # fmt: skip
    for name, command in named.items():
        about = (command.__doc__ or "").splitlines()[0]
        sub = commands.add_parser(
            name, help=about, description=about, formatter_class=argparse.RawTextHelpFormatter
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
