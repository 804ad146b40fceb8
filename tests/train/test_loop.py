"""The loop: it learns, it repeats itself bit for bit, it stops when asked and goes on as if it had
not, and it refuses NaN.
"""

import dataclasses
import math
import os
import signal
import threading
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, FormatError, RangeError, ShapeError, StateDictError
from chainrule.cli import progress
from chainrule.data import DataLoader, TensorDataset
from chainrule.train import (
    Classification,
    EpochFinished,
    NonFiniteLossError,
    ProgramReady,
    StepFinished,
    Trainer,
    TrainingFinished,
    TrainingInterrupted,
    TrainingStarted,
    evaluate,
    load_checkpoint,
    save_checkpoint,
)
from chainrule.train.interrupt import first_interrupt


def curve(trainer):
    """The history without what a clock or the system decides."""
    return [dataclasses.replace(report, seconds=0, peak_memory_mb=0) for report in trainer.history]


def weights(trainer):
    return {name: value.numpy().tobytes() for name, value in trainer.model.state_dict().items()}


def test_it_learns(trainer):
    t = trainer(epochs=20, scheduled=False)
    assert t.fit() is True
    assert t.history[0].validation["loss"] > 0.7
    assert t.history[-1].validation["accuracy"] > 0.9
    assert t.epoch == 20
    assert t.step == 160


def test_the_same_seed_gives_the_same_bits(trainer):
    a, b, other = trainer(), trainer(), trainer(seed=5)
    cr.randn(3)  # what others draw before a trainer is made does not matter
    a = trainer()
    for t in (a, trainer(), other):
        cr.manual_seed(3)
        t.fit()
    cr.manual_seed(3)
    b.fit()
    assert curve(a) == curve(b)
    assert weights(a) == weights(b)
    assert curve(a) != curve(other)


