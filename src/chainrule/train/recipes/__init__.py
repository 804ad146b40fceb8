"""Recipes: a configuration and a function that builds everything a run needs from it. A new recipe
is one file and one line here.

Reading order: `config`, `experiment`, `digits`, `vision`, `mlp`, `cnn`, `names`, `resnet`, `vit`, `sst2`, `emoji`;
`ngrams`, `windows`, `shakespeare`; `masked`; `temperature`.
"""

from .cnn import FASHION_CNN, MNIST_CNN
from .config import ConfigError, nearest, options, override, spell
from .digits import DIGITS
from .emoji import CLIP_EMOJI, CLIP_EMOJI_RANDOM
from .experiment import DataFacts, Experiment, Recipe
from .masked import BERT_MLM
from .mlp import MNIST_0TO4, MNIST_1000, MNIST_MLP
from .names import NAMES_RNN
from .resnet import RESNET_CIFAR10
from .shakespeare import SHAKESPEARE_BPE, SHAKESPEARE_CHAR, SHAKESPEARE_LLAMA, SHAKESPEARE_LSTM
from .sst2 import BERT_SST2, BERT_SST2_SCRATCH
from .temperature import LSTM_TEMPERATURE
from .vit import VIT_CIFAR10

__all__ = [
    "RECIPES",
    "ConfigError",
    "DataFacts",
    "Experiment",
    "Recipe",
    "find",
    "options",
    "override",
    "spell",
]

RECIPES = {
    recipe.name: recipe
    for recipe in (
        DIGITS,
        MNIST_0TO4,
        MNIST_1000,
        MNIST_MLP,
        MNIST_CNN,
        FASHION_CNN,
        NAMES_RNN,
        RESNET_CIFAR10,
        SHAKESPEARE_CHAR,
        SHAKESPEARE_LLAMA,
        SHAKESPEARE_LSTM,
        SHAKESPEARE_BPE,
        BERT_MLM,
        LSTM_TEMPERATURE,
        VIT_CIFAR10,
        BERT_SST2,
        BERT_SST2_SCRATCH,
        CLIP_EMOJI,
        CLIP_EMOJI_RANDOM,
    )
}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}, {nearest(name, RECIPES)}")
    return RECIPES[name]
