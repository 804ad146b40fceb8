"""What is switched on in this thread: gradients, and the trace that is being written, if any. And,
for all threads, how often a tree of modules changed.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

__all__ = ["modes", "structure"]


class Modes(threading.local):
    """`grad`: are ops recorded? `inference`: is `inference_mode` on? `trace`: the
    active trace or None. `autocast`: the dtype of products in a region of mixed precision, or None.
    """

    grad: bool = True
    inference: bool = False
    anomaly: bool = False  # a NaN that the backward pass makes is an error
    meta: Any = None  # where tensors are made on the device "meta": what an op gives then
    around: tuple = ()  # what that was around each `with device(…)` block that is open
    weightless: bool = False  # parameters are made without memory, to be replaced
    trace: Any = None
    autocast: Any = None
    packing: Any = None  # the innermost `saved_tensors_hooks` of this thread
    packing_refused: Any = None  # what to say where one is entered


class Structure:
    """A number that is another one after anything was put into a module, taken out of it or
    switched.

    A program that depends on the structure of a thousand modules compares one number at each call,
    and looks at the modules only when it differs.
    """

    hooks: Any = None  # of all modules, once there are any

    def __init__(self) -> None:
        self.epoch = 0
        self._next = itertools.count(1).__next__  # atomic: no two changes give one number

    def changed(self) -> None:
        """To be called after each change."""
        self.epoch = self._next()


modes = Modes()
structure = Structure()
