"""The Tensor: a value with a shape, a dtype, and a memory of where it came from.

What lies under a tensor is its storage's value seen through its *path*, the view ops that lead
there (see `storage`). Three things follow:

- a write goes through the path into the storage, so every tensor on that storage sees it;
- a tensor whose storage was written since its own history was noted rebuilds that history from its
  base (`_sync`);
- it makes no difference whether arrays or Tracers lie below, which is all that tracing needs.

`_record` is the reading of an op call that has a Tensor among its operands. Everything the user
calls ends there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes, shapes
from ..base.dtypes import DType
from ..base.errors import ChainruleError, DTypeError, GradError, ShapeError, TraceError
from ..base.left_out import absent_from
from ..base.lines import describe, here
from ..ops.precision import autocast_dtype
from ..ops.promotion import Spec, common, spec_of
from ..ops.record import READERS, Op, as_floats
from ..tape.backward import NEEDS, Edge, OpNode
from ..tape.modes import modes
from . import functions
from .device import Device, device_of
from .indexing import assign_index, read_index
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
from .storage import Alias, Size, Storage

__all__ = ["Tensor", "made_of", "wrap"]

ndarray = np.ndarray
FLOAT32 = dtypes.float32.numpy
ABSENT = absent_from("Tensor")


class Tensor(Methods):
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

    _storage: Storage
    _value: Any  # the raw array seen through the path (a Tracer if made inside a trace)
    _path: tuple = ()  # view ops from the storage's value to this tensor
    _base: Tensor | None = None  # the tensor this is a differentiable view of
    _edge: Edge | None = None  # (node, k): it is output k of that node
    _stamp = 0  # storage version for which _edge is right (views)
    _leaf = False  # a leaf that requires a gradient
    _grad: Tensor | None = None
    _hooks: list | None = None
    _retains: _HookHandle | None = None
    _accumulated: list | None = None  # hooks after its gradient was added to
    _cut = False  # a view taken while gradients were off
    _past = False  # got by `.data`, or a view of such: what it writes is looked at more closely
    _before: Tensor | None = None  # what it was, if it has become a view of itself (see `_become`)
    _called = "tensor"  # in print; a derived class is called by its name
    __array_priority__ = (
        1000  # numpy_array * tensor asks the tensor; numpy.cos(tensor) takes its array
    )

    def __init_subclass__(cls, **options: Any) -> None:
        global _record
        super().__init_subclass__(**options)
        if "_called" not in vars(cls):
            cls._called = cls.__name__
        has_a_say = cls.__torch_function__ is not disabled_torch_function
        if has_a_say and not hasattr(_record, "__wrapped__"):
            before, _record = _record, functools.wraps(_record)(asking(_record))
            for known, reader in READERS.items():
                READERS[known] = _record if reader is before else reader
        if has_a_say and cls.detach is Tensor.detach:  # which is no op
            cls.detach = detach_in_class  # type: ignore[method-assign]
        READERS[cls] = _record  # a subclass takes part in dispatch as a Tensor does

    def __new__(
        cls, *data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        self = _new(cls)
        device_of(device)
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
        return _begin(self, value, requires_grad)

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
        return [name for name in object.__dir__(self) if name not in ABSENT]

    # ------------------------------------------------------------------------------------------ what lies beneath

    def read(self) -> Any:
        """The raw array below, or inside a trace the Tracer that stands for it. Do not write to
        it; see `write`.
        """
        trace = modes.trace
        if trace is not None:
            return trace.read(self)
        if self._value.__class__ is not ndarray:
            raise TraceError(
                "this tensor was made inside a traced function that has ended; it has no value\n"
                f"  made at  {describe(getattr(self._value, 'place', None))}\n"
                "  hint: return it from the function"
            )
        return self._value

    def write(self, value: Any) -> None:
        """Replace what lies below by raw values of this shape (broadcast to it), with no
        history. Every view sees it.
        """
        storage = self._storage
        if modes.trace is not None:
            modes.trace.write(self, value)
        else:
            target = self._value
            if not target.flags.writeable:
                if modes.weightless:
                    return
                raise ShapeError(
                    f"this tensor {tuple(self.shape)} cannot be written: several of its elements share "
                    "one place in memory, or it is read-only\n  hint: clone() it first"
                )
            np.copyto(target, value, casting="same_kind")
            if self._past:
                storage.note(target)
        storage.version += 1
        storage.written = here()

    def _sync(self) -> None:
        """A view whose storage was written since: its history is the base's, followed along the
        path.
        """
        version = self._storage.version
        base = self._root()
        if version == self._stamp or base is None:
            return
        if modes.trace is not None:
            modes.trace.read(self)  # notes the history it has, before that changes
        self._stamp = version
        if base._edge is None and not base._leaf:
            self._edge = None
            return
        if self._leaf:
            raise GradError(
                "this view was made a leaf, and what it is a view of was then written with a history "
                "of its own: its gradient could go to only one of the two\n"
                "  hint: clone() the view before requires_grad_()"
            )
        x: Any = base
        with modes_grad(True):
            for op, attrs in self._path[len(base._path) :]:
                x = op(x, **dict(attrs))
        self._edge = x._edge

    def _root(self) -> Tensor | None:
        """The tensor this is a differentiable view of."""
        base = self._base
        if base is not None and base._before is not None:
            base = self._base = base._before
        return base

    def _become(self, view: Callable[[Tensor], Tensor]) -> Tensor:
        """Look at the own memory through a view from now on, as `squeeze_` and its like do. Views that
        were taken before are then views of what this tensor was.
        """
        if modes.trace is not None:
            modes.trace.refuse(
                "a tensor's shape was changed in place inside a traced function, where others may hold it",
                "take the view instead: x = x.squeeze()",
            )
        if self._leaf:
            raise GradError(
                "a leaf that requires a gradient cannot become a view in place\n  hint: take the view"
            )
        with modes_grad(True):
            seen = view(self)
        if self._base is None:
            was: Any = _new(Tensor)
            was._storage, was._value, was._path = self._storage, self._value, self._path
            was._edge, was._stamp = self._edge, self._stamp
            self._before = self._base = was
        self._value, self._path = seen._value, seen._path
        self._edge, self._stamp = seen._edge, seen._stamp
        self.__dict__.pop("metas", None)
        return self

    @property
    def edge(self) -> Edge | None:
        """Where a gradient of this tensor goes on: (node, k), or (itself, −1) for a leaf; None
        if nowhere.
        """
        if self._base is not None:
            self._sync()
        return (self, -1) if self._leaf else self._edge

    @property
    def spec(self) -> Spec:
        """Shape and dtype, as laws take them."""
        v = self._value
        return Spec(v.shape, dtypes.stored(v.dtype))

    @functools.cached_property
    def metas(self) -> tuple:
        """Shape and stored dtype, as the backward pass asks of a leaf."""
        return ((self._value.shape, self._value.dtype),)

    # --------------------------------------------------------------------------------------------------- inspection

    @property
    def shape(self) -> Size:
        """The size of each axis."""
        return Size(self._value.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.shape)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return dtypes.stored(self._value.dtype)

    @property
    def device(self) -> Device:
        """Where it lives: always the CPU."""
        return CPU

    @property
    def layout(self) -> str:
        """Always 'strided'."""
        return "strided"

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

    @property
    def requires_grad(self) -> bool:
        """Whether what is done with it is recorded."""
        if self._base is not None:
            self._sync()
        return self._leaf or self._edge is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this a leaf whose `.grad` backward fills (or no longer)."""
        if self._edge is not None:
            if not requires_grad:
                raise GradError(
                    "only a leaf can stop requiring a gradient\n  hint: detach() gives the value "
                    "without its history"
                )
            return self
        if requires_grad and not self.dtype.is_floating_point:
            raise DTypeError(
                f"only floating tensors can require a gradient, found {self.dtype.name}"
            )
        self._leaf = bool(requires_grad)
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have accumulated here, or None."""
        if modes.trace is not None:
            modes.trace.reads_grad(self)
        return self._grad

    @grad.setter
    def grad(self, g: Tensor | None) -> None:
        if g is not None:
            if not isinstance(g, Tensor):
                raise DTypeError(f".grad is a Tensor or None, found {type(g).__name__}")
            if g.shape != self.shape or g.dtype is not self.dtype:
                raise ShapeError(
                    f".grad must be like the tensor, {tuple(self.shape)} {self.dtype.name}, found {tuple(g.shape)} {g.dtype.name}"
                )
        if modes.trace is not None:
            modes.trace.writes_grad(self)
        self._grad = g

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

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
            if self._value.__class__ is ndarray and modes.trace is None
            else modes.trace.layout(self)
        )
        s = tuple([n // v.itemsize for n in v.strides])
        return s if dim is None else s[shapes.axis(dim, self.ndim)]

    def storage_offset(self) -> int:
        """How many elements of its storage lie before its first."""
        first, mine = self._storage.value, self._value
        if modes.trace is not None:  # strides say it, whether there is memory or not
            whole = _new(Tensor)
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

    def view(self, *shape: Any) -> Tensor:
        """The same memory under another shape; or, given a dtype, its bits read as that dtype, without
        a gradient. A dtype of another size changes the size of the last axis.
        """
        target = functions.shape.flat(shape)
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
        out: Any = _new(Tensor)
        out._value = v.view(dtype.numpy)
        out._storage = Alias(out._value, self._storage)
        return out

    def data_ptr(self) -> int:
        """The address of the first element, in bytes."""
        return self.read().__array_interface__["data"][0]

    # --------------------------------------------------------------------------------------------------- conversion

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

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def _concrete(self, what: str) -> ndarray:
        """The raw array, where a trace could not have one."""
        v = self.read()
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

    __hash__ = object.__hash__  # by identity, although == compares elements

    # ------------------------------------------------------------------------------------------------------ autograd

    def backward(
        self,
        gradient: Any = None,
        retain_graph: Any = None,
        create_graph: Any = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradient of this tensor into the `.grad` of the leaves it came from.

        Args:
            gradient: the gradient that starts here, of this shape; 1 for a tensor with one element.
            retain_graph: keep the graph for another pass (as create_graph unless given).
            create_graph: record the pass, so that gradients can be differentiated.
            inputs: accumulate into these tensors only.
        """
        from .gradients import accumulate

        accumulate(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory without history: writes are seen by both, gradients are not."""
        out = _new(Tensor)
        out._value, out._storage, out._path, out._stamp = (
            self._value,
            self._storage,
            self._path,
            self._storage.version,
        )
        if modes.trace is not None:
            out._value = self.read()  # what it is at this point of the program
            modes.trace.own(out)
        return out

    def detach_(self) -> Tensor:
        """Forget the history in place."""
        if self._base is not None:
            raise GradError("a view cannot be detached in place\n  hint: detach()")
        self._edge, self._leaf = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history. PyTorch does not look at what is written through it; here
        a backward pass that needs one of the overwritten elements is an error.
        """
        out = self.detach()
        out._past = True
        return out

    @data.setter
    def data(self, other: Tensor) -> None:
        other = other if isinstance(other, Tensor) else made_of(other)
        if modes.trace is not None:
            modes.trace.refuse(
                "assigning .data replaces a tensor's memory, which a traced program holds on to",
                "use copy_(), which writes into it",
            )
        self._storage, self._value, self._path = other._storage, other._value, other._path
        self._base, self._before, self._stamp = None, None, other._storage.version
        self.__dict__.pop("metas", None)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call hook(tensor) after a backward pass has added to the `.grad` of this leaf; returns a handle whose
        `remove()` takes it away.
        """
        if not self._leaf:
            raise GradError("a hook after accumulation needs a leaf that requires a gradient")
        self._accumulated = self._accumulated or []
        self._accumulated.append(hook)
        return _HookHandle(self._accumulated, hook)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call hook(gradient) whenever a gradient of this tensor is computed; a tensor it
        returns takes the gradient's place.
        """
        edge = self.edge
        if edge is None:
            raise GradError("a hook needs a tensor that requires a gradient")

        # the node will hold `run`, which therefore must not hold this tensor
        shape = tuple(self.shape)

        def run(g: Any) -> Any:
            result = hook(g if isinstance(g, Tensor) else wrap(g, None))
            if result is None:
                return g
            if not isinstance(result, Tensor) or result.shape != shape:
                raise GradError(
                    f"a hook returns None or a gradient of shape {shape}, found {result!r}"
                )
            return result if isinstance(g, Tensor) else result.read()

        if edge[1] < 0:
            self._hooks = self._hooks or []
            hooks = self._hooks
        else:
            edge[0].hooks = edge[0].hooks or {}
            hooks = edge[0].hooks.setdefault(edge[1], [])
        kept = self._retains
        last = kept is not None and kept._run in hooks  # what is retained is what hooks have made
        hooks.insert(hooks.index(kept._run) if last else len(hooks), run)  # type: ignore[union-attr]
        return _HookHandle(hooks, run)

    def retain_grad(self) -> None:
        """Keep `.grad` of a tensor that is not a leaf."""
        if self.edge is None:
            raise GradError("retain_grad needs a tensor that requires a gradient")
        if self._leaf or self._retains is not None:
            return
        import weakref

        me = weakref.ref(self)  # the node must not keep its own output alive

        def keep(g: Tensor) -> None:
            if (tensor := me()) is not None:
                tensor._grad = (
                    g.detach().clone() if tensor._grad is None else tensor._grad + g.detach()
                )

        self._retains = self.register_hook(keep)

    @property
    def retains_grad(self) -> Any:
        """Whether `retain_grad` was called."""
        return self._retains is not None

    # ----------------------------------------------------------------------------------------------------- in-place

    def _assign(self, new: Tensor) -> Tensor:
        """Write a tensor of this shape (broadcast to it), with its history: what every in-place
        method comes down to.
        """
        self.need_assignable(new)
        self._need_broadcast(new)
        if new.dtype is not self.dtype:
            new = ops.cast(new, dtype=self.dtype)
        edge = self.edge  # of what was there before
        other = new.edge
        tracked = modes.grad and (edge is not None or other is not None)
        if tracked and self._cut:
            raise GradError(
                "a view taken under no_grad cannot be written with gradients on\n  hint: take the"
                " view with gradients on, or clone() it"
            )
        root = self._root()
        before = None if root is None else root.edge
        self.write(new.read())
        if not tracked:
            return self
        if new._value.shape != self._value.shape:
            with modes_grad(True):
                other = ops.expand(new, shape=self._value.shape).edge
        base = root
        if base is None:
            self._edge = other
            self._follow_retained()
        else:
            path = self._path[len(base._path) :]
            node = OpNode(
                ops.view_scatter,
                {"path": path},
                (before, other),
                _scatter_saved(self._value.shape, path),
                (),
                base.metas,
                here(),
            )
            base._edge = node, 0
            base._follow_retained()
        return self

    def _follow_retained(self) -> None:
        """After a write `.grad` is that of what the tensor is now."""
        if self._retains is not None:
            self._retains.remove()
            self._retains = None
            if self._edge is not None:
                self.retain_grad()

    def need_assignable(self, new: Tensor) -> None:
        """Refuse values that cannot be written here, whatever their shape."""
        root = self._root()
        if modes.grad and (self._leaf or (root is not None and root._leaf)):
            raise GradError(
                "a leaf that requires a gradient cannot be written in place\n  hint: under "
                "no_grad(), or write to a clone()"
            )
        if new.dtype.category > self.dtype.category:
            raise DTypeError(
                f"{new.dtype.name} values cannot be written into a tensor of dtype {self.dtype.name}\n  hint: convert one of them"
            )

    def _need_broadcast(self, new: Tensor) -> None:
        if new._value.shape == self._value.shape:
            return
        try:
            fits = shapes.broadcast(new._value.shape, self._value.shape) == self._value.shape
        except ShapeError:
            fits = False
        if not fits:
            raise ShapeError(
                f"values of shape {tuple(new.shape)} cannot be written into a tensor of shape {tuple(self.shape)}"
            )

    def copy_(self, src: Any, non_blocking: Any = False) -> Tensor:
        """Write the values of another tensor (broadcast, converted to this dtype)."""
        src = src if isinstance(src, Tensor) else made_of(src)
        return self._assign(ops.cast(src, dtype=self.dtype) if src.dtype is not self.dtype else src)

    def fill_(self, value: Any) -> Tensor:
        """Write one value everywhere."""
        return self._assign(
            value
            if isinstance(value, Tensor)
            else wrap(ops.full(shape=(), value=value, dtype=self.dtype), None)
        )

    def zero_(self) -> Tensor:
        """Write zeros."""
        return self.fill_(0)

    def __getitem__(self, index: Any) -> Tensor:
        return read_index(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        assign_index(self, index, value)

    # ------------------------------------------------------------------------------------------------- copy, pickle

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy with a gradient path. `memory_format` has no effect."""
        return ops.clone(self)

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """Itself if row-major in memory, else a copy. `memory_format` has no effect."""
        return self if self.is_contiguous() else ops.clone(self)

    def __deepcopy__(self, memo: dict) -> Tensor:
        if self._edge is not None:
            raise GradError(
                "only leaves can be deep-copied\n  hint: clone() keeps the history, detach() "
                "drops it"
            )
        import copy

        out = _new(self.__class__)
        out._value = self._concrete("deepcopy").copy()
        out._storage = Storage(out._value)
        out._leaf = self._leaf
        memo[id(self)] = out
        if self._grad is not None:
            out._grad = copy.deepcopy(self._grad, memo)
        return out

    def __reduce_ex__(self, protocol: Any) -> tuple:
        if self._edge is not None:
            raise GradError("only leaves can be pickled\n  hint: detach() drops the history")
        return _rebuilt, (self.__class__, self._concrete("pickle").copy(), self._leaf)

    # ------------------------------------------------------------------------------------------------------ operators

    def __add__(a, b):
        return _record(ops.add, (a, b), NONE)

    def __radd__(a, b):
        return _record(ops.add, (b, a), NONE)

    def __sub__(a, b):
        return _record(ops.sub, (a, b), NONE)

    def __rsub__(a, b):
        return _record(ops.sub, (b, a), NONE)

    def __mul__(a, b):
        return _record(ops.mul, (a, b), NONE)

    def __rmul__(a, b):
        return _record(ops.mul, (b, a), NONE)

    def __truediv__(a, b):
        return _record(ops.div, (a, b), NONE)

    def __rtruediv__(a, b):
        return _record(ops.div, (b, a), NONE)

    __rdiv__ = __rtruediv__

    def __floordiv__(a, b):
        return _record(ops.floor_divide, (a, b), NONE)

    def __rfloordiv__(a, b):
        return _record(ops.floor_divide, (b, a), NONE)

    def __mod__(a, b):
        return _record(ops.remainder, (a, b), NONE)

    def __rmod__(a, b):
        return _record(ops.remainder, (b, a), NONE)

    def __pow__(a, b):
        if b.__class__ is int and b < 0:
            return functions.pow(a, b)
        return _record(ops.pow, (a, b), NONE)

    def __rpow__(a, b):
        return _record(ops.pow, (b, a), NONE)

    def __matmul__(a, b):
        if isinstance(b, Tensor) and a._value.ndim > 1 and b._value.ndim > 1:
            return _record(ops.matmul, (a, b), NONE)
        return functions.matmul(a, b)

    def __rmatmul__(a, b):
        return functions.matmul(b if isinstance(b, Tensor) else made_of(b), a)

    def __neg__(a):
        return _record(ops.neg, (a,), NONE)

    def __pos__(a):
        return a

    def __abs__(a):
        return ops.abs(a)

    def __invert__(a):
        return ops.bitwise_not(a)

    def __and__(a, b):
        return _record(ops.bitwise_and, (a, b), NONE)

    def __rand__(a, b):
        return _record(ops.bitwise_and, (b, a), NONE)

    def __or__(a, b):
        return _record(ops.bitwise_or, (a, b), NONE)

    def __ror__(a, b):
        return _record(ops.bitwise_or, (b, a), NONE)

    def __xor__(a, b):
        return _record(ops.bitwise_xor, (a, b), NONE)

    def __rxor__(a, b):
        return _record(ops.bitwise_xor, (b, a), NONE)

    def __eq__(a, b):
        return ops.eq(a, b) if _operand(b) else False

    def __ne__(a, b):
        return ops.ne(a, b) if _operand(b) else True

    def __lt__(a, b):
        return _record(ops.lt, (a, b), NONE)

    def __le__(a, b):
        return _record(ops.le, (a, b), NONE)

    def __gt__(a, b):
        return _record(ops.gt, (a, b), NONE)

    def __ge__(a, b):
        return _record(ops.ge, (a, b), NONE)

    # ------------------------------------------------------------------------------------------- new tensors like it

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A tensor of this dtype from data."""
        device_of(device)
        return made_of(data, dtype or self.dtype, requires_grad)

    def new(self, *data: Any, device: Any = None) -> Tensor:
        """Of this dtype, zeros of these sizes or a tensor from data: PyTorch's older name for `new_zeros` and `new_tensor`."""
        return Tensor(*data, dtype=self.dtype, device=device)

    def _like(self, shape: Sequence, value: Any, dtype: Any, requires_grad: Any) -> Tensor:
        y = wrap(ops.full(shape=tuple(shape), value=value, dtype=dtype or self.dtype), None)
        return y.requires_grad_() if requires_grad else y

    def new_zeros(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Zeros of this dtype."""
        return self._like(functions.shape.flat(size), 0, dtype, requires_grad)

    def new_ones(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Ones of this dtype."""
        return self._like(functions.shape.flat(size), 1, dtype, requires_grad)

    def new_full(
        self,
        size: Sequence,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """One value, of this dtype."""
        return self._like(size, fill_value, dtype, requires_grad)

    def new_empty(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Memory of this dtype; here it holds zeros."""
        return self.new_zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_empty_strided(
        self,
        size: Sequence,
        stride: Sequence,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
    ) -> Tensor:
        """Memory of this dtype under given strides; here it holds zeros."""
        from .creation import empty_strided

        found = dtype or self.dtype
        return empty_strided(size, stride, dtype=found, device=device, requires_grad=requires_grad)


class _HookHandle:
    """Removes a hook: `handle.remove()`."""

    def __init__(self, hooks: list, run: Callable):
        self._hooks, self._run = hooks, run

    def remove(self) -> None:
        """Take the hook away (once)."""
        if self._run in self._hooks:
            self._hooks.remove(self._run)


class modes_grad:
    """Sets the gradient mode for a `with` block of our own."""

    __slots__ = ("before", "on")

    def __init__(self, on: bool):
        self.on = on

    def __enter__(self) -> None:
        self.before, modes.grad = modes.grad, self.on

    def __exit__(self, *exc: object) -> None:
        modes.grad = self.before


_new = object.__new__
NONE: dict = {}  # no attributes
NOTHING_SAVED: list = []
NOTHING = ("nothing", None)  # in the place of a saved value that no rule will ask for
CPU = device_of(None)


def _operand(b: Any) -> bool:
    return isinstance(b, (Tensor, bool, int, float, ndarray, np.generic))


def _rebuilt(cls: type, value: ndarray, leaf: bool) -> Tensor:
    out: Any = _new(cls)
    out._value, out._storage, out._leaf = value, Storage(value), leaf
    return out


def _scatter_saved(value_shape: tuple, path: tuple) -> list:
    """What the rules of view_scatter asked to keep, for a node made without evaluating the op."""
    known = {("shape", 1): value_shape, ("attribute", "path"): path}
    return [known[k] for k in ops.view_scatter.keep]


for _name, _absent in ABSENT.items():
    setattr(Tensor, _name, _absent)


def _are_sizes(data: tuple) -> bool:
    return all([isinstance(n, int) and not isinstance(n, bool) for n in data])


def _begin(t: Tensor, value: Any, requires_grad: bool) -> Tensor:
    """Give a new tensor its own memory."""
    t._value, t._storage = value, Storage(value)
    if modes.trace is not None:
        modes.trace.own(t)
    return t.requires_grad_() if requires_grad else t


def made_of(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of its own of a number, nested lists, an array or a tensor: floats from Python become
    the default dtype, integers int64, arrays and tensors keep theirs.
    """
    return _begin(object.__new__(Tensor), array_from(data, dtype), requires_grad)


def array_from(data: Any, dtype: Any = None) -> ndarray:
    """A raw array of its own from whatever a tensor can be made of."""
    wanted = None if dtype is None else dtypes.of(dtype)
    if isinstance(data, Tensor):
        v = data.read()
        if v.__class__ is not ndarray:
            return ops.cast(v, dtype=wanted or data.dtype)
        return dtypes.convert(v, wanted).copy() if wanted else v.copy()
    if isinstance(data, ndarray | np.generic):
        if modes.trace is not None:
            modes.trace.refuse(
                "a NumPy array was turned into a tensor inside a traced function: its values "
                "would be frozen into the program",
                "make the tensor outside and pass it in, or use a list for a constant",
            )
        found = dtypes.of(data.dtype)
        v = np.array(data, dtype=found.numpy, order="C")
        return dtypes.convert(v, wanted) if wanted else v
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        parts = [array_from(d, wanted) for d in data]
        return ops.stack(*parts, dim=0) if parts else np.zeros(0, np.float32)
    try:
        v = np.array(data)
    except ValueError as e:
        raise ShapeError(f"a tensor needs nested lists of equal lengths: {e}") from None
    if v.dtype.kind not in "biuf":
        if v.dtype.kind == "c":
            raise DTypeError("complex numbers are not supported")
        raise DTypeError(
            f"a tensor is made of numbers, found {type(data).__name__} holding {v.dtype}"
        )
    if wanted is None:
        wanted = (
            dtypes.default()
            if v.dtype.kind == "f" or not v.size
            else dtypes.bool_
            if v.dtype.kind == "b"
            else dtypes.int64
        )
        if (
            isinstance(data, (list, tuple))
            and v.size
            and (firsts := _first_array(data)) is not None
        ):
            wanted = dtypes.of(firsts.dtype)
    value = dtypes.convert(np.ascontiguousarray(v).reshape(v.shape), wanted)
    return value if modes.trace is None else modes.trace.constant(value)


def _holds_tensors(data: Sequence) -> bool:
    return len(data) > 0 and (
        isinstance(data[0], Tensor)
        or (isinstance(data[0], (list, tuple)) and _holds_tensors(data[0]))
    )


def _first_array(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data if isinstance(data, ndarray | np.generic) else None


def wrap(value: Any, edge: Edge | None, alias: bool = False) -> Any:
    """A tensor around a raw value whose gradient goes to `edge`. Numbers and None stay what they
    are.

    A leaf edge gives the leaf itself; with `alias` a new leaf of its own, at which gradients can be
    asked for.
    """
    if value is None or value.__class__ in (
        bool,
        int,
        float,
    ):  # not NumPy's float64, which is a float as well
        return value
    if isinstance(value, Tensor):
        return value
    if alias:
        out = _made(value, modes.trace)
        if edge is not None:
            identity = wrap(value, edge)
            out = identity if edge[1] >= 0 else ops.view(identity, shape=identity.shape)
        return out
    if edge is not None and edge[1] < 0:
        return edge[0]
    out = _made(value, modes.trace)
    if edge is not None:
        out._edge = edge
    return out


def _made(value: Any, trace: Any) -> Tensor:
    """A new tensor on a storage of its own, and part of the active trace if there is one."""
    out = _new(Tensor)
    if value.__class__ is ndarray:
        if not value.flags.c_contiguous:
            value = value.copy(order="C")  # everything but a view lies row-major
    elif isinstance(value, np.generic):
        value = np.asarray(value)
    if trace is not None:
        value = trace.adopt(out, value)
    out._value = value
    out._storage = Storage(value)
    return out


# ------------------------------------------------------------------------------------------------------------ recording


def _record(op: Op, args: tuple, attrs: dict) -> Any:
    """An op on operands of which at least one is a Tensor: evaluate what lies below, and hang a
    node on the tape.
    """
    if modes.autocast is not None:
        target = autocast_dtype(op, modes.autocast)
        if target is not None:
            return _autocast(op, args, attrs, target)
    if op.is_definition:
        return _definition(op, args, attrs)
    if op.is_view:
        return _view(op, args[0], attrs)
    trace = modes.trace
    raw, edges, tracked = [], [], False
    for a in args:
        edge = None
        if isinstance(a, Tensor):
            value = a._value
            raw.append(value if trace is None and value.__class__ is ndarray else a.read())
            if a._base is not None:
                edge = a.edge
            else:
                edge = (a, -1) if a._leaf else a._edge
            if edge is not None:
                tracked = True
        else:
            raw.append(a)
        edges.append(edge)
    y = op.evaluate(raw, attrs) if trace is None else op.apply(tuple(raw), attrs)
    if not (tracked and op.differentiable and modes.grad):
        y = op.visible(y)
        return tuple([_made(v, trace) for v in y]) if y.__class__ is tuple else _made(y, trace)
    if not op.keeps_simply or None in edges:
        return _with_history(op, args, raw, edges, attrs, y)
    out = _made(y, trace)
    if y.dtype is not FLOAT32 and not dtypes.stored(y.dtype).is_floating_point:
        return out  # a cast to integers ends the history
    # from here on the usual case of `_with_history`: one output, and rules that need all operands,
    # perhaps with shapes of some, the output or nothing
    if op.keeps_simply == "operands":
        stamps = []
        for a in args:
            storage = a._storage
            stamps.append((storage, storage.version))
        if op.keeps_shapes:
            raw.extend([raw[k].shape for k in op.keeps_shapes])
    elif op.keeps_simply == "output":
        raw, stamps = [out._value], [(out._storage, 0)]
    else:
        raw = stamps = NOTHING_SAVED
    out._edge = OpNode(op, attrs, edges, raw, stamps, ((y.shape, y.dtype),), here(3)), 0
    return out


def _autocast(op: Op, args: tuple, attrs: dict, target: DType) -> Any:
    """An op whose floating operands go to another dtype before, but for float64."""
    before = modes.autocast
    modes.autocast = None  # what the op is made of is not cast again
    try:
        return _record(op, tuple([_lowered(a, target) for a in args]), attrs)
    finally:
        modes.autocast = before


def _lowered(a: Any, target: DType) -> Any:
    if not isinstance(a, Tensor) or not a.dtype.is_floating_point:
        return a
    return a if a.dtype in (target, dtypes.float64) else ops.cast(a, dtype=target)


def _definition(op: Op, args: tuple, attrs: dict) -> Any:
    """A composite without rules of its own: its body on tensors, where each op records itself, in the
    dtypes that the composite was given.
    """
    before = modes.autocast
    modes.autocast = None
    try:
        if op.types in ("floating", "same", "number"):
            common(op, [spec_of(a) for a in args])
        return op.visible(op.body(*as_floats(op, args), **attrs))
    except ChainruleError as e:
        raise op.explained(e, args, attrs) from None
    finally:
        modes.autocast = before


def _with_history(op: Op, args: tuple, raw: list, edges: list, attrs: dict, y: Any) -> Any:
    """The outputs as tensors, and the node that made them with what its rules need."""
    if op.single:
        outs: Any = (_made(y, modes.trace),)
        values: tuple = (y,)
    else:
        values = y
        outs = [_made(v, modes.trace) for v in y[: len(op.outputs)]]
    keep = op.keep
    if None in edges:
        needed = op.needed(tuple([e is not None for e in edges]))
        keep = tuple([entry if need else NOTHING for entry, need in zip(keep, needed, strict=True)])
    saved, stamps = [], []
    for source, k in keep:
        if source == "operand":
            saved.append(raw[k])
            a = args[k]
            if isinstance(a, Tensor):
                storage = a._storage
                stamps.append((storage, storage.version))
        elif source == "output":
            if k < len(outs):
                saved.append(outs[k]._value)
                stamps.append((outs[k]._storage, 0))
            else:
                saved.append(values[k])  # hidden
        elif source == "shape":
            saved.append(getattr(raw[k], "shape", ()))
        elif source == "attribute":
            saved.append(attrs[k])
        elif source == "operands":
            saved.append(tuple(raw[k:]))
            stamps.extend(
                [(a._storage, a._storage.version) for a in args[k:] if isinstance(a, Tensor)]
            )
        elif source == "shapes":
            saved.append(tuple([v.shape for v in raw[k:]]))
        else:
            saved.append(NEEDS if source == "needs" else None)
    if op.single:
        out = outs[0]
        value = out._value
        if (
            value.dtype is FLOAT32 or dtypes.stored(value.dtype).is_floating_point
        ):  # a cast to integers ends the history
            out._edge = (
                OpNode(op, attrs, edges, saved, stamps, ((value.shape, value.dtype),), here()),
                0,
            )
        return out
    node = OpNode(
        op,
        attrs,
        edges,
        saved,
        stamps,
        tuple([(v.shape, v.dtype) for v in values[: len(outs)]]),
        here(),
    )
    for k, (out, name) in enumerate(zip(outs, op.outputs, strict=True)):
        if name not in op.constant:
            out._edge = node, k
    return outs[0] if len(outs) == 1 else tuple(outs)


def _view(op: Op, x: Tensor, attrs: dict) -> Tensor:
    """A view op: the result shares the storage and remembers the way there."""
    if op is ops.view and not (
        modes.trace is None and x._value.__class__ is ndarray and x._value.flags.c_contiguous
    ):
        if x._restrides(attrs["shape"]) is None:
            x = ops.clone(x)
    out = _new(Tensor)
    out._storage = x._storage
    out._path = (*x._path, (op, tuple(attrs.items())))
    if x._past:
        out._past = True
    trace = modes.trace
    if trace is None:
        out._value = op.evaluate((x._value if x._value.__class__ is ndarray else x.read(),), attrs)
    else:
        out._value = trace.view(x, out._path)
        trace.own(out)
    out._stamp = x._storage.version
    if modes.grad:
        edge = x.edge
        out._base = x if x._base is None else x._root()
        if edge is not None:
            saved = []
            for source, k in op.keep:
                saved.append(x._value.shape if source == "shape" else attrs[k])
            out._edge = (
                OpNode(
                    op, attrs, (edge,), saved, (), ((out._value.shape, out._value.dtype),), here()
                ),
                0,
            )
    else:
        out._cut = True
    return out


READERS[Tensor] = _record
