"""Four of `training_workloads.py` in JAX, which has no modules: parameters are a dictionary, and the whole step with AdamW is
one jitted program that may write over the state it is given.

They start from the same parameters as the others, by name, and have to give the same losses. A linear weight is (in, out) here,
as JAX's own examples have it, so that no transposition is left to the compiler.

B batch, L time, C channels, H heads, V vocabulary.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Parameters = dict[str, jax.Array]
Forward = Callable[[Parameters, jax.Array], jax.Array]

RATE, DECAY, BETAS, EPS = 1e-3, 0.01, (0.9, 0.999), 1e-8


def linear(p: Parameters, name: str, x: jax.Array) -> jax.Array:
    """x W + b."""
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def layer_norm(p: Parameters, name: str, x: jax.Array) -> jax.Array:
    """Normalized over the last axis, scaled and shifted."""
    centred = x - x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
    return centred * scale * p[f"{name}.weight"] + p[f"{name}.bias"]


def cross_entropy(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean over everything but the last axis."""
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), targets[..., None], -1).mean()


def mlp(p: Parameters, x: jax.Array) -> jax.Array:
    """784-128-10."""
    return linear(p, "2", jax.nn.relu(linear(p, "0", x)))


def cnn(p: Parameters, x: jax.Array) -> jax.Array:
    """Two convolutions with pooling, two linear layers."""

    def conv(name: str, x: jax.Array) -> jax.Array:
        y = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), "SAME")
        return jax.nn.relu(y + p[f"{name}.bias"][:, None, None])

    def pooled(x: jax.Array) -> jax.Array:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    x = pooled(conv("3", pooled(conv("0", x))))
    return linear(p, "9", jax.nn.relu(linear(p, "7", x.reshape(x.shape[0], -1))))


def gpt(p: Parameters, i: jax.Array, H: int) -> jax.Array:
    """`transformer` of the other workloads: causal, its output matrix is its embedding."""
    B, L = i.shape
    x = p["token.weight"][i] + p["position.weight"][:L]
    C = x.shape[-1]
    seen = jnp.tril(jnp.ones((L, L), bool))
    blocks = 1 + max(int(name.split(".")[1]) for name in p if name.startswith("blocks."))
    for k in range(blocks):
        at = f"blocks.{k}"
        qkv = linear(p, f"{at}.qkv", layer_norm(p, f"{at}.norm1", x))
        q, k_, v = (t.reshape(B, L, H, C // H).transpose(0, 2, 1, 3) for t in jnp.split(qkv, 3, -1))
        scores = jnp.where(seen, q @ k_.swapaxes(-1, -2) / math.sqrt(C // H), -jnp.inf)
        y = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(B, L, C)
        x = x + linear(p, f"{at}.proj", y)
        up = jax.nn.gelu(linear(p, f"{at}.up", layer_norm(p, f"{at}.norm2", x)), approximate=True)
        x = x + linear(p, f"{at}.down", up)
    return layer_norm(p, "norm", x) @ p["token.weight"].T


MODELS: dict[str, Forward] = {
    "mlp": mlp,
    "cnn": cnn,
    "gptS": functools.partial(gpt, H=4),
    "gptM": functools.partial(gpt, H=6),
}


def stepper(
    workload: str, parameters: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray
) -> Callable[[], Any]:
    """A function that takes one step and returns its loss.

    Args:
        workload: one of `MODELS`.
        parameters: by the names that `training_workloads.py` gives them, linear weights as (out, in).
        x, y: inputs and targets.
    """
    model = MODELS[workload]
    inputs, targets = jnp.asarray(x), jnp.asarray(y)
    p = {
        name: jnp.asarray(
            a.T.copy() if a.ndim == 2 and "token" not in name and "position" not in name else a
        )
        for name, a in parameters.items()
        if name != "head.weight"  # which is the embedding
    }

    def loss_of(p: Parameters) -> jax.Array:
        return cross_entropy(model(p, inputs), targets)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(p: Parameters, m: Parameters, v: Parameters, t: jax.Array) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p)
        b1, b2 = BETAS
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, g)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
        c1, c2 = 1 - b1**t, 1 - b2**t

        def updated(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
            return p * (1 - RATE * DECAY) - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPS)

        return loss, jax.tree.map(updated, p, m, v), m, v

    zeros = [jax.tree.map(jnp.zeros_like, p) for _ in range(2)]
    state = [p, *zeros]
    steps = 0

    def run() -> Any:
        nonlocal steps
        steps += 1
        loss, *state[:] = step(*state, jnp.float32(steps))
        jax.block_until_ready(state)
        return loss

    return run
