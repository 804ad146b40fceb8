"""Recurrent layers, written with ``scan``: one step is a function, the sequence is its repetition.

    T time   B batch   I input size   H hidden size   L layers   D directions (1 or 2)

A step of the LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber &
Cummins 2000):

    i, f, g, o = the four quarters of  x W_ihᵀ + b_ih + h W_hhᵀ + b_hh
    c' = σ(f) · c + σ(i) · tanh(g)
    h' = σ(o) · tanh(c')

The part that depends on x alone is one product for all steps at once; only  h W_hhᵀ  must wait for
its turn.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..base.errors import ShapeError
from ..tensors import Tensor, cat, empty, scan, stack, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["LSTM", "LSTMCell"]


def _lstm_step(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h' and c' from the sum of the gates' inputs (B, 4H) and c (B, H)."""
    i, f, g, o = gates.chunk(4, dim=-1)
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(c), c


class LSTM(Module):
    """Long short-term memory over a sequence, in layers, one or both ways.

    The parameters of layer l are ``weight_ih_l{l}`` (4H, size of its input), ``weight_hh_l{l}``
    (4H, H), ``bias_ih_l{l}`` and ``bias_hh_l{l}`` (4H,), with the suffix ``_reverse`` for the
    backward direction; all begin uniform on ±1/√H.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L; layer l + 1 is given the output of layer l.
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, …) rather than (T, B, …); states never are.
        dropout: probability of dropout on the output of every layer but the last, in training.
        bidirectional: whether a second LSTM runs from the end; its outputs stand behind the first
            one's.
        proj_size: only 0: projections are not built.
        device: where the parameters live; only the CPU.
        dtype: of the parameters; the default dtype if None.

    Shapes: x (T, B, I), (B, T, I) or (T, I); output (…, D·H); h and c (D·L, B, H) or (D·L, H).

    Raises:
        NotImplementedError: ``proj_size`` is not 0.
        ValueError: a size or the probability is out of range.

    Example:
        >>> output, (h, c) = nn.LSTM(3, 5, num_layers=2)(zeros(11, 7, 3))
        >>> output.shape, h.shape
        (chainrule.Size([11, 7, 5]), chainrule.Size([2, 7, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if proj_size != 0:
            raise NotImplementedError(
                f"LSTM: proj_size={proj_size}: projections are not built; put a Linear behind the LSTM"
            )
        if hidden_size <= 0:
            raise ValueError(f"hidden_size must be greater than zero, got {hidden_size}")
        if num_layers <= 0:
            raise ValueError(f"num_layers must be greater than zero, got {num_layers}")
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                f"element being zeroed, got {dropout}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=2,
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        gates = 4 * hidden_size
        for layer in range(num_layers):
            size = input_size if layer == 0 else hidden_size * len(self._directions())
            for suffix in self._directions():
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (gates, size),
                    "weight_hh": (gates, hidden_size),
                }
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                for kind, shape in shapes.items():
                    value = Parameter(empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{kind}_l{layer}{suffix}", value)
        self.reset_parameters()

    def _directions(self) -> tuple[str, ...]:
        """The suffixes of the parameters' names, forward first."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Without effect: PyTorch packs the weights for cuDNN here."""

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over the sequence.

        Args:
            input: x.
            hx: the states (h, c) to begin with, zeros if None.

        Returns:
            The output of the last layer at every step, and the final states (h, c).

        Raises:
            ShapeError: sizes that do not fit the layer.
        """
        batched, x, h0, c0 = self._checked(input, hx)
        h_n: list[Tensor] = []
        c_n: list[Tensor] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._directions():
                k = len(h_n)
                y, h, c = self._run(x, h0[k], c0[k], f"_l{layer}{suffix}")  # y (T, B, H)
                outputs.append(y)
                h_n.append(h)
                c_n.append(c)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, dim=-1)  # (T, B, D·H)
            if self.dropout > 0 and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        h, c = stack(h_n), stack(c_n)  # (D·L, B, H)
        if not batched:
            return x.squeeze(1), (h.squeeze(1), c.squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), (h, c)

    def _run(self, x: Tensor, h: Tensor, c: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """One layer in one direction over x (T, B, I)."""
        w_hh = self._parameters[f"weight_hh{name}"]
        bias = None
        if self.bias:
            bias = self._parameters[f"bias_ih{name}"] + self._parameters[f"bias_hh{name}"]
        inputs = F.linear(x, self._parameters[f"weight_ih{name}"], bias)  # (T, B, 4H)

        def step(carry: tuple, at: tuple) -> tuple[tuple, tuple]:
            h, c = carry
            h, c = _lstm_step(at[0] + F.linear(h, w_hh), c)
            return (h, c), (h,)

        (h, c), (y,) = scan(step, (h, c), (inputs,), reverse=name.endswith("_reverse"))
        return y, h, c

    def _checked(self, x: Tensor, hx: tuple | None) -> tuple[bool, Tensor, Tensor, Tensor]:
        """Input as (T, B, I) and states as (D·L, B, H), their sizes checked."""
        if x.ndim not in (2, 3):
            raise ShapeError(f"LSTM: Expected input to be 2D or 3D, got {x.ndim}D instead")
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"LSTM: the last axis of the input must be input_size={self.input_size}, "
                f"got shape {tuple(x.shape)}"
            )
        batched = x.ndim == 3
        if not batched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        states = self.num_layers * len(self._directions())
        shape = (states, x.shape[1], self.hidden_size)
        if hx is None:
            h = zeros(shape, dtype=x.dtype)
            return batched, x, h, h
        expected = shape if batched else (states, self.hidden_size)
        for name, state in zip(("h", "c"), hx, strict=True):
            if tuple(state.shape) != expected:
                raise ShapeError(
                    f"LSTM: the initial {name} must have shape {expected} for an input of shape "
                    f"{tuple(x.shape if batched else x.squeeze(1).shape)}, got {tuple(state.shape)}"
                )
        h, c = hx
        return batched, x, *((h, c) if batched else (h.unsqueeze(1), c.unsqueeze(1)))

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)


class LSTMCell(Module):
    """One step of an LSTM.

    Parameters ``weight_ih`` (4H, I), ``weight_hh`` (4H, H), ``bias_ih`` and ``bias_hh`` (4H,), all
    uniform on ±1/√H at first.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        device: where the parameters live; only the CPU.
        dtype: of the parameters; the default dtype if None.

    Shapes: x (B, I) or (I,); h and c (B, H) or (H,).

    Example:
        >>> h, c = nn.LSTMCell(3, 5)(zeros(7, 3))
        >>> h.shape
        chainrule.Size([7, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        place = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty(4 * hidden_size, input_size, **place))
        self.weight_hh = Parameter(empty(4 * hidden_size, hidden_size, **place))
        for name in ("bias_ih", "bias_hh"):
            value = Parameter(empty(4 * hidden_size, **place)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step from the states ``hx`` (zeros if None); returns the new (h, c).

        Raises:
            ShapeError: sizes that do not fit the cell.
        """
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"LSTMCell: the input must have shape (B, {self.input_size}) or "
                f"({self.input_size},), got {tuple(input.shape)}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        h, c = (zeros(shape, dtype=input.dtype),) * 2 if hx is None else hx
        for name, state in (("h", h), ("c", c)):
            if tuple(state.shape) != shape:
                raise ShapeError(
                    f"LSTMCell: {name} must have shape {shape} for an input of shape "
                    f"{tuple(input.shape)}, got {tuple(state.shape)}"
                )
        gates = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(
            h, self.weight_hh, self.bias_hh
        )
        return _lstm_step(gates, c)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + (
            "" if self.bias is True else f", bias={self.bias}"
        )
