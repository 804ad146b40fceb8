"""Making tensors: from data, or of one value.

`device`, `layout`, `pin_memory` and `memory_format` are accepted where PyTorch takes them; devices
other than 'cpu' and 'meta' are refused, the others cannot change a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.errors import ArgumentError, DTypeError, ShapeError
from ..ops.outline import Outline
from ..tape.modes import modes
from .core import Tensor, made_of, wrap
from .device import CPU, device_of, placed, placing
from .functions.shape import flat
from .storage import Storage, UntypedStorage

__all__ = [
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]  # fmt: skip


def made(value: Any, requires_grad: bool, device: Any = None) -> Tensor:
    """A tensor around what an op made, a leaf if it requires a gradient."""
    device_of(device)
    out = wrap(value, None)
    return out.requires_grad_() if requires_grad else out


@placed
def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor that copies data: a number, nested lists, an array.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    device_of(device)
    return made_of(data, dtype, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of data, sharing memory with it where possible: tensors and NumPy arrays are not
    copied.
    """
    place = device_of(device)
    if isinstance(data, UntypedStorage):
        data = np.asarray(data)
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device if modes.meta is None else place)
    if (
        isinstance(data, np.ndarray)
        and place is CPU
        and (dtype is None or dtypes.of(dtype).numpy == data.dtype)
        and dtypes.of(data.dtype)
    ):
        return from_numpy(data)
    with placing(place):
        return made_of(data, dtype)


asarray = as_tensor


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor on the memory of a NumPy array: writes are seen by both."""
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy takes a NumPy array, found {type(ndarray).__name__}")
    if modes.trace is not None:
        modes.trace.refuse(
            "a NumPy array was turned into a tensor inside a traced function: its values would be"
            " frozen into the program",
            "make the tensor outside and pass it in",
        )
    found = dtypes.of(ndarray.dtype)
    out = object.__new__(Tensor)
    out._value = (
        ndarray
        if ndarray.dtype == found.numpy and ndarray.flags.aligned
        else ndarray.astype(found.numpy)
    )
    out._storage = Storage(out._value)
    return out


def on_array(array: np.ndarray) -> Tensor:
    """A tensor on the memory of a raw array, where uint16 means bfloat16; an outline of it where tensors are
    made on the device "meta". For readers of files.
    """
    dtypes.stored(array.dtype)
    out = object.__new__(Tensor)
    out._value = array if modes.meta is None else Outline.of(array)
    out._storage = Storage(out._value)
    return out


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A vector on the memory of anything that has the buffer protocol.

    Args:
        buffer: bytes, a bytearray, a memory map, …; what cannot be written gives a tensor that cannot be either.
        dtype: of the elements.
        count: how many; all there are if −1.
        offset: where they begin, in bytes.
        requires_grad: whether the tensor is a leaf that wants a gradient.

    >>> frombuffer(bytearray([1, 0, 2, 0]), dtype="int16")
    tensor([1, 2], dtype=chainrule.int16)
    """
    array = np.frombuffer(buffer, dtypes.of(dtype).numpy, count, offset)
    return on_array(array).requires_grad_(requires_grad)


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of another library's array, by the DLPack protocol."""
    return from_numpy(np.from_dlpack(source))


@placed
def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """One value everywhere; the dtype is that of the value unless given. A tensor without axes is its number."""
    only_steering("full", steering)
    if isinstance(fill_value, Tensor):
        return _full_of(size, fill_value, dtype, device, requires_grad)
    found = dtypes.of(dtype) if dtype is not None else dtypes.of_scalar(fill_value)
    return made(
        ops.full(
            shape=sizes_of((size,) if isinstance(size, int) else tuple(size)),
            value=fill_value,
            dtype=found,
        ),
        requires_grad,
        device,
    )


