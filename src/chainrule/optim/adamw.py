"""AdamW: Adam with weight decay that acts on the parameter itself; one line of the formula in
``adam`` differs.
"""

from __future__ import annotations

from typing import Any

from .adam import Adam

__all__ = ["AdamW"]


class AdamW(Adam):
    """AdamW; see ``adam`` for the formula.   Source: Loshchilov & Hutter 2019, algorithm 2.

    Differs from the paper: the decay is scaled by lr, as in PyTorch.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of groups.
        lr: the learning rate.
        betas: what remains of the means of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: the share of the parameter, times lr, that each step takes away.
        amsgrad: whether the largest mean square so far takes the place of the current one.
        maximize: whether to go up instead.
        foreach: without effect: chooses among PyTorch's implementations.
        capturable: without effect: chooses among PyTorch's implementations.
        differentiable: refused when true.
        fused: without effect: chooses among PyTorch's implementations.

    Raises:
        ValueError: a number out of range.
        NotImplementedError: ``differentiable``.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0.8500])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
