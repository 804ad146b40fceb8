"""The battery's comparison with PyTorch: dtype and value of every op in every dtype, gradients, and what happens at the edges.

Edges: infinities, NaN, negative zero, ties, and the points where a function has a kink. Where we differ on purpose, a table says so.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from ops import torch_calls
from ops.calls import (
    OPS,
    TOLERANCE,
    all_outputs,
    as_float,
    assert_close,
    differentiable_outputs,
    each_call,
    gradients,
    is_floating,
    names_of,
    normal_form,
    operands,
    raw,
    spec,
    tensors,
    weights_for,
)
from ops.torch_calls import NO_GRADIENT_IN_TORCH, NOT_IN_TORCH, from_torch, to_torch

from chainrule.base import dtypes
from chainrule.base.errors import DTypeError
from chainrule.ops.samples import samples_of
from chainrule.tensors import Tensor
from chainrule.tensors.core import wrap

COMPARED = [op for op in OPS if op.name not in NOT_IN_TORCH]

INTEGERS = {"bool", *[d.name for d in dtypes.INTEGERS]}
EXCEPT = {
    "matmul": ({"bool"}, "torch does not look at the dtype of empty tensors"),
    "linear": ({"bool"}, "likewise"),
    "matrix_exp": ({"float16", "bfloat16"}, "torch overflows on the way"),
    "softmax": (INTEGERS, "likewise"),
    "log_softmax": (INTEGERS, "likewise"),
    "einsum": (INTEGERS, "in torch one operand that is only summed may be bool, and becomes int64"),
    "square": ({"bool"}, "in torch a power, int64"),
    "index_put": ({"bool"}, "adding bools is a logical or in torch; ours adds numbers"),
    "softsign": (INTEGERS, "for floats, as other activations"),
    "tanhshrink": (INTEGERS, "likewise"),
    "logsumexp": (INTEGERS, "for floats, as softmax"),
    "local_response_norm": (INTEGERS, "likewise"),
    "reduce_bags": (INTEGERS, "for floats"),
    "sum_bags": (INTEGERS, "likewise"),
    "max_bags": (INTEGERS, "likewise"),
    "avg_pool": (
        {"int64"},
        "without padding it is written as a quotient of means, which integers are too coarse for",
    ),
    "lp_pool": (INTEGERS, "for floats"),
    "resize": (INTEGERS, "for floats; images of bytes are rounded in nn.functional"),
    "resize_smoothly": (INTEGERS, "likewise"),
    "grid_sample": (
        {"float16", "bfloat16"},
        "torch computes places in half floats, ours are float32",
    ),
    "l1_loss": (INTEGERS, "a float, as other losses; torch subtracts uint8 with a wrap around"),
    "mse_loss": (INTEGERS, "likewise"),
    "huber_loss": (INTEGERS, "likewise"),
    "margin_ranking_loss": (INTEGERS, "likewise"),
    "hinge_embedding_loss": (INTEGERS, "likewise"),
    "pairwise_distance": (INTEGERS, "likewise"),
    "poisson_nll_loss": (INTEGERS, "likewise"),
}
"""op: dtypes in which we refuse what torch takes, or give another dtype, and why."""


def compared(op):
    return op.name not in NOT_IN_TORCH


def test_every_op_has_a_counterpart_or_a_reason():
    assert all(op.reference or op.name in torch_calls.CALLS for op in COMPARED)
    assert not [name for name in NOT_IN_TORCH if name in torch_calls.CALLS]


def torch_results(torch, op, args, attrs):
    """What torch gives, as raw arrays; None if torch has no such call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = [to_torch(torch, a) for a in args]
            ys = torch_calls.call(torch, op, given, attrs)
        except (RuntimeError, TypeError, NotImplementedError, IndexError, ValueError):
            return None
        return [from_torch(torch, y) for y in ys]


# ------------------------------------------------------------------------------------------------- value and dtype


ANY_OF_TIES = {"topk", "kthvalue"}
"""Ops that in torch may take any of equal elements; of floats the samples have none."""


