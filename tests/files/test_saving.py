"""`chainrule.save` and `load`: what each format gives back, what it refuses, and that nothing is there
in part.
"""

import errno
import io
import os
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import DeviceError, DTypeError, FormatError
from chainrule.files import SaveError, read_npz, read_safetensors, write_npz, write_safetensors

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
ALL = (*DTYPES, "bfloat16")


def tensors(names=ALL):
    rng = np.random.default_rng(0)
    made = {}
    for name in names:
        values = rng.integers(0, 2 if name == "bool" else 100, (2, 3, 5))
        made[name] = cr.tensor(values).to(getattr(cr, name))
    return made | {"0-d": cr.tensor(2.5), "empty": cr.zeros(0, 3)}


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for key, tensor in expected.items():
        assert found[key].dtype is tensor.dtype and found[key].shape == tensor.shape, key
        assert (found[key] == tensor).all(), key


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin"])
@pytest.mark.parametrize("mmap", [False, True])
def test_tensors_of_every_dtype_come_back(tmp_path, suffix, mmap):
    path = tmp_path / f"all{suffix}"
    cr.save(tensors(), path)
    found = cr.load(path, mmap=mmap)
    assert_equal(found, tensors())
    before = path.read_bytes()
    found["float32"].fill_(7)  # in memory of its own, or copied when it is written to
    assert (found["float32"] == 7).all() and path.read_bytes() == before


def test_npz_holds_what_numpy_has(tmp_path):
    path = tmp_path / "some.npz"
    cr.save(tensors(DTYPES), path)
    assert_equal(cr.load(path), tensors(DTYPES))
    with np.load(path) as other:
        assert (other["int16"] == tensors()["int16"].numpy()).all()
    with pytest.raises(DTypeError, match="'bfloat16' is bfloat16, which NumPy lacks"):
        cr.save(tensors(), path)
    assert_equal(cr.load(path), tensors(DTYPES))  # the old file is still there


@pytest.mark.parametrize("compressed", [False, True])
def test_files_that_numpy_writes_are_read(tmp_path, compressed):
    arrays = {
        "a": np.arange(6).reshape(2, 3),
        "file": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(5, dtype=">i4"),
        "0-d": np.float32(3),
        "none": np.zeros((0, 3), bool),
    }
    path = tmp_path / "theirs.npz"
    with open(path, "wb") as f:
        (np.savez_compressed if compressed else np.savez)(
            f, **{k: v for k, v in arrays.items() if k != "file"}
        )
    found = read_npz(path)
    assert found.keys() == arrays.keys() - {"file"}
    for key, array in found.items():
        assert (array == arrays[key]).all() and array.shape == arrays[key].shape
        assert array.dtype == arrays[key].dtype.newbyteorder("=") and array.flags.writeable
    write_npz(path, arrays)  # numpy.savez could not take the name "file"
    assert (read_npz(path)["file"] == arrays["file"]).all()


def test_a_tree_comes_back_as_it_was(tmp_path):
    state = nn.Linear(2, 3).state_dict()
    tree = {
        "list": [1, -(2**31), 2**31, 2**70, -(2**70), 2.5, float("inf"), None, True, False],
        "tuple": (1, (2, ()), [{}]),
        "text": "héllo\n\x00\ud800",
        "bytes": bytes(range(256)),
        "set": {1, "a", 2.5},
        3: "integer key",
        "dtype": cr.bfloat16,
        "device": cr.device("cpu"),
        "size": cr.Size((2, 3)),
        "state": state,
    }
    path = tmp_path / "tree.pt"
    cr.save(tree, path)
    found = cr.load(path)
    assert {k: v for k, v in found.items() if k != "state"} == {
        k: v for k, v in tree.items() if k != "state"
    }
    assert type(found["size"]) is cr.Size and found["dtype"] is cr.bfloat16
    assert_equal(found["state"], state)
    nn.Linear(2, 3).load_state_dict(found["state"])


