"""Making tensors: from data, from a shape, from chance.

`device`, `layout`, `pin_memory` and `memory_format` are accepted where PyTorch takes them; devices
other than 'cpu' are refused, the others cannot change a result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes, shapes
from ..base.errors import DTypeError, ShapeError
from ..tape.modes import modes
from .core import Tensor, made_of, wrap
from .device import device_of
from .functions.shape import flat
from .generator import Generator, default_generator
from .storage import Storage

__all__ = [
    "arange", "as_tensor", "asarray", "bernoulli", "empty", "empty_like", "eye", "from_dlpack",
    "from_numpy", "full", "full_like", "linspace", "meshgrid", "multinomial", "normal", "ones",
    "ones_like", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm",
    "tensor", "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip


def _made(value: Any, requires_grad: bool, device: Any = None) -> Tensor:
    device_of(device)
    out = wrap(value, None)
    return out.requires_grad_() if requires_grad else out


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
    device_of(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if (
        isinstance(data, np.ndarray)
        and (dtype is None or dtypes.of(dtype).numpy == data.dtype)
        and dtypes.of(data.dtype)
    ):
        return from_numpy(data)
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
    """A tensor on the memory of a raw array, where uint16 means bfloat16. For readers of files."""
    dtypes.stored(array.dtype)
    out = object.__new__(Tensor)
    out._value = array
    out._storage = Storage(array)
    return out


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of another library's array, by the DLPack protocol."""
    return from_numpy(np.from_dlpack(source))


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """One value everywhere; the dtype is that of the value unless given."""
    _only_steering("full", steering)
    found = dtypes.of(dtype) if dtype is not None else dtypes.of_scalar(fill_value)
    return _made(
        ops.full(
            shape=_sizes((size,) if isinstance(size, int) else tuple(size)),
            value=fill_value,
            dtype=found,
        ),
        requires_grad,
        device,
    )


def _only_steering(name: str, options: dict) -> None:
    """Arguments that only steer PyTorch's implementation pass; anything else is an error."""
    unknown = set(options) - {"layout", "pin_memory", "memory_format", "names", "out"}
    if unknown or options.get("out") is not None or options.get("names") is not None:
        raise TypeError(
            f"{name}() does not take {', '.join(sorted(unknown or {'out', 'names'} & set(options)))}"
        )


def _sizes(shape: tuple) -> tuple:
    out = tuple([int(n) for n in shape])
    if min(out, default=0) < 0:
        raise ShapeError(f"sizes cannot be negative, found {out}")
    return out


def zeros(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **steering: Any
) -> Tensor:
    """Zeros of a shape."""
    _only_steering("zeros", steering)
    return _made(
        ops.full(shape=_sizes(flat(size)), value=0, dtype=dtype or dtypes.default()),
        requires_grad,
        device,
    )


def ones(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **steering: Any
) -> Tensor:
    """Ones of a shape."""
    _only_steering("ones", steering)
    return _made(
        ops.full(shape=_sizes(flat(size)), value=1, dtype=dtype or dtypes.default()),
        requires_grad,
        device,
    )


def empty(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **steering: Any
) -> Tensor:
    """Memory of a shape, to be written; here it holds zeros, so that a forgotten write is the
    same every time.
    """
    if modes.weightless:  # one element stands for all: a loaded parameter comes in its place
        zero = np.zeros((), dtypes.of(dtype or dtypes.default()).numpy)
        return on_array(np.broadcast_to(zero, _sizes(flat(size))))
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad, **steering)


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
        device=device,
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
        device=device,
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
        device=device,
        requires_grad=requires_grad,
        **steering,
    )


