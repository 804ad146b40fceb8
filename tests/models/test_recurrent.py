"""The recurrent language model: PyTorch's numbers, and writing from a state as from the whole text."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import FormatError, ShapeError

SIZES = {"vocab_size": 11, "embedding_size": 3, "hidden_size": 5, "num_layers": 2}


def small(cell="lstm", **more):
    cr.manual_seed(3)
    return models.RecurrentLMHeadModel(
        models.RecurrentConfig(**{**SIZES, "cell": cell, **more})
    ).eval()


IDS = cr.tensor([[1, 2, 3, 10], [4, 0, 7, 5]])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_is_written_does_not_depend_on_the_state(cell):
    model = small(cell)
    for settings in ({}, {"num_beams": 3}):
        kept = model.generate(IDS, max_new_tokens=7, **settings)
        again = model.generate(IDS, max_new_tokens=7, use_cache=False, **settings)
        assert (kept == again).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_text_read_in_parts_is_the_text(cell):
    model = small(cell)
    states = model.cache(2, 100)
    parts = [model(IDS[:, a:b], states).logits for a, b in ((0, 1), (1, 4))]
    np.testing.assert_allclose(
        cr.cat(parts, dim=1).detach().numpy(), model(IDS).logits.detach().numpy(), atol=1e-6
    )
    assert int(states.position) == 4


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_logits_are_those_of_torch(torch, cell):
    model = small(cell)
    make = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    state = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in model.state_dict().items()}
    recurrent = make(3, 5, 2, batch_first=True)
    recurrent.load_state_dict({k[10:]: v for k, v in state.items() if k.startswith("recurrent.")})
    x = state["embedding.weight"][torch.from_numpy(IDS.numpy())]
    expected = recurrent(x)[0] @ state["lm_head.weight"].T + state["lm_head.bias"]
    np.testing.assert_allclose(
        model(IDS).logits.detach().numpy(), expected.detach().numpy(), atol=1e-6
    )


def test_a_folder_gives_the_model_back(tmp_path):
    model = small("gru")
    model.save_pretrained(tmp_path)
    again = models.from_pretrained(tmp_path)
    assert again.config == model.config
    assert (again(IDS).logits == model(IDS).logits).all()


def test_padding_is_refused():
    mask = cr.tensor([[0, 1, 1, 1], [1, 1, 1, 1]])
    with pytest.raises(ShapeError, match="a state would remember padding"):
        small().generate(IDS, attention_mask=mask, max_new_tokens=2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of lstm, gru, found 'rnn'"),
        ({"hidden_size": 0}, "hidden_size must be positive, found 0"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1, found 1.0"),
    ],
)
def test_a_configuration_that_cannot_be(wrong, message):
    with pytest.raises(FormatError, match=message):
        models.RecurrentConfig(**{**SIZES, **wrong})


def test_the_loss_begins_at_chance():
    loss = small()(IDS, labels=IDS).loss
    assert loss.item() == pytest.approx(math.log(11), rel=0.2)
