"""Optimizers, saved and loaded: the form of their state dicts is PyTorch's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..base.errors import StateDictError
from ..tape.modes import no_grad
from ..tensors import Tensor, float32, tensor, zeros
from .hooks import Hooked
from .hyper import change, is_like, is_number

__all__ = ["Saved"]


class Saved(Hooked):
    """What an optimizer knows of files: what of its state is in a state dict, and how it comes back."""

    saves_step: ClassVar[bool] = True
    """Whether a state dict has the number of steps made, as PyTorch's has for this method."""

    free: ClassVar[bool] = False
    """Whether the state is what ``step`` puts there, which is so for a class that defines ``step``: it is saved as it is,
    and its options and state are loaded without a check.
    """

    scalars: ClassVar[tuple[str, ...]] = ()
    """Numbers in the state of a parameter beside the step count; ``scalar`` says what they begin
    with, ``after`` changes them. They are rounded to float32, as they are saved, so that a run that
    goes on from a checkpoint is the same to the bit.
    """

    state: defaultdict[Any, dict[str, Any]]
    param_groups: list[dict[str, Any]]
    slots: Callable[..., tuple[str, ...]]
    slot: Callable[..., Tensor]

    def state_dict(self) -> dict[str, Any]:
        """Groups and state in PyTorch's form: parameters are numbered in the order of the groups.

        Returns:
            ``{"state": {number: {"step": 0-d float32 tensor, name: tensor, …}}, "param_groups": [{…, "params": [numbers]}]}``.
            The tensors are those in use: copy them to keep a moment.
        """
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
            packed = {name: value for name, value in group.items() if name != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {}
        for p, values in self.state.items():
            exported = values if self.free else self._exported(values)
            if self.free or exported:
                # a method may keep something for all parameters, under a name
                state[numbers[id(p)] if isinstance(p, Tensor) else p] = exported
        return self._through(self._state_dict_post_hooks, {"state": state, "param_groups": groups})

    def _exported(self, values: dict[str, Any]) -> dict[str, Any]:
        """The state of one parameter as a state dict has it: counts and numbers as 0-d tensors."""
        exported: dict[str, Any] = {}
        for name, value in values.items():
            if name == "step" and not self.saves_step:
                continue
            is_number = name == "step" or name in self.scalars
            exported[name] = tensor(float(value), dtype=float32) if is_number else value
        return exported

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the groups' options and the state of ``state_dict``, whose values are copied.

        State tensors that exist keep their identity and get new values, so a program traced with
        them goes on with these.

        Raises:
            StateDictError: other groups, or a state tensor of another shape than its parameter.
            Nothing is changed.
        """
        state_dict = self._through(self._load_state_dict_pre_hooks, dict(state_dict))
        _check_form(state_dict, self.free)
        saved = state_dict["param_groups"]
        params = self._matched(saved)
        if not self.free:
            self._check_state(state_dict["state"], params)
        for group, new in zip(self.param_groups, saved, strict=True):
            for name, value in new.items():
                own = group.get(name)
                if isinstance(own, Tensor) and not self.free:
                    change(group, name, value)
                elif isinstance(value, Tensor):
                    group[name] = value.detach().clone()
                elif isinstance(own, tuple) and isinstance(value, list):  # JSON has no tuples
                    group[name] = tuple(value)
                elif name != "params":
                    group[name] = value
        with no_grad():
            if self.free:
                self._load_all(state_dict["state"], {n: p for n, (_, p) in params.items()})
                params = {}
            for number, (_, p) in params.items():
                if number in state_dict["state"]:
                    self._load_one(p, state_dict["state"][number])
                else:
                    self.state.pop(p, None)
        for hook in self._load_state_dict_post_hooks.values():
            hook(self)

    def _matched(self, saved: list[dict[str, Any]]) -> dict[Any, tuple[dict, Tensor]]:
        """Group and parameter for each number of a state dict, whose groups must be like ours."""
        if len(saved) != len(self.param_groups):
            raise StateDictError(
                f"loaded state dict has {len(saved)} parameter groups, "
                f"the optimizer has {len(self.param_groups)}"
            )
        params: dict[Any, tuple[dict, Tensor]] = {}
        for k, (group, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(new["params"]) != len(group["params"]):
                raise StateDictError(
                    f"loaded state dict has {len(new['params'])} parameters in group {k}, "
                    f"the optimizer has {len(group['params'])}"
                )
            for number, p in zip(new["params"], group["params"], strict=True):
                params[number] = (group, p)
            for name, value in new.items():
                if name != "params" and not (self.free or is_like(value, group.get(name))):
                    raise StateDictError(
                        f"loaded state dict has {name!r}: {value!r:.80} in group {k}, where the optimizer "
                        f"has {group[name]!r:.80}"
                    )
        return params

    def _check_state(self, state: dict[Any, dict], params: dict[Any, tuple[dict, Tensor]]) -> None:
        """Refuse a state that the method cannot have, naming all that is wrong with it."""
        faults = []
        for number, values in state.items():
            if number not in params:
                faults.append(f"state of parameter {number}, which is in no group")
                continue
            group, p = params[number]
            for name in ("step", *self.scalars):
                if name in values and not is_number(values[name]):
                    faults.append(
                        f"{name} of parameter {number}: expected a number, found {values[name]!r:.80}"
                    )
            for name in self.slots(group, p):
                value = values.get(name)
                found = tuple(getattr(value, "shape", ()))
                expected = tuple(self.slot(group, p, name).shape)
                if value is not None and found != expected:
                    faults.append(
                        f"{name} of parameter {number}: shape {found}, expected {expected}"
                    )
        if faults:
            raise StateDictError(
                f"Error(s) in loading the state of {type(self).__name__} (nothing was changed):\n\t"
                + "\n\t".join(faults)
            )

    def _load_all(self, state: dict[Any, Any], params: dict[Any, Tensor]) -> None:
        """The state of a method that keeps what it likes."""
        old, self.state = self.state, defaultdict(dict)
        for key, values in state.items():
            place = params.get(key, key)
            self.state[place] = loaded(values, params.get(key), old.get(place), key)

    def _load_one(self, p: Tensor, values: dict[str, Any]) -> None:
        """The state of one parameter."""
        state = self.state[p]
        for gone in set(state) - set(values):
            del state[gone]
        state["step"] = 1  # where it is not saved, it only matters that there was a step
        for name, value in values.items():
            if name == "step":
                state["step"] = round(float(value))
            elif name in self.scalars:
                state[name] = float(value)
            elif hasattr(value, "shape"):  # an array, or a tensor of any kind
                source = value if isinstance(value, Tensor) else tensor(np.asarray(value))
                if name not in state:
                    state[name] = zeros(tuple(source.shape), dtype=p.dtype)
                state[name].copy_(source)
            elif value is not None:
                state[name] = value


def _check_form(state_dict: Any, free: bool) -> None:
    """Refuse what is not the form that `state_dict` gives."""
    groups, state = state_dict.get("param_groups"), state_dict.get("state")
    if not (
        isinstance(groups, (list, tuple))
        and all(isinstance(g, Mapping) and _is_list_of_keys(g.get("params")) for g in groups)
        and isinstance(state, Mapping)
        and (free or all(isinstance(values, Mapping) for values in state.values()))
    ):
        raise StateDictError(
            "an optimizer's state dict has 'param_groups', a list of dictionaries with 'params', and "
            f"'state', dictionaries by parameter; found {state_dict!r:.200}"
        )


def _is_list_of_keys(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(k, (int, str)) for k in value)


def loaded(value: Any, p: Tensor | None, old: Any = None, name: Any = None) -> Any:
    """A value of a state dict as a part of the state of `p`, or of the whole optimizer where there is no `p`.

    Tensors are copied, in the dtype of their parameter (but for one named ``"step"``), and into the tensor that is
    there (``old``) if it is alike: a program traced with that one goes on with the new values. Dictionaries, lists
    and tuples are gone through; anything else is taken as it is.
    """
    if isinstance(value, Mapping):
        before = old if isinstance(old, Mapping) else {}
        return {key: loaded(v, p, before.get(key), key) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [loaded(v, p) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.ndarray):
        value = tensor(value)
    if not isinstance(value, Tensor):
        return value
    follows = p is not None and p.is_floating_point() and name != "step"
    dtype = p.dtype if p is not None and follows else value.dtype
    if isinstance(old, Tensor) and old.shape == value.shape and old.dtype is dtype:
        return old.copy_(value)
    return value.detach().to(dtype, copy=True)
