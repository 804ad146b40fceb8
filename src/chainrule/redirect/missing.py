"""What a script written for PyTorch asks for in vain, found by reading it.

The script's syntax tree says which names it imports from `torch` and which attributes it takes of them; each is
looked up among chainrule's. Modules beside the script that it imports are read too. Nothing is run.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base.errors import FormatError
from ..base.left_out import why
from ..tensors import Tensor
from .names import STANDS_FOR, is_theirs, resolve
from .surroundings.absent import can_be_imported, can_be_named

__all__ = ["Missing", "missing"]

TENSOR_NAMES = frozenset(
    (Path(__file__).parent / "tensor_names.txt").read_text(encoding="utf-8").split()
)
"""The public names of PyTorch's Tensor, in version 2.13."""

OTHER_TYPES = (dict, list, str, slice, np.ndarray, Path)
OTHERS = frozenset([name for t in OTHER_TYPES for name in dir(t)]) | {"indices", "names"}
"""Names that so many other things have that they say nothing about tensors."""


class Missing(NamedTuple):
    """Something a script needs that is not there: where it asks, for what, what to use instead, if anything, and whether it
    surely comes there: not if it stands in a function, or behind a condition, or can be imported but not called.
    """

    path: Path
    line: int
    name: str
    instead: str
    sure: bool = True

    def __str__(self) -> str:
        hint = f"   (instead: {self.instead})" if self.instead else ""
        return f"{self.path}:{self.line}: {self.name}{hint}"


def missing(script: str | Path) -> list[Missing]:
    """What a script, and the modules beside it that it imports, ask for in vain; in order of files and lines.

    An import inside of `try … except ImportError` is the script's own affair. A method is known by its name alone:
    it is reported if PyTorch's tensors have it, chainrule's have not, and the script defines nothing of that name.

    Args:
        script: the path of a Python file.

    Raises:
        FormatError: the file is no Python.
        OSError: it cannot be read.
    """
    script = Path(script)
    seen: dict[Path, None] = {}
    waiting, found = [script], []
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen[path] = None
        reader = _Reader(path, script.parent)
        found += sorted(set(reader.missing()), key=lambda m: (m.line, m.name))
        waiting += reader.beside
    return found


