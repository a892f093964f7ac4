"""What people decided, what would be otherwise, and where to search: as the page, the files and plan.json say it."""

from __future__ import annotations

import html
import itertools
import json
import math

import pytest
from plan_factory import HOSTILE

from oceanclean.decisions import Ban, ClosedPort, Hold, Limit, Pin
from oceanclean.planning.hand import kept, what_if_of
from oceanclean.planning.model import PlanView
from oceanclean.planning.search_pattern import chance_within, expanding_square, search_radius_nm
from oceanclean.settings import ZoneSettings


@pytest.fixture(scope="module")
def view(published) -> PlanView:
    """The ordinary day's model, read back from plan.json."""
    from pydantic import TypeAdapter

    return TypeAdapter(PlanView).validate_json(published.text("plan.json"))


def test_decisions_stand_on_the_page_with_their_price(published):
    """Each decision with its price and whether the plan keeps to it; the sum is the two plans' difference."""
    page = html.unescape(published.text("plan.html"))
    hand = json.loads(published.text("plan.json"))["hand"]
    assert [(d["cost_kg"], d["kept"]) for d in hand["decisions"]] == [(12.0, True), (0.0, False), (None, True)]
    assert hand["cost_kg"] == pytest.approx(4620 - 4545, abs=0.01)
    assert "manati works patch P01 first" in page
    assert "NO: see what is degraded" in page
    assert "they cost 75\u00a0kg (1.6\u00a0%)" in page


def test_an_approval_by_a_hostile_name_is_text(hostile):
    """Status, name, time and note of the approval; the name's markup is shown, not run."""
    page = hostile.text("plan.html")
    assert 'class="status approved">APPROVED' in page
    assert "<script>alert(1)" not in page
    assert html.escape(HOSTILE[0].split("\u2028")[0].strip(), quote=False)[:30] in page
    assert "Tue 16 Jun 11:20 UTC" in page


def test_the_what_if_table_says_what_changes(published):
    page = html.unescape(published.text("plan.html"))
    assert "Manati cannot sail" in page
    assert "−2\u202f240\u00a0kg" in page
    assert "+155\u00a0kg" in page


def test_the_plan_before_stands_against_what_was_reported(published):
    """Only vessels that reported are compared; one without a report says so."""
    page = html.unescape(published.text("plan.html"))
    assert "720\u00a0kg</strong>; the same vessels were expected to have 900\u00a0kg by then (80\u00a0%)" in page
    assert "no report" in page


@pytest.mark.parametrize(
    ("decision", "wanted"),
    [
        (Pin(vessel="manati", task="P01"), True),
        (Pin(vessel="manati", task="P04", first=True), False),
        (Pin(vessel="garza", task="P01"), False),
        (Pin(vessel="manati", place={"lat": 16.18, "lon": -87.35, "within_km": 3}), True),
        (Pin(vessel="manati", place={"lat": 15.0, "lon": -87.35, "within_km": 3}), False),
        (Ban(task="P08"), True),
        (Ban(task="P01"), False),
        (Ban(vessel="garza", task="P01"), True),
        (Hold(vessel="tortuga", reason="x"), True),
        (Hold(vessel="manati", reason="x"), False),
        (ClosedPort(port="Utila", reason="x"), True),
        (ClosedPort(port="Roatan", reason="x"), False),
        (Limit(vessel="manati", max_wave_height_m=1.0), False),
        (Limit(vessel="manati", max_wave_height_m=2.0), True),
        (Limit(vessel="manati", transit_speed_kn=5), None),
        (ZoneSettings(name="a", reason="x", polygon=[(-88, 16), (-87, 16), (-87, 16.3), (-88, 16.3)]), False),
        (ZoneSettings(name="a", reason="x", polygon=[(-88, 16), (-87, 16), (-87, 16.3), (-88, 16.3)],
                      ends="2026-06-16T12:00:00Z"), True),
        (ZoneSettings(name="a", reason="x", polygon=[(272, 18), (273, 18), (273, 19)]), True),
    ],
)  # fmt: skip
def test_whether_a_decision_is_kept_is_read_off_the_orders(view, decision, wanted):
    """Every kind of decision, kept and broken."""
    assert kept(decision, view.vessels, view.tasks) is wanted


