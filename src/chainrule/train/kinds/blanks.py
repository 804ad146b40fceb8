"""Runs that fill blanks in a text: their pictures, their part of the model card, and the blanks of a user's own text.

Legend: T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import FormatError, ShapeError
from ...data import TensorDataset
from ...data.tokenizers import Tokenizer
from ...models import BertForMaskedLM
from ...nn import Module
from ...nn import functional as F
from ...tensors import from_numpy, no_grad, tensor
from ..evaluation import Evaluation
from ..pictures import attention_picture, predictions_picture
from ..samples import SAMPLES, fenced
from ..tables import per_cent, table

__all__ = ["Blanks"]

LOOKED_AT = 28  # tokens whose attention is drawn
DRAWN = 14  # hidden tokens in the picture
LIKELIEST = 3


@dataclass(frozen=True, eq=False)
class Blanks:
    """Texts with hidden tokens.

    Attributes:
        model: what is trained: `model(tokens (B, T)).logits` (B, T, V).
        tokenizer: text ↔ tokens; its `mask_token` stands for what is hidden.
        context: the most tokens that it takes.
        passages: windows of a text that training does not see, (seen (T,), hidden (T,)) each.
        others: the share of the test that is told right without a network, by what it is told from.
    """

    model: BertForMaskedLM
    tokenizer: Tokenizer
    context: int
    passages: TensorDataset
    others: Mapping[str, float]

    def _shares(self, model: Module, seen: np.ndarray) -> np.ndarray:
        """The probabilities of all tokens at each place, (B, T, V)."""
        was_training = model.training
        model.eval()
        with no_grad():
            shares = F.softmax(model(from_numpy(seen)).logits, dim=-1).numpy()
        model.train(was_training)
        return shares

    def sample(self) -> str:
        """The first passage with the model's answers, in ⟨⟩ behind what was hidden."""
        seen, hidden = self.passages[0]
        answers = self._shares(self.model, seen[None])[0].argmax(axis=-1)
        parts = []
        for place, told in enumerate(hidden.tolist()):
            if told < 0:
                parts.append(self.tokenizer.decode([seen[place]]))
            else:
                truth, answer = (
                    self.tokenizer.decode([told]),
                    self.tokenizer.decode([answers[place]]),
                )
                parts.append(f"{truth}⟨{answer}⟩")
        return "".join(parts)

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """For every blank of each text, which the mask token marks, the likeliest tokens."""
        answers = []
        for text in inputs:
            ids = self.tokenizer.ids(text)
            mask = self.tokenizer.mask_token
            blanks = [k for k, i in enumerate(ids) if i == self.tokenizer.mask_token_id]
            if not blanks:
                raise FormatError(f"expected a text with {mask} in it, found {text!r:.80}")
            if len(ids) > self.context:
                raise ShapeError(
                    f"a text may have {self.context} tokens, found {len(ids)}: {text!r:.80}"
                )
            shares = self._shares(model, np.array([ids]))[0]
            for place in blanks:
                likeliest = np.argsort(-shares[place], kind="stable")[:LIKELIEST].tolist()
                words = {self.tokenizer.decode([i]): float(shares[place, i]) for i in likeliest}
                first = next(iter(words))
                answers.append(
                    {
                        "input": text,
                        "answer": first,
                        "probability": words[first],
                        "likeliest": words,
                    }
                )
        return answers

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """The likeliest tokens for what is hidden in some passages, and what the model looks at."""
        V = len(self.tokenizer)
        tokens = [self.tokenizer.decode([i]) for i in range(V)]
        tokens[self.tokenizer.mask_token_id] = "?"
        seen, hidden = self.passages.tensors
        windows, places = np.nonzero(hidden[:8] >= 0)
        windows, places = windows[:DRAWN], places[:DRAWN]
        shares = self._shares(self.model, seen[:8])
        before = [tokens[seen[w, t - 1]] if t else "" for w, t in zip(windows, places, strict=True)]
        said = "Hidden tokens, told from both sides, in a text that was not learnt from; above, the token before"
        predictions = predictions_picture(
            said,
            before,
            [tokens[i] for i in hidden[windows, places]],
            tokens,
            shares[windows, places],
        )
        looked = seen[0, :LOOKED_AT]
        with no_grad():
            layers = self.model.eval()(tensor(looked[None]), output_attentions=True).attentions
        attention = attention_picture(
            "Where each token (row) looks: the darker, the more; ? is hidden",
            [tokens[i] for i in looked],
            [layer.numpy()[0] for layer in layers],
        )
        return {"predictions.png": predictions, "attention.png": attention}

    def card(self, test: Evaluation) -> str:
        """How much counting tells, a passage, and the pictures."""
        rows = [(name, per_cent(share)) for name, share in self.others.items()]
        rows.append(("**both sides: this model**", f"**{per_cent(test.metrics['accuracy'])}**"))
        return (
            "## What hidden tokens can be told from\n\n"
            + table(("told from", "right, on the test set"), rows)
            + f"\n\n## A passage\n\nThe answers stand in ⟨⟩ behind what was hidden.\n\n{fenced(self.sample())}\n\n"
            + f"The same after each epoch is in [{SAMPLES}]({SAMPLES}).\n\n"
            + "![the likeliest tokens](predictions.png)\n\n![what it looks at](attention.png)"
        )

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """The shares that counting gets right."""
        return {
            f"accuracy_of_{name.replace(' ', '_')}": share for name, share in self.others.items()
        }
