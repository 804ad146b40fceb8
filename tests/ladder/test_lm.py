"""Language models by hand: against finite differences, equal to models of `nn`, counting = learning, and what they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.ladder import lm
from chainrule.ladder.descent import numerical_gradient
from chainrule.ladder.layers import Dense, Sequential, SoftmaxCrossEntropy
from chainrule.ladder.lm.model import Merge
from chainrule.ladder.lm.sequences import Positions, Residual, Rows

F = nn.functional
NAMES = ["emma", "ava", "mia", "eve", "amelie", "mae", "vera"]
ALPHABET = lm.Alphabet(NAMES)
TOKENS, TARGETS = ALPHABET.encode(NAMES)
AT = TARGETS != lm.NOTHING
V = ALPHABET.symbols

MODELS = {
    "bigram": lambda: lm.bigram_network(V, seed=1),
    "mlp": lambda: lm.mlp(V, window=3, embedding=2, hidden=5, seed=1),
    "mlp with batch norm": lambda: lm.mlp_batch_norm(V, window=3, embedding=2, hidden=5, seed=1),
    "wavenet": lambda: lm.wavenet(V, depth=2, embedding=3, hidden=5, seed=1),
    "gru": lambda: lm.gru(V, embedding=3, hidden=5, seed=1),
    "transformer": lambda: lm.transformer(V, longest=7, channels=4, heads=2, depth=2, seed=1),
}


def stirred(make):
    """The model with every parameter away from its start, where some gradients are nearly 0."""
    model, rng = make(), np.random.default_rng(5)
    for layer in model.layers:
        for name, p in layer.parameters.items():
            layer.parameters[name] = p + rng.normal(0, 0.3, p.shape)
    return model


def loss_of(model):
    loss = SoftmaxCrossEntropy()
    return loss.forward(model.forward(TOKENS, AT), TARGETS[AT]), loss


@pytest.mark.parametrize("name", MODELS)
def test_every_gradient_is_the_finite_difference(name):
    model = stirred(MODELS[name])
    _, loss = loss_of(model)
    model.backward(loss.backward())
    checked = 0
    for layer in model.layers:
        assert layer.gradients.keys() == layer.parameters.keys()
        for key, value in layer.parameters.items():

            def with_parameter(v, layer=layer, key=key):
                layer.parameters[key] = v
                return loss_of(model)[0]

            gradient = layer.gradients[key]
            expected = numerical_gradient(with_parameter, value)
            layer.parameters[key] = value
            np.testing.assert_allclose(gradient, expected, atol=2e-8)
            checked += value.size
    assert checked == model.size()


# ------------------------------------------------------------------------------------------- the same models of the framework


def given(module, layer, *pairs):
    """The module with the layer's parameters."""
    with cr.no_grad():
        for target, key in pairs:
            getattr(module, target).copy_(cr.tensor(layer.parameters[key]))
    return module


def linear(layer):
    out, inputs = layer.parameters["weight"].shape
    return given(nn.Linear(inputs, out, dtype=cr.float64), layer, ("weight", "weight"), ("bias", "bias"))  # fmt: skip


def embedding(layer):
    return given(
        nn.Embedding(*layer.parameters["weight"].shape, dtype=cr.float64),
        layer,
        ("weight", "weight"),
    )


def norm(layer, kind):
    size = len(layer.parameters["gamma"])
    return given(kind(size, dtype=cr.float64), layer, ("weight", "gamma"), ("bias", "beta"))


def recurrent(layer):
    module = nn.GRU(layer.inputs, layer.hidden, batch_first=True, dtype=cr.float64)
    with cr.no_grad():
        module.bias_hh_l0.zero_()
    pairs = (("weight_ih_l0", "weight_ih"), ("weight_hh_l0", "weight_hh"), ("bias_ih_l0", "bias"))
    return given(module, layer, *pairs)


def attention(layer):
    module = nn.MultiheadAttention(layer.channels, layer.heads, batch_first=True, dtype=cr.float64)
    given(module, layer, ("in_proj_weight", "in_weight"), ("in_proj_bias", "in_bias"))
    given(module.out_proj, layer, ("weight", "out_weight"), ("bias", "out_bias"))
    return module


