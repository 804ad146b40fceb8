"""Hand-written layers: every backward pass against finite differences and against the framework; a CNN that reads digits."""

from __future__ import annotations

import numpy as np
import pytest
from ladder.numerical import check_layer

import chainrule as cr
from chainrule.data import digits
from chainrule.ladder import layers
from chainrule.ladder.descent import numerical_gradient
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
)

RNG = np.random.default_rng(0)
ROWS, IMAGES = RNG.normal(size=(7, 5)), RNG.normal(size=(2, 3, 7, 5))


def batch_norm(training=True):
    layer = BatchNorm(3)
    layer.parameters = {"gamma": np.array([0.5, 2.0, -1.0]), "beta": np.array([0.1, 0.2, 0.3])}
    layer.running_mean, layer.running_var = np.array([0.2, -0.1, 0.4]), np.array([0.5, 1.5, 2.0])
    layer.training = training
    return layer


def layer_norm(features):
    layer, rng = LayerNorm(features), np.random.default_rng(4)
    layer.parameters = {n: rng.normal(size=features) for n in ("gamma", "beta")}
    return layer


CASES = {
    "Dense": (lambda: Dense(5, 3), ROWS),
    "Flatten": (Flatten, IMAGES),
    "Dropout": (lambda: Dropout(0.3, seed=1), ROWS),
    "ReLU": (ReLU, ROWS),
    "LeakyReLU": (lambda: LeakyReLU(0.1), ROWS),
    "Sigmoid": (Sigmoid, ROWS),
    "Tanh": (Tanh, ROWS),
    "Softmax": (Softmax, ROWS),
    "Conv2D": (lambda: Conv2D(3, 2, 3), IMAGES),
    "Conv2D, stride and padding": (lambda: Conv2D(3, 2, 3, stride=2, padding=1), IMAGES),
    "Conv2D, stride that leaves a rest": (lambda: Conv2D(3, 2, 2, stride=2), IMAGES),
    "Conv2D in loops": (lambda: Conv2D(3, 2, 3, stride=2, padding=1, method="loops"), IMAGES),
    "MaxPool2D": (lambda: MaxPool2D(2), IMAGES),
    "BatchNorm of rows": (batch_norm, RNG.normal(size=(5, 3))),
    "BatchNorm of images": (batch_norm, IMAGES),
    "BatchNorm in use": (lambda: batch_norm(training=False), IMAGES),
    "LayerNorm": (lambda: layer_norm(5), ROWS),
    "LayerNorm of places": (lambda: layer_norm(5), RNG.normal(size=(2, 3, 5))),
}


@pytest.mark.parametrize("name", CASES)
def test_every_backward_pass_is_the_finite_difference(name):
    check_layer(*CASES[name])


