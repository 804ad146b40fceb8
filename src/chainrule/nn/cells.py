"""One step of a recurrent layer as a layer of its own, for loops written by hand.

    B batch   I input size   H hidden size

The formulas are those of `recurrent`; parameters are ``weight_ih`` (gates · H, I), ``weight_hh``
(gates · H, H), ``bias_ih`` and ``bias_hh`` (gates · H,), all uniform on ±1/√H at first.
"""

from __future__ import annotations

import math
from typing import Any

from .. import functional as fn
from ..base.errors import ArgumentError, ShapeError
from ..tensors import Tensor, empty, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        num_chunks: how many gates.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        place = {"device": device, "dtype": dtype}
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, **place))
        self.weight_hh = Parameter(empty(rows, hidden_size, **place))
        for name in ("bias_ih", "bias_hh"):
            value = Parameter(empty(rows, **place)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _begin(self, input: Tensor, states: Any, names: str) -> tuple[Tensor, ...]:
        """The states to begin with, zeros if None, their sizes checked."""
        cell = type(self).__name__
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{cell}: the input must have shape (B, {self.input_size}) or "
                f"({self.input_size},), got {tuple(input.shape)}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if states is None:
            return (zeros(shape, dtype=input.dtype),) * len(names)
        for name, state in zip(names, states, strict=True):
            if tuple(state.shape) != shape:
                raise ShapeError(
                    f"{cell}: {name} must have shape {shape} for an input of shape "
                    f"{tuple(input.shape)}, got {tuple(state.shape)}"
                )
        return tuple(states)

    def _of_input(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight_ih, self.bias_ih)

    def _of_state(self, h: Tensor) -> Tensor:
        return F.linear(h, self.weight_hh, self.bias_hh)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return f"{self.input_size}, {self.hidden_size}" + (
            "" if self.bias is True else f", bias={self.bias}"
        )


class RNNCell(RNNCellBase):
    """One step of a plain recurrence,  h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh).

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x (B, I) or (I,); h (B, H) or (H,).

    Raises:
        ValueError: another nonlinearity.

    Example:
        >>> nn.RNNCell(3, 5)(zeros(7, 3)).shape
        chainrule.Size([7, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity: {nonlinearity}; there are tanh and relu")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step from the state ``hx`` (zeros if None); returns the new one.

        Raises:
            ShapeError: sizes that do not fit the cell.
        """
        (h,) = self._begin(input, None if hx is None else (hx,), "h")
        sums = self._of_input(input) + self._of_state(h)
        return F.tanh(sums) if self.nonlinearity == "tanh" else F.relu(sums)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return super().extra_repr() + (
            "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        )


class LSTMCell(RNNCellBase):
    """One step of an LSTM.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

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
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step from the states ``hx`` (zeros if None); returns the new (h, c).

        Raises:
            ShapeError: sizes that do not fit the cell.
        """
        h, c = self._begin(input, hx, "hc")
        return fn.lstm_step(self._of_input(input) + self._of_state(h), c)


class GRUCell(RNNCellBase):
    """One step of a GRU.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Shapes: x (B, I) or (I,); h (B, H) or (H,).

    Example:
        >>> nn.GRUCell(3, 5)(zeros(7, 3)).shape
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
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step from the state ``hx`` (zeros if None); returns the new one.

        Raises:
            ShapeError: sizes that do not fit the cell.
        """
        (h,) = self._begin(input, None if hx is None else (hx,), "h")
        return fn.gru_step(self._of_input(input), self._of_state(h), h)
