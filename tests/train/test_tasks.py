"""Tasks: several batches of one step are one big batch, whatever their sizes; the loop trains what is
no classifier; clipping is told.
"""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ShapeError
from chainrule.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset
from chainrule.nn import functional as F
from chainrule.train import (
    Classification,
    EpochFinished,
    LanguageModel,
    NonFiniteLossError,
    Regression,
    StepFinished,
    Trainer,
    evaluate,
)

UNEVEN = [2, 7, 1, 3, 5, 5, 6]  # 29 samples


class Uneven(BatchSampler):
    """Batches of the sizes UNEVEN."""

    def __init__(self, data, sizes):
        super().__init__(SequentialSampler(data), 1, False)
        self.sizes = sizes

    def __iter__(self):
        start = 0
        for size in self.sizes:
            yield list(range(start, start + size))
            start += size

    def __len__(self):
        return len(self.sizes)


def gradients_of_one_step(model, data, task, sizes, compile=True, **options):
    """Σ over the parameters' gradients of a step over all batches, and its loss."""
    loader = DataLoader(data, batch_sampler=Uneven(data, sizes))
    optimizer = cr.optim.SGD(model.parameters(), lr=0.0)
    losses = []
    trainer = Trainer(
        model,
        optimizer,
        loader,
        DataLoader(data, 13),
        epochs=1,
        task=task,
        accumulate=len(sizes),
        compile=compile,
        subscribers=[lambda e: losses.append(e.loss) if isinstance(e, StepFinished) else None],
        **options,
    )
    trainer.fit()
    assert trainer.step == 1
    return losses[0], [p.grad.numpy().copy() for p in model.parameters()], trainer.history[0]


def classifier():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 29)
    labels[[0, 1, 5, 11, 12, 13]] = -100  # all of the first batch among them
    data = TensorDataset(rng.normal(size=(29, 5)).astype(np.float32), labels)
    weight = cr.tensor([0.5, 2.0, 1.0])
    task = Classification(weight=weight, label_smoothing=0.1)

    def mean(model, inputs, labels):
        return F.cross_entropy(model(inputs), labels, weight, label_smoothing=0.1)

    return cr.nn.Linear(5, 3), data, task, mean


def language():
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, 11, (29, 7))
    targets = np.roll(tokens, -1, axis=1)
    for row, length in zip(targets, rng.integers(0, 8, 29), strict=True):
        row[length:] = -100  # uneven numbers of tokens; some rows have none
    model = cr.nn.Sequential(cr.nn.Embedding(11, 5), cr.nn.Linear(5, 11))

    def mean(model, inputs, targets):
        return F.cross_entropy(model(inputs).reshape(-1, 11), targets.reshape(-1))

    return model, TensorDataset(tokens, targets), LanguageModel(), mean


def regression():
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(29, 5)).astype(np.float32)
    targets = rng.normal(size=(29, 2)).astype(np.float32)
    return (
        cr.nn.Linear(5, 2),
        TensorDataset(inputs, targets),
        Regression("huber"),
        lambda model, x, y: F.huber_loss(model(x), y),
    )


def mixed():
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(29, 5)).astype(np.float32)
    probabilities = rng.dirichlet(np.ones(3), 29).astype(np.float32)
    data = TensorDataset(inputs, probabilities)
    return (
        cr.nn.Linear(5, 3),
        data,
        Classification(),
        lambda model, x, p: F.cross_entropy(model(x), p),
    )


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("make", [classifier, language, regression, mixed])
def test_several_uneven_batches_make_the_step_of_one_big_batch(make, compile):
    cr.manual_seed(0)
    model, data, task, mean = make()
    loss, gradients, _ = gradients_of_one_step(model, data, task, UNEVEN, compile)
    for p in model.parameters():
        p.grad = None
    expected = mean(model, *(cr.tensor(t) for t in data.tensors))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    for p, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_allclose(gradient, p.grad.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [classifier, language, regression])
def test_the_report_is_that_of_one_big_batch_too(make):
    reports = []
    for sizes in (UNEVEN, [29]):
        cr.manual_seed(0)
        model, data, task, _ = make()
        reports.append(gradients_of_one_step(model, data, task, sizes)[2])
    for split in ("train", "validation"):
        a, b = (getattr(report, split) for report in reports)
        assert a == pytest.approx(b, rel=1e-5)
    assert reports[0].train == pytest.approx(reports[0].validation, rel=1e-5)  # the rate was 0


