"""Models as people write them for PyTorch: the same weights give the same losses and gradients on chainrule."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
MODELS = sorted(path.stem for path in (HERE / "models").glob("*.py"))


@pytest.fixture(scope="module")
def results(torch, tmp_path_factory):
    """What came out on PyTorch, and on chainrule from PyTorch's weights."""
    folder = tmp_path_factory.mktemp("models")
    script, theirs, ours = str(HERE / "run_models.py"), folder / "theirs.npz", folder / "ours.npz"
    for command in (
        [sys.executable, script, str(theirs)],
        [sys.executable, "-m", "chainrule", "run", script, str(ours), str(theirs)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return np.load(theirs), np.load(ours)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_what_it_learns_on_pytorch(results, name):
    theirs, ours = results
    for found in results:
        assert f"{name}:error" not in found, str(found[f"{name}:error"])
    keys = [k for k in theirs if k.startswith((f"{name}::", f"{name}:"))]
    assert keys == [k for k in ours if k.startswith((f"{name}::", f"{name}:"))]
    largest = max([float(np.abs(theirs[k]).max()) for k in keys if ":gradient:" in k])
    for key in keys:  # a gradient that is zero but for rounding is small beside the others
        scale = max(float(np.abs(theirs[key]).max(initial=0.0)), 0.01 * largest)
        np.testing.assert_allclose(ours[key], theirs[key], 2e-3, 2e-4 * scale, err_msg=key)
