"""Text from a language model: what is drawn, what is refused, and that caches and compilation change nothing."""

from __future__ import annotations

import math

import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import DTypeError, RangeError, ShapeError
from chainrule.models.attention import attend, may_see
from chainrule.models.choosing import _largest, _nucleus, _penalized


@pytest.fixture(scope="module")
def model():
    cr.manual_seed(0)
    config = models.GPT2Config(
        vocab_size=23,
        n_positions=40,
        n_embd=12,
        n_layer=2,
        n_head=3,
        eos_token_id=None,
        initializer_range=0.5,
    )
    return models.GPT2LMHeadModel(config)


PROMPT = cr.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])


def test_a_cache_changes_nothing(model):
    whole = model.eval()(PROMPT).logits
    cache = model.cache(2, 4)
    for t in range(4):
        step = model(PROMPT[:, t : t + 1], past_key_values=cache).logits
        assert cr.allclose(step[:, 0], whole[:, t], atol=1e-5)
    assert int(cache.position) == 4


TINY = {
    "vocab_size": 23,
    "hidden_size": 12,
    "intermediate_size": 7,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
}
DECODERS = {
    "GPT2LMHeadModel": {"vocab_size": 23, "n_positions": 90, "n_embd": 12, "n_layer": 2, "n_head": 3},
    "LlamaForCausalLM": TINY,
    "MistralForCausalLM": {**TINY, "sliding_window": 5, "num_key_value_heads": 1},
    "BertLMHeadModel": {**TINY, "is_decoder": True, "max_position_embeddings": 90},
    "T5ForConditionalGeneration": {
        "vocab_size": 23, "d_model": 12, "d_kv": 4, "d_ff": 17, "num_layers": 1, "num_decoder_layers": 2, "num_heads": 3,
    },
}  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", DECODERS)
def test_a_cache_that_grows_changes_nothing(name, masked):
    cr.manual_seed(0)
    cls = models.ARCHITECTURES[name]
    model = cls(cls.config_class(**DECODERS[name])).eval()
    ids = cr.randint(0, 23, (2, 83))
    mask = cr.ones(2, 83, dtype=cr.int64)
    if masked:
        mask[1, :2] = 0
    parts, more = [3, 1, 1, 71, 7], {}
    if name == "T5ForConditionalGeneration":
        more = {"encoder_outputs": model.encode(PROMPT)}

    def read(ids, mask, **settings):
        if more:
            return model(decoder_input_ids=ids, decoder_attention_mask=mask, **more, **settings)
        return model(ids, attention_mask=mask, **settings)

    whole, cache, at, found = read(ids, mask).logits, None, 0, []
    for part in parts:
        out = read(
            ids[:, at : at + part], mask[:, : at + part], past_key_values=cache, use_cache=True
        )
        cache, at = out.past_key_values, at + part
        assert int(cache.position) == at and cache.longest >= at
        found.append(out.logits)
    assert cr.allclose(cr.cat(found, dim=1)[mask > 0], whole[mask > 0], atol=1e-4)


@pytest.mark.parametrize("name", ["GPT2LMHeadModel", "LlamaForCausalLM", "RecurrentLMHeadModel"])
def test_the_last_logits_alone(name):
    cr.manual_seed(0)
    cls = models.ARCHITECTURES[name]
    sizes = {"vocab_size": 23}
    if name == "LlamaForCausalLM":
        sizes |= {
            "hidden_size": 12,
            "intermediate_size": 7,
            "num_hidden_layers": 1,
            "num_attention_heads": 3,
        }
    if name == "GPT2LMHeadModel":
        sizes |= {"n_positions": 40, "n_embd": 12, "n_layer": 1, "n_head": 3}
    model = cls(cls.config_class(**sizes)).eval()
    whole = model(PROMPT).logits
    assert cr.allclose(model(PROMPT, logits_to_keep=2).logits, whole[:, -2:], atol=1e-6)


def test_a_compiled_model_writes_the_same(model):
    expected = model.generate(PROMPT, max_new_tokens=20)
    compiled = cr.compile(model)
    assert cr.equal(compiled.generate(PROMPT, max_new_tokens=20), expected)


def test_chance_is_repeatable_and_keeps_to_what_is_likely(model):
    model.train()
    options = {"max_new_tokens": 12, "do_sample": True, "temperature": 0.7}
    one = model.generate(PROMPT, generator=cr.Generator().manual_seed(1), **options)
    same = model.generate(PROMPT, generator=cr.Generator().manual_seed(1), **options)
    other = model.generate(PROMPT, generator=cr.Generator().manual_seed(2), **options)
    assert cr.equal(one, same) and not cr.equal(one, other)
    best = model.generate(PROMPT, max_new_tokens=12)
    assert cr.equal(model.generate(PROMPT, top_k=1, **options), best)
    assert cr.equal(model.generate(PROMPT, top_p=1e-6, **options), best)
    assert model.training  # as it was