def _full_of(size: Any, value: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """The number in a tensor without axes everywhere; in a traced function, whatever it will be."""
    if value.ndim:
        raise DTypeError(
            f"full: value is a number or the like, found a tensor of shape {tuple(value.shape)}"
        )
    found = dtypes.default() if value.is_floating_point() else value.dtype
    sizes = sizes_of((size,) if isinstance(size, int) else tuple(size))
    filled = value.detach().to(found if dtype is None else dtypes.of(dtype)).expand(sizes).clone()
    device_of(device)
    return filled.requires_grad_(requires_grad)


def only_steering(name: str, options: dict) -> None:
    """Arguments that only steer PyTorch's implementation pass; anything else is an error."""
    layout = options.get("layout")
    if layout is not None and not str(layout).endswith("strided"):
        raise ArgumentError(
            f"{name}() makes tensors that are strided in memory, found layout={layout}"
        )
    unknown = set(options) - {"layout", "pin_memory", "memory_format", "names", "out"}
    if unknown or options.get("out") is not None or options.get("names") is not None:
        raise TypeError(
            f"{name}() does not take {', '.join(sorted(unknown or {'out', 'names'} & set(options)))}"
        )


def sizes_of(shape: tuple) -> tuple:
    """A shape of ints, none negative."""
    try:
        out = tuple([index(n) for n in shape])
    except TypeError:
        wrong = next(n for n in shape if not hasattr(n, "__index__"))
        raise DTypeError(f"sizes are integers, found {wrong!r}") from None
    if min(out, default=0) < 0:
        raise ShapeError(f"sizes cannot be negative, found {out}")
    return out


def asked(sizes: tuple, size: Any) -> tuple:
    """A shape given as separate sizes, as one sequence, or by name."""
    return sizes_of(flat(sizes) if size is None else tuple(size))


@placed
def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Zeros of a shape."""
    only_steering("zeros", steering)
    return made(
        ops.full(shape=asked(sizes, size), value=0, dtype=dtype or dtypes.default()),
        requires_grad,
        device,
    )


@placed
def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Ones of a shape."""
    only_steering("ones", steering)
    return made(
        ops.full(shape=asked(sizes, size), value=1, dtype=dtype or dtypes.default()),
        requires_grad,
        device,
    )


@placed
def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Memory of a shape, to be written; here it holds zeros, so that a forgotten write is the
    same every time.
    """
    if modes.weightless:  # one element stands for all: a loaded parameter comes in its place
        zero = np.zeros((), dtypes.of(dtype or dtypes.default()).numpy)
        return on_array(np.broadcast_to(zero, asked(sizes, size)))
    return zeros(
        *sizes, size=size, dtype=dtype, device=device, requires_grad=requires_grad, **steering
    )


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Zeros in the shape and dtype of another tensor."""
    return zeros(
        tuple(input.shape),
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Ones in the shape and dtype of another tensor."""
    return ones(
        tuple(input.shape),
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Memory in the shape and dtype of another tensor; here it holds zeros."""
    return zeros_like(input, dtype=dtype, device=device, requires_grad=requires_grad, **steering)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """One value in the shape and dtype of another tensor."""
    return full(
        tuple(input.shape),
        fill_value,
        dtype=dtype or input.dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **steering,
    )


@placed
def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Memory of a shape under given strides, counted in elements; here it holds zeros."""
    if len(size) != len(stride) or min(stride, default=0) < 0:
        raise ShapeError(
            f"a stride for each size, none negative: found {tuple(size)} and {tuple(stride)}"
        )
    reach = 1 + sum([(n - 1) * s for n, s in zip(size, stride, strict=True)])
    whole = zeros(reach if min(size, default=1) else 0, dtype=dtype, device=device, **steering)
    y = whole.as_strided(tuple(size), tuple(stride))
    return y.requires_grad_() if requires_grad else y


@placed
def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Memory of a shape whose axes lie in the order that the layout says; here it holds zeros."""
    if sorted(physical_layout) != list(range(len(size))):
        raise ShapeError(
            f"the layout names each of {len(size)} axes once, found {tuple(physical_layout)}"
        )
    laid = zeros([size[d] for d in physical_layout], dtype=dtype, device=device, **steering)
    y = ops.permute(laid, dims=tuple([physical_layout.index(k) for k in range(len(size))]))
    return y.requires_grad_() if requires_grad else y


@placed
def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **steering: Any
) -> Tensor:
    """A 0-d tensor of a number, in the default dtype unless another is given."""
    found = dtype or dtypes.default()
    return full((), s, dtype=found, device=device, requires_grad=requires_grad, **steering)
