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


def every_second(T):
    class EverySecond(T.nn.utils.prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    return EverySecond


def test_a_method_of_ones_own_and_weights_pruned_as_one_are_those_of_pytorch(torch):
    found = []
    for T in (cr, torch):
        prune = importlib.import_module(f"{T.__name__}.nn.utils.prune")
        T.manual_seed(0)
        m, other = T.nn.Linear(7, 5), T.nn.Linear(5, 3)
        every_second(T).apply(m, "weight")
        prune.ln_structured(m, "weight", 2, n=2, dim=0)
        history = every_second(T).apply(m, "weight")
        pairs = ((m, "weight"), (other, "weight"))
        scores = {(other, "weight"): T.arange(15.0).reshape(3, 5) / 30}
        prune.global_unstructured(pairs, prune.L1Unstructured, scores, amount=0.3)
        masks = [p.weight_mask.numpy().copy() for p in (m, other)]
        kinds = [type(k).__name__ for k in history]
        hook = next(iter(m._forward_pre_hooks.values()))
        kept = prune.L1Unstructured(2).prune(T.tensor([3.0, -1.0, 2.0])).tolist()
        found.append((*masks, kinds, len(hook), hook._tensor_name, kept))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_methods_say_what_they_cannot_be_used_for():
    m = nn.Linear(3, 2)
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE supported'):
        prune.global_unstructured([(m, "weight")], prune.RandomStructured, amount=1)
    with pytest.raises(TypeError, match="parameters is not an Iterable"):
        prune.global_unstructured(3, prune.L1Unstructured, amount=1)
    with pytest.raises(TypeError, match="importance_scores must be of type dict"):
        prune.global_unstructured([(m, "weight")], prune.L1Unstructured, [1], amount=1)
    container = prune.PruningContainer(prune.L1Unstructured.apply(m, "weight", 1))
    with pytest.raises(ValueError, match="acting on the parameter named 'weight'.*Found 'bias'"):
        container.add_pruning_method(prune.Identity.apply(m, "bias"))
    with pytest.raises(TypeError, match="is not a BasePruningMethod subclass"):
        container.add_pruning_method(3)
    with pytest.raises(ShapeError, match=r"importance_scores must have the shape of t, \(3,\)"):
        container[0].prune(cr.ones(3), importance_scores=cr.ones(2))
    with pytest.raises(ValueError, match="has to be pruned"):
        container[0].apply_mask(nn.Linear(3, 2))


def test_hooks_are_seen_and_taken_off_by_their_private_dicts():
    m, seen = nn.Linear(3, 2), []
    handle = m.register_forward_hook(lambda module, x, y: seen.append(y))
    assert len(m._forward_hooks) == 1 and list(m._forward_hooks) == [handle.id]
    m(cr.ones(3))
    m._forward_hooks.clear()
    m(cr.ones(3))
    assert len(seen) == 1 and not m._forward_hooks and not m._forward_pre_hooks


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
