"""The map: unknown is not zero, a cloud is not clean, two looks are not twice the debris."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from density_files import BACKGROUND, NOW, detections, forecast, make_region, segmentation

from oceanclean.density import density_map, hot_spots, summary
from oceanclean.density.bayes import SPLITS, Belief, at_least
from oceanclean.density.mapping import CLIMATOLOGY, FORECAST, LAND, OBSERVATION
from oceanclean.density.observation import detection_limit_kg_km2
from oceanclean.errors import InputError
from oceanclean.products import names
from oceanclean.products.files import load_grid, save_grid
from oceanclean.products.names import Gate

WHEN = "2026-06-14T20:00Z"
PATCH = (slice(500, 540), slice(700, 760), 0.9)


def mapped(region, model, scenes=(), reports=None, prior=None, when=WHEN):
    return density_map(region, list(scenes), reports, prior, valid_time=when, issue_time=NOW, settings=model)


def mean(data):
    return data[names.DENSITY].to_numpy().astype(float)


def said(data):
    return " ".join(json.loads(data.attrs["degraded"]))


def kilograms(data, region):
    return float(np.nansum(mean(data) * region.grid.area_km2))


def test_without_a_look_the_background_stands_and_says_so(region, model):
    """No scene, no forecast: climatology everywhere, with its own doubt, and no age."""
    data = mapped(region, model)
    assert np.allclose(mean(data), BACKGROUND)
    assert (data["origin"] == CLIMATOLOGY).all()
    assert data["observation_age"].isnull().all()


def test_unseen_cells_keep_the_forecasts_mass_and_gain_doubt(region, model):
    """Assimilation without observations conserves mass to 1e-6 and widens the spread."""
    rng = np.random.default_rng(3)
    field = rng.gamma(0.5, 20, region.grid.shape)
    prior = forecast(region, field)
    data = mapped(region, model, prior=prior)
    assert kilograms(data, region) == pytest.approx(float((field * region.grid.area_km2).sum()), rel=1e-6)
    assert (data["origin"] == FORECAST).all()
    assert (data[names.DENSITY_STD].to_numpy() > 0.5 * field - 1e-3).all()
    assert (data[names.DENSITY_STD].to_numpy() > 0).all()


def test_a_cloud_is_not_a_clean_sea(tmp_path, region, model):
    """Under cloud the belief is untouched; under a clear sky without finds it sinks, but not to zero."""
    half = (slice(None), slice(0, 750), Gate.CLOUD)
    data = mapped(region, model, [segmentation(tmp_path, gates=[half])])
    seen, density = data["observed_fraction"].to_numpy(), mean(data)
    hidden, clear = seen == 0, seen > 0.95
    assert hidden.any()
    assert clear.any()
    assert np.allclose(density[hidden], BACKGROUND)
    assert (density[clear] < 0.8 * BACKGROUND).all()
    assert (density[clear] > 0.01 * BACKGROUND).all()
    assert (data["origin"].to_numpy()[hidden] == CLIMATOLOGY).all()
    assert (data["origin"].to_numpy()[clear] == OBSERVATION).all()


@pytest.mark.parametrize("gate", [Gate.NO_DATA, Gate.LAND, Gate.CLOUD, Gate.CLOUD_SHADOW, Gate.GLINT, Gate.SHORE])
def test_an_all_gated_scene_says_nothing(tmp_path, region, model, gate):
    """All cloud, all NaN, all glint: the map is that of no scene at all."""
    data = mapped(region, model, [segmentation(tmp_path, gates=[(slice(None), slice(None), gate)])])
    assert np.allclose(mean(data), BACKGROUND)
    assert float(data["observed_fraction"].max()) == 0


def test_found_debris_is_mapped_near_its_mass(tmp_path, region, model):
    """A patch of 2,400 pixels gives its kilograms, corrected for what a look misses, within the doubt stated."""
    data = mapped(region, model, [segmentation(tmp_path, debris=[PATCH])])
    sensor = model.sensors["sentinel2"]
    kg = 0.9 * 2400 * 100 * sensor.cover * model.mass["marine_debris"].kg_m2
    expected = kg / (sensor.found * sensor.visible_share)
    dense = mean(data) > 20 * BACKGROUND
    area = region.grid.area_km2
    got = float((mean(data) * area)[dense].sum())
    spread = float((data[names.DENSITY_STD].to_numpy() * area)[dense].sum())
    assert got == pytest.approx(expected, rel=0.1)
    assert spread > 0.3 * got
    top = hot_spots(data, region, model).iloc[0]
    assert top.mass_kg == pytest.approx(got, rel=0.15)


def test_two_scenes_of_one_pass_count_once(tmp_path, region, model):
    """The same water in two granules of a pass gives the map of one; the overlap is said."""
    first = segmentation(tmp_path, "a", debris=[PATCH])
    again = segmentation(tmp_path, "b", debris=[PATCH], acquired="2026-06-14T20:00:14Z")
    one, two = mapped(region, model, [first]), mapped(region, model, [first, again])
    assert np.allclose(mean(one), mean(two), rtol=1e-3)  # the second is 14 s younger
    assert np.allclose(one[names.DENSITY_STD], two[names.DENSITY_STD], rtol=1e-3)
    assert "overlap" in said(two)
    assert mapped(region, model, [first, first]).attrs["scenes"] == '["a"]'


def test_granules_side_by_side_are_joined(tmp_path, region, model):
    """Halves of a scene, cut through a patch, give nearly the map of the whole."""
    whole = segmentation(tmp_path, "w", debris=[PATCH])
    left = segmentation(tmp_path, "l", shape=(1200, 730), debris=[(slice(500, 540), slice(700, 730), 0.9)])
    right = segmentation(
        tmp_path, "r", shape=(1200, 770), west=310_000 + 7300, debris=[(slice(500, 540), slice(0, 30), 0.9)]
    )
    a, b = mapped(region, model, [whole]), mapped(region, model, [left, right])
    assert kilograms(b, region) == pytest.approx(kilograms(a, region), rel=0.15)
    assert float(abs(a["observed_fraction"] - b["observed_fraction"]).mean()) < 0.02


def test_two_passes_are_two_looks(tmp_path, region, model):
    """A second clear pass lowers the belief further; a second find firms it."""
    clear = [segmentation(tmp_path, n, acquired=f"2026-06-14T{h}:00:00Z") for n, h in (("a", 17), ("b", 20))]
    inner = mapped(region, model, clear[1:])["observed_fraction"].to_numpy() > 0.95
    assert (mean(mapped(region, model, clear))[inner] < mean(mapped(region, model, clear[1:]))[inner]).all()


def test_an_old_look_leaves_more_doubt(tmp_path, region, model):
    """The same look a day and a half old moves the map less."""
    fresh = mapped(region, model, [segmentation(tmp_path, "a")])
    old = mapped(region, model, [segmentation(tmp_path, "b", acquired="2026-06-13T08:00:00Z")])
    inner = fresh["observed_fraction"].to_numpy() > 0.95
    assert (mean(old)[inner] > mean(fresh)[inner]).all()
    assert np.nanmax(old["observation_age"]) == pytest.approx(36)


def test_a_report_raises_its_cell_once(region, model):
    """A sighting adds its mass to an empty cell; given twice it counts once; where more is believed it adds little."""
    report = detections(mass_kg=500.0)
    one = mapped(region, model, reports=report)
    cell = region.grid.area_km2.mean()
    gain = kilograms(one, region) - kilograms(mapped(region, model), region)
    assert gain == pytest.approx(500 - BACKGROUND * cell, rel=0.05)
    twice = pd.concat([report, report.assign(detection_id="other")], ignore_index=True)
    assert np.allclose(mean(mapped(region, model, reports=twice)), mean(one))
    assert "given twice" in said(mapped(region, model, reports=twice))
    rich = forecast(region, 1000.0)
    assert kilograms(mapped(region, model, reports=report, prior=rich), region) < 1.01 * kilograms(
        mapped(region, model, prior=rich), region
    )


def test_trust_scales_a_report(region, model):
    """A report that is half trusted raises the mean half as much."""
    base = kilograms(mapped(region, model), region)
    full = kilograms(mapped(region, model, reports=detections(mass_kg=500.0)), region) - base
    half = kilograms(mapped(region, model, reports=detections(mass_kg=500.0, probability=0.5)), region) - base
    assert half == pytest.approx(full / 2, rel=1e-3)


def test_polygons_of_a_gridded_scene_do_not_count_again(tmp_path, region, model):
    """Detections of a scene whose raster is used already are left out."""
    scene = segmentation(tmp_path, "a", debris=[PATCH])
    same = detections(sensor="sentinel2", source_id="a", area_m2=240_000.0)
    assert np.allclose(mean(mapped(region, model, [scene], same)), mean(mapped(region, model, [scene])))


def test_detections_outside_or_of_the_future_are_said(region, model):
    """Neither counts, both are named on the page."""
    table = detections([(-148.8, 30.1), (-140.0, 30.1), (-148.7, 30.1)], mass_kg=100.0)
    table.loc[2, "observed_at"] = pd.Timestamp("2026-06-15T09:00Z")
    data = mapped(region, model, reports=table)
    assert "outside the region" in said(data)
    assert "after the issue time" in said(data)
    assert data.attrs["reports"] == 2
    only = mapped(region, model, reports=detections(mass_kg=100.0))
    assert np.allclose(mean(data), mean(only))


def test_a_scene_of_the_future_is_refused(tmp_path, region, model):
    """A replayed day does not see tomorrow's image."""
    data = mapped(region, model, [segmentation(tmp_path, acquired="2026-06-15T20:00:00Z", debris=[PATCH])])
    assert np.allclose(mean(data), BACKGROUND)
    assert "refused" in said(data)


