"""The classes that choose a class by a folder, under the names that people know from `transformers`.

AutoModelForCausalLM.from_pretrained(folder)      the folder's `model_type`, with the head that is asked for
chainrule.models.from_pretrained(folder)          the class that the folder names, whatever its head is
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from ..base.errors import FormatError
from ..data import tokenizers
from .config import Config, read_json
from .images import ImageProcessor
from .pretrained import ARCHITECTURES, CONFIG, PreTrained
from .sound import WhisperFeatureExtractor

__all__ = [
    "AutoConfig", "AutoFeatureExtractor", "AutoImageProcessor", "AutoModel", "AutoModelForAudioClassification",
    "AutoModelForCausalLM", "AutoModelForImageClassification", "AutoModelForMaskedImageModeling", "AutoModelForMaskedLM",
    "AutoModelForMultipleChoice", "AutoModelForNextSentencePrediction", "AutoModelForPreTraining",
    "AutoModelForQuestionAnswering", "AutoModelForSeq2SeqLM", "AutoModelForSequenceClassification",
    "AutoModelForSpeechSeq2Seq", "AutoModelForTokenClassification", "AutoTokenizer",
]  # fmt: skip


class AutoModel:
    """Any model without head. The classes below have a head, which is new where a folder has none, of which a warning tells.

    Example:
        >>> config = models.ViTConfig(hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        ...     image_size=12, patch_size=4)
        >>> type(models.AutoModel.from_config(config)).__name__
        'ViTModel'
        >>> type(models.AutoModelForImageClassification.from_config(config)).__name__
        'ViTForImageClassification'
    """

    endings: ClassVar[tuple[str, ...]] = ("Model",)
    """How the names of the classes end, after that of the architecture."""

    def __init__(self) -> None:
        raise TypeError(
            f"{type(self).__name__} makes models by from_pretrained(folder) or from_config(config)"
        )

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], **settings: Any) -> PreTrained:
        """The model of a folder; arguments as of `PreTrained.from_pretrained`.

        Raises:
            FormatError: a `model_type` that there is not, or not with this head.
        """
        path = Path(folder) / CONFIG
        return cls._of(_config_class(path), path).from_pretrained(folder, **settings)

    @classmethod
    def from_config(cls, config: Config) -> PreTrained:
        """A model with initial weights.

        Raises:
            FormatError: a configuration of a model that has not this head.
        """
        return cls._of(type(config), type(config).__name__)(config)

    @classmethod
    def _of(cls, config_class: type[Config], source: Any) -> type[PreTrained]:
        architecture = config_class.__name__.removesuffix("Config")
        for ending in cls.endings:
            if f"{architecture}{ending}" in ARCHITECTURES:
                return ARCHITECTURES[f"{architecture}{ending}"]
        for name, found in ARCHITECTURES.items():  # a model of texts alone may leave that out
            if found.config_class is config_class and name.endswith(cls.endings):
                return found
        raise FormatError(
            f"{source}: {cls.__name__}: there is no {architecture}{cls.endings[0]}; "
            f"there are {', '.join(n for n in ARCHITECTURES if n.startswith(architecture))}"
        )


def _config_class(path: Path) -> type[Config]:
    """The class of a configuration, by its `model_type`."""
    if not path.is_file():
        raise FormatError(f"{path.parent}: expected a folder with {CONFIG}, found no {CONFIG}")
    kind = read_json(path).get("model_type")
    known = {found.config_class.model_type: found.config_class for found in ARCHITECTURES.values()}
    if not isinstance(kind, str) or kind not in known:
        raise FormatError(
            f"{path}: key 'model_type': expected one of {', '.join(sorted(known))}, found {kind!r:.40}"
        )
    return known[kind]


class AutoModelForCausalLM(AutoModel):
    """Writes text."""

    endings = ("ForCausalLM", "LMHeadModel")


class AutoModelForSeq2SeqLM(AutoModel):
    """Answers a text with a text."""

    endings = ("ForConditionalGeneration",)


class AutoModelForMaskedLM(AutoModel):
    """Tells masked words."""

    endings = ("ForMaskedLM",)


class AutoModelForPreTraining(AutoModel):
    """As a model is trained first."""

    endings = ("ForPreTraining", "LMHeadModel", "ForCausalLM", "ForConditionalGeneration", "Model")


class AutoModelForNextSentencePrediction(AutoModel):
    """Tells whether a sentence follows another."""

    endings = ("ForNextSentencePrediction",)


class AutoModelForSequenceClassification(AutoModel):
    """Classifies texts."""

    endings = ("ForSequenceClassification",)


class AutoModelForTokenClassification(AutoModel):
    """Classifies tokens."""

    endings = ("ForTokenClassification",)


class AutoModelForQuestionAnswering(AutoModel):
    """Tells where in a text an answer stands."""

    endings = ("ForQuestionAnswering",)


class AutoModelForMultipleChoice(AutoModel):
    """Chooses one of several texts."""

    endings = ("ForMultipleChoice",)


class AutoModelForImageClassification(AutoModel):
    """Classifies images."""

    endings = ("ForImageClassification",)


class AutoModelForMaskedImageModeling(AutoModel):
    """Paints hidden patches."""

    endings = ("ForMaskedImageModeling",)


class AutoModelForSpeechSeq2Seq(AutoModel):
    """Writes what is said."""

    endings = ("ForConditionalGeneration",)


class AutoModelForAudioClassification(AutoModel):
    """Classifies sounds."""

    endings = ("ForAudioClassification",)


class AutoConfig:
    """The configuration of a folder, of the class that its `model_type` names."""

    @staticmethod
    def from_pretrained(folder: str | os.PathLike[str]) -> Config:
        """What `config.json` says.

        Raises:
            FormatError: a `model_type` that there is not, or a file that is not what it should be.
        """
        path = Path(folder) / CONFIG
        return _config_class(path).from_dict(read_json(path), path)


class AutoTokenizer:
    """The tokenizer of a folder, see `chainrule.data.tokenizers.from_folder`."""

    @staticmethod
    def from_pretrained(folder: str | os.PathLike[str]) -> tokenizers.Tokenizer:
        """What `tokenizer.json`, or what came before it, says."""
        return tokenizers.from_folder(folder)


class AutoImageProcessor:
    """What is done to pictures before a model sees them, see `ImageProcessor`."""

    @staticmethod
    def from_pretrained(folder: str | os.PathLike[str]) -> ImageProcessor:
        """What `preprocessor_config.json` says."""
        return ImageProcessor.from_pretrained(folder)


class AutoFeatureExtractor:
    """What is done to sounds before a model hears them, see `WhisperFeatureExtractor`."""

    @staticmethod
    def from_pretrained(folder: str | os.PathLike[str]) -> WhisperFeatureExtractor:
        """What `preprocessor_config.json` says."""
        return WhisperFeatureExtractor.from_pretrained(folder)
