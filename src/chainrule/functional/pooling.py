"""Average pooling, written with `sum_pool` and products."""

from __future__ import annotations

import math

from ..ops import arange, cast, full, matmul, mean, permute, sum_pool, view
from ..ops.explain import refuse
from ..ops.kinds import window
from ..ops.record import composite
from ..ops.samples import F, S


@composite(
    window,
    types="floating",
    reference="torch.nn.functional.avg_pool2d",
    onnx="AveragePool",
    samples=(
        S(
            F(2, 3, 7, 5),
            kernel=(2, 2),
            stride=(2, 2),
            padding=((0, 0), (0, 0)),
            count_padding=True,
            divisor=None,
        ),
        S(
            F(2, 3, 7, 5),
            kernel=(3, 2),
            stride=(1, 2),
            padding=((1, 1), (1, 0)),
            count_padding=False,
            divisor=None,
        ),
    ),
)
def avg_pool(x, /, *, kernel, stride, padding, count_padding=True, divisor=None):
    """The mean of each window of x (N, C, *S). Without `count_padding` the mean is over elements
    inside x; `divisor` replaces the count.
    """
    geometry = {
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": (1,) * len(kernel),
    }
    total = sum_pool(x, **geometry)
    if divisor is not None:
        return total / divisor
    if count_padding or not any(map(any, padding)):
        return total / math.prod(kernel)
    return total / sum_pool(full(shape=(1, 1, *x.shape[2:]), value=1.0, dtype=x.dtype), **geometry)


def _parts(args, attrs):
    x, size = args[0], tuple(attrs["size"])
    if x.ndim != len(size) + 2:
        raise refuse(f"x must be (N, C, *S) with {len(size)} spatial axes", x=f"has {x.ndim} axes")
    if min(size) < 1:
        raise refuse(f"every axis is cut into at least one part, found size={size}")
    return attrs | {"size": size}


@composite(
    window,
    types="floating",
    normalize=_parts,
    reference="torch.nn.functional.adaptive_avg_pool2d",
    samples=(
        S(F(2, 3, 7, 5), size=(3, 2)),
        S(F(2, 3, 7, 5), size=(1, 1)),
        S(F(2, 3, 11), size=(4,)),
    ),
)
def adaptive_avg_pool(x, /, *, size):
    """The mean of windows that cut each spatial axis of x (N, C, *S) into `size` parts: part i
    is from ⌊i·S/P⌋ to ⌈(i+1)·S/P⌉.
    """
    spatial = tuple(range(2, x.ndim))
    if all(n == 1 for n in size):
        return mean(x, dim=spatial, keepdim=True)
    for d, parts in zip(spatial, size, strict=True):
        n = x.shape[d]
        if parts == n:
            continue
        dims = (*[k for k in range(x.ndim) if k != d], d)
        back = tuple([dims.index(k) for k in range(x.ndim)])
        x = permute(
            matmul(permute(x, dims=dims), cast(_averages(n, parts), dtype=x.dtype)), dims=back
        )
    return x


def _averages(n, parts):
    """The (n, parts) matrix whose column i averages the elements of part i."""
    i = arange(start=0, step=1, count=parts, dtype="int64")
    at = view(arange(start=0, step=1, count=n, dtype="int64"), shape=(n, 1))
    start, stop = i * n // parts, ((i + 1) * n + (parts - 1)) // parts
    inside = (at >= start) & (at < stop)
    return cast(inside, dtype="float64") / cast(stop - start, dtype="float64")
