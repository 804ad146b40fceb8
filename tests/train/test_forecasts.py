"""The recipe of temperatures: on a small series, whose figures can be worked out apart."""

import functools
import json
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ShapeError
from chainrule.cli import main
from chainrule.data import load_dataset
from chainrule.train import load_checkpoint, newest_checkpoint
from chainrule.train.pictures.forecasts import forecast_picture
from chainrule.train.recipes import find, override, temperature

TINY = ["epochs=2", "hidden=3", "history=11", "horizon=3", "batch_size=128"]
SERIES = "daily-min-temperatures"
DAYS = 730


def common_days(count):
    """Dates of years of 365 days, as the series has them."""
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    year = [(m + 1, d + 1) for m, n in enumerate(lengths) for d in range(n)]
    return [f"{1983 + k // 365}-{year[k % 365][0]:02}-{year[k % 365][1]:02}" for k in range(count)]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with two years of temperatures that repeat the season, with noise."""
    rng = np.random.default_rng(0)
    k = np.arange(DAYS)
    values = np.round(11 + 4 * np.cos(2 * np.pi * k / 365) + rng.normal(0, 1, DAYS), 1)
    folder = tmp_path / "data" / "timeseries"
    folder.mkdir(parents=True)
    rows = [f'"{day}",{value}' for day, value in zip(common_days(DAYS), values, strict=True)]
    (folder / f"{SERIES}.csv").write_text("\n".join(['"Date","Temp"', *rows]) + "\n")
    for name, head in (
        ("airline-passengers", '"Month","Passengers"'),
        ("co2", "date,co2"),
        ("sunspots", '"YEAR","SUNACTIVITY"'),
    ):
        lines = [f"{1700 + k},{k + 1}" for k in range(20)]
        (folder / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
    any_series = functools.partial(load_dataset, verify_files=False)
    monkeypatch.setattr(temperature, "load_dataset", any_series)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data", values


def built(small, *more):
    recipe = find("lstm-temperature")
    cr.manual_seed(0)
    return recipe.build(override(recipe.config, [*TINY, f"data_dir={small[0]}", *more]))


def words(small, *more):
    return [w for s in [*TINY, f"data_dir={small[0]}", *more] for w in ("--set", s)]


def test_forecasts_are_cut_from_the_days(small):
    experiment, values = built(small), small[1]
    a, b = DAYS * 70 // 100, DAYS * 85 // 100
    for loader, first, last in (
        (experiment.train_loader, 11, a), (experiment.validation_loader, a, b), (experiment.test_loader, b, DAYS)
    ):  # fmt: skip
        days, truth = loader.dataset.tensors
        assert len(truth) == last - first - 2
        for n in (0, 5, len(truth) - 1):
            at = first + n
            np.testing.assert_allclose(days[n, :, 0], values[at - 11 : at], rtol=1e-6)
            np.testing.assert_allclose(truth[n], values[at : at + 3], rtol=1e-6)
    angle = 2 * math.pi * (a - 1) / 365
    expected = [math.sin(angle), math.cos(angle), math.sin(2 * angle), math.cos(2 * angle)]
    np.testing.assert_allclose(
        experiment.validation_loader.dataset.tensors[0][0, -1, 1:], expected, atol=1e-6
    )


def test_baselines_by_hand(small):
    experiment, values = built(small), small[1]
    others, (_, truth) = experiment.kind.others, experiment.test_loader.dataset.tensors
    a, b, H = DAYS * 70 // 100, DAYS * 85 // 100, 3
    day = np.arange(DAYS) * 2 * np.pi / 365
    waves = np.stack([np.ones(DAYS), np.sin(day), np.cos(day), np.sin(2 * day), np.cos(2 * day)], 1)
    season = waves @ np.linalg.solve(waves[:a].T @ waves[:a], waves[:a].T @ values[:a])
    for n in (0, 7, len(truth) - 1):
        at = b + n
        np.testing.assert_allclose(others["as the last day"][n], [values[at - 1]] * H)
        np.testing.assert_allclose(others["as a year ago"][n], values[at - 365 : at - 365 + H])
        np.testing.assert_allclose(others["the season"][n], season[at : at + H])
    beside = values - season
    places = range(10, a - H + 1)
    X = np.array([[beside[t - 1 - k] for k in range(10)] for t in places])
    Y = np.array([[beside[t + h] for h in range(H)] for t in places])
    w = np.linalg.solve(X.T @ X, X.T @ Y)
    at = b + 7
    expected = season[at : at + H] + np.array([beside[at - 1 - k] for k in range(10)]) @ w
    np.testing.assert_allclose(others["linear regression"][7], expected)
    errors = [math.sqrt(np.square(f - truth).mean()) for f in list(others.values())[:3]]
    assert experiment.baseline.metrics == {"rmse": pytest.approx(min(errors))}
    assert experiment.baseline.about.startswith(
        "the season, the best of as the last day, as a year ago"
    )


def test_the_model_begins_near_the_season(small):
    """Before it has learnt, its answers differ from the season by what its random output layer says: less than 1 °C."""
    experiment = built(small)
    days, _ = experiment.test_loader.dataset.tensors
    with cr.no_grad():
        answers = experiment.model.eval()(cr.from_numpy(days)).numpy()
        experiment.model.out.weight.zero_()
        experiment.model.out.bias.zero_()
        season = experiment.model(cr.from_numpy(days)).numpy()
    np.testing.assert_allclose(season, experiment.kind.others["the season"], atol=1e-4)
    assert 0 < np.abs(answers - season).max() < 1.5


def test_a_run_has_everything_and_answers(small, capsys):
    assert main(["train", "lstm-temperature", *words(small), "--out", "run", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["test_rmse_of_the_season"] == pytest.approx(result["baseline_rmse"])
    folder = small[0].parent / "run"
    assert {"curves.png", "forecast.png", "errors.png", "MODEL_CARD.md"} <= {
        p.name for p in folder.iterdir()
    }
    card = (folder / "MODEL_CARD.md").read_text()
    assert "| linear regression | " in card
    assert "| day 3 | all |" in card
    assert main(["eval", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rmse"] == pytest.approx(
        result["test_rmse"], rel=1e-4
    )
    rows = [f"{day},{k}" for k, day in enumerate(common_days(20))]
    own = small[0].parent / "own.csv"
    own.write_text("\n".join(["Date,Temp", *rows]))
    assert main(["predict", "run", str(own), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert len(answer["values"]) == 3
    assert answer["answer"].startswith("1983-01-21 ")
    assert answer["answer"].count("°C") == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1990-01-01,3"] * 10, "own.csv: expected at least 11 days, found 10"),
        (
            ["1990-01-01,3"] * 10 + ["1 May 1990,3"],
            "own.csv: line 12, column 'Date': expected a date such as 1990-12-31, found '1 May 1990'",
        ),
        (["1990-01-01,warm"] * 11, "line 2, column 'Temp'"),
    ],
)
def test_a_file_that_cannot_be_foretold(small, rows, message):
    experiment = built(small)
    own = small[0].parent / "own.csv"
    own.write_text("\n".join(["Date,Temp", *rows]))
    with pytest.raises(cr.base.errors.FormatError, match=message.replace("(", r"\(")):
        experiment.kind.predict(experiment.model, [str(own)], None)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(small, capsys, monkeypatch):
    from chainrule.train import StepFinished, loop

    more = words(small, "checkpoint_steps=2")
    assert main(["train", "lstm-temperature", *more, "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tell = loop.Trainer.tell

    def tell_and_die(trainer, event):
        tell(trainer, event)
        if isinstance(event, StepFinished) and event.step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "tell", tell_and_die)
        assert main(["train", "lstm-temperature", *more, "--out", "parts", "--json"]) == 130
    capsys.readouterr()
    assert main(["train", "--resume", "parts", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    assert (whole["test_rmse"], whole["steps"]) == (parts["test_rmse"], parts["steps"])
    a, b = (load_checkpoint(newest_checkpoint(small[0].parent / run)) for run in ("whole", "parts"))
    for part in ("model", "average"):
        found = [state[part] if part == "model" else state[part]["averages"] for state in (a, b)]
        one, other = ({k: v.numpy().tobytes() for k, v in x.items()} for x in found)
        assert one == other


def test_a_series_that_is_too_short(small):
    recipe = find("lstm-temperature")
    config = override(recipe.config, ["horizon=200", f"data_dir={small[0]}"])
    with pytest.raises(
        cr.base.errors.FormatError, match="forecasts of 200 days from 28 need 593 days"
    ):
        recipe.build(config)


def test_pictures_refuse_what_does_not_fit():
    with pytest.raises(
        ShapeError,
        match=r"truth \(5, 2\) needs answers of that shape and 6 dates, found \(5, 3\) and 6",
    ):
        forecast_picture(["1990-01-01"] * 6, np.ones((5, 2)), np.ones((5, 3)), "°C")


def test_on_the_series_itself(outside_data):
    recipe = find("lstm-temperature")
    experiment = recipe.build(recipe.config)
    assert experiment.data.sizes == {"train": 2521, "validation": 541, "test": 542}
    assert experiment.baseline.metrics["rmse"] == pytest.approx(2.499, abs=1e-3)
