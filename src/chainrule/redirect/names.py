"""Which of chainrule's modules stands for which of PyTorch's, and how `import torch` finds them."""

from __future__ import annotations

import importlib
import importlib.abc
import sys
import types
from collections.abc import Sequence
from functools import reduce
from importlib.machinery import ModuleSpec
from typing import Any

import chainrule

from ..base.errors import ChainruleError
from ..base.left_out import words_for
from .compiling import compile_module
from .surroundings import private
from .surroundings.absent import (
    ABSENT,
    DTYPES,
    TYPES,
    Absent,
    AbsentModule,
    absent,
    module,
    spec_of,
)
from .surroundings.foreach import foreach

__all__ = ["install", "is_theirs", "resolve", "uninstall"]

STANDS_FOR = {
    "torch._C": "redirect.surroundings.machinery",
    "torch._C._functorch": "redirect.surroundings.machinery",
    "torch._C._nn": "redirect.surroundings.kernels",
    "torch._VF": "redirect.surroundings.machinery",
    "torch._tensor": "redirect.surroundings.machinery",
    "torch._tensor_str": "redirect.surroundings.printing",
    "torch._utils": "redirect.surroundings.machinery",
    "torch.__config__": "redirect.surroundings.version",
    "torch.amp": "amp",
    "torch.amp.autocast_mode": "amp",
    "torch.amp.grad_scaler": "amp",
    "torch.autograd": "autograd",
    "torch.autograd.anomaly_mode": "autograd.anomaly",
    "torch.autograd.function": "autograd",
    "torch.autograd.functional": "autograd.functional",
    "torch.autograd.graph": "redirect.surroundings.graph",
    "torch.autograd.grad_mode": "autograd",
    "torch.autograd.gradcheck": "autograd",
    "torch.autograd.profiler": "redirect.surroundings.profiler",
    "torch.autograd.variable": "autograd",
    "torch.backends": "backends",
    "torch.backends.cuda": "backends.cuda",
    "torch.backends.cudnn": "backends.cudnn",
    "torch.backends.mps": "backends.mps",
    "torch.compiler": "redirect.surroundings.compiler",
    "torch.cuda": "cuda",
    "torch.cuda.amp": "cuda.amp",
    "torch.cuda.amp.autocast_mode": "cuda.amp",
    "torch.cuda.amp.grad_scaler": "cuda.amp",
    "torch.cuda.memory": "cuda",
    "torch.cuda.random": "cuda",
    "torch.cuda.streams": "cuda",
    "torch.distributed": "redirect.surroundings.distributed",
    "torch.distributions": "distributions",
    "torch.distributions.constraint_registry": "distributions.registry",
    "torch.distributions.constraints": "distributions.constraints",
    "torch.distributions.kl": "distributions.kl",
    "torch.distributions.transforms": "distributions.transforms",
    "torch.distributions.utils": "distributions.parameters",
    "torch.func": "func",
    "torch.functional": "redirect.surroundings.machinery",
    "torch.hub": "redirect.surroundings.hub",
    "torch.jit": "jit",
    "torch.jit._script": "jit",
    "torch.jit._trace": "jit",
    "torch.library": "redirect.surroundings.library",
    "torch.linalg": "linalg",
    "torch.masked": "masked",
    "torch.multiprocessing": "redirect.surroundings.multiprocessing",
    "torch.nn": "nn",
    "torch.nn._reduction": "nn.functional.private._Reduction",
    "torch.nn.attention": "nn.attention",
    "torch.nn.common_types": "redirect.surroundings.types",
    "torch.nn.functional": "nn.functional",
    "torch.nn.functional.grad": "nn.grad",
    "torch.nn.grad": "nn.grad",
    "torch.nn.init": "nn.init",
    "torch.nn.modules": "nn.modules",
    "torch.nn.modules.lazy": "redirect.surroundings.layer_files",
    "torch.nn.modules.module": "redirect.surroundings.layer_files",
    "torch.nn.modules.utils": "nn.modules.utils",
    "torch.nn.parallel": "nn.parallel",
    "torch.nn.parallel.data_parallel": "nn.parallel",
    "torch.nn.parallel.distributed": "nn.parallel",
    "torch.nn.parallel.parallel_apply": "nn.parallel",
    "torch.nn.parallel.replicate": "nn.parallel",
    "torch.nn.parallel.scatter_gather": "nn.parallel",
    "torch.nn.parameter": "nn.parameter",
    "torch.nn.utils": "nn.utils",
    "torch.nn.utils.parametrizations": "nn.utils.parametrizations",
    "torch.nn.utils.parametrize": "nn.utils.parametrize",
    "torch.nn.utils.prune": "nn.utils.prune",
    "torch.nn.utils.rnn": "nn.utils.rnn",
    "torch.nn.utils.stateless": "nn.stateless",
    "torch.onnx": "redirect.surroundings.onnx",
    "torch.ops": "redirect.surroundings.operators",
    "torch.optim": "optim",
    "torch.optim.lr_scheduler": "optim.lr_scheduler",
    "torch.optim.optimizer": "optim.optimizer",
    "torch.optim.swa_utils": "optim.swa_utils",
    "torch.overrides": "redirect.surroundings.overrides",
    "torch.profiler": "redirect.surroundings.profiler",
    "torch.profiler.profiler": "redirect.surroundings.profiler",
    "torch.random": "random",
    "torch.serialization": "redirect.surroundings.serialization",
    "torch.sparse": "redirect.surroundings.sparse",
    "torch.special": "special",
    "torch.testing": "testing",
    "torch.types": "redirect.surroundings.types",
    "torch.utils": "utils",
    "torch.utils._foreach_utils": "redirect.surroundings.foreach",
    "torch.utils._pytree": "redirect.surroundings.pytree",
    "torch.utils._python_dispatch": "redirect.surroundings.overrides",
    "torch.utils.checkpoint": "utils.checkpoint",
    "torch.utils.data": "utils.data",
    "torch.utils.data._utils": "utils.data",
    "torch.utils.data._utils.collate": "redirect.surroundings.collate",
    "torch.utils.data.dataloader": "redirect.surroundings.loader",
    "torch.utils.data.dataset": "utils.data",
    "torch.utils.data.distributed": "utils.data",
    "torch.utils.data.sampler": "utils.data",
    "torch.utils.dlpack": "redirect.surroundings.dlpack",
    "torch.utils.flop_counter": "redirect.surroundings.flop_counter",
    "torch.utils.hooks": "base.handles",
    "torch.utils.model_zoo": "redirect.surroundings.hub",
    "torch.utils.tensorboard": "redirect.surroundings.tensorboard",
    "torch.utils.tensorboard.writer": "redirect.surroundings.tensorboard",
    "torch.version": "redirect.surroundings.version",
    "torchvision": "redirect.torchvision",
    "torchvision.datasets": "redirect.torchvision.datasets",
    "torchvision.datasets.cifar": "redirect.torchvision.datasets",
    "torchvision.datasets.folder": "redirect.torchvision.folders",
    "torchvision.datasets.mnist": "redirect.torchvision.datasets",
    "torchvision.datasets.vision": "redirect.torchvision.datasets",
    "torchvision.io": "redirect.torchvision.io",
    "torchvision.io.image": "redirect.torchvision.io",
    "torchvision.models": "redirect.torchvision.models",
    "torchvision.models._utils": "redirect.torchvision.models.features",
    "torchvision.models.alexnet": "redirect.torchvision.models.alexnet",
    "torchvision.models.convnext": "redirect.torchvision.models.convnext",
    "torchvision.models.densenet": "redirect.torchvision.models.densenet",
    "torchvision.models.efficientnet": "redirect.torchvision.models.efficientnet",
    "torchvision.models.feature_extraction": "redirect.torchvision.models.features",
    "torchvision.models.googlenet": "redirect.torchvision.models.googlenet",
    "torchvision.models.inception": "redirect.torchvision.models.inception",
    "torchvision.models.mnasnet": "redirect.torchvision.models.mnasnet",
    "torchvision.models.mobilenet": "redirect.torchvision.models.mobilenetv2",
    "torchvision.models.mobilenetv2": "redirect.torchvision.models.mobilenetv2",
    "torchvision.models.mobilenetv3": "redirect.torchvision.models.mobilenetv3",
    "torchvision.models.regnet": "redirect.torchvision.models.regnet",
    "torchvision.models.resnet": "redirect.torchvision.models.resnet",
    "torchvision.models.segmentation": "redirect.torchvision.models.segmentation",
    "torchvision.models.segmentation.deeplabv3": "redirect.torchvision.models.segmentation.deeplabv3",
    "torchvision.models.segmentation.fcn": "redirect.torchvision.models.segmentation.fcn",
    "torchvision.models.segmentation.lraspp": "redirect.torchvision.models.segmentation.lraspp",
    "torchvision.models.shufflenetv2": "redirect.torchvision.models.shufflenetv2",
    "torchvision.models.squeezenet": "redirect.torchvision.models.squeezenet",
    "torchvision.models.swin_transformer": "redirect.torchvision.models.swin_transformer",
    "torchvision.models.utils": "redirect.surroundings.hub",
    "torchvision.models.vgg": "redirect.torchvision.models.vgg",
    "torchvision.models.vision_transformer": "redirect.torchvision.models.vision_transformer",
    "torchvision.ops": "redirect.torchvision.ops",
    "torchvision.ops.boxes": "redirect.torchvision.ops.boxes",
    "torchvision.ops.ciou_loss": "redirect.torchvision.ops.losses",
    "torchvision.ops.deform_conv": "redirect.torchvision.ops.deformable",
    "torchvision.ops.diou_loss": "redirect.torchvision.ops.losses",
    "torchvision.ops.drop_block": "redirect.torchvision.ops.stochastic",
    "torchvision.ops.feature_pyramid_network": "redirect.torchvision.ops.pyramid",
    "torchvision.ops.focal_loss": "redirect.torchvision.ops.losses",
    "torchvision.ops.giou_loss": "redirect.torchvision.ops.losses",
    "torchvision.ops.misc": "redirect.torchvision.ops.misc",
    "torchvision.ops.poolers": "redirect.torchvision.ops.regions",
    "torchvision.ops.ps_roi_align": "redirect.torchvision.ops.regions",
    "torchvision.ops.roi_align": "redirect.torchvision.ops.regions",
    "torchvision.ops.roi_pool": "redirect.torchvision.ops.regions",
    "torchvision.ops.stochastic_depth": "redirect.torchvision.ops.stochastic",
    "torchvision.transforms": "redirect.torchvision.transforms",
    "torchvision.transforms.v2.functional": "redirect.torchvision.transforms.newer",
    "torchvision.transforms.functional": "redirect.torchvision.transforms.functional",
    "torchvision.transforms.transforms": "redirect.torchvision.transforms",
    "torchvision.utils": "redirect.torchvision.utils",
    "torchvision.version": "redirect.surroundings.version",
}
"""PyTorch's module → where its names are found in chainrule."""

