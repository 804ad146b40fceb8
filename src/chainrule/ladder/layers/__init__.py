"""A layer library without automatic differentiation: every backward pass written by hand.

A layer is a pair of functions. `forward(x)` computes y and keeps what its derivative will need.
`backward(g)` is given g = ∂L/∂y, the slope of the loss toward each entry of y, keeps ∂L/∂(parameter) in
`gradients`, and returns ∂L/∂x, which is the g of the layer before. A network is a list of layers, gone
through in order forward and in reverse order backward. That is back-propagation; nothing else is
hidden anywhere.

Shapes in this rung: N examples, I inputs, O outputs, C channels, H × W pixels, K classes.

| file | what it holds |
|---|---|
| `dense` | the contract of a layer, Dense, Flatten, Dropout, Sequential |
| `activation` | ReLU, LeakyReLU, Sigmoid, Tanh, and Softmax with its whole Jacobian |
| `images` | Conv2D as plain loops and as one matrix product, MaxPool2D |
| `batch_norm` | BatchNorm, whose backward pass is the one everybody gets wrong |
| `layer_norm` | LayerNorm, the same over the other axis |
| `embedding` | Embedding, a row of a table for each symbol |
| `losses` | MSE, CrossEntropy, and softmax with cross-entropy in one |
| `training` | SGD with momentum and L1/L2, schedules, the loop |
"""

from .activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .batch_norm import BatchNorm
from .dense import Dense, Dropout, Flatten, Layer, Sequential
from .embedding import Embedding
from .images import Conv2D, MaxPool2D
from .layer_norm import LayerNorm
from .losses import MSE, CrossEntropy, SoftmaxCrossEntropy
from .training import SGD, accuracy, cosine, exponential_decay, fit, step_decay

__all__ = [
    "MSE",
    "SGD",
    "BatchNorm",
    "Conv2D",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
    "accuracy",
    "cosine",
    "exponential_decay",
    "fit",
    "step_decay",
]
