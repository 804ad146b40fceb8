"""How many threads there are, and where machine code is kept."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import chainrule
from chainrule.base import configuration
from chainrule.base.errors import DeviceError, DTypeError


@pytest.fixture
def machine(monkeypatch):
    """A machine with 3 processors on which nobody has asked for a number of threads."""
    monkeypatch.setattr(configuration, "_threads", None)
    monkeypatch.setattr(configuration, "processors", lambda: 3)
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return monkeypatch


def test_every_processor_is_used_unless_told_otherwise(machine):
    assert chainrule.get_num_threads() == 3


def test_the_environment_says_how_many_threads(machine):
    machine.setenv("CHAINRULE_THREADS", "2")
    assert chainrule.get_num_threads() == 2
    chainrule.set_num_threads(1)
    assert chainrule.get_num_threads() == 1


@pytest.mark.parametrize(
    "text, count", [("1", 1), ("2,1", 2), ("64", 3), ("0", 3), ("many", 3), ("", 3)]
)
def test_what_others_read_is_read_too(machine, text, count):
    """PyTorch and NumPy's products take their number from it; what is meant for them alone is no error here."""
    machine.setenv("OMP_NUM_THREADS", text)
    assert chainrule.get_num_threads() == count


def test_the_number_of_ones_own_counts_more(machine):
    machine.setenv("OMP_NUM_THREADS", "1")
    machine.setenv("CHAINRULE_THREADS", "2")
    assert chainrule.get_num_threads() == 2


@pytest.mark.parametrize("text", ["two", "-1", "1.5"])
def test_an_environment_that_makes_no_sense_is_refused(machine, text):
    machine.setenv("CHAINRULE_THREADS", text)
    with pytest.raises(
        DeviceError, match=f"CHAINRULE_THREADS is a number of threads, found '{text}'"
    ):
        chainrule.get_num_threads()


def test_no_threads_at_all_are_refused(machine):
    machine.setenv("CHAINRULE_THREADS", "0")
    with pytest.raises(DeviceError, match="CHAINRULE_THREADS: a program needs at least 1 thread"):
        chainrule.get_num_threads()
    for n in (0, -2):
        with pytest.raises(DeviceError, match=f"at least 1 thread, found {n}"):
            chainrule.set_num_threads(n)
    with pytest.raises(DTypeError, match="is an int, found float"):
        chainrule.set_num_threads(2.0)


def test_more_threads_than_processors_are_not_given(machine):
    with pytest.warns(RuntimeWarning, match="5 threads were asked for, this process may use 3"):
        chainrule.set_num_threads(5)
    assert chainrule.get_num_threads() == 3


def test_the_processors_are_those_the_process_is_bound_to(monkeypatch):
    monkeypatch.setattr(configuration.os, "sched_getaffinity", lambda pid: {1, 4, 6, 7, 9})
    monkeypatch.setattr(configuration, "granted", lambda root: math.inf)
    assert configuration.processors.__wrapped__() == 5
    monkeypatch.setattr(configuration, "granted", lambda root: 2)
    assert configuration.processors.__wrapped__() == 2


def written(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, math.inf),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, math.inf),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 2),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "700000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
            },
            3,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            math.inf,
        ),
        ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/cpu.max": "nonsense"}, math.inf),
    ],
)
def test_what_the_control_groups_grant(tmp_path, files, expected):
    assert configuration.granted(written(tmp_path, files)) == expected


def test_where_machine_code_is_kept(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "/somewhere/else")
    assert configuration.cache_folder() == Path("/somewhere/else")
    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert configuration.cache_folder() == Path("/home/of/somebody/.cache/chainrule")
