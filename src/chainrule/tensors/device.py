"""Devices: there is one, the CPU, and every question about others is answered truthfully."""

from __future__ import annotations

from typing import Any

from ..base.errors import DeviceError

__all__ = ["Device", "Layout", "device_of", "strided"]


class Device:
    """`device('cpu')`; `.type` and `.index` as in PyTorch."""

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
        """A block whose new tensors live here: on the CPU, as all do; another device is refused."""
        return device_of(self)

    def __exit__(self, *exception: object) -> None:
        pass


_CPU = Device("cpu")


def device_of(device: Any) -> Device:
    """The device asked for, if it exists here: None and 'cpu' do."""
    if device is None:
        return _CPU
    found = Device(device)
    if found.type != "cpu":
        raise DeviceError(f"there is no {found.type} backend; tensors live on 'cpu'")
    return _CPU


class Layout:
    """How elements lie in memory: there is one way, by strides."""

    def __repr__(self) -> str:
        return "chainrule.strided"


strided = Layout()
