"""One step of the gated recurrences, given what the weights make of input and state.

    H hidden size   σ the logistic function   ∘ the product of elements

Layers and cells (`nn.recurrent`, `nn.cells`) multiply by their weights and repeat these, once a step: so each
has its rule, and a body for arrays that takes all gates at once.
"""

from __future__ import annotations

from ..backends import xp
from ..ops import cat, sigmoid, slice_, tanh
from ..ops.explain import refuse
from ..ops.kinds import gather
from ..ops.record import composite
from ..ops.samples import F, S


def _width(x, count, state):
    """The size of the state, of which the gates' last axis has a few beside each other."""
    width = state.shape[-1] if state.ndim else 0
    if not x.ndim or x.shape[-1] != count * width:
        raise refuse(f"the gates' last axis is {count} times as long as the state's")
    return width


def _parts(x, count, state):
    """The equal parts of the last axis, one for each gate."""
    width, dim = _width(x, count, state), x.ndim - 1
    return [slice_(x, dim=dim, start=k * width, stop=(k + 1) * width) for k in range(count)]


def _squashed(x):
    """σ of an array."""
    return 1 / (1 + xp.exp(-x))


@composite(
    gather,
    types="float",
    outputs=("h", "c_new"),
    hidden=("i", "f", "u", "o", "shown"),
    samples=(S(F(5, 12), F(5, 3)), S(F(8), F(2)), S(F(2, 5, 12), F(5, 3))),
)
def lstm_step(gates, c, /):
    """The new state and cell of an LSTM,  c' = σ(f) ∘ c + σ(i) ∘ tanh(g),  h' = σ(o) ∘ tanh(c').

    The gates (…, 4H) are i, f, g and o, each  x W_ihᵀ + b_ih + h W_hhᵀ + b_hh;  c is (…, H).
    Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000.
    """
    i, f, u, o = _parts(gates, 4, c)
    i, f, u, o = sigmoid(i), sigmoid(f), tanh(u), sigmoid(o)
    new = f * c + i * u
    shown = tanh(new)
    return o * shown, new, i, f, u, o, shown


@lstm_step.fast
def _lstm_step(gates, c):
    H = _width(gates, 4, c)
    s, u = _squashed(gates), xp.tanh(gates[..., 2 * H : 3 * H])
    i, f, o = s[..., :H], s[..., H : 2 * H], s[..., 3 * H :]
    new = f * c + i * u
    shown = xp.tanh(new)
    return o * shown, new, i, f, u, o, shown


def _lstm_rule(g_h, g_c_new, c, i, f, u, o, shown, needs):
    g_new = g_h * o * (1 - shown * shown) + g_c_new
    g_gates = None
    if needs[0]:
        of_gates = (
            g_new * u * (i * (1 - i)), g_new * c * (f * (1 - f)),
            g_new * i * (1 - u * u), g_h * shown * (o * (1 - o)),
        )  # fmt: skip
        g_gates = cat(*of_gates, dim=g_h.ndim - 1)
    return g_gates, g_new * f if needs[1] else None


lstm_step.vjp(
    lambda g_h, g_c_new, c, i, f, u, o, shown, needs: _lstm_rule(
        g_h, g_c_new, c, i, f, u, o, shown, needs
    )
)


@composite(
    gather,
    types="float",
    hidden=("r", "z", "n"),
    samples=(S(F(5, 9), F(5, 9), F(5, 3)), S(F(6), F(6), F(2))),
)
def gru_step(of_x, of_h, h, /):
    """The new state of a GRU,  h' = (1 − z) ∘ n + z ∘ h,  with  n = tanh(n_x + σ(r) ∘ n_h)  and
    z = σ(z_x + z_h),  r = r_x + r_h.

    What the input gives, x W_ihᵀ + b_ih, and what the state gives, h W_hhᵀ + b_hh, are (…, 3H): the
    parts r, z and n; h is (…, H).  Source: Cho et al. 2014; the reset gate stands behind the
    product, as cuDNN and PyTorch have it, not before.
    """
    r_x, z_x, n_x = _parts(of_x, 3, h)
    r_h, z_h, n_h = _parts(of_h, 3, h)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = tanh(n_x + r * n_h)
    # as PyTorch writes it: one product less than (1 − z) ∘ n + z ∘ h
    return (h - n) * z + n, r, z, n


@gru_step.fast
def _gru_step(of_x, of_h, h):
    H = _width(of_x, 3, h)
    _width(of_h, 3, h)
    s = _squashed(of_x[..., : 2 * H] + of_h[..., : 2 * H])
    r, z = s[..., :H], s[..., H:]
    n = xp.tanh(of_x[..., 2 * H :] + r * of_h[..., 2 * H :])
    return (h - n) * z + n, r, z, n


def _gru_rule(g, of_h, h, r, z, n, needs):
    dim, H = g.ndim - 1, h.shape[-1]
    n_h = slice_(of_h, dim=of_h.ndim - 1, start=2 * H, stop=3 * H)
    g_n = g * (1 - z) * (1 - n * n)
    g_r, g_z = g_n * n_h * (r * (1 - r)), g * (h - n) * (z * (1 - z))
    return (
        cat(g_r, g_z, g_n, dim=dim) if needs[0] else None,
        cat(g_r, g_z, g_n * r, dim=dim) if needs[1] else None,
        g * z if needs[2] else None,
    )


gru_step.vjp(lambda g, of_h, h, r, z, n, needs: _gru_rule(g, of_h, h, r, z, n, needs))
