"""Recipe `lstm-temperature`: a recurrent network foretells the lowest temperature of the next days in Melbourne.

Legend: B batch, T days looked back on, H days ahead, D hidden; F = 5 numbers a day: °C, and four that name the day of the year.

The first 70 % of the ten years are to learn from, the next 15 % to decide, the last for the test. A forecast is of the H days
that follow T days; those T may lie in the part before, which is past by then. What has to be beaten: that the days will be as
the last one was (persistence), as they were a year ago, and as the season is in the years that were learnt from. The card says
as well what a linear regression on the last ten days gives, which is hard to beat: weather forgets quickly.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ... import nn
from ...base.errors import FormatError
from ...data import DataLoader, TensorDataset, load_dataset
from ...optim import EMA, AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator, Tensor, tensor
from ..goal import Goal
from ..kinds.forecasts import Forecasts
from ..tasks import Regression
from .config import RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed

__all__ = ["LSTM_TEMPERATURE", "TemperatureConfig", "TemperatureNet", "build", "seasons"]

SERIES = "daily-min-temperatures"
COLUMNS = "Date", "Temp"
YEAR = 365  # days; 29 February, which the series does not have, counts as the 28th
LAST = 10  # days that the linear regression sees


@dataclass(frozen=True)
class TemperatureConfig(RunConfig):
    """What `chainrule train lstm-temperature --set key=value` can change."""

    epochs: int = option(15, "how often all training days are seen", 1, 100_000)
    batch_size: int = option(64, "forecasts per step", 1)
    history: int = option(28, "days that are looked back on", LAST)
    horizon: int = option(7, "days ahead that are foretold", 1)
    hidden: int = option(16, "of the recurrent layer", 1)
    dropout: float = option(0.0, "of what the recurrent layer gives, in training", 0.0, 0.95)
    learning_rate: float = option(2e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.05, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.1, "of AdamW, on weights but not on biases", 0.0)
    average: float = option(0.99, "decay of the weights' moving average; 0: none", 0.0, 0.99999)
    clip_norm: float = option(5.0, "the norm to which larger gradients are scaled", 1e-6)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


class TemperatureNet(nn.Module):
    """An LSTM reads by how much the days differ from the season; a linear layer foretells from its last state by how much the
    next will: (B, T, F) → °C (B, H).

    Args:
        hidden, dropout: see `TemperatureConfig`.
        curves: the season on a day, and 1 to H days after it, from a one and the day's four numbers, (5, 1 + H).
        std: °C, by how much days differ from the season.
    """

    curves: Tensor
    std: Tensor

    def __init__(self, hidden: int, dropout: float, curves: np.ndarray, std: float):
        super().__init__()
        self.register_buffer("curves", tensor(curves.astype(np.float32)))
        self.register_buffer("std", tensor(std))
        self.recurrent = nn.LSTM(1, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, curves.shape[1] - 1)

    def forward(self, days: Tensor) -> Tensor:
        """Args: days, float (B, T, 5), °C first. Returns °C (B, H)."""
        waves = days[:, :, 1:]  # (B, T, 4)
        season = self.curves[0] + waves @ self.curves[1:]  # (B, T, 1 + H)
        beside = (days[:, :, :1] - season[:, :, :1]) / self.std  # (B, T, 1)
        states, _ = self.recurrent(beside)  # (B, T, D)
        return season[:, -1, 1:] + self.std * self.out(self.drop(states[:, -1]))


def seasons(dates: Sequence[str]) -> np.ndarray:
    """Four numbers that name the day of the year, and are alike on days that follow each other: sine and cosine of a wave a
    year long, and of one half as long; (N, 4).

    >>> seasons(["1990-01-01", "1990-07-02"]).round(2).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.01, -1.0, -0.02, 1.0]]
    """
    places = []
    for text in dates:
        date = datetime.date.fromisoformat(text)
        day = 28 if (date.month, date.day) == (2, 29) else date.day
        places.append(datetime.date(1990, date.month, day).timetuple().tm_yday - 1)
    angle = 2 * np.pi * np.array(places) / YEAR
    return np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1)


def build(config: TemperatureConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    loaded = load_dataset("timeseries", config.data_dir or None)
    parts = [getattr(loaded, split)[SERIES] for split in ("train", "validation", "test")]
    values = np.concatenate([part.values for part in parts])  # °C (days,)
    dates = [date for part in parts for date in part.dates]
    T, H = config.history, config.horizon
    edges = [0, *np.cumsum([len(part) for part in parts]).tolist()]
    shortest = min(len(part) for part in parts[1:])
    if len(parts[0]) < YEAR + T + H or shortest < H:
        raise FormatError(
            f"forecasts of {H} days from {T} need {YEAR + T + H} days to learn from and {H} in the other parts, "
            f"found {len(parts[0])} and {shortest}"
        )
    days = np.concatenate([values[:, None], seasons(dates)], axis=1).astype(np.float32)

    def starts(part: int) -> np.ndarray:
        """The first days of the forecasts of a part, which lie in it whole."""
        return np.arange(max(edges[part], T), edges[part + 1] - H + 1)

    def samples(part: int) -> TensorDataset:
        first = starts(part)[:, None]
        return TensorDataset(days[first + np.arange(-T, 0)], days[first + np.arange(H), 0])

    train, validation, test = [samples(part) for part in range(3)]
    curves, std = season_curves(values[: edges[1]], dates, H)
    model = TemperatureNet(config.hidden, config.dropout, curves, std)
    order = Generator().manual_seed(config.seed)
    train_loader = DataLoader(train, config.batch_size, shuffle=True, generator=order)
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)

    others = without_learning(values, dates, edges[1], starts(2), H)
    truth = test.tensors[1]
    errors = {
        name: float(np.sqrt(np.square(forecast - truth).mean()))
        for name, forecast in others.items()
    }
    strongest = min(list(errors)[:3], key=errors.__getitem__)

    def inputs(series: np.ndarray, on: Sequence[str]) -> np.ndarray:
        latest = np.concatenate([series[-T:, None], seasons(on[-T:])], axis=1)
        return latest.astype(np.float32)

    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=DataLoader(validation, batch_size=256),
        test_loader=DataLoader(test, batch_size=256),
        epochs=config.epochs,
        task=Regression(),
        kind=Forecasts(
            columns=COLUMNS, unit=parts[0].unit, dates=dates[edges[2] :], others=others, history=T, inputs=inputs
        ),
        data=DataFacts(
            name="daily minimum temperatures in Melbourne, 1981 to 1990 (Australian Bureau of Meteorology)",
            source=loaded.record.source,
            licence=loaded.record.licence,
            sha256=loaded.sha256,
            sizes={"train": len(train), "validation": len(validation), "test": len(test)},
            split="of forecasts; in the order of time, 70, 15 and 15 % of the days, independent of the seed",
            limits=loaded.record.limits,
        ),
        baseline=Baseline(f"{strongest}, the best of {', '.join(list(errors)[:3])}", {"rmse": errors[strongest]}),
        clip_norm=config.clip_norm,
        average=EMA(model, config.average, warmup=True) if config.average else None,
        goal=Goal("rmse"),
    )  # fmt: skip


def season_curves(
    values: np.ndarray, dates: Sequence[str], horizon: int
) -> tuple[np.ndarray, float]:
    """The season from the day's four numbers by least squares: weights (5, 1 + H) for the day itself and 1 to H days later,
    and by how much values differ from it.
    """
    waves = _waves(dates[: len(values)])
    same = np.linalg.lstsq(waves, values, rcond=None)[0]
    season = waves @ same  # repeats itself, so later days follow from the same numbers
    later = [same]
    for h in range(1, horizon + 1):
        later.append(np.linalg.lstsq(waves[:-h], season[h:], rcond=None)[0])
    return np.stack(later, axis=1), float((values - season).std())


def _waves(dates: Sequence[str]) -> np.ndarray:
    """A one and the four numbers of each day, (N, 5)."""
    return np.concatenate([np.ones((len(dates), 1)), seasons(dates)], axis=1)


def without_learning(
    values: np.ndarray, dates: Sequence[str], learnt: int, starts: np.ndarray, horizon: int
) -> dict[str, np.ndarray]:
    """Forecasts (N, H) by what they are: three that have to be beaten, and a linear regression on the differences from the
    season in the last days. What they need is fitted to the first `learnt` days alone.
    """
    days = starts[:, None] + np.arange(horizon)  # (N, H)
    season = _waves(dates) @ season_curves(values[:learnt], dates, 0)[0][:, 0]
    beside = values - season
    past = np.stack([beside[LAST - 1 - k : learnt - horizon - k] for k in range(LAST)], axis=1)
    ahead = np.stack([beside[LAST + h : learnt - horizon + 1 + h] for h in range(horizon)], axis=1)
    weights = np.linalg.lstsq(past, ahead, rcond=None)[0]  # (LAST, H)
    latest = np.stack([beside[starts - 1 - k] for k in range(LAST)], axis=1)  # (N, LAST)
    return {
        "as the last day": np.repeat(values[starts - 1][:, None], horizon, axis=1),
        "as a year ago": values[days - YEAR],
        "the season": season[days],
        "linear regression": season[days] + latest @ weights,
    }


LSTM_TEMPERATURE = Recipe(
    name="lstm-temperature",
    about="a recurrent network on ten years of daily temperatures, seven days ahead",
    config=TemperatureConfig(),
    build=build,
)
