"""What is known of each data set."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ...base.errors import DataNotFoundError
from .. import digits
from .form import File, Layout, Record

__all__ = ["RECORDS", "record"]

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

CIFAR_MIRROR = "https://www.cs.toronto.edu/~kriz/"

CIFAR10 = Record(
    name="cifar10",
    title="photographs of things and animals, 32×32 in colour, 10 classes",
    layouts=(
        Layout(
            "binary",
            ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10"),
            tuple(
                File(role, name, md5, 30_730_000)
                for role, name, md5 in (
                    ("batch 1", "data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
                    ("batch 2", "data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
                    ("batch 3", "data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
                    ("batch 4", "data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
                    ("batch 5", "data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
                    ("test", "test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
                )
            ),
        ),
        Layout(
            "archive",
            ("cifar10", "cifar-10", "CIFAR10"),
            (
                File(
                    "archive",
                    "cifar-10-binary.tar.gz",
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    170_052_171,
                    (f"{CIFAR_MIRROR}cifar-10-binary.tar.gz",),
                ),
            ),
        ),
        Layout(
            "subset",
            ("cifar10-subset",),
            (
                File(
                    "batch 1",
                    "data_batch_1.bin.gz",
                    "6fcee3c4b6ea120cf82b263e2e9fe932e7edf7daf530e8b8ed62c178f70910c6",
                    28_313_767,
                ),
                File(
                    "test",
                    "test_batch_first2000.bin.gz",
                    "47674b0636dd71dc46264046de7b3c1a32bfef3c11ac37d87ac2d6bd112dc00c",
                    5_671_845,
                ),
            ),
            sizes=(("train", 9_000), ("validation", 1_000), ("test", 2_000)),
        ),
    ),
    sizes={"train": 45_000, "validation": 5_000, "test": 10_000},
    source="A. Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="none stated by its makers; measure with it, do not pass it on",
    teaches="convolutional and residual networks, and what augmentation and weight decay are for",
    limits=(
        "A subset of 80 Million Tiny Images, which its makers withdrew in 2020.",
        "3.3 % of the test images are near copies of training images (Barz and Denzler 2020).",
    ),
    fetched="archive",
    unreadable=tuple(
        (
            name,
            "it is the form for Python, a pickle, which is code and is not read; "
            "the binary version has the same images",
        )
        for name in ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1")
    ),
)

SST2 = Record(
    name="sst2",
    title="sentences of film reviews, liked or not",
    layouts=(
        Layout(
            "tsv",
            ("sst2", "SST2", "SST-2"),
            tuple(
                File(
                    part,
                    f"{part}.tsv",
                    digest,
                    size,
                    (
                        "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification/"
                        f"457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/{part}.tsv",
                        "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification/"
                        f"master/data/SST2/{part}.tsv",
                    ),
                )
                for part, digest, size in (
                    (
                        "train",
                        "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
                        720_259,
                    ),
                    (
                        "dev",
                        "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
                        92_057,
                    ),
                    (
                        "test",
                        "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
                        188_749,
                    ),
                )
            ),
        ),
    ),
    sizes={"train": 6_920, "validation": 872, "test": 1_821},
    source="R. Socher et al. 2013, Stanford Sentiment Treebank, https://nlp.stanford.edu/sentiment/",
    licence="none stated; measure with it, do not pass it on",
    teaches="classifying text: 80 % with counted words, above 90 % with a pretrained transformer",
    limits=(
        "Whole sentences only, neutral ones left out: real reviews are harder.",
        "10 sentences stand in it twice.",
    ),
    fetched="tsv",
)

EMOJI_CAPTIONS = Record(
    name="emoji_captions",
    title="3,394 emoji, 32×32 with transparency, with their names",
    layouts=(
        Layout(
            "idx",
            ("noto-emoji-captions", "emoji_captions"),
            (
                File(
                    "pictures",
                    "images-rgba-idx4-ubyte.gz",
                    "c7267e7f978415de7dad5762f1d74d2fdaf9d7160be368588d570342521750ce",
                    1_910_238,
                    others=(
                        (
                            "images-rgba-idx4-ubyte",
                            "acdc87185a78e206537a75e8f490368a1c43022fdb7d795448648fac862f1060",
                        ),
                    ),
                ),
                File(
                    "captions",
                    "captions.tsv",
                    "d5f8312fe622ef400de3bfea9b898a15df77828cefa038f5b30f2f83e7c0a9a2",
                    256_401,
                ),
            ),
        ),
    ),
    sizes={"train": 2_751, "validation": 250, "test": 393},
    source="Google Noto Emoji, pictures; Unicode 15.0, names; put together by hand, not published",
    licence="Apache-2.0 or OFL 1.1 (pictures), Unicode terms of use (names)",
    teaches="pictures and text in one space, as CLIP does it, in minutes",
    limits=(
        "Drawings of one style: nothing about photographs.",
        "Two thirds are people, most of them in five tones of skin; all tones of a picture are in "
        "one part.",
    ),
)

SERIES_MIRRORS = (
    "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/",
    "https://raw.githubusercontent.com/statsmodels/statsmodels/"
    "82c59e378bdfb5ae324006c477954879ad3e24be/statsmodels/datasets/",
)

TIMESERIES = Record(
    name="timeseries",
    title="four series: airline passengers, daily minimum temperatures, CO2, sunspots",
    layouts=(
        Layout(
            "csv",
            ("timeseries",),
            (
                File(
                    "airline-passengers",
                    "airline-passengers.csv",
                    "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
                    2_180,
                    (f"{SERIES_MIRRORS[0]}airline-passengers.csv",),
                ),
                File(
                    "daily-min-temperatures",
                    "daily-min-temperatures.csv",
                    "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da",
                    67_921,
                    (f"{SERIES_MIRRORS[0]}daily-min-temperatures.csv",),
                ),
                File(
                    "co2",
                    "co2.csv",
                    "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
                    33_974,
                    (f"{SERIES_MIRRORS[1]}co2/co2.csv",),
                ),
                File(
                    "sunspots",
                    "sunspots.csv",
                    "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
                    2_944,
                    (f"{SERIES_MIRRORS[1]}sunspots/sunspots.csv",),
                ),
            ),
        ),
    ),
    sizes={"train": 4, "validation": 4, "test": 4},
    source="Box and Jenkins 1976; Australian Bureau of Meteorology; Keeling and Whorf 2004; NOAA",
    licence="CO2 and sunspots in the public domain; of the other two none is stated",
    teaches="forecasting: trend, season and noise, and how hard it is to beat a seasonal repeat",
    limits=(
        "Short series (144 to 3,650 steps): a large network learns them by heart.",
        "CO2 has 59 weeks without a measurement, which are NaN.",
    ),
    fetched="csv",
)

SQUAD = Record(
    name="squad",
    title="2,067 paragraphs of 48 Wikipedia articles, without their questions",
    layouts=(
        Layout(
            "published",
            ("squad-dev-v1.1", "squad"),
            (
                File(
                    "paragraphs",
                    "dev-v1.1.json",
                    "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
                    4_854_279,
                    ("https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",),
                ),
            ),
        ),
        Layout(  # the same texts, put together from the pages that show them
            "derived",
            ("squad-dev-v1.1", "squad"),
            (
                File(
                    "paragraphs",
                    "dev-v1.1-derived.json.gz",
                    "c39827ba28e1635188d692e0dd5f437d92a36b2103c6f33bab599b4d0f07ad2e",
                    1_025_074,
                ),
            ),
        ),
    ),
    sizes={"train": 1_680, "validation": 207, "test": 180},
    source="P. Rajpurkar, J. Zhang, K. Lopyrev and P. Liang 2016, SQuAD 1.1, development set",
    licence="CC BY-SA 4.0 (text of Wikipedia)",
    teaches="language models of ordinary prose; which paragraph belongs to a question",
    limits=(
        "48 articles: whole parts of the world are not in it, and no article is in two parts.",
        "A quarter of a million words are little: a model knows their commonest forms, not what "
        "they say.",
    ),
    fetched="published",
)

RECORDS = {
    each.name: each
    for each in (
        DIGITS,
        MNIST,
        FASHION_MNIST,
        CIFAR10,
        TINYSHAKESPEARE,
        NAMES,
        SST2,
        SQUAD,
        EMOJI_CAPTIONS,
        TIMESERIES,
    )
}


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
    hint = f"did you mean {near[0]}? Known are" if near else "known are"
    raise DataNotFoundError(f"there is no data set {name!r}; {hint} {', '.join(RECORDS)}")
