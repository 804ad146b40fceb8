"""Plans that are kept: what is found is what would be made, to the bit, and nothing else is ever found."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim
from chainrule.base import dtypes, sources
from chainrule.base.errors import FormatError, RangeError
from chainrule.base.lines import here
from chainrule.compiler import compiled, kept, planning, scanning, toolchain
from chainrule.compiler.native import Native
from chainrule.compiler.plan import Complaint, read, written
from chainrule.compiler.planning import Recalled
from chainrule.compiler.target import Target
from chainrule.graph.exact import Unwritable
from chainrule.graph.ir import Equation, Literal, Program, Var
from chainrule.nn import functional as F
from chainrule.ops import Spec
from chainrule.ops.kinds import elementwise
from chainrule.ops.record import composite


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for what is kept."""
    Target.host()  # what is known of the machine is kept elsewhere
    place = tmp_path / "kept"
    monkeypatch.setenv("CHAINRULE_CACHE", str(place))
    return place


def traced(f, *args):
    """The program of a function."""
    return cr.compile(f).capture(*args).program


def executor(f, *args):
    """What a function compiled anew runs by, after a call; and the call's result."""
    f = cr.compile(f)
    out = f(*args)
    return f.last.executor, out


# ------------------------------------------------------------------------------------------------- the same bits


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


NETS = {
    "layers": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Dropout(0.3), nn.Linear(5, 2)),
        (7, 3),
    ),
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(12, 2),
        ),
        (3, 2, 5, 5),
    ),
    "a loop": (Recurrent, (3, 7, 3)),
    "attention": (
        lambda: nn.Sequential(
            nn.TransformerEncoderLayer(6, 2, 7, 0.1, batch_first=True), nn.Flatten(), nn.LazyLinear(2)
        ),
        (3, 5, 6),
    ),
}  # fmt: skip


def trained(name: str) -> tuple[bytes, type]:
    """Three steps from a seed: the bits of losses, parameters, gradients and buffers, and what ran them."""
    make, shape = NETS[name]
    cr.manual_seed(0)
    net = make()
    x, y = cr.randn(shape), cr.randint(0, 2, (shape[0],))
    net(x)
    optimizer = optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    @cr.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for _ in range(3):
        losses.append(step(x, y))
        schedule.step()
    state = [*losses, *net.parameters(), *net.buffers(), *[p.grad for p in net.parameters()]]
    return b"".join([t.detach().numpy().tobytes() for t in state]), type(step.last.executor)


@pytest.mark.parametrize("name", NETS)
def test_what_is_found_computes_the_same_bits(folder, name):
    first, made = trained(name)
    again, found = trained(name)
    assert (made, found) == (Native, Recalled)
    assert again == first


def test_another_process_finds_it_and_meets_neither_passes_nor_what_makes_code(folder):
    source = (
        "import sys\n"
        "import chainrule as cr\n"
        "f = cr.compile(lambda x: (x.exp() * 2).sum())\n"
        "print(f(cr.arange(5.0)).item(), f.from_cache, 'chainrule.compiler.native' in sys.modules)\n"
    )
    run = [sys.executable, "-c", source]
    first, second = (subprocess.run(run, capture_output=True, text=True) for _ in range(2))
    assert (first.stderr, second.stderr) == ("", "")
    value = first.stdout.split()[0]
    assert first.stdout.split() == [value, "False", "True"]
    assert second.stdout.split() == [value, "True", "False"]


def test_forward_and_backward_programs_are_both_found(folder):
    x = cr.randn(5, 3, requires_grad=True)
    grads, made = [], []
    for _ in range(2):
        x.grad = None
        f = cr.compile(lambda x: (x.tanh() * x).sum())
        f(x).backward()
        grads.append(x.grad.numpy().tobytes())
        made.append(f.last.way_back.runs[(True,)][0])
    assert grads[0] == grads[1]
    assert [type(e) for e in made] == [Native, Recalled]


def test_explain_says_of_what_is_found_what_it_says_of_what_is_made(folder):
    texts = []
    for _ in range(2):
        made, _ = executor(lambda x: (x @ x).relu().sum(0), cr.randn(7, 7))
        texts.append(made.explain())
    assert type(made) is Recalled
    assert texts[0] == texts[1] and "product" in texts[0]