def test_the_report_of_an_epoch_is_the_mean_over_its_samples(trainer):
    losses = []
    t = trainer(
        epochs=1,
        subscribers=[lambda e: losses.append(e.loss) if isinstance(e, StepFinished) else None],
    )
    t.fit()
    sizes = [7] * 7 + [4]
    assert t.history[0].train["loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-12)
    assert (t.history[0].train["accuracy"] * 53) == pytest.approx(
        round(t.history[0].train["accuracy"] * 53)
    )


def test_events_come_in_order(trainer):
    events = []
    t = trainer(epochs=2, subscribers=[events.append])
    t.fit()
    kinds = [type(event) for event in events]
    assert kinds == [
        TrainingStarted, ProgramReady, *[StepFinished] * 8, EpochFinished, *[StepFinished] * 8, EpochFinished,
        TrainingFinished,
    ]  # fmt: skip
    assert events[0] == TrainingStarted(0, 0, epochs=2, steps_per_epoch=8, headline="accuracy")
    assert [e.step for e in events if isinstance(e, StepFinished)] == list(range(1, 17))
    assert [e.epoch for e in events if isinstance(e, StepFinished)] == [1] * 8 + [2] * 8
    assert [e.learning_rate for e in events if isinstance(e, StepFinished)] == [
        0.05 * (1 / (1 + k)) for k in range(16)
    ]


def test_it_is_told_when_steps_do_not_run_as_machine_code(trainer, monkeypatch):
    from chainrule.compiler import compiled

    monkeypatch.setattr(compiled, "_native", lambda: None)  # as without llvmlite
    events = []
    t = trainer(epochs=1, subscribers=[events.append])
    t.fit()
    (told,) = [e for e in events if isinstance(e, ProgramReady)]
    assert told == ProgramReady(0.0, from_cache=False, native=False)
    assert "runs eagerly: llvmlite is not installed" in progress._said(told)


def test_it_is_told_which_ops_numpy_runs(trainer):
    class Centred(cr.nn.Module):
        def __init__(self):
            super().__init__()
            self.out = cr.nn.Linear(25, 3)

        def forward(self, x):
            y = self.out(x.reshape(-1, 25))
            return y - y.mode(dim=1, keepdim=True).values

    events = []
    t = trainer(epochs=1, model=Centred, subscribers=[events.append])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler says so as well, once
        t.fit()
    (told,) = [e for e in events if isinstance(e, ProgramReady)]
    assert "mode" in told.left_to_numpy
    assert progress._said(told).endswith(f", but for {', '.join(told.left_to_numpy)}: NumPy")
    assert progress._said(ProgramReady(1.94, True)) == "training step from cache in 1.9 s"
    assert progress._said(ProgramReady(1.94, False)) == "training step compiled in 1.9 s"


def test_without_a_schedule_the_rate_stays(trainer):
    t = trainer(epochs=1, scheduled=False)
    t.fit()
    assert t.history[0].learning_rate == 0.05


def test_the_gradient_of_a_step_is_not_carried_into_the_next(trainer):
    # One step on a trainer that already holds gradients equals one step on a fresh one.
    a, b = trainer(epochs=1), trainer(epochs=1)
    for t in (a, b):
        t.subscribers = [lambda event, t=t: t.stop()]
    for p in a.model.parameters():
        p.grad = cr.ones(*p.shape)
    for t in (a, b):
        cr.manual_seed(1)
        t.fit()
    assert weights(a) == weights(b)


@pytest.mark.parametrize("stop_at", [1, 7, 8, 9, 16, 23])
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(trainer, tmp_path, stop_at):
    whole = trainer()
    whole.fit()

    stopped = trainer()
    events = []
    stopped.subscribers = [
        lambda e: stopped.stop() if isinstance(e, StepFinished) and e.step == stop_at else None, events.append
    ]  # fmt: skip
    assert stopped.fit() is False
    assert stopped.step == stop_at
    assert events[-1] == TrainingInterrupted(epoch=stop_at // 8, step=stop_at)
    save_checkpoint(tmp_path / "c.json", stopped.state_dict())

    resumed = trainer()
    cr.randn(7)
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.json"))
    assert resumed.fit() is True
    assert curve(resumed) == curve(whole)
    assert weights(resumed) == weights(whole)

    # and without a checkpoint, in the same process
    stopped.subscribers = []
    cr.default_generator.set_state(load_checkpoint(tmp_path / "c.json")["random"])
    assert stopped.fit() is True
    assert curve(stopped) == curve(whole)


@pytest.mark.parametrize("step", [8, 11, 16, 24])
def test_a_checkpoint_taken_by_a_subscriber_is_as_good(trainer, tmp_path, step):
    # after step 8, 16 and 24 the epoch is through, but not yet evaluated
    whole = trainer()

    def save(event):
        if isinstance(event, StepFinished) and event.step == step:
            save_checkpoint(tmp_path / "c.json", whole.state_dict())

    whole.subscribers = [save]
    whole.fit()
    resumed = trainer()
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.json"))
    assert resumed.step == step
    assert resumed.fit() is True
    assert curve(resumed) == curve(whole)
    assert weights(resumed) == weights(whole)


def test_loaders_without_batches_are_refused(trainer):
    t = trainer()
    empty = DataLoader(t.validation_loader.dataset, 59, drop_last=True)
    for name, loaders in (
        ("train", (empty, t.validation_loader)),
        ("validation", (t.train_loader, empty)),
    ):
        with pytest.raises(
            ShapeError, match=f"the {name}_loader has no batches, expected at least one"
        ):
            Trainer(t.model, t.optimizer, *loaders, epochs=1)


def test_what_is_no_loader_and_no_optimizer_is_refused(trainer):
    t = trainer()
    data = t.validation_loader.dataset
    with pytest.raises(DTypeError, match="the validation_loader yields batches, found a TensorD"):
        Trainer(t.model, t.optimizer, t.train_loader, data, epochs=1)
    with pytest.raises(DTypeError, match="expected an optimizer, found 'adam'"):
        Trainer(t.model, "adam", t.train_loader, t.validation_loader, epochs=1)
    with pytest.raises(TypeError, match="argument 'epoch'\n  hint: the nearest is 'epochs'"):
        Trainer(t.model, t.optimizer, t.train_loader, t.validation_loader, epoch=1)


@pytest.mark.parametrize("compile", [True, False])
def test_a_label_that_is_no_class_is_told_as_the_loss_tells_it(trainer, compile):
    """A program knows only that some index was out of range: the step is computed again, op by op."""
    labels = np.arange(53) % 4
    t = trainer(labels=labels, compile=compile)
    with pytest.raises(RangeError, match="cross_entropy: target 3 is out of range for 3 classes"):
        t.fit()
    with pytest.raises(RangeError, match="cross_entropy: target 3 is out of range for 3 classes"):
        t.evaluate(t.validation_loader)


def test_asked_to_stop_in_the_very_last_step_it_has_finished(trainer):
    t = trainer()
    t.subscribers = [lambda e: t.stop() if isinstance(e, StepFinished) and e.step == 24 else None]
    assert t.fit() is True


def test_a_state_of_something_else_is_refused(trainer):
    t = trainer()
    state = t.state_dict()
    del state["loader"]
    with pytest.raises(StateDictError, match=r"missing \['loader'\], unexpected \['more'\]"):
        t.load_state_dict({**state, "more": 1})
    state = t.state_dict()
    state["model"].pop("conv.bias")
    with pytest.raises(StateDictError, match=r"conv\.bias"):
        t.load_state_dict(state)
    state = t.state_dict()
    state["model"]["conv.bias"] = cr.zeros(5)
    with pytest.raises(StateDictError, match=r"conv\.bias"):
        t.load_state_dict(state)
    state = t.state_dict()
    state["loader"] = {"epoch": 0, "batches": 9}
    with pytest.raises(FormatError, match="batches at most 8"):
        t.load_state_dict(state)


# ---- a loss that is not a number


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_update(trainer, value):
    before = []

    class Spoiled(Classification):
        def loss(self, model, batch):
            loss, logits = super().loss(model, batch)
            if t.step == 10:
                before.append(weights(t))
                loss = loss * value
            return loss, logits

    t = trainer(compile=False, task=Spoiled())  # a compiled task could not look at the step
    with pytest.raises(
        NonFiniteLossError,
        match=rf"the loss of step 11 \(epoch 2 of 3\) is {value}.*learning rate is 0.00455",
    ):
        t.fit()
    after = weights(t)
    for name in (
        "conv.weight",
        "conv.bias",
        "out.weight",
        "out.bias",
    ):  # batch norm has counted the batch
        assert after[name] == before[0][name]
    assert t.step == 10


def test_a_compiled_step_whose_loss_is_not_finite_leaves_the_weights(trainer):
    seen = []
    t = trainer(spoiled=3, subscribers=[lambda event: seen.append((t.step, weights(t)))])
    with pytest.raises(NonFiniteLossError, match="of step .* is nan"):
        t.fit()
    step, before = seen[-1]
    after = weights(t)
    assert t.step == step
    for name in ("conv.weight", "conv.bias", "out.weight", "out.bias"):
        assert after[name] == before[name]


def test_a_validation_loss_that_is_not_finite_stops_too(trainer):
    class SpoiledInValidation(Classification):
        def loss(self, model, batch):
            loss, logits = super().loss(model, batch)
            return loss * (1.0 if model.training else math.nan), logits

    t = trainer(task=SpoiledInValidation())
    with pytest.raises(NonFiniteLossError, match=r"the validation loss after step 8 .* is nan"):
        t.fit()


# ---- evaluation


def test_evaluate_puts_the_mode_back_and_leaves_no_gradients(trainer):
    t = trainer()
    for mode in (True, False):
        t.model.train(mode)
        result = evaluate(t.model, t.validation_loader, keep=True)
        assert t.model.training is mode
        assert t.model.norm.training is mode
    assert all(p.grad is None for p in t.model.parameters())
    assert result.predictions.shape == result.targets.shape == result.confidence.shape == (53,)
    assert result.metrics["accuracy"] == (result.predictions == result.targets).mean()
    assert ((result.confidence > 1 / 3) & (result.confidence <= 1)).all()


def test_evaluate_puts_the_mode_back_after_an_error(trainer):
    t = trainer()
    t.model.train()
    with pytest.raises(ShapeError):
        evaluate(t.model, DataLoader(TensorDataset(np.zeros((3, 7)), np.zeros(3, int)), 3))
    assert t.model.training


def test_evaluate_does_not_depend_on_the_batch_size(trainer):
    t = trainer()
    data = t.validation_loader.dataset
    a, b = [evaluate(t.model, DataLoader(data, n), keep=True) for n in (2, 53)]
    assert a.metrics["loss"] == pytest.approx(b.metrics["loss"], rel=1e-5)
    assert (a.predictions == b.predictions).all()


def test_what_was_not_kept_cannot_be_had(trainer):
    t = trainer()
    with pytest.raises(ShapeError, match=r"kept no answers: evaluate\(…, keep=True\)"):
        evaluate(t.model, t.validation_loader).predictions  # noqa: B018


class Echo(cr.nn.Module):
    def forward(self, x):
        return x


def test_evaluate_knows_a_perfect_answer():
    labels = np.array([2, 0, 1, 1])
    logits = np.eye(3, dtype=np.float32)[labels] * 50
    result = evaluate(Echo(), DataLoader(TensorDataset(logits, labels), 3), keep=True)
    assert result.metrics["accuracy"] == 1
    assert result.metrics["loss"] < 1e-6
    assert result.confidence.tolist() == pytest.approx([1] * 4)


def test_there_is_no_mean_of_nothing():
    ignored = TensorDataset(np.zeros((5, 3), np.float32), np.full(5, -100))
    with pytest.raises(ShapeError, match="no samples in it, expected at least one"):
        evaluate(Echo(), DataLoader(ignored, 2))


# ---- Ctrl-C


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX signals")
def test_the_first_interrupt_asks_and_the_second_stops():
    asked = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), first_interrupt(lambda: asked.append(1)):
        os.kill(os.getpid(), signal.SIGINT)
        assert asked == [1]
        os.kill(os.getpid(), signal.SIGINT)
    assert asked == [1]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with first_interrupt(lambda: None):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_the_block_runs_as_it_is():
    ran = []

    def run():
        with first_interrupt(lambda: None):
            ran.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [before]


def test_who_ignores_interrupts_goes_on_ignoring_them():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with first_interrupt(lambda: None):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
