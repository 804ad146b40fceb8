"""Attention in heads and the Transformer stacks against PyTorch: parameters, results, weights and every gradient, with
every option and every kind of mask; and what is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, ShapeError
from chainrule.graph import trace
from chainrule.nn import functional as F

T, S, B, E, H = 5, 7, 2, 6, 3


def same_weights(torch, theirs, ours):
    """Both in float64, the second with the first's weights."""
    theirs, ours = theirs.double(), ours.double()
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    return ours, theirs


def observed(lib, module, arrays, options, run):
    """Results and all gradients for a fixed cotangent."""
    xs = [lib.tensor(a, requires_grad=True) for a in arrays]
    options = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    found = run(module, *xs, **options)
    outs = [o for o in (found if isinstance(found, tuple) else (found,)) if o is not None]
    rng = np.random.default_rng(11)
    loss = sum([(o * lib.tensor(rng.standard_normal(tuple(o.shape)))).sum() for o in outs])
    loss.backward()
    grads = [p.grad for p in module.parameters()]
    values = [*outs, *[x.grad for x in xs], *[g for g in grads if g is not None]]
    return [v.detach().numpy() for v in values], [g is None for g in grads]


def assert_same(torch, pair, arrays, options=None, run=lambda m, *xs, **options: m(*xs, **options)):
    ours, theirs = pair
    ours.zero_grad(), theirs.zero_grad()
    a, none = observed(cr, ours, arrays, options or {}, run)
    b, none_ = observed(torch, theirs, arrays, options or {}, run)
    assert len(a) == len(b) and none == none_
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def drawn(*shapes):
    rng = np.random.default_rng(7)
    return [rng.standard_normal(s) for s in shapes]


def some(*shape, seed=1):
    """A bool mask that leaves every row something."""
    mask = np.random.default_rng(seed).random(shape) < 0.4
    mask[..., 0] = False
    return mask


CAUSAL = np.triu(np.ones((T, T), bool), 1)
MASKS = {
    "none": {},
    "bool": {"attn_mask": some(T, S)},
    "float": {"attn_mask": drawn((T, S))[0]},
    "by head": {"attn_mask": some(B * H, T, S)},
    "float by head": {"attn_mask": drawn((B * H, T, S))[0]},
    "padding": {"key_padding_mask": some(B, S)},
    "float padding": {"key_padding_mask": drawn((B, S))[0]},
    "both": {"key_padding_mask": some(B, S), "attn_mask": some(T, S, seed=2)},
    "both, by head": {"key_padding_mask": drawn((B, S))[0], "attn_mask": drawn((B * H, T, S))[0]},
}
LAYERS = {
    "plain": {},
    "without bias": {"bias": False},
    "learned key": {"add_bias_kv": True},
    "zero key": {"add_zero_attn": True},
    "both keys": {"add_bias_kv": True, "add_zero_attn": True},
    "own sizes": {"kdim": 11, "vdim": 13},
    "own sizes without bias": {"kdim": 11, "bias": False},
}


@pytest.mark.torch
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("layer", LAYERS)
def test_attention_in_heads(torch, layer, masks):
    options = LAYERS[layer]
    pair = same_weights(
        torch, torch.nn.MultiheadAttention(E, H, **options), nn.MultiheadAttention(E, H, **options)
    )
    arrays = drawn((T, B, E), (S, B, options.get("kdim", E)), (S, B, options.get("vdim", E)))
    for weights in (
        {},
        {"average_attn_weights": False},
        {"need_weights": False},
    ):
        assert_same(torch, pair, arrays, MASKS[masks] | weights)


@pytest.mark.torch
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_for_all_three(torch, batch_first):
    """Self-attention projects at once; with the batch first, without one, and with the causal hint."""
    options = {"batch_first": batch_first}
    pair = same_weights(
        torch, torch.nn.MultiheadAttention(E, H, **options), nn.MultiheadAttention(E, H, **options)
    )
    shape = (B, T, E) if batch_first else (T, B, E)

    def run(m, x, **options):
        return m(x, x, x, **options)

    for more in ({}, {"need_weights": False}):
        for causal in ({}, {"attn_mask": CAUSAL, "is_causal": True}, {"attn_mask": CAUSAL}):
            assert_same(torch, pair, drawn(shape), causal | more, run)
            assert_same(torch, pair, drawn((T, E)), causal | more, run)
        padded = {"key_padding_mask": some(T), "attn_mask": some(H, T, T)} | more
        assert_same(torch, pair, drawn((T, E)), padded, run)
        both = {"key_padding_mask": some(B, T), "attn_mask": CAUSAL, "is_causal": True} | more
        assert_same(torch, pair, drawn(shape), both, run)
    assert_same(torch, pair, drawn(shape, shape), {}, lambda m, x, y: m(x, y, y))
    assert_same(torch, pair, drawn(shape, shape), {}, lambda m, x, y: m(x, y, x))


