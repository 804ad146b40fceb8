"""What is known of each data set: its files with checksums and mirrors, its licence and source, its
sizes, and what it can and cannot teach.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import DataNotFoundError
from .. import digits

__all__ = ["RECORDS", "File", "Layout", "Record", "record"]


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        role: what it holds: "train images".
        name: under which it is published, and to which it is fetched.
        sha256: of its bytes.
        bytes: its size.
        mirrors: from where it can be had, tried in order.
        others: further names under which the same content may lie, each with its sha256.
    """

    role: str
    name: str
    sha256: str
    bytes: int
    mirrors: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Every name the file may have -> its sha256."""
        return {self.name: self.sha256, **dict(self.others)}


@dataclass(frozen=True)
class Layout:
    """One form in which a data set is published: all of `files`, in one of `folders` of the data
    folder (or in the data folder itself).
    """

    name: str
    folders: tuple[str, ...]
    files: tuple[File, ...]


@dataclass(frozen=True)
class Record:
    """All that is known of a data set before it is loaded.

    Attributes:
        name: that `load_dataset` and the command line take.
        title: one line.
        layouts: the forms that are understood, the best first; `fetched` names the one that
            `chainrule data get` fetches, None if it cannot be fetched.
        sizes: of train, validation and test.
        source: who made it, where it is described.
        licence: as its makers state it, or that they state none.
        teaches: what can be learned from it.
        limits: what cannot.
        unreadable: names whose presence means the data are there in a form that is not read -> why
            and what to do.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...]
    sizes: dict[str, int]
    source: str
    licence: str
    teaches: str
    limits: tuple[str, ...]
    fetched: str | None = None
    unreadable: tuple[tuple[str, str], ...] = ()

    def layout(self, name: str) -> Layout:
        """The layout of this name."""
        return next(each for each in self.layouts if each.name == name)

    def describe(self) -> str:
        """The record as text, as the command line prints it."""
        sizes = ", ".join(f"{n:,} {part}" for part, n in self.sizes.items())
        lines = [
            f"{self.name}: {self.title}",
            f"  samples   {sizes}",
            f"  source    {self.source}",
            f"  licence   {self.licence}",
            f"  teaches   {self.teaches}",
        ]
        lines += [
            f"  {'limits' if k == 0 else '':<10}{limit}" for k, limit in enumerate(self.limits)
        ]
        return "\n".join(lines)


IDX = (
    ("train images", "train-images-idx3-ubyte", 47_040_016),
    ("train labels", "train-labels-idx1-ubyte", 60_008),
    ("test images", "t10k-images-idx3-ubyte", 7_840_016),
    ("test labels", "t10k-labels-idx1-ubyte", 10_008),
)


def _idx_layout(
    folders: tuple[str, ...],
    mirrors: Sequence[str],
    digests: Sequence[tuple[int, str, str]],
) -> Layout:
    """The four files of MNIST and of what was made like it: bytes and sha256 of the gzip file,
    sha256 of what it holds.
    """
    files = []
    for (role, name, _), (size, packed, plain) in zip(IDX, digests, strict=True):
        dotted = name.replace("-idx", ".idx")  # as some archives unpack them
        others = ((name, plain), (dotted, plain), (f"{dotted}.gz", packed))
        found = tuple(f"{mirror}{name}.gz" for mirror in mirrors)
        files.append(File(role, f"{name}.gz", packed, size, found, others))
    return Layout("idx", folders, tuple(files))


MNIST = Record(
    name="mnist",
    title="handwritten digits, 28×28 grey, 10 classes",
    layouts=(
        _idx_layout(
            ("mnist", "MNIST/raw", "MNIST", "raw"),
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
            (
                (
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                ),
                (
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                ),
                (
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                ),
                (
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                ),
            ),
        ),
    ),
    sizes={"train": 55_000, "validation": 5_000, "test": 10_000},
    source="Y. LeCun, C. Cortes and C. Burges 1998, http://yann.lecun.com/exdb/mnist/",
    licence="none on the original page; commonly given as CC BY-SA 3.0",
    teaches="whether a network and a training loop work at all: 97 % is easy, 99.5 % takes care",
    limits=(
        "Centred, cleaned, one digit to an image: photographs must be brought to that form first.",
        "Nearly solved: differences of a few hundredths of a percent between methods are noise.",
    ),
    fetched="idx",
)

