"""Recurrent layers, written with ``scan``: one step is a function, the sequence is its repetition.

    T time   B batch   I input size   H hidden size   P projection   L layers   D directions (1, 2)

What of a step depends on the input alone is one product for all steps at once; only the product
with the state must wait for its turn:

    RNN     h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)         (or relu)
    LSTM    four such sums are the gates of `functional.recurrent.lstm_step`
    GRU     three sums of x and three of h are those of `functional.recurrent.gru_step`

Sequences of different lengths come packed (`nn.utils.rnn`). They are laid out side by side, and a
step leaves the state of a sequence that has ended as it is. So the last state of each is that of its
own last step, and the way back, which begins at the end of the longest, begins for each at its own.

Read: `RNNBase.forward`, `_run`, then the three layers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .. import functional as fn
from ..base.errors import ArgumentError, ShapeError
from ..tensors import Tensor, cat, empty, scan, stack, where, zeros
from . import functional as F
from . import init
from .module import Module
from .packed import PackedSequence, as_packed, as_padded
from .parameter import Parameter

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

States = tuple[Tensor, ...]
Step = Callable[..., States]

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
"""How many sums of size H a step makes of its input."""


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters, layers, directions, packed sequences.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: I.
        hidden_size: H.
        num_layers: L; layer l + 1 is given the output of layer l.
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, …) rather than (T, B, …); states never are.
        dropout: probability of dropout on the output of every layer but the last, in training.
        bidirectional: whether a second recurrence runs from the end; its outputs stand behind the
            first one's.
        proj_size: P, the size to which an LSTM projects its state; 0 for no projection.
        device: where the parameters live; only the CPU.
        dtype: the dtype of the parameters; the default dtype if None.

    Raises:
        ValueError: a size, the mode or the probability is out of range.
        TypeError: a size is no int, or a switch no bool.
    """

    _states = 1  # how many states a step carries on

    def __init__(
        self,
        mode: str,
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
        if mode not in _GATES:
            raise ArgumentError(f"Unrecognized RNN mode: {mode}; there are {', '.join(_GATES)}")
        _check_sizes(input_size, hidden_size, num_layers, proj_size)
        _check_switches(bias=bias, batch_first=batch_first)
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ArgumentError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                f"element being zeroed, got {dropout}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=3,
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates, state = _GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            size = input_size if layer == 0 else state * len(self._directions())
            for suffix in self._directions():
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (gates, size),
                    "weight_hh": (gates, state),
                }
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for kind, shape in shapes.items():
                    value = Parameter(empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{kind}_l{layer}{suffix}", value)
        self.reset_parameters()

    def _directions(self) -> tuple[str, ...]:
        """The suffixes of the parameters' names, forward first."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self) -> None:
        """Draw every parameter anew, uniform on ±1/√H."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Without effect: PyTorch packs the weights for cuDNN here."""

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[self._parameters[name] for name in group] for group in self._all_weights]

    @property
    def _all_weights(self) -> list[list[str]]:
        """Their names, which model files ask for to set the biases of gates."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        names = [
            [f"{kind}_l{layer}{suffix}" for kind in kinds]
            for layer in range(self.num_layers)
            for suffix in self._directions()
        ]
        return [[name for name in group if name in self._parameters] for group in names]

    # ---- running --------------------------------------------------------------------------------

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Run over the sequence.

        Args:
            input: x (T, B, I), (B, T, I) with ``batch_first``, (T, I), or a PackedSequence.
            hx: the states to begin with, (D·L, B, H) each, zeros if None; (D·L, H) with x (T, I).
                An LSTM has two, h (whose size is P if there is a projection) and c.

        Returns:
            The output of the last layer at every step (…, D·H), packed if the input was, and the
            final states.

        Raises:
            ShapeError: sizes that do not fit the layer.
        """
        packed = isinstance(input, PackedSequence)
        alive = None
        if packed:
            self._check_width(input.data, (2,), "the data of a packed sequence")
            x, alive = as_padded(input)  # (T, B, I) and (T, B, 1)
            batched = True
        else:
            self._check_width(input, (2, 3), "the input")
            batched = input.ndim == 3
            x = input if batched else input.unsqueeze(1)
            if batched and self.batch_first:
                x = x.transpose(0, 1)
        begin = self._initial(x, hx, batched, input.sorted_indices if packed else None)
        y, last = self._layers(x, begin, alive)
        if packed:
            if input.unsorted_indices is not None:
                last = tuple([s[:, input.unsorted_indices] for s in last])
            return as_packed(y, input), self._result(last)
        if not batched:
            return y.squeeze(1), self._result(tuple([s.squeeze(1) for s in last]))
        return (y.transpose(0, 1) if self.batch_first else y), self._result(last)

    def _layers(self, x: Tensor, begin: States, alive: Tensor | None) -> tuple[Tensor, States]:
        """All layers in all directions over x (T, B, I): the last one's output and all states."""
        finals: list[States] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._directions():
                states = tuple([s[len(finals)] for s in begin])
                y, last = self._run(x, states, f"_l{layer}{suffix}", alive)  # y (T, B, H)
                outputs.append(y)
                finals.append(last)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, dim=-1)  # (T, B, D·H)
            if self.dropout > 0 and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        return x, tuple([stack(column) for column in zip(*finals, strict=True)])  # (D·L, B, H)

    def _run(
        self, x: Tensor, states: States, name: str, alive: Tensor | None
    ) -> tuple[Tensor, States]:
        """One layer in one direction over x (T, B, I)."""
        inputs, step = self._prepared(x, name)  # (T, B, gates · H)
        states = self._first(states, inputs)

        def body(carry: States, at: States) -> tuple[States, States]:
            new = step(at[0], *carry)
            if alive is not None:
                new = tuple([where(at[1], n, s) for n, s in zip(new, carry, strict=True)])
            return new, (new[0],)

        sequences = (inputs,) if alive is None else (inputs, alive)
        last, (y,) = scan(body, states, sequences, reverse=name.endswith("_reverse"))
        return y, last

    def _prepared(self, x: Tensor, name: str) -> tuple[Tensor, Step]:
        """What x gives to all steps, and a step: a function of that and the states."""
        raise NotImplementedError("RNNBase has no recurrence of its own: use RNN, LSTM or GRU")

    def _first(self, states: States, inputs: Tensor) -> States:
        """The states in the dtype in which steps hand them on."""
        return states

    def _sums(self, x: Tensor, name: str) -> Tensor:
        """x W_ihᵀ + b_ih + b_hh: all of a gate's sum that is known before the first step."""
        bias = None
        if self.bias:
            bias = self._parameters[f"bias_ih{name}"] + self._parameters[f"bias_hh{name}"]
        return F.linear(x, self._parameters[f"weight_ih{name}"], bias)

    # ---- arguments ------------------------------------------------------------------------------

    def _check_width(self, x: Tensor, axes: tuple[int, ...], what: str) -> None:
        if x.ndim not in axes:
            wanted = " or ".join([f"{n}D" for n in axes])
            raise ShapeError(
                f"{type(self).__name__}: Expected {what} to be {wanted}, got {x.ndim}D instead"
            )
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: the last axis of {what} must be "
                f"input_size={self.input_size}, got shape {tuple(x.shape)}"
            )

    def _initial(self, x: Tensor, hx: Any, batched: bool, order: Tensor | None) -> States:
        """The states to begin with as (D·L, B, size), in the order of x, their sizes checked."""
        count, B = self.num_layers * len(self._directions()), x.shape[1]
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: self._states]
        if hx is None:
            return tuple([zeros((count, B, size), dtype=x.dtype) for size in sizes])
        given = self._given(hx)
        for name, state, size in zip("hc", given, sizes, strict=False):
            expected = (count, B, size) if batched else (count, size)
            if tuple(state.shape) != expected:
                raise ShapeError(
                    f"{type(self).__name__}: the initial {name} must have shape {expected} for "
                    f"{'a batch of ' + str(B) if batched else 'one sequence'}, "
                    f"got {tuple(state.shape)}"
                )
        if not batched:
            return tuple([s.unsqueeze(1) for s in given])
        return given if order is None else tuple([s[:, order] for s in given])

    def _given(self, hx: Any) -> States:
        """The states that a caller gave."""
        if not isinstance(hx, Tensor):
            raise ShapeError(
                f"{type(self).__name__}: hx is one tensor, the initial h, found {type(hx).__name__}"
            )
        return (hx,)

    def _result(self, last: States) -> Any:
        """The final states as they are handed out."""
        return last[0]

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
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


