"""Losses without a reference: what is refused and in which words, reductions, limits, CTC against sums over all paths."""

import itertools
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DTypeError, GradError, RangeError, ShapeError, TraceError
from chainrule.nn import functional as F

X = cr.ones(2, 3, 7, 7)
PAIRS = [
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.kl_div,
    F.soft_margin_loss,
    F.multilabel_soft_margin_loss,
    F.hinge_embedding_loss,
    F.poisson_nll_loss,
]


@pytest.mark.parametrize("loss", PAIRS)
def test_losses_do_not_broadcast(loss):
    """PyTorch would average 25 differences of all pairs."""
    with pytest.raises(ShapeError, match=r"(?s)must have the same shape.*\(5,\).*\(5, 1\)"):
        loss(cr.zeros(5), cr.zeros(5, 1))


@pytest.mark.parametrize("loss", [F.margin_ranking_loss, F.triplet_margin_loss])
def test_losses_of_three_do_not_broadcast(loss):
    with pytest.raises(ShapeError, match="must have the same shape"):
        loss(cr.zeros(5, 3), cr.zeros(5, 3), cr.zeros(5, 1))


@pytest.mark.parametrize(
    ("loss", "operands"),
    [*[(f, 2) for f in PAIRS], (F.cross_entropy, 2), (F.margin_ranking_loss, 3), (F.triplet_margin_loss, 3), (F.gaussian_nll_loss, 3)],
)  # fmt: skip
def test_reductions_are_checked(loss, operands):
    with pytest.raises(ValueError, match="reduction is 'mean', 'sum' or 'none', found 'avg'"):
        loss(*[cr.zeros(5, 3)] * operands, reduction="avg")


@pytest.mark.parametrize(
    ("given", "meant"),
    [((True, None), "mean"), ((False, None), "sum"), ((None, False), "none"), ((None, True), "mean"), ((False, False), "none")],
)  # fmt: skip
def test_the_older_arguments_say_the_reduction(given, meant):
    x, y = cr.randn(5, 3), cr.randn(5, 3)
    with pytest.warns(UserWarning, match=f"write reduction='{meant}' instead"):
        found = F.mse_loss(x, y, *given)
    np.testing.assert_array_equal(found.numpy(), F.mse_loss(x, y, reduction=meant).numpy())
    with pytest.warns(UserWarning, match=f"write reduction='{meant}' instead"):
        assert nn.MSELoss(*given).reduction == meant


