"""What an op says when it refuses: the call, the law in words, each operand with shape and dtype, the offending number, a hint.

The battery checks that every op refuses what its law refuses and names its operands. Here stand whole messages, one or more for each
family of laws.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import functional, ops
from chainrule.base.errors import DTypeError, RangeError, ShapeError

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}


def z(*shape, dtype="float32"):
    return cr.zeros(*shape, dtype=dtype)


def i(*shape, value=0):
    return cr.full(shape, value, dtype="int64")


MESSAGES = [
    # contract
    (ops.matmul, (z(5, 3), z(7, 3)), {}, ShapeError, """\
matmul(a, b): the last axis of a must equal the second-to-last axis of b
  a  (m=5, k=3)  float32
  b  (k=7, n=3)  float32      k is 3 in a but 7 in b
  hint: a @ b.mT would fit"""),
    (ops.matmul, (z(8, 32, 64), z(128, 10)), {}, ShapeError, """\
matmul(a, b): the last axis of a must equal the second-to-last axis of b
  a  (8, m=32, k=64)  float32
  b  (k=128, n=10)    float32      k is 64 in a but 128 in b"""),
    (ops.matmul, (z(2, 5, 3), z(7, 3, 2)), {}, ShapeError, """\
matmul(a, b): the leading axes (2,) and (7,) do not broadcast: sizes 2 and 7 of axis -1 do not broadcast: sizes must be equal or 1
  a  (2, 5, 3)  float32
  b  (7, 3, 2)  float32"""),
    (ops.matmul, (z(5, 3), z(3, 2, dtype="float64")), {}, DTypeError, """\
matmul(a, b): operands must have the same dtype, found float32 and float64
  a  (5, 3)  float32
  b  (3, 2)  float64
  hint: .to(chainrule.float32) converts the other; arrays of NumPy are float64 unless they are told"""),
    (ops.einsum, (z(5, 3), z(2, 7)), {"equation": "ij,jk->ik"}, ShapeError, """\
einsum(xs[0], xs[1], equation='ij,jk->ik'): axis 'j' of 'ij,jk->ik' has size 3 and, in operand 1, 2
  xs[0]  (5, 3)  float32
  xs[1]  (2, 7)  float32"""),
    # elementwise
    (ops.add, (z(5, 3), z(2, 3)), {}, ShapeError, """\
add(a, b): sizes 5 and 2 of axis -2 do not broadcast: sizes must be equal or 1
  a  (5, 3)  float32
  b  (2, 3)  float32"""),
    (ops.sub, (z(2, dtype="bool"), z(2, dtype="bool")), {}, DTypeError, """\
sub(a, b): this is for numbers, found bool
  a  (2,)  bool
  b  (2,)  bool
  hint: logical_and, logical_or, logical_xor, logical_not"""),
    # reduce, order
    (ops.sum, (z(5, 3),), {"dim": 2}, RangeError, """\
sum(x, dim=2): dimension 2 is out of range: a 2-d tensor has dimensions -2 to 1
  x  (5, 3)  float32"""),
    (ops.sum, (z(5, 3),), {"dim": (1, -1)}, ShapeError, """\
sum(x, dim=(1, -1)): dimension 1 appears twice in (1, -1)
  x  (5, 3)  float32"""),
    (ops.amax, (z(0, 3),), {"dim": 0}, RangeError, """\
amax(x, dim=(0,)): there is no extreme element of an empty axis (dimension 0 has size 0)
  x  (0, 3)  float32"""),
    (ops.topk, (z(5, 3),), {"k": 7}, ShapeError, """\
topk(x, k=7, dim=1): k must be between 0 and the size of the axis, found k=7 for size 3
  x  (5, 3)  float32"""),
    # view, scatter, concat
    (ops.view, (z(5, 3),), {"shape": (2, -1)}, ShapeError, """\
view(x, shape=(2, -1)): 15 elements cannot take the shape (2, -1)
  x  (5, 3)  float32"""),
    (ops.permute, (z(5, 3),), {"dims": (0, 0)}, ShapeError, """\
permute(x, dims=(0, 0)): dims must name each of the 2 axes once, found (0, 0)
  x  (5, 3)  float32"""),
    (ops.expand, (z(5, 3),), {"shape": (5, 7)}, ShapeError, """\
expand(x, shape=(5, 7)): only an axis of size 1 can be expanded; axis 1 has size 3, asked for 7
  x  (5, 3)  float32"""),
    (ops.select, (z(5, 3),), {"dim": 0, "index": 5}, RangeError, """\
