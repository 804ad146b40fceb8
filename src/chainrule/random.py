"""PyTorch's `torch.random`, as names for the default generator's seed and state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from .base.errors import DeviceError
from .base.loading import shown
from .tensors import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]

__dir__ = shown(__name__)


@contextlib.contextmanager
def fork_rng(
    devices: Sequence[Any] | None = None, enabled: bool = True, device_type: str = "cpu"
) -> Iterator[None]:
    """A block after which the default generator is where it was before.

    Args:
        devices: other devices whose generators to keep; refused unless empty: there are none.
        enabled: whether to do anything at all.
        device_type: without effect: there is one kind of device.

    Example:
        >>> state = get_rng_state()
        >>> with cr.random.fork_rng():
        ...     _ = cr.rand(3)
        >>> cr.equal(state, get_rng_state())
        True
    """
    if devices:
        raise DeviceError(f"fork_rng: there are no devices {list(devices)}; tensors live on 'cpu'")
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)
