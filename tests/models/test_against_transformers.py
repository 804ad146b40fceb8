"""Checkpoints of random configurations, read from `transformers` and given back to it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytest
from models.families import BATCH, CONFIGS, FAMILIES, TIME, VOCABULARY, made

import chainrule as cr
from chainrule import models

SEEDS = range(5)
PLAIN = {
    "vocab_size": VOCABULARY,
    "n_positions": 48,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 3,
    "eos_token_id": 2,
}


@pytest.fixture(scope="module")
def transformers(torch):
    """The reference for checkpoints."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
    transformers.utils.logging.disable_progress_bar()
    yield transformers
    logging.disable(logging.NOTSET)


def numbers(x: Any) -> np.ndarray:
    """All elements of a result, which may be a tuple."""
    if isinstance(x, (tuple, list)):
        return np.concatenate([numbers(v).ravel() for v in x])
    return x.detach().numpy()


def close(found: Any, expected: Any) -> None:
    """Within 1e-4 of the largest element."""
    a, b = numbers(found), numbers(expected)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, 1e-4, 1e-4 * max(1.0, float(np.abs(b).max())))


def called(model: Any, inputs: dict, convert: Any) -> Any:
    """A model's results."""
    values = {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
    return model(**values, **({} if "return_loss" in inputs else {"output_hidden_states": True}))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_checkpoint_gives_the_same_results_there_and_back(
    torch, transformers, tmp_path, name, seed
):
    torch.manual_seed(seed)
    case = FAMILIES[name](np.random.default_rng(seed))
    theirs = made(torch, transformers, name, case.settings)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = models.from_pretrained(tmp_path / "theirs")
    assert type(ours).__name__ == name and not ours.training
    with torch.no_grad():
        expected = called(theirs, case.inputs, torch.from_numpy)
    found = called(ours, case.inputs, cr.tensor)
    for field in case.fields:
        close(getattr(found, field), expected[field])
    ours.save_pretrained(tmp_path / "ours")
    back = getattr(transformers, name).from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        again = called(back, case.inputs, torch.from_numpy)
    for field in case.fields:
        close(again[field], expected[field])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["GPT2LMHeadModel", "LlamaForCausalLM", "BertModel"])
def test_attention_weights(torch, transformers, tmp_path, name):
    torch.manual_seed(0)
    case = FAMILIES[name](np.random.default_rng(3))
    config = getattr(transformers, CONFIGS[name])(**case.settings, attn_implementation="eager")
    theirs = getattr(transformers, name)(config).eval()
    theirs.save_pretrained(tmp_path)
    ids = case.inputs["input_ids"]
    with torch.no_grad():
        expected = theirs(torch.from_numpy(ids), output_attentions=True)
    found = models.from_pretrained(tmp_path)(cr.tensor(ids), output_attentions=True)
    close(found.attentions, expected.attentions)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [
    {}, {"num_beams": 3}, {"num_beams": 4, "length_penalty": 0.0}, {"repetition_penalty": 1.7},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("padded", [False, True])
def test_generation_without_chance(torch, transformers, tmp_path, options, padded):
    torch.manual_seed(1)
    theirs = made(torch, transformers, "GPT2LMHeadModel", PLAIN)
    theirs.save_pretrained(tmp_path)
    ours = models.from_pretrained(tmp_path)
    ids = np.random.default_rng(0).integers(3, VOCABULARY, (BATCH, TIME))
    mask = np.ones_like(ids)
    if padded:
        mask[0, :3] = 0
    options = {"max_new_tokens": 14, **options}
    expected = theirs.generate(
        torch.from_numpy(ids),
        attention_mask=torch.from_numpy(mask),
        pad_token_id=0,
        do_sample=False,
        **options,
    )
    for use_cache in (True, False):
        found = ours.generate(
            cr.tensor(ids),
            attention_mask=cr.tensor(mask),
            pad_token_id=0,
            use_cache=use_cache,
            **options,
        )
        assert found.tolist() == expected.tolist()


@pytest.mark.filterwarnings("ignore")
def test_the_llama_and_t5_write_the_same(torch, transformers, tmp_path):
    torch.manual_seed(0)
    for name in ("LlamaForCausalLM", "MistralForCausalLM", "T5ForConditionalGeneration"):
        case = FAMILIES[name](np.random.default_rng(7))
        theirs = made(torch, transformers, name, case.settings)
        theirs.save_pretrained(tmp_path / name)
        ours = models.from_pretrained(tmp_path / name)
        ids = case.inputs["input_ids"]
        expected = theirs.generate(torch.from_numpy(ids), max_new_tokens=9, do_sample=False)
        assert ours.generate(cr.tensor(ids), max_new_tokens=9).tolist() == expected.tolist()


@pytest.mark.filterwarnings("ignore")
def test_shards_are_put_together(torch, transformers, tmp_path):
    torch.manual_seed(0)
    theirs = made(torch, transformers, "GPT2LMHeadModel", PLAIN)
    theirs.save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (2, 5))
    with torch.no_grad():
        close(
            models.from_pretrained(tmp_path)(cr.tensor(ids)).logits,
            theirs(torch.from_numpy(ids)).logits,
        )


@pytest.mark.filterwarnings("ignore")
def test_a_model_with_a_head_reads_a_checkpoint_without(torch, transformers, tmp_path):
    torch.manual_seed(0)
    theirs = made(torch, transformers, "GPT2LMHeadModel", PLAIN)
    theirs.transformer.save_pretrained(tmp_path)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (2, 5))
    ours = models.GPT2LMHeadModel.from_pretrained(tmp_path)
    with torch.no_grad():
        close(ours(cr.tensor(ids)).logits, theirs(torch.from_numpy(ids)).logits)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_floats(torch, transformers, tmp_path, dtype):
    torch.manual_seed(0)
    theirs = made(torch, transformers, "GPT2LMHeadModel", PLAIN).to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path)
    assert models.from_pretrained(tmp_path, dtype="auto").lm_head.weight.dtype is getattr(cr, dtype)
    ours, ids = (
        models.from_pretrained(tmp_path),
        np.random.default_rng(0).integers(0, VOCABULARY, (2, 5)),
    )
    assert ours.lm_head.weight.dtype is cr.float32
    with torch.no_grad():
        close(ours(cr.tensor(ids)).logits, theirs.float()(torch.from_numpy(ids)).logits)