def test_metadata_of_a_state_dict_comes_back(tmp_path):
    state = OrderedDict(w=cr.ones(2))
    state._metadata = OrderedDict({"": {"version": 1}})
    cr.save(state, tmp_path / "m.pt")
    found = cr.load(tmp_path / "m.pt")
    assert type(found) is OrderedDict and found._metadata == {"": {"version": 1}}


def test_parameters_and_leaves_come_back(tmp_path):
    tree = [
        nn.Parameter(cr.ones(2)),
        nn.Parameter(cr.ones(2), False),
        cr.ones(2, requires_grad=True),
    ]
    cr.save(tree, tmp_path / "p.pt")
    found = cr.load(tmp_path / "p.pt")
    assert [type(t) for t in found] == [nn.Parameter, nn.Parameter, cr.Tensor]
    assert [t.requires_grad for t in found] == [True, False, True]
    assert all(t.is_leaf for t in found)
    (found[0] * 3).sum().backward()
    assert found[0].grad.tolist() == [3, 3]


@pytest.mark.parametrize("mmap", [False, True])
def test_what_shared_memory_shares_it_again(tmp_path, mmap):
    w = cr.tensor(np.arange(12.0).reshape(3, 4))
    tree = {
        "w": w,
        "t": w.T,
        "row": w[1],
        "same": w,
        "wide": w[0, :1].expand(2, 3),
        "gaps": w[:, ::2],
    }
    path = tmp_path / "views.pt"
    cr.save(tree, path)
    assert path.stat().st_size < 5 * w.nbytes + 1500  # the memory is in it once
    found = cr.load(path, mmap=mmap)
    assert_equal(found, tree)
    found["w"][0, 0], found["w"][1, 3] = 100, 200
    assert found["t"][0, 0] == 100 and found["row"][3] == 200 and found["same"][1, 3] == 200
    assert (found["wide"] == 100).all()
    assert found["gaps"][0, 0] == 0  # strides with gaps: a copy
    with cr.no_grad():
        again = cr.load(path, mmap=mmap)["t"]
    again.requires_grad_()
    (again * 2).sum().backward()


def test_the_same_tree_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for suffix in (".pt", ".npz", ".safetensors"):
            cr.save(tensors(DTYPES), tmp_path / name / f"x{suffix}")
    for suffix in (".pt", ".npz", ".safetensors"):
        assert (tmp_path / "a" / f"x{suffix}").read_bytes() == (
            tmp_path / "b" / f"x{suffix}"
        ).read_bytes()


def test_files_that_are_open(tmp_path):
    buffer = io.BytesIO()
    cr.save({"w": cr.ones(3)}, buffer)
    buffer.seek(0)
    assert cr.load(buffer)["w"].tolist() == [1, 1, 1]
    buffer.seek(0)
    with pytest.raises(FormatError, match="mmap=True needs a file on the disk"):
        cr.load(buffer, mmap=True)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_reading_and_writing_take_about_the_memory_of_the_file(tmp_path, suffix):
    path = tmp_path / f"large{suffix}"
    tree = {f"w{k}": cr.zeros(250_000) for k in range(20)}  # 20 MB
    tracemalloc.start()
    try:
        cr.save(tree, path)
        _, writing = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        cr.load(path)
        _, reading = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        cr.load(path, mmap=True)
        _, mapping = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    size = path.stat().st_size
    assert writing < 0.25 * size and mapping < 0.25 * size
    assert reading < 1.3 * size


# ---- what is refused


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors"])
def test_a_full_disk_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"x{suffix}"
    cr.save({"w": cr.ones(3)}, path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="No space left on device"):
        cr.save({"w": cr.zeros(5)}, path)
    assert cr.load(path)["w"].tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


class Own:
    pass


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": [Own()]}, r"\['a'\]\[0\] is a Own, expected a tensor, a number"),
        ({"a": np.ones(2)}, r"\['a'\] is a ndarray.*from_numpy\(\) or item\(\)"),
        (np.float32(1), r"the object is a float32.*from_numpy\(\) or item\(\)"),
        (nn.Linear(2, 3), r"the object is a Linear.*save its state_dict\(\)"),
        ({(1, 2): 3}, r"the object has the key \(1, 2\), expected a string or a number"),
        (1 << 3000, "an integer of 376 bytes"),
    ],
)
def test_what_a_pt_file_cannot_hold_is_refused_by_its_place(tmp_path, tree, message):
    with pytest.raises(DTypeError, match=message):
        cr.save(tree, tmp_path / "x.pt")
    assert not list(tmp_path.iterdir())