@pytest.mark.torch
def test_given_keys_and_values(torch):
    """`static_k` and `static_v` of the functional form."""
    arrays = drawn((T, B, E), (B * H, S, 2), (B * H, S, 2), (3 * E, E), (E, E))
    for weights in (True, False):
        found = []
        for lib in (cr, torch):
            q, k, v, w, o = map(lib.tensor, arrays)
            f = lib.nn.functional.multi_head_attention_forward
            mask = lib.tensor(some(B, S))
            memory = lib.zeros(S, B, E, dtype=lib.float64)
            y, p = f(
                q, memory, memory, E, H, w, None, None, None, False, 0.0, o, None, static_k=k,
                static_v=v, need_weights=weights, key_padding_mask=mask,
            )  # fmt: skip
            found.append([y.numpy()] + ([] if p is None else [p.numpy()]))
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_queries_that_may_see_nothing():
    """As in PyTorch: weights that are shown are NaN, the fused attention gives zeros."""
    attention = nn.MultiheadAttention(E, H, bias=False)
    x, mask = cr.randn(T, B, E), cr.zeros(T, T, dtype=cr.bool)
    mask[2] = True
    y, weights = attention(x, x, x, attn_mask=mask)
    assert weights[:, 2].isnan().all() and not weights[:, :2].isnan().any()
    y, weights = attention(x, x, x, attn_mask=mask, need_weights=False)
    assert weights is None and (y[2] == 0).all() and not y.isnan().any()


def test_dropout_of_attention_weights():
    """A dropped weight is zero, the others grow, and the average stays; none in evaluation."""
    attention = nn.MultiheadAttention(E, H, dropout=0.4)
    x = cr.randn(T, 97, E)
    _, dropped = attention(x, x, x, average_attn_weights=False)
    attention.eval()
    y_, weights = attention(x, x, x, average_attn_weights=False)
    kept = (dropped != 0).float()
    assert 0.55 < kept.mean().item() < 0.65
    np.testing.assert_allclose(
        dropped.detach().numpy(), (weights * kept / 0.6).detach().numpy(), rtol=1e-5
    )
    again, _ = attention(x, x, x, need_weights=False)
    np.testing.assert_allclose(again.detach().numpy(), y_.detach().numpy(), atol=1e-6)
    q = cr.randn(3, 5, 4)
    many = q.expand(4000, 3, 5, 4)
    mean = F.scaled_dot_product_attention(many, many, many, dropout_p=0.5, is_causal=True).mean(0)
    expected = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    np.testing.assert_allclose(mean.numpy(), expected.numpy(), atol=0.15)


# ------------------------------------------------------------------------------------------------------------ stacks

OPTIONS = {
    "plain": {},
    "norm first": {"norm_first": True, "batch_first": True},
    "gelu": {"activation": "gelu", "layer_norm_eps": 0.1},
    "without bias": {"bias": False, "norm_first": True},
}


def both(torch, make):
    return same_weights(torch, make(torch.nn), make(nn))


def sequence(options, steps):
    return (B, steps, E) if options.get("batch_first") else (steps, B, E)


@pytest.mark.torch
@pytest.mark.parametrize("case", OPTIONS)
def test_encoders(torch, case):
    options = {"dropout": 0.0} | OPTIONS[case]

    def make(nn):
        layer = nn.TransformerEncoderLayer(E, H, 11, **options)
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(E), enable_nested_tensor=False)

    pair = both(torch, make)
    x = drawn(sequence(options, T))
    for masks in (
        {},
        {"mask": CAUSAL},
        {"mask": CAUSAL, "is_causal": True},
        {"mask": drawn((B * H, T, T))[0]},
        {"src_key_padding_mask": some(B, T)},
        {"src_key_padding_mask": some(B, T), "mask": CAUSAL},
    ):
        assert_same(torch, pair, x, masks)
    assert_same(torch, [m.layers[0] for m in pair], drawn((T, E)), {"src_mask": some(T, T)})


