"""The recipes that train what `chainrule.models` has: on data that the tests write, each is built, learns for a
few steps, shows its test, answers, stops and goes on to the same bits.
"""

import csv
import dataclasses
import gzip
import json
import struct

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import FormatError, ShapeError
from chainrule.cli import main
from chainrule.data import load_dataset
from chainrule.data.tokenizers import bert
from chainrule.models import BertConfig, BertModel, SentenceEncoder
from chainrule.train import StepFinished, Trainer, load_checkpoint, loop, newest_checkpoint
from chainrule.train.kinds.images import read_images
from chainrule.train.kinds.retrieval import recalls
from chainrule.train.recipes import ConfigError, emoji, find, override, sst2, vision
from chainrule.train.recipes.emoji import (
    base,
    nearest_picture,
    token_ids,
    without_people,
    word_vectors,
)
from chainrule.train.recipes.sst2 import EqualWidths, counted_words
from chainrule.train.recipes.vit import rollout

WORDS = ["good", "bad", "a", "film", "dull", "fine", "very", "not", "plot"]
THINGS = ("apple", "pear", "boat", "cloud", "tree", "stone")
COLOURS = ("red", "blue", "green", "grey", "black")
TONES = ("light skin tone", "dark skin tone")
SMALL = {
    "resnet-cifar10": ["layers=8", "batch_size=29"],
    "vit-cifar10": ["width=12", "heads=3", "blocks=2", "wide=16", "patch=8", "batch_size=29"],
    "bert-sst2": ["batch_size=7", "longest=32"],
    "clip-emoji": [
        "width=12", "heads=3", "image_layers=1", "text_layers=1", "projection=7", "patch=16", "batch_size=7",
    ],
}  # fmt: skip


