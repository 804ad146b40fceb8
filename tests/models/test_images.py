"""Pictures become what `transformers` makes of them; settings and pictures that are wrong are told."""

from __future__ import annotations

import json
import logging
import warnings

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.base.errors import ChainruleError, DTypeError, FormatError, ShapeError
from chainrule.models import ImageProcessor

MEAN, STD = [0.1, 0.2, 0.3], [0.5, 0.7, 1.1]
FOLDERS = {
    "clip": {"image_processor_type": "CLIPImageProcessor"},
    "clip small": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 29},
                   "crop_size": {"height": 23, "width": 31}},
    "clip old": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 37, "crop_size": 41, "image_mean": MEAN,
                 "image_std": STD, "resample": 2},
    "clip exact": {"image_processor_type": "CLIPImageProcessor", "size": {"height": 31, "width": 17},
                   "do_center_crop": False, "resample": 1},
    "clip raw": {"image_processor_type": "CLIPImageProcessor", "do_resize": False, "do_normalize": False,
                 "rescale_factor": 0.5, "crop_size": {"height": 40, "width": 40}},
    "vit": {"image_processor_type": "ViTImageProcessor"},
    "vit old": {"feature_extractor_type": "ViTFeatureExtractor", "size": 19, "image_mean": MEAN, "image_std": STD},
    "vit box": {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 11, "width": 13}, "resample": 4},
    "vit nearest": {"image_processor_type": "ViTImageProcessor", "size": {"height": 43, "width": 47}, "resample": 0,
                    "do_rescale": False},
    "vit hamming": {"image_processor_type": "ViTImageProcessor", "size": {"height": 12, "width": 7}, "resample": 5},
    "deit": {"image_processor_type": "DeiTImageProcessor", "size": 21, "crop_size": 16},
    "dinov2": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 19}, "crop_size": {"height": 14, "width": 14}},
    "resnet": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 33}, "crop_pct": 0.875},
    "resnet large": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 384},
    "resnet small": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 9}, "resample": 2},
}  # fmt: skip


def picture(rng, height, width):
    """Gradients and noise, so that every filter has something to do."""
    y, x = np.mgrid[:height, :width]
    planes = [(x * 7 + y * 3) % 256, (x * y) % 256, rng.integers(0, 256, (height, width))]
    return np.stack(planes).astype(np.uint8)  # (3, H, W)


