"""Weights by name: `resnet18(weights="DEFAULT")` reads the file that torchvision keeps under this name, if it is there.

Nothing is downloaded (see `surroundings.hub`). The files are trained on ImageNet, whose 1000 classes the last layer has.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ....base.errors import ArgumentError
from ....nn import Module
from ...surroundings.hub import load_state_dict_from_url
from .. import transforms

__all__ = ["Weights", "architecture", "get_model", "get_model_weights", "get_weight", "list_models"]

CLASSES = 1000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the three colours in ImageNet's pictures, which the networks were given normalized."""


class File(NamedTuple):
    """A file of weights, and the size to which pictures were scaled before a square of 224 was cut out of their middle."""

    name: str
    size: int = 256


class Weights(enum.Enum):
    """The files of weights of one architecture; each architecture has an enumeration of its own."""

    def get_state_dict(self, *args: Any, progress: bool = True, check_hash: bool = False) -> Any:
        """What the file holds. `progress` and `check_hash` have no effect, since nothing is downloaded.

        Raises:
            DataNotFoundError: it is not in the folder of checkpoints.
        """
        return load_state_dict_from_url(self.value.name)

    def transforms(self) -> transforms.Compose:
        """What makes of a picture what the network was trained on."""
        return transforms.Compose(
            [
                transforms.Resize(self.value.size),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    @classmethod
    def verify(cls, chosen: Any) -> Any:
        """The member that is meant: itself, by its name, the first for True; None for nothing.

        Raises:
            ArgumentError: there is none.
        """
        if chosen is None or chosen is False:
            return None
        if isinstance(chosen, cls):
            return chosen
        if chosen is True:
            return next(iter(cls))
        name = str(chosen).rpartition(".")[2] if isinstance(chosen, str) else ""
        if name not in cls.__members__:
            raise ArgumentError(
                f"{cls.__name__} has {', '.join(cls.__members__)}, found {chosen!r}"
            )
        return cls[name]


def weights(name: str, *files: File) -> Any:
    """The enumeration `{name}_Weights`; the last file is the default."""
    members = {f"IMAGENET1K_V{k}": file for k, file in enumerate(files, 1)}
    return Weights(f"{name}_Weights", {**members, "DEFAULT": files[-1]})  # type: ignore[call-overload]


_known: dict[str, tuple[Callable, Any]] = {}


def architecture(files: Any) -> Callable:
    """Decorator of a function that makes a network: with `weights=`, or the older `pretrained=True`, they are loaded into it."""

    def decorate(make: Callable[..., Module]) -> Callable[..., Module]:
        @functools.wraps(make)
        def build(
            weights: Any = None, progress: bool = True, *, pretrained: Any = None, **options: Any
        ) -> Module:
            chosen = files.verify(weights if pretrained is None else pretrained)
            if chosen is not None and options.setdefault("num_classes", CLASSES) != CLASSES:
                raise ArgumentError(
                    f"{make.__name__}: these weights are for {CLASSES} classes, found num_classes={options['num_classes']}\n"
                    "  hint: load them first, then replace the last layer"
                )
            net = make(**options)
            if chosen is not None:
                net.load_state_dict(chosen.get_state_dict(progress=progress))
            return net

        _known[make.__name__] = build, files
        return build

    return decorate


def list_models(
    module: Any = None, include: Iterable[str] | str | None = None, exclude: Any = None
) -> list[str]:
    """The names of the networks there are, in alphabetical order.

    Args:
        module: of these alone that stand in this module.
        include, exclude: patterns of names, with `*` for anything.

    >>> list_models(include="*net5*")
    ['resnet50', 'wide_resnet50_2']
    """
    from fnmatch import fnmatch

    def matches(name: str, patterns: Any) -> bool:
        return any(
            [fnmatch(name, p) for p in ([patterns] if isinstance(patterns, str) else patterns)]
        )

    names = sorted(_known)
    if module is not None:
        names = [name for name in names if hasattr(module, name)]
    if include is not None:
        names = [name for name in names if matches(name, include)]
    return [name for name in names if exclude is None or not matches(name, exclude)]


def _find(name: str) -> tuple[Callable, Any]:
    if name.lower() not in _known:
        raise ArgumentError(f"there is no network {name!r}; there are {', '.join(list_models())}")
    return _known[name.lower()]


def get_model(name: str, **config: Any) -> Module:
    """The network of this name, made with these arguments.

    >>> type(get_model("alexnet", num_classes=3)).__name__
    'AlexNet'
    """
    return _find(name)[0](**config)


def get_model_weights(name: Callable | str) -> Any:
    """The enumeration of a network's files of weights.

    >>> [w.name for w in get_model_weights("resnet50")]
    ['IMAGENET1K_V1', 'IMAGENET1K_V2']
    """
    return _find(name if isinstance(name, str) else name.__name__)[1]


def get_weight(name: str) -> Any:
    """The file of weights of this name.

    >>> get_weight("ResNet50_Weights.DEFAULT").name
    'IMAGENET1K_V2'
    """
    kind = name.partition(".")[0]
    found = [files for _, files in _known.values() if files.__name__ == kind]
    if not found:
        raise ArgumentError(f"there are no weights {name!r}")
    return found[0].verify(name)
