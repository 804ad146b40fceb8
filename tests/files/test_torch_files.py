"""Files of PyTorch's: those it wrote are read, those we write it reads, and what lies is refused."""

import io
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ChainruleError, FormatError
from chainrule.files import read_torch
from chainrule.files.pickles import Named, interpret

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()


def archive(
    program: bytes, storages=(), name="x", compression=zipfile.ZIP_STORED, **others
) -> bytes:
    """A file of PyTorch's with this pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as z:
        z.writestr(f"{name}/data.pkl", program)
        for k, content in enumerate(storages):
            z.writestr(f"{name}/data/{k}", content)
        for key, content in others.items():
            z.writestr(f"{name}/{key}", content)
    return buffer.getvalue()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    content = value.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + content


def numbers(values) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def tensor(
    size=(2, 3),
    stride=(3, 1),
    offset=0,
    kind="FloatStorage",
    key="0",
    count=6,
    hooks=b"ccollections\nOrderedDict\n)R",
) -> bytes:
    """The pickle of a tensor, which may lie."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage")
        + b"ctorch\n"
        + kind.encode()
        + b"\n"
        + text(key)
        + text("cpu")
        + integer(count)
        + b"tQ"
        + integer(offset)
        + numbers(size)
        + numbers(stride)
        + b"\x89"
        + hooks
        + b"tR"
    )


def refused(content: bytes, message: str, **options) -> None:
    with pytest.raises(FormatError, match=message):
        read_torch(io.BytesIO(content), **options)


def file_of(program: bytes, **others) -> bytes:
    return archive(b"\x80\x02" + program + b".", [bytes(24)], **others)


# ---- with PyTorch


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_of_pytorch_is_read_and_written(torch, tmp_path, name):
    values = np.random.default_rng(0).integers(0, 2 if name == "bool" else 100, (2, 3, 5))
    theirs = torch.tensor(values).to(getattr(torch, name))
    torch.save({"x": theirs}, tmp_path / "theirs.pt")
    found = cr.load(tmp_path / "theirs.pt")["x"]
    assert found.dtype.name == name and found.double().tolist() == theirs.double().tolist()
    cr.save({"x": found}, tmp_path / "ours.pt")
    again = torch.load(tmp_path / "ours.pt", weights_only=True)["x"]
    assert again.dtype == theirs.dtype and torch.equal(again, theirs)


