"""Training: the loop, what it tells, what it saves, and the recipes. May import everything below,
and is imported by `cli` alone.

Reading order: `events`, `loop`, `metrics`, `log`, `memory`, `files`, `checkpoint`, `interrupt`,
`recipes`, `pictures`, `card`, `run`. safetensors and matplotlib are imported when the first
checkpoint is saved and the first picture drawn.
"""

from .checkpoint import load_checkpoint, save_checkpoint
from .events import (
    EpochFinished,
    ProgramReady,
    StepFinished,
    TrainingFinished,
    TrainingInterrupted,
    TrainingStarted,
)
from .files import SaveError
from .loop import Evaluation, NonFiniteLossError, Trainer, evaluate
from .metrics import accuracy, class_accuracy, confusion_matrix
from .recipes import RECIPES, ConfigError

__all__ = [
    "RECIPES",
    "ConfigError",
    "EpochFinished",
    "Evaluation",
    "NonFiniteLossError",
    "ProgramReady",
    "SaveError",
    "StepFinished",
    "Trainer",
    "TrainingFinished",
    "TrainingInterrupted",
    "TrainingStarted",
    "accuracy",
    "class_accuracy",
    "confusion_matrix",
    "evaluate",
    "load_checkpoint",
    "save_checkpoint",
]
