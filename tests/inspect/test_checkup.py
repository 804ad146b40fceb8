"""A training loop that is watched: each fault of loops is found by name, and healthy loops give no findings."""

import copy
import re
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import inspect, nn, optim
from chainrule.nn import functional as F
from chainrule.train import Trainer

STEPS = 9


def batch(k=0, n=17):
    rng = np.random.default_rng(k)
    x = rng.standard_normal((n, 5)).astype("f")
    return cr.tensor(x), cr.tensor((x[:, 0] > 0).astype(int))


class Loop:
    """A training loop whose parts can be left out or put in the wrong place."""

    def __init__(self, lr=0.01, kind=optim.Adam, **options):
        cr.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)
        )
        self.optimizer = kind(self.model.parameters(), lr=lr, **options)
        self.loss, self.batch, self.losses = F.cross_entropy, batch, []
        self.between = self.after = lambda: None
        self.zero = self.backward = self.step = True

    def run(self):
        with inspect.checkup(self.model, self.optimizer) as seen:
            for k in range(STEPS):
                x, y = self.batch(k)
                if self.zero:
                    self.optimizer.zero_grad()
                loss = self.loss(self.model(x), y)
                self.losses.append(self.keep(loss))
                if self.backward:
                    loss.backward()
                self.between()
                if self.step:
                    self.optimizer.step()
                self.after()
        return seen.report()

    @staticmethod
    def keep(loss):
        return loss.item()


def changed(loop=None, **parts):
    loop = loop or Loop()
    for name, part in parts.items():
        setattr(loop, name, part)
    return loop.run()


def clipped(norm):
    loop = Loop(kind=optim.SGD)
    loop.between = lambda: nn.utils.clip_grad_norm_(loop.model.parameters(), norm)
    return loop.run()


def scheduled(make):
    loop = Loop()
    loop.after = make(loop.optimizer).step
    return loop.run()


def zeroed_too_late():
    loop = Loop()
    loop.between = loop.optimizer.zero_grad
    return changed(loop, zero=False)


def evaluated(quietly):
    loop = Loop()

    def evaluate():
        loop.model.train(not quietly)
        with cr.no_grad():
            loop.model(batch(99)[0])
        loop.model.train()

    loop.after = evaluate
    return loop.run()


def asleep():
    loop = Loop()
    loop.model.eval()
    return loop.run()


def of_others():
    loop = Loop()
    loop.optimizer = optim.Adam(Loop().model.parameters())
    return loop.run()


def accumulated():
    """Two backward passes for each step: no fault."""
    loop = Loop()
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            loop.optimizer.zero_grad()
            for part in (2 * k, 2 * k + 1):
                x, y = batch(part)
                (F.cross_entropy(loop.model(x), y) / 2).backward()
            loop.optimizer.step()
    return seen.report()


def carried(detach):
    cr.manual_seed(0)
    model = nn.GRU(3, 5, batch_first=True)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    state = None
    with inspect.checkup(model, optimizer) as seen:
        for k in range(STEPS):
            x = cr.tensor(np.random.default_rng(k).standard_normal((2, 3, 3)).astype("f"))
            y, state = model(x, state)
            optimizer.zero_grad()
            y.square().mean().backward(retain_graph=not detach)
            if detach:
                optimizer.step()
                state = state.detach()
    return seen.report()


def scaled(unscale):
    """Clipped after the scale is taken out of the gradients, or before."""
    loop, scaler = Loop(kind=optim.SGD), cr.amp.GradScaler("cpu")
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            x, y = batch(k)
            loop.optimizer.zero_grad()
            scaler.scale(F.cross_entropy(loop.model(x), y)).backward()
            if unscale:
                scaler.unscale_(loop.optimizer)
            nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)
            scaler.step(loop.optimizer)
            scaler.update()
    return seen.report()


def deceived():
    """A critic, whose gradients those of the maker are added to, and cleared before its own are made."""
    loop = Loop()
    maker = nn.Linear(3, 5)
    other = optim.Adam(maker.parameters())
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            x, y = batch(k)
            made = maker(x[:, :3])
            loop.optimizer.zero_grad()
            F.cross_entropy(loop.model(made.detach()), y).backward()
            loop.optimizer.step()
            other.zero_grad()
            F.cross_entropy(loop.model(made), 1 - y).backward()
            other.step()
    return seen.report()


def put_back():
    loop = Loop()
    first = {name: value.clone() for name, value in loop.model.state_dict().items()}
    loop.after = lambda: loop.model.load_state_dict(first)
    return loop.run()


