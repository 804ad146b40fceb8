"""The elementary functions as machine code: their error, their edges, on every kind of processor.

The reference for float is NumPy in double, for double NumPy in long double; for erf, which NumPy
lacks, its series. Float inputs are a comb through all 2³² of them, so every exponent, the subnormal
numbers, and both signs are there.
"""

import ctypes
import functools
import itertools

import llvmlite.binding as llvm
import numpy as np
import pytest

from chainrule.compiler import angles, elementary, gammas, powers
from chainrule.compiler.code import I64, PTR, Code, Type, module
from chainrule.compiler.target import Target

DTYPES = {"float": np.float32, "double": np.float64}
WIDER = {"float": np.float64, "double": np.longdouble}
ULP = {
    "exp": 1.5, "expm1": 2, "log": 1, "log1p": 2, "sin": 2, "cos": 2, "tanh": 3, "sigmoid": 3,
    "erf": 1.5, "pow": 1.5, "tan": 4, "asin": 2, "acos": 2, "atan": 2, "atan2": 3, "hypot": 2,
    "sinh": 4, "cosh": 6, "asinh": 4, "acosh": 4, "atanh": 4, "exp2": 2, "log2": 3, "log10": 3,
}  # fmt: skip
OF_TWO = ("pow", "atan2", "hypot")
"""The bounds that the docstrings state."""


def _levels():
    features = llvm.get_host_cpu_features()
    names = ["baseline", "host"]
    if features.get("avx2") and features.get("fma"):
        names.append("avx2")
    return names


LEVELS = _levels()
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


@functools.cache
def compiled(name, base, level="host", lanes=None):
    """A function of arrays that applies one elementary function, `lanes` elements at a time."""
    target = Target.host() if level == "host" else Target.level(level)
    t, operands = Type(base), 2 if name in (*OF_TWO, "floor_mod") else 1
    function = next(
        getattr(room, name) for room in (elementary, angles, powers, gammas) if hasattr(room, name)
    )
    lanes = lanes or target.lanes(t)
    c = Code("apply", [PTR] * operands + [PTR, I64])
    *inputs, output, n = c.parameters
    with c.loop(0, n, lanes) as i:
        values = [c.load(t.of(lanes), c.at(x, i, t.bytes)) for x in inputs]
        c.store(function(c, *values), c.at(output, i, t.bytes))
    c.finish()
    native = llvm.Target.from_default_triple()
    machine = native.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, jit=True
    )
    parsed = llvm.parse_assembly(module([c]))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (operands + 1), ctypes.c_int64)
    entry = signature(engine.get_function_address("apply"))

    def apply(*arrays, engine=engine):  # the engine holds the code
        size = arrays[0].size
        padded = [np.concatenate([a, np.ones(-size % lanes, a.dtype)]) for a in arrays]
        out = np.empty_like(padded[0])
        entry(*[a.ctypes.data for a in padded], out.ctypes.data, out.size)
        return out[:size]

    return apply


def inputs(base, count=20_000):
    """Numbers of every exponent and sign, more of them where functions bend, and the edges."""
    dtype = DTYPES[base]
    bits, limit = np.dtype(f"u{dtype().itemsize}"), np.finfo(dtype)
    everywhere = np.arange(1, count, dtype=bits) * bits.type(2 ** (8 * bits.itemsize) // count | 1)
    random = np.random.default_rng(7)
    edges = [0, 1, np.inf, np.nan, limit.smallest_subnormal, limit.tiny, limit.max, 1 + limit.eps]
    edges += [88.72283172607422, 88.72283935546875, 709.782712893384, 709.7827128933841]
    edges += [87.4, 103.9, 104.1, 708.5, 745.1, 745.2, 1 - limit.eps / 2, np.pi, np.pi / 2, 1e22]
    with np.errstate(over="ignore"):
        parts = [
            everywhere.view(dtype),
            random.uniform(-7, 7, count),
            random.normal(size=count) * 10.0 ** random.integers(-8, 5, count),
            edges,
            np.negative(edges),
            np.arange(1, count) * (np.pi / 2),  # where sine or cosine nearly vanishes
        ]
        return np.concatenate([np.asarray(p, dtype) for p in parts])


def erf_series(x):
    """erf x = 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, all terms of one sign."""
    a = np.minimum(np.abs(x), np.asarray(7, x.dtype))
    term = total = a
    for n in range(1, 250):
        term = term * 2 * a * a / (2 * n + 1)
        total = total + term
    root = np.sqrt(4 * np.arctan(np.ones((), x.dtype)))
    return np.copysign(np.where(a >= 7, 1, 2 / root * np.exp(-a * a) * total), x)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


REFERENCE = {
    "erf": erf_series, "sigmoid": sigmoid, "pow": np.power, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh,
}  # fmt: skip


def check(name, base, y, *x):
    """Within the bound; NaN, infinities and signs as the reference has them."""
    with np.errstate(all="ignore"):
        exact = REFERENCE.get(name) or getattr(np, name)
        true = exact(*[v.astype(WIDER[base]) for v in x])
        rounded = true.astype(y.dtype)
        error = np.abs(y.astype(true.dtype) - true) / np.spacing(np.abs(rounded))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(rounded))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(rounded))
    number = ~np.isnan(y)
    np.testing.assert_array_equal(np.signbit(y)[number], np.signbit(rounded)[number])
    error = np.where(np.isfinite(y), error, 0)
    worst = error.argmax()
    assert error[worst] <= ULP[name], f"{name}{[float(v[worst]) for v in x]}: {error[worst]} ulp"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", [name for name in ULP if name not in OF_TWO])
