"""Plans of days with pairs, hours of ports, watches, waters closed to passage, harm and bad cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.plan import allocate
from oceanclean.allocation.sea_routing import SeaRouter
from tests.allocation.days import ISSUE, OpenSea, fleet, forcing, region, tracks

SEARCH = SearchSettings(iterations=300, rounds=1, bound_rounds=0)
QUICK = AllocationSettings(search=SEARCH)
PATCHES = [(0.5, 0.6, 900.0), (0.8, 0.4, 600.0), (1.4, 0.6, 800.0)]
ALONE = {"tows_with": "", "pair_swath": np.nan}


def _plan(boats, area=None, data=None, settings=QUICK, **more):
    return allocate(tracks(PATCHES, drift=(0.05, 0.02)) if data is None else data, None, forcing(), boats,
                    area or region(OpenSea), issue_time=ISSUE, horizon_h=48, settings=settings, **more)  # fmt: skip


def test_a_pair_tows_one_net_and_both_have_the_same_orders():
    """The mate joins its leader, sails its orders, and the catch stands once; with the wider net they take more."""
    pair = fleet({"tows_with": "v1", "pair_swath": 300.0}, {**ALONE, "lon": 1.9, "home_port": "East"})
    plan = _plan(pair)
    assert [v.status for v in plan.vessels] == ["sent", "sent"]
    lead, mate = (plan.orders[plan.orders["vessel_id"] == v].reset_index(drop=True) for v in ("v0", "v1"))
    assert list(mate["action"][:2]) == ["depart", "wait"]
    assert list(mate["action"][2:]) == list(lead["action"])
    assert (mate["arrive"][2:].array >= mate["arrive"][1]).all(), "nothing begins before they are together"
    assert lead["leave"][0] >= mate["arrive"][1]
    assert list(mate["sequence"]) == list(range(len(mate)))
    assert mate["expected_kg"].sum() == 0.0
    assert plan.expected_kg == pytest.approx(lead["expected_kg"].sum())
    assert "v1" in lead["reason"][0]
    single = _plan(fleet({"tows_with": "v1", "pair_swath": 300.0},
                         {**ALONE, "available": False, "reason": "engine"}))  # fmt: skip
    assert any("do not tow together" in s for s in single.degraded)
    assert [v.status for v in single.vessels] == ["sent", "stays"]
    assert plan.expected_kg > single.expected_kg


def test_a_port_is_entered_within_its_hours_and_a_crew_rests():
    """Returns and calls lie in local opening hours; a crew that may work 8 h hoves to in between, and says so."""
    ports = [{"name": "West", "lat": 0.7, "lon": 0.1, "opens": "07:00", "closes": "12:00"}]
    plan = _plan(fleet({"max_work": 8.0, "rest": 6.0}), region(OpenSea, ports=ports))
    ends = plan.orders[plan.orders["action"].isin(["return", "unload"])]
    hours = ends["arrive"].dt.hour + ends["arrive"].dt.minute / 60
    assert len(ends) > 0
    assert ((hours >= 7 - 0.1) & (hours <= 12 + 0.1)).all()
    waits = plan.orders[plan.orders["action"] == "wait"]["reason"]
    assert waits.str.contains("crew rests").any() or waits.str.contains("lets vessels in").any()
    on_duty = plan.orders[plan.orders["action"] == "collect"]
    assert ((on_duty["leave"] - on_duty["arrive"]) <= pd.Timedelta(hours=8)).all()


def test_paths_lead_round_waters_that_are_closed_to_passage_while_they_are():
    """No leg crosses a closed shallow; out of its season the straight way is taken again."""
    zone = {"name": "Bank", "reason": "2 m of water", "no_passage": True,
            "polygon": [[0.25, 0.5], [0.35, 0.5], [0.35, 0.95], [0.25, 0.95]]}  # fmt: skip
    closed = _plan(fleet({}), region(OpenSea, exclusion_zones=[zone]))
    assert closed.expected_kg > 0
    assert not closed.routes.intersects(shapely.Polygon(zone["polygon"]).buffer(-0.005)).any()
    past = {**zone, "ends": "2026-01-01T00:00:00Z"}
    assert (
        _plan(fleet({}), region(OpenSea, exclusion_zones=[past]))
        .routes.intersects(shapely.Polygon(zone["polygon"]))
        .any()
    )


def test_debris_that_does_more_harm_is_taken_first():
    """Of two patches alike, with no time to clear both, the one by the reef is; the gap is of the weighted catch."""
    twins = tracks([(0.35, 0.9, 500.0), (0.35, 0.5, 500.0)])
    boat = {"endurance": 8.0}
    for south, north in ((0.8, 1.0), (0.4, 0.6)):
        reef = {"name": "Reef", "reason": "corals", "weight": 5.0,
                "polygon": [[0.2, south], [0.5, south], [0.5, north], [0.2, north]]}  # fmt: skip
        settings = AllocationSettings(search=SEARCH.model_copy(update={"bound_rounds": 1}))
        plan = _plan(fleet(boat), region(OpenSea, harm_zones=[reef]), twins, settings)
        taken = plan.orders[plan.orders["action"] == "collect"]
        by_reef = taken.geometry.y.between(south, north)
        assert taken.loc[by_reef, "expected_kg"].sum() > 1.2 * taken.loc[~by_reef, "expected_kg"].sum()
        assert plan.bound_kg is None
        assert 0 <= plan.gap <= 1
        assert plan.solver["weighted_by_harm"]


def test_a_plan_for_bad_cases_is_no_worse_in_them():
    """With all weight on CVaR the mean of the worst members is at least that of the plan for the mean."""
    data = tracks(PATCHES, disagreement=0.25, members=8)
    wide = fleet({}, {"lon": 1.9, "home_port": "East"})
    careful = QUICK.model_copy(update={"risk_aversion": 1.0, "risk_measure": "cvar", "cvar_share": 0.25})
    plan = _plan(wide, data=data, settings=careful)
    assert plan.bound_kg is None
    assert plan.solver["cvar_kg"] <= plan.expected_kg
    mild = QUICK.model_copy(update={"risk_aversion": 0.001, "risk_measure": "cvar", "cvar_share": 0.25})
    assert plan.solver["cvar_kg"] >= 0.98 * _plan(wide, data=data, settings=mild).solver["cvar_kg"]


def test_the_router_of_a_region_closes_what_it_is_told():
    """A polygon is closed like land; the distance round it is longer than through it."""
    area = region(OpenSea)
    bank = shapely.box(0.9, 0.2, 1.1, 0.8)
    free, closed = SeaRouter.of_region(area), SeaRouter.of_region(area, [bank])
    a, b = (np.array(free.plane.to_xy(lon, 0.5)) for lon in (0.5, 1.5))
    assert closed.distance(a, b) > 1.05 * free.distance(a, b)
