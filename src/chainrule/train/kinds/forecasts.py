"""Runs that forecast a series: their pictures, their part of the model card, and a forecast for a series of one's own.

Legend: N forecasts, H days ahead.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import FormatError
from ...data.readers import read_table
from ...nn import Module
from ...tensors import from_numpy, no_grad
from ..evaluation import Evaluation
from ..pictures import errors_picture, forecast_picture
from ..tables import table

__all__ = ["Forecasts", "rmse_by_day"]


@dataclass(frozen=True, eq=False)
class Forecasts:
    """One quantity, measured every day, foretold for the next H days.

    Attributes:
        columns: of dates and of values, as a user's file has them.
        unit: the unit of the values.
        dates: of the test's N + H − 1 days.
        others: forecasts of the test without a network, (N, H) each, by what they are; the first of them are those that have
            to be beaten.
        history: how many days the model looks back on.
        inputs: values (T,) and the dates of the last of them → what the model takes, (history, features).
    """

    columns: tuple[str, str]
    unit: str
    dates: Sequence[str]
    others: Mapping[str, np.ndarray]
    history: int
    inputs: Callable[[np.ndarray, Sequence[str]], np.ndarray]

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """What was foretold beside what came, and the error by how far ahead it is."""
        answers, truth = _of(test)
        by_day = {name: rmse_by_day(other, truth) for name, other in self.others.items()}
        return {
            "forecast.png": forecast_picture(self.dates, truth, answers, self.unit),
            "errors.png": errors_picture(rmse_by_day(answers, truth), by_day, self.unit),
        }

    def card(self, test: Evaluation) -> str:
        """The error by day, beside that of forecasts without a network."""
        answers, truth = _of(test)
        H = truth.shape[1]
        head = ("root of the mean squared error", *[f"day {h + 1}" for h in range(H)], "all")
        rows = []
        for name, forecast in (("**this model**", answers), *self.others.items()):
            days = rmse_by_day(forecast, truth)
            whole = float(np.sqrt(np.square(days).mean()))
            rows.append((name, *[f"{e:.2f}" for e in days], f"{whole:.3f}"))
        return (
            f"## By how far ahead, on the test set, in {self.unit}\n\n{table(head, rows)}\n\n"
            "![errors by day](errors.png)\n\n![forecasts](forecast.png)"
        )

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """The error in all of each forecast without a network."""
        _, truth = _of(test)
        return {
            f"rmse_of_{name.replace(' ', '_')}": float(np.sqrt(np.square(other - truth).mean()))
            for name, other in self.others.items()
        }

    def predict(self, model: Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """The days that follow a file of dates and values, as many as the model foretells, for each file."""
        answers = []
        for name in inputs:
            dates, values = self._read(Path(name))
            model.eval()
            with no_grad():
                forecast = model(from_numpy(self.inputs(values, dates)[None])).numpy()[0]
            last = datetime.date.fromisoformat(dates[-1])
            days = [last + datetime.timedelta(days=h + 1) for h in range(len(forecast))]
            said = [
                f"{day} {value:.1f} {self.unit}" for day, value in zip(days, forecast, strict=True)
            ]
            answers.append(
                {"input": name, "answer": ", ".join(said), "values": [float(v) for v in forecast]}
            )
        return answers

    def _read(self, path: Path) -> tuple[list[str], np.ndarray]:
        """The last days of a file.

        Raises:
            FormatError: fewer days than the model looks back on, or a date that is none.
        """
        date, value = self.columns
        found = read_table(path)
        dates, values = found.column(date), found.numbers(value)
        if len(values) < self.history:
            raise FormatError(f"{path}: expected at least {self.history} days, found {len(values)}")
        for text, line in zip(dates, found.lines, strict=True):
            try:
                datetime.date.fromisoformat(text)
            except ValueError:
                raise FormatError(
                    f"{path}: line {line}, column {date!r}: expected a date such as 1990-12-31, found {text!r}"
                ) from None
        return dates, values


def _of(test: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    assert test.answers is not None
    assert test.targets is not None
    return test.answers, test.targets


def rmse_by_day(forecast: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The root of the mean squared error for each number of days ahead: (N, H), (N, H) → (H,).

    >>> rmse_by_day(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[2.0, 2.0], [2.0, 2.0]])).tolist()
    [1.0, 3.0]
    """
    return np.sqrt(np.square(forecast - truth).mean(axis=0))
