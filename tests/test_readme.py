"""The README only says what is so: its example runs, its commands exist, its links lead somewhere, its rooms are the rooms."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = Path(chainrule.__file__).parent

FACES = {  # PyTorch's names for what stands in the rooms
    "autograd", "func", "jit", "linalg", "masked", "platform", "random", "signal", "special", "switches",
    "testing", "torch_imports", "utils",
}  # fmt: skip

COMMANDS = {
    "train": "pip install . && chainrule train digits",
    "test": 'pip install ".[test]" && pytest -n auto',
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_two_commands(name):
    """Guards the marks by which .ci/run finds the commands it runs."""
    block = re.search(rf"^<!-- command: {name} -->\n```sh\n(.*?)\n```$", README, re.M | re.S)
    assert block is not None and block[1] == COMMANDS[name]


def test_the_commands_that_are_named_exist():
    parts = set(re.findall(r"`chainrule (\w+)", README)) | {"train"}
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert parts <= set(re.findall(r"\w+", done.stdout)), done.stdout


def test_the_example_prints_what_the_readme_shows(tmp_path):
    """In a fresh interpreter and an empty folder, with warnings as errors."""
    [(code, shown)] = re.findall(
        r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", README, re.M | re.S
    )
    assert README.count("```python") == 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown


def test_the_op_that_is_shown_is_the_one_there_is():
    [shown] = re.findall(r"^```py\n(@primitive.*?)^```$", README, re.M | re.S)
    assert shown in (PACKAGE / "ops" / "trigonometric.py").read_text(encoding="utf-8")


def test_the_error_that_is_shown_is_what_is_said():
    [(call, shown)] = re.findall(
        r"^<!-- the error of: (.+) -->\n```text\n(.*?)^```$", README, re.M | re.S
    )
    with pytest.raises(chainrule.ChainruleError) as told:
        eval(call, {"cr": chainrule})
    assert f"{type(told.value).__name__}: {told.value}\n" == shown


def arrows() -> list[list[str]]:
    """The layers that import-linter holds the package to, the lowest first, without the faces."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    layers = [[r.strip() for r in layer.split("|")] for layer in reversed(contract["layers"])]
    return [rooms for rooms in layers if not FACES.issuperset(rooms)]


def test_the_rooms_are_the_folders_of_the_package_in_the_order_of_the_arrows():
    rooms = re.findall(r"^\| \[`(\w+)`\]\(src/chainrule/(\w+)\) \| (.+) \|$", README, re.M)
    assert all(name == folder for name, folder, _ in rooms)
    named = [name for name, _, _ in rooms]
    assert {*named} == {p.parent.name for p in PACKAGE.glob("*/__init__.py")} - FACES
    assert named == [room for layer in arrows() for room in layer]


def test_the_design_draws_the_arrows_that_are_enforced():
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    drawing = re.search(r"^## Rooms$.*?^```\n(.*?)^```$", design, re.M | re.S)[1]
    layers = [re.split(r"\s{2,}", line)[0].split(" | ") for line in drawing.splitlines()]
    assert [rooms for rooms in layers[::-1] if not FACES.issuperset(rooms)] == arrows()


def test_what_works_and_what_does_not_are_told_apart():
    """A name in the left column exists; one in the right column does not, or it has been built and belongs to the left."""
    table = README.split("| today | to come |\n|---|---|\n")[1].split("\n\n")[0]
    rooms = (
        chainrule,
        chainrule.nn,
        chainrule.optim,
        chainrule.transforms,
        chainrule.func,
        chainrule.amp,
    )
    for row in table.splitlines():
        today, to_come = (
            row.strip("| ").split(" | ") if not row.startswith("| |") else ("", row[3:])
        )
        for column, exists in ((today, True), (to_come, False)):
            for name in re.findall(r"`(\w+)`", column):
                assert any(hasattr(room, name) for room in rooms) == exists, name


def test_every_link_leads_to_a_file():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md"):
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            measured = target.removeprefix("../").startswith("evidence/")  # or will be
            if "://" not in target and not measured:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_version_is_told_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chainrule.__version__ == project["version"]
