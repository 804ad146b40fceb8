"""Configurations: what may be asked of them and changed in them."""

import copy
import pickle

import pytest

from chainrule import models
from chainrule.base.errors import FormatError


@pytest.fixture
def config():
    return models.GPT2Config(n_embd=12, n_head=3, n_layer=1, others={"use_cache": True})


def test_a_setting_is_changed(config):
    config.pad_token_id = 7
    config.num_labels = 3
    assert config.to_dict()["pad_token_id"] == 7
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}


def test_one_that_does_not_fit_leaves_the_old(config):
    with pytest.raises(FormatError, match="n_head must divide n_embd, found 5 and 12"):
        config.n_head = 5
    assert config.n_head == 3
    with pytest.raises(FormatError, match="problem_type is one of"):
        config.problem_type = "guessing"
    assert config.problem_type is None


def test_settings_that_the_model_does_not_read(config):
    assert config.use_cache is True
    config.use_cache = False
    assert config.to_dict()["use_cache"] is False
    with pytest.raises(
        AttributeError, match="GPT2Config has no setting 'n_heads' that the model reads"
    ):
        config.n_heads = 2
    with pytest.raises(AttributeError, match="GPT2Config has no setting 'n_heads'"):
        _ = config.n_heads


def test_names_that_all_models_share(config):
    assert (config.hidden_size, config.num_attention_heads, config.num_hidden_layers) == (12, 3, 1)
    config.num_attention_heads = 4
    assert config.n_head == 4
    assert models.GPT2Config.from_dict({"hidden_size": 24}).n_embd == 24
    small = models.T5Config(d_model=6, num_heads=2, d_kv=3)
    assert (small.hidden_size, small.head_dim) == (6, 3)


def test_a_copy_is_another(config):
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        other.eos_token_id = 3
        assert other != config
