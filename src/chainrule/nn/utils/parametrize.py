"""Parametrizations: a weight that is a function of what is trained.

``register_parametrization(layer, "weight", f)`` lets ``layer.weight`` be ``f(original)``, computed
at every reading. What is trained is ``layer.parametrizations.weight.original``. Several
parametrizations are applied one after the other. A ``right_inverse`` says what ``original`` must be
for the weight to have a given value: it is asked at the beginning, and at ``layer.weight = value``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...base.errors import ArgumentError, DTypeError, ShapeError, TraceError
from ...base.loading import shown
from ...tape.modes import modes, no_grad
from ...tensors import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter
from .computed import compute_attribute, kept_attribute, plain_class

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]  # fmt: skip

__dir__ = shown(__name__)

_caches: list[dict[tuple[int, str], Tensor]] = []
"""One dict while `cached` is active, however often it was entered; else none."""


@contextmanager
def cached() -> Iterator[None]:
    """While it is active, each parametrized tensor is computed once, at its first reading.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        >>> with nn.utils.parametrize.cached():
        ...     layer.weight is layer.weight
        True
    """
    _caches.append(_caches[0] if _caches else {})
    try:
        yield
    finally:
        _caches.pop()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensors that are trained in its place:
    ``original``, or ``original0``, ``original1``, … if the first one takes several.

    Args:
        modules: the parametrizations, one or more.
        original: the tensor as it was.
        unsafe: whether shape and dtype may change.

    Raises:
        ValueError: no parametrization, or results that are no tensors.
        ShapeError: the shape changes, and ``unsafe`` is false.
        DTypeError: the dtype changes.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = tuple(original.shape), original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                new = _inverse(module, new)
        if isinstance(new, Tensor):
            self.is_tensor, self.ntensors = True, 1
            if new.dtype is not dtype:
                raise DTypeError(
                    f"a right_inverse that returns one tensor may not change its dtype from "
                    f"{dtype.name} to {new.dtype.name}"
                )
            _set(original, new)
            _file(self, "original", original)
        elif isinstance(new, Sequence) and all([isinstance(t, Tensor) for t in new]):
            self.is_tensor, self.ntensors = False, len(new)
            for i, t in enumerate(new):
                t = t.detach().clone() if t is original else t
                if isinstance(original, Parameter):
                    t = Parameter(t, original.requires_grad)
                _file(self, f"original{i}", t)
        else:
            raise ArgumentError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        if not unsafe:
            _check("Registering a parametrization", self(), shape, dtype)

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the tensor gets this value.

        Raises:
            NotImplementedError: a parametrization has no ``right_inverse``.
            ValueError: as many tensors as there are originals are expected.
        """
        new: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise NotImplementedError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                new = module.right_inverse(new)
        originals = [self.original] if self.is_tensor else self._originals()
        values = [new] if self.is_tensor else new
        if not isinstance(values, Sequence) or len(values) != len(originals):
            raise ArgumentError(
                f"'right_inverse' must return a sequence of {len(originals)} tensors, "
                f"got {type(values).__name__}"
            )
        for old, t in zip(originals, values, strict=True):
            if not isinstance(t, Tensor) or t.dtype is not old.dtype:
                raise DTypeError(
                    f"'right_inverse' must return tensors of dtype {old.dtype.name}, got "
                    f"{t.dtype.name if isinstance(t, Tensor) else type(t).__name__}"
                )
            _set(old, t)

    def _originals(self) -> list[Tensor]:
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The tensor, computed from the originals."""
        first, *others = list(self)
        x = first(self.original) if self.is_tensor else first(*self._originals())
        for module in others:
            x = module(x)
        return x


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a parameter or buffer be what ``parametrization`` makes of it; returns the module.

    Args:
        module: whose tensor it is.
        tensor_name: the name of the tensor.
        parametrization: a module of one tensor (or of those that its ``right_inverse`` returns).
        unsafe: whether shape and dtype may change.

    Raises:
        ValueError: there is no such tensor, or the parametrization gives none.
        ShapeError: the shape changes, and ``unsafe`` is false.
        DTypeError: the dtype changes, and ``unsafe`` is false.

    Example:
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).mT
        >>> layer = nn.utils.parametrize.register_parametrization(
        ...     nn.Linear(3, 3), "weight", Symmetric()
        ... )
        >>> (layer.weight == layer.weight.mT).all()
        tensor(True)
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        parametrizations = module.parametrizations[tensor_name]
        if not unsafe:
            y = getattr(module, tensor_name)
            shape, dtype = tuple(y.shape), y.dtype
            x = _check("Registering a parametrization", parametrization(y), shape, dtype)
            with no_grad():
                _check("parametrization.right_inverse", _inverse(parametrization, x), shape, dtype)
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()

        def get(self: Any) -> Tensor:
            return _computed(self, tensor_name)

        def put(self: Any, value: Tensor) -> None:
            self.parametrizations[tensor_name].right_inverse(value)

        compute_attribute(module, tensor_name, get, put, prefix="Parametrized")
        module.parametrizations[tensor_name] = made
    else:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _computed(module: Any, name: str) -> Tensor:
    parametrizations = module.parametrizations[name]
    if not _caches:
        return parametrizations()
    if modes.trace is not None:
        raise TraceError(
            "parametrize.cached() is active: a tensor computed while a function is traced must not "
            "stay behind; leave the block before calling it"
        )
    key = (id(module), name)
    if key not in _caches[0]:
        _caches[0][key] = parametrizations()
    return _caches[0][key]


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module has parametrizations, or with None whether any has.

    Example:
        >>> nn.utils.parametrize.is_parametrized(nn.Linear(3, 2))
        False
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make an ordinary parameter or buffer of a parametrized tensor again; returns the module.

    Args:
        module: whose tensor it is.
        tensor_name: the name of the tensor.
        leave_parametrized: whether it keeps the value it has now, or gets that of the original.

    Raises:
        ValueError: the tensor has no parametrization, or several originals and
            ``leave_parametrized`` is false.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized "
            "in terms of a sequence of tensors."
        )
    kept_attribute(module, tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
    _file(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class the module had before it was parametrized."""
    return plain_class(module) if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Register the parametrizations of one module on another, and copy the originals; returns the
    second.

    Args:
        from_module: whose parametrizations they are.
        to_module: which gets them.
        tensor_name: of which tensor; of all that have some if None.
    """
    names = list(from_module.parametrizations) if is_parametrized(from_module) else []
    for name in names if tensor_name is None else [tensor_name]:
        given = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in given:
            register_parametrization(to_module, name, parametrization, unsafe=given.unsafe)
        taken = to_module.parametrizations[name]
        pairs = zip(
            [given.original] if given.is_tensor else given._originals(),
            [taken.original] if taken.is_tensor else taken._originals(),
            strict=True,
        )
        with no_grad():
            for old, new in pairs:
                _set(new, old.detach().clone())
    return to_module


def _inverse(module: Any, value: Any) -> Any:
    """What must be given to a parametrization for a value; the value itself if it does not say."""
    if not hasattr(module, "right_inverse"):
        return value
    try:
        return module.right_inverse(value)
    except NotImplementedError:
        return value


def _check(what: str, found: Any, shape: tuple, dtype: Any) -> Tensor:
    if not isinstance(found, Tensor):
        raise ArgumentError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    if found.dtype is not dtype:
        raise DTypeError(
            f"{what} may not change the dtype of the tensor, unless `unsafe` is true: "
            f"it was {dtype.name} and becomes {found.dtype.name}"
        )
    if tuple(found.shape) != shape:
        raise ShapeError(
            f"{what} may not change the shape of the tensor, unless `unsafe` is true: "
            f"it was {shape} and becomes {tuple(found.shape)}"
        )
    return found


def _set(old: Tensor, new: Tensor) -> None:
    """Give a tensor other values and keep the object, which an optimizer may hold."""
    if new is not old:
        old.data = new.detach().clone()


def _file(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)
