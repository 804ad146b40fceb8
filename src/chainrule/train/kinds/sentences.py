"""Runs that name what a text says: their pictures, their part of the model card, and their answers
about a user's own texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.errors import FormatError
from ...data.tokenizers import Tokenizer
from ...nn import Module
from ...nn import functional as F
from ...tensors import no_grad
from ..evaluation import Evaluation
from ..metrics import class_accuracy, confusion_matrix
from ..pictures import confusion_picture
from ..tables import per_cent, table
from ..tasks import logits_of

__all__ = ["ClassifiedTexts"]

SHOWN = 20


@dataclass(frozen=True, eq=False)
class ClassifiedTexts:
    """Texts of one class each; the model takes ids and a mask by name.

    Attributes:
        classes: their names.
        test: the test texts.
        tokenizer: makes ids of texts.
        longest: tokens of a text; what is longer is cut off.
        others: what other methods give on the test set: about -> accuracy.
    """

    classes: tuple[str, ...]
    test: tuple[str, ...]
    tokenizer: Tokenizer
    longest: int
    others: dict[str, float] = field(default_factory=dict)

    def _confusion(self, test: Evaluation) -> np.ndarray:
        return confusion_matrix(test.predictions, test.targets, len(self.classes))

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """The confusion matrix."""
        return {"confusion.png": confusion_picture(self._confusion(test), self.classes)}

    def card(self, test: Evaluation) -> str:
        """How well each class is read, what other methods give, and the surest mistakes."""
        assert test.targets is not None
        confusion = self._confusion(test)
        shares = class_accuracy(confusion)
        rows = [
            (name, "no samples" if share is None else per_cent(share), f"{right} of {total}")
            for name, share, right, total in zip(
                self.classes, shares, np.diag(confusion), confusion.sum(axis=1), strict=True
            )
        ]
        sections = [
            "## Accuracy of each class, on the test set",
            table(("class", "accuracy", "right"), rows),
            "![confusion matrix](confusion.png)",
        ]
        if self.others:
            compared = [(about, per_cent(share)) for about, share in self.others.items()]
            sections += ["## Other methods, on the test set", table(("", "accuracy"), compared)]
        sure = test.confidence
        wrong = np.flatnonzero(test.predictions != test.targets)
        worst = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN].tolist()
        mistakes = [
            (
                self.test[k],
                self.classes[test.targets[k]],
                self.classes[test.predictions[k]],
                per_cent(float(sure[k])),
            )
            for k in worst
        ]
        sections += [
            f"## The surest mistakes, {len(worst)} of {len(wrong)}",
            table(("text", "truth", "answer", "sure"), mistakes),
        ]
        return "\n\n".join(sections)

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """`mistakes`: how many texts were misread; and the accuracies of other methods."""
        wrong = int((test.predictions != test.targets).sum())
        return {"mistakes": wrong, "others": self.others}

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """The class of each text, its probability, and those of all classes, the likeliest first."""
        for text in inputs:
            if not text.strip():
                raise FormatError("expected a text, found an empty one")
        model.eval()
        answers = []
        for text in inputs:  # one by one: what is beside a text changes the last bits of its answer
            batch = self.tokenizer(
                [text], truncation=True, max_length=self.longest, return_tensors="cr"
            )
            with no_grad():
                logits = logits_of(
                    model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
                )
                row = F.softmax(logits, dim=-1).numpy()[0]  # (classes,)
            likeliest = np.argsort(-row, kind="stable").tolist()
            answers.append(
                {
                    "input": text,
                    "answer": self.classes[likeliest[0]],
                    "probability": float(row[likeliest[0]]),
                    "likeliest": {self.classes[c]: float(row[c]) for c in likeliest},
                }
            )
        return answers
