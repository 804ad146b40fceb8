"""Fetching, from a server on this machine that does what servers do wrong."""

import errno
import hashlib
import http.server
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from chainrule.base.errors import DataNotFoundError, FetchError
from chainrule.cli import data as data_command
from chainrule.cli import main
from chainrule.data.known import RECORDS, File, Record, fetch, records
from chainrule.data.known.form import Layout
from chainrule.files import SaveError

CONTENT = bytes(range(256)) * 700  # 179,200 bytes: more than one piece


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; the first part of the path says what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        how = self.path.split("/")[1]
        self.server.asked.append((how, self.headers.get("Range")))
        start = 0
        if self.headers.get("Range") and how != "no-range":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = {"other": CONTENT[::-1], "long": CONTENT + b"more", "short": CONTENT[:1000]}.get(
            how, CONTENT
        )
        if how == "missing":
            return self.answer(404, b"not here")
        if how == "broken":
            return self.answer(500, b"sorry")
        if how == "unsatisfiable" and start:
            return self.answer(416, b"")
        if how == "redirect":
            self.send_response(302)
            self.send_header("Location", "/good/x")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if how == "wrong-range" and start:
            return self.answer(
                206, body[start + 7 :], f"bytes {start + 7}-{len(body) - 1}/{len(body)}"
            )
        if how == "cut":  # the line breaks after 50,000 bytes
            return self.answer(
                206 if start else 200, body[start:], self.range(start, body), cut=50_000
            )
        return self.answer(206 if start else 200, body[start:], self.range(start, body))

    def range(self, start, body):
        return f"bytes {start}-{len(body) - 1}/{len(body)}" if start else None

    def answer(self, code, body, content_range=None, cut=None):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None and cut < len(body):
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def data_set(server, *how, checksum=None):
    """A record with one file that has these mirrors."""
    top = f"http://127.0.0.1:{server.server_port}"
    mirrors = tuple(each if "://" in each else f"{top}/{each}/x" for each in how)
    digest = checksum or hashlib.sha256(CONTENT).hexdigest()
    file = File("all", "x.bin", digest, len(CONTENT), mirrors)
    return Record(
        "thing",
        "a thing",
        (Layout("one", ("thing",), (file,)),),
        {"train": 1},
        "s",
        "l",
        "t",
        ("x",),
        "one",
    )


def fetched(server, folder, *how, **options):
    return fetch(data_set(server, *how), folder, **options)["all"]


def names(folder):
    return sorted(p.name for p in (folder / "thing").iterdir())


def leave(folder, content):
    """What a download that broke off had collected."""
    (folder / "thing").mkdir()
    (folder / "thing" / ".x.bin.part").write_bytes(content)


def test_a_file_is_fetched_checked_and_not_fetched_again(server, tmp_path):
    seen = []
    path = fetched(server, tmp_path, "good", progress=lambda *told: seen.append(told))
    assert path == tmp_path / "thing" / "x.bin" and path.read_bytes() == CONTENT
    assert names(tmp_path) == ["x.bin"]
    assert seen[-1] == ("x.bin", len(CONTENT), len(CONTENT))
    assert [there for _, there, _ in seen] == sorted(there for _, there, _ in seen) and len(
        seen
    ) > 2
    fetched(server, tmp_path, "good")
    assert server.asked == [("good", None)]
    path.write_bytes(b"damaged since")
    assert fetched(server, tmp_path, "good").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "first",
    [
        "missing",
        "broken",
        "other",
        "long",
        "short",
        "cut",
        "http://127.0.0.1:9/x",
        "ftp.nowhere://x",
    ],
)
def test_the_next_mirror_is_tried(server, tmp_path, first):
    assert fetched(server, tmp_path, first, "good").read_bytes() == CONTENT
    assert names(tmp_path) == ["x.bin"]


def test_a_redirect_is_followed(server, tmp_path):
    assert fetched(server, tmp_path, "redirect").read_bytes() == CONTENT


def test_a_line_that_breaks_is_taken_up_again(server, tmp_path):
    with pytest.raises(FetchError, match=r"/cut/x: broke off after 150000 of 179200 bytes"):
        fetched(server, tmp_path, "cut")
    assert server.asked == [("cut", None), ("cut", "bytes=50000-"), ("cut", "bytes=100000-")]
    assert names(tmp_path) == [".x.bin.part"]  # and what was collected is not lost
    assert fetched(server, tmp_path, "cut").read_bytes() == CONTENT
    assert server.asked[3:] == [("cut", "bytes=150000-")]


@pytest.mark.parametrize("how", ["good", "no-range", "wrong-range", "unsatisfiable"])
def test_a_download_goes_on_where_one_broke_off(server, tmp_path, how):
    leave(tmp_path, CONTENT[:70_001])
    assert fetched(server, tmp_path, how).read_bytes() == CONTENT
    assert server.asked[0] == (how, "bytes=70001-")
    assert len(server.asked) == (2 if how in ("unsatisfiable", "wrong-range") else 1)


