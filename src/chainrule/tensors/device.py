"""Devices: the CPU, and "meta", on which a tensor has a shape and a dtype, and no values. Every question about others is
answered truthfully.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..base.errors import DeviceError
from ..ops.outline import outlined
from ..tape.modes import modes

__all__ = ["Device", "Layout", "device_of", "placed", "placing", "strided"]


class Device:
    """`device('cpu')`; `.type` and `.index` as in PyTorch. As a `with` block: where new tensors are made.

    >>> with cr.device("meta"):  # no memory is taken
    ...     layer = nn.Linear(1_000_000, 1_000_000)
    >>> layer(cr.empty(3, 1_000_000, device="meta"))
    tensor(..., device='meta', size=(3, 1000000), grad_fn=<linear>)
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None):
        name, _, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "mps", "meta", "xpu"):
            raise DeviceError(f"{type!r} is not a device; tensors live on 'cpu'")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (
            f", index={self.index})" if self.index is not None else ")"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = Device(other)
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> Device:
        """A block whose new tensors live here; a device that there is not is refused."""
        block = placing(self)
        block.__enter__()
        modes.around = (*modes.around, block)
        return self

    def __exit__(self, *exception: object) -> None:
        block = modes.around[-1]
        modes.around = modes.around[:-1]
        block.__exit__()


CPU, META = Device("cpu"), Device("meta")


def device_of(device: Any) -> Device:
    """The device asked for, if it exists here: 'cpu' and 'meta' do. None is where tensors are made now."""
    if device is None:
        return CPU if modes.meta is None else META
    found = Device(device)
    if found.type not in ("cpu", "meta"):
        raise DeviceError(f"there is no {found.type} backend; tensors live on 'cpu'")
    return CPU if found.type == "cpu" else META


class placing:
    """A `with` block of our own in which tensors are made on a device; None: where they are made anyway."""

    __slots__ = ("before", "meta")

    def __init__(self, device: Any):
        self.meta = outlined if device_of(device) is META else None

    def __enter__(self) -> None:
        self.before, modes.meta = modes.meta, self.meta

    def __exit__(self, *exception: object) -> None:
        modes.meta = self.before


def placed(f: Callable) -> Callable:
    """A function that makes a tensor, on the device that its keyword `device` says."""

    @functools.wraps(f)
    def made(*args: Any, **options: Any) -> Any:
        if options.get("device") is None:
            return f(*args, **options)
        with placing(options["device"]):
            return f(*args, **options)

    return made


class Layout:
    """How elements lie in memory: there is one way, by strides."""

    def __repr__(self) -> str:
        return "chainrule.strided"


strided = Layout()
