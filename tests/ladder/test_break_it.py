"""Break it: the classic mistakes, switched on one at a time. Each is caught by a check that passes without it.

Two things are shown at once: what each mistake does, and that our own checks can fail. A check is a function that asserts; a
mutation replaces one thing of the ladder.
"""

from __future__ import annotations

import numpy as np
import pytest
from ladder.numerical import check_layer

import chainrule as cr
from chainrule.base.errors import GradError, ShapeError
from chainrule.data import digits
from chainrule.ladder import attention
from chainrule.ladder.descent import gradient_descent
from chainrule.ladder.layers import (
    MSE,
    SGD,
    Dense,
    Embedding,
    Layer,
    LeakyReLU,
    Sequential,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
    fit,
)
from chainrule.ladder.network import Network
from chainrule.ladder.value import MLP, Value, squared_error, train

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(11, 5)), RNG.integers(0, 3, 11)
POINTS, SIGNS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0]], [1.0, -1.0, -1.0]

# ----------------------------------------------------------------------------------------------------------- the checks


def slopes_add_up():
    """A value used at two depths: y = b (b + a), b = 2 a, so y = 6 a² and the slope at 3 is 36."""
    a = Value(3.0)
    b = a * 2
    (b * (b + a)).backward()
    assert a.grad == 36


def training_is_gradient_descent():
    """Four epochs end where descent by finite differences ends."""
    model, reference = MLP([3, 2, 1]), MLP([3, 2, 1])

    def loss(weights):
        for p, w in zip(reference.parameters(), weights, strict=True):
            p.data = w
        return squared_error(reference, POINTS, SIGNS).data

    start = np.array([p.data for p in model.parameters()])
    train(model, POINTS, SIGNS, lr=0.05, epochs=4)
    expected = gradient_descent(loss, start, 0.05, 4)[-1]
    np.testing.assert_allclose([p.data for p in model.parameters()], expected, atol=1e-7)


def a_perfect_prediction_costs_nothing():
    """…or its shape is refused."""
    try:
        loss = MSE().forward(X[:, :1], X[:, 0])
    except ValueError:
        return
    assert loss == 0


def tanh_is_right():
    check_layer(Tanh, X)


def a_square_dense_layer_is_right():
    check_layer(lambda: Dense(5, 5), X)


def two_activations_are_right():
    model = Sequential([Tanh(), LeakyReLU(0.1)])
    model.parameters = model.gradients = {}
    check_layer(lambda: model, X)


def hidden_neurons_become_different():
    """After some steps the loss has fallen, and no two neurons are one."""
    model = Network([5, 7, 3])
    history = model.train(X, Y, 0.3, 60, len(X))
    assert history["loss"][-1] < 0.6 * np.log(3)
    assert np.linalg.matrix_rank(model.weights[0]) == 5


def one_batch_is_learned_by_heart():
    """Fewer examples than weights: a loss that does not go to 0 has a reason."""
    model = Sequential([Dense(5, 64, seed=1), Tanh(), Dense(64, 3, seed=2), *LAST])
    losses = fit(model, SoftmaxCrossEntropy(), SGD(model, 0.3), X, Y, epochs=400, batch_size=11)
    assert losses[-1] < 0.05


LAST: list[Layer] = []


def random_labels_cannot_be_predicted():
    """Labels drawn by lot: what is right on the validation set more often than by chance has been seen before."""
    images = digits.load().train.images.reshape(-1, 64)[:150]
    labels = np.random.default_rng(1).integers(0, 2, 150)
    training, validation = split(150)
    model = Network([64, 64, 2])
    model.train(images[training], labels[training], 0.01, 60, 32, optimizer="adam")
    right = (model.predict(images[validation]) == labels[validation]).mean()
    assert right < 0.7


def split(n):
    """100 to train, the others to validate."""
    order = np.random.default_rng(2).permutation(n)
    return order[:100], order[100:]


def a_symbol_that_occurs_twice_learns_twice():
    table = Embedding(3, 2)
    table.forward(np.array([1, 2, 1]))
    table.backward(np.ones((3, 2)))
    assert table.gradients["weight"].tolist() == [[0, 0], [2, 2], [1, 1]]


def the_future_changes_nothing():
    model, x = attention.CausalSelfAttention(6, 3), RNG.normal(size=(1, 5, 6))
    y = model.forward(x)
    x[:, 3:] += 1
    assert np.array_equal(model.forward(x)[:, :3], y[:, :3])


# -------------------------------------------------------------------------------------------------------- the mutations


def breadth_first(self):
    """The order in which a walk from the result meets the values: not every value comes after all that use it."""
    met, queue = {id(self)}, [self]
    for node in queue:
        for parent, _ in node.parents:
            if id(parent) not in met:
                met.add(id(parent))
                queue.append(parent)
    return queue[::-1]


def forgetful_zero_grad(self):
    """Nothing is set to 0."""


def broadcasting_forward(self, predictions, targets):
    """No look at the shapes."""
    self.difference = predictions - targets
    return float(np.mean(self.difference**2))


def tanh_with_a_sign_error(self, g):
    y = self.saved()
    return g * (1 + y * y)