def test_a_tree_in_itself_is_refused(tmp_path):
    tree = []
    tree.append(tree)
    with pytest.raises(DTypeError, match="nested deeper than 200, or in itself"):
        cr.save(tree, tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([cr.ones(2)], "holds tensors by name, found a list"),
        (
            {"a": {"b": cr.ones(2)}},
            r"holds tensors by name, found 'a': a dict; .pt files hold trees",
        ),
        ({3: cr.ones(2)}, "holds tensors by name, found 3: a Tensor"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, suffix, tree, message):
    with pytest.raises(DTypeError, match=message):
        cr.save(tree, tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())


def test_names_and_arguments_that_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"x.h5: expected a name that ends in one of .safetensors"):
        cr.save({}, tmp_path / "x.h5")
    with pytest.raises(DTypeError, match="'o' is an array of object"):
        cr.save({"o": np.array([None])}, tmp_path / "x.npz")
    cr.save({}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="a pickle_module"):
        cr.load(tmp_path / "x.pt", None, io)
    for arguments in ((io,), (None, 4), (None, 2, False)):
        with pytest.raises(ValueError, match="zip format with pickle protocol 2"):
            cr.save({}, tmp_path / "x.pt", *arguments)
    for place in ("cuda", {"cpu": "cuda:0"}, lambda storage, place: storage.cuda(0)):
        with pytest.raises(DeviceError, match="there is no cuda backend"):
            cr.load(tmp_path / "x.pt", map_location=place)
    with pytest.raises(DeviceError, match="map_location put a storage to 'cuda:0'; tensors live"):
        cr.load(tmp_path / "x.pt", map_location=lambda storage, place: "cuda:0")


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".npz"])
def test_outlines_of_a_file(tmp_path, ending):
    """map_location="meta": shapes and dtypes without memory, as large models are looked over."""
    x = cr.arange(15, dtype=cr.bfloat16 if ending != ".npz" else cr.float16).reshape(3, 5)
    cr.save(
        {"x": x, "v": x.T.contiguous(), "n": cr.ones(7, dtype=cr.int64)}, tmp_path / f"x{ending}"
    )
    for place in ("meta", cr.device("meta")):
        found = cr.load(tmp_path / f"x{ending}", map_location=place)
        assert {k: (tuple(t.shape), t.dtype, t.device.type) for k, t in found.items()} == {
            "x": ((3, 5), x.dtype, "meta"), "v": ((5, 3), x.dtype, "meta"), "n": ((7,), cr.int64, "meta"),
        }  # fmt: skip
    assert cr.load(tmp_path / f"x{ending}")["n"].tolist() == [1] * 7


def test_outlines_of_a_tree(tmp_path):
    """Parameters stay parameters, and views of one memory."""
    weight = cr.nn.Parameter(cr.randn(5, 3))
    with io.BytesIO() as file:
        cr.save({"list": [weight, weight.detach()[1:]], "step": 4}, file)
        file.seek(0)
        found = cr.load(file, map_location="meta")
    p, part = found["list"]
    assert isinstance(p, cr.nn.Parameter)
    assert p.requires_grad
    assert (p.is_meta, part.is_meta, tuple(part.shape), part.stride()) == (
        True,
        True,
        (4, 3),
        (3, 1),
    )
    with pytest.raises(DeviceError, match="map_location='meta' makes outlines of all"):
        cr.load(tmp_path / "x.pt", map_location={"cuda:0": "meta"})


def test_every_way_to_say_that_tensors_go_to_the_cpu(tmp_path):
    """And that a file may run code, which none of ours needs."""
    cr.save({"x": cr.tensor([2.0, 3.0])}, tmp_path / "x.pt")
    for place in (
        None,
        "cpu",
        cr.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, place: storage,
        lambda storage, place: storage.cpu(),
        lambda storage, place: None,
    ):
        found = cr.load(tmp_path / "x.pt", map_location=place, weights_only=False)
        assert found["x"].tolist() == [2.0, 3.0]


