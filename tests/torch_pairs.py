"""One call of a sample of PyTorch's on both libraries: its arguments on either side, its gradients, and what became of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch_samples as base
from torch_samples import Outcome

import chainrule as cr


class Call:
    """One sample, ready on both libraries: its arguments, and which of them are floating tensors."""

    def __init__(self, torch: Any, info: Any, sample: Any, forms: tuple, dtype: str):
        self.torch, self.sample, self.dtype = torch, sample, dtype
        given = [sample.input, list(sample.args), sample.kwargs]
        self.name, (self.f, self.g) = forms
        self.words = (
            f"{self.name}{base.described(torch, (sample.input, *sample.args), sample.kwargs)}"
        )
        self.one, self.two = base.theirs(torch, given, False), base.ours(torch, given, False)
        self.xs = [t for t in base.leaves(self.one, torch.Tensor) if t.is_floating_point()]
        self.ys = [t for t in base.leaves(self.two, cr.Tensor) if t.is_floating_point()]

    def processed(self, out: Any) -> Any:
        try:
            return self.sample.output_process_fn_grad(out)
        except TypeError:
            return out

    def theirs(self) -> Any:
        return self.processed(self.f(self.one[0], *self.one[1], **self.one[2]))

    def ours(self) -> Any:
        return self.processed(self.g(self.two[0], *self.two[1], **self.two[2]))

    def at(self, library: Any) -> tuple[Callable, list]:
        """The call as a function of its floating tensors, and these."""
        given, f = (self.one, self.f) if library is self.torch else (self.two, self.g)
        kind = library.Tensor

        def put(value: Any, xs: Iterator) -> Any:
            if isinstance(value, kind):
                return next(xs) if value.is_floating_point() else value
            if isinstance(value, list | tuple) and not isinstance(value, library.Size):
                return type(value)([put(v, xs) for v in value])
            if isinstance(value, dict):
                return {k: put(v, xs) for k, v in value.items()}
            return value

        def call(*xs: Any) -> Any:
            a, rest, options = put(given, iter(xs))
            out = self.processed(f(a, *rest, **options))
            return tuple([t for t in base.leaves(out, kind) if t.is_floating_point()])

        return call, self.xs if library is self.torch else self.ys


def judged(call: Call, theirs: Callable[[], Any], ours: Callable[[Any], str]) -> Outcome | None:
    """What became of a call; None where PyTorch itself has no answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = theirs()
        except Exception:
            return None
        if expected is None or base.has_complex(call.torch, expected):
            return None
        try:
            words = ours(expected)
        except Exception as e:
            return Outcome("refused", call.words, f"{type(e).__name__}: {str(e)[:300]}")
    return Outcome("differs", call.words, words) if words else Outcome("agrees", call.words, "")


def weighted(library: Any, outs: list, seed: int = 3) -> Any:
    """Σ wₖ·yₖ of the results that have gradients."""
    rng = np.random.default_rng(seed)
    total = None
    for y in outs:
        w = library.tensor(rng.standard_normal(tuple(y.shape)), dtype=y.dtype)
        total = (y * w).sum() if total is None else total + (y * w).sum()
    return total


def gradients(library: Any, outs: Any, xs: list, create: bool = False) -> list | None:
    """The gradients by xs, zeros where there is none."""
    live = [t for t in base.leaves(outs, library.Tensor) if t.requires_grad]
    if not live:
        return None
    return list(
        library.autograd.grad(
            weighted(library, live), xs, create_graph=create, materialize_grads=True
        )
    )


def compared(torch: Any, expected: list | None, found: list | None, names: str = "gradient") -> str:
    """In what two lists of gradients differ; one that is nowhere recorded is zero."""
    if expected is None or found is None:
        other = [t for t in expected or found or [] if bool(t.any())]
        return (
            f"{names}: {'none' if expected is None else 'there'}, found the opposite"
            if other
            else ""
        )
    return base.difference(torch, expected, found).replace("result", names)
