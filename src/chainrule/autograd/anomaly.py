"""PyTorch's `detect_anomaly`: a NaN that a backward pass makes is an error with the line of the op."""

from __future__ import annotations

from typing import Any

from ..base.modes import modes

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Say whether a NaN that a backward pass makes is an error; as a `with` block, for its duration.

    Args:
        mode: whether it is.
        check_nan: False looks for nothing at all; PyTorch would still note where ops were called, which is always done here.

    Example:
        >>> x = cr.tensor(0.0, requires_grad=True)
        >>> with cr.autograd.set_detect_anomaly(True):
        ...     (x * 0 / x).backward()
        Traceback (most recent call last):
            ...
        chainrule.base.errors.GradError: the gradient of div has a NaN that was not in what it was given
        ...
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before, modes.anomaly = modes.anomaly, bool(mode and check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        modes.anomaly = self.before


class detect_anomaly(set_detect_anomaly):
    """A `with` block in which a NaN that a backward pass makes is an error.

    Args:
        check_nan: False looks for nothing.
    """

    def __init__(self, check_nan: bool = True):
        super().__init__(True, check_nan)
