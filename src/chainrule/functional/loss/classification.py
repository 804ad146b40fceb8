"""Cross-entropies: how many nats a prediction wastes on the classes that are there."""

from __future__ import annotations

from ...backends import xp
from ...base import dtypes
from ...base.errors import DTypeError, RangeError
from ...ops import abs as abs_
from ...ops import (
    cast,
    exp,
    expand,
    gather,
    log,
    log1p,
    maximum,
    scatter,
    sum,
    view,
    where,
    zeros_like,
)
from ...ops.explain import refuse
from ...ops.kinds import elementwise, reduce
from ...ops.promotion import spec_of
from ...ops.record import composite
from ...ops.samples import F, I, S
from ..normalize import _log_softmax, log_softmax
from .reduction import check_reduction, reduce_loss, same_shapes

# ------------------------------------------------------------------------------------------------------- of classes


def _class_law(args, attrs):
    x, target, weight = args
    if spec_of(target).dtype.category != dtypes.INTEGER:
        raise DTypeError(
            f"target must hold class indices (integers), found {spec_of(target).dtype.name}"
        )
    if x.ndim and x.shape[1 if x.ndim > 1 else 0] == 0:
        raise refuse("there are no classes")
    expected = (*x.shape[:1], *x.shape[2:]) if x.ndim > 1 else ()
    if x.ndim == 0 or tuple(target.shape) != tuple(expected):
        said = f"for input (N, C, …) the target must be (N, …): {tuple(expected)}, found {tuple(target.shape)}"
        if tuple(target.shape) == tuple(x.shape):
            raise refuse(
                said,
                hint="one-hot targets are floats, target.float(), or classes: target.argmax(1)",
            )
        if x.ndim == 2 and tuple(target.shape) == (x.shape[0], 1):
            raise refuse(said, hint="target.squeeze(1)")
        raise refuse(said)
    if weight is not None and tuple(weight.shape) != (x.shape[1 if x.ndim > 1 else 0],):
        raise refuse("weight must have one element for each class")
    return check_reduction(args, attrs)


def _class_axis(x):
    return 1 if x.ndim > 1 else 0


def _at(target, x, ignore):
    """The target with the class axis given back (size 1), ignored entries pointing at class 0."""
    shape = (*x.shape[: _class_axis(x)], 1, *x.shape[_class_axis(x) + 1 :])
    return view(where(target == ignore, 0, target), shape=shape)


def _weights(target, x, weight, ignore):
    """How much each entry counts: its class's weight, 0 if ignored; shaped like `_at`."""
    at = _at(target, x, ignore)
    counted = view(target != ignore, shape=at.shape)
    if weight is None:
        return where(counted, 1.0, zeros_like(cast(at, dtype=x.dtype)))
    wide = expand(_per_class(weight, x), shape=x.shape)
    return where(counted, gather(wide, at, dim=_class_axis(x)), 0.0)


_CLASSES = (
    S(F(5, 3), I(5, high=3), None, ignore_index=-100, reduction="mean", label_smoothing=0.0),
    S(
        F(5, 3),
        I(5, high=3),
        F(3, low=0.5, high=2),
        ignore_index=1,
        reduction="mean",
        label_smoothing=0.1,
    ),
    S(F(2, 3, 5), I(2, 5, high=3), None, ignore_index=0, reduction="sum", label_smoothing=0.0),
    S(
        F(2, 3, 5),
        I(2, 5, high=3),
        F(3, low=0.5, high=2),
        ignore_index=-100,
        reduction="none",
        label_smoothing=0.2,
    ),
    S(F(3), I(high=3), None, ignore_index=-100, reduction="mean", label_smoothing=0.0),
)