def model(library):
    return library.nn.Sequential(
        library.nn.Conv2d(3, 5, 3),
        library.nn.BatchNorm2d(5),
        library.nn.Flatten(),
        library.nn.Linear(5, 7),
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_dicts_of_models_and_optimizers(torch, tmp_path, protocol):
    theirs = model(torch)
    optimizer = torch.optim.AdamW(theirs.parameters())
    theirs(torch.ones(2, 3, 3, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"model": theirs.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(checkpoint, tmp_path / "c.pt", pickle_protocol=protocol)
    found = cr.load(tmp_path / "c.pt")
    ours = model(cr)
    ours.load_state_dict(found["model"])
    for key, value in theirs.state_dict().items():
        assert found["model"][key].tolist() == value.tolist(), key
    assert found["model"]._metadata == theirs.state_dict()._metadata
    assert found["epoch"] == 3
    assert found["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    adam = cr.optim.AdamW(ours.parameters())
    adam.load_state_dict(found["optimizer"])


def test_what_we_write_pytorch_loads_without_running_anything(torch, tmp_path):
    tree = {
        "state": model(cr).state_dict(),
        "list": [1, 2**70, -5, 2.5, None, True, (1, (2,)), b"\xff\x00", "é", {1, 2}],
        "size": cr.Size((2, 3)),
        "parameter": nn.Parameter(cr.ones(2)),
        "scalar": cr.tensor(3.0),
        "empty": cr.zeros(0, 2),
        "view": cr.tensor(np.arange(12.0).reshape(3, 4)).T,
        "reversed": cr.from_numpy(np.arange(5)[::-1]),
    }
    path = tmp_path / "ours.pt"
    cr.save(tree, path)
    for mmap in (False, True):
        found = torch.load(path, weights_only=True, mmap=mmap)
        assert found["list"] == tree["list"]
        assert isinstance(found["size"], torch.Size) and isinstance(
            found["parameter"], torch.nn.Parameter
        )
        for key in ("parameter", "scalar", "empty", "view", "reversed"):
            assert found[key].tolist() == tree[key].tolist(), key
        assert found["view"].stride() == (1, 4)
        model(torch).load_state_dict(found["state"])


def test_views_parameters_and_shared_memory_of_pytorch(torch, tmp_path):
    w = torch.arange(24.0).reshape(2, 3, 4)
    tree = {
        "permuted": w.permute(2, 0, 1),
        "part": w[1, 1:],
        "gaps": w[:, ::2, 1::2],
        "one": w[:, :1, :],
        "wide": w[0, 0, :1].expand(3, 4),
        "same": w,
        "parameter": torch.nn.Parameter(w.view(-1)),
        "leaf": torch.ones(2, requires_grad=True),
    }
    torch.save(tree, tmp_path / "v.pt")
    for mmap in (False, True):
        found = cr.load(tmp_path / "v.pt", mmap=mmap)
        for key, value in tree.items():
            assert found[key].tolist() == value.tolist(), key
        assert isinstance(found["parameter"], nn.Parameter) and found["leaf"].requires_grad
        found["same"][1, 1, 0] = 100
        assert found["part"][0, 0] == 100 and found["parameter"][16] == 100


def test_what_pytorch_writes_and_we_do_not_read(torch, tmp_path):
    path = tmp_path / "x.pt"
    for value, message in (
        (
            torch.ones(2, dtype=torch.complex64),
            "torch.ComplexFloatStorage.*complex numbers are not supported",
        ),
        (torch.ones(2).to_sparse(), "torch._utils._rebuild_sparse_tensor.*to_dense"),
        (torch.nn.Linear(2, 3), "torch.nn.modules.linear.Linear.*save its state_dict"),
        (np.float64(3), "numpy.*scalar.*save NumPy values as tensors"),
        (torch.ones(2).to(torch.uint16), "torch.uint16.*there is no dtype for it"),
        (torch.ones(2, device="meta"), "torch._utils._rebuild_meta_tensor_no_storage"),
    ):
        torch.save({"x": value}, path)
        with pytest.raises(FormatError, match=message) as caught:
            cr.load(path)
        assert str(caught.value).startswith(f"{path}: data.pkl: offset ")


@pytest.mark.parametrize("mmap", [False, True])
def test_pytorchs_older_format(torch, tmp_path, mmap):
    path, whole = tmp_path / "x.pt", torch.randn(5, 7)
    tree = {
        "whole": whole, "part": whole[1:3], "turned": whole.T, "gaps": whole[:, ::2], "half": torch.randn(3).half(),
        "brain": torch.randn(2, 2).bfloat16(), "whole numbers": torch.arange(7), "truth": torch.tensor([True, False]),
        "single": torch.tensor(2.5), "none": torch.empty(0, 3), "trained": torch.nn.Parameter(torch.ones(2)),
    }  # fmt: skip
    torch.save({**tree, "rest": [1, 2.5, "x", None]}, path, _use_new_zipfile_serialization=False)
    found = cr.load(path, mmap=mmap)
    assert found["rest"] == [1, 2.5, "x", None] and isinstance(found["trained"], cr.nn.Parameter)
    for key, tensor in tree.items():
        assert str(found[key].dtype).rpartition(".")[2] == str(tensor.dtype).rpartition(".")[2]
        assert found[key].tolist() == tensor.tolist(), key
    found["whole"][1, 0] = 5.0
    assert found["part"][0, 0].item() == 5.0  # one memory, as before


def test_damage_to_the_older_format_is_a_typed_error(torch, tmp_path):
    path, rng = tmp_path / "x.pt", np.random.default_rng(0)
    tree = {"a": torch.randn(3, 4), "b": torch.arange(3)}
    torch.save(tree, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    for k in range(300):
        bad = bytearray(data[: len(data) if k % 3 else int(rng.integers(1, len(data)))])
        for _ in range(int(rng.integers(1, 4))):
            bad[int(rng.integers(len(bad)))] = int(rng.integers(256))
        path.write_bytes(bytes(bad))
        try:
            cr.load(path)
        except ChainruleError:
            pass
    for changed, words in (
        (data[:-5], r"storage '\d+': expected \d+ elements, found \d+, and \d+ bytes for"),
        (data.replace(b"M\xe9\x03", b"M\xea\x03"), "expected protocol 1001 .*, found 1002"),
        (data[: len(data) // 2], "cut off|names of the tree's storages"),
    ):
        path.write_bytes(changed)
        with pytest.raises(FormatError, match=words):
            cr.load(path)


def test_torchscript_is_refused_by_name():
    refused(file_of(b"N", **{"constants.pkl": b""}), "found a TorchScript program, which is code")


# ---- nothing is run

RAN = []


class Evil:
    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "how",
    [
        (__import__("os").system, ("echo ran",)),
        (eval, ("RAN.append(1)",)),
        (exec, ("raise SystemExit",)),
        (getattr, ("", "upper")),
        (RAN.append, (1,)),
        (__import__, ("os",)),
    ],
)
def test_a_pickle_that_would_run_something_is_refused_by_name(protocol, how, tmp_path):
    path = tmp_path / "evil.pt"
    path.write_bytes(archive(pickle.dumps({"x": Evil(how)}, protocol)))
    with pytest.raises(
        FormatError, match=r"offset \d+: the file asks for [\w.]+, which is not .* nothing was run"
    ):
        cr.load(path)
    assert RAN == []


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"ios\nsystem\n.", r"offset 2: opcode 0x69 \('i'\) is not one"),
        (b"cos\nsystem\n.", "offset 2: the file asks for os.system"),
        (b"ctorch\nload\n.", "the file asks for torch.load"),
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n.",
            "_rebuild_tensor_v2 stands where an object should",
        ),
        (b"ctorch\nFloatStorage\n)R.", "this is a type, and is not called"),
        (b"(ctorch\nFloatStorage\nt.", "a name stands where an object should"),
        (b"((ctorch\nFloatStorage\ntt.", "a name stands where an object should"),
        (b"](ctorch\nFloatStorage\ne.", "stands where an object should"),
        (b"}ctorch\nSize\nNs.", "torch.Size stands where an object should"),
        (b"NN)R.", "expected a function to call, found a NoneType"),
        (b"ctorch\nSize\nNR.", "expected a tuple of arguments, found a NoneType"),
        (b"ctorch\nSize\n(NNtR.", "torch.Size does not take 2 arguments"),
        (b"ctorch\nSize\n(NtR.", "torch.Size: expected sizes, found a NoneType"),
        (
            b"ctorch\ndevice\n(X\x03\x00\x00\x00fpgtR.",
            "torch.device: expected a device, found 'fpg'",
        ),
        (b"N", "the program is cut off"),
        (b"NN.", "ends with more than one object"),
        (b".", "expected an object on the stack, found none"),
        (b"(.", "expected an object on the stack, found none"),
        (b"t.", "expected a mark on the stack, found none"),
        (b"h\x05.", "nothing was remembered under 5"),
        (b"q\x05.", "expected an object to remember"),
        (b"Na.", "expected an object on the stack|expected a list"),
        (b"NNa.", "expected a list on the stack, found a NoneType"),
        (b"]NNs.", "expected a dictionary on the stack, found a list"),
        (b"}(Nu.", "expected a value for every key"),
        (b"}]Ns.", "expected a key that is a string, .*found a list"),
        (b"})}\x86Ns.", "expected a key that is a string, .*found a tuple"),
        (b"}}b.", "expected an OrderedDict on the stack"),
        (
            b"ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aNsb.",
            "expected the attribute _metadata",
        ),
        (b"ccollections\nOrderedDict\n(NtR.", "OrderedDict does not take 1 arguments"),
        (b"X\xff\xff\xff\xffabc.", "cut off: expected 4294967295 bytes, found"),
        (b"X\x01\x00\x00\x00\xff.", "expected text in UTF-8, found the byte ff"),
        (b"\x8b\xff\xff\xff\x7f.", "expected an integer of at most 512 bytes, found 2147483647"),
        (b"NQ.", "expected the identity of a storage"),
        (b"c" + b"a" * 600, "expected a name that ends in a newline"),
        (b"\x80\x09N.", "expected pickle protocol 2 to 5, found 9"),
        (b"\x8c\x01a\x8c\x01b\x93.", "the file asks for a.b"),
        (b"NN\x93.", "expected a module and a name"),
    ],
)
def test_programs_that_make_no_sense_are_refused_with_their_offset(program, message):
    refused(archive(b"\x80\x02" + program), message)


def test_the_same_text_is_not_copied_without_end():
    # 40 KB that would become 100 MB: the text is remembered once and encoded a thousand times
    once = text("a" * 20_000) + b"q\x00" + text("latin1") + b"q\x01]("
    again = b"c_codecs\nencode\nh\x00h\x01\x86R" * 1000
    refused(file_of(once + again + b"e"), "copied more often than any file needs")


def test_a_list_may_hold_itself():
    program = b"\x80\x02]q\x00h\x00a."
    found = interpret(program, {}, lambda x: x, "file")
    assert found[0] is found
    assert interpret(b"\x80\x02ca\nb\n.", {"a.b": Named("a.b", value=7)}, lambda x: x, "file") == 7


# ---- tensors that lie


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"size": (2, 4)}, r"its last element would be number 6 of a storage of 6"),
        (
            {"offset": 1},
            r"size \(2, 3\), strides \(3, 1\), offset 1: its last element would be number 6",
        ),
        ({"offset": -1}, r"expected an offset that are whole numbers from 0, found \(-1,\)"),
        ({"stride": (3, -1)}, "expected strides that are whole numbers from 0"),
        ({"stride": (3,)}, "expected as many strides as sizes"),
        ({"size": (1 << 61, 3), "stride": (0, 1)}, "no memory has as many elements"),
        ({"size": (0, 1 << 61, 1 << 61), "stride": (1, 1, 1)}, "no memory has as many elements"),
        ({"size": (1,) * 65, "stride": (1,) * 65}, "and at most 64"),
        ({"size": (2, 2), "stride": (1, 1)}, "its elements overlap in memory"),
        (
            {"count": 7},
            "storage '0': 7 elements of float32 are 28 bytes, but member 'x/data/0' has 24",
        ),
        ({"count": -1}, "storage '0': -1 elements"),
        ({"kind": "DoubleStorage"}, "6 elements of float64 are 48 bytes"),
        ({"kind": "Size"}, "expected the type of a storage, found torch.Size"),
        ({"key": "1"}, "storage '1': the archive has no member 'x/data/1'"),
        ({"key": "../0"}, "the archive has no member"),
        ({"hooks": b"}K\x01K\x02s"}, "has hooks or metadata"),
    ],
)
def test_tensors_that_do_not_lie_in_their_storage_are_refused(lie, message):
    assert read_torch(io.BytesIO(file_of(tensor()))).tolist() == [[0] * 3] * 2
    refused(file_of(tensor(**lie)), message)