CLASSES = cr.tensor([0, 1, 2, 1, 0])
SCORES = cr.zeros(5, 3)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: F.cross_entropy(SCORES, cr.tensor([0, 1, 2, 3, 0])), RangeError, r"target 3 is .* 0 to 2 \(or -100, which"),
        (lambda: F.cross_entropy(SCORES, cr.tensor([0, 1, 2, -1, 0])), RangeError, r"target -1 is out of range"),
        (lambda: F.nll_loss(SCORES, cr.tensor([0, 1, 2, 7, 0])), RangeError, r"nll_loss: target 7"),
        (lambda: F.cross_entropy(SCORES, cr.tensor([0, 1])), ShapeError, r"the target must be \(N, …\): \(5,\), found \(2,\)"),
        (lambda: F.cross_entropy(SCORES, [0, 1]), DTypeError, r"the target is a tensor of classes or of their probabilities, found list"),
        (lambda: F.cross_entropy(SCORES, cr.zeros(5)), ShapeError, r"class probabilities must have the shape of the input(?s:.*)hint"),
        (lambda: F.cross_entropy(SCORES, SCORES, ignore_index=1), ValueError, r"ignore_index=1 has no meaning where the target holds prob"),
        (lambda: F.cross_entropy(SCORES, CLASSES, cr.ones(2)), ShapeError, r"one element for each class"),
        (lambda: F.cross_entropy(SCORES, CLASSES, label_smoothing=2.0), ValueError, r"between 0.0 and 1.0. Got: 2.0"),
        (lambda: F.cross_entropy(SCORES, CLASSES, None, -100), TypeError, r"size_average must be True, False or None, found -100"),
        (lambda: nn.CrossEntropyLoss(SCORES, CLASSES), TypeError, r"found a tensor \(5,\); (?s:.*) nn.MSELoss\(\)\(input, target\)"),
        (lambda: F.linear_cross_entropy(X, X, CLASSES), ShapeError, r"the input must be \(B, I\) or \(I,\) and linear_weight"),
        (lambda: F.linear_cross_entropy(SCORES, cr.zeros(2, 5), CLASSES), ShapeError, r"does not fit linear_weight \(2, 5\)"),
        (lambda: F.linear_cross_entropy(SCORES[0], cr.zeros(2, 5, 3), CLASSES), ShapeError, r"want a batch"),
        (lambda: F.linear_cross_entropy(SCORES, X[0, :, 0, :3], CLASSES, linear_bias=cr.zeros(5)), ShapeError, r"bias of shape \(3,\)"),
        (lambda: F.linear_cross_entropy(SCORES, cr.zeros(2, 3), cr.zeros(5, 2), ignore_index=0), ValueError, r"cannot be given"),
        (lambda: F.binary_cross_entropy(cr.tensor([1.5]), cr.ones(1)), RangeError, r"between 0 and 1"),
        (lambda: F.smooth_l1_loss(X, X, beta=-1.0), ValueError, r"negative values for beta"),
        (lambda: F.huber_loss(X, X, delta=0.0), ValueError, r"non-positive values for delta"),
        (lambda: nn.HuberLoss(delta=1j), TypeError, r"HuberLoss: delta must be a number, found complex"),
        (lambda: F.mse_loss(SCORES, SCORES, weight=cr.ones(3)), ShapeError, r"weight must have one element for each of the input"),
        (lambda: F.gaussian_nll_loss(SCORES, SCORES, -1.0), RangeError, r"var has negative entry"),
        (lambda: F.gaussian_nll_loss(SCORES, SCORES, cr.ones(3)), ShapeError, r"var is of incorrect size: .* found \(3,\)"),
        (lambda: F.gaussian_nll_loss(SCORES, cr.zeros(3), SCORES), ShapeError, r"target must have the shape of the input, or size 1"),
        (lambda: F.multi_margin_loss(SCORES, CLASSES, p=3), ValueError, r"p is 1 or 2, found 3"),
        (lambda: F.multi_margin_loss(SCORES, CLASSES, weight=cr.ones(5)), ShapeError, r"weight must have one element for each class"),
        (lambda: F.multi_margin_loss(SCORES, CLASSES + 1), RangeError, r"multi_margin_loss: target 3 is out of range"),
        (lambda: F.multi_margin_loss(SCORES, SCORES), DTypeError, r"class indices \(integers\), found float32"),
        (lambda: F.multi_margin_loss(SCORES, CLASSES[:2]), ShapeError, r"the target must be \(N,\): \(5,\)"),
        (lambda: F.multi_margin_loss(cr.zeros(5, 0), CLASSES), ShapeError, r"\(N, C\), with one class or more"),
        (lambda: F.multilabel_margin_loss(SCORES, cr.zeros(5, 3).long() - 2), RangeError, r"target -2 .* targets are -1 to 2"),
        (lambda: F.multilabel_margin_loss(SCORES, CLASSES), ShapeError, r"target must have the shape of the input: classes, then"),
        (lambda: F.multilabel_margin_loss(SCORES[0], CLASSES), ShapeError, r"the shape of the input, \(3,\), found \(5,\)"),
        (lambda: F.multilabel_soft_margin_loss(cr.tensor(1.0), cr.tensor(1.0)), ShapeError, r"the last axis of the input is that of"),
        (lambda: F.cosine_embedding_loss(SCORES, SCORES, SCORES), ShapeError, r"the target must be \(N,\) or \(\)"),
        (lambda: F.cosine_embedding_loss(SCORES, SCORES[:1], CLASSES), ShapeError, r"both inputs must have the same shape"),
        (lambda: F.triplet_margin_loss(SCORES, SCORES, SCORES, margin=0.0), ValueError, r"margin must be greater than 0, got 0.0"),
        (lambda: nn.TripletMarginLoss(margin=-1.0), ValueError, r"margin must be greater than 0, got -1.0"),
        (lambda: nn.TripletMarginWithDistanceLoss(margin=-1.0), ValueError, r"margin must be greater than 0, got -1.0"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, r"only p == 1 and p == 2 supported"),
        (lambda: nn.MultiMarginLoss(weight=SCORES), ValueError, r"weight must be \(C,\), found \(5, 3\)"),
        (lambda: nn.LinearCrossEntropyLoss(3, 2, weight=cr.ones(3)), ShapeError, r"expected weight of shape \(2,\), found \(3,\)"),
        (lambda: nn.LinearCrossEntropyLoss(3, 2, label_smoothing=2.0), ValueError, r"label_smoothing must be between"),
        (lambda: F.pairwise_distance(cr.tensor(1.0), cr.tensor(1.0)), ShapeError, r"0-d tensors have none"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(5, 7, []), ValueError, r"cutoffs should be a sequence of length larger than 0"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(5, 7, [3, 3]), ValueError, r"between 1 and n_classes-1, found \[3, 3\]"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(5, 7, [7]), ValueError, r"found \[7\]"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(3, 7, [2], 2.0)(SCORES, CLASSES[:2]), ShapeError, r"found \(5, 3\) and \(2,\)"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(3, 7, [2], 2.0)(SCORES, CLASSES + 6), RangeError, r"target 7 is out of range for 7"),
        (lambda: F.pdist(X), ShapeError, r"pdist: expected a matrix, found shape \(2, 3, 7, 7\)"),
        (lambda: F.pdist(SCORES, p=-1.0), ValueError, r"pdist only supports non-negative p values, got -1.0"),
    ],
)  # fmt: skip
def test_errors_of_losses(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_ignored_classes_may_have_any_value():
    x, t = cr.randn(5, 3), cr.tensor([0, -100, 2, 1, -100])
    kept = F.cross_entropy(x[cr.tensor([0, 2, 3])], t[cr.tensor([0, 2, 3])])
    np.testing.assert_allclose(F.cross_entropy(x, t).item(), kept.item(), rtol=1e-6)
    np.testing.assert_allclose(
        F.cross_entropy(x, cr.tensor([0, 99, 2, 1, 99]), ignore_index=99).item(),
        kept.item(),
        rtol=1e-6,
    )
    assert math.isnan(F.cross_entropy(x, cr.tensor([-100] * 5)).item())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_where_every_entry_is_ignored_nothing_is_pulled(smoothing):
    x = cr.randn(5, 3, requires_grad=True)
    F.cross_entropy(x, cr.tensor([-100] * 5), label_smoothing=smoothing).backward()
    assert not x.grad.any()


def test_the_weight_of_a_class_has_no_derivative():
    w = cr.ones(3, requires_grad=True)
    with pytest.raises(GradError, match="cross_entropy has no derivative by weight"):
        F.cross_entropy(SCORES, CLASSES, w).backward()


def test_a_variance_below_its_bound_is_still_pulled_back():
    """Guards against a clamp whose derivative is 0: a variance of 0 could never grow again."""
    var = cr.zeros(1, requires_grad=True)
    F.gaussian_nll_loss(cr.ones(1), cr.zeros(1), var, eps=0.5).backward()
    np.testing.assert_allclose(var.grad.numpy(), [0.5 * (1 / 0.5 - 1 / 0.25)])


def test_soft_margin_does_not_overflow():
    x = cr.tensor([-200.0, 200.0], requires_grad=True)
    loss = F.soft_margin_loss(x, cr.ones(2), reduction="none")
    np.testing.assert_array_equal(loss.detach().numpy(), [200.0, 0.0])
    loss.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [-1.0, 0.0])


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, math.inf])
def test_a_length_of_zero_has_no_slope(p):
    """Guards the root at 0, whose derivative is infinite: one zero row made every gradient NaN."""
    x = cr.zeros(2, 3, requires_grad=True)
    F.normalize(x, p=p).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), 1e12), rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------------- CTC


