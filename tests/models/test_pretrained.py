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
    (lambda f: (f / "model.safetensors").unlink(), FormatError, "found none of them"),
    (text("config.json", b""), FormatError, "expected a JSON object"),
    (text("config.json", b"[1, 2]"), FormatError, "found a list"),
    (text("config.json", b'{"a": 1, "a": 2}'), FormatError, "stands twice"),
    (text("config.json", b'{"a": "\xff\xfe"}'), FormatError, "expected a JSON object"),
    (text("config.json", b"[" * 100_000), FormatError, "expected a JSON object"),
    (settings(architectures=...), FormatError, "'architectures': expected the name"),
    (settings(architectures=[]), FormatError, "'architectures': expected the name"),
    (settings(architectures="GPT2LMHeadModel"), FormatError, "'architectures': expected the name"),
    (
        settings(architectures=["os.system"]),
        FormatError,
        "there is no 'os.system'; there are Albert",
    ),
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
    (settings(add_cross_attention=True), StateDictError, "Missing key.*crossattention"),
    (settings(id2label={"0": "a", "2": "b"}), FormatError, "id2label must name the classes 0, 1"),
    (settings(problem_type="guess"), FormatError, "problem_type is one of None, regression"),
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
    (
        settings(architectures=["BertModel"]),
        StateDictError,
        "a 'gpt2' model, where BertModel is of 'bert'",
    ),
    (cut(0.0), FormatError, "offset 0: expected the size of a header"),
    (cut(0.001), FormatError, "offset 0: expected the size of a header"),
    (cut(0.2), FormatError, "offset 0: expected the size of a header"),
    (cut(0.7), FormatError, "model.safetensors"),
    (cut(0.999), FormatError, "model.safetensors"),
    (text("model.safetensors", b"\xff" * 64), FormatError, "offset 0"),
    (
        text("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
        FormatError,
        "expected a header in JSON, found a list",
    ),
    (
        text("config.json", b'{"\xff"'),
        FormatError,
        "config.json: offset 2: expected a JSON object, found the byte 0xff",
    ),
    (
        text("model.safetensors", (4).to_bytes(8, "little") + b"{{{{"),
        FormatError,
        "expected a header in JSON",
    ),
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
        (
            models.BertConfig,
            {"position_embedding_type": "relative_key"},
            "built with 'absolute' alone",
        ),
        (models.GPT2Config, {"pruned_heads": {"0": [1]}}, "gpt2 models are built with {} alone"),
        (models.BertConfig, {"add_cross_attention": True}, "add_cross_attention is for decoders"),
        (models.Qwen2Config, {"layer_types": ["full_attention"]}, "of each of 32 layers"),
        (models.ViTConfig, {"image_size": [224, 224, 3]}, "image_size must be one or two positive"),
        (
            models.CLIPConfig,
            {"text_config_dict": [1]},
            "key 'text_config_dict': expected an object",
        ),
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


# ------------------------------------------------------------------------------------------ folders of another class

BERT = {
    "vocab_size": 11, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 5,
    "max_position_embeddings": 7, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip


def bert(name, folder, **more):
    """A folder of some BERT, and the model that wrote it."""
    cr.manual_seed(3)
    model = getattr(models, name)(models.BertConfig(**BERT, **more)).eval()
    model.save_pretrained(folder)
    return model


def test_a_head_begins_anew_on_a_folder_of_another_class(tmp_path):
    whole = bert("BertForPreTraining", tmp_path)
    with pytest.warns(
        UserWarning, match=r"does not have classifier.weight, classifier.bias; these"
    ):
        model = models.BertForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert not model.training and model.config.num_labels == 3
    assert model.config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    assert model.classifier.weight.shape == (3, 6) and model.classifier.weight.std() > 0
    assert model.classifier.weight.is_contiguous()
    for key, value in model.bert.state_dict().items():
        assert cr.equal(value, whole.bert.state_dict()[key]), key
    with cr.no_grad():
        model.classifier.weight.add_(1.0)
    model(cr.tensor([[1, 2, 3]]), labels=cr.tensor([2])).loss.backward()
    assert model.classifier.weight.grad.abs().sum() > 0


def test_what_a_folder_of_another_class_has_besides_is_left_out(tmp_path):
    whole = bert("BertForPreTraining", tmp_path)
    ids = cr.tensor([[1, 2, 3]])
    expected = whole.bert(ids)
    for name in ("BertModel", "BertForMaskedLM"):
        model = getattr(models, name).from_pretrained(tmp_path)
        inner = getattr(model, "bert", model)
        assert cr.equal(inner(ids).last_hidden_state, expected.last_hidden_state)
    assert cr.equal(models.BertModel.from_pretrained(tmp_path)(ids)[1], expected.pooler_output)
    logits = models.BertForMaskedLM.from_pretrained(tmp_path)(ids).logits
    assert cr.equal(logits, whole(ids).prediction_logits)


def test_a_folder_of_another_class_must_have_the_model_without_head(tmp_path):
    bert("BertForPreTraining", tmp_path)
    settings(num_hidden_layers=3)(tmp_path)
    with pytest.raises(StateDictError, match="Missing key.*bert.encoder.layer.2.attention"):
        models.BertForTokenClassification.from_pretrained(tmp_path)
    settings(num_hidden_layers=1)(tmp_path)
    with pytest.raises(StateDictError, match="Unexpected key.*bert.encoder.layer.1.attention"):
        models.BertForTokenClassification.from_pretrained(tmp_path)
    gpt2 = tmp_path / "gpt2"
    models.GPT2Model(CONFIG).save_pretrained(gpt2)
    with pytest.raises(StateDictError, match="Missing key"):
        models.BertModel.from_pretrained(gpt2)
    with pytest.raises(StateDictError, match=r"shape \(2, 6\) in the state dict, \(5, 6\)"):
        bert("BertForTokenClassification", tmp_path / "two")
        models.BertForSequenceClassification.from_pretrained(tmp_path / "two", num_labels=5)


def test_a_tower_is_taken_out_of_a_folder_of_both(tmp_path):
    cr.manual_seed(0)
    sizes = {
        "hidden_size": 6,
        "intermediate_size": 5,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = models.CLIPConfig(
        text_config=models.CLIPTextConfig(
            vocab_size=11, eos_token_id=10, projection_dim=4, **sizes
        ),
        vision_config=models.CLIPVisionConfig(
            image_size=6, patch_size=3, projection_dim=4, **sizes
        ),
        projection_dim=4,
    )
    both = models.CLIPModel(config).eval()
    both.save_pretrained(tmp_path)
    ids, pixels = cr.tensor([[1, 10, 0]]), cr.rand(1, 3, 6, 6)
    text = models.CLIPTextModel.from_pretrained(tmp_path)(ids)
    assert cr.equal(text.pooler_output, both.text_model(ids).pooler_output)
    image = models.CLIPVisionModelWithProjection.from_pretrained(tmp_path)(pixels)
    assert cr.equal(image.image_embeds, both.get_image_features(pixels))


def test_older_names_of_keys(tmp_path):
    whole = bert("BertForMaskedLM", tmp_path)
    path, ids = tmp_path / "model.safetensors", cr.tensor([[1, 2, 3]])
    found, _ = read_safetensors(path)
    changes = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
    for new, old in changes:
        found = {k.replace(new, old): v.clone() for k, v in found.items()}
    found["bert.embeddings.position_ids"] = cr.arange(7).unsqueeze(0)
    found["cls.seq_relationship.weight"] = cr.ones(2, 6)
    found["bert.pooler.dense.bias"] = cr.ones(6)
    path.unlink()
    cr.save(found, tmp_path / "pytorch_model.bin")
    again = models.from_pretrained(tmp_path)
    assert cr.equal(again(ids).logits, whole(ids).logits)


def test_a_pickle_that_is_no_state_dict(folder):
    (folder / "model.safetensors").unlink()
    cr.save([cr.ones(2)], folder / "pytorch_model.bin")
    with pytest.raises(FormatError, match="pytorch_model.bin: expected tensors by name"):
        models.from_pretrained(folder)


def test_weights_that_were_trained_apart_stay_apart(folder, tmp_path):
    tensors(lambda t: t.update({"lm_head.weight": t[WTE] + 1.0}))(folder)
    model = models.from_pretrained(folder)
    assert cr.equal(model.lm_head.weight, model.transformer.wte.weight + 1.0)
    model.save_pretrained(tmp_path / "again")
    again = models.from_pretrained(tmp_path / "again")
    assert cr.equal(again.lm_head.weight, model.lm_head.weight)
    tensors(lambda t: t.update({"lm_head.weight": t[WTE].clone()}))(folder)
    model = models.from_pretrained(folder)
    assert model.lm_head.weight is model.transformer.wte.weight


def test_settings_in_place_of_the_file_s(folder):
    model = models.from_pretrained(folder, attn_pdrop=0.5, layer_norm_epsilon=0.1)
    assert model.config.attn_pdrop == 0.5 and model.transformer.ln_f.eps == 0.1
    with pytest.raises(TypeError, match="GPT2Config has no setting device_map, dropout"):
        models.from_pretrained(folder, dropout=0.5, device_map="auto")


def test_what_is_saved_says_its_dtype_and_how_it_writes(folder, tmp_path):
    (folder / "generation_config.json").write_text('{"eos_token_id": [3, 4], "temperature": 0.7}')
    settings(torch_dtype="float32")(folder)
    model = models.from_pretrained(folder, dtype=cr.bfloat16)
    assert model.dtype is cr.bfloat16 and model.generation["eos_token_id"] == [3, 4]
    model.save_pretrained(tmp_path / "again")
    found = json.loads((tmp_path / "again" / "config.json").read_text())
    assert found["dtype"] == "bfloat16" and "torch_dtype" not in found
    again = json.loads((tmp_path / "again" / "generation_config.json").read_text())
    assert again == {"eos_token_id": [3, 4], "temperature": 0.7}


def test_names_of_classes(tmp_path):
    config = models.BertConfig(num_labels=3)
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    named = models.BertConfig(id2label={"0": "no", "1": "yes", "2": "perhaps"})
    assert named.num_labels == 3 and named.id2label[2] == "perhaps"
    assert "num_labels" not in named.to_dict()
    file = {"id2label": {"0": "no", "1": "yes", "2": "perhaps"}, "num_labels": 2}
    assert models.BertConfig.from_dict(file).num_labels == 3
    assert models.BertConfig.from_dict({"num_labels": 4}).num_labels == 4
    assert models.BertConfig().num_labels == 2


def test_what_a_decoder_is_given_first(tmp_path):
    """The token of padding, unless something else is said; a file says it in any case."""
    sizes = {"vocab_size": 11, "d_model": 6, "d_kv": 2, "d_ff": 5, "num_layers": 1, "num_heads": 2}
    for given, start in (({}, 0), ({"pad_token_id": 3}, 3), ({"decoder_start_token_id": 5}, 5)):
        config = models.T5Config(**sizes, **given)
        assert config.start_token == config.to_dict()["decoder_start_token_id"] == start
        cr.manual_seed(0)
        model = models.T5ForConditionalGeneration(config)
        assert model.shifted(cr.tensor([[7, -100, 8]])).tolist() == [
            [start, 7, config.pad_token_id]
        ]
    (tmp_path / "x").mkdir()
    model.save_pretrained(tmp_path / "x")
    (tmp_path / "x" / "generation_config.json").write_text('{"decoder_start_token_id": 9}')
    again = models.from_pretrained(tmp_path / "x")
    assert again.generate(cr.tensor([[1, 2]]), max_new_tokens=2)[0, 0] == 9
