"""A day's plan: every vessel has a route or a reason, every patch a vessel or a reason, and limits hold."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import shapely

from oceanclean.allocation.explain import shut_until
from oceanclean.allocation.model import Shut
from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.orders import Tables, Writer
from oceanclean.allocation.plan import allocate
from oceanclean.errors import InputError
from oceanclean.products import names, validate_table
from tests.allocation.days import ISSUE, OpenSea, SeaWithCape, fleet, forcing, region, tracks

PATCHES = [(0.4, 0.6, 900.0), (0.7, 0.3, 600.0), (1.4, 0.7, 800.0), (1.6, 0.4, 300.0)]
QUICK = AllocationSettings(search=SearchSettings(iterations=600, rounds=2, bound_rounds=0))
BOUNDED = AllocationSettings(search=SearchSettings(iterations=600, rounds=2, bound_rounds=1))
AREA = region(SeaWithCape)


def _plan(data=None, boats=None, weather=None, area=AREA, settings=QUICK, **more):
    return allocate(
        tracks(PATCHES, drift=(0.1, 0.05), disagreement=0.03) if data is None else data, None,
        forcing() if weather is None else weather,
        fleet({}, {"lon": 1.9, "home_port": "East"}) if boats is None else boats,
        area, issue_time=ISSUE, horizon_h=48, settings=settings, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    return _plan(settings=BOUNDED)


def test_the_plan_keeps_its_contract_and_survives_saving(plan, tmp_path):
    """Orders and tasks pass the door's check, and the plan read back is the plan written."""
    validate_table("Orders", plan.orders, "test")
    validate_table("Tasks", plan.tasks, "test")
    plan.save(tmp_path)
    again = plan.load(tmp_path)
    assert again.vessels == plan.vessels
    assert len(again.orders) == len(plan.orders)
    assert plan.expected_kg > 0
    assert plan.p10_kg <= plan.expected_kg <= plan.p90_kg + 1e-9
    assert plan.bound_kg >= plan.expected_kg
    assert 0 <= plan.gap <= 1


def test_the_figures_agree_with_each_other(plan):
    """Orders add up to vessels, vessels to the plan; sequences count up; times and endurance run on."""
    by_vessel = plan.orders.groupby("vessel_id")["expected_kg"].sum()
    for vessel in plan.vessels:
        assert by_vessel[vessel.vessel_id] == pytest.approx(vessel.expected_kg)
        mine = plan.orders[plan.orders["vessel_id"] == vessel.vessel_id]
        assert list(mine["sequence"]) == list(range(len(mine)))
        assert (mine["leave"] >= mine["arrive"]).all()
        assert (mine["arrive"].iloc[1:].array >= mine["leave"].iloc[:-1].array - pd.Timedelta(seconds=1)).all()
    assert plan.expected_kg == pytest.approx(sum(v.expected_kg for v in plan.vessels))
    assert plan.orders["arrive"].max() <= pd.Timestamp(ISSUE, tz="UTC") + pd.Timedelta(hours=48)


def test_routes_cross_no_land_and_can_be_sailed_in_time(plan):
    """Every leg keeps off the coast and is short enough for the vessel's speed, to two minutes."""
    land = AREA.land
    for vessel_id, legs in plan.routes.groupby("vessel_id"):
        mine = plan.orders[plan.orders["vessel_id"] == vessel_id].set_index("sequence")
        for leg in legs.itertuples():
            assert not leg.geometry.intersects(land)
            gap = (mine["arrive"][leg.sequence] - mine["leave"][leg.sequence - 1]).total_seconds()
            assert mine["distance_m"][leg.sequence] / 5.0 <= gap + 125


