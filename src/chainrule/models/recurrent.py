"""A recurrent language model: a state is all that is kept of what was read, so a text may be as long as it likes.

    ids (B, T) → embeddings (B, T, E) → LSTM or GRU, layer upon layer (B, T, H) → dropout → logits (B, T, V)

B batch, T time, E `embedding_size`, H `hidden_size`, L layers, V vocabulary.

Source: Hochreiter & Schmidhuber 1997 (LSTM); Cho et al. 2014 (GRU); as language models: Mikolov et al. 2010, Graves 2013. There is no
Hugging Face model of this kind, so the names of the configuration are ours; the recurrent layers' keys are PyTorch's.
"""

from __future__ import annotations

from typing import NamedTuple

from ..base.errors import ShapeError
from ..nn import GRU, LSTM, Dropout, Embedding, Linear, Module
from ..tensors import Tensor, int64, zeros
from .config import Config, configuration
from .generation import Generates, next_token_loss
from .output import CausalLMOutput
from .pretrained import PreTrained, architecture

__all__ = ["RecurrentConfig", "RecurrentLMHeadModel", "States"]

CELLS: dict[str, type[Module]] = {"lstm": LSTM, "gru": GRU}


@configuration
class RecurrentConfig(Config):
    """Sizes and settings."""

    model_type = "recurrent"

    vocab_size: int = 256
    embedding_size: int = 64
    hidden_size: int = 256
    num_layers: int = 1
    cell: str = "lstm"
    dropout: float = 0.0
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None

    def check(self) -> None:
        """Sizes are positive, and there is such a cell."""
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            self.need(
                getattr(self, name) > 0, f"{name} must be positive, found {getattr(self, name)}"
            )
        self.need(
            self.cell in CELLS, f"cell must be one of {', '.join(CELLS)}, found {self.cell!r:.80}"
        )
        self.need(0 <= self.dropout < 1, f"dropout must be from 0 to below 1, found {self.dropout}")


class States(NamedTuple):
    """What is kept of a text that was read: `position` () int64, how many tokens; `states` (L, B, H) each, of an LSTM hidden
    and cell, of a GRU one. `longest` is how many tokens it was asked for; it could take more.
    """

    position: Tensor
    states: tuple[Tensor, ...]
    longest: int

    def choose(self, rows: Tensor) -> None:
        """Keep some sequences of the batch, in another order, a row may come twice (beam search)."""
        for state in self.states:
            state.copy_(state.index_select(1, rows))


@architecture
class RecurrentLMHeadModel(Generates, PreTrained):
    """A recurrent network as a language model: the logits of the next token at every position.

    Args:
        config: sizes and settings.

    Example:
        >>> model = models.RecurrentLMHeadModel(models.RecurrentConfig(vocab_size=11, embedding_size=3, hidden_size=5))
        >>> ids = cr.tensor([[1, 2, 3]])
        >>> model(ids).logits.shape, model.generate(ids, max_new_tokens=4).shape
        (chainrule.Size([1, 3, 11]), chainrule.Size([1, 7]))
    """

    config_class = RecurrentConfig
    tells = ()

    def __init__(self, config: RecurrentConfig):
        super().__init__(config)
        self.embedding = Embedding(config.vocab_size, config.embedding_size)
        between = config.dropout if config.num_layers > 1 else 0.0
        self.recurrent = CELLS[config.cell](
            config.embedding_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=between,
        )
        self.drop = Dropout(config.dropout)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)

    def forward(
        self,
        input_ids: Tensor,
        past_key_values: States | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """Logits, and with `labels` the loss.

        Args:
            input_ids: (B, T) int64.
            past_key_values: what was read before; what is read now is kept in it.
            attention_mask: (B, at least T); ones: a state would remember padding, so prompts of a batch are equally long.
            position_ids: without effect: what was read is its own order.
            labels: (B, T) int64, those of `input_ids`: the label of each position is the next one's. −100 is passed over.
            logits_to_keep: the logits of so many of the last positions alone are computed; 0: all.

        Raises:
            ShapeError: padding in a prompt.
        """
        T, before = input_ids.shape[1], past_key_values
        if attention_mask is not None and not bool((attention_mask[:, :T] != 0).all()):
            raise ShapeError(
                "RecurrentLMHeadModel: a state would remember padding; prompts of one call must be equally long"
            )
        x = self.embedding(input_ids)  # (B, T, E)
        if before is None:
            x, _ = self.recurrent(x)  # (B, T, H)
        else:
            given = before.states if len(before.states) > 1 else before.states[0]
            x, after = self.recurrent(x, given)
            for state, new in zip(
                before.states, after if isinstance(after, tuple) else (after,), strict=True
            ):
                state.copy_(new.detach())
            before.position.add_(T)
        logits = self.lm_head(self.drop(x[:, -logits_to_keep:]))  # (B, T, V)
        loss = None if labels is None else next_token_loss(logits, labels)
        return CausalLMOutput(loss=loss, logits=logits, past_key_values=before)

    def cache(self, batch: int, longest: int) -> States:
        """The state before anything is read; a text of any length needs no more."""
        c, dtype = self.config, self.embedding.weight.dtype
        count = 2 if c.cell == "lstm" else 1
        return States(
            zeros((), dtype=int64),
            tuple([zeros(c.num_layers, batch, c.hidden_size, dtype=dtype) for _ in range(count)]),
            longest,
        )

    @property
    def most_positions(self) -> None:
        """A state has no end."""
        return None
