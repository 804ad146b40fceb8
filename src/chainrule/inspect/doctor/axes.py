"""Does a view give an axis another place? It moves no number: only a transpose does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...tensors import Tensor
from .finding import Finding
from .look import Look

__all__ = ["check_axes"]


def check_axes(look: Look) -> Iterator[Finding]:
    """Views that should be a transpose or permute.

    ``(B, T, C)`` seen as ``(B, C, T)``, or as ``(B, H, T, C / H)``, has T in another place, but the numbers lie as they
    did: what is called a time there is made of parts of several. Seen as ``(B, T, H, C / H)`` each axis is only cut or
    joined, which a view is for.
    """
    for a in look.named("view"):
        x, y = a.args[0], a.result
        if not isinstance(x, Tensor) or not isinstance(y, Tensor):
            continue
        moved = _moved_axis(x.shape, y.shape)
        if moved is not None:
            size, before, after = moved
            yield Finding(
                "axis moved by view", "a view is to move an axis, but moves no number: what belongs together is torn apart",
                f"{tuple(x.shape)} is seen as {tuple(y.shape)}: the axis of {size} is number {before} in the one and number "
                f"{after} in the other, and its numbers lie where they lay",
                "transpose or permute, and then reshape if it must be", a.place,
            )  # fmt: skip


def _moved_axis(before: Sequence[int], after: Sequence[int]) -> tuple[int, int, int] | None:
    """An axis that is in both shapes, but not at the same numbers: its size, and its place in both.

    >>> _moved_axis((32, 12, 8), (32, 8, 12)), _moved_axis((2, 5, 7), (5, 14))
    ((12, 1, 2), (5, 1, 0))
    >>> _moved_axis((32, 12, 8), (32, 12, 2, 4)), _moved_axis((6, 4), (3, 8))
    (None, None)
    """
    if 0 in before:
        return None
    for a, b in _parts(before, after):
        sizes = [before[k] for k in a], [after[k] for k in b]
        for size in sizes[0] if min(len(a), len(b)) > 1 else ():
            if sizes[0].count(size) == sizes[1].count(size) == 1:
                return size, a[sizes[0].index(size)], b[sizes[1].index(size)]
    return None


def _parts(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """The smallest runs of axes of two shapes that hold as many numbers; axes of 1 are left out."""
    left = [k for k, n in enumerate(before) if n != 1]
    right = [k for k, n in enumerate(after) if n != 1]
    while left and right:
        a, b = [left.pop(0)], [right.pop(0)]
        p, q = before[a[0]], after[b[0]]
        while p != q:
            if p < q:
                a.append(left.pop(0))
                p *= before[a[-1]]
            else:
                b.append(right.pop(0))
                q *= after[b[-1]]
        yield a, b
