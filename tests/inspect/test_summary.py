"""The table of a model: shapes, parameters, work and memory, each checked against a count by hand."""

import pytest

import chainrule as cr
from chainrule import inspect, nn
from chainrule.graph import trace
from chainrule.graph.flops import equation_flops, program_flops
from chainrule.inspect.watch import Watch
from chainrule.ops.record import READERS
from chainrule.tape.op_node import OpNode


class Tied(nn.Module):
    """An embedding and a last layer with one weight, a block that is used twice, one that is not used."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.block = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 5))
        self.again = self.block
        self.unused = nn.Linear(2, 3)
        self.head = nn.Linear(5, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.block[2].requires_grad_(False)

    def forward(self, tokens):
        return self.head(self.again(self.block(self.embedding(tokens))))


def rows(summary):
    return {row.name: row for row in summary.rows}


def test_every_column():
    found = inspect.summary(Tied(), cr.zeros(3, 2, dtype=cr.int64))
    by_name = rows(found)
    assert found.parameters == 11 * 5 + (5 * 7 + 7) + (7 * 5 + 5) + (2 * 3 + 3)
    assert found.trainable == found.parameters - 40 and found.bytes == 4 * found.parameters
    block = by_name["block"]
    assert (block.calls, block.shapes, block.trainable, block.shared) == (2, [(3, 2, 5)], 42, False)
    tokens = 6
    linear = tokens * (2 * 5 * 7 + 7)
    assert by_name["block.0"].flops == 2 * linear
    assert block.flops == 2 * (linear + tokens * 7 + tokens * (2 * 7 * 5 + 5))
    assert by_name["again"].shared and by_name["again.0"].shared and by_name["again"].flops == 0
    assert by_name["unused"].calls == 0
    assert by_name["head"].parameters == 55  # its own, and counted once in the whole
    assert found.flops == block.flops + tokens * 2 * 5 * 11
    assert by_name["block.0"].depth == 2


def test_the_text_says_it_all():
    text = str(inspect.summary(Tied(), cr.zeros(3, 2, dtype=cr.int64)))
    for part in (
        "[3, 2, 5] ×2",
        "shared, see above",
        "not called",
        "42 trainable",
        "40 frozen",
        "146 (106 trainable",
    ):
        assert part in text, part


def test_work_of_every_kind_of_product():
    x = cr.ones(3, 4, 9, 9)
    conv = nn.Conv2d(4, 6, 3, groups=2)
    assert inspect.summary(conv, x).flops == 2 * (3 * 6 * 7 * 7) * (2 * 3 * 3) + 3 * 6 * 7 * 7
    bare = nn.Conv2d(4, 6, 3, bias=False)
    program = trace(lambda x: cr.autograd.grad(bare(x).sum(), [x, bare.weight]))
    program(x.requires_grad_())
    kinds = {eq.op.name: equation_flops(eq) for eq in program.programs[0].equations}
    assert kinds["conv_input"] == kinds["conv_weight"] == 2 * (3 * 6 * 7 * 7) * (4 * 3 * 3)

    class Attention(nn.Module):
        def forward(self, q, k, v):
            return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    q = cr.ones(2, 3, 5, 7)
    assert inspect.summary(Attention(), q, q, q).flops == 2 * 2 * 3 * (1 + 2 + 3 + 4 + 5) * 14

    class Sum(nn.Module):
        def forward(self, a, b):
            return cr.einsum("bij,bjk->bik", a, b).sum()

    assert (
        inspect.summary(Sum(), cr.ones(2, 3, 5), cr.ones(2, 5, 7)).flops == 2 * 2 * 3 * 5 * 7 + 42
    )


def test_a_loop_counts_its_body_for_each_step():
    lstm = nn.LSTM(3, 5)
    x = cr.ones(7, 2, 3)
    program = trace(lambda x: lstm(x)[0])
    program(x)
    steps = program_flops(program.programs[0])
    assert steps >= 7 * 2 * 2 * 20 * 5 + 2 * 7 * 2 * 20 * 3
    # the gates are one op in both, and count as what they are written in
    assert inspect.summary(lstm, x).flops == pytest.approx(steps, rel=0.001)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
    model[0].weight.grad = cr.ones(5, 3)
    before = {n: v.numpy().copy() for n, v in model.state_dict().items()}
    state = cr.get_rng_state().numpy().copy()
    inspect.summary(model, cr.ones(7, 3))
    for n, v in model.state_dict().items():
        assert (v.numpy() == before[n]).all(), n
    assert (cr.get_rng_state().numpy() == state).all() and model.training
    assert (model[0].weight.grad.numpy() == 1).all()


def test_nothing_is_watched_after_an_error():
    readers, pull, call = dict(READERS), OpNode.pull, nn.Module.__call__
    with pytest.raises(cr.ShapeError):
        inspect.summary(nn.Linear(3, 5), cr.ones(2, 7))
    assert readers == READERS and OpNode.pull is pull and nn.Module.__call__ is call


def test_a_watch_sees_compiled_functions_eagerly_and_knows_where_it_is():
    class Look(Watch):
        def op(self, op, args, attrs, result):
            seen.append((op.name, self.path()))

    seen = []
    model = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.Tanh()))
    compiled = cr.compile(lambda x: model(x).sum())
    compiled(cr.ones(2, 3))
    with Look(model):
        compiled(cr.ones(2, 3))
    assert seen == [("linear", "0"), ("tanh", "1.0"), ("sum", "")]
    seen.clear()
    with Look():
        model(cr.ones(2, 3))
    assert [path for _, path in seen] == ["Sequential › Linear", "Sequential › Sequential › Tanh"]