def test_a_search_square_covers_its_radius_without_gaps():
    """Every place within the radius lies within half a spacing of a leg; legs turn right; they begin down the drift."""
    square = expanding_square(4.0, 1.6, 70.0, 9.0, 0.8)
    assert square.legs[0][0] == 70.0
    assert square.radius_nm >= 4.0
    turns = {(b[0] - a[0]) % 360 for a, b in itertools.pairwise(square.legs)}
    assert turns == {90.0}
    x = y = 0.0
    track = [(x, y)]
    for course, length in square.legs:
        for _ in range(40):
            x += length / 40 * math.sin(math.radians(course))
            y += length / 40 * math.cos(math.radians(course))
            track.append((x, y))
    for angle in range(0, 360, 10):
        for radius in (1.0, 2.0, 3.0, 4.0):
            place = radius * math.sin(math.radians(angle)), radius * math.cos(math.radians(angle))
            assert min(math.dist(place, p) for p in track) <= 1.6 / 2 + 0.05, (angle, radius)
    assert square.distance_nm == pytest.approx(sum(length for _, length in square.legs), abs=0.1)


def test_the_search_radius_holds_what_it_promises():
    """With the chance within 4 km as given, the radius holds 80 % of a circular normal; no chance, no radius."""
    import numpy as np

    sigma = 3000.0
    within = 1 - math.exp(-(4000.0**2) / (2 * sigma**2))
    radius_m = search_radius_nm(within, 4000.0, 0.8) * 1852
    draws = np.random.default_rng(1).normal(scale=sigma, size=(20_000, 2))
    assert np.mean(np.hypot(*draws.T) <= radius_m) == pytest.approx(0.8, abs=0.01)
    assert chance_within(radius_m / 1852, within, 4000.0) == pytest.approx(0.8)
    assert chance_within(0.5 * radius_m / 1852, within, 4000.0) == pytest.approx(1 - 0.2**0.25)
    assert search_radius_nm(0.0, 4000.0, 0.8) is None
    assert search_radius_nm(None, 4000.0, 0.8) is None
    assert search_radius_nm(1e-6, 4000.0, 0.8) == 8.0
    # whoever is in a wide patch need not search it through: a sure patch of 9 km asks for little more than a look round
    assert search_radius_nm(1.0, 4000.0, 0.8, 9000.0) < 1.2
    assert search_radius_nm(0.6, 4000.0, 0.8, 2000.0) > search_radius_nm(0.9, 4000.0, 0.8, 2000.0)


def test_a_search_ends_in_time_and_says_what_it_covers(view):
    """No square takes longer than three hours or half of the endurance to spare; a short one promises less."""
    searches = [(o, o.search) for v in view.vessels for o in v.orders if o.action == "collect"]
    assert any(square for _, square in searches)
    for order, square in searches:
        if square is not None:
            assert square.hours <= min(3.0, order.spare_h / 2) + 0.01
            assert 0 < square.covers <= 0.8


def test_nobody_is_turned_to_a_patch_where_work_is_closed(published):
    """A patch left for its worth may be an alternate; the same patch in a closed area may not."""
    from datetime import UTC, datetime

    from oceanclean.planning.cards import Patches, _alternate
    from oceanclean.planning.model import Task
    from oceanclean.products import names

    def patch(left_for):
        return Task(task_id="T9", lat=16.1, lon=-87.0, mass_kg=500.0, p10_kg=1.0, p90_kg=900.0, radius_m=500.0,
                    density_kg_km2=9.0, served_by="", left_for=left_for, reason="in words", evidence="", observed=True,
                    observation_age_h=3.0, debris_probability=None, track=[])  # fmt: skip

    def turned(left_for):
        row, limits = {"endurance_left_h": 20.0}, {"transit_speed": 6.0}
        return _alternate(
            row, 16.0, -87.0, datetime(2026, 6, 16, 12, tzinfo=UTC), Patches([patch(left_for)]), limits, 4
        )

    assert turned("worth").task_id == "T9"
    assert all(turned(kind) is None for kind in names.LEFT_FOR if kind != "worth")


