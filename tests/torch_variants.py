"""PyTorch's own samples of its ops, changed: laid out otherwise, empty, of mixed dtypes, differentiated again.

    python tests/torch_variants.py                            every variant of every op, a line for each op
    python tests/torch_variants.py strided second -- add mm   some variants of some ops, the disagreements in full

`tests/torch_samples.py` calls the samples as they are; here the same comparison is made of what can be done with them:

    small       integers of 8 and 16 bits
    strided     operands with gaps between their elements, laid out from the last axis to the first, or expanded
    empty       operands whose first, or last, axis has no elements
    halves      gradients in float32, bfloat16 and float16
    one         the gradient by one operand, when no other requires one
    second      the gradient of the gradient
    forward     `func.jvp`, where PyTorch has forward-mode rules
    batched     `func.vmap`, of all operands and of the first alone
    mixed       the second operand of another dtype, without axes, or a Python number
    inplace     the in-place form and its gradient, on a tensor and through a view of one
    operators   `a + b`, `a += b` and their like
    into        `out=` that has gaps, is too small, or of another dtype
    aliases     PyTorch's other names of the op
    reference   the further samples with which PyTorch compares with NumPy
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch_samples as base
from torch_pairs import Call, compared, gradients, judged
from torch_samples import Outcome

import chainrule as cr

Found = Iterator[tuple[str, Outcome | None]]
"""A dtype, and what became of a call in it; None where PyTorch itself has no answer."""

FEW = 3
"""Samples of one op for a variant that makes several calls of each."""


# ------------------------------------------------------------------------------------------------- samples, changed


def changed(torch: Any, sample: Any, f: Callable) -> Any:
    """A sample whose tensors f has changed."""
    return sample.transform(lambda t: f(t) if isinstance(t, torch.Tensor) else t)


def backwards(t: Any) -> Any:
    """The same elements, laid out from the last axis to the first."""
    order = tuple(range(t.ndim))[::-1]
    return t.permute(order).contiguous().permute(order)


def repeated(t: Any) -> Any:
    """The first row in the place of every other, without memory for them."""
    return t[:1].expand(t.shape) if t.ndim and t.shape[0] else t


def without(t: Any, at: int) -> Any:
    """Nothing of an axis."""
    return t.narrow(at, 0, 0) if t.ndim else t


def small(torch: Any, info: Any) -> Found:
    for dtype in base.dtypes_of(torch, info, ("int16", "int8")):
        for name, (f, g) in base.forms(info).items():
            for s in base.samples(torch, info, dtype, FEW):
                yield dtype, base.compare(torch, info, dtype, s, name, f, g)


def strided(torch: Any, info: Any) -> Found:
    layouts = (lambda s: s.noncontiguous(), lambda s: changed(torch, s, backwards),
               lambda s: changed(torch, s, repeated))  # fmt: skip
    for dtype in base.dtypes_of(torch, info, ("float64", "int64")):
        for s in base.samples(torch, info, dtype, FEW):
            for layout in layouts:
                for name, (f, g) in base.forms(info).items():
                    # nobody says what is in elements that are written twice
                    if not name.endswith("(out=…)") and not (
                        layout is layouts[2] and name[-1] == "_"
                    ):
                        yield dtype, base.compare(torch, info, dtype, layout(s), name, f, g)


def empty(torch: Any, info: Any) -> Found:
    if info.name == "nn.functional.pdist":  # PyTorch divides by zero, and the process is gone
        return
    for dtype in base.dtypes_of(torch, info, ("float64", "int64", "bool")):
        for s in base.samples(torch, info, dtype, FEW):
            for at in (0, -1):
                t = changed(torch, s, lambda t, at=at: without(t, at))
                for name, (f, g) in base.forms(info).items():
                    yield dtype, base.compare(torch, info, dtype, t, name, f, g)


def reference(torch: Any, info: Any) -> Found:
    for dtype in base.dtypes_of(torch, info, ("float64", "float32", "bfloat16", "int64", "bool")):
        torch.manual_seed(0)
        name, (f, g) = next(iter(base.forms(info).items()))
        found = list(info.reference_inputs("cpu", getattr(torch, dtype), requires_grad=False))
        for s in found[:: max(1, len(found) // 150)]:
            yield dtype, base.compare(torch, info, dtype, s, name, f, g)


def mixed(torch: Any, info: Any) -> Found:
    """The second operand is replaced, and then the first."""
    others: list[Any] = [2, -1.5, True]
    for kind in ("float32", "float64", "bfloat16", "int64", "int32", "uint8", "bool"):
        others += [getattr(torch, kind)]
    for dtype in base.dtypes_of(torch, info):
        for s in base.samples(torch, info, dtype, 2):
            if not s.args or not isinstance(s.input, torch.Tensor):
                continue
            if not isinstance(s.args[0], torch.Tensor):
                continue
            for other in others:
                for name, (f, g) in base.forms(info).items():
                    if name.endswith("(out=…)"):
                        continue
                    for t in replaced(torch, s, other):
                        yield dtype, base.compare(torch, info, dtype, t, name, f, g)


def replaced(torch: Any, sample: Any, other: Any) -> Iterator[Any]:
    """A sample with another second operand; one without axes as well."""
    second, rest = sample.args[0], sample.args[1:]
    kinds: list[Any] = [other]
    if isinstance(other, torch.dtype):
        kinds = [second.to(other), torch.tensor(2, dtype=other)]
    for kind in kinds:
        yield type(sample)(sample.input, args=(kind, *rest), kwargs=sample.kwargs,
                           output_process_fn_grad=sample.output_process_fn_grad)  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- derivatives


def of_floats(
    torch: Any, info: Any, dtype: str, most: int = FEW, forms: str = "function"
) -> Iterator[Call]:
    """The calls of an op in one dtype."""
    if not base.dtypes_of(torch, info, (dtype,)) or info.name in base.OWN_VALUES:
        return
    names = base.forms(info)
    function = next(iter(names.items()))
    if forms == "inplace":
        chosen = [(n, v) for n, v in names.items() if n.startswith("Tensor.") and n.endswith("_")]
    else:
        chosen = [function]
    for form in chosen:
        if form[1][1] is None:
            continue
        for s in base.samples(torch, info, dtype, most):
            if not base.has_complex(torch, s.input, s.args, s.kwargs) and not s.kwargs.get(
                "dropout_p"
            ):
                yield Call(torch, info, s, form, dtype)


def halves(torch: Any, info: Any) -> Found:
    if not info.supports_autograd:
        return
    for dtype in ("float32", "bfloat16", "float16"):
        for call in of_floats(torch, info, dtype):
            yield dtype, first_order(torch, call, call.xs, call.ys)


def first_order(torch: Any, call: Call, xs: list, ys: list) -> Outcome | None:
    for t in [*xs, *ys]:
        t.requires_grad_()
    return judged(
        call,
        lambda: gradients(torch, call.theirs(), xs),
        lambda e: compared(torch, e, gradients(cr, call.ours(), ys)),
    )


def one(torch: Any, info: Any) -> Found:
    if not info.supports_autograd:
        return
    for call in of_floats(torch, info, "float64"):
        if len(call.xs) > 1:
            for k in range(len(call.xs)):
                again = Call(torch, info, call.sample, (call.name, (call.f, call.g)), "float64")
                yield "float64", first_order(torch, again, [again.xs[k]], [again.ys[k]])


def second(torch: Any, info: Any) -> Found:
    if not info.supports_gradgrad:
        return
    for call in of_floats(torch, info, "float64"):
        for t in [*call.xs, *call.ys]:
            t.requires_grad_()

        def of(library: Any, out: Any, xs: list) -> list | None:
            first = gradients(library, out, xs, create=True)
            return None if first is None else gradients(library, first, xs)

        yield (
            "float64",
            judged(
                call,
                lambda call=call: of(torch, call.theirs(), call.xs),
                lambda e, call=call: compared(
                    torch, e, of(cr, call.ours(), call.ys), "second gradient"
                ),
            ),
        )


def forward(torch: Any, info: Any) -> Found:
    if not info.supports_forward_ad:
        return
    for call in of_floats(torch, info, "float64"):
        rng = np.random.default_rng(5)
        directions = [rng.standard_normal(tuple(t.shape)) for t in call.xs]

        def of(library: Any, call: Call = call, directions: list = directions) -> Any:
            f, xs = call.at(library)
            vs = tuple(
                [library.tensor(d, dtype=x.dtype) for d, x in zip(directions, xs, strict=True)]
            )
            return library.func.jvp(f, tuple(xs), vs)

        yield (
            "float64",
            judged(
                call,
                lambda of=of: of(torch),
                lambda e, of=of: base.difference(torch, e, of(cr)),
            ),
        )


def batched(torch: Any, info: Any) -> Found:
    for call in of_floats(torch, info, "float64"):
        for every in (True, False):
            if not call.xs or (not every and len(call.xs) == 1):
                continue

            def of(library: Any, call: Call = call, every: bool = every) -> Any:
                f, xs = call.at(library)
                many = [
                    library.stack([x, x.flip(0) if x.ndim else x * 0.5]) if every or not k else x
                    for k, x in enumerate(xs)
                ]
                dims = tuple([0 if every or not k else None for k in range(len(xs))])
                return library.func.vmap(f, in_dims=dims)(*many)

            yield (
                "float64",
                judged(
                    call,
                    lambda of=of: of(torch),
                    lambda e, of=of: base.difference(torch, e, of(cr)),
                ),
            )


def inplace(torch: Any, info: Any) -> Found:
    if not info.supports_inplace_autograd:
        return
    for call in of_floats(torch, info, "float64", forms="inplace"):
        if not isinstance(call.sample.input, torch.Tensor):
            continue
        for t in [*call.xs, *call.ys]:
            t.requires_grad_()
        for view in (False, True):

            def of(library: Any, view: bool = view, call: Call = call) -> Any:
                f, xs = (call.f, call.xs) if library is torch else (call.g, call.ys)
                x, rest, options = call.one if library is torch else call.two
                whole = library.stack([x, x], -1) if view else x.clone()
                f(whole.select(-1, 1) if view else whole, *rest, **options)
                return [whole, *(gradients(library, whole, xs) or [])]

            yield (
                "float64",
                judged(
                    call,
                    lambda of=of: of(torch),
                    lambda e, of=of: base.difference(torch, e, of(cr)),
                ),
            )


def operators(torch: Any, info: Any) -> Found:
    import operator

    from torch.testing._internal.opinfo.core import _NOTHING

    found = [info.operator_variant, info.inplace_operator_variant]
    for f in found:
        if f is None or f is _NOTHING or not callable(f) or not hasattr(operator, f.__name__):
            continue
        for dtype in base.dtypes_of(torch, info):
            for s in base.samples(torch, info, dtype, FEW):
                if not s.kwargs:
                    yield dtype, base.compare(torch, info, dtype, s, f.__name__, f, f)


def aliases(torch: Any, info: Any) -> Found:
    for alias in info.aliases:
        names = {alias.name: (alias.op, base.function_named(alias.name))}
        for variant in (alias.method_variant, alias.inplace_variant):
            name = getattr(variant, "__name__", None)
            if name is not None:
                names[f"Tensor.{name}"] = (variant, getattr(cr.Tensor, name, None))
        for dtype in base.dtypes_of(torch, info, ("float64", "int64")):
            for s in base.samples(torch, info, dtype, FEW):
                for name, (f, g) in names.items():
                    yield dtype, base.compare(torch, info, dtype, s, name, f, g)


# ------------------------------------------------------------------------------------------------------- written into


def into(torch: Any, info: Any) -> Found:
    if not info.supports_out or info.name in base.WITHOUT_OUT:
        return
    name, (f, g) = next(iter(base.forms(info).items()))
    if (info.name, info.variant_test_name) in base.OF_VARIANTS or g is None:
        return
    for dtype in base.dtypes_of(torch, info, ("float64", "float32", "int64")):
        for s in base.samples(torch, info, dtype, 3):
            for how, make in OUTS.items():
                call = Call(torch, info, s, (f"{name}(out={how})", (f, g)), dtype)
                yield dtype, written(torch, call, make)


def _gaps(library: Any, t: Any) -> Any:
    return library.zeros((*t.shape, 2), dtype=t.dtype)[..., 0]


def _other(kind: str) -> Callable:
    return lambda library, t: library.zeros(tuple(t.shape), dtype=getattr(library, kind))


OUTS: dict[str, Callable] = {
    "gaps": _gaps,
    "nothing": lambda library, t: library.zeros(0, dtype=t.dtype),
    "too large": lambda library, t: library.zeros((*t.shape, 2), dtype=t.dtype),
    "float64": _other("float64"),
    "float32": _other("float32"),
    "int64": _other("int64"),
    "int32": _other("int32"),
    "bool": _other("bool"),
}


def written(torch: Any, call: Call, make: Callable) -> Outcome | None:
    """A result written into tensors that `make` makes of what it is like."""

    def of(library: Any) -> Any:
        y = call.theirs() if library is torch else call.ours()
        several = isinstance(y, tuple | list)
        outs = [make(library, t) for t in (y if several else [y])]
        args, f = (call.one, call.f) if library is torch else (call.two, call.g)
        f(args[0], *args[1], **args[2], out=tuple(outs) if several else outs[0])
        return outs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call.theirs()
        except Exception:
            return None
        try:
            expected = of(torch)
        except Exception as e:
            try:
                of(cr)
            except Exception:
                return Outcome("agrees", call.words, "")
            return Outcome("accepted", call.words, f"PyTorch: {type(e).__name__}: {str(e)[:200]}")
    return judged(call, lambda: expected, lambda e: base.difference(torch, e, of(cr)))


VARIANTS: dict[str, Callable] = {
    f.__name__: f
    for f in (
        small, strided, empty, halves, one, second, forward, batched, mixed, inplace, operators, into, aliases, reference,
    )
}  # fmt: skip


def main(words: list[str]) -> None:
    """Print what the module's docstring says."""
    import torch

    torch.set_num_threads(1)
    cut = words.index("--") if "--" in words else len(words)
    kinds, names = words[:cut] or list(VARIANTS), words[cut + 1 :]
    totals: dict[str, Counter] = {k: Counter() for k in kinds}
    for info in base.torch_ops():
        if names and info.name not in names:
            continue
        if base.function_named(info.name) is None:
            continue
        for kind in kinds:
            try:
                found = [(d, o) for d, o in VARIANTS[kind](torch, info) if o is not None]
            except Exception as e:
                print(f"{kind} {info.name}: no samples: {type(e).__name__}: {e}")
                continue
            counts = Counter([o.kind for _, o in found])
            totals[kind] += counts
            failures = [(d, o) for d, o in found if o.kind != "agrees"]
            if failures or names:
                label = f" ({info.variant_test_name})" if info.variant_test_name else ""
                print(f"{kind} {info.name}{label}: {dict(counts)}", flush=True)
            for d, o in failures[: 12 if names else 2]:
                print(f"    [{d}] {o.kind} {o.call[:240]}\n        {o.words}")
    for kind, counts in totals.items():
        print(kind, dict(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