def test_the_hold_is_what_was_caught_and_legs_follow_on_each_other(plan):
    """After a collection the hold holds the expected catch more; each leg begins where the one before ended."""
    for _, mine in plan.orders.groupby("vessel_id"):
        before = mine["hold_kg"].shift(fill_value=0.0)
        collects = mine["action"] == "collect"
        assert np.allclose(mine["hold_kg"][collects], (before + mine["expected_kg"])[collects])
    for _, legs in plan.routes.groupby("vessel_id"):
        ends = [(line.coords[0], line.coords[-1]) for line in legs.sort_values("sequence").geometry]
        for (_, end), (begin, _) in itertools.pairwise(ends):
            assert end == pytest.approx(begin, abs=1e-5)


def test_what_is_on_board_in_port_comes_off_before_the_vessel_leaves():
    """A vessel that lies in port with a full hold has an order to unload first, which takes its time."""
    plan = _plan(boats=fleet({"hold_used": 400.0}))
    first, second = plan.orders.iloc[0], plan.orders.iloc[1]
    assert (first["action"], second["action"]) == ("unload", "depart")
    assert first["leave"] == pd.Timestamp(ISSUE, tz="UTC") + pd.Timedelta(hours=1), "West takes an hour"
    assert second["leave"] >= first["leave"]
    assert "400 kg" in first["reason"]
    assert second["hold_kg"] == 0.0


def test_every_vessel_and_every_patch_has_a_vessel_or_a_reason(plan):
    """Nothing stays unexplained."""
    for vessel in plan.vessels:
        assert vessel.status == "sent" or vessel.reason
    served = plan.tasks["served_by"] != ""
    assert (served | (plan.tasks["reason"] != "")).all()
    assert (plan.tasks["left_for"] == "")[served].all()
    assert plan.tasks["left_for"][~served].isin(names.LEFT_FOR).all()
    assert plan.task_mass_share == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_orders(plan):
    """Twice the same inputs and seed: the same orders to the second."""
    pd.testing.assert_frame_equal(pd.DataFrame(_plan(settings=BOUNDED).orders.drop(columns="geometry")),
                                  pd.DataFrame(plan.orders.drop(columns="geometry")))  # fmt: skip


def test_reasons_give_winds_in_knots():
    """As everywhere on the page: for a vessel that stays, for one that waits at a patch, and for a patch left."""
    plan = _plan(weather=forcing(wind=18.0))
    assert all("wind up to 35 kn > 29 kn" in v.reason for v in plan.vessels), plan.vessels
    at_patch = SimpleNamespace(
        slot_s=1800.0, shut=np.full((1, 1, 4), Shut.WIND), wind=np.full((1, 4), 12.5), waves=np.zeros((1, 4)),
        crews=[SimpleNamespace(row={"max_wind": 10.8, "max_wave_height": 2.0})],
    )  # fmt: skip
    assert Writer._cause(SimpleNamespace(v=0, day=at_patch), 0, 0.0) == "wind 24 kn > 21 kn"  # type: ignore[arg-type]
    assert shut_until(at_patch, 0, 0) == "wind 24 kn > 21 kn over the whole horizon"  # type: ignore[arg-type]


def test_rough_seas_keep_vessels_in_port_and_the_reason_has_the_numbers():
    """Above its wave limit a vessel stays, and the reason names height, limit and time."""
    plan = _plan(weather=forcing(wave=2.9))
    assert all(v.status == "stays" and "2.9 m > 2 m" in v.reason for v in plan.vessels), plan.vessels
    calm_later = _plan(weather=forcing(wave=lambda h: 2.9 if h < 12 else 1.0))
    collects = calm_later.orders[calm_later.orders["action"] == "collect"]
    assert len(collects)
    assert collects["arrive"].min() >= pd.Timestamp(ISSUE, tz="UTC") + pd.Timedelta(
        hours=10
    )  # falling from 2.9 m at 9 h to 1 m at 12 h
    assert (collects["wave_height_m"] <= 2.0 + 1e-6).all()


