"""What a tensor is, what becomes of dtypes, and the limits of these, as PyTorch answers."""

import itertools

import numpy as np
import pytest

import chainrule as cr

NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")  # fmt: skip


def test_dtypes_join_and_cast_as_in_torch(torch):
    for a, b in itertools.product(NAMES, NAMES):
        mine, theirs = [getattr(cr, n) for n in (a, b)], [getattr(torch, n) for n in (a, b)]
        assert cr.promote_types(*mine).name == str(torch.promote_types(*theirs))[6:]
        assert cr.can_cast(*mine) == torch.can_cast(*theirs), (a, b)


def test_results_of_tensors_and_numbers_as_in_torch(torch):
    for a, b in itertools.product(NAMES, NAMES):
        for shapes in ((2,), ()), ((), (3,)), ((2,), (2,)):
            pairs = [
                [L.zeros(s, dtype=getattr(L, n)) for s, n in zip(shapes, (a, b), strict=True)]
                for L in (cr, torch)
            ]
            assert cr.result_type(*pairs[0]).name == str(torch.result_type(*pairs[1]))[6:]
    for a, number in itertools.product(NAMES, (True, 2, 2.5)):
        mine = cr.result_type(cr.zeros(2, dtype=getattr(cr, a)), number)
        assert (
            mine.name == str(torch.result_type(torch.zeros(2, dtype=getattr(torch, a)), number))[6:]
        )


def test_limits_as_in_torch(torch):
    for name in NAMES[6:]:
        mine, theirs = cr.finfo(getattr(cr, name)), torch.finfo(getattr(torch, name))
        for limit in (
            "bits",
            "eps",
            "max",
            "min",
            "tiny",
            "smallest_normal",
            "resolution",
            "dtype",
        ):
            assert getattr(mine, limit) == getattr(theirs, limit), (name, limit)
        assert repr(mine) == repr(theirs)
    for name in NAMES[1:6]:
        mine, theirs = cr.iinfo(getattr(cr, name)), torch.iinfo(getattr(torch, name))
        assert (mine.bits, mine.max, mine.min) == (theirs.bits, theirs.max, theirs.min)
        assert repr(mine) == repr(theirs)


def test_what_a_tensor_is():
    x = cr.ones(2, 3)
    assert (x.is_cpu, x.is_cuda, x.is_meta, x.is_sparse, x.is_quantized) == (True, *[False] * 4)
    assert (x.get_device(), x.ndimension(), cr.numel(x)) == (-1, 2, 6)
    assert x.real is x
    assert cr.is_floating_point(x)
    assert not cr.is_complex(x)
    assert x.is_signed()
    assert not x.byte().is_signed()
    assert x.is_same_size(cr.zeros(2, 3))
    assert not x.is_same_size(cr.zeros(3, 2))
    assert cr.tensor([2.0]).is_nonzero()
    assert not cr.is_nonzero(cr.tensor(0))
    with pytest.raises(TypeError, match="imag: complex numbers are not supported"):
        x.imag  # noqa: B018
    with pytest.raises(ValueError, match="is_nonzero takes one element, found 6"):
        x.is_nonzero()


def test_the_memory_of_a_tensor_and_of_its_views():
    x = cr.zeros(3, 5, dtype=cr.float64)
    memory = x.untyped_storage()
    assert memory.nbytes() == memory.size() == len(memory) == 120
    assert memory.data_ptr() == x.data_ptr() < x[1].data_ptr()
    assert x[1].untyped_storage() == memory != x.clone().untyped_storage()
    assert len({x.T.untyped_storage(), x[1].untyped_storage()}) == 1
    assert x.layout is cr.strided and repr(x.layout) == "chainrule.strided"


def test_a_file_as_memory(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(7, dtype="<f4").tobytes())
    memory = type(cr.zeros(1).untyped_storage()).from_file(str(path), shared=False, nbytes=28)
    assert memory.nbytes() == 28 and memory.untyped() is memory
    x = cr.asarray(memory[8:20], dtype=cr.uint8).view(dtype=cr.float32)
    assert x.tolist() == [2.0, 3.0, 4.0]
    x += 1  # this process alone sees it
    assert cr.asarray(memory).view(cr.float32)[2].item() == 3.0
    assert np.frombuffer(path.read_bytes(), "<f4")[2] == 2.0
    assert cr.arange(6).view(size=(2, 3)).shape == (2, 3)


def test_a_device_is_a_block():
    with cr.device("cpu") as here:
        assert cr.ones(2).device == here
    with pytest.raises(cr.DeviceError, match="there is no mps backend"), cr.device("mps"):
        pass
