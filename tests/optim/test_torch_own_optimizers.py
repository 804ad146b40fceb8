"""PyTorch's own samples of its optimizers, as the tests of ours: what `tests/optimizer_samples.py` prints, asserted."""

import re
import warnings

import optimizer_samples
import pytest

NAMES = """
    ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SGD
""".split()
DELIBERATE = {
    r"as a Tensor is not supported .* foreach=True": "which of its loops PyTorch runs makes no difference here",
    r"betas must be either both floats or both Tensors": "each is read as a number",
    r"appears more than once": "a parameter that stands twice is an error, of which PyTorch warns",
    r"^differs LBFGS.*keys .*'al'": "PyTorch keeps the room in which it computes in the state",
    r"^differs Muon": "PyTorch computes the polynomial in bfloat16",
}


@pytest.mark.parametrize("name", NAMES)
def test_samples_agree(torch, name):
    (info,) = [i for i in optimizer_samples.torch_optimizers() if i.name == name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(optimizer_samples.outcomes(torch, info))
    others = [f"{o.kind} {o.call} {o.words}" for o in found if o.kind != "agrees"]
    assert len(others) < len(found)
    assert [o for o in others if not any([re.search(p, o, re.DOTALL) for p in DELIBERATE])] == []
