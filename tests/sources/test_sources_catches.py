"""Catch reports: read in the contract's terms, counted once, wrong lines named."""

from __future__ import annotations

import pandas as pd
import pytest

from oceanclean.errors import InputError
from oceanclean.sources.catches import read_catches

HEADER = "start,end,lat,lon,vessel,task,caught_kg,swept_m,reported_at,note\n"
ROWS = [
    "2026-06-15T12:00Z,2026-06-15T14:00Z,16.1,-87.5,manati,A1,310,9000,2026-06-15T15:00Z,nets\n",
    "2026-06-15T10:00Z,,16.2,-87.4,garza,,0,,2026-06-15T11:00Z,\n",
]


def written(tmp_path, rows, header=HEADER):
    path = tmp_path / "catches.csv"
    path.write_text(header + "".join(rows), encoding="utf-8")
    return path


def test_reports_come_in_the_order_of_time(tmp_path):
    table, notes = read_catches([written(tmp_path, ROWS)])
    assert list(table["vessel_id"]) == ["garza", "manati"]
    assert list(table["caught_kg"]) == [0.0, 310.0]
    assert table["ended_at"].iloc[0] == table["started_at"].iloc[0]
    assert pd.isna(table["swept_m"].iloc[0])
    assert table.geometry.iloc[1].coords[0] == (-87.5, 16.1)
    assert notes == []


def test_what_was_reported_later_is_not_known_yet(tmp_path):
    table, _ = read_catches([written(tmp_path, ROWS)], issue_time="2026-06-15T12:00Z")
    assert list(table["vessel_id"]) == ["garza"]


def test_a_haul_that_was_reported_again_counts_once_with_its_latest_figure(tmp_path):
    again = ROWS[0].replace(",310,", ",280,").replace("T15:00Z", "T18:00Z")
    table, notes = read_catches([written(tmp_path, [again, *ROWS])])
    assert table["caught_kg"].sum() == 280
    assert "counted once: 1" in notes[0]


def test_no_files_give_an_empty_table():
    table, _ = read_catches([])
    assert len(table) == 0
    assert "caught_kg" in table


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (",310,", ",-3,", "caught_kg, line 2"),
        (",310,", ",many,", "caught_kg, line 2"),
        (",310,", ",inf,", "caught_kg, line 2"),
        (",manati,", ",,", "vessel_id, line 2"),
        ("2026-06-15T14:00Z", "2026-06-15T11:00Z", "ended_at, line 2"),
        (",16.1,", ",96.1,", "position, line 2"),
        (",9000,", ",-1,", "swept_m, line 2"),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path, old, new, field):
    path = written(tmp_path, [ROWS[0].replace(old, new), ROWS[1]])
    with pytest.raises(InputError, match=r"Correct|Name") as caught:
        read_catches([path])
    assert caught.value.field == field
    assert caught.value.source == str(path)
