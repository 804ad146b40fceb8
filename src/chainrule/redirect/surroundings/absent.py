"""Names that can be imported, written in annotations, asked about with `isinstance` and derived from, but not called."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from ...base.errors import ChainruleError
from ...base.left_out import words_for

__all__ = ["ABSENT", "Absent", "AbsentModule"]

ABSENT = {
    "torch._decomp": (),
    "torch._dynamo": (
        "allow_in_graph", "assume_constant_result", "disable", "disallow_in_graph", "forbid_in_graph", "graph_break",
        "mark_dynamic", "mark_static", "mark_static_address", "reset",
    ),
    "torch._functorch": (),
    "torch._higher_order_ops": (),
    "torch._inductor": (),
    "torch._logging": (),
    "torch._ops": (),
    "torch._prims_common": (),
    "torch._refs": (),
    "torch._subclasses": (),
    "torch.ao": (),
    "torch.autograd.forward_ad": (),
    "torch.cuda.comm": (),
    "torch.cuda.nccl": (),
    "torch.cuda.nvtx": (),
    "torch.cuda.profiler": (),
    "torch.distributed._composable": (),
    "torch.distributed._tensor": (),
    "torch.distributed.algorithms": (),
    "torch.distributed.checkpoint": (),
    "torch.distributed.device_mesh": (),
    "torch.distributed.distributed_c10d": (),
    "torch.distributed.elastic": (),
    "torch.distributed.elastic.multiprocessing.errors": ("record",),
    "torch.distributed.fsdp": (),
    "torch.distributed.launch": (),
    "torch.distributed.nn": (),
    "torch.distributed.optim": (),
    "torch.distributed.pipelining": (),
    "torch.distributed.rpc": (),
    "torch.distributed.rpc.api": ("_require_initialized",),
    "torch.distributed.run": (),
    "torch.distributed.tensor": (),
    "torch.distributed.utils": (),
    "torch.export": (),
    "torch.fft": (),
    "torch.futures": (),
    "torch.fx": ("wrap",),
    "torch.jit.annotations": (),
    "torch.jit.mobile": (),
    "torch.nested": (),
    "torch.nn.attention.bias": (),
    "torch.nn.attention.flex_attention": (),
    "torch.nn.intrinsic": (),
    "torch.nn.parallel._functions": (),
    "torch.nn.qat": (),
    "torch.nn.quantized": (),
    "torch.onnx.operators": (),
    "torch.onnx.symbolic_helper": (),
    "torch.onnx.symbolic_registry": (),
    "torch.onnx.utils": (),
    "torch.package": (),
    "torch.quantization": (),
    "torch.storage": (),
    "torch.utils.benchmark": (),
    "torch.utils.collect_env": (),
    "torch.utils.cpp_extension": (),
    "torch.utils.data.datapipes": (),
    "torch.utils.mkldnn": (),
    "torch.utils.mobile_optimizer": (),
    "torchvision.datasets.utils": (),
    "torchvision.io": (),
    "torchvision.models.detection": (),
    "torchvision.models.video": (),
    "torchvision.transforms.v2": (),
    "torchvision.tv_tensors": (),
}  # fmt: skip
"""Modules of PyTorch's that stand for nothing here, and which of their names mark functions, which then stay as they are."""


DTYPES = frozenset(
    "complex32 complex64 complex128 chalf cfloat cdouble uint16 uint32 uint64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 "
    "float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 qint8 qint32 quint8 quint4x2 quint2x4 sparse_coo sparse_csr sparse_csc "
    "sparse_bsr sparse_bsc jagged".split()
)
"""Dtypes and layouts that no tensor has: tables of them are made, and tensors' own compared with them, where nothing needs one."""


TYPES = frozenset(
    "BFloat16Storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage HalfStorage IntStorage LongStorage "
    "ShortStorage TypedStorage StorageBase Event ListType PyTorchFileReader PyTorchFileWriter ScriptClass "
    "ScriptFunction ScriptMethod ScriptModule ScriptObject Stream SymBool SymFloat SymInt TensorType TupleType".split()
)
"""Types of what is not there, that are written in annotations and asked about with `isinstance`."""

FUNCTIONS = frozenset(
    "complex polar view_as_complex view_as_real stft istft sparse_coo_tensor sparse_csr_tensor quantize_per_tensor dequantize".split()
)
"""Functions of what is not there, that files import by name where one of their classes is to call them."""

