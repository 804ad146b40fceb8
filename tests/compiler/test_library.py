"""Machine code and the folder it is kept in: what is read from there is run, so it is not believed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import pytest

from chainrule.base.errors import ChainruleError
from chainrule.compiler import kept, library, toolchain
from chainrule.compiler.code import FLOAT, I64, PTR, Code, module
from chainrule.compiler.library import Library
from chainrule.compiler.target import Target


def adding(n: int, name: str = "adding") -> str:
    """The text of a function that adds a number."""
    c = Code(name, [I64], I64)
    return module([c.finish(c.add(c.parameters[0], n))])


def called(made: Library, x: int, name: str = "adding") -> int:
    """What the function answers."""
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(made.address(name))(x)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for machine code that does not exist yet."""
    Target.host()  # what is known of the machine is kept elsewhere
    place = tmp_path / "not" / "there"
    monkeypatch.setenv("CHAINRULE_CACHE", str(place))
    monkeypatch.setattr(kept, "_warned", set())
    monkeypatch.setattr(kept, "_written", {})
    return place


def entries(folder: Path) -> list[Path]:
    """What lies in the folder."""
    return sorted(folder.iterdir())


# ------------------------------------------------------------------------------------------------------------ code


def test_a_module_becomes_functions():
    codes = [Code(name, [I64], I64) for name in ("five", "seven")]
    text = module([c.finish(c.add(c.parameters[0], n)) for c, n in zip(codes, (5, 7), strict=True)])
    made = Library(text)
    assert [called(made, 1, name) for name in ("five", "seven")] == [6, 8]


def test_a_function_that_is_not_there():
    with pytest.raises(
        ChainruleError, match="no function 'subtracting' in this library; it has adding"
    ):
        Library(adding(2)).address("subtracting")


def test_functions_of_the_module_alone_are_not_offered():
    text = adding(2).replace("define ", "define internal ").replace("@adding", "@hidden")
    with pytest.raises(ChainruleError, match="it has adding"):
        Library(text + adding(3)).address("hidden")


def test_text_that_is_not_llvm():
    with pytest.raises(ChainruleError, match="LLVM refuses this module: (.|\n)*expected type"):
        Library("define void @f( {")


def test_text_that_llvm_can_read_but_is_wrong():
    text = "define i64 @f(i64 %x) {\nentry:\n  %y = add i64 %z, 1\n  %z = add i64 %y, 1\n  ret i64 %z\n}"
    with pytest.raises(ChainruleError, match="LLVM refuses this module: (.|\n)*dominate"):
        Library(text)


def test_a_call_of_nothing_is_an_error_and_does_not_end_the_process(capfd):
    c = Code("f", [FLOAT], FLOAT)
    text = module([c.finish(c.call("surely_nowhere", FLOAT, c.parameters[0]))])
    with pytest.raises(ChainruleError, match="cannot be linked for .*: no function surely_nowhere"):
        Library(text)
    assert capfd.readouterr().err == ""


def test_functions_of_the_c_library_are_found():
    c = Code("f", [PTR])
    p = c.parameters[0]
    c.store(c.call("sqrtf", FLOAT, c.load(FLOAT, p)), p)
    made = Library(module([c.finish()]))
    x = ctypes.c_float(9)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(made.address("f"))(ctypes.addressof(x))
    assert x.value == 3


def doubling(lanes: int) -> str:
    """A function that doubles so many floats, and constants in memory."""
    c = Code("doubling", [PTR])
    x = c.load(FLOAT.of(lanes), c.parameters[0])
    c.store(c.fma(x, x, c.consts(range(lanes), FLOAT.of(lanes))), c.parameters[0])
    return module([c.finish()])


