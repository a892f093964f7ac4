"""The season report: every kilogram is counted once, for the plan that was in force, and nothing is made up."""

from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import timedelta

import numpy as np
import pytest
import season_factory as made
from scipy.stats import binomtest

from oceanclean.errors import MissingDataError, SettingsError
from oceanclean.planning.runs import read_audit, read_runs
from oceanclean.planning.season import SeasonSettings, nature, season_report
from oceanclean.planning.season.compliance import approvals, software_licences
from oceanclean.planning.season.tally import hit_rate, square, tally
from oceanclean.settings import load_model_settings
from oceanclean.store import digest_record


def _write_season(folder):
    """Two plans, of which the second overtakes an order of the first, and a day without a plan."""
    late = made.order("T2", "manati", 0, 30, 400)  # begins after the next plan was issued
    stays = made.vessel("garza", [], reason="sea of 2.3 m is too high")
    made.write_run(folder, 0, [made.vessel("manati", [made.order("T1", "manati", 0, 3, 600), late]), stays])
    second = made.vessel("manati", [made.order("T1", "manati", 1, 3, 100)])
    made.write_run(folder, 1, [second, made.vessel("garza", [made.order("T3", "garza", 1, 4, 200)])])
    made.write_run(folder, 2, None)
    return folder


@pytest.fixture
def work(tmp_path):
    """A season that a test may change."""
    return _write_season(tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Its work folder and the files of its report, for tests that only read."""
    folder = _write_season(tmp_path_factory.mktemp("season"))
    return folder, report(folder, folder / "out")


HAULS = [
    made.haul("manati", 0, 3.5, 500, "T1", "net"),
    made.haul("manati", 0, 6, 50, "T1", "net"),
    made.haul("manati", 1, 3, 400, "T1", "rope"),
    made.haul("garza", 1, 4.5, 0, ""),
]


def count(work, hauls=HAULS, **settings):
    runs, notes = read_runs(work, "demo", made.FIRST, made.LAST)
    return tally(
        made.region(), runs, made.catches(hauls), SeasonSettings(**settings), made.FIRST, made.LAST, notes=notes
    )


def test_every_kilogram_is_counted_once(work):
    """Days, vessels and squares each add up to what was reported."""
    season = count(work)
    for table in (season.days, season.vessels, season.areas):
        assert table["caught_kg"].sum() == pytest.approx(950)


def test_an_order_that_the_next_plan_overtook_is_not_expected(work):
    """600 of the first plan's 1000 kg are left, and its interval is scaled alike."""
    first = count(work).days.iloc[0]
    assert first["expected_kg"] == pytest.approx(600)
    assert (first["p10_kg"], first["p90_kg"]) == (pytest.approx(360), pytest.approx(840))
    assert first["inside"] == "yes"


def test_a_haul_belongs_to_the_plan_in_force_when_it_began(work):
    """A minute before the next plan it is the old plan's, from its issue on the new one's."""
    season = count(work, [made.haul("manati", 0, 23.99, 1), made.haul("manati", 1, 0, 2)])
    assert season.days["caught_kg"].tolist()[:2] == [1, 2]
    assert season.hauls["issue_time"].tolist() == [made.stamp(0, 0), made.stamp(1, 0)]


def test_a_plan_of_two_days_is_told_and_caught_on_both(tmp_path):
    """Expected catch and interval fall on the day of the work; a plan of the day before the season still counts."""
    orders = [made.order("T1", "manati", 0, 3, 600), made.order("T2", "manati", 0, 30, 400)]
    made.write_run(tmp_path, 0, [made.vessel("manati", orders)])
    hauls = [made.haul("manati", 0, 3, 550, "T1"), made.haul("manati", 0, 30, 10, "T2")]
    runs, _ = read_runs(tmp_path, "demo")
    whole = tally(made.region(), runs, made.catches(hauls), SeasonSettings(), made.FIRST, made.LAST)
    assert whole.days["expected_kg"].tolist()[:2] == [600, 400]
    assert whole.days["inside"].tolist() == ["yes", "no", ""]
    assert whole.lost["kind"].tolist() == ["no plan"]  # the third day
    assert whole.days["plan"].tolist() == ["complete", "of 2026-06-15", "none"], "the second day has no plan"
    assert whole.days["vessels_sent"].tolist() == [1, 1, 0]
    second = made.FIRST + timedelta(days=1)
    late = tally(made.region(), runs, made.catches(hauls), SeasonSettings(), second, second)
    assert (late.caught_kg, late.by_order.of, late.runs) == (10, 1, [])


def test_hauls_of_one_order_are_judged_together_and_unnamed_ones_by_time(work):
    """T1 brought 550 in two hauls (inside 300–900); 400 is outside 50–150; a silent 0 is outside 100–300."""
    season = count(work)
    assert (season.by_order.inside, season.by_order.of) == (1, 3)
    assert season.hauls["order"].ge(0).all()
    far = count(work, [made.haul("garza", 1, 20, 5)])  # ten hours after the order's end
    assert far.hauls["order"].tolist() == [-1]
    assert far.caught_kg == 5


def test_the_interval_of_the_hit_rate_is_wilsons():
    """Against scipy's own."""
    told = np.array([[0.0, 1.0]] * 10)
    rate = hit_rate(told, np.array([0.5] * 6 + [2.0] * 4), 0.95)
    ours = binomtest(6, 10).proportion_ci(0.95, method="wilson")
    assert (rate.low, rate.high) == (pytest.approx(ours.low), pytest.approx(ours.high))
    assert hit_rate(np.empty((0, 2)), np.empty(0), 0.95).of == 0


def test_days_lost_say_why(work):
    """Kept in port, nothing found, no plan, no report."""
    lost = count(work, HAULS[2:]).lost
    found = {(str(r.day), r.vessel): r.kind for r in lost.itertuples()}
    assert found == {
        ("2026-06-15", "Manati"): "no report", ("2026-06-15", "Garza"): "kept in port",
        ("2026-06-16", "Garza"): "nothing found", ("2026-06-17", "all"): "no plan",
    }  # fmt: skip
    assert "2.3 m" in lost[lost["kind"] == "kept in port"]["reason"].iloc[0]
    assert "no currents" in lost[lost["kind"] == "no plan"]["reason"].iloc[0]


def test_no_price_no_cost(work):
    """The shipped settings have no price; a price needs a source; what has none is named as missing."""
    shipped = load_model_settings("season", SeasonSettings)
    assert not shipped.costs.given
    assert count(work).cost is None
    cost = count(work, costs={"currency": "EUR", "vessel_day": {"value": 1000, "source": "charter party"}}).cost
    assert cost is not None
    assert cost.total == 3000  # manati on two days, garza on one
    assert cost.per_kg == pytest.approx(3000 / 950)
    assert [m.split(":")[0] for m in cost.missing] == ["fuel", "disposal"]


@pytest.mark.parametrize("costs", ["{currency: EUR, vessel_day: {value: 5}}", "{vessel_day: {value: 5, source: x}}"])
def test_a_price_without_a_source_or_a_currency_is_refused(tmp_path, config_dir, costs):
    """The settings name what is missing."""
    shutil.copytree(config_dir, tmp_path / "config")
    (tmp_path / "config" / "models" / "season.yaml").write_text(f"costs: {costs}")
    with pytest.raises(SettingsError, match=r"source|currency"):
        load_model_settings("season", SeasonSettings, tmp_path / "config")


def test_hauls_in_a_closed_area_are_counted_while_it_is_closed(work):
    """Garza works in the demo's closed area; a zone that ended before the haul does not count."""
    season = count(work, [made.haul("garza", 1, 4, 30)])
    table, notes = nature.zones(season)
    assert (table["hauls"].tolist(), table["caught_kg"].tolist(), notes) == ([1], [30], [])
    ended = season.region.exclusion_zones[0].model_copy(
        update={"ends": season.hauls["started_at"].iloc[0] - np.timedelta64(1, "D")}
    )
    season.region = season.region.model_copy(update={"exclusion_zones": [ended]})
    assert nature.zones(season)[0]["hauls"].tolist() == [0]


def test_classes_leave_out_hauls_that_found_nothing(work):
    """And count what was not told as such."""
    season = count(work, [*HAULS, made.haul("manati", 1, 8, 10)])
    classes = nature.caught_classes(season).groupby("debris")["caught_kg"].sum()
    assert classes.to_dict() == {"net": 550, "not told": 10, "rope": 400}


@pytest.mark.parametrize(
    ("lat", "lon", "name"), [(16.2, -87.2, "16°00.00′N 087°15.00′W"), (-0.1, 0.1, "00°15.00′S 000°00.00′E")]
)
def test_a_square_is_named_by_its_south_west_corner(lat, lon, name):
    """On both sides of the equator and of Greenwich."""
    assert square(lat, lon, 0.25) == name


def test_a_trend_needs_days(work):
    """Two days give none; five days whose catch an hour (two hours each) rises by 10 kg a day give that slope."""
    assert count(work).trend is None
    for day in (3, 4, 5):
        made.write_run(work, day, [made.vessel("manati", [made.order("T1", "manati", day, 3, 100)])])
    runs, _ = read_runs(work)
    rising = made.catches([made.haul("manati", day, 3, 100 + 20 * day) for day in (0, 1, 3, 4, 5)])
    last = made.LAST + timedelta(days=3)
    trend = tally(made.region(), runs, rising, SeasonSettings(trend_days=5), made.FIRST, last).trend
    assert trend is not None
    assert trend.slope == pytest.approx(10)


def test_approvals_come_from_the_audit_log_wherever_it_lies(work):
    """In the run's folder without region and time, in the work folder with them; a torn line is a note."""
    runs, _ = read_runs(work)
    (runs[0].folder / "audit.jsonl").write_text('{"at": "2026-06-15T11:30:00Z", "name": "Ana", "action": "approved"}\n')
    line = {
        "time": "2026-06-16T12:00:00Z",
        "by": "Ben",
        "event": "approve",
        "region": "demo",
        "issue_time": runs[1].issue_time,
    }
    (work / "audit.jsonl").write_text(json.dumps(line) + '\n{"time": "20')
    log = read_audit(work)
    table = approvals(runs, log.decisions)
    assert table["approved_by"].tolist() == ["Ana", "Ben"]
    assert set(table["status"]) == {"APPROVED"}
    assert log.notes == ["audit.jsonl:2: not a JSON object."]


def test_an_approval_holds_for_the_plan_it_names_until_it_is_withdrawn(work):
    """Another plan's digest does not count; a withdrawal ends an approval, a later approval renews it."""
    outputs = {"plan.json": "aa"}
    made.write_run(work, 3, [made.vessel("manati", [made.order("T1", "manati", 3, 3, 1)])],
                   stages=[{"stage": "allocate", "outputs": outputs, "facts": {}}])  # fmt: skip
    run = read_runs(work)[0][-1]

    def status(*words: tuple[str, str]) -> str:
        lines = [
            {"time": f"2026-06-18T12:0{i}:00Z", "by": "Ana", "what": w, "plan": p} for i, (w, p) in enumerate(words)
        ]
        (run.folder / "audit.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return approvals([run], read_audit(work).decisions)["status"].iloc[0]

    own = digest_record(outputs)
    assert status(("approved", own)) == "APPROVED"
    assert status(("approved", "other")) == "DRAFT"
    assert status(("approved", own), ("withdrawn", own)) == "DRAFT"
    assert status(("approved", own), ("withdrawn", own), ("approved", own), ("re-planned", own)) == "APPROVED"


def test_every_package_is_listed_with_its_licence():
    """What oceanclean requires, and what that requires in turn."""
    table = software_licences().set_index("package")
    assert {"numpy", "pandas", "jinja2"} <= {name.lower() for name in table.index}
    assert "BSD" in table.loc["numpy", "licence"]
    assert (table["licence"] == "not stated").mean() < 0.1


def test_a_run_that_cannot_be_read_ends_no_report(work):
    """It becomes a sentence of the report."""
    (work / "runs" / "demo" / "2026-06-15T1100Z" / "run.json").write_text("{torn")
    season = count(work)
    assert any("no readable ledger" in note for note in season.notes)


def report(work, folder, hauls=HAULS):
    folder.mkdir()
    return season_report(
        made.region(), work=work, catches=made.catches(hauls), start=made.FIRST, end=made.LAST, folder=folder
    )


def test_the_same_season_gives_the_same_files(reported, tmp_path):
    """PDF and pictures included: no clock is read."""
    work, one = reported
    two = report(work, tmp_path / "two")
    assert {n: p.read_bytes() for n, p in one.items()} == {n: p.read_bytes() for n, p in two.items()}
    assert one["pdf"].read_bytes().startswith(b"%PDF")


def test_page_and_tables_say_the_same(reported):
    """950 kg in the verdict, in the CSV of days and of hauls."""
    paths = reported[1]
    assert "950\u00a0kg of debris" in paths["season"].read_text(encoding="utf-8")
    for name in ("days.csv", "hauls.csv", "areas.csv"):
        rows = csv.DictReader(io.StringIO(paths[name].read_text(encoding="utf-8")))
        assert sum(float(r["caught_kg"] or 0) for r in rows) == pytest.approx(950)


def test_hostile_names_stay_text(tmp_path):
    """Markup is shown, formulas are not run, an emoji breaks no PDF."""
    title = "<script>alert(1)</script> ⛵ =1+1"
    made.write_run(tmp_path, 0, [made.vessel("manati", [made.order("T1", "manati", 0, 3, 600)], title=title)])
    paths = report(tmp_path, tmp_path / "out", [made.haul("manati", 0, 3, 5, "T1", "=cmd()")])
    for name in ("season", "manager", "biologist", "compliance"):
        assert "<script" not in paths[name].read_text(encoding="utf-8")
    assert "'=cmd()" in paths["hauls.csv"].read_text(encoding="utf-8")


def test_nothing_to_report_is_an_error(tmp_path):
    """Neither a run nor a haul in these days."""
    with pytest.raises(MissingDataError, match="no run and no haul"):
        report(tmp_path, tmp_path / "out", [made.haul("manati", 40, 3, 5)])


def test_the_pages_ask_the_network_for_nothing_and_fit_a_phone(reported):
    """In a real browser, at 1440 and 390 pixels."""
    import browser

    if browser.executable() is None:
        pytest.skip("no Chromium")
    paths = reported[1]
    with browser.tab() as tab:
        for name in ("season", "manager", "biologist", "compliance"):
            for width in (1440, 390):
                tab.open(paths[name], width)
                assert tab.run("document.documentElement.scrollWidth") <= width, (name, width)
        assert not tab.complaints
        assert [r for r in tab.requests if not r.startswith(("file:", "data:"))] == []
