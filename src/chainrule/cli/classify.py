"""Name what is in pictures, or what texts are, with a model of a Hugging Face folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ..base.errors import FormatError
from ..models.classifying import Classifier
from .options import whole

__all__ = ["add_arguments", "run"]

EXAMPLES = """examples:
  chainrule classify cat.jpg dog.png --model vit                        classes of the model's own
  chainrule classify cat.jpg --model clip --labels "a cat" "a dog"      classes of yours, in words (zero-shot)
  chainrule classify "What a film!" --model bert-sst2                   a BERT that classifies texts

The folder has config.json, model.safetensors, and preprocessor_config.json for pictures, tokenizer.json for texts.
A run of `chainrule train` is asked with `chainrule predict`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule classify`."""
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT",
        help="image files (PNG, JPEG, …); for a model that reads texts, texts",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FOLDER",
        help="a ViT, ResNet, CLIP, or a BERT that classifies",
    )  # fmt: skip
    parser.add_argument(
        "--labels", nargs="+", metavar="LABEL", help="the classes that CLIP chooses from, in words"
    )
    parser.add_argument(
        "--top",
        type=whole(1),
        default=5,
        metavar="N",
        help="how many classes are shown (default: 5)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.epilog = EXAMPLES


def run(arguments: argparse.Namespace) -> int:
    """Run `chainrule classify`."""
    labels = arguments.labels
    if labels is not None and not all([label.strip() for label in labels]):
        raise FormatError("a label is empty")
    classifier = Classifier.from_pretrained(arguments.model, labels)
    inputs = arguments.inputs
    if classifier.reads == "text":
        for k, text in enumerate(inputs, 1):
            if not text.strip():
                raise FormatError(f"text {k} is empty")
    found = classifier.probabilities(inputs).numpy()  # (N, classes)
    answers = []
    for given, row in zip(inputs, found, strict=True):
        likeliest = np.argsort(-row, kind="stable")[: arguments.top]
        classes = [{"label": classifier.labels[c], "probability": float(row[c])} for c in likeliest]
        answers.append({"input": given, "classes": classes})
    if arguments.json:
        print(json.dumps({"model": str(arguments.model), "answers": answers}))
        return 0
    for answer in answers:
        print(answer["input"])
        for one in answer["classes"]:
            print(f"  {100 * one['probability']:5.1f} %  {one['label']}")
    return 0
