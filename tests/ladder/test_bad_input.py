"""Bad input to a rung: a sentence that says what shape or value was expected. (More of them stand beside each rung's own tests.)"""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.ladder import attention, descent, linalg, network, perceptron, recurrent, value
from chainrule.ladder.layers import (
    MSE,
    SGD,
    BatchNorm,
    Conv2D,
    CrossEntropy,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
    accuracy,
    fit,
    step_decay,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(11, 5)), np.arange(11) % 3
NONE, NO_LABELS = np.zeros((0, 5)), np.zeros(0, int)
IMAGES = RNG.normal(size=(2, 3, 7, 5))
NETWORK, TWO = network.Network, network.NeuralNetwork
MODEL = Sequential([Dense(5, 3)])


def fitted(x, y, **options):
    fit(MODEL, SoftmaxCrossEntropy(), SGD(MODEL, 0.1), x, y, **{"epochs": 1, "batch_size": 4} | options)  # fmt: skip


def validated(x, y):
    NETWORK([5, 3]).train(X, Y, 0.1, 1, 4, validation=(x, y))


CASES = [
    # what are no numbers
    (lambda: linalg.dot(["a"], ["b"]), ValueError, "a must hold real numbers, in rows of one length, and is ['a']"),
    (lambda: linalg.matmul([[1], [1, 2]], [[1]]), ValueError, "a must hold real numbers, in rows of one length"),
    (lambda: descent.numerical_gradient(lambda x: 0.0, "a"), ValueError, "x must hold real numbers"),
    (lambda: descent.gradient_descent(lambda x: 0.0, "a", 0.1, 1), ValueError, "x0 must hold real numbers"),
    (lambda: descent.numerical_gradient(lambda x: "a", 1.0), ValueError, "what f returns must hold real numbers"),
    (lambda: perceptron.Perceptron(1).predict([["a"]]), ValueError, "x must hold real numbers"),
    (lambda: Dense(1, 1).forward([["a"]]), TypeError, "Dense expects an array of real numbers, and got <U1"),
    (lambda: Tanh().forward(["a"]), TypeError, "Tanh expects an array of real numbers, and got <U1"),
    (lambda: recurrent.RNN(1, 2).forward([[["a"]]]), TypeError, "RNN expects an array of real numbers, and got <U1"),
    (lambda: attention.CausalSelfAttention(1, 1).forward([[["a"]]]), TypeError, "CausalSelfAttention expects an array of real numbers"),
    (lambda: NETWORK([5, 3]).train(X * np.nan, Y, 0.1, 1, 4), ValueError, "X must hold finite numbers, and holds NaN or infinity"),
    (lambda: value.draw(3), TypeError, "draw expects a Value, and got 3"),
    # nothing to learn from
    (lambda: perceptron.Perceptron(5).fit(NONE, NO_LABELS, epochs=1), ValueError, "x must have at least one example, and has none"),
    (lambda: perceptron.TwoLayers(5, 2).fit(NONE, NO_LABELS, epochs=1, lr=1.0), ValueError, "x must have at least one example"),
    (lambda: value.train(value.MLP([2, 1]), [], []), ValueError, "squared_error expects at least one example, and got none"),
    (lambda: NETWORK([5, 3]).train(NONE, NO_LABELS, 0.1, 1, 4), ValueError, "train: X must have at least one example, and has none"),
    (lambda: TWO(5, 2, 3, 0.1).train(NONE, NO_LABELS, 1), ValueError, "train: X must have at least one example, and has none"),
    (lambda: validated(NONE, NO_LABELS), ValueError, "equally long with at least one example, and they are 0 and 0"),
    (lambda: validated(X, Y[:3]), ValueError, "with at least one example, and they are 11 and 3"),
    (lambda: network.cross_entropy_loss(NONE, NO_LABELS), ValueError, "at least one example, and have (0, 5)"),
    (lambda: fitted(NONE, NO_LABELS), ValueError, "fit expects at least one example, and got none"),
    (lambda: accuracy(MODEL, NONE, NO_LABELS), ValueError, "as many labels as examples, and at least one, and got 0 and 0"),
    (lambda: accuracy(MODEL, X, Y[:3]), ValueError, "and at least one, and got 3 and 11"),
    (lambda: MSE().forward(NONE, NONE), ValueError, "MSE expects at least one prediction, and got none"),
    (lambda: SoftmaxCrossEntropy().forward(NONE, NO_LABELS), ValueError, "N class numbers, N at least 1, and got (0, 5) and (0,)"),
    (lambda: attention.CausalSelfAttention(4, 2).forward(np.ones((2, 0, 4))), ValueError, "T at least 1, and got (2, 2, 0, 2)"),
    (lambda: descent.plot_descent(lambda x: 0.0, {}, "x.png"), ValueError, "plot_descent expects at least one path, and got none"),
    (lambda: network.plot_history({}, "x.png"), ValueError, "a history with a loss of at least one epoch, and got {}"),
    (lambda: network.plot_history({"loss": []}, "x.png"), ValueError, "at least one epoch, and got {'loss': 0}"),
    # counts and rates
    (lambda: descent.gradient_descent(lambda x: 0.0, 0.0, 0.1, 2.5), ValueError, "steps must be 0 or more, a whole number, and is 2.5"),
    (lambda: perceptron.Perceptron(0), ValueError, "inputs must be a whole number from 1 up, and is 0"),
    (lambda: perceptron.TwoLayers(5, 0), ValueError, "inputs and hidden must be whole numbers from 1 up, and are 5 and 0"),
    (lambda: perceptron.Perceptron(5).fit(X, Y > 0, epochs=-1), ValueError, "at least 1 and lr positive, and are -1 and 1.0"),
    (lambda: perceptron.TwoLayers(5, 2).fit(X, Y > 0, epochs=1, lr=-1.0), ValueError, "lr positive, and are 1 and -1.0"),
    (lambda: value.train(value.MLP([2, 1]), [[1, 2]], [1], lr=-1), ValueError, "at least 1 and lr positive, and are 200 and -1"),
    (lambda: NETWORK(5), ValueError, "sizes must be at least two whole numbers from 1 up: 5"),
    (lambda: NETWORK(["a", 3]), ValueError, "sizes must be at least two whole numbers from 1 up: ['a', 3]"),
    (lambda: NETWORK([5, 3]).train(X, Y, 0.1, 0, 4), ValueError, "epochs at least 1, and they are 0 and 4"),
    (lambda: NETWORK([5, 3]).train(X, Y, 0.1, 1, 2.5), ValueError, "must be whole numbers, epochs at least 1, and they are 1 and 2.5"),
    (lambda: TWO(5, 2, 3, 0.1).train(X, Y, -2), ValueError, "train: epochs must be at least 1, and are -2"),
    (lambda: fitted(X, Y, epochs=0), ValueError, "epochs and batch_size must be at least 1, and are 0 and 4"),
    (lambda: step_decay(1.0, 3, every=0), ValueError, "every must be at least 1, and is 0"),
    (lambda: Dense(2.5, 3), ValueError, "whole numbers from 1 up, and are 2.5 and 3"),
    (lambda: Conv2D("1", 1, 3), ValueError, "channels must be whole numbers from 1 up, and are 1 and 1"),
    (lambda: Conv2D(1, 1, 3, stride=1.5), ValueError, "size and stride must be whole numbers from 1 up"),
    (lambda: perceptron.Perceptron("5"), ValueError, "inputs must be a whole number from 1 up, and is 5"),
    (lambda: attention.CausalSelfAttention(4, 2.0), ValueError, "heads must be whole numbers from 1 up"),
    (lambda: TWO(5, 2.5, 3, 0.1), ValueError, "sizes must be whole numbers from 1 up"),
    (lambda: BatchNorm(0), ValueError, "BatchNorm: features must be a whole number from 1 up, and is 0"),
    (lambda: Conv2D(0, 1, 3), ValueError, "Conv2D: channels must be whole numbers from 1 up, and are 0 and 1"),
    # shapes
    (lambda: network.softmax(np.ones(3)), ValueError, "scores must have shape (examples, classes), and have (3,)"),
    (lambda: network.cross_entropy_loss(np.ones(3), Y), ValueError, "predictions must have shape (examples, classes)"),
    (lambda: TWO(5, 2, 3, 0.1).train(X, Y[:3], 1), ValueError, "X and y must be equally long, and are 11 and 3"),
    (lambda: attention.attend(X, X[:, 1:], X), ValueError, "q and k of one shape (…, T, D), v of (…, T, any)"),
    (lambda: Flatten().forward(np.ones(3)), ValueError, "Flatten expects x of shape (examples, …), and got (3,)"),
    # backward before forward
    (lambda: NETWORK([5, 3]).backward(np.ones((11, 3)), Y), RuntimeError, "backward follows the forward that gave the predictions"),
    (lambda: TWO(5, 2, 3, 1).backward(np.ones((11, 3)), Y), RuntimeError, "backward follows the forward that gave the predictions"),
    (lambda: MSE().backward(), RuntimeError, "MSE: call forward before backward"),
    (lambda: CrossEntropy().backward(), RuntimeError, "CrossEntropy: call forward before backward"),
    (lambda: SoftmaxCrossEntropy().backward(), RuntimeError, "SoftmaxCrossEntropy: call forward before backward"),
    (lambda: SGD(Sequential([Dense(5, 3)]), 0.1).step(), RuntimeError, "call the model's backward before step"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), CASES)
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


