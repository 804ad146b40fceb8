"""Transforms, data sets and grids under torchvision's names."""

from __future__ import annotations

import io as bytes_io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.base.errors import DataNotFoundError, DTypeError, FormatError, ShapeError
from chainrule.data.known.loading import load_dataset
from chainrule.redirect.names import resolve
from chainrule.redirect.surroundings.absent import can_be_named
from chainrule.redirect.torchvision import datasets, folders, io, transforms, utils
from chainrule.redirect.torchvision.transforms import functional

PIXELS = np.random.default_rng(0).integers(0, 256, (11, 13, 3), np.uint8)
IMAGE = Image.fromarray(PIXELS)
TENSOR = cr.from_numpy(PIXELS.transpose(2, 0, 1).copy())


def of(image):
    """The pixels of an image or a tensor, (C, H, W)."""
    return image.numpy() if isinstance(image, cr.Tensor) else np.asarray(image).transpose(2, 0, 1)


def test_images_become_tensors_and_images_again():
    x = transforms.ToTensor()(IMAGE)
    assert x.shape == (3, 11, 13) and x.dtype is cr.float32
    assert np.array_equal(x.numpy(), PIXELS.transpose(2, 0, 1).astype(np.float32) / 255)
    assert np.array_equal(np.asarray(transforms.ToPILImage()(x)), PIXELS)
    assert cr.equal(transforms.PILToTensor()(IMAGE), TENSOR)
    assert transforms.ToTensor()(PIXELS[..., 0]).shape == (1, 11, 13)
    assert transforms.ToTensor()(IMAGE.convert("L")).shape == (1, 11, 13)
    y = transforms.ConvertImageDtype(cr.float32)(TENSOR)
    assert cr.equal(y, x) and cr.equal(transforms.ConvertImageDtype(cr.uint8)(y), TENSOR)


def test_normalize():
    x = transforms.ToTensor()(IMAGE)
    y = transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.1, 0.5))(x)
    assert y[1, 2, 3].item() == pytest.approx((x[1, 2, 3].item() - 0.4) / 0.1, rel=1e-5)
    with pytest.raises(DTypeError, match="after ToTensor"):
        transforms.Normalize((0.5,), (0.5,))(TENSOR)
    with pytest.raises(ValueError, match="must not be zero"):
        transforms.Normalize((0.5,), (0.0,))(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.CenterCrop((5, 7)),
        lambda: transforms.CenterCrop(15),
        lambda: transforms.Pad((1, 2), fill=3),
        lambda: transforms.Pad((1, 2, 3, 4), padding_mode="reflect"),
        lambda: transforms.Pad(2, padding_mode="edge"),
        lambda: transforms.RandomCrop(7, padding=2),
        lambda: transforms.RandomCrop((14, 15), pad_if_needed=True),
        lambda: transforms.RandomHorizontalFlip(0.5),
        lambda: transforms.RandomVerticalFlip(1.0),
    ],
)
def test_tensors_and_images_go_the_same_way(make):
    for seed in range(5):
        cr.manual_seed(seed)
        one = of(make()(IMAGE))
        cr.manual_seed(seed)
        assert np.array_equal(of(make()(TENSOR)), one)


def test_a_crop_is_a_part_and_every_part_comes():
    crop = transforms.RandomCrop((9, 12))
    cr.manual_seed(0)
    found = {of(crop(TENSOR)).tobytes() for _ in range(80)}
    parts = {
        PIXELS.transpose(2, 0, 1)[:, i : i + 9, j : j + 12].tobytes()
        for i in range(3)
        for j in range(2)
    }
    assert found == parts
    with pytest.raises(ShapeError, match="does not fit"):
        transforms.RandomCrop(12)(IMAGE)


@pytest.mark.parametrize(
    ("size", "shape"), [(5, (5, 5)), ((7, 4), (7, 4)), ([22], (22, 26))]
)  # 13 · 5 // 11 is 5
def test_resize(size, shape):
    assert of(transforms.Resize(size)(IMAGE)).shape == (3, *shape)


def test_resized_tensors_are_near_resized_images():
    smooth = Image.fromarray(np.add.outer(np.arange(20) * 5, np.arange(30) * 3).astype(np.uint8))
    x = transforms.PILToTensor()(smooth)
    one = np.asarray(transforms.Resize((8, 12))(smooth)).astype(int)
    two = transforms.Resize((8, 12))(x)[0].numpy().astype(int)
    assert np.abs(one - two).max() <= 2
    assert transforms.Resize(20, max_size=25)(smooth).size == (25, 16)