def test_the_filters():
    logits = cr.log(cr.tensor([[0.1, 0.4, 0.2, 0.3]]))
    assert _largest(logits, 2).isinf().tolist() == [[True, False, True, False]]
    assert _nucleus(logits, 0.65).isinf().tolist() == [[True, False, True, False]]
    assert _nucleus(logits, 0.75).isinf().tolist() == [[True, False, False, False]]
    found = _penalized(
        cr.tensor([[2.0, -2.0, 1.0]]), cr.tensor([[0, 1, 2]]), cr.tensor([[1, 1, 0]]), 2.0
    )
    assert found.tolist() == [[1.0, -4.0, 1.0]]  # the last stood in padding


def test_drawn_tokens_have_the_model_s_probabilities(model):
    logits = model.eval()(PROMPT[:1]).logits[0, -1]
    many = PROMPT[:1].expand(3000, -1).contiguous()
    drawn = model.generate(
        many, max_new_tokens=1, do_sample=True, generator=cr.Generator().manual_seed(0)
    )
    share = cr.bincount(drawn[:, -1], minlength=23).double() / 3000
    expected = logits.double().softmax(-1)
    error = (expected * (1 - expected) / 3000).sqrt()
    assert ((share - expected).abs() < 4 * error + 1e-3).all()


def test_an_end_ends_its_sequence(model):
    free = model.generate(PROMPT, max_new_tokens=10)
    end = int(free[0, 6])
    found = model.generate(PROMPT, max_new_tokens=10, eos_token_id=end, pad_token_id=0)
    row = found[0].tolist()
    assert row[: row.index(end, 4) + 1] == free[0, : row.index(end, 4) + 1].tolist()
    assert set(row[row.index(end, 4) + 1 :]) <= {0}


def test_a_streamer_hears_every_token(model):
    heard = []
    found = model.generate(
        PROMPT, max_new_tokens=5, streamer=lambda token: heard.append(token.tolist())
    )
    assert cr.tensor(heard).T.tolist() == found[:, 4:].tolist()


def test_beams_find_what_is_likelier(model):
    def likelihood(ids):
        logits = model.eval()(ids).logits.log_softmax(-1)[:, 3:-1]
        return logits.gather(2, ids[:, 4:].unsqueeze(-1)).sum((1, 2))

    greedy = model.generate(PROMPT, max_new_tokens=6)
    beams = model.generate(PROMPT, max_new_tokens=6, num_beams=8)
    assert (likelihood(beams) >= likelihood(greedy) - 1e-4).all()


@pytest.fixture(scope="module")
def t5():
    cr.manual_seed(0)
    config = models.T5Config(
        vocab_size=23, d_model=12, d_kv=4, d_ff=17, num_layers=2, num_heads=3, initializer_factor=1.0, eos_token_id=None,
        tie_word_embeddings=False,
    )  # fmt: skip
    return models.T5ForConditionalGeneration(config)


def test_t5_answers_what_it_read(t5):
    mask = cr.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    found = t5.generate(PROMPT, attention_mask=mask, max_new_tokens=9)
    assert found.shape == (2, 10) and t5.training
    alone = t5.generate(PROMPT[1:, :2], max_new_tokens=9)
    assert cr.equal(found[1:], alone)  # padding is not read
    written = cr.zeros(1, 1, dtype=cr.int64)
    t5.eval()
    for _ in range(9):  # all read again each time
        logits = t5(PROMPT[:1], decoder_input_ids=written).logits[:, -1]
        written = cr.cat([written, logits.argmax(-1, keepdim=True)], dim=1)
    t5.train()
    assert cr.equal(found[:1], written)
    assert len(set(written[0].tolist())) > 2
    heard = []
    t5.generate(PROMPT, max_new_tokens=3, streamer=lambda token: heard.append(token.tolist()))
    assert len(heard) == 3
    compiled = cr.compile(t5).generate(PROMPT, attention_mask=mask, max_new_tokens=9)
    assert cr.equal(compiled, found)


def test_t5_searches_and_draws_like_the_others(t5):
    def likelihood(ids):
        logits = t5.eval()(PROMPT, decoder_input_ids=ids).logits.log_softmax(-1)[:, :-1]
        return logits.gather(2, ids[:, 1:].unsqueeze(-1)).sum((1, 2))

    greedy = t5.generate(PROMPT, max_new_tokens=5)
    beams = t5.generate(PROMPT, max_new_tokens=5, num_beams=6)
    assert (likelihood(beams) >= likelihood(greedy) - 1e-4).all()
    drawn = [
        t5.generate(
            PROMPT,
            max_new_tokens=5,
            do_sample=True,
            temperature=3.0,
            generator=cr.Generator().manual_seed(seed),
        )
        for seed in (1, 1, 2)
    ]
    assert cr.equal(drawn[0], drawn[1]) and not cr.equal(drawn[0], drawn[2])
    with pytest.raises(RangeError, match="top_k is out of range"):
        t5.generate(PROMPT, top_k=-1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"temperature": 0.0}, RangeError, "temperature is out of range: 0.0"),
        ({"top_k": -1}, RangeError, "top_k"),
        ({"top_p": 1.5}, RangeError, "top_p"),
        ({"num_beams": 0}, RangeError, "num_beams"),
        ({"num_return_sequences": 2}, RangeError, "num_return_sequences is out of range: 2"),
        ({"early_stopping": "often"}, RangeError, "early_stopping is out of range: 'often'"),
        ({"min_p": -0.1}, RangeError, "min_p"),
        ({"typical_p": 0.0}, RangeError, "typical_p"),
        ({"no_repeat_ngram_size": -1}, RangeError, "no_repeat_ngram_size"),
        ({"max_tokens": 3}, TypeError, "there is no setting max_tokens; there are max_new_tokens"),
        ({"repetition_penalty": 0.0}, RangeError, "repetition_penalty"),
        ({"num_beams": 2, "streamer": print}, RangeError, "a streamer needs num_beams=1"),
        ({"max_new_tokens": 37}, ShapeError, "more than the model's 40 positions"),
        ({"max_new_tokens": -1}, ShapeError, "not be negative"),
    ],
)
def test_settings_that_are_refused(model, options, error, words):
    with pytest.raises(error, match=words):
        model.generate(PROMPT, **options)


