"""PyTorch's overloads, called as its users call them, on both libraries: values, dtypes, and the gradient of one weighted sum."""

import numpy as np
import pytest

import chainrule as cr

A = np.random.default_rng(0).standard_normal((3, 5, 7))
B = np.random.default_rng(1).standard_normal((5, 7))
INDICES = np.random.default_rng(2).integers(0, 5, (3, 2, 7))

# each with the library L, a tensor x (3, 5, 7) that wants a gradient, y (5, 7) too, i int64 indices (3, 2, 7) below 5
CALLS = {
    "max()": lambda L, x, y, i: x.max(),
    "max(dim)": lambda L, x, y, i: x.max(1),
    "max(dim=-1, keepdim=True)": lambda L, x, y, i: L.max(x, dim=-1, keepdim=True),
    "max(other)": lambda L, x, y, i: x.max(y),
    "max(input, other)": lambda L, x, y, i: L.max(x, y),
    "min()": lambda L, x, y, i: L.min(x),
    "min(dim).values": lambda L, x, y, i: x.min(dim=2).values,
    "min(dim).indices": lambda L, x, y, i: x.min(dim=2).indices,
    "min(other)": lambda L, x, y, i: L.min(y, x),
    "amax(dims)": lambda L, x, y, i: x.amax((0, 2)),
    "amax()": lambda L, x, y, i: x.amax(),
    "amin(keepdim)": lambda L, x, y, i: x.amin(dim=(1,), keepdim=True),
    "argmax()": lambda L, x, y, i: x.argmax(),
    "argmax(dim)": lambda L, x, y, i: x.argmax(1, keepdim=True),
    "argmin(dim)": lambda L, x, y, i: L.argmin(x, dim=-1),
    "sum()": lambda L, x, y, i: x.sum(),
    "shifts": lambda L, x, y, i: (i << 2, i >> 1, 3 << i, 64 >> i, i << i),
    "shifts in place": lambda L, x, y, i: i.clone().__ilshift__(2).__irshift__(i),
    "searchsorted of integers": lambda L, x, y, i: L.searchsorted(L.tensor([-1, 0, 1]), x),
    "searchsorted in bfloat16": lambda L, x, y, i: L.searchsorted(y[0].sort().values, y.bfloat16()),
    "bucketize by float32": lambda L, x, y, i: L.bucketize(i, L.tensor([0.5, 2.5])),
    "nextafter of two dtypes": lambda L, x, y, i: (
        L.nextafter(y.detach().bfloat16(), -y.detach().float()),
        L.nextafter(i, y.detach()[0].float()),
    ),
    "block_diag of two dtypes": lambda L, x, y, i: L.block_diag(y.float(), y[0, 0], y.half()),
    "addr of two dtypes": lambda L, x, y, i: L.addr(y > 0, i[0, 0, :5], y[0] > 0, beta=3, alpha=2),
    "view_copy": lambda L, x, y, i: L.view_copy(y.T, (5, 7)),
    "logsumexp of nothing": lambda L, x, y, i: (i[:0].logsumexp((0, 1)), x[:, :0].logsumexp(1)),
    "linear of nothing": lambda L, x, y, i: L.nn.functional.linear(x[0, 0, :0], y[:, :0]),
    "attention without channels": lambda L, x, y, i: L.nn.functional.scaled_dot_product_attention(
        x[..., :0], x[..., :0], x
    ),
    "bincount of nothing": lambda L, x, y, i: L.bincount(
        i[0, 0, :0], weights=x[0, 0, :0], minlength=3
    ),
    "lerp(out)": lambda L, x, y, i: L.lerp(
        y.detach(), -y.detach(), 0.5, out=L.zeros(5, 7, dtype=L.float32)
    ),
    "sum(dim)": lambda L, x, y, i: x.sum(-1),
    "sum(list)": lambda L, x, y, i: L.sum(x, [0, 2], keepdim=True),
    "sum(dtype)": lambda L, x, y, i: x.sum(0, dtype=L.float32),
    "sum of bools": lambda L, x, y, i: (x > 0).sum(1),
    "mean()": lambda L, x, y, i: x.mean(),
    "mean(dims)": lambda L, x, y, i: x.mean((0, 1)),
    "std()": lambda L, x, y, i: x.std(),
    "std(dim)": lambda L, x, y, i: x.std(1),
    "std(unbiased=False)": lambda L, x, y, i: x.std(1, unbiased=False),
    "std(dim, correction=0, keepdim)": lambda L, x, y, i: L.std(
        x, dim=(0, 1), correction=0, keepdim=True
    ),
    "var(False)": lambda L, x, y, i: x.var(False),
    "var(correction=2)": lambda L, x, y, i: x.var(-1, correction=2),
    "var_mean": lambda L, x, y, i: L.var_mean(x, dim=1),
    "norm()": lambda L, x, y, i: x.norm(),
    "norm(1, dim)": lambda L, x, y, i: x.norm(1, dim=1),
    "norm(3)": lambda L, x, y, i: x.norm(3),
    "norm(inf, dim)": lambda L, x, y, i: x.norm(float("inf"), dim=2, keepdim=True),
    "norm(-inf)": lambda L, x, y, i: x.norm(-float("inf")),
    "norm(fro)": lambda L, x, y, i: x.norm("fro"),
    "norm(0)": lambda L, x, y, i: (x > 0).double().norm(0),
    "any(dim)": lambda L, x, y, i: (x > 1.5).any(1),
    "all()": lambda L, x, y, i: (x > -9).all(),
    "cumsum": lambda L, x, y, i: x.cumsum(1),
    "logsumexp(dims)": lambda L, x, y, i: x.logsumexp((0, 2)),
    "softmax": lambda L, x, y, i: L.softmax(x, dim=1),
    "log_softmax(dtype)": lambda L, x, y, i: x.log_softmax(-1, dtype=L.float64),
    "split(int)": lambda L, x, y, i: x.split(3, 1),
    "split(list)": lambda L, x, y, i: L.split(x, [1, 4], dim=1),
    "chunk": lambda L, x, y, i: x.chunk(3, -1),
    "chunk too many": lambda L, x, y, i: x.chunk(4, 1),
    "unbind": lambda L, x, y, i: x.unbind(1),
    "view(*)": lambda L, x, y, i: x.view(15, 7),
    "view(-1)": lambda L, x, y, i: x.view(-1),
    "view(tuple)": lambda L, x, y, i: x.view((3, -1)),
    "reshape of a transpose": lambda L, x, y, i: x.transpose(0, 2).reshape(7, -1),
    "permute(*)": lambda L, x, y, i: x.permute(2, 0, 1),
    "permute(tuple)": lambda L, x, y, i: L.permute(x, (1, 2, 0)),
    "T of 2-d": lambda L, x, y, i: y.T,
    "t": lambda L, x, y, i: y.t(),
    "mT": lambda L, x, y, i: x.mT,
    "movedim(tuples)": lambda L, x, y, i: x.movedim((0, 1), (2, 0)),
    "swapaxes": lambda L, x, y, i: x.swapaxes(0, -1),
    "squeeze": lambda L, x, y, i: x.unsqueeze(0).unsqueeze(-1).squeeze(),
    "squeeze(dim)": lambda L, x, y, i: x.unsqueeze(0).squeeze(1),
    "squeeze(dims)": lambda L, x, y, i: x.unsqueeze(0).unsqueeze(-1).squeeze((0, 1)),
    "flatten(a, b)": lambda L, x, y, i: x.flatten(1, 2),
    "unflatten": lambda L, x, y, i: y.unflatten(1, (7, -1)),
    "expand": lambda L, x, y, i: y.unsqueeze(1).expand(-1, 3, -1),
    "expand_as": lambda L, x, y, i: y.expand_as(x),
    "broadcast_to": lambda L, x, y, i: L.broadcast_to(y, (2, 5, 7)),
    "broadcast_tensors": lambda L, x, y, i: L.broadcast_tensors(x, y),
    "narrow": lambda L, x, y, i: x.narrow(1, -3, 2),
    "select": lambda L, x, y, i: x.select(1, -1),
    "diagonal": lambda L, x, y, i: x.diagonal(1, 0, 2),
    "diag of a vector": lambda L, x, y, i: y[0].diag(-1),
    "diag of a matrix": lambda L, x, y, i: L.diag(y, 1),
    "tril": lambda L, x, y, i: x.tril(-1),
    "triu": lambda L, x, y, i: L.triu(x, diagonal=2),
    "flip(*)": lambda L, x, y, i: x.flip(0, 2),
    "flip(list)": lambda L, x, y, i: L.flip(x, [1]),
    "roll": lambda L, x, y, i: x.roll(-2, 1),
    "roll(several)": lambda L, x, y, i: x.roll((1, 3), (0, 2)),
    "roll flat": lambda L, x, y, i: L.roll(x, 5),
    "repeat": lambda L, x, y, i: y.repeat(2, 1, 3),
    "tile": lambda L, x, y, i: x.tile(2),
    "cat": lambda L, x, y, i: L.cat([x, y.unsqueeze(0), x * 2], dim=0),
    "cat with an empty one": lambda L, x, y, i: L.cat([L.zeros(0, dtype=L.float64), y], -1),
    "concat(dim=-1)": lambda L, x, y, i: L.concat((x, x), dim=-1),
    "stack": lambda L, x, y, i: L.stack([y, y * 2], dim=1),
    "hstack": lambda L, x, y, i: L.hstack([y, y]),
    "vstack": lambda L, x, y, i: L.vstack([y, y[0]]),
    "where": lambda L, x, y, i: L.where(x > 0, x, y),
    "where(scalar)": lambda L, x, y, i: L.where(x > 0, x, 0.5),
    "where(method)": lambda L, x, y, i: x.where(x > y, y * 2),
    "where(condition)": lambda L, x, y, i: L.where(x > 1),
    "nonzero": lambda L, x, y, i: (x > 1).nonzero(),
    "masked_fill": lambda L, x, y, i: x.masked_fill(y > 0, -float("1.5")),
    "masked_select": lambda L, x, y, i: x.masked_select(y > 0),
    "clamp(min)": lambda L, x, y, i: x.clamp(min=0.1),
    "clamp(tensors)": lambda L, x, y, i: L.clamp(x, y - 0.5, y + 0.5),
    "clip(a, b)": lambda L, x, y, i: x.clip(-0.2, 0.3),
    "gather": lambda L, x, y, i: x.gather(1, i),
    "scatter(value)": lambda L, x, y, i: x.scatter(1, i, 2.5),
    "scatter_add": lambda L, x, y, i: x.scatter_add(1, i, x[:, :2] * 2),
    "index_select": lambda L, x, y, i: x.index_select(1, i[0, 0]),
    "sort": lambda L, x, y, i: x.sort(dim=1, descending=True),
    "argsort": lambda L, x, y, i: x.argsort(-1),
    "topk": lambda L, x, y, i: x.topk(2, dim=1),
    "topk(smallest)": lambda L, x, y, i: L.topk(x, 3, largest=False),
    "add(alpha)": lambda L, x, y, i: L.add(x, y, alpha=2),
    "sub(alpha)": lambda L, x, y, i: x.sub(y, alpha=0.5),
    "div(floor)": lambda L, x, y, i: L.div(x, y, rounding_mode="floor"),
    "div(trunc)": lambda L, x, y, i: x.div(y, rounding_mode="trunc"),
    "div(trunc) of integers": lambda L, x, y, i: L.div(i - 3, 2, rounding_mode="trunc"),
    "integers divide to floats": lambda L, x, y, i: (i + 1) / 2,
    "reflected": lambda L, x, y, i: 2 - 3 / (x.abs() + 1) + 2**y,
    "reflected integers": lambda L, x, y, i: (7 % (i + 1)) + 9 // (i + 1),
    "matmul": lambda L, x, y, i: x @ y.T,
    "matmul vector": lambda L, x, y, i: x @ y[0],
    "vector matmul": lambda L, x, y, i: y[:, 0] @ x,
    "dot": lambda L, x, y, i: y[0].dot(y[1]),
    "mv": lambda L, x, y, i: L.mv(y, y[0]),
    "mm": lambda L, x, y, i: y.mm(y.T),
    "bmm": lambda L, x, y, i: L.bmm(x, x.mT),
    "outer": lambda L, x, y, i: L.outer(y[0], y[:, 1]),
    "addmm": lambda L, x, y, i: L.addmm(y[:, :5], y, y.T, beta=0.5, alpha=2),
    "baddbmm": lambda L, x, y, i: L.baddbmm(y[:, :5], x, x.mT),
    "einsum": lambda L, x, y, i: L.einsum("bij,kj->bik", x, y),
    "einsum(...)": lambda L, x, y, i: L.einsum("...ij,...ij->...i", x, y),
    "einsum implicit": lambda L, x, y, i: L.einsum("bij,ij", x, y),
    "einsum diagonal": lambda L, x, y, i: L.einsum("bii->bi", x[:, :, :5]),
    "tensor of indices": lambda L, x, y, i: L.stack(L.meshgrid(y[0], y[:, 0], indexing="xy")),
    "isclose": lambda L, x, y, i: L.isclose(x, y, rtol=0.5),
    "new_full": lambda L, x, y, i: x.new_full((2, 3), 1.5),
    "to(other)": lambda L, x, y, i: x.to(i).to(x),
}


