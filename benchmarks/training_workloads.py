"""Training steps written once against the interface both sides share: `T` is `torch` or `chainrule`.

A maker returns a `Work`: a model, inputs and targets, and their loss. Inputs are fixed random arrays: these measure speed,
not learning.

B batch, T time (L where T names the framework), C channels, H heads, V vocabulary.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class Work(NamedTuple):
    """What a step is made of."""

    T: ModuleType
    model: Any
    inputs: Any
    targets: Any  # of each place that is scored, flat or (B,)

    def loss(self, model: Any) -> Any:
        """Mean cross-entropy of what a model (this one, or what it was compiled to) says to the inputs."""
        scores = model(self.inputs)
        return self.T.nn.functional.cross_entropy(scores.view(-1, scores.shape[-1]), self.targets)


def mlp(T: ModuleType, rng: np.random.Generator) -> Work:
    """784-128-10 with ReLU, batch 32: dispatch and the optimizer weigh as much as the products."""
    nn = T.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return classify(T, rng, model, (32, 784))


def cnn(T: ModuleType, rng: np.random.Generator) -> Work:
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


def resnet18c(T: ModuleType, rng: np.random.Generator) -> Work:
    """ResNet-18 for images of 32×32, batch 32.  Source: He et al. 2015, section 4.2, with the widths of section 4.1."""
    nn, F = T.nn, T.nn.functional

    class Basic(nn.Module):
        def __init__(self, C: int, O: int, stride: int) -> None:  # noqa: E741
            super().__init__()
            self.conv1 = nn.Conv2d(C, O, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(O, O, 3, 1, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(O), nn.BatchNorm2d(O)
            self.skip = nn.Sequential()
            if stride != 1 or C != O:
                self.skip = nn.Sequential(nn.Conv2d(C, O, 1, stride, bias=False), nn.BatchNorm2d(O))

        def forward(self, x):
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(y)) + self.skip(x))

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    C = 64
    for O, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):  # noqa: E741
        layers += [Basic(C, O, stride), Basic(O, O, 1)]
        C = O
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    return classify(T, rng, nn.Sequential(*layers), (32, 3, 32, 32))


def gptS(T: ModuleType, rng: np.random.Generator) -> Work:
    """A character-level transformer of nanoGPT's CPU setting: B=12, L=64, C=128, H=4, V=65, four blocks."""
    return language(T, rng, transformer(T, 65, 64, 128, 4, blocks=4), 65, (12, 64))


def gptM(T: ModuleType, rng: np.random.Generator) -> Work:
    """A larger one, of nanoGPT's small setting: B=8, L=256, C=384, H=6, six blocks."""
    return language(T, rng, transformer(T, 65, 256, 384, 6, blocks=6), 65, (8, 256))


def bertM(T: ModuleType, rng: np.random.Generator) -> Work:
    """Attention in both directions and 8,192 words: B=8, L=128, C=256, H=4, four blocks."""
    model = transformer(T, 8192, 128, 256, 4, blocks=4, causal=False)
    return language(T, rng, model, 8192, (8, 128))


def vitT(T: ModuleType, rng: np.random.Generator) -> Work:
    """A vision transformer: 32 images of 32×32 in patches of 4×4, C=192, H=3, six blocks.
    Source: Dosovitskiy et al. 2020."""
    nn = T.nn
    C = 192

    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, C, 4, 4)
            self.start = nn.Parameter(T.zeros(1, 1, C))
            self.position = nn.Parameter(T.zeros(1, 65, C))
            self.blocks = nn.ModuleList([block(T, C, 3, causal=False) for _ in range(6)])
            self.norm, self.head = nn.LayerNorm(C), nn.Linear(C, 10)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)  # (B, 64, C)
            x = T.cat([self.start.expand(x.shape[0], -1, -1), x], dim=1) + self.position
            for each in self.blocks:
                x = each(x)
            return self.head(self.norm(x)[:, 0])

    return classify(T, rng, Vision(), (32, 3, 32, 32))


def lstm(T: ModuleType, rng: np.random.Generator) -> Work:
    """A character-level LSTM: B=32, L=64, two layers 256 wide."""
    nn = T.nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(65, 256)
            self.lstm = nn.LSTM(256, 256, 2, batch_first=True)
            self.head = nn.Linear(256, 65)

        def forward(self, i):
            return self.head(self.lstm(self.embedding(i))[0])

    return language(T, rng, Recurrent(), 65, (32, 64))


def mobile(T: ModuleType, rng: np.random.Generator) -> Work:
    """Depthwise and pointwise convolutions, group norm and odd sizes, as in MobileNet: 16 images of 27×27."""
    nn = T.nn

    def stage(C: int, O: int, stride: int) -> list[Any]:  # noqa: E741
        return [
            nn.Conv2d(C, C, 3, stride, 1, groups=C, bias=False), nn.GroupNorm(4, C), nn.ReLU6(),
            nn.Conv2d(C, O, 1, bias=False), nn.GroupNorm(4, O), nn.SiLU(),
        ]  # fmt: skip

    layers = [
        nn.Conv2d(3, 24, 3, 2, 1),
        nn.SiLU(),
        *stage(24, 40, 1),
        *stage(40, 72, 2),
        *stage(72, 96, 1),
    ]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)]
    return classify(T, rng, nn.Sequential(*layers), (16, 3, 27, 27))


