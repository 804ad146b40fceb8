"""The recipe of hidden words: what is hidden, what counting tells, and whole runs on a few paragraphs."""

import functools
import gzip
import json
import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import FormatError
from chainrule.cli import main
from chainrule.data import load_dataset
from chainrule.train import MaskedLanguageModel, load_checkpoint, newest_checkpoint
from chainrule.train.recipes import find, masked, override
from chainrule.train.recipes.masked import Hidden, counted_answers, hidden_in_order
from chainrule.train.recipes.windows import IGNORED

WORDS = ["the river", "a castle", "was built", "in the north", "by the king", "of 1066"]
TINY = [
    "block=16",
    "batch_size=4",
    "layers=1",
    "heads=2",
    "width=8",
    "merges=19",
    "steps=6",
    "epochs=2",
    "warmup=2",
]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with ten articles of three short paragraphs each."""
    rng = np.random.default_rng(0)
    articles = [
        {
            "title": f"Article_{a}",
            "paragraphs": [
                {"context": " ".join(rng.choice(WORDS, 9)) + ".", "qas": []} for _ in range(3)
            ],
        }
        for a in range(10)
    ]
    folder = tmp_path / "data" / "squad-dev-v1.1"
    folder.mkdir(parents=True)
    content = json.dumps({"data": articles, "version": "1.1"}).encode()
    (folder / "dev-v1.1-derived.json.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(masked, "load_dataset", functools.partial(load_dataset, verify_files=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def words(small, *more):
    return [w for s in [*TINY, f"data_dir={small}", *more] for w in ("--set", s)]


# ---- what is hidden


def test_as_many_are_hidden_changed_and_left_as_bert_says():
    tokens = np.arange(1000) % 17 + 3
    data = Hidden(tokens, 50, 400, 0.2, mask=1, vocabulary=20, seed=3)
    samples = [data[k] for k in range(400)]
    seen, targets = (np.stack(part) for part in zip(*samples, strict=True))
    told = targets != IGNORED
    assert told.mean() == pytest.approx(0.2, abs=0.01)
    assert (seen[told] == 1).mean() == pytest.approx(0.8, abs=0.02)
    assert (seen[told] == targets[told]).mean() == pytest.approx(0.1 + 0.1 / 20, abs=0.015)
    whole = np.where(told, targets, seen)  # what stands in the text
    assert ((whole[:, 1:] - whole[:, :-1]) % 17 == 1).all()


def test_what_is_hidden_is_named_by_seed_epoch_and_index():
    data = Hidden(np.arange(100), 20, 9, 0.3, mask=100, vocabulary=101, seed=3)
    first = [data[k][1].tolist() for k in range(9)]
    data.set_epoch(1)
    second = [data[k][1].tolist() for k in range(9)]
    data.set_epoch(0)
    assert [data[k][1].tolist() for k in (8, 2)] == [first[8], first[2]]
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert len({tuple(t) for t in first}) == 9
    with pytest.raises(FormatError, match="windows of 20 tokens need a text as long, found 19"):
        Hidden(np.arange(19), 20, 1, 0.3, 100, 101, 0)


def test_a_test_hides_the_same_always():
    tokens = np.arange(103)
    one, two = [hidden_in_order(tokens, 10, 0.15, 999).tensors for _ in range(2)]
    assert (one[0] == two[0]).all()
    assert one[0].shape == (10, 10)
    told = one[1] != IGNORED
    assert (one[0][told] == 999).all()
    assert (np.where(told, one[1], one[0]).ravel() == tokens[:100]).all()


def test_what_counting_tells_by_hand():
    learnt = np.array(
        [5, 6, 5, 6, 5, 7, 5, 8, 8]
    )  # 5 is the commonest; after 5 comes 6, after 8 comes 8
    seen = np.array([[5, 0, 8, 0], [0, 0, 9, 0]])
    targets = np.array([[-100, 6, -100, 8], [5, 6, -100, 5]])
    # the token before: 5 → 6 right, 8 → 8 right, none → 5 right, hidden → 5 wrong, 9 never seen → 5 right
    assert counted_answers(learnt, seen, targets, mask=0) == {
        "the commonest token": 2 / 5,
        "the token before": 4 / 5,
    }


# ---- the task


def test_only_what_is_hidden_counts():
    task = MaskedLanguageModel()
    logits = cr.tensor(np.random.default_rng(0).normal(size=(2, 3, 5)))
    targets = cr.tensor([[1, -100, 4], [-100, -100, 0]])
    loss, answers = task.loss(lambda inputs: logits, (None, targets))
    logs = logits.numpy() - np.log(np.exp(logits.numpy()).sum(-1, keepdims=True))
    assert loss.item() == pytest.approx(-(logs[0, 0, 1] + logs[0, 2, 4] + logs[1, 2, 0]))
    assert task.count((None, targets)) == 3
    metrics = task.metrics()
    task.update(metrics, answers.numpy(), (None, targets), 0.0, 3)
    likeliest = logits.numpy().argmax(-1)
    right = [likeliest[0, 0] == 1, likeliest[0, 2] == 4, likeliest[1, 2] == 0]
    assert metrics["accuracy"].compute() == pytest.approx(np.mean(right))


# ---- runs


def test_a_run_has_everything_and_answers(small, capsys):
    assert main(["train", "bert-mlm", *words(small), "--out", "run", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["steps"] == 6
    folder = small.parent / "run"
    files = {path.name for path in folder.iterdir()}
    assert {
        "curves.png",
        "predictions.png",
        "attention.png",
        "samples.md",
        "MODEL_CARD.md",
    } <= files
    assert "⟨" in (folder / "samples.md").read_text()
    card = (folder / "MODEL_CARD.md").read_text()
    assert "| the token before |" in card
    assert re.search(r"; of \d+ hidden tokens: [\d.]+ to [\d.]+ % \(95 % interval\)", card)
    assert main(["eval", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == result["test_accuracy"]
    assert main(["predict", "run", "the [MASK] was built [MASK]", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert len(answers) == 2
    for answer in answers:
        likeliest = list(answer["likeliest"].items())
        assert likeliest[0] == (answer["answer"], answer["probability"])
        assert likeliest == sorted(likeliest, key=lambda item: -item[1])
    assert main(["predict", "run", "the [MASK] was built"]) == 0
    assert capsys.readouterr().out.startswith("the [MASK] was built: ")
    assert main(["predict", "run", "the river"]) == 1
    assert "expected a text with [MASK] in it, found 'the river'" in capsys.readouterr().err
    assert main(["predict", "run", "[MASK]" * 17]) == 1
    assert "a text may have 16 tokens, found 17" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(small, capsys, monkeypatch):
    from chainrule.train import StepFinished, loop

    more = words(small, "checkpoint_steps=2")
    assert main(["train", "bert-mlm", *more, "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tell = loop.Trainer.tell

    def tell_and_die(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_die)
        assert main(["train", "bert-mlm", *more, "--out", "parts", "--json"]) == 130
    capsys.readouterr()
    assert main(["train", "--resume", "parts", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    same = ("test_loss", "test_accuracy", "steps")
    assert {k: whole[k] for k in same} == {k: parts[k] for k in same}
    a, b = (load_checkpoint(newest_checkpoint(small.parent / run)) for run in ("whole", "parts"))
    assert {k: v.numpy().tobytes() for k, v in a["model"].items()} == {
        k: v.numpy().tobytes() for k, v in b["model"].items()
    }


def test_what_cannot_be_built(small):
    recipe = find("bert-mlm")
    for setting, message in (
        ("steps=1", "steps must be at least epochs, 2, found 1"),
        ("block=400", "the validation paragraphs are too short: no token in them would be hidden"),
    ):
        with pytest.raises(cr.base.errors.ChainruleError, match=message):
            settings = [s for s in TINY if not s.startswith(setting.split("=")[0])]
            recipe.build(override(recipe.config, [*settings, setting, f"data_dir={small}"]))


def test_on_the_paragraphs_themselves(outside_data):
    recipe = find("bert-mlm")
    cr.manual_seed(0)
    experiment = recipe.build(recipe.config)
    assert experiment.data.sizes == {"train": 1680, "validation": 207, "test": 180}
    others = experiment.kind.others
    assert experiment.baseline.metrics == {"accuracy": others["the commonest token"]}
    assert 0.03 < others["the commonest token"] < others["the token before"] < 0.2
    batch = next(iter(experiment.train_loader))
    loss, _ = experiment.task.loss(experiment.model, batch)
    chance = math.log(len(experiment.kind.tokenizer))
    assert loss.item() / experiment.task.count(batch) == pytest.approx(chance, rel=0.1)
