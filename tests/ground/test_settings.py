"""Settings: a wrong key, unit or value names the file, the key, the value and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from oceanclean.errors import SettingsError
from oceanclean.settings import (
    Box,
    FleetSettings,
    RegionSettings,
    load,
    load_fleet_settings,
    load_region_settings,
    load_sources_settings,
    named,
)

ROOT = Path(__file__).resolve().parents[2]


def _changed(tmp_path: Path, kind: str, change) -> Path:
    content = yaml.safe_load((ROOT / "config" / kind / "demo.yaml").read_text())
    change(content)
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "regions").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_region_names_a_fleet_and_sources_that_exist(path: Path) -> None:
    """Each region of the configuration loads with its fleet and sources, and the fleet's ports are the region's."""
    region = load_region_settings(path.stem, ROOT / "config")
    fleet = load_fleet_settings(region.fleet, ROOT / "config")
    assert load_sources_settings(region.sources, ROOT / "config").currents
    assert {v.home_port for v in fleet.vessels} <= {p.name for p in region.ports}


def test_an_unknown_region_lists_those_there_are(config_dir: Path) -> None:
    """A misspelt region is answered with the near name; a path is never opened."""
    with pytest.raises(SettingsError, match=r"Did you mean 'demo'"):
        named("regions", "dmeo", config_dir)
    with pytest.raises(SettingsError, match="one of"):
        named("regions", "../fleets/demo", config_dir)


def test_an_unknown_key_suggests_the_right_one(tmp_path: Path) -> None:
    """A misspelt key names the file, the key and its likely spelling."""
    path = _changed(tmp_path, "regions", lambda c: c.update(horizont_h=72))
    with pytest.raises(SettingsError, match=r"changed\.yaml: horizont_h: .*Did you mean 'horizon_h'"):
        load(path, RegionSettings)


@pytest.mark.parametrize(
    ("field", "value"),
    [("transit_speed_kn", -3), ("hold_kg", "much"), ("efficiency", 1.2), ("hold_used_kg", 1e6), ("id", "a b"),
     ("max_wind_kn", float("nan")), ("transit_speed_m_s", 4.0)],
)  # fmt: skip
def test_a_wrong_vessel_value_names_the_vessel_and_the_field(tmp_path: Path, field: str, value: object) -> None:
    """Negative speeds, words for numbers, shares above one, NaN and foreign units are refused by name."""
    path = _changed(tmp_path, "fleets", lambda c: c["vessels"][1].update({field: value}))
    with pytest.raises(SettingsError, match=r"changed\.yaml: vessels\.1") as caught:
        load(path, FleetSettings)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"max_work_h": 14}, "rest_h"), ({"tows_with": "garza"}, "pair_swath_m"),
     ({"fuel_capacity_l": 900}, "fuel_transit_l_h"), ({"fuel_l": 900}, "fuel_capacity_l"),
     ({"tows_with": "nobody", "pair_swath_m": 90}, "does not have"), ({"hold_m3": 0}, "hold_m3"),
     ({"wave_speed_loss_per_m": 0.9}, "wave_speed_loss_per_m")],
)  # fmt: skip
def test_equipment_that_does_not_fit_together_is_refused(tmp_path: Path, fields: dict, said: str) -> None:
    """Watches without a rest, a pair without its net, fuel without its use: each names what is missing."""
    path = _changed(tmp_path, "fleets", lambda c: c["vessels"][0].update(fields))
    with pytest.raises(SettingsError, match=said):
        load(path, FleetSettings)


def test_a_vessel_tows_in_one_pair_only(tmp_path: Path) -> None:
    """Two leaders cannot have the same mate."""
    pair = {"tows_with": "garza", "pair_swath_m": 90}
    path = _changed(tmp_path, "fleets", lambda c: [c["vessels"][k].update(pair) for k in (0, 2)])
    with pytest.raises(SettingsError, match="two pairs"):
        load(path, FleetSettings)


def test_two_vessels_may_not_share_an_id(tmp_path: Path) -> None:
    """A doubled vessel id is refused."""
    path = _changed(tmp_path, "fleets", lambda c: c["vessels"][1].update(id=c["vessels"][0]["id"]))
    with pytest.raises(SettingsError, match="used twice"):
        load(path, FleetSettings)


def test_an_idle_vessel_needs_a_reason(tmp_path: Path) -> None:
    """Who stays in port is told why."""
    path = _changed(tmp_path, "fleets", lambda c: c["vessels"][0].update(available=False))
    with pytest.raises(SettingsError, match="needs a reason"):
        load(path, FleetSettings)


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "- 1\n- 2\n", "a: &x [1]\nb: *x\n", "\xff\xfe"], ids=["syntax", "list", "alias", "encoding"]
)
def test_a_file_that_is_no_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Broken syntax, a list, an alias (which can blow up) and a foreign encoding are each named."""
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"bad\.yaml"):
        load(path, RegionSettings)


def test_a_box_across_the_date_line_counts_eastwards() -> None:
    """From 175 E to 175 W is ten degrees."""
    assert Box(west=175, east=-175, south=-5, north=5).width == pytest.approx(10)
