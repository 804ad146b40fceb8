"""Tables and shares as Markdown has them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["per_cent", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a head.

    >>> print(table(("on", "accuracy"), [("test", "99 %")]))
    | on | accuracy |
    |---|---|
    | test | 99 % |
    """
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def per_cent(share: float) -> str:
    """A share of 0 to 1.

    >>> per_cent(0.9876)
    '98.8 %'
    """
    return f"{100 * share:.1f} %"