def test_the_smallest_set_of_limits_explains_why_nothing_can_be_done():
    """Rough by day, and by night it does not work: neither alone keeps the vessel, both together do."""
    by_day = forcing(wave=lambda h: 2.9 if h % 24 < 15 or h % 24 > 20 else 0.5)
    (vessel,) = _plan(boats=fleet({"daylight_only": True, "endurance": 40.0}), weather=by_day).vessels
    assert vessel.status == "stays"
    assert "together" in vessel.reason
    assert "2.9 m > 2 m" in vessel.reason
    assert "daylight" in vessel.reason
    assert "endurance" not in vessel.reason
    (free,) = _plan(boats=fleet({"daylight_only": False, "endurance": 40.0}), weather=by_day).vessels
    assert free.status == "sent"


def test_a_daylight_vessel_collects_by_day_only():
    """Every collection of a daylight vessel lies between sunrise and sunset."""
    from oceanclean.allocation.conditions import solar_elevation

    plan = _plan(boats=fleet({"daylight_only": True}))
    for row in plan.orders[plan.orders["action"] == "collect"].itertuples():
        for t in (row.arrive, row.leave):
            assert solar_elevation(t.tz_convert(None).to_datetime64(), row.geometry.x, row.geometry.y) > -1.2


def test_an_empty_forecast_keeps_every_vessel_in_port():
    """No debris: all stay, and say so."""
    data = tracks(PATCHES)
    data["mass"][:] = 0.0
    plan = _plan(data)
    assert [v.status for v in plan.vessels] == ["stays", "stays"]
    assert all("no debris" in v.reason for v in plan.vessels)
    assert list(plan.orders["action"]) == ["stay", "stay"]
    assert plan.expected_kg == 0.0
    assert plan.bound_kg == 0.0


def test_an_empty_fleet_gives_a_plan_without_orders():
    """No vessels: patches are listed with the reason."""
    plan = _plan(boats=fleet({}).iloc[:0])
    assert len(plan.orders) == 0
    assert (plan.tasks["reason"] == "No vessel can be sent.").all()


def test_vessels_that_cannot_be_sent_say_why_and_the_rest_sail():
    """On land, outside, off hire, out of endurance, too far from port: each a reason, and a plan for the others."""
    boats = fleet(
        {"name": "good"}, {"lon": 1.0, "lat": 0.9, "name": "ashore"}, {"lon": 40.0, "name": "far"},
        {"available": False, "reason": "engine overhaul", "name": "off"}, {"endurance": 0.5, "name": "tired"},
        {"lon": 0.8, "lat": 0.2, "endurance": 3.0, "name": "stranger"},
    )  # fmt: skip
    plan = _plan(boats=boats, settings=AllocationSettings(search=QUICK.search, sea={"snap_m": 2000}))
    reasons = {v.vessel_id: v.reason for v in plan.vessels}
    assert plan.vessels[0].status == "sent"
    assert "on land" in reasons["v1"]
    assert "outside" in reasons["v2"]
    assert reasons["v3"] == "engine overhaul"
    assert "reserve" in reasons["v4"]
    assert "shorter than" in reasons["v5"]
    assert list(plan.orders[plan.orders["vessel_id"] == "v5"]["action"]) == ["depart", "return"]


def test_a_region_whose_ports_are_not_at_sea_keeps_vessels_and_says_so():
    """No port in reach: a clear statement instead of a crash."""
    inland = region(OpenSea, ports=[{"name": "Inland", "lat": 0.5, "lon": 60.0}])
    plan = _plan(area=inland)
    assert all("port" in v.reason for v in plan.vessels)
    assert any("Inland" in sentence for sentence in plan.degraded)


def test_closed_areas_are_not_worked():
    """A patch inside a closed area is left, with that reason."""
    zone = {"name": "Reserve", "reason": "nature", "polygon": [[1.3, 0.5], [1.7, 0.5], [1.7, 0.95], [1.3, 0.95]]}
    plan = _plan(tracks([PATCHES[0], PATCHES[2]]), area=region(SeaWithCape, exclusion_zones=[zone]))
    inside = plan.tasks[plan.tasks.within(shapely.Polygon(zone["polygon"]))]
    assert len(inside) == 1
    assert inside["served_by"].iloc[0] == ""
    assert "closed area" in inside["reason"].iloc[0]


