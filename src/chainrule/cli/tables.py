"""Tables of results: drawn by rich on a terminal that is wide enough, aligned text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

__all__ = ["print_table"]


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Mapping[str, str],
    title: str | None = None,
    numbers: Sequence[int] = (),
) -> None:
    """Print rows of cells under their heads.

    Args:
        head: a word for each column.
        rows: as many cells each.
        colours: last cell of a row -> its colour on a terminal; any other is red.
        title: above the table, on a terminal.
        numbers: columns whose cells stand at the right.
    """
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    if sys.stdout.isatty():
        from rich.box import SIMPLE
        from rich.console import Console
        from rich.table import Table

        console = Console()
        # a terminal that is too narrow would cut every cell down to a letter; text goes on in the next line
        if sum(widths) + 3 * len(widths) <= console.width:
            table = Table(box=SIMPLE, title=title, title_justify="left")
            for k, name in enumerate(head):
                table.add_column(name, justify="right" if k in numbers else "left")
            for row in rows:
                colour = colours.get(row[-1], "bold red")
                table.add_row(*row[:-1], f"[{colour}]{row[-1]}[/]")
            console.print(table)
            return
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
