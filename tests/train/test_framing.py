"""Pictures of a user's, brought to the form of the data."""

import numpy as np
import pytest

from chainrule.base.errors import FormatError
from chainrule.data import digits
from chainrule.train.kinds.framing import framed, light_ground


@pytest.mark.parametrize(
    ("top", "left", "scale"), [(0, 0, 5), (31, 7, 5), (3, 40, 11), (17, 17, 13)]
)
def test_where_it_is_and_how_large_does_not_matter(top, left, scale):
    """What fills its image is found again wherever it stands on a page."""
    image = np.zeros((8, 8))
    image[:, 2:6] = digits.load().test.images[0, 0][:, 2:6]
    image[0, 2] = image[7, 5] = 1.0
    page = np.zeros((1, 170, 190))
    page[0, top : top + 8 * scale, left : left + 8 * scale] = np.kron(
        0.5 * image, np.ones((scale, scale))
    )
    np.testing.assert_allclose(framed("x", page, (8, 8), 8)[0], image, atol=1e-6)


def test_there_is_room_around_it():
    """As in MNIST: 20 pixels of 28, in the middle; faint ink becomes full ink."""
    page = np.zeros((1, 97, 89))
    page[0, 5:45, 50:60] = 0.3
    found = framed("x", page, (28, 28), 20)[0]
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 11, 15)
    assert found.max() == 1.0


def test_a_thin_pen_is_no_paler_than_a_thick_one():
    """A line of a fifth of a pixel, black on the page, is black in the image."""
    page = np.zeros((1, 200, 200))
    page[0, 20:180, 98:103] = 1.0
    assert framed("x", page, (8, 8), 8).max() == 1.0


def test_a_lamp_is_not_ink():
    """A photographed page is lighter on one side and grainy, by more than the ink is dark; of a median of the whole page
    a corner stood out as ink did."""
    random = np.random.default_rng(0)
    clean = np.zeros((1, 701, 499))  # larger than what is looked at
    clean[0, 200:400, 180:220] = 0.5
    clean[0, 200:240, 180:300] = 0.5
    down, right = np.linspace(-1, 1, 701)[:, None], np.linspace(-1, 1, 499)
    lamp = 0.3 + 0.15 * down + 0.12 * right + 0.05 * right**2
    photograph = 0.8 * (clean + lamp + random.normal(0, 0.02, clean.shape))
    expected = framed("x", clean, (28, 28), 20)
    assert np.abs(framed("x", photograph, (28, 28), 20) - expected).max() < 0.15


def test_what_is_drawn_may_touch_every_edge():
    """A digit that is cut out closely lies on a third of the edge, and is not taken for paper."""
    seven = np.zeros((1, 61, 43))
    seven[0, :7] = 1.0
    for row in range(7, 61):
        column = 36 - row * 36 // 61
        seven[0, row, column : column + 7] = 1.0
    found = framed("x", seven, (28, 28), 20)
    expected = framed("x", np.pad(seven, ((0, 0), (9, 9), (9, 9))), (28, 28), 20)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_photograph_loses_its_edges():
    page = np.zeros((3, 40, 60))
    page[1, :, 10:50] = 1.0  # the square in the middle
    found = framed("x", page, (5, 5), None)
    assert found.shape == (3, 5, 5)
    assert (found[1] == 1).all() and (found[[0, 2]] == 0).all()


def test_nothing_drawn():
    with pytest.raises(
        FormatError, match="x: expected something light on a dark ground, found nothing$"
    ):
        framed("x", np.full((1, 9, 9), 0.2), (8, 8), 8)
    with pytest.raises(
        FormatError, match="found nothing, and the ground is light: is --invert missing"
    ):
        framed("x", np.ones((1, 9, 9)), (8, 8), 8)


def test_the_edge_decides_what_is_ground():
    page = np.ones((1, 20, 20))
    page[0, 5:15, 5:15] = 0
    assert light_ground(page) and not light_ground(1 - page)
