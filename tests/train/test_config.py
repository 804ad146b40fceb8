"""Configurations from text."""

import dataclasses

import pytest

from chainrule.train.recipes import RECIPES, ConfigError, find, options, override, spell
from chainrule.train.recipes.config import option


@dataclasses.dataclass(frozen=True)
class Config:
    steps: int = option(7, "how many", low=1, high=100)
    rate: float = option(0.5, "how fast", low=0.0)
    channels: tuple[int, int] = option((3, 5), "how wide", low=1)
    exact: bool = option(False, "or not")
    data: str = option("", "where")


def test_every_kind_of_value():
    config = override(
        Config(), ["steps=11", "rate=1e-3", "channels=13,17", "exact=true", "data=a=b,c"]
    )
    assert config == Config(11, 1e-3, (13, 17), True, "a=b,c")
    assert type(override(Config(), ["rate=2"]).rate) is float
    assert override(Config(), []) == Config()
    assert override(Config(exact=True), ["exact=false"]).exact is False


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["steps"], "expected key=value, found 'steps'"),
        (["step=3"], "unknown key 'step', the nearest is 'steps'"),
        (["zzz=3"], "unknown key 'zzz', known are channels, data, exact, rate, steps"),
        (["steps=3", "steps=5"], "steps is set twice"),
        (["steps=2.5"], "steps must be an integer, found '2.5'"),
        (["steps="], "steps must be an integer, found ''"),
        (["rate=fast"], "rate must be a number, found 'fast'"),
        (["rate=nan"], "rate must be finite, found 'nan'"),
        (["rate=inf"], "rate must be finite, found 'inf'"),
        (["exact=yes"], "exact must be true or false, found 'yes'"),
        (["channels=3"], "channels must be 2 values separated by commas, found '3'"),
        (["channels=3,x"], "channels must be an integer, found 'x'"),
        (["channels=3,0"], "channels must be at least 1, found 0"),
        (["steps=0"], "steps must be at least 1, found 0"),
        (["steps=101"], "steps must be at most 100, found 101"),
        (["rate=-1"], "rate must be at least 0.0, found -1.0"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(settings, message):
    with pytest.raises(ConfigError) as caught:
        override(Config(), settings)
    assert str(caught.value) == message


def test_options_tell_key_value_and_meaning():
    assert options(Config())[1] == ("rate", 0.5, "how fast")


def test_recipes_are_found_or_the_nearest_is_named():
    assert find("digits").name == "digits"
    with pytest.raises(ConfigError, match="unknown recipe 'digit', the nearest is 'digits'"):
        find("digit")
    with pytest.raises(ConfigError, match="unknown recipe 'gpt2', known are bert-mlm, "):
        find("gpt2")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_recipe_has_what_a_run_needs(recipe):
    keys = {key for key, _, about in options(recipe.config) if about}
    assert {"seed", "blas_threads", "checkpoint_every"} <= keys
    assert len(keys) == len(dataclasses.fields(recipe.config))
    defaults = [f"{key}={spell(v)}" for key, v, _ in options(recipe.config)]
    assert override(recipe.config, defaults) == recipe.config  # the defaults obey their own limits
