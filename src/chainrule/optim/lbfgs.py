"""L-BFGS: steps of Newton's method, whose curvature is remembered from the last gradients. For whole
data sets and few parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import TraceError
from ..tape.modes import enable_grad, modes, no_grad
from ..tensors import Tensor, cat, tensor, zeros_like
from .hyper import check, number_of
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer

__all__ = ["LBFGS", "direction"]


def direction(
    g: Tensor, y: list[Tensor], s: list[Tensor], rho: list[float], scale: float
) -> Tensor:
    """−H g, where H approximates the inverse of the matrix of second derivatives.   Source: Nocedal &
    Wright 2006, algorithm 7.4.

        q ← −g;  for k from the newest:  αₖ = ρₖ sₖ·q,  q ← q − αₖ yₖ
        r ← scale · q;  for k from the oldest:  r ← r + (αₖ − ρₖ yₖ·r) sₖ

    Args:
        g: the gradient.
        y: differences of neighbouring gradients, the oldest first.
        s: the steps that made them.
        rho: 1 / (y·s).
        scale: s·y / y·y of the newest: the curvature where nothing is remembered.

    >>> g, y, s = tensor([2.0, 6.0]), [tensor([1.0, 0.0])], [tensor([0.5, 0.0])]
    >>> direction(g, y, s, [2.0], 1.0)      # the first curvature is 2, the other is taken as 1
    tensor([-1., -6.])
    """
    q, alpha = -g, [0.0] * len(y)
    for k in reversed(range(len(y))):
        alpha[k] = rho[k] * float(s[k].dot(q))
        q = q - alpha[k] * y[k]
    r = scale * q
    for k in range(len(y)):
        r = r + (alpha[k] - rho[k] * float(y[k].dot(r))) * s[k]
    return r


class LBFGS(Optimizer):
    """L-BFGS; see ``direction`` and ``line_search`` for the formulas.

    A step is up to ``max_iter`` iterations, each of which evaluates the closure. It decides in
    Python how far to go, so it cannot be part of a traced step; the closure itself may call a
    compiled function.

    Args:
        params: parameters: one group.
        lr: the length of a step in the unit of Newton's; where a line search begins.
        max_iter: iterations in one call of ``step``.
        max_eval: evaluations of the closure in one call, by default max_iter · 5/4.
        tolerance_grad: no element of the gradient is larger: done.
        tolerance_change: steps or changes of the loss are smaller: done.
        history_size: how many gradients are remembered.
        line_search_fn: None, or ``"strong_wolfe"``.

    Raises:
        ValueError: a number out of range, or more than one group.

    Example:
        >>> w = nn.Parameter(tensor([-1.5, 2.0]))
        >>> optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=50)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> _ = optimizer.step(closure)
        >>> (w.detach() * 1000).round()
        tensor([1000., 1000.])
    """

    saves_step, free = False, False

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"only 'strong_wolfe' is supported, got {line_search_fn!r}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        check(defaults)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The first group; a second is refused."""
        if self.param_groups:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go on to the minimum.

        Args:
            closure: zeroes the gradients, computes the loss, calls ``backward``, returns the loss.

        Returns:
            What the closure returned first.

        Raises:
            TypeError: no closure.
            TraceError: within a trace.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step needs a closure: it evaluates the loss several times a step"
            )
        if modes.trace is not None:
            raise TraceError(
                "LBFGS.step decides in Python how far to go, and cannot be traced\n"
                "  hint: compile the loss that the closure computes, and step eagerly"
            )
        with no_grad(), np.errstate(all="ignore"):
            return self._step(closure)

    def _step(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first = closure()
        loss, g = float(first), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return first
        for k in range(group["max_iter"]):
            state["n_iter"] += 1
            d = self._direction(state, group, g)
            slope = float(g.dot(d))
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / float(g.abs().sum())) * number_of(group["lr"])
            else:
                t = number_of(group["lr"])
            previous_loss = loss
            state.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            if slope > -group["tolerance_change"]:
                break
            is_last = k + 1 == group["max_iter"]
            if group["line_search_fn"] is not None:
                left = group["max_eval"] - evaluations
                point, count = self._search(closure, Point(0.0, loss, g, slope), t, d, left)
                t, loss, g = point.t, point.f, point.g
                self._move(t, d)
                state["t"] = t
            else:
                self._move(t, d)
                count = 0
                if not is_last:  # nobody would look at it
                    with enable_grad():
                        loss = float(closure())
                    g, count = self._gradient(), 1
            evaluations += count
            state["func_evals"] += count
            if (
                is_last
                or evaluations >= group["max_eval"]
                or _largest(g) <= group["tolerance_grad"]
                or _largest(d) * abs(t) <= group["tolerance_change"]
                or abs(loss - previous_loss) < group["tolerance_change"]
            ):
                break
        return first

    def _direction(self, state: dict[str, Any], group: dict[str, Any], g: Tensor) -> Tensor:
        """The next direction, after what the last step taught is remembered."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -g
        y = g - state["prev_flat_grad"]
        s = state["d"] * state["t"]
        ys = float(y.dot(s))
        if ys > 1e-10:  # curved upwards, as a minimum needs
            if len(state["old_dirs"]) == group["history_size"]:
                for name in ("old_dirs", "old_stps", "ro"):
                    state[name].pop(0)
            state["old_dirs"].append(y)
            state["old_stps"].append(s)
            state["ro"].append(1.0 / ys)
            state["H_diag"] = ys / float(y.dot(y))
        return direction(g, state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"])

    def _search(
        self, closure: Callable[[], Any], start: Point, t: float, d: Tensor, evaluations: int
    ) -> tuple[Point, int]:
        """A line search from here; the parameters are put back where they are."""
        params = self.param_groups[0]["params"]
        here = [p.detach().clone() for p in params]

        def evaluate(t: float) -> Point:
            self._move(t, d)
            with enable_grad():
                loss = float(closure())
            g = self._gradient()
            for p, x in zip(params, here, strict=True):
                p.copy_(x)
            return Point(t, loss, g, float(g.dot(d)))

        return strong_wolfe(evaluate, start, t, _largest(d), evaluations=evaluations)

    def _gradient(self) -> Tensor:
        """All gradients in one vector."""
        params = self.param_groups[0]["params"]
        parts = [zeros_like(p) if p.grad is None else p.grad.detach() for p in params]
        return cat([x.reshape(-1) for x in parts])

    def _move(self, t: float, d: Tensor) -> None:
        """p ← p + t d."""
        start = 0
        for p in self.param_groups[0]["params"]:
            p.add_(d[start : start + p.numel()].reshape(p.shape), alpha=t)
            start += p.numel()

    def _load_one(self, p: Tensor, values: dict[str, Any]) -> None:
        """The state is one for all parameters, filed under the first: vectors, numbers, and lists
        of them.
        """
        vectors = {"d", "prev_flat_grad"}
        state = self.state[p]
        state.clear()
        for name, value in values.items():
            if name in ("func_evals", "n_iter"):
                state[name] = int(value)
            elif name in ("old_dirs", "old_stps"):
                state[name] = [_vector(x, p) for x in value]
            elif name == "ro":
                state[name] = [float(x) for x in value]
            elif name != "al":  # PyTorch's scratch
                state[name] = _vector(value, p) if name in vectors else float(value)


def _vector(x: Any, p: Tensor) -> Tensor:
    return tensor(np.asarray(x), dtype=p.dtype)


def _largest(x: Tensor) -> float:
    """The largest element in absolute value."""
    return float(x.abs().max())
