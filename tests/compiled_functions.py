"""What the tests of `compile` share: an executor that looks over the front's shoulder, and small helpers.

The programs are run by NumPy, so that only the front is tested: what is captured, fed, guarded, kept and handed out.
"""

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.graph.interpret import Interpreted

BIG = 1 << 15  # elements: float32 memory of this size is pooled


class Checked(Interpreted):
    """The NumPy executor; it looks whether the front keeps its side of the contract."""

    busy = 0

    def __init__(self, program, donated):
        super().__init__(program, donated)
        self.donated = donated
        self.made = {v.id for eq in program.equations for v in eq.outputs}
        outputs = [v.id for v in program.outputs]
        assert len(set(outputs)) == len(outputs) and set(outputs) <= self.made

    def run(self, values, into):
        self.check(values, into)
        Checked.busy += 1
        try:
            assert Checked.busy == 1, "two runs at a time"
            return super().run(values, into)
        finally:
            Checked.busy -= 1

    def check(self, values, into):
        inputs = [v for v in values if isinstance(v, np.ndarray)]
        given = [a for a in into if a is not None]
        for k, a in enumerate(into):
            if a is not None:
                assert a.flags.c_contiguous and a.flags.writeable
                mine = values[self.donated[k]] if k in self.donated else None
                assert all(v is mine or not np.may_share_memory(a, v) for v in inputs)
                assert mine is None or a is mine
        assert all(not np.may_share_memory(a, b) for k, a in enumerate(given) for b in given[:k])


def compiled(f=None, **options):
    return cr.compile(f, backend=Checked, **options)


def arrays(tensors):
    return [None if t is None else t.detach().numpy().copy() for t in tensors]


def equal(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype


def counted(f, *calls):
    """How many forward programs some calls write."""
    for c in calls:
        c()
    return sum(len(group) for group in f.captures.values())


def small_net():
    return nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Dropout(0.2), nn.Linear(7, 3))
