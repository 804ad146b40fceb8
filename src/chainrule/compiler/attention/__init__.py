"""Kernels of attention and of its backward pass, which hold no more than a few rows of the scores.

A task has one head (a place in the batch axes), or some query rows of it where heads are few. What
is read again and again is packed into the thread's scratch memory first: k and v as rows, or turned
over, so that the lanes of vectors are neighbouring keys. Then query rows go by in tiles, and for each
the keys in blocks:

    forward                             backward
    s = q kᵀ                            e = exp(q kᵀ − the row's maximum)
    e = exp(s − the row's maximum)      ds = e ∘ (h vᵀ − δ),  h = g / Σ e,  δ = Σ h ∘ y of each row
    y = e v / Σ e                       dq = ds k,  dk += dsᵀ q,  dv += eᵀ h

With several blocks, what the forward pass has summed is scaled whenever a row's maximum grows
(Source: Milakov & Gimelshein 2018, Online normalizer calculation for softmax). A causal mask leaves
out the keys that no row of a tile may see. The scores are computed times log₂ e, so that their
exponentials are powers of two; where a mask is added it is their differences that are multiplied, as
the lowest number there is, a common mask, has no room for more. The order of all sums depends on sizes and the processor alone.

Legend: T queries, S keys, D size of a head, E size of a value; R rows of a tile.

Read `heads` (what both kernels share), `forward`, `backward`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.ir import Program, Var
from ..emit import Memory, Reference
from ..fuse import Group, Grouping
from ..kernel import Kernel
from ..roles import ATTENTION, role
from ..target import Target
from .backward import Backward
from .forward import Forward

__all__ = ["attention", "attention_kept"]


def attention_kept(program: Program) -> frozenset[str]:
    """Which of the ops of attention have kernels for every equation of theirs in a program."""
    return ATTENTION - {eq.op.name for eq in program.equations if role(eq) == "host"}


def attention(
    name: str, grouping: Grouping, g: Group, memory: Memory, stores: Sequence[Var], target: Target
) -> tuple[Kernel, list[Reference]]:
    """The kernel of an equation of attention or of its backward pass, and its arguments."""
    kind = Forward if g.equations[0].op.name == "attention" else Backward
    h = kind(name, grouping, g.equations[0], memory, {v.id for v in stores}, target)
    return h.kernel(), h.references
