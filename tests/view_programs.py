"""Random programs of views and in-place writes, run alike on NumPy arrays, on chainrule and on torch.

A program is a list of steps (what, i, j, c) over a growing pool of tensors that starts with one of shape (2, 3, 5).
`i` and `j` pick from the pool, `c` picks a variant. What is nonlinear goes through a fresh copy (`1 * t`), so that no
saved value is ever overwritten.
"""

import numpy as np
from hypothesis import strategies as st

SHAPE = (2, 3, 5)
KINDS = ("view", "view", "new", "scale", "shift", "add", "copy", "put", "through detach")
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 30), st.integers(0, 11)),
    min_size=2,
    max_size=9,
)


eager_steps = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "become")),
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(0, 11),
    ),
    min_size=2,
    max_size=9,
)
"""Also with tensors that become views of themselves, which a traced function refuses."""


class OnArrays:
    """The steps on NumPy, whose views share memory as tensors' do."""

    def __init__(self):
        self.pool = []

    def start(self, x):
        self.pool.append(x * 1)

    def sin(self, x):
        # what is no view lies row-major here; NumPy and torch keep the order of x
        return np.array(np.sin(1 * x), order="C")

    def transpose(self, x, a, b):
        return np.swapaxes(x, a, b)

    def contiguous(self, x):
        return x.flags.c_contiguous

    def reshape(self, x, shape):
        y = x.reshape(shape)
        assert np.shares_memory(x, y)
        return y

    def unsqueeze(self, x, d):
        return np.expand_dims(x, d)

    def detach(self, x):
        return x

    def become(self, k, c):
        x = self.pool[k]
        self.pool[k] = (
            self.transpose(x, 0, x.ndim - 1) if c % 2 and x.ndim > 1 else self.unsqueeze(x, 0)
        )

    def write(self, x, how, value):
        if how == "scale":
            x *= value
        elif how == "shift":
            x += value
        else:
            x[...] = value


class OnTensors(OnArrays):
    """The steps on chainrule's or torch's tensors."""

    def sin(self, x):
        return (1 * x).sin().contiguous()

    def transpose(self, x, a, b):
        return x.transpose(a, b)

    def contiguous(self, x):
        return x.is_contiguous()

    def reshape(self, x, shape):
        return x.view(shape)

    def unsqueeze(self, x, d):
        return x.unsqueeze(d)

    def become(self, k, c):
        x = self.pool[k]
        if c % 2 and x.ndim > 1:
            x.transpose_(0, x.ndim - 1)
        else:
            x.unsqueeze_(0)

    def detach(self, x):
        return x.detach()

    def write(self, x, how, value):
        if how == "scale":
            x.mul_(value)
        elif how == "shift":
            x.add_(value)
        else:
            x.copy_(value)


def view(m, x, c):
    """One of the views that every library can take."""
    n = x.ndim
    if c < 3 and n:
        return x[1:] if c == 0 else x[..., ::2] if c == 1 else x[0, ...]
    if c < 6 and n > 1:
        return m.transpose(x, 0, n - 1) if c < 5 else x[:, -1, ...]
    if c < 9 and m.contiguous(x):
        return m.reshape(x, (-1,)) if c < 8 or n < 2 else m.reshape(x, (x.shape[0], -1))
    return m.unsqueeze(x, c % (n + 1)) if n < 5 else x[0, ...]


def run(m, program, x):
    """The pool of tensors that a program leaves."""
    m.start(x)
    pool = m.pool
    for kind, i, j, c in program:
        t, u = pool[i % len(pool)], pool[j % len(pool)]
        if 0 in t.shape:
            continue
        if kind == "view":
            pool.append(view(m, t, c))
        elif kind == "new":
            pool.append(m.sin(t))
        elif kind == "scale":
            m.write(t, "scale", 0.5 + c / 7)
        elif kind == "shift":
            m.write(t, "shift", m.sin(u).sum() / 30)
        elif kind == "add":
            m.write(t, "shift", m.sin(u) if tuple(u.shape) == tuple(t.shape) else c / 5)
        elif kind == "copy":
            m.write(
                t, "copy", m.sin(u) if tuple(u.shape) == tuple(t.shape) else m.sin(u).sum() / 30
            )
        elif kind == "put" and t.ndim:
            t[-1] = m.sin(u).sum() * (c - 5) / 60
        elif kind == "become" and t.ndim < 5:
            m.become(i % len(pool), c)
        elif kind == "through detach":
            m.write(m.detach(t), "shift", c / 3)
    return pool


def weights(k, shape):
    """Fixed numbers with which the k-th tensor of the pool enters the result."""
    return np.random.default_rng(k).standard_normal(tuple(shape))


def inputs():
    return np.random.default_rng(5).standard_normal(SHAPE)
