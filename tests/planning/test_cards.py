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
