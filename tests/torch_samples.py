"""PyTorch's own samples of its ops (`op_db`, with which it tests itself), called on both libraries.

    python tests/torch_samples.py                      a line for each op: what agrees, what does not, what is missing
    python tests/torch_samples.py nn.functional.pad    the failures of one op in full (a prefix of names will do)

A sample is called as a function, as a method, in place and with `out=` where PyTorch has these. Values, dtypes and shapes must
agree; in float64 also the gradients of a weighted sum of the results. What PyTorch refuses (`error_inputs`) is refused.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

DTYPES = ("float64", "float32", "bfloat16", "float16", "int64", "int32", "uint8", "bool")
TOLERANCE = {"float64": 1e-7, "float32": 2e-5, "bfloat16": 2e-2, "float16": 3e-3}
MOST_SAMPLES = 60
"""Samples of one op in one dtype: a few ops have hundreds."""


class Outcome(NamedTuple):
    """What became of one call: `kind` is "agrees", "missing", "differs", "refused" (an error of ours where PyTorch has
    a result) or "accepted" (a result where PyTorch has an error)."""

    kind: str
    call: str
    words: str


def torch_ops() -> list:
    """PyTorch's records of its ops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return list(op_db)


def dtypes_of(torch: Any, info: Any, asked: Sequence[str] = DTYPES) -> list[str]:
    """The dtypes of ours that an op takes on a CPU."""
    return [name for name in asked if getattr(torch, name) in info.dtypes]


# ---------------------------------------------------------------------------------------------- from one to the other


def ours(torch: Any, value: Any, leaf: bool) -> Any:
    """A sample's argument as chainrule takes it: the same elements under the same strides."""
    if isinstance(value, torch.Tensor):
        flat = memory(torch, value)
        x = cr.tensor(raw(torch, flat))
        x = x.bfloat16() if value.dtype == torch.bfloat16 else x
        x = x.as_strided(value.shape, value.stride()) if flat.shape != value.shape else x
        return x.requires_grad_() if leaf and value.dtype == torch.float64 else x
    if isinstance(value, torch.dtype):
        return getattr(cr, str(value).removeprefix("torch."))
    if isinstance(value, torch.Size):
        return cr.Size(value)
    if isinstance(value, torch.device):
        return cr.device(str(value))
    if isinstance(value, slice):
        return slice(*[ours(torch, v, leaf) for v in (value.start, value.stop, value.step)])
    if isinstance(value, (list, tuple)):
        return type(value)([ours(torch, v, leaf) for v in value])
    if isinstance(value, dict):
        return {k: ours(torch, v, leaf) for k, v in value.items()}
    if isinstance(value, torch.nn.Module):  # a distance, say
        return getattr(cr.nn, type(value).__name__)()
    return value


def theirs(torch: Any, value: Any, leaf: bool) -> Any:
    """A sample's argument for PyTorch: its own, a leaf in float64."""
    if isinstance(value, torch.Tensor):
        flat = memory(torch, value).clone()
        x = flat.as_strided(value.shape, value.stride()) if flat.shape != value.shape else flat
        return x.requires_grad_() if leaf and value.dtype == torch.float64 else x
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)([theirs(torch, v, leaf) for v in value])
    if isinstance(value, dict):
        return {k: theirs(torch, v, leaf) for k, v in value.items()}
    return value


def memory(torch: Any, t: Any) -> Any:
    """A tensor, if its elements lie one after the other; otherwise all that lies between the first and the last."""
    t = t.detach()
    if t.is_contiguous() or t.is_sparse or t.is_complex():
        return t
    count = 1 + sum([(n - 1) * step for n, step in zip(t.shape, t.stride(), strict=True)])
    return t.as_strided((count,), (1,))


def raw(torch: Any, t: Any) -> np.ndarray:
    """A tensor's elements, NumPy's copy."""
    t = t.detach().resolve_conj().resolve_neg()
    return (t.float() if t.dtype == torch.bfloat16 else t).numpy(force=True).copy()