@composite(
    reduce,
    types="floating",
    promotes=("x", "weight"),
    normalize=_class_law,
    hidden=("logp", "at", "w"),
    reference="torch.nn.functional.cross_entropy",
    onnx="SoftmaxCrossEntropyLoss",
    samples=_CLASSES,
)
def cross_entropy(
    x, target, weight=None, /, *, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """Cross-entropy of logits x (N, C, …) with class indices,  −w[t] · ln softmax(x)[t],  in nats;
    the mean is over the weights.

    With label smoothing ε the target keeps 1 − ε, and ε is spread over all classes.  Source:
    Szegedy et al. 2016, section 7.
    """
    d = _class_axis(x)
    logp = log_softmax(x, dim=d)
    at, w = _at(target, x, ignore_index), _weights(target, x, weight, ignore_index)
    # an ignored entry counts nothing, even where it is infinite
    loss = where(w == 0, 0.0, -w * gather(logp, at, dim=d))
    if label_smoothing:
        spread = logp if weight is None else logp * _per_class(weight, x)
        smooth = where(
            view(target != ignore_index, shape=w.shape), -sum(spread, dim=d, keepdim=True), 0.0
        )
        loss = (1 - label_smoothing) * loss + (label_smoothing / x.shape[d]) * smooth
    if reduction == "none":
        return view(loss, shape=target.shape), logp, at, w
    return (sum(loss) if reduction == "sum" else sum(loss) / sum(w)), logp, at, w


@cross_entropy.fast
def _cross_entropy(x, target, weight=None, *, ignore_index, reduction, label_smoothing):
    d = _class_axis(x)
    logp = _log_softmax(x, dim=d)
    counted = xp.expand_dims(target != ignore_index, d)
    at = xp.where(counted, xp.expand_dims(target, d), 0)
    if at.size and (at.min() < 0 or at.max() >= x.shape[d]):
        wrong = int(at.min() if at.min() < 0 else at.max())
        raise RangeError(f"target {wrong} is out of range for {x.shape[d]} classes")
    w = (
        counted.astype(x.dtype)
        if weight is None
        else xp.where(counted, weight[at], xp.asarray(0, x.dtype))
    )
    loss = xp.where(w == 0, xp.asarray(0, x.dtype), -w * xp.take_along_axis(logp, at, d))
    if label_smoothing:
        spread = (
            logp
            if weight is None
            else logp * weight.reshape([-1 if k == d else 1 for k in range(x.ndim)])
        )
        smooth = xp.where(counted, -xp.sum(spread, axis=d, keepdims=True), xp.asarray(0, x.dtype))
        loss = (1 - label_smoothing) * loss + (label_smoothing / x.shape[d]) * smooth
    if reduction == "none":
        return loss.reshape(target.shape), logp, at, w
    return (xp.sum(loss) if reduction == "sum" else xp.sum(loss) / xp.sum(w)), logp, at, w


def _per_class(weight, x):
    """A vector of class weights, shaped to broadcast against x."""
    return view(
        weight,
        shape=(*(1,) * _class_axis(x), weight.shape[0], *(1,) * (x.ndim - 1 - _class_axis(x))),
    )


def _cross_entropy_rule(
    g, x, target, weight, logp, at, w, ignore_index, reduction, label_smoothing
):
    d = _class_axis(x)
    scale = (
        view(g, shape=w.shape) if reduction == "none" else g / sum(w) if reduction == "mean" else g
    )
    p = exp(logp)
    # of the target class; of an ignored entry nothing, even where no entry counts and the mean is 0 / 0
    share = where(w == 0, 0.0, w * ((1 - label_smoothing) * scale))
    gx = share * p
    gx = scatter(gx, at, gather(gx, at, dim=d) - share, dim=d)
    if label_smoothing:
        counted = view(target != ignore_index, shape=w.shape)
        rest = where(counted, (label_smoothing / x.shape[d]) * scale, 0.0)
        gx = gx + rest * (
            x.shape[d] * p - 1 if weight is None else sum(weight) * p - _per_class(weight, x)
        )
    return gx


cross_entropy.vjp(x=lambda g, x, target, weight, logp, at, w, ignore_index, reduction, label_smoothing: _cross_entropy_rule(
    g, x, target, weight, logp, at, w, ignore_index, reduction, label_smoothing))  # fmt: skip


@composite(
    reduce,
    types="floating",
    promotes=("x", "weight"),
    normalize=_class_law,
    reference="torch.nn.functional.nll_loss",
    samples=tuple(
        [
            S(
                *s.operands,
                ignore_index=s.attributes["ignore_index"],
                reduction=s.attributes["reduction"],
            )
            for s in _CLASSES
        ]
    ),
)
def nll_loss(x, target, weight=None, /, *, ignore_index=-100, reduction="mean"):
    """Negative log-likelihood of log-probabilities x (N, C, …),  −w[t] · x[t];  the mean is over
    the weights.
    """
    w = _weights(target, x, weight, ignore_index)
    loss = where(w == 0, 0.0, -w * gather(x, _at(target, x, ignore_index), dim=_class_axis(x)))
    if reduction == "none":
        return view(loss, shape=target.shape)
    return sum(loss) if reduction == "sum" else sum(loss) / sum(w)


def _soft_law(args, attrs):
    if tuple(args[0].shape) != tuple(args[1].shape):
        raise refuse(
            "class probabilities must have the shape of the input",
            hint="a target that holds classes holds integers: target.long()",
        )
    x, weight = args[0], args[2]
    if weight is not None and tuple(weight.shape) != (x.shape[_class_axis(x)],):
        raise refuse("weight must have one element for each class")
    return check_reduction(args, attrs)


@composite(
    reduce,
    types="floating",
    normalize=_soft_law,
    samples=(
        S(F(5, 3), F(5, 3, low=0, high=1), None, reduction="mean", label_smoothing=0.0),
        S(
            F(2, 3, 5),
            F(2, 3, 5, low=0, high=1),
            F(3, low=0.5, high=2),
            reduction="sum",
            label_smoothing=0.1,
        ),
    ),
)
def soft_cross_entropy(x, target, weight=None, /, *, reduction="mean", label_smoothing=0.0):
    """Cross-entropy of logits with class probabilities,  −Σ_c w_c · t_c · ln softmax(x)_c;  the
    mean is over the N · … entries.
    """
    d = _class_axis(x)
    logp = log_softmax(x, dim=d)
    t = (
        target
        if not label_smoothing
        else target * (1 - label_smoothing) + label_smoothing / x.shape[d]
    )
    if weight is not None:
        t = t * _per_class(weight, x)
    return reduce_loss(-sum(t * logp, dim=d), reduction)


# ------------------------------------------------------------------------------------------------------- of yes and no

_UNIT = (S(F(5, 3, low=0.1, high=0.9), F(5, 3, low=0, high=1), None, reduction="mean"),
         S(F(5, 3, low=0.1, high=0.9), F(5, 3, low=0, high=1), F(3, low=0.5, high=2), reduction="none"))  # fmt: skip


NEAR_ZERO = 9.999999960041972e-13  # 1e-12 as a float32: the bound PyTorch puts under x (1 − x)


@composite(
    elementwise, types="floating", samples=(S(F(5, 3, low=0.1, high=0.9), F(5, 3, low=0, high=1)),)
)
def binary_entropy(x, target, /):
    """−(t ln x + (1 − t) ln(1 − x)), elementwise. At x = 0 and 1 the derivative stays finite, as
    in PyTorch.
    """
    return -(target * maximum(log(x), -100.0) + (1 - target) * maximum(log1p(-x), -100.0))


binary_entropy.vjp(
    x=lambda g, x, target: g * (x - target) / maximum(x * (1 - x), NEAR_ZERO),
    target=lambda g, x: g * (log1p(-x) - log(x)),
)


@composite(
    reduce,
    types="floating",
    normalize=same_shapes,
    reference="torch.nn.functional.binary_cross_entropy",
    samples=_UNIT,
)
def binary_cross_entropy(x, target, weight=None, /, *, reduction="mean"):
    """−w · (t ln x + (1 − t) ln(1 − x))  of probabilities x, in nats; logarithms are limited to
    −100, as in PyTorch.
    """
    loss = binary_entropy(x, target)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@composite(
    reduce,
    types="floating",
    normalize=same_shapes,
    reference="torch.nn.functional.binary_cross_entropy_with_logits",
    samples=(
        S(F(5, 3), F(5, 3, low=0, high=1), None, None, reduction="mean"),
        S(
            F(5, 3),
            F(5, 3, low=0, high=1),
            F(3, low=0.5, high=2),
            F(3, low=0.5, high=2),
            reduction="sum",
        ),
    ),
)
def binary_cross_entropy_with_logits(
    x, target, weight=None, pos_weight=None, /, *, reduction="mean"
):
    """Binary cross-entropy of logits,  (1 − t) x + (1 + (p − 1) t) · ln(1 + e^−x),  p the weight
    of positives; in nats.
    """
    soft = log1p(exp(-abs_(x))) + maximum(-x, 0.0)  # ln(1 + e^−x) without overflow
    loss = (1 - target) * x + (
        soft if pos_weight is None else (1 + (pos_weight - 1) * target) * soft
    )
    return reduce_loss(loss if weight is None else loss * weight, reduction)
