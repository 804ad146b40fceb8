"""A classifier that trains in a blink, for tests of the loop."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.data import Augmented, DataLoader, RandomShift, TensorDataset
from chainrule.train import Trainer

SAMPLES, BATCH = 53, 7  # 8 batches, the last of 4


class Net(cr.nn.Module):
    """Images (B, 1, 5, 5) → logits (B, 3), with dropout and batch norm: both have a state beside
    the weights.
    """

    def __init__(self):
        super().__init__()
        self.conv = cr.nn.Conv2d(1, 2, 3)
        self.norm = cr.nn.BatchNorm2d(2)
        self.drop = cr.nn.Dropout(0.25)
        self.out = cr.nn.Linear(18, 3)

    def forward(self, x):
        x = cr.nn.functional.relu(self.norm(self.conv(x)))
        return self.out(self.drop(x.reshape(x.shape[0], -1)))


def make_trainer(
    seed=3, epochs=3, scheduled=True, labels=None, spoiled=None, model=Net, averaged=None, **options
):
    """A trainer of noisy images that show a bright row (0), a bright column (1), or both (2)."""
    rng = np.random.default_rng(0)
    true = np.arange(SAMPLES) % 3
    images = rng.normal(0, 0.3, (SAMPLES, 1, 5, 5)).astype(np.float32)
    images[true != 1, 0, 2] += 2
    images[true != 0, 0, :, 2] += 2
    if spoiled is not None:
        images[spoiled] = np.nan
    data = TensorDataset(images, true if labels is None else labels)
    cr.manual_seed(seed)
    model = model()
    optimizer = cr.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.01)
    scheduler = cr.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    return Trainer(
        model,
        optimizer,
        DataLoader(
            Augmented(data, RandomShift(1, seed)),
            BATCH,
            shuffle=True,
            generator=cr.Generator().manual_seed(seed),
        ),
        DataLoader(data, 11),
        epochs=epochs,
        scheduler=scheduler if scheduled else None,
        average=None if averaged is None else cr.optim.EMA(model, averaged, warmup=True),
        **options,
    )


@pytest.fixture(scope="session")
def trainer():
    """Makes trainers; all arguments have defaults."""
    return make_trainer