DATASETS = frozenset(
    "CIFAR100 CLEVRClassification Caltech101 Caltech256 CarlaStereo CREStereo CelebA Cityscapes CocoCaptions CocoDetection "
    "Country211 DTD EMNIST ETH3DStereo EuroSAT FER2013 FGVCAircraft FallingThingsStereo Flickr30k Flickr8k Flowers102 "
    "FlyingChairs FlyingThings3D Food101 GTSRB HD1K HMDB51 INaturalist ImageNet Imagenette InStereo2k KMNIST Kinetics Kitti "
    "Kitti2012Stereo Kitti2015Stereo KittiFlow LFWPairs LFWPeople LSUN LSUNClass Middlebury2014Stereo MovingMNIST Omniglot "
    "OxfordIIITPet PCAM PhotoTour Places365 QMNIST RenderedSST2 SBDataset SBU SEMEION STL10 SUN397 SVHN SceneFlowStereo Sintel "
    "SintelStereo StanfordCars UCF101 USPS VOCDetection VOCSegmentation WIDERFace".split()
)
"""torchvision's data sets that chainrule does not know; programs import many and make one."""

VIDEO = frozenset("VideoReader read_video read_video_timestamps write_video decode_gif".split())
"""What torchvision reads and writes videos with."""

NAMED = (
    DTYPES
    | TYPES
    | {f"torchvision.datasets.{name}" for name in DATASETS}
    | {f"torchvision.io.{name}" for name in VIDEO}
)


def can_be_named(name: str) -> bool:
    """Whether a dotted name that is not there can be imported and written down all the same."""
    return _is_module(name) or name.removeprefix("torch.") in NAMED


def can_be_imported(name: str) -> bool:
    """Whether `from torch import …` finds a dotted name that is not there; a call of it says so."""
    return can_be_named(name) or name.removeprefix("torch.") in FUNCTIONS


class Absent(type):
    """The type of absent names: each is a class without instances, so `isinstance(x, torch.fx.GraphModule)` is False."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise ChainruleError(
            words_for(cls.__dict__.get("_name", cls.__mro__[1].__dict__.get("_name", cls.__name__)))
        )

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or cls._name in DTYPES:
            raise AttributeError(name)
        return absent(f"{cls._name}.{name}")

    def __getitem__(cls, item: Any) -> Any:
        return cls  # in annotations

    def __repr__(cls) -> str:
        whole = cls._name if cls._name.startswith("torchvision.") else f"torch.{cls._name}"
        return f"<{whole}, which is not there>"


@cache
def absent(name: str) -> Any:
    """The absent name that PyTorch calls so, behind `torch.`."""
    return Absent(name.rpartition(".")[2], (), {"_name": name, "__doc__": words_for(name)})


def absent_in(place: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that has some of PyTorch's names: all others are absent.

    Args:
        place: PyTorch's name of the module, behind `torch.`.
    """

    def found(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        whole = f"{place}.{name}"
        return module(f"torch.{whole}") if f"torch.{whole}" in ABSENT else absent(whole)

    return found


class AbsentModule(types.ModuleType):
    """A module all of whose names are absent, but for those that mark functions."""

    def __init__(self, name: str):
        super().__init__(name, words_for(name.removeprefix("torch.")))
        self.__path__: list[str] = []
        self.__spec__ = importlib.machinery.ModuleSpec(name, Loader(), is_package=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ABSENT.get(self.__name__, ()):
            return marked
        whole = f"{self.__name__}.{name}"
        if whole in sys.modules:  # a part of it that is there
            return sys.modules[whole]
        if whole in ABSENT:
            return module(whole)
        found = absent(f"{self.__name__.removeprefix('torch.')}.{name}")
        self.__dict__[name] = found
        return found


def marked(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A mark for a compiler that is not there: the function itself; also as a decorator with arguments."""
    return function if callable(function) else lambda f: f


class Loader(importlib.abc.Loader):
    """Makes absent modules for `import`."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module of a name, or the function."""
        short = spec.name.removeprefix("torch.")
        return absent(short) if short in FUNCTIONS else module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


@cache
def module(name: str) -> AbsentModule:
    """The absent module of a name, always the same."""
    return AbsentModule(name)


def spec_of(name: str) -> importlib.machinery.ModuleSpec | None:
    """How to import an absent module, one within it, or an absent function; None if the name is none of them."""
    if _is_module(name):
        return importlib.machinery.ModuleSpec(name, Loader(), is_package=True)
    if name.removeprefix("torch.") in FUNCTIONS:
        return importlib.machinery.ModuleSpec(name, Loader())
    return None


def _is_module(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in ABSENT)