def test_a_storage_may_not_be_described_in_two_ways():
    both = b"](" + tensor() + tensor(kind="IntStorage") + b"e"
    refused(file_of(both), "storage '0' is described twice, and differently")


def test_copies_of_tensors_with_gaps_are_bounded():
    gaps = tensor(size=(3,), stride=(2,))
    assert len(read_torch(io.BytesIO(file_of(b"](" + gaps * 3 + b"e")))) == 3
    once = gaps.replace(b"tR", b"tRq\x00", 1)
    many = b"](" + once + gaps * 2000 + b"e"
    size = len(file_of(many))
    assert 2001 * 12 < 4 * size  # every tensor costs more text than memory here,
    storage = bytes(4_000_000)  # but with a large storage
    part = tensor(size=(400_000,), stride=(2,), count=1_000_000)
    content = archive(b"\x80\x02](" + part * 11 + b"e.", [storage])
    refused(content, "the tensors of this file would take more than 4 times its size")


def test_files_of_the_other_byte_order_are_read():
    numbers_ = np.arange(6, dtype=">f4").tobytes()
    content = archive(b"\x80\x02" + tensor() + b".", [numbers_], byteorder=b"big")
    assert read_torch(io.BytesIO(content)).tolist() == [[0, 1, 2], [3, 4, 5]]
    refused(content, "of other byte order, mmap=True cannot read it", mmap=True)
    refused(file_of(b"N", byteorder=b"middle"), "expected little or big, found b'middle'")


