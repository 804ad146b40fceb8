"""The networks in one class: gradients against finite differences and the framework, digits read, pictures, bad input."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.data import digits, load_dataset
from chainrule.ladder.descent import numerical_gradient
from chainrule.ladder.network import (
    Adam,
    Network,
    NeuralNetwork,
    cross_entropy_loss,
    one_hot,
    plot_history,
    plot_predictions,
    softmax,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(11, 5)), RNG.integers(0, 3, 11)
F = cr.nn.functional


def test_the_two_layer_gradients_are_the_finite_differences_and_the_framework_s():
    model = NeuralNetwork(5, 7, 3, 0.1)
    gradients = model.backward(model.forward(X), Y)
    t = {name: cr.tensor(getattr(model, name), requires_grad=True) for name in gradients}
    hidden = F.sigmoid(F.linear(cr.tensor(X), t["W1"], t["b1"]))
    F.cross_entropy(F.linear(hidden, t["W2"], t["b2"]), cr.tensor(Y)).backward()
    for name, gradient in gradients.items():

        def loss(value, name=name):
            twin = NeuralNetwork(5, 7, 3, 0.1)
            setattr(twin, name, value)
            return cross_entropy_loss(twin.forward(X), Y)

        np.testing.assert_allclose(gradient, t[name].grad.numpy(), rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(
            gradient, numerical_gradient(loss, getattr(model, name)), atol=1e-9
        )


def twin_of(model):
    """The same network of the framework."""
    parts = []
    for w, b in zip(model.weights, model.biases, strict=True):
        linear = cr.nn.Linear(w.shape[1], w.shape[0], dtype=cr.float64)
        with cr.no_grad():
            linear.weight.copy_(cr.tensor(w))
            linear.bias.copy_(cr.tensor(b))
        parts += [linear, cr.nn.ReLU()]
    return cr.nn.Sequential(*parts[:-1])


def test_the_deep_gradients_are_the_finite_differences_and_the_framework_s():
    model = Network([5, 7, 11, 3])
    predictions = model.forward(X)
    by_weights, by_biases = model.backward(predictions, Y)
    twin = twin_of(model)
    loss = F.cross_entropy(twin(cr.tensor(X)), cr.tensor(Y))
    loss.backward()
    assert model.cross_entropy_loss(predictions, Y) == pytest.approx(loss.item(), rel=1e-12)
    for k in range(3):
        np.testing.assert_allclose(by_weights[k], twin[2 * k].weight.grad.numpy(), atol=1e-13)
        np.testing.assert_allclose(by_biases[k], twin[2 * k].bias.grad.numpy(), atol=1e-13)

        def loss_with(w, k=k):
            other = Network([5, 7, 11, 3])
            other.weights[k] = w
            return cross_entropy_loss(other.forward(X), Y)

        expected = numerical_gradient(loss_with, model.weights[k])
        np.testing.assert_allclose(by_weights[k], expected, atol=1e-8)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_takes_the_framework_s_steps(optimizer):
    model = Network([5, 7, 3])
    twin = twin_of(model)
    theirs = {"sgd": cr.optim.SGD, "adam": cr.optim.Adam}[optimizer](twin.parameters(), lr=0.05)
    history = model.train(X, Y, 0.05, epochs=10, batch_size=len(X), optimizer=optimizer)
    for step in range(10):
        theirs.zero_grad()
        loss = F.cross_entropy(twin(cr.tensor(X)), cr.tensor(Y))
        loss.backward()
        theirs.step()
        assert history["loss"][step] == pytest.approx(loss.item(), rel=1e-9)
    np.testing.assert_allclose(
        model.weights[0], twin[0].weight.detach().numpy(), rtol=1e-7, atol=1e-9
    )


def test_targets_may_be_numbers_or_rows():
    model = Network([5, 7, 3])
    p = model.forward(X)
    assert cross_entropy_loss(p, Y) == cross_entropy_loss(p, one_hot(Y, 3))
    np.testing.assert_array_equal(
        model.backward(p, Y)[0][0], model.backward(p, one_hot(Y, 3))[0][0]
    )
    assert cross_entropy_loss(softmax(np.array([[1000.0, 0.0]])), np.array([1])) == np.inf


def test_dropout_is_seen_in_training_only_and_its_gradient_is_right():
    model = Network([5, 101, 3], dropout=0.4)
    plain = model.forward(X)
    assert (plain == model.forward(X)).all()
    predictions = model.forward(X, training=True)
    assert (plain != predictions).any() and (model.slopes[0] == 0).mean() > 0.6
    by_weights, _ = model.backward(predictions, Y)
    slope = model.slopes[0]

    def loss(w):
        hidden = (X @ model.weights[0].T + model.biases[0]) * slope
        return cross_entropy_loss(softmax(hidden @ w.T + model.biases[1]), Y)

    np.testing.assert_allclose(by_weights[1], numerical_gradient(loss, model.weights[1]), atol=1e-8)


@pytest.fixture(scope="module")
def read():
    """Digits 0 to 4 and all ten, as rows of pixels: (train X, train y, validation X, validation y)."""
    data = digits.load()
    rows = [
        v
        for part in (data.train, data.validation)
        for v in (part.images.reshape(len(part), -1), part.labels)
    ]
    few = [rows[k][rows[k - k % 2 + 1] < 5] for k in range(4)]
    return {"few": few, "all": rows}


def test_two_layers_read_the_digits_0_to_4(read):
    x, y, x_val, y_val = read["few"]
    model = NeuralNetwork(64, 32, 5, learning_rate=2.0)
    losses = model.train(x, y, epochs=150)
    assert losses[0] == pytest.approx(np.log(5), abs=0.5) and losses[-1] < 0.1
    assert (model.predict(x_val) == y_val).mean() > 0.96


@pytest.mark.parametrize(
    "options", [{"lr": 0.1}, {"lr": 0.003, "optimizer": "adam", "noise": 0.1}], ids=["sgd", "adam and noise"]
)  # fmt: skip
def test_deep_ones_read_all_ten(read, options):
    x, y, x_val, y_val = read["all"]
    model = Network([64, 64, 32, 10], dropout=0.1, dtype=np.float32)
    seen = []
    history = model.train(
        x, y, epochs=25, batch_size=32, validation=(x_val, y_val), report=lambda e, h: seen.append(h["loss"][-1]), **options
    )  # fmt: skip
    assert history["validation_accuracy"][-1] > 0.95
    assert seen == history["loss"] and model.weights[0].dtype == np.float32


def test_noise_is_new_each_time_and_the_same_seed_gives_the_same_run():
    runs = [Network([5, 7, 3], seed=4).train(X, Y, 0.1, 3, 4, noise=n) for n in (0.5, 0.5, 0.0)]
    assert runs[0] == runs[1] != runs[2]


def test_the_pictures_are_written(tmp_path):
    plot_history({"loss": [2.0, 1.0], "validation_accuracy": [0.5, 0.9]}, str(tmp_path / "a.png"))
    plot_history({"loss": [2.0, 1.0]}, str(tmp_path / "b.png"))
    images = RNG.random((11, 8, 8))
    plot_predictions(images, np.arange(11), np.arange(11) % 7, str(tmp_path / "c.png"))
    assert all((tmp_path / f"{n}.png").read_bytes().startswith(b"\x89PNG") for n in "abc")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Network([5]), "sizes must be at least two whole numbers from 1 up: [5]"),
        (lambda: Network([5, 2.5]), "at least two whole numbers from 1 up: [5, 2.5]"),
        (lambda: NeuralNetwork(5, 0, 3, 1), "from 1 up and the learning rate positive, and they are 5, 0, 3, 1"),
        (lambda: NeuralNetwork(5, 2, 3, 0), "they are 5, 2, 3, 0"),
        (lambda: Network([5, 3], dropout=1), "dropout must be from 0 to below 1, and is 1"),
        (lambda: Network([4, 3]).predict(X), "X must have shape (examples, 4), and has (11, 5)"),
        (lambda: NeuralNetwork(4, 2, 3, 1).predict(X), "X must have shape (examples, 4), and has (11, 5)"),
        (lambda: Network([5, 3]).train(X, Y, 0.1, 1, 4, optimizer="sg"), "must be 'sgd' or 'adam', and is 'sg'"),
        (lambda: Network([5, 3]).train(X, Y, 0.1, 1, 0), "batch_size at least 1 and noise at least 0, and they are 0.1, 0, 0.0"),
        (lambda: Network([5, 3]).train(X, Y[:7], 0.1, 1, 4), "X and y must be equally long, and are 11 and 7"),
        (lambda: Network([5, 2]).train(X, Y, 0.1, 1, 4), "class numbers must be from 0 to 1, and go from 0 to 2"),
        (lambda: one_hot(np.ones(3), 3), "N class numbers (integers), or rows (N, 3) with a 1 at the class, and is float64"),
        (lambda: cross_entropy_loss(np.ones((2, 3)), Y), "must have as many rows, and have 2 and 11"),
        (lambda: plot_predictions(X, Y, Y, "x.png"), "expects images (N, H, W) and N labels and predictions, and got (11, 5), 11, 11"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert text in str(caught.value)


def test_what_are_no_numbers_is_told_too():
    with pytest.raises(TypeError, match="X must hold real numbers, and holds <U1"):
        Network([1, 2]).predict([["a"]])


def test_the_first_step_of_adam_is_lr_whatever_the_gradient():
    """Guards the division by 1 − βᵗ: without it the first step would be 0.1 / √0.001 ≈ 3 times as long."""
    for size in (1e-6, 1.0, 1e6):
        [moved] = Adam().step([np.zeros(3)], [np.array([size, -size, 0.0])], 0.01)
        np.testing.assert_allclose(moved, [-0.01, 0.01, 0], rtol=0.02)


@pytest.mark.parametrize(
    ("classes", "epochs", "least"), [(5, 4, 0.98), (10, 6, 0.97)], ids=["0 to 4", "all ten"]
)
def test_a_network_reads_mnist(outside_data, classes, epochs, least):
    data = load_dataset("mnist")
    (x, y), (x_test, y_test) = (
        (part.images.reshape(len(part.labels), -1)[part.labels < classes], part.labels[part.labels < classes])
        for part in (data.train, data.test)
    )  # fmt: skip
    model = Network([784, 128, classes], dtype=np.float32)
    model.train(x, y, 0.002, epochs, 128, optimizer="adam")
    right = (model.predict(x_test) == y_test).mean()
    assert right > least
