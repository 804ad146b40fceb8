"""The pictures: they are PNGs that show what they should, without a display and without touching
matplotlib's settings.
"""

import dataclasses

import numpy as np
import pytest

from chainrule.base.errors import ShapeError
from chainrule.train import RateCurve, pictures
from chainrule.train.events import EpochFinished
from chainrule.train.pictures.style import BLUE, ORANGE, RED


def reports(n):
    return [
        EpochFinished(
            k,
            7 * k,
            0.1,
            {"loss": 2.0 / k, "accuracy": 1 - 0.5 / k},
            {"loss": 1.5 / k, "accuracy": 1 - 0.4 / k},
            0,
            0.1,
            100.0,
        )
        for k in range(1, n + 1)
    ]


def curves(epochs, headline="accuracy"):
    return pictures.curves_picture(reports(epochs), headline, {"loss": 0.1, "accuracy": 0.985})


def pixels(png):
    from io import BytesIO

    from matplotlib.image import imread

    return (imread(BytesIO(png), format="png")[..., :3] * 255).round().astype(int)


def has_colour(image, colour):
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return bool((abs(image - wanted).max(axis=-1) < 12).any())


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_curves(epochs):
    image = pixels(curves(epochs))
    assert has_colour(image, BLUE)
    assert has_colour(image, ORANGE)


def test_where_the_loss_says_most_it_alone_is_drawn():
    assert pixels(curves(5, "loss")).shape[1] < pixels(curves(5)).shape[1]


def test_losses_below_zero_are_drawn_too():
    negative = [dataclasses.replace(r, train={"loss": -1.0}) for r in reports(3)]
    image = pixels(pictures.curves_picture(negative, "loss", {"loss": 0.1}))
    assert has_colour(image, BLUE)


def test_pictures_are_the_same_bytes_again():
    assert curves(5) == curves(5)


def test_confusion_shows_mistakes_in_orange_only_if_there_are_some():
    right = np.diag([7, 11, 13])
    assert not has_colour(pixels(pictures.confusion_picture(right, "abc")), ORANGE)
    wrong = right.copy()
    wrong[0, 2] = 5
    image = pixels(pictures.confusion_picture(wrong, "abc"))
    orange = (image[..., 0] - image[..., 2]) > 80
    rows, columns = np.nonzero(orange)
    H, W = orange.shape
    assert rows.mean() < H / 2
    assert columns.mean() > W / 2  # row the truth (top), column the answer (right)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 47])
def test_mistakes(count):
    images = np.linspace(0, 1, count * 64).reshape(count, 8, 8)
    names = [str(k % 10) for k in range(count)]
    confidence = np.linspace(0.2, 1, count).tolist()
    image = pixels(pictures.mistakes_picture(images, names, names, confidence, total=360))
    assert has_colour(image, RED) == (count > 0)


def test_samples_show_their_labels():
    images = np.linspace(0, 1, 11 * 64).reshape(11, 8, 8)
    image = pixels(pictures.samples_picture(images, ["Ankle boot"] * 11))
    assert not has_colour(image, RED)
    assert image.shape[0] < image.shape[1]  # two rows of eight


def test_rates_show_the_suggestion():
    rates = tuple(np.logspace(-5, 1, 31))
    losses = tuple([2.0 - k / 20 for k in range(25)] + [5.0, 9.0, 20.0, 50.0, 90.0, 200.0])
    image = pixels(pictures.rates_picture(RateCurve(rates, losses, losses, rates[12])))
    orange = (abs(image - [224, 122, 44]).max(axis=-1) < 12).any(axis=0)
    columns = np.flatnonzero(orange)
    assert 0.3 < columns.mean() / image.shape[1] < 0.7
    assert np.ptp(columns) < 10  # one upright line


def test_bad_arguments():
    with pytest.raises(ShapeError, match="needs the report of at least one epoch, found none"):
        pictures.curves_picture([], "loss", {"loss": 0.5})
    with pytest.raises(
        ShapeError, match=r"expected counts of shape \(3, 3\) for 3 classes, found \(2, 3\)"
    ):
        pictures.confusion_picture(np.ones((2, 3), int), "abc")
    with pytest.raises(
        ShapeError,
        match="5 images need as many labels, predictions and confidences, found 5, 3 and 5",
    ):
        pictures.mistakes_picture(np.zeros((5, 8, 8)), "abcde", "abc", [0.5] * 5, total=7)


def test_samples_need_as_many_labels():
    with pytest.raises(ShapeError, match="2 images need as many labels, found 3"):
        pictures.samples_picture(np.zeros((2, 8, 8)), "abc")


def test_the_users_settings_stay_as_they_were():
    import matplotlib

    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)
    curves(2)
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend(auto_select=False) == backend
