"""What people decide is obeyed by the search; what cannot be is named, and the rest is planned."""

from __future__ import annotations

import pandas as pd
import pytest

from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.plan import allocate
from oceanclean.decisions import Decisions
from tests.allocation.days import ISSUE, OpenSea, fleet, forcing, region, tracks

NEAR_WEST, BETWEEN, NEAR_EAST = (0.4, 0.6, 900.0), (0.9, 0.3, 600.0), (1.6, 0.6, 800.0)
SETTINGS = AllocationSettings(search=SearchSettings(iterations=400, rounds=2, bound_rounds=0))
START = pd.Timestamp(ISSUE, tz="UTC")


def _plan(decided=None, boats=None, settings=SETTINGS, **more):
    return allocate(
        tracks([NEAR_WEST, BETWEEN, NEAR_EAST], drift=(0.05, 0.0)), None, forcing(),
        fleet({}, {"lon": 1.9, "home_port": "East"}) if boats is None else boats,
        region(OpenSea), issue_time=ISSUE, horizon_h=48, settings=settings,
        decisions=None if decided is None else Decisions.model_validate(decided), **more,
    )  # fmt: skip


def _place(patch):
    return {"lat": patch[1], "lon": patch[0]}


def _collects(plan, vessel, patch):
    """A vessel's collections at the patch that lies at a place at the issue time."""
    gap = (plan.tasks.geometry.x - patch[0]).abs() + (plan.tasks.geometry.y - patch[1]).abs()
    task = plan.tasks["task_id"][gap.idxmin()]
    mine = plan.orders[(plan.orders["vessel_id"] == vessel) & (plan.orders["action"] == "collect")]
    return mine[mine["task_id"] == task]


@pytest.fixture(scope="module")
def free():
    return _plan()


def test_a_pinned_vessel_works_the_far_patch_that_it_would_leave_to_others(free):
    """Without the pin the western vessel leaves the eastern patch alone; with it, it goes there."""
    assert not len(_collects(free, "v0", NEAR_EAST))
    bounded = SETTINGS.model_copy(update={"search": SETTINGS.search.model_copy(update={"bound_rounds": 2})})
    plan = _plan({"pins": [{"vessel": "v0", "place": _place(NEAR_EAST)}]}, settings=bounded)
    assert len(_collects(plan, "v0", NEAR_EAST))
    assert plan.bound_kg >= plan.expected_kg
    assert plan.solver["value_kg"] == pytest.approx(plan.expected_kg, rel=0.02), "the promise is no part of the value"


def test_a_pin_can_be_first_and_not_before_a_time():
    """The pinned patch is the vessel's first, and its work begins no earlier than decided."""
    late = START + pd.Timedelta(hours=12)
    pin = {"vessel": "v0", "place": _place(BETWEEN), "first": True, "not_before": late.isoformat()}
    plan = _plan({"pins": [pin]})
    mine = plan.orders[(plan.orders["vessel_id"] == "v0") & (plan.orders["action"] == "collect")]
    assert mine["task_id"].iloc[0] == _collects(plan, "v0", BETWEEN)["task_id"].iloc[0]
    assert mine["arrive"].min() >= late - pd.Timedelta(seconds=1)


def test_a_task_id_is_looked_up_in_the_last_plan(free):
    """A pin by task id means the patch that the last plan calls so."""
    task = _collects(free, "v1", NEAR_EAST)["task_id"].iloc[0]
    plan = _plan({"pins": [{"vessel": "v0", "task": task}]}, previous_plan=free)
    assert len(_collects(plan, "v0", NEAR_EAST))
    alone = _plan({"pins": [{"vessel": "v0", "task": "T77"}]}, previous_plan=free)
    assert any("T77 is no task of the last plan" in s for s in alone.degraded)


