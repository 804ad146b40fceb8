"""Attention as machine code against a plain formula in float64: shapes, masks, strides, targets, memory."""

import ctypes
import math
import mmap

import numpy as np
import pytest
from compiler.both import Both

import chainrule as cr
from chainrule.base import dtypes
from chainrule.compiler import attention as room
from chainrule.compiler.code import FLOAT, PTR, Code
from chainrule.compiler.native import Native
from chainrule.compiler.report import kernel_rows
from chainrule.compiler.runtime import Runtime
from chainrule.compiler.target import Target
from chainrule.compiler.tiles import Tiles
from chainrule.graph.flops import equation_flops
from chainrule.graph.ir import Equation, Program, Var
from chainrule.graph.traced import TracedFunction
from chainrule.nn import functional as F
from chainrule.ops import TABLE, Spec
from chainrule.ops.promotion import spec_of

HOST = Target.host()
LEVELS = {"host": HOST, "avx2": Target.level("avx2"), "baseline": Target.level("baseline")}
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}


@pytest.fixture(params=[n for n, t in LEVELS.items() if t.vector_bytes <= HOST.vector_bytes])
def target(request):
    return LEVELS[request.param]


# ------------------------------------------------------------------------------------ the reference


def reference(g, q, k, v, mask, causal, scale):
    """(y, most, total, gq, gk, gv) by the formulas, all of it in float64 and in memory."""
    g, q, k, v = (x.astype("float64") for x in (g, q, k, v))
    s = np.einsum("...td,...sd->...ts", q, k) * scale
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -math.inf)
    elif mask is not None:
        s = np.where(mask, s, -math.inf) if mask.dtype == bool else s + mask
    most = s.max(-1, keepdims=True)
    most = np.where(np.isneginf(most), 0, most)
    e = np.exp(s - most)
    total = e.sum(-1, keepdims=True)
    total = np.where(total == 0, 1, total)
    p = e / total
    gp = np.einsum("...te,...se->...ts", g, v)
    gs = p * (gp - (p * gp).sum(-1, keepdims=True)) * scale
    return (
        np.einsum("...ts,...se->...te", p, v),
        *[np.broadcast_to(x[..., 0], g.shape[:-1]) for x in (most, total)],
        np.einsum("...ts,...sd->...td", gs, k),
        np.einsum("...ts,...td->...sd", gs, q),
        np.einsum("...ts,...te->...se", p, g),
    )


def program(values, causal, scale):
    """Attention and its backward pass; `values` are g, q, k, v and a mask or None."""
    g, q, k, v, mask = [None if x is None else Var(spec_of(x)) for x in values]
    dtype = q.spec.dtype
    y, most, total = Var(g.spec), *[Var(Spec(g.spec.shape[:-1], dtype)) for _ in range(2)]
    batch = g.spec.shape[:-2]
    gradients = [Var(Spec((*batch, *x.spec.shape[-2:]), dtype)) for x in (q, k, v)]
    attrs = {"causal": causal, "scale": scale}
    equations = [
        Equation(TABLE["attention"], (q, k, v, mask), attrs, (y, most, total), None),
        Equation(
            TABLE["attention_backward"], (g, q, k, v, mask, y, most, total), attrs, gradients, None
        ),
    ]
    inputs = [x for x in (g, q, k, v, mask) if x is not None]
    return Program(inputs, equations, [y, most, total, *gradients])


def drawn(q, k, v, mask=None, dtype="float32", seed=0):
    """g, q, k, v of these shapes, and the mask."""
    rng = np.random.default_rng(seed)
    leads = [s[:-2] for s in (q, k, v)] + ([] if mask is None else [mask.shape[:-2]])
    g = (*np.broadcast_shapes(*leads), q[-2], v[-1])
    return [*[rng.standard_normal(s).astype(dtype) for s in (g, q, k, v)], mask]


def run(values, causal=False, scale=0.4, target=None):
    """The program that was compiled, and its results."""
    native = Native(program(values, causal, scale), target=target)
    return native, native.run([x for x in values if x is not None], [None] * 6)


