"""PyTorch's own samples of its ops, as the tests of ours: what `tests/torch_samples.py` prints, asserted.

`WHOLE` names, family by family, the ops whose every sample (function, method, in-place form, `out=`; values, dtypes, shapes,
gradients; what is refused) must agree. To add an op: run `python tests/torch_samples.py NAME`, mend what it prints, and put the
name into its family, in order; all variants of the name are then tested. If something is left that we do differently on purpose,
say so in `DELIBERATE`: the name, a regular expression that finds each such outcome in its "dtype kind call words", and the reason.
An entry that finds nothing is a fault.

Of random ops and of `empty` only shapes and dtypes are compared (`torch_samples.OWN_VALUES`); `test_drawing.py` looks at the numbers.
"""

import re
import warnings
from functools import cache

import pytest
import torch_samples

DTYPES = ("float64", "float32", "bfloat16", "int64", "bool")
MOST_SAMPLES = 8

WHOLE = {
    "elementwise": """
        __radd__ __rand__ __rdiv__ __rmod__ __rmul__ __ror__ __rpow__ __rsub__ __rxor__ abs acos acosh add addcdiv
        addcmul allclose angle asin asinh atan atan2 atanh bfloat16 bitwise_and bitwise_left_shift bitwise_not
        bitwise_or bitwise_right_shift bitwise_xor bool byte ceil char clamp clamp_max clamp_min conj conj_physical
        copysign cos cosh deg2rad digamma div double eq equal erf erfc erfinv exp exp2 expm1 fill float float_power
        floor floor_divide fmax fmin fmod frac frexp gcd ge gt half heaviside hypot i0 igamma igammac int isclose
        isfinite isin isinf isnan isneginf isposinf isreal lcm ldexp le lerp lgamma log log10 log1p log2 logaddexp
        logaddexp2 logical_and logical_not logical_or logical_xor logit long lt maximum minimum mul mvlgamma
        nan_to_num ne neg nextafter polygamma positive pow rad2deg real reciprocal remainder resolve_conj resolve_neg
        round rsqrt rsub sgn short sigmoid sign signbit sin sinc sinh special.entr special.erfcx special.i0e
        special.i1 special.i1e special.log_ndtr special.ndtr special.ndtri special.polygamma special.xlog1py
        special.zeta sqrt square sub tan tanh true_divide trunc xlogy zero_
    """,
    "reduction": """
        all amax amin aminmax any argmax argmin corrcoef count_nonzero cov cummax cummin cumprod cumsum
        cumulative_trapezoid diff dist gradient kthvalue log_softmax logcumsumexp logsumexp max mean median min mode
        nanmean nanmedian nanquantile nansum norm prod quantile renorm softmax std std_mean sum sum_to_size trapezoid trapz
        var var_mean
    """,
    "order": """
        _segment_reduce argsort bincount bucketize histc histogram histogramdd msort searchsorted sort topk unique unique_consecutive
    """,
    "special": """
        special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1
        special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v
        special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he
        special.laguerre_polynomial_l special.legendre_polynomial_p special.modified_bessel_i0
        special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
        special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1
        special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u
        special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w
        special.spherical_bessel_j0
    """,
    "masked": """
        masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax
        masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod
        masked.softmax masked.softmin masked.std masked.sum masked.var
    """,
    "creation": """
        arange cartesian_prod combinations empty empty_like empty_permuted empty_strided eye full full_like linspace
        logspace meshgrid new_empty new_empty_strided new_full new_ones new_zeros ones ones_like scalar_tensor
        signal.windows.bartlett signal.windows.blackman signal.windows.cosine signal.windows.exponential
        signal.windows.gaussian signal.windows.general_cosine signal.windows.general_hamming signal.windows.hamming
        signal.windows.hann signal.windows.kaiser signal.windows.nuttall to tril_indices triu_indices zeros zeros_like
    """,
    "shape": """
        H T alias_copy as_strided as_strided_copy as_strided_scatter atleast_1d atleast_2d atleast_3d block_diag
        broadcast_shapes broadcast_tensors broadcast_to cat chunk clone column_stack contiguous diag diag_embed
        diagflat diagonal diagonal_copy diagonal_scatter dsplit dstack expand expand_as expand_copy flatten flip
        fliplr flipud hsplit hstack item mH mT movedim narrow narrow_copy permute permute_copy ravel repeat
        repeat_interleave reshape reshape_as resize_ resize_as_ roll rot90 select select_scatter slice_scatter
        split split_with_sizes split_with_sizes_copy squeeze squeeze_copy stack t t_copy tensor_split tile
        transpose transpose_copy tril triu unbind unbind_copy unflatten unfold unfold_copy unravel_index
        unsafe_chunk unsafe_split unsqueeze unsqueeze_copy view view_as view_copy vsplit vstack
    """,
    "places": """
        __getitem__ argwhere gather index_add index_copy index_fill index_put index_reduce index_select
        masked_fill masked_scatter masked_select nn.functional.one_hot nonzero nonzero_static put scatter
        scatter_add scatter_reduce take take_along_dim where
    """,
    "products": """
        __rmatmul__ addbmm addmm addmv addr baddbmm bmm cdist cross dot einsum inner kron matmul mm mv
        nn.functional.bilinear nn.functional.linear outer tensordot trace vdot
    """,
    "matrices": """
        cholesky cholesky_inverse cholesky_solve geqrf linalg.cholesky linalg.cholesky_ex linalg.cond
        linalg.cross linalg.det linalg.diagonal linalg.eigh linalg.eigvalsh linalg.householder_product
        linalg.inv linalg.inv_ex linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve
        linalg.lstsq linalg.lu linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve
        linalg.matrix_norm linalg.matrix_power linalg.matrix_rank linalg.multi_dot linalg.norm linalg.pinv
        linalg.qr linalg.slogdet linalg.solve linalg.solve_ex linalg.solve_triangular linalg.svd linalg.svdvals
        linalg.tensorinv linalg.tensorsolve linalg.vander linalg.vecdot linalg.vector_norm logdet lu lu_solve
        lu_unpack matrix_exp ormqr pca_lowrank pinverse qr svd svd_lowrank triangular_solve
    """,
    "activations": """
        nn.functional.celu nn.functional.elu nn.functional.gelu nn.functional.glu nn.functional.hardshrink
        nn.functional.hardsigmoid nn.functional.hardswish nn.functional.hardtanh nn.functional.leaky_relu
        nn.functional.logsigmoid nn.functional.mish nn.functional.prelu nn.functional.relu nn.functional.relu6
        nn.functional.rrelu
        nn.functional.selu nn.functional.silu nn.functional.softmin nn.functional.softplus nn.functional.softshrink
        nn.functional.softsign nn.functional.tanhshrink nn.functional.threshold
    """,
    "windows and norms": """
        nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d
        nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d
        nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d nn.functional.batch_norm
        nn.functional.channel_shuffle nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d
        nn.functional.conv_transpose1d nn.functional.conv_transpose2d nn.functional.conv_transpose3d
        nn.functional.embedding nn.functional.embedding_bag
        nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
        nn.functional.grid_sample nn.functional.group_norm
        nn.functional.instance_norm nn.functional.interpolate nn.functional.layer_norm
        nn.functional.local_response_norm nn.functional.max_pool1d nn.functional.max_pool2d
        nn.functional.max_pool3d nn.functional.max_unpool1d nn.functional.max_unpool2d
        nn.functional.max_unpool3d nn.functional.normalize nn.functional.pad nn.functional.pixel_shuffle
        nn.functional.pixel_unshuffle nn.functional.rms_norm nn.functional.unfold
        nn.functional.upsample_bilinear nn.functional.upsample_nearest
    """,
    "attention": """
        nn.functional.multi_head_attention_forward nn.functional.scaled_dot_product_attention
    """,
    "chance": """
        bernoulli cauchy exponential geometric log_normal multinomial nn.functional.alpha_dropout
        nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d
        nn.functional.feature_alpha_dropout normal rand_like randint randint_like randn
        randn_like uniform
    """,
    "losses": """
        nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits
        nn.functional.cosine_embedding_loss nn.functional.cosine_similarity nn.functional.cross_entropy
        nn.functional.ctc_loss nn.functional.gaussian_nll_loss nn.functional.hinge_embedding_loss
        nn.functional.huber_loss nn.functional.kl_div nn.functional.l1_loss
        nn.functional.linear_cross_entropy nn.functional.margin_ranking_loss nn.functional.mse_loss
        nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
        nn.functional.multilabel_soft_margin_loss nn.functional.nll_loss
        nn.functional.pairwise_distance nn.functional.pdist nn.functional.poisson_nll_loss
        nn.functional.smooth_l1_loss nn.functional.soft_margin_loss nn.functional.triplet_margin_loss
        nn.functional.triplet_margin_with_distance_loss
    """,
}  # fmt: skip
"""Ops that agree with PyTorch in every sample, by family."""