LAYERS = {
    "Dense": (lambda: Dense(5, 3), X), "Flatten": (Flatten, IMAGES), "Dropout": (lambda: Dropout(0.3), X), "ReLU": (ReLU, X),
    "LeakyReLU": (LeakyReLU, X), "Sigmoid": (Sigmoid, X), "Tanh": (Tanh, X), "Softmax": (Softmax, X),
    "Conv2D": (lambda: Conv2D(3, 2, 3), IMAGES),
    "Conv2D in loops": (lambda: Conv2D(3, 2, 3, method="loops"), IMAGES), "MaxPool2D": (lambda: MaxPool2D(2), IMAGES),
    "BatchNorm": (lambda: BatchNorm(5), X), "LayerNorm": (lambda: LayerNorm(5), X), "Embedding": (lambda: Embedding(3, 4), Y),
    "RNN": (lambda: recurrent.RNN(5, 2), X[None]), "LSTM": (lambda: recurrent.LSTM(5, 2), X[None]),
    "GRU": (lambda: recurrent.GRU(5, 2), X[None]),
    "CausalSelfAttention": (lambda: attention.CausalSelfAttention(5, 1), X[None]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_slope_of_another_shape_than_the_result_is_refused(name):
    """Broadcast silently, (1, 3) would be taken for the slope of every row."""
    make, x = LAYERS[name]
    layer = make()
    y = layer.forward(x)
    for g in (y[:, :1], y[..., :1], y[:1, :1]):
        if g.shape != y.shape:
            with pytest.raises(ValueError, match="shape of the result|as many steps"):
                layer.backward(g)
    assert layer.backward(y).shape == x.shape


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("Embedding", "Flatten")])
def test_lists_are_arrays(name):
    make, x = LAYERS[name]
    np.testing.assert_array_equal(make().forward(x.tolist()), make().forward(x))