def test_a_difference_within_the_searchs_noise_is_none():
    """A row whose change is no larger than the noise says that there is no difference; its figure is kept."""
    rows = [{"kind": "faster", "text": "x", "expected_kg": 1000.0 + d, "change_kg": d, "vessels_sent": 2}
            for d in (15.0, -15.0, 25.0, -300.0)]  # fmt: skip
    assert [w.differs for w in what_if_of(rows, 20.0)] == [False, False, True, True]
    assert what_if_of(rows, 20.0)[0].change_kg == 15.0
    assert what_if_of(None, 20.0) == []


def test_the_main_risk_is_what_nobody_has_seen(view):
    """Where half of the catch rests on patches without a look, that is the risk, before rough water."""
    from dataclasses import replace

    from oceanclean.planning.verdict import main_risk

    sent = [o for v in view.vessels for o in v.orders if o.action == "collect"]
    best = max(sent, key=lambda o: o.expected_kg).task_id
    sure = [replace(v, orders=[replace(o, forecasts_in_reach=1.0) for o in v.orders]) for v in view.vessels]
    none = [replace(t, observed=False) for t in view.tasks]
    one = [replace(t, observed=t.task_id == best) for t in view.tasks]
    assert "None of the patches was seen" in main_risk(sure, none)
    share = sum(o.expected_kg for o in sent if o.task_id != best) / sum(o.expected_kg for o in sent)
    assert ("today's data do not show" in main_risk(sure, one)) == (share >= 0.5)
    assert "data" not in main_risk(sure, [replace(t, observed=True) for t in view.tasks])


@pytest.mark.parametrize(("share", "said"), [(0.12, True), (0.29, True), (0.31, False)])
def test_where_most_of_the_sea_is_unseen_nothing_is_told_of_more_or_less(published, share, said):
    """Below 30 % seen the first sentence says so, and the word "usual" stands only in it."""
    from oceanclean.planning.model import Seen
    from oceanclean.planning.provenance import degraded_of

    sentences = degraded_of(published.day.plan, {"degraded": ["No scene today."]}, [], Seen(share, 0.0, 1 - share, 3.0))
    assert ("cannot be told" in sentences[0]) == said
    assert sum("usual" in s for s in sentences) == said


def test_every_clock_time_of_map_and_timeline_has_its_day(published, view):
    """A plan of three days: Tue 06:40 and Wed 06:40 are told apart on the map, in the timeline and in the message."""
    import re

    from oceanclean.planning.mapdata import _vessel
    from oceanclean.planning.timeline import timeline

    day = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d")
    stops = [s["time"] for v in view.sent for s in _vessel(v, view.header.timezone)["stops"]]
    assert stops
    assert all(day.fullmatch(s) for s in stops)
    assert all(day.fullmatch(label) for _x, label, _utc in timeline(view).marks)
    text = published.text(f"message-{view.sent[0].file_name}.txt")
    assert len(re.findall(r"\d\d/\d{4}(-\d\d/\d{4}|-\d{4})?Z", text)) == len(view.sent[0].orders)


def test_the_bends_of_a_way_leave_a_message_before_any_order_does(view):
    """With room the message names every bend; without, the first course and how many turns follow."""
    from oceanclean.planning.exchange.message import _line

    order = next(o for v in view.sent for o in v.orders if len(o.way) > 2)
    whole, short = _line(order), _line(order, 4)
    assert whole.count("N 0") == len(order.way) + (order.action == "collect")
    assert f"then {len(order.way) - 1} turns" in short
    assert len(short) < len(whole)
