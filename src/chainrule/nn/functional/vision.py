"""Images resized, resampled on a grid, and their pixels exchanged with channels or cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, DTypeError, ShapeError
from ...tensors import Tensor, uint8
from .sizes import Sizes, batched_input, per_axis

__all__ = [
    "affine_grid", "channel_shuffle", "fold", "grid_sample", "interpolate", "pixel_shuffle",
    "pixel_unshuffle", "unfold", "upsample", "upsample_bilinear", "upsample_nearest",
]  # fmt: skip

# ---------------------------------------------------------------------------------------------------------- resizing

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
"""The modes that blend neighbours, and for how many spatial axes."""


def interpolate(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """An input of another size.

    Args:
        input: x (B, C, L), (B, C, H, W) or (B, C, D, H, W).
        size: the size of the result, one number or one per spatial axis; or
        scale_factor: by how much it is larger, rounded down.
        mode: "nearest" (the element at or before), "nearest-exact" (the nearest), "linear", "bilinear",
            "trilinear" (blends of neighbours), "bicubic" and "lanczos" (fits, for images), "area" (means
            over cells).
        align_corners: whether the first and last elements keep their places, rather than the outer
            edges; only for modes that blend or fit.
        recompute_scale_factor: whether places follow from the sizes, rather than from the factor given.
        antialias: whether the filter widens as the image shrinks, so that fine patterns vanish;
            "bilinear", "bicubic", and always with "lanczos".

    Raises:
        ValueError: both or neither of size and scale_factor, or options that do not go together.
        NotImplementedError: a mode that is not for so many axes.

    Example:
        >>> F.interpolate(tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
        >>> F.interpolate(tensor([[[0.0, 4.0]]]), 4, mode="linear")
        tensor([[[0., 1., 3., 4.]]])
    """
    axes = input.ndim - 2
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ArgumentError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if size is not None and recompute_scale_factor:
        raise ArgumentError("recompute_scale_factor is not meaningful with an explicit size.")
    _check_mode(mode, axes, antialias, bool(align_corners))
    sizes, scales = _sizes(input, size, scale_factor, recompute_scale_factor or mode == "area")
    if mode == "area":
        return fn.adaptive_avg_pool(input, size=sizes)
    resize: Any = fn.resize_smoothly if antialias else fn.resize
    bytes_ = False
    if mode in ("nearest", "nearest-exact"):
        resize, options = fn.resize_nearest, {"exact": mode == "nearest-exact"}
    else:
        name = "linear" if mode in LINEAR else "cubic" if mode == "bicubic" else mode
        options = {"mode": name, "align": bool(align_corners)}
        bytes_ = input.dtype is uint8
        if not bytes_:
            _check_floating(mode, input)
    y = input
    for dim in reversed(range(2, input.ndim)):  # the last axis first: bytes are rounded in between
        n, scale = sizes[dim - 2], scales[dim - 2]
        if n == input.shape[dim] and scale in (None, 1.0):
            continue
        y = resize(y.float() if bytes_ else y, dim=dim, size=n, scale=scale, **options)
        if bytes_:
            y = (y + 0.5).floor().clamp(0, 255).to(uint8)
    return y.clone() if y is input else y


def _check_mode(mode: str, axes: int, antialias: bool, align: bool) -> None:
    fits = {"bicubic": (2,), "lanczos": (2,), **{m: (n,) for m, n in LINEAR.items()}}
    fits |= dict.fromkeys(("nearest", "nearest-exact", "area"), (1, 2, 3))
    if axes not in fits.get(mode, ()):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is not for an input of {axes + 2} axes; there are 'nearest', "
            "'nearest-exact' and 'area' for 3, 4 and 5, 'linear' for 3, 'bilinear', 'bicubic' and "
            "'lanczos' for 4, 'trilinear' for 5"
        )
    if antialias and mode not in ("bilinear", "bicubic", "lanczos"):
        raise ArgumentError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes "
            "and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and (align or not antialias):
        raise ArgumentError(
            "Lanczos mode requires antialias=True and does not support align_corners=True"
        )


def _check_floating(mode: str, x: Tensor) -> None:
    if not x.is_floating_point():
        raise DTypeError(
            f"interpolate: mode {mode!r} blends elements, which needs a floating dtype or uint8, found {x.dtype}"
        )


def _sizes(
    x: Tensor, size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes asked for, and the factors from which places follow (None: from the sizes)."""
    axes = x.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "interpolate: only one of size or scale_factor should be defined"
            if size is not None
            else "interpolate: either size or scale_factor should be defined"
        )
    if size is not None:
        several = isinstance(size, (tuple, list))
        sizes = tuple([index(n) for n in (size if several else (size,) * axes)])
        factors: tuple[float | None, ...] = (None,) * axes
    else:
        several = isinstance(scale_factor, (tuple, list))
        factors = tuple([float(f) for f in (scale_factor if several else (scale_factor,) * axes)])
        pairs = zip(x.shape[2:], factors, strict=False)
        sizes = tuple([int(n * f) for n, f in pairs])  # type: ignore[operator]
    if len(sizes) != axes or len(factors) != axes:
        raise ShapeError(
            f"interpolate: Input and output must have the same number of spatial dimensions, but got "
            f"{axes} and {size if size is not None else scale_factor}"
        )
    if min(sizes) < 1 or 0 in x.shape[1:]:
        raise ShapeError(
            "interpolate: Input and output sizes should be greater than 0, "
            f"found {tuple(x.shape)} and {sizes}"
        )
    return sizes, (None,) * axes if recompute else factors


