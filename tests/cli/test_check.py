"""`chainrule check`: the table, its JSON, its exit code."""

import json

import pytest

import chainrule.cli.check as command
from chainrule.cli import main
from chainrule.inspect import OpCheck

CHECKS = [
    OpCheck("tanh", "elementwise", 3, 2.5e-11, 0.0, "ok"),
    OpCheck("argsort", "order", 0, None, None, "no derivative"),
]
WRONG = OpCheck("cube", "elementwise", 3, 0.25, float("nan"), "WRONG")


def test_every_op_is_checked_and_agrees(capsys):
    assert main(["check", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["limit"] == 1e-5
    assert report["passed"] is True
    assert err == ""
    ops = {row["name"]: row for row in report["ops"]}
    assert {"matmul", "conv", "softmax", "cross_entropy", "layer_norm", "index_put"} <= set(ops)
    for row in ops.values():
        if row["calls"]:
            assert row["first"] <= 1e-5
            assert row["second"] <= 1e-5
    assert sum(row["calls"] > 0 for row in ops.values()) > 100


def test_the_table_is_aligned_text(capsys, monkeypatch):
    monkeypatch.setattr(command, "check_ops", lambda: CHECKS)
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "op       kind         calls  first order  second order",
        "tanh     elementwise  3      2.5e-11      0.0e+00       ok",
        "argsort  order        0      –            –             no derivative",
        "1 of 2 ops have a gradient; errors above 1e-05: all agree",
    ]


def test_a_wrong_gradient_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(command, "check_ops", lambda: [*CHECKS, WRONG])
    assert main(["check"]) == 1
    assert "errors above 1e-05: cube WRONG" in capsys.readouterr().out
    assert main(["check", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    assert report["ops"][2]["first"] == 0.25
    assert report["ops"][2]["second"] == "nan"


def test_on_a_terminal_it_is_a_rich_table(capsys, monkeypatch):
    monkeypatch.setattr(command, "check_ops", lambda: [*CHECKS, WRONG])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "Gradients against differences" in out
    assert "cube" in out
    assert "─" in out


@pytest.mark.parametrize("arguments", [["check", "tanh"], ["check", "--jsn"]])
def test_what_cannot_be_understood(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err
