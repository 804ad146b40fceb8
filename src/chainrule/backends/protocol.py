"""The array functions that bodies and kernels of ops may call. A backend supplies all of them under these names, with NumPy's meaning.

A backend for another device is one module with these functions; nothing above this room changes. A test reads the bodies of all ops and
checks that they call nothing else.
"""

__all__ = ["FUNCTIONS"]

FUNCTIONS = frozenset(
    # creation
    """asarray empty zeros ones full arange eye
    zeros_like empty_like full_like
    """
    # elementwise
    """abs ceil cos cosh erf exp expm1 floor isfinite isinf isnan log log1p log2 negative reciprocal rint sign sin sinh sqrt square
    tan tanh trunc add subtract multiply divide power maximum minimum fmod remainder floor_divide arctan2
    equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not logical_xor
    bitwise_and bitwise_or bitwise_xor invert where clip copysign
    """
    # reduction and order
    """sum prod amax amin any all argmax argmin cumsum argsort sort count_nonzero var mean
    """
    # shape
    """reshape transpose broadcast_to expand_dims squeeze concatenate stack moveaxis flip tril triu ascontiguousarray copyto
    as_strided restrided pad diagonal swapaxes
    """
    # gather, scatter
    """take take_along_axis put_along_axis add_at add_reduceat nonzero unravel_index
    """
    # products
    """matmul einsum dot tensordot
    """
    # bits
    """convert philox
    """.split()
)