def check(values, causal=False, scale=0.4, target=None):
    """Machine code gives what the formulas give."""
    native, found = run(values, causal, scale, target)
    assert [s.group.role for s in native.steps] == ["attention", "attention"]
    for name, a, b in zip(
        ("y", "most", "total", "gq", "gk", "gv"),
        found,
        reference(*values, causal, scale),
        strict=True,
    ):
        assert a.shape == b.shape, name
        allowed = TOLERANCE[values[1].dtype.name] * max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed, err_msg=name)
    return native


# -------------------------------------------------------------------------------------------- shapes

SIZES = {
    # T, S, D, E
    "one": (1, 1, 1, 1),
    "vectors": (32, 32, 16, 16),
    "odd": (65, 65, 20, 20),
    "few queries": (3, 67, 33, 5),
    "few keys": (67, 3, 5, 33),
    "unequal": (29, 43, 24, 40),
    "wide": (17, 19, 130, 70),
}


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_size_on_every_processor(sizes, causal, target):
    T, S, D, E = sizes
    check(drawn((2, T, D), (2, S, D), (2, S, E)), causal, target=target)


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("T, S", [(50, 1500), (1100, 1100), (1500, 40)], ids=str)
def test_keys_in_several_blocks(T, S, causal, target):
    check(drawn((2, T, 8), (2, S, 8), (2, S, 12)), causal, target=target)


def test_float64(target):
    check(drawn((3, 37, 10), (3, 41, 10), (3, 41, 6), dtype="float64"), target=target)
    check(drawn((3, 37, 10), (3, 37, 10), (3, 37, 6), dtype="float64"), True, target=target)


def test_one_head_is_shared_out():
    """A head alone is cut into tasks by its rows, whose results do not depend on who runs them."""
    values = drawn((600, 16), (600, 16), (600, 16))
    native = check(values, causal=True)
    assert native.steps[0].kernel.tasks > 1
    found = native.run(values[:4], [None] * 6)
    bits = [x.tobytes() for x in found]
    for threads in (1, 2, 3):
        for x in found:
            x[...] = 0
        Runtime(threads).run(native.schedule)
        assert [x.tobytes() for x in found] == bits


# --------------------------------------------------------------------------------------------- masks


def bools(*shape):
    m = np.random.default_rng(1).random(shape) < 0.6
    m[..., :1, :] = False  # rows that may see nothing
    return m


def floats(*shape):
    m = np.random.default_rng(1).standard_normal(shape).astype("float32")
    m[..., :1, :] = -math.inf
    return m


@pytest.mark.parametrize("make", [bools, floats])
@pytest.mark.parametrize(
    "shape", [(17, 23), (1, 23), (2, 1, 17, 23), (3, 17, 23), (2, 3, 17, 1)], ids=str
)
def test_masks(make, shape, target):
    check(drawn((2, 3, 17, 8), (2, 3, 23, 8), (2, 3, 23, 12), make(*shape)), target=target)


def test_a_mask_of_one_row():
    check(drawn((2, 17, 8), (2, 23, 8), (2, 23, 12), np.arange(23) % 3 > 0))


def test_a_mask_over_several_blocks(target):
    check(drawn((2, 30, 8), (2, 1500, 8), (2, 1500, 8), bools(30, 1500)), target=target)


def test_a_row_that_may_see_nothing_gives_zeros():
    values = drawn((5, 8), (7, 8), (7, 8), bools(5, 7))
    _, (y, most, total, gq, _, _) = run(values)
    for x in (y[0], most[0], total[0] - 1, gq[0]):
        assert not x.any()


@pytest.mark.parametrize("lowest", [-1e9, float(np.finfo(np.float32).min)])
@pytest.mark.parametrize("S", [23, 900])
def test_a_row_whose_mask_is_very_low_everywhere_sees_all_alike(S, lowest, target):
    """Guards the digits of the sum beside a large maximum, and the lowest number, which times log₂ e
    is −∞. Scores of 0 are the same in every precision."""
    g, q, k, v, _ = drawn((2, 17, 8), (2, S, 8), (2, S, 12))
    mask = np.where(bools(17, S), 0, lowest).astype("float32")
    q[:, 0] = 0
    check([g, q, k, v, mask], target=target)