def paths(T, C, labels, blank):
    """Every sequence of classes that stands for the labels: what is left of it without repeats and blanks."""
    for path in itertools.product(range(C), repeat=T):
        without_repeats = [c for c, _ in itertools.groupby(path)]
        if [c for c in without_repeats if c != blank] == list(labels):
            yield path


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("labels", [(), (1,), (1, 1), (1, 3), (3, 1, 3)])
@pytest.mark.parametrize("time", [1, 3, 5])
def test_ctc_is_the_sum_over_all_paths(labels, time, blank):
    rng = np.random.default_rng(3)
    log_probs = cr.tensor(rng.standard_normal((5, 4))).log_softmax(-1)
    p = np.exp(log_probs.numpy())
    total = sum(
        math.prod(p[t, c] for t, c in enumerate(path)) for path in paths(time, 4, labels, blank)
    )
    expected = -math.log(total) if total else math.inf
    targets = cr.tensor([*labels, -7], dtype=cr.int64)  # what stands behind the labels is not read
    found = F.ctc_loss(log_probs, targets, time, len(labels), blank, "none")
    assert found.shape == ()
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_a_labelling_that_does_not_fit_has_no_gradient():
    x = cr.randn(3, 2, 5, requires_grad=True)
    targets = cr.tensor([[1, 1, 2], [1, 2, 3]])
    for zero in (False, True):
        x.grad = None
        loss = F.ctc_loss(x.log_softmax(-1), targets, (3, 3), (3, 3), 0, "none", zero)
        assert loss[0].item() == (0.0 if zero else math.inf) and 0 < loss[1].item() < 99
        loss.sum().backward()
        assert not x.grad[:, 0].numpy().any() and x.grad[:, 1].numpy().all()


