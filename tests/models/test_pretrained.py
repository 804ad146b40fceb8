"""Folders that are not what they should be: one typed error each, which names the file and the key, and nothing allocated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import ChainruleError, FormatError, StateDictError
from chainrule.files import read_safetensors, write_safetensors

CONFIG = models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder as it should be."""
    folder = tmp_path_factory.mktemp("whole")
    cr.manual_seed(0)
    models.GPT2LMHeadModel(CONFIG).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """A copy, to be damaged."""
    shutil.copytree(whole, tmp_path / "model")
    return tmp_path / "model"


def settings(**changes):
    """Damage: other settings; `...` takes one away."""

    def damage(folder: Path) -> None:
        path = folder / "config.json"
        found = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in found.items() if v is not ...}))

    return damage


def text(name: str, content: bytes):
    """Damage: another content of a file."""
    return lambda folder: (folder / name).write_bytes(content)


def header(change):
    """Damage: the header of the weights changed."""

    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        found = json.loads(data[8 : 8 + size])
        change(found)
        new = json.dumps(found).encode()
        path.write_bytes(len(new).to_bytes(8, "little") + new + data[8 + size :])

    return damage


def cut(share: float):
    """Damage: the weights cut off."""

    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return damage


def tensors(change):
    """Damage: other tensors in the file."""

    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        found, _ = read_safetensors(path)
        change(found)
        write_safetensors(path, found)

    return damage


