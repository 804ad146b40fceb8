"""Machine code made by tests is kept among their files, never in the user's folder."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def code_folder(tmp_path_factory):
    """One folder for the whole session, so that a module used by many tests is compiled once."""
    return tmp_path_factory.mktemp("cache") / "code"


@pytest.fixture(autouse=True)
def code_kept_there(code_folder, monkeypatch):
    """What CHAINRULE_CACHE says in every test."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(code_folder))