def test_ctc_takes_labels_one_after_the_other():
    x = cr.randn(7, 3, 5).log_softmax(-1)
    padded = cr.tensor([[1, 2, 2], [4, -1, -1], [3, 1, -1]])
    joined = cr.tensor([1, 2, 2, 4, 3, 1])
    for reduction in ("none", "mean", "sum"):
        a, b = (
            F.ctc_loss(x, t, cr.tensor([7, 5, 6]), (3, 1, 2), reduction=reduction).numpy()
            for t in (padded, joined)
        )
        np.testing.assert_array_equal(a, b)
    none = F.ctc_loss(x, cr.zeros(0, dtype=cr.int64), (7, 7, 7), (0, 0, 0), reduction="none")
    np.testing.assert_allclose(none.numpy(), -x[:, :, 0].sum(0).numpy(), rtol=1e-6)


LOG = cr.zeros(7, 3, 5)
TARGETS = cr.tensor([[1, 2], [3, 4], [1, 1]])


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: F.ctc_loss(X, TARGETS, (7,) * 3, (2,) * 3), ShapeError, r"must be \(T, B, C\) or \(T, C\), .* found \(2, 3, 7, 7\)"),
        (lambda: F.ctc_loss(LOG, TARGETS, (7,) * 3, (2,) * 3, blank=5), RangeError, r"blank must be one of the 5 classes, found 5"),
        (lambda: F.ctc_loss(LOG, TARGETS.float(), (7,) * 3, (2,) * 3), DTypeError, r"targets are integers, found float32"),
        (lambda: F.ctc_loss(LOG, TARGETS, (7,) * 2, (2,) * 3), ShapeError, r"input_lengths must have one number for each of the 3"),
        (lambda: F.ctc_loss(LOG, TARGETS, (8, 7, 7), (2,) * 3), RangeError, r"input_lengths are 0 to 7, found 8"),
        (lambda: F.ctc_loss(LOG, TARGETS, (7,) * 3, (2, 3, 1)), RangeError, r"target_lengths are 0 to 2, found 3"),
        (lambda: F.ctc_loss(LOG, TARGETS, (7,) * 3, cr.tensor([2.0] * 3)), DTypeError, r"target_lengths are integers, found float32"),
        (lambda: F.ctc_loss(LOG, TARGETS + 1, (7,) * 3, (2,) * 3), RangeError, r"ctc_loss: target 5 is out of range for 5 classes"),
        (lambda: F.ctc_loss(LOG, TARGETS[:2], (7,) * 3, (2,) * 3), ShapeError, r"targets must be \(3, S\), or all labels"),
        (lambda: F.ctc_loss(LOG, TARGETS[0], (7,) * 3, (2,) * 3), ShapeError, r"target_lengths add up to 6, and there are 2 targets"),
    ],
)  # fmt: skip
def test_errors_of_ctc(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_traced_ctc_wants_padded_labels():
    lengths = cr.tensor([7] * 3), cr.tensor([2] * 3)
    compiled = cr.compile(lambda t: F.ctc_loss(LOG, t, *lengths))
    np.testing.assert_allclose(
        compiled(TARGETS).numpy(), F.ctc_loss(LOG, TARGETS, *lengths).numpy(), rtol=1e-6
    )
    with pytest.raises(TraceError, match="give the targets padded"):
        compiled(TARGETS.flatten())