@each_call(compared)
def test_value_and_dtype(torch, op, sample, seed):
    """In every dtype that torch takes, the same dtype and value."""
    for dtype in dtypes.ALL:
        args = operands(op, sample, seed, dtype)
        try:
            attrs = normal_form(op, args, sample.attributes)
        except DTypeError:  # refused: then by torch too
            assert torch_results(torch, op, args, sample.attributes) is None, dtype.name
            continue
        expected = torch_results(torch, op, args, attrs)
        if dtype in (dtypes.float32, dtypes.float64):
            assert expected is not None, f"torch does not take {dtype.name}"
        if expected is None:
            continue
        if dtype.name in EXCEPT.get(op.name, ((), ""))[0]:
            continue
        found = all_outputs(op, args, attrs)
        for f, e in zip(found, expected, strict=False):  # ours has hidden outputs too
            if op.name not in ANY_OF_TIES or dtype.is_floating_point:
                assert_close(f, e, dtype.name)


# ----------------------------------------------------------------------------------------------------------- the edges

EDGES = (-np.inf, -6, -3, -2.5, -1, -0.5, -0.0, 0.0, 0.5, 1, 1.5, 2, 3, 6, 21, np.inf, np.nan)

PROBABILITIES = {"binary_entropy", "binary_cross_entropy"}
"""Ops whose operands are probabilities: torch refuses others."""


def edge_operands(op, dtype, values=EDGES):
    """Every combination of edge values for the operands of an elementwise op, with its first sample's attributes."""
    sample = samples_of(op)[0]
    n = sum([o is not None for o in sample.operands])
    values = (0.0, 0.25, 1.0) if op.name in PROBABILITIES else values
    columns = np.meshgrid(*[np.asarray(values, "float32")] * n, indexing="ij")
    flat = iter([dtypes.convert(c.reshape(-1).copy(), dtype) for c in columns])
    out = []
    for o in sample.operands:
        x = None if o is None else next(flat)
        kind = getattr(o, "kind", "f")
        if kind == "i":
            x = np.nan_to_num(as_float(x), posinf=70, neginf=-70).astype("int64")
        out.append(as_float(x) > 0 if kind == "b" else x)
    attrs = sample.attributes
    return out, attrs | {"reduction": "none"} if "reduction" in attrs else attrs


NOT_ELEMENTWISE = (
    "cross_entropy", "soft_cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "cosine_embedding_loss", "triplet_hinge", "ctc_reduced",
    "gaussian_nll_loss",
)  # fmt: skip
"""Losses of classes and of vectors, and one that torch refuses where a variance is negative."""


def is_elementwise(op):
    """Elementwise ops, and losses that are so without their reduction."""
    is_loss = "reduction" in op.defaults and op.name not in NOT_ELEMENTWISE
    return is_loss or op.kind.name == "elementwise"


ELEMENTWISE = pytest.mark.parametrize(
    "op", [op for op in COMPARED if is_elementwise(op)], ids=lambda op: op.name
)
PLUS_ZERO = "max and min of two zeros are the second in NumPy, the first in torch"
ZERO_SIGN = {
    "remainder": "it has the sign of the divisor, as Python's %; torch's is −0 where the dividend is negative",
    "relu": PLUS_ZERO,
    "relu6": PLUS_ZERO,
    "at_least": PLUS_ZERO,
    "elu": "expm1(−0) is +0 after minimum",
    "selu": "likewise",
    "celu": "likewise",
    "softshrink": "0 · x has the sign of x, which keeps NaN; torch gives +0",
    "hardshrink": "likewise",
    "logsigmoid": "+0 where it underflows; torch gives −0",
    "fmax": "the first at a tie; torch's vectors in bfloat16 take the second",
    "fmin": "likewise",
    "logaddexp2": "+0 where it underflows in float16; torch gives −0",
    "gelu": "−0 far below 0, where torch has +0 on processors without AVX-512",
    "i1": "odd, so −0 at −0; torch gives +0",
    "i1e": "likewise",
}
"""op: why the sign of a zero result may differ from torch's."""

