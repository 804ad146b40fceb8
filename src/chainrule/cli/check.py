"""Check the gradient of every op, first and second order, against differences in float64."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from ..inspect.gradcheck_table import LIMIT, OpCheck, check_ops
from .tables import print_table

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
        print(json.dumps({"limit": LIMIT, "passed": not failed, "ops": _rows(checks)}))
        return 1 if failed else 0
    _print_table(checks)
    checked = sum(check.calls > 0 for check in checks)
    verdict = ", ".join(f"{check.name} {check.verdict}" for check in failed) or "all agree"
    print(f"{checked} of {len(checks)} ops have a gradient; errors above {LIMIT:g}: {verdict}")
    return 1 if failed else 0


def _rows(checks: Sequence[OpCheck]) -> list[dict[str, object]]:
    """The checks as JSON has them, which knows no NaN: such an error is the string "nan"."""
    rows = []
    for check in checks:
        row = {**asdict(check), "passed": check.passed}
        for order in ("first", "second"):
            if row[order] is not None and not math.isfinite(row[order]):
                row[order] = str(row[order])
        rows.append(row)
    return rows


def _print_table(checks: Sequence[OpCheck]) -> None:
    head = ("op", "kind", "calls", "first order", "second order", "")
    rows = []
    for check in checks:
        numbers = (str(check.calls), _error(check.first), _error(check.second))
        rows.append((check.name, check.kind, *numbers, check.verdict))
    colours = {"ok": "green", "no derivative": "dim"}
    title = "Gradients against differences, relative error in float64"
    print_table(head, rows, colours, title, numbers=(2, 3, 4))


def _error(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
