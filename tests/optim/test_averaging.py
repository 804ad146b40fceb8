"""Averages of weights: the EMA, eager, traced and compiled; PyTorch's AveragedModel and what goes with it."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import StateDictError, nn, optim
from chainrule.graph import trace
from chainrule.optim.swa_utils import SWALR, AveragedModel, update_bn


def net(T=cr):
    T.manual_seed(0)
    N = T.nn
    return N.Sequential(N.Linear(3, 5), N.BatchNorm1d(5), N.Tanh(), N.Linear(5, 2))


def batches(T, count=4):
    rng = np.random.default_rng(1)
    return [T.tensor(rng.standard_normal((7, 3)).astype("f")) for _ in range(count)]


def set_weights(model, seed):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data.copy_(type(p.data)(rng.standard_normal(tuple(p.shape)).astype("f")))


def weights(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


# --------------------------------------------------------------------------------------------------------------- EMA


def test_the_average_is_its_formula():
    model = net()
    expected = weights(model).astype("f8")
    ema = optim.EMA(model, decay=0.9)
    for seed in range(5):
        set_weights(model, seed)
        ema.update()
        expected += 0.1 * (weights(model) - expected)
    kept = weights(model).copy()
    with ema.average():
        np.testing.assert_allclose(weights(model), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(weights(model), kept)
    ema.copy_to_model()
    np.testing.assert_allclose(weights(model), expected, rtol=1e-5, atol=1e-6)


def test_the_weights_come_back_after_an_exception():
    model = net()
    ema = optim.EMA(model, decay=0.0)
    set_weights(model, 1)
    kept = weights(model).copy()
    with pytest.raises(ZeroDivisionError), ema.average():
        assert (weights(model) != kept).any()
        1 / 0  # noqa: B018
    np.testing.assert_array_equal(weights(model), kept)
    with ema.average():  # and the next block works
        pass
    np.testing.assert_array_equal(weights(model), kept)


def test_within_the_block_there_is_no_update_and_no_other_block():
    ema = optim.EMA([nn.Parameter(cr.ones(2))])
    with ema.average():
        with pytest.raises(RuntimeError, match="EMA.update within EMA.average"):
            ema.update()
        with pytest.raises(RuntimeError, match="EMA.average within EMA.average"), ema.average():
            pass


@pytest.mark.parametrize("wrap", [trace, cr.compile], ids=["traced", "compiled"])
def test_the_average_of_a_whole_step_as_a_program(wrap):
    found = []
    for make in (lambda f: f, wrap):
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=0.05)
        ema = optim.EMA(model, decay=0.8, warmup=True, use_buffers=True)

        def step(x, model=model, optimizer=optimizer, ema=ema):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()
            ema.update()

        step = make(step)
        for k, x in enumerate(batches(cr, 6)):
            if k == 4:
                ema.decay = 0.2  # read at each call
            step(x)
        assert ema.updates == 6
        found.append({n: a.numpy().copy() for n, a in ema.averages.items()})
    assert found[0].keys() == found[1].keys()
    for name, a in found[0].items():
        np.testing.assert_allclose(found[1][name], a, rtol=1e-4, atol=1e-6, err_msg=name)


def test_warm_up_forgets_the_first_weights_sooner():
    w = nn.Parameter(cr.zeros(1, dtype=cr.float64))
    ema = optim.EMA([("w", w)], decay=0.999, warmup=True)
    w.data.fill_(1.0)
    ema.update()
    assert ema.averages["w"].item() == pytest.approx(1 - 2 / 11)
    ema.update()
    assert ema.averages["w"].item() == pytest.approx(1 - 2 / 11 * 3 / 12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_averages_of_half_precision_are_kept_in_float32(dtype):
    w = nn.Parameter(cr.ones(1, dtype=getattr(cr, dtype)))
    ema = optim.EMA([w], decay=0.9999)
    w.data.fill_(2.0)
    for _ in range(10):
        ema.update()
    assert ema.averages["0"].item() == pytest.approx(1.001, abs=1e-6)  # 1 in half precision
    with ema.average():
        assert w.dtype is getattr(cr, dtype) and 1 <= w.item() < 1.01


def test_buffers_are_averaged_or_left_alone():
    model = net()
    without, with_them = optim.EMA(model, 0.5), optim.EMA(model, 0.5, use_buffers=True)
    first = model[1].running_mean.numpy().copy()
    model(batches(cr)[0])
    without.update()
    with_them.update()
    now = model[1].running_mean.numpy().copy()
    with without.average():
        np.testing.assert_array_equal(model[1].running_mean.numpy(), now)
    with with_them.average():
        np.testing.assert_allclose(model[1].running_mean.numpy(), (first + now) / 2, rtol=1e-6)
        assert model[1].num_batches_tracked.item() == 1


def test_saved_and_loaded():
    model = net()
    ema = optim.EMA(model, decay=0.7, warmup=True)
    set_weights(model, 1)
    ema.update()
    state = copy.deepcopy(ema.state_dict())
    other = optim.EMA(net(), decay=0.1)
    kept = other.averages["0.weight"]
    other.load_state_dict(state)
    assert (other.decay, other.warmup, other.updates) == (0.7, True, 1)
    assert other.averages["0.weight"] is kept  # so that a program goes on with it
    for name, a in ema.averages.items():
        np.testing.assert_array_equal(other.averages[name].numpy(), a.numpy())
    before = kept.numpy().copy()
    broken = {**state, "averages": {**state["averages"], "0.bias": cr.ones(7), "x": cr.ones(1)}}
    del broken["averages"]["3.bias"]
    with pytest.raises(StateDictError) as e:
        other.load_state_dict(broken)
    for text in ("missing 3.bias", "unexpected x", "0.bias: shape (7,), expected (5,)"):
        assert text in str(e.value)
    np.testing.assert_array_equal(kept.numpy(), before)


# ----------------------------------------------------------------------------------------------------------- swa_utils


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: optim.EMA([]), ValueError, "nothing to average"),
        (lambda: optim.EMA([nn.Parameter(cr.ones(1))], 1.5), ValueError, "Invalid decay value: 1.5"),
        (lambda: optim.swa_utils.get_ema_avg_fn(-0.1), ValueError, "Invalid decay value -0.1"),
        (lambda: optim.swa_utils.get_ema_multi_avg_fn(2), ValueError, "Invalid decay value 2"),
        (lambda: AveragedModel(net(), avg_fn=max, multi_avg_fn=max), ValueError, "Only one of"),
        (lambda: SWALR(optim.SGD(net().parameters()), 0.1, anneal_strategy="x"), ValueError, "'cos' or"),
        (lambda: SWALR(optim.SGD(net().parameters()), 0.1, -1), ValueError, "greater than 0, got -1"),
    ],
)  # fmt: skip
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_statistics_come_back_after_an_exception():
    model = net().eval()

    def broken():
        yield batches(cr)[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        update_bn(broken(), model)
    assert model[1].momentum == 0.1 and not model.training


AVERAGES = {
    "swa": lambda T: {},
    "swa_multi": lambda T: {"multi_avg_fn": T.optim.swa_utils.get_swa_multi_avg_fn()},
    "swa_one": lambda T: {"avg_fn": T.optim.swa_utils.get_swa_avg_fn()},
    "ema_one": lambda T: {"avg_fn": T.optim.swa_utils.get_ema_avg_fn(0.7)},
    "ema_multi": lambda T: {"multi_avg_fn": T.optim.swa_utils.get_ema_multi_avg_fn(0.7)},
    "ema_buffers": lambda T: {
        "multi_avg_fn": T.optim.swa_utils.get_ema_multi_avg_fn(0.7), "use_buffers": True,
    },
    "own": lambda T: {"avg_fn": lambda a, w, n: a + w / (n + 2)},
}  # fmt: skip


@pytest.mark.parametrize("name", ["swa", "ema_multi", "ema_buffers", "own"])
def test_averaged_models_are_traced(name):
    """The same program for the first update, which copies, and for later ones."""
    found = []
    for run in (lambda f: f, trace):
        model = net()
        averaged = AveragedModel(model, **AVERAGES[name](cr))
        update = run(lambda a=averaged, m=model: a.update_parameters(m))
        for seed in range(3):
            set_weights_of(cr, model, seed)
            model(batches(cr)[seed])
            update()
        found.append({n: v.numpy() for n, v in averaged.state_dict().items()})
    assert found[1]["n_averaged"] == 3
    for key, value in found[0].items():
        np.testing.assert_array_equal(found[1][key], value, err_msg=key)


@pytest.mark.torch
@pytest.mark.parametrize("name", AVERAGES)
def test_averaged_models_are_those_of_torch(torch, name):
    found = []
    for T in (cr, torch):
        model = net(T)
        averaged = T.optim.swa_utils.AveragedModel(model, **AVERAGES[name](T))
        for seed in range(4):
            set_weights_of(T, model, seed)
            model(batches(T)[seed])
            averaged.update_parameters(model)
        T.optim.swa_utils.update_bn([[x, 0] for x in batches(T)] if name == "swa" else [], averaged)
        found.append({n: v.numpy() for n, v in averaged.state_dict().items()})
        if name == "swa":
            found[-1]["output"] = averaged.eval()(batches(T)[0]).detach().numpy()
    assert list(found[0]) == list(found[1])
    for key, value in found[1].items():
        np.testing.assert_allclose(found[0][key], value, rtol=2e-5, atol=1e-6, err_msg=key)


def set_weights_of(T, model, seed):
    rng = np.random.default_rng(seed)
    with T.no_grad():
        for p in model.parameters():
            p.copy_(T.tensor(rng.standard_normal(tuple(p.shape)).astype("f")))


@pytest.mark.torch
@pytest.mark.parametrize("options", [{}, {"anneal_strategy": "linear"}, {"anneal_epochs": 0}])
def test_swa_rates_are_those_of_torch(torch, options):
    found = []
    for T in (cr, torch):
        p = [T.nn.Parameter(T.ones(1)), T.nn.Parameter(T.ones(1))]
        o = T.optim.SGD([{"params": [p[0]]}, {"params": [p[1]], "lr": 0.3}], lr=0.1)
        s = T.optim.swa_utils.SWALR(o, [0.05, 0.02], **options)
        seen = []
        for k in range(15):
            seen.append(s.get_last_lr())
            o.step()
            s.step()
            if k == 5 and T is cr:
                state = s.state_dict()
                s = T.optim.swa_utils.SWALR(o, [0.05, 0.02], **options)
                s.load_state_dict(state)
        found.append(seen)
    np.testing.assert_allclose(*found, rtol=1e-12)
