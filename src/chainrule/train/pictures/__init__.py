"""Pictures of a run, each the bytes of a PNG.

Reading order: `style` (what they share), `curves` (how a run went), and for each kind of run what its model says: `images`,
`texts`, `forecasts`.
"""

from .curves import curves_picture, rates_picture
from .forecasts import errors_picture, forecast_picture
from .images import (
    attended_picture,
    confusion_picture,
    mistakes_picture,
    retrieved_picture,
    samples_picture,
)
from .texts import attention_picture, predictions_picture, visible

__all__ = [
    "attended_picture", "attention_picture", "confusion_picture", "curves_picture", "errors_picture", "forecast_picture",
    "mistakes_picture", "predictions_picture", "rates_picture", "retrieved_picture", "samples_picture", "visible",
]  # fmt: skip
