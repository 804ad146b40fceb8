"""A value of which only the outline is there: its shape, its dtype, and how it would lie in memory. Tensors on PyTorch's
device "meta" are made of such.

An op on outlines follows its law, or, if it is a composite, its definition: what comes out is an outline, and nothing is
computed. So a model too large for this machine can be built, and asked which shapes it makes of which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..base import dtypes
from ..base.errors import ChainruleError, DeviceError
from ..base.shapes import contiguous_strides
from .promotion import Spec, common, spec_of
from .record import READERS, Op, as_floats
from .stand_in import StandIn

__all__ = ["Outline", "outlined", "phantom"]


def phantom(spec: Spec) -> np.ndarray:
    """Row-major strides over one element of memory: an array that may be viewed, and never read."""
    one = np.zeros(1, spec.dtype.numpy)
    return np.lib.stride_tricks.as_strided(
        one,
        spec.shape,
        tuple([s * one.itemsize for s in contiguous_strides(spec.shape)]),
        writeable=False,
    )


class Outline(StandIn):
    """What is known of a value that is not there. `layout` is an array without memory (see `phantom`)."""

    __slots__ = ("layout",)

    def __init__(self, layout: np.ndarray):
        self.layout = layout

    @classmethod
    def of(cls, value: Any) -> Outline:
        """The outline of a value, or of a Spec."""
        return value if isinstance(value, Outline) else cls(phantom(spec_of(value)))

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        return Spec(self.layout.shape, dtypes.stored(self.layout.dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype:
        """How it would be stored, as for raw arrays."""
        return self.layout.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        """Steps between neighbours along each axis, in bytes."""
        return self.layout.strides

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.layout.itemsize

    def copy(self, order: str = "C") -> Outline:
        """The outline of a copy, which lies row-major."""
        return Outline.of(self.spec)

    def _refuse(self, *args: Any, **options: Any) -> NoReturn:
        raise DeviceError(
            f"a tensor of shape {tuple(self.shape)} on the device 'meta' has no values, only a shape and a dtype\n"
            "  hint: Module.to_empty(device='cpu') gives a module memory, load_state_dict(…, assign=True) values"
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = _refuse

    def __reduce__(self) -> tuple:
        return _again, (self.spec.shape, self.spec.dtype.name)

    def __repr__(self) -> str:
        return f"Outline({self.spec.dtype.name}{list(self.shape)})"


def _again(shape: tuple[int, ...], dtype: str) -> Outline:
    return Outline.of(Spec(shape, dtypes.of(dtype)))


def outlined(op: Op, args: Sequence, attrs: dict) -> Any:
    """The outlines of all outputs of an op, hidden ones too, from its law or its definition."""
    if op.is_view:
        op.infer(args, attrs)
        return Outline(op.body(args[0].layout, **attrs))
    if op.composite:
        y = _defined(op, args, attrs)
    else:
        y = tuple([Outline.of(spec) for spec in op.infer(args, attrs)])
    return y[0] if op.single else y


def _defined(op: Op, args: Sequence, attrs: dict) -> tuple:
    """A composite's definition on outlines."""
    try:
        if op.types in ("floating", "same", "number"):
            common(op, [spec_of(a) for a in args])
        operands = [Outline.of(a) if isinstance(a, np.ndarray) else a for a in args]
        y = op.body(*as_floats(op, operands), **attrs)
    except ChainruleError as e:
        raise op.explained(e, args, attrs) from None
    found = [spec_of(v) for v in (y if isinstance(y, tuple) else (y,))]
    for k, name in enumerate(op.outputs + op.hidden):
        if name in op.unrounded and found[k].dtype in (dtypes.float16, dtypes.bfloat16):
            found[k] = found[k]._replace(dtype=dtypes.float32)
    return tuple([Outline.of(spec) for spec in found])


def _read(op: Op, args: tuple, attrs: dict) -> Any:
    """A call of an op with an outline among its operands."""
    for a in args:
        reader = READERS.get(a.__class__)
        if reader is not None and reader is not _read:  # a tensor beside it, which records
            return reader(op, args, attrs)
    return op.visible(outlined(op, args, attrs))


READERS[Outline] = _read
