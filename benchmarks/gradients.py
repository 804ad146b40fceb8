"""The worst relative error of every op's derivative against a finite difference in float64, first and second order.

    python benchmarks/gradients.py

The same table as `chainrule check` prints, reduced to its worst rows.
"""

from __future__ import annotations

from typing import Any

from record import record

from chainrule.inspect.gradcheck_table import LIMIT, OpCheck, check_ops


def worst(checks: list[OpCheck], order: str) -> dict[str, Any]:
    """The largest error of one order and the op that has it."""
    op = max(checks, key=lambda check: getattr(check, order))
    return {"worst": getattr(op, order), "op": op.name}


def main() -> None:
    """Check every op and write the evidence."""
    checks = check_ops()
    first = [check for check in checks if check.first is not None]
    second = [check for check in checks if check.second is not None]
    failed = [check.name for check in checks if not check.passed]
    assert not failed, f"above {LIMIT:g}: {failed}"
    record(
        "gradients",
        what="Worst relative error, over all ops of the table and all their sample calls, of first- and second-order "
        "derivatives along random directions against finite differences in float64",
        seeds=[0],
        result={
            "ops": len(checks),
            "checked": len(first),
            "first_order": worst(first, "first"),
            "second_order": worst(second, "second"),
            "limit": LIMIT,
        },
    )


if __name__ == "__main__":
    main()
