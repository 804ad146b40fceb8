"""Convolutions as products over views of windows, and sums over windows as reductions.

A window view of a padded image moves in memory by the same strides over positions and over the
taps of the kernel. So a convolution is a product whose rows are the positions (image, y, x), whose
columns are the output channels, and whose summed axes are (ky, kx, channel), with no copy of the
windows. Its gradient by the weight sums over positions; its gradient by the input is a convolution
of the padded gradient with the kernel turned round, one for each remainder of the stride, because
an input element is touched by those taps only that agree with its position modulo the stride. Along
an axis with one position only, input elements and taps are the same thing: there is nothing to sum
(a transposed convolution that makes an image out of one pixel).

Images lie channels-last inside of the program: channels are then the vectors of products, and
(kx, channel) is one run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..graph.ir import Equation, Var
from ..ops import TABLE, Spec
from .fuse import Grouping
from .reach import Windows
from .space import Access, Axis, dense

__all__ = ["place_window"]

Pads = Sequence[tuple[int, int]]


def channels_last(ndim: int) -> tuple[int, ...]:
    """The order of the axes of an image (N, C, *S) in memory: channels innermost."""
    return (0, *range(2, ndim), 1)


def place_window(grouping: Grouping, eq: Equation) -> None:
    """Put a convolution or one of its gradients into groups."""
    {
        "conv": _conv, "conv_input": _conv_input, "conv_weight": _conv_weight, "max_pool": _pool, "sum_pool": _pool,
        "sum_pool_input": _pool_input,
    }[eq.op.name](grouping, eq)  # fmt: skip


def _padded(grouping: Grouping, x: Var, pads: Pads, value: float = 0.0) -> Var:
    """x with its spatial axes padded, in memory, channels last; x itself if there is nothing to
    pad."""
    if not any([low or high for low, high in pads]):
        return x
    key = (x.id, tuple(pads), value)
    if key not in grouping.padded:
        every = ((0, 0), (0, 0), *pads)
        shape = tuple([n + low + high for n, (low, high) in zip(x.spec.shape, every, strict=True)])
        out = Var(Spec(shape, x.spec.dtype))
        attrs = {"pads": every, "value": value}
        grouping.lay(out, dense(shape, channels_last(len(shape))))
        grouping.place(Equation(TABLE["pad"], (x,), attrs, (out,), None))
        grouping.padded[key] = out
    return grouping.padded[key]


def _run(n: int) -> list[Axis]:
    return [Axis(n)] if n > 1 else []


def _moves(*parts: tuple[list[Axis], int]) -> dict[Axis, int]:
    """How a dimension moves: each run of axes with its step; not at all with one whose step is 0."""
    return {a: step for run, step in parts if step for a in run}


def _product(
    grouping: Grouping, eq: Equation, inputs: tuple, out: Var, dims: list, reach: list, summed: list[Axis],
    first: list, *, closed: bool = False,
) -> None:  # fmt: skip
    windows = Windows(eq, inputs, (out,), reach, summed, first)
    grouping.maker[out.id] = windows
    grouping.own_product(windows, dims, closed=closed)


def _conv(grouping: Grouping, eq: Equation) -> None:
    x, w = eq.inputs
    assert isinstance(x, Var) and isinstance(w, Var)
    a = eq.attrs
    out = eq.outputs[0]
    grouping.lay(out, dense(out.spec.shape, channels_last(len(out.spec.shape))))
    source = _padded(grouping, x, a["padding"])
    _correlate(
        grouping, eq, source, w, out, out.spec.shape, a["stride"], a["dilation"], a["groups"]
    )


def _correlate(
    grouping: Grouping, eq: Equation, x: Var, w: Var, out: Var, shape: tuple, stride: Sequence[int],
    dilation: Sequence[int], groups: int,
) -> None:  # fmt: skip
    n, o, *positions = shape
    _, cg, *kernel = w.spec.shape
    image, group, column, channel = _run(n), _run(groups), _run(o // groups), _run(cg)
    if column:
        column[0].fixed = True
    places = [_run(p) for p in positions]
    taps = [_run(k) for k in kernel]
    x_reach = [
        _moves((image, 1)),
        _moves((group, cg), (channel, 1)),
        *[
            _moves((p, s), (t, d))
            for p, t, s, d in zip(places, taps, stride, dilation, strict=True)
        ],
    ]
    w_reach = [
        _moves((group, o // groups), (column, 1)),
        _moves((channel, 1)),
        *[_moves((t, 1)) for t in taps],
    ]
    summed = [a for run in [*taps, channel] for a in run]
    dims = [image, group + column, *places]
    _product(grouping, eq, (x, w), out, dims, [x_reach, w_reach], summed, [(), ()])


def _conv_weight(grouping: Grouping, eq: Equation) -> None:
    x, dy = eq.inputs
    assert isinstance(x, Var) and isinstance(dy, Var)
    a, result = eq.attrs, eq.outputs[0]
    source = _padded(grouping, x, a["padding"])
    n, o, *positions = dy.spec.shape
    _, cg, *kernel = result.spec.shape
    groups = a["groups"]
    image, group, column, channel = _run(n), _run(groups), _run(o // groups), _run(cg)
    places = [_run(p) for p in positions]
    taps = [_run(k) for k in kernel]
    x_reach = [
        _moves((image, 1)),
        _moves((group, cg), (channel, 1)),
        *[
            _moves((p, s), (t, d))
            for p, t, s, d in zip(places, taps, a["stride"], a["dilation"], strict=True)
        ],
    ]
    dy_reach = [
        _moves((image, 1)),
        _moves((group, o // groups), (column, 1)),
        *[_moves((p, 1)) for p in places],
    ]
    # the result lies as the product makes it, taps outside; whoever reads it turns it round
    out = Var(result.spec)
    ndim = len(result.spec.shape)
    grouping.lay(out, dense(result.spec.shape, (*range(2, ndim), 1, 0)))
    summed = [b for run in [image, *places] for b in run]
    dims = [group + column, channel, *taps]
    _product(
        grouping, eq, (source, dy), out, dims, [x_reach, dy_reach], summed, [(), ()], closed=True
    )
    grouping.place(Equation(TABLE["clone"], (out,), {}, (result,), eq.place))


def _conv_input(grouping: Grouping, eq: Equation) -> None:
    dy, w = eq.inputs
    assert isinstance(dy, Var) and isinstance(w, Var)
    a, kernel = eq.attrs, w.spec.shape[2:]
    sizes = (dy.spec.shape[2:], a["spatial"], kernel, a["stride"], a["padding"], a["dilation"])
    axes = [
        [Phase(0, n, None, p, 1)]
        if positions == 1 and d == 1 and p + n <= k
        else _phases(n, k, s, p, d)
        for positions, n, k, s, (p, _), d in zip(*sizes, strict=True)
    ]

    def place(out: Var, combination: Sequence[Phase]) -> None:
        _turned(grouping, eq, dy, w, out, combination)

    _in_phases(grouping, eq, axes, place)


def _in_phases(
    grouping: Grouping, eq: Equation, axes: Sequence[list[Phase]], place: Callable[[Var, Sequence[Phase]], None]
) -> None:  # fmt: skip
    """A gradient by an image, which `place` computes for one phase along each axis."""
    out = eq.outputs[0]
    grouping.lay(out, dense(out.spec.shape, channels_last(len(out.spec.shape))))
    lies = grouping.lies(out)
    combinations = list(itertools.product(*axes))
    if len(combinations) == 1 and [] not in [x.taps for x in combinations[0]]:
        place(out, combinations[0])
        return
    for combination in combinations:
        counts = [x.size for x in combination]
        if 0 in counts:
            continue
        shape = (*out.spec.shape[:2], *counts)
        steps = [s * x.stride for s, x in zip(lies.strides[2:], combination, strict=True)]
        strides = (*lies.strides[:2], *steps)
        offset = sum([x.first * s for x, s in zip(combination, lies.strides[2:], strict=True)])
        part = Var(Spec(shape, out.spec.dtype))
        grouping.part(part, out, Access(shape, strides, offset))
        if any([x.taps == [] for x in combination]):
            zeros = Var(part.spec)
            attrs = {"shape": shape, "value": 0.0, "dtype": out.spec.dtype}
            grouping.maker[zeros.id] = Equation(TABLE["full"], (), attrs, (zeros,), eq.place)
            grouping.place(Equation(TABLE["clone"], (zeros,), {}, (part,), eq.place))
        else:
            place(part, combination)
    grouping.assembly(eq)


class Phase(NamedTuple):
    """The input elements first, first + stride, … of an axis, and the taps that reach them; None if
    each has a tap of its own, element j the tap j + pad."""

    first: int
    size: int
    taps: list[int] | None
    pad: int
    stride: int


def _phases(n: int, k: int, stride: int, pad: int, dilation: int) -> list[Phase]:
    """The input elements for each remainder of their index by the stride."""
    if stride == 1:
        return [Phase(0, n, list(range(k)), pad, 1)]
    out = []
    for first in range(min(stride, n)):
        count = (n - first + stride - 1) // stride
        taps = [t for t in range(k) if (first + pad - t * dilation) % stride == 0]
        out.append(Phase(first, count, taps, pad, stride))
    return out


class Met(NamedTuple):
    """How the input elements of a phase meet outputs along an axis: the axes of elements and taps,
    the padding of dy, the first element of dy and the first tap, and by how many elements of dy, and
    how many taps, each of the two axes moves."""

    place: list[Axis]
    taps: list[Axis]
    pads: tuple[int, int]
    first: tuple[int, int]
    dy: tuple[int, int]
    w: tuple[int, int]


def _met(phase: Phase, dilation: int, positions: int) -> Met:
    """Element first + stride·j meets tap t at dy's position j + (first + pad − t·dilation) / stride."""
    first, count, taps, pad, stride = phase
    if taps is None:  # the one position meets each element through its own tap
        return Met(_run(count), [], (0, 0), (0, pad), (0, 0), (1, 0))
    taps = taps[::-1]  # so that positions grow
    at = [(first + pad - t * dilation) // stride for t in taps]
    low, high = at[0], at[-1] + count - 1
    pads = (max(-low, 0), max(high - (positions - 1), 0))
    step = (at[1] - at[0], taps[1] - taps[0]) if len(taps) > 1 else (0, 0)
    start = (at[0] + max(-low, 0), taps[0])
    return Met(_run(count), _run(len(taps)), pads, start, (1, step[0]), (0, step[1]))


def _turned(
    grouping: Grouping, eq: Equation, dy: Var, w: Var, out: Var, combination: Sequence[Phase]
) -> None:
    """The gradient by the input elements of a phase: a correlation of dy with the taps that reach
    them."""
    n = out.spec.shape[0]
    o, cg, *_ = w.spec.shape
    groups = eq.attrs["groups"]
    spatial = zip(combination, eq.attrs["dilation"], dy.spec.shape[2:], strict=True)
    met = [_met(*axis) for axis in spatial]
    source = _padded(grouping, dy, [m.pads for m in met])
    image, group, row, column = _run(n), _run(groups), _run(o // groups), _run(cg)
    if column:
        column[0].fixed = True
    dy_reach = [
        _moves((image, 1)),
        _moves((group, o // groups), (row, 1)),
        *[_moves((m.place, m.dy[0]), (m.taps, m.dy[1])) for m in met],
    ]
    w_reach = [
        _moves((group, o // groups), (row, 1)),
        _moves((column, 1)),
        *[_moves((m.taps, m.w[1]), (m.place, m.w[0])) for m in met],
    ]
    begin = [(0, 0, *[m.first[0] for m in met]), (0, 0, *[m.first[1] for m in met])]
    summed = [b for run in [*[m.taps for m in met], row] for b in run]
    dims = [image, group + column, *[m.place for m in met]]
    _product(grouping, eq, (source, w), out, dims, [dy_reach, w_reach], summed, begin)


def _pool_input(grouping: Grouping, eq: Equation) -> None:
    """The gradient of sums over windows: for each element the sum of dy at the windows it is in."""
    dy = eq.inputs[0]
    assert isinstance(dy, Var)
    a = eq.attrs
    sizes = (a["spatial"], a["kernel"], a["stride"], a["padding"], a["dilation"], dy.spec.shape[2:])
    if all([n == k * q and s == k and d == 1 for n, k, s, _, d, q in zip(*sizes, strict=True)]):
        _repeated(grouping, eq, dy)
        return
    axes = [_phases(n, k, s, p, d) for n, k, s, (p, _), d, _ in zip(*sizes, strict=True)]

    def place(out: Var, combination: Sequence[Phase]) -> None:
        met = [
            _met(*axis) for axis in zip(combination, a["dilation"], dy.spec.shape[2:], strict=True)
        ]
        source = _padded(grouping, dy, [m.pads for m in met])
        if not any([m.taps for m in met]):  # each element is in one window
            for k, (m, count) in enumerate(zip(met, out.spec.shape[2:], strict=True)):
                attrs = {"start": m.first[0], "stop": m.first[0] + count, "step": 1}
                source = grouping.viewed(source, "slice_", dim=2 + k, **attrs)
            grouping.place(Equation(TABLE["clone"], (source,), {}, (out,), eq.place))
            return
        image, channel = _run(out.spec.shape[0]), _run(out.spec.shape[1])
        reach = [
            _moves((image, 1)),
            _moves((channel, 1)),
            *[_moves((m.place, m.dy[0]), (m.taps, m.dy[1])) for m in met],
        ]
        taps, places = [m.taps for m in met], [m.place for m in met]
        begin = [(0, 0, *[m.first[0] for m in met])]
        summed = [b for run in taps for b in run]
        windows = Windows(eq, (source,), (out,), [reach], summed, begin)
        grouping.own_reduction(windows, [image, channel, *places], places, taps)

    _in_phases(grouping, eq, axes, place)


def _repeated(grouping: Grouping, eq: Equation, dy: Var) -> None:
    """Windows that lie side by side: each element of dy repeated, as a view."""
    n, c, *positions = dy.spec.shape
    kernel = eq.attrs["kernel"]
    apart = (n, c, *[m for q in positions for m in (q, 1)])
    wide = (n, c, *[m for q, k in zip(positions, kernel, strict=True) for m in (q, k)])
    seen = grouping.viewed(grouping.viewed(dy, "view", shape=apart), "expand", shape=wide)
    attrs = {"shape": eq.outputs[0].spec.shape}
    grouping.seen(Equation(TABLE["view"], (seen,), attrs, eq.outputs, eq.place))


def _pool(grouping: Grouping, eq: Equation) -> None:
    """A reduction over the taps of windows. Where a window reaches into the padding is told by its
    place (see `picks`), so what lies there does not matter to a maximum; a sum reads zeros."""
    x = eq.inputs[0]
    assert isinstance(x, Var)
    a = eq.attrs
    for out in eq.outputs:
        if any(grouping.chain(x)[0].id in table for table in (grouping.layout, grouping.padded)):
            grouping.lay(out, dense(out.spec.shape, channels_last(len(out.spec.shape))))
    source = _padded(grouping, x, a["padding"])
    n, channels, *positions = eq.outputs[0].spec.shape
    image, channel = _run(n), _run(channels)
    places = [_run(p) for p in positions]
    taps = [_run(k) for k in a["kernel"]]
    reach = [
        _moves((image, 1)),
        _moves((channel, 1)),
        *[
            _moves((p, s), (t, d))
            for p, t, s, d in zip(places, taps, a["stride"], a["dilation"], strict=True)
        ],
    ]
    windows = Windows(eq, (source,), eq.outputs, [reach], [b for run in taps for b in run], [()])
    grouping.own_reduction(windows, [image, channel, *places], places, taps)
