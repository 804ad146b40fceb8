"""Orthogonal weights as functions of free ones.   Source: Lezcano-Casado 2019.

n, k     rows and columns, n ≥ k (a wider matrix is transposed)
A        a skew-symmetric matrix, the lower triangle of what is trained minus its transpose

matrix_exp    Q = e^A
cayley        Q = (I − A/2)⁻¹ (I + A/2)
householder   Q = a product of k reflections, whose vectors are the columns below the diagonal
"""

from __future__ import annotations

import numpy as np

from ...base import dtypes
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, as_tensor, cat, empty, eye, zeros, zeros_like
from ...tensors.functions import linalg
from .. import init
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["orthogonal"]

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """Q, or with a trivialization  base · Q,  which begins at the weight and moves from there."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """The orthogonal matrix of a free one."""
        wide = X.shape[-2] < X.shape[-1]
        X = X.mT if wide else X
        n, k = X.shape[-2:]
        if self.orthogonal_map == "householder":
            A = X.tril(-1)
            tau = 2.0 / (1.0 + (A * A).sum(-2))
            signs = X.detach().diagonal(dim1=-2, dim2=-1).trunc()
            Q = linalg.householder_product(A, tau) * signs.unsqueeze(-2)
        else:
            X = X.tril()
            if n != k:
                X = cat([X, zeros(*X.shape[:-1], n - k, dtype=X.dtype)], -1)
            A = X - X.mT
            if self.orthogonal_map == "matrix_exp":
                Q = linalg.matrix_exp(A)
            else:
                identity = eye(n, dtype=A.dtype)
                Q = linalg.solve(identity - A / 2, identity + A / 2)
            Q = Q[..., :k]
        if self.use_trivialization:
            Q = self.base @ Q
        return Q.mT if wide else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What is trained for an orthogonal matrix; of any other the nearest by its QR factors."""
        if tuple(Q.shape) != self.shape:
            raise ShapeError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {tuple(Q.shape)}."
            )
        with no_grad():
            wide = Q.shape[-2] < Q.shape[-1]
            tall = Q.mT if wide else Q
            if not self.use_trivialization:
                if self.orthogonal_map != "householder":
                    raise NotImplementedError(
                        "It is not possible to assign to the matrix exponential or the Cayley "
                        "parametrizations when use_trivialization=False."
                    )
                found = _reflections(tall)
                return found.mT if wide else found
            n, k = tall.shape[-2:]
            if n != k:
                others = empty(*tall.shape[:-2], n, n - k, dtype=tall.dtype)
                tall = cat([tall, init.normal_(others)], -1)
            if n != k or not _is_orthogonal(tall):
                tall = _made_orthogonal(tall)
            self.base = tall.clone()
            identity = zeros_like(Q)
            identity.diagonal(dim1=-2, dim2=-1).fill_(-1.0)  # of which the reflections make I
            return identity


def _is_orthogonal(Q: Tensor) -> bool:
    n, k = Q.shape[-2:]
    near = 10.0 * n * float(np.finfo(Q.dtype.numpy).eps)
    return bool(((Q.mT @ Q - eye(k, dtype=Q.dtype)).abs() <= near).all())


def _made_orthogonal(A: Tensor) -> Tensor:
    """The Q of A = Q R with a diagonal of R that is not negative."""
    Q, R = linalg.qr(A)
    return Q * R.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


def _reflections(A: Tensor) -> Tensor:
    """The vectors of the reflections that make A's Q below the diagonal, on it the signs of R's."""
    raw, tau = np.linalg.qr(A.detach().numpy(), mode="raw")
    found = np.swapaxes(raw, -1, -2).copy()
    at = np.arange(found.shape[-1])
    signs = np.sign(found[..., at, at])
    found[..., at, at] = np.where(tau == 0.0, -signs, signs)
    return as_tensor(found).to(A.dtype)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix orthogonal: its rows or its columns, whichever are fewer, have length 1 and are
    at right angles; returns the module.

    Args:
        module: whose matrix it is.
        name: the name of the matrix, or batch of matrices.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; the first for square matrices, the
            last for others, if None.
        use_trivialization: whether it begins at the orthogonal matrix nearest to the weight.

    Raises:
        ValueError: there is no such tensor, or no such map.
        ShapeError: the tensor is no matrix.

    Example:
        >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(5, 3))
        >>> W = layer.weight.detach()
        >>> (W @ W.mT - eye(3)).abs().max() < 1e-5
        tensor(True)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ShapeError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if weight.dtype not in (dtypes.float32, dtypes.float64):
        raise ArgumentError(f"orthogonal is for float32 and float64, found {weight.dtype.name}")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in MAPS:
        raise ArgumentError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