def _check_sizes(input_size: int, hidden_size: int, num_layers: int, proj_size: int) -> None:
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ArgumentError(f"{name} must be greater than zero, got {size}")
    if num_layers <= 0:
        raise ArgumentError(f"num_layers must be greater than zero, got {num_layers}")
    if proj_size < 0:
        raise ArgumentError(
            "proj_size should be a positive integer or zero to disable projections, "
            f"got {proj_size}"
        )
    if proj_size >= hidden_size:
        raise ArgumentError(f"proj_size has to be smaller than hidden_size, got {proj_size}")


def _check_switches(**switches: Any) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")


class RNN(RNNBase):
    """The plain recurrence,  h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh),  in layers, one or both
    ways.   Source: Elman 1990.

    The parameters of layer l are ``weight_ih_l{l}`` (H, size of its input), ``weight_hh_l{l}``
    (H, H), ``bias_ih_l{l}`` and ``bias_hh_l{l}`` (H,), with the suffix ``_reverse`` for the backward
    direction; all begin uniform on ±1/√H.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L; layer l + 1 is given the output of layer l.
        nonlinearity: "tanh" or "relu".
        bias, batch_first, dropout, bidirectional, device, dtype: as in ``RNNBase``.

    Shapes: x (T, B, I), (B, T, I) or (T, I); output (…, D·H); h (D·L, B, H) or (D·L, H).

    Raises:
        ValueError: another nonlinearity, or a size or the probability out of range.

    Example:
        >>> output, h = nn.RNN(3, 5, bidirectional=True)(zeros(11, 7, 3))
        >>> output.shape, h.shape
        (chainrule.Size([11, 7, 10]), chainrule.Size([2, 7, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        mode = "RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def _prepared(self, x: Tensor, name: str) -> tuple[Tensor, Step]:
        w_hh = self._parameters[f"weight_hh{name}"]
        activation = F.tanh if self.nonlinearity == "tanh" else F.relu
        return self._sums(x, name), lambda sums, h: (activation(sums + F.linear(h, w_hh)),)

    def _first(self, states: States, inputs: Tensor) -> States:
        return tuple([s.to(inputs.dtype) for s in states])  # autocast makes both half floats


class LSTM(RNNBase):
    """Long short-term memory over a sequence, in layers, one or both ways.

    The parameters of layer l are ``weight_ih_l{l}`` (4H, size of its input), ``weight_hh_l{l}``
    (4H, H), ``bias_ih_l{l}`` and ``bias_hh_l{l}`` (4H,), with the suffix ``_reverse`` for the
    backward direction; all begin uniform on ±1/√H. With a projection (Sak et al. 2014) the state is
    h' W_hrᵀ: there is ``weight_hr_l{l}`` (P, H), and P takes the place of H in the state, the output
    and the width of ``weight_hh_l{l}``.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L; layer l + 1 is given the output of layer l.
        bias, batch_first, dropout, bidirectional, device, dtype: as in ``RNNBase``.
        proj_size: P, or 0 for no projection.

    Shapes: x (T, B, I), (B, T, I) or (T, I); output (…, D·H); h and c (D·L, B, H) or (D·L, H).

    Raises:
        ValueError: a size or the probability is out of range.

    Example:
        >>> output, (h, c) = nn.LSTM(3, 5, num_layers=2)(zeros(11, 7, 3))
        >>> output.shape, h.shape
        (chainrule.Size([11, 7, 5]), chainrule.Size([2, 7, 5]))
    """

    _states = 2

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
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip

    def _prepared(self, x: Tensor, name: str) -> tuple[Tensor, Step]:
        w_hh, w_hr = self._parameters[f"weight_hh{name}"], self._parameters.get(f"weight_hr{name}")

        def step(sums: Tensor, h: Tensor, c: Tensor) -> States:
            h, c = fn.lstm_step(sums + F.linear(h, w_hh), c)
            return (h if w_hr is None else F.linear(h, w_hr)), c

        return self._sums(x, name), step

    def _first(self, states: States, inputs: Tensor) -> States:
        h, c = states
        return (h.to(inputs.dtype) if self.proj_size else h), c  # a projection gives half floats

    def _given(self, hx: Any) -> States:
        if isinstance(hx, Tensor) or len(hx) != 2:
            raise ShapeError("LSTM: hx is a pair of tensors, the initial (h, c)")
        return tuple(hx)

    def _result(self, last: States) -> Any:
        return last


class GRU(RNNBase):
    """Gated recurrent units over a sequence, in layers, one or both ways.   Source: Cho et al. 2014.

    The parameters of layer l are ``weight_ih_l{l}`` (3H, size of its input), ``weight_hh_l{l}``
    (3H, H), ``bias_ih_l{l}`` and ``bias_hh_l{l}`` (3H,), with the suffix ``_reverse`` for the
    backward direction; all begin uniform on ±1/√H.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L; layer l + 1 is given the output of layer l.
        bias, batch_first, dropout, bidirectional, device, dtype: as in ``RNNBase``.

    Shapes: x (T, B, I), (B, T, I) or (T, I); output (…, D·H); h (D·L, B, H) or (D·L, H).

    Raises:
        ValueError: a size or the probability is out of range.

    Example:
        >>> output, h = nn.GRU(3, 5)(zeros(11, 7, 3))
        >>> output.shape, h.shape
        (chainrule.Size([11, 7, 5]), chainrule.Size([1, 7, 5]))
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
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            0, device, dtype,
        )  # fmt: skip

    def _prepared(self, x: Tensor, name: str) -> tuple[Tensor, Step]:
        p = self._parameters
        w_hh, b_hh = p[f"weight_hh{name}"], p.get(f"bias_hh{name}")
        inputs = F.linear(x, p[f"weight_ih{name}"], p.get(f"bias_ih{name}"))
        # the bias of the state stays with it: the reset gate multiplies both
        return inputs, lambda sums, h: (fn.gru_step(sums, F.linear(h, w_hh, b_hh), h),)
