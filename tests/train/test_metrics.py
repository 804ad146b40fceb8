"""Accuracy, confusions, peak memory."""

import json

import numpy as np
import pytest

from chainrule.base.errors import DTypeError, FormatError, ShapeError
from chainrule.train.events import EpochFinished, StepFinished
from chainrule.train.log import MetricsLog
from chainrule.train.memory import peak_memory_mb
from chainrule.train.metrics import accuracy, class_accuracy, confusion_matrix


def test_accuracy_is_exact():
    assert accuracy(np.array([1, 2, 3]), np.array([1, 2, 4])) == 2 / 3


@pytest.mark.parametrize(
    ("a", "b"), [((3,), (3, 1)), ((3, 1), (3, 1)), ((3,), (1,)), ((0,), (0,)), ((), ())]
)
def test_accuracy_broadcasts_nothing(a, b):
    with pytest.raises(ShapeError, match=r"same shape \(N,\) with N at least 1"):
        accuracy(np.zeros(a, int), np.zeros(b, int))


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


def report(epoch):
    return EpochFinished(epoch, 7 * epoch, 0.1, 1 / 3, 0.5, 0.25, 0.75, 0.01, None)


def test_the_log_has_a_line_per_epoch_and_starts_with_those_before(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("of an older attempt\n")
    log = MetricsLog(path, [report(1)])
    log(StepFinished(8, 2, 0.5, 0.1))
    log(report(2))
    log.test(0.125, 0.875)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["epoch", "epoch", "test"]
    assert lines[1]["train_loss"] == 1 / 3
    assert lines[1]["peak_memory_mb"] is None
    assert lines[2] == {"event": "test", "loss": 0.125, "accuracy": 0.875}