def dense_with_a_swapped_transpose(self, g):
    self.gradients = {"weight": g.T @ self.saved(), "bias": g.sum(axis=0)}
    return g @ self.parameters["weight"].T


def dense_with_the_product_the_other_way_around(self, g):
    self.gradients = {"weight": self.saved().T @ g, "bias": g.sum(axis=0)}
    return g @ self.parameters["weight"]


def leaky_relu_in_place(self, x):
    """x is what the layer before kept for its derivative."""
    self.kept = np.where(x > 0, 1.0, self.slope)
    x *= self.kept
    return x


def forgetful_embedding(self, g):
    """An assignment to rows keeps one of those that are named twice."""
    by_weight = np.zeros_like(self.parameters["weight"])
    by_weight[self.saved()] += g
    self.gradients = {"weight": by_weight}
    return np.zeros(self.saved().shape)


def attention_without_a_mask(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def dead(value):
    """All weights alike."""

    def init(self, sizes):
        start(self, sizes)
        self.weights = [np.full_like(w, value) for w in self.weights]

    start = Network.__init__
    return init


HERE = __name__
MUTATIONS = {
    "wrong topological order": (slopes_add_up, (Value, "order", breadth_first)),
    "gradients not zeroed": (training_is_gradient_descent, (MLP, "zero_grad", forgetful_zero_grad)),
    "a broadcast in the loss": (a_perfect_prediction_costs_nothing, (MSE, "forward", broadcasting_forward)),
    "a sign error": (tanh_is_right, (Tanh, "backward", tanh_with_a_sign_error)),
    "a swapped transpose": (a_square_dense_layer_is_right, (Dense, "backward", dense_with_a_swapped_transpose)),
    "a product the other way around": (
        a_square_dense_layer_is_right, (Dense, "backward", dense_with_the_product_the_other_way_around)
    ),
    "in place on a saved value": (two_activations_are_right, (LeakyReLU, "forward", leaky_relu_in_place)),
    "one gradient of two kept": (a_symbol_that_occurs_twice_learns_twice, (Embedding, "backward", forgetful_embedding)),
    "looking into the future": (the_future_changes_nothing, (attention, "attend", attention_without_a_mask)),
    "dead from the start: zeros": (hidden_neurons_become_different, (Network, "__init__", dead(0.0))),
    "dead from the start: all alike": (hidden_neurons_become_different, (Network, "__init__", dead(0.1))),
    "softmax before cross-entropy": (one_batch_is_learned_by_heart, (LAST, "append", Softmax)),
    "validation data in training": (random_labels_cannot_be_predicted, (HERE, "split", lambda n: (np.arange(n), np.arange(n)[100:]))),
}  # fmt: skip


def switch_on(monkeypatch, mutation):
    owner, name, replacement = mutation
    if owner is LAST:
        monkeypatch.setitem(globals(), "LAST", [replacement()])
    elif owner is HERE:
        monkeypatch.setitem(globals(), name, replacement)
    else:
        monkeypatch.setattr(owner, name, replacement)


@pytest.mark.parametrize(
    "check", dict.fromkeys(c for c, _ in MUTATIONS.values()), ids=lambda c: c.__name__
)
def test_what_is_right_passes(check):
    check()


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_is_broken_is_caught(name, monkeypatch):
    check, mutation = MUTATIONS[name]
    switch_on(monkeypatch, mutation)
    with pytest.raises(AssertionError):
        check()


# ------------------------------------------------------------------------------------------- what the mistakes look like


def test_a_swapped_transpose_is_an_error_of_shapes_where_sizes_differ(monkeypatch):
    """Why the tests here draw their sizes from the primes: with square weights only a finite difference tells."""
    monkeypatch.setattr(Dense, "backward", dense_with_a_swapped_transpose)
    layer = Dense(5, 3)
    layer.forward(X)
    with pytest.raises(ValueError, match="matmul"):
        layer.backward(np.ones((11, 3)))


def test_a_loss_that_broadcasts_trains_a_model_that_says_the_mean(monkeypatch):
    monkeypatch.setattr(MSE, "forward", broadcasting_forward)
    monkeypatch.setattr(
        MSE,
        "backward",
        lambda self: (2 * self.difference / self.difference.size).sum(1, keepdims=True),
    )
    model, y = Sequential([Dense(5, 1)]), X[:, 0] + 3  # what one weight and the bias could do
    losses = fit(model, MSE(), SGD(model, 0.1), X, y, epochs=500, batch_size=11)
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(model.forward(X), y.mean(), atol=0.02)


def test_softmax_before_cross_entropy_has_a_floor():
    """Scores in [0, 1]: the surest right answer among K classes still costs ln(1 + (K − 1)/e)."""
    sure = np.eye(10)
    floor = SoftmaxCrossEntropy().forward(sure, np.arange(10))
    assert floor == pytest.approx(np.log(1 + 9 / np.e)) and floor > 1.4


def test_the_framework_refuses_two_of_them():
    x = cr.tensor(X, requires_grad=True)
    y = x.tanh()
    y.mul_(2)
    with pytest.raises(GradError, match="overwritten|changed|in.place"):
        y.sum().backward()
    with pytest.raises(ShapeError):
        cr.nn.functional.mse_loss(x[:, :1], x[:, 0])
