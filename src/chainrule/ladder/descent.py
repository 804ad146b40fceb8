"""Going downhill: a gradient by finite differences, gradient descent, momentum.

The derivative of f at x says how much f changes when x moves a little. Where x has many entries, the
gradient collects one such number for each; it points in the direction in which f grows fastest, and
walking against it makes f smaller. That is all of training: f is the loss, x are the weights.

`numerical_gradient` needs nothing but f, and two evaluations for every entry: hopeless for a million
weights, and for exactly this reason the way to check every gradient that is obtained more cleverly.
All other rungs are checked with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["gradient_descent", "numerical_gradient", "plot_descent"]

COLORS = ("C0", "C3", "C2", "C1")
Function = Callable[[np.ndarray], float]


def numbers(x: np.ndarray, name: str) -> np.ndarray:
    """The argument as a float64 array."""
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold real numbers, in rows of one length, and is {x!r}"
        ) from None


def numerical_gradient(f: Function, x: np.ndarray, *, step: float = 1e-5) -> np.ndarray:
    """∂f/∂xᵢ ≈ (f(x + h eᵢ) − f(x − h eᵢ)) / 2h for every entry, in the shape of x.

    Both sides, rather than (f(x + h) − f(x)) / h: in the difference all even terms of Taylor's series
    cancel, so the error is h² f‴/6 and not h f″/2. Smaller steps are not better without end: f is
    rounded to about 10⁻¹⁶, and that error is divided by h. Near 10⁻⁵ the two are balanced.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([1.0, -3.0])).round(6).tolist()
    [2.0, -6.0]
    """
    if not step > 0:
        raise ValueError(f"numerical_gradient: step must be positive, and is {step}")
    x = numbers(x, "x").copy()  # it is moved below
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + step
        above = _number(f(x))
        x[index] = kept - step
        below = _number(f(x))
        x[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def gradient_descent(
    f: Function,
    x0: np.ndarray,
    lr: float,
    steps: int,
    *,
    momentum: float = 0.0,
    gradient: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Walk downhill from x0; returns every point on the way, shape (steps + 1, *x0.shape).

        v ← momentum · v + ∇f(x)
        x ← x − lr · v

    Without momentum, each step goes straight down. In a long valley that means from wall to wall, and
    little along it. With momentum (Polyak 1964) the steps across cancel in v while those along add up,
    to 1 / (1 − momentum) times the speed.

    Args:
        f: the function to make small.
        x0: where to begin.
        lr: the learning rate. Beyond 2 / (largest curvature) each step overshoots further than the last.
        steps: how many.
        momentum: the share of the last step that is kept, from 0 to below 1.
        gradient: ∇f, if it is known; otherwise finite differences.

    >>> path = gradient_descent(lambda x: (x - 3.0) ** 2, np.array(0.0), lr=0.1, steps=50)
    >>> round(float(path[-1]), 3)
    3.0
    """
    if not lr > 0:
        raise ValueError(f"gradient_descent: lr must be positive, and is {lr}")
    if not 0 <= momentum < 1:
        raise ValueError(f"gradient_descent: momentum must be from 0 to below 1, and is {momentum}")
    if steps < 0 or steps != int(steps):
        raise ValueError(
            f"gradient_descent: steps must be 0 or more, a whole number, and is {steps}"
        )
    x = numbers(x0, "x0").copy()
    v = np.zeros_like(x)
    path = [x.copy()]
    for _ in range(int(steps)):
        g = numerical_gradient(f, x) if gradient is None else np.asarray(gradient(x))
        if g.shape != x.shape:
            raise ValueError(f"the gradient must have the shape of x, {x.shape}, and has {g.shape}")
        v = momentum * v + g
        x = x - lr * v
        path.append(x.copy())
    return np.array(path)


def _number(result: float) -> float:
    """f's value as a float; an array of several is no height to walk down from."""
    y = numbers(np.asarray(result), "what f returns")
    if y.size != 1:
        raise ValueError(f"f must return one number, and returned an array of shape {y.shape}")
    return float(y.reshape(()))


def plot_descent(f: Function, paths: dict[str, np.ndarray], file: str) -> None:
    """Draw paths over the contour lines of a function of two numbers, and save the picture.

    Args:
        f: the function, of an array of shape (2,).
        paths: what to write beside each path, and the path, (steps + 1, 2).
        file: where to; the ending (.png, .svg) says what kind of picture.
    """
    from matplotlib.figure import Figure

    if not paths:
        raise ValueError("plot_descent expects at least one path, and got none")
    for name, path in paths.items():
        if np.ndim(path) != 2 or np.shape(path)[1] != 2:
            raise ValueError(f"path {name!r} must have shape (steps + 1, 2), not {np.shape(path)}")
    points = np.concatenate(list(paths.values()))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.15 * (high - low) + 0.1
    xs = np.linspace(low[0] - margin[0], high[0] + margin[0], 121)
    ys = np.linspace(low[1] - margin[1], high[1] + margin[1], 121)
    heights = np.array([[_number(f(np.array([x, y]))) for x in xs] for y in ys])
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    # Levels in equal shares of the heights that occur, so that the floor of a valley has lines too.
    levels = np.unique(np.quantile(heights, np.linspace(0, 1, 22)))
    axes.contour(xs, ys, heights, levels=levels, cmap="Greys_r", linewidths=0.8)
    for (name, path), color in zip(paths.items(), COLORS * len(paths), strict=False):
        axes.plot(path[:, 0], path[:, 1], ".-", color=color, linewidth=1.2, label=name)
    axes.plot(*points[0], "k*", markersize=11, label="start")
    axes.set(xlabel="x₁", ylabel="x₂")
    axes.legend(loc="best")
    figure.savefig(file, dpi=120)
