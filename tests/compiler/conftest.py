"""Machine code made by tests is kept among their files, never in the user's folder."""

from __future__ import annotations

import ctypes
import mmap

import pytest
from compiler.products import HOST, TARGETS


@pytest.fixture(scope="session")
def code_folder(tmp_path_factory):
    """One folder for the whole session, so that a module used by many tests is compiled once."""
    return tmp_path_factory.mktemp("cache") / "code"


@pytest.fixture(autouse=True)
def code_kept_there(code_folder, monkeypatch):
    """What CHAINRULE_CACHE says in every test."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(code_folder))


@pytest.fixture(params=[name for name, t in TARGETS.items() if t.vector_bytes <= HOST.vector_bytes])
def target(request):
    """Every processor level that this machine can run."""
    return TARGETS[request.param]


@pytest.fixture
def at_the_end_of_memory():
    """Copies arrays to where the next byte cannot be read."""
    maps = []

    def place(array):
        page = mmap.PAGESIZE
        pages = -(-array.nbytes // page)
        region = mmap.mmap(-1, (pages + 1) * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(region))
        protect = ctypes.CDLL(None).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        assert protect(start + pages * page, page, 0) == 0
        maps.append((region, start, pages, protect))
        address = start + pages * page - array.nbytes
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        return address

    yield place
    for _, start, pages, protect in maps:
        protect(start + pages * mmap.PAGESIZE, mmap.PAGESIZE, 3)
