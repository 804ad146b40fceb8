"""The doctor: data that agree with themselves and with another split, probabilities that are taken once, targets that count, modules that
are no copies, steps that lead down; and for each fault its twin, which is healthy.
"""

import math

import numpy as np
import pytest
from doctor_samples import CLASSES, FEATURES, Between, N, data, mlp, plain, regressor

import chainrule as cr
from chainrule import nn, optim
from chainrule.inspect import doctor
from chainrule.inspect.doctor.data import check_batch
from chainrule.inspect.doctor.finding import Report
from chainrule.inspect.doctor.splits import check_splits
from chainrule.nn import functional as F


def found(report):
    """The names of findings, and the notes, as one text."""
    return "; ".join([*report.names, *report.notes])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


# -------------------------------------------------------------------------------------------------------- what data say of themselves


def table(n=509, seed=0):
    x = normal(n, 7, seed=seed)
    return x, (x[:, :1] - 2 * x[:, 1:2]).astype("f")


def of_batch(x, y):
    return found(Report.of(check_batch((cr.tensor(x), cr.tensor(y)))))


X, Y = table()
UNLIKE = X * np.array([1, 1, 1, 30, 0.02, 3, 1], "f") + np.array([0, 0, 0, 200, 0, 0, 0], "f")


def by_row(x):
    return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)


def windows(ahead):
    values = np.cumsum(normal(90))
    x = np.stack([values[k : k + 11] for k in range(70)])
    return x[:, :, None], values[10 + ahead : 80 + ahead, None]


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ((X, Y[::-1].copy()), (X, Y), "do targets belong to their inputs"),
        ((X, Y * 1e-5), (X, Y * 1e-2), "target scale"),
        ((X, Y * 0.1 + 70), (X, Y * 0.1 + 2), "target scale"),
        ((by_row(UNLIKE), Y), ((UNLIKE - UNLIKE.mean(0)) / UNLIKE.std(0), Y), "along the wrong axis"),
        (windows(0), windows(1), "feature [10, 0] of the input is the target itself"),
        ((X / 255 / 2, Y), (X / 20, Y), "input scale"),
    ],
)  # fmt: skip
def test_data_that_do_not_agree_with_themselves(wrong, right, said):
    assert said in of_batch(*wrong)
    assert of_batch(*right) == ""


def of_splits(batch, validation):
    pairs = [tuple(cr.tensor(v) for v in pair) for pair in (batch, validation)]
    return found(Report.of(check_splits(*pairs)))


