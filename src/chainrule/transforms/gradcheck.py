"""The check of all derivatives: along random directions, in float64, against central differences.

One direction checks all elements at once: if the gradient is wrong anywhere, the directional
derivative is wrong for almost every direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.errors import DTypeError, GradError
from ..tape.modes import enable_grad, no_grad
from ..tensors.core import Tensor
from ..tensors.creation import tensor
from ..tensors.gradients import grad as tape_grad

__all__ = ["directional_errors", "gradcheck", "gradgradcheck"]


def _tensors(out: Any) -> list[Tensor]:
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return [o for o in outs if isinstance(o, Tensor) and o.is_floating_point()]


def _weighted(f: Callable, args: Sequence, weights: list[np.ndarray]) -> Tensor:
    """One number from all outputs: Σ weight · output, the weights drawn once."""
    outs = _tensors(f(*args))
    if not weights:
        rng = np.random.default_rng(20)
        weights.extend([rng.standard_normal(tuple(o.shape)) for o in outs])
    total = tensor(0.0, dtype="float64")
    for o, w in zip(outs, weights, strict=True):
        total = total + (o * tensor(w)).sum()
    return total


def _along(
    scalar: Callable, args: Sequence, checked: list[int], seed: int, step: float, create: bool
) -> tuple[float, float]:
    """(analytic, numeric) derivative of scalar(args) along one random direction of the checked
    arguments.
    """
    rng = np.random.default_rng(seed)
    directions = {k: rng.standard_normal(tuple(args[k].shape)) for k in checked}

    def moved(h: float) -> list:
        return [
            tensor(a.detach().numpy() + h * directions[k]).requires_grad_()
            if k in directions
            else a
            for k, a in enumerate(args)
        ]

    fresh = moved(0.0)
    value = scalar(fresh)
    analytic = 0.0
    if value.requires_grad:
        grads: Any = tape_grad(
            value, [fresh[k] for k in checked], create_graph=create, materialize_grads=True
        )
        analytic = float(
            sum(
                [
                    (g.detach().numpy() * directions[k]).sum()
                    for g, k in zip(grads, checked, strict=True)
                ]
            )
        )
    numeric = (scalar(moved(step)).item() - scalar(moved(-step)).item()) / (2 * step)
    return analytic, numeric


def _relative(analytic: float, numeric: float) -> float:
    # below 0.01 the difference quotient itself is noise
    return abs(analytic - numeric) / max(0.01, abs(analytic), abs(numeric))


def _checked(args: Sequence) -> list[int]:
    return [k for k, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]


def directional_errors(
    f: Callable, args: Sequence, *, seed: int = 0, step: float = 1e-6
) -> tuple[float, float]:
    """Relative errors of the first and the second derivative of f by those arguments that require a
    gradient.

    The second is that of a random combination of the first, taken through `create_graph`. 0 where a
    derivative is identically zero on both sides.

    Returns:
        (first, second), each |analytic − numeric| / max(0.01, |analytic|, |numeric|).
    """
    checked = _checked(args)
    for k in checked:
        if args[k].dtype.name != "float64":
            raise DTypeError(
                f"derivatives are checked in float64; argument {k} is {args[k].dtype.name}"
            )
    weights: list[np.ndarray] = []
    directions = [
        np.random.default_rng(seed + 100 + k).standard_normal(tuple(args[k].shape)) for k in checked
    ]

    def value(xs: Sequence) -> Tensor:
        return _weighted(f, xs, weights)

    def slope(xs: Sequence) -> Tensor:
        total = tensor(0.0, dtype="float64")
        y = value(xs)
        if y.requires_grad:
            for g, d in zip(
                tape_grad(y, [xs[k] for k in checked], create_graph=True, materialize_grads=True),
                directions,
                strict=True,
            ):
                total = total + (g * tensor(d)).sum()
        return total

    with enable_grad():
        return _relative(*_along(value, args, checked, seed, step, False)), _relative(
            *_along(slope, args, checked, seed, step, False)
        )


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether every first derivative of func at float64 inputs agrees with central differences,
    element by element.

    Compares the whole Jacobian, as `torch.autograd.gradcheck`: |analytic − numeric| ≤ atol + rtol ·
    |numeric|. Two backward passes may differ by `nondet_tol`. A gradient always has the dtype of what it is of, and one that
    did not arrive counts as zero; so `check_undefined_grad`, `check_grad_dtypes`, `fast_mode` and `masked` have no effect.
    """
    args = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    checked = _checked(args)
    if not checked:
        raise GradError("gradcheck needs an input that requires a gradient")
    for k in checked:
        if args[k].dtype.name != "float64":
            raise DTypeError(
                f"derivatives are checked in float64; input {k} is {args[k].dtype.name}"
            )
    outs = _tensors(func(*args))
    for j, out in enumerate(outs):
        for k in checked:
            analytic, numeric = _rows(out, args[k]), _columns(func, args, j, k, eps)
            again = float(np.abs(_rows(out, args[k]) - analytic).max(initial=0.0))
            if again > nondet_tol:
                if not raise_exception:
                    return False
                raise GradError(
                    f"gradcheck: two backward passes from output {j} to input {k} differ by {again:.3g}, more than "
                    f"nondet_tol={nondet_tol}"
                )
            wrong = ~np.isclose(analytic, numeric, atol=atol, rtol=rtol, equal_nan=True)
            if wrong.any():
                if not raise_exception:
                    return False
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise GradError(
                    f"gradcheck: the derivative of output {j}, element {at[0]}, by input {k}, element "
                    f"{at[1]}, is {analytic[at]:.9g} by backward "
                    f"and {numeric[at]:.9g} by differences ({int(wrong.sum())} of {wrong.size} elements disagree)"
                )
    return True


