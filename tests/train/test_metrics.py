"""The metrics: right, refused when wrong, and the same however the samples are cut into batches."""

import itertools
import math

import numpy as np
import pytest

from chainrule.base.errors import DTypeError, FormatError, ShapeError, StateDictError
from chainrule.train import load_checkpoint, save_checkpoint
from chainrule.train.memory import peak_memory_mb
from chainrule.train.metrics import (
    R2,
    Accuracy,
    Confusion,
    MeanAbsoluteError,
    Perplexity,
    PrecisionRecallF1,
    RecallAtK,
    RootMeanSquaredError,
    TopKAccuracy,
    accuracy,
    class_accuracy,
    confusion_matrix,
    share_interval,
)


def test_accuracy_is_exact():
    assert accuracy(np.array([1, 2, 3]), np.array([1, 2, 4])) == 2 / 3


@pytest.mark.parametrize(
    ("a", "b"), [((3,), (3, 1)), ((3, 1), (3, 1)), ((3,), (1,)), ((0,), (0,)), ((), ())]
)
def test_accuracy_broadcasts_nothing(a, b):
    with pytest.raises(ShapeError, match=r"same shape \(N,\) with N at least 1"):
        accuracy(np.zeros(a, int), np.zeros(b, int))


def test_an_interval_holds_what_it_promises():
    """Of many samples of 200, drawn where the true share is known, about 95 % have it in their interval."""
    rng = np.random.default_rng(0)
    for true in (0.5, 0.9, 0.98):
        shares = rng.binomial(200, true, 2000) / 200
        bounds = np.array([share_interval(share, 200) for share in shares])
        held = ((bounds[:, 0] <= true) & (true <= bounds[:, 1])).mean()
        assert 0.92 < held < 0.98, true


def test_an_interval_has_a_width_at_its_ends():
    low, high = share_interval(1.0, 53)
    assert 0.9 < low < 0.95 and high == 1.0
    low, high = share_interval(0.0, 53)
    assert low == 0.0 and 0.05 < high < 0.1


@pytest.mark.parametrize(("share", "count"), [(0.5, 0), (1.5, 7), (-0.1, 7)])
def test_an_interval_of_nothing(share, count):
    with pytest.raises(ValueError, match="expected a share from 0 to 1 of at least one sample"):
        share_interval(share, count)


def test_confusion_matrix_counts_label_by_prediction():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 5, 211), rng.integers(0, 5, 211)
    confusion = confusion_matrix(predictions, labels, 5)
    for i in range(5):
        for j in range(5):
            assert confusion[i, j] == sum((labels == i) & (predictions == j))
    assert np.trace(confusion) / 211 == accuracy(predictions, labels)


def test_confusion_matrix_takes_small_integers():
    assert (
        confusion_matrix(np.array([200], np.uint8), np.array([201], np.uint8), 211)[201, 200] == 1
    )


@pytest.mark.parametrize(
    ("predictions", "labels", "error", "message"),
    [
        (
            [0, 5],
            [0, 1],
            FormatError,
            r"predictions: expected labels from 0 to 4, found 5 at index \[1\]",
        ),
        (
            [0, 1],
            [0, -1],
            FormatError,
            r"labels: expected labels from 0 to 4, found -1 at index \[1\]",
        ),
        (
            [0.0, 1.0],
            [0, 1],
            DTypeError,
            "predictions: expected signed integers or unsigned integers, found float64",
        ),
        ([0], [0, 1], ShapeError, r"predictions: expected shape \(2,\), found \(1,\)"),
    ],
)
def test_confusion_matrix_refuses(predictions, labels, error, message):
    with pytest.raises(error, match=message):
        confusion_matrix(np.array(predictions), np.array(labels), 5)


def test_class_accuracy():
    assert class_accuracy(np.array([[3, 0, 1], [0, 0, 0], [1, 1, 0]])) == [0.75, None, 0.0]


