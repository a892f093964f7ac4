"""Decisions of people: read as written, wrong ones named."""

from __future__ import annotations

import pytest

from oceanclean.decisions import Decisions, load_decisions
from oceanclean.errors import SettingsError


def written(tmp_path, text):
    path = tmp_path / "decisions.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_decisions_are_read_as_written(tmp_path):
    made = load_decisions(written(tmp_path, """
by: A. Planner
pins:
  - {vessel: manati, task: P03, first: true, reason: seen from the air}
  - {vessel: garza, place: {lat: 16.2, lon: -87.1}}
holds: [{vessel: tortuga, reason: no crew}]
closed_ports: [{port: Utila, reason: fuel pier closed}]
limits: [{vessel: pelicano, max_wave_height_m: 1.2}]
"""))  # fmt: skip
    assert made.pins[0].first
    assert made.pins[1].place.within_km == 10
    assert made.limits[0].endurance_h is None
    assert not made.empty


def test_an_empty_mapping_decides_nothing(tmp_path):
    assert load_decisions(written(tmp_path, "{}")).empty
    assert Decisions().empty


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("pins: [{vessel: a}]", "pins.0"),
        ("pins: [{vessel: a, task: P1, place: {lat: 1, lon: 2}}]", "pins.0"),
        ("pinz: []", "pinz"),
        ("holds: [{vessel: a}]", "holds.0.reason"),
        ("limits: [{vessel: a, hold_kg: -1}]", "limits.0.hold_kg"),
    ],
)
def test_a_wrong_decision_is_named(tmp_path, text, key):
    with pytest.raises(SettingsError) as caught:
        load_decisions(written(tmp_path, text))
    assert caught.value.field == key
