"""Check the gradient of every op, first and second order, against differences in float64."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from ..inspect.gradcheck_table import LIMIT, OpCheck, check_ops

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule check`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of a table"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule check`; the exit code is 1 if an op's relative error is above the limit."""
    checks = check_ops()
    failed = [check for check in checks if not check.passed]
    if arguments.json:
        rows = [{**asdict(check), "passed": check.passed} for check in checks]
        print(json.dumps({"limit": LIMIT, "passed": not failed, "ops": rows}))
    else:
        _print_table(checks)
        differentiable = sum(check.first is not None for check in checks)
        print(
            f"{len(checks)} ops, {differentiable} with a gradient, {len(failed)} above {LIMIT:g}: {_names(failed)}"
        )
    return 1 if failed else 0


def _names(failed: Sequence[OpCheck]) -> str:
    return ", ".join(check.name for check in failed) or "all gradients agree"


def _print_table(checks: Sequence[OpCheck]) -> None:
    """A rich table on a terminal, aligned text elsewhere."""
    head = ("op", "kind", "calls", "first order", "second order", "")
    rows = []
    for check in checks:
        verdict = ("ok" if check.passed else "WRONG") if check.first is not None else check.why
        rows.append(
            (
                check.name,
                check.kind,
                str(check.calls),
                _error(check.first),
                _error(check.second),
                verdict,
            )
        )
    if sys.stdout.isatty():
        _print_rich(head, rows)
        return
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    for row in (head, *rows):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _print_rich(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=SIMPLE,
        title="Gradients against differences, relative error in float64",
        title_justify="left",
    )
    for name in head:
        table.add_column(
            name, justify="right" if name in ("calls", "first order", "second order") else "left"
        )
    for row in rows:
        colour = {"ok": "green", "WRONG": "bold red"}.get(row[-1], "dim")
        table.add_row(*row[:-1], f"[{colour}]{row[-1]}[/]")
    Console().print(table)


def _error(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
