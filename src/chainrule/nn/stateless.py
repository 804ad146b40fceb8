"""A module called with other parameters than its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.errors import ShapeError, StateDictError
from ..tensors import Tensor, stack
from .module import Module
from .normalization import _BatchNorm

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What a module gives with these tensors in the places of its parameters and buffers, which it has back
    afterwards, whatever happens.

    Args:
        module: what to call.
        parameter_and_buffer_dicts: tensors by the names of `named_parameters` and `named_buffers`, or several such
            dicts. Those not named stay.
        args: the arguments, a tuple, or the only one.
        kwargs: the named arguments.
        tie_weights: whether a tensor that the module has under several names is replaced under all.
        strict: whether every parameter and buffer must be named.

    Raises:
        StateDictError: names that the module does not have, or, if strict, that are missing.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> functional_call(layer, {"weight": ones(1, 2), "bias": zeros(1)}, ones(2))
        tensor([2.])
    """
    given = parameter_and_buffer_dicts
    values: dict[str, Tensor] = {}
    for part in [given] if isinstance(given, Mapping) else given:
        twice = sorted(set(part) & set(values))
        if twice:
            raise StateDictError(f"functional_call: {twice} are given twice")
        values.update(part)
    places: dict[str, tuple[dict, str]] = {}
    for prefix, inner in module.named_modules(remove_duplicate=False):
        for filed in (inner._parameters, inner._buffers):
            for name, x in filed.items():
                if x is not None:
                    places[f"{prefix}.{name}" if prefix else name] = (filed, name)
    unknown = sorted(set(values) - set(places))
    # a tensor of several names is there if one of them is
    named = {id(places[n][0][places[n][1]]) for n in values if n in places}
    lacking = (
        [n for n, (filed, key) in places.items() if id(filed[key]) not in named] if strict else []
    )
    if unknown or lacking:
        raise StateDictError(
            f"functional_call of a {type(module).__name__}: unexpected {unknown or 'nothing'}, missing {lacking or 'nothing'}"
        )
    wanted = {id(places[n][0][places[n][1]]): x for n, x in values.items()}
    before = []
    try:
        for name, (filed, key) in places.items():
            x = filed[key]
            if name in values or (tie_weights and id(x) in wanted):
                before.append((filed, key, x))
        for (filed, key, x), name in zip(before, _names(before, places), strict=True):
            filed[key] = values[name] if name in values else wanted[id(x)]
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))
    finally:
        for filed, key, x in before:
            filed[key] = x


def _names(kept: list[tuple[dict, str, Tensor]], places: dict[str, tuple[dict, str]]) -> list[str]:
    """The names of the places that are replaced, in their order."""
    at = {(id(filed), key): name for name, (filed, key) in places.items()}
    return [at[id(filed), key] for filed, key, _ in kept]


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of several models of one kind, each stacked along a new first axis, for `vmap` over the
    models.

    Example:
        >>> parameters, buffers = stack_module_state([nn.Linear(2, 3), nn.Linear(2, 3)])
        >>> parameters["weight"].shape, buffers
        (chainrule.Size([2, 3, 2]), {})
    """
    if not models:
        raise ShapeError("stack_module_state needs at least one model")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise ShapeError("stack_module_state: the models must be of one class and in one mode")
    parameters = {
        name: stack([dict(m.named_parameters())[name].detach() for m in models]).requires_grad_(
            p.requires_grad
        )
        for name, p in models[0].named_parameters()
    }
    buffers = {
        name: stack([dict(m.named_buffers())[name] for m in models])
        for name, _ in models[0].named_buffers()
    }
    return parameters, buffers


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let every batch norm of a model use the statistics of its batch alone: its buffers are None from here on, so that
    `vmap` over samples finds nothing that one writes and another reads. Returns the model.

    Example:
        >>> net = replace_all_batch_norm_modules_(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
        >>> list(net.state_dict())
        ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
