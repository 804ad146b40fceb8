"""Train a recipe, and leave a folder with its checkpoint, metrics, pictures and model card."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..train.files import unfinished
from ..train.metrics import shown
from ..train.recipes import RECIPES, ConfigError, find, options, override, spell

if TYPE_CHECKING:
    from ..train.run import RunResult

__all__ = ["add_arguments", "add_data_dir", "run", "unknown"]

INTERRUPTED = 130  # as a shell reports a process that SIGINT ended: 128 + 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule train`."""
    parser.add_argument("-h", "--help", action=_Help, help="of a RECIPE, what can be changed in it")
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="what to train, see below")
    parser.add_argument("--seed", metavar="N", help="short for --set seed=N")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="change the recipe, see below",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the run's folder, new or empty (default: runs/RECIPE-001, -002, …)",
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with the interrupted run in this folder"
    )
    add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


class _Help(argparse.Action):
    """`chainrule train --help` lists the recipes, `chainrule train RECIPE --help` one's keys."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        name = namespace.recipe
        parser.epilog = _describe(name) if name in RECIPES else _listed()
        parser.print_help()
        parser.exit()


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """The option `--data-dir`, which several commands have."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="the folder of the data sets (default: the environment's CHAINRULE_DATA)",
    )


def _listed() -> str:
    """Every recipe in a line."""
    width = max(map(len, RECIPES))
    lines = [f"  {name:<{width}}  {recipe.about}" for name, recipe in RECIPES.items()]
    return "\n".join(
        [
            "recipes:",
            *lines,
            "",
            "chainrule train RECIPE --help lists what --set can change in it",
            "chainrule train digits needs nothing else, and takes seconds",
        ]
    )


def _describe(name: str) -> str:
    """A recipe and its keys."""
    recipe = RECIPES[name]
    lines = [f"recipe {name}: {recipe.about}", "", "keys for --set, with the values they have:"]
    for key, value, about in options(recipe.config):
        lines.append(f"  {key + '=' + spell(value):<24} {about}")
    return "\n".join(lines)


def unknown(arguments: argparse.Namespace, words: Sequence[str]) -> str:
    """What was meant by words that `chainrule train` does not know: `--epochs 3` is a key of the recipe's."""
    key, _, value = words[0].lstrip("-").partition("=")
    key = key.replace("-", "_")
    keys = (
        [name for name, _, _ in options(RECIPES[arguments.recipe].config)]
        if arguments.recipe in RECIPES
        else []
    )
    if key not in keys:
        return ""
    value = value or (words[1] if len(words) > 1 else "…")
    return f"; keys of a recipe are set with --set {key}={value}"


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule train`."""
    from ..train import run as runs
    from .progress import show

    if arguments.resume is not None:
        if arguments.recipe or arguments.seed or arguments.settings or arguments.out:
            raise ConfigError(
                "--resume goes on with a run as it was begun: no RECIPE, --seed, --set or --out "
                "with it"
            )
        with show(quiet=arguments.json) as progress, _says_how_to_go_on([arguments.resume]):
            result = runs.resume(arguments.resume, [progress], arguments.data_dir)
    else:
        if arguments.recipe is None:
            raise ConfigError(f"train needs a RECIPE; known are {', '.join(RECIPES)}")
        recipe = find(arguments.recipe)
        seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
        folder = [] if arguments.data_dir is None else [f"data_dir={arguments.data_dir}"]
        if folder and not hasattr(recipe.config, "data_dir"):
            raise ConfigError(f"the recipe {recipe.name} brings its data: it takes no --data-dir")
        config = override(recipe.config, [*arguments.settings, *seed, *folder])
        if arguments.out is not None:
            _check_free(arguments.out)
        if not arguments.json:
            print(f"{recipe.name}: {recipe.about}, seed {config.seed}", flush=True)

        made: list[Path] = []

        def make_folder() -> Path:
            if arguments.out is None:
                made.append(runs.new_folder(Path("runs"), recipe.name))
            else:
                arguments.out.mkdir(parents=True, exist_ok=True)
                made.append(arguments.out)
            return made[0]

        with show(quiet=arguments.json) as progress, _says_how_to_go_on(made):
            result = runs.train(recipe, config, make_folder, [progress])

    if arguments.json:
        print(json.dumps(result.flat()))
    elif result.finished:
        _print_result(result)
    if not result.finished:
        print(
            f"chainrule: interrupted after step {result.steps}; go on with: chainrule train --resume {result.run}",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


@contextlib.contextmanager
def _says_how_to_go_on(folders: list[Path]) -> Iterator[None]:
    """A block that an interrupt may stop at once; the run of these folders (one, as soon as it is made) can go on."""
    try:
        yield
    except KeyboardInterrupt:
        begun = folders and (folders[0] / "config.json").is_file()
        hint = f"; go on with: chainrule train --resume {folders[0]}" if begun else ""
        raise KeyboardInterrupt(hint) from None


def _print_result(result: RunResult) -> None:
    """What came of a finished run; the headline metric is the last line."""
    memory = (
        "" if result.peak_memory_mb is None else f", peak memory {result.peak_memory_mb:.0f} MB"
    )
    mistakes = result.facts.get("mistakes")
    misread = "" if mistakes is None else f"{mistakes} test samples misread; "
    print(f"{misread}trained in {result.seconds:.1f} s{memory}")
    print(f"model card, pictures, checkpoint and metrics are in {result.run}")
    compared = [f"{name} {shown(name, value)}" for name, value in result.baseline.items()]
    print(f"without learning: {', '.join(compared)}")
    value = result.test[result.headline]
    assert value is not None
    print(f"test {result.headline} {shown(result.headline, value)}")


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds something: a run never overwrites another. A run that was killed before it had
    written its first file has left nothing.
    """
    if folder.exists() and not (folder.is_dir() and all(map(unfinished, folder.iterdir()))):
        raise ConfigError(
            f"--out {folder} exists and is not an empty folder; a run never overwrites another"
        )
