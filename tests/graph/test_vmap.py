"""`vmap`: every op's rule against the loop, and the properties of the transformation."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base import dtypes
from chainrule.base.errors import RangeError, ShapeError, TraceError
from chainrule.func import grad, vmap
from chainrule.graph import batching
from chainrule.nn import functional as F
from chainrule.ops import TABLE
from chainrule.ops.samples import Draw, samples_of
from chainrule.tensors.core import Tensor, wrap

SIZE = 3

WITHOUT_RULE = {
    "scan": "runs step by step; see the recurrent layers below",
    "uniform": "draws; see the tests of randomness",
    "normal": "draws; see the tests of randomness",
    "random_integers": "draws; see the tests of randomness",
}
"""Primitives that the battery leaves to other tests."""

CALLS = [
    (name, k)
    for name, op in TABLE.items()
    if op.kind.name not in ("create", "random") and name not in WITHOUT_RULE
    for k in range(len(samples_of(op)))
]


def batches_of(operands, seed):
    """For each operand either SIZE draws, stacked, or None for what is not drawn; integers and bools too."""
    rng = np.random.default_rng(seed)
    out = []
    for o in operands:
        drawn = isinstance(o, Draw)
        out.append(np.stack([o.array(rng) for _ in range(SIZE)]) if drawn else None)
    return out


def compare(name, k, which):
    """One call with some of its operands batched, against the loop."""
    op = TABLE[name]
    sample = samples_of(op)[k]
    stacks = batches_of(sample.operands, k)
    mapped = [s is not None and j in which for j, s in enumerate(stacks)]
    if not any(mapped):
        return
    fixed = [
        wrap(s[0], None) if s is not None else v
        for s, v in zip(stacks, sample.operands, strict=True)
    ]
    fixed = [wrap(np.asarray(v), None) if isinstance(v, np.ndarray) else v for v in fixed]

    def call(*xs):
        it = iter(xs)
        return op(
            *[next(it) if m else f for m, f in zip(mapped, fixed, strict=True)], **sample.attributes
        )

    batch = [wrap(s, None) for s, m in zip(stacks, mapped, strict=True) if m]
    found = vmap(call)(*batch)
    rows = [call(*[x[b] for x in batch]) for b in range(SIZE)]
    found = found if isinstance(found, tuple) else (found,)
    rows = [r if isinstance(r, tuple) else (r,) for r in rows]
    for j, y in enumerate(found):
        expected = cr.stack([r[j] for r in rows])
        assert y.dtype is expected.dtype and y.shape == expected.shape
        np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), 1e-10, 1e-12)


@pytest.mark.parametrize(("name", "k"), CALLS, ids=[f"{n}-{k}" for n, k in CALLS])
def test_every_op_gives_what_the_loop_gives(name, k):
    count = len(samples_of(TABLE[name])[k].operands)
    for which in [range(count), *[[j] for j in range(count)]]:
        compare(name, k, list(which))


def test_the_number_of_calls_does_not_grow_with_the_batch(monkeypatch):
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(0), nn.Linear(12, 5), nn.LayerNorm(5)
    )  # fmt: skip
    calls = []
    original = batching._equation
    monkeypatch.setattr(batching, "_equation", lambda *a: calls.append(1) or original(*a))

    def loss(w, x):
        return (cr.func.functional_call(model, w, (x,)) ** 2).sum()

    weights = {n: p.detach() for n, p in model.named_parameters()}
    counts = []
    for size in (2, 31):
        calls.clear()
        vmap(grad(loss), in_dims=(None, 0))(weights, cr.randn(size, 1, 7, 6))
        counts.append(len(calls))
    assert counts[0] == counts[1] > 20


def per_sample(model, loss_of, inputs, targets):
    """Gradients of every sample, by vmap and by a loop."""
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def loss(w, x, y):
        return loss_of(cr.func.functional_call(model, w, (x.unsqueeze(0),)), y.unsqueeze(0))

    found = vmap(grad(loss), in_dims=(None, 0, 0))(weights, inputs, targets)
    for b in range(len(inputs)):
        model.zero_grad()
        loss_of(model(inputs[b : b + 1]), targets[b : b + 1]).backward()
        for name, p in model.named_parameters():
            np.testing.assert_allclose(found[name][b].numpy(), p.grad.numpy(), 1e-9, 1e-10)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "groups", "transformer"])
def test_gradients_of_each_sample_are_those_of_the_loop(kind):
    cr.manual_seed(0)
    models = {
        "mlp": (nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)), (5,)),
        "cnn": (
            nn.Sequential(
                nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.GELU(), nn.Conv2d(3, 5, (2, 3), dilation=(1, 2), padding=2),
                nn.GroupNorm(5, 5), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3),
            ),
            (2, 11, 7),
        ),
        "groups": (nn.Sequential(nn.Conv1d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(30, 3)), (4, 7)),
        "transformer": (nn.Sequential(Attending(), nn.Flatten(), nn.Linear(20, 3)), (5, 4)),
    }  # fmt: skip
    model, shape = models[kind]
    model = model.double()
    inputs = cr.randn(SIZE, *shape, dtype=cr.float64)
    per_sample(model, F.cross_entropy, inputs, cr.tensor([2, 0, 1]))


class Attending(nn.Module):
    """A block of attention, (B, 5, 4) to the same."""

    def __init__(self):
        super().__init__()
        self.norm, self.qkv = nn.LayerNorm(4), nn.Linear(4, 12)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (2, 6)).transpose(1, 2).chunk(3, -1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + y.transpose(1, 2).flatten(2)


def test_a_loop_over_time():
    cr.manual_seed(0)
    lstm = nn.LSTM(3, 5, batch_first=True).double()
    x = cr.randn(SIZE, 7, 3, dtype=cr.float64)
    y, (h, _) = vmap(lambda s: lstm(s))(x)
    expected, (last, _) = lstm(x)
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), 1e-10)
    np.testing.assert_allclose(h[:, 0].detach().numpy(), last[0].detach().numpy(), 1e-10)


# --------------------------------------------------------------------------------------------- axes, nesting, history


def test_where_the_batch_stands():
    x, y = cr.randn(5, 3, 2), cr.randn(2, 3)
    found = vmap(lambda a, b: a @ b, in_dims=(1, None), out_dims=1)(x, y)
    expected = cr.stack([x[:, k] @ y for k in range(3)], dim=1)
    assert cr.allclose(found, expected)
    found = vmap(lambda d: {"sum": d["a"] + d["b"][0]}, in_dims=({"a": 0, "b": -1},))
    out = found({"a": x, "b": [cr.ones(3, 2, 5)]})
    assert out["sum"].shape == (5, 3, 2)
    same, other = vmap(lambda a: (cr.ones(2), a), out_dims=(None, 0))(x)
    assert same.shape == (2,) and other.shape == (5, 3, 2)
    assert vmap(lambda a: cr.ones(2))(x).shape == (5, 2)


def test_one_vmap_inside_of_another():
    x, y = cr.randn(5, 2), cr.randn(7, 2)
    pairs = vmap(vmap(lambda a, b: (a * b).sum(), in_dims=(None, 0)), in_dims=(0, None))
    assert cr.allclose(pairs(x, y), x @ y.T, atol=1e-6)


def test_histories_go_through():
    w = nn.Parameter(cr.randn(2, dtype=cr.float64))
    x = cr.randn(5, 2, dtype=cr.float64, requires_grad=True)
    (vmap(lambda a: (a * w).sum().exp())(x) ** 2).sum().backward()
    got = w.grad.clone(), x.grad.clone()
    w.grad = x.grad = None
    (((x * w).sum(1).exp()) ** 2).sum().backward()
    assert cr.allclose(got[0], w.grad) and cr.allclose(got[1], x.grad)


def test_within_a_compiled_function():
    x = cr.randn(5, 4, 3)
    f = vmap(lambda a: (a.softmax(-1).cumsum(0) @ a.T)[1:, 0])
    assert cr.allclose(cr.compile(f)(x), f(x), atol=1e-6)


def test_in_pieces():
    x = cr.randn(7, 3)
    assert cr.equal(vmap(lambda a: a * 2, chunk_size=3)(x), x * 2)


def test_randomness():
    x = cr.zeros(5, 3)
    cr.manual_seed(0)
    different = vmap(lambda a: a + cr.rand(3), randomness="different")(x)
    assert len(set(different.flatten().tolist())) == 15
    same = vmap(lambda a: a + cr.rand(3), randomness="same")(x)
    assert cr.equal(same, same[:1].expand(5, 3))
    assert not set(same.flatten().tolist()) & set(different.flatten().tolist())
    dropped = vmap(lambda a: F.dropout(a + 1), randomness="different")(cr.zeros(50, 3))
    assert 0.3 < (dropped == 0).float().mean().item() < 0.7
    with pytest.raises(
        TraceError, match=r"random numbers \(uniform\).*\n.*\n.*randomness='different'"
    ):
        vmap(lambda a: a + cr.rand(3))(x)


# --------------------------------------------------------------------------------------------------------- refusals

BUFFER = cr.zeros(3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: vmap(lambda a: a, in_dims=None)(x), ShapeError, "at least one argument must have a batch axis"),
        (lambda x: vmap(lambda a, b: a)(x, cr.ones(2)), ShapeError, r"one size, found 5 \(of \(5, 3\)\) and 2"),
        (lambda x: vmap(lambda a: a, in_dims=(0, 0))(x), ShapeError, "an entry for each of the 1 arguments"),
        (lambda x: vmap(lambda a: a, in_dims=7)(x), RangeError, "in_dims has 7"),
        (lambda x: vmap(lambda a: 3)(x), TraceError, "returns int"),
        (lambda x: vmap(lambda a: a, out_dims=None)(x), TraceError, "differs from sample to sample"),
        (lambda x: vmap(lambda a: BUFFER.add_(a))(x), TraceError, "writes into a tensor around it"),
        (lambda x: vmap(lambda a: a if a.sum() > 0 else -a)(x), TraceError, "a branch needs the value"),
        (lambda x: vmap(lambda a: a, randomness="some")(x), ValueError, "found 'some'"),
        (lambda x: vmap(lambda a: a, chunk_size=0)(x), ValueError, "at least 1"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(cr.randn(5, 3))


def test_bool_and_half_operands_keep_their_dtypes():
    x = cr.randn(5, 3).bfloat16()
    y = vmap(lambda a: a.exp())(x)
    assert y.dtype is dtypes.bfloat16 and isinstance(y, Tensor)
    assert vmap(lambda a: a > 0)(x).dtype is cr.bool
