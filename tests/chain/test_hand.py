"""A person's hand on a planned day: decisions are obeyed, priced, approved, and leave a trace that shows any change."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from oceanclean.chain import DailyRun, approve, audit, audit_file, decided, replan
from oceanclean.decisions import Ban, Decisions, Hold, Pin, load_decisions
from oceanclean.errors import CorruptStoreError, InputError, MissingDataError
from oceanclean.products.plan import Plan
from tests.chain.conftest import Place, change_yaml

NOW = datetime(2026, 6, 15, 11, 30, tzinfo=UTC)


def run_of(place: Place) -> DailyRun:
    return DailyRun("cove", "2026-06-15T11:00:00Z", place.work, place.config)


def worked(run: DailyRun) -> dict[str, list[str]]:
    """Patches by vessel, in order, of the plan that stands."""
    orders = Plan.load(run.folder.root / "allocate").orders.query("action == 'collect'").sort_values("sequence")
    return {vessel: list(rows["task_id"]) for vessel, rows in orders.groupby("vessel_id")}


def page(run: DailyRun) -> dict:
    return json.loads((run.folder.root / "publish" / "plan.json").read_text(encoding="utf-8"))


def busiest(run: DailyRun) -> str:
    sent = [v for v in Plan.load(run.folder.root / "allocate").vessels if v.status == "sent"]
    return max(sent, key=lambda v: v.expected_kg).vessel_id


def test_a_pin_is_obeyed_priced_and_shown(continued: Place) -> None:
    """A vessel sent to a patch that it did not serve goes there; all before stays in the store; the price is told."""
    run = run_of(continued)
    before, alone = worked(run), page(run)
    sea = (run.folder.root / "allocate" / "sea.npz").read_bytes()
    vessel = busiest(run)
    patch = next(t["task_id"] for t in alone["tasks"] if t["task_id"] not in before[vessel] and t["mass_kg"] > 1)
    result = replan(run, Decisions(by="A. Planner", pins=[Pin(vessel=vessel, task=patch, reason="seen")]), now=NOW)
    stages = {r.stage: r for r in result.records}
    assert stages["forecast"].reused
    assert not stages["allocate"].reused
    shared = run.folder.root / "allocate" / "undecided" / "sea.npz"  # patches and ways are not made a second time
    assert shared.read_bytes() == sea
    assert not list((run.folder.root / "allocate").glob("sea.npz"))
    hand = page(run)["hand"]
    assert hand["by"] == "A. Planner"
    assert hand["free_kg"] == pytest.approx(alone["bottom"]["expected_kg"], abs=0.01)  # not planned a second time
    assert hand["cost_kg"] == pytest.approx(hand["free_kg"] - result.expected_kg, abs=0.01)
    (decision,) = hand["decisions"]
    assert patch in decision["text"]
    if decision["kept"]:
        assert patch in worked(run)[vessel]
    else:  # what cannot be obeyed is named
        assert any(patch in sentence for sentence in page(run)["degraded"])
    assert f"{vessel} works patch {patch}" in (run.folder.root / "publish" / "plan.html").read_text(encoding="utf-8")
    assert [e.action for e in audit.read(audit_file(run))] == [audit.REPLANNED]


def test_each_of_a_few_decisions_has_its_own_price(continued: Place) -> None:
    """A vessel held in port costs about its catch; a ban on a patch that nobody serves costs nothing to speak of."""
    run = run_of(continued)
    alone = page(run)
    held = busiest(run)
    idle = next((t["task_id"] for t in alone["tasks"] if not t["served_by"]), "T99")
    replan(run, Decisions(by="B", holds=[Hold(vessel=held, reason="no crew")], bans=[Ban(task=idle)]), now=NOW)
    hand = page(run)["hand"]
    prices = {d["kind"]: d["cost_kg"] for d in hand["decisions"]}
    assert all(d["kept"] for d in hand["decisions"])
    assert held not in worked(run)
    assert prices["holds"] > 0.2 * hand["cost_kg"] > 0
    assert prices["bans"] <= 0.05 * hand["free_kg"]


def test_the_days_decisions_stand_in_its_folder_and_are_obeyed_by_the_daily_run(continued: Place) -> None:
    """The daily command finds them again; without them the plan is the planner's own."""
    run = run_of(continued)
    held = busiest(run)
    replan(run, Decisions(by="C", holds=[Hold(vessel=held, reason="no crew")]), now=NOW)
    assert load_decisions(decided.day_file(run)).holds[0].vessel == held
    replan(run, now=NOW)  # none given: those that stand
    assert held not in worked(run)
    replan(run, Decisions(), now=NOW)
    assert not decided.day_file(run).exists()
    assert held in worked(run)
    assert page(run)["hand"] is None


def test_standing_decisions_of_a_region_hold_every_day(continued: Place) -> None:
    """``config/decisions/<region>.yaml`` is obeyed beside the day's own."""
    run = run_of(continued)
    held = busiest(run)
    file = decided.standing_file(run)
    file.parent.mkdir()
    file.write_text(f"by: D\nholds: [{{vessel: {held}, reason: charter ended}}]\n", encoding="utf-8")
    replan(run, Decisions(bans=[Ban(task="T99")]), now=NOW)
    assert held not in worked(run)
    assert [d["kind"] for d in page(run)["hand"]["decisions"]] == ["bans", "holds"]


