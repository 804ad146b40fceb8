"""The doctor: calls that leave something behind, losses and what they are given, texts and their padding, options of optimizers; and for
each fault its twin, which is healthy.
"""

import numpy as np
import pytest
from doctor_samples import (
    ADVANTAGES,
    CLASSES,
    FEATURES,
    Attentive,
    Between,
    Coder,
    N,
    bound,
    data,
    image_net,
    images,
    mlp,
    numbers,
    plain,
    regressor,
    series,
    tokens,
)

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import functional as F

# -------------------------------------------------------------------------------------------------------- what calls leave behind


class Called(nn.Module):
    """A network that is not the same function the next time it is called."""

    def __init__(self, f):
        super().__init__()
        self.net, self.scale, self.state = mlp(), nn.Parameter(cr.ones(CLASSES)), None
        self.f = f

    def forward(self, x):
        return self.f(self, x)


def overwritten(model, x):
    x -= 1.0
    return model.net(x) * model.scale


def drawn(model, x):
    nn.init.xavier_uniform_(model.net[0].weight)
    return model.net(x) * model.scale


def remade(model, x):
    model.scale = nn.Parameter(cr.ones(CLASSES))
    return model.net(x) * model.scale


def carried(model, x):
    y = model.net(x) * model.scale
    model.state = y if model.state is None else y + model.state
    return model.state


def always_dropped(model, x):
    return model.net(F.dropout(x, 0.2)) * model.scale


@pytest.mark.parametrize(
    ("f", "name", "change"),
    [
        (overwritten, "input overwritten", "x = x - m in place of x -= m"),
        (drawn, "weights overwritten", "in __init__, not in forward"),
        (remade, "parameter made anew", "in __init__, not in forward"),
        (carried, "state carried", "state.detach()"),
        (always_dropped, "dropout in evaluation", "F.dropout(x, p, self.training)"),
    ],
)
def test_what_a_call_leaves_behind_is_found(f, name, change):
    model, batch = Called(f), data()
    before = batch[0].numpy().copy()
    [finding] = [x for x in plain(model, batch).findings if x.name == name]
    assert change in finding.change and (f is remade or "test_doctor_twins.py" in finding.where)
    np.testing.assert_array_equal(batch[0].numpy(), before)


def test_an_answer_that_is_kept_to_be_looked_at_and_dropout_by_mode_are_no_faults():
    def looked_at(model, x):
        model.state = model.net(F.dropout(x, 0.2, model.training)) * model.scale
        return model.state

    assert plain(Called(looked_at))


# -------------------------------------------------------------------------------------------------------- more planted faults


def weighed(**options):
    return lambda out, y: F.cross_entropy(out, y, **options)


def pair_loss(loss):
    """Of two embeddings, and targets of 0 and 1 where 1 and −1 are meant."""
    model = Between(lambda net, x: (net(x), net(x + 1)))
    return plain(model, (data()[0], (data()[1] % 2).float()), loss)


def segments(dim):
    cr.manual_seed(0)
    x = images()[0]
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1), nn.LogSoftmax(dim)
    )
    return plain(net, (x, (x[:, 0] * 3).long()), F.nll_loss)


def some_lost(x, y):
    x = x.clone()
    x[::9, ::4] = -999.0
    return x, y


def of_the_optimizer(make):
    model = mlp()
    return plain(model, optimizer=make(model))


def penalised(factor):
    model = mlp()
    return plain(
        model, loss=lambda out, y: F.cross_entropy(out, y) + factor * sum((p**2).sum() for p in model.parameters())
    )  # fmt: skip


def masked():
    def gated(net, x):
        return net[2](F.relu(net[0](x)) * cr.zeros(64) + x[:, :1])

    return plain(Between(gated))


def next_but_one():
    return plain(
        Attentive(),
        tokens(),
        lambda out, y: F.cross_entropy(out[:, :-1].reshape(-1, 17), y[:, 1:].reshape(-1)),
    )


