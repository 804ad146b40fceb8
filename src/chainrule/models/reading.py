"""What a batch is read with: the layers, what each of them is told besides its input, and what is written down on the way.

reading = Reading(mask, cache, output_attentions=…, output_hidden_states=…)
x = self.layers(x, reading)                                each layer is called as  x = layer(x, reading)
return BaseOutput(last_hidden_state=x, **reading.end(x))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ..base.errors import ShapeError
from ..nn import Module, ModuleList
from ..tensors import Tensor, rand, where
from ..transforms import checkpoint
from .cache import ROOM, Cache

__all__ = ["Layers", "Reading", "either", "room_for"]


@dataclasses.dataclass
class Reading:
    """One batch on its way through the layers.

    Args:
        mask: who may see whom, bool, or a number added to the scores; broadcast to (B, H, T, S). None: all see all.
        cache: keys and values of what was read before; the new ones are put there.
        states: of an encoder, (B, S, C), for decoders that look at one.
        states_mask: which of these may be seen, like `mask`.
        output_attentions, output_hidden_states: what is to be written down.
    """

    mask: Tensor | None = None
    cache: Cache | None = None
    states: Tensor | None = None
    states_mask: Tensor | None = None
    output_attentions: dataclasses.InitVar[bool] = False
    output_hidden_states: dataclasses.InitVar[bool] = False

    def __post_init__(self, output_attentions: bool, output_hidden_states: bool) -> None:
        across = output_attentions and self.states is not None
        self.hidden_states: list[Tensor] | None = [] if output_hidden_states else None
        self.attentions: list[Tensor] | None = [] if output_attentions else None
        self.cross_attentions: list[Tensor] | None = [] if across else None

    def note(self, x: Tensor) -> None:
        """Write a state down, if that is wanted."""
        if self.hidden_states is not None:
            self.hidden_states.append(x)

    def end(self, x: Tensor) -> dict[str, Any]:
        """The last state, (B, T, C), is there, and the cache is full as far as that; the fields of an output."""
        self.note(x)
        if self.cache is not None:
            self.cache.position.add_(x.shape[1])
        kept = {
            "hidden_states": self.hidden_states,
            "attentions": self.attentions,
            "cross_attentions": self.cross_attentions,
        }
        found = {name: None if each is None else tuple(each) for name, each in kept.items()}
        return {"past_key_values": self.cache, **found}


class Layers(ModuleList):
    """Layers, one after another.

    With `drop` a layer that is trained is left out with that probability.   Source: Fan et al. 2019 (LayerDrop).

    With `checkpointing` a layer that is trained keeps its input alone, and is run again when the backward pass comes to it: less memory,
    a third more to compute.   Source: Chen et al. 2016.
    """

    checkpointing = False

    def __init__(self, layers: Iterable[Module], drop: float = 0.0):
        super().__init__(layers)
        self.drop = drop

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """(B, T, C) → (B, T, C); the state before each layer is written down."""
        again = self.checkpointing and self.training and reading.cache is None
        for layer in self:
            reading.note(x)
            y = checkpoint(layer, x, reading) if again else layer(x, reading)
            x = where(rand(()) < self.drop, x, y) if self.drop and self.training else y
        return x


def either(who: str, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """What is read: ids (B, T), or their embeddings (B, T, C).

    Raises:
        ShapeError: both, or none of them.
    """
    if (input_ids is None) == (inputs_embeds is None):
        raise ShapeError(f"{who}: give input_ids or inputs_embeds, one of the two")
    found = input_ids if inputs_embeds is None else inputs_embeds
    assert found is not None
    return found


def room_for(model: Any, batch: int, steps: int, cache: Cache | None, wanted: bool) -> Cache | None:
    """A cache with room for the next steps, where one is wanted; else what was given.

    Args:
        model: which makes one, `model.cache(batch, longest)`.
        batch, steps: B and T of what is read.
        cache: of what was read before.
        wanted: `use_cache`.
    """
    if not wanted:
        return cache
    return (model.cache(batch, steps + ROOM) if cache is None else cache).with_room(steps)
