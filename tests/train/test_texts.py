"""What recipes about text stand on: tables of characters, windows, bits per byte, samples, writing; and the recipes of
Shakespeare, on a small text that is no Shakespeare.
"""

import functools
import json
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import FormatError, ShapeError
from chainrule.cli import main
from chainrule.data import load_dataset
from chainrule.data.tokenizers import character
from chainrule.train import BitsPerByte, LanguageModel, load_checkpoint, newest_checkpoint
from chainrule.train.metrics.metric import NoSamplesError
from chainrule.train.pictures.texts import attention_picture, predictions_picture
from chainrule.train.recipes import find, shakespeare
from chainrule.train.recipes.config import override
from chainrule.train.recipes.ngrams import NGrams
from chainrule.train.recipes.windows import IGNORED, Windows, in_order
from chainrule.train.samples import SAMPLES, Samples, fenced

# ---- tables of characters


def kneser_ney(tokens, n, V):
    """Interpolated Kneser-Ney as the equations have it: dictionaries, one probability at a time."""
    follows = [Counter() for _ in range(n + 1)]  # [k]: k-gram → count
    grams = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}
    follows[n] = Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    for k in range(n - 1, 0, -1):
        before = defaultdict(set)
        for gram in grams:
            before[gram[1:]].add(gram[0])
        follows[k] = Counter({gram: len(who) for gram, who in before.items()})
        grams = set(follows[k])

    def discounts(k):
        n1, n2, n3, n4 = (sum(c == j for c in follows[k].values()) for j in (1, 2, 3, 4))
        if 0 in (n1, n2, n3, n4):
            return lambda c: 0.5
        y = n1 / (n1 + 2 * n2)
        three = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        return lambda c: min(max(three[min(c, 3) - 1], 0), min(c, 3))

    def p(history, w):
        k = len(history) + 1
        shorter = p(history[1:], w) if history else 1 / V
        after = {gram: c for gram, c in follows[k].items() if gram[:-1] == history}
        if not after:
            return shorter
        d, total = discounts(k), sum(after.values())
        c = after.get((*history, w), 0)
        return ((c - d(c)) if c else 0) / total + sum(map(d, after.values())) / total * shorter

    return p


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tables_of_characters_are_the_equations(n):
    rng = np.random.default_rng(7)
    V = 5
    train = (rng.gamma(1.0, size=211) * 1.7).astype(int).clip(0, V - 1)
    test = rng.integers(0, V, 23)
    p = kneser_ney(train.tolist(), n, V)
    expected = [
        -math.log(p(tuple(test[max(0, i - n + 1) : i].tolist()), int(test[i])))
        for i in range(len(test))
    ]
    np.testing.assert_allclose(NGrams(train, n, V).nats(test), expected, rtol=1e-12)


def test_probabilities_of_a_table_sum_to_one():
    train = np.random.default_rng(3).integers(0, 4, 61)
    table = NGrams(train, 3, 5)  # the fifth token never occurs
    for history in ([0, 1], [3, 3], [4, 4], [4, 0]):
        rows = [table.nats(np.array([*history, w]))[-1] for w in range(5)]
        assert np.exp(-np.array(rows)).sum() == pytest.approx(1)
    assert table.nats(np.array([2])).shape == (1,)
    assert table.nats(np.array([], int)).shape == (0,)


def test_tables_that_cannot_be():
    with pytest.raises(ShapeError, match="3-grams need at least 3 tokens, found 2"):
        NGrams(np.array([0, 1]), 3, 2)
    with pytest.raises(ShapeError, match="11-grams of 65 tokens are too many to be numbered"):
        NGrams(np.arange(65), 11, 65)


# ---- windows


@pytest.mark.parametrize(("length", "context"), [(4, 0), (4, 2), (5, 3), (7, 1)])
@pytest.mark.parametrize("N", [2, 3, 11, 29])
def test_every_token_but_the_first_is_asked_once(N, length, context):
    tokens = np.arange(N)
    inputs, targets = in_order(tokens, length, context).tensors
    asked = targets != IGNORED
    assert sorted(targets[asked].tolist()) == list(range(1, N))
    assert (targets[asked] == inputs[asked] + 1).all()
    row, place = np.nonzero(asked)
    assert (place[row > 0] >= context).all()
    assert (inputs[row, 0] + place == inputs[row, place]).all()  # what stands before is read


