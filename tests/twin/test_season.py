"""Seasons in a simulated sea: laws of the execution, fairness of the simple planners, no way to the truth."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError
from oceanclean.settings import load_region_settings
from oceanclean.store import write_json
from oceanclean.twin.debris import DebrisTruth
from oceanclean.twin.season import planners, seen
from oceanclean.twin.season.earlier import write_earlier
from oceanclean.twin.season.figures import interval, season_figures, season_table
from oceanclean.twin.season.loop import WAYS, Season
from oceanclean.twin.season.run import RECORD, run_seasons
from oceanclean.twin.season.scenario import load_scenario
from oceanclean.twin.season.sea import make_sea
from oceanclean.twin.season.seaway import Plane, Seaway
from oceanclean.twin.season.ship import Ship, Step
from oceanclean.twin.season.voyage import Voyage
from oceanclean.twin.sortie import sun_is_up

SMALL = {
    "twin": {
        "ocean": {"spin_up_h": 24, "grid_step_deg": 0.01},
        "debris": {"rafts": 14, "loose_particles": 100},
        "forecast": {"history_h": 24, "horizon_h": 36},
    },
    "region": {"horizon_h": 24, "history_h": 20, "minimum_horizon_h": 12},
    "models": {"drift": {"members": 4, "particles_per_member": 200, "tracks": {"members": 4, "particles": 100}}},
    "sky": {"every_days": 30, "first_day": 20},
    "earlier": {"years": 2, "days": 2, "every_days": 1},
}


@pytest.fixture(scope="module")
def scenario(config_dir):
    """The bay, made small, with nothing in the sky."""
    return load_scenario("bay", config_dir).with_changes(SMALL)


@pytest.fixture(scope="module")
def sea(scenario, config_dir):
    return make_sea(scenario, 1, 2, config=config_dir)


@pytest.fixture(scope="module")
def two_days(scenario, tmp_path_factory, config_dir):
    """Two days of the planners that need no chain."""
    out = tmp_path_factory.mktemp("season") / "bay"
    run_seasons(scenario, out, days=2, seeds=[1], planners=["lawn-mower", "nearest"], config=config_dir)
    return out


def records(folder):
    """Day records without the clock."""
    found = [json.loads(p.read_text()) for p in sorted((folder / "days").glob("*.json"))]
    for one in found:
        del one["seconds"]
    return found


@pytest.mark.parametrize("name", ["bay", "shelf", "strait", "gyre"])
def test_every_scenario_is_whole(name, config_dir):
    scenario = load_scenario(name, config_dir)
    region, settings = scenario.make_region(), scenario.twin_settings(config_dir)
    west, south, east, north = region.grid.bounds
    assert all(west < lon < east and south < lat < north for lon, lat in settings.scene.centres)
    ports = {p.name for p in region.settings.ports}
    assert {v.home_port for v in scenario.fleet_settings().vessels} <= ports
    for variant in scenario.what_if.values():
        assert scenario.with_changes(variant.changes).digest(config_dir) != scenario.digest(config_dir)


def test_nothing_of_the_simulated_sea_is_in_the_chains_configuration(two_days, config_dir):
    config = two_days / "seed-0001" / "nearest" / "work" / "config"
    assert not (config / "models" / "twin.yaml").exists()
    assert load_region_settings("bay", config).simulated
    text = "".join(p.read_text() for p in config.rglob("*.yaml"))
    assert "truth" not in (config / "sources" / "bay.yaml").read_text()
    assert "residence_h" not in text


def test_earlier_seasons_are_other_seas_and_become_the_chains_climatology(scenario, sea, tmp_path, config_dir):
    """An archive of whole surveys, older than the season; its builder finds their mean, which the next map believes."""
    from oceanclean.chain.observing import write_climatology
    from oceanclean.density import Climatology
    from oceanclean.products.files import load_grid

    archive = write_earlier(scenario, tmp_path, config_dir)
    maps = [load_grid("DensityMap", p) for p in sorted(archive.glob("*.nc"))]
    assert len(maps) == 4
    assert all(m.attrs["valid_time"] < sea.issue_time(0) for m in maps)
    area = sea.region.grid.area_km2
    held = [float(np.nansum(m["debris_density"] * area)) for m in maps]
    there = sea.within(sea.issues[0])
    assert min(held) > 0
    assert sea.debris.mass_kg[there].sum() not in np.round(held, 3)  # none of them is the season that is planned
    path = write_climatology(tmp_path, "bay", sorted(archive.glob("*.nc")))
    mean = Climatology.load(path).data["debris_density"].sel(season="JJA")
    assert float(np.nansum(mean * area)) == pytest.approx(np.mean(held), rel=1e-4)
    before = archive.stat().st_mtime_ns
    assert write_earlier(scenario, tmp_path, config_dir).stat().st_mtime_ns == before


def test_mass_is_conserved(two_days, sea):
    total = sea.debris.mass_kg.sum()
    for planner in ("lawn-mower", "nearest"):
        for day, record in enumerate(records(two_days / "seed-0001" / planner)):
            assert sum(record["balance"].values()) == pytest.approx(total, rel=1e-9)
            so_far = [r["caught_kg"] for r in records(two_days / "seed-0001" / planner)[: day + 1]]
            assert record["balance"]["caught"] == pytest.approx(sum(so_far), abs=1e-6)
            on_ships = sum(s["caught_kg"] for s in record["ships"].values())
            assert on_ships == pytest.approx(sum(so_far), abs=1e-6)


def test_a_cut_season_goes_on_to_the_same_end(two_days, sea, tmp_path, config_dir):
    whole = records(two_days / "seed-0001" / "lawn-mower")
    for days in (1, 2):  # as if it had been cut after the first day
        Season("lawn-mower", sea, tmp_path / "lawn-mower", tmp_path, config_dir).run(days)
    assert records(tmp_path / "lawn-mower") == whole
    assert whole[0]["caught_kg"] > 0


def test_a_folder_of_another_length_is_refused(two_days, scenario, config_dir):
    with pytest.raises(InputError, match="2"):
        run_seasons(scenario, two_days, days=3, seeds=[1], planners=["nearest"], config=config_dir)
    with pytest.raises(InputError, match="oracle"):
        run_seasons(scenario, two_days, days=2, seeds=[1], planners=["oracle"], config=config_dir)


def test_the_chain_plans_where_there_is_no_truth(sea, tmp_path, config_dir):
    """Its process sees one folder; moved away from the seed's folder it makes the same map and tracks."""
    from oceanclean.twin.season.chain_link import Chain

    beside = Season("greedy", sea, tmp_path / "seed-0001" / "greedy", tmp_path / "seed-0001", config_dir)
    ships, left_kg, _ = beside._resumed(0)
    beside._see(0, ships, left_kg)
    files = {p.relative_to(beside.work).as_posix() for p in beside.work.rglob("*") if p.is_file()}
    assert not [f for f in files if "truth" in f or "hidden" in f or "debris" in f]
    alone = tmp_path / "elsewhere" / "work"
    shutil.copytree(beside.work, alone)
    shutil.rmtree(tmp_path / "seed-0001")
    with Chain(alone, tmp_path / "chain.log") as chain:
        reply = chain.ask(region="bay", issue_time=sea.issue_time(0), config=alone / "config", seed=1, until="forecast")
    assert str(alone) in reply["folder"]
    assert (alone / "runs" / "bay" / "2026-06-01T1100Z" / "map" / "density.nc").is_file()
    assert reply["facts"]["horizon_h"] == 24