@pytest.mark.parametrize("column", ["mass_kg", "area_m2"])
def test_negative_masses_are_refused(region, model, column):
    """The detection is named."""
    with pytest.raises(InputError, match=f"{column} of d0"):
        mapped(region, model, reports=detections(**{column: -1.0}))


def test_a_sensor_without_a_model_is_refused(region, model):
    """Its looks have no mass; the error lists the sensors there are."""
    with pytest.raises(InputError, match="sentinel2"):
        mapped(region, model, reports=detections(sensor="landsat"))


def test_sargassum_weighs_nothing(region, model):
    """Only debris has a mass in the settings."""
    data = mapped(region, model, reports=detections(class_name="dense_sargassum"))
    assert np.allclose(mean(data), BACKGROUND)


def test_land_has_no_density_and_its_shore_keeps_the_mass(model):
    """NaN on land; a find on a land cell at the shore goes to the nearest sea cell."""
    from oceanclean.region import load_region

    demo = load_region("demo")
    land = demo.land_mask
    shore = land & ~np.roll(land, -1, axis=0)
    shore[-1] = False
    row, column = np.argwhere(shore)[0]
    report = detections([(demo.grid.lon[column], demo.grid.lat[row])], mass_kg=1000.0)
    data = mapped(demo, model, reports=report)
    assert np.isnan(mean(data)[land]).all()
    assert (data["origin"].to_numpy()[land] == LAND).all()
    gain = kilograms(data, demo) - kilograms(mapped(demo, model), demo)
    assert gain == pytest.approx(1000, rel=0.05)


