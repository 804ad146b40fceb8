"""Ask a trained run about images of your own, or let it go on with a text."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .train import add_data_dir

__all__ = ["add_arguments", "run"]


EXAMPLES = """examples:
  chainrule predict runs/digits-001 photo.jpg --fit --invert      a digit on paper, anywhere in a picture of any size
  chainrule predict runs/mnist-cnn-001 a.png b.png                pictures of the size that was learned from
  chainrule predict runs/names-rnn-001 jo --count 10              ten names that begin so"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule predict`."""
    parser.epilog = EXAMPLES
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="of an image recipe a file: a picture, a .csv with an image a row (elements 0 to 255), "
        "a .npy;\nof a text recipe the beginning of a text, which may be empty, or the text that is judged,\n"
        "or one with [MASK] where words are to be told; of a series a .csv of dates and values;\n"
        "of pictures with captions a picture or words",
    )
    parser.add_argument(
        "--invert", action="store_true", help="images are dark on light, as ink on paper is"
    )
    parser.add_argument(
        "--fit",
        action="store_true",
        help="pictures of any size: what is drawn is cut out, scaled, and put in the middle",
    )
    parser.add_argument(
        "--count", type=int, default=5, metavar="N", help="texts for each beginning (default: 5)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="of the texts: below 1 likelier, above 1 stranger (default: 1)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the texts")
    add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule predict`."""
    from ..train.recipes import ConfigError
    from ..train.run import predict

    if arguments.count < 1:
        raise ConfigError(f"--count must be at least 1, found {arguments.count}")
    if not 0 < arguments.temperature < float("inf"):
        raise ConfigError(f"--temperature must be above 0, found {arguments.temperature}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed must be at least 0, found {arguments.seed}")
    answers = predict(arguments.run_folder, arguments.inputs, arguments, arguments.data_dir)
    if arguments.json:
        print(json.dumps({"run": str(arguments.run_folder), "answers": answers}))
        return 0
    for answer in answers:
        print(_line(answer))
        if "note" in answer:
            print(f"chainrule: {answer['input']}: {answer['note']}", file=sys.stderr)
    return 0


def _line(answer: dict[str, Any]) -> str:
    """One answer as text: the class with its probability, or the text."""
    if "probability" not in answer:
        return answer["answer"]
    others = [f"{name} {100 * p:.1f} %" for name, p in list(answer["likeliest"].items())[1:]]
    sure = f"{100 * answer['probability']:.1f} %"
    return f"{answer['input']}: {answer['answer']}, {sure} sure (then {', '.join(others)})"