def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """start, start + step, … before end; int64 if all three are integers."""
    _only_steering("arange", steering)
    start, end, step = (0, start, step) if end is None else (start, end, step)
    start, end, step = [v.item() if isinstance(v, Tensor) else v for v in (start, end, step)]
    if step == 0 or (end - start) * step < 0:
        raise ShapeError(f"arange: from {start} to {end} by steps of {step} leads nowhere")
    found = dtype or (
        dtypes.default()
        if any([isinstance(v, float) for v in (start, end, step)])
        else dtypes.int64
    )
    count = max(0, math.ceil((end - start) / step))
    return _made(
        ops.arange(start=start, step=step, count=count, dtype=found), requires_grad, device
    )


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` evenly spaced numbers from start to end, both included."""
    if steps < 0:
        raise ShapeError(f"linspace: the number of steps cannot be negative, found {steps}")
    found = dtypes.of(dtype or dtypes.default())
    x = ops.arange(start=0, step=1, count=steps, dtype=dtypes.float64)
    step = (end - start) / max(steps - 1, 1)
    # exact at both ends
    y = ops.where(x < steps / 2, x * step + start, (x - (steps - 1)) * step + end)
    return _made(ops.cast(y, dtype=found), requires_grad, device)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The identity matrix, n × m."""
    return _made(
        ops.eye(rows=n, columns=n if m is None else m, dtype=dtype or dtypes.default()),
        requires_grad,
        device,
    )


def _drawn(
    op: ops.Op,
    shape: tuple,
    generator: Generator | None,
    requires_grad: bool = False,
    device: Any = None,
    **attrs: Any,
) -> Tensor:
    return _made(
        (generator or default_generator).draw(op, _sizes(shape), **attrs), requires_grad, device
    )


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    _only_steering("rand", steering)
    return _drawn(
        ops.uniform, flat(size), generator, requires_grad, device, dtype=_floating("rand", dtype)
    )


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **steering: Any,
) -> Tensor:
    """Standard normal numbers."""
    _only_steering("randn", steering)
    return _drawn(
        ops.normal, flat(size), generator, requires_grad, device, dtype=_floating("randn", dtype)
    )


def _floating(name: str, dtype: Any) -> dtypes.DType:
    found = dtypes.of(dtype or dtypes.default())
    if not found.is_floating_point:
        raise DTypeError(f"{name} draws floating numbers, found dtype {found.name}")
    return found


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in the shape and dtype of another tensor."""
    return rand(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device,
        requires_grad=requires_grad,
    )


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers in the shape and dtype of another tensor."""
    return randn(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device,
        requires_grad=requires_grad,
    )


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from low up to, not including, high: randint(high, size) or randint(low, high,
    size).
    """
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ShapeError(f"randint: there is no integer from {low} up to, not including, {high}")
    return _drawn(
        ops.random_integers,
        tuple(size),
        generator,
        requires_grad,
        device,
        low=low,
        high=high,
        dtype=dtype or dtypes.int64,
    )


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None) -> Tensor:
    """Integers in the shape and dtype of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, tuple(input.shape), dtype=dtype or input.dtype)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """The integers 0 … n − 1 in random order: the order of 62 random bits each."""
    keys = (generator or default_generator).draw(
        ops.random_integers, (n,), low=0, high=2**62, dtype=dtypes.int64
    )
    return _made(ops.cast(ops.argsort(keys, dim=0), dtype=dtype or dtypes.int64), False, device)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
) -> Tensor:
    """Normal numbers with a mean and standard deviation, each a number or a tensor."""
    if size is None:
        given = [v for v in (mean, std) if isinstance(v, Tensor)]
        if not given:
            raise ShapeError("normal needs a size where mean and std are numbers")
        size, dtype = shapes.broadcast(*[tuple(v.shape) for v in given]), dtype or given[0].dtype
    return randn(tuple(size), generator=generator, dtype=dtype) * std + mean


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives, else 0, in the dtype of the input."""
    u = rand(tuple(input.shape), generator=generator, dtype=dtypes.float32)
    return (u < input).to(input.dtype)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn from rows of (unnormalised) probabilities, with or without putting back.

    With replacement by inverting the cumulative sum; without, by the largest of log p + Gumbel
    noise.  Source: Vieira 2014.
    """
    if input.ndim not in (1, 2) or not input.is_floating_point():
        raise ShapeError(
            f"multinomial takes a floating vector or matrix of probabilities, found {tuple(input.shape)} {input.dtype.name}"
        )
    p = input.detach()
    if bool(((p < 0) | ~ops.isfinite(p)).any()) or bool((p.sum(-1) <= 0).any()):
        raise ShapeError(
            "multinomial: probabilities must be finite, non-negative, and not all zero"
        )
    p = p.double()
    if replacement:
        edges = (p / p.sum(-1, keepdim=True)).cumsum(-1)
        u = rand((*p.shape[:-1], num_samples), generator=generator, dtype=dtypes.float64)
        found = (edges.unsqueeze(-2) <= u.unsqueeze(-1)).sum(-1)
        return ops.minimum(found, p.shape[-1] - 1)
    if bool(((p > 0).sum(-1) < num_samples).any()):
        raise ShapeError(
            f"multinomial: fewer than {num_samples} outcomes have a probability above 0\n  hint: replacement=True"
        )
    u = rand(tuple(p.shape), generator=generator, dtype=dtypes.float64) + 2.0**-26
    gumbel = ops.log(p) - ops.log(-ops.log(u))
    return ops.topk(gumbel, k=num_samples, dim=-1)[1]


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the lower triangle, (2, n)."""
    device_of(device)
    return made_of(np.stack(np.tril_indices(row, offset, col)), dtype=dtype or dtypes.int64)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the upper triangle, (2, n)."""
    device_of(device)
    return made_of(np.stack(np.triu_indices(row, offset, col)), dtype=dtype or dtypes.int64)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple:
    """Grids of coordinates of some vectors; 'ij' for matrices, 'xy' exchanges the first two
    axes.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"indexing is 'ij' or 'xy', found {indexing!r}")
    xs = list(flat(tensors))
    swap = indexing == "xy" and len(xs) > 1
    if swap:
        xs[0], xs[1] = xs[1], xs[0]
    shape = tuple([x.numel() for x in xs])
    grids = [
        ops.expand(x.view(*[-1 if j == k else 1 for j in range(len(xs))]), shape=shape)
        for k, x in enumerate(xs)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)
