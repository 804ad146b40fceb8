"""AlexNet: five convolutions, three dense layers.   Source: Krizhevsky 2014, "One weird trick"."""

from __future__ import annotations

from typing import Any

from ....nn import AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, Module, ReLU, Sequential
from ....tensors import Tensor, flatten
from .checkpoints import File, architecture, weights

__all__ = ["AlexNet", "AlexNet_Weights", "alexnet"]


class AlexNet(Module):
    """Images (B, 3, H, W), H and W from 63, to logits (B, num_classes).

    Args:
        num_classes: how many logits.
        dropout: probability of dropout before the two hidden dense layers.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = Sequential(
            Conv2d(3, 64, 11, stride=4, padding=2),
            ReLU(inplace=True),
            MaxPool2d(3, stride=2),
            Conv2d(64, 192, 5, padding=2),
            ReLU(inplace=True),
            MaxPool2d(3, stride=2),
            Conv2d(192, 384, 3, padding=1),
            ReLU(inplace=True),
            Conv2d(384, 256, 3, padding=1),
            ReLU(inplace=True),
            Conv2d(256, 256, 3, padding=1),
            ReLU(inplace=True),
            MaxPool2d(3, stride=2),
        )
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.classifier = Sequential(
            Dropout(dropout),
            Linear(256 * 6 * 6, 4096),
            ReLU(inplace=True),
            Dropout(dropout),
            Linear(4096, 4096),
            ReLU(inplace=True),
            Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        x = self.avgpool(self.features(x))  # (B, 256, 6, 6)
        return self.classifier(flatten(x, 1))


AlexNet_Weights = weights("AlexNet", File("alexnet-owt-7be5be79.pth"))


@architecture(AlexNet_Weights)
def alexnet(**options: Any) -> AlexNet:
    """An `AlexNet` with these options."""
    return AlexNet(**options)