PARTS = {
    "torch.distributions": (
        "bernoulli", "beta", "binomial", "categorical", "cauchy", "chi2", "continuous_bernoulli", "dirichlet", "distribution",
        "exp_family", "exponential", "fishersnedecor", "gamma", "generalized_pareto", "geometric", "gumbel", "half_cauchy",
        "half_normal", "independent", "inverse_gamma", "kumaraswamy", "laplace", "lkj_cholesky", "log_normal", "logistic_normal",
        "lowrank_multivariate_normal", "mixture_same_family", "multinomial", "multivariate_normal", "negative_binomial", "normal",
        "one_hot_categorical", "pareto", "poisson", "relaxed_bernoulli", "relaxed_categorical", "studentT",
        "transformed_distribution", "uniform", "von_mises", "weibull", "wishart",
    ),
    "torch.nn.utils": ("clip_grad", "convert_parameters", "fusion", "init", "spectral_norm", "weight_norm"),
    "torch.nn.modules": (
        "activation", "batchnorm", "container", "conv", "distance", "dropout", "flatten", "fold", "instancenorm", "linear", "loss",
        "normalization", "padding", "pixelshuffle", "pooling", "rnn", "sparse", "transformer", "upsampling",
    ),
    "torch.optim": (
        "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "asgd", "lbfgs", "nadam", "radam", "rmsprop", "rprop", "sgd",
    ),
}  # fmt: skip
"""Files of PyTorch's from which people import what its packages have as well."""

