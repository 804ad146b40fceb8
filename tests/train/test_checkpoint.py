"""Checkpoints: what goes in comes out, damage is named, and nothing that was saved is ever lost."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ChainruleError, DTypeError, FormatError
from chainrule.files import whole as files
from chainrule.train import SaveError, load_checkpoint, save_checkpoint
from chainrule.train.checkpoint import NO_DIGEST


def small_state(value=1.5):
    return {
        "step": 7,
        "model": {"w": cr.tensor(np.full((3, 5), value)), "b": cr.arange(3)},
        "list": [1, 2.5, None],
    }


def same(a, b):
    """Equal in value, type, dtype and shape, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, cr.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and same(a.tolist(), b.tolist())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


# ---- what goes in comes out


def test_a_tree_of_everything_comes_back(tmp_path):
    state = {
        "none": None,
        "numbers": [0, -(2**70), 0.1, math.inf, -math.inf, math.nan, True, False],
        "text": 'é "quoted" \n',
        "tuple": (1, (2.5, [])),
        "integer keys": {0: {"step": 3}, -7: "x"},
        "empty": {},
        "arrays": [
            np.arange(6, dtype=np.int16).reshape(2, 3),
            np.array(2.5),
            np.zeros((0, 3), bool),
        ],
        "tensors": (cr.ones(3, 5), cr.tensor(2.5), cr.zeros(0, 3)),
    }
    save_checkpoint(tmp_path / "c.json", state)
    assert same(load_checkpoint(tmp_path / "c.json"), state)


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
    ],
)
def test_every_dtype(tmp_path, dtype):
    tensor = cr.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0]]).to(getattr(cr, dtype))
    save_checkpoint(tmp_path / "c.json", {"t": tensor})
    assert same(load_checkpoint(tmp_path / "c.json"), {"t": tensor})


def test_floats_keep_every_bit(tmp_path):
    values = np.array([np.nan, -0.0, np.inf, 5e-324, 1 / 3])
    save_checkpoint(tmp_path / "c.json", {"t": cr.tensor(values), "list": values.tolist()})
    loaded = load_checkpoint(tmp_path / "c.json")
    assert loaded["t"].numpy().tobytes() == values.tobytes()
    assert np.array(loaded["list"]).tobytes() == values.tobytes()


def test_arrays_that_are_not_contiguous(tmp_path):
    base = np.arange(5 * 7 * 3.0).reshape(5, 7, 3)
    state = {
        "transposed": base.transpose(2, 0, 1),
        "strided": base[::2, 1::3],
        "reversed": base[:, ::-1],
        "broadcast": np.broadcast_to(base[0], (2, 7, 3)),
        "big-endian": np.arange(3, dtype=">f8"),
        "tensor": cr.tensor(base).permute(1, 2, 0),
        "view": cr.tensor(base)[1:3, :, 2],
    }
    save_checkpoint(tmp_path / "c.json", state)
    loaded = load_checkpoint(tmp_path / "c.json")
    for key, value in state.items():
        assert np.array_equal(np.asarray(loaded[key]), np.asarray(value)), key


def test_what_is_loaded_can_be_written_to(tmp_path):
    save_checkpoint(tmp_path / "c.json", {"a": np.zeros(3), "t": cr.zeros(3)})
    loaded = load_checkpoint(tmp_path / "c.json")
    loaded["a"][0] = 5
    loaded["t"][0] = 5
    assert loaded["a"].tolist() == loaded["t"].tolist() == [5, 0, 0]


def test_a_parameter_is_saved_as_the_tensor_it_is(tmp_path):
    parameter = cr.nn.Parameter(cr.ones(3))
    save_checkpoint(tmp_path / "c.json", {"p": parameter})
    loaded = load_checkpoint(tmp_path / "c.json")["p"]
    assert loaded.tolist() == [1, 1, 1]
    assert not loaded.requires_grad