def test_a_mask_gets_its_gradient():
    """It is as large as the scores, so it is left to the definition, beside the kernel."""

    def f(q, k, v, mask):
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return y, *cr.autograd.grad((y * y).sum(), [q, k, v, mask])

    given = drawn((2, 5, 3), (2, 7, 3), (2, 7, 4), floats(4, 7)[1:].repeat(2, 0)[:5])
    args = [cr.tensor(x, requires_grad=True) for x in given[1:]]
    TracedFunction(f, Both)(*args)


# --------------------------------------------------------------------------------- batches and strides


def test_batch_axes_broadcast(target):
    check(drawn((2, 1, 13, 8), (3, 17, 8), (1, 3, 17, 6)), target=target)
    check(drawn((13, 8), (2, 1, 2, 17, 8), (3, 1, 17, 6)), target=target)
    check(drawn((13, 8), (17, 8), (17, 6), bools(3, 13, 17)), target=target)


def step(x, w):
    """Attention as models write it, and its gradient: heads are views of one projection."""
    B, T, C = w.shape
    q, k, v = (t.view(B, T, 2, C // 2).transpose(1, 2) for t in x.split(C, dim=2))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
    return y, *cr.autograd.grad((y * w).sum(), [x])


def test_heads_are_read_and_written_where_they_lie():
    """No operand is copied before, and no result after: y lies in the order in which it is read, the
    gradients of q, k and v are written into that of the projection."""
    x, w = (cr.tensor(v) for v in drawn((3, 19, 48), (3, 19, 16), (1, 1))[1:3])
    native = None

    def make(program, donated):
        nonlocal native
        both = Both(program, donated)
        native = both.native
        return both

    TracedFunction(step, make)(x.requires_grad_(), w)
    kernels = [s for s in native.steps if s.group.role == "attention"]
    assert len(kernels) == 2
    assert native.steps[0] is kernels[0]
    assert native.steps[-1] is kernels[1]
    y = kernels[0].group.equations[0].outputs[0]
    assert native.memory.layout[y.id].strides == (19 * 16, 8, 16, 1)


def test_gradients_are_written_into_joined_ones_by_any_strides():
    """Heads first, and the gradients of q, k and v joined along another axis than the last, turned over:
    rows of the result lie side by side."""

    def f(x, w):
        B, T, C = w.shape
        parts = x.view(B, T, 3, 2, C // 2).permute(2, 3, 0, 1, 4)  # (3, H, B, T, D)
        q, k, v = (parts[i].clone() for i in range(3))
        y = F.scaled_dot_product_attention(q, k, v)
        y = y.permute(1, 2, 0, 3).reshape(B, T, C)
        gradients = cr.autograd.grad((y * w).sum(), [q, k, v])
        turned = cr.cat([g.transpose(2, 3) for g in gradients], dim=1)
        ahead = cr.cat([g.permute(1, 2, 0, 3) for g in cr.autograd.grad(loss(q, k, v), [q, k, v])])
        return turned, ahead

    def loss(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).square().sum()

    x, w = (cr.tensor(v) for v in drawn((3, 19, 48), (3, 19, 16), (1, 1))[1:3])
    made = []
    TracedFunction(f, lambda p, donated: made.append(Both(p, donated)) or made[0])(
        x.requires_grad_(), w
    )
    native = made[0].native
    written = [
        native.memory.layout[v.id]
        for s in native.steps
        if s.group.equations[0].op.name == "attention_backward"
        for v in s.group.equations[0].outputs
    ]
    assert sum(access.strides[-1] != 1 for access in written) == 3
    assert all(v.offset or k % 3 == 0 for k, v in enumerate(written))


@pytest.mark.parametrize("names", ["q", "k", "v", "g", "qkvg"])
def test_operands_of_any_strides(names):
    """Each operand given by its columns, as a view with rows side by side in memory."""
    values = drawn((2, 13, 20), (2, 21, 20), (2, 21, 24))
    p = program(values, False, 0.4)
    inputs, views, given = list(p.inputs), [], list(values[:4])
    replaced = {}
    for k, name in enumerate("gqkv"):
        if name in names:
            v = inputs[k]
            B, M, N = v.spec.shape
            inputs[k] = Var(Spec((B, N, M), v.spec.dtype))
            replaced[v.id] = Var(v.spec)
            attrs = {"dims": (0, 2, 1)}
            views.append(Equation(TABLE["permute"], (inputs[k],), attrs, (replaced[v.id],), None))
            given[k] = np.ascontiguousarray(given[k].swapaxes(1, 2))
    equations = [
        Equation(
            eq.op, [v and replaced.get(v.id, v) for v in eq.inputs], eq.attrs, eq.outputs, None
        )
        for eq in p.equations
    ]
    native = Native(Program(inputs, [*views, *equations], p.outputs))
    found = native.run(given, [None] * 6)
    for a, b in zip(found, reference(*values, False, 0.4), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5)


# ------------------------------------------------------------------------------------ values at the edge


def test_scores_far_apart(target):
    """Exponentials that vanish, rows whose sum is one term, maxima far from 0."""
    g, q, k, v, _ = drawn((2, 19, 8), (2, 700, 8), (2, 700, 8))
    check([g, q * 6, k * 2, v, None], target=target)
    check([g, q, k, v, floats(19, 700) * 40], target=target)
    check([g, q, k, v, None], scale=-0.1, target=target)
    check([g, q, k, v, None], scale=0.0, target=target)


def test_nan_and_infinity_stay_in_their_rows():
    g, q, k, v, _ = drawn((5, 8), (7, 8), (7, 8))
    q[1, 3], q[2, 3] = math.nan, math.inf
    _, (y, most, total, *_) = run([g, q, k, v, None])
    for x in (y, np.stack([most, total], -1)):
        bad = ~np.isfinite(x.reshape(5, -1)).all(1)
        assert bad.tolist() == [False, True, True, False, False]
    v[6, 2] = math.nan
    q[:] = 0
    _, (y, *_) = run([g, q, k, v, None])
    assert np.isnan(y).all(0).tolist() == [j == 2 for j in range(8)]


def test_a_nan_with_any_payload_stays_one():
    g, q, k, v, _ = drawn((5, 8), (7, 8), (7, 8))
    q.view(np.uint32)[0, 0] = 0x7FC00155
    q.view(np.uint32)[1, 0] = 0xFFC001FF
    _, (y, *_) = run([g, q, k, v, None])
    assert np.isnan(y).all(1).tolist() == [True, True, False, False, False]


# -------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_memory_grows_with_the_length_alone(causal):
    """At T = 2048 the scores would take 16 MiB a head; rows of operands take half a MiB."""
    T = 2048
    values = drawn((2, T, 64), (2, T, 64), (2, T, 64))
    native = check(values, causal)
    scores = T * T * 4
    assert native.arena_bytes < scores / 4
    assert max(s.kernel.scratch for s in native.steps) < scores / 4
    small = run(drawn((2, T // 2, 64), (2, T // 2, 64), (2, T // 2, 64)), causal)[0]
    for a, b in zip(native.steps, small.steps, strict=True):
        assert a.kernel.scratch < 2.1 * b.kernel.scratch


@pytest.fixture
def at_the_end_of_memory():
    """Copies an array to where a page ends, after which there is nothing to read."""
    page, maps = mmap.PAGESIZE, []
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def placed(x):
        pages = -(-x.nbytes // page)
        region = mmap.mmap(-1, (pages + 1) * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(region))
        assert protect(start + pages * page, page, 0) == 0
        maps.append((region, start + pages * page))
        y = np.frombuffer(region, x.dtype, x.size, pages * page - x.nbytes).reshape(x.shape)
        y[...] = x
        return y

    yield placed
    for _, end in maps:
        protect(end, page, 3)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="no mprotect here")
@pytest.mark.parametrize("causal", [False, True, "mask"])
@pytest.mark.parametrize("sizes", [(5, 37, 19, 21), (29, 31, 16, 16), (3, 2, 1, 1)], ids=str)
def test_nothing_is_read_beyond_an_operand(sizes, causal, target, at_the_end_of_memory):
    """Each operand ends where memory does: rows and lanes too many would end the process."""
    T, S, D, E = sizes
    mask = bools(2, T, S) if causal == "mask" else None
    values = drawn((2, T, D), (2, S, D), (2, S, E), mask)
    check(
        [None if x is None else at_the_end_of_memory(x) for x in values],
        causal is True,
        target=target,
    )


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16])
@pytest.mark.parametrize("mask", ["none", "added", "bool"])
def test_half_floats_are_attended_to_in_float32(dtype, mask):
    """By the same kernels, between conversions."""

    def f(q, k, v, mask):
        y = F.scaled_dot_product_attention(q, k, v, mask)
        return y, *cr.autograd.grad(y.sum(), [q, k, v])

    args = [
        cr.tensor(x).to(dtype).requires_grad_() for x in drawn((2, 5, 3), (2, 7, 3), (2, 7, 4))[1:4]
    ]
    mask = {"none": None, "added": cr.randn(5, 7).to(dtype), "bool": cr.ones(5, 7).bool()}[mask]
    run = TracedFunction(f, Both)
    run(*args, mask)
    native = run.last.executor.native
    assert sum(s.group.role == "attention" for s in native.steps) == 2
    assert all(s.kernel is not None for s in native.steps)


# ------------------------------------------------------------------------------- what has no kernel


def test_one_that_does_not_fit_sends_all_by_the_definition():
    values = drawn((5, 8), (7, 8), (7, 8), floats(5, 7).astype("float64"))
    p = program(values, False, 0.4)
    assert not room.attention_kept(p)
    assert room.attention_kept(program([*values[:4], None], False, 0.4)) == {
        "attention", "attention_backward",
    }  # fmt: skip


def test_operations_are_counted():
    values = drawn((2, 3, 5, 7), (2, 3, 11, 7), (2, 3, 11, 13))
    counts = [equation_flops(eq) for eq in program(values, False, 1.0).equations]
    assert counts == [2 * 6 * 55 * (7 + 13), 2 * 6 * 55 * (3 * 7 + 2 * 13)]
    causal = equation_flops(program(values, True, 1.0).equations[0])
    assert causal == 2 * 6 * (1 + 2 + 3 + 4 + 5) * (7 + 13)
    rows = kernel_rows(run(values)[0])
    assert [r.flops for r in rows] == counts


# --------------------------------------------------------------------------------------------- torch


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_as_in_torch(torch, causal):
    values = drawn((2, 3, 31, 16), (2, 3, 31, 16), (2, 3, 31, 16))
    _, (y, _, _, *gradients) = run(values, causal, 1 / 4)
    leaves = [torch.tensor(x, requires_grad=True) for x in values[1:4]]
    expected = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=causal)
    expected.backward(torch.tensor(values[0]))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=0, atol=1e-5)
    for found, leaf in zip(gradients, leaves, strict=True):
        np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=0, atol=2e-5)


# --------------------------------------------------------------------------------------------- tiles


def test_tiles_fit_the_registers_and_the_rows():
    for level, most in ("avx512", 14), ("avx2", 6), ("baseline", 6):
        tiles = Tiles(Code("f", [PTR]), FLOAT, Target.level(level))
        assert tiles.most_rows == most
        for n in (1, 2, 7, 64, 65, 1000):
            assert 1 <= tiles.rows_for(n) <= most
    wide = Tiles(Code("f", [PTR]), FLOAT, Target.level("avx512"))
    assert wide.rows_for(65) == 13
    assert wide.rows_for(1) < 8


# --------------------------------------------------------------------------------------------- loops


def test_in_the_body_of_a_scan():
    """Each turn reads and writes its own slices, forward and backward."""

    def f(start, xs):
        def body(carry, x):
            y = F.scaled_dot_product_attention(carry[0] + x[0], x[0], x[0])
            return (y,), (y,)

        (h,), (ys,) = cr.scan(body, (start,), (xs,))
        return h, ys, *cr.autograd.grad((ys * ys).sum() + h.sum(), [start, xs])

    start, xs = (
        cr.tensor(x, requires_grad=True) for x in drawn((2, 5, 4), (3, 2, 5, 4), (1, 1))[1:3]
    )
    made = []
    TracedFunction(f, lambda p, donated: made.append(Both(p, donated)) or made[0])(start, xs)
    roles = [s.group.role for s in made[0].native.steps]
    assert roles.count("attention") == 6
