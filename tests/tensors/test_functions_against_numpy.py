"""The torch-shaped functions against NumPy's of the same meaning, and what they refuse: without torch, so that the quick suite
goes through their branches. PyTorch itself is asked in test_functions_against_torch.py and test_torch_own_samples.py.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import linalg
from chainrule.base.errors import DTypeError, RangeError, ShapeError

RNG = np.random.default_rng(7)
V, W = RNG.standard_normal((2, 7))
A, B = RNG.standard_normal((2, 3, 5))
C = RNG.standard_normal((2, 3, 5))
S = RNG.standard_normal((4, 4)) + 5 * np.eye(4)
I = RNG.integers(0, 5, 11)  # noqa: E741
M = RNG.random((3, 5)) < 0.5
EDGES = np.sort(RNG.standard_normal(9))


def t(x):
    return cr.tensor(x)


SAME = {
    "fliplr": (lambda: cr.fliplr(t(A)), lambda: np.fliplr(A)),
    "flipud": (lambda: cr.flipud(t(A)), lambda: np.flipud(A)),
    **{f"rot90 {k}": (lambda k=k: cr.rot90(t(C), k, (1, 2)), lambda k=k: np.rot90(C, k, (1, 2))) for k in range(-1, 5)},
    "roll flat": (lambda: cr.roll(t(A), 4), lambda: np.roll(A, 4)),
    "roll two": (lambda: cr.roll(t(C), (1, -2), (0, 2)), lambda: np.roll(C, (1, -2), (0, 2))),
    "roll round": (lambda: cr.roll(t(A), 5, 1), lambda: A),
    "repeat_interleave counts": (lambda: t(A).repeat_interleave(t(np.array([2, 0, 3])), 0), lambda: np.repeat(A, [2, 0, 3], 0)),
    "repeat_interleave flat": (lambda: t(A).repeat_interleave(2), lambda: np.repeat(A, 2)),
    "repeat_interleave one": (lambda: t(A).repeat_interleave(t(np.array([3])), 1), lambda: np.repeat(A, 3, 1)),
    "diag_embed": (lambda: cr.diag_embed(t(V)), lambda: np.diag(V)),
    "diagflat": (lambda: cr.diagflat(t(V[:6].reshape(2, 3)), 1), lambda: np.diagflat(V[:6], 1)),
    "diag of a matrix": (lambda: cr.diag(t(A), 1), lambda: np.diag(A, 1)),
    "unravel_index": (lambda: cr.stack(cr.unravel_index(t(I), (2, 3))), lambda: np.stack(np.unravel_index(I, (2, 3)))),
    "diff twice": (lambda: cr.diff(t(C), 2, 1), lambda: np.diff(C, 2, 1)),
    "diff never": (lambda: cr.diff(t(C), 0), lambda: C),
    "diff of bools": (lambda: cr.diff(t(M)), lambda: np.diff(M)),
    "diff with ends": (
        lambda: cr.diff(t(A), prepend=t(B[:, :1]), append=t(B[:, 1:3])),
        lambda: np.diff(A, prepend=B[:, :1], append=B[:, 1:3]),
    ),
    "trapezoid": (lambda: cr.trapezoid(t(A)), lambda: np.trapezoid(A)),
    "trapezoid dx": (lambda: cr.trapezoid(t(A), dx=0.3, dim=0), lambda: np.trapezoid(A, dx=0.3, axis=0)),
    "trapezoid x": (lambda: cr.trapezoid(t(A), t(V[:5])), lambda: np.trapezoid(A, V[:5])),
    "trapezoid x of one axis": (lambda: cr.trapezoid(t(A), t(V[:3]), dim=0), lambda: np.trapezoid(A, V[:3], axis=0)),
    "trapezoid x of all": (lambda: cr.trapezoid(t(C), t(A), dim=1), lambda: np.trapezoid(C, A[None], axis=1)),
    "gradient": (lambda: cr.gradient(t(V))[0], lambda: np.gradient(V)),
    "gradient of axes": (lambda: cr.stack(cr.gradient(t(A), dim=(1, 0))), lambda: np.stack(np.gradient(A, axis=(1, 0)))),
    "gradient places": (
        lambda: cr.gradient(t(V), spacing=(t(np.arange(7.0) ** 2),))[0], lambda: np.gradient(V, np.arange(7.0) ** 2),
    ),
    "gradient second order": (
        lambda: cr.gradient(t(V), spacing=0.5, edge_order=2)[0], lambda: np.gradient(V, 0.5, edge_order=2),
    ),
    "gradient uneven second order": (
        lambda: cr.gradient(t(V), spacing=(t(np.arange(7.0) ** 2),), edge_order=2)[0],
        lambda: np.gradient(V, np.arange(7.0) ** 2, edge_order=2),
    ),
    "gradient of two": (lambda: cr.gradient(t(V[:2]))[0], lambda: np.gradient(V[:2])),
    "div floor": (lambda: cr.div(t(A), t(B), rounding_mode="floor"), lambda: np.floor(A / B)),
    "div trunc": (lambda: cr.div(t(A), t(B), rounding_mode="trunc"), lambda: np.trunc(A / B)),
    "div trunc of integers": (
        lambda: cr.div(t(I), -3, rounding_mode="trunc"), lambda: np.trunc(I / -3).astype(int),
    ),
    "where alone": (lambda: cr.stack(cr.where(t(M))), lambda: np.stack(np.where(M))),
    "heaviside": (lambda: cr.heaviside(t(np.round(A)), t(B)), lambda: np.heaviside(np.round(A), B)),
    "einsum by places": (lambda: cr.einsum(t(A), [0, 1], t(B), [0, 1], [0]), lambda: np.einsum("ij,ij->i", A, B)),
    "einsum sums alone": (lambda: cr.einsum("ij,k->i", t(A), t(V)), lambda: np.einsum("ij,k->i", A, V)),
    "einsum of a diagonal": (lambda: cr.einsum("ii->i", t(S)), lambda: np.einsum("ii->i", S)),
    "einsum of integers": (lambda: cr.einsum("i,j->i", t(I), t(I)), lambda: I * I.sum()),
    "cat drops nothing": (lambda: cr.cat([t(np.zeros(0)), t(A)], 0), lambda: A),
    "tensor_split places": (
        lambda: cr.cat([2 * x for x in cr.tensor_split(t(V), (2, 5))]), lambda: 2 * V,
    ),
    "tensor_split tensor": (lambda: t(V).tensor_split(t(np.array([2, 5])))[1], lambda: V[2:5]),
    "tensor_split number": (lambda: t(V).tensor_split(t(np.array(3)))[0], lambda: np.array_split(V, 3)[0]),
    "hsplit": (lambda: cr.hsplit(t(A), (1, 4))[1], lambda: np.hsplit(A, (1, 4))[1]),
    "vsplit": (lambda: cr.vsplit(t(S), 2)[1], lambda: np.vsplit(S, 2)[1]),
    "block_diag of nothing": (lambda: cr.block_diag(), lambda: np.zeros((1, 0))),
    "split of nothing": (lambda: t(A[:, :0]).chunk(3, 1)[2], lambda: A[:, :0]),
    "norm 1": (lambda: linalg.norm(t(A), 1), lambda: np.linalg.norm(A, 1)),
    "norm -inf": (lambda: linalg.norm(t(A), -np.inf), lambda: np.linalg.norm(A, -np.inf)),
    "norm nuc": (lambda: linalg.norm(t(A), "nuc"), lambda: np.linalg.norm(A, "nuc")),
    "norm 2 of axes": (lambda: linalg.norm(t(C), 2, (0, 2)), lambda: np.linalg.norm(C, 2, (0, 2))),
    "norm -2, axes kept": (
        lambda: linalg.matrix_norm(t(C), -2, (0, 2), keepdim=True), lambda: np.linalg.norm(C, -2, (0, 2), keepdims=True),
    ),
    "norm of a vector": (lambda: linalg.norm(t(V), 3), lambda: np.linalg.norm(V, 3)),
    "norm 0": (lambda: linalg.vector_norm(t(np.round(V)), 0), lambda: np.linalg.norm(np.round(V), 0)),
    "norm in float64": (
        lambda: linalg.vector_norm(t(V.astype("f4")), dtype=cr.float64), lambda: np.linalg.norm(V.astype("f4").astype("f8")),
    ),
    "tensor norm nuc": (lambda: t(A).norm("nuc"), lambda: np.linalg.norm(A, "nuc")),
    "matrix_rank": (lambda: linalg.matrix_rank(t(A)), lambda: np.linalg.matrix_rank(A)),
    "matrix_rank tol": (lambda: linalg.matrix_rank(t(S), tol=5.0), lambda: np.linalg.matrix_rank(S, 5.0)),
    "matrix_rank atol": (lambda: linalg.matrix_rank(t(S), atol=t(5.0)), lambda: np.linalg.matrix_rank(S, 5.0)),
    "multi_dot": (
        lambda: linalg.multi_dot([t(V[:3]), t(A), t(B.T), t(V[:3])]),
        lambda: np.linalg.multi_dot([V[:3], A, B.T, V[:3]]),
    ),
    "multi_dot matrices": (
        lambda: linalg.multi_dot([t(A), t(B.T), t(A)]), lambda: np.linalg.multi_dot([A, B.T, A]),
    ),
    "chain_matmul": (lambda: cr.chain_matmul(t(A), t(B.T), t(A)), lambda: A @ B.T @ A),
    "tensorinv": (lambda: linalg.tensorinv(t(S.reshape(4, 2, 2)), 1), lambda: np.linalg.tensorinv(S.reshape(4, 2, 2), 1)),
    "tensorsolve": (
        lambda: linalg.tensorsolve(t(S.reshape(2, 2, 4)), t(A[:2, :2])),
        lambda: np.linalg.tensorsolve(S.reshape(2, 2, 4), A[:2, :2]),
    ),
    "solve_triangular from the right": (
        lambda: linalg.solve_triangular(t(np.triu(S)), t(B[:, :4]), upper=True, left=False) @ t(np.triu(S)),
        lambda: B[:, :4],
    ),
    "lstsq residuals": (lambda: linalg.lstsq(t(B.T), t(A.T), driver="gels").residuals, lambda: np.linalg.lstsq(B.T, A.T)[1]),
    "lstsq singular values": (
        lambda: linalg.lstsq(t(B.T), t(A.T), driver="gelsd").singular_values, lambda: np.linalg.lstsq(B.T, A.T)[3],
    ),
    "addr": (lambda: cr.addr(t(A), t(V[:3]), t(W[:5]), beta=2, alpha=3), lambda: 2 * A + 3 * np.outer(V[:3], W[:5])),
    "addmm without input": (
        lambda: cr.addmm(t(np.full((3, 3), np.nan)), t(A), t(B.T), beta=0, alpha=2), lambda: 2 * A @ B.T,
    ),
    "addmm": (lambda: cr.addmm(t(V[:3]), t(A), t(B.T), beta=3), lambda: 3 * V[:3] + A @ B.T),
    "inner of a number": (lambda: cr.inner(t(A), t(2.0)), lambda: np.inner(A, 2.0)),
    "tensordot number": (lambda: cr.tensordot(t(C), t(A), 2), lambda: np.tensordot(C, A, 2)),
    "tensordot axes": (lambda: cr.tensordot(t(C), t(A), ([1, 2], [0, 1])), lambda: np.tensordot(C, A, ([1, 2], [0, 1]))),
    "tensordot tensor": (
        lambda: cr.tensordot(t(C), t(A), t(np.array([[2], [1]]))), lambda: np.tensordot(C, A, ([2], [1])),
    ),
    "cross": (lambda: cr.linalg.cross(t(A.T), t(B.T)), lambda: np.cross(A.T, B.T)),
    "cdist": (lambda: cr.cdist(t(A), t(B)), lambda: np.linalg.norm(A[:, None] - B[None], axis=-1)),
    "cdist inf": (lambda: cr.cdist(t(A), t(B), p=np.inf), lambda: abs(A[:, None] - B[None]).max(-1)),
    "pdist": (lambda: cr.nn.functional.pdist(t(A)), lambda: np.linalg.norm(A[[0, 0, 1]] - A[[1, 2, 2]], axis=-1)),
    "take_along_dim flat": (lambda: cr.take_along_dim(t(A), t(I)), lambda: A.ravel()[I]),
    "scatter add": (
        lambda: t(np.zeros(5)).scatter(0, t(I), t(np.ones(11)), reduce="add"), lambda: np.bincount(I, minlength=5),
    ),
    "scatter multiply": (
        lambda: t(np.ones(5)).scatter(0, t(I), 2.0, reduce="multiply"), lambda: 2.0 ** np.bincount(I, minlength=5),
    ),
    "index_add of bools": (
        lambda: t(np.zeros(5, bool)).index_add(0, t(I), t(np.ones(11, bool))), lambda: np.bincount(I, minlength=5) > 0,
    ),
    "index_select of a number": (lambda: t(3.0).index_select(0, t(np.array([0]))), lambda: 3.0),
    "index_fill": (lambda: t(A).index_fill(1, t(np.array([0, 3])), 7.0), lambda: np.where(np.isin(np.arange(5), [0, 3]), 7.0, A)),
    "take of an empty place": (lambda: t(np.zeros(0)).take(t(np.zeros((2, 0), int))), lambda: np.zeros((2, 0))),
    "put nothing": (lambda: t(A).put(t(np.zeros(0, int)), t(np.zeros(0))), lambda: A),
    "put": (lambda: t(A).put(t(np.array([3, -1])), t(V[:2])), lambda: _put(A, [3, -1], V[:2])),
    "put adds": (
        lambda: t(A).put(t(np.array([3, 3])), t(V[:2]), accumulate=True), lambda: _put(A, [3], A.ravel()[3] + V[:2].sum()),
    ),
    "masked_select": (lambda: t(A).masked_select(t(M)), lambda: A[M]),
    "nonzero_static": (lambda: cr.nonzero_static(t(M), size=2), lambda: np.argwhere(M)[:2]),
    "searchsorted": (lambda: cr.searchsorted(t(EDGES), t(A)), lambda: np.searchsorted(EDGES, A)),
    "searchsorted right": (
        lambda: cr.searchsorted(t(EDGES), t(EDGES[3:4]), side="right"), lambda: np.searchsorted(EDGES, EDGES[3:4], "right"),
    ),
    "searchsorted sorter": (
        lambda: cr.searchsorted(t(V), t(A), sorter=t(np.argsort(V))), lambda: np.searchsorted(V, A, sorter=np.argsort(V)),
    ),
    "bucketize": (lambda: cr.bucketize(t(A), t(EDGES), right=True), lambda: np.digitize(A, EDGES)),
    "bincount weights": (
        lambda: cr.bincount(t(I), t(np.arange(11.0)), minlength=9), lambda: np.bincount(I, np.arange(11.0), 9),
    ),
    "histc": (lambda: cr.histc(t(V), 6, -1.0, 1.0), lambda: np.histogram(V, 6, (-1.0, 1.0))[0]),
    "histogram": (lambda: cr.histogram(t(V), 6).hist, lambda: np.histogram(V, 6)[0]),
    "histogram density": (lambda: cr.histogram(t(V), 6, density=True).hist, lambda: np.histogram(V, 6, density=True)[0]),
    "histogram edges": (lambda: cr.histogram(t(V), t(EDGES)).hist, lambda: np.histogram(V, EDGES)[0]),
    "histogram weights": (
        lambda: cr.histogram(t(V), 4, weight=t(abs(W))).hist, lambda: np.histogram(V, 4, weights=abs(W))[0],
    ),
    "unique rows": (
        lambda: cr.unique(t(np.round(A[[0, 1, 0, 2]])), dim=0), lambda: np.unique(np.round(A[[0, 1, 0, 2]]), axis=0),
    ),
    "unique counts": (lambda: cr.unique(t(I), return_counts=True)[1], lambda: np.unique(I, return_counts=True)[1]),
    "unique_consecutive": (lambda: cr.unique_consecutive(t(np.array([3, 3, 1, 1, 3]))), lambda: np.array([3, 1, 3])),
    "unique_consecutive rows": (
        lambda: cr.unique_consecutive(t(A[[0, 0, 1, 0]]), dim=0), lambda: A[[0, 1, 0]],
    ),
    "nanmedian": (lambda: t(np.where(M, A, np.nan)).nanmedian(), lambda: _lower_median(A[M])),
    "nanmedian along": (
        lambda: t(np.where(M, A, np.nan)[:, :3] * 0 + 1.0).nanmedian(0).values, lambda: np.where(M[:, :3].any(0), 1.0, np.nan),
    ),
    "var unbiased by place": (lambda: cr.var(t(A), False), lambda: A.var()),
    "cov": (lambda: cr.cov(t(A)), lambda: np.cov(A)),
    "cov weights": (
        lambda: cr.cov(t(A), fweights=t(np.array([1, 2, 3, 1, 2])), aweights=t(abs(V[:5]))),
        lambda: np.cov(A, fweights=[1, 2, 3, 1, 2], aweights=abs(V[:5])),
    ),
    "cov frequencies": (
        lambda: cr.cov(t(A), fweights=t(np.array([1, 2, 3, 1, 2]))), lambda: np.cov(A, fweights=[1, 2, 3, 1, 2]),
    ),
    "cov uncorrected": (lambda: cr.cov(t(A), correction=0), lambda: np.cov(A, ddof=0)),
    "corrcoef": (lambda: cr.corrcoef(t(A)), lambda: np.corrcoef(A)),
    "corrcoef of a vector": (lambda: cr.corrcoef(t(V)), lambda: np.corrcoef(V)),
    "linspace of integers": (lambda: cr.linspace(0, 10, 5, dtype=cr.int64), lambda: np.linspace(0, 10, 5).astype(int)),
    "logspace": (lambda: cr.logspace(-1, 2, 5, base=3.0, dtype=cr.float64), lambda: np.logspace(-1, 2, 5, base=3.0)),
    "linspace of one": (lambda: cr.linspace(3, 9, 1, dtype=cr.float64), lambda: np.linspace(3, 9, 1)),
    "meshgrid xy": (
        lambda: cr.stack(cr.meshgrid(t(V), t(W[:3]), indexing="xy")), lambda: np.stack(np.meshgrid(V, W[:3])),
    ),
    "cartesian_prod of one": (lambda: cr.cartesian_prod(t(V)), lambda: V),
    "cartesian_prod": (
        lambda: cr.cartesian_prod(t(V), t(W[:2])), lambda: np.stack(np.meshgrid(V, W[:2], indexing="ij"), -1).reshape(-1, 2),
    ),
    "combinations of none": (lambda: cr.combinations(t(V), 0), lambda: V[:0]),
    "combinations with replacement": (
        lambda: cr.combinations(t(V[:3]), 2, True), lambda: V[[[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]],
    ),
    "atleast_3d": (lambda: cr.atleast_3d(t(V), t(A))[1], lambda: np.atleast_3d(A)),
    "atleast_3d of a number": (lambda: cr.atleast_3d(t(3.0)), lambda: np.atleast_3d(3.0)),
    "adjoint": (lambda: t(C).adjoint(), lambda: C.swapaxes(1, 2)),
    "unfold": (lambda: t(V).unfold(0, 3, 2), lambda: np.lib.stride_tricks.sliding_window_view(V, 3)[::2]),
    "unfold of a number": (lambda: t(3.0).unfold(0, 1, 1), lambda: np.array([3.0])),
    "sum_to_size": (lambda: t(C).sum_to_size(3, 1), lambda: C.sum((0, 2)).reshape(3, 1)),
    "sum_to_size of nothing": (lambda: t(C).sum_to_size(()), lambda: C.sum()),
    "index by a bool": (lambda: t(A)[True], lambda: A[True]),
    "H": (lambda: t(A).H, lambda: A.T),
    "kaiser_window": (lambda: cr.kaiser_window(9, periodic=False, beta=5.0, dtype=cr.float64), lambda: np.kaiser(9, 5.0)),
}  # fmt: skip


def _put(x, at, values):
    x = x.copy()
    x.ravel()[at] = values
    return x


def _lower_median(x):
    return np.sort(x)[(len(x) - 1) // 2]


@pytest.mark.parametrize("name", SAME)
def test_same_as_numpy(name):
    ours, theirs = SAME[name]
    y, expected = ours(), np.asarray(theirs())
    assert tuple(y.shape) == expected.shape
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cr.fliplr(t(V)), ShapeError, "fliplr takes tensors of at least two axes, found 1"),
        (lambda: cr.flipud(t(3.0)), ShapeError, "at least one axis, found none"),
        (lambda: cr.rot90(t(A), 1, (0, 0)), ShapeError, "two different axes"),
        (lambda: cr.roll(t(A), ()), ShapeError, "at least one number"),
        (lambda: cr.roll(t(A), (1, 2)), ShapeError, "2 shifts need as many dims, found none"),
        (lambda: cr.roll(t(A), (1, 2), 0), ShapeError, "2 shifts need as many dims, found 1"),
        (lambda: cr.roll(t(3.0), 1, 0), RangeError, "roll: a 0-d tensor has no axis to move elements along"),
        (lambda: t(V).repeat(-1), ShapeError, "counts cannot be negative"),
        (lambda: t(V).repeat_interleave(t(V)), DTypeError, "repeats must be int32 or int64, found float64"),
        (lambda: t(V).repeat_interleave(t(I.reshape(1, -1))), ShapeError, "repeats must have one axis, found 2"),
        (lambda: t(V).repeat_interleave(t(np.full(7, -1))), ShapeError, "repeats cannot be negative, found -1"),
        (lambda: cr.diag_embed(t(3.0)), ShapeError, "diag_embed: a 0-d tensor has no axis to lay on a diagonal"),
        (lambda: cr.unravel_index(t(V), (3,)), DTypeError, "unravel_index takes integers, found float64"),
        (lambda: cr.unravel_index(t(I), (-3,)), ShapeError, "sizes cannot be negative"),
        (lambda: cr.diff(t(V), -1), ShapeError, "diff: the order n cannot be negative, found -1"),
        (lambda: cr.trapezoid(t(A), t(V)), ShapeError, "there are 5 points along the axis, but x has 7"),
        (lambda: t(3.0).split(1), ShapeError, "a 0-d tensor has no axis to cut"),
        (lambda: t(3.0).chunk(2), ShapeError, "a 0-d tensor has no axis to cut"),
        (lambda: t(3.0).tensor_split(2), ShapeError, "a 0-d tensor has no axis to cut"),
        (lambda: t(V).tensor_split(), TypeError, "the number of pieces or the indices to cut before"),
        (lambda: t(V).tensor_split(t(V)), DTypeError, "tensor_split: a tensor of indices or sections is int64"),
        (lambda: cr.hsplit(t(V), 3), ShapeError, "hsplit: 3 equal pieces of an axis of size 7 are not possible"),
        (lambda: linalg.norm(t(A), 2, (0, 1, 2)), ShapeError, "dim names one axis or two"),
        (lambda: linalg.matrix_norm(t(A), 2, 1), ShapeError, "dim names two axes, found 1"),
        (lambda: linalg.vector_norm(t(V), dtype=cr.float32), DTypeError, "no narrower than float64, found float32"),
        (lambda: linalg.inv(t(A)), ShapeError, "the matrix must be square, found 3 × 5"),
        (lambda: linalg.multi_dot([t(A)]), ShapeError, "at least two tensors, found 1"),
        (lambda: linalg.multi_dot([t(A), t(C), t(A)]), ShapeError, "takes matrices, and vectors as the first and last"),
        (lambda: linalg.tensorinv(t(S), 0), ShapeError, "ind must be positive, found 0"),
        (lambda: linalg.tensorinv(t(C), 1), ShapeError, "tensorinv: the axes before and from 1 on must have one size, found 2 and 15"),
        (lambda: linalg.tensorsolve(t(C), t(V)), ShapeError, "tensorsolve: A must be square as a map to the shape of B, found"),
        (lambda: linalg.solve(t(S), t(S.astype("f4"))), DTypeError, "must have the same dtype, found float64 and float32"),
        (lambda: cr.addmm(t(A), t(A), t(B.T)), ShapeError, "sizes 5 and 3 of axis -1 do not broadcast: sizes must be equal or 1"),
        (lambda: cr.addmm(t(A.astype("f4")), t(A), t(B.T)), DTypeError, "must have one dtype, found float32 and float64"),
        (lambda: cr.addr(t(A), t(V), t(V)), ShapeError, "sizes 3 and 7 of axis -2 do not broadcast"),
        (lambda: cr.tensordot(t(A), t(V), 2), ShapeError, "dims=2 of 2-d and 1-d tensors"),
        (lambda: cr.tensordot(t(A), t(B), ([0, 1], [0])), ShapeError, "as many axes of a as of b"),
        (lambda: cr.tensordot(t(A), t(B), ([0, 0], [0, 1])), ShapeError, "an axis appears twice"),
        (lambda: cr.tensordot(t(A), t(S), ([0], [0])), ShapeError, "tensordot: axis 0 of a has size 3, axis 0 of b 4"),
        (lambda: cr.linalg.cross(t(C), t(A)), ShapeError, "cross: both must have as many axes, found"),
        (lambda: cr.cdist(t(A), t(S)), ShapeError, "cdist takes rows of one length,"),
        (lambda: cr.cdist(t(I.reshape(1, -1)), t(I.reshape(1, -1))), DTypeError, "floating tensors, found int64"),
        (lambda: cr.take_along_dim(t(A), t(B), 0), DTypeError, "take_along_dim takes int64 indices, found float64"),
        (lambda: t(A).scatter(0, t(np.zeros((1, 5), int)), 1.0, reduce="mean"), ValueError, "knows reduce = 'add' and 'multiply', found"),
        (lambda: t(A).index_select(0, t(V)), DTypeError, "int64 or int32 indices, found float64"),
        (lambda: t(3.0).index_select(0, t(np.array([0, 0]))), ShapeError, "index_select: a 0-d tensor has one element, found 2 indices"),
        (lambda: t(np.zeros(0)).take(t(I)), RangeError, "nothing to take from an empty tensor"),
        (lambda: t(A).put(t(I), t(V)), ShapeError, "put: index and source must have as many elements, found 11 and 7"),
        (lambda: t(A).masked_select(t(A)), DTypeError, "masked_select takes a bool mask, found float64"),
        (lambda: cr.nonzero_static(t(M), size=-1), ShapeError, "size cannot be negative, found -1"),
        (lambda: cr.searchsorted(t(EDGES), t(V), sorter=t(I[:9].astype("i4"))), DTypeError, "the sorter holds int64 indices, found int32"),
        (lambda: cr.bucketize(t(V), t(A)), ShapeError, "bucketize: the boundaries are a vector, found 2 axes"),
        (lambda: cr.histc(t(V), 6, 1.0, -1.0), ShapeError, r"a histogram ends above its beginning, found 1\.0 and -1\.0"),
        (lambda: cr.histogram(t(V), 0), ShapeError, "histogram: there is at least one bin, found 0"),
        (lambda: cr.histogram(t(V), t(EDGES.astype("f4"))), DTypeError, "histogram: input is float64, but bins float32"),
        (lambda: cr.cov(t(A), aweights=t(-abs(V[:5]))), ShapeError, "cov: aweights cannot be negative"),
        (lambda: t(V).adjoint(), ShapeError, "adjoint needs at least two axes, found 1"),
        (lambda: cr.broadcast_shapes((2, -3), (2, 1)), ShapeError, "sizes cannot be negative"),
        (lambda: t(3.0).narrow(0, 0, 1), ShapeError, "no axis to take a part of"),
        (lambda: t(A).narrow(0, t(1.0), 1), DTypeError, "start must be an int or a 0-d integer tensor, found float32"),
        (lambda: t(3.0).unbind(), RangeError, "a 0-d tensor has no slices"),
        (lambda: t(3.0).unfold(0, 2, 1), ShapeError, "unfold: a window of size 2 and step 1 of a 0-d tensor, which has 1 element"),
        (lambda: t(C).sum_to_size(4, 5), ShapeError, "sizes 3 and 4 of axis -2 do not broadcast"),
        (lambda: t(C).H, ShapeError, r"\.H is for matrices, found 3 axes"),
        (lambda: cr.arange(0, np.inf), ShapeError, "never arrives"),
        (lambda: cr.arange(0, 3, 0.5, dtype=cr.int64), ShapeError, "a step below 1 is 0 among integers"),
        (lambda: cr.combinations(t(V), -1), ShapeError, "combinations: r cannot be negative, found -1"),
        (lambda: cr.cartesian_prod(t(A)), ShapeError, "takes vectors"),
        (lambda: cr.signal.windows.gaussian(5, std=0.0), (ShapeError, ValueError), "the standard deviation is positive, found 0.0"),
        (lambda: cr.signal.windows.kaiser(5, beta=-1.0), ShapeError, r"kaiser: beta cannot be negative, found -1\.0"),
        (lambda: linalg.lu_solve(t(S), t(np.zeros(3, "i4")), t(S)), ShapeError, "lu_solve: pivots must be"),
        (lambda: cr.lu_unpack(t(S), t(np.zeros(4, int))), DTypeError, "pivots must be int32, found int64"),
    ],
)  # fmt: skip
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