FASHION_MNIST = Record(
    name="fashion_mnist",
    title="pictures of clothing, 28×28 grey, 10 classes",
    layouts=(
        _idx_layout(
            ("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "fashion_mnist"),
            (
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
            (
                (
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                ),
                (
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                ),
                (
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                ),
                (
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                ),
            ),
        ),
    ),
    sizes={"train": 55_000, "validation": 5_000, "test": 10_000},
    source="H. Xiao, K. Rasul and R. Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist",
    licence="MIT",
    teaches="the same as mnist with room to improve: 90 % is easy, 95 % is hard",
    limits=(
        "Shirts, T-shirts, pullovers and coats differ in details that 28×28 pixels barely show.",
        "Catalogue pictures on an empty ground say little about clothes in photographs.",
    ),
    fetched="idx",
)

NAMES = Record(
    name="names",
    title="first names, lower case a to z, one a line",
    layouts=(
        Layout(
            "text",
            ("names", "makemore"),
            (
                File(
                    "names",
                    "names.txt",
                    "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
                    228_145,
                    (
                        "https://raw.githubusercontent.com/karpathy/makemore/"
                        "988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
                        "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
                    ),
                ),
            ),
        ),
    ),
    sizes={"train": 25_631, "validation": 3_194, "test": 3_208},
    source="A. Karpathy, makemore (names of the US Social Security Administration, 2018)",
    licence="MIT; the underlying list is US government data",
    teaches="character models, from counting pairs of letters to a small transformer, in minutes",
    limits=(
        "2,539 names stand in the file more than once; the split keeps equal names in one part.",
        "Names given in the United States: how names are made elsewhere cannot be learned.",
    ),
    fetched="text",
)

TINYSHAKESPEARE = Record(
    name="tinyshakespeare",
    title="1,115,394 characters of Shakespeare, 65 of them distinct",
    layouts=(
        Layout(
            "text",
            ("tinyshakespeare",),
            (
                File(
                    "text",
                    "input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    1_115_394,
                    (
                        "https://raw.githubusercontent.com/karpathy/char-rnn/"
                        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
                        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
                        "tinyshakespeare/input.txt",
                    ),
                ),
            ),
        ),
    ),
    sizes={"train": 1_003_854, "validation": 55_770, "test": 55_770},
    source="A. Karpathy, char-rnn (plays of William Shakespeare, joined)",
    licence="the text is in the public domain",
    teaches="language models of characters: how loss, context and size hang together",
    limits=(
        "One megabyte: a model of a few million parameters learns it by heart.",
        "What it writes looks like a play; it does not know what it says.",
    ),
    fetched="text",
)

DIGITS = Record(
    name="digits",
    title="handwritten digits, 8×8 grey, 10 classes; comes with the package",
    layouts=(
        Layout(
            "package",
            (str(digits.FILE.parent),),
            (File("images and labels", digits.FILE.name, digits.SHA256, 44_656),),
        ),
    ),
    sizes={"train": 1_257, "validation": 180, "test": 360},
    source="E. Alpaydin and C. Kaynak 1998, UCI, https://doi.org/10.24432/C50P49",
    licence="CC BY 4.0",
    teaches="a whole training run, from data to test accuracy, in seconds and without a download",
    limits=(
        "13 people wrote all the images, and each may be in every part.",
        "One mistake among 360 test images is 0.28 points of accuracy.",
    ),
)

RECORDS = {each.name: each for each in (DIGITS, MNIST, FASHION_MNIST, TINYSHAKESPEARE, NAMES)}


def record(name: str) -> Record:
    """The record of this name.

    Raises:
        DataNotFoundError: there is none; the known names and the nearest are given.

    >>> record("mnist").licence
    'none on the original page; commonly given as CC BY-SA 3.0'
    >>> record("mnits")
    Traceback (most recent call last):
        ...
    chainrule.base.errors.DataNotFoundError: there is no data set 'mnits'; did you mean mnist? Known are ...
    """
    if name in RECORDS:
        return RECORDS[name]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), RECORDS, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise DataNotFoundError(f"there is no data set {name!r}; {hint}Known are {', '.join(RECORDS)}")
