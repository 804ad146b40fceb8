"""Is there a way for the gradient from the loss to every parameter, and do all that learn belong to the model?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ...nn import Module, ModuleList, Sequential
from ...tensors import Tensor, grad
from ..summary import tensors_in
from .calls import digest
from .finding import Finding
from .look import Applied, Look, array, listed

__all__ = ["check_hidden", "check_paths"]

SOME = 0.05
"""The share of deviations below 0 that is no accident."""


def check_paths(look: Look) -> Iterator[Finding | str]:
    """Parameters that no gradient reaches, and where the way to them ends; those that are frozen."""
    everything = dict(look.model.named_parameters())
    frozen = [n for n, p in everything.items() if not p.requires_grad]
    if everything and len(frozen) == len(everything):
        yield Finding(
            "no gradient", "no parameter requires a gradient",
            f"all {len(frozen)} are frozen (requires_grad=False)",
            "model.requires_grad_(True), or for those that are to learn",
        )  # fmt: skip
        return
    if frozen:
        yield f"{len(frozen)} of {len(everything)} parameters are frozen (requires_grad=False): {listed(frozen)}"
    yield from _check_twins(look)
    yield from _note_of_draws(look)
    yield from _note_of_repeats(look)
    yield from _note_of_cut_answers(look)
    without = [n for n in look.parameters if look.gradients.get(n) is None]
    unused = [n for n in without if not _using(look, n)]
    lost = [n for n in without if n not in unused]
    if without and len(without) == len(look.parameters):
        evidence, where = _end(look, lost) if lost else ("no op uses any of them", "")
        yield Finding(
            "no gradient", "no gradient leads from the loss to any parameter",
            f"the loss {float(look.loss.sum()):.4g} has no history that leads to them: {evidence}",
            "look behind that line for detach(), .data, .item(), .numpy(), no_grad() or argmax; make new "
            "tensors of old ones with ops, not with tensor()", where,
        )  # fmt: skip
        return
    if unused:
        yield Finding(
            "no path", "parameters that the loss does not depend on",
            f"{len(unused)} of {len(look.parameters)}: {listed(unused)}; no op uses them",
            "use them in forward, or remove them (a constant is a buffer: register_buffer)",
        )  # fmt: skip
    if lost:
        evidence, where = _end(look, lost)
        yield Finding(
            "no path", "parameters that are used, but to which no gradient leads",
            f"{len(lost)} of {len(look.parameters)}: {listed(lost)}; {evidence}",
            "look behind that line for detach(), .data, .item(), .numpy() or no_grad()", where,
        )  # fmt: skip


def _check_twins(look: Look) -> Iterator[Finding]:
    """Parameters of unlike modules that hold the same numbers in memories of their own: tied, but cut apart."""
    by_value: dict[tuple, tuple[str, type, Tensor]] = {}
    for path, module in look.model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            full = f"{path}.{name}" if path else name
            if p.ndim < 2 or p.numel() < 4 or not array(p).std() > 0:
                continue
            key = (p.shape, digest(p))
            before, kind, other = by_value.setdefault(key, (full, type(module), p))
            if other is not p and kind is not type(module):
                yield Finding(
                    "tied apart", "two weights are copies of each other, and go apart with the first step",
                    f"{before} and {full}, of shape {tuple(p.shape)}, have the same values in memories of their own",
                    f"to share one: {full} = {before} (the parameter itself, not a copy of it)",
                )  # fmt: skip


def _note_of_draws(look: Look) -> Iterator[str]:
    """Noise that is scaled by what the model computed: with gradients off, none goes through the draw; and a deviation is positive."""
    known = {
        id(x) for x in [*look.model.parameters(), *look.model.buffers(), *tensors_in(look.batch)]
    }
    for a in look.named("mul"):
        pair = [x for x in a.args if isinstance(x, Tensor)]
        learned = [x for x in pair if x.requires_grad]
        if not a.inside or len(pair) < 2 or not learned:
            continue
        new = [
            x for x in pair if id(x) not in known and id(x) not in look.made and not x.requires_grad
        ]
        drawn = [
            x for x in new if x.shape == a.result.shape and x.numel() > 1 and array(x).std() > 0
        ]
        if drawn and not a.result.requires_grad:
            yield (
                "random numbers are drawn around what the model computed, and no gradient goes through the draw: mean + std * "
                f"randn_like(std), or rsample() of a distribution, lets it through ({a.place})"
            )
            return
        if drawn and array(drawn[0]).min() < 0 and not learned[0].is_leaf:
            negative = float((array(learned[0]) < 0).mean())
            if negative > SOME:
                yield (
                    f"random numbers are multiplied by what is negative in {negative:.0%} of the cases: a standard deviation is positive; "
                    f"of the logarithm of a variance it is exp(0.5 * logvar) ({a.place})"
                )
                return


def _note_of_cut_answers(look: Look) -> Iterator[str]:
    """The first of several answers is made of what parameters say, but teaches them nothing: only the others do."""
    answers = [x for x in tensors_in(look.output) if x.is_floating_point() and x.numel() > 1]
    if len(answers) < 2 or not look.has_path or not answers[0].requires_grad:
        return
    weights = [p for n, p in look.parameters.items() if look.gradients.get(n) is not None]
    found = grad(answers[0].sum(), weights, retain_graph=True, allow_unused=True)
    untaught = {id(p._storage) for p, g in zip(weights, found, strict=True) if g is None}
    names = [n for n, p in look.parameters.items() if id(p._storage) in untaught]
    known, learning, cut = set(untaught), set(untaught), ""  # memories that hold what they made
    for a in look.applied:
        of = {id(x._storage) for x in tensors_in(a.args)}
        if not of & known:
            continue
        made = {id(x._storage): x.requires_grad for x in tensors_in(a.result)}
        if any(id(x._storage) in learning and not x.requires_grad for x in tensors_in(a.args)):
            cut = cut or a.place
        known |= set(made)
        learning |= {k for k, learns in made.items() if learns}
    if cut and id(answers[0]._storage) in known:
        yield (
            f"output 0 is made of what {listed(names)} say, but teaches them nothing: detach(), .data or no_grad() cuts the way there, and "
            f"they learn from the other outputs alone ({cut})"
        )


def _note_of_repeats(look: Look) -> Iterator[str]:
    """One module with weights at several places of a list: ``[layer] * 4`` makes no copies."""
    places: dict[Module, list[str]] = {}
    for path, module in look.model.named_modules(remove_duplicate=False):
        if any(p.requires_grad for p in module.parameters()):
            places.setdefault(module, []).append(path)
    parts = {path: module for module, paths in places.items() for path in paths}
    for module, paths in places.items():
        parents = [path.rpartition(".")[0] for path in paths]
        if len(paths) < 2 or any(len(places[parts[above]]) > 1 for above in parents):
            continue  # or its parent is one module at several places
        if isinstance(parts[_common(paths)], (Sequential, ModuleList)):
            yield (
                f"the modules {listed(paths)} are one {type(module).__name__}, which has its weights once: [layer] * n "
                "makes no copies, [make_layer() for _ in range(n)] makes n layers"
            )


def _common(paths: list[str]) -> str:
    """The module in which the ways to several places part."""
    names = [path.split(".") for path in paths]
    shared = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*names, strict=False))
    return ".".join(parts[0] for parts in shared)


def _using(look: Look, name: str) -> list[Applied]:
    p = look.parameters[name]
    return [a for a in look.applied if any(x is p for x in tensors_in(a.args))]


def _end(look: Look, names: list[str]) -> tuple[str, str]:
    """How the way from some parameters ends, and the line."""
    sources = [look.parameters[n] for n in names]
    users = [a for n in names for a in _using(look, n)]
    if not any(x.requires_grad for a in users for x in tensors_in(a.result)):
        return "gradients are off (no_grad) where they are used", users[0].place
    known = {id(x) for x in sources}
    last, stop = users[0], None
    for a in look.applied:
        if any(id(x) in known for x in tensors_in(a.args)):
            reached = [x for x in tensors_in(a.result) if x.requires_grad]
            if reached:
                last = a
                known |= {id(x) for x in reached}
            elif stop is None:
                stop = a
    if stop is not None and stop.op in ("argmax", "argmin", "sign", "round", "floor", "ceil"):
        return f"{stop.op} has no derivative", stop.place
    return f"the last op with a gradient is {last.op}", last.place


def check_hidden(look: Look) -> Iterator[Finding]:
    """Tensors that the loss would train, if the model knew of them."""
    if not look.has_path:
        return
    own = {id(p) for p in look.model.parameters()} | {id(p) for p in look.parameters.values()}
    own |= {id(x) for x in tensors_in(look.batch)}
    found: dict[int, tuple[Tensor, Applied]] = {}
    for a in look.applied:
        for x in tensors_in(a.args) if a.inside else ():
            if x.is_leaf and x.requires_grad and id(x) not in own:
                found.setdefault(id(x), (x, a))
    if found:
        shapes = [f"{tuple(x.shape)}" for x, _ in found.values()]
        _, first = next(iter(found.values()))
        yield Finding(
            "not registered", "tensors require a gradient and are no parameters of the model",
            f"{len(found)} of them, of shape {listed(shapes)}: no optimizer of model.parameters() trains them, "
            "no state_dict saves them",
            "nn.ModuleList and nn.ParameterList in place of lists and dicts; nn.Parameter set as an attribute; "
            "layers made in __init__, not in forward", first.place,
        )  # fmt: skip
