"""Array backends: the functions an op's body may call. NumPy is the reference."""

from .numpy import xp

__all__ = ["xp"]