@pytest.mark.parametrize("accumulate", [3, 100])
def test_the_last_step_of_an_epoch_may_have_fewer_batches(trainer, accumulate):
    t = trainer(epochs=2, accumulate=accumulate, compile=False)  # 8 batches
    t.fit()
    assert t.step == 2 * math.ceil(8 / accumulate) == 2 * t.steps_per_epoch


@pytest.mark.parametrize("stop_at", [2, 3])
def test_accumulation_stops_and_goes_on_between_steps(trainer, stop_at):
    whole = trainer(epochs=2, accumulate=3, compile=False)
    whole.fit()
    stopped = trainer(epochs=2, accumulate=3, compile=False)
    stopped.subscribers = [
        lambda e: stopped.stop() if isinstance(e, StepFinished) and e.step == stop_at else None
    ]
    assert stopped.fit() is False
    state = stopped.state_dict()
    resumed = trainer(epochs=2, accumulate=3, compile=False)
    resumed.load_state_dict(state)
    resumed.fit()
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


def test_a_short_last_batch_is_traced_once(trainer):
    t = trainer(epochs=4, clip_norm=0.5, accumulate=2, averaged=0.9)
    t.fit()
    # whole batches and the short one: of training 7 and 4 samples, of validation 11 and 9
    assert len(t._gradients_of.programs) == 1
    assert len(t._more_gradients_of.programs) == 2
    assert len(t._measure.programs) == 2
    assert len(t._norm_of.programs) == len(t._update.programs) == 1


# ---- other tasks


def test_a_regression_is_learnt():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(53, 3)).astype(np.float32)
    targets = inputs @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    data = TensorDataset(inputs, targets)
    cr.manual_seed(0)
    model = cr.nn.Linear(3, 1)
    optimizer = cr.optim.Adam(model.parameters(), lr=0.1)
    loaders = DataLoader(data, 7, shuffle=True), DataLoader(data, 11)
    t = Trainer(model, optimizer, *loaders, epochs=30, task=Regression())
    t.fit()
    assert list(t.history[-1].validation) == ["loss", "mae", "rmse", "r2"]
    assert t.history[0].validation["r2"] < 0.9 < 0.999 < t.history[-1].validation["r2"]
    last = t.history[-1].validation
    assert last["rmse"] == pytest.approx(math.sqrt(last["loss"]), rel=1e-4)


def test_a_language_model_is_learnt():
    cycle = np.arange(36).reshape(4, 9) % 5
    data = TensorDataset(cycle[:, :-1], cycle[:, 1:])
    cr.manual_seed(0)
    model = cr.nn.Sequential(cr.nn.Embedding(5, 7), cr.nn.Linear(7, 5))
    optimizer = cr.optim.Adam(model.parameters(), lr=0.1)
    t = Trainer(
        model, optimizer, DataLoader(data, 3), DataLoader(data, 4), epochs=60, task=LanguageModel()
    )
    t.fit()
    first, last = t.history[0].validation, t.history[-1].validation
    assert first["perplexity"] == pytest.approx(math.exp(first["loss"]), rel=1e-6)
    assert first["perplexity"] > 1.5
    assert last["perplexity"] < 1.01


def test_places_that_are_ignored_do_not_count(trainer):
    class Same(cr.nn.Module):
        def forward(self, x):
            return x

    labels = np.array([[0, -100], [1, 2], [-100, -100]])  # N 3, two places each
    logits = np.moveaxis(np.eye(3, dtype=np.float32)[[[0, 0], [1, 0], [0, 0]]] * 9, -1, 1)
    data = TensorDataset(logits, labels)
    result = evaluate(Same(), DataLoader(data, 2), Classification(top=(2,)))
    assert result.metrics["accuracy"] == 2 / 3
    right, wrong = -math.log(1 / (1 + 2 * math.exp(-9))), math.log(2 + math.exp(9))
    assert result.metrics["loss"] == pytest.approx((2 * right + wrong) / 3, rel=1e-5)
    assert set(result.metrics) == {"loss", "accuracy", "top2_accuracy"}


def test_a_step_with_nothing_to_learn_from_is_refused(trainer):
    t = trainer(epochs=1, labels=np.full(53, -100))
    with pytest.raises(ShapeError, match="step 1: there are no samples to learn from"):
        t.fit()


def test_unknown_loss():
    with pytest.raises(ValueError, match=r"expected one of \['mse', 'l1', 'huber'\], found 'l2'"):
        Regression("l2")


# ---- schedules


def rates(t):
    t.subscribers = [
        lambda e: seen.append(e.learning_rate) if isinstance(e, EpochFinished) else None
    ]
    seen = []
    t.fit()
    return seen