NUMBERS = (
    r"^errors accepted [\w.]+\((int64\[3\], 2|2, int64\[3\]|2, 3)\)",
    "a number may stand for an operand",
)
WITH_NUMBERS = """
    atan2 clamp_max clamp_min copysign eq fmax fmin fmod gcd ge gt hypot igamma igammac lcm le ldexp logaddexp
    logical_and logical_or logical_xor lt max maximum min minimum ne rsub __radd__ __rand__ __rdiv__ __rmod__ __rmul__
    __ror__ __rpow__ __rsub__ __rxor__
"""
TRIANGLE = "PyTorch gives a gradient to the triangle that is not read"

HALVES = (r"^errors accepted .*dtype=torch.b?float16", "ours makes windows of half floats too")

DELIBERATE: dict[str, tuple[str, str]] = dict.fromkeys(WITH_NUMBERS.split(), NUMBERS) | {
    **{name: HALVES for name in WHOLE["creation"].split() if name.startswith("signal.windows.")},
    "addbmm": (
        r"refused Tensor\.addbmm_|bfloat16 differs",
        "PyTorch's addbmm_ grows a tensor that is too small; in half floats ours rounds once",
    ),
    "special.bessel_j0": ("float64 differs", "PyTorch's has seven digits beyond 5"),
    "special.bessel_y1": ("float64 differs", "PyTorch's has seven digits beyond 5"),
    "masked.prod": (
        "float64 differs .*gradient 0: .*nan",
        "of a product with NaN the derivative by that element is a number; PyTorch divides by it",
    ),
    "cholesky_inverse": ("gradient 0", TRIANGLE),
    "cholesky_solve": ("gradient 1", TRIANGLE),
    "matrix_exp": ("bfloat16|float32 differs", "computed in float64; PyTorch overflows on the way"),
    "svd_lowrank": ("differs .*, M=", "PyTorch's is an approximation, poor where much is left out"),
    "as_strided_scatter": (
        "gradient 0",
        "PyTorch gives the gradient by input at the places that are replaced, not at all others",
    ),
    "nn.functional.batch_norm": (
        r"refused [^ ]*batch_norm\(\w+\[0\]",
        "an empty tensor of one axis is no batch",
    ),
    "nn.functional.conv_transpose2d": (
        "^bfloat16 differs",
        "PyTorch adds up in half floats; ours adds in float32 and rounds once",
    ),
    "nn.functional.conv_transpose3d": (
        "^bfloat16 differs",
        "PyTorch adds up in half floats; ours adds in float32 and rounds once",
    ),
    "nn.functional.embedding": ("sparse=True is not built", "gradients are dense"),
    "nn.functional.grid_sample": (
        "^bfloat16 differs",
        "PyTorch computes places in half floats; ours are float32",
    ),
    "nn.functional.local_response_norm": (
        "^int64 refused .*operands must be floating",
        "PyTorch averages squares of integers, which it truncates",
    ),
    "nn.functional.ctc_loss": (
        r"gradient 0",
        "PyTorch adds exp(log_probs) to the gradient by log_probs, which vanishes behind log_softmax",
    ),
    "nn.functional.gaussian_nll_loss": (
        r"refused .*target must have the shape of the input",
        "a target of fewer axes is not broadcast",
    ),
    "nn.functional.hinge_embedding_loss": (
        r"^bfloat16 differs .*reduction='(sum|mean)'",
        "PyTorch rounds each loss to bfloat16 before it adds them up",
    ),
    "nn.functional.linear_cross_entropy": (
        r"refused .*no derivative by weight",
        "weights of classes have no derivative, as in cross_entropy; PyTorch gives none here",
    ),
    "kthvalue": (r"result 1", "PyTorch may take any of equal elements"),
    "mode": (
        r"\[3000\].* result 1",
        "PyTorch sorts long rows without stability; ours is the last index",
    ),
    "topk": (r"result 1", "PyTorch may take any of equal elements; ours the first"),
    "argsort": (
        r"\[8000\]",
        "PyTorch's order of equal elements is not stable unless asked; ours is",
    ),
    "sort": (
        r"\[8000\].* result 1",
        "PyTorch's order of equal elements is not stable unless asked; ours is",
    ),
    "histc": (r"^bfloat16", "bins narrower than the numbers that bfloat16 has there"),
    "nextafter": (
        r"1 results have gradients, found 0",
        "it has no derivative; PyTorch raises later",
    ),
}
"""op: (what finds the outcomes that differ on purpose, why they do)."""

