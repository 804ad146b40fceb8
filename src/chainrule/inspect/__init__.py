"""Looking into the framework and what is built with it. May import everything below; only `train`
and `cli` import it.

Reading order: `gradcheck_table` (are all derivatives right?); `watch` (how the others look on),
`summary`, `capture`, `nonfinite`, `doctor`, `checkup`, `draw`, `explain`; `profile` (where the
time goes).
"""

from ..base.loading import shown
from .capture import Capture, Captured, Statistics, capture, statistics
from .checkup import checkup
from .doctor import Finding, Report, doctor
from .draw import Drawing, draw
from .explain import Explanation, Product, Step, explain
from .gradcheck_table import LIMIT, OpCheck, check_op, check_ops
from .nonfinite import NonFiniteError, first_nonfinite
from .profile import Event, Profile, Row, profile, span
from .summary import ModuleRow, Summary, summary

__all__ = [
    "LIMIT", "Capture", "Captured", "Drawing", "Event", "Explanation", "Finding", "ModuleRow",
    "NonFiniteError", "OpCheck", "Product", "Profile", "Report", "Row", "Statistics", "Step", "Summary", "capture",
    "check_op", "check_ops", "checkup", "doctor", "draw", "explain", "first_nonfinite",
    "profile", "span", "statistics", "summary",
]  # fmt: skip

__dir__ = shown(__name__)