@pytest.mark.torch
@pytest.mark.parametrize("case", OPTIONS)
def test_decoders(torch, case):
    options = {"dropout": 0.0} | OPTIONS[case]

    def make(nn):
        return nn.TransformerDecoder(nn.TransformerDecoderLayer(E, H, 11, **options), 2)

    pair = both(torch, make)
    arrays = drawn(sequence(options, T), sequence(options, S))
    for masks in (
        {},
        {"tgt_mask": CAUSAL, "tgt_is_causal": True, "memory_mask": some(T, S)},
        {"tgt_mask": CAUSAL, "memory_key_padding_mask": some(B, S)},
        {"tgt_key_padding_mask": some(B, T), "memory_mask": drawn((T, S))[0]},
    ):
        assert_same(torch, pair, arrays, masks)
    square = drawn(sequence(options, T), sequence(options, T))
    assert_same(torch, pair, square, {"memory_mask": CAUSAL, "memory_is_causal": True})


quiet = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
"""PyTorch says why it will not pack sequences in evaluation."""


@quiet
@pytest.mark.torch
@pytest.mark.parametrize("case", OPTIONS)
def test_transformers(torch, case):
    options = OPTIONS[case]
    pair = both(torch, lambda nn: nn.Transformer(E, H, 2, 1, 11, 0.0, **options))
    arrays = drawn(sequence(options, S), sequence(options, T))
    mask = cr.nn.Transformer.generate_square_subsequent_mask(T, dtype=cr.float64).numpy()
    np.testing.assert_array_equal(
        mask, torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    )
    padding = {f"{k}_key_padding_mask": some(B, n) for k, n in (("src", S), ("memory", S))}
    for masks in ({}, {"tgt_mask": CAUSAL} | padding, {"tgt_mask": mask, "tgt_is_causal": True}):
        assert_same(torch, pair, arrays, masks)


@quiet
@pytest.mark.torch
def test_initial_weights_are_those_of_torch(torch):
    def make(nn):
        parts = [nn.MultiheadAttention(E, H), nn.Transformer(E, H, 2, 2, 11)]
        parts += [nn.TransformerEncoderLayer(E, H, 11, bias=False)]
        parts += [nn.MultiheadAttention(E, H, kdim=5, vdim=7, bias=False)]
        return nn.ModuleList(parts)

    torch.manual_seed(5), cr.manual_seed(5)
    theirs, ours = make(torch.nn).state_dict(), make(nn).state_dict()
    assert list(theirs) == list(ours)
    for name, value in ours.items():
        np.testing.assert_array_equal(value.numpy(), theirs[name].numpy(), err_msg=name)
    torch.manual_seed(5), cr.manual_seed(5)  # drawn normally: but for the last bits
    theirs = torch.nn.MultiheadAttention(E, H, add_bias_kv=True).state_dict()
    for name, value in nn.MultiheadAttention(E, H, add_bias_kv=True).state_dict().items():
        np.testing.assert_allclose(value.numpy(), theirs[name].numpy(), atol=2e-6, err_msg=name)


def test_custom_parts_of_a_transformer():
    class Half(nn.Module):
        def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
            return src * 0.5

    class Sum(nn.Module):
        def forward(self, tgt, memory, **masks):
            assert masks["tgt_is_causal"] is None and masks["memory_is_causal"] is False
            return tgt + memory.mean(0)

    model = nn.Transformer(E, H, custom_encoder=Half(), custom_decoder=Sum())
    assert not list(model.parameters())
    src, tgt = cr.randn(S, B, E), cr.randn(T, B, E)
    np.testing.assert_allclose(model(src, tgt), tgt + src.mean(0) * 0.5, rtol=1e-6)


def test_layers_are_copies_with_one_beginning():
    class Twice(nn.Module):
        def forward(self, x):
            return x * 2

    layer = nn.TransformerEncoderLayer(E, H, 11, activation=Twice(), dropout=0.0)
    stack = nn.TransformerEncoder(layer, 2)
    assert "(activation): Twice()" in repr(layer)
    a, b = (dict(part.named_parameters()) for part in stack.layers)
    for name, p in a.items():
        assert p is not b[name] and cr.equal(p, b[name])
    again = copy.deepcopy(stack)
    x = cr.randn(T, B, E)
    np.testing.assert_array_equal(again(x).detach(), stack(x).detach())


def test_a_traced_stack_is_the_eager_one():
    model = nn.Transformer(E, H, 2, 2, 11, dropout=0.3)
    src, tgt = cr.randn(S, B, E), cr.randn(T, B, E)
    mask, padding = cr.tensor(CAUSAL), cr.tensor(some(B, S))

    def run(src, tgt, mask, padding):
        return model(src, tgt, tgt_mask=mask, src_key_padding_mask=padding)

    f = trace(run)
    cr.manual_seed(2)
    expected = run(src, tgt, mask, padding)
    cr.manual_seed(2)
    found = f(src, tgt, mask, padding)
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-4, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------- refusals


