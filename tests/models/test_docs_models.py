"""docs/models.md: its examples print what it says, and its commands run, on small folders with random weights."""

import doctest
import os
import re
import shlex
from pathlib import Path

import checkpoint_folders as folders
import pytest

import chainrule as cr
from chainrule import models
from chainrule.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    for line in block.splitlines()
]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """The folders and files that the page names, in the current folder."""
    here = tmp_path_factory.mktemp("page")
    for make, name in (
        (folders.gpt2, "gpt2"), (folders.sentences, "sentences"), (folders.opinions, "opinions"),
        (folders.vit, "vit"), (folders.pairs, "clip"),
    ):  # fmt: skip
        make(here / name)
    folders.picture(here / "cat.png", 30)
    folders.picture(here / "dog.jpg", 200)
    (here / "sentences.txt").write_text("a cat sleeps\nthe dog falls\n")
    (here / "notes").mkdir()
    (here / "notes" / "cats.md").write_text("the cat sleeps")
    (here / "notes" / "prices.txt").write_text("the price falls")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("CHAINRULE_CACHE", str(here / "cache"))
        yield


def test_the_examples():
    cr.manual_seed(0)
    text = re.sub("^```.*$", "", PAGE, flags=re.M)  # a fence ends what an example prints
    report: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    test = doctest.DocTestParser().get_doctest(text, {}, "models.md", "models.md", 0)
    assert len(test.examples) > 30
    doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands(command, capsys):
    program, *arguments = shlex.split(command)
    assert program == "chainrule" and main(arguments) == 0
    assert capsys.readouterr().out or os.path.exists("vectors.npz")


def test_every_command_and_class_that_is_named_exists():
    assert {c.split()[1] for c in COMMANDS} == {"generate", "embed", "classify", "search"}
    for name in re.findall(
        r"`(\w+(?:Model|ForCausalLM|ForConditionalGeneration|ForMaskedLM|Classification))`", PAGE
    ):
        assert name in models.ARCHITECTURES or name in models.__all__
