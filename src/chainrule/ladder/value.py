"""A number that knows its gradient, and a neural network made of such numbers.

Three ideas make automatic differentiation, and all of them are here:

1. **Every operation knows its own slopes.** z = x·y changes by y when x grows by 1, and by x when
   y does. An operation therefore leaves behind, beside its result, the operands and the slope
   toward each: `((x, y.data), (y, x.data))`.
2. **Slopes multiply along a path and add over paths** (the chain rule). If L depends on z with slope
   z.grad, then x gets z.grad · ∂z/∂x from this z, and the sum of that over every z that uses x.
3. **A value may pass its gradient on only when it has all of it**, so the graph is walked from the
   result backward, in an order in which every value comes after everything that uses it.

From there a `Neuron` is a weighted sum and a tanh, a `Layer` some neurons side by side, an `MLP`
some layers one after another. `draw` writes the graph as a picture.

Source: the idea is Linnainmaa 1970; as a scalar class in a hundred lines, Karpathy 2020 (micrograd).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["MLP", "Layer", "Neuron", "Value", "draw", "squared_error", "train"]

# ---------------------------------------------------------------------------------------------- the number


class Value:
    """A number, where it came from, and (after `backward`) the slope of the result toward it.

    Attributes: `data`, the number; `grad`, ∂(result)/∂(this), 0 before `backward`; `parents`, pairs
    (operand, slope toward it); `op`, the name of the operation; `label`, a name for the picture.

    >>> x, y = Value(2.0), Value(3.0)
    >>> z = x * y + x
    >>> z.backward()
    >>> z.data, x.grad, y.grad          # ∂z/∂x = y + 1: x is used twice, and the slopes add
    (8.0, 4.0, 2.0)
    """

    def __init__(
        self,
        data: float,
        parents: Sequence[tuple[Value, float]] = (),
        op: str = "",
        label: str = "",
    ):
        if isinstance(data, bool) or not isinstance(data, int | float | np.number):
            raise TypeError(f"a Value holds one real number, and {data!r} is not one")
        self.data = float(data)
        self.grad = 0.0
        self.parents = tuple(parents)
        self.op, self.label = op, label

    # Each operation: the result, then the slope toward each operand.

    def __add__(self, other: Value | float) -> Value:
        other = value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)), "+")

    def __mul__(self, other: Value | float) -> Value:
        other = value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)), "×")

    def __sub__(self, other: Value | float) -> Value:
        other = value(other)
        return Value(self.data - other.data, ((self, 1.0), (other, -1.0)), "−")

    def __truediv__(self, other: Value | float) -> Value:
        other = value(other)
        if other.data == 0:
            raise ZeroDivisionError(f"{self.data:g} / 0: the divisor of a Value must not be 0")
        y = self.data / other.data
        return Value(y, ((self, 1 / other.data), (other, -y / other.data)), "÷")

    def __pow__(self, exponent: Value | float) -> Value:
        if isinstance(exponent, Value):
            if self.data <= 0:
                raise ValueError(
                    f"{self.data:g} ** Value: with an exponent that is a Value the base must be "
                    "positive, because the slope toward the exponent contains its logarithm"
                )
            y = self.data**exponent.data
            by_base = exponent.data * self.data ** (exponent.data - 1)
            return Value(y, ((self, by_base), (exponent, y * math.log(self.data))), "**")
        n = value(exponent).data
        if self.data == 0 and n < 1 and n != 0:
            raise ValueError(f"0 ** {n:g}: at base 0 the exponent must be 0 or at least 1")
        if self.data < 0 and n != int(n):
            raise ValueError(
                f"{self.data:g} ** {n:g}: the exponent of a negative base must be a whole number"
            )
        slope = n * self.data ** (n - 1) if n != 0 else 0.0
        return Value(self.data**n, ((self, slope),), f"**{n:g}")

    def __neg__(self) -> Value:
        return Value(-self.data, ((self, -1.0),), "−")

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Value:
        return value(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return value(other) / self

    def __rpow__(self, other: float) -> Value:
        return value(other) ** self

    def exp(self) -> Value:
        """y = eˣ, its own slope."""
        if self.data > 709:
            raise OverflowError(f"exp({self.data:g}): the argument must be at most 709")
        y = math.exp(self.data)
        return Value(y, ((self, y),), "exp")

    def log(self) -> Value:
        """y = ln x, slope 1/x."""
        if self.data <= 0:
            raise ValueError(f"log({self.data:g}): the argument must be positive")
        return Value(math.log(self.data), ((self, 1 / self.data),), "log")

    def tanh(self) -> Value:
        """y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), slope 1 − y²."""
        y = math.tanh(self.data)
        return Value(y, ((self, 1 - y * y),), "tanh")

    def relu(self) -> Value:
        """y = max(x, 0), slope 1 where x > 0 and 0 elsewhere."""
        return Value(max(self.data, 0.0), ((self, float(self.data > 0)),), "relu")

    def sigmoid(self) -> Value:
        """y = 1 / (1 + e⁻ˣ), slope y (1 − y); e is only raised to negative powers, which cannot overflow."""
        small = math.exp(-abs(self.data))
        y = 1 / (1 + small) if self.data >= 0 else small / (1 + small)
        return Value(y, ((self, y * (1 - y)),), "sigmoid")

    # ------------------------------------------------------------------------------------------ backward

    def order(self) -> list[Value]:
        """Everything this value was made of, each after its own operands, itself last.

        A walk in depth with a stack of our own: Python's would be full after a thousand values, and
        a sum of a thousand terms is nothing unusual. A value goes on the stack twice, once to be
        opened (its operands follow it) and once, when all of those are done, to be listed.
        """
        done: list[Value] = []
        opened: set[int] = set()
        stack: list[tuple[Value, bool]] = [(self, False)]
        while stack:
            node, operands_done = stack.pop()
            if operands_done:
                done.append(node)
            elif id(node) not in opened:
                opened.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent, _ in node.parents)
        return done

    def backward(self) -> None:
        """Add ∂self/∂v to the `grad` of every v this value was made of.

        Gradients of leaves (weights and inputs) add up over calls, as in PyTorch; set them to 0
        before each step. What lies between starts from 0, so that a second call counts nothing twice.
        """
        order = self.order()
        for node in order:
            if node.parents:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad  # the chain rule

    def __repr__(self) -> str:
        return f"Value({self.data:.4f}, grad={self.grad:.4f})"


def value(x: Value | float) -> Value:
    """The number as a Value, if it is not one."""
    return x if isinstance(x, Value) else Value(x)


# --------------------------------------------------------------------------------------------- the network


class Neuron:
    """y = tanh(Σ wᵢ xᵢ + b), or the sum itself if `linear`.

    Weights are drawn from N(0, 1/inputs): a sum of that many terms then has variance 1, and tanh is
    neither flat nor a straight line there.
    """

    def __init__(self, inputs: int, rng: np.random.Generator, *, linear: bool = False):
        self.w = [Value(rng.normal() / math.sqrt(inputs)) for _ in range(inputs)]
        self.b = Value(0.0)
        self.linear = linear

    def __call__(self, x: Sequence[Value | float]) -> Value:
        if len(x) != len(self.w):
            raise ValueError(f"this neuron expects {len(self.w)} inputs, and got {len(x)}")
        total = self.b
        for w, xi in zip(self.w, x, strict=True):
            total = total + w * xi
        return total if self.linear else total.tanh()

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]


class Layer:
    """Neurons side by side: each sees all inputs and gives one output."""

    def __init__(
        self, inputs: int, outputs: int, rng: np.random.Generator, *, linear: bool = False
    ):
        self.neurons = [Neuron(inputs, rng, linear=linear) for _ in range(outputs)]

    def __call__(self, x: Sequence[Value | float]) -> list[Value]:
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        """Those of all neurons."""
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    """Layers one after another: a multi-layer perceptron.

    Args:
        sizes: inputs, then the neurons of each layer, e.g. `[3, 4, 4, 1]`.
        seed: of the weights.
        linear: leave the tanh of the last layer out, so that outputs may have any size.

    >>> model = MLP([3, 4, 4, 1])
    >>> len(model.parameters())          # 4·(3 + 1) + 4·(4 + 1) + 1·(4 + 1)
    41
    """

    def __init__(self, sizes: Sequence[int], *, seed: int = 0, linear: bool = False):
        if len(sizes) < 2 or any(not isinstance(n, int) or n < 1 for n in sizes):
            raise ValueError(
                f"sizes must be at least two whole numbers from 1 up, inputs first: {sizes!r}"
            )
        rng = np.random.default_rng(seed)
        last = len(sizes) - 2
        self.layers = [
            Layer(sizes[k], sizes[k + 1], rng, linear=linear and k == last) for k in range(last + 1)
        ]

    def __call__(self, x: Sequence[Value | float]) -> list[Value]:
        y = self.layers[0](x)
        for layer in self.layers[1:]:
            y = layer(y)
        return y

    def parameters(self) -> list[Value]:
        """Those of all layers."""
        return [p for layer in self.layers for p in layer.parameters()]

    def zero_grad(self) -> None:
        """Set every gradient to 0; `backward` adds to what is there."""
        for p in self.parameters():
            p.grad = 0.0


def squared_error(model: MLP, inputs: Sequence[Sequence[float]], targets: Sequence[float]) -> Value:
    """L = Σ (model(x) − t)², over the examples; the model has one output."""
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs need as many targets, and got {len(targets)}")
    if not len(inputs):
        raise ValueError("squared_error expects at least one example, and got none")
    total = Value(0.0)
    for x, t in zip(inputs, targets, strict=True):
        outputs = model(x)
        if len(outputs) != 1:
            raise ValueError(f"the model must have one output, and has {len(outputs)}")
        total = total + (outputs[0] - t) ** 2
    return total


def train(
    model: MLP,
    inputs: Sequence[Sequence[float]],
    targets: Sequence[float],
    *,
    lr: float = 0.05,
    epochs: int = 200,
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Gradient descent on the squared error of all examples; returns the loss before each step.

    Each epoch: compute the loss, set gradients to 0, `backward`, move every parameter a little
    against its gradient.

    >>> inputs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    >>> losses = train(MLP([3, 4, 4, 1]), inputs, [1.0, -1.0, -1.0, 1.0])
    >>> losses[-1] < 0.01
    True
    """
    if epochs < 1 or not lr > 0:
        raise ValueError(
            f"train: epochs must be at least 1 and lr positive, and are {epochs} and {lr}"
        )
    losses = []
    for epoch in range(epochs):
        loss = squared_error(model, inputs, targets)
        losses.append(loss.data)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= lr * p.grad
        if report is not None:
            report(epoch, loss.data)
    return losses


