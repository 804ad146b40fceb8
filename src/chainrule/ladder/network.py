"""A network in one class, trained on digits: the whole of the earlier rungs in the form people write it in.

First `NeuralNetwork`, two layers and plain gradient descent, every line in the open; then `Network`, of any depth,
with mini-batches, SGD or Adam, dropout and noise; then two pictures that show what a training run did.

Shapes: N examples, D inputs, H hidden neurons, K classes. Weights are (outputs, inputs), as everywhere on the ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = [
    "Adam",
    "Network",
    "NeuralNetwork",
    "cross_entropy_loss",
    "one_hot",
    "plot_history",
    "plot_predictions",
    "softmax",
]

# ---------------------------------------------------------------------------------------------- the pieces


def softmax(scores: np.ndarray) -> np.ndarray:
    """pₖ = e^xₖ / Σⱼ e^xⱼ for each row. The largest score is subtracted first: the quotient stays, e^x cannot overflow.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    if np.ndim(scores) != 2:
        raise ValueError(f"scores must have shape (examples, classes), and have {np.shape(scores)}")
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Class numbers (N,) as rows with a 1 at the class, (N, K); what is such rows already stays.

    >>> one_hot(np.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == classes:
        return y
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(
            f"y must be N class numbers (integers), or rows (N, {classes}) with a 1 at the class, and is "
            f"{y.dtype} of shape {y.shape}"
        )
    if y.size and not 0 <= y.min() <= y.max() < classes:
        raise ValueError(
            f"class numbers must be from 0 to {classes - 1}, and go from {y.min()} to {y.max()}"
        )
    return np.eye(classes)[y]


def cross_entropy_loss(predictions: np.ndarray, targets: np.ndarray) -> float:
    """L = −mean Σₖ tₖ ln pₖ: the mean surprise at the right answers, in nats.

    Chance among K classes is ln K; a network that begins far above it begins sure of what it does not know.
    Infinite, if a right answer was called impossible: that is so, and no small number is added to hide it.

    Args: predictions (N, K), probabilities; targets (N,) class numbers, or (N, K) rows.

    >>> round(cross_entropy_loss(np.full((2, 10), 0.1), np.array([3, 7])), 4)
    2.3026
    """
    if np.ndim(predictions) != 2 or not len(predictions):
        raise ValueError(
            "cross_entropy_loss: predictions must have shape (examples, classes) with at least one example, and "
            f"have {np.shape(predictions)}"
        )
    targets = one_hot(targets, predictions.shape[1])
    if predictions.shape != targets.shape:
        raise ValueError(
            "cross_entropy_loss: predictions and targets must have as many rows, and have "
            f"{len(predictions)} and {len(targets)}"
        )
    with np.errstate(divide="ignore"):
        logs = np.log(predictions, where=targets > 0, out=np.zeros(predictions.shape))
    return float(-(targets * logs).sum() / len(predictions))


def inputs(x: np.ndarray, features: int) -> np.ndarray:
    """X as an array of shape (N, features), or a sentence that says what it should have been."""
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != features:
        raise ValueError(f"X must have shape (examples, {features}), and has {x.shape}")
    if x.dtype.kind not in "fiub":
        raise TypeError(f"X must hold real numbers, and holds {x.dtype}")
    return x


def examples(
    X: np.ndarray, y: np.ndarray, features: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """X (N, features) and targets (N, classes) to train with: as many of the one as of the other, and some."""
    X, targets = inputs(X, features), one_hot(y, classes)
    if len(X) != len(targets):
        raise ValueError(
            f"train: X and y must be equally long, and are {len(X)} and {len(targets)}"
        )
    if not len(X):
        raise ValueError("train: X must have at least one example, and has none")
    if not np.isfinite(X).all():
        raise ValueError("train: X must hold finite numbers, and holds NaN or infinity")
    return X, targets


# ------------------------------------------------------------------------------------ two layers, in the open


class NeuralNetwork:
    """p = softmax(W₂ σ(W₁ x + b₁) + b₂), trained by gradient descent on all examples at once.

    >>> x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    >>> model = NeuralNetwork(2, 8, 2, learning_rate=2.0)
    >>> losses = model.train(x, y, epochs=1000)
    >>> model.predict(x).tolist()
    [0, 1, 1, 0]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        learning_rate: float,
        *,
        seed: int = 0,
    ):
        given = (input_size, hidden_size, output_size)
        if (
            not all(isinstance(n, (int, np.integer)) and n >= 1 for n in given)
            or not learning_rate > 0
        ):
            raise ValueError(
                "NeuralNetwork: sizes must be whole numbers from 1 up and the learning rate positive, and they are "
                f"{input_size}, {hidden_size}, {output_size}, {learning_rate}"
            )
        rng = np.random.default_rng(seed)
        # Glorot & Bengio 2010: variance 2 / (inputs + outputs), a compromise between keeping the size of
        # signals on the way there and of gradients on the way back.
        self.W1 = rng.normal(0, np.sqrt(2 / (input_size + hidden_size)), (hidden_size, input_size))
        self.b1 = np.zeros(hidden_size)
        self.W2 = rng.normal(
            0, np.sqrt(2 / (hidden_size + output_size)), (output_size, hidden_size)
        )
        self.b2 = np.zeros(output_size)
        self.learning_rate = learning_rate

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (N, K); the hidden layer is kept for backward."""
        self.X = inputs(X, self.W1.shape[1])
        self.hidden = 0.5 * (1 + np.tanh(0.5 * (self.X @ self.W1.T + self.b1)))  # σ, (N, H)
        return softmax(self.hidden @ self.W2.T + self.b2)  # (N, K)

    def backward(self, predictions: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
        """The gradient of the cross-entropy by each parameter, after `forward`."""
        if not hasattr(self, "hidden") or len(self.hidden) != len(predictions):
            raise RuntimeError(
                "NeuralNetwork: backward follows the forward that gave the predictions"
            )
        at_scores = (predictions - one_hot(targets, len(self.b2))) / len(predictions)  # (N, K)
        at_sum = at_scores @ self.W2 * self.hidden * (1 - self.hidden)  # (N, H)
        return {
            "W1": at_sum.T @ self.X,
            "b1": at_sum.sum(axis=0),
            "W2": at_scores.T @ self.hidden,
            "b2": at_scores.sum(axis=0),
        }

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> list[float]:
        """Gradient descent; returns the loss before each step."""
        X, targets = examples(X, y, self.W1.shape[1], len(self.b2))
        if epochs < 1:
            raise ValueError(f"train: epochs must be at least 1, and are {epochs}")
        losses = []
        for _ in range(epochs):
            predictions = self.forward(X)
            losses.append(cross_entropy_loss(predictions, targets))
            for name, gradient in self.backward(predictions, targets).items():
                setattr(self, name, getattr(self, name) - self.learning_rate * gradient)
        return losses

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The likeliest class of each row."""
        return self.forward(X).argmax(axis=1)


# --------------------------------------------------------------------------------------------- any depth


class Adam:
    """Steps of about lr, whatever the size of the gradient.

        m ← β₁ m + (1 − β₁) g              a running mean of the gradient
        v ← β₂ v + (1 − β₂) g²             and of its square
        w ← w − lr · m̂ / (√v̂ + ε),         m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    m and v start at 0 and are too small at first; the divisions by 1 − βᵗ undo exactly that.

    Source: Kingma & Ba 2015, algorithm 1.
    """

    def __init__(self, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8):
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.m: dict[int, np.ndarray] = {}
        self.v: dict[int, np.ndarray] = {}
        self.t = 0

    def step(
        self, parameters: list[np.ndarray], gradients: list[np.ndarray], lr: float
    ) -> list[np.ndarray]:
        """The parameters after a step."""
        self.t += 1
        moved = []
        for k, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
            self.m[k] = self.beta1 * self.m.get(k, 0.0) + (1 - self.beta1) * g
            self.v[k] = self.beta2 * self.v.get(k, 0.0) + (1 - self.beta2) * g * g
            mean = self.m[k] / (1 - self.beta1**self.t)
            square = self.v[k] / (1 - self.beta2**self.t)
            moved.append(w - lr * mean / (np.sqrt(square) + self.epsilon))
        return moved


class Network:
    """Dense layers with ReLU between them and softmax at the end.

    Args:
        sizes: inputs, hidden layers, classes, e.g. `[784, 128, 64, 10]`.
        dropout: the share of hidden activations that are 0 in training.
        seed: of weights, batches, dropout and noise.
        dtype: float32 is twice as fast, float64 what gradients are checked in.

    >>> model = Network([2, 16, 2])
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> history = model.train(x, np.array([0, 1, 1, 0]), lr=0.5, epochs=200, batch_size=4)
    >>> model.predict(x).tolist()
    [0, 1, 1, 0]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dropout: float = 0.0,
        seed: int = 0,
        dtype: type = np.float64,
    ):
        if (
            np.ndim(sizes) != 1
            or len(sizes) < 2
            or any(isinstance(n, str) or n != int(n) or n < 1 for n in sizes)
        ):
            raise ValueError(f"sizes must be at least two whole numbers from 1 up: {sizes!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, and is {dropout}")
        self.sizes, self.dropout, self.dtype = list(sizes), dropout, dtype
        self.rng = np.random.default_rng(seed)
        self.given: list[np.ndarray] = []
        self.slopes: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        for k in range(len(sizes) - 1):
            scale = np.sqrt(2 / sizes[k])  # He et al. 2015, for ReLU
            w = self.rng.normal(0, scale, (sizes[k + 1], sizes[k]))
            self.weights.append(w.astype(dtype))
            self.biases.append(np.zeros(sizes[k + 1], dtype))

    def forward(self, X: np.ndarray, *, training: bool = False) -> np.ndarray:
        """Probabilities (N, K). What each layer was given, and the slope of what it did, are kept."""
        a: np.ndarray = inputs(X, self.sizes[0]).astype(self.dtype, copy=False)
        self.given, self.slopes = [], []
        last = len(self.weights) - 1
        for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.given.append(a)
            a = a @ w.T + b
            if k < last:
                # ReLU and its slope are this same mask
                slope: np.ndarray = (a > 0).astype(self.dtype)
                if training and self.dropout:
                    slope *= (self.rng.random(a.shape) >= self.dropout) / (1 - self.dropout)
                a = a * slope
                self.slopes.append(slope)
        return softmax(a)

    cross_entropy_loss = staticmethod(cross_entropy_loss)

    def backward(
        self, predictions: np.ndarray, targets: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The gradients of the cross-entropy by weights and by biases, after the `forward` that gave predictions."""
        if not self.given or len(self.given[0]) != len(predictions):
            raise RuntimeError("Network: backward follows the forward that gave the predictions")
        g = (predictions - one_hot(targets, self.sizes[-1])) / len(predictions)  # (N, K)
        g = g.astype(self.dtype)
        by_weights: list[np.ndarray] = []
        by_biases: list[np.ndarray] = []
        for k in reversed(range(len(self.weights))):
            by_weights.insert(0, g.T @ self.given[k])
            by_biases.insert(0, g.sum(axis=0))
            if k > 0:
                g = g @ self.weights[k] * self.slopes[k - 1]
        return by_weights, by_biases

    def train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        lr: float,
        epochs: int,
        batch_size: int,
        *,
        optimizer: str = "sgd",
        noise: float = 0.0,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        report: Callable[[int, dict[str, list[float]]], None] | None = None,
    ) -> dict[str, list[float]]:
        """Mini-batch training.

        Args:
            X: (N, D). y: (N,) class numbers, or (N, K) rows.
            lr: the learning rate.
            epochs: how often all examples are seen.
            batch_size: how many at a time.
            optimizer: "sgd" or "adam".
            noise: the standard deviation of what is added to the inputs, new each time (augmentation).
            validation: X and y that are only looked at.
            report: called after each epoch with its number and the history.

        Returns: `loss`, the mean over each epoch's batches, and `validation_accuracy`, if asked for.
        """
        if optimizer not in ("sgd", "adam"):
            raise ValueError(f"optimizer must be 'sgd' or 'adam', and is {optimizer!r}")
        if not lr > 0 or batch_size < 1 or noise < 0:
            raise ValueError(
                "train: lr must be positive, batch_size at least 1 and noise at least 0, and they are "
                f"{lr}, {batch_size}, {noise}"
            )
        if epochs < 1 or epochs != int(epochs) or batch_size != int(batch_size):
            raise ValueError(
                "train: epochs and batch_size must be whole numbers, epochs at least 1, and they are "
                f"{epochs} and {batch_size}"
            )
        X, targets = examples(X, y, self.sizes[0], self.sizes[-1])
        if validation is not None and not len(validation[0]) == len(validation[1]) > 0:
            raise ValueError(
                "train: validation must be X and y equally long with at least one example, and they are "
                f"{len(validation[0])} and {len(validation[1])}"
            )
        adam = Adam()
        history: dict[str, list[float]] = {"loss": []}
        for epoch in range(epochs):
            order = self.rng.permutation(len(X))
            losses = []
            for start in range(0, len(X), batch_size):
                batch = order[start : start + batch_size]
                x, t = X[batch], targets[batch]
                if noise:
                    x = x + noise * self.rng.normal(size=x.shape)
                predictions = self.forward(x, training=True)
                losses.append(cross_entropy_loss(predictions, t))
                by_weights, by_biases = self.backward(predictions, t)
                parameters, gradients = self.weights + self.biases, by_weights + by_biases
                if optimizer == "adam":
                    parameters = adam.step(parameters, gradients, lr)
                else:
                    parameters = [w - lr * g for w, g in zip(parameters, gradients, strict=True)]
                depth = len(self.weights)
                self.weights, self.biases = parameters[:depth], parameters[depth:]
            history["loss"].append(float(np.mean(losses)))
            if validation is not None:
                right = self.predict(validation[0]) == np.asarray(validation[1])
                history.setdefault("validation_accuracy", []).append(float(right.mean()))
            if report is not None:
                report(epoch, history)
        return history

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The likeliest class of each row."""
        return self.forward(X).argmax(axis=1)


# --------------------------------------------------------------------------------------------- the pictures


def plot_history(history: dict[str, list[float]], file: str) -> None:
    """Draw the loss of each epoch and, if it was measured, the accuracy beside it."""
    from matplotlib.figure import Figure

    panels = [name for name in ("loss", "validation_accuracy") if history.get(name)]
    if not panels:
        raise ValueError(
            "plot_history expects a history with a loss of at least one epoch, and got "
            f"{ {name: len(values) for name, values in history.items()} }"
        )
    figure = Figure(figsize=(5 * len(panels), 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.plot(range(1, len(history[name]) + 1), history[name], ".-")
        axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axes.grid(alpha=0.3)
        if name == "loss":
            axes.set_ylim(bottom=0)
    figure.savefig(file, dpi=120)


def plot_predictions(
    images: np.ndarray, labels: np.ndarray, predictions: np.ndarray, file: str
) -> None:
    """Draw a grid of images (N, H, W), each under what was predicted; wrong ones in red, with what would have been right."""
    from matplotlib.figure import Figure

    if np.ndim(images) != 3 or not len(images) == len(labels) == len(predictions) > 0:
        raise ValueError(
            "plot_predictions expects images (N, H, W) and N labels and predictions, and got "
            f"{np.shape(images)}, {len(labels)}, {len(predictions)}"
        )
    columns = min(len(images), 8)
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.2 * columns, 1.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, label, said in zip(grid, images, labels, predictions, strict=False):
        axes.imshow(image, cmap="gray_r")
        right = label == said
        title = f"{said}" if right else f"{said}, not {label}"
        axes.set_title(title, color="black" if right else "crimson", fontsize=10)
    figure.savefig(file, dpi=120)
