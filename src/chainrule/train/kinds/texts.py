"""Runs that write text: their pictures, their part of the model card, and how a trained model goes on with a beginning.

Legend: T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.tokenizers import Tokenizer
from ...models import Writer
from ...models.generation import Generates
from ...nn import Module
from ...nn import functional as F
from ...tensors import Generator, no_grad, tensor
from ..evaluation import Evaluation, evaluate
from ..metrics import shown
from ..pictures import attention_picture, predictions_picture, visible
from ..samples import SAMPLES, fenced
from ..tables import table
from ..tasks import LanguageModel

__all__ = ["Texts"]

FIRST = "\n"  # what a text begins with if nothing is given: a new line
LOOKED_AT = 28  # tokens whose attention is drawn


@dataclass(frozen=True, eq=False)
class Texts:
    """One long text, foretold token by token.

    `writer` is what it takes to write with a run's model: the model, `tokenizer`, and `context`, how many tokens it was
    trained to look at.

    Attributes:
        model: what is trained: `model(tokens (B, T)).logits` (B, T, V), and it generates.
        tokenizer: text ↔ tokens.
        context: the most tokens that it looks back on; None: no end.
        passage: a text that training does not see, for the pictures.
        validation, task: to measure the validation set as well.
        tables: how good a table of n characters is at the test, in the task's headline metric, by n.
        attends: whether the model can be asked for its attention.
        length: tokens of a sample.
    """

    model: Generates
    tokenizer: Tokenizer
    context: int | None
    passage: str
    validation: Any
    task: LanguageModel
    tables: Mapping[int, float]
    attends: bool = True
    length: int = 300

    def writer(self, model: Module) -> Writer:
        """The model with its tokenizer, for `chainrule generate`."""
        return Writer(model, self.tokenizer, context=self.context, first=FIRST)

    def sample(self) -> str:
        """A text of the model as it is now, always from the same random numbers."""
        return self._written(self.model, "", 1.0, Generator().manual_seed(0))

    def _written(
        self, model: Module, beginning: str, temperature: float, generator: Generator
    ) -> str:
        return beginning + self.writer(model).write(
            beginning,
            max_new_tokens=self.length,
            do_sample=True,
            temperature=temperature,
            generator=generator,
        )

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """`asked.count` texts for each beginning, drawn at `asked.temperature` from `asked.seed`."""
        generator = Generator().manual_seed(asked.seed)
        answers = []
        for beginning in inputs:
            for _ in range(asked.count):
                text = self._written(model, beginning, asked.temperature, generator)
                answers.append({"input": beginning, "answer": text})
        return answers

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """The likeliest tokens at each place of the passage, and, of a model that has attention, what it looks at."""
        ids = self.tokenizer.ids(self.passage)
        V = max(self.tokenizer.vocabulary.values()) + 1
        tokens = [self.tokenizer.decode([i]) for i in range(V)]
        single = all(len(token) == 1 for token in tokens)
        read = ids[: self.context]
        with no_grad():
            logits = self.model.eval()(tensor([read])).logits[0]
        shares = F.softmax(logits, dim=-1).numpy()  # (T, V)
        first = len(read) // 2 if single else 0  # with something before it
        places = range(first, min(len(read) - 1, first + (LOOKED_AT if single else 14)))
        said = "Told from what stands before, in a text that was not learnt from"
        pictures = {
            "predictions.png": predictions_picture(
                said,
                [tokens[read[t]] for t in places],
                [tokens[read[t + 1]] for t in places],
                tokens,
                shares[list(places)],
            )
        }
        if self.attends:
            looked = read[:LOOKED_AT]
            with no_grad():
                layers = self.model(tensor([looked]), output_attentions=True).attentions
            said = "Where each token (row) looks: the darker, the more"
            maps = [layer.numpy()[0] for layer in layers]
            pictures["attention.png"] = attention_picture(said, [tokens[i] for i in looked], maps)
        return pictures

    def card(self, test: Evaluation) -> str:
        """What the figures are to be compared with, a text, and the pictures."""
        headline = self.task.headline
        rows = [
            (f"{n - 1} character{'s' * (n != 2)} before", shown(headline, value))
            for n, value in self.tables.items()
        ]
        rows.append(("**this model**", f"**{shown(headline, test.metrics[headline])}**"))
        better = [n for n, value in self.tables.items() if value < test.metrics[headline]]
        beaten = ""
        if better:  # said, not hidden
            beaten = f"\n\nTables of {min(better)} characters and more know this text better than this model does."
        looks = "\n\n![what it looks at](attention.png)" if self.attends else ""
        return (
            f"## How good tables of characters are\n\n"
            f"Counted in the training text and smoothed (interpolated Kneser-Ney); `{headline}` on the test set.\n\n"
            + table(("told from", headline), rows)
            + f"{beaten}\n\n## A text\n\n{fenced(self.sample())}\n\nOne after each epoch is in [{SAMPLES}]({SAMPLES})."
            + "\n\n## What it expects"
            + f"\n\nSpaces are drawn {visible(' ')}, ends of lines {visible(FIRST)}; the right answer is framed.\n\n"
            + f"![the likeliest tokens](predictions.png){looks}"
        )

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """`…_with_validation`: the headline metric over validation and test set together, the text that was not learnt from."""
        validation = evaluate(self.model, self.validation, self.task, keep=True)
        name = self.task.headline
        parts = [(part.metrics[name], self._size(part)) for part in (validation, test)]
        mean = sum([value * size for value, size in parts]) / sum([size for _, size in parts])
        return {f"{name}_with_validation": mean}

    def _size(self, part: Evaluation) -> int:
        """Over how many tokens, or bytes, the headline metric is a mean."""
        assert part.targets is not None
        told = part.targets[part.targets != self.task.ignore_index]
        return (
            told.size if self.task.token_bytes is None else int(self.task.token_bytes[told].sum())
        )
