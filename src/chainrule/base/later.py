"""Names of a package that are loaded when they are first asked for.

Who imports a package waits for what stands in its `__init__`. What only some of its readers need, a whole room
or the library behind one name, waits until then (PEP 562).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

__all__ = ["loaded_later"]


def loaded_later(
    package: str,
    rooms: Collection[str] = (),
    homes: Mapping[str, str] | None = None,
    missing: Callable[[str], NoReturn] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    Args:
        package: its `__name__`.
        rooms: modules directly below it.
        homes: other names, each with the module below the package that it stands in, as in ``{"compile": "compiler.compiled"}``.
        missing: raises the AttributeError for any other name. Default: Python's own words.

    Example:
        >>> import chainrule
        >>> __getattr__, __dir__ = loaded_later("chainrule", rooms=["optim"], homes={"vmap": "func"})
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

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *rooms, *homes})

    return load, names
