"""Recording: what a call of an op does that has a tensor among its operands. Everything the user calls ends here.

`record` evaluates what lies below, and hangs a node on the tape: the op, what its rules need, and an edge to where each
operand came from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import ChainruleError
from ..ops.outline import outlined
from ..ops.precision import autocast_dtype
from ..ops.promotion import common, spec_of
from ..ops.record import Op, as_floats
from ..tape.modes import modes
from ..tape.op_node import NEEDS, OpNode
from .beneath import TENSORS, Beneath
from .making import made

__all__ = ["record"]

ndarray = np.ndarray
FLOAT32 = dtypes.float32.numpy
NOTHING_SAVED: list = []
NOTHING = ("nothing", None)  # in the place of a saved value that no rule will ask for
_new = object.__new__


def record(op: Op, args: tuple, attrs: dict) -> Any:
    """An op on operands of which at least one is a Tensor: evaluate what lies below, and hang a
    node on the tape.
    """
    if modes.autocast is not None:
        target = autocast_dtype(op, modes.autocast)
        if target is not None:
            return _autocast(op, args, attrs, target)
    if op.is_definition:
        return _definition(op, args, attrs)
    if op.is_view:
        return _view(op, args[0], attrs)
    trace = modes.trace
    raw, edges, tracked, untracked, plain = [], [], False, False, trace is None
    for a in args:
        if a.__class__ in TENSORS:
            value = a._value
            if trace is None and value.__class__ is ndarray:
                raw.append(value)
            else:
                raw.append(a.read())
                plain = False
            if a._base is not None:
                edge = a.edge
            else:
                edge = (a, -1) if a._leaf else a._edge
            if edge is not None:
                tracked = True
            else:
                untracked = True
        else:
            edge, untracked = None, True
            # a NumPy scalar is a number beside a tensor, as in PyTorch, and not an array of its dtype
            raw.append(a.item() if isinstance(a, np.generic) else a)
        edges.append(edge)
    y = op.evaluate(raw, attrs) if plain else _elsewhere(op, raw, attrs)
    if not (tracked and op.differentiable and modes.grad):
        y = op.visible(y)
        return tuple([made(v, trace) for v in y]) if y.__class__ is tuple else made(y, trace)
    if untracked or not op.keeps_simply:
        return _with_history(op, args, raw, edges, attrs, y)
    out = made(y, trace)
    dtype = y.dtype
    if dtype is not FLOAT32 and not dtypes.stored(dtype).is_floating_point:
        return out  # a cast to integers ends the history
    # from here on the usual case of `_with_history`: one output, and rules that need all operands,
    # perhaps with shapes of some, the output or nothing
    if op.keeps_simply == "operands":
        stamps = []
        for a in args:
            storage = a._storage
            stamps.append((storage, storage.version))
        if op.keeps_shapes:
            raw.extend([raw[k].shape for k in op.keeps_shapes])
    elif op.keeps_simply == "output":
        raw, stamps = [out._value], [(out._storage, 0)]
    else:
        raw = stamps = NOTHING_SAVED
    out._edge = OpNode(op, attrs, edges, raw, stamps, ((y.shape, dtype),)), 0
    return out


def _elsewhere(op: Op, raw: list, attrs: dict) -> Any:
    """What comes out of an op where not all values are arrays, but Tracers or outlines."""
    return outlined(op, raw, attrs) if modes.trace is None else op.apply(tuple(raw), attrs)


def _autocast(op: Op, args: tuple, attrs: dict, target: DType) -> Any:
    """An op whose floating operands go to another dtype before, but for float64."""
    before = modes.autocast
    modes.autocast = None  # what the op is made of is not cast again
    try:
        return record(op, tuple([_lowered(a, target) for a in args]), attrs)
    finally:
        modes.autocast = before


def _lowered(a: Any, target: DType) -> Any:
    if not isinstance(a, Beneath) or not a.dtype.is_floating_point:
        return a
    return a if a.dtype in (target, dtypes.float64) else ops.cast(a, dtype=target)


def _definition(op: Op, args: tuple, attrs: dict) -> Any:
    """A composite without rules of its own: its body on tensors, where each op records itself, in the
    dtypes that the composite was given.
    """
    before = modes.autocast
    modes.autocast = None
    try:
        if op.types in ("floating", "same", "number"):
            common(op, [spec_of(a) for a in args])
        args = tuple([a.item() if isinstance(a, np.generic) else a for a in args])
        return op.visible(op.body(*as_floats(op, args), **attrs))
    except ChainruleError as e:
        raise op.explained(e, args, attrs) from None
    finally:
        modes.autocast = before


def _with_history(op: Op, args: tuple, raw: list, edges: list, attrs: dict, y: Any) -> Any:
    """The outputs as tensors, and the node that made them with what its rules need."""
    values = (y,) if op.single else y
    outs = [made(v, modes.trace) for v in values[: len(op.outputs)]]  # behind them are hidden ones
    if op.single and y.dtype is not FLOAT32 and not dtypes.stored(y.dtype).is_floating_point:
        return outs[0]  # a cast to integers ends the history
    keep = op.keep
    if None in edges:
        needed = op.needed(tuple([e is not None for e in edges]))
        keep = tuple([entry if need else NOTHING for entry, need in zip(keep, needed, strict=True)])
    saved, stamps = _saved(keep, args, raw, attrs, values, outs)
    metas = tuple([(v.shape, v.dtype) for v in values[: len(outs)]])
    node = OpNode(op, attrs, edges, saved, stamps, metas)
    if op.single:
        outs[0]._edge = node, 0
        return outs[0]
    for k, (out, name) in enumerate(zip(outs, op.outputs, strict=True)):
        if name not in op.constant:
            out._edge = node, k
    return outs[0] if len(outs) == 1 else tuple(outs)


def _saved(keep: tuple, args: tuple, raw: list, attrs: dict, values: tuple, outs: list) -> tuple:
    """What the rules asked to keep, and of the storages among it the versions at which it was right."""
    saved: list = []
    stamps: list = []
    for source, k in keep:
        if source == "operand":
            saved.append(raw[k])
            a = args[k]
            if a.__class__ in TENSORS:
                storage = a._storage
                stamps.append((storage, storage.version))
        elif source == "output":
            if k < len(outs):
                saved.append(outs[k]._value)
                stamps.append((outs[k]._storage, 0))
            else:
                saved.append(values[k])  # hidden
        elif source == "shape":
            saved.append(getattr(raw[k], "shape", ()))
        elif source == "attribute":
            saved.append(attrs[k])
        elif source == "operands":
            saved.append(tuple(raw[k:]))
            stamps.extend(
                [(a._storage, a._storage.version) for a in args[k:] if isinstance(a, Beneath)]
            )
        elif source == "shapes":
            saved.append(tuple([v.shape for v in raw[k:]]))
        else:
            saved.append(NEEDS if source == "needs" else None)
    return saved, stamps


def _view(op: Op, x: Any, attrs: dict) -> Any:
    """A view op: the result shares the storage and remembers the way there."""
    if op is ops.view and not (
        modes.trace is None and x._value.__class__ is ndarray and x._value.flags.c_contiguous
    ):
        if x._restrides(attrs["shape"]) is None:
            x = ops.clone(x)
    out = _new(Beneath._plain)
    out._storage = x._storage
    out._path = (*x._path, (op, tuple(attrs.items())))
    if x._past:
        out._past = True
    trace = modes.trace
    if trace is None:
        value = x._value
        plain = value.__class__ is ndarray
        out._value = op.evaluate((value,), attrs) if plain else outlined(op, (x.read(),), attrs)
    else:
        out._value = trace.view(x, out._path)
        trace.own(out)
    out._stamp = x._storage.version
    if modes.grad:
        edge = x.edge
        out._base = x if x._base is None else x._root()
        if edge is not None:
            saved = []
            for source, k in op.keep:
                saved.append(x._value.shape if source == "shape" else attrs[k])
            meta = out._value.shape, out._value.dtype
            out._edge = OpNode(op, attrs, (edge,), saved, (), (meta,)), 0
    else:
        out._cut = True
    return out
