"""The planner's desk: forms make decisions, re-plan and approve; nobody else's form is taken; text stays text."""

from __future__ import annotations

import html
import re

import pytest
from fastapi.testclient import TestClient

from oceanclean.chain import DailyRun
from oceanclean.decisions import Decisions
from oceanclean.desk import desk, forms
from oceanclean.errors import InputError, MissingDataError
from tests.chain.conftest import Place

HERE = {"base_url": "http://127.0.0.1:8765"}


def client_of(place: Place) -> TestClient:
    return TestClient(desk(DailyRun("cove", "2026-06-15T11:00:00Z", place.work, place.config)), **HERE)


def token_of(client: TestClient) -> str:
    return re.search(r'name="token" value="([^"]+)"', client.get("/").text)[1]


def vessels_of(client: TestClient) -> list[str]:
    form = re.search(r"Keep a vessel in port</legend>.*?</form>", client.get("/").text, re.S)[0]
    return re.findall(r'<option value="([^"]+)">', form)


def test_a_planner_holds_a_vessel_re_plans_and_approves(continued: Place) -> None:
    """Noted, planned with, priced, approved with a name: each step is said on the desk."""
    client = client_of(continued)
    token, vessel = token_of(client), vessels_of(client)[0]
    evil = "<script>alert(1)</script>\u202e"
    said = client.post("/add", data={"token": token, "kind": "holds", "vessel": vessel, "reason": evil}).text
    assert "not planned with yet" in said
    assert "<script>" not in said
    assert html.escape("<script>alert(1)</script>") in said
    said = client.post("/replan", data={"token": token, "by": "A. Planner"}).text
    assert "Re-planned in" in said
    assert "together they cost" in said
    assert "not planned with yet" not in said
    digest = re.search(r'name="plan" value="([0-9a-f]{64})"', said)[1]
    said = client.post("/approve", data={"token": token, "by": "A. Planner", "plan": digest}).text
    assert 'class="status approved"' in said
    assert "A. Planner" in client.get("/audit").text
    assert "APPROVED" in client.get("/plan/plan.html").text
    said = client.post("/remove", data={"token": token, "kind": "holds", "index": "0"}).text
    assert "not planned with yet" in said


def test_only_its_own_forms_under_its_own_name_are_taken(planned: Place) -> None:
    """Another host name (rebinding), another site's form, a missing token, a file that is not the plan's: refused."""
    client = client_of(planned)
    token = token_of(client)
    assert client.get("/", headers={"host": "evil.example:8765"}).status_code == 403
    form = {"token": token, "by": "X"}
    assert client.post("/approve", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/approve", data={"by": "X"}).status_code == 403
    assert client.post("/approve", data={"token": "x", "by": "X"}).status_code == 403
    for name in ("..%2Frun.json", "stage.json", "nothing"):
        assert client.get(f"/plan/{name}").status_code == 404
    assert "script-src" not in client.get("/").headers["content-security-policy"]  # default-src 'none' forbids them
    assert client.get("/audit").text == ""


def test_what_cannot_be_done_is_said(planned: Place) -> None:
    """A form that misses something, an approval without a name: a sentence, no change."""
    client = client_of(planned)
    token = token_of(client)
    said = client.post("/add", data={"token": token, "kind": "holds", "vessel": "manati", "reason": ""}).text
    assert "Not done." in said
    assert "Not done." in client.post("/approve", data={"token": token, "by": " "}).text
    assert client.get("/audit").text == ""


def test_the_desk_needs_a_planned_day(tmp_path, small_config) -> None:
    with pytest.raises(MissingDataError, match="oceanclean plan"):
        desk(DailyRun("cove", "2026-06-15T11:00:00Z", tmp_path, small_config))


def test_forms_make_decisions() -> None:
    """Every form of the desk makes one decision of its kind, with what was typed."""
    made = Decisions()
    made = forms.added(made, "pins", {"vessel": "a", "task": "T1", "first": "1", "not_before": "2026-06-15T12:00"})
    made = forms.added(made, "bans", {"vessel": "", "task": "T2", "reason": ""})
    made = forms.added(made, "closed_ports", {"port": "Utila", "reason": "pier"})
    made = forms.added(made, "limits", {"vessel": "a", "limit": "max_wave_height_m", "value": "1.2"})
    area = {
        "name": "reef",
        "reason": "turtles",
        "corners": "16.2, -87.1\n16.3 -87.1; 16.3, -87.0",
        "starts": "",
        "ends": "",
    }
    made = forms.added(made, "closed_areas", area)
    assert made.pins[0].first
    assert made.limits[0].max_wave_height_m == 1.2
    assert made.closed_areas[0].polygon[0] == (-87.1, 16.2)
    assert [e.kind for e in made.entries()] == ["pins", "bans", "closed_ports", "closed_areas", "limits"]
    assert forms.removed(made, "pins", "0").pins == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("limits", {"vessel": "a", "limit": "max_wave_height_m", "value": "high"}),
        ("limits", {"vessel": "a", "limit": "colour", "value": "1"}),
        ("closed_areas", {"name": "x", "reason": "y", "corners": "16, -87"}),
        ("closed_areas", {"name": "x", "reason": "y", "corners": "here; there; elsewhere"}),
        ("holds", {"vessel": "a", "reason": ""}),
        ("colours", {}),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_in_words(kind, fields) -> None:
    with pytest.raises(InputError, match="expected"):
        forms.added(Decisions(), kind, fields)
