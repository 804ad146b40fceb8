"""Whisper: what sound becomes, what a text begins with, and how times are written."""

import json
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import FormatError, RangeError, ShapeError, StateDictError
from chainrule.models.sound import hertz, mel_filters, mels
from chainrule.models.timing import Times, segments_of

SAID = {
    "decoder_start_token_id": 3, "eos_token_id": 2, "pad_token_id": 2, "is_multilingual": True, "no_timestamps_token_id": 19,
    "lang_to_id": {"<|en|>": 10, "<|de|>": 11}, "task_to_id": {"transcribe": 12, "translate": 13},
}  # fmt: skip


@pytest.fixture
def model():
    cr.manual_seed(0)
    config = models.WhisperConfig(
        vocab_size=31, num_mel_bins=3, d_model=12, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3,
        decoder_attention_heads=3, encoder_ffn_dim=7, decoder_ffn_dim=7, max_source_positions=5, max_target_positions=23,
        pad_token_id=2, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3, init_std=0.7,
    )  # fmt: skip
    found = models.WhisperForConditionalGeneration(config).eval()
    found.generation = dict(SAID)
    return found


SOUND = cr.tensor(np.random.default_rng(0).standard_normal((2, 3, 10)).astype(np.float32))


def test_mel_bands_are_triangles_of_one_area():
    at = np.array([0.0, 200.0, 999.0, 1000.0, 5000.0])
    assert np.allclose(hertz(mels(at)), at)
    found = mel_filters(7, 201, 16000)
    assert found.shape == (7, 201) and found.min() == 0
    assert np.allclose(found.sum(axis=1) * 40, 1, atol=0.02)  # 40 Hz from one frequency to the next
    peaks = found.argmax(axis=1)
    assert (np.diff(peaks) > 0).all()


def test_a_tone_is_in_its_band():
    extractor = models.WhisperFeatureExtractor(feature_size=7, chunk_length=1)
    samples = np.sin(2 * np.pi * 3000 * np.arange(16000) / 16000)
    x = extractor(samples, sampling_rate=16000)["input_features"][0]
    assert x.shape == (7, 100)
    band = mel_filters(7, 201, 16000)[:, 75].argmax()  # 75 · 40 Hz
    assert (x.argmax(dim=0) == int(band)).all()


def test_silence_is_added_and_told():
    extractor = models.WhisperFeatureExtractor(feature_size=5, chunk_length=1)
    long, short = np.ones(9001), np.ones(3000)
    found = extractor([long, short], return_attention_mask=True)
    assert found["input_features"].shape == (2, 5, 100)
    assert found["attention_mask"].sum(dim=1).tolist() == [57, 19]
    assert extractor([long, short], padding="longest")["input_features"].shape == (2, 5, 56)


@pytest.mark.parametrize(("given", "settings", "error", "words"), [
    (np.ones((2, 3, 4)), {}, ShapeError, r"samples \(N,\) of one channel, found \(2, 3, 4\)"),
    ([], {}, ShapeError, "of one channel"),
    (np.ones(999), {"sampling_rate": 8000}, FormatError, "expected 16000 samples a second, found 8000"),
    (np.ones(999), {"padding": "left"}, FormatError, 'padding is "max_length" or "longest", found \'left\''),
    (np.ones(200), {"padding": "longest"}, ShapeError, "200 samples are not half a window of 400"),
])  # fmt: skip
def test_sounds_that_are_none(given, settings, error, words):
    with pytest.raises(error, match=words):
        models.WhisperFeatureExtractor()(given, **settings)


