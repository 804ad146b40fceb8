"""The random ops: a published stream of bits, the right distributions, and the same numbers however a draw is cut up."""

import itertools
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.backends import xp
from chainrule.base import dtypes
from chainrule.functional import dropout
from chainrule.graph import trace
from chainrule.ops import normal, random_integers, uniform
from chainrule.ops.random import WORDS

SEED = np.array([2**40 + 12345, 0])
N = 40_000

KNOWN_ANSWERS = [
    # counter (four words), key (two words), the four words of Philox4x32-10
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip
"""Source: Random123 1.14, tests/kat_vectors (Salmon, Moraes, Dror & Shaw 2011)."""


def philox_in_python(counter, key):
    """Ten rounds, written down from the paper with Python's integers."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return tuple(c)


@pytest.mark.parametrize("counter, key, words", KNOWN_ANSWERS)
def test_known_answers(counter, key, words):
    assert philox_in_python(counter, key) == words


def test_the_first_known_answer_is_the_start_of_stream_0():
    assert tuple(map(int, xp.philox(0, 0, 4))) == KNOWN_ANSWERS[0][2]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**32, 2**40 + 12345, 2**63 - 1])
@pytest.mark.parametrize("block", [0, 1, 8191, 8192, 2**32 - 1, 2**32, 2**40 + 3])
def test_words_are_philox_of_seed_and_place(seed, block):
    """Word k of a stream is word k mod 4 of the counter k div 4 under the seed as key."""
    counter = (block & 0xFFFFFFFF, block >> 32, 0, 0)
    expected = philox_in_python(counter, (seed & 0xFFFFFFFF, seed >> 32))
    assert tuple(map(int, xp.philox(seed, 4 * block, 4))) == expected


@pytest.mark.parametrize("cuts", [(1,), (2, 3, 5), (7, 8192, 20_000), (32_768, 32_769)])
def test_any_partition_gives_the_same_words(cuts):
    whole = xp.philox(99, 5, N)
    edges = [0, *cuts, N]
    parts = [xp.philox(99, 5 + a, b - a) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("op", [uniform, normal], ids=lambda op: op.name)
def test_any_partition_gives_the_same_numbers(op, dtype):
    """A draw of n, and two draws of which the second skips what the first took."""
    words = WORDS[op.name]
    whole = op(SEED, shape=(101,), dtype=dtype)
    first = op(SEED, shape=(37,), dtype=dtype)
    rest = op(SEED, shape=(64,), dtype=dtype, skip=37 * words)
    later = op(SEED + [0, 37 * words], shape=(64,), dtype=dtype)
    assert np.concatenate([first, rest]).tobytes() == whole.tobytes()
    assert rest.tobytes() == later.tobytes()


def test_integers_in_any_partition():
    whole = random_integers(SEED, low=-5, high=6, shape=(101,))
    rest = random_integers(SEED, low=-5, high=6, shape=(64,), skip=37 * WORDS["random_integers"])
    np.testing.assert_array_equal(whole[37:], rest)


def test_the_shape_does_not_change_the_numbers():
    np.testing.assert_array_equal(uniform(SEED, shape=(3, 5, 7)).reshape(-1), uniform(SEED, shape=(105,)))  # fmt: skip


@pytest.mark.parametrize(
    "dtype, bits",
    [(dtypes.float64, 24), (dtypes.float32, 24), (dtypes.float16, 11), (dtypes.bfloat16, 8)],
    ids=lambda v: getattr(v, "name", ""),
)
def test_uniform_is_a_multiple_of_its_step_below_1(dtype, bits):
    x = uniform(SEED, shape=(N,), dtype=dtype)
    x = dtypes.float32_from_bits(x) if dtype is dtypes.bfloat16 else x.astype("float64")
    steps = x.astype("float64") * 2**bits
    np.testing.assert_array_equal(steps, np.floor(steps))
    assert x.min() >= 0
    assert x.max() < 1
    if bits <= 11:
        assert len(np.unique(steps)) == 2**bits


def moments(x):
    x = x.astype("float64")
    centred = x - x.mean()
    deviation = math.sqrt((centred**2).mean())
    return (
        x.mean(),
        deviation**2,
        (centred**3).mean() / deviation**3,
        (centred**4).mean() / deviation**4,
    )


def test_moments_of_uniform():
    """Mean 1/2, variance 1/12, no skew, kurtosis 9/5: within five standard errors."""
    mean, variance, skew, kurtosis = moments(uniform(SEED, shape=(N,)))
    error = 5 / math.sqrt(N)
    assert abs(mean - 1 / 2) < error * math.sqrt(1 / 12)
    assert abs(variance - 1 / 12) < error * math.sqrt(1 / 180)
    assert abs(skew) < error * math.sqrt(6)
    assert abs(kurtosis - 9 / 5) < error * 2


def test_moments_of_normal():
    """Mean 0, variance 1, no skew, kurtosis 3: within five standard errors; finite however small u₁ is."""
    x = normal(SEED, shape=(N,))
    mean, variance, skew, kurtosis = moments(x)
    error = 5 / math.sqrt(N)
    assert abs(mean) < error
    assert abs(variance - 1) < error * math.sqrt(2)
    assert abs(skew) < error * math.sqrt(6)
    assert abs(kurtosis - 3) < error * math.sqrt(24)
    assert np.isfinite(x).all()
    share = np.mean(np.abs(x) < 1)
    assert abs(share - math.erf(math.sqrt(0.5))) < error


def test_neighbours_are_uncorrelated():
    x = normal(SEED, shape=(N + 1,)).astype("float64")
    assert abs(np.mean(x[1:] * x[:-1])) < 5 / math.sqrt(N)


def test_integers_are_even_over_their_range():
    x = random_integers(SEED, low=-3, high=8, shape=(N,))
    assert x.dtype == "int64"
    values, counts = np.unique(x, return_counts=True)
    np.testing.assert_array_equal(values, np.arange(-3, 8))
    expected = N / 11
    chi2 = float((((counts - expected) ** 2) / expected).sum())
    assert chi2 < 10 + 5 * math.sqrt(20)  # ten degrees of freedom


def test_dropout_keeps_the_mean_and_scales_what_it_keeps():
    x = np.ones((200, 200), "float32")
    y = dropout(x, SEED, p=0.3)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs(np.mean(y == 0) - 0.3) < 5 * math.sqrt(0.21 / x.size)
    assert not dropout(x, SEED, p=1.0).any()
    np.testing.assert_array_equal(dropout(x, SEED, p=0.0), x)


def test_dropout_of_channels_is_one_decision_for_each():
    y = dropout(np.ones((7, 11, 5), "float32"), SEED, p=0.5, channels=True)
    assert ((y == 0).all(2) | (y != 0).all(2)).all()
    assert 0 < np.mean(y == 0) < 1


def test_the_gradient_of_dropout_has_the_mask_of_its_output():
    x = cr.tensor(np.ones((11, 13)), requires_grad=True)
    y = dropout(x, cr.tensor(SEED), p=0.4)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_traced_draws_are_the_eager_ones():
    """Call after call, with the generator advanced as if it had run eagerly."""

    def draw():
        return cr.rand(3, 5), cr.randn(7), cr.randint(0, 11, (2, 3))

    cr.manual_seed(11)
    eager = [draw() for _ in range(3)]
    after = cr.get_rng_state()
    cr.manual_seed(11)
    traced = trace(draw)
    for expected in eager:
        for f, e in zip(traced(), expected, strict=True):
            np.testing.assert_array_equal(f.numpy(), e.numpy())
    np.testing.assert_array_equal(cr.get_rng_state().numpy(), after.numpy())
    assert len(traced.programs) == 1
