"""Imports what model files take from the inside of PyTorch's package, in a process of its own whose `torch` is chainrule, and uses it."""

import chainrule.torch_imports  # noqa: F401  # isort: skip
import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors
from torch.autograd.function import Function, once_differentiable
from torch.autograd.grad_mode import no_grad
from torch.autograd.profiler import record_function as older_record_function
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.functional import F as functional_F
from torch.functional import einsum
from torch.nn.functional import _canonical_mask, _in_projection, _in_projection_packed
from torch.nn.init import _no_grad_trunc_normal_
from torch.nn.modules.conv import Optional, Tensor, _ConvNd, _pair, _size_2_t
from torch.nn.modules.module import _addindent, register_module_forward_hook
from torch.nn.modules.transformer import _get_activation_fn, _get_clones
from torch.nn.modules.utils import (
    _list_with_default,
    _reverse_repeat_tuple,
    consume_prefix_in_state_dict_if_present,
)
from torch.overrides import has_torch_function, is_tensor_like
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torchvision.transforms.v2 import functional as tvF

assert functional_F is F and einsum("i,i", torch.ones(3), torch.ones(3)) == 3
assert [m.in_features for m in _get_clones(nn.Linear(3, 5), 2)] == [3, 3]
assert (
    _get_activation_fn("relu") is F.relu and _pair(3) == (3, 3) and issubclass(nn.Conv2d, _ConvNd)
)
assert _size_2_t is not None and Optional[int] is not None and isinstance(torch.ones(1), Tensor)
assert _addindent("a\nb", 2) == "a\n  b" and _reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
assert _list_with_default([None, 7], [2, 3, 5]) == [3, 7]

state = nn.DataParallel(nn.Linear(3, 5)).state_dict()
consume_prefix_in_state_dict_if_present(state, "module.")
nn.Linear(3, 5).load_state_dict(state)
assert list(state) == ["weight", "bias"] and "module" not in state._metadata

w = torch.empty(50)
assert _no_grad_trunc_normal_(w, 0.0, 1.0, -0.5, 0.5) is w and w.abs().max() <= 0.5
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    nn.init.constant(w, 3)
    assert (
        F._Reduction.legacy_get_enum(None, False) == 0 and F._get_softmax_dim("softmax", 3, 1) == 0
    )
assert (w == 3).all() and [t.category for t in told][0] is FutureWarning and len(told) == 3

x, weight = torch.ones(2, 3), torch.arange(27.0).view(9, 3)
parts = _in_projection_packed(x, x, x, weight)
assert torch.equal(torch.cat(parts, -1), F.linear(x, weight))
assert torch.equal(_in_projection(x, x, x, *weight.chunk(3))[2], parts[2])
mask = _canonical_mask(torch.tensor([True, False]), "mask", None, "", torch.float64)
assert mask.tolist() == [-math.inf, 0] and mask.dtype == torch.float64
assert not F.has_torch_function((x,)) and not has_torch_function((x, 1)) and is_tensor_like(x)

flat = _flatten_dense_tensors([x, weight])
assert torch.equal(_unflatten_dense_tensors(flat, [x, weight])[1], weight)


class Doubled(Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        return 2 * g


assert torch.spmm(x, x.T).equal(x @ x.T) and torch.sparse.mm(x, x.T).equal(x @ x.T)
assert not torch.onnx.is_in_onnx_export() and not x.is_xla and not x.is_nested
assert (
    issubclass(torch.cuda.OutOfMemoryError, RuntimeError) and "MKL" not in torch.__config__.show()
)
norm = torch.batch_norm(weight, None, None, torch.zeros(3), torch.ones(3), False, 0.1, 1e-5, False)
assert torch.allclose(norm, weight, 1e-4) and torch.embedding(weight, torch.tensor([1]))[0, 0] == 3
assert torch.equal(
    torch.instance_norm(weight[None], None, None, None, None, True, 0.1, 1e-5, False),
    F.instance_norm(weight[None]),
)
assert nn.parameter.is_lazy(nn.LazyLinear(3).weight) and not nn.parameter.is_lazy(x)
assert isinstance(nn.LazyLinear(3).weight, nn.parameter.UninitializedParameter)
draw = torch.distributions.utils._standard_normal((2, 3), dtype=torch.float32, device="cpu")
assert torch.distributions.utils._sum_rightmost(draw, 1).shape == (2,)

leaf = torch.ones(3, requires_grad=True)
with record_function("step"), older_record_function("inside"):
    Doubled.apply(leaf).sum().backward()
assert leaf.grad.sum() == 6 and record_function("named")(len)([1, 2]) == 2
with no_grad():
    assert not (leaf * 2).requires_grad
assert record(len) is len and not isinstance(nn.ReLU(), FullyShardedDataParallel)
with profile(activities=[ProfilerActivity.CPU]) as profiler, record_function("step"):
    torch.ones(2, 3).exp()
assert [e.key for e in profiler.key_averages()][0] == "step"

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    assert torch.range(1, 3).tolist() == [1.0, 2.0, 3.0] and len(told) == 1
    assert torch.range(0, 1, 0.3).shape == (4,) and torch.range(
        2, -2, -2, dtype=torch.int64
    ).tolist() == [2, 0, -2]
for bad in (
    lambda: torch.range(0, 1, 0),
    lambda: torch._check_value(False),
    lambda: torch._check_is_size(3, max=2),
):
    try:
        bad()
        raise AssertionError
    except (ValueError, RuntimeError):
        pass
torch._check_tensor_all(torch.tensor([True, True]))
torch._check_tensor_all_with(ValueError, x > 0, lambda: "positive")
with torch.backends.cudnn.flags(enabled=True, deterministic=False):
    assert torch.backends.cudnn.enabled
assert not torch.backends.cudnn.enabled and torch.backends.cudnn.deterministic
assert F.grad is nn.grad
assert x.layout == torch.strided and not is_traceable_wrapper_subclass(x)
picture = tvF.to_image(
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(3, 4, 5)[:, :, :3].copy())
)
assert picture.equal(tvF.to_image(np.arange(60, dtype=np.uint8).reshape(3, 4, 5)[:, :, :3]))
assert tvF.get_size(picture) == [3, 4] and tvF.horizontal_flip(picture).equal(picture.flip(-1))
assert (
    tvF.to_dtype(picture, torch.float32, scale=True).max()
    < 1
    < tvF.to_dtype(picture, torch.float32).max()
)
assert (
    tvF.grayscale_to_rgb(picture[:1]).shape == (3, 3, 4)
    and tvF.grayscale_to_rgb(picture) is picture
)
handle = register_module_forward_hook(lambda module, args, y: y + 1)
assert nn.Identity()(x).eq(x + 1).all()
handle.remove()
with torch.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
    y = (leaf * leaf).sum()
y.backward()
assert (leaf.grad == 4).all()
