"""Random settings of writing, on random models: the same tokens as `transformers`, and the same numbers before one is drawn."""

from __future__ import annotations

import json
import logging
import warnings

import numpy as np
import pytest
from models.families import BATCH, FAMILIES, TIME, VOCABULARY, made, pick

import chainrule as cr
from chainrule import models
from chainrule.models.choosing import GenerationSettings

WRITERS = {
    "GPT2LMHeadModel": 3, "LlamaForCausalLM": 3, "Qwen2ForCausalLM": 3, "MistralForCausalLM": 3, "BertLMHeadModel": 3,
    "T5ForConditionalGeneration": 3, "RobertaForCausalLM": 1, "Qwen3ForCausalLM": 1, "MixtralForCausalLM": 1,
    "Qwen3MoeForCausalLM": 1,
    "Phi3ForCausalLM": 2, "GemmaForCausalLM": 1, "Gemma2ForCausalLM": 1,
    "Gemma3ForCausalLM": 1, "GPTNeoXForCausalLM": 2, "OPTForCausalLM": 2, "ElectraForCausalLM": 1,
}  # fmt: skip
"""How many random settings each meets."""


@pytest.fixture(scope="module")
def transformers(torch):
    """The reference."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
    transformers.utils.logging.disable_progress_bar()
    yield transformers
    logging.disable(logging.NOTSET)


def limits(rng):
    """Settings of what may come next."""
    found = {}
    for name, values in {
        "repetition_penalty": (1.7, 0.8), "no_repeat_ngram_size": (1, 2, 3), "min_new_tokens": (3, 6), "min_length": (9, 12),
        "bad_words_ids": ([[5], [6, 7]], [[2], [3], [8, 9, 10]]), "suppress_tokens": ([4, 11],),
        "begin_suppress_tokens": ([5, 6, 7, 8],), "forced_bos_token_id": (13,), "forced_eos_token_id": (2,),
    }.items():  # fmt: skip
        if rng.random() < 0.25:
            found[name] = pick(rng, *values)
    return found


def draws(rng):
    """Settings of drawing."""
    found = {"do_sample": True, "temperature": pick(rng, 0.5, 1.0, 1.6)}
    for name, values in {
        "top_k": (1, 4, 40), "top_p": (0.3, 0.9), "min_p": (0.05, 0.4), "typical_p": (0.2, 0.8),
    }.items():  # fmt: skip
        if rng.random() < 0.4:
            found[name] = pick(rng, *values)
    return found


def written(torch, transformers, name, seed, folder):
    """Our tokens, with a cache and without, and those of `transformers`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 5])
    settings = FAMILIES[name](rng).settings
    for size in ("n_positions", "max_position_embeddings"):
        if size in settings and name in (
            "GPT2LMHeadModel",
            "BertLMHeadModel",
            "RobertaForCausalLM",
            "ElectraForCausalLM",
            "OPTForCausalLM",
        ):
            settings[size] = 48
    settings |= {"eos_token_id": pick(rng, 2, [2, 3], None), "pad_token_id": 0}
    settings.pop("add_cross_attention", None)
    settings.pop("output_router_logits", None)  # the reference's loss does not know of a cache
    settings.pop(
        "num_decoder_layers", None
    )  # if there are more than in the encoder, the reference fails
    theirs = made(torch, transformers, name, settings)
    theirs.save_pretrained(folder)
    options = {**limits(rng), "max_new_tokens": int(rng.integers(1, 15))}
    beams = pick(rng, 1, 1, 2, 4)
    if beams > 1:
        options |= {
            "num_beams": beams, "length_penalty": pick(rng, 0.0, 1.0, 2.0, -1.0), "num_return_sequences": pick(rng, 1, beams),
            "early_stopping": pick(rng, True, False, "never"),
        }  # fmt: skip
    if name == "T5ForConditionalGeneration" or beams > 1:
        options.pop("forced_eos_token_id", None)
    if rng.random() < 0.3:
        path = folder / "generation_config.json"
        said = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**said, **options}))
        options = {}
    ids = rng.integers(4, VOCABULARY, (BATCH, TIME))
    mask = np.ones_like(ids)
    if rng.random() < 0.5:
        mask[0, :3] = 0
        ids[mask == 0] = 0
    given = (
        {} if rng.random() < 0.3 else {"attention_mask": mask}
    )  # else padding is known by its token
    theirs = getattr(transformers, name).from_pretrained(folder).eval()
    expected = theirs.generate(
        torch.from_numpy(ids),
        **{k: torch.from_numpy(v) for k, v in given.items()},
        do_sample=False,
        **options,
    )
    ours, given = models.from_pretrained(folder), {k: cr.tensor(v) for k, v in given.items()}
    found = [
        ours.generate(cr.tensor(ids), **given, use_cache=use_cache, **options).tolist()
        for use_cache in (True, False)
    ]
    return found, filled(expected.tolist(), theirs.generation_config), options


def filled(rows, said):
    """What follows an end is padding: `transformers` has the end itself there after a search, if padding is 0."""
    given = said.eos_token_id
    stops = {given} if isinstance(given, int) else set(given or ())
    start = 1 if len(rows[0]) and said.decoder_start_token_id is not None else TIME
    for row in rows:
        at = next((k for k in range(start, len(row)) if row[k] in stops), len(row))
        if said.pad_token_id == 0:
            row[at + 1 :] = [0] * len(row[at + 1 :])
    return rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "seed"), [(name, seed) for name, count in WRITERS.items() for seed in range(count)]
)
def test_the_same_is_written(torch, transformers, tmp_path, name, seed):
    found, expected, options = written(torch, transformers, name, seed, tmp_path)
    assert found == [expected, expected], options


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(16))
def test_the_same_is_drawn_from(torch, transformers, seed):
    from transformers.generation import GenerationConfig

    rng = np.random.default_rng(seed)
    settings = {**limits(rng), **draws(rng), "max_length": 11, "eos_token_id": pick(rng, 2, [2, 3])}
    settings["num_beams"] = pick(rng, 1, 3)
    if "min_new_tokens" in settings:  # which goes before, as is decided elsewhere
        settings.pop("min_length", None)
    prompt = pick(rng, 1, 4)
    model = made(
        torch,
        transformers,
        "GPT2LMHeadModel",
        {"vocab_size": VOCABULARY, "n_embd": 6, "n_layer": 1, "n_head": 1},
    )
    config = GenerationConfig(**settings)
    model._prepare_special_tokens(config, kwargs_has_attention_mask=True)
    wanted = GenerationSettings.of(settings, {}, None)
    for length in range(prompt, 11):
        ids = rng.integers(0, VOCABULARY, (BATCH, length))
        mask = np.ones_like(ids)
        if prompt > 1:
            mask[0, 0] = 0
        logits = rng.standard_normal((BATCH, VOCABULARY)).astype(np.float32) * 3
        processors = model._get_logits_processor(
            config,
            input_ids_seq_length=prompt,
            device="cpu",
            model_kwargs={"attention_mask": torch.from_numpy(mask)},
        )
        expected = processors(torch.from_numpy(ids), torch.from_numpy(logits)).numpy()
        found = wanted.adjusted(cr.tensor(logits), cr.tensor(ids), cr.tensor(mask), prompt).numpy()
        np.testing.assert_allclose(found, expected, 1e-5, 1e-5, err_msg=str((settings, length)))
