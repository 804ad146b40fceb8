"""Checkpoints of random configurations, read from `transformers` and given back to it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytest
from models.families import BATCH, FAMILIES, TIME, VOCABULARY, made, put_down

import chainrule as cr
from chainrule import models

SEEDS = range(2)
"""Even ones have what `transformers` takes by itself for attention, odd ones that which gives its weights."""
WITH_RELU = ("ResNet", "DistilBertForSequence", "DistilBertForMultiple")
"""These have ReLUs, whatever their activation, which a rounding could turn on: they are compared in float64."""
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


def difference(found: Any, expected: Any) -> float:
    """The largest difference, by the largest element, or by 1 if that is larger."""
    a, b = numbers(found), numbers(expected)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / max(1.0, np.abs(b).max()))


def close(found: Any, expected: Any) -> None:
    """Within 1e-4 of the largest element."""
    assert difference(found, expected) < 1e-4


def called(model: Any, inputs: dict, convert: Any, weights: bool) -> Any:
    """A model's results."""
    values = {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
    asked = {"output_hidden_states": True}
    if weights:
        asked["output_attentions"] = True
    return model(**values, **({} if "return_loss" in inputs else asked))


def compared(torch, transformers, name, seed, folder) -> dict[str, float]:
    """The differences of every field and of every gradient, for a random checkpoint of a class."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, len(name)])
    case = FAMILIES[name](rng)
    put_down(torch, made(torch, transformers, name, case.settings), folder / "theirs", rng)
    weights = seed % 2 == 1 and "attentions" in " ".join(case.fields)
    # where nobody may be seen, the two implementations of `transformers` differ, and ours is that which it takes by itself
    kind = "eager" if weights else None
    reference = getattr(transformers, name)
    theirs = reference.from_pretrained(
        folder / "theirs", dtype=torch.float32, attn_implementation=kind
    ).eval()
    ours = models.from_pretrained(folder / "theirs")
    assert type(ours).__name__ == name and not ours.training
    if weights and "attention_mask" in case.inputs:
        mask = np.sort(case.inputs.pop("attention_mask"))[..., ::-1].copy()
        if case.settings.get("sliding_window") is None:
            case.inputs["attention_mask"] = mask
    if name.startswith(WITH_RELU):
        ours, theirs = ours.double(), theirs.double()
        for key, value in case.inputs.items():
            if key != "labels" and value.dtype == np.float32:
                case.inputs[key] = value.astype(np.float64)
    expected = called(theirs, case.inputs, torch.from_numpy, weights)
    found = called(ours, case.inputs, cr.tensor, weights)
    fields = [f for f in case.fields if weights or not f.endswith("attentions")]
    result = {f: difference(getattr(found, f), expected[f]) for f in fields}
    expected_loss, loss = (
        out["loss"] if "loss" in fields else (out[fields[0]] ** 2).mean()
        for out in (expected, found)
    )
    expected_loss.backward()
    loss.backward()
    # names differ where `transformers` has others than the file; values do not
    slopes = {}
    for p in theirs.parameters():
        parts = [(p, p.grad)]
        if p.ndim == 3:  # experts, which the file has one by one, and gates apart from values
            whole = [(p[k], p.grad[k]) for k in range(len(p))]
            halves = [zip(q.chunk(2), g.chunk(2), strict=True) for q, g in whole]
            parts += whole + [pair for both in halves for pair in both]
        for q, g in parts:  # a whole comes before a part with the same numbers
            slopes.setdefault(q.detach().numpy().tobytes(), g)
    for key, p in ours.named_parameters():
        if not p.requires_grad:  # waves of positions, which are loaded as parameters there
            continue
        whole = p.detach().numpy()
        slope = slopes.get(whole.tobytes())
        if whole.tobytes() not in slopes:  # gates and values are one map here
            slope = torch.cat([slopes[half.tobytes()] for half in np.split(whole, 2)])
        if slope is None:
            assert p.grad is None or not p.grad.any(), key
        else:
            result[f"gradient of {key}"] = difference(p.grad, slope)
    ours.save_pretrained(folder / "ours")
    back = reference.from_pretrained(folder / "ours", attn_implementation=kind).eval()
    back = back.to(theirs.dtype)
    with torch.no_grad():
        again = called(back, case.inputs, torch.from_numpy, weights)
    return result | {f"{f} of what was saved": difference(again[f], expected[f]) for f in fields}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_checkpoint_gives_the_same_results_there_and_back(
    torch, transformers, tmp_path, name, seed
):
    found = compared(torch, transformers, name, seed, tmp_path)
    worst = max(found, key=found.__getitem__)
    assert found[worst] < 1e-4, (worst, found[worst])


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
        ids = np.random.default_rng(0).integers(3, VOCABULARY, (BATCH, TIME))
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
