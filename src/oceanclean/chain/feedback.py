"""What people report back, brought into the label store, and labels brought into the layouts that training reads."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.learning.labels import Label, LabelStore, label_id, origin_of, read_annotations
from oceanclean.products import names
from oceanclean.products.files import load_grid, load_table
from oceanclean.products.names import BANDS, CLASS_ID
from oceanclean.products.scene import SceneRef
from oceanclean.settings import load_region_settings
from oceanclean.store import digest_file, read_json, write_aside, write_json

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Edge of an exported patch, pixels (MARIDA's).
PATCH = 256
_SIGHTING = {
    "time": ("time", "observed_at", "timestamp"), "lat": ("latitude", "lat"), "lon": ("longitude", "lon"),
    "verdict": ("verdict", "judged"), "observer": ("observer", "by", "reporter"), "class_name": ("class_name", "class"),
    "detection_id": ("detection_id",), "model": ("model",), "note": ("note", "why"),
}  # fmt: skip
_SIGHTING_OPTIONAL = ("observer", "class_name", "detection_id", "model", "note")


def read_feedback(
    path: Path, kind: str, *, region: str, by: str, added_at: str, licence: str = "", why: str = "",
    config: Path | None = None,
) -> tuple[list[Label], list[str]]:  # fmt: skip
    """Labels of a file of a kind.

    Args:
        path: ``catches``: the crews' CSV; ``sightings``: CSV with a column ``verdict`` (confirmed or false);
            ``labels``: GeoJSON of analysts.
        kind: one of :data:`READERS`.
        region: name.
        by: who hands it in; a row's own observer comes first.
        added_at: ISO 8601 UTC.
        licence: of the labels.
        why: reason, where labels replace earlier ones.
        config: configuration folder.

    Returns:
        The labels, and sentences on what was mended.

    Raises:
        InputError: unknown kind, or a file that cannot be read; names column and line.
    """
    if kind not in READERS:
        raise InputError("command line", "--kind", repr(kind), f"one of {', '.join(READERS)}", "Choose one of them.")
    if not path.is_file():
        raise InputError(path, "file", "no such file", f"a file of {kind}", "Check the path.")
    told = {"region": region, "by": by, "added_at": added_at, "licence": licence, "why": why}
    if kind == "labels":
        return read_annotations(path, **told), []
    zone = load_region_settings(region, config).timezone
    return (_catches if kind == "catches" else _sightings)(path, zone, told)


READERS = ("catches", "sightings", "labels")


def _catches(path: Path, zone: str, told: dict[str, str]) -> tuple[list[Label], list[str]]:
    from oceanclean.sources.catches import read_catches

    table, notes = read_catches([path], timezone=zone)
    origin = origin_of(path)
    found = [
        Label(
            h.catch_id, "catch", told["region"], _point(h.geometry.x, h.geometry.y), h.started_at.isoformat(),
            "marine_debris" if h.caught_kg > 0 else "", "", h.reported_by or told["by"], told["added_at"], origin,
            caught_kg=float(h.caught_kg), licence=told["licence"], why=told["why"],
        )
        for h in table.itertuples()
    ]  # fmt: skip
    return found, notes


def _sightings(path: Path, zone: str, told: dict[str, str]) -> tuple[list[Label], list[str]]:
    from oceanclean.sources import tables

    notes: list[str] = []
    raw = tables.read_csv(path, _SIGHTING, _SIGHTING_OPTIONAL, notes)
    times = tables.times(raw, "time", path, notes, zone)
    lat, lon = tables.places(raw, path)
    origin, found = origin_of(path), []
    for i, row in enumerate(raw.to_dict("records")):
        verdict = str(row["verdict"]).strip().lower()
        if verdict not in ("confirmed", "false"):
            raise InputError(path, f"verdict, line {i + 2}", repr(row["verdict"]), "confirmed or false", "Correct it.")
        where = (round(float(lat.iloc[i]), 4), round(float(lon.iloc[i]), 4), times.iloc[i].isoformat())
        found.append(Label(
            label_id("sighting", row.get("detection_id") or where), "sighting", told["region"],
            _point(float(lon.iloc[i]), float(lat.iloc[i])), times.iloc[i].isoformat(),
            str(row.get("class_name") or "marine_debris"), verdict, str(row.get("observer") or told["by"]),
            told["added_at"], origin, model=str(row.get("model") or ""), licence=told["licence"],
            why=str(row.get("note") or told["why"]),
        ))  # fmt: skip
    return found, notes


def _point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]}


@dataclass
class Export:
    """What was written for training.

    Attributes:
        folder: as ``oceanclean train`` reads it.
        used: labels or fixes written.
        said: what was left out, and why.
    """

    folder: Path
    used: int = 0
    said: list[str] = field(default_factory=list)


def export_segmenter(
    store: LabelStore, work: Path, folder: Path, version: int | None = None, region: str = ""
) -> Export:
    """Write analysts' labels as patches that ``oceanclean train segmenter`` reads, with their provenance.

    The scene of a label is found by its id among the scenes that past runs have looked at. A pixel that two labels of
    different classes claim, and a detection that was judged false without saying what it is, stay unlabelled.

    Args:
        store: the label store.
        work: folder of runs.
        folder: where ``patches/``, ``manifest.csv`` and ``provenance.json`` go; written whole or not at all.
        version: of the store; None is the newest.
        region: of one region only.

    Raises:
        MissingDataError: no label can be written.
    """
    result = Export(folder)
    labels = store.labels(version, region=region, kind="annotation")
    usable = [x for x in labels if x.class_name and not (x.verdict == "false" and x.class_name == "marine_debris")]
    if len(usable) < len(labels):
        result.said.append(f"{len(labels) - len(usable)} labels say what it is not, but not what it is: left out.")
    scenes = scenes_seen(work)
    by_scene: dict[str, list[Label]] = {}
    for label in usable:
        by_scene.setdefault(label.scene_id, []).append(label)
    with write_aside(folder) as aside:
        (aside / "patches").mkdir(parents=True)
        rows, used = [], []
        for scene_id, group in sorted(by_scene.items()):
            scene = scenes.get(scene_id)
            why = _unusable(scene)
            if scene is None or why:
                result.said.append(f"{len(group)} labels of scene {scene_id or '(none named)'}: {why}.")
                continue
            patches = list(_patches(scene, group, aside / "patches"))
            rows += [{"patch": name, "scene": scene_id} for name in patches]
            used += [(scene, x) for x in group] if patches else []
        if not rows:
            raise MissingDataError(store.log, "annotations", f"{len(labels)} labels, none of them on a scene at hand",
                                   "labels with the scene_id of a scene that a run has read",
                                   " ".join(result.said) or "Add labels first.")  # fmt: skip
        _manifest(aside / "manifest.csv", rows)
        write_json(aside / "provenance.json", _provenance(store, version, used))
    result.used = len(used)
    return result


def scenes_seen(work: Path) -> dict[str, SceneRef]:
    """Scenes that past runs have looked at, by id; the youngest run's record of each."""
    found = {}
    for path in sorted((work / "runs").glob("*/*/detect-*/segmentation.json")):
        scene = SceneRef.from_json(read_json(path)["scene"])
        found[scene.scene_id] = scene
    return found


