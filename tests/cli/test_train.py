"""`chainrule train`: what it prints, leaves behind and returns."""

import errno
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.cli.train import _check_free as check_free
from chainrule.train import files, load_checkpoint, newest_checkpoint
from chainrule.train.recipes import RECIPES, ConfigError

TINY = [
    "--set",
    "epochs=3",
    "--set",
    "channels=2,3",
    "--set",
    "hidden=7",
    "--set",
    "checkpoint_every=1",
]
PRODUCTS = [
    "MODEL_CARD.md",
    "config.json",
    "confusion.png",
    "curves.png",
    "events.out.tfevents.chainrule",
    "metrics.jsonl",
    "mistakes.png",
    "samples.png",
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def curve(folder):
    """The metrics without what a clock or the system decides."""
    lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.pop("peak_memory_mb", None)
    return lines


def checkpoint_digest(folder):
    return json.loads(newest_checkpoint(Path(folder)).read_text())["tensor_file"]["sha256"]


def newest_state(folder):
    return load_checkpoint(newest_checkpoint(Path(folder)))


def run(*arguments):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_leaves_its_folder_and_says_the_accuracy_last(capsys):
    assert main(["train", "digits", *TINY]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"test accuracy \d+\.\d %", out.splitlines()[-1])
    assert "epoch 3/3" in out
    assert err == ""  # not a terminal: no bar

    folder = Path("runs/digits-001")
    assert sorted(
        p.name for p in folder.iterdir() if not p.name.startswith("checkpoint")
    ) == sorted(PRODUCTS)
    assert [p.suffix for p in sorted(folder.glob("checkpoint*"))] == [".safetensors", ".json"]
    for picture in folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG"), picture

    config = json.loads((folder / "config.json").read_text())
    assert config["recipe"] == "digits"
    assert config["config"]["epochs"] == 3
    assert config["config"]["seed"] == 0

    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["epoch"] * 3 + ["test"]
    assert [line["step"] for line in lines[:3]] == [20, 40, 60]
    assert all(line["seconds"] > 0 for line in lines[:3])
    assert out.splitlines()[-1] == f"test accuracy {100 * lines[3]['accuracy']:.1f} %"

    card = (folder / "MODEL_CARD.md").read_text()
    for fact in (
        "CC BY 4.0",
        "1,257 train, 180 validation, 360 test",
        "Conv2d",
        "| `epochs` | `3` |",
        "## Limits",
        "read once, after training; of 360 samples: ",
    ):
        assert fact in card
    assert (
        "chainrule train digits --seed 0 --set epochs=3 --set checkpoint_every=1 --set channels=2,3 --set hidden=7"
        in card
    )
    assert card.count("\n| ") > 30

    state = newest_state(folder)
    assert state["step"] == 60
    assert state["model"]["conv1.weight"].shape == (2, 1, 3, 3)


def test_the_same_seed_twice_is_the_same_curve_and_never_the_same_folder(capsys):
    results = []
    for seed in ("5", "5", "7"):
        assert main(["train", "digits", *TINY, "--seed", seed, "--json"]) == 0
        out, _ = capsys.readouterr()
        results.append(json.loads(out))  # exactly one object
    a, b, other = results
    assert [r["run"] for r in results] == ["runs/digits-001", "runs/digits-002", "runs/digits-003"]
    assert curve(a["run"]) == curve(b["run"]) != curve(other["run"])
    assert checkpoint_digest(a["run"]) == checkpoint_digest(b["run"])
    assert (Path(a["run"]) / "confusion.png").read_bytes() == (
        Path(b["run"]) / "confusion.png"
    ).read_bytes()
    assert a["test_accuracy"] == curve(a["run"])[-1]["accuracy"]
    assert a["test_accuracy"] == (360 - a["test_mistakes"]) / 360
    assert (a["recipe"], a["seed"], a["finished"], a["epochs"], a["steps"]) == (
        "digits",
        5,
        True,
        3,
        60,
    )
    assert a["parameters"] == (2 * 9 + 2) + (3 * 2 * 9 + 3) + (3 * 16 * 7 + 7) + (7 * 10 + 10)


def test_checkpoints_come_as_often_as_asked_for_and_at_the_end(capsys, monkeypatch):
    from chainrule.train import keeper

    save, epochs = keeper.save_checkpoint, []

    def save_and_note(path, state):
        epochs.append(state["epoch"])
        save(path, state)

    monkeypatch.setattr(keeper, "save_checkpoint", save_and_note)
    settings = ["--set", "epochs=5", *TINY[2:6], "--set", "checkpoint_every=2"]
    assert main(["train", "digits", *settings]) == 0
    capsys.readouterr()
    assert epochs == [2, 4, 5]


@pytest.mark.parametrize("threads", [1, 2])
def test_products_run_on_the_threads_of_the_configuration(capsys, monkeypatch, threads):
    from threadpoolctl import threadpool_info

    from chainrule.train import StepFinished, loop

    def blas_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before, during = blas_threads(), set()
    tell = loop.Trainer.tell

    def tell_and_look(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished):
            during.update(blas_threads())
            trainer.stop()

    monkeypatch.setattr(loop.Trainer, "tell", tell_and_look)
    assert main(["train", "digits", *TINY, "--set", f"blas_threads={threads}"]) == 130
    capsys.readouterr()
    assert during == ({threads} if before else set())
    assert blas_threads() == before


# ---- what cannot be understood: one line, exit code 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digit"], "unknown recipe 'digit', the nearest is 'digits'"),
        (["train"], "train needs a RECIPE; known are digits"),
        (["train", "digits", "--set", "epoch=3"], "unknown key 'epoch', the nearest is 'epochs'"),
        (["train", "digits", "--set", "epochs"], "expected key=value, found 'epochs'"),
        (["train", "digits", "--set", "epochs=many"], "epochs must be an integer, found 'many'"),
        (["train", "digits", "--set", "epochs=0"], "epochs must be at least 1, found 0"),
        (["train", "digits", "--seed", "one"], "seed must be an integer, found 'one'"),
        (["train", "digits", "--seed", "-1"], "seed must be at least 0, found -1"),
        (["train", "digits", "--seed", "1", "--set", "seed=2"], "seed is set twice"),
        (
            ["train", "digits", "--resume", "x"],
            "--resume goes on with a run as it was begun: no RECIPE",
        ),
        (
            ["train", "digits", "--sed", "1"],
            "unrecognized arguments: --sed 1; the nearest is --seed",
        ),
        (["generate", "x", "y", "--max_new_tokens", "1"], "the nearest is --max-new-tokens"),
        (
            ["train", "digits", "--epochs", "3"],
            "unrecognized arguments: --epochs 3; keys of a recipe are set with --set epochs=3",
        ),
        (["train", "mnist-mlp", "--batch-size=7"], "are set with --set batch_size=7"),
        (
            ["train", "digits", "--data-dir", "x"],
            "the recipe digits brings its data: it takes no --data-dir",
        ),
        (["trian", "digits"], "invalid choice: 'trian', the nearest is 'train'"),
        ([], "required: COMMAND; to begin with: chainrule train digits"),
        (["train", "digits", "--set"], "expected one argument"),
    ],
)
def test_what_cannot_be_understood(capsys, arguments, message):
    try:
        code = main(arguments)
    except SystemExit as e:
        code = e.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert message in err
    assert err.startswith("chainrule: ")
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_folder_with_something_in_it_is_left_alone(capsys):
    Path("mine").mkdir()
    Path("mine/notes").write_text("precious")
    assert main(["train", "digits", "--out", "mine"]) == 2
    assert (
        "--out mine exists and is not an empty folder; a run never overwrites another"
        in capsys.readouterr().err
    )
    assert main(["train", "digits", "--out", "mine/notes"]) == 2
    assert Path("mine/notes").read_text() == "precious"


