"""A model's life on daily runs: it shadows, is scored by what comes back, and is promoted or refused on figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import yaml

from oceanclean import chain
from oceanclean.chain import DailyRun
from oceanclean.chain.check_data import check_data
from oceanclean.chain.feedback import export_forecaster, export_segmenter, read_feedback
from oceanclean.chain.held_out import held_out_evidence
from oceanclean.chain.models import chosen
from oceanclean.chain.shadow import STAGE
from oceanclean.chain.trial import highest_probability, score_trial, separations
from oceanclean.chain.watch import watch, write_report
from oceanclean.errors import InputError, MissingDataError, RefusedError
from oceanclean.learning import load_learning_settings
from oceanclean.learning.labels import LabelStore
from oceanclean.learning.registry import Registry
from oceanclean.products.names import CLASS_ID
from oceanclean.store import read_json
from oceanclean.vision.zoo import SHIPPED
from tests.chain.conftest import Place, change_yaml

BY = {"by": "A. Analyst", "why": "another threshold", "time": "2026-07-01T00:00:00Z"}
TOLD = {"region": "cove", "by": "ana", "added_at": "2026-07-01T00:00:00Z"}


def run_of(place: Place) -> DailyRun:
    return DailyRun("cove", "2026-06-15T11:00:00Z", place.work, place.config)


def with_threshold(folder: Path, threshold: float) -> Path:
    """The model that ships under another threshold: another model, cheap to make."""
    folder.mkdir(parents=True)
    shutil.copy(SHIPPED, folder / "segmenter.keras")
    card = {**read_json(SHIPPED.with_suffix(".json")), "threshold": threshold, "trained_on": {"scenes": ["elsewhere"]}}
    (folder / "segmenter.json").write_text(json.dumps(card))
    return folder


def detections(run: DailyRun) -> gpd.GeoDataFrame:
    (folder,) = run.folder.root.glob("detect-*")
    return gpd.read_parquet(folder / "detections.parquet")


def detected_scene(run: DailyRun) -> dict:
    (path,) = run.folder.root.glob("detect-*/segmentation.json")
    return read_json(path)["scene"]


def catches(run: DailyRun, table: gpd.GeoDataFrame, kg: float) -> str:
    lines = ["started_at,lat,lon,vessel,caught_kg"]
    start = pd.Timestamp(detected_scene(run)["acquired"])
    for i, shape in enumerate(table.geometry):
        p, when = shape.representative_point(), start + pd.Timedelta(minutes=10 * i)
        lines.append(f"{when.isoformat()},{p.y:.6f},{p.x:.6f},manati,{kg}")
    return "\n".join(lines) + "\n"


def test_every_day_leaves_its_shadow_beside_the_plan(planned: Place) -> None:
    """Without a registry: where drifters are expected and what the inputs were like; the ledger says it went well."""
    run = run_of(planned)
    assert read_json(run.folder.root / "run.json")["shadow"]["outcome"] == "complete"
    expected = pd.read_parquet(run.folder.root / STAGE / "drifters.parquet")
    assert set(expected["arm"]) == {"champion"}
    assert set(expected["lead_h"]) >= {6, 12, 24}
    sketches = read_json(run.folder.root / STAGE / "inputs.json")
    assert {"reflectance B8", "forcing eastward_wind"} <= set(sketches)
    assert np.all(np.diff(sketches["reflectance B8"]["quantiles"]) >= 0)


def test_a_challenger_shadows_and_is_scored_by_hauls(continued: Place, tmp_path: Path) -> None:
    """Its detections stand beside, the plan is untouched; hauls score both; on a share of days its answer is used."""
    run = run_of(continued)
    plan = (run.folder.root / "publish" / "plan.json").read_bytes()
    Registry.of(continued.work).register("segmenter", with_threshold(tmp_path / "m", 0.995), **BY)
    chain.shadow(run)
    (beside,) = (run.folder.root / STAGE).glob("detect-*")
    assert read_json(beside / "segmentation.json")["threshold"] == 0.995
    assert (run.folder.root / "publish" / "plan.json").read_bytes() == plan
    assert score_trial(continued.work, "cove", "segmenter", continued.config).rows == []  # nothing came back yet
    debris = detections(run)
    debris = debris[debris["class_name"] == "marine_debris"].nlargest(5, "probability")
    folder = continued.work / "catches" / "cove"
    folder.mkdir(parents=True)
    (folder / "june.csv").write_text(catches(run, debris, 40.0))
    trial = score_trial(continued.work, "cove", "segmenter", continued.config)
    (row,) = trial.rows
    assert row["checks"] == len(debris)
    assert row["champion"] < 0.25  # debris was told where debris was caught
    assert row["gain"] <= 0  # a challenger that hardly calls anything debris cannot do better here
    assert "Too early" in trial.verdict.sentence
    with pytest.raises(RefusedError, match="stays challenger"):
        Registry.of(continued.work).promote("segmenter", trial.evidence(), **BY)
    change_yaml(continued.config / "models" / "learning.yaml", lambda c: c["shadow"].update(share=1.0))
    used = chosen(run, "segmenter")
    assert (used.arm, used.version) == ("challenger", 1)
    figures = {(f.name, f.of): f for f in watch(continued.work, "cove", continued.config).figures}
    assert figures["detection_brier", ""].value == pytest.approx(row["champion"])


def test_a_registry_that_was_changed_does_not_end_the_day(continued: Place, tmp_path: Path) -> None:
    """What ships is used and a sentence says why; an untouched one gives its champion."""
    run, registry = run_of(continued), Registry.of(continued.work)
    made = registry.register("segmenter", with_threshold(tmp_path / "m", 0.6), **BY)
    made.path.write_bytes(b"swapped")
    found = chosen(run, "segmenter")
    assert found.path is None
    assert "not the file that was registered" in found.said[0]
    file = str(with_threshold(tmp_path / "own", 0.7) / "segmenter.keras")
    change_yaml(continued.config / "models" / "segmenter.yaml", lambda c: c.update(model=file))
    assert (chosen(run, "segmenter").arm, str(chosen(run, "segmenter").path)) == ("settings", file)
    assert chosen(run, "forecaster").facts == {}


def labelled(run: DailyRun, path: Path) -> None:
    """Analysts' labels of every detection of debris: half of them confirmed, half of them foam."""
    table = detections(run)
    debris = table[table["class_name"] == "marine_debris"]
    border = float(debris["probability"].quantile(0.5))
    features = [
        {
            "type": "Feature", "geometry": row.geometry.__geo_interface__,
            "properties": {"class_name": "marine_debris" if row.probability >= border else "foam",
                           "observed_at": "2026-06-14T16:32:00Z", "scene_id": detected_scene(run)["scene_id"]},
        }
        for row in debris.itertuples()
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def surely_debris(patch: Path, labels: Path) -> float:
    """Label a patch so that a higher threshold is right: what the shipped model is least sure of is foam.

    Gives that threshold.
    """
    import rasterio

    from oceanclean.vision.data import Patch, read_image
    from oceanclean.vision.features import water_reference
    from oceanclean.vision.pixels import thin_sample
    from oceanclean.vision.zoo import load_segmenter

    image, shipped = read_image(Patch("a", "a", patch, labels)), load_segmenter(None)
    water = water_reference(thin_sample(image)).array()
    given = (image[None], water[None], np.ones((1, image.shape[-1]), np.float32))
    debris = np.asarray(shipped.model(given))[0, ..., CLASS_ID["marine_debris"] - 1]
    called = debris >= shipped.threshold
    assert called.sum() >= 2
    border = float(np.median(debris[called])) - 1e-6
    truth = np.where(called, np.where(debris >= border, CLASS_ID["marine_debris"], CLASS_ID["foam"]), 0)
    if not (truth == CLASS_ID["foam"]).any():
        truth[np.unravel_index(np.where(called, debris, 9).argmin(), truth.shape)] = CLASS_ID["foam"]
    with rasterio.open(labels, "r+") as out:
        out.write(truth.astype(np.uint8), 1)
    return border


def copies(exported: Path, folder: Path, scenes: int) -> tuple[Path, float]:
    """The fullest part of the export, 128 pixels wide, under the names of several scenes; and the right threshold."""
    import rasterio
    from rasterio.windows import Window

    found = []
    for path in (exported / "patches").glob("*_cl.tif"):
        with rasterio.open(path) as source:
            labels = source.read(1)
        for row in range(0, labels.shape[0] - 127, 64):
            for column in range(0, labels.shape[1] - 127, 64):
                count = int((labels[row : row + 128, column : column + 128] > 0).sum())
                found.append((count, str(path), Window(column, row, 128, 128)))
    _count, path, window = max(found, key=lambda f: f[:2])
    (folder / "patches").mkdir(parents=True)
    for ending in (".tif", "_cl.tif"):
        with rasterio.open(path.replace("_cl.tif", ending)) as source:
            profile = {**source.profile, "width": 128, "height": 128}
            values, names = source.read(window=window), source.descriptions
        with rasterio.open(folder / "patches" / f"S2_place0_0{ending}", "w", **profile) as out:
            out.write(values)
            out.descriptions = names
    first = folder / "patches" / "S2_place0_0.tif"
    border = surely_debris(first, first.with_name("S2_place0_0_cl.tif"))
    for i in range(1, scenes):
        for ending in (".tif", "_cl.tif"):
            shutil.copy(first.with_name(f"S2_place0_0{ending}"), first.with_name(f"S2_place{i}_0{ending}"))
    return folder, border


def test_labels_become_training_data_and_evidence(continued: Place, tmp_path: Path) -> None:
    """Added, exported in the layout that training reads, and a challenger wins, loses and is left undecided on them."""
    run, store, registry = run_of(continued), LabelStore.of(continued.work), Registry.of(continued.work)
    labelled(run, tmp_path / "labels.geojson")
    labels, _ = read_feedback(tmp_path / "labels.geojson", "labels", config=continued.config, **TOLD)
    store.add(labels)
    made = export_segmenter(store, continued.work, tmp_path / "export")
    assert made.used == len(labels)
    kept = read_json(tmp_path / "export" / "provenance.json")
    assert kept["store_version"] == len(labels)
    assert {x["by"] for x in kept["labels"]} == {"ana"}
    settings = load_learning_settings(continued.config)
    data, border = copies(tmp_path / "export", tmp_path / "data", 8)
    found = check_data("segmenter", [data], settings.monitoring)
    assert found.counts["scenes"] == 8
    assert not found.wrong
    challenger = registry.register("segmenter", with_threshold(tmp_path / "m", border), **BY)
    more = settings.model_copy(update={"bootstrap": settings.bootstrap.model_copy(update={"minimum_groups": 9})})
    assert "Too few groups" in held_out_evidence(challenger, None, [data], more).sentence
    won = held_out_evidence(challenger, None, [data], settings)
    assert won.wins, won.sentence
    registry.promote("segmenter", won, **BY)
    assert chosen(run, "segmenter").version == 1
    worse = registry.register("segmenter", with_threshold(tmp_path / "w", 0.999), **BY)
    assert not held_out_evidence(worse, registry.model("segmenter"), [data], settings).wins
    known = with_threshold(tmp_path / "k", 0.7)
    card = read_json(known / "segmenter.json")
    (known / "segmenter.json").write_text(
        json.dumps({**card, "trained_on": {"scenes": [f"place{i}" for i in range(8)]}})
    )
    leaky = registry.register("segmenter", known, **BY)
    with pytest.raises(MissingDataError, match="trained on"):
        held_out_evidence(leaky, None, [data], settings)


def test_own_drifters_become_training_data(planned: Place, tmp_path: Path) -> None:
    """What `train forecaster` reads: hourly fixes of the region with the forcing that runs used along them."""
    from oceanclean.drift.drifters import load_tracks
    from oceanclean.drift.paired import paired_separations
    from oceanclean.drift.settings import load_settings

    made = export_forecaster(planned.work, "cove", tmp_path / "tracks")
    tracks = load_tracks(tmp_path / "tracks")
    assert tracks.size > 0.8 * made.used
    assert np.isfinite(tracks.current).all()
    assert float(np.abs(tracks.wind).mean()) > 0.5
    watched = load_learning_settings(planned.config).monitoring
    found = check_data("forecaster", [tmp_path / "tracks"], watched)
    assert not found.wrong
    assert check_data("forecaster", [tmp_path / "tracks"], watched, found.sketches).changed == {}
    gale = {"wind speed": {"n": 1, "quantiles": [v + 12 for v in found.sketches["wind speed"]["quantiles"]]}}
    assert set(check_data("forecaster", [tmp_path / "tracks"], watched, gale).changed) == {"wind speed"}
    pair = paired_separations(tmp_path / "tracks", [None, None], 6, load_settings(planned.config))
    assert np.array_equal(pair.distance[0], pair.distance[1])
    assert pair.distance.mean() > 0


def test_reports_of_crews_are_read_and_refused_by_line(planned: Place, tmp_path: Path) -> None:
    run = run_of(planned)
    path = tmp_path / "hauls.csv"
    path.write_text(catches(run, detections(run).head(3), 12.0))
    labels, _ = read_feedback(path, "catches", config=planned.config, **TOLD)
    assert {x.caught_kg for x in labels} == {12.0}
    path.write_text("time,lat,lon,verdict,observer\n2026-06-15T12:00Z,16.0,-87.2,confirmed,skip\n"
                    "2026-06-15T13:00Z,16.1,-87.2,False,\n")  # fmt: skip
    labels, _ = read_feedback(path, "sightings", config=planned.config, **TOLD)
    assert [(x.verdict, x.by) for x in labels] == [("confirmed", "skip"), ("false", "ana")]
    path.write_text("time,lat,lon,verdict\n2026-06-15T12:00Z,16.0,-87.2,perhaps\n")
    with pytest.raises(InputError, match="line 2"):
        read_feedback(path, "sightings", config=planned.config, **TOLD)


def test_drifters_are_compared_where_they_were() -> None:
    """Between fixes by interpolation, across the date line, and not at all where the gap is wide."""
    t0 = pd.Timestamp("2026-06-15T00:00Z")
    fixes = pd.DataFrame({"drifter_id": "d", "time": [t0, t0 + pd.Timedelta(hours=2), t0 + pd.Timedelta(hours=20)],
                          "lon": [179.99, -179.99, -179.5], "lat": [0.0, 0.0, 0.0]})  # fmt: skip
    expected = pd.DataFrame({"drifter_id": ["d", "d", "x"], "time": [t0 + pd.Timedelta(hours=h) for h in (1, 10, 1)],
                             "lon": [180.0, 180.0, 0.0], "lat": [0.1, 0.0, 0.0], "arm": "champion"})  # fmt: skip
    found = separations(expected, fixes)
    assert list(found.index) == [0]
    assert found["separation_km"].iloc[0] == pytest.approx(11.06, abs=0.02)  # a tenth of a degree of latitude


def test_only_debris_within_reach_answers_a_haul() -> None:
    from shapely import Point

    table = gpd.GeoDataFrame({"class_name": ["marine_debris", "ship", "marine_debris"], "probability": [0.6, 0.9, 0.8]},
                             geometry=[Point(0, 0), Point(0, 0), Point(0.1, 0)], crs="EPSG:4326")  # fmt: skip
    assert highest_probability(table, 0.01, 0.0, 3.0) == 0.6
    assert highest_probability(table, 0.01, 0.0, 20.0) == 0.8
    assert highest_probability(table, 5.0, 0.0, 3.0) == 0.0


def test_a_region_is_watched_and_a_change_of_input_is_seen(continued: Place) -> None:
    """Age, time and memory of the day; a reference after enough days; a scaled band raises the alarm and the page."""
    run = run_of(continued)
    change_yaml(continued.config / "models" / "learning.yaml", lambda c: c["monitoring"].update(reference_days=1))
    report = watch(continued.work, "cove", continued.config)
    figures = {(f.name, f.of): f for f in report.figures}
    assert figures["age_hours", "satellite image"].value == pytest.approx(18.5, abs=0.6)
    assert figures["peak_mib", ""].value > 100
    assert figures["run_seconds", ""].value > 1
    later = run.folder.root.with_name("2026-06-16T1100Z")
    shutil.copytree(run.folder.root, later)
    ledger = read_json(later / "run.json")
    (later / "run.json").write_text(json.dumps({**ledger, "issue_time": "2026-06-16T11:00:00Z"}))
    same = {(f.name, f.of): f for f in watch(continued.work, "cove", continued.config).figures}
    assert same["input_psi", "reflectance B8"].value == pytest.approx(0, abs=0.01)
    sketches = read_json(later / STAGE / "inputs.json")
    brighter = [v * 1.8 for v in sketches["reflectance B8"]["quantiles"]]
    sketches["reflectance B8"] = {"n": 1, "quantiles": brighter}
    (later / STAGE / "inputs.json").write_text(json.dumps(sketches))
    report = watch(continued.work, "cove", continued.config)
    figures = {(f.name, f.of): f for f in report.figures}
    assert figures["input_psi", "reflectance B8"].state == "alarm"
    assert figures["input_psi", "reflectance B4"].state == "ok"
    files = write_report(report, continued.work / "out")
    text = files["metrics.prom"].read_text()
    assert 'oceanclean_input_psi{of="reflectance B8",region="cove"}' in text
    assert 'oceanclean_state{figure="input_psi",of="reflectance B8",region="cove"} 3.0' in text
    page = files["index.html"].read_text()
    assert 'class="alarm">alarm' in page
    assert "http://" not in page
    assert "https://" not in page


def test_settings_of_learning_are_checked(planned: Place, tmp_path: Path) -> None:
    content = yaml.safe_load((planned.config / "models" / "learning.yaml").read_text())
    (tmp_path / "models").mkdir()
    content["shadow"]["score_lead_h"] = 7
    (tmp_path / "models" / "learning.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="score_lead_h 7"):
        load_learning_settings(tmp_path)
