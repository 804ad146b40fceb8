"""LLVM in processes of its own: what is cut into pieces, and everything that can befall a process."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.base.errors import ChainruleError
from chainrule.compiler import assembler, kept, target, toolchain
from chainrule.compiler.library import Library
from chainrule.compiler.target import Target

GIVES_UP = 'define void @f() gc "nothing" {\n  ret void\n}\n'
"""LLVM ends the process in which it meets this."""


def answering(n: int) -> str:
    """The text of a function with an answer."""
    return f"define i64 @f() {{\n  ret i64 {n}\n}}\n"


def asked(made: Library, name: str = "f") -> int:
    """What it answers."""
    return ctypes.CFUNCTYPE(ctypes.c_int64)(made.address(name))()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Everything is compiled, and by processes that are started here."""
    Target.host()
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "code"))
    monkeypatch.setattr(kept, "_written", {})
    monkeypatch.setattr(toolchain, "_alone", False)
    toolchain._end()
    yield
    toolchain._end()


@pytest.fixture
def in_process(monkeypatch):
    """What is compiled by this process itself."""
    texts = []

    def seen(*request: str) -> bytes:
        texts.append(request)
        return answer(*request)

    answer = assembler.answer
    monkeypatch.setattr(assembler, "answer", seen)
    return texts


def processes() -> list[int]:
    """The ids of the processes that there are."""
    return [each.process.pid for each in toolchain._assemblers]