def blobs(n, seed, order=(0, 1, 2)):
    """Three kinds of examples far from each other."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, n)
    x = 5 * np.eye(3, 5, dtype="f")[kinds] + rng.standard_normal((n, 5)).astype("f")
    return x, np.array(order)[kinds]


def test_splits_that_do_not_agree():
    x, y = blobs(101, 0)
    other, labels = blobs(67, 1)
    assert of_splits((x, y), (other, labels)) == ""
    assert "do labels mean the same in both" in of_splits((x, y), blobs(67, 1, (1, 2, 0)))
    assert of_splits((x, y), (other * 30 + 90, labels)).startswith("validation scale")
    assert of_splits((x, y), (x[:7] + 1e-6, y[:7])).startswith("leakage")


# -------------------------------------------------------------------------------------------------------- probabilities, and what counts


def hot(*classes):
    return sum(F.one_hot((data()[1] + k) % CLASSES, CLASSES) for k in classes).float()


def halved(model):
    return Between(lambda net, x: F.softmax(net(x), 1), model)


def aligned(labels, logs=True):
    """Connectionist temporal classification of five steps."""
    model = Between(lambda net, x: net(x).reshape(-1, 5, 7).transpose(0, 1), mlp(last=nn.Linear(CLASSES, 35)))  # fmt: skip

    def loss(out, y):
        out = out.log_softmax(-1) if logs else out
        return F.ctc_loss(out, y[:, None], cr.full((N,), 5), cr.full((N,), 1))

    return plain(model, (data()[0], labels), loss, steps=1)


SIGNS = cr.tensor(np.where(np.arange(N) % 3 == 0, 1.0, -1.0).astype("f"))
POSITIVE = (SIGNS + 1) / 2


def of_one(loss, targets=POSITIVE):
    return plain(regressor(nn.Flatten(0)), (data()[0], targets), loss, steps=1)


def of_cosines(temperature, product=lambda a, b: a @ b.T):
    def cosines(net, x):
        a, b = F.normalize(net(x), dim=1), F.normalize(net(x.flip(1)), dim=1)
        return product(a, b) / temperature

    return plain(Between(cosines), (data()[0], cr.arange(N)), steps=1)


def of_itself(shift):
    def similar(net, x):
        z = F.normalize(net(x), dim=1)
        return z @ (z + shift * cr.randn(1, CLASSES)).T / 0.1

    return plain(Between(similar), (data()[0], cr.arange(N)), steps=1)


def sampled(f):
    def latent(net, x):
        h = net(x)
        return h + f(h) * cr.randn_like(h)

    return plain(Between(latent), steps=1)


def padded(ignored):
    rng = np.random.default_rng(3)
    y = rng.integers(1, 11, (29, 12))
    y[np.arange(12) >= rng.integers(3, 7, (29, 1))] = 0
    model = nn.Sequential(nn.Embedding(11, 8), nn.Linear(8, 11))

    def loss(out, wanted):
        return F.cross_entropy(out.flatten(0, 1), wanted.flatten(), ignore_index=ignored)

    return plain(model, (cr.tensor(rng.integers(0, 11, (29, 12))), cr.tensor(y)), loss, steps=1)


def weighed(weight):
    return lambda out, y: F.binary_cross_entropy_with_logits(out, y, pos_weight=cr.tensor(weight))


def experts(made_anew):
    one = nn.Linear(64, CLASSES)
    heads = nn.ModuleList([nn.Linear(64, CLASSES) for _ in range(3)])
    for head in heads:
        if not made_anew:
            head.load_state_dict(one.state_dict())
    net = nn.ModuleList([nn.Linear(FEATURES, 64), heads])
    model = Between(lambda net, x: sum(head(F.relu(net[0](x))) for head in net[1]), net)
    return plain(model, steps=1)


def blocks(shared):
    layer = nn.Linear(64, 64)
    made = [nn.Sequential(layer if shared else nn.Linear(64, 64), nn.ReLU()) for _ in range(3)]
    return plain(nn.Sequential(nn.Linear(FEATURES, 64), *made, nn.Linear(64, CLASSES)), steps=1)


def narrow(units):
    return plain(nn.Sequential(nn.Linear(FEATURES, units), nn.Tanh(), nn.Linear(units, CLASSES)), steps=1)  # fmt: skip


def two_parts(factor):
    model = Between(lambda net, x: (net(x), net[0](x).mean(1)))

    def loss(out, y):
        return F.cross_entropy(out[0], y) + factor * F.mse_loss(out[1], 100.0 * y)

    return plain(model, loss=loss, steps=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "wrong", "right", "said"),
    [
        (lambda y: plain(mlp(), (data()[0], y), steps=1), hot(0, 1), hot(0) * 0.7 + hot(1) * 0.3, "targets no distribution"),
        (lambda net: plain(net, loss=lambda out, y: F.nll_loss(F.log_softmax(out, 1), y), steps=1), halved(mlp()), mlp(), "softmax twice"),
        (lambda f: plain(mlp(), (data()[0], hot(0)), lambda out, y: F.kl_div(f(out), y, reduction="batchmean"), steps=1), lambda x: x,
         lambda x: F.log_softmax(x, 1), "kl without log"),
        (aligned, data()[1] % 6, data()[1] % 6 + 1, "blank in targets"),
        (lambda logs: aligned(data()[1] % 6 + 1, logs), False, True, "ctc without log"),
        (of_one, lambda p, t: -(t * F.logsigmoid(p)).mean(), lambda p, t: -(t * F.logsigmoid(p) + (1 - t) * F.logsigmoid(-p)).mean(),
         "the same whatever is said of the 21 examples whose target is 0"),
        (lambda y: of_one(lambda p, t: F.relu(1 - t * p).mean(), y), POSITIVE, SIGNS, "a hinge takes targets of 1 and -1"),
        (lambda w: of_one(weighed(w)), 0.3, 2.0, "pos_weight 0.3 makes them count less still"),
        (padded, -100, 0, "ignore_index=0 leaves it out"),
        (of_cosines, 1.0, 0.1, "bounded logits"),
        (of_itself, 0.0, 3.0, "compared with itself"),
        (sampled, lambda h: h, lambda h: h.exp(), "a standard deviation is positive"),
        (experts, False, True, "symmetry"),
        (blocks, True, False, "the modules 1.0, 2.0, 3.0 are one Linear"),
        (narrow, 1, 3, "lie on one line"),
        (two_parts, 1e4, 1e-4, "exploding gradient"),
    ],
)  # fmt: skip
def test_a_fault_and_its_twin(of, wrong, right, said):
    assert said in found(of(wrong))
    assert said not in found(of(right))


@pytest.mark.slow
@pytest.mark.parametrize(
    "product",
    [
        F.linear,
        lambda a, b: cr.einsum("ic,jc->ij", a, b),
        lambda a, b: F.cosine_similarity(a[:, None], b[None], dim=-1),
    ],
)
def test_cosines_are_known_whoever_makes_them(product):
    assert "bounded logits" in of_cosines(1.0, product).names
    assert "bounded logits" not in of_cosines(0.1, product).names


def test_of_several_outputs_the_one_that_outweighs_is_named():
    [finding] = [f for f in two_parts(1e4).findings if f.name == "exploding gradient"]
    assert "of the 2 outputs number 1 outweighs the others" in finding.evidence
    assert "vanishing gradient" not in two_parts(1e4).names  # the other part is as it should be


def test_likeness_that_is_made_small_and_overlap_that_is_made_small_lead_away():
    x, _ = data()
    wanted = F.normalize(cr.tensor(normal(N, CLASSES)), dim=1)
    likeness = lambda out, y: F.cosine_similarity(out, y).mean()  # noqa: E731
    assert "wrong answers pay" in plain(mlp(), (x, wanted), likeness, steps=1).names
    assert "wrong answers pay" not in plain(mlp(), (x, wanted), lambda *a: 1 - likeness(*a), steps=1).names  # fmt: skip
    shares, masks = mlp(last=nn.Sigmoid()), hot(0)
    overlap = lambda out, y: 2 * (out * y).sum() / (out.sum() + y.sum())  # noqa: E731
    assert "wrong answers pay" in plain(shares, (x, masks), overlap, steps=1).names
    assert "wrong answers pay" not in plain(shares, (x, masks), lambda *a: 1 - overlap(*a), steps=1).names  # fmt: skip


# -------------------------------------------------------------------------------------------------------- the steps of an optimizer


def test_a_rate_at_which_the_loss_rises_though_one_step_is_short():
    """Near its end a training has small gradients, and what is too far is told by how the slope turns."""
    x, _ = data()
    model = nn.Linear(FEATURES, 1)
    nn.init.constant_(model.weight, 10.0)
    batch = x, x.sum(1, keepdim=True) * 10.05
    fast, slow = [optim.SGD(model.parameters(), lr=lr) for lr in (2.0, 0.02)]
    [finding] = [f for f in plain(model, batch, F.mse_loss, fast, steps=1).findings if f.name == "step too long"]  # fmt: skip
    assert "in 10 steps of SGD, with lr 2" in finding.evidence
    assert "step too long" not in plain(model, batch, F.mse_loss, slow, steps=1).names


def test_a_rate_of_one_that_a_schedule_multiplies_is_no_fault():
    """The schedule of the first transformer: lr=1, times 1 / √width and less."""
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=1.0)
    optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: 512**-0.5 * min((k + 1) ** -0.5, (k + 1) * 4000**-1.5)
    )
    assert doctor(model, F.cross_entropy, data(), optimizer)
    warming = optim.Adam(model.parameters(), lr=1.0)
    optim.lr_scheduler.LambdaLR(warming, lambda k: min(k / 100, 1.0))
    assert "step too long" in doctor(model, F.cross_entropy, data(), warming).names
    assert math.isclose(optimizer.param_groups[0]["lr"], 512**-0.5 * 4000**-1.5)