def test_a_full_hold_is_respected_member_by_member():
    """No member's catch exceeds what the holds can take between port calls."""
    plan = _plan(boats=fleet({"hold": 50.0}), settings=AllocationSettings(search=QUICK.search, sea={"port_calls": 0}))
    assert plan.p90_kg <= 50.0 + 1e-6
    assert (plan.orders["hold_kg"] <= 50.0 + 1e-6).all()


def test_yesterdays_plan_is_kept_where_it_is_as_good(plan):
    """With yesterday's plan at hand and nothing changed, vessels keep their patches."""
    again = _plan(previous_plan=plan, seed=77)
    before = set(
        zip(*(plan.orders[plan.orders["action"] == "collect"][c] for c in ("vessel_id", "task_id")), strict=True)
    )
    after = set(
        zip(*(again.orders[again.orders["action"] == "collect"][c] for c in ("vessel_id", "task_id")), strict=True)
    )
    assert len(before & after) >= 0.6 * len(before)
    assert again.expected_kg >= 0.95 * plan.expected_kg


def test_a_broken_fleet_is_refused():
    """A fleet that breaks its contract is an error naming the column."""
    with pytest.raises(InputError, match="transit_speed"):
        _plan(boats=fleet({"transit_speed": -1.0}))


def test_a_way_is_told_from_where_the_vessel_is_to_where_it_goes():
    """After a wait at a drifting patch nothing is left to sail; a way round a cape has all its bends' length."""

    def far(x, y):
        return x / 111e3, y / 111e3  # a plane near 0° N 0° E

    weather = SimpleNamespace(waves=None, wind=None, at=lambda *_: np.array(1.0))
    row = {"max_wave_height": 2.0, "max_wind": 12.0}
    path = np.array([(0.0, 0.0), (0.0, 30e3), (40e3, 60e3)])
    day = SimpleNamespace(
        crews=[SimpleNamespace(vessel_id="v0", row=row)], issue=ISSUE, slot_s=1800.0, lonlat=far, weather=weather,
        problem=SimpleNamespace(vessel=np.full((1, 40), 1000.0), pair=np.zeros((1, 1, 6))),
        shares=SimpleNamespace(patch=np.zeros(1, int)), waves=np.full((1, 4), 2.4), wind=np.zeros((1, 4)),
        patches=SimpleNamespace(found=np.full((1, 3), 0.9), step=3600.0), shut=np.full((1, 1, 4), int(Shut.WAVES)),
        router=SimpleNamespace(path=lambda *_: path, plane=SimpleNamespace(to_lonlat=far)),
    )  # fmt: skip
    stop = SimpleNamespace(task=0, call=None, rested=False, arrive=20e3, start=30e3, leave=40e3, fuel_left=1.0,
                           met=path[-1], served=np.array([42e3, 60e3]), left=np.array([44e3, 60e3]))  # fmt: skip
    tables = Tables()
    Writer(day, 0, tables, ["T1"])._visit([stop], np.full((1, 2), 50.0), path[0], 90e3)  # type: ignore[arg-type]
    wait, collect = tables.orders
    assert (wait["action"], collect["action"]) == ("wait", "collect")
    assert wait["distance_m"] == pytest.approx(80e3)
    assert wait["course_deg"] == pytest.approx(0.0, abs=0.1), "the first stretch leads north"
    assert (collect["distance_m"], np.isnan(collect["course_deg"])) == (0.0, True)
    assert (wait["end_lon"], wait["end_lat"]) == pytest.approx((collect["geometry"].x, collect["geometry"].y))
    assert (collect["end_lon"], collect["end_lat"]) == pytest.approx(far(44e3, 60e3))
