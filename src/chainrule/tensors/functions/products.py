"""Products of vectors, matrices and batches of them.

Where a product is scaled and added to something (`addmm` and its like) and all are integers, `beta` and
`alpha` are taken as integers, cut off as in PyTorch.
"""

from __future__ import annotations

import builtins
from typing import Any

from ... import ops
from ...base import dtypes, shapes
from ...base.errors import ArgumentError, DTypeError, ShapeError
from .arranging import roll
from .mixed import beside, in_float32
from .shape import reshape, squeeze, unsqueeze

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "cdist", "chain_matmul", "cross", "dot",
    "ger", "inner", "kron", "matmul", "mm", "mv", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip


def matmul(input: Any, other: Any) -> Any:
    """The matrix product of the last two axes; a vector counts as a row on the left and a column
    on the right.
    """
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(
            "matmul(a, b): both operands need at least one axis, a number has none\n"
            "  hint: a * b scales"
        )
    a = unsqueeze(input, 0) if input.ndim == 1 else input
    b = unsqueeze(other, 1) if other.ndim == 1 else other
    y = ops.matmul(a, b)
    if other.ndim == 1:
        y = squeeze(y, -1)
    return squeeze(y, -2 if other.ndim > 1 else -1) if input.ndim == 1 else y


def _need_axes(name: str, **wanted: tuple) -> None:
    for operand, (x, n) in wanted.items():
        if x.ndim != n:
            raise ShapeError(f"{name}: {operand} must have {n} axes, found {tuple(x.shape)}")


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    _need_axes("mm", input=(input, 2), mat2=(mat2, 2))
    return ops.matmul(input, mat2)


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices."""
    _need_axes("bmm", input=(input, 3), mat2=(mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: the batches must be equal, found {input.shape[0]} and {mat2.shape[0]}"
        )
    return ops.matmul(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    _need_axes("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors."""
    _need_axes("dot", input=(input, 1), tensor=(tensor, 1))
    return ops.einsum(input, tensor, equation="i,i->")


def vdot(input: Any, other: Any) -> Any:
    """The inner product of two vectors, the first conjugated, which leaves real numbers as they are."""
    _need_axes("vdot", input=(input, 1), other=(other, 1))
    return ops.einsum(input, other, equation="i,i->")


def inner(input: Any, other: Any) -> Any:
    """Σ over the last axis of both; a number scales.

    >>> inner(cr.tensor([1, 2, 3]), cr.tensor([0, 2, 1]))
    tensor(7)
    """
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            f"inner: the last axes must be equal, found {tuple(input.shape)} and {tuple(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices in the order that needs the fewest multiplications."""
    given = (
        matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    )
    for x in given:
        _need_axes("chain_matmul", matrix=(x, 2))
    return in_best_order(list(given))


