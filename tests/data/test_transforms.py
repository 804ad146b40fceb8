"""Transforms: exact against plain loops, with the distribution they promise, and pure."""

import math

import numpy as np
import pytest

from chainrule.base.errors import DTypeError, ShapeError
from chainrule.data import Augmented, counter
from chainrule.data.transforms import (
    CenterCrop,
    ColorJitter,
    Compose,
    Cutout,
    GaussianNoise,
    Normalize,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomStream,
    RandomVerticalFlip,
    RandomWarp,
    Resize,
    ToTensor,
    Transform,
    mixup,
)
from chainrule.data.transforms.geometry import rotated

RNG = np.random.default_rng(0)
IMAGE = RNG.random((3, 5, 7)).astype(np.float32)
ALL = [
    Resize((4, 9)),
    Pad(2),
    RandomCrop(4, padding=1),
    CenterCrop(3),
    RandomHorizontalFlip(),
    RandomVerticalFlip(),
    RandomRotation(30),
    RandomWarp(30, 0.5, 1.5, 2),
    RandomShift(2, seed=0),
    GaussianNoise(0.1),
    Cutout(3),
    Cutout(2, p=0.5),
    ColorJitter(0.4, 0.4, 0.4),
    Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
    ToTensor(),
]
NAMES = [type(t).__name__ for t in ALL]


# ---- streams


def test_few_words_are_those_of_the_generator():
    for seed, first, count in ((0, 0, 1), (7, 3, 9), (2**64 - 1, 2**33 - 5, 5), (5, 4, 0)):
        expected = counter.words(seed, counter.AUGMENT, 3, first, count).tolist()
        assert counter.few(seed, counter.AUGMENT, 3, first, count) == expected


def test_streams_of_samples_and_lanes_are_apart():
    keys = [(s, e, i, k) for s in (0, 1) for e in (0, 1) for i in (0, 1, 1000) for k in (0, 1, 63)]
    drawn = {tuple(RandomStream(*key).word() for _ in range(2)) for key in keys}
    assert len(drawn) == 36
    assert RandomStream(1, 2, 3).lane(5).word() == RandomStream(1, 2, 3, 5).word()
    stream = RandomStream(1)
    assert len({stream.word() for _ in range(100)}) == 100
    with pytest.raises(ValueError, match="the random streams 0 to 63, found 64"):
        RandomStream(0, lane=64)


def test_numbers_of_a_stream_have_their_distributions():
    stream = RandomStream(3)
    counts = np.bincount([stream.integer(5) for _ in range(5000)], minlength=5)
    assert (abs(counts - 1000) < 170).all()  # standard deviation 28
    u = np.array([stream.uniform(2, 6) for _ in range(4000)])
    assert u.min() >= 2 and u.max() < 6 and abs(u.mean() - 4) < 0.12  # deviation of the mean 0.018
    n = stream.normals(100_001)
    assert len(n) == 100_001 and abs(n.mean()) < 0.02 and abs(n.std() - 1) < 0.015
    assert abs((abs(n) < 1).mean() - 0.6827) < 0.01
    for shape in (0.3, 1.0, 4.5):
        g = np.array([stream.gamma(shape) for _ in range(1500)])
        assert abs(g.mean() - shape) < 6 * math.sqrt(
            shape / 1500
        )  # mean and variance are the shape
    b = np.array([stream.beta(0.4, 0.4) for _ in range(500)])
    assert abs(b.mean() - 0.5) < 0.09 and abs(b.var() - 1 / (4 * 1.8)) < 0.04


# ---- every transform


@pytest.mark.parametrize("transform", ALL, ids=NAMES)
def test_a_transform_is_a_pure_function_of_image_and_stream(transform):
    image = IMAGE.copy()
    first = np.asarray(transform.apply(image, RandomStream(3, 1, 4)))
    for k in range(5):
        transform.apply(image, RandomStream(3, 1, k))
    again = np.asarray(transform.apply(image, RandomStream(3, 1, 4)))
    assert (first == again).all() and (image == IMAGE).all()
    assert not np.shares_memory(first, image)
    assert first.dtype == np.float32