# ---- archives that lie


def test_a_compressed_archive_is_refused():
    content = archive(b"\x80\x02N.", [bytes(10**6)], compression=zipfile.ZIP_DEFLATED)
    refused(content, "expected it stored without compression, found compression method 8")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x", "x//y", "C:\\x", "."])
def test_names_that_lead_elsewhere_are_refused(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("x/data.pkl", b"\x80\x02N.")
        z.writestr(name, b"")
    refused(buffer.getvalue(), "expected a plain relative name")


def test_archives_without_a_pickle_or_with_two():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("a.npy", b"")
    refused(
        buffer.getvalue(),
        r"expected one data.pkl, as torch.save writes it, found 0 \(the archive has a.npy\)",
    )
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("a/data.pkl", b"")
        z.writestr("b/data.pkl", b"")
    refused(buffer.getvalue(), "found 2")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("x/data.pkl", b"\x80\x02N.")
        z.writestr("x/data.pkl", b"\x80\x02N.")
    refused(buffer.getvalue(), "member 'x/data.pkl' stands in the archive twice")


def changed_directory(content: bytes, name: bytes, field: int, size: int, value: int) -> bytes:
    """The archive with another value in a field of a member's entry in the central directory."""
    place = content.rindex(name) - 46 + field
    return content[:place] + value.to_bytes(size, "little") + content[place + size :]


@pytest.mark.parametrize(
    ("field", "size", "value", "message"),
    [
        (42, 4, 0, "has another name|belong to another member"),  # where its header is
        (42, 4, 1 << 20, "expected its header at offset|not a zip"),
        (24, 4, 1 << 31, "both its sizes must be equal"),
        (16, 4, 12345, "member 'x/data/0' is damaged: Bad CRC-32"),
        (8, 2, 1, "is encrypted"),
    ],
)
def test_directories_that_lie_are_refused(field, size, value, message):
    content = file_of(tensor())
    refused(changed_directory(content, b"x/data/0", field, size, value), message)


def test_members_that_overlap_are_refused():
    content = file_of(tensor())
    for field in (20, 24):  # both sizes, so that the storage reaches into what follows
        content = changed_directory(content, b"x/data/0", field, 4, 400)
    refused(content, "which the file does not have|belong to another member")


def test_damaged_files_give_typed_errors_only():
    program = (
        b"\x80\x02}("
        + text("a") + tensor()
        + text("b") + tensor(size=(3,), stride=(2,))
        + text("c") + b"(K\x01G" + struct.pack(">d", 2.5) + b"\x88N" + text("latin") + b"t"
        + b"u."
    )  # fmt: skip
    content = archive(program, [np.arange(6, dtype=np.float32).tobytes()], byteorder=b"little")
    rng = np.random.default_rng(0)
    start = content.index(b"\x80\x02}(")
    refusals = 0
    for trial in range(4000):
        damaged = bytearray(content)
        match trial % 4:
            case 0:
                damaged = damaged[: rng.integers(len(damaged))]
            case 1:  # anywhere
                damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
            case _:  # in the pickle, with a checksum that fits
                for _ in range(rng.integers(1, 4)):
                    place = start + rng.integers(len(program))
                    damaged[place] = rng.integers(256)
                crc = zlib.crc32(damaged[start : start + len(program)]).to_bytes(4, "little")
                damaged[14:18] = crc
                place = damaged.index(b"PK\x01\x02") + 16
                damaged[place : place + 4] = crc
        try:
            read_torch(io.BytesIO(bytes(damaged)))
        except ChainruleError:
            refusals += 1
    assert refusals > 3000


def test_damage_of_what_pytorch_wrote_gives_typed_errors_only(torch):
    buffer = io.BytesIO()
    torch.save(
        {"m": model(torch).state_dict(), "l": [1, "a", torch.nn.Parameter(torch.ones(2))]}, buffer
    )
    content = buffer.getvalue()
    rng = np.random.default_rng(1)
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 5)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        try:
            read_torch(io.BytesIO(bytes(damaged)))
        except ChainruleError as e:
            assert str(e)
