"""Losses in compiled programs: value and gradients are those of an eager call, and nothing of them needs Python."""

import numpy as np
import pytest
from nn.loss_cases import CASES, TARGETS

import chainrule as cr


def tensors(value):
    return cr.tensor(value) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_loss_and_its_gradient(name):
    function, _, operands, settings = CASES[name]
    settings = {k: tensors(v) for k, v in settings[-1].items() if k != "reduction"}
    loss = getattr(cr.nn.functional, function)
    leaves = [v for v in operands[: TARGETS.get(function, 1)] if isinstance(v, np.ndarray)]
    rest = [tensors(v) for v in operands[len(leaves) :]]

    def step(*xs):
        y = loss(*xs, *rest, **settings)
        (y * y).sum().backward()
        return y

    found = []
    for run in (step, cr.compile(step)):
        xs = [cr.tensor(v, requires_grad=True) for v in leaves]
        y = run(*xs).detach().numpy()
        found.append([y, *[0 * x.detach().numpy() if x.grad is None else x.grad.numpy() for x in xs]])  # fmt: skip
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
