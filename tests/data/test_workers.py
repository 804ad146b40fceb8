"""Loaders with worker processes: the same batches, and an error with a name for everything that can
happen to a process.
"""

import os
import random
import select
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from loader_samples import Samples

import chainrule as cr
from chainrule.base.errors import ShapeError, WorkerError
from chainrule.data import Augmented, DataLoader, Dataset, IterableDataset, get_worker_info


class Shared(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, self.n, step))


def plain(batch):
    return {k: v if isinstance(v, list) else v.tolist() for k, v in batch.items()}


def loader(**options):
    return DataLoader(
        Samples(), 5, shuffle=True, generator=cr.Generator().manual_seed(3), **options
    )


def two_epochs(**options):
    with_options = loader(**options)
    return [[plain(b) for b in with_options] for _ in range(2)]


@pytest.fixture(scope="module")
def expected():
    return two_epochs()


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 1},
        {"num_workers": 3},
        {"num_workers": 7, "prefetch_factor": 1},
        {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 5},
        {"num_workers": 2, "timeout": 60},
    ],
)
def test_batches_are_the_same_whatever_the_number_of_workers(options, expected):
    assert two_epochs(**options) == expected
    assert expected[0] != expected[1]


@pytest.mark.slow
def test_batches_are_the_same_with_workers_that_are_spawned(expected):
    assert (
        two_epochs(num_workers=2, multiprocessing_context="spawn", persistent_workers=True)
        == expected
    )


@pytest.mark.parametrize("delivered", [0, 2, 5])
def test_the_state_says_what_was_delivered_not_what_was_fetched(delivered, expected):
    stopped = loader(num_workers=2, prefetch_factor=3)
    iterator = iter(stopped)
    for _ in range(delivered):
        next(iterator)
    state = stopped.state_dict()
    iterator.close()
    resumed = loader(num_workers=3)
    resumed.load_state_dict(state)
    rest = [plain(b) for b in resumed]
    assert rest == (expected[1] if delivered == 5 else expected[0][delivered:])


def test_large_arrays_come_through_whole():
    data = [np.arange(k, k + 300_000, dtype=np.int64) for k in range(4)]
    batches = list(DataLoader(data, 2, num_workers=2))
    assert [b.shape for b in batches] == [(2, 300_000)] * 2
    assert all(
        (b.numpy() == np.stack(data[2 * k : 2 * k + 2])).all() for k, b in enumerate(batches)
    )
    batches[0].fill_(1)  # memory of its own


def test_an_array_that_a_data_set_uses_again_is_not_changed_under_way():
    class Again(Dataset):
        buffer = np.zeros(100_000)

        def __len__(self):
            return 8

        def __getitem__(self, index):
            self.buffer[:] = index
            return self.buffer

    found = list(DataLoader(Again(), None, num_workers=1, collate_fn=lambda x: x))
    assert [set(x.tolist()) for x in found] == [{float(k)} for k in range(8)]


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_iterable_data_sets_are_shared_out(workers):
    batches = [b.tolist() for b in DataLoader(Shared(17), 3, num_workers=workers)]
    assert sorted(i for b in batches for i in b) == list(range(17))
    again = [b.tolist() for b in DataLoader(Shared(17), 3, num_workers=workers)]
    assert again == batches
    resumed = DataLoader(Shared(17), 3, num_workers=workers)
    resumed.load_state_dict({"epoch": 0, "batches": 2})
    assert [b.tolist() for b in resumed] == batches[2:]


