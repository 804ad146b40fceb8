"""What attention keeps for its backward pass, how it is traced, and rows that may see nothing."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.base import dtypes
from chainrule.base.errors import ShapeError
from chainrule.functional import attention
from chainrule.functional.attention import attention_backward
from chainrule.graph import trace
from chainrule.nn import functional as F
from chainrule.ops import TABLE

RNG = np.random.default_rng(0)


def drawn(*shape, **options):
    return cr.tensor(RNG.standard_normal(shape).astype("float32"), **options)


def loss_and_gradients(q, k, v):
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return y, *cr.autograd.grad((y * y).sum(), [q, k, v])


def test_a_traced_step_holds_one_equation_for_each_way():
    args = [drawn(2, 7, 5, requires_grad=True) for _ in range(3)]
    traced = trace(loss_and_gradients)
    found, expected = traced(*args), loss_and_gradients(*args)
    names = [eq.op.name for eq in traced.programs[0].equations]
    assert names.count("attention") == names.count("attention_backward") == 1
    assert not {"matmul", "exp"} & set(names)
    for a, b in zip(found, expected, strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


def test_nothing_as_large_as_the_scores_is_kept():
    """Guards the memory: between the passes two numbers a row are held, beside operands and result."""
    op = TABLE["attention"]
    q, k, v = (RNG.standard_normal((3, n, 2)) for n in (11, 13, 13))
    outputs = op.evaluate((q, k, v, None), {"causal": False, "scale": 1.0})
    assert [y.shape for y in outputs] == [(3, 11, 2), (3, 11), (3, 11)]
    assert {name for name, _ in op.keep} <= {"operand", "output", "attribute", "needs"}


@pytest.mark.parametrize("dtype", [dtypes.bfloat16, dtypes.float16])
def test_what_is_kept_of_a_row_is_not_rounded_to_half_floats(dtype):
    """A weight is exp(s − most) / total: most rounded to bfloat16 would change a whole row by percents."""
    x = [dtypes.convert(RNG.standard_normal((5, 3)) * 4, dtype) for _ in range(3)]
    wide = [
        dtypes.float32_from_bits(a) if a.dtype == dtypes.BF16_BITS else a.astype("f4") for a in x
    ]
    attrs = {"causal": False, "scale": 1.0}
    y, *found = TABLE["attention"].evaluate((*x, None), attrs)
    _, *expected = TABLE["attention"].evaluate((*wide, None), attrs)
    assert dtypes.stored(y.dtype) is dtype
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("nothing", [np.zeros((1, 7), bool), np.full((1, 7), -math.inf, "float32")])
def test_a_row_that_may_see_nothing_gives_zeros_and_no_gradient(nothing):
    some = np.ones((4, 7), bool) if nothing.dtype == bool else np.zeros((4, 7), "float32")
    mask = cr.tensor(np.concatenate([some, nothing]))
    q, k, v = (drawn(n, 3, requires_grad=True) for n in (5, 7, 7))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    y.sum().backward()
    assert not y.detach().numpy()[-1].any()
    assert not q.grad.numpy()[-1].any()
    assert q.grad.numpy()[:-1].all()
    for x in (y, k.grad, v.grad):
        assert np.isfinite(x.detach().numpy()).all()


def test_the_definition_gives_zeros_there_too():
    """Second derivatives and compiled half floats run the definition, not the kernel."""
    q, k, v = (RNG.standard_normal((n, 3)) for n in (5, 7, 7))
    mask = np.arange(5)[:, None] < 4
    op, attrs = TABLE["attention"], {"causal": False, "scale": 1.0}
    found = op.body(q, k, v, mask, **attrs)
    for a, b in zip(found, op.evaluate((q, k, v, mask), attrs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    y, most, total = found
    assert not y[-1].any()
    assert (most[-1], total[-1]) == (0, 1)


def test_no_keys_give_zeros():
    y = attention(np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 4)))
    np.testing.assert_array_equal(y, np.zeros((2, 4)))


def test_parts_of_the_batch_give_what_the_whole_gives(monkeypatch):
    """The kernels cut the batch where the scores are too many for the cache: anywhere is right."""
    module = __import__("chainrule.functional.attention", fromlist=["CACHED"])
    args = [RNG.standard_normal((3, 4, n, 2)) for n in (5, 7, 7)]
    g, mask = RNG.standard_normal((3, 4, 5, 2)), RNG.random((4, 1, 7)) < 0.7
    attrs = {"causal": False, "scale": 0.3}

    def everything():
        outputs = TABLE["attention"].evaluate((*args, mask), attrs)
        return *outputs, *attention_backward(g, *args, mask, *outputs, **attrs)

    whole = everything()
    for cached in (1, 2 * 35, 4 * 35, 8 * 35):
        monkeypatch.setattr(module, "CACHED", cached)
        for a, b in zip(everything(), whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_operands_that_do_not_fit_are_refused():
    x = np.ones((2, 5, 3))
    with pytest.raises(ShapeError, match=r"mask broadcasts to the scores, \(…, T, S\)"):
        attention(x, x, x, np.ones((4, 5), bool))
    rows = np.ones((2, 5))
    for most, total in (np.ones((2, 4)), rows), (rows, np.ones(5)):
        with pytest.raises(ShapeError, match=r"most and total are \(…, T\)"):
            attention_backward(x, x, x, x, None, x, most, total)
    with pytest.raises(ShapeError, match=r"g and y are \(…, T, E\)"):
        attention_backward(x[:1], x, x, x, None, x, rows, rows)


LOWEST = float(np.finfo(np.float32).min)


def hidden_rows(*shape, lowest):
    """A floating mask under which the first row sees nobody, as models write it, and others some."""
    seen = np.random.default_rng(1).random(shape) < 0.6
    seen[..., :1, :] = False
    return np.where(seen, 0, lowest).astype("float32")


@pytest.mark.parametrize("lowest", [-1e4, -1e9, LOWEST])
def test_a_row_whose_mask_is_very_low_everywhere_sees_all_alike(torch, lowest):
    """Guards the digits of the sum beside a large maximum: kept as max + log Σ, it vanishes, and each
    weight of the row was 1 in the backward pass. Scores are whole numbers, so that both dtypes hold them."""
    scale = 64 if lowest == -1e9 else 1  # float32 holds multiples of 64 there
    q, k = (RNG.integers(-2, 3, (2, n, 3)).astype("float32") for n in (5, 7))
    v, g = (RNG.standard_normal((2, n, 4)).astype("float32") for n in (7, 5))
    mask = hidden_rows(5, 7, lowest=lowest)
    ours = [cr.tensor(x, requires_grad=True) for x in (q, k, v, mask)]
    y = F.scaled_dot_product_attention(*ours, scale=scale)
    found = [y, *cr.autograd.grad(y, ours, cr.tensor(g))]
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (q, k, v, mask)]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        y = torch.nn.functional.scaled_dot_product_attention(*leaves, scale=scale)
        y.backward(torch.tensor(g, dtype=torch.float64))
    for a, b in zip(found, [y, *[x.grad for x in leaves]], strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-4)
