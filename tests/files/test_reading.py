"""What stands in the place of a file: nothing is waited for, nothing without end is read."""

import os
import resource
import socket

import malformed
import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import FormatError
from chainrule.cli import main
from chainrule.compiler import kept
from chainrule.data import CSVDataset, digits
from chainrule.data.known import load_dataset
from chainrule.data.readers import read_idx, read_image, read_members, read_text
from chainrule.data.readers.images import MOST_PIXELS
from chainrule.files import read_npz, read_safetensors, read_torch
from chainrule.files.npz import read_npy
from chainrule.models.config import read_json
from chainrule.train import load_checkpoint, save_checkpoint
from chainrule.train.runs import past_runs

READERS = {
    "a.safetensors": [read_safetensors, cr.load], "a.npz": [read_npz, cr.load, digits.load], "a.npy": [read_npy],
    "a.pt": [read_torch, cr.load], "c.json": [load_checkpoint], "config.json": [read_json],
    "a.csv": [lambda path: CSVDataset(path, "y")], "a.txt": [read_text],
    "a-ubyte": [read_idx], "a-ubyte.gz": [read_idx], "a.tar.gz": [lambda path: read_members(path, ["x"], 9)],
    "a.zip": [lambda path: read_members(path, ["x"], 9)], "a.png": [read_image],
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_without_a_writer_is_refused_at_once(name, tmp_path):
    path = tmp_path / name
    os.mkfifo(path)
    for read in READERS[name]:
        with pytest.raises(FormatError, match=f"{name}: expected a file, found a pipe"):
            read(path)


def test_sockets_and_devices_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("a.pt")
        with pytest.raises(FormatError, match="expected a file, found a socket"):
            cr.load("a.pt")
    (tmp_path / "b.pt").symlink_to("/dev/zero")
    with pytest.raises(FormatError, match="expected a file, found a device"):
        cr.load("b.pt")


def test_a_pipe_in_a_run_or_beside_a_checkpoint(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    os.mkfifo(run / "config.json")
    assert main(["eval", str(run), "--split", "validation"]) == 1
    assert "found a pipe" in capsys.readouterr().err
    save_checkpoint(tmp_path / "c.json", {"w": cr.ones(3)})
    [tensors] = tmp_path.glob("c-*.safetensors")
    tensors.unlink()
    os.mkfifo(tensors)
    with pytest.raises(FormatError, match="bytes, found 0"):
        load_checkpoint(tmp_path / "c.json")


def test_a_pipe_and_a_file_without_end_in_the_cache_count_as_none(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    tmp_path.chmod(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "long").touch(0o600)
    os.truncate(tmp_path / "long", 1 << 40)
    assert kept.recall("pipe") is None and kept.recall("long") is None


def sparse(path, size=1 << 40, start=b""):
    path.write_bytes(start)
    os.truncate(path, size)
    return path


def test_files_that_are_longer_than_what_they_hold_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(FormatError, match="expected 24 bytes of data, .* found 1099511627648"):
        read_npy(sparse(tmp_path / "a.npy", start=(tmp_path / "a.npy").read_bytes()))
    picture = sparse(tmp_path / "a.png", start=malformed.picture("PNG", (8, 8)))
    with pytest.raises(
        FormatError, match=f"at most {MOST_PIXELS} pixels, found a file of 1099511627776"
    ):
        read_image(picture)
    (tmp_path / "names").mkdir()
    sparse(tmp_path / "names/names.txt")
    for verify in (True, False):
        with pytest.raises(
            FormatError, match="names.txt: expected at most .* found (1099511627776|more)"
        ):
            load_dataset("names", tmp_path, verify_files=verify)


def test_a_log_without_end_is_a_damaged_run(tmp_path):
    (tmp_path / "config.json").write_text(
        '{"recipe": "digits", "config": {"seed": 1, "epochs": 2}}'
    )
    assert past_runs(tmp_path)[0].status != "damaged"
    sparse(tmp_path / "metrics.jsonl")
    assert past_runs(tmp_path)[0].status == "damaged"


@pytest.mark.slow
def test_an_old_file_that_does_not_fit_into_memory(torch, tmp_path):
    torch.save({"w": torch.ones(3)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert cr.load(tmp_path / "a.pt")["w"].tolist() == [1, 1, 1]
    sparse(tmp_path / "a.pt", start=(tmp_path / "a.pt").read_bytes())
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 39, hard))  # on any system
    try:
        with pytest.raises(FormatError, match="fits into memory, .* mmap=True"):
            cr.load(tmp_path / "a.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_picture_that_is_cut_off_is_told_with_its_path(tmp_path):
    from chainrule.redirect.torchvision.folders import pil_loader

    path = tmp_path / "a.png"
    path.write_bytes(malformed.picture("PNG", (19, 13))[:-40])
    with pytest.raises(
        FormatError,
        match="a.png: expected a PNG picture, found a damaged one: the 765 bytes of its part",
    ):
        pil_loader(path)
