"""Sequences of different lengths: padded to one length, or packed without padding.

    T the longest length   B sequences   N elements of all sequences together

A packed sequence holds the B first elements, then the second elements of those that have one, and
so on: ``batch_sizes[t]`` counts the sequences longer than t. They are in order of falling length, so
that those which go on are always the first ones.

    padded  a b c      packed  a x p · b y · c      batch_sizes  3 2 1
            x y 0
            p 0 0

Lengths decide shapes. They are numbers of Python here, and a traced function may pack only by a
list of them: for each list it is another program.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from ..base.errors import ArgumentError, ShapeError
from ..tape.modes import modes
from ..tensors import Tensor, argsort, cat, full, int64, stack, tensor, where

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """A batch of sequences without padding; made by ``pack_padded_sequence`` and ``pack_sequence``.

    Attributes:
        data: the elements (N, …), step by step.
        batch_sizes: how many sequences have each step (T,), int64.
        sorted_indices: the places in the batch of the sequences as they lie here (B,), None if they
            were in order.
        unsorted_indices: the inverse permutation, which brings them back.

    Example:
        >>> from chainrule.nn.utils.rnn import pack_sequence
        >>> pack_sequence([tensor([1, 2, 3]), tensor([4, 5]), tensor([6])]).data
        tensor([1, 4, 6, 2, 5, 3])
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:  # PackedSequence((data, batch_sizes))
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def sizes(self) -> list[builtins.int]:
        """``batch_sizes`` as numbers."""
        known = self.__dict__.get("_sizes")
        return _numbers(self.batch_sizes) if known is None else known

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same sequences with ``data.to(…)``; itself if that changes nothing."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._with(data)

    def _with(self, data: Tensor) -> PackedSequence:
        """Sequences of the same lengths in the same order."""
        new = PackedSequence(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)
        new.__dict__.update(self.__dict__)
        return new

    def cpu(self) -> PackedSequence:
        """Itself: there is no other device."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Refused: there is no CUDA device."""
        return self.to("cuda")

    def double(self) -> PackedSequence:
        """In float64."""
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        """In float32."""
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        """In float16."""
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        """In int64."""
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        """In int32."""
        return self._with(self.data.int())

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False

    def pin_memory(self) -> PackedSequence:
        """Itself: without effect."""
        return self

    def is_pinned(self) -> bool:
        """False."""
        return False