def test_peak_memory_grows_by_what_is_held():
    before = peak_memory_mb()
    held = np.ones(30_000_000)  # 240 MB, touched
    after = peak_memory_mb()
    assert held.sum() == 30_000_000
    assert 0 < before < 20_000
    assert after - before > 100 or after > 240


# ---- classes: exact over batches

BATCHES = [(0, 211), (0, 1, 211), (0, 7, 7, 60, 210, 211)]  # one of them empty


def fed(metric, answers, targets, cuts):
    for a, b in itertools.pairwise(cuts):
        metric.update(answers[a:b], targets[a:b])
    return metric.compute()


def scores_and_labels(classes=5, count=211):
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 4, (count, classes)).astype(float)  # many ties
    return scores, rng.integers(0, classes - 1, count)  # the last class has no samples


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(np.all(np.asarray(a) == np.asarray(b)))


@pytest.mark.parametrize(
    "make",
    [
        Accuracy,
        lambda: TopKAccuracy(1),
        lambda: TopKAccuracy(3),
        lambda: Confusion(5),
        lambda: PrecisionRecallF1(5),
        lambda: PrecisionRecallF1(5, "micro"),
        lambda: PrecisionRecallF1(5, "weighted"),
        lambda: PrecisionRecallF1(5, None),
        lambda: RecallAtK(2),
    ],
)
def test_counts_are_exact_however_the_samples_are_cut(make):
    scores, labels = scores_and_labels()
    whole, *others = [fed(make(), scores, labels, cuts) for cuts in BATCHES]
    assert all(same(other, whole) for other in others)


@pytest.mark.parametrize("make", [MeanAbsoluteError, RootMeanSquaredError, R2])
@pytest.mark.parametrize("offset", [0.0, 1e6])  # squares of large numbers must not cancel
def test_errors_are_the_same_however_the_samples_are_cut(make, offset):
    rng = np.random.default_rng(2)
    targets = rng.normal(size=211) + offset
    answers = targets + rng.normal(size=211) / 2
    whole, *others = [fed(make(), answers, targets, cuts) for cuts in BATCHES]
    assert others == pytest.approx([whole] * 2, rel=1e-10)


def test_top_1_is_accuracy_even_among_ties():
    scores, labels = scores_and_labels()
    top1, plain = TopKAccuracy(1), Accuracy()
    for metric in (top1, plain):
        metric.update(scores, labels)
    assert top1.compute() == plain.compute() == (scores.argmax(axis=1) == labels).mean()


def test_top_k_grows_to_1():
    scores, labels = scores_and_labels()
    shares = [fed(TopKAccuracy(k), scores, labels, BATCHES[0]) for k in range(1, 6)]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_nan_is_the_worst_score():
    metric = TopKAccuracy(2)
    metric.update(np.array([[np.nan, 0.0, 1.0]]), np.array([0]))
    assert metric.compute() == 0


def test_precision_recall_and_f1_by_hand():
    # class 0: 2 of 3 right, answered 3 times; class 1: 1 of 2, answered twice; class 2: never seen
    metric = PrecisionRecallF1(3, None)
    metric.update(np.array([0, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1]))
    found = metric.compute()
    assert found["precision"].tolist() == [2 / 3, 1 / 2, 0]
    assert found["recall"].tolist() == [2 / 3, 1 / 2, 0]
    assert found["f1"].tolist() == [4 / 6, 2 / 4, 0]
    macro, micro, weighted = (PrecisionRecallF1(3, a) for a in ("macro", "micro", "weighted"))
    for average in (macro, micro, weighted):
        average.load_state_dict(metric.state_dict())
    assert macro.compute()["f1"] == pytest.approx((4 / 6 + 2 / 4) / 3)
    assert micro.compute() == {"precision": 0.6, "recall": 0.6, "f1": 0.6}
    assert weighted.compute()["recall"] == pytest.approx(0.6)


