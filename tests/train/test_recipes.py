"""The recipes: each is whole, its data and baseline are what it says, and (in the full suite, on real data) a
few steps of it learn, stop and go on to the same bits.
"""

import dataclasses
import functools
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.data import load_dataset
from chainrule.train import load_checkpoint, newest_checkpoint
from chainrule.train.recipes import RECIPES, find, names, override, spell, vision
from chainrule.train.recipes.names import EDGE, IGNORED, V, encode, pair_table_loss
from chainrule.train.run import rebuild

OUTSIDE = ["mnist-0to4", "mnist-1000", "mnist-mlp", "mnist-cnn", "fashion-cnn", "names-rnn"]
TINY = {
    "mnist-1000": ["hidden=13,7", "batch_size=128"],
    "fashion-cnn": ["channels=2,3", "hidden=7"],
    "names-rnn": ["hidden=7", "embedding=3", "batch_size=128"],
}
FEW = {"train": 607, "validation": 101, "test": 103}


loaded_once = functools.cache(load_dataset)


@pytest.fixture
def few(outside_data, monkeypatch):
    """The recipes get the first samples of each part only: the data are real, and the test is short."""

    def load(name, data_dir=None):
        loaded = loaded_once(name, data_dir)
        parts = {}
        for split, n in FEW.items():
            part = getattr(loaded, split)
            fields = {k: v for k, v in vars(part).items() if hasattr(v, "__len__")}
            parts[split] = dataclasses.replace(part, **{k: v[:n] for k, v in fields.items()})
        return dataclasses.replace(loaded, **parts)

    for module in (vision, names):
        monkeypatch.setattr(module, "load_dataset", load)


@pytest.mark.parametrize("name", RECIPES)
def test_a_configuration_is_read_back_from_what_is_written(name):
    config = RECIPES[name].config
    settings = [f"{key}={spell(value)}" for key, value in dataclasses.asdict(config).items()]
    assert override(config, settings) == config


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_recipe_is_what_it_says(outside_data, name):
    recipe = find(name)
    cr.manual_seed(0)
    built = recipe.build(recipe.config)
    sizes = built.data.sizes
    for split in ("train", "validation", "test"):
        loader = getattr(built, f"{split}_loader")
        assert len(loader.dataset) == sizes[split]
    inputs, targets = next(iter(built.train_loader))
    assert inputs.shape[0] == recipe.config.batch_size
    loss, _ = built.task.loss(built.model.eval(), (inputs, targets))
    metric, value = next(iter(built.baseline.metrics.items()))
    if metric == "accuracy":
        labels = built.test_loader.dataset.tensors[1]
        assert value == max(np.bincount(labels)) / len(labels) or value < 0.25
        classes = len(built.kind.classes)
        assert set(labels.tolist()) == set(range(classes))
        expected = np.log(classes)
    else:
        expected = np.log(V)
    assert loss.item() / built.task.count((inputs, targets)) == pytest.approx(expected, rel=0.15)


def test_mnist_0to4_has_the_digits_0_to_4(outside_data):
    cr.manual_seed(0)
    built = find("mnist-0to4").build(find("mnist-0to4").config)
    assert built.kind.classes == ("0", "1", "2", "3", "4")
    labels = load_dataset("mnist").test.labels
    assert built.data.sizes["test"] == int((labels < 5).sum())
    assert built.test_loader.dataset.tensors[1].tolist() == labels[labels < 5].tolist()


def test_mnist_1000_has_the_same_thousand_for_every_seed(outside_data):
    recipe, images = find("mnist-1000"), []
    for seed in (0, 1):
        cr.manual_seed(seed)
        built = recipe.build(dataclasses.replace(recipe.config, seed=seed))
        assert built.data.sizes["train"] == 1000
        images.append(built.train_loader.dataset.dataset.tensors[0])
    assert (images[0] == images[1]).all()


def test_the_table_of_pairs_by_hand():
    train = encode(["ab", "a"], 2)
    assert train[0].tolist() == [[EDGE, 1, 2], [EDGE, 1, EDGE]]
    assert train[1].tolist() == [[1, 2, EDGE], [1, EDGE, IGNORED]]
    # edge → a twice, a → b once, a → edge once, b → edge once
    likelihoods = [3 / (2 + V), 2 / (2 + V), 2 / (1 + V)]
    found = pair_table_loss(*train, encode(["ab"], 2))
    assert found == pytest.approx(-np.log(likelihoods).mean())


@pytest.mark.parametrize("name", ["mnist-1000", "fashion-cnn", "names-rnn"])
def test_a_recipe_runs_stops_and_goes_on_to_the_same_bits(few, tmp_path, monkeypatch, capsys, name):
    from chainrule.train import StepFinished, loop

    monkeypatch.chdir(tmp_path)
    settings = [
        word for s in [*TINY[name], "epochs=2", "checkpoint_steps=3"] for word in ("--set", s)
    ]
    assert main(["train", name, *settings, "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tell = loop.Trainer.tell

    def tell_and_die(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 5:
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


def test_the_data_of_a_run_may_move(few, outside_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "epochs=1", "--set", "hidden=3"]
    monkeypatch.delenv("CHAINRULE_DATA")
    assert main(["train", "names-rnn", *settings, "--out", "run", "--data-dir", "nowhere"]) == 1
    err = capsys.readouterr().err
    assert "nowhere" in err
    assert err.startswith("chainrule: ")
    assert not (tmp_path / "run").exists()
    folder = str(outside_data)
    assert main(["train", "names-rnn", *settings, "--out", "run", "--data-dir", folder]) == 0
    recipe, config, _ = rebuild(tmp_path / "run", folder)
    assert (recipe.name, config.data_dir, config.hidden) == ("names-rnn", folder, 3)


def test_names_are_made_up(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "epochs=2", "--set", "hidden=17"]
    assert main(["train", "names-rnn", *settings, "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("test loss ")
    assert "a table of pairs" in (tmp_path / "run" / "MODEL_CARD.md").read_text()
    answers = []
    for seed in ("0", "0", "1"):
        command = ["predict", "run", "jo", "", "--count", "3", "--seed", seed, "--json"]
        assert main(command) == 0
        answers.append(json.loads(capsys.readouterr().out)["answers"])
    assert answers[0] == answers[1] != answers[2]
    assert [a["input"] for a in answers[0]] == ["jo"] * 3 + [""] * 3
    assert all(a["answer"].startswith(a["input"]) for a in answers[0])
    assert main(["predict", "run", "jo", "--count", "1"]) == 0
    assert capsys.readouterr().out.startswith("jo")
    assert main(["predict", "run", "Jo"]) == 1
    assert "expected a beginning of letters from a to z, found 'Jo'" in capsys.readouterr().err
    assert main(["eval", "run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"run", "split", "loss", "perplexity"}