F = cr.nn.functional
TWINS = {
    "ReLU": F.relu, "LeakyReLU": lambda x: F.leaky_relu(x, 0.1), "Sigmoid": F.sigmoid, "Tanh": F.tanh,
    "Softmax": lambda x: F.softmax(x, 1), "MaxPool2D": lambda x: F.max_pool2d(x, 2), "Flatten": lambda x: x.flatten(1),
    "Dense": lambda x, w, b: F.linear(x, w, b),
    "Conv2D": lambda x, w, b: F.conv2d(x, w, b),
    "Conv2D, stride and padding": lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
    "Conv2D in loops": lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
    "BatchNorm of images": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "LayerNorm": lambda x, w, b: F.layer_norm(x, (5,), w, b),
    "LayerNorm of places": lambda x, w, b: F.layer_norm(x, (5,), w, b),
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_values_and_gradients_are_the_framework_s(name):
    make, x = CASES[name]
    layer = make()
    y = layer.forward(x)
    g = RNG.normal(size=y.shape)
    by_x = layer.backward(g)
    operands = [cr.tensor(v, requires_grad=True) for v in (x, *layer.parameters.values())]
    expected = TWINS[name](*operands)
    expected.backward(cr.tensor(g))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    for found, operand in zip((by_x, *layer.gradients.values()), operands, strict=True):
        np.testing.assert_allclose(found, operand.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_an_embedding_is_the_framework_s_and_a_dense_layer_of_one_hot_rows():
    """Symbol 2 occurs three times: its row gets three slopes."""
    symbols, g = np.array([[2, 0, 2], [3, 2, 1]]), RNG.normal(size=(2, 3, 5))
    layer = Embedding(7, 5, seed=1)
    y = layer.forward(symbols)
    assert (layer.backward(g) == 0).all()
    table = layer.parameters["weight"]
    weight = cr.tensor(table, requires_grad=True)
    F.embedding(cr.tensor(symbols), weight).backward(cr.tensor(g))
    np.testing.assert_allclose(layer.gradients["weight"], weight.grad.numpy(), rtol=1e-12)
    dense = Dense(7, 5)
    dense.parameters["weight"] = table.T
    one_hot = np.eye(7)[symbols.ravel()]
    np.testing.assert_array_equal(dense.forward(one_hot), y.reshape(-1, 5))
    dense.backward(g.reshape(-1, 5))
    np.testing.assert_allclose(
        layer.gradients["weight"], dense.gradients["weight"].T, rtol=1e-12, atol=1e-15
    )


def test_a_row_of_layers_in_a_row_of_layers_is_one_row():
    def make(nested):
        parts = [Dense(5, 7, seed=1), Tanh(), Dropout(0.3, seed=3), Dense(7, 3, seed=2)]
        model = Sequential([parts[0], Sequential([parts[1], Sequential(parts[2:])])])
        return (model if nested else Sequential(parts)), parts

    runs = []
    for nested in (True, False):
        model, parts = make(nested)
        assert model.leaves() == parts
        optimizer = SGD(model, 0.1, momentum=0.9, l2=0.1)
        labels = np.arange(7) % 3
        layers.fit(model, SoftmaxCrossEntropy(), optimizer, ROWS, labels, epochs=5, batch_size=3)
        assert optimizer.penalty() > 0
        model.train(False)
        assert not parts[2].training
        runs.append(model.forward(ROWS))
    np.testing.assert_array_equal(*runs)


def test_convolution_and_batch_norm_are_torchs(torch):
    x = torch.tensor(IMAGES, requires_grad=True)
    conv, norm = Conv2D(3, 2, 3, stride=2, padding=1), BatchNorm(2)
    w, b = (torch.tensor(p, requires_grad=True) for p in conv.parameters.values())
    theirs = torch.nn.BatchNorm2d(2, dtype=torch.float64)
    expected = theirs(torch.conv2d(x, w, b, stride=2, padding=1))
    model = Sequential([conv, norm])
    y = model.forward(IMAGES)
    g = RNG.normal(size=y.shape)
    expected.backward(torch.tensor(g))
    by_x = model.backward(g)
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(by_x, x.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(conv.gradients["weight"], w.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(norm.gradients["gamma"], theirs.weight.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, theirs.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(norm.running_var, theirs.running_var.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(1, 1, 0), (2, 1, 0), (3, 1, 1), (3, 2, 2), (5, 3, 2), (2, 3, 0)],
)
def test_loops_and_im2col_are_the_same_convolution(size, stride, padding):
    loops, rows = (
        Conv2D(3, 2, size, stride=stride, padding=padding, method=m) for m in ("loops", "im2col")
    )
    y = loops.forward(IMAGES)
    np.testing.assert_allclose(rows.forward(IMAGES), y, rtol=1e-12, atol=1e-13)
    g = RNG.normal(size=y.shape)
    np.testing.assert_allclose(rows.backward(g), loops.backward(g), rtol=1e-12, atol=1e-13)
    for name, gradient in loops.gradients.items():
        np.testing.assert_allclose(rows.gradients[name], gradient, rtol=1e-12, atol=1e-13)


def test_softmax_by_its_jacobian_and_by_the_short_form_agree():
    softmax = Softmax()
    y, g = softmax.forward(ROWS), RNG.normal(size=ROWS.shape)
    short = y * (g - (g * y).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(softmax.backward(g), short, rtol=1e-12, atol=1e-15)
    jacobian = Softmax.jacobian(y)
    np.testing.assert_allclose(jacobian.sum(axis=2), 0, atol=1e-15)
    for n, row in enumerate(ROWS):
        for k in range(5):
            by_row = numerical_gradient(lambda x, k=k: Softmax().forward(x[None])[0, k], row)
            np.testing.assert_allclose(jacobian[n, k], by_row, atol=1e-9)


def test_the_largest_of_equals_is_the_first():
    pool = MaxPool2D(2)
    pool.forward(np.ones((1, 1, 2, 2)))
    assert pool.backward(np.ones((1, 1, 1, 1)))[0, 0].tolist() == [[1, 0], [0, 0]]


def test_dropout_keeps_the_mean_and_rests_when_used():
    layer = Dropout(0.3)
    y = layer.forward(np.ones((997, 101)))
    assert y.mean() == pytest.approx(1, abs=0.01) and (y == 0).mean() == pytest.approx(
        0.3, abs=0.01
    )
    layer.training = False
    assert layer.forward(ROWS) is ROWS and (layer.backward(ROWS) == ROWS).all()


# -------------------------------------------------------------------------------------------------------------- losses

LABELS = np.array([0, 4, 2, 2, 1, 3, 0])
LOSSES = {
    "MSE": (MSE, RNG.normal(size=(7, 5)), lambda p, t: F.mse_loss(p, t)),
    "CrossEntropy": (CrossEntropy, LABELS, lambda p, t: F.nll_loss(p.log(), t)),
    "SoftmaxCrossEntropy": (SoftmaxCrossEntropy, LABELS, F.cross_entropy),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_slopes(name):
    make, targets, twin = LOSSES[name]
    p = Softmax().forward(ROWS) if name == "CrossEntropy" else ROWS
    loss = make()
    value, g = loss.forward(p, targets), loss.backward()
    np.testing.assert_allclose(
        g, numerical_gradient(lambda p: make().forward(p, targets), p), atol=1e-6
    )
    t = cr.tensor(p, requires_grad=True)
    expected = twin(t, cr.tensor(targets))
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-10, atol=1e-15)


def test_softmax_then_cross_entropy_is_the_fused_one():
    softmax, loss, fused = Softmax(), CrossEntropy(), SoftmaxCrossEntropy()
    assert loss.forward(softmax.forward(ROWS), LABELS) == pytest.approx(fused.forward(ROWS, LABELS))
    np.testing.assert_allclose(softmax.backward(loss.backward()), fused.backward(), atol=1e-15)


def test_scores_of_any_size_give_a_finite_loss_in_the_fused_form_only():
    scores, right = np.array([[1000.0, 0.0]]), np.array([1])
    assert SoftmaxCrossEntropy().forward(scores, right) == 1000
    assert CrossEntropy().forward(Softmax().forward(scores), right) == np.inf


# ------------------------------------------------------------------------------------------------------------ training


def test_steps_with_momentum_and_l2_are_the_framework_s():
    x, y = RNG.normal(size=(11, 5)), RNG.integers(0, 3, 11)
    model = Sequential([Dense(5, 7, seed=1), Tanh(), Dense(7, 3, seed=2)])
    twin = cr.nn.Sequential(cr.nn.Linear(5, 7), cr.nn.Tanh(), cr.nn.Linear(7, 3)).double()
    with cr.no_grad():
        for k in (0, 2):
            twin[k].weight.copy_(cr.tensor(model.layers[k].parameters["weight"]))
            twin[k].bias.copy_(cr.tensor(model.layers[k].parameters["bias"]))
    weights, biases = ([getattr(twin[k], n) for k in (0, 2)] for n in ("weight", "bias"))
    theirs = cr.optim.SGD(
        [{"params": weights, "weight_decay": 0.01}, {"params": biases}], lr=0.1, momentum=0.9
    )
    ours, loss = SGD(model, 0.1, momentum=0.9, l2=0.01), SoftmaxCrossEntropy()
    for _ in range(10):
        value = loss.forward(model.forward(x), y)
        model.backward(loss.backward())
        ours.step()
        theirs.zero_grad()
        expected = F.cross_entropy(twin(cr.tensor(x)), cr.tensor(y))
        expected.backward()
        theirs.step()
        assert value == pytest.approx(expected.item(), rel=1e-10)
    found = model.layers[0].parameters["weight"]
    np.testing.assert_allclose(found, twin[0].weight.detach().numpy(), rtol=1e-9)


def test_the_pull_of_l1_and_l2_is_the_slope_of_the_penalty():
    model = Sequential([Dense(5, 3)])
    optimizer = SGD(model, 1.0, l1=0.1, l2=0.3)
    weight = model.layers[0].parameters["weight"]

    def penalty(w):
        model.layers[0].parameters["weight"] = w
        return optimizer.penalty()

    expected = numerical_gradient(penalty, weight)
    model.layers[0].parameters["weight"] = weight
    model.layers[0].gradients = {"weight": np.zeros((3, 5)), "bias": np.zeros(3)}
    optimizer.step()
    np.testing.assert_allclose(weight - model.layers[0].parameters["weight"], expected, atol=1e-8)


def test_l1_leaves_few_weights_where_few_inputs_matter():
    x = RNG.normal(size=(101, 7))
    y = x[:, :1] * 2.0
    model, loss = Sequential([Dense(7, 1)]), MSE()
    layers.fit(model, loss, SGD(model, 0.05, l1=0.1), x, y, epochs=100, batch_size=101)
    weight = np.abs(model.layers[0].parameters["weight"][0])
    assert weight[0] > 1.8 and weight[1:].max() < 0.02


@pytest.mark.parametrize("step", [0, 1, 4, 5, 9])
def test_schedules_are_the_framework_s(step):
    def theirs(make):
        optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=0.7)
        schedule = make(optimizer)
        for _ in range(step):
            optimizer.step()
            schedule.step()
        return optimizer.param_groups[0]["lr"]

    lr = cr.optim.lr_scheduler
    assert layers.step_decay(0.7, step, every=2) == pytest.approx(theirs(lambda o: lr.StepLR(o, 2)))
    assert layers.exponential_decay(0.7, step, factor=0.9) == pytest.approx(
        theirs(lambda o: lr.ExponentialLR(o, 0.9))
    )
    assert layers.cosine(0.7, step, steps=11) == pytest.approx(
        theirs(lambda o: lr.CosineAnnealingLR(o, 11))
    )


def test_a_convolutional_network_reads_digits():
    data = digits.load()
    x, y = data.train.images, data.train.labels
    model = Sequential([
        Conv2D(1, 8, 3, padding=1, seed=1, dtype=np.float32), BatchNorm(8, dtype=np.float32), ReLU(), MaxPool2D(2),
        Flatten(), Dropout(0.1), Dense(128, 10, gain=1.0, seed=2, dtype=np.float32),
    ])  # fmt: skip
    optimizer = SGD(model, 0.1, momentum=0.9, l2=1e-4)
    batches = 20 * 6
    losses = layers.fit(
        model, SoftmaxCrossEntropy(), optimizer, x, y, epochs=6, batch_size=64,
        schedule=lambda step: layers.cosine(0.1, step, steps=batches, warmup=10),
    )  # fmt: skip
    assert len(losses) == batches and losses[0] > 1.5 and np.mean(losses[-20:]) < 0.15
    assert layers.accuracy(model, data.validation.images, data.validation.labels) > 0.94
    assert model.layers[0].parameters["weight"].dtype == np.float32


# ----------------------------------------------------------------------------------------------------------- bad input


def fitted(y, batch_size):
    return layers.fit(Sequential([]), MSE(), None, ROWS, y, epochs=1, batch_size=batch_size)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Dense(5, 3).forward(IMAGES), ValueError, "Dense expects x of shape (examples, 5), and got (2, 3, 7, 5)"),
        (lambda: Dense(0, 3), ValueError, "inputs and outputs must be whole numbers from 1 up, and are 0 and 3"),
        (lambda: Sequential([]).forward([["a"]]), TypeError, "expects an array of real numbers, and got <U1"),
        (lambda: MSE().forward([1.0], [1.0, 2.0]), ValueError, "must have one shape, and have (1,) and (2,)"),
        (lambda: Dense(5, 3).backward(ROWS), RuntimeError, "Dense: call forward before backward"),
        (lambda: layers.Layer().forward(ROWS), NotImplementedError, "Layer must define forward"),
        (lambda: layers.Layer().backward(ROWS), NotImplementedError, "Layer must define backward"),
        (lambda: Dropout(1.0), ValueError, "rate must be from 0 to below 1, and is 1.0"),
        (lambda: Softmax().forward(IMAGES), ValueError, "Softmax expects x of shape (examples, classes)"),
        (lambda: Conv2D(3, 2, 3, method="fast"), ValueError, "method must be 'im2col' or 'loops', and is 'fast'"),
        (lambda: Conv2D(3, 2, 0), ValueError, "size and stride must be whole numbers from 1 up and padding from 0 up, and are 0, 1, 0"),
        (lambda: Conv2D(2, 2, 3).forward(IMAGES), ValueError, "Conv2D expects x of shape (N, 2, H, W), and got (2, 3, 7, 5)"),
        (lambda: Conv2D(3, 2, 6).forward(IMAGES), ValueError, "must be at least 6 × 6, and is 7 × 5"),
        (lambda: MaxPool2D(0), ValueError, "size must be a whole number from 1 up, and is 0"),
        (lambda: MaxPool2D(6).forward(IMAGES), ValueError, "with H and W at least 6, and got (2, 3, 7, 5)"),
        (lambda: BatchNorm(4).forward(ROWS), ValueError, "BatchNorm expects x of shape (N, 4) or (N, 4, H, W), and got (7, 5)"),
        (lambda: LayerNorm(0), ValueError, "features must be a whole number from 1 up, and is 0"),
        (lambda: LayerNorm(4).forward(ROWS), ValueError, "LayerNorm expects x of shape (…, 4), and got (7, 5)"),
        (lambda: Embedding(0, 3), ValueError, "symbols and size must be whole numbers from 1 up, and are 0 and 3"),
        (lambda: Embedding(4, 3).forward(ROWS), TypeError, "Embedding expects whole numbers, and got float64"),
        (lambda: Embedding(4, 3).forward(LABELS), ValueError, "symbols must be from 0 to 3, and go from 0 to 4"),
        (lambda: BatchNorm(5).forward(ROWS[:1]), ValueError, "more than one value per feature"),
        (lambda: MSE().forward(ROWS[:, :1], ROWS[:, 0]), ValueError, "must have one shape, and have (7, 1) and (7,)"),
        (lambda: CrossEntropy().forward(ROWS, LABELS), ValueError, "for scores use SoftmaxCrossEntropy"),
        (lambda: SoftmaxCrossEntropy().forward(ROWS, LABELS[:3]), ValueError, "N class numbers, N at least 1, and got (7, 5) and (3,)"),
        (lambda: SoftmaxCrossEntropy().forward(ROWS, LABELS * 1.0), TypeError, "class numbers must be integers, and are float64"),
        (lambda: SoftmaxCrossEntropy().forward(ROWS, LABELS + 1), ValueError, "must be from 0 to 4, and go from 1 to 5"),
        (lambda: SGD(Sequential([]), 0), ValueError, "lr must be positive"),
        (lambda: layers.cosine(1, 0, steps=3, warmup=3), ValueError, "warmup must be from 0 to below steps, 3, and is 3"),
        (lambda: fitted(ROWS[1:], 1), ValueError, "as many targets as examples, and got 6 and 7"),
        (lambda: fitted(ROWS, 0), ValueError, "epochs and batch_size must be at least 1, and are 1 and 0"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
