"""What the design promises about the shape of the code, read from the code.

The engine imports NumPy only. Derivative rules and composite bodies are written in ops, so that they run on arrays, Tensors and
Tracers alike. Bodies call only what every array backend has. The public interface changes on purpose. Everything says what it is.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ops_only
import public_interface
import pytest
from ops_only import tree

import chainrule
from chainrule.backends.protocol import FUNCTIONS
from chainrule.ops.record import TABLE

ROOT = Path(__file__).parent.parent
PACKAGE = Path(chainrule.__file__).parent
ENGINE = (
    "amp", "base", "backends", "ops", "functional", "tape", "tensors", "transforms", "graph", "autograd", "nn", "optim", "data",
    "distributions", "signal", "utils",
    "compiler", "files",
)  # fmt: skip
ABOVE = ("inspect", "models", "train", "redirect", "cli")
ALONE = ("ladder",)


def module_name(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files(*rooms: str) -> list[Path]:
    """The files of some rooms, or of the whole package."""
    folders = [PACKAGE / room for room in rooms] or [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def test_every_room_is_accounted_for():
    """Guards the tests below against a new room that none of them looks at."""
    assert {p.parent.name for p in PACKAGE.glob("*/__init__.py")} == {*ENGINE, *ABOVE, *ALONE}


# ------------------------------------------------------------------------------------------------------------- imports

IMPORT_ENGINE = """
import importlib, importlib.abc, json, sys

allowed = sys.stdlib_module_names | {"numpy", "chainrule"}
refused = []

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            frame = sys._getframe(1)
            while "importlib" in frame.f_globals.get("__name__", ""):
                frame = frame.f_back
            importer = frame.f_globals.get("__name__", "")
            if importer.startswith("chainrule"):    # what the standard library tries is its own affair
                refused.append([importer, name])
            raise ModuleNotFoundError(name)

import numpy
sys.meta_path.insert(0, Refuse())
import chainrule
plain = sorted(m for m in sys.modules if m.startswith("chainrule."))
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps({"refused": refused, "plain": plain}))
"""


@cache
def engine_imported() -> dict[str, list[str]]:
    """What a fresh interpreter was refused while importing the engine, and what `import chainrule` alone brought in."""
    names = ["chainrule", *map(module_name, files(*ENGINE))]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ENGINE, json.dumps(names)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_engine_imports_numpy_only():
    """Even a refused import that is caught counts: nothing of the engine depends on what else is installed."""
    assert engine_imported()["refused"] == []


def test_importing_chainrule_leaves_the_upper_rooms_alone():
    """Guards the import time: the trainer and its pictures load when they are used."""
    rooms = {name.split(".")[1] for name in engine_imported()["plain"]}
    assert rooms & {*ABOVE, *ALONE} == set()


def test_the_upper_rooms_are_there_when_asked_for():
    assert chainrule.inspect.summary and chainrule.train
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'cli_'"):
        chainrule.cli_  # noqa: B018


@pytest.mark.parametrize("path", files(*ENGINE), ids=module_name)
def test_no_room_imports_from_the_top(path):
    """The package's `__init__` imports the rooms, so a room that imports from it closes a circle the arrows do not show."""
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            assert all(alias.name != "chainrule" for alias in node.names), node.lineno
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            if source == "chainrule":
                rooms = {alias.name for alias in node.names}
                assert rooms <= {*ENGINE}, f"line {node.lineno}: import {rooms} from their own room"


def sources(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports, in full names, and whether that happens as soon as the file is imported."""
    name = module_name(path)
    package = (name if path.name == "__init__.py" else name.rpartition(".")[0]).split(".")
    at_once = {id(node) for node in tree(path).body}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *filter(None, [node.module])]), id(node) in at_once


@pytest.mark.parametrize("path", files(*ALONE), ids=module_name)
def test_a_rung_of_the_ladder_imports_numpy_and_math_alone(path):
    """Matplotlib too, in the functions that draw; a rung that is a folder, its own files; the last, `lm`, the other rungs."""
    rung = ".".join(module_name(path).split(".")[:3])
    if rung == "chainrule.ladder.lm":
        rung = "chainrule.ladder"
    for source, at_once in sources(path):
        fine = source in ("__future__", "collections.abc", "typing", "numpy", "math")
        drawing = source.split(".")[0] == "matplotlib" and not at_once
        assert fine or drawing or source.startswith(rung), source


@pytest.mark.parametrize("path", [p for p in files() if p not in files(*ALONE)], ids=module_name)
def test_nothing_of_the_package_imports_the_ladder(path):
    assert not [s for s, _ in sources(path) if s.startswith("chainrule.ladder")]


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports anywhere, its own left out."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def test_every_import_is_a_dependency_of_the_package_and_every_dependency_is_imported():
    """Guards against a package that is there only because something else brought it: imports in functions count too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}
    package_of = {"PIL": "pillow"}  # where the two have different names
    used = {package_of.get(name, name) for path in files() for name in imported(path)}
    used -= {"chainrule"}
    assert used - sys.stdlib_module_names == declared


# ---------------------------------------------------------------------------------------------------------- the op table


@pytest.mark.parametrize("name", TABLE)
def test_rules_and_composite_bodies_use_ops_only(name):
    found: list[str] = []
    for function, static in ops_only.written_in_ops(TABLE[name]):
        found += ops_only.faults(function, static)
    assert found == []


def rule_with_a_method(g, x):
    return g * x.sum()


