"""What a network computes on its way: the results of modules within it, by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ....base.errors import ArgumentError
from ....nn import Module, ModuleDict
from ....tensors import Tensor
from .mobilenetv2 import divisible

__all__ = ["IntermediateLayerGetter", "create_feature_extractor"]

_make_divisible = divisible  # programs import it from here


class IntermediateLayerGetter(ModuleDict):
    """The children of a network one after the other, as far as results are asked for; what the network's `forward` does besides,
    is not done.

    Args:
        model: the network, whose children are called in order.
        return_layers: which children's results to return → under which names.

    Raises:
        ArgumentError: the network has no such child.
    """

    def __init__(self, model: Module, return_layers: Mapping[Any, Any]) -> None:
        wanted = {str(k): str(v) for k, v in return_layers.items()}
        children = dict(model.named_children())
        for name in wanted:
            if name not in children:
                raise ArgumentError(
                    f"return_layers: there is no child {name!r}; there are {', '.join(children)}"
                )
        names = list(children)
        end = max([names.index(name) for name in wanted], default=-1) + 1
        super().__init__(OrderedDict((name, children[name]) for name in names[:end]))
        self.return_layers = wanted

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """The results under their names, in the children's order."""
        found: OrderedDict[str, Tensor] = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found


class _FeatureExtractor(Module):
    """A network that returns what modules within it have computed."""

    def __init__(self, model: Module, names: Mapping[str, str]) -> None:
        super().__init__()
        self.model, self._names = model, dict(names)

    def forward(self, *args: Any, **kwargs: Any) -> OrderedDict[str, Any]:
        """The results under their names; of a module that is called more than once, the first."""
        modules = dict(self.model.named_modules())
        found: dict[str, Any] = {}

        def keeps(key: str) -> Any:
            def keep(module: Module, given: Any, result: Any) -> None:
                found.setdefault(key, result)

            return keep

        handles = [
            modules[name].register_forward_hook(keeps(key)) for name, key in self._names.items()
        ]
        try:
            self.model(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        return OrderedDict((key, found[key]) for key in self._names.values() if key in found)


def create_feature_extractor(
    model: Module,
    return_nodes: Sequence[str] | Mapping[str, str] | None = None,
    train_return_nodes: Any = None,
    eval_return_nodes: Any = None,
    tracer_kwargs: Any = None,
    suppress_diff_warning: bool = False,
    concrete_args: Any = None,
) -> Module:
    """A copy of a network that returns what modules within it compute, under names. The whole network runs.

    Differs from torchvision: results are those of modules; operations between modules, such as "add" or "flatten", have no names
    here, and all the network's weights are kept, under `model.`.

    Args:
        model: the network; left as it is.
        return_nodes: the modules' dotted names, or a mapping of them to the names of the results; the beginning of a dotted name is
            a module, too.
        train_return_nodes, eval_return_nodes: not here; one set of names serves both modes.
        tracer_kwargs, suppress_diff_warning, concrete_args: steer how torchvision traces; without effect.

    Raises:
        ArgumentError: there is no such module, or names for each mode are given.

    Example:
        >>> net = create_feature_extractor(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), {"0": "wide"})
        >>> net(cr.zeros(2, 3))["wide"].shape
        chainrule.Size([2, 5])
    """
    if train_return_nodes is not None or eval_return_nodes is not None or return_nodes is None:
        raise ArgumentError(
            "create_feature_extractor takes return_nodes, one set of names for training and evaluation"
        )
    names = (
        {str(k): str(v) for k, v in return_nodes.items()}
        if isinstance(return_nodes, Mapping)
        else {str(name): str(name) for name in return_nodes}
    )
    modules = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in modules:
            raise ArgumentError(
                f"create_feature_extractor: there is no module {name!r}; results are those of modules, "
                f"such as {', '.join(modules[:5])}"
            )
    return _FeatureExtractor(deepcopy(model), names)
