"""Looking into the framework and what is built with it. May import everything below; only `train`
and `cli` import it.

Reading order: `gradcheck_table` (are all derivatives right?).
"""

from .gradcheck_table import LIMIT, OpCheck, check_op, check_ops

__all__ = ["LIMIT", "OpCheck", "check_op", "check_ops"]
