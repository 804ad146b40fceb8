"""Scans drawn at random: functions of tensors whose body is made of a few matrices, products, sums and views."""

from __future__ import annotations

import numpy as np

import chainrule as cr

B, C, T = 3, 5, 4


def random_scan(seed: int, gradients: bool = True):
    """A function of no arguments with a scan in it (and its gradients), whose tensors are float64 and stay near 1."""
    rng = np.random.default_rng(seed)
    plan = np.random.default_rng(
        seed + 1
    )  # drawn from anew at every trace of the body, which must be the same

    def tensor(*shape):
        return cr.tensor(rng.normal(size=shape), dtype=cr.float64).requires_grad_(
            gradients and rng.random() < 0.8
        )

    length = int(rng.integers(1, T + 1))
    state = [tensor(B, C) for _ in range(rng.integers(1, 3))]
    totals = [tensor(*shape) for shape in ((C, C), (C,), (C, B, B)) if rng.random() < 0.6]
    around = [tensor(C, C), tensor(C), tensor()]
    xs = [tensor(length, B, C) for _ in range(rng.integers(1, 3))]
    picks = plan.integers(0, 1 << 30, 64)
    keep = rng.random(8)
    reverse = bool(rng.integers(2))

    def body(carry, x):
        w, b, s = around
        known = [*carry[: len(state)], *x]
        draws = iter(picks)

        def pick():
            return known[next(draws) % len(known)]

        made = [
            lambda: cr.tanh(pick() @ w + b),
            lambda: cr.sigmoid(pick() * s + pick()),
            lambda: pick() * pick() * 0.5,
            lambda: cr.where(pick() > pick(), pick(), b),
            lambda: (pick().T @ pick()).softmax(0)[:B],
            lambda: cr.cat([pick()[:, :2], pick()[:, 2:] @ w[2:, 2:]], 1),
            lambda: cr.tanh(pick() @ (w * s).T),
            lambda: pick().sum(1, keepdim=True) * 0.2 + b * cr.exp(-s * s),
            lambda: cr.einsum("ij,ik->jk", pick(), pick())[:B] * 0.3,
        ]  # fmt: skip
        for _ in range(2 + next(draws) % 5):
            known.append(made[next(draws) % len(made)]())
        new = [cr.tanh(pick()) if keep[k] < 0.8 else pick() for k in range(len(state))]
        for c in carry[len(state) :]:
            if c.ndim == 1:
                f = [pick().sum(0), (pick() @ w).sum(0), b * 2][next(draws) % 3]
            elif c.ndim == 2:
                f = [
                    pick().T @ pick(),
                    cr.einsum("bi,bj->ij", pick(), pick()),
                    (pick().T @ pick()).T,
                    w @ w,
                ][next(draws) % 4]
            else:
                f = cr.einsum("ac,bc->cab", pick(), pick())
            new.append(c + f if next(draws) % 2 else f + c)
            if keep[5] < 0.2:
                known.append(c[:B] if c.ndim == 2 else known[0])
        ys = [pick() for _ in range(1 + next(draws) % 3)]
        return tuple(new), tuple(ys)

    leaves = [*state, *totals, *around, *xs]

    def run():
        last, ys = cr.scan(body, (*state, *totals), tuple(xs), reverse=reverse)
        given = [t for k, t in enumerate([*last, *ys]) if k == 0 or keep[k % 8] < 0.7]
        if not any(t.requires_grad for t in given):
            return given
        loss = sum(((t * t).mean() for t in given), cr.tensor(0.0, dtype=cr.float64))
        wanted = [t for t in leaves if t.requires_grad]
        found = cr.grad(loss, wanted, allow_unused=True)
        return [*given, *[g for g in found if g is not None]]

    return run