def windows_of(n):
    padded = np.concatenate([np.zeros((len(TOKENS), n - 1), int), TOKENS], axis=1)
    rows = [padded[b, t : t + n] for b in range(len(TOKENS)) for t in range(TOKENS.shape[1])]
    return cr.tensor(np.array(rows)[AT.ravel()])


def twin_windows(model):
    """Scores of a window model, in the framework's words; and the modules in the order of the layers."""
    seen = windows_of(model.window)
    modules, x = [], seen
    for layer in model.network.layers:
        kind = type(layer).__name__
        if kind == "Embedding":
            modules.append(embedding(layer))
            x = modules[-1](x)
        elif kind == "Merge":
            x = x.reshape(-1, layer.n * x.shape[-1])
        elif kind == "Dense":
            modules.append(linear(layer))
            x = modules[-1](x)
        elif kind == "BatchNorm":
            modules.append(norm(layer, nn.BatchNorm1d))
            x = modules[-1](x)
        else:
            x = x.tanh()
    return x, modules


def twin_gru(model):
    table, cell, head = (
        embedding(model.layers[0]),
        recurrent(model.layers[1]),
        linear(model.layers[-1]),
    )
    h, _ = cell(table(cr.tensor(TOKENS)))
    return head(h[cr.tensor(AT)]), [table, cell, head]


def twin_transformer(model):
    table, places, *rest, head = [x for x in model.layers if x.parameters]
    modules = [embedding(table), embedding(places.table)]
    T = TOKENS.shape[1]
    x = modules[0](cr.tensor(TOKENS)) + modules[1](cr.arange(T))
    ahead = cr.triu(cr.ones(T, T), 1) > 0
    for k in range(0, len(rest) - 1, 5):
        first, look, second, wide, narrow = rest[k : k + 5]
        block = [norm(first, nn.LayerNorm), attention(look), norm(second, nn.LayerNorm), linear(wide), linear(narrow)]  # fmt: skip
        y = block[0](x)
        x = x + block[1](y, y, y, attn_mask=ahead)[0]
        x = x + block[4](block[3](block[2](x)).relu())
        modules += block
    modules += [norm(rest[-1], nn.LayerNorm), linear(head)]
    return modules[-1](modules[-2](x)[cr.tensor(AT)]), modules


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients_are_those_of_nn(name):
    model = stirred(MODELS[name])
    twins = {"gru": twin_gru, "transformer": twin_transformer}
    scores, modules = twins.get(name, twin_windows)(model)
    expected = F.cross_entropy(scores, cr.tensor(TARGETS[AT]))
    expected.backward()
    value, loss = loss_of(model)
    model.backward(loss.backward())
    assert value == pytest.approx(expected.item(), rel=1e-12)
    theirs = [p.grad.numpy() for m in modules for n, p in m.named_parameters() if n != "bias_hh_l0"]
    ours = [layer.gradients[key] for layer in model.layers for key in layer.parameters]
    assert len(ours) == len(theirs)
    for found, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-13)


# ----------------------------------------------------------------------------------------------------------- counting = learning


def every_pair():
    """The names, and each pair once more: what adding 1 to every count means."""
    tokens = np.concatenate([TOKENS[AT], np.repeat(np.arange(V), V)])[:, None]
    targets = np.concatenate([TARGETS[AT], np.tile(np.arange(V), V)])[:, None]
    return tokens, targets


def test_counts_are_where_the_slope_of_the_network_is_zero():
    tokens, targets = every_pair()
    counts = lm.BigramCounts(V).count(TOKENS, TARGETS)
    np.testing.assert_array_equal(
        counts.table, lm.BigramCounts(V, k=0).count(tokens, targets).table
    )
    network, loss = lm.bigram_network(V), SoftmaxCrossEntropy()
    table = network.layers[0]
    at = np.ones(tokens.shape, bool)

    def slope():
        loss.forward(network.forward(tokens, at), targets[:, 0])
        network.backward(loss.backward())
        return np.abs(table.gradients["weight"]).max()

    assert slope() > 1e-2
    table.parameters["weight"] = np.log(counts.probabilities)
    assert slope() < 1e-15
    assert lm.nats(network, TOKENS, TARGETS) == pytest.approx(lm.nats(counts, TOKENS, TARGETS))


