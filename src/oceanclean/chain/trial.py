"""Champion and challenger on the days that both looked at, scored by what came back: catches, labels, drifters' fixes.

One pair a day: hauls of one day, and drifters in one weather, are alike. A haul (or a confirmed or false sighting)
asks each arm for its highest debris probability nearby and scores it by Brier (1950); a drifter asks each arm how far
from its true place it was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.chain.models import SHADOWED, Chosen, candidates
from oceanclean.chain.run import DailyRun
from oceanclean.chain.shadow import STAGE, identity
from oceanclean.errors import InputError
from oceanclean.learning import LearningSettings, load_learning_settings
from oceanclean.learning.gates import Evidence
from oceanclean.learning.labels import LabelStore
from oceanclean.learning.sequential import Verdict, sequential_test
from oceanclean.products.files import load_table
from oceanclean.region import metres_per_degree
from oceanclean.store import RECORD, read_json

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_LOSS = {"segmenter": ("Brier score of hauls and sightings", "1"), "forecaster": ("separation of drifters", "km")}
#: Fixes of a drifter further apart than this say nothing of the way between, hours.
_GAP_H = 3.0
#: What counts as debris when a haul asks.
_DEBRIS = "marine_debris"


@dataclass(frozen=True)
class Trial:
    """What the days so far say of the two models.

    Attributes:
        kind: of the models.
        rows: one a day: ``issue_time``, ``champion`` and ``challenger`` (mean loss), ``gain``, ``checks``.
        verdict: of the sequential test.
    """

    kind: str
    rows: list[dict[str, Any]]
    verdict: Verdict

    def evidence(self) -> Evidence:
        """The trial as evidence for a promotion."""
        metric, unit = _LOSS[self.kind]
        old, new = (float(np.mean([r[arm] for r in self.rows])) if self.rows else np.nan for arm in _ARMS)
        v = self.verdict
        rests_on = f"{v.pairs} shadowed days, sequential test"
        return Evidence(f"{metric}, {unit}", old, new, v.mean, v.low, v.high, v.pairs, rests_on,
                        v.decision == "challenger", v.sentence)  # fmt: skip


_ARMS = ("champion", "challenger")


def score_trial(work: Path, region: str, kind: str, config: Path | None = None) -> Trial:
    """Score the present champion and challenger on a region's past days.

    Only days on which these two models were the arms count; a day that nothing came back from is left out.

    Args:
        work: folder of runs.
        region: name.
        kind: ``segmenter`` or ``forecaster``.
        config: configuration folder.

    Raises:
        InputError: a kind that is not shadowed, or no challenger on trial.
    """
    if kind not in SHADOWED:
        raise InputError("command line", "kind", repr(kind), f"one of {SHADOWED}", "Only these shadow daily runs.")
    settings = load_learning_settings(config)
    run = DailyRun(region, "2000-01-01T00:00:00Z", work, config)
    arms = candidates(run, kind)
    if "challenger" not in arms:
        raise InputError(work / "models", "challenger", f"no {kind} on trial", "a registered challenger",
                         f"Register one: oceanclean models register {kind} PATH.")  # fmt: skip
    wanted = {arm: _digest_of(kind, model) for arm, model in arms.items()}
    days = shadowed_days(work, region, kind, wanted)
    scorer = _detections if kind == "segmenter" else _drifters
    rows = [row for row in scorer(days, run, settings) if row["checks"]]
    verdict = sequential_test([r["gain"] for r in rows], settings.sequential, _LOSS[kind][1])
    return Trial(kind, rows, verdict)


def _digest_of(kind: str, model: Chosen) -> str:
    return identity(model) if kind == "segmenter" else model.digest


def shadowed_days(work: Path, region: str, kind: str, arms: Mapping[str, str] | None = None) -> list[Path]:
    """Folders of runs with a finished shadow, oldest first; of given arms only, where they are given."""
    found = []
    for record in sorted((work / "runs" / region).glob(f"*/{STAGE}/{RECORD}")):
        had = read_json(record)["facts"].get("arms", {}).get(kind)
        if had is not None and (arms is None or had == dict(arms)):
            found.append(record.parents[1])
    return found


def checks_of(run: DailyRun, settings: LearningSettings) -> pd.DataFrame:
    """Where somebody looked and what was there: ``time``, ``lon``, ``lat``, ``present``; hauls and judged sightings."""
    import pandas as pd

    from oceanclean.chain.outcome import catch_files
    from oceanclean.sources.catches import read_catches

    hauls, _notes = read_catches(catch_files(run), timezone=run.region.settings.timezone)
    rows = [
        (h.started_at, h.geometry.x, h.geometry.y, h.caught_kg >= settings.shadow.presence_kg)
        for h in hauls.itertuples()
    ]
    told = {h.catch_id for h in hauls.itertuples()}
    for label in LabelStore.of(run.work).labels(region=run.region_name):
        if label.kind == "catch" and label.caught_kg is not None and label.label_id not in told:
            point, enough = label.shape, label.caught_kg >= settings.shadow.presence_kg
            rows.append((pd.Timestamp(label.observed_at), point.x, point.y, enough))
        if label.kind == "sighting" and label.verdict in ("confirmed", "false"):
            point = label.shape.representative_point()
            rows.append((pd.Timestamp(label.observed_at), point.x, point.y, label.verdict == "confirmed"))
    table = pd.DataFrame(rows, columns=["time", "lon", "lat", "present"])
    return table.assign(time=pd.to_datetime(table["time"], utc=True))


def _detections(days: Iterable[Path], run: DailyRun, settings: LearningSettings) -> Iterable[dict[str, Any]]:
    checks = checks_of(run, settings)
    for day in days:
        losses: list[tuple[float, float]] = []
        for folder in sorted(day.glob("detect-*")):
            if not (day / STAGE / folder.name / "segmentation.json").is_file():
                continue
            beside, used = day / STAGE / folder.name, read_json(folder / "segmentation.json")
            by_arm = {
                read_json(folder / RECORD)["facts"].get("arm", "champion"): folder,
                read_json(beside / "segmentation.json")["arm"]: beside,
            }
            if set(by_arm) != set(_ARMS):
                continue  # planned anew since, with the other arm
            tables = [load_table("Detections", by_arm[arm] / "detections.parquet") for arm in _ARMS]
            losses += [_brier_pair(c, tables, settings) for c in _seen(checks, folder, used["scene"], settings)]
        yield _row(day, losses)


def _row(day: Path, losses: list[tuple[float, float]]) -> dict[str, Any]:
    old, new = (float(v) for v in np.mean(losses, axis=0)) if losses else (np.nan, np.nan)
    return {"issue_time": day.name, "champion": old, "challenger": new, "gain": old - new, "checks": len(losses)}


def _seen(checks: pd.DataFrame, folder: Path, scene: Mapping[str, Any], settings: LearningSettings) -> list[Any]:
    """Checks within hours after the pass, at places that the scene observed."""
    import pandas as pd
    import rasterio
    from rasterio.warp import transform

    from oceanclean.products.names import Gate

    passed = pd.Timestamp(scene["acquired"])
    late = checks["time"] - passed
    near = checks[(late >= pd.Timedelta(0)) & (late <= pd.Timedelta(hours=settings.shadow.haul_hours))]
    if not len(near):
        return []
    with rasterio.open(folder / "segmentation.tif") as raster:
        x, y = transform("EPSG:4326", raster.crs, near["lon"].tolist(), near["lat"].tolist())
        gates = [v[0] for v in raster.sample(zip(x, y, strict=True), indexes=[3])]
        inside = [raster.bounds.left <= a < raster.bounds.right and raster.bounds.bottom < b <= raster.bounds.top
                  for a, b in zip(x, y, strict=True)]  # fmt: skip
    kept = [i and g == Gate.OBSERVED for i, g in zip(inside, gates, strict=True)]
    return list(near[kept].itertuples())


def highest_probability(detections: gpd.GeoDataFrame, lon: float, lat: float, radius_km: float) -> float:
    """Highest debris probability detected within a distance of a place; 0 where nothing was.

    Args:
        detections: ``Detections``.
        lon: degrees east.
        lat: degrees north.
        radius_km: distance on the local plane, which is exact to a part in a thousand over a few kilometres.
    """
    debris = detections[detections["class_name"] == _DEBRIS]
    if not len(debris):
        return 0.0
    east, north = metres_per_degree(lat)
    middle = debris.geometry.representative_point()
    away = np.hypot((middle.x - lon) * float(east), (middle.y - lat) * float(north)) / 1000
    near = debris["probability"].to_numpy()[np.asarray(away) <= radius_km]
    return float(near.max()) if near.size else 0.0


def _told(check: Any, table: gpd.GeoDataFrame, settings: LearningSettings) -> float:
    """Debris probability that a table tells for the place of a check, within the floor."""
    floor = settings.shadow.probability_floor
    told = highest_probability(table, check.lon, check.lat, settings.shadow.haul_radius_km)
    return float(np.clip(told, floor, 1 - floor))


def _brier_pair(check: Any, tables: list[gpd.GeoDataFrame], settings: LearningSettings) -> tuple[float, float]:
    old, new = ((_told(check, t, settings) - float(check.present)) ** 2 for t in tables)
    return old, new


def brier_losses(folder: Path, checks: pd.DataFrame, settings: LearningSettings) -> list[tuple[float, float]]:
    """Told probability and what was there (0 or 1), of each check that a scene's detections can answer.

    Args:
        folder: of a finished ``detect-<scene>`` stage.
        checks: see :func:`checks_of`.
        settings: radius, hours, floor.
    """
    if not (folder / "segmentation.json").is_file():
        return []
    seen = _seen(checks, folder, read_json(folder / "segmentation.json")["scene"], settings)
    if not seen:
        return []
    table = load_table("Detections", folder / "detections.parquet")
    return [(_told(c, table, settings), float(c.present)) for c in seen]


def _drifters(days: Iterable[Path], run: DailyRun, settings: LearningSettings) -> Iterable[dict[str, Any]]:
    import pandas as pd

    days = list(days)
    fixes = all_fixes(run)
    for day in days:
        table = pd.read_parquet(day / STAGE / "drifters.parquet")
        away = separations(table[table["lead_h"] == settings.shadow.score_lead_h], fixes)
        wide = away.pivot_table(index="drifter_id", columns="arm", values="separation_km")
        pairs = wide[list(_ARMS)].dropna() if set(_ARMS) <= set(wide.columns) else wide.iloc[:0]
        yield _row(day, [tuple(v) for v in pairs.to_numpy()] if len(pairs) else [])


def all_fixes(run: DailyRun) -> pd.DataFrame:
    """Every good fix that any run of the region has read, once: ``drifter_id``, ``time``, ``lon``, ``lat``."""
    import pandas as pd

    parts = []
    for path in sorted((run.work / "runs" / run.region_name).glob("*/ingest/drifters.parquet")):
        table = load_table("Drifters", path)
        table = table[table["quality"] == 1]
        parts.append(pd.DataFrame({"drifter_id": table["drifter_id"], "time": table["time"],
                                   "lon": table.geometry.x, "lat": table.geometry.y}))  # fmt: skip
    columns = ["drifter_id", "time", "lon", "lat"]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return whole.drop_duplicates(["drifter_id", "time"], keep="last").sort_values(["drifter_id", "time"])


def separations(expected: pd.DataFrame, fixes: pd.DataFrame) -> pd.DataFrame:
    """The expected places with ``separation_km`` from the true ones; rows without a fix near in time are left out."""
    import pandas as pd

    rows = []
    tracks = dict(iter(fixes.groupby("drifter_id")))
    columns = (expected[c] for c in ("drifter_id", "time", "lon", "lat"))
    for index, name, when, lon, lat in zip(expected.index, *columns, strict=True):
        track = tracks.get(name)
        place = _at(track, pd.Timestamp(when)) if track is not None else None
        if place is None:
            continue
        east, north = metres_per_degree(place[1])
        dx = ((float(lon) - place[0] + 180) % 360 - 180) * float(east)
        rows.append((index, float(np.hypot(dx, (float(lat) - place[1]) * float(north))) / 1000))
    found = pd.Series(dict(rows), name="separation_km", dtype=float)
    return expected.loc[found.index].assign(separation_km=found)


def _at(track: pd.DataFrame, when: datetime) -> tuple[float, float] | None:
    """Place on a track at a time, between fixes that are near enough to each other."""
    import pandas as pd

    times = track["time"]
    after = int(times.searchsorted(pd.Timestamp(when)))
    if after < len(times) and times.iloc[after] == when:
        return float(track["lon"].iloc[after]), float(track["lat"].iloc[after])
    if after == 0 or after == len(times):
        return None
    gap = (times.iloc[after] - times.iloc[after - 1]) / pd.Timedelta(hours=1)
    if gap > _GAP_H:
        return None
    share = (when - times.iloc[after - 1]) / (times.iloc[after] - times.iloc[after - 1])
    lon, lat = (track[c].to_numpy(float)[after - 1 : after + 1] for c in ("lon", "lat"))
    turn = (lon[1] - lon[0] + 180) % 360 - 180
    return float(lon[0] + share * turn), float(lat[0] + share * (lat[1] - lat[0]))
