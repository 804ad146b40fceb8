"""PyTorch's `torch.version`: which interface this follows, and that there is no CUDA."""

__version__ = "2.13.0+chainrule"
cuda = hip = xpu = git_version = None
debug = False

__all__ = ["cuda", "debug", "hip"]
