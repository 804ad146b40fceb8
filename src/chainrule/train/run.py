"""A whole run, from a recipe to a folder that tells everything about it.

    config.json                                    recipe, configuration, versions
    metrics.jsonl                                  a line per epoch, and one for the test set
    events.out.tfevents.chainrule                  the same for TensorBoard, and some steps
    checkpoint-….json, checkpoint-….safetensors    the last state, from which training can go on
    best.json, best-….safetensors                  the state of the best epoch, if one is looked for
    samples.md                                     what the model made after each epoch, of a recipe that writes
    curves.png and others                          when training is finished
    MODEL_CARD.md                                  the same; it is written last

The test set is read once, after the last step.
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import FormatError, StateDictError
from ..files.json_objects import read_bytes
from ..models import Writer
from ..nn import Module
from ..platform import version
from ..tensors import manual_seed
from .card import model_card
from .checkpoint import load_checkpoint
from .evaluation import Evaluation, evaluate
from .events import Subscriber
from .files import SaveError, write_whole
from .goal import EarlyStopping, Goal
from .interrupt import first_interrupt
from .keeper import BEST, Checkpoints, newest_checkpoint
from .log import MetricsLog
from .loop import Trainer
from .memory import peak_memory_mb
from .pictures import curves_picture
from .recipes import Experiment, Recipe, find, override, spell
from .recipes.experiment import Writes
from .samples import Samples
from .tensorboard import TensorBoard

__all__ = [
    "CARD",
    "RunResult",
    "blas_threads",
    "load_weights",
    "measure",
    "new_folder",
    "predict",
    "rebuild",
    "resume",
    "train",
    "writer",
]

CARD = "MODEL_CARD.md"


@dataclass(frozen=True)
class RunResult:
    """What came of a run. If it was interrupted (`finished` False), the test set was not read, and
    the values of `test` are None.

    `validation` and `test` map the task's metrics to values, `baseline` those of the trivial answer
    to the test set; `facts` are further numbers of the test. `seconds` are of training and
    validation, `peak_memory_mb` 10⁶ bytes (None: unknown). `early` says why there were fewer epochs.
    """

    recipe: str
    seed: int
    run: str
    finished: bool
    early: str | None
    epochs: int
    steps: int
    parameters: int
    headline: str
    validation: dict[str, float | None]
    test: dict[str, float | None]
    facts: dict[str, Any]
    baseline: dict[str, float]
    seconds: float
    peak_memory_mb: float | None

    def flat(self) -> dict[str, Any]:
        """The same, with the metrics as keys of their own: `validation_loss`, `test_accuracy`, …"""
        values: dict[str, Any] = {}
        for key, value in asdict(self).items():
            if isinstance(value, dict):
                prefix = "test" if key == "facts" else key
                values |= {f"{prefix}_{name}": v for name, v in value.items()}
            else:
                values[key] = value
        return values


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
        "headline": experiment.task.headline,
        "config": asdict(config),
        "data_sha256": experiment.data.sha256,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }
    write_whole(folder / "config.json", (json.dumps(about, indent=2) + "\n").encode())
    return _Run(recipe, config, experiment, folder, subscribers).go()


def resume(
    folder: Path, subscribers: Sequence[Subscriber] = (), data_dir: str | None = None
) -> RunResult:
    """Go on with a run that was interrupted or killed, from its last checkpoint, or from the start
    if there is none yet; the result is that of an uninterrupted one, bit for bit.

    Args:
        folder: the folder of the run.
        subscribers: called with every event.
        data_dir: where the data are now, if they were moved.

    Raises:
        FormatError: `folder` holds no run that was begun, one that is finished, or damaged files.
        StateDictError: the checkpoint's keys or shapes are not those of the model or the optimizer.
    """
    recipe, config, experiment = rebuild(folder, data_dir)
    if (folder / CARD).exists():
        raise FormatError(
            f"{folder}: expected an unfinished run, found one that is finished: "
            f"chainrule eval {folder} measures it again"
        )
    run = _Run(recipe, config, experiment, folder, subscribers)
    path = newest_checkpoint(folder)
    if path is not None:
        try:
            run.trainer.load_state_dict(load_checkpoint(path))
        except StateDictError as e:
            raise StateDictError(f"{path}: {e}") from e
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
            if str(e).startswith(str(path)):
                raise
            raise FormatError(f"{path}: expected the state of this run: {e}") from e
    return run.go()


def rebuild(folder: Path, data_dir: str | None = None) -> tuple[Recipe, Any, Experiment]:
    """The recipe of a run, its configuration, and everything built from them anew.

    Raises:
        FormatError: `folder` holds no run, or the data are not those it began with.
    """
    recipe, config, data_sha256 = _read_config(folder / "config.json")
    if data_dir is not None:
        config = override(config, [f"data_dir={data_dir}"])
    manual_seed(config.seed)
    experiment = recipe.build(config)
    if experiment.data.sha256 != data_sha256:
        raise FormatError(
            f"{folder}: {experiment.data.name}: the data have changed since the run began: "
            f"expected sha256 {data_sha256}, found {experiment.data.sha256}"
        )
    return recipe, config, experiment


def load_weights(folder: Path, model: Module, goal: Goal | None) -> Path:
    """Give a model the weights that a run has come to: those of the best epoch if it has a goal,
    else the newest; of averaged weights the average. Returns the checkpoint's path.

    Raises:
        FormatError: there is no checkpoint yet, or it is damaged.
    """
    path = folder / BEST if goal is not None and (folder / BEST).exists() else None
    path = newest_checkpoint(folder) if path is None else path
    if path is None:
        raise FormatError(f"{folder}: expected a checkpoint, found none: nothing was trained yet")
    state = load_checkpoint(path)
    try:
        averages = state["average"]["averages"] if state["average"] else {}
        model.load_state_dict(state["model"] | averages)
    except (KeyError, TypeError, StateDictError) as e:
        raise FormatError(f"{path}: expected the state of this run's model: {e}") from e
    return path


def measure(
    folder: Path, split: str = "test", data_dir: str | None = None
) -> tuple[Path, dict[str, float]]:
    """The checkpoint that a run has come to, and the metrics of its weights on a split: "train",
    "validation" or "test".

    Raises:
        FormatError: `folder` holds no trained run; or the test set is asked for before the run is
            finished, when its figures could still decide something.
    """
    if split == "test" and (folder / "config.json").exists() and not (folder / CARD).exists():
        raise FormatError(
            f"{folder}: the test set is for finished runs, and this one is not: use --split "
            f"validation, or finish it with chainrule train --resume {folder}"
        )
    _, config, experiment = rebuild(folder, data_dir)
    path = load_weights(folder, experiment.model, experiment.goal)
    loaders = {
        "train": experiment.train_loader,
        "validation": experiment.validation_loader,
        "test": experiment.test_loader,
    }
    with blas_threads(config):
        return path, evaluate(experiment.model, loaders[split], experiment.task).metrics


def predict(
    folder: Path, inputs: Sequence[str], asked: Any, data_dir: str | None = None
) -> list[dict[str, Any]]:
    """What a trained run answers to inputs of a user's: see the recipe's `Kind.predict`.

    Raises:
        FormatError: `folder` holds no trained run, or an input is not what its recipe takes.
    """
    _, config, experiment = rebuild(folder, data_dir)
    load_weights(folder, experiment.model, experiment.goal)
    with blas_threads(config):
        return experiment.kind.predict(experiment.model, inputs, asked)


def writer(folder: Path, data_dir: str | None = None) -> tuple[Writer, Any]:
    """The trained model of a run with its tokenizer, to go on with texts; and the run's configuration.

    Raises:
        FormatError: `folder` holds no trained run, or one whose recipe is not about text.
    """
    recipe, config, experiment = rebuild(folder, data_dir)
    if not isinstance(experiment.kind, Writes):
        raise FormatError(
            f"{folder}: {recipe.name} does not write text; ask it with chainrule predict"
        )
    load_weights(folder, experiment.model, experiment.goal)
    return experiment.kind.writer(experiment.model.eval()), config


def blas_threads(config: Any) -> Any:
    """While the block runs, NumPy's products use as many threads as the configuration says."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(config.blas_threads, user_api="blas")


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