def ship_at(sea, xy, **changes):
    vessel = sea.scenario.fleet_settings().vessels[0].model_copy(update=changes)
    return Ship(vessel, np.asarray(xy, dtype=float), left_h=vessel.endurance_h)


def test_a_full_vessel_goes_to_unload_and_a_tired_one_home(sea):
    seaway = Seaway.of(sea.region)
    home = seaway.plane.xy(-88.61, 15.75)
    place = seaway.plane.xy(-88.70, 15.88)
    for changes, hold, left in (({}, 1990.0, 40.0), ({}, 0.0, 3.0)):
        ship = ship_at(sea, place, **changes)
        ship.hold_kg, ship.left_h, ship.clock = hold, left, sea.issues[0]
        voyage = Voyage(sea, seaway, sea.debris.mass_kg.copy())
        orders = {ship.vessel.id: [Step("collect", place, sea.issues[0], 40.0)]}
        voyage.day([ship], orders, sea.issues[0], sea.issues[0] + 5)
        assert any(np.hypot(*(np.array(t[1:]) - home)) < 3000 for t in ship.trace)


def test_daylight_vessels_catch_nothing_by_night(sea):
    seaway = Seaway.of(sea.region)
    hours = np.arange(sea.issues[0], sea.issues[1])
    night = next(h for h in hours if not any(sun_is_up(sea.ocean.time(h + k), -88.7, 15.9) for k in (0, 1, 2)))
    heavy = int(np.argmax(np.where(sea.within(night), sea.debris.mass_kg, 0)))
    lon, lat, _ = sea.debris.at(night)
    place = seaway.plane.xy(lon[heavy], lat[heavy])
    caught = {}
    for by_day in (True, False):
        ship = ship_at(sea, place, daylight_only=by_day, max_wave_height_m=9.0, max_wind_kn=90.0, swath_m=400.0)
        ship.clock = night
        left_kg = sea.debris.mass_kg.copy()
        Voyage(sea, seaway, left_kg).day(
            [ship], {ship.vessel.id: [Step("collect", place, night, 2.0)]}, night, night + 1.0
        )
        caught[by_day] = float((sea.debris.mass_kg - left_kg).sum())
    assert caught[True] == 0
    assert caught[False] > 0


def test_a_drone_finds_what_a_lookout_does_not(sea):
    """One raft that lies still, 3.85 km off: beyond what a slow crew comes to see within the time."""
    seaway = Seaway.of(sea.region)
    hours, one = len(sea.debris.lon), np.ones(1)
    still = DebrisTruth(
        np.full((hours, 1), -88.66, np.float32), np.full((hours, 1), 15.90, np.float32),
        np.ones((hours, 1), np.int8), 100.0 * one, 70.0 * one, np.zeros(1, int), np.zeros(1, int), 0.01 * one,
        np.zeros((1, 2)),
    )  # fmt: skip
    quiet = replace(sea, debris=still)
    away, noon = seaway.plane.xy(-88.66, 15.90) - np.array([3850.0, 0.0]), sea.issues[0] + 5
    caught = []
    for drone in (False, True):
        ship = ship_at(quiet, away, drone=drone, max_wave_height_m=9.0, max_wind_kn=90.0, transit_speed_kn=2.2)
        ship.clock = noon
        left_kg = still.mass_kg.copy()
        Voyage(quiet, seaway, left_kg).day(
            [ship], {ship.vessel.id: [Step("collect", away, noon, 1.2)]}, noon, noon + 1.2
        )
        caught.append(float(100.0 - left_kg.sum()))
    assert caught == [0.0, pytest.approx(100 * ship.vessel.efficiency)]


def test_ways_go_round_land():
    land = np.zeros((20, 30), dtype=bool)
    land[0:15, 15] = True
    seaway = Seaway(Plane(0.0, 0.0, 1000.0, 1000.0), land, np.array([1000.0, 1000.0]))
    a, b = np.array([10_500.0, 5_500.0]), np.array([20_500.0, 5_500.0])
    way = seaway.way(a, b)
    around = 2 * np.hypot(5_000, 10_000)
    assert around * 0.9 < np.hypot(*np.diff(way, axis=0).T).sum() < around * 1.15
    assert way[:, 1].max() > 15_000
    assert len(seaway.way(a, a + 3000)) == 2


def test_greedy_goes_to_the_rich_water_first_and_no_two_vessels_to_the_same(sea):
    seaway = Seaway.of(sea.region)
    density = np.zeros(sea.region.grid.shape)
    density[20, 20], density[8, 30] = 400.0, 300.0
    fleet = sea.scenario.fleet_settings().vessels
    ports = {p.name: seaway.plane.xy(p.lon, p.lat) for p in sea.region.settings.ports}
    ships = [Ship(v, ports[v.home_port], left_h=v.endurance_h, port=v.home_port) for v in fleet]
    desk = planners.Dispatcher(sea.region, seaway, sea.scenario.operations, sea.ocean.time, sea.issues[0])
    orders = planners.greedy(density, ships, desk)
    first = [steps[0].goal for steps in orders.values()]
    grid = sea.region.grid
    rich = [seaway.plane.xy(grid.lon[c], grid.lat[r]) for r, c in ((20, 20), (8, 30))]
    nearest = [int(np.argmin([np.hypot(*(goal - r)) for r in rich])) for goal in first]
    assert sorted(nearest) == [0, 1]
    for steps in orders.values():
        for step in steps:
            if step.action == "collect":
                middle = sea.ocean.time(step.begin_h + step.hours / 2)
                assert sun_is_up(middle, -88.7, 15.9)