def half_asleep():
    model = image_net()
    model[1].momentum = 0.0
    return plain(model, images())


class Placed(nn.Module):
    """Positions along the time, or, by mistake, along the batch."""

    def __init__(self, along):
        super().__init__()
        self.embedding, self.out, self.along = nn.Embedding(17, 8), nn.Linear(8, 2), along
        self.register_buffer("places", cr.randn(13, 1, 8))

    def forward(self, x):
        places = (
            self.places[: x.shape[0]]
            if self.along == 0
            else self.places[: x.shape[1]].transpose(0, 1)
        )
        return self.out(F.relu(self.embedding(x) + places).mean(1))


def placed(along):
    x = cr.tensor(np.random.default_rng(7).integers(0, 17, (13, 11)))
    return plain(Placed(along), (x, x[:, 0] % 2))


def texts():
    """Texts of 3 to 11 tokens, then padding: 0."""
    rng = np.random.default_rng(8)
    x = rng.integers(1, 17, (19, 11))
    x[np.arange(11) >= rng.integers(3, 11, (19, 1))] = 0
    return cr.tensor(x), cr.tensor(x[:, 1] % 2)


class Reader(nn.Module):
    """The state of a recurrent layer, at the last token or at the end of the padding."""

    def __init__(self, last):
        super().__init__()
        self.embedding, self.layer = (
            nn.Embedding(17, 8, padding_idx=0),
            nn.GRU(8, 8, batch_first=True),
        )
        self.out, self.last = nn.Linear(8, 2), last

    def forward(self, x):
        states = self.layer(self.embedding(x))[0]
        at = (x > 0).long().sum(1) - 1 if self.last else -1
        return self.out(states[cr.arange(len(x)), at])


class Attending(nn.Module):
    """Attention with a mask of padding, or of all else."""

    def __init__(self, inverted):
        super().__init__()
        self.embedding, self.inverted = nn.Embedding(17, 8, padding_idx=0), inverted
        self.attention, self.out = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        h = self.embedding(x)
        mask = x != 0 if self.inverted else x == 0
        return self.out(h[:, 0] + self.attention(h[:, :1], h, h, key_padding_mask=mask)[0][:, 0])


class Encoding(nn.Module):
    """A transformer for texts of eleven tokens and no other number, with a mask of padding or without."""

    def __init__(self, masked, place=True):
        super().__init__()
        self.embedding, self.masked = nn.Embedding(17, 8, padding_idx=0), masked
        self.places = nn.Parameter(cr.randn(11, 8) * place)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        mask = x == 0 if self.masked else None
        h = self.layer(self.embedding(x) + self.places, src_key_padding_mask=mask)
        return self.out(h[:, 0])


class OutOfNoise(Coder):
    """A variational autoencoder whose decoder is given noise, and the mean too if it is read."""

    def __init__(self, read, cut=False):
        super().__init__()
        self.read, self.cut = read, cut

    def forward(self, x):
        mean, log_variance = self.mean(x), self.log_variance(x)
        z = cr.randn(len(x), 3) + (mean.detach() if self.cut else mean if self.read else 0.0)
        return self.decoder(z), mean, log_variance


def coded(**how):
    return plain(OutOfNoise(**how), (data()[0], data()[0]), bound(1))


def one_before(right=False):
    x, y = tokens()
    before = cr.cat([cr.zeros(len(x), 1, dtype=cr.int64), x[:, :-1]], 1)
    loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())  # noqa: E731
    return plain(Attentive(), (x, y if right else before), loss)


def pairs_of(users, films):
    """Ratings: a user has several, a film has several, both together have one."""
    rng = np.random.default_rng(9)
    a, b = rng.integers(0, users, N), np.arange(N) % films
    rated = cr.tensor(rng.standard_normal(N).astype("f"))
    tables = nn.ModuleList([nn.Embedding(users, 5), nn.Embedding(films, 5)])
    return plain(
        Between(lambda net, u, v: (net[0](u) * net[1](v)).sum(1), tables),
        (cr.tensor(a), cr.tensor(b), rated), F.mse_loss, steps=5,
    )  # fmt: skip