def outputs(found):
    return list(found) if isinstance(found, (tuple, list)) else [found]


def run(L, call):
    x, y = L.tensor(A, requires_grad=True), L.tensor(B, requires_grad=True)
    outs = outputs(call(L, x, y, L.tensor(INDICES)))
    total = sum(
        (o.double() * L.tensor(np.random.default_rng(k).standard_normal(tuple(o.shape)))).sum()
        for k, o in enumerate(outs)
        if o.requires_grad
    )
    if isinstance(total, L.Tensor):
        total.backward()
    return outs, x.grad, y.grad


@pytest.mark.parametrize("name", CALLS)
def test_call(torch, name):
    mine, *my_grads = run(cr, CALLS[name])
    theirs, *their_grads = run(torch, CALLS[name])
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and f"torch.{a.dtype.name}" == str(b.dtype)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(
            a.detach().numpy(),
            b.detach().numpy(),
            rtol=1e-12 if a.dtype is cr.float64 else 1e-6,
            atol=1e-12,
        )
    for a, b in zip(my_grads, their_grads, strict=True):
        if b is None:
            assert a is None or not a.numpy().any()
        else:
            a = cr.zeros(tuple(b.shape)) if a is None else a
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-7, atol=1e-9)


def test_named_results(torch):
    x, t = cr.tensor(A), torch.tensor(A)
    for call in (
        lambda v: v.max(1),
        lambda v: v.min(1),
        lambda v: v.sort(1),
        lambda v: v.topk(2, 1),
    ):
        found, expected = call(x), call(t)
        np.testing.assert_array_equal(found.values.numpy(), expected.values.numpy())
        np.testing.assert_array_equal(found.indices.numpy(), expected.indices.numpy())
        values, indices = found
        assert values is found.values and indices is found[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda L, x: L.max(x),
        lambda L, x: x.max(0)[0],
        lambda L, x: x.amax(0),
        lambda L, x: x.sum(0),
        lambda L, x: x.mean(),
        lambda L, x: x.std(),
        lambda L, x: x.argmax(0),
        lambda L, x: x.clamp(0, 1),
        lambda L, x: x.sort()[0],
        lambda L, x: x.norm(),
        lambda L, x: L.maximum(x, L.zeros(5)),
        lambda L, x: x > 0,
        lambda L, x: x.cumsum(0),
        lambda L, x: x.round(),
        lambda L, x: x % 2,
        lambda L, x: x // 2,
        lambda L, x: x.sign(),
        lambda L, x: x.isnan(),
    ],
)
@pytest.mark.parametrize(
    "data",
    [
        [1.0, float("nan"), 2.0, -1.0, 0.0],
        [float("inf"), -float("inf"), 0.5, 1.5, 2.5],
        [3.0, 3.0, 3.0, -3.0, 3.0],
        [-0.0, 0.0, -0.5, -1.5, -2.5],
    ],
)
def test_nan_infinities_ties_and_rounding(torch, call, data):
    np.testing.assert_array_equal(
        call(cr, cr.tensor(data)).numpy(), call(torch, torch.tensor(data)).numpy()
    )