def test_what_is_no_attention_is_refused():
    with pytest.raises(ValueError, match="greater than 0, got embed_dim=0 and num_heads=3"):
        nn.MultiheadAttention(0, 3)
    with pytest.raises(ValueError, match="embed_dim must be divisible by num_heads, got 7 and 3"):
        nn.MultiheadAttention(7, 3)
    for layer in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer):
        with pytest.raises(ValueError, match="activation should be relu/gelu, not tanh"):
            layer(E, H, activation="tanh")


def test_sequences_and_masks_that_do_not_fit_are_refused():
    attention = nn.MultiheadAttention(E, H)
    x, y = cr.randn(T, B, E), cr.randn(S, B, E)
    refused = [
        ((x[0, 0],) * 3, {}, "query should be unbatched 2D or batched 3D tensor but received 1-D"),
        ((x, y[0], y), {}, "expected `key` and `value` to be 3-D but found 2-D and 3-D"),
        ((x, y, x), {}, r"key shape \(7, 2, 6\) does not match value shape \(5, 2, 6\)"),
        ((x[..., :3],) * 3, {}, "was expecting embedding dimension of 6, but got 3"),
        ((x, y, y), {"key_padding_mask": cr.zeros(S)}, "`key_padding_mask` to be `None` or 2-D"),
        ((x, y, y), {"attn_mask": cr.zeros(S)}, "`attn_mask` to be `None`, 2-D or 3-D but found 1"),
        ((x, y, y), {"attn_mask": cr.zeros(T, T)}, r"is \(5, 5\), but should be \(5, 7\)"),
        ((x, y, y), {"attn_mask": cr.zeros(B, T, S)}, r"3D .* but should be \(6, 5, 7\)"),
        ((x, y, y), {"key_padding_mask": cr.zeros(B, T)}, r"\(2, 7\), but got \(2, 5\)"),
    ]
    for args, options, words in refused:
        with pytest.raises(ShapeError, match=words):
            attention(*args, **options)
    with pytest.raises(DTypeError, match="only bool and floating types of attn_mask are supported"):
        attention(x, x, x, attn_mask=cr.zeros(T, T, dtype=cr.int64))
    with pytest.raises(ValueError, match="Need attn_mask if specifying the is_causal hint"):
        attention(x, x, x, is_causal=True)
    with pytest.warns(UserWarning, match="mismatched key_padding_mask and attn_mask is deprecated"):
        attention(x, y, y, key_padding_mask=cr.zeros(B, S), attn_mask=cr.tensor(some(T, S)))


def test_arguments_of_the_function_that_exclude_each_other():
    x, w, o, b = cr.randn(T, B, E), cr.randn(3 * E, E), cr.randn(E, E), cr.randn(1, 1, E)
    f = F.multi_head_attention_forward

    def call(w=w, bias_k=None, bias_v=None, heads=H, **options):
        f(x, x, x, E, heads, w, None, bias_k, bias_v, False, 0.0, o, None, **options)

    with pytest.raises(ValueError, match="use_separate_proj_weight=False needs in_proj_weight"):
        call(w=None)
    with pytest.raises(ValueError, match="=True needs q_, k_ and v_proj_weight"):
        call(use_separate_proj_weight=True, q_proj_weight=o)
    with pytest.raises(ValueError, match="bias_k and bias_v come together"):
        call(bias_k=b)
    with pytest.raises(ValueError, match="bias cannot be added to static key"):
        call(bias_k=b, bias_v=b, static_k=cr.zeros(B * H, S, 2))
    with pytest.raises(ShapeError, match=r"expecting static_v of shape \(6, S, 2\)"):
        call(static_v=cr.zeros(B * H, S, 3))
    with pytest.raises(ShapeError, match="embed_dim 6 not divisible by num_heads 4"):
        call(heads=4)


def test_transformers_refuse_what_does_not_fit():
    model = nn.Transformer(E, H, 1, 1, 11)
    with pytest.raises(ShapeError, match="the batch number of src and tgt must be equal"):
        model(cr.zeros(S, B, E), cr.zeros(T, 3, E))
    with pytest.raises(ShapeError, match="must be equal to d_model, 6, found shapes"):
        model(cr.zeros(S, B, E), cr.zeros(T, B, 5))


def test_the_choice_of_an_implementation_has_no_effect():
    from chainrule.nn.attention import SDPBackend, sdpa_kernel

    q = cr.randn(2, 5, 3)
    expected = F.scaled_dot_product_attention(q, q, q)
    for choice in (SDPBackend.MATH, [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]):
        with sdpa_kernel(choice, set_priority=True):
            np.testing.assert_array_equal(F.scaled_dot_product_attention(q, q, q), expected)
    with pytest.raises(TypeError, match="takes one SDPBackend or several, found 'math'"):
        with sdpa_kernel("math"):
            pass
