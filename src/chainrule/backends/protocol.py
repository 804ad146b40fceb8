"""The array functions that bodies and kernels of ops may call. A backend supplies all of them under
these names, with NumPy's meaning.

A backend for another device is one module with these functions; nothing above this room changes. A
test reads the bodies of all ops and checks that they call nothing else.
"""

__all__ = ["FUNCTIONS"]

FUNCTIONS = frozenset(
    # creation
    """asarray empty zeros ones full arange eye
    zeros_like
    """
    # elementwise
    """abs ceil exp exp2 expm1 floor isfinite isinf isnan log log1p log2 log10 negative rint sign
    sqrt trunc subtract divide maximum minimum remainder floor_divide fmod equal not_equal less
    less_equal greater greater_equal logical_and logical_or logical_not logical_xor bitwise_and
    bitwise_or bitwise_xor invert left_shift right_shift gcd lcm where signbit copysign frexp
    nextafter
    """
    # trigonometric and hyperbolic
    """sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh hypot
    """
    # special
    """erf erfc erfcx erfinv ndtri log_ndtr lgamma digamma zeta igamma igammac i0 i0e i1 i1e
    bessel airy orthogonal_polynomial
    """
    # reduction and order
    """sum prod amax amin any all argmax argmin cumsum cumprod argsort isin searchsorted maximum_accumulate
    minimum_accumulate logaddexp_accumulate
    """
    # shape
    """reshape transpose broadcast_to expand_dims concatenate stack moveaxis flip tril triu copyto
    as_strided restrided swapaxes
    """
    # gather, scatter
    """take take_along_axis add_at multiply_at maximum_at minimum_at
    """
    # products
    """matmul einsum vecdot
    """
    # matrices
    """solve inv cholesky cholesky_info det slogdet eigh svd qr geqrf lu ldl ldl_solve
    """
    # bits
    """convert philox
    """.split()
)