FILES = {"torch.nn.modules": "redirect.surroundings.layer_files"}
"""Where the names of such files are found, if not in what stands for the package."""

for _package, _files in PARTS.items():
    _place = FILES.get(_package, STANDS_FOR[_package])
    STANDS_FOR |= {f"{_package}.{_file}": _place for _file in _files}


class _Torch(types.ModuleType):
    """What `import torch` gives: chainrule's names, and the version of the interface they follow."""

    __version__ = "2.13.0+chainrule"
    __path__: Sequence[str] = ()  # a package, whose modules are found by `_Finder` alone

    def __getattr__(self, name: str) -> Any:
        if name == "torch":  # as in PyTorch, whose own file imports it
            return self
        whole = f"torch.{name}"
        if whole in STANDS_FOR or whole in ABSENT:
            return module(whole) if whole in ABSENT else _at(STANDS_FOR[whole])
        if name in DTYPES or name in TYPES:
            return absent(name)
        if name.startswith("_foreach_"):
            return foreach(name)
        try:
            return getattr(private if name in vars(private) else chainrule, name)
        except AttributeError:
            raise AttributeError(words_for(name), name=name) from None

    def __dir__(self) -> list[str]:
        return dir(chainrule)


class _Finder(importlib.abc.MetaPathFinder):
    """Asked first for every import: says of a module of PyTorch's which has no counterpart that it is not there."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """A module that `install` did not provide is missing, or can only be imported; others are somebody else's to find."""
        if is_theirs(name) and spec_of(name) is not None:
            return spec_of(name)
        if is_theirs(name):
            raise ModuleNotFoundError(words_for(name.removeprefix("torch.")), name=name)