@pytest.mark.parametrize(("settings", "words"), [
    ({"feature_extractor_type": "Wav2Vec2FeatureExtractor"}, "'feature_extractor_type': expected WhisperFeatureExtractor, found 'Wav2"),
    ({"n_fft": 0}, "'n_fft': expected a positive number, found 0"),
    ({"n_fft": 17000, "chunk_length": 1}, "a window of 17000 samples does not fit into a piece of 16000"),
    ({"dither": 0.1}, "'dither': is not there, found 0.1"),
    ({"padding_value": "0"}, "'padding_value': expected a number, found '0'"),
    ({"return_attention_mask": 1}, "'return_attention_mask': expected true or false, found 1"),
])  # fmt: skip
def test_files_of_extractors_that_are_none(tmp_path, settings, words):
    with pytest.raises(FormatError, match="expected a folder with preprocessor_config.json"):
        models.AutoFeatureExtractor.from_pretrained(tmp_path)
    kind = {"feature_extractor_type": "WhisperFeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**kind, **settings}))
    with pytest.raises(FormatError, match=words):
        models.AutoFeatureExtractor.from_pretrained(tmp_path)


def test_what_a_text_begins_with(model):
    heard = model.heard(SOUND)
    likely = model.detect_language(SOUND).tolist()
    assert set(likely) <= {10, 11}
    assert model.prompt(heard, "German", None, False).tolist() == [[3, 11, 12, 19]] * 2
    assert model.prompt(heard, ["en", "<|de|>"], "translate", True).tolist() == [
        [3, 10, 13],
        [3, 11, 13],
    ]
    assert model.prompt(heard, None, None, False).tolist() == [[3, each, 19] for each in likely]
    model.generation["forced_decoder_ids"] = [[1, None], [2, 12]]
    assert model.prompt(heard, None, None, False).tolist() == [[3, each, 12, 19] for each in likely]
    model.generation = {}
    assert model.prompt(heard, None, None, False).tolist() == [[3]] * 2


@pytest.mark.parametrize(("said", "settings", "error", "words"), [
    ({}, {"language": "latin"}, RangeError, "language is one of en, de, found 'latin'"),
    ({}, {"task": "sing"}, RangeError, "task is one of transcribe, translate, found 'sing'"),
    ({}, {"language": ["en"]}, RangeError, "2 sounds need as many languages, found 1"),
    ({"is_multilingual": False}, {"language": "en"}, RangeError, "for models of several languages"),
    ({"no_timestamps_token_id": None}, {"return_timestamps": True}, RangeError, "has no_timestamps_token_id"),
    ({"no_timestamps_token_id": 30}, {}, FormatError, "'no_timestamps_token_id': expected a token below 30, found 30"),
    ({"lang_to_id": {"<|en|>": 31}}, {}, FormatError, "'lang_to_id': expected tokens below 31 by their names"),
    ({"task_to_id": ["transcribe"]}, {}, FormatError, "'task_to_id': expected tokens"),
    ({"forced_decoder_ids": [[2, 5]]}, {}, FormatError, "'forced_decoder_ids': expected pairs of a place, from 1 on"),
    ({}, {"return_segments": True}, ShapeError, "both are written with return_timestamps=True"),
    ({}, {"return_timestamps": True, "streamer": print}, RangeError, "a streamer is for texts without times"),
    ({}, {"max_new_tokens": 40}, ShapeError, "are more than the model's 23 positions"),
    ({}, {"speed": 2}, TypeError, "there is no setting speed"),
])  # fmt: skip
def test_what_cannot_be_written(model, said, settings, error, words):
    model.generation |= said
    with pytest.raises(error, match=words):
        model.generate(SOUND, **settings)
    with pytest.raises(ShapeError, match="spectrograms of 3 bands and 10 frames, found 3 and 9"):
        model(SOUND[:, :, :9], labels=cr.tensor([[5], [6]]))


def test_times_keep_to_their_rule(model):
    """20 is 0.00 s."""
    rule = Times(model, 2, [2])
    zeros = cr.zeros(1, 31)

    def allowed(*text):
        found = rule(zeros, cr.tensor([[3, 10, *text]]))[0]
        return [k for k in range(31) if found[k].item() > -math.inf]

    words = [k for k in range(20) if k != 19]
    assert allowed() == list(range(20, 31))  # a time stands first
    assert allowed(22) == words  # then words
    assert allowed(22, 5) == list(
        range(23, 31)
    )  # zeros: eight times together are likelier than a word
    assert allowed(22, 5, 25) == list(
        range(25, 31)
    )  # a pair, or the end, which is less likely here
    assert allowed(22, 5, 25, 25) == words
    model.generation["max_initial_timestamp_index"] = 1
    assert Times(model, 2, [2])(zeros, cr.tensor([[3, 10]]))[0, 22].item() == -math.inf


def test_segments():
    """20 is 0.00 s; pieces begin where the last one that was finished ended."""
    row = [20, 5, 22, 22, 6, 25, 25, 7]
    found, seconds = segments_of(row, 20, 1.0, 10)
    assert seconds == 5 and [s["tokens"] for s in found] == [[20, 5, 22], [22, 6, 25, 25]]
    assert [(round(s["start"], 6), round(s["end"], 6)) for s in found] == [(1.0, 1.04), (1.04, 1.1)]
    found, seconds = segments_of([20, 5, 22, 22, 6, 25], 20, 0.0, 10)
    assert seconds is None and [s["tokens"] for s in found] == [[20, 5, 22], [22, 6, 25]]
    assert segments_of([20, 5], 20, 0.0, 10) == (
        [{"start": 0.0, "end": 0.1, "tokens": [20, 5]}],
        None,
    )
    assert segments_of([20, 5, 23], 20, 0.0, 10)[0][0]["end"] == pytest.approx(0.06)


def test_a_long_sound_is_heard_piece_by_piece(model):
    long = cr.cat([SOUND, SOUND.flip(2), SOUND[:, :, :3]], dim=2)
    mask = cr.ones(2, 23, dtype=cr.int64)
    mask[1, 10:] = 0
    out = model.generate(long, attention_mask=mask, language="en", return_segments=True)
    assert len(out["segments"][0]) > 1
    for row, parts in zip(out["sequences"].tolist(), out["segments"], strict=True):
        tokens = [token for part in parts for token in part["tokens"]]
        assert row[: len(tokens)] == tokens and set(row[len(tokens) :]) <= {2}
    one = model.generate(SOUND[1:], language="en", return_timestamps=True, return_segments=True)
    assert one["segments"][0] == out["segments"][1]


def test_positions_of_sound_are_waves_that_are_not_trained(model):
    places = model.model.encoder.embed_positions.weight
    assert not places.requires_grad
    assert cr.allclose(places[:, :6] ** 2 + places[:, 6:] ** 2, cr.ones(5, 6), atol=1e-6)


def test_what_is_not_hidden_in_training_is_said(model):
    model.model.config.apply_spec_augment = True
    model(SOUND, labels=cr.tensor([[5], [6]]))
    with pytest.raises(FormatError, match="apply_spec_augment is not there"):
        model.train()(SOUND, labels=cr.tensor([[5], [6]]))


def test_a_folder_that_says_endless_sounds_is_refused_at_once(model, tmp_path):
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_source_positions": 2**29}))
    with pytest.raises(StateDictError, match="mismatch for model.encoder.embed_positions.weight"):
        models.from_pretrained(tmp_path)