NOT_AT_EDGES = {
    "zeta": "where terms of both signs cancel, torch's sum has no digit right; NaN and ∞ as orders are torch's accident",
    "igamma": "NaN stays NaN; near a = x torch's has ten digits",
    "igammac": "likewise",
    "airy": "below −2 torch's has seven digits; ours has those of tables, see test_special.py",
    "orthogonal_polynomial": "an infinite degree is refused; in torch it becomes a negative integer",
}  # fmt: skip
"""op: why it is compared on its samples alone."""

INFINITE = {"gelu": "torch's vectorised gelu gives NaN at +∞; ours +∞"}
"""op: why it is not compared at infinities."""

ROUNDED_TWICE = {
    "ldexp": "torch rounds 2^exponent to float16, which overflows, before it multiplies",
    "kl_div": "torch rounds t · ln t and t · x to half floats before it subtracts them",
    "poisson_nll_loss": "likewise eˣ and t · x",
}
"""op: why its results in half floats are not torch's."""


@pytest.mark.parametrize("dtype", [dtypes.float64, dtypes.float32, dtypes.float16, dtypes.bfloat16], ids=lambda d: d.name)  # fmt: skip
@ELEMENTWISE
def test_elementwise_at_the_edges(torch, op, dtype):
    """Infinities, NaN, the sign of zero: as torch has them."""
    args, attrs = edge_operands(op, dtype)
    expected = torch_results(torch, op, args, attrs)
    if (
        expected is None
        or op.name in NOT_AT_EDGES
        or (dtype.itemsize < 4 and op.name in ROUNDED_TWICE)
    ):
        return
    (found,), (expected,) = all_outputs(op, args, normal_form(op, args, attrs)), expected
    assert spec(found) == spec(expected)
    f, e = as_float(found), as_float(expected)
    if op.name in INFINITE:
        f, e = f[np.isfinite(as_float(args[0]))], e[np.isfinite(as_float(args[0]))]
    if not is_floating(found):
        np.testing.assert_array_equal(f, e)
        return
    tolerance = TOLERANCE[dtype.name]
    np.testing.assert_allclose(f.astype("float64"), e.astype("float64"), rtol=tolerance, atol=tolerance)  # fmt: skip
    if op.name not in ZERO_SIGN:
        zeros = (f == 0) & (e == 0)
        np.testing.assert_array_equal(np.signbit(f[zeros]), np.signbit(e[zeros]))


KINKS = {
    "binary_entropy": ("target", "its logarithms are limited to −100 in the gradient too; torch's is infinite"),
    "binary_cross_entropy": ("target", "likewise"),
    "kl_div": ("target", "at 0 torch's is NaN; ours treats t · ln t as constant there"),
    "digamma": ("x", "at the poles ours is infinite, torch's some large number: it rounds πx before the sine"),
    "poisson_nll_loss": ("target", "torch's is NaN wherever the logarithm of the target is no number"),
    "pow": ("b", "0 to a negative power: ∞ times the logarithm of 0 is NaN here, infinite in torch"),
}  # fmt: skip
"""op: an operand by which the gradient is not torch's everywhere, and why."""


@ELEMENTWISE
def test_gradients_at_kinks(torch, op):
    """Where a function has a corner or jumps, the derivative torch gives."""
    if not (op.differentiable or op.composite):
        return
    values = tuple([v for v in EDGES if np.isfinite(v)])
    args, attrs = edge_operands(op, dtypes.float32, values)
    compare_gradients(torch, op, args, attrs, KINKS.get(op.name, ())[:1])