@pytest.mark.parametrize("left", [b"something else", CONTENT[:-1] + b"?", CONTENT + b"more"])
def test_what_was_left_may_be_wrong(server, tmp_path, left):
    leave(tmp_path, left)
    assert fetched(server, tmp_path, "good").read_bytes() == CONTENT


def test_what_was_left_may_be_whole(server, tmp_path):
    leave(tmp_path, CONTENT)
    assert fetched(server, tmp_path, "good").read_bytes() == CONTENT and server.asked == []


def test_every_mirror_is_named_with_its_reason(server, tmp_path):
    with pytest.raises(FetchError) as caught:
        fetched(
            server,
            tmp_path,
            "missing",
            "broken",
            "other",
            "long",
            "short",
            "http://127.0.0.1:9/x",
            timeout=5,
        )
    text = str(caught.value)
    assert text.startswith("x.bin could not be fetched; its mirrors:\n  http://127.0.0.1")
    for reason in (
        "/missing/x: answered 404 Not Found",
        "/broken/x: answered 500 ",
        "/other/x: sent another file: expected sha256 ",
        "/long/x: sent more than the 179200 bytes that the file has",
        "/short/x: broke off after 1000 of 179200 bytes",
        "http://127.0.0.1:9/x: could not be reached: [Errno",
    ):
        assert reason in text
    assert "x.bin" not in names(tmp_path)


def test_a_server_that_is_silent_is_given_up(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        file = File("all", "x.bin", "0" * 64, 10, (url,))
        thing = Record(
            "thing", "", (Layout("one", ("thing",), (file,)),), {}, "", "", "", (), "one"
        )
        with pytest.raises(FetchError, match="could not be reached: .*timed out"):
            fetch(thing, tmp_path, timeout=0.05)


def test_a_full_disk_is_told_and_leaves_no_file(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="No space left on device"):
        fetched(server, tmp_path, "good")
    assert names(tmp_path) == [".x.bin.part"]
    monkeypatch.undo()
    assert fetched(server, tmp_path, "missing").read_bytes() == CONTENT  # nothing has to come again


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="Not a directory|exists"):
        fetched(server, tmp_path / "file", "good")


def test_two_at_a_time_are_refused(server, tmp_path):
    import fcntl

    leave(tmp_path, b"")
    with open(tmp_path / "thing" / ".x.bin.part", "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        with pytest.raises(FetchError, match="another process is fetching this file"):
            fetched(server, tmp_path, "good")


@pytest.mark.parametrize("name", ["digits", "emoji_captions"])
def test_what_cannot_be_fetched_is_said(tmp_path, name):
    with pytest.raises(DataNotFoundError, match=f"{name} cannot be fetched from anywhere"):
        fetch(RECORDS[name], tmp_path)


# ---- the command


def test_the_command_fetches_and_checks(server, tmp_path, monkeypatch, capsys):
    thing = data_set(server, "missing", "good")
    names_ = {
        "names": Record(**{**vars(RECORDS["names"]), "layouts": thing.layouts, "fetched": "one"})
    }
    for module in (records, data_command):
        monkeypatch.setattr(module, "RECORDS", names_)
    assert main(["data", "get", "names", "--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "licence   MIT" in out and f"is there  {tmp_path / 'thing' / 'x.bin'}" in out
    assert main(["data", "list", "--data-dir", str(tmp_path)]) == 0
    assert "names  there  first names" in capsys.readouterr().out


def test_what_comes_with_the_package_need_not_be_fetched(capsys):
    assert main(["data", "get", "digits"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("  is there  ")


def test_a_bar_is_drawn_on_a_terminal(server, tmp_path, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with data_command._progress() as progress:
        fetched(server, tmp_path, "good", progress=progress)
    assert "x.bin" in sys.stderr.getvalue() and "179.2/179.2 kB" in sys.stderr.getvalue()


def test_the_command_says_what_is_there(tmp_path, capsys):
    import json

    assert main(["data", "list", "--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"data folder: {tmp_path}" in out and "digits           there" in out
    assert main(["data", "list", "--json", "--data-dir", str(tmp_path)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["mnist"]["folder"] is None and listed["mnist"]["can_be_fetched"]
    assert set(listed) == set(RECORDS)


def test_the_command_checks_what_is_there(tmp_path, capsys):
    assert main(["data", "check", "--data-dir", str(tmp_path)]) == 0
    assert "digits: as published (package: 1,257 train" in capsys.readouterr().out
    (tmp_path / "names.txt").write_text("emma")
    assert main(["data", "check", "--data-dir", str(tmp_path)]) == 1
    assert "names.txt: expected the names of names, sha256" in capsys.readouterr().out
    assert main(["data", "check", "mnist", "--data-dir", str(tmp_path)]) == 1
    assert "the data set mnist was not found" in capsys.readouterr().out


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    assert main(["data", "get", "mnits"]) == 1
    assert "no data set 'mnits'; did you mean mnist?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["data"])
    assert caught.value.code == 2
    assert Path(str(tmp_path)).is_dir()