@pytest.mark.parametrize(("level", "registers", "others"), [
    ("baseline", "%xmm", ("%ymm", "%zmm")), ("avx2", "%ymm", ("%zmm",)), ("avx512", "%zmm", ()),
])  # fmt: skip
def test_the_target_decides_what_instructions_there_are(folder, level, registers, others):
    made = Library(doubling(16), Target.level(level))
    text = made.assembly("doubling")
    assert text.startswith("doubling:") and registers in text
    assert not [name for name in others if name in text]
    assert "movabs" not in text, "constants are read relative to the code"
    again = Library(doubling(16), Target.level(level))
    assert again.from_cache and again.assembly("doubling") == text


def test_stack_slots_become_registers():
    c = Code("total", [PTR, I64], I64)
    total = c.variable(I64, c.i64(0))
    with c.loop(0, c.parameters[1]) as i:
        total.set(c.add(total.get(), c.load(I64, c.at(c.parameters[0], i, 8))))
    assert "rsp" not in Library(module([c.finish(total.get())])).assembly("total")


def resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_memory_is_given_back(folder):
    text = "".join([adding(n, f"adding{n}") for n in range(50)]).replace("attributes #0", ";")
    text += "attributes #0 = { nounwind }\n"
    for _ in range(20):
        Library(text)
    gc.collect()
    before = resident()
    for _ in range(400):
        assert Library(text).from_cache
    gc.collect()
    assert resident() - before < 4 << 20


def test_compiling_leaves_nothing_behind(folder, monkeypatch):
    monkeypatch.setattr(kept, "remember", lambda name, code: None)
    for n in range(50):
        Library(adding(n))
    before = resident()
    for n in range(400):
        assert not Library(adding(n)).from_cache
    assert resident() - before < 8 << 20