NAMES = [name for family in WHOLE.values() for name in family.split()]


@cache
def records():
    """PyTorch's records by name, a list for the variants of one."""
    found: dict[str, list] = {}
    for info in torch_samples.torch_ops():
        found.setdefault(info.name, []).append(info)
    return found


def disagreements(torch, name):
    """Every outcome of an op's samples that is not agreement, in words, and how many agree."""
    agree, others = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about its samples
        for info in records()[name]:
            for dtype, o in torch_samples.outcomes(torch, info, DTYPES, MOST_SAMPLES):
                agree += o.kind == "agrees"
                if o.kind != "agrees":
                    others.append(f"{dtype} {o.kind} {o.call} {o.words}")
    return agree, others


@pytest.mark.parametrize("name", NAMES)
def test_samples_agree(torch, name):
    agree, others = disagreements(torch, name)
    pattern, _ = DELIBERATE.get(name, (None, ""))
    deliberate = [o for o in others if pattern and re.search(pattern, o, re.DOTALL)]
    assert [o for o in others if o not in deliberate] == []
    assert agree > 0
    assert bool(deliberate) == (name in DELIBERATE), "nothing differs any more"


def test_names_stand_once_and_every_difference_belongs_to_one():
    assert len(NAMES) == len(set(NAMES))
    assert set(DELIBERATE) <= set(NAMES)


def test_a_difference_is_seen(torch, monkeypatch):
    import chainrule as cr

    exp = cr.exp
    monkeypatch.setattr(cr, "exp", lambda x, **out: exp(x, **out) + 1e-3)
    agree, others = disagreements(torch, "exp")
    assert agree  # as a method
    assert others
    assert any("differs exp(" in o for o in others)
    assert all(" exp(" in o or " exp(out=…)(" in o for o in others)
