"""Each sensor by its own model, hauls as measurements, and bad input said and counted once."""

from __future__ import annotations

import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from density_files import BACKGROUND, NOW, detections, forecast, segmentation

from oceanclean.density import density_map, load_settings
from oceanclean.density.catches import disc
from oceanclean.density.looks import Look, conditions_of
from oceanclean.density.moving import moved_detections, moved_look
from oceanclean.density.observation import target_mass
from oceanclean.density.rates import Condition, DetectionRates
from oceanclean.errors import InputError, SettingsError
from oceanclean.products import names

WHEN = pd.Timestamp("2026-06-15T00:00Z")
HALF_HOUR = pd.Timedelta(minutes=22)


def mapped(region, model, scenes=(), reports=None, **more):
    return density_map(region, list(scenes), reports, more.pop("prior", None), valid_time=WHEN, issue_time=NOW,
                       settings=model, **more)  # fmt: skip


def kilograms(data, region):
    return float(np.nansum(data[names.DENSITY].to_numpy().astype(float) * region.grid.area_km2))


def said(data):
    return " ".join(json.loads(data.attrs["degraded"]))


def haul(kg, **columns) -> gpd.GeoDataFrame:
    """One haul of 10 km with a mouth of 20 m."""
    table = pd.DataFrame({
        "catch_id": ["catch-1"], "vessel_id": ["v1"], "task_id": "", "started_at": WHEN - pd.Timedelta(hours=3),
        "ended_at": WHEN, "available_at": WHEN, "caught_kg": [float(kg)], "swept_m": [10_000.0], "swath_m": [20.0],
        **columns,
    })  # fmt: skip
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy([-148.79], [30.11]), crs="EPSG:4326")


def cell(data):
    return float(data[names.DENSITY].sel(lon=-148.79, lat=30.11, method="nearest"))


def test_boxes_weigh_size_times_cover_times_class(model):
    """A net is heavier than a bottle of the same box; an item weighs something however small its box."""
    sensor = model.sensors["aerial"]
    kinds, n = np.array(["net", "bottle", "bottle", "foam"], dtype=object), np.full(4, np.nan)
    classes = np.array(["marine_debris"] * 3 + ["foam"], dtype=object)
    mass = target_mass(model, sensor, classes, np.array([2.0, 2.0, 1e-4, 5.0]), n, n, kinds)
    assert mass[0] == pytest.approx(2.0 * sensor.cover * model.kinds["net"].kg_m2)
    assert mass[0] > 2 * mass[1]
    assert mass[2] == sensor.least_kg
    assert mass[3] == 0


def test_the_detectors_own_class_counts_where_it_is_debris(region, model):
    """`kind` wins over marine_debris; a kind without a mass, or of a look-alike, does not."""
    base = kilograms(mapped(region, model), region)

    def gain(**columns):
        table = detections(sensor="aerial", area_m2=5000.0, **columns)
        return kilograms(mapped(region, model, reports=table), region) - base

    assert gain(kind="net") > 1.5 * gain()
    assert gain(kind="litter") == pytest.approx(gain())
    assert gain(kind="net", class_name="foam") == pytest.approx(0, abs=1e-3)


def test_untested_sensors_are_trusted_less(region, model):
    """A drone's box raises the map half as far as a sighting of the same mass."""
    base = kilograms(mapped(region, model), region)
    gains = [
        kilograms(mapped(region, model, reports=detections(sensor=s, mass_kg=500.0)), region) - base
        for s in ("sighting", "aerial")
    ]
    assert gains[1] == pytest.approx(model.sensors["aerial"].trust * gains[0], rel=1e-3)


def test_rates_come_from_the_models_evaluation(model):
    """PlanetScope's from the detector's card, Sentinel-2's from the measured file; not from the settings."""
    from importlib.resources import files

    card = json.loads((files("oceanclean") / "vision/weights/detector.json").read_text())
    assert model.sensors["planetscope"].found == card["scores"]["recall_iou30"]
    measured = model.sensors["sentinel2"].rates.measured
    assert model.sensors["sentinel2"].false_per_km2 == measured.false_per_km2
    assert measured.model_sha256 == json.loads(
        (files("oceanclean") / "vision/weights/segmenter.json").read_text()
    )["sha256"]  # fmt: skip


