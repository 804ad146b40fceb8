"""The doctor: each planted fault is found, by name and with what to change; healthy models give no findings."""

import copy
import math

import numpy as np
import pytest
from doctor_samples import (
    ADVANTAGES,
    CLASSES,
    FEATURES,
    Attentive,
    Between,
    Coder,
    N,
    bound,
    data,
    image_net,
    images,
    language_loss,
    mlp,
    numbers,
    plain,
    regressor,
    series,
    tokens,
)

import chainrule as cr
from chainrule import nn, optim
from chainrule.inspect import doctor
from chainrule.nn import functional as F


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


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


class Block(nn.Module):
    """Attention by hand, with faults to be switched on."""

    def __init__(self, width, heads=2, causal=True, dim=3, scramble=False, scale=1.0):
        super().__init__()
        self.qkv, self.out, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads
        self.causal, self.dim, self.scramble, self.scale = causal, dim, scramble, scale

    def forward(self, x):
        B, T, C = x.shape
        parts = self.qkv(x).chunk(3, -1)
        if self.scramble:
            q, k, v = [p.reshape(B, self.heads, T, C // self.heads) for p in parts]
        else:
            q, k, v = [p.view(B, T, self.heads, -1).transpose(1, 2) for p in parts]
        scores = q @ k.mT * self.scale
        if self.causal:
            scores = scores.masked_fill(cr.triu(cr.ones(T, T), 1).bool(), -1e9)
        y = F.softmax(scores, dim=self.dim) @ v
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class Language(nn.Module):
    def __init__(self, positions=True, tie=True, **options):
        super().__init__()
        self.embedding, self.block = nn.Embedding(17, 16), Block(16, **options)
        self.positions = nn.Embedding(11, 16) if positions else None
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 17, bias=False)
        if tie:
            self.head.weight = self.embedding.weight
        nn.init.normal_(self.embedding.weight, std=0.2)

    def forward(self, tokens):
        x = self.embedding(tokens)
        x = x if self.positions is None else x + self.positions(cr.arange(tokens.shape[1]))
        return self.head(self.norm(x + self.block(x)))


def language(**options):
    cr.manual_seed(0)
    return plain(Language(**options), tokens(), language_loss)


def copied_head():
    model = Language(tie=False)
    model.head.weight = nn.Parameter(model.embedding.weight.detach().clone())
    return plain(model, tokens(), language_loss)


def hidden_off(net, x):
    with cr.no_grad():
        h = net[1](net[0](x))
    return net[2](h)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = {"w": [cr.randn(FEATURES, 8, requires_grad=True)]}
        self.out = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.out(F.relu(x @ self.parts["w"][0]))


def hooked():
    model = mlp()
    model[0].weight.register_hook(lambda g: g * 0)
    return plain(model)


def asleep():
    model = image_net()
    model[1].eval()
    return plain(model, images())


def with_padding():
    model = nn.Sequential(nn.Embedding(17, 8, padding_idx=3), nn.Flatten(), nn.Linear(88, 2))
    x = tokens()[0].clone()
    x[:, -4:] = 0
    return plain(model, (x, cr.arange(5) % 2))


def picked(log_probabilities, y):
    return -log_probabilities.gather(-1, y.unsqueeze(-1)).mean()


def with_nan():
    x, y = data()
    x[3, 5] = math.nan
    return x, y


def weakly_hooked():
    model = mlp()
    model[0].weight.register_hook(lambda g: g * 1e-9)
    return plain(model)


def steps(shift=1):
    x = cr.tensor(np.cumsum(np.random.default_rng(6).standard_normal((19, 8, 2)), 1).astype("f"))
    return x[:, :-shift], x[:, shift:]


def forecaster(bidirectional):
    layer = nn.GRU(2, 5, batch_first=True, bidirectional=bidirectional)
    parts = nn.ModuleList([layer, nn.Linear(10 if bidirectional else 5, 2)])
    return plain(Between(lambda net, x: net[1](net[0](x)[0]), parts), steps(), F.mse_loss)


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
    "no gradient": (lambda: plain(Cut()), "detach(), .data, .item(), .numpy(), no_grad()"),
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
    "loss not finite": (
        lambda: plain(Between(lambda net, x: net(x) / (x[:, :1] * 0))), "inspect.first_nonfinite",
    ),
    "kl without log": (
        lambda: plain(mlp(last=nn.Softmax(dim=-1)), one_hot_targets(), F.kl_div), "log_softmax in place of softmax",
    ),
    "no probabilities": (
        lambda: plain(
            mlp(), (data()[0], one_hot_targets()[1] * 2 - 1), F.binary_cross_entropy_with_logits
        ),
        "(target + 1) / 2",
    ),
    "wrong answers pay": (lambda: plain(mlp(), loss=lambda out, y: -F.cross_entropy(out, y)), "the sign of the loss"),
    "loss broadcasts": (
        lambda: plain(regressor(), numbers(), lambda out, y: ((out - y.reshape(-1)) ** 2).mean()), "target.unsqueeze(-1)",
    ),
    "out of reach": (lambda: plain(regressor(nn.Tanh()), numbers(9.0), F.mse_loss), "remove the tanh"),
    "norm never trained": (asleep, "put to sleep after it has learned"),
    "dropout": (lambda: plain(nn.Sequential(nn.Dropout(0.97), *mlp())), "the share that is dropped"),
    "softmax over another axis": (lambda: language(dim=2), "softmax(dim=-1) of the scores"),
    "softmax saturated": (lambda: language(scale=1e5), "square root of the size of a head"),
    "padding": (with_padding, "padding_idx=0"),
    "zero gradient": (hooked, "what the hooks return"),
    "not registered": (lambda: plain(Listed()), "nn.ParameterList"),
    "tied apart": (copied_head, "head.weight = embedding.weight"),
    "examples mix": (
        lambda: plain(Between(lambda net, x: net(x.T.reshape(N, FEATURES)))), "a transpose or permute",
    ),
    "sees the future": (lambda: language(scramble=True), "a causal mask"),
    "places alike": (lambda: language(positions=False), "an embedding of positions"),
    "linear": (lambda: plain(nn.Sequential(nn.Linear(FEATURES, 32), nn.Linear(32, CLASSES))), "nn.ReLU"),
    "bounded logits": (lambda: plain(mlp(last=nn.Tanh())), "logits may be any numbers"),
    "no floor": (lambda: plain(Coder(), (data()[0], data()[0]), bound(-1)), "made of output 1"),
    "axis moved by view": (
        lambda: plain(Between(lambda net, x: net[2](net[0](x.view(N, FEATURES, 1).view(N, 1, FEATURES))
                      .expand(N, 5, 64).contiguous().view(N, 64, 5).mean(2)))), "transpose or permute",
    ),
    "target is input": (
        lambda: plain(Language(), (tokens()[0], tokens()[0].clone()), language_loss), "tokens[:, 1:]",
    ),
    "targets shuffled": (
        lambda: plain(nn.Linear(FEATURES, FEATURES), (data()[0], data()[0].flip(0)), F.mse_loss), "one permutation for both",
    ),
    "step uphill": (
        lambda: frozen_head(lambda m: optim.SGD(m.parameters(), lr=0.1, maximize=True)), "maximize=False",
    ),
    "weight decay": (
        lambda: frozen_head(lambda m: optim.AdamW(m.parameters(), weight_decay=10.0)), "0.0001 to 0.1",
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


# -------------------------------------------------------------------------------------------------------- what a finding says


def test_a_finding_names_the_line():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return F.softmax(self.net(x), dim=-1)  # the fault

    [finding] = [f for f in plain(Wrong()).findings if f.name == "softmax before loss"]
    assert "test_doctor.py" in finding.where and "F.softmax(self.net(x), dim=-1)" in finding.where


@pytest.mark.parametrize(
    ("make", "name", "evidence", "where"),
    [
        (lambda: plain(Between(lambda net, x: net[2](net[1](net[0](x)).detach()))), "no path",
         "the last op with a gradient is relu", "net[2](net[1](net[0](x)).detach())"),
        (lambda: plain(Between(hidden_off)), "no path", "gradients are off (no_grad) where they are used",
         "h = net[1](net[0](x))"),
        (lambda: plain(mlp(), loss=lambda out, y: F.mse_loss(out.argmax(1).float(), y.float())), "no gradient",
         "argmax has no derivative", "out.argmax(1)"),
        (forgotten, "no path", "2 of 6: extra.weight, extra.bias; no op uses them", ""),
        (lambda: plain(mlp().requires_grad_(False)), "no gradient", "all 4 are frozen", ""),
        (lambda: plain(Between(lambda net, x: net(cr.sqrt(x * 0 + net[0].weight[0] * 0)))), "gradient not finite",
         "the backward pass of sqrt(x) made", "cr.sqrt("),
        (lambda: plain(regressor(nn.BatchNorm1d(1, affine=False)), numbers(9.0, 40.0), F.mse_loss),
         "out of reach", "the targets have mean 4", "batch_norm"),
        (lambda: plain(mlp(), loss=lambda out, y: picked(F.log_softmax(out.unsqueeze(1), 1), y.unsqueeze(1))),
         "softmax over another axis", "log_softmax over axis 1 of (32, 1, 7), gather along axis 2", "picked("),
        (lambda: frozen_head(lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.999)), "step too long",
         "each gradient acts for 1000 steps", ""),
        (lambda: plain(mlp(), (data()[0] * 1e-5, data()[1])), "input scale", "root mean square 1", ""),
        (lambda: plain(mlp(), validation=(data()[0] + 1e-6, data()[1])), "leakage", "32 of 32", ""),
        (lambda: plain(Between(lambda net, x: (lambda e: e / e.sum(-1, keepdim=True))(net(x).exp()))),
         "softmax before loss", "each row of (32, 7) is positive, and its sum is 1", "e / e.sum"),
    ],
)  # fmt: skip
def test_the_evidence_says_how_and_where(make, name, evidence, where):
    cr.manual_seed(0)
    report = make()
    [finding] = [f for f in report.findings if f.name == name]
    assert evidence in finding.evidence and where in finding.where + finding.what, str(report)


def test_steps_that_come_later_are_the_future_too():
    cr.manual_seed(0)
    [finding] = forecaster(bidirectional=True).findings
    assert (
        finding.name == "sees the future" and "a step depends on the steps after it" in finding.what
    )
    assert forecaster(bidirectional=False)


def test_hooks_that_leave_next_to_nothing_are_found():
    [finding] = [f for f in weakly_hooked().findings if f.name == "zero gradient"]
    assert "1 of 2: 0.weight" in finding.evidence and "hooks take" in finding.what


def test_logits_that_are_cut_far_out_may_be():
    assert plain(Between(lambda net, x: net(x).clamp(-15, 15)))
    [cut] = plain(Between(lambda net, x: net(x).clamp(0, 1))).findings
    assert "from 0 to 1 at most" in cut.evidence and ".clamp(0, 1)" in cut.where
    report = plain(regressor(nn.Hardtanh()), numbers_of_two(), F.binary_cross_entropy_with_logits)
    assert "below 0.313" in report.findings[0].evidence


def numbers_of_two():
    return data()[0], (data()[0][:, :1] > 0).float()


def test_a_module_without_a_line_of_its_own_is_named_alone():
    [finding] = plain(mlp(last=nn.Softmax(dim=-1))).findings
    assert finding.where == "module 3"


def test_a_logsumexp_over_the_batch_is_found():
    def loss(out, y):
        return (out.logsumexp(0).mean() - out.gather(1, y.unsqueeze(1))).mean()

    [finding] = [f for f in plain(mlp(), loss=loss).findings if f.name == "softmax over batch"]
    assert "dim=0 of shape (32, 7)" in finding.evidence


def test_a_list_of_modules_is_told_by_the_finding_alone(recwarn):
    model = mlp()
    model.others = [nn.Linear(3, 3)]
    plain(model)
    assert not [w for w in recwarn if "plain list" in str(w.message)]


def test_findings_of_one_name_that_say_something_else_stay_apart():
    def step(net, x):
        return net[2]((net[0](x) > 0).float())

    model = Between(step)
    model.extra = nn.Linear(3, 5)
    [unused, cut] = [f for f in plain(model).findings if f.name == "no path"]
    assert "extra.weight, extra.bias; no op uses them" in unused.evidence
    assert "net.0.weight, net.0.bias; the last op with a gradient is linear" in cut.evidence
    assert "(net[0](x) > 0).float()" in cut.where
    deep = plain(Between(lambda net, x: net(x), mlp(nn.Tanh, 4)), (data()[0] * 500, data()[1]))
    [saturated] = [f for f in deep.findings if f.name == "saturated units"]
    assert "%" in saturated.evidence


def test_a_sum_is_named_where_a_step_is_too_long():
    model = mlp()
    report = plain(model, loss=lambda out, y: F.cross_entropy(out, y, reduction="sum"),
                   optimizer=optim.SGD(model.parameters(), lr=0.3))  # fmt: skip
    [finding] = [f for f in report.findings if f.name == "step too long"]
    assert "the loss is a sum over the 32 examples" in finding.evidence


def in_order():
    x, y = data()
    return x, cr.sort(y)[0]


NOTES = {
    "2 of 4 parameters are frozen": lambda: plain(frozen()),
    "the labels of the batch are in order": lambda: plain(mlp(), in_order()),
    "94% of the labels are class 0": lambda: plain(mlp(), (data()[0], cr.tensor([0] * 30 + [1, 2]))),
    "only 4 of the 32 examples are different": lambda: plain(mlp(), (data()[0][:4].repeat(8, 1), data()[1][:4].repeat(8))),
    "2 of 32 examples have an equal input": lambda: plain(
        mlp(), (cr.cat([data()[0][:1], data()[0][:1], data()[0][2:]]), cr.cat([cr.tensor([1, 2]), data()[1][2:]]))
    ),
    "log_softmax before cross_entropy": lambda: plain(Between(lambda net, x: F.log_softmax(net(x), -1))),
    "whichever answer is given to which of the 32 targets": lambda: plain(
        regressor(), numbers(), lambda out, y: (out.mean() - y.mean()) ** 2
    ),
    "feature 13 of the input is the target itself": lambda: plain(
        nn.Linear(FEATURES + 1, 1), (cr.cat([data()[0], 3 * numbers()[1] + 1], 1), numbers()[1]), F.mse_loss
    ),
    "no label is 0, and each of the other 7 classes": lambda: plain(
        nn.Linear(FEATURES, CLASSES + 1), (data(n=96)[0], data(n=96)[1] + 1)
    ),
    "the modules 0, 2 are one Linear": lambda: plain(
        nn.Sequential(*[nn.Linear(FEATURES, FEATURES), nn.Tanh()] * 2, nn.Linear(FEATURES, CLASSES))
    ),
    "faster and faster: if it has no floor": lambda: plain(
        Between(lambda net, x: (net(x) ** 2).mean()), loss=lambda out, y: 2 - 3 * out
    ),
    "the most similar example of the batch has the same label in": lambda: plain(mlp(), data(n=200)),
}  # fmt: skip


def frozen():
    model = mlp()
    model[0].requires_grad_(False)
    return model


@pytest.mark.parametrize("words", NOTES)
def test_what_may_be_meant_is_a_note(words):
    cr.manual_seed(0)
    report = NOTES[words]()
    assert report and words in str(report), str(report)


def test_labels_that_belong_to_their_inputs_are_not_noted():
    x, _ = data(n=200)
    assert plain(mlp(), (x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long())).notes == []


def test_a_factor_that_begins_at_zero_and_moves_is_no_fault():
    cr.manual_seed(0)
    branch = nn.Sequential(
        nn.Linear(FEATURES, 8), nn.ReLU(), nn.Linear(8, FEATURES), nn.LayerNorm(FEATURES)
    )
    nn.init.zeros_(branch[3].weight)
    model = Between(lambda net, x: x + net(x), branch)
    report = doctor(model, F.mse_loss, (data()[0], cr.sin(data()[0])))
    assert report, str(report)


class Graph(nn.Module):
    """Nodes that know of each other: by an argument, or by a buffer."""

    def __init__(self, kept):
        super().__init__()
        self.out = nn.Linear(FEATURES, CLASSES)
        self.register_buffer("known", cr.eye(N) * 0.9 + 0.1 / N if kept else None)

    def forward(self, x, known=None):
        return (self.known if known is None else known) @ self.out(x)


def reinforced(out, y):
    chosen = F.log_softmax(out, -1).gather(1, y.unsqueeze(1))[:, 0]
    return -(chosen * cr.tensor(ADVANTAGES)).mean()


UNUSUAL = {
    "a graph that is given": lambda: plain(Graph(False), (data()[0], cr.eye(N) * 0.9 + 0.1 / N, data()[1])),
    "a graph that is kept": lambda: plain(Graph(True)),
    "advantages of either sign": lambda: plain(mlp(), loss=reinforced),
    "the logarithm of the rate": lambda: plain(
        regressor(), (data()[0], cr.tensor(np.random.default_rng(5).poisson(3, (N, 1)).astype("f"))), F.poisson_nll_loss
    ),
    "four points": lambda: plain(
        nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)),
        (cr.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), cr.tensor([[0.0], [1], [1], [0]])),
        F.binary_cross_entropy_with_logits,
    ),
    "a linear bottleneck": lambda: plain(
        nn.Sequential(nn.Linear(FEATURES, 5), nn.Linear(5, FEATURES)), (data()[0], data()[0]), F.mse_loss
    ),
    "time first": lambda: plain(
        Between(lambda net, x: net[2](net[1](net[0](x))[0]),
                nn.ModuleList([nn.Embedding(17, 8), nn.LSTM(8, 16), nn.Linear(16, 17)])),
        tuple(t.T.contiguous() for t in tokens()), language_loss,
    ),
    "a bag of words": lambda: plain(
        nn.Sequential(nn.EmbeddingBag(17, 8), nn.Linear(8, 2)), (tokens()[0], cr.tensor([0, 1, 1, 0, 1])),
    ),
    "a dictionary of answers": lambda: plain(
        Between(lambda net, x: {"logits": net(x)}), loss=lambda out, y: F.cross_entropy(out["logits"], y)
    ),
    "a variational bound": lambda: plain(Coder(), (data()[0], data()[0]), bound(1)),
    "rewards of either sign for numbers": lambda: plain(
        regressor(), numbers(), lambda out, y: (cr.tensor(ADVANTAGES)[:, None] * (out - y) ** 2).mean()
    ),
    "a critic": lambda: plain(Between(lambda net, x: (net(x), net(x + 1))), loss=lambda out, y: (out[1] - out[0]).mean()),
    "heads that are cut and moved": lambda: plain(
        Between(lambda net, x: net[2](F.relu(net[0](x)).view(N, 4, 16).transpose(1, 2).reshape(N, 64)))
    ),
    "noise in the model": lambda: plain(Between(lambda net, x: net(x + cr.randn_like(x) * 0.1))),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_models_that_are_healthy_give_no_findings(name):
    cr.manual_seed(0)
    report = UNUSUAL[name]()
    assert report, str(report)


# -------------------------------------------------------------------------------------------------------- what an examination leaves alone


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
