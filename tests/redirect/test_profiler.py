"""PyTorch's profiler: its schedule, what it calls things, and what it hands out."""

import pytest

import chainrule as cr
from chainrule.base.errors import ArgumentError
from chainrule.redirect.surroundings import profiler as P


def test_steps_are_looked_at_as_scheduled():
    ready = []
    when = P.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    with P.profile(schedule=when, on_trace_ready=lambda p: ready.append(p.events())) as p:
        for _ in range(11):
            cr.ones(3).exp()
            p.step()
    steps = [[e.name for e in events if e.name.startswith("Profiler")] for events in ready]
    assert steps == [["ProfilerStep#3", "ProfilerStep#4"], ["ProfilerStep#7", "ProfilerStep#8"]]
    assert [sum(e.name == "exp" for e in events) for events in ready] == [2, 2]
    assert P.schedule(wait=2, warmup=0, active=1, skip_first_wait=1)(0).name == "RECORD_AND_SAVE"
    with pytest.raises(ArgumentError, match="active at least 1"):
        P.schedule(wait=1, warmup=1, active=0)


def test_averages_and_their_table(tmp_path):
    activities = [P.ProfilerActivity.CPU]
    with P.profile(activities, record_shapes=True, with_flops=True, with_stack=True) as p:
        with P.record_function("product"):
            for n in (3, 5, 5):
                cr.ones(n, 2) @ cr.ones(2, 7)
    found = {e.key: e for e in p.key_averages()}
    assert found["matmul"].count == 3 and found["matmul"].flops == 2 * 2 * 7 * (3 + 5 + 5)
    assert found["product"].cpu_time_total >= found["matmul"].cpu_time_total
    apart = [e for e in p.key_averages(group_by_input_shape=True) if e.key == "matmul"]
    assert [(e.count, e.input_shapes) for e in apart] == [
        (1, [[3, 2], [2, 7]]),
        (2, [[5, 2], [2, 7]]),
    ]
    assert "test_profiler.py" in p.key_averages(group_by_stack_n=5)[-1].stack[0]
    text = p.key_averages().table(sort_by="cpu_time_total", row_limit=1, header="times")
    assert text.splitlines()[0] == "times" and text.splitlines()[3].startswith("product")
    assert p.key_averages().total_average().count == len(p.events())
    assert [e.count for e in p.events().key_averages()] == [e.count for e in p.key_averages()]
    P.tensorboard_trace_handler(str(tmp_path / "log"), "me")(p)
    assert [f.name[:3] for f in (tmp_path / "log").iterdir()] == ["me."]
    with pytest.raises(ArgumentError, match="sort_by is one of"):
        p.key_averages().table(sort_by="colour")
    with pytest.raises(ArgumentError, match="top_level_events_only is not built"):
        p.key_averages().table(top_level_events_only=True)


def test_arguments():
    with P.profile(False) as p:
        cr.ones(3)
    assert p.events() == []
    with pytest.raises(ArgumentError, match="no arguments colour"):
        P.profile(colour=True)
    with pytest.raises(cr.ChainruleError, match="use_gzip=False"):
        P.tensorboard_trace_handler("log", use_gzip=True)
