"""Module: filing, walking, hooks, state dicts, printing. No torch needed."""

import copy
import importlib
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, zeros
from chainrule.base.errors import DeviceError, StateDictError
from chainrule.nn import modules


class Net(nn.Module):
    """Two layers, a buffer and a tied weight."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 5)
        self.second = nn.Linear(5, 3)
        self.second.weight = nn.Parameter(cr.zeros(3, 5))
        self.register_buffer("table", cr.ones(2))
        self.register_buffer("scratch", cr.ones(2), persistent=False)
        self.tied = nn.Linear(3, 5, bias=False)
        self.tied.weight = self.first.weight

    def forward(self, x, scale=1.0):
        return self.second(self.first(x)) * scale


# ---- filing ------------------------------------------------------------------------------------------------------


def test_assignment_files_parameters_modules_and_buffers():
    net = Net()
    assert list(net._modules) == ["first", "second", "tied"]
    assert list(net._buffers) == ["table", "scratch"]
    net.w = nn.Parameter(np.zeros((2, 3), "float32"))
    assert [n for n, _ in net.named_parameters()][0] == "w"
    assert net.w.requires_grad
    assert "w" in dir(net)
    del net.w
    assert not hasattr(net, "w")


def test_a_name_moves_from_one_file_to_another():
    m = nn.Module()
    m.x = 3
    m.x = nn.Parameter(cr.zeros(2))
    assert "x" not in m.__dict__ and "x" in m._parameters
    m.x = nn.Linear(2, 2)
    assert "x" not in m._parameters and "x" in m._modules
    m.x = None
    assert m._modules == {"x": None} and m.x is None


def test_replacing_keeps_the_order():
    net = Net()
    net.first = nn.Identity()
    assert list(net._modules) == ["first", "second", "tied"]


def test_buffer_class_registers():
    m = nn.Module()
    m.a = nn.Buffer(cr.ones(2))
    m.b = nn.Buffer(cr.ones(2), persistent=False)
    assert [n for n, _ in m.named_buffers()] == ["a", "b"]
    assert list(m.state_dict()) == ["a"]
    m.a = cr.zeros(2)  # a registered name takes any tensor
    assert list(m.state_dict()) == ["a"]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (
            lambda m: setattr(m, "weight", cr.zeros(2)),
            TypeError,
            r"cannot assign 'Tensor' as parameter 'weight' \(nn.Parameter or None expected\)",
        ),
        (
            lambda m: setattr(m, "child", 3),
            TypeError,
            r"cannot assign 'int' as child module 'child'",
        ),
        (lambda m: setattr(m, "buffer", 3), TypeError, r"cannot assign 'int' as buffer 'buffer'"),
        (lambda m: m.register_parameter("a.b", None), KeyError, r"parameter name can.*t contain"),
        (lambda m: m.register_parameter("", None), KeyError, r"can.*t be empty"),
        (
            lambda m: m.register_parameter("training", None),
            KeyError,
            r"attribute 'training' already exists",
        ),
        (
            lambda m: m.register_parameter(3, None),
            TypeError,
            r"parameter name should be a string. Got int",
        ),
        (
            lambda m: m.register_parameter("p", cr.zeros(2)),
            TypeError,
            r"cannot assign 'Tensor' object to parameter 'p'",
        ),
        (
            lambda m: m.register_buffer("b", 3),
            TypeError,
            r"cannot assign 'int' object to buffer 'b'",
        ),
        (lambda m: m.add_module("c", 3), TypeError, r"int is not a Module subclass"),
        (lambda m: m.missing, AttributeError, r"'Module' object has no attribute 'missing'"),
        (lambda m: m.train(3), ValueError, r"training mode is expected to be boolean"),
        (lambda m: m(3), NotImplementedError, r'missing the required "forward" function'),
        (lambda m: m.get_submodule("child.deeper"), AttributeError, r"has no attribute `deeper`"),
        (lambda m: m.get_submodule("weight"), AttributeError, r"`weight` .* is not a Module"),
        (lambda m: m.get_parameter("buffer"), AttributeError, r"is not an nn.Parameter"),
        (lambda m: m.get_buffer("weight"), AttributeError, r"is not a buffer"),
        (lambda m: m.set_submodule("", nn.ReLU()), ValueError, r"without a target name"),
        (lambda m: m.set_submodule("child", 3), TypeError, r"int is not a Module subclass"),
        (lambda m: m.get_parameter("spam"), AttributeError, r"no attribute `spam`"),
        (lambda m: m.to(cr.int64), TypeError, r"only accepts floating-point dtypes"),
        (lambda m: m.to(spam=1), TypeError, r"unexpected keyword argument 'spam'"),
        (lambda m: m.load_state_dict(3), TypeError, r"Expected state_dict to be dict-like"),
    ],
)
def test_errors(act, error, text):
    m = nn.Module()
    m.weight = nn.Parameter(cr.zeros(2))
    m.register_buffer("buffer", cr.zeros(2))
    m.child = nn.ReLU()
    with pytest.raises(error, match=text):
        act(m)


def test_assigning_before_init_is_named():
    class Forgot(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    with pytest.raises(
        AttributeError, match=r"before Module.__init__\(\) call\n  hint: super\(\).__init__\(\)"
    ):
        Forgot()


def test_a_parameter_with_a_history_is_refused():
    m, w = nn.Module(), nn.Parameter(cr.ones(2))
    with pytest.raises(TypeError, match="cannot assign 'Tensor' object to parameter 'p'"):
        m.register_parameter("p", w * 2)
    frozen = nn.Parameter(cr.ones(2), requires_grad=False)
    frozen.mul_(w)
    with pytest.raises(ValueError, match="cannot assign a tensor with a history to parameter 'p'"):
        m.register_parameter("p", frozen)


def test_there_is_no_other_device():
    with pytest.raises(DeviceError):
        nn.Linear(2, 2).to("cuda")
    with pytest.raises(DeviceError):
        nn.Linear(2, 2, device="cuda")


# ---- walking -----------------------------------------------------------------------------------------------------


def test_walks():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    ]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)][-1] == "tied.weight"
    assert [n for n, _ in net.named_parameters("net", recurse=False)] == []
    assert [n for n, _ in net.named_modules()] == ["", "first", "second", "tied"]
    assert [n for n, _ in net.named_buffers()] == ["table", "scratch"]
    assert len(list(net.children())) == 3 and len(list(net.modules())) == 4
    assert net.get_parameter("tied.weight") is net.first.weight
    assert net.get_submodule("") is net and net.get_buffer("table") is net.table
    net.set_submodule("first", nn.Identity())
    assert isinstance(net.first, nn.Identity)


def test_shared_module_is_walked_once():
    m = nn.Module()
    m.a = m.b = nn.Linear(2, 3)
    assert [n for n, _ in m.named_modules()] == ["", "a"]
    assert [n for n, _ in m.named_modules(remove_duplicate=False)] == ["", "a", "b"]
    assert [n for n, _ in m.named_children()] == ["a"]
    assert list(m.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([nn.Linear(2, 2)], r"Net.hidden is a plain list that holds a Linear.* use nn.ModuleList"),
        ((nn.Linear(2, 2),), r"plain tuple .* use nn.ModuleList"),
        ({"a": nn.Linear(2, 2)}, r"plain dict .* use nn.ModuleDict"),
        (
            {"a": [nn.Parameter(cr.zeros(2))]},
            r"plain dict that holds a Parameter.* use nn.ParameterDict",
        ),
    ],
)
def test_modules_in_plain_containers_are_reported(value, text):
    net = Net()
    net.hidden = value
    with pytest.warns(UserWarning, match=text):
        net.parameters()


def test_registered_modules_in_a_plain_list_are_no_fault():
    net = Net()
    net.order = [net.first, net.second]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(net.parameters())


# ---- modes -------------------------------------------------------------------------------------------------------


def test_train_eval_requires_grad_zero_grad_apply():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(cr.ones(7, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.numpy().any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Linear", "Net"]


def test_conversion_keeps_identity_ties_and_integers():
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    weight = net[0].weight
    net(cr.ones(7, 3)).sum().backward()
    for convert, dtype in [
        (lambda: net.double(), cr.float64),
        (lambda: net.half(), cr.float16),
        (lambda: net.to(cr.bfloat16), cr.bfloat16),
        (lambda: net.float(), cr.float32),
        (lambda: net.to(cr.zeros(1, dtype=cr.float64)), cr.float64),
    ]:
        assert convert() is net
        assert net[0].weight is weight and weight.dtype is dtype and weight.grad.dtype is dtype
        assert net[1].running_mean.dtype is dtype
        assert net[1].num_batches_tracked.dtype is cr.int64
    tied = Net().double()
    assert tied.tied.weight is tied.first.weight
    assert net.to("cpu") is net and net.cpu() is net


def test_copy_and_pickle():
    net = Net()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.tied.weight is twin.first.weight
        assert twin.first.weight is not net.first.weight
        assert isinstance(twin.first.weight, nn.Parameter) and twin.first.weight.requires_grad
        x = cr.ones(7, 3)
        np.testing.assert_array_equal(twin(x).detach().numpy(), net(x).detach().numpy())


# ---- hooks -------------------------------------------------------------------------------------------------------


def test_forward_hooks_change_arguments_and_result():
    m = nn.Identity()
    x = cr.ones(2)
    m.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    m.register_forward_pre_hook(lambda module, args: args[0] * 10)  # one value becomes a tuple
    h = m.register_forward_hook(lambda module, args, output: output - 1)
    np.testing.assert_array_equal(m(x).numpy(), [19, 19])
    h.remove()
    h.remove()
    np.testing.assert_array_equal(m(x).numpy(), [20, 20])


def test_hooks_with_kwargs_and_order():
    net, calls = Net(), []
    net.register_forward_pre_hook(lambda m, a, k: calls.append(("pre", k)), with_kwargs=True)
    net.register_forward_pre_hook(
        lambda m, a, k: (a, {"scale": 0.0}), with_kwargs=True, prepend=True
    )
    net.register_forward_hook(lambda m, a, k, y: calls.append(("post", k)), with_kwargs=True)
    with net.register_forward_hook(lambda m, a, y: calls.append("first"), prepend=True):
        y = net(cr.ones(2, 3), scale=5.0)
    assert not y.detach().numpy().any()
    assert calls == [("pre", {"scale": 0.0}), "first", ("post", {"scale": 0.0})]
    net.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple .*got int"):
        net(cr.ones(2, 3))


def test_always_call_runs_after_an_error():
    class Bad(nn.Module):
        def forward(self, x):
            raise ValueError("from forward")

    m, seen = Bad(), []
    m.register_forward_hook(lambda *a: seen.append("plain"))
    m.register_forward_hook(lambda mod, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="from forward"):
        m(1)
    assert seen == [None]

    def broken(*args):
        raise KeyError("from hook")

    m.register_forward_hook(broken, always_call=True)
    with (
        pytest.warns(UserWarning, match="always_call=True raised KeyError"),
        pytest.raises(ValueError, match="from forward"),
    ):
        m(1)


def test_backward_hooks_see_and_replace_gradients():
    layer, seen = nn.Linear(3, 2), {}

    def pre(module, grad_output):
        seen["pre"] = [g.numpy().copy() for g in grad_output]
        return (grad_output[0] * 2,)

    def post(module, grad_input, grad_output):
        seen["in"], seen["out"] = grad_input[0].numpy().copy(), grad_output[0].numpy().copy()
        return (grad_input[0] * 10,)

    handles = [layer.register_full_backward_pre_hook(pre), layer.register_full_backward_hook(post)]
    x = cr.ones(5, 3, requires_grad=True)
    layer(x).sum().backward()
    w = layer.weight.detach().numpy()
    np.testing.assert_array_equal(seen["pre"][0], np.ones((5, 2)))
    np.testing.assert_array_equal(seen["out"], 2 * np.ones((5, 2)))
    np.testing.assert_allclose(seen["in"], np.tile(2 * w.sum(0), (5, 1)), rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), 10 * seen["in"], rtol=1e-6)
    for h in handles:
        h.remove()
    seen.clear()
    layer(x).sum().backward()
    assert not seen


def test_backward_hook_without_input_gradient():
    layer, seen = nn.Linear(3, 2), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].shape)))
    layer(cr.ones(5, 3)).sum().backward()
    assert seen == [((None,), (5, 2))]
    layer.register_full_backward_hook(lambda m, gi, go: (go[0],))
    with pytest.raises(RuntimeError, match="no input of the module requires one"):
        layer(cr.ones(5, 3)).sum().backward()


def test_backward_hook_of_wrong_length():
    layer = nn.Linear(3, 2)
    layer.register_full_backward_pre_hook(lambda m, go: (go[0], go[0]))
    with pytest.raises(RuntimeError, match="returned 2 gradients in place of the 1 of grad_output"):
        layer(cr.ones(5, 3)).sum().backward()


def test_backward_hook_of_a_module_whose_input_leaks():
    class Leaks(nn.Module):
        def forward(self, x):
            self.kept = x
            return x * 2

    m = Leaks()
    m.register_full_backward_hook(lambda m, gi, go: None)
    m(cr.ones(3, requires_grad=True))
    with pytest.raises(
        RuntimeError, match="received a gradient that did not pass through its outputs"
    ):
        m.kept.sum().backward()


def test_backward_hook_of_a_module_without_tensor_outputs():
    class Names(nn.Module):
        def forward(self, x):
            return {"y": x}

    m = Names()
    m.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.warns(
        UserWarning, match="the output of Names must be a Tensor or a tuple of Tensors, got dict"
    ):
        m(cr.ones(3))


# ---- state dicts -------------------------------------------------------------------------------------------------


def test_state_dict_names_and_sharing():
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == [
        "table",
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
        "tied.weight",
    ]
    assert not state["first.weight"].requires_grad
    state["table"].fill_(7)
    assert net.table.numpy()[0] == 7
    assert net.state_dict(keep_vars=True)["first.weight"] is net.first.weight
    assert list(net.state_dict(prefix="m."))[0] == "m.table"


def test_load_round_trip_and_arrays():
    a, b = Net(), Net()
    assert str(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    for k, v in a.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), b.state_dict()[k].numpy())
    b.load_state_dict({k: np.zeros(v.shape, "float32") for k, v in a.state_dict().items()})
    assert not b.first.weight.detach().numpy().any()
    assert b.tied.weight is b.first.weight


def test_strict_loading_names_every_fault_and_changes_nothing():
    net = Net()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in net.state_dict().items()}
    del state["first.bias"], state["tied.weight"]
    state["extra"] = cr.zeros(2)
    state["more"] = cr.zeros(2)
    state["second.weight"] = cr.zeros(7, 5)
    state["second.bias"] = "spam"
    with pytest.raises(StateDictError) as e:
        net.load_state_dict(state)
    text = str(e.value)
    for part in (
        'Missing key(s) in state_dict: "first.bias", "tied.weight"',
        'Unexpected key(s) in state_dict: "extra", "more"',
        "second.weight: shape (7, 5) in the state dict, (3, 5) in the model",
        "second.bias: expected a Tensor or an array, got str",
    ):
        assert part in text
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])
    with pytest.raises(StateDictError, match=r"second\.weight") as e:
        net.load_state_dict(state, strict=False)
    assert "Missing" not in str(e.value)


def test_loading_not_strictly():
    net = Net()
    result = net.load_state_dict({"table": cr.zeros(2), "extra": cr.zeros(3)}, strict=False)
    assert result.missing_keys == [
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
        "tied.weight",
    ]
    assert result.unexpected_keys == ["extra"]
    assert not net.table.numpy().any()
    assert "missing_keys=" in repr(result)


def test_loading_floats_into_integers_is_refused_and_narrowing_is_told():
    bn = nn.BatchNorm1d(3)
    state = dict(bn.state_dict())
    with pytest.raises(
        StateDictError,
        match="num_batches_tracked: dtype float32 in the state dict, int64 in the model",
    ):
        bn.load_state_dict({**state, "num_batches_tracked": cr.tensor(1.0)})
    with pytest.warns(UserWarning, match=r"narrowed weight \(float64 to float32\) and 1 more"):
        bn.load_state_dict({**state, "weight": np.ones(3), "bias": np.ones(3)})


def test_assign_takes_the_tensors_over():
    net = Net()
    state = {k: v.double() for k, v in net.state_dict().items()}
    state["tied.weight"] = state["first.weight"]
    net.load_state_dict(state, assign=True)
    assert net.first.weight.dtype is cr.float64 and isinstance(net.first.weight, nn.Parameter)
    assert net.tied.weight is net.first.weight
    assert net.table is state["table"]


# ---- printing ----------------------------------------------------------------------------------------------------


def test_repr():
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=5, bias=True)\n"
        "  (second): Linear(in_features=5, out_features=3, bias=True)\n"
        "  (tied): Linear(in_features=3, out_features=5, bias=False)\n"
        ")"
    )


# ---- hooks of all modules ------------------------------------------------------------------------------------------


@pytest.fixture
def of_all():
    """The hooks of all modules, which are none again afterwards."""
    from chainrule.base.modes import structure

    handles = []
    yield handles.append
    for handle in handles:
        handle.remove()
    assert not structure.hooks
    structure.hooks = None


def test_hooks_of_all_modules_run_before_a_modules_own(of_all):
    calls = []
    net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    net[1].register_forward_hook(lambda m, a, y: calls.append("own") or y + 1)
    net[1].register_full_backward_hook(lambda m, gi, go: calls.append("own back"))
    of_all(modules.register_module_forward_pre_hook(lambda m, a: calls.append("before")))
    of_all(modules.register_module_forward_hook(lambda m, a, k, y: y * 2, with_kwargs=True))
    of_all(modules.register_module_full_backward_pre_hook(lambda m, go: calls.append("pre")))
    of_all(modules.register_module_full_backward_hook(lambda m, gi, go: calls.append("back")))
    x = zeros(7, 3, requires_grad=True)
    y = net(x)
    inside = net[1].forward(2 * net[0].forward(x))
    assert cr.allclose(y, 2 * (2 * inside + 1))
    assert calls == ["before", "before", "before", "own"]
    calls.clear()
    y.sum().backward()
    assert calls == ["pre", "pre", "back", "own back", "pre", "back", "back"]


def test_hooks_of_all_modules_are_part_of_a_program(of_all):
    net = nn.Linear(3, 5)
    traced = cr.graph.trace(net)
    x = cr.ones(7, 3)
    before = traced(x)
    of_all(modules.register_module_forward_hook(lambda m, a, y: y + 1))
    assert cr.allclose(traced(x), before + 1)


def test_hooks_are_told_what_is_filed(of_all):
    seen = []

    def note(module, name, value):
        seen.append((type(module).__name__, name))
        return nn.Parameter(value.detach() * 0) if name == "weight" else None

    of_all(modules.register_module_parameter_registration_hook(note))
    of_all(modules.register_module_buffer_registration_hook(note))
    of_all(modules.register_module_module_registration_hook(note))
    net = nn.Module()
    net.inner = nn.Linear(3, 5)
    net.register_buffer("table", zeros(2))
    net.weight = nn.Parameter(cr.ones(2))
    assert seen == [
        ("Linear", "weight"), ("Linear", "bias"), ("Module", "inner"), ("Module", "table"), ("Module", "weight")
    ]  # fmt: skip
    assert net.weight.tolist() == [0, 0] and net.inner.bias.shape == (5,)


def test_a_call_by_its_inner_name():
    class Loud(nn.Linear):
        def __call__(self, x):
            return self._call_impl(x) + 1

    layer = Loud(3, 5)
    layer.register_forward_hook(lambda m, a, y: y * 2)
    x = cr.ones(7, 3)
    assert cr.equal(layer(x), 2 * layer.forward(x) + 1)


# ---- hooks of state dicts ------------------------------------------------------------------------------------------


def test_nothing_changes_where_no_hook_may_forgive():
    """With a post-hook, which is asked after loading, the rest has been loaded, and the error says so."""
    net = nn.Linear(3, 2)
    before = net.weight.detach().clone()
    state = {"weight": cr.zeros(2, 3)}
    with pytest.raises(StateDictError, match=r"\(nothing was changed\):\n\tMissing key\(s\) in state_dict: \"bias\""):  # fmt: skip
        net.load_state_dict(state)
    np.testing.assert_array_equal(net.weight.detach().numpy(), before.numpy())
    seen = []
    net.register_load_state_dict_post_hook(lambda module, keys: seen.append(list(keys[0])))
    with pytest.raises(StateDictError, match=r"\(the rest was loaded\):\n\tMissing"):
        net.load_state_dict(state)
    assert not net.weight.detach().numpy().any() and seen == [["bias"]]
    with pytest.raises(StateDictError, match=r"\(nothing was changed\):\n\tmismatch for weight"):
        net.load_state_dict({"weight": cr.ones(1), "bias": cr.ones(2)})


def test_a_module_reads_its_part_of_a_state_dict_alone():
    """`_load_from_state_dict` called by itself, as code for old checkpoints does, loads at once."""
    net, missing, unexpected, faults = nn.Linear(3, 2), [], [], []
    given = {"p.weight": cr.ones(2, 3), "p.x": cr.ones(1), "q.bias": cr.ones(2)}
    net._load_from_state_dict(given, "p.", {}, True, missing, unexpected, faults)
    assert (missing, unexpected, faults) == (["p.bias"], ["p.x"], [])
    assert net.weight.detach().numpy().all()


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda m: nn.Module(3), TypeError, r"Module: Module.__init__ takes no arguments, found 1 positional"),
        (lambda m: nn.Module(wrong=3), TypeError, r"found a keyword 'wrong'; with call_super_init = True they go to the next"),
        (lambda m: m.get_extra_state(), NotImplementedError, r"Linear has no extra state"),
        (lambda m: m.set_extra_state(3), NotImplementedError, r"Linear has no extra state"),
        (lambda m: m.xpu(), DeviceError, r"xpu"),
        (lambda m: m.cuda(1), DeviceError, r"1"),
        (lambda m: m.register_state_dict_post_hook(lambda *given: 3) and m.state_dict(), RuntimeError, r"post-hook must return None"),
        (lambda m: m.register_load_state_dict_post_hook(lambda *given: 3) and m.load_state_dict(m.state_dict()), RuntimeError, r"in place"),
        (lambda m: m.set_submodule("", m), ValueError, r"without a target name"),
        (lambda m: m.set_submodule("x", 3), TypeError, r"int is not a Module subclass"),
    ],
)  # fmt: skip
def test_errors_of_methods(act, error, text):
    with pytest.raises(error, match=text):
        act(nn.Linear(3, 2))


def test_positional_arguments_of_state_dict_are_deprecated():
    found = {}
    with pytest.warns(FutureWarning, match="give them by name"):
        assert nn.Linear(3, 2).state_dict(found, "p.") is found
    assert list(found) == ["p.weight", "p.bias"]


def test_the_handle_of_a_copied_module_takes_the_hook_off_the_copy():
    """As in PyTorch, where a module keeps the handles of its own hooks and is pickled."""
    layer = cr.nn.ReLU()
    layer.handle = layer.register_forward_hook(_minus_one)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert other(cr.zeros(1)) == -1
        other.handle.remove()
        assert other(cr.zeros(1)) == 0 and layer(cr.zeros(1)) == -1
    layer.handle.remove()
    assert layer(cr.zeros(1)) == 0


def _minus_one(module, args, output):
    return output - 1


@pytest.mark.parametrize("chapter", nn.CHAPTERS)
def test_a_chapter_has_the_layers_that_are_looked_for_in_it(chapter):
    """Its public layers, all of them and no others; they are loaded when they are first asked for."""
    module = importlib.import_module(f"chainrule.nn.{chapter}")
    public = {name for name in module.__all__ if issubclass(type(getattr(module, name)), type)}
    others = {"SDPBackend", "DistributedDataParallel"}  # PyTorch has them one level below
    assert set(nn.CHAPTERS[chapter].split()) == public - others
    assert all(
        [getattr(nn, name) is getattr(module, name) for name in nn.CHAPTERS[chapter].split()]
    )