def in_best_order(xs: list) -> Any:
    """Matrices multiplied in the order that needs the fewest multiplications.
    Source: Cormen et al., Introduction to Algorithms, section 15.2.
    """
    n = len(xs)
    sizes = [x.shape[0] for x in xs] + [xs[-1].shape[1]]
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            tries = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], cut[i][j] = builtins.min(tries)

    def product(i: int, j: int) -> Any:
        return xs[i] if i == j else mm(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    return product(0, n - 1)


def outer(input: Any, vec2: Any) -> Any:
    """The outer product of two vectors."""
    _need_axes("outer", input=(input, 1), vec2=(vec2, 1))
    return unsqueeze(input, 1) * unsqueeze(vec2, 0)


def ger(input: Any, vec2: Any) -> Any:
    """The outer product of two vectors, the same as `outer`."""
    return outer(input, vec2)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    _need_axes("trace", input=(input, 2))
    (input,) = in_float32(input)
    return ops.sum(ops.diagonal(input))


# ------------------------------------------------------------------------------------------------- scaled and added


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · mat1 @ mat2."""
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · mat @ vec."""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · batch1 @ batch2."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · Σ over the batch of batch1 @ batch2."""
    _need_axes("addbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    total = ops.einsum(batch1, batch2, equation="bij,bjk->ik")
    return _added("addbmm", input, total, beta, alpha)


def _added(name: str, input: Any, product: Any, beta: float, alpha: float) -> Any:
    input = beside(input, product)
    if input.dtype is not product.dtype:
        raise DTypeError(
            f"{name}: all operands must have one dtype, found {input.dtype.name} and {product.dtype.name}"
        )
    if not input.dtype.is_floating_point:
        beta, alpha = int(beta), int(alpha)
    shape = tuple(product.shape)
    if shapes.broadcast(tuple(input.shape), shape) != shape:
        raise ShapeError(
            f"{name}: input {tuple(input.shape)} cannot be expanded to the shape of the product, {shape}"
        )
    y = product if alpha == 1 else product * alpha
    if beta == 0:  # as in PyTorch, NaN in input does not reach the result
        return y
    return (input if beta == 1 else input * beta) + y


def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · input + alpha · (the outer product of two vectors)."""
    product = outer(vec1, vec2)
    shape = tuple(product.shape)
    if shapes.broadcast(tuple(input.shape), shape) != shape:
        raise ShapeError(f"addr: input {tuple(input.shape)} cannot be expanded to {shape}")
    dtype = dtypes.promote([(x.dtype, dtypes.AXES) for x in (input, product)])
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and not dtype.is_floating_point:
            raise DTypeError(f"addr: {name} of integers must be an integer, found {factor}")
    if dtype is dtypes.bool_:
        y = product if alpha else ops.logical_and(product, False)
        return ops.logical_or(input, y) if beta else y
    y = (product if alpha == 1 else product * alpha).to(dtype)
    x = input.to(dtype)
    return y if beta == 0 else (x if beta == 1 else x * beta) + y


# --------------------------------------------------------------------------------------- along axes, and of tensors


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Σ over axes of a paired with axes of b: the last of a with the first of b, so many as `dims`
    says; or dims = (axes of a, axes of b).

    >>> tensordot(cr.ones(2, 3, 5), cr.ones(3, 5, 7), dims=2).shape
    chainrule.Size([2, 7])
    """
    if hasattr(dims, "spec"):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > builtins.min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: dims={dims} of {a.ndim}-d and {b.ndim}-d tensors")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = [[d] if isinstance(d, int) else list(d) for d in dims]
    if len(left) != len(right):
        raise ShapeError(f"tensordot: as many axes of a as of b, found {left} and {right}")
    left = [shapes.axis(d, a.ndim) for d in left]
    right = [shapes.axis(d, b.ndim) for d in right]
    if len(set(left)) != len(left) or len(set(right)) != len(right):
        raise ShapeError(f"tensordot: an axis appears twice in {left} or {right}")
    for i, j in zip(left, right, strict=True):
        m, n = a.shape[i], b.shape[j]
        if m != n and 1 not in (m, n):
            raise ShapeError(f"tensordot: axis {i} of a has size {m}, axis {j} of b {n}")
        if m != n and m == 1:
            b = ops.cast(ops.sum(b, dim=j, keepdim=True), dtype=b.dtype)
        elif m != n:
            a = ops.cast(ops.sum(a, dim=i, keepdim=True), dtype=a.dtype)
    free_a = [k for k in range(a.ndim) if k not in left]
    free_b = [k for k in range(b.ndim) if k not in right]
    inside = shapes.size([a.shape[k] for k in left])
    rows, columns = [a.shape[k] for k in free_a], [b.shape[k] for k in free_b]
    x = reshape(ops.permute(a, dims=(*free_a, *left)), shapes.size(rows), inside)
    y = reshape(ops.permute(b, dims=(*right, *free_b)), inside, shapes.size(columns))
    return reshape(ops.matmul(x, y), (*rows, *columns))


def kron(input: Any, other: Any) -> Any:
    """The Kronecker product: every element of input, times the whole of other.

    >>> kron(cr.tensor([1, 2]), cr.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    n = builtins.max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    x = reshape(input, tuple([v for m in a for v in (m, 1)]))
    y = reshape(other, tuple([v for m in b for v in (1, m)]))
    return reshape(x * y, tuple([p * q for p, q in zip(a, b, strict=True)]))


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross product of vectors in space along an axis of size 3, by default the first such one.

    >>> cross(cr.tensor([1, 0, 0]), cr.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if dim is None:
        shape = shapes.broadcast(tuple(input.shape), tuple(other.shape))
        dim = next((k for k, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"cross needs an axis of size 3, found {shape}")
    return cross_along(input, other, dim)


def cross_along(input: Any, other: Any, dim: int) -> Any:
    """(a₁b₂ − a₂b₁, a₂b₀ − a₀b₂, a₀b₁ − a₁b₀) along an axis."""
    if input.ndim != other.ndim:
        raise ShapeError(
            f"cross: both must have as many axes, found {tuple(input.shape)} and {tuple(other.shape)}"
        )
    d = shapes.axis(dim, input.ndim)
    if not input.ndim or input.shape[d] != 3 or other.shape[d] != 3:
        raise ShapeError(
            f"cross: axis {dim} must have size 3, found {tuple(input.shape)} and {tuple(other.shape)}"
        )
    a, b = roll(input, -1, d), roll(other, -1, d)  # the next coordinate of each
    return a * roll(other, -2, d) - roll(input, -2, d) * b


# --------------------------------------------------------------------------------------------------------- distances

MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


def cdist(
    x1: Any,
    x2: Any,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Any:
    """The p-norm of the difference of every row of x1 (…, P, M) and every row of x2 (…, R, M): (…, P, R).

    `compute_mode` chooses a way of PyTorch's and has no effect. Where two rows are equal the gradient is 0.

    >>> cdist(cr.tensor([[0.0, 0.0]]), cr.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    if compute_mode is not None and compute_mode not in MODES:
        raise ArgumentError(
            f"cdist: compute_mode is one of {', '.join(MODES)}, found {compute_mode!r}"
        )
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist takes rows of one length, (…, P, M) and (…, R, M), found {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    _need_distances("cdist", p, x1, x2)
    x1, x2 = in_float32(x1, x2)
    return _distance(unsqueeze(x1, -2) - unsqueeze(x2, -3), p)


def _need_distances(name: str, p: float, *xs: Any) -> None:
    if p < 0:
        raise ArgumentError(f"{name}: p cannot be negative, found {p}")
    for x in xs:
        if not x.dtype.is_floating_point:
            raise DTypeError(f"{name} takes floating tensors, found {x.dtype.name}")


def _distance(difference: Any, p: float) -> Any:
    if difference.shape[-1] == 0:
        return ops.sum(difference, dim=-1)
    return ops.vector_norm(difference, p=float(p), dim=(-1,))
