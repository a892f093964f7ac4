"""``oceanclean data …`` as a person calls it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError
from tests.vision.photo_factory import write_photo, write_set


def run(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


def test_audit_counts_and_writes_the_manifest(tmp_path):
    folder = write_set(tmp_path / "set", 2, labels=("paper", "glass"))
    (folder / "glass" / "same.jpg").write_bytes((folder / "paper" / "paper0.jpg").read_bytes())
    done = run("audit", folder, "--out", tmp_path / "manifest.csv", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.output)
    assert record["photos"] == 5
    assert record["exact_pairs"] == record["groups_with_contradicting_labels"] == 1
    assert len((tmp_path / "manifest.csv").read_text().splitlines()) == 6
    assert (
        "contradicting labels, group 2: glass/same.jpg (glass), paper/paper0.jpg (paper)" in run("audit", folder).output
    )


def test_the_list_of_sets_names_their_licences():
    done = run("fetch", "list")
    assert done.exit_code == 0
    assert "TrashNet" in done.output
    assert "[MIT]" in done.output


def test_intake_without_consent_opens_nothing(tmp_path):
    done = run("intake", write_photo(tmp_path / "a.jpg"), "--out", tmp_path / "in", "--observer", "Ana")
    assert isinstance(done.exception, InputError)
    assert "consent" in str(done.exception)
    assert not (tmp_path / "in").exists()


def test_a_time_without_zone_is_refused(tmp_path):
    done = run("intake", write_photo(tmp_path / "a.jpg"), "--out", tmp_path / "in", "--observer", "Ana", "--consent",
               "--time", "2026-06-01T09:30")  # fmt: skip
    assert isinstance(done.exception, InputError)
    assert "zone" in str(done.exception)
