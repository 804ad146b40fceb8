"""Files that keep to their format and lie within it: whatever is read, the answer is a value or one error with the path."""

import contextlib
import io
import json
import re

import damage
import hypothesis
import malformed
import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import ChainruleError, FormatError, ShapeError, StateDictError
from chainrule.cli import main
from chainrule.files import read_npz, read_safetensors, read_torch, write_safetensors
from chainrule.files.npz import read_npy
from chainrule.models.images import ImageProcessor
from chainrule.train import load_checkpoint, save_checkpoint
from chainrule.train.kinds.images import read_images

PICTURE = np.random.default_rng(0).integers(0, 256, (3, 13, 9), np.uint8)
STATE = {
    "step": 7, "w": cr.ones(3, 2), "parts": [np.zeros(3), (1, 2.5, float("nan"))], "counts": {1: 2}, "none": None,
}  # fmt: skip


def of_tensors(folder):
    write_safetensors(
        folder / "a.safetensors", {"w": cr.ones(3, 5), "b": cr.arange(7)}, {"format": "pt"}
    )
    return "a.safetensors", read_safetensors, damage.safetensors_changed


def of_arrays(folder):
    np.savez_compressed(folder / "a.npz", a=np.arange(30), b=np.ones((3, 4)), c=np.array(True))
    return "a.npz", read_npz, damage.zip_changed


def of_a_tree(folder):
    cr.save({"w": cr.ones(3, 5), "n": [1, 2.5, "x", None, (cr.arange(3), True)]}, folder / "a.pt")
    return "a.pt", read_torch, damage.zip_changed


def of_a_checkpoint(folder):
    save_checkpoint(folder / "c.json", STATE)
    return "c.json", load_checkpoint, damage.checkpoint_changed


def of_a_model(folder):
    config = models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3)
    models.GPT2LMHeadModel(config).save_pretrained(folder)
    tokens = cr.tensor([[1, 2, 3]])
    return (
        "config.json",
        lambda path: models.from_pretrained(path.parent)(tokens),
        damage.json_changed,
    )


def of_pictures(folder):
    ImageProcessor(
        kind="CLIP", size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}
    ).save_pretrained(folder)
    read = lambda path: ImageProcessor.from_pretrained(path.parent)(PICTURE)  # noqa: E731
    return "preprocessor_config.json", read, damage.json_changed


@pytest.mark.parametrize(
    "make", [of_tensors, of_arrays, of_a_tree, of_a_checkpoint, of_a_model, of_pictures]
)
def test_a_file_that_lies_gives_a_value_or_one_error_with_the_path(make, tmp_path):
    name, read, change = make(tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    read(path)
    rng = np.random.default_rng(len(name))
    refused = 0
    for _ in range(2 * hypothesis.settings().max_examples):  # 50, in the full suite 300
        path.write_bytes(change(content, rng))
        try:
            read(path)
        except ChainruleError as error:
            refused += 1
            if isinstance(error, ShapeError) and "a picture of 13 × 9 pixels" in str(error):
                continue  # the file may ask for that of smaller pictures
            lists_keys = isinstance(error, StateDictError)  # all that do not fit, by name
            assert str(tmp_path) in str(error) and (lists_keys or len(str(error)) < 1100), str(
                error
            )
    assert refused > 9


RUN = {
    "config.json": {
        "recipe": "digits", "headline": "accuracy", "config": {"seed": 3, "epochs": 2}, "data_sha256": "0",
        "started": "2026-01-01T00:00:00+00:00", "versions": {},
    },
    "metrics.jsonl": {"event": "epoch", "epoch": 1, "step": 20, "validation_loss": 0.5, "validation_accuracy": 0.9},
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
@pytest.mark.parametrize("command", [["runs"], ["runs", "--json"], ["train", "--resume"], ["eval"]])
def test_a_damaged_run_is_one_line_and_no_traceback(name, command, tmp_path):
    for file, content in RUN.items():
        (tmp_path / file).write_text(json.dumps(content))
    rng = np.random.default_rng(len(name))
    for _ in range(hypothesis.settings().max_examples):
        (tmp_path / name).write_bytes(damage.json_changed(json.dumps(RUN[name]).encode(), rng))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*command, str(tmp_path)])
        said = err.getvalue()
        if command[0] == "runs":
            assert (code, said) == (0, "") and out.getvalue().count("\n") >= 1
        else:
            assert code in (1, 2) and re.fullmatch(r"chainrule: .*\n", said) and len(said) < 1500
            assert str(tmp_path) in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.png",
            malformed.claimed(65_000, 65_000),
            r"expected a picture \(PNG, JPEG, …\): Image size",
        ),
        (
            "a.png",
            malformed.claimed(10_000, 10_000),
            "expected at most 67108864 pixels, found 10000×10000",
        ),
        ("a.jpg", malformed.JPEG[:200], r"expected a picture \(PNG, JPEG, …\)"),
        ("a.csv", b"1,2\xff\n", "expected UTF-8 text, found the byte ff at offset 3"),
        (
            "a.npy",
            malformed.npy(data=bytes(11), shape="(8, 8)"),
            "expected the magic number|expected 256 bytes",
        ),
    ],
    ids=["four billion pixels", "a hundred million pixels", "cut off", "no text", "no array"],
)
def test_images_to_be_recognised_that_are_none(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"^{re.escape(str(path))}: {message}"):
        read_images(path, (8, 8))


