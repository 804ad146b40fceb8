"""Does the model keep apart what must not meet? Questions put to it as a function: what changes in the answers when
something in the question is changed.

The model is asked in evaluation mode, without gradients, with the same random numbers each time. One that
answers the same question differently is not asked further.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...base.errors import ChainruleError
from ...nn.stateless import functional_call
from ...tape.modes import no_grad
from ...tensors import Tensor, get_rng_state, set_rng_state, tensor
from ..summary import tensors_in
from .finding import Finding
from .look import Look, array

__all__ = ["check_structure"]

TOLERANCE = 1e-4
"""Of the largest answer: below it a change is rounding."""


class _Asked:
    """A model as a function of its first input."""

    def __init__(self, look: Look):
        self.model, self.others = look.model, look.batch[1:-1]
        self.x = array(look.batch[0])
        self.dtype = look.batch[0].dtype
        self.state = get_rng_state()
        self.answer = self(self.x)
        again = self(self.x)
        self.steady = self.answer is not None and not self.differs(self.answer, again).any()

    def __call__(self, x: np.ndarray) -> np.ndarray | None:
        set_rng_state(self.state)
        with no_grad():
            found: Any = self.model(tensor(x, dtype=self.dtype), *self.others)
        if isinstance(found, (tuple, list)) and found:
            found = found[0]
        usable = isinstance(found, Tensor) and found.is_floating_point() and found.ndim >= 1
        answer = array(found) if usable else None
        return answer if answer is not None and np.isfinite(answer).all() else None

    def differs(self, a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
        """Where two answers differ by more than rounding."""
        if a is None or b is None or a.shape != b.shape:
            return np.ones(1, bool)
        scale = max(float(np.abs(a).max()), float(np.abs(b).max()), 1e-30) if a.size else 1.0
        return np.abs(a - b) > TOLERANCE * scale


def check_structure(look: Look) -> Iterator[Finding | str]:
    """Examples that meet, the future that is seen, places that are all alike, a model that is linear."""
    x = look.batch[0]
    if not isinstance(x, Tensor) or x.ndim < 1 or len(x) < 2 or not look.has_path:
        return
    modes = [(m, m.training) for m in look.model.modules()]
    look.model.eval()
    try:
        asked = _Asked(look)
        if asked.steady:
            time = _time_axis(look)
            mixed = False
            yield from _check_unread(look, asked)
            for finding in _check_examples(look, asked, time):
                mixed = True
                yield finding
            if time is not None:
                yield from _check_future(asked, time)
            yield from _check_places(look, asked, time)
            if not mixed:
                yield from _check_place_in_batch(look, asked, time)
            yield from _check_padding(look, asked)
            yield from _check_linear(look, asked)
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a model that takes nothing but its own batch
    finally:
        for m, training in modes:
            m.training = training


def _time_axis(look: Look) -> int | None:
    """The axis along which the target is the input, one place later; None if there is none."""
    x, y = look.batch[0], look.batch[-1]
    if not isinstance(y, Tensor) or not 2 <= x.ndim <= 3:
        return None
    a, b = array(x), array(y)
    if a.ndim == 3 and a.shape[2] == 1 and b.ndim == 2:
        a = a[:, :, 0]
    if a.shape != b.shape:
        return None
    for axis in (1, 0):
        late, early = np.swapaxes(a, 0, axis)[1:], np.swapaxes(b, 0, axis)[:-1]
        if len(late) > 1 and len(np.unique(a)) > 2 and (late == early)[early >= 0].mean() > 0.9:
            return axis
    return None


def _check_unread(look: Look, asked: _Asked) -> Iterator[Finding]:
    """Answers that differ from example to example, and not by what the examples are: made of noise alone."""
    x, out = asked.x, asked.answer
    assert out is not None
    if (
        len(look.batch) > 2
        or len(out) != len(x)
        or out.ndim < 2
        or not asked.differs(out[:1], out[1:2]).any()
    ):
        return
    if (x == x[::-1]).all() or asked.differs(out, asked(x[::-1])).any():
        return
    yield Finding(
        "input unread", "the output does not depend on the input: it is made of random numbers alone",
        f"the {len(x)} examples were put in the other order, and no answer changed, though the answers differ from each other",
        "look for what should be made of the input and is drawn: z = mean + std * noise, not z = noise",
    )  # fmt: skip


def _check_examples(look: Look, asked: _Asked, time: int | None) -> Iterator[Finding]:
    """The answer to one example must not change with another example."""
    x, y, out = asked.x, look.batch[-1], asked.answer
    assert out is not None
    sizes = {len(i) for i in look.batch[:-1] if isinstance(i, Tensor) and i.ndim}
    if len(sizes) > 1 or _knows_all_pairs(look, len(x)):
        return  # a graph, whose nodes do know of each other
    axes = [0] if x.ndim < 3 or _is_of(y, x, 0) else [0, 1]
    if time is not None or (x.ndim == 2 and not look.batch[0].is_floating_point()):
        axes = [1 - time] if time is not None else [0] if _is_of(y, x, 0) else [0, 1]
    mixed = []
    for axis in axes:
        n = x.shape[axis]
        rows = np.moveaxis(x, axis, 0)
        places = [k for k in range(out.ndim) if out.shape[k] == n]
        if not places or out.shape == (n, n):
            return
        count = 0
        for which in {
            0,
            n // 2,
            n - 1,
        }:  # of a recurrence along the examples the last changes no other
            other = next((k for k in range(n) if (rows[k] != rows[which]).any()), None)
            if other is None:
                return
            changed = x.copy()
            np.moveaxis(changed, axis, 0)[which] = rows[other]
            touched = asked.differs(out, asked(changed))
            if touched.shape != out.shape:
                return
            count = max(count, min(_others(touched, k, n, which) for k in places))
        if count == 0:
            return
        mixed.append((axis, n, count))
    axis, n, count = mixed[0]
    yield Finding(
        "examples mix", "the answer to an example depends on the other examples of the batch",
        f"in evaluation mode: one of {n} examples (axis {axis} of the input) was changed, and the answers to {count} "
        "others changed",
        "look for a view or reshape that should be a transpose or permute, for mean, softmax or a norm over the "
        "batch's axis, and for batch_first of recurrent layers and attention",
    )  # fmt: skip


def _check_place_in_batch(look: Look, asked: _Asked, time: int | None) -> Iterator[Finding]:
    """The answer to an example must not change with its place in the batch."""
    x, y, out = asked.x, look.batch[-1], asked.answer
    assert out is not None
    draws = not bool((get_rng_state() == asked.state).all())  # noise belongs to places
    if (
        draws
        or _knows_all_pairs(look, len(x))
        or len(look.batch) > 2
        or not isinstance(y, Tensor)
        or not y.ndim
        or time == 0
    ):
        return
    if len(out) != len(x) or not _is_of(y, x, 0) or out.shape == (len(x), len(x)):
        return
    moved = asked(np.roll(x, 1, axis=0))
    if moved is None or not asked.differs(np.roll(out, 1, axis=0), moved).any():
        return
    rows = asked.differs(np.roll(out, 1, axis=0), moved).reshape(len(x), -1).any(axis=1)
    yield Finding(
        "place in the batch", "the answer to an example depends on its place in the batch",
        f"the examples were moved by one place, and the answers to {int(rows.sum())} of {len(rows)} changed",
        "look for what is made along the batch's axis and added or multiplied: positions of (T, 1, C) for inputs of (B, T, C) need a "
        "transpose, pe[:, :T] and not pe[:B]",
    )  # fmt: skip


def _check_padding(look: Look, asked: _Asked) -> Iterator[Finding | str]:
    """What stands behind the end of a text must not count, and the text must."""
    x, y, out = asked.x, look.batch[-1], asked.answer
    assert out is not None
    padding = _padding_of(look)
    if (
        padding is None
        or not isinstance(y, Tensor)
        or y.ndim != 1
        or len(out) != len(x)
        or len(y) != len(x)
    ):
        return
    lengths = x.shape[1] - (x[:, ::-1] != padding).argmax(axis=1)
    short = [n for n in np.unique(lengths) if 3 <= n < x.shape[1]]
    if not short or (x == padding).all(axis=1).any():
        return
    n = max(short, key=lambda k: int((lengths == k).sum()))
    rows = x[lengths == n]
    whole = asked(rows)
    if whole is None:
        return
    try:
        cut = asked(rows[:, :n])
    except (ChainruleError, ValueError, TypeError, IndexError):
        cut = None  # it takes texts of one length alone
    others = rows.copy()
    others[:, 1:n] = np.where(
        rows[:, 1:n] == padding, padding, _another(rows[:, 1:n], padding, x.max())
    )
    if not asked.differs(whole, asked(others)).any():
        yield Finding(
            "tokens unread", "the answer does not depend on the text, but for its first token",
            f"of {len(rows)} texts of {n} tokens all but the first were changed, and no answer changed",
            "look at the mask: key_padding_mask and src_key_padding_mask are True where there is padding, tokens == "
            f"{padding}; and at what of the output is read",
        )  # fmt: skip
    elif cut is not None and asked.differs(whole, cut).any():
        said = f"of {len(rows)} texts of {n} tokens the {x.shape[1] - n} of padding behind them were cut off, and the answers changed"
        if look.recurrent:
            yield Finding(
                "padding read", "the answer depends on how much padding follows the text", said,
                "pack_padded_sequence, or the state at the last token of each text: y[arange(B), lengths - 1], not y[:, -1] or h_n",
            )  # fmt: skip
        else:
            yield f"the answer depends on how much padding follows the text: {said}; a mask of attention, and a mean over the tokens alone"
    elif cut is None and _attends(look) and _reads_padding(look, asked, rows, whole):
        yield (
            f"the answer depends on the padding: the vector of token {padding} was replaced by another, and answers to {len(rows)} texts "
            f"of {n} tokens changed; a mask of attention (src_key_padding_mask), and a mean over the tokens alone"
        )


def _reads_padding(look: Look, asked: _Asked, rows: np.ndarray, whole: np.ndarray) -> bool:
    """Whether another vector for padding makes other answers."""
    name, weight, padding = next(
        (f"{a.path}.weight", m.weight, m.padding_idx)
        for a in look.named("embedding")
        if getattr(m := look.modules.get(a.path), "padding_idx", None) is not None
    )
    other = array(weight).copy()
    other[padding] = other.std() * np.cos(np.arange(other.shape[1]))
    told = functional_call(look.model, {name: tensor(other, dtype=weight.dtype)}, (tensor(rows),))
    return isinstance(told, Tensor) and bool(asked.differs(whole, array(told)).any())


def _another(tokens: np.ndarray, padding: int, highest: int) -> np.ndarray:
    """Other tokens of the vocabulary, none of them padding."""
    other = np.where(tokens >= highest, 0, tokens + 1)
    return np.where(other == padding, other + 1 if padding < highest else 0, other)


def _padding_of(look: Look) -> int | None:
    """The token that an embedding of the inputs takes for padding."""
    for a in look.named("embedding"):
        padding = getattr(look.modules.get(a.path), "padding_idx", None)
        ids = next((x for x in tensors_in(a.args) if not x.is_floating_point()), None)
        if padding is not None and ids is not None and ids.ndim == 2:
            return int(padding) if tuple(ids.shape) == tuple(look.batch[0].shape) else None
    return None


def _others(touched: np.ndarray, axis: int, n: int, which: int) -> int:
    """How many examples but the one that was changed have an answer that changed."""
    by_example = np.moveaxis(touched, axis, 0).reshape(n, -1).any(axis=1)
    return int(np.delete(by_example, which).sum())


def _is_of(y: Any, x: np.ndarray, axis: int) -> bool:
    """Whether the target has an entry for each entry of this axis of the input, and of no other."""
    if not isinstance(y, Tensor) or not y.ndim:
        return False
    return y.shape[0] == x.shape[axis] and (x.ndim < 2 or y.shape[0] != x.shape[1 - axis])


def _knows_all_pairs(look: Look, n: int) -> bool:
    """Whether an (n, n) that is neither weight nor made of the input is used: who knows whom."""
    weights = {id(p) for p in look.model.parameters()} | {id(look.batch[0])}
    for a in look.named("matmul"):
        for x in a.args if a.inside else ():
            if isinstance(x, Tensor) and tuple(x.shape[-2:]) == (n, n) and x.ndim >= 2:
                if id(x) not in weights and id(x) not in look.made:
                    return True
    return False


def _check_future(asked: _Asked, time: int) -> Iterator[Finding]:
    """Tokens that come later must not change what is said of earlier ones."""
    x, out = asked.x, asked.answer
    assert out is not None
    B, T = x.shape[1 - time], x.shape[time]
    half = T // 2
    changed = x.copy()
    late = np.moveaxis(changed, time, 0)
    late[half:] = np.roll(late[half:], 1, axis=1) if B > 1 else late[half:][::-1]
    if (changed == x).all():
        return
    other = asked(changed)
    if other is None or other.shape != out.shape:
        return
    if out.shape[:2] != x.shape[:2]:
        if out.shape[0] == B * T:  # (B·T, V)
            out, other = (o.reshape(*x.shape[:2], -1) for o in (out, other))
        elif out.ndim == 3 and (out.shape[0], out.shape[2]) == x.shape[:2]:  # (B, V, T)
            out, other = out.swapaxes(1, 2), other.swapaxes(1, 2)
        else:
            return
    moved = np.moveaxis(asked.differs(out, other), time, 0)[:half]
    if moved.any():
        share = moved.any(axis=-1).mean()
        one = "token" if x.dtype.kind in "iu" else "step"
        yield Finding(
            "sees the future", f"the model sees the future: what it says of a {one} depends on the {one}s after it",
            f"the {one}s from place {half} on were changed, and {share:.0%} of the answers before it changed",
            "a causal mask (is_causal=True, or −∞ above the diagonal before the softmax); look whether it is the right way "
            "round, and for a view or reshape that should be a transpose; a recurrent layer in one direction; padding of a "
            "convolution on the left alone",
        )  # fmt: skip


def _attends(look: Look) -> bool:
    return bool(look.named("attention")) or any(
        a.op == "matmul"
        and (m := look.maker(a.args[0])) is not None
        and m.op in ("softmax", "dropout")
        for a in look.applied
    )


def _check_places(look: Look, asked: _Asked, time: int | None) -> Iterator[Finding | str]:
    """With attention: does it matter where a token stands?"""
    x, out = asked.x, asked.answer
    assert out is not None
    if not _attends(look) or x.ndim != 2 or x.dtype.kind not in "iu" or x.shape[1] < 3:
        return
    if out.shape[:2] == x.shape and out.ndim == 3:
        axis = 1 if time is None else time
        token = np.bincount(x.reshape(-1)[x.reshape(-1) >= 0]).argmax()
        said = asked(np.full_like(x, token))
        if said is None:
            return
        said = np.moveaxis(said, axis, 0)
        alike = not asked.differs(np.broadcast_to(said[:1], said.shape), said).any()
        evidence = f"a text of nothing but token {token} gets the same answer at each of its {len(said)} places"
        if alike and time is not None and _order_matters(asked, time):
            yield (
                f"nothing but the mask tells attention where a token stands: {evidence}; decoders of several layers can find it out "
                "from that; an embedding of positions, rotary or relative positions tell them"
            )
            return
    elif len(out) == len(x):
        shuffled = asked(np.roll(x, 1, axis=1))
        alike = shuffled is not None and not asked.differs(out, shuffled).any()
        evidence = (
            "the tokens were moved by one place, the last to the front, and no answer changed"
        )
    else:
        return
    if alike:
        yield Finding(
            "places alike", "attention does not know where a token stands", evidence,
            "add an embedding of positions to that of the tokens, or rotary or relative positions",
        )  # fmt: skip


def _order_matters(asked: _Asked, time: int) -> bool:
    """Whether the last answer changes when earlier tokens change places."""
    moved = np.moveaxis(asked.x.copy(), time, 0)
    moved[:-1] = moved[:-1][::-1].copy()
    other = asked(np.moveaxis(moved, 0, time))
    if asked.answer is None or other is None:
        return False
    last = [np.moveaxis(out, time, 0)[-1] for out in (asked.answer, other)]
    return bool(asked.differs(*last).any())


def _check_linear(look: Look, asked: _Asked) -> Iterator[Finding]:
    """Several layers that together are one linear map."""
    x, out = asked.x, asked.answer
    weights = [n for n, p in look.model.named_parameters() if p.ndim > 1]
    if x.dtype.kind != "f" or len(look.batch) > 2 or len(weights) < 2 or out is None:
        return
    n = len(x)
    if len(out) != n:
        return
    a, b = x, x[::-1]
    both, zero, second = asked(a + b), asked(np.zeros_like(x)), asked(b)
    if both is None or zero is None or second is None:
        return
    if asked.differs(both + zero, out + second).any() or not asked.differs(out, zero).any():
        return
    widths = [
        r.size // n
        for a_ in look.applied
        if a_.inside
        and isinstance(a_.result, Tensor)
        and a_.result.ndim > 1
        and len(a_.result) == n
        if (r := array(a_.result)).size
    ]
    if widths and min(widths[:-1] or widths) >= min(x[0].size, out[0].size):  # no bottleneck
        yield Finding(
            "linear", "the model is linear, however many layers it has",
            f"f(a + b) + f(0) = f(a) + f(b) for the batch, with {len(weights)} layers of weights",
            "an activation (nn.ReLU, nn.GELU) between the layers",
        )  # fmt: skip