def _rows(out: Tensor, x: Tensor) -> np.ndarray:
    """The Jacobian by backward passes: one row for each output element."""
    rows = np.zeros((out.numel(), x.numel()))
    if out.requires_grad:
        for i in range(out.numel()):
            start = np.zeros(out.numel())
            start[i] = 1
            (g,) = tape_grad(
                out,
                x,
                tensor(start.reshape(tuple(out.shape))),
                retain_graph=True,
                allow_unused=True,
            )
            if g is not None:
                rows[i] = g.detach().numpy().reshape(-1)
    return rows


def _columns(f: Callable, args: list, j: int, k: int, eps: float) -> np.ndarray:
    """The Jacobian by central differences: one column for each input element."""
    base = args[k].detach().numpy()
    columns = []

    def at(value: np.ndarray) -> np.ndarray:
        with no_grad():
            return (
                _tensors(f(*args[:k], tensor(value), *args[k + 1 :]))[j]
                .detach()
                .numpy()
                .reshape(-1)
                .copy()
            )

    for i in range(base.size):
        up, down = base.copy().reshape(-1), base.copy().reshape(-1)
        up[i] += eps
        down[i] -= eps
        columns.append((at(up.reshape(base.shape)) - at(down.reshape(base.shape))) / (2 * eps))
    n = _tensors(f(*args))[j].numel()
    return np.stack(columns, 1) if columns else np.zeros((n, 0))


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether every second derivative of func agrees with central differences of the first:
    `gradcheck` of the backward pass, with its options.
    """
    args = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    checked = _checked(args)
    outs = _tensors(func(*args))
    if grad_outputs is None:
        rng = np.random.default_rng(11)
        grad_outputs = [
            tensor(rng.standard_normal(tuple(o.shape)), requires_grad=True) for o in outs
        ]
    starts = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]

    def first(*values: Tensor) -> tuple:
        xs, gs = list(values[: len(args)]), values[len(args) :]
        with enable_grad():
            xs = [
                x
                if not isinstance(x, Tensor) or x.requires_grad or k not in checked
                else x.detach().requires_grad_()
                for k, x in enumerate(xs)
            ]
            ys = _tensors(func(*xs))
            pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
            return tape_grad(
                [y for y, _ in pairs],
                [xs[k] for k in checked],
                [g for _, g in pairs],
                create_graph=True,
                materialize_grads=True,
            )

    return gradcheck(
        first,
        [*args, *starts],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )
