"""Autocast: which dtype comes out of what, as PyTorch's on the CPU; regions, traces, derivatives."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import amp, nn
from chainrule.base.errors import DeviceError, DTypeError
from chainrule.graph import trace
from chainrule.nn import functional as F
from chainrule.ops.precision import FLOAT32, LOWER, autocast_dtype, precision
from chainrule.ops.record import TABLE
from chainrule.utils.checkpoint import checkpoint


def test_the_table_names_ops():
    """Guards against a class for a name that nothing has."""
    assert set(TABLE) >= LOWER | FLOAT32
    assert precision(TABLE["matmul"]) == precision(TABLE["conv"]) == "lower"
    assert precision(TABLE["mse_loss"]) == precision(TABLE["kl_div"]) == "float32"
    assert precision(TABLE["softmax"]) is precision(TABLE["add"]) is None
    assert autocast_dtype(TABLE["linear"], cr.float16) is cr.float16
    assert autocast_dtype(TABLE["l1_loss"], cr.float16) is cr.float32


CALLS = {
    "matmul": lambda T, x: x @ x.mT,
    "mm": lambda T, x: T.mm(x[0], x[0].T),
    "bmm": lambda T, x: T.bmm(x, x.mT),
    "einsum": lambda T, x: T.einsum("bij,bkj->bik", x, x),
    "linear": lambda T, x: T.nn.functional.linear(x, x[0], x[0, :, 0]),
    "conv1d": lambda T, x: T.nn.functional.conv1d(x, x[:3], x[:3, 0, 0]),
    "conv2d": lambda T, x: T.nn.functional.conv2d(x[None], x[:3, :, None][:, :4]),
    "attention": lambda T, x: T.nn.functional.scaled_dot_product_attention(x, x, x),
    "masked": lambda T, x: T.nn.functional.scaled_dot_product_attention(
        x[:3], x[:3], x[:3], attn_mask=T.zeros(4, 4)
    ),
    "softmax": lambda T, x: T.nn.functional.softmax(x, -1),
    "log_softmax": lambda T, x: T.nn.functional.log_softmax(x, -1),
    "layer_norm": lambda T, x: T.nn.functional.layer_norm(x, (5,), T.ones(5), T.zeros(5)),
    "group_norm": lambda T, x: T.nn.functional.group_norm(x, 2, T.ones(4), T.zeros(4)),
    "batch_norm": lambda T, x: T.nn.functional.batch_norm(
        x, T.zeros(4), T.ones(4), T.ones(4), T.zeros(4), training=True
    ),
    "batch_norm, evaluation": lambda T, x: T.nn.functional.batch_norm(x, T.zeros(4), T.ones(4)),
    "sum": lambda T, x: x.sum(),
    "mean": lambda T, x: x.mean(0),
    "exp": lambda T, x: T.exp(x),
    "gelu": lambda T, x: T.nn.functional.gelu(x),
    "power": lambda T, x: x**2,
    "add float32": lambda T, x: x + T.ones(5),
    "cat": lambda T, x: T.cat([x, T.ones(4, 4, 5)]),
    "cross_entropy": lambda T, x: T.nn.functional.cross_entropy(x[0], T.tensor([0, 1, 4, 2])),
    "nll_loss": lambda T, x: T.nn.functional.nll_loss(x[0], T.tensor([0, 1, 4, 2])),
    "mse_loss": lambda T, x: T.nn.functional.mse_loss(x, T.ones(4, 4, 5)),
    "l1_loss": lambda T, x: T.nn.functional.l1_loss(x, x),
    "smooth_l1_loss": lambda T, x: T.nn.functional.smooth_l1_loss(x, x),
    "huber_loss": lambda T, x: T.nn.functional.huber_loss(x, x),
    "kl_div": lambda T, x: T.nn.functional.kl_div(x, x.sigmoid(), reduction="sum"),
    "bce_with_logits": lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x, x.sigmoid()),
    "trace": lambda T, x: T.trace(x[0]),
    "cdist": lambda T, x: T.cdist(x, x + 1),
    "prod": lambda T, x: x[0, 0].prod(),
    "triplet": lambda T, x: T.nn.functional.triplet_margin_loss(x[0], x[1], x[2]),
    "ctc": lambda T, x: T.nn.functional.ctc_loss(
        x.log_softmax(-1), T.tensor([[1, 2]] * 4), (4,) * 4, (2,) * 4
    ),
    "relu": lambda T, x: T.nn.functional.relu(x),
    "max_pool2d": lambda T, x: T.nn.functional.max_pool2d(x, 2),
    "addmm": lambda T, x: T.addmm(T.zeros(4), x[0], x[0].T),
    "baddbmm": lambda T, x: T.baddbmm(T.ones(4, 4, 4), x, x.mT, beta=0.5, alpha=2),
    "conv_transpose1d": lambda T, x: T.nn.functional.conv_transpose1d(x, x[:, :2, :2], x[0, 0, :2]),
    "prelu": lambda T, x: T.nn.functional.prelu(x, T.ones(4) * 0.2),
    "instance_norm": lambda T, x: T.nn.functional.instance_norm(
        x, weight=T.ones(4), bias=T.zeros(4)
    ),
    "inverse": lambda T, x: T.linalg.inv(x[:, :3, :3] + 5 * T.eye(3).to(x.dtype)),
    "embedding": lambda T, x: T.nn.functional.embedding(T.tensor([1, 0]), x[0]),
}  # fmt: skip


BESIDE_FLOAT32 = {"masked", "prelu", "addmm", "baddbmm"}


@pytest.mark.torch
@pytest.mark.parametrize("lower", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_results_have_the_dtypes_of_torch(torch, name, lower):
    """Of float32, half and float64 operands; values and the gradient of the operand as well."""
    array = np.random.default_rng(3).standard_normal((4, 4, 5)).astype("float32")
    for dtype in ("float32", lower, "float64"):
        if dtype == "float64" and (name in BESIDE_FLOAT32 or "_norm" in name):
            continue  # float32 beside float64 is refused
        found = []
        for T in (cr, torch):
            x = T.tensor(array).to(getattr(T, dtype)).requires_grad_()
            with T.autocast("cpu", dtype=getattr(T, lower)):
                y = CALLS[name](T, x)
            (g,) = T.autograd.grad(y.float().sum(), x)
            found.append((y, g))
        (y, g), (y_, g_) = found
        near = {"bfloat16": 4e-2, "float16": 4e-3}[lower]
        for a, b in ((y, y_), (g, g_)):
            assert a.dtype.name == str(b.dtype).removeprefix("torch."), dtype
            b = b.detach().float().numpy()
            scale = max(1.0, np.abs(b).max())
            np.testing.assert_allclose(a.detach().float().numpy(), b, rtol=near, atol=near * scale)


def mlp(nn):
    return nn.Sequential(nn.Linear(6, 11), nn.GELU(), nn.LayerNorm(11), nn.Linear(11, 3)), (5, 6)


def cnn(nn):
    """Without kinks: a ReLU or a maximum that flips by a rounding takes its whole gradient along."""
    layers = [nn.Conv2d(2, 6, 3), nn.GroupNorm(2, 6), nn.BatchNorm2d(6), nn.SiLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 3), nn.LogSoftmax(-1)), (5, 2, 7, 7)


def block(nn):
    layer = nn.TransformerEncoderLayer(6, 2, 11, 0.0, "gelu", batch_first=True)
    return nn.Sequential(layer, nn.Linear(6, 3)), (5, 3, 6)


def block_norm_first(nn):
    layer = nn.TransformerEncoderLayer(6, 2, 11, 0.0, "gelu", batch_first=True, norm_first=True)
    return nn.Sequential(layer, nn.Linear(6, 3)), (5, 3, 6)


MODELS = {f.__name__: f for f in (mlp, cnn, block, block_norm_first)}


@pytest.mark.torch
@pytest.mark.parametrize("name", MODELS)
def test_models_have_the_dtypes_of_torch(torch, name):
    make = MODELS[name]
    (ours, shape), (theirs, _) = make(nn), make(torch.nn)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(3).standard_normal(shape).astype("float32")

    found = []
    for T, model in ((cr, ours), (torch, theirs)):
        outs = []
        for m in model.modules():
            m.register_forward_hook(
                lambda m, args, y, outs=outs: outs.append(y[0] if isinstance(y, tuple) else y)
            )
        with T.autocast("cpu"):
            y = model(T.tensor(x))
            loss = T.nn.functional.mse_loss(y, T.zeros_like(y))
        loss.backward()
        found.append([*outs, loss, *[p.grad for p in model.parameters()]])
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch.")
        b = b.detach().float().numpy()
        scale = max(0.1, np.abs(b).max())
        np.testing.assert_allclose(a.detach().float().numpy(), b, rtol=5e-2, atol=5e-2 * scale)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["RNN", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
def test_recurrent_layers_have_the_dtypes_of_torch(torch, name):
    """Its LSTM does not run in half floats on every processor."""
    theirs, ours = getattr(torch.nn, name)(6, 5), getattr(nn, name)(6, 5)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(3).standard_normal((3, 6)).astype("float32")
    found = []
    for T, layer in ((cr, ours), (torch, theirs)):
        with T.autocast("cpu"):
            y = layer(T.tensor(x))
        found.append(y if isinstance(y, tuple) else (y,))
    for a, b in zip(*found, strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch.")
        np.testing.assert_allclose(
            a.detach().float().numpy(), b.detach().float().numpy(), rtol=5e-2, atol=2e-2
        )


def test_an_lstm_carries_its_cell_in_float32():
    x = cr.randn(7, 2, 3)
    for options in ({}, {"proj_size": 2, "bidirectional": True}):
        layer = nn.LSTM(3, 5, **options)
        with cr.autocast("cpu"):
            y, (h, c) = layer(x)
        assert c.dtype is cr.float32
        assert y.dtype is h.dtype is (cr.bfloat16 if options else cr.float32)
        y.float().sum().backward()
        assert {p.grad.dtype for p in layer.parameters()} == {cr.float32}
        np.testing.assert_allclose(
            y.detach().float().numpy(), layer(x)[0].detach().numpy(), atol=2e-2
        )


# ------------------------------------------------------------------------------------------------------------ regions


def product_dtype():
    return (cr.ones(2, 3) @ cr.ones(3, 2)).dtype


def test_regions_nest_and_end():
    region = cr.autocast("cpu", dtype=cr.float16)
    with cr.autocast("cpu"):
        assert product_dtype() is cr.bfloat16
        with region, region:
            assert product_dtype() is cr.float16 and amp.get_autocast_dtype("cpu") is cr.float16
        with cr.autocast("cpu", enabled=False):
            assert product_dtype() is cr.float32 and not cr.is_autocast_enabled("cpu")
        assert cr.is_autocast_enabled("cpu") and not cr.is_autocast_enabled()
        with pytest.raises(KeyError), region:
            raise KeyError
        assert product_dtype() is cr.bfloat16
    assert product_dtype() is cr.float32
    assert cr.get_autocast_dtype("cpu") is cr.bfloat16
    assert cr.get_autocast_dtype("cuda") is cr.float16


def test_a_decorated_function_calls_itself():
    @cr.autocast("cpu", cache_enabled=False)
    def f(n):
        return product_dtype() if n == 0 else f(n - 1)

    assert f(3) is cr.bfloat16 and product_dtype() is cr.float32 and f.__name__ == "f"


def test_another_thread_is_not_in_the_region():
    found = []
    with cr.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append(product_dtype()))
        thread.start()
        thread.join()
    assert found == [cr.float32]


def test_devices_and_dtypes_that_are_not_there():
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling autocast"):
        region = cr.autocast("cuda")
    with region:
        assert product_dtype() is cr.float32
    with cr.autocast("cpu"), cr.autocast("cuda", enabled=False):
        assert product_dtype() is cr.bfloat16  # the CPU's mode is another one
    with pytest.warns(UserWarning, match="only supports dtypes of bfloat16, float16 .* float64"):
        region = cr.autocast("cpu", dtype=cr.float64)
    with region:
        assert product_dtype() is cr.float32
    with pytest.warns(UserWarning, match="CUDA is not available"), cr.cuda.amp.autocast():
        assert product_dtype() is cr.float32
    with pytest.raises(DeviceError, match="unsupported autocast device_type 'tpu'; there is 'cpu'"):
        cr.autocast("tpu")
    assert not cr.is_autocast_available("tpu")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `int`"):
        cr.autocast(0)
    with pytest.raises(DTypeError, match="dtype is a dtype, found 'bfloat16'"):
        cr.autocast("cpu", dtype="bfloat16")


# ------------------------------------------------------------------------------------------- derivatives and programs


def test_a_backward_pass_in_the_region_is_one_outside():
    """A derivative has the dtype of what it is of: the products in it are not lowered on their own."""
    x, w = cr.randn(3, 5), cr.randn(5, 2, requires_grad=True)
    for lowered in (True, False):
        grads = []
        for inside in (True, False):
            with cr.autocast("cpu", enabled=lowered):
                loss = ((x @ w).tanh() ** 2).float().sum()
            with cr.autocast("cpu", enabled=inside):
                grads.append(cr.grad(loss, w, create_graph=True)[0])
        np.testing.assert_array_equal(*[g.detach().numpy() for g in grads])
        (second,) = cr.grad((grads[0] ** 2).sum(), w)
        assert second.dtype is cr.float32 and second.abs().max().item() > 0


def test_a_checkpointed_part_runs_again_as_it_ran():
    x, w = cr.randn(3, 5), cr.randn(5, 5, requires_grad=True)

    def part(x):
        return F.gelu(x @ w) @ w

    found = []
    for run in (part, lambda x: checkpoint(part, x, use_reentrant=False)):
        with cr.autocast("cpu"):
            loss = F.mse_loss(run(x), cr.zeros(3, 5))
        found.append(cr.grad(loss, w)[0].numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wrap", [trace, cr.compile])
def test_traced_steps_are_eager_ones(wrap, name):
    """The region around the call, and inside of the function; the mode is a guard."""
    model, shape = MODELS[name](nn)
    x = cr.randn(*shape)

    def step(x):
        y = model(x)
        loss = F.mse_loss(y, cr.zeros_like(y))
        return (y.detach(), loss.detach(), *cr.grad(loss, list(model.parameters())))

    def inside(x):
        with cr.autocast("cpu"):
            return step(x)

    expected = inside(x)
    assert expected[0].dtype is cr.bfloat16 and expected[1].dtype is cr.float32
    f = wrap(step)
    plain = f(x)
    assert plain[0].dtype is cr.float32 and len(f.programs) == 1
    with cr.autocast("cpu"):
        around = f(x)
    with cr.autocast("cpu"):
        f(x)
    assert len(f.programs) == 2
    for found in (around, wrap(inside)(x)):
        for a, b in zip(found, expected, strict=True):
            assert a.dtype is b.dtype
            b = b.float().numpy()
            np.testing.assert_allclose(
                a.float().numpy(), b, rtol=2e-2, atol=2e-2 * max(0.1, np.abs(b).max())
            )


def test_a_compiled_function_says_what_autocast_it_was_written_for():
    f = cr.compile(lambda x: x @ x)
    with cr.autocast("cpu"):
        f(cr.ones(3, 3))
    assert "autocast to bfloat16" in str(f.explain())


def test_a_traced_loop_and_its_second_derivative():
    """The body of a scan runs again for a derivative of a derivative, in the mode that it was in."""
    w, xs, seen = cr.randn(3, 3, requires_grad=True), cr.randn(7, 2, 3), []

    def body(carry, x):
        seen.append(cr.is_autocast_enabled("cpu"))
        h = cr.tanh(x[0] + carry[0] @ w)
        return (h,), (h,)

    def twice(xs):
        with cr.autocast("cpu"):
            _, (y,) = cr.scan(body, (cr.zeros(2, 3),), (xs,))
        (g,) = cr.grad((y**2).sum(), w, create_graph=True)
        return cr.grad((g**2).sum(), w)[0]

    found = trace(twice)(xs).numpy()
    assert len(seen) > 1 and all(seen)
    expected = twice(xs).numpy()
    np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.1 * np.abs(expected).max())


@pytest.mark.torch
@pytest.mark.parametrize("cast", [None, "float32", "float16"])
def test_functions_of_ones_own(torch, cast):
    """What forward and backward see: dtypes, and whether autocast is on."""
    found = []
    for T in (cr, torch):
        seen = []

        class Product(T.autograd.Function):
            @staticmethod
            @T.amp.custom_fwd(device_type="cpu", cast_inputs=cast and getattr(T, cast))
            def forward(ctx, x, w, T=T, seen=seen):
                ctx.save_for_backward(x, w)
                seen += [x.dtype, T.is_autocast_enabled("cpu"), (x @ w).dtype]
                return x @ w

            @staticmethod
            @T.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g, T=T, seen=seen):
                x, w = ctx.saved_tensors
                seen += [g.dtype, x.dtype, T.is_autocast_enabled("cpu")]
                return g @ w.to(g.dtype).T, x.to(g.dtype).T @ g, None, None

        x, w = T.ones(2, 3, requires_grad=True), T.ones(3, 5, requires_grad=True)
        for on in (True, False):
            with T.autocast("cpu", enabled=on):
                y = Product.apply(x * 1, w)
            y.float().sum().backward()
            seen += [y.dtype, x.grad.dtype, w.grad.dtype]
        found.append([str(v).split(".")[-1] for v in seen])
    assert found[0] == found[1]


def test_functions_of_ones_own_on_a_device_that_is_not_there():
    @cr.cuda.amp.custom_fwd(cast_inputs=cr.float16)
    def forward(ctx, x):
        return x

    @cr.cuda.amp.custom_bwd
    def backward(ctx, g):
        return g

    class Context:
        pass

    ctx, x = Context(), cr.ones(3)
    with cr.autocast("cpu"):
        assert forward(ctx, x) is x and backward(ctx, x) is x
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        amp.custom_fwd(lambda ctx: None, device_type=cr.device("cpu"))
