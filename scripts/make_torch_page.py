"""Writes the table of docs/torch.md from `chainrule.base.left_out`: what PyTorch has and chainrule has not.

python scripts/make_torch_page.py
"""

from __future__ import annotations

import re
from pathlib import Path

from chainrule.base.left_out import LEFT_OUT

PAGE = Path(__file__).parent.parent / "docs" / "torch.md"
MARKS = "<!-- made by scripts/make_torch_page.py -->", "<!-- end -->"


def table() -> str:
    """The table in Markdown."""
    rows = ["| left out | why | instead | names (behind `torch.`) |", "|---|---|---|---|"]
    for reason in LEFT_OUT:
        names = ", ".join(f"`{name}`" for name in sorted(reason.names, key=str.lower))
        rows.append(f"| {reason.title} | {reason.words} | {reason.instead} | {names} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with the table as it should be."""
    first, last = (re.escape(m) for m in MARKS)
    made = f"{MARKS[0]}\n\n{table()}\n\n{MARKS[1]}"
    return re.sub(f"{first}.*?{last}", lambda _: made, text, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
