"""Which tests run, and what may be missing.

    pytest            the quick suite: NumPy only, no torch, no outside data, minutes; -n auto: on all cores
    pytest --full     everything; torch (the reference) and the data folder have to be there
    pytest -m torch   an explicit marker expression is taken as given

A test is left out of the quick suite by one of three markers: `torch`, `outside_data`, `slow`. The first two
come by themselves with the fixtures of the same name. With `--full`, and wherever the environment says
`CI=true`, nothing is skipped: a skip, whatever its reason, is reported as a failure.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports matplotlib: no display here
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; before anything imports NumPy
    for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")

import hypothesis
import numpy as np
import pytest

import chainrule

SEED = 20
FULL_SUITE_ONLY = ("torch", "outside_data", "slow")
TORCH_VERSION = "2.13.0"
TORCH_THREADS = 1  # the arrays of a test are small: a second thread only costs its start

hypothesis.settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile(
    "full", max_examples=150, deadline=None, derandomize=True, database=None
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="all tests: needs torch and CHAINRULE_DATA"
    )


def pytest_configure(config: pytest.Config) -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as a shell starts jobs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # for the tests of Ctrl-C
    hypothesis.settings.load_profile("full" if config.getoption("--full") else "quick")


def pytest_report_header(config: pytest.Config) -> str:
    suite = "full" if config.getoption("--full") else "quick"
    return f"chainrule {Path(chainrule.__file__).parent}, numpy {np.__version__}, {suite} suite"


@pytest.hookimpl(tryfirst=True)  # before pytest reads -m, so that the markers given here count
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for name in ("torch", "outside_data"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
    if config.getoption("--full") or config.getoption("-m"):
        return
    left_out = [i for i in items if any(i.get_closest_marker(m) for m in FULL_SUITE_ONLY)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        chosen = set(map(id, left_out))
        items[:] = [i for i in items if id(i) not in chosen]


def pytest_collection_finish() -> None:
    """Tens of thousands of tests live as long as the process: the cycle collector, which some tests call often, need not walk them."""
    gc.collect()
    gc.freeze()


def nothing_may_be_skipped(config: pytest.Config) -> bool:
    """Whether a skip counts as a failure."""
    return bool(config.getoption("--full")) or os.environ.get("CI", "").lower() == "true"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every test begins with the same random state, alone or after whatever others ran before it."""
    np.random.seed(SEED)
    chainrule.manual_seed(SEED)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and nothing_may_be_skipped(item.config):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and nothing_may_be_skipped(collector.config):
        report.outcome = "failed"
        report.longrepr = (
            f"{collector.nodeid} skipped itself, and here nothing may: {report.longrepr}"
        )
    return report


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """The reference framework, on one thread."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what torch thinks of its surroundings is not ours to test
            import torch
    except ImportError as error:
        pytest.fail(f"the full suite compares with torch: pip install '.[torch]' ({error})")
    if torch.__version__.split("+")[0] != TORCH_VERSION:
        pytest.fail(f"the reference is torch {TORCH_VERSION}, found {torch.__version__}")
    torch.set_num_threads(TORCH_THREADS)
    return torch


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """The folder of data sets that are not part of the package, as CHAINRULE_DATA names it."""
    named = os.environ.get("CHAINRULE_DATA")
    if not named:
        pytest.fail(
            "the full suite reads real data: set CHAINRULE_DATA to the folder that holds it"
        )
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"CHAINRULE_DATA names {folder}, which is not a folder")
    return folder
