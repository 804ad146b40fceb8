"""Scripts written for PyTorch, in the ordinary style of its tutorials, run unmodified.

Those that draw no random numbers but initial weights print on chainrule what they print on PyTorch.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
SAME = {
    "char_rnn": ["100"],
    "unet": [],
    "unet bilinear": ["bilinear"],
    "resnet": [],
}
"""Scripts whose every printed number is PyTorch's, and their arguments."""


def printed(command: list[str]) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(name: str, *arguments: str) -> str:
    """What a script prints under `chainrule run`."""
    script = str(SCRIPTS / f"{name}.py")
    return printed([sys.executable, "-m", "chainrule", "run", script, *arguments])


def numbers(text: str) -> list[float]:
    """All numbers in a text, in order."""
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", text)]


@pytest.mark.parametrize("case", SAME)
def test_a_script_prints_what_it_prints_on_pytorch(torch, case):
    name = case.split()[0]
    ours = run(name, *SAME[case])
    theirs = printed([sys.executable, str(SCRIPTS / f"{name}.py"), *SAME[case]])
    assert re.sub(r"[\d.]+", "#", ours) == re.sub(r"[\d.]+", "#", theirs)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=2e-3, abs=2e-3)


def test_a_language_model_learns_its_text():
    losses = [numbers(line)[2] for line in run("transformer", "8").splitlines()[:-1]]
    assert losses[-1] < 0.6 * losses[0]


def test_a_generative_pair_trains():
    lines = run("dcgan", "4").splitlines()
    losses = [numbers(line)[2:4] for line in lines if line.startswith("[")]
    assert len(losses) == 4
    assert all(0.3 < loss < 4 for pair in losses for loss in pair)
    assert "(1): BatchNorm2d(32, eps=1e-05, momentum=0.1" in "\n".join(lines)
    assert lines[-1] == "(4, 1, 32, 32)"


def test_a_network_learns_digits_and_leaves_its_weights(outside_data, tmp_path):
    saved = tmp_path / "mnist.pt"
    arguments = ["--data", str(outside_data), "--train-samples", "4000", "--save", str(saved)]
    text = run("mnist_cnn", *arguments)
    [accuracy] = re.findall(r"Accuracy: (\d+)/10000", text)
    assert int(accuracy) > 8500
    assert saved.is_file()


def test_an_autoencoder_learns_digits_and_leaves_pictures(outside_data, tmp_path):
    from PIL import Image

    text = run("vae", "--data", str(outside_data), "--out", str(tmp_path), "--batches", "25")
    losses = [numbers(line)[-1] for line in text.splitlines()]
    assert losses[-1] < 260 < losses[0]
    with Image.open(tmp_path / "sample_1.png") as image:
        assert image.size == (8 * 30 + 2, 8 * 30 + 2)
    with Image.open(tmp_path / "reconstruction_1.png") as image:
        assert image.size == (8 * 30 + 2, 2 * 30 + 2)


ODD = """
import torch
from torch import nn

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 5)
    def forward(self, x):
        y = self.inner(x)
        return 2 * y if y.sum() > 0 else -y

class Even(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 5)
        self.calls = []
    def forward(self, x):
        print("forward in Python")
        return self.inner(x).tanh()

torch.manual_seed(0)
models = Odd(), Even()
optimizer = torch.optim.SGD([p for m in models for p in m.parameters()], lr=0.1)
for step in range(4):
    optimizer.zero_grad()
    loss = sum(m(torch.ones(2, 3)).pow(2).mean() for m in models)
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.5f}")
try:
    models[1](torch.ones(2, 7))
except RuntimeError as error:
    print("refused")
print(*[getattr(vars(m).get("forward"), "runs_eagerly", None) for m in models])
"""


def test_modules_of_a_script_are_compiled_and_what_cannot_be_runs_eagerly(tmp_path):
    script = tmp_path / "odd.py"
    script.write_text(ODD)
    command = [sys.executable, "-m", "chainrule", "run"]
    eager = printed([*command, str(script)]).splitlines()
    done = subprocess.run(
        [*command, "--compile", str(script)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Odd runs eagerly: a branch" in done.stderr
    assert "Even runs eagerly" not in done.stderr
    compiled = done.stdout.splitlines()
    said = "forward in Python"
    assert eager.count(said) == 5  # four steps, and the call that is refused
    assert compiled.count(said) < 5
    assert numbers(" ".join(compiled)) == pytest.approx(numbers(" ".join(eager)), rel=1e-4)
    assert compiled[-2] == eager[-2] == "refused"
    assert eager[-1] == "None None"
    assert compiled[-1] == "True False"  # a call that is wrong either way leaves a module compiled
