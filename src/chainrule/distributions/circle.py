"""A distribution of angles: von Mises'."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..base.modes import modes
from ..tape.modes import no_grad
from ..tensors import Tensor, rand, tensor
from . import constraints
from .distribution import Distribution
from .parameters import broadcast_all

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Von Mises' distribution of an angle x,  p(x) = exp(κ cos(x − loc)) / (2π I₀(κ)),  κ the concentration."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean angle."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance,  1 − I₁(κ) / I₀(κ)."""
        return 1 - ops.i1e(self.concentration) / ops.i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._checks():
            self._validate_sample(value)
        k = self.concentration
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - ops.i0e(k).log()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Angles between −π and π, by rejection from a wrapped Cauchy distribution.  Source: Best & Fisher 1979."""
        if modes.trace is not None:
            modes.trace.refuse(
                "angles are drawn until one fits, which a program cannot do",
                "draw them outside of the traced function, and hand them over",
            )
        shape = tuple(self._extended_shape(sample_shape))
        with no_grad():
            k = np.asarray(self.concentration.double().expand(shape).numpy()).reshape(-1)
            r = 1 + np.sqrt(1 + 4 * k * k)
            rho = (r - np.sqrt(2 * r)) / (2 * k)
            with np.errstate(all="ignore"):
                s = np.where(k < 1e-4, 1 / k, (1 + rho * rho) / (2 * rho))
            out, left = np.empty_like(k), np.arange(k.size)
            while left.size:
                u = np.asarray(rand(3, left.size, dtype="float64").numpy()) + 2.0**-26
                z = np.cos(np.pi * u[0])
                f = (1 + s[left] * z) / (s[left] + z)
                c = k[left] * (s[left] - f)
                fits = (c * (2 - c) - u[1] > 0) | (np.log(c / u[1]) + 1 - c >= 0)
                out[left[fits]] = (np.sign(u[2] - 0.5) * np.arccos(np.clip(f, -1, 1)))[fits]
                left = left[~fits]
            angle = tensor(out.reshape(shape)).to(self.loc.dtype)
            return (angle + math.pi + self.loc) % (2 * math.pi) - math.pi
