"""Configurations: what may be asked of them and changed in them."""

import copy
import dataclasses
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


@pytest.mark.parametrize(("kind", "settings", "message"), [
    ("Roberta", {"pad_token_id": None}, "pad_token_id must be one of the 512 positions, .* found None"),
    ("DistilBert", {"n_heads": 5}, "n_heads must divide dim, found 5 and 768"),
    ("Mixtral", {"num_experts_per_tok": 9}, "num_experts_per_tok must be from 1 to 8 experts, found 9"),
    ("Llama", {"quantization_config": {"bits": 4}}, "'quantization_config': llama models are built with None alone, found"),
    ("Mistral", {"layer_types": ["full_attention"] * 32}, "all layers of mistral look back the same window"),
    ("Llama", {"num_hidden_layers": 2**29}, "num_hidden_layers must be below 16384, found 536870912"),
    ("Qwen3Moe", {"num_experts": 2**20}, "num_experts must be below 16384, found 1048576"),
    ("Albert", {"inner_group_num": 99999}, "inner_group_num must be below 16384, found 99999"),
    ("Mistral", {"sliding_window": 0}, "sliding_window must be positive, found 0"),
    ("Qwen3Moe", {"mlp_only_layers": [24]}, r"numbers of the 24 layers, found \(24,\)"),
    ("Qwen3Moe", {"num_experts_per_tok": 0}, "num_experts_per_tok must be from 1 to 128 experts, found 0"),
    ("Llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "llama models turn all channels of a head, found 0.5"),
    ("Llama", {"head_dim": 2, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "need 4 channels .* found 2"),
    ("GPTNeoX", {"num_attention_heads": 7}, "num_attention_heads must divide hidden_size, found 7 and 6144"),
    ("GPTNeoX", {"rotary_pct": 0.0}, "partial_rotary_factor must turn an even number of a head's 96 channels, found 0.0"),
    ("OPT", {"word_embed_proj_dim": 0}, "word_embed_proj_dim must be positive, found 0"),
    ("Electra", {"summary_type": "attn"}, "summary_type is one of first, last, mean, cls_index, found 'attn'"),
    ("Electra", {"embedding_size": -1}, "embedding_size must be positive, found -1"),
    ("Albert", {"is_decoder": True}, "is_decoder: an ALBERT looks both ways alone"),
    ("Albert", {"num_hidden_groups": 0}, "num_hidden_groups must be positive, found 0"),
    ("MPNet", {"relative_attention_num_buckets": 8}, "relative_attention_num_buckets must be 32, found 8"),
    ("MPNet", {"max_position_embeddings": 2}, "max_position_embeddings must be above 2, found 2"),
    ("Phi3", {"head_dim": 6, "partial_rotary_factor": 0.5}, "an even number of a head's 6 channels, found 0.5"),
    ("Phi3", {"num_attention_heads": 0}, "num_attention_heads must be positive, found 0"),
    ("Phi3", {"original_max_position_embeddings": 1}, "original_max_position_embeddings must be above 1, found 1"),
    ("Phi3", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "of type default or longrope, found 'linear'"),
    ("Gemma", {"use_bidirectional_attention": True}, "use_bidirectional_attention is not there"),
    ("Gemma2", {"attn_logit_softcapping": 0.0}, "attn_logit_softcapping must be positive, found 0.0"),
    ("Gemma2", {"layer_types": [["full_attention"]]}, "layer_types must say full_attention or sliding_attention"),
    ("Gemma3Text", {"sliding_window_pattern": 0}, "sliding_window_pattern must be positive, found 0"),
    ("Gemma3Text", {"rope_parameters": {"full_attention": "far"}}, "expected settings of each kind of layer, found"),
])  # fmt: skip
def test_what_does_not_fit_is_named(kind, settings, message):
    with pytest.raises(FormatError, match=message):
        getattr(models, f"{kind}Config").from_dict(settings)


def test_positions_in_two_ways_are_told_in_both_forms():
    """As `transformers` 5 writes them, and as it did before."""
    before = {
        "rope_theta": 5e5,
        "rope_local_base_freq": 300.0,
        "rope_scaling": {"type": "linear", "factor": 8.0},
    }
    config = models.Gemma3TextConfig.from_dict({**before, "num_hidden_layers": 6})
    told = config.to_dict()
    assert told["layer_types"] == ["sliding_attention"] * 5 + ["full_attention"]
    assert told["rope_parameters"]["sliding_attention"] == {
        "rope_type": "default",
        "rope_theta": 300.0,
    }
    assert models.Gemma3TextConfig.from_dict(told).rotary() == {
        "full_attention": (5e5, {"rope_type": "linear", "factor": 8.0}),
        "sliding_attention": (300.0, {"rope_type": "default"}),
    }


UNREAD = {
    "use_cache", "is_decoder", "rope_parameters",  # of calls; of T5, always both; told by fields of ours
    "reorder_and_upcast_attn", "embd_pdrop", "pad_token_id", "bos_token_id",  # change no result, or nobody reads them
    *[f"summary_{name}" for name in ("activation", "first_dropout", "proj_to_labels", "type", "use_proj")],  # of another head
    *[f"mask_{a}_{b}" for a in ("time", "feature") for b in ("length", "min_masks", "prob")], "median_filter_width",
    "suppress_tokens", "begin_suppress_tokens",  # Whisper's, of training, of times of words, and read when it writes
    "_out_features", "_out_indices", "apply_layernorm", "reshape_hidden_states",  # of DINOv2 as a part of other models
}  # fmt: skip
"""What `transformers` has in configurations and the models here need not know."""


@pytest.mark.filterwarnings("ignore")
def test_every_setting_of_transformers_is_known(torch):
    """One that a later version adds is not passed over in silence."""
    from transformers import CONFIG_MAPPING, PreTrainedConfig

    shared = {f.name for f in dataclasses.fields(PreTrainedConfig)}
    ours = {found.config_class for found in models.ARCHITECTURES.values()} - {
        models.RecurrentConfig
    }
    assert len(ours) > 25
    for config in ours:
        theirs = {f.name for f in dataclasses.fields(CONFIG_MAPPING[config.model_type])} - shared
        known = (
            {f.name for f in dataclasses.fields(config)} | set(config.fixed) | set(config.aliases)
        )
        assert theirs - known <= UNREAD, config