def test_an_unusable_forecast_is_said(region, model):
    """A forecast on another grid or of another week is left out, and the background stands."""
    other = forecast(make_region(grid_step_deg=0.04), 50.0)
    data = mapped(region, model, prior=other)
    assert "another grid" in said(data)
    assert np.allclose(mean(data), BACKGROUND)
    late = mapped(
        region,
        model,
        prior=forecast(region, 50.0).assign_coords(time=forecast(region, 50.0).time + np.timedelta64(9, "D")),
    )
    assert "does not reach" in said(late)


def test_the_forecast_is_read_at_the_maps_time(region, model):
    """Between two times it is interpolated."""
    prior = forecast(region, 10.0)
    prior[names.DENSITY][:] = np.array([0.0, 24.0, 48.0], dtype=np.float32)[:, None, None]
    data = mapped(region, model, prior=prior, when="2026-06-14T18:00Z")
    assert np.allclose(mean(data), 12.0)


def test_the_map_survives_the_file(tmp_path, region, model):
    """Written and read back through the store's door, the contract holds."""
    data = mapped(region, model, [segmentation(tmp_path, debris=[PATCH])])
    save_grid("DensityMap", data, tmp_path / "m.nc")
    assert np.allclose(load_grid("DensityMap", tmp_path / "m.nc")[names.DENSITY], data[names.DENSITY])
    figures = summary(data, region)
    assert figures["mass_kg"] == pytest.approx(kilograms(data, region), rel=1e-5)
    assert sum(figures["origin_share"].values()) == pytest.approx(1)
    json.dumps(figures)