def leaves(value: Any, kind: type) -> list:
    """The tensors in arguments or results, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in leaves(v, kind)]
    if isinstance(value, dict):
        return [x for v in value.values() for x in leaves(v, kind)]
    return []


def has_complex(torch: Any, *values: Any) -> bool:
    """Whether complex numbers take part, which chainrule refuses."""
    tensors = leaves(values, torch.Tensor)
    return any(t.is_complex() for t in tensors) or any(isinstance(v, complex) for v in flat(values))


def shares_memory(torch: Any, out: Any, others: Any) -> bool:
    """Whether `out` lies on itself or on what it is made of: our samples are copies, which do not."""
    addresses = [x.untyped_storage().data_ptr() for x in leaves(others, torch.Tensor)]
    found = leaves(out, torch.Tensor)
    return any([0 in x.stride() or x.untyped_storage().data_ptr() in addresses for x in found])


def flat(value: Any) -> Iterator[Any]:
    """Everything in nested arguments that is not a list, tuple or dict."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from flat(v)
    else:
        yield value


# ------------------------------------------------------------------------------------------------------------ forms


OTHERWISE: dict[str, Callable] = {
    "einsum": lambda xs, equation: cr.einsum(equation, *xs),
    "polygamma": lambda x, n, **out: cr.polygamma(n, x, **out),
    "special.polygamma": lambda x, n, **out: cr.special.polygamma(n, x, **out),
    "where": lambda x, condition, other, **out: cr.where(condition, x, other, **out),
    "zero_": lambda x: x.clone().zero_(),
    "_segment_reduce": cr.segment_reduce,
}
"""Ops that PyTorch's records call with their arguments in another order, or on a copy."""


def _written(method: str) -> Callable:
    return lambda x, *a: getattr(x.clone(), method)(*a)


OTHERWISE |= {
    name: _written(f"{name}_")
    for name in ("cauchy", "exponential", "geometric", "log_normal", "uniform")
}
OTHERWISE["normal_"] = _written("normal_")

OWN_VALUES = frozenset("""
    bernoulli cauchy exponential geometric log_normal multinomial normal rand_like randint randint_like randn randn_like
    uniform empty empty_like empty_permuted empty_strided new_empty new_empty_strided nn.functional.alpha_dropout
    nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d nn.functional.feature_alpha_dropout
    nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.rrelu
""".split())  # fmt: skip
"""Ops whose numbers are drawn, from another stream than PyTorch's, or not set: shapes and dtypes are compared."""


def function_named(name: str) -> Callable | None:
    """chainrule's function of PyTorch's name, or a method for what PyTorch has as a method only."""
    found = reduce(lambda at, part: getattr(at, part, None), name.split("."), cr)
    if (found is None and "." not in name) or isinstance(found, cr.dtype):  # `float` is a dtype too
        found = getattr(cr.Tensor, name, None)
    if isinstance(found, property):
        return found.fget
    return OTHERWISE.get(name, found)


TURNED = ("nn.functional.embedding", "nn.functional.embedding_bag")
"""Ops whose samples hold the table first and the indices second: PyTorch's record calls them the other way round."""


def turned(f: Callable | None) -> Callable | None:
    """f with its first two arguments exchanged."""
    return None if f is None else lambda a, b, *args, **options: f(b, a, *args, **options)


OF_VARIANTS = {
    ("linalg.lstsq", "grad_oriented"): lambda a, b, driver: tuple(
        cr.linalg.lstsq(a, b, driver=driver)
    )[:2],
    ("linalg.pinv", "singular"): lambda a, b: cr.linalg.pinv(a @ b.mT),
    ("svd_lowrank", ""): lambda a, b, **options: cr.svd_lowrank(a @ b.mT, **options),
    ("pca_lowrank", ""): lambda a, b, **options: cr.pca_lowrank(a @ b.mT, **options),
}
"""Variants that call more than the op whose name they have."""