def closed(zero):
    """An optimizer that asks for the gradients itself, several times a step."""
    loop = Loop(0.5, optim.LBFGS, max_iter=2)
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(4):
            x, y = batch(k)

            def closure(x=x, y=y):
                if zero:
                    loop.optimizer.zero_grad()
                loss = F.cross_entropy(loop.model(x), y)
                loss.backward()
                return loss

            loop.optimizer.step(closure)
    return seen.report()


def clipped_late(late):
    loop = Loop()
    clip = lambda: nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)  # noqa: E731
    return changed(loop, **{"after" if late else "between": clip})


def in_parts(share, parts=5):
    """As many backward passes for each step, of the mean of each part, or of its share in the whole."""
    loop = Loop()
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            loop.optimizer.zero_grad()
            for part in range(parts):
                x, y = batch(parts * k + part)
                (F.cross_entropy(loop.model(x), y) * share).backward()
            loop.optimizer.step()
    return seen.report()


def after_the_loop(parts=5):
    """The losses of all parts, and a backward pass of the last alone."""
    loop = Loop()
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            losses = [F.cross_entropy(loop.model(x), y) for x, y in map(batch, range(parts * k, parts * k + parts))]  # fmt: skip
            loop.optimizer.zero_grad()
            losses[-1].backward()
            loop.optimizer.step()
    return seen.report()


def sharpened():
    """The weights are moved up the gradient before it is asked for again (Foret et al. 2021): it was used."""
    loop = Loop()

    def climb(k):
        x, y = batch(k)
        F.cross_entropy(loop.model(x), y).backward()
        held = [p.detach().clone() for p in loop.model.parameters()]
        with cr.no_grad():
            for p in loop.model.parameters():
                p.add_(0.05 * p.grad)
        return held

    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            loop.optimizer.zero_grad()
            held = climb(k)
            loop.optimizer.zero_grad()
            F.cross_entropy(loop.model(batch(k)[0]), batch(k)[1]).backward()
            with cr.no_grad():
                for p, value in zip(loop.model.parameters(), held, strict=True):
                    p.copy_(value)
            loop.optimizer.step()
    return seen.report()


def overflowing(scale):
    loop = Loop()
    scaler = cr.amp.GradScaler("cpu", init_scale=scale)
    with inspect.checkup(loop.model, loop.optimizer) as seen:
        for k in range(STEPS):
            x, y = batch(k)
            loop.optimizer.zero_grad()
            scaler.scale(F.cross_entropy(loop.model(x), y)).backward()
            scaler.step(loop.optimizer)
            scaler.update()
    return seen.report()


HEALTHY = {
    "adam": lambda: changed(),
    "sgd": lambda: changed(Loop(0.1, optim.SGD, momentum=0.9)),
    "clipped at 1": lambda: clipped(1.0),
    "one cycle": lambda: scheduled(lambda o: optim.lr_scheduler.OneCycleLR(o, 0.01, total_steps=3 * STEPS)),
    "evaluated": lambda: evaluated(True),
    "accumulated": accumulated,
    "carried": lambda: carried(True),
    "scaled and clipped": lambda: scaled(True),
    "two models": deceived,
    "a closure": lambda: closed(True),
    "clipped before the step": lambda: clipped_late(False),
    "in parts that are divided": lambda: in_parts(0.2),
    "sharpness": sharpened,
    "a cosine over all steps": lambda: scheduled(lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 2 * STEPS)),
    "a long warm-up": lambda: scheduled(lambda o: optim.lr_scheduler.LambdaLR(o, lambda k: (k + 1) / 1e4)),
}  # fmt: skip

