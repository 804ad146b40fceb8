"""Array backends: the functions an op's body may call. NumPy is the reference.

Imports NumPy and base only. Reading order: `protocol` (which functions), `numpy`, `special`,
`incomplete_gamma`, `bessel`, `polynomials`, `linalg`, `indefinite`; `memory` (what is freed is kept)."""

from .memory import keep_freed
from .numpy import xp

__all__ = ["xp"]

keep_freed()