_finder = _Finder()
_compile_strictly = chainrule.nn.Module.compile
_added: list[tuple[Any, str]] = []
"""Where `install` has hung a module on its package."""
_torch = _Torch("torch", "PyTorch's interface, on chainrule.")
# libraries ask `importlib.util.find_spec("torch")` whether there is one, which fails without a spec
_torch.__spec__ = ModuleSpec("torch", None, is_package=True)


def install() -> None:
    """From now on `import torch` and `from torch.nn import …` find chainrule.

    Raises:
        ChainruleError: PyTorch itself was imported before, so that some of the program would use it.

    Example, in a process that has not imported PyTorch:

        install()
        import torch.nn as nn
        nn.Linear(3, 5)     # chainrule's
    """
    if _finder in sys.meta_path:
        return
    if "torch" in sys.modules:
        raise ChainruleError(
            "PyTorch is already imported in this process, so its modules cannot be redirected\n"
            "  hint: import chainrule.torch_imports before anything that imports torch"
        )
    sys.modules["torch"] = _torch
    chainrule.nn.Module.compile = compile_module
    for name in STANDS_FOR:
        found = resolve(name)
        if found is not None:
            sys.modules[name] = found
            parent, _, last = name.rpartition(".")
            package = sys.modules.get(parent)
            if package is not None and not hasattr(package, last):
                setattr(package, last, found)  # for `import torch.utils.hooks as h`
                _added.append((package, last))
    for name in ABSENT:  # what they are imported from must pass for a package
        package = sys.modules.get(name.rpartition(".")[0])
        if package is not None and not hasattr(package, "__path__"):
            package.__path__ = []
            _added.append((package, "__path__"))
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undo `install`; what was imported stays what it is."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        chainrule.nn.Module.compile = _compile_strictly
        for package, last in _added:
            delattr(package, last)
        _added.clear()
        for name in [n for n in sys.modules if is_theirs(n)]:
            del sys.modules[name]


def resolve(name: str) -> Any:
    """What a dotted name of PyTorch's stands for, or None.

    Example:
        >>> resolve("torch.nn.modules.conv.Conv2d")
        <class 'chainrule.nn.conv.Conv2d'>
        >>> resolve("torch.fft.rfft")
    """
    parts = name.split(".")
    for end in range(len(parts), 0, -1):  # the longest module that the name begins with
        place = STANDS_FOR.get(".".join(parts[:end]))
        found = _torch if parts[:end] == ["torch"] else None if place is None else _at(place)
        if found is not None:
            try:
                last = reduce(getattr, parts[end:], found)
            except (AttributeError, ModuleNotFoundError):
                return None
            return None if isinstance(last, Absent | AbsentModule) else last
    return None


def is_theirs(name: str) -> bool:
    """Whether a dotted name is PyTorch's: it begins with `torch` or `torchvision`."""
    return name.partition(".")[0] in ("torch", "torchvision")


def _at(place: str) -> Any:
    """The object at a dotted place in chainrule, imported if it is a module; None if there is none."""
    try:
        found = reduce(getattr, place.split("."), chainrule)
    except AttributeError:
        pass
    else:  # `models.googlenet` is a function, and the file that it stands in
        return sys.modules.get(f"chainrule.{place}", found)
    try:
        return importlib.import_module(f"chainrule.{place}")
    except ModuleNotFoundError as error:
        if error.name is None or not f"chainrule.{place}".startswith(error.name):
            raise
        return None
