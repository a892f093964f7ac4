"""The archive: every plan is found on its day, in the feed and in the summary."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import season_factory as made
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError, MissingDataError
from oceanclean.planning.archive import write_archive

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def work(tmp_path):
    """A plan that was right, one that was too hopeful, one without a report, and a failed day."""
    for day, kg in enumerate((100, 1000, 50)):
        sent = made.vessel("manati", [made.order("T1", "manati", day, 3, kg)], title="<b>Manati")
        stays = made.vessel("garza", [], reason="engine overhaul " * 12)
        made.write_run(tmp_path / "work", day, [sent, stays], degraded=["No wind today."])
    made.write_run(tmp_path / "work", 3, None)
    return tmp_path / "work"


@pytest.fixture
def archive(work, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    hauls = made.catches([made.haul("manati", 0, 3, 110, "T1"), made.haul("manati", 1, 3, 20, "T1")])
    paths = write_archive(work, folder, catches=hauls, base="https://example.org/", copy=True)
    return folder, paths


def test_the_calendar_shows_each_day_with_catch_and_skill(archive):
    """Right, too hopeful, not reported, failed: four kinds of day, and two of two reported are judged."""
    page = archive[1]["index"].read_text(encoding="utf-8")
    kinds = re.findall(r'<td class="(good|poor|told|failed)">.*?<b>(\d+)</b>', page)
    assert kinds == [("good", "15"), ("poor", "16"), ("told", "17"), ("failed", "18")]
    assert "<dd>1 of 2<" in page
    assert "June 2026" in page
    assert "<b>Manati" not in page


def test_every_link_of_the_page_leads_to_a_file(archive):
    """With --copy the folder stands alone."""
    folder, paths = archive
    links = re.findall(r'href="([^"#]+)"', paths["index"].read_text(encoding="utf-8"))
    assert len([x for x in links if x.startswith("plans/")]) == 6  # calendar and table
    assert all((folder / x).is_file() for x in links)


def test_the_feed_is_atom(archive):
    """What RFC 4287 demands of feed and entries, youngest first, addresses absolute."""
    root = ElementTree.parse(archive[1]["feed"]).getroot()  # noqa: S314 - our own file
    assert all(root.find(f"{ATOM}{name}") is not None for name in ("id", "title", "updated", "author"))
    entries = root.findall(f"{ATOM}entry")
    ids = [e.findtext(f"{ATOM}id") for e in entries]
    assert len(set(ids)) == len(ids) == 4
    updated = [e.findtext(f"{ATOM}updated") for e in entries]
    assert updated == sorted(updated, reverse=True)
    assert all(e.find(f"{ATOM}link").get("href").startswith("https://example.org/") for e in entries)


def test_the_summary_can_be_sent_as_it_is(archive):
    """A subject, an empty line, and no line over 78 characters (RFC 5322)."""
    text = archive[1]["summary:demo"].read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith("Subject: ")
    assert lines[1] == ""
    assert max(map(len, lines[1:])) <= 78
    assert "no currents" in text
    assert "2026-06-16" in text


def test_no_run_is_an_error(tmp_path):
    """And says what to do."""
    with pytest.raises(MissingDataError, match="Plan a day first"):
        write_archive(tmp_path, tmp_path)


def test_a_folder_of_other_files_is_not_replaced(work, tmp_path):
    """The command refuses; an earlier archive it replaces."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    done = CliRunner().invoke(app, ["archive", "--work", str(work), "--out", str(mine)])
    assert isinstance(done.exception, InputError)
    assert (mine / "letter.txt").is_file()
    for _ in range(2):
        done = CliRunner().invoke(app, ["archive", "--work", str(work), "--out", str(tmp_path / "out")])
        assert done.exit_code == 0, done.output