def test_a_library_outlives_its_last_use_at_exit(folder):
    source = (
        "from chainrule.compiler.library import Library\n"
        f"made = Library({adding(2)!r})\n"
        "other = [made]; other.append(other)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_threads_compile_at_the_same_time(folder):
    answers = []

    def make() -> None:
        answers.append([called(Library(adding(n)), 1) for n in range(5)])

    workers = [threading.Thread(target=make) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert answers == [[1, 2, 3, 4, 5]] * 4


# ------------------------------------------------------------------------------------------------------ the folder


def test_code_is_kept(folder):
    first = Library(adding(2))
    again = Library(adding(2))
    assert (first.from_cache, again.from_cache) == (False, True)
    assert called(first, 3) == called(again, 3) == 5
    assert folder.stat().st_mode & 0o777 == 0o700
    [entry] = entries(folder)
    assert entry.stat().st_mode & 0o777 == 0o600


def test_the_key_is_all_that_code_depends_on(folder, monkeypatch):
    Library(adding(2), Target.level("baseline"))
    assert not Library(adding(3), Target.level("baseline")).from_cache
    assert not Library(adding(2), Target.level("avx2")).from_cache
    monkeypatch.setattr(toolchain, "version", lambda: "0.0")
    assert not Library(adding(2), Target.level("baseline")).from_cache
    monkeypatch.undo()
    monkeypatch.setenv("CHAINRULE_CACHE", str(folder))
    monkeypatch.setattr(kept, "FORMAT", "chainrule code 0")
    assert not Library(adding(2), Target.level("baseline")).from_cache
    assert len(entries(folder)) == 5


def flipped(entry: bytes, k: int) -> bytes:
    """One bit is wrong."""
    return entry[:k] + bytes([entry[k] ^ 1]) + entry[k + 1 :]


DAMAGES = {
    "empty": lambda entry: b"",
    "cut in the head": lambda entry: entry[:50],
    "head alone": lambda entry: entry[: len(kept._head("0" * 64, b""))],
    "cut in the code": lambda entry: entry[:-1],
    "too long": lambda entry: entry + b"\0",
    "a bit of the format": lambda entry: flipped(entry, 0),
    "a bit of the checksum": lambda entry: flipped(entry, 100),
    "a bit of the code": lambda entry: flipped(entry, len(entry) // 2),
    "the last bit": lambda entry: flipped(entry, len(entry) - 1),
    "something else": lambda entry: b"\x7fELF" + bytes(1000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(folder, damage):
    Library(adding(2))
    [entry] = entries(folder)
    entry.write_bytes(DAMAGES[damage](entry.read_bytes()))
    rebuilt = Library(adding(2))
    assert not rebuilt.from_cache and called(rebuilt, 3) == 5
    assert Library(adding(2)).from_cache


def test_an_entry_under_another_name_is_not_used(folder):
    Library(adding(2))
    [two] = entries(folder)
    Library(adding(3))
    [three] = set(entries(folder)) - {two}
    shutil.copy(three, two)
    assert called(Library(adding(2)), 3) == 5


def test_an_entry_that_others_may_write_or_that_is_a_link_is_not_used(folder, tmp_path):
    Library(adding(2))
    [entry] = entries(folder)
    entry.chmod(0o622)
    assert not Library(adding(2)).from_cache
    elsewhere = tmp_path / "elsewhere"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)
    assert not Library(adding(2)).from_cache
    assert Library(adding(2)).from_cache and not entry.is_symlink()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_not_used(folder, mode):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match=f"may be written by others \\(mode {mode:04o}\\)"):
        assert called(Library(adding(2)), 3) == 5
    assert not Library(adding(2)).from_cache, "the second time without a warning"
    assert entries(folder) == []


def test_a_folder_that_others_filled_is_not_read(folder):
    Library(adding(2))
    folder.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="may be written by others"):
        assert not Library(adding(2)).from_cache


def test_a_folder_of_someone_else_is_not_used(folder, monkeypatch):
    Library(adding(2))
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.warns(RuntimeWarning, match=f"it belongs to user {owner}, who could"):
        assert not Library(adding(2)).from_cache


def test_a_folder_that_cannot_be_made(folder):
    folder.parent.write_text("a file")
    with pytest.warns(RuntimeWarning, match="machine code cannot be kept in .*: File exists"):
        assert called(Library(adding(2)), 3) == 5
    assert not Library(adding(2)).from_cache, "the second time without a warning"


@contextlib.contextmanager
def as_nobody():
    """The superuser may write anywhere, so be someone else for a moment."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_folder_that_is_only_read(folder, monkeypatch):
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() == 0:
            os.chown(place, 65534, -1)
        monkeypatch.setenv("CHAINRULE_CACHE", place)
        with as_nobody():
            Library(adding(2))
            Path(place).chmod(0o500)
            with pytest.warns(RuntimeWarning, match="cannot be kept in .*: Permission denied"):
                assert called(Library(adding(3)), 3) == 6
            assert not Library(adding(3)).from_cache, "the second time without a warning"
            assert Library(adding(2)).from_cache
        Path(place).chmod(0o700)


@contextlib.contextmanager
def files_of_at_most(size: int):
    """A write beyond this fails, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(folder):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with files_of_at_most(200):
            made = [Library(adding(2)) for _ in range(3)]
    assert [called(each, 3) for each in made] == [5, 5, 5]
    assert not any([each.from_cache for each in made])
    [warning] = said
    assert "cannot be kept" in str(warning.message) and "File too large" in str(warning.message)
    assert entries(folder) == [], "nothing half-written stays"
    assert not Library(adding(2)).from_cache
    assert Library(adding(2)).from_cache


def test_the_least_recently_used_go_first(folder, monkeypatch):
    for n in range(5):
        before = set(entries(folder)) if n else set()
        Library(adding(n))
        [new] = set(entries(folder)) - before
        os.utime(new, (n, n))
    size = new.stat().st_size
    (folder / ".left-by-a-process-that-died").write_bytes(bytes(100))
    os.utime(folder / ".left-by-a-process-that-died", (0, 0))
    assert Library(adding(0)).from_cache  # used just now
    monkeypatch.setattr(kept, "LIMIT", 4 * size)
    Library(adding(5))
    assert sum([e.stat().st_size for e in entries(folder)]) <= kept.LIMIT
    left = [n for n in range(6) if kept.recall(library.entry_name(adding(n), Target.host()))]
    assert left == [0, 3, 4, 5]