def test_random_transforms_of_colour_and_place():
    cr.manual_seed(0)
    jitter = transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)
    assert not np.array_equal(of(jitter(IMAGE)), of(IMAGE))
    assert np.array_equal(of(transforms.ColorJitter()(IMAGE)), of(IMAGE))
    assert of(transforms.RandomResizedCrop(6)(IMAGE)).shape == (3, 6, 6)
    assert transforms.Grayscale()(IMAGE).mode == "L"
    grey = of(transforms.RandomGrayscale(1.0)(IMAGE))
    assert np.array_equal(grey[0], grey[2])
    erased = transforms.RandomErasing(1.0, value=-1.0)(TENSOR.float())
    share = (erased == -1).float().mean().item()
    assert 0.01 < share < 0.4 and TENSOR.float().min().item() >= 0
    assert of(transforms.RandomRotation(30)(IMAGE)).shape == (3, 11, 13)
    with pytest.raises(DTypeError, match="put it before ToTensor"):
        transforms.RandomRotation(30)(TENSOR)
    with pytest.raises(ValueError, match="hue"):
        transforms.ColorJitter(hue=0.7)


def test_transforms_of_transforms():
    double, minus = transforms.Lambda(lambda x: x * 2), transforms.Lambda(lambda x: x - 1)
    assert transforms.Compose([double, minus])(3) == 5
    cr.manual_seed(0)
    assert {transforms.RandomOrder([double, minus])(3) for _ in range(30)} == {5, 4}
    assert {transforms.RandomChoice([double, minus], p=[0.9, 0.1])(3) for _ in range(60)} == {6, 2}
    applied = [transforms.RandomApply([double], p=0.3)(3) for _ in range(300)]
    assert 0.2 < applied.count(6) / 300 < 0.4
    assert (
        repr(transforms.Compose([transforms.CenterCrop(3)]))
        == "Compose(\n    CenterCrop(size=(3, 3))\n)"
    )


