"""Layers that learn the size of their input from the first one they see, as PyTorch's `nn.LazyLinear`.

Until then the parameters are there, so that an optimizer may be given them, but have no shape: whatever asks for it, or for their
values, is refused. With the first input the layer becomes the plain one, in class too, and draws its weights.

>>> net = nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(2))
>>> net(zeros(7, 3)).shape
chainrule.Size([7, 2])
>>> net[0]
Linear(in_features=3, out_features=5, bias=True)
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

from ..base.errors import ShapeError
from ..ops.record import READERS
from ..tensors import empty
from . import init
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .parameter import Parameter

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d",
    "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
    "UninitializedParameter",
]  # fmt: skip


def _refuse(*args: Any) -> NoReturn:
    raise ShapeError(
        "a parameter of a lazy layer has no shape and no values before the first input\n"
        "  hint: call the model once on a batch"
    )


class UninitializedParameter(Parameter):
    """A parameter of a lazy layer that has seen no input: it has no shape and no values, and says so."""

    shape = property(_refuse, doc="Refused: it is not known yet.")  # type: ignore[assignment]

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        return super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __repr__(self) -> str:
        return "UninitializedParameter()"

    def __deepcopy__(self, memo: dict) -> UninitializedParameter:
        new = memo[id(self)] = UninitializedParameter(self.requires_grad, dtype=self.dtype)
        return new


READERS[UninitializedParameter] = _refuse
# operators reach the arrays by a shorter way than ops, which does not ask READERS
OPERATORS = "add sub mul truediv floordiv mod pow matmul lt le gt ge and or xor".split()
for _operator in [f"__{side}{name}__" for name in OPERATORS for side in ("", "r", "i")]:
    if hasattr(UninitializedParameter, _operator):
        setattr(UninitializedParameter, _operator, _refuse)


class _Lazy(Module):
    """A layer without its first size; `plain` is the class that it becomes, `axis` where the input has that size."""

    plain: type
    axis: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with init.skipped():
            self.plain.__init__(self, 0, *args, **kwargs)
        self._lazy = args, kwargs
        for name, p in list(self._parameters.items()):
            if p is not None:
                self._parameters[name] = UninitializedParameter(p.requires_grad, dtype=p.dtype)
        for name, b in list(self._buffers.items()):
            if b is not None and b.ndim:  # running statistics: one for each channel
                self._buffers[name] = None

    def has_uninitialized_params(self) -> bool:
        """True: a layer that has seen an input is no lazy one any more."""
        return True

    def initialize_parameters(self, input: Any) -> None:
        """Become the plain layer for inputs like this one."""
        args, kwargs = self.__dict__.pop("_lazy")
        given = inspect.signature(self.plain).bind(input.shape[self.axis], *args, **kwargs)
        waiting_in = [p.dtype for p in self._parameters.values() if p is not None]
        if waiting_in:  # what `to` has made of them, in which the weights are drawn
            given.arguments["dtype"] = waiting_in[0]
        made = self.plain(*given.args, **given.kwargs)
        for name, p in made._parameters.items():
            if p is not None:
                waiting = self._parameters[name]
                waiting.__class__ = Parameter
                wanted = waiting.requires_grad
                waiting.data = p.detach()
                waiting.requires_grad_(wanted)
        self._buffers.update(made._buffers)
        for name, value in vars(made).items():
            if not name.startswith("_") and name != "training":
                setattr(self, name, value)
        self.__class__ = self.plain

    def __call__(self, input: Any, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(input)
        return self(input, *args, **kwargs)


def _lazy(plain: type, axis: int, what: str) -> type:
    """The lazy class of a layer."""
    name = f"Lazy{plain.__name__}"
    words = f"`{plain.__name__}` without {what}, which is taken from axis {axis} of the first input. The other arguments are the same."
    return type(
        name,
        (_Lazy, plain),
        {"plain": plain, "axis": axis, "__doc__": words, "__module__": __name__},
    )


LazyLinear = _lazy(Linear, -1, "in_features")
LazyConv1d, LazyConvTranspose1d = [_lazy(c, -2, "in_channels") for c in (Conv1d, ConvTranspose1d)]
LazyConv2d, LazyConvTranspose2d = [_lazy(c, -3, "in_channels") for c in (Conv2d, ConvTranspose2d)]
LazyConv3d, LazyConvTranspose3d = [_lazy(c, -4, "in_channels") for c in (Conv3d, ConvTranspose3d)]
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = [
    _lazy(c, 1, "num_features") for c in (BatchNorm1d, BatchNorm2d, BatchNorm3d)
]


class _LazyInstanceNorm(_Lazy):
    """Instance norms that are lazy have weights and statistics unless it is said otherwise, as in PyTorch."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """`InstanceNorm1d` without num_features, which is taken from axis 1 of the first input."""

    plain, axis = InstanceNorm1d, 1


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """`InstanceNorm2d` without num_features, which is taken from axis 1 of the first input."""

    plain, axis = InstanceNorm2d, 1


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """`InstanceNorm3d` without num_features, which is taken from axis 1 of the first input."""

    plain, axis = InstanceNorm3d, 1
