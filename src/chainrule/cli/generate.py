"""Let a language model go on with a text: one of a Hugging Face folder, or of a run of yours."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tensors import Generator
from ..train.recipes import ConfigError
from .options import number, whole
from .train import add_data_dir

if TYPE_CHECKING:
    from ..models import Writer

__all__ = ["add_arguments", "run"]

EXAMPLES = """examples:
  chainrule generate gpt2 "Once upon a time"                       a folder with config.json, model.safetensors, tokenizer.json
  chainrule generate gpt2 "The answer is" --temperature 0          always the likeliest token
  chainrule generate gpt2 "It was" --temperature 0.8 --top-k 40    likely tokens, drawn; another --seed, another text
  chainrule generate gpt2 "Dear" "Hello" --beams 4                 the likeliest texts of several prompts
  chainrule generate runs/names-rnn-001 ""                         a run of `chainrule train names-rnn`"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule generate`."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a Hugging Face folder, or the folder of a run"
    )
    parser.add_argument(
        "prompts", nargs="+", metavar="PROMPT", help="the beginning of a text; each is gone on with"
    )
    parser.add_argument(
        "--max-new-tokens", type=whole(1), default=100, metavar="N",
        help="how many tokens are added at most (default: 100)",
    )  # fmt: skip
    parser.add_argument(
        "--temperature", type=number(0), metavar="T",
        help="below 1 likelier, above 1 stranger; 0: always the likeliest token (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", type=whole(1), metavar="K", help="draw from the K likeliest tokens only"
    )
    parser.add_argument(
        "--top-p", type=number(0, 1, above=True), metavar="P",
        help="draw from the likeliest tokens that together have probability P",
    )  # fmt: skip
    parser.add_argument(
        "--repetition-penalty", type=number(0, above=True), default=1.0, metavar="R",
        help="above 1: tokens that were there become less likely (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--beams", type=whole(1), default=1, metavar="N",
        help="search for the likeliest text with N sequences at a time; nothing is drawn (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of what is drawn (default: 0)"
    )
    parser.add_argument(
        "--compile", action="store_true",
        help="run as machine code: seconds before the first token, then faster; for long texts",
    )  # fmt: skip
    add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.epilog = EXAMPLES


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule generate`: text appears as it is written."""
    settings = _settings(arguments)
    writer, threads = opened(arguments.model, arguments.data_dir)
    for prompt in arguments.prompts:
        writer.ids(prompt)  # all can be read before one is gone on with
    if arguments.compile:
        from ..compiler.compiled import compile

        writer.model = compile(writer.model)
    answers = []
    with threads:
        for number, prompt in enumerate(arguments.prompts):
            generator = Generator().manual_seed(arguments.seed)
            if arguments.json:
                text = writer.write(prompt, **settings, generator=generator)
                answers.append({"prompt": prompt, "text": text})
                continue
            end = "\n" if writer.answers else ""
            print("\n" * bool(number) + prompt, end=end, flush=True)
            try:
                writer.write(prompt, **settings, generator=generator, on_text=_show)
            finally:
                print(flush=True)  # what comes next, be it an error, has a line of its own
    if arguments.json:
        print(json.dumps({"model": str(arguments.model), "answers": answers}))
    return 0


def opened(folder: Path, data_dir: str | None) -> tuple[Writer, Any]:
    """What writes, of a checkpoint or a run; and a context with the number of threads it wants."""
    from ..models import Writer
    from ..models.config import read_json
    from ..train.run import blas_threads, writer

    about = folder / "config.json"
    if about.is_file() and "recipe" in read_json(about):
        found, config = writer(folder, data_dir)
        return found, blas_threads(config)
    if data_dir is not None:
        raise ConfigError(f"--data-dir is for runs, whose data are read again; {folder} is none")
    return Writer.from_pretrained(folder), contextlib.nullcontext()


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked for, as `generate` names it."""
    settings: dict[str, Any] = {
        "max_new_tokens": arguments.max_new_tokens,
        "repetition_penalty": arguments.repetition_penalty,
        "do_sample": False,
    }
    draws = {name: getattr(arguments, name) for name in ("temperature", "top_k", "top_p")}
    if arguments.beams > 1:
        if any([value is not None for value in draws.values()]):
            raise ConfigError(
                "--beams searches and draws nothing: no --temperature, --top-k or --top-p with it"
            )
        settings["num_beams"] = arguments.beams
    elif arguments.temperature != 0:
        settings |= {"do_sample": True, **draws}
    return settings


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