ORDERED = (
    "sort", "argsort", "topk", "argmax", "argmin", "max_along", "min_along", "amax", "amin", "cumsum", "sum", "max_pool",
)  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
def test_ties_and_nan_in_order(torch, name):
    """Ties, NaN and infinities along an axis: values, indices and gradients."""
    op = next(op for op in OPS if op.name == name)
    rng = np.random.default_rng(11)
    rows = rng.choice([-1.0, 0.0, 2.0, 2.0, np.inf, -np.inf], (40, 7))
    rows[::3, 2:5:2] = np.nan
    for sample in samples_of(op):
        attrs = dict(sample.attributes)
        if name == "max_pool":
            if len(attrs["kernel"]) != 2:
                continue
            x = rows.reshape(2, 2, 10, 7)
        else:
            x = rows
            attrs |= {"dim": (1,) if isinstance(attrs["dim"], (tuple, type(None))) else 1}
        attrs = normal_form(op, [x], attrs)
        if name == "topk":  # which of equal elements torch takes is not specified
            x = rng.permuted(np.tile([-np.inf, -1, 0, 2, 3, np.inf, np.nan], (40, 1)), axis=1)
        expected = torch_results(torch, op, [x], attrs)
        for f, e in zip(all_outputs(op, [x], attrs), expected, strict=True):
            np.testing.assert_array_equal(f, e)
        if op.differentiable and name != "topk":
            compare_gradients(
                torch, op, [np.nan_to_num(x, nan=5.0, posinf=2.0, neginf=-1.0)], attrs
            )


# ----------------------------------------------------------------------------------------------------------- gradients


def compare_gradients(torch, op, args, attrs, leave_out=()):
    """The gradient by every operand that has one, from the same random gradient at every output."""
    leaves = tensors(op, args)
    y = op(*leaves, **attrs)
    ys = differentiable_outputs(op, [wrap(v, None) for v in (y if isinstance(y, tuple) else (y,))])
    starts = weights_for(ys)
    found = gradients(ys, leaves, starts)
    theirs, without = [], {*leave_out, *NO_GRADIENT_IN_TORCH.get(op.name, ())}
    for name, x, a in zip(names_of(op, len(args)), leaves, args, strict=True):
        t = to_torch(torch, a)
        if isinstance(x, Tensor) and x.requires_grad and name not in without:
            t.requires_grad_()
        theirs.append(t)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an affine grid of one element
        outs = torch_calls.call(torch, op, theirs, normal_form(op, args, attrs))
    outs = [v for name, v in zip(op.outputs, outs, strict=True) if name not in op.constant and v.requires_grad]  # fmt: skip
    asked = [t for t in theirs if isinstance(t, torch.Tensor) and t.requires_grad]
    if not outs or not asked:
        return
    starts = [to_torch(torch, s) for s in starts]
    grads = torch.autograd.grad(outs, asked, starts, allow_unused=True, materialize_grads=True)
    expected = iter(grads)
    for name, g, t in zip(names_of(op, len(args)), found, theirs, strict=True):
        if any(t is a for a in asked):
            assert_close(raw(g), from_torch(torch, next(expected)), f"by {name}", factor=4)


WIDE_GRADIENTS = {
    "erfcx",
    "igamma",
    "igammac",
    "quantile",
    "i1",
    "i1e",
    "airy",
    "orthogonal_polynomial",
    "spherical_bessel_j0",
    "log_ndtr",
    "ndtri",
    "sinc",
    "zeta",
}
"""Ops whose gradient torch has in float32 and float64 alone; that of sinc loses its digits near 0 in bfloat16."""
NOT_IN_BFLOAT16 = {"affine_grid", "resize_smoothly", "local_response_norm"}
"""Ops that torch has not in bfloat16 on a CPU, or not for all of our samples."""


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.bfloat16], ids=lambda d: d.name)
@each_call(lambda op: compared(op) and (op.differentiable or op.composite))
def test_gradients(torch, op, sample, seed, dtype):
    if dtype is dtypes.bfloat16 and op.name in WIDE_GRADIENTS | NOT_IN_BFLOAT16:
        return
    if dtype is dtypes.bfloat16 and op.kind.name == "decompose":
        return  # torch has these in single and double precision only
    compare_gradients(torch, op, operands(op, sample, seed, dtype), sample.attributes)