def said_by(source: str, status: int = 0) -> str:
    """What a program prints; it warns of nothing."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


# ------------------------------------------------------------------------------------------------------- processes


def test_programs_never_load_llvm():
    source = (
        "import sys\n"
        "from chainrule.compiler.library import Library\n"
        "from chainrule.compiler.target import Target\n"
        f"made = Library({answering(3)!r}, Target.host())\n"
        "print(made.from_cache, [name for name in sys.modules if 'llvmlite' in name])\n"
        "print('subprocess' in sys.modules)\n"
    )
    assert said_by(source) == "False []\nTrue\n"
    assert said_by(source) == "True []\nFalse\n", "code that is kept needs no process at all"


def test_a_process_is_kept_for_what_comes_next():
    for n in range(3):
        assert asked(Library(answering(n))) == n
    before = processes()
    Library(answering(3))
    assert processes() == before and len(before) == 1


def test_a_process_that_was_killed_is_started_again():
    Library(answering(1))
    [first] = processes()
    os.kill(first, signal.SIGKILL)
    assert asked(Library(answering(2))) == 2
    assert processes() not in ([], [first])


def test_a_process_that_dies_at_work_is_started_again(monkeypatch):
    Library(answering(1))
    [first] = toolchain._assemblers
    first.process.kill()  # that it died before it was asked does not count
    first.process.wait()
    answer, asked_here = toolchain._Assembler.answer, []

    def dying_once(self: toolchain._Assembler) -> bytes:
        asked_here.append(self)
        if len(asked_here) > 1:
            return answer(self)
        self.process.kill()
        raise self._gone()

    monkeypatch.setattr(toolchain._Assembler, "answer", dying_once)
    assert asked(Library(answering(2))) == 2
    second, third = asked_here
    assert first is not second is not third and toolchain._assemblers == [third]


def test_a_text_at_which_llvm_gives_up():
    with pytest.raises(
        ChainruleError,
        match="LLVM gave up at this module: exit status -6: LLVM ERROR: unsupported GC: nothing",
    ):
        Library(GIVES_UP)
    assert asked(Library(answering(2))) == 2


def test_a_process_ends_with_the_program_or_when_there_is_nothing_to_do():
    place = str(toolchain._place())
    source = f"import sys; sys.path += [{place!r}, {str(Path(assembler.__file__).parent)!r}]\n"
    source += "import assembler; assembler.PATIENCE = 0.01; assembler._serve()"
    command = [sys.executable, "-P", "-S"]
    with subprocess.Popen(
        [*command, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as idle:
        assert assembler.receive(idle.stdout.fileno()) == [b"ready"]
        assert idle.wait(60) == 0
    done = subprocess.run(
        [*command, assembler.__file__, place], stdin=subprocess.DEVNULL, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_process_that_ended_by_itself_is_started_again():
    Library(answering(1))
    [first] = toolchain._assemblers
    first.process.stdin.close()
    first.process.wait(60)
    assert asked(Library(answering(2))) == 2


def test_ctrl_c_is_for_the_program_alone():
    Library(answering(1))
    before = processes()
    os.kill(before[0], signal.SIGINT)
    assert asked(Library(answering(2))) == 2 and processes() == before


def test_ctrl_c_while_llvm_works(monkeypatch):
    Library(answering(1))
    [first] = toolchain._assemblers

    def interrupted() -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(first, "answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Library(answering(2))
    assert asked(Library(answering(3))) == 3, "not the answer to what was asked before"


def test_a_child_of_the_program_has_processes_of_its_own():
    source = (
        "import ctypes, os, threading\n"
        "from chainrule.compiler import toolchain\n"
        "from chainrule.compiler.library import Library\n"
        "def asked(n):\n"
        "    made = Library(f'define i64 @f() {{\\n  ret i64 {n}\\n}}\\n')\n"
        "    answer = ctypes.CFUNCTYPE(ctypes.c_int64)(made.address('f'))()\n"
        "    print(n, answer, not made.from_cache, flush=True)\n"
        "asked(1)\n"
        "mine = toolchain._assemblers[0].process.pid\n"
        "held, leave = threading.Event(), threading.Event()\n"
        "def compiling():\n"  # another thread, at this moment
        "    with toolchain._lock:\n"
        "        held.set(); leave.wait()\n"
        "other = threading.Thread(target=compiling); other.start(); held.wait()\n"
        "child = os.fork()\n"
        "if child: leave.set(); other.join()\n"
        "asked(2 if child else 3)\n"
        "if child:\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    asked(4)\n"
        "assert (toolchain._assemblers[0].process.pid == mine) == bool(child)\n"
    )
    lines = sorted(said_by(source).splitlines())
    assert lines == ["1 1 True", "2 2 True", "3 3 True", "4 4 True"]


@pytest.mark.parametrize("executable", ["", "/surely/nowhere", "/bin/true", "/bin/cat"])
def test_where_no_process_can_be_started_llvm_runs_in_the_program(
    executable, monkeypatch, in_process
):
    monkeypatch.setattr(sys, "executable", executable)
    assert asked(Library(answering(1))) == 1 and len(in_process) == 1
    assert asked(Library(answering(2))) == 2 and len(in_process) == 2
    assert processes() == []
    with pytest.raises(ChainruleError, match="LLVM refuses this module: (.|\n)*expected type"):
        Library("define void @f( {")
    assert ".L" in Library(answering(1)).assembly("f") or "retq" in Library(answering(1)).assembly(
        "f"
    )


def test_a_program_that_holds_python_inside_is_not_started_again(monkeypatch, in_process):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert asked(Library(answering(1))) == 1 and len(in_process) == 1


def test_without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    toolchain.version.cache_clear()
    try:
        assert not toolchain.available()
        with pytest.raises(ChainruleError, match="not installed\n  hint: pip install llvmlite"):
            Library(answering(1))
    finally:
        toolchain.version.cache_clear()


# ---------------------------------------------------------------------------------------------------------- pieces


def long(count: int, extra: str = "") -> str:
    """A module of so many functions."""
    body = "".join([f"  %x{k} = add i64 %x, {k}\n" for k in range(30)])
    functions = [
        f"define i64 @f{n}(i64 %x) #0 {{\nentry:\n{body}  ret i64 {n}\n}}\n" for n in range(count)
    ]
    return (
        f"declare double @sin(double)\n{''.join(functions)}{extra}attributes #0 = {{ nounwind }}\n"
    )


def names(piece: str) -> set[str]:
    """The functions that a piece defines."""
    return set(re.findall(r"^define [^@\n]*@(\w+)", piece, re.MULTILINE))


def test_a_long_module_is_compiled_in_pieces(monkeypatch):
    monkeypatch.setattr(toolchain, "processors", lambda: 2)
    text = long(100)
    made = Library(text)
    assert len(processes()) == 2 and len(made._images) == 2
    assert [asked(made, f"f{n}") for n in range(100)] == list(range(100))
    again = Library(text)
    assert again.from_cache and len(again._images) == 2 and asked(again, "f99") == 99
    assert "f37:" in made.assembly("f37")
    assert Library(long(10))._images[1:] == []


def test_pieces_are_of_about_the_same_length_and_whole():
    text = long(101)
    pieces = toolchain._cut(text, 3)
    assert sorted(set().union(*map(names, pieces))) == sorted(names(text))
    assert sum([len(names(piece)) for piece in pieces]) == 101
    assert max(map(len, pieces)) < 1.1 * min(map(len, pieces))


def test_what_names_each_other_stays_together():
    calling = "".join([
        f"define i64 @g{n}() {{\n  %y = call i64 @f{n}(i64 1)\n  ret i64 %y\n}}\n" for n in range(4)
    ])  # fmt: skip
    counting = (
        "@count = global i64 0\n@three = constant i64 3\n"
        "define i64 @h0() {\n  store i64 5, ptr @count\n  ret i64 0\n}\n"
        "define i64 @h1() {\n  %n = load i64, ptr @count\n  ret i64 %n\n}\n"
        "define i64 @h2() {\n  %n = load i64, ptr @three\n  ret i64 %n\n}\n"
    )
    pieces = [names(piece) for piece in toolchain._cut(long(8, calling + counting), 4)]
    assert len(pieces) == 4
    for piece in pieces:
        assert [n for n in range(4) if f"f{n}" in piece] == [
            n for n in range(4) if f"g{n}" in piece
        ]
        assert ("h0" in piece) == ("h1" in piece)


@pytest.mark.parametrize("extra", [
    "@table = constant [1 x ptr] [ptr @f1]\n",
    "define i64 @odd()\n{\n  ret i64 1\n}\n",
])  # fmt: skip
def test_a_module_that_is_written_otherwise_stays_whole(extra, monkeypatch):
    assert toolchain._cut(long(100, extra), 4) == [long(100, extra)]
    monkeypatch.setattr(toolchain, "processors", lambda: 2)
    assert asked(Library(long(100, extra)), "f1") == 1


# ----------------------------------------------------------------------------------------------- what is kept of it


def test_an_entry_that_is_whole_but_no_object_is_made_anew():
    text = answering(7)
    first = Library(text)
    [entry] = Path(os.environ["CHAINRULE_CACHE"]).iterdir()
    for content in (b"\1\0\0\0", b"\7" + bytes(7) + b"nothing", b"\xff" * 8 + b"\x7fELF"):
        kept.remember(entry.name, content)
        rebuilt = Library(text)
        assert not rebuilt.from_cache and asked(rebuilt) == asked(first) == 7
    assert Library(text).from_cache


def test_the_version_is_that_of_the_files(tmp_path, monkeypatch):
    folder = tmp_path / "llvmlite"
    (folder / "binding").mkdir(parents=True)
    (folder / "_version.py").write_text("version_version = '1'")
    (folder / "binding" / "libllvmlite.so").write_bytes(b"1234")
    monkeypatch.setattr(toolchain, "_place", lambda: tmp_path)
    seen = {toolchain.version.__wrapped__()}
    (folder / "_version.py").write_text("version_version = '2'")
    seen.add(toolchain.version.__wrapped__())
    (folder / "binding" / "libllvmlite.so").write_bytes(b"12345")
    seen.add(toolchain.version.__wrapped__())
    monkeypatch.setattr(assembler, "LEVEL", 3)
    seen.add(toolchain.version.__wrapped__())
    assert len(seen) == 4


def test_llvm_is_asked_for_the_processor_once(monkeypatch):
    first = target._processor()
    monkeypatch.setattr(toolchain, "host", lambda: ("another", "+less"))
    assert target._processor() == first
    monkeypatch.setattr(toolchain, "version", lambda: "another LLVM")
    assert target._processor() == ("another", "+less")


def test_a_system_that_says_nothing_of_its_processor(monkeypatch):
    class Nowhere:
        def __init__(self, path: str):
            pass

        def read_text(self) -> str:
            raise FileNotFoundError

    monkeypatch.setattr(target, "Path", Nowhere)
    assert target._processor() == toolchain.host()


def test_no_process_is_left_behind():
    source = (
        "from chainrule.compiler import toolchain\n"
        "from chainrule.compiler.library import Library\n"
        f"made = Library({answering(5)!r})\n"
        "print(toolchain._assemblers[0].process.pid)\n"
    )
    pid = int(said_by(source))
    assert not Path(f"/proc/{pid}").exists()
