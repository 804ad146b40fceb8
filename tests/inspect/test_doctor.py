"""The doctor: each planted fault is found, by name and with what to change; healthy models give no findings."""

import copy
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
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

    def __init__(self, vocabulary=17, width=16):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
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


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def series():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((19, 7, 3)).astype("f")
    return cr.tensor(x), cr.tensor(x[:, :, :1].sum(1))


def language_loss(logits, target):
    return F.cross_entropy(logits.reshape(-1, 17), target.reshape(-1))


HEALTHY = {
    "mlp": (mlp, F.cross_entropy, data, lambda p: optim.Adam(p, lr=1e-3)),
    "deep tanh": (lambda: mlp(nn.Tanh, 5), F.cross_entropy, data, lambda p: optim.SGD(p, lr=0.1, momentum=0.9)),
    "images": (image_net, F.cross_entropy, images, lambda p: optim.AdamW(p, lr=1e-3)),
    "language": (Attentive, language_loss, tokens, lambda p: optim.AdamW(p, lr=3e-4)),
    "recurrent": (Recurrent, F.mse_loss, series, lambda p: optim.RMSprop(p, lr=1e-3)),
    "logistic": (
        lambda: nn.Linear(FEATURES, 1), F.binary_cross_entropy_with_logits,
        lambda: (data()[0], (data()[1].reshape(-1, 1) > 3).float()), lambda p: optim.LBFGS(p),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_models_give_no_findings(name):
    make, loss, batch, optimizer = HEALTHY[name]
    cr.manual_seed(0)
    model = make()
    report = doctor(model, loss, batch(), optimizer(model.parameters()), validation=data(9))
    assert report, str(report)
    assert report.names == [] and str(report) == "nothing found"


# -------------------------------------------------------------------------------------------------------- planted faults


def plain(model, batch=None, loss=F.cross_entropy, optimizer=None, **options):
    return doctor(model, loss, batch or data(), optimizer, **options)


def scaled(model, layer, factor):
    with cr.no_grad():
        model[layer].weight.mul_(factor)
    return model


def dead():
    model = mlp()
    with cr.no_grad():
        model[0].bias.fill_(-50.0)
    return plain(model)


def forgotten():
    model = mlp()
    model.extra = nn.Linear(3, 5)
    inner = model.forward
    model.forward = lambda x: nn.Sequential.forward(nn.Sequential(*list(model)[:3]), x)
    assert inner
    return plain(model)


def frozen_head(make):
    model = mlp()
    return plain(model, optimizer=make(model))


def constant():
    model = mlp()
    nn.init.constant_(model[0].weight, 0.1)
    nn.init.constant_(model[0].bias, 0.0)
    nn.init.constant_(model[2].weight, 0.05)
    return plain(model)


class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x).detach()


class Averaged(nn.Module):
    """A mean over the batch that should have been one over features."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x.mean(0, keepdim=True).expand(x.shape[0], FEATURES))


def contradictory():
    x, y = data()
    x = cr.cat([x[:16], x[:16]])
    return plain(mlp(), (x, y))


def one_hot_targets():
    x, y = data()
    return x, F.one_hot(y, CLASSES).float()


def with_nan():
    x, y = data()
    x[3, 5] = math.nan
    return x, y


FAULTS = {
    "softmax before loss": (lambda: plain(mlp(last=nn.Softmax(dim=-1))), "remove the softmax (module 3)"),
    "relu before loss": (lambda: plain(mlp(last=nn.ReLU())), "remove the relu (module 3)"),
    "sigmoid before loss": (
        lambda: plain(mlp(last=nn.Sigmoid()), one_hot_targets(), F.binary_cross_entropy_with_logits),
        "remove the sigmoid",
    ),
    "nll without log": (lambda: plain(mlp(), loss=F.nll_loss), "cross_entropy takes logits"),
    "softmax over batch": (
        lambda: plain(mlp(last=nn.LogSoftmax(dim=0)), loss=F.nll_loss), "log_softmax(x, dim=-1)",
    ),
    "one logit": (
        lambda: plain(nn.Linear(FEATURES, 1), (data()[0], cr.zeros(N, dtype=cr.int64))),
        "binary_cross_entropy_with_logits",
    ),
    "initial loss": (lambda: plain(scaled(mlp(), 2, 100.0)), "smaller weights in the last layer"),
    "eval mode": (lambda: plain(image_net().eval(), images()), "model.train()"),
    "dead units": (dead, "nn.init.kaiming_normal_"),
    "saturated units": (lambda: plain(scaled(mlp(nn.Tanh), 0, 100.0)), "smaller weights before it"),
    "vanishing gradient": (lambda: plain(mlp(nn.Sigmoid, 16)), "relu or gelu in place of sigmoid"),
    "exploding gradient": (
        lambda: plain(scaled(scaled(mlp(), 0, 2000.0), 2, 2000.0)), "clip_grad_norm_ as a guard",
    ),
    "symmetry": (constant, "nn.init.kaiming_uniform_"),
    "no gradient": (lambda: plain(Cut()), "detach(), .item(), .numpy(), no_grad()"),
    "no path": (forgotten, "use them in forward"),
    "output constant": (lambda: plain(Averaged()), "a reduction over the batch"),
    "not in optimizer": (
        lambda: frozen_head(lambda m: optim.Adam(m[0].parameters())), "Adam(model.parameters())",
    ),
    "other model": (
        lambda: frozen_head(lambda m: optim.Adam(copy.deepcopy(m).parameters())), "after the model is made",
    ),
    "step too long": (lambda: frozen_head(lambda m: optim.Adam(m.parameters(), lr=1.0)), "smaller learning rate"),
    "step too short": (lambda: frozen_head(lambda m: optim.SGD(m.parameters(), lr=0.0)), "rate above 0"),
    "input scale": (lambda: plain(image_net(), (images()[0] * 255, images()[1])), "divide the pixels by 255"),
    "input not finite": (lambda: plain(mlp(), with_nan()), "look at what was loaded"),
    "gradient not finite": (lambda: plain(mlp(), with_nan()), "inspect.first_nonfinite"),
    "input constant": (lambda: plain(mlp(), (cr.ones(N, FEATURES), data()[1])), "look at what was loaded"),
    "target scale": (
        lambda: plain(nn.Linear(FEATURES, 1), (data()[0], cr.full((N, 1), 3e5)), F.mse_loss), "standard deviation",
    ),
    "target not finite": (
        lambda: plain(nn.Linear(FEATURES, 1), (data()[0], cr.full((N, 1), math.nan)), F.mse_loss), "mask",
    ),
    "one class": (lambda: plain(mlp(), (data()[0], cr.full((N,), 3, dtype=cr.int64))), "shuffle=True"),
    "contradictory targets": (contradictory, "shuffled apart"),
    "leakage": (
        lambda: plain(mlp(), validation=(cr.cat([data(5)[0], data()[0][:4]]), data(5)[1])), "split before",
    ),
    "cannot overfit": (
        lambda: plain(mlp(), loss=lambda out, y: F.cross_entropy(out * 1e-6, y)), "findings above",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(name):
    run, change = FAULTS[name]
    cr.manual_seed(0)
    report = run()
    found = [f for f in report.findings if f.name == name]
    assert len(found) >= 1, str(report)
    assert change in found[0].change and found[0].evidence
    assert not report and found[0].what in str(report)


def test_a_finding_names_the_line():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return F.softmax(self.net(x), dim=-1)  # the fault

    [finding] = [f for f in plain(Wrong()).findings if f.name == "softmax before loss"]
    assert "test_doctor.py" in finding.where and "F.softmax(self.net(x), dim=-1)" in finding.where


def test_nothing_is_changed():
    model = image_net()
    optimizer = optim.AdamW(model.parameters())
    before = {n: v.numpy().copy() for n, v in model.state_dict().items()}
    state = cr.get_rng_state().numpy().copy()
    doctor(model, F.cross_entropy, images(), optimizer)
    for n, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[n])
    assert (cr.get_rng_state().numpy() == state).all()
    assert not optimizer.state and all(p.grad is None for p in model.parameters())


def test_a_layer_that_begins_at_zero_and_a_warm_up_are_no_faults():
    model = mlp()
    nn.init.zeros_(model[2].weight)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    optim.lr_scheduler.LambdaLR(optimizer, optim.lr_scheduler.warmup_cosine(10, 100))
    assert optimizer.param_groups[0]["lr"] == 0
    report = plain(model, optimizer=optimizer)
    assert report, str(report)


def test_a_batch_without_target_is_refused():
    with pytest.raises(ValueError, match="inputs and the target, the last"):
        doctor(mlp(), F.cross_entropy, data()[0])