def test_the_files_can_be_read_without_us(tmp_path):
    from safetensors.numpy import load_file

    save_checkpoint(tmp_path / "c.json", small_state())
    manifest = json.loads((tmp_path / "c.json").read_text())
    assert manifest["tensors"]["model/w"] == {"dtype": "float64", "shape": [3, 5]}
    tensors = load_file(tmp_path / manifest["tensor_file"]["name"])
    assert sorted(tensors) == ["model/b", "model/w"]
    assert tensors["model/w"].tolist() == [[1.5] * 5] * 3


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": {"b": [1, {2, 3}]}}, "a/b/1 is a set, expected a tensor"),
        ({"a": np.float32(2)}, "a is a float32"),
        ({"a": {"x": 1, 2: 3}}, "the keys at a must be all strings"),
        (
            {"a": {"$tensor": "x"}},
            r"the keys at a must be all strings \(without '/', not beginning with '\$'\)",
        ),
        ({"a/b": 1}, "the keys at the top"),
        ({"a": np.zeros(3, complex)}, "a is an array of complex128, expected one of bool, uint8"),
        ({"a": np.zeros(3, np.uint16)}, "a is an array of uint16"),
        ({"a": np.array(["x"])}, "a is an array of <U1"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path, state, message):
    with pytest.raises(DTypeError, match=message):
        save_checkpoint(tmp_path / "c.json", state)
    assert names(tmp_path) == []


def test_the_path_is_that_of_the_json(tmp_path):
    with pytest.raises(
        ValueError, match=r"expected a path ending in \.json, found .*c\.safetensors"
    ):
        save_checkpoint(tmp_path / "c.safetensors", {})
    with pytest.raises(ValueError, match=r"expected a path ending in \.json"):
        load_checkpoint(tmp_path / "c")


def test_saving_again_replaces_and_leaves_two_files(tmp_path):
    (tmp_path / ".c.json.12345.tmp").write_bytes(b"of a run that was killed")
    (tmp_path / "c-0123456789abcdef.safetensors").write_bytes(b"of a run that was killed")
    others = {
        "c-2.json",
        "c-2-0123456789abcdef.safetensors",
        ".other.json.1.tmp",
        "c-notes.safetensors",
    }
    for other in others:
        (tmp_path / other).write_bytes(b"not ours")
    for value in (1.0, 2.0, 2.0, 3.0):
        save_checkpoint(tmp_path / "c.json", small_state(value))
        assert same(load_checkpoint(tmp_path / "c.json"), small_state(value))
    ours = set(names(tmp_path)) - others
    assert len(ours) == 2
    assert others <= set(names(tmp_path))


# ---- damage


def damaged_files(folder):
    """(file, content) of the two files of a saved checkpoint."""
    save_checkpoint(folder / "c.json", small_state())
    return [(file, file.read_bytes()) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("which", [0, 1])
def test_a_flipped_bit_anywhere_is_found(tmp_path, which):
    file, content = damaged_files(tmp_path)[which]
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        file.write_bytes(damaged)
        with pytest.raises(FormatError) as caught:
            load_checkpoint(tmp_path / "c.json")
        assert str(tmp_path) in str(caught.value), position
    file.write_bytes(content)
    assert same(load_checkpoint(tmp_path / "c.json"), small_state())


@pytest.mark.parametrize("which", [0, 1])
def test_a_truncated_or_extended_file_is_found(tmp_path, which):
    file, content = damaged_files(tmp_path)[which]
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(FormatError) as caught:
            load_checkpoint(tmp_path / "c.json")
        assert str(tmp_path) in str(caught.value), length
    file.write_bytes(content + b" ")
    with pytest.raises(FormatError):
        load_checkpoint(tmp_path / "c.json")


def test_the_error_of_a_damaged_tensor_file_says_found_and_expected(tmp_path):
    (file, content), _ = damaged_files(tmp_path)
    file.write_bytes(content[:-1] + b"\x07")
    digest = json.loads((tmp_path / "c.json").read_text())["tensor_file"]["sha256"]
    with pytest.raises(
        FormatError,
        match=rf"{file.name}: damaged: its sha256 should be {digest}, found [0-9a-f]{{64}}",
    ):
        load_checkpoint(tmp_path / "c.json")
    file.write_bytes(content[:-1])
    with pytest.raises(
        FormatError, match=rf"{file.name}: expected {len(content)} bytes, found {len(content) - 1}"
    ):
        load_checkpoint(tmp_path / "c.json")
    file.unlink()
    with pytest.raises(FormatError, match=f"its tensor file {file.name} is missing"):
        load_checkpoint(tmp_path / "c.json")


def test_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "c.json")