def test_grids_of_pictures(tmp_path):
    x = cr.rand(5, 1, 4, 3)
    grid = utils.make_grid(x, nrow=3, padding=1, pad_value=0.5)
    assert grid.shape == (3, 11, 13)
    assert cr.equal(grid[1, 6:10, 5:8], x[4, 0]) and (grid[:, 0] == 0.5).all()
    scaled = utils.make_grid(x * 7 - 2, normalize=True, padding=0)
    assert scaled.min().item() == 0 and scaled.max().item() == pytest.approx(1)
    utils.save_image(x, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.size == (5 * 5 + 2, 4 + 4)
    with pytest.raises(ShapeError, match="pictures"):
        utils.make_grid(cr.ones(2, 2, 2, 2, 2))


def test_a_blur_keeps_what_is_even_and_spreads_what_is_not():
    image = cr.zeros(3, 11, 13)
    image[:, 5, 6] = 1
    blur = transforms.GaussianBlur((5, 3), sigma=0.8)(image)
    away = np.arange(5) - 2
    row = np.exp(-0.5 * (away / 0.8) ** 2) / np.exp(-0.5 * (away / 0.8) ** 2).sum()
    away = np.arange(3) - 1
    column = np.exp(-0.5 * (away / 0.8) ** 2) / np.exp(-0.5 * (away / 0.8) ** 2).sum()
    np.testing.assert_allclose(blur[1, 4:7, 4:9].numpy(), np.outer(column, row), rtol=1e-5)
    np.testing.assert_allclose(
        transforms.GaussianBlur(5)(cr.ones(2, 3, 7, 7)).numpy(), 1, rtol=1e-6
    )
    picture = Image.new("RGB", (9, 8), (200, 100, 50))
    assert np.array(transforms.GaussianBlur(3, 1.0)(picture))[0, 0].tolist() == [200, 100, 50]
    with pytest.raises(ValueError, match="odd and positive"):
        transforms.GaussianBlur(4)
    with pytest.raises(ValueError, match="lower bound first"):
        transforms.GaussianBlur(3, (2.0, 1.0))


def test_tensors_in_grey():
    image = cr.tensor([1.0, 0.5, 0.25]).reshape(3, 1, 1).expand(2, 3, 5, 7)
    grey = transforms.Grayscale(3)(image)
    assert grey.shape == (2, 3, 5, 7)
    np.testing.assert_allclose(grey.numpy(), 0.2989 + 0.587 * 0.5 + 0.114 * 0.25, rtol=1e-6)
    assert transforms.RandomGrayscale(1.0)(image).shape == image.shape
    with pytest.raises(ShapeError, match="3 channels"):
        functional.rgb_to_grayscale(cr.ones(2, 5, 5))


def test_colours_of_tensors_are_changed_as_those_of_pictures():
    """The mean over channels and pixels, within a rounding of the eight bits of a picture."""
    x = TENSOR.float() / 255
    np.testing.assert_allclose(functional.adjust_hue(x, 0.0).numpy(), x.numpy(), atol=1e-6)
    np.testing.assert_allclose(
        functional.adjust_hue(x, 1 / 3).numpy(), x.numpy()[[2, 0, 1]], atol=1e-6
    )
    for settings in (
        {"brightness": (0.6, 0.6)},
        {"contrast": (0.5, 0.5)},
        {"saturation": (0.3, 0.3)},
        {"hue": (0.2, 0.2)},
    ):
        jitter = transforms.ColorJitter(**settings)
        ours, pillows = of(jitter(x)) * 255, of(jitter(IMAGE)).astype(float)
        assert np.abs(ours - pillows).max() < (9 if "hue" in settings else 2)
        whole = of(jitter(TENSOR)).astype(float)
        assert np.abs(whole - pillows).max() < (9 if "hue" in settings else 2)


def test_transforms_stand_in_a_sequence_of_modules():
    import copy

    steps = cr.nn.Sequential(
        transforms.RandomHorizontalFlip(1.0), transforms.Normalize([0.5], [0.5])
    )
    x = cr.arange(6.0).reshape(1, 2, 3)
    assert cr.equal(copy.deepcopy(steps)(x), (x.flip(-1) - 0.5) / 0.5)
    assert steps[0](x).shape == steps[0].forward(x).shape
    assert repr(steps[1]) == "Normalize(mean=[0.5], std=[0.5], inplace=False)"


def test_transforms_as_functions():
    image = cr.arange(30.0).reshape(1, 5, 6)
    assert cr.equal(functional.crop(image, 1, 2, 3, 4), image[:, 1:4, 2:6])
    outside = functional.crop(image, -1, 3, 3, 5)
    assert outside.shape == (1, 3, 5) and outside[0, 0].sum() == 0 and outside[0, 1, 4] == 0
    assert cr.equal(outside[0, 1, :3], image[0, 0, 3:])
    assert functional.resized_crop(image, 0, 0, 4, 4, (8, 6)).shape == (1, 8, 6)
    assert cr.equal(functional.hflip(functional.vflip(image)), image.flip(-1).flip(-2))
    assert functional.get_image_size(image) == [6, 5]
    assert functional.get_dimensions(image) == [1, 5, 6]
    picture = functional.to_pil_image(functional.normalize(cr.ones(3, 4, 2), [0.5] * 3, [0.5] * 3))
    assert functional.get_dimensions(picture) == [3, 4, 2]
    assert (
        functional.to_tensor(picture).max() == 1 and functional.pil_to_tensor(picture).max() == 255
    )
    assert functional.convert_image_dtype(functional.pil_to_tensor(picture)).max() == 1
    assert functional.center_crop(functional.pad(image, 2), (3, 3)).shape == (1, 3, 3)
    assert functional.resize(image, 10).shape == (1, 10, 12)
    assert functional.gaussian_blur(image, 3).shape == image.shape
    assert functional.rgb_to_grayscale(cr.ones(3, 2, 2)).shape == (1, 2, 2)


def test_functions_draw_nothing_and_classes_give_away_what_they_draw():
    before = cr.get_rng_state()
    functional.adjust_contrast(functional.hflip(functional.rotate(IMAGE, 30)), 0.5)
    assert cr.equal(cr.get_rng_state(), before)
    top, left, height, width = transforms.RandomCrop.get_params(TENSOR, (5, 7))
    assert (height, width) == (5, 7) and 0 <= top <= 6 and 0 <= left <= 6
    part = transforms.RandomResizedCrop.get_params(IMAGE, (0.2, 0.3), (0.9, 1.1))
    assert 0.15 < part[2] * part[3] / (11 * 13) < 0.35
    erased = functional.erase(TENSOR, 2, 3, 4, 5, cr.tensor(7, dtype=cr.uint8))
    assert (erased[:, 2:6, 3:8] == 7).all() and not cr.equal(erased, TENSOR)


def test_grey_has_no_hue_and_no_saturation_to_be_changed():
    grey = TENSOR[:1].float() / 255
    assert cr.equal(functional.adjust_hue(grey, 0.3), grey)
    np.testing.assert_allclose(functional.adjust_saturation(grey, 0.3).numpy(), grey, atol=1e-6)


def test_functions_refuse():
    with pytest.raises(ValueError, match=r"hue_factor must be within -0\.5 and 0\.5, found 0\.7"):
        functional.adjust_hue(TENSOR, 0.7)
    for image, known in (
        (TENSOR, "'constant', 'edge' or 'reflect' for"),
        (IMAGE, "or 'symmetric'"),
    ):
        with pytest.raises(ValueError, match=f"{known}.* found 'mirror'"):
            functional.pad(image, 2, padding_mode="mirror")


def test_fake_data():
    data = datasets.FakeData(7, (3, 5, 4), 3, transform=transforms.ToTensor())
    image, label = data[6]
    assert len(data) == 7 and image.shape == (3, 5, 4) and 0 <= label < 3
    assert cr.equal(data[6][0], image)
    with pytest.raises(IndexError):
        data[7]


def test_mnist(outside_data):
    data = datasets.MNIST(outside_data, train=False, transform=transforms.ToTensor())
    assert len(data) == 10_000 and data.data.shape == (10_000, 28, 28)
    image, label = data[0]
    assert image.shape == (1, 28, 28) and label == 7 and data.classes[label] == "7 - seven"
    assert datasets.FashionMNIST(outside_data).class_to_idx["bag"] == 8


def test_what_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataNotFoundError, match="mnist was not found"):
        datasets.MNIST(tmp_path)


