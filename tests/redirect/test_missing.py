"""What a script asks for in vain is told before anything runs, each with its line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import chainrule
from chainrule.base.errors import ChainruleError, FormatError
from chainrule.base.left_out import why
from chainrule.cli import main
from chainrule.redirect import install, missing, uninstall

LACKING = """\
import torch, torch.nn as nn
import torch.nn.functional as F
import torch.nested
import no_such_package
from torch import nn as layers, Tensor, no_such_thing
from torch.nn import Linear, Lineer
import beside
try:
    import torch.fx
except ImportError:
    pass

def f(x: Tensor):
    y = torch.fft.rfft(x)
    z = nn.Linear(3, 5)(F.relu(x)).to_sparse().sum()
    return layers.Connv2d, torch.nn.functional.softmaxx(y), {}.values(), x.data.coalesce()
"""
DENSE, REAL, PADDED = why("sparse").instead, why("fft").instead, why("nested").instead
BESIDE = "import torch\nprint('ran')\ntorch.float32.itemsize, torch.nope.deeper.still\n"


@pytest.fixture
def script(tmp_path):
    (tmp_path / "beside.py").write_text(BESIDE)
    path = tmp_path / "script.py"
    path.write_text(LACKING)
    return path


def test_every_name_is_told_with_its_line(script):
    found = [(m.path.name, m.line, m.name, m.instead) for m in missing(script)]
    assert found == [
        ("script.py", 3, "torch.nested", PADDED),
        ("script.py", 4, "module no_such_package, which is not installed", ""),
        ("script.py", 5, "torch.no_such_thing", ""),
        ("script.py", 6, "torch.nn.Lineer", "torch.nn.Linear"),
        ("script.py", 14, "torch.fft", REAL),
        ("script.py", 15, "torch.Tensor.to_sparse", DENSE),
        ("script.py", 16, "torch.Tensor.coalesce", DENSE),
        ("script.py", 16, "torch.nn.Connv2d", "torch.nn.Conv2d"),
        ("script.py", 16, "torch.nn.functional.softmaxx", "torch.nn.functional.softmax"),
        ("beside.py", 3, "torch.nope", ""),
    ]


def test_nothing_runs_when_something_is_missing(script, capsys):
    assert main(["run", str(script)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "script.py:6: torch.nn.Lineer   (instead: torch.nn.Linear)" in err
    assert "asks for 4 names that chainrule does not have" in err and "--anyway" in err
    assert "script.py:14: torch.fft   (instead: two real tensors" in err
    assert "spectrum outside of the graph)   (if it is reached)" in err
    assert main(["run", "--check", str(script)]) == 1
    assert "asks for 10 names" in capsys.readouterr().err


def test_what_may_never_be_reached_does_not_stop_a_script(tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text(
        "import torch\nimport torch.onnx, torch.fx\n"
        "def export(model):\n    torch.onnx.export(model)\n    return torch.fft.rfft(model)\n"
        "if torch.cuda.is_available():\n    torch.xpu.go()\n"
        "class Tracer(torch.fx.Tracer):\n    tag = torch.float32\n"
        "print('ran', torch.ones(2).sum())\n"
    )
    found = {(m.line, m.name): m.sure for m in missing(path)}
    assert found == {
        (2, "torch.fx"): False,
        (4, "torch.onnx.export"): False,
        (5, "torch.fft"): False,
        (7, "torch.xpu.go"): False,
        (8, "torch.fx"): False,
    }


def test_what_is_surely_reached(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import torch\n"
        "def f(x=torch.no_default): return torch.no_body\n"
        "@torch.no_mark\nclass C(torch.no_base):\n    size = torch.no_attribute\n    g = lambda x: torch.no_lambda\n"
        "with torch.no_block():\n    torch.no_inside\n"
        "for _ in []:\n    torch.no_loop\n"
        "if __name__ == '__main__':\n    torch.no_main\nelse:\n    torch.no_other\n"
    )
    sure = {m.name.removeprefix("torch.no_") for m in missing(path) if m.sure}
    assert sure == {"default", "mark", "base", "attribute", "block", "inside", "main"}
    assert {"body", "lambda", "loop", "other"} == {
        m.name.removeprefix("torch.no_") for m in missing(path) if not m.sure
    }


@pytest.mark.parametrize(
    ("line", "error"),
    [("layer(torch.ones(2, 5))", "ShapeError: linear(x, weight, bias)"), ("open('no such file')", "FileNotFoundError")],
)  # fmt: skip
def test_an_error_of_a_script_is_told_with_its_lines(tmp_path, line, error):
    path = tmp_path / "script.py"
    path.write_text(f"import torch\nlayer = torch.nn.Linear(3, 2)\ndef f():\n    {line}\nf()\n")
    command = [sys.executable, "-m", "chainrule", "run", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    told = done.stderr
    assert done.returncode == 1
    assert told.startswith(
        f'Traceback (most recent call last):\n  File "{path}", line 5, in <module>'
    )
    assert f'File "{path}", line 4, in f\n    {line}' in told and error in told
    assert "runpy" not in told and "record.py" not in told


def test_check_runs_nothing(tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text("import torch\nprint(torch.ones(3))\n")
    assert main(["run", "--check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: everything it asks for is there\n"


def test_what_is_no_python_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("import torch\nx = (\n")
    with pytest.raises(FormatError, match="line 2: not Python"):
        missing(path)
    path.write_text("import torch\nx = " + "-" * 200_000 + "1\n")
    with pytest.raises(FormatError, match="line 1: not Python: too"):
        missing(path)
    with pytest.raises(ChainruleError, match="there is no such file"):
        from chainrule.cli.run import run as command

        command(type("Arguments", (), {"script": tmp_path / "nowhere.py"}))


@pytest.fixture
def without_torch(monkeypatch):
    """This process as if PyTorch had never been imported."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    uninstall()


def test_imports_find_chainrule(without_torch):
    install()
    import torch
    import torch.nn.functional as F
    from torch.nn.modules.utils import _pair
    from torch.optim.lr_scheduler import StepLR

    assert torch.nn.Linear is chainrule.nn.Linear
    assert F.relu is chainrule.nn.functional.relu
    assert StepLR is chainrule.optim.lr_scheduler.StepLR
    assert _pair(3) == (3, 3)
    assert torch.__version__.startswith("2.")
    with pytest.raises(ModuleNotFoundError, match="there is no torch.xpu here"):
        import torch.xpu
    with pytest.raises(AttributeError, match="no torch.polar here: complex numbers are left out"):
        torch.polar  # noqa: B018
    uninstall()
    assert "torch" not in sys.modules


def test_a_process_that_has_imported_pytorch_is_not_redirected(without_torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", object())
    with pytest.raises(ChainruleError, match="PyTorch is already imported"):
        install()
