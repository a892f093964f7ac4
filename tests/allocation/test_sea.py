"""Patches, weather and ways made once serve every plan of a forecast; nearest-first obeys the same law of motion."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation import nearest, plan, sea
from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.search import route_value
from oceanclean.errors import InputError
from tests.allocation.days import ISSUE, SeaWithCape, fleet, forcing, region, tracks

PATCHES = [(0.4, 0.6, 900.0), (0.7, 0.3, 600.0), (1.4, 0.7, 800.0), (1.6, 0.4, 300.0)]
QUICK = AllocationSettings(search=SearchSettings(iterations=300, rounds=1, bound_rounds=0))
AREA = region(SeaWithCape)


@pytest.fixture(scope="module")
def waters() -> sea.Sea:
    return sea.sea_of(
        tracks(PATCHES, drift=(0.1, 0.05), disagreement=0.03), None, forcing(), AREA, issue_time=ISSUE, horizon_h=48,
        settings=QUICK, seed=1,
    )  # fmt: skip


def test_a_stored_sea_gives_the_same_plan(waters, tmp_path):
    """Nothing is lost on the way to the file: same orders, same ways round the cape, and the same bytes again."""
    path = waters.save(tmp_path / sea.FILE)
    again = sea.Sea.load(path)
    assert again.save(tmp_path / "again.npz").read_bytes() == path.read_bytes()
    boats = fleet({}, {"lon": 1.9, "home_port": "East"})
    one, two = (plan.allocate_on(s, boats, AREA, settings=QUICK) for s in (waters, again))
    assert one.expected_kg == two.expected_kg > 0
    assert one.degraded == two.degraded
    assert one.orders.equals(two.orders)
    assert one.routes.equals(two.routes)


def test_a_broken_sea_is_refused_in_words(waters, tmp_path):
    """A file cut short, or of another kind, names itself."""
    path = waters.save(tmp_path / sea.FILE)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"sea\.npz"):
        sea.Sea.load(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(InputError, match=r"sea\.npz"):
        sea.Sea.load(path)


def test_nearest_first_goes_to_the_nearest_and_breaks_no_limit(waters, monkeypatch):
    """Each route can be sailed; the first patch is the nearest; what is planned brings at least as much."""
    days = []
    told = nearest.nearest_first_kg
    monkeypatch.setattr(plan, "nearest_first_kg", lambda day: days.append(day) or told(day))
    made = plan.allocate_on(waters, fleet({}, {"lon": 1.9, "home_port": "East"}), AREA, settings=QUICK)
    (day,) = days
    routes = nearest.nearest_first(day.problem, day.shares.patch, day.shares.rank)
    assert all(route_value(day.problem, v, tasks) is not None for v, tasks in enumerate(routes))
    served = [share for tasks in routes for share in tasks]
    assert len(set(served)) == len(served) > 1
    gap = np.hypot(day.patches.x[:, 0] - day.crews[0].xy[0], day.patches.y[:, 0] - day.crews[0].xy[1])
    assert day.shares.patch[routes[0][0]] == gap.argmin()
    assert 0 < made.nearest_kg <= made.expected_kg * 1.01
