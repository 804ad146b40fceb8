"""linalg and its older names: what they refuse and in which words, what is special, and that factors multiply back.

Values and gradients are compared with PyTorch sample by sample in test_torch_own_samples.py, derivatives with differences in the
generated battery.
"""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import linalg
from chainrule.base.errors import DTypeError, GradError, LinAlgError, ShapeError

SINGULAR = cr.tensor([[1.0, 2.0], [2.0, 4.0]])


def numbers(*shape, seed=0):
    return cr.tensor(np.random.default_rng(seed).standard_normal(shape))


def close(a, b):
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


# ----------------------------------------------------------------------------------------------------- factors multiply


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 3, 3)])
def test_factors_multiply_back(shape):
    a = numbers(*shape)
    p, low, up = linalg.lu(a)
    close(p @ low @ up, a)
    q, r = linalg.qr(a)
    close(q @ r, a)
    u, s, vh = linalg.svd(a, full_matrices=False)
    close((u * s.unsqueeze(-2)) @ vh, a)
    close(a @ linalg.pinv(a) @ a, a)
    u, s, v = cr.svd(a)
    close((u * s.unsqueeze(-2)) @ v.mT, a)
    close(cr.lu_unpack(*linalg.lu_factor(a)).L, low)


def test_householder_vectors_multiply_back():
    a, other = numbers(5, 3), numbers(5, 2, seed=1)
    packed, tau = cr.geqrf(a)
    q = cr.orgqr(packed, tau)
    close(q @ packed[:3].triu(), a)
    full = cr.ormqr(packed, tau, cr.eye(5, dtype=cr.float64))
    close(full[:, :3], q)
    close(cr.ormqr(packed, tau, other, transpose=True), full.mT @ other)
    close(cr.ormqr(packed, tau, other.mT, left=False), other.mT @ full)


@pytest.mark.parametrize("adjoint", [False, True])
def test_solutions_solve(adjoint):
    a, b = numbers(2, 3, 3), numbers(2, 3, 5, seed=1)
    factors = linalg.lu_factor(a)
    m = a.mT if adjoint else a
    close(m @ linalg.lu_solve(*factors, b, adjoint=adjoint), b)
    close(linalg.lu_solve(*factors, b.mT, left=False, adjoint=adjoint) @ m, b.mT)
    close(linalg.solve(m, b.mT, left=False) @ m, b.mT)
    spd = a @ a.mT + cr.eye(3, dtype=cr.float64)
    low = linalg.cholesky(spd)
    close(spd @ cr.cholesky_solve(b, low), b)
    close(spd @ cr.cholesky_inverse(linalg.cholesky(spd, upper=True), upper=True), cr.eye(3, dtype=cr.float64).expand(2, 3, 3))  # fmt: skip
    t = cr.triangular_solve(b, a, upper=False, transpose=adjoint).solution
    close((a.tril().mT if adjoint else a.tril()) @ t, b)


def test_the_largest_singular_values_give_the_nearest_matrix_of_low_rank():
    a = numbers(5, 3)
    u, s, v = cr.svd_lowrank(a, q=2)
    rest = linalg.matrix_norm(a - (u * s) @ v.mT, 2)
    close(rest, linalg.svdvals(a)[2])
    u, s, v = cr.pca_lowrank(a)
    close((u * s) @ v.mT, a - a.mean(0))


def test_powers_and_exponentials():
    a = numbers(3, 3) * 0.3
    close(linalg.matrix_power(a, 5), a @ a @ a @ a @ a)
    close(linalg.matrix_power(a, -2) @ a @ a, cr.eye(3, dtype=cr.float64))
    close(linalg.matrix_power(a, 0), cr.eye(3, dtype=cr.float64))
    big = a * 40  # scaled and squared
    w, v = linalg.eigh(big + big.mT)
    close(linalg.matrix_exp(big + big.mT) / w[-1].exp(), (v * (w - w[-1]).exp()) @ v.mT)


