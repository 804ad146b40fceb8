"""The model card of a run, in Markdown: what was trained, on what, how well it does, and where it
must not be trusted.

Source: Mitchell et al. 2019, "Model Cards for Model Reporting", for the questions it answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .evaluation import Evaluation
from .events import EpochFinished
from .goal import Goal
from .loop import Trainer
from .metrics import share_interval, shown
from .recipes import Experiment, Recipe, options, spell
from .tables import table
from .tasks import Task

__all__ = ["model_card"]


def model_card(
    recipe: Recipe,
    config: Any,
    experiment: Experiment,
    trainer: Trainer,
    test: Evaluation,
    versions: dict[str, str],
) -> str:
    """The card's Markdown.

    Args:
        recipe, config, experiment: what was run.
        trainer: when it has finished.
        test: the answers to the test set.
        versions: the versions of the programs that ran.
    """
    headline = experiment.task.headline
    reached = shown(headline, test.metrics[headline])
    sections = [
        f"# Model card: {recipe.name}",
        f"{recipe.about[0].upper()}{recipe.about[1:]}, trained with chainrule {versions['chainrule']}. "
        f"On the test set its {headline} is **{reached}**.",
        "## Results",
        _results(experiment, trainer, test),
        "![curves](curves.png)",
        experiment.kind.card(test),
        "## Data",
        _data(experiment),
        "## Limits",
        "\n".join(f"- {limit}" for limit in experiment.data.limits),
        "## Architecture",
        f"```\n{experiment.model}\n```",
        _parameters(experiment),
        "## Hyper-parameters",
        table(
            ("key", "value", "what it is"),
            [(f"`{key}`", _shown(value), about) for key, value, about in options(config)],
        ),
        "## To reproduce",
        _reproduce(recipe, config, versions),
    ]
    return "\n\n".join(sections) + "\n"


def _results(experiment: Experiment, trainer: Trainer, test: Evaluation) -> str:
    """A row for each split, a column for each metric."""
    last = trainer.history[-1]
    done = f"after {last.epoch} epochs, {last.step} steps"
    rows: list[tuple[str, dict[str, float], str]] = [
        ("training (as trained on)", last.train, trainer.early or done),
        ("validation", last.validation, "used for every decision"),
    ]
    if experiment.goal is not None:
        best = _best(experiment.goal, trainer.history)
        rows.append((f"validation, epoch {best.epoch}", best.validation, "the best, which is kept"))
    rows.append(
        ("**test**", test.metrics, f"read once, after training{_between(experiment.task, test)}")
    )
    baseline = experiment.baseline
    rows.append((f"test, {baseline.about}", baseline.metrics, "what has to be beaten"))
    names = list(test.metrics)
    cells = [
        (on, *[shown(name, m[name]) if name in m else "" for name in names], note)
        for on, m, note in rows
    ]
    return table(("on", *names, ""), cells)


def _between(task: Task, test: Evaluation) -> str:
    """How far from it the accuracy on all samples of the kind may lie: a test set is a sample."""
    if task.headline != "accuracy" or test.targets is None:
        return ""
    asked = int((test.targets != getattr(task, "ignore_index", None)).sum())
    low, high = share_interval(test.metrics["accuracy"], asked)
    return f"; of {asked:,} {task.unit}: {100 * low:.1f} to {100 * high:.1f} % (95 % interval)"


def _best(goal: Goal, history: Sequence[EpochFinished]) -> EpochFinished:
    """The first epoch that nothing later beat."""
    best = history[0]
    for report in history[1:]:
        if goal.better(goal.value(report), goal.value(best)):
            best = report
    return best


def _data(experiment: Experiment) -> str:
    data = experiment.data
    sizes = ", ".join(f"{n:,} {split}" for split, n in data.sizes.items())
    return (
        f"- **What**: {data.name}\n- **Source**: {data.source}\n- **Licence**: {data.licence}\n"
        f"- **Split**: {sizes}; {data.split}\n- **sha256**: `{data.sha256}`"
    )


def _parameters(experiment: Experiment) -> str:
    rows, total = [], 0
    for name, p in experiment.model.named_parameters():
        rows.append((f"`{name}`", "×".join(map(str, p.shape)), f"{p.numel():,}"))
        total += p.numel()
    rows.append(("**total**", "", f"**{total:,}**"))
    return table(("parameter", "shape", "numbers"), rows)


def _reproduce(recipe: Recipe, config: Any, versions: dict[str, str]) -> str:
    defaults = {key: value for key, value, _ in options(recipe.config)}
    words = ["chainrule", "train", recipe.name, "--seed", str(config.seed)]
    for key, value, _ in options(config):
        if key != "seed" and value != defaults[key]:
            words += ["--set", f"{key}={spell(value)}"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"```\n{' '.join(words)}\n```\n\nThe same seed gives the same curve, bit for bit, with the same versions on the same kind "
        f"of processor. This run: {listed}."
    )


def _shown(value: Any) -> str:
    return f"`{spell(value)}`" if spell(value) else "none"