def test_an_evaluation_that_is_not_there_is_named(tmp_path, config_dir):
    """File and sensor stand in the error."""
    import shutil

    shutil.copytree(config_dir, tmp_path / "c")
    (tmp_path / "c/models/rates/sentinel2.json").unlink()
    with pytest.raises(SettingsError, match=r"sensors\.sentinel2\.rates"):
        load_settings(tmp_path / "c")


def test_conditions_scale_the_rates():
    """A cloudy scene has the cloudy scenes' rates; beyond the worst evaluated the worst holds and it is said."""
    rates = DetectionRates(
        model_sha256="0", threshold=0.5, protocol="test", scenes=6, found=0.8, false_per_km2=0.1,
        conditions=(Condition(measure="cloud_share", below=0.2, found=0.9, false_per_km2=0.05, scenes=3),
                    Condition(measure="cloud_share", below=0.6, found=0.6, false_per_km2=0.3, scenes=3)),
    )  # fmt: skip
    notes: list[str] = []
    assert rates.under({"cloud_share": 0.1}, notes, "a") == (pytest.approx(0.9), pytest.approx(0.05))
    assert rates.under({"glint_share": 0.5}, notes, "a") == (0.8, 0.1)
    assert not notes
    assert rates.under({"cloud_share": 0.9}, notes, "scene a") == (pytest.approx(0.6), pytest.approx(0.3))
    assert "scene a" in notes[0]


def test_conditions_are_read_from_the_scene(tmp_path):
    """Shares of the water by gate; wind from the scene's notes where they have it."""
    one = segmentation(tmp_path)
    one = replace(one, statistics={"gate_observed": 60.0, "gate_cloud": 20.0, "gate_glint": 20.0, "gate_land": 900.0},
                  scene=replace(one.scene, notes={"wind_m_s": "7.5"}))  # fmt: skip
    assert conditions_of(one) == {"cloud_share": 0.2, "glint_share": 0.2, "wind_m_s": 7.5}


def test_another_segmenter_than_the_measured_one_is_said(tmp_path, region, model):
    """The rates may not hold for it."""
    assert "another segmenter" in said(mapped(region, model, [segmentation(tmp_path)]))


def test_a_haul_measures_density(region, model):
    """An empty haul lowers its cell, a rich one raises it, by mouth × distance × efficiency, and the catch is gone."""
    before = forecast(region, 20.0)
    without, empty, rich = (
        mapped(region, model, prior=before, catches=c) for c in (None, haul(0.0), haul(400.0))
    )  # fmt: skip
    assert cell(empty) < 0.9 * cell(without)
    assert cell(rich) > cell(without)
    left = mapped(region, model, prior=before, catches=haul(80.0))
    assert cell(left) < cell(rich)
    assert json.loads(rich.attrs["catches"]) == ["catch-1"]
    assert int(rich["origin"].sel(lon=-148.79, lat=30.11, method="nearest")) == 3
    assert float(rich["observed_fraction"].max()) == pytest.approx(0.2 / region.grid.area_km2.mean(), rel=0.01)


def test_hauls_count_once_and_in_their_time(region, model):
    """Given twice, from the future, outside, or without distance and duration: said, not counted."""
    one = mapped(region, model, catches=haul(400.0))
    twice = mapped(region, model, catches=pd.concat([haul(400.0), haul(400.0, catch_id="catch-2")], ignore_index=True))
    assert cell(twice) == pytest.approx(cell(one))
    assert "twice" in said(twice)
    base = mapped(region, model)
    late = mapped(region, model, catches=haul(400.0, available_at=pd.Timestamp("2026-06-16T00:00Z")))
    assert "after the issue time" in said(late)
    away = haul(400.0).set_geometry(gpd.points_from_xy([-100.0], [30.0]), crs="EPSG:4326")
    outside = mapped(region, model, catches=away)
    assert "outside the region" in said(outside)
    still = mapped(region, model, catches=haul(400.0, swept_m=np.nan, started_at=WHEN))
    assert "without distance" in said(still)
    for data in (late, outside, still):
        assert np.allclose(data[names.DENSITY], base[names.DENSITY])
    with pytest.raises(InputError, match="caught_kg of catch-1"):
        mapped(region, model, catches=haul(-1.0))


