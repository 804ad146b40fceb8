"""How tensors print, and how that is changed."""

import pytest

import chainrule as cr


@pytest.fixture(autouse=True)
def as_before():
    yield
    cr.set_printoptions(profile="default", linewidth=75)


def test_options():
    x = cr.tensor([1.23456, 0.5])
    assert repr(x) == "tensor([1.2346, 0.5000])"
    cr.set_printoptions(precision=2)
    assert repr(x) == "tensor([1.23, 0.50])"
    cr.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([1.23e+00, 5.00e-01])"
    cr.set_printoptions(profile="default")
    assert repr(cr.tensor([1e-9, 1.0])) == "tensor([1.0000e-09, 1.0000e+00])"
    cr.set_printoptions(sci_mode=False)
    assert repr(cr.tensor([1e-9, 1.0])) == "tensor([0.0000, 1.0000])"


def test_large_tensors_show_their_edges():
    x = cr.arange(2000)
    assert repr(x) == "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"
    cr.set_printoptions(edgeitems=1, threshold=10)
    assert repr(cr.arange(12.0)) == "tensor([ 0., ..., 11.])"
    cr.set_printoptions(profile="full")
    assert repr(cr.arange(1500)).count(",") == 1499
    with pytest.raises(ValueError, match="profile is one of default, short, full"):
        cr.set_printoptions(profile="wide")
