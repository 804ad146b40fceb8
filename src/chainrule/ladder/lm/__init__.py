"""Language models up the ladder: from counting pairs of letters to a small transformer, every gradient by hand.

A language model gives a probability to every symbol that may come next, given those before. That is all; to
write, draw one, append it, ask again. What the models here differ in is how much of the past they see and how
they look at it. They read first names, a letter at a time, because a name is short and a laptop learns thirty
thousand of them in a minute.

This rung is the roof of the ladder: unlike the others it is made of them (`layers`, `recurrent`, `attention`, and
`network`'s Adam), and adds no derivative but those of putting together.

| file | what it holds |
|---|---|
| `spelling` | names as rows of numbers, and what is to be foretold at each place |
| `model` | what all language models are asked: scores for the next symbol, where they are wanted |
| `learning` | the loop, nats per character on names held out, drawing new names |
| `bigram` | counting pairs; the network that learns the same table |
| `windows` | the last n letters: an MLP with embeddings, with batch norm, and as a tree (WaveNet-like) |
| `sequences` | all letters so far: a GRU, and a small transformer |

Shapes: B names, T places, n letters in a window, M places at which scores are wanted, E size of an embedding,
H hidden, C channels, V symbols (the edge of a name, 0, and its letters).

Sources: Shannon 1951 (letters, counted and guessed); Bengio et al. 2003 (the MLP); van den Oord et al. 2016
(WaveNet). The row of models, on names: Karpathy 2022 (makemore).
"""

from .bigram import BigramCounts, bigram_network
from .learning import fit, made_up, nats
from .model import LanguageModel, SequenceModel, WindowModel
from .sequences import gru, transformer
from .spelling import NOTHING, Alphabet
from .windows import mlp, mlp_batch_norm, wavenet

__all__ = [
    "NOTHING",
    "Alphabet",
    "BigramCounts",
    "LanguageModel",
    "SequenceModel",
    "WindowModel",
    "bigram_network",
    "fit",
    "gru",
    "made_up",
    "mlp",
    "mlp_batch_norm",
    "nats",
    "transformer",
    "wavenet",
]