def test_an_index_out_of_range_names_the_line_of_who_asked(folder):
    table, at = cr.randn(7, 3), cr.tensor([1, 7])

    def one(table, at):
        return F.embedding(at, table).exp()

    def other(table, at):
        return F.embedding(at, table).exp()

    for f, kind in ((one, Native), (other, Recalled)):
        f = cr.compile(f)
        f(table, cr.tensor([1, 2]))
        assert type(f.last.executor) is kind
        line = f.f.__code__.co_firstlineno + 1
        with pytest.raises(RangeError, match=rf"axis of size 7\n  at .*test_planning.py:{line}:"):
            f(table, at)


def test_what_numpy_runs_is_found_as_well(folder, monkeypatch):
    monkeypatch.setattr(compiled, "_named", {"cholesky"})
    x = cr.eye(5) * 2 + 0.1

    def f(x):
        return cr.linalg.cholesky(x * x).exp()

    (first, a), (second, b) = executor(f, x), executor(f, x)
    assert (type(first), type(second)) == (Native, Recalled)
    assert [c.op.name for c in second.left_to_numpy] == ["cholesky"]
    assert a.numpy().tobytes() == b.numpy().tobytes()
    monkeypatch.setattr(compiled, "_named", set())
    with pytest.warns(UserWarning, match="cholesky has no machine code yet(.|\n)*test_planning.py"):
        executor(f, x)


# ---------------------------------------------------------------------------------------------------- the key


def program(op="mul", attrs=None, shape=(3, 5), dtype=dtypes.float32, other=2.0, outputs=1):
    """One equation on an input and a constant or a second input."""
    x, y = Var(Spec(shape, dtype)), Var(Spec(shape, dtype))
    operand = y if other is None else Literal(other)
    out = Var(Spec(shape, dtype))
    eq = Equation(ops.TABLE[op], (x, operand), attrs or {}, (out,), None)
    return Program([x, y], [eq], [out] * outputs)


def key(p, donated=None, target=None):
    found = planning._key(p, donated or {}, target or Target.host())
    assert found is not None
    return found[0]


def array(*numbers, dtype=np.float32):
    return np.array(numbers, dtype)


def alone(op, shape=(3, 5), **attrs):
    """One equation on an input, with attributes."""
    x = Var(Spec(shape, dtypes.float32))
    y = Var(ops.TABLE[op].infer((x.spec,), attrs)[0])
    return Program([x], [Equation(ops.TABLE[op], (x,), attrs, (y,), None)], [y])


def test_programs_that_differ_in_anything_have_keys_of_their_own():
    x = array(1, 2, 3, 4, 5)
    nudged = np.nextafter(x, array(9), dtype=np.float32)
    found = [
        key(program()),
        key(program("add")),
        key(program("sub")),
        key(program(other=2)),
        key(program("mul", other=True)),
        key(program(other=0.0)),
        key(program(other=-0.0)),
        key(program(other=float("nan"))),
        key(program(other=-float("nan"))),
        key(program(other=float("inf"))),
        key(program(other=None)),
        key(program(shape=(5, 3))),
        key(program(shape=(15,))),
        key(program(dtype=dtypes.float64)),
        key(program(dtype=dtypes.float16)),
        key(program(dtype=dtypes.bfloat16)),
        key(program(outputs=2)),
        key(program(), {0: 0}),
        key(program(), {0: 1}),
        key(program(), target=Target.level("baseline")),
        key(program(other=x)),
        key(program(other=nudged)),
        key(program(other=x.astype(np.float64))),
        key(program(other=x.reshape(1, 5))),
        key(program(other=np.repeat(x, 2)[::2])),  # NumPy may add it up in another order
        key(alone("permute", dims=(1, 0))),
        key(alone("permute", dims=(0, 1))),
        key(alone("permute", (5, 5), dims=(1, 0))),
        key(alone("permute", (5, 5), dims=(0, 1))),
        key(alone("tril", diagonal=0)),
        key(alone("tril", diagonal=1)),
        key(alone("tril", diagonal=-1)),
        key(alone("triu", diagonal=0)),
        key(alone("sum", dim=(0,), keepdim=False)),
        key(alone("sum", dim=(0,), keepdim=True)),
        key(alone("sum", (5, 5), dim=(0,), keepdim=False)),
        key(alone("sum", (5, 5), dim=(1,), keepdim=False)),
    ]
    assert len(set(found)) == len(found)


