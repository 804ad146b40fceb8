"""What people do with a model of `transformers` besides calling it: shards, dtypes, other vocabularies, layers that run again,
classes that choose a class, scores of what was written.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import FormatError, RangeError, ShapeError, StateDictError

TEXT = {"hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 3}
BERT = models.BertConfig(vocab_size=11, max_position_embeddings=5, **TEXT)
GPT2 = models.GPT2Config(
    vocab_size=11, n_positions=17, n_embd=6, n_layer=2, n_head=3, eos_token_id=2
)
T5 = models.T5Config(vocab_size=11, d_model=6, d_kv=2, d_ff=7, num_layers=2, num_heads=3)
IDS = cr.tensor([[1, 3, 10], [4, 5, 6]])


@pytest.fixture
def bert():
    cr.manual_seed(0)
    return models.BertForMaskedLM(BERT).eval()


def test_weights_in_pieces_and_in_one_again(bert, tmp_path):
    bert.save_pretrained(tmp_path, max_shard_size="1KB")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert "model-00001-of-00004.safetensors" in names and "model.safetensors" not in names
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(
        t.nbytes for k, t in bert.state_dict().items() if k in index["weight_map"]
    )
    assert all(
        (tmp_path / name).stat().st_size < 3000 for name in set(index["weight_map"].values())
    )
    assert cr.equal(models.from_pretrained(tmp_path)(IDS).logits, bert(IDS).logits)
    bert.save_pretrained(tmp_path)  # what was there in pieces must not be read again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    bert.save_pretrained(tmp_path, max_shard_size=700)
    assert not (tmp_path / "model.safetensors").exists()
    for size in ("5 parsecs", 0, "GB"):
        with pytest.raises(RangeError, match="max_shard_size is a number of bytes, or a text"):
            bert.save_pretrained(tmp_path, max_shard_size=size)


def test_dtypes_by_name(bert, tmp_path):
    bert.bfloat16().save_pretrained(tmp_path)
    assert models.from_pretrained(tmp_path).dtype is cr.float32
    for given in ({"dtype": "auto"}, {"torch_dtype": "bfloat16"}, {"dtype": "torch.bfloat16"}):
        assert models.from_pretrained(tmp_path, **given).dtype is cr.bfloat16
    assert models.BertForMaskedLM.from_pretrained(tmp_path, dtype=cr.float16).dtype is cr.float16
    assert str(bert.device) == "cpu"
    with pytest.raises(TypeError, match="dtype is one of floats, its name"):
        models.from_pretrained(tmp_path, dtype="int8")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("make", [
    lambda tied: models.BertForMaskedLM(models.BertConfig(vocab_size=11, max_position_embeddings=5, tie_word_embeddings=tied, **TEXT)),
    lambda tied: models.LlamaForCausalLM(models.LlamaConfig(vocab_size=11, tie_word_embeddings=tied, **TEXT)),
    lambda tied: models.T5ForConditionalGeneration(models.T5Config(
        vocab_size=11, d_model=6, d_kv=2, d_ff=7, num_layers=2, num_heads=3, tie_word_embeddings=tied)),
])  # fmt: skip
def test_another_vocabulary(make, tied, tmp_path):
    cr.manual_seed(0)
    model = make(tied).eval()
    more = {"labels": IDS} if isinstance(model, models.T5ForConditionalGeneration) else {}
    before, mean = model(IDS, **more).logits, model.get_input_embeddings().weight.mean(dim=0)
    model.resize_token_embeddings(13, pad_to_multiple_of=4)
    words = model.get_input_embeddings()
    assert words.num_embeddings == 16 == model.config.vocab_size
    assert (
        cr.allclose(words.weight[15], mean)
        and (model.get_output_embeddings().weight is words.weight) is tied
    )
    after = model(IDS, **more).logits
    assert after.shape[-1] == 16 and cr.allclose(after[..., :11], before, atol=1e-6)
    model.save_pretrained(tmp_path)
    assert cr.equal(models.from_pretrained(tmp_path)(IDS, **more).logits, after)
    model.resize_token_embeddings(11)
    assert cr.allclose(model(IDS, **more).logits, before, atol=1e-6)
    with pytest.raises(RangeError, match="a vocabulary has a token at least"):
        model.resize_token_embeddings(0)


def test_models_without_words():
    model = models.ResNetModel(
        models.ResNetConfig(embedding_size=4, hidden_sizes=(4,), depths=(1,))
    )
    with pytest.raises(TypeError, match="ResNetModel has no embeddings of words"):
        model.resize_token_embeddings(3)
    with pytest.raises(TypeError, match="ResNetModel has no stack of layers to run again"):
        model.gradient_checkpointing_enable()


def test_how_many_parameters(bert):
    every = {id(p): p.numel() for p in bert.parameters()}
    assert bert.num_parameters() == sum(every.values())
    assert bert.num_parameters(exclude_embeddings=True) == bert.num_parameters() - 6 * (11 + 5 + 2)
    bert.bert.encoder.layer[0].requires_grad_(False)
    assert 0 < bert.num_parameters(only_trainable=True) < bert.num_parameters()


@pytest.mark.parametrize("make", [
    lambda: models.BertForMaskedLM(BERT), lambda: models.GPT2LMHeadModel(GPT2), lambda: models.T5ForConditionalGeneration(T5),
])  # fmt: skip
def test_layers_that_run_again_have_the_same_gradients(make):
    cr.manual_seed(0)
    model = make().train()
    again: list = []
    for module in model.modules():
        if type(module).__name__.endswith(("Layer", "Block")):
            module.register_forward_hook(lambda *_: again.append(1))
    found = []
    for on in (False, True):
        (model.gradient_checkpointing_enable if on else model.gradient_checkpointing_disable)()
        assert model.is_gradient_checkpointing is on
        again.clear()
        cr.manual_seed(1)  # dropout draws the same
        model.zero_grad()
        model(IDS, labels=IDS, output_attentions=True).loss.backward()
        found.append((len(again), [p.grad.clone() for p in model.parameters()]))
    (once, plain), (twice, other) = found
    assert twice == 2 * once and all(map(cr.equal, plain, other))
    with pytest.raises(TypeError, match="knows use_reentrant"):
        model.gradient_checkpointing_enable({"speed": 2})


def test_classes_that_choose_a_class(bert, tmp_path):
    bert.save_pretrained(tmp_path)
    assert type(models.AutoModelForMaskedLM.from_pretrained(tmp_path)) is models.BertForMaskedLM
    with pytest.warns(UserWarning, match="does not have bert.pooler"):
        found = models.AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert type(found) is models.BertForSequenceClassification
    assert type(models.AutoConfig.from_pretrained(tmp_path)) is models.BertConfig
    assert type(models.AutoModelForCausalLM.from_config(GPT2)) is models.GPT2LMHeadModel
    gemma = models.Gemma3TextConfig(
        vocab_size=7, hidden_size=4, intermediate_size=5, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=2,
    )  # fmt: skip
    assert type(models.AutoModelForCausalLM.from_config(gemma)) is models.Gemma3ForCausalLM
    with pytest.raises(
        FormatError, match="there is no Gemma3TextForMaskedLM; there are Gemma3Text"
    ):
        models.AutoModelForMaskedLM.from_config(gemma)
    assert type(models.AutoModelForPreTraining.from_config(T5)) is models.T5ForConditionalGeneration
    with pytest.raises(
        FormatError, match="there is no BertForImageClassification; there are BertM"
    ):
        models.AutoModelForImageClassification.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match="makes models by from_pretrained"):
        models.AutoModel()
    for kind in ("mamba", ["bert"], None):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
        with pytest.raises(
            FormatError, match="key 'model_type': expected one of albert, bert, camembert, clip"
        ):
            models.AutoModel.from_pretrained(tmp_path)


def test_what_the_configuration_asks_for(bert, tmp_path):
    bert.save_pretrained(tmp_path)
    model = models.BertForMaskedLM.from_pretrained(tmp_path, output_hidden_states=True)
    assert len(model(IDS).hidden_states) == 1 + model.config.num_hidden_layers
    assert model(IDS, output_hidden_states=False).hidden_states is None
    assert model(IDS).attentions is None
    model.save_pretrained(tmp_path)
    assert models.AutoConfig.from_pretrained(tmp_path).output_hidden_states is True
    config = models.ResNetConfig(output_attentions=True)
    with pytest.raises(FormatError, match="output_attentions: a ResNetModel has none to return"):
        models.ResNetModel(config)


def test_another_number_of_classes(tmp_path):
    cr.manual_seed(0)
    names = {0: "bad", 1: "good", 2: "neither"}
    model = models.BertForSequenceClassification(
        models.BertConfig(vocab_size=11, id2label=names, **TEXT)
    )
    assert model.config.label2id == {"bad": 0, "good": 1, "neither": 2}
    model.save_pretrained(tmp_path)
    with pytest.raises(StateDictError, match=r"mismatch for classifier.weight: shape \(3, 6\)"):
        models.from_pretrained(tmp_path, num_labels=5)
    with pytest.warns(
        UserWarning, match="has in another shape classifier.weight, classifier.bias;"
    ):
        found = models.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert found(IDS).logits.shape == cr.Size([2, 5])
    assert cr.equal(found.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models.from_pretrained(tmp_path, ignore_mismatched_sizes=True)


class Heard:
    """A streamer with methods."""

    def __init__(self):
        self.pieces = []

    def put(self, ids):
        self.pieces.append(ids.tolist())

    def end(self):
        self.pieces.append("end")


def test_what_was_written_and_why():
    cr.manual_seed(0)
    model, heard = models.GPT2LMHeadModel(GPT2).eval(), Heard()
    out = model.generate(
        IDS, max_new_tokens=3, min_new_tokens=3, streamer=heard, return_dict_in_generate=True, output_scores=True, output_logits=True
    )  # fmt: skip
    assert out.sequences.shape == cr.Size([2, 6]) and len(out.scores) == len(out.logits) == 3
    assert heard.pieces == [IDS.tolist(), *out.sequences[:, 3:].T.tolist(), "end"]
    assert cr.allclose(out.logits[1], model(out.sequences[:, :4]).logits[:, -1], atol=1e-6)
    assert out.scores[0][:, 2].tolist() == [-np.inf] * 2  # no end yet
    assert out.sequences_scores is None
    with pytest.raises(RangeError, match="need return_dict_in_generate=True"):
        model.generate(IDS, output_logits=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [
    {}, {"num_beams": 3}, {"num_beams": 4, "num_return_sequences": 2, "repetition_penalty": 1.3},
    {"repetition_penalty": 1.5, "min_new_tokens": 3},
], ids=str)  # fmt: skip
def test_scores_are_those_of_transformers(torch, tmp_path, options):
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(3)
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=31,
            n_positions=48,
            n_embd=12,
            n_layer=2,
            n_head=3,
            eos_token_id=2,
            bos_token_id=1,
        )
    ).eval()
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)
    theirs.save_pretrained(tmp_path, max_shard_size="4KB")
    ours, ids = models.from_pretrained(tmp_path), np.random.default_rng(5).integers(3, 31, (3, 7))
    asked = {
        "return_dict_in_generate": True,
        "output_scores": True,
        "output_logits": True,
        "pad_token_id": 0,
        "max_new_tokens": 9,
    }
    expected = theirs.generate(
        torch.from_numpy(ids), attention_mask=torch.ones(3, 7, dtype=torch.int64), do_sample=False, **asked, **options
    )  # fmt: skip
    found = ours.generate(cr.tensor(ids), attention_mask=cr.ones(3, 7), **asked, **options)
    assert found.sequences.tolist() == expected.sequences.tolist()
    for field in ("scores", "logits"):
        for a, b in zip(found[field], expected[field], strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4)
    if "num_beams" in options:
        np.testing.assert_allclose(
            found.sequences_scores.numpy(), expected.sequences_scores.numpy(), atol=1e-5
        )
        assert found.beam_indices.tolist() == expected.beam_indices.tolist()
    for normalize in (False, True):
        each = [
            m.compute_transition_scores(g.sequences, g.scores, g.beam_indices if "num_beams" in options else None, normalize)
            for m, g in ((ours, found), (theirs, expected))
        ]  # fmt: skip
        np.testing.assert_allclose(each[0].numpy(), each[1].numpy(), atol=1e-4)


def test_text_is_told_word_by_word(capsys):
    from chainrule.data.tokenizers import character

    class Told(models.TextStreamer):
        def on_finalized_text(self, text, stream_end=False):
            told.append((text, stream_end))

    told, tokenizer = [], character("abc \n")
    streamer = Told(tokenizer, skip_prompt=True)
    for _ in range(2):  # and again, from the beginning
        streamer.put(cr.tensor([tokenizer.encode("bab ")]))
        for token in tokenizer.encode("ab ca\nb"):
            streamer.put(cr.tensor([token]))
        streamer.end()
    assert told == 2 * [("ab ", False), ("ca\n", False), ("b", True)]
    with pytest.raises(ShapeError, match="one text at a time, found a batch of 2"):
        streamer.put(cr.ones(2, 3))
    plain, pieces = models.TextStreamer(tokenizer), models.TextIteratorStreamer(tokenizer)
    for s in (plain, pieces):
        s.put(cr.tensor([tokenizer.encode("a b")]))
        s.end()
    assert capsys.readouterr().out == "a b\n" and list(pieces) == ["a ", "b"]
