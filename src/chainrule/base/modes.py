"""What is switched on in this thread: gradients, and the trace that is being written, if any."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["modes"]


class Modes(threading.local):
    """`grad`: are ops recorded? `inference`: is `inference_mode` on? `trace`: the
    active trace or None.
    """

    grad: bool = True
    inference: bool = False
    trace: Any = None


modes = Modes()