def test_which_operand_is_which_is_in_the_key():
    def of(order):
        x, y, out = [Var(Spec((3,), dtypes.float32)) for _ in range(3)]
        operands = [(x, y)[k] for k in order]
        return Program([x, y], [Equation(ops.TABLE["sub"], operands, {}, (out,), None)], [out])

    assert len({key(of(order)) for order in ((0, 1), (1, 0), (0, 0), (1, 1))}) == 4


def test_the_same_program_has_the_same_key():
    def f(x):
        return (x * 2).exp()

    assert key(traced(f, cr.ones(3))) == key(traced(f, cr.ones(3)))
    assert key(program()) == key(program())


def test_which_equations_come_from_one_line_is_in_the_key():
    """Else the error of an index could name a line that has nothing to do with it."""

    def one(x):
        for _ in range(2):
            x = x.exp()
        return x

    def two(x):
        return x.exp().exp()

    a, b, again = [traced(f, cr.ones(3)) for f in (one, two, two)]
    assert str(a) == str(b)
    assert key(a) != key(b) == key(again)


ELSEWHERE = {
    "LLVM": lambda m: m.setattr(toolchain, "version", lambda: "another LLVM"),
    "the source": lambda m: m.setattr(sources, "digest", lambda rooms: "another source"),
    "NumPy": lambda m: m.setattr(np, "__version__", "0.0"),
    "Python": lambda m: m.setattr(sys, "version", "0.0"),
    "the layout of entries": lambda m: m.setattr(kept, "FORMAT", "another format"),
    "the default dtype": lambda m: m.setattr(dtypes, "_default", dtypes.float64),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_a_plan_depends_on_beside_the_program(monkeypatch, what):
    before = key(program())
    ELSEWHERE[what](monkeypatch)
    assert key(program()) != before


def test_source_that_is_newer_than_this_process_has_no_digest(monkeypatch):
    sources.digest.cache_clear()
    assert sources.digest(("base",)) not in (None, sources.digest(("graph",)))
    assert sources.digest(("base", "a room without files")) is None
    monkeypatch.setattr(sources, "_began", 0)
    sources.digest.cache_clear()
    assert sources.digest(("base",)) is None
    assert planning._key(program(), {}, Target.host()) is None
    monkeypatch.undo()
    sources.digest.cache_clear()


@pytest.fixture
def own_op():
    """An op that is not chainrule's: its name says nothing of what it does."""
    name = "thrice"

    def thrice(x, /):
        """y = 3x"""
        return x * 3

    yield composite(elementwise, types="float")(thrice)
    del ops.TABLE[name]


def test_what_has_no_exact_text_is_planned_each_time(folder, own_op, monkeypatch):
    p = program("mul", other=None)
    p = Program(p.inputs, [Equation(own_op, p.inputs[:1], {}, p.outputs, None)], p.outputs)
    x = np.ones((3, 5), np.float32)
    for _ in range(2):
        made = planning.executor(p, {})
        assert type(made) is Native
        assert made.run([x, x], [None])[0].tolist() == (3 * x).tolist()
    monkeypatch.setattr(planning, "MOST_CONSTANTS", 4 * 5 - 1)
    assert planning._key(program(other=array(1, 2, 3, 4, 5)), {}, Target.host()) is None
    assert planning._key(program(other=array(1, 2, 3, 4)), {}, Target.host()) is not None


def test_why_numpy_runs_a_scan_is_said_each_time(folder, monkeypatch):
    monkeypatch.setattr(scanning, "MOST_ENTRIES", 2)
    monkeypatch.setattr(compiled, "_named", {"scan"})

    def f(x):
        return cr.scan(lambda c, x: ((c[0] + x[0],), ()), (cr.zeros(3),), (x,))[0][0]

    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="a scan of 5 steps needs about"):
            made, _ = executor(f, cr.ones(5, 3))
        assert type(made) is Native


# ------------------------------------------------------------------------------------------------- not believed


def sums(x):
    return (x * 2).sum(0), x.exp()


def kept_plan(folder):
    """The entry of the plan of `sums`, and that of its code."""
    made, _ = executor(sums, cr.ones(5, 3))
    code = folder / made.library.name
    [plan] = [e for e in folder.iterdir() if e != code and b'"complaints"' in e.read_bytes()]
    return plan, code