def test_a_nearly_full_vessel_unloads_before_it_goes_on(sea):
    seaway = Seaway.of(sea.region)
    density = np.full(sea.region.grid.shape, 30.0)
    vessel = sea.scenario.fleet_settings().vessels[0]
    ship = Ship(vessel, seaway.plane.xy(-88.7, 15.88), hold_kg=1900.0, left_h=30.0)
    desk = planners.Dispatcher(sea.region, seaway, sea.scenario.operations, sea.ocean.time, sea.issues[0])
    assert planners.greedy(density, [ship], desk)[vessel.id][0].action == "port"


def test_lanes_cover_the_sea(sea):
    seaway = Seaway.of(sea.region)
    ships = [Ship(v, np.zeros(2)) for v in sea.scenario.fleet_settings().vessels]
    lanes = planners.lanes_of(sea.region, seaway, ships, 3000.0)
    points = np.concatenate(list(lanes.values()))
    lon, lat = np.meshgrid(sea.region.grid.lon, sea.region.grid.lat)
    water = seaway.plane.xy(lon, lat)[~sea.region.routing_land_mask]
    away = np.hypot(*np.moveaxis(water[:, None] - points[None], -1, 0)).min(axis=1)
    assert np.quantile(away, 0.95) < 2500


def test_what_is_caught_is_gone_from_the_scene_but_the_sky_stays(sea):
    from oceanclean.twin.scene import compose, frame_at

    settings = sea.settings.model_copy(update={"scene": sea.settings.scene.model_copy(update={"size_px": 600})})
    lon, lat, _ = sea.debris.at(30.0)
    heavy = int(np.argmax(np.where(sea.within(30.0), sea.debris.area_m2, 0)))
    frame = frame_at(float(lon[heavy]), float(lat[heavy]), settings.scene)
    layers = []
    for share in (1.0, 0.0):
        debris = sea.with_left(sea.debris.mass_kg * share)
        rng = np.random.default_rng(3)
        layers.append(compose(frame, sea.ocean, debris, sea.region, settings, 30.0, rng, swath_edge=False))
    cover = [next(c for c in one.covers if c.material == "marine_debris") for one in layers]
    assert cover[0].share.sum() > 0
    assert cover[1].share.sum() == 0
    assert np.array_equal(layers[0].clouds, layers[1].clouds)


def test_true_tracks_hold_the_mass_within_the_region(sea):
    left_kg = sea.debris.mass_kg.copy()
    tracks, fields = seen.true_tracks(sea, 0, left_kg)
    inside = sea.within(sea.issues[0]) & (left_kg > 0.01)
    assert float(tracks["mass"].sum()) == pytest.approx(left_kg[inside].sum(), rel=1e-5)
    mapped = float((fields["debris_density"][0].to_numpy() * sea.region.grid.area_km2).sum())
    assert mapped == pytest.approx(left_kg[inside].sum(), rel=1e-3)


def test_figures_over_seeds(tmp_path, scenario):
    """Ratios of sums over seeds, no interval from a single seed, loss shared among stages."""
    kg = {"chain": (100, 140), "greedy": (50, 70), "clairvoyant": (200, 200), "perfect-detection": (130, 150),
          "perfect-drift": (110, 160)}  # fmt: skip
    write_json(tmp_path / RECORD, {
        "scenario": scenario.model_dump(mode="json"), "days": 1, "seeds": [1, 2], "planners": list(kg), "variants": [],
    })  # fmt: skip
    for planner, values in kg.items():
        for seed, value in zip((1, 2), values, strict=True):
            write_json(tmp_path / f"seed-{seed:04d}" / planner / "days" / "001.json", {
                "caught_kg": value, "hauls": [], "ships": {"a": {"fuel_l": 10.0}}, "stages": {},
                "seconds": {"plan_s": 1.0},
            })  # fmt: skip
    figures = season_figures(tmp_path)
    assert figures["ratio_to_greedy"]["value"] == pytest.approx(2.0)
    assert figures["ratio_to_greedy"]["low"] == pytest.approx(2.0)
    assert figures["share_of_clairvoyant"]["value"] == pytest.approx(0.6)
    assert figures["share_of_clairvoyant"]["low"] == pytest.approx(0.5)
    assert figures["loss_by_stage"]["detection"]["value"] == pytest.approx(20)
    assert figures["loss_by_stage"]["rest"]["value"] == pytest.approx(45)
    assert figures["ratio_to_lawnmower"]["value"] is None
    assert figures["fuel_l_per_kg"]["chain"]["value"] == pytest.approx(20 / 240)
    assert "greedy" in season_table("bay", figures)
    assert interval(np.array([[3.0, 2.0]]), lambda s: float(s[0] / s[1]))["low"] is None
    with pytest.raises(MissingDataError):
        season_figures(tmp_path / "nowhere")