RANDOM = [
    t
    for t in ALL
    if type(t).__name__ not in ("Resize", "Pad", "CenterCrop", "Normalize", "ToTensor")
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_epoch_and_index_decide(transform):
    seen = {transform(IMAGE, e, i).tobytes() for e in range(6) for i in range(6)}
    assert len(seen) > 1
    assert (transform(IMAGE, 2, 3) == transform(IMAGE, 2, 3)).all()


def test_compose_gives_each_transform_its_own_numbers():
    flips = Compose([RandomHorizontalFlip(), RandomHorizontalFlip()], seed=5)
    row = np.array([[1, 2]])
    turned = [(flips(row, 0, i) != row).any() for i in range(400)]
    assert 140 < sum(turned) < 260  # alike, both or none would be turned and nothing ever change
    assert (flips(row, 1, 2) == Compose(flips.transforms, seed=5)(row, 1, 2)).all()
    assert any(
        (Compose(flips.transforms, seed=6)(row, 0, i) != flips(row, 0, i)).any() for i in range(9)
    )
    inner = Compose([Compose([RandomShift(1)]), np.negative], seed=5)
    assert inner(IMAGE, 0, 0).shape == IMAGE.shape


def test_augmented_passes_epoch_and_index_on():
    change = Compose([GaussianNoise(1.0)], seed=2)
    data = Augmented([(IMAGE, 0), (IMAGE, 1)], change)
    data.set_epoch(4)
    assert (data[1][0] == change(IMAGE, 4, 1)).all()


# ---- each against a loop


def test_a_smaller_image_is_made_of_weighted_means():
    """Each new pixel under a tent as wide as two steps."""
    out = Resize((5, 3))(IMAGE)
    for k in range(3):
        distance = np.abs(np.arange(7) + 0.5 - (k + 0.5) * 7 / 3) / (7 / 3)
        weights = np.maximum(1 - distance, 0)
        expected = (IMAGE * (weights / weights.sum())).sum(axis=-1)
        np.testing.assert_allclose(out[:, :, k], expected, atol=1e-6)
    assert Resize(10)(IMAGE).shape == (3, 10, 14) and Resize(10)(IMAGE.mT).shape == (3, 14, 10)
    same = Resize(5)(IMAGE)
    assert (same == IMAGE).all() and not np.shares_memory(same, IMAGE)


def test_what_cannot_be_resized_is_told():
    with pytest.raises(ValueError, match=r"Resize\(size\) must be at least 1, found \(3, 0\)"):
        Resize((3, 0))
    with pytest.raises(DTypeError, match="images of floats, .* found uint8"):
        Resize(3)(np.zeros((4, 4), np.uint8))
    with pytest.raises(ShapeError, match="Resize takes images"):
        Resize(3)(np.zeros((3, 0, 4)))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_pad_is_what_a_loop_makes(mode):
    out = Pad((1, 2), value=9, mode=mode)(IMAGE)
    assert out.shape == (3, 7, 11)
    for y in range(-1, 6):
        for x in range(-2, 9):
            a, b = y, x
            if mode == "edge":
                a, b = min(max(y, 0), 4), min(max(x, 0), 6)
            elif mode == "reflect":
                a, b = 4 - abs(4 - abs(y)), 6 - abs(6 - abs(x))
            inside = 0 <= a < 5 and 0 <= b < 7
            expected = IMAGE[:, a, b] if inside else np.full(3, 9)
            assert (out[:, y + 1, x + 2] == expected).all()


def test_crops_are_parts_and_every_place_is_as_likely():
    image = np.arange(1, 31).reshape(5, 6)
    padded = Pad(1)(image)
    crop = RandomCrop((4, 5), padding=1)
    places = {padded[a : a + 4, b : b + 5].tobytes(): (a, b) for a in range(4) for b in range(4)}
    found = [places[crop(image, 0, i).tobytes()] for i in range(3200)]
    counts = [found.count((a, b)) for a in range(4) for b in range(4)]
    assert sum(counts) == 3200 and all(abs(n - 200) < 75 for n in counts)  # deviation 14
    assert (RandomCrop((5, 6))(image) == image).all()


@pytest.mark.parametrize(
    ("size", "expected"), [(3, IMAGE[:, 1:4, 2:5]), ((2, 4), IMAGE[:, 1:3, 1:5])]
)
def test_center_crop(size, expected):
    assert (CenterCrop(size)(IMAGE) == expected).all()


@pytest.mark.parametrize(("cls", "axis"), [(RandomHorizontalFlip, 2), (RandomVerticalFlip, 1)])
def test_flips_turn_over_as_often_as_they_say(cls, axis):
    flipped = np.flip(IMAGE, axis)
    out = [cls(0.3)(IMAGE, 0, i) for i in range(2000)]
    turned = sum((o == flipped).all() for o in out)
    assert all((o == flipped).all() or (o == IMAGE).all() for o in out)
    assert abs(turned - 600) < 110  # standard deviation 20
    assert (cls(0)(IMAGE) == IMAGE).all() and (cls(1)(IMAGE) == flipped).all()


@pytest.mark.parametrize("degrees", [0, 17, -45, 90, 133, 180])
def test_rotation_is_what_a_loop_makes(degrees):
    out = rotated(IMAGE, degrees, value=2.0)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for i in range(5):
        for j in range(7):
            y, x = i - 2, j - 3
            a, b = sin * x + cos * y + 2, cos * x - sin * y + 3
            expected = np.zeros(3)
            for p in (math.floor(a), math.floor(a) + 1):
                for q in (math.floor(b), math.floor(b) + 1):
                    share = (1 - abs(a - p)) * (1 - abs(b - q))
                    expected += share * (IMAGE[:, p, q] if 0 <= p < 5 and 0 <= q < 7 else 2.0)
            np.testing.assert_allclose(out[:, i, j], expected, rtol=0, atol=1e-6)
    if degrees == 0:
        assert (out == IMAGE).all()


def test_rotation_turns_counter_clockwise_by_every_angle_alike():
    image = np.zeros((9, 9))
    image[4, 8] = 1  # at the right
    assert np.unravel_index(rotated(image, 90).argmax(), (9, 9)) == (0, 4)  # now above
    angles = [RandomStream(0, 0, i).uniform(-30, 30) for i in range(3)]
    for i, angle in enumerate(angles):
        assert (RandomRotation(30)(image, 0, i) == rotated(image, angle)).all()
    assert rotated(np.ones((3, 3), np.uint8), 10).dtype == np.float32


def test_warp_stretches_slants_and_turns():
    """Each pixel comes from where the inverse of turn · slant · stretch says, told of a plane, which is its own interpolation."""
    H, W = 31, 37
    y, x = np.mgrid[:H, :W] - np.array([(H - 1) / 2, (W - 1) / 2])[:, None, None]
    plane = np.stack([y, x])
    warp = RandomWarp(20, 0.4, 1.3, 2.5)
    for index in range(7):
        drawn = RandomStream(0, 0, index)
        drawn.uniform()  # whether anything is done
        angle, slant = math.radians(drawn.uniform(-20, 20)), drawn.uniform(-0.4, 0.4)
        height, width = (1.3 ** drawn.uniform(-1, 1) for _ in range(2))
        moved = np.array([drawn.uniform(-2.5, 2.5) for _ in range(2)])
        stretched = np.diag([height, width])
        slanted = np.array(
            [[1, 0], [-slant, 1]]
        )  # rows above the middle, of y < 0, move to the right
        turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        there = np.linalg.inv(turned @ slanted @ stretched)
        expected = np.einsum("ij,jhw->ihw", there, plane - moved[:, None, None])
        inside = (abs(expected[0]) < (H - 1) / 2) & (abs(expected[1]) < (W - 1) / 2)
        found = warp(plane, 0, index)
        np.testing.assert_allclose(found[:, inside], expected[:, inside], atol=1e-12)
        assert inside.mean() > 0.5


@pytest.mark.parametrize("change", [Cutout(3, p=0.25), RandomWarp(90, p=0.25)])
def test_something_is_done_as_often_as_said(change):
    image = np.arange(30.0).reshape(5, 6)
    done = [(change(image, 0, i) != image).any() for i in range(1200)]
    assert 250 < sum(done) < 350  # standard deviation 15


def test_shift_in_a_compose_moves_by_whole_pixels():
    image = np.zeros((5, 5))
    image[2, 2] = 1
    change = Compose([RandomShift(1)], seed=3)
    places = [tuple(np.argwhere(change(image, 0, i))[0]) for i in range(1800)]
    counts = [places.count((a, b)) for a in (1, 2, 3) for b in (1, 2, 3)]
    assert sum(counts) == 1800 and all(abs(n - 200) < 75 for n in counts)


def test_noise_has_its_deviation():
    out = GaussianNoise(0.25)(np.full((100, 101), 3.0))
    assert abs(out.mean() - 3) < 0.012 and abs(out.std() - 0.25) < 0.009


def test_cutout_is_a_square_around_every_pixel():
    image = np.ones((5, 6))
    middles = []
    squares = {}
    for y in range(5):
        for x in range(6):
            expected = image.copy()
            for a in range(y - 1, y + 2):
                for b in range(x - 1, x + 2):
                    if 0 <= a < 5 and 0 <= b < 6:
                        expected[a, b] = 7
            squares[expected.tobytes()] = (y, x)
    for i in range(3000):
        middles.append(squares[Cutout(3, value=7)(image, 0, i).tobytes()])
    counts = [middles.count((y, x)) for y in range(5) for x in range(6)]
    assert all(abs(n - 100) < 55 for n in counts)  # standard deviation 10


def test_color_jitter_is_what_a_loop_makes():
    jitter = ColorJitter(0.5, 0.3, 0.7)
    stream = RandomStream(0, 2, 5)
    b, c, s = stream.uniform(0.5, 1.5), stream.uniform(0.7, 1.3), stream.uniform(0.3, 1.7)
    x = np.minimum(b * np.float64(IMAGE), 1)
    grey = 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    x = np.clip(c * x + (1 - c) * grey.mean(), 0, 1)
    grey = 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    x = np.clip(s * x + (1 - s) * grey, 0, 1)
    np.testing.assert_allclose(jitter(IMAGE, 2, 5), x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ColorJitter()(IMAGE), IMAGE, rtol=0, atol=1e-6)


def test_normalize_and_to_tensor():
    out = Normalize([0.1, 0.2, 0.3], 2.0)(IMAGE)
    for k, mean in enumerate((0.1, 0.2, 0.3)):
        np.testing.assert_allclose(out[k], (IMAGE[k] - mean) / 2, rtol=1e-6)
    tensor = ToTensor()(np.array([[[0, 255]]], np.uint8))
    assert tensor.tolist() == [[[0.0, 1.0]]] and tensor.dtype.name == "float32"
    assert ToTensor()(np.float64([2.5])).dtype.name == "float64"


def test_mixup_is_what_a_loop_makes():
    x, y = RNG.random((5, 2, 3)).astype(np.float32), np.array([0, 2, 1, 2, 0])
    mixed, soft = mixup(x, y, 3, 0.4, RandomStream(1, 2, 3))
    stream = RandomStream(1, 2, 3)
    share = stream.beta(0.4, 0.4)
    order = counter.permutation(5, stream.word() << 32 | stream.word(), counter.DRAW)
    assert sorted(order.tolist()) == list(range(5)) and 0 < share < 1
    for k, j in enumerate(order):
        np.testing.assert_allclose(mixed[k].numpy(), share * x[k] + (1 - share) * x[j], rtol=1e-5)
        label = np.zeros(3)
        label[y[k]] += share
        label[y[j]] += 1 - share
        np.testing.assert_allclose(soft[k].numpy(), label, rtol=1e-6)
    assert mixed.dtype.name == "float32" and soft.shape == (5, 3)


# ---- refusals


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Pad(-1), ValueError, r"Pad\(padding\) must be at least 0, found -1"),
        (lambda: Pad(1, mode="wrap"), ValueError, "mode is one of constant, reflect, edge"),
        (lambda: Pad(5, mode="reflect")(IMAGE), ShapeError, "larger than the padding"),
        (lambda: RandomCrop(0), ValueError, r"RandomCrop\(size\) must be at least 1"),
        (
            lambda: RandomCrop(6)(IMAGE),
            ShapeError,
            r"at least as large, found \(5, 7\) with padding",
        ),
        (lambda: CenterCrop((5, 8))(IMAGE), ShapeError, r"at least as large, found \(5, 7\)"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "is a probability, found 1.5"),
        (
            lambda: RandomVerticalFlip()(np.ones(3)),
            ShapeError,
            r"takes images \(..., H, W\), found \(3,\)",
        ),
        (lambda: RandomRotation(-1), ValueError, "lies from 0 to 180, found -1"),
        (lambda: GaussianNoise(-1), ValueError, "must be at least 0, found -1"),
        (
            lambda: GaussianNoise(1)(np.ones((2, 2), np.uint8)),
            DTypeError,
            "takes floats, found uint8",
        ),
        (lambda: Cutout(0), ValueError, "must be at least 1, found 0"),
        (lambda: Cutout(1, p=2), ValueError, "is a probability, found 2"),
        (lambda: RandomWarp(181), ValueError, "lies from 0 to 180, found 181"),
        (lambda: RandomWarp(slant=-1), ValueError, "must be at least 0, found -1"),
        (lambda: RandomWarp(p=-1), ValueError, "is a probability, found -1"),
        (lambda: RandomWarp(shift=-1), ValueError, "must be at least 0, found -1"),
        (lambda: RandomWarp(stretch=0.5), ValueError, "must be at least 1, found 0.5"),
        (lambda: Cutout(1)(np.ones((0, 3))), ShapeError, r"found \(0, 3\)"),
        (lambda: ColorJitter(-1), ValueError, "ranges must be at least 0"),
        (
            lambda: ColorJitter(1)(IMAGE[:1]),
            ShapeError,
            r"takes images \(3, H, W\), found \(1, 5, 7\)",
        ),
        (lambda: Normalize(0, 0), ValueError, r"Normalize\(std\) must be above 0"),
        (lambda: Normalize([1, 2], 1)(IMAGE), ShapeError, "2 values of mean for 3 channels"),
        (
            lambda: Normalize(0, 1)(IMAGE[0]),
            ShapeError,
            r"takes images \(C, H, W\), found \(5, 7\)",
        ),
        (lambda: Compose([3]), DTypeError, "Compose takes transforms, found a int"),
        (lambda: Compose([Pad(1)] * 64), ValueError, "fewer than 64"),
        (lambda: Transform()(IMAGE), TypeError, "does not define apply"),
        (
            lambda: mixup(IMAGE, [0, 1, 2], 3, 0, RandomStream(0)),
            ValueError,
            "must be above 0, found 0",
        ),
        (lambda: mixup(IMAGE, [0, 1, 3], 3, 1, RandomStream(0)), ValueError, "found 3 at index"),
        (lambda: mixup(IMAGE, [0, 1], 3, 1, RandomStream(0)), ShapeError, r"expected shape \(3,\)"),
        (
            lambda: mixup(np.ones((2, 2), int), [0, 1], 3, 1, RandomStream(0)),
            ShapeError,
            "float images",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