def test_what_is_no_batch_of_tokens_is_refused(model):
    for prompt in ("once", [1, 2], {"input_ids": cr.tensor([[1]])}):
        with pytest.raises(
            DTypeError, match=rf"a tensor of tokens .*found {type(prompt).__name__}\n"
        ):
            model.generate(prompt)
    with pytest.raises(
        ShapeError, match=r"found shape \(2,\)\n  hint: one prompt is a batch of one"
    ):
        model.generate(cr.tensor([1, 2]))
    with pytest.raises(
        DTypeError, match=r"forward\(\): argument 'input_ids' \(position 1\) must be"
    ):
        model("once")


def test_too_long_a_text_is_refused(model):
    with pytest.raises(ShapeError, match="41 tokens are more than the 40 positions"):
        model(cr.zeros(1, 41, dtype=cr.int64))
    with pytest.raises(ShapeError, match="one of the two"):
        model()
    assert math.isfinite(model(PROMPT, labels=PROMPT).loss.item())


def test_several_sequences_of_a_prompt(model):
    options = {"do_sample": True, "max_new_tokens": 6}
    found = model.generate(
        PROMPT, num_return_sequences=3, generator=cr.Generator().manual_seed(0), **options
    )
    many = PROMPT.repeat_interleave(3, 0)
    same = model.generate(many, generator=cr.Generator().manual_seed(0), **options)
    assert found.shape == (6, 10) and cr.equal(found, same)
    best = model.generate(PROMPT, max_new_tokens=6, num_beams=4, num_return_sequences=4)
    assert best.shape == (8, 10)
    assert cr.equal(best[::4], model.generate(PROMPT, max_new_tokens=6, num_beams=4))


def test_what_the_folder_says_of_writing_is_done(model):
    free = model.generate(PROMPT, max_new_tokens=9)
    end = int(free[0, 6])
    try:
        model.generation = {
            "max_length": 11,
            "eos_token_id": [end],
            "pad_token_id": 1,
            "unknown": 3,
        }
        found = model.generate(PROMPT)
        assert found.shape[1] <= 11
        row = found[0].tolist()
        stop = row.index(end, 4) + 1
        assert row[:stop] == free[0, :stop].tolist() and set(row[stop:]) <= {1}
        assert model.generate(PROMPT, max_new_tokens=1).shape == (2, 5)
        assert cr.equal(model.generate(PROMPT, eos_token_id=[], max_length=13), free)
    finally:
        model.generation = {}


@pytest.mark.parametrize("weights", [False, True])
def test_who_sees_nobody_hears_nothing(weights):
    """With padding on the left and a window there are positions that may look at none: they get zeros, in both ways."""
    cr.manual_seed(0)
    q, k, v = [cr.randn(2, 3, 4, 6) for _ in range(3)]
    mask = cr.tensor([[0, 0, 1, 1], [1, 1, 1, 0]])
    seen = may_see(4, mask, None, window=2)  # (2, 1, 4, 4)
    shares = [] if weights else None
    y = attend(q, k, v, seen, 0.5, shares=shares)
    assert (y[0, :, :2] == 0).all() and y.isfinite().all() and y[0, :, 2:].abs().min() > 0
    assert seen[1, 0, 3].tolist() == [False, False, True, False]
    if weights:
        assert cr.equal(shares[0].sum(-1)[0, 0], cr.tensor([0.0, 0.0, 1.0, 1.0]))


def test_padding_is_known_by_its_token(model, t5):
    ids = cr.tensor([[0, 0, 5, 6, 7], [8, 9, 10, 11, 12]])
    mask = (ids != 0).to(cr.int64)
    for some in (model, t5):
        told = some.generate(ids, attention_mask=mask, pad_token_id=0, max_new_tokens=5)
        assert cr.equal(some.generate(ids, pad_token_id=0, max_new_tokens=5), told)
    end = {"pad_token_id": 0, "eos_token_id": 0, "max_new_tokens": 1}  # an end may be meant
    assert cr.equal(
        model.generate(ids, **end), model.generate(ids, attention_mask=cr.ones(2, 5), **end)
    )
