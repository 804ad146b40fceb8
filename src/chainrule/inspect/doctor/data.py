"""Is the batch what it should be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tensors import Tensor
from .finding import Finding
from .look import array
from .splits import nearest

__all__ = ["check_batch"]

LARGE_INPUT, SMALL_INPUT = 20.0, 2.5e-3
LARGE_TARGET, SMALL_TARGET = 100.0, 1e-3
"""Root mean squares above, or below, which numbers are called unscaled; pixels that were divided by 255 twice have 0.002."""

NARROW, LONELY, FEW_TOKENS = 0.02, 20.0, 0.95
"""The spread of an input beside its mean below which it hardly differs; how many times further out than all others a number lies that
stands for what is missing; the share of tokens that may be one and the same.
"""

MANY, SOME = 4096, 512
"""Features of an example above which no one of them is looked for; examples that are compared with each other."""

BY_ITSELF, UNLIKE, COLUMNS = 0.02, 10.0, 40
"""By how much the mean of a row may differ from 0 and its spread from 1, if it was made so; how many times as much one feature may vary
as another; the columns of a table, more are pixels.
"""

CONTRADICTORY = 0.1
"""The share of examples above which equal inputs with different targets are more than noise."""


def check_batch(batch: tuple) -> Iterator[Finding | str]:
    """Inputs and targets: finite, scaled, different from each other, and not contradictory."""
    inputs, target = batch[:-1], batch[-1]
    for k, x in enumerate(inputs):
        if isinstance(x, Tensor) and x.numel():
            yield from _check_input(f"input {k}" if len(inputs) > 1 else "the input", array(x))
    yield from _check_views(inputs)
    if not isinstance(target, Tensor) or not target.numel():
        return
    y = array(target)
    if y.dtype.kind == "f":
        yield from _check_target(y)
    elif y.dtype.kind in "iu" and y.ndim == 1 and y.size >= 16 and (y == y[0]).all():
        yield Finding(
            "one class", "all labels of the batch are the same",
            f"{y.size} labels, all {y[0]}",
            "shuffle the data (DataLoader(shuffle=True)); look whether labels are read right",
        )  # fmt: skip
    elif y.dtype.kind in "iu" and y.ndim == 1 and y.size >= 16:
        yield from _notes_of_labels(y)
    if isinstance(inputs[0], Tensor) and inputs[0].ndim and y.ndim and len(inputs[0]) == len(y):
        x = array(inputs[0])
        yield from _check_copies(x, y)
        if y.ndim == 1 or y.dtype.kind == "f":  # of a sequence several endings may be right
            yield from _check_equal_inputs(_questions(inputs, len(y)), y)
        if x.dtype.kind == "f" and np.isfinite(x).all() and np.isfinite(y).all():
            yield from _note_of_answers(x, y)
            if y.ndim == 1 and y.dtype.kind in "iu":
                yield from _note_of_neighbours(x, y)
            elif y.dtype.kind == "f" and y.size == len(y):
                yield from _note_of_quantities(x, y.reshape(-1))


def _notes_of_labels(y: np.ndarray) -> Iterator[str]:
    kinds, counts = np.unique(y, return_counts=True)
    most = counts.max() / y.size
    if most >= 0.9:
        yield (
            f"{most:.0%} of the labels are class {kinds[counts.argmax()]}: an answer that is always the same is right as "
            "often; weigh the classes, or measure something else than accuracy"
        )
    if 1 < len(kinds) < y.size and (np.diff(y) >= 0).all():
        yield (
            "the labels of the batch are in order: if it is cut from data in that order, shuffle them "
            "(DataLoader(shuffle=True))"
        )


def _check_views(inputs: tuple) -> Iterator[Finding]:
    """Two inputs that are to be compared, and are the same."""
    found = [(k, array(x)) for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.ndim > 1]
    for n, (k, x) in enumerate(found):
        for j, other in found[:n]:
            if (
                x.shape == other.shape
                and x.dtype.kind == "f"
                and x.std() > 0
                and (x == other).all()
            ):
                yield Finding(
                    "inputs equal", "two inputs are the same, number for number: there is nothing to learn from one about the other",
                    f"inputs {j} and {k}, of shape {x.shape}",
                    "augment each view by itself; look whether both are one tensor, or are read from one file",
                )  # fmt: skip
                return


def _check_copies(x: np.ndarray, y: np.ndarray) -> Iterator[Finding]:
    """Targets that are inputs, but not their own."""
    if (
        x.shape == y.shape
        and x.ndim > 1
        and x.dtype.kind == "f"
        and y.dtype.kind == "f"
        and (x != y).any()
    ):
        rows = [sorted(np.ascontiguousarray(row).tobytes() for row in z) for z in (x, y)]
        if rows[0] == rows[1]:
            yield Finding(
                "targets shuffled", "the targets are the inputs in another order",
                f"{int((x != y).reshape(len(x), -1).any(axis=1).sum())} of {len(x)} targets are another example's input",
                "shuffle inputs and targets together: one permutation for both",
            )  # fmt: skip


def _note_of_answers(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """A feature among others that is the target itself, perhaps in another unit."""
    shape, x = x.shape[1:], x.reshape(len(x), -1)
    if not 2 <= x.shape[1] <= MANY or y.size != len(y) or len(y) < 16 or not y.std():
        return
    wanted = y.reshape(-1) - y.mean()
    features = x - x.mean(axis=0)
    lengths = np.linalg.norm(features, axis=0) * np.linalg.norm(wanted)
    alike = np.abs(wanted @ features) / np.where(lengths > 0, lengths, np.inf)
    if alike.max() > 1 - 1e-6:
        where = [int(k) for k in np.unravel_index(alike.argmax(), shape)]
        yield (
            f"feature {where[0] if len(where) == 1 else where} of the input is the target itself, or a multiple of it: will "
            "it be known when the model is asked?"
        )


def _note_of_neighbours(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """Examples that are alike should have like labels, if these belong to them."""
    flat = x.reshape(len(x), -1)[:SOME]
    labels = y[:SOME]
    _, counts = np.unique(labels, return_counts=True)
    chance = float(((counts / len(labels)) ** 2).sum())
    if len(labels) < 100 or chance > 0.6 or not flat.std():
        return
    agree = float((labels[nearest(flat)] == labels).mean())
    if agree < chance + 2 * (chance * (1 - chance) / len(labels)) ** 0.5:
        yield (
            f"the most similar example of the batch has the same label in {agree:.0%} of the cases, by chance it would in "
            f"{chance:.0%}: do labels belong to their inputs?"
        )


def _note_of_quantities(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """Nothing of the target is told by a straight line through the inputs, nor by the most similar example."""
    flat = x.reshape(len(x), -1)
    n, d = flat.shape
    flat = flat[:, flat.std(axis=0) > 0] if n else flat
    if n < 100 or n < 8 * d or not y.std() or not flat.size or len(np.unique(y)) < n // 2:
        return
    features = np.column_stack([np.ones(n), (flat - flat.mean(axis=0)) / flat.std(axis=0)])
    left = y - features @ np.linalg.lstsq(features, y, rcond=None)[0]
    by_line = 1 - (left @ left / (n - features.shape[1])) / y.var(ddof=1)
    some = y[:SOME]
    near = ((some - some[nearest(features[:SOME])]) ** 2).mean() / (2 * some.var())
    if by_line < 0.02 and near > 0.9:
        yield (
            f"neither a straight line through the inputs ({max(by_line, 0):.0%} of the variance) nor the most similar example ("
            f"{max(1 - near, 0):.0%}) tells anything of the target: do targets belong to their inputs?"
        )


def _check_input(name: str, x: np.ndarray) -> Iterator[Finding | str]:
    if x.dtype.kind in "iu" and x.ndim == 2 and x.size >= 64:
        kinds, counts = np.unique(x, return_counts=True)
        if counts.max() >= FEW_TOKENS * x.size:
            yield Finding(
                "input constant", f"{name} is nearly the same token everywhere",
                f"{counts.max() / x.size:.0%} of its {x.size} tokens are {kinds[counts.argmax()]}",
                "look whether the vocabulary knows the words (unknown ones are all one token), and how long texts are cut",
            )  # fmt: skip
    if x.dtype.kind != "f":
        return
    bad = int((~np.isfinite(x)).sum())
    if bad:
        yield Finding(
            "input not finite", f"{name} holds NaN or infinities",
            f"{bad} of {x.size} elements", "look at what was loaded; fill in or drop what is missing",
        )  # fmt: skip
        return
    mark = _mark(x)
    if mark is not None:
        kept = x[x != mark]
        yield Finding(
            "missing marked", f"{name} marks what is missing by a number that is taken for a value",
            f"{(x == mark).mean():.1%} of its numbers are exactly {mark:g}; the others go from {kept.min():.3g} to {kept.max():.3g}",
            "fill it in (with the mean), and give the model another feature that says where; or drop those examples",
        )  # fmt: skip
        return
    yield from _note_of_rows(name, x)
    rms = float(np.sqrt((x * x).mean()))
    if rms > LARGE_INPUT:
        pixels = x.min() >= 0 and 50 < x.max() <= 255
        yield Finding(
            "input scale", f"{name} is not scaled",
            f"from {x.min():.4g} to {x.max():.4g}, root mean square {rms:.3g}",
            "divide the pixels by 255, and subtract their mean" if pixels
            else "subtract the mean and divide by the standard deviation, of each feature",
        )  # fmt: skip
    elif 0 < rms < SMALL_INPUT:
        yield Finding(
            "input scale", f"{name} is so small that the weights do not see it",
            f"from {x.min():.4g} to {x.max():.4g}, root mean square {rms:.3g}",
            "subtract the mean and divide by the standard deviation; look whether it is divided twice",
        )  # fmt: skip
    elif 0 < x.std() < NARROW * abs(x.mean()):
        yield Finding(
            "input scale", f"all numbers of {name} lie close together, far from 0",
            f"their mean is {x.mean():.4g}, their standard deviation {x.std():.3g}",
            "subtract the mean and divide by the standard deviation of these numbers; look whether it was done with those of another "
            "scale (0 to 255 for pixels from 0 to 1)",
        )  # fmt: skip
    elif len(x) > 1 and x.size > 1 and x.std() == 0:
        yield Finding(
            "input constant", f"{name} is the same number everywhere",
            f"all {x.size} elements are {x.flat[0]:.4g}", "look at what was loaded",
        )  # fmt: skip


def _note_of_rows(name: str, x: np.ndarray) -> Iterator[str]:
    """A table whose rows were standardised, each by itself, and not its columns."""
    if x.ndim != 2 or not 4 <= x.shape[1] <= COLUMNS or len(x) < 16:
        return
    means, spreads, columns = x.mean(axis=1), x.std(axis=1), x.std(axis=0)
    by_itself = np.abs(means).max() < BY_ITSELF and np.abs(spreads - 1).max() < BY_ITSELF
    apart = np.ptp(x.mean(axis=0)) > 2 or columns.max() > UNLIKE * max(float(columns.min()), 1e-30)
    if by_itself and apart:
        yield (
            f"{name} was standardised along the wrong axis, if its columns are features: each row has mean 0 and standard deviation 1, and "
            f"the columns have standard deviations from {columns.min():.2g} to {columns.max():.2g}; mean(axis=0), std(axis=0)"
        )


def _mark(x: np.ndarray) -> float | None:
    """A round number that comes up again and again, far out and alone."""
    for end in (x.min(), x.max()):
        if abs(end) < 9 or end != round(end) or (x == end).sum() < 3 or (x == end).mean() > 0.5:
            continue
        others = x[x != end]
        if abs(end) > LONELY * max(float(np.abs(others).max()), 1e-30) or (
            end < 0 <= others.min() and -end in (9, 99, 999, 9999, 99999)
        ):
            return float(end)
    return None


def _check_target(y: np.ndarray) -> Iterator[Finding]:
    bad = int((~np.isfinite(y)).sum())
    if bad:
        yield Finding(
            "target not finite", "the target holds NaN or infinities",
            f"{bad} of {y.size} elements", "look at what was loaded; mask what is missing",
        )  # fmt: skip
        return
    mark = _mark(y)
    if mark is not None:
        yield Finding(
            "missing marked", "the target marks what is missing by a number that is taken for a value",
            f"{(y == mark).mean():.1%} of its numbers are exactly {mark:g}", "leave those examples out, or mask them in the loss",
        )  # fmt: skip
        return
    rms = float(np.sqrt((y * y).mean()))
    if 0 < y.std() < NARROW * abs(y.mean()):
        yield Finding(
            "target scale", "all targets lie close together, far from 0",
            f"their mean is {y.mean():.4g}, their standard deviation {y.std():.3g}",
            "subtract the mean and divide by the standard deviation; undo that in what is reported",
        )  # fmt: skip
    elif 0 < rms < SMALL_TARGET:
        yield Finding(
            "target scale", "the target is so small that the loss is next to nothing whatever is said",
            f"root mean square {rms:.3g}, where a network begins with outputs of about 1",
            "another unit, or divide by the standard deviation; undo that in what is reported",
        )  # fmt: skip
    elif rms > LARGE_TARGET:
        yield Finding(
            "target scale", "the target is not scaled",
            f"root mean square {rms:.4g}, where a network begins with outputs of about 1",
            "subtract its mean and divide by its standard deviation; undo that in what is reported",
        )  # fmt: skip


def _questions(inputs: tuple, n: int) -> list[bytes]:
    """What the model is asked, example by example: a user alone is no question, a user and a film are one."""
    asked = [array(x) for x in inputs if isinstance(x, Tensor) and x.ndim and len(x) == n]
    return [b"".join(np.ascontiguousarray(x[k]).tobytes() for x in asked) for k in range(n)]


def _check_equal_inputs(asked: list[bytes], y: np.ndarray) -> Iterator[Finding | str]:
    """Equal inputs with different targets cannot both be learned; with the same, they teach nothing new."""
    groups: dict[bytes, list[int]] = {}
    for k, question in enumerate(asked):
        groups.setdefault(question, []).append(k)
    clashes = [g for g in groups.values() if len(g) > 1 and any((y[k] != y[g[0]]).any() for k in g)]
    count = sum(map(len, clashes))
    if count > CONTRADICTORY * len(asked):
        a = clashes[0]
        yield Finding(
            "contradictory targets", "equal inputs have different targets",
            f"{count} of {len(asked)} examples; first: examples {a[:4]}",
            "look whether inputs and targets were shuffled apart, or an input was overwritten",
        )  # fmt: skip
    elif clashes:
        yield f"{count} of {len(asked)} examples have an equal input with another target; first: {clashes[0][:4]}"
    elif len(asked) >= 16 and len(groups) <= len(asked) // 2:
        yield f"only {len(groups)} of the {len(asked)} examples are different; the others are duplicates"
