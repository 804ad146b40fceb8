"""The chapter on the compiler only shows what is so: its blocks run in order, as one file, and print what stands under them."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
from chainrule.compiler.target import Target

ROOT = Path(__file__).parents[2]
PACKAGE = Path(chainrule.__file__).parent
CHAPTER = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", CHAPTER, re.M | re.S)
CODE = [text for language, text in BLOCKS if language == "python"]
MARK = 'print("\\f", end="")\n'


def shown_under_code() -> list[str | None]:
    """For each block of Python the output that the chapter shows, if any."""
    followed = zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True)
    return [
        after[1] if after[0] == "text" else None
        for before, after in followed
        if before[0] == "python"
    ]


SHOWN = shown_under_code()


def run_in_a_fresh_interpreter(code: str, folder: Path) -> str:
    """What `step.py` with this code prints, with warnings as errors."""
    (folder / "step.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import runpy; runpy.run_path('step.py')"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(tmp_path_factory, code_folder):
    """What each block prints; then the IR and the assembly that the chapter explains."""
    before = os.environ.get("CHAINRULE_CACHE")
    os.environ["CHAINRULE_CACHE"] = str(code_folder)
    try:
        # a mark in the place of an empty line: line numbers are those of the chapter's file
        code = MARK.join([*CODE, "print(written)\n", "print(assembly)\n"])
        parts = run_in_a_fresh_interpreter(code, tmp_path_factory.mktemp("chapter")).split("\f")
    finally:
        del os.environ["CHAINRULE_CACHE"]
        if before is not None:
            os.environ["CHAINRULE_CACHE"] = before
    assert len(parts) == len(CODE) + 2
    return parts


@pytest.mark.parametrize("k", range(len(CODE)), ids=lambda k: f"block {k}")
def test_a_block_prints_what_stands_under_it(printed, k):
    """Three dots in the chapter stand for anything."""
    checker, example = doctest.OutputChecker(), doctest.Example(CODE[k], SHOWN[k] or "")
    same = checker.check_output(example.want, printed[k], doctest.ELLIPSIS)
    assert same, checker.output_difference(example, printed[k], doctest.REPORT_NDIFF)


def test_outputs_stand_under_code():
    """Guards the pairing: a chapter whose blocks are not found would pass."""
    assert len(CODE) > 10
    assert sum(text is not None for text in SHOWN) > 10


def without_numbers(line: str) -> str:
    """IR without the numbers of values and labels, the kernel's hash, and comments."""
    line = re.sub(r"\s+;.*", "", line)
    return re.sub(r"@k[0-9a-f]{20}", "@k", re.sub(r"\b([vlw])\d+\b", r"\1", line)).strip()


def test_the_lines_of_ir_are_those_of_the_kernel_in_order(printed):
    [(_, shown)] = [block for block in BLOCKS if block[0] == "llvm"]
    lines = iter([without_numbers(line) for line in printed[-2].splitlines()])
    for line in shown.splitlines():
        start = without_numbers(line).partition("...")[0]
        assert any(found.startswith(start) for found in lines), line


def test_the_instruction_that_is_explained_occurs(printed):
    """The rest of the assembly depends on the version of LLVM. (That one loop has 27 of them, the chapter prints.)"""
    [(_, shown)] = [block for block in BLOCKS if block[0] == "asm"]
    for word in ("vfmadd", "vbroadcastss", "zmm"):
        assert word in shown
        assert word in printed[-1], word


def test_the_line_of_an_elementwise_primitive_is_one():
    [line] = re.findall(r'^"sqrt": .*$', CHAPTER, re.M)
    assert line in (PACKAGE / "compiler" / "elements.py").read_text(encoding="utf-8")


def test_the_page_has_a_line_for_every_file_of_the_room():
    table = CHAPTER.split("## Where each piece lives")[1]
    named = set(re.findall(r"\(\.\./src/chainrule/compiler/(\w+)(?:\.py)?\)", table))
    room = PACKAGE / "compiler"
    folders = {p.parent.name for p in room.glob("*/__init__.py")}
    assert named == {p.stem for p in room.glob("*.py")} - {"__init__"} | folders


def test_the_processor_of_the_page_exists():
    """The page is the same on every machine because it names the processor."""
    target = Target.level("avx512")
    assert 'Target.level("avx512")' in CHAPTER
    assert (target.vector_registers, target.vector_bytes) == (32, 64)


def test_the_session_of_the_readme():
    """The README shows `compile` as a session, which prints what it says."""
    [session] = re.findall(r"^```pycon\n(.*?)^```$", README, re.M | re.S)
    test = doctest.DocTestParser().get_doctest(session, {}, "README", None, 0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert test.examples
    assert not report, "".join(report)
