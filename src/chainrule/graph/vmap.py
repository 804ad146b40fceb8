"""`vmap`: a function of one sample becomes a function of a batch.

The function is traced once, on a sample: what it computes is a program of primitives, derivatives and all. The program
then runs on the whole batch, an equation after another, by the rules of `batching`. So the number of ops does not
depend on the size of the batch, and `vmap(grad(loss))` is nothing new: the gradient is a part of the program.

What runs are ops on tensors. The result has a history if the arguments have one, a vmap may stand inside of another,
and inside of a traced or compiled function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import RangeError, ShapeError, TraceError
from ..base.modes import modes
from ..base.trees import leaves, mapped
from ..ops import Spec
from ..tensors import functions
from ..tensors.core import Tensor, wrap
from ..tensors.storage import Storage
from .batching import Operand, Randomness, run_batched
from .ir import Program, pruned
from .passes.inline import inlined
from .trace import Trace
from .tracer import refuse

__all__ = ["vmap"]


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """A function that does what `func` does to one sample to every sample of a batch.

    Args:
        func: takes tensors, or nested tuples, lists and dicts of them, and returns such.
        in_dims: the axis of the batch in each argument: one number for all, or a tuple with an entry for each
            argument, nested as the argument is. None: the argument is the same for every sample.
        out_dims: where the batch's axis shall stand in the results, likewise. None is for results that do not depend
            on the sample.
        randomness: what random functions give: "different" numbers for each sample, the "same" for all, or an "error".
        chunk_size: how many samples at a time; all of them if None.

    Raises:
        TraceError: what a program cannot contain (a branch on a value, `.item()`), with the line; a write into a
            tensor around the function.
        ShapeError: no batched argument, or batches of different sizes.

    Example:
        >>> import chainrule as cr
        >>> x, y = cr.arange(6.0).reshape(3, 2), cr.ones(3, 2)
        >>> vmap(lambda a, b: (a * b).sum())(x, y)
        tensor([1., 5., 9.])
        >>> from chainrule.func import grad
        >>> vmap(grad(lambda a: (a**2).sum()))(x)
        tensor([[ 0.,  2.],
                [ 4.,  6.],
                [ 8., 10.]])

    Source: PyTorch's `torch.func.vmap`; the transformation is that of Bradbury et al. 2018 (JAX).
    """
    if randomness not in ("error", "different", "same"):
        raise ValueError(f"randomness is 'error', 'different' or 'same', found {randomness!r}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, found {chunk_size}")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        values, places = [], []
        for x, dim in _with_dims((args, kwargs), (_for_each(in_dims, args), 0)):
            values.append(x)
            places.append(dim)
        size = _batch_size(values, places)
        given = [
            Operand(x if d is None else functions.movedim(x, d, 0), d is not None)
            if isinstance(x, Tensor)
            else x
            for x, d in zip(values, places, strict=True)
        ]
        step = size if chunk_size is None else chunk_size
        chunks = [
            _run(func, (args, kwargs), _narrowed(given, start, min(step, size - start)), randomness)
            for start in range(0, max(size, 1), max(step, 1))
        ]
        return _handed_out(chunks, out_dims, size)

    return batched


# ------------------------------------------------------------------------------------------- where the batch's axis is


def _for_each(in_dims: Any, args: tuple) -> Any:
    """`in_dims` as a sequence with an entry for each argument."""
    if in_dims is None or isinstance(in_dims, int):
        return tuple([in_dims if _has_tensors(a) else None for a in args])
    if not isinstance(in_dims, (tuple, list)) or len(in_dims) != len(args):
        raise ShapeError(
            f"vmap: in_dims needs an entry for each of the {len(args)} arguments, found {in_dims!r}"
        )
    return tuple(in_dims)


def _has_tensors(tree: Any) -> bool:
    return any([isinstance(x, Tensor) for x in leaves(tree)])


def _with_dims(tree: Any, dims: Any) -> list[tuple[Any, Any]]:
    """Everything in a nesting beside its axis; one axis may stand for a whole branch."""
    if isinstance(tree, dict):
        branches: list[tuple[Any, Any]] = [
            (v, dims.get(k) if isinstance(dims, dict) else dims) for k, v in tree.items()
        ]
    elif isinstance(tree, (tuple, list)):
        if isinstance(dims, (tuple, list)) and len(dims) != len(tree):
            raise ShapeError(
                f"vmap: in_dims {dims!r} does not fit an argument of {len(tree)} parts"
            )
        each = dims if isinstance(dims, (tuple, list)) else [dims] * len(tree)
        branches = list(zip(tree, each, strict=True))
    else:
        if dims is not None and not isinstance(dims, int):
            raise ShapeError(f"vmap: in_dims {dims!r} is more deeply nested than the argument")
        return [(tree, dims if isinstance(tree, Tensor) else None)]
    return [pair for v, d in branches for pair in _with_dims(v, d)]


def _batch_size(values: Sequence[Any], places: Sequence[int | None]) -> int:
    sizes: dict[int, Tensor] = {}
    for x, d in zip(values, places, strict=True):
        if d is not None:
            if not -x.ndim <= d < x.ndim:
                raise RangeError(f"vmap: in_dims has {d} for an argument of shape {tuple(x.shape)}")
            sizes.setdefault(x.shape[d], x)
    if not sizes:
        raise ShapeError("vmap: at least one argument must have a batch axis, in_dims has none")
    if len(sizes) > 1:
        shown = " and ".join([f"{n} (of {tuple(x.shape)})" for n, x in sizes.items()])
        raise ShapeError(f"vmap: the batches must have one size, found {shown}")
    return next(iter(sizes))


def _narrowed(given: Sequence[Any], start: int, count: int) -> list[Any]:
    """The arguments of some of the samples."""
    return [
        Operand(functions.narrow(x.value, 0, start, count), True)
        if isinstance(x, Operand) and x.batched and count != x.value.shape[0]
        else x
        for x in given
    ]


# ------------------------------------------------------------------------------------------------------------- running


def _run(func: Callable, call: Any, given: list[Any], randomness: str) -> Any:
    """What the function gives for a batch: its results' nesting, of Operands."""
    t = Trace(parent=modes.trace, is_open=True)
    sample = iter([_sample(t, x) if isinstance(x, Operand) else x for x in given])
    inputs = [v for v, _ in t.inputs]
    args, kwargs = mapped(lambda _: next(sample), call)
    with t.active():
        out = func(*args, **kwargs)
        results = list(leaves(out))
        for r in results:
            if not isinstance(r, Tensor):
                refuse(
                    f"the function given to vmap returns {type(r).__name__}",
                    "return tensors, or nested tuples, lists and dicts of them",
                )
        values = [t.operand(r.read()) for r in results]
    if t.writes or t.attached:
        refuse(
            "the function given to vmap writes into a tensor around it, or sets its .grad",
            "return the value instead",
        )
    around = _around(t)
    inputs += [v for v, _ in around]
    program = inlined(Program(inputs, pruned(t.equations, values), values))
    operands = [x for x in given if isinstance(x, Operand)] + [Operand(x) for _, x in around]
    size = next(x.value.shape[0] for x in given if isinstance(x, Operand) and x.batched)
    draws = _Draws(t)
    found = run_batched(program, operands, size, Randomness(randomness, draws))
    draws.advance(size if randomness == "different" else 1)
    for r in results:
        if t.owns(r):
            r._edge = r._base = None  # their graphs go: they hold tensors made inside
    answers = iter(found)
    return mapped(lambda _: next(answers), out)