def upsample(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """``interpolate`` under its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """``interpolate`` with mode "nearest"."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """``interpolate`` with mode "bilinear", corners aligned."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


# ------------------------------------------------------------------------------------------------------------- grids


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places of a regular grid under an affine map, for ``grid_sample``.

    Args:
        theta: (B, 2, 3), or (B, 3, 4) for volumes.
        size: the size of the image to be sampled, (B, C, H, W) or (B, C, D, H, W).
        align_corners: whether −1 and 1 are the centres of the outermost elements, rather than their
            outer edges.

    Returns:
        (B, H, W, 2) or (B, D, H, W, 3), x first.

    Example:
        >>> F.affine_grid(tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2))
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if not theta.is_floating_point():
        raise DTypeError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if min(size) < 1 or size[0] != theta.shape[0]:
        raise ShapeError(
            f"affine_grid: size must be positive and begin with the batch of theta, "
            f"{theta.shape[0]}, found {tuple(size)}"
        )
    return fn.affine_grid(theta, size=tuple(size[2:]), align=bool(align_corners))


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at places that a grid names, x from −1 (left) to 1 (right), y from top to bottom.

    Args:
        input: x (B, C, H, W), or (B, C, D, H, W).
        grid: (B, H', W', 2), or (B, D', H', W', 3); x first.
        mode: "bilinear" (in volumes, of eight corners), "nearest", or "bicubic" (images alone).
        padding_mode: what stands outside: "zeros", "border" (the nearest element), "reflection".
        align_corners: whether −1 and 1 are the centres of the outermost elements, rather than their
            outer edges.

    Returns:
        (B, C, H', W') or (B, C, D', H', W').

    Example:
        >>> F.grid_sample(tensor([[[[1.0, 3.0]]]]), zeros(1, 1, 1, 2))
        tensor([[[[2.]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: {mode!r}"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: {padding_mode!r}"
        )
    return fn.grid_sample(input, grid, mode=mode, outside=padding_mode, align=bool(align_corners))


# ------------------------------------------------------------------------------------------- pixels and channels


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(…, C·r², H, W) → (…, C, H·r, W·r): channels become pixels.   Source: Shi et al. 2016.

    Example:
        >>> F.pixel_shuffle(arange(4.0).reshape(4, 1, 1), 2)
        tensor([[[0., 1.],
                 [2., 3.]]])
    """
    return fn.pixel_shuffle(input, factor=upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(…, C, H·r, W·r) → (…, C·r², H, W): the inverse of ``pixel_shuffle``."""
    return fn.pixel_unshuffle(input, factor=downscale_factor)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of x (B, C, *) dealt out: the first of each group, then the second of each, ….
    Source: Zhang et al. 2018.

    Example:
        >>> F.channel_shuffle(arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0., 2., 1., 3.])
    """
    return fn.channel_shuffle(input, groups=groups)


# ----------------------------------------------------------------------------------------------------------- windows


def unfold(
    input: Tensor,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """The windows of an image as columns.

    Args:
        input: x (B, C, H, W) or (C, H, W).
        kernel_size: size of the window, a number or (height, width).
        dilation: step between the elements of a window.
        padding: zeros added on each side.
        stride: step between windows.

    Returns:
        (B, C · kernel elements, number of windows).

    Example:
        >>> F.unfold(arange(4.0).reshape(1, 1, 2, 2), (2, 1))
        tensor([[[0., 1.],
                 [2., 3.]]])
    """
    x, batched = batched_input(input, 2, "unfold")
    y = ops.unfold_windows(x, **_window(kernel_size, dilation, padding, stride))
    b, c, k, m = y.shape[:4]
    y = y.reshape(b, c * k * m, y.shape[4] * y.shape[5])
    return y if batched else y.squeeze(0)


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Columns laid back as windows of an image, where they overlap added up: the adjoint of
    ``unfold``.

    Args:
        input: (B, C · kernel elements, number of windows), or without B.
        output_size: the image, a number or (height, width).
        kernel_size: size of the window; dilation, padding and stride as in ``unfold``.

    Returns:
        (B, C, H, W).

    Example:
        >>> F.fold(ones(1, 4, 2), (2, 3), 2)[0, 0]
        tensor([[1., 2., 1.],
                [1., 2., 1.]])
    """
    x, batched = batched_input(input, 1, "fold")
    window = _window(kernel_size, dilation, padding, stride)
    spatial = per_axis(output_size, 2, "output_size")
    k, m = window["kernel"]
    geometry = zip(spatial, *window.values(), strict=True)
    places = [
        (n + before + after - d * (w - 1) - 1) // s + 1 for n, w, s, (before, after), d in geometry
    ]
    if k < 1 or m < 1 or x.shape[1] % (k * m) or x.shape[2] != places[0] * places[1]:
        raise ShapeError(
            f"fold: {tuple(input.shape)} is not the windows of an image of size {spatial}: there are "
            f"{places[0]} · {places[1]} of {k} · {m} elements for each channel"
        )
    y = ops.fold_windows(x.reshape(x.shape[0], -1, k, m, *places), spatial=spatial, **window)
    return y if batched else y.squeeze(0)


def _window(kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> dict[str, Any]:
    return {
        "kernel": per_axis(kernel_size, 2, "kernel_size"),
        "stride": per_axis(stride, 2, "stride"),
        "padding": tuple([(p, p) for p in per_axis(padding, 2, "padding")]),
        "dilation": per_axis(dilation, 2, "dilation"),
    }
