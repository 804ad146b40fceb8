"""PyTorch's `torch.utils.tensorboard`: what a run has to show, written as TensorBoard reads it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ...base.errors import ArgumentError, ChainruleError, ShapeError
from ...tensors import Tensor
from ...train import summaries
from ...train.tensorboard import VERSION, append_bytes, event_record

__all__ = ["FileWriter", "SummaryWriter"]

LEFT_OUT = {
    "add_graph": "chainrule.inspect.draw shows a network",
    "add_onnx_graph": "chainrule.inspect.draw shows a network",
    "add_embedding": "add_image and add_histogram",
    "add_video": "add_images, a grid of the frames",
    "add_mesh": "add_figure",
    "add_custom_scalars": "add_scalars, whose names TensorBoard groups",
    "add_custom_scalars_multilinechart": "add_scalars, whose names TensorBoard groups",
    "add_custom_scalars_marginchart": "add_scalars, whose names TensorBoard groups",
    "add_tensor": "add_histogram",
}
"""What is not written here, and the nearest thing that is."""
COLUMNS = 8  # pictures in a row of a grid


class FileWriter:
    """An event file, to which every call adds.

    Args:
        log_dir: the folder; a new file is begun in it.
        filename_suffix: the end of the file's name.
    """

    _files = 0

    def __init__(self, log_dir: str | Path, filename_suffix: str = ""):
        folder = Path(log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        FileWriter._files += 1  # a second writer of the same second has a file of its own
        name = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{FileWriter._files}"
        self.log_dir = str(log_dir)
        self.path = folder / f"events.out.tfevents.{name}{filename_suffix}"
        append_bytes(self.path, event_record(time.time(), 0, version=VERSION))

    def add(
        self,
        step: int | None,
        walltime: float | None,
        *values: bytes,
        scalars: Mapping[str, float] | None = None,
    ) -> None:
        """Add an event: values of `train.summaries`, and scalars by tag."""
        when = time.time() if walltime is None else walltime
        append_bytes(self.path, event_record(when, int(step or 0), scalars, values=values))

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir


class SummaryWriter:
    """Writes what a run has to show into an event file: everything at once, so that nothing is lost.

    Args:
        log_dir: the folder of the file; by default a new one below `runs`, named by the time and by `comment`.
        comment: behind the name of such a folder.
        purge_step: without effect: a file is only added to.
        max_queue, flush_secs: without effect: nothing waits to be written.
        filename_suffix: the end of the file's name.
    """

    def __init__(
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        name = f"{datetime.now():%b%d_%H-%M-%S}_{socket.gethostname()}{comment}"
        self.log_dir = str(log_dir if log_dir else Path("runs") / name)
        self.file_writer = FileWriter(self.log_dir, filename_suffix)

    # ---- numbers ----------------------------------------------------------------------------------

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write a number, or a tensor of one element; in float32, in either style."""
        self.add_scalars("", {tag: scalar_value}, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write several numbers of one step, each as `main_tag/tag`."""
        start = f"{main_tag}/" if main_tag else ""
        scalars = {f"{start}{tag}": float(x) for tag, x in tag_scalar_dict.items()}
        self.file_writer.add(global_step, walltime, scalars=scalars)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Write how values are distributed.

        Args:
            tag: the name.
            values: of any shape.
            global_step, walltime: the step, and the time in seconds since 1970.
            bins: "tensorflow": buckets that grow by a tenth from 10⁻¹² on to both sides; or how
                `numpy.histogram` takes them.
            max_bins: so many buckets at most: neighbours are added.

        Raises:
            ArgumentError: there are no values, or some are not finite.
        """
        x = _array(values).astype(np.float64).ravel()
        if not x.size or not np.isfinite(x).all():
            raise ArgumentError(f"add_histogram({tag!r}): takes finite values, at least one")
        if isinstance(bins, str) and bins == "tensorflow":
            side = 1e-12 * 1.1 ** np.arange(774)
            bins = np.concatenate([-side[::-1], [0.0], side])
        counts, edges = np.histogram(x, bins)
        if max_bins is not None and len(counts) > max_bins:
            width = -(-len(counts) // max_bins)
            counts = np.add.reduceat(counts, np.arange(0, len(counts), width))
            edges = np.append(edges[:-1:width], edges[-1])
        moments = (x.min(), x.max(), x.size, x.sum(), x @ x)
        self.file_writer.add(
            global_step, walltime, summaries.histogram(tag, counts, edges, moments)
        )

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Sequence[float],
        bucket_counts: Sequence[float],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write a distribution that was counted elsewhere: the upper edge of each bucket, and its count."""
        if len(bucket_limits) != len(bucket_counts):
            raise ShapeError(
                f"add_histogram_raw: {len(bucket_limits)} limits for {len(bucket_counts)} counts"
            )
        edges = np.append([min], np.asarray(bucket_limits, np.float64))
        moments = (min, max, num, sum, sum_squares)
        value = summaries.histogram(tag, np.asarray(bucket_counts, np.float64), edges, moments)
        self.file_writer.add(global_step, walltime, value)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write precision over recall of a classifier of two classes.

        Args:
            tag: the name.
            labels: (N,), 0 or 1.
            predictions: (N,), probabilities of class 1.
            global_step, walltime: the step, and the time in seconds since 1970.
            num_thresholds: from 0 to 1; at least 2, at most 127.
            weights: (N,), how much each sample counts; None: all as much.
        """
        y, p = _array(labels).astype(np.float64).ravel(), _array(predictions).ravel()
        w = np.ones_like(y) if weights is None else _array(weights).astype(np.float64).ravel()
        n = min(max(num_thresholds, 2), 127)
        places = np.clip(np.floor(p * (n - 1)), 0, n - 1).astype(np.int64)
        positive, negative = [
            np.bincount(places, w * side, minlength=n)[::-1].cumsum()[::-1] for side in (y, 1 - y)
        ]
        true_negative, false_negative = negative[0] - negative, positive[0] - positive
        tiny = 1e-7  # no class, no prediction: 0 / 0 is 0
        precision = positive / np.maximum(positive + negative, tiny)
        recall = positive / np.maximum(positive[0], tiny)
        rows = [positive, negative, true_negative, false_negative, precision, recall]
        self.file_writer.add(global_step, walltime, summaries.curve(tag, np.stack(rows)))

    # ---- texts, pictures, sounds ------------------------------------------------------------------

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write a text, which is shown as Markdown."""
        self.file_writer.add(global_step, walltime, summaries.text(tag, str(text_string)))

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Write a picture, floats from 0 to 1 or uint8 to 255; or several, with an N in `dataformats`, as a grid.

        Args:
            tag: the name.
            img_tensor: one, three or four channels, or none.
            global_step, walltime: the step, and the time in seconds since 1970.
            dataformats: a letter for each axis: N, C, H, W in any order.

        Raises:
            ShapeError: the letters are not such, or there are not as many as axes.
        """
        pixels = _pixels(_array(img_tensor), dataformats.upper())
        self.file_writer.add(global_step, walltime, summaries.image(tag, pixels))

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Write pictures as a grid, eight in a row; see `add_image`."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Sequence[str] | None = None,
    ) -> None:
        """Write a picture with red frames around boxes (N, 4), each (left, top, right, bottom).

        Raises:
            ArgumentError: a `rescale` other than 1, or labels: texts are not drawn here.
        """
        if rescale != 1 or labels is not None:
            raise ArgumentError(
                "add_image_with_boxes: draws frames alone, without labels, and changes no size\n"
                "  hint: torchvision.utils.draw_bounding_boxes, then add_image"
            )
        pixels = _pixels(_array(img_tensor), dataformats.upper()).copy()
        H, W, _ = pixels.shape
        for box in _array(box_tensor).reshape(-1, 4):
            left, top, right, bottom = np.clip(box.astype(int), 0, [W - 1, H - 1, W - 1, H - 1])
            pixels[[top, bottom], left : right + 1] = pixels[top : bottom + 1, [left, right]] = RED
        self.file_writer.add(global_step, walltime, summaries.image(tag, pixels))

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Write a figure of matplotlib as a picture, or a list of them as a grid; and close it unless told not to."""
        import matplotlib.pyplot as plt
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figures = figure if isinstance(figure, list) else [figure]
        drawn = []
        for one in figures:
            canvas = FigureCanvasAgg(one)
            canvas.draw()
            drawn.append(np.asarray(canvas.buffer_rgba())[..., :3])
            if close:
                plt.close(one)
        self.add_image(tag, np.stack(drawn), global_step, walltime, "NHWC")

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: int | None = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Write a sound: samples from −1 to 1, (T,) or (1, T)."""
        samples = _array(snd_tensor).astype(np.float64).ravel()
        value = summaries.audio(tag, samples, int(sample_rate))
        self.file_writer.add(global_step, walltime, value)

    # ---- hyper-parameters -------------------------------------------------------------------------

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, Sequence[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Write a row of the table of hyper-parameters: in a run of its own, in a folder of this one.

        Args:
            hparam_dict: name → number, text or bool.
            metric_dict: tag → number, what came of them.
            hparam_domain_discrete: name → the values that are tried.
            run_name: the folder; None: the time.
            global_step: the step of the metrics.

        Raises:
            ArgumentError: a value of another type.
        """
        settings = {name: _setting(name, value) for name, value in hparam_dict.items()}
        name = str(time.time()) if run_name is None else run_name
        with SummaryWriter(Path(self.log_dir) / name) as row:
            table = summaries.experiment(settings, list(metric_dict), hparam_domain_discrete or {})
            for value in (table, summaries.session_start(settings), summaries.session_end()):
                row.file_writer.add(None, None, value)
            for tag, metric in metric_dict.items():
                row.add_scalar(tag, metric, global_step)

    # ---- the file ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Without effect: what was added is written."""

    def close(self) -> None:
        """Without effect: what was added is written."""

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getattr__(self, name: str) -> NoReturn:
        if name in LEFT_OUT:
            raise ChainruleError(
                f"SummaryWriter.{name}: is not written here\n  hint: {LEFT_OUT[name]}"
            )
        raise AttributeError(name)


RED = np.array([255, 0, 0], np.uint8)


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach() if isinstance(values, Tensor) else values)


def _setting(name: str, value: Any) -> Any:
    if isinstance(value, Tensor | np.generic | np.ndarray):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return "" if value is None else value
    raise ArgumentError(
        f"add_hparams: {name!r} must be a number, a text or a bool, found {type(value).__name__}"
    )


def _pixels(x: np.ndarray, axes: str) -> np.ndarray:
    """A picture as (H, W, C), uint8, of three or four channels; several are a grid."""
    known = len(set(axes)) == len(axes) and set("HW") <= set(axes) <= set("NCHW")
    if not known or x.ndim != len(axes):
        raise ShapeError(
            f"a picture has axes H and W, and may have C and N: found {axes!r} for shape {x.shape}"
        )
    x = x.transpose([axes.index(a) for a in "NHWC" if a in axes])
    x = x.reshape(*(x.shape if "N" in axes else (1, *x.shape)), *(() if "C" in axes else (1,)))
    x = x if x.shape[-1] > 1 else np.repeat(x, 3, axis=-1)
    if x.shape[-1] not in (3, 4):
        raise ShapeError(f"a picture has 1, 3 or 4 channels, found {x.shape[-1]}")
    scale = 1 if x.dtype == np.uint8 else 255
    x = np.clip(x.astype(np.float32) * scale, 0, 255).astype(np.uint8)
    N, H, W, C = x.shape
    columns = min(N, COLUMNS)
    rows = -(-N // columns)
    grid = np.zeros((rows * columns, H, W, C), np.uint8)
    grid[:N] = x
    grid = grid.reshape(rows, columns, H, W, C).swapaxes(1, 2)  # (rows, H, columns, W, C)
    return grid.reshape(rows * H, columns * W, C)
