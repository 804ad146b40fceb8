"""The picture of a model or a function: what flows from op to op, as SVG.

Reading order: `flow` (what is drawn), `layout` (where it goes), and here the picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .flow import Box, Flow, Node, flow_of
from .layout import Layout, layered

__all__ = ["Drawing", "draw"]

HEIGHT, ROW, GAP, MARGIN = 36.0, 92.0, 40.0, 28.0
LETTER, SMALL = 7.3, 5.9
"""Sizes: of a node, from layer to layer, between neighbours, around all; widths of a letter."""

COLOURS = {
    "product": ("#dbe9f6", "#3b6ea5"),
    "input": ("#eeeeee", "#777777"),
    "norm": ("#e8e2f3", "#6b4fa0"),
    "shape": ("#f5f5f5", "#aaaaaa"),
    "module": ("#dff0e3", "#3f8f5b"),
    "other": ("#fdf0d9", "#b9812b"),
}
_PRODUCTS = ("matmul", "linear", "einsum", "conv", "conv_input", "attention", "embedding")
_SHAPES = (
    "view",
    "permute",
    "expand",
    "slice_",
    "select",
    "cat",
    "stack",
    "clone",
    "write",
    "index",
    "unfold",
)


@dataclass
class Drawing:
    """A picture.

    Attributes:
        svg: its text.
        flow: what is drawn.
    """

    svg: str
    flow: Flow

    def save(self, path: Any) -> None:
        """Write the SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg


def draw(f: Callable, *inputs: Any, path: Any = None, depth: int | None = None) -> Drawing:
    """Draw what a model, or a function of tensors, does with its inputs: ops from top to bottom, with
    the shape of what flows along each edge, modules as boxes around their ops. Pointing at a node
    shows its line of code.

    It is run once, without gradients, and left as it was.

    Args:
        f: a module or a function.
        inputs: its arguments.
        path: the path of the SVG file, if one is to be written.
        depth: how deep modules are opened: 0 shows the modules of the first level as single nodes. By
            default all are.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> picture = draw(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), cr.ones(2, 3))
        >>> [node.label for node in picture.flow.nodes]
        ['input', 'linear', 'relu', 'output']
        >>> [node.label for node in draw(nn.Sequential(nn.Linear(3, 5)), cr.ones(2, 3), depth=0).flow.nodes]
        ['input', '0: Linear', 'output']
    """
    flow = flow_of(f, inputs, depth)
    drawing = Drawing(_svg(flow), flow)
    if path is not None:
        drawing.save(path)
    return drawing


def _svg(flow: Flow) -> str:
    widths = {n: _width(n) for n in flow.nodes}
    layout = layered(flow.nodes, flow.edges, widths, GAP)
    boxes = _boxes(flow, layout, widths)
    left = min(
        [layout.x[n] - w / 2 for n, w in widths.items()] + [b[1] for b in boxes], default=0.0
    )
    right = max(
        [layout.x[n] + w / 2 for n, w in widths.items()] + [b[3] for b in boxes], default=0.0
    )
    for bends in layout.bends.values():
        left = min([left, *[x for x, _ in bends]])
        right = max([right, *[x for x, _ in bends]])
    top = min([0.0, *[b[2] for b in boxes]])
    bottom = max([_y(max(layout.layer.values(), default=0)) + HEIGHT, *[b[4] for b in boxes]])
    height = bottom - top + 2 * MARGIN
    width = right - left + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{left - MARGIN:.1f} {top - MARGIN:.1f} {width:.1f} {height:.1f}" '
        'font-family="Helvetica, Arial, sans-serif">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0.8 L7.4 4 L0 7.2 z" fill="#666"/></marker></defs>',
        f'<rect x="{left - MARGIN:.1f}" y="{top - MARGIN:.1f}" width="{width:.1f}" height="{height:.1f}" fill="white"/>',
    ]
    parts += [_box(*b) for b in boxes]
    parts += [_edge(a, b, layout) for a, b in flow.edges]
    labelled: set[Node] = set()
    for a, b in flow.edges:
        if a not in labelled:
            labelled.add(a)
            parts.append(_shape(a, b, layout))
    parts += [_node(n, layout.x[n], _y(layout.layer[n]), widths[n]) for n in flow.nodes]
    return "\n".join([*parts, "</svg>\n"])