def test_learning_ends_where_counting_ends():
    tokens, targets = every_pair()
    counts, network = lm.BigramCounts(V).count(TOKENS, TARGETS), lm.bigram_network(V)
    lm.fit(network, tokens, targets, epochs=300, batch_size=len(tokens), lr=0.1)
    scores = network.layers[0].parameters["weight"]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), counts.probabilities, atol=1e-3)


# ------------------------------------------------------------------------------------------------------------------ behaviour


@pytest.mark.parametrize("name", MODELS)
def test_nothing_depends_on_what_comes_later(name):
    model = stirred(MODELS[name])
    model.train(False)
    at = np.ones(TOKENS.shape, bool)
    scores = model.forward(TOKENS, at).reshape(*TOKENS.shape, V)
    other = TOKENS.copy()
    other[:, 4:] = (other[:, 4:] + 1) % V
    changed = model.forward(other, at).reshape(*TOKENS.shape, V)
    np.testing.assert_allclose(changed[:, :4], scores[:, :4], rtol=1e-13, atol=1e-15)
    assert np.abs(changed[:, 4] - scores[:, 4]).max() > 1e-3


@pytest.mark.parametrize("name", [n for n in MODELS if n != "bigram"])
def test_seven_names_are_learned_by_heart(name):
    """What remains is that seven names begin with four letters, and that some go on differently."""
    makes = {
        "mlp": lambda: lm.mlp(V, window=4, seed=1),
        "mlp with batch norm": lambda: lm.mlp_batch_norm(V, window=4, seed=1),
        "wavenet": lambda: lm.wavenet(V, hidden=24, seed=1),
        "gru": lambda: lm.gru(V, hidden=24, seed=1),
        "transformer": lambda: lm.transformer(V, channels=24, seed=1),
    }
    model = makes[name]()
    lm.fit(model, TOKENS, TARGETS, epochs=150, batch_size=7, lr=0.01)
    beginnings = {}
    for word in NAMES:
        for k in range(len(word) + 1):
            beginnings.setdefault(word[:k], []).append((word + ".")[k])
    surprise = [
        -math.log(beginnings[w[:k]].count((w + ".")[k]) / len(beginnings[w[:k]]))
        for w in NAMES
        for k in range(len(w) + 1)
    ]
    assert lm.nats(model, TOKENS, TARGETS) < np.mean(surprise) + 0.05
    made = lm.made_up(model, ALPHABET, 20, seed=3)
    assert sum(name in NAMES for name in made) >= 15


def test_a_run_is_its_seed_and_its_parameters_keep_their_dtype():
    runs = []
    for seed in (3, 3, 4):
        model = lm.transformer(V, channels=8, heads=2, dropout=0.1, dtype=np.float32)
        runs.append(lm.fit(model, TOKENS, TARGETS, epochs=3, batch_size=3, seed=seed))
        assert {p.dtype for x in model.layers for p in x.parameters.values()} == {
            np.dtype(np.float32)
        }
    assert runs[0] == runs[1] != runs[2] and len(runs[0]) == 9
    model = lm.gru(V, dtype=np.float32)
    assert model.forward(TOKENS, AT).dtype == np.float32


def test_the_mean_is_over_characters_whatever_the_batches_are():
    model = stirred(MODELS["gru"])
    expected = loss_of(model)[0]
    for batch_size in (2, 3, 7):
        assert lm.nats(model, TOKENS, TARGETS, batch_size=batch_size) == pytest.approx(expected)
    assert lm.nats(lm.bigram_network(V), TOKENS, TARGETS) == pytest.approx(math.log(V), abs=0.01)


def test_two_seeds_are_two_models_and_no_two_layers_are_alike():
    a, b = (lm.wavenet(V, embedding=5, hidden=5, seed=s) for s in (0, 1))
    weights = [
        x.parameters["weight"].ravel()[:25] for m in (a, b) for x in m.layers if "weight" in x.parameters
    ]  # fmt: skip
    for k, first in enumerate(weights):
        for second in weights[k + 1 :]:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.9