def write_cifar(folder):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("data_batch_1.bin.gz", 110), ("test_batch_first2000.bin.gz", 13)):
        records = rng.integers(0, 256, (count, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(count) % 10
        (folder / name).write_bytes(gzip.compress(records.tobytes(), 1))


def write_sst2(folder):
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name, count in (("train", 97), ("dev", 23), ("test", 5)):
        lines = []
        for k in range(count):
            words = rng.choice(WORDS, 3 + 19 * (k % 2)).tolist()
            label = k // 2 % 2
            lines.append(
                " ".join([*words, ("bad", "good")[label], f"number{k % 7}"]) + f"\t{label}"
            )
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_emoji(folder):
    folder.mkdir()
    captions = []
    for thing in THINGS:
        captions += [(f"{colour} {thing}", "Things") for colour in COLOURS]
    for who in ("man", "woman"):
        for does in ("walking", "dancing", "waving"):
            captions += [(f"{who} {does}", "People")]
            captions += [(f"{who} {does}: {tone}", "People") for tone in TONES]
    with (folder / "captions.tsv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, delimiter="\t", lineterminator="\n")
        out.writerow(["codepoints", "name", "group", "subgroup", "tags", "aliases"])
        for k, (caption, group) in enumerate(captions):
            out.writerow([f"{k:x}", caption, group, "kind", "", ""])
    pixels = np.random.default_rng(2).integers(0, 256, (len(captions), 32, 32, 4), dtype=np.uint8)
    head = struct.pack(">IIIII", 0x00000804, *pixels.shape)
    (folder / "images-rgba-idx4-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes(), 1))


def small_encoder():
    said = " ".join([*WORDS, *THINGS, *COLOURS, *TONES, "man woman walking dancing waving :"])
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(said.split())]
    cr.manual_seed(11)
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    tokenizer = bert({name: k for k, name in enumerate(names)})
    return SentenceEncoder(BertModel(config).eval(), tokenizer)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_cifar(folder / "cifar10-subset")
    write_sst2(folder / "sst2")
    write_emoji(folder / "noto-emoji-captions")
    return folder


@pytest.fixture
def data(written, monkeypatch):
    """The recipes read what the test wrote, and BERT is small."""

    def load(name, data_dir=None):
        return load_dataset(name, data_dir or written, verify_files=False)

    for module in (vision, sst2, emoji):
        monkeypatch.setattr(module, "load_dataset", load)
    encoder = small_encoder()
    for module in (sst2, emoji):
        monkeypatch.setattr(module, "minilm", lambda: encoder)
    return encoder


def built(name, *settings):
    recipe = find(name)
    config = override(recipe.config, [*SMALL[name.removesuffix("-scratch")], *settings])
    cr.manual_seed(config.seed)
    return recipe.build(config)


@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_learns_and_shows_its_test(data, name):
    made = built(name)
    for split in ("train", "validation", "test"):
        assert made.data.sizes[split] > 0
    before = {k: v.numpy().copy() for k, v in made.model.state_dict().items()}
    trainer = Trainer(
        made.model,
        made.optimizer,
        made.train_loader,
        made.validation_loader,
        epochs=1,
        task=made.task,
        scheduler=made.scheduler,
        clip_norm=made.clip_norm,
        compile=False,
    )
    assert trainer.fit()
    assert any((v.numpy() != before[k]).any() for k, v in made.model.state_dict().items())
    test = trainer.evaluate(made.test_loader, keep=True)
    assert len(test.answers) == made.data.sizes["test"]
    if (
        name == "resnet-cifar10"
    ):  # its pictures are some of the Vision Transformer's, and take seconds
        return
    pictures = made.kind.pictures(test)
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())
    card = made.kind.card(test)
    assert all(f"({picture})" in card for picture in pictures)
    json.dumps(made.kind.facts(test))
    for metric, value in made.baseline.metrics.items():
        assert metric in test.metrics
        assert 0 < value <= 1


def test_the_baseline_of_photographs_is_the_commonest_class(data):
    made = built("resnet-cifar10")
    assert made.data.sizes == {"train": 99, "validation": 11, "test": 13}
    [(_, labels)] = made.test_loader
    labels = labels.numpy()
    assert made.baseline.metrics["accuracy"] in np.bincount(labels) / len(labels)


@pytest.mark.parametrize("name", ["resnet-cifar10", "vit-cifar10", "clip-emoji"])
def test_augmentation_is_of_the_seed_the_epoch_and_the_index(data, name):
    first, again = built(name).train_loader.dataset, built(name).train_loader.dataset
    other = built(name, "seed=1").train_loader.dataset
    for samples in (first, again, other):
        samples.set_epoch(3)
    one = [first[k][0] for k in range(7)]
    assert all((a == again[k][0]).all() for k, a in reversed(list(enumerate(one))))
    assert any((a != other[k][0]).any() for k, a in enumerate(one))
    first.set_epoch(4)
    assert any((a != first[k][0]).any() for k, a in enumerate(one))


def test_images_are_standardized_as_those_for_training_are(data):
    made = built("resnet-cifar10")
    plain = made.train_loader.dataset.dataset.tensors[0]
    assert plain.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(3), abs=1e-5)
    assert plain.std(axis=(0, 2, 3)) == pytest.approx(np.ones(3), abs=1e-5)
    kind = made.kind
    [(images, _)] = made.test_loader
    assert images.numpy() == pytest.approx(kind.prepared(kind.test), abs=1e-6)


# ---- Vision Transformer


def test_attention_flows_through_layers():
    look, stay = np.zeros((1, 2, 3, 3)), np.eye(3)[None, None]
    look[..., 2] = 1  # all tokens look at the second patch
    assert rollout([look]).tolist() == [[0, 1]]
    assert rollout([look, stay]).tolist() == [[0, 1]]
    send, fetch = np.eye(3)[None, None].copy(), np.eye(3)[None, None].copy()
    send[0, 0, 1] = [0, 0, 1]  # the first patch takes from the second,
    fetch[0, 0, 0] = [0, 1, 0]  # then the class token from the first
    assert rollout([send, fetch]).tolist() == [[0.5, 0.5]]
    assert rollout([fetch, send]).tolist() == [[1, 0]]


# ---- SST-2


def test_batches_are_of_one_width_and_of_the_seed_and_the_epoch():
    widths = [16, 32] * 13 + [48]
    batches = EqualWidths(widths, 5, seed=0)
    batches.set_epoch(2)
    found = list(batches)
    assert len(found) == len(batches) == 4
    assert all(len({widths[k] for k in batch}) == 1 and len(batch) == 5 for batch in found)
    assert len({k for batch in found for k in batch}) == 20
    assert found == list(batches)
    batches.set_epoch(3)
    assert found != list(batches)
    other = EqualWidths(widths, 5, seed=1)
    other.set_epoch(2)
    assert found != list(other)


def test_no_sentence_is_in_two_parts(data):
    made = built("bert-sst2")
    parts = [getattr(made, f"{part}_loader").dataset for part in ("train", "validation", "test")]
    ids = [{tuple(each) for each in part.ids} for part in parts]
    sizes = made.data.sizes
    assert [len(part) for part in parts] == list(sizes.values())
    assert sizes["test"] == 23
    assert not ids[0] & ids[1]


def test_bert_begins_with_what_was_learnt_before_and_from_scratch_does_not(data):
    tuned, scratch = built("bert-sst2"), built("bert-sst2-scratch")
    for name, tensor in data.model.state_dict().items():
        assert (tuned.model.bert.state_dict()[name].numpy() == tensor.numpy()).all()
    word = "embeddings.word_embeddings.weight"
    ours = scratch.model.bert.state_dict()[word].numpy()
    assert (ours != data.model.state_dict()[word].numpy()).any()
    assert [p.shape for p in tuned.model.parameters()] == [
        p.shape for p in scratch.model.parameters()
    ]


def test_naive_bayes_by_hand():
    train, labels = ["good good", "bad"], np.array([1, 0])
    # p(good | 1) = 3/4, p(good | 0) = 1/3; p(bad | 1) = 1/4, p(bad | 0) = 2/3; equal priors
    asked = ["good bad", "good good bad", "bad bad good", "unheard"]
    assert counted_words(train, labels, asked, np.array([0, 1, 0, 0])) == 1


# ---- emoji


def test_no_variant_of_a_test_emoji_is_seen(data):
    made = built("clip-emoji")
    seen = set(emoji_of(made))
    asked = {base(caption) for caption in made.kind.captions}
    assert seen
    assert not seen & asked
    assert len(made.kind.captions) == len(asked) == made.data.sizes["test"]
    random = built("clip-emoji", "split=random", "seed=3")
    assert len(random.kind.captions) == made.data.sizes["test"]
    both = set(emoji_of(random)) & {base(caption) for caption in random.kind.captions}
    assert both


def emoji_of(made):
    """The emoji that a run is trained on, from the captions of what it knows."""
    samples = made.train_loader.dataset
    known = {made.kind.ids([c])[0].tobytes(): c for c in all_captions()}
    return [base(known[row.tobytes()]) for row in samples.ids]


def all_captions():
    things = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
    does = [f"{w} {d}" for w in ("man", "woman") for d in ("walking", "dancing", "waving")]
    return [*things, *does, *(f"{who}: {tone}" for who in does for tone in TONES)]


def test_each_emoji_is_seen_once_an_epoch_in_one_of_its_variants(data):
    samples = built("clip-emoji", "left_out=0").train_loader.dataset
    several = [k for k, places in enumerate(samples.variants) if len(places) == 3]
    assert several
    found = set()
    for epoch in range(17):
        samples.set_epoch(epoch)
        found.add(samples[several[0]][1].tobytes())
    assert found == {samples.ids[k].tobytes() for k in samples.variants[several[0]]}


def test_captions_end_and_relatives_are_known():
    tokenizer = small_encoder().tokenizer
    red, apple, end = (tokenizer.model.vocabulary[w] for w in ("red", "apple", "[SEP]"))
    ids = token_ids(tokenizer, ["Apple", "red apple red"], 4)
    assert ids.tolist() == [[apple, end, end, end], [red, apple, red, end]]
    assert token_ids(tokenizer, ["red apple red"], 3).tolist() == [[red, apple, end]]
    assert without_people("man walking") == without_people("woman walking: dark skin tone")
    assert without_people("man walking") != without_people("man waving")


def test_word_vectors_keep_what_differs_most():
    rng = np.random.default_rng(3)
    table = (
        rng.normal(size=(53, 2)) @ rng.normal(size=(2, 7)) + 5
    )  # two dimensions, somewhere in seven
    found = word_vectors(table, 2)
    assert found.std() == pytest.approx(emoji.SPREAD, rel=1e-3)
    apart, expected = (
        np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (found.astype(float), table)
    )
    assert apart / apart.max() == pytest.approx(expected / expected.max(), abs=1e-5)


def test_words_are_not_learnt_and_some_are_left_out(data):
    made = built("clip-emoji", "left_out=0.5")
    words = made.model.text_model.embeddings.token_embedding.weight
    assert not words.requires_grad
    assert all(words is not p for group in made.optimizer.param_groups for p in group["params"])
    samples, end = made.train_loader.dataset, made.train_loader.dataset.end
    lengths = set()
    for epoch in range(13):
        samples.set_epoch(epoch)
        for k, places in enumerate(samples.variants):
            ids = samples[k][1]
            kept = ids[ids != end].tolist()
            whole = [samples.ids[j].tolist() for j in places]
            assert any(set(kept) <= set(row) for row in whole)
            assert kept
            lengths.add(len(kept))
    assert lengths >= {1, 2}


def test_without_learning_the_nearest_picture_speaks():
    train = np.stack([np.zeros((3, 2, 2)), np.ones((3, 2, 2))])
    test = np.stack([np.full((3, 2, 2), 0.9), np.full((3, 2, 2), 0.2)])
    found = nearest_picture(train, ["red pear", "blue boat"], test, ["green boat", "red cloud"])
    assert found == pytest.approx(np.array([[1 / 3, 0], [0, 1 / 3]]))


def test_recalls_of_some_rows():
    similarities = np.array([[1.0, 2.0], [0.0, 3.0]])
    assert recalls(similarities)["R@1"] == 0.5
    assert recalls(similarities, np.array([1])) == {"R@1": 1, "R@5": 1, "R@10": 1}


def test_a_split_that_is_not_there(data):
    with pytest.raises(ConfigError, match="split must be base or random, found 'other'"):
        built("clip-emoji", "split=other")


# ---- images in colour


def test_images_in_colour_are_read(tmp_path):
    from matplotlib.image import imsave

    planes = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    np.save(tmp_path / "x.npy", planes)
    (tmp_path / "x.csv").write_text(",".join(map(str, planes.ravel().tolist())) + "\n")
    imsave(tmp_path / "x.png", planes.transpose(1, 2, 0).copy())
    for name in ("x.npy", "x.csv", "x.png"):
        found = read_images(tmp_path / name, (5, 7), 3)
        assert found == pytest.approx(planes[None] / 255)
    clear = np.zeros((5, 7, 4), np.uint8)
    clear[0, 0] = [255, 0, 0, 255]
    imsave(tmp_path / "clear.png", clear)
    [red, green, blue] = read_images(tmp_path / "clear.png", (5, 7), 3)[0]
    assert (red == 1).all()
    assert green[0, 0] == blue[0, 0] == 0
    assert green.sum() == blue.sum() == 34
    with pytest.raises(ShapeError, match="5×7 pixels and 3 colours before them, found shape"):
        np.save(tmp_path / "y.npy", planes[:2])
        read_images(tmp_path / "y.npy", (5, 7), 3)
    with pytest.raises(ShapeError, match=r"expected 75 numbers \(5×5 pixels in 3 colours\)"):
        read_images(tmp_path / "x.csv", (5, 5), 3)


# ---- what a user asks


@pytest.mark.parametrize(
    ("name", "inputs", "known"),
    [
        ("resnet-cifar10", ["x.png"], None),
        ("bert-sst2", ["a very fine film", "dull"], {"negative", "positive"}),
        ("clip-emoji", ["a red apple", "x.png"], None),
    ],
)
def test_a_user_is_answered(data, tmp_path, monkeypatch, name, inputs, known):
    from matplotlib.image import imsave

    monkeypatch.chdir(tmp_path)
    made = built(name)
    imsave("x.png", np.random.default_rng(1).random((32, 32, 3)))
    asked = type("Asked", (), {"invert": False, "fit": False})
    answers = made.kind.predict(made.model, inputs, asked)
    assert [answer["input"] for answer in answers] == inputs
    for answer in answers:
        likeliest = list(answer["likeliest"].values())
        assert likeliest == sorted(likeliest, reverse=True)
        assert answer["probability"] == likeliest[0] <= 1
        if known is not None:
            assert set(answer["likeliest"]) == known
    if name != "resnet-cifar10":
        with pytest.raises(FormatError, match="found an empty"):
            made.kind.predict(made.model, [" "], asked)


# ---- whole runs


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_runs_stops_and_goes_on_to_the_same_bits(
    data, tmp_path, monkeypatch, capsys, name
):
    from matplotlib.image import imsave

    monkeypatch.chdir(tmp_path)
    chosen = [*SMALL[name], "epochs=2", "checkpoint_steps=2"]
    settings = [word for each in chosen for word in ("--set", each)]
    assert main(["train", name, *settings, "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tell = loop.Trainer.tell

    def tell_and_die(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_die)
        assert main(["train", name, *settings, "--out", "parts", "--json"]) == 130
    capsys.readouterr()
    assert main(["train", "--resume", "parts", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    same = ("test_loss", "validation_loss", "steps", "epochs")
    assert {k: whole[k] for k in same} == {k: parts[k] for k in same}
    a, b = (load_checkpoint(newest_checkpoint(tmp_path / run)) for run in ("whole", "parts"))
    assert {k: v.numpy().tobytes() for k, v in a["model"].items()} == {
        k: v.numpy().tobytes() for k, v in b["model"].items()
    }
    assert main(["eval", "whole", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["loss"] == pytest.approx(whole["test_loss"], rel=1e-4)
    imsave("x.png", np.random.default_rng(1).random((32, 32, 3)))
    asked = "good film" if name == "bert-sst2" else "x.png"
    assert main(["predict", "whole", asked]) == 0
    assert capsys.readouterr().out.startswith(f"{asked}: ")


def test_defaults_are_of_the_published_sizes():
    assert find("resnet-cifar10").config.layers == 20
    assert find("bert-sst2").config.pretrained
    assert not find("bert-sst2-scratch").config.pretrained
    different = {"epochs", "learning_rate", "pretrained"}
    a, b = (dataclasses.asdict(find(n).config) for n in ("bert-sst2", "bert-sst2-scratch"))
    assert {k for k in a if a[k] != b[k]} == different