def criticised(loss):
    y = cr.where(cr.arange(N) % 2 == 0, 1.0, -1.0)[:, None]
    return plain(regressor(), (data()[0], y), loss)


MORE_FAULTS = {
    "shifted back": (one_before, "one token later"),
    "input unread": (lambda: coded(read=False), "mean + std * noise"),
    "contradictory targets": (lambda: pairs_of(3, 1), "shuffled apart"),
    "wrong answers pay": (lambda: criticised(lambda out, y: -((out - y) ** 2).mean()), "the sign of the loss"),
    "loss of many numbers": (lambda: plain(mlp(), loss=weighed(reduction="none")), "reduction='mean'"),
    "label smoothing": (lambda: plain(mlp(), loss=weighed(label_smoothing=0.9), steps=5), "label_smoothing=0.1"),
    "class weight": (
        lambda: plain(mlp(), loss=weighed(weight=(cr.arange(CLASSES) > 2).float())), "weights above 0",
    ),
    "gelu before loss": (lambda: plain(mlp(last=nn.GELU())), "remove the gelu (module 3)"),
    "softmax over another axis": (lambda: segments(3), "log_softmax(x, dim=1)"),
    "targets not signs": (
        lambda: pair_loss(lambda out, y: F.cosine_embedding_loss(out[0], out[1], y)), "2 * target - 1",
    ),
    "loss broadcasts": (
        lambda: plain(regressor(), numbers(), lambda out, y: (cr.tensor(ADVANTAGES) * (out - y) ** 2).mean()), "unsqueeze",
    ),
    "out of reach": (
        lambda: plain(Between(lambda net, x: 4 * cr.sigmoid(net(x)) - 1, regressor()), numbers(2.0, 2.0), F.mse_loss),
        "remove the sigmoid",
    ),
    "shifted twice": (next_but_one, "shift once"),
    "missing marked": (lambda: plain(mlp(), some_lost(*data())), "fill it in"),
    "input scale": (lambda: plain(image_net(), ((images()[0] - 123.7) / 58.4, images()[1])), "0 to 255 for pixels"),
    "input constant": (
        lambda: plain(nn.Sequential(nn.EmbeddingBag(17, 8), nn.Linear(8, 2)), (cr.ones(9, 11).long(), cr.arange(9) % 2)),
        "whether the vocabulary knows",
    ),
    "inputs equal": (
        lambda: plain(Between(lambda net, a, b: net(a) @ net(b).mT), (data()[0], data()[0].clone(), cr.arange(N))),
        "augment each view",
    ),
    "step not finite": (lambda: dying(), "look at eps"),
    "weights that stay": (
        lambda: of_the_optimizer(lambda m: optim.SGD(
            [{"params": m[0].parameters(), "lr": 0.0}, {"params": m[2].parameters()}], lr=0.1)),
        "above 0 for each group",
    ),
    "betas swapped": (lambda: of_the_optimizer(lambda m: optim.Adam(m.parameters(), betas=(0.999, 0.9))), "(0.9, 0.999)"),
    "dampening": (
        lambda: of_the_optimizer(lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.9, dampening=1.0)), "dampening=0",
    ),
    "step too long": (lambda: of_the_optimizer(lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=1.0)), "of 0.9"),
    "penalty outweighs": (lambda: penalised(50.0), "a smaller factor"),
    "zero gradient": (masked, "a mask of zeros"),
    "norm never learns": (half_asleep, "momentum=0.1"),
    "place in the batch": (lambda: placed(0), "pe[:, :T] and not pe[:B]"),
    "padding read": (lambda: plain(Reader(False), texts()), "pack_padded_sequence"),
    "tokens unread": (lambda: plain(Attending(True), texts()), "True where there is padding"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_FAULTS)
