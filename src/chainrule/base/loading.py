"""How packages are loaded, so that who imports one does not wait long.

Names that are loaded when they are first asked for (PEP 562): what only some readers of a package need, a whole room
or the library behind one name. What a package shows of itself. And imports without the collector of garbage, of which
they make none.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NoReturn

__all__ = ["loaded_later", "shown", "without_collector"]


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """A block in which Python does not look for garbage: for imports, which make thousands of objects that stay, so that
    it would look through all of them several times. They count as old behind it, or the next look would be at all of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():  # else what somebody has frozen would be thawed
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()


def loaded_later(
    package: str,
    rooms: Collection[str] = (),
    homes: Mapping[str, str] | None = None,
    missing: Callable[[str], NoReturn] | None = None,
) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    Args:
        package: its `__name__`.
        rooms: modules directly below it.
        homes: other names, each with the module below the package that it stands in, as in ``{"compile": "compiler.compiled"}``.
        missing: raises the AttributeError for any other name. Default: Python's own words.

    Example:
        >>> import chainrule
        >>> __getattr__ = loaded_later("chainrule", rooms=["optim"], homes={"vmap": "func"})
        >>> __getattr__("optim"), __getattr__("vmap").__name__
        (<module 'chainrule.optim' from ...>, 'vmap')
    """
    homes = homes or {}

    def load(name: str) -> Any:
        if name in rooms:
            return importlib.import_module(f".{name}", package)  # and is from now on an attribute
        if name in homes:
            found = getattr(importlib.import_module(f".{homes[name]}", package), name)
            setattr(sys.modules[package], name, found)
            return found
        if missing is not None:
            missing(name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load


def shown(package: str, rooms: Iterable[str] = ()) -> Callable[[], list[str]]:
    """The `__dir__` of a package: its `__all__`, these rooms below it, and Python's own names.

    The files of a package become its attributes when they are imported, and so does what it imports for itself. Who
    presses Tab behind `nn.` shall see `Linear`, not `linear` beside it.

    Example:
        >>> from chainrule import nn
        >>> hasattr(nn, "linear"), "linear" in dir(nn), "Linear" in dir(nn)
        (True, False, True)
    """

    def names() -> list[str]:
        found = vars(sys.modules[package])
        return sorted({*found["__all__"], *rooms, *[n for n in found if n.startswith("_")]})

    return names