select(x, dim=0, index=5): index 5 is out of range for dimension 0 of size 5
  x  (5, 3)  float32"""),
    (ops.slice_, (z(5, 3),), {"dim": 0, "step": -1}, ShapeError, """\
slice_(x, dim=0, step=-1): the step of a slice must be at least 1, found -1
  x  (5, 3)  float32
  hint: flip reverses an axis"""),
    (ops.cat, (z(5, 3), z(5, 2)), {"dim": 0}, ShapeError, """\
cat(xs[0], xs[1]): operands must agree on every axis but 0, found (5, 3) and (5, 2)
  xs[0]  (5, 3)  float32
  xs[1]  (5, 2)  float32"""),
    (ops.stack, (z(5, 3), z(3, 5)), {}, ShapeError, """\
stack(xs[0], xs[1]): tensors to stack must have one shape, found (5, 3) and (3, 5)
  xs[0]  (5, 3)  float32
  xs[1]  (3, 5)  float32"""),
    (ops.tril, (z(5),), {}, ShapeError, """\
tril(x): a triangle needs at least two axes, found 1
  x  (5,)  float32"""),
    # gather
    (ops.gather, (z(5, 3), i(7, 2)), {"dim": 1}, ShapeError, """\
gather(x, at, dim=1): the index may not be longer than x on axis 0: 7 > 5
  x   (5, 3)  float32
  at  (7, 2)  int64"""),
    (ops.gather, (z(5, 3), i(5, 2, value=3)), {"dim": 1}, RangeError, """\
gather(x, at, dim=1): index 3 is out of range for dimension 1 of size 3
  x   (5, 3)  float32
  at  (5, 2)  int64"""),
    (ops.gather, (z(5, 3), z(5, 2)), {"dim": 1}, DTypeError, """\
gather(x, at, dim=1): index must hold integers, found float32
  x   (5, 3)  float32
  at  (5, 2)  float32"""),
    (ops.embedding, (z(7, 3), i(2, value=7)), {}, RangeError, """\
embedding(weight, at): index 7 is out of range for the table of size 7
  weight  (7, 3)  float32
  at      (2,)    int64"""),
    # window
    (ops.conv, (z(2, 3, 7, 5), z(5, 4, 3, 3)), PLAIN | {"groups": 1}, ShapeError, """\
conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1): the channels of x must be groups times the second axis of w
  x  (2, 3, 7, 5)  float32      C is 3
  w  (5, 4, 3, 3)  float32      needs C = 4"""),
    (ops.conv, (z(2, 7, 5, 3), z(5, 3, 3, 3)), PLAIN | {"groups": 1}, ShapeError, """\
conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1): the channels of x must be groups times the second axis of w
  x  (2, 7, 5, 3)  float32      C is 7
  w  (5, 3, 3, 3)  float32      needs C = 3
  hint: channels stand behind the batch: x.movedim(-1, 1)"""),
    (ops.conv, (z(2, 3, 2, 5), z(5, 3, 3, 3)), PLAIN | {"groups": 1}, ShapeError, """\
conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1): \
the window must fit: on spatial axis 0 it spans 3 but the padded input has 2
  x  (2, 3, 2, 5)  float32
  w  (5, 3, 3, 3)  float32"""),
    (ops.max_pool, (z(3, 7, 5),), {"kernel": (2, 2)} | PLAIN, ShapeError, """\
max_pool(x, kernel=(2, 2), stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1)): x must be (N, C, *S) with 2 spatial axes
  x  (3, 7, 5)  float32      has 3 axes"""),
    # composites
    (functional.softmax, (i(5, 3),), {"dim": 0}, DTypeError, """\
softmax(x): operands must be floating, found int64
  x  (5, 3)  int64"""),
    (functional.layer_norm, (z(5, 3), z(5)), {"shape": (3,)}, ShapeError, """\
layer_norm(x, weight, shape=(3,)): weight must have the normalized shape (3,)
  x       (5, 3)  float32
  weight  (5,)    float32"""),
    (functional.linear, (z(5, 3), z(7, 2)), {}, ShapeError, """\
linear(x, weight): the last axis of x must equal the last axis of the (out, in) weight
  x       (5, 3)  float32
  weight  (7, 2)  float32      needs x (…, 2)"""),
    (functional.attention, (z(2, 5, 4), z(2, 7, 3), z(2, 7, 2)), {}, ShapeError, """\
attention(q, k, v): q is (…, T, D), k (…, S, D), v (…, S, E)
  q  (2, 5, 4)  float32
  k  (2, 7, 3)  float32
  v  (2, 7, 2)  float32"""),
    (functional.cross_entropy, (z(5, 3), i(7)), {}, ShapeError, """\
