"""nn.utils.prune: which elements are held at zero, once and again, and what is trained."""

import copy
import importlib

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ShapeError
from chainrule.nn.utils import prune

STEPS = {
    "elements": lambda P, m: [P.l1_unstructured(m, "weight", 0.3), P.l1_unstructured(m, "weight", 5)],
    "slices": lambda P, m: [P.ln_structured(m, "weight", 2, n=2, dim=0), P.ln_structured(m, "weight", 0.4, n=1, dim=-1)],
    "slices, then elements": lambda P, m: [P.ln_structured(m, "weight", 1, n=float("inf"), dim=1), P.l1_unstructured(m, "weight", 0.5)],
    "nothing": lambda P, m: [P.identity(m, "bias"), P.l1_unstructured(m, "bias", 0.0)],
    "everything": lambda P, m: [P.l1_unstructured(m, "bias", 1.0)],
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("name", STEPS)
def test_pruning_is_that_of_pytorch(torch, name):
    found = []
    for T in (cr, torch):
        T.manual_seed(0)
        m = T.nn.Linear(7, 5)
        pruning = importlib.import_module(f"{T.__name__}.nn.utils.prune")
        STEPS[name](pruning, m)
        y = m(T.arange(14.0).reshape(2, 7) / 8)
        (y * y).sum().backward()
        pruned = "bias" if hasattr(m, "bias_orig") else "weight"
        state = {k: v.numpy().copy() for k, v in m.state_dict().items()}
        grads = [p.grad.numpy().copy() for p in m.parameters()]
        assert pruning.is_pruned(T.nn.Sequential(m))
        pruning.remove(m, pruned)
        assert not pruning.is_pruned(m)
        after = {k: v.numpy() for k, v in sorted(m.state_dict().items())}
        found.append((list(state), list(after), [*state.values(), *grads, *after.values()]))
    (names_a, after_a, a), (names_b, after_b, b) = found
    assert (names_a, after_a) == (names_b, after_b)
    for v, w in zip(a, b, strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-5, atol=1e-6)


def test_random_pruning_takes_as_many_as_asked():
    m = nn.Linear(7, 5)
    weight = m.weight
    prune.random_unstructured(m, "weight", 11)
    assert m.weight_mask.sum().item() == 24 and m.weight_orig is weight
    prune.random_structured(m, "weight", 0.4, dim=1)
    assert ((m.weight_mask.sum(0) == 0).sum().item()) >= 3
    other = copy.deepcopy(m)
    np.testing.assert_array_equal(
        m.weight.detach().numpy(), (m.weight_mask * m.weight_orig).detach().numpy()
    )
    assert prune.remove(m, "weight") is m and m.weight is weight and type(m) is nn.Linear
    assert prune.is_pruned(other)


def test_a_mask_of_ones_own():
    m = nn.Linear(3, 2)
    mask = cr.tensor([[1, 0, 1], [0, 1, 1]])
    prune.custom_from_mask(m, "weight", mask)
    prune.custom_from_mask(m, "weight", cr.tensor([[1, 1, 0], [1, 1, 1]]))
    assert m.weight_mask.tolist() == [[1, 0, 0], [0, 1, 1]]
    scores = cr.tensor([[9.0, 0, 0], [0, 1.0, 2.0]])
    prune.l1_unstructured(m, "weight", 1, importance_scores=scores)
    assert m.weight_mask.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", "x"), TypeError, r"Invalid type for amount: x"),
        (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError, r"amount=-1 should either be a float in the range"),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError, r"amount=1.5 should either be"),
        (lambda m: prune.l1_unstructured(m, "weight", 7), ValueError, r"smaller than the number of parameters to prune=6"),
        (lambda m: prune.l1_unstructured(m, "weight", 1, cr.ones(3)), ShapeError, r"must have the shape of weight, \(2, 3\)"),
        (lambda m: prune.custom_from_mask(m, "weight", cr.ones(3)), ShapeError, r"must have its shape, \(2, 3\), found \(3,\)"),
        (lambda m: prune.identity(m, "x"), ValueError, r"Linear has no parameter 'x' to prune"),
        (lambda m: prune.remove(m, "weight"), ValueError, r"has to be pruned before pruning can be removed"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act(nn.Linear(3, 2))
