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
    """Guards the memory: between the passes only a number a row is held, beside operands and result."""
    op = TABLE["attention"]
    q, k, v = (RNG.standard_normal((3, n, 2)) for n in (11, 13, 13))
    outputs = op.evaluate((q, k, v, None), {"causal": False, "scale": 1.0})
    assert [y.shape for y in outputs] == [(3, 11, 2), (3, 11)]
    assert {name for name, _ in op.keep} <= {"operand", "output", "attribute", "needs"}


@pytest.mark.parametrize("dtype", [dtypes.bfloat16, dtypes.float16])
def test_the_log_of_the_sum_is_not_rounded_to_half_floats(dtype):
    """A weight is exp(s − lse): lse rounded to bfloat16 would change a whole row by percents."""
    x = [dtypes.convert(RNG.standard_normal((5, 3)) * 4, dtype) for _ in range(3)]
    wide = [
        dtypes.float32_from_bits(a) if a.dtype == dtypes.BF16_BITS else a.astype("f4") for a in x
    ]
    attrs = {"causal": False, "scale": 1.0}
    y, lse = TABLE["attention"].evaluate((*x, None), attrs)
    _, expected = TABLE["attention"].evaluate((*wide, None), attrs)
    assert dtypes.stored(y.dtype) is dtype
    assert lse.dtype == np.float32
    assert lse.tobytes() == expected.tobytes()


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
    for a, b in zip(
        op.body(q, k, v, mask, **attrs), op.evaluate((q, k, v, mask), attrs), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)
        assert not a[-1].any()


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
        y, lse = TABLE["attention"].evaluate((*args, mask), attrs)
        return y, lse, *attention_backward(g, *args, mask, y, lse, **attrs)

    whole = everything()
    for cached in (1, 2 * 35, 4 * 35, 8 * 35):
        monkeypatch.setattr(module, "CACHED", cached)
        for a, b in zip(everything(), whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_operands_that_do_not_fit_are_refused():
    x = np.ones((2, 5, 3))
    with pytest.raises(ShapeError, match=r"mask broadcasts to the scores, \(…, T, S\)"):
        attention(x, x, x, np.ones((4, 5), bool))
    with pytest.raises(ShapeError, match=r"g and y are \(…, T, E\), lse \(…, T\)"):
        attention_backward(x, x, x, x, None, x, np.ones((2, 4)))
