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
    """abs ceil cos erf exp expm1 floor isfinite isinf isnan log log1p negative rint sign sin sqrt
    tanh trunc subtract divide maximum minimum remainder floor_divide equal not_equal less
    less_equal greater greater_equal logical_and logical_or logical_not logical_xor bitwise_and
    bitwise_or bitwise_xor invert where
    """
    # reduction and order
    """sum amax amin any all argmax argmin cumsum argsort
    """
    # shape
    """reshape transpose broadcast_to expand_dims concatenate stack moveaxis flip tril triu copyto
    as_strided restrided swapaxes
    """
    # gather, scatter
    """take take_along_axis add_at multiply_at maximum_at minimum_at add_reduceat nonzero
    """
    # products
    """matmul einsum
    """
    # bits
    """convert philox
    """.split()
)