def test_more_planted_faults_are_found(name):
    run, change = MORE_FAULTS[name]
    cr.manual_seed(0)
    report = run()
    found = [f for f in report.findings if f.name == name]
    assert found and change in found[0].change and found[0].evidence, str(report)


# -------------------------------------------------------------------------------------------------------- what may be a fault


def dying():
    """A step of 0 / 0: most rows of an embedding have no gradient, and there is no eps."""
    model = nn.Sequential(nn.Embedding(31, 8), nn.Flatten(), nn.Linear(88, 2))
    return plain(
        model, (tokens()[0], cr.arange(5) % 2), optimizer=optim.Adam(model.parameters(), eps=0.0)
    )


def entropies(sign):
    def loss(out, y):
        spread = cr.distributions.Categorical(logits=out).entropy().mean()
        return F.cross_entropy(out, y) - sign * 0.1 * spread

    return plain(mlp(), loss=loss)


def halves(whole):
    parts = nn.ModuleList([nn.GRU(3, 4, batch_first=True, bidirectional=True), nn.Linear(8, 1)])
    return plain(
        Between(
            lambda net, x: net[1](net[0](x)[0].mean(1) if whole else net[0](x)[0][:, -1]), parts
        ),
        series(),
        F.mse_loss,
    )


def sampled(how):
    class Noisy(Coder):
        def forward(self, x):
            mean, log_variance = self.mean(x), self.log_variance(x)
            z = getattr(cr.distributions.Normal(mean, (log_variance / 2).exp()), how)()
            return self.decoder(z), mean, log_variance

    return plain(Noisy(), (data()[0], data()[0]), bound(1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "twin", "words"),
    [
        (lambda: plain(Encoding(False), texts()), lambda: plain(Encoding(True), texts()), "depends on the padding"),
        (lambda: coded(read=True, cut=True), lambda: coded(read=True), "output 0 is made of what mean.weight, mean.bias, "),
        (
            lambda: plain(regressor(), (data()[0], data()[1][:, None]), lambda out, y: F.mse_loss(out, y.float())),
            lambda: plain(regressor(), numbers(), F.mse_loss), "takes the whole numbers of the target for quantities",
        ),
        (
            lambda: plain(mlp(last=nn.Softmax(-1)), loss=lambda out, y: F.cross_entropy((out + 1e-8).log(), y)),
            lambda: plain(mlp()), "takes the log_softmax of them again",
        ),
        (
            lambda: plain(Between(lambda net, x: F.normalize(net(x), dim=0))),
            lambda: plain(Between(lambda net, x: 9 * F.normalize(net(x), dim=-1))), "normalize runs over the batch",
        ),
        (lambda: entropies(-1), lambda: entropies(1), "falls when the entropy of probabilities falls"),
        (lambda: halves(False), lambda: halves(True), "only the last step is used"),
        (lambda: sampled("sample"), lambda: sampled("rsample"), "no gradient goes through the draw"),
        (lambda: plain(mlp(), loss=weighed(ignore_index=0)), lambda: plain(mlp()), "which ignore_index takes out"),
        (
            lambda: plain(mlp(), loss=weighed(weight=counts())), lambda: plain(mlp(), loss=weighed(weight=1 / counts())),
            "the larger is its weight",
        ),
    ],
)  # fmt: skip
def test_what_may_be_a_fault_is_a_note_and_its_twin_has_none(fault, twin, words):
    cr.manual_seed(0)
    assert words in str(fault())
    cr.manual_seed(0)
    assert words not in str(twin())


# -------------------------------------------------------------------------------------------------------- the twins of these faults


def counts():
    return cr.tensor(np.bincount(data()[1].numpy(), minlength=CLASSES).astype("f"))