def rewrite(folder, change):
    """Change the JSON and sign it anew, as a faulty or hostile program would."""
    import hashlib

    manifest = json.loads((folder / "c.json").read_text())
    change(manifest)
    manifest["json_sha256"] = NO_DIGEST
    text = json.dumps(manifest).encode()
    (folder / "c.json").write_bytes(
        text.replace(NO_DIGEST.encode(), hashlib.sha256(text).hexdigest().encode(), 1)
    )


def set_in(*path, value):
    def change(manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        manifest[path[-1]] = value

    return change


def delete(*path):
    def change(manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        del manifest[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_in("format", value="other"),
            "expected the format 'chainrule-checkpoint', found 'other'",
        ),
        (set_in("version", value=2), "expected version 1, found 2"),
        (delete("state"), "the key state is missing or not an object"),
        (delete("tensors"), "the key tensors is missing or not an object"),
        (set_in("tensor_file", value=[]), "the key tensor_file is missing or not an object"),
        (
            set_in("tensor_file", "name", value="../c.json"),
            "must be the name of a file beside it, found '../c.json'",
        ),
        (
            set_in("tensor_file", "name", value="a" * 300),
            "must be the name of a file beside it, found 'aaa",
        ),
        (
            set_in("tensor_file", "name", value="a\0b"),
            "must be the name of a file beside it, found 'a",
        ),
        (set_in("tensor_file", "name", value=3), "must be the name of a file beside it, found 3"),
        (delete("tensor_file", "bytes"), "expected None bytes, found"),
        (delete("tensors", "model/w"), "unexpected tensors: model/w"),
        (set_in("tensors", "model/x", value={}), "missing tensors: model/x"),
        (
            set_in("tensors", "model/w", "shape", value=[5, 3]),
            r"tensor model/w: expected {'dtype': 'float64', 'shape': \[5, 3\]}, found {'dtype': 'float64', 'shape': \[3, 5\]}",
        ),
        (
            set_in("tensors", "model/w", "dtype", value="int64"),
            "tensor model/w: expected {'dtype': 'int64'",
        ),
        (
            set_in("state", "model", "w", value={"$tensor": "model/x"}),
            r"expected a tensor of the tensor file.*found {'\$tensor'",
        ),
        (set_in("state", "model", "w", value={"$tensor": [1]}), r"found {'\$tensor': \[1\]}"),
        (set_in("state", "step", value={"$pickle": "x"}), r"found {'\$pickle': 'x'}"),
        (set_in("state", "step", value={"$integers": {"x": 1}}), r"found {'\$integers'"),
        (set_in("state", "step", value={"$float": "7"}), r"found {'\$float': '7'}"),
        (delete("state", "model", "w"), "tensors that the state does not mention: model/w"),
    ],
)
def test_a_json_that_lies_is_refused(tmp_path, change, message):
    save_checkpoint(tmp_path / "c.json", small_state())
    rewrite(tmp_path, change)
    with pytest.raises(FormatError, match=message):
        load_checkpoint(tmp_path / "c.json")


def test_a_checksum_that_is_none_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c.json", small_state())
    manifest = json.loads((tmp_path / "c.json").read_text())
    for stated in ("\ud800", "", "7", 7, "G" * 64):
        (tmp_path / "c.json").write_text(json.dumps(manifest | {"json_sha256": stated}))
        with pytest.raises(FormatError, match="the key json_sha256 is missing or no sha256, found"):
            load_checkpoint(tmp_path / "c.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"7", b"\xff\xfe", b"[" * 100_000, b'{"format": "chainrule-checkpoint"}'],
)
def test_a_foreign_json_is_refused(tmp_path, content):
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(FormatError, match="expected"):
        load_checkpoint(tmp_path / "c.json")


# ---- a full disk, or another refusal of the system


class Refusing:
    """Lets `allowed` calls of the system through, then refuses every one of them as a full disk
    does.
    """

    def __init__(self, monkeypatch, allowed):
        self.left, self.refused = allowed, []
        monkeypatch.setattr(files, "open", self.open, raising=False)
        for name in ("fsync", "replace"):
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name, function):
        def call(*args):
            self.left -= 1
            if self.left < 0:
                self.refused.append(name)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*args)

        return call

    def open(self, path, mode):
        self.wrapped("open", lambda: None)()
        file = open(path, mode)
        file_write = file.write

        class Writer:
            def __enter__(writer):
                return writer

            def __exit__(writer, *error):
                file.close()

            def write(writer, content):
                half = len(content) // 2
                file_write(content[:half])  # a full disk takes a part
                self.wrapped("write", lambda: file_write(content[half:]))()

            flush, fileno = file.flush, file.fileno

        return Writer()


