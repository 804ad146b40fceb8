"""The public interface as text: one line `name: signature` for everything a user may call.

    python tests/public_interface.py        writes tests/public_interface.txt

A change of the interface shows as a change of that file, and is made on purpose or not at all (tests/test_architecture.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule.base.left_out import Absent

SNAPSHOT = Path(__file__).with_suffix(".txt")
ADDRESS = re.compile(r"<((?:built-in )?function \w+) at 0x[0-9a-f]+>")

# What people import from, as in PyTorch. Rooms that are not listed are reached through these.
MODULES = (
    "chainrule",
    "chainrule.amp",
    "chainrule.autograd",
    "chainrule.cli",
    "chainrule.data",
    "chainrule.data.tokenizers",
    "chainrule.data.transforms",
    "chainrule.distributions",
    "chainrule.distributions.constraints",
    "chainrule.files",
    "chainrule.func",
    "chainrule.graph",
    "chainrule.inspect",
    "chainrule.linalg",
    "chainrule.models",
    "chainrule.nn",
    "chainrule.nn.functional",
    "chainrule.nn.init",
    "chainrule.nn.utils",
    "chainrule.nn.utils.rnn",
    "chainrule.optim",
    "chainrule.optim.lr_scheduler",
    "chainrule.train",
    "chainrule.transforms",
    "chainrule.utils.data",
)


def exists(module: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent cannot
        return False


def lines() -> list[str]:
    """Every public name with its signature, module by module, in alphabetical order."""
    return [line for name in MODULES if exists(name) for line in module_lines(name)]


def module_lines(name: str) -> Iterator[str]:
    """The public names of one module; of a class its public methods and properties too."""
    module = importlib.import_module(name)
    for public in sorted(module.__all__):
        value = getattr(module, public)
        yield described(f"{name}.{public}", value)
        if inspect.isclass(value):
            yield from class_lines(f"{name}.{public}", value)


PUBLIC = {
    public for name in MODULES if exists(name) for public in importlib.import_module(name).__all__
}


def class_lines(name: str, cls: type) -> Iterator[str]:
    """The public attributes of a class: of its own body, and of bases that neither are public nor belong to one that is."""
    attributes: dict[str, Any] = {}
    public = [base for base in cls.__mro__[1:] if base.__name__ in PUBLIC]
    for base in reversed(cls.__mro__):
        ours = base.__module__.startswith("chainrule") and base.__name__ not in PUBLIC
        hidden = ours and not any([issubclass(other, base) for other in public])
        if base is cls or hidden:
            attributes |= vars(base)
    for attribute, value in sorted(attributes.items()):
        if attribute.startswith("_") or isinstance(value, (int, float, str, type(None), Absent)):
            continue
        if isinstance(value, property):
            yield f"{name}.{attribute}: property"
        else:
            yield described(f"{name}.{attribute}", getattr(value, "__func__", value))


def described(name: str, value: Any) -> str:
    """`name: signature`, or `name: kind` of what cannot be called."""
    if inspect.ismodule(value):
        return f"{name}: module"
    if callable(value):
        try:
            signature = ADDRESS.sub(r"<\1>", str(inspect.signature(value)))
        except ValueError:  # a builtin class without a signature
            return f"{name}: {type(value).__name__}"
        code = getattr(value, "__code__", None)
        kept = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount] if code else ()
        beside = ", and out" if "out" in kept else ""
        return f"{name}: {signature}{beside}"
    return f"{name}: {type(value).__name__}"


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    print(f"wrote {SNAPSHOT.name}")
