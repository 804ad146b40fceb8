"""Hand-written backward passes against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.ladder.descent import numerical_gradient


def check_layer(make: Callable, x: np.ndarray, *, atol: float = 1e-7) -> None:
    """The gradients of Σ g·forward(x), for random g, by x and by every parameter, are the finite differences.

    `make()` gives the same layer each time, random draws too.
    """
    layer = make()
    y = layer.forward(x)
    g = np.random.default_rng(99).normal(size=y.shape)
    by_x = layer.backward(g)
    assert by_x.shape == x.shape
    np.testing.assert_allclose(
        by_x, numerical_gradient(lambda x: (g * make().forward(x)).sum(), x), atol=atol
    )

    def with_parameter(name: str, value: np.ndarray) -> float:
        twin = make()
        twin.parameters[name] = value
        return (g * twin.forward(x)).sum()

    assert layer.gradients.keys() == layer.parameters.keys()
    for name, value in layer.parameters.items():
        expected = numerical_gradient(lambda v, name=name: with_parameter(name, v), value)
        assert layer.gradients[name].shape == value.shape
        np.testing.assert_allclose(layer.gradients[name], expected, atol=atol)
