"""Those who listen to the loop: logs, TensorBoard, checkpoints, early stopping; the average of weights;
the range test. A run that is cut off anywhere and goes on repeats nothing and forgets nothing.
"""

import dataclasses
import errno
import json
import os
import struct

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ChainruleError, FormatError, StateDictError
from chainrule.data import DataLoader, TensorDataset
from chainrule.files import whole as whole_files
from chainrule.train import (
    Checkpoints,
    EarlyStopping,
    EpochFinished,
    Goal,
    MetricsLog,
    Regression,
    SaveError,
    StepFinished,
    TensorBoard,
    Trainer,
    TrainingFinished,
    checkpoint,
    find_learning_rate,
    load_checkpoint,
    newest_checkpoint,
)
from chainrule.train.tensorboard import FILE, event_record, record


class Stopped(BaseException):
    """Thrown in the middle of training, as a kill is."""


def listening(trainer, folder, compile=False, save_steps=3, **options):
    """A trainer with everything that remembers."""
    t = trainer(averaged=0.8, clip_norm=0.5, compile=compile, **options)
    goal = Goal("accuracy", "max")
    t.subscribers = [
        MetricsLog(folder / "metrics.jsonl", every_steps=3),
        TensorBoard(folder, every_steps=2),
        Checkpoints(t, folder, every_steps=save_steps, keep=2, goal=goal),
        EarlyStopping(t, goal, patience=2),
    ]
    return t