def rule_with_a_function_from_elsewhere(g, x):
    return g * json.loads(x)


def rule_with_a_method_of_a_list_of_values(g, xs):
    return [g * x.exp() for k, x in enumerate(xs)]


def rule_with_a_hidden_value(g, x):
    total = x + 0
    for _ in range(3):
        total = total * g
    return total.item()


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (rule_with_a_method, ".sum"),
        (rule_with_a_function_from_elsewhere, "json.loads"),
        (rule_with_a_method_of_a_list_of_values, ".exp"),
        (rule_with_a_hidden_value, ".item"),
    ],
)
def test_the_reader_of_rules_sees_a_fault(rule, fault):
    [found] = ops_only.faults(rule)
    assert found.endswith(f": {fault}")


def rule_that_computes_with_shapes(g, x_shape, dims):
    letters, sizes = "".join(["ij"[d] for d in dims]), []
    for k, n in enumerate(x_shape):
        sizes.append(n if k in dims else 1)
    return g * sizes[0] * len(letters.upper())


def test_the_reader_of_rules_lets_arithmetic_on_shapes_pass():
    assert ops_only.faults(rule_that_computes_with_shapes, frozenset({"x_shape", "dims"})) == []


def backend_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every `xp.NAME` of a file, with its line."""
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "xp"
        ):
            yield node.attr, node.lineno


@pytest.mark.parametrize("path", files("ops", "functional"), ids=module_name)
def test_bodies_use_only_what_every_backend_has(path):
    unknown = [
        f"{line}: xp.{name}" for name, line in backend_functions(path) if name not in FUNCTIONS
    ]
    assert unknown == []


def test_every_backend_function_is_used():
    """A backend for another device has to supply them all: none may be asked for in vain."""
    used = {name for path in files() for name, _ in backend_functions(path)}
    assert sorted(FUNCTIONS - used) == []


@pytest.mark.parametrize("name", [n for n, op in TABLE.items() if op.kernel is not None])
def test_kernels_reach_arrays_through_the_backend_alone(name):
    """A body that calls NumPy by name would not run on another backend."""
    function = TABLE[name].kernel
    node = ops_only.function_node(function)
    named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    modules = {n for n in named if isinstance(function.__globals__.get(n), types.ModuleType)}
    assert not {function.__globals__[n].__name__ for n in modules} & {"numpy"}


# ---------------------------------------------------------------------------------------------------- interface and docs


def test_the_public_interface_is_the_snapshot():
    before = public_interface.SNAPSHOT.read_text(encoding="utf-8").splitlines()
    now = public_interface.lines()
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    assert not gone and not new, "if it is meant: python tests/public_interface.py"
    assert before == now


def test_the_snapshot_depends_on_no_address():
    assert not [line for line in public_interface.lines() if " at 0x" in line]


@pytest.mark.parametrize("path", files(), ids=module_name)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(tree(path))


NAMES_ONLY = {
    "autograd",
    "nn/modules",
    "signal",
    "utils",
    "utils/data",
}  # PyTorch's, for what stands elsewhere


@pytest.mark.parametrize(
    "room",
    [p.parent for p in files() if p.name == "__init__.py" and p.parent != PACKAGE],
    ids=lambda room: str(room.relative_to(PACKAGE)),
)
def test_a_room_names_its_files_in_the_order_to_read_them(room):
    """Somebody who reads a room from its first lines on leaves nothing out."""
    if str(room.relative_to(PACKAGE)) in NAMES_ONLY:
        return
    named = set(re.findall(r"`(\w+)`", ast.get_docstring(tree(room / "__init__.py"))))
    modules = {p.stem for p in room.glob("*.py")} - {"__init__"}
    assert modules | {p.parent.name for p in room.glob("*/__init__.py")} <= named


SHOWN = """
    autograd.functional distributions.kl distributions.transforms jit masked nn.utils.parametrizations nn.utils.parametrize
    nn.utils.prune optim.swa_utils random signal.windows special testing
"""


@pytest.mark.parametrize(
    "room", [*public_interface.MODULES, *[f"chainrule.{name}" for name in SHOWN.split()]]
)
def test_a_room_shows_its_public_names_and_neither_its_files_nor_its_imports(room):
    """Who looks for a layer finds `Linear`, and not `linear`, the file that it stands in, nor `Any`."""
    module = importlib.import_module(room)
    named = {*module.__all__, *[n for n in dir(module) if n.startswith("_")]}
    below = [getattr(module, n) for n in dir(module) if n not in named]
    assert all(isinstance(m, types.ModuleType) and hasattr(m, "__path__") for m in below)
    assert named <= set(dir(module))


def undocumented(module: types.ModuleType) -> Iterator[str]:
    """Public functions and classes of a module without a docstring, and methods that inherit none either."""
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        if name.startswith("_") or home != module.__name__ or not hasattr(value, "__name__"):
            continue
        if not value.__doc__:
            yield name
        if inspect.isclass(value):
            for part, method in vars(value).items():
                is_code = isinstance(
                    method, (types.FunctionType, classmethod, staticmethod, property)
                )
                if (
                    is_code
                    and not part.startswith("_")
                    and not inspect.getdoc(getattr(value, part))
                ):
                    yield f"{name}.{part}"


@pytest.mark.parametrize("path", files(*ENGINE, *ALONE), ids=module_name)
def test_everything_public_of_the_engine_has_a_docstring(path):
    assert list(undocumented(importlib.import_module(module_name(path)))) == []
