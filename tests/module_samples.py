"""PyTorch's own samples of its modules (`module_db`), built and called on both libraries.

    python tests/module_samples.py                 a line for each module: what agrees and what does not
    python tests/module_samples.py nn.GRU          the disagreements of one in full (a prefix of names will do)

Both are built with the sample's arguments; ours is given PyTorch's weights by `load_state_dict`, so the names must be
the same. In training and in eval mode the results must agree, the gradients of a weighted sum of them by the inputs
and the parameters, and the state after the call. What PyTorch refuses is refused.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch_samples as ops
from torch_samples import Outcome

import chainrule as cr

DTYPES = ("float64", "float32")


def torch_modules() -> list:
    """PyTorch's records of its modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    return list(module_db)


def built(torch: Any, value: Any) -> Any:
    """An argument of a constructor as chainrule takes it: functions and modules by their names."""
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        m, first = value, value.linear1
        sizes = (first.in_features, m.self_attn.num_heads, first.out_features, m.dropout.p)
        options = {"batch_first": m.self_attn.batch_first, "bias": first.bias is not None}
        options["activation"] = built(torch, m.activation)
        return cr.nn.TransformerEncoderLayer(*sizes, norm_first=m.norm_first, **options)
    if callable(value) and hasattr(torch.nn.functional, getattr(value, "__name__", "")):
        return getattr(cr.nn.functional, value.__name__)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)([built(torch, v) for v in value])
    return ops.ours(torch, value, False)


def pair(torch: Any, info: Any, sample: Any, dtype: str) -> tuple[Any, Callable[[], Any]]:
    """PyTorch's module, and what builds ours."""
    args, options = sample.constructor_input.args, dict(sample.constructor_input.kwargs)
    torch.manual_seed(0)
    theirs = info.module_cls(*args, **options).to(getattr(torch, dtype))
    options = {k: built(torch, v) for k, v in options.items() if k not in ("device", "dtype")}
    cls = getattr(cr.nn, info.module_cls.__name__)
    return theirs, lambda: cls(*built(torch, list(args)), **options).to(getattr(cr, dtype))


def outcome(torch: Any, info: Any, sample: Any, dtype: str, training: bool) -> Outcome | None:
    """Build and call one sample on both libraries; None where PyTorch itself has no result."""
    given = sample.forward_input
    inputs = [list(given.args), given.kwargs] if given is not None else [[], {}]
    one, two = ops.theirs(torch, inputs, True), ops.ours(torch, inputs, True)
    call = f"{info.name}{ops.described(torch, sample.constructor_input.args, sample.constructor_input.kwargs)}"
    call += f"{ops.described(torch, *inputs)} {'train' if training else 'eval'}"
    lazy = "Lazy" in info.name
    try:
        a, ours = pair(torch, info, sample, dtype)
        a.train(training)
        if lazy:
            a(*one[0], **one[1])
        state = {k: v.clone() for k, v in a.state_dict().items()}
        expected = a(*one[0], **one[1])
    except Exception:
        return None
    try:
        b = ours().train(training)
        if lazy:
            b(*two[0], **two[1])
        if list(state) != list(b.state_dict()):
            return Outcome("differs", call, f"states {list(state)}, found {list(b.state_dict())}")
        b.load_state_dict(ops.ours(torch, state, False))
        found = b(*two[0], **two[1])
        words = disagreement(
            torch, a, b, expected, found, one, two, dtype, drawn(info, sample, training)
        )
    except Exception as e:
        return Outcome("refused", call, f"{type(e).__name__}: {str(e)[:300]}")
    return Outcome("differs", call, words) if words else Outcome("agrees", call, "")


def drawn(info: Any, sample: Any, training: bool) -> bool:
    """Whether the numbers of a result are of chance."""
    dropout = sample.constructor_input.kwargs.get("dropout", 0.1 * ("Transformer" in info.name))
    return "Fractional" in info.name or (training and (bool(dropout) or "Dropout" in info.name))


def disagreement(
    torch: Any,
    a: Any,
    b: Any,
    expected: Any,
    found: Any,
    one: Any,
    two: Any,
    dtype: str,
    chance: bool,
) -> str:
    """In what two modules differ that were called once, or nothing."""
    words = ops.difference(torch, expected, found, values=not chance)
    if not words and not chance and dtype == "float64":
        x, y = [one, list(a.parameters())], [two, list(b.parameters())]
        words = ops.gradient_difference(torch, x, y, expected, found)
        words = words or ops.difference(
            torch, list(a.state_dict().values()), list(b.state_dict().values())
        )
    return words or ("" if repr(a) == repr(b) else f"written as {a!r}, found {b!r}")


def wrong_calls(torch: Any, info: Any) -> Iterator[Outcome]:
    """What PyTorch refuses."""
    from torch.testing._internal.common_modules import ModuleErrorEnum

    if info.module_error_inputs_func is None:
        return
    found = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
    )
    for wrong in found:
        sample = wrong.module_error_input
        built_wrong = wrong.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR
        call = f"{info.name}{ops.described(torch, sample.constructor_input.args, sample.constructor_input.kwargs)}"
        try:
            if built_wrong:
                args, options = sample.constructor_input.args, sample.constructor_input.kwargs
                options = {k: v for k, v in options.items() if k not in ("device", "dtype")}
                cls = getattr(cr.nn, info.module_cls.__name__)
                cls(*built(torch, list(args)), **{k: built(torch, v) for k, v in options.items()})
            else:
                given = sample.forward_input
                b = pair(torch, info, sample, "float64")[1]()
                b(*ops.ours(torch, list(given.args), False), **ops.ours(torch, given.kwargs, False))
        except Exception as e:
            kind = "agrees" if isinstance(e, wrong.error_type) else "otherwise"
            yield Outcome(kind, call, f"{wrong.error_type.__name__}, found {type(e).__name__}: {e}")
        else:
            yield Outcome("accepted", call, f"PyTorch: {wrong.error_regex[:160]}")


def outcomes(torch: Any, info: Any, dtypes: Sequence[str] = DTYPES) -> Iterator[Outcome]:
    """Every sample of a module."""
    for dtype in dtypes:
        for training in (True, False):
            torch.manual_seed(0)
            found = info.module_inputs_func(
                info,
                device="cpu",
                dtype=getattr(torch, dtype),
                requires_grad=False,
                training=training,
            )
            for sample in found:
                result = outcome(torch, info, sample, dtype, training)
                if result is not None:
                    yield result
    yield from wrong_calls(torch, info)


def main(names: list[str]) -> None:
    """Print what the module's docstring says."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for info in torch_modules():
        if names and not any([info.name.startswith(n) for n in names]):
            continue
        found = list(outcomes(torch, info))
        print(f"{info.name}: {dict(Counter([o.kind for o in found]))}", flush=True)
        for o in [o for o in found if o.kind != "agrees"][: 12 if names else 2]:
            print(f"    {o.kind} {o.call[:240]}\n        {o.words[:400]}")


if __name__ == "__main__":
    main(sys.argv[1:])