def test_banned_patches_are_not_worked():
    """A ban of one vessel leaves the patch to others, a ban without a vessel to nobody."""
    one = _plan({"bans": [{"vessel": "v0", "place": _place(NEAR_WEST)}]})
    assert not len(_collects(one, "v0", NEAR_WEST))
    nobody = _plan({"bans": [{"place": _place(NEAR_WEST)}]})
    assert all(not len(_collects(nobody, v, NEAR_WEST)) for v in ("v0", "v1"))
    assert "allowed" in nobody.tasks.set_index("served_by").loc["", "reason"]


def test_held_vessels_closed_ports_and_areas_and_limits():
    """Each is obeyed and said: a vessel stays, nobody ends at the port, nobody works in the area, the limit binds."""
    plan = _plan({"holds": [{"vessel": "v1", "reason": "crew ashore"}]})
    assert plan.vessels[1].reason == "Held by decision: crew ashore"
    plan = _plan({"closed_ports": [{"port": "West", "reason": "strike"}]})
    ends = plan.orders[plan.orders["action"].isin(["return", "unload"])]
    assert len(ends)
    assert (ends.geometry.x > 1.8).all()
    assert any("West is closed by decision: strike" in s for s in plan.degraded)
    corners = [[1.4, 0.4], [1.8, 0.4], [1.8, 0.8], [1.4, 0.8]]
    plan = _plan({"closed_areas": [{"name": "Drill", "reason": "navy", "polygon": corners}]})
    assert all(not len(_collects(plan, v, NEAR_EAST)) for v in ("v0", "v1"))
    plan = _plan({"limits": [{"vessel": "v0", "max_wave_height_m": 0.3}]})
    assert "0.5 m > 0.3 m" in plan.vessels[0].reason


def test_what_cannot_be_obeyed_is_named_and_the_rest_is_planned(free):
    """Unknown vessels and places, pins on held vessels or banned patches, pins out of reach: each a sentence."""
    decided = {
        "pins": [
            {"vessel": "ghost", "place": _place(BETWEEN)}, {"vessel": "v0", "place": {"lat": 0.95, "lon": 0.05}},
            {"vessel": "v0", "place": _place(NEAR_WEST)},
            {"vessel": "v1", "place": _place(NEAR_EAST), "not_before": "2026-06-12T05:30:00Z"},
        ],
        "bans": [{"vessel": "v0", "place": _place(NEAR_WEST)}, {"vessel": "v0", "task": "X"}],
        "holds": [{"vessel": "nobody", "reason": "none"}], "limits": [{"vessel": "nobody", "hold_kg": 1.0}],
        "closed_ports": [{"port": "Atlantis", "reason": "sunk"}],
    }  # fmt: skip
    plan = _plan(decided)
    said = " ".join(plan.degraded)
    for words in ("ghost", "the nearest patch is", "banned for it", "window", "X is no task", "'nobody'", "Atlantis"):
        assert words in said, (words, plan.degraded)
    assert plan.expected_kg > 0.3 * free.expected_kg


def test_pins_that_cannot_hold_together_are_named_and_all_but_the_last_hold():
    """With fuel for one patch only, two pins of one vessel clash; the smallest such set is told."""
    boats = fleet({"endurance": 22.0}, {"lon": 1.9, "home_port": "East"})
    pins = [{"vessel": "v0", "place": _place(p)} for p in (NEAR_WEST, BETWEEN, NEAR_EAST)]
    no_calls = SETTINGS.model_copy(update={"sea": SETTINGS.sea.model_copy(update={"port_calls": 0})})
    plan = _plan({"pins": pins}, boats, no_calls)
    said = [s for s in plan.degraded if "together" in s]
    assert said, plan.degraded
    served = [len(_collects(plan, "v0", p)) > 0 for p in (NEAR_WEST, BETWEEN, NEAR_EAST)]
    assert sum(served) == 3 - len(said)
    firsts = [{**p, "first": True} for p in pins[:2]]
    assert any("only one patch can be the first" in s for s in _plan({"pins": firsts}).degraded)