# --------------------------------------------------------------------------------------------- the picture

BOX, HEIGHT, GAP, ROW = 170, 44, 70, 62  # of a node: width, height; between columns; between rows


def draw(result: Value) -> str:
    """The graph that ends in `result` as SVG text: a box for each value with its label, data and grad,
    the operation that made it in a circle at the box's left, arrows in the direction of computation.

    >>> x = Value(0.5, label="x")
    >>> picture = draw((x * 2).tanh())
    >>> picture.count('class="box"'), "tanh" in picture
    (4, True)
    """
    if not isinstance(result, Value):
        raise TypeError(f"draw expects a Value, and got {result!r}")
    order = result.order()
    column: dict[Value, int] = {}
    last: dict[Value, int] = {}  # the column of the farthest user
    users: dict[Value, list[Value]] = {node: [] for node in order}
    for node in order:  # one to the right of its rightmost operand
        column[node] = 1 + max((column[p] for p, _ in node.parents), default=-1)
        for parent, _ in node.parents:
            users[parent].append(node)
    for node in order:
        if not node.parents and users[node]:  # a leaf stands just before its first use
            column[node] = min(column[u] for u in users[node]) - 1
        last[node] = max((column[u] for u in users[node]), default=column[node])
    # A value has a place in its own column and one in every column its arrow crosses on the way to
    # later users, so that no arrow runs behind a box.
    columns: list[list[Value]] = [[] for _ in range(column[result] + 1)]
    for node in order:
        for c in range(column[node], max(column[node] + 1, last[node])):
            columns[c].append(node)
    # From the result leftward, each column is ordered by what follows in the next: few arrows cross.
    place: dict[tuple[Value, int], tuple[float, float]] = {}
    tallest = max(map(len, columns))
    for c in reversed(range(len(columns))):
        wanted = {}
        for node in columns[c]:
            ahead = [u for u in (node, *users[node]) if (u, c + 1) in place]
            wanted[node] = sum(place[u, c + 1][1] for u in ahead) / max(len(ahead), 1)
        columns[c].sort(key=wanted.__getitem__)
        top = 10 + (tallest - len(columns[c])) / 2 * ROW
        for k, node in enumerate(columns[c]):
            place[node, c] = (40 + c * (BOX + GAP), top + k * ROW)
    lines = [_arrow(place, column, parent, node, s) for node in order for parent, s in node.parents]
    for node in order:
        x, y = place[node, column[node]]
        if node.parents:
            middle = y + HEIGHT / 2
            lines.append(f'<circle cx="{x - 17:.0f}" cy="{middle:.0f}" r="17" class="op"/>')
            name = f'<text x="{x - 17:.0f}" y="{middle + 4:.0f}" class="name">{_plain(node.op)}'
            lines.append(f"{name}</text>")
        box = f'x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="5"'
        lines.append(f'<rect {box} class="box"/>')
        label = f"{_plain(node.label)}:  " if node.label else ""
        lines.append(f'<text x="{x + 9:.0f}" y="{y + 18:.0f}">{label}data {node.data:.4f}</text>')
        grad = f'<text x="{x + 9:.0f}" y="{y + 36:.0f}" class="grad">grad {node.grad:.4f}</text>'
        lines.append(grad)
    width, height = 50 + len(columns) * (BOX + GAP), 20 + tallest * ROW
    style = (
        "text{font:13px sans-serif}.name{text-anchor:middle;font-size:11px}.grad{fill:#a33}"
        ".box{fill:#fff;stroke:#345}.op{fill:#e8eef7;stroke:#345}.edge{fill:none;stroke:#789}"
    )
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _arrow(
    place: dict[tuple[Value, int], tuple[float, float]],
    column: dict[Value, int],
    parent: Value,
    node: Value,
    slope: float,
) -> str:
    """The curve from an operand's box, through its places in the columns between, to the operation."""
    x, y = place[parent, column[parent]]
    x, y = x + BOX, y + HEIGHT / 2
    path = f"M{x:.0f},{y:.0f}"
    for c in range(column[parent] + 1, column[node] + 1):
        arrives = c == column[node]
        to_x, to_y = place[node, c] if arrives else place[parent, c]
        to_x, to_y = to_x - 34 * arrives, to_y + HEIGHT / 2
        middle = (x + to_x) / 2
        path += f" C{middle:.0f},{y:.0f} {middle:.0f},{to_y:.0f} {to_x:.0f},{to_y:.0f}"
        if not arrives:
            to_x += BOX
            path += f" L{to_x:.0f},{to_y:.0f}"
        x, y = to_x, to_y
    return f'<path d="{path}" class="edge"><title>slope {slope:.4g}</title></path>'


def _plain(text: str) -> str:
    """The text with what XML would read as marks written out."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
