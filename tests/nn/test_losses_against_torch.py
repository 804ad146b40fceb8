"""Losses and distances against PyTorch: the function and the module, values and gradients in float64, over all their arguments."""

import inspect
import warnings

import numpy as np
import pytest
from nn.loss_cases import CASES, TARGETS, f, i

import chainrule as cr

CALLS = [
    pytest.param(function, module, operands, settings, id=f"{name}-{k}")
    for name, (function, module, operands, several) in CASES.items()
    for k, settings in enumerate(several)
]


def run(T, function, module, operands, settings):
    """The value of the function, and of the module, and the gradients of its weighted sum."""
    settings = {k: T.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items() if k != "reduction" or v}  # fmt: skip
    made = [T.tensor(v) if isinstance(v, np.ndarray) else v for v in operands]
    leaves = [x.requires_grad_() for x in made[: TARGETS.get(function, 1)] if not isinstance(x, float)]  # fmt: skip
    if function == "ctc_loss":  # PyTorch's gradient is right behind a softmax alone
        made[0] = made[0].log_softmax(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = getattr(T.nn.functional, function)(*made, **settings)
        again = y if module is None else getattr(T.nn, module)(**settings)(*made)
    weights = np.random.default_rng(1).standard_normal(tuple(y.shape))
    (y * T.tensor(weights)).sum().backward()
    grads = [T.zeros_like(x) if x.grad is None else x.grad for x in leaves]
    return [v.detach().numpy() for v in (y, again, *grads)]


@pytest.mark.torch
@pytest.mark.parametrize(("function", "module", "operands", "settings"), CALLS)
def test_loss(torch, function, module, operands, settings):
    theirs = run(torch, function, module, operands, settings)
    ours = run(cr, function, module, operands, settings)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


FUNCTIONS = sorted({function for function, *_ in CASES.values()})
MODULES = sorted({module for _, module, *_ in CASES.values() if module} | {"LinearCrossEntropyLoss"})  # fmt: skip


def parameters(f):
    return [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]


@pytest.mark.torch
def test_arguments_stand_where_pytorch_has_them(torch):
    for name in FUNCTIONS:
        if name not in ("cosine_similarity", "pairwise_distance", "pdist"):  # written in C++ there
            f, g = (getattr(T.nn.functional, name) for T in (cr, torch))
            assert parameters(f) == parameters(g), name
    for name in MODULES:
        f, g = (getattr(T.nn, name) for T in (cr, torch))
        assert parameters(f) == parameters(g), name
        assert parameters(f.forward) == parameters(g.forward), name


@pytest.mark.torch
def test_every_loss_of_pytorch_is_here(torch):
    names = {n for n in dir(torch.nn) if n.endswith(("Loss", "Distance", "Similarity"))}
    assert names <= {*MODULES, "AdaptiveLogSoftmaxWithLoss"}


@pytest.mark.torch
def test_linear_cross_entropy_as_a_module(torch):
    for settings in ({}, {"bias": True, "out_features": (2,), "label_smoothing": 0.1}):
        theirs = torch.nn.LinearCrossEntropyLoss(7, 3, **settings).double()
        ours = cr.nn.LinearCrossEntropyLoss(7, 3, **settings).double()
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        x, t = f(5, 7), i(5, *settings.get("out_features", ()), high=3)
        a, b = ours(cr.tensor(x), cr.tensor(t)), theirs(torch.tensor(x), torch.tensor(t))
        np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12)


@pytest.mark.torch
def test_the_adaptive_softmax(torch):
    """The same weights from the same seed, outputs, gradients, predictions; compiled too."""
    x, t, found = f(13, 9), i(13, high=17), []
    for T in (cr, torch):
        T.manual_seed(0)
        loss = T.nn.AdaptiveLogSoftmaxWithLoss(9, 17, [3, 8, 12], div_value=2.0, head_bias=True)
        loss = loss.double()
        leaf = T.tensor(x, requires_grad=True)
        output, cost = loss(leaf, T.tensor(t))
        cost.backward()
        one = loss(leaf.detach()[0], T.tensor(t[0]))
        more = [loss.log_prob(leaf), loss.predict(leaf), leaf.grad, *one]
        more += [p.grad for p in loss.parameters()]
        found.append((repr(loss), [v.detach().numpy() for v in (output, cost, *more)]))
        assert sorted(loss.predict(3 * leaf).tolist()) != sorted(t.tolist())
        if T is cr:
            compiled = cr.compile(lambda x, t, loss=loss: loss(x, t)[1])(leaf, T.tensor(t))
            np.testing.assert_allclose(compiled.item(), cost.item(), rtol=1e-9)
    (a, ours), (b, theirs) = found
    assert a == b
    for v, w in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "one, other", [("float32", "float64"), ("float64", "float32"), ("float16", "float32")]
)
def test_operands_of_two_dtypes(torch, one, other):
    """Targets that NumPy made are float64 unless it was told: where PyTorch takes them beside float32, so do we."""
    x, y = np.random.default_rng(3).uniform(0.1, 0.9, (2, 5, 3))

    def losses(T):
        F, a, b = (
            T.nn.functional,
            T.tensor(x, dtype=getattr(T, one)),
            T.tensor(y, dtype=getattr(T, other)),
        )
        weight = T.arange(3, dtype=a.dtype)
        found = [
            F.cosine_similarity(a, b), F.cosine_similarity(a, T.arange(3)),
            F.cross_entropy(a, b), F.cross_entropy(a, b, weight=weight, label_smoothing=0.1),
        ]  # fmt: skip
        if one == "float32":  # otherwise PyTorch's loss has the dtype of the target
            found.append(F.binary_cross_entropy_with_logits(a, b, pos_weight=weight))
        return found

    for mine, theirs in zip(losses(cr), losses(torch), strict=True):
        assert f"torch.{mine.dtype.name}" == str(theirs.dtype)
        near = 2e-3 if "float16" in (one, mine.dtype.name) else 1e-6
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=near, atol=near)
