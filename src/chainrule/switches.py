"""PyTorch's switches: what chainrule has of what they switch, answered truthfully.

Results here are always deterministic, products always computed in their dtype, and memory row-major; so a switch
that asks for this has nothing to do, and one that asks for anything else is refused or without effect, as it says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .base.errors import DeviceError
from .tensors.device import Device, device_of, placing, strided

__all__ = [
    "accelerator",
    "are_deterministic_algorithms_enabled",
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "distributed",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "memory_format",
    "mps",
    "mtia",
    "preserve_format",
    "set_default_device",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "strided",
    "use_deterministic_algorithms",
    "xpu",
]  # fmt: skip


# ------------------------------------------------------------------------------------------------ memory


class memory_format:
    """An order of axes in memory that PyTorch can be asked for. Without effect: tensors are row-major, and the
    compiler chooses its own order inside of a program.
    """

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"chainrule.{self.name}"


contiguous_format, preserve_format = (
    memory_format("contiguous_format"),
    memory_format("preserve_format"),
)
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")

# ------------------------------------------------------------------------------------------- determinism


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Without effect: every algorithm is deterministic, whatever the mode."""


def are_deterministic_algorithms_enabled() -> bool:
    """True, always."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Without effect: float32 products are float32's, which is PyTorch's "highest" and meets the others.

    Raises:
        ValueError: not one of "highest", "high", "medium".
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"precision is 'highest', 'high' or 'medium', found {precision!r}")


def get_float32_matmul_precision() -> str:
    """ "highest", always."""
    return "highest"


def set_flush_denormal(mode: bool) -> bool:
    """False: subnormal numbers are computed with as IEEE says, whatever the mode."""
    return False


def get_num_interop_threads() -> int:
    """1: ops run one after another."""
    return 1


def set_num_interop_threads(n: int) -> None:
    """Without effect: ops run one after another; `set_num_threads` says how many share one."""


# ------------------------------------------------------------------------------------------------ devices


def get_default_device() -> Device:
    """Where tensors are made: the CPU, or 'meta' within `with device("meta")`."""
    return device_of(None)


def set_default_device(device: Any) -> None:
    """Where tensors are made from now on in this thread: 'cpu', or 'meta' (shapes and dtypes without values)."""
    placing(device_of("cpu") if device is None else device).__enter__()


class _Absent:
    """A kind of device of which there is none."""

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False

    @staticmethod
    def is_built() -> bool:
        """False."""
        return False

    @staticmethod
    def device_count() -> int:
        """0."""
        return 0

    @staticmethod
    def manual_seed(seed: int) -> None:
        """Seeds every such device, of which there are none."""

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        """Seeds every such device, of which there are none."""

    @staticmethod
    def empty_cache() -> None:
        """Frees memory that is held for later on such devices, of which there are none."""

    @staticmethod
    def synchronize(device: Any = None) -> None:
        """Waits for all work on such devices, of which there are none."""


class mps(_Absent):
    """There is no backend for Apple's GPUs, and these say so."""


class xpu(_Absent):
    """There is no backend for Intel's GPUs, and these say so."""


class mtia(_Absent):
    """There is no backend for Meta's accelerators, and these say so."""


class accelerator(_Absent):
    """There is no accelerator, and these say so."""

    @staticmethod
    def current_accelerator(check_available: bool = False) -> None:
        """None: the CPU is not counted as one."""

    @staticmethod
    def current_device_index() -> int:
        """Refused."""
        raise DeviceError("there is no accelerator; tensors live on 'cpu'")


class cudnn:
    """The library of CUDA's convolutions, which is not used: its settings are kept and change nothing."""

    enabled, benchmark, deterministic, allow_tf32 = False, False, True, False

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False

    @staticmethod
    def version() -> None:
        """None."""

    @staticmethod
    @contextlib.contextmanager
    def flags(**settings: Any) -> Iterator[None]:
        """A block with other settings, which change nothing there either."""
        before = {name: getattr(cudnn, name) for name in settings if hasattr(cudnn, name)}
        for name in before:
            setattr(cudnn, name, settings[name])
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(cudnn, name, value)


class cuda:
    """PyTorch's kernels for CUDA devices, of which there are none: settings are kept and change nothing."""

    class matmul:
        """Products on such a device."""

        allow_tf32 = allow_fp16_reduced_precision_reduction = False
        allow_bf16_reduced_precision_reduction = allow_fp16_accumulation = False
        fp32_precision = "ieee"

    @staticmethod
    def is_built() -> bool:
        """False."""
        return False

    @staticmethod
    def flash_sdp_enabled() -> bool:
        """False."""
        return False

    mem_efficient_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled

    @staticmethod
    def math_sdp_enabled() -> bool:
        """True: attention is computed as its formula says."""
        return True

    @staticmethod
    def enable_flash_sdp(enabled: bool) -> None:
        """Without effect: there is one way to compute attention."""

    enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp

    @staticmethod
    @contextlib.contextmanager
    def sdp_kernel(*args: bool, **kernels: bool) -> Iterator[None]:
        """Without effect: there is one way to compute attention."""
        yield


class mkl:
    """Intel's library of products, which is not used."""

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False


openmp = mkl


class mkldnn:
    """The library of PyTorch's CPU kernels, which is not used."""

    enabled = False

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False


class distributed:
    """Several processes that share the work: there are none, and these say so."""

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False

    @staticmethod
    def is_initialized() -> bool:
        """False."""
        return False
