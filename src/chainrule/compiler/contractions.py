"""Matrix products and einsum as `Product`s: which axes are rows, columns, summed, or batch."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.ir import Equation, Var
from . import product
from .code import Code, Value
from .elements import in_register
from .emit import Emitter, Index, Memory, Reference
from .fuse import Group, Grouping
from .product import Finish, Product, Store, Tiles
from .reach import Windows, reach_strides
from .reach import sizes as sizes_of
from .space import Axis, Dims, along, whole
from .target import Target

__all__ = ["contraction"]


class Roles:
    """A product's operands by axis: the axes of its result and those that are summed, with the
    strides that each operand has over them."""

    def __init__(self, grouping: Grouping, eq: Equation, dims: Dims, memory: Memory):
        a, b = eq.inputs[0], eq.inputs[1]
        assert isinstance(a, Var) and isinstance(b, Var)
        self.operands = [grouping.chain(a)[0], grouping.chain(b)[0]]
        self.accesses = []
        for v, base in zip((a, b), self.operands, strict=True):
            access = grouping.access(v, memory.layout[base.id])
            assert access is not None
            self.accesses.append(access)
        self.offsets = [access.offset for access in self.accesses]
        if isinstance(eq, Windows):
            self.summed = eq.summed
            found = [reach_strides(eq, k, access) for k, access in enumerate(self.accesses)]
            self.strides = [strides for strides, _ in found]
            self.offsets = [offset for _, offset in found]
            return
        letters_a, letters_b, letters_out = letters(eq)
        runs = dict(zip(letters_out, dims, strict=True))
        summed: list[Axis] = []
        for part, access in zip((letters_a, letters_b), self.accesses, strict=True):
            for letter, n in zip(part, access.shape, strict=True):
                if letter not in runs:
                    runs[letter] = [Axis(n)] if n > 1 else []
                    summed += runs[letter]
        self.summed = summed
        self.strides = []
        for part, access in zip((letters_a, letters_b), self.accesses, strict=True):
            strides: dict[Axis, int] = {}
            for letter, n, s in zip(part, access.shape, access.strides, strict=True):
                for axis, step in along([runs[letter]], (n,), (s,)).items():
                    strides[axis] = strides.get(axis, 0) + step
            self.strides.append(strides)


def letters(eq: Equation) -> tuple[str, str, str]:
    """The axes of both operands and the result, by letter."""
    if eq.op.name == "einsum":
        inputs, out = eq.attrs["equation"].replace(" ", "").split("->")
        a, b = inputs.split(",")
        return a, b, out
    a, b = eq.inputs
    na, nb = len(a.spec.shape), len(b.spec.shape)  # type: ignore[union-attr]
    batch = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: max(na, nb) - 2] if max(na, nb) > 2 else ""
    left = "k" if na == 1 else batch[len(batch) - (na - 2) :] + "mk"
    right = "k" if nb == 1 else batch[len(batch) - (nb - 2) :] + "kn"
    return left, right, batch + ("m" if na > 1 else "") + ("n" if nb > 1 else "")


class Epilogue(Finish):
    """What the equations fused to the end of a product make of its sums."""

    def __init__(
        self, emitter: Emitter, base: Var, batch: list, m: list, n: list, stores: Sequence[Var]
    ):
        self.e, self.base, self.stores = emitter, base, stores
        self.axes = (batch, m, n)

    def enter(self, c: Code, arguments: Value) -> None:
        """The emitter loads its pointers when it needs them."""
        self.e.c = c
        if self.ahead:
            self.e.ahead = self.axes[1][-1], self.ahead

    def store(self, c, batch, m, n, value, mask):
        """Compute what follows, and write what is kept."""
        e = self.e
        with e.scope():
            for axes, indices in zip(self.axes, (batch, m, n), strict=True):
                for axis, index in zip(axes, indices, strict=True):
                    e.env[axis] = Index(index)
            if n:
                e.env[self.axes[2][-1]] = Index(n[-1], 1)
            e.lanes, e.mask = value.type.lanes, mask
            e.remember(self.base.id, value)
            for v in self.stores:
                e.store(v)


def _strides_of_c(g: Group, dims: Dims, memory: Memory, stores: Sequence[Var]) -> dict[Axis, int]:
    """By how far C moves along each axis: as it lies in memory, if it is there and nothing else is written."""
    out = g.equations[0].outputs[0]
    layout = memory.layout.get(out.id)
    if list(stores) == [out] and layout is not None:
        return along(g.dims[out.id], layout.shape, layout.strides)
    strides: dict[Axis, int] = {}
    step = 1
    for run in reversed(dims):
        for axis in reversed(whole(run)):
            strides[axis] = step
            step *= axis.size
    # What is written instead tells along which axis lanes are neighbours.
    for v in stores:
        lies = memory.layout[v.id]
        written = along(g.dims[v.id], lies.shape, lies.strides)
        if strides.keys() == written.keys() and all(written.values()):
            return written
    return strides


def contraction(
    name: str,
    grouping: Grouping,
    g: Group,
    memory: Memory,
    stores: Sequence[Var],
    target: Target,
    made: dict[tuple, Tiles],
) -> tuple[Tiles, list[Reference], list[Reference]]:
    """The kernels of a product's group; the references of A and B, and those that follow. `made`
    keeps the kernels that only write C, of which a program has many alike."""
    eq = g.equations[0]
    out = eq.outputs[0]
    slices = grouping.sliced.get(eq, 1)
    dims = g.dims[out.id][1:] if slices > 1 else g.dims[out.id]
    roles = Roles(grouping, eq, dims, memory)
    layout = memory.layout.get(out.id)
    plain = list(stores) == [out]
    c_strides = _strides_of_c(g, dims, memory, stores)
    a, b = roles.strides
    groups: dict[str, list[Axis]] = {"batch": [], "m": [], "n": []}
    for axis in [x for run in dims for x in whole(run)]:
        in_a, in_b = bool(a.get(axis)), bool(b.get(axis))
        groups["batch" if in_a and in_b else "n" if in_b else "m"].append(axis)

    # each operand is walked in the order in which it lies
    groups["m"].sort(key=lambda x: -abs(a.get(x, 0)))
    groups["n"].sort(key=lambda x: -abs(b.get(x, 0)))

    def described(axes: Sequence[Axis]) -> tuple[product.Axis, ...]:
        return tuple(
            [product.Axis(x.size, a.get(x, 0), b.get(x, 0), c_strides.get(x, 0)) for x in axes]
        )

    summed = sorted(whole(roles.summed), key=lambda x: -abs(a.get(x, 0)))
    type_ = in_register(out.spec.dtype)
    p = Product(
        type_, described(groups["batch"]), described(groups["m"]), described(groups["n"]),
        tuple([product.Axis(x.size, a.get(x, 0), b.get(x, 0), 0) for x in summed]),
        (roles.operands[0].id in grouping.steady, roles.operands[1].id in grouping.steady),
    )  # fmt: skip
    p, swapped = product.oriented(p, target)
    if swapped:
        groups["m"], groups["n"] = groups["n"], groups["m"]
    if p.beside:
        groups["n"] = [
            x for x in groups["batch"] if x.size > 1 and roles.strides[swapped].get(x) == 1
        ][:1]
        groups["batch"].remove(groups["n"][0])
    order = (1, 0) if swapped else (0, 1)
    operands = [Reference("memory", roles.operands[k].id, roles.offsets[k]) for k in order]
    if not plain:
        e = Emitter(Code("unused", []), grouping, g, memory, first=2)
        finish = Epilogue(e, out, groups["batch"], groups["m"], groups["n"], stores)
        return product.product(name, p, target, finish, slices=slices), operands, e.references
    assert layout is not None
    key = (p, type_, layout.strides[0] if slices > 1 else 0, slices)
    if key not in made:
        made[key] = product.product(name, p, target, Store(*key[1:3]), slices=slices)
    return made[key], operands, [Reference("memory", out.id, layout.offset)]


def described_product(eq: Equation) -> Product:
    """A contraction by its sizes alone, before it is known where its operands lie."""
    if isinstance(eq, Windows):
        kinds = sizes_of(eq)
        batch, m, n, summed = [
            tuple([product.Axis(size, int(k != 2), int(k != 1), int(k != 3)) for size in kind])
            for k, kind in enumerate(kinds)
        ]
        return Product(in_register(eq.outputs[0].spec.dtype), batch, m, n, summed)
    letters_a, letters_b, out = letters(eq)
    sizes: dict[str, int] = {}
    for part, v in zip((letters_a, letters_b), eq.inputs, strict=True):
        for letter, n in zip(part, v.spec.shape, strict=True):  # type: ignore[union-attr]
            sizes[letter] = max(sizes.get(letter, 1), n)
    groups: dict[str, list[product.Axis]] = {"batch": [], "m": [], "n": [], "k": []}
    for letter, size in sizes.items():
        a, b = int(letter in letters_a), int(letter in letters_b)
        kind = "k" if letter not in out else "batch" if a and b else "m" if a else "n"
        groups[kind].append(product.Axis(size, a, b, int(letter in out)))
    batch, m, n, summed = [tuple(x) for x in groups.values()]
    return Product(in_register(eq.outputs[0].spec.dtype), batch, m, n, summed)
