"""Folders as people have them: other products, no types, few drifters; fitted on one and scored on another."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drifter_tables import drifter_table, written

from oceanclean.drift.fitting import train_forecaster
from oceanclean.drift.residual import load_forecaster
from oceanclean.drift.settings import DriftSettings, ForecasterSettings
from oceanclean.drift.skill import BASELINES, evaluate_drift
from oceanclean.errors import MissingDataError

FAST = DriftSettings(forecaster=ForecasterSettings(trees=5, rows_per_leaf=50, weights=(0.0, 1.0)))
HORIZONS = ["6", "24", "48", "72"]
BY_HORIZON = ("separation_mean_km", "separation_median_km", "skill_score", "coverage_50", "coverage_90", "area_90_km2",
              "energy_score_km")  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A forecaster of two products and one type of drifter."""
    folder = tmp_path_factory.mktemp("fitted")
    table = drifter_table(drifters=10, noise=0.15, products=("alpha", "beta"), seed=11)
    train_forecaster(written(folder / "tracks", table), folder / "m.skops", FAST)
    return folder / "m.skops"


def three_products(table):
    table["u_gamma"], table["v_gamma"] = 0.5 * table["u_alpha"], 0.5 * table["v_alpha"]
    return table.rename(columns={"u_beta": "u_x-2", "v_beta": "v_x-2"})


ODD = {
    "other columns, three products": three_products,
    "no type": lambda table: table.drop(columns="type"),
    "one product": lambda table: table.drop(columns=["u_beta", "v_beta"]),
    "another type": lambda table: table.assign(type="OSKER"),
    "one drifter": lambda table: table[table["seg"] == "s0"],
    "two names for one thing": lambda table: table.rename(columns={"ueast_atmos": "u10", "vnorth_atmos": "v10"}),
    "holes in one product": lambda table: table.assign(u_beta=table["u_beta"].where(np.arange(len(table)) % 3 > 0)),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_any_folder_is_scored_with_and_without_a_forecaster(tmp_path, fitted, change):
    """Every key that other tools read is there and finite, by horizon, for the forecast and every baseline."""
    table = change(drifter_table(drifters=4, hours=130, noise=0.15, products=("alpha", "beta"), seed=12))
    folder = written(tmp_path, table)
    for model in (None, fitted):
        record = json.loads(json.dumps(evaluate_drift(folder, model), allow_nan=False))
        assert tuple(record["baselines"]) == tuple(record["gain_over"]) == BASELINES
        for row in (record, *record["baselines"].values()):
            assert all(list(row[name]) == HORIZONS for name in BY_HORIZON)
            assert row["starts"] > row["drifters"] >= 1
        assert all(len(gain[h]["interval_km"]) == 2 for gain in record["gain_over"].values() for h in HORIZONS)
        assert all(record["area_90_km2"][h] > 0 for h in HORIZONS)


@pytest.mark.parametrize(
    "kinds", [{"drifters": 1, "hours": 60}, {"drifters": 2, "hours": 30}, {"drifters": 30, "hours": 9}]
)
def test_too_little_to_learn_leaves_what_ships(tmp_path, kinds):
    """With a handful of hours nothing is learned; the file is written and scores as what ships does."""
    file = tmp_path / "m.skops"
    train_forecaster(written(tmp_path / "little", drifter_table(noise=0.1, **kinds)), file, FAST)
    model = load_forecaster(file)
    assert model.weight == 0.0
    assert {push for kind, push in model.windage.items() if kind != "drogued"} == {0.03}
    assert (model.doubt.scale == 1.0).all()
    other = written(tmp_path / "other", drifter_table(drifters=4, noise=0.1, seed=13))
    a, b = (evaluate_drift(other, m) for m in (file, None))
    for name in BY_HORIZON:
        assert a[name] == b[name]


def test_folds_that_cannot_be_made_are_refused(tmp_path):
    """One drifter has nobody to be compared with."""
    with pytest.raises(MissingDataError, match="folds"):
        evaluate_drift(written(tmp_path, drifter_table(drifters=1)), protocol="blocked", settings=FAST)