def test_pictures_in_a_folder_for_each_class(tmp_path):
    for name in ("dog/b.png", "dog/old/a.JPG", "cat/c.png", "cat/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            IMAGE.convert("L").save(path)
    data = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert (data.classes, data.class_to_idx) == (["cat", "dog"], {"cat": 0, "dog": 1})
    names = [str(tmp_path / name) for name in ("cat/c.png", "dog/b.png", "dog/old/a.JPG")]
    assert data.samples == data.imgs == list(zip(names, [0, 1, 1], strict=True))
    assert data.targets == [0, 1, 1] and len(data) == 3
    image, target = data[0]
    assert image.shape == (3, 11, 13) and target == 0  # three colours, whatever the file has
    assert repr(data) == (
        f"Dataset ImageFolder\n    Number of datapoints: 3\n    Root location: {tmp_path}"
    )
    texts = datasets.DatasetFolder(
        tmp_path, lambda path: Path(path).read_text(), extensions=(".txt",), allow_empty=True
    )
    assert [texts[k] for k in range(len(texts))] == [("no picture", 0)]
    with pytest.raises(FileNotFoundError, match=r"dog: there is no file that ends in \('.txt',\)"):
        datasets.DatasetFolder(tmp_path, open, extensions=(".txt",))
    chosen = datasets.ImageFolder(tmp_path, is_valid_file=lambda path: "c." in path or "b." in path)
    assert [target for _, target in chosen.samples] == [0, 1]
    with pytest.raises(ValueError, match="takes extensions or is_valid_file, and not both"):
        folders.make_dataset(tmp_path)
    with pytest.raises(ValueError, match="class_to_idx has at least one class, found none"):
        folders.make_dataset(tmp_path, {}, ".png")
    with pytest.raises(FileNotFoundError, match="expected a folder for each class, found none"):
        datasets.ImageFolder(tmp_path / "dog" / "old")
    with pytest.raises(FormatError, match=r"notes.txt: not a picture that Pillow reads"):
        folders.default_loader(tmp_path / "cat" / "notes.txt")


def damaged(kind, spoil, **options):
    buffer = bytes_io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return spoil(bytearray(buffer.getvalue()))


def overwritten(at, *values):
    def spoil(content):
        content[at : at + len(values)] = bytes(values)
        return bytes(content)

    return spoil


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        # few bytes that claim the pixels of gigabytes
        ("a.bmp", damaged("BMP", overwritten(18, 0, 48, 0, 0, 0, 48, 0, 0)), "expected at most 67108864 pixels, found 12288×12288"),
        ("a.gif", damaged("GIF", overwritten(6, 255, 255, 255, 255)), "expected a picture, found a damaged one: Image size"),
        # of which Pillow warns, and says what it can
        ("a.tif", damaged("TIFF", lambda content: bytes(content[:-37])), "expected a picture, found a damaged one: "),
        # the checksum of the pixels
        ("a.png", damaged("PNG", overwritten(-20, 1, 2, 3)), "the checksum of its pixels is"),
    ],
)  # fmt: skip
def test_a_damaged_picture_is_told_whoever_reads_it(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    for read, where in (
        (folders.pil_loader, path),
        (io.read_image, path),
        (lambda path: io.decode_image(io.read_file(path)), "these bytes"),
    ):
        with pytest.raises(FormatError, match=re.escape(f"{where}: ") + f".*{said}"):
            read(path)


def test_data_sets_that_are_not_here_can_be_named():
    assert not isinstance(IMAGE, datasets.CIFAR100)
    with pytest.raises(cr.ChainruleError, match="there is no torchvision.datasets.CIFAR100 here"):
        datasets.CIFAR100("there")
    assert repr(datasets.ImageNet) == "<torchvision.datasets.ImageNet, which is not there>"
    with pytest.raises(AttributeError, match="there is no torchvision.datasets.CIFAR11 here"):
        _ = datasets.CIFAR11
    assert (
        can_be_named("torchvision.datasets.SVHN")
        and can_be_named("torch.TypedStorage")
        and can_be_named("torch.Stream")
    )
    assert resolve("torchvision.datasets.SVHN") is None  # so it is reported


def test_photographs_in_the_order_of_their_files(outside_data):
    train, test = (datasets.CIFAR10(train=part) for part in (True, False))
    assert train.data.shape[1:] == (32, 32, 3) and train.data.dtype == np.uint8
    assert len(train.targets) == len(train.data) == len(train) and len(test) < len(train)
    known = load_dataset("cifar10")
    for part, data in ((known.train, train), (known.validation, train), (known.test, test)):
        for k in (0, 7):
            place = int(part.indices[k])
            assert np.array_equal(np.asarray(data[place][0]).transpose(2, 0, 1), part.pixels[k])
            assert data[place][1] == part.labels[k]
    assert train.class_to_idx["frog"] == 6
    assert repr(test) == f"Dataset CIFAR10\n    Number of datapoints: {len(test)}\n    Split: Test"


def test_the_nearest_pixel_is_that_of_pillow():
    nearest = transforms.InterpolationMode.NEAREST_EXACT
    resize = transforms.Resize((4, 5), nearest)
    assert np.array_equal(of(resize(TENSOR)), of(resize(IMAGE)))


def test_pictures_are_read_and_written(tmp_path):
    path = tmp_path / "picture.png"
    io.write_png(TENSOR, path)
    assert cr.equal(io.read_image(path), TENSOR)
    assert cr.equal(io.decode_png(io.read_file(path)), TENSOR)
    grey = io.read_image(str(path), io.ImageReadMode.GRAY)
    assert np.array_equal(grey[0].numpy(), np.asarray(IMAGE.convert("L")))
    assert io.decode_image(path, "rgb_alpha").shape == (4, 11, 13)
    smooth = cr.full((3, 11, 13), 70, dtype=cr.uint8)
    io.write_jpeg(smooth, path, quality=100)
    assert (io.decode_jpeg(io.read_file(path)).int() - 70).abs().max() <= 1
    turned = Image.fromarray(PIXELS)
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held upright
    turned.save(path, exif=exif)
    assert io.read_image(path).shape == (3, 11, 13)
    assert io.read_image(path, apply_exif_orientation=True).shape == (3, 13, 11)
    Image.fromarray(PIXELS[..., 0]).convert("P").save(path)
    assert io.read_image(path).shape == (3, 11, 13)
    with pytest.raises(FormatError, match="these bytes: not a picture that Pillow reads"):
        io.decode_image(cr.zeros(7, dtype=cr.uint8))
    with pytest.raises(DTypeError, match=r"the bytes of a file are uint8 \(N,\), found"):
        io.decode_image(cr.zeros(7))
    with pytest.raises(ValueError, match=r"a picture is uint8 \(1 or 3, H, W\), found"):
        io.encode_png(cr.zeros(2, 3, 5, dtype=cr.uint8))
    with pytest.raises(cr.ChainruleError, match="there is no torchvision.io.read_video here"):
        io.read_video("film.mp4")
    with pytest.raises(AttributeError, match="there is no torchvision.io.read_sound here"):
        _ = io.read_sound
