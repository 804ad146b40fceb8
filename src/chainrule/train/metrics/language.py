"""How surprised a language model is."""

from __future__ import annotations

import math
from typing import Any

from .metric import Metric, some

__all__ = ["BitsPerByte", "Perplexity"]


class Perplexity(Metric):
    """exp(mean of −ln p(token)): as if each token were chosen among so many equally likely ones.

    `update(nats, tokens)`: the sum of −ln p over a batch, and how many tokens it is the sum of.

    >>> metric = Perplexity()
    >>> metric.update(3 * math.log(2), 3)
    >>> metric.update(1 * math.log(2), 1)
    >>> metric.compute()
    2.0
    """

    kept = ("nats", "tokens")

    def update(self, answers: Any, targets: Any) -> None:
        """Count a sum of nats and the number of its tokens."""
        self.nats += float(answers)
        self.tokens += int(targets)

    def compute(self) -> float:
        """The perplexity; infinity where it is too large for a float."""
        mean = self.nats / some(self.tokens, self)
        return math.exp(mean) if mean < 709 else math.inf


class BitsPerByte(Metric):
    """Σ −log₂ p(token) / bytes of the tokens: how long the text would be if the model compressed it.

    Unlike nats per token it does not depend on how a text is cut into tokens.

    `update(nats, bytes)`: the sum of −ln p over a batch, and of how many bytes its tokens are.

    >>> metric = BitsPerByte()
    >>> metric.update(6 * math.log(2), 3)
    >>> metric.compute()
    2.0
    """

    kept = ("nats", "bytes")

    def update(self, answers: Any, targets: Any) -> None:
        """Count a sum of nats and the number of its bytes."""
        self.nats += float(answers)
        self.bytes += int(targets)

    def compute(self) -> float:
        """Bits per byte."""
        return self.nats / math.log(2) / some(self.bytes, self)