def test_a_worker_knows_who_it_is():
    class Who(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            info = get_worker_info()
            return info.id, info.num_workers, info.seed, int(info.dataset is self)

    found = [
        [x.item() for x in b]
        for b in DataLoader(Who(), num_workers=2, generator=cr.Generator().manual_seed(5))
    ]
    assert found == [[0, 2, 5, 1], [1, 2, 6, 1]] * 2
    assert get_worker_info() is None


def test_python_and_numpy_draw_the_same_in_every_number_of_workers_and_differ_between_batches():
    class Draws(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return random.random(), np.random.rand()

    found = [[[x.item() for x in b] for b in DataLoader(Draws(), num_workers=n)] for n in (1, 3)]
    assert found[0] == found[1]
    assert len({x for b in found[0] for x in b}) == 12


def test_worker_init_fn_is_called_in_each_worker():
    calls = []

    class Seen(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return sum(calls)

    found = [
        b.item()
        for b in DataLoader(Seen(), num_workers=2, worker_init_fn=lambda k: calls.append(10 + k))
    ]
    assert found == [10, 11] and calls == []


def test_persistent_workers_stay():
    class Pid(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return os.getpid()

    def pids(data):
        return {b.item() for b in data}

    kept = DataLoader(Pid(), num_workers=2, persistent_workers=True)
    assert pids(kept) == pids(kept) and os.getpid() not in pids(kept)
    new = DataLoader(Pid(), num_workers=2)
    assert not pids(new) & pids(new)
    both = [{x.item(), y.item()} for x, y in zip(kept, kept, strict=True)]  # two at once
    assert all(len(pair) == 2 for pair in both)


# ---- what can go wrong


class Failing(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 9

    def __getitem__(self, index):
        if index == 5:
            raise self.error
        return index


class OwnError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (KeyError("no such picture"), KeyError),
        (ShapeError("of the data set"), ShapeError),
        (FileNotFoundError(2, "gone", "x.png"), FileNotFoundError),
        (OwnError("this", "that"), WorkerError),  # cannot be rebuilt from its text
    ],
)
def test_an_exception_arrives_with_the_traceback_of_the_worker(error, seen):
    batches = iter(DataLoader(Failing(error), 2, num_workers=2))
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(seen) as caught:
        next(batches)
    told = caught.value if seen is WorkerError else caught.value.__cause__
    text = str(told)
    assert isinstance(told, WorkerError)
    assert "in worker 0 of a DataLoader, for the samples [4, 5]:" in text
    assert "test_workers.py" in text and "raise self.error" in text and type(error).__name__ in text
    if seen is FileNotFoundError:
        assert caught.value.filename == "x.png"


def test_an_exception_of_worker_init_fn_arrives():
    def init(number):
        raise ValueError(f"not number {number}")

    with pytest.raises(ValueError, match="not number 0") as caught:
        list(DataLoader(Samples(), num_workers=1, worker_init_fn=init))
    assert "for worker_init_fn" in str(caught.value.__cause__)


def test_what_cannot_be_pickled_is_told():
    with pytest.raises(Exception, match="pickle") as caught:
        list(DataLoader(Samples(), num_workers=1, collate_fn=lambda samples: lambda: samples))
    assert "in worker 0 of a DataLoader" in str(caught.value.__cause__)


class Stuck(Dataset):
    def __len__(self):
        return 9

    def __getitem__(self, index):
        if index == 3:
            threading.Event().wait()
        return index


def test_a_worker_that_hangs_is_named():
    batches = iter(DataLoader(Stuck(), num_workers=2, timeout=0.5))
    assert [next(batches).item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(
        WorkerError,
        match=r"worker 1 \(process \d+\) did not answer within timeout=0.5 seconds and was ended",
    ):
        next(batches)


class Dying(Dataset):
    def __init__(self, how):
        self.how = how

    def __len__(self):
        return 9

    def __getitem__(self, index):
        if index == 3:
            self.how()
        return index


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was killed by SIGKILL: the system ends"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "was killed by SIGTERM$"),
        (lambda: os._exit(7), "ended with exit code 7"),
    ],
)
def test_a_worker_that_dies_is_told_with_the_reason(how, message):
    delivered = []  # a batch that was on its way when the worker died is lost with it
    with pytest.raises(WorkerError, match=rf"DataLoader worker 1 \(process \d+\) {message}"):
        for batch in DataLoader(Dying(how), num_workers=2, persistent_workers=True):
            delivered.append(batch.item())
    assert delivered == list(range(len(delivered))) and len(delivered) <= 3


def running(line):
    """Whether any process still holds the other end of a pipe."""
    readable, _, _ = select.select([line], [], [], 20)
    return not (readable and os.read(line, 1) == b"")


def test_workers_end_with_the_iterator():
    ours, theirs = os.pipe()
    batches = iter(DataLoader(Samples(), num_workers=3, worker_init_fn=lambda k: None))
    next(batches)
    os.close(theirs)  # the workers hold copies of it
    assert select.select([ours], [], [], 0)[0] == []
    batches.close()
    assert not running(ours)
    os.close(ours)


def test_workers_end_with_the_loader_they_persist_in():
    ours, theirs = os.pipe()
    data = DataLoader(Samples(), num_workers=2, persistent_workers=True)
    list(data)
    os.close(theirs)
    assert select.select([ours], [], [], 0)[0] == []
    del data
    assert not running(ours)
    os.close(ours)


SCRIPT = """
import threading
from chainrule.data import DataLoader

class Stuck:
    def __len__(self):
        return 8
    def __getitem__(self, index):
        if index >= 4:
            threading.Event().wait()
        return index

batches = iter(DataLoader(Stuck(), num_workers=2))
for _ in range(4):
    next(batches)
print("ready", flush=True)
next(batches)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_is_left_when_the_program_is_ended(how):
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[theirs],
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stdout.readline() == "ready\n"
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as Ctrl-C: the workers get it too
    else:
        process.send_signal(how)
    _, text = process.communicate(timeout=60)
    assert not running(ours)
    os.close(ours)
    if how == signal.SIGINT:
        assert "KeyboardInterrupt" in text and text.count("Traceback") == 1
        assert process.returncode in (1, 130, -signal.SIGINT)


def test_a_data_set_of_augmentations_in_workers_is_that_of_this_process():
    data = Augmented(
        [(k, k) for k in range(9)], lambda x, epoch, index: 100 * epoch + 10 * index + x
    )
    for n in (0, 2):
        made = DataLoader(data, 4, num_workers=n)
        list(made)
        assert [b[0].tolist() for b in made] == [[100, 111, 122, 133], [144, 155, 166, 177], [188]]


def test_compiled_functions_run_in_workers_and_after_them():
    f = cr.compile(lambda x: (x * 2 + 1).sum())
    x = cr.ones(100, 100)
    before = f(x).item()

    class Compiled(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return f(x * 1).item()

    assert [b.item() for b in DataLoader(Compiled(), num_workers=2)] == [before] * 3
    assert f(x).item() == before
