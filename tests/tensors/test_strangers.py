"""A call that fails in Python's words names the argument that was of no use, what it was and what it should have been."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ArgumentError, DTypeError, ShapeError
from chainrule.nn import functional as F

X = cr.ones(2, 3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.linear(X, None), r"linear\(\): argument 'weight' \(position 2\) must be a tensor, found None$"),
        (lambda: F.conv2d([1.0], X), r"conv2d\(\): argument 'input' \(position 1\) must be a tensor, found list\n  hint: chainrule.tensor"),
        (lambda: F.conv2d(X[None], cr.ones(1, 1, 1, 1), stride=1.5), "stride must be an integer or 2, one per spatial axis, found 1.5"),
        (lambda: cr.flatten("abc"), r"flatten\(\): argument 'input' \(position 1\) must be a tensor, found str$"),
        (lambda: X.matmul([1.0]), r"matmul\(\): argument 'other' \(position 2\) must be a tensor, found list"),
        (lambda: cr.stack([X, None]), r"stack\(\): argument 'tensors\[1\]' \(position 1\) must be a tensor, found None"),
        (lambda: cr.meshgrid([X[0], 2]), r"meshgrid\(\): argument 'tensors\[0\]\[1\]' \(position 1\) must be a tensor, found int"),
        (lambda: cr.topk(X, "0"), r"topk\(\): argument 'k' \(position 2\) must be int, found str"),
        (lambda: cr.narrow(X, 0, None, 1), r"narrow\(\): argument 'start' \(position 3\) must be given, found None"),
        (lambda: F.adaptive_avg_pool2d(X[None], 2.5), "output_size.* must be an integer, a list of them or None, found float"),
        (lambda: cr.split(X, None), r"split\(\): .* as an integer\n  called with tensor Tensor \(2, 3\), split_size_or_sections None"),
        (lambda: X.clone().uniform_("a"), r"uniform_\(\): argument 'a' \(position 1\) must be float, found str"),
        (lambda: X.new_full(3, 1.0), r"new_full\(\): argument 'size' \(position 1\) must be a list of integers, found int"),
        (lambda: X.clone().resize_("a"), r"resize_\(\): .*'str' and 'int'\n  called with sizes tuple"),
        (lambda: X.histc("a"), r"histc\(\): argument 'bins' \(position 2\) must be int, found str"),
        (lambda: X.type_as(3), r"type_as\(\): argument 'other' \(position 1\) must be a tensor, found int"),
        (lambda: cr.abs_(1.5), r"abs\(x\): an operand must be a tensor or an array, found only numbers\n  x  1.5"),
        (lambda: nn.init.uniform_(cr.zeros(2), "a"), r"uniform_\(\): argument 'a' \(position 2\) must be float, found str"),
        (lambda: cr.hann_window("a"), r"general_cosine\(\): argument 'M' \(position 1\) must be int, found str"),
        (lambda: cr.softmax(X, 0, dtype=X), r"is not a dtype"),
        (lambda: cr.tril(X, cr.ones(2)), r"tril.*: diagonal is a number or the like, found a tensor"),
        (lambda: cr.add(None, X, out=cr.empty(2, 3)), "expected a tensor, an array or a number, found None"),
        (lambda: cr.linspace("a", 1, 3), "an end is a number or a 0-d tensor, found str"),
        (lambda: X.view(None), r"view: sizes are integers, found \(None,\)"),
        (lambda: X.reshape(None), r"view\(x, shape=\(None,\)\): "),
        (lambda: X.sum(keepdim=None), r"sum\(x, dim=\(0, 1\), keepdim=None\): "),
        (lambda: cr.sin(None), "sin.*expected a tensor, an array or a number, found None"),
        (lambda: cr.logical_and(X, None), "logical_and.*expected a tensor, an array or a number, found None"),
        (lambda: cr.clone(3.5), r"clone.*must be a tensor or an array, found only numbers"),
        (lambda: nn.Conv2d(1, 2, 3.0), r"Conv2d\(\): .*'kernel_size' \(position 3\) must be an integer or a list of them, found float"),
        (lambda: nn.LayerNorm(None), r"LayerNorm\(\): .*shape' \(position 1\) must be int or a list of integers, found None"),
        (lambda: nn.Dropout("a"), r"Dropout\(\): argument 'p' \(position 1\) must be float, found str"),
        (lambda: nn.ZeroPad2d(None), r"ZeroPad2d\(\): argument 'padding' \(position 1\) must be given, found None"),
    ],
)  # fmt: skip
def test_named(call, text):
    with pytest.raises(DTypeError, match=text) as caught:
        call()
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: X.clone().fill_("a"), r"full\(.*: could not convert string to float"),
        (lambda: cr.bitwise_or(cr.tensor([1]), 10**30), r"bitwise_or.*: int64 does not hold 1000"),
        (lambda: X.triu(float("nan")), r"triu.*: arange: cannot compute length"),
        (lambda: cr.ones(10**30), r"full\(.*: Maximum allowed dimension exceeded"),
        (lambda: cr.histc(X, 1, (1, 2)), r"histc\(\): argument 'min' \(position 3\) must be float, found tuple"),
    ],
)  # fmt: skip
def test_values_of_no_use(call, text):
    """What NumPy says of a value, with the call; as in PyTorch a RuntimeError, and as in Python a ValueError or TypeError."""
    with pytest.raises((ArgumentError, DTypeError), match=text):
        call()


def test_sizes_are_not_negative():
    with pytest.raises(ShapeError, match=r"sizes cannot be negative, found \(-3,\)"):
        X.new_zeros(-3)


def test_what_a_function_of_the_caller_s_raises_stays_as_it_is():
    def distance(a, b):
        return None.shape

    def step(state, x):
        raise KeyError("mine")

    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'shape'"):
        F.triplet_margin_with_distance_loss(X, X, X, distance_function=distance)
    with pytest.raises(KeyError, match="mine"):
        cr.scan(step, X[0], X)


def test_too_few_and_too_many_arguments_are_told_by_python():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'other'"):
        cr.add(X)
    with pytest.raises(TypeError, match="takes from 1 to 4 positional arguments but 5 were given"):
        cr.var(X, 1, 2, 3, 4)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'out_features'"):
        nn.Linear(2)


def test_functions_are_one_under_two_names_and_can_be_pickled():
    import pickle

    assert cr.div is cr.true_divide
    for f in (cr.div, F.linear, cr.linalg.inv, cr.arange):
        assert pickle.loads(pickle.dumps(f)) is f


class Pair(tuple):
    """Two tensors that scale together, as solvers of differential equations keep their state."""

    def __rmul__(self, factor):
        return Pair([factor * x for x in self])

    __radd__ = __rmul__

    def __gt__(self, number):
        return all(bool((x > number).all()) for x in self)

    __lt__ = __gt__


def test_a_class_of_somebodys_own_says_what_an_operator_does():
    pair = Pair([cr.ones(2), cr.full((3,), 2.0)])
    assert [x.tolist() for x in cr.tensor(3.0) * pair] == [[3, 3], [6, 6, 6]]
    assert type(cr.tensor(3.0) + pair) is Pair
    assert (cr.tensor(0.0) < pair) is True  # as pair > 0
    with pytest.raises(TypeError, match="unsupported operand"):
        cr.ones(2) - pair


@pytest.mark.parametrize("of", [float, lambda w: cr.full((3,), w)])
def test_lerp_starts_from_the_nearer_end(of):
    """Schedules of noise go half-way to the logarithm of zero."""
    inf = float("inf")
    start, end = cr.tensor([-inf, 1.0, 3.0]), cr.tensor([1.0, -inf, 7.1])
    assert cr.lerp(start, end, of(0.5))[0].item() == -inf
    assert cr.lerp(start, end, of(0.3))[1].item() == -inf
    assert cr.lerp(start, end, of(1.0))[2].item() == end[2].item()
    x = cr.tensor([3.0, 2.0, 5.0], requires_grad=True)
    cr.lerp(x, cr.ones(3), of(0.75)).sum().backward()
    assert x.grad.tolist() == [0.25] * 3
