"""Looking into the framework and what is built with it. May import everything below; only `train`
and `cli` import it.

Reading order: `gradcheck_table` (are all derivatives right?); `watch` (how the others look on),
`summary`, `capture`, `nonfinite`, `doctor`, `checkup`, `draw`, `explain`.
"""

from .capture import Capture, Captured, Statistics, capture, statistics
from .checkup import checkup
from .doctor import Finding, Report, doctor
from .draw import Drawing, draw
from .explain import Explanation, Product, Step, explain
from .gradcheck_table import LIMIT, OpCheck, check_op, check_ops
from .nonfinite import NonFiniteError, first_nonfinite
from .summary import ModuleRow, Summary, summary

__all__ = [
    "LIMIT", "Capture", "Captured", "Drawing", "Explanation", "Finding", "ModuleRow",
    "NonFiniteError", "OpCheck", "Product", "Report", "Statistics", "Step", "Summary", "capture",
    "check_op", "check_ops", "checkup", "doctor", "draw", "explain", "first_nonfinite", "statistics",
    "summary",
]  # fmt: skip
