"""The Tensor: a value with a shape, a dtype, and a memory of where it came from.

Its chapters, from the ground up, which is the order to read them in:

| | |
|---|---|
| `storage` | memory that several tensors may see |
| `attributes` | what people hang on a tensor |
| `beneath` | what lies under a tensor: a storage, the path to it, a place in the graph |
| `making` | a tensor of numbers, lists and arrays, or around what an op has computed |
| `recording` | what a call of an op on tensors does: the heart |
| `operators` | `+`, `@`, `<` … |
| `writing` | in-place writes and assignments |
| `inspection` | questions, and values for Python and NumPy |
| `history` | gradients, hooks, the backward pass |
| `methods` | the ops and functions that are methods |

Here they are put together, and a tensor begins.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.left_out import absent_from
from ..ops.outline import Outline
from ..ops.record import READERS
from . import functions, operators
from .beneath import Beneath
from .device import META, device_of, placing
from .history import History
from .inspection import Inspection
from .making import array_from, begin, made_of, wrap
from .methods import Methods
from .overrides import (
    as_subclass,
    asking,
    detach_in_class,
    disabled_torch_function,
    keeping_the_class,
    make_subclass,
    refuse_wrapper,
)
from .storage import Size
from .writing import Writing

__all__ = ["Tensor", "made_of", "wrap"]

ABSENT = absent_from("Tensor")


class Tensor(operators.Operators, Writing, Inspection, History, Methods):
    """A multi-dimensional array with a gradient.

    Args:
        data: sizes, for a tensor of zeros; or one nested list, NumPy array, Tensor or float. As in
            PyTorch the elements become the default dtype, whatever they were; `tensor(…)` keeps
            what arrays have, and integers.
        dtype: convert to this dtype instead.
        requires_grad: record what is done with it, so that `backward()` fills its `.grad`.

    >>> x = Tensor([3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([6.])
    """

    _called = "tensor"  # in print; a derived class is called by its name
    __array_priority__ = 1000  # numpy_array * tensor asks the tensor

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_called" not in vars(cls):
            cls._called = cls.__name__
        record = operators.record
        has_a_say = cls.__torch_function__ is not disabled_torch_function
        if has_a_say and not hasattr(record, "__wrapped__"):
            operators.record = functools.wraps(record)(asking(record))
            for known, reader in READERS.items():
                READERS[known] = operators.record if reader is record else reader
        if has_a_say and cls.detach is Tensor.detach:  # which is no op
            cls.detach = detach_in_class  # type: ignore[method-assign]
        READERS[cls] = operators.record  # a subclass takes part in dispatch as a Tensor does

    def __new__(
        cls, *data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        self = object.__new__(cls)
        if len(data) > 1 and not _are_sizes(data):
            raise TypeError(
                f"Tensor() takes sizes or one argument with the elements, found {len(data)} arguments"
            )
        wanted = dtypes.default() if dtype is None else dtype
        if _are_sizes(data) or (len(data) == 1 and isinstance(data[0], Size)):
            sizes = data[0] if data and isinstance(data[0], Size) else data or (0,)
            value = np.zeros(sizes, dtypes.of(wanted).numpy)
        else:
            given = data[0].dtype if isinstance(data[0], Tensor) and dtype is None else wanted
            value = array_from(data[0], given)
        on_meta = device is not None and device_of(device) is META
        return begin(self, Outline.of(value) if on_meta else value, requires_grad)

    def __init__(self, *data: Any, **options: Any):
        """Nothing is left to do: `__new__` has made it, as in PyTorch, where derived classes rely on it."""

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """What an op on tensors of a derived class gives: tensors of that class (see `overrides`)."""
        return keeping_the_class(cls, func, args, kwargs)

    as_subclass = as_subclass
    _make_subclass = staticmethod(make_subclass)
    _make_wrapper_subclass = staticmethod(refuse_wrapper)

    def __dir__(self) -> list[str]:
        return [name for name in [*object.__dir__(self), *vars(self)] if name not in ABSENT]

    # ------------------------------------------------------------------------------------------- new tensors like it

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A tensor of this dtype from data."""
        with placing(self.device if device is None else device):
            return made_of(data, dtype or self.dtype, requires_grad)

    def new(self, *data: Any, device: Any = None) -> Tensor:
        """Of this dtype, zeros of these sizes or a tensor from data: PyTorch's older name for `new_zeros` and `new_tensor`."""
        return Tensor(*data, dtype=self.dtype, device=self.device if device is None else device)

    def _like(
        self, shape: Sequence, value: Any, dtype: Any, device: Any, requires_grad: Any
    ) -> Tensor:
        from .creation import full

        found, place = dtype or self.dtype, self.device if device is None else device
        return full(tuple(shape), value, dtype=found, device=place, requires_grad=requires_grad)

    def new_zeros(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """Zeros of this dtype."""
        return self._like(functions.shape.flat(sizes, size), 0, dtype, device, requires_grad)

    def new_ones(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """Ones of this dtype."""
        return self._like(functions.shape.flat(sizes, size), 1, dtype, device, requires_grad)

    def new_full(
        self,
        size: Sequence[int],
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """One value, of this dtype."""
        return self._like(size, fill_value, dtype, device, requires_grad)

    def new_empty(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """Memory of this dtype; here it holds zeros."""
        return self.new_zeros(
            *sizes, size=size, dtype=dtype, device=device, requires_grad=requires_grad
        )

    def new_empty_strided(
        self,
        size: Sequence[int],
        stride: Sequence[int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """Memory of this dtype under given strides; here it holds zeros."""
        from .creation import empty_strided

        found, place = dtype or self.dtype, self.device if device is None else device
        return empty_strided(size, stride, dtype=found, device=place, requires_grad=requires_grad)


def _are_sizes(data: tuple) -> bool:
    return all([isinstance(n, int | np.integer) and not isinstance(n, bool) for n in data])


Beneath._plain = Tensor
READERS[Tensor] = operators.record
for _name, _absent in ABSENT.items():
    setattr(Tensor, _name, _absent)
