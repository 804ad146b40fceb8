"""Windows that slide over any number of spatial axes, and convolution.

Legend: N batch, C channels in, O channels out, G groups, S spatial sizes of the input, P positions
of the output, K kernel sizes.

Attributes here are in normal form: `stride`, `dilation` one number per spatial axis, `padding` a
(before, after) pair per spatial axis.

Convolution is linear in x and in w, so it has two adjoints, and the three ops are each other's
derivatives: all orders come from three bodies.

    conv(x, w) → y
    conv_input(dy, w) → like x
    conv_weight(x, dy) → like w
"""

from __future__ import annotations

import itertools
from typing import Any

from ..backends import xp
from ..base.shapes import size
from .explain import refuse
from .kinds import window
from .promotion import Spec, common_dtype
from .record import Op, primitive
from .samples import F, S

# bytes of unfolded windows made at a time: they stay in the second-level cache between being written and multiplied
BLOCK = 2**19


def positions(s: int, k: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """How many windows of k elements fit on an axis of s."""
    return (s + padding[0] + padding[1] - dilation * (k - 1) - 1) // stride + 1


def output_sizes(
    sizes: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple
) -> tuple:
    """How many windows there are along each axis; refuses a window that does not fit."""
    out = tuple([positions(*v) for v in zip(sizes, kernel, stride, padding, dilation, strict=True)])
    for k, p in enumerate(out):
        if p < 1:
            reach = dilation[k] * (kernel[k] - 1) + 1
            raise refuse(
                f"the window must fit: on spatial axis {k} it spans {reach} but the padded input has "
                f"{sizes[k] + padding[k][0] + padding[k][1]}"
            )
    return out


def check_geometry(n: int, **attrs: tuple) -> None:
    """Refuse attributes that are not one entry for each of n spatial axes, or too small."""
    for name, v in attrs.items():
        if len(v) != n:
            raise refuse(f"{name} needs one entry for each of the {n} spatial axes, found {v}")
        if name != "padding" and min(v) < 1:
            raise refuse(f"{name} must be at least 1, found {v}")
        if name == "padding" and min(min(p) for p in v) < 0:
            raise refuse(f"padding must not be negative, found {v}")


def windows(x: Any, kernel: tuple, stride: tuple, dilation: tuple, out: tuple) -> Any:
    """All windows of padded x (N, C, *S) as a view (N, C, *K, *P): no element is copied."""
    steps = x.strides[2:]
    strides = (
        *x.strides[:2],
        *[s * d for s, d in zip(steps, dilation, strict=True)],
        *[s * t for s, t in zip(steps, stride, strict=True)],
    )
    return xp.as_strided(x, (*x.shape[:2], *kernel, *out), strides)


def padded(x: Any, padding: tuple, value: float = 0.0) -> Any:
    """Raw x with its spatial axes padded; x itself if there is nothing to pad."""
    if not any(a or b for a, b in padding):
        return x
    y = xp.full(
        (*x.shape[:2], *[n + a + b for n, (a, b) in zip(x.shape[2:], padding, strict=True)]),
        value,
        x.dtype,
    )
    y[
        (
            slice(None),
            slice(None),
            *[slice(a, a + n) for n, (a, _) in zip(x.shape[2:], padding, strict=True)],
        )
    ] = x
    return y


def inside(x: Any, spatial: tuple, padding: tuple) -> Any:
    """Padded x without its padding."""
    inner = [slice(a, a + s) for s, (a, _) in zip(spatial, padding, strict=True)]
    return x[(slice(None), slice(None), *inner)]


def taps(x: Any, kernel: tuple, stride: tuple, dilation: tuple, out: tuple) -> Any:
    """For each element of the window, in order, the strided view of padded x that it meets: K
    views of shape (N, C, *P).
    """
    for at in itertools.product(*map(range, kernel)):
        place = tuple(
            [
                slice(k * d, k * d + (m - 1) * s + 1, s)
                for k, d, m, s in zip(at, dilation, out, stride, strict=True)
            ]
        )
        yield at, x[(slice(None), slice(None), *place)]


def _blocks(n: int, bytes_each: int) -> list[slice]:
    """Cuts of the batch such that the windows of each cut take about BLOCK bytes."""
    step = max(1, BLOCK // max(bytes_each, 1))
    return [slice(k, min(k + step, n)) for k in range(0, n, step)]


# ------------------------------------------------------------------------------------------------------ convolution


def _conv_law(
    op: Op, x: Spec, w: Spec, *, stride: tuple, padding: tuple, dilation: tuple, groups: int
) -> Spec:
    """x (N, C, *S), w (O, C/G, *K) → (N, O, *P), Pₖ = ⌊(Sₖ + padding − dilation·(Kₖ − 1) − 1) /
    stride⌋ + 1.
    """
    if x.ndim < 3 or w.ndim != x.ndim:
        raise refuse(
            "x must be (N, C, *S) and w (O, C/G, *K) with as many axes",
            x=f"has {x.ndim} axes",
            w=f"has {w.ndim} axes",
        )
    check_geometry(x.ndim - 2, stride=stride, padding=padding, dilation=dilation)
    if 0 in w.shape:
        raise refuse("w must not be empty")
    if groups < 1 or x.shape[1] % groups or w.shape[0] % groups:
        raise refuse(
            f"groups must divide the channels of both, found groups={groups}, C={x.shape[1]}, O={w.shape[0]}"
        )
    if w.shape[1] * groups != x.shape[1]:
        last = x.shape[-1] == w.shape[1] * groups
        raise refuse(
            "the channels of x must be groups times the second axis of w",
            hint="channels stand behind the batch: x.movedim(-1, 1)" if last else "",
            x=f"C is {x.shape[1]}",
            w=f"needs C = {w.shape[1] * groups}",
        )
    out = output_sizes(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return Spec((x.shape[0], w.shape[0], *out), common_dtype(op, (x, w)))


_PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@primitive(
    window,
    types="same",
    law=_conv_law,
    reference="torch.conv2d",
    onnx="Conv",
    samples=(
        S(F(2, 3, 7, 5), F(5, 3, 3, 2), **_PLAIN),
        S(
            F(2, 4, 7, 5),
            F(6, 2, 3, 3),
            stride=(2, 1),
            padding=((1, 1), (0, 2)),
            dilation=(1, 2),
            groups=2,
        ),
        S(F(3, 2, 11), F(5, 2, 3), stride=(2,), padding=((1, 0),), dilation=(2,), groups=1),
        S(
            F(2, 2, 4, 3, 5),
            F(3, 2, 2, 1, 3),
            stride=(1, 2, 1),
            padding=((0, 0), (1, 1), (0, 0)),
            dilation=(1, 1, 1),
            groups=1,
        ),
    ),
)
def conv(x, w, /, *, stride, padding, dilation, groups):
    """Cross-correlation,  y[n, o, p] = Σ_{c, k} x[n, c, p·stride + k·dilation − padding] · w[o,
    c, k],  within each group of channels.
    """
    return _correlated(padded(x, padding), w, stride, dilation, groups)


def _correlated(x: Any, w: Any, stride: tuple, dilation: tuple, groups: int) -> Any:
    """The convolution of padded x: each group's kernels times the matrix of all windows."""
    (n, c), (o, cg), kernel, g = x.shape[:2], w.shape[:2], w.shape[2:], groups
    out = output_sizes(x.shape[2:], kernel, stride, ((0, 0),) * len(kernel), dilation)
    view_ = windows(x, kernel, stride, dilation, out)
    wide, p = cg * size(kernel), size(out)
    matrix = w.reshape(g, o // g, wide)
    y = xp.empty((n, g, o // g, p), x.dtype)
    for block in _blocks(n, c * size(kernel) * p * x.itemsize):
        xp.matmul(matrix, view_[block].reshape(-1, g, wide, p), out=y[block])
    return y.reshape(n, o, *out)


def _conv_input_law(op: Op, dy: Spec, w: Spec, *, spatial: tuple, **attrs: Any) -> Spec:
    """Like the x of the convolution with this w and dy: (N, C, *spatial)."""
    x = Spec((dy.shape[0], w.shape[1] * attrs["groups"], *spatial), dy.dtype)
    y = _conv_law(op, x, w, **attrs)
    if y.shape != dy.shape:
        raise refuse(
            f"a convolution from size {spatial} gives {y.shape}, not the shape of dy, {dy.shape}"
        )
    return Spec(x.shape, common_dtype(op, (dy, w)))


@primitive(
    window,
    types="same",
    law=_conv_input_law,
    onnx="ConvTranspose",
    samples=(
        S(F(2, 5, 5, 4), F(5, 3, 3, 2), spatial=(7, 5), **_PLAIN),
        S(F(2, 7, 5, 4), F(7, 3, 3, 2), spatial=(7, 5), **_PLAIN),
        S(
            F(2, 2, 3, 3),
            F(2, 3, 2, 2),
            spatial=(7, 8),
            stride=(3, 2),
            padding=((2, 0), (0, 1)),
            dilation=(1, 3),
            groups=1,
        ),
        S(
            F(2, 6, 4, 3),
            F(6, 2, 3, 3),
            spatial=(7, 5),
            stride=(2, 1),
            padding=((1, 1), (0, 2)),
            dilation=(1, 2),
            groups=2,
        ),
    ),
)
def conv_input(dy, w, /, *, spatial, stride, padding, dilation, groups):
    """The adjoint of `conv` in x: every output gradient spread back over its window (a
    transposed convolution).
    """
    (o, cg), geometry = w.shape[:2], (spatial, stride, padding, dilation, groups)
    simple = all([s == 1 or d == 1 for s, d in zip(stride, dilation, strict=True)])
    # to copy windows costs less than to add into them, as long as there are not many more of them
    return (_gathered if simple and o <= 2 * cg * groups else _spread)(dy, w, *geometry)


def _spread(
    dy: Any, w: Any, spatial: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int
) -> Any:
    """Every output gradient times the kernel, added to the window it came from."""
    n, (o, cg), kernel, out = dy.shape[0], w.shape[:2], w.shape[2:], dy.shape[2:]
    wide, p = cg * size(kernel), size(out)
    matrix = w.reshape(groups, o // groups, wide).mT
    x = xp.zeros(
        (n, cg * groups, *[s + a + b for s, (a, b) in zip(spatial, padding, strict=True)]), dy.dtype
    )
    grouped = dy.reshape(n, groups, o // groups, p)
    for block in _blocks(n, groups * wide * p * dy.itemsize):
        spread = xp.matmul(matrix, grouped[block]).reshape(-1, cg * groups, *kernel, *out)
        part = x[block]
        for at, tap in taps(part, kernel, stride, dilation, out):
            tap += spread[(slice(None), slice(None), *at)]
    return inside(x, spatial, padding)


def _gathered(
    dy: Any, w: Any, spatial: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int
) -> Any:
    """The same as convolutions of dy with the kernel turned round: for each remainder of the stride
    one, of the taps that meet places with that remainder. Strided axes are not dilated.
    """
    (o, cg), kernel = w.shape[:2], w.shape[2:]
    turned = w.reshape(groups, o // groups, cg, *kernel).swapaxes(1, 2)
    x = xp.zeros((dy.shape[0], cg * groups, *spatial), dy.dtype)
    for remainders in itertools.product(*map(range, stride)):
        places, taken, shifts = [], [], []
        for r, s, d, k, (a, _), n, m in zip(
            remainders, stride, dilation, kernel, padding, spatial, dy.shape[2:], strict=True
        ):
            first = -(-(a - r) // s)  # place first·s + r is the first that is not padding
            places.append(slice(first * s + r - a, n, s))
            taken.append(slice(r, k, s))
            count, reach = len(range(n)[places[-1]]), (len(range(k)[taken[-1]]) - 1) * d
            shifts.append((reach - first, count + first - m))
        part = turned[(..., *taken)]
        if part.size and x[(..., *places)].size:
            part = xp.flip(part, tuple(range(3, part.ndim)))
            # a kernel that lies backwards in memory would be no operand for a product of matrices
            part = part.reshape(cg * groups, o // groups, *part.shape[3:]).copy()
            moved = _shifted(dy, shifts)
            x[(..., *places)] = _correlated(moved, part, (1,) * len(kernel), dilation, groups)
    return x


def _shifted(x: Any, amounts: list[tuple[int, int]]) -> Any:
    """Raw x with so many zeros at both ends of its spatial axes, or so many elements less."""
    cut = [
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape[2:], amounts, strict=True)
    ]
    return padded(x[(..., *cut)], tuple([(max(a, 0), max(b, 0)) for a, b in amounts]))


def _conv_weight_law(op: Op, x: Spec, dy: Spec, *, kernel: tuple, **attrs: Any) -> Spec:
    """Like the w of the convolution with this x and dy: (O, C/G, *kernel)."""
    if attrs["groups"] < 1 or x.ndim < 3:
        raise refuse(
            f"x must be (N, C, *S) and groups at least 1, found {x.ndim} axes and groups={attrs['groups']}"
        )
    w = Spec((dy.shape[1], x.shape[1] // attrs["groups"], *kernel), x.dtype)
    y = _conv_law(op, x, w, **attrs)
    if y.shape != dy.shape:
        raise refuse(
            f"a convolution with kernel {kernel} gives {y.shape}, not the shape of dy, {dy.shape}"
        )
    return Spec(w.shape, common_dtype(op, (x, dy)))


@primitive(
    window,
    types="same",
    law=_conv_weight_law,
    samples=(
        S(F(2, 3, 7, 5), F(2, 5, 5, 4), kernel=(3, 2), **_PLAIN),
        S(
            F(2, 4, 7, 5),
            F(2, 6, 4, 3),
            kernel=(3, 3),
            stride=(2, 1),
            padding=((1, 1), (0, 2)),
            dilation=(1, 2),
            groups=2,
        ),
    ),
)
def conv_weight(x, dy, /, *, kernel, stride, padding, dilation, groups):
    """The adjoint of `conv` in w: every window of x times the gradient of its output, summed."""
    (n, c), o, out, spatial = x.shape[:2], dy.shape[1], dy.shape[2:], len(kernel)
    cg, p = c // groups, size(out)
    # (C, *K, N, *P)
    view_ = xp.moveaxis(windows(padded(x, padding), kernel, stride, dilation, out), 0, 1 + spatial)
    by_channel = xp.moveaxis(dy.reshape(n, o, p), 0, 1)  # (O, N, P)
    w = xp.zeros((groups, o // groups, cg * size(kernel)), x.dtype)
    for block in _blocks(n, c * size(kernel) * p * x.itemsize):
        at = (slice(None),) * (1 + spatial) + (block,)
        unfolded = view_[at].reshape(groups, cg * size(kernel), -1)
        w += xp.matmul(by_channel[:, block].reshape(groups, o // groups, -1), unfolded.mT)
    return w.reshape(o, cg, *kernel)


conv.vjp(
    x=lambda g, w, x_shape, stride, padding, dilation, groups: conv_input(
        g, w, spatial=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: conv_weight(
        x, g, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
conv_input.vjp(
    dy=lambda g, w, stride, padding, dilation, groups: conv(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, dy, w_shape, stride, padding, dilation, groups: conv_weight(
        g, dy, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
conv_weight.vjp(
    x=lambda g, dy, x_shape, stride, padding, dilation, groups: conv_input(
        dy, g, spatial=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
    dy=lambda g, x, stride, padding, dilation, groups: conv(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
