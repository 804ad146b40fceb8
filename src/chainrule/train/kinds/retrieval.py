"""Runs that bring pictures and texts together: the task, the pictures of a test, its part of the model
card, and the answers about a user's own pictures and words.

Legend: B batch, N pictures of a test, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import FormatError, ShapeError
from ...nn import Module
from ...nn import functional as F
from ...tensors import Tensor, arange, from_numpy, no_grad
from ..evaluation import Evaluation
from ..metrics import Metric, RecallAtK
from ..pictures import retrieved_picture
from ..tables import per_cent, table
from ..tasks import Task
from .images import read_images

__all__ = ["LOOKED_AT", "Contrastive", "Pairs", "recalls"]

LOOKED_AT = (1, 5, 10)
SHOWN, BESIDE = 12, 5


class Contrastive(Task):
    """To find each picture's text among those of the batch, and each text's picture:
    `model(input_ids, pixel_values)` gives an output with `logits_per_image` (B, B), as
    `chainrule.models.CLIPModel` does. A batch is (pixels (B, C, H, W), ids (B, T)), and the loss is a
    sum over its pairs, in nats.

        loss = Σ (cross-entropy of the row + of the column) / 2, the right answer on the diagonal

    Among many texts it is harder to find the right one than among few, so a split is to be measured in
    one batch. The metrics are the shares of pictures whose text is among the 1, 5, 10 likeliest.

    Source: Radford et al. 2021, figure 3.
    """

    headline = "R@10"
    unit = "pairs"

    def loss(self, model: Callable, batch: Any) -> tuple[Tensor, Tensor]:
        """The summed loss, and the logits, pictures by texts."""
        pixels, ids = batch
        logits = model(ids, pixels).logits_per_image  # (B, B)
        right = arange(logits.shape[0])
        rows = F.cross_entropy(logits, right, reduction="sum")
        return (rows + F.cross_entropy(logits.T, right, reduction="sum")) / 2, logits

    def count(self, batch: Any) -> float:
        """The pairs."""
        return float(batch[0].shape[0])

    def metrics(self) -> dict[str, Metric]:
        """`R@1`, `R@5` and `R@10`, from pictures to texts."""
        return {f"R@{k}": RecallAtK(k) for k in LOOKED_AT}

    def update(
        self, metrics: Mapping[str, Metric], answers: Any, batch: Any, loss: float, count: float
    ) -> None:
        """Count the batch's pictures, the text of each being that of the same number."""
        for metric in metrics.values():
            metric.update(answers, np.arange(len(answers)))