@pytest.mark.parametrize("n", [None, 0, 1, 2, 5])
def test_vandermonde(n):
    x = np.array([2.0, 3.0, 5.0])
    close(cr.vander(cr.tensor(x), n), cr.tensor(np.vander(x, n)))
    close(cr.vander(cr.tensor(x), n, increasing=True), cr.tensor(np.vander(x, n, increasing=True)))


def test_numbers_of_matrices():
    a = numbers(3, 3)
    close(linalg.det(a), linalg.slogdet(a).sign * linalg.slogdet(a).logabsdet.exp())
    assert math.isnan(cr.logdet(cr.tensor([[0.0, 1.0], [1.0, 0.0]])).item())
    assert linalg.matrix_rank(SINGULAR).item() == 1
    assert linalg.cond(SINGULAR, 1).item() == math.inf
    assert linalg.cond(cr.eye(3) * 2).item() == 1.0


def test_the_gradient_of_a_determinant_of_rank_one_less():
    """det(a) · a⁻ᵀ has no meaning there; the matrix of cofactors has."""
    a = SINGULAR.clone().requires_grad_()
    linalg.det(a).backward()
    np.testing.assert_allclose(a.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-5)


def test_norms_have_no_slope_at_zero():
    for p in (2, 3, 0.5, math.inf, 0):
        x = cr.zeros(3, requires_grad=True)
        linalg.vector_norm(x, p).backward()
        assert x.grad.tolist() == [0, 0, 0], p
    x = cr.zeros(2, 2, requires_grad=True)
    (linalg.matrix_norm(x, "nuc") + linalg.matrix_norm(x)).backward()
    assert np.isfinite(x.grad.numpy()).all()


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "call",
    [
        lambda: linalg.solve(SINGULAR, cr.ones(2)),
        lambda: linalg.inv(SINGULAR),
        lambda: cr.inverse(SINGULAR),
        lambda: linalg.cholesky(-cr.eye(2)),
        lambda: linalg.solve_triangular(cr.zeros(2, 2), cr.ones(2, 1), upper=True),
        lambda: linalg.cholesky_ex(-cr.eye(2), check_errors=True),
        lambda: linalg.lu_factor_ex(SINGULAR, check_errors=True),
        lambda: linalg.inv_ex(SINGULAR, check_errors=True),
    ],
)
def test_what_has_no_solution(call):
    with pytest.raises(LinAlgError, match="no unique solution|no inverse|not positive definite|singular") as e:  # fmt: skip
        call()
    assert isinstance(e.value, RuntimeError)  # as PyTorch's


def test_the_error_names_the_call_and_the_operand():
    with pytest.raises(
        LinAlgError, match=r"^inv\(a\): the matrix has no inverse .*\n  a  \(2, 2\)  float32"
    ):
        linalg.inv(SINGULAR)


