"""PyTorch's own samples of its optimizers (`optim_db`), stepped on both libraries.

    python tests/optimizer_samples.py              a line for each optimizer: what agrees and what does not
    python tests/optimizer_samples.py Adam         the disagreements of one in full

Two parameters of float64 are stepped with every combination of options that PyTorch tests; they, and the state dict
afterwards, must agree. A run that loads that state dict goes on as PyTorch's does. What PyTorch refuses is refused.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch_samples as ops
from torch_samples import Outcome

import chainrule as cr

STEPS = 5
SHAPES = ((3, 5), (7,))


def torch_optimizers() -> list:
    """PyTorch's records of its optimizers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_optimizers import optim_db
    return list(optim_db)


def ours(torch: Any, value: Any) -> Any:
    """An option as chainrule takes it."""
    return ops.ours(torch, value, False)


def parameters(library: Any, shapes: tuple = SHAPES) -> list:
    """The same parameters in either library."""
    rng = np.random.default_rng(7)
    return [
        library.nn.Parameter(library.tensor(rng.standard_normal(s), dtype=library.float64))
        for s in shapes
    ]


def stepped(library: Any, optimizer: Any, ps: list, first: int = 0) -> list:
    """The loss of each of some steps on  Σ (p − c)⁴ + Σ p²,  whose gradients change."""

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum([((p - 0.3) ** 4).sum() + (p * p).sum() * 0.5 for p in ps])
        loss.backward()
        return loss

    losses = []
    for _ in range(first, first + STEPS):
        losses.append(float(optimizer.step(closure)))
    return losses


def shaped(torch: Any, value: Any) -> Any:
    """A state dict in words, so that two can be compared: numbers rounded, tensors by dtype and elements."""
    if isinstance(value, (torch.Tensor, cr.Tensor)):
        dtype = str(value.dtype).rpartition(".")[2]
        return dtype, tuple(value.shape), np.round(np.asarray(value.detach().numpy()), 7).tolist()
    if isinstance(value, dict):
        return {k: shaped(torch, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [shaped(torch, v) for v in value]
    return value


def unequal(a: Any, b: Any, path: str = "") -> str:
    """Where two such values differ first, or nothing."""
    if isinstance(a, dict) and isinstance(b, dict):
        if set(a) != set(b):
            return f"{path}: keys {list(a)}, found {list(b)}"
        return next((w for k in a if (w := unequal(a[k], b[k], f"{path}[{k!r}]"))), "")
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        found = [unequal(x, y, f"{path}[{k}]") for k, (x, y) in enumerate(zip(a, b, strict=True))]
        return next((w for w in found if w), "")
    if isinstance(a, tuple) and isinstance(b, tuple):
        same = a[:2] == b[:2] and np.allclose(a[2], b[2], rtol=1e-6, atol=1e-9, equal_nan=True)
        return "" if same else f"{path}: {a}, found {b}"
    return "" if a == b else f"{path}: {a!r}, found {b!r}"


def outcome(torch: Any, info: Any, sample: Any) -> Outcome | None:
    """Step one sample on both libraries; None where PyTorch itself refuses."""
    call = f"{info.name}({', '.join([f'{k}={v!r}' for k, v in sample.kwargs.items()])})"
    shapes = ((3, 5), (7, 2)) if info.name == "Muon" else SHAPES
    ps, qs = parameters(torch, shapes), parameters(cr, shapes)
    try:
        a = info.optim_cls(ps, **copy.deepcopy(sample.kwargs))
        expected = stepped(torch, a, ps)
    except Exception:
        return None
    try:
        options = {k: ours(torch, v) for k, v in sample.kwargs.items()}
        b = getattr(cr.optim, info.name)(qs, **options)
        found = stepped(cr, b, qs)
        words = ops.numbers(np.array(expected), np.array(found), "float64")
        for k, (p, q) in enumerate(zip(ps, qs, strict=True)):
            words = words or (ops.difference(torch, p.detach(), q.detach()) and f"parameter {k}")
        words = words or unequal(shaped(torch, a.state_dict()), shaped(torch, b.state_dict()))
        if not words:
            c = getattr(cr.optim, info.name)(qs, **options)
            c.load_state_dict(ours(torch, a.state_dict()))
            go_on, come_on = stepped(torch, a, ps), stepped(cr, c, qs)
            words = ops.numbers(np.array(go_on), np.array(come_on), "float64")
            words = words and f"resumed: {words}"
    except Exception as e:
        return Outcome("refused", call, f"{type(e).__name__}: {str(e)[:300]}")
    return Outcome("differs", call, words) if words else Outcome("agrees", call, "")


def wrong_calls(torch: Any, info: Any) -> Iterator[Outcome]:
    """What PyTorch refuses."""
    for wrong in info.optim_error_inputs_func("cpu", torch.float64):
        sample = wrong.optimizer_error_input
        call = f"{info.name}({sample.params}, {sample.kwargs})"
        given = sample.params
        if ops.has_complex(torch, given) or any(
            [t.is_sparse for t in ops.leaves(given, torch.Tensor)]
        ):
            continue
        qs = parameters(cr, ((3, 5),)) if given is None else given_as(torch, given)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                options = {k: ours(torch, v) for k, v in sample.kwargs.items()}
                getattr(cr.optim, info.name)(qs, **options)
        except Exception as e:
            kind = "agrees" if isinstance(e, wrong.error_type) else "otherwise"
            yield Outcome(kind, call, f"{wrong.error_type.__name__}, found {type(e).__name__}: {e}")
        else:
            yield Outcome("accepted", call, f"PyTorch: {wrong.error_regex[:160]}")


def given_as(torch: Any, value: Any) -> Any:
    """Parameters of a sample in chainrule; one that stands twice is one."""
    known: dict[int, Any] = {}

    def turn(v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            if id(v) not in known:
                made = cr.tensor(ops.raw(torch, v))
                known[id(v)] = cr.nn.Parameter(made) if isinstance(v, torch.nn.Parameter) else made
            return known[id(v)]
        if isinstance(v, dict):
            return {k: turn(w) for k, w in v.items()}
        return type(v)([turn(w) for w in v]) if isinstance(v, (list, tuple)) else v

    return turn(value)


def outcomes(torch: Any, info: Any) -> Iterator[Outcome]:
    """Every sample of an optimizer."""
    flags = ({}, {"maximize": True})
    for sample in info.optim_inputs_func("cpu", torch.float64):
        for flag in flags:
            sample = copy.deepcopy(sample)
            sample.kwargs = flag | sample.kwargs
            result = outcome(torch, info, sample)
            if result is not None:
                yield result
    yield from wrong_calls(torch, info)


def main(names: list[str]) -> None:
    """Print what the module's docstring says."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for info in torch_optimizers():
        if names and info.name not in names:
            continue
        if not hasattr(cr.optim, info.name):
            print(f"{info.name}: missing")
            continue
        found = list(outcomes(torch, info))
        print(f"{info.name}: {dict(Counter([o.kind for o in found]))}", flush=True)
        for o in [o for o in found if o.kind != "agrees"][: 40 if names else 3]:
            print(f"    {o.kind} {o.call[:240]}\n        {o.words[:400]}")


if __name__ == "__main__":
    main(sys.argv[1:])