def test_metrics_that_are_no_numbers_are_not_shown(tmp_path, capsys):
    for file, content in RUN.items():
        (tmp_path / file).write_text(json.dumps(content))
    log = tmp_path / "metrics.jsonl"
    good = log.read_text()
    for bad in ('{"event": "epoch", "epoch": 2, "validation_accuracy": [1]}', "[" * 100_000,
                '{"event": "epoch", "epoch": "2"}', '{"event": "test", "accuracy": NaN}'):  # fmt: skip
        log.write_text(good + "\n" + bad + "\n")
        assert main(["runs", str(tmp_path), "--json"]) == 0
        [run] = json.loads(capsys.readouterr().out)["runs"]
        assert run["test"] == {} and run["validation"].get("accuracy") in (0.9, None)
        assert run["epoch"] in (1, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state"), "'param_groups', a list of dictionaries with 'params', and 'state'"),
        (lambda s: s.update(param_groups=[3]), "an optimizer's state dict has 'param_groups'"),
        (lambda s: s["state"].update({0: 7}), "'state', dictionaries by parameter"),
        (lambda s: s["param_groups"][0].update(lr="é"), "has 'lr': 'é' in group 0, where the optimizer has 0.001"),
        (lambda s: s["param_groups"][0].update(lr=float("nan")), "has 'lr': nan in group 0"),
        (lambda s: s["param_groups"][0].update(lr=True), "has 'lr': True in group 0"),
        (lambda s: s["param_groups"][0].update(betas=[0.9]), r"has 'betas': \[0.9\] in group 0"),
        (lambda s: s["param_groups"][0].update(amsgrad=1), "has 'amsgrad': 1 in group 0"),
        (lambda s: s["param_groups"][0].update(params=[[0]]), "'param_groups', a list of dictionaries"),
        (lambda s: s["state"][0].update(step="x"), "step of parameter 0: expected a number, found 'x'"),
        (lambda s: s["state"][0].update(step=cr.ones(2)), "step of parameter 0: expected a number"),
    ],
)  # fmt: skip
def test_a_state_of_an_optimizer_that_is_none_is_refused(change, message):
    model = cr.nn.Linear(2, 3)
    optimizer = cr.optim.Adam(model.parameters())
    model(cr.ones(1, 2)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    state["state"] = {k: dict(v) for k, v in state["state"].items()}
    optimizer.load_state_dict(state)
    change(state)
    before = repr(optimizer)
    with pytest.raises(StateDictError, match=message):
        optimizer.load_state_dict(state)
    assert repr(optimizer) == before


def test_a_state_of_a_schedule_that_is_none_is_refused():
    optimizer = cr.optim.SGD(cr.nn.Linear(2, 3).parameters(), lr=0.1)
    schedule = cr.optim.lr_scheduler.StepLR(optimizer, 3)
    state = schedule.state_dict()
    schedule.load_state_dict({**state, "last_epoch": 5, "verbose": False})
    for name, value in (
        ("last_epoch", "5"),
        ("gamma", None),
        ("base_lrs", [0.1, 0.2]),
        ("step_size", float("nan")),
    ):
        with pytest.raises(StateDictError, match=f"has '{name}': .*, where StepLR has"):
            schedule.load_state_dict({**state, name: value})
    assert schedule.last_epoch == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the magic number of a .npy"), (b"PK\3\4" + bytes(40), "the magic number"), (b"\x93NUMPY\1\0\xff\xff{", "a header of")],
)  # fmt: skip
def test_an_npy_that_is_none(tmp_path, content, message):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    assert read_npy(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"^{re.escape(str(path))}: expected {message}"):
        read_npy(path)
