"""What this build is and what it runs on, answered truthfully."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from .base import configuration, dtypes
from .base.errors import DeviceError, DTypeError
from .tensors import Tensor

__all__ = [
    "OutOfMemoryError",
    "cuda",
    "finfo",
    "get_num_threads",
    "iinfo",
    "is_tensor",
    "set_num_threads",
    "typename",
    "version",
]

version = "0.1.0"


class OutOfMemoryError(RuntimeError):
    """What is raised where a device of its own memory has none left: never."""


class cuda:
    """There is no CUDA backend, and these say so."""

    # scripts import from its files, so it passes for a package
    __path__: tuple[str, ...] = ()
    __spec__ = ModuleSpec("torch.cuda", None, is_package=True)

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False

    @staticmethod
    def device_count() -> int:
        """0."""
        return 0

    @staticmethod
    def manual_seed(seed: int) -> None:
        """Seeds the current CUDA device, of which there is none."""

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        """Seeds every CUDA device, of which there are none."""

    @staticmethod
    def is_initialized() -> bool:
        """False."""
        return False

    @staticmethod
    def empty_cache() -> None:
        """Frees the memory held for later on CUDA devices, of which there are none."""

    @staticmethod
    def synchronize(device: Any = None) -> None:
        """Waits for all work on CUDA devices, of which there are none."""

    @staticmethod
    def get_device_name(device: Any = None) -> str:
        """Refused: there is no device to name."""
        raise DeviceError("there is no CUDA backend; tensors live on 'cpu'")

    @staticmethod
    def current_device() -> int:
        """Refused: there is no device to count."""
        raise DeviceError("there is no CUDA backend; tensors live on 'cpu'")

    _initialized = False
    get_device_properties = get_device_capability = set_device = get_device_name
    current_stream = default_stream = mem_get_info = utilization = get_device_name
    get_rng_state = set_rng_state = initial_seed = set_stream = get_device_name
    memory_summary = list_gpu_processes = set_per_process_memory_fraction = get_device_name

    @staticmethod
    def memory_allocated(device: Any = None) -> int:
        """0: no memory of a CUDA device is in use, nor was."""
        return 0

    max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated
    memory_cached = max_memory_cached = memory_allocated

    @staticmethod
    def memory_stats(device: Any = None) -> dict:
        """Nothing is counted: there is no CUDA device."""
        return {}

    @staticmethod
    def memory_snapshot() -> list:
        """The pieces of memory of CUDA devices: none."""
        return []

    get_arch_list = memory_snapshot

    @staticmethod
    def reset_peak_memory_stats(device: Any = None) -> None:
        """Begins to count the memory of a device anew, of which none is in use."""

    reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats
    init = ipc_collect = seed = seed_all = empty_cache

    @staticmethod
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        """False: there is no CUDA device, which could."""
        return False

    @staticmethod
    def is_current_stream_capturing() -> bool:
        """False."""
        return False

    @staticmethod
    def get_rng_state_all() -> list:
        """The states of the generators of all CUDA devices: none."""
        return []

    @staticmethod
    def set_rng_state_all(new_states: Any) -> None:
        """Puts the generators of all CUDA devices, of which there are none, into their states."""

    class _Refused:
        """Something of a CUDA device, of which there is none."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise DeviceError("there is no CUDA backend; tensors live on 'cpu'")

    class Event(_Refused):
        """A mark in the work of a CUDA device, of which there is none: refused."""

    class Stream(_Refused):
        """A queue of work of a CUDA device, of which there is none: refused."""

    class CUDAGraph(_Refused):
        """Work of a CUDA device that is recorded to be done again: refused."""

    class graph(_Refused):
        """A `with` block whose work is recorded: refused."""

    class StreamContext(_Refused):
        """A `with` block whose work goes to a stream: refused."""

    class FloatTensor(_Refused):
        """Tensors on a CUDA device, in questions: no tensor is one."""

    DoubleTensor = HalfTensor = BFloat16Tensor = LongTensor = IntTensor = FloatTensor
    ShortTensor = CharTensor = ByteTensor = BoolTensor = FloatTensor

    OutOfMemoryError = OutOfMemoryError


def typename(obj: Any) -> str:
    """The name of a thing's type, with its module; of a tensor `chainrule.FloatTensor` and its like."""
    if isinstance(obj, Tensor):
        return obj.type()
    return f"{type(obj).__module__}.{type(obj).__qualname__}".removeprefix("builtins.")


def is_tensor(obj: Any) -> bool:
    """Whether something is a Tensor."""
    return isinstance(obj, Tensor)


def get_num_threads() -> int:
    """How many threads a compiled program runs on. Eager products are as parallel as NumPy's BLAS
    is, which reads its own count (OPENBLAS_NUM_THREADS) when it is loaded.
    """
    return configuration.threads()


def set_num_threads(n: int) -> None:
    """Say how many threads compiled programs run on from now on; results do not depend on it.

    Raises:
        DeviceError: if `n` is not positive. More than the machine has is a warning.
    """
    configuration.set_threads(n)


class finfo:
    """Limits of a floating dtype: `bits eps max min tiny smallest_normal resolution dtype`."""

    def __init__(self, dtype: Any = None):
        d = dtypes.of(dtype or dtypes.default())
        if not d.is_floating_point:
            raise DTypeError(f"finfo takes a floating dtype, found {d.name}")
        self.dtype, self.bits = d.name, 8 * d.itemsize
        self.max = dtypes.largest(d)
        if d is dtypes.bfloat16:
            self.eps, self.tiny = 2.0**-7, 2.0**-126
        else:
            info = np.finfo(d.numpy)
            self.eps, self.tiny = float(info.eps), float(info.tiny)
        self.min, self.smallest_normal = -self.max, self.tiny
        self.resolution = 10.0 ** -int(np.floor(-np.log10(self.eps)))

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        limits = [f"{n}={getattr(self, n):g}" for n in names]
        return f"finfo({', '.join(limits)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype: `bits max min dtype`."""

    def __init__(self, dtype: Any):
        d = dtypes.of(dtype)
        if d not in dtypes.INTEGERS:
            raise DTypeError(f"iinfo takes an integer dtype, found {d.name}")
        info = np.iinfo(d.numpy)
        self.dtype, self.bits, self.max, self.min = (
            d.name,
            8 * d.itemsize,
            int(info.max),
            int(info.min),
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