def test_windows_are_named_by_seed_epoch_and_index():
    data = Windows(np.arange(101), 7, 500, seed=3)
    first = [data[k][0][0] for k in range(500)]
    assert min(first) == 0
    assert max(first) == 93  # the last that has a token behind it
    data.set_epoch(1)
    second = [data[k][0][0] for k in range(500)]
    assert first != second
    data.set_epoch(0)
    assert [data[k][0][0] for k in (499, 3)] == [first[499], first[3]]
    assert [Windows(np.arange(101), 7, 500, seed=4)[k][0][0] for k in range(9)] != first[:9]


def test_a_text_that_is_too_short():
    with pytest.raises(FormatError, match="windows of 7 tokens need a text of at least 8, found 7"):
        Windows(np.arange(7), 7, 1, seed=0)
    with pytest.raises(FormatError, match="has at least 2 tokens, found 1"):
        in_order(np.arange(1), 7)


# ---- bits per byte


def test_bits_per_byte_counts_the_bytes_of_what_was_told():
    sizes = np.array([1, 4, 2])
    task = LanguageModel(token_bytes=sizes)
    assert task.headline == "bits_per_byte"
    metrics = task.metrics()
    for targets, nats in (([[1, -100]], 3.0), ([[2, 0]], 5.0)):
        task.update(metrics, None, (None, cr.tensor(targets)), nats, 2)
    assert metrics["bits_per_byte"].compute() == pytest.approx(8 / math.log(2) / 7)
    assert set(LanguageModel().metrics()) == {"perplexity"}
    with pytest.raises(NoSamplesError):
        BitsPerByte().compute()


# ---- pictures


def test_pictures_refuse_what_does_not_fit():
    with pytest.raises(
        ShapeError, match=r"2 places and 3 tokens need shares of shape \(2, 3\), found \(2, 4\)"
    ):
        predictions_picture("", ["a", "b"], ["b", "c"], ["a", "b", "c"], np.ones((2, 4)))
    with pytest.raises(
        ShapeError, match=r"2 tokens need maps \(heads, 2, 2\), found \[\(1, 3, 3\)\]"
    ):
        attention_picture("", ["a", "b"], [np.ones((1, 3, 3))])


def test_what_is_right_is_framed():
    """The picture changes where the right token does."""
    shares = np.array([[0.7, 0.2, 0.1]])
    one, two = [predictions_picture("", ["a"], [t], ["a", "b", "c"], shares) for t in "ab"]
    assert one[:8] == b"\x89PNG\r\n\x1a\n"
    assert one != two


# ---- samples


def test_samples_are_cut_back_with_their_state(tmp_path):
    from chainrule.train import EpochFinished

    texts = iter(["one", "two", "three"])
    event = functools.partial(
        EpochFinished, learning_rate=0.1, train={}, clipped=0, seconds=0.0, peak_memory_mb=None
    )
    samples = Samples(tmp_path, lambda: next(texts))
    samples(event(epoch=1, step=3, validation={"loss": 2.0}))
    state = samples.state_dict()
    samples(event(epoch=2, step=6, validation={"loss": 1.0}))
    again = Samples(tmp_path, lambda: next(texts))
    again.load_state_dict(state)
    again(event(epoch=2, step=6, validation={"loss": 1.5}))
    text = (tmp_path / SAMPLES).read_text()
    assert "```\none\n```" in text
    assert "two" not in text
    assert text.endswith("## Epoch 2, step 6: validation loss 1.5000\n\n```\nthree\n```\n\n")


def test_a_fence_is_longer_than_those_within():
    assert fenced("a ``` b ```` c").splitlines()[0] == "`````"


# ---- the recipes of Shakespeare