def _unusable(scene: SceneRef | None) -> str:
    if scene is None:
        return "no run has looked at it"
    if not Path(scene.path).is_file():
        return f"{scene.path} is gone"
    if scene.sha256 and digest_file(Path(scene.path)) != scene.sha256:
        return f"{scene.path} is not the file that was looked at"
    if scene.missing_bands:
        return f"it lacks {', '.join(scene.missing_bands)}"
    return ""


def _patches(scene: SceneRef, labels: Sequence[Label], folder: Path) -> Iterator[str]:
    """Write the windows of a scene that hold labelled pixels; gives their names."""
    import rasterio
    from rasterio.windows import Window

    stem = "".join(c if c.isalnum() or c in "-." else "-" for c in scene.scene_id)
    with scene.open() as source:
        classes = _painted(source, labels)
        number = 0
        for row in range(0, source.height, PATCH):
            for column in range(0, source.width, PATCH):
                part = classes[row : row + PATCH, column : column + PATCH]
                if not part.any():
                    continue
                window = Window(column, row, part.shape[1], part.shape[0])
                values, valid = scene.read(source, window)
                place = {"crs": source.crs, "transform": source.window_transform(window), "width": part.shape[1],
                         "height": part.shape[0], "compress": "deflate"}  # fmt: skip
                name = f"{stem}_{number}"
                with rasterio.open(folder / f"S2_{name}.tif", "w", driver="GTiff", count=len(BANDS), dtype="float32",
                                   nodata=np.nan, **place) as out:  # fmt: skip
                    out.write(np.where(valid, values, np.nan).astype(np.float32))
                    out.descriptions = tuple(BANDS)
                with rasterio.open(folder / f"S2_{name}_cl.tif", "w", driver="GTiff", count=1, dtype="uint8",
                                   **place) as out:  # fmt: skip
                    out.write(np.where(valid, part, 0).astype(np.uint8), 1)
                number += 1
                yield name


