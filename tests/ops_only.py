"""Reads a derivative rule or a composite body and says what it uses beside ops, operators and `.shape .ndim .dtype .mT`.

A rule runs on raw arrays, on Tensors and on Tracers, so a method or a NumPy function in it would work for one of them and fail, or
silently leave the tape, for another. What may be done freely is ordinary Python on what is known without looking into a tensor:
attributes, shapes, and what is computed from them ("static" below). A helper is read in turn, with the knowledge of which
of its arguments are static.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import types
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from chainrule.base.dtypes import DType
from chainrule.ops.promotion import spec_of
from chainrule.ops.record import Op

OF_A_VALUE = {"shape", "ndim", "dtype", "mT"}
STATIC_OF_A_VALUE = {"shape", "ndim", "dtype"}
BUILTINS = {
    "abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "map", "max", "min", "range",
    "reversed", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip
CONSTANTS = (bool, int, float, str, tuple, frozenset, type(None), DType, types.EllipsisType)
WRITTEN_IN_OPS = ("chainrule.ops", "chainrule.functional")


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def function_node(function: Callable) -> ast.Lambda | ast.FunctionDef:
    """The syntax of a function, found by where its code stands (one line may hold several lambdas)."""
    code = function.__code__
    places = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
    begin = min((p[0], p[2]) for p in places if p[2] or p[3])
    end = max((p[1], p[3]) for p in places if p[2] or p[3])
    found = []
    for node in ast.walk(tree(Path(code.co_filename))):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            body = node.body
            if (body.lineno, body.col_offset) <= begin and end <= (
                body.end_lineno,
                body.end_col_offset,
            ):
                found.append(node)
    assert found, f"the source of {function} was not found"
    return max(found, key=lambda n: (n.lineno, n.col_offset))  # the innermost


def written_in_ops(op: Op) -> Iterator[tuple[Callable, frozenset[str]]]:
    """The functions of an op that run on arrays, Tensors and Tracers alike, each with its static parameters."""
    rules = [*op.rules.values(), *filter(None, [op.joint])]
    for rule in rules:
        parameters = inspect.signature(rule.function).parameters
        known = {p for p in parameters if p in op.defaults or p.endswith("_shape") or p == "needs"}
        yield rule.function, frozenset(known)
    if op.composite:
        yield op.body, frozenset(op.defaults)


def faults(function: Callable, static: frozenset[str] = frozenset()) -> list[str]:
    """`module:line: what` for everything a rule must not use."""
    return Reader(function, static, set()).faults


class Reader(ast.NodeVisitor):
    """Reads one function, and the helpers it calls."""

    def __init__(self, function: Callable, static: frozenset[str], seen: set):
        self.function, self.seen, self.faults = function, seen, []
        seen.add((function, static))
        node = function_node(function)
        self.parts: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        self.bindings = [b for part in self.parts for b in bindings(part)]
        self.local = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
        self.local |= {name for name, _ in self.bindings}
        self.static = set(static) | {name for name, _ in self.bindings} - {
            a.arg for a in ast.walk(node) if isinstance(a, ast.arg) and a.arg not in static
        }
        while unknown := {
            n for n, v in self.bindings if n in self.static and not self.is_static(v)
        }:
            self.static -= unknown
        for part in self.parts:
            self.visit(part)

    # ------------------------------------------------------------------------------------ what is known beforehand

    def is_static(self, node: ast.AST | None) -> bool:
        """Whether an expression is ordinary Python data, whatever the tensors are."""
        match node:
            case None | ast.Constant():
                return True
            case ast.Name(id=name):
                return name in self.static if name in self.local else self.is_constant(name)
            case ast.Attribute(value=value, attr=attribute):
                return attribute in STATIC_OF_A_VALUE or self.is_static(value)
            case ast.Call(func=ast.Name(id="len")):
                return True
            case ast.Call(func=function) if self.resolved(function) is spec_of:
                return True  # the shape and dtype of a value of any of the three kinds
            case ast.Call(func=function, args=args, keywords=keywords):
                given = [*args, *(k.value for k in keywords)]
                return self.makes_static(function) and all(map(self.is_static, given))
            case ast.Compare(
                left=left, ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(None)]
            ):
                return isinstance(left, ast.Name)  # "was this operand given?"
            case ast.expr() | ast.comprehension():
                return all(map(self.is_static, expressions(node)))
        return False

    def is_constant(self, name: str) -> bool:
        value = self.global_value(name)
        return isinstance(value, (*CONSTANTS, types.ModuleType, type))

    def makes_static(self, function: ast.expr) -> bool:
        """Whether a call of this with static arguments gives static data: anything of Python's or ours that is not an op."""
        value = self.resolved(function)
        if value is None:
            return isinstance(function, ast.Attribute) and self.is_static(function.value)
        return not isinstance(value, Op)

    # --------------------------------------------------------------------------------------------- what is used

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id not in self.local:
            self.check(node, self.global_value(node.id), node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        value = self.resolved(node)
        if value is not None:
            self.check(node, value, ast.unparse(node))
        elif not (node.attr in OF_A_VALUE or self.is_static(node.value) or self.fills_a_list(node)):
            self.fault(node, f".{node.attr}")
        else:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        value = self.resolved(node.func)
        if isinstance(value, types.FunctionType) and not self.is_static(node):
            self.read_helper(node, value)
            for part in [*node.args, *node.keywords]:
                self.visit(part)
        elif not self.is_static(node):
            self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        """Annotations are not run."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def fills_a_list(self, node: ast.Attribute) -> bool:
        """`out.append` and `out.extend` where `out` is a list made here."""
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        made = [value for bound, value in self.bindings if bound == name]
        lists = bool(made) and all(isinstance(value, (ast.List, ast.ListComp)) for value in made)
        return lists and node.attr in ("append", "extend")

    def read_helper(self, node: ast.Call, helper: types.FunctionType) -> None:
        """A function of ours is read with what is static at this call."""
        if not helper.__module__.startswith(WRITTEN_IN_OPS):
            self.fault(node, ast.unparse(node.func))
            return
        names = list(inspect.signature(helper).parameters)
        static = {n for n, a in zip(names, node.args, strict=False) if self.is_static(a)}
        static |= {k.arg for k in node.keywords if k.arg and self.is_static(k.value)}
        static |= set(names[len(node.args) :]) - {
            k.arg for k in node.keywords
        }  # left at their defaults
        if (helper, frozenset(static)) not in self.seen:
            self.faults += Reader(helper, frozenset(static), self.seen).faults

    def check(self, node: ast.expr, value: object, name: str) -> None:
        """Ops, constants and a few builtins; helpers are read where they are called."""
        if isinstance(value, (Op, *CONSTANTS)) or (
            name in BUILTINS and value is getattr(builtins, name)
        ):
            return
        if isinstance(value, type) and issubclass(value, (Exception, DType)):
            return
        self.fault(node, name)

    def fault(self, node: ast.expr, what: str) -> None:
        self.faults.append(f"{self.function.__module__}:{node.lineno}: {what}")

    # -------------------------------------------------------------------------------------------------- names

    def resolved(self, node: ast.expr) -> object | None:
        """What a global name, or an attribute of a global module, stands for; None for anything else."""
        if isinstance(node, ast.Name):
            return None if node.id in self.local else self.global_value(node.id)
        if isinstance(node, ast.Attribute):
            module = self.resolved(node.value)
            return getattr(module, node.attr) if isinstance(module, types.ModuleType) else None
        return None

    def global_value(self, name: str) -> object:
        closure = inspect.getclosurevars(self.function)
        for space in (closure.nonlocals, self.function.__globals__, vars(builtins)):
            if name in space:
                return space[name]
        raise AssertionError(f"{self.function.__qualname__} uses {name}, which is nowhere")


def bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """(name, what it is bound to) for every assignment and loop below a node."""
    for part in ast.walk(node):
        match part:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from bound(target, value)
            case (
                ast.AnnAssign(target=target, value=value)
                | ast.AugAssign(target=target, value=value)
            ):
                yield from bound(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from bound(target, value)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield from looped(target, value)


def bound(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """The names of a target with their values: pairwise where both sides are written out."""
    both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    if both and len(target.elts) == len(value.elts):
        for t, v in zip(target.elts, value.elts, strict=True):
            yield from bound(t, v)
    else:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id, value


def looped(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    """The names of a loop; `enumerate` and `zip` are taken apart, since a count is static beside a tensor."""
    called = (
        value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    )
    if called == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        yield from bound(target.elts[0], None)
        yield from looped(target.elts[1], value.args[0])
    elif called == "zip" and isinstance(target, ast.Tuple) and len(target.elts) == len(value.args):
        for t, v in zip(target.elts, value.args, strict=True):
            yield from looped(t, v)
    else:
        yield from bound(target, value)


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions directly below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.expr, ast.comprehension)):
            yield child