def _read_config(path: Path) -> tuple[Recipe, Any, str]:
    """The recipe, the configuration and the data's sha256 that `train` wrote."""
    try:
        about = json.loads(read_bytes(path))
        recipe = find(about["recipe"])
        settings = [f"{key}={spell(value)}" for key, value in about["config"].items()]
        return recipe, override(recipe.config, settings), about["data_sha256"]
    except FileNotFoundError as e:
        found = f"no {path.name} in it" if path.parent.is_dir() else "no such folder"
        hint = _nearest_run(path.parent)
        raise FormatError(
            f"{path.parent}: expected the folder of a run, found {found}{hint}"
        ) from e
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise FormatError(
            f"{path}: expected the recipe and config of a run, found something else: {e!s:.300}"
        ) from e


def _nearest_run(folder: Path) -> str:
    """For a folder that is no run: a hint at the last run in it, or at the one beside it, or in `runs`, that is called alike."""
    if inside := _runs_in(folder):
        return f"; in it is {inside[-1]}"
    beside = {run.name: run for run in [*_runs_in(Path("runs")), *_runs_in(folder.parent)]}
    near = difflib.get_close_matches(folder.name, beside, 1)
    return f"; the nearest is {beside[near[0]]}" if near else ""


def _runs_in(folder: Path) -> list[Path]:
    return sorted([file.parent for file in folder.glob("*/config.json")])


