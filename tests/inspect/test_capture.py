"""Statistics of what flows through a model, against NumPy."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import inspect, nn
from chainrule.nn import functional as F


def model_and_batch():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    return model, (cr.randn(7, 3), cr.tensor([0, 1, 1, 0, 1, 0, 0]))


def test_statistics_are_numpy_s():
    x = np.random.default_rng(0).standard_normal((5, 7)).astype("f")
    x[0, :3] = 0, np.nan, -np.inf
    found, finite = inspect.statistics(cr.tensor(x)), x[np.isfinite(x)].astype("f8")
    assert (found.shape, found.nonfinite) == ((5, 7), 2)
    assert found.zeros == pytest.approx(1 / 35)
    assert [found.mean, found.std, found.min, found.max] == pytest.approx(
        [finite.mean(), finite.std(), finite.min(), finite.max()]
    )
    assert found.counts.sum() == 33 and len(found.edges) == len(found.counts) + 1 == 41


@pytest.mark.parametrize("values", [[], [np.nan], [3.0, 3.0], [1e300, -1e300], [1.0, 1.0 + 1e-15]])
def test_statistics_of_the_extreme(values):
    found = inspect.statistics(np.array(values))
    assert found.counts.sum() == np.isfinite(values).sum()
    assert str(found)


def test_activations_and_gradients_of_every_module():
    model, batch = model_and_batch()
    found = inspect.capture(model, batch, F.cross_entropy)
    assert [c.name for c in found.calls] == ["0", "1", "2", "3", ""]
    x = batch[0]
    hidden = model[2](model[1](model[0](x)))
    logits = model[3](hidden)
    loss = F.cross_entropy(logits, batch[1])
    g_hidden, g_weight = cr.autograd.grad(loss, [hidden, model[3].weight])
    assert found.loss == pytest.approx(loss.item())
    assert found["2"].activation.std == pytest.approx(
        float(hidden.detach().numpy().std()), rel=1e-5
    )
    assert found["2"].gradient.max == pytest.approx(float(g_hidden.max()), rel=1e-5)
    assert found.parameters["3.weight"].min == pytest.approx(float(g_weight.min()), rel=1e-5)
    assert found["2"].activation.zeros == pytest.approx((hidden.detach().numpy() == 0).mean())


def test_without_a_loss_there_are_no_gradients():
    model, (x, _) = model_and_batch()
    found = inspect.capture(model, x)
    assert found.loss is None and found.parameters == {} and found["3"].gradient is None
    assert "gradients" not in found.show()
    with pytest.raises(KeyError, match="no module 'x' was called"):
        found["x"]


def test_text_and_picture(tmp_path):
    model, batch = model_and_batch()
    model[0].register_parameter("unused", nn.Parameter(cr.ones(2)))
    found = inspect.capture(model, batch, F.cross_entropy)
    text = found.show()
    assert "1: BatchNorm1d" in text and "gradients by the parameters" in text
    assert [line.split() for line in text.splitlines() if "unused" in line] == [
        ["0.unused", "none"]
    ]
    for name in ("a.png", "a.svg"):
        found.plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


def test_nothing_is_changed_and_the_hooks_are_gone():
    model, batch = model_and_batch()
    before = {n: v.numpy().copy() for n, v in model.state_dict().items()}
    inspect.capture(model, batch, F.cross_entropy)
    for n, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[n])
    assert all(p.grad is None for p in model.parameters())

    def broken(output, target):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        inspect.capture(model, batch, broken)
    assert not any(m._hooks for m in model.modules())
