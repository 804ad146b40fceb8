"""Pictures: valid XML, the right nodes and edges, nothing on top of anything else."""

import itertools
import xml.etree.ElementTree as ElementTree

import hypothesis.strategies as st
import pytest
from hypothesis import given

import chainrule as cr
from chainrule import nn
from chainrule.inspect import draw
from chainrule.inspect.draw.layout import layered, spread

SVG = "{http://www.w3.org/2000/svg}"


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(x + self.norm(self.conv(x)))


def mlp():
    return nn.Sequential(
        nn.Linear(3, 7), nn.ReLU(inplace=True), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2)
    )


def edges(picture):
    return [(a.label, b.label) for a, b in picture.flow.edges]


def parsed(picture):
    root = ElementTree.fromstring(picture.svg)
    assert root.tag == SVG + "svg"
    return root


def rectangles(root):
    """The nodes, as (x0, y0, x1, y1)."""
    found = []
    for g in root.iter(SVG + "g"):
        r = g.find(SVG + "rect")
        x, y, w, h = (float(r.get(k)) for k in ("x", "y", "width", "height"))
        found.append((x, y, x + w, y + h))
    return found


def test_a_network_of_three_layers():
    picture = draw(mlp(), cr.ones(11, 3))
    labels = ["input", "linear", "relu", "linear", "tanh", "linear", "output"]
    assert [n.label for n in picture.flow.nodes] == labels
    assert edges(picture) == list(itertools.pairwise(labels))  # the write of the relu is followed
    root = parsed(picture)
    texts = [t.text for t in root.iter(SVG + "text")]
    for text in (
        "11×3",
        "11×7",
        "11×5",
        "11×2",
        "0: Linear (weight, bias)",
        "1: ReLU",
        "Sequential",
    ):
        assert text in texts, text
    assert [t.text for t in root.iter(SVG + "title")][1].startswith(__file__)


def test_a_residual_block():
    picture = draw(nn.Sequential(Residual(3)), cr.ones(2, 3, 5, 5))
    assert [n.label for n in picture.flow.nodes] == [
        "input", "conv", "add", "batch_norm", "add", "relu", "output",
    ]  # fmt: skip
    assert ("input", "add") in edges(picture) and ("batch_norm", "add") in edges(picture)
    assert picture.flow.nodes[2].detail == "bias"
    root = parsed(picture)
    x0, y0, w, h = map(float, root.get("viewBox").split())
    for a in rectangles(root):
        assert a[0] >= x0 and a[1] >= y0 and a[2] <= x0 + w and a[3] <= y0 + h
    paths = [p.get("d") for p in root.iter(SVG + "path") if p.get("marker-end")]
    assert len(paths) == len(picture.flow.edges)
    long = max(paths, key=len)  # the skip goes past the layers, beside every node
    points = [part.split(" C")[0].split() for part in long.split(" L")[1:]]
    assert len(points) == 3
    for x, y in ((float(x), float(y)) for x, y in points):
        assert not any(a[0] < x < a[2] and a[1] < y - 1 < a[3] for a in rectangles(root))


def test_modules_below_a_depth_are_single_nodes():
    net = nn.Sequential(Residual(3), Residual(3), nn.Flatten())
    picture = draw(net, cr.ones(2, 3, 5, 5), depth=0)
    assert [n.label for n in picture.flow.nodes] == [
        "input", "0: Residual", "1: Residual", "2: Flatten", "output",
    ]  # fmt: skip
    inner = draw(net, cr.ones(2, 3, 5, 5), depth=1)
    assert "0: Residual" not in [n.label for n in inner.flow.nodes]
    assert "conv: Conv2d" in [n.label for n in inner.flow.nodes]


def test_a_function_of_several_tensors_with_a_write():
    def f(a, b):
        out = cr.zeros(5, 3)
        out[0] = a * b
        total, _ = out.max(0)
        return total, a + 1

    picture = draw(f, cr.ones(3), cr.ones(3))
    names = [n.label for n in picture.flow.nodes]
    assert {"input 0", "input 1", "write", "output 0", "output 1"} <= set(names)
    assert ("mul", "write") in edges(picture)
    parsed(picture)


def test_names_are_escaped_and_files_written(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return x * 2 if x.shape[0] < 3 else x

    net = nn.Sequential()
    net.add_module("a<b&c", nn.Sequential(Odd(), nn.Tanh(), nn.Tanh()))
    path = tmp_path / "picture.svg"
    picture = draw(net, cr.ones(2), path=path)
    assert path.read_text(encoding="utf-8") == picture.svg == picture._repr_svg_()
    assert "a<b&c: Sequential" in [t.text for t in parsed(picture).iter(SVG + "text")]


def test_the_model_is_left_as_it_was():
    net = nn.Sequential(Residual(3))
    before = {n: v.numpy().copy() for n, v in net.state_dict().items()}
    draw(net, cr.ones(2, 3, 5, 5))
    for n, v in net.state_dict().items():
        assert (v.numpy() == before[n]).all()
    with pytest.raises(cr.ShapeError):
        draw(net, cr.ones(2, 5, 5, 5))


@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.sets(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(
                    lambda e: e[0] < e[1]
                ),
                max_size=20,
            ),
        )
    )
)
def test_no_two_nodes_overlap_and_every_edge_goes_down(graph):
    n, pairs = graph
    nodes, pairs = list(range(n)), sorted(pairs)
    widths = {k: 10.0 + 7 * (k % 3) for k in nodes}
    found = layered(nodes, pairs, widths, 5.0)
    for a, b in pairs:
        assert found.layer[a] < found.layer[b]
        assert len(found.bends[a, b]) == found.layer[b] - found.layer[a] - 1
    for a, b in itertools.combinations(nodes, 2):
        if found.layer[a] == found.layer[b]:
            assert abs(found.x[a] - found.x[b]) >= (widths[a] + widths[b]) / 2 + 5 - 1e-6


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(1, 20)), min_size=1, max_size=9))
def test_spread_keeps_its_distances_and_the_mean(items):
    wanted, widths = zip(*items, strict=True)
    at = spread(wanted, widths, 3.0)
    for k in range(1, len(at)):
        assert at[k] - at[k - 1] >= (widths[k] + widths[k - 1]) / 2 + 3 - 1e-6
    assert sum(at) == pytest.approx(sum(wanted), abs=1e-6)