@pytest.mark.parametrize(
    "name",
    "relu elu selu celu leaky_relu relu6 hardsigmoid softshrink hardshrink maximum minimum pow".split(),
)
def test_gradients_at_nan_and_infinities(torch, name):
    def gradients(library):
        data = [1.0, float("nan"), float("inf"), -float("inf"), 0.0, -2.0]
        data *= 8  # one by one, PyTorch's kernels have other gradients at NaN than side by side
        x = library.tensor(data, requires_grad=True)
        y = library.tensor(data[1:] + data[:1], requires_grad=True)
        f = getattr(library.nn.functional, name, None) or getattr(library, name)
        operands = (x, y) if name in ("maximum", "minimum", "pow") else (x,)
        (f(*operands) * library.arange(2.0, 50.0)).sum().backward()
        return [v.grad.numpy() for v in operands]

    for found, expected in zip(gradients(cr), gradients(torch), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda L: L.arange(7),
        lambda L: L.arange(2, 11, 3),
        lambda L: L.arange(0.5, 3),
        lambda L: L.arange(5, 0, -2),
        lambda L: L.arange(3, dtype=L.float16),
        lambda L: L.arange(0, 1, 0.1),
        lambda L: L.linspace(0, 1, 11),
        lambda L: L.linspace(-3, 5, 7, dtype=L.float64),
        lambda L: L.linspace(2, 3, 1),
        lambda L: L.eye(3),
        lambda L: L.eye(3, 5, dtype=L.int64),
        lambda L: L.full((2, 3), 7),
        lambda L: L.full((2,), 0.5),
        lambda L: L.full((), True),
        lambda L: L.zeros(2, 3),
        lambda L: L.zeros((2, 3)),
        lambda L: L.ones([5]),
        lambda L: L.zeros(0),
        lambda L: L.zeros_like(L.ones(3, dtype=L.int32)),
        lambda L: L.full_like(L.ones(3), 2),
        lambda L: L.tril_indices(3, 5, 1),
        lambda L: L.triu_indices(5, 3, -1),
        lambda L: L.ones_like(L.zeros(2), dtype=L.bool),
    ],
)
def test_creation(torch, call):
    mine, theirs = call(cr), call(torch)
    assert f"torch.{mine.dtype.name}" == str(theirs.dtype) and tuple(mine.shape) == tuple(
        theirs.shape
    )
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "dtypes", [("int64", "float32"), ("float32", "float64"), ("bool", "float64")]
)
@pytest.mark.parametrize(
    "equation",
    ["i,j->ij", "i,ij->ij", "i,ij->i", "ij,i->ij", "ki,ki->i", "i,j,ij->ij", "...,...j->...j"],
)
def test_an_einsum_of_several_dtypes_promotes_where_nothing_is_summed_over_two(
    torch, equation, dtypes
):
    sizes = {"i": 3, "j": 5, "k": 1, ".": 3}

    def call(L):
        xs = []
        for k, term in enumerate(equation.partition("->")[0].replace("...", ".").split(",")):
            x = np.arange(np.prod([sizes[c] for c in term])).reshape([sizes[c] for c in term]) % 2
            xs.append(L.tensor(x.tolist(), dtype=getattr(L, dtypes[min(k, 1)])))
        return L.einsum(equation, *xs)

    mine, theirs = call(cr), call(torch)
    assert f"torch.{mine.dtype.name}" == str(theirs.dtype)
    np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize("equation", ["i,i->", "ij,i->j", "i,ij,j->", "i,ij->j"])
def test_an_einsum_of_several_dtypes_that_sums_products_is_refused(torch, equation):
    for L, error in ((cr, cr.DTypeError), (torch, RuntimeError)):
        shapes = [(3,) * len(term) for term in equation.partition("->")[0].split(",")]
        xs = [L.ones(shape, dtype=L.int64 if k else L.float32) for k, shape in enumerate(shapes)]
        with pytest.raises(error):
            L.einsum(equation, *xs)