def _painted(source: Any, labels: Sequence[Label]) -> NDArray[np.uint8]:
    """(y, x) classes on the scene's grid; pixels that labels of different classes claim are 0."""
    import geopandas as gpd
    from rasterio.features import rasterize

    shapes = gpd.GeoSeries([x.shape for x in labels], crs="EPSG:4326").to_crs(source.crs)
    found = np.zeros((source.height, source.width), np.uint8)
    disputed = np.zeros(found.shape, bool)
    for name in sorted({x.class_name for x in labels}):
        own = [s for s, x in zip(shapes, labels, strict=True) if x.class_name == name]
        mask = rasterize(own, out_shape=found.shape, transform=source.transform, default_value=1, dtype="uint8") == 1
        disputed |= mask & (found > 0)
        found[mask] = CLASS_ID[name]
    found[disputed] = 0
    return found


def _manifest(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["patch", "scene"])
        writer.writeheader()
        writer.writerows(rows)


def _provenance(store: LabelStore, version: int | None, used: Sequence[tuple[SceneRef, Label]]) -> dict[str, Any]:
    return {
        "store_version": store.version() if version is None else version,
        "labels": [{"label_id": x.label_id, "line": x.number, "class_name": x.class_name, "by": x.by,
                    "origin": x.origin, "model": x.model, "licence": x.licence} for _, x in used],
        "scenes": {s.scene_id: {"sha256": s.sha256, "radiometry": s.radiometry} for s, _ in used},
    }  # fmt: skip


#: Columns of an exported track beside time, lon, lat and drifter, and the forcing's variable of each.
_ALONG = {
    "u_forecast": names.EASTWARD_CURRENT, "v_forecast": names.NORTHWARD_CURRENT, "u_wind": names.EASTWARD_WIND,
    "v_wind": names.NORTHWARD_WIND, "u_stokes": names.EASTWARD_STOKES, "v_stokes": names.NORTHWARD_STOKES,
}  # fmt: skip


def export_forecaster(work: Path, region: str, folder: Path) -> Export:
    """Write the region's own drifters, with the forcing that runs used along them, as ``train forecaster`` reads them.

    Of a fix that several runs have read, the youngest run's forcing counts: nearest to an analysis.

    Raises:
        MissingDataError: no run holds a fix with forcing.
    """
    import pandas as pd

    parts, runs = [], {}
    for path in sorted((work / "runs" / region).glob("*/ingest/drifters.parquet")):
        table = _along(path)
        if len(table):
            parts.append(table)
            runs[path.parents[1].name] = digest_file(path)
    if not parts:
        raise MissingDataError(work / "runs" / region, "drifters", "no fix with forcing", "days planned with drifters",
                               "Plan days with a source of drifters first.")  # fmt: skip
    whole = pd.concat(parts).drop_duplicates(["drifter_id", "time"], keep="last").sort_values(["drifter_id", "time"])
    with write_aside(folder) as aside:
        aside.mkdir(parents=True)
        whole.assign(time=whole["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(aside / "tracks.csv", index=False)
        write_json(aside / "provenance.json", {"region": region, "runs": runs, "fixes": len(whole)})
    return Export(folder, len(whole))


def _along(path: Path) -> pd.DataFrame:
    """Good fixes of a run with its forcing interpolated to them; those outside it or on its land are left out."""
    import pandas as pd
    import xarray as xr

    drifters = load_table("Drifters", path)
    forcing = load_grid("Forcing", path.with_name("forcing.nc"))
    drifters = drifters[drifters["quality"] == 1]
    when = drifters["time"].dt.tz_localize(None).to_numpy()
    at = {"time": xr.DataArray(when, dims="fix"), "lat": xr.DataArray(drifters.geometry.y.to_numpy(), dims="fix"),
          "lon": xr.DataArray(drifters.geometry.x.to_numpy(), dims="fix")}  # fmt: skip
    columns = {c: forcing[v].interp(at).to_numpy() for c, v in _ALONG.items() if v in forcing}
    table = pd.DataFrame({
        "time": when, "lon": drifters.geometry.x.to_numpy(), "lat": drifters.geometry.y.to_numpy(),
        "drifter_id": drifters["drifter_id"].to_numpy(), "drogued": drifters["drogued"].to_numpy(), **columns,
    })  # fmt: skip
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return table.dropna(subset=list(columns))