def test_infos_say_which_matrix_failed():
    a = cr.stack([cr.eye(2), SINGULAR])
    inverse, info = linalg.inv_ex(a)
    assert info.tolist() == [0, 2]
    assert inverse[0].tolist() == [[1, 0], [0, 1]]
    assert inverse[1].isnan().all()
    result, info = linalg.solve_ex(a, cr.ones(2, 2))
    assert info.tolist() == [0, 2] and result[1].isnan().all() and result[0].tolist() == [1, 1]
    low, info = linalg.cholesky_ex(cr.stack([cr.eye(2), cr.tensor([[1.0, 0.0], [0.0, -1.0]])]))
    assert info.tolist() == [0, 2] and low[1].isnan().all()
    assert linalg.lu_factor_ex(a).info.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: linalg.eig(cr.eye(2)), DTypeError, "complex numbers, which are not supported\n  hint: eigh"),
        (lambda: linalg.eigvals(cr.eye(2)), DTypeError, "hint: eigvalsh"),
        (lambda: linalg.inv(cr.ones(2, 3)), ShapeError, "the matrix must be square, found 2 × 3"),
        (lambda: linalg.det(cr.ones(3)), ShapeError, "matrices have at least two axes, found 1"),
        (lambda: linalg.inv(cr.eye(2, dtype=cr.int64)), DTypeError, "operands must be floating"),
        (lambda: linalg.solve(cr.eye(3), cr.ones(2, 5)), ShapeError, "b must have a row for each of the 3"),
        (lambda: linalg.solve(cr.eye(2), cr.ones(2), left=False), ShapeError, "takes matrices B"),
        (lambda: linalg.qr(cr.eye(2), "full"), ValueError, "knows mode = 'reduced', 'complete' and 'r'"),
        (lambda: linalg.eigh(cr.eye(2), "X"), ValueError, "UPLO must be 'L' or 'U'"),
        (lambda: linalg.svd(cr.eye(2), driver="gesvd"), ValueError, "chooses among CUDA's algorithms"),
        (lambda: linalg.lstsq(cr.eye(2), cr.eye(2), driver="x"), ValueError, "lstsq knows driver"),
        (lambda: linalg.lstsq(cr.eye(2), cr.ones(3, 1)), ShapeError, "a row for each of its 2"),
        (lambda: linalg.matrix_norm(cr.eye(2), 3), ValueError, "matrix_norm knows ord"),
        (lambda: linalg.matrix_norm(cr.eye(2), dim=(0, 0)), ShapeError, "two different axes"),
        (lambda: linalg.vector_norm(cr.ones(2), "fro"), ValueError, "ord is a number"),
        (lambda: linalg.vector_norm(cr.ones(2, dtype=cr.int64)), DTypeError, "takes floating tensors"),
        (lambda: linalg.vector_norm(cr.ones(0), -1), ShapeError, "of no elements does not exist"),
        (lambda: linalg.norm(cr.ones(2, 2, 2), 2), ShapeError, "a vector or a matrix, found 3 axes"),
        (lambda: linalg.norm(cr.ones(2), "nuc"), ShapeError, "is a norm of matrices"),
        (lambda: linalg.multi_dot([cr.eye(2)]), ShapeError, "at least two tensors"),
        (lambda: linalg.vander(cr.ones(2), N=1), ShapeError, "N must be greater than 1"),
        (lambda: cr.svd_lowrank(cr.eye(2), q=3), ShapeError, "q must be between 0 and 2, found 3"),
        (lambda: cr.svd_lowrank(cr.eye(2), 1, -1), ShapeError, "niter cannot be negative"),
        (lambda: cr.vander(cr.eye(2)), ShapeError, "vander takes a vector, found 2 axes"),
        (lambda: cr.vander(cr.ones(2), -1), ShapeError, "N cannot be negative"),
        (lambda: linalg.tensorinv(cr.ones(2, 3), ind=1), ShapeError, "must have one size, found 2 and 3"),
        (lambda: linalg.tensorsolve(cr.ones(2, 3), cr.ones(2)), ShapeError, "must be square as a map"),
        (lambda: linalg.householder_product(cr.ones(2, 3), cr.ones(2)), ShapeError, "m ≥ n"),
        (lambda: linalg.lu_solve(cr.eye(2), cr.ones(2), cr.eye(2)), DTypeError, "pivots must be int32"),
        (lambda: linalg.cross(cr.ones(2), cr.ones(2)), ShapeError, "must have size 3"),
        (lambda: cr.cross(cr.ones(2), cr.ones(2)), ShapeError, "needs an axis of size 3"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_complete_qr_of_a_tall_matrix_has_no_derivative():
    a = numbers(5, 3).requires_grad_()
    q, _ = linalg.qr(a, "complete")
    with pytest.raises(GradError, match="no derivative in mode 'complete'"):
        q.sum().backward()


def test_linalg_inside_a_traced_function():
    a, b = numbers(3, 3) + 3 * cr.eye(3, dtype=cr.float64), numbers(3, seed=1)

    def loss(a, b):
        return linalg.solve(a, b).square().sum() + linalg.slogdet(a).logabsdet

    close(cr.graph.trace(loss)(a, b), loss(a, b))