CALLS = 10  # open, write, fsync, replace and the folder's fsync, for each of two files


@pytest.mark.parametrize("allowed", range(CALLS))
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_at_any_call(tmp_path, monkeypatch, allowed, before):
    path = tmp_path / "c.json"
    if before:
        save_checkpoint(path, small_state(1.0))
    files_before = names(tmp_path)
    with monkeypatch.context() as patch:
        refusing = Refusing(patch, allowed)
        with pytest.raises(
            SaveError, match=r"checkpoint not saved \(No space left on device\)"
        ) as caught:
            save_checkpoint(path, small_state(2.0))
    assert refusing.refused
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ChainruleError)
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    if allowed < CALLS - 1:  # before the JSON was replaced
        assert names(tmp_path) == files_before
        if before:
            assert same(load_checkpoint(path), small_state(1.0))
            assert "what was saved before is untouched" in str(caught.value)
        else:
            assert "nothing had been saved before" in str(caught.value)
    else:  # the new one is in place, only the folder's flush failed
        assert same(load_checkpoint(path), small_state(2.0))
    save_checkpoint(path, small_state(3.0))
    assert same(load_checkpoint(path), small_state(3.0))
    assert len(names(tmp_path)) == 2


def test_the_count_of_calls_is_right(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        refusing = Refusing(patch, CALLS)
        save_checkpoint(tmp_path / "c.json", small_state())
    assert refusing.left == 0


def test_a_full_disk_while_the_same_state_is_saved_again(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "c.json", small_state())
    with monkeypatch.context() as patch:
        Refusing(
            patch, 6
        )  # the tensor file is written again under its own name, then the JSON fails
        with pytest.raises(SaveError):
            save_checkpoint(tmp_path / "c.json", small_state())
    assert same(load_checkpoint(tmp_path / "c.json"), small_state())


def test_no_such_folder(tmp_path):
    with pytest.raises(SaveError, match=r"checkpoint not saved \(No such file or directory\)"):
        save_checkpoint(tmp_path / "none" / "c.json", small_state())


def test_ctrl_c_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "c.json", small_state(1.0))

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path / "c.json", small_state(2.0))
    assert same(load_checkpoint(tmp_path / "c.json"), small_state(1.0))
    assert len(names(tmp_path)) == 2


def test_append_and_write_say_what_the_system_said(tmp_path):
    with pytest.raises(SaveError, match="No such file or directory"):
        files.append_line(tmp_path / "none" / "log", "x")
    with pytest.raises(SaveError, match="directory"):
        files.write_whole(tmp_path, b"x")


# ---- a killed process

SAVER = """
    import sys, itertools
    import numpy as np
    from chainrule.train import save_checkpoint
    print("ready", flush=True)
    for k in itertools.count():
        save_checkpoint(sys.argv[1], {"k": k, "a": np.full(50_021, float(k))})
        print(k, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
@pytest.mark.parametrize("trial", range(5))
def test_kill_9_leaves_the_old_or_the_new_checkpoint(tmp_path, trial):
    path = tmp_path / "c.json"
    command = [sys.executable, "-c", textwrap.dedent(SAVER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.0037 * trial)
        process.kill()
        rest = process.stdout.read().split()
    state = load_checkpoint(path)
    assert (state["a"] == state["k"]).all()
    last = int(rest[-1]) if rest else 1
    assert state["k"] in (last, last + 1)
    save_checkpoint(path, {"k": -1})
    assert len(names(tmp_path)) == 2
