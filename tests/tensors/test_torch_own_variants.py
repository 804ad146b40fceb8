"""PyTorch's own samples, changed as `tests/torch_variants.py` changes them: an op or two of each family, in every variant.

All ops take an hour: run `python tests/torch_variants.py`. What differs there on purpose stands in docs/torch.md.
"""

import warnings
from functools import cache

import pytest
import torch_samples
import torch_variants

import chainrule as cr

NAMES = """
    add addmm amax bitwise_left_shift block_diag cat clamp index_select linalg.solve logsumexp nn.functional.conv2d
    nn.functional.linear scatter_reduce searchsorted softmax view_copy where
""".split()

KINDS = [kind for kind in torch_variants.VARIANTS if kind != "reference"]  # hundreds of samples


@cache
def records():
    """PyTorch's record of each op; the first, where there are several."""
    found = {}
    for info in torch_samples.torch_ops():
        found.setdefault(info.name, info)
    return found


def outcomes(torch, name, kinds=KINDS):
    """What became of every variant of an op's samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about its samples
        return [
            (kind, dtype, o)
            for kind in kinds
            for dtype, o in torch_variants.VARIANTS[kind](torch, records()[name])
            if o is not None
        ]


@pytest.mark.parametrize("name", NAMES)
def test_variants_agree(torch, name, monkeypatch):
    monkeypatch.setattr(torch_variants, "FEW", 2)
    found = outcomes(torch, name)
    assert [x for x in found if x[2].kind != "agrees"] == []
    assert len({kind for kind, *_ in found}) > 3


@pytest.mark.parametrize(
    "kind", ["strided", "second", "forward", "batched", "inplace", "into", "halves"]
)
def test_a_difference_is_seen(torch, kind, monkeypatch):
    monkeypatch.setattr(torch_variants, "FEW", 2)
    whole, whole_ = cr.mul, cr.Tensor.mul_
    monkeypatch.setattr(cr, "mul", lambda a, b, **out: whole(a * 1.01, b, **out))
    monkeypatch.setattr(cr.Tensor, "mul_", lambda a, b: whole_(whole_(a, b), 1.01))
    found = outcomes(torch, "mul", [kind])
    assert any([o.kind == "differs" for *_, o in found])
