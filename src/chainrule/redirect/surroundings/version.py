"""PyTorch's `torch.version`: which interface this follows, and that there is no CUDA."""

__version__ = "2.13.0+chainrule"
cuda = hip = xpu = git_version = None
debug = False

__all__ = ["cuda", "debug", "hip"]


def show() -> str:
    """What PyTorch's `__config__.show()` says of its libraries: that there are none."""
    return f"chainrule {__version__}, on NumPy"


def parallel_info() -> str:
    """How many threads share an op."""
    from ...platform import get_num_threads

    return f"threads: {get_num_threads()}"
