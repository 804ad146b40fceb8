"""What `torch.utils.tensorboard` writes, as TensorBoard's own reader finds it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.base.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.redirect.surroundings.tensorboard import SummaryWriter
from chainrule.train import summaries


def decoded(pixels):
    return np.asarray(Image.open(io.BytesIO(summaries.png(pixels))))


def test_a_picture_is_read_back_to_the_bit():
    rng = np.random.default_rng(0)
    for channels in (1, 3, 4):
        pixels = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
        assert np.array_equal(decoded(pixels).reshape(pixels.shape), pixels)


def test_every_writer_has_a_file_of_its_own(tmp_path):
    """A run that is resumed adds to its folder; it must not begin the file of the first part anew."""
    for _ in range(2):
        with SummaryWriter(tmp_path) as writer:
            writer.add_scalar("loss", 1.0, 3)
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """TensorBoard's reader of a folder into which everything was written."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path_factory.mktemp("log")
    with SummaryWriter(folder) as w:
        w.add_text("note", "**ß**", 2)
        w.add_histogram("spread", cr.tensor([-1.0, 0.0, 0.0, 2.5]), 3)
        w.add_histogram("even", np.arange(10), 3, bins=[0, 5, 10, 20], max_bins=2)
        w.add_histogram_raw("raw", 0.0, 4.0, 3, 5.0, 11.0, [1, 2, 4], [1, 0, 2], 3)
        w.add_image("grey", cr.full((1, 2, 3), 0.5), 4)
        w.add_image("bytes", np.full((2, 3), 7, np.uint8), 4, dataformats="HW")
        w.add_images("grid", cr.ones(11, 3, 2, 2), 4)
        w.add_image_with_boxes("boxes", cr.zeros(3, 5, 7), cr.tensor([[1, 1, 3, 2]]), 4)
        w.add_audio("sound", cr.linspace(-2, 2, 100).reshape(1, 100), 5, sample_rate=8000)
        w.add_pr_curve("curve", [0, 1, 1, 0, 1], cr.tensor([0.1, 0.9, 0.4, 0.6, 1.0]), 6, 5)
        w.add_hparams({"lr": 0.1, "wide": True, "name": "x"}, {"score": 2}, {"lr": [0.1, 1]}, "row")
    found = EventAccumulator(str(folder), size_guidance={"histograms": 0, "images": 0})
    found.Reload()
    found.row = EventAccumulator(str(folder / "row")).Reload()
    return found


@pytest.mark.slow
def test_texts_pictures_and_sounds_are_read(read):
    [text] = read.Tensors("note/text_summary")
    assert text.tensor_proto.string_val[0].decode() == "**ß**" and text.step == 2
    assert read.SummaryMetadata("note/text_summary").plugin_data.plugin_name == "text"
    sizes = {"grey": (2, 3), "bytes": (2, 3), "grid": (4, 16), "boxes": (5, 7)}
    for tag, (height, width) in sizes.items():
        [image] = read.Images(tag)
        assert (image.height, image.width, image.step) == (height, width, 4)
        pixels = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))
        assert pixels.shape == (height, width, 3)
        assert pixels[0, 0, 0] == {"grey": 127, "bytes": 7, "grid": 255, "boxes": 0}[tag]
    assert pixels[1, 1:4, 0].tolist() == [255] * 3 and pixels[1:3, 2, 0].tolist() == [255, 255]
    [sound] = read.Audio("sound")
    assert sound.sample_rate == 8000 and sound.length_frames == 100
    assert struct.unpack("<h", sound.encoded_audio_string[44:46]) == (-32767,)


@pytest.mark.slow
def test_distributions_are_read(read):
    [found] = read.Histograms("spread")
    h = found.histogram_value
    assert (h.min, h.max, h.num, h.sum, h.sum_squares) == (-1, 2.5, 4, 1.5, 7.25)
    assert sum(h.bucket) == 4 and h.bucket[0] == 0 and len(h.bucket) == len(h.bucket_limit)
    assert h.bucket_limit[0] <= -1 <= h.bucket_limit[1] and h.bucket_limit[-1] >= 2.5
    assert list(read.Histograms("even")[0].histogram_value.bucket) == [0, 10]
    raw = read.Histograms("raw")[0].histogram_value
    assert list(raw.bucket) == [0, 1, 0, 2] and list(raw.bucket_limit) == [0, 1, 2, 4]


