"""One step of the gated recurrences, given what the weights make of input and state.

    H hidden size   σ the logistic function   ∘ the product of elements

Layers and cells (`nn.recurrent`, `nn.cells`) multiply by their weights and repeat these.
"""

from __future__ import annotations

from ..ops import sigmoid, slice_, tanh
from ..ops.explain import refuse
from ..ops.kinds import gather
from ..ops.record import composite
from ..ops.samples import F, S


def _parts(x, count, state):
    """The equal parts of the last axis, one for each gate, as wide as the state."""
    width = state.shape[-1] if state.ndim else 0
    if not x.ndim or x.shape[-1] != count * width:
        raise refuse(f"the gates' last axis is {count} times as long as the state's")
    dim = x.ndim - 1
    return [slice_(x, dim=dim, start=k * width, stop=(k + 1) * width) for k in range(count)]


@composite(
    gather,
    types="float",
    outputs=("h", "c_new"),
    samples=(S(F(5, 12), F(5, 3)), S(F(8), F(2)), S(F(2, 5, 12), F(5, 3))),
)
def lstm_step(gates, c, /):
    """The new state and cell of an LSTM,  c' = σ(f) ∘ c + σ(i) ∘ tanh(g),  h' = σ(o) ∘ tanh(c').

    The gates (…, 4H) are i, f, g and o, each  x W_ihᵀ + b_ih + h W_hhᵀ + b_hh;  c is (…, H).
    Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000.
    """
    i, f, g, o = _parts(gates, 4, c)
    new = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(new), new


@composite(
    gather,
    types="float",
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
    n = tanh(n_x + sigmoid(r_x + r_h) * n_h)
    # as PyTorch writes it: one product less than (1 − z) ∘ n + z ∘ h
    return (h - n) * sigmoid(z_x + z_h) + n