WITHOUT_OUT = frozenset("""
    equal linalg.eig linalg.eigvals unbind_copy split_with_sizes_copy
""".split())  # fmt: skip
"""Ops whose records say that they take `out`, and that do not, or return nothing then."""


def written_into(f: Callable | None) -> Callable | None:
    """f with its results written into tensors of their shapes and dtypes, which must be what it returns."""
    if f is None:
        return None

    def call(*args: Any, **options: Any) -> Any:
        y = f(*args, **options)
        several = isinstance(y, (tuple, list))
        outs = [t.new_zeros(tuple(t.shape)) for t in (y if several else [y])]
        given = tuple(outs) if several else outs[0]
        returned = f(*args, **options, out=given)
        same = [a is b for a, b in zip(returned if several else [returned], outs, strict=True)]
        assert all(same), f"out is {same} what was returned"
        return given

    return call


def forms(info: Any) -> dict[str, tuple[Callable, Callable | None]]:
    """How the op can be called: PyTorch's callable and ours (None if it is missing)."""
    if info.name == "__getitem__":
        return {"x[…]": (lambda x, *a: x[a[0]], lambda x, *a: x[a[0]])}
    variant = OF_VARIANTS.get((info.name, info.variant_test_name))
    own = f"{info.name}_" if info.variant_test_name == "in_place" else info.name
    function = variant or function_named(own)
    function = turned(function) if info.name in TURNED else function
    found = {info.name: (info.op, function)}
    if info.supports_out and variant is None and info.name not in WITHOUT_OUT:
        found[f"{info.name}(out=…)"] = (written_into(info.op), written_into(function))
    for kind in ("method_variant", "inplace_variant"):
        theirs_ = getattr(info, kind)
        name = getattr(theirs_, "__name__", None)
        if theirs_ is not None and name is not None and name != "<lambda>":
            found[f"Tensor.{name}"] = (theirs_, getattr(cr.Tensor, name, None))
    return found


def samples(torch: Any, info: Any, dtype: str, most: int = MOST_SAMPLES) -> list:
    """Some samples of an op in one dtype, spread over all it has."""
    torch.manual_seed(0)
    found = list(info.sample_inputs("cpu", getattr(torch, dtype), requires_grad=False))
    step = max(1, math.ceil(len(found) / most))
    return found[::step]


# ---------------------------------------------------------------------------------------------------------- one call