def test_hot_spots_of_an_even_sea_are_none(tmp_path, region, model):
    """A table with its columns and no row, that can be written."""
    table = hot_spots(mapped(region, model), region, model)
    assert len(table) == 0
    table.to_parquet(tmp_path / "h.parquet")


@pytest.mark.parametrize("false_mean", [0.0, 2.0])
def test_the_update_is_the_bayesian_one(false_mean):
    """Against a numerical integral over density and the number of false alarms."""
    from scipy.stats import gamma, nbinom, poisson

    belief = Belief.of(np.array([3.0]), np.array([5.0]), np.array([0.01]), 120.0, 150.0)
    found = SPLITS - 1  # then every whole number of false alarms is weighed
    got, spread = belief.after(np.array([float(found)]), np.array([0.05]), np.array([false_mean]), 1.0).moments()
    d = np.geomspace(1e-30, 1e4, 400_001)  # most of a thin sea's belief lies near zero
    prior = d * sum(
        w * gamma.pdf(d, belief.shape[k, 0], scale=1 / belief.rate[k, 0])
        for k, w in ((0, 1 - belief.dense[0]), (1, belief.dense[0]))
    )
    false = [nbinom.pmf(f, 1.0, 1 / (1 + false_mean)) for f in range(found + 1)]
    post = prior * sum(p * poisson.pmf(found - f, 0.05 * d) for f, p in enumerate(false) if p > 0)
    post /= post.sum()
    assert got[0] == pytest.approx(float((d * post).sum()), rel=2e-3)
    assert spread[0] == pytest.approx(float(np.sqrt((d**2 * post).sum() - (d * post).sum() ** 2)), rel=2e-3)
    assert belief.mean()[0] == pytest.approx(3.0)


def test_as_many_finds_as_false_alarms_are_no_debris():
    """Two clumps where two false ones are usual count for little; forty are debris."""
    belief = Belief.of(np.full(2, 2.0), np.full(2, 6.0), np.full(2, 0.01), 150.0, 300.0)
    finds, effort = np.array([2.0, 40.0]), np.full(2, 0.02)
    sure, _ = belief.after(finds, effort, np.zeros(2), 1.0).moments()
    mean, _ = belief.after(finds, effort, np.full(2, 2.0), 1.0).moments()
    assert mean[0] < 0.2 * sure[0]
    assert mean[1] > 0.25 * sure[1]


def test_at_least_agrees_with_draws():
    """E[max(D, floor)] against a million gamma draws."""
    draws = np.maximum(np.random.default_rng(1).gamma(0.5, 20, 1_000_000), 15.0)
    first, spread = at_least(np.array([10.0]), np.array([np.sqrt(0.5) * 20]), np.array([15.0]))
    assert first[0] == pytest.approx(draws.mean(), rel=0.01)
    assert spread[0] == pytest.approx(draws.std(), rel=0.02)


def test_every_sensor_states_its_limit(model):
    """Local density below which it sees nothing, in kg km⁻²."""
    assert detection_limit_kg_km2(model, "sentinel2") == pytest.approx(0.2 * 1.5 * 1e6)
