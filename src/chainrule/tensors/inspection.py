"""What a tensor can be asked: how it lies in memory, and its values as Python and NumPy have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..base import dtypes, shapes
from ..base.dtypes import DType
from ..base.errors import DeviceError, DTypeError, GradError, ShapeError
from ..ops.outline import Outline
from ..ops.promotion import Spec
from ..tape.modes import modes
from . import functions
from .beneath import Beneath
from .device import CPU, META, Device, Layout, strided
from .making import wrap
from .storage import Alias, Storage, UntypedStorage

if TYPE_CHECKING:
    from .core import Tensor

__all__ = ["Inspection"]

ndarray = np.ndarray
_new = object.__new__


class Inspection(Beneath):
    """Questions to a tensor, and its values in other forms."""

    # -------------------------------------------------------------------------------------------------- where it lies

    @property
    def device(self) -> Device:
        """Where it lives: the CPU, or 'meta' if it has a shape and no values."""
        return META if self._value.__class__ is Outline else CPU

    @property
    def is_cpu(self) -> bool:
        """Whether it lives on the CPU."""
        return self.device is CPU

    @property
    def is_meta(self) -> bool:
        """Whether it has a shape and a dtype, and no values."""
        return self._value.__class__ is Outline

    def _moved(self: Any, place: Device) -> Tensor:
        """On the other device: from the CPU an outline, with the history that it had."""
        if place is CPU:
            self._concrete(f"to({str(place)!r})")
        if self.edge is None or not modes.grad:
            return wrap(Outline.of(self.spec), None)
        return ops.clone(self) * wrap(Outline.of(Spec((), self.dtype)), None)

    @property
    def layout(self) -> Layout:
        """Always `strided`."""
        return strided

    @property
    def is_leaf(self) -> bool:
        """True if no recorded op made it."""
        edge = self.edge
        return edge is None or edge[1] < 0

    @property
    def grad_fn(self) -> Any:
        """The node that made it, or None."""
        edge = self.edge
        return None if edge is None or edge[1] < 0 else edge[0]

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.shape if dim is None else self._value.shape[shapes.axis(dim, self.ndim)]

    def dim(self) -> int:
        """The number of axes."""
        return self.ndim

    def numel(self) -> int:
        """The number of elements."""
        return shapes.size(self._value.shape)

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.numel() * self.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is floating."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Always False."""
        return False

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours along each axis, in elements."""
        v = (
            self._value
            if modes.trace is None or self._value.__class__ is Outline
            else modes.trace.layout(self)
        )
        s = tuple([n // v.itemsize for n in v.strides])
        return s if dim is None else s[shapes.axis(dim, self.ndim)]

    def storage_offset(self) -> int:
        """How many elements of its storage lie before its first."""
        first, mine = self._storage.value, self._value
        if mine.__class__ is Outline:
            first, mine = first.layout, mine.layout
        elif modes.trace is not None:  # strides say it, whether there is memory or not
            whole = _new(Beneath._plain)
            whole._storage = self._storage
            first = mine = modes.trace.layout(whole)
            for op, attrs in self._path:
                mine = op.body(mine, **dict(attrs))
        gap = mine.__array_interface__["data"][0] - first.__array_interface__["data"][0]
        return gap // mine.itemsize

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie row-major without gaps. `memory_format` has no effect."""
        n = self.numel()
        return n < 2 or self._restrides((n,)) == (1,)

    def _restrides(self, shape: tuple) -> tuple | None:
        return shapes.restride(self._value.shape, self.stride(), shape)

    def contiguous(self: Any, memory_format: Any = None) -> Tensor:
        """Itself if row-major in memory, else a copy. `memory_format` has no effect."""
        return self if self.is_contiguous() else ops.clone(self)

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy with a gradient path. `memory_format` has no effect."""
        return ops.clone(self)

    def view(self, *shape: Any, size: Any = None, dtype: DType | None = None) -> Tensor:
        """The same memory under another shape; or, given a dtype, its bits read as that dtype, without
        a gradient. A dtype of another size changes the size of the last axis.
        """
        target = (dtype,) if dtype is not None else functions.shape.flat(shape, size)
        if target and isinstance(target[0], DType):
            return self._bits_as(target[0])
        try:
            new = shapes.resolve(target, self.numel())
        except ShapeError as e:
            raise ops.view.explained(e, (self,), {"shape": tuple(target)}) from None
        except TypeError as e:
            raise DTypeError(f"view: sizes are integers, found {target!r}") from e
        if self._restrides(new) is None:
            raise ShapeError(
                f"view: the memory of a tensor with shape {tuple(self.shape)} and strides {self.stride()} cannot be seen as {tuple(new)}\n"
                "  hint: reshape() copies where it must"
            )
        return ops.view(self, shape=new)

    def _bits_as(self, dtype: DType) -> Tensor:
        """The same memory under another dtype. A write to one counts as one to both."""
        v = self._concrete("view(dtype)")
        if dtype.itemsize != self.dtype.itemsize and (
            not v.ndim
            or v.strides[-1] != v.itemsize
            or (v.shape[-1] * v.itemsize) % dtype.itemsize
            or any([n % dtype.itemsize for n in v.strides[:-1]])
        ):
            raise ShapeError(
                f"view({dtype!r}): elements of {self.dtype.itemsize} bytes with shape {tuple(self.shape)} and "
                f"strides {self.stride()} cannot be read as elements of {dtype.itemsize} bytes"
            )
        out: Any = _new(Beneath._plain)
        out._value = v.view(dtype.numpy)
        out._storage = Alias(out._value, self._storage)
        return out

    def data_ptr(self) -> int:
        """The address of the first element, in bytes; 0 on the device 'meta'."""
        if self._value.__class__ is Outline:
            return 0
        return self.read().__array_interface__["data"][0]

    def untyped_storage(self) -> UntypedStorage:
        """The memory that this tensor and all views of it share, in bytes: where it is and how long. It cannot be changed so.

        >>> x = cr.zeros(3, 5)
        >>> x[1].untyped_storage() == x.untyped_storage(), x[1].untyped_storage().nbytes()
        (True, 60)
        """
        self.read()  # refuses what has no value
        return UntypedStorage(self._storage.value)

    # ----------------------------------------------------------------------------------------------------- its values

    def numpy(self, *, force: bool = False) -> ndarray:
        """The values as a NumPy array that shares memory. Refused for tensors that require a
        gradient unless `force`.

        bfloat16, which NumPy lacks, comes as float32 (a copy).
        """
        if self.requires_grad and not force:
            raise GradError(
                "a tensor that requires a gradient is not handed out as an array\n  hint: "
                "tensor.detach().numpy()"
            )
        v = self._concrete("numpy()")
        return dtypes.float32_from_bits(v) if v.dtype == dtypes.BF16_BITS else v

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        v = self.numpy()
        if dtype is not None and v.dtype != dtype:
            return v.astype(dtype)
        return v.copy() if copy else v

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What NumPy's functions of elements make of a tensor is a tensor: `numpy.exp(x)`."""
        return Beneath._plain(np.asarray(array), dtype=np.asarray(array).dtype)

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def _concrete(self, what: str) -> ndarray:
        """The raw array, where a trace could not have one."""
        v = self.read()
        if v.__class__ is Outline:
            raise DeviceError(
                f"{what} needs the values of a tensor on the device 'meta', where it has a shape and a dtype only\n"
                "  hint: Module.to_empty(device='cpu') gives a module memory, load_state_dict(…, assign=True) values"
            )
        if v.__class__ is not ndarray:
            modes.trace.refuse(
                f"{what} needs the value of a tensor, which a traced program has only when it runs",
                "compute with tensors (where, masked_fill, clamp …), or do this outside of the "
                "traced function",
            )
        return v

    def item(self) -> Any:
        """The only element as a Python number."""
        v = self._concrete("item()")
        if v.size != 1:
            raise ShapeError(
                f"item() takes a tensor with one element, found shape {tuple(v.shape)}"
            )
        return (
            (dtypes.float32_from_bits(v) if v.dtype == dtypes.BF16_BITS else v).reshape(()).item()
        )

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        v = self._concrete("tolist()")
        return (dtypes.float32_from_bits(v) if v.dtype == dtypes.BF16_BITS else v).tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.category == dtypes.FLOATING:
            raise DTypeError(
                f"only integer tensors can be used as an index, found {self.dtype.name}"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        v = self._concrete("a branch (if, while, and, or, bool())")
        if v.size != 1:
            raise ShapeError(
                f"the truth of a tensor with shape {tuple(v.shape)} is ambiguous\n  hint: .any() or .all()"
            )
        return bool(self.item())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a 0-d tensor has no len()")
        return self._value.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a 0-d tensor cannot be iterated over")
        return iter(functions.unbind(self))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        from .printing import text

        return text(self)

    def __format__(self, how: str) -> str:
        if self.ndim or (modes.trace is not None and not how):
            return repr(self)
        return format(self.item(), how)

    # --------------------------------------------------------------------------------------------------- copy, pickle

    def __deepcopy__(self: Any, memo: dict) -> Tensor:
        if self._edge is not None:
            raise GradError(
                "only leaves can be deep-copied\n  hint: clone() keeps the history, detach() "
                "drops it"
            )
        import copy

        out = _new(self.__class__)
        v = self._value
        out._value = (v if v.__class__ is Outline else self._concrete("deepcopy")).copy()
        out._storage = Storage(out._value)
        out._leaf = self._leaf
        memo[id(self)] = out
        if self._grad is not None:
            out._grad = copy.deepcopy(self._grad, memo)
        if self._copies_attributes and vars(self):
            out.__dict__ = copy.deepcopy(vars(self), memo)
        return out

    def __copy__(self: Any) -> Tensor:
        """The same memory, without history, with what was hung on it."""
        out = self.detach()
        out.__class__, out._leaf, out.__dict__ = type(self), self.requires_grad, vars(self)
        return out

    def __reduce_ex__(self, protocol: Any) -> tuple:
        # a file has no history: as in PyTorch, what had one comes back as a leaf
        v = self._value
        value = v if v.__class__ is Outline else self._concrete("pickle").copy()
        attributes = dict(vars(self))
        made_of = (self.__class__, value, self.requires_grad)
        return (_rebuilt, (*made_of, attributes) if attributes else made_of)


def _rebuilt(cls: type, value: Any, leaf: bool, attributes: dict | None = None) -> Tensor:
    out: Any = _new(cls)
    out._value, out._storage, out._leaf = value, Storage(value), leaf
    out.__dict__ = attributes or {}
    return out
