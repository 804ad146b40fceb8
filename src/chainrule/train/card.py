"""The model card of a run, in Markdown: what was trained, on what, how well it does, and where it
must not be trusted.

Source: Mitchell et al. 2019, "Model Cards for Model Reporting", for the questions it answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .events import EpochFinished
from .loop import Evaluation
from .metrics import class_accuracy
from .recipes import Experiment, Recipe, options, spell

__all__ = ["model_card"]


def model_card(
    recipe: Recipe,
    config: Any,
    experiment: Experiment,
    history: Sequence[EpochFinished],
    test: Evaluation,
    confusion: np.ndarray,
    versions: dict[str, str],
) -> str:
    """The card's Markdown.

    Args:
        recipe, config, experiment: what was run.
        history: the report of every epoch.
        test: the answers to the test set.
        confusion: counts (C, C), row the label, column the prediction.
        versions: of the programs that ran.
    """
    sections = [
        f"# Model card: {recipe.name}",
        f"{recipe.about[0].upper()}{recipe.about[1:]}, trained with chainrule {versions['chainrule']}. "
        f"It reads **{_percent(test.accuracy)}** of the test set right.",
        "## Results",
        _results(experiment, history[-1], test),
        "![curves](curves.png)",
        "## Accuracy of each class, on the test set",
        _classes(experiment.classes, confusion),
        "![confusion matrix](confusion.png)\n\n![misread samples](mistakes.png)",
        "## Data",
        _data(experiment),
        "## Limits",
        "\n".join(f"- {limit}" for limit in experiment.data.limits),
        "## Architecture",
        f"```\n{experiment.model}\n```",
        _parameters(experiment),
        "## Hyper-parameters",
        _table(
            ("key", "value", "what it is"),
            [(f"`{key}`", _shown(value), about) for key, value, about in options(config)],
        ),
        "## To reproduce",
        _reproduce(recipe, config, versions),
    ]
    return "\n\n".join(sections) + "\n"


def _results(experiment: Experiment, last: EpochFinished, test: Evaluation) -> str:
    done = f"after {last.epoch} epochs, {last.step} steps"
    rows = [
        (
            "training (augmented)",
            _percent(last.train_accuracy),
            f"{last.train_loss:.4f}",
            done,
        ),
        (
            "validation",
            _percent(last.validation_accuracy),
            f"{last.validation_loss:.4f}",
            "used for every decision",
        ),
        (
            "**test**",
            f"**{_percent(test.accuracy)}**",
            f"{test.loss:.4f}",
            "read once, after training",
        ),
        (
            "test, always the commonest class",
            _percent(experiment.baseline),
            "",
            "what no learning gives",
        ),
    ]
    return _table(("on", "accuracy", "loss (nats)", ""), rows)


def _classes(classes: Sequence[str], confusion: np.ndarray) -> str:
    rows: list[tuple[str, ...]] = []
    for name, row, share in zip(classes, confusion, class_accuracy(confusion), strict=True):
        right = int(row[len(rows)])
        mistaken = [(int(n), classes[j]) for j, n in enumerate(row) if n and j != len(rows)]
        taken_for = ", ".join(
            f"{other} ({n})" for n, other in sorted(mistaken, key=lambda m: (-m[0], m[1]))
        )
        rows.append(
            (
                name,
                "no samples" if share is None else _percent(share),
                f"{right} of {int(row.sum())}",
                taken_for,
            )
        )
    return _table(("class", "accuracy", "right", "taken for (times)"), rows)


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
    return _table(("parameter", "shape", "numbers"), rows)


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


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