def _y(layer: float) -> float:
    return layer * ROW


def _width(n: Node) -> float:
    return max(56.0, len(n.label) * LETTER + 20, len(n.detail) * SMALL + 20)


def _boxes(flow: Flow, layout: Layout, widths: dict) -> list[tuple]:
    """Label and corners of each module call with more than one node, the outer ones first; a call
    with a single op is told in the op's second line.
    """
    inside: dict[Box, list[Node]] = {}
    for n in flow.nodes:
        for box in n.box.path if n.box else ():
            inside.setdefault(box, []).append(n)
    for n in flow.nodes:
        if n.box and len(inside[n.box]) == 1 and n.label != n.box.label:
            n.detail = f"{n.box.label}" + (f" ({n.detail})" if n.detail else "")
            widths[n] = _width(n)
    drawn = [box for box, nodes in inside.items() if len(nodes) > 1]
    found = []
    for box in drawn:
        nodes = inside[box]
        deeper = [len(b.path) for b in drawn if box in b.path]
        pad = 7.0 + 11.0 * (max(deeper) - len(box.path))
        found.append(
            (
                box.label,
                min([layout.x[n] - widths[n] / 2 for n in nodes]) - pad - 6,
                _y(min([layout.layer[n] for n in nodes])) - pad - 13,
                max([layout.x[n] + widths[n] / 2 for n in nodes]) + pad + 6,
                _y(max([layout.layer[n] for n in nodes])) + HEIGHT + pad,
                len(box.path),
            )
        )
    return sorted(found, key=lambda b: b[5])


def _box(label: str, x0: float, y0: float, x1: float, y1: float, depth: int) -> str:
    fill = ("#fafafa", "#f3f7fb", "#eaf1f8")[min(depth, 3) - 1]
    return (
        f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" rx="8" fill="{fill}" '
        f'stroke="#c5d0da"/><text x="{x0 + 7:.1f}" y="{y0 + 11.5:.1f}" font-size="10" fill="#5c7080">'
        f"{escape(label)}</text>"
    )


def _edge(a: Node, b: Node, layout: Layout) -> str:
    """A line from below a to above b, through its bends, upright at every layer."""
    points = [(layout.x[a], _y(layout.layer[a]) + HEIGHT)]
    for x, layer in layout.bends[a, b]:
        points += [(x, _y(layer)), (x, _y(layer) + HEIGHT)]
    points.append((layout.x[b], _y(layout.layer[b]) - 1.5))
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for k, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        if k % 2 == 1:  # past a layer
            d += f" L{x1:.1f} {y1:.1f}"
        else:
            middle = (y0 + y1) / 2
            d += f" C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return f'<path d="{d}" fill="none" stroke="#666" stroke-width="1.2" marker-end="url(#arrow)"/>'


def _shape(a: Node, b: Node, layout: Layout) -> str:
    text = "×".join(map(str, a.shape)) or "number"
    x, y = layout.x[a] + 6, _y(layout.layer[a]) + HEIGHT + 12
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" fill="#444">{text}</text>'


def _node(n: Node, x: float, y: float, width: float) -> str:
    fill, line = COLOURS[_kind(n)]
    label_y = y + (HEIGHT / 2 + 4 if not n.detail else 15)
    text = (
        f'<g><title>{escape(n.place or n.label)}</title><rect x="{x - width / 2:.1f}" y="{y:.1f}" '
        f'width="{width:.1f}" height="{HEIGHT:.1f}" rx="6" fill="{fill}" stroke="{line}"/>'
        f'<text x="{x:.1f}" y="{label_y:.1f}" font-size="12.5" text-anchor="middle" fill="#222">'
        f"{escape(n.label)}</text>"
    )
    if n.detail:
        text += (
            f'<text x="{x:.1f}" y="{y + 28:.1f}" font-size="10" text-anchor="middle" fill="#666">'
            f"{escape(n.detail)}</text>"
        )
    return text + "</g>"


def _kind(n: Node) -> str:
    if n.is_input:
        return "input"
    if ": " in n.label:
        return "module"
    if n.label in _PRODUCTS:
        return "product"
    if n.label in _SHAPES:
        return "shape"
    return "norm" if "norm" in n.label or "softmax" in n.label else "other"