FAULTS = {
    "gradients add up": (lambda: changed(zero=False), "optimizer.zero_grad() before each backward()"),
    "step without gradient": (zeroed_too_late, "not between it and step()"),
    "no backward": (lambda: changed(backward=False), "loss.backward() before"),
    "no step": (lambda: changed(step=False), "optimizer.step() after"),
    "nothing moves": (of_others, "after the model is made"),
    "clipped away": (lambda: clipped(1e-6), "a norm of about 1"),
    "steps undone": (put_back, "before the loop, not in it"),
    "rate vanishes": (
        lambda: scheduled(lambda o: optim.lr_scheduler.StepLR(o, 1, gamma=0.1)), "once an epoch",
    ),
    "rate swings": (
        lambda: scheduled(lambda o: optim.lr_scheduler.CosineAnnealingLR(o, STEPS // 2)), "T_max=epochs * len(loader)",
    ),
    "rate stays small": (
        lambda: scheduled(lambda o: optim.lr_scheduler.LambdaLR(o, lambda k: (k + 1) / 1e8)), "counted in the unit",
    ),
    "clipped too late": (lambda: clipped_late(True), "between backward() and step()"),
    "steps skipped": (lambda: overflowing(float("inf")), "init_scale=2.0**16"),
    "eval mode": (asleep, "model.train() before"),
    "training mode": (lambda: evaluated(False), "model.eval() before"),
    "loss rises": (lambda: changed(Loop(100.0, optim.SGD)), "a smaller learning rate"),
    "loss without bound": (
        lambda: changed(Loop(0.1), loss=lambda out, y: -F.cross_entropy(out, y)), "the sign of the loss",
    ),
    "loss not finite": (
        lambda: changed(loss=lambda out, y: F.cross_entropy(out, y) / 0), "inspect.first_nonfinite(model)",
    ),
    "graph grows": (lambda: carried(False), "hidden.detach()"),
    "graphs are kept": (lambda: changed(keep=lambda loss: loss), "add up loss.item()"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_loops_give_no_findings(name):
    report = HEALTHY[name]()
    assert report and str(report) == "nothing found", str(report)


def test_losses_that_come_to_nothing_and_means_that_are_added_up_are_told():
    [note] = in_parts(1.0).notes
    assert (
        "gradients of 5 backward passes are added up for each step" in note and "(loss / 5)" in note
    )
    [note] = after_the_loop().notes
    assert f"{5 * STEPS} losses were computed" in note and f"came to {STEPS} of them" in note


def test_gradients_that_are_clipped_before_their_scale_is_taken_out_are_found():
    [finding] = scaled(False).findings
    assert finding.name == "clipped away" and "after scaler.unscale_(optimizer)" in finding.change


def test_a_closure_that_sets_nothing_to_zero_is_found():
    assert "gradients add up" in closed(False).names


def test_a_loss_that_rises_and_comes_back_once_has_risen():
    losses = iter([2, 2, 2, 2, 3, 4, 14, 20, 22, 16, 19, 4])
    report = changed(loss=lambda out, y: F.cross_entropy(out, y) * 0 + next(losses))
    assert [f.name for f in report.findings if "rises" in f.name] == ["loss rises"]


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_loops_are_found(name):
    run, change = FAULTS[name]
    report = run()
    found = [f for f in report.findings if f.name == name]
    assert len(found) == 1, str(report)
    assert change in found[0].change and found[0].evidence


def test_the_same_batch_again_is_a_note():
    report = changed(batch=lambda k: batch())
    assert report and report.notes == [
        f"the same batch was used in all {STEPS} steps: right for learning it by heart, otherwise take the next"
    ]


def test_afterwards_everything_is_as_it_was():
    before = cr.Tensor.backward, optim.Optimizer.zero_grad, optim.Adam.step, nn.Module.__call__
    changed()
    assert before == (
        cr.Tensor.backward,
        optim.Optimizer.zero_grad,
        optim.Adam.step,
        nn.Module.__call__,
    )


# ---- the Trainer's own word


def trained(model, subscribers=(), optimizer=None, compile=False):
    x, y = batch(n=68)
    data = cr.utils.data.TensorDataset(x, y)
    loader = cr.utils.data.DataLoader(data, 17, shuffle=True)
    optimizer = optimizer or optim.SGD(model.parameters(), lr=0.01)
    trainer = Trainer(
        model, optimizer, loader, loader, epochs=5, compile=compile, subscribers=subscribers
    )
    trainer.fit()
    return trainer


@pytest.mark.parametrize("compile", [False, True])
def test_a_run_that_does_not_learn_is_told_so(compile, monkeypatch):
    from chainrule.train import LearningStalled, loop

    def model():
        cr.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))

    def slow(m):
        return optim.SGD(m.parameters(), lr=1e-9)

    events = []
    first = model()
    trained(first, [events.append], slow(first), compile)
    [told] = [e for e in events if isinstance(e, LearningStalled)]
    assert told.epoch == 3 and told.best == pytest.approx(told.first, rel=0.1)
    assert "one step moves no weight noticeably" in told.findings
    second = model()
    monkeypatch.setattr(loop, "stalled", lambda history: False)
    trained(second, (), slow(second), compile)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert (a == b).all()  # that somebody looked has changed nothing


def test_the_command_line_shows_what_the_doctor_says(capsys, monkeypatch):
    from chainrule.cli.progress import show
    from chainrule.train import LearningStalled, TrainingStarted

    event = LearningStalled(3, 2.3, 2.299, "1. [the] loss\n  change    nothing")
    said = "the training loss has not fallen in 3 epochs: from 2.3000 to 2.2990."
    with show(quiet=False) as subscriber:
        subscriber(event)
    out = capsys.readouterr().out
    assert said in out and out.endswith("1. [the] loss\n  change    nothing\n")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    with show(quiet=True) as subscriber:
        subscriber(TrainingStarted(0, 0, 5, 4, "accuracy"))
        subscriber(event)
    err = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)  # without colours
    assert said in err and "1. [the] loss" in err


def test_a_task_whose_batches_only_it_knows_is_told_without_findings():
    from types import SimpleNamespace

    from chainrule.train.stall import examined

    said = [SimpleNamespace(train={"loss": loss}) for loss in (2.0, 3.0, 2.5)]
    told = examined(SimpleNamespace(epoch=3, history=said), {"x": 1})
    assert (told.first, told.best, told.findings) == (2.0, 2.5, "nothing found")
    nothing_fits = SimpleNamespace(
        epoch=3, history=said, task=None, model=nn.Linear(3, 2), optimizer=None
    )
    assert examined(nothing_fits, (cr.ones(2, 5), cr.ones(2))).findings == "nothing found"
    of_two = SimpleNamespace(
        epoch=3, history=said, task=None, model=nn.Bilinear(3, 3, 2), optimizer=None
    )  # a model that its task calls with both parts of the batch
    assert examined(of_two, (cr.ones(2, 3), cr.ones(2, 3))).findings == "nothing found"


def test_a_run_that_learns_is_left_alone():
    from chainrule.train import LearningStalled

    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    events = []
    trained(model, [events.append], optim.Adam(model.parameters(), lr=0.01))
    assert not [e for e in events if isinstance(e, LearningStalled)]


# ---- who makes the steps, of which gradients


def of_another_each_time():
    loop = Loop()
    return changed(loop, step=False, between=lambda: optim.Adam(loop.model.parameters()).step())


def cleared_between():
    """Gradients to be accumulated, but cleared before each backward pass."""
    loop, count = Loop(), iter(range(STEPS))
    loop.between = lambda: next(count) % 3 == 2 and loop.optimizer.step()
    return changed(loop, step=False)


def plainly_stepped():
    loop, scaler = Loop(), cr.amp.GradScaler("cpu")
    return changed(loop, loss=lambda out, y: scaler.scale(F.cross_entropy(out, y)))


def clipped_before():
    loop = Loop()

    def clipped(out, y):
        nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)
        return F.cross_entropy(out, y)

    return changed(loop, loss=clipped)


