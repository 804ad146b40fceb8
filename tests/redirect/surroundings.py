"""Imports what model files import at their top, in a process of its own whose `torch` is chainrule."""

import chainrule.torch_imports  # noqa: F401  # isort: skip
import importlib.util

import torch
import torch._dynamo
import torch.cuda.nvtx
import torch.distributed as dist
import torch.distributed.rpc
import torch.fft
import torch.fx
import torch.multiprocessing as mp
import torch.onnx
import torch.utils.model_zoo as model_zoo
from torch import Tensor, nn, stft, view_as_real
from torch._C._functorch import is_gradtrackingtensor
from torch._tensor_str import PRINT_OPTS, _tensor_str
from torch.distributed import rpc
from torch.distributions.kl import kl_divergence
from torch.distributions.normal import Normal
from torch.fx.experimental.proxy_tensor import make_fx
from torch.hub import load_state_dict_from_url
from torch.jit.annotations import BroadcastingList2
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.common_types import _size_2_t
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.loss import _Loss
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parallel._functions import Broadcast
from torch.nn.utils.stateless import functional_call
from torch.testing import assert_close
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils._pytree import tree_flatten, tree_map, tree_map_only, tree_unflatten
from torch.utils.data._utils.collate import default_collate, np_str_obj_array_pattern
from torch.utils.data.dataloader import DataLoader, _BaseDataLoaderIter
from torch.utils.data.distributed import DistributedSampler
from torch.utils.dlpack import from_dlpack, to_dlpack
from torch.utils.tensorboard import SummaryWriter

assert not hasattr(torch, "istft") and stft.__name__ == "stft"
assert not is_gradtrackingtensor(torch.ones(2)) and PRINT_OPTS.precision == 4
assert _tensor_str(torch.ones(2, 2), indent=3) == "[[1., 1.],\n    [1., 1.]]"
assert not isinstance(torch.ones(1).grad_fn, Broadcast)
assert rpc.api._require_initialized(len) is len
assert not isinstance(iter(DataLoader([1, 2])), _BaseDataLoaderIter)
assert torch._C._nn._parse_to("cpu", torch.float64)[:2] == (torch.device("cpu"), torch.float64)
assert torch.ones(2).bool().type(torch.Tensor).dtype is torch.float32
assert not dist.is_available() and not dist.is_initialized()
assert importlib.util.find_spec("torch").name == "torch"
assert torch.torch is torch and torch.version.cuda is None and not torch.xpu.is_available()
assert isinstance(nn.BatchNorm2d(3), (_BatchNorm, nn.modules.batchnorm._BatchNorm))
assert (
    isinstance(nn.Conv2d(3, 5, 1), nn.modules.conv._ConvNd) and _ConvNd is nn.modules.conv._ConvNd
)
assert isinstance(nn.MSELoss(), _Loss) and not isinstance(nn.ReLU(), _Loss)
assert not isinstance(nn.ReLU(), torch.fx.GraphModule) and not isinstance(
    nn.ReLU(), torch.jit.ScriptModule
)
assert nn.SyncBatchNorm.convert_sync_batchnorm(nn.ReLU()).__class__ is nn.ReLU
assert nn.init._calculate_fan_in_and_fan_out(torch.ones(3, 5, 7)) == (35, 21)
assert kl_divergence(Normal(0.0, 1.0), Normal(0.0, 1.0)) == 0
assert mp.get_sharing_strategy() == "file_system" and mp.cpu_count() > 0
assert torch.cuda.memory_allocated() == torch.cuda.max_memory_allocated() == 0
assert torch.cuda.memory_stats() == {} and torch.cuda.memory_snapshot() == []
assert torch.masked.sum(torch.ones(3), mask=torch.ones(3).bool()) == 3
assert not isinstance(3, (torch.SymInt, torch.SymFloat, torch.SymBool, torch.ScriptModule))
with torch.utils.checkpoint.set_checkpoint_early_stop(False):
    assert len(torch.utils.checkpoint.noop_context_fn()) == 2
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
torch._dynamo.config.cache_size_limit = 64


SIZES = {torch.float32: 4, torch.complex64: 8, torch.float8_e4m3fn: 1, torch.uint16: 2}
assert (
    SIZES[torch.complex64] == 8
    and len(SIZES) == 4
    and torch.ones(1).dtype != torch.complex64
    and torch.ones(1).layout != torch.sparse_coo
)


class Traced(torch.fx.Interpreter):
    """Derived from what is not there: only making one is refused."""


@torch.fx.wrap
@torch.jit.script_if_tracing
@torch.jit._overload_method
@torch.compiler.disable()
def doubled(
    x: Tensor,
    size: _size_2_t = 3,
    sides: BroadcastingList2[int] = (1, 1),
    graph: "torch.fx.Graph | None" = None,
) -> Tensor:
    return x * 2