def rebuilt(folder):
    """The plan is made again, computes what it should, and is found the next time."""
    x = cr.randn(5, 3)
    for kind in (Native, Recalled):
        made, (total, powers) = executor(sums, x)
        assert type(made) is kind
        np.testing.assert_allclose(total.numpy(), 2 * x.numpy().sum(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(powers.numpy(), np.exp(x.numpy()), rtol=1e-5)


DAMAGES = {
    "empty": lambda entry: b"",
    "cut in the head": lambda entry: entry[:50],
    "cut": lambda entry: entry[:-1],
    "too long": lambda entry: entry + b"}",
    "a bit in the middle": lambda entry: flipped(entry, len(entry) // 2),
    "the last bit": lambda entry: flipped(entry, len(entry) - 1),
    "code": lambda entry: b"\x7fELF" + bytes(1000),
}


def flipped(entry: bytes, k: int) -> bytes:
    return entry[:k] + bytes([entry[k] ^ 1]) + entry[k + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_is_made_anew(folder, damage):
    plan, _ = kept_plan(folder)
    plan.write_bytes(DAMAGES[damage](plan.read_bytes()))
    rebuilt(folder)


def test_a_plan_whose_code_is_gone_is_made_anew(folder):
    _, code = kept_plan(folder)
    code.unlink()
    rebuilt(folder)


def changed(change):
    """A plan that is whole, with the right checksum, but says something else."""

    def of(content: bytes) -> bytes:
        head, _, rest = content.partition(b"\n")
        tree = json.loads(head)
        change(tree)
        return json.dumps(tree).encode() + b"\n" + rest

    return of


def launched(tree, k=0):
    """The pointers of a kernel."""
    return tree["lines"][k][3]


STRANGE = {
    "no text": lambda content: b"\xff\xfe",
    "no plan": lambda content: b"{}\n",
    "a list": lambda content: b"[]\n",
    "something is missing": changed(lambda t: t.pop("arena")),
    "a kernel that is not there": changed(lambda t: t["lines"][0].__setitem__(0, "kernel")),
    "another library": changed(lambda t: t.update(library="0" * 64)),
    "an op that is not there": changed(
        lambda t: t["lines"].append({"call": ["surely_not", {}, [], [], None]})
    ),
    "a value of no kind": changed(
        lambda t: t["lines"].append({"call": ["exp", {"x": {"code": 1}}, [], [], None]})
    ),
    "a line that is not there": changed(lambda t: t["complaints"].append(["exp", 1, 99])),
    "a constant that is none": changed(lambda t: t["constants"].append(None)),
    "too few arrays": changed(lambda t: t["constants"].append({"array": 3})),
    "an array that is cut": changed(lambda t: t["arrays"].append(["float32", [7]])),
    "an array of objects": changed(lambda t: t["arrays"].append(["object", [1]])),
    "behind an input": changed(lambda t: launched(t)[0].__setitem__(2, 60)),
    "before an input": changed(lambda t: launched(t)[0].__setitem__(2, -4)),
    "an input that is not there": changed(lambda t: launched(t)[0].__setitem__(1, 1)),
    "memory of no kind": changed(lambda t: launched(t)[0].__setitem__(0, "heap")),
    "behind the arena": changed(
        lambda t: (t.update(arena=64), launched(t).__setitem__(0, ["arena", 0, 64]))
    ),
    "more than there is": changed(lambda t: launched(t).__setitem__(0, ["count", 0, 1 << 40])),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_a_plan_that_is_whole_but_does_not_fit_is_made_anew(folder, strange):
    plan, _ = kept_plan(folder)
    content = kept.recall(plan.name)
    kept.remember(plan.name, STRANGE[strange](content))
    assert kept.recall(plan.name) != content
    rebuilt(folder)


def test_a_plan_that_is_read_is_the_plan_that_was_written():
    made = Native(traced(sums, cr.ones(5, 3)))
    lines = [eq.place for eq in made.simplified.equations]
    again = read(written(made.plan, lines), made.program, lines)
    assert dataclasses.replace(again, numbers=made.plan.numbers) == made.plan
    with pytest.raises(Unwritable, match="a line of another program"):
        written(dataclasses.replace(made.plan, complaints=(Complaint("exp", 3, here(0)),)), lines)
    for damaged in (b"", b"[" * 100_000):
        with pytest.raises(FormatError, match="a kept plan cannot be read"):
            read(damaged, made.program, lines)
