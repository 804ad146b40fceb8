"""The check of all derivatives: along random directions, in float64, against central differences.

One direction checks all elements at once: if the gradient is wrong anywhere, the directional
derivative is wrong for almost every direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.errors import ArgumentError, DTypeError, GradError
from ..tape.modes import enable_grad, no_grad
from ..tensors.core import Tensor
from ..tensors.creation import tensor
from ..tensors.gradients import grad as tape_grad
from .derivatives import linearize

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
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether every first derivative of func at float64 inputs agrees with central differences,
    element by element.

    Compares the whole Jacobian, as `torch.autograd.gradcheck`: |analytic − numeric| ≤ atol + rtol ·
    |numeric|. A gradient always has the dtype of what it is of, and one that did not arrive counts as zero; so
    `check_undefined_grad`, `check_grad_dtypes`, `fast_mode` and `masked` have no effect.

    Args:
        func, inputs: the function, and its arguments; checked are those that require a gradient.
        eps: the step of the differences.
        raise_exception: False: return False instead of the error that says where the derivative is wrong.
        nondet_tol: by how much two backward passes may differ.
        check_backward_ad: check the Jacobian made row by row, by backward passes.
        check_forward_ad: check the Jacobian made column by column, by `jvp`.
        check_batched_grad: also compare the rows of `grad(is_grads_batched=True)`.
        check_batched_forward_grad: without effect beside `check_forward_ad`: several directions are taken one by one.
    """
    _need_one(check_forward_ad=check_forward_ad, check_backward_ad=check_backward_ad)
    _need_both(check_batched_grad=check_batched_grad, check_backward_ad=check_backward_ad)
    _need_both(
        check_batched_forward_grad=check_batched_forward_grad, check_forward_ad=check_forward_ad
    )
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
            numeric = _columns(func, args, j, k, eps)
            found: dict[str, np.ndarray] = {}
            if check_backward_ad:
                found["backward"] = _rows(out, args[k])
                again = float(np.abs(_rows(out, args[k]) - found["backward"]).max(initial=0.0))
                if again > nondet_tol:
                    if not raise_exception:
                        return False
                    raise GradError(
                        f"gradcheck: two backward passes from output {j} to input {k} differ by {again:.3g}, more than "
                        f"nondet_tol={nondet_tol}"
                    )
            if check_batched_grad:
                found["batched backward"] = _rows_at_once(out, args[k])
            if check_forward_ad:
                found["forward"] = _pushed(func, args, j, k)
            for way, analytic in found.items():
                wrong = ~np.isclose(analytic, numeric, atol=atol, rtol=rtol, equal_nan=True)
                if wrong.any():
                    if not raise_exception:
                        return False
                    at = tuple(int(i) for i in np.argwhere(wrong)[0])
                    raise GradError(
                        f"gradcheck: the derivative of output {j}, element {at[0]}, by input {k}, element "
                        f"{at[1]}, is {analytic[at]:.9g} by {way} "
                        f"and {numeric[at]:.9g} by differences ({int(wrong.sum())} of {wrong.size} elements disagree)"
                    )
    return True


def _need_one(**checks: bool) -> None:
    if not any(checks.values()):
        raise ArgumentError(f"one of {' and '.join(checks)} must be True: nothing else is checked")


def _need_both(**checks: bool) -> None:
    asked, base = checks
    if checks[asked] and not checks[base]:
        raise ArgumentError(f"{asked}=True needs {base}=True")


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


def _rows_at_once(out: Tensor, x: Tensor) -> np.ndarray:
    """The Jacobian by one call with all rows of the identity."""
    n = out.numel()
    if not out.requires_grad or not n:
        return np.zeros((n, x.numel()))
    starts = tensor(np.eye(n).reshape(n, *out.shape))
    (g,) = tape_grad(out, x, starts, retain_graph=True, allow_unused=True, is_grads_batched=True)
    return np.zeros((n, x.numel())) if g is None else g.detach().numpy().reshape(n, -1)


def _pushed(f: Callable, args: list, j: int, k: int) -> np.ndarray:
    """The Jacobian by directions: one column for each input element."""

    def of(x: Tensor) -> Tensor:
        return _tensors(f(*args[:k], x, *args[k + 1 :]))[j]

    y, push = linearize(of, args[k].detach())
    columns = np.zeros((y.numel(), args[k].numel()))
    for i in range(args[k].numel()):
        v = np.zeros(args[k].numel())
        v[i] = 1
        columns[:, i] = push(tensor(v.reshape(tuple(args[k].shape)))).detach().numpy().reshape(-1)
    return columns


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
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether every second derivative of func agrees with central differences of the first:
    `gradcheck` of the backward pass, with its options.

    Args:
        grad_outputs: the gradients that start at the outputs; drawn if None.
        gen_non_contig_grad_outputs: whether those that are drawn lie with gaps between their elements.
        check_rev_over_rev: check the second derivatives by backward passes.
        check_fwd_over_rev: check them by `jvp` of the backward pass.
    """
    _need_one(check_fwd_over_rev=check_fwd_over_rev, check_rev_over_rev=check_rev_over_rev)
    _need_both(check_batched_grad=check_batched_grad, check_rev_over_rev=check_rev_over_rev)
    args = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    checked = _checked(args)
    outs = _tensors(func(*args))
    if grad_outputs is None:
        rng = np.random.default_rng(11)
        gaps = 2 if gen_non_contig_grad_outputs else 1
        grad_outputs = [
            tensor(rng.standard_normal((*o.shape, gaps)))[..., 0].detach().requires_grad_()
            for o in outs
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
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )
