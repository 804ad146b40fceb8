"""Programs as plain values and back: nothing is lost, and what cannot be told is refused."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.base import dtypes
from chainrule.base.errors import FormatError
from chainrule.graph import interpret, trace
from chainrule.graph.exact import Reader, Unwritable, Writer
from chainrule.graph.ir import Program
from chainrule.nn import functional as F
from chainrule.ops import TABLE


def there_and_back(p: Program) -> Program:
    """A program, by way of JSON."""
    w = Writer()
    text = json.dumps(w.program(p))
    return Reader(w.arrays, w.lines).program(json.loads(text))


def step_of_all_kinds():
    """A training step with a loop, views, lookups, random numbers, half floats and constants."""
    cr.manual_seed(0)
    net = nn.Sequential(nn.Embedding(11, 3), nn.LSTM(3, 5, batch_first=True))
    head = nn.Sequential(nn.Dropout(0.25), nn.Linear(5, 2))
    optimizer = optim.AdamW([*net.parameters(), *head.parameters()], lr=0.01)

    def step(i, y):
        optimizer.zero_grad()
        h = net(i)[0][:, -1] * cr.linspace(0, 1, 5)
        with cr.autocast("cpu", dtype=cr.bfloat16):
            z = head(h)
        loss = F.cross_entropy(z.float(), y)
        loss.backward()
        optimizer.step()
        return loss

    return trace(step).capture(cr.randint(0, 11, (3, 7)), cr.randint(0, 2, (3,))).program


def test_a_program_that_is_read_is_the_one_that_was_written():
    p = step_of_all_kinds()
    again = there_and_back(p)
    assert {"scan", "embedding", "dropout"} <= {eq.op.name for eq in p.equations}
    assert again.text(lines=True) == p.text(lines=True)
    assert Writer().program(again) == Writer().program(p)
    values = [
        0.5 if v.spec.weak
        else np.ones(v.spec.shape, v.spec.dtype.numpy)
        for v in p.inputs
    ]  # fmt: skip
    for a, b in zip(interpret(again, values), interpret(p, values), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


VALUES = [
    None, True, False, 0, 1, -1, 2**70, 0.0, -0.0, 1.0, 0.1, 1e-320, math.inf, -math.inf, "", "…",
    (), (1, 1.0, True, None), ((0, 1), ("a", (2.5,))), dtypes.bfloat16, dtypes.bool_, TABLE["exp"],
    ((TABLE["select"], (("dim", 0), ("index", -1))),),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values(value):
    tree = json.loads(json.dumps(Writer().value(value)))
    found = Reader([], []).value(tree)
    assert repr(found) == repr(value) and type(found) is type(value)


def test_no_two_values_have_one_tree():
    trees = [json.dumps(Writer().value(v)) for v in VALUES]
    assert len(set(trees)) == len(VALUES)


@pytest.mark.parametrize("bits", ["7ff8000000000000", "fff8000000000000", "7ff8000000000001"])
def test_the_bits_of_a_nan(bits):
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    found = Reader([], []).value(json.loads(json.dumps(Writer().value(value))))
    assert struct.pack(">d", found).hex() == bits


def test_an_array_that_stands_in_two_places_is_one_array():
    w = Writer()
    x, y = np.arange(3), np.arange(3)
    tree = w.value((x, y, x))
    assert w.arrays[0] is x and len(w.arrays) == 2
    a, b, c = Reader(w.arrays, []).value(tree)
    assert a is c and a is not b


def test_a_body_that_stands_in_two_places():
    p = cr.compile(lambda x: x.exp() * 2).capture(cr.ones(3)).program
    w = Writer()
    tree = json.loads(json.dumps(w.value((p, p))))
    one, two = Reader(w.arrays, w.lines).value(tree)
    assert str(one) == str(two) == str(p)
    assert {v.id for eq in one.equations for v in eq.outputs}.isdisjoint(
        {v.id for eq in two.equations for v in eq.outputs}
    )


@pytest.mark.parametrize(
    "value", [len, [1], {}, 1j, np.float32(1), object, np.array(["a"])], ids=repr
)
def test_what_has_no_exact_text(value):
    with pytest.raises(Unwritable, match="has no exact text"):
        Writer().value(value)


def test_a_value_of_no_kind():
    with pytest.raises(FormatError, match="no value is a 'code'"):
        Reader([], []).value({"code": "import os"})