def shards(change):
    """Damage: the weights in two files with an index, then changed."""

    def damage(folder: Path) -> None:
        found, _ = read_safetensors(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        keys = sorted(found)
        parts = {"a.safetensors": keys[::2], "b.safetensors": keys[1::2]}
        for name, some in parts.items():
            write_safetensors(folder / name, {k: found[k] for k in some})
        index = {"weight_map": {k: name for name, some in parts.items() for k in some}}
        change(folder, index)
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return damage


WTE = "transformer.wte.weight"


def entry(**changes):
    """Change of the header: one tensor's entry."""
    return header(lambda h: h[WTE].update(changes))


BROKEN = [
    (lambda f: (f / "config.json").unlink(), FormatError, "found no config.json"),
    (lambda f: (f / "model.safetensors").unlink(), FormatError, "found neither"),
    (text("config.json", b""), FormatError, "expected a JSON object"),
    (text("config.json", b"[1, 2]"), FormatError, "found a list"),
    (text("config.json", b'{"a": 1, "a": 2}'), FormatError, "stands in it twice"),
    (text("config.json", b'{"a": "\xff\xfe"}'), FormatError, "expected a JSON object"),
    (text("config.json", b"[" * 100_000), FormatError, "expected a JSON object"),
    (settings(architectures=...), FormatError, "'architectures': expected the name"),
    (settings(architectures=[]), FormatError, "'architectures': expected the name"),
    (settings(architectures="GPT2LMHeadModel"), FormatError, "'architectures': expected the name"),
    (settings(architectures=["os.system"]), FormatError, "there is no 'os.system'; there are Bert"),
    (settings(architectures=["A", "B"]), FormatError, "the name of one class"),
    (settings(vocab_size="11"), FormatError, "key 'vocab_size': expected int, found '11'"),
    (settings(vocab_size=11.5), FormatError, "key 'vocab_size': expected int, found 11.5"),
    (settings(vocab_size=True), FormatError, "key 'vocab_size': expected int, found True"),
    (settings(vocab_size=None), FormatError, "key 'vocab_size': expected int, found None"),
    (settings(vocab_size=0), FormatError, "vocab_size must be positive, found 0"),
    (settings(n_layer=-1), FormatError, "n_layer must be positive, found -1"),
    (settings(n_head=4), FormatError, "n_head must divide n_embd, found 4 and 6"),
    (settings(n_embd=2**60), FormatError, "key 'n_embd': expected int, found"),
    (settings(layer_norm_epsilon="small"), FormatError, "key 'layer_norm_epsilon': expected float"),
    (settings(scale_attn_weights=1), FormatError, "key 'scale_attn_weights': expected bool"),
    (settings(activation_function="exec"), FormatError, "there is no activation 'exec'"),
    (settings(add_cross_attention=True), FormatError, "gpt2 models are built with False alone"),
    # sizes that the weights do not have: terabytes, were they allocated
    (settings(n_embd=3 * 2**28), FormatError, "no model of these sizes"),
    (
        settings(vocab_size=2**29),
        StateDictError,
        r"shape \(11, 6\) in the state dict, \(536870912, 6\) in the model",
    ),
    (settings(n_positions=2**29), StateDictError, "mismatch"),
    (settings(n_inner=2**29), StateDictError, "mismatch"),
    (settings(n_layer=3), StateDictError, 'Missing key.*"transformer.h.2.ln_1.weight"'),
    (settings(n_layer=1), StateDictError, 'Unexpected key.*"transformer.h.1.ln_1.weight"'),
    (settings(architectures=["BertModel"]), StateDictError, "Missing key"),
    (cut(0.0), FormatError, "offset 0: expected the size of a header"),
    (cut(0.001), FormatError, "offset 0: expected the size of a header"),
    (cut(0.2), FormatError, "offset 0: expected the size of a header"),
    (cut(0.7), FormatError, "model.safetensors"),
    (cut(0.999), FormatError, "model.safetensors"),
    (text("model.safetensors", b"\xff" * 64), FormatError, "offset 0"),
    (
        text("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
        FormatError,
        "expected an object",
    ),
    (text("model.safetensors", (4).to_bytes(8, "little") + b"{{{{"), FormatError, "other text"),
    (entry(dtype="C64"), FormatError, f"key '{WTE}'"),
    (entry(dtype=7), FormatError, f"key '{WTE}'"),
    (entry(shape=[11, -6]), FormatError, f"key '{WTE}'"),
    (entry(shape=[11, 7]), FormatError, f"key '{WTE}'"),
    (entry(shape="11, 6"), FormatError, f"key '{WTE}'"),
    (entry(shape=[2**40, 2**40]), FormatError, f"key '{WTE}'"),
    (entry(data_offsets=[0, 10**15]), FormatError, "model.safetensors"),
    (entry(data_offsets=[-8, 256]), FormatError, "model.safetensors"),
    (entry(data_offsets=[264, 0]), FormatError, "model.safetensors"),
    (entry(data_offsets=[0]), FormatError, "model.safetensors"),
    (entry(data_offsets=[8, 272]), FormatError, "model.safetensors"),  # where another tensor lies
    (header(lambda h: h.pop(WTE)), FormatError, "model.safetensors"),  # a hole
    (header(lambda h: h.update({WTE: "here"})), FormatError, f"key '{WTE}'"),
    (
        header(lambda h: h.update(__metadata__={"format": 1})),
        FormatError,
        "expected strings by name",
    ),
    (tensors(lambda t: t.pop(WTE)), StateDictError, "Missing key"),
    (tensors(lambda t: t.update(more=cr.ones(3))), StateDictError, 'Unexpected key.*"more"'),
    (
        tensors(lambda t: t.update({WTE: t[WTE].T.contiguous()})),
        StateDictError,
        r"shape \(6, 11\) in the state dict",
    ),
    (shards(lambda f, i: i.pop("weight_map")), FormatError, "key 'weight_map'"),
    (shards(lambda f, i: i.update(weight_map=[1])), FormatError, "key 'weight_map'"),
    (
        shards(lambda f, i: i["weight_map"].update({WTE: "../a.safetensors"})),
        FormatError,
        "files beside it",
    ),
    (
        shards(lambda f, i: i["weight_map"].update({WTE: "/etc/passwd"})),
        FormatError,
        "files beside it",
    ),
    (shards(lambda f, i: i["weight_map"].update({WTE: 3})), FormatError, "files beside it"),
    (
        shards(lambda f, i: i["weight_map"].update({WTE: "c.safetensors"})),
        FormatError,
        "c.safetensors",
    ),
    (
        shards(lambda f, i: i["weight_map"].update(more="a.safetensors")),
        FormatError,
        "a.safetensors does not have it",
    ),
    (shards(lambda f, i: i["weight_map"].pop(WTE)), FormatError, "the index has it in None"),
    (
        shards(lambda f, i: (f / "b.safetensors").unlink()),
        FormatError,
        "there is no file b.safetensors",
    ),
]


@pytest.mark.parametrize(
    ("damage", "error", "words"), BROKEN, ids=[str(k) for k in range(len(BROKEN))]
)
def test_a_broken_folder_is_one_typed_error(folder, damage, error, words):
    damage(folder)
    with pytest.raises(error, match=words) as caught:
        models.from_pretrained(folder)
    assert isinstance(caught.value, ChainruleError)
    if error is FormatError:
        assert str(folder) in str(caught.value)


def test_the_folder_as_it_should_be_loads(folder):
    model = models.from_pretrained(folder)
    assert not model.training and model.lm_head.weight is model.transformer.wte.weight
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    shards(lambda f, i: None)(folder)
    ids = cr.tensor([[1, 2, 3]])
    assert cr.equal(models.from_pretrained(folder)(ids).logits, model(ids).logits)


def test_settings_that_are_not_read_are_kept(folder, tmp_path):
    settings(task_specific_params={"a": [1]}, summary_type="cls_index")(folder)
    models.from_pretrained(folder).save_pretrained(tmp_path / "again")
    found = json.loads((tmp_path / "again" / "config.json").read_text())
    assert found["task_specific_params"] == {"a": [1]} and found["summary_type"] == "cls_index"
    assert found["architectures"] == ["GPT2LMHeadModel"] and found["model_type"] == "gpt2"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_any_damage_is_a_typed_error_or_harmless(folder, name):
    path, rng = folder / name, np.random.default_rng(0)
    data = path.read_bytes()
    for _ in range(150):
        bad = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            bad[int(rng.integers(min(len(bad), 2500)))] = int(rng.integers(256))
        path.write_bytes(bytes(bad))
        try:
            models.from_pretrained(folder)
        except ChainruleError:
            pass
        except OSError:  # a name with a zero byte, say
            pass


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_key_value_heads": 3}, "num_key_value_heads must divide 4 heads, found 3"),
        ({"head_dim": 3}, "a head must have an even size, found 3"),
        ({"rope_scaling": {"rope_type": "magic"}}, "scaled by one of default, linear"),
        (
            {"rope_scaling": {"rope_type": "linear"}},
            "linear need 'factor', a positive number, found None",
        ),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "llama3 need 'low_freq_factor'"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": -1.0}}, "yarn need 'factor'"),
        ({"rope_scaling": {"rope_type": ["yarn"]}}, "scaled by one of default, linear"),
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "beta_fast": "32"}},
            "yarn need 'beta_fast', a positive",
        ),
        (
            {"rope_scaling": {"rope_type": "linear", "factor": [2.0]}},
            "linear need 'factor', a positive number",
        ),
        (
            {
                "rope_scaling": {
                    "rope_type": "longrope",
                    "factor": 2.0,
                    "short_factor": [1.0],
                    "long_factor": 3,
                    "original_max_position_embeddings": 8,
                }
            },
            "longrope need 'short_factor', . positive numbers",
        ),
        ({"rope_theta": 1.0}, r"\(rope_theta\) must be above 1, found 1.0"),
        ({"rope_theta": "10000"}, "key 'rope_theta': expected float"),
        ({"pretraining_tp": 2}, "llama models are built with 1 alone"),
    ],
)
def test_settings_of_llama_that_are_refused(changes, words):
    given = {"vocab_size": 11, "hidden_size": 16, "num_attention_heads": 4, **changes}
    with pytest.raises(FormatError, match=words):
        models.LlamaConfig.from_dict(given, "here")


def test_settings_of_others_that_are_refused():
    for config, changes, words in (
        (models.BertConfig, {"is_decoder": True}, "bert models are built with False alone"),
        (models.ViTConfig, {"patch_size": 300}, "a patch of 300 does not fit"),
        (models.ResNetConfig, {"layer_type": "deep"}, "layer_type is 'basic' or 'bottleneck'"),
        (models.ResNetConfig, {"depths": [1]}, "every stage needs a width and a depth"),
        (models.ResNetConfig, {"depths": ["1", 1, 1, 1]}, "sizes must be positive"),
        (models.CLIPConfig, {"text_config": 3}, "key 'text_config': expected an object"),
        (
            models.CLIPConfig,
            {"vision_config": {"hidden_size": "x"}},
            "vision_config: key 'hidden_size'",
        ),
        (models.T5Config, {"feed_forward_proj": "gated-exec"}, "there is no activation 'exec'"),
    ):
        with pytest.raises(FormatError, match=words):
            config.from_dict(changes, "here")