def _sample(t: Trace, x: Operand) -> Tensor:
    """A tensor that stands for one sample of an argument."""
    tracer = t.new_input(Spec(x.shape, x.value.dtype))
    out = object.__new__(Tensor)
    out._value, out._storage = tracer, Storage(tracer)
    out._leaf = x.value.requires_grad
    return out


def _around(t: Trace) -> list[tuple[Any, Any]]:
    """What the function reads from around it: the program's variable, and the tensor or number, history and all."""
    whole = {id(x._storage): x for x, _, _ in t.touched.values() if not x._path}
    found: list[tuple[Any, Any]] = []
    for storage, (tracer, value) in t.captured.items():
        held = whole.get(id(storage))
        found.append((tracer.var, wrap(value, None) if held is None else held))
    found += [(inner.var, wrap(outer, None)) for outer, inner in t.outer.values()]
    for kind, what, var in t.host:
        if kind == "effect":
            refuse(
                "the function given to vmap does something that cannot be done for each sample (an optimizer's step)",
                "do it outside",
            )
        if kind == "cell":
            found.append((var, what()))
        elif kind == "state":
            found.append((var, wrap(what.state(), None)))
    return found


class _Draws:
    """Random numbers of a batch: for each sample its own stretch of the generators' words, or one for all."""

    def __init__(self, t: Trace):
        self.taken = [(generator, words) for generator, _, words in t.random_states.values()]

    def __call__(self, eq: Any, args: Sequence[Operand], size: int | None) -> Any:
        state, attrs = args[0].value, eq.attrs
        if size is not None:
            attrs = attrs | {"shape": (size, *attrs["shape"]), "skip": attrs["skip"] * size}
        return eq.op(state, **attrs)

    def advance(self, times: int) -> None:
        """Move the generators on by what was drawn."""
        for generator, words in self.taken:
            generator.advance(words * times)


# ------------------------------------------------------------------------------------------------------------- results


def _handed_out(chunks: Sequence[Any], out_dims: Any, size: int) -> Any:
    """The results of all chunks, the batch's axis where it was asked for."""
    columns = list(zip(*[list(leaves(c)) for c in chunks], strict=True))
    places = _places(chunks[0], out_dims)
    joined = []
    for parts, d in zip(columns, places, strict=True):
        if d is None:
            if parts[0].batched:
                raise TraceError(
                    "vmap: out_dims is None for a result that differs from sample to sample"
                )
            joined.append(parts[0].value)
            continue
        if not parts[0].batched:
            x = parts[0].value
            whole = functions.unsqueeze(x, 0).expand(size, *x.shape)
        else:
            whole = parts[0].value if len(parts) == 1 else functions.cat([p.value for p in parts])
        joined.append(functions.movedim(whole, 0, d))
    answers = iter(joined)
    return mapped(lambda _: next(answers), chunks[0])


def _places(out: Any, out_dims: Any) -> list[Any]:
    """The axis for each result."""
    if isinstance(out_dims, (tuple, list)) and not isinstance(out, (tuple, list)):
        out, out_dims = (out,), tuple(out_dims)
    if isinstance(out_dims, (tuple, list)) and len(out_dims) != len(out):
        raise ShapeError(f"vmap: out_dims has {len(out_dims)} entries for {len(out)} results")
    if isinstance(out_dims, (tuple, list)):
        return [p for o, d in zip(out, out_dims, strict=True) for p in _places(o, d)]
    if isinstance(out_dims, dict):
        return [p for k in out for p in _places(out[k], out_dims[k])]
    return [out_dims] * len(list(leaves(out)))
