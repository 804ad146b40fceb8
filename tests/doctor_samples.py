"""Models, batches and losses that the tests of the doctor share, all of them healthy."""

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.inspect import doctor
from chainrule.nn import functional as F

N, FEATURES, CLASSES = 32, 13, 7


def data(seed=0, n=N):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, FEATURES)).astype("f")
    return cr.tensor(x), cr.tensor(rng.integers(0, CLASSES, n))


def mlp(act=nn.ReLU, depth=2, width=64, last=None):
    cr.manual_seed(0)
    layers = [nn.Linear(FEATURES, width), act()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width), act()]
    layers.append(nn.Linear(width, CLASSES))
    return nn.Sequential(*layers, *([last] if last else []))


class Attentive(nn.Module):
    """A small language model: embedding, one pre-norm block of causal attention and an MLP, tied head."""

    def __init__(self, vocabulary=17, width=16, positions=True, layers=1):
        super().__init__()
        self.embedding, self.layers = nn.Embedding(vocabulary, width), layers
        self.places = nn.Parameter(0.1 * cr.randn(11, width)) if positions else None
        nn.init.normal_(self.embedding.weight, std=0.2)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        x = self.embedding(tokens)
        x = x if self.places is None else x + self.places
        for _ in range(self.layers):
            q, k, v = self.qkv(self.norms[0](x)).chunk(3, -1)
            x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))
            x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x))


def tokens():
    t = cr.tensor(np.random.default_rng(1).integers(0, 17, (5, 12)))
    return t[:, :-1], t[:, 1:]


def image_net():
    cr.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(16 * 16, 10),
    )  # fmt: skip


def images():
    rng = np.random.default_rng(2)
    return cr.tensor(rng.random((16, 1, 8, 8)).astype("f")), cr.tensor(rng.integers(0, 10, 16))


def series():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((19, 7, 3)).astype("f")
    return cr.tensor(x), cr.tensor(x[:, :, :1].sum(1))


def language_loss(logits, target):
    return F.cross_entropy(logits.reshape(-1, 17), target.reshape(-1))


def plain(model, batch=None, loss=F.cross_entropy, optimizer=None, **options):
    return doctor(model, loss, batch or data(), optimizer, **options)


class Between(nn.Module):
    """A network with something done between its layers."""

    def __init__(self, f, net=None):
        super().__init__()
        self.net, self.f = net or mlp(), f

    def forward(self, *inputs):
        return self.f(self.net, *inputs)


def numbers(scale=1.0, shift=0.0):
    x, _ = data()
    return x, cr.sin(x[:, :1]) * scale + shift


def regressor(*last):
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, 1), *last)


class Coder(nn.Module):
    """A variational autoencoder, without its noise."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_variance = nn.Linear(FEATURES, 3), nn.Linear(FEATURES, 3)
        self.decoder = nn.Linear(3, FEATURES)

    def forward(self, x):
        mean = self.mean(x)
        return self.decoder(mean), mean, self.log_variance(x)


def bound(sign):
    def loss(out, x):
        said, mean, log_variance = out
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return F.mse_loss(said, x) + sign * divergence

    return loss


ADVANTAGES = np.random.default_rng(4).standard_normal(N).astype("f") - 0.2