def of_one_class_each():
    def some(k):
        x, y = batch(k, 60)
        return x[y == k % 2][:11], y[y == k % 2][:11]

    return changed(batch=some)


def averaged():
    """An average of the weights that is copied over them, where it should have stayed a model of its own."""
    loop = Loop()
    average = copy.deepcopy(loop.model)

    def average_in():
        with cr.no_grad():
            for p, q in zip(average.parameters(), loop.model.parameters(), strict=True):
                q.copy_(p.mul_(0.999).add_(q, alpha=0.001))

    loop.after = average_in
    return loop.run()


def scheduled_first():
    loop = Loop()
    schedule = optim.lr_scheduler.StepLR(loop.optimizer, 1, 0.9)
    loop.between = lambda: schedule.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loop.run()


@pytest.mark.parametrize(
    ("run", "name", "change"),
    [
        (of_one_class_each, "one class", "shuffle the data"),
        (averaged, "steps undone", "a model of its own"),
        (scheduled_first, "schedule too early", "optimizer.step(), and then scheduler.step()"),
        (of_another_each_time, "other optimizer", "once, before the loop"),
        (cleared_between, "gradients thrown away", "zero_grad() after each step"),
        (plainly_stepped, "scale left in", "scaler.step(optimizer)"),
        (clipped_before, "clipped too early", "between backward() and step()"),
    ],
)
def test_faults_of_steps_and_gradients_are_found(run, name, change):
    [finding] = [f for f in run().findings if f.name == name]
    assert change in finding.change and finding.evidence


def test_an_evaluation_with_gradients_on_is_a_note_and_no_training_in_eval_mode():
    loop = Loop()

    def evaluate():
        loop.model.eval()
        loop.model(batch(99)[0])
        loop.model.train()

    loop.after = evaluate
    report = loop.run()
    assert report and "no_grad() spares their memory" in str(report), str(report)
