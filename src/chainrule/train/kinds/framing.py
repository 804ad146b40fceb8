"""Pictures of a user's brought to the form that a network was trained on.

The makers of such data cut out what is to be read, scaled it, and put it in the middle; a network
that has seen nothing else reads nothing else. So the same is done to a picture of any size.
"""

from __future__ import annotations

import numpy as np

from ...base.errors import FormatError

__all__ = ["framed", "light_ground"]

INK = 0.25  # of the strongest ink: less is paper
ENOUGH = 512  # pixels of a page's longer side: a photograph has more, and they are noise


def light_ground(image: np.ndarray) -> bool:
    """Whether the edge of an image (C, H, W), numbers from 0 to 1, is light, as paper is.

    >>> light_ground(np.ones((1, 5, 7))), light_ground(np.zeros((1, 5, 7)))
    (True, False)
    """
    edge = np.concatenate([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1)
    return bool(np.median(edge) > 0.5)


def framed(name: str, image: np.ndarray, size: tuple[int, int], inner: int | None) -> np.ndarray:
    """An image (C, H, W) of numbers from 0 to 1 as one of `size`.

    Args:
        name: the name of the picture, for the error.
        image: grey, light ink on a dark ground; or in colour.
        size: h and w.
        inner: of grey images the longer side of what is drawn, which is cut out, scaled to this and
            put in the middle; None: the largest square in the middle of the image is taken.

    What is drawn is what stands out from the paper, and paper need not be even: a photograph is lighter towards the lamp.

    Raises:
        FormatError: there is nothing drawn.

    >>> page = np.zeros((1, 90, 50))
    >>> page[0, 20:60, 10:20] = 0.5
    >>> np.round(framed("page.png", page, (8, 8), 8)[0, 3], 2).tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """
    if inner is None:
        side = min(image.shape[1:])
        top, left = ((n - side) // 2 for n in image.shape[1:])
        return _scaled(image[:, top : top + side, left : left + side], size)
    if (longer := max(image.shape)) > ENOUGH:
        H, W = (max(1, round(n * ENOUGH / longer)) for n in image.shape[1:])
        image = _scaled(image, (H, W))
    ground, grain = _paper(image[0])
    ink = np.clip(image[0] - ground - 2 * grain, 0, None)
    if ink.max() <= 0.05:
        hint = ", and the ground is light: is --invert missing?" if light_ground(image) else ""
        raise FormatError(f"{name}: expected something light on a dark ground, found nothing{hint}")
    ink = ink / ink.max()
    rows, columns = (np.flatnonzero((ink > INK).any(axis=axis)) for axis in (1, 0))
    drawn = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    factor = inner / max(drawn.shape)
    h, w = (max(1, round(n * factor)) for n in drawn.shape)
    out = np.zeros((1, *size), image.dtype)
    top, left = (size[0] - h) // 2, (size[1] - w) // 2
    # a line thinner than a pixel of the result has become pale, where the data have black ones
    small = _scaled(drawn[None], (h, w))
    out[:, top : top + h, left : left + w] = small / small.max()
    return out


def _paper(page: np.ndarray) -> tuple[np.ndarray, float]:
    """What a page (H, W) would be if nothing were drawn on it, (H, W), and how grainy it is: the median distance from that.

    Paper is even, or lit as a surface of the second degree is curved: whichever of the two more of the page lies on. The surface
    is laid through the edge, so that 0.3 of it lie below (what is drawn may touch the edge, and lies above), and then through
    all that is near to it.
    """
    H, W = page.shape
    y, x = np.linspace(-1, 1, H)[:, None], np.linspace(-1, 1, W)[None]
    terms = np.stack([np.broadcast_to(t, (H, W)) for t in (x * 0 + 1, x, y, x * x, x * y, y * y)])
    step = max(1, max(H, W) // 64)
    points, values = terms[:, ::step, ::step].reshape(6, -1), page[::step, ::step].reshape(-1)
    near = 0.05 * np.ptp(values)

    def away(surface: np.ndarray) -> np.ndarray:
        return np.abs(values - surface @ points)

    even = np.array([np.quantile(values, 0.5, method="lower"), 0, 0, 0, 0, 0])
    edge = np.maximum(abs(points[1]), abs(points[2])) > 0.9
    weight = np.ones(int(edge.sum()))
    for _ in range(30):  # the 0.3 quantile, by least squares whose weights follow the distances
        surface = np.linalg.lstsq((points[:, edge] * weight).T, values[edge] * weight, rcond=None)[
            0
        ]
        above = values[edge] - surface @ points[:, edge]
        weight = np.sqrt(np.where(above > 0, 0.3, 0.7) / np.maximum(np.abs(above), 1e-5))
    paper = away(surface) <= near
    if paper.sum() > 20:  # enough for six terms
        surface = np.linalg.lstsq(points[:, paper].T, values[paper], rcond=None)[0]
    if (away(even) <= near).sum() >= (away(surface) <= near).sum():
        surface = even
    paper = away(surface) <= near
    return np.tensordot(surface, terms, 1), float(np.median(away(surface)[paper]))


def _scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image (C, H, W) of another size, each pixel the mean of those that it covers."""
    from PIL import Image

    h, w = size
    planes = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((w, h), Image.Resampling.BOX))
        for plane in image
    ]
    return np.clip(np.stack(planes), 0, 1).astype(image.dtype)
