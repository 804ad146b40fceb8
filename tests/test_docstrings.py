"""Every example in a docstring runs and prints what it says.

An example may use the names of its own module, everything public in `chainrule`, and `cr`, `np`, `nn`, `F`, `optim`, `models`
without importing them (on the ladder: of its own module, and `np`); the random generator is seeded with 0 before each.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

import chainrule
from chainrule.ops.record import Op

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> Iterator[ModuleType]:
    """Every module of the package, itself first."""
    yield chainrule
    for found in pkgutil.walk_packages(chainrule.__path__, "chainrule."):
        # importing them runs the command line, and redirects `import torch`
        if not found.name.endswith(("__main__", "torch_imports")):
            yield importlib.import_module(found.name)


def namespace(module: ModuleType) -> dict[str, object]:
    """What an example of this module may use."""
    if module.__name__.startswith("chainrule.ladder."):  # which knows nothing of the package
        return {"np": np, **vars(module)}
    public = {name: getattr(chainrule, name) for name in chainrule.__all__}
    short = {
        "cr": chainrule,
        "chainrule": chainrule,
        "np": np,
        "nn": chainrule.nn,
        "F": chainrule.nn.functional,
        "optim": chainrule.optim,
        "models": importlib.import_module("chainrule.models"),
    }
    return public | short | vars(module)


def examples() -> Iterator[doctest.DocTest]:
    """The examples of modules, classes, functions, methods and ops, one test for each docstring."""
    finder, parser = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestParser()
    for module in modules():
        names = namespace(module)
        tests = finder.find(module, module.__name__, globs=names)
        for name, value in vars(module).items():
            if isinstance(value, Op) and value.__module__ == module.__name__:
                full = f"{module.__name__}.{name}"
                tests.append(parser.get_doctest(value.__doc__ or "", dict(names), full, None, 0))
        yield from (t for t in tests if t.examples)


@pytest.mark.parametrize("test", list(examples()), ids=lambda t: t.name)
def test_example(test):
    chainrule.manual_seed(0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert not report, "".join(report)