def wavenet(T: ModuleType, rng: np.random.Generator) -> Work:
    """Dilated and grouped convolutions of one axis with gates: 8 sequences of 211."""
    nn, F = T.nn, T.nn.functional

    class Gated(nn.Module):
        def __init__(self, C: int, dilation: int) -> None:
            super().__init__()
            self.conv = nn.Conv1d(C, 2 * C, 3, padding=dilation, dilation=dilation)
            self.out = nn.Conv1d(C, C, 1, groups=4)

        def forward(self, x):
            return x + self.out(F.glu(self.conv(x), dim=1))

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(dim=2)

    model = nn.Sequential(
        nn.Conv1d(12, 48, 5, padding=2), *[Gated(48, 2**k) for k in range(5)],
        Mean(), nn.Linear(48, 10),
    )  # fmt: skip
    return classify(T, rng, model, (8, 12, 211))


def decoder(T: ModuleType, rng: np.random.Generator) -> Work:
    """Transposed, dilated and grouped convolutions that make images of 20×20 from 11 maps of 5×5, with group norm: 19 of them."""
    nn = T.nn
    model = nn.Sequential(
        nn.ConvTranspose2d(11, 60, 4, 2, 1), nn.GroupNorm(6, 60), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(60, 36, 3, 2, 1, output_padding=1, groups=3), nn.GroupNorm(6, 36), nn.ELU(),
        nn.Conv2d(36, 28, 3, padding=3, dilation=3), nn.BatchNorm2d(28), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(28 * 10 * 10, 10),
    )  # fmt: skip
    return classify(T, rng, model, (19, 11, 5, 5))


def gru(T: ModuleType, rng: np.random.Generator) -> Work:
    """A GRU that reads 17 texts of 37 tokens in both directions, 90 wide."""
    nn = T.nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(97, 70)
            self.gru = nn.GRU(70, 90, batch_first=True, bidirectional=True)
            self.head = nn.Linear(180, 97)

        def forward(self, i):
            return self.head(self.gru(self.embedding(i))[0])

    return language(T, rng, Tagger(), 97, (17, 37))


def llama(T: ModuleType, rng: np.random.Generator) -> Work:
    """Gated MLPs, root-mean-square norms, turned positions and five heads that share one key and value: 7 texts of 61 tokens."""
    nn, F = T.nn, T.nn.functional
    C, H, D, L, V, hidden = 120, 5, 24, 61, 211, 331

    def turned(x, cos, sin):
        a, b = x.chunk(2, dim=-1)
        return x * cos + T.cat([-b, a], dim=-1) * sin

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.RMSNorm(C, eps=1e-5), nn.RMSNorm(C, eps=1e-5)
            self.q, self.kv = nn.Linear(C, H * D, bias=False), nn.Linear(C, 2 * D, bias=False)
            self.out = nn.Linear(H * D, C, bias=False)
            self.gate, self.up = (nn.Linear(C, hidden, bias=False) for _ in range(2))
            self.down = nn.Linear(hidden, C, bias=False)

        def forward(self, x, cos, sin):
            B = x.shape[0]
            y = self.norm1(x)
            q = turned(self.q(y).view(B, L, H, D).transpose(1, 2), cos, sin)  # (B, H, L, D)
            k, v = (t.unsqueeze(1).expand(B, H, L, D) for t in self.kv(y).chunk(2, dim=-1))
            y = F.scaled_dot_product_attention(q, turned(k, cos, sin), v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(B, L, H * D))
            y = self.norm2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(V, C)
            self.blocks = nn.ModuleList([Block() for _ in range(3)])
            self.norm, self.head = nn.RMSNorm(C, eps=1e-5), nn.Linear(C, V, bias=False)
            angles = T.outer(T.arange(L), 10000.0 ** (-T.arange(0, D, 2) / D)).repeat(1, 2)
            self.register_buffer("cos", angles.cos())
            self.register_buffer("sin", angles.sin())

        def forward(self, i):
            x = self.token(i)
            for each in self.blocks:
                x = each(x, self.cos, self.sin)
            return self.head(self.norm(x))

    return language(T, rng, Decoder(), V, (7, L))


TUNED = {f.__name__: f for f in (mlp, cnn, resnet18c, gptS, gptM, bertM, vitT, lstm)}
"""The networks that were looked at while the compiler was written."""

OTHERS = {f.__name__: f for f in (mobile, wavenet, decoder, gru, llama)}
"""Networks of the same kinds that were not."""

WORKLOADS = TUNED | OTHERS


def classify(T: ModuleType, rng: np.random.Generator, model: Any, shape: tuple[int, ...]) -> Work:
    """Ten classes of random inputs of `shape`."""
    x = T.tensor(rng.standard_normal(shape).astype("float32"))
    return Work(T, model, x, T.tensor(rng.integers(0, 10, shape[0])))


def language(
    T: ModuleType, rng: np.random.Generator, model: Any, V: int, shape: tuple[int, int]
) -> Work:
    """The next of V words on random ones."""
    i, y = (T.tensor(rng.integers(0, V, shape)) for _ in range(2))
    return Work(T, model, i, y.view(-1))


def block(T: ModuleType, C: int, H: int, causal: bool) -> Any:
    """A pre-norm block of attention and a two-layer network."""
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
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
            x = x + self.proj(y.transpose(1, 2).reshape(B, L, C))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))

    return Block()


def transformer(
    T: ModuleType, V: int, L: int, C: int, H: int, blocks: int, causal: bool = True
) -> Any:
    """A stack of blocks whose output matrix is its embedding. Source: Radford et al. 2019, GPT-2."""
    nn = T.nn

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(V, C), nn.Embedding(L, C)
            self.blocks = nn.ModuleList([block(T, C, H, causal) for _ in range(blocks)])
            self.norm, self.head = nn.LayerNorm(C), nn.Linear(C, V, bias=False)
            self.head.weight = self.token.weight

        def forward(self, i):
            x = self.token(i) + self.position(T.arange(i.shape[1]))  # (B, L, C)
            for each in self.blocks:
                x = each(x)
            return self.head(self.norm(x))  # (B, L, V)

    return Decoder()
