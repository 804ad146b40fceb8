"""A whole run, from a recipe to a folder that tells everything about it.

    config.json                                    recipe, configuration, versions
    metrics.jsonl                                  a line per epoch, and one for the test set
    checkpoint.json, checkpoint-….safetensors      the last state, from which training can go on
    curves.png, confusion.png, mistakes.png        when training is finished
    MODEL_CARD.md                                  the same

The test set is read once, after the last step.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import FormatError, StateDictError
from ..platform import version
from ..tensors import manual_seed
from .card import model_card
from .checkpoint import load_checkpoint, save_checkpoint
from .events import EpochFinished, Event, Subscriber
from .files import SaveError, write_whole
from .interrupt import first_interrupt
from .log import MetricsLog
from .loop import Evaluation, Trainer, evaluate
from .memory import peak_memory_mb
from .metrics import confusion_matrix
from .pictures import confusion_picture, curves_picture, mistakes_picture
from .recipes import Experiment, Recipe, find, override, spell

__all__ = ["RunResult", "new_folder", "resume", "train"]

CHECKPOINT = "checkpoint.json"


@dataclass(frozen=True)
class RunResult:
    """What came of a run. If it was interrupted (`finished` False), the test set was not read:
    `test_*` are None.

    Accuracies are 0 to 1, losses nats, `seconds` of training and validation, `peak_memory_mb` 10⁶
    bytes (None: unknown).
    """

    recipe: str
    seed: int
    run: str
    finished: bool
    epochs: int
    steps: int
    parameters: int
    validation_accuracy: float | None
    test_accuracy: float | None
    test_loss: float | None
    test_mistakes: int | None
    seconds: float
    peak_memory_mb: float | None


def new_folder(parent: Path, recipe: str) -> Path:
    """Make and return the first of `parent`/recipe-001, -002, … that does not exist.

    Raises:
        SaveError: the system refused to make it.
    """
    number = 1
    while True:
        folder = parent / f"{recipe}-{number:03d}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
        except OSError as e:
            raise SaveError(e.errno, e.strerror, str(folder)) from e


def train(
    recipe: Recipe,
    config: Any,
    make_folder: Callable[[], Path],
    subscribers: Sequence[Subscriber] = (),
) -> RunResult:
    """Train a recipe from the start.

    Args:
        recipe: what to train.
        config: its configuration.
        make_folder: makes the run's folder; called when the data have been read and found good.
        subscribers: called with every event, see `events`.

    Raises:
        FormatError, ShapeError, DTypeError: the data are not what the recipe takes.
        NonFiniteLossError: training diverged; the last checkpoint is still there.
        SaveError: something could not be written.
    """
    manual_seed(config.seed)
    experiment = recipe.build(config)
    folder = make_folder()
    about = {
        "recipe": recipe.name,
        "config": asdict(config),
        "data_sha256": experiment.data.sha256,
        "versions": versions(),
    }
    write_whole(folder / "config.json", (json.dumps(about, indent=2) + "\n").encode())
    trainer = _trainer(experiment)
    return _run(recipe, config, experiment, trainer, folder, subscribers)


def resume(folder: Path, subscribers: Sequence[Subscriber] = ()) -> RunResult:
    """Go on with an interrupted run from its last checkpoint; the result is that of an
    uninterrupted one, bit for bit.

    Raises:
        FormatError: `folder` holds no run that was begun, one that is finished, or damaged files.
        StateDictError: the checkpoint's keys or shapes are not those of the model or the optimizer.
    """
    recipe, config, data_sha256 = _read_config(folder / "config.json")
    if not (folder / CHECKPOINT).exists():
        raise FormatError(
            f"{folder}: expected a checkpoint to go on from, found none; train again from the start"
        )
    state = load_checkpoint(folder / CHECKPOINT)
    manual_seed(config.seed)
    experiment = recipe.build(config)
    if experiment.data.sha256 != data_sha256:
        raise FormatError(
            f"{experiment.data.name}: the data have changed since the run began: "
            f"expected sha256 {data_sha256}, found {experiment.data.sha256}"
        )
    trainer = _trainer(experiment)
    try:
        trainer.load_state_dict(state)
    except StateDictError as e:
        raise StateDictError(f"{folder / CHECKPOINT}: {e}") from e
    if trainer.epoch >= trainer.epochs and (folder / "MODEL_CARD.md").exists():
        raise FormatError(f"{folder}: expected an unfinished run, found one that is finished")
    return _run(recipe, config, experiment, trainer, folder, subscribers)


def versions() -> dict[str, str]:
    """Of the programs that a result depends on."""
    found = {
        "chainrule": version,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found["llvmlite"] = importlib.metadata.version("llvmlite")
    return found


def _trainer(experiment: Experiment) -> Trainer:
    return Trainer(
        experiment.model,
        experiment.optimizer,
        experiment.train_loader,
        experiment.validation_loader,
        epochs=experiment.epochs,
        scheduler=experiment.scheduler,
    )


def _read_config(path: Path) -> tuple[Recipe, Any, str]:
    """The recipe, the configuration and the data's sha256 that `train` wrote."""
    try:
        about = json.loads(path.read_bytes())
        recipe = find(about["recipe"])
        settings = [f"{key}={spell(value)}" for key, value in about["config"].items()]
        return recipe, override(recipe.config, settings), about["data_sha256"]
    except FileNotFoundError as e:
        raise FormatError(
            f"{path.parent}: expected the folder of a run, found no {path.name} in it"
        ) from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise FormatError(
            f"{path}: expected the recipe and config of a run, found something else: {e}"
        ) from e