@pytest.fixture(scope="module")
def transformers(torch):
    """The reference."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
    yield transformers
    logging.disable(logging.NOTSET)


def theirs(transformers, folder):
    """The class of `transformers` that works with Pillow."""
    given = json.loads((folder / "preprocessor_config.json").read_text())
    name = given.get("image_processor_type", given.get("feature_extractor_type"))
    kind = next(k for k in ("Bit", "CLIP", "ConvNext", "DeiT", "ViT") if name.startswith(k))
    module = getattr(transformers.models, kind.lower())
    found = getattr(module, f"image_processing_pil_{kind.lower()}")
    return getattr(found, f"{kind}ImageProcessorPil").from_pretrained(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FOLDERS)
def test_pictures_are_what_transformers_makes_of_them(name, transformers, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(FOLDERS[name]))
    processor, reference = ImageProcessor.from_pretrained(tmp_path), theirs(transformers, tmp_path)
    processor.save_pretrained(tmp_path / "again")
    again = ImageProcessor.from_pretrained(tmp_path / "again")
    assert again == processor
    back = theirs(transformers, tmp_path / "again")
    rng = np.random.default_rng(0)
    for height, width in ((37, 53), (53, 37), (30, 30), (11, 97), (8, 5)):
        x = picture(rng, height, width)
        wanted = np.stack(reference(Image.fromarray(x.transpose(1, 2, 0)))["pixel_values"])
        found = processor(x)["pixel_values"]
        assert found.dtype == cr.float32
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(
            back(Image.fromarray(x.transpose(1, 2, 0)))["pixel_values"], wanted
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "1"])
def test_files_of_every_mode_become_rgb(mode, transformers, tmp_path):
    rng = np.random.default_rng(1)
    planes = np.concatenate([picture(rng, 31, 41), rng.integers(0, 256, (1, 31, 41), np.uint8)])
    image = Image.fromarray(planes.transpose(1, 2, 0)).convert(mode)
    image.save(tmp_path / "a.png")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(FOLDERS["clip small"]))
    reference = theirs(transformers, tmp_path)
    processor = ImageProcessor.from_pretrained(tmp_path)
    wanted = np.stack(reference(Image.open(tmp_path / "a.png"))["pixel_values"])
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), image):
        np.testing.assert_allclose(processor(given)["pixel_values"].numpy(), wanted, atol=1e-5)


def test_steps_by_hand():
    """Without a reference: a crop that pads, and numbers that are counted by hand."""
    processor = ImageProcessor(
        kind="CLIP", do_resize=False, do_center_crop=True, crop_size={"height": 4, "width": 2},
        rescale_factor=0.5, image_mean=(1.0, 1.0, 1.0), image_std=(2.0, 4.0, 8.0),
    )  # fmt: skip
    x = np.arange(3 * 3 * 5, dtype=np.uint8).reshape(3, 3, 5)
    found = processor([x, cr.tensor(x)])["pixel_values"].numpy()
    assert found.shape == (2, 3, 4, 2) and (found[0] == found[1]).all()
    assert found[0, 0].tolist() == [[-0.5, -0.5], [-0.25, 0.0], [1.0, 1.25], [2.25, 2.5]]
    assert found[0, 2, 1].tolist() == [(31 / 2 - 1) / 8, (32 / 2 - 1) / 8]


def test_a_model_reads_them(tmp_path):
    from chainrule import models

    cr.manual_seed(0)
    config = models.ViTConfig(
        hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=5, image_size=8, patch_size=4,
    )  # fmt: skip
    Image.new("RGB", (20, 30), (9, 99, 199)).save(tmp_path / "a.jpg")
    batch = ImageProcessor(size={"height": 8, "width": 8})([tmp_path / "a.jpg"])
    assert models.ViTModel(config)(**batch).last_hidden_state.shape == (1, 5, 6)


BROKEN = {
    "no JSON": (b"{", "expected a JSON object"),
    "no text": (b'{"a": "\xff"}', "expected a JSON object"),
    "key twice": (b'{"size": 1, "size": 2}', "key 'size' stands twice in one object"),
    "no type": ({"image_processor_type": None}, "key 'image_processor_type': expected one of BitImageProcessor, CLIPImageProcessor"),
    "unknown type": ({"image_processor_type": "os.system"}, "found 'os.system'"),
    "type a list": ({"image_processor_type": ["ViT"]}, r"found \['ViT'\]"),
    "size a text": ({"size": "224"}, "key 'size': expected height, width .* found '224'"),
    "size negative": ({"size": {"height": -1, "width": 3}}, "key 'size'"),
    "size huge": ({"size": {"height": 10**9, "width": 10**9}}, "key 'size'"),
    "edge huge": ({"size": {"shortest_edge": 10**5}}, "key .size.: expected .*, 67108864 in all at most, found"),
    "size zero": ({"size": 0}, "key 'size'"),
    "size of another kind": ({"size": {"longest_edge": 3}}, "key 'size'"),
    "size true": ({"size": {"height": True, "width": True}}, "key 'size'"),
    "crop": ({"crop_size": {"shortest_edge": 3}}, "key 'crop_size': expected height, width"),
    "resample": ({"resample": 6}, "key 'resample': expected a number from 0 to 5, found 6"),
    "resample a text": ({"resample": "bicubic"}, "key 'resample'"),
    "mean of two": ({"image_mean": [0.5, 0.5]}, "key 'image_mean': expected three numbers"),
    "mean a text": ({"image_mean": "half"}, "key 'image_mean': expected three numbers"),
    "deviation": ({"image_std": [1, 0, 1]}, "key 'image_std': expected numbers that are not 0"),
    "flag": ({"do_resize": 1}, "key 'do_resize': expected true or false, found 1"),
    "factor": ({"rescale_factor": "1/255"}, "key 'rescale_factor': expected a number"),
    "factor infinite": (b'{"image_processor_type": "ViTImageProcessor", "rescale_factor": Infinity}', "key 'rescale_factor'"),
    "share": ({"crop_pct": 0}, "key 'crop_pct': expected a share"),
    "pad": ({"do_pad": True}, "key 'do_pad': pictures are not padded here"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_file_gives_one_error_that_names_it(name, tmp_path):
    content, message = BROKEN[name]
    if isinstance(content, dict):
        content = json.dumps({"image_processor_type": "ViTImageProcessor", **content}).encode()
    path = tmp_path / "preprocessor_config.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        ImageProcessor.from_pretrained(tmp_path)
    assert str(caught.value).startswith(str(path))


def test_what_is_no_picture(tmp_path):
    processor = ImageProcessor()
    with pytest.raises(
        FormatError, match="expected a folder with preprocessor_config.json, found none"
    ):
        ImageProcessor.from_pretrained(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(FormatError, match="a.png: expected PNG"):
        processor(tmp_path / "a.png")
    with pytest.raises(DTypeError, match="expected uint8 pixels, 0 to 255, found float64"):
        processor(np.zeros((3, 4, 4)))
    with pytest.raises(DTypeError, match="found int"):
        processor([7])
    with pytest.raises(ShapeError, match=r"expected a picture \(3, H, W\), found \(4, 4, 3\)"):
        processor(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ShapeError, match="expected at least one picture"):
        processor([])
    keeping = ImageProcessor(size={"shortest_edge": 4})
    with pytest.raises(
        ShapeError, match=r"pictures of the sizes \(3, 4, 4\) and \(3, 4, 8\) are no batch"
    ):
        keeping([np.zeros((3, 9, 9), np.uint8), np.zeros((3, 9, 18), np.uint8)])
    with pytest.raises(ShapeError, match="would become 4096 × 40960000, more than 67108864 pixels"):
        ImageProcessor(size={"shortest_edge": 4096})(np.zeros((3, 1, 10_000), np.uint8))


def test_damaged_settings_give_a_typed_error_or_a_processor(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "preprocessor_config.json"
    ImageProcessor(kind="CLIP", size={"shortest_edge": 5}, do_center_crop=True).save_pretrained(
        tmp_path
    )
    whole = json.loads(path.read_text())
    junk = [None, True, -1, 0, 3, 2**40, 1.5, "", "x", [], {}, [1, 2, 3], {"height": 3, "width": 2}]
    refused = 0
    for _ in range(300):
        changed = dict(whole)
        for key in rng.choice(sorted(whole), 2):
            changed[key] = junk[rng.integers(len(junk))]
        path.write_text(json.dumps(changed))
        try:
            processor = ImageProcessor.from_pretrained(tmp_path)
        except ChainruleError as error:
            refused += 1
            assert str(error).startswith(str(path))
            continue
        processor(np.zeros((3, 6, 7), np.uint8))
    assert 30 < refused < 300