cross_entropy(x, target): for input (N, C, …) the target must be (N, …): (5,), found (7,)
  x       (5, 3)  float32
  target  (7,)    int64"""),
    (functional.cross_entropy, (z(5, 3), i(5, value=3)), {}, RangeError, """\
cross_entropy(x, target): target 3 is out of range for 3 classes
  x       (5, 3)  float32
  target  (5,)    int64"""),
    (functional.mse_loss, (z(5), z(5, 1)), {}, ShapeError, """\
mse_loss(x, target): input and target must have the same shape
  x       (5,)    float32
  target  (5, 1)  float32
  hint: squeeze or unsqueeze one of them"""),
]  # fmt: skip


@pytest.mark.parametrize("op, args, attrs, error, text", MESSAGES, ids=lambda v: getattr(v, "name", ""))  # fmt: skip
def test_message(op, args, attrs, error, text):
    """The same words on Tensors and on raw arrays."""
    for operands in args, [a.numpy() for a in args]:
        with pytest.raises(error) as found:
            op(*operands, **attrs)
        assert str(found.value) == text


@pytest.mark.parametrize("a, b, hint", [
    ((5, 3), (7, 3), "a @ b.mT would fit"),
    ((5, 3), (5, 7), "a.mT @ b would fit"),
    ((5, 3), (7, 5), "b @ a would fit"),
    ((5, 3), (7, 11), None),
])  # fmt: skip
def test_hint_of_matmul_is_right(a, b, hint):
    """A hint is given only if it works."""
    with pytest.raises(ShapeError) as found:
        ops.matmul(z(*a), z(*b))
    if hint is None:
        assert "hint" not in str(found.value)
    else:
        assert str(found.value).endswith(f"hint: {hint}")
        eval(hint.removesuffix(" would fit"), {}, {"a": z(*a), "b": z(*b)})


def test_errors_are_what_a_person_would_expect():
    """Someone who catches ValueError, IndexError or TypeError catches these."""
    assert issubclass(ShapeError, ValueError)
    assert issubclass(RangeError, IndexError)
    assert issubclass(DTypeError, TypeError)


@pytest.mark.parametrize("operand", ["text", [1.0, 2.0], object(), 1j], ids=lambda v: type(v).__name__)  # fmt: skip
def test_what_is_no_tensor_is_refused(operand):
    with pytest.raises(DTypeError, match=f"found .*{type(operand).__name__}|complex numbers"):
        ops.exp(operand)


def test_an_error_inside_a_trace_says_the_same():
    """The tracer asks the law, the eager call the body: one text."""
    from chainrule.graph import trace

    with pytest.raises(ShapeError) as eager:
        ops.matmul(z(5, 3), z(7, 3))
    with pytest.raises(ShapeError) as traced:
        trace(ops.matmul)(z(5, 3), z(7, 3))
    assert str(traced.value) == str(eager.value)


def test_the_backward_pass_names_no_law_of_the_user(recwarn):
    """Operands that fit give no error and no warning, zeros and infinities neither."""
    x = cr.tensor(np.array([0.0, np.inf, -1.0, np.nan]), requires_grad=True)
    for op in ops.log, ops.sqrt, ops.reciprocal, ops.exp, ops.log1p, ops.rsqrt:
        op(x).sum().backward()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ([1.0], "add(a, b): expected a tensor, an array or a number, found list\n  a  (5, 3)  float32\n  b  [1.0]   list"),
        (None, "add(a): expected a tensor, an array or a number, found None\n  a  (5, 3)  float32"),
    ],
)  # fmt: skip
def test_what_is_no_operand_at_all(wrong, text):
    """Guards the words for a forgotten `return`: NumPy's own speak of a float and a NoneType."""
    with pytest.raises(DTypeError) as told:
        z(5, 3) + wrong
    assert str(told.value) == text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: functional.linear(z(2, 3), [[1.0]], None), "linear(x, weight): expected a tensor or an array, found list\n"),
        (lambda: functional.mse_loss(z(3), 1.0, reduction="mean"), "mse_loss(x, target): expected a tensor or an array, found float\n"),
        (lambda: functional.linear(z(2, 3), None, None), "linear(x): expected a tensor or an array, found None\n"),
    ],
)  # fmt: skip
def test_what_has_no_shape(call, text):
    """Guards the words where a law asks for a shape: Python's own say that a list has no attribute."""
    with pytest.raises(DTypeError) as told:
        call()
    assert str(told.value).startswith(text)
