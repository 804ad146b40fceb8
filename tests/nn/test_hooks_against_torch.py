"""What people do with hooks, and what a parameter prints, in both libraries."""

import numpy as np
import pytest

import chainrule as cr


@pytest.mark.filterwarnings("ignore:Using .*non-full backward hook")
def test_maps_of_what_a_class_is_seen_in(torch):
    """Grad-CAM as it is written everywhere: the channels of a layer, weighted by their gradients in the older hook."""

    def maps(L):
        L.manual_seed(3)
        model = L.nn.Sequential(
            L.nn.Conv2d(2, 5, 3), L.nn.ReLU(inplace=True), L.nn.Flatten(), L.nn.Linear(125, 3)
        )
        seen = {}
        handles = [
            model[0].register_forward_hook(
                lambda m, x, y: seen.update(features=y.detach().clone())
            ),
            model[0].register_backward_hook(lambda m, gx, gy: seen.update(gradient=gy[0])),
        ]
        model(L.linspace(-1, 1, 98).view(1, 2, 7, 7))[0, 1].backward()
        for handle in handles:
            handle.remove()
        weights = seen["gradient"].mean((2, 3), keepdim=True)
        return (weights * seen["features"]).sum(1).relu().numpy()

    mine = maps(cr)
    assert mine.any()
    np.testing.assert_allclose(mine, maps(torch), rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Using .*non-full backward hook")
def test_gradients_are_guided(torch):
    """Guided backpropagation: no negative gradient passes a ReLU."""

    def gradient(L):
        L.manual_seed(3)
        model = L.nn.Sequential(L.nn.Linear(5, 7), L.nn.ReLU(), L.nn.Linear(7, 3))
        model[1].register_backward_hook(lambda m, gx, gy: (gx[0].clamp(min=0),))
        x = L.linspace(-1, 1, 10).view(2, 5).requires_grad_()
        model(x).sum().backward()
        return x.grad.numpy()

    np.testing.assert_allclose(gradient(cr), gradient(torch), rtol=1e-4, atol=1e-6)


def test_what_is_printed_of_a_parameter(torch):
    def texts(L):
        kinds = L.nn.Parameter, L.nn.Buffer
        values = [kind(L.tensor(value)) for kind in kinds for value in (0.5, [[1.0, 2.0]])]
        return [[repr(v), f"{v}", str(v)] for v in values]

    assert texts(cr) == texts(torch)
