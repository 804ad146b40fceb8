"""The ladder: every step from a dot product to language models, each a chapter that stands alone.

A rung imports NumPy and `math` and nothing else: not the framework, not another rung (what draws
imports matplotlib inside the function). Copy one file out and it runs. Only the last, `lm`, is made of
the others: copy the whole folder. The framework does not import the ladder either; tests/ladder ties the
two together, number for number.

| rung | what it teaches |
|---|---|
| `linalg` | dot product, matrix product, norm, written out; why a batch is one product |
| `descent` | a gradient by finite differences, and walking down it |
| `perceptron` | the first learning rule, what it cannot learn, and what a hidden layer adds |
| `value` | a scalar that knows its gradient, and a network made of them |
| `layers` | layers with hand-written backward passes: dense, convolution, norms, embeddings, losses |
| `network` | a network of any depth in one class, trained on digits |
| `recurrent` | RNN, LSTM and GRU, back-propagation through time |
| `attention` | causal attention with several heads |
| `lm` | language models, from counting pairs of letters to a small transformer |

Read them in this order. Nothing is imported here: `from chainrule.ladder import value`.
"""

__all__: list[str] = []