def test_a_wrong_radiometry_is_found_and_said(tmp_path, region, model):
    """A scene that paints the sea is not used; its honest neighbour in the pass is."""
    painted = segmentation(tmp_path, "painted", debris=[(slice(0, 600), slice(0, 600), 0.9)])
    good = segmentation(tmp_path, "good", acquired="2026-06-14T20:05:00Z")
    data = mapped(region, model, [painted, good])
    assert "painted (radiometry rhorc) marks" in said(data)
    assert data.attrs["scenes"] == '["good"]'
    assert np.allclose(data[names.DENSITY], mapped(region, model, [good])[names.DENSITY], rtol=1e-4)
    alone = mapped(region, model, [painted])
    assert np.allclose(alone[names.DENSITY], BACKGROUND)


def east(degrees_a_day):
    def carry(lon, lat, start, end):
        return lon + degrees_a_day * (end - start) / pd.Timedelta(days=1), lat

    return carry


def test_looks_of_another_hour_are_carried_to_the_maps_time(region, model):
    """Mass and area seen are conserved to 1e-12 and lie where they have drifted to; what leaves is said."""
    seen, found = np.zeros((2, *region.grid.shape))
    seen[3:6, 4:8], found[4, 5] = 4.0, 90.0
    look = Look(model.sensors["sentinel2"], WHEN - pd.Timedelta(hours=6), seen, found, ("a",), 0.6)
    notes: list[str] = []
    moved = moved_look(look, region, WHEN, east(0.16), notes)  # two cells in six hours
    assert moved.found_kg[4, 7] == pytest.approx(90.0)
    assert moved.seen_km2.sum() == pytest.approx(seen.sum(), rel=1e-12)
    assert not notes
    half = moved_look(look, region, WHEN, east(0.04), notes)
    assert half.found_kg.sum() == pytest.approx(90.0, rel=1e-12)
    gone = moved_look(look, region, WHEN, east(4.0), notes)
    assert gone.found_kg.sum() == 0
    assert "drifted out" in notes[0]
    assert moved_look(replace(look, time=WHEN), region, WHEN, east(9.0), notes).found_kg is found


def test_sightings_are_carried_and_keep_their_age(region, model):
    """The report raises the cell where its debris is now."""
    seen = pd.Series([WHEN - pd.Timedelta(hours=6)]).astype("datetime64[ns, UTC]")
    report = detections([(-148.89, 30.11)], mass_kg=500.0, observed_at=seen)
    there = moved_detections(report, WHEN, east(0.4))
    assert there.geometry.x[0] == pytest.approx(-148.79)
    data = mapped(region, model, reports=report, carry=east(0.4))
    assert cell(data) > 20 * BACKGROUND
    assert float(data["observation_age"].sel(lon=-148.79, lat=30.11, method="nearest")) == pytest.approx(6)


def test_a_raft_that_was_sought_out_is_not_the_density_of_its_cell(region, model):
    """A lookout's haul tells of the water that it looked over, and only of what is left of it."""
    before = forecast(region, 20.0)
    without = mapped(region, model, prior=before)
    led = mapped(region, model, prior=before, catches=haul(400.0, swept_m=1000.0))
    blind = mapped(region, model, prior=before, catches=haul(400.0, swept_m=1000.0, started_at=WHEN - HALF_HOUR))
    assert cell(led) < cell(blind)
    assert kilograms(led, region) < kilograms(without, region) + 400.0 / (0.6 * 0.7)
    empty = mapped(region, model, prior=before, catches=haul(0.0, swept_m=0.0))
    assert kilograms(empty, region) < kilograms(without, region)


def test_a_haul_tells_of_a_disc(region):
    """Its weights add up; a disc smaller than a cell is the cell."""
    small, large = disc(region, -148.79, 30.11, 0.01), disc(region, -148.79, 30.11, 20 * region.grid.area_km2.mean())
    assert small.sum() == pytest.approx(1.0)
    assert large.sum() == pytest.approx(1.0)
    assert (small > 0).sum() == 1
    assert 12 < (large > 0).sum() < 30
