"""Where the time goes: what is an event, and that own times add up to the whole."""

import json

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ArgumentError
from chainrule.inspect.profile import profile, span


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


def test_every_op_and_every_step_back_is_an_event(net):
    with profile(shapes=True, modules=True, work=True, places=True) as p:
        with span("step"):
            net(cr.ones(7, 3)).sum().backward()
    rows = {row.name: row for row in p.rows()}
    assert rows["linear"].calls == rows["Linear"].calls == rows["linear backward"].calls == 2
    assert {row.kind for row in rows.values()} == {"span", "module", "op", "backward"}
    assert (
        sum(row.own for row in rows.values()) == rows["step"].total
    )  # nothing is lost or counted twice
    assert rows["linear"].memory == 4 * 7 * (5 + 2)
    assert rows["linear"].work == 2 * 7 * (15 + 10) + 7 * (5 + 2)
    by_shape = [row for row in p.rows(by_shape=True) if row.name == "linear"]
    assert by_shape[0].shapes == ((7, 3), (5, 3), (5,)) and len(by_shape) == 2
    assert "test_profile.py" in p.rows(by_place=True)[1].place
    depths = [e.depth for e in p.events if e.name in ("step", "Sequential", "Linear", "linear")]
    assert depths == [0, 1, 2, 3, 2, 3]


def test_a_compiled_function_is_one_event():
    f = cr.graph.trace(lambda x: (x * x).sum())
    with profile() as p:
        f(cr.ones(3))
    assert [(e.kind, e.depth) for e in p.events] == [("compiled", 0)]


def test_what_raises_ends_its_events(net):
    with profile() as p:
        with pytest.raises(RuntimeError), span("failing"):
            net(cr.ones(7, 4))
        cr.ones(2).exp()
    assert p.events[0].total > 0 and p.events[-1].depth == 0


def test_the_table_and_the_file(tmp_path):
    with profile() as p:
        x = cr.ones(7, 3)
        (x @ x.T).exp()
    assert p.table("name", 1).splitlines()[2].startswith("exp ")
    assert p.table(limit=-1).splitlines()[-1].endswith(f"in {len(p.events)} calls")
    with pytest.raises(ArgumentError, match="sorted by one of own, total"):
        p.table("colour")
    p.write(tmp_path / "trace.json")
    written = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in written] == [e.name for e in p.events]
