"""How each kind of op is done for a whole batch at once: the rules of `vmap`.

A rule is given an equation that was traced for one sample, and its operands, of which some carry the batch as an
additional first axis. It answers with calls of ops on whole tensors, as many for a batch of a thousand as for one:

- *elementwise*: an axis more to broadcast over; operands of fewer axes get axes of size 1 behind the batch;
- *reductions, orders, views, joins, picks along an axis*: the same op, its attributes moved on by one axis (`shifted`);
- *products*: matrices have leading axes anyway; an einsum gets one more letter;
- *windows*: samples of a batch are more images; kernels that differ from sample to sample are groups of channels;
- *indices*: the batch is indexed as well, by 0, 1, 2, …;
- *scans* run step by step, since each step is batched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..base import shapes
from ..base.errors import TraceError
from ..base.lines import describe
from ..ops.promotion import spec_of
from ..ops.shape import walk
from ..tensors import functions
from ..tensors.core import Tensor, wrap
from .ir import Equation, Program, Var

__all__ = ["Operand", "run_batched", "shifted"]

SHIFTED = ("reduce", "order", "view", "concat", "gather", "scatter")
"""Kinds whose ops are told by attributes which axes they work on."""

UNMOVED = frozenset(
    "keepdim index start stop step offset descending k largest value dtype diagonal padding size reduce "
    "include_self".split()
)
"""Attributes that name no axis."""


class Operand:
    """A value of the batched program: a tensor, with the batch as its first axis or without, or a number."""

    __slots__ = ("batched", "value")

    def __init__(self, value: Any, batched: bool = False):
        self.value, self.batched = value, batched

    @property
    def ndim(self) -> int:
        """The axes of one sample."""
        return (
            np.ndim(self.value)
            if not isinstance(self.value, Tensor)
            else self.value.ndim - self.batched
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return (
            tuple(self.value.shape)[int(self.batched) :] if isinstance(self.value, Tensor) else ()
        )


class Randomness:
    """What random ops draw for a batch: numbers of its own for each sample ("different"), the same for all ("same"),
    or an error.
    """

    def __init__(self, kind: str, draw: Callable[[Equation, Sequence[Any], int | None], Any]):
        self.kind, self.draw = kind, draw


def run_batched(
    program: Program, values: Sequence[Operand], size: int, randomness: Randomness
) -> list[Operand]:
    """The outputs of a program of primitives, for all samples at once."""
    known = {v.id: x for v, x in zip(program.inputs, values, strict=True)}

    def value(v: Any) -> Operand | None:
        if isinstance(v, Var):
            return known[v.id]
        if v is None:
            return None
        return Operand(wrap(v.value, None) if isinstance(v.value, np.ndarray) else v.value)

    for eq in program.equations:
        args = [value(v) for v in eq.inputs]
        found = _equation(eq, args, size, randomness)
        for v, x in zip(eq.outputs, found, strict=True):
            known[v.id] = x
    return [x for x in map(value, program.outputs) if x is not None]


def _equation(eq: Equation, args: list, size: int, randomness: Randomness) -> list[Operand]:
    """The outputs of one equation."""
    name, kind = eq.op.name, eq.op.kind.name
    if kind == "random":
        return _random(eq, args, size, randomness)
    if eq.outputs[0].spec.weak:  # Python numbers are computed with as Python does
        return [Operand(eq.op.body(*[None if a is None else a.value for a in args], **eq.attrs))]
    if name == "scan":
        return _scan(eq, args, size, randomness)
    if not any(a is not None and a.batched for a in args):
        y = eq.op(*[None if a is None else a.value for a in args], **eq.attrs)
        outs = y if isinstance(y, tuple) else (y,)  # raw, if there were no operands
        return [Operand(v if isinstance(v, Tensor) else wrap(v, None)) for v in outs]
    rule = RULES.get(name) or OF_KINDS.get(kind)
    rule = rule or (_along_axes if kind in SHIFTED else None)
    if rule is None:
        raise TraceError(
            f"vmap has no rule for {name}\n  at    {describe(eq.place)}\n  hint: call it outside of vmap, or in a loop"
        )
    y = rule(eq, args, size)
    return [Operand(v, True) for v in (y if isinstance(y, tuple) else (y,))]


# ------------------------------------------------------------------------------------------------- shapes of operands


def _whole(a: Operand, size: int) -> Any:
    """An operand with the batch as its first axis, repeated if it has none."""
    if a.batched:
        return a.value
    x = a.value if isinstance(a.value, Tensor) else wrap(np.asarray(a.value), None)
    return functions.unsqueeze(x, 0).expand(size, *x.shape)


def _padded(a: Operand, ndim: int) -> Any:
    """A batched operand with axes of size 1 between the batch and the sample, up to `ndim` axes of a sample; others
    broadcast as they are.
    """
    if not a.batched or a.ndim >= ndim:
        return a.value
    x = a.value
    return ops.view(x, shape=(x.shape[0], *(1,) * (ndim - a.ndim), *a.shape))


def _elementwise(eq: Equation, args: list, size: int) -> Any:
    ndim = max([a.ndim for a in args if a is not None])
    return eq.op(*[None if a is None else _padded(a, ndim) for a in args], **eq.attrs)


# ---------------------------------------------------------------------------------------------- ops that work on axes


def shifted(op: Any, attrs: dict, size: int) -> dict:
    """An op's attributes for operands that have a batch of `size` in front.

    >>> from chainrule.ops import sum
    >>> shifted(sum, {"dim": (0, 2), "keepdim": False}, 5)
    {'dim': (1, 3), 'keepdim': False}
    """
    out = {}
    for key, v in attrs.items():
        if key in ("dim", "dims", "dim1", "dim2"):
            moved: Any = tuple([d + 1 for d in v]) if isinstance(v, tuple) else v + 1
            out[key] = (0, *moved) if op.name == "permute" else moved
        elif key == "shape":
            out[key] = (size, *v)
        elif key == "pads":
            out[key] = ((0, 0), *v)
        elif key == "path":
            out[key] = tuple([
                (step, tuple(shifted(step, dict(given), size).items())) for step, given in v
            ])  # fmt: skip
        elif key in UNMOVED:
            out[key] = v
        else:
            raise TraceError(f"vmap does not know what {key!r} of {op.name} means for a batch")
    return out


def _along_axes(eq: Equation, args: list, size: int) -> Any:
    """The same op one axis further on. A sample without axes gets one for the op to work on, which goes again."""
    # a number, as scatter takes it, is one for all
    xs = [_whole(a, size) if isinstance(a.value, Tensor) else a.value for a in args]
    attrs, flat = eq.attrs, [isinstance(x, Tensor) and x.ndim == 1 for x in xs]
    if "dim" in attrs and eq.op.kind.name != "concat" and any(flat):
        xs = [ops.view(x, shape=(size, 1)) if bare else x for x, bare in zip(xs, flat, strict=True)]
        attrs = attrs | {"dim": (0,) if isinstance(attrs["dim"], tuple) else 0}
    y = eq.op(*xs, **shifted(eq.op, attrs, size))
    outs = y if isinstance(y, tuple) else (y,)
    back = [
        v if tuple(v.shape[1:]) == o.spec.shape else ops.view(v, shape=(size, *o.spec.shape))
        for v, o in zip(outs, eq.outputs, strict=True)
    ]
    return tuple(back) if isinstance(y, tuple) else back[0]


def _expand(eq: Equation, args: list, size: int) -> Any:
    shape = eq.attrs["shape"]
    return ops.expand(_padded(args[0], len(shape)), shape=(size, *shape))


def _view_scatter(eq: Equation, args: list, size: int) -> Any:
    """The value is given all axes of the place it is put into, so that the batch stands before them."""
    x, value = args
    path = shifted(eq.op, eq.attrs, size)["path"]
    place = walk(np.broadcast_to(False, (size, *x.shape)), path)
    put = Operand(_whole(value, size), True)
    put = ops.expand(_padded(put, place.ndim - 1), shape=place.shape)
    return ops.view_scatter(_whole(x, size), put, path=path)


def _isin(eq: Equation, args: list, size: int) -> Any:
    """Each sample is looked up among its own elements."""
    x, among = args
    if not among.batched:
        return ops.isin(x.value, among.value, **eq.attrs)
    flat = ops.view(among.value, shape=(size, *(1,) * x.ndim, shapes.size(among.shape)))
    equal = ops.any(functions.unsqueeze(_whole(x, size), -1) == flat, dim=-1, keepdim=False)
    return ops.logical_not(equal) if eq.attrs["invert"] else equal


def _searchsorted(eq: Equation, args: list, size: int) -> Any:
    edges, values = args
    if edges.ndim == 1 and not edges.batched:
        return eq.op(edges.value, values.value, **eq.attrs)
    e, v = _whole(edges, size), _whole(values, size)
    rows = ops.view(v, shape=(size, shapes.size(values.shape))) if edges.ndim == 1 else v
    return ops.view(eq.op(e, rows, **eq.attrs), shape=tuple(v.shape))


def _as_strided(eq: Equation, args: list, size: int) -> Any:
    """Places are counted in one sample, and the samples lie one behind the other."""
    x, attrs = _whole(args[0], size), eq.attrs
    apart = shapes.size(args[0].shape)
    strides = (apart, *attrs["strides"])
    shape = (size, *attrs["shape"])
    return ops.as_strided(x, shape=shape, strides=strides, offset=attrs["offset"])


def _last_axes(eq: Equation, args: list, size: int) -> Any:
    """Ops that work on the last axes, whatever stands before."""
    return eq.op(*[_whole(a, size) for a in args], **eq.attrs)


# ----------------------------------------------------------------------------------------------------------- products


def _of_matrices(eq: Equation, args: list, size: int) -> Any:
    """Matrices stand on the last two axes; those before are a batch anyway, and broadcast."""
    ndim = max([a.ndim for a in args])
    return eq.op(*[_padded(a, ndim) for a in args], **eq.attrs)


def _pinv(eq: Equation, args: list, size: int) -> Any:
    """Beside the matrices it has bounds, numbers or one for each matrix."""
    a, *bounds = args
    given = [_padded(b, a.ndim - 2) if isinstance(b.value, Tensor) else b.value for b in bounds]
    return ops.pinv(_whole(a, size), *given, **eq.attrs)


def _einsum(eq: Equation, args: list, size: int) -> Any:
    left, right = eq.attrs["equation"].split("->")
    letter = next(
        c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in left
    )
    terms = [letter * a.batched + t for t, a in zip(left.split(","), args, strict=True)]
    return ops.einsum(*[a.value for a in args], equation=f"{','.join(terms)}->{letter}{right}")


# ------------------------------------------------------------------------------------------------------------ windows


def _windowed(eq: Equation, args: list, size: int) -> Any:
    """Pooling: the samples' images are one batch of images."""
    return _unfolded(eq.op(_folded(args[0], size), **eq.attrs), size)