def lines(folder):
    """The log without what a clock or the system decides."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in found:
        line.pop("seconds", None)
        line.pop("peak_memory_mb", None)
    return found


def events(folder):
    """The records of the event file, without their wall times."""
    content, found = (folder / FILE).read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = content[12 : 12 + length]
        assert content[: 16 + length] == record(event)
        found.append(event[9:])  # behind the field of the time
        content = content[16 + length :]
    return found


def bits(tree):
    """Everything of a state to the bit, without the clock's."""
    if isinstance(tree, cr.Tensor):
        return tree.detach().numpy().tobytes()
    if isinstance(tree, dict):
        clock = ("seconds", "peak_memory_mb", "bytes")
        return {k: bits(v) for k, v in tree.items() if k not in clock}
    if isinstance(tree, (list, tuple)):
        return [bits(v) for v in tree]
    return tree


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory):
    """The state of a run that nothing stopped, to the bit, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    t = listening(trainer, folder)
    t.fit()
    return bits(t.state_dict()), folder


QUICK, FURTHER = [2, 3, 8, 17], [1, 4, 7, 9, 12, 16, 22, 24]
STEPS = [*QUICK, *[pytest.param(step, marks=pytest.mark.slow) for step in FURTHER]]


@pytest.mark.parametrize("stop_at", STEPS)
@pytest.mark.parametrize("torn", [False, True])
def test_killed_after_any_step_a_run_goes_on_to_the_same_bits(
    trainer, tmp_path, whole, stop_at, torn
):
    killed = listening(trainer, tmp_path)

    def kill(event):
        if isinstance(event, StepFinished) and event.step == stop_at:
            raise Stopped

    kill.comes_last = torn  # after what is to be saved is saved, or before
    killed.subscribers.append(kill)
    with pytest.raises(Stopped):
        killed.fit()
    if torn:  # what was being written when the kill came
        for name in ("metrics.jsonl", FILE):
            with open(tmp_path / name, "ab") as f:
                f.write(b'{"event": "ep')

    resumed = listening(trainer, tmp_path)
    cr.randn(5)
    path = newest_checkpoint(tmp_path)
    assert (path is None) == (stop_at < 3 or (stop_at == 3 and not torn))
    if path is not None:
        resumed.load_state_dict(load_checkpoint(path))
    else:
        resumed = listening(trainer, tmp_path)  # nothing was saved: it begins anew
    assert resumed.fit() is True
    state, folder = whole
    assert bits(resumed.state_dict()) == state
    assert lines(tmp_path) == lines(folder)
    assert events(tmp_path) == events(folder)
    for name in ("best.json", newest_checkpoint(folder).name):
        ours, theirs = load_checkpoint(tmp_path / name), load_checkpoint(folder / name)
        assert bits(ours) == bits(theirs)
    assert sorted(p.suffix for p in tmp_path.iterdir() if "checkpoint" in p.name) == [
        ".json", ".json", ".safetensors", ".safetensors",
    ]  # fmt: skip


# ---- refusals of the system


class Refusing:
    """Counts the calls that change the disk, and refuses all after so many."""

    def __init__(self, monkeypatch, allowed):
        self.allowed, self.calls = allowed, 0
        for name in ("fsync", "replace", "truncate"):
            monkeypatch.setattr(os, name, self.wrapped(getattr(os, name)))
        monkeypatch.setattr(whole_files, "open", self.open, raising=False)

    def wrapped(self, function):
        def call(*args, **kwargs):
            self.calls += 1
            if self.calls > self.allowed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*args, **kwargs)

        return call

    def open(self, path, mode):
        file = self.wrapped(open)(path, mode)
        file_write = file.write

        class Writer:
            def __enter__(writer):
                return writer

            def __exit__(writer, *error):
                file.close()

            def write(writer, content):
                file_write(content[: len(content) // 2])  # a full disk takes a part
                self.wrapped(file_write)(content[len(content) // 2 :])

            flush, fileno = file.flush, file.fileno

        return Writer()


def calls_of_a_run(trainer, folder, monkeypatch):
    with monkeypatch.context() as patch:
        counting = Refusing(patch, 10**9)
        listening(trainer, folder, epochs=1, accumulate=4, save_steps=1).fit()
    return counting.calls


@pytest.mark.slow
def test_whichever_call_is_refused_the_last_checkpoint_is_whole_and_the_run_goes_on(
    trainer, tmp_path, monkeypatch
):
    (tmp_path / "whole").mkdir()
    count = calls_of_a_run(trainer, tmp_path / "whole", monkeypatch)
    assert count > 30
    whole = bits(load_checkpoint(newest_checkpoint(tmp_path / "whole")))
    for allowed in range(count):
        folder = tmp_path / str(allowed)
        folder.mkdir()
        with monkeypatch.context() as patch:
            Refusing(patch, allowed)
            with pytest.raises(SaveError, match="No space left on device"):
                listening(trainer, folder, epochs=1, accumulate=4, save_steps=1).fit()
        resumed = listening(trainer, folder, epochs=1, accumulate=4, save_steps=1)
        path = newest_checkpoint(folder)
        if path is not None:
            resumed.load_state_dict(load_checkpoint(path))  # whole: its checksums are verified
        resumed.fit()
        assert bits(load_checkpoint(newest_checkpoint(folder))) == whole, allowed
        assert lines(folder) == lines(tmp_path / "whole"), allowed


def test_a_refused_checkpoint_names_the_one_there_is(trainer, tmp_path, monkeypatch):
    t = trainer(epochs=1)
    keeper = Checkpoints(t, tmp_path)

    def full(path, content):
        raise SaveError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_whole", full)
        with pytest.raises(SaveError, match=r"No space left on device\); there is no earlier one"):
            keeper.save()
    keeper.save()
    t.step = 5
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_whole", full)
        with pytest.raises(SaveError, match=r"\); checkpoint-00000000\.json is untouched"):
            keeper.save()


# ---- checkpoints


def test_the_newest_stay_and_nothing_else(trainer, tmp_path):
    t = trainer(epochs=3)
    t.subscribers = [Checkpoints(t, tmp_path, every_steps=5, every_epochs=None, keep=3)]
    others = ["checkpoint-notes.safetensors", "checkpoint-7.json", "best.json", "notes"]
    leftovers = [
        "checkpoint-00000002-0123456789abcdef.safetensors",
        ".checkpoint-00000002.json.7.tmp",
    ]
    for name in others + leftovers:
        (tmp_path / name).write_bytes(b"")
    t.fit()
    assert sorted(p.name for p in tmp_path.glob("checkpoint-0*.json")) == [
        f"checkpoint-{step:08d}.json" for step in (10, 15, 20)
    ]
    assert len(list(tmp_path.glob("checkpoint-0*.safetensors"))) == 3
    assert all((tmp_path / name).exists() for name in others)
    assert not any((tmp_path / name).exists() for name in leftovers)
    for path in tmp_path.glob("checkpoint-0*.json"):
        assert load_checkpoint(path)["step"] == int(path.stem[-8:])


def test_the_best_is_that_of_the_best_epoch(trainer, tmp_path):
    t = trainer(epochs=6, scheduled=False)
    t.subscribers = [Checkpoints(t, tmp_path, goal=Goal("loss"))]
    t.fit()
    best = load_checkpoint(tmp_path / "best.json")
    losses = [report.validation["loss"] for report in t.history]
    assert best["epoch"] == 1 + losses.index(min(losses))
    assert best["subscribers"]["checkpoints"]["best"] == min(losses)


def test_a_metric_that_is_not_there(trainer, tmp_path):
    t = trainer(epochs=1)
    t.subscribers = [Checkpoints(t, tmp_path, goal=Goal("f1", "max"))]
    with pytest.raises(ChainruleError, match="no metric 'f1'; the task has loss, accuracy"):
        t.fit()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: Checkpoints(t, None, keep=0), r"Checkpoints\(keep\): expected at least 1"),
        (lambda t: Checkpoints(t, None, every_steps=0), r"Checkpoints\(every_steps\)"),
        (lambda t: EarlyStopping(t, Goal(), 0), r"EarlyStopping\(patience\): expected at least 1"),
        (lambda t: Goal(mode="low"), "expected 'min' or 'max', found 'low'"),
        (lambda t: Goal(min_delta=-1), "expected at least 0, found -1"),
        (lambda t: find_learning_rate(t, low=1.0, high=0.5), "expected 0 < low < high"),
    ],
)
def test_what_cannot_be(trainer, make, message):
    with pytest.raises(ValueError, match=message):
        make(trainer())


def test_two_of_one_name_are_refused(trainer, tmp_path):
    t = trainer()
    t.subscribers = [Checkpoints(t, tmp_path), Checkpoints(t, tmp_path)]
    with pytest.raises(ValueError, match="two subscribers are named 'checkpoints'"):
        t.state_dict()


def test_a_state_of_other_subscribers_is_refused(trainer, tmp_path):
    a, b = trainer(), trainer(averaged=0.5)
    a.subscribers = [Checkpoints(a, tmp_path)]
    with pytest.raises(StateDictError, match=r"subscribers of a Trainer: .*\['checkpoints'\]"):
        trainer().load_state_dict(a.state_dict())
    with pytest.raises(StateDictError, match=r"parts of a Trainer: .* unexpected \['average'\]"):
        trainer().load_state_dict(b.state_dict())


# ---- early stopping


def report(epoch, loss, accuracy=0.5):
    validation = {"loss": loss, "accuracy": accuracy}
    return EpochFinished(epoch, 7 * epoch, 0.1, dict(validation), validation, 0, 0.01, None)


class Asked:
    """Stands for a trainer; notes when it was asked to finish."""

    def __init__(self):
        self.reasons = []

    def finish(self, reason):
        self.reasons.append(reason)


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "stops_at"),
    [
        ([3, 2, 1], 1, 0.0, None),
        ([3, 2, 2], 1, 0.0, 3),
        ([3, 2, 2.5, 1.9, 2, 2, 2], 3, 0.0, 7),
        ([3, 2.95, 2.91, 2.8], 2, 0.1, 3),
        ([3, 2.95, 2.85, 2.8], 2, 0.1, None),
        ([float("nan"), 3, float("nan"), 5], 2, 0.0, 4),
    ],
)
def test_it_stops_when_patience_is_over(losses, patience, min_delta, stops_at):
    asked = Asked()
    stopping = EarlyStopping(asked, Goal("loss", min_delta=min_delta), patience)
    for epoch, loss in enumerate(losses, 1):
        stopping(report(epoch, loss))
        if asked.reasons:
            break
    assert (epoch if asked.reasons else None) == stops_at


def test_training_ends_early_and_says_why(trainer):
    t = trainer(epochs=50)
    ended = []
    t.subscribers = [
        EarlyStopping(t, Goal("accuracy", "max", min_delta=2.0), patience=3),
        lambda e: ended.append(e) if isinstance(e, TrainingFinished) else None,
    ]
    assert t.fit() is True
    assert t.epoch == 4
    assert ended == [TrainingFinished(4, 32, t.early)]
    assert t.early == ("validation accuracy has not improved for 3 epochs; the best was epoch 1")
    assert t.fit() is True  # it stays finished
    assert t.epoch == 4


# ---- the log


def test_the_log_has_a_line_per_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("of an older attempt\n")
    log = MetricsLog(path, every_steps=4)
    log(report(1, 0.25, 0.75))
    log(StepFinished(7, 2, 0.5, 0.1))
    log(StepFinished(8, 2, 0.5, 0.1, 3.0, True))
    log(report(2, 1 / 3))
    log.test({"loss": 0.125, "accuracy": 0.875})
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in found] == ["epoch", "step", "epoch", "test"]
    assert found[0] == {
        "event": "epoch", "epoch": 1, "step": 7, "learning_rate": 0.1, "train_loss": 0.25,
        "train_accuracy": 0.75, "validation_loss": 0.25, "validation_accuracy": 0.75, "clipped": 0,
        "seconds": 0.01, "peak_memory_mb": None,
    }  # fmt: skip
    assert (found[1]["step"], found[1]["gradient_norm"], found[1]["clipped"]) == (8, 3.0, True)
    assert found[2]["validation_loss"] == 1 / 3
    assert found[3] == {"event": "test", "loss": 0.125, "accuracy": 0.875}


def test_a_log_that_is_shorter_than_the_checkpoint_knows_is_named(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log(report(1, 0.5))
    state = log.state_dict()
    (tmp_path / "metrics.jsonl").write_text("x")
    with pytest.raises(FormatError, match=r"metrics\.jsonl: .* knows of \d+ bytes of it, found 1"):
        MetricsLog(tmp_path / "metrics.jsonl").load_state_dict(state)
    (tmp_path / "metrics.jsonl").unlink()
    with pytest.raises(FormatError, match="found 0: it was changed or removed since"):
        MetricsLog(tmp_path / "metrics.jsonl").load_state_dict(state)


# ---- TensorBoard


def test_the_bytes_of_an_event():
    # field 1, double 2.0 · field 2, varint 300 · field 5 { field 1 { field 1 "a", field 2 1.5f } }
    event = bytes.fromhex("09 0000000000000040 10 ac02 2a 0a 0a 08 0a 01 61 15 0000c03f")
    assert event_record(2.0, 300, {"a": 1.5}) == record(event)


def test_what_is_too_large_for_float32_is_infinite():
    for value, four in ((1e300, "0000807f"), (-1e300, "000080ff"), (float("nan"), "0000c07f")):
        assert bytes.fromhex(four) in event_record(0.0, 1, {"a": value})


@pytest.mark.slow
def test_tensorboard_reads_what_we_write(trainer, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    t = listening(trainer, tmp_path)
    losses = []
    t.subscribers.append(
        lambda e: losses.append((e.step, e.loss)) if isinstance(e, StepFinished) else None
    )
    t.fit()
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    assert read.file_version == 2.0
    for split in ("train", "validation"):
        for name in ("loss", "accuracy"):
            found = [(s.step, s.value) for s in read.Scalars(f"{split}/{name}")]
            values = [(r.step, getattr(r, split)[name]) for r in t.history]
            assert found == [(step, np.float32(value)) for step, value in values]
    found = [(s.step, s.value) for s in read.Scalars("step/loss")]
    assert found == [(step, np.float32(loss)) for step, loss in losses if step % 2 == 0]
    assert set(read.Tags()["scalars"]) == {
        "train/loss", "train/accuracy", "validation/loss", "validation/accuracy", "learning_rate",
        "clipped", "step/loss", "step/gradient_norm",
    }  # fmt: skip


# ---- the average of the weights


@pytest.mark.parametrize("compile", [True, False])
def test_the_average_follows_its_formula_and_is_what_is_evaluated(trainer, compile):
    t = trainer(epochs=2, averaged=0.7, compile=compile)
    name = "out.weight"
    expected = t.average.averages[name].numpy().astype(np.float64)
    seen = []

    def follow(event):
        nonlocal expected
        if isinstance(event, StepFinished):
            n = event.step
            d = min(0.7, (1 + n) / (10 + n))
            weights = dict(t.model.named_parameters())[name].detach().numpy()
            expected = d * expected + (1 - d) * weights
            seen.append(event.step)

    t.subscribers = [follow]
    t.fit()
    np.testing.assert_allclose(t.average.averages[name].numpy(), expected, rtol=1e-5, atol=1e-7)
    assert len(seen) == t.average.updates == 16
    weights = bits(dict(t.model.state_dict()))
    assert t.evaluate(t.validation_loader).metrics == t.history[-1].validation
    assert t.evaluate(t.validation_loader, as_it_is=True).metrics != t.history[-1].validation
    assert bits(dict(t.model.state_dict())) == weights


# ---- the range test


@pytest.mark.parametrize("options", [{}, {"averaged": 0.5, "clip_norm": 1.0, "accumulate": 3}])
def test_the_range_test_leaves_everything_as_it_was(trainer, options):
    undisturbed = trainer(**options)
    undisturbed.fit()
    expected = bits(undisturbed.state_dict())
    t = trainer(**options)
    before = bits(t.state_dict())
    find_learning_rate(t, low=1e-4, high=10, steps=20)
    assert bits(t.state_dict()) == before
    assert all(p.grad is None for p in t.model.parameters())
    t.fit()
    assert bits(t.state_dict()) == expected


def test_in_the_middle_of_training_too(trainer):
    states = []
    for disturbed in (False, True):
        t = trainer()
        t.subscribers = [
            lambda e, t=t: t.stop() if isinstance(e, StepFinished) and e.step == 5 else None
        ]
        t.fit()
        t.subscribers = []
        if disturbed:
            gradient = t.model.out.weight.grad.numpy().copy()
            find_learning_rate(t, low=1e-4, high=1, steps=11)
            assert (t.model.out.weight.grad.numpy() == gradient).all()
        t.fit()
        states.append(bits(t.state_dict()))
    assert states[0] == states[1]


def test_the_suggestion_is_a_rate_at_which_it_learns():
    # a straight line, all samples at once: steps of a rate above 2 / (largest curvature) diverge
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(53, 3)).astype(np.float32)
    targets = inputs @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    limit = 2 / np.linalg.eigvalsh(2 / 53 * inputs.T @ inputs).max()
    loader = DataLoader(TensorDataset(inputs, targets), 53)
    cr.manual_seed(0)
    model = cr.nn.Linear(3, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.0)
    t = Trainer(model, optimizer, loader, loader, epochs=30, task=Regression(), compile=False)
    curve = find_learning_rate(t, low=1e-5, high=100, steps=100)
    assert 10 < len(curve.rates) == len(curve.losses) == len(curve.smoothed) < 100  # it burst
    assert curve.rates[0] == 1e-5
    ratios = np.divide(curve.rates[1:], curve.rates[:-1])
    np.testing.assert_allclose(ratios, ratios[0])
    assert limit / 50 < curve.suggestion < limit
    optimizer.param_groups[0]["lr"] = curve.suggestion
    t.fit()
    assert t.history[-1].validation["loss"] < 0.05 * curve.losses[0]


def test_a_loss_that_is_no_number_from_the_start(trainer):
    t = trainer(spoiled=slice(None))
    before = bits(t.state_dict())
    with pytest.raises(ChainruleError, match="was no number after 0 steps, at a rate of 1e-06"):
        find_learning_rate(t)
    assert bits(t.state_dict()) == before


def test_reports_can_be_compared():
    assert dataclasses.replace(report(1, 0.5), seconds=0.01) == report(1, 0.5)
