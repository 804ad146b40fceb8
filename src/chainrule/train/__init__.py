"""Training: the loop, what it tells, what it saves, and the recipes. May import everything below,
and is imported by `cli` alone.

Reading order: `events`, `metrics`, `tasks`, `evaluation`, `stall`, `loop`; what listens to it:
`goal`, `files`, `log`, `tensorboard`, `summaries`, `checkpoint`, `keeper`; beside it: `rate_finder`, `memory`,
`interrupt`; a whole run: `recipes`, `run`, `runs`, `card` with `tables`, `samples`; what a recipe
is about: `kinds`, and what is drawn of it: `pictures`. safetensors and matplotlib are imported when
the first checkpoint is saved and the first picture drawn.
"""

from ..base.loading import shown
from .checkpoint import load_checkpoint, save_checkpoint
from .evaluation import Evaluation, evaluate
from .events import (
    EpochFinished,
    LearningStalled,
    ProgramReady,
    StepFinished,
    TrainingFinished,
    TrainingInterrupted,
    TrainingStarted,
)
from .files import SaveError
from .goal import EarlyStopping, Goal
from .keeper import Checkpoints, newest_checkpoint
from .log import MetricsLog
from .loop import NonFiniteLossError, Trainer
from .metrics import (
    R2,
    Accuracy,
    BitsPerByte,
    Confusion,
    MeanAbsoluteError,
    Metric,
    Perplexity,
    PrecisionRecallF1,
    RecallAtK,
    RootMeanSquaredError,
    TopKAccuracy,
    accuracy,
    class_accuracy,
    confusion_matrix,
    share_interval,
)
from .rate_finder import RateCurve, find_learning_rate
from .recipes import RECIPES, ConfigError
from .tasks import Classification, LanguageModel, MaskedLanguageModel, Regression, Task
from .tensorboard import TensorBoard

__all__ = [
    "R2",
    "RECIPES",
    "Accuracy",
    "BitsPerByte",
    "Checkpoints",
    "Classification",
    "ConfigError",
    "Confusion",
    "EarlyStopping",
    "EpochFinished",
    "Evaluation",
    "Goal",
    "LanguageModel",
    "LearningStalled",
    "MaskedLanguageModel",
    "MeanAbsoluteError",
    "Metric",
    "MetricsLog",
    "NonFiniteLossError",
    "Perplexity",
    "PrecisionRecallF1",
    "ProgramReady",
    "RateCurve",
    "RecallAtK",
    "Regression",
    "RootMeanSquaredError",
    "SaveError",
    "StepFinished",
    "Task",
    "TensorBoard",
    "TopKAccuracy",
    "Trainer",
    "TrainingFinished",
    "TrainingInterrupted",
    "TrainingStarted",
    "accuracy",
    "class_accuracy",
    "confusion_matrix",
    "evaluate",
    "find_learning_rate",
    "load_checkpoint",
    "newest_checkpoint",
    "save_checkpoint",
    "share_interval",
]

__dir__ = shown(__name__, ("metrics", "recipes"))