def _run(
    recipe: Recipe,
    config: Any,
    experiment: Experiment,
    trainer: Trainer,
    folder: Path,
    subscribers: Sequence[Subscriber],
) -> RunResult:
    """Train on, then measure and report.

    NumPy's BLAS gets a fixed number of threads: as many as there are processors would make the bits
    depend on the machine, and a step of small products wait for threads that do not run.
    """
    from threadpoolctl import threadpool_limits

    log = MetricsLog(folder / "metrics.jsonl", trainer.history)
    trainer.subscribers = [
        log,
        _checkpoints(trainer, folder, config.checkpoint_every),
        *subscribers,
    ]
    with threadpool_limits(config.blas_threads, user_api="blas"):
        with first_interrupt(trainer.stop):
            finished = trainer.fit()
            save_checkpoint(folder / CHECKPOINT, trainer.state_dict())
        test = evaluate(experiment.model, experiment.test_loader) if finished else None
    if test is not None:
        log.test(test.loss, test.accuracy)
        _report(recipe, config, experiment, trainer, test, folder)
    last = trainer.history[-1] if trainer.history else None
    return RunResult(
        recipe=recipe.name,
        seed=config.seed,
        run=str(folder),
        finished=finished,
        epochs=trainer.epoch,
        steps=trainer.step,
        parameters=sum(p.numel() for p in experiment.model.parameters()),
        validation_accuracy=last.validation_accuracy if last else None,
        test_accuracy=test.accuracy if test else None,
        test_loss=test.loss if test else None,
        test_mistakes=int((test.predictions != test.labels).sum()) if test else None,
        seconds=round(sum(report.seconds for report in trainer.history), 3),
        peak_memory_mb=peak_memory_mb(),
    )


def _checkpoints(trainer: Trainer, folder: Path, every: int) -> Subscriber:
    """A subscriber that saves a checkpoint after every `every` epochs; the last is saved by
    `_run`.
    """

    def on_event(event: Event) -> None:
        if (
            isinstance(event, EpochFinished)
            and event.epoch % every == 0
            and event.epoch < trainer.epochs
        ):
            save_checkpoint(folder / CHECKPOINT, trainer.state_dict())

    return on_event


def _report(
    recipe: Recipe,
    config: Any,
    experiment: Experiment,
    trainer: Trainer,
    test: Evaluation,
    folder: Path,
) -> None:
    """Pictures and model card."""
    classes = experiment.classes
    confusion = confusion_matrix(test.predictions, test.labels, len(classes))
    wrong = np.flatnonzero(test.predictions != test.labels)
    mistakes = mistakes_picture(
        experiment.images(wrong),
        [classes[k] for k in test.labels[wrong]],
        [classes[k] for k in test.predictions[wrong]],
        test.confidence[wrong].tolist(),
        total=len(test.labels),
    )
    card = model_card(recipe, config, experiment, trainer.history, test, confusion, versions())
    write_whole(folder / "curves.png", curves_picture(trainer.history, test.accuracy))
    write_whole(folder / "confusion.png", confusion_picture(confusion, classes))
    write_whole(folder / "mistakes.png", mistakes)
    write_whole(folder / "MODEL_CARD.md", card.encode())
