"""Training steps written once against the interface both sides share: `T` is `torch` or `chainrule`.

A maker returns (model, loss_fn); `loss_fn(model)` is a 0-d tensor. Inputs are fixed random arrays: these measure speed,
not learning.

B batch, T time (L where T names the framework), C channels, H heads, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Loss = Callable[[Any], Any]


def mlp(T: ModuleType, rng: np.random.Generator) -> tuple[Any, Loss]:
    """784-128-10 with ReLU, batch 32: dispatch and the optimizer weigh as much as the products."""
    nn = T.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return classify(T, rng, model, (32, 784))


def cnn(T: ModuleType, rng: np.random.Generator) -> tuple[Any, Loss]:
    """Two 3×3 convolutions with pooling and two linear layers on 64 images of 28×28: convolutions weigh most."""
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    return classify(T, rng, model, (64, 1, 28, 28))


def gptS(T: ModuleType, rng: np.random.Generator) -> tuple[Any, Loss]:
    """A character-level transformer of nanoGPT's CPU setting: B=12, L=64, C=128, H=4, V=65, four blocks."""
    B, L, C, H, V = 12, 64, 128, 4, 65
    model = transformer(T, V, L, C, H, blocks=4)
    i, y = (T.tensor(rng.integers(0, V, (B, L))) for _ in range(2))
    F = T.nn.functional
    return model, lambda m: F.cross_entropy(m(i).view(-1, V), y.view(-1))


WORKLOADS = {"mlp": mlp, "cnn": cnn, "gptS": gptS}


def classify(
    T: ModuleType, rng: np.random.Generator, model: Any, shape: tuple[int, ...]
) -> tuple[Any, Loss]:
    """Cross-entropy of ten classes on random inputs of `shape`."""
    x = T.tensor(rng.standard_normal(shape).astype("float32"))
    y = T.tensor(rng.integers(0, 10, shape[0]))
    F = T.nn.functional
    return model, lambda m: F.cross_entropy(m(x), y)


def transformer(T: ModuleType, V: int, L: int, C: int, H: int, blocks: int) -> Any:
    """A pre-norm decoder whose output matrix is its embedding. Source: Radford et al. 2019, GPT-2."""
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(C), nn.LayerNorm(C)
            self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
            self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

        def forward(self, x):
            B, L, C = x.shape
            q, k, v = self.qkv(self.norm1(x)).split(C, dim=2)
            q, k, v = (t.view(B, L, H, C // H).transpose(1, 2) for t in (q, k, v))  # (B, H, L, D)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(y.transpose(1, 2).reshape(B, L, C))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(V, C), nn.Embedding(L, C)
            self.blocks = nn.ModuleList([Block() for _ in range(blocks)])
            self.norm, self.head = nn.LayerNorm(C), nn.Linear(C, V, bias=False)
            self.head.weight = self.token.weight

        def forward(self, i):
            x = self.token(i) + self.position(T.arange(i.shape[1]))  # (B, L, C)
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))  # (B, L, V)

    return Decoder()