def test_a_schedule_may_go_by_epochs(trainer):
    t = trainer(epochs=3, scheduler_every="epoch")
    assert rates(t) == [0.05, 0.05 / 2, 0.05 / 3]


@pytest.mark.parametrize(("mode", "metric"), [("min", "loss"), ("max", "accuracy")])
def test_a_plateau_is_told_the_validation_metric(trainer, mode, metric):
    t = trainer(epochs=5, scheduled=False)
    told = []

    class Plateau(cr.optim.lr_scheduler.ReduceLROnPlateau):
        def step(self, metrics, epoch=None):
            told.append(metrics)
            super().step(metrics)

    t.scheduler = Plateau(t.optimizer, mode, 0.5, patience=0, threshold=10.0)
    assert rates(t) == [0.05, 0.05, 0.05 / 2, 0.05 / 4, 0.05 / 8]
    assert told == [report.validation[metric] for report in t.history]


# ---- clipping


def steps(t):
    seen = []
    t.subscribers.append(lambda e: seen.append(e) if isinstance(e, StepFinished) else None)
    t.fit()
    return seen


@pytest.mark.parametrize("compile", [True, False])
def test_clipping_by_norm_is_told_and_holds(trainer, compile):
    norms = []
    t = trainer(epochs=1, clip_norm=1.5, compile=compile)

    def look(event):
        if isinstance(event, StepFinished):
            squares = [float((p.grad.numpy() ** 2).sum()) for p in t.model.parameters()]
            norms.append(math.sqrt(sum(squares)))

    t.subscribers = [look]
    seen = steps(t)
    assert {e.clipped for e in seen} == {True, False}
    for event, after in zip(seen, norms, strict=True):
        assert event.clipped == (event.gradient_norm > 1.5)
        assert after == pytest.approx(min(event.gradient_norm, 1.5), rel=1e-5)
    assert t.history[0].clipped == sum(e.clipped for e in seen)


def test_clipping_by_value_is_told_and_holds(trainer):
    t = trainer(epochs=1, clip_value=0.5)
    largest = []
    t.subscribers = [
        lambda e: (
            largest.append(max(float(p.grad.abs().max()) for p in t.model.parameters()))
            if isinstance(e, StepFinished)
            else None
        )
    ]
    seen = steps(t)
    assert {e.clipped for e in seen} == {True, False}
    for event, after in zip(seen, largest, strict=True):
        assert after == pytest.approx(min(event.gradient_norm, 0.5), rel=1e-5)


def test_without_limits_nothing_is_clipped_nor_told(trainer):
    seen = steps(trainer(epochs=1))
    assert {(e.gradient_norm, e.clipped) for e in seen} == {(None, False)}


def test_limits_that_no_gradient_reaches_change_no_bit(trainer):
    weights = []
    for options in ({}, {"clip_norm": 1e9}, {"clip_value": 1e9}):
        t = trainer(epochs=1, compile=False, **options)  # compiled, products are fused elsewise
        t.fit()
        assert t.history[0].clipped == 0
        weights.append([p.detach().numpy().tobytes() for p in t.model.parameters()])
    assert weights[0] == weights[1] == weights[2]


def test_a_gradient_that_is_no_number_stops_before_the_update(trainer):
    class Steep(Classification):
        def loss(self, model, batch):
            loss, logits = super().loss(model, batch)
            return loss + (logits.sum() * 0.0).sqrt(), logits  # 0 · ∞ going back

    t = trainer(epochs=1, task=Steep(), clip_norm=1.0)
    before = t.model.out.weight.detach().numpy().copy()
    with pytest.raises(NonFiniteLossError, match="the norm of the gradient of step 1 .* is nan"):
        t.fit()
    assert (t.model.out.weight.detach().numpy() == before).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, r"Trainer\(accumulate\): expected an integer of at least 1, found 0"),
        ({"accumulate": 2.0}, "found 2.0"),
        ({"scheduler_every": "day"}, "expected 'step' or 'epoch', found 'day'"),
        ({"clip_norm": 0.0}, r"Trainer\(clip_norm\): expected a positive finite number, found 0.0"),
        ({"clip_value": math.nan}, r"Trainer\(clip_value\): expected a positive finite number"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "give one of them"),
    ],
)
def test_what_cannot_be(trainer, options, message):
    with pytest.raises(ValueError, match=message):
        trainer(**options)


def test_the_epoch_tells_how_often_it_clipped(trainer):
    reports = []
    t = trainer(epochs=2, clip_norm=1e-3)
    t.subscribers = [lambda e: reports.append(e) if isinstance(e, EpochFinished) else None]
    t.fit()
    assert [r.clipped for r in reports] == [8, 8]