def refusal(call):
    """The first line of the error of a call."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return "nothing"


assert doubled(torch.ones(1)) == 2
xs = [torch.ones(2), torch.ones(3)]
torch._foreach_add_(xs, [torch.ones(2), torch.ones(3)], alpha=3)
assert [x.sum().item() for x in xs] == [8, 12]
assert torch._foreach_mul(xs, 2)[0].sum() == 16
inverse = torch.distributions.transforms.ExpTransform().inv
assert type(inverse) is torch.distributions.transforms._InverseTransform
assert torch.autograd.function.FunctionCtx.save_for_forward(None, inverse) is None
assert refusal(lambda: torch.autograd.Function.jvp(None)).startswith("NotImplementedError: jvp of")
assert [x.tolist() for x in torch._foreach_pow(2.0, [torch.tensor([3.0]), torch.ones(1)])] == [
    [8.0],
    [2.0],
]
assert torch._foreach_norm([torch.tensor([3.0, 4.0])], ord=1)[0].item() == 7
one, two = [torch.tensor([1.0]), torch.tensor([2.0])], [torch.tensor([4.0]), torch.tensor([3.0])]
for value in (0.5, [0.5, 0.5], torch.tensor([0.5, 0.5])):
    assert [x.item() for x in torch._foreach_addcmul(one, one, two, value)] == [3.0, 5.0]
assert torch._foreach_add(self=one, other=two)[1].item() == 5
xs, ys = [torch.ones(2), torch.ones(3).long(), torch.zeros(5)], [torch.ones(7), None, torch.ones(3)]
groups = _group_tensors_by_device_and_dtype([xs, ys], with_indices=True)
assert list(groups) == [(torch.device("cpu"), torch.float32), (torch.device("cpu"), torch.int64)]
(theirs, others), places = groups[torch.device("cpu"), torch.float32]
assert theirs[1] is xs[2] and others[1] is ys[2] and places == [0, 2]
assert groups[torch.device("cpu"), torch.int64] == ([[xs[1]], [None]], [1])
torch._assert(True, "never")
flat, spec = tree_flatten({"a": [1, (2, 3)]})
assert (
    flat == [1, 2, 3]
    and tree_unflatten([4, 5, 6], spec) == {"a": [4, (5, 6)]}
    and spec.num_leaves == 3
)
assert tree_map(lambda x, y: x + y, [1, 2], [10, 20]) == [11, 22]
assert tree_map_only(str, len, [1, "abc"]) == [1, 3]
assert list(DistributedSampler(range(5), 2, 1, shuffle=False)) == [1, 3, 0]
assert_close(
    functional_call(nn.ReLU(), {}, (default_collate([-1.0, 2.0]),)),
    torch.tensor([0.0, 2.0]).double(),
)
assert np_str_obj_array_pattern.search("<U3") and not np_str_obj_array_pattern.search("<f4")
highest = torch.zeros(2)
from_dlpack(to_dlpack(highest)).fill_(-1)  # the same memory
assert highest.sum() == -2
assert torch.max(highest, torch.ones(2), out=highest) is highest and highest.sum() == 2
for name, call in {
    "export": lambda: torch.onnx.export(nn.ReLU(), torch.ones(1), "x.onnx"),
    "fx": lambda: Traced(nn.ReLU()),
    "make_fx": lambda: make_fx(doubled)(1),
    "url": lambda: load_state_dict_from_url(
        "https://example.org/weights/net-1a2b.pth", model_dir="nowhere"
    ),
    "zoo": lambda: model_zoo.load_url(
        "https://example.org/weights/net-1a2b.pth", model_dir="nowhere"
    ),
    "hub": lambda: torch.hub.load("somebody/repository", "net"),
    "fft": lambda: torch.fft.rfft(torch.ones(3)),
    "range": lambda: torch.cuda.nvtx.range_push("step"),
    "flex": lambda: flex_attention(),
    "rpc": lambda: torch.distributed.rpc.init_rpc("worker"),
    "rank": dist.get_rank,
    "reduce": lambda: dist.all_reduce(torch.ones(1)),
    "parallel": lambda: DistributedDataParallel(nn.ReLU()),
    "assert": lambda: torch._assert(False, "sizes differ"),
    "check": lambda: torch._check(False, lambda: "sizes differ"),
    "event": lambda: torch.cuda.Event(),
    "privateuse": lambda: torch.privateuseone,
    "imported": lambda: view_as_real(torch.ones(1)),
    "complex": lambda: torch.ones(1, dtype=torch.complex64),
    "mesh": lambda: SummaryWriter("others").add_mesh("a", torch.ones(1)),
}.items():
    print(name, refusal(call), sep=": ")
with SummaryWriter("logs") as writer:
    writer.add_scalar("loss", torch.tensor(0.5), 3)
    writer.add_scalars("accuracy", {"train": 0.25, "test": 0.75}, 4)