def test_a_permission_to_run_code_is_not_used(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path / "harm").touch, ()

    with zipfile.ZipFile(tmp_path / "x.pt", "w") as file:
        file.writestr("x/data.pkl", pickle.dumps(Harmful(), protocol=2))
    for weights_only in (None, True, False):
        with pytest.raises(FormatError, match="getattr"):
            cr.load(tmp_path / "x.pt", weights_only=weights_only)
    assert not (tmp_path / "harm").exists()


def test_saving_inside_a_traced_function_is_refused(tmp_path):
    def f(x):
        cr.save({"x": x}, tmp_path / "x.pt")
        return x

    with pytest.raises(cr.TraceError, match="save"):
        cr.compile(f)(cr.ones(2))


# ---- safetensors


def container(header: str, data: bytes = b"") -> bytes:
    return len(header.encode()).to_bytes(8, "little") + header.encode() + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "offset 0: expected the size of a header"),
        (
            b"\xff" * 8 + b"{}",
            "offset 0: expected the size of a header .*, found 18446744073709551615",
        ),
        (container("{} ")[:-2], "offset 0: expected the size of a header"),
        (container("[1]"), "offset 8: expected a header in JSON, found a list"),
        (container('{"a":1}'), "key 'a': expected dtype, shape and data_offsets, found 1"),
        (container('{"a":{},"a":{}}'), "key 'a' stands twice"),
        (container("{nan}"), r"offset \d+ \(line 1\): expected a header in JSON"),
        (container('{"__metadata__":{"a":1}}'), "key '__metadata__': expected strings by name"),
        (
            container('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', b"1"),
            "key 'a': expected one of BOOL, .*found 'F8_E4M3'",
        ),
        (
            container('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', b"1234"),
            r"key 'a': shape \[2\] of float32 takes 8 bytes of the 4 there are",
        ),
        (
            container('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', b"12345678"),
            "key 'a': expected its bytes to begin at 0, where the last ones end, found 4",
        ),
        (
            container('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"12345678"),
            "expected 4 bytes of tensors, found 8",
        ),
        (
            container(
                '{"a":{"dtype":"F32","shape":[4611686018427387903,8],"data_offsets":[0,4]}}',
                b"1234",
            ),
            "key 'a': no memory has the shape",
        ),
        (
            (3).to_bytes(8, "little") + b'{"\xe9',
            "offset 10: expected a header .* found the byte 0xe9",
        ),
        (
            container('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"1234"),
            "key 'a': expected dtype, shape and data_offsets",
        ),
    ],
)
def test_safetensors_that_lie_are_refused(tmp_path, content, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        read_safetensors(path)
    assert str(caught.value).startswith(str(path))


def test_metadata_and_names_of_other_languages(tmp_path):
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"größe": cr.ones(2)}, {"format": "pt"})
    assert read_safetensors(path)[1] == {"format": "pt"}
    assert cr.load(path)["größe"].tolist() == [1, 1]


def test_the_safetensors_library_reads_and_writes_the_same(tmp_path):
    from safetensors.numpy import load_file, save_file

    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False])}
    save_file(arrays, tmp_path / "theirs.safetensors", {"k": "v"})
    assert_equal(
        cr.load(tmp_path / "theirs.safetensors"), {k: cr.from_numpy(v) for k, v in arrays.items()}
    )
    cr.save({k: cr.from_numpy(v) for k, v in arrays.items()}, tmp_path / "ours.safetensors")
    found = load_file(tmp_path / "ours.safetensors")
    assert all((found[k] == v).all() for k, v in arrays.items())


def test_a_loss_is_saved_without_its_history(tmp_path):
    w = cr.ones(3, requires_grad=True)
    cr.save({"epoch": 2, "loss": (w * 2).sum()}, tmp_path / "state.pt")
    found = cr.load(tmp_path / "state.pt")["loss"]
    assert found.item() == 6.0 and found.is_leaf and found.requires_grad
