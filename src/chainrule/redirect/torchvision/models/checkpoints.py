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

__all__ = [
    "Weights",
    "architecture",
    "get_model",
    "get_model_weights",
    "get_weight",
    "list_models",
    "register",
]

CLASSES = 1000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the three colours in ImageNet's pictures, which the networks were given normalized."""


class File(NamedTuple):
    """A file of weights; the size to which pictures were scaled, and how, before a square was cut out of their middle; and
    the mean and deviation of the three colours that were then subtracted and divided by.
    """

    name: str
    size: int = 256
    crop: int = 224
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD


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
                transforms.Resize(
                    self.value.size, transforms.InterpolationMode(self.value.interpolation)
                ),
                transforms.CenterCrop(self.value.crop),
                transforms.ToTensor(),
                transforms.Normalize(self.value.mean, self.value.std),
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


def weights(name: str, *files: File, **others: File) -> Any:
    """The enumeration `{name}_Weights`; the last of the files is the default, others have names of their own."""
    members = {f"IMAGENET1K_V{k}": file for k, file in enumerate(files, 1)} | others
    default = files[-1] if files else next(iter(others.values()))
    return Weights(f"{name}_Weights", {**members, "DEFAULT": default})  # type: ignore[call-overload]


_known: dict[str, tuple[Callable, Any]] = {}


def architecture(
    files: Any,
    trained: Callable[[File, dict[str, Any]], dict[str, Any]] | None = None,
    finish: Callable[[Any, dict[str, Any]], None] | None = None,
    *,
    name: str | None = None,
    about: str | None = None,
) -> Callable:
    """Decorator of a function that makes a network: with `weights=`, or the older `pretrained=True`, they are loaded into it.

    Args:
        files: its enumeration of `weights`.
        trained: what the options become that were asked for, with weights from this file.
        finish: called with the network, its weights loaded, and the options that were asked for.
        name, about: the function's name and docstring, where it is one of a family and has none of its own.
    """

    def decorate(make: Callable[..., Module]) -> Callable[..., Module]:
        if name is not None:
            make.__name__ = make.__qualname__ = name
            make.__doc__ = about

        @functools.wraps(make)
        def build(
            weights: Any = None, progress: bool = True, *, pretrained: Any = None, **options: Any
        ) -> Module:
            chosen = files.verify(weights if pretrained is None else pretrained)
            if chosen is None:
                return make(**options)
            if options.setdefault("num_classes", CLASSES) != CLASSES:
                raise ArgumentError(
                    f"{make.__name__}: these weights are for {CLASSES} classes, found num_classes={options['num_classes']}\n"
                    "  hint: load them first, then replace the last layer"
                )
            net = make(**(options if trained is None else trained(chosen.value, options)))
            net.load_state_dict(chosen.get_state_dict(progress=progress))
            if finish is not None:
                finish(net, options)
            return net

        return register(build, files)

    return decorate


def register(build: Callable, files: Any) -> Callable:
    """Let a network be found by its function's name; returns the function."""
    _known[build.__name__] = build, files
    return build


def list_models(
    module: Any = None, include: Iterable[str] | str | None = None, exclude: Any = None
) -> list[str]:
    """The names of the networks there are, in alphabetical order.

    Args:
        module: only those that stand in this module; None: all.
        include, exclude: patterns of names, with `*` for anything.

    >>> list_models(include="wide*")
    ['wide_resnet101_2', 'wide_resnet50_2']
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
