"""Services of fields, drifters, vessels and people, each against a local server of its protocol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from service_cases import ISSUE, fetched, serviced
from service_server import Answer, tabledap
from source_files import field, make_region

from oceanclean.errors import InputError, SettingsError
from oceanclean.settings import FleetSettings, ServiceSettings, SourceSettings
from oceanclean.sources import fetch_trouble, read_drifters, read_fleet, read_forcing, read_sightings
from oceanclean.sources.services.contract import service_of
from oceanclean.sources.services.settings import WebSettings, with_preset


@pytest.fixture
def currents() -> xr.Dataset:
    """Three days of hourly-named fields around the open-sea region, as a forecast service has them."""
    return field(hours=range(-36, 60, 3), attrs={"title": "a model"})


@pytest.fixture
def dap(currents):
    """An OPeNDAP server (pydap's own) with the field."""
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    from pydap.handlers.lib import BaseHandler
    from pydap.model import BaseType, DatasetType, GridType
    from pydap.wsgi.ssf import ServerSideFunctions

    data = DatasetType("fields")
    hours = (currents["time"].to_numpy() - np.datetime64("2026-06-01T00:00")) / np.timedelta64(1, "h")
    axes = {"time": (hours, {"units": "hours since 2026-06-01 00:00:00"}),
            "lat": (currents["lat"].to_numpy(), {"units": "degrees_north"}),
            "lon": (currents["lon"].to_numpy(), {"units": "degrees_east"})}  # fmt: skip
    for name, (values, attributes) in axes.items():
        data[name] = BaseType(name, np.asarray(values, dtype="f8"), dims=(name,), attributes=attributes)
    for name in ("uo", "vo"):
        grid = GridType(name, attributes={"units": "m s-1"})
        grid[name] = BaseType(name, currents[name].to_numpy().astype("f4"), dims=tuple(axes),
                              attributes={})  # fmt: skip
        for axis, (values, attributes) in axes.items():
            grid[axis] = BaseType(axis, np.asarray(values, dtype="f8"), dims=(axis,), attributes=attributes)
        data[name] = grid
    application = ServerSideFunctions(BaseHandler(data))
    yield from _wsgi(application, WSGIServer, WSGIRequestHandler)


def _wsgi(application, server_class, handler_class):
    import threading
    from wsgiref.simple_server import make_server

    class Quiet(handler_class):
        def log_message(self, *_):
            pass

    server = make_server("127.0.0.1", 0, application, server_class, Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fields"
    server.shutdown()
    server.server_close()


def _zarr(site, folder: Path, currents: xr.Dataset) -> str:
    """A Zarr store behind HTTP."""
    store = folder / "model.zarr"
    currents.to_zarr(store, consolidated=True, zarr_format=2)

    def key(call):
        path = store / call.path.removeprefix("/model/")
        return Answer(path.read_bytes()) if path.is_file() else Answer(b"", 404)

    site.pages["/model/.*"] = key
    return f"{site.url}/model"


@pytest.mark.parametrize("kind", ["opendap", "zarr"])
def test_fields_are_cut_and_read_as_a_forecast_of_their_day(
    kind, request, site, currents, config, tmp_path
) -> None:  # fmt: skip
    """The values are the service's, the region's part only; a plan of the hour sees all of it, one before nothing."""
    region = make_region()
    url = _zarr(site, tmp_path, currents) if kind == "zarr" else request.getfixturevalue("dap")
    source = serviced("gridded", tmp_path / "currents", kind, pattern="*.nc", url=url, steps_per_request=20)
    (outcome,), wanted = fetched(region, config, work=tmp_path, currents=source)
    assert outcome.new == 1, outcome.sentences
    with xr.open_dataset(next((tmp_path / "currents").glob("*.nc"))) as kept:
        assert kept.attrs["license"] == "a licence"
        assert kept.sizes["lon"] < currents.sizes["lon"]
        same = currents.sel(time=kept["time"], lat=kept["lat"], lon=kept["lon"])
        np.testing.assert_allclose(kept["uo"], same["uo"], atol=1e-6)
    span = {"start": "2026-06-14T18:00Z", "end": "2026-06-17T06:00Z"}
    forcing, _ = read_forcing(region, wanted, issue_time=ISSUE, work=tmp_path, **span)
    assert forcing.sizes["time"] > 10
    with pytest.raises(InputError, match="available"):
        read_forcing(region, wanted, issue_time="2026-06-15T05:00Z", work=tmp_path, **span)
    (again,), _ = fetched(region, config, work=tmp_path, currents=source)
    assert (again.new, again.kept) == (0, 1)


def test_a_field_fetched_long_after_its_day_is_no_forecast_of_it(site, currents, config, tmp_path) -> None:
    """Times after the issue time are not used unless a person says that a hindcast stands in."""
    region = make_region()
    url = _zarr(site, tmp_path, currents)
    source = serviced("gridded", tmp_path / "currents", "zarr", pattern="*.nc", url=url)
    (outcome,), wanted = fetched(region, config, now="2026-09-01T00:00Z", work=tmp_path, currents=source)
    assert outcome.new == 1, outcome.sentences
    span = {"start": "2026-06-14T18:00Z", "end": "2026-06-17T06:00Z"}
    with pytest.raises(InputError, match="last time"):
        read_forcing(region, wanted, issue_time=ISSUE, work=tmp_path, **span)


def test_parts_of_a_field_that_came_are_kept_for_the_next_fetch(site, currents, config, tmp_path) -> None:
    """The service goes down half way: the next fetch asks for the rest."""
    region = make_region()
    url = _zarr(site, tmp_path, currents.chunk({"time": 8}))
    source = serviced("gridded", tmp_path / "currents", "zarr", pattern="*.nc", url=url, steps_per_request=8)
    site.faults[r"/vo/2"] = [500] * 2
    (down,), _ = fetched(region, config, work=tmp_path, currents=source)
    assert down.outcome == "failed"
    assert "status 500" in down.sentences[-1]
    assert not list((tmp_path / "currents").glob("*.nc"))
    site.calls.clear()
    (up,), _ = fetched(region, config, work=tmp_path, currents=source)
    assert up.new == 1
    assert not site.asked(r"/vo/0")


def test_a_slow_service_does_not_hold_the_day(site, currents, config, tmp_path) -> None:
    """The source's seconds are spent: it ends, says so, and what came of it is carried on at the next fetch."""
    url = _zarr(site, tmp_path, currents.chunk({"time": 8}))
    source = serviced("gridded", tmp_path / "c", "zarr", pattern="*.nc", url=url, steps_per_request=8)
    slow = source.fetch.options["web"] | {"per_second": 8, "budget_s": 1}
    held = source.model_copy(update={"fetch": source.fetch.model_copy(update={
        "options": source.fetch.options | {"web": slow}})})  # fmt: skip
    (late,), _ = fetched(make_region(), config, work=tmp_path, currents=held)
    assert late.outcome == "failed"
    assert "not done after 1 s" in late.sentences[-1]
    assert late.seconds < 5
    (done,), _ = fetched(make_region(), config, work=tmp_path, currents=source)
    assert done.new == 1


@pytest.mark.parametrize("kind", ["opendap", "zarr"])
def test_a_dead_field_service_is_said(kind, config, tmp_path) -> None:
    """Nobody listens: one sentence that names the address."""
    source = serviced("gridded", tmp_path / "c", kind, pattern="*.nc", url="http://127.0.0.1:9/model")
    (outcome,), _ = fetched(make_region(), config, work=tmp_path, currents=source)
    assert outcome.outcome == "failed"
    assert "127.0.0.1:9/model" in outcome.sentences[0]


# ---------------------------------------------------------------- drifters, vessels, people


def _buoys() -> tuple[pd.DataFrame, list[str]]:
    times = pd.date_range("2026-06-12", "2026-06-15T05:00", freq="h")
    rows = pd.DataFrame({
        "ID": "300534060", "time": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "latitude": np.linspace(30.2, 30.6, len(times)), "longitude": np.linspace(-149.5, -149.1, len(times)),
        "drogue_lost_date": "1970-01-01T00:00:00Z",
    })  # fmt: skip
    far = rows.assign(ID="7", longitude=10.0)
    return pd.concat([rows, far], ignore_index=True), ["", "UTC", "degrees_north", "degrees_east", "UTC"]


def _drifters(site, folder: Path, **options) -> SourceSettings:
    return serviced("drifter_csv", folder, "erddap", pattern="*.csv", url=f"{site.url}/erddap", latency_h=1,
                   dataset="drifter_hourly_qc", columns={"id": "ID", "time": "time", "latitude": "latitude",
                   "longitude": "longitude", "drogue_lost_date": "drogue_lost_date"}, **options)  # fmt: skip


def test_drifters_of_an_erddap_table_come_a_file_a_day(site, config, tmp_path) -> None:
    """Fixes near the region, to the last that could be known; past days are asked for once."""
    tabledap(site, *_buoys())
    region = make_region()
    source = _drifters(site, tmp_path / "drifters", history_h=96)
    (outcome,), wanted = fetched(region, config, work=tmp_path, drifters=source)
    assert outcome.outcome == "complete", outcome.sentences
    table, _ = read_drifters(region, wanted.drifters, issue_time=ISSUE, work=tmp_path)
    assert set(table["drifter_id"]) == {"300534060"}
    assert table["time"].max() == pd.Timestamp("2026-06-15T05:00Z")
    assert table["time"].min() == pd.Timestamp("2026-06-12T00:00Z")
    assert table["drogued"].all()
    site.calls.clear()
    fetched(region, config, now="2026-06-15T06:40Z", until="2026-06-15T07:00Z", work=tmp_path, drifters=source)
    assert 0 < len(site.asked("tabledap")) <= 4


def test_an_erddap_table_that_breaks_off_or_is_unknown_is_refused(site, config, tmp_path) -> None:
    """A table cut at a line is no table; an unknown data set is not an empty day."""
    tabledap(site, *_buoys())
    good = site.pages["/erddap/tabledap/drifter_hourly_qc\\.csv"]
    site.pages["/erddap/tabledap/drifter_hourly_qc\\.csv"] = lambda call: Answer(good(call).body[:-30])
    (cut,), _ = fetched(make_region(), config, work=tmp_path, drifters=_drifters(site, tmp_path / "a"))
    assert cut.outcome == "failed"
    assert "broken off" in cut.sentences[-1]
    other = _drifters(site, tmp_path / "b")
    other.fetch.options["dataset"] = "no_such"
    (unknown,), _ = fetched(make_region(), config, work=tmp_path, drifters=other)
    assert "404" in unknown.sentences[-1]


def test_a_region_across_the_date_line_asks_a_table_twice(site, config, tmp_path) -> None:
    """Two stretches of longitude, no buoy lost between them."""
    rows, units = _buoys()
    east = rows.iloc[:76].assign(ID="E", longitude=179.5, latitude=0.5)
    west = rows.iloc[:76].assign(ID="W", longitude=-179.5, latitude=0.5)
    tabledap(site, pd.concat([east, west], ignore_index=True), units)
    region = make_region(bbox={"west": 179, "east": -179, "south": 0, "north": 1}, ports=[
        {"name": "Buoy", "lat": 0.5, "lon": 179.2}])  # fmt: skip
    _, wanted = fetched(region, config, work=tmp_path, drifters=_drifters(site, tmp_path / "d"))
    table, _ = read_drifters(region, wanted.drifters, issue_time=ISSUE, work=tmp_path)
    assert set(table["drifter_id"]) == {"E", "W"}


def _nmea(body: str) -> str:
    value = 0
    for byte in body.encode():
        value ^= byte
    return f"{body}*{value:02X}"


def test_ais_and_gps_sentences_become_the_fleets_positions(config, tmp_path) -> None:
    """Tag blocks, loggers' stamps and RMC; strangers, bad checksums and sentences without a time are left out."""
    from pyais.encode import encode_dict

    def ais(mmsi: int, lat: float, lon: float) -> str:
        return encode_dict({"type": 1, "mmsi": mmsi, "lat": lat, "lon": lon}, talker_id="AI", sentence_type="VDM")[0]

    stamp = int(pd.Timestamp("2026-06-15T05:00Z").timestamp())
    good = ais(211000001, 30.4, -149.2)
    lines = [
        f"\\{_nmea(f's:rx1,c:{stamp}')}\\{good}",
        f"2026-06-15T05:10:00Z,{ais(211000001, 30.41, -149.21)}",
        f"2026-06-15T05:20:00Z,{ais(999999999, 30.41, -149.21)}",
        ais(211000001, 30.5, -149.5),
        f"2026-06-15T05:30:00Z,{good[:-2]}FF",
        "$" + _nmea("GPRMC,051500,A,3030.000,N,14930.000,W,5.0,90.0,150626,,"),
        "garbage",
    ]  # fmt: skip
    (config / "fleets").mkdir()
    vessel = {"id": "v1", "name": "One", "home_port": "Buoy", "transit_speed_kn": 10, "collect_speed_kn": 2,
              "endurance_h": 24, "hold_kg": 100, "swath_m": 10, "efficiency": 0.5, "max_wave_height_m": 2,
              "max_wind_kn": 20, "mmsi": "211000001"}  # fmt: skip
    fleet = {"name": "none", "vessels": [vessel, {**vessel, "id": "v2", "name": "Two", "mmsi": None}]}
    (config / "fleets" / "none.yaml").write_text(json.dumps(fleet))
    (tmp_path / "ais").mkdir()
    (tmp_path / "ais" / "day.nmea").write_text("\r\n".join(lines))
    source = serviced(
        "fleet_csv", tmp_path / "fleet", "nmea", latency_h=0, pattern="*.csv", folder=str(tmp_path / "ais"), vessel="v2"
    )
    region = make_region()
    (outcome,), wanted = fetched(region, config, work=tmp_path, fleet_status=source)
    assert outcome.new == 1, outcome.sentences
    state, _ = read_fleet(region, FleetSettings.model_validate(fleet), wanted.fleet_status, issue_time=ISSUE,
                          work=tmp_path)  # fmt: skip
    where = {r.vessel_id: (round(r.geometry.y, 3), round(r.geometry.x, 3)) for r in state.itertuples()}
    assert where == {"v1": (30.41, -149.21), "v2": (30.5, -149.5)}


def test_sightings_are_taken_file_by_file_and_bad_ones_put_aside(config, tmp_path) -> None:
    """A bad file goes to refused/ with its reason; the good ones are read; a report is known since its file came."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    now = pd.Timestamp.now(tz="UTC")
    seen = (now - pd.Timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (inbox / "crew.csv").write_text(f"time,latitude,longitude,observer\n{seen},30.5,-149.5,crew\n")
    (inbox / "bad.csv").write_text(f"time,latitude,longitude\n{seen},99,-149.5\n")
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-148.5, 30.2]},
               "properties": {"time": seen, "description": "nets"}}  # fmt: skip
    (inbox / "app.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (inbox / "line.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}]}))  # fmt: skip
    source = serviced("sightings_csv", tmp_path / "s", "intake_folder", pattern="*.csv", folder=str(inbox), settle_s=0)
    region = make_region()
    later = (now + pd.Timedelta(minutes=5)).isoformat()
    (outcome,), wanted = fetched(region, config, until=later, now=later, work=tmp_path, sightings=source)
    assert (outcome.outcome, outcome.new) == ("partial", 2)
    assert sorted(p.suffix for p in (inbox / "accepted").iterdir()) == [".csv", ".geojson"]
    reasons = "".join(p.read_text() for p in (inbox / "refused").glob("*.why.txt"))
    assert "position, line 2" in reasons
    assert "LineString" in reasons
    assert not [p for p in inbox.iterdir() if p.is_file()]
    table, _ = read_sightings(region, wanted.sightings, issue_time=later, history_h=36, work=tmp_path)
    assert set(table["description"]) == {"", "nets"}
    before = (now - pd.Timedelta(minutes=1)).isoformat()
    early, _ = read_sightings(region, wanted.sightings, issue_time=before, history_h=36, work=tmp_path)
    assert early.empty


# ---------------------------------------------------------------- all of them


def test_a_dead_source_does_not_stop_the_others_and_is_said_until_it_is_back(site, config, tmp_path) -> None:
    """Drifters down, currents up: both outcomes stand; the plan's sentence goes when the source comes back."""
    tabledap(site, *_buoys())
    region = make_region()
    url = _zarr(site, tmp_path, field(attrs={}))
    both = {"currents": serviced("gridded", tmp_path / "c", "zarr", pattern="*.nc", url=url),
            "drifters": _drifters(site, tmp_path / "d")}  # fmt: skip
    site.faults["tabledap"] = [500] * 99
    outcomes, wanted = fetched(region, config, work=tmp_path, **both)
    assert {o.role: o.outcome for o in outcomes} == {"currents": "complete", "drifters": "failed"}
    (sentence,) = fetch_trouble(region, wanted, until=ISSUE, work=tmp_path, config=config)
    assert sentence.startswith("Drifters (erddap) could not be fetched at 15 Jun 2026 05:40 UTC")
    site.faults.clear()
    fetched(region, config, now="2026-06-15T05:50Z", work=tmp_path, **both)
    assert not fetch_trouble(region, wanted, until=ISSUE, work=tmp_path, config=config)
    (late, _) = fetch_trouble(region, wanted, until="2026-06-18T06:00Z", work=tmp_path, config=config)
    assert "were not fetched in the 26 h before" in late


@pytest.mark.parametrize(
    "preset", sorted(p.stem for p in (Path(__file__).parents[2] / "config/services").glob("*.yaml"))
)
def test_every_preset_fits_its_service(preset: str, config_dir, tmp_path, monkeypatch) -> None:
    """Options are known to the service, and no secret stands in the file."""
    source = SourceSettings(kind="x", path=str(tmp_path), fetch=ServiceSettings(preset=preset))
    settings = with_preset(source, config_dir)
    assert service_of(settings.service)(source, settings, WebSettings(), None)


def test_the_copernicus_toolbox_is_asked_in_its_own_terms(currents, config, tmp_path, monkeypatch) -> None:
    """Our call fits the toolbox's signature, its answer is cut and written; the account stands in no file."""
    import inspect

    toolbox = pytest.importorskip("copernicusmarine")
    signature, asked = inspect.signature(toolbox.open_dataset), {}

    def answer(**given):
        asked.update(signature.bind(**given).arguments)
        return currents

    monkeypatch.setattr(toolbox, "open_dataset", answer)
    source = serviced("gridded", tmp_path / "c", "copernicus_marine", pattern="*.nc", dataset="cmems_x",
                     variables=["uo", "vo"])  # fmt: skip
    region = make_region()
    with pytest.raises(SettingsError, match="COPERNICUSMARINE_SERVICE_USERNAME"):
        fetched(region, config, work=tmp_path, currents=source)
    monkeypatch.setenv("COPERNICUSMARINE_SERVICE_USERNAME", "somebody")
    monkeypatch.setenv("COPERNICUSMARINE_SERVICE_PASSWORD", "hunter2")
    (outcome,), _ = fetched(region, config, work=tmp_path, currents=source)
    assert outcome.new == 1, outcome.sentences
    assert asked["minimum_longitude"] < -150
    assert asked["end_datetime"] >= "2026-06-17T06:00:00Z"
    monkeypatch.setattr(toolbox, "open_dataset", lambda **_: 1 / 0)
    (down,), _ = fetched(
        region, config, until="2026-06-16T06:00Z", now="2026-06-16T05:40Z", work=tmp_path, currents=source
    )
    assert down.outcome == "failed"
    written = "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.suffix in {".json", ".jsonl"})
    assert "hunter2" not in written + str(down)