@pytest.mark.slow
def test_a_curve_counts_what_is_above_each_threshold(read):
    from tensorboard.util.tensor_util import make_ndarray

    [curve] = read.Tensors("curve")
    TP, FP, TN, FN, precision, recall = make_ndarray(curve.tensor_proto)
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.6, 1.0])
    for k, threshold in enumerate([0, 0.25, 0.5, 0.75, 1.0]):
        above = p >= threshold
        assert (TP[k], FP[k]) == ((y * above).sum(), ((1 - y) * above).sum())
        assert (TN[k], FN[k]) == (((1 - y) * ~above).sum(), (y * ~above).sum())
    assert np.allclose(precision, TP / (TP + FP)) and np.allclose(recall, TP / 3)


@pytest.mark.slow
def test_hyper_parameters_are_read(read):
    from tensorboard.plugins.hparams.metadata import (
        parse_experiment_plugin_data,
        parse_session_end_info_plugin_data,
        parse_session_start_info_plugin_data,
    )

    def content(name):
        return read.row.SummaryMetadata(f"_hparams_/{name}").plugin_data.content

    start = parse_session_start_info_plugin_data(content("session_start_info")).hparams
    assert start["lr"].number_value == 0.1 and start["wide"].bool_value is True
    assert start["name"].string_value == "x"
    table = parse_experiment_plugin_data(content("experiment"))
    assert [(h.name, h.type) for h in table.hparam_infos] == [("lr", 3), ("wide", 2), ("name", 1)]
    assert [v.number_value for v in table.hparam_infos[0].domain_discrete.values] == [0.1, 1]
    assert [m.name.tag for m in table.metric_infos] == ["score"]
    assert parse_session_end_info_plugin_data(content("session_end_info")).status == 1
    assert [(s.step, s.value) for s in read.row.Scalars("score")] == [(0, 2.0)]


@pytest.mark.slow
def test_figures_are_drawn_and_closed(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    figures = [plt.figure(figsize=(2, 1), dpi=50) for _ in range(2)]
    with SummaryWriter(tmp_path) as w:
        w.add_figure("kept", figures[0], 1, close=False)
        assert plt.fignum_exists(figures[0].number)
        w.add_figure("both", figures, 1)
    assert not plt.get_fignums()
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(i.height, i.width) for t in ("kept", "both") for i in read.Images(t)] == [
        (50, 100),
        (50, 200),
    ]


def test_what_cannot_be_shown_is_refused(tmp_path):
    w = SummaryWriter(tmp_path)
    for axes, x in (("CHW", cr.ones(2, 3)), ("CWX", cr.ones(1, 2, 3)), ("HH", cr.ones(2, 3))):
        with pytest.raises(ShapeError, match="a picture has axes H and W"):
            w.add_image("x", x, dataformats=axes)
    with pytest.raises(ShapeError, match="1, 3 or 4 channels, found 2"):
        w.add_image("x", cr.ones(2, 3, 5))
    for bad in ([], [1.0, float("nan")]):
        with pytest.raises(ArgumentError, match="finite values"):
            w.add_histogram("x", cr.tensor(bad))
    with pytest.raises(ShapeError, match="2 limits for 3 counts"):
        w.add_histogram_raw("x", 0, 1, 1, 1, 1, [1, 2], [1, 2, 3])
    with pytest.raises(
        ArgumentError, match="'layers' must be a number, a text or a bool, found list"
    ):
        w.add_hparams({"layers": [1]}, {})
    with pytest.raises(ArgumentError, match="without labels"):
        w.add_image_with_boxes("x", cr.ones(3, 2, 2), cr.ones(1, 4), labels=["a"])
    with pytest.raises(ChainruleError, match=r"add_mesh.*\n.*add_figure"):
        w.add_mesh("x", cr.ones(1, 3, 3))
    with pytest.raises(AttributeError):
        w.nothing  # noqa: B018