class _Run:
    """A run in its folder, about to begin or to go on."""

    def __init__(
        self,
        recipe: Recipe,
        config: Any,
        experiment: Experiment,
        folder: Path,
        subscribers: Sequence[Subscriber],
    ):
        self.recipe, self.config, self.experiment = recipe, config, experiment
        self.folder = folder
        self.trainer = trainer = Trainer(
            experiment.model,
            experiment.optimizer,
            experiment.train_loader,
            experiment.validation_loader,
            epochs=experiment.epochs,
            task=experiment.task,
            scheduler=experiment.scheduler,
            accumulate=experiment.accumulate,
            clip_norm=experiment.clip_norm,
            average=experiment.average,
        )
        self.log = MetricsLog(folder / "metrics.jsonl")
        self.checkpoints = Checkpoints(
            trainer,
            folder,
            every_epochs=config.checkpoint_every,
            every_steps=config.checkpoint_steps or None,
            keep=config.checkpoints,
            goal=experiment.goal,
        )
        trainer.subscribers = [self.log, TensorBoard(folder), self.checkpoints, *subscribers]
        if experiment.sample is not None:
            trainer.subscribers.append(Samples(folder, experiment.sample))
        if experiment.patience is not None:
            assert experiment.goal is not None, "patience needs a goal"
            stopping = EarlyStopping(trainer, experiment.goal, experiment.patience)
            trainer.subscribers.append(stopping)

    def go(self) -> RunResult:
        """Train on, then measure and report.

        NumPy's BLAS gets a fixed number of threads: as many as there are processors would make the
        bits depend on the machine, and a step of small products wait for threads that do not run.
        """
        trainer, test = self.trainer, None
        with blas_threads(self.config):
            with first_interrupt(trainer.stop):
                finished = trainer.fit()
                self.checkpoints.save()
            if finished:
                load_weights(self.folder, trainer.model, self.experiment.goal)
                test = trainer.evaluate(self.experiment.test_loader, keep=True, as_it_is=True)
        if test is not None:
            self.log.test(test.metrics)
            self._report(test)
        return self._result(finished, test)

    def _report(self, test: Evaluation) -> None:
        """Pictures and model card; the card last, because it says that the run is finished."""
        experiment, trainer = self.experiment, self.trainer
        headline = experiment.task.headline
        pictures = {"curves.png": curves_picture(trainer.history, headline, test.metrics)}
        pictures |= experiment.kind.pictures(test)
        card = model_card(self.recipe, self.config, experiment, trainer, test, versions())
        for name, content in pictures.items():
            write_whole(self.folder / name, content)
        write_whole(self.folder / CARD, card.encode())

    def _result(self, finished: bool, test: Evaluation | None) -> RunResult:
        experiment, trainer = self.experiment, self.trainer
        nothing: dict[str, float | None] = dict.fromkeys(["loss", *experiment.task.metrics()])
        last = trainer.history[-1] if trainer.history else None
        return RunResult(
            recipe=self.recipe.name,
            seed=self.config.seed,
            run=str(self.folder),
            finished=finished,
            early=trainer.early,
            epochs=trainer.epoch,
            steps=trainer.step,
            parameters=sum(p.numel() for p in experiment.model.parameters()),
            headline=experiment.task.headline,
            validation=nothing | last.validation if last else nothing,
            test=nothing | test.metrics if test else nothing,
            facts=experiment.kind.facts(test) if test else {},
            baseline=experiment.baseline.metrics,
            seconds=round(sum(report.seconds for report in trainer.history), 3),
            peak_memory_mb=peak_memory_mb(),
        )