def test_a_folder_in_which_a_run_was_killed_before_its_first_file_is_free():
    folder = Path("mine")
    folder.mkdir()
    (folder / ".config.json.4711.tmp").write_text('{"rec')
    check_free(folder)
    (folder / ".notes.tmp").write_text("precious")
    with pytest.raises(ConfigError, match="not an empty folder"):
        check_free(folder)


# ---- what goes wrong: one line, exit code 1, and nothing left half done


def own_data(**arrays):
    rng = np.random.default_rng(0)
    good = {"images": rng.integers(0, 17, (211, 8, 8)), "labels": np.arange(211) % 10}
    np.savez("own.npz", **{**good, **arrays})
    return ["--set", "data=own.npz"]


def test_data_of_ones_own(capsys):
    assert main(["train", "digits", *TINY, *own_data(), "--out", "deep/run", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["run"] == "deep/run"
    assert result["test_accuracy"] < 0.5  # noise cannot be learnt
    card = Path("deep/run/MODEL_CARD.md").read_text()
    assert "own.npz" in card
    assert "Alpaydin" not in card


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"labels": np.arange(211) % 11},
            "FormatError: own.npz: labels: expected labels from 0 to 9, found 10 at index [10]",
        ),
        (
            {"images": np.full((211, 8, 8), np.nan)},
            "FormatError: own.npz: images: expected finite numbers, found nan",
        ),
        (
            {"images": np.zeros((211, 28, 28))},
            "ShapeError: own.npz: images: expected shape (N, 8, 8), found (211, 28, 28)",
        ),
        ({"labels": np.zeros(211)}, "DTypeError: own.npz: labels: expected signed integers"),
    ],
)
def test_bad_data(capsys, arrays, message):
    assert main(["train", "digits", *own_data(**arrays), "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_no_data(capsys):
    assert main(["train", "digits", "--set", "data=none.npz"]) == 1
    err = capsys.readouterr().err
    assert err == "chainrule: FileNotFoundError: none.npz: No such file or directory\n"
    Path("nine.npz").touch()
    assert main(["train", "digits", "--set", "data=none.npz"]) == 1
    assert capsys.readouterr().err.endswith("file or directory; the nearest is nine.npz\n")


def test_a_place_where_nothing_can_be_written(capsys, monkeypatch):
    def refuse(path, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main(["train", "digits", *TINY]) == 1
    err = capsys.readouterr().err
    assert err == f"chainrule: SaveError: {Path('runs/digits-001')}: Permission denied\n"


def test_a_full_disk(capsys, monkeypatch):
    write = files.write_whole

    def full(path, content):
        if path.suffix == ".safetensors" and newest_checkpoint(path.parent) is not None:
            raise files.SaveError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, content)

    monkeypatch.setattr("chainrule.train.checkpoint.write_whole", full)
    assert main(["train", "digits", *TINY]) == 1
    err = capsys.readouterr().err
    assert "SaveError" in err
    assert (
        "checkpoint not saved (No space left on device); checkpoint-00000020.json is untouched"
        in err
    )
    assert err.count("\n") == 1
    assert newest_state("runs/digits-001")["epoch"] == 1


def test_a_rate_that_makes_the_loss_infinite(capsys):
    assert main(["train", "digits", *TINY, "--set", "learning_rate=1e30", "--set", "warmup=0"]) == 1
    err = capsys.readouterr().err
    assert re.search(r"NonFiniteLossError: the loss of step \d+ \(epoch 1 of 3\) is (nan|inf)", err)
    assert err.count("\n") == 1


# ---- Ctrl-C, and going on


def interrupted(epoch):
    """A run in a process of its own that is sent SIGINT after so many epochs."""
    command = [
        sys.executable,
        "-m",
        "chainrule",
        "train",
        "digits",
        "--set",
        "epochs=400",
        *TINY[2:],
        "--out",
        "run",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        for line in process.stdout:
            if line.startswith(f"epoch {epoch:>3}/400"):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX signals")
def test_the_first_interrupt_saves_a_checkpoint_and_exits_130():
    code, out, err = interrupted(1)
    assert code == 130
    assert re.fullmatch(
        r"chainrule: interrupted after step \d+; go on with: chainrule train --resume run\n", err
    )
    assert "test accuracy" not in out
    state = newest_state("run")
    assert f"after step {state['step']};" in err
    assert state["step"] >= 20
    assert not Path("run/MODEL_CARD.md").exists()


def test_an_interrupted_run_goes_on_to_the_same_bits(capsys, monkeypatch):
    from chainrule.train import StepFinished, loop

    assert main(["train", "digits", *TINY, "--out", "whole", "--json"]) == 0
    tell = loop.Trainer.tell

    def tell_and_stop(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 33:
            trainer.stop()

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_stop)
        capsys.readouterr()
        assert main(["train", "digits", *TINY, "--out", "parts", "--json"]) == 130
        out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["finished"], result["steps"], result["test_accuracy"]) == (False, 33, None)
    assert "interrupted after step 33" in err

    assert main(["train", "--resume", "parts"]) == 0
    assert re.fullmatch(r"test accuracy \d+\.\d %", capsys.readouterr().out.splitlines()[-1])
    assert curve("parts") == curve("whole")
    whole, parts = (
        newest_state("whole"),
        newest_state("parts"),
    )
    assert {k: v.tolist() for k, v in whole["model"].items()} == {
        k: v.tolist() for k, v in parts["model"].items()
    }
    assert checkpoint_digest("parts") == checkpoint_digest("whole")

    assert main(["train", "--resume", "parts"]) == 1
    assert (
        "parts: expected an unfinished run, found one that is finished" in capsys.readouterr().err
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_killed_run_goes_on_to_the_same_bits(capsys):
    # in whatever the run does when a line of it is read; `benchmarks/kills.py` kills at random moments
    settings = ["--set", "epochs=5", *TINY[2:6], "--set", "checkpoint_steps=13"]
    assert main(["train", "digits", *settings, "--out", "whole", "--json"]) == 0
    command = [sys.executable, "-m", "chainrule", "train", "digits", *settings]
    for k, line in enumerate(("training step", "epoch 3/5")):
        folder = f"parts{k}"
        pipe = subprocess.PIPE
        with subprocess.Popen([*command, "--out", folder], stdout=pipe, text=True) as process:
            assert any(printed.startswith(line) for printed in process.stdout)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert main(["train", "--resume", folder, "--json"]) == 0
        assert curve(folder) == curve("whole")
        assert checkpoint_digest(folder) == checkpoint_digest("whole")
    capsys.readouterr()


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_a_checkpoint_of_another_network_is_not_resumed(capsys, monkeypatch, change):
    from chainrule.train import StepFinished, loop, save_checkpoint

    tell = loop.Trainer.tell

    def tell_and_stop(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished):
            trainer.stop()

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_stop)
        assert main(["train", "digits", *TINY, "--out", "run"]) == 130
    state = newest_state("run")
    if change == "missing":
        del state["model"]["conv1.bias"]
    else:
        state["model"]["conv1.bias"] = state["model"]["conv2.bias"]
    save_checkpoint(newest_checkpoint(Path("run")), state)
    capsys.readouterr()
    assert main(["train", "--resume", "run"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("chainrule: StateDictError: run/checkpoint-00000001.json: ")
    assert "conv1.bias" in err


def test_what_cannot_be_resumed(capsys):
    assert main(["train", "--resume", "none"]) == 1
    assert "none: expected the folder of a run, found no such folder" in capsys.readouterr().err
    Path("run").mkdir()
    assert main(["train", "--resume", "run"]) == 1
    assert "expected the folder of a run, found no config.json in it" in capsys.readouterr().err
    Path("run/config.json").write_text("{}")
    assert main(["train", "--resume", "run"]) == 1
    assert "config.json: expected the recipe and config of a run" in capsys.readouterr().err
    config = {
        "recipe": "digits",
        "config": {"epochs": 3, "channels": [2, 3]},
        "data_sha256": "0",
        "versions": {},
    }
    Path("run/config.json").write_text(json.dumps(config))
    assert main(["train", "--resume", "run"]) == 1
    assert (
        "the data have changed since the run began: expected sha256 0, found 6a64"
        in capsys.readouterr().err
    )


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX signals")
def test_the_second_interrupt_stops(capsys, monkeypatch):
    from chainrule.train import StepFinished, loop

    tell = loop.Trainer.tell
    count = []

    def press(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished):
            count.append(event.step)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Trainer, "tell", press)
    assert main(["train", "digits", *TINY]) == 130
    said = "chainrule: stopped; go on with: chainrule train --resume runs/digits-001\n"
    assert capsys.readouterr().err == said
    assert count == [1]
    assert newest_checkpoint(Path("runs/digits-001")) is None


# ---- the command itself


def test_the_module_is_the_command():
    done = run("train", "digit")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "chainrule: unknown recipe 'digit', the nearest is 'digits'\n"


def test_version_and_help(capsys):
    for arguments, text in (
        (["--version"], r"chainrule (\d+\.\d+|\(not installed)"),
        (["--help"], "train"),
        (["help"], "to begin with:\n  chainrule train digits"),
        (["train", "--help"], r"\n  names-rnn +a recurrent network"),
        (["train", "digits", "--help"], r"\n  epochs=40 "),
        (["help", "train", "names-rnn"], r"\n  epochs=12 "),
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        assert re.search(text, capsys.readouterr().out)


def test_the_list_of_recipes_is_short(capsys):
    """Guards the page that somebody sees first: the keys of every recipe took more than a hundred lines."""
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert len(capsys.readouterr().out.splitlines()) < 40 + 2 * len(RECIPES)


def test_heavy_libraries_are_imported_only_when_needed():
    heavy = ["matplotlib", "rich", "safetensors", "PIL"]
    code = f"import sys, chainrule.cli as c; c._parser(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def read_until_closed(terminal):
    """The parts of what is written to a pseudo-terminal, until its other end is closed (Linux then
    says EIO).
    """
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            return
        if not part:
            return
        yield part


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_a_bar_and_stdout_stays_clean():
    import pty

    terminal, other_end = pty.openpty()
    command = [sys.executable, "-m", "chainrule", "train", "digits", *TINY, "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=other_end, env=environment
    ) as process:
        os.close(other_end)
        drawn = b"".join(read_until_closed(terminal))
        out = process.stdout.read()
    os.close(terminal)
    assert process.returncode == 0
    json.loads(out)
    assert "━".encode() in drawn
    assert b"3/3" in drawn


def test_pictures_do_not_depend_on_when_they_are_drawn(capsys):
    for name in ("a", "b"):
        assert main(["train", "digits", *TINY, "--out", name, "--json"]) == 0
    capsys.readouterr()
    digests = [
        {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in Path(name).glob("*.png")}
        for name in ("a", "b")
    ]
    assert digests[0] == digests[1]


def test_a_console_without_the_signs_shows_a_question_mark(monkeypatch):
    """As Windows' own encodings, when the output goes into a file."""
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main(["data", "list"]) == 0
    sys.stdout.flush()
    assert b"8?8 grey" in shown.getvalue()
