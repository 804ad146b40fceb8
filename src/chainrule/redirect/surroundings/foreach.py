"""What PyTorch's optimizers do to lists of tensors: `torch._foreach_add_` and its like, and `torch.utils._foreach_utils`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tensors import Tensor

__all__: list[str] = []


KEYWORDS = {
    "addcdiv": ("tensor1", "tensor2", "value"),
    "addcmul": ("tensor1", "tensor2", "value"),
    "norm": ("p", "dtype"),
}
"""What the positions behind the list are called in the method, where it takes some by name alone."""


def foreach(name: str) -> Callable:
    """`_foreach_add_` and its like: a method of every tensor of a list, with the other lists' elements in its place."""
    method = name.removeprefix("_foreach_")
    keywords = KEYWORDS.get(method.removesuffix("_"), ())

    def each(self: Any, *others: Any, **options: Any) -> Any:
        if method == "pow" and isinstance(self, int | float):  # one base, and exponents
            return tuple([self**x for x in (*others, *options.values())[0]])
        if "ord" in options:
            options["p"] = options.pop("ord")
        if "scalars" in options:
            options["value"] = options.pop("scalars")
        if keywords:
            options |= dict(zip(keywords, others, strict=False))
            others = ()
        if isinstance(options.get("value"), Tensor):
            options["value"] = options["value"].tolist()
        found = []
        for k, x in enumerate(self):
            own = [_its(o, k) for o in others]
            by_name = {key: _its(o, k) for key, o in options.items()}
            if method in ("maximum", "maximum_", "minimum", "minimum_"):
                bound = "min" if method.startswith("max") else "max"
                out = x.clamp_ if method.endswith("_") else x.clamp
                found.append(out(**{bound: (*own, *by_name.values())[0]}))
            else:
                found.append(getattr(x, method)(*own, **by_name))
        return None if method.endswith("_") else tuple(found)

    each.__name__, each.__doc__ = name, f"`{method}` of every tensor of a list."
    return each


def _its(argument: Any, k: int) -> Any:
    """The part of an argument that belongs to tensor k."""
    return argument[k] if isinstance(argument, list | tuple) else argument


def _group_tensors_by_device_and_dtype(
    tensorlistlist: Sequence[Sequence[Tensor | None]], with_indices: bool = False
) -> dict:
    """Lists that run side by side, parted by the device and dtype of the first list's tensors: {(device, dtype): (lists, indices)}."""
    groups: dict = {}
    for k, row in enumerate(zip(*tensorlistlist, strict=True)):
        lists, indices = groups.setdefault((row[0].device, row[0].dtype), ([[] for _ in row], []))
        for found, x in zip(lists, row, strict=True):
            found.append(x)
        if with_indices:
            indices.append(k)
    return groups


def _has_foreach_support(tensors: Sequence[Tensor], device: Any) -> bool:
    """Whether `_foreach_` functions take these tensors, which they do."""
    return True


def _device_has_foreach_support(device: Any) -> bool:
    """The same of a device: there is one."""
    return True


def _get_foreach_kernels_supported_devices() -> list[str]:
    """Devices other than the CPU with kernels for whole lists: none."""
    return []


def _get_fused_kernels_supported_devices() -> list[str]:
    """Devices other than the CPU on which an optimizer's step is one kernel: none."""
    return []