def test_what_is_divided_by_zero_is_what_was_asked_for():
    metric = PrecisionRecallF1(3, None, zero_division=1.0)
    metric.update(np.array([0]), np.array([0]))
    assert metric.compute()["precision"].tolist() == [1, 1, 1]


def test_r2_by_its_formula():
    rng = np.random.default_rng(3)
    targets, answers = rng.normal(size=(101, 2)), rng.normal(size=(101, 2))
    errors = ((answers - targets) ** 2).sum(axis=0)
    expected = 1 - errors / ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    assert fed(R2(), answers, targets, (0, 13, 101)) == pytest.approx(expected.mean())
    assert fed(R2(), np.full(5, 2.0), np.full(5, 2.0), (0, 5)) == 1
    assert fed(R2(), np.full(5, 3.0), np.full(5, 2.0), (0, 5)) == 0


def test_perplexity_of_a_uniform_guess_is_the_number_of_tokens():
    metric = Perplexity()
    metric.update(7 * math.log(27), 7)
    metric.update(3 * math.log(27), 3)
    assert metric.compute() == pytest.approx(27)
    metric.update(1e9, 1)
    assert metric.compute() == math.inf


def test_accuracy_takes_places_with_classes():
    rng = np.random.default_rng(4)
    scores, labels = rng.normal(size=(3, 5, 2, 7)), rng.integers(0, 5, (3, 2, 7))
    metric = Accuracy()
    metric.update(scores, labels)
    assert metric.compute() == (scores.argmax(axis=1) == labels).mean()


@pytest.mark.parametrize(
    ("metric", "answers", "targets", "message"),
    [
        (Accuracy(), np.zeros(3), np.zeros((3, 1)), "two arrays of the same shape"),
        (TopKAccuracy(2), np.zeros((3, 4)), np.zeros(5, int), r"scores \(N, C\) and labels \(N,\)"),
        (MeanAbsoluteError(), np.zeros(3), np.zeros((3, 1)), "MeanAbsoluteError.update"),
        (RootMeanSquaredError(), np.zeros(3), np.zeros(4), "RootMeanSquaredError.update"),
        (R2(), np.zeros((2, 3, 5)), np.zeros((2, 3, 5)), r"takes \(N,\) or \(N, D\)"),
        (RecallAtK(1), np.zeros(3), np.zeros(3, int), r"similarities \(N, M\), found \(3,\)"),
    ],
)  # fmt: skip
def test_metrics_broadcast_nothing(metric, answers, targets, message):
    with pytest.raises(ShapeError, match=message):
        metric.update(answers, targets)


@pytest.mark.parametrize(
    "metric",
    [Accuracy(), TopKAccuracy(2), PrecisionRecallF1(3), MeanAbsoluteError(), RootMeanSquaredError(),
     R2(), Perplexity(), RecallAtK(1)],
)  # fmt: skip
def test_there_is_no_mean_of_no_samples(metric):
    with pytest.raises(ValueError, match=r"compute\(\): no samples were counted yet"):
        metric.compute()


def test_arguments_out_of_range():
    for make in (TopKAccuracy, RecallAtK):
        with pytest.raises(ValueError, match="k must be an integer of at least 1, found 0"):
            make(0)
    with pytest.raises(ValueError, match="expected one of .*, found 'mean'"):
        PrecisionRecallF1(3, "mean")
    with pytest.raises(StateDictError, match="the state of Accuracy: expected"):
        Accuracy().load_state_dict({"right": 1})


def test_a_metric_goes_on_from_its_state(tmp_path):
    rng = np.random.default_rng(5)
    answers, targets = rng.normal(size=(2, 31, 3)), rng.normal(size=(2, 31, 3))
    first = R2()
    first.update(answers[0], targets[0])
    save_checkpoint(tmp_path / "c.json", first.state_dict())
    second = R2()
    second.load_state_dict(load_checkpoint(tmp_path / "c.json"))
    for metric in (first, second):
        metric.update(answers[1], targets[1])
    assert first.compute() == second.compute()