def test_a_still_sea_keeps_its_waves_and_gaps():
    import xarray as xr

    from oceanclean.chain.replaced import calm
    from oceanclean.products import names

    field = xr.DataArray([[1.0, np.nan]], dims=("lat", "lon"))
    out = calm(xr.Dataset({names.EASTWARD_CURRENT: field, names.WAVE_HEIGHT: field}))
    assert out[names.EASTWARD_CURRENT].values[0, 0] == 0
    assert np.isnan(out[names.EASTWARD_CURRENT].values[0, 1])
    assert out[names.WAVE_HEIGHT].values[0, 0] == 1


def test_the_page_shows_table_and_moving_map(tmp_path, scenario, sea, config_dir):
    from oceanclean.twin.season.report import write_page

    run_seasons(scenario, tmp_path / "run", days=1, seeds=[1], planners=["lawn-mower"], config=config_dir)
    (tmp_path / "run" / "seed-0001" / "lawn-mower").rename(tmp_path / "run" / "seed-0001" / "chain")
    record = json.loads((tmp_path / "run" / RECORD).read_text())
    write_json(tmp_path / "run" / RECORD, {**record, "planners": ["chain"]})
    page = write_page({"bay": tmp_path / "run"}, {"bay": season_figures(tmp_path / "run")}, tmp_path / "page")
    assert "bay: 1 days" in page.read_text()
    assert (tmp_path / "page" / "bay.gif").stat().st_size > 1000
    assert WAYS["chain"].title


def test_floats_of_a_worse_forecast_part_farther(scenario, config_dir):
    from oceanclean.twin.season.separation import separation

    good = {"twin": {"forecast": {"eddy_shift_m": 0, "eddy_shift_m_day": 0, "eddy_amplitude_std": 0,
                                  "jet_amplitude_std": 0, "tide_phase_h": 0, "inertial_phase_h": 0,
                                  "wind_std_m_s": 0, "wind_std_m_s_day": 0, "front_shift_h": 0}}}  # fmt: skip
    bad = {"twin": {"forecast": {"eddy_shift_m": 6000, "eddy_amplitude_std": 0.5}}}
    apart = [
        separation(scenario.with_changes(c), [5], floats=20, config=config_dir, leads_h=(12,))["12h"]
        for c in (good, bad)
    ]
    assert apart[0] < apart[1]


def test_a_crew_on_its_way_takes_the_raft_that_it_passes_by_day(sea):
    seaway = Seaway.of(sea.region)
    hours = len(sea.debris.lon)
    start, goal = seaway.plane.xy(-88.74, 15.90), seaway.plane.xy(-88.60, 15.90)
    for kg, side, taken in ((200.0, 500.0, True), (20.0, 500.0, False), (200.0, 2000.0, False)):
        lon, lat = seaway.plane.lonlat((start + goal) / 2 + np.array([0.0, side]))
        lies = DebrisTruth(
            np.full((hours, 1), lon, np.float32), np.full((hours, 1), lat, np.float32), np.ones((hours, 1), np.int8),
            np.full(1, kg), np.full(1, kg), np.zeros(1, int), np.zeros(1, int), np.zeros(1), np.zeros((1, 2)),
        )  # fmt: skip
        quiet, noon = replace(sea, debris=lies), sea.issues[0] + 5
        ship = ship_at(quiet, start, max_wave_height_m=9.0, max_wind_kn=90.0)
        ship.clock, left_kg = noon, lies.mass_kg.copy()
        hauls = Voyage(quiet, seaway, left_kg).day(
            [ship], {ship.vessel.id: [Step("collect", goal, noon, 1.0, task_id="T01")]}, noon, noon + 3.0
        )
        assert (left_kg[0] < kg) == taken
        assert any(h.task_id == "" for h in hauls) == taken


def test_a_dask_cluster_brings_the_same_season(two_days, scenario, tmp_path, config_dir):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as own:
        run_seasons(
            scenario, tmp_path / "run", days=2, seeds=[1], planners=["nearest"], config=config_dir,
            address=own.scheduler_address,
        )  # fmt: skip
    assert records(tmp_path / "run" / "seed-0001" / "nearest") == records(two_days / "seed-0001" / "nearest")
