"""Recipes: a configuration and a function that builds everything a run needs from it. A new recipe
is one file and one line here.

Reading order: `config`, `experiment`, `digits`.
"""

from .config import ConfigError, nearest, options, override, spell
from .digits import DIGITS
from .experiment import DataFacts, Experiment, Recipe

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

RECIPES = {recipe.name: recipe for recipe in (DIGITS,)}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}, {nearest(name, RECIPES)}")
    return RECIPES[name]