def compare(
    torch: Any, info: Any, dtype: str, sample: Any, name: str, f: Callable, g: Callable | None
) -> Outcome | None:
    """Call one sample on both libraries; None where PyTorch itself has no result, or it is complex."""
    call = f"{name}{described(torch, (sample.input, *sample.args), sample.kwargs)}"
    if has_complex(torch, sample.input, sample.args, sample.kwargs):
        return None
    differentiates = dtype == "float64" and info.supports_autograd and name == info.name
    one, two = [], []
    for convert, into in ((theirs, one), (ours, two)):
        into += convert(torch, [sample.input, list(sample.args), sample.kwargs], differentiates)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = sample.output_process_fn_grad(f(one[0], *one[1], **one[2]))
    except Exception:
        return None
    if has_complex(torch, expected):
        return None
    if g is None:
        return Outcome("missing", call, "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = g(two[0], *two[1], **two[2])
            try:
                found = sample.output_process_fn_grad(found)
            except TypeError:  # written in PyTorch's functions
                pass
            own = info.name in OWN_VALUES or bool(sample.kwargs.get("dropout_p"))
            words = difference(torch, expected, found, values=not own)
            differentiates = differentiates and not own
            if not words and not own and not info.name.endswith("_"):  # these it calls on copies
                words = difference(torch, one, two)
                words = words and f"the arguments afterwards: {words}"
            if not words and differentiates:
                words = gradient_difference(torch, one, two, expected, found)
    except Exception as e:
        return Outcome("refused", call, f"{type(e).__name__}: {str(e)[:300]}")
    return Outcome("differs", call, words) if words else Outcome("agrees", call, "")


def difference(torch: Any, expected: Any, found: Any, values: bool = True) -> str:
    """In what two results differ, or nothing; without `values`, in shape and dtype alone."""
    a, b = leaves(expected, torch.Tensor), leaves(found, cr.Tensor)
    if len(a) != len(b):
        plain = [v for v in flat(expected) if not isinstance(v, torch.Tensor)]
        return f"{len(a)} tensors ({plain}), found {len(b)}: {found!r}"
    if not a:
        same = expected == found or (
            isinstance(expected, float) and math.isclose(expected, found, rel_tol=1e-5)
        )
        return (
            ""
            if same or str(expected).replace("torch.", "") == str(found).replace("chainrule.", "")
            else f"{expected}, found {found}"
        )
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        if tuple(x.shape) != tuple(y.shape):
            return f"result {k}: shape {tuple(x.shape)}, found {tuple(y.shape)}"
        if str(x.dtype).removeprefix("torch.") != y.dtype.name:
            return f"result {k}: {x.dtype}, found {y.dtype.name}"
        if not values:
            continue
        words = numbers(
            raw(torch, x),
            np.asarray(
                y.detach().float().numpy() if y.dtype is cr.bfloat16 else y.detach().numpy()
            ),
            y.dtype.name,
        )
        if words:
            return f"result {k}: {words}"
    return ""


def numbers(x: np.ndarray, y: np.ndarray, dtype: str) -> str:
    """In what two arrays differ beyond rounding, or nothing."""
    if dtype not in TOLERANCE:
        return "" if np.array_equal(x, y) else f"{sample_of(x)}, found {sample_of(y)}"
    near = TOLERANCE[dtype]
    x, y = x.astype(np.float64), y.astype(np.float64)
    scale = float(np.max(np.abs(x[np.isfinite(x)]), initial=1.0))
    if np.allclose(x, y, rtol=near, atol=near * min(scale, 10.0), equal_nan=True):
        return ""
    return f"{sample_of(x)}, found {sample_of(y)}"


def sample_of(x: np.ndarray) -> str:
    """The first elements of an array."""
    return np.array2string(x.ravel()[:6], precision=6).replace("\n", " ")


def gradient_difference(torch: Any, one: list, two: list, expected: Any, found: Any) -> str:
    """In what the gradients of Σ wₖ·yₖ by every float64 operand differ, or nothing."""
    a = [t for t in leaves(expected, torch.Tensor) if t.requires_grad]
    b = [t for t in leaves(found, cr.Tensor) if t.requires_grad]
    if not a:
        return ""
    if len(a) != len(b):
        return f"{len(a)} results have gradients, found {len(b)}"
    rng = np.random.default_rng(3)
    weights = [rng.standard_normal(tuple(t.shape)) for t in a]
    loss = sum(
        [(t * torch.tensor(w, dtype=t.dtype)).sum() for t, w in zip(a, weights, strict=True)]
    )
    loss_ = sum([(t * cr.tensor(w, dtype=t.dtype)).sum() for t, w in zip(b, weights, strict=True)])
    xs = [t for t in leaves(one, torch.Tensor) if t.requires_grad]
    ys = [t for t in leaves(two, cr.Tensor) if t.requires_grad]
    try:
        gx = torch.autograd.grad(loss, xs, allow_unused=True)
    except RuntimeError:
        return ""
    gy = cr.autograd.grad(loss_, ys, allow_unused=True)
    for k, (p, q) in enumerate(zip(gx, gy, strict=True)):
        if p is None or q is None:
            other = q if p is None else p
            if other is not None and np.any(other.detach().numpy()):
                return f"gradient {k}: {'none' if p is None else 'there'}, found {'none' if q is None else 'one'}"
            continue
        words = numbers(raw(torch, p), q.detach().numpy(), "float64")
        if words:
            return f"gradient {k}: {words}"
    return ""


def described(torch: Any, args: Any, kwargs: dict) -> str:
    """A call's arguments, tensors by dtype and shape."""

    def text(v: Any) -> str:
        if isinstance(v, torch.Tensor):
            return f"{str(v.dtype).removeprefix('torch.')}{list(v.shape)}"
        if isinstance(v, (list, tuple)):
            return "[" + ", ".join([text(w) for w in v]) + "]"
        return repr(v)

    return (
        "("
        + ", ".join([text(a) for a in args] + [f"{k}={text(v)}" for k, v in kwargs.items()])
        + ")"
    )


# --------------------------------------------------------------------------------------------------------- whole ops


def outcomes(
    torch: Any, info: Any, dtypes: Sequence[str] = DTYPES, most: int = MOST_SAMPLES
) -> Iterator[tuple[str, Outcome]]:
    """Every call of an op, with its dtype; at most so many samples of each form and dtype."""
    for dtype in dtypes_of(torch, info, dtypes):
        found = samples(torch, info, dtype, most)
        for name, (f, g) in forms(info).items():
            for sample in found[:4] if name.endswith("(out=…)") else found:
                outcome = compare(torch, info, dtype, sample, name, f, g)
                if outcome is not None:
                    yield dtype, outcome
    if info.error_inputs_func is not None:
        g = function_named(info.name)
        for wrong in info.error_inputs("cpu"):
            s = wrong.sample_input
            if g is None or has_complex(torch, s.input, s.args, s.kwargs):
                continue
            if shares_memory(torch, s.kwargs.get("out"), (s.input, s.args)):
                continue
            call = f"{info.name}{described(torch, (s.input, *s.args), s.kwargs)}"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    two = ours(torch, [s.input, list(s.args), s.kwargs], False)
                    g(two[0], *two[1], **two[2])
            except Exception:
                yield "errors", Outcome("agrees", call, "")
            else:
                yield (
                    "errors",
                    Outcome(
                        "accepted",
                        call,
                        f"PyTorch: {wrong.error_type.__name__}: {wrong.error_regex[:160]}",
                    ),
                )


def main(names: list[str]) -> None:
    """Print what the module's docstring says."""
    import torch

    torch.set_num_threads(1)
    totals: dict[str, int] = {}
    for info in torch_ops():
        if names and not any(info.name == n or info.name.startswith(n + ".") for n in names):
            continue
        counts: dict[str, int] = {}
        failures = []
        try:
            found = list(outcomes(torch, info))
        except Exception as e:
            print(f"{info.name}: no samples: {e}")
            continue
        for dtype, outcome in found:
            counts[outcome.kind] = counts.get(outcome.kind, 0) + 1
            if outcome.kind != "agrees":
                failures.append((dtype, outcome))
        for kind, n in counts.items():
            totals[kind] = totals.get(kind, 0) + n
        missing = sorted({o.call.split("(")[0] for _, o in failures if o.kind == "missing"})
        label = info.name + (f" ({info.variant_test_name})" if info.variant_test_name else "")
        rest = {k: n for k, n in counts.items() if k not in ("agrees", "missing")}
        print(
            f"{label}: {counts.get('agrees', 0)} agree"
            + "".join([f", {n} {k}" for k, n in rest.items()])
            + (f"; missing {', '.join(missing)}" if missing else ""),
            flush=True,
        )
        for dtype, o in [f for f in failures if f[1].kind != "missing"][: 12 if names else 1]:
            print(f"    [{dtype}] {o.kind} {o.call[:240]}\n        {o.words}")
    print(totals)


if __name__ == "__main__":
    main(sys.argv[1:])