def recalls(similarities: np.ndarray, kept: np.ndarray | None = None) -> dict[str, float]:
    """R@1, R@5 and R@10 of similarities (N, N) whose matches are on the diagonal; of the rows `kept`
    alone, where there are some.

    >>> recalls(np.array([[0.9, 0.1], [0.8, 0.7]]))["R@1"]
    0.5
    """
    rows = np.arange(len(similarities)) if kept is None else kept
    found = {}
    for k in LOOKED_AT:
        metric = RecallAtK(k)
        metric.update(similarities[rows], rows)
        found[f"R@{k}"] = metric.compute()
    return found


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures of one size with a caption each.

    Attributes:
        model: both towers.
        ids: captions → token ids (N, T).
        prepared: pictures (N, 3, H, W) from 0 to 1 → as the model takes them.
        test: the test pictures, floats (N, 3, H, W) from 0 to 1.
        captions: the captions of the test pictures.
        groups: the kind of thing each test picture shows.
        of_group: kind of thing → captions of the training pictures of that kind.
        unlearnt: recalls without learning, by the training picture with the nearest pixels.
        alone: which test pictures have no close relative among the training pictures.
        relatives: what those are, in words.
        pictures_known, captions_known: among which a user's words or picture are looked for.
    """

    model: Module
    ids: Callable[[Sequence[str]], np.ndarray]
    prepared: Callable[[np.ndarray], np.ndarray]
    test: np.ndarray
    captions: tuple[str, ...]
    groups: tuple[str, ...]
    of_group: dict[str, list[str]]
    unlearnt: dict[str, float]
    alone: np.ndarray
    relatives: str
    pictures_known: np.ndarray
    captions_known: tuple[str, ...]

    def _texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of length 1, (N, P)."""
        with no_grad():
            found = self.model.eval().get_text_features(from_numpy(self.ids(texts)))  # type: ignore[operator]
            return F.normalize(found, dim=-1).numpy()

    def _images(self, images: np.ndarray) -> np.ndarray:
        """Embeddings of length 1, (N, P), of pictures from 0 to 1."""
        with no_grad():
            pixels = from_numpy(self.prepared(images))
            return F.normalize(self.model.eval().get_image_features(pixels), dim=-1).numpy()  # type: ignore[operator]

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """Recalls from texts to pictures; of the pictures without relatives; and how often the kind of
        thing is named right, among all kinds: from the kind's name alone (zero-shot), and from the
        mean of the captions of the kind. `groups_commonest` is the share of the commonest kind.
        """
        assert test.answers is not None
        answers = test.answers
        kinds = sorted(self.of_group)
        truth = np.array([kinds.index(group) for group in self.groups])
        named = self._texts([kind.lower() for kind in kinds])  # (kinds, P)
        means = np.stack([self._texts(self.of_group[kind]).mean(axis=0) for kind in kinds])
        images = self._images(self.test)  # (N, P)
        shares = {
            about: float(((images @ of_kinds.T).argmax(axis=1) == truth).mean())
            for about, of_kinds in (("groups_zero_shot", named), ("groups_by_captions", means))
        }
        found = {f"texts_{name}": value for name, value in recalls(answers.T).items()}
        if len(self.alone):
            found |= {f"alone_{k}": value for k, value in recalls(answers, self.alone).items()}
        commonest = float(np.bincount(truth).max() / len(truth))
        return {
            **found,
            **{f"unlearnt_{name}": value for name, value in self.unlearnt.items()},
            **shares,
            "groups_commonest": commonest,
            "candidates": len(answers),
            "alone": len(self.alone),
        }

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """Some test pictures with the captions that fit them best, and captions with their pictures."""
        assert test.answers is not None
        answers = test.answers
        N = len(answers)
        some = np.unique(np.linspace(0, N - 1, min(SHOWN, N)).astype(int)).tolist()
        best = np.argsort(-answers.T, axis=1, kind="stable")[:, :BESIDE]  # (N, BESIDE)
        likeliest = np.argsort(-answers, axis=1, kind="stable")[:, :3]
        images = self.test.transpose(0, 2, 3, 1)  # (N, H, W, 3)
        return {
            "retrieved.png": retrieved_picture(
                f"A caption, and the {min(BESIDE, N)} of {N} test pictures that fit it best",
                [(self.captions[k], [(images[j], j == k) for j in best[k].tolist()]) for k in some],
            ),
            "captions.png": retrieved_picture(
                f"A test picture, and the {min(3, N)} of {N} captions that fit it best",
                [
                    (
                        "\n".join(
                            f"{'✓' if j == k else '·'} {self.captions[j]}"
                            for j in likeliest[k].tolist()
                        ),
                        [(images[k], int(likeliest[k, 0]) == k)],
                    )
                    for k in some
                ],
            ),
        }

    def card(self, test: Evaluation) -> str:
        """What was found, both ways, and kinds of things."""
        facts = self.facts(test)
        N = facts["candidates"]
        rows = [
            ("picture → caption", *(per_cent(test.metrics[f"R@{k}"]) for k in LOOKED_AT)),
            ("caption → picture", *(per_cent(facts[f"texts_R@{k}"]) for k in LOOKED_AT)),
        ]
        if len(self.alone):
            rows.append(
                (
                    f"picture → caption, of the {len(self.alone)} pictures {self.relatives}",
                    *(per_cent(facts[f"alone_R@{k}"]) for k in LOOKED_AT),
                )
            )
        rows.append(
            (
                "picture → caption without learning: in common with the words of the training picture "
                "with the nearest pixels",
                *(per_cent(self.unlearnt[f"R@{k}"]) for k in LOOKED_AT),
            )
        )
        rows.append(("chance", *(per_cent(min(1.0, k / N)) for k in LOOKED_AT)))
        kinds = [
            ("the name of the kind alone (zero-shot)", per_cent(facts["groups_zero_shot"])),
            (
                "the mean of the training captions of the kind",
                per_cent(facts["groups_by_captions"]),
            ),
            ("always the commonest kind", per_cent(facts["groups_commonest"])),
        ]
        return "\n\n".join(
            [
                f"## What is found among {N} test pairs",
                table(("", *(f"R@{k}" for k in LOOKED_AT)), rows),
                "![pictures that fit captions](retrieved.png)",
                "![captions that fit pictures](captions.png)",
                f"## The kind of thing, one of {len(self.of_group)}",
                table(("named by", "accuracy"), kinds),
            ]
        )

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """Of a picture's file the caption that fits it best, of words the caption of the picture that
        fits them best, among all that are known; with the probabilities of the three likeliest.
        """
        known = self._texts(self.captions_known)
        shown = self._images(self.pictures_known)
        scale = float(np.exp(self.model.logit_scale.detach().numpy()))
        answers = []
        for name in inputs:
            if not name.strip():
                raise FormatError("expected words or the file of a picture, found an empty text")
            path = Path(name)
            if path.is_file():
                images = read_images(path, self.test.shape[2:], 3)  # type: ignore[arg-type]
                if len(images) != 1:
                    raise ShapeError(f"{path}: expected one picture, found {len(images)}")
                logits = scale * (self._images(images) @ known.T)[0]
            else:
                logits = scale * (self._texts([name]) @ shown.T)[0]
            odds = np.exp(logits - logits.max())
            row = odds / odds.sum()
            likeliest = np.argsort(-row, kind="stable")[:3].tolist()
            answers.append(
                {
                    "input": name,
                    "answer": self.captions_known[likeliest[0]],
                    "probability": float(row[likeliest[0]]),
                    "likeliest": {self.captions_known[k]: float(row[k]) for k in likeliest},
                }
            )
        return answers
