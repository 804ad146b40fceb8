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
