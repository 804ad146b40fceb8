"""Pictures and texts to classes, from a folder: the model, what prepares its inputs, and the names of the classes.

classifier = Classifier.from_pretrained(folder)                              # ViT, ResNet; a BERT that classifies texts
classifier = Classifier.from_pretrained(folder, ["a photo of a cat", …])     # CLIP: any classes, in words
classifier.probabilities(["one.jpg", "two.png"])                             # (2, classes)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from ..base.errors import FormatError, ShapeError
from ..data.tokenizers import from_folder
from ..nn import functional as F
from ..tensors import Tensor, cat, no_grad
from .albert import AlbertForSequenceClassification
from .bert_heads import BertForSequenceClassification
from .clip import CLIPModel
from .deit import DeiTForImageClassificationWithTeacher
from .dinov2 import Dinov2ForImageClassification
from .distilbert import DistilBertForSequenceClassification
from .electra import ElectraForSequenceClassification
from .images import ImageProcessor
from .mpnet import MPNetForSequenceClassification
from .pretrained import from_pretrained
from .resnet import ResNetForImageClassification
from .roberta import RobertaForSequenceClassification
from .vit import ViTForImageClassification

__all__ = ["Classifier"]

OF_TEXTS = (
    AlbertForSequenceClassification, BertForSequenceClassification, DistilBertForSequenceClassification,
    ElectraForSequenceClassification, MPNetForSequenceClassification, RobertaForSequenceClassification,
)  # fmt: skip
CLASSIFIERS = (
    *OF_TEXTS, CLIPModel, DeiTForImageClassificationWithTeacher, Dinov2ForImageClassification, ResNetForImageClassification,
    ViTForImageClassification,
)  # fmt: skip


class Classifier:
    """What names the class of an input.

    Args:
        logits: a batch of inputs → logits (B, classes).
        labels: the names of the classes.
        reads: what an input is: "image" or "text".
    """

    def __init__(
        self, logits: Callable[[Sequence[Any]], Tensor], labels: Sequence[str], reads: str
    ):
        self.logits, self.labels, self.reads = logits, tuple(labels), reads

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], labels: Sequence[str] | None = None
    ) -> Self:
        """The classifier of a folder as Hugging Face has it: a ViT or ResNet with `preprocessor_config.json`, a BERT, RoBERTa
        or DistilBERT that classifies texts with its tokenizer, a CLIP with both.

        Args:
            folder: see above.
            labels: CLIP's classes, in words; the other models have classes of their own.

        Raises:
            FormatError: a file that is not what it should be; a model that does not classify; CLIP without labels, others with.
        """
        folder = Path(folder)
        model: Any = from_pretrained(folder)
        kind = type(model).__name__
        if not isinstance(model, CLASSIFIERS):
            raise FormatError(f"{folder}: a {kind} does not classify")
        if isinstance(model, CLIPModel):
            return cls(*_zero_shot(model, folder, labels), "image")
        if labels is not None:
            raise FormatError(f"{folder}: labels are for CLIP; a {kind} has classes of its own")
        named = model.config.id2label
        names = [str(named[k]) for k in range(len(named))]
        if isinstance(model, OF_TEXTS):
            tokenizer = from_folder(folder)
            most = model.config.most_positions

            def of_texts(texts: Sequence[str]) -> Tensor:
                batch = tokenizer(
                    list(texts), padding=True, truncation=True, max_length=most, return_tensors="cr"
                )
                return model(**batch).logits

            return cls(of_texts, names, "text")
        processor = ImageProcessor.from_pretrained(folder)
        return cls(lambda images: model(**processor(list(images))).logits, names, "image")

    def probabilities(self, inputs: Sequence[Any], *, batch_size: int = 8) -> Tensor:
        """Of each class for each input, (N, classes).

        Args:
            inputs: paths of image files, arrays uint8 (3, H, W) or pictures of Pillow; or texts.
            batch_size: inputs that are worked on at once.

        Raises:
            FormatError: a file that is no picture.
            ShapeError: no input; pictures of different sizes, for a model that keeps them.
        """
        if not len(inputs) or batch_size < 1:
            raise ShapeError(
                f"Classifier.probabilities: expected at least one input and a batch size of at least 1, "
                f"found {len(inputs)} and {batch_size}"
            )
        with no_grad():
            parts = [
                F.softmax(self.logits(inputs[k : k + batch_size]), dim=-1)
                for k in range(0, len(inputs), batch_size)
            ]
        return cat(parts)


def _zero_shot(
    model: CLIPModel, folder: Path, labels: Sequence[str] | None
) -> tuple[Callable[[Sequence[Any]], Tensor], list[str]]:
    """Images beside words: the words' vectors are computed once."""
    if not labels:
        raise FormatError(
            f"{folder}: a CLIPModel has no classes of its own; give it labels, in words"
        )
    tokenizer, processor = from_folder(folder), ImageProcessor.from_pretrained(folder)
    most = model.config.text_config.max_position_embeddings
    batch = tokenizer(
        list(labels), padding=True, truncation=True, max_length=most, return_tensors="cr"
    )
    with no_grad():
        texts = model.get_text_features(batch["input_ids"], batch["attention_mask"])
        texts = F.normalize(texts, dim=-1)  # (classes, P)

    def logits(images: Sequence[Any]) -> Tensor:
        found = F.normalize(model.get_image_features(**processor(list(images))), dim=-1)  # (B, P)
        return found @ texts.T * model.logit_scale.exp()

    return logits, list(labels)