class _Reader:
    """One file: what its names are bound to by imports, and what it takes of them."""

    def __init__(self, path: Path, folder: Path):
        self.path, self.folder = path, folder
        try:
            self.tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            said = (
                str(getattr(error, "msg", error)) or "too deeply nested"
            )  # the last two say nothing
            raise FormatError(f"{path}, line {line}: not Python: {said}") from None
        self.beside: list[Path] = []
        self.bound: dict[str, str] = {}  # a name → the dotted name in torch that it was imported as
        self.guarded = {id(node) for node in self._guarded()}
        self.open = set(_surely(self.tree.body))
        self.rebound = {
            node.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        } | {node.arg for node in ast.walk(self.tree) if isinstance(node, ast.arg)}
        self.defined = self.rebound | {
            node.name
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        }

    def _guarded(self) -> Iterator[ast.AST]:
        """Everything in the body of a `try` that expects imports to fail."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
                for statement in node.body:
                    yield from ast.walk(statement)

    def missing(self) -> Iterator[Missing]:
        """What the file asks for in vain."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._import(node, alias.name)
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bind(alias.asname or whole, whole)
            elif isinstance(node, ast.ImportFrom):
                yield from self._import_from(node)
        inner: set[int] = set()
        for node in ast.walk(self.tree):  # an attribute comes before what it is taken of
            if isinstance(node, ast.Attribute) and id(node) not in inner:
                yield from self._attribute(node, inner)

    def _bind(self, name: str, target: str) -> None:
        if is_theirs(target) and name not in self.rebound:
            self.bound[name] = target

    def _import(self, node: ast.stmt, module: str) -> Iterator[Missing]:
        """A module that is imported as a whole."""
        first = module.partition(".")[0]
        if id(node) in self.guarded:
            return
        if is_theirs(first):
            if module != "torch" and resolve(module) is None:
                yield self._report(node, module)
            return
        beside = self.folder.joinpath(*module.split("."))
        local = [p for p in (beside.with_suffix(".py"), beside / "__init__.py") if p.is_file()]
        if local:
            self.beside.append(local[0])
        elif importlib.util.find_spec(first) is None:
            words = f"module {first}, which is not installed"
            yield Missing(self.path, node.lineno, words, "", id(node) in self.open)

    def _import_from(self, node: ast.ImportFrom) -> Iterator[Missing]:
        module = node.module or ""
        if node.level:
            folder = self.path.parents[node.level - 1]
            for name in [module] if module else [alias.name for alias in node.names]:
                path = folder.joinpath(*name.split(".")).with_suffix(".py")
                self.beside += [path] if path.is_file() else []
        elif not is_theirs(module):
            yield from self._import(node, module)
        elif module != "torch" and module not in STANDS_FOR and resolve(module) is None:
            if id(node) not in self.guarded:
                yield self._report(node, module)
        else:
            for alias in node.names:
                name = f"{module}.{alias.name}"
                self._bind(alias.asname or alias.name, name)
                if alias.name != "*" and resolve(name) is None and id(node) not in self.guarded:
                    yield self._report(node, name)

    def _attribute(self, node: ast.Attribute, inner: set[int]) -> Iterator[Missing]:
        """A chain `a.b.c`: of something imported from torch, or a method of anything else."""
        names, at = [node.attr], node.value
        while isinstance(at, ast.Attribute):
            inner.add(id(at))
            names.append(at.attr)
            at = at.value
        if isinstance(at, ast.Name) and at.id in self.bound:
            whole = ".".join([self.bound[at.id], *reversed(names)])
            if resolve(whole) is None and resolve(self.bound[at.id]) is not None:
                parts = whole.split(".")
                ends = range(2, len(parts) + 1)
                short = next(k for k in ends if resolve(".".join(parts[:k])) is None)
                yield self._report(node, ".".join(parts[:short]))
            return
        for name in names:
            lacking = name in TENSOR_NAMES - OTHERS and not hasattr(Tensor, name)
            if lacking and name not in self.defined:
                yield self._report(node, f"torch.Tensor.{name}")

    def _report(self, node: ast.AST, name: str) -> Missing:
        reason = why(name.removeprefix("torch."))
        passes = can_be_imported if isinstance(node, ast.ImportFrom) else can_be_named
        sure = id(node) in self.open and not passes(name)
        if reason is not None:
            return Missing(self.path, getattr(node, "lineno", 1), name, reason.instead, sure)
        parent, _, last = name.rpartition(".")
        there = Tensor if parent == "torch.Tensor" else resolve(parent)
        near = get_close_matches(last, [n for n in dir(there) if not n.startswith("_")], 1, 0.75)
        nearest = f"{parent}.{near[0]}" if near else ""
        return Missing(self.path, getattr(node, "lineno", 1), name, nearest, sure)


def _surely(statements: list[ast.stmt]) -> Iterator[int]:
    """Every node, by its id, that is evaluated when these statements are run: not what stands in functions, which may never be
    called, nor behind conditions, but for that of being the main program.
    """
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            parts: list[ast.AST] = [*statement.bases, *statement.decorator_list]
            yield from _surely(statement.body)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            parts = [*statement.decorator_list, *given]
        elif isinstance(statement, ast.If):
            parts = [statement.test]
            names = {n.id for n in ast.walk(statement.test) if isinstance(n, ast.Name)}
            yield from _surely(statement.body if "__name__" in names else [])
        elif isinstance(statement, ast.With):
            parts = list(statement.items)
            yield from _surely(statement.body)
        elif isinstance(statement, ast.For | ast.While | ast.Try):
            parts = []
        else:
            parts = [statement]
        for part in parts:
            yield from _evaluated(part)


def _evaluated(node: ast.AST) -> Iterator[int]:
    """The nodes of an expression that are evaluated with it: not the bodies of its lambdas."""
    yield id(node)
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _evaluated(child)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    names = {n.id for n in ast.walk(handler.type or handler) if isinstance(n, ast.Name)}
    return handler.type is None or bool(names & {"ImportError", "ModuleNotFoundError", "Exception"})