def _numbers(lengths: Any) -> list[int]:
    """Lengths as numbers of Python."""
    if isinstance(lengths, Tensor):
        if modes.trace is not None:
            modes.trace.refuse(
                "lengths of sequences are values of a tensor here, which a traced program has only "
                "when it runs",
                "pack inside of the traced function with the lengths as a list of numbers",
            )
        if lengths.ndim != 1:
            raise ShapeError(f"lengths must be a vector, found shape {tuple(lengths.shape)}")
        lengths = lengths.tolist()
    return [int(n) for n in lengths]


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another, or None for None.

    Example:
        >>> from chainrule.nn.utils.rnn import invert_permutation
        >>> invert_permutation(tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    return None if permutation is None else argsort(permutation)


# ---- packing ------------------------------------------------------------------------------------


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Leave the padding out.

    Args:
        input: padded sequences (T, B, …), or (B, T, …) with ``batch_first``.
        lengths: the length of each (B,), at least 1 and at most T.
        batch_first: which of the first two axes is the batch.
        enforce_sorted: the sequences must be in order of falling length; otherwise they are sorted.

    Raises:
        ShapeError: lengths that do not fit the input.
        ValueError: with ``enforce_sorted``, sequences that are not in order.
        TraceError: lengths in a tensor, in a traced function.

    Example:
        >>> from chainrule.nn.utils.rnn import pack_padded_sequence
        >>> x = tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> p = pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
        >>> p.data, p.sorted_indices
        (tensor([4, 1, 3, 5, 2, 6]), tensor([2, 0, 1]))
    """
    counts = _numbers(lengths)
    if input.ndim < 2:
        raise ShapeError(
            f"pack_padded_sequence: the input is (T, B, …), found shape {tuple(input.shape)}"
        )
    x = input.transpose(0, 1) if batch_first else input
    T, B = x.shape[:2]
    if len(counts) != B:
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got "
            f"{len(counts)} (batch_size={B})"
        )
    if not counts or min(counts) <= 0 or max(counts) > T:
        raise ShapeError(
            f"pack_padded_sequence: Length of all samples has to be greater than 0 and at most "
            f"{T}, the number of steps, found {counts}"
        )
    order = None
    if not enforce_sorted:
        places = sorted(range(B), key=lambda b: -counts[b])  # equal lengths stay in their order
        counts = [counts[b] for b in places]
        order = tensor(places)
        x = x[:, order]
    elif any(a < b for a, b in pairwise(counts)):
        raise ArgumentError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    sizes = [sum(n > t for n in counts) for t in range(counts[0])]
    packed = PackedSequence(_taken(x[: counts[0]], sizes), tensor(sizes), order)
    packed.__dict__["_sizes"] = sizes
    return packed


def _taken(x: Tensor, sizes: list[int]) -> Tensor:
    """The elements (N, …) of x (T, B, …) that are not padding."""
    T, B = x.shape[:2]
    flat = x.reshape(T * B, *x.shape[2:])
    if sizes[-1] == B:
        return flat
    return flat[tensor([t * B + b for t, n in enumerate(sizes) for b in range(n)])]


def as_packed(x: Tensor, like: PackedSequence) -> PackedSequence:
    """Padded results (T, B, …), laid out as `as_padded` does, as a packed sequence of the same
    lengths.
    """
    return like._with(_taken(x, like.sizes()))


def as_padded(packed: PackedSequence) -> tuple[Tensor, Tensor | None]:
    """The elements as (T, B, …) in the order they have here, and which of them are none (T, B, 1):
    False where a sequence has ended, None if all are equally long. What stands there is arbitrary.
    """
    sizes = packed.sizes()
    T, B = len(sizes), sizes[0]
    if sizes[-1] == B:
        return packed.data.reshape(T, B, *packed.data.shape[1:]), None
    starts = [0, *accumulate(sizes)]
    places = [[starts[t] + b if b < n else 0 for b in range(B)] for t, n in enumerate(sizes)]
    alive = [[[b < n] for b in range(B)] for n in sizes]
    return packed.data[tensor(places)], tensor(alive)


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (length, …).

    Raises:
        ValueError: with ``enforce_sorted``, sequences that are not in order of falling length.

    Example:
        >>> from chainrule.nn.utils.rnn import pack_sequence
        >>> pack_sequence([tensor([4, 5]), tensor([1, 2, 3])], enforce_sorted=False).batch_sizes
        tensor([2, 2, 1])
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


# ---- padding ------------------------------------------------------------------------------------


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The opposite of ``pack_padded_sequence``.

    Args:
        sequence: what is packed.
        batch_first: whether the result is (B, T, …) rather than (T, B, …).
        padding_value: what stands after the end of a sequence.
        total_length: T, the longest length if None.

    Returns:
        The padded sequences in their original order, and their lengths (B,), int64.

    Raises:
        ValueError: a ``total_length`` shorter than the longest sequence.

    Example:
        >>> from chainrule.nn.utils.rnn import pack_sequence, pad_packed_sequence
        >>> pad_packed_sequence(pack_sequence([tensor([1, 2]), tensor([3])]), batch_first=True)
        (tensor([[1, 2],
                [3, 0]]), tensor([2, 1]))
    """
    sizes = sequence.sizes()
    T, B = len(sizes), sizes[0]
    if total_length is not None and total_length < T:
        raise ArgumentError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {T}"
        )
    x, alive = as_padded(sequence)  # (T, B, …)
    if alive is not None:
        mask = alive.reshape(T, B, *[1] * (x.ndim - 2))
        x = where(mask, x, full((), padding_value, dtype=x.dtype))
    if total_length is not None and total_length > T:
        rest = full((total_length - T, *x.shape[1:]), padding_value, dtype=x.dtype)
        x = cat([x, rest])
    lengths = tensor([sum(n > b for n in sizes) for b in range(B)], dtype=int64)
    if sequence.unsorted_indices is not None:
        x, lengths = x[:, sequence.unsorted_indices], lengths[sequence.unsorted_indices]
    return (x.transpose(0, 1) if batch_first else x), lengths


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, …) side by side, made equally long.

    Args:
        sequences: at least one.
        batch_first: whether the result is (B, T, …) rather than (T, B, …).
        padding_value: what is added.
        padding_side: "right" or "left".

    Raises:
        ValueError: another side.
        ShapeError: no sequences, or sequences whose other axes differ.

    Example:
        >>> from chainrule.nn.utils.rnn import pad_sequence
        >>> pad_sequence([tensor([1, 2]), tensor([3])], batch_first=True, padding_side="left")
        tensor([[1, 2],
                [0, 3]])
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"padding_side should be 'left' or 'right', got {padding_side!r}")
    parts = list(sequences)
    if not parts:
        raise ShapeError("pad_sequence: received an empty list of sequences")
    if any(not s.ndim or s.shape[1:] != parts[0].shape[1:] for s in parts):
        raise ShapeError(
            "pad_sequence: sequences are (length, …), equal but for their lengths, found shapes "
            f"{[tuple(s.shape) for s in parts]}"
        )
    T = max([s.shape[0] for s in parts])
    padded = []
    for s in parts:
        if s.shape[0] < T:
            rest = full((T - s.shape[0], *s.shape[1:]), padding_value, dtype=s.dtype)
            s = cat([s, rest] if padding_side == "right" else [rest, s])
        padded.append(s)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The opposite of ``pad_sequence``: the sequences without what was added on the right.

    Raises:
        ShapeError: not one length for each sequence.

    Example:
        >>> from chainrule.nn.utils.rnn import unpad_sequence
        >>> unpad_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
        [tensor([1, 2]), tensor([3])]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    counts = _numbers(lengths)
    if len(counts) != x.shape[0]:
        raise ShapeError(
            f"unpad_sequence: {x.shape[0]} sequences need as many lengths, found {len(counts)}"
        )
    return [s[:n] for s, n in zip(x, counts, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The opposite of ``pack_sequence``: the sequences in their original order.

    Example:
        >>> from chainrule.nn.utils.rnn import pack_sequence, unpack_sequence
        >>> unpack_sequence(pack_sequence([tensor([1, 2]), tensor([3])]))
        [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