def test_the_what_if_table_plans_each_case(continued: Place) -> None:
    """Every case is a plan of its own: without its best vessel the fleet brings less, with one more not fewer sail."""
    from oceanclean.chain import stages
    from oceanclean.chain.replan import stored

    run = run_of(continued)
    change_yaml(continued.config / "models" / "planning.yaml", lambda c: c.update(what_if_iterations=50))
    allocated = stored(run, "allocate")
    weighed = stages.what_if(run, stored(run, "ingest"), stored(run, "forecast"), allocated)
    rows = {row["kind"]: row for row in weighed.facts["rows"]}
    assert list(rows) == ["fewer", "more", "faster", "slower", "rougher", "calmer"]
    assert rows["fewer"]["change_kg"] < 0
    assert rows["more"]["vessels_sent"] >= rows["fewer"]["vessels_sent"]
    assert rows["fewer"]["expected_kg"] == pytest.approx(allocated.facts["expected_kg"] + rows["fewer"]["change_kg"])


def test_an_approval_is_on_the_page_and_ends_when_the_plan_changes(continued: Place) -> None:
    """Approved with name and time; another plan is a draft again; taken back, the first is one too."""
    run = run_of(continued)
    approve(run, "E. Duty", note="weather checked", now=NOW)
    head = page(run)["header"]
    assert (head["status"], head["approved_by"], head["approved_at"]) == ("APPROVED", "E. Duty", "2026-06-15T11:30:00Z")
    assert "APPROVED" in next((run.folder.root / "publish").glob("message-*.txt")).read_text(encoding="ascii")
    replan(run, Decisions(by="E. Duty", holds=[Hold(vessel=busiest(run), reason="no crew")]), now=NOW)
    assert page(run)["header"]["status"] == "DRAFT"
    replan(run, Decisions(), now=NOW)
    assert page(run)["header"]["status"] == "APPROVED"  # the very plan that was approved
    approve(run, "E. Duty", withdraw=True, now=NOW)
    assert page(run)["header"]["status"] == "DRAFT"
    assert [e.action for e in audit.read(audit_file(run))] == ["approved", "re-planned", "withdrawn"]


def test_what_was_looked_at_is_what_is_approved(planned: Place) -> None:
    """A plan that was made anew meanwhile is not approved by mistake; nobody approves without a name."""
    run = run_of(planned)
    with pytest.raises(MissingDataError, match="made anew"):
        approve(run, "F", plan="0" * 64, now=NOW)
    with pytest.raises(InputError, match="--by"):
        approve(run, "  ", now=NOW)
    assert audit.read(audit_file(run)) == []


@pytest.mark.parametrize("harm", ["change", "drop", "swap", "cut"])
def test_a_changed_log_is_noticed(tmp_path, harm: str) -> None:
    """A word changed, a line taken out, two exchanged, a line cut short: the line is named, nothing is trusted."""
    path = tmp_path / audit.FILE
    for number in range(4):
        audit.append(path, time=f"2026-06-15T1{number}:00:00Z", action=audit.APPROVED, by="G <b>", plan="a" * 64)
    assert len(audit.read(path)) == 4
    lines = path.read_text(encoding="utf-8").splitlines()
    harmed = {
        "change": [lines[0], lines[1].replace("G <b>", "H"), *lines[2:]],
        "drop": [lines[0], *lines[2:]],
        "swap": [lines[0], lines[2], lines[1], lines[3]],
        "cut": [lines[0], lines[1][:40], *lines[2:]],
    }[harm]
    path.write_text("\n".join(harmed) + "\n", encoding="utf-8")
    with pytest.raises(CorruptStoreError, match="line 2"):
        audit.read(path)
    with pytest.raises(CorruptStoreError):
        audit.append(path, time="2026-06-15T15:00:00Z", action=audit.APPROVED, by="G", plan="b" * 64)


def test_a_day_that_was_not_planned_cannot_be_taken_up(tmp_path, small_config) -> None:
    """The error names the command that plans it; nothing is left behind but the lock."""
    run = DailyRun("cove", "2026-06-15T11:00:00Z", tmp_path, small_config)
    with pytest.raises(MissingDataError, match="oceanclean plan"):
        replan(run, Decisions(holds=[Hold(vessel="manati", reason="x")]))
    assert not decided.day_file(run).exists()


def test_the_commands_re_plan_approve_and_show_the_log(continued: Place, tmp_path) -> None:
    """From the command line: what it costs, who approved, the log; a wrong file ends with status 2, its key named."""
    run = run_of(continued)
    held = busiest(run)
    file = tmp_path / "decisions.yaml"
    file.write_text(f"by: H. Hand\nholds: [{{vessel: {held}, reason: no crew}}]\n", encoding="utf-8")
    said = continued.oceanclean("replan", "--decisions", str(file)).stdout
    assert "decided by H. Hand: costs" in said
    assert f"{held} stays (no crew): costs" in said
    assert "Approved by H. Hand" in continued.oceanclean("approve", "--by", "H. Hand").stdout
    log = continued.oceanclean("audit").stdout
    assert "2 events, chain of digests whole." in log
    file.write_text("hold: []\n", encoding="utf-8")
    done = continued.oceanclean("replan", "--decisions", str(file), check=False)
    assert done.returncode == 2
    assert "Did you mean 'holds'" in done.stderr


def test_an_approval_holds_for_its_plan_until_it_is_withdrawn(tmp_path) -> None:
    """The last word about a plan counts; what was said about another plan does not."""
    path = tmp_path / audit.FILE
    plans = {"a": "a" * 64, "b": "b" * 64}
    for number, (action, plan) in enumerate(
        [(audit.APPROVED, "a"), (audit.REPLANNED, "b"), (audit.APPROVED, "b"), (audit.WITHDRAWN, "b")]
    ):
        audit.append(path, time=f"2026-06-15T1{number}:00:00Z", action=action, by="I", plan=plans[plan])
    events = audit.read(path)
    assert audit.approval(events, plans["a"]).number == 1
    assert audit.approval(events, plans["b"]) is None
    assert audit.approval(events, "c" * 64) is None
