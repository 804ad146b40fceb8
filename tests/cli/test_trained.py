"""`chainrule eval`, `predict` and `runs`, on runs of the digits."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.data import digits
from chainrule.train import StepFinished, loop
from chainrule.train.kinds.framing import framed

TINY = ["--set", "epochs=3", "--set", "channels=2,3", "--set", "hidden=7"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("run") / "digits"
    assert main(["train", "digits", *TINY, "--out", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def unfinished(tmp_path, monkeypatch):
    """A run that was interrupted in its second epoch."""
    tell = loop.Trainer.tell

    def tell_and_stop(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 27:
            trainer.stop()

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_stop)
        assert main(["train", "digits", *TINY, "--out", str(tmp_path / "part"), "--json"]) == 130
    return tmp_path / "part"


def fails(capsys, code, message, *arguments):
    capsys.readouterr()
    assert main(list(map(str, arguments))) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("chainrule: ")
    assert err.count("\n") == 1
    assert message in err


# ---- eval


def test_eval_finds_what_the_run_said(finished, capsys):
    lines = (finished / "metrics.jsonl").read_text().splitlines()
    test, last = json.loads(lines[-1]), json.loads(lines[-2])
    assert main(["eval", str(finished), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["split"]) == (str(finished), "test")
    assert found["accuracy"] == test["accuracy"]
    assert found["loss"] == pytest.approx(test["loss"], rel=1e-5)  # eager here, compiled there
    assert main(["eval", str(finished), "--split", "validation", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"] == last["validation_accuracy"]


def test_eval_as_text(finished, capsys):
    assert main(["eval", str(finished)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"test split, weights of .*checkpoint-00000060\.json", first)
    assert re.fullmatch(r"loss \d\.\d{4}", rest[0])
    assert re.fullmatch(r"accuracy \d+\.\d %", rest[1])


def test_eval_leaves_the_run_as_it_was(finished, capsys):
    before = {p.name: p.read_bytes() for p in finished.iterdir()}
    assert main(["eval", str(finished), "--split", "train"]) == 0
    assert {p.name: p.read_bytes() for p in finished.iterdir()} == before


def test_the_test_set_is_for_finished_runs(unfinished, capsys):
    fails(capsys, 1, "the test set is for finished runs, and this one is not", "eval", unfinished)
    assert main(["eval", str(unfinished), "--split", "validation"]) == 0


def test_no_run(tmp_path, capsys):
    for command in ("eval", "predict"):
        more = [] if command == "eval" else ["x.png"]
        message = "expected the folder of a run, found no config.json in it"
        fails(capsys, 1, message, command, tmp_path, *more)


def test_no_such_folder(tmp_path, capsys):
    message = "nowhere: expected the folder of a run, found no such folder"
    fails(capsys, 1, message, "eval", tmp_path / "nowhere")


def test_a_slip_in_the_name_of_a_run(finished, capsys, monkeypatch):
    hint = f"the nearest is {finished}"
    fails(capsys, 1, hint, "eval", finished.with_name(f"{finished.name}-1"))
    fails(capsys, 1, f"in it is {finished}", "eval", finished.parent)
    monkeypatch.chdir(finished.parent)
    Path("runs").symlink_to(finished.parent)
    fails(capsys, 1, f"the nearest is runs/{finished.name}", "eval", f"elsewhere/{finished.name}")


def test_a_run_that_has_no_checkpoint_yet(finished, tmp_path, capsys):
    shutil.copy(finished / "config.json", tmp_path)
    message = "expected a checkpoint, found none: nothing was trained yet"
    fails(capsys, 1, message, "eval", tmp_path, "--split", "validation")


# ---- predict


@pytest.fixture
def images(tmp_path):
    """Three digits as pictures, rows and an array; their labels."""
    from matplotlib.image import imsave

    data = digits.load().test
    chosen = data.images[:3, 0]
    for k, image in enumerate(chosen):
        imsave(tmp_path / f"{k}.png", image, cmap="gray", vmin=0, vmax=1)
        imsave(tmp_path / f"{k}-ink.png", 1 - image, cmap="gray", vmin=0, vmax=1)
    np.savetxt(tmp_path / "rows.csv", chosen.reshape(3, -1) * 255, delimiter=",")
    np.save(tmp_path / "array.npy", chosen)
    return tmp_path


def predicted(capsys, *arguments):
    capsys.readouterr()
    assert main(["predict", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["answers"]


def test_one_image_in_every_form_has_one_answer(finished, images, capsys):
    pictures = [images / f"{k}.png" for k in range(3)]
    inverted = [images / f"{k}-ink.png" for k in range(3)]
    by_form = [
        predicted(capsys, finished, images / "rows.csv"),
        predicted(capsys, finished, images / "array.npy"),
        predicted(capsys, finished, *pictures),
        predicted(capsys, finished, *inverted, "--invert"),
    ]
    assert [a["input"] for a in by_form[0]] == [f"{images / 'rows.csv'}:{k}" for k in (1, 2, 3)]
    assert [a["input"] for a in by_form[2]] == list(map(str, pictures))
    for answers in by_form[1:]:  # a picture has 256 shades
        for a, b in zip(answers, by_form[0], strict=True):
            assert a["answer"] == b["answer"]
            assert a["probability"] == pytest.approx(b["probability"], abs=0.02)
    for answer in by_form[0]:
        likeliest = list(answer["likeliest"].items())
        assert len(likeliest) == 3
        assert likeliest[0] == (answer["answer"], answer["probability"])
        assert likeliest == sorted(likeliest, key=lambda item: -item[1])


def test_predict_as_text(finished, images, capsys):
    assert main(["predict", str(finished), str(images / "0.png")]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(
        rf"{re.escape(str(images))}/0\.png: \d, \d+\.\d % sure \(then \d \d+\.\d %, \d \d+\.\d %\)\n",
        out,
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "1,2,3\n", "x.csv:1: expected 64 numbers (8×8 pixels), found 3"),
        ("x.csv", "1,two\n", "x.csv:1: expected numbers: could not convert"),
        ("x.csv", "\n", "x.csv: expected at least one row of 64 numbers"),
        ("x.csv", ",".join(["300"] * 64), "in a .csv from 0 to 255), found others"),
        ("x.csv", ",".join(["nan"] * 64), "in a .csv from 0 to 255), found others"),
        ("x.png", "no picture", "x.png: expected a picture (PNG, JPEG, …)"),
        ("x.npy", "no array", "x.npy: expected the magic number of a .npy"),
        ("x.gif", None, "FileNotFoundError"),
    ],
)
def test_what_is_no_image_is_named(finished, tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    fails(capsys, 1, message, "predict", finished, tmp_path / name)


def test_images_of_another_size_are_named(finished, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28)))
    message = "expected images of 8×8 pixels, found shape (2, 28, 28)"
    fails(capsys, 1, message, "predict", finished, tmp_path / "x.npy")


def test_a_picture_of_any_size_is_fitted(finished, images, capsys):
    """A digit somewhere on a large sheet of paper is the digit, cut out and scaled."""
    from matplotlib.image import imsave

    digit = digits.load().test.images[0, 0]  # it fills its image from top to bottom
    page = np.zeros((1, 150, 210))
    page[0, 20:100, 90:170] = np.kron(digit, np.ones((10, 10)))
    imsave(images / "page.png", 1 - page[0], cmap="gray", vmin=0, vmax=1)
    np.save(images / "cut.npy", framed("", page, (8, 8), 8)[0])
    [answer] = predicted(capsys, finished, images / "page.png", "--fit", "--invert")
    [expected] = predicted(capsys, finished, images / "cut.npy")
    assert answer["probability"] == pytest.approx(expected["probability"], abs=0.02)
    assert "note" not in answer


def test_ink_on_paper_is_noticed(finished, images, capsys):
    [answer] = predicted(capsys, finished, images / "0-ink.png")
    assert "is --invert missing?" in answer["note"]
    assert main(["predict", str(finished), str(images / "0-ink.png")]) == 0
    assert capsys.readouterr().err.startswith(f"chainrule: {images / '0-ink.png'}: light ground")
    message = "found nothing, and the ground is light: is --invert missing?"
    (images / "paper.npy").unlink(missing_ok=True)
    np.save(images / "paper.npy", np.ones((20, 20)))
    fails(capsys, 1, message, "predict", finished, images / "paper.npy", "--fit")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--count", "0"], "--count must be at least 1, found 0"),
        (["--temperature", "0"], "--temperature must be above 0, found 0.0"),
        (["--temperature", "nan"], "--temperature must be above 0, found nan"),
        (["--seed", "-1"], "--seed must be at least 0, found -1"),
    ],
)
def test_options_out_of_range(finished, capsys, option, message):
    fails(capsys, 2, message, "predict", finished, "x.png", *option)


# ---- runs


def test_runs_are_listed(finished, unfinished, tmp_path, capsys):
    parent = tmp_path / "runs"
    parent.mkdir()
    shutil.copytree(finished, parent / "a")
    shutil.copytree(unfinished, parent / "b")
    with open(parent / "b" / "metrics.jsonl", "a") as f:
        f.write('{"event": "epo')  # torn
    (parent / "c").mkdir()
    (parent / "c" / "config.json").write_text("{")
    (parent / "notes").mkdir()
    capsys.readouterr()
    assert main(["runs", str(parent)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "run",
        "recipe",
        "date",
        "seed",
        "epochs",
        "validation",
        "test",
        "status",
    ]
    damaged, a, b = rows  # without a date first, then the older
    assert damaged.endswith("damaged")
    pattern = r".*/a  digits  \d{4}-\d\d-\d\d \d\d:\d\d  0  +3/3 +accuracy \d+\.\d % +accuracy \d+\.\d % +finished"
    assert re.fullmatch(pattern, a)
    assert re.fullmatch(r".*/b  digits  .*  0  +1/3 +accuracy \d+\.\d % +– +unfinished", b)

    assert main(["runs", str(parent), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [Path(run["run"]).name for run in found] == ["c", "a", "b"]
    assert [run["status"] for run in found] == ["damaged", "finished", "unfinished"]
    assert found[1]["test"]["accuracy"] > found[1]["validation"]["accuracy"] * 0.5
    assert found[2]["test"] == {}


def test_a_single_run_lists_itself(finished, capsys):
    assert main(["runs", str(finished), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 1


def test_no_runs(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no runs in {tmp_path}\n"
    fails(capsys, 1, "expected a folder with runs in it, found none", "runs", tmp_path / "none")


def test_no_runs_yet(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    said = "no runs in runs yet: chainrule train digits makes the first\n"
    assert capsys.readouterr().out == said


def test_a_terminal_too_narrow_for_the_table_gets_whole_words(finished, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["runs", str(finished)]) == 0
    assert re.search(r"^run +recipe +date +seed +epochs", capsys.readouterr().out)


def test_on_a_terminal_it_is_a_rich_table(finished, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["runs", str(finished)]) == 0
    out = capsys.readouterr().out
    assert "finished" in out
    assert "─" in out


# ---- killed before the first checkpoint


@pytest.mark.slow
def test_a_run_without_a_checkpoint_begins_anew(finished, tmp_path, capsys):
    shutil.copy(finished / "config.json", tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"event": "ep')
    assert main(["train", "--resume", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    test = json.loads((finished / "metrics.jsonl").read_text().splitlines()[-1])
    assert (result["test_loss"], result["test_accuracy"]) == (test["loss"], test["accuracy"])
    assert os.path.exists(tmp_path / "MODEL_CARD.md")