def test_temperature_makes_names_usual():
    model = lm.BigramCounts(V, k=0).count(TOKENS, TARGETS)
    cold = lm.made_up(model, ALPHABET, 50, temperature=0.05)
    warm = lm.made_up(model, ALPHABET, 50)
    assert len({*cold}) < len({*warm})
    assert lm.made_up(model, ALPHABET, 50) == warm
    assert max(map(len, lm.made_up(model, ALPHABET, 50, longest=2))) == 2


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: lm.Alphabet(["", ""]), ValueError, "names with at least one letter"),
        (lambda: ALPHABET.encode([]), ValueError, "encode expects at least one name"),
        (lambda: ALPHABET.encode(["zoe"]), ValueError, "'zoe' has letters that are not in the alphabet: 'o', 'z'"),
        (lambda: lm.BigramCounts(0), ValueError, "symbols must be a whole number from 1 up and k at least 0, and are 0 and 1.0"),
        (lambda: lm.BigramCounts(3, k=-1), ValueError, "and are 3 and -1"),
        (lambda: lm.mlp(V, window=0), ValueError, "Dense: inputs and outputs must be|n must be a whole number from 1 up, and is 0"),
        (lambda: lm.wavenet(V, depth=0), ValueError, "depth must be a whole number from 1 up, and is 0"),
        (lambda: lm.WindowModel(0, Sequential([]), V), ValueError, "window must be a whole number from 1 up, and is 0"),
        (lambda: lm.mlp(V).forward(TOKENS[0], AT[0]), ValueError, "whole numbers of shape (names, places), and are int64 of shape (7,)"),
        (lambda: lm.mlp(V).forward(TOKENS * 1.0, AT), ValueError, "and are float64 of shape (7, 7)"),
        (lambda: lm.gru(V).forward(TOKENS, AT * 1), ValueError, "a mask of booleans of the tokens' shape, (7, 7), and is int64"),
        (lambda: lm.gru(V).forward(TOKENS + V, AT), ValueError, "symbols must be from 0 to 7, and go from 8 to 15"),
        (lambda: lm.gru(V).backward(np.ones((3, V))), RuntimeError, "call forward before backward"),
        (lambda: lm.transformer(V, longest=3).forward(TOKENS, AT), ValueError, "(B, T, 48) with T at most 3, and got (7, 7, 48)"),
        (lambda: Merge(2).forward(np.ones((3, 5))), ValueError, "a multiple of 2 rows, and got (3, 5)"),
        (lambda: lm.fit(lm.mlp(V), TOKENS, TARGETS, epochs=0), ValueError, "and are 0, 64, 0.01"),
        (lambda: lm.fit(lm.BigramCounts(V), TOKENS, TARGETS, epochs=1), ValueError, "a model with layers, and BigramCounts has none"),
        (lambda: lm.fit(lm.mlp(V), TOKENS, TARGETS[:3], epochs=1), ValueError, "at least one name, and have (7, 7) and (3, 7)"),
        (lambda: lm.nats(lm.mlp(V), TOKENS[:0], TARGETS[:0]), ValueError, "with at least one name, and have (0, 7)"),
        (lambda: lm.nats(lm.mlp(V), TOKENS, TARGETS * 0 - 1), ValueError, "every name must have a place"),
        (lambda: lm.made_up(lm.mlp(V), ALPHABET, 3, temperature=0), ValueError, "temperature positive, and are 3, 20, 0"),
        (lambda: lm.LanguageModel().forward(TOKENS, AT), NotImplementedError, "LanguageModel must define forward"),
        (lambda: lm.LanguageModel().backward(TOKENS), NotImplementedError, "LanguageModel must define backward"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert any(part in str(caught.value) for part in text.split("|"))


def test_the_parts_of_a_transformer_alone():
    """Residual and Rows are what their names say, also nested, and their leaves are found."""
    dense = Dense(3, 3, seed=2)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    flat = x.reshape(10, 3)
    y = Residual([Rows([dense])]).forward(x)
    np.testing.assert_allclose(y, x + (flat @ dense.parameters["weight"].T).reshape(x.shape))
    assert Sequential([Residual([Rows([dense])])]).leaves() == [dense]
    model = Positions(7, 3)
    np.testing.assert_allclose(model.forward(x)[0] - x[0], model.parameters["weight"][:5])
    model.backward(np.ones_like(x))
    np.testing.assert_array_equal(model.gradients["weight"][:, 0], [2, 2, 2, 2, 2, 0, 0])
