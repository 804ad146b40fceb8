"""Layers of experts: those that a token chose are asked about it, and nothing else changes."""

import pytest

import chainrule as cr
from chainrule import models

SIZES = {
    "vocab_size": 23, "hidden_size": 12, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 3,
    "num_key_value_heads": 1,
}  # fmt: skip
IDS = cr.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


@pytest.fixture(params=["Mixtral", "Qwen3Moe"])
def model(request):
    cr.manual_seed(0)
    more = {"num_experts_per_tok": 2, "output_router_logits": True}
    if request.param == "Mixtral":
        config = models.MixtralConfig(num_local_experts=5, **more, **SIZES)
    else:
        config = models.Qwen3MoeConfig(num_experts=5, moe_intermediate_size=11, **more, **SIZES)
    return models.ARCHITECTURES[f"{request.param}ForCausalLM"](config)


def experts(model):
    """The first layer's experts."""
    layer = model.model.layers[0]
    return getattr(layer, "block_sparse_moe", None) or layer.mlp


def test_asking_those_chosen_is_asking_all(model):
    part = experts(model)
    values = {}
    for ask in ("ask_chosen", "ask_all"):
        x = cr.randn(17, 12, generator=cr.Generator().manual_seed(1)).requires_grad_()
        share = cr.nn.functional.softmax(part.gate(x), dim=-1)
        share = cr.where(share >= share.topk(2)[0][:, 1:], share, 0.0)
        y = getattr(part, ask)(x, share)
        parameters = list(part.parameters())
        values[ask] = [y, *cr.autograd.grad(y.square().sum(), [x, *parameters])]
    for one, other in zip(*values.values(), strict=True):
        assert cr.allclose(one, other, atol=1e-6)


def test_an_expert_sees_the_tokens_that_chose_it_and_no_others(model):
    part, seen = experts(model), []
    for expert in part.experts:
        expert.register_forward_hook(lambda _, given, out: seen.append(len(given[0])))
    with cr.no_grad():
        _, said = part(cr.randn(1, 13, 12))
    chose = cr.nn.functional.one_hot(said.topk(2)[1], 5).sum(dim=(0, 1)).tolist()
    assert seen == [count for count in chose if count] and sum(seen) == 26


def test_one_that_no_token_chose_has_a_gradient_of_zero(model):
    part = experts(model)
    y, said = part(cr.randn(1, 1, 12))
    y.sum().backward()
    chosen = set(said.topk(2)[1][0].tolist())
    assert len(chosen) == 2
    for e, expert in enumerate(part.experts):
        for p in expert.parameters():
            assert p.grad is not None and bool(p.grad.any()) == (e in chosen)


def test_a_compiled_model_says_the_same(model):
    model.eval()
    found, expected = cr.compile(model)(IDS), model(IDS)
    assert cr.allclose(found.logits, expected.logits, atol=1e-5)
    assert cr.allclose(found.aux_loss, expected.aux_loss, atol=1e-5)