MORE_HEALTHY = {
    "shifted in the loss alone": lambda: plain(
        Attentive(), (tokens()[0], tokens()[0]),
        lambda out, y: F.cross_entropy(out[:, :-1].reshape(-1, 17), y[:, 1:].reshape(-1)),
    ),
    "a small penalty": lambda: penalised(1e-4),
    "positions along the time": lambda: placed(1),
    "the state at the last token": lambda: plain(Reader(True), texts()),
    "padding masked": lambda: plain(Attending(False), texts()),
    "softmax over the classes of segments": lambda: segments(1),
    "a token ahead": lambda: one_before(right=True),
    "a code with noise": lambda: coded(read=True),
    "a critic": lambda: criticised(lambda out, y: (out * y).mean()),
    "a critic, the other way round": lambda: criticised(lambda out, y: -(out * y).mean()),
    "probabilities from 0 to 1": lambda: plain(
        regressor(nn.Sigmoid()), (data()[0], (data()[1][:, None] > 3).float()), F.binary_cross_entropy,
    ),
    "capped logits": lambda: plain(Between(lambda net, x: 30 * cr.tanh(net(x) / 30))),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_HEALTHY)
def test_the_twins_of_these_faults_are_healthy(name):
    cr.manual_seed(0)
    report = MORE_HEALTHY[name]()
    assert report, str(report)


@pytest.mark.slow
# -------------------------------------------------------------------------------------------------------- how the doctor asks


def test_a_question_is_made_of_all_inputs():
    assert "contradictory targets" not in pairs_of(5, N).names


@pytest.mark.slow
@pytest.mark.parametrize("last", [[nn.Sigmoid(), nn.Sigmoid()], [nn.ReLU(), nn.Sigmoid()]])
def test_what_an_activation_can_say_depends_on_what_it_is_given(last):
    y = (data()[1][:, None] > 3).float()
    [finding] = [
        f
        for f in plain(regressor(*last), (data()[0], y), F.binary_cross_entropy).findings
        if f.name == "out of reach"
    ]
    assert "it lies between 0.5 and" in finding.evidence


@pytest.mark.slow
def test_layers_of_attention_are_asked_about_places():
    x = texts()[0]
    x = cr.where(x == 0, 16, x)
    model = Encoding(True, place=False)
    model.places.requires_grad_(False)
    pooled = nn.Sequential(model.embedding, model.layer)
    loss = lambda out, y: F.cross_entropy(out.mean(1), y)  # noqa: E731
    assert "places alike" in plain(pooled, (x, texts()[1]), loss).names


@pytest.mark.slow
def test_a_causal_mask_alone_tells_places_to_several_layers_but_not_to_one():
    loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())  # noqa: E731
    one, two = [plain(Attentive(positions=False, layers=n), tokens(), loss) for n in (1, 2)]
    assert "places alike" in one.names
    assert two and "nothing but the mask tells attention" in str(two)


def test_nodes_of_a_graph_have_places_of_their_own():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(FEATURES, CLASSES)
            self.register_buffer("known", cr.rand(N, N).softmax(1))

        def forward(self, x):
            return self.known @ self.out(x)

    assert "place in the batch" not in plain(Graph()).names


def test_weights_that_the_optimizer_does_not_hold_are_told_once():
    names = of_the_optimizer(lambda m: optim.Adam(m[2].parameters())).names
    assert names == ["not in optimizer"]


def test_a_model_that_cannot_be_copied_is_examined_all_the_same():
    model = mlp()
    model.memory = [model[0].weight * 2]  # a tensor with a history
    assert plain(model, optimizer=optim.Adam(model.parameters()))
    assert model.memory[0].requires_grad


def test_a_loss_computed_before_can_be_differentiated_afterwards():
    model = mlp()
    loss = F.cross_entropy(model(data()[0]), data()[1])
    plain(model, optimizer=optim.Adam(model.parameters()))
    loss.backward()
    assert model[0].weight.grad is not None


def test_a_loss_that_is_a_number_or_none_at_all():
    report = plain(mlp(), loss=lambda out, y: F.cross_entropy(out, y).item())
    assert "no gradient" in report.names
    with pytest.raises(cr.base.errors.DTypeError, match="the loss, a tensor; found a tuple"):
        plain(mlp(), loss=lambda out, y: (F.cross_entropy(out, y), 3))
