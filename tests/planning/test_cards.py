"""What stands beside an order follows from the plan's own figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from oceanclean.planning.cards import spare_hours


def orders(*stops: tuple[float, float, float]) -> list[dict]:
    """Rows from (arrive h, leave h, endurance left h at leaving)."""
    start = pd.Timestamp("2026-06-16T00:00Z")
    return [
        {"arrive": start + pd.Timedelta(hours=a), "leave": start + pd.Timedelta(hours=b), "endurance_left_h": e}
        for a, b, e in stops
    ]


def test_delay_is_bounded_by_the_endurance_at_the_end():
    """Without a port call on the way each order may be as late as the trip's end has hours to spare."""
    assert spare_hours(orders((0, 0, 30), (4, 8, 22), (12, 12, 18))) == [18, 18, 18]


def test_a_port_call_that_renews_the_endurance_ends_the_count():
    """What is left before the call bounds the delay before it; the long trip after it does not."""
    found = spare_hours(orders((0, 0, 30), (4, 20, 10), (23, 25, 30), (40, 41, 14), (53, 53, 2)))
    assert found == pytest.approx([7, 7, 2, 2, 2])


def test_no_orders_have_no_spare():
    """A vessel that stays has nothing to be late for."""
    assert spare_hours([]) == []


def test_a_look_ages_until_the_issue_time() -> None:
    """The map counts a look's age to its own valid time; the page to the moment at which the plan is issued."""
    from oceanclean.planning.evidence import age_at_issue

    ages = xr.Dataset({"observation_age": (("lat", "lon"), np.array([[0.0, 2.5]]))})
    ages.attrs.update(valid_time="2026-06-14T16:30:00Z", issue_time="2026-06-15T11:00:00Z")
    np.testing.assert_allclose(age_at_issue(ages), [[18.5, 21.0]])


def test_a_chance_of_finding_needs_a_look(published) -> None:
    """A patch seen today has the chance that it is debris and in reach; one that nobody saw has none."""
    from dataclasses import replace

    from pydantic import TypeAdapter

    from oceanclean.planning.cards import _chance
    from oceanclean.planning.model import PlanView

    view = TypeAdapter(PlanView).validate_json(published.text("plan.json"))
    task = replace(view.tasks[0], debris_probability=0.8)
    assert _chance(0.9, task) == pytest.approx(0.72)
    assert _chance(0.9, replace(task, debris_probability=None)) is None
    assert _chance(None, task) is None
    orders = [o for v in view.sent for o in v.orders if o.action == "collect"]
    assert all(o.forecasts_in_reach is not None and o.finding_chance is None for o in orders), "no scene, no chance"


def test_the_surest_detection_near_a_seen_patch_counts() -> None:
    """Within reach and only where the map was seen; the nearest need not be the surest."""
    import geopandas as gpd

    from oceanclean.planning.evidence import Witness

    density = xr.Dataset(
        {
            "origin": (("lat", "lon"), np.array([[3, 1]])),
            "observation_age": (("lat", "lon"), np.array([[2.0, np.nan]])),
        },
        coords={"lat": [16.0], "lon": [-87.0, -86.0]},
        attrs={"valid_time": "2026-06-16T11:00:00Z", "issue_time": "2026-06-16T11:00:00Z"},
    )
    rows = {"class_name": "marine_debris", "probability": [0.6, 0.9, 0.99], "area_m2": 100.0, "model": "m",
            "observed_at": pd.Timestamp("2026-06-16T09:00Z")}  # fmt: skip
    found = gpd.GeoDataFrame(rows, geometry=gpd.points_from_xy([-87.01, -87.05, -87.3], [16.0] * 3), crs="EPSG:4326")
    witness = Witness(density, found, "2026-06-16T11:00:00Z", 15.0, 1)
    assert witness.at(16.0, -87.0).debris_probability == pytest.approx(0.9)
    assert witness.at(16.0, -86.0).debris_probability is None


def test_a_way_is_cut_into_courses() -> None:
    """Each stretch has its course and length; what is shorter than a hundredth of a mile is none."""
    from oceanclean.planning.cards import stretches

    north, east = stretches([(-87.0, 16.0), (-87.0, 16.1), (-87.0, 16.10001), (-86.9, 16.10001)])
    assert (north.course_deg, east.course_deg) == (pytest.approx(0.0, abs=0.05), pytest.approx(90.0, abs=0.1))
    assert north.distance_nm == pytest.approx(6.0, abs=0.05)
    assert stretches([(-87.0, 16.0)]) == stretches([]) == []
