"""Products: one tile generator for matrix products, convolutions and the gradients of both.

    C[batch, m, n] = Σ_k A[batch, m, k] · B[batch, k, n]

where batch, m, n and k are lists of axes, and an axis is a size with its stride in each of A, B
and C (0: the operand does not move with it). A matrix product of any transposition is one; so is a
convolution, whose A is the view of an image's windows: m = (image, y, x), k = (ky, kx, channel),
with x and kx of the same stride. Shapes are known when the code is made, so no view is ever
copied to become a matrix.

How it is computed, from the inside to the outside:

- A *tile* of C, `rows` of m by a few vectors of n, stays in registers while k runs. Each step
  loads the vectors of B, and broadcasts one number of A per row from where it lies: one moving
  address, the rows at constant distances. Rows follow each other in m and may cover several axes
  (two lines of an image, say).
- A long k runs in *blocks*. Each starts from zero and its sum is added to that of the blocks
  before, so that rounding errors grow with the length of a block and the number of blocks, not
  with K; and a chunk of tiles goes through a block before the next begins, while what they read of
  B is near.
- The vectors of B are read where they lie, or from *panels*: [panel][k][the tile's columns],
  written by a kernel of its own that runs before.
- What remains of m and n beside whole tiles is done by narrower tiles, vectors with a mask.
- `Finish` takes each vector of sums: it writes C, or first adds a bias, applies a function, ….
- Where k lies side by side in both operands and C is small (a vector times a matrix), the lanes of a
  vector are neighbours in k instead, and nothing needs packing.
- Where rows are few and B is large, B is read line by line instead (`stream`): then memory decides.
- A convolution with few taps goes by way of fewer multiplications (`winograd`), if that is faster.

The order of every sum depends on the sizes and the processor, never on the number of threads.

Legend: R rows of a tile; V vectors of a tile; L lanes of a vector; W = V·L columns of a panel.

Read `axes`, `finish`, then `shape` (how a product is cut), `sums` (the inside of a tile), `tiles` (the
main kernel), `panels` (the kernel that packs), `stream` (few rows), `winograd`, `choice` (which way).
"""

from __future__ import annotations

import dataclasses

from ..kernel import Kernel
from ..target import Target
from .axes import Axis, Product, merged, whole
from .choice import oriented, winograd_pays
from .finish import Finish, Store
from .panels import PackKernel
from .shape import shape_of, slices
from .stream import StreamKernel, streams
from .tiles import TileKernel

__all__ = ["Axis", "Finish", "Product", "Store", "Tiles", "oriented", "product", "slices"]


@dataclasses.dataclass
class Tiles:
    """The kernels of a product. `pack`, where there is one, runs before `main`.

    Arguments of `pack`: B, the packed buffer (64-byte aligned, `packed_bytes` long). Arguments of
    `main`: A, then the packed buffer or B, then those of the finish.
    """

    pack: Kernel | None
    packed_bytes: int
    main: Kernel


def product(
    name: str,
    p: Product,
    target: Target,
    finish: Finish,
    threads_hint: int = 16,
    slices: int = 1,
) -> Tiles:
    """The kernels of a product.

    Args:
        name: of the main kernel; that which packs is called `NAME_pack`.
        finish: what becomes of the sums.
        threads_hint: how many threads there may be to share the work; does not change the sums.
        slices: into how many parts k is cut; each has sums of its own, and the finish is given
            the number of the slice.
    """
    w = winograd_pays(p, target, slices)
    if w is not None:
        return Tiles(*w.kernels(name, target, finish.over(p)))
    given, inner = p, p.merged()
    if isinstance(finish, Store):
        given = inner = whole(inner)
    else:
        # A finish follows the axes it was told of, so lanes may not run on into another axis.
        inner = whole(dataclasses.replace(inner, n=merged(p.n[:-1]) + p.n[-1:]))
    if streams(inner):
        streaming = StreamKernel(name, given, inner, target, finish.over(given), slices)
        return Tiles(None, 0, streaming.kernel())
    shape = shape_of(inner, target)
    main = TileKernel(name, given, inner, target, finish.over(given), shape, slices)
    if not shape.packed:
        return Tiles(None, 0, main.kernel(threads_hint))
    packing = PackKernel(f"{name}_pack", inner, shape, target)
    return Tiles(packing.kernel(threads_hint), packing.bytes, main.kernel(threads_hint))