WORDS = ["to be", "or not", "that is", "the question", "whether", "'tis nobler"]
TINY = [
    "block=8",
    "batch_size=4",
    "layers=1",
    "width=8",
    "steps=14",
    "epochs=2",
    "warmup=3",
    "sample=23",
]
NAMES = ["shakespeare-char", "shakespeare-llama", "shakespeare-lstm", "shakespeare-bpe"]
OWN = {
    "shakespeare-char": ["heads=2"],
    "shakespeare-llama": ["heads=2"],
    "shakespeare-lstm": ["embedding=3", "read=4", "learning_rate=1e-3"],
    "shakespeare-bpe": ["heads=2", "merges=13", "read=3"],
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a text of 2,000 words, and a working folder beside it."""
    rng = np.random.default_rng(0)
    text = "\n".join(" ".join(rng.choice(WORDS, 3)) for _ in range(70)) + "\n"
    (tmp_path / "data" / "tinyshakespeare").mkdir(parents=True)
    (tmp_path / "data" / "tinyshakespeare" / "input.txt").write_text(text)
    any_text = functools.partial(load_dataset, verify_files=False)
    monkeypatch.setattr(shakespeare, "load_dataset", any_text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def settings(name, small, *more):
    return [w for s in [*TINY, *OWN[name], f"data_dir={small}", *more] for w in ("--set", s)]


@pytest.mark.parametrize(
    "name", [NAMES[0], *[pytest.param(n, marks=pytest.mark.slow) for n in NAMES[1:]]]
)
def test_a_run_has_everything_and_answers(small, name, capsys):
    assert main(["train", name, *settings(name, small), "--out", "run", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["steps"] == 14
    folder = small.parent / "run"
    files = {path.name for path in folder.iterdir()}
    assert {
        "curves.png",
        "predictions.png",
        "samples.md",
        "MODEL_CARD.md",
        "best.json",
    } <= files
    assert ("attention.png" in files) == (name != "shakespeare-lstm")
    assert (folder / "samples.md").read_text().count("## Epoch ") == 2
    card = (folder / "MODEL_CARD.md").read_text()
    assert "| 4 characters before |" in card
    assert "| 1 character before |" in card
    assert (
        "characters and more know this text better than this model does." in card
    )  # after 14 steps
    headline = "bits_per_byte" if name == "shakespeare-bpe" else "loss"
    assert f"{result[f'baseline_{headline}']:.4f}" in card
    assert main(["eval", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(
        result["test_loss"], rel=1e-4
    )
    assert main(["predict", "run", "to", "", "--count", "2", "--seed", "3", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [a["input"] for a in answers] == ["to", "to", "", ""]
    assert all(a["answer"].startswith(a["input"]) for a in answers)
    assert main(["generate", "run", "to", "", "--max-new-tokens", "30", "--json"]) == 0
    texts = [a["text"] for a in json.loads(capsys.readouterr().out)["answers"]]
    if name == "shakespeare-bpe":
        return  # its tokens are of several characters, and it knows all
    assert {len(a["answer"]) for a in answers} == {23, 25}
    assert [len(text) for text in texts] == [30, 30]  # beyond the 8 tokens that are looked at
    assert main(["predict", "run", "Zoë"]) == 1
    assert (
        "the prompt has 'Z', 'ë', which this model's vocabulary does not have"
        in capsys.readouterr().err
    )


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(small, capsys, monkeypatch):
    from chainrule.train import StepFinished, loop

    more = settings("shakespeare-char", small, "checkpoint_steps=3")
    assert main(["train", "shakespeare-char", *more, "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tell = loop.Trainer.tell

    def tell_and_die(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 11:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_die)
        assert main(["train", "shakespeare-char", *more, "--out", "parts", "--json"]) == 130
    capsys.readouterr()
    assert main(["train", "--resume", "parts", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    same = ("test_loss", "validation_loss", "steps", "epochs")
    assert {k: whole[k] for k in same} == {k: parts[k] for k in same}
    a, b = (load_checkpoint(newest_checkpoint(small.parent / run)) for run in ("whole", "parts"))
    assert {k: v.numpy().tobytes() for k, v in a["model"].items()} == {
        k: v.numpy().tobytes() for k, v in b["model"].items()
    }
    one, other = ((small.parent / run / "samples.md").read_text() for run in ("whole", "parts"))
    assert one == other


def built(name, small, *more):
    recipe = find(name)
    cr.manual_seed(0)
    return recipe.build(override(recipe.config, [*TINY, *OWN[name], f"data_dir={small}", *more]))


def test_the_baseline_is_counted_in_the_training_text_alone(small):
    experiment = built("shakespeare-char", small)
    text = (small / "tinyshakespeare" / "input.txt").read_text()
    a, b = len(text) * 90 // 100, len(text) * 95 // 100
    tokenizer = character(text)
    p = kneser_ney(tokenizer.ids(text[:a]), 3, len(tokenizer))
    test = tokenizer.ids(text[b:])
    nats = [-math.log(p(tuple(test[max(0, i - 2) : i]), test[i])) for i in range(1, len(test))]
    assert experiment.baseline.metrics == {"loss": pytest.approx(np.mean(nats))}


def test_validation_and_test_together(small):
    """The last tenth of the text: a mean over tokens, not of two means."""
    from chainrule.train import evaluate

    experiment = built("shakespeare-char", small)
    test = evaluate(experiment.model, experiment.test_loader, experiment.task, keep=True)
    both = [*experiment.validation_loader, *experiment.test_loader]
    expected = evaluate(experiment.model, both, experiment.task).metrics["loss"]
    assert experiment.kind.facts(test) == {
        "loss_with_validation": pytest.approx(expected, rel=1e-6)
    }


@pytest.mark.parametrize("width", [16, 128, 192])
@pytest.mark.parametrize("layers", [1, 4])
def test_the_llama_has_no_more_parameters_than_the_gpt2(width, layers):
    config = override(find("shakespeare-char").config, [f"width={width}", f"layers={layers}"])
    theirs, ours = [
        sum(p.numel() for p in make(config, 65).parameters())
        for make in (shakespeare.gpt2, shakespeare.llama)
    ]
    assert 0 <= theirs - ours < 3 * width * layers


@pytest.mark.parametrize("name", NAMES[:2])
def test_on_shakespeare_a_recipe_begins_at_chance(outside_data, name):
    recipe = find(name)
    cr.manual_seed(0)
    experiment = recipe.build(recipe.config)
    assert experiment.data.sizes == {"train": 1_003_854, "validation": 55_770, "test": 55_770}
    asked = experiment.test_loader.dataset.tensors[1]
    assert (asked != IGNORED).sum() == 55_769
    assert experiment.epochs * len(experiment.train_loader) == 2_000
    batch = next(iter(experiment.train_loader))
    assert batch[0].shape == (12, 64)
    loss, _ = experiment.task.loss(experiment.model, batch)
    assert loss.item() / experiment.task.count(batch) == pytest.approx(math.log(65), rel=0.02)
    assert list(experiment.kind.tables.values()) == sorted(experiment.kind.tables.values())[::-1]


def test_tables_are_told_in_the_unit_of_the_recipe(small):
    """Bits per byte and nats per character are the same figure, but for the characters of the first token."""
    nats = built("shakespeare-lstm", small).kind.tables
    experiment = built("shakespeare-bpe", small)
    bits, tokenizer = experiment.kind.tables, experiment.kind.tokenizer
    text = (small / "tinyshakespeare" / "input.txt").read_text()
    test = text[len(text) * 95 // 100 :]
    first = len(tokenizer.decode(tokenizer.ids(test)[:1]))
    asked = (len(test) - first) / (len(test) - 1)
    assert first < 9
    for n in nats:
        assert bits[n] * math.log(2) * asked <= nats[n] <= bits[n] * math.log(2) * asked + first / 9
    sizes = experiment.task.token_bytes
    ids = tokenizer.ids(test)
    assert sizes[ids].sum() == len(test.encode())
    targets = experiment.test_loader.dataset.tensors[1]
    assert sizes[targets[targets != IGNORED]].sum() == len(test) - sizes[ids[0]]


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("shakespeare-bpe", "read=8", "read must be less than block, 8, found 8"),
        ("shakespeare-lstm", "cell=rnn", "cell must be lstm or gru, found 'rnn'"),
    ],
)
def test_what_a_recipe_cannot_be(small, capsys, name, setting, message):
    assert (
        main(
            [
                "train",
                name,
                *settings(name, small)[:-4],
                "--set",
                setting,
                "--set",
                f"data_dir={small}",
            ]
        )
        == 2
    )
    assert message in capsys.readouterr().err


def test_more_epochs_than_steps_are_refused(small, capsys):
    assert (
        main(["train", "shakespeare-char", "--set", "steps=3", "--set", f"data_dir={small}"]) == 2
    )
    assert "steps must be at least epochs, 8, found 3" in capsys.readouterr().err
