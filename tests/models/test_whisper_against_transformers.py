"""Whisper beside `transformers`: the same spectrograms of sounds, and the same written about them, with times and without."""

from __future__ import annotations

import json
import logging
import warnings

import numpy as np
import pytest
from models.families import made, pick

import chainrule as cr
from chainrule import models

SIZES = {
    "vocab_size": 60, "d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "num_mel_bins": 4, "max_source_positions": 10,
    "max_target_positions": 40, "pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3,
    "begin_suppress_tokens": None,
}  # fmt: skip
PLAIN = 45
"""The token of texts without times; those behind it are times."""


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


def said(rng, several, times):
    """What a folder says of writing. Without times nothing may be written that is one: the reference would look for pieces."""
    found = {
        "no_timestamps_token_id": PLAIN, "is_multilingual": several, "max_length": 40, "decoder_start_token_id": 3,
        "pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2,
        "suppress_tokens": [7, 8] if times else [7, *range(PLAIN, 60)],
    }  # fmt: skip
    if several:
        found |= {
            "lang_to_id": {"<|en|>": 10, "<|de|>": 11, "<|fr|>": 14},
            "task_to_id": {"transcribe": 12, "translate": 13},
        }
    for key, value in (("max_initial_timestamp_index", 5), ("begin_suppress_tokens", [2, 20])):
        if rng.random() < 0.5:
            found[key] = value
    return found


def plain(segments):
    """Segments as numbers."""
    return [
        [(round(float(s["start"]), 4), round(float(s["end"]), 4), list(map(int, s["tokens"]))) for s in row]
        for row in segments
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(14))
def test_the_same_is_written(torch, transformers, tmp_path, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    several, times = pick(rng, True, True, False), seed % 2 == 0
    long = times and rng.random() < 0.6
    made(torch, transformers, "WhisperForConditionalGeneration", SIZES).save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps(said(rng, several, times)))
    theirs = transformers.WhisperForConditionalGeneration.from_pretrained(tmp_path).eval()
    ours = models.from_pretrained(tmp_path)
    frames = int(rng.integers(21, 50)) if long else 20
    sound = rng.standard_normal((1 if long else 2, 4, frames)).astype(np.float32)
    options = {"num_beams": pick(rng, 1, 3)}
    if several and rng.random() < 0.6:
        options["language"] = pick(rng, "en", "German", "<|fr|>")
    if several and rng.random() < 0.5:
        options["task"] = pick(rng, "transcribe", "translate")
    if rng.random() < 0.5:
        options["max_new_tokens"] = int(rng.integers(2, 12))
    if times:
        options |= {"return_timestamps": True, "return_segments": True}
    expected = theirs.generate(torch.from_numpy(sound), **options)
    found = ours.generate(cr.tensor(sound), **options)
    if times:
        assert plain(found["segments"]) == plain(expected["segments"]), options
        found, expected = found["sequences"], expected["sequences"]
    assert found.tolist() == expected.tolist(), options


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", [
    {"feature_size": 128, "chunk_length": 1}, {"feature_size": 20, "chunk_length": 1, "n_fft": 512, "hop_length": 128},
], ids=str)  # fmt: skip
def test_the_same_is_heard(transformers, tmp_path, settings):
    theirs = transformers.WhisperFeatureExtractor(**settings)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = models.AutoFeatureExtractor.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    back = transformers.WhisperFeatureExtractor.from_pretrained(tmp_path / "ours")
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal(n).astype(np.float32) / 9 for n in (7001, 17003)]
    for options in (
        {}, {"padding": "longest"}, {"padding": "longest", "truncation": False}, {"return_attention_mask": True},
    ):  # fmt: skip
        found = ours(sounds, sampling_rate=16000, **options)
        for each in (theirs, back):
            expected = each(sounds, sampling_rate=16000, return_tensors="np", **options)
            assert set(found) == set(expected)
            for key, value in found.items():
                assert np.abs(value.numpy() - expected[key]).max() < 1e-4