def test_error_and_edges(name, base, level):
    x = inputs(base)
    check(name, base, compiled(name, base, level)(x), x)


def pairs(base, count=20_000):
    """Bases and exponents: anything to anything, results over the whole range, bases near 1."""
    dtype = DTYPES[base]
    range_of_log = np.log(float(np.finfo(dtype).max))
    random = np.random.default_rng(11)
    special = np.array(
        [0, 1, 2, 3, 0.5, np.inf, 1e-30, 1e30, 2**23 + 1, 2**24 + 2, 2.0**52 + 1, 2.0**53 + 2,
         np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max], dtype,
    )  # fmt: skip
    special = np.concatenate([special, -special, np.array([np.nan], dtype)])
    grid = np.array(list(itertools.product(special, special)), dtype).T
    x = np.exp(random.uniform(-5, 5, count))
    near = 1 + random.normal(size=count) * 10.0 ** random.integers(-6, 0, count)
    full = np.concatenate([x, np.abs(near)]).astype(dtype)
    with np.errstate(all="ignore"):
        power = random.uniform(-1.1, 1.1, full.size) * range_of_log / np.log(full.astype(float))
    whole = random.integers(-9, 10, count)
    everything = inputs(base, count)[:count]
    return (
        np.concatenate([grid[0], full, everything[: whole.size]]),
        np.concatenate([grid[1], power.astype(dtype), whole.astype(dtype)[: everything.size]]),
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two_numbers(name, base, level):
    x, y = pairs(base)
    check(name, base, compiled(name, base, level)(x, y), x, y)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("base", DTYPES)
def test_floor_mod_is_exact(base, level):
    a, b = pairs(base)
    close = inputs(base)
    ratio = np.resize(np.array([1, 3, 7.5, 1e3, 1e6, -0.3, -1e9, 0.1], close.dtype), close.size)
    with np.errstate(all="ignore"):
        a, b = np.concatenate([a, close, close]), np.concatenate([b, close / ratio, ratio])
        expected = np.remainder(a, b)
    y = compiled("floor_mod", base, level)(a, b)
    np.testing.assert_array_equal(y, expected)
    number = ~np.isnan(y)
    np.testing.assert_array_equal(np.signbit(y)[number], np.signbit(expected)[number])


@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", [*ULP, "floor_mod"])
def test_scalars_and_vectors_agree(name, base):
    """Any number of lanes gives the same bits: a lane does not see its neighbours."""
    x = pairs(base, 500) if name in (*OF_TWO, "floor_mod") else [inputs(base, 500)]
    results = [compiled(name, base, lanes=n)(*x) for n in (1, 2, 16)]
    for y in results[1:]:
        np.testing.assert_array_equal(y, results[0])


@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_a_large_angle_changes_no_other_lane(name, base):
    x = np.linspace(-20, 20, 64, dtype=DTYPES[base])
    alone, f = compiled(name, base)(x), compiled(name, base)
    x[5::7] = 1e30
    y = f(x)
    np.testing.assert_array_equal(np.delete(y, np.s_[5::7]), np.delete(alone, np.s_[5::7]))
    check(name, base, y, x)


@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid"])
def test_a_bounded_function_stays_in_its_bounds(name, base):
    y = compiled(name, base)(inputs(base))
    y = y[~np.isnan(y)]
    assert y.max() == 1 and y.min() == (0 if name == "sigmoid" else -1)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", -np.inf, 0.0),
        ("exp", -100.0, 3.783506e-44),  # subnormal: not flushed
        ("log", -1.0, np.nan),
        ("log", -0.0, -np.inf),
        ("log", 1e-45, -103.27893),  # subnormal: not taken for zero
        ("log1p", -1.0, -np.inf),
        ("expm1", -np.inf, -1.0),
        ("sigmoid", -100.0, 3.783506e-44),
        ("sin", np.inf, np.nan),
        ("cos", 0.0, 1.0),
        ("log2", 8.0, 3.0),
        ("log10", 1000.0, 3.0),
        ("exp2", -149.0, 1e-45),
        ("exp2", 10.0, 1024.0),
        ("atan", -np.inf, -1.5707964),
        ("acosh", 1.0, 0.0),
    ],
)
def test_values_one_can_look_up(name, x, expected):
    y = compiled(name, "float")(np.array([x], np.float32))
    np.testing.assert_array_equal(y, np.array([expected], np.float32))