def _folded(a: Operand, size: int) -> Any:
    """(batch, N, …) as (batch · N, …)."""
    x = _whole(a, size)
    return ops.view(x, shape=(size * x.shape[1], *x.shape[2:]))


def _unfolded(y: Any, size: int) -> Any:
    """(batch · N, …) as (batch, N, …)."""
    if isinstance(y, tuple):
        return tuple([_unfolded(v, size) for v in y])
    return ops.view(y, shape=(size, y.shape[0] // size, *y.shape[1:]))


def _beside(a: Operand, size: int) -> Any:
    """(batch, N, C, …) as (N, batch · C, …): the samples' channels side by side, a group for each."""
    x = functions.movedim(_whole(a, size), 0, 1)
    return ops.view(x, shape=(x.shape[0], size * x.shape[2], *x.shape[3:]))


def _apart(y: Any, size: int) -> Any:
    """(N, batch · C, …) as (batch, N, C, …)."""
    y = ops.view(y, shape=(y.shape[0], size, y.shape[1] // size, *y.shape[2:]))
    return functions.movedim(y, 1, 0)


def _conv(eq: Equation, args: list, size: int) -> Any:
    """conv and conv_input: one kernel for all samples, or a group of channels for each."""
    x, w = args
    if not w.batched:
        return _unfolded(eq.op(_folded(x, size), w.value, **eq.attrs), size)
    attrs = eq.attrs | {"groups": eq.attrs["groups"] * size}
    return _apart(eq.op(_beside(x, size), _folded(w, size), **attrs), size)


def _conv_weight(eq: Equation, args: list, size: int) -> Any:
    """A gradient of the kernel for each sample: a group of channels each."""
    attrs = eq.attrs | {"groups": eq.attrs["groups"] * size}
    return _unfolded(ops.conv_weight(*[_beside(a, size) for a in args], **attrs), size)


# ------------------------------------------------------------------------------------------------------------ indices


class _Picked:
    """What `x[:, i, :, j]` gives for one sample: the shape, and where the axes of the indices stand in it."""

    def __init__(self, x: tuple, indices: Sequence[tuple], dims: tuple):
        self.index = shapes.broadcast(*indices)
        self.together = dims == tuple(range(dims[0], dims[0] + len(dims)))
        self.first = dims[0] if self.together else 0
        rest = [n for k, n in enumerate(x) if k not in dims]
        self.shape = (*rest[: self.first], *self.index, *rest[self.first :])


def _indexed(x: Operand, indices: Sequence[Operand], dims: tuple, size: int) -> tuple:
    """Indices and axes by which a batched x is indexed, and the order of axes in which `x[…]` then comes, of
    (batch, *one sample's result).
    """
    picked = _Picked(x.shape, [i.shape for i in indices], dims)
    n, ndim = len(picked.index), len(picked.shape)
    later = tuple([d + 1 for d in dims])
    if not any(i.batched for i in indices):
        order = list(range(ndim + 1))
        if not picked.together:  # NumPy puts the indices' axes first, before the batch
            order = [*range(1, n + 1), 0, *range(n + 1, ndim + 1)]
        return [i.value for i in indices], later, picked, order
    rows = ops.view(ops.arange(start=0, step=1, count=size, dtype=_INT64), shape=(size, *(1,) * n))
    before = range(1, 1 + picked.first)
    inner = range(1 + picked.first, 1 + picked.first + n)
    behind = range(1 + picked.first + n, ndim + 1)
    order = [0, *inner, *before, *behind]
    return [wrap(rows, None), *[_padded(i, n) for i in indices]], (0, *later), picked, order


_INT64 = spec_of(0).dtype


def _index(eq: Equation, args: list, size: int) -> Any:
    x, indices = args[0], args[1:]
    where, dims, _, order = _indexed(
        Operand(_whole(x, size), True), indices, eq.attrs["dims"], size
    )
    y = ops.index(_whole(x, size), *where, dims=dims)
    return ops.permute(y, dims=tuple([order.index(k) for k in range(len(order))]))


def _index_put(eq: Equation, args: list, size: int) -> Any:
    x, values, indices = args[0], args[1], args[2:]
    where, dims, picked, order = _indexed(
        Operand(_whole(x, size), True), indices, eq.attrs["dims"], size
    )
    given = (
        values
        if isinstance(values.value, Tensor)
        else Operand(wrap(np.asarray(values.value), None))
    )
    put = _padded(given, len(picked.shape))
    put = ops.expand(put, shape=(size, *picked.shape))
    return ops.index_put(
        _whole(x, size), ops.permute(put, dims=tuple(order)), *where, dims=dims,
        accumulate=eq.attrs["accumulate"],
    )  # fmt: skip


def _embedding(eq: Equation, args: list, size: int) -> Any:
    """One table for all samples, or the samples' tables one below the other."""
    weight, at = args
    padding = eq.attrs["padding"]
    if not weight.batched:
        return ops.embedding(weight.value, at.value, padding=padding)
    rows = weight.shape[0]
    start = ops.arange(start=0, step=rows, count=size, dtype=_INT64)
    start = ops.view(start, shape=(size, *(1,) * at.ndim))
    y = ops.embedding(_folded(weight, size), _whole(at, size) + wrap(start, None), padding=None)
    if padding is None:
        return y
    here = ops.view(_whole(at, size) == padding, shape=(size, *at.shape, 1))
    return ops.where(here, y.detach(), y)


# --------------------------------------------------------------------------------------------------- loops and randomness


def _scan(eq: Equation, args: list, size: int, randomness: Randomness) -> list[Operand]:
    """Step by step: the number of ops grows with the steps, not with the batch."""
    from .passes.inline import inlined

    attrs = eq.attrs
    body, carries, length = inlined(attrs["body"]), attrs["carries"], attrs["length"]
    state = args[:carries]
    xs = args[carries : carries + attrs["sequences"]]
    constants = args[carries + attrs["sequences"] :]
    steps: list[list[Operand]] = []
    for t in reversed(range(length)) if attrs["reverse"] else range(length):
        now = [Operand(ops.select(x.value, dim=int(x.batched), index=t), x.batched) for x in xs]
        out = run_batched(body, [*state, *now, *constants], size, randomness)
        state = out[:carries]
        steps.append(out[carries:])
    if attrs["reverse"]:
        steps.reverse()
    stacked = []
    for k, v in enumerate(eq.outputs[carries:]):
        if not steps:
            stacked.append(Operand(wrap(np.zeros(v.spec.shape, v.spec.dtype.numpy), None)))
            continue
        rows = [_whole(step[k], size) for step in steps]
        stacked.append(Operand(ops.stack(*rows, dim=1), True))
    return [*state, *stacked]


def _random(eq: Equation, args: list, size: int, randomness: Randomness) -> list[Operand]:
    if randomness.kind == "error":
        raise TraceError(
            f"random numbers ({eq.op.name}) are drawn in a function given to vmap\n  at    {describe(eq.place)}\n"
            "  hint: randomness='different' draws for each sample, 'same' once for all; or draw them outside"
        )
    different = randomness.kind == "different"
    return [Operand(randomness.draw(eq, args, size if different else None), different)]


RULES: dict[str, Callable] = {
    "as_strided": _as_strided,
    "conv": _conv,
    "conv_input": _conv,
    "conv_weight": _conv_weight,
    "einsum": _einsum,
    "embedding": _embedding,
    "expand": _expand,
    "index": _index,
    "index_put": _index_put,
    "isin": _isin,
    "searchsorted": _searchsorted,
    "matmul": _of_matrices,
    "pinv": _pinv,
    "tril": _last_axes,
    "triu": _last_axes,
    "view_scatter": _view_scatter,
}
"""The rules of ops that need one of their own; kinds have the others."""

OF_KINDS = {"decompose": _of_matrices, "elementwise": _elementwise, "window": _windowed}
"""The rules of kinds; what works along axes has one of its own."""
