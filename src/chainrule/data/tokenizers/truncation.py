"""Texts that are too long, cut off."""

from __future__ import annotations

from ...base.errors import ShapeError

__all__ = ["cut_off"]


def cut_off(a: list, b: list | None, room: int, which: str, left: bool) -> tuple[list, list | None]:
    """A text, or two, shortened to so many tokens together.

    Args:
        a, b: the tokens of both, or where these are.
        room: how many there may be.
        which: "only_first" or "only_second": one of the two alone is shortened; else the longer first, until both are the same.
        left: whether the beginnings go, and not the ends.

    Raises:
        ShapeError: nothing would be left of the one that is shortened.

    >>> cut_off([1, 2, 3, 4], [5, 6], 4, "longest_first", left=False)
    ([1, 2], [5, 6])
    """

    def short(ids: list, n: int) -> list:
        return ids[len(ids) - min(n, len(ids)) :] if left else ids[:n]

    if len(a) + len(b or ()) <= room:
        return a, b
    if which in ("only_first", "only_second") and room:
        alone = a if which == "only_first" else b
        kept = room - (len(a) + len(b or ()) - len(alone or ()))
        if kept < 1 or alone is None:
            raise ShapeError(
                f"Tokenizer: truncation={which!r} to {room} tokens, special ones apart, leaves nothing of that text"
            )
        return (short(a, kept), b) if which == "only_first" else (a, short(alone, kept))
    if b is None:
        return short(a, room), None
    less, more = sorted((len(a), len(b)))
    more = less if less > room else max(less, room - less)
    if less + more > room:
        less, more = room // 2, room // 2 + room % 2
    n, m = (less, more) if len(a) <= len(b) else (more, less)
    return short(a, n), short(b, m)
