"""What stands around PyTorch's layers can be imported, does what one process can, and says what it cannot."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.base.errors import ChainruleError

SAID = """\
export: ChainruleError: there is no torch.onnx.export here: files from elsewhere, and exporters are left out (nothing is \
downloaded from a hub; ONNX is to come)
fx: ChainruleError: there is no torch.fx.Interpreter here: torchScript, and graphs as Python objects are left out (`graph.trace` \
writes a function down as a program to be read, and `compile` makes machine code of it)
make_fx: ChainruleError: there is no torch.fx.experimental.proxy_tensor.make_fx here: torchScript, and graphs as Python objects are \
left out (`graph.trace` writes a function down as a program to be read, and `compile` makes machine code of it)
url: DataNotFoundError: nowhere/net-1a2b.pth: there is no such file, and nothing is downloaded
zoo: DataNotFoundError: nowhere/net-1a2b.pth: there is no such file, and nothing is downloaded
hub: DataNotFoundError: torch.hub.load: the repository 'somebody/repository' would be downloaded and its code be run, which is not \
done here
fft: ChainruleError: there is no torch.fft.rfft here: complex numbers are left out (they need a second kind of gradient everywhere, \
and networks of real numbers need none of it)
range: ChainruleError: there is no torch.cuda.nvtx.range_push here
flex: ChainruleError: there is no torch.nn.attention.flex_attention.flex_attention here
rpc: ChainruleError: there is no torch.distributed.rpc.init_rpc here
rank: ChainruleError: torch.distributed.get_rank: there is one process, whose threads share the work, and no group of them
reduce: ChainruleError: there is no torch.distributed.all_reduce here
parallel: NotImplementedError: DistributedDataParallel is not built: there is one process, whose threads share the work; use the \
module itself
assert: AssertionError: sizes differ
check: RuntimeError: sizes differ
event: DeviceError: there is no CUDA backend; tensors live on 'cpu'
privateuse: AttributeError: there is no torch.privateuseone here
imported: ChainruleError: there is no torch.view_as_real here: complex numbers are left out (they need a second kind of gradient \
everywhere, and networks of real numbers need none of it)
complex: DTypeError: full(shape=(1,), value=1, dtype=<torch.complex64, which is not there>): there is no dtype for <torch.complex64, \
which is not there>; known are bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64
mesh: ChainruleError: SummaryWriter.add_mesh: is not written here
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the program of `surroundings.py` has run, and what it printed."""
    folder = tmp_path_factory.mktemp("surroundings")
    script = Path(__file__).with_name("surroundings.py")
    done = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


def test_each_refusal_says_what_is_not_there(folder):
    assert (folder / "said.txt").read_text() == SAID


def test_scalars_are_written_with_their_tags(folder):
    [path] = (folder / "logs").glob("events*")
    content = path.read_bytes()
    for tag, value in (("loss", 0.5), ("accuracy/train", 0.25), ("accuracy/test", 0.75)):
        at = content.index(tag.encode()) + len(tag)
        assert struct.unpack("<f", content[at + 1 : at + 5])[0] == value


def test_a_checkpoint_that_lies_where_pytorch_keeps_it_is_read(tmp_path, monkeypatch):
    from chainrule.redirect.surroundings import hub

    monkeypatch.setattr(hub, "_folder", [])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == str(tmp_path / "hub")
    hub.set_dir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    cr.save({"weight": cr.ones(3)}, tmp_path / "checkpoints" / "net.pt")
    state = hub.load_state_dict_from_url("https://example.org/net.pt?download=1")
    assert (state["weight"] == 1).all()
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        hub.download_url_to_file("https://example.org/net.pt", "there")


def test_segments_are_checkpointed():
    from chainrule.utils.checkpoint import checkpoint_sequential

    net = cr.nn.Sequential(cr.nn.Linear(3, 5), cr.nn.Tanh(), cr.nn.Linear(5, 2))
    x = cr.randn(7, 3)
    for segments in (1, 2, 3):
        net.zero_grad()
        y = checkpoint_sequential(net, segments, x)
        y.sum().backward()
        got = net[0].weight.grad.clone()
        net.zero_grad()
        net(x).sum().backward()
        assert (got == net[0].weight.grad).all()
    with pytest.raises(ValueError, match="found 4"):
        checkpoint_sequential(net, 4, x)


def test_spawned_processes_that_fail_are_told(tmp_path):
    from chainrule.redirect.surroundings.multiprocessing import spawn

    with pytest.raises(cr.ChainruleError, match="process 0 of 1 ended with the code 1"):
        spawn(int, ("no base",), nprocs=1, start_method="fork")


def test_private_names_are_what_model_files_expect():
    script = Path(__file__).with_name("private_names.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_limits_of_dtypes_that_no_tensor_has():
    from chainrule.redirect.names import resolve
    from chainrule.redirect.surroundings import private
    from chainrule.redirect.surroundings.absent import absent

    small = private.finfo(absent("float8_e4m3fn"))
    assert (small.max, small.min, small.eps, small.bits) == (448.0, -448.0, 0.125, 8)
    assert private.iinfo(absent("uint16")).max == 65535
    assert resolve("torch.finfo")(cr.float16).max == 65504.0
    assert resolve("torch.iinfo")(cr.int8).max == 127
    with pytest.raises(TypeError, match="there is no dtype for"):
        private.finfo(absent("quint8"))


def test_classes_become_trees():
    from chainrule.redirect.surroundings import pytree

    class Pair:
        def __init__(self, parts, name):
            self.parts, self.name = parts, name

    pytree.register_pytree_node(Pair, lambda p: (p.parts, p.name), Pair)
    tree = {"a": [Pair([1, (2, 3)], "x")], "b": 4}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, 3, 4] and spec.num_leaves == 4
    pair = pytree.tree_unflatten([10, 20, 30, 40], spec)["a"][0]
    assert (pair.parts, pair.name) == ([10, (20, 30)], "x")


def test_trees_are_walked_by_their_table():
    """As Lightning does: down to containers of numbers, which it leaves whole."""
    from collections import OrderedDict, defaultdict, deque, namedtuple

    from chainrule.redirect.surroundings.pytree import (
        SUPPORTED_NODES,
        LeafSpec,
        TreeSpec,
        _get_node_type,
        tree_flatten,
        tree_map,
        tree_unflatten,
    )

    def flatten(tree):
        kind = _get_node_type(tree)
        if kind not in SUPPORTED_NODES:
            return [tree], LeafSpec()
        parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if all([isinstance(part, int) for part in parts]):
            return [tree], LeafSpec()
        found = [flatten(part) for part in parts]
        return [leaf for leaves, _ in found for leaf in leaves], TreeSpec(
            kind, context, [s for _, s in found]
        )

    tree = {"a": [3, 5], "b": (object, {"c": object})}
    leaves, spec = flatten(tree)
    assert leaves == [[3, 5], object, object] and spec.num_leaves == 3 and spec.num_children == 2
    assert tree_unflatten(leaves, spec) == tree and spec.child(0).is_leaf()
    with pytest.raises(ValueError, match="2 leaves for a tree of 3"):
        tree_unflatten(leaves[1:], spec)

    Point = namedtuple("Point", "x y")
    counts = defaultdict(int, a=1)
    tree = [Point(1, OrderedDict(b=2)), counts, deque([3, 4], maxlen=5), {"d": ()}]
    doubled = tree_map(lambda x: 2 * x, tree)
    assert doubled == [Point(2, OrderedDict(b=4)), {"a": 2}, deque([6, 8]), {"d": ()}]
    assert doubled[1].default_factory is int and doubled[2].maxlen == 5
    assert tree_flatten(tree, is_leaf=lambda t: t is counts)[0] == [1, 2, counts, 3, 4]
    assert tree_map(lambda a, b: a + b, (1, [2]), (10, [20])) == (11, [22])


def test_products_are_counted_by_modules(torch):
    from chainrule.redirect.surroundings.flop_counter import FlopCounterMode

    def counts(library, mode):
        nn = library.nn
        model = nn.Sequential(
            nn.Conv2d(2, 3, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(3 * 5 * 7, 11),
            nn.Linear(11, 2, bias=False),
        )
        with mode(display=False) as counter:
            model(library.ones(2, 2, 7, 9)).sum().backward()
        by_module = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
        return counter.get_total_flops(), by_module

    from torch.utils.flop_counter import FlopCounterMode as Theirs

    assert counts(cr, FlopCounterMode) == counts(torch, Theirs)


def test_a_count_is_printed_and_goes_into_composites(capsys):
    from chainrule.redirect.surroundings.flop_counter import FlopCounterMode

    with FlopCounterMode() as counter, cr.no_grad():
        cr.nn.LSTM(3, 5)(cr.ones(7, 2, 3))
    assert counter.get_total_flops() == 7 * 2 * 2 * (3 + 5) * 4 * 5
    assert re.search(r"Global +4\.48 k +100\.00%\nLSTM", capsys.readouterr().out)
    q = cr.ones(2, 3, 5, 7, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        cr.nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()
    assert counter.get_flop_counts()["Global"]["attention_backward"] == 5 * 2 * 6 * 5 * 5 * 7
    with pytest.raises(NotImplementedError, match="custom_mapping"):
        FlopCounterMode(custom_mapping={1: 2})


def test_functions_are_registered_with_their_gradient():
    from chainrule.redirect.names import resolve
    from chainrule.redirect.surroundings import library, operators

    @library.custom_op("mine::cube", mutates_args=())
    def cube(x: cr.Tensor, scale: float = 1.0) -> cr.Tensor:
        return x**3 * scale

    cube.register_fake(lambda x, scale=1.0: cr.empty_like(x))
    x = cr.tensor([2.0, 3.0], requires_grad=True)
    y = operators.mine.cube(x, scale=2.0)
    y.sum().backward()
    assert y.tolist() == [16.0, 54.0] and x.grad.tolist() == [24.0, 54.0]

    def keep(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.scale = inputs[1]

    def backward(ctx, g):
        return g * -ctx.saved_tensors[0] * ctx.scale, None

    library.register_autograd("mine::cube", backward, setup_context=keep)
    x.grad = None
    operators.mine.cube.default(x, 2.0).sum().backward()
    assert x.grad.tolist() == [-4.0, -6.0]
    library.register_kernel(cube, "cuda", lambda x, scale: x)
    assert cube(x).tolist() == [8.0, 27.0] and repr(cube) == "<CustomOpDef(mine::cube)>"
    library.register_kernel("mine::cube", "cpu")(lambda x, scale: x + scale)
    assert cube(x, 1.0).tolist() == [3.0, 4.0]
    with pytest.raises(AttributeError, match="no function was registered as mine::square"):
        _ = operators.mine.square
    with pytest.raises(ValueError, match="takes a name such as 'mine::twice', found 'cube'"):
        library.custom_op("cube", cube)
    with pytest.raises(ValueError, match="no function was registered as 'mine::square'"):
        library.register_autograd("mine::square", backward)
    assert resolve("torch.library.Library") is None and library.Library is not None
    assert resolve("torch.ops.mine.cube") is cube


def test_operators_are_keys_and_the_functions_of_their_name():
    """Classes of tensors say in a table what they do for an operator: `torch_geometric.EdgeIndex`."""
    from chainrule.redirect.names import resolve
    from chainrule.redirect.surroundings import operators

    aten, x = operators.aten, cr.tensor([3.0, 1.0])
    assert isinstance(x.layout, resolve("torch.layout"))
    table = {aten.sort.default: 1, aten.sort.stable: 2, aten._to_copy.default: 3}
    assert [table[k] for k in (aten.sort.default, aten.sort.stable, aten._to_copy.default)] == [
        1,
        2,
        3,
    ]
    assert aten.add.Tensor(x, x, alpha=2).tolist() == [9.0, 3.0]
    assert aten.sort(x)[0].tolist() == [1.0, 3.0] and aten.view_as(x, x).tolist() == [3.0, 1.0]
    assert repr(aten.add.Tensor) == "<aten.add.Tensor>"
    with pytest.raises(ChainruleError, match="no torch.ops.aten._to_copy.default here"):
        aten._to_copy.default(x)
    with pytest.raises(AttributeError):
        _ = aten.add.Tensor.more


def test_operators_of_torchvision():
    """Detectors call them past torchvision's own functions: sizes stand one by one."""
    from chainrule.redirect.surroundings import operators
    from chainrule.redirect.torchvision import ops

    cr.manual_seed(0)
    vision, x = operators.torchvision, cr.randn(1, 3, 11, 13)
    boxes = cr.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [3, 2, 5, 8]])
    assert vision.nms(boxes, cr.tensor([0.5, 0.75, 0.25]), 0.5).tolist() == [1, 2]
    rois = cr.cat([cr.zeros(3, 1), boxes], 1)
    found = vision.roi_align(x, rois, 0.5, 2, 5, 2, True)
    assert found.shape == (3, 3, 2, 5)
    assert cr.equal(found, ops.roi_align(x, rois, (2, 5), 0.5, 2, True))
    w, offset, mask = cr.randn(2, 3, 3, 2), cr.randn(1, 12, 6, 16), cr.rand(1, 6, 6, 16)
    for use in (True, False):
        found = vision.deform_conv2d(x, w, offset, mask, cr.ones(2), 2, 1, 1, 2, 1, 1, 1, 1, use)
        expected = ops.deform_conv2d(
            x, offset, w, cr.ones(2), (2, 1), (1, 2), mask=mask if use else None
        )
        assert cr.equal(found, expected)
    with pytest.raises(
        AttributeError, match=r"no torch.ops.torchvision.roi_pool here; there are nms"
    ):
        vision.roi_pool(x, rois, 1.0, 2, 2)
