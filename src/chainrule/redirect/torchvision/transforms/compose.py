"""Transforms made of others: one after another, or some of them at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule

from .transform import Transform, draw

__all__ = ["Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder"]


class Compose:
    """One transform after another."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for t in self.transforms:
            image = t(image)
        return image

    def __repr__(self) -> str:
        return "Compose(\n" + "".join([f"    {t}\n" for t in self.transforms]) + ")"


class Lambda(Transform):
    """Any function."""

    def __init__(self, lambd: Callable):
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)


class RandomApply(Transform):
    """All of some transforms, with probability p, or none."""

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5):
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        return Compose(self.transforms)(image) if draw() < self.p else image


class RandomOrder(Transform):
    """All of some transforms, in a random order."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        order = chainrule.randperm(len(self.transforms)).tolist()
        return Compose([self.transforms[k] for k in order])(image)


class RandomChoice(Transform):
    """One of some transforms, with probabilities p (equal if None)."""

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None):
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        weights = np.cumsum([1.0] * len(self.transforms) if self.p is None else self.p)
        return self.transforms[int(np.searchsorted(weights, draw() * weights[-1], "right"))](image)
