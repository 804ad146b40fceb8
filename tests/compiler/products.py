"""Products for tests: their operands, their reference, and how they are run.

The reference of a product is einsum over the views that its axes describe, so any product can be checked.
"""

import ctypes
import math

import llvmlite.binding as llvm
import numpy as np

from chainrule.compiler.code import DOUBLE, FLOAT, HALF, PTR, module
from chainrule.compiler.product import Axis, Finish, Product, Store, product
from chainrule.compiler.target import Target

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

HOST = Target.host()
TARGETS = {"host": HOST, "avx2": Target.level("avx2"), "baseline": Target.level("baseline")}
DTYPES = {FLOAT: np.float32, DOUBLE: np.float64, HALF: np.float16}
GUARD = 977.0  # what lies around C, and must still lie there afterwards


# ----------------------------------------------------------------------------------------- running


def compiled(kernels, target):
    """The kernels as functions that can be called; the engine keeps their code alive."""
    code = llvm.parse_assembly(module([k.code for k in kernels]))
    code.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, jit=True
    )
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(code, passes)
    engine = llvm.create_mcjit_compiler(code, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    return engine, [kind(engine.get_function_address(k.code.name)) for k in kernels]


def memory(bytes):
    """Memory aligned as the runtime aligns it."""
    raw = np.zeros(bytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + bytes]


def run(p, a, b, others, target, finish, slices=1, threads=16):
    """Pack and multiply: a, b and the others are addresses."""
    tiles = product("f", p, target, finish, threads_hint=threads, slices=slices)
    kernels = [k for k in (tiles.pack, tiles.main) if k is not None]
    assert (tiles.pack is None) == (tiles.packed_bytes == 0)
    engine, functions = compiled(kernels, target)
    packed = memory(tiles.packed_bytes)
    scratch = memory(max(k.scratch for k in kernels))
    calls = []
    if tiles.pack is not None:
        calls.append((tiles.pack, [b, packed.ctypes.data]))
        b = packed.ctypes.data
    calls.append((tiles.main, [a, b, *others]))
    for function, (kernel, addresses) in zip(functions, calls, strict=True):
        arguments = (ctypes.c_void_p * len(addresses))(*addresses)
        for task in reversed(range(kernel.tasks)):  # any order will do
            function(ctypes.addressof(arguments), task, scratch.ctypes.data)
    del engine


def extent(strides, sizes):
    """(elements before the first, elements from the first to the last and one) of a view."""
    before = sum((n - 1) * -s for n, s in zip(sizes, strides, strict=True) if s < 0)
    after = sum((n - 1) * s for n, s in zip(sizes, strides, strict=True) if s > 0)
    return before, after + 1


class Operand:
    """Memory for an operand and the view of it that a product's axes describe."""

    def __init__(self, axes, strides, dtype, fill):
        sizes = [x.size for x in axes]
        before, after = extent(strides, sizes)
        self.memory = fill(before + after).astype(dtype)
        self.view = np.lib.stride_tricks.as_strided(
            self.memory[before:], sizes, [s * self.memory.itemsize for s in strides]
        )

    @property
    def address(self):
        return self.view.ctypes.data


def operands(p, seed=0):
    """Random A and B."""
    fill, dtype = np.random.default_rng(seed).standard_normal, DTYPES[p.type]
    in_a, in_b = [*p.batch, *p.m, *p.k, *lanes_of_both(p)], [*p.batch, *p.k, *p.n]
    a = Operand(in_a, [x.a for x in in_a], dtype, fill)
    return a, Operand(in_b, [x.b for x in in_b], dtype, fill)


def lanes_of_both(p):
    return p.n if p.beside else ()


def reference(p, a, b):
    """The product in float64, in the order batch, m, n."""
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    batch, m, n, k = ("".join([next(letters) for _ in group]) for group in (p.batch, p.m, p.n, p.k))
    wide = np.float64
    return np.einsum(
        f"{batch}{m}{k}{n if p.beside else ''},{batch}{k}{n}->{batch}{m}{n}",
        a.view.astype(wide), b.view.astype(wide), optimize=True,
    )  # fmt: skip


def tolerance(p):
    return (4e-7 if p.type == FLOAT else 1e-15) * 4 * math.sqrt(math.prod(x.size for x in p.k) + 8)


def close(p, got, expected):
    np.testing.assert_allclose(got, expected, rtol=tolerance(p), atol=tolerance(p))


def check(p, target, slices=1, threads=16):
    """Compute a product with Store, look around C, and return C."""
    a, b = operands(p)
    axes = [*p.batch, *p.m, *p.n]
    strides = [x.c for x in axes]
    _, length = extent(strides, [x.size for x in axes])
    step = length + 5
    guarded = np.full(slices * step + 64, GUARD, DTYPES[p.type])
    place = guarded.ctypes.data + 32 * guarded.itemsize
    run(p, a.address, b.address, [place], target, Store(p.type, step), slices, threads)
    shape, itemsize = [x.size for x in axes], guarded.itemsize
    view = np.lib.stride_tricks.as_strided(
        guarded[32:], [slices, *shape], [step * itemsize, *[s * itemsize for s in strides]]
    )
    close(p, view.sum(0, dtype=np.float64), reference(p, a, b))
    result = view.copy()
    view[...] = GUARD
    assert np.all(guarded == GUARD), "something was written outside of C"
    return result


# ----------------------------------------------------------------------------------- matrix products


def matrices(m, n, k, a_turned=False, b_turned=False, c_turned=False, type=FLOAT, batch=()):
    """C (m, n) = A (m, k) · B (k, n), each in row-major or column-major order."""
    a = (1, m) if a_turned else (k, 1)
    b = (1, k) if b_turned else (n, 1)
    c = (1, m) if c_turned else (n, 1)
    return Product(
        type, tuple(batch), (Axis(m, a[0], 0, c[0]),), (Axis(n, 0, b[1], c[1]),),
        (Axis(k, a[1], b[0], 0),),
    )  # fmt: skip


def convolution(images, height, width, ci, co, kernel, stride=1, dilation=1, groups=1):
    """y (images, oy, ox, co) from a padded x (images, height, width, ci) and w (co, ci/groups, ky, kx)."""
    ky, kx = kernel
    oy = (height - dilation * (ky - 1) - 1) // stride + 1
    ox = (width - dilation * (kx - 1) - 1) // stride + 1
    gi, go, taps = ci // groups, co // groups, ky * kx
    m = (
        Axis(images, height * width * ci, 0, oy * ox * co),
        Axis(oy, stride * width * ci, 0, ox * co),
        Axis(ox, stride * ci, 0, co),
    )
    k = (
        Axis(ky, dilation * width * ci, kx, 0),
        Axis(kx, dilation * ci, 1, 0),
        Axis(gi, 1, taps, 0),
    )
    group = (Axis(groups, gi, go * gi * taps, go),)
    return Product(FLOAT, group, m, (Axis(go, 0, gi * taps, 1),), k)


def weight_gradient(images, height, width, ci, co, kernel, stride=1):
    """dw (co, ci, ky, kx) from the padded x and dy (images, oy, ox, co)."""
    ky, kx = kernel
    oy, ox = (height - ky) // stride + 1, (width - kx) // stride + 1
    m = (Axis(ky, width * ci, 0, kx), Axis(kx, ci, 0, 1), Axis(ci, 1, 0, ky * kx))
    k = (
        Axis(images, height * width * ci, oy * ox * co, 0),
        Axis(oy, stride * width * ci, ox * co, 0),
        Axis(ox, stride * ci, co, 0),
    )
    return Product(FLOAT, (), m, (Axis(co, 0, 1, ci * ky * kx),), k)


def input_gradient(images, height, width, ci, co, kernel):
    """dx (images, height, width, ci) from a dy padded by ky − 1 and kx − 1, and flipped taps of w."""
    ky, kx = kernel
    rows, columns = height + ky - 1, width + kx - 1
    m = (
        Axis(images, rows * columns * co, 0, height * width * ci),
        Axis(height, columns * co, 0, width * ci),
        Axis(width, co, 0, ci),
    )
    k = (Axis(ky, columns * co, -kx, 0), Axis(kx, co, -1, 0), Axis(co, 1, ci * ky * kx, 0))
    return Product(FLOAT, (), m, (Axis(ci, 0, ky * kx, 1),), k)


class BiasAndRelu(Finish):
    """max(sum + bias[n], 0), written with the number of the slice before."""

    def __init__(self, type, c_strides, bias_strides):
        self.type, self.c_strides, self.bias_strides = type, c_strides, bias_strides
        self.sites = 0

    def enter(self, c, arguments):
        self.c_place = c.load(PTR, c.at(arguments, 2, 8))
        self.bias = c.load(PTR, c.at(arguments, 3, 8))

    def store(self, c, batch, m, n, value, mask):
        self.sites += 1
        size, place, bias = self.type.bytes, self.c_place, self.bias
        for index, stride in zip([*batch, *m, *n], self.c_strides, strict=True):
            place = c.at(place, index, stride * size)
        for index, stride in zip(n, self.bias_strides, strict=True):
            bias = c.at(bias, index, stride * size)
        value = c.fadd(value, c.load(value.type, bias, mask, size))
        positive = c.fcmp("ogt", value, c.const(0, value.type))
        c.store(c.select(positive, value, c.const(0, value.type)), place, mask, size)
